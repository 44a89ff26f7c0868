package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Change is how a live object becomes as it was captured.
type Change struct {
	// Steps are done like those of a Creation, but begin with what Known says: {id}
	// is known before the first one. None: there is nothing to write.
	Steps      []Step
	Unresolved []Unresolved
	// Want is the payload document that a capture shows after the steps, to verify
	// it with Same: the captured one with the ids of the target, and as the live
	// object has it what is not written.
	Want []byte
	// Left are the paths in which Want is not as it was captured, assignments apart:
	// what no update writes, or not without a person.
	Left []string
	// AssignmentsKept: the assignments differ and stay as they are, because a target
	// is unresolved or because only a person may change them (Assign.OnRequest).
	AssignmentsKept bool
}

// ReplacementError says that an object cannot become as it was captured: what was
// fixed when it was made differs. It would have to be deleted and made anew, which
// is never done by itself.
type ReplacementError struct {
	Members []string // paths within the object
}

func (e *ReplacementError) Error() string {
	return "fixed since the object was made: " + strings.Join(e.Members, ", ")
}

// Known is what is learned of an object that exists, to fill the steps of a Change
// or of a deletion with.
func (t Type) Known(graphID string) map[string]string {
	_, id := t.SplitID(graphID)
	return map[string]string{"id": url.PathEscape(id)}
}

// change is a Change while it is made. Its doc is what is wanted: Wanted works on
// that, before anything is compared. Updating works on body, which is nil when
// nothing of the object itself is written, and adds the other steps.
type change struct {
	creation
	live Document
	// The contents of doc and live, as they are compared.
	wantContent, liveContent map[string]any
	builtIn                  bool // the service made the live object
	secretsDiffer            bool
	// early are steps before the update.
	early []Step
}

// Update returns the steps that make a live object equal to a captured policy,
// with the ids that it refers to replaced by mapping. Both are payload documents;
// live is a capture of the object as it is now, and says where to write. secrets
// are the values of the captured policy that were read apart, by their place.
//
// Nothing is written that would change nothing, and of a whole body no more than
// must be: see OnChange. What a PATCH leaves out keeps its value, so null or an
// empty list is sent for what the live object has and the captured one has not.
// What the service may have filled in for what nobody set counts as nothing.
//
// Parts that the captured document lacks were not read. Without those of its
// content there is no update (ErrIncomplete), without the assignments they are left
// alone. An unresolved reference that is not of an assignment is for the caller to
// stop at, as of a Creation.
func (t Type) Update(captured, live []byte, mapping Mapping, secrets map[string]string) (Change, error) {
	if t.UpdateCall.Method == "" || t.Restorability.Level != Full {
		return Change{}, fmt.Errorf("%s: %w", t.ID, ErrNotUpdatable)
	}
	doc, err := Decode(captured)
	if err != nil {
		return Change{}, err
	}
	is, err := Decode(live)
	if err != nil {
		return Change{}, err
	}
	if doc.Object() == nil || is.Object() == nil {
		return Change{}, fmt.Errorf("%s: %w", t.ID, ErrIncomplete)
	}
	c := &change{live: is, builtIn: t.IsBuiltIn(is.Object())}
	if c.builtIn != t.IsBuiltIn(doc.Object()) || c.builtIn && !t.BuiltIn.Writable {
		return Change{}, fmt.Errorf("%s: built in: %w", t.ID, ErrNotUpdatable)
	}
	var out Change
	stopped := false
	unassignable := false
	t.references(doc, func(r Reference, id string) string {
		to, ok := mapping(r.Type, id)
		if ok {
			return to
		}
		assignment := strings.HasPrefix(r.Path, PartAssignments)
		out.Unresolved = append(out.Unresolved, Unresolved{Reference: r, ID: id, Assignment: assignment})
		unassignable = unassignable || assignment
		stopped = stopped || !assignment
		return id
	})
	mapped, err := clone(map[string]any(doc), 0)
	if err != nil {
		return Change{}, err
	}
	c.creation = creation{t: t, doc: doc, secrets: secrets, mapping: mapping}
	if err := c.compare(stopped); err != nil {
		return Change{}, err
	}
	if c.want, err = t.wanted(c.doc, mapping); err != nil {
		return Change{}, err
	}
	c.head()
	if err := c.write(); err != nil {
		return Change{}, err
	}
	assign, kept, err := c.assign(unassignable)
	if err != nil {
		return Change{}, err
	}
	out.AssignmentsKept = kept
	out.Unresolved = append(out.Unresolved, c.unresolved...)
	if c.body != nil {
		var body any = c.body
		if t.UpdateCall.Wrap != "" {
			body = map[string]any{t.UpdateCall.Wrap: c.body}
		}
		if c.first.Body, err = json.Marshal(body); err != nil {
			return Change{}, err
		}
		c.early = append(c.early, c.first)
	}
	out.Steps = slices.Concat(c.early, c.steps, assign, c.last)
	if out.Want, err = json.Marshal(c.want); err != nil {
		return Change{}, err
	}
	out.Left, err = t.left(mapped, c.want)
	return out, err
}

