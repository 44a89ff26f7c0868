package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// How an object goes that a restore made, when that restore is undone.

func (x *liveRestore) applyDelete(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.plan.GraphID)
	if err != nil || live == nil { // it is gone
		return err
	}
	if is, err := x.expects(ctx, j, live); err != nil || !is {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	if err := x.precapture(ctx, j, live); err != nil {
		return err
	}
	return x.remove(ctx, j, live)
}

// begunDelete finds out whether an earlier worker began to remove the object: it is
// captured as it was, and is gone, or as the steps before the last one leave it.
func (x *liveRestore) begunDelete(ctx context.Context, j *job) (bool, error) {
	live, err := x.live.read(ctx, j.t, j.plan.GraphID)
	if err != nil {
		return false, err
	}
	if live != nil {
		if is, err := x.expects(ctx, j, live); err != nil || is {
			return false, err
		}
	}
	v, before, err := x.precaptured(ctx, j)
	if err != nil || v == nil {
		return false, err
	}
	if live == nil {
		j.before = v
		return true, nil
	}
	released, err := j.t.Released(before)
	if err != nil {
		return false, fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	return x.amid(j, v, before, live, released)
}

// remove does what is left of the steps, and looks whether the object is gone. live
// is nil when it is.
func (x *liveRestore) remove(ctx context.Context, j *job, live *found) error {
	for round := 1; live != nil; round++ {
		steps, err := j.t.Delete(live.payload)
		if err != nil {
			return fmt.Errorf("steps of %s: %w", j.t.ID, err)
		}
		was := live.hash
		err = x.steps(ctx, j, steps, j.t.Known(live.graphID), reason.Update)
		var open *uncertain
		if err != nil && !errors.As(err, &open) {
			if j.written.Steps > 0 {
				x.look(ctx, j)
			}
			return err
		}
		for n := 1; ; n++ {
			if live, err = x.live.read(ctx, j.t, j.plan.GraphID); err != nil {
				return err
			}
			if live == nil || open != nil {
				break
			}
			if n == verifyTries {
				return failed(reason.OutcomeUnknown, nil)
			}
			if err := x.Sleep(ctx, time.Duration(n)*time.Second); err != nil {
				return err
			}
		}
		if open != nil && (live == nil || live.hash != was) { // what was not answered was done
			j.written.Steps++
		}
		switch {
		case live != nil && round == maxRounds:
			x.look(ctx, j)
			return &result{code: reason.GraphUnavailable, status: run.OutcomeFailed, failure: open.failure(), params: reason.Params{}.Set(reason.FieldWrite, "unknown")}
		case live != nil:
			if err := x.Sleep(ctx, time.Duration(round)*2*time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}
