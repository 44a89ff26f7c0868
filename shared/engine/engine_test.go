package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/cancel"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/start"
)

const (
	tenantID = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"
	userID   = "user-1"
)

// bed is a tenant with one member, a starter and an engine over the in-memory
// store, inside a bubble of fake time.
type bed struct {
	t      *testing.T
	store  *memstore.Store
	queue  *queue
	engine *engine.Engine
	op     *operation
	owners int
}

// queue keeps what was sent until a test delivers it.
type queue struct {
	mu   sync.Mutex
	sent []sent
	err  error
}

type sent struct {
	d  run.Dispatch
	at time.Time
}

func (q *queue) Send(_ context.Context, _ run.Operation, d run.Dispatch, delay time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.sent = append(q.sent, sent{d, time.Now().Add(delay)})
	return nil
}

func (q *queue) take() (sent, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.sent) == 0 {
		return sent{}, false
	}
	s := q.sent[0]
	q.sent = q.sent[1:]
	return s, true
}

// operation acts on n items; act, when set, decides.
type operation struct {
	n     int
	plan  func() ([]run.Item, error)
	act   func(ctx context.Context, item run.Item) (run.Outcome, error)
	probe func(item run.Item) (*run.Outcome, error)

	mu     sync.Mutex
	acted  map[string]int
	probed map[string]int
}

func (o *operation) Plan(context.Context) ([]run.Item, error) {
	if o.plan != nil {
		return o.plan()
	}
	items := make([]run.Item, o.n)
	for i := range items {
		items[i] = run.Item{Key: fmt.Sprintf("item-%03d", i), Kind: "policy", Name: fmt.Sprint(i)}
	}
	return items, nil
}

func (o *operation) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	o.mu.Lock()
	o.acted[item.Key]++
	o.mu.Unlock()
	if o.act != nil {
		return o.act(ctx, item)
	}
	return run.Outcome{Status: run.OutcomeSucceeded, Numbers: map[string]int{"policies": 1}}, nil
}

func (o *operation) Probe(_ context.Context, item run.Item) (*run.Outcome, error) {
	o.mu.Lock()
	o.probed[item.Key]++
	o.mu.Unlock()
	if o.probe != nil {
		return o.probe(item)
	}
	return nil, nil
}

func newBed(t *testing.T, items int) *bed {
	t.Helper()
	b := &bed{t: t, store: memstore.New(), queue: &queue{}, op: &operation{n: items, acted: map[string]int{}, probed: map[string]int{}}}
	now := time.Now()
	err := b.store.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: "Contoso", CreatedAt: now},
		run.Member{TenantID: tenantID, UserID: userID, Name: "anna", Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: now, Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}
	b.engine = &engine.Engine{
		Operation: run.OpInventorySync, Runs: b.store, Tenants: b.store, Schedules: b.store, Queue: b.queue,
		Bind: func(context.Context, run.Run, run.Tenant) (engine.Operation, error) { return b.op, nil },
		Now:  time.Now, Log: slog.New(slog.DiscardHandler),
		Owner:  func() string { b.owners++; return fmt.Sprintf("own_%d", b.owners) },
		Jitter: func(d time.Duration) time.Duration { return d },
	}
	return b
}

