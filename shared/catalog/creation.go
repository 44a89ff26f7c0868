package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Step is one write of a creation. Steps are done in order, each once.
type Step struct {
	// Name says for a plan what the step does: "create", "assign", "priority".
	Name   string
	Method string
	// Path is below the API version. {id} in it, and other names in braces, stand
	// for what Learn of an earlier step found in its answer.
	Path string
	// Query is of a GET, which looks for what a create did not name in its answer.
	// The service needs a while to show it: the step is repeated until Learn finds
	// something.
	Query string
	// Body is JSON. Names in braces mean nothing in it: texts of people and ids of
	// settings have such names too.
	Body json.RawMessage
	// Learn reads names for later steps from the answer of this one.
	Learn func(answer map[string]any) map[string]string
	// Await is what must be so before the step is done.
	Await Await
	// Unless is what makes the step needless when it was learned before: a write
	// of the value that a thing has already can be refused.
	Unless map[string]string
}

// Await is a value that the service sets by itself, some time after a write. The
// zero value waits for nothing.
type Await struct {
	Path     string // as of a step
	Property string // path within the answer
	Value    string
}

// Needless reports whether what was learned makes the step needless.
func (s Step) Needless(learned map[string]string) bool {
	for name, value := range s.Unless {
		if got, ok := learned[name]; ok && got == value {
			return true
		}
	}
	return false
}

// Fill puts what was learned into the paths.
func (s Step) Fill(learned map[string]string) Step {
	pairs := make([]string, 0, 2*len(learned))
	for _, name := range slices.Sorted(maps.Keys(learned)) {
		pairs = append(pairs, "{"+name+"}", learned[name])
	}
	names := strings.NewReplacer(pairs...)
	s.Path, s.Await.Path = names.Replace(s.Path), names.Replace(s.Await.Path)
	return s
}

// Mapping returns the id in the tenant that is written to, for an id of a type as
// the policy was captured with, or false when there is no such object.
type Mapping func(typeID, id string) (string, bool)

// SameTenant maps every id to itself.
func SameTenant(_, id string) (string, bool) { return id, true }

// Unresolved is a reference that the mapping does not know.
type Unresolved struct {
	Reference
	ID string
	// Assignment: only the assignments need it. They are then not written at all,
	// neither narrower nor wider; the rest is.
	Assignment bool
}

// Creation is how a captured policy is made anew.
type Creation struct {
	Steps      []Step
	Unresolved []Unresolved
	// Want is the payload document that a capture of the new object shows, to
	// verify it with Same: with the ids of the target, without assignments where
	// none are made, and as the service takes it where that is not as captured.
	Want []byte
}

// Errors of Create, Update and Delete.
var (
	// ErrNotCreatable: the service makes such objects itself, or gives out too
	// little of them.
	ErrNotCreatable = errors.New("objects of this kind cannot be created")
	// ErrPlaceholder: a secret value was not read, so what stands in its place
	// must not be written (IntuneBackupAndRestore#55, powershell-intune-samples#179).
	ErrPlaceholder = errors.New("a secret value was not captured")
	// ErrIncomplete: the payload lacks what the service demands.
	ErrIncomplete = errors.New("the captured policy lacks what a create needs")
	// ErrNotUpdatable: the object is the service's own, or of a kind that is not
	// written.
	ErrNotUpdatable = errors.New("objects of this kind cannot be updated")
	// ErrNotDeletable: the object is the service's own, or what its end does to
	// others cannot be told.
	ErrNotDeletable = errors.New("objects of this kind are not deleted")
)

// stripAlways is never sent of any type: the service sets it, or other calls do.
// Names of annotations are left out of bodies as well, but for @odata.type.
var stripAlways = []string{"id", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "isAssigned", "assignments", "supportsScopeTags"}

// referencesAlways are those that every type may have.
var referencesAlways = []Reference{
	{"assignments[].target.groupId", TypeGroup},
	{"assignments[].target.deviceAndAppManagementAssignmentFilterId", TypeFilter},
	{"object.roleScopeTagIds[]", TypeScopeTag},
	{"object.roleScopeTags[]", TypeScopeTag},
}

