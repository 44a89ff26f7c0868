package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/google/uuid"

	"tenantatlas/shared/reason"
)

// Config is what a client needs. The zero value of a field with a default means
// the default.
type Config struct {
	Cloud Cloud
	// Endpoint takes the place of the cloud's own, for a stand-in. Its https
	// certificate must be trusted by the process (SSL_CERT_FILE) or HTTPClient.
	Endpoint *Endpoint

	TenantID   string // directory (tenant) id, or one of its domains
	ClientID   string // application id
	Credential Credential

	APIVersion string // "beta" (default) or "v1.0"
	Version    string // ours, for User-Agent: TenantAtlas/<version>

	// MaxResponse is the largest answer that is read, in bytes after
	// decompression; 32 MiB by default.
	MaxResponse int64
	// AttemptTimeout bounds one attempt, 60 s by default.
	AttemptTimeout time.Duration
	Retry          Retry

	Clock   Clock   // default: the system's
	Limiter Limiter // default: none
	// Observer is told of every attempt, from the goroutine that made it.
	Observer func(Observation)
	// HTTPClient is copied; redirects are never followed and cookies never kept.
	// Default: a client of its own with TLS 1.2 or newer.
	HTTPClient *http.Client
}

// DefaultMaxResponse is the default of Config.MaxResponse.
const DefaultMaxResponse = 32 << 20

// Observation is one attempt, for metrics and logs. It holds no query, no id of
// an object and nothing that Microsoft wrote except request ids.
type Observation struct {
	Method          string
	Path            string // with ids replaced: "deviceManagement/configurationPolicies/{id}"
	Lane            Lane
	Status          int // 0 when there was no answer
	Duration        time.Duration
	RequestID       string
	ClientRequestID string
	Attempt         int         // from 1
	Code            reason.Code // "" for a success
}

// Request is one request to Graph.
type Request struct {
	Method string // "" means GET
	// Path is relative to the version: "deviceManagement/configurationPolicies".
	// It is sent as it is, so segments from outside must be escaped: see Path.
	Path  string
	Query url.Values
	// Header may hold ConsistencyLevel, Prefer and If-None-Match.
	Header http.Header
	// Doing says what it is for, which decides what a 404 means. Default:
	// reason.ReadObject; for lists reason.ReadList.
	Doing reason.Doing
}

// Response is a successful answer.
type Response struct {
	Status          int
	Body            json.RawMessage // exactly as received; nil when there was none
	ETag            string
	RequestID       string // Microsoft's
	ClientRequestID string // ours
}

// Path joins segments into a request path, escaping each.
func Path(segments ...string) string {
	out := make([]string, len(segments))
	for i, s := range segments {
		out[i] = url.PathEscape(s)
	}
	return strings.Join(out, "/")
}

// Reader is a client that cannot change a tenant. It has no method that writes,
// and below them, next to the network, a guard refuses every request other than
// a GET and a batch of GETs, whoever made it. It is safe for concurrent use and
// keeps one token in memory.
type Reader struct{ *core }

// core sends requests; Reader and Writer are views of it.
type core struct {
	root     *url.URL // <GraphURL>/<version>
	pipeline runtime.Pipeline
	tokens   *tokenSource
	retry    Retry
	clock    Clock
	limiter  Limiter
	observe  func(Observation)
	timeout  time.Duration
	limit    int64
}

// NewReader returns a client that can only read. A fault of the configuration
// matches ErrConfig; a tenant id, client id or credential that cannot work is
// an *Error with the code that Microsoft's refusal would have.
func NewReader(cfg Config) (*Reader, error) {
	c, err := newCore(cfg, true)
	if err != nil {
		return nil, err
	}
	return &Reader{c}, nil
}

var versionForm = regexp.MustCompile(`^[A-Za-z0-9.+-]{1,64}$`)