// left are the differences between what was captured and what is wanted.
func (t Type) left(captured, want Document) ([]string, error) {
	t.Unwritten = nil // here they are what is looked for
	w, err := t.content(captured)
	if err != nil {
		return nil, err
	}
	g, err := t.content(want)
	if err != nil {
		return nil, err
	}
	for _, content := range []map[string]any{w, g} {
		delete(content, PartAssignments)
		delete(content, MemberSecrets)
	}
	return unlike(w, g, ""), nil
}

// head says of what is wanted that it is the live object.
func (c *change) head() {
	c.want[memberGraphID] = c.live[memberGraphID]
	if id, ok := c.live.Object()["id"]; ok {
		c.want.Object()["id"] = id
	}
}

// compare makes doc what is wanted, refuses what cannot become it, and takes the
// contents of both.
func (c *change) compare(stopped bool) error {
	t := c.t
	if t.Wanted != nil {
		t.Wanted(c)
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w", t.ID, c.err)
	}
	for _, take := range []func() error{c.takeLive, c.takeWanted} {
		if err := take(); err != nil {
			return err
		}
	}
	// What is not resolved is told before it is taken for another value.
	if !stopped {
		if err := c.fixed(); err != nil {
			return err
		}
	}
	c.keepUnwritten()
	if err := c.takeWanted(); err != nil {
		return err
	}
	if t.SecretReads != nil {
		wanted, _ := c.doc[MemberSecrets].(map[string]any)
		has, _ := c.live[MemberSecrets].(map[string]any)
		for place, digest := range wanted {
			c.secretsDiffer = c.secretsDiffer || spelling(has[place]) != spelling(digest)
		}
	}
	return nil
}

func (c *change) takeWanted() (err error) {
	c.wantContent, err = c.t.contentOf(c.doc)
	return err
}

func (c *change) takeLive() (err error) {
	c.liveContent, err = c.t.contentOf(c.live)
	return err
}

// contentOf is the content of a document that is still needed.
func (t Type) contentOf(doc Document) (map[string]any, error) {
	copied, err := clone(map[string]any(doc), 0)
	if err != nil {
		return nil, err
	}
	return t.content(copied)
}

// at is the value of the content at a path of plain names.
func at(content any, path string) (any, bool) {
	for more := true; more; {
		object, ok := content.(map[string]any)
		if !ok {
			return nil, false
		}
		var name string
		name, path, more = cutName(path)
		if content, ok = object[name]; !ok {
			return nil, false
		}
	}
	return content, true
}

// differs reports whether the contents are unlike at a path of plain names.
func (c *change) differs(path string) bool {
	want, got := map[string]any{}, map[string]any{}
	if v, ok := at(c.wantContent, path); ok {
		want["v"] = v
	}
	if v, ok := at(c.liveContent, path); ok {
		got["v"] = v
	}
	return len(unlike(want, got, "")) > 0
}

// fixed refuses an object that another one would have to take the place of. What
// the captured one does not say is as the live one has it.
func (c *change) fixed() error {
	var members []string
	for _, path := range append([]string{odataType}, c.t.Fixed...) {
		want, said := at(c.wantContent, "object."+path)
		_, has := at(c.liveContent, "object."+path)
		switch {
		case !said, path == odataType && !has:
		case !has && filler(want):
		case c.differs("object." + path):
			members = append(members, path)
		}
	}
	if len(members) > 0 {
		return fmt.Errorf("%s: %w", c.t.ID, &ReplacementError{members})
	}
	return nil
}

// keep takes the live object's value of a path of plain names.
func (c *change) keep(path string) {
	visit(map[string]any(c.doc), path, func(holder map[string]any, key string) {
		if v, ok := at(map[string]any(c.live), path); ok {
			holder[key] = v
		} else {
			delete(holder, key)
		}
	})
}