func (b *bed) starter() *start.Starter {
	return &start.Starter{Runs: b.store, Queue: b.queue, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func (b *bed) start() run.Run {
	b.t.Helper()
	res, err := b.starter().Start(b.t.Context(), start.Request{TenantID: tenantID, Principal: run.Principal{UserID: userID}, Operation: b.engine.Operation, Deadline: time.Hour})
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Run
}

// drain delivers messages, each at its time, until there are no more.
func (b *bed) drain() {
	b.t.Helper()
	for range 200 {
		m, ok := b.queue.take()
		if !ok {
			return
		}
		time.Sleep(time.Until(m.at)) // fake time: returns at once
		if err := b.engine.Handle(b.t.Context(), m.d); err != nil {
			b.t.Fatalf("message came back: %v", err)
		}
	}
	b.t.Fatal("the run never ends")
}

func (b *bed) run(id string) run.Run {
	b.t.Helper()
	r, err := b.store.Run(b.t.Context(), tenantID, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// check holds what must be true of every run at every time.
func (b *bed) check(id string) run.Run {
	b.t.Helper()
	r := b.run(id)
	var sum run.Counts
	seen := map[string]bool{}
	for cursor := ""; ; {
		page, err := b.store.Outcomes(b.t.Context(), run.OutcomeQuery{TenantID: tenantID, RunID: id}, run.PageRequest{Limit: 200, Cursor: cursor})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range page.Items {
			if seen[o.Item.Key] {
				b.t.Errorf("item %s has two outcomes", o.Item.Key)
			}
			seen[o.Item.Key] = true
			sum = sum.Add(o.Status)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	sum.Total = r.Counts.Total
	if sum != r.Counts {
		b.t.Errorf("counts %+v, outcomes %+v", r.Counts, sum)
	}
	view, err := b.store.StartView(b.t.Context(), run.StartQuery{TenantID: tenantID, UserID: userID, KeyHash: r.KeyHash})
	if err != nil {
		b.t.Fatal(err)
	}
	if held := view.Lock.ActiveRunID == id; held == r.Status.Terminal() {
		b.t.Errorf("run is %s and its lock held: %v", r.Status, held)
	}
	return r
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestRunOfManySlicesSucceeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 60)
		id := b.start().ID
		b.drain()
		r := b.check(id)
		if r.Status != run.StatusSucceeded || r.Counts != (run.Counts{Total: 60, Succeeded: 60}) || r.Seq != 3 || r.Totals["policies"] != 60 {
			t.Errorf("run ended %s, %+v, %d chunks, totals %v", r.Status, r.Counts, r.Seq, r.Totals)
		}
		for key, n := range b.op.acted {
			if n != 1 {
				t.Errorf("%s was acted on %d times", key, n)
			}
		}
	})
}

func TestStatusFollowsTheOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		fail map[string]bool
		n    int
		want run.Status
		code string
	}{
		"nothing to do":   {n: 0, want: run.StatusSucceeded},
		"some fail":       {n: 3, fail: map[string]bool{"item-001": true}, want: run.StatusPartial},
		"all fail":        {n: 2, fail: map[string]bool{"item-000": true, "item-001": true}, want: run.StatusFailed, code: "all_items_failed"},
		"only item fails": {n: 1, fail: map[string]bool{"item-000": true}, want: run.StatusFailed, code: "not_found_in_tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, tc.n)
				b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
					if tc.fail[item.Key] {
						return run.Outcome{Status: run.OutcomeFailed, Code: "not_found_in_tenant"}, nil
					}
					return run.Outcome{Status: run.OutcomeSucceeded}, nil
				}
				id := b.start().ID
				b.drain()
				r := b.check(id)
				var code string
				if r.Failure != nil {
					code = r.Failure.Code
				}
				if r.Status != tc.want || code != tc.code {
					t.Errorf("ended %s (%s), want %s (%s)", r.Status, code, tc.want, tc.code)
				}
			})
		})
	}
}

// What failed and yet left something makes a run partial, also on its own.
func TestKeptFailureIsPartial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			return run.Outcome{Status: run.OutcomeFailed, Code: "unreadable_part", Numbers: map[string]int{run.NumberKept: 1}}, nil
		}
		id := b.start().ID
		b.drain()
		if r := b.check(id); r.Status != run.StatusPartial || r.Failure != nil {
			t.Errorf("ended %s, failure %v", r.Status, r.Failure)
		}
	})
}

