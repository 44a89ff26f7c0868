package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// A double click makes one set and one run, and the set says in the end what it
// holds and what of the tenant it does not.
func TestBackupSetOfATenant(t *testing.T) {
	x := stocked(t)
	x.done(t, x.start(t, capture))
	body := object{"name": "Before 24H2", "note": "ticket 12", "selection": object{"types": threeTypes[1:]}}
	resume := paused(t, backup)
	run, made := storm(t, starting{x.path("/backup-sets"), body, operator}, 100)
	if sets := list[setView](t, viewer, x.path("/backup-sets")); made != 1 || len(sets) != 1 || sets[0].State != "filling" || sets[0].ID != run.Target.ID {
		t.Fatalf("%d runs, sets %+v", made, sets)
	}
	resume()
	run = x.done(t, run)
	set := x.counted(t, run.Target.ID)
	if set.State != "complete" || set.Counts.Policies != 2 || set.Counts.Captured != 2 || set.LastRunID != run.ID {
		t.Errorf("%+v", set)
	}
	for _, i := range x.setItems(t, set.ID) {
		if i.State != "captured" || i.Version != 1 || i.RunID != run.ID {
			t.Errorf("%+v", i)
		}
	}
	var coverage struct {
		Sentence string
		Types    []struct {
			Type                      string
			InTenant, InSet, Captured int
		}
	}
	get(t, viewer, x.path("/backup-sets/"+set.ID+"/coverage")).want(t, http.StatusOK).into(t, &coverage)
	if len(coverage.Types) != 3 || coverage.Types[0].Type != threeTypes[0] || coverage.Types[0].Captured != 0 || coverage.Types[0].InTenant != 1 {
		t.Errorf("what the set lacks comes first: %+v", coverage)
	}
	notes := x.notified(t, operator, run)
	if title := notes[len(notes)-1].Title; title != `Backup "Before 24H2" is complete: 2 policies` {
		t.Errorf("the end is notified as %q", title)
	}

	// The name is typed to delete it; it can be had back.
	path := x.path("/backup-sets/" + set.ID)
	as(t, owner, http.MethodDelete, path+"?confirm=before", nil).want(t, http.StatusUnprocessableEntity)
	as(t, owner, http.MethodDelete, path+"?confirm="+url.QueryEscape("Before 24H2"), nil).want(t, http.StatusOK)
	if sets := list[setView](t, viewer, x.path("/backup-sets")); len(sets) != 0 {
		t.Errorf("%+v", sets)
	}
	post(t, owner, path+"/recovery", nil).want(t, http.StatusOK)
	if items := x.setItems(t, set.ID); len(items) != 2 {
		t.Errorf("%+v", items)
	}
}

// Twenty people add different policies to one set at once, some of them the same:
// all are in it, once.
func TestTwentyAddToOneSetAtOnce(t *testing.T) {
	const adds = 20
	objects := make([]object, adds)
	for i := range objects {
		objects[i] = compliance(fmt.Sprintf("Compliance %02d", i))
	}
	x := newTenant(t, objects...)
	x.done(t, x.startWith(t, inventorySync, object{"types": threeTypes[:1]}))
	policies := x.policies(t)
	if len(policies) != adds {
		t.Fatalf("%d policies", len(policies))
	}
	set := x.newSet(t, object{"name": "Shared", "selection": object{"policies": []string{policies[0].ID}}, "capture": false}).BackupSet
	bearer := token(t, operator)
	runs := make([]runView, adds)
	answers, errs := make([]answer, adds), make([]error, adds)
	together(adds, func(i int) {
		// Each policy is in three selections.
		chosen := []string{policies[i].ID, policies[(i+1)%adds].ID, policies[(i+7)%adds].ID}
		answers[i], errs[i] = send(t.Context(), bearer, http.MethodPost, x.path("/backup-sets/"+set.ID+"/items"), object{"selection": object{"policies": chosen}})
	})
	for i := range adds {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		runs[i] = startedRun(t, answers[i].want(t, http.StatusAccepted))
	}
	// While a run uses the set it is not deleted.
	if a := as(t, owner, http.MethodDelete, x.path("/backup-sets/"+set.ID+"?confirm=Shared"), nil); a.status != http.StatusConflict && a.status != http.StatusPreconditionFailed {
		t.Errorf("deleting a set in use: %s", a)
	}
	for _, r := range runs {
		if r = x.done(t, r); r.Counts != (counts{Total: 3, Succeeded: 3}) {
			t.Errorf("%v", r)
		}
		x.consistent(t, r)
	}
	counted := x.counted(t, set.ID)
	items := x.setItems(t, set.ID)
	seen := map[string]int{}
	for _, i := range items {
		seen[i.PolicyID]++
		if i.State != "captured" || i.Version != 1 {
			t.Errorf("%+v", i)
		}
	}
	if len(items) != adds || len(seen) != adds || counted.Counts.Captured != adds || counted.Counts.Policies != adds {
		t.Errorf("%d items of %d policies, counted as %+v", len(items), len(seen), counted.Counts)
	}
}

