package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// Names remembers, for a while, what objects are called that policies refer to,
// so that a thousand policies with the same groups ask for each group once. It is
// safe for concurrent use and bounded; the zero value is ready.
type Names struct {
	mu    sync.Mutex
	known map[nameKey]remembered
}

type nameKey struct{ tenantID, typeID, id string }

type remembered struct {
	name  reference
	until time.Time
}

// How long and how many names are remembered. A renamed group shows its old name
// in captures of this long.
const (
	nameLife = 15 * time.Minute
	maxNames = 50_000
)

func (n *Names) get(k nameKey, now time.Time) (reference, bool) {
	if n == nil {
		return reference{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r, ok := n.known[k]
	return r.name, ok && now.Before(r.until)
}

func (n *Names) put(k nameKey, r reference, now time.Time) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= maxNames {
		n.known = map[nameKey]remembered{}
	}
	n.known[k] = remembered{r, now.Add(nameLife)}
}

// reference is what a payload keeps of an object that the policy refers to.
type reference struct {
	// Name is "" when it could not be read.
	Name string `json:"name,omitempty"`
	// Missing: the tenant has no such object.
	Missing bool `json:"missing,omitempty"`
	// What tells apart groups of one name.
	GroupTypes     []string `json:"groupTypes,omitempty"`
	MembershipRule string   `json:"membershipRule,omitempty"`
}

// maxReferences bounds how many objects of a policy are named. Real policies name
// a few dozen.
const maxReferences = 1_000

// references names the objects that a policy refers to, by type and id. Names are
// no content: what cannot be named is left without a name, and unnamed says so.
// Errors are those that would stop the run.
func (c capture) references(ctx context.Context, t catalog.Type, doc catalog.Document) (found map[string]map[string]reference, unnamed *run.Note, err error) {
	asked := t.Referenced(doc)
	if len(asked) > maxReferences {
		asked = asked[:maxReferences]
	}
	found = map[string]map[string]reference{}
	keep := func(typeID, id string, r reference) {
		if found[typeID] == nil {
			found[typeID] = map[string]reference{}
		}
		found[typeID][id] = r
	}
	now := c.Now()
	var groups []string
	for _, u := range asked {
		key := nameKey{c.tenant.ID, u.Type, u.ID}
		if r, ok := c.Names.get(key, now); ok {
			keep(u.Type, u.ID, r)
			continue
		}
		if u.Type == catalog.TypeGroup {
			groups = append(groups, u.ID)
			continue
		}
		r, err := c.inventoryName(ctx, u.Type, u.ID)
		if err != nil {
			return nil, nil, err
		}
		if r.Name != "" {
			c.Names.put(key, r, now)
		}
		keep(u.Type, u.ID, r)
	}
	// The service takes 15 values in one such filter
	// (learn.microsoft.com/graph/filter-query-parameter).
	for some := range slices.Chunk(groups, 15) {
		named, err := c.groupNames(ctx, some)
		var item *itemError
		if v := verdict(err); errors.As(v, &item) {
			unnamed = &run.Note{Code: string(reason.NamesUnreadable), Params: map[string]string{string(reason.FieldPermission): groupPermission}}
			named = map[string]reference{}
		} else if err != nil {
			return nil, nil, err
		}
		for _, id := range some {
			r, ok := named[strings.ToLower(id)]
			r.Missing = !ok && unnamed == nil
			if unnamed == nil {
				c.Names.put(nameKey{c.tenant.ID, catalog.TypeGroup, id}, r, now)
			}
			keep(catalog.TypeGroup, id, r)
		}
	}
	return found, unnamed, nil
}

// groupPermission is the least that allows to read the names of groups.
const groupPermission = "GroupMember.Read.All"

// inventoryName takes the name from the inventory: a sync knows all objects of
// all types but groups, so that no request is needed. An object that no sync has
// seen has no name yet.
func (c capture) inventoryName(ctx context.Context, typeID, id string) (reference, error) {
	t, ok := catalog.ByID(typeID)
	if !ok {
		return reference{}, nil
	}
	p, err := c.Policies.Policy(ctx, c.tenant.ID, run.PolicyID(c.tenant.ID, t.Collection, id))
	switch {
	case errors.Is(err, run.ErrNotFound):
		return reference{}, nil
	case err != nil:
		return reference{}, fmt.Errorf("read inventory: %w", err)
	}
	return reference{Name: p.Name, Missing: p.VanishedAt != nil}, nil
}

// groupNames reads groups by their ids; those that do not exist are absent.
func (c capture) groupNames(ctx context.Context, ids []string) (map[string]reference, error) {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = "'" + strings.ReplaceAll(id, "'", "''") + "'"
	}
	query := url.Values{
		"$filter": {"id in (" + strings.Join(quoted, ",") + ")"},
		"$select": {"id,displayName,groupTypes,membershipRule"},
	}
	named := map[string]reference{}
	err := c.graph.List(ctx, "groups", query.Encode(), func(raw json.RawMessage) error {
		var g struct {
			ID             string   `json:"id"`
			DisplayName    string   `json:"displayName"`
			GroupTypes     []string `json:"groupTypes"`
			MembershipRule string   `json:"membershipRule"`
		}
		if err := json.Unmarshal(raw, &g); err != nil {
			return errNotAPolicy
		}
		named[strings.ToLower(g.ID)] = reference{Name: reason.ClipName(g.DisplayName), GroupTypes: g.GroupTypes, MembershipRule: g.MembershipRule}
		return nil
	})
	if errors.Is(err, errNotAPolicy) {
		// What was not read must not be taken for missing.
		err = &itemError{run.Failure{Code: string(reason.GraphUnavailable)}}
	}
	return named, err
}

// encodeReferences is the member of a payload, with sorted keys; nil for none.
func encodeReferences(found map[string]map[string]reference) ([]byte, error) {
	maps.DeleteFunc(found, func(_ string, of map[string]reference) bool { return len(of) == 0 })
	if len(found) == 0 {
		return nil, nil
	}
	return json.Marshal(found)
}
