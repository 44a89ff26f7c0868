package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// How an item that stands in the tenant is brought to what is wanted, and what of it
// is kept first.

func (x *liveRestore) applyUpdate(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.written.GraphID)
	if err != nil {
		return err
	}
	if live == nil {
		return skipped(reason.TargetChanged, nil) // it is gone
	}
	if is, err := x.expects(ctx, j, live); err != nil || !is {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	if live.hash == j.plan.Fingerprint && j.plan.Action == run.PlanUpdate {
		planned, err := j.t.Update(j.captured, live.payload, restore.Mapping(j.plan.References), j.digests)
		if err != nil {
			return fmt.Errorf("plan again: %w", err)
		}
		hash, err := restore.StepsHash(planned.Steps)
		if err != nil {
			return err
		}
		if hash != j.plan.StepsHash {
			// The content is the same and other requests would be sent: what the plan
			// showed is not what would be done.
			return skipped(reason.TargetChanged, nil)
		}
	}
	if err := x.precapture(ctx, j, live); err != nil {
		return err
	}
	if j.written.PolicyID != j.plan.PolicyID { // found by its name
		if err := x.succeeds(ctx, j, live.graphID); err != nil {
			return err
		}
	}
	return x.converge(ctx, j, live)
}

// expects reports whether a live object is as it was compared, or as this restore
// left it.
func (x *liveRestore) expects(ctx context.Context, j *job, live *found) (bool, error) {
	if live.hash == j.plan.Fingerprint || slices.Contains(j.accept, live.hash) {
		return true, nil
	}
	return x.asPlanned(ctx, j, live.payload)
}

// asPlanned reports whether all that changed of an object since it was compared, or
// since this restore wrote it, is what writes of other objects bring about. Those are
// the assignments that come with a policy set: the set may have been written, or be
// gone, since. And where the plan writes others of the type too, it is the place among
// them.
func (x *liveRestore) asPlanned(ctx context.Context, j *job, payload []byte) (bool, error) {
	own, err := restore.OwnFingerprint(j.t, payload)
	if err != nil {
		return false, err
	}
	if own == j.plan.Fingerprint || own == j.plan.OwnFingerprint || slices.Contains(j.accept, own) {
		return true, nil
	}
	settled, err := restore.Settled(j.t, payload)
	if err != nil {
		return false, err
	}
	if slices.Contains(j.accept, settled) {
		return true, nil
	}
	if settled != j.plan.Settled {
		return false, nil
	}
	writes, err := x.writes(ctx)
	return writes[j.t.ID] > 1, err
}

// precapture stores the object as it is before the first write, so that the
// restore can be undone.
func (x *liveRestore) precapture(ctx context.Context, j *job, live *found) error {
	p, err := x.policy(ctx, j, live.graphID, live.doc)
	if err != nil {
		return err
	}
	got, err := x.live.store(ctx, j.t, p, live.doc, live.payload, live.hash)
	var item *itemError
	if errors.As(err, &item) {
		return &result{code: reason.PrecaptureFailed, status: run.OutcomeFailed, failure: &item.failure}
	}
	if err != nil {
		return err
	}
	if got.version.ContentHash != live.hash {
		// This run captured the object before, in another state.
		return fmt.Errorf("the version before of %s is of other content", j.item.Key)
	}
	j.written.Before, j.written.BeforeHash, j.written.PolicyID = got.version.Number, live.hash, p.ID
	return nil
}

// policy is the record of a live object; one that no sync has seen is entered.
func (x *liveRestore) policy(ctx context.Context, j *job, graphID string, doc *document) (run.Policy, error) {
	id := run.PolicyID(x.tenant.ID, j.t.Collection, graphID)
	for range 3 {
		p, err := x.Policies.Policy(ctx, x.tenant.ID, id)
		if err == nil || !errors.Is(err, run.ErrNotFound) {
			return p, err
		}
		now := x.Now().UTC()
		p = run.Policy{
			ID: id, TenantID: x.tenant.ID, Type: j.t.ID, GraphID: graphID, Name: j.plan.Name, FirstSeenAt: now, ChangedAt: now, LastChange: run.ChangeNew, LastRunID: x.run.ID,
		}
		if doc != nil {
			p.Name, p.Platform = doc.name, doc.platform
		}
		if p, err = x.Policies.PutPolicy(ctx, p); err == nil || !errors.Is(err, run.ErrConflict) {
			return p, err
		}
	}
	return run.Policy{}, fmt.Errorf("policy %s: %w", id, run.ErrConflict)
}

