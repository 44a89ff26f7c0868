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
)

// Limits of a sync.
const (
	maxListed      = 50_000 // objects of one type; more is hostile
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

func (s *inventorySync) Plan(context.Context) ([]run.Item, error) { return typeItems(s.run) }

func (s *inventorySync) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	t, ok := catalog.ByID(item.Type)
	if !ok {
		return run.Outcome{}, fmt.Errorf("unknown policy type %q", item.Type)
	}
	listed, err := s.list(ctx, t)
	if err != nil {
		return settle(run.Outcome{}, needs(err, t))
	}
	numbers, err := s.record(ctx, t, listed)
	if err != nil {
		return settle(run.Outcome{}, err)
	}
	return run.Outcome{Status: run.OutcomeSucceeded, Numbers: numbers}, nil
}

// list reads what the tenant has of a type. Only a list that was read to its
// end is returned: from an incomplete one nothing can be concluded.
func (s *inventorySync) list(ctx context.Context, t catalog.Type) (map[string]run.Policy, error) {
	listed := map[string]run.Policy{}
	err := s.graph.List(ctx, t.Collection, t.ListQuery, func(raw json.RawMessage) error {
		p, err := s.policyOf(t, raw)
		if err != nil {
			return err
		}
		listed[p.ID] = p
		if len(listed) > maxListed {
			return errListTooLong
		}
		return nil
	})
	if err == nil {
		return listed, nil
	}
	incomplete := &itemError{run.Failure{Code: string(reason.InventoryIncomplete), Params: map[string]string{string(reason.FieldType): t.Title}}}
	if errors.Is(err, errListTooLong) || errors.Is(err, errNotAPolicy) {
		return nil, incomplete
	}
	var cut *graph.IncompleteListError
	if errors.As(err, &cut) {
		var item *itemError
		if errors.As(verdict(err), &item) {
			if item.failure.Code == string(reason.ConsentMissing) {
				return nil, err
			}
			incomplete.failure.HTTPStatus, incomplete.failure.GraphCode = item.failure.HTTPStatus, item.failure.GraphCode
			incomplete.failure.GraphRequestID, incomplete.failure.ClientRequestID = item.failure.GraphRequestID, item.failure.ClientRequestID
			incomplete.failure.Params[string(reason.FieldPages)] = fmt.Sprint(cut.Pages.Count)
			return nil, incomplete
		}
	}
	return nil, err
}

var (
	errListTooLong = errors.New("list is longer than a tenant can be")
	errNotAPolicy  = errors.New("list holds something that is no policy")
)

// policyOf reads what a list shows of an object.
func (s *inventorySync) policyOf(t catalog.Type, raw json.RawMessage) (run.Policy, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return run.Policy{}, errNotAPolicy
	}
	text := func(name string) string {
		var v string
		_ = json.Unmarshal(object[name], &v) // absent, null or of another type: no text
		return v
	}
	id := text("id")
	if id == "" || len(id) > 256 {
		return run.Policy{}, errNotAPolicy
	}
	name := reason.ClipName(text(t.NameProperty))
	if name == "" {
		name = id
	}
	hash, err := listingHash(object)
	if err != nil {
		return run.Policy{}, errNotAPolicy
	}
	return run.Policy{
		ID: run.PolicyID(s.tenant.ID, t.Collection, id), TenantID: s.tenant.ID, Type: t.ID, GraphID: id, Name: name,
		Platform: reason.ClipName(t.Platform(text("@odata.type"), text(t.PlatformProperty))), ListingHash: hash,
	}, nil
}

// listingHash is over everything the list shows, in any order of properties.
func listingHash(object map[string]json.RawMessage) (string, error) {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(object)) {
		var v any
		if err := json.Unmarshal(object[k], &v); err != nil {
			return "", err
		}
		if v == nil { // the service adds null properties from release to release
			continue
		}
		fmt.Fprintf(h, "%q:%s\n", k, object[k])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// record brings the inventory of a type in line with a complete list.
func (s *inventorySync) record(ctx context.Context, t catalog.Type, listed map[string]run.Policy) (map[string]int, error) {
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := s.vanished(ctx, t, known, listed)
	if err != nil {
		return nil, err
	}

	var mu sync.Mutex
	numbers := map[string]int{numberPolicies: len(listed), numberAdded: 0, numberChanged: 0, numberGone: 0}
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
	err = s.Policies.PutTypeSync(ctx, run.TypeSync{TenantID: s.tenant.ID, Type: t.ID, SyncedAt: s.run.CreatedAt, RunID: s.run.ID, Policies: len(listed)})
	if err != nil {
		return nil, fmt.Errorf("record sync of %s: %w", t.ID, err)
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

// vanished are the known policies of a type that a complete list lacks. Lists
// of the service lag behind single objects (terraform-provider-microsoft365#2518)
// and paging faults made other tools believe in losses (Microsoft365DSC#5088),
// so the first of them are looked for one by one: a policy that still answers is
// not gone.
func (s *inventorySync) vanished(ctx context.Context, t catalog.Type, known, listed map[string]run.Policy) ([]string, error) {
	var gone []string
	checked := 0
	for _, id := range slices.Sorted(maps.Keys(known)) {
		p := known[id]
		if _, there := listed[id]; there || p.Type != t.ID {
			continue
		}
		if p.VanishedAt == nil && checked < verifyVanished {
			checked++
			_, err := s.graph.Get(ctx, t.Collection+"/"+url.PathEscape(p.GraphID), "", reason.ReadObject)
			if err == nil {
				s.Log.WarnContext(ctx, "a listed collection lacks an object that exists", "type", t.ID, "policy", id)
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
