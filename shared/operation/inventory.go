package operation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// inventorySync lists every policy type of the tenant and records what is new,
// what changed and what vanished. An item is a policy type; what became of the
// single policies stands on their records, and the figures on the outcome.
type inventorySync struct {
	session
	known func(context.Context) (map[string]run.Policy, error)
}

// The figures of a sync, named as the sentences name them.
const (
	numberPolicies = string(reason.FieldPolicies)
	numberAdded    = string(reason.FieldAdded)
	numberChanged  = string(reason.FieldChanged)
	numberGone     = string(reason.FieldGone)
	// numberUnsupported counts objects that no type of the catalogue is about.
	numberUnsupported = string(reason.FieldUnsupported)
)

// Limits of a sync.
const (
	maxListed      = 50_000 // objects of one type; more is hostile
	maxParents     = 1_000
	maxGraphID     = 256
	writeParallel  = 8
	verifyVanished = 20
)

func newInventorySync(s session) engine.Operation {
	op := &inventorySync{session: s}
	var mu sync.Mutex
	var loaded map[string]run.Policy
	// One read of the inventory serves all types of this claim: only this run
	// adds policies (the lock is the tenant's), and a capture that changes one
	// meanwhile is noticed by its revision.
	op.known = func(ctx context.Context) (map[string]run.Policy, error) {
		mu.Lock()
		defer mu.Unlock()
		if loaded == nil {
			all, err := s.Policies.AllPolicies(ctx, s.tenant.ID)
			if err != nil {
				return nil, fmt.Errorf("read inventory: %w", err)
			}
			loaded = make(map[string]run.Policy, len(all))
			for _, p := range all {
				loaded[p.ID] = p
			}
		}
		return loaded, nil
	}
	return op
}

func (s *inventorySync) Plan(context.Context) ([]run.Item, error) {
	return sourceItems(s.run, func(src catalog.Source) bool { return !src.LookUp() })
}

func (s *inventorySync) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	src, ok := catalog.SourceByKey(item.Type)
	if !ok {
		return run.Outcome{}, fmt.Errorf("unknown policy type %q", item.Type)
	}
	listed := &listing{source: src, policies: map[string]run.Policy{}, unsupported: map[string]bool{}}
	if err := s.list(ctx, listed); err != nil {
		return settle(run.Outcome{}, needs(err, src.Types[0]))
	}
	numbers, err := s.record(ctx, listed)
	if err != nil {
		return settle(run.Outcome{}, err)
	}
	o := run.Outcome{Status: run.OutcomeSucceeded, Numbers: numbers}
	if len(listed.unsupported) > 0 {
		o.Code = string(reason.ObjectsUnsupported)
	}
	return o, nil
}

// listing is what the tenant has in one collection.
type listing struct {
	source   catalog.Source
	policies map[string]run.Policy // by policy id
	// unsupported are the policy ids of objects of derived types that the catalogue
	// does not know.
	unsupported map[string]bool
}

// list reads what the tenant has of a source. Only a list that was read to its
// end is returned: from an incomplete one nothing can be concluded.
func (s *inventorySync) list(ctx context.Context, l *listing) error {
	t := l.source.Types[0]
	add := func(parent string) func(json.RawMessage) error {
		return func(raw json.RawMessage) error {
			p, kind, err := s.policyOf(l.source, parent, raw)
			switch {
			case err != nil:
				return err
			case kind == unsupported:
				l.unsupported[p.ID] = true
			case kind == policy:
				l.policies[p.ID] = p
			}
			if len(l.policies)+len(l.unsupported) > maxListed {
				return errListTooLong
			}
			return nil
		}
	}
	switch {
	case t.Singleton:
		raw, err := s.graph.Get(ctx, t.Collection, "", reason.ReadList)
		if err != nil {
			return s.listFault(t, err)
		}
		return s.listFault(t, add("")(raw))
	case t.Parent == "":
		return s.listFault(t, s.graph.List(ctx, t.Collection, t.ListQuery, add("")))
	}
	var parents []string
	err := s.graph.List(ctx, t.Parent, "", func(raw json.RawMessage) error {
		var parent struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &parent) != nil || parent.ID == "" || len(parent.ID) > maxGraphID || len(parents) >= maxParents {
			return errNotAPolicy
		}
		parents = append(parents, parent.ID)
		return nil
	})
	for i := 0; err == nil && i < len(parents); i++ {
		err = s.graph.List(ctx, strings.ReplaceAll(t.Collection, "{parent}", url.PathEscape(parents[i])), t.ListQuery, add(parents[i]))
	}
	return s.listFault(t, err)
}

