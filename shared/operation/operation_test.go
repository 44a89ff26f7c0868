package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/testlog"
)

const (
	tenantID  = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"
	userID    = "user-1"
	graphID   = "11111111-aaaa-4bbb-8ccc-000000000001"
	clientID  = "22222222-aaaa-4bbb-8ccc-000000000002"
	canary    = "canary-7d1f-client-secret"
	configs   = "deviceManagement/configurationPolicies"
	anyGraph  = `/beta/`
	windowsID = "settings-catalog-policy"
)

// allRead are the permissions to read every type, but for secret values.
func allRead() []string {
	return slices.DeleteFunc(catalog.ReadPermissions(), func(p string) bool { return p == graphsim.PermConfigurationReadWrite })
}

// policiesOnly are the types of the built-in tenants' policies.
var policiesOnly = map[string][]string{"types": {"device-compliance-policy", "device-configuration", "settings-catalog-policy"}}

// bed runs the real engine and operations with the real Graph client against
// the simulator, over in-memory storage.
type bed struct {
	t       *testing.T
	sim     *graphsim.Sim
	store   *memstore.Store
	archive *memstore.Archive
	vault   *memstore.Vault
	queue   *queue
	engines map[run.Operation]*engine.Engine
	logs    *testlog.Buffer
	now     time.Time
	// through, when set, stands between the operations and Graph.
	through func(operation.Reader) operation.Reader
	// rates and retry are the Connector's. Waits are handed back at once, so that
	// no test sleeps.
	rates run.Rates
	retry graph.Retry
}

type queue struct{ sent []delivery }

type delivery struct {
	op    run.Operation
	d     run.Dispatch
	delay time.Duration
}

func (q *queue) Send(_ context.Context, op run.Operation, d run.Dispatch, delay time.Duration) error {
	q.sent = append(q.sent, delivery{op, d, delay})
	return nil
}

// credentials is the credential store of one tenant.
type credentials struct{ c run.Credential }

func (c credentials) Credential(_ context.Context, ref string) (run.Credential, error) {
	if ref != "ref" {
		return run.Credential{}, run.ErrNotFound
	}
	return c.c, nil
}

func newBed(t *testing.T, spec graphsim.TenantSpec) *bed {
	t.Helper()
	sim := graphsim.StartTest(t, graphsim.Options{Seed: 1, Quotas: []graphsim.Quota{}})
	spec.ID, spec.DisplayName = graphID, "Contoso"
	if spec.Apps == nil {
		spec.Apps = []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: allRead()}}
	}
	if _, err := sim.AddTenant(spec); err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, sim: sim, store: memstore.New(), archive: &memstore.Archive{}, vault: &memstore.Vault{}, queue: &queue{}, logs: &testlog.Buffer{}, engines: map[run.Operation]*engine.Engine{}, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
		retry: graph.Retry{MaxAttempts: 1, ShortWait: time.Nanosecond}}
	log := slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err := b.store.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: "Contoso", GraphTenantID: graphID, ClientID: clientID, Cloud: run.CloudGlobal, CredentialRef: "ref"},
		run.Member{TenantID: tenantID, UserID: userID, Name: "anna@contoso.example", Role: run.RoleOperator}, run.AuditEvent{TenantID: tenantID, At: b.now})
	if err != nil {
		t.Fatal(err)
	}
	connect := func(ctx context.Context, tenant run.Tenant) (operation.Reader, error) {
		c := &operation.Connector{
			Credentials: credentials{run.Credential{Kind: run.CredentialClientSecret, ClientSecret: canary}},
			Endpoint:    &graph.Endpoint{GraphURL: sim.URL, AuthorityURL: sim.URL}, Version: "test", Log: log,
			HTTPClient: sim.Client(), Retry: b.retry, Rates: b.rates,
		}
		reader, err := c.Connect(ctx, tenant)
		if err == nil && b.through != nil {
			reader = b.through(reader)
		}
		return reader, err
	}
	deps := operation.Deps{Policies: b.store, Sets: b.store, Schedules: b.store, Drifts: b.store, Archive: b.archive, Vault: b.vault, Names: &operation.Names{}, Connect: connect, Now: b.clock, Log: log}
	for _, op := range operation.Operations() {
		bind, err := deps.Bind(op)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		b.engines[op] = &engine.Engine{
			Operation: op, Runs: b.store, Tenants: b.store, Schedules: b.store, Queue: b.queue, Bind: bind, Now: b.clock, Log: log,
			Owner: func() string { n++; return fmt.Sprintf("own_%s_%d", op, n) },
		}
	}
	return b
}