// keepWanted is keep for what is found when doc was compared.
func (c *change) keepWanted(path string) {
	visit(map[string]any(c.want), path, func(holder map[string]any, key string) {
		if v, ok := at(map[string]any(c.live), path); ok {
			holder[key] = v
		} else {
			delete(holder, key)
		}
	})
}

// keepUnwritten keeps what no update writes. Volatile paths say nothing either way;
// those with marks are all among them.
func (c *change) keepUnwritten() {
	t := c.t
	for _, path := range t.Unwritten {
		c.keep(path)
	}
	for _, path := range slices.Concat(t.Strip.Update, t.Fixed) {
		if !slices.Contains(t.Apart, "object."+path) && !strings.ContainsAny(path, "[{") {
			c.keep("object." + path)
		}
	}
	if len(t.UpdateCall.Only) == 0 {
		return
	}
	for _, name := range sortedNames(c.doc.Object(), c.live.Object()) {
		if !slices.Contains(t.UpdateCall.Only, name) && !slices.Contains(t.Apart, "object."+name) && name != odataType && !strings.Contains(name, ".") {
			c.keep("object." + name)
		}
	}
}

// objectDiffers compares what is written by the update itself.
func (c *change) objectDiffers() bool {
	want, got := map[string]any{}, map[string]any{}
	for _, one := range []struct{ from, to map[string]any }{{c.wantContent, want}, {c.liveContent, got}} {
		if object, ok := one.from[PartObject].(map[string]any); ok {
			object = maps.Clone(object)
			for _, path := range c.t.Apart {
				if name, is := strings.CutPrefix(path, "object."); is {
					delete(object, name)
				}
			}
			one.to[PartObject] = object
		}
		if settings, ok := one.from[PartSettings]; ok && c.t.UpdateCall.Whole {
			one.to[PartSettings] = settings
		}
	}
	return c.secretsDiffer || len(unlike(want, got, "")) > 0
}

// write makes the body, if there is one, and the steps beside it.
func (c *change) write() error {
	t := c.t
	if c.objectDiffers() {
		if err := c.makeBody(); err != nil {
			return err
		}
	}
	if t.Updating != nil {
		t.Updating(c)
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w", t.ID, c.err)
	}
	if t.UpdateCall.Whole && c.body != nil {
		for _, name := range t.CreateCall.Required {
			if c.body[name] == nil {
				return fmt.Errorf("%s: %s: %w", t.ID, name, ErrIncomplete)
			}
		}
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(c.body)), func(name string) bool { return name != odataType }) {
		c.body = nil // all that differs is written by other steps
	}
	return nil
}

// parent is the escaped id of what the live object lies below.
func (c *change) parent() string {
	parent, _ := c.t.SplitID(textAt(map[string]any(c.live), memberGraphID))
	return url.PathEscape(parent)
}

func (c *change) makeBody() error {
	t := c.t
	var err error
	if c.body, err = t.body(c.doc.Object(), t.Strip.Update, t.UpdateCall.Only); err != nil {
		return err
	}
	for _, p := range t.Parts[1:] {
		delete(c.body, p.Name)
	}
	c.first = Step{Name: "update", Method: t.UpdateCall.Method, Path: strings.ReplaceAll(t.UpdateCall.Path, "{parent}", c.parent())}
	if t.UpdateCall.Whole {
		// What is left out is lost, also where it is nothing.
		for _, name := range []string{"description", "roleScopeTagIds"} {
			v, said := c.doc.Object()[name]
			if !said {
				v, said = c.live.Object()[name]
			}
			if _, sent := c.body[name]; said && !sent {
				c.body[name] = v
			}
		}
		return nil
	}
	for _, path := range t.Fixed {
		if name, _, deep := strings.Cut(path, "."); !deep {
			delete(c.body, name)
		}
	}
	for _, path := range t.Apart {
		if name, is := strings.CutPrefix(path, "object."); is {
			delete(c.body, name)
		}
	}
	c.clear()
	for _, name := range t.onChange() {
		if !c.differs("object."+name) && (t.SecretReads == nil || !c.secretsDiffer) {
			delete(c.body, name)
		}
	}
	return nil
}

// onChange is OnChange with what holds dates: those that have passed are refused.
func (t Type) onChange() []string {
	names := slices.Clone(t.OnChange)
	for _, path := range t.Dates {
		name, _, _ := strings.Cut(path, ".")
		names = append(names, name)
	}
	return names
}

