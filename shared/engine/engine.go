// Package engine works off runs: it claims a run under a lease, plans its items,
// acts on them slice by slice with a recorded intent, commits the outcomes of a
// slice together with the counts, gives the run back when it must wait, and
// ends it.
//
// It knows no SDK, no Lambda and no Graph; an operation is a small interface.
// What makes it safe stands in the contracts of package run: every write is
// fenced by epoch and sequence number, so a worker that was taken for dead can
// do no harm to the record.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"tenantatlas/shared/run"
)

// Operation is what one kind of run does, bound to one run.
//
// Its methods may return a *Wait (not now) or a *Fail (the run as a whole
// cannot go on); any other error is a fault of ours and ends the run as
// internal.
type Operation interface {
	// Plan lists the items, in the order they are to be acted on. It is called
	// until a plan is stored and must not change anything.
	Plan(ctx context.Context) ([]run.Item, error)
	// Act does one item and says what became of it. It may be called from
	// several goroutines. It must return soon after ctx ends.
	Act(ctx context.Context, item run.Item) (run.Outcome, error)
	// Probe looks at an item that an earlier worker may have acted on without
	// storing the outcome. It returns the outcome that it found, or nil when the
	// item is safe to act on.
	Probe(ctx context.Context, item run.Item) (*run.Outcome, error)
}

// Phased is an Operation whose items come in groups: those of one are all done
// before the first of the next begins. Phase of items in the order of the plan
// does not decrease.
type Phased interface {
	Phase(item run.Item) int
}

// Bind makes the operation for one claimed run in its tenant, for example by
// reading the tenant's credential. Its errors are those of an Operation.
type Bind func(ctx context.Context, r run.Run, t run.Tenant) (Operation, error)

// Wait asks to continue later. Code is the reason shown meanwhile; After is how
// long, or 0 when nobody knows: then the engine backs off by itself.
type Wait struct {
	Code  string
	After time.Duration
	// Failure is what the run ends with if its deadline comes first.
	Failure run.Failure
}

func (w *Wait) Error() string { return "must wait: " + w.Code }

// Fail ends the run as a whole.
type Fail struct{ Failure run.Failure }

func (f *Fail) Error() string { return "run cannot go on: " + f.Failure.Code }

// Limits of the engine. The zero value of a field means its default.
type Limits struct {
	Lease       time.Duration // how long a claim lasts without renewal; 60 s
	SliceTime   time.Duration // no new item is begun in a slice after this; 20 s
	Budget      time.Duration // the run is given back after this much work; 240 s
	Reserve     time.Duration // time kept before the context's deadline; 15 s
	Concurrency int           // items acted on at once; 4
	SliceItems  int           // items in a slice; run.MaxSliceItems, which is the most
	// ScheduledBudget takes the place of Budget for runs of schedules: they leave
	// the worker soon, so that a run that someone waits for does not wait for
	// hundreds of them; 30 s.
	ScheduledBudget time.Duration
	BackoffMin      time.Duration // first wait when nobody says how long; 5 s
	BackoffMax      time.Duration // 60 s
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Lease, time.Minute)
	def(&l.SliceTime, 20*time.Second)
	def(&l.Budget, 240*time.Second)
	def(&l.Reserve, 15*time.Second)
	def(&l.ScheduledBudget, 30*time.Second)
	def(&l.BackoffMin, 5*time.Second)
	def(&l.BackoffMax, time.Minute)
	if l.Concurrency <= 0 {
		l.Concurrency = 4
	}
	if l.SliceItems <= 0 || l.SliceItems > run.MaxSliceItems {
		l.SliceItems = run.MaxSliceItems
	}
	return l
}

