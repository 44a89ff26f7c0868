package graphsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tenantatlas/tests/graphsim/schema"
)

// writeRules are what a set takes, beyond the published schema. The zero value of
// a status means the documented one: 201 for a create, 200 for an update, 204 for
// a replacement and a removal.
type writeRules struct {
	createStatus, updateStatus, putStatus int

	declared string   // type that bodies are checked against, where the tables have not the set's own
	unlisted []string // properties whose values are not those of that type
	required []string
	deep     []string // navigation properties that a create or a replacement takes inline

	readOnly   []string // beyond what the metadata says
	writable   []string // although the metadata says otherwise
	createOnly []string // refused in PATCH
	notCreated []string // refused in POST
	ignored    []string // taken in PATCH and left as they are
	navigation bool     // PATCH answers with its own text for a navigation property

	put     bool                    // PUT replaces the whole object
	noPatch bool                    // PATCH is not known to work
	refuse  func(w *write) *problem // why the set takes no such request at all
	check   func(w *write) *problem // rules of the body
	done    func(w *write)          // what else the write does
	remove  func(w *write) *problem // why an object cannot be removed
	assign  *assignRule
	actions map[string]action
	kids    map[string]*kidRule
}

// action is one action of an object.
type action struct {
	parameters map[string]string // nil takes those of the metadata
	unchecked  bool              // the tables do not have the types of its parameters
	run        func(w *write) response
}

// assignRule is how the action assign works.
type assignRule struct {
	key     string
	status  int
	cast    string   // the action is bound to this type
	plain   bool     // it is reached without the cast too
	targets []string // what else is taken; nil means the four of Intune
	filters bool
	refuse  func(w *write) *problem
}

// kidRule is what requests may do to the elements of a child.
type kidRule struct {
	create, update, remove bool
	updateStatus           int
	createOnly             []string
	deep                   []string
	check                  func(w *write, old, body object) *problem
	change                 func(w *write, list []json.RawMessage, i int) []json.RawMessage // after the element at i was written
	id                     func(w *write, o object) string
	removable              func(w *write, o object) *problem
	actions                map[string]func(w *write, id string) response
}

// has says whether an action of this name exists.
func (r *writeRules) has(name string) bool {
	if name == "assign" {
		return r.assign != nil || r.actions[name].run != nil
	}
	_, ok := r.actions[name]
	return ok
}

// write is one request that changes something, under the tenant's write lock.
type write struct {
	x      *exchange
	s      *Sim
	t      *tenant
	c      *collection
	rt     route
	rules  *writeRules
	create bool
	put    bool
	body   object
	old    *entity // before, nil for a create
	e      *entity // after
	// command is an order to devices or people that the request was.
	command string
}

// serveWrite carries out a request that is no GET.
func (s *Sim) serveWrite(x *exchange, t *tenant, rt route) response {
	c := rt.col
	if c.rules == nil {
		return x.fail(notModelled("%s of %s", x.method, x.path))
	}
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on %s", x.method))
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	w := &write{x: x, s: s, t: t, c: c, rt: rt, rules: c.rules}
	if p := w.readBody(); p != nil {
		return x.fail(p)
	}
	r := w.serve()
	r.command = w.command
	if r.status >= 400 {
		r.command = ""
	}
	return r
}

const errEmpty = "Empty Payload. JSON content expected."

