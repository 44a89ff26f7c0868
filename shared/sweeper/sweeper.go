// Package sweeper finds runs that nobody works on and makes them go on or end:
// runs whose message was lost, whose worker died, whose time is over, or that
// keep getting nowhere. It runs every minute and never touches a run that a
// living worker holds.
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
	"strconv"
	"sync"
	"time"

	"tenantatlas/shared/run"
)

// Limits of a sweep. The zero value of a field means its default.
type Limits struct {
	// Grace is how long a run may be overdue before it is rescued: messages and
	// index entries need a moment. 30 s.
	Grace time.Duration
	// MaxAttempts is how many claims in a row may achieve nothing;
	// run.MaxAttempts.
	MaxAttempts int
	// Again bounds how soon a rescued run is looked at again, doubling in
	// between: a queue that is merely long must not be filled with more
	// messages. 1 to 10 minutes.
	AgainMin, AgainMax time.Duration
	Parallel           int // runs looked at side by side; 8
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Grace, 30*time.Second)
	def(&l.AgainMin, time.Minute)
	def(&l.AgainMax, 10*time.Minute)
	if l.MaxAttempts <= 0 {
		l.MaxAttempts = run.MaxAttempts
	}
	if l.Parallel <= 0 {
		l.Parallel = 8
	}
	return l
}

// Report says what a sweep did.
type Report struct {
	Seen    int // open runs looked at
	Rescued int // given another message
	Ended   int // ended as deadline_exceeded or stuck
	Faults  int // runs that could not be dealt with; the next sweep tries again
}

// Sweeper sweeps.
type Sweeper struct {
	Runs   run.Runs
	Queue  run.Queue
	Now    func() time.Time
	Log    *slog.Logger
	Limits Limits
}

// Sweep looks at every open run once. A fault with one run does not keep it from
// the others; the error is that of a list that could not be read to its end.
func (s *Sweeper) Sweep(ctx context.Context) (Report, error) {
	var (
		mu     sync.Mutex
		report Report
		errs   []error
		wait   sync.WaitGroup
	)
	limits := s.Limits.withDefaults()
	slots := make(chan struct{}, limits.Parallel)
	for shard := range run.OpenShards {
		for cursor := ""; ; {
			page, err := s.Runs.OpenRuns(ctx, shard, run.PageRequest{Limit: 200, Cursor: cursor})
			if err != nil {
				errs = append(errs, fmt.Errorf("list open runs of shard %d: %w", shard, err))
				break
			}
			for _, ref := range page.Items {
				slots <- struct{}{}
				wait.Go(func() {
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
					}
				})
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	wait.Wait()
	return report, errors.Join(errs...)
}

type deed int

const (
	nothing deed = iota
	rescued
	ended
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
		_, err = s.Runs.End(ctx, r.Fence(), run.RunEnd{Status: run.StatusFailed, Failure: failure, At: now, Audit: r.EndAudit(run.StatusFailed, failure, now)})
	case rescued:
		err = s.rescue(ctx, r, now, limits)
	}
	if errors.Is(err, run.ErrFenced) || errors.Is(err, run.ErrRunEnded) {
		return nothing, nil // it moved meanwhile, which is all that was wanted
	}
	if err != nil {
		return nothing, err
	}
	if did != nothing {
		code := ""
		if failure != nil {
			code = failure.Code
		}
		s.Log.WarnContext(ctx, "run was swept", "tenant", r.TenantID, "run", r.ID, "rescued", did == rescued, "code", code, "attempts", r.Attempts)
	}
	return did, nil
}

// decide says what a run needs. It depends on nothing but its arguments.
func decide(r run.Run, now time.Time, limits Limits) (deed, *run.Failure) {
	if r.Status.Terminal() {
		return nothing, nil // the index lags
	}
	if r.Owner != "" && now.Before(r.LeaseUntil.Add(limits.Grace)) {
		return nothing, nil // a worker has it, and ends it itself at its deadline
	}
	if !now.Before(r.DeadlineAt) {
		return ended, &run.Failure{Code: "deadline_exceeded"}
	}
	if r.Attempts > limits.MaxAttempts {
		return ended, &run.Failure{Code: "stuck", Params: map[string]string{"attempts": strconv.Itoa(r.Attempts)}}
	}
	due := r.UpdatedAt
	for _, t := range []time.Time{r.NotBefore, r.LeaseUntil} {
		if t.After(due) {
			due = t
		}
	}
	if now.Before(due.Add(limits.Grace)) {
		return nothing, nil
	}
	return rescued, nil
}

// rescue shuts out whoever held the run and sends another message. Should the
// send fail, the run is due again after a while like any other.
func (s *Sweeper) rescue(ctx context.Context, r run.Run, now time.Time, limits Limits) error {
	gap := limits.AgainMin
	if !r.NotBefore.IsZero() {
		gap = min(max(2*r.NotBefore.Sub(r.UpdatedAt), limits.AgainMin), limits.AgainMax)
	}
	again := now.Add(gap)
	r, err := s.Runs.Rescue(ctx, r.Fence(), r.DispatchSeq, again, now)
	if err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if err := s.Queue.Send(ctx, r.Operation, r.Dispatch(), 0); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
