package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// Run implements run.Runs.
func (s *Store) Run(ctx context.Context, tenantID, runID string) (run.Run, error) {
	_, r, err := s.readRun(ctx, tenantID, runID)
	return r, err
}

// readRun reads a run and its item, strong. run.ErrNotFound.
func (s *Store) readRun(ctx context.Context, tenantID, runID string) (runItem, run.Run, error) {
	if !plain(tenantID, runID) {
		return runItem{}, run.Run{}, run.ErrNotFound
	}
	image, err := s.get(ctx, runKey(tenantID, runID))
	if err != nil {
		return runItem{}, run.Run{}, err
	}
	return decodeRunItem(image)
}

// decodeRunItem returns run.ErrNotFound for an empty image.
func decodeRunItem(image map[string]types.AttributeValue) (runItem, run.Run, error) {
	if len(image) == 0 {
		return runItem{}, run.Run{}, run.ErrNotFound
	}
	item, err := decode[runItem](image)
	if err != nil {
		return runItem{}, run.Run{}, err
	}
	r, err := item.run()
	if err == nil {
		r.Reasons, err = reasonsOf(image)
	}
	return item, r, err
}

// whenFenced makes an expression hold only for the worker of the fence while it
// holds the run: epoch and sequence are its own, and it has not given it back.
func whenFenced(e *expression, f run.Fence) {
	e.whenText(attrStatus, string(run.StatusRunning))
	e.whenNumber(attrEpoch, f.Epoch)
	e.whenNumber(attrSeq, int64(f.Seq))
	e.when("attribute_exists(%s)", e.name(attrOwner))
}

// explainFence says why a run refused the writer of a fence.
func explainFence(r run.Run) error {
	if r.Status.Terminal() {
		return run.ErrRunEnded
	}
	return run.ErrFenced
}

// updateRun changes a run and returns it. explain sees the run that refused; it
// returns nil when the evidence shows that the change was made by this call, and
// then the run is returned as it is.
func (s *Store) updateRun(ctx context.Context, what string, k key, e *expression, explain func(runItem, run.Run) error) (run.Run, error) {
	var own *run.Run
	image, err := s.update(ctx, what, k, e, func(_ context.Context, refused refusal) error {
		item, r, err := decodeRunItem(refused.at(0).image)
		if err != nil {
			return err
		}
		if err := explain(item, r); err != nil {
			return err
		}
		own = &r
		return nil
	})
	switch {
	case err != nil:
		return run.Run{}, err
	case own != nil:
		return *own, nil
	}
	return DecodeRun(image)
}

// Claim implements run.Runs. A lease has expired at the instant it names.
func (s *Store) Claim(ctx context.Context, tenantID, runID, owner string, now, lease time.Time) (run.Run, error) {
	if !plain(tenantID, runID) {
		return run.Run{}, run.ErrNotFound
	}
	if owner == "" || len(owner) > 200 {
		return run.Run{}, errors.New("claim: the owner needs a name of 1 to 200 bytes")
	}
	// Most runs that are claimed have no owner. Whether a worker was lost is known
	// only from the item that refuses, and then counts.
	var lost *run.Run
	claim := func(e *expression) (run.Run, error) {
		e.whenIn(attrStatus, openStatuses)
		e.when("(attribute_not_exists(%[1]s) OR %[1]s <= %[2]s)", e.name(attrNotBefore), e.text(stamp(now)))
		e.setText(attrStatus, string(run.StatusRunning))
		e.setText(attrOwner, owner)
		e.setText(attrLeaseUntil, stamp(lease))
		e.add(attrEpoch, 1)
		e.add(attrAttempts, 1)
		e.setNumber(attrRescues, 0)
		e.setOnce(attrStartedAt, &types.AttributeValueMemberS{Value: stamp(now)})
		e.setText(attrUpdatedAt, stamp(now))
		e.remove(attrWaiting, attrNotBefore)
		return s.updateRun(ctx, "claim", runKey(tenantID, runID), e, func(_ runItem, r run.Run) error {
			switch {
			case r.Status.Terminal():
				return run.ErrRunEnded
			case r.Owner == owner:
				return nil // this claim, its answer was lost
			case r.Owner != "" && r.LeaseUntil.After(now):
				return run.ErrRunLeased
			case r.NotBefore.After(now):
				return &run.NotDueError{Run: r}
			}
			lost = &r
			return run.ErrRunLeased
		})
	}
	free := newExpression()
	free.when("attribute_not_exists(%s)", free.name(attrOwner))
	r, err := claim(free)
	if lost == nil {
		return r, err
	}
	dead := newExpression()
	dead.whenText(attrOwner, lost.Owner)
	dead.whenNumber(attrEpoch, lost.Epoch)
	dead.when("%s <= %s", dead.name(attrLeaseUntil), dead.text(stamp(now)))
	dead.add(attrCrashes, 1)
	return claim(dead)
}

