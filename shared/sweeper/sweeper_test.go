package sweeper_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/sweeper"
)

const (
	tenantID = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"
	userID   = "user-1"
)

var epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

type queue struct {
	mu   sync.Mutex
	sent []run.Dispatch
	err  error
}

func (q *queue) Send(_ context.Context, _ run.Operation, d run.Dispatch, _ time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.sent = append(q.sent, d)
	}
	return q.err
}

type bed struct {
	t       *testing.T
	store   *memstore.Store
	queue   *queue
	now     time.Time
	sweeper *sweeper.Sweeper
	made    int
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, store: memstore.New(), queue: &queue{}, now: epoch}
	b.sweeper = &sweeper.Sweeper{Runs: b.store, Queue: b.queue, Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler), Notify: notifier.Notifier{Store: b.store}.Ended}
	err := b.store.CreateTenant(t.Context(), run.Tenant{ID: tenantID}, run.Member{TenantID: tenantID, UserID: userID, Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: epoch})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// queued makes a run whose message never arrives.
func (b *bed) queued() run.Run {
	b.t.Helper()
	b.made++
	key := fmt.Sprint("key", b.made)
	r := run.Run{
		ID: run.IDSource{}.New(run.PrefixRun, b.now), TenantID: tenantID, Operation: run.OpInventorySync, Initiator: run.Initiator{UserID: userID},
		KeyHash: key, PayloadHash: key, Status: run.StatusQueued, CreatedAt: b.now, UpdatedAt: b.now, DeadlineAt: b.now.Add(time.Hour), DispatchSeq: 1,
	}
	if err := b.store.CreateRun(b.t.Context(), run.NewRun{Run: r, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: tenantID, At: b.now, RunID: r.ID}}); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bed) claim(r run.Run) run.Run {
	b.t.Helper()
	r, err := b.store.Claim(b.t.Context(), tenantID, r.ID, "own_"+fmt.Sprint(b.now.UnixNano()), b.now, b.now.Add(time.Minute))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// after lets time pass and sweeps.
func (b *bed) after(d time.Duration) sweeper.Report {
	b.t.Helper()
	b.now = b.now.Add(d)
	report, err := b.sweeper.Sweep(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *bed) run(id string) run.Run {
	b.t.Helper()
	r, err := b.store.Run(b.t.Context(), tenantID, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// A run whose message was lost gets another one within 90 seconds, and not one a
// minute for ever while the queue is merely long.
func TestLostMessage(t *testing.T) {
	b := newBed(t)
	r := b.queued()
	if got := b.after(19 * time.Second); got.Rescued != 0 || got.Seen != 1 {
		t.Errorf("too early: %+v", got)
	}
	if got := b.after(time.Second); got.Rescued != 1 || len(b.queue.sent) != 1 || b.queue.sent[0].DispatchSeq != 2 || b.queue.sent[0].RunID != r.ID {
		t.Fatalf("%+v, sent %+v", got, b.queue.sent)
	}
	for range 59 {
		b.after(time.Minute)
	}
	if n := len(b.queue.sent); n < 4 || n > 10 {
		t.Errorf("%d messages in an hour", n)
	}
}

// A run whose worker died is taken over, and the dead one can do no more.
func TestDeadWorker(t *testing.T) {
	b := newBed(t)
	r := b.claim(b.queued())
	if got := b.after(79 * time.Second); got.Rescued != 0 {
		t.Errorf("rescued from a living worker: %+v", got)
	}
	if got := b.after(time.Second); got.Rescued != 1 || len(b.queue.sent) != 1 {
		t.Fatalf("%+v", got)
	}
	if _, err := b.store.BeginSlice(t.Context(), r.Fence(), run.FirstItems(1), b.now, b.now.Add(time.Minute)); !errors.Is(err, run.ErrFenced) {
		t.Errorf("the dead worker goes on: %v", err)
	}
	if got := b.claim(r); got.Epoch != 3 {
		t.Errorf("epoch %d", got.Epoch)
	}
}

// A run that waits is left alone until its time has come.
func TestWaitingRun(t *testing.T) {
	b := newBed(t)
	r := b.claim(b.queued())
	if _, err := b.store.Release(t.Context(), r.Fence(), run.Pause{NotBefore: b.now.Add(10 * time.Minute), Waiting: &run.Waiting{Code: "graph_throttled"}, At: b.now}); err != nil {
		t.Fatal(err)
	}
	if got := b.after(10*time.Minute + 19*time.Second); got.Rescued != 0 {
		t.Errorf("woken too early: %+v", got)
	}
	if got := b.after(time.Second); got.Rescued != 1 {
		t.Errorf("%+v", got)
	}
}

// Whatever nobody works on ends at its deadline, queued or running, with its
// lock free.
func TestDeadline(t *testing.T) {
	b := newBed(t)
	queued, running := b.queued(), b.claim(b.queued())
	b.queue.err = errors.New("the queue is gone")
	if got := b.after(time.Hour); got.Ended != 2 {
		t.Fatalf("%+v", got)
	}
	for _, r := range []run.Run{queued, running} {
		got := b.run(r.ID)
		view, err := b.store.StartView(t.Context(), run.StartQuery{TenantID: tenantID, KeyHash: r.KeyHash})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != run.StatusFailed || got.Failure.Code != "deadline_exceeded" || view.Lock.ActiveRunID != "" {
			t.Errorf("%s with %+v, lock held by %q", got.Status, got.Failure, view.Lock.ActiveRunID)
		}
	}
}

// A run that waited for Microsoft to the end says so, whoever ends it.
func TestDeadlineOfAWaitingRun(t *testing.T) {
	b := newBed(t)
	r := b.claim(b.queued())
	cause := run.Failure{Code: "graph_unavailable", HTTPStatus: 503}
	if _, err := b.store.Release(t.Context(), r.Fence(), run.Pause{NotBefore: r.DeadlineAt.Add(-time.Second), WaitedFor: &cause, At: b.now}); err != nil {
		t.Fatal(err)
	}
	if got := b.after(time.Hour); got.Ended != 1 {
		t.Fatalf("%+v", got)
	}
	if got := b.run(r.ID); got.Status != run.StatusFailed || got.Failure.Code != cause.Code {
		t.Errorf("%s with %+v", got.Status, got.Failure)
	}
}

// A run whose worker died just before the deadline ends within two minutes of it,
// in whatever second the sweep comes.
func TestDeadlineOfADeadWorker(t *testing.T) {
	b := newBed(t)
	r := b.queued()
	b.now = r.DeadlineAt.Add(-time.Second)
	b.claim(r)
	if got := b.after(59 * time.Second); got.Ended != 0 {
		t.Errorf("its lease held: %+v", got)
	}
	if got := b.after(time.Second); got.Ended != 1 {
		t.Errorf("%+v", got)
	}
}

// A run whose workers die again and again ends as stuck.
func TestCrashLoop(t *testing.T) {
	b := newBed(t)
	r := b.queued()
	for range run.MaxCrashes + 1 {
		if got := b.run(r.ID); got.Status.Terminal() {
			t.Fatalf("ended after %d crashes", got.Crashes)
		}
		b.claim(r)
		b.after(90 * time.Second)
	}
	b.after(time.Minute)
	if got := b.run(r.ID); got.Status != run.StatusFailed || got.Failure.Code != "stuck" {
		t.Errorf("%s with %+v", got.Status, got.Failure)
	}
}

// A run that moved between the look and the deed is left to whoever moved it.
func TestRaceWithALivingWorker(t *testing.T) {
	b := newBed(t)
	r := b.queued()
	var once sync.Once
	b.store.Hook = func(method string, done bool) error {
		if method == "Rescue" && !done {
			once.Do(func() { b.claim(r) })
		}
		return nil
	}
	if got := b.after(time.Minute); got.Rescued != 0 || got.Faults != 0 || len(b.queue.sent) != 0 {
		t.Errorf("%+v, sent %+v", got, b.queue.sent)
	}
	if got := b.run(r.ID); got.Epoch != 1 || got.Owner == "" {
		t.Errorf("run is %+v", got)
	}
}

// However many runs there are, and whatever is wrong with one, each is dealt with.
func TestEveryRunIsDealtWith(t *testing.T) {
	b := newBed(t)
	var all []run.Run
	for range 450 {
		all = append(all, b.queued())
	}
	broken := 0
	b.store.Hook = func(method string, done bool) error {
		if method == "Run" && !done && broken < 3 {
			broken++
			return errors.New("no answer")
		}
		return nil
	}
	b.sweeper.Limits.Parallel = 1
	got := b.after(time.Minute)
	if got.Seen != len(all) || got.Faults != 3 || got.Rescued != len(all)-3 {
		t.Errorf("%+v of %d", got, len(all))
	}
	b.sweeper.Limits.Parallel = 8
	if got := b.after(time.Second); got.Rescued != 3 {
		t.Errorf("the next sweep: %+v", got)
	}
}

// A list that cannot be read is an error: the alarm must ring.
func TestUnreadableList(t *testing.T) {
	b := newBed(t)
	b.queued()
	b.store.Hook = func(method string, _ bool) error {
		if method == "OpenRuns" {
			return errors.New("no answer")
		}
		return nil
	}
	if _, err := b.sweeper.Sweep(t.Context()); err == nil {
		t.Error("no error")
	}
}

// A run that was asked to stop, and whose worker died before it did, is canceled.
func TestCanceledAndDead(t *testing.T) {
	b := newBed(t)
	r := b.claim(b.queued())
	if _, err := b.store.RequestCancel(t.Context(), tenantID, r.ID, run.CancelRequest{By: run.Initiator{UserID: userID, Name: "anna"}, At: b.now}); err != nil {
		t.Fatal(err)
	}
	if got := b.after(79 * time.Second); got.Ended != 0 {
		t.Errorf("its worker was alive: %+v", got)
	}
	b.after(time.Second)
	if got := b.run(r.ID); got.Status != run.StatusCanceled || got.Failure.Params["user"] != "anna" {
		t.Errorf("%s with %+v", got.Status, got.Failure)
	}
}

// A stream that was dead for two days costs nobody a notification: the sweeps
// that follow store each once, and what the stream tells later adds nothing.
func TestDeadStream(t *testing.T) {
	b := newBed(t)
	var all []run.Run
	for i := range 60 {
		r := b.queued()
		if i%2 == 0 {
			r = b.claim(r)
		}
		if _, err := b.store.End(t.Context(), r.Fence(), r.Stop(run.Failure{Code: "internal"}, b.now)); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
		b.now = b.now.Add(48 * time.Minute)
	}
	b.after(time.Minute)
	b.after(time.Minute)
	count := func() (n int) {
		for cursor := ""; ; {
			page, err := b.store.Notifications(t.Context(), run.NotificationQuery{UserID: userID}, run.PageRequest{Limit: 50, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			n += len(page.Items)
			if cursor = page.Next; cursor == "" {
				return n
			}
		}
	}
	const want = 30*3 + 30*2 // queued and ended, and running where a worker had it
	if n := count(); n != want {
		t.Errorf("%d notifications of %d runs, want %d", n, len(all), want)
	}
	if got := b.after(time.Minute); got.Seen != 0 {
		t.Errorf("still swept: %+v", got)
	}
	notify := notifier.Notifier{Store: b.store}
	for range 3 {
		for _, c := range b.store.Changes(0) {
			if err := notify.Changed(t.Context(), c.Before, c.After); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := count(); n != want {
		t.Errorf("%d notifications after the stream came back, want %d", n, want)
	}
}

// A message that workers gave up leaves its cause on the run; the run goes on, or
// ends when nothing else would end it.
func TestDeadLetter(t *testing.T) {
	b := newBed(t)
	fresh, late, held, done := b.queued(), b.queued(), b.claim(b.queued()), b.queued()
	if _, err := b.store.End(t.Context(), done.Fence(), done.Stop(run.Failure{Code: "internal"}, b.now)); err != nil {
		t.Fatal(err)
	}
	give := func(r run.Run) {
		t.Helper()
		if err := b.sweeper.DeadLetter(t.Context(), r.Dispatch()); err != nil {
			t.Fatal(err)
		}
	}
	give(fresh)
	if got := b.run(fresh.ID); got.Status != run.StatusQueued || got.Fault == nil || got.Fault.Code != "internal" || len(b.queue.sent) != 0 {
		t.Errorf("at once: %+v", got)
	}
	b.now = b.now.Add(40 * time.Second)
	give(fresh)
	if len(b.queue.sent) != 1 || b.queue.sent[0].RunID != fresh.ID {
		t.Errorf("sent %+v", b.queue.sent)
	}
	give(held)
	if got := b.run(held.ID); got.Owner == "" {
		t.Errorf("taken from its worker: %+v", got)
	}
	give(done)
	give(run.Run{TenantID: tenantID, ID: "run_unknown"})
	b.now = b.now.Add(time.Hour)
	give(late)
	if got := b.run(late.ID); got.Status != run.StatusFailed || got.Failure.Code != "deadline_exceeded" {
		t.Errorf("past its deadline: %s", got.Status)
	}
}
