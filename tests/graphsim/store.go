package graphsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// entity is one stored object. It is never changed after it was stored: a
// change puts a new entity in its place, so readers need no lock.
type entity struct {
	id       string
	seq      uint64 // position in lists, kept when the object is replaced
	props    object // what a plain GET answers, and hidden properties that begin with ~
	children map[string][]json.RawMessage
	listedAt time.Time // lists hold it from then on
}

// clone copies e for a change. Lists of children are shared: replace them whole.
func (e *entity) clone() *entity {
	children := maps.Clone(e.children)
	if children == nil {
		children = map[string][]json.RawMessage{}
	}
	return &entity{id: e.id, props: e.props, children: children, listedAt: e.listedAt}
}

// entitySet holds the objects of one collection in the order of creation.
type entitySet struct {
	byID    map[string]*entity
	order   []*entity // what lists show; an object that lags is not among them
	nextSeq uint64
}

func newEntitySet() *entitySet { return &entitySet{byID: map[string]*entity{}} }

// put stores e, in the place of the object with its id where there is one.
func (s *entitySet) put(e *entity) {
	key := strings.ToLower(e.id)
	if old, ok := s.byID[key]; ok {
		e.seq = old.seq
		if i := s.index(old.seq); i < len(s.order) && s.order[i].seq == old.seq {
			s.order[i] = e
		} else {
			s.order = slices.Insert(s.order, i, e) // it was hidden, and shows again
		}
	} else {
		s.nextSeq++
		e.seq = s.nextSeq
		s.order = append(s.order, e)
	}
	s.byID[key] = e
}

func (s *entitySet) get(id string) *entity { return s.byID[strings.ToLower(id)] }

func (s *entitySet) delete(id string) bool {
	e := s.get(id)
	if e == nil {
		return false
	}
	s.hide(id)
	delete(s.byID, strings.ToLower(id))
	return true
}

// hide takes an object out of lists; it still answers by its id.
func (s *entitySet) hide(id string) bool {
	e := s.get(id)
	if e == nil {
		return false
	}
	if i := s.index(e.seq); i < len(s.order) && s.order[i].seq == e.seq {
		s.order = slices.Delete(s.order, i, i+1)
	}
	return true
}

// index returns the place in order of the first object with at least the given seq.
func (s *entitySet) index(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s.order, seq, func(e *entity, seq uint64) int { return cmp.Compare(e.seq, seq) })
	return i
}

// after returns up to n objects that come after the position last and that keep
// chooses, and whether more follow. A page so neither repeats nor misses what
// stays in place while others come and go.
func (s *entitySet) after(last uint64, n int, keep func(*entity) bool) ([]*entity, bool) {
	var out []*entity
	for _, e := range s.order[s.index(last+1):] {
		if !keep(e) {
			continue
		}
		if len(out) == n {
			return out, true
		}
		out = append(out, e)
	}
	return out, false
}

// content is what Microsoft publishes to all tenants: definitions of
// administrative templates and templates of intents.
type content struct {
	mu   sync.RWMutex
	sets map[string]*entitySet
}

func newContent() *content { return &content{sets: map[string]*entitySet{}} }

func (c *content) get(path, id string) *entity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if set := c.sets[path]; set != nil {
		return set.get(id)
	}
	return nil
}

func (c *content) all(path string) []*entity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if set := c.sets[path]; set != nil {
		return slices.Clone(set.order)
	}
	return nil
}

// put adds or replaces what change makes of the object with the id, nil if there is none.
func (c *content) put(path, id string, change func(old *entity) *entity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.sets[path]
	if set == nil {
		set = newEntitySet()
		c.sets[path] = set
	}
	if e := change(set.get(id)); e != nil {
		set.put(e)
	}
}

// tenant is one simulated Microsoft tenant.
type tenant struct {
	id          string
	displayName string
	domains     []string
	emptyPage   bool
	pageSizes   map[string]int
	catalog     *catalog
	content     *content
	spec        TenantSpec // what rules of writing depend on
	accountID   string     // intuneAccountId

	// writing is held through each write, from its checks to its effect.
	writing sync.Mutex

	mu       sync.RWMutex
	apps     map[string]*App
	sets     map[string]*entitySet
	secrets  map[string]string // secretReferenceValueId of an omaSetting to its plain text
	misses   map[string]int    // reads of a new object that still answer 404
	settings object            // deviceManagement/settings
	made     uint64            // ids given to what requests created
	lastTag  int               // greatest id of a scope tag ever given
	pending  map[string]int    // reads of an object that still see an operation under way
}