// openStatuses are those of a run that is not terminal.
var openStatuses = []string{string(run.StatusQueued), string(run.StatusRunning)}

// A plan of at most inlinePlanItems is kept in the run's own item. A longer one
// has its own items of planChunk entries each: what is in the run's item is paid
// for again with every write of the run.
const (
	inlinePlanItems = 5
	planChunk       = 100
	maxPlanItems    = 50_000
	planWriters     = 8
)

// SavePlan implements run.Runs. A later epoch may replace a plan of which nothing
// was committed yet.
func (s *Store) SavePlan(ctx context.Context, f run.Fence, items []run.Item, now time.Time) (run.Run, error) {
	switch {
	case !plain(f.TenantID, f.RunID):
		return run.Run{}, run.ErrNotFound
	case len(items) > maxPlanItems:
		return run.Run{}, run.ErrTooLarge
	}
	if len(items) > inlinePlanItems {
		// The items of a plan that this epoch has stored must not be written over.
		_, r, err := s.readRun(ctx, f.TenantID, f.RunID)
		switch {
		case err != nil:
			return run.Run{}, err
		case r.Status.Terminal() || r.Epoch != f.Epoch || r.Seq != f.Seq:
			return run.Run{}, explainFence(r)
		case r.Planned && r.PlanEpoch == f.Epoch:
			return r, nil
		}
		if err := s.putPlan(ctx, f, items); err != nil {
			return run.Run{}, err
		}
	}
	e := newExpression()
	whenFenced(e, f)
	e.when("%s < %s", e.name(attrPlanEpoch), e.number(f.Epoch))
	e.whenNumber(attrCursor, 0)
	e.set(attrPlanned, &types.AttributeValueMemberBOOL{Value: true})
	e.setNumber(attrPlanEpoch, f.Epoch)
	e.setNumber(attrTotal, int64(len(items)))
	e.setText(attrUpdatedAt, stamp(now))
	e.remove(attrPlan)
	if n := len(items); n > 0 && n <= inlinePlanItems {
		plan, err := encodeValue(newPlanEntries(items))
		if err != nil {
			return run.Run{}, err
		}
		e.removes = nil
		e.set(attrPlan, plan)
	}
	return s.updateRun(ctx, "save plan", runKey(f.TenantID, f.RunID), e, func(_ runItem, r run.Run) error {
		switch {
		case r.Status.Terminal() || r.Epoch != f.Epoch || r.Seq != f.Seq || r.Owner == "":
			return explainFence(r)
		case r.Planned && r.PlanEpoch == f.Epoch:
			return nil // stored by this epoch already
		}
		return errors.New("save plan: outcomes of the earlier plan are stored")
	})
}

// putPlan writes the items of a long plan, several at a time.
func (s *Store) putPlan(ctx context.Context, f run.Fence, items []run.Item) error {
	var (
		wait  sync.WaitGroup
		slots = make(chan struct{}, planWriters)
		mu    sync.Mutex
		fault error
	)
	for n := 0; n*planChunk < len(items); n++ {
		k := planKey(f.TenantID, f.RunID, f.Epoch, n)
		chunk := items[n*planChunk : min((n+1)*planChunk, len(items))]
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			err := s.put(ctx, "save plan", planItem{PK: k.pk, SK: k.sk, Entity: entityPlan, Items: newPlanEntries(chunk)}, newExpression(),
				func(context.Context, refusal) error { return errors.New("save plan: refused without a condition") })
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				fault = errors.Join(fault, err)
			}
		})
	}
	wait.Wait()
	return fault
}

// Plan implements run.Runs.
func (s *Store) Plan(ctx context.Context, r run.Run, from, n int) ([]run.Item, error) {
	if !r.Planned || from < 0 || n <= 0 || from >= r.Counts.Total {
		return nil, nil
	}
	to := min(from+n, r.Counts.Total)
	if r.Counts.Total <= inlinePlanItems {
		item, stored, err := s.readRun(ctx, r.TenantID, r.ID)
		if err != nil {
			return nil, err
		}
		if stored.PlanEpoch != r.PlanEpoch {
			return nil, run.ErrFenced // another epoch has planned anew
		}
		return item.planned(from, to)
	}
	return s.longPlan(ctx, r, from, to)
}

