package operation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

const (
	profiles = "deviceManagement/deviceConfigurations"
	apps     = "deviceAppManagement/mobileApps"
	tokens   = "deviceManagement/depOnboardingSettings"
)

func put(collection, text string) graphsim.Object {
	return graphsim.Object{Collection: collection, JSON: json.RawMessage(text)}
}

// recorded are the syncs of a tenant's types by their ids.
func (b *bed) recorded() map[string]run.TypeSync {
	b.t.Helper()
	all, err := b.store.TypeSyncs(b.t.Context(), tenantID)
	if err != nil {
		b.t.Fatal(err)
	}
	found := map[string]run.TypeSync{}
	for _, s := range all {
		found[s.Type] = s
	}
	return found
}

// policies are those of the inventory by name.
func (b *bed) policies() map[string]run.Policy {
	b.t.Helper()
	all, err := b.store.AllPolicies(b.t.Context(), tenantID)
	if err != nil {
		b.t.Fatal(err)
	}
	found := map[string]run.Policy{}
	for _, p := range all {
		found[p.Name] = p
	}
	return found
}

// gone are the names of the policies that are marked as gone, sorted.
func (b *bed) gone() []string {
	var names []string
	for name, p := range b.policies() {
		if p.VanishedAt != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Objects of a kind that the catalogue does not know are left out, counted and
// said; the others of their collection are in the inventory.
func TestUnknownKindsAreCounted(t *testing.T) {
	var objects []graphsim.Object
	for i := range 25 {
		objects = append(objects, put(apps, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.webApp","displayName":"App %02d","publisher":"P","appUrl":"https://contoso.example"}`, i)))
	}
	b := newBed(t, graphsim.TenantSpec{Objects: objects})
	b.syncTypes(catalog.TypeApp)
	unknown := func(number string) func(operation.Reader) operation.Reader {
		return func(r operation.Reader) operation.Reader {
			return editedReader{Reader: r, list: func(_ string, items []json.RawMessage) []json.RawMessage {
				for i, raw := range items {
					if strings.Contains(string(raw), `"App `+number) {
						items[i] = json.RawMessage(strings.Replace(string(raw), "webApp", "brandNewApp", 1))
					}
				}
				return items
			}}
		}
	}
	b.through = unknown("03")
	r, outcomes := b.syncTypes(catalog.TypeApp)
	o := outcomes[0]
	if r.Status != run.StatusSucceeded || o.Code != "objects_unsupported" || r.Totals["unsupported"] != 1 || r.Totals["policies"] != 24 || r.Totals["gone"] != 0 {
		t.Errorf("ended %s, item %s, %v", r.Status, o.Code, r.Totals)
	}
	// It exists, so it is not gone, whatever it has become.
	if gone := b.gone(); len(gone) != 0 {
		t.Errorf("marked as gone: %v", gone)
	}
	b.through = unknown("")
	if r, outcomes := b.syncTypes(catalog.TypeApp); outcomes[0].Code != "objects_unsupported" || r.Totals["unsupported"] != 25 || r.Totals["policies"] != 0 || len(b.gone()) != 0 {
		t.Errorf("none is known: %s, %v", outcomes[0].Code, r.Totals)
	}
	b.through = nil
	if r, outcomes := b.syncTypes(catalog.TypeApp); outcomes[0].Code != "" || r.Totals["unsupported"] != 0 || r.Totals["policies"] != 25 || r.Totals["changed"] != 0 {
		t.Errorf("all are known: %s, %v", outcomes[0].Code, r.Totals)
	}
}

// One list serves all types of a collection, and each of them says of itself when
// it was listed and how many there are.
func TestTypesOfOneCollection(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{
		put(profiles, `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"General A"}`),
		put(profiles, `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"General B"}`),
		put(profiles, `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"Custom","omaSettings":[]}`),
	}})
	r, outcomes := b.syncTypes("device-configuration-custom-oma")
	if r.Status != run.StatusSucceeded || len(outcomes) != 1 || r.Totals["policies"] != 3 || b.reads(profiles) != 1 {
		t.Errorf("ended %s, %d items, %v, listed %d times", r.Status, len(outcomes), r.Totals, b.reads(profiles))
	}
	src, _ := catalog.SourceByKey("device-configuration")
	found := b.recorded()
	if len(src.Types) < 2 || len(found) != len(src.Types) {
		t.Errorf("%d of %d types are recorded", len(found), len(src.Types))
	}
	for _, of := range src.Types {
		want := map[string]int{"device-configuration": 2, "device-configuration-custom-oma": 1}[of.ID]
		if s := found[of.ID]; s.Policies != want || s.RunID != r.ID || !s.SyncedAt.Equal(r.CreatedAt) {
			t.Errorf("%s: %+v, want %d", of.ID, s, want)
		}
	}
}

// An object that becomes one of another type of its collection is the same policy
// with the same history, and counts for its new type.
func TestPolicyThatMovesBetweenTypes(t *testing.T) {
	const id = "5a7e0c1d-0000-4000-8000-0000000000b1"
	object := func(kind, name string) graphsim.Object {
		return put(profiles, `{"@odata.type":"#microsoft.graph.`+kind+`","id":"`+id+`","displayName":"`+name+`"}`)
	}
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{object("windows10GeneralConfiguration", "Moves")}})
	b.mustSync()
	before := b.policy("Moves")
	b.capture(before)
	if err := b.sim.DeleteObject(graphID, profiles, id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.PutObject(graphID, object("windows10CustomConfiguration", "Moved")); err != nil {
		t.Fatal(err)
	}
	r, _ := b.sync()
	p := b.policy("Moved")
	if p.ID != before.ID || p.Type != "device-configuration-custom-oma" || p.LatestVersion != 1 || p.FirstSeenAt != before.FirstSeenAt || p.VanishedAt != nil {
		t.Errorf("%+v", p)
	}
	if r.Totals["added"] != 0 || r.Totals["changed"] != 1 || r.Totals["gone"] != 0 {
		t.Errorf("%v", r.Totals)
	}
	if s := b.recorded(); s["device-configuration"].Policies != 0 || s["device-configuration-custom-oma"].Policies != 1 {
		t.Errorf("%+v", s)
	}
	if _, o := b.capture(p); o.Version != 2 || b.version(p, 2).PolicyType != "device-configuration-custom-oma" || b.version(p, 1).PolicyType != "device-configuration" {
		t.Errorf("%+v", o)
	}
}

// A release that tells a type apart from another one moves the policies of it with
// the next sync. Nothing changed in the tenant, and nothing is said to have.
func TestPolicyOfATypeThatIsTakenApart(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{put(profiles, `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"Custom","omaSettings":[]}`)}})
	b.mustSync()
	old := b.policy("Custom")
	old.Type, old.Platform = "device-configuration", "as it was"
	if _, err := b.store.PutPolicy(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	r, _ := b.sync()
	p := b.policy("Custom")
	if p.Type != "device-configuration-custom-oma" || p.Platform != "windows10" || p.ID != old.ID || !p.ChangedAt.Equal(old.ChangedAt) || p.LastRunID != old.LastRunID {
		t.Errorf("%+v", p)
	}
	if r.Totals["added"]+r.Totals["changed"]+r.Totals["gone"] != 0 {
		t.Errorf("%v", r.Totals)
	}
	b.sync()
	if again := b.policy("Custom"); again.Rev != p.Rev {
		t.Error("a sync of an unchanged tenant writes the record")
	}
}

