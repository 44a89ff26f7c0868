package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// liveTenant looks for objects in a tenant as it is now. What it has listed it
// keeps for the claim, so it is for deciding what to do; before something is
// written, that is looked at again.
type liveTenant struct {
	capture

	mu    sync.Mutex
	lists map[string]func(context.Context) (map[string]listed, error) // by collection
	known map[[2]string]bool                                          // ids that were asked for one by one
}

func newLiveTenant(s session) *liveTenant {
	return &liveTenant{capture: capture{session: s}, lists: map[string]func(context.Context) (map[string]listed, error){}, known: map[[2]string]bool{}}
}

// listed is what is kept of an object of a list.
type listed struct {
	typeID   string
	name     string
	identity string    // "" when the list shows too little
	created  time.Time // zero when the list does not say it
}

// list reads a collection to its end, once.
func (l *liveTenant) list(ctx context.Context, t catalog.Type) (map[string]listed, error) {
	l.mu.Lock()
	read, ok := l.lists[t.Collection]
	if !ok {
		read = onceOK(func(ctx context.Context) (map[string]listed, error) { return l.listNow(ctx, t) })
		l.lists[t.Collection] = read
	}
	l.mu.Unlock()
	return read(ctx)
}

// listNow reads a collection to its end: nothing may be concluded from less. Of a
// collection that lies below another one nothing is listed.
func (l *liveTenant) listNow(ctx context.Context, t catalog.Type) (map[string]listed, error) {
	found := map[string]listed{}
	src, ok := sourceOf(t)
	if !ok || t.Singleton || t.Parent != "" || t.LookUp {
		return found, nil
	}
	err := l.graph.List(ctx, t.Collection, t.ListQuery, func(raw json.RawMessage) error {
		value, err := catalog.DecodeValue(raw)
		object, isObject := value.(map[string]any)
		id, _ := object["id"].(string)
		if err != nil || !isObject || id == "" {
			return errNotAPolicy
		}
		of, known := src.Classify(object)
		if !known || src.Hidden(object) {
			return nil
		}
		o := listed{typeID: of.ID, name: of.NameOf(object)}
		if identity, ok := of.IdentityOf(object); ok {
			o.identity = identity
		}
		if text, ok := object["createdDateTime"].(string); ok {
			o.created, _ = time.Parse(time.RFC3339, text) // no date says as little as none
		}
		found[id] = o
		return nil
	})
	if errors.Is(err, errNotAPolicy) {
		return nil, &itemError{run.Failure{Code: string(reason.GraphUnavailable)}}
	}
	return found, needs(err, t)
}

func sourceOf(t catalog.Type) (catalog.Source, bool) {
	i := slices.IndexFunc(catalog.Sources(), func(s catalog.Source) bool { return s.Collection() == t.Collection })
	if i < 0 {
		return catalog.Source{}, false
	}
	return catalog.Sources()[i], true
}

// exists tells whether the tenant has an object of that id.
func (l *liveTenant) exists(ctx context.Context, t catalog.Type, id string) (bool, error) {
	objects, err := l.list(ctx, t)
	if err != nil {
		return false, err
	}
	if _, ok := objects[id]; ok {
		return true, nil
	}
	key := [2]string{t.Collection, id}
	l.mu.Lock()
	there, asked := l.known[key]
	l.mu.Unlock()
	if asked {
		return there, nil
	}
	// A list lags behind, or leaves out what nobody manages.
	_, err = l.graph.Get(ctx, objectPath(t, t.Parts[0], id, ""), "", reason.ReadObject)
	if there = err == nil; !there && !isMissing(err) {
		return false, needs(err, t)
	}
	l.mu.Lock()
	l.known[key] = there
	l.mu.Unlock()
	return there, nil
}

// isMissing reports whether a read found that there is no such object.
func isMissing(err error) bool {
	var item *itemError
	return errors.As(verdict(err), &item) && item.failure.Code == string(reason.NotFoundInTenant)
}