// maxRounds is how often an object is brought nearer to what is wanted, when the
// fate of a write is not known.
const maxRounds = 4

// converge brings a live object to what is wanted, whatever part of the way it is.
func (x *liveRestore) converge(ctx context.Context, j *job, live *found) error {
	var change catalog.Change
	for round := 1; ; round++ {
		var err error
		if change, err = x.change(j, live); err != nil {
			return err
		}
		err = x.steps(ctx, j, change.Steps, j.t.Known(live.graphID), reason.Update)
		if err == nil {
			break
		}
		var open *uncertain
		if !errors.As(err, &open) {
			if j.written.Steps > 0 {
				x.look(ctx, j)
			}
			return err
		}
		if round == maxRounds {
			x.look(ctx, j)
			if after := j.written.AfterHash; after != "" && after != live.hash {
				j.written.Steps++
			}
			return &result{code: reason.GraphUnavailable, status: run.OutcomeFailed, failure: open.failure(), params: reason.Params{}.Set(reason.FieldWrite, "unknown")}
		}
		if err := x.Sleep(ctx, time.Duration(round)*2*time.Second); err != nil {
			return err
		}
		was := live.hash
		if live, err = x.live.read(ctx, j.t, live.graphID); err != nil {
			return err
		}
		if live == nil {
			return failed(reason.OutcomeUnknown, nil)
		}
		if live.hash != was { // the write whose fate was not known was done
			j.written.Steps++
		}
	}
	if err := x.verify(ctx, j, live.graphID, change.Want); err != nil {
		return err
	}
	return x.noted(j, change.AssignmentsKept, change.Unresolved)
}

// change are the steps from the live object to what is wanted.
func (x *liveRestore) change(j *job, live *found) (catalog.Change, error) {
	change, err := j.t.Update(j.captured, live.payload, x.mapping(j), j.secrets)
	if err != nil {
		return change, fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	return change, missing(j, change.Unresolved)
}

// missing skips an item that needs what is not there: the plan meant to make it,
// and that did not succeed or was left out.
func missing(j *job, unresolved []catalog.Unresolved) error {
	for _, u := range unresolved {
		if !u.Assignment {
			return skipped(reason.MissingDependency, reason.Params{}.Set(reason.FieldDependency, nameOf(j, u)))
		}
	}
	return nil
}

func nameOf(j *job, u catalog.Unresolved) string {
	for _, r := range j.plan.References {
		if r.Type == u.Type && r.ID == u.ID && r.Name != "" {
			return r.Name
		}
	}
	return u.ID
}

// noted says what of a written item was left as it was. What the preview said is a
// note, what turned out since is a failure.
func (x *liveRestore) noted(j *job, kept bool, unresolved []catalog.Unresolved) error {
	if !kept {
		return nil
	}
	if j.plan.Code != "" {
		return &result{code: j.plan.Code, status: run.OutcomeSucceeded, params: j.plan.Params}
	}
	var names []string
	for _, u := range unresolved {
		names = append(names, nameOf(j, u))
	}
	return failed(reason.AssignmentsSkipped, reason.Params{}.Int(reason.FieldTargets, len(names)))
}

// mapping is that of the plan, with the ids of what was made for it.
func (x *liveRestore) mapping(j *job) catalog.Mapping {
	return restore.MappingWith(j.plan.References, func(policyID string) string {
		id, _ := x.made.Load(policyID)
		text, _ := id.(string)
		return text
	})
}

// learnMade finds what stands in the place of the objects that the plan makes.
func (x *liveRestore) learnMade(ctx context.Context, j *job) error {
	for _, r := range j.plan.References {
		if r.Creates == "" {
			continue
		}
		if _, known := x.made.Load(r.Creates); known {
			continue
		}
		p, err := x.Policies.Policy(ctx, x.tenant.ID, r.Creates)
		if errors.Is(err, run.ErrNotFound) || err == nil && p.Successor == "" {
			continue
		}
		if err != nil {
			return fmt.Errorf("read policy record: %w", err)
		}
		x.made.Store(r.Creates, p.Successor)
	}
	return nil
}
