package graphsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tenantatlas/tests/graphsim/schema"
)

// metadataRoot begins each @odata.context. It names the real service, so that
// what a client stores does not depend on the simulator's port.
const metadataRoot = "https://graph.microsoft.com/beta/$metadata#"

// refusedHeaders change what the service does and are not modelled.
var refusedHeaders = []string{"Prefer", "ConsistencyLevel", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Msft-Approval-Justification", "X-Msft-Approval-Code"}

// serveGraph answers one Graph request, alone or out of a $batch: version,
// token, route, throttling, permission, and then the row of the table.
func (s *Sim) serveGraph(x *exchange) response {
	segments, p := splitPath(x.path)
	if p != nil {
		return x.fail(p)
	}
	version, segments := segments[0], segments[1:]
	if version != "beta" && version != "v1.0" {
		return x.fail(&problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "Invalid version: " + version})
	}
	if x.authErr != nil {
		return x.fail(x.authErr)
	}
	t := s.tenant(x.claims.Tenant)
	if t == nil {
		return x.fail(&problem{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token validation failure. The tenant of the token does not exist."})
	}
	if len(segments) == 1 && segments[0] == "$batch" {
		return s.serveBatch(x, version)
	}
	for _, h := range refusedHeaders {
		if x.header.Get(h) != "" {
			return x.fail(notModelled("the header %s", h))
		}
	}
	if p := checkAccept(x.header.Get("Accept")); p != nil {
		return x.fail(p)
	}
	rt, p := s.route(x.method, version, segments)
	if p != nil {
		return x.fail(p)
	}
	if v := s.limiter.take(x.now, rt.lane, t.id, x.app, x.method); v.throttled {
		r := x.tooMany(v)
		r.service = rt.lane
		return r
	}
	r := s.serveRoute(x, t, rt)
	r.service = rt.lane
	return r
}

// checkAccept lets pass what asks for JSON with minimal metadata.
func checkAccept(accept string) *problem {
	accept = strings.ToLower(strings.ReplaceAll(accept, " ", ""))
	if strings.Contains(accept, "odata.metadata=") && !strings.Contains(accept, "odata.metadata=minimal") {
		return notModelled("another metadata level than minimal")
	}
	if accept == "" || strings.Contains(accept, "application/json") || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/*") {
		return nil
	}
	return notModelled("an answer of another kind than JSON")
}

// splitPath returns the unescaped segments of an escaped path that begins with
// a slash; a key in parentheses becomes a segment of its own.
func splitPath(path string) ([]string, *problem) {
	var out []string
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		s, err := url.PathUnescape(part)
		if err != nil || s == "" {
			return nil, badRequest("Resource not found for the segment '%s'.", part)
		}
		if name, key, ok := strings.Cut(s, "('"); ok {
			key, closed := strings.CutSuffix(key, "')")
			if !closed || name == "" || key == "" {
				return nil, badRequest("Resource not found for the segment '%s'.", s)
			}
			out = append(out, name, key)
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

// route is a resolved path.
type route struct {
	lane     string
	need     needs // none means any token
	col      *collection
	id       string
	cast     string   // the type between the key and what follows, without its prefix
	rest     []string // what follows the key
	function *functionSpec
	arg      string
	handler  func(x *exchange, t *tenant) response
}

// match finds the set that a path begins with: the longest path or alias.
func (c *catalog) match(segments []string) (*collection, int) {
	for n := min(4, len(segments)); n > 0; n-- {
		joined := strings.Join(segments[:n], "/")
		for _, col := range c.collections {
			if col.path == joined || slices.Contains(col.aliases, joined) {
				return col, n
			}
		}
	}
	return nil, 0
}

// route resolves the segments below the version.
func (s *Sim) route(method, version string, segments []string) (route, *problem) {
	if len(segments) == 0 {
		return route{}, notModelled("the service root")
	}
	if segments[0] == "organization" {
		if len(segments) > 1 {
			return route{}, notModelled("a path below organization")
		}
		return route{lane: LaneDirectory, handler: serveOrganization}, nil
	}
	if version == "beta" {
		if rt, ok := singleton(method, strings.Join(segments, "/")); ok {
			return rt, nil
		}
	}
	col, n := s.catalog.match(segments)
	if col == nil {
		return route{}, s.unknownPath(segments)
	}
	if version == "v1.0" {
		if col.v1 {
			return route{}, notModelled("%s in v1.0, where reads lose properties", col.path)
		}
		return route{}, badRequest("Resource not found for the segment '%s'.", segments[n-1])
	}
	rt := route{lane: col.lane, need: col.read, col: col}
	if method != http.MethodGet {
		rt.need = col.write
	}
	if len(segments) == n {
		return rt, nil
	}
	rt.id, rt.rest = segments[n], segments[n+1:]
	if strings.HasPrefix(rt.id, "microsoft.graph.") {
		return route{}, notModelled("the type cast %s", rt.id)
	}
	if len(rt.rest) > 0 {
		if kind, ok := strings.CutPrefix(rt.rest[0], "microsoft.graph."); ok {
			if !s.catalog.castable(col, kind) {
				return route{}, badRequest("Resource not found for the segment '%s'.", rt.rest[0])
			}
			if len(rt.rest) == 1 {
				return route{}, notModelled("the type cast %s", rt.rest[0])
			}
			rt.cast, rt.rest = kind, rt.rest[1:]
		}
	}
	if len(rt.rest) == 0 {
		return rt, nil
	}
	for i, f := range col.functions {
		v, ok := strings.CutPrefix(rt.rest[0], f.name+"(")
		if !ok {
			continue
		}
		arg, closed := strings.CutSuffix(v, "')")
		arg, named := strings.CutPrefix(arg, f.param+"='")
		if !closed || !named || len(rt.rest) != 1 {
			return route{}, badRequest("Resource not found for the segment '%s'.", f.name)
		}
		rt.rest, rt.function, rt.arg, rt.need = nil, &col.functions[i], arg, f.need
		return rt, nil
	}
	if p := s.catalog.wellKnown(col, rt); p != nil {
		return route{}, p
	}
	return rt, nil
}

// castable says whether a path may cast an object of the set to the type.
func (c *catalog) castable(col *collection, kind string) bool {
	if slices.Contains(col.casts, kind) {
		return true
	}
	return slices.ContainsFunc(col.types, func(t string) bool { return c.isA(t, kind) })
}

// inMetadata says whether the published metadata has a property or an action of
// this name, which is not modelled.
func inMetadata(col *collection, name string) bool {
	table, err := schema.Load()
	if err != nil {
		return false // cannot be: Start refuses
	}
	if set, ok := table.Set(col.path); ok && slices.ContainsFunc(set.Actions, func(a schema.Action) bool { return a.Name == name }) {
		return true
	}
	return slices.ContainsFunc(table.Properties(col.entityType), func(p schema.Property) bool { return p.Name == name })
}

// wellKnown refuses a segment after the key that no object of the set has.
func (c *catalog) wellKnown(col *collection, rt route) *problem {
	name := rt.rest[0]
	missing := badRequest("Resource not found for the segment '%s'.", name)
	switch {
	case col.child(name) != nil, col.ref(name) != nil, slices.Contains(col.images, name), col.rules != nil && col.rules.has(name):
	case rt.cast != "":
		found := false
		for kind, refs := range c.references {
			if _, ok := refs[name]; ok && c.isA(kind, rt.cast) {
				found = true
			}
		}
		if !found {
			return missing
		}
	case col.path == agreementsPath && name == "file":
	case inMetadata(col, name):
		return notModelled("%s of %s", name, col.path)
	default:
		return missing
	}
	if len(rt.rest) > 6 {
		return notModelled("a path below %s/{id}/%s", col.path, name)
	}
	return nil
}

// unknownPath tells what exists but is not modelled from what does not exist.
func (s *Sim) unknownPath(segments []string) *problem {
	joined := strings.Join(segments, "/")
	for path := range s.catalog.known {
		if joined == path || strings.HasPrefix(joined, path+"/") {
			return notModelled("%s", path)
		}
	}
	switch segments[0] {
	case "deviceManagement", "deviceAppManagement":
		if len(segments) == 1 {
			return notModelled("%s itself", segments[0])
		}
		return badRequest("Resource not found for the segment '%s'.", segments[1])
	case "users", "devices", "applications", "servicePrincipals", "directory", "directoryObjects", "identity", "identityGovernance", "policies", "domains", "subscribedSkus", "me", "$metadata":
		return notModelled("%s", segments[0])
	}
	return badRequest("Resource not found for the segment '%s'.", segments[0])
}

// serveRoute checks permission and method and answers.
func (s *Sim) serveRoute(x *exchange, t *tenant, rt route) response {
	if !rt.need.met(x.claims.Roles) {
		return x.fail(forbidden(rt))
	}
	if rt.handler != nil {
		return rt.handler(x, t)
	}
	if x.method != http.MethodGet {
		return s.serveWrite(x, t, rt)
	}
	if len(x.body) > 0 {
		return x.fail(notModelled("a GET with a body"))
	}
	q, p := parseQuery(x.rawQuery)
	if p != nil {
		return x.fail(p)
	}
	if q.star && (!rt.col.selectStar || len(rt.rest) > 0) {
		return x.fail(notModelled("$select=* on %s", rt.col.path))
	}
	switch {
	case rt.id == "":
		return x.list(t, rt.col, q)
	case rt.function != nil:
		return x.callFunction(t, rt)
	case len(rt.rest) > 0:
		return x.navigate(t, rt, q)
	}
	return x.item(t, rt, q)
}

// forbidden is the answer to a token without the permission: Intune's own text
// (Intune-ACSC#14), or that of the directory (learn.microsoft.com/graph/json-batching).
func forbidden(rt route) *problem {
	if rt.col == nil || rt.col.service == "" {
		return &problem{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
	}
	return &problem{
		status: http.StatusForbidden, code: "Forbidden", shape: ShapeIntune, service: rt.col.service,
		message: "Application is not authorized to perform this operation. Application must have one of the following scopes: " + rt.need.names(),
	}
}

// noRoute is the answer to a path that the metadata lists and the service has not.
func (x *exchange) noRoute(c *collection) response {
	return x.fail(&problem{
		status: http.StatusBadRequest, code: "No method match route template", shape: ShapeIntune, service: c.service,
		message: fmt.Sprintf("No OData route exists that match template ~/singleton/navigation/key/navigation with http verb %s for request /%s", x.method, strings.TrimPrefix(x.path, "/beta/")),
	})
}

// jsonResponse is a successful answer.
func jsonResponse(body []byte) response {
	r := response{status: http.StatusOK, header: http.Header{}, body: body}
	r.header.Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	r.header.Set("OData-Version", "4.0")
	return r
}

// notFound is the answer for an object that does not exist.
func (x *exchange) notFound(c *collection) response {
	return x.fail(missing(c))
}

func missing(c *collection) *problem {
	if c.service == "" {
		return &problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "The requested resource does not exist."}
	}
	return &problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "An error has occurred", shape: ShapeIntune, service: c.service}
}

// checkShape refuses $select and $expand of what does not exist, and what of it
// is not modelled.
func checkShape(c *collection, q query, single bool) *problem {
	for _, name := range q.selects {
		if !slices.Contains(c.properties, name) {
			return badRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, c.entityType)
		}
	}
	for _, e := range q.expands {
		child, ref := c.child(e.name), c.ref(e.name)
		if child == nil && (ref == nil || ref.cast != e.cast) {
			return badRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", e.name, c.entityType)
		}
		if c.noListExpand && !single {
			return badRequest("The query specified in the URI is not valid. The property '%s' cannot be used in the $expand query option.", e.name)
		}
		var mode expandMode
		if child != nil {
			mode = child.expand
		} else {
			mode = ref.expand
		}
		switch {
		case mode == expandNone && c.path == deviceManagement+"termsAndConditions":
			return badRequest("The query specified in the URI is not valid. The property '%s' cannot be used in the $expand query option.", e.name)
		case mode == expandNone, mode == expandItem && !single:
			return notModelled("$expand of %s on %s", e.name, c.path)
		case len(e.selects) > 0 && (child == nil || !child.selects):
			return notModelled("$select inside $expand of %s", e.name)
		}
		for _, n := range e.nested {
			if child == nil || len(n.nested) > 0 || len(n.selects) > 0 {
				return notModelled("$expand of %s inside %s", n.name, e.name)
			}
			if kid := findChild(child.kids, n.name); kid == nil || kid.expand == expandNone {
				return notModelled("$expand of %s inside %s", n.name, e.name)
			}
		}
	}
	return nil
}

// contextOf is the fragment of @odata.context: the path with what was selected and expanded.
func contextOf(path string, q query) string {
	parts := slices.Clone(q.selects)
	for _, e := range q.expands {
		var inner []string
		inner = append(inner, e.selects...)
		for _, n := range e.nested {
			inner = append(inner, n.name+"()")
		}
		name := e.name
		if e.cast != "" {
			name = "microsoft.graph." + e.cast + "/" + name
		}
		parts = append(parts, name+"("+strings.Join(inner, ",")+")")
	}
	if len(parts) > 0 {
		path += "(" + strings.Join(parts, ",") + ")"
	}
	return metadataRoot + path
}

// render makes the object as a client sees it.
func (c *collection) render(t *tenant, e *entity, q query, single bool) object {
	out := make(object, 0, len(e.props)+2)
	for _, m := range e.props {
		if m.key[0:min(1, len(m.key))] != "~" {
			out = append(out, m)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.live)) {
		out = out.with(name, c.live[name](t, e))
	}
	if !single {
		out = lose(out, c.nullInList, "null")
		out = lose(out, c.emptyInList, "[]")
	}
	out = lose(out, c.images, "null")
	if single && c.onItem != nil {
		out = c.onItem(t, out)
	}
	if len(q.selects) > 0 {
		out = out.without(func(key string) bool { return key != "@odata.type" && !slices.Contains(q.selects, key) })
		for _, name := range q.selects {
			if f, ok := c.computed[name]; ok {
				out = out.with(name, f(t, e))
			}
		}
	} else {
		out = out.without(func(key string) bool { return slices.Contains(c.onlySelected, key) })
	}
	for i := range c.children {
		child := &c.children[i]
		k := slices.IndexFunc(q.expands, func(ex expand) bool { return ex.name == child.name })
		if k < 0 && (!child.inline || len(q.selects) > 0) {
			continue
		}
		var ex expand
		if k >= 0 {
			ex = q.expands[k]
		}
		elements := child.elements(t, e)
		if single && child.hidden != nil && child.hidden(e) || !single && child.emptyInList {
			elements = nil
		}
		shown := make([]json.RawMessage, len(elements))
		for n, raw := range elements {
			shown[n] = child.show(t, raw, ex)
		}
		out = out.with(child.name+"@odata.context", quote(fmt.Sprintf("%s%s('%s')/%s", metadataRoot, c.path, e.id, child.name)))
		out = out.with(child.name, arrayBytes(shown))
	}
	for _, ex := range q.expands {
		if ref := c.ref(ex.name); ref != nil {
			out = out.with(ex.name, ref.value(t, e.props, e.id))
		}
	}
	return out
}

// lose sets the named properties that are there to a value.
func lose(o object, names []string, value string) object {
	for _, name := range names {
		if v, ok := o.get(name); ok && string(v) != "null" {
			o = o.with(name, json.RawMessage(value))
		}
	}
	return o
}

// elements are the stored or computed elements of a child.
func (c *childSpec) elements(t *tenant, e *entity) []json.RawMessage {
	if c.from != nil {
		return c.from(t, e)
	}
	if c.name == "assignments" {
		return append(slices.Clip(e.children[c.name]), t.ofPolicySets(e)...)
	}
	return e.children[c.name]
}

// ofPolicySets are the assignments that an object has as a member of policy sets:
// they come with the set and go with it.
func (t *tenant) ofPolicySets(e *entity) []json.RawMessage {
	var out []json.RawMessage
	for _, set := range t.all(policySetsPath) {
		if !slices.ContainsFunc(set.children["items"], func(raw json.RawMessage) bool { return strings.EqualFold(mustObject(raw).text("payloadId"), e.id) }) {
			continue
		}
		for _, raw := range set.children["assignments"] {
			o := mustObject(raw)
			target, ok := o.get("target")
			if !ok {
				continue
			}
			out = append(out, object{}.with("id", quote(e.id+"_"+o.text("id"))).with("source", quote("policySets")).
				with("sourceId", quote(set.id)).with("target", target).bytes())
		}
	}
	return out
}

// show makes an element as a client sees it.
func (c *childSpec) show(t *tenant, raw json.RawMessage, ex expand) json.RawMessage {
	o, err := parseObject(raw)
	if err != nil {
		return raw
	}
	id := o.text("id")
	out := o.without(func(key string) bool {
		return strings.HasPrefix(key, "~") ||
			findChild(c.kids, key) != nil && !slices.ContainsFunc(ex.nested, func(n expand) bool { return n.name == key }) ||
			len(ex.selects) > 0 && !slices.Contains(ex.selects, key)
	})
	for _, n := range ex.nested {
		for i := range c.refs {
			if c.refs[i].name == n.name {
				out = out.with(n.name, c.refs[i].value(t, o, id))
			}
		}
	}
	return out.bytes()
}

// ids are the ids that the reference of an object holds.
func (r *refSpec) ids(o object) []string {
	raw, ok := o.get(refKey(r.name))
	if !ok {
		return nil
	}
	if raw[0] == '[' {
		list, err := texts(raw)
		if err != nil {
			return nil
		}
		return list
	}
	if id := o.text(refKey(r.name)); id != "" {
		return []string{id}
	}
	return nil
}

// targets are the objects that a reference leads to, as a client sees them.
// owner is the id of the object that holds it.
func (r *refSpec) targets(t *tenant, o object, owner string) []json.RawMessage {
	var out []json.RawMessage
	for _, id := range r.ids(o) {
		if r.within != "" {
			if raw := t.within(r, owner, id); raw != nil {
				out = append(out, raw)
			}
			continue
		}
		if c := t.catalog.find(r.target); c != nil {
			if e := t.entity(c, id); e != nil {
				out = append(out, c.render(t, e, query{}, false).bytes())
			}
		}
	}
	return out
}

// value is what an expanded reference holds.
func (r *refSpec) value(t *tenant, o object, owner string) json.RawMessage {
	targets := r.targets(t, o, owner)
	if r.many {
		return arrayBytes(targets)
	}
	if len(targets) == 0 {
		return json.RawMessage("null")
	}
	return targets[0]
}

// texts reads a JSON array of strings.
func texts(raw json.RawMessage) ([]string, error) {
	var out []string
	err := json.Unmarshal(raw, &out)
	return out, err
}

// pageSize returns how many elements a page of the request has.
func (t *tenant) pageSize(name string, standard, maxTop int, q query) int {
	if n, ok := t.pageSizes[name]; ok {
		standard, maxTop = n, max(n, 1)
	}
	if q.top > 0 {
		return min(q.top, maxTop)
	}
	return standard
}

// writeList assembles the body of a list.
func (x *exchange) writeList(context string, elements []json.RawMessage, count bool, tips, next string) response {
	if x.loop {
		next = "https://" + x.host + x.path
		if x.rawQuery != "" {
			next += "?" + x.rawQuery
		}
	}
	var buf bytes.Buffer
	buf.WriteString(`{"@odata.context":`)
	buf.Write(quote(context))
	if count {
		// The count of the page, not of the whole: IntuneAssignmentChecker#28.
		buf.WriteString(`,"@odata.count":` + strconv.Itoa(len(elements)))
	}
	if next != "" {
		buf.WriteString(`,"@odata.nextLink":`)
		buf.Write(quote(next))
	}
	if tips != "" {
		buf.WriteString(`,"@microsoft.graph.tips":`)
		buf.Write(quote(tips))
	}
	buf.WriteString(`,"value":`)
	buf.Write(arrayBytes(elements))
	buf.WriteByte('}')
	return jsonResponse(buf.Bytes())
}

// list answers GET {collection}.
func (x *exchange) list(t *tenant, c *collection, q query) response {
	if p := checkShape(c, q, false); p != nil {
		return x.fail(p)
	}
	keep, p := c.filter(q.filter)
	if p != nil {
		return x.fail(p)
	}
	if q.orderBy != "" && !slices.Contains(c.orderBy, q.orderBy) {
		return x.fail(notModelled("$orderby=%s on %s", q.orderBy, c.path))
	}
	var st skipState
	if q.skipToken != "" {
		if st, p = x.openSkipToken(q, c.cosmos); p != nil {
			return x.fail(p)
		}
	}
	tips := ""
	if len(q.selects) == 0 && !q.star {
		tips = fmt.Sprintf("Use $select to choose only the properties your app needs, as this can lead to performance improvements. For example: GET %s?$select=%s,%s", c.path, c.properties[0], c.properties[1])
	}
	context := contextOf(c.path, q)
	size := t.pageSize(c.path, c.pageSize, c.maxTop, q)
	if t.emptyPage && q.skipToken != "" && !st.Empty {
		// A page may be empty and still be followed by others
		// (learn.microsoft.com/graph/paging).
		st.Empty = true
		return x.writeList(context, nil, c.cosmos, tips, x.nextLink(q, c.cosmos, st))
	}
	found, last, more := t.page(c, x.now, st.Last, size, keep, q.orderBy)
	elements := make([]json.RawMessage, len(found))
	for i, e := range found {
		elements[i] = c.shown(t, e, q, false).bytes()
	}
	next := ""
	if more {
		next = x.nextLink(q, c.cosmos, skipState{Last: last, Empty: st.Empty})
	}
	return x.writeList(context, elements, c.cosmos, tips, next)
}

// shown renders an object of the set, or of one of those that it shows.
func (c *collection) shown(t *tenant, e *entity, q query, single bool) object {
	if len(c.view) == 0 {
		return c.render(t, e, q, single)
	}
	for _, path := range c.view {
		if own := t.catalog.find(path); t.entity(own, e.id) == e {
			// Here each object says what it is: the declared type is abstract.
			o := object{{rawKey: quote("@odata.type"), key: "@odata.type", value: quote(typePrefix + own.typeOf(e))}}
			return append(o, own.render(t, e, q, single)...)
		}
	}
	return c.render(t, e, q, single)
}

// item answers GET {collection}/{id}.
func (x *exchange) item(t *tenant, rt route, q query) response {
	if q.top > 0 || q.skipToken != "" || q.filter != "" || q.orderBy != "" {
		return x.fail(badRequest("Query option '$top', '$filter', '$orderby' or '$skiptoken' is not allowed on a single entity."))
	}
	if p := checkShape(rt.col, q, true); p != nil {
		return x.fail(p)
	}
	e := t.lookup(rt.col, rt.id)
	if e == nil {
		return x.notFound(rt.col)
	}
	return x.one(contextOf(rt.col.path, q)+"/$entity", rt.col.shown(t, e, q, true))
}

// one answers a single object.
func (x *exchange) one(context string, o object) response {
	head := object{{rawKey: quote("@odata.context"), key: "@odata.context", value: quote(context)}}
	return jsonResponse(append(head, o...).bytes())
}

// navigate answers GET {collection}/{id}/{property} and what lies below it.
func (x *exchange) navigate(t *tenant, rt route, q query) response {
	c := rt.col
	if q.filter != "" || q.orderBy != "" {
		return x.fail(notModelled("$filter or $orderby on %s", rt.rest[0]))
	}
	e := t.lookup(c, rt.id)
	if e == nil {
		return x.notFound(c)
	}
	if rt.cast != "" && !t.catalog.isA(c.typeOf(e), rt.cast) && !slices.Contains(c.casts, rt.cast) {
		return x.notFound(c)
	}
	name := rt.rest[0]
	if c.path == agreementsPath && name == "file" {
		return x.agreementFile(rt, e)
	}
	if slices.Contains(rt.rest, "$ref") {
		return x.fail(notModelled("GET of $ref"))
	}
	if slices.Contains(c.images, name) {
		return x.image(e, name)
	}
	if ref := t.reference(c, e, rt); ref != nil {
		return x.follow(t, rt, e, ref, q)
	}
	child := c.child(name)
	if child == nil {
		if c.rules != nil && c.rules.has(name) {
			return x.fail(notModelled("GET of the action %s", name))
		}
		return x.fail(badRequest("Resource not found for the segment '%s'.", name))
	}
	if !child.route {
		return x.noRoute(c)
	}
	context := fmt.Sprintf("%s%s('%s')/%s", metadataRoot, c.path, e.id, name)
	elements := child.elements(t, e)
	for depth := 1; ; depth += 2 {
		if len(rt.rest) == depth {
			return x.listElements(t, rt, child, elements, context, q)
		}
		if !child.item && len(child.kids) == 0 {
			if child.name == "settings" || child.name == "assignments" {
				return x.fail(notModelled("a path below %s/{id}/%s", c.path, child.name))
			}
			return x.noRoute(c)
		}
		i := indexByID(elements, rt.rest[depth])
		if i < 0 {
			return x.notFound(c)
		}
		context += fmt.Sprintf("('%s')", rt.rest[depth])
		if len(rt.rest) == depth+1 {
			if p := checkElement(child, q); p != nil {
				return x.fail(p)
			}
			o, err := parseObject(child.show(t, elements[i], asExpand(q)))
			if err != nil {
				return x.notFound(c)
			}
			return x.one(context+"/$entity", o)
		}
		o, err := parseObject(elements[i])
		if err != nil {
			return x.notFound(c)
		}
		kid := findChild(child.kids, rt.rest[depth+1])
		if kid == nil || !kid.route {
			return x.fail(badRequest("Resource not found for the segment '%s'.", rt.rest[depth+1]))
		}
		elements = nil
		if raw, ok := o.get(kid.name); ok {
			if elements, err = parseArray(raw); err != nil {
				elements = nil
			}
		}
		child, context = kid, context+"/"+kid.name
	}
}

// asExpand carries what a query asks of each element.
func asExpand(q query) expand { return expand{nested: q.expands, selects: q.selects} }

// checkElement refuses what a query asks of the elements of a child and is not modelled.
func checkElement(child *childSpec, q query) *problem {
	if len(q.selects) > 0 && !child.selects {
		return notModelled("$select on %s", child.name)
	}
	for _, ex := range q.expands {
		kid := findChild(child.kids, ex.name)
		known := kid != nil && kid.expand != expandNone ||
			slices.ContainsFunc(child.refs, func(r refSpec) bool { return r.name == ex.name })
		if !known || len(ex.nested) > 0 || len(ex.selects) > 0 {
			return notModelled("$expand=%s on %s", ex.name, child.name)
		}
	}
	return nil
}

// indexByID finds an element by its id.
func indexByID(elements []json.RawMessage, id string) int {
	return slices.IndexFunc(elements, func(raw json.RawMessage) bool {
		o, err := parseObject(raw)
		return err == nil && strings.EqualFold(o.text("id"), id)
	})
}

// listElements answers the list of a child.
func (x *exchange) listElements(t *tenant, rt route, child *childSpec, elements []json.RawMessage, context string, q query) response {
	if p := checkElement(child, q); p != nil {
		return x.fail(p)
	}
	var st skipState
	if q.skipToken != "" {
		var p *problem
		if st, p = x.openSkipToken(q, rt.col.cosmos); p != nil {
			return x.fail(p)
		}
	}
	size := t.pageSize(rt.col.path+"/"+child.name, child.pageSize, child.maxTop, q)
	start := min(int(st.Last), len(elements))
	end := min(start+size, len(elements))
	next := ""
	if end < len(elements) {
		next = x.nextLink(q, rt.col.cosmos, skipState{Last: uint64(end)})
	}
	shown := make([]json.RawMessage, end-start)
	for i, raw := range elements[start:end] {
		shown[i] = child.show(t, raw, asExpand(q))
	}
	return x.writeList(context, shown, rt.col.cosmos, "", next)
}

// reference finds the reference that a path names: one of the row, or of the
// derived type that the path casts to.
func (t *tenant) reference(c *collection, e *entity, rt route) *refSpec {
	name := rt.rest[0]
	if ref := c.ref(name); ref != nil && ref.route {
		return ref
	}
	if rt.cast == "" || c.path != configurationsPath {
		return nil
	}
	if known, ok := t.catalog.references[c.typeOf(e)][name]; ok {
		return &refSpec{name: name, target: configurationsPath, many: known.Many, route: true}
	}
	return nil
}

// follow answers what a reference leads to.
func (x *exchange) follow(t *tenant, rt route, e *entity, ref *refSpec, q query) response {
	if len(rt.rest) > 1 || len(q.expands) > 0 {
		return x.fail(notModelled("a path or $expand below %s", ref.name))
	}
	targets := ref.targets(t, e.props, e.id)
	for i, raw := range targets {
		targets[i] = (&childSpec{}).show(t, raw, asExpand(q))
	}
	context := contextOf(fmt.Sprintf("%s('%s')/%s", rt.col.path, e.id, ref.name), q)
	if ref.many {
		return x.writeList(context, targets, false, "", "")
	}
	if len(targets) == 0 {
		return x.notFound(rt.col)
	}
	o, err := parseObject(targets[0])
	if err != nil {
		return x.notFound(rt.col)
	}
	return x.one(context+"/$entity", o)
}

// image answers an image by its own path; elsewhere it is null.
func (x *exchange) image(e *entity, name string) response {
	raw, ok := e.props.get(name)
	o, err := parseObject(raw)
	if !ok || err != nil {
		return response{status: http.StatusNoContent, header: http.Header{}}
	}
	return x.one(metadataRoot+"microsoft.graph.mimeContent", o)
}

// callFunction answers GET {collection}/{id}/{function}(...).
func (x *exchange) callFunction(t *tenant, rt route) response {
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on %s", rt.function.name))
	}
	e := t.lookup(rt.col, rt.id)
	if e == nil {
		return x.notFound(rt.col)
	}
	value, p := rt.function.call(t, e, rt.arg)
	if p != nil {
		p.service = rt.col.service
		return x.fail(p)
	}
	var buf bytes.Buffer
	fmt.Fprintf(&buf, `{"@odata.context":%s,"value":%s}`, quote(metadataRoot+"Edm.String"), value)
	return jsonResponse(buf.Bytes())
}

// serveOrganization answers GET organization. The real service gives the basic
// properties to an application with few permissions; here any valid token does.
func serveOrganization(x *exchange, t *tenant) response {
	if x.rawQuery != "" {
		q, p := parseQuery(x.rawQuery)
		if p != nil {
			return x.fail(p)
		}
		for _, name := range q.selects {
			if !slices.Contains([]string{"id", "displayName", "verifiedDomains"}, name) {
				return x.fail(notModelled("the property %s of organization", name))
			}
		}
		if len(q.selects) == 0 || q.star || q.filter != "" || q.orderBy != "" || q.top > 0 || q.skipToken != "" || len(q.expands) > 0 {
			return x.fail(notModelled("this query on organization"))
		}
	}
	domains := []map[string]any{}
	for i, d := range t.domains {
		domains = append(domains, map[string]any{"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": i == 0, "isInitial": strings.HasSuffix(d, ".onmicrosoft.com"), "name": d, "type": "Managed"})
	}
	raw, err := json.Marshal(domains)
	if err != nil {
		return x.fail(&problem{status: http.StatusInternalServerError, code: "InternalError", message: "An error has occurred."})
	}
	o := object{}.with("id", quote(t.id)).with("displayName", quote(t.displayName)).with("verifiedDomains", raw)
	return x.writeList(metadataRoot+"organization", []json.RawMessage{o.bytes()}, false, "", "")
}
