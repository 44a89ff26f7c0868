package graphsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// query is what the simulator understands of an OData query.
type query struct {
	top       int // 0: not given
	selects   []string
	star      bool // $select=*
	expands   []expand
	filter    string
	orderBy   string
	skipToken string
	rest      string // the query without $skiptoken, as sent: what a skip token is bound to
}

// expand is one item of $expand with the options modelled inside it.
type expand struct {
	name    string
	cast    string // the type before the name, without its prefix
	nested  []expand
	selects []string
}

const (
	maxQueryBytes  = 8 << 10
	maxExpandDepth = 4
)

var propertyName = regexp.MustCompile(`^[A-Za-z_@][A-Za-z0-9_.@]{0,127}$`)

// parseQuery reads the raw query of a GET. Options that are not modelled give a
// problem with CodeNotModelled; malformed ones the service's own 400.
func parseQuery(raw string) (query, *problem) {
	var q query
	if raw == "" {
		return q, nil
	}
	if len(raw) > maxQueryBytes {
		return q, &problem{status: http.StatusRequestURITooLong, code: "BadRequest", message: "The query is too long."}
	}
	var rest []string
	seen := map[string]bool{}
	for part := range strings.SplitSeq(raw, "&") {
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return q, badRequest("The query has a malformed escape sequence.")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return q, badRequest("The query has a malformed escape sequence.")
		}
		if seen[name] {
			return q, badRequest("Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
		seen[name] = true
		if name != "$skiptoken" {
			rest = append(rest, part)
		}
		switch name {
		case "$top":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return q, badRequest("Invalid value '%s' for $top query option found. The $top query option requires a non-negative integer value.", value)
			}
			if n == 0 {
				return q, notModelled("$top=0")
			}
			q.top = n
		case "$select":
			for item := range strings.SplitSeq(value, ",") {
				item = strings.TrimSpace(item)
				if item == "*" {
					q.star = true
					continue
				}
				if !propertyName.MatchString(item) {
					return q, badRequest("Parsing OData Select and Expand failed: Term '%s' is not valid in a $select or $expand expression.", item)
				}
				q.selects = append(q.selects, item)
			}
		case "$expand":
			var p *problem
			if q.expands, p = parseExpand(value, 0); p != nil {
				return q, p
			}
		case "$filter":
			if q.filter = strings.TrimSpace(value); q.filter == "" {
				return q, badRequest("Invalid filter clause")
			}
		case "$orderby":
			if q.orderBy = value; !propertyName.MatchString(value) {
				return q, notModelled("$orderby=%s", value)
			}
		case "$skiptoken":
			if q.skipToken = value; value == "" {
				return q, badRequest("Skip token is null or empty.")
			}
		default:
			return q, notModelled("the query option %q", name)
		}
	}
	q.rest = strings.Join(rest, "&")
	return q, nil
}

// parseExpand reads the value of $expand: names, each with a nested $expand and
// $select in parentheses.
func parseExpand(s string, depth int) ([]expand, *problem) {
	if depth > maxExpandDepth {
		return nil, badRequest("The request includes a $expand path which is too deep.")
	}
	var out []expand
	for _, item := range splitTop(s, ',') {
		item = strings.TrimSpace(item)
		name, rest, nested := strings.Cut(item, "(")
		e := expand{name: name}
		if cast, property, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(cast, "microsoft.graph.") {
			e.cast, e.name = strings.TrimPrefix(cast, "microsoft.graph."), property
			name = property
		}
		if !propertyName.MatchString(name) {
			return nil, badRequest("Parsing OData Select and Expand failed: Term '%s' is not valid in a $select or $expand expression.", item)
		}
		if slices.ContainsFunc(out, func(o expand) bool { return o.name == name }) {
			return nil, notModelled("the repeated $expand of %q", name)
		}
		if nested {
			inner, closed := strings.CutSuffix(rest, ")")
			if !closed {
				return nil, badRequest("Parsing OData Select and Expand failed: an opening parenthesis is not closed.")
			}
			for _, option := range splitTop(inner, ';') {
				key, value, _ := strings.Cut(option, "=")
				var p *problem
				switch key {
				case "$expand":
					e.nested, p = parseExpand(value, depth+1)
				case "$select":
					e.selects = strings.Split(value, ",")
				default:
					p = notModelled("the option %q inside $expand", option)
				}
				if p != nil {
					return nil, p
				}
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// splitTop splits s at sep where no parenthesis is open.
func splitTop(s string, sep byte) []string {
	var out []string
	depth, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case sep:
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// skipState is what a skip token carries.
type skipState struct {
	Last  uint64 `json:"last"`            // position of the last element sent
	Empty bool   `json:"empty,omitempty"` // the empty page was sent already
}

// cosmosPrefix begins the decoded skip token of settings catalog lists
// (IntuneAssignmentChecker#28).
const cosmosPrefix = "[cosmosdb]"

// nextLink returns the absolute address of the next page. It is opaque: it
// holds good only when it is sent back whole, with the query it was given for.
func (x *exchange) nextLink(q query, cosmos bool, st skipState) string {
	payload, err := json.Marshal(st)
	if err != nil {
		return "" // a struct of a number and a bool always encodes
	}
	mac := x.sim.skipMAC(x.tenantID, x.path, q.rest, payload)
	var token string
	if cosmos {
		// Double encoding is what the real service sends.
		inner := cosmosPrefix + `{"compositeToken":"` + base64.StdEncoding.EncodeToString(payload) + `","resourceId":"` + mac + `"}`
		token = url.QueryEscape(url.QueryEscape(inner))
	} else {
		token = base64.RawURLEncoding.EncodeToString(payload) + "." + mac
	}
	link := "https://" + x.host + x.path + "?"
	if q.rest != "" {
		link += q.rest + "&"
	}
	return link + "$skiptoken=" + token
}

// openSkipToken reads a skip token made by nextLink for the same tenant, path and query.
func (x *exchange) openSkipToken(q query, cosmos bool) (skipState, *problem) {
	var st skipState
	bad := badRequest("Skip token is invalid.")
	var payload []byte
	var mac string
	if cosmos {
		inner, err := url.QueryUnescape(q.skipToken)
		if err != nil || inner == q.skipToken {
			return st, bad
		}
		doc, ok := strings.CutPrefix(inner, cosmosPrefix)
		if !ok {
			return st, bad
		}
		var parts struct{ CompositeToken, ResourceID string }
		if json.Unmarshal([]byte(doc), &parts) != nil {
			return st, bad
		}
		if payload, err = base64.StdEncoding.DecodeString(parts.CompositeToken); err != nil {
			return st, bad
		}
		mac = parts.ResourceID
	} else {
		body, tail, _ := strings.Cut(q.skipToken, ".")
		var err error
		if payload, err = base64.RawURLEncoding.DecodeString(body); err != nil {
			return st, bad
		}
		mac = tail
	}
	if !hmac.Equal([]byte(mac), []byte(x.sim.skipMAC(x.tenantID, x.path, q.rest, payload))) {
		return st, bad
	}
	if json.Unmarshal(payload, &st) != nil {
		return st, bad
	}
	return st, nil
}

// skipMAC binds a skip token to what it was issued for.
func (s *Sim) skipMAC(tenant, path, rest string, payload []byte) string {
	h := hmac.New(sha256.New, s.tokenKey)
	for _, part := range []string{"skip", tenant, path, rest, string(payload)} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