// readBody parses the body of a request.
func (w *write) readBody() *problem {
	x := w.x
	if len(x.body) == 0 {
		if x.method == http.MethodPatch || x.method == http.MethodPut {
			return badRequest(errEmpty)
		}
		w.body = object{}
		return nil
	}
	if kind, _, _ := strings.Cut(x.header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return badRequest("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
	}
	unreadable := badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	compact, err := compactJSON(x.body)
	if err != nil || depth(compact) > maxObjectDepth {
		return unreadable
	}
	if w.body, err = parseObject(compact); err != nil {
		return unreadable
	}
	return nil
}

func (w *write) serve() response {
	x, c, rt := w.x, w.c, w.rt
	if rt.id == "" {
		if x.method != http.MethodPost {
			return x.fail(notModelled("%s of %s", x.method, c.path))
		}
		return w.post()
	}
	if w.old = w.t.entity(c, rt.id); w.old == nil {
		return x.notFound(c)
	}
	if rt.cast != "" && !w.t.catalog.isA(c.typeOf(w.old), rt.cast) && !slices.Contains(c.casts, rt.cast) {
		return x.notFound(c)
	}
	if len(rt.rest) == 0 {
		switch x.method {
		case http.MethodPatch:
			return w.patch()
		case http.MethodPut:
			return w.replace()
		case http.MethodDelete:
			return w.delete()
		}
		return x.fail(notModelled("%s of %s/{id}", x.method, c.path))
	}
	name := rt.rest[0]
	switch {
	case rt.rest[len(rt.rest)-1] == "$ref":
		return w.link()
	case name == "assign" && w.rules.assign != nil && x.method == http.MethodPost && len(rt.rest) == 1:
		return w.assignAll(w.rules.assign)
	case w.rules.has(name):
		if x.method != http.MethodPost || len(rt.rest) != 1 {
			return x.fail(notModelled("%s of the action %s", x.method, name))
		}
		return w.act(name)
	case w.rules.kids[name] != nil:
		return w.kid(name, w.rules.kids[name])
	case name == "assignments", name == "roleAssignments", name == "settings" && x.method == http.MethodPatch:
		// Documented, and not routed: quoted for compliance policies and scripts, and
		// for one setting of a configuration policy (microsoft-graph-docs#16701,#17478).
		return x.noRoute(c)
	case c.child(name) != nil, c.ref(name) != nil:
		return x.fail(notModelled("%s of %s/{id}/%s", x.method, c.path, name))
	}
	return x.fail(badRequest("Resource not found for the segment '%s'.", name))
}

// intune is a 400 of the service behind a set.
func (w *write) intune(code, format string, args ...any) *problem {
	p := &problem{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...), service: w.c.service}
	if w.c.service != "" {
		p.shape = ShapeIntune
	}
	return p
}

func (w *write) bad(format string, args ...any) *problem {
	return w.intune("BadRequest", format, args...)
}

// options are how the schema looks at the body of a create, a replacement or an
// update. Properties inside of values that no client is known to write are taken
// (IntuneManagement sends the names of templates back); checkReadOnly looks at
// those of the object itself.
func (w *write) options(create bool) schema.Options {
	if create {
		return schema.Options{Deep: w.rules.deep}
	}
	return schema.Options{}
}

// checkReadOnly refuses what the service computes, on the object itself.
func (w *write) checkReadOnly() *problem {
	names := slices.Clone(w.rules.readOnly)
	if set, ok := w.s.schema().Set(w.c.path); ok {
		names = append(names, set.ReadOnlyProps...)
	}
	for _, name := range names {
		if slices.Contains(w.rules.writable, name) {
			continue
		}
		v, ok := w.body.get(name)
		if !ok || name == "id" && (string(v) == "null" || w.body.text("id") == uuid.Nil.String() || w.old != nil && w.body.text("id") == w.old.id) {
			continue // the portal sends an id of zeros
		}
		return &problem{status: http.StatusBadRequest, code: schema.CodeModelValidation, message: fmt.Sprintf("The property '%s' is read-only and cannot be set.", name)}
	}
	return nil
}

// schema is the table of types; Start has loaded it.
func (s *Sim) schema() *schema.Schema {
	table, err := schema.Load()
	if err != nil {
		return &schema.Schema{} // cannot be: Start refuses
	}
	return table
}

func violation(v *schema.Violation) *problem {
	if v == nil {
		return nil
	}
	return &problem{status: v.Status, code: v.Code, message: v.Message}
}