func (b *bed) clock() time.Time { return b.now }

// start starts a run without working on it.
func (b *bed) start(req start.Request) run.Run {
	b.t.Helper()
	if req.TenantID = tenantID; req.ScheduleID == "" {
		req.Principal = run.Principal{UserID: userID}
	}
	if req.Deadline == 0 {
		req.Deadline = time.Hour
	}
	s := &start.Starter{Runs: b.store, Queue: b.queue, Now: b.clock, Log: slog.New(slog.DiscardHandler)}
	res, err := s.Start(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Run
}

// do starts a run and works until nothing is queued; time passes as messages
// are delayed.
func (b *bed) do(req start.Request) (run.Run, []run.Outcome) {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	r := b.start(req)
	b.drain()
	return b.ended(r.ID)
}

func (b *bed) drain() {
	b.t.Helper()
	for len(b.queue.sent) > 0 {
		m := b.queue.sent[0]
		b.queue.sent = b.queue.sent[1:]
		b.now = b.now.Add(m.delay)
		if err := b.engines[m.op].Handle(b.t.Context(), m.d); err != nil {
			b.t.Fatalf("message came back: %v", err)
		}
	}
}

// deliver hands over the message that was sent last, once.
func (b *bed) deliver() {
	b.t.Helper()
	last := len(b.queue.sent) - 1
	m := b.queue.sent[last]
	b.queue.sent = b.queue.sent[:last]
	if err := b.engines[m.op].Handle(b.t.Context(), m.d); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) ended(id string) (run.Run, []run.Outcome) {
	b.t.Helper()
	r, err := b.store.Run(b.t.Context(), tenantID, id)
	if err != nil {
		b.t.Fatal(err)
	}
	page, err := b.store.Outcomes(b.t.Context(), run.OutcomeQuery{TenantID: tenantID, RunID: id}, run.PageRequest{Limit: 200})
	if err != nil {
		b.t.Fatal(err)
	}
	if !r.Status.Terminal() {
		b.t.Fatalf("run is %s", r.Status)
	}
	return r, page.Items
}

func (b *bed) sync() (run.Run, []run.Outcome) {
	b.t.Helper()
	return b.do(start.Request{Operation: run.OpInventorySync, Input: policiesOnly})
}

// mustSync fills the inventory.
func (b *bed) mustSync() {
	b.t.Helper()
	if r, _ := b.sync(); r.Status != run.StatusSucceeded {
		b.t.Fatalf("sync ended %s with %s", r.Status, code(r.Failure))
	}
}

func (b *bed) capture(p run.Policy) (run.Run, run.Outcome) {
	b.t.Helper()
	r, outcomes := b.do(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
	if len(outcomes) != 1 {
		return r, run.Outcome{}
	}
	return r, outcomes[0]
}

// policy finds a policy by the start of its name.
func (b *bed) policy(name string) run.Policy {
	b.t.Helper()
	all, err := b.store.AllPolicies(b.t.Context(), tenantID)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range all {
		if strings.HasPrefix(p.Name, name) {
			return p
		}
	}
	b.t.Fatalf("no policy named %s…", name)
	return run.Policy{}
}

func (b *bed) payload(p run.Policy, number int) map[string]json.RawMessage {
	b.t.Helper()
	v, err := b.store.Version(b.t.Context(), tenantID, p.ID, number)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := b.archive.Get(b.t.Context(), tenantID, v.PayloadKey)
	if err != nil {
		b.t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		b.t.Fatal(err)
	}
	return doc
}

func (b *bed) fault(f graphsim.Fault) string {
	b.t.Helper()
	id, err := b.sim.AddFault(f)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func code(f *run.Failure) string {
	if f == nil {
		return ""
	}
	return f.Code
}

func TestConnectionTest(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	r, outcomes := b.do(start.Request{Operation: run.OpConnectionTest})
	if r.Status != run.StatusSucceeded || len(outcomes) != 1+len(catalog.Sources()) {
		t.Errorf("ended %s (%s) with %d items", r.Status, code(r.Failure), len(outcomes))
	}
}

// Every way in which Microsoft can refuse to sign us in has its own code.
func TestConnectionTestSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		app  graphsim.App
		want string
	}{
		"wrong secret":   {graphsim.App{ClientID: clientID, Secrets: []graphsim.Secret{{Value: "another"}}}, "credential_invalid"},
		"expired secret": {graphsim.App{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary, Expires: time.Unix(1, 0)}}}, "credential_expired"},
		"unknown app":    {graphsim.App{ClientID: "33333333-aaaa-4bbb-8ccc-000000000003"}, "app_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{tc.app}})
			r, _ := b.do(start.Request{Operation: run.OpConnectionTest})
			if r.Status != run.StatusFailed || code(r.Failure) != tc.want {
				t.Errorf("ended %s with %s, want %s", r.Status, code(r.Failure), tc.want)
			}
		})
	}
}

