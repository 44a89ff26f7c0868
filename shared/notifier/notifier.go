// Package notifier turns the changes of runs into notifications for whoever
// started them. It reads nothing but the images of the run, because other
// records of the same transaction may reach the stream later or not at all.
package notifier

import (
	"context"
	"fmt"
	"time"

	"tenantatlas/shared/run"
)

// For returns the notification that a change of a run calls for, if any. old is
// nil for a new run. The result depends on the images alone, so a replayed
// change gives the same notification with the same key.
func For(old *run.Run, now run.Run) (run.Notification, bool) {
	if old != nil && old.Status == now.Status {
		return run.Notification{}, false
	}
	n := run.Notification{
		UserID: now.Initiator.UserID, TenantID: now.TenantID, TenantName: now.TenantName, RunID: now.ID,
		Operation: now.Operation, Status: now.Status, Target: now.Target, Counts: now.Counts, Totals: now.Totals,
		Failure: now.Failure, StartedAt: now.StartedAt,
	}
	switch {
	case now.Status == run.StatusQueued:
		n.Kind, n.At, n.Read = run.NotifyQueued, now.CreatedAt, true
	case now.Status == run.StatusRunning:
		n.Kind, n.At, n.Read = run.NotifyRunning, started(now), true
	case now.Status.Terminal():
		n.Kind, n.At = run.NotifyEnded, ended(now)
	default:
		return run.Notification{}, false // a state of a later version of the product
	}
	return n, n.UserID != ""
}

func started(r run.Run) time.Time {
	if r.StartedAt != nil {
		return *r.StartedAt
	}
	return r.UpdatedAt
}

func ended(r run.Run) time.Time {
	if r.FinishedAt != nil {
		return *r.FinishedAt
	}
	return r.UpdatedAt
}

// Store keeps notifications; a repeat must add nothing.
type Store interface {
	PutNotification(ctx context.Context, n run.Notification) error
}

// Notifier stores the notifications of changes.
type Notifier struct{ Store Store }

// Changed handles one change of a run. It can be repeated.
func (n Notifier) Changed(ctx context.Context, old *run.Run, now run.Run) error {
	note, ok := For(old, now)
	if !ok {
		return nil
	}
	if err := n.Store.PutNotification(ctx, note); err != nil {
		return fmt.Errorf("store notification of run %s: %w", now.ID, err)
	}
	return nil
}
