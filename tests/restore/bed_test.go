package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/followup"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/testlog"
)

const (
	tenantID   = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"
	tenantName = "Contoso"
	graphID    = "11111111-aaaa-4bbb-8ccc-000000000001"
	clientID   = "22222222-aaaa-4bbb-8ccc-000000000002"
	secret     = "restore-secret"
	user       = "anna"
)

// bed is one tenant in the simulator, with the product around it.
type bed struct {
	t       testing.TB
	sim     *graphsim.Sim
	store   *memstore.Store
	archive *memstore.Archive
	vault   *memstore.Vault
	names   *operation.Names
	queue   *queue
	clock   *clock
	api     http.Handler
	logs    *testlog.Buffer
	owners  int
	limits  engine.Limits
	has     map[string]bool // what was made because policies refer to it
	// client talks to the simulator; a test may put faults into it.
	client *http.Client
	// world stands between workers and what they use; nil: nothing does.
	world *world
	rates run.Rates
	// connect takes the place of the product's own; nil: none does.
	connect operation.Connect
}

// clock is the product's and the simulator's: it stands still but for waits. The
// zero value is the time of a bubble of package synctest, in which waits are real.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.IsZero() {
		return time.Now()
	}
	return c.now
}

func (c *clock) pass(d time.Duration) { _ = c.Sleep(context.Background(), d) }

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	stands := !c.now.IsZero()
	if stands {
		c.now = c.now.Add(d)
	}
	c.mu.Unlock()
	if !stands {
		return graph.SystemClock{}.Sleep(ctx, d)
	}
	return ctx.Err()
}

type sent struct {
	op run.Operation
	d  run.Dispatch
	at time.Time
}

// queue keeps what was sent until the bed works it off.
type queue struct {
	mu   sync.Mutex
	now  func() time.Time
	sent []sent
}

func (q *queue) Send(_ context.Context, op run.Operation, d run.Dispatch, delay time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent = append(q.sent, sent{op, d, q.now().Add(delay)})
	return nil
}

func (q *queue) take() (sent, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.sent) == 0 {
		return sent{}, false
	}
	s := q.sent[0]
	q.sent = q.sent[1:]
	return s, true
}

// due takes the first message that is delivered before a time.
func (q *queue) due(before time.Time) (sent, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := -1
	for i, m := range q.sent {
		if m.at.Before(before) && (first < 0 || m.at.Before(q.sent[first].at)) {
			first = i
		}
	}
	if first < 0 {
		return sent{}, false
	}
	m := q.sent[first]
	q.sent = slices.Delete(q.sent, first, first+1)
	return m, true
}

func (q *queue) put(m sent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent = append(q.sent, m)
}

// permissions are all that any type needs, to read and to write.
func permissions() []string {
	all := catalog.ReadPermissions()
	for _, t := range catalog.All() {
		all = append(all, t.WritePermissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func newBed(t testing.TB, spec graphsim.TenantSpec) *bed {
	t.Helper()
	// The dates of real policies lie ahead then.
	at := &clock{now: time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)}
	sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}, Now: at.Now})
	return bedOver(t, sim, sim.Client(), at, spec)
}

// bedOver is a bed over a simulator that others used before it.
func bedOver(t testing.TB, sim *graphsim.Sim, client *http.Client, at *clock, spec graphsim.TenantSpec) *bed {
	t.Helper()
	b := &bed{
		t: t, sim: sim, client: client, has: map[string]bool{}, store: memstore.New(), archive: &memstore.Archive{}, vault: &memstore.Vault{}, names: &operation.Names{},
		clock: at, logs: &testlog.Buffer{},
	}
	b.queue = &queue{now: b.clock.Now}
	b.sim.RemoveTenant(graphID)
	spec.ID, spec.DisplayName, spec.Domains = graphID, tenantName, []string{"contoso.example"}
	spec.Apps = []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}}, Permissions: permissions()}}
	if _, err := b.sim.AddTenant(spec); err != nil {
		t.Fatal(err)
	}
	err := b.store.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: tenantName, GraphTenantID: graphID, ClientID: clientID, Cloud: run.CloudGlobal, CredentialRef: "ref"},
		run.Member{TenantID: tenantID, UserID: user, Name: "anna@contoso.example", Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: b.clock.Now(), Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}
	log := b.log()
	b.api = httpapi.New(httpapi.Deps{
		Starter: &start.Starter{Runs: b.store, Queue: b.queue, Now: b.clock.Now, Log: log},
		Tenants: b.store, Runs: b.store, Policies: b.store, Records: b.store, Sets: b.store, Schedules: b.store, Drifts: b.store, Subscriptions: b.store, Summaries: b.store, Filters: b.store,
		Archive: b.archive, Now: b.clock.Now, Log: log, Deadline: func(run.Operation) time.Duration { return 8 * time.Hour },
		Identify: func(*http.Request) (run.Principal, error) { return run.Principal{UserID: user, Name: user}, nil },
	})
	return b
}