func newCore(cfg Config, readOnly bool) (*core, error) {
	ep, known := cfg.Cloud.Endpoint()
	if cfg.Endpoint != nil {
		ep, known = *cfg.Endpoint, true
	}
	if !known {
		return nil, fmt.Errorf("%w: unknown cloud", ErrConfig)
	}
	if cfg.APIVersion == "" {
		cfg.APIVersion = "beta"
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	err := ep.Validate()
	if cfg.APIVersion != "beta" && cfg.APIVersion != "v1.0" {
		err = errors.Join(err, fmt.Errorf("%w: APIVersion must be beta or v1.0", ErrConfig))
	}
	if !versionForm.MatchString(cfg.Version) {
		err = errors.Join(err, fmt.Errorf("%w: Version", ErrConfig))
	}
	if err != nil {
		return nil, err
	}
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = DefaultMaxResponse
	}
	if cfg.AttemptTimeout <= 0 {
		cfg.AttemptTimeout = time.Minute
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	var transport policy.Transporter = &boundedTransport{client: ownClient(cfg.HTTPClient), limit: cfg.MaxResponse, agent: "TenantAtlas/" + cfg.Version}
	tokens, err := newTokenSource(cfg, ep, transport, cfg.Clock)
	if err != nil {
		return nil, err
	}
	if readOnly {
		transport = &readOnlyTransport{next: transport, clock: cfg.Clock}
	}
	root, err := url.Parse(strings.TrimSuffix(ep.GraphURL, "/") + "/" + cfg.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: GraphURL is not a URL", ErrConfig)
	}
	return &core{
		root: root, tokens: tokens, retry: cfg.Retry.withDefaults(), clock: cfg.Clock, limiter: cfg.Limiter,
		observe: cfg.observe, timeout: cfg.AttemptTimeout, limit: cfg.MaxResponse,
		pipeline: runtime.NewPipeline("tenantatlas", cfg.Version, runtime.PipelineOptions{}, &policy.ClientOptions{
			Retry:     policy.RetryOptions{MaxRetries: -1}, // retry.go is the only layer that retries
			Telemetry: policy.TelemetryOptions{Disabled: true},
			Transport: transport,
		}),
	}, nil
}

func (cfg Config) observe(o Observation) {
	if cfg.Observer != nil {
		cfg.Observer(o)
	}
}

// CheckToken gets a token, from the cache or from Entra, so that a connection
// test can tell a credential fault from a fault of Graph.
func (c *core) CheckToken(ctx context.Context) error {
	r := retrier{c: c, lane: LaneEntra}
	budgetOf(ctx).request(1)
	for {
		r.attempts++
		_, e, wait, given, err := c.tokens.get(ctx, "")
		if err != nil || e == nil {
			return err
		}
		if err := r.again(ctx, e, wait, given); err != nil {
			return err
		}
	}
}

// Get reads one object. An answer that is not JSON counts as no answer. Besides
// ErrRequest and a context error, it returns *ThrottledError, *UnavailableError,
// *TooLargeError or *Error.
func (c *core) Get(ctx context.Context, req Request) (Response, error) {
	if req.Method != "" && req.Method != http.MethodGet {
		return Response{}, refusedWrite(req.Method, c.clock.Now())
	}
	if req.Doing == "" {
		req.Doing = reason.ReadObject
	}
	u, err := c.url(req)
	if err != nil {
		return Response{}, err
	}
	header, err := requestHeader(req.Header)
	if err != nil {
		return Response{}, err
	}
	return c.do(ctx, call{method: http.MethodGet, url: u, path: req.Path, header: header, doing: req.Doing})
}

var (
	pathForm   = regexp.MustCompile(`^[A-Za-z0-9$][A-Za-z0-9$_.~%()'=,;:@!*+&/-]*$`)
	pathEscape = regexp.MustCompile(`(?i)%(?:2f|5c|2e|00|[^0-9a-f]|[0-9a-f][^0-9a-f]|[0-9a-f]?$)`)
)

// relative returns the path and query of a request, relative to the version.
// It refuses what could leave the version or is not one path.
func relative(req Request) (string, error) {
	p := strings.TrimPrefix(req.Path, "/")
	if len(p) > 2048 || !pathForm.MatchString(p) || strings.Contains(p, "//") || pathEscape.MatchString(p) ||
		slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return "", fmt.Errorf("%w: path", ErrRequest)
	}
	if q := encodeQuery(req.Query); q != "" {
		p += "?" + q
	}
	return p, nil
}

