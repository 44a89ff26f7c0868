package graphsim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tenantatlas/tests/graphsim/schema"
)

// Latency delays every answer by FixedMs and up to JitterMs more, drawn with Seed.
type Latency struct {
	FixedMs  int    `json:"fixedMs"`
	JitterMs int    `json:"jitterMs,omitempty"`
	Seed     uint64 `json:"seed,omitempty"`
}

func (l Latency) validate() error {
	if l.FixedMs < 0 || l.JitterMs < 0 || l.FixedMs+l.JitterMs > 600_000 {
		return errors.New("a latency must be between 0 and 600,000 ms")
	}
	return nil
}

// Options configure a simulator. The zero value is good for tests: loopback,
// free port, no admin interface, the published quotas, the real clock.
type Options struct {
	Listen      string   // address of the simulated services; "" means 127.0.0.1:0
	AdminListen string   // address of the admin interface (plain HTTP); "" means none
	Dir         string   // keeps certificate authority and token key; "" means a new folder, removed by Close
	Hosts       []string // further names and addresses in the server certificate
	FolderRoot  string   // the admin interface loads folders below it; "" forbids that
	Logger      *slog.Logger

	Now   func() time.Time                           // base clock; nil means time.Now
	Sleep func(context.Context, time.Duration) error // how latency and faults wait; nil means real time

	TokenLifetime time.Duration // of new tokens, at least 1 s; 0 means 3599 s
	Quotas        []Quota       // nil means DefaultQuotas; empty means none
	Latency       Latency
	LogSize       int    // requests kept in the log; 0 means 20,000
	Seed          uint64 // of the order of $batch answers
}

// Sim is a running simulator. Its methods may be called from any goroutine.
type Sim struct {
	// URL is the base address of both services: the authority is URL, Graph is URL + "/beta".
	URL string
	// AdminURL is the base address of the admin interface, "" without one.
	AdminURL string
	// CAFile is the PEM file of the authority that signed the server certificate.
	CAFile string
	// CertPool trusts that authority.
	CertPool *x509.CertPool

	options  Options
	logger   *slog.Logger
	clock    *clock
	catalog  *catalog
	tokenKey []byte
	limiter  *limiter
	faults   *faultSet
	journal  *journal
	// additions numbers the objects that were added without an id.
	additions atomic.Uint64

	mu       sync.RWMutex
	tenants  map[string]*tenant // by id
	names    map[string]*tenant // by id and domain, in lower case
	latency  Latency
	jitter   *rand.Rand
	lifetime time.Duration
	shuffle  *rand.Rand
	content  *content // see microsoft

	cancel  context.CancelFunc
	servers []*http.Server
	serving sync.WaitGroup
	tempDir string
}

// Start makes a simulator and begins to answer. The caller ends it with Close.
func Start(o Options) (*Sim, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.LogSize <= 0 {
		o.LogSize = 20_000
	}
	if o.Quotas == nil {
		o.Quotas = DefaultQuotas()
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = 3599 * time.Second
	}
	errs := []error{o.Latency.validate()}
	if o.TokenLifetime < time.Second {
		errs = append(errs, errors.New("the token lifetime must be at least a second"))
	}
	for _, q := range o.Quotas {
		errs = append(errs, q.validate())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if _, err := schema.Load(); err != nil {
		return nil, err
	}
	cat, err := newCatalog()
	if err != nil {
		return nil, err
	}
	s := &Sim{
		options: o, logger: o.Logger, clock: newClock(o.Now, o.Sleep), catalog: cat,
		limiter: newLimiter(o.Quotas), faults: &faultSet{}, journal: newJournal(o.LogSize),
		tenants: map[string]*tenant{}, names: map[string]*tenant{},
		lifetime: o.TokenLifetime, shuffle: rand.New(rand.NewPCG(o.Seed, 1)),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.setLatency(o.Latency)
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// TB is the part of testing.TB that StartTest needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// StartTest starts a simulator for the length of a test and fails the test when
// it cannot.
func StartTest(t TB, o Options) *Sim {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatalf("start the Graph simulator: %v", err)
		return nil
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the Graph simulator: %v", err)
		}
	})
	return s
}