type credentials struct{}

func (credentials) Credential(context.Context, string) (run.Credential, error) {
	return run.Credential{Kind: run.CredentialClientSecret, ClientSecret: secret}, nil
}

func (b *bed) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// engine is a worker of an operation, as a process of its own has it.
func (b *bed) engine(op run.Operation) *engine.Engine {
	b.t.Helper()
	log := b.log()
	connector := &operation.Connector{
		Credentials: credentials{}, Endpoint: &graph.Endpoint{GraphURL: b.sim.URL, AuthorityURL: b.sim.URL}, Version: "test", Log: log, HTTPClient: b.client, Rates: b.rates,
	}
	archive, queue := run.Archive(b.archive), run.Queue(b.queue)
	if b.world != nil {
		archive, queue = hookedArchive{b.archive, b.world}, hookedQueue{b.queue, b.world}
	}
	deps := operation.Deps{
		Policies: b.store, Archive: archive, Vault: b.vault, Names: b.names, Sets: b.store, Schedules: b.store, Drifts: b.store, Runs: b.store, Records: b.store,
		Connect: connector.Connect, ConnectWriter: connector.ConnectWriter, Sleep: b.clock.Sleep, Now: b.clock.Now, Log: log,
	}
	if b.connect != nil {
		deps.Connect = b.connect
	}
	bind, err := deps.Bind(op)
	if err != nil {
		b.t.Fatal(err)
	}
	return &engine.Engine{
		Operation: op, Runs: b.store, Tenants: b.store, Schedules: b.store, Queue: queue, Bind: bind, Now: b.clock.Now, Log: log,
		Owner:  func() string { b.owners++; return fmt.Sprintf("own_%d", b.owners) },
		Jitter: func(d time.Duration) time.Duration { return d }, Limits: b.limits,
	}
}

// drain works off all messages, each at its time.
func (b *bed) drain() {
	b.t.Helper()
	for range 2_000 {
		m, ok := b.queue.take()
		if !ok {
			return
		}
		if wait := m.at.Sub(b.clock.Now()); wait > 0 {
			b.clock.pass(wait)
		}
		if err := b.engine(m.op).Handle(b.t.Context(), m.d); err != nil {
			b.t.Fatalf("message came back: %v", err)
		}
		r, err := b.store.Run(b.t.Context(), m.d.TenantID, m.d.RunID)
		if err == nil {
			err = followup.Follower{Store: b.store}.Ended(b.t.Context(), r)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Fatal("a run never ends")
}

// call asks the API and reads the answer.
func (b *bed) call(method, path string, body, answer any) int {
	b.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
	}
	req := httptest.NewRequestWithContext(b.t.Context(), method, path, bytes.NewReader(text))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	b.api.ServeHTTP(rec, req)
	if answer != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), answer); err != nil {
			b.t.Fatalf("%s %s: %d: %v in %s", method, path, rec.Code, err, rec.Body)
		}
	}
	return rec.Code
}

const base = "/v1/tenants/" + tenantID

// finish starts a run over the API, works it off and returns it as it ended.
func (b *bed) finish(path string, body any) httpapi.RunView {
	b.t.Helper()
	id := b.begin(path, body)
	b.drain()
	return b.run(id)
}

// begin starts a run over the API.
func (b *bed) begin(path string, body any) string {
	b.t.Helper()
	var answer json.RawMessage
	if status := b.call(http.MethodPost, path, body, &answer); status != http.StatusAccepted {
		b.t.Fatalf("%s: %d %s", path, status, answer)
	}
	var started struct {
		ID  string `json:"id"`
		Run struct {
			ID string `json:"id"`
		} `json:"run"`
	}
	if err := json.Unmarshal(answer, &started); err != nil {
		b.t.Fatal(err)
	}
	if started.Run.ID != "" {
		return started.Run.ID
	}
	return started.ID
}

