package operation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// preview plans a restore: it compares what was captured with the tenant as it is
// now, and stores what would be written. It holds a client that cannot write.
type preview struct {
	session
	live *liveTenant
	// sources are what is to be restored, by policy id.
	sources func(context.Context) (map[string]source, error)
	planned sync.Map // policy id → func(context.Context) (fate, error)
}

// source is one policy that is to be restored, or an object that is to go.
type source struct {
	policyID string
	name     string
	typeID   string
	version  int    // 0: the set holds none
	delete   string // Graph id of the object that a restore made and its undo deletes
	graphID  string // as captured
	code     string // why there is no version
	twin     bool   // another source has the same type and name
}

// fate is what the plan does with a policy, for those that refer to it.
type fate struct {
	graphID string
	creates bool
}

func newPreview(s session) engine.Operation {
	p := &preview{session: s, live: newLiveTenant(s)}
	p.sources = onceOK(p.readSources)
	return p
}

// Plan lists the items in the order in which a restore writes them: what others
// need comes first.
func (p *preview) Plan(ctx context.Context) ([]run.Item, error) {
	sources, err := p.sources(ctx)
	if err != nil {
		return nil, err
	}
	if len(sources) > run.MaxPlanItems {
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.TooManyPolicies), Params: reason.Params{}.Int(reason.FieldPolicies, len(sources))}}
	}
	items := make([]run.Item, 0, len(sources))
	for _, s := range sources {
		items = append(items, run.Item{Key: s.policyID, Kind: run.KindPolicy, Name: s.name, Type: s.typeID})
	}
	sortByRank(items)
	return items, nil
}

// sortByRank brings items into the order in which they are written.
func sortByRank(items []run.Item) {
	slices.SortFunc(items, func(a, b run.Item) int {
		return cmp.Or(cmp.Compare(rankOf(a.Type), rankOf(b.Type)), cmp.Compare(a.Type, b.Type),
			cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Key, b.Key))
	})
}

func rankOf(typeID string) int {
	t, _ := catalog.ByID(typeID)
	return t.Rank
}

func (p *preview) readSources(ctx context.Context) (map[string]source, error) {
	var in run.PreviewInput
	if err := json.Unmarshal(p.run.Input, &in); err != nil {
		return nil, fmt.Errorf("read input of run: %w", err)
	}
	sources := map[string]source{}
	add := func(s source) { sources[s.policyID] = s }
	var err error
	switch {
	case in.SetID != "":
		err = p.sourcesOfSet(ctx, in, add)
	case in.UndoOf != "":
		err = p.sourcesOfUndo(ctx, in.UndoOf, add)
	default:
		err = p.sourcesOfVersions(ctx, in.Versions, add)
	}
	if err != nil {
		return nil, err
	}
	seen := map[[2]string]string{}
	for id, s := range sources {
		key := [2]string{s.typeID, s.name}
		if other, twice := seen[key]; twice {
			o := sources[other]
			o.twin, s.twin = true, true
			sources[other], sources[id] = o, s
		}
		seen[key] = id
	}
	return sources, nil
}