// A duplicate or late message changes nothing.
func TestDuplicateMessagesChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 3)
		r := b.start()
		b.drain()
		before := b.check(r.ID)
		for range 3 {
			if err := b.engine.Handle(t.Context(), run.Dispatch{V: 1, TenantID: tenantID, RunID: r.ID, DispatchSeq: 1}); err != nil {
				t.Errorf("a late message comes back: %v", err)
			}
		}
		if err := b.engine.Handle(t.Context(), run.Dispatch{V: 1, TenantID: tenantID, RunID: "run_unknown"}); err != nil {
			t.Errorf("a message of no run comes back: %v", err)
		}
		if after := b.check(r.ID); after.Epoch != before.Epoch || after.Seq != before.Seq || after.UpdatedAt != before.UpdatedAt {
			t.Errorf("changed from %+v to %+v", before, after)
		}
	})
}

// While a worker is at it, another must not get in.
func TestLeaseKeepsASecondWorkerOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		r := b.start()
		m, _ := b.queue.take()
		release := make(chan struct{})
		b.op.act = func(ctx context.Context, _ run.Item) (run.Outcome, error) {
			<-release
			return run.Outcome{Status: run.OutcomeSucceeded}, ctx.Err()
		}
		done := make(chan error)
		go func() { done <- b.engine.Handle(t.Context(), m.d) }()
		synctest.Wait()
		// Long after the first lease would have ended: it is renewed meanwhile.
		time.Sleep(10 * time.Minute)
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Errorf("the duplicate comes back: %v", err)
		}
		if got := b.run(r.ID); got.Epoch != 1 {
			t.Errorf("epoch %d", got.Epoch)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r := b.check(r.ID); r.Status != run.StatusSucceeded || b.op.acted["item-000"] != 1 {
			t.Errorf("ended %s after %d acts", r.Status, b.op.acted["item-000"])
		}
	})
}

// A large tenant takes longer to list than a lease lasts.
func TestLeaseKeepsASecondWorkerOutWhilePlanning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		r := b.start()
		m, _ := b.queue.take()
		b.op.plan = func() ([]run.Item, error) {
			time.Sleep(3 * time.Minute)
			return []run.Item{{Key: "item-000", Kind: "policy"}}, nil
		}
		done := make(chan error)
		go func() { done <- b.engine.Handle(t.Context(), m.d) }()
		synctest.Wait()
		time.Sleep(2 * time.Minute)
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Errorf("the duplicate comes back: %v", err)
		}
		if got := b.run(r.ID); got.Epoch != 1 {
			t.Errorf("epoch %d", got.Epoch)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r := b.check(r.ID); r.Status != run.StatusSucceeded {
			t.Errorf("ended %s", r.Status)
		}
	})
}

// A worker that dies in the middle leaves a run that a redelivered message
// finishes; what it may have done is looked at before it is done again.
func TestRedeliveredMessageFinishesTheRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 30)
		r := b.start()
		m, _ := b.queue.take()
		errDead := errors.New("process was killed")
		b.store.Hook = func(method string, _ bool) error {
			if method == "CommitSlice" || method == "Release" {
				return errDead
			}
			return nil
		}
		if err := b.engine.Handle(t.Context(), m.d); err == nil {
			t.Fatal("the message of a dead worker was acknowledged")
		}
		b.store.Hook = nil
		if got := b.check(r.ID); got.Status != run.StatusRunning || got.Counts.Done() != 0 {
			t.Fatalf("after the death: %s, %+v", got.Status, got.Counts)
		}
		b.op.probe = func(item run.Item) (*run.Outcome, error) {
			if item.Key == "item-007" {
				return &run.Outcome{Status: run.OutcomeSucceeded, Code: "adopted"}, nil
			}
			return nil, nil
		}
		time.Sleep(2 * time.Minute) // the lease ends
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusSucceeded || got.Counts.Succeeded != 30 || got.Epoch != 2 {
			t.Errorf("ended %s, %+v, epoch %d", got.Status, got.Counts, got.Epoch)
		}
		if b.op.acted["item-007"] != 1 || b.op.probed["item-007"] != 1 || b.op.acted["item-008"] != 2 || b.op.probed["item-029"] != 0 {
			t.Errorf("adopted item acted on %d times, redone one %d, probes of an item never begun %d", b.op.acted["item-007"], b.op.acted["item-008"], b.op.probed["item-029"])
		}
	})
}

