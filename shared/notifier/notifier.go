// Package notifier turns the changes of runs into notifications for whoever
// started them. It reads nothing but the images of the run, because other
// records of the same transaction may reach the stream later or not at all.
package notifier

import (
	"context"
	"errors"
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
	n := Of(now.Initiator.UserID, now)
	switch {
	case now.Status == run.StatusQueued:
		n.Kind, n.At, n.Read = run.NotifyQueued, now.CreatedAt, true
	case now.Status == run.StatusRunning:
		n.Kind, n.At, n.Read = run.NotifyRunning, started(now), true
	case !now.Status.Terminal():
		return run.Notification{}, false // a state of a later version of the product
	}
	return n, n.UserID != ""
}

// Of is the notification of a run's end for a user.
func Of(userID string, now run.Run) run.Notification {
	return run.Notification{
		UserID: userID, Kind: run.NotifyEnded, At: EndedAt(now), TenantID: now.TenantID, TenantName: now.TenantName, RunID: now.ID,
		Operation: now.Operation, Status: now.Status, Target: now.Target, Counts: now.Counts, Totals: now.Totals,
		Failure: now.Failure, StartedAt: now.StartedAt,
	}
}

func started(r run.Run) time.Time {
	if r.StartedAt != nil {
		return *r.StartedAt
	}
	return r.UpdatedAt
}

// EndedAt is when a run ended.
func EndedAt(r run.Run) time.Time {
	if r.FinishedAt != nil {
		return *r.FinishedAt
	}
	return r.UpdatedAt
}

// Store keeps notifications.
type Store interface {
	// PutNotification stores a notification once: a repeat adds nothing.
	PutNotification(ctx context.Context, n run.Notification) error
	// Notified confirms that those of an ended run are stored.
	Notified(ctx context.Context, tenantID, runID string) error
}

// streamKeeps is well below the 24 hours for which a stream keeps its records.
const streamKeeps = 12 * time.Hour

// Notifier stores the notifications of changes.
type Notifier struct {
	Store Store
	// Follow does what else the end of a run brings about. It is done before the end
	// is confirmed, so it may be done again. nil: nothing.
	Follow func(ctx context.Context, r run.Run) error
	// Begin does what a new run brings about beside its notification. What it does need
	// not be made up for when the stream told nothing. nil: nothing.
	Begin func(ctx context.Context, r run.Run) error
}

// Changed handles one change of a run. It can be repeated.
func (n Notifier) Changed(ctx context.Context, old *run.Run, now run.Run) error {
	note, ok := For(old, now)
	if old == nil && !now.Status.Terminal() && n.Begin != nil {
		if err := n.Begin(ctx, now); err != nil {
			return fmt.Errorf("follow up on new run %s: %w", now.ID, err)
		}
	}
	switch {
	case !now.Status.Terminal() && ok:
		return n.put(ctx, note)
	case !now.Status.Terminal(), old != nil && old.Status == now.Status:
		return nil
	case EndedAt(now).Sub(now.CreatedAt) > streamKeeps:
		// What the stream told of the beginning may have expired untold.
		return n.Ended(ctx, now)
	}
	if ok { // nobody waits for a run of a schedule
		if err := n.put(ctx, note); err != nil {
			return err
		}
	}
	return n.confirm(ctx, now)
}

// Ended stores every notification that an ended run calls for and confirms them.
// It needs no change to be told of, so it also makes up for a stream that told
// nothing. It can be repeated.
func (n Notifier) Ended(ctx context.Context, r run.Run) error {
	queued, running := r, r
	queued.Status, queued.StartedAt, queued.Failure = run.StatusQueued, nil, nil
	queued.Counts, queued.Totals = run.Counts{}, nil
	running.Status, running.Failure = run.StatusRunning, nil
	running.Counts, running.Totals = run.Counts{}, nil
	images := []run.Run{queued}
	if r.StartedAt != nil {
		images = append(images, running)
	}
	for _, image := range append(images, r) {
		if note, ok := For(nil, image); ok {
			if err := n.put(ctx, note); err != nil {
				return err
			}
		}
	}
	return n.confirm(ctx, r)
}

func (n Notifier) put(ctx context.Context, note run.Notification) error {
	if err := n.Store.PutNotification(ctx, note); err != nil {
		return fmt.Errorf("store notification of run %s: %w", note.RunID, err)
	}
	return nil
}

func (n Notifier) confirm(ctx context.Context, r run.Run) error {
	if n.Follow != nil {
		if err := n.Follow(ctx, r); err != nil {
			return fmt.Errorf("follow up on run %s: %w", r.ID, err)
		}
	}
	// A run that is gone needs no confirmation.
	if err := n.Store.Notified(ctx, r.TenantID, r.ID); err != nil && !errors.Is(err, run.ErrNotFound) {
		return fmt.Errorf("confirm notification of run %s: %w", r.ID, err)
	}
	return nil
}
