package restore

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// lossy is a tenant that lost policies of a few types, with a preview of what is to
// come back.
func lossy(t *testing.T) (b *bed, preview httpapi.RunView) {
	t.Helper()
	b = newBed(t, graphsim.TenantSpec{Builtin: "fabrikam", Defaults: true})
	b.needed(b.backup("First"))
	set := b.backup("Set")
	var lost []string
	b.each(set, func(i run.BackupItem, _ catalog.Type, _ catalog.Document) {
		if !refused(i.Name) {
			lost = append(lost, i.PolicyID)
		}
	})
	b.empty(set)
	b.writes()
	return b, b.preview(set, lost...)
}

func with(body map[string]any, pairs ...any) map[string]any {
	out := maps.Clone(body)
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// Nothing starts that was not confirmed, in full, for this plan as it was read.
func TestWhatIsNotConfirmedIsNotStarted(t *testing.T) {
	b, p := lossy(t)
	good := b.confirmed(p.ID)
	other := b.preview(p.Target.ID, b.plan(p.ID).Items[0].Key) // another plan, another digest
	for name, test := range map[string]struct {
		body map[string]any
		code string
	}{
		"no name":         {with(good, "tenantName", " "), "confirmation_missing"},
		"no reason":       {with(good, "reason", ""), "confirmation_missing"},
		"another name":    {with(good, "tenantName", "contoso"), "name_mismatch"},
		"another digest":  {with(good, "planDigest", strings.Repeat("0", 64)), "plan_digest_mismatch"},
		"another plan":    {with(good, "planRunId", other.ID), "plan_digest_mismatch"},
		"no preview":      {with(good, "planRunId", "run_01J9Z3T6Q4W8R2N5M7K1P0XYZA"), "not_found"},
		"no run":          {with(good, "planRunId", "x"), "not_found"},
		"these and those": {with(good, "items", []string{"a"}, "except", []string{"b"}), "validation_error"},
	} {
		var problem httpapi.Problem
		status := b.call(http.MethodPost, base+"/restores", test.body, &problem)
		if problem.Code != test.code {
			t.Errorf("%s: %d %s, want %s", name, status, problem.Code, test.code)
		}
	}
	b.clock.pass(run.MaxPlanAge)
	var stale httpapi.Problem
	if b.call(http.MethodPost, base+"/restores", good, &stale); stale.Code != "plan_stale" || stale.PreviewRun == nil || stale.PreviewRun.ID != p.ID {
		t.Errorf("an old plan: %+v", stale)
	}
	if v := b.plan(p.ID); v.Applicable {
		t.Error("an old plan says that it can be applied")
	}
	b.drain()
	if w := b.writes(); len(w) > 0 {
		t.Errorf("written: %+v", w)
	}
}

// Two who restore at once do not both: the same request finds the run of the first,
// another is told of it, and a plan is applied once.
func TestOneLiveRestoreAtATime(t *testing.T) {
	b, p := lossy(t)
	body := b.confirmed(p.ID)
	keys := b.plan(p.ID).Items
	var first, second httpapi.RunView
	if status := b.call(http.MethodPost, base+"/restores", body, &first); status != http.StatusAccepted {
		t.Fatalf("%d", status)
	}
	if status := b.call(http.MethodPost, base+"/restores", body, &second); status != http.StatusOK || second.ID != first.ID || second.Reused == nil || !*second.Reused {
		t.Errorf("the same request again: %d %s", status, second.ID)
	}
	// A reason is not what is asked for.
	if status := b.call(http.MethodPost, base+"/restores", with(body, "reason", "another"), &second); status != http.StatusOK || second.ID != first.ID {
		t.Errorf("the same for another reason: %d", status)
	}
	var conflict httpapi.Problem
	if status := b.call(http.MethodPost, base+"/restores", with(body, "except", []string{keys[0].Key}), &conflict); status != http.StatusConflict || conflict.Code != "conflict_active_run" || conflict.ActiveRun == nil || conflict.ActiveRun.ID != first.ID {
		t.Errorf("another selection: %d %+v", status, conflict)
	}
	b.drain()
	r := b.run(first.ID)
	if r.Status != "succeeded" || r.Reason != "CHG0049120" {
		t.Errorf("%s, reason %q\n%s", r.Sentence, r.Reason, b.outcomes(r.ID, "failed", "skipped"))
	}
	var used httpapi.Problem
	if status := b.call(http.MethodPost, base+"/restores", body, &used); status != http.StatusConflict || used.Code != "plan_used" || used.Run == nil || used.Run.ID != first.ID {
		t.Errorf("the plan again: %d %+v", status, used)
	}
	if v := b.plan(p.ID); v.Applicable || v.AppliedBy == nil || v.AppliedBy.ID != first.ID {
		t.Errorf("the plan does not say what became of it: %+v", v.AppliedBy)
	}
	again := map[string]any{"which": "all", "tenantName": tenantName, "reason": "once more"}
	if status := b.call(http.MethodPost, base+"/runs/"+first.ID+"/reruns", again, &second); status != http.StatusAccepted {
		t.Fatalf("re-run: %d", status)
	}
	if status := b.call(http.MethodPost, base+"/restores", b.confirmed(b.previewBeside(p.Target.ID)), &conflict); status != http.StatusConflict && status != http.StatusUnprocessableEntity {
		t.Errorf("a restore beside a re-run: %d", status)
	}
	b.writes()
	b.drain()
	if r := b.run(second.ID); r.Status != "succeeded" || r.Counts.Total != first.Counts.Total && r.Counts.Total == 0 {
		t.Errorf("re-run of everything: %s\n%s", r.Sentence, b.outcomes(r.ID, "failed", "skipped"))
	}
	if w := b.writes(); len(w) > 0 {
		t.Errorf("a re-run of what had succeeded wrote %+v", w)
	}
}

// previewBeside makes a preview without working off what else is queued.
func (b *bed) previewBeside(setID string) string {
	b.t.Helper()
	waiting := b.queue.sent
	b.queue.sent = nil
	id := b.preview(setID).ID
	b.queue.sent = append(waiting, b.queue.sent...)
	return id
}

// Who loses the right while the run waits does nothing any more.
func TestWithdrawnPermissionWritesNothing(t *testing.T) {
	b, p := lossy(t)
	var r httpapi.RunView
	b.call(http.MethodPost, base+"/restores", b.confirmed(p.ID), &r)
	ctx := t.Context()
	_, err := b.store.PutMember(ctx, run.Member{TenantID: tenantID, UserID: "second", Role: run.RoleOwner}, 0, run.AuditEvent{TenantID: tenantID, At: b.clock.Now(), Event: run.AuditMemberSet, ActorID: "second"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.store.Member(ctx, tenantID, user)
	if err != nil {
		t.Fatal(err)
	}
	m.Role = run.RoleOperator
	if _, err = b.store.PutMember(ctx, m, m.Rev, run.AuditEvent{TenantID: tenantID, At: b.clock.Now(), Event: run.AuditMemberSet, ActorID: user}); err != nil {
		t.Fatal(err)
	}
	b.drain()
	got := b.run(r.ID)
	if got.Status != "failed" || got.Failure == nil || got.Failure.Code != "permission_revoked" || !strings.Contains(got.Failure.Sentence, "Nothing was written") {
		t.Errorf("%s: %+v", got.Status, got.Failure)
	}
	if w := b.writes(); len(w) > 0 {
		t.Errorf("written: %+v", w)
	}
}

// A selection is kept to, and what a chosen item needs and was left out is said.
func TestOnlyWhatIsChosenIsRestored(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Defaults: true})
	b.needed(b.backup("First"))
	set := b.backup("Set")
	b.empty(set)
	p := b.preview(set)
	var filter, dependent string
	for _, i := range b.plan(p.ID).Items {
		switch {
		case i.Type == catalog.TypeFilter:
			filter = i.Key
		case i.Name == "Windows compliance":
			dependent = i.Key
		}
	}
	b.writes()
	r := b.restore(p.ID, func(body map[string]any) { body["items"] = []string{dependent} })
	items := b.items(r.ID)
	if len(items) != 1 || items[0].Key != dependent {
		t.Fatalf("items are %s", b.outcomes(r.ID))
	}
	t.Logf("%s %s", items[0].Code, items[0].Sentence)
	if items[0].Status == "succeeded" && !items[0].Attention {
		t.Errorf("its filter was left out, and nobody says so: %s", b.outcomes(r.ID))
	}
	for _, e := range b.writes() {
		if strings.Contains(e.Path, "assignmentFilters") || strings.HasSuffix(e.Path, "/assign") {
			t.Errorf("written: %s %s", e.Method, e.Path)
		}
	}
	// With everything, in a re-run, it becomes whole.
	p = b.preview(set)
	if r = b.restore(p.ID); r.Status == "failed" {
		t.Fatalf("%s\n%s", r.Sentence, b.outcomes(r.ID))
	}
	p = b.preview(set, dependent, filter)
	if c := b.plan(p.ID).Counts; c.None != 2 {
		t.Errorf("still to do: %s", describe(b, p.ID))
	}
}

// A policy is not written without an object that it names: the plan would have made
// that, and it was left out.
func TestMissingDependencyIsNotWrittenAround(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Defaults: true})
	b.needed(b.backup("First"))
	set := b.backup("Set")
	b.empty(set)
	p := b.preview(set)
	var key string
	for _, i := range b.plan(p.ID).Items {
		if i.Name == "iOS compliance with notification" { // which has a scope tag
			key = i.Key
		}
	}
	b.writes()
	r := b.restore(p.ID, func(body map[string]any) { body["items"] = []string{key} })
	if o := b.items(r.ID)[0]; o.Key != key || o.Status != "skipped" || o.Code != "missing_dependency" || o.Sentence == "" {
		t.Errorf("%s", b.outcomes(r.ID))
	}
	if w := b.writes(); len(w) > 0 {
		t.Errorf("written: %+v", w)
	}
}

