package graphsim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// What a fault does.
const (
	// FaultRespond answers with an error. With AfterEffect the request is
	// carried out first, so the caller sees a failure of something that happened.
	FaultRespond = "respond"
	// FaultDelay waits DelayMs and then answers as usual.
	FaultDelay = "delay"
	// FaultTimeout lets the caller wait for DelayMs, or for ever when 0, and
	// then cuts the connection, or answers Status where one is given.
	FaultTimeout = "timeout"
	// FaultCutBefore cuts the connection without carrying the request out.
	FaultCutBefore = "cut-before"
	// FaultCutAfter carries the request out and cuts the connection then.
	FaultCutAfter = "cut-after"
	// FaultTruncate sends the first half of the body (or TruncateAt bytes) and
	// cuts the connection.
	FaultTruncate = "truncate"
	// FaultGarbage answers 200 with a body that is not JSON.
	FaultGarbage = "garbage"
	// FaultNextLinkLoop makes a list answer with a nextLink to itself, as was
	// seen with Autopilot identities (microsoft-graph-docs#8186).
	FaultNextLinkLoop = "nextlink-loop"
)

// Fault is a rule that makes some requests fail. Rules are looked at in the
// order in which they were added; the first that matches and is due acts.
//
// Inside a $batch only respond, delay and nextlink-loop act on the parts; the
// others act on the $batch request as a whole.
type Fault struct {
	// ID is given by the simulator when empty.
	ID string `json:"id,omitempty"`

	// Which requests. Empty fields match all.
	Tenant string `json:"tenant,omitempty"`
	App    string `json:"app,omitempty"`
	Kind   string `json:"kind,omitempty"`   // one of the Kind constants
	Method string `json:"method,omitempty"` // GET, POST, ...
	Path   string `json:"path,omitempty"`   // regular expression on the path, as sent
	Query  string `json:"query,omitempty"`  // regular expression on the query, as sent

	// Which of the matching requests. Skip passes the first ones by, Count stops
	// the rule after so many (0: never), Probability (0 means 1) draws with Seed.
	Skip        int     `json:"skip,omitempty"`
	Count       int     `json:"count,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	// What happens. Action "" means FaultRespond.
	Action      string `json:"action,omitempty"`
	AfterEffect bool   `json:"afterEffect,omitempty"`
	DelayMs     int    `json:"delayMs,omitempty"`
	TruncateAt  int    `json:"truncateAt,omitempty"`

	// The error. Code and Message have defaults by status; Shape "" means
	// ShapeIntune for Intune paths and ShapeEntra for tokens.
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	Shape      string `json:"shape,omitempty"`
	EntraCode  int    `json:"entraCode,omitempty"` // AADSTS number of ShapeEntra
	RetryAfter string `json:"retryAfter,omitempty"`
	// Extra is planted into the error's text, and Headers into the answer, so
	// that a test can look whether text from outside leaks.
	Extra   string            `json:"extra,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// FaultState is a rule and what became of it.
type FaultState struct {
	Fault
	Seen  int `json:"seen"`  // matching requests
	Acted int `json:"acted"` // requests it acted on
}

// defaultCodes are the codes seen with a status from Intune or the gateway.
var defaultCodes = map[int]string{
	400: "BadRequest", 401: "InvalidAuthenticationToken", 403: "Forbidden", 404: "ResourceNotFound",
	409: "Conflict", 412: "PreconditionFailed", 423: "Locked", 429: "TooManyRequests", 500: "InternalError",
	502: "BadGateway", 503: "CancelledOnServiceTimeout", 504: "UnknownError",
}

var faultActions = []string{FaultRespond, FaultDelay, FaultTimeout, FaultCutBefore, FaultCutAfter, FaultTruncate, FaultGarbage, FaultNextLinkLoop}

var errorShapes = []string{"", ShapePlain, ShapeIntune, ShapeUnknown, ShapeUnknownCode, ShapeUnknownEmpty, ShapeEmpty, ShapeGarbage, ShapeEntra}

// maxFaultDelay bounds how long a rule may hold a request.
const maxFaultDelay = 10 * time.Minute

// faultRule is an active rule.
type faultRule struct {
	FaultState
	path, query *regexp.Regexp
	random      *rand.Rand
}

func newFaultRule(f Fault) (*faultRule, error) {
	r := &faultRule{FaultState: FaultState{Fault: f}}
	if r.Action == "" {
		r.Action = FaultRespond
	}
	var errs []error
	if !slices.Contains(faultActions, r.Action) {
		errs = append(errs, fmt.Errorf("action %q is not known", f.Action))
	}
	if !slices.Contains(errorShapes, f.Shape) {
		errs = append(errs, fmt.Errorf("shape %q is not known", f.Shape))
	}
	if r.Action == FaultRespond && (f.Status < 400 || f.Status > 599) {
		errs = append(errs, fmt.Errorf("status %d is not an error", f.Status))
	}
	if f.Probability < 0 || f.Probability > 1 {
		errs = append(errs, errors.New("probability must be between 0 and 1"))
	}
	if f.Skip < 0 || f.Count < 0 || f.TruncateAt < 0 || f.DelayMs < 0 || time.Duration(f.DelayMs)*time.Millisecond > maxFaultDelay {
		errs = append(errs, errors.New("a number is out of range"))
	}
	var err error
	if r.path, err = regexp.Compile(f.Path); err != nil {
		errs = append(errs, fmt.Errorf("path: %w", err))
	}
	if r.query, err = regexp.Compile(f.Query); err != nil {
		errs = append(errs, fmt.Errorf("query: %w", err))
	}
	r.random = rand.New(rand.NewPCG(f.Seed, 0))
	return r, errors.Join(errs...)
}

func (r *faultRule) matches(x *exchange) bool {
	if x.batchID != "" {
		switch r.Action {
		case FaultRespond, FaultDelay, FaultNextLinkLoop:
		default:
			return false
		}
	}
	return (r.Tenant == "" || r.Tenant == x.tenantID) &&
		(r.App == "" || r.App == x.app) &&
		(r.Kind == "" || r.Kind == x.kind) &&
		(r.Method == "" || r.Method == x.method) &&
		r.path.MatchString(x.path) && r.query.MatchString(x.rawQuery)
}

// faultSet holds the rules.
type faultSet struct {
	mu    sync.Mutex
	rules []*faultRule
	next  int
}

// maxFaults bounds the rules held at once.
const maxFaults = 1000

// add checks and appends a rule and returns its id.
func (s *faultSet) add(f Fault) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rules) >= maxFaults {
		return "", fmt.Errorf("there are %d fault rules already", maxFaults)
	}
	s.next++
	if f.ID == "" {
		f.ID = "fault-" + strconv.Itoa(s.next)
	}
	if slices.ContainsFunc(s.rules, func(r *faultRule) bool { return r.ID == f.ID }) {
		return "", fmt.Errorf("there is a fault rule %q already", f.ID)
	}
	r, err := newFaultRule(f)
	if err != nil {
		return "", err
	}
	s.rules = append(s.rules, r)
	return f.ID, nil
}

