package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/reason"
)

// What Graph sends is what the caller gets: unknown properties, the order of
// keys, white space and numbers beyond 2^53 included.
func TestBodyIsExact(t *testing.T) {
	body := `{ "b":9007199254740993,"a" : 1.10, "x@odata.unknown":{"z":-0.0,"n":12345678901234567890.5} }`
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `W/"1"`)
		reply(w, 200, body)
	})
	got, err := m.reader(newClock(), nil).Get(t.Context(), Request{
		Path: Path("deviceManagement", "configurationPolicies", "a b"), Query: url.Values{"$expand": {"settings"}, "$filter": {"name eq 'x y'"}}})
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != body || got.RequestID != graphID || got.ETag != `W/"1"` || !clientForm.MatchString(got.ClientRequestID) {
		t.Errorf("%+v\n%s", got, got.Body)
	}
	if want := "GET /beta/deviceManagement/configurationPolicies/a%20b?$expand=settings&$filter=name%20eq%20%27x%20y%27"; m.seen()[0] != want {
		t.Errorf("sent %s", m.seen()[0])
	}
}

func TestTokenIsKept(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `{}`) })
	clock := newClock()
	r := m.reader(clock, nil)
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := r.Get(t.Context(), Request{Path: "organization"})
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := m.issued(); n != 1 {
		t.Errorf("%d tokens for 8 requests at once", n)
	}
	clock.pass(50 * time.Minute)
	_, _ = r.Get(t.Context(), Request{Path: "organization"})
	if n := m.issued(); n != 1 {
		t.Errorf("%d tokens within the hour", n)
	}
	clock.pass(6 * time.Minute)
	_, _ = r.Get(t.Context(), Request{Path: "organization"})
	if n := m.issued(); n != 2 {
		t.Errorf("%d tokens, want a new one before the first ends", n)
	}
}

// A run of an hour outlives its token; Graph says so with a 401.
func TestOneNewTokenAfter401(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			reply(w, 401, graphError("InvalidAuthenticationToken"))
			return
		}
		reply(w, 200, `{"ok":true}`)
	})
	clock := newClock()
	r := m.reader(clock, nil)
	if _, err := r.Get(t.Context(), Request{Path: "organization"}); err != nil {
		t.Fatal(err)
	}
	if m.issued() != 2 || len(m.seen()) != 2 {
		t.Errorf("%d tokens, %d requests", m.issued(), len(m.seen()))
	}

	m = newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 401, graphError("InvalidAuthenticationToken"))
	})
	_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"})
	noCanary(t, err)
	if f := FailureOf(err); f.Code != reason.CredentialInvalid || f.GraphCode != "InvalidAuthenticationToken" || f.GraphRequestID != graphID {
		t.Errorf("%+v", f)
	}
	if m.issued() != 2 || len(m.seen()) != 2 {
		t.Errorf("asked again and again: %d tokens, %d requests", m.issued(), len(m.seen()))
	}
}