func (s *Sim) listen() error {
	dir := s.options.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "graphsim-"); err != nil {
			return err
		}
		s.tempDir = dir
	}
	// Certificates are checked by clients against the real clock, whatever the
	// simulated one says.
	now := time.Now()
	ca, err := loadAuthority(s.options.Dir, now)
	if err != nil {
		return err
	}
	if s.tokenKey, err = loadTokenKey(s.options.Dir); err != nil {
		return err
	}
	s.CAFile = filepath.Join(dir, caFileName)
	if s.tempDir != "" {
		if err := os.WriteFile(s.CAFile, ca.pem, 0o644); err != nil {
			return err
		}
	}
	s.CertPool = x509.NewCertPool()
	s.CertPool.AddCert(ca.cert)

	listener, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1", "host.docker.internal"}, s.options.Hosts...)
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		hosts = append(hosts, host)
	}
	cert, err := ca.issue(hosts, now)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.URL = "https://localhost:" + port
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	server := &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	s.serve(server, func() error { return server.ServeTLS(listener, "", "") })

	if s.options.AdminListen == "" {
		return nil
	}
	adminListener, err := net.Listen("tcp", s.options.AdminListen)
	if err != nil {
		return err
	}
	s.AdminURL = "http://" + adminListener.Addr().String()
	admin := &http.Server{
		Handler:           s.adminHandler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	s.serve(admin, func() error { return admin.Serve(adminListener) })
	return nil
}

func (s *Sim) serve(server *http.Server, run func() error) {
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("the Graph simulator stopped listening", slog.Any("error", err))
		}
	})
}

// Close stops listening, ends requests that hang and removes what Start made
// outside of Options.Dir.
func (s *Sim) Close() error {
	var errs []error
	if s.cancel != nil {
		s.cancel()
	}
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.serving.Wait()
	if s.tempDir != "" {
		errs = append(errs, os.RemoveAll(s.tempDir))
	}
	return errors.Join(errs...)
}

// Client returns an HTTP client that trusts the simulator.
func (s *Sim) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CertPool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
}

// Advance moves the simulated clock forward: tokens expire, quota windows pass.
func (s *Sim) Advance(d time.Duration) { s.clock.advance(d) }

// Now returns the simulated time.
func (s *Sim) Now() time.Time { return s.clock.now() }

// AddTenant loads a tenant, in the place of one with the same id. The report
// says what became of each file; an error means that nothing was loaded.
func (s *Sim) AddTenant(spec TenantSpec) (LoadReport, error) {
	t, report, err := s.loadTenant(spec)
	if err != nil {
		return report, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := append([]string{t.id}, t.domains...)
	for _, name := range names {
		if other := s.names[strings.ToLower(name)]; other != nil && other.id != t.id {
			return report, fmt.Errorf("the name %s belongs to the tenant %s", name, other.id)
		}
	}
	s.dropNames(t.id)
	s.tenants[t.id] = t
	for _, name := range names {
		s.names[strings.ToLower(name)] = t
	}
	return report, nil
}

// RemoveTenant forgets a tenant; its tokens stop working. It reports whether there was one.
func (s *Sim) RemoveTenant(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = strings.ToLower(id)
	_, ok := s.tenants[id]
	delete(s.tenants, id)
	s.dropNames(id)
	return ok
}

func (s *Sim) dropNames(id string) {
	for name, t := range s.names {
		if t.id == id {
			delete(s.names, name)
		}
	}
}

// tenant finds a tenant by id or domain; nil when there is none.
func (s *Sim) tenant(name string) *tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names[strings.ToLower(name)]
}

// microsoft is what all tenants have of Microsoft's.
func (s *Sim) microsoft() *content {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.content == nil {
		s.content = newContent()
	}
	return s.content
}

func (s *Sim) needTenant(id string) (*tenant, error) {
	t := s.tenant(id)
	if t == nil {
		return nil, fmt.Errorf("there is no tenant %s: %w", id, fs.ErrNotExist)
	}
	return t, nil
}

// SetApp registers an app in a tenant, in the place of one with the same id.
func (s *Sim) SetApp(tenantID string, app App) error {
	t, err := s.needTenant(tenantID)
	if err != nil {
		return err
	}
	return t.setApp(app)
}

// RemoveApp takes an app out of a tenant: new tokens are refused with
// AADSTS700016, tokens already issued live on, as in the real service.
func (s *Sim) RemoveApp(tenantID, clientID string) error {
	t, err := s.needTenant(tenantID)
	if err != nil {
		return err
	}
	if !t.removeApp(clientID) {
		return fmt.Errorf("there is no app %s in the tenant %s: %w", clientID, tenantID, fs.ErrNotExist)
	}
	return nil
}