func (p *preview) sourcesOfSet(ctx context.Context, in run.PreviewInput, add func(source)) error {
	set, err := p.Sets.BackupSet(ctx, p.tenant.ID, in.SetID)
	switch {
	case errors.Is(err, run.ErrNotFound), err == nil && set.DeletedAt != nil:
		return &engine.Fail{Failure: run.Failure{Code: string(reason.SetDeleted)}}
	case err != nil:
		return fmt.Errorf("read backup set: %w", err)
	}
	err = run.EachItem(ctx, p.Sets, p.tenant.ID, in.SetID, func(i run.BackupItem) error {
		if _, chosen := slices.BinarySearch(in.Policies, i.PolicyID); !chosen && len(in.Policies) > 0 {
			return nil
		}
		s := source{policyID: i.PolicyID, name: i.Name, typeID: i.Type, version: i.Version, graphID: i.GraphID}
		if s.version == 0 {
			s.code = cmp.Or(i.Code, string(reason.NeverCaptured))
		}
		add(s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read items of set: %w", err)
	}
	return nil
}

func (p *preview) sourcesOfVersions(ctx context.Context, versions []run.VersionRef, add func(source)) error {
	for _, ref := range versions {
		v, err := p.Policies.Version(ctx, p.tenant.ID, ref.PolicyID, ref.Version)
		if err != nil {
			return fmt.Errorf("read version: %w", err)
		}
		add(source{policyID: ref.PolicyID, name: v.PolicyName, typeID: v.PolicyType, version: v.Number, graphID: v.GraphID})
	}
	return nil
}

// sourcesOfUndo are what a live restore wrote: what it changed becomes as it was
// captured before, and what it made goes.
func (p *preview) sourcesOfUndo(ctx context.Context, runID string, add func(source)) error {
	return eachOutcome(ctx, p.Runs, p.tenant.ID, runID, func(o run.Outcome) error {
		w := o.Written
		switch {
		case w == nil || w.Steps == 0:
		case w.Action == run.PlanCreate && w.GraphID != "":
			add(source{policyID: w.PolicyID, name: o.Item.Name, typeID: o.Item.Type, delete: w.GraphID, graphID: w.GraphID})
		case w.Before > 0:
			add(source{policyID: cmp.Or(w.PolicyID, o.Item.Key), name: o.Item.Name, typeID: o.Item.Type, version: w.Before, graphID: w.GraphID})
		}
		return nil
	})
}

// eachOutcome calls f for each outcome of a run, in the order of its plan.
func eachOutcome(ctx context.Context, runs run.Runs, tenantID, runID string, f func(run.Outcome) error) error {
	for cursor := ""; ; {
		page, err := runs.Outcomes(ctx, run.OutcomeQuery{TenantID: tenantID, RunID: runID}, run.PageRequest{Limit: 200, Cursor: cursor})
		if err != nil {
			return fmt.Errorf("read outcomes: %w", err)
		}
		for _, o := range page.Items {
			if err := f(o); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// Numbers of a preview's outcomes, beside those that are fields of sentences.
const (
	numberCreate = "create"
	numberUpdate = "update"
	numberDelete = "delete"
	numberNone   = "none"
)

// Act plans one item and stores the plan.
func (p *preview) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	d, err := p.plan(ctx, item)
	var refused *graph.WriteRefusedError
	if errors.As(err, &refused) {
		// It was stopped below; that it was tried at all is a fault of ours, of which
		// operators must know.
		p.Log.ErrorContext(ctx, "write blocked in preview", "tenant", p.tenant.ID, "run", p.run.ID, "item", item.Key, "method", refused.Method)
		return settle(run.Outcome{}, &itemError{failureOf(refused.Err.Failure)})
	}
	if err != nil {
		return settle(run.Outcome{}, err)
	}
	o := run.Outcome{Status: run.OutcomeSucceeded, Code: string(d.Code), Params: d.Params, Version: d.Version, Numbers: map[string]int{}}
	key := ""
	if d.Action != run.PlanNone {
		raw, err := d.Encode()
		if err != nil {
			return run.Outcome{}, err
		}
		if key, err = p.Archive.Put(ctx, p.tenant.ID, raw); err != nil {
			return run.Outcome{}, fmt.Errorf("store plan: %w", err)
		}
	}
	o.Planned = d.Planned(key)
	if d.Action.Writes() {
		o.Numbers[string(reason.FieldToWrite)] = 1
	}
	o.Numbers[string(map[run.PlanAction]reason.Field{
		run.PlanCreate: numberCreate, run.PlanUpdate: numberUpdate, run.PlanDelete: numberDelete,
		run.PlanNone: numberNone, run.PlanBlocked: reason.FieldBlocked,
	}[d.Action])] = 1
	return o, nil
}

func (p *preview) plan(ctx context.Context, item run.Item) (restore.Document, error) {
	sources, err := p.sources(ctx)
	if err != nil {
		return restore.Document{}, err
	}
	s, ok := sources[item.Key]
	if !ok {
		return restore.Document{}, fmt.Errorf("item %s is not what the run was started for", item.Key)
	}
	blocked := restore.Document{Schema: restore.Schema, PolicyID: s.policyID, Name: s.name, Type: s.typeID, Action: run.PlanBlocked, Version: s.version}
	t, ok := catalog.ByID(s.typeID)
	switch {
	case !ok:
		blocked.Code = reason.UnsupportedType
		return blocked, nil
	case s.delete != "":
		return p.planDelete(ctx, t, s)
	case s.version == 0:
		blocked.Code = reason.Code(s.code)
		return blocked, nil
	}
	v, payload, doc, err := p.captured(ctx, s)
	if err != nil {
		return restore.Document{}, err
	}
	live, err := p.live.match(ctx, t, s.graphID, doc.Object(), !s.twin)
	var ambiguous *errAmbiguous
	if errors.As(err, &ambiguous) {
		blocked.Code, blocked.Params = reason.Ambiguous, reason.Params{}.Int(reason.FieldMatches, ambiguous.matches)
		return blocked, nil
	}
	if err != nil {
		return restore.Document{}, err
	}
	references, err := p.live.references(ctx, t, doc, p.fateOf)
	if err != nil {
		return restore.Document{}, err
	}
	subject := restore.Subject{Type: t, PolicyID: s.policyID, Version: v, Captured: payload, References: references, Now: p.Now()}
	if live != nil {
		subject.Live, subject.GraphID, subject.Matched, subject.Fingerprint = live.payload, live.graphID, live.matched, live.hash
		held, err := p.asEncrypted(ctx, p.tenant.ID, t, payload, live)
		if err != nil {
			return restore.Document{}, err
		}
		if !bytes.Equal(held, payload) { // seldom, and a hash of a large policy takes a tenth of a second
			if subject.Held, err = t.ContentHash(held); err != nil {
				return restore.Document{}, fmt.Errorf("hash of the version: %w", err)
			}
		}
	}
	d, err := restore.Make(subject)
	if err != nil {
		return restore.Document{}, fmt.Errorf("plan of %s: %w", t.ID, err)
	}
	return d, nil
}

// captured reads the version of a source.
func (p *preview) captured(ctx context.Context, s source) (run.Version, []byte, catalog.Document, error) {
	v, err := p.Policies.Version(ctx, p.tenant.ID, s.policyID, s.version)
	if err != nil {
		return v, nil, nil, fmt.Errorf("read version: %w", err)
	}
	payload, err := p.Archive.Get(ctx, p.tenant.ID, v.PayloadKey)
	if err != nil {
		return v, nil, nil, fmt.Errorf("read payload: %w", err)
	}
	doc, err := catalog.Decode(payload)
	return v, payload, doc, err
}

// fateOf is what the plan does with a policy that another refers to and whose
// object is gone.
func (p *preview) fateOf(ctx context.Context, policyID string) (string, bool, error) {
	known, _ := p.planned.LoadOrStore(policyID, onceOK(func(ctx context.Context) (fate, error) {
		sources, err := p.sources(ctx)
		s, ok := sources[policyID]
		t, typed := catalog.ByID(s.typeID)
		if err != nil || !ok || !typed || s.version == 0 || s.delete != "" || t.Restorability.Level != catalog.Full {
			return fate{}, err
		}
		_, _, doc, err := p.captured(ctx, s)
		if err != nil {
			return fate{}, err
		}
		live, err := p.live.match(ctx, t, s.graphID, doc.Object(), !s.twin)
		var ambiguous *errAmbiguous
		switch {
		case errors.As(err, &ambiguous):
			return fate{}, nil
		case err != nil:
			return fate{}, err
		case live == nil:
			return fate{creates: true}, nil
		}
		return fate{graphID: live.graphID}, nil
	}))
	f, err := known.(func(context.Context) (fate, error))(ctx)
	return f.graphID, f.creates, err
}

func (p *preview) planDelete(ctx context.Context, t catalog.Type, s source) (restore.Document, error) {
	live, err := p.live.read(ctx, t, s.delete)
	if err != nil {
		return restore.Document{}, err
	}
	if live == nil {
		return restore.Document{Schema: restore.Schema, PolicyID: s.policyID, Name: s.name, Type: s.typeID, Action: run.PlanNone, Code: reason.AlreadyMatches}, nil
	}
	return restore.Delete(t, s.policyID, s.name, s.delete, live.hash, live.payload)
}
