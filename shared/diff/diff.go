// Package diff says what changed between two payload documents of one policy: what
// was added, removed or changed, by setting, property, assignment and so on, in
// words for people and with paths for machines.
//
// It compares normal forms (catalog.Type.NormalForm), so that it finds exactly what
// counts as content: two documents of equal content hash have no changes, and two
// of different ones have some. It performs no I/O.
//
// Values that are secret are never shown: neither their digests nor the tokens and
// masks that stand for them. A whole script or profile that may hold one is shown,
// as everywhere else.
package diff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"tenantatlas/shared/catalog"
)

// Limits of a result. What lies beyond is counted.
const (
	MaxChanges = 10_000
	// MaxDocument is the largest payload document, in bytes. It leaves room for the
	// names that are kept beside the largest policy that is stored.
	MaxDocument = 32 << 20

	maxValue  = 4 << 10 // bytes of a value that are shown
	maxShown  = 4 << 20 // bytes of all values together; the rest is shown by its beginning
	maxBrief  = 64      // what such a beginning has
	maxLabel  = 300
	maxKey    = 200 // bytes of one key of a path
	maxPath   = 2_000
	shapeSize = 1_000 // parts of an element that are looked at to find its counterpart
)

// Section is the part of a policy that a change belongs to.
type Section string

// The sections, in the order people see them.
const (
	Settings         Section = "settings"
	Properties       Section = "properties"
	Apps             Section = "apps"
	ScheduledActions Section = "scheduled_actions"
	Messages         Section = "messages"
	Assignments      Section = "assignments"
	ScopeTags        Section = "scope_tags"
)

var sections = []Section{Settings, Properties, Apps, ScheduledActions, Messages, Assignments, ScopeTags}

// Kind is what happened.
type Kind string

// The kinds.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	// Reordered lists hold the same in another order, and their order has a meaning.
	Reordered Kind = "reordered"
	// Unreadable parts are in one of the documents only, since they could not be
	// read for the other: whether they changed is not known.
	Unreadable Kind = "unreadable"
)

var kinds = []Kind{Added, Removed, Changed, Reordered, Unreadable}

// Change is one difference.
type Change struct {
	// Path names the place within the payload document: members by .name or
	// ["name"], elements by ["key"] where they have one, else by [position].
	// [2:3] is the element that stood at 2 before and stands at 3 after. Settings
	// are named by their definitions, without the members that lie between:
	// settings["definition"]["definition of a child"].
	//
	// Path and Kind together are said once, unless names repeat where the service
	// never repeats them.
	Path    string  `json:"path"`
	Label   string  `json:"label"` // for people, in one language: names are Microsoft's
	Section Section `json:"section"`
	Kind    Kind    `json:"kind"`
	Before  *Value  `json:"before,omitempty"`
	After   *Value  `json:"after,omitempty"`
	// Secret: the value is a secret, or holds one that was left out.
	Secret bool `json:"secret,omitempty"`
}