// A permission that was not granted is named, per policy type.
func TestMissingPermissionIsNamed(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}}}})
	r, outcomes := b.do(start.Request{Operation: run.OpConnectionTest})
	if r.Status != run.StatusPartial || r.Counts.Failed != len(catalog.Sources()) {
		t.Fatalf("ended %s, %+v", r.Status, r.Counts)
	}
	for _, o := range outcomes[1:] {
		of, _ := catalog.ByID(o.Item.Type)
		if o.Code != "consent_missing" || o.Failure.Params["permission"] != of.ReadPermissions[0] {
			t.Errorf("%s: %s %v", o.Item.Key, o.Code, o.Failure.Params)
		}
	}
}

// The sync records new, changed, vanished and returned policies, and says how
// many.
func TestSyncRecordsChanges(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", EmptyPage: true})
	r, _ := b.sync()
	if r.Status != run.StatusSucceeded || r.Totals["policies"] != 12 || r.Totals["added"] != 12 || r.Totals["changed"] != 0 || r.Totals["gone"] != 0 {
		t.Fatalf("first sync: %s %v", r.Status, r.Totals)
	}
	if r, _ := b.sync(); r.Totals["policies"] != 12 || r.Totals["added"]+r.Totals["changed"]+r.Totals["gone"] != 0 {
		t.Errorf("sync of an unchanged tenant: %v", r.Totals)
	}

	changed, gone := b.policy("ACSC Windows"), b.policy("ACSC Edge")
	if err := b.sim.Touch(graphID, configs, changed.GraphID); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.DeleteObject(graphID, configs, gone.GraphID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: configs, JSON: json.RawMessage(`{"id":"99999999-0000-4000-8000-000000000009","name":"Brand new","platforms":"macOS","technologies":"mdm","settings":[]}`)}); err != nil {
		t.Fatal(err)
	}
	r, _ = b.sync()
	if r.Totals["policies"] != 12 || r.Totals["added"] != 1 || r.Totals["changed"] != 1 || r.Totals["gone"] != 1 {
		t.Errorf("after one change of each kind: %v", r.Totals)
	}
	if p := b.policy("ACSC Edge"); p.VanishedAt == nil || p.LastChange != run.ChangeVanished || p.LastRunID != r.ID {
		t.Errorf("vanished policy: %+v", p)
	}
	if p := b.policy("Brand new"); p.LastChange != run.ChangeNew || p.Platform != "macOS" || p.ID != run.PolicyID(tenantID, configs, "99999999-0000-4000-8000-000000000009") {
		t.Errorf("new policy: %+v", p)
	}
	if p := b.policy("ACSC Windows"); p.LastChange != run.ChangeChanged {
		t.Errorf("changed policy: %+v", p)
	}
	// What was gone and is listed again is the same policy.
	if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: configs, JSON: json.RawMessage(`{"id":"` + gone.GraphID + `","name":"ACSC Edge","platforms":"windows10","technologies":"mdm","settings":[]}`)}); err != nil {
		t.Fatal(err)
	}
	b.sync()
	if p := b.policy("ACSC Edge"); p.VanishedAt != nil || p.LastChange != run.ChangeReturned || p.ID != gone.ID {
		t.Errorf("returned policy: %+v", p)
	}
}

