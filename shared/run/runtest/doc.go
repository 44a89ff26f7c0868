// Package runtest is the conformance suite of the contracts in package run.
// Every adapter runs it over every technology it can stand on; each promise of
// a contract is a subtest. It knows no SDK: faults are injected by the adapter's
// test through Open.
package runtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// Store is everything that is kept in the table.
type Store interface {
	run.Tenants
	run.Runs
	run.Policies
	run.Records
	run.Rates
	run.BackupSets
	run.Schedules
	run.Drifts
	run.Subscriptions
	run.Summaries
	run.SavedFilters
}

// Fault is what becomes of one request to the technology below.
type Fault int

// The faults.
const (
	Pass       Fault = iota
	Lose             // not done, and the caller is not answered
	LoseAnswer       // done, and the caller is not answered
)

// Open returns a store over storage that may hold other tenants' data. decide is
// asked before each request with its name and whether it writes.
type Open func(t *testing.T, decide func(operation string, writes bool) Fault) Store

// start is the instant at which every test begins.
var start = time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.UTC)

// world is one fresh tenant in a store.
type world struct {
	t      *testing.T
	s      Store
	tenant string
	owner  string
	ids    run.IDSource
	faults *faults
	spare  int // requests that write before the one that a case of Faults breaks
	now    time.Time
}

func newWorld(t *testing.T, open Open) *world {
	t.Helper()
	w := &world{t: t, faults: &faults{}, now: start}
	w.s = open(t, w.faults.decide)
	w.tenant = w.ids.New(run.PrefixTenant, w.now)
	w.owner = "owner-" + w.tenant
	w.addTenant(w.tenant, w.owner)
	return w
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) tick() time.Time { w.now = w.now.Add(time.Second); return w.now }

func (w *world) audit(event string) run.AuditEvent {
	return run.AuditEvent{TenantID: w.tenant, At: w.tick(), Event: event, ActorID: w.owner, ActorName: "Owner"}
}

func (w *world) addTenant(id, owner string) {
	w.t.Helper()
	err := w.s.CreateTenant(w.ctx(), run.Tenant{ID: id, Name: "Contoso", Cloud: run.CloudGlobal, CreatedAt: w.now, UpdatedAt: w.now},
		run.Member{TenantID: id, TenantName: "Contoso", UserID: owner, Name: "Owner", Role: run.RoleOwner, CreatedAt: w.now},
		run.AuditEvent{TenantID: id, At: w.now, Event: run.AuditTenantCreated, ActorID: "admin"})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantErr(got, want error) {
	w.t.Helper()
	if !errors.Is(got, want) {
		w.t.Fatalf("error is %v, want %v", got, want)
	}
}

// newRun is a start on the key, of a run of the tenant.
func (w *world) newRun(key string) run.NewRun {
	at := w.tick()
	r := run.Run{
		ID: w.ids.New(run.PrefixRun, at), TenantID: w.tenant, TenantName: "Contoso", Operation: run.OpCaptureSnapshot,
		Target:    run.Target{Kind: run.TargetPolicy, ID: run.PolicyID(w.tenant, "c", key), Name: "Policy " + key, Type: "settings-catalog"},
		Initiator: run.Initiator{UserID: w.owner, Name: "Owner"}, Input: json.RawMessage(`{"a":1}`),
		KeyHash: run.Hash(key), PayloadHash: run.Hash("payload", key), Status: run.StatusQueued,
		CreatedAt: at, UpdatedAt: at, DeadlineAt: at.Add(time.Hour),
	}
	return run.NewRun{Run: r, Role: run.RoleOperator, Audit: run.AuditEvent{
		TenantID: w.tenant, At: at, Event: run.AuditRunRequested, ActorID: w.owner, RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: run.StatusQueued,
	}}
}

func (w *world) create(key string) run.Run {
	w.t.Helper()
	n := w.newRun(key)
	w.must(w.s.CreateRun(w.ctx(), n))
	return n.Run
}

func (w *world) claim(runID, owner string) run.Run {
	w.t.Helper()
	now := w.tick()
	r, err := w.s.Claim(w.ctx(), w.tenant, runID, owner, now, now.Add(time.Minute))
	w.must(err)
	return r
}

// claimed is a run on the key "k" that is claimed and planned with n items.
func (w *world) claimed(n int) (run.Run, []run.Item) {
	w.t.Helper()
	r := w.claim(w.create("k").ID, "worker-1")
	plan := items(n)
	r, err := w.s.SavePlan(w.ctx(), r.Fence(), plan, w.tick())
	w.must(err)
	return r, plan
}

func items(n int) []run.Item {
	out := make([]run.Item, n)
	for i := range out {
		out[i] = run.Item{Key: fmt.Sprintf("item-%05d", i), Kind: "policy", Name: fmt.Sprintf("Item %d", i), Type: "compliance"}
	}
	return out
}

// outcomes are results of items: failed and skipped ones among them.
func outcomes(plan []run.Item, at time.Time) []run.Outcome {
	out := make([]run.Outcome, len(plan))
	for i, item := range plan {
		o := run.Outcome{Item: item, Status: run.OutcomeSucceeded, Numbers: map[string]int{"created": 1, "bytes": i}, Version: 3, Attempts: 1, At: at}
		switch i % 5 {
		case 1:
			o.Planned = &run.Planned{
				Action: run.PlanUpdate, Version: 3, GraphID: "g", Matched: run.MatchID, Fingerprint: "f", Document: "d", Changes: 2, Warnings: []string{"assign_all"},
			}
		case 2:
			o.Written = &run.Written{Action: run.PlanCreate, PolicyID: "pol_2", GraphID: "g2", Before: 2, BeforeHash: "b", AfterHash: "a", Steps: 4}
		case 3:
			o.Status, o.Code = run.OutcomeFailed, "graph_forbidden"
			o.Failure = &run.Failure{Code: "graph_forbidden", HTTPStatus: 403, GraphCode: "Forbidden", GraphRequestID: "r-1", Params: map[string]string{"name": item.Name}}
		case 4:
			o.Status, o.Code, o.Params = run.OutcomeSkipped, "unchanged", map[string]string{"version": "3"}
		}
		out[i] = o
	}
	return out
}

func (w *world) commit(r run.Run, os []run.Outcome, end *run.RunEnd) (run.Run, error) {
	at := w.tick()
	return w.s.CommitSlice(w.ctx(), r.Fence(), run.SliceCommit{From: r.Cursor, Outcomes: os, At: at, LeaseUntil: at.Add(time.Minute), End: end})
}

func (w *world) end(r run.Run, status run.Status) run.RunEnd {
	at := w.tick()
	e := run.RunEnd{Status: status, At: at, Audit: run.AuditEvent{
		TenantID: w.tenant, At: at, Event: run.AuditRunEnded, ActorID: w.owner, RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: status,
	}}
	if r.Planned && r.Cursor < r.Counts.Total && status != run.StatusSucceeded && status != run.StatusPartial {
		e.Rest = &run.Rest{Code: run.CodeNotAttempted}
	}
	if status == run.StatusFailed {
		e.Failure = &run.Failure{Code: "dispatch_failed", Params: map[string]string{"a": "b"}}
	}
	return e
}

func (w *world) lock(key string) run.Lock {
	w.t.Helper()
	v, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant, UserID: w.owner, KeyHash: run.Hash(key)})
	w.must(err)
	if v.Lock == nil {
		return run.Lock{}
	}
	return *v.Lock
}