// What the service makes for itself is no policy: not listed, not counted, and no
// kind that is not known.
func TestHiddenObjects(t *testing.T) {
	const collection = "deviceManagement/deviceEnrollmentConfigurations"
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{
		put(collection, `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"Limit","limit":3}`),
		put(collection, `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"Aggregate","limit":3}`),
	}})
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, list: func(_ string, items []json.RawMessage) []json.RawMessage {
			for i, raw := range items {
				if strings.Contains(string(raw), "Aggregate") {
					items[i] = json.RawMessage(`{"@odata.type":"#microsoft.graph.ofNoKind","id":"x_PlatformRestrictions"}`)
				}
			}
			return items
		}}
	}
	r, outcomes := b.syncTypes("enrollment-limit")
	if r.Totals["policies"] != 1 || r.Totals["unsupported"] != 0 || outcomes[0].Code != "" || len(b.policies()) != 1 {
		t.Errorf("%v, %s, %v", r.Totals, outcomes[0].Code, b.policies())
	}
}

// What a tenant has once has no id and no name of its own, and is a policy as any
// other.
func TestSingleton(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{})
	r, _ := b.syncTypes("device-management-settings")
	p := b.policy("Tenant-wide device settings")
	if r.Status != run.StatusSucceeded || r.Totals["added"] != 1 || p.GraphID != catalog.SingletonID {
		t.Fatalf("ended %s, %v, %+v", r.Status, r.Totals, p)
	}
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Version != 1 {
		t.Errorf("ended %s, %+v", r.Status, o)
	}
	if r, _ := b.syncTypes("device-management-settings"); r.Totals["policies"] != 1 || r.Totals["added"]+r.Totals["changed"]+r.Totals["gone"] != 0 {
		t.Errorf("again: %v", r.Totals)
	}
	b.fault(graphsim.Fault{Path: "/deviceManagement/settings$", Status: 403})
	if r, outcomes := b.syncTypes("device-management-settings"); r.Status != run.StatusFailed || outcomes[0].Code == "" || len(b.gone()) != 0 {
		t.Errorf("refused: ended %s, %s, gone %v", r.Status, outcomes[0].Code, b.gone())
	}
}

