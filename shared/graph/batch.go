package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tenantatlas/shared/reason"
)

// BatchSize is the most requests in one call to $batch.
// learn.microsoft.com/graph/json-batching
const BatchSize = 20

// Result is the answer to one request of a batch: a Response, or Err.
type Result struct {
	Response
	Err error // unwraps to *Error; a *ThrottledError when the pause is too long
}

// Batch sends requests in calls of up to BatchSize and returns one result for
// each, in order. Each request is throttled and fails alone, inside an answer
// of 200: only those that Graph limited or did not answer are sent again, what
// was answered stays. A call whose answers are larger than the client's limit
// together is sent again in halves.
//
// The error is that of the first call that failed as a whole; the results that
// were not obtained then carry it too, and the others are still good.
func (c *core) Batch(ctx context.Context, requests []Request) ([]Result, error) {
	parts := make([]*part, len(requests))
	for i, r := range requests {
		p, err := newPart(r)
		if err != nil {
			return nil, err
		}
		parts[i] = p
	}
	var first error
	for start := 0; start < len(parts); start += BatchSize {
		chunk := parts[start:min(start+BatchSize, len(parts))]
		if first == nil {
			first = c.batch(ctx, chunk)
		}
		for _, p := range chunk {
			if !p.done {
				p.result.Err, p.done = first, true
			}
		}
	}
	results := make([]Result, len(parts))
	for i, p := range parts {
		results[i] = p.result
	}
	return results, first
}

// part is one request of a batch and how far it came.
type part struct {
	id      string
	method  string
	url     string // relative, with query
	path    string // for metrics
	headers map[string]string
	doing   reason.Doing
	lane    Lane
	done    bool
	result  Result
	last    *Error // why it was not done on the last call
	wait    time.Duration
	given   bool
	tries   int
}

func newPart(r Request) (*part, error) {
	p := &part{method: r.Method, path: r.Path, doing: r.Doing, lane: LaneOf(r.Path)}
	if p.method == "" {
		p.method = http.MethodGet
	}
	if p.doing == "" {
		p.doing = reason.ReadObject
	}
	rel, err := relative(r)
	if err != nil {
		return nil, err
	}
	p.url = "/" + rel
	header, err := requestHeader(r.Header)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		if p.headers == nil {
			p.headers = map[string]string{}
		}
		p.headers[k] = strings.Join(v, ",")
	}
	return p, nil
}

// batch works on up to BatchSize parts until each is done. It returns an error
// when a call failed as a whole; what is not done then stays so.
func (c *core) batch(ctx context.Context, parts []*part) error {
	renewed := false
	for {
		open := make([]*part, 0, len(parts))
		for _, p := range parts {
			if !p.done {
				open = append(open, p)
			}
		}
		if len(open) == 0 {
			return nil
		}
		if err := c.batchCall(ctx, open); err != nil {
			var large *TooLargeError
			if !errors.As(err, &large) {
				return err
			}
			if len(open) == 1 {
				open[0].result.Err, open[0].done = err, true
				return nil
			}
			half := len(open) / 2
			if err := c.batch(ctx, open[:half]); err != nil {
				return err
			}
			if err := c.batch(ctx, open[half:]); err != nil {
				return err
			}
			return nil
		}
		if err := c.pauseBatch(ctx, &renewed, open); err != nil {
			return err
		}
	}
}