// What a restore did can be read when Microsoft cannot be reached.
func TestResultsStayReadable(t *testing.T) {
	b, p := lossy(t)
	r := b.restore(p.ID)
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	plan := b.plan(p.ID)
	for _, i := range plan.Items {
		if i.Detail != "" {
			b.detail(i)
		}
	}
	if len(b.items(r.ID)) != plan.Counts.Create {
		t.Errorf("%d items of %d", len(b.items(r.ID)), plan.Counts.Create)
	}
	related := b.run(r.ID).Related
	if !slices.ContainsFunc(related, func(x httpapi.RelatedRun) bool { return x.Kind == "plan" && x.ID == p.ID }) {
		t.Errorf("related are %+v", related)
	}
	events := pages[httpapi.AuditView](b, base+"/audit-events?run="+r.ID)
	objects := 0
	kinds := map[string]int{}
	for _, e := range events {
		kinds[e.Event]++
		for _, o := range e.Objects {
			if objects++; o.Action != "create" || o.After == "" {
				t.Errorf("object is %+v", o)
			}
		}
	}
	if kinds[run.AuditRunRequested] != 1 || kinds[run.AuditRunStarted] != 1 || kinds[run.AuditRunEnded] != 1 || objects != plan.Counts.Create {
		t.Errorf("events %v, %d objects", kinds, objects)
	}
}