// Ids of types that others refer to.
const (
	TypeGroup    = "group-lookup"
	TypeFilter   = "assignment-filter"
	TypeScopeTag = "role-scope-tag"
	TypeApp      = "mobile-app-store" // any app: all lie in one collection
	// TypeOther is no type: an object of a kind that is not in the catalogue. Its
	// id is of no use in another tenant.
	TypeOther = "other"
)

// zeroID stands for "none" wherever Graph wants an id.
const zeroID = "00000000-0000-0000-0000-000000000000"

// fixedIDs are ids, beside zeroID, that mean the same in every tenant, by type.
var fixedIDs = map[string][]string{
	TypeScopeTag:          {"0"},
	"mobile-app-category": builtInCategories,
	"named-location":      {"All", "AllTrusted"},
}

func fixedID(typeID, id string) bool {
	if id == "" || id == zeroID || slices.Contains(fixedIDs[typeID], id) {
		return true
	}
	// Microsoft's own authentication strengths have small numbers
	// (Microsoft365DSC#6218 shows the second).
	return typeID == "authentication-strength-policy" && strings.HasPrefix(id, zeroID[:len(zeroID)-2])
}

// AllReferences are the references of the type, those of every type included.
func (t Type) AllReferences() []Reference { return slices.Concat(referencesAlways, t.References) }

// creation is a Creation while it is made; the hooks of rows work on it.
type creation struct {
	t   Type
	doc Document // ids are those of the target already
	// want is what a capture shows afterwards; bodies are made of doc.
	want Document
	// body is of the first step: the object without what is not sent.
	body    map[string]any
	first   Step
	steps   []Step // after it: children
	last    []Step // after the assignments
	secrets map[string]string
	mapping Mapping
	// required are the members that the body must have in the end.
	required []string
	// unresolved are beside those of the rows' references.
	unresolved []Unresolved
	err        error
}

// Create returns the steps that make a captured policy anew, with the ids that it
// refers to replaced by mapping. secrets are the values that were read apart, by
// their place. Nothing is returned that would write a placeholder.
//
// It is the mechanics: whether a policy of the type may be written at all is said
// by Restorability, and decided before.
//
// Properties that were captured as null are left out: absent means the same for a
// new object, and null is refused where the type does not allow it.
func (t Type) Create(payload []byte, mapping Mapping, secrets map[string]string) (Creation, error) {
	if t.CreateCall.Method == "" {
		return Creation{}, fmt.Errorf("%s: %w", t.ID, ErrNotCreatable)
	}
	doc, err := Decode(payload)
	if err != nil {
		return Creation{}, err
	}
	object := doc.Object()
	if object == nil {
		return Creation{}, fmt.Errorf("%s: %w", t.ID, ErrIncomplete)
	}
	if t.IsBuiltIn(object) {
		return Creation{}, fmt.Errorf("%s: built in: %w", t.ID, ErrNotCreatable)
	}
	var out Creation
	unassignable := false
	t.references(doc, func(r Reference, id string) string {
		to, ok := mapping(r.Type, id)
		if ok {
			return to
		}
		assignment := strings.HasPrefix(r.Path, PartAssignments)
		out.Unresolved = append(out.Unresolved, Unresolved{Reference: r, ID: id, Assignment: assignment})
		unassignable = unassignable || assignment
		return id
	})
	c := &creation{t: t, doc: doc, secrets: secrets, mapping: mapping, required: t.CreateCall.Required}
	if c.want, err = t.wanted(doc, mapping); err != nil {
		return Creation{}, err
	}
	c.body, err = t.body(object, t.Strip.Create, t.CreateCall.Only)
	if err != nil {
		return Creation{}, err
	}
	parent, _ := t.SplitID(textAt(map[string]any(doc), memberGraphID))
	c.first = Step{Name: "create", Method: t.CreateCall.Method, Path: strings.ReplaceAll(t.CreateCall.Path, "{parent}", parent), Learn: learnID}
	if t.Creation != nil {
		t.Creation(c)
	}
	if c.err != nil {
		return Creation{}, fmt.Errorf("%s: %w", t.ID, c.err)
	}
	out.Unresolved = append(out.Unresolved, c.unresolved...)
	for _, name := range c.required {
		if v, ok := c.body[name]; !ok || v == nil {
			return Creation{}, fmt.Errorf("%s: %s: %w", t.ID, name, ErrIncomplete)
		}
	}
	if c.first.Body, err = json.Marshal(c.body); err != nil {
		return Creation{}, err
	}
	var assign []Step
	if !unassignable && !t.Assign.OnRequest {
		assign = t.AssignSteps(doc)
		c.want.keepDirect()
	} else {
		delete(c.want, PartAssignments)
	}
	out.Steps = slices.Concat([]Step{c.first}, c.steps, assign, c.last)
	for _, path := range t.Unwritten {
		drop(map[string]any(c.want), path)
	}
	// What is not sent and says nothing may not be said of the new object.
	for _, path := range t.Strip.Create {
		visit(c.want.Object(), path, func(holder map[string]any, key string) {
			if filler(holder[key]) {
				delete(holder, key)
			}
		})
	}
	delete(c.want, memberGraphID)
	out.Want, err = json.Marshal(c.want)
	return out, err
}