// encodeQuery writes a query the way Graph documents it: "$" bare in names and
// %20 for a space, in the order of the names.
func encodeQuery(q url.Values) string {
	s := strings.ReplaceAll(q.Encode(), "+", "%20")
	parts := strings.Split(s, "&")
	for i, p := range parts {
		if rest, ok := strings.CutPrefix(p, "%24"); ok {
			parts[i] = "$" + rest
		}
	}
	return strings.Join(parts, "&")
}

func (c *core) url(req Request) (string, error) {
	rel, err := relative(req)
	if err != nil {
		return "", err
	}
	return c.root.String() + "/" + rel, nil
}

func requestHeader(h http.Header) (http.Header, error) {
	out := http.Header{}
	for k, v := range h {
		switch k = http.CanonicalHeaderKey(k); k {
		case "Consistencylevel", "Prefer", "If-None-Match":
			out[k] = slices.Clone(v)
		default:
			return nil, fmt.Errorf("%w: header", ErrRequest)
		}
	}
	return out, nil
}

// call is one request in the form in which it is sent.
type call struct {
	method string
	url    string
	path   string // for lane and metrics
	lane   Lane   // "" derives it from path
	header http.Header
	body   []byte
	doing  reason.Doing
	// parts are the requests of a batch; empty for a call that is one request.
	parts []*part
	// tried counts the attempts; it comes in above 0 when the parts of a batch
	// were sent before, so that the calls of a batch share one count.
	tried *int
}

// write reports whether a call is a write and nothing else. A batch is a POST
// whatever it holds.
func (cl call) write() bool {
	if len(cl.parts) == 0 {
		return isWrite(cl.method)
	}
	return !slices.ContainsFunc(cl.parts, func(p *part) bool { return !isWrite(p.method) })
}

func isWrite(method string) bool { return method != http.MethodGet }

// take asks the limiter for everything that a call holds.
func (c *core) take(ctx context.Context, cl call) error {
	if c.limiter == nil {
		return nil
	}
	shares := map[share]int{}
	var order []share
	add := func(s share) {
		if shares[s]++; shares[s] == 1 {
			order = append(order, s)
		}
	}
	if len(cl.parts) == 0 {
		add(share{cl.lane, cl.write()})
	}
	for _, p := range cl.parts {
		add(share{p.lane, isWrite(p.method)})
	}
	for _, s := range order {
		if err := c.limiter.Take(ctx, s.lane, s.write, shares[s]); err != nil {
			return err
		}
	}
	return nil
}

// do sends a call until it is answered or given up; see retrier.again.
func (c *core) do(ctx context.Context, cl call) (Response, error) {
	if cl.lane == "" {
		cl.lane = LaneOf(cl.path)
	}
	clientID := uuid.NewString()
	r := retrier{c: c}
	if cl.tried != nil {
		r.attempts = *cl.tried
		defer func() { *cl.tried = r.attempts }()
	}
	if r.attempts == 0 {
		budgetOf(ctx).request(max(1, len(cl.parts)))
	}
	stale := ""
	for {
		r.attempts++
		token, e, wait, given, err := c.tokens.get(ctx, stale)
		if err != nil {
			return Response{}, err
		}
		r.lane, r.write = LaneEntra, false
		if e == nil {
			r.lane, r.write = cl.lane, cl.write()
			if err := c.take(ctx, cl); err != nil {
				if ctx.Err() != nil {
					err = contextError(ctx, clientID, c.clock.Now())
				}
				return Response{}, err
			}
			var resp Response
			resp, e, wait, given, err = c.attempt(ctx, cl, token, clientID, r.attempts)
			if err != nil {
				return Response{}, err
			}
			if e == nil {
				return resp, nil
			}
			stale = ""
			if e.Action == reason.ActionNewToken {
				stale = token
			}
		}
		if err := r.again(ctx, e, wait, given); err != nil {
			return Response{}, err
		}
	}
}