// The history of a policy is compared over the API: two versions, a version with
// the latest capture, and two sets. A policy that vanished keeps it.
func TestHistoryIsCompared(t *testing.T) {
	x := stocked(t)
	all := object{"types": threeTypes}
	first := x.newSet(t, object{"name": "First", "selection": all}).Run
	x.done(t, *first)
	p := x.policyNamed(t, "Baseline")
	x.changeOutside(t, p)
	second := x.newSet(t, object{"name": "Second", "selection": all}).Run
	x.done(t, *second)
	type comparison struct{ Kind, Name, Diff string }
	changed := list[comparison](t, viewer, x.path("/backup-sets/"+second.Target.ID+"/comparison?kind=changed&from="+first.Target.ID))
	if len(changed) != 1 || changed[0].Name != "Baseline" {
		t.Fatalf("%+v", changed)
	}
	type diffView struct {
		Total   int
		Equal   bool
		Changes []struct{ Label, Kind, Section string }
	}
	for _, path := range []string{changed[0].Diff, x.path("/policies/" + p.ID + "/diff?from=1")} {
		var d diffView
		get(t, viewer, path).want(t, http.StatusOK).into(t, &d)
		if d.Total != 1 || d.Changes[0].Section != "settings" || d.Changes[0].Kind != "changed" {
			t.Errorf("%s: %+v", path, d)
		}
	}
	simulate(t, http.MethodDelete, "/v1/tenants/"+x.graphID+"/objects/configurationPolicies/"+p.GraphID, nil, nil)
	x.done(t, x.start(t, inventorySync))
	if p = x.policyNamed(t, "Baseline"); p.State != "vanished" || len(x.versions(t, p)) != 2 {
		t.Errorf("%+v has %d versions", p, len(x.versions(t, p)))
	}
	get(t, viewer, x.path("/policies/"+p.ID+"/versions/1")).want(t, http.StatusOK)
}

// changeOutside changes the description of a policy as somebody else would.
func (x *tenant) changeOutside(t *testing.T, p policy) {
	t.Helper()
	simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects/configurationPolicies/"+p.GraphID+"/touch", nil, nil)
}

// fire invokes the function that schedules fire, as the timetable does.
func fire(t *testing.T, x *tenant, schedule string, due time.Time) string {
	t.Helper()
	payload := fmt.Sprintf(`{"v":1,"tenant":%q,"schedule":%q,"due":%q}`, x.id, schedule, due.UTC().Format(time.RFC3339))
	out := must(stack.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(output(t, "SchedulerFunctionName")), Payload: []byte(payload)}))(t)
	if out.FunctionError != nil {
		t.Fatalf("the firing failed: %s", out.Payload)
	}
	return string(out.Payload)
}

