// Package summary keeps the summary of each tenant, which overviews are read from. It
// reads records alone. Everything can be repeated and comes right by itself: what is
// counted is counted whole each time, so that a count that was missed is made up for
// by the next one.
package summary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// Store is what a summary is made of.
type Store interface {
	run.Summaries
	Run(ctx context.Context, tenantID, runID string) (run.Run, error)
	AllPolicies(ctx context.Context, tenantID string) ([]run.Policy, error)
	ListBackupSets(ctx context.Context, q run.SetQuery, p run.PageRequest) (run.Page[run.BackupSet], error)
	Schedules(ctx context.Context, tenantID string) ([]run.Schedule, error)
	ListDrift(ctx context.Context, q run.DriftQuery, p run.PageRequest) (run.Page[run.Drift], error)
}

// Keeper keeps summaries.
type Keeper struct{ Store Store }

const (
	// countTries is how often a count begins anew because another was stored meanwhile.
	countTries = 8
	// smallInventory is how many policies are counted again after each capture of one.
	// In a larger tenant that waits until the count is recount old, or for a run that
	// changes more.
	smallInventory = 500
	recount        = time.Hour
	// strayAfter is how long an active run may be believed.
	strayAfter = time.Hour
	// lookedSets is how many sets the backup of a tenant is looked for among.
	lookedSets = 50
)

// Began enters a new run, unless it has ended since: a replayed stream tells of the
// beginning of runs whose end it told long ago.
func (k Keeper) Began(ctx context.Context, r run.Run) error {
	now, err := k.Store.Run(ctx, r.TenantID, r.ID)
	if errors.Is(err, run.ErrNotFound) || err == nil && now.Status.Terminal() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read new run: %w", err)
	}
	if err := k.Store.NoteActive(ctx, r.TenantID, r.ID, true); err != nil {
		return fmt.Errorf("note active run: %w", err)
	}
	return nil
}

// Ended enters the end of a run and counts what it may have changed.
func (k Keeper) Ended(ctx context.Context, r run.Run) error {
	if err := k.Store.NoteEnded(ctx, r); err != nil {
		return fmt.Errorf("note ended run: %w", err)
	}
	return k.count(ctx, r.TenantID, func(have run.Summary) (run.SummaryCounts, error) {
		if err := k.strays(ctx, have, r.Ended()); err != nil {
			return run.SummaryCounts{}, err
		}
		return k.changed(ctx, have, r)
	})
}

// Schedules counts the schedules of a tenant.
func (k Keeper) Schedules(ctx context.Context, tenantID string) error {
	return k.count(ctx, tenantID, func(run.Summary) (c run.SummaryCounts, err error) {
		c.Schedules, err = k.schedules(ctx, tenantID)
		return c, err
	})
}

// Sets looks for the backup of a tenant.
func (k Keeper) Sets(ctx context.Context, tenantID string) error {
	return k.count(ctx, tenantID, func(run.Summary) (c run.SummaryCounts, err error) {
		c.Backup, err = k.backup(ctx, tenantID)
		return c, err
	})
}