// attempt sends a call once. err is final; e is for the retrier to judge.
func (c *core) attempt(ctx context.Context, cl call, token, clientID string, n int) (resp Response, e *Error, wait time.Duration, given bool, err error) {
	start := c.clock.Now()
	o := Observation{Method: cl.method, Path: templatePath(cl.path), Lane: cl.lane, ClientRequestID: clientID, Attempt: n}
	defer func() {
		o.Duration = c.clock.Now().Sub(start)
		var final *Error
		switch {
		case e != nil:
			o.Code = e.Failure.Code
		case errors.As(err, &final):
			o.Code = final.Failure.Code
		}
		c.observe(o)
	}()

	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, body, sendErr := c.send(limited, cl, token, clientID) //nolint:bodyclose // send reads and closes it
	now := c.clock.Now()
	if answer != nil {
		o.Status = answer.StatusCode
		o.RequestID = firstID(answer.Header.Get("request-id"))
	}
	var refused *WriteRefusedError
	switch {
	case errors.As(sendErr, &refused):
		return resp, nil, 0, false, refused
	case errors.Is(sendErr, errTooLarge) && !cl.write(): // a write whose answer is too long may have been done
		return resp, nil, 0, false, c.tooLarge(o, now)
	case ctx.Err() != nil:
		return resp, nil, 0, false, contextError(ctx, clientID, now)
	case sendErr != nil:
		// No answer, or one that broke off: the status, if any, says nothing.
		return resp, fault{requestID: o.RequestID}.toError(0, cl.doing, clientID, now), 0, false, nil
	}
	if s := answer.StatusCode; s < 200 || s > 299 {
		if s == http.StatusNotModified && cl.method == http.MethodGet {
			return Response{Status: s, RequestID: o.RequestID, ClientRequestID: clientID}, nil, 0, false, nil
		}
		f := parseError(answer.Header, body, now)
		return resp, f.toError(s, cl.doing, clientID, now), f.retryAfter, f.hasRetry, nil
	}
	resp = Response{Status: answer.StatusCode, ETag: answer.Header.Get("ETag"), RequestID: o.RequestID, ClientRequestID: clientID}
	if len(body) == 0 && answer.StatusCode == http.StatusNoContent {
		return resp, nil, 0, false, nil
	}
	if cl.write() && !json.Valid(body) {
		return resp, nil, 0, false, nil // it was done, whatever it says of it
	}
	if !json.Valid(body) {
		return resp, fault{requestID: o.RequestID}.toError(0, cl.doing, clientID, now), 0, false, nil
	}
	resp.Body = body
	return resp, nil, 0, false, nil
}

func (c *core) send(ctx context.Context, cl call, token, clientID string) (*http.Response, []byte, error) {
	req, err := runtime.NewRequest(ctx, cl.method, cl.url)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(req.Raw().Header, cl.header)
	req.Raw().Header.Set("Accept", "application/json")
	req.Raw().Header.Set("Authorization", "Bearer "+token)
	req.Raw().Header.Set("client-request-id", clientID)
	if cl.body != nil {
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(cl.body)), "application/json"); err != nil {
			return nil, nil, err
		}
	}
	runtime.SkipBodyDownload(req)
	answer, err := c.pipeline.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end or abandoned
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode > 299 {
		err = nil // the status alone is an answer
	}
	return answer, body, err
}

func (c *core) tooLarge(o Observation, now time.Time) error {
	e := newError(reason.TooLarge, reason.ActionNone, now)
	e.Failure.HTTPStatus, e.Failure.GraphRequestID, e.Failure.ClientRequestID = o.Status, o.RequestID, o.ClientRequestID
	e.Failure.Params = reason.Params{}.Int(reason.FieldSize, int(c.limit))
	return &TooLargeError{Err: e, Limit: c.limit}
}

var (
	wordSegment = regexp.MustCompile(`^\$?[A-Za-z][A-Za-z_.]{0,63}$`)
	callSegment = regexp.MustCompile(`^(\$?[A-Za-z][A-Za-z_.]{0,63})\(.*\)$`)
)

// templatePath replaces everything in a path that is not a word of the API.
func templatePath(path string) string {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i, s := range segments {
		if m := callSegment.FindStringSubmatch(s); m != nil {
			segments[i] = m[1] + "()"
		} else if !wordSegment.MatchString(s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}