// token is an Apple token with profiles.
func token(n int, names ...string) graphsim.Object {
	id := tokenID(n)
	var list []string
	for i, name := range names {
		list = append(list, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","id":"%s_%d","displayName":"%s"}`, id, i, name))
	}
	return put(tokens, fmt.Sprintf(`{"id":"%s","tokenName":"Token %d","enrollmentProfiles":[%s]}`, id, n, strings.Join(list, ",")))
}

func tokenID(n int) string { return fmt.Sprintf("5a7e0c1d-0000-4000-8000-0000000000c%d", n) }

// Objects below others are found below each of them, and are read by both ids.
func TestObjectsBelowOthers(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{token(1, "A", "B"), token(2), token(3, "C")}})
	r, _ := b.syncTypes("dep-enrollment-profile")
	if r.Status != run.StatusSucceeded || r.Totals["policies"] != 3 {
		t.Fatalf("ended %s, %v", r.Status, r.Totals)
	}
	p := b.policy("C")
	if p.GraphID != tokenID(3)+"/"+tokenID(3)+"_0" {
		t.Errorf("%+v", p)
	}
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || !strings.Contains(string(b.payload(p, 1)["token"]), "Token 3") {
		t.Errorf("ended %s, %+v", r.Status, o)
	}
}

// As long as one of the lists is not whole, the parents' or one of a parent,
// nothing below any of them is gone, and no sync is recorded.
func TestListBelowOthersThatIsCut(t *testing.T) {
	list := func(change func(items []json.RawMessage) []json.RawMessage) func(operation.Reader) operation.Reader {
		return func(r operation.Reader) operation.Reader {
			return editedReader{Reader: r, list: func(path string, items []json.RawMessage) []json.RawMessage {
				if path == tokens {
					items = change(items)
				}
				return items
			}}
		}
	}
	for name, tc := range map[string]struct {
		fault   *graphsim.Fault
		through func(operation.Reader) operation.Reader
	}{
		"parents go round":       {fault: &graphsim.Fault{Path: "/depOnboardingSettings$", Action: graphsim.FaultNextLinkLoop}},
		"parents are refused":    {fault: &graphsim.Fault{Path: "/depOnboardingSettings$", Status: 400}},
		"one list goes round":    {fault: &graphsim.Fault{Path: tokenID(3) + "/enrollmentProfiles$", Action: graphsim.FaultNextLinkLoop}},
		"one parent has gone":    {fault: &graphsim.Fault{Path: tokenID(3) + "/enrollmentProfiles$", Status: 404}},
		"a parent without an id": {through: list(func(items []json.RawMessage) []json.RawMessage { return append(items, json.RawMessage(`{}`)) })},
		"a parent that is none":  {through: list(func(items []json.RawMessage) []json.RawMessage { return append(items, json.RawMessage(`7`)) })},
		"an id without end": {through: list(func(items []json.RawMessage) []json.RawMessage {
			return append(items, json.RawMessage(`{"id":"`+strings.Repeat("x", 257)+`"}`))
		})},
		"parents without end": {through: list(func(items []json.RawMessage) []json.RawMessage {
			for range 1_000 { // whose lists all come
				items = append(items, items[len(items)-1])
			}
			return items
		})},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{token(1, "A", "B"), token(3, "C")}})
			first, _ := b.syncTypes("dep-enrollment-profile")
			if err := b.sim.DeleteObject(graphID, tokens, tokenID(1)); err != nil {
				t.Fatal(err)
			}
			b.through = tc.through
			if tc.fault != nil {
				b.fault(*tc.fault)
			}
			r, outcomes := b.syncTypes("dep-enrollment-profile")
			if r.Status != run.StatusFailed || outcomes[0].Code != "inventory_incomplete" || outcomes[0].Failure.Params["type"] == "" {
				t.Errorf("ended %s, %+v", r.Status, outcomes[0])
			}
			if gone, s := b.gone(), b.recorded()["dep-enrollment-profile"]; len(gone) != 0 || s.RunID != first.ID {
				t.Errorf("marked as gone: %v, recorded %+v", gone, s)
			}
			// With all lists whole, what was below the removed one is gone.
			b.through = nil
			b.sim.ClearFaults()
			if r, _ := b.syncTypes("dep-enrollment-profile"); r.Totals["gone"] != 2 || !slices.Equal(b.gone(), []string{"A", "B"}) {
				t.Errorf("whole again: %v, gone %v", r.Totals, b.gone())
			}
		})
	}
}