// From a list that breaks off nothing may be concluded: no policy is marked as
// gone, and the run says that the list was incomplete.
func TestIncompleteListMarksNothing(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: 60, SettingsPer: 1}, PageSizes: map[string]int{configs: 25}})
	b.mustSync()
	b.fault(graphsim.Fault{Path: `/deviceManagement/configurationPolicies$`, Query: "skiptoken", Action: graphsim.FaultNextLinkLoop})
	r, outcomes := b.sync()
	if r.Status != run.StatusPartial || outcomes[0].Code != "inventory_incomplete" {
		t.Errorf("ended %s, first item %s", r.Status, outcomes[0].Code)
	}
	all, err := b.store.AllPolicies(t.Context(), tenantID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.VanishedAt != nil {
			t.Errorf("%s is marked as gone", p.Name)
		}
	}
}

// An object that a complete list lacks and that still answers is not gone.
func TestListThatLagsMarksNothing(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	// The list comes without the object; the object itself still answers.
	p := b.policy("ACSC Edge")
	if err := b.sim.HideFromLists(graphID, configs, p.GraphID); err != nil {
		t.Fatal(err)
	}
	r, _ := b.sync()
	if p := b.policy("ACSC Edge"); p.VanishedAt != nil || r.Totals["gone"] != 0 {
		t.Errorf("%s is marked as gone", p.Name)
	}
}

// A capture holds every setting, past the first page of 25, and the assignments,
// byte for byte.
func TestCaptureIsComplete(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Windows")
	if err := b.sim.SetAssignments(graphID, configs, p.GraphID, []json.RawMessage{graphsim.GroupAssignment("44444444-0000-4000-8000-000000000004")}); err != nil {
		t.Fatal(err)
	}
	r, o := b.capture(p)
	if r.Status != run.StatusSucceeded || o.Version != 1 || r.Totals["version"] != 1 {
		t.Fatalf("ended %s (%s), version %d", r.Status, code(r.Failure), o.Version)
	}
	doc := b.payload(p, 1)
	var settings, assignments []json.RawMessage
	if json.Unmarshal(doc["settings"], &settings) != nil || json.Unmarshal(doc["assignments"], &assignments) != nil || len(settings) != 256 || len(assignments) != 1 {
		t.Errorf("%d settings and %d assignments", len(settings), len(assignments))
	}
	if !bytes.Contains(doc["assignments"], []byte("44444444-0000-4000-8000-000000000004")) {
		t.Errorf("assignments %s", doc["assignments"])
	}
}

// Several policies are captured by one run: those named, or those that filters mean
// when it begins.
func TestCaptureOfSeveralPolicies(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Windows")
	captureAll := func(sel run.Selection) (run.Run, []run.Outcome) {
		return b.do(start.Request{Operation: run.OpCaptureSnapshot, Scope: run.Hash(fmt.Sprintf("%+v", sel)), Input: run.SnapshotInput{Selection: sel}})
	}
	r, outcomes := captureAll(run.Selection{Policies: []string{p.ID}})
	if r.Status != run.StatusSucceeded || r.Target.Kind != run.TargetTenant || len(outcomes) != 1 || outcomes[0].Item.Key != p.ID || outcomes[0].Version != 1 || r.Totals["version"] != 0 {
		t.Fatalf("of one named: %s %s, %+v %v", r.Status, code(r.Failure), outcomes, r.Totals)
	}
	all, err := b.store.AllPolicies(t.Context(), tenantID)
	if err != nil {
		t.Fatal(err)
	}
	r, outcomes = captureAll(run.Selection{Never: true, Types: []string{p.Type}})
	never := run.Selection{Never: true, Types: []string{p.Type}}.Choose(all)
	if r.Status != run.StatusSucceeded || len(outcomes) != len(never) || len(never) == 0 || slices.ContainsFunc(outcomes, func(o run.Outcome) bool { return o.Item.Key == p.ID || o.Version != 1 }) {
		t.Fatalf("of those never captured: %s %s, %d of %d", r.Status, code(r.Failure), len(outcomes), len(never))
	}
	if r, outcomes = captureAll(run.Selection{Never: true, Types: []string{p.Type}, Search: "again"}); r.Status != run.StatusSucceeded || len(outcomes) > 0 {
		t.Errorf("of none: %s, %d outcomes", r.Status, len(outcomes))
	}
}

