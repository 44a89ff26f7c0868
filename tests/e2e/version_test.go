package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// rich is a policy of 60 settings with everything that a careless copy loses:
// integers beyond 2⁵³, digits that mean the same, nulls, unknown properties,
// characters that HTML escapes.
func rich(name string) object {
	o := settingsCatalog(name, 60)
	o["unknownToUs"] = json.RawMessage(`{"large":9007199254740993,"huge":123456789012345678901234567890,"exact":1.10,"tiny":1E-7,"nothing":null,"html":"<a href='x'>&amp;</a>","text":"Zürich  \"quoted\" \\ 日本"}`)
	settings, _ := o["settings"].([]object)
	settings[40]["added"] = json.RawMessage(`[1.0,1e3,-0.0,18446744073709551615,null,{"a":{},"b":[]}]`)
	return o
}

// exact decodes JSON with every digit kept.
func exact(t *testing.T, raw []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, raw)
	}
	return v
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	// encoding/json writes maps with sorted keys and numbers with their own digits.
	return bytes.Equal(must(json.Marshal(exact(t, a)))(t), must(json.Marshal(exact(t, b)))(t))
}

// A captured version is the whole policy, with all its settings beyond the first
// page and every digit as Microsoft sent it.
func TestVersionIsThePolicyWhole(t *testing.T) {
	x := newTenant(t, rich("Rich"))
	x.done(t, x.start(t, inventorySync))
	p := x.policyNamed(t, "Rich")
	simulate(t, http.MethodPut, "/v1/tenants/"+x.graphID+"/objects/configurationPolicies/"+p.GraphID+"/assignments", []object{
		{"target": object{"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}},
		{"target": object{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "11111111-2222-4333-8444-555555555555"}},
	}, nil)
	x.done(t, x.captureOf(t, p))

	var v version
	get(t, viewer, x.path("/policies/"+p.ID+"/versions/1")).want(t, http.StatusOK).into(t, &v)
	if !v.Complete || v.Number != 1 || v.ContentHash == "" {
		t.Errorf("version is %d, complete %v, hash %q", v.Number, v.Complete, v.ContentHash)
	}
	var content struct {
		Object                json.RawMessage
		Settings, Assignments []json.RawMessage
	}
	if err := json.Unmarshal(v.Content, &content); err != nil {
		t.Fatal(err)
	}
	graph := x.reader(t)
	path := "deviceManagement/configurationPolicies/" + p.GraphID
	settings, pages := graph.list(t, path+"/settings")
	if len(settings) != 60 || pages < 3 {
		t.Fatalf("Graph has %d settings on %d pages: the test proves nothing", len(settings), pages)
	}
	assignments, _ := graph.list(t, path+"/assignments")
	if len(content.Settings) != len(settings) || len(content.Assignments) != 2 || len(assignments) != 2 {
		t.Fatalf("%d of %d settings and %d of %d assignments were captured", len(content.Settings), len(settings), len(content.Assignments), len(assignments))
	}
	for i := range settings {
		if !equalJSON(t, content.Settings[i], settings[i]) {
			t.Errorf("setting %d is %s, Graph has %s", i, content.Settings[i], settings[i])
		}
	}
	for i := range assignments {
		if !equalJSON(t, content.Assignments[i], assignments[i]) {
			t.Errorf("assignment %d is %s, Graph has %s", i, content.Assignments[i], assignments[i])
		}
	}
	live := graph.get(t, path)
	if !equalJSON(t, content.Object, live) {
		t.Errorf("the object is %s, Graph has %s", content.Object, live)
	}
	for _, digits := range []string{"9007199254740993", "123456789012345678901234567890", "1.10", "1E-7", "18446744073709551615", "-0.0"} {
		if !bytes.Contains(v.Content, []byte(digits)) {
			t.Errorf("the digits %s are not in the answer", digits)
		}
	}
	// In the archive it is byte for byte what Graph sent.
	payloads := archived(t, x.id)
	if len(payloads) != 1 {
		t.Fatalf("the archive holds %d payloads of the tenant, want 1", len(payloads))
	}
	for _, payload := range payloads {
		for i, part := range append(slices.Clone(settings), bytes.TrimSpace(live)) {
			if !bytes.Contains(payload, part) {
				t.Errorf("part %d is not in the archive byte for byte: %s", i, part)
			}
		}
		if v.Size != int64(len(payload)) {
			t.Errorf("the version says %d bytes, the archive has %d", v.Size, len(payload))
		}
	}
}

// Unchanged content makes no new version and says so; a change makes the next.
func TestOnlyChangesMakeVersions(t *testing.T) {
	x := newTenant(t, settingsCatalog("A", 30), deviceConfiguration("B"), compliance("C"))
	x.done(t, x.start(t, inventorySync))
	for _, name := range []string{"A", "B", "C"} {
		p := x.policyNamed(t, name)
		collection := map[string]string{
			"settings-catalog-policy": "configurationPolicies", "device-configuration": "deviceConfigurations",
			"device-compliance-policy": "deviceCompliancePolicies",
		}[p.Type]
		captured := func() (item, []version) {
			items := x.items(t, x.done(t, x.captureOf(t, p)))
			if len(items) != 1 {
				t.Fatalf("%s: the capture has %d items", p.Name, len(items))
			}
			return items[0], x.versions(t, p)
		}
		first, versions := captured()
		if first.Version != 1 || first.Code != "" || len(versions) != 1 {
			t.Errorf("%s: first capture is %+v with %d versions", p.Name, first, len(versions))
		}
		second, versions := captured()
		if second.Version != 1 || second.Code != "unchanged" || second.Sentence == "" || len(versions) != 1 {
			t.Errorf("%s: capture of unchanged content is %+v with %d versions", p.Name, second, len(versions))
		}
		simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects/"+collection+"/"+p.GraphID+"/touch", nil, nil)
		third, versions := captured()
		if third.Version != 2 || third.Code != "" || len(versions) != 2 || versions[0].Number != 2 || versions[0].ContentHash == versions[1].ContentHash {
			t.Errorf("%s: capture after a change is %+v with the versions %+v", p.Name, third, versions)
		}
		for n := 1; n <= 2; n++ {
			get(t, viewer, x.path("/policies/"+p.ID+"/versions/"+strconv.Itoa(n))).want(t, http.StatusOK)
		}
		get(t, viewer, x.path("/policies/"+p.ID+"/versions/3")).want(t, http.StatusNotFound)
		if now := x.policyNamed(t, p.Name); now.LatestVersion != 2 {
			t.Errorf("%s: the inventory says version %d", p.Name, now.LatestVersion)
		}
	}
}

// A sync tells what is new, changed, gone and back; gone policies keep their
// versions, and a list that was not read to its end makes nothing gone.
func TestSyncTellsWhatChanged(t *testing.T) {
	stays, goes := settingsCatalog("Stays", 2), deviceConfiguration("Goes")
	x := newTenant(t, stays, goes, compliance("Changes"))
	// Of all types, as people start it.
	sync := func() runView {
		t.Helper()
		r := x.done(t, x.startWith(t, inventorySync, nil))
		x.consistent(t, r)
		return r
	}
	totals := func(r runView, added, changed, gone, policies int) {
		t.Helper()
		if r.Totals["added"] != added || r.Totals["changed"] != changed || r.Totals["gone"] != gone || r.Totals["policies"] != policies {
			t.Errorf("the sync says %v, want %d added, %d changed, %d gone of %d", r.Totals, added, changed, gone, policies)
		}
	}
	state := func(name, state, change string, r runView) policy {
		t.Helper()
		p := x.policyNamed(t, name)
		if p.State != state || p.LastChange != change || p.LastRunID != r.ID {
			t.Errorf("%s is %s, %s by %s; want %s, %s by %s", name, p.State, p.LastChange, p.LastRunID, state, change, r.ID)
		}
		return p
	}
	objects := "/v1/tenants/" + x.graphID + "/objects"

	first := sync()
	const others = 1 // the tenant-wide device settings, which every tenant has
	totals(first, 3+others, 0, 0, 3+others)
	gone := state("Goes", "present", "new", first)
	changing := state("Changes", "present", "new", first)
	x.done(t, x.captureOf(t, gone))
	totals(sync(), 0, 0, 0, 3+others)
	state("Stays", "present", "new", first)

	simulate(t, http.MethodDelete, objects+"/deviceConfigurations/"+gone.GraphID, nil, nil)
	simulate(t, http.MethodPost, objects+"/deviceCompliancePolicies/"+changing.GraphID+"/touch", nil, nil)
	simulate(t, http.MethodPost, objects, object{"collection": "deviceConfigurations", "object": deviceConfiguration("Added")}, nil)
	second := sync()
	totals(second, 1, 1, 1, 3+others)
	if p := state("Goes", "vanished", "vanished", second); p.VanishedAt == nil || p.LatestVersion != 1 {
		t.Errorf("the gone policy is %+v", p)
	}
	state("Changes", "present", "changed", second)
	state("Added", "present", "new", second)
	state("Stays", "present", "new", first)
	get(t, viewer, x.path("/policies/"+gone.ID+"/versions/1")).want(t, http.StatusOK)
	if only := list[policy](t, viewer, x.path("/policies?state=vanished")); len(only) != 1 || only[0].ID != gone.ID {
		t.Errorf("the gone policies are %v", only)
	}
	// Capturing what is gone fails and says so.
	failed := x.ended(t, x.captureOf(t, gone))
	if failed.Status != "failed" || failed.Failure == nil || failed.Failure.Code != "not_found_in_tenant" || failed.Failure.Next == "" {
		t.Errorf("the capture of a gone policy is %v %+v", failed, failed.Failure)
	}

	simulate(t, http.MethodPost, objects, object{"collection": "deviceConfigurations", "object": goes}, nil)
	third := sync()
	state("Goes", "present", "returned", third)

	// Nothing is gone because a list broke off.
	lift := x.fault(t, object{"kind": "read", "path": "/deviceConfigurations$", "status": 403, "code": "Forbidden"})
	partial := x.ended(t, x.start(t, inventorySync))
	if partial.Status != "partial" {
		t.Errorf("a sync with a refused type is %v, want partial", partial)
	}
	x.consistent(t, partial)
	state("Goes", "present", "returned", third)
	lift()
	for _, p := range x.policies(t) {
		if !strings.HasPrefix(p.ID, "pol_") || p.State != "present" {
			t.Errorf("%+v after all were back", p)
		}
	}
}

// A part that cannot be read is named, and the rest is kept as an incomplete
// version that a later capture completes.
func TestUnreadablePartIsNamedAndTheRestKept(t *testing.T) {
	x := newTenant(t, settingsCatalog("Half", 30))
	x.done(t, x.start(t, inventorySync))
	p := x.policyNamed(t, "Half")
	lift := x.fault(t, object{"kind": "read", "path": "/settings$", "status": 400})
	r := x.ended(t, x.captureOf(t, p))
	items := x.items(t, r)
	if r.Status != "partial" || len(items) != 1 || items[0].Code != "unreadable_part" || items[0].Sentence == "" || items[0].Next == "" {
		t.Fatalf("the capture is %v with %+v, want partial with unreadable_part", r, items)
	}
	if v := x.versions(t, p); len(v) != 1 || v[0].Complete || len(v[0].Notes) != 1 {
		t.Errorf("the versions are %+v, want one that is incomplete and says why", v)
	}
	lift()
	x.done(t, x.captureOf(t, p))
	if v := x.versions(t, p); len(v) != 2 || !v[0].Complete {
		t.Errorf("the versions are %+v, want a complete second", v)
	}
}

// Anyone who signed in reads what each policy type is and what of it can be
// restored, in the order in which people see them.
func TestPolicyTypesAreListedForAnyoneSignedIn(t *testing.T) {
	as(t, "", http.MethodGet, "/v1/policy-types", nil).want(t, http.StatusUnauthorized)
	for _, user := range []string{viewer, owner, outsider, stranger, platform} {
		type policyType struct {
			ID, Title, Family, Collection string
			Restorability                 struct{ Level, Reason string }
			ReadPermissions               []string
		}
		var ids []string
		var all struct{ Items []policyType }
		get(t, user, "/v1/policy-types").want(t, http.StatusOK).into(t, &all)
		for _, of := range all.Items {
			ids = append(ids, of.ID)
			if of.Title == "" || of.Family == "" || of.Collection == "" || len(of.ReadPermissions) == 0 {
				t.Errorf("%s says too little of %+v", user, of)
			}
			if level := of.Restorability.Level; level != "full" && (level != "preview_only" && level != "capture_only" || of.Restorability.Reason == "") {
				t.Errorf("%s can be restored %q, and it is not said why: %q", of.ID, level, of.Restorability.Reason)
			}
		}
		if !slices.Equal(ids, catalog.IDs()) {
			t.Errorf("%s is answered the types %v, want %v", user, ids, catalog.IDs())
		}
	}
}

// A version says what of it can be written back: what its type allows, less what
// the capture could not read.
func TestVersionSaysWhatCanBeRestored(t *testing.T) {
	x := newTenant(t, settingsCatalog("Whole", 3), settingsCatalog("Settings", 3), settingsCatalog("Assignments", 3))
	x.done(t, x.start(t, inventorySync))
	for _, c := range []struct {
		policy, part, level string
		assignments         bool
	}{
		{"Whole", "", "full", true},
		{"Settings", "/settings$", "preview_only", true},
		{"Assignments", "/assignments$", "full", false},
	} {
		p := x.policyNamed(t, c.policy)
		if c.part != "" {
			x.fault(t, object{"kind": "read", "path": p.GraphID + c.part, "status": 400})
		}
		x.ended(t, x.captureOf(t, p))
		listed := x.versions(t, p)
		if len(listed) != 1 {
			t.Fatalf("%s: %d versions", c.policy, len(listed))
		}
		var single version
		get(t, viewer, x.path("/policies/"+p.ID+"/versions/1")).want(t, http.StatusOK).into(t, &single)
		for _, v := range []version{listed[0], single} {
			report := v.Restorability
			if report.Level != c.level || report.Assignments != c.assignments || (len(report.Missing) == 0) != (c.part == "") {
				t.Errorf("%s can be restored %+v, want %s, with assignments %v", c.policy, report, c.level, c.assignments)
			}
			if c.level != "full" && !slices.Contains(report.Missing, report.Reason) {
				t.Errorf("%s is only %s for the reason %q, which is not among what it lacks: %q", c.policy, c.level, report.Reason, report.Missing)
			}
		}
	}
}