// planned are the items [from, to) of a plan that is kept in the run's own item.
func (i runItem) planned(from, to int) ([]run.Item, error) {
	if to > len(i.Plan) {
		return nil, fmt.Errorf("plan of run %s: item %d is missing", i.ID, to-1)
	}
	return planItems(i.Plan[from:to]), nil
}

// longPlan reads the items [from, to) of a plan that has items of its own.
func (s *Store) longPlan(ctx context.Context, r run.Run, from, to int) ([]run.Item, error) {
	var out []run.Item
	for n := from / planChunk; n*planChunk < to; n++ {
		image, err := s.get(ctx, planKey(r.TenantID, r.ID, r.PlanEpoch, n))
		if err != nil {
			return nil, err
		}
		chunk, err := decode[planItem](image)
		if err != nil {
			return nil, err
		}
		first, last := max(from-n*planChunk, 0), min(to-n*planChunk, planChunk)
		if last > len(chunk.Items) {
			return nil, fmt.Errorf("plan of run %s: item %d is missing", r.ID, n)
		}
		out = append(out, planItems(chunk.Items[first:last])...)
	}
	return out, nil
}

// BeginSlice implements run.Runs.
func (s *Store) BeginSlice(ctx context.Context, f run.Fence, items run.ItemSet, now, lease time.Time) (run.Run, error) {
	switch {
	case !plain(f.TenantID, f.RunID):
		return run.Run{}, run.ErrNotFound
	case items.End() > run.MaxSliceItems:
		return run.Run{}, errors.New("begin slice: too many items")
	}
	e := newExpression()
	whenFenced(e, f)
	if items == 0 {
		e.when("%s = %s", e.name(attrPlanned), e.value(&types.AttributeValueMemberBOOL{Value: false}))
	}
	e.setNumber(attrIntent, int64(items))
	e.setText(attrLeaseUntil, stamp(lease))
	e.setText(attrUpdatedAt, stamp(now))
	return s.updateRun(ctx, "begin slice", runKey(f.TenantID, f.RunID), e, func(_ runItem, r run.Run) error {
		return explainFence(r)
	})
}

// CommitSlice implements run.Runs. The token of the chunk is the evidence: only
// this epoch can have written this chunk, and only this call this content.
func (s *Store) CommitSlice(ctx context.Context, f run.Fence, c run.SliceCommit) (run.Run, error) {
	switch {
	case !plain(f.TenantID, f.RunID):
		return run.Run{}, run.ErrNotFound
	case len(c.Outcomes) == 0 || len(c.Outcomes) > run.MaxSliceItems:
		return run.Run{}, fmt.Errorf("commit slice: %d outcomes, want 1 to %d", len(c.Outcomes), run.MaxSliceItems)
	}
	token, err := contentToken("commit slice", f, c)
	if err != nil {
		return run.Run{}, err
	}
	e := newExpression()
	whenFenced(e, f)
	if err := addOutcomes(e, f, c); err != nil {
		return run.Run{}, err
	}
	chunk := newOutcomesItem(f, c.From, c.At, token)
	chunk.Outcomes = newOutcomeEntries(c.Outcomes, c.At)
	absent := newExpression()
	absent.whenAbsent()
	chunkPut, err := s.txPut(chunk, absent)
	if err != nil {
		return run.Run{}, fmt.Errorf("commit slice: %w", err)
	}
	items := []types.TransactWriteItem{{}, chunkPut}
	if c.Audit != nil {
		audit, err := newAuditItem(f.TenantID, *c.Audit, token)
		if err != nil {
			return run.Run{}, fmt.Errorf("commit slice: %w", err)
		}
		// Its key is of this slice alone, which the run's condition lets through once.
		put, err := s.txPut(audit, newExpression())
		if err != nil {
			return run.Run{}, fmt.Errorf("commit slice: %w", err)
		}
		items = append(items, put)
	}
	lock := len(items) // where that and the audit event of the end are, if the run ends
	if c.PlanDigest != "" {
		e.setText(attrPlanDigest, c.PlanDigest)
	}
	if c.End == nil {
		e.setText(attrLeaseUntil, stamp(c.LeaseUntil))
	} else {
		before, err := s.readForEnd(ctx, f, *c.End)
		if err != nil {
			return run.Run{}, err
		}
		addEnd(e, before, *c.End, token)
		ends, err := s.endItems(before, *c.End, token)
		if err != nil {
			return run.Run{}, err
		}
		items = append(items, ends...)
	}
	items[0] = s.txUpdate(runKey(f.TenantID, f.RunID), e)

	err = s.transactEnd(ctx, "commit slice", items, lock+1, func(ctx context.Context, r run.Run, refused refusal) error {
		image, err := s.get(ctx, key{chunk.PK, chunk.SK})
		if err != nil {
			return err
		}
		if image != nil {
			stored, err := decode[outcomesItem](image)
			if err != nil {
				return err
			}
			if stored.Epoch == f.Epoch && stored.WriteToken == token {
				return nil
			}
		}
		return explainEnd(r, f, refused.at(lock))
	})
	if err != nil {
		return run.Run{}, err
	}
	return s.afterCommit(ctx, f)
}