// checkBody checks the body against the schema. Of types that no metadata has, it
// checks the names of properties.
func (w *write) checkBody(o schema.Options, declared string, body object) *problem {
	if _, known := w.s.schema().Type(declared); !known {
		for _, m := range body {
			if !slices.Contains(w.c.properties, m.key) && !strings.Contains(m.key, "@odata.") && !slices.Contains(o.Deep, m.key) {
				return &problem{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf("The property '%s' does not exist on type 'microsoft.graph.%s'. Make sure to only use property names that are defined by the type.", m.key, declared)}
			}
			if m.key == "createdDateTime" || m.key == "lastModifiedDateTime" {
				return badRequest("The property '%s' is read-only and cannot be set.", m.key)
			}
		}
		return w.checkReadOnly()
	}
	checked := body.without(func(key string) bool { return slices.Contains(w.rules.unlisted, key) })
	if p := violation(w.s.schema().Check(o, declared, checked.bytes())); p != nil {
		return p
	}
	return w.checkReadOnly()
}

func (w *write) declared() string {
	if w.rules.declared != "" {
		return w.rules.declared
	}
	return w.c.entityType
}

// post creates an object.
func (w *write) post() response {
	x, c, rules := w.x, w.c, w.rules
	w.create = true
	if rules.refuse != nil {
		if p := rules.refuse(w); p != nil {
			return x.fail(p)
		}
	}
	if len(x.body) == 0 {
		return x.fail(badRequest(errEmpty))
	}
	if p := w.checkBody(w.options(true), w.declared(), w.body); p != nil {
		return x.fail(p)
	}
	if p := w.checkRequired(); p != nil {
		return x.fail(p)
	}
	for _, name := range rules.notCreated {
		if v, ok := w.body.get(name); ok && string(v) != "null" {
			return x.fail(w.bad("The property '%s' cannot be set when the object is created.", name))
		}
	}
	if p := w.checkTags(w.body); p != nil {
		return x.fail(p)
	}
	if rules.check != nil {
		if p := rules.check(w); p != nil {
			return x.fail(p)
		}
	}
	if p := w.add(c, w.body); p != nil {
		return x.fail(p)
	}
	if rules.done != nil {
		rules.done(w)
		w.store(c, w.e)
	}
	status := rules.createStatus
	if status == 0 {
		status = http.StatusCreated
	}
	return w.answer(status)
}

// add makes an object of the set out of a body and stores it as w.e.
func (w *write) add(c *collection, body object) *problem {
	t := w.t
	stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
	for _, name := range []string{"createdDateTime", "lastModifiedDateTime"} {
		if slices.Contains(c.properties, name) {
			body = body.with(name, stamp)
		}
	}
	if id := body.text("id"); id == "" || id == uuid.Nil.String() {
		body = body.with("id", quote(t.newID(c)))
	}
	l := &loader{tenant: t, catalog: t.catalog, report: LoadReport{Loaded: map[string]int{}}}
	t.mu.Lock()
	defer t.mu.Unlock()
	id, err := l.object(Object{Collection: c.path, JSON: body.bytes()})
	if err != nil {
		return w.bad("%s", err.Error())
	}
	w.e = t.sets[c.path].get(id)
	w.e.props = w.s.nulls(c, w.e.props)
	// Not stored before: no reader has seen it.
	w.e.listedAt = w.x.now.Add(time.Duration(t.spec.ListLagMs) * time.Millisecond)
	if t.spec.ReadMisses > 0 {
		t.misses[c.path+"/"+strings.ToLower(id)] = t.spec.ReadMisses
	}
	return nil
}

// nulls adds the properties that a body left out and that may be null, as a read
// answers them.
func (s *Sim) nulls(c *collection, o object) object {
	kind := strings.TrimPrefix(o.text("@odata.type"), typePrefix)
	if kind == "" {
		kind = c.entityType
	}
	for _, p := range s.schema().Properties(kind) {
		if p.Null == schema.NullAllowed && !p.Navigation && !p.Collection && !p.Unpublished && p.Name != "id" && c.computed[p.Name] == nil && c.live[p.Name] == nil {
			o = fill(o, p.Name, json.RawMessage("null"))
		}
	}
	return o
}

// newID is an id that nothing had before: a small number for scope tags.
func (t *tenant) newID(c *collection) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made++
	if c.path == scopeTagsPath {
		t.lastTag = max(t.lastTag, nextNumber(t.sets[c.path])-1) + 1
		return strconv.Itoa(t.lastTag)
	}
	return stableGUID(t.id, c.path, "created", strconv.FormatUint(t.made, 10))
}