// A commit that took effect though its answer was lost is not counted twice.
func TestLostAnswerOfACommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 30)
		r := b.start()
		m, _ := b.queue.take()
		lost := true
		b.store.Hook = func(method string, done bool) error {
			if method == "CommitSlice" && done && lost {
				lost = false
				return errors.New("answer was lost")
			}
			return nil
		}
		_ = b.engine.Handle(t.Context(), m.d)
		time.Sleep(2 * time.Minute)
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusSucceeded || got.Counts.Succeeded != 30 {
			t.Errorf("ended %s, %+v", got.Status, got.Counts)
		}
	})
}

// When Graph asks for a pause the run says so, waits exactly that long, and
// keeps what was done.
func TestWaitGivesTheRunBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 10)
		b.engine.Limits.Concurrency = 1
		throttled := false
		b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
			if item.Key == "item-004" && !throttled {
				throttled = true
				return run.Outcome{}, &engine.Wait{Code: "graph_throttled", After: 315 * time.Second, Failure: run.Failure{Code: "graph_throttled"}}
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		m, _ := b.queue.take()
		began := time.Now()
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		got := b.check(r.ID)
		if got.Status != run.StatusRunning || got.Owner != "" || got.Counts.Done() != 4 || got.Waiting == nil ||
			got.Waiting.Code != "graph_throttled" || !got.Waiting.Until.Equal(began.Add(315*time.Second)) {
			t.Fatalf("while waiting: %+v, waiting %+v", got, got.Waiting)
		}
		next, ok := b.queue.take()
		if !ok || !next.at.Equal(began.Add(315*time.Second)) || next.d.DispatchSeq != 2 {
			t.Fatalf("continuation %+v", next)
		}
		time.Sleep(time.Until(next.at))
		if err := b.engine.Handle(t.Context(), next.d); err != nil {
			t.Fatal(err)
		}
		if got := b.check(r.ID); got.Status != run.StatusSucceeded || b.op.acted["item-000"] != 1 {
			t.Errorf("ended %s", got.Status)
		}
	})
}

// Graph that stays away ends the run as failed with its reason, by the deadline.
func TestUnavailableGraphEndsTheRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			return run.Outcome{}, &engine.Wait{Code: "graph_unavailable", Failure: run.Failure{Code: "graph_unavailable", HTTPStatus: 503}}
		}
		r := b.start()
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusFailed || got.Failure == nil || got.Failure.Code != "graph_unavailable" || got.FinishedAt.After(got.DeadlineAt) {
			t.Errorf("ended %s with %+v at %s, deadline %s", got.Status, got.Failure, got.FinishedAt, got.DeadlineAt)
		}
	})
}

// The message that continues a waiting run may come after its deadline, or its
// last worker may die. The run then still says what it waited for, unless it had
// gone on since.
func TestRunThatWaitedToItsDeadlineSaysForWhat(t *testing.T) {
	for name, c := range map[string]struct {
		progress bool
		want     string
	}{
		"nothing done since":     {want: "graph_unavailable"},
		"an item was done since": {progress: true, want: "deadline_exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, 3)
				began := time.Now()
				b.op.act = func(ctx context.Context, item run.Item) (run.Outcome, error) {
					switch {
					case time.Since(began) < time.Minute:
						return run.Outcome{}, &engine.Wait{Code: "graph_unavailable", After: time.Minute, Failure: run.Failure{Code: "graph_unavailable", HTTPStatus: 503}}
					case c.progress && item.Key == "item-000":
						return run.Outcome{Status: run.OutcomeSucceeded}, nil
					}
					<-ctx.Done()
					return run.Outcome{}, ctx.Err()
				}
				r := b.start()
				b.drain()
				got := b.check(r.ID)
				if got.Failure == nil || got.Failure.Code != c.want || got.FinishedAt.Sub(got.DeadlineAt) > time.Second {
					t.Errorf("ended %s with %+v at %s, deadline %s", got.Status, got.Failure, got.FinishedAt, got.DeadlineAt)
				}
			})
		})
	}
}

