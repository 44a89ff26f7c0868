package operation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/backupset"
	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

const (
	filters   = "deviceManagement/assignmentFilters"
	scopeTags = "deviceManagement/roleScopeTags"
)

// everything is a tenant of which the application may read everything.
var everything = graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: catalog.ReadPermissions()}}}

// newSet is a set to be made with a run.
func (b *bed) newSet(name string) *run.BackupSet {
	return &run.BackupSet{ID: run.IDSource{}.New(run.PrefixSet, b.now), Name: name}
}

// backup makes a set of the selection and captures it.
func (b *bed) backup(in run.SetInput) (run.BackupSet, run.Run, []run.Outcome) {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	set := b.newSet("Before 24H2")
	r, outcomes := b.do(start.Request{Operation: run.OpBackupSetCreate, Scope: set.ID, Set: set, Input: in})
	return b.counted(r), r, outcomes
}

// counted counts the set of a run as its end does.
func (b *bed) counted(r run.Run) run.BackupSet {
	b.t.Helper()
	if err := (backupset.Counter{Sets: b.store, Runs: b.store}).Ended(b.t.Context(), r, b.now); err != nil {
		b.t.Fatal(err)
	}
	set, err := b.store.BackupSet(b.t.Context(), tenantID, r.Target.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(set.ActiveRuns) > 0 {
		b.t.Errorf("the run has ended and the set says it is used by %v", set.ActiveRuns)
	}
	return set
}

// items are the items of a set by the name of the policy.
func (b *bed) items(setID string) map[string]run.BackupItem {
	b.t.Helper()
	items := map[string]run.BackupItem{}
	err := run.EachItem(b.t.Context(), b.store, tenantID, setID, func(i run.BackupItem) error {
		if _, twice := items[i.Name]; twice {
			b.t.Errorf("%q is in the set twice", i.Name)
		}
		items[i.Name] = i
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return items
}

func (b *bed) put(collection, object string) {
	b.t.Helper()
	if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: collection, JSON: json.RawMessage(object)}); err != nil {
		b.t.Fatal(err)
	}
}

// edit makes a settings catalog policy with a description, so that its content can
// be changed.
func (b *bed) edit(n int, name, description string) {
	b.t.Helper()
	b.put(configs, fmt.Sprintf(`{"id":"99999999-0000-4000-8000-%012d","name":%q,"description":%q,"platforms":"windows10","technologies":"mdm","settings":[]}`, n, name, description))
}

// A set holds every chosen policy with the version captured for it; what failed is
// in it with its reason, and does not stop the others.
func TestBackupSetSaysOfEveryPolicyWhatBecameOfIt(t *testing.T) {
	b := newBed(t, everything)
	b.mustSync()
	gone, denied := b.policy("ACSC Edge"), b.policy("ACSC Windows")
	if err := b.sim.DeleteObject(graphID, configs, gone.GraphID); err != nil {
		t.Fatal(err)
	}
	b.fault(graphsim.Fault{Path: denied.GraphID + "/assignments", Status: 403})
	set, r, outcomes := b.backup(run.SetInput{Selection: run.Selection{Types: []string{windowsID}}})
	items := b.items(set.ID)
	if r.Status != run.StatusPartial || len(outcomes) != len(items) || r.Counts.Failed != 2 {
		t.Fatalf("ended %s with %d outcomes of %d items, %+v", r.Status, len(outcomes), len(items), r.Counts)
	}
	if i := items[gone.Name]; i.State != run.ItemMissing || i.Version != 0 || i.Code != "not_found_in_tenant" || i.Failure == nil {
		t.Errorf("the vanished policy is %+v", i)
	}
	if i := items[denied.Name]; i.State != run.ItemIncomplete || i.Version != 1 || i.Code != "assignments_unreadable" {
		t.Errorf("the policy without assignments is %+v", i)
	}
	whole := 0
	for _, i := range items {
		if i.State == run.ItemCaptured {
			whole++
			v, err := b.store.Version(t.Context(), tenantID, i.PolicyID, i.Version)
			if err != nil || v.PayloadKey != i.PayloadKey || v.ContentHash != i.ContentHash || v.RunID != r.ID {
				t.Errorf("%s: version %+v, item %+v: %v", i.Name, v, i, err)
			}
		}
	}
	if got := set.Tally; got == nil || got.Policies != len(items) || got.Captured != whole || got.Incomplete != 1 || got.Missing != 1 || got.Pending != 0 || got.Types[windowsID].Captured != whole+1 {
		t.Errorf("the set counts %+v, %d are whole", got, whole)
	}
	if set.LastRunID != r.ID || r.Target.ID != set.ID || r.Target.Name != set.Name {
		t.Errorf("set %+v, target of the run %+v", set, r.Target)
	}
}

// What was made in the tenant since the last sync is in a set of all, and nothing
// has to be synced before.
func TestBackupOfAllListsTheTenantFirst(t *testing.T) {
	b := newBed(t, everything)
	set, r, _ := b.backup(run.SetInput{Selection: run.Selection{All: true}, Refresh: true})
	if r.Status != run.StatusSucceeded || set.Tally.Captured < 12 || set.Tally.Captured != set.Tally.Policies {
		t.Fatalf("ended %s, set %+v", r.Status, set.Tally)
	}
	b.edit(9, "Brand new", "")
	again, _, _ := b.backup(run.SetInput{Selection: run.Selection{All: true}, Refresh: true})
	if i := b.items(again.ID)["Brand new"]; i.State != run.ItemCaptured {
		t.Errorf("the new policy is %+v", i)
	}
	if again.Tally.Policies != set.Tally.Policies+1 {
		t.Errorf("%d policies, want one more than %d", again.Tally.Policies, set.Tally.Policies)
	}
}

// A type that could not be listed makes the run partial and is named: nobody knows
// what the set lacks.
func TestTypeThatCannotBeListedIsNamed(t *testing.T) {
	b := newBed(t, everything)
	b.fault(graphsim.Fault{Path: "/" + filters + "$", Status: 403})
	_, r, outcomes := b.backup(run.SetInput{Selection: run.Selection{All: true}, Refresh: true})
	if r.Status != run.StatusPartial || r.Counts.Failed != 1 {
		t.Fatalf("ended %s, %+v", r.Status, r.Counts)
	}
	if o := outcomes[0]; o.Item.Kind != run.KindPolicyType || o.Status != run.OutcomeFailed || o.Failure == nil {
		t.Errorf("the first outcome is %+v", o)
	}
}

// With foundations, what the chosen policies refer to is captured too, and what that
// refers to in turn, each once.
func TestFoundationsAreCapturedOnce(t *testing.T) {
	b := newBed(t, everything)
	b.put(scopeTags, `{"id":"7","displayName":"Berlin","isBuiltIn":false}`)
	b.put(filters, `{"id":"00000000-aaaa-4000-8000-00000000000f","displayName":"Corporate","platform":"windows10AndLater","rule":"(device.deviceOwnership -eq \"Corporate\")","roleScopeTags":["7"]}`)
	for n := range 8 {
		b.edit(n+1, fmt.Sprint("Mine ", n), "")
		id := fmt.Sprintf("99999999-0000-4000-8000-%012d", n+1)
		assignment := json.RawMessage(`{"target":{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget","deviceAndAppManagementAssignmentFilterId":"00000000-aaaa-4000-8000-00000000000f","deviceAndAppManagementAssignmentFilterType":"include"}}`)
		if err := b.sim.SetAssignments(graphID, configs, id, []json.RawMessage{assignment}); err != nil {
			t.Fatal(err)
		}
	}
	for name, with := range map[string]bool{"with": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			set, r, _ := b.backup(run.SetInput{Selection: run.Selection{Search: "mine"}, Foundations: with, Refresh: true})
			items := b.items(set.ID)
			if r.Status != run.StatusSucceeded || r.Counts.Total != 8 {
				t.Fatalf("ended %s, %+v", r.Status, r.Counts)
			}
			if !with {
				if len(items) != 8 {
					t.Errorf("%d items", len(items))
				}
				return
			}
			for _, name := range []string{"Corporate", "Berlin"} {
				if i := items[name]; i.State != run.ItemCaptured || !i.Foundation || i.Version != 1 {
					t.Errorf("%s is %+v", name, i)
				}
			}
			if len(items) != 10 || set.Tally.Foundations != 2 {
				t.Errorf("%d items, %+v", len(items), set.Tally)
			}
			// The same from what was captured, without a run.
			all, err := b.store.AllPolicies(t.Context(), tenantID)
			if err != nil {
				t.Fatal(err)
			}
			latest, err := backupset.Latest(t.Context(), b.store, "set_x", run.Selection{Search: "mine"}.Choose(all), true, b.now)
			if err != nil || len(latest) != 10 {
				t.Errorf("%d items of the latest versions: %v", len(latest), err)
			}
		})
	}
}