func (w *world) stored(runID string) run.Run {
	w.t.Helper()
	r, err := w.s.Run(w.ctx(), w.tenant, runID)
	w.must(err)
	return r
}

// check verifies the invariants of a run against its stored outcomes.
func (w *world) check(runID, key string) run.Run {
	w.t.Helper()
	r := w.stored(runID)
	var counts run.Counts
	var totals map[string]int
	var reasons map[run.OutcomeReason]int
	all := collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) {
		return w.s.Outcomes(w.ctx(), run.OutcomeQuery{TenantID: w.tenant, RunID: runID}, p)
	}, 7)
	for _, o := range all {
		counts = counts.Add(o.Status)
		totals, reasons = run.AddTotals(totals, o.Numbers), run.AddReasons(reasons, o)
	}
	counts.Total = r.Counts.Total
	same(w.t, "counts are the sums of the outcomes", r.Counts, counts)
	same(w.t, "totals are the sums of the outcomes", r.Totals, totals)
	same(w.t, "reasons are those of the outcomes", r.Reasons, reasons)
	same(w.t, "the cursor is the number of outcomes", r.Cursor, len(all))
	if r.Status.Terminal() && r.Planned {
		same(w.t, "every item of an ended run has an outcome", len(all), r.Counts.Total)
	}
	holder := w.lock(key).ActiveRunID
	if held := holder == runID; held == r.Status.Terminal() {
		w.t.Errorf("run is %s and its lock is held by %q", r.Status, holder)
	}
	return r
}

// same compares by JSON, which knows no difference between times of one instant
// and between nil and empty only where the contract makes none.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	g, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	v, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(v) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, v)
	}
}

// collect reads all pages of a list and checks that each is at most as long as
// asked.
func collect[T any](w *world, list func(run.PageRequest) (run.Page[T], error), limit int) []T {
	w.t.Helper()
	var out []T
	p := run.PageRequest{Limit: limit}
	for range 1000 {
		page, err := list(p)
		w.must(err)
		if len(page.Items) > limit {
			w.t.Fatalf("a page has %d items, asked for %d", len(page.Items), limit)
		}
		out = append(out, page.Items...)
		if page.Next == "" {
			return out
		}
		p.Cursor = page.Next
	}
	w.t.Fatal("a list has no end")
	return nil
}

// eventually waits for an index to follow.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("never came true: %s", what)
		case <-tick.C:
		}
	}
}

// faults breaks the next requests.
type faults struct {
	mu    sync.Mutex
	armed Fault
	skip  int // writing requests to let through first
	left  int // writing requests still to break
	fired int
}

func (f *faults) decide(_ string, writes bool) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !writes || f.left == 0 {
		return Pass
	}
	if f.skip > 0 {
		f.skip--
		return Pass
	}
	f.left--
	f.fired++
	return f.armed
}

// arm breaks the next n writing requests.
func (f *faults) arm(fault Fault, n int) { f.armAfter(0, fault, n) }

// armAfter lets some writing requests through and breaks the next n.
func (f *faults) armAfter(skip int, fault Fault, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.skip, f.left, f.fired = fault, skip, n, 0
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return f.fired
}