// Engine works off the runs of one operation.
type Engine struct {
	Operation run.Operation
	Runs      run.Runs
	Tenants   run.Tenants
	// Schedules tells whether a schedule still is one; needed for runs of schedules.
	Schedules run.Schedules
	Queue     run.Queue
	Bind      Bind
	Now       func() time.Time
	// Owner names this worker; it must differ between any two that live at the
	// same time.
	Owner func() string
	// Jitter returns a duration in [0, d); nil takes a random one.
	Jitter func(d time.Duration) time.Duration
	Log    *slog.Logger
	Limits Limits
}

// Handle works on the run that a message names until it ends or must be given
// back. A nil error means that the message is done with; that holds also when
// another worker has the run, or had it and died: such runs are the sweeper's.
// An error means that the message should come again.
func (e *Engine) Handle(ctx context.Context, d run.Dispatch) error {
	w := &work{Engine: e, limits: e.Limits.withDefaults(), began: e.Now()}
	w.log = e.Log.With("tenant", d.TenantID, "run", d.RunID)

	r, err := e.Runs.Claim(ctx, d.TenantID, d.RunID, e.Owner(), e.Now(), e.Now().Add(w.limits.Lease))
	var early *run.NotDueError
	switch {
	case errors.Is(err, run.ErrNotFound):
		w.log.WarnContext(ctx, "message names no run")
		return nil
	case errors.Is(err, run.ErrRunEnded), errors.Is(err, run.ErrRunLeased):
		return nil // a duplicate or late message
	case errors.As(err, &early):
		return w.later(ctx, early.Run, d)
	case err != nil:
		return fmt.Errorf("claim: %w", err)
	}
	w.run = r

	err = w.work(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, run.ErrFenced), errors.Is(err, run.ErrRunEnded):
		w.log.WarnContext(ctx, "run was taken over", "error", err)
		return nil // whoever took over has a message of its own
	default:
		return err
	}
}

// later sends on the message that is to continue the run: a queue delays one by
// 15 minutes at the most, and runs may wait longer. Other messages are stale.
func (w *work) later(ctx context.Context, r run.Run, d run.Dispatch) error {
	if d.DispatchSeq != r.DispatchSeq {
		return nil
	}
	delay := min(max(r.NotBefore.Sub(w.Now()), 0), run.MaxDispatchDelay)
	if err := w.Queue.Send(ctx, r.Operation, r.Dispatch(), delay); err != nil {
		return fmt.Errorf("send on: %w", err)
	}
	return nil
}

// work is one claim being worked on.
type work struct {
	*Engine
	limits   Limits
	log      *slog.Logger
	run      run.Run
	tenant   run.Tenant
	began    time.Time
	progress bool // whether this claim committed anything
	// stopCause tells why the operation had to stop, if it had.
	stopCause func() error
}

func (w *work) work(ctx context.Context) error {
	if stop, err := w.mayNotGoOn(ctx); err != nil {
		return w.verdict(ctx, err)
	} else if stop != nil {
		return w.stop(ctx, *stop)
	}
	acting, stop := w.bounded(ctx)
	defer stop()
	w.stopCause = func() error { return context.Cause(acting) }
	op, err := w.Bind(acting, w.run, w.tenant)
	if err != nil {
		return w.verdict(ctx, err)
	}
	if !w.run.Planned {
		items, err := w.plan(acting, op)
		if err != nil {
			return w.verdict(ctx, err)
		}
		r, err := w.Runs.SavePlan(ctx, w.run.Fence(), items, w.Now())
		if err != nil {
			return w.verdict(ctx, fmt.Errorf("save plan: %w", err))
		}
		w.run = r
	}
	budget := w.limits.Budget
	if w.run.Scheduled {
		budget = w.limits.ScheduledBudget
	}
	for n := 0; w.run.Cursor < w.run.Counts.Total; n++ {
		switch {
		case w.run.CancelAt != nil:
			return w.stop(ctx, w.run.Cancellation())
		case !w.Now().Before(w.run.DeadlineAt):
			return w.stop(ctx, w.run.Overdue())
		case n > 0 && w.mustYield(ctx, budget):
			return w.release(ctx, run.Pause{})
		}
		if n > 0 && w.run.Operation.WritesTenant() {
			// Who may no longer do this must not go on doing it for hours.
			if stop, err := w.refusal(ctx); err != nil {
				return w.verdict(ctx, err)
			} else if stop != nil {
				return w.stop(ctx, *stop)
			}
		}
		if ended, err := w.slice(ctx, acting, op); err != nil {
			return w.verdict(ctx, err)
		} else if ended {
			return nil
		}
	}
	// Only a plan of nothing gets here: the last slice ends the run itself.
	now := w.Now().UTC()
	status := w.run.Counts.FinalStatus()
	return w.end(ctx, run.RunEnd{Status: status, At: now, Audit: w.run.EndAudit(status, nil, now)})
}

