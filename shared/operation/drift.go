package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// numberDrift counts policies that changed since the set of the schedule before.
const numberDrift = string(reason.FieldDrift)

// baseline is the last set that the same schedule filled before this run.
type baseline struct {
	exists bool
	madeAt time.Time
	items  map[string]run.BackupItem // by policy id
}

// baselineFirings is how far back a filled set is looked for: a schedule that
// failed for longer begins anew.
const baselineFirings = 50

// readBaseline finds the newest earlier set of this run's schedule that holds
// something.
func (b *backupSet) readBaseline(ctx context.Context) (baseline, error) {
	scheduleID := b.run.Initiator.ScheduleID
	if scheduleID == "" || b.run.Operation != run.OpBackupSetCreate {
		return baseline{}, nil
	}
	firings, err := b.Schedules.Firings(ctx, b.tenant.ID, scheduleID, run.PageRequest{Limit: baselineFirings})
	if err != nil {
		return baseline{}, fmt.Errorf("read firings: %w", err)
	}
	for _, f := range firings.Items {
		// Set ids sort by time.
		if f.SetID == "" || f.SetID >= b.setID() {
			continue
		}
		set, err := b.Sets.BackupSet(ctx, b.tenant.ID, f.SetID)
		if errors.Is(err, run.ErrNotFound) {
			continue
		}
		if err != nil {
			return baseline{}, fmt.Errorf("read set before: %w", err)
		}
		out := baseline{exists: true, madeAt: set.CreatedAt, items: map[string]run.BackupItem{}}
		held := false
		err = run.EachItem(ctx, b.Sets, b.tenant.ID, f.SetID, func(i run.BackupItem) error {
			out.items[i.PolicyID] = i
			held = held || i.State.Held()
			return nil
		})
		if err != nil {
			return baseline{}, fmt.Errorf("read items of the set before: %w", err)
		}
		if held {
			return out, nil
		}
	}
	return baseline{}, nil
}

// gone are items for the policies that the baseline holds and the tenant has no
// more.
func (b *backupSet) gone(ctx context.Context, all []run.Policy) ([]run.Item, error) {
	base, err := b.baseline(ctx)
	if err != nil || !base.exists {
		return nil, err
	}
	var items []run.Item
	for _, p := range all {
		if i, ok := base.items[p.ID]; ok && i.State.Held() && p.VanishedAt != nil {
			items = append(items, run.Item{Key: p.ID, Kind: run.KindVanished, Name: p.Name, Type: p.Type})
		}
	}
	slices.SortFunc(items, func(a, b run.Item) int { return cmp.Compare(a.Key, b.Key) })
	return items, nil
}

// actGone records that a policy vanished.
func (b *backupSet) actGone(ctx context.Context, item run.Item) (run.Outcome, error) {
	p, err := b.Policies.Policy(ctx, b.tenant.ID, item.Key)
	if err != nil {
		return run.Outcome{}, fmt.Errorf("read policy record: %w", err)
	}
	base, err := b.baseline(ctx)
	if err != nil {
		return run.Outcome{}, err
	}
	d := b.driftOf(p, run.ChangeVanished)
	d.From = base.items[p.ID].Version
	if err := b.Drifts.PutDrift(ctx, d); err != nil {
		return run.Outcome{}, fmt.Errorf("record drift: %w", err)
	}
	return run.Outcome{Status: run.OutcomeSkipped, Code: string(reason.Vanished), Numbers: map[string]int{numberDrift: 1}}, nil
}

// drift records whether a policy is new or changed since the baseline.
func (b *backupSet) drift(ctx context.Context, p run.Policy, got snapshot) (bool, error) {
	base, err := b.baseline(ctx)
	if err != nil || !base.exists || got.version.Number == 0 {
		return false, err
	}
	before, known := base.items[p.ID]
	d := b.driftOf(p, run.ChangeNew)
	d.To = got.version.Number
	switch {
	case !known && p.FirstSeenAt.After(base.madeAt):
	case !known && p.LastChange == run.ChangeReturned && p.ChangedAt.After(base.madeAt):
		d.Kind = run.ChangeReturned
	case !known || !before.State.Held() || before.ContentHash == got.version.ContentHash:
		// One that was there and was not chosen or not captured says nothing.
		return false, nil
	default:
		d.Kind, d.From = run.ChangeChanged, before.Version
		if err := b.changes(ctx, &d, before, got); err != nil {
			return false, err
		}
		if d.Total == 0 {
			return false, nil // a part that could not be read is no change
		}
	}
	if err := b.Drifts.PutDrift(ctx, d); err != nil {
		return false, fmt.Errorf("record drift: %w", err)
	}
	return true, nil
}

func (b *backupSet) driftOf(p run.Policy, kind run.Change) run.Drift {
	return run.Drift{
		TenantID: b.tenant.ID, ID: run.DriftID(b.run.ID, p.ID), RunID: b.run.ID, ScheduleID: b.run.Initiator.ScheduleID,
		PolicyID: p.ID, Name: p.Name, Type: p.Type, Platform: p.Platform, Kind: kind, FoundAt: b.Now().UTC(),
	}
}

// maxDriftChanges is how many changed settings are named in a record of drift.
const maxDriftChanges = 50

// changes fills in which settings changed from the baseline's version to this one.
// Values stay out of the record: the two versions have them, and a comparison
// shows them to who may read those.
func (b *backupSet) changes(ctx context.Context, d *run.Drift, before run.BackupItem, got snapshot) error {
	t, ok := catalog.ByID(got.version.PolicyType)
	if !ok {
		return fmt.Errorf("version of the unknown type %q", got.version.PolicyType)
	}
	old, err := b.Archive.Get(ctx, b.tenant.ID, before.PayloadKey)
	if err != nil {
		return fmt.Errorf("read payload before: %w", err)
	}
	result, err := diff.Compare(t, old, got.payload)
	if err != nil {
		return fmt.Errorf("compare versions: %w", err)
	}
	for _, c := range result.Changes {
		if c.Kind == diff.Unreadable {
			result.Total--
			continue
		}
		if len(d.Changes) < maxDriftChanges {
			d.Changes = append(d.Changes, run.DriftChange{Setting: reason.ClipName(c.Label), Kind: string(c.Kind)})
		}
	}
	d.Total = result.Total
	return nil
}