// clear puts null, or an empty list, for what the live object has and the captured
// one has not. A flag that the captured one does not even name cannot be null for
// all that is known.
func (c *change) clear() {
	t := c.t
	for name, v := range c.live.Object() {
		if _, sent := c.body[name]; sent || filler(v) || name == odataType || bookkeeping(name) || c.service(name) {
			continue
		}
		if len(t.UpdateCall.Only) > 0 && !slices.Contains(t.UpdateCall.Only, name) {
			continue
		}
		_, said := c.doc.Object()[name]
		switch v.(type) {
		case []any:
			c.body[name] = []any{}
		case bool:
			if c.body[name] = nil; !said {
				c.body[name] = false
			}
		default:
			c.body[name] = nil
		}
	}
}

// service reports whether a member of the object is the service's, or written by
// another step or by none.
func (c *change) service(name string) bool {
	t, path := c.t, "object."+name
	return slices.Contains(stripAlways, name) || slices.Contains(t.Strip.Update, name) || slices.Contains(t.Fixed, name) ||
		slices.Contains(volatileAlways, path) || slices.Contains(t.Volatile, path) || slices.Contains(t.Apart, path) || slices.Contains(t.Unwritten, path) ||
		slices.ContainsFunc(t.Parts[1:], func(p Part) bool { return p.Name == name })
}

// assign compares the direct assignments and returns the steps that make them
// equal. Those of policy sets belong to the set.
func (c *change) assign(unassignable bool) (steps []Step, kept bool, err error) {
	t := c.t
	was, has := c.live[PartAssignments]
	keep := func() {
		if delete(c.want, PartAssignments); has {
			c.want[PartAssignments] = was
		}
	}
	wanted, read := c.want[PartAssignments].([]any)
	if t.Assign.Path == "" || c.builtIn || !read {
		keep()
		return nil, false, nil
	}
	list, read := was.([]any)
	if !read {
		return nil, false, fmt.Errorf("%s: %s of the live object: %w", t.ID, PartAssignments, ErrIncomplete)
	}
	want, live := t.assignItems(c.doc), t.assignItems(c.live)
	added, removed := missing(want, live), missing(live, want)
	if len(added)+len(removed) == 0 {
		keep()
		return nil, false, nil
	}
	if unassignable || t.Assign.OnRequest {
		keep()
		return nil, true, nil
	}
	result := slices.DeleteFunc(slices.Clone(wanted), func(e any) bool { return !direct(e) })
	for _, e := range list {
		if !direct(e) {
			result = append(result, e)
		}
	}
	c.want[PartAssignments] = result
	if t.Assign.ReplacesAll {
		return []Step{t.assignAll(want)}, false, nil
	}
	// One by one: first what is added, so that nobody is without in between, but for
	// a group that is in the way of itself.
	var before, after []Step
	for _, item := range removed {
		if item.id == "" {
			return nil, false, fmt.Errorf("%s: an assignment of the live object has no id: %w", t.ID, ErrIncomplete)
		}
		s := Step{Name: "unassign", Method: "DELETE", Path: t.Assign.Path + "/" + url.PathEscape(item.id)}
		if slices.ContainsFunc(added, func(a assignItem) bool { return sameGroup(a, item) }) {
			before = append(before, s)
		} else {
			after = append(after, s)
		}
	}
	for _, item := range added {
		before = append(before, t.assignOne(item))
	}
	return append(before, after...), false, nil
}

func sameGroup(a, b assignItem) bool {
	group := textAt(a.body, "target.groupId")
	return group == textAt(b.body, "target.groupId") && (group != "" || textAt(a.body, "target.@odata.type") == textAt(b.body, "target.@odata.type"))
}

// missing are the items of a list that another one has not.
func missing(list, other []assignItem) []assignItem {
	have := map[string]bool{}
	for _, item := range other {
		have[spelling(item.body)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(item assignItem) bool { return have[spelling(item.body)] })
}

// refuse notes why the object cannot be updated.
func (c *change) refuse(err error) { c.err = err }

// liveElements are those of a part of the live object that is a list.
func (c *change) liveElements(part string) []map[string]any {
	list, ok := c.live[part].([]any)
	if !ok {
		c.lack(part + " of the live object")
	}
	return objects(list)
}

// objects are the elements of a list that are any.
func objects(list []any) []map[string]any {
	out := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