// freshID is an id of an element.
func (w *write) freshID() string {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.made++
	return stableGUID(w.t.id, "element", strconv.FormatUint(w.t.made, 10))
}

// store puts an object in the place of the one with its id.
func (w *write) store(c *collection, e *entity) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.sets[c.path].put(e)
}

// answer sends the object, or nothing with 204.
func (w *write) answer(status int) response {
	if status == http.StatusNoContent {
		return response{status: status, header: http.Header{}}
	}
	r := w.x.one(contextOf(w.c.path, query{})+"/$entity", w.c.render(w.t, w.e, query{}, true))
	r.status = status
	return r
}

func noContent() response { return response{status: http.StatusNoContent, header: http.Header{}} }

// patch updates an object: what the body leaves out keeps its value.
func (w *write) patch() response {
	x, c, rules := w.x, w.c, w.rules
	if rules.noPatch {
		return x.fail(notModelled("PATCH of %s", c.path))
	}
	if rules.refuse != nil {
		if p := rules.refuse(w); p != nil {
			return x.fail(p)
		}
	}
	if rules.navigation {
		for _, m := range w.body {
			if c.child(m.key) != nil {
				return x.fail(w.bad("Cannot apply PATCH to navigation property %s on entity type %s.", m.key, c.entityType))
			}
		}
	}
	o := w.options(false)
	o.Deep = rules.ignored
	for _, name := range rules.deep {
		if strings.Contains(name, "/") {
			o.Deep = append(slices.Clone(o.Deep), name)
		}
	}
	if p := w.checkBody(o, w.declared(), w.body); p != nil {
		return x.fail(p)
	}
	if kind := w.body.text("@odata.type"); kind != "" && c.abstract && !strings.EqualFold(strings.TrimPrefix(kind, typePrefix), c.typeOf(w.old)) {
		return x.fail(w.bad("The type of an existing object cannot be changed from %s to %s.", c.typeOf(w.old), strings.TrimPrefix(kind, typePrefix)))
	}
	for _, name := range rules.createOnly {
		if _, ok := w.body.get(name); ok {
			return x.fail(w.bad("The property '%s' cannot be changed after the object was created.", name))
		}
	}
	if p := w.checkTags(w.body); p != nil {
		return x.fail(p)
	}
	if rules.check != nil {
		if p := rules.check(w); p != nil {
			return x.fail(p)
		}
	}
	e := w.old.clone()
	deep := c.service == "" // Conditional Access merges inside its complex values
	for _, m := range w.body {
		switch {
		case m.key == "id", strings.HasPrefix(m.key, "@odata."), slices.Contains(rules.ignored, m.key):
		case strings.HasSuffix(m.key, "@odata.bind"):
			name := strings.TrimSuffix(m.key, "@odata.bind")
			e.props = e.props.with(refKey(name), textArray(idsOfLinks(m.value)))
		case strings.Contains(m.key, "@odata."), c.computed[m.key] != nil, c.live[m.key] != nil:
		default:
			value := m.value
			if old, ok := e.props.get(m.key); ok && deep {
				value = merge(old, value)
			}
			e.props = e.props.with(m.key, value)
		}
	}
	w.e = w.touched(e)
	if rules.done != nil {
		rules.done(w)
	}
	w.store(c, w.e)
	status := rules.updateStatus
	if status == 0 {
		status = http.StatusOK
	}
	return w.answer(status)
}

// merge puts the members of a complex value into the old one.
func merge(old, changed json.RawMessage) json.RawMessage {
	a, err := parseObject(old)
	if err != nil {
		return changed
	}
	b, err := parseObject(changed)
	if err != nil {
		return changed
	}
	for _, m := range b {
		value := m.value
		if was, ok := a.get(m.key); ok {
			value = merge(was, value)
		}
		a = a.with(m.key, value)
	}
	return a.bytes()
}

// touched sets the times and the version that the service counts.
func (w *write) touched(e *entity) *entity {
	stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
	for _, name := range []string{"lastModifiedDateTime", "modifiedDateTime"} {
		if _, ok := e.props.get(name); ok {
			e.props = e.props.with(name, stamp)
		}
	}
	if v, ok := e.props.get("version"); ok && !slices.Contains(w.rules.writable, "version") {
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			e.props = e.props.with("version", json.RawMessage(strconv.FormatInt(n+1, 10)))
		}
	}
	return e
}