// mayNotGoOn looks whether a claimed run may be worked on at all.
func (w *work) mayNotGoOn(ctx context.Context) (*run.Failure, error) {
	if w.run.CancelAt != nil {
		f := w.run.Cancellation()
		return &f, nil
	}
	if !w.Now().Before(w.run.DeadlineAt) {
		f := w.run.Overdue()
		return &f, nil
	}
	if f, stuck := w.run.Stuck(); stuck {
		return &f, nil
	}
	return w.refusal(ctx)
}

// refusal looks whether the tenant still takes runs and the initiator still may
// do this.
func (w *work) refusal(ctx context.Context) (*run.Failure, error) {
	t, err := w.Tenants.Tenant(ctx, w.run.TenantID)
	if err != nil {
		return nil, fmt.Errorf("read tenant: %w", err)
	}
	w.tenant = t
	if t.Disabled {
		return &run.Failure{Code: "tenant_disabled"}, nil
	}
	if id := w.run.Initiator.ScheduleID; id != "" {
		_, err := w.Schedules.Schedule(ctx, w.run.TenantID, id)
		if errors.Is(err, run.ErrNotFound) {
			return &run.Failure{Code: "schedule_removed"}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read schedule: %w", err)
		}
		return nil, nil
	}
	need := w.run.Operation.Role()
	m, err := w.Tenants.Member(ctx, w.run.TenantID, w.run.Initiator.UserID)
	if errors.Is(err, run.ErrNotMember) {
		m.Role, err = "", nil // holds no role any more
	}
	if err != nil {
		return nil, fmt.Errorf("read membership: %w", err)
	}
	if !m.Role.Includes(need) {
		return &run.Failure{Code: "permission_revoked", Params: map[string]string{"user": w.run.Initiator.Name, "role": string(need)}}, nil
	}
	return nil, nil
}

// plan asks the operation for its items while the lease is kept alive: a large
// tenant is not listed within one lease.
func (w *work) plan(ctx context.Context, op Operation) ([]run.Item, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var heart sync.WaitGroup
	fence := w.run.Fence()
	heart.Go(func() { w.keepLease(ctx, stop, fence, 0) })
	items, err := op.Plan(ctx)
	cause := context.Cause(ctx)
	stop(nil)
	heart.Wait()
	if errors.Is(cause, run.ErrFenced) || errors.Is(cause, run.ErrRunEnded) {
		return nil, cause
	}
	return items, err
}

// Causes that end acting.
var (
	errDeadline = errors.New("the run's time is over")
	errMustStop = errors.New("the worker's time is nearly over")
)

// bounded is the context in which the operation acts: it ends at the run's
// deadline, or while there still is time to give the run back. Storage is
// written without it.
func (w *work) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	cancels := make([]context.CancelFunc, 0, 2)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Until(deadline)-w.limits.Reserve, errMustStop)
		cancels = append(cancels, cancel)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.run.DeadlineAt.Sub(w.Now()), errDeadline)
	cancels = append(cancels, cancel)
	return ctx, func() {
		for _, cancel := range cancels {
			cancel()
		}
	}
}