// listFault is what a list that broke off means.
func (s *inventorySync) listFault(t catalog.Type, err error) error {
	if err == nil {
		return nil
	}
	incomplete := &itemError{run.Failure{Code: string(reason.InventoryIncomplete), Params: map[string]string{string(reason.FieldType): t.Title}}}
	if errors.Is(err, errListTooLong) || errors.Is(err, errNotAPolicy) {
		return incomplete
	}
	var cut *graph.IncompleteListError
	if errors.As(err, &cut) {
		var item *itemError
		if errors.As(verdict(err), &item) {
			if item.failure.Code == string(reason.ConsentMissing) {
				return err
			}
			incomplete.failure.HTTPStatus, incomplete.failure.GraphCode = item.failure.HTTPStatus, item.failure.GraphCode
			incomplete.failure.GraphRequestID, incomplete.failure.ClientRequestID = item.failure.GraphRequestID, item.failure.ClientRequestID
			incomplete.failure.Params[string(reason.FieldPages)] = fmt.Sprint(cut.Pages.Count)
			return incomplete
		}
	}
	return err
}

var (
	errListTooLong = errors.New("list is longer than a tenant can be")
	errNotAPolicy  = errors.New("list holds something that is no policy")
)

// kind is what an object of a list is to the catalogue.
type kind int

const (
	policy      kind = iota
	hidden           // no policy at all
	unsupported      // of a derived type that the catalogue does not know
)

// policyOf reads what a list shows of an object.
func (s *inventorySync) policyOf(src catalog.Source, parent string, raw json.RawMessage) (run.Policy, kind, error) {
	doc, err := catalog.Decode(raw)
	if err != nil {
		return run.Policy{}, policy, errNotAPolicy
	}
	object := map[string]any(doc)
	if src.Hidden(object) {
		return run.Policy{}, hidden, nil
	}
	id, _ := object["id"].(string)
	if src.Types[0].Singleton {
		id = catalog.SingletonID
	}
	if id == "" || len(id) > maxGraphID {
		return run.Policy{}, policy, errNotAPolicy
	}
	if parent != "" {
		id = parent + "/" + id
	}
	policyID := run.PolicyID(s.tenant.ID, src.Collection(), id)
	t, ok := src.Classify(object)
	if !ok {
		return run.Policy{ID: policyID}, unsupported, nil
	}
	text, _ := object[t.NameProperty].(string)
	name := reason.ClipName(text)
	switch {
	case name != "":
	case t.Singleton:
		name = t.Title
	default:
		name = id
	}
	platform := reason.ClipName(t.Platform(object))
	hash, err := listingHash(t, object)
	if err != nil {
		return run.Policy{}, policy, errNotAPolicy
	}
	return run.Policy{
		ID: policyID, TenantID: s.tenant.ID, Type: t.ID, GraphID: id, Name: name,
		Platform: platform, ListingHash: hash,
	}, policy, nil
}

