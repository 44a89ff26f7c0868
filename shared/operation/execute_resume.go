package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// How an item is gone on with that a worker began and did not end.

// begun finds out whether an earlier worker wrote anything of an item.
func (x *liveRestore) begun(ctx context.Context, j *job) (bool, error) {
	switch j.plan.Action {
	case run.PlanDelete:
		return x.begunDelete(ctx, j)
	case run.PlanCreate:
		if j.written.GraphID != "" {
			return true, nil
		}
		return x.beganCreate(ctx, j)
	}
	live, err := x.live.read(ctx, j.t, j.plan.GraphID)
	if err != nil || live == nil || live.hash == j.plan.Fingerprint {
		return false, err
	}
	return x.ours(ctx, j, live)
}

// beganCreate looks for an object that an earlier worker made: by the record that
// it left, else by what tells it from others. It died long enough ago for lists to
// show what it made, but for the time that a look takes.
func (x *liveRestore) beganCreate(ctx context.Context, j *job) (bool, error) {
	ids, err := x.live.successors(ctx, j.t, graphIDOf(j.captured))
	if err != nil {
		return false, err
	}
	doc, err := catalog.Decode(j.captured)
	if err != nil {
		return false, err
	}
	for n := 1; n <= probeTries; n++ {
		for _, id := range slices.Backward(ids[1:]) {
			live, err := x.live.read(ctx, j.t, id)
			if err != nil {
				return false, err
			}
			if live != nil {
				j.written.GraphID, j.written.PolicyID = id, run.PolicyID(x.tenant.ID, j.t.Collection, id)
				return true, nil
			}
		}
		now, err := x.live.listNow(ctx, j.t)
		if err != nil {
			return false, err
		}
		hits := madeSince(now, twins(now, j.t, doc.Object()), x.run.CreatedAt)
		if len(hits) == 1 {
			j.written.GraphID = hits[0]
			return true, x.succeeds(ctx, j, hits[0])
		}
		if len(hits) > 1 {
			return false, failed(reason.OutcomeUnknown, reason.Params{}.Int(reason.FieldCandidates, len(hits)))
		}
		if n < probeTries {
			if err := x.Sleep(ctx, probePause); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// How often and with which pause a create of a dead worker is looked for.
const (
	probeTries = 4
	probePause = 10 * time.Second
)

func graphIDOf(captured []byte) string {
	var head struct {
		GraphID string `json:"graphId"`
	}
	_ = json.Unmarshal(captured, &head)
	return head.GraphID
}

// ours reports whether all that differs from the state before is as it is wanted:
// then an earlier worker of this restore wrote it, and nobody else.
func (x *liveRestore) ours(ctx context.Context, j *job, live *found) (bool, error) {
	v, before, err := x.precaptured(ctx, j)
	if err != nil || v == nil {
		return false, err // nothing was captured, so nothing was written
	}
	change, err := j.t.Update(j.captured, before, x.mapping(j), j.secrets)
	if err != nil {
		return false, fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	want, err := x.asEncrypted(ctx, x.tenant.ID, j.t, change.Want, live)
	if err != nil {
		return false, err
	}
	return x.amid(j, v, before, live, want)
}

// amid notes the state before when the object is on the way from it to what is wanted.
// What the writes of other objects brought about since does not count.
func (x *liveRestore) amid(j *job, v *run.Version, before []byte, live *found, want []byte) (bool, error) {
	settled := [][]byte{before, live.payload, want}
	for i := range settled {
		var err error
		if settled[i], err = j.t.Settled(settled[i]); err != nil {
			return false, err
		}
	}
	between, err := restore.Between(j.t, settled[0], settled[1], settled[2])
	if err != nil {
		return false, fmt.Errorf("compare with the state before: %w", err)
	}
	if between {
		j.before = v
	}
	return between, nil
}

// precaptured is the version of the object as it was planned for, with its payload;
// nil when there is none.
func (x *liveRestore) precaptured(ctx context.Context, j *job) (*run.Version, []byte, error) {
	// What wrote of this run captured before and nobody else since. An earlier run is
	// longer ago, and backups may have been made.
	limit := 1
	if !j.unknown.IsZero() {
		limit = maxVersionsBack
	}
	page, err := x.Policies.Versions(ctx, x.tenant.ID, j.written.PolicyID, run.PageRequest{Limit: limit})
	if err != nil {
		return nil, nil, fmt.Errorf("read versions before: %w", err)
	}
	for _, v := range page.Items {
		same := v.ContentHash == j.plan.Fingerprint
		if !same && j.plan.OwnFingerprint == "" && j.plan.Settled == "" {
			continue
		}
		before, err := x.Archive.Get(ctx, x.tenant.ID, v.PayloadKey)
		if err != nil {
			return nil, nil, fmt.Errorf("read payload before: %w", err)
		}
		if !same {
			if same, err = x.asPlanned(ctx, j, before); err != nil {
				return nil, nil, err
			}
		}
		if same {
			return &v, before, nil
		}
	}
	return nil, nil, nil
}

// maxVersionsBack is how many versions back the state before an earlier run is looked for.
const maxVersionsBack = 50

// resume goes on with an item that was begun.
func (x *liveRestore) resume(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.written.GraphID)
	if err != nil {
		return err
	}
	if j.before != nil {
		j.written.Before, j.written.BeforeHash = j.before.Number, j.before.ContentHash
	}
	if j.written.Steps == 0 {
		j.written.Steps = 1 // at the least
	}
	switch {
	case j.plan.Action == run.PlanDelete:
		return x.remove(ctx, j, live)
	case live == nil:
		return failed(reason.OutcomeUnknown, nil)
	}
	return x.converge(ctx, j, live)
}