// replace is PUT: what the body leaves out is lost, but for what the service
// computes and the assignments.
func (w *write) replace() response {
	x, c, rules := w.x, w.c, w.rules
	if !rules.put {
		return x.fail(notModelled("PUT of %s", c.path))
	}
	w.put = true
	if p := w.checkBody(w.options(true), w.declared(), w.body); p != nil {
		return x.fail(p)
	}
	if p := w.checkRequired(); p != nil {
		return x.fail(p)
	}
	if p := w.checkTags(w.body); p != nil {
		return x.fail(p)
	}
	if rules.check != nil {
		if p := rules.check(w); p != nil {
			return x.fail(p)
		}
	}
	body := w.body.with("id", quote(w.old.id))
	for _, name := range []string{"createdDateTime", "version", "creationSource"} {
		if v, ok := w.old.props.get(name); ok {
			body = body.with(name, v)
		}
	}
	l := &loader{tenant: w.t, catalog: w.t.catalog, report: LoadReport{Loaded: map[string]int{}}}
	w.t.mu.Lock()
	id, err := l.object(Object{Collection: c.path, JSON: body.bytes()})
	if err != nil {
		w.t.mu.Unlock()
		return x.fail(w.bad("%s", err.Error()))
	}
	e := w.t.sets[c.path].get(id)
	w.t.mu.Unlock()
	e = e.clone()
	e.listedAt = w.old.listedAt
	for name, list := range w.old.children {
		if _, inline := w.body.get(name); !inline {
			e.children[name] = list
		}
	}
	e.props = w.s.nulls(c, e.props).with("lastModifiedDateTime", quote("")) // touched sets it
	w.e = w.touched(e)
	if rules.done != nil {
		rules.done(w)
	}
	w.store(c, w.e)
	status := rules.putStatus
	if status == 0 {
		status = http.StatusNoContent
	}
	return w.answer(status)
}

func (w *write) delete() response {
	if w.rules.remove != nil {
		if p := w.rules.remove(w); p != nil {
			return w.x.fail(p)
		}
	}
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.sets[w.c.path].delete(w.old.id)
	return noContent()
}

// checkRequired refuses a body without what the set needs. A name must not be
// empty either.
func (w *write) checkRequired() *problem {
	if w.c.abstract && w.body.text("@odata.type") == "" {
		return &problem{status: http.StatusBadRequest, code: schema.CodeModelValidation, message: "Cannot create an abstract class."}
	}
	for _, name := range w.rules.required {
		if v, ok := w.body.get(name); !ok || string(v) == "null" || name == w.c.nameProperty && string(v) == `""` {
			return w.bad("The property '%s' is required.", name)
		}
	}
	return nil
}

// checkTags refuses scope tags that the tenant does not have.
func (w *write) checkTags(body object) *problem {
	for _, key := range []string{"roleScopeTagIds", "roleScopeTags", "scopeIds"} {
		raw, ok := body.get(key)
		if !ok {
			continue
		}
		ids, err := texts(raw)
		if err != nil {
			continue // null, or what the schema has seen
		}
		for _, id := range ids {
			if id != "0" && w.t.entity(w.t.catalog.find(scopeTagsPath), id) == nil {
				return w.bad("Scope Tags validation failed : Scope tag %s does not exist.", id)
			}
		}
	}
	return nil
}

// act carries out an action.
func (w *write) act(name string) response {
	a := w.rules.actions[name]
	if !a.unchecked {
		parameters := a.parameters
		if parameters == nil {
			if set, ok := w.s.schema().Set(w.c.path); ok {
				for _, known := range set.Actions {
					if known.Name == name {
						parameters = known.Body
					}
				}
			}
		}
		o := schema.Options{Deep: []string{schema.DeepAny}}
		if p := violation(w.s.schema().CheckAction(o, name, parameters, w.body.bytes())); p != nil {
			return w.x.fail(p)
		}
	}
	return a.run(w)
}