// addOutcomes makes the run count the outcomes of a slice.
func addOutcomes(e *expression, f run.Fence, c run.SliceCommit) error {
	var counts run.Counts
	var totals map[string]int
	for _, o := range c.Outcomes {
		before := counts.Done()
		if counts = counts.Add(o.Status); counts.Done() == before {
			return fmt.Errorf("commit slice: unknown outcome %.20q", o.Status)
		}
		totals = run.AddTotals(totals, o.Numbers)
	}
	e.setNumber(attrSeq, int64(f.Seq)+1)
	e.setNumber(attrAttempts, 0)
	e.setNumber(attrCrashes, 0)
	e.remove(attrWaitedFor)
	e.whenNumber(attrCursor, int64(c.From))
	e.setNumber(attrCursor, int64(c.From+len(c.Outcomes)))
	e.setText(attrUpdatedAt, stamp(c.At))
	e.setNumber(attrIntent, int64(c.Unsettled))
	for attr, n := range map[string]int{attrSucceeded: counts.Succeeded, attrFailed: counts.Failed, attrSkipped: counts.Skipped} {
		if n > 0 {
			e.add(attr, int64(n))
		}
	}
	for name, n := range totals {
		e.addTo(attrTotals, name, int64(n))
	}
	e.addReasons(run.AddReasons(nil, c.Outcomes...))
	return nil
}

// afterCommit reads the run after a commit of this fence. Should another worker
// have taken over since, its fence must not pass to the caller: the caller's
// next write has to be refused.
func (s *Store) afterCommit(ctx context.Context, f run.Fence) (run.Run, error) {
	r, err := s.Run(ctx, f.TenantID, f.RunID)
	if err != nil {
		return run.Run{}, err
	}
	r.Epoch, r.Seq = f.Epoch, f.Seq+1
	return r, nil
}

// Release implements run.Runs. Only the epoch that holds a run can give it back,
// so a run of this epoch without an owner was released by it; the token tells
// whether by this call.
func (s *Store) Release(ctx context.Context, f run.Fence, p run.Pause) (run.Run, error) {
	if !plain(f.TenantID, f.RunID) {
		return run.Run{}, run.ErrNotFound
	}
	token, err := contentToken("release", f, p)
	if err != nil {
		return run.Run{}, err
	}
	e := newExpression()
	whenFenced(e, f)
	e.add(attrDispatchSeq, 1)
	e.setOptional(attrNotBefore, optionalStamp(p.NotBefore))
	e.setNumber(attrIntent, int64(p.Unsettled))
	e.setText(attrUpdatedAt, stamp(p.At))
	e.setText(attrWriteToken, token)
	e.remove(attrOwner, attrLeaseUntil)
	if p.Waiting == nil {
		e.remove(attrWaiting)
	} else {
		waiting, err := encodeValue(newWaitingItem(*p.Waiting))
		if err != nil {
			return run.Run{}, err
		}
		e.set(attrWaiting, waiting)
	}
	if p.Progress {
		e.setNumber(attrAttempts, 0)
	}
	switch {
	case p.Progress && p.Fault != nil:
		e.setNumber(attrCrashes, 1)
	case p.Progress:
		e.setNumber(attrCrashes, 0)
	case p.Fault != nil:
		e.add(attrCrashes, 1)
	}
	if p.WaitedFor != nil {
		waitedFor, err := encodeValue(newFailureItem(p.WaitedFor))
		if err != nil {
			return run.Run{}, err
		}
		e.set(attrWaitedFor, waitedFor)
	}
	if p.Fault != nil {
		fault, err := encodeValue(newFailureItem(p.Fault))
		if err != nil {
			return run.Run{}, err
		}
		e.set(attrFault, fault)
	}
	return s.updateRun(ctx, "release", runKey(f.TenantID, f.RunID), e, func(i runItem, r run.Run) error {
		if !r.Status.Terminal() && r.Epoch == f.Epoch && r.Seq == f.Seq && r.Owner == "" && i.WriteToken == token {
			return nil
		}
		return explainFence(r)
	})
}