// A foundation that cannot be captured is in the set as missing, and the policy that
// needs it says so.
func TestMissingFoundationIsSaid(t *testing.T) {
	b := newBed(t, everything)
	b.put(scopeTags, `{"id":"7","displayName":"Berlin","isBuiltIn":false}`)
	b.put(configs, `{"id":"99999999-0000-4000-8000-000000000001","name":"Mine","platforms":"windows10","technologies":"mdm","roleScopeTagIds":["7"],"settings":[]}`)
	b.fault(graphsim.Fault{Path: "/" + scopeTags + `(/|\()'?7`, Status: 403})
	set, r, outcomes := b.backup(run.SetInput{Selection: run.Selection{Search: "mine"}, Foundations: true, Refresh: true})
	if r.Status != run.StatusPartial || outcomes[0].Code != "foundation_missing" || outcomes[0].Failure.Params["dependency"] != "Berlin" || outcomes[0].Version != 1 {
		t.Fatalf("ended %s with %+v", r.Status, outcomes[0])
	}
	items := b.items(set.ID)
	if items["Berlin"].State != run.ItemMissing || items["Mine"].State != run.ItemCaptured {
		t.Errorf("items %+v", items)
	}
}

// What is added again replaces what the set has, unless it fails: a failure never
// takes a version out of a set. What is missing can be added by that name.
func TestAddingToASet(t *testing.T) {
	b := newBed(t, everything)
	b.edit(1, "Mine 1", "a")
	b.edit(2, "Mine 2", "a")
	f := b.fault(graphsim.Fault{Path: "000000000002", Status: 403})
	set, r, _ := b.backup(run.SetInput{Selection: run.Selection{Search: "mine"}, Refresh: true})
	if r.Status != run.StatusPartial || set.Tally.Missing != 1 {
		t.Fatalf("ended %s, %+v", r.Status, set.Tally)
	}
	add := func(in run.SetInput) (run.BackupSet, run.Run) {
		t.Helper()
		r, _ := b.do(start.Request{Operation: run.OpBackupSetAdd, Scope: set.ID, SetID: set.ID, ChangesSet: true, Input: in})
		return b.counted(r), r
	}
	b.sim.RemoveFault(f)
	b.edit(1, "Mine 1", "b")
	after, r := add(run.SetInput{Selection: run.Selection{Missing: true}})
	if r.Status != run.StatusSucceeded || r.Counts.Total != 1 || after.Tally.Captured != 2 || after.LastRunID != r.ID {
		t.Fatalf("ended %s with %+v, %+v", r.Status, r.Counts, after.Tally)
	}
	if items := b.items(set.ID); items["Mine 1"].Version != 1 {
		t.Errorf("what was not missing is %+v", items["Mine 1"])
	}
	if _, r = add(run.SetInput{Selection: run.Selection{Search: "mine"}}); r.Status != run.StatusSucceeded || b.items(set.ID)["Mine 1"].Version != 2 {
		t.Errorf("ended %s, added again: %+v", r.Status, b.items(set.ID)["Mine 1"])
	}
	b.fault(graphsim.Fault{Path: "000000000001", Status: 403})
	after, r = add(run.SetInput{Selection: run.Selection{Search: "mine 1"}})
	if r.Status != run.StatusFailed || b.items(set.ID)["Mine 1"].Version != 2 || after.Tally.Captured != 2 {
		t.Errorf("ended %s, after a failure: %+v", r.Status, b.items(set.ID)["Mine 1"])
	}
}