// list is a parameter of an action that is a list; absent, it is refused.
func (w *write) list(name string) ([]json.RawMessage, *problem) {
	raw, ok := w.body.get(name)
	if !ok {
		return nil, badRequest("The parameter '%s' is missing in the request payload.", name)
	}
	list, err := parseArray(raw)
	if err != nil {
		return nil, badRequest("The parameter '%s' is not a collection.", name)
	}
	return list, nil
}

// Intune's virtual groups, which the ids of assignments name.
const (
	allDevicesGroup = "adadadad-808e-44e2-905a-0b7873a8a531"
	allUsersGroup   = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
)

const targetPrefix = typePrefix

var intuneTargets = []string{"groupAssignmentTarget", "allDevicesAssignmentTarget", "allLicensedUsersAssignmentTarget", "exclusionGroupAssignmentTarget"}

// assignAll is the action assign: the list in the body is all there is afterwards.
func (w *write) assignAll(rule *assignRule) response {
	x := w.x
	if w.rt.cast != rule.cast && (!rule.plain || w.rt.cast != "") {
		return x.noRoute(w.c)
	}
	if rule.refuse != nil {
		if p := rule.refuse(w); p != nil {
			return x.fail(p)
		}
	}
	if set, ok := w.s.schema().Set(w.c.path); ok && set.AssignParameters() != nil {
		for _, other := range set.Assign.OtherKeys {
			if _, given := w.body.get(other); given {
				return x.fail(notModelled("the parameter %s of assign", other))
			}
		}
		if p := violation(w.s.schema().CheckAction(schema.Options{}, "assign", set.AssignParameters(), w.body.bytes())); p != nil {
			return x.fail(p)
		}
	} else {
		for _, m := range w.body {
			if m.key != rule.key && !strings.HasPrefix(m.key, "@odata.") {
				return x.fail(badRequest("The parameter '%s' in the request payload is not a valid parameter for the operation 'assign'.", m.key))
			}
		}
	}
	items, p := w.list(rule.key)
	if p != nil {
		return x.fail(p)
	}
	list, p := w.assignments(items, rule)
	if p != nil {
		return x.fail(p)
	}
	e := w.old.clone()
	e.children["assignments"] = list
	w.e = e
	w.store(w.c, e)
	if rule.status == http.StatusNoContent {
		return noContent()
	}
	return x.writeList(fmt.Sprintf("%sCollection(microsoft.graph.%s)", metadataRoot, w.c.entityType+"Assignment"), list, false, "", "")
}

// assignments checks the items of a list of assignments and gives them their ids.
func (w *write) assignments(items []json.RawMessage, rule *assignRule) ([]json.RawMessage, *problem) {
	var list []json.RawMessage
	seen := map[string]bool{}
	for _, raw := range items {
		o, err := parseObject(raw)
		if err != nil {
			return nil, badRequest("An assignment is not an object.")
		}
		o, key, p := w.assignment(o, rule)
		if p != nil {
			return nil, p
		}
		if seen[key] {
			continue // of two for one target the later is ignored (Intune-Toolkit#57)
		}
		seen[key] = true
		list = append(list, o.bytes())
	}
	return list, nil
}

