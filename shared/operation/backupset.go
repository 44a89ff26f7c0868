package operation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// backupSet fills a backup set: it chooses the policies, captures each and stores
// what became of it as an item of the set. A run of a schedule also compares with
// the set of that schedule before, and records what changed.
type backupSet struct {
	capture
	// doing holds the foundations that this claim works on: two policies that need
	// the same one must not capture it twice.
	doing sync.Map
	// input is what the run was started with.
	input func() (run.SetInput, error)
	// baseline is the set to compare with, read once per claim.
	baseline func(context.Context) (baseline, error)
}

func newBackupSet(s session) engine.Operation {
	b := &backupSet{capture: capture{session: s}}
	b.baseline = onceOK(b.readBaseline)
	b.input = sync.OnceValues(func() (in run.SetInput, err error) {
		if err = json.Unmarshal(s.run.Input, &in); err != nil {
			err = fmt.Errorf("read input of run: %w", err)
		}
		return in, err
	})
	lists := map[string]func(context.Context) (map[string]json.RawMessage, error){}
	for _, src := range catalog.Sources() {
		if t := src.Types[0]; t.ListedWhole() {
			lists[t.Collection] = onceOK(func(ctx context.Context) (map[string]json.RawMessage, error) { return b.list(ctx, t) })
		}
	}
	b.listed = func(ctx context.Context, t catalog.Type, graphID string) ([]byte, error) {
		objects, err := lists[t.Collection](ctx)
		return objects[graphID], err
	}
	return b
}

// maxListedWhole bounds the objects of one collection that are held for a claim; the
// others are read by their ids.
const maxListedWhole = 2_000

// list reads a collection whose list holds its objects whole, by their ids.
func (b *backupSet) list(ctx context.Context, t catalog.Type) (map[string]json.RawMessage, error) {
	objects := map[string]json.RawMessage{}
	err := b.graph.List(ctx, t.Collection, t.ListQuery, func(raw json.RawMessage) error {
		var object struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &object) != nil || object.ID == "" {
			return errNotAPolicy
		}
		if len(objects) < maxListedWhole {
			objects[object.ID] = bytes.Clone(raw)
		}
		return nil
	})
	var item *itemError
	if errors.Is(err, errNotAPolicy) || errors.As(verdict(err), &item) {
		return map[string]json.RawMessage{}, nil // each is read by its id, and says what is wrong
	}
	return objects, err
}

// onceOK keeps the first result that is no error. Whoever waits for another's read
// does so no longer than its context lasts.
func onceOK[T any](read func(context.Context) (T, error)) func(context.Context) (T, error) {
	reading := make(chan struct{}, 1)
	var kept *T
	return func(ctx context.Context) (T, error) {
		select {
		case reading <- struct{}{}:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
		defer func() { <-reading }()
		if kept != nil {
			return *kept, nil
		}
		v, err := read(ctx)
		if err == nil {
			kept = &v
		}
		return v, err
	}
}

func (b *backupSet) setID() string { return b.run.Target.ID }

// Plan chooses the policies and makes them items of the set, so that whatever
// becomes of the run, the set says of each whether it was captured.
func (b *backupSet) Plan(ctx context.Context) ([]run.Item, error) {
	in, err := b.input()
	if err != nil {
		return nil, err
	}
	set, err := b.Sets.BackupSet(ctx, b.tenant.ID, b.setID())
	switch {
	case errors.Is(err, run.ErrNotFound), err == nil && set.DeletedAt != nil:
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.SetDeleted)}}
	case err != nil:
		return nil, fmt.Errorf("read backup set: %w", err)
	}
	var items []run.Item
	if in.Refresh {
		if items, err = b.refresh(ctx, in.Selection); err != nil {
			return nil, err
		}
	}
	all, err := b.Policies.AllPolicies(ctx, b.tenant.ID)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	chosen, err := b.choose(ctx, in.Selection, all)
	if err != nil {
		return nil, err
	}
	if len(chosen) > run.MaxSetPolicies {
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.TooManyPolicies), Params: map[string]string{string(reason.FieldPolicies): strconv.Itoa(len(chosen))}}}
	}
	pending := make([]run.BackupItem, 0, len(chosen))
	for _, p := range chosen {
		items = append(items, run.Item{Key: p.ID, Kind: run.KindPolicy, Name: p.Name, Type: p.Type})
		pending = append(pending, b.item(p))
	}
	if _, err := b.Sets.AddBackupItems(ctx, b.tenant.ID, b.setID(), pending); err != nil {
		return nil, fmt.Errorf("add items: %w", err)
	}
	gone, err := b.gone(ctx, all)
	if err != nil {
		return nil, err
	}
	return append(items, gone...), nil
}

