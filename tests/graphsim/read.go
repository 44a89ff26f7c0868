package graphsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	rt, p := s.route(version, segments)
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
	need     []string // any one of these permissions; none means any token
	col      *collection
	id       string
	child    string
	function *functionSpec
	arg      string
	handler  func(x *exchange, t *tenant) response
}

// route resolves the segments below the version.
func (s *Sim) route(version string, segments []string) (route, *problem) {
	if len(segments) == 0 {
		return route{}, notModelled("the service root")
	}
	if segments[0] == "organization" {
		if len(segments) > 1 {
			return route{}, notModelled("a path below organization")
		}
		return route{lane: LaneDirectory, handler: serveOrganization}, nil
	}
	var col *collection
	for _, c := range s.catalog.collections {
		if strings.Join(segments[:min(2, len(segments))], "/") == c.path {
			col = c
		}
	}
	if col == nil {
		return route{}, s.unknownPath(segments)
	}
	if version == "v1.0" {
		if col.v1Loses {
			return route{}, notModelled("%s in v1.0, where reads lose properties", col.path)
		}
		return route{}, badRequest("Resource not found for the segment '%s'.", segments[1])
	}
	rt := route{lane: col.lane, need: col.read, col: col}
	if len(segments) > 2 {
		rt.id = segments[2]
	}
	if len(segments) == 4 || len(segments) == 5 {
		rt.child = segments[3]
		for i, f := range col.functions {
			if v, ok := strings.CutPrefix(rt.child, f.name+"("); ok {
				arg, closed := strings.CutSuffix(v, "')")
				arg, named := strings.CutPrefix(arg, f.param+"='")
				if !closed || !named || len(segments) != 4 {
					return route{}, badRequest("Resource not found for the segment '%s'.", f.name)
				}
				rt.child, rt.function, rt.arg, rt.need = "", &col.functions[i], arg, f.need
				return rt, nil
			}
		}
		if len(segments) == 5 {
			return route{}, notModelled("a path below %s/{id}/%s", col.path, rt.child)
		}
		if col.child(rt.child) == nil {
			if _, ok := s.catalog.byType[strings.TrimPrefix(rt.child, "microsoft.graph.")]; ok && strings.HasPrefix(rt.child, "microsoft.graph.") {
				return route{}, notModelled("the type cast %s", rt.child)
			}
			return route{}, badRequest("Resource not found for the segment '%s'.", rt.child)
		}
	}
	if len(segments) > 5 {
		return route{}, notModelled("a path below %s/{id}/%s", col.path, segments[3])
	}
	return rt, nil
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
	case "users", "groups", "devices", "applications", "servicePrincipals", "directory", "directoryObjects", "identity", "policies", "domains", "subscribedSkus", "me", "$metadata":
		return notModelled("%s", segments[0])
	}
	return badRequest("Resource not found for the segment '%s'.", segments[0])
}

// serveRoute checks permission and method and answers.
func (s *Sim) serveRoute(x *exchange, t *tenant, rt route) response {
	if x.method != http.MethodGet {
		return x.fail(notModelled("%s of %s", x.method, x.path))
	}
	if len(x.body) > 0 {
		return x.fail(notModelled("a GET with a body"))
	}
	if len(rt.need) > 0 && !slices.ContainsFunc(rt.need, func(p string) bool { return slices.Contains(x.claims.Roles, p) }) {
		return x.fail(&problem{
			status: http.StatusForbidden, code: "Forbidden", shape: ShapeIntune, service: rt.col.service,
			message: "Application is not authorized to perform this operation. Application must have one of the following scopes: " + strings.Join(rt.need, ", "),
		})
	}
	if rt.handler != nil {
		return rt.handler(x, t)
	}
	if rt.child != "" && !rt.col.child(rt.child).route {
		return x.fail(&problem{
			status: http.StatusBadRequest, code: "No method match route template", shape: ShapeIntune, service: rt.col.service,
			message: fmt.Sprintf("No OData route exists that match template ~/singleton/navigation/key/navigation with http verb GET for request /%s", strings.TrimPrefix(x.path, "/beta/")),
		})
	}
	q, p := parseQuery(x.rawQuery)
	if p != nil {
		return x.fail(p)
	}
	switch {
	case rt.id == "":
		return x.list(t, rt.col, q)
	case rt.function != nil:
		return x.callFunction(t, rt)
	case rt.child != "":
		return x.listChild(t, rt, q)
	}
	return x.item(t, rt, q)
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
	return x.fail(&problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "An error has occurred", shape: ShapeIntune, service: c.service})
}