// Content that did not change makes no new version and says so; content that
// did makes the next.
func TestUnchangedContentMakesNoVersion(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	b.capture(p)
	r, o := b.capture(p)
	if o.Version != 1 || o.Code != "unchanged" || r.Totals["unchanged"] != 1 || r.Status != run.StatusSucceeded || b.archive.Puts != 1 {
		t.Errorf("second capture: version %d, %s, totals %v, %d payloads", o.Version, o.Code, r.Totals, b.archive.Puts)
	}
	if err := b.sim.Touch(graphID, configs, p.GraphID); err != nil {
		t.Fatal(err)
	}
	if _, o := b.capture(p); o.Version != 2 || o.Code != "" {
		t.Errorf("capture after a change: version %d, %s", o.Version, o.Code)
	}
}

// A worker that died after it stored the version does not make another.
func TestRepeatedCaptureMakesOneVersion(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	dead := true
	b.store.Hook = func(method string, _ bool) error {
		if dead && (method == "CommitSlice" || method == "Release") {
			return context.DeadlineExceeded
		}
		return nil
	}
	r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
	m := b.queue.sent[0]
	if err := b.engines[m.op].Handle(t.Context(), m.d); err == nil {
		t.Fatal("the message of a dead worker was acknowledged")
	}
	dead = false
	b.now = b.now.Add(2 * time.Minute)
	b.drain()
	got, outcomes := b.ended(r.ID)
	if got.Status != run.StatusSucceeded || outcomes[0].Version != 1 || outcomes[0].Code != "" {
		t.Errorf("ended %s, version %d, %s", got.Status, outcomes[0].Version, outcomes[0].Code)
	}
	if p := b.policy("ACSC Edge"); p.LatestVersion != 1 {
		t.Errorf("%d versions", p.LatestVersion)
	}
}

// shortReader loses the last item of every collection, silently, as a fault of
// the service's paging would.
type shortReader struct{ operation.Reader }

func (r shortReader) List(ctx context.Context, path, query string, item func(json.RawMessage) error) error {
	var all []json.RawMessage
	if err := r.Reader.List(ctx, path, query, func(raw json.RawMessage) error { all = append(all, raw); return nil }); err != nil {
		return err
	}
	for _, raw := range all[:max(len(all)-1, 0)] {
		if err := item(raw); err != nil {
			return err
		}
	}
	return nil
}

// Fewer settings than the policy says it has make an incomplete version.
func TestMissingSettingsAreNoticed(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	b.through = func(r operation.Reader) operation.Reader { return shortReader{r} }
	r, o := b.capture(b.policy("ACSC Windows"))
	if r.Status != run.StatusPartial || o.Code != "unreadable_part" || o.Failure.Params["part"] != "settings" {
		t.Errorf("ended %s, item %s %+v", r.Status, o.Code, o.Failure)
	}
}

func TestCaptureOfAVanishedPolicy(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	if err := b.sim.DeleteObject(graphID, configs, p.GraphID); err != nil {
		t.Fatal(err)
	}
	r, o := b.capture(p)
	if r.Status != run.StatusFailed || code(r.Failure) != "not_found_in_tenant" || o.Failure.HTTPStatus != 404 || o.Failure.GraphRequestID == "" {
		t.Errorf("ended %s with %+v", r.Status, o.Failure)
	}
}

