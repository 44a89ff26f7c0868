// Package followup does what the end of a run brings about beside its own
// notification: the set it filled is counted, what it found of the tenant's
// connection is noted, what a re-run made up for is marked, the tenant's summary is
// brought up to date, and members are told what they asked to be told of runs that
// nobody started by hand. Everything can be repeated, since a stream repeats.
package followup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tenantatlas/shared/backupset"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/summary"
)

// Store is what a follow-up reads and writes.
type Store interface {
	run.BackupSets
	run.Subscriptions
	summary.Store
	Tenant(ctx context.Context, tenantID string) (run.Tenant, error)
	NoteConnection(ctx context.Context, tenantID string, at time.Time, fault *run.ConnectionFault) error
	PutNotification(ctx context.Context, n run.Notification) error
	Outcomes(ctx context.Context, q run.OutcomeQuery, p run.PageRequest) (run.Page[run.Outcome], error)
	Supersede(ctx context.Context, tenantID, runID, byRunID string, items []string) error
}

// Follower follows up on ended runs.
type Follower struct{ Store Store }

// Began follows up on a new run.
func (f Follower) Began(ctx context.Context, r run.Run) error {
	return summary.Keeper{Store: f.Store}.Began(ctx, r)
}

// Ended follows up on one. All parts are tried, whatever becomes of one.
func (f Follower) Ended(ctx context.Context, r run.Run) error {
	if !r.Status.Terminal() {
		return nil
	}
	err := errors.Join(f.count(ctx, r), f.connection(ctx, r), f.tell(ctx, r), f.supersede(ctx, r))
	// The summary comes last: it tells of the set as it was counted.
	return errors.Join(err, summary.Keeper{Store: f.Store}.Ended(ctx, r))
}

// supersede marks the items that had not succeeded in a restore and that its re-run
// did with success.
func (f Follower) supersede(ctx context.Context, r run.Run) error {
	var in run.RestoreInput
	if r.Operation != run.OpRestoreRerun || r.Counts.Succeeded == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Input, &in); err != nil || in.RerunOf == "" {
		return nil //nolint:nilerr // a record that says nothing will say nothing the next time
	}
	done, err := f.keys(ctx, r.TenantID, r.ID, run.OutcomeSucceeded)
	if err != nil {
		return err
	}
	open, err := f.keys(ctx, r.TenantID, in.RerunOf, run.OutcomeFailed, run.OutcomeSkipped)
	if err != nil {
		return err
	}
	succeeded := make(map[string]bool, len(done))
	for _, key := range done {
		succeeded[key] = true
	}
	items := slices.DeleteFunc(open, func(key string) bool { return !succeeded[key] })
	if len(items) == 0 {
		return nil
	}
	slices.Sort(items)
	if err := f.Store.Supersede(ctx, r.TenantID, in.RerunOf, r.ID, items); err != nil && !errors.Is(err, run.ErrNotFound) {
		return fmt.Errorf("mark superseded items: %w", err)
	}
	return nil
}

// keys are the items of a run that ended in one of the ways.
func (f Follower) keys(ctx context.Context, tenantID, runID string, statuses ...run.OutcomeStatus) ([]string, error) {
	var keys []string
	for cursor := ""; ; {
		page, err := f.Store.Outcomes(ctx, run.OutcomeQuery{TenantID: tenantID, RunID: runID, Statuses: statuses}, run.PageRequest{Limit: 200, Cursor: cursor})
		if err != nil {
			return nil, fmt.Errorf("read outcomes: %w", err)
		}
		for _, o := range page.Items {
			keys = append(keys, o.Item.Key)
		}
		if cursor = page.Next; cursor == "" {
			return keys, nil
		}
	}
}

func (f Follower) count(ctx context.Context, r run.Run) error {
	return backupset.Counter{Sets: f.Store, Runs: f.Store}.Ended(ctx, r, notifier.EndedAt(r))
}

// connection notes what the run found of the tenant's connection, if that is news.
func (f Follower) connection(ctx context.Context, r run.Run) error {
	var fault *run.ConnectionFault
	switch {
	case r.Failure != nil && reason.ConnectionLost(reason.Code(r.Failure.Code)):
		fault = &run.ConnectionFault{Code: r.Failure.Code, RunID: r.ID, At: notifier.EndedAt(r)}
	case r.Status != run.StatusSucceeded && r.Status != run.StatusPartial:
		return nil // says nothing of the connection
	}
	t, err := f.Store.Tenant(ctx, r.TenantID)
	if errors.Is(err, run.ErrNotFound) {
		return nil // a tenant that is gone has no connection
	}
	if err != nil {
		return fmt.Errorf("read tenant: %w", err)
	}
	if fault == nil && t.Connection == nil {
		return nil
	}
	if err := f.Store.NoteConnection(ctx, r.TenantID, notifier.EndedAt(r), fault); err != nil {
		return fmt.Errorf("note connection: %w", err)
	}
	return nil
}

// tell notifies the members who asked to be told of scheduled runs.
func (f Follower) tell(ctx context.Context, r run.Run) error {
	problem := r.Status == run.StatusFailed || r.Status == run.StatusPartial
	drifted := r.Totals[string(reason.FieldDrift)] > 0
	if !r.Scheduled || !problem && !drifted {
		return nil
	}
	subscribers, err := f.Store.Subscribers(ctx, r.TenantID)
	if err != nil {
		return fmt.Errorf("read subscribers: %w", err)
	}
	for _, s := range subscribers {
		n := notifier.Of(s.UserID, r)
		if problem && s.Problems {
			if err := f.Store.PutNotification(ctx, n); err != nil {
				return fmt.Errorf("store notification: %w", err)
			}
		}
		if drifted && s.Drift {
			n.Kind = run.NotifyDrift
			if err := f.Store.PutNotification(ctx, n); err != nil {
				return fmt.Errorf("store notification: %w", err)
			}
		}
	}
	return nil
}