func TestThrottling(t *testing.T) {
	clock := newClock()
	date := clock.Now().Add(3 * time.Second).Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		header string
		body   string
		slept  time.Duration // then it succeeds; 0 means it is handed back
		handed time.Duration
	}{
		"whole":          {header: "2", slept: 2 * time.Second},
		"fraction":       {header: "2.128", slept: 2128 * time.Millisecond},
		"date":           {header: date, slept: 3 * time.Second},
		"limit of short": {header: "5", slept: 5 * time.Second},
		"long":           {header: "315", handed: 315 * time.Second},
		"long fraction":  {header: "5.5", handed: 5500 * time.Millisecond},
		"absurd":         {header: "999999999", handed: 24 * time.Hour},
		"none":           {slept: 1500 * time.Millisecond}, // base + half of the first backoff
		"nonsense":       {header: "soon", slept: 1500 * time.Millisecond},
		"inside intune":  {body: `{"error":{"code":"TooManyRequests","message":"{\"Message\":\"CANARY\",\"RetryAfter\":4}"}}`, slept: 4 * time.Second},
		"deeper":         {body: `{"error":{"code":"UnknownError","message":"{\"Message\":\"{\\\"RetryAfter\\\":\\\"90\\\"}\"}"}}`, handed: 90 * time.Second},
		"null inside":    {body: `{"error":{"code":"TooManyRequests","message":"{\"RetryAfter\":null}"}}`, slept: 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
				if !first {
					reply(w, 200, `{}`)
					return
				}
				first = false
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				body := tt.body
				if body == "" {
					body = `{"code":"TooManyRequests","message":"` + canary + `","details":[],"innerError":{}}`
				}
				reply(w, 429, body)
			})
			clock := newClock()
			_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "deviceManagement/configurationPolicies"})
			if tt.handed == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if got := clock.waits(); !slices.Equal(got, []time.Duration{tt.slept}) {
					t.Errorf("waited %v, want %v", got, tt.slept)
				}
				return
			}
			noCanary(t, err)
			var throttled *ThrottledError
			if !errors.As(err, &throttled) || throttled.RetryAfter != tt.handed || throttled.Lane != LaneIntune || !throttled.Given {
				t.Fatalf("%#v", err)
			}
			if f := FailureOf(err); f.Code != reason.GraphThrottled || f.HTTPStatus != 429 || f.Params["lane"] != "intune" || f.Params["until"] == "" {
				t.Errorf("%+v", f)
			}
			if len(clock.waits()) != 0 || len(m.seen()) != 1 {
				t.Errorf("waited %v, sent %d", clock.waits(), len(m.seen()))
			}
		})
	}
}

// A limit that does not end is handed back, never waited for ever.
func TestThrottlingEnds(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		reply(w, 429, graphError("TooManyRequests"))
	})
	clock := newClock()
	_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "identity/conditionalAccess/policies"})
	var throttled *ThrottledError
	if !errors.As(err, &throttled) || throttled.Lane != LaneConditionalAccess || len(m.seen()) != 4 || len(clock.waits()) != 3 {
		t.Errorf("%v after %d requests and waits %v", err, len(m.seen()), clock.waits())
	}
}

func TestServerErrorsOnReads(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"500":       func(w http.ResponseWriter) { reply(w, 500, graphError("InternalError")) },
		"502 html":  func(w http.ResponseWriter) { reply(w, 502, "<html>"+canary) },
		"503":       func(w http.ResponseWriter) { reply(w, 503, graphError("CancelledOnServiceTimeout")) },
		"504 empty": func(w http.ResponseWriter) { reply(w, 504, `{"error":{"code":"UnknownError","message":""}}`) },
		"cut answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"a":`)
		},
		"not json":   func(w http.ResponseWriter) { reply(w, 200, "<html>"+canary) },
		"no content": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"broken connection": func(http.ResponseWriter) {
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			failures := 2
			m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
				if failures--; failures >= 0 {
					answer(w)
					return
				}
				reply(w, 200, `{}`)
			})
			// On a connection in use, net/http itself repeats a GET once.
			m.server.Client().Transport.(*http.Transport).DisableKeepAlives = true
			clock := newClock()
			if _, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"}); err != nil {
				t.Fatal(err)
			}
			// Full jitter (here: half) over 1 s and 2 s.
			if got := clock.waits(); !slices.Equal(got, []time.Duration{500 * time.Millisecond, time.Second}) {
				t.Errorf("waited %v", got)
			}

			failures = 1000
			_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"})
			noCanary(t, err)
			var gone *UnavailableError
			if !errors.As(err, &gone) || gone.Attempts != 4 || FailureOf(err).Code != reason.GraphUnavailable {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestLongPauseOf503IsHandedBack(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		reply(w, 503, graphError("ServiceUnavailable"))
	})
	clock := newClock()
	_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"})
	var gone *UnavailableError
	if !errors.As(err, &gone) || gone.RetryAfter != 2*time.Minute || len(clock.waits()) != 0 {
		t.Errorf("%v, waited %v", err, clock.waits())
	}
}

// memory is a network that answers from memory, for tests in which time is not
// real: a bubble must not hold real connections.
type memory func(*http.Request) (*http.Response, error)