// What cannot be read of a policy is said, the rest is kept, and the run is
// partial, never succeeded.
func TestUnreadableAssignments(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	fault := b.fault(graphsim.Fault{Path: "/assignments$", Status: 403})
	r, o := b.capture(p)
	v, err := b.store.Version(t.Context(), tenantID, p.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != run.StatusPartial || o.Code != "assignments_unreadable" || v.Complete || len(v.Notes) != 1 {
		t.Errorf("ended %s, item %s, complete %v, notes %v", r.Status, o.Code, v.Complete, v.Notes)
	}
	if !b.sim.RemoveFault(fault) {
		t.Fatal("no such fault")
	}
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Version != 2 {
		t.Errorf("complete capture: %s, version %d", r.Status, o.Version)
	}
}

// customProfile is the built-in tenant's policy with encrypted OMA-URI values.
func (b *bed) customProfile() run.Policy {
	b.t.Helper()
	if r, _ := b.do(start.Request{Operation: run.OpInventorySync, Input: map[string][]string{"types": {"device-configuration-custom-oma"}}}); r.Status != run.StatusSucceeded {
		b.t.Fatalf("sync ended %s with %s", r.Status, code(r.Failure))
	}
	all, err := b.store.AllPolicies(b.t.Context(), tenantID)
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p run.Policy) bool { return p.Type == "device-configuration-custom-oma" })
	if i < 0 {
		b.t.Fatal("no custom profile")
	}
	return all[i]
}

// The plain text of the encrypted values of the built-in tenant's custom profile.
const (
	wirelessKey = "canary-wireless-key-7f3a"
	layout      = "PExheW91dD5jYW5hcnktbGF5b3V0LTlkMmU8L0xheW91dD4="
)

// Encrypted values are read in clear and sealed: they stand in the vault and
// nowhere else, and a changed one is a changed policy.
func TestSecretsAreSealed(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{{
		ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: append(allRead(), graphsim.PermConfigurationReadWrite),
	}}})
	p := b.customProfile()
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Version != 1 || o.Code != "" {
		t.Fatalf("ended %s, %+v", r.Status, o)
	}
	v, err := b.store.Version(t.Context(), tenantID, p.ID, 1)
	if err != nil || !v.Complete || len(v.Notes) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	sealed, err := b.vault.Open(t.Context(), tenantID, v.ContentHash)
	if err != nil || len(sealed) != 2 {
		t.Fatalf("%d values, %v", len(sealed), err)
	}
	var all strings.Builder
	for _, value := range sealed {
		all.WriteString(value + "\n")
	}
	if !strings.Contains(all.String(), wirelessKey) || !strings.Contains(all.String(), layout) {
		t.Error("the vault does not hold what Graph gave out")
	}
	payload, err := b.archive.Get(t.Context(), tenantID, v.PayloadKey)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(payload), `"secrets":{"omaSettings[`) {
		t.Errorf("the payload does not say that there are secrets: %s", payload)
	}
	for where, text := range map[string]string{"payload": string(payload), "records": b.store.Dump(), "logs": b.logs.String()} {
		for _, secret := range []string{wirelessKey, layout, "canary-layout"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows in the %s", secret, where)
			}
		}
	}

	if _, o := b.capture(p); o.Version != 1 || o.Code != "unchanged" {
		t.Errorf("the same again: %+v", o)
	}
	if err := b.sim.SetSecret(graphID, wirelessReference, "another key"); err != nil {
		t.Fatal(err)
	}
	if _, o := b.capture(p); o.Version != 2 {
		t.Errorf("after a change of a secret: %+v", o)
	}
}

const wirelessReference = "35ea4525-8a3d-4d56-8f3e-7a2f5a5a9d10_8d2d4e0c-51a5-4e0c-9a5e-1d6a1a0f2b11_c7a0a3f8-6a7e-4d0d-8f43-7d1f0a9b3c22"