// A list that holds what no list holds is not believed at all.
func TestListThatIsNotBelieved(t *testing.T) {
	for name, extra := range map[string]func() []json.RawMessage{
		"no id":      func() []json.RawMessage { return []json.RawMessage{json.RawMessage(`{"displayName":"A"}`)} },
		"no object":  func() []json.RawMessage { return []json.RawMessage{json.RawMessage(`[1]`)} },
		"an id of 7": func() []json.RawMessage { return []json.RawMessage{json.RawMessage(`{"id":7}`)} },
		"an id without end": func() []json.RawMessage {
			return []json.RawMessage{json.RawMessage(`{"id":"` + strings.Repeat("x", 257) + `"}`)}
		},
		"more than a tenant can have": func() (items []json.RawMessage) {
			for i := range 50_001 {
				items = append(items, json.RawMessage(fmt.Sprintf(`{"@odata.type":"#microsoft.graph.brandNewApp","id":"%d"}`, i)))
			}
			return items
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{put(apps, `{"@odata.type":"#microsoft.graph.webApp","displayName":"App","publisher":"P","appUrl":"https://contoso.example"}`)}})
			first, _ := b.syncTypes(catalog.TypeApp)
			b.through = func(r operation.Reader) operation.Reader {
				return editedReader{Reader: r, list: func(string, []json.RawMessage) []json.RawMessage { return extra() }}
			}
			r, outcomes := b.syncTypes(catalog.TypeApp)
			if r.Status != run.StatusFailed || outcomes[0].Code != "inventory_incomplete" || len(b.gone()) != 0 || len(b.policies()) != 1 || b.recorded()[catalog.TypeApp].RunID != first.ID {
				t.Errorf("ended %s, %+v, gone %v", r.Status, outcomes[0], b.gone())
			}
		})
	}
}

// The first that a list lacks are looked for one by one, and no more of them than
// a sync has time for. One that cannot be looked for decides nothing.
func TestVanishedAreLookedFor(t *testing.T) {
	var objects []graphsim.Object
	for i := range 25 {
		objects = append(objects, put(profiles, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","id":"5a7e0c1d-0000-4000-8000-0000000000%02d","displayName":"P%02d"}`, i, i)))
	}
	b := newBed(t, graphsim.TenantSpec{Objects: objects})
	b.mustSync()
	all := b.policies()
	for _, p := range all {
		if err := b.sim.DeleteObject(graphID, profiles, p.GraphID); err != nil {
			t.Fatal(err)
		}
	}
	asked := func() (n int) {
		for _, p := range all {
			n += b.reads(profiles + "/" + p.GraphID)
		}
		return n
	}
	fault := b.fault(graphsim.Fault{Path: `/deviceConfigurations/[^/]+$`, Status: 403, Skip: 3})
	if r, _ := b.sync(); r.Status == run.StatusSucceeded || len(b.gone()) != 0 {
		t.Errorf("refused: ended %s, gone %v", r.Status, b.gone())
	}
	b.sim.RemoveFault(fault)
	before := asked()
	if r, _ := b.sync(); r.Totals["gone"] != 25 || len(b.gone()) != 25 || asked()-before != 20 {
		t.Errorf("%v, %d gone, asked for %d", r.Totals, len(b.gone()), asked()-before)
	}
	// What is gone is not looked for again.
	before = asked()
	if r, _ := b.sync(); r.Totals["gone"] != 0 || asked() != before {
		t.Errorf("again: %v, asked for %d", r.Totals, asked()-before)
	}
}

// An object without a name goes by its id.
func TestObjectWithoutAName(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{put(apps, `{"@odata.type":"#microsoft.graph.webApp","id":"5a7e0c1d-0000-4000-8000-0000000000e1","displayName":"App","publisher":"P","appUrl":"https://contoso.example"}`)}})
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, list: func(_ string, items []json.RawMessage) []json.RawMessage {
			items[0] = without(t, items[0], func(o map[string]json.RawMessage) { o["displayName"] = json.RawMessage(`null`) })
			return items
		}}
	}
	b.syncTypes(catalog.TypeApp)
	p := b.policy("5a7e0c1d")
	// A capture finds no name either and keeps the one there is.
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, get: func(_ string, raw json.RawMessage) json.RawMessage {
			return without(t, raw, func(o map[string]json.RawMessage) { delete(o, "displayName") })
		}}
	}
	if b.capture(p); b.version(p, 1).PolicyName != p.GraphID {
		t.Errorf("%q", b.version(p, 1).PolicyName)
	}
}