func (b *bed) run(id string) httpapi.RunView {
	b.t.Helper()
	var r httpapi.RunView
	if status := b.call(http.MethodGet, base+"/runs/"+id, nil, &r); status != http.StatusOK {
		b.t.Fatalf("run %s: %d", id, status)
	}
	return r
}

// backup makes a set of the whole tenant and returns its id.
func (b *bed) backup(name string) string {
	b.t.Helper()
	r := b.finish(base+"/backup-sets", map[string]any{"name": name, "selection": map[string]any{"all": true}})
	if r.Status != "succeeded" {
		b.t.Fatalf("backup: %s\n%s", r.Sentence, b.outcomes(r.ID, "failed"))
	}
	return r.Target.ID
}

// outcomes are the items of a run, for messages of tests.
func (b *bed) outcomes(runID string, statuses ...string) string {
	b.t.Helper()
	var out strings.Builder
	for _, o := range b.items(runID) {
		if len(statuses) == 0 || slices.Contains(statuses, o.Status) {
			text, _ := json.Marshal(o)
			fmt.Fprintf(&out, "%s\n", text)
		}
	}
	return out.String()
}

func (b *bed) items(runID string) []httpapi.OutcomeView {
	b.t.Helper()
	return pages[httpapi.OutcomeView](b, base+"/runs/"+runID+"/items?pageSize=200")
}

// pages reads a list to its end.
func pages[T any](b *bed, path string) []T {
	b.t.Helper()
	var all []T
	for token := ""; ; {
		var page struct {
			Items         []T    `json:"items"`
			NextPageToken string `json:"nextPageToken"`
		}
		at := path
		if token != "" {
			at += "&pageToken=" + token
		}
		if status := b.call(http.MethodGet, at, nil, &page); status != http.StatusOK {
			b.t.Fatalf("%s: %d", at, status)
		}
		all = append(all, page.Items...)
		if token = page.NextPageToken; token == "" {
			return all
		}
	}
}

// preview plans the restore of a set.
func (b *bed) preview(setID string, policies ...string) httpapi.RunView {
	b.t.Helper()
	body := map[string]any{}
	if len(policies) > 0 {
		body["policies"] = policies
	}
	return b.finish(base+"/backup-sets/"+setID+"/previews", body)
}

func (b *bed) plan(runID string) httpapi.PlanView {
	b.t.Helper()
	var v httpapi.PlanView
	if status := b.call(http.MethodGet, base+"/runs/"+runID+"/plan?pageSize=200", nil, &v); status != http.StatusOK {
		b.t.Fatalf("plan of %s: %d", runID, status)
	}
	v.Items = pages[httpapi.PlanItemView](b, base+"/runs/"+runID+"/plan?pageSize=200")
	return v
}

// restore applies the plan of a preview.
func (b *bed) restore(previewID string, change ...func(map[string]any)) httpapi.RunView {
	b.t.Helper()
	body := b.confirmed(previewID)
	for _, f := range change {
		f(body)
	}
	return b.finish(base+"/restores", body)
}

// confirmed is what a person sends to apply the plan of a preview.
func (b *bed) confirmed(previewID string) map[string]any {
	b.t.Helper()
	return map[string]any{"planRunId": previewID, "planDigest": b.plan(previewID).Digest, "tenantName": tenantName, "reason": "CHG0049120"}
}

// detail is the plan of one item.
func (b *bed) detail(v httpapi.PlanItemView) httpapi.PlanDetailView {
	b.t.Helper()
	var d httpapi.PlanDetailView
	if v.Detail == "" {
		b.t.Fatalf("%s has no detail", v.Name)
	}
	if status := b.call(http.MethodGet, v.Detail, nil, &d); status != http.StatusOK {
		b.t.Fatalf("%s: %d", v.Detail, status)
	}
	return d
}

// writes are the requests that changed the tenant since the last call.
func (b *bed) writes() []graphsim.LogEntry {
	var out []graphsim.LogEntry
	for _, e := range b.sim.Log(graphsim.LogFilter{}).Entries {
		if e.Method != http.MethodGet && e.Kind != graphsim.KindToken && !strings.HasSuffix(e.Path, "/$batch") {
			out = append(out, e)
		}
	}
	b.sim.ResetLog()
	return out
}
