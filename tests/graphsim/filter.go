package graphsim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// condition says whether an object of a list is chosen.
type condition func(t *tenant, e *entity) bool

// filterToken splits a $filter into words, texts, parentheses and commas.
var filterToken = regexp.MustCompile(`'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_./-]*|-?[0-9][0-9.]*|[(),]|\S`)

// filterParser reads the part of the filter language that is known to be used on
// these sets: eq, ne, in, and, or, not, isof and parentheses.
type filterParser struct {
	c      *collection
	tokens []string
	at     int
	p      *problem
}

// filter compiles a $filter for the set; nil chooses everything. A property that
// the set is not known to filter by is not modelled.
func (c *collection) filter(text string) (condition, *problem) {
	if text == "" {
		return nil, nil
	}
	f := &filterParser{c: c, tokens: filterToken.FindAllString(text, -1)}
	if len(f.tokens) > 200 {
		return nil, notModelled("a $filter of more than 200 words")
	}
	out := f.or(0)
	if f.p == nil && f.at < len(f.tokens) {
		f.bad()
	}
	return out, f.p
}

func (f *filterParser) bad() condition {
	if f.p == nil {
		f.p = badRequest("Invalid filter clause")
	}
	return nil
}

func (f *filterParser) peek() string {
	if f.at < len(f.tokens) {
		return f.tokens[f.at]
	}
	return ""
}

func (f *filterParser) next() string {
	token := f.peek()
	f.at++
	return token
}

func (f *filterParser) or(depth int) condition {
	left := f.and(depth)
	for f.p == nil && f.peek() == "or" {
		f.at++
		l, r := left, f.and(depth)
		left = func(t *tenant, e *entity) bool { return l(t, e) || r(t, e) }
	}
	return left
}

func (f *filterParser) and(depth int) condition {
	left := f.term(depth)
	for f.p == nil && f.peek() == "and" {
		f.at++
		l, r := left, f.term(depth)
		left = func(t *tenant, e *entity) bool { return l(t, e) && r(t, e) }
	}
	return left
}

func (f *filterParser) term(depth int) condition {
	if depth > 20 || f.p != nil {
		return f.bad()
	}
	token := f.next()
	switch {
	case token == "not":
		inner := f.term(depth + 1)
		return func(t *tenant, e *entity) bool { return !inner(t, e) }
	case token == "(":
		inner := f.or(depth + 1)
		if f.p == nil && f.next() != ")" {
			return f.bad()
		}
		return inner
	case f.peek() == "(":
		return f.call(token)
	}
	name := token
	ignored := slices.Contains(f.c.filterIgnored, name)
	if !ignored && !slices.Contains(f.c.filters, name) {
		f.p = notModelled("$filter by %q on %s", name, f.c.path)
		return nil
	}
	operator, want := f.next(), f.next()
	if operator == "in" && want == "(" && f.c.path == groupsPath {
		return f.among(name)
	}
	if operator != "eq" && operator != "ne" {
		f.p = notModelled("the operator %q in $filter", operator)
		return nil
	}
	literal, ok := filterLiteral(want)
	if !ok {
		return f.bad()
	}
	if ignored {
		return func(*tenant, *entity) bool { return true }
	}
	c := f.c
	return func(t *tenant, e *entity) bool {
		return (c.value(t, e, name) == literal) == (operator == "eq")
	}
}

// maxAmong is the most values of an "in", and more are refused in these words
// (learn.microsoft.com/graph/filter-query-parameter, and what the service says of
// the "or" that it makes of them).
const maxAmong = 15

// among reads the rest of a list of texts: 'a','b').
func (f *filterParser) among(name string) condition {
	var wanted []string
	for {
		literal, ok := filterLiteral(f.next())
		if !ok {
			return f.bad()
		}
		wanted = append(wanted, literal)
		switch f.next() {
		case ",":
			continue
		case ")":
		default:
			return f.bad()
		}
		break
	}
	if len(wanted) > maxAmong {
		f.p = badRequest("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", len(wanted), maxAmong)
		return nil
	}
	c := f.c
	return func(t *tenant, e *entity) bool { return slices.Contains(wanted, c.value(t, e, name)) }
}

// call reads a function: isof, and what the service refuses.
func (f *filterParser) call(name string) condition {
	f.at++ // the parenthesis
	arg := f.next()
	if name != "isof" {
		if f.c.path == enrollmentPath && strings.EqualFold(name, "endsWith") {
			// Refused by the service, while it is not said how.
			f.p = badRequest("The query specified in the URI is not valid. The function '%s' is not supported.", name)
			return nil
		}
		f.p = notModelled("the function %q in $filter", name)
		return nil
	}
	kind, quoted := strings.CutPrefix(arg, "'microsoft.graph.")
	kind, closed := strings.CutSuffix(kind, "'")
	if !quoted || !closed || f.next() != ")" {
		return f.bad()
	}
	if !f.c.abstract {
		f.p = notModelled("isof on %s", f.c.path)
		return nil
	}
	c := f.c
	return func(t *tenant, e *entity) bool { return t.catalog.isA(c.typeOf(e), kind) }
}

// filterLiteral reads a literal as the JSON text that it equals.
func filterLiteral(token string) (string, bool) {
	switch {
	case token == "null", token == "true", token == "false":
		return token, true
	case len(token) >= 2 && token[0] == '\'' && token[len(token)-1] == '\'':
		return string(quote(strings.ReplaceAll(token[1:len(token)-1], "''", "'"))), true
	case token != "" && (token[0] == '-' || token[0] >= '0' && token[0] <= '9'):
		return token, true
	}
	return "", false
}

// value is the JSON text of a property of an object, "null" where it is none. A
// name may begin with a type: an object of another type has no such property.
func (c *collection) value(t *tenant, e *entity, name string) string {
	if cast, property, ok := strings.Cut(name, "/"); ok {
		if !t.catalog.isA(c.typeOf(e), strings.TrimPrefix(cast, "microsoft.graph.")) {
			return "null"
		}
		name = property
	}
	var raw json.RawMessage
	switch {
	case c.live[name] != nil:
		raw = c.live[name](t, e)
	case c.computed[name] != nil:
		raw = c.computed[name](t, e)
	default:
		raw, _ = e.props.get(name)
	}
	if raw == nil {
		return "null"
	}
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return string(quote(s))
	}
	return string(raw)
}