// AddFault adds a fault rule and returns its id.
func (s *Sim) AddFault(f Fault) (string, error) { return s.faults.add(f) }

// RemoveFault removes a fault rule and reports whether there was one.
func (s *Sim) RemoveFault(id string) bool { return s.faults.remove(id) }

// ClearFaults removes all fault rules.
func (s *Sim) ClearFaults() { s.faults.clear() }

// Faults lists the fault rules with how often they matched and acted.
func (s *Sim) Faults() []FaultState { return s.faults.list() }

// SetQuotas replaces all quotas and starts their windows anew.
func (s *Sim) SetQuotas(quotas []Quota) error {
	var errs []error
	for _, q := range quotas {
		errs = append(errs, q.validate())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.limiter.set(slices.Clone(quotas))
	return nil
}

// SetLatency sets the delay of every answer.
func (s *Sim) SetLatency(l Latency) error {
	if err := l.validate(); err != nil {
		return err
	}
	s.setLatency(l)
	return nil
}

func (s *Sim) setLatency(l Latency) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = l
	s.jitter = rand.New(rand.NewPCG(l.Seed, 2))
}

// SetTokenLifetime sets the lifetime of tokens issued from now on.
func (s *Sim) SetTokenLifetime(d time.Duration) error {
	if d < time.Second {
		return errors.New("the token lifetime must be at least a second")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime = d
	return nil
}

func (s *Sim) tokenLifetime() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lifetime
}

// Log returns the logged requests that f chooses.
func (s *Sim) Log(f LogFilter) LogPage { return s.journal.page(f) }

// Counters returns the counters of everything.
func (s *Sim) Counters() Counters {
	total, _ := s.journal.counters()
	return total
}

// TenantCounters returns the counters of one tenant.
func (s *Sim) TenantCounters(id string) Counters {
	_, tenants := s.journal.counters()
	return tenants[strings.ToLower(id)]
}

// ResetLog empties the log. Sequence numbers go on.
func (s *Sim) ResetLog() { s.journal.resetLog() }

// ResetCounters sets all counters to zero.
func (s *Sim) ResetCounters() { s.journal.resetCounters() }

// exchange is one request on its way through the simulator. It lives as long as
// the request, and so may hold its context.
type exchange struct {
	sim *Sim
	ctx context.Context
	now time.Time

	requestID       string
	clientRequestID string
	kind            string
	method          string
	host            string
	path            string // escaped, as sent
	rawQuery        string
	header          http.Header
	body            []byte

	tenantName string // as the token path names it
	tenantID   string // for log, faults and quotas
	app        string
	claims     *claims
	authErr    *problem
	batchID    string
	loop       bool // a fault wants a nextLink to the same page
}

// Largest bodies that are read.
const (
	maxTokenBody = 64 << 10
	maxGraphBody = 8 << 20
)

// logSafe bounds a text from outside and takes out what could forge a line.
func logSafe(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "")
	}
	return s
}

// newExchange classifies a request. The body is not read yet.
func (s *Sim) newExchange(r *http.Request) *exchange {
	x := &exchange{
		sim: s, ctx: r.Context(), now: s.clock.now(), requestID: uuid.NewString(),
		method: r.Method, host: r.Host, path: r.URL.EscapedPath(), rawQuery: r.URL.RawQuery, header: r.Header,
	}
	x.clientRequestID = logSafe(r.Header.Get("client-request-id"))
	if x.clientRequestID == "" {
		x.clientRequestID = x.requestID
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(x.path, "/"), "/")
	switch {
	case rest == "oauth2/v2.0/token", rest == "v2.0/.well-known/openid-configuration", x.path == "/common/discovery/instance":
		x.kind = KindDiscovery
		if rest == "oauth2/v2.0/token" {
			x.kind = KindToken
		}
		x.tenantName = first
		x.tenantID = logSafe(first)
		if t := s.tenant(first); t != nil {
			x.tenantID = t.id
		}
	case first == "beta" || first == "v1.0":
		x.authorize()
		x.kind = kindOf(x.method, x.path)
		if rest == "$batch" {
			x.kind = KindBatch
		}
	default:
		x.authorize()
		x.kind = KindOther
	}
	return x
}

func (x *exchange) authorize() {
	x.claims, x.authErr = x.sim.openToken(x.header.Get("Authorization"), x.now)
	if x.claims != nil {
		x.tenantID, x.app = x.claims.Tenant, x.claims.App
	}
}