// count stores what f counts. Who comes second counts again, so that of two counts
// the one that saw less does not stand.
func (k Keeper) count(ctx context.Context, tenantID string, f func(run.Summary) (run.SummaryCounts, error)) error {
	for range countTries {
		have, err := k.Store.Summary(ctx, tenantID)
		if err != nil {
			return fmt.Errorf("read summary: %w", err)
		}
		c, err := f(have)
		if err != nil {
			return err
		}
		if c == (run.SummaryCounts{}) {
			return nil
		}
		if err = k.Store.PutCounts(ctx, tenantID, have.Rev, c); !errors.Is(err, run.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("count for the summary: %w", run.ErrConflict)
}

// strays takes out runs whose end was missed.
func (k Keeper) strays(ctx context.Context, have run.Summary, now time.Time) error {
	for _, id := range have.Active {
		if id > run.FirstID(run.PrefixRun, now.Add(-strayAfter)) {
			continue
		}
		r, err := k.Store.Run(ctx, have.TenantID, id)
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return fmt.Errorf("read active run: %w", err)
		}
		if err == nil && !r.Status.Terminal() {
			continue
		}
		if err := k.Store.NoteActive(ctx, have.TenantID, id, false); err != nil {
			return fmt.Errorf("take out stray run: %w", err)
		}
	}
	return nil
}

// changed counts what a run may have changed.
func (k Keeper) changed(ctx context.Context, have run.Summary, r run.Run) (c run.SummaryCounts, err error) {
	if k.movedPolicies(have, r) {
		policies, err := k.Store.AllPolicies(ctx, r.TenantID)
		if err != nil {
			return c, fmt.Errorf("read inventory: %w", err)
		}
		count := run.CountInventory(policies, r.Ended())
		c.Inventory = &count
	}
	if r.Operation == run.OpBackupSetCreate || r.Operation == run.OpBackupSetAdd {
		if c.Backup, err = k.backup(ctx, r.TenantID); err != nil {
			return c, err
		}
	}
	if r.Operation == run.OpBackupSetCreate && (r.Totals[string(reason.FieldDrift)] > 0 || !have.DriftCounted) {
		if c.OpenDrift, err = k.drift(ctx, r.TenantID); err != nil {
			return c, err
		}
	}
	if have.Schedules == nil || c != (run.SummaryCounts{}) {
		c.Schedules, err = k.schedules(ctx, r.TenantID)
	}
	return c, err
}

// movedPolicies says whether the inventory is to be counted after a run.
func (k Keeper) movedPolicies(have run.Summary, r run.Run) bool {
	last := have.Inventory
	switch r.Operation {
	case run.OpConnectionTest, run.OpRestorePreview:
		return false
	case run.OpInventorySync:
		moved := r.Totals[string(reason.FieldAdded)] + r.Totals[string(reason.FieldChanged)] + r.Totals[string(reason.FieldGone)]
		return last == nil || moved > 0
	case run.OpCaptureSnapshot:
		small := last == nil || last.Present+last.Vanished <= smallInventory
		return small || r.Counts.Total != 1 || r.Ended().Sub(last.At) > recount
	}
	return true
}

func (k Keeper) backup(ctx context.Context, tenantID string) (*run.BackupSummary, error) {
	sets, err := k.Store.ListBackupSets(ctx, run.SetQuery{TenantID: tenantID}, run.PageRequest{Limit: lookedSets})
	if err != nil {
		return nil, fmt.Errorf("list backup sets: %w", err)
	}
	found := run.BackupSummary{}
	for _, b := range sets.Items { // newest first
		t := b.Tally
		if t == nil || t.Captured+t.Incomplete == 0 || found.SetID != "" && !b.Selection.All {
			continue
		}
		found = run.BackupSummary{
			SetID: b.ID, Name: b.Name, Whole: b.Selection.All, ScheduleID: b.ScheduleID, CreatedAt: b.CreatedAt,
			Policies: t.Policies, Captured: t.Captured, Incomplete: t.Incomplete, Missing: t.Missing + t.Pending,
		}
		if found.Whole {
			break
		}
	}
	return &found, nil
}

func (k Keeper) schedules(ctx context.Context, tenantID string) (*run.ScheduleCount, error) {
	all, err := k.Store.Schedules(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	c := run.CountSchedules(all)
	return &c, nil
}

// drift counts open drift, and looks at no more than it takes to fill some pages.
func (k Keeper) drift(ctx context.Context, tenantID string) (*int, error) {
	open, n := true, 0
	const page = 200
	for cursor, pages := "", 0; pages < run.MaxCountedDrift/page; pages++ {
		found, err := k.Store.ListDrift(ctx, run.DriftQuery{TenantID: tenantID, Open: &open}, run.PageRequest{Limit: page, Cursor: cursor})
		if err != nil {
			return nil, fmt.Errorf("list drift: %w", err)
		}
		n += len(found.Items)
		if cursor = found.Next; cursor == "" {
			break
		}
	}
	return &n, nil
}