// wanted copies a document whose ids were mapped, the names of what it refers to
// under the new ids.
func (t Type) wanted(doc Document, mapping Mapping) (Document, error) {
	copied, err := clone(map[string]any(doc), 0)
	if err != nil {
		return nil, err
	}
	named, _ := copied[MemberReferences].(map[string]any)
	for typeID, v := range named {
		of, _ := v.(map[string]any)
		renamed := make(map[string]any, len(of))
		for id, name := range of {
			if to, ok := mapping(typeID, id); ok {
				id = to
			}
			renamed[id] = name
		}
		named[typeID] = renamed
	}
	return copied, nil
}

// direct reports whether an assignment is the policy's own and not of a policy set.
func direct(assignment any) bool {
	source := textAt(assignment, "source")
	return source == "" || source == "direct"
}

// keepDirect leaves out assignments that come from policy sets.
func (d Document) keepDirect() {
	if list, ok := d[PartAssignments].([]any); ok {
		d[PartAssignments] = slices.DeleteFunc(list, func(e any) bool { return !direct(e) })
	}
}

// OwnAssignments is a payload document without the assignments that come with policy
// sets: those come and go without the policy.
func OwnAssignments(payload []byte) ([]byte, error) {
	doc, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	doc.keepDirect()
	return json.Marshal(doc)
}

// Settled is a payload document without what other writes to the tenant bring about:
// without the assignments that come with policy sets, and without its place among
// others of its type.
func (t Type) Settled(payload []byte) ([]byte, error) {
	doc, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	doc.keepDirect()
	if object := doc.Object(); object != nil && t.Place != "" {
		delete(object, t.Place)
	}
	return json.Marshal(doc)
}

// PastDates names the dates of a captured object that lie before now: the service
// refuses them, or acts at once.
func (t Type) PastDates(object map[string]any, now time.Time) []string {
	var past []string
	for _, path := range t.Dates {
		at, err := time.Parse(time.RFC3339, textAt(object, path))
		if err == nil && at.Before(now) {
			past = append(past, path)
		}
	}
	return past
}

func learnID(answer map[string]any) map[string]string {
	id, _ := answer["id"].(string)
	return map[string]string{"id": id}
}