// twins are the ids of the objects that a captured object may be, by what tells it
// from others.
func twins(objects map[string]listed, t catalog.Type, captured map[string]any) []string {
	identity, ok := t.IdentityOf(captured)
	if !ok {
		return nil
	}
	var ids []string
	for id, o := range objects {
		if o.typeID == t.ID && o.identity == identity {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// clockSkew is by how much Microsoft's clock may be behind ours.
const clockSkew = time.Minute

// madeSince leaves out the ids of objects that were there before a time: what
// others made is never taken for what a run made.
func madeSince(objects map[string]listed, ids []string, at time.Time) []string {
	at = at.Add(-clockSkew)
	return slices.DeleteFunc(ids, func(id string) bool {
		created := objects[id].created
		return !created.IsZero() && created.Before(at)
	})
}

// maxSuccessors bounds how often an object was restored in the place of another.
const maxSuccessors = 20

// successors are the ids that a policy had, its own first: each restore that made
// it anew gave it another.
func (l *liveTenant) successors(ctx context.Context, t catalog.Type, graphID string) ([]string, error) {
	ids := []string{graphID}
	for len(ids) < maxSuccessors {
		p, err := l.Policies.Policy(ctx, l.tenant.ID, run.PolicyID(l.tenant.ID, t.Collection, ids[len(ids)-1]))
		if errors.Is(err, run.ErrNotFound) || err == nil && (p.Successor == "" || slices.Contains(ids, p.Successor)) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read policy record: %w", err)
		}
		ids = append(ids, p.Successor)
	}
	return ids, nil
}

// found is a live object, read whole.
type found struct {
	graphID string
	matched run.MatchedBy
	doc     *document
	payload []byte
	hash    string
}

// read reads an object whole, nil when there is no such object. A part that cannot
// be read fails the item: what is not known must not be overwritten.
func (l *liveTenant) read(ctx context.Context, t catalog.Type, graphID string) (*found, error) {
	p := run.Policy{TenantID: l.tenant.ID, ID: run.PolicyID(l.tenant.ID, t.Collection, graphID), Type: t.ID, GraphID: graphID}
	doc, err := l.capture.read(ctx, t, p)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, needs(err, t)
	}
	if !doc.complete() {
		return nil, &itemError{*doc.missing}
	}
	payload, err := doc.encode(t, p)
	if err != nil {
		return nil, err
	}
	hash, err := t.ContentHash(payload)
	if err != nil {
		return nil, fmt.Errorf("normal form of %s: %w", t.ID, err)
	}
	return &found{graphID: graphID, doc: doc, payload: payload, hash: hash}, nil
}

// errAmbiguous says that several objects may be the one that was captured.
type errAmbiguous struct{ matches int }

func (e *errAmbiguous) Error() string { return fmt.Sprintf("%d objects match", e.matches) }

// match finds the live object of a captured one: that with its id, or that an
// earlier restore made in its place, or the only one of its type and name. nil when
// there is none; *errAmbiguous when nobody can say. only is false when another
// policy has the same type and name, so that a name tells nothing.
func (l *liveTenant) match(ctx context.Context, t catalog.Type, graphID string, captured map[string]any, only bool) (*found, error) {
	ids, err := l.successors(ctx, t, graphID)
	if err != nil {
		return nil, err
	}
	for i, id := range slices.Backward(ids) {
		f, err := l.read(ctx, t, id)
		if err != nil || f == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		switch f.matched = run.MatchID; {
		case t.Singleton, t.IsBuiltIn(f.doc.decoded.Object()):
			f.matched = run.MatchDefault
		case i > 0:
			f.matched = run.MatchSuccessor
		}
		return f, nil
	}
	objects, err := l.list(ctx, t)
	if err != nil {
		return nil, err
	}
	hits := twins(objects, t, captured)
	switch {
	case len(hits) == 0 && only:
		return nil, nil
	case len(hits) > 1 || !only:
		return nil, &errAmbiguous{max(len(hits), 2)}
	}
	f, err := l.read(ctx, t, hits[0])
	if f != nil {
		f.matched = run.MatchIdentity
	}
	return f, err
}

// references finds what stands in the tenant for the objects that a captured policy
// refers to. Groups are found by their ids alone: another group of the same name
// has other members. planned finds what the same plan does with a policy.
func (l *liveTenant) references(ctx context.Context, t catalog.Type, captured catalog.Document, planned func(ctx context.Context, policyID string) (graphID string, creates bool, err error)) ([]restore.Reference, error) {
	asked := t.Referenced(captured)
	names, _ := captured[catalog.MemberReferences].(map[string]any)
	var groups []string
	out := make([]restore.Reference, 0, len(asked))
	for _, u := range asked {
		of, _ := names[u.Type].(map[string]any)
		about, _ := of[u.ID].(map[string]any)
		name, _ := about["name"].(string)
		r := restore.Reference{Type: u.Type, ID: u.ID, Name: name}
		switch target, known := catalog.ByID(u.Type); {
		case u.Type == catalog.TypeGroup:
			groups = append(groups, u.ID)
		case !known:
			r.To = u.ID // of a kind that is not in the catalogue: the same tenant, the same object
		default:
			if err := l.resolve(ctx, target, &r, planned); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	for some := range slices.Chunk(groups, 15) {
		there, err := l.groupNames(ctx, some)
		if err != nil {
			return nil, err
		}
		for i := range out {
			if g, ok := there[strings.ToLower(out[i].ID)]; ok && out[i].Type == catalog.TypeGroup && slices.Contains(some, out[i].ID) {
				out[i].To, out[i].Name = out[i].ID, g.Name
			}
		}
	}
	return out, nil
}

// resolve finds what stands for one object: it itself, what was restored in its
// place, what the same plan makes of it, or the only one of its name.
func (l *liveTenant) resolve(ctx context.Context, t catalog.Type, r *restore.Reference, planned func(context.Context, string) (string, bool, error)) error {
	ids, err := l.successors(ctx, t, r.ID)
	if err != nil {
		return err
	}
	for _, id := range slices.Backward(ids) {
		there, err := l.exists(ctx, t, id)
		if err != nil {
			return err
		}
		if there {
			r.To = id
			return nil
		}
	}
	policyID := run.PolicyID(l.tenant.ID, t.Collection, r.ID)
	graphID, creates, err := planned(ctx, policyID)
	if err != nil {
		return err
	}
	if creates {
		r.Creates = policyID
		return nil
	}
	if r.To = graphID; r.To != "" || r.Name == "" {
		return nil
	}
	objects, err := l.list(ctx, t)
	if err != nil {
		return err
	}
	var hits []string
	for id, o := range objects {
		if o.name == r.Name && sameCollection(o.typeID, t) {
			hits = append(hits, id)
		}
	}
	if len(hits) == 1 {
		r.To = hits[0]
	}
	return nil
}

func sameCollection(typeID string, t catalog.Type) bool {
	of, ok := catalog.ByID(typeID)
	return ok && of.Collection == t.Collection
}

// asEncrypted is a wanted state in the form in which it is read back.
func (d Deps) asEncrypted(ctx context.Context, tenantID string, t catalog.Type, want []byte, live *found) ([]byte, error) {
	held, err := t.AsEncrypted(want, live.payload, func(plain string) (string, error) {
		return d.Vault.Fingerprint(ctx, tenantID, []byte(plain))
	})
	if err != nil {
		return nil, fmt.Errorf("%s as the service encrypts it: %w", t.ID, err)
	}
	return held, nil
}
