package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenantatlas/tests/tenantstate"
)

// put puts an object into the simulated tenant, or changes it, as somebody else
// would.
func (x *tenant) put(t testing.TB, collection string, o, secrets object) {
	t.Helper()
	simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects", object{"collection": collection, "object": o, "secrets": secrets}, nil)
}

func (x *tenant) removeOutside(t testing.TB, collection, id string) {
	t.Helper()
	simulate(t, http.MethodDelete, "/v1/tenants/"+x.graphID+"/objects/"+collection+"/"+id, nil, nil)
}

func (x *tenant) touch(t testing.TB, collection, id string) {
	t.Helper()
	simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects/"+collection+"/"+id+"/touch", nil, nil)
}

// wireless is a custom profile with an encrypted value.
func wireless(name, id, reference string) object {
	return object{
		"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "id": id, "displayName": name, "version": 1,
		"createdDateTime": "2025-01-01T00:00:00Z", "lastModifiedDateTime": "2025-01-02T00:00:00Z",
		"omaSettings": []object{{
			"@odata.type": "#microsoft.graph.omaSettingString", "displayName": "Profile", "omaUri": "./Vendor/MSFT/WiFi/Profile/C/WlanXml",
			"secretReferenceValueId": reference, "isEncrypted": true, "value": "****",
		}},
	}
}

// blocking is a compliance policy as the service has them: with what happens to
// devices that do not comply.
func blocking(name string) object {
	o := compliance(name)
	o["scheduledActionsForRule"] = []object{{
		"id": uuid.NewString(), "ruleName": "PasswordRequired",
		"scheduledActionConfigurations": []object{{"id": uuid.NewString(), "actionType": "block", "gracePeriodHours": 0, "notificationTemplateId": "", "notificationMessageCCList": []string{}}},
	}}
	return o
}

// state is what the simulated tenant holds, read past the product.
func (x *tenant) state(t testing.TB) map[string]string {
	t.Helper()
	r := x.reader(t)
	return must(tenantstate.Read(func(address string) ([]byte, error) { return r.get(t, address), nil }))(t)
}