func kindOf(method, path string) string {
	if isRead(method, path) || method == http.MethodHead || method == http.MethodOptions {
		return KindRead
	}
	return KindWrite
}

// serveHTTP answers a request on the simulated services' port.
func (s *Sim) serveHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.newExchange(r)
	if x.kind != KindToken && x.kind != KindDiscovery {
		defer s.journal.begin(x.tenantID)()
	}
	limit := int64(maxGraphBody)
	if x.kind == KindToken {
		limit = maxTokenBody
	}
	var resp response
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if x.body = body; err != nil {
		resp = x.fail(&problem{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "The body could not be read or is too large."})
		s.record(x, resp)
	} else if d := s.nextLatency(); d > 0 && s.clock.sleep(x.ctx, d) != nil {
		resp = response{abort: true}
		s.record(x, resp)
	} else {
		resp = s.answer(x)
	}
	s.write(w, x, resp)
}

func (s *Sim) nextLatency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := s.latency.FixedMs
	if s.latency.JitterMs > 0 {
		ms += s.jitter.IntN(s.latency.JitterMs + 1)
	}
	return time.Duration(ms) * time.Millisecond
}

// answer carries out one request, alone or out of a $batch, and logs it.
func (s *Sim) answer(x *exchange) response {
	effect := func() response {
		switch x.kind {
		case KindToken:
			if x.method != http.MethodPost {
				return x.fail(entra(http.StatusBadRequest, "invalid_request", 900561, "The endpoint only accepts POST requests. Received a %s request.", x.method))
			}
			return s.serveToken(x)
		case KindDiscovery:
			if x.method != http.MethodGet {
				return x.fail(notModelled("%s of discovery", x.method))
			}
			return s.serveDiscovery(x)
		}
		return s.serveGraph(x)
	}
	var r response
	if f := s.faults.pick(x); f != nil {
		r = f.apply(x.ctx, x, effect)
	} else {
		r = effect()
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	s.record(x, r)
	return r
}

// record logs an answered request.
func (s *Sim) record(x *exchange, r response) {
	e := LogEntry{
		Time: x.now, Kind: x.kind, Tenant: x.tenantID, App: x.app, Method: x.method,
		Path: x.path, Query: x.rawQuery, Status: r.status, Code: r.code, Service: r.service,
		RequestID: x.requestID, ClientRequestID: x.clientRequestID, BatchID: x.batchID,
		Throttled: r.throttled, NotModelled: r.notModelled, Command: r.command, Fault: r.fault, Bytes: len(r.body),
	}
	if x.kind == KindToken || x.kind == KindDiscovery {
		// A mistaken client could put its secret into the query.
		e.Query = ""
	}
	if r.abort {
		e.Status = 0
	}
	s.journal.add(e)
	if r.notModelled {
		s.logger.Error("refused what the simulator does not model",
			slog.String("method", x.method), slog.String("path", x.path), slog.String("query", e.Query), slog.String("tenant", x.tenantID))
	}
}

// write sends an answer. To cut a connection it panics with
// http.ErrAbortHandler, the way of net/http to do so.
func (s *Sim) write(w http.ResponseWriter, x *exchange, r response) {
	if r.abort {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	x.serviceHeaders(h)
	for k, v := range r.header {
		h[k] = v
	}
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	if r.truncate > 0 && r.truncate < len(r.body) {
		if _, err := w.Write(r.body[:r.truncate]); err == nil {
			// What was written must leave before the connection is cut.
			err = http.NewResponseController(w).Flush()
			s.logger.Debug("cut an answer short", slog.String("path", x.path), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler)
	}
	if _, err := w.Write(r.body); err != nil {
		s.logger.Debug("the client left", slog.String("path", x.path), slog.Any("error", err))
	}
}

// serviceHeaders sets what the service sends with every answer.
func (x *exchange) serviceHeaders(h http.Header) {
	h.Set("Date", x.now.Format(http.TimeFormat))
	h.Set("Cache-Control", "no-cache")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	if x.kind == KindToken || x.kind == KindDiscovery {
		h.Set("x-ms-request-id", x.requestID)
		h.Set("client-request-id", x.clientRequestID)
		return
	}
	h.Set("request-id", x.requestID)
	h.Set("client-request-id", x.clientRequestID)
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"003","RoleInstance":"AM2PEPF0001C8F3"}}`)
	if x.authErr != nil {
		h.Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	}
}