// Rescue implements run.Runs. Only a rescue raises the epoch without an owner, so
// the token tells whether it was by this call.
func (s *Store) Rescue(ctx context.Context, seen run.Run, now time.Time) (run.Run, error) {
	f := seen.Fence()
	if !plain(f.TenantID, f.RunID) {
		return run.Run{}, run.ErrNotFound
	}
	token, err := contentToken("rescue", f, seen.DispatchSeq, now)
	if err != nil {
		return run.Run{}, err
	}
	e := newExpression()
	e.whenIn(attrStatus, openStatuses)
	e.whenNumber(attrEpoch, f.Epoch)
	e.whenNumber(attrSeq, int64(f.Seq))
	e.whenNumber(attrDispatchSeq, int64(seen.DispatchSeq))
	if seen.Owner == "" {
		e.when("attribute_not_exists(%s)", e.name(attrOwner))
	} else {
		e.whenText(attrOwner, seen.Owner)
		e.when("%s <= %s", e.name(attrLeaseUntil), e.text(stamp(now)))
		e.add(attrCrashes, 1)
	}
	e.add(attrEpoch, 1)
	e.add(attrDispatchSeq, 1)
	e.add(attrRescues, 1)
	e.setText(attrUpdatedAt, stamp(now))
	e.setText(attrWriteToken, token)
	e.remove(attrOwner, attrLeaseUntil, attrNotBefore, attrWaiting)
	return s.updateRun(ctx, "rescue", runKey(f.TenantID, f.RunID), e, func(i runItem, r run.Run) error {
		if !r.Status.Terminal() && r.Epoch == f.Epoch+1 && i.WriteToken == token {
			return nil
		}
		return explainFence(r)
	})
}

// NoteFault implements run.Runs.
func (s *Store) NoteFault(ctx context.Context, tenantID, runID string, f run.Failure) error {
	if !plain(tenantID, runID) {
		return run.ErrNotFound
	}
	fault, err := encodeValue(newFailureItem(&f))
	if err != nil {
		return err
	}
	e := newExpression()
	e.whenIn(attrStatus, openStatuses)
	e.set(attrFault, fault)
	_, err = s.updateRun(ctx, "note fault", runKey(tenantID, runID), e, func(_ runItem, r run.Run) error { return explainFence(r) })
	return err
}

// RequestCancel implements run.Runs. Whoever asked first, the run was asked.
func (s *Store) RequestCancel(ctx context.Context, tenantID, runID string, c run.CancelRequest) (run.Run, error) {
	if !plain(tenantID, runID) {
		return run.Run{}, run.ErrNotFound
	}
	audit, err := newAuditItem(tenantID, c.Audit, runID)
	if err != nil {
		return run.Run{}, fmt.Errorf("request cancel: %w", err)
	}
	canceler, err := encodeValue(newInitiatorItem(c.By))
	if err != nil {
		return run.Run{}, err
	}
	e := newExpression()
	e.whenIn(attrStatus, openStatuses)
	e.when("attribute_not_exists(%s)", e.name(attrCancelAt))
	e.setText(attrCancelAt, stamp(c.At))
	e.set(attrCanceler, canceler)
	put, err := s.txPut(audit, newExpression())
	if err != nil {
		return run.Run{}, fmt.Errorf("request cancel: %w", err)
	}
	err = s.transact(ctx, "request cancel", "", []types.TransactWriteItem{s.txUpdate(runKey(tenantID, runID), e), put}, func(ctx context.Context, _ refusal) error {
		r, err := s.Run(ctx, tenantID, runID)
		switch {
		case err != nil:
			return err
		case r.CancelAt != nil && !r.Status.Terminal():
			return nil
		}
		return explainFence(r)
	})
	if err != nil {
		return run.Run{}, err
	}
	return s.Run(ctx, tenantID, runID)
}