// item is a policy as a pending item of the set.
func (b *backupSet) item(p run.Policy) run.BackupItem {
	return run.NewItem(b.setID(), b.run.ID, p, b.Now().UTC())
}

// refreshParallel is how many collections are listed at once.
const refreshParallel = 4

// refresh brings the inventory up to date and returns an item for each collection
// that could not be listed. What this run has listed before its worker stopped is
// not listed again.
func (b *backupSet) refresh(ctx context.Context, sel run.Selection) ([]run.Item, error) {
	syncs, err := b.Policies.TypeSyncs(ctx, b.tenant.ID)
	if err != nil {
		return nil, fmt.Errorf("read last syncs: %w", err)
	}
	listed := map[string]bool{}
	for _, s := range syncs {
		listed[s.Type] = s.RunID == b.run.ID
	}
	lister := newInventorySync(b.session).(*inventorySync)
	var mu sync.Mutex
	var failed []run.Item
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(refreshParallel)
	for _, src := range catalog.Sources() {
		meant := len(sel.Types) == 0 || slices.ContainsFunc(src.Types, func(t catalog.Type) bool { return slices.Contains(sel.Types, t.ID) })
		known := !slices.ContainsFunc(src.Types, func(t catalog.Type) bool { return !listed[t.ID] })
		if src.LookUp() || !meant || known {
			continue
		}
		group.Go(func() error {
			item := sourceItem(src)
			o, err := lister.Act(groupCtx, item)
			if err == nil && o.Status == run.OutcomeFailed {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, item)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(failed, func(a, b run.Item) int { return cmp.Compare(a.Key, b.Key) })
	return failed, nil
}

// choose resolves a selection against the inventory, in the order people read.
func (b *backupSet) choose(ctx context.Context, sel run.Selection, all []run.Policy) ([]run.Policy, error) {
	if sel.Missing {
		// What the set lacks is named from here on.
		err := run.EachItem(ctx, b.Sets, b.tenant.ID, b.setID(), func(i run.BackupItem) error {
			if !i.State.Held() {
				sel.Policies = append(sel.Policies, i.PolicyID)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read items of set: %w", err)
		}
	}
	return sel.Choose(all), nil
}

// Act captures a policy into the set.
func (b *backupSet) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	switch item.Kind {
	case run.KindPolicyType:
		return b.unlisted(ctx, item)
	case run.KindVanished:
		return b.actGone(ctx, item)
	}
	p, err := b.Policies.Policy(ctx, b.tenant.ID, item.Key)
	if err != nil {
		return run.Outcome{}, fmt.Errorf("read policy record: %w", err)
	}
	got, err := b.take(ctx, p, b.item(p))
	if err != nil {
		return run.Outcome{}, err
	}
	o := got.outcome
	delete(o.Numbers, string(reason.FieldVersion)) // a sum of versions means nothing
	drifted, err := b.drift(ctx, p, got)
	if err != nil {
		return run.Outcome{}, err
	}
	if drifted {
		o.Numbers[numberDrift] = 1
	}
	in, err := b.input()
	if err != nil {
		return run.Outcome{}, err
	}
	if in.Foundations && got.version.Number > 0 {
		lacking, err := b.foundations(ctx, got.version.Refers)
		if err != nil {
			return run.Outcome{}, err
		}
		if lacking != "" && o.Status == run.OutcomeSucceeded {
			f := run.Failure{Code: string(reason.FoundationMissing), Params: map[string]string{string(reason.FieldDependency): lacking}}
			o.Status, o.Code, o.Params, o.Failure = run.OutcomeFailed, f.Code, nil, &f
			o.Numbers[run.NumberKept] = 1
		}
	}
	return o, nil
}

// take captures a policy and stores what became of it in the set. Errors are those
// that stop the run.
func (b *backupSet) take(ctx context.Context, p run.Policy, i run.BackupItem) (snapshot, error) {
	got, err := b.capture.capture(ctx, p)
	if got.outcome, err = settle(got.outcome, err); err != nil {
		return snapshot{}, err
	}
	o, v := got.outcome, got.version
	i.Code, i.Params, i.Failure, i.State = o.Code, o.Params, o.Failure, run.ItemMissing
	if o.Code == string(reason.Unchanged) {
		i.Code, i.Params = "", nil // says something of the run, not of what the set holds
	}
	if v.Number > 0 {
		at := b.Now().UTC()
		i = i.Hold(v)
		i.CapturedAt = &at
	}
	if err := b.Sets.SettleBackupItem(ctx, i); err != nil {
		return snapshot{}, fmt.Errorf("store item of set: %w", err)
	}
	if got.outcome.Numbers == nil {
		got.outcome.Numbers = map[string]int{}
	}
	return got, nil
}

// unlisted is a collection that could not be listed when the policies were chosen.
// Nothing of it is in the set, which must not be taken for complete.
func (b *backupSet) unlisted(ctx context.Context, item run.Item) (run.Outcome, error) {
	o, err := newInventorySync(b.session).Act(ctx, item)
	if err != nil || o.Status == run.OutcomeFailed {
		return o, err
	}
	// It can be listed by now, too late for this run.
	f := run.Failure{Code: string(reason.InventoryIncomplete), Params: map[string]string{string(reason.FieldType): item.Name}}
	return run.Outcome{Status: run.OutcomeFailed, Code: f.Code, Failure: &f}, nil
}

// foundations captures into the set what a policy needs, and what that needs in
// turn, as far as it is not there. It returns the name of one that could not be
// captured.
func (b *backupSet) foundations(ctx context.Context, needed []string) (lacking string, err error) {
	looked := map[string]bool{}
	for len(needed) > 0 && len(looked) < run.MaxRefers {
		id := needed[0]
		needed = needed[1:]
		if looked[id] {
			continue
		}
		looked[id] = true
		more, failed, err := b.foundation(ctx, id)
		if err != nil {
			return "", err
		}
		if failed != "" {
			lacking = failed
		}
		needed = append(needed, more...)
	}
	return lacking, nil
}

// foundation captures one policy that another needs, unless that is done or being
// done. It returns what that needs in turn, or its name when nothing could be
// captured.
func (b *backupSet) foundation(ctx context.Context, id string) (needed []string, failed string, err error) {
	p, err := b.Policies.Policy(ctx, b.tenant.ID, id)
	switch {
	case errors.Is(err, run.ErrNotFound):
		return nil, "", nil // no sync has seen such an object; the version tells of it
	case err != nil:
		return nil, "", fmt.Errorf("read policy record: %w", err)
	}
	if _, busy := b.doing.LoadOrStore(id, true); busy {
		return nil, "", nil
	}
	defer func() {
		if err != nil {
			b.doing.Delete(id) // acted on again
		}
	}()
	i := b.item(p)
	i.Foundation = true
	there, err := b.Sets.AddBackupItems(ctx, b.tenant.ID, b.setID(), []run.BackupItem{i})
	if err != nil {
		return nil, "", fmt.Errorf("add item: %w", err)
	}
	if len(there) > 0 {
		have, err := b.Sets.BackupItem(ctx, b.tenant.ID, b.setID(), id)
		if err != nil {
			return nil, "", fmt.Errorf("read item: %w", err)
		}
		// One that was chosen has an item of the plan, here or in another run. One that
		// this run added and did not settle was lost with its worker.
		if have.State != run.ItemPending || !have.Foundation || have.RunID != b.run.ID {
			return nil, "", nil
		}
	}
	got, err := b.take(ctx, p, i)
	if err != nil {
		return nil, "", err
	}
	if got.version.Number == 0 {
		failed = p.Name
	}
	return got.version.Refers, failed, nil
}