func (s *faultSet) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(r *faultRule) bool { return r.ID == id })
	return len(s.rules) < n
}

func (s *faultSet) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

func (s *faultSet) list() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]FaultState, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.FaultState
	}
	return out
}

// pick returns the rule that acts on x, or nil.
func (s *faultSet) pick(x *exchange) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if !r.matches(x) {
			continue
		}
		r.Seen++
		if r.Seen <= r.Skip || r.Count > 0 && r.Acted >= r.Count {
			continue
		}
		if r.Probability > 0 && r.random.Float64() >= r.Probability {
			continue
		}
		r.Acted++
		f := r.Fault
		return &f
	}
	return nil
}

// apply carries out the request x under the fault f.
func (f *Fault) apply(ctx context.Context, x *exchange, effect func() response) response {
	delay := time.Duration(f.DelayMs) * time.Millisecond
	var r response
	switch f.Action {
	case FaultRespond:
		if f.AfterEffect {
			effect()
		}
		r = f.answer(x)
	case FaultDelay:
		if x.sim.clock.sleep(ctx, delay) != nil {
			r.abort = true
			break
		}
		r = effect()
	case FaultTimeout:
		if f.AfterEffect {
			effect()
		}
		if delay == 0 {
			<-ctx.Done()
		} else if x.sim.clock.sleep(ctx, delay) == nil && f.Status != 0 {
			r = f.answer(x)
			break
		}
		r.abort = true
	case FaultCutBefore:
		r.abort = true
	case FaultCutAfter:
		effect()
		r.abort = true
	case FaultTruncate:
		r = effect()
		r.truncate = f.TruncateAt
		if r.truncate == 0 {
			r.truncate = max(1, len(r.body)/2)
		}
	case FaultGarbage:
		r = x.fail(&problem{status: http.StatusOK, shape: ShapeGarbage, extra: f.Extra})
		if f.Status != 0 {
			r.status = f.Status
		}
	case FaultNextLinkLoop:
		x.loop = true
		r = effect()
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	for k, v := range f.Headers {
		r.header.Set(k, v)
	}
	r.fault = f.ID
	return r
}

// answer is the error of the rule.
func (f *Fault) answer(x *exchange) response {
	p := &problem{status: f.Status, code: f.Code, message: f.Message, shape: f.Shape, extra: f.Extra, entra: f.EntraCode}
	if p.shape == "" {
		switch {
		case x.kind == KindToken:
			p.shape = ShapeEntra
		case f.Status == http.StatusTooManyRequests || f.Status == http.StatusUnauthorized:
			p.shape = ShapePlain
		default:
			p.shape = ShapeIntune
		}
	}
	if p.code == "" {
		p.code = defaultCodes[f.Status]
		if p.shape == ShapeEntra {
			p.code = "temporarily_unavailable"
		}
		if p.code == "" {
			p.code = "UnknownError"
		}
	}
	if p.message == "" {
		p.message = "An error has occurred."
	}
	r := x.fail(p)
	r.throttled = f.Status == http.StatusTooManyRequests
	if f.RetryAfter != "" {
		r.header.Set("Retry-After", f.RetryAfter)
	}
	return r
}
