package graphsim

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// maxBatch is the number of requests a $batch may hold (learn.microsoft.com/graph/json-batching).
const maxBatch = 20

// batchPart is one request of a $batch.
type batchPart struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// parseBatch reads and checks the body of a $batch and returns its parts in an
// order in which each comes after those it depends on.
func parseBatch(body []byte) ([]batchPart, *problem) {
	var doc struct {
		Requests []batchPart `json:"requests"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, badRequest("Invalid batch payload format.")
	}
	if len(doc.Requests) == 0 {
		return nil, badRequest("Invalid batch payload format.")
	}
	if len(doc.Requests) > maxBatch {
		return nil, badRequest("Number of batch requests exceeds the limit of %d.", maxBatch)
	}
	byID := map[string]bool{}
	for _, p := range doc.Requests {
		// Ids are not case-sensitive.
		id := strings.ToLower(p.ID)
		if id == "" {
			return nil, badRequest("Request id is missing in a batch request.")
		}
		if byID[id] {
			return nil, badRequest("Request Id : %s has to be unique in a batch.", p.ID)
		}
		byID[id] = true
	}
	done := map[string]bool{}
	var order []batchPart
	for len(order) < len(doc.Requests) {
		before := len(order)
		for _, p := range doc.Requests {
			if done[strings.ToLower(p.ID)] {
				continue
			}
			ready := true
			for _, d := range p.DependsOn {
				ready = ready && done[strings.ToLower(d)]
			}
			if ready {
				done[strings.ToLower(p.ID)] = true
				order = append(order, p)
			}
		}
		if len(order) == before {
			return nil, badRequest("A request of the batch depends on a request that does not exist or on itself.")
		}
	}
	return order, nil
}

// serveBatch answers POST $batch: status 200 for any batch that can be read,
// each part with its own status and throttled by itself, in any order.
func (s *Sim) serveBatch(x *exchange, version string) response {
	if x.batchID != "" {
		return x.fail(badRequest("A batch request cannot hold another batch request."))
	}
	if x.method != http.MethodPost {
		return x.fail(notModelled("%s of $batch", x.method))
	}
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on $batch"))
	}
	if kind, _, _ := strings.Cut(x.header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return x.fail(badRequest("Write requests (excluding DELETE) must contain the Content-Type header declaration."))
	}
	parts, p := parseBatch(x.body)
	if p != nil {
		return x.fail(p)
	}
	failed := map[string]bool{}
	answers := make([]json.RawMessage, 0, len(parts))
	for _, part := range parts {
		sub := s.batchExchange(x, version, part)
		var r response
		switch {
		case sub == nil:
			r = x.fail(badRequest("Invalid batch request: the url has to be relative to the version."))
		case dependsOnFailed(part, failed):
			r = sub.fail(&problem{status: http.StatusFailedDependency, code: "FailedDependency", message: "The request was not carried out, because a request it depends on failed."})
			s.record(sub, r)
		default:
			r = s.answer(sub)
		}
		failed[strings.ToLower(part.ID)] = r.status >= 400 || r.abort
		answers = append(answers, sub.batchAnswer(part.ID, r))
	}
	s.mu.Lock()
	s.shuffle.Shuffle(len(answers), func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
	s.mu.Unlock()
	return jsonResponse(object{}.with("responses", arrayBytes(answers)).bytes())
}

func dependsOnFailed(p batchPart, failed map[string]bool) bool {
	for _, d := range p.DependsOn {
		if failed[strings.ToLower(d)] {
			return true
		}
	}
	return false
}

// batchExchange makes the request of a part, or nil when its address is not relative.
func (s *Sim) batchExchange(x *exchange, version string, part batchPart) *exchange {
	rel, err := url.Parse(part.URL)
	if err != nil || rel.Scheme != "" || rel.Host != "" || rel.Path == "" || rel.Fragment != "" {
		return nil
	}
	sub := &exchange{
		sim: s, ctx: x.ctx, now: x.now, requestID: uuid.NewString(), clientRequestID: x.clientRequestID,
		kind: kindOf(part.Method, "/"+strings.TrimPrefix(rel.EscapedPath(), "/")), method: part.Method, host: x.host,
		path: "/" + version + "/" + strings.TrimPrefix(rel.EscapedPath(), "/"), rawQuery: rel.RawQuery,
		header: http.Header{}, body: part.Body,
		tenantID: x.tenantID, app: x.app, claims: x.claims, batchID: x.requestID,
	}
	for k, v := range part.Headers {
		sub.header.Set(k, v)
	}
	return sub
}

// batchAnswer is the answer of one part as the $batch answer holds it.
func (x *exchange) batchAnswer(id string, r response) json.RawMessage {
	if r.abort {
		r = response{status: http.StatusGatewayTimeout, header: http.Header{}}
	}
	headers := object{}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		headers = headers.with(name, quote(r.header.Get(name)))
	}
	if x != nil {
		headers = headers.with("request-id", quote(x.requestID))
	}
	o := object{}.with("id", quote(id)).
		with("status", json.RawMessage(strconv.Itoa(r.status))).
		with("headers", headers.bytes())
	if json.Valid(r.body) {
		o = o.with("body", r.body)
	} else if len(r.body) > 0 {
		o = o.with("body", quote(string(r.body)))
	}
	return o.bytes()
}