// Value is a value before or after a change.
type Value struct {
	// JSON is the value, digit by digit. Of one that is cut it is a text: a piece of
	// the text, or of the JSON, which begins Offset bytes into it.
	JSON json.RawMessage `json:"json"`
	// Name is what people call it, where that is not the value: of ids and targets.
	Name string `json:"name,omitempty"`
	// Base64: JSON is the text that the document holds in base64.
	Base64 bool `json:"base64,omitempty"`
	Cut    bool `json:"cut,omitempty"`
	Offset int  `json:"offset,omitempty"`
	// Size in bytes and SHA256 in hexadecimal are of the whole, when it is cut.
	Size   int    `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Count is how many changes there are of one kind in one section.
type Count struct {
	Section Section `json:"section"`
	Kind    Kind    `json:"kind"`
	Count   int     `json:"count"`
}

// Result is what changed.
type Result struct {
	// Changes are at most MaxChanges, in an order that is always the same.
	Changes []Change `json:"changes"`
	// Total and Counts are of all, also of those beyond the limit; there, an element
	// of a list counts once, however much of it changed.
	Total     int     `json:"total"`
	Counts    []Count `json:"counts"`
	Truncated bool    `json:"truncated,omitempty"`
	// UnreadBefore and UnreadAfter are the parts that could not be read for one
	// document or the other. While there are some, no change does not mean equal.
	UnreadBefore []string `json:"unreadBefore,omitempty"`
	UnreadAfter  []string `json:"unreadAfter,omitempty"`
}

// Errors of Compare.
var (
	ErrTooLarge = errors.New("document is too large to compare")
	ErrInvalid  = errors.New("document cannot be compared")
)

// Compare lists what changed from before to after, both payload documents of the
// type. The same documents give the same result; turned round, they give the same
// changes turned round.
func Compare(t catalog.Type, before, after []byte) (Result, error) {
	if len(before) > MaxDocument || len(after) > MaxDocument {
		return Result{}, ErrTooLarge
	}
	c := &comparer{t: t, changes: []Change{}, counts: map[Count]int{}, names: map[string]map[string]string{}, shown: maxShown}
	rawBefore, err := outline(before)
	if err != nil {
		return Result{}, fmt.Errorf("before: %w", err)
	}
	rawAfter, err := outline(after)
	if err != nil {
		return Result{}, fmt.Errorf("after: %w", err)
	}
	// The later name of an object is the better one.
	c.learnNames(rawBefore)
	c.learnNames(rawAfter)
	c.unread[0], c.unread[1] = unreadParts(t, rawBefore), unreadParts(t, rawAfter)

	before, after = withoutEqual(rawBefore, rawAfter)
	if c.docs[0], err = normal(t, before); err != nil {
		return Result{}, fmt.Errorf("before: %w", err)
	}
	if c.docs[1], err = normal(t, after); err != nil {
		return Result{}, fmt.Errorf("after: %w", err)
	}
	c.prepare()
	c.document()

	r := Result{
		Changes: c.changes, Counts: []Count{}, Total: c.total, Truncated: c.total > len(c.changes),
		UnreadBefore: slices.Sorted(maps.Keys(c.unread[0])), UnreadAfter: slices.Sorted(maps.Keys(c.unread[1])),
	}
	for k, n := range c.counts {
		k.Count = n
		r.Counts = append(r.Counts, k)
	}
	slices.SortFunc(r.Counts, func(a, b Count) int {
		return cmp.Or(slices.Index(sections, a.Section)-slices.Index(sections, b.Section), slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind))
	})
	return r, nil
}

// Short is a result in few words, for a record or a notification.
type Short struct {
	Total  int     `json:"total"`
	Counts []Count `json:"counts"`
	// Labels name the first changes, each once.
	Labels []string `json:"labels,omitempty"`
}

// Summary counts the changes and names up to n of them.
func Summary(r Result, n int) Short {
	s := Short{Total: r.Total, Counts: slices.Clone(r.Counts)}
	for _, change := range r.Changes {
		if len(s.Labels) >= n {
			break
		}
		if !slices.Contains(s.Labels, change.Label) {
			s.Labels = append(s.Labels, change.Label)
		}
	}
	return s
}

// SetChanges are the policies that differ between two backup sets, each list in
// alphabetical order.
type SetChanges struct {
	Added     []string `json:"added,omitempty"`
	Removed   []string `json:"removed,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Unchanged int      `json:"unchanged"`
}

// CompareSets compares two backup sets, each given as the content hash of every
// policy by its id.
func CompareSets(before, after map[string]string) SetChanges {
	var s SetChanges
	for id, hash := range before {
		now, ok := after[id]
		switch {
		case !ok:
			s.Removed = append(s.Removed, id)
		case now != hash:
			s.Changed = append(s.Changed, id)
		default:
			s.Unchanged++
		}
	}
	for id := range after {
		if _, ok := before[id]; !ok {
			s.Added = append(s.Added, id)
		}
	}
	slices.Sort(s.Added)
	slices.Sort(s.Removed)
	slices.Sort(s.Changed)
	return s
}

// outline reads a payload document as far as its members.
func outline(payload []byte) (*doc, error) {
	if !json.Valid(payload) {
		return nil, fmt.Errorf("%w: not JSON", ErrInvalid)
	}
	d := newDoc(payload)
	if d.kind(d.root()) != '{' {
		return nil, fmt.Errorf("%w: not a JSON object", ErrInvalid)
	}
	return d, nil
}