// A run whose set was deleted before it began captures nothing.
func TestDeletedSetIsNotFilled(t *testing.T) {
	b := newBed(t, everything)
	b.mustSync()
	set := b.newSet("x")
	r := b.start(start.Request{Operation: run.OpBackupSetCreate, Scope: set.ID, Set: set, Input: run.SetInput{Selection: run.Selection{All: true}}})
	stored, err := b.store.BackupSet(t.Context(), tenantID, set.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.DeletedAt = &b.now
	if _, err := b.store.UpdateBackupSet(t.Context(), stored, run.AuditEvent{TenantID: tenantID, At: b.now, Event: run.AuditSetDeleted}); err != nil {
		t.Fatal(err)
	}
	b.drain()
	if r, _ := b.ended(r.ID); r.Status != run.StatusFailed || code(r.Failure) != "set_deleted" {
		t.Errorf("ended %s with %s", r.Status, code(r.Failure))
	}
}

// schedule makes a schedule of a set of all policies.
func (b *bed) schedule() run.Schedule {
	b.t.Helper()
	s, err := b.store.PutSchedule(b.t.Context(), run.Schedule{
		ID: run.IDSource{}.New(run.PrefixSched, b.now), TenantID: tenantID, Name: "Nightly", Operation: run.OpBackupSetCreate, Selection: run.Selection{All: true}, CreatedAt: b.now, UpdatedAt: b.now,
	}, run.AuditEvent{TenantID: tenantID, At: b.now, Event: run.AuditScheduleCreated})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// night is one firing of the schedule.
func (b *bed) night(s run.Schedule) (run.Run, []run.Drift) {
	b.t.Helper()
	b.now = b.now.Add(24 * time.Hour)
	set := b.newSet("Nightly")
	r, _ := b.do(start.Request{Operation: run.OpBackupSetCreate, ScheduleID: s.ID, Scope: s.ID, Set: set, Input: run.SetInput{Selection: s.Selection, Refresh: true}})
	b.counted(r)
	if _, err := b.store.PutFiring(b.t.Context(), run.Firing{TenantID: tenantID, ScheduleID: s.ID, DueAt: b.now, At: b.now, Result: run.FiringStarted, RunID: r.ID, SetID: set.ID}); err != nil {
		b.t.Fatal(err)
	}
	page, err := b.store.ListDrift(b.t.Context(), run.DriftQuery{TenantID: tenantID, RunID: r.ID}, run.PageRequest{Limit: 200})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(page.Items, func(a, b run.Drift) int { return strings.Compare(a.Name, b.Name) })
	return r, page.Items
}

// A scheduled backup finds what changed since the one before, and nothing else: not
// what it finds for the first time, not what only the service changed, and not what
// a person captured in between and left as it was.
func TestDrift(t *testing.T) {
	b := newBed(t, everything)
	b.edit(1, "A changes", "a")
	b.edit(2, "B goes", "b")
	b.edit(3, "C is touched", "c")
	s := b.schedule()
	if r, drift := b.night(s); r.Status != run.StatusSucceeded || len(drift) != 0 {
		t.Fatalf("the first night ended %s with drift %+v", r.Status, drift)
	}
	if r, drift := b.night(s); r.Status != run.StatusSucceeded || len(drift) != 0 {
		t.Fatalf("a night without changes ended %s with drift %+v", r.Status, drift)
	}

	b.edit(1, "A changes", "another description")
	if r, o := b.capture(b.policy("A changes")); r.Status != run.StatusSucceeded || o.Version != 2 {
		t.Fatalf("capture in between: %s %+v", r.Status, o)
	}
	if err := b.sim.DeleteObject(graphID, configs, "99999999-0000-4000-8000-000000000002"); err != nil {
		t.Fatal(err)
	}
	b.put(configs, `{"id":"99999999-0000-4000-8000-000000000003","name":"C is touched","description":"c","platforms":"windows10","technologies":"mdm","settings":[],
		"lastModifiedDateTime":"2026-11-23T10:00:00Z","auditRuleInformation":null}`)
	b.edit(4, "D is new", "")
	r, drift := b.night(s)
	if len(drift) != 3 || r.Totals["drift"] != 3 {
		t.Fatalf("ended %s %v with drift %+v", r.Status, r.Totals, drift)
	}
	changed, gone, made := drift[0], drift[1], drift[2]
	if changed.Kind != run.ChangeChanged || changed.From != 1 || changed.To != 2 || changed.Total != 1 || len(changed.Changes) != 1 || changed.ScheduleID != s.ID {
		t.Errorf("changed: %+v", changed)
	}
	if gone.Kind != run.ChangeVanished || gone.From != 1 || gone.To != 0 {
		t.Errorf("gone: %+v", gone)
	}
	if made.Kind != run.ChangeNew || made.From != 0 || made.To != 1 {
		t.Errorf("new: %+v", made)
	}
	if _, drift := b.night(s); len(drift) != 0 {
		t.Errorf("the night after: %+v", drift)
	}
}

// A part that could not be read last night is no drift tonight, nor is a type that
// could not be listed.
func TestWhatWasNotReadIsNoDrift(t *testing.T) {
	b := newBed(t, everything)
	b.edit(1, "A", "a")
	s := b.schedule()
	f := b.fault(graphsim.Fault{Path: "000000000001/assignments", Status: 403})
	g := b.fault(graphsim.Fault{Path: "/" + filters + "$", Status: 403})
	b.put(filters, `{"id":"00000000-aaaa-4000-8000-00000000000f","displayName":"Corporate","platform":"windows10AndLater","rule":"(device.deviceOwnership -eq \"Corporate\")","roleScopeTags":["0"]}`)
	if r, _ := b.night(s); r.Status != run.StatusPartial {
		t.Fatalf("the first night ended %s", r.Status)
	}
	b.sim.RemoveFault(f)
	b.sim.RemoveFault(g)
	r, drift := b.night(s)
	if r.Status != run.StatusSucceeded {
		t.Fatalf("the second night ended %s", r.Status)
	}
	for _, d := range drift {
		if d.Name != "Corporate" { // it was not known before, which cannot be told from new
			t.Errorf("drift %+v", d)
		}
	}
}

// large is a tenant of so many policies.
func large(n int) graphsim.TenantSpec {
	return graphsim.TenantSpec{
		Generate: &graphsim.GenerateSpec{Seed: 1, Policies: n, SettingsPer: 1}, Apps: everything.Apps,
	}
}

// filled fails the test unless the set of the run holds n policies, each once and
// whole, and the run counts each once.
func (b *bed) filled(r run.Run, n int) {
	b.t.Helper()
	if r.Status != run.StatusSucceeded || r.Counts != (run.Counts{Total: n, Succeeded: n}) {
		b.t.Errorf("ended %s (%s), %+v", r.Status, code(r.Failure), r.Counts)
	}
	seen := map[string]int{}
	for cursor, more := "", true; more; more = cursor != "" {
		page, err := b.store.Outcomes(b.t.Context(), run.OutcomeQuery{TenantID: tenantID, RunID: r.ID}, run.PageRequest{Limit: 200, Cursor: cursor})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range page.Items {
			seen[o.Item.Key]++
		}
		cursor = page.Next
	}
	set := b.counted(r)
	if len(seen) != n || set.Tally.Captured != n || set.Tally.Policies != n {
		b.t.Errorf("%d policies have an outcome, the set holds %+v", len(seen), set.Tally)
	}
	for key, times := range seen {
		if times != 1 {
			b.t.Errorf("%s has %d outcomes", key, times)
		}
		if versions, err := b.store.Versions(b.t.Context(), tenantID, key, run.PageRequest{Limit: 10}); err != nil || len(versions.Items) != 1 {
			b.t.Errorf("%s has %d versions: %v", key, len(versions.Items), err)
		}
	}
}

// A worker that dies at every boundary of a slice, just before or just after it was
// committed, costs time and nothing else: 500 outcomes, each counted once.
func TestWorkerDiesAtEverySliceOfFiveHundred(t *testing.T) {
	for name, after := range map[string]bool{"before the commit": false, "after the commit": true} {
		t.Run(name, func(t *testing.T) {
			const policies = 500
			b := newBed(t, large(policies))
			set := b.newSet("Large")
			r := b.start(start.Request{Operation: run.OpBackupSetCreate, Scope: set.ID, Set: set, Deadline: 24 * time.Hour, Input: run.SetInput{Selection: run.Selection{Types: policiesOnly["types"]}, Refresh: true}})
			died := 0
			// life is a worker from its start to its death; it reports whether it ended the run.
			life := func() bool {
				alive, die := context.WithCancel(t.Context())
				defer die()
				commits := 0
				b.store.Hook = func(method string, done bool) error {
					if alive.Err() != nil {
						return alive.Err() // a dead worker writes nothing
					}
					if method != "CommitSlice" || done != after {
						return nil
					}
					// Before the commit it dies at the next one each time, or the run would get
					// nowhere, which ends it as stuck.
					if commits++; after || died == 0 || commits == 2 {
						died++
						die()
						return alive.Err()
					}
					return nil
				}
				return b.engines[r.Operation].Handle(alive, r.Dispatch()) == nil
			}
			for range 100 {
				ended := life()
				b.now = b.now.Add(2 * time.Minute) // the lease ends
				if ended {
					break
				}
			}
			b.store.Hook = nil
			if err := b.engines[r.Operation].Handle(t.Context(), r.Dispatch()); err != nil {
				t.Fatal(err)
			}
			if died < policies/run.MaxSliceItems-1 {
				t.Errorf("the worker died %d times: it proves little", died)
			}
			got, _ := b.ended(r.ID)
			b.filled(got, policies)
		})
	}
}

// While Graph does not answer, the run waits, says so, and goes on where it was.
func TestOutageInTheMiddleIsWaitedOut(t *testing.T) {
	const policies = 200
	b := newBed(t, large(policies))
	set := b.newSet("Large")
	r := b.start(start.Request{Operation: run.OpBackupSetCreate, Scope: set.ID, Set: set, Deadline: 8 * time.Hour, Input: run.SetInput{Selection: run.Selection{Types: policiesOnly["types"]}, Refresh: true}})
	down := b.outage(3)
	waited := 0
	for len(b.queue.sent) > 0 {
		b.deliver()
		now, err := b.store.Run(t.Context(), tenantID, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Waiting != nil {
			waited++
			if now.Waiting.Code != "graph_unavailable" || now.Status != run.StatusRunning || now.Cursor != 3*run.MaxSliceItems {
				t.Errorf("the run waits as %+v at item %d", now.Waiting, now.Cursor)
			}
		}
		if len(b.queue.sent) > 0 {
			b.now = b.now.Add(max(b.queue.sent[len(b.queue.sent)-1].delay, time.Second))
		}
		if !down.IsZero() && b.now.Sub(down.Time) > 10*time.Minute {
			b.sim.ClearFaults()
		}
	}
	if waited < 3 {
		t.Errorf("it waited %d times", waited)
	}
	got, _ := b.ended(r.ID)
	b.filled(got, policies)
	if took := got.FinishedAt.Sub(got.CreatedAt); took < 10*time.Minute || took > time.Hour {
		t.Errorf("it took %s", took)
	}
}

// When Graph does not come back before the run's time is over, the run ends with
// what it has, and the set says what is missing.
func TestOutageBeyondTheDeadline(t *testing.T) {
	const policies = 200
	b := newBed(t, large(policies))
	set := b.newSet("Large")
	r := b.start(start.Request{Operation: run.OpBackupSetCreate, Scope: set.ID, Set: set, Deadline: time.Hour, Input: run.SetInput{Selection: run.Selection{Types: policiesOnly["types"]}, Refresh: true}})
	b.outage(3)
	b.drain()
	got, _ := b.ended(r.ID)
	if want := (run.Counts{Total: policies, Succeeded: 75, Skipped: 125}); got.Status != run.StatusPartial || code(got.Failure) != "graph_unavailable" || got.Counts != want || got.FinishedAt.After(got.DeadlineAt) {
		t.Errorf("ended %s (%s) at %s, %+v", got.Status, code(got.Failure), got.FinishedAt, got.Counts)
	}
	counted := b.counted(got)
	if tally := counted.Tally; tally.Captured != 75 || tally.Pending != 125 || tally.Policies != policies {
		t.Errorf("the set holds %+v", tally)
	}
	// What is missing is captured by that name, once Graph is back.
	b.sim.ClearFaults()
	r, _ = b.do(start.Request{Operation: run.OpBackupSetAdd, Scope: set.ID, SetID: set.ID, ChangesSet: true, Input: run.SetInput{Selection: run.Selection{Missing: true}}})
	if tally := b.counted(r).Tally; r.Status != run.StatusSucceeded || r.Counts.Total != 125 || tally.Captured != policies {
		t.Errorf("ended %s, %+v, the set holds %+v", r.Status, r.Counts, tally)
	}
}

// outage makes Graph answer no more once so many slices were committed. The time
// that is returned is when.
func (b *bed) outage(slices int) *outageTime {
	b.t.Helper()
	down, commits := &outageTime{}, 0
	b.store.Hook = func(method string, done bool) error {
		if method == "CommitSlice" && done {
			if commits++; commits == slices {
				down.Time = b.now
				b.fault(graphsim.Fault{Kind: graphsim.KindRead, Status: 503})
			}
		}
		return nil
	}
	return down
}

type outageTime struct{ time.Time }

// Conditional Access takes one request a second: a set asks for the list of its
// policies, not for each, and finds the same content.
func TestConditionalAccessIsReadFromItsList(t *testing.T) {
	const access = "identity/conditionalAccess/policies"
	b := newBed(t, everything)
	for n := range 10 {
		b.put(access, fmt.Sprintf(`{"id":"00000000-cccc-4000-8000-%012d","displayName":"CA%03d","state":"disabled","createdDateTime":"2026-01-01T00:00:00Z","modifiedDateTime":null,
			"conditions":{"users":{"includeUsers":["All"]},"applications":{"includeApplications":["All"]},"clientAppTypes":["all"]},"grantControls":{"operator":"OR","builtInControls":["mfa"]},"sessionControls":null}`, n, n))
	}
	if r, _ := b.do(start.Request{Operation: run.OpInventorySync, Input: run.TypesInput{Types: []string{"conditional-access-policy"}}}); r.Status != run.StatusSucceeded {
		t.Fatalf("sync ended %s", r.Status)
	}
	if r, o := b.capture(b.policy("CA003")); r.Status != run.StatusSucceeded || o.Version != 1 {
		t.Fatalf("capture ended %s, %+v", r.Status, o)
	}
	b.sim.ResetLog()
	set, r, _ := b.backup(run.SetInput{Selection: run.Selection{Types: []string{"conditional-access-policy"}}})
	if r.Status != run.StatusSucceeded || set.Tally.Captured != 10 || r.Totals["unchanged"] != 1 {
		t.Errorf("ended %s with %v, %+v", r.Status, r.Totals, set.Tally)
	}
	asked := 0
	for _, e := range b.sim.Log(graphsim.LogFilter{}).Entries {
		if strings.Contains(e.Path, access) {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("%d requests for the policies of Conditional Access, want their list alone", asked)
	}
	// One that the list lacks is asked for, and is gone.
	if err := b.sim.DeleteObject(graphID, access, "00000000-cccc-4000-8000-000000000007"); err != nil {
		t.Fatal(err)
	}
	set, _, _ = b.backup(run.SetInput{Selection: run.Selection{Types: []string{"conditional-access-policy"}}})
	if i := b.items(set.ID)["CA007"]; i.State != run.ItemMissing || i.Code != "not_found_in_tenant" {
		t.Errorf("%+v", i)
	}
}