func (w *work) mustYield(ctx context.Context, budget time.Duration) bool {
	if w.Now().Sub(w.began) >= budget {
		return true
	}
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < w.limits.Reserve+w.limits.SliceTime
}

// slice acts on the next items and commits what became of them. It reports
// whether that ended the run.
func (w *work) slice(ctx, acting context.Context, op Operation) (ended bool, err error) {
	// What somebody said he would do and did not report may have been done: it is
	// probed before it is done again, and stays in the intent until it is settled.
	uncertain := w.run.Intent
	items, err := w.Runs.Plan(ctx, w.run, w.run.Cursor, max(w.limits.SliceItems, uncertain.End()))
	if err != nil {
		return false, fmt.Errorf("read plan: %w", err)
	}
	if len(items) == 0 {
		return false, fmt.Errorf("plan ends at item %d of %d", w.run.Cursor, w.run.Counts.Total)
	}
	r, err := w.Runs.BeginSlice(ctx, w.run.Fence(), run.FirstItems(len(items)), w.Now(), w.Now().Add(w.limits.Lease))
	if err != nil {
		return false, fmt.Errorf("begin slice: %w", err) // the run as it was known is what is given back
	}
	w.run = r
	if w.run.CancelAt != nil {
		w.run.Intent = uncertain // nothing of this slice was begun
		return true, w.stop(ctx, w.run.Cancellation())
	}

	outcomes, begun, verdict := w.act(acting, op, items, uncertain)
	w.run.Intent = uncertain | begun
	if len(outcomes) > 0 {
		if ended, err = w.commit(ctx, outcomes); err != nil || ended {
			return ended, err
		}
	}
	return false, verdict
}

// act runs the items, several at a time, while the lease is kept alive. It
// returns the outcomes of the longest run of items from the start that all have
// one, which items were begun, and the first error that stopped the rest.
func (w *work) act(ctx context.Context, op Operation, items []run.Item, uncertain run.ItemSet) ([]run.Outcome, run.ItemSet, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var heart sync.WaitGroup
	fence, intent := w.run.Fence(), w.run.Intent
	heart.Go(func() { w.keepLease(ctx, stop, fence, intent) })

	outcomes := make([]*run.Outcome, len(items))
	errs := make([]error, len(items))
	began := w.Now()
	slots := make(chan struct{}, w.limits.Concurrency)
	var begun run.ItemSet
	var acts sync.WaitGroup
	phased, _ := op.(Phased)
	for i, item := range items {
		if phased != nil && i > 0 && phased.Phase(item) != phased.Phase(items[i-1]) {
			acts.Wait()
		}
		slots <- struct{}{}
		if ctx.Err() != nil || (i > 0 && w.Now().Sub(began) >= w.limits.SliceTime) {
			<-slots
			break
		}
		begun |= 1 << i
		acts.Go(func() {
			defer func() { <-slots }()
			o, err := w.actOne(ctx, op, item, uncertain.Has(i))
			if err != nil {
				errs[i] = err
				stop(err) // the others would meet the same wall
				return
			}
			outcomes[i] = &o
		})
	}
	acts.Wait()
	cause := context.Cause(ctx)
	stop(nil)
	heart.Wait()

	var done []run.Outcome
	for _, o := range outcomes {
		if o == nil {
			break
		}
		done = append(done, *o)
	}
	// A verdict of an item says more than the cancellation it brought to others.
	for _, err := range errs {
		var wait *Wait
		var fail *Fail
		if errors.As(err, &fail) || errors.As(err, &wait) {
			return done, begun, err
		}
	}
	return done, begun, cause
}