func (f memory) RoundTrip(r *http.Request) (*http.Response, error) {
	base := "https://graph.test/" + testTenant
	switch {
	case strings.HasSuffix(r.URL.Path, "openid-configuration"):
		return answer(200, `{"token_endpoint":"`+base+`/oauth2/v2.0/token","authorization_endpoint":"`+base+`/a","issuer":"`+base+`/v2.0"}`), nil
	case strings.HasSuffix(r.URL.Path, "/token"):
		return answer(200, `{"token_type":"Bearer","expires_in":3599,"access_token":"token-1"}`), nil
	}
	return f(r)
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func memoryReader(t *testing.T, f memory) *Reader {
	t.Helper()
	r, err := NewReader(Config{Endpoint: &Endpoint{"https://graph.test", "https://graph.test"}, TenantID: testTenant, ClientID: testClient,
		Credential: Credential{Secret: testSecret}, HTTPClient: &http.Client{Transport: f}, AttemptTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The caller's deadline wins over a pause: waiting beyond it would end in a
// time-out that says less.
func TestDeadlineAndTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := memoryReader(t, func(*http.Request) (*http.Response, error) {
			resp := answer(429, `{}`)
			resp.Header.Set("Retry-After", "4")
			return resp, nil
		})
		start := time.Now()
		_, err := r.Get(ctx, Request{Path: "organization"})
		var throttled *ThrottledError
		if !errors.As(err, &throttled) || throttled.RetryAfter != 4*time.Second || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) { // an attempt that hangs is given up and repeated
		n := 0
		r := memoryReader(t, func(req *http.Request) (*http.Response, error) {
			if n++; n == 1 {
				<-req.Context().Done()
				return nil, fmt.Errorf("%s: %w", canary, req.Context().Err())
			}
			return answer(200, `{}`), nil
		})
		start := time.Now()
		if _, err := r.Get(t.Context(), Request{Path: "organization"}); err != nil || time.Since(start) < 30*time.Second || time.Since(start) > 31*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) { // the caller gives up
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := memoryReader(t, func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		_, err := r.Get(ctx, Request{Path: "organization"})
		var e *Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
		noCanary(t, err)
	})
	synctest.Test(t, func(t *testing.T) { // the caller gives up during a pause
		ctx, cancel := context.WithCancel(t.Context())
		r := memoryReader(t, func(*http.Request) (*http.Response, error) {
			resp := answer(429, `{}`)
			resp.Header.Set("Retry-After", "4")
			time.AfterFunc(time.Second, cancel)
			return resp, nil
		})
		start := time.Now()
		if _, err := r.Get(ctx, Request{Path: "organization"}); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestTooLarge(t *testing.T) {
	for name, chunked := range map[string]bool{"announced": false, "not announced": true} {
		t.Run(name, func(t *testing.T) {
			size := 1000
			m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, `"`+strings.Repeat("x", size-2)+`"`)
			})
			r := m.reader(newClock(), func(c *Config) { c.MaxResponse = 1000 })
			if _, err := r.Get(t.Context(), Request{Path: "organization"}); err != nil {
				t.Fatal(err)
			}
			size++
			_, err := r.Get(t.Context(), Request{Path: "organization"})
			var large *TooLargeError
			if !errors.As(err, &large) || large.Limit != 1000 || FailureOf(err).Code != reason.TooLarge || len(m.seen()) != 2 {
				t.Errorf("%v after %d requests", err, len(m.seen()))
			}
		})
	}
}

func TestMapping(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   any
		doing  reason.Doing
		want   reason.Code
		shown  string
	}{
		"gone":      {404, graphError("ResourceNotFound"), "", reason.NotFoundInTenant, "ResourceNotFound"},
		"group":     {404, graphError("Request_ResourceNotFound"), reason.ReadGroup, reason.UnresolvedGroup, "Request_ResourceNotFound"},
		"forbidden": {403, `{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Forbidden\",\"Message\":\"{\\\"Message\\\":\\\"CANARY Application is not authorized\\\"}\"}"}}`, "", reason.ConsentMissing, "Forbidden"},
		"401 wraps": {401, `{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Forbidden\",\"Message\":\"{}\"}"}}`, "", reason.ConsentMissing, "Forbidden"},
		"no route":  {400, `{"error":{"code":"No method match route template","message":"No OData route exists"}}`, "", reason.Internal, ""},
		"inner":     {400, `{"error":{"code":"BadRequest","message":"x","INNERERROR":{"message":"Request not applicable to target tenant","request-id":"` + graphID + `"}}}`, "", reason.LicenseMissing, "BadRequest"},
		"redirect":  {302, "", "", reason.Internal, ""},
		"secret":    {403, graphError("Forbidden"), reason.ReadSecret, reason.UnreadablePart, "Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example/"+canary)
				w.Header().Set("X-Canary", canary)
				reply(w, tt.status, tt.body)
			})
			_, err := m.reader(newClock(), nil).Get(t.Context(), Request{Path: "groups/x", Doing: tt.doing, Query: url.Values{"$filter": {"CANARY"}}})
			noCanary(t, err)
			if f := FailureOf(err); f.Code != tt.want || f.GraphCode != tt.shown || f.GraphRequestID != graphID || f.ClientRequestID == "" {
				t.Errorf("%+v", f)
			}
			if len(m.seen()) != 1 {
				t.Errorf("sent %d times", len(m.seen()))
			}
		})
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	m := newMicrosoft(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	r := m.reader(newClock(), nil)
	for _, p := range []string{"", "/", "//evil.example/x", "https://evil.example/x", "a/../../x", "./a", "a?b=c", "a#b", "a b", "a/%2e%2e/b", "a%2fb", "a\\b", "a%zz", "a%", "a\r\nHost: x", strings.Repeat("a", 3000)} {
		if _, err := r.Get(t.Context(), Request{Path: p}); !errors.Is(err, ErrRequest) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := r.Get(t.Context(), Request{Path: "a", Header: http.Header{"X-Http-Method-Override": {"DELETE"}}}); !errors.Is(err, ErrRequest) {
		t.Errorf("header: %v", err)
	}
	for _, method := range []string{"POST", "DELETE", "PATCH", "get", "HEAD"} {
		var refused *WriteRefusedError
		if _, err := r.Get(t.Context(), Request{Method: method, Path: "a"}); !errors.As(err, &refused) || FailureOf(err).Code != reason.WriteBlockedInPreview {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{Cloud: Global, TenantID: testTenant, ClientID: testClient, Credential: Credential{Secret: testSecret}}
	for name, tt := range map[string]struct {
		change func(*Config)
		config bool
		code   reason.Code
	}{
		"unknown cloud":   {change: func(c *Config) { c.Cloud = "mars" }, config: true},
		"http graph":      {change: func(c *Config) { c.Endpoint = &Endpoint{"http://graph.test", "https://login.test"} }, config: true},
		"http authority":  {change: func(c *Config) { c.Endpoint = &Endpoint{"https://graph.test", "http://login.test"} }, config: true},
		"user in url":     {change: func(c *Config) { c.Endpoint = &Endpoint{"https://a:b@graph.test", "https://login.test"} }, config: true},
		"version":         {change: func(c *Config) { c.APIVersion = "../x" }, config: true},
		"tenant empty":    {change: func(c *Config) { c.TenantID = "" }, code: reason.TenantNotFound},
		"tenant path":     {change: func(c *Config) { c.TenantID = "a/b" }, code: reason.TenantNotFound},
		"any tenant":      {change: func(c *Config) { c.TenantID = "Common" }, code: reason.TenantNotFound},
		"client":          {change: func(c *Config) { c.ClientID = "CANARY" }, code: reason.AppNotFound},
		"no credential":   {change: func(c *Config) { c.Credential = Credential{} }, code: reason.CredentialInvalid},
		"two credentials": {change: func(c *Config) { c.Credential.CertificatePEM = []byte("x") }, code: reason.CredentialInvalid},
		"not PEM":         {change: func(c *Config) { c.Credential = Credential{CertificatePEM: []byte("CANARY")} }, code: reason.CredentialInvalid},
		"broken PEM": {change: func(c *Config) {
			c.Credential = Credential{CertificatePEM: []byte("-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n")}
		}, code: reason.CredentialInvalid},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := NewReader(cfg)
		if tt.config && !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.code != "" && FailureOf(err).Code != tt.code {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range Clouds() {
		cfg := good
		cfg.Cloud = c
		if r, err := NewReader(cfg); err != nil || !strings.HasPrefix(r.root.String(), "https://") {
			t.Errorf("%s: %v", c, err)
		}
	}
	for c, want := range map[Cloud]string{Global: "https://graph.microsoft.com/.default", USGov: "https://graph.microsoft.us/.default",
		USGovDoD: "https://dod-graph.microsoft.us/.default", China: "https://microsoftgraph.chinacloudapi.cn/.default"} {
		if e, _ := c.Endpoint(); e.scope() != want {
			t.Errorf("%s: %s", c, e.scope())
		}
	}
}

func TestCredentialDoesNotShow(t *testing.T) {
	c := Credential{Secret: testSecret}
	b, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s", c, c, c), fmt.Sprintf("%+v", Config{Credential: c}), c.LogValue().String(), string(b)} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("shows in %s", s)
		}
	}
}

func TestObserverSeesNoIDs(t *testing.T) {
	n := 0
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			reply(w, 500, graphError("InternalError"))
			return
		}
		reply(w, 200, `{}`)
	})
	var seen []Observation
	r := m.reader(newClock(), func(c *Config) { c.Observer = func(o Observation) { seen = append(seen, o) } })
	if _, err := r.Get(t.Context(), Request{Path: "deviceManagement/deviceConfigurations/" + graphID + "/getOmaSettingPlainTextValue(secretReferenceValueId='CANARY')", Query: url.Values{"$select": {"CANARY"}}}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 3 || seen[0].Lane != LaneEntra || seen[1].Status != 500 || seen[1].Code != reason.GraphUnavailable || seen[2].Attempt != 2 || seen[2].RequestID != graphID || seen[2].Code != "" {
		t.Errorf("%+v", seen)
	}
	if want := "deviceManagement/deviceConfigurations/{id}/getOmaSettingPlainTextValue()"; seen[2].Path != want {
		t.Errorf("%s", seen[2].Path)
	}
}

func FuzzParseError(f *testing.F) {
	for _, s := range []string{
		`{"error":{"code":"BadRequest","message":"m","innerError":{"date":"d","request-id":"` + graphID + `"}}}`,
		`{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Forbidden\",\"Message\":\"{\\\"Message\\\":\\\"x\\\",\\\"RetryAfter\\\":3}\"}"}}`,
		`{"code":"TooManyRequests","message":"x","details":[],"innerError":null}`,
		`{"error":"invalid_client"}`, `{"error":{"innererror":{"innererror":{"innererror":{"innererror":{"innererror":{"code":"a"}}}}}}}`,
		`[]`, ``, `{`, `{"error":{"code":5,"message":{"a":1},"RetryAfter":"1e9"}}`,
	} {
		f.Add([]byte(s), "2.128", 429)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, retryAfter string, status int) {
		h := http.Header{"Retry-After": {retryAfter}, "Request-Id": {retryAfter}}
		p := parseError(h, body, now)
		if p.retryAfter < 0 || p.retryAfter > maxRetryAfter || len(p.codes) > maxErrorCodes || len(p.message) > maxErrorText+maxErrorDepth*2 {
			t.Fatalf("bounds: %v %d %d", p.retryAfter, len(p.codes), len(p.message))
		}
		if again := parseError(h, bytes.Clone(body), now); fmt.Sprint(again) != fmt.Sprint(p) {
			t.Fatalf("read twice, understood twice: %v %v", p, again)
		}
		e := p.toError(status, reason.ReadObject, graphID, now)
		if !e.Failure.Code.Valid() || (e.Failure.GraphCode != "" && !reason.Code(e.Failure.GraphCode).Valid()) {
			t.Fatalf("%+v", e.Failure)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"0", "2.128", "Wed, 04 Mar 2026 10:00:03 GMT", "-1", "NaN", "1e9", "30 seconds", "00:00:10"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := parseRetryAfter(s, now); d < 0 || d > maxRetryAfter || (!ok && d != 0) {
			t.Fatalf("%q: %v %v", s, d, ok)
		}
	})
}
