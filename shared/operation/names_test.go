package operation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

const (
	groupA, groupB = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
	filterID       = "ffffffff-0000-4000-8000-000000000003"
)

// assigned is a tenant with a policy that refers to two groups, one of which is
// gone, to a filter and to a scope tag.
func assigned(permissions []string) graphsim.TenantSpec {
	object := func(collection, text string) graphsim.Object {
		return graphsim.Object{Collection: collection, JSON: json.RawMessage(text)}
	}
	return graphsim.TenantSpec{
		Apps: []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: permissions}},
		Objects: []graphsim.Object{
			object("groups", `{"id":"`+groupA+`","displayName":"It's <Paris>","groupTypes":["DynamicMembership"],"membershipRule":"(device.x)"}`),
			object("deviceManagement/assignmentFilters", `{"id":"`+filterID+`","displayName":"Kiosks","platform":"windows10AndLater","rule":"(device.model -eq \"x\")"}`),
			object("deviceManagement/roleScopeTags", `{"id":"7","displayName":"Lyon"}`),
			object("deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"Assigned","roleScopeTagIds":["0","7"],"assignments":[
				{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"`+groupA+`","deviceAndAppManagementAssignmentFilterId":"`+filterID+`","deviceAndAppManagementAssignmentFilterType":"include"}},
				{"target":{"@odata.type":"#microsoft.graph.exclusionGroupAssignmentTarget","groupId":"`+groupB+`"}}]}`),
		},
	}
}

var withFoundations = map[string][]string{"types": {"device-configuration", "assignment-filter", "role-scope-tag"}}

// What a policy refers to is stored with its name, so that a person can read it
// and a restore elsewhere can find it; what does not exist is said not to.
func TestReferencesAreNamed(t *testing.T) {
	b := newBed(t, assigned(allRead()))
	if r, _ := b.do(start.Request{Operation: run.OpInventorySync, Input: withFoundations}); r.Status != run.StatusSucceeded {
		t.Fatalf("sync ended %s", r.Status)
	}
	p := b.policy("Assigned")
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Code != "" {
		t.Fatalf("ended %s, %+v", r.Status, o)
	}
	var got map[string]map[string]struct {
		Name           string
		Missing        bool
		GroupTypes     []string
		MembershipRule string
	}
	if err := json.Unmarshal(b.payload(p, 1)["references"], &got); err != nil {
		t.Fatal(err)
	}
	a := got["group-lookup"][groupA]
	if a.Name != "It's <Paris>" || a.Missing || !slices.Equal(a.GroupTypes, []string{"DynamicMembership"}) || a.MembershipRule != "(device.x)" {
		t.Errorf("group: %+v", a)
	}
	if gone := got["group-lookup"][groupB]; gone.Name != "" || !gone.Missing {
		t.Errorf("group that is gone: %+v", gone)
	}
	if got["assignment-filter"][filterID].Name != "Kiosks" || got["role-scope-tag"]["7"].Name != "Lyon" {
		t.Errorf("filter and tag: %+v", got)
	}
	if _, named := got["role-scope-tag"]["0"]; named {
		t.Error("the default tag, which every tenant has, is looked up")
	}
}

// A renamed group is no change of the policies that name it.
func TestRenamedGroupIsNoChange(t *testing.T) {
	b := newBed(t, assigned(allRead()))
	b.mustSync()
	p := b.policy("Assigned")
	b.capture(p)
	if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: "groups", JSON: json.RawMessage(`{"id":"` + groupA + `","displayName":"Lyon"}`)}); err != nil {
		t.Fatal(err)
	}
	if _, o := b.capture(p); o.Version != 1 || o.Code != "unchanged" {
		t.Errorf("%+v", o)
	}
}

// Groups are asked for once, however many policies name them, and again when what
// is remembered is old.
func TestNamesAreRemembered(t *testing.T) {
	b := newBed(t, assigned(allRead()))
	b.mustSync()
	p := b.policy("Assigned")
	asked := func() (n int) {
		for _, e := range b.sim.Log(graphsim.LogFilter{}).Entries {
			if e.Method == http.MethodGet && strings.HasSuffix(e.Path, "/groups") {
				n++
			}
		}
		return n
	}
	b.capture(p)
	b.capture(p)
	if asked() != 1 {
		t.Errorf("asked %d times for the same groups", asked())
	}
	b.now = b.now.Add(time.Hour)
	if b.capture(p); asked() != 2 {
		t.Errorf("asked %d times, want a second time after an hour", asked())
	}
}

// Without the permission to read groups everything else is captured, and the
// version says what it lacks and which permission would give it.
func TestUnreadableNames(t *testing.T) {
	b := newBed(t, assigned(slices.DeleteFunc(allRead(), func(p string) bool { return p == graphsim.PermGroupMemberRead })))
	b.mustSync()
	p := b.policy("Assigned")
	r, o := b.capture(p)
	v, err := b.store.Version(t.Context(), tenantID, p.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != run.StatusSucceeded || !v.Complete || o.Code != "names_unreadable" || o.Params["permission"] != graphsim.PermGroupMemberRead {
		t.Errorf("ended %s, complete %t, %+v", r.Status, v.Complete, o)
	}
	// It is not remembered that a name could not be read.
	if err := b.sim.SetApp(graphID, graphsim.App{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: allRead()}); err != nil {
		t.Fatal(err)
	}
	if _, o := b.capture(p); o.Version != 2 || o.Code != "" {
		t.Errorf("after the permission was granted: %+v", o)
	}
	if _, o := b.capture(p); o.Version != 2 || o.Code != "unchanged" {
		t.Errorf("the same again: %+v", o)
	}
}

// to is a tenant with a policy that is assigned to n groups, of which those below
// there exist.
func to(n, there int) graphsim.TenantSpec {
	spec := assigned(allRead())
	var assignments []string
	for i := range n {
		id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i)
		assignments = append(assignments, string(graphsim.GroupAssignment(id)))
		if i < there {
			spec.Objects = append(spec.Objects, put("groups", fmt.Sprintf(`{"id":"%s","displayName":"Group %d"}`, id, i)))
		}
	}
	spec.Objects = append(spec.Objects, put(profiles, `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"To many","assignments":[`+strings.Join(assignments, ",")+`]}`))
	return spec
}

type groupNames map[string]struct {
	Name    string
	Missing bool
}

func (b *bed) groupNames(p run.Policy, number int) groupNames {
	b.t.Helper()
	var got map[string]groupNames
	if raw := b.payload(p, number)["references"]; raw != nil {
		if err := json.Unmarshal(raw, &got); err != nil {
			b.t.Fatal(err)
		}
	}
	return got["group-lookup"]
}

// Groups are asked for fifteen at a time, which is what the service takes, and are
// found whatever the case of their ids.
func TestManyGroups(t *testing.T) {
	b := newBed(t, to(31, 29))
	b.mustSync()
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, list: func(path string, items []json.RawMessage) []json.RawMessage {
			for i := 0; path == "groups" && i < len(items); i++ {
				raw := items[i]
				items[i] = json.RawMessage(strings.Replace(string(raw), "aaaaaaaa", "AAAAAAAA", 1))
			}
			return items
		}}
	}
	p := b.policy("To many")
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Code != "" || b.reads("/groups") != 3 {
		t.Fatalf("ended %s, %+v, asked %d times", r.Status, o, b.reads("/groups"))
	}
	named, missing := 0, 0
	for _, g := range b.groupNames(p, 1) {
		if g.Name != "" {
			named++
		}
		if g.Missing {
			missing++
		}
	}
	if named != 29 || missing != 2 {
		t.Errorf("%d named, %d missing", named, missing)
	}
}

// No policy makes the capture ask without end.
func TestMoreReferencesThanAreNamed(t *testing.T) {
	b := newBed(t, to(1_100, 0))
	b.mustSync()
	p := b.policy("To many")
	r, _ := b.capture(p)
	if r.Status != run.StatusSucceeded || len(b.groupNames(p, 1)) != 1_000 || b.reads("/groups") != 67 {
		t.Errorf("ended %s, %d named, asked %d times", r.Status, len(b.groupNames(p, 1)), b.reads("/groups"))
	}
}

// A group that was not read is not said to be missing, and the next capture asks
// again.
func TestUnreadGroupsAreNotMissing(t *testing.T) {
	for name, arrange := range map[string]func(*bed){
		"an answer that is no group": func(b *bed) {
			b.through = func(r operation.Reader) operation.Reader {
				return editedReader{Reader: r, list: func(path string, items []json.RawMessage) []json.RawMessage {
					if path == "groups" {
						items = append([]json.RawMessage{json.RawMessage(`{"id":7}`)}, items...)
					}
					return items
				}}
			}
		},
		"refused":  func(b *bed) { b.fault(graphsim.Fault{Path: "/groups$", Status: 403}) },
		"one of 3": func(b *bed) { b.fault(graphsim.Fault{Path: "/groups$", Status: 400, Skip: 1, Count: 1}) },
		"a circle": func(b *bed) { b.fault(graphsim.Fault{Path: "/groups$", Action: graphsim.FaultNextLinkLoop}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, to(31, 31))
			b.mustSync()
			p := b.policy("To many")
			arrange(b)
			r, o := b.capture(p)
			if r.Status != run.StatusSucceeded || o.Code != "names_unreadable" || !b.version(p, 1).Complete {
				t.Errorf("ended %s, %+v", r.Status, o)
			}
			for id, g := range b.groupNames(p, 1) {
				if g.Missing {
					t.Errorf("%s is said to be missing", id)
				}
			}
			b.through = nil
			b.sim.ClearFaults()
			if _, o := b.capture(p); o.Version != 2 || o.Code != "" {
				t.Errorf("with answers again: %+v", o)
			}
			for id, g := range b.groupNames(p, 2) {
				if g.Missing || g.Name == "" {
					t.Errorf("%s: %+v", id, g)
				}
			}
		})
	}
}

// A limit on the names is waited out as any other.
func TestLimitOnNames(t *testing.T) {
	b := newBed(t, assigned(allRead()))
	b.mustSync()
	p := b.policy("Assigned")
	b.fault(graphsim.Fault{Path: "/groups$", Status: 429, RetryAfter: "77", Count: 1})
	b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
	b.deliver()
	if len(b.queue.sent) != 1 || b.queue.sent[0].delay != 77*time.Second {
		t.Fatalf("continuation %+v", b.queue.sent)
	}
	b.nothingStored(p)
	b.drain()
	if b.groupNames(p, 1)[groupA].Name == "" {
		t.Error("no name")
	}
}

// What the inventory knows of as gone is said to be missing; what it does not
// know of has no name yet, and gets it once a sync has seen it.
func TestNamesOfTheInventory(t *testing.T) {
	const filters = "deviceManagement/assignmentFilters"
	b := newBed(t, assigned(allRead()))
	b.mustSync()
	p := b.policy("Assigned")
	filter := func(number int) (name string, missing, known bool) {
		var got map[string]groupNames
		if err := json.Unmarshal(b.payload(p, number)["references"], &got); err != nil {
			t.Fatal(err)
		}
		r, known := got["assignment-filter"][filterID]
		return r.Name, r.Missing, known
	}
	b.capture(p)
	if name, missing, _ := filter(1); name != "" || missing {
		t.Errorf("before a sync: %q, missing %t", name, missing)
	}
	b.do(start.Request{Operation: run.OpInventorySync, Input: withFoundations})
	if err := b.sim.DeleteObject(graphID, filters, filterID); err != nil {
		t.Fatal(err)
	}
	b.do(start.Request{Operation: run.OpInventorySync, Input: withFoundations})
	if err := b.sim.Touch(graphID, profiles, p.GraphID); err != nil {
		t.Fatal(err)
	}
	if _, o := b.capture(b.policy(p.Name)); o.Version != 2 {
		t.Fatalf("%+v", o)
	}
	if name, missing, known := filter(2); name != "Kiosks" || !missing || !known {
		t.Errorf("after it was deleted: %q, missing %t, %t", name, missing, known)
	}
}