// assignment checks one assignment. The key tells its target from others.
func (w *write) assignment(o object, rule *assignRule) (object, string, *problem) {
	raw, ok := o.get("target")
	target, err := parseObject(raw)
	if !ok || err != nil {
		return nil, "", w.bad("The target of an assignment is required.")
	}
	kind := strings.TrimPrefix(target.text("@odata.type"), targetPrefix)
	allowed := rule.targets
	if allowed == nil {
		allowed = intuneTargets
	}
	if !slices.Contains(allowed, kind) {
		return nil, "", w.bad("The assignment target type '%s' is not supported.", kind)
	}
	group := target.text("groupId")
	switch kind {
	case "allDevicesAssignmentTarget":
		group = allDevicesGroup
	case "allLicensedUsersAssignmentTarget":
		group = allUsersGroup
	default:
		if group == "" {
			return nil, "", w.bad("The group id of an assignment is required.")
		}
	}
	filter, filterType := target.text("deviceAndAppManagementAssignmentFilterId"), target.text("deviceAndAppManagementAssignmentFilterType")
	filtered := filter != "" && filter != uuid.Nil.String() && filterType != "none"
	switch {
	case filtered && (!rule.filters || kind == "exclusionGroupAssignmentTarget"):
		return nil, "", w.bad("Assignment filters are not supported for this assignment.")
	case filtered && w.t.entity(w.t.catalog.find(filtersPath), filter) == nil:
		// IntuneManagement#373.
		return nil, "", w.bad("Scope Tags validation failed : Filters %s , Validated filters ", filter)
	}
	if strings.HasPrefix(kind, "group") || strings.HasPrefix(kind, "exclusion") || strings.HasPrefix(kind, "all") {
		if !filtered {
			target = target.with("deviceAndAppManagementAssignmentFilterId", json.RawMessage("null")).with("deviceAndAppManagementAssignmentFilterType", quote("none"))
		}
	}
	out := object{}.with("id", quote(w.old.id+"_"+group))
	if kind == "exclusionGroupAssignmentTarget" {
		out = out.with("id", quote(w.old.id+"_"+group+"_1"))
	}
	for _, m := range o {
		if !slices.Contains([]string{"id", "source", "sourceId"}, m.key) {
			out = out.with(m.key, m.value)
		}
	}
	out = out.with("target", target.bytes()).with("source", quote("direct")).with("sourceId", quote(w.old.id))
	return out, kind + "/" + strings.ToLower(group), nil
}

// link is a request to {navigation}/$ref: PUT sets a single reference, POST adds
// to several, DELETE takes out.
func (w *write) link() response {
	x, rest := w.x, w.rt.rest
	rt := w.rt
	ref := w.t.reference(w.c, w.old, rt)
	if ref == nil {
		return x.fail(badRequest("Resource not found for the segment '%s'.", rest[0]))
	}
	if w.c.path == roleAssignmentsPath || w.c.path == depPath {
		return x.fail(notModelled("%s of %s/$ref", x.method, ref.name))
	}
	ids := ref.ids(w.old.props)
	switch {
	case x.method == http.MethodPut && !ref.many && len(rest) == 2, x.method == http.MethodPost && ref.many && len(rest) == 2:
		id := idOfLink(w.body.text("@odata.id"))
		if p := w.checkLink(ref, id); p != nil {
			return x.fail(p)
		}
		if !ref.many {
			ids = nil
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	case x.method == http.MethodDelete && !ref.many && len(rest) == 2:
		ids = nil
	case x.method == http.MethodDelete && ref.many && len(rest) == 3:
		if !slices.Contains(ids, rest[1]) {
			return x.notFound(w.c)
		}
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == rest[1] })
	default:
		return x.noRoute(w.c)
	}
	e := w.old.clone()
	e.props = e.props.with(refKey(ref.name), textArray(ids))
	w.e = e
	w.store(w.c, e)
	return noContent()
}

// checkLink refuses a reference to what is not there or is of another type.
func (w *write) checkLink(ref *refSpec, id string) *problem {
	c := w.t.catalog.find(ref.target)
	target := w.t.entity(c, id)
	if id == "" || target == nil {
		return w.bad("The object that '%s' refers to does not exist.", ref.name)
	}
	if ref.target == configurationsPath && w.c.path == configurationsPath {
		kind := w.c.typeOf(w.old0())
		if want := w.t.catalog.references[kind][ref.name].Type; !w.t.catalog.isA(c.typeOf(target), want) {
			return w.bad("The object that '%s' refers to is not of type %s.", ref.name, want)
		}
	}
	return nil
}

// old0 is the object as it was, or as the body of a create describes it.
func (w *write) old0() *entity {
	if w.old != nil {
		return w.old
	}
	return &entity{props: w.body}
}

// checkBinds refuses bindings to what is not there.
func (w *write) checkBinds(refs map[string]*refSpec) *problem {
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		raw, ok := w.body.get(name + "@odata.bind")
		if !ok {
			continue
		}
		for _, id := range idsOfLinks(raw) {
			if p := w.checkLink(refs[name], id); p != nil {
				return p
			}
		}
	}
	return nil
}