// An operation that hangs does not hold the run beyond its deadline.
func TestHangingOperationEndsAtTheDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.op.act = func(ctx context.Context, _ run.Item) (run.Outcome, error) {
			<-ctx.Done()
			return run.Outcome{}, ctx.Err()
		}
		r := b.start()
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusFailed || got.Failure.Code != "deadline_exceeded" || got.FinishedAt.Sub(got.DeadlineAt) > time.Second {
			t.Errorf("ended %s with %+v at %s, deadline %s", got.Status, got.Failure, got.FinishedAt, got.DeadlineAt)
		}
	})
}

// A worker whose own time runs out gives the run back in time.
func TestWorkerStopsBeforeItIsStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		hang := true
		b.op.act = func(ctx context.Context, _ run.Item) (run.Outcome, error) {
			if hang {
				<-ctx.Done()
				return run.Outcome{}, ctx.Err()
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		m, _ := b.queue.take()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.engine.Handle(ctx, m.d); err != nil {
			t.Fatal(err)
		}
		if got := b.check(r.ID); got.Status != run.StatusRunning || got.Owner != "" || ctx.Err() != nil {
			t.Fatalf("given back: %+v, context %v", got, ctx.Err())
		}
		hang = false
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusSucceeded {
			t.Errorf("ended %s", got.Status)
		}
	})
}

// A run that gets nowhere, claim after claim, ends as stuck.
func TestStuckRunEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		b.op.plan = func() ([]run.Item, error) { return nil, errors.New("broken") }
		r := b.start()
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusFailed || got.Failure.Code != "stuck" {
			t.Errorf("ended %s with %+v", got.Status, got.Failure)
		}
	})
}

// Storage that fails once in any of a worker's writes costs time, not the run: it
// is given back, says why, and goes on.
func TestFailedWriteGivesTheRunBack(t *testing.T) {
	for _, method := range []string{"SavePlan", "BeginSlice", "CommitSlice", "Plan", "Tenant", "Member"} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, 30)
				r := b.start()
				failed := false
				b.store.Hook = func(m string, done bool) error {
					if m == method && !done && !failed {
						failed = true
						return errors.New("no answer")
					}
					return nil
				}
				m, _ := b.queue.take()
				if err := b.engine.Handle(t.Context(), m.d); err != nil {
					t.Fatal(err)
				}
				if got := b.check(r.ID); got.Status != run.StatusRunning || got.Owner != "" || got.Waiting == nil || got.Waiting.Code != "internal" || got.Crashes != 1 {
					t.Fatalf("after the fault: %+v", got)
				}
				b.drain()
				if got := b.check(r.ID); got.Status != run.StatusSucceeded || got.Counts.Succeeded != 30 {
					t.Errorf("ended %s, %+v", got.Status, got.Counts)
				}
			})
		})
	}
}

// A fault that concerns the whole run ends it at once.
func TestFailEndsTheRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 10)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			return run.Outcome{}, &engine.Fail{Failure: run.Failure{Code: "credential_invalid"}}
		}
		r := b.start()
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusFailed || got.Failure.Code != "credential_invalid" || b.op.acted["item-009"] != 0 {
			t.Errorf("ended %s with %+v, last item acted on %d times", got.Status, got.Failure, b.op.acted["item-009"])
		}
	})
}

// One item's panic is that item's failure.
func TestPanicOfOneItem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 3)
		b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
			if item.Key == "item-001" {
				panic("index out of range")
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusPartial || got.Counts.Failed != 1 {
			t.Errorf("ended %s, %+v", got.Status, got.Counts)
		}
	})
}