// writes are the requests of the product that wrote to the simulated tenant.
func (x *tenant) writes(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, r := range x.requests(t) {
		if r.Kind == "write" {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

// hasRelated reports whether a run names another in that way.
func (r runView) hasRelated(kind, id string) bool {
	return slices.ContainsFunc(r.Related, func(o struct{ ID, Kind string }) bool { return o.Kind == kind && o.ID == id })
}

// What was changed and deleted in a tenant comes back from a set as it was, secret
// values too; who did it and why is on record; and what the restore did is undone
// when somebody wants that. The secrets are in the tenant, and nowhere else.
func TestRestoreAndUndo(t *testing.T) {
	began := time.Now().Add(-time.Second)
	canary := "canary-" + uuid.NewString()
	stack.mu.Lock()
	stack.canaries = append(stack.canaries, canary) // every answer is searched from here on
	stack.mu.Unlock()

	filter := object{"id": uuid.NewString(), "displayName": "Berlin", "platform": "windows10AndLater", "rule": `(device.deviceName -startsWith "BER")`, "roleScopeTags": []string{"0"}}
	baseline, custom, strict := settingsCatalog("Baseline", 3), deviceConfiguration("Custom"), blocking("Strict")
	x := newTenant(t, baseline, custom, strict)
	x.put(t, "assignmentFilters", filter, nil)
	lost, changed := wireless("Office", uuid.NewString(), uuid.NewString()), wireless("Guests", uuid.NewString(), uuid.NewString())
	reference := func(o object) string { return o["omaSettings"].([]object)[0]["secretReferenceValueId"].(string) }
	x.put(t, "deviceConfigurations", lost, object{reference(lost): canary + "-office"})
	x.put(t, "deviceConfigurations", changed, object{reference(changed): canary + "-guests"})
	assigned := []object{{"target": object{
		"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget", "deviceAndAppManagementAssignmentFilterId": filter["id"], "deviceAndAppManagementAssignmentFilterType": "include",
	}}}
	simulate(t, http.MethodPut, "/v1/tenants/"+x.graphID+"/objects/configurationPolicies/"+baseline["id"].(string)+"/assignments", assigned, nil)

	made := x.newSet(t, object{"name": "Before 24H2", "selection": object{"types": []string{
		"assignment-filter", "device-compliance-policy", "device-configuration", "device-configuration-custom-oma", "settings-catalog-policy",
	}}})
	x.done(t, *made.Run)
	before := x.state(t)
	if len(before) != 6 || !strings.Contains(before["deviceConfigurations/Office"], canary) {
		t.Fatalf("the tenant holds %v", slices.Sorted(maps.Keys(before)))
	}

	// Two are lost with the filter, three are changed, one of them its secret alone.
	x.touch(t, "configurationPolicies", baseline["id"].(string))
	x.touch(t, "deviceConfigurations", custom["id"].(string))
	x.put(t, "deviceConfigurations", changed, object{reference(changed): canary + "-changed"})
	simulate(t, http.MethodPut, "/v1/tenants/"+x.graphID+"/objects/configurationPolicies/"+baseline["id"].(string)+"/assignments", []object{}, nil)
	x.removeOutside(t, "assignmentFilters", filter["id"].(string))
	x.removeOutside(t, "deviceConfigurations", lost["id"].(string))
	x.removeOutside(t, "deviceCompliancePolicies", strict["id"].(string))
	damaged := x.state(t)

	p := x.done(t, x.preview(t, made.BackupSet.ID))
	plan := x.plan(t, p.ID)
	if w := x.writes(t); len(w) > 0 {
		t.Fatalf("the preview wrote %v", w)
	}
	if c := plan.Counts; c.Create != 3 || c.Update != 3 || c.Delete+c.None+c.Blocked+c.Failed > 0 || !plan.Applicable || plan.TenantName != x.name {
		t.Fatalf("the plan is %+v", plan)
	}
	notes := x.notified(t, operator, p)
	if title := notes[len(notes)-1].Title; title != "Preview ready: 6 items would be written, 0 blocked" {
		t.Errorf("the preview is notified as %q", title)
	}

	// Nothing is written without what a person gives for it.
	body := x.applying(planned{run: p.ID, digest: plan.Digest})
	for code, change := range map[string]object{
		"name_mismatch": {"tenantName": "Contoso"}, "confirmation_missing": {"reason": " "}, "plan_digest_mismatch": {"planDigest": "another"},
	} {
		wrong := maps.Clone(body)
		maps.Copy(wrong, change)
		if a := post(t, restorer, x.path("/restores"), wrong); a.problem().Code != code {
			t.Errorf("want %s: %s", code, a)
		}
	}
	post(t, operator, x.path("/restores"), body).want(t, http.StatusForbidden)
	r := x.done(t, begin(t, starting{x.path("/restores"), body, restorer}))
	if r.Counts != (counts{Total: 6, Succeeded: 6}) || r.Reason != "CHG0049120" || !x.run(t, r.ID).hasRelated("plan", p.ID) || !x.run(t, p.ID).hasRelated("applied", r.ID) {
		t.Errorf("%v, %+v", r, r.Related)
	}
	x.consistent(t, r)
	x.same(t, before, x.state(t))
	x.audited(t, r, 6)
	notes = x.notified(t, restorer, r)
	if title := notes[len(notes)-1].Title; title != "Restored 6 items into "+x.name {
		t.Errorf("the restore is notified as %q", title)
	}

	// All of it can be read while Microsoft cannot.
	lift := x.fault(t, object{"status": 503})
	asked := len(x.requests(t))
	for _, path := range []string{"/runs/" + p.ID, "/runs/" + p.ID + "/items", "/runs/" + p.ID + "/plan", "/runs/" + r.ID, "/runs/" + r.ID + "/items", "/audit-events?run=" + r.ID} {
		get(t, viewer, x.path(path)).want(t, http.StatusOK)
	}
	for _, i := range plan.Items {
		get(t, viewer, i.Detail).want(t, http.StatusOK)
	}
	if now := x.requests(t); len(now) != asked {
		t.Errorf("to read what a restore did, Graph was asked %v", now[asked:])
	}
	lift()

	// A second look finds nothing to do.
	again := x.done(t, x.preview(t, made.BackupSet.ID))
	if v := x.plan(t, again.ID); v.Counts.None != 6 || v.Applicable {
		t.Errorf("after the restore the plan is %+v", v)
	}

	var undo runView
	post(t, operator, x.path("/previews"), object{"undoOf": r.ID}).want(t, http.StatusAccepted).into(t, &undo)
	undo = x.done(t, undo)
	back := x.plan(t, undo.ID)
	if c := back.Counts; c.Delete != 3 || c.Update != 3 || !back.Deletes || !x.run(t, undo.ID).hasRelated("undo_of", r.ID) || !x.run(t, r.ID).hasRelated("undo", undo.ID) {
		t.Fatalf("the undo is %+v", back)
	}
	body = x.applying(planned{run: undo.ID, digest: back.Digest})
	body["deletes"] = true
	u := x.done(t, begin(t, starting{x.path("/restores"), body, restorer}))
	x.consistent(t, u)
	x.same(t, damaged, x.state(t))
	x.audited(t, u, 6)
	x.notified(t, restorer, u)
	nowhere(t, began, canary)
}

// same fails unless the tenant holds the same.
func (x *tenant) same(t testing.TB, want, got map[string]string) {
	t.Helper()
	for _, difference := range tenantstate.Differences(want, got) {
		t.Error(difference)
	}
}

// audited fails unless the trail says who asked for a live restore, when it began,
// what it wrote and how it ended.
func (x *tenant) audited(t testing.TB, r runView, objects int) {
	t.Helper()
	events := list[event](t, viewer, x.path("/audit-events?run="+r.ID))
	slices.Reverse(events)
	var names, written []string
	for _, e := range events {
		if names = append(names, e.Event); e.RunID != r.ID || e.Actor.UserID != who(t, restorer).UserID {
			t.Errorf("%+v", e)
		}
		for _, o := range e.Objects {
			if written = append(written, o.Name); (o.Before == "") != (o.Action == "create") || (o.After == "") != (o.Action == "delete") {
				t.Errorf("%s was written as %+v", o.Name, o)
			}
		}
	}
	names = slices.Compact(names) // what is written is told slice by slice
	if !slices.Equal(names, []string{"run.requested", "run.started", "restore.objects_written", "run.ended"}) || len(written) != objects {
		t.Errorf("the audit trail is %v, of the objects %v", names, written)
	}
	if why := events[0].Details["reason"]; why != "CHG0049120" {
		t.Errorf("the trail says why: %q", why)
	}
}

// However often a plan is applied at once, one run does it; what else would write
// to the tenant meanwhile is told which. Afterwards the plan is used up.
func TestOnePlanIsAppliedOnce(t *testing.T) {
	x := stocked(t)
	p, another := x.planned(t), x.planned(t)
	what := starting{x.path("/restores"), x.applying(p), restorer}
	resume := paused(t, execute)
	r, made := storm(t, what, 100)
	if made != 1 {
		t.Errorf("%d runs were made", made)
	}
	other := x.applying(p)
	other["items"] = []string{x.plan(t, p.run).Items[0].Key}
	for _, body := range []object{other, x.applying(another)} {
		a := post(t, restorer, what.path, body).want(t, http.StatusConflict)
		if e := a.problem(); e.Code != "conflict_active_run" || e.ActiveRun == nil || e.ActiveRun.ID != r.ID {
			t.Errorf("another selection meanwhile: %s", a)
		}
	}
	resume()
	x.done(t, r)
	for range 2 {
		if a := post(t, restorer, what.path, what.body).want(t, http.StatusConflict); a.problem().Code != "plan_used" || !strings.Contains(string(a.body), r.ID) {
			t.Errorf("the plan again: %s", a)
		}
	}
	if runs := list[runView](t, viewer, x.path("/runs?operation="+execute.name)); len(runs) != 1 {
		t.Errorf("%d runs", len(runs))
	}
	// The other plan was made for what is no more: nothing is written over.
	if late := x.ended(t, begin(t, starting{what.path, x.applying(another), restorer})); late.Counts.Skipped != 1 && late.Status != "succeeded" {
		t.Errorf("%v", late)
	}
}

// Who may no longer restore when the worker gets to it writes nothing.
func TestRestoreOfARevokedRoleWritesNothing(t *testing.T) {
	x := stocked(t)
	p := x.planned(t)
	before := x.state(t)
	resume := paused(t, execute)
	r := begin(t, starting{x.path("/restores"), x.applying(p), restorer})
	as(t, owner, http.MethodPut, x.path("/members/"+who(t, restorer).UserID), object{"role": operator}).want(t, http.StatusOK)
	resume()
	if r = x.ended(t, r); r.Status != "failed" || r.Failure == nil || r.Failure.Code != "permission_revoked" {
		t.Errorf("%v", r)
	}
	if w := x.writes(t); len(w) > 0 {
		t.Errorf("it wrote %v", w)
	}
	x.same(t, before, x.state(t))
	for _, e := range list[event](t, viewer, x.path("/audit-events?run="+r.ID)) {
		if e.Event == "restore.objects_written" {
			t.Errorf("%+v", e)
		}
	}
}

// What Microsoft refused is done again alone, and both runs say so.
func TestFailedItemsAreRestoredAgain(t *testing.T) {
	custom, strict := deviceConfiguration("Custom"), blocking("Strict")
	x := newTenant(t, custom, strict)
	made := x.newSet(t, object{"name": "Before", "selection": object{"types": threeTypes[:2]}})
	x.done(t, *made.Run)
	before := x.state(t)
	x.touch(t, "deviceConfigurations", custom["id"].(string))
	x.touch(t, "deviceCompliancePolicies", strict["id"].(string))
	p := x.done(t, x.preview(t, made.BackupSet.ID))
	lift := x.fault(t, object{"kind": "write", "path": "/deviceConfigurations/", "status": 400})
	r := x.ended(t, begin(t, starting{x.path("/restores"), x.applying(planned{run: p.ID, digest: x.plan(t, p.ID).Digest}), restorer}))
	if r.Status != "partial" || r.Counts != (counts{Total: 2, Succeeded: 1, Failed: 1}) {
		t.Fatalf("%v", r)
	}
	lift()
	wrote := len(x.writes(t))
	again := x.done(t, begin(t, starting{x.path("/runs/" + r.ID + "/reruns"), x.confirming(object{"which": "failed"}), restorer}))
	items := x.items(t, again)
	if len(items) != 1 || items[0].Name != "Custom" || items[0].Written == nil || items[0].Written.Writes == 0 {
		t.Errorf("done again was %+v", items)
	}
	for _, w := range x.writes(t)[wrote:] {
		if !strings.Contains(w, "/deviceConfigurations/"+custom["id"].(string)) {
			t.Errorf("done again was %s", w)
		}
	}
	x.same(t, before, x.state(t))
	if !x.run(t, r.ID).hasRelated("rerun", again.ID) || !x.run(t, again.ID).hasRelated("rerun_of", r.ID) {
		t.Errorf("the runs do not name each other: %+v, %+v", x.run(t, r.ID).Related, x.run(t, again.ID).Related)
	}
	x.notified(t, restorer, again) // the earlier run is told beside that
	for _, i := range x.items(t, r) {
		if by := map[string]string{"Custom": again.ID, "Strict": ""}[i.Name]; i.SupersededBy != by {
			t.Errorf("%s was done by %q, want %q", i.Name, i.SupersededBy, by)
		}
	}
	x.audited(t, again, 1)
	if a := post(t, restorer, x.path("/runs/"+again.ID+"/reruns"), x.confirming(object{"which": "failed"})); a.problem().Code != "selection_empty" {
		t.Errorf("nothing failed: %s", a)
	}
}