// An encrypted value that cannot be read makes the version incomplete, and says
// which: what stands in its place must never be written back.
func TestUnreadableSecretsAreMissing(t *testing.T) {
	for name, arrange := range map[string]func(*bed){
		"not allowed": func(*bed) {},
		"a mask for an answer": func(b *bed) {
			if err := b.sim.SetSecret(graphID, wirelessReference, "****"); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			granted := allRead()
			if name != "not allowed" {
				granted = append(granted, graphsim.PermConfigurationReadWrite)
			}
			b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: granted}}})
			p := b.customProfile()
			arrange(b)
			r, o := b.capture(p)
			v, err := b.store.Version(t.Context(), tenantID, p.ID, 1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != run.StatusPartial || o.Code != "unreadable_part" || v.Complete || v.Notes[0].Params["part"] == "" {
				t.Errorf("ended %s, item %s, complete %v, notes %v", r.Status, o.Code, v.Complete, v.Notes)
			}
		})
	}
}

// Values that Microsoft gives out to nobody are named on the version, which is
// complete without them.
func TestSecretsAreNamed(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{{JSON: json.RawMessage(`{
		"@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy", "name": "With a secret", "platforms": "windows10", "technologies": "mdm",
		"settings": [{"id": "0", "settingInstance": {
			"@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance", "settingDefinitionId": "vendor_secret",
			"simpleSettingValue": {"@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue", "value": "token", "valueState": "encryptedValueToken"}}}]}`)}}})
	b.mustSync()
	p := b.policy("With a secret")
	r, o := b.capture(p)
	v, err := b.store.Version(t.Context(), tenantID, p.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != run.StatusSucceeded || o.Code != "secret_not_readable" || o.Params["setting"] != "vendor_secret" || !v.Complete {
		t.Errorf("ended %s, %+v, complete %v", r.Status, o, v.Complete)
	}
}

// Graph that is away makes the run wait; when it stays away the run ends with a
// code, by its deadline.
func TestUnavailableGraph(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	fault := b.fault(graphsim.Fault{Path: anyGraph, Status: 503})
	r, _ := b.do(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID, Deadline: 5 * time.Minute})
	if r.Status != run.StatusFailed || code(r.Failure) != "graph_unavailable" || r.FinishedAt.After(r.DeadlineAt) {
		t.Errorf("ended %s with %s", r.Status, code(r.Failure))
	}
	b.sim.RemoveFault(fault)
	if r, _ := b.capture(p); r.Status != run.StatusSucceeded {
		t.Errorf("after the outage: %s", r.Status)
	}
}

// A limit is waited out exactly as long as Microsoft says.
func TestThrottledCaptureWaits(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	b.fault(graphsim.Fault{Path: "/settings$", Status: 429, RetryAfter: "315", Count: 1})
	r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
	b.deliver()
	if len(b.queue.sent) != 1 || b.queue.sent[0].delay != 315*time.Second {
		t.Fatalf("continuation %+v", b.queue.sent)
	}
	b.drain()
	if got, _ := b.ended(r.ID); got.Status != run.StatusSucceeded {
		t.Errorf("ended %s with %s", got.Status, code(got.Failure))
	}
}

// A secret planted in the credential, in error bodies and in answers shows in no
// log line and no record.
func TestCanaryNeverShows(t *testing.T) {
	const planted = "canary-planted-93ab"
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	p := b.policy("ACSC Edge")
	for _, status := range []int{400, 401, 403, 404, 429, 500} {
		fault := b.fault(graphsim.Fault{Path: anyGraph, Status: status, Extra: planted, Headers: map[string]string{"x-ms-note": planted}})
		b.do(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID, Deadline: time.Minute})
		b.do(start.Request{Operation: run.OpInventorySync, Deadline: time.Minute})
		b.sim.RemoveFault(fault)
	}
	dump := b.logs.String() + b.store.Dump()
	for _, secret := range []string{canary, planted} {
		if strings.Contains(dump, secret) {
			i := strings.Index(dump, secret)
			t.Errorf("%s shows: …%s…", secret, dump[max(0, i-200):min(len(dump), i+100)])
		}
	}
	if !strings.Contains(dump, "graph_unavailable") {
		t.Error("the search looks at nothing")
	}
}
