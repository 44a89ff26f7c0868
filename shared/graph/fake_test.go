package graph

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testTenant = "11111111-1111-4111-8111-111111111111"
	testClient = "22222222-2222-4222-8222-222222222222"
	testSecret = "CANARY-secret~hunter2"
	// canary stands in bodies and headers of Microsoft; it may reach no error.
	canary = "CANARY text from outside"
	// a request-id as Graph sends it
	graphID = "33333333-3333-4333-8333-333333333333"
)

// microsoft is a small Entra and Graph on one TLS server. It fails the test on
// every request that the test does not expect.
type microsoft struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	tokens   int                                               // issued or refused so far
	entra    func(w http.ResponseWriter, r *http.Request) bool // true when it answered
	graph    http.HandlerFunc
	requests []string // method and URI of what reached Graph
}

func newMicrosoft(t *testing.T, graph http.HandlerFunc) *microsoft {
	m := &microsoft{t: t, graph: graph}
	m.server = httptest.NewUnstartedServer(m)
	m.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // connections broken on purpose
	m.server.StartTLS()
	t.Cleanup(m.server.Close)
	return m
}

func (m *microsoft) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/"+testTenant+"/v2.0/.well-known/openid-configuration":
		base := m.server.URL + "/" + testTenant
		reply(w, 200, map[string]string{"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0"})
	case r.URL.Path == "/"+testTenant+"/oauth2/v2.0/token":
		m.mu.Lock()
		m.tokens++
		n, entra := m.tokens, m.entra
		m.mu.Unlock()
		if err := r.ParseForm(); err != nil {
			m.t.Error(err)
		}
		if want := m.server.URL + "/.default"; !strings.Contains(r.Form.Get("scope"), want) || r.Form.Get("client_id") != testClient {
			m.t.Errorf("token request for %q by %q", r.Form.Get("scope"), r.Form.Get("client_id"))
		}
		if entra != nil && entra(w, r) {
			return
		}
		reply(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": fmt.Sprintf("token-%d", n)})
	case strings.HasPrefix(r.URL.Path, "/beta/"):
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token-") {
			m.t.Errorf("no token on %s", r.URL.Path)
		}
		if got := r.Header.Get("User-Agent"); got != "TenantAtlas/1.2.3" {
			m.t.Errorf("User-Agent %q", got)
		}
		if !clientForm.MatchString(r.Header.Get("client-request-id")) {
			m.t.Errorf("client-request-id %q", r.Header.Get("client-request-id"))
		}
		m.mu.Lock()
		m.requests = append(m.requests, r.Method+" "+r.RequestURI)
		m.mu.Unlock()
		w.Header().Set("request-id", graphID)
		m.graph(w, r)
	default:
		m.t.Errorf("unexpected request %s %s", r.Method, r.URL.Path)
		w.WriteHeader(599)
	}
}

func (m *microsoft) seen() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.requests...)
}

func (m *microsoft) issued() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tokens
}

func (m *microsoft) config(clock Clock) Config {
	return Config{
		Endpoint: &Endpoint{GraphURL: m.server.URL, AuthorityURL: m.server.URL},
		TenantID: testTenant, ClientID: testClient, Credential: Credential{Secret: testSecret},
		Version: "1.2.3", Clock: clock, HTTPClient: m.server.Client(),
		Retry: Retry{Jitter: func(n time.Duration) time.Duration { return n / 2 }},
	}
}

func (m *microsoft) reader(clock Clock, change func(*Config)) *Reader {
	m.t.Helper()
	cfg := m.config(clock)
	if change != nil {
		change(&cfg)
	}
	r, err := NewReader(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	switch b := body.(type) {
	case string:
		_, _ = io.WriteString(w, b)
	default:
		_ = json.NewEncoder(w).Encode(b)
	}
}

func graphError(code string) map[string]any {
	return map[string]any{"error": map[string]any{"code": code, "message": canary, "innerError": map[string]any{"request-id": graphID, "date": "2026-01-01"}}}
}

// fakeClock does not wait; it notes how long it should have.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *fakeClock) waits() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

// noCanary fails when an error text, or what would be stored of it, holds a
// secret, a token or text from outside.
func noCanary(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	stored, marshalErr := json.Marshal(FailureOf(err))
	if marshalErr != nil {
		t.Fatal(marshalErr)
	}
	for _, s := range []string{err.Error(), fmt.Sprintf("%v %+v %#v", err, err, err), string(stored)} {
		for _, bad := range []string{"CANARY", "hunter2", "token-", "Bearer", "https://", "$skiptoken"} {
			if strings.Contains(s, bad) {
				t.Errorf("%q shows in %s", bad, s)
			}
		}
	}
}

func certificatePEM(t *testing.T, notAfter time.Time) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TenantAtlas"}, NotBefore: notAfter.AddDate(-2, 0, 0), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
}