// A failed item is done again alone, from the same plan, and both runs say so.
func TestRerunOfWhatFailed(t *testing.T) {
	b, p := lossy(t)
	id, err := b.sim.AddFault(graphsim.Fault{Kind: graphsim.KindWrite, Path: "deviceManagement/configurationPolicies$", Status: 400, Code: "BadRequest", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := b.restore(p.ID)
	b.sim.RemoveFault(id)
	if r.Status != "partial" || r.Counts.Failed != 1 {
		t.Fatalf("%s\n%s", r.Sentence, b.outcomes(r.ID))
	}
	var lost httpapi.OutcomeView
	for _, o := range b.items(r.ID) {
		if o.Status == "failed" {
			lost = o
		}
	}
	b.clock.pass(time.Minute)
	b.writes()
	again := b.finish(base+"/runs/"+r.ID+"/reruns", map[string]any{"which": "failed", "tenantName": tenantName, "reason": "once more"})
	items := b.items(again.ID)
	if again.Status != "succeeded" || len(items) != 1 || items[0].Key != lost.Key {
		t.Fatalf("%s\n%s", again.Sentence, b.outcomes(again.ID))
	}
	has := func(v httpapi.RunView, kind, id string) bool {
		return slices.ContainsFunc(v.Related, func(x httpapi.RelatedRun) bool { return x.Kind == kind && x.ID == id })
	}
	if !has(b.run(r.ID), "rerun", again.ID) || !has(b.run(again.ID), "rerun_of", r.ID) {
		t.Errorf("related are %+v and %+v", b.run(r.ID).Related, b.run(again.ID).Related)
	}
	for _, o := range b.items(r.ID) {
		if want := o.Key == lost.Key; (o.Later == again.ID) != want || want && o.Attention {
			t.Errorf("%s is superseded by %q, attention %t", o.Name, o.Later, o.Attention)
		}
	}
	var empty httpapi.Problem
	if b.call(http.MethodPost, base+"/runs/"+again.ID+"/reruns", map[string]any{"which": "failed", "tenantName": tenantName, "reason": "r"}, &empty); empty.Code != "selection_empty" {
		t.Errorf("a re-run of nothing: %+v", empty)
	}
	if v := b.plan(b.preview(p.Target.ID, lost.Key).ID); v.Counts.None != 1 {
		t.Errorf("there is still something to do: %+v", v.Counts)
	}
}