// normal is the content of a payload document.
func normal(t catalog.Type, payload []byte) (*doc, error) {
	form, err := t.NormalForm(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return newDoc(form), nil
}

// withoutEqual leaves out of both documents the settings that are the same in
// both, byte for byte beside their ids, which number them anew in every answer: of a
// large policy few change, and a normal form of all of them costs more than the
// rest. Settings have no order and do not depend on one another, so what is left
// differs exactly as the whole does.
func withoutEqual(before, after *doc) (b, a []byte) {
	listBefore, okBefore := list(before, catalog.PartSettings)
	listAfter, okAfter := list(after, catalog.PartSettings)
	if !okBefore || !okAfter {
		return before.raw, after.raw
	}
	elementsBefore, elementsAfter := before.elements(listBefore), after.elements(listAfter)
	seed := maphash.MakeSeed()
	sum := func(d *doc, v value) uint64 {
		head, tail := besideID(d, v)
		return maphash.Bytes(seed, head) ^ 3*maphash.Bytes(seed, tail)
	}
	pairs := match(len(elementsBefore), len(elementsAfter),
		func(i int) uint64 { return sum(before, elementsBefore[i]) },
		func(j int) uint64 { return sum(after, elementsAfter[j]) },
		func(i, j int) bool {
			headBefore, tailBefore := besideID(before, elementsBefore[i])
			headAfter, tailAfter := besideID(after, elementsAfter[j])
			return bytes.Equal(headBefore, headAfter) && bytes.Equal(tailBefore, tailAfter)
		})
	if len(pairs) == 0 {
		return before.raw, after.raw
	}
	leftBefore, leftAfter := leftovers(pairs, len(elementsBefore), len(elementsAfter))
	return withElements(before, listBefore, elementsBefore, leftBefore), withElements(after, listAfter, elementsAfter, leftAfter)
}

// besideID is what stands before and behind the value of an object's id.
func besideID(d *doc, v value) (head, tail []byte) {
	id, ok := d.get(v, "id")
	if kind := d.kind(id); !ok || kind == '{' || kind == '[' {
		return d.bytes(v), nil
	}
	return d.raw[v.from:id.from], d.raw[id.to:v.to]
}

// list is the list of that name; of several, the last, as encoding/json has it.
func list(d *doc, name string) (found value, ok bool) {
	for _, m := range d.members(d.root()) {
		if m.name == name {
			found = m.value
		}
	}
	return found, d.kind(found) == '['
}

// withElements is the document with some elements of a list only.
func withElements(d *doc, list value, elements []value, keep []int) []byte {
	out := make([]byte, 0, len(d.raw))
	out = append(append(out, d.raw[:list.from]...), '[')
	for i, e := range keep {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, d.bytes(elements[e])...)
	}
	return append(append(out, ']'), d.raw[list.to:]...)
}

// unreadParts are the parts that a payload document lacks though every policy of
// the type has them.
func unreadParts(t catalog.Type, d *doc) map[string]bool {
	unread := map[string]bool{}
	var decoded catalog.Document
	for _, p := range t.Parts {
		if _, has := d.get(d.root(), p.Name); has || p.UnreadableCode == "" || p.Absent404 {
			continue
		}
		if p.Each != nil {
			if decoded == nil {
				var err error
				if decoded, err = catalog.Decode(d.raw); err != nil {
					continue // NormalForm says so
				}
			}
			if len(p.Each(decoded)) == 0 {
				continue
			}
		}
		unread[p.Name] = true
	}
	return unread
}

// learnNames reads the names of the objects that a document refers to.
func (c *comparer) learnNames(d *doc) {
	v, ok := d.get(d.root(), catalog.MemberReferences)
	if !ok || d.kind(v) != '{' {
		return
	}
	for _, typ := range d.members(v) {
		if d.kind(typ.value) != '{' {
			continue
		}
		for _, object := range d.members(typ.value) {
			if name := d.textAt(object.value, "name"); name != "" {
				if c.names[typ.name] == nil {
					c.names[typ.name] = map[string]string{}
				}
				c.names[typ.name][strings.ToLower(object.name)] = name
			}
		}
	}
}