// pauseBatch gives up the parts that cannot be tried again in place, and waits
// once, for the longest of the pauses that the others were asked for.
func (c *core) pauseBatch(ctx context.Context, renewed *bool, open []*part) error {
	var longest *part
	renew := false
	limited := map[share]time.Duration{}
	for _, p := range open {
		if p.done {
			continue
		}
		if p.last.Action == reason.ActionNewToken && !*renewed {
			// The envelope was accepted and the part was not: the service behind
			// it did not take the token. There is one more for the whole batch.
			renew, p.wait = true, 0
		} else {
			wait, err := c.judge(ctx, failed{err: p.last, lane: p.lane, write: isWrite(p.method), tries: p.tries, wait: p.wait, given: p.given})
			if s := (share{p.lane, isWrite(p.method)}); p.last.Action == reason.ActionWait {
				limited[s] = max(limited[s], wait)
			}
			if err != nil {
				p.fail(err)
				continue
			}
			p.wait = wait
		}
		if longest == nil || p.wait > longest.wait {
			longest = p
		}
	}
	for s, wait := range limited {
		c.throttled(ctx, s.lane, s.write, wait)
	}
	if renew {
		*renewed = true
		c.tokens.drop(ctx)
	}
	if longest == nil {
		return nil
	}
	if c.clock.Sleep(ctx, longest.wait) != nil {
		return contextError(ctx, longest.last.Failure.ClientRequestID, c.clock.Now())
	}
	return nil
}

func (p *part) fail(err error) { p.result.Err, p.done = err, true }

type batchPart struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

type batchAnswer struct {
	ID      string                     `json:"id"`
	Status  int                        `json:"status"`
	Headers map[string]json.RawMessage `json:"headers"`
	Body    json.RawMessage            `json:"body"`
}

// batchCall sends one call and files the answers. Parts without an answer are
// left open as if their request had not been answered.
func (c *core) batchCall(ctx context.Context, open []*part) error {
	var envelope struct {
		Requests []batchPart `json:"requests"`
	}
	byID := make(map[string]*part, len(open))
	for i, p := range open {
		p.id = strconv.Itoa(i + 1)
		p.last, p.wait, p.given = nil, 0, false
		byID[p.id] = p
		envelope.Requests = append(envelope.Requests, batchPart{p.id, p.method, p.url, p.headers})
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		return err
	}
	tried := open[0].tries // all of them were in the same calls
	resp, err := c.do(ctx, call{method: http.MethodPost, url: c.root.String() + "/$batch", path: "$batch", lane: open[0].lane,
		body: body, doing: reason.ReadList, parts: open, tried: &tried})
	if err != nil {
		return err // the parts go on only after answers that were too large, which is no failed attempt
	}
	for _, p := range open {
		p.tries = tried
	}
	var answers struct {
		Responses []batchAnswer `json:"responses"`
	}
	now := c.clock.Now()
	// An envelope in another form counts as no answer for any part.
	_ = json.Unmarshal(resp.Body, &answers)
	for _, a := range answers.Responses {
		p := byID[a.ID]
		if p == nil || p.done || p.last != nil {
			continue // not asked for, or answered twice
		}
		c.file(p, a, resp.ClientRequestID, now)
	}
	for _, p := range open {
		if !p.done && p.last == nil {
			p.last = fault{requestID: resp.RequestID}.toError(0, p.doing, resp.ClientRequestID, now)
		}
	}
	return nil
}

func (c *core) file(p *part, a batchAnswer, clientID string, now time.Time) {
	header := http.Header{}
	for k, v := range a.Headers {
		s := text(v)
		if s == "" {
			s = string(v) // a number
		}
		header.Set(k, s)
	}
	o := Observation{Method: p.method, Path: templatePath(p.path), Lane: p.lane, Status: a.Status, RequestID: firstID(header.Get("request-id")),
		ClientRequestID: clientID, Attempt: p.tries}
	switch {
	case a.Status >= 200 && a.Status <= 299, a.Status == http.StatusNotModified:
		p.done = true
		p.result.Response = Response{Status: a.Status, Body: a.Body, ETag: header.Get("ETag"), RequestID: o.RequestID, ClientRequestID: clientID}
	default:
		status := a.Status
		if status < 100 || status > 599 {
			status = 0
		}
		f := parseError(header, a.Body, now)
		p.last, p.wait, p.given = f.toError(status, p.doing, clientID, now), f.retryAfter, f.hasRetry
		o.Code = p.last.Failure.Code
	}
	c.observe(o)
}
