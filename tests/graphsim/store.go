package graphsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// entity is one stored object. It is never changed after it was stored: a
// change puts a new entity in its place, so readers need no lock.
type entity struct {
	id       string
	seq      uint64 // position in lists, kept when the object is replaced
	props    object // what a plain GET answers
	children map[string][]json.RawMessage
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

// after returns up to n objects that come after the position last, and whether
// more follow. A page so neither repeats nor misses what stays in place while
// others come and go.
func (s *entitySet) after(last uint64, n int) ([]*entity, bool) {
	i := s.index(last + 1)
	end := min(i+n, len(s.order))
	return slices.Clone(s.order[i:end]), end < len(s.order)
}

// tenant is one simulated Microsoft tenant.
type tenant struct {
	id          string
	displayName string
	domains     []string
	emptyPage   bool
	pageSizes   map[string]int

	mu      sync.RWMutex
	apps    map[string]*App
	sets    map[string]*entitySet
	secrets map[string]string // secretReferenceValueId of an omaSetting to its plain text
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
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sets[c.path].get(id)
}

func (t *tenant) page(c *collection, last uint64, n int) ([]*entity, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sets[c.path].after(last, n)
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

// counts returns the number of objects of each collection.
func (t *tenant) counts() map[string]int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := map[string]int{}
	for path, s := range t.sets {
		out[path] = len(s.order)
	}
	return out
}