// checkShape refuses $select and $expand of what does not exist.
func checkShape(c *collection, q query) *problem {
	for _, name := range q.selects {
		if !slices.Contains(c.properties, name) {
			return badRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, c.entityType)
		}
	}
	for _, e := range q.expands {
		child := c.child(e.name)
		if child == nil {
			return badRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", e.name, c.entityType)
		}
		for _, n := range e.nested {
			if n.name != child.nested || len(n.nested) > 0 {
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
		for _, n := range e.nested {
			inner = append(inner, n.name+"()")
		}
		parts = append(parts, e.name+"("+strings.Join(inner, ",")+")")
	}
	if len(parts) > 0 {
		path += "(" + strings.Join(parts, ",") + ")"
	}
	return metadataRoot + path
}

// render makes the object as a client sees it.
func (c *collection) render(e *entity, q query, single bool) object {
	out := e.props
	if len(q.selects) > 0 {
		out = out.without(func(key string) bool { return key != "@odata.type" && !slices.Contains(q.selects, key) })
		for _, name := range q.selects {
			if f, ok := c.computed[name]; ok {
				out = out.with(name, f(e))
			}
		}
	}
	for _, ex := range q.expands {
		child := c.child(ex.name)
		elements := e.children[ex.name]
		if single && child.hidden != nil && child.hidden(e) {
			elements = nil
		}
		if child.nested != "" && len(ex.nested) == 0 {
			bare := make([]json.RawMessage, len(elements))
			for i, raw := range elements {
				bare[i] = raw
				if o, err := parseObject(raw); err == nil {
					bare[i] = o.without(func(key string) bool { return key == child.nested }).bytes()
				}
			}
			elements = bare
		}
		out = out.with(ex.name+"@odata.context", quote(fmt.Sprintf("%s%s('%s')/%s", metadataRoot, c.path, e.id, ex.name)))
		out = out.with(ex.name, arrayBytes(elements))
	}
	return out
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
	if p := checkShape(c, q); p != nil {
		return x.fail(p)
	}
	var st skipState
	if q.skipToken != "" {
		var p *problem
		if st, p = x.openSkipToken(q, c.cosmos); p != nil {
			return x.fail(p)
		}
	}
	tips := ""
	if len(q.selects) == 0 {
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
	found, more := t.page(c, st.Last, size)
	elements := make([]json.RawMessage, len(found))
	for i, e := range found {
		elements[i] = c.render(e, q, false).bytes()
	}
	next := ""
	if more {
		next = x.nextLink(q, c.cosmos, skipState{Last: found[len(found)-1].seq, Empty: st.Empty})
	}
	return x.writeList(context, elements, c.cosmos, tips, next)
}

// item answers GET {collection}/{id}.
func (x *exchange) item(t *tenant, rt route, q query) response {
	if q.top > 0 || q.skipToken != "" {
		return x.fail(badRequest("Query option '$top' or '$skiptoken' is not allowed on a single entity."))
	}
	if p := checkShape(rt.col, q); p != nil {
		return x.fail(p)
	}
	e := t.entity(rt.col, rt.id)
	if e == nil {
		return x.notFound(rt.col)
	}
	o := object{{rawKey: quote("@odata.context"), key: "@odata.context", value: quote(contextOf(rt.col.path, q) + "/$entity")}}
	return jsonResponse(append(o, rt.col.render(e, q, true)...).bytes())
}

// listChild answers GET {collection}/{id}/{child}.
func (x *exchange) listChild(t *tenant, rt route, q query) response {
	if len(q.selects) > 0 || len(q.expands) > 0 {
		return x.fail(notModelled("$select or $expand on %s", rt.child))
	}
	e := t.entity(rt.col, rt.id)
	if e == nil {
		return x.notFound(rt.col)
	}
	child := rt.col.child(rt.child)
	elements := e.children[rt.child]
	var st skipState
	if q.skipToken != "" {
		var p *problem
		if st, p = x.openSkipToken(q, rt.col.cosmos); p != nil {
			return x.fail(p)
		}
	}
	size := t.pageSize(rt.col.path+"/"+rt.child, child.pageSize, child.maxTop, q)
	start := min(int(st.Last), len(elements))
	end := min(start+size, len(elements))
	next := ""
	if end < len(elements) {
		next = x.nextLink(q, rt.col.cosmos, skipState{Last: uint64(end)})
	}
	context := fmt.Sprintf("%s%s('%s')/%s", metadataRoot, rt.col.path, e.id, rt.child)
	return x.writeList(context, elements[start:end], rt.col.cosmos, "", next)
}

// callFunction answers GET {collection}/{id}/{function}(...).
func (x *exchange) callFunction(t *tenant, rt route) response {
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on %s", rt.function.name))
	}
	e := t.entity(rt.col, rt.id)
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
		if len(q.selects) == 0 || q.top > 0 || q.skipToken != "" || len(q.expands) > 0 {
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