func (t *tenant) app(clientID string) *App {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.apps[strings.ToLower(clientID)]
}

func (t *tenant) setApp(a App) error {
	app, err := a.prepare()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.apps[strings.ToLower(app.ClientID)] = app
	return nil
}

func (t *tenant) removeApp(clientID string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := strings.ToLower(clientID)
	_, ok := t.apps[key]
	delete(t.apps, key)
	return ok
}

// entity returns the object or nil.
func (t *tenant) entity(c *collection, id string) *entity {
	for _, path := range c.view {
		if e := t.entity(t.catalog.find(path), id); e != nil {
			return e
		}
	}
	t.mu.RLock()
	e := t.sets[c.path].get(id)
	t.mu.RUnlock()
	if e == nil && c.shared {
		e = t.content.get(c.path, id)
	}
	return e
}

// lookup is entity for a reader: a new object may not be there yet.
func (t *tenant) lookup(c *collection, id string) *entity {
	t.settle(c, id)
	e := t.entity(c, id)
	if e == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := c.path + "/" + strings.ToLower(e.id)
	if t.misses[key] > 0 {
		t.misses[key]--
		return nil
	}
	return e
}

// all returns the objects of a set in the order of creation.
func (t *tenant) all(path string) []*entity {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if set := t.sets[path]; set != nil {
		return slices.Clone(set.order)
	}
	return nil
}

// page returns up to n objects after the position last, the position of the last
// of them, and whether more follow. A set without an order of its own is paged by
// number.
func (t *tenant) page(c *collection, now time.Time, last uint64, n int, choose condition, orderBy string) ([]*entity, uint64, bool) {
	keep := func(e *entity) bool { return !e.listedAt.After(now) && (choose == nil || choose(t, e)) }
	if len(c.view) == 0 && !c.shared && orderBy == "" {
		// What chooses may look at other sets: not under the lock.
		t.mu.RLock()
		set := &entitySet{order: slices.Clone(t.sets[c.path].order)}
		t.mu.RUnlock()
		found, more := set.after(last, n, keep)
		if len(found) > 0 {
			last = found[len(found)-1].seq
		}
		return found, last, more
	}
	var all []*entity
	if c.shared {
		all = t.content.all(c.path)
	}
	for _, path := range append(slices.Clone(c.view), c.path) {
		all = append(all, t.all(path)...)
	}
	all = slices.DeleteFunc(all, func(e *entity) bool { return !keep(e) })
	if orderBy != "" {
		slices.SortStableFunc(all, func(a, b *entity) int {
			x, y := c.value(t, a, orderBy), c.value(t, b, orderBy)
			if m, err := strconv.Atoi(x); err == nil {
				if k, err := strconv.Atoi(y); err == nil {
					return cmp.Compare(m, k)
				}
			}
			return cmp.Compare(strings.ToLower(x), strings.ToLower(y))
		})
	}
	start := min(int(last), len(all))
	end := min(start+n, len(all))
	return all[start:end], uint64(end), end < len(all)
}

// within returns the element that a reference into the children of an object
// leads to: of the object before the slash of the id, else of the owner.
func (t *tenant) within(r *refSpec, owner, id string) json.RawMessage {
	c := t.catalog.find(r.target)
	if head, tail, ok := strings.Cut(id, "/"); ok {
		owner, id = head, tail
	}
	e := t.entity(c, owner)
	if e == nil {
		return nil
	}
	child := c.child(r.within)
	elements := child.elements(t, e)
	if i := indexByID(elements, id); i >= 0 {
		return child.show(t, elements[i], expand{})
	}
	return nil
}

func (t *tenant) secret(reference string) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s, ok := t.secrets[reference]
	return s, ok
}

// update replaces the object with what change makes of it.
func (t *tenant) update(c *collection, id string, change func(*entity) (*entity, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.sets[c.path].get(id)
	if old == nil {
		return fmt.Errorf("there is no object %s in %s", id, c.path)
	}
	e, err := change(old)
	if err != nil {
		return err
	}
	t.sets[c.path].put(e)
	return nil
}

// counts returns the number of objects of each collection that has some.
func (t *tenant) counts() map[string]int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := map[string]int{}
	for path, s := range t.sets {
		if len(s.order) > 0 {
			out[path] = len(s.order)
		}
	}
	return out
}
