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

// How an item is made that is not there, and how one is deleted. A create cannot be
// repeated: whatever is not certain is looked for.

func (x *liveRestore) applyCreate(ctx context.Context, j *job) error {
	doc, err := catalog.Decode(j.captured)
	if err != nil {
		return err
	}
	list := x.live.list
	if !j.unknown.IsZero() { // until lists show what the earlier run may have made
		if err := x.Sleep(ctx, j.unknown.Add(listLag).Sub(x.Now())); err != nil {
			return err
		}
		list = x.live.listNow
	}
	before, err := list(ctx, j.t)
	if err != nil {
		return err
	}
	hits := twins(before, j.t, doc.Object())
	if !j.unknown.IsZero() && len(hits) == 1 && len(madeSince(before, slices.Clone(hits), j.unknown.Add(-longestLife))) == 1 {
		if err := x.succeeds(ctx, j, hits[0]); err != nil {
			return err
		}
		return x.resume(ctx, j)
	}
	if len(hits) > 0 {
		return skipped(reason.TargetChanged, nil) // somebody else made it meanwhile
	}
	planned, err := j.t.Create(j.captured, restore.Mapping(j.plan.References), j.digests)
	if err != nil {
		return fmt.Errorf("plan again: %w", err)
	}
	if hash, err := restore.StepsHash(planned.Steps); err != nil || hash != j.plan.StepsHash {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	made, err := j.t.Create(j.captured, x.mapping(j), j.secrets)
	if err != nil {
		return fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	if err := missing(j, made.Unresolved); err != nil {
		return err
	}
	learned := map[string]string{}
	err = x.steps(ctx, j, made.Steps[:1], learned, reason.Create)
	var open *uncertain
	switch {
	case errors.As(err, &open):
		if learned["id"], err = x.adopt(ctx, j, doc.Object(), before); err != nil {
			return err
		}
		j.written.Steps++
	case err != nil:
		return err
	case learned["id"] == "":
		return failed(reason.OutcomeUnknown, nil)
	}
	return x.finish(ctx, j, made, learned)
}

// finish does what follows a create.
func (x *liveRestore) finish(ctx context.Context, j *job, made catalog.Creation, learned map[string]string) error {
	graphID := j.t.JoinID(j.captured, learned["id"])
	if err := x.succeeds(ctx, j, graphID); err != nil {
		return err
	}
	err := x.steps(ctx, j, made.Steps[1:], learned, reason.Update)
	var open *uncertain
	if errors.As(err, &open) {
		return x.resume(ctx, j)
	}
	if err != nil {
		x.look(ctx, j)
		return err
	}
	if err := x.verify(ctx, j, graphID, made.Want); err != nil {
		return err
	}
	return x.noted(j, slices.ContainsFunc(made.Unresolved, func(u catalog.Unresolved) bool { return u.Assignment }), made.Unresolved)
}

// look notes what an object is that was written in part, for whoever goes on with
// it. That it cannot be read is no news then.
func (x *liveRestore) look(ctx context.Context, j *job) {
	if live, err := x.live.read(ctx, j.t, j.written.GraphID); err == nil && live != nil {
		j.after(live)
	}
}

// after notes what an object is like that was written.
func (j *job) after(live *found) {
	j.written.AfterHash, j.written.Settled = live.hash, ""
	if settled, err := restore.Settled(j.t, live.payload); err == nil && settled != live.hash {
		j.written.Settled = settled
	}
}

// succeeds records that an object stands in the place of the one that was captured.
// It comes before everything else that follows a create: whoever goes on with the
// item finds by it that there is one.
func (x *liveRestore) succeeds(ctx context.Context, j *job, graphID string) error {
	j.written.GraphID, j.written.PolicyID = graphID, run.PolicyID(x.tenant.ID, j.t.Collection, graphID)
	x.made.Store(j.plan.PolicyID, graphID)
	if _, err := x.policy(ctx, j, graphID, nil); err != nil {
		return fmt.Errorf("record new policy: %w", err)
	}
	if j.written.PolicyID == j.plan.PolicyID {
		return nil
	}
	for range 5 {
		p, err := x.Policies.Policy(ctx, x.tenant.ID, j.plan.PolicyID)
		if err != nil {
			return fmt.Errorf("read policy record: %w", err)
		}
		if p.Successor == graphID {
			return nil
		}
		p.Successor = graphID
		if _, err = x.Policies.PutPolicy(ctx, p); err == nil {
			return nil
		}
		if !errors.Is(err, run.ErrConflict) {
			return fmt.Errorf("record successor: %w", err)
		}
	}
	return fmt.Errorf("record successor of %s: %w", j.plan.PolicyID, run.ErrConflict)
}

// lookTries is how often an object is looked for whose creation is uncertain:
// lists lag behind (terraform-provider-microsoft365#2518).
const lookTries = 6

// adopt looks for the object of a create whose fate is not known. One that was not
// there before and is the only one is it; anything else is left to a person.
func (x *liveRestore) adopt(ctx context.Context, j *job, captured map[string]any, before map[string]listed) (string, error) {
	for n := 1; ; n++ {
		if err := x.Sleep(ctx, time.Duration(n)*time.Second); err != nil {
			return "", err
		}
		now, err := x.live.listNow(ctx, j.t)
		if err != nil {
			return "", err
		}
		hits := slices.DeleteFunc(twins(now, j.t, captured), func(id string) bool { _, old := before[id]; return old })
		switch {
		case len(hits) == 1:
			return hits[0], nil
		case len(hits) > 1 || n == lookTries:
			j.written.Steps++ // it may have been
			return "", failed(reason.OutcomeUnknown, reason.Params{}.Int(reason.FieldCandidates, len(hits)))
		}
	}
}

// longestLife is how long a worker can have been at an item when it gave up: no
// function lives longer.
const longestLife = 15 * time.Minute

// listLag is how long lists may lag behind what was made.
const listLag = time.Minute
