// Package sweeper finds runs that nobody works on and makes them go on or end:
// runs whose message was lost, whose worker died, whose time is over, that were
// canceled, or that keep getting nowhere; and ends whose notification is missing.
// It runs every minute and never touches a run that a living worker holds.
//
// Each of its writes is conditional on what it read, so a sweep that was slow,
// or ran twice, changes nothing that moved meanwhile
// (riverqueue/river#1302: a rescuer that overwrote finished rows).
package sweeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tenantatlas/shared/run"
)

// Limits of a sweep. The zero value of a field means its default.
type Limits struct {
	// Grace is how long a run may be overdue before it is rescued: messages and
	// index entries need a moment. 20 s, so that with a sweep a minute a lost message
	// costs less than 90 s, and with a lease of a minute a dead worker less than 150 s.
	// With every rescue that nobody answered it
	// doubles, up to GraceMax: a queue that is merely long must not be filled with
	// more messages. 10 minutes.
	Grace, GraceMax time.Duration
	// NotifyAfter is how long the stream has to notify of an end. 2 minutes.
	NotifyAfter time.Duration
	Parallel    int // runs looked at side by side; 8
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Grace, 20*time.Second)
	def(&l.GraceMax, 10*time.Minute)
	def(&l.NotifyAfter, 2*time.Minute)
	if l.Parallel <= 0 {
		l.Parallel = 8
	}
	return l
}

// Report says what a sweep did.
type Report struct {
	Seen     int // runs looked at
	Rescued  int // given another message
	Ended    int // ended as deadline_exceeded, stuck or canceled
	Notified int // ends whose notification was stored or confirmed here
	Applied  int // schedules that the timetable was told of
	Faults   int // runs that could not be dealt with; the next sweep tries again
}

// Sweeper sweeps.
type Sweeper struct {
	Runs  run.Runs
	Queue run.Queue
	// Notify stores the notifications of an ended run and confirms them. It can be
	// repeated.
	Notify func(context.Context, run.Run) error
	// Apply tells the timetable of every schedule that it may not have, and returns
	// how many it told. nil: there are none.
	Apply  func(context.Context) (int, error)
	Now    func() time.Time
	Log    *slog.Logger
	Limits Limits
}

// Sweep looks at every open run, and at every end that is not notified, once. A
// fault with one run does not keep it from the others; the error is that of a
// list that could not be read to its end.
func (s *Sweeper) Sweep(ctx context.Context) (Report, error) {
	var (
		mu     sync.Mutex
		report Report
		errs   []error
		wait   sync.WaitGroup
	)
	limits := s.Limits.withDefaults()
	slots := make(chan struct{}, limits.Parallel)
	look := func(ref run.RunRef) {
		defer wait.Done()
		defer func() { <-slots }()
		did, err := s.one(ctx, ref, limits)
		mu.Lock()
		defer mu.Unlock()
		report.Seen++
		switch {
		case err != nil:
			report.Faults++
			s.Log.ErrorContext(ctx, "run could not be swept", "tenant", ref.TenantID, "run", ref.RunID, "error", err)
		case did == rescued:
			report.Rescued++
		case did == ended:
			report.Ended++
		case did == notified:
			report.Notified++
		}
	}
	for _, list := range []func(context.Context, int, run.PageRequest) (run.Page[run.RunRef], error){s.Runs.OpenRuns, s.Runs.Unnotified} {
		for shard := range run.OpenShards {
			for cursor := ""; ; {
				page, err := list(ctx, shard, run.PageRequest{Limit: 200, Cursor: cursor})
				if err != nil {
					errs = append(errs, fmt.Errorf("list shard %d: %w", shard, err))
					break
				}
				for _, ref := range page.Items {
					slots <- struct{}{}
					wait.Add(1)
					go look(ref)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
		}
	}
	wait.Wait()
	if s.Apply != nil {
		var err error
		if report.Applied, err = s.Apply(ctx); err != nil {
			errs = append(errs, fmt.Errorf("tell the timetable: %w", err))
		}
	}
	return report, errors.Join(errs...)
}

type deed int

const (
	nothing deed = iota
	rescued
	ended
	notified
)

// one deals with one run.
func (s *Sweeper) one(ctx context.Context, ref run.RunRef, limits Limits) (deed, error) {
	r, err := s.Runs.Run(ctx, ref.TenantID, ref.RunID)
	if err != nil {
		return nothing, fmt.Errorf("read: %w", err)
	}
	now := s.Now().UTC()
	did, failure := decide(r, now, limits)
	switch did {
	case ended:
		end := r.Stop(failure, now)
		end.Unheld = true
		_, err = s.Runs.End(ctx, r.Fence(), end)
	case rescued:
		err = s.rescue(ctx, r, now)
	case notified:
		err = s.Notify(ctx, r)
	}
	if errors.Is(err, run.ErrFenced) || errors.Is(err, run.ErrRunEnded) {
		return nothing, nil // it moved meanwhile, which is all that was wanted
	}
	if err != nil {
		return nothing, err
	}
	if did != nothing {
		s.Log.WarnContext(ctx, "run was swept", "tenant", r.TenantID, "run", r.ID, "did", did.String(), "code", failure.Code, "attempts", r.Attempts, "crashes", r.Crashes)
	}
	return did, nil
}

func (d deed) String() string { return [...]string{"nothing", "rescued", "ended", "notified"}[d] }

// decide says what a run needs. It depends on nothing but its arguments.
func decide(r run.Run, now time.Time, limits Limits) (deed, run.Failure) {
	if r.Status.Terminal() {
		// Listed because it is not confirmed yet, or because the index lags.
		if r.FinishedAt != nil && now.Before(r.FinishedAt.Add(limits.NotifyAfter)) {
			return nothing, run.Failure{}
		}
		return notified, run.Failure{}
	}
	grace := limits.Grace
	if !now.Before(r.DeadlineAt) {
		grace = 0 // nobody may go on with it: with 60 s of lease it ends within two minutes
	}
	if r.Owner != "" && now.Before(r.LeaseUntil.Add(grace)) {
		return nothing, run.Failure{} // a worker has it, and ends it itself
	}
	if r.CancelAt != nil {
		return ended, r.Cancellation()
	}
	if !now.Before(r.DeadlineAt) {
		return ended, r.Overdue()
	}
	if f, stuck := r.Stuck(); stuck {
		return ended, f
	}
	due := r.UpdatedAt
	for _, t := range []time.Time{r.NotBefore, r.LeaseUntil} {
		if t.After(due) {
			due = t
		}
	}
	grace = min(limits.Grace<<min(r.Rescues, 20), limits.GraceMax)
	if now.Before(due.Add(grace)) {
		return nothing, run.Failure{}
	}
	return rescued, run.Failure{}
}

// rescue shuts out whoever held the run and sends another message. Should the
// send fail, the run is due again after a while like any other.
func (s *Sweeper) rescue(ctx context.Context, r run.Run, now time.Time) error {
	r, err := s.Runs.Rescue(ctx, r, now)
	if err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if err := s.Queue.Send(ctx, r.Operation, r.Dispatch(), 0); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