func (w *work) actOne(ctx context.Context, op Operation, item run.Item, uncertain bool) (o run.Outcome, err error) {
	defer func() {
		// A fault in one item's code must not take the worker, and so the others,
		// with it.
		if p := recover(); p != nil {
			w.log.ErrorContext(ctx, "operation panicked", "item", item.Key, "panic", fmt.Sprint(p))
			o, err = run.Outcome{Status: run.OutcomeFailed, Code: "internal"}, nil
			if w.run.Operation.WritesTenant() { // it may have been done before
				o.Code, o.Failure = run.CodeOutcomeUnknown, &run.Failure{Code: run.CodeOutcomeUnknown}
			}
		}
		if err == nil {
			o.Item, o.At = item, w.Now().UTC()
			if o.Attempts == 0 {
				o.Attempts = 1
			}
		}
	}()
	if uncertain {
		found, err := op.Probe(ctx, item)
		if err != nil {
			return run.Outcome{}, err
		}
		if found != nil {
			return *found, nil
		}
	}
	return op.Act(ctx, item)
}

// keepLease renews the lease until ctx ends, and stops the work when it is
// lost: another worker has the run then.
func (w *work) keepLease(ctx context.Context, stop context.CancelCauseFunc, fence run.Fence, items run.ItemSet) {
	tick := time.NewTicker(w.limits.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, err := w.Runs.BeginSlice(ctx, fence, items, w.Now(), w.Now().Add(w.limits.Lease))
			if errors.Is(err, run.ErrFenced) || errors.Is(err, run.ErrRunEnded) {
				stop(err)
				return
			}
			if err != nil && ctx.Err() == nil {
				w.log.WarnContext(ctx, "lease could not be renewed", "error", err)
			}
		}
	}
}

// commit stores outcomes and, with the last of them, ends the run.
func (w *work) commit(ctx context.Context, outcomes []run.Outcome) (ended bool, err error) {
	now := w.Now().UTC()
	c := run.SliceCommit{
		From: w.run.Cursor, Outcomes: outcomes, Unsettled: w.run.Intent >> len(outcomes), At: now, LeaseUntil: now.Add(w.limits.Lease),
	}
	if c.PlanDigest, err = run.ChainDigest(w.run.PlanDigest, outcomes); err != nil {
		return false, err
	}
	c.Audit = w.run.WriteAudit(outcomes, now)
	counts, totals := w.run.Counts, w.run.Totals
	for _, o := range outcomes {
		counts = counts.Add(o.Status)
		totals = run.AddTotals(totals, o.Numbers)
	}
	if w.run.Cursor+len(outcomes) >= w.run.Counts.Total {
		status := counts.FinalStatus()
		if status == run.StatusFailed && totals[run.NumberKept] > 0 {
			status = run.StatusPartial
		}
		var failure *run.Failure
		if status == run.StatusFailed {
			failure = summary(counts, outcomes)
		}
		c.End = &run.RunEnd{Status: status, Failure: failure, At: now, Audit: w.run.EndAudit(status, failure, now)}
	}
	// What was done must be recorded even when the caller is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.limits.Reserve)
	defer cancel()
	r, err := w.Runs.CommitSlice(ctx, w.run.Fence(), c)
	if err != nil {
		return false, fmt.Errorf("commit slice: %w", err)
	}
	w.run, w.progress = r, true
	if c.End != nil {
		w.log.InfoContext(ctx, "run ended", "status", c.End.Status, "total", counts.Total, "failed", counts.Failed)
	}
	return c.End != nil, nil
}

// summary is why a run failed as a whole: the reason of its only item, or that
// all of them failed.
func summary(c run.Counts, last []run.Outcome) *run.Failure {
	if c.Total == 1 && len(last) == 1 {
		if last[0].Failure != nil {
			return last[0].Failure
		}
		return &run.Failure{Code: last[0].Code, Params: last[0].Params}
	}
	top := last[len(last)-1].Code
	return &run.Failure{Code: "all_items_failed", Params: map[string]string{"topReason": top}}
}