// A schedule that fires twice, late, or while its last run is open starts nothing
// twice, and says of each firing what became of it.
func TestScheduleStartsNothingTwice(t *testing.T) {
	x := stocked(t)
	made := x.newSchedule(t, object{"name": "Nightly", "operation": "backup_set.create", "expression": "cron(0 2 * * ? *)", "timeZone": "Europe/Berlin", "selection": object{"types": threeTypes}})
	if made.State != "active" || made.Pending || len(made.NextAt) != 3 {
		t.Errorf("%+v", made)
	}
	read := func() (v scheduleView) {
		get(t, viewer, x.path("/schedules/"+made.ID)).want(t, http.StatusOK).into(t, &v)
		return v
	}
	due := time.Now().Add(-time.Minute).Truncate(time.Minute)
	resume := paused(t, backup)
	together(5, func(int) { fire(t, x, made.ID, due) })
	fire(t, x, made.ID, due.Add(time.Minute))   // while the run is open
	fire(t, x, made.ID, due.Add(-13*time.Hour)) // late
	firings := read().LastFirings
	if len(firings) != 3 || firings[0].Result != "joined" || firings[1].Result != "started" || firings[0].RunID != firings[1].RunID || firings[2].Result != "skipped" || firings[2].Code != "fired_late" {
		t.Fatalf("%+v", firings)
	}
	runs := list[runView](t, viewer, x.path("/runs?operation=backup_set.create"))
	if len(runs) != 1 || runs[0].ID != firings[0].RunID || runs[0].Initiator.Name != "Nightly" {
		t.Fatalf("%+v", runs)
	}
	resume()
	x.done(t, runs[0])
	fire(t, x, made.ID, due) // again, after its end
	if runs := list[runView](t, viewer, x.path("/runs?operation=backup_set.create")); len(runs) != 1 {
		t.Errorf("%+v", runs)
	}

	// A disabled tenant pauses it, and says so.
	as(t, platform, http.MethodPatch, x.path(""), object{"disabled": true}).want(t, http.StatusOK)
	fire(t, x, made.ID, due.Add(2*time.Minute))
	if v := read(); v.State != "paused" || v.Pause.Code != "tenant_disabled" || v.LastFirings[0].Result != "skipped" || v.LastFirings[0].Code != "tenant_disabled" {
		t.Errorf("%+v", v)
	}
	as(t, platform, http.MethodPatch, x.path(""), object{"disabled": false}).want(t, http.StatusOK)
	// So does a credential that Microsoft refuses, until there is another.
	x.reconnect(t, "wrong")
	x.notified(t, operator, x.ended(t, x.start(t, connectionTest)))
	fire(t, x, made.ID, due.Add(3*time.Minute))
	if v := read(); v.State != "paused" || v.Pause.Code != "credential_invalid" || v.LastFirings[0].Code != "credential_invalid" {
		t.Errorf("%+v", v)
	}
	x.reconnect(t, x.secret)
	if v := read(); v.State != "active" {
		t.Errorf("%+v", v)
	}
	as(t, owner, http.MethodDelete, x.path("/schedules/"+made.ID), nil).want(t, http.StatusNoContent)
	fire(t, x, made.ID, due.Add(4*time.Minute))
	if runs := list[runView](t, viewer, x.path("/runs?operation=backup_set.create")); len(runs) != 1 {
		t.Errorf("a removed schedule started %+v", runs)
	}
}

// A schedule fires by itself, through the timetable, and what changed in the tenant
// between two of its backups is drift, of which a member is told who asked.
func TestScheduleFiresByItselfAndFindsDrift(t *testing.T) {
	t.Parallel()
	x := stocked(t)
	as(t, viewer, http.MethodPut, x.path("/subscription"), object{"drift": true, "problems": false}).want(t, http.StatusOK)
	// The first backup is what the next is compared with.
	at := time.Now().UTC().Add(150 * time.Second)
	made := x.newSchedule(t, object{
		"name": "Daily", "operation": "backup_set.create", "expression": fmt.Sprintf("cron(%d %d * * ? *)", at.Minute(), at.Hour()), "spreadMinutes": 0,
		"selection": object{"types": threeTypes},
	})
	fire(t, x, made.ID, time.Now().Add(-time.Hour))
	var first runView
	await(t, "the run of the first firing", time.Minute, func() bool {
		runs := list[runView](t, viewer, x.path("/runs?operation=backup_set.create"))
		if len(runs) > 0 {
			first = runs[0]
		}
		return len(runs) > 0 && runs[0].terminal()
	})
	if first.Status != "succeeded" || first.Totals["drift"] != 0 {
		t.Fatalf("%v with %v", first, first.Totals)
	}
	p := x.policyNamed(t, "Baseline")
	x.changeOutside(t, p)
	var second runView
	await(t, "the run of the schedule's own firing", 5*time.Minute, func() bool {
		runs := list[runView](t, viewer, x.path("/runs?operation=backup_set.create"))
		if len(runs) > 1 {
			second = runs[0]
		}
		return len(runs) > 1 && runs[0].terminal()
	})
	if second.Status != "succeeded" || second.Totals["drift"] != 1 || second.ID == first.ID {
		t.Fatalf("%v with %v", second, second.Totals)
	}
	type driftView struct {
		Kind, Name, Diff       string
		FromVersion, ToVersion int
		Changes                []struct{ Setting, Kind string }
	}
	drift := list[driftView](t, viewer, x.path("/drift"))
	if len(drift) != 1 || drift[0].Kind != "changed" || drift[0].FromVersion != 1 || drift[0].ToVersion != 2 || len(drift[0].Changes) != 1 || drift[0].Changes[0].Kind != "changed" {
		t.Fatalf("%+v", drift)
	}
	get(t, viewer, drift[0].Diff).want(t, http.StatusOK)
	await(t, "the viewer to be told", 30*time.Second, func() bool {
		return slices.ContainsFunc(x.notifications(t, viewer, second), func(n notification) bool {
			return n.Kind == "drift" && n.Title == "1 policy changed in "+x.name
		})
	})
	for _, user := range []string{owner, operator} {
		if notes := x.notifications(t, user, second); len(notes) > 0 {
			t.Errorf("%s did not ask and was told %+v", user, notes)
		}
	}
}