// A fault in the code of an item that writes to a tenant may come after the write:
// nobody may call it failed, and so invite to do it again.
func TestPanicOfAWriteIsUnknown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.engine.Operation = run.OpRestoreExecute
		b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
			if item.Key == "item-001" {
				panic("index out of range")
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		b.drain()
		got := b.check(r.ID)
		page, err := b.store.Outcomes(t.Context(), run.OutcomeQuery{TenantID: tenantID, RunID: r.ID}, run.PageRequest{Limit: 5})
		if err != nil || got.Status != run.StatusPartial || page.Items[1].Code != run.CodeOutcomeUnknown {
			t.Errorf("ended %s, %+v, %v", got.Status, page.Items, err)
		}
	})
}

// Rights that were taken away after the start end the run before it acts.
func TestRevokedPermission(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		r := b.start()
		now := time.Now()
		if _, err := b.store.PutMember(t.Context(), run.Member{TenantID: tenantID, UserID: "other", Role: run.RoleOwner}, 0, run.AuditEvent{TenantID: tenantID, At: now}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.PutMember(t.Context(), run.Member{TenantID: tenantID, UserID: userID, Role: run.RoleViewer}, 1, run.AuditEvent{TenantID: tenantID, At: now, Event: "x"}); err != nil {
			t.Fatal(err)
		}
		b.drain()
		if got := b.check(r.ID); got.Status != run.StatusFailed || got.Failure.Code != "permission_revoked" || len(b.op.acted) != 0 {
			t.Errorf("ended %s with %+v after %d acts", got.Status, got.Failure, len(b.op.acted))
		}
	})
}

// A worker that was overtaken notices at its next write and changes nothing.
func TestOvertakenWorkerStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		r := b.start()
		m, _ := b.queue.take()
		b.op.act = func(ctx context.Context, _ run.Item) (run.Outcome, error) {
			// Another worker claims the run while this one is held up.
			if _, err := b.store.Claim(ctx, tenantID, r.ID, "own_other", time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)); err != nil {
				t.Error(err)
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Errorf("the overtaken worker's message comes back: %v", err)
		}
		if got := b.check(r.ID); got.Status != run.StatusRunning || got.Owner != "own_other" || got.Counts.Done() != 0 {
			t.Errorf("the overtaken worker left %s, owner %s, %+v", got.Status, got.Owner, got.Counts)
		}
	})
}

// A run longer than one invocation is given back in time and goes on.
func TestLongRunYields(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 100)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			time.Sleep(30 * time.Second)
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusSucceeded || got.Epoch < 2 || got.DispatchSeq != int(got.Epoch) {
			t.Errorf("ended %s, epoch %d, dispatch %d", got.Status, got.Epoch, got.DispatchSeq)
		}
	})
}

// A message that comes before its time changes nothing: it is sent on when it is
// the one that is to continue the run, and dropped when it is stale.
func TestNotBeforeItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 1)
		const pause = 40 * time.Minute
		waited := false
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			if !waited {
				waited = true
				return run.Outcome{}, &engine.Wait{Code: "graph_throttled", After: pause}
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		r := b.start()
		m, _ := b.queue.take()
		until := time.Now().Add(pause)
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		if err := b.engine.Handle(t.Context(), m.d); err != nil { // a duplicate of the first
			t.Fatal(err)
		}
		for hops := 0; time.Now().Before(until); hops++ {
			next, ok := b.queue.take()
			if _, second := b.queue.take(); !ok || second || hops > 3 {
				t.Fatalf("hop %d: message %v, a second one %v", hops, ok, second)
			}
			time.Sleep(time.Until(next.at))
			if got := b.run(r.ID); got.Epoch != 1 || got.Waiting == nil || b.op.acted["item-000"] != 1 {
				t.Fatalf("while waiting: %+v", got)
			}
			if err := b.engine.Handle(t.Context(), next.d); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.check(r.ID); got.Status != run.StatusSucceeded || !got.FinishedAt.Equal(until) {
			t.Errorf("ended %s at %s, want %s", got.Status, got.FinishedAt, until)
		}
	})
}