// Notified implements run.Runs.
func (s *Store) Notified(ctx context.Context, tenantID, runID string) error {
	if !plain(tenantID, runID) {
		return run.ErrNotFound
	}
	e := newExpression()
	e.when("NOT %s IN (%s, %s)", e.name(attrStatus), e.text(openStatuses[0]), e.text(openStatuses[1]))
	e.whenPresent()
	e.remove(attrOpenShard, attrRunKey)
	_, err := s.updateRun(ctx, "confirm notification", runKey(tenantID, runID), e, func(runItem, run.Run) error { return run.ErrConflict })
	return err
}

// End implements run.Runs. The token of the end, kept in the run for good, is
// the evidence.
func (s *Store) End(ctx context.Context, f run.Fence, end run.RunEnd) (run.Run, error) {
	if !plain(f.TenantID, f.RunID) {
		return run.Run{}, run.ErrNotFound
	}
	token, err := contentToken("end", f, end)
	if err != nil {
		return run.Run{}, err
	}
	before, err := s.readForEnd(ctx, f, end)
	if err != nil {
		return run.Run{}, err
	}
	e := newExpression()
	e.whenIn(attrStatus, endableFrom(end.Status))
	e.whenNumber(attrEpoch, f.Epoch)
	e.whenNumber(attrSeq, int64(f.Seq))
	if end.Unheld {
		e.when("(attribute_not_exists(%s) OR %s <= %s)", e.name(attrOwner), e.name(attrLeaseUntil), e.text(stamp(end.At)))
	}
	e.setText(attrUpdatedAt, stamp(end.At))
	e.setNumber(attrIntent, 0)
	addEnd(e, before, end, token)
	rest, err := s.addRest(e, before, f, end, token)
	if err != nil {
		return run.Run{}, err
	}
	ends, err := s.endItems(before, end, token)
	if err != nil {
		return run.Run{}, err
	}
	items := append(append([]types.TransactWriteItem{s.txUpdate(runKey(f.TenantID, f.RunID), e)}, rest...), ends...)
	err = s.transactEnd(ctx, "end", items, len(items)-1, func(ctx context.Context, r run.Run, refused refusal) error {
		item, _, err := s.readRun(ctx, f.TenantID, f.RunID)
		switch {
		case err != nil:
			return err
		case item.WriteToken == token:
			return nil
		case !r.Status.Terminal() && !r.Status.CanBecome(end.Status):
			return fmt.Errorf("end: a %s run cannot become %s", r.Status, end.Status)
		}
		return explainEnd(r, f, refused.at(len(items)-2))
	})
	if err != nil {
		return run.Run{}, err
	}
	return s.Run(ctx, f.TenantID, f.RunID) // terminal, so it is what this call made
}

// addRest makes an end give outcomes to the items that have none, as one chunk.
// The run must still be as it was read: no other plan, no outcome more.
func (s *Store) addRest(e *expression, before run.Run, f run.Fence, end run.RunEnd, token string) ([]types.TransactWriteItem, error) {
	e.whenNumber(attrTotal, int64(before.Counts.Total))
	left := before.Counts.Total - before.Cursor
	if left <= 0 || before.Status.Terminal() {
		return nil, nil
	}
	if end.Rest == nil {
		return nil, errors.New("end: the rest of the items has no outcome")
	}
	e.whenNumber(attrCursor, int64(before.Cursor))
	e.whenNumber(attrPlanEpoch, before.PlanEpoch)
	counts := end.Rest.Add(run.Counts{}, left)
	e.setNumber(attrSeq, int64(f.Seq)+1)
	e.setNumber(attrCursor, int64(before.Counts.Total))
	e.add(attrFailed, int64(counts.Failed))
	e.add(attrSkipped, int64(counts.Skipped))
	e.setNumber(attrUntouched, int64(end.Rest.Untouched(left)))
	e.addReasons(end.Rest.Reasons(left))
	chunk := newOutcomesItem(f, before.Cursor, end.At, token)
	chunk.Rest = &restItem{Code: end.Rest.Code, Unknown: uint32(end.Rest.Unknown), Count: left}
	absent := newExpression()
	absent.whenAbsent()
	put, err := s.txPut(chunk, absent)
	if err != nil {
		return nil, fmt.Errorf("end: %w", err)
	}
	return []types.TransactWriteItem{put}, nil
}