// references calls f for every id of another object in the document and puts
// what it returns in its place. Ids that mean the same everywhere stay.
func (t Type) references(doc Document, f func(r Reference, id string) string) {
	replaced := func(r Reference, id string) string {
		if fixedID(r.Type, id) {
			return id
		}
		return f(r, id)
	}
	for _, r := range t.AllReferences() {
		_, marks := cutMarks(r.Path)
		visit(map[string]any(doc), r.Path, func(holder map[string]any, key string) {
			if id, ok := holder[key].(string); ok && marks == "" {
				holder[key] = replaced(r, id)
			}
			list, _ := holder[key].([]any)
			for i := range list {
				if id, ok := list[i].(string); ok && marks == "[]" {
					list[i] = replaced(r, id)
				}
			}
		})
	}
	if t.TreeReferences != nil {
		t.TreeReferences(doc, func(typeID string, holder map[string]any, key string) {
			if id, ok := holder[key].(string); ok {
				holder[key] = replaced(Reference{Path: key, Type: typeID}, id)
			}
		})
	}
}

// Map returns a payload document with the ids that it refers to replaced by those
// of another tenant, to compare it with what is there. Ids without a counterpart
// stay.
func (t Type) Map(payload []byte, mapping Mapping) ([]byte, error) {
	doc, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	t.references(doc, func(r Reference, id string) string {
		if to, ok := mapping(r.Type, id); ok {
			return to
		}
		return id
	})
	return json.Marshal(doc)
}

// Referenced lists the objects of other types that a document refers to, each
// once, in no order that means anything. Ids that mean the same everywhere are
// not among them.
func (t Type) Referenced(doc Document) []Unresolved {
	seen := map[Unresolved]bool{}
	t.references(doc, func(r Reference, id string) string {
		seen[Unresolved{Reference: Reference{Type: r.Type}, ID: id}] = true
		return id
	})
	return slices.SortedFunc(maps.Keys(seen), func(a, b Unresolved) int {
		return strings.Compare(a.Type+"/"+a.ID, b.Type+"/"+b.ID)
	})
}

// Foundation reports whether a backup of a policy that refers to an object of this
// type should hold that too. Groups are looked up and never written, and an app's
// content cannot be captured; what refers to one is restored where it exists.
func (t Type) Foundation() bool { return !t.LookUp && t.Family != FamilyApps }

// ListedWhole reports whether the list of the type's collection holds its objects
// whole. Only where requests are scarce does that matter: Conditional Access takes
// one a second for all applications of a tenant, and its policies, locations and
// contexts come whole in lists (learn.microsoft.com/graph/api/conditionalaccessroot-list-policies).
func (t Type) ListedWhole() bool {
	return t.Lane == LaneConditionalAccess && len(t.Parts) == 1 && t.Parent == "" && !t.Singleton
}

// body is the object as it is sent: without what the service sets, without
// annotations and nulls, and without what was asked to be left out.
func (t Type) body(object map[string]any, strip, only []string) (map[string]any, error) {
	body, err := clone(object, 0)
	if err != nil {
		return nil, err
	}
	for _, paths := range [][]string{stripAlways, strip} {
		for _, path := range paths {
			drop(body, path)
		}
	}
	if _, err := clean(body, 0); err != nil {
		return nil, err
	}
	if len(only) > 0 {
		maps.DeleteFunc(body, func(k string, _ any) bool { return !slices.Contains(only, k) })
	}
	return body, nil
}

// clone copies all the way down.
func clone[V any](v V, depth int) (V, error) {
	if depth > maxDepth {
		return v, errTooDeep
	}
	var err error
	switch from := any(v).(type) {
	case map[string]any:
		to := make(map[string]any, len(from))
		for k, m := range from {
			if to[k], err = clone(m, depth+1); err != nil {
				return v, err
			}
		}
		return any(to).(V), nil
	case []any:
		to := make([]any, len(from))
		for i, e := range from {
			if to[i], err = clone(e, depth+1); err != nil {
				return v, err
			}
		}
		return any(to).(V), nil
	}
	return v, nil
}