// What was begun beside an item that stops the slice is looked at before it is
// done again, also when the run is given back in good order, and whether or not
// something before it was committed.
func TestBegunBesideAStopIsProbed(t *testing.T) {
	for _, stops := range []string{"item-000", "item-001"} {
		t.Run(stops, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, 3)
				created := map[string]bool{}
				both, stopped := make(chan struct{}), false
				b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
					switch item.Key {
					case stops:
						if !stopped {
							stopped = true
							<-both
							return run.Outcome{}, &engine.Wait{Code: "graph_throttled", After: time.Minute}
						}
					case "item-002":
						created[item.Key] = true
						close(both)
					}
					return run.Outcome{Status: run.OutcomeSucceeded}, nil
				}
				b.op.probe = func(item run.Item) (*run.Outcome, error) {
					if created[item.Key] {
						return &run.Outcome{Status: run.OutcomeSucceeded, Code: "adopted"}, nil
					}
					return nil, nil
				}
				r := b.start()
				b.drain()
				if got := b.check(r.ID); got.Status != run.StatusSucceeded || b.op.acted["item-002"] != 1 || b.op.probed["item-002"] != 1 {
					t.Errorf("ended %s; created %d times after %d probes", got.Status, b.op.acted["item-002"], b.op.probed["item-002"])
				}
			})
		})
	}
}

// A cancel stops a running run within its slice; what was done is kept.
func TestCancelWhileRunning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 60)
		r := b.start()
		b.op.act = func(ctx context.Context, item run.Item) (run.Outcome, error) {
			if item.Key == "item-003" {
				c := &cancel.Canceler{Runs: b.store, Now: time.Now}
				got, err := c.Cancel(ctx, tenantID, r.ID, run.Initiator{UserID: "user-2", Name: "bert"})
				if err != nil || got.Status != run.StatusRunning || got.CancelAt == nil {
					t.Errorf("cancel: %+v, %v", got, err)
				}
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusCanceled || got.Counts != (run.Counts{Total: 60, Succeeded: 25, Skipped: 35}) || len(b.op.acted) != 25 {
			t.Errorf("ended %s, %+v after %d acts", got.Status, got.Counts, len(b.op.acted))
		}
		if got.Failure == nil || got.Failure.Code != run.CodeCanceled || got.Failure.Params["user"] != "bert" {
			t.Errorf("failure %+v", got.Failure)
		}
	})
}

// A run that nobody holds, queued or waiting, is canceled at once.
func TestCancelOfARunThatNobodyHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 2)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			return run.Outcome{}, &engine.Wait{Code: "graph_throttled", After: 10 * time.Minute}
		}
		c := &cancel.Canceler{Runs: b.store, Now: time.Now}
		queued := b.start()
		if got, err := c.Cancel(t.Context(), tenantID, queued.ID, run.Initiator{UserID: userID}); err != nil || got.Status != run.StatusCanceled {
			t.Fatalf("%+v, %v", got, err)
		}
		b.drain() // its message comes late
		b.check(queued.ID)
		waiting := b.start()
		m, _ := b.queue.take()
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Cancel(t.Context(), tenantID, waiting.ID, run.Initiator{UserID: userID}); err != nil || got.Status != run.StatusCanceled || got.Counts.Skipped != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := c.Cancel(t.Context(), tenantID, waiting.ID, run.Initiator{UserID: userID}); !errors.Is(err, run.ErrRunEnded) {
			t.Errorf("canceled twice: %v", err)
		}
		b.drain()
		b.check(waiting.ID)
	})
}

// A cancel that comes while the worker gives the run back is not left until the
// end of the wait.
func TestCancelWhileGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 2)
		r := b.start()
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			return run.Outcome{}, &engine.Wait{Code: "graph_throttled", After: 10 * time.Minute}
		}
		b.store.Hook = func(method string, done bool) error {
			if method == "Release" && !done {
				b.store.Hook = nil
				_, err := b.store.RequestCancel(t.Context(), tenantID, r.ID, run.CancelRequest{By: run.Initiator{UserID: userID}, At: time.Now()})
				return err
			}
			return nil
		}
		m, _ := b.queue.take()
		if err := b.engine.Handle(t.Context(), m.d); err != nil {
			t.Fatal(err)
		}
		if got := b.check(r.ID); got.Status != run.StatusCanceled {
			t.Errorf("it is %s", got.Status)
		}
	})
}