// verdict turns what stopped the work into what becomes of the run.
func (w *work) verdict(ctx context.Context, err error) error {
	var wait *Wait
	var fail *Fail
	switch {
	case errors.As(err, &fail):
		return w.stop(ctx, fail.Failure)
	case errors.As(err, &wait):
		return w.wait(ctx, wait, nil)
	case errors.Is(err, run.ErrFenced), errors.Is(err, run.ErrRunEnded):
		return err
	case w.stoppedBy(errDeadline):
		return w.stop(ctx, w.run.Overdue())
	case w.stoppedBy(errMustStop) && ctx.Err() == nil:
		return w.release(ctx, run.Pause{})
	case ctx.Err() != nil:
		// We are being stopped; a sweep finds the lease expired.
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	// A fault of ours or of a service we lean on. Most pass; the run says so and
	// tries again, a few times. Should even giving it back fail, the present
	// message comes again.
	w.log.ErrorContext(ctx, "work failed", "error", err)
	failure := run.Failure{Code: "internal"}
	return w.wait(ctx, &Wait{Code: failure.Code, Failure: failure}, &failure)
}

// stoppedBy reports whether acting was ended for that cause.
func (w *work) stoppedBy(cause error) bool {
	return w.stopCause != nil && errors.Is(w.stopCause(), cause)
}

// wait gives the run back until the pause is over, or ends it when its
// deadline comes first.
func (w *work) wait(ctx context.Context, wait *Wait, fault *run.Failure) error {
	now := w.Now().UTC()
	after, known := wait.After, wait.After > 0
	if !known {
		after = w.backoff()
	}
	until := now.Add(after)
	if !until.Before(w.run.DeadlineAt) {
		return w.stop(ctx, wait.Failure)
	}
	shown := &run.Waiting{Code: wait.Code}
	if known {
		shown.Until = until
	}
	return w.release(ctx, run.Pause{NotBefore: until, Waiting: shown, WaitedFor: &wait.Failure, Fault: fault})
}

// minBackoff keeps a run from coming back at once: it would meet the same wall.
const minBackoff = time.Second

// backoff is how long to wait when nobody says: full jitter below a ceiling that
// doubles with every claim that got nowhere, so that runs that met the same wall
// do not come back to it together.
func (w *work) backoff() time.Duration {
	exp := math.Min(float64(max(w.run.Attempts-1, 0)), 16)
	ceiling := min(time.Duration(float64(w.limits.BackoffMin)*math.Exp2(exp)), w.limits.BackoffMax)
	jitter := w.Jitter
	if jitter == nil {
		jitter = func(d time.Duration) time.Duration { return rand.N(d) }
	}
	return max(jitter(ceiling), minBackoff)
}

// release gives the run back and sends the message that continues it. When the
// process dies between the two, nothing is lost but time: the run is unowned
// and overdue, which is what a sweep looks for; and an error here brings the
// present message back.
func (w *work) release(ctx context.Context, p run.Pause) error {
	p.At, p.Progress, p.Unsettled = w.Now().UTC(), w.progress, w.run.Intent
	r, err := w.Runs.Release(ctx, w.run.Fence(), p)
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if r.CancelAt != nil {
		w.run = r // nobody else would look at it before its time
		return w.stop(ctx, r.Cancellation())
	}
	delay := min(max(p.NotBefore.Sub(w.Now()), 0), run.MaxDispatchDelay)
	if err := w.Queue.Send(ctx, r.Operation, r.Dispatch(), delay); err != nil {
		return fmt.Errorf("send continuation: %w", err)
	}
	return nil
}

// stop ends the run before its last item.
func (w *work) stop(ctx context.Context, f run.Failure) error {
	return w.end(ctx, w.run.Stop(f, w.Now().UTC()))
}

func (w *work) end(ctx context.Context, e run.RunEnd) error {
	if _, err := w.Runs.End(ctx, w.run.Fence(), e); err != nil {
		return fmt.Errorf("end run: %w", err)
	}
	code := ""
	if e.Failure != nil {
		code = e.Failure.Code
	}
	w.log.InfoContext(ctx, "run ended", "status", e.Status, "code", code)
	return nil
}