// listingHash is over everything the list shows but what changes by itself, in
// any order of properties. The date of the last change is part of it: it says
// that something changed which the list does not show.
func listingHash(t catalog.Type, object map[string]any) (string, error) {
	t.DropVolatile(object)
	text, err := json.Marshal(object) // with sorted keys
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// record brings the inventory of a source in line with a complete list.
func (s *inventorySync) record(ctx context.Context, l *listing) (map[string]int, error) {
	listed := l.policies
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := s.vanished(ctx, l, known)
	if err != nil {
		return nil, err
	}

	var mu sync.Mutex
	numbers := map[string]int{numberPolicies: len(listed), numberAdded: 0, numberChanged: 0, numberGone: 0}
	if n := len(l.unsupported); n > 0 {
		numbers[numberUnsupported] = n
	}
	count := func(p run.Policy) {
		// A policy that this run has changed already, before its worker died,
		// counts all the same: what counts stands on the record.
		if p.LastRunID != s.run.ID {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		switch p.LastChange {
		case run.ChangeNew:
			numbers[numberAdded]++
		case run.ChangeChanged, run.ChangeReturned:
			numbers[numberChanged]++
		case run.ChangeVanished:
			numbers[numberGone]++
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(writeParallel)
	apply := func(id string, change func(have run.Policy, exists bool) run.Policy) {
		group.Go(func() error {
			have, exists := known[id]
			p, err := s.put(groupCtx, id, have, exists, change)
			if err != nil {
				return err
			}
			count(p)
			return nil
		})
	}
	for _, id := range slices.Sorted(maps.Keys(listed)) {
		apply(id, func(have run.Policy, exists bool) run.Policy { return s.seen(have, exists, listed[id]) })
	}
	for _, id := range gone {
		apply(id, func(have run.Policy, _ bool) run.Policy { return s.lost(have) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	found := map[string]int{}
	for _, p := range listed {
		found[p.Type]++
	}
	for _, t := range l.source.Types {
		err := s.Policies.PutTypeSync(ctx, run.TypeSync{TenantID: s.tenant.ID, Type: t.ID, SyncedAt: s.run.CreatedAt, RunID: s.run.ID, Policies: found[t.ID]})
		if err != nil {
			return nil, fmt.Errorf("record sync of %s: %w", t.ID, err)
		}
	}
	return numbers, nil
}

// put stores what change makes of a policy, unless that is nothing new. When
// the record changed since the inventory was read, it is read again.
func (s *inventorySync) put(ctx context.Context, id string, have run.Policy, exists bool, change func(run.Policy, bool) run.Policy) (run.Policy, error) {
	for range 5 {
		want := change(have, exists)
		if exists && want == have {
			return have, nil
		}
		stored, err := s.Policies.PutPolicy(ctx, want)
		if err == nil {
			return stored, nil
		}
		if !errors.Is(err, run.ErrConflict) {
			return run.Policy{}, fmt.Errorf("store policy: %w", err)
		}
		have, err = s.Policies.Policy(ctx, s.tenant.ID, id)
		exists = err == nil
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return run.Policy{}, fmt.Errorf("read policy: %w", err)
		}
	}
	return run.Policy{}, fmt.Errorf("policy %s: %w", id, run.ErrConflict)
}

// seen is a policy's record after it was listed.
func (s *inventorySync) seen(have run.Policy, exists bool, now run.Policy) run.Policy {
	at := s.Now().UTC()
	if !exists {
		now.FirstSeenAt, now.ChangedAt, now.LastChange, now.LastRunID = at, at, run.ChangeNew, s.run.ID
		return now
	}
	want := have
	switch {
	case have.VanishedAt != nil:
		want.LastChange = run.ChangeReturned
	case have.ListingHash != now.ListingHash:
		want.LastChange = run.ChangeChanged
	case have.Type != now.Type:
		// The catalogue changed, not the tenant: a release tells apart what one before
		// it did not.
		want.Type, want.Name, want.Platform = now.Type, now.Name, now.Platform
		return want
	default:
		return have
	}
	want.VanishedAt, want.ChangedAt, want.LastRunID = nil, at, s.run.ID
	want.Name, want.Platform, want.ListingHash, want.Type = now.Name, now.Platform, now.ListingHash, now.Type
	return want
}

// lost is a policy's record after it was missing from a complete list.
func (s *inventorySync) lost(have run.Policy) run.Policy {
	if have.VanishedAt != nil {
		return have
	}
	at := s.Now().UTC()
	have.VanishedAt, have.ChangedAt, have.LastChange, have.LastRunID = &at, at, run.ChangeVanished, s.run.ID
	return have
}

// vanished are the known policies of a source that a complete list lacks; one that
// became an object of an unknown kind is listed. Lists of the service lag behind
// single objects (terraform-provider-microsoft365#2518) and paging faults made
// other tools believe in losses (Microsoft365DSC#5088), so the first of them are
// looked for one by one: a policy that still answers is not gone.
func (s *inventorySync) vanished(ctx context.Context, l *listing, known map[string]run.Policy) ([]string, error) {
	src, types := l.source, map[string]bool{}
	for _, t := range src.Types {
		types[t.ID] = true
	}
	var gone []string
	checked := 0
	for _, id := range slices.Sorted(maps.Keys(known)) {
		p := known[id]
		if _, there := l.policies[id]; there || l.unsupported[id] || !types[p.Type] {
			continue
		}
		if p.VanishedAt == nil && checked < verifyVanished {
			checked++
			_, err := s.graph.Get(ctx, objectPath(src.Types[0], src.Types[0].Parts[0], p.GraphID, ""), "", reason.ReadObject)
			if err == nil {
				s.Log.WarnContext(ctx, "a listed collection lacks an object that exists", "type", p.Type, "policy", id)
				continue
			}
			var item *itemError
			if v := verdict(err); !errors.As(v, &item) || item.failure.Code != string(reason.NotFoundInTenant) {
				return nil, err
			}
		}
		gone = append(gone, id)
	}
	return gone, nil
}