// A run that writes to a tenant stops with the first slice after its initiator
// lost the role, and what may have been begun is said to be unknown.
func TestPermissionIsCheckedWithEverySlice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 60)
		b.engine.Operation = run.OpRestoreExecute
		r := b.start()
		b.op.act = func(ctx context.Context, item run.Item) (run.Outcome, error) {
			if item.Key == "item-010" {
				for _, m := range []run.Member{{TenantID: tenantID, UserID: "other", Role: run.RoleOwner}, {TenantID: tenantID, UserID: userID, Role: run.RoleOperator}} {
					rev := int64(0)
					if m.UserID == userID {
						rev = 1
					}
					if _, err := b.store.PutMember(ctx, m, rev, run.AuditEvent{TenantID: tenantID, At: time.Now(), ActorID: m.UserID}); err != nil {
						t.Error(err)
					}
				}
			}
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		b.drain()
		got := b.check(r.ID)
		if got.Status != run.StatusPartial || got.Failure.Code != "permission_revoked" || got.Counts != (run.Counts{Total: 60, Succeeded: 25, Skipped: 35}) || len(b.op.acted) != 25 {
			t.Errorf("ended %s with %+v, %+v", got.Status, got.Failure, got.Counts)
		}
	})
}

// schedule makes a schedule of the tenant.
func (b *bed) schedule() run.Schedule {
	b.t.Helper()
	s := run.Schedule{ID: "sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: tenantID, Name: "Nightly", Operation: run.OpInventorySync, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	s, err := b.store.PutSchedule(b.t.Context(), s, run.AuditEvent{TenantID: tenantID, At: time.Now(), Event: run.AuditScheduleCreated})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bed) startScheduled(s run.Schedule) start.Result {
	b.t.Helper()
	res, err := b.starter().Start(b.t.Context(), start.Request{TenantID: tenantID, ScheduleID: s.ID, Operation: run.OpInventorySync, Deadline: time.Hour})
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// A schedule that was removed starts nothing any more, nor does what it had queued
// go on.
func TestRunOfARemovedScheduleEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 3)
		s := b.schedule()
		res := b.startScheduled(s)
		if _, err := b.store.RemoveSchedule(t.Context(), tenantID, s.ID, s.Rev, run.AuditEvent{TenantID: tenantID, At: time.Now(), Event: run.AuditScheduleRemoved}); err != nil {
			t.Fatal(err)
		}
		b.drain()
		got := b.check(res.Run.ID)
		if got.Status != run.StatusFailed || got.Failure.Code != "schedule_removed" || len(b.op.acted) != 0 {
			t.Errorf("ended %s with %+v after %d acts", got.Status, got.Failure, len(b.op.acted))
		}
		if _, err := b.starter().Start(t.Context(), start.Request{TenantID: tenantID, ScheduleID: s.ID, Operation: run.OpInventorySync, Deadline: time.Hour}); !errors.Is(err, run.ErrNotMember) {
			t.Errorf("another start: %v", err)
		}
	})
}

// A run of a schedule leaves its worker soon, so that others come in between.
func TestScheduledRunLeavesItsWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 100)
		b.op.act = func(context.Context, run.Item) (run.Outcome, error) {
			time.Sleep(3 * time.Second)
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		res := b.startScheduled(b.schedule())
		for {
			m, ok := b.queue.take()
			if !ok {
				break
			}
			began := time.Now()
			if err := b.engine.Handle(t.Context(), m.d); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 50*time.Second {
				t.Errorf("held its worker for %s", took)
			}
		}
		if got := b.check(res.Run.ID); got.Status != run.StatusSucceeded || got.Epoch < 2 {
			t.Errorf("ended %s, epoch %d", got.Status, got.Epoch)
		}
	})
}