// AssignSteps returns the requests that assign a new object to the targets of the
// document, none where it has no direct ones. Assignments that come from a policy
// set belong to it and come back with it. Two assignments of one target are sent
// as they are: the service keeps the first (Intune-Toolkit#57).
func (t Type) AssignSteps(doc Document) []Step {
	items := t.assignItems(doc)
	switch {
	case t.Assign.Path == "" || len(items) == 0:
		return nil
	case t.Assign.ReplacesAll:
		return []Step{t.assignAll(items)}
	}
	steps := make([]Step, len(items))
	for i, item := range items {
		steps[i] = t.assignOne(item)
	}
	return steps
}

// assignItem is a direct assignment as it is sent, and its id as it was captured.
type assignItem struct {
	body map[string]any
	id   string
}

func (t Type) assignItems(doc Document) []assignItem {
	list, _ := doc[PartAssignments].([]any)
	var items []assignItem
	for _, e := range list {
		assignment, ok := e.(map[string]any)
		if !ok || !direct(assignment) {
			continue
		}
		item := map[string]any{}
		if t.Assign.ItemType != "" {
			item["@odata.type"] = ODataPrefix + t.Assign.ItemType
		}
		for _, key := range t.Assign.ItemKeys {
			if v, ok := assignment[key]; ok && v != nil && key != "@odata.type" {
				item[key] = v
			}
		}
		if cleaned, err := clean(item, 0); err == nil {
			item = cleaned.(map[string]any)
		}
		if target, ok := item["target"].(map[string]any); ok {
			tidyTarget(target)
			// "Exclusion assignment does not support MobileAppAssignment Settings."
			// (CIPP-API, Set-CIPPAssignedApplication.ps1)
			if target["@odata.type"] == ODataPrefix+"exclusionGroupAssignmentTarget" {
				delete(item, "settings")
			}
		}
		items = append(items, assignItem{item, textAt(assignment, "id")})
	}
	return items
}

// assignAll sends a list that is the whole truth; an empty one clears it.
func (t Type) assignAll(items []assignItem) Step {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item.body
	}
	s := step("assign", "POST", t.Assign.Path, map[string]any{t.Assign.BodyKey: list})
	s.Await = t.Assign.Await
	return s
}

func (t Type) assignOne(item assignItem) Step {
	s := step("assign", "POST", t.Assign.Path, item.body)
	s.Await = t.Assign.Await
	return s
}

// tidyTarget leaves out a filter that is none.
func tidyTarget(target map[string]any) {
	const id, kind = "deviceAndAppManagementAssignmentFilterId", "deviceAndAppManagementAssignmentFilterType"
	if target[id] == nil || target[id] == zeroID || target[id] == "" || target[kind] == "none" {
		delete(target, id)
		delete(target, kind)
	}
}

// step makes a step of a body that JSON can hold.
func step(name, method, path string, body any) Step {
	raw, err := json.Marshal(body)
	if err != nil { // what was decoded can be encoded
		panic(fmt.Sprintf("catalog: body of %s %s: %v", method, path, err))
	}
	return Step{Name: name, Method: method, Path: path, Body: raw}
}

// resolve maps the id of something that lies within an object of the type, which
// no look-up finds by that id alone.
func (c *creation) resolve(typeID, path, id string) string {
	to, ok := c.mapping(typeID, id)
	if !ok {
		c.unresolved = append(c.unresolved, Unresolved{Reference: Reference{Path: path, Type: typeID}, ID: id})
		return id
	}
	return to
}

// add appends a step after the create.
func (c *creation) add(name, method, path string, body any) {
	c.steps = append(c.steps, step(name, method, path, body))
}

// lack notes that the document cannot be created.
func (c *creation) lack(what string) {
	c.err = errors.Join(c.err, fmt.Errorf("%s: %w", what, ErrIncomplete))
}

// elements are those of a part that is a list.
func (c *creation) elements(part string) []map[string]any {
	list, _ := c.doc[part].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// tidy drops the paths, annotations and nulls of a value of the document that a
// hook puts into a body.
func (c *creation) tidy(v any, paths ...string) any {
	for _, path := range paths {
		drop(v, path)
	}
	cleaned, err := clean(v, 0)
	if err != nil {
		c.err = errors.Join(c.err, err)
	}
	return cleaned
}