// kid is a request to the elements of a child.
func (w *write) kid(name string, rule *kidRule) response {
	x, rest := w.x, w.rt.rest
	child := w.c.child(name)
	list := slices.Clone(w.old.children[name])
	options := schema.Options{Deep: rule.deep}
	save := func(i int) {
		if rule.change != nil {
			list = rule.change(w, list, i)
		}
		e := w.old.clone()
		e.children[name] = list
		w.e = e
		w.store(w.c, e)
	}
	check := func(old object) *problem {
		if child.entityType != "" {
			if _, known := w.s.schema().Type(child.entityType); known {
				if p := violation(w.s.schema().Check(options, child.entityType, w.body.bytes())); p != nil {
					return p
				}
			}
		}
		if rule.check != nil {
			return rule.check(w, old, w.body)
		}
		return nil
	}
	if len(rest) == 1 {
		if x.method != http.MethodPost || !rule.create {
			return x.fail(notModelled("%s of %s/{id}/%s", x.method, w.c.path, name))
		}
		if p := check(nil); p != nil {
			return x.fail(p)
		}
		o := w.body.without(func(key string) bool { return key == "id" || strings.Contains(key, "@odata.") && key != "@odata.type" })
		id := w.freshID()
		if rule.id != nil {
			id = rule.id(w, o)
		}
		if indexByID(list, id) >= 0 {
			return x.fail(w.bad("An element with the id '%s' exists already.", id))
		}
		o = append(object{{rawKey: quote("id"), key: "id", value: quote(id)}}, o...)
		if name == "assignments" {
			o = o.with("source", quote("direct")).with("sourceId", quote(w.old.id))
		}
		list = append(list, o.bytes())
		save(len(list) - 1)
		list = w.e.children[name]
		r := x.one(fmt.Sprintf("%s%s('%s')/%s/$entity", metadataRoot, w.c.path, w.old.id, name), mustObject(child.show(w.t, list[indexByID(list, id)], expand{})))
		r.status = http.StatusCreated
		return r
	}
	i := indexByID(list, rest[1])
	if i < 0 && name == "assignments" {
		// {objectId}_{groupId} is another key of an assignment.
		i = slices.IndexFunc(list, func(raw json.RawMessage) bool {
			o := mustObject(raw)
			target, _ := o.get("target")
			return strings.EqualFold(rest[1], w.old.id+"_"+mustObject(target).text("groupId"))
		})
	}
	if i < 0 {
		return x.notFound(w.c)
	}
	old := mustObject(list[i])
	switch {
	case len(rest) == 3 && rule.actions[rest[2]] != nil && x.method == http.MethodPost:
		return rule.actions[rest[2]](w, old.text("id"))
	case len(rest) > 2:
		return x.fail(badRequest("Resource not found for the segment '%s'.", rest[2]))
	case x.method == http.MethodPatch && rule.update:
		for _, key := range rule.createOnly {
			if _, ok := w.body.get(key); ok {
				return x.fail(w.bad("The property '%s' cannot be changed after the object was created.", key))
			}
		}
		if p := check(old); p != nil {
			return x.fail(p)
		}
		o := old
		for _, m := range w.body {
			if m.key != "id" && !strings.Contains(m.key, "@odata.") {
				o = o.with(m.key, m.value)
			}
		}
		list[i] = o.bytes()
		save(i)
		if rule.updateStatus == http.StatusNoContent {
			return noContent()
		}
		return x.one(fmt.Sprintf("%s%s('%s')/%s/$entity", metadataRoot, w.c.path, w.old.id, name), mustObject(child.show(w.t, w.e.children[name][i], expand{})))
	case x.method == http.MethodDelete && rule.remove:
		if rule.removable != nil {
			if p := rule.removable(w, old); p != nil {
				return x.fail(p)
			}
		}
		list = slices.Delete(list, i, i+1)
		save(-1)
		return noContent()
	}
	return x.fail(notModelled("%s of %s/{id}/%s/{id}", x.method, w.c.path, name))
}

// mustObject parses what was parsed before; what is no object has no properties.
func mustObject(raw json.RawMessage) object {
	o, err := parseObject(raw)
	if err != nil {
		return object{}
	}
	return o
}