// endableFrom lists the states that may become the terminal state.
func endableFrom(end run.Status) []string {
	var from []string
	for _, s := range run.Statuses() {
		if s.CanBecome(end) {
			from = append(from, string(s))
		}
	}
	return from
}

// readForEnd reads the run that is to end: its lock's key is needed, which never
// changes.
func (s *Store) readForEnd(ctx context.Context, f run.Fence, end run.RunEnd) (run.Run, error) {
	if !end.Status.Terminal() {
		return run.Run{}, fmt.Errorf("end: %.20q is no terminal state", end.Status)
	}
	return s.Run(ctx, f.TenantID, f.RunID)
}

// addEnd makes the run terminal, and moves it from the index entries of open
// runs to those of ends that are not notified yet.
func addEnd(e *expression, r run.Run, end run.RunEnd, token string) {
	e.setText(attrStatus, string(end.Status))
	e.setText(attrFinishedAt, stamp(end.At))
	e.setText(attrWriteToken, token)
	e.setText(attrOpenShard, shardOf(unnotifiedShard, r.ID))
	e.remove(attrOwner, attrLeaseUntil, attrWaiting, attrNotBefore, attrActiveInitiator)
	if end.Failure != nil {
		if failure, err := encodeValue(newFailureItem(end.Failure)); err == nil {
			e.set(attrFailure, failure)
		}
	}
}

// endItems frees the run's lock, if it is still the run's, and tells the audit
// trail.
func (s *Store) endItems(r run.Run, end run.RunEnd, token string) ([]types.TransactWriteItem, error) {
	lock := newExpression()
	lock.whenText(attrActiveRunID, r.ID)
	lock.setText(attrLastRunID, r.ID)
	lock.remove(attrActiveRunID)
	if end.Status == run.StatusSucceeded {
		lock.setText(attrLastSuccess, r.ID)
	}
	audit, err := newAuditItem(r.TenantID, end.Audit, token)
	if err != nil {
		return nil, fmt.Errorf("end: %w", err)
	}
	absent := newExpression()
	absent.whenAbsent()
	put, err := s.txPut(audit, absent)
	if err != nil {
		return nil, fmt.Errorf("end: %w", err)
	}
	return []types.TransactWriteItem{s.txUpdate(lockKey(r.TenantID, r.KeyHash), lock), put}, nil
}

// transactEnd performs the transaction whose first item is the run and whose item
// at position audit, if there is one, is the audit event. An event that is there
// already is no reason not to end: then the transaction goes without it.
func (s *Store) transactEnd(ctx context.Context, what string, items []types.TransactWriteItem, audit int, explain func(context.Context, run.Run, refusal) error) error {
	settle := func(ctx context.Context, refused refusal) error {
		_, r, err := decodeRunItem(refused.at(0).image)
		if errors.Is(err, run.ErrNotFound) {
			// The refusal did not show the run, so it is read.
			image, getErr := s.getByAttributes(ctx, items[0].Update.Key)
			if getErr != nil {
				return getErr
			}
			_, r, err = decodeRunItem(image)
		}
		if err != nil {
			return err
		}
		return explain(ctx, r, refused)
	}
	return s.transact(ctx, what, "", items, func(ctx context.Context, refused refusal) error {
		alone := refused.at(audit).failed
		for i := range refused {
			alone = alone && (i == audit || !refused[i].failed)
		}
		if alone {
			return s.transact(ctx, what, "", items[:audit], settle)
		}
		return settle(ctx, refused)
	})
}

func (s *Store) getByAttributes(ctx context.Context, attributes map[string]types.AttributeValue) (map[string]types.AttributeValue, error) {
	pk, err := textOf(attributes, attrPK)
	if err != nil {
		return nil, err
	}
	sk, err := textOf(attributes, attrSK)
	if err != nil {
		return nil, err
	}
	return s.get(ctx, key{pk, sk})
}

// errLockLost is a breach of the invariant that an open run holds its lock.
var errLockLost = errors.New("run is open and does not hold its lock")

// explainEnd says why a run could not end.
func explainEnd(r run.Run, f run.Fence, lock refusedItem) error {
	if !r.Status.Terminal() && r.Epoch == f.Epoch && r.Seq == f.Seq && lock.failed {
		return fmt.Errorf("run %s: %w", r.ID, errLockLost)
	}
	return explainFence(r)
}
