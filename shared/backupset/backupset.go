// Package backupset counts what a backup set holds, makes sets of what was captured
// before, and compares two of them. It reads records alone, never Microsoft Graph.
package backupset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenantatlas/shared/run"
)

// RunReader reads runs.
type RunReader interface {
	// Run reads one run, strong. run.ErrNotFound.
	Run(ctx context.Context, tenantID, runID string) (run.Run, error)
}

// Counter keeps the tally of sets.
type Counter struct {
	Sets run.BackupSets
	Runs RunReader
}

// countTries is how often a count begins anew because a run began or another count
// ended meanwhile. With that many runs at once on one set, the last one counts.
const countTries = 8

// Ended counts the set of a run that has ended, if it has one. It can be repeated.
// A run that adds to the set meanwhile counts again when it ends.
func (c Counter) Ended(ctx context.Context, r run.Run, at time.Time) error {
	if r.Target.Kind != run.TargetBackupSet {
		return nil
	}
	for range countTries {
		err := c.count(ctx, r, at)
		if errors.Is(err, run.ErrNotFound) {
			return nil
		}
		if !errors.Is(err, run.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("count set %s: %w", r.Target.ID, run.ErrConflict)
}

func (c Counter) count(ctx context.Context, r run.Run, at time.Time) error {
	set, err := c.Sets.BackupSet(ctx, r.TenantID, r.Target.ID)
	if err != nil {
		return fmt.Errorf("read set: %w", err)
	}
	var ended []string
	for _, id := range set.ActiveRuns {
		done := id == r.ID && r.Status.Terminal()
		if !done {
			if done, err = Ended(ctx, c.Runs, r.TenantID, id); err != nil {
				return err
			}
		}
		if done {
			ended = append(ended, id)
		}
	}
	tally := run.SetTally{Types: map[string]run.TypeTally{}, At: at}
	err = run.EachItem(ctx, c.Sets, r.TenantID, set.ID, func(i run.BackupItem) error {
		Add(&tally, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read items of set: %w", err)
	}
	if _, err := c.Sets.CountBackupSet(ctx, set, tally, ended); err != nil {
		return fmt.Errorf("store tally: %w", err)
	}
	return nil
}

// Ended reports whether a run can change nothing any more.
func Ended(ctx context.Context, runs RunReader, tenantID, runID string) (bool, error) {
	r, err := runs.Run(ctx, tenantID, runID)
	if errors.Is(err, run.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read run of set: %w", err)
	}
	return r.Status.Terminal(), nil
}

// Add counts one more item.
func Add(t *run.SetTally, i run.BackupItem) {
	t.Policies++
	of := t.Types[i.Type]
	of.Policies++
	switch i.State {
	case run.ItemCaptured:
		t.Captured++
	case run.ItemIncomplete:
		t.Incomplete++
	case run.ItemMissing:
		t.Missing++
	default:
		t.Pending++
	}
	if i.State.Held() {
		of.Captured++
	}
	if i.Foundation {
		t.Foundations++
	}
	t.Types[i.Type] = of
}
