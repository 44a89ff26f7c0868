// Package cancel stops runs at someone's wish. A run that nobody works on ends at
// once; one that a worker holds is asked to stop, which it does within a slice.
package cancel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenantatlas/shared/run"
)

// Canceler cancels runs.
type Canceler struct {
	Runs run.Runs
	Now  func() time.Time
}

// Cancel stops the run for the principal, who must hold the role of the run's
// operation: that is the caller's to check, with Run.Operation. It returns the
// run as it stands then: canceled, or asked to stop. A run that was asked before
// is returned as it is. Errors: run.ErrNotFound, run.ErrRunEnded.
func (c *Canceler) Cancel(ctx context.Context, tenantID, runID string, by run.Initiator) (run.Run, error) {
	// Another round is needed only when the run changes hands between the read and
	// the write.
	for range 4 {
		r, err := c.Runs.Run(ctx, tenantID, runID)
		switch {
		case err != nil:
			return run.Run{}, fmt.Errorf("read run: %w", err)
		case r.Status.Terminal():
			return run.Run{}, run.ErrRunEnded
		}
		now := c.Now().UTC()
		if r.Owner != "" {
			return c.request(ctx, r, by, now)
		}
		if r.CancelAt == nil {
			r.CanceledBy = by
		}
		end := r.Stop(r.Cancellation(), now)
		end.Unheld = true
		ended, err := c.Runs.End(ctx, r.Fence(), end)
		switch {
		case err == nil:
			return ended, nil
		case !errors.Is(err, run.ErrFenced):
			return run.Run{}, fmt.Errorf("end run: %w", err)
		}
	}
	return run.Run{}, errors.New("the run changed hands too often")
}

func (c *Canceler) request(ctx context.Context, r run.Run, by run.Initiator, now time.Time) (run.Run, error) {
	r, err := c.Runs.RequestCancel(ctx, r.TenantID, r.ID, run.CancelRequest{By: by, At: now, Audit: run.AuditEvent{
		TenantID: r.TenantID, At: now, Event: run.AuditRunCancel, ActorID: by.UserID, ActorName: by.Name,
		RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: r.Status,
	}})
	if err != nil {
		return run.Run{}, fmt.Errorf("request cancel: %w", err)
	}
	return r, nil
}
