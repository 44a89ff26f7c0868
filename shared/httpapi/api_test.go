package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/start"
	"tenantatlas/tests/testlog"
)

const (
	own     = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"
	foreign = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZB"
	absent  = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZC"
	canary  = "canary-api-4c1d"
)

var epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// bed is the API over in-memory storage with two tenants and a member of each
// role in the first.
type bed struct {
	t         *testing.T
	store     *memstore.Store
	archive   *memstore.Archive
	queue     *queue
	secrets   *secrets
	timetable *timetable
	logs      *testlog.Buffer
	handler   http.Handler
	policy    run.Policy
	ended     run.Run       // a run of the tenant that has ended
	planned   run.Run       // a preview with a plan
	plan      string        // its document, as paths name it
	restored  run.Run       // a live restore of another plan, which failed
	set       run.BackupSet // "Baseline", with the policy
	schedule  run.Schedule
}

type queue struct {
	mu   sync.Mutex
	sent []run.Dispatch
	err  error
}

func (q *queue) Send(_ context.Context, _ run.Operation, d run.Dispatch, _ time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.sent = append(q.sent, d)
	}
	return q.err
}

// timetable holds what it was told.
type timetable struct {
	mu  sync.Mutex
	has map[string]run.Schedule
	err error
}

func (t *timetable) Put(_ context.Context, s run.Schedule) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.has[s.ID] = s
	}
	return t.err
}

func (t *timetable) Delete(_ context.Context, ref run.ScheduleRef) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		delete(t.has, ref.ScheduleID)
	}
	return t.err
}

type secrets struct {
	mu   sync.Mutex
	puts int
}

func (s *secrets) PutCredential(_ context.Context, tenantID string, _ run.Credential) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	return "ref/" + tenantID, nil
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, store: memstore.New(), archive: &memstore.Archive{}, queue: &queue{}, secrets: &secrets{}, timetable: &timetable{has: map[string]run.Schedule{}}, logs: &testlog.Buffer{}}
	ctx := t.Context()
	for _, id := range []string{own, foreign} {
		tenant := run.Tenant{ID: id, Name: "Tenant " + id[len(id)-1:], Cloud: run.CloudGlobal, CredentialKind: run.CredentialClientSecret, CredentialRef: "ref", GraphTenantID: "11111111-aaaa-4bbb-8ccc-000000000001", ClientID: "22222222-aaaa-4bbb-8ccc-000000000002"}
		owner := run.Member{TenantID: id, TenantName: tenant.Name, UserID: "owner" + id[len(id)-1:], Role: run.RoleOwner}
		if err := b.store.CreateTenant(ctx, tenant, owner, run.AuditEvent{TenantID: id, At: epoch, Event: run.AuditTenantCreated}); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range run.Roles() {
		m := run.Member{TenantID: own, TenantName: "Tenant A", UserID: string(role), Name: string(role) + "@contoso.example", Role: role}
		if _, err := b.store.PutMember(ctx, m, 0, run.AuditEvent{TenantID: own, At: epoch, Event: run.AuditMemberSet, Details: map[string]string{"member": string(role)}}); err != nil {
			t.Fatal(err)
		}
	}
	p := run.Policy{ID: run.PolicyID(own, "deviceManagement/configurationPolicies", "g1"), TenantID: own, Type: "settings-catalog-policy", GraphID: "g1", Name: "Windows <baseline>", Platform: "windows10", FirstSeenAt: epoch, ChangedAt: epoch, LastChange: run.ChangeNew}
	p, err := b.store.PutPolicy(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	key, err := b.archive.Put(ctx, own, []byte(`{"object":{"n":9007199254740993,"html":"<b>&"},"secrets":{"omaSettings[0].value":"fingerprint"}}`))
	if err != nil {
		t.Fatal(err)
	}
	v := run.Version{TenantID: own, PolicyID: p.ID, Number: 1, PolicyType: p.Type, PolicyName: p.Name, PayloadKey: key, Complete: true, CapturedAt: epoch, RunID: "run_01J9Z3T6Q4W8R2N5M7K1P0XYZA"}
	if b.policy, err = b.store.AddVersion(ctx, run.NewVersion{Version: v, Policy: p}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	now := func() time.Time { return epoch.Add(time.Hour) }
	b.handler = httpapi.New(httpapi.Deps{
		Starter: &start.Starter{Runs: b.store, Queue: b.queue, Now: now, Log: log},
		Tenants: b.store, Runs: b.store, Policies: b.store, Records: b.store, Sets: b.store, Schedules: b.store, Drifts: b.store, Subscriptions: b.store, Summaries: b.store, Filters: b.store, Timetable: b.timetable, Archive: b.archive, Credentials: b.secrets,
		Now: now, Log: log, ConsoleURL: "https://console.example",
		Deadline: func(run.Operation) time.Duration { return time.Hour },
		Identify: func(r *http.Request) (run.Principal, error) {
			switch user := r.Header.Get("X-Test-User"); user {
			case "":
				return run.Principal{}, httpapi.ErrUnauthenticated
			case "expired":
				return run.Principal{}, httpapi.ErrSessionExpired
			case "broken":
				return run.Principal{}, errors.New("identity provider said " + canary)
			default:
				return run.Principal{UserID: user, Name: user, PlatformAdmin: user == "platform-admin"}, nil
			}
		},
	})
	res, err := (&start.Starter{Runs: b.store, Queue: b.queue, Now: func() time.Time { return epoch }, Log: log}).Start(ctx, start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpCaptureSnapshot, PolicyID: p.ID, Deadline: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b.ended = b.finish(res.Run, run.Outcome{Item: run.Item{Key: p.ID, Kind: "policy", Name: p.Name}, Status: run.OutcomeSucceeded, Code: "unchanged", Version: 1, At: epoch})
	b.queue.sent = nil
	item := run.NewItem("set_01J9Z3T6Q4W8R2N5M7K1P0XYZA", "", b.policy, epoch).Hold(v)
	b.set, err = b.store.CreateBackupSet(ctx, run.NewBackupSet{
		Set: run.BackupSet{ID: item.SetID, TenantID: own, Name: "Baseline", Selection: run.Selection{All: true}, CreatedAt: epoch, UpdatedAt: epoch, CreatedBy: run.Initiator{UserID: "operator"},
			Tally: &run.SetTally{Policies: 1, Captured: 1, Types: map[string]run.TypeTally{p.Type: {Policies: 1, Captured: 1}}, At: epoch}},
		Items: []run.BackupItem{item}, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: own, At: epoch, Event: run.AuditSetCreated},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.schedule, err = b.store.PutSchedule(ctx, run.Schedule{
		ID: "sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: own, Name: "Nightly", Operation: run.OpBackupSetCreate, Selection: run.Selection{All: true},
		Expression: "cron(0 2 * * ? *)", TimeZone: "Europe/Berlin", CreatedAt: epoch, UpdatedAt: epoch,
	}, run.AuditEvent{TenantID: own, At: epoch, Event: run.AuditScheduleCreated})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutDrift(ctx, run.Drift{TenantID: own, ID: run.DriftID(b.ended.ID, p.ID), RunID: b.ended.ID, ScheduleID: b.schedule.ID, PolicyID: p.ID, Name: p.Name, Type: p.Type, Kind: run.ChangeNew, To: 1, FoundAt: epoch}); err != nil {
		t.Fatal(err)
	}
	return b
}

// restores makes a preview with a plan, and a live restore that failed, for tests
// that need them.
func (b *bed) restores() {
	b.t.Helper()
	if b.planned.ID != "" {
		return
	}
	b.planned = b.preview("plan")
	b.restored = b.startAt(start.Request{
		TenantID: own, Principal: run.Principal{UserID: "restorer"}, Operation: run.OpRestoreExecute, Lock: "restore.live", Reason: "CHG1",
		Input: run.RestoreInput{PlanRunID: b.planned.ID, Digest: b.planned.PlanDigest},
	})
	b.restored = b.finish(b.restored, run.Outcome{
		Item: run.Item{Key: b.policy.ID, Kind: "policy", Name: b.policy.Name, Type: b.policy.Type}, Status: run.OutcomeFailed, Code: "step_failed", Failure: &run.Failure{Code: "step_failed"},
		Numbers: map[string]int{"written": 1}, Written: &run.Written{Action: run.PlanUpdate, PolicyID: b.policy.ID, GraphID: "g1", Before: 1, BeforeHash: "b", Steps: 1}, At: epoch,
	})
	b.queue.sent = nil
}

// startAt starts a run at the epoch.
func (b *bed) startAt(req start.Request) run.Run {
	b.t.Helper()
	req.Deadline = time.Hour
	res, err := (&start.Starter{Runs: b.store, Queue: b.queue, Now: func() time.Time { return epoch }, Log: slog.New(slog.DiscardHandler)}).Start(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Run
}

// preview is one that planned to update the policy.
func (b *bed) preview(scope string) run.Run {
	b.t.Helper()
	d := restore.Document{
		Schema: restore.Schema, PolicyID: b.policy.ID, Name: b.policy.Name, Type: b.policy.Type, Action: run.PlanUpdate, Version: 1, GraphID: "g1", Matched: run.MatchID, Fingerprint: "f",
		Steps: []restore.Step{{Name: "update", Method: "PUT"}}, StepsHash: "s", Warnings: []restore.Warning{{Code: "assign_all"}},
	}
	raw, err := d.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := b.archive.Put(b.t.Context(), own, raw)
	if err != nil {
		b.t.Fatal(err)
	}
	b.plan = base64.RawURLEncoding.EncodeToString([]byte(key))
	r := b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpRestorePreview, Scope: scope, Input: run.PreviewInput{SetID: "set_01J9Z3T6Q4W8R2N5M7K1P0XYZA"}})
	return b.finish(r, run.Outcome{
		Item: run.Item{Key: b.policy.ID, Kind: "policy", Name: b.policy.Name, Type: b.policy.Type}, Status: run.OutcomeSucceeded, Version: 1,
		Numbers: map[string]int{"update": 1, "toWrite": 1}, Planned: d.Planned(key), At: epoch,
	})
}

// finish works a run of one item off.
func (b *bed) finish(r run.Run, o run.Outcome) run.Run {
	b.t.Helper()
	ctx := b.t.Context()
	at := r.CreatedAt.Add(time.Second)
	r, err := b.store.Claim(ctx, r.TenantID, r.ID, "own", at, at.Add(time.Minute))
	if err == nil {
		r, err = b.store.SavePlan(ctx, r.Fence(), []run.Item{o.Item}, at)
	}
	if err == nil {
		c := run.Counts{Total: 1}.Add(o.Status)
		end := &run.RunEnd{Status: c.FinalStatus(), At: at, Failure: o.Failure, Audit: r.EndAudit(c.FinalStatus(), nil, at)}
		var digest string
		if digest, err = run.ChainDigest("", []run.Outcome{o}); err == nil {
			r, err = b.store.CommitSlice(ctx, r.Fence(), run.SliceCommit{Outcomes: []run.Outcome{o}, At: at, PlanDigest: digest, End: end})
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &p)
	return p.Code
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (b *bed) do(user, method, path, body string, headers ...string) answer {
	b.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(b.t.Context(), method, path, r)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		req.Header.Set("X-Test-User", user)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, req)
	return answer{rec.Code, rec.Header(), rec.Body.Bytes()}
}

var update = flag.Bool("update", false, "rewrite docs/openapi.json")

const documentPath = "../../docs/openapi.json"

// The committed document is the one that the code makes.
func TestDocumentIsCommitted(t *testing.T) {
	raw, err := httpapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(documentPath, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, committed) {
		t.Error("docs/openapi.json is not what the code makes: run make generate")
	}
}

// need is the weakest role for each route of a tenant; "" is any signed-in user.
var need = map[string]run.Role{
	"GET /v1/me": "", "GET /v1/me/filters": "", "PUT /v1/me/filters/{filter}": "", "DELETE /v1/me/filters/{filter}": "", "GET /v1/policy-types": "", "GET /v1/tenants": "", "GET /v1/runs": "", "GET /v1/notifications": "",
	"POST /v1/notifications/read-all": "", "POST /v1/notifications/{notification}/read": "",
	"POST /v1/tenants":                                                  "platform",
	"GET /v1/tenants/{tenant}":                                          run.RoleViewer,
	"GET /v1/tenants/{tenant}/overview":                                 run.RoleViewer,
	"PATCH /v1/tenants/{tenant}":                                        run.RoleOwner,
	"GET /v1/tenants/{tenant}/members":                                  run.RoleViewer,
	"GET /v1/tenants/{tenant}/members/{user}":                           run.RoleViewer,
	"PUT /v1/tenants/{tenant}/members/{user}":                           run.RoleOwner,
	"DELETE /v1/tenants/{tenant}/members/{user}":                        run.RoleOwner,
	"GET /v1/tenants/{tenant}/policies":                                 run.RoleViewer,
	"GET /v1/tenants/{tenant}/policies/{policy}":                        run.RoleViewer,
	"GET /v1/tenants/{tenant}/policies/{policy}/versions":               run.RoleViewer,
	"GET /v1/tenants/{tenant}/policies/{policy}/versions/{number}":      run.RoleViewer,
	"GET /v1/tenants/{tenant}/policies/{policy}/versions/{number}/diff": run.RoleViewer,
	"GET /v1/tenants/{tenant}/runs":                                     run.RoleViewer,
	"GET /v1/tenants/{tenant}/runs/{run}":                               run.RoleViewer,
	"GET /v1/tenants/{tenant}/run-counts":                               run.RoleViewer,
	"GET /v1/tenants/{tenant}/policy-types":                             run.RoleViewer,
	"GET /v1/tenants/{tenant}/audit-events/export":                      run.RoleViewer,
	"GET /v1/tenants/{tenant}/runs/{run}/items":                         run.RoleViewer,
	"POST /v1/tenants/{tenant}/runs/{run}/cancel":                       run.RoleOperator, // of the run's operation
	"GET /v1/tenants/{tenant}/audit-events":                             run.RoleViewer,
	"POST /v1/tenants/{tenant}/connection-tests":                        run.RoleOperator,
	"POST /v1/tenants/{tenant}/inventory-syncs":                         run.RoleOperator,
	"POST /v1/tenants/{tenant}/policies/{policy}/snapshots":             run.RoleOperator,
	"POST /v1/tenants/{tenant}/snapshots":                               run.RoleOperator,
	"GET /v1/tenants/{tenant}/policies/{policy}/diff":                   run.RoleViewer,
	"GET /v1/tenants/{tenant}/backup-sets":                              run.RoleViewer,
	"POST /v1/tenants/{tenant}/backup-sets":                             run.RoleOperator,
	"GET /v1/tenants/{tenant}/backup-sets/{set}":                        run.RoleViewer,
	"PATCH /v1/tenants/{tenant}/backup-sets/{set}":                      run.RoleOperator,
	"DELETE /v1/tenants/{tenant}/backup-sets/{set}":                     run.RoleOwner,
	"POST /v1/tenants/{tenant}/backup-sets/{set}/recovery":              run.RoleOwner,
	"GET /v1/tenants/{tenant}/backup-sets/{set}/items":                  run.RoleViewer,
	"POST /v1/tenants/{tenant}/backup-sets/{set}/items":                 run.RoleOperator,
	"GET /v1/tenants/{tenant}/backup-sets/{set}/coverage":               run.RoleViewer,
	"GET /v1/tenants/{tenant}/backup-sets/{set}/comparison":             run.RoleViewer,
	"POST /v1/tenants/{tenant}/backup-sets/{set}/previews":              run.RoleOperator,
	"POST /v1/tenants/{tenant}/previews":                                run.RoleOperator,
	"GET /v1/tenants/{tenant}/runs/{run}/plan":                          run.RoleViewer,
	"GET /v1/tenants/{tenant}/runs/{run}/plan/{document}":               run.RoleViewer,
	"POST /v1/tenants/{tenant}/restores":                                run.RoleRestorer,
	"POST /v1/tenants/{tenant}/runs/{run}/reruns":                       run.RoleRestorer,
	"GET /v1/schedule-times":                                            "",
	"GET /v1/tenants/{tenant}/schedules":                                run.RoleViewer,
	"POST /v1/tenants/{tenant}/schedules":                               run.RoleOwner,
	"GET /v1/tenants/{tenant}/schedules/{schedule}":                     run.RoleViewer,
	"PATCH /v1/tenants/{tenant}/schedules/{schedule}":                   run.RoleOwner,
	"DELETE /v1/tenants/{tenant}/schedules/{schedule}":                  run.RoleOwner,
	"GET /v1/tenants/{tenant}/schedules/{schedule}/firings":             run.RoleViewer,
	"GET /v1/tenants/{tenant}/drift":                                    run.RoleViewer,
	"GET /v1/tenants/{tenant}/drift/{drift}":                            run.RoleViewer,
	"POST /v1/tenants/{tenant}/drift/{drift}/expected":                  run.RoleOperator,
	"GET /v1/tenants/{tenant}/subscription":                             run.RoleViewer,
	"PUT /v1/tenants/{tenant}/subscription":                             run.RoleViewer,
}

const newTenant = `{"name":"New","graphTenantId":"11111111-aaaa-4bbb-8ccc-000000000009","clientId":"22222222-aaaa-4bbb-8ccc-000000000009","credential":{"kind":"client_secret","clientSecret":"` + canary + `"},"owner":{"userId":"owner"}}`

// bodies are what a valid request of the route sends.
var bodies = map[string]string{
	"POST /v1/tenants":                                  newTenant,
	"PATCH /v1/tenants/{tenant}":                        `{"name":"Renamed"}`,
	"PUT /v1/tenants/{tenant}/members/{user}":           `{"role":"viewer"}`,
	"POST /v1/tenants/{tenant}/backup-sets":             `{"name":"Nightly","selection":{"all":true}}`,
	"PATCH /v1/tenants/{tenant}/backup-sets/{set}":      `{"name":"Renamed"}`,
	"POST /v1/tenants/{tenant}/backup-sets/{set}/items": `{"selection":{"all":true}}`,
	"POST /v1/tenants/{tenant}/schedules":               `{"name":"Nightly","operation":"backup_set.create","expression":"cron(0 2 * * ? *)","timeZone":"Europe/Berlin"}`,
	"PATCH /v1/tenants/{tenant}/schedules/{schedule}":   `{"paused":true}`,
	"PUT /v1/tenants/{tenant}/subscription":             `{"drift":true,"problems":false}`,
	"PUT /v1/me/filters/{filter}":                       `{"page":"runs","name":"Failed","query":"status=failed"}`,
	"POST /v1/tenants/{tenant}/snapshots":               `{"selection":{"policies":["{policy}"]}}`,
	"POST /v1/tenants/{tenant}/previews":                `{"versions":[{"policyId":"{policy}","version":1}]}`,
	"POST /v1/tenants/{tenant}/restores":                `{"planRunId":"{plan}","planDigest":"{digest}","tenantName":"Tenant A","reason":"CHG1"}`,
	"POST /v1/tenants/{tenant}/runs/{run}/reruns":       `{"which":"failed","tenantName":"Tenant A","reason":"CHG1"}`,
}

// body is what a valid request of the route sends.
func (b *bed) body(route string) string {
	if strings.Contains(route, "restores") {
		b.restores()
	}
	return strings.NewReplacer("{policy}", b.policy.ID, "{plan}", b.planned.ID, "{digest}", b.planned.PlanDigest).Replace(bodies[route])
}

// queries are what a valid request of the route asks.
var queries = map[string]string{
	"GET /v1/runs":           "?active=true",
	"GET /v1/schedule-times": "?expression=rate(2%20hours)",
	"DELETE /v1/tenants/{tenant}/backup-sets/{set}":         "?confirm=Baseline",
	"GET /v1/tenants/{tenant}/backup-sets/{set}/comparison": "?from={set}",
	"GET /v1/tenants/{tenant}/policies/{policy}/diff":       "?from=1",
}

// routes are all routes of the document: one that the table above lacks fails.
func routes(t *testing.T) []string {
	t.Helper()
	raw, err := httpapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var all []string
	for path, methods := range doc.Paths {
		for method := range methods {
			route := strings.ToUpper(method) + " " + path
			if _, ok := need[route]; !ok {
				t.Errorf("nobody wrote down who may call %s", route)
			}
			all = append(all, route)
		}
	}
	if len(all) != len(need) {
		t.Errorf("%d routes, %d in the table", len(all), len(need))
	}
	slices.Sort(all)
	return all
}

func (b *bed) path(route, tenant string) (method, path string) {
	method, path, _ = strings.Cut(route+queries[route], " ")
	about := b.ended.ID
	if strings.Contains(route, "/plan") || strings.Contains(route, "/reruns") {
		b.restores()
	}
	switch {
	case strings.Contains(route, "/plan"):
		about = b.planned.ID
	case strings.Contains(route, "/reruns"):
		about = b.restored.ID
	}
	return method, strings.NewReplacer("{tenant}", tenant, "{policy}", b.policy.ID, "{run}", about, "{document}", b.plan, "{number}", "1", "{user}", "viewer", "{notification}", "bm9uZQ",
		"{set}", b.set.ID, "{schedule}", b.schedule.ID, "{drift}", run.DriftID(b.ended.ID, b.policy.ID), "{filter}", "f1").Replace(path)
}

// Every route × every role × own tenant: who may and who may not.
func TestRolesOfEveryRoute(t *testing.T) {
	for _, route := range routes(t) {
		for _, role := range append(run.Roles(), "platform-admin", "stranger") {
			b := newBed(t)
			method, path := b.path(route, own)
			a := b.do(string(role), method, path, b.body(route))
			want := need[route]
			var allowed bool
			switch want {
			case "":
				allowed = true
			case "platform":
				allowed = role == "platform-admin"
			default:
				allowed = role.Includes(want)
			}
			switch {
			case allowed && a.status >= 400 && a.code() != "not_found" && a.code() != "run_ended":
				t.Errorf("%s as %s: %d %s", route, role, a.status, a.body)
			case !allowed && a.status != http.StatusForbidden:
				t.Errorf("%s as %s: %d, want 403", route, role, a.status)
			case !allowed && role.Valid() && a.code() != "forbidden_role":
				t.Errorf("%s as %s: %s, want forbidden_role", route, role, a.code())
			case !allowed && !role.Valid() && want != "platform" && a.code() != "forbidden_tenant":
				t.Errorf("%s as %s: %s, want forbidden_tenant", route, role, a.code())
			}
			if !allowed && (len(b.queue.sent) > 0 || b.secrets.puts > 0) {
				t.Errorf("%s as %s was refused and did something", route, role)
			}
		}
	}
}

// A foreign tenant, an absent one and one that cannot exist answer alike, on
// every route and for everybody, whatever else is wrong with the request.
func TestForeignTenantIsForbiddenEverywhere(t *testing.T) {
	for _, route := range routes(t) {
		if !strings.Contains(route, "{tenant}") {
			continue
		}
		for _, role := range append(run.Roles(), "platform-admin") {
			b := newBed(t)
			var first []byte
			for _, tenant := range []string{foreign, absent, "ten_1", "x", "%2e%2e", "T%23" + own} {
				method, path := b.path(route, tenant)
				a := b.do(string(role), method, path, b.body(route), "X-Request-Id", "same-for-all")
				if a.status != http.StatusForbidden || a.code() != "forbidden_tenant" {
					t.Errorf("%s as %s in %s: %d %s", route, role, tenant, a.status, a.body)
				}
				if first == nil {
					first = a.body
				}
				if !bytes.Equal(first, a.body) {
					t.Errorf("%s tells %s from others: %s", route, tenant, a.body)
				}
			}
		}
	}
}

func TestUnknownCallersGetNowhere(t *testing.T) {
	b := newBed(t)
	for _, route := range routes(t) {
		method, path := b.path(route, own)
		for user, code := range map[string]string{"": "unauthenticated", "expired": "session_expired", "broken": "unauthenticated", "not a user id": "unauthenticated"} {
			a := b.do(user, method, path, b.body(route))
			if a.status != http.StatusUnauthorized || a.code() != code || a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s as %q: %d %s", route, user, a.status, a.body)
			}
		}
	}
}

// A start answers with the run and where to read it.
func TestStart(t *testing.T) {
	b := newBed(t)
	a := b.do("operator", "POST", "/v1/tenants/"+own+"/policies/"+b.policy.ID+"/snapshots", "")
	var r httpapi.RunView
	a.into(t, &r)
	if a.status != http.StatusAccepted || r.Status != "queued" || r.Reused == nil || *r.Reused || a.header.Get("Location") != "/v1/tenants/"+own+"/runs/"+r.ID || a.header.Get("Retry-After") != "1" || r.Sentence != "Waiting to start." {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if len(b.queue.sent) != 1 || b.queue.sent[0].RunID != r.ID {
		t.Errorf("sent %+v", b.queue.sent)
	}
	if got := b.do("viewer", "GET", a.header.Get("Location"), ""); got.status != http.StatusOK {
		t.Errorf("reading the run: %d", got.status)
	}
}

// A hundred identical starts at once make one run; after its end a new start
// makes a new one.
func TestDoubleClick(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/policies/" + b.policy.ID + "/snapshots"
	var ids []string
	for range 2 {
		answers := make([]answer, 100)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = b.do("operator", "POST", path, "") })
		}
		wg.Wait()
		made, id := 0, ""
		for _, a := range answers {
			var r httpapi.RunView
			a.into(t, &r)
			if id == "" {
				id = r.ID
			}
			if a.status == http.StatusAccepted {
				made++
			} else if a.status != http.StatusOK || !*r.Reused {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if r.ID != id {
				t.Fatalf("two runs: %s and %s", id, r.ID)
			}
		}
		if made != 1 || slices.Contains(ids, id) {
			t.Errorf("%d runs made, ids %v and %s", made, ids, id)
		}
		ids = append(ids, id)
		r, err := b.store.Run(t.Context(), own, id)
		if err != nil {
			t.Fatal(err)
		}
		b.finish(r, run.Outcome{Item: run.Item{Key: b.policy.ID}, Status: run.OutcomeSucceeded})
	}
}

// A run is canceled by whoever may start it: at once when no worker holds it, else
// its worker is asked to stop. One that ended cannot be canceled.
func TestCancel(t *testing.T) {
	b := newBed(t)
	start := func() httpapi.RunView {
		var r httpapi.RunView
		b.do("operator", "POST", "/v1/tenants/"+own+"/inventory-syncs", "").into(t, &r)
		return r
	}
	cancel := func(user string, r httpapi.RunView) (answer, httpapi.RunView) {
		a := b.do(user, "POST", r.Links.Self+"/cancel", "")
		var v httpapi.RunView
		if a.status < 400 {
			a.into(t, &v)
		}
		return a, v
	}
	queued := start()
	if a, _ := cancel("viewer", queued); a.status != http.StatusForbidden || a.code() != "forbidden_role" {
		t.Errorf("as viewer: %d %s", a.status, a.body)
	}
	a, v := cancel("restorer", queued)
	if a.status != http.StatusOK || v.Status != "canceled" || v.Failure == nil || v.Failure.Severity != "info" ||
		v.Sentence != "restorer@contoso.example canceled the run after none of its items. The others were not touched." {
		t.Errorf("queued: %d %s", a.status, a.body)
	}
	if a, _ := cancel("operator", queued); a.status != http.StatusConflict || a.code() != "run_ended" {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	running := start()
	if running.ID == queued.ID || *running.Reused {
		t.Fatal("the lock of the canceled run is not free")
	}
	at := epoch.Add(time.Hour)
	r, err := b.store.Claim(t.Context(), own, running.ID, "own", at, at.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	a, v = cancel("operator", running)
	if a.status != http.StatusAccepted || a.header.Get("Retry-After") != "1" || v.Status != "running" || v.Progress.Phase != "canceling" ||
		v.CancelAt == nil || v.CanceledBy.Name != "operator@contoso.example" || v.Sentence != "Stopping after the items in progress." {
		t.Errorf("running: %d %s", a.status, a.body)
	}
	if r, err = b.store.Run(t.Context(), own, r.ID); err != nil || r.CancelAt == nil {
		t.Errorf("%+v, %v", r, err)
	}
	if a := b.do("operator", "POST", "/v1/tenants/"+own+"/runs/run_01J9Z3T6Q4W8R2N5M7K1P0XYZB/cancel", ""); a.status != http.StatusNotFound {
		t.Errorf("a run that is none: %d %s", a.status, a.body)
	}
}

// A run says how far it is, how fast it goes and when it will end, and says the
// same until something changes.
func TestProgress(t *testing.T) {
	b := newBed(t)
	var v httpapi.RunView
	b.do("operator", "POST", "/v1/tenants/"+own+"/inventory-syncs", "").into(t, &v)
	if v.Progress.Phase != "queued" {
		t.Errorf("queued: %+v", v.Progress)
	}
	look := func() (httpapi.RunView, string) {
		a := b.do("viewer", "GET", v.Links.Self, "")
		var now httpapi.RunView
		a.into(t, &now)
		return now, a.header.Get("ETag")
	}
	ctx, at := t.Context(), epoch.Add(time.Hour)
	step := func(r run.Run, err error) run.Run {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := step(b.store.Claim(ctx, own, v.ID, "own", at, at.Add(time.Minute)))
	if now, _ := look(); now.Progress.Phase != "planning" {
		t.Errorf("planning: %+v", now.Progress)
	}
	items := make([]run.Item, 100)
	outcomes := make([]run.Outcome, 25)
	for i := range items {
		items[i] = run.Item{Key: strconv.Itoa(i)}
		if i < len(outcomes) {
			outcomes[i] = run.Outcome{Item: items[i], Status: run.OutcomeSucceeded, At: at}
		}
	}
	r = step(b.store.SavePlan(ctx, r.Fence(), items, at))
	at = at.Add(30 * time.Second)
	r = step(b.store.CommitSlice(ctx, r.Fence(), run.SliceCommit{Outcomes: outcomes, At: at, LeaseUntil: at.Add(time.Minute)}))
	now, tag := look()
	if p := now.Progress; p.Phase != "working" || p.Done != 25 || p.PerMinute != 50 || p.EndsAt == nil || !p.EndsAt.Equal(at.Add(90*time.Second)) {
		t.Errorf("working: %+v", p)
	}
	if a := b.do("viewer", "GET", v.Links.Self, "", "If-None-Match", tag); a.status != http.StatusNotModified || len(a.body) != 0 {
		t.Errorf("a poll that finds nothing new: %d, %d bytes", a.status, len(a.body))
	}
	until := at.Add(5 * time.Minute)
	r = step(b.store.Release(ctx, r.Fence(), run.Pause{NotBefore: until, Waiting: &run.Waiting{Code: "graph_throttled", Until: until}, Progress: true, At: at}))
	if now, _ := look(); now.Progress.Phase != "waiting" || now.Waiting.Code != "graph_throttled" || !now.Progress.EndsAt.Equal(until.Add(90*time.Second)) ||
		now.Sentence != "Waiting for Microsoft Graph until 11:05 UTC. 25 of 100 types synced." {
		t.Errorf("waiting: %+v, %q", now.Progress, now.Sentence)
	}
	r = step(b.store.Claim(ctx, own, v.ID, "own2", until, until.Add(time.Minute)))
	r = step(b.store.Rescue(ctx, r, until.Add(2*time.Minute)))
	if now, _ := look(); now.Progress.Phase != "recovering" || now.Sentence != "A worker stopped. The run continues from item 26." {
		t.Errorf("recovering: %+v, %q", now.Progress, now.Sentence)
	}
	step(b.store.End(ctx, r.Fence(), r.Stop(run.Failure{Code: "deadline_exceeded"}, until.Add(time.Hour))))
	now, _ = look()
	if p := now.Progress; now.Status != "partial" || p.Phase != "ended" || p.Done != 25 || p.Untouched != 75 || p.EndsAt != nil || now.Counts.Skipped != 75 ||
		!strings.HasPrefix(now.Sentence, "The run was not finished after") || !strings.Contains(now.Sentence, "25 of 100") {
		t.Errorf("ended: %s %+v, %q", now.Status, p, now.Sentence)
	}
	a := b.do("viewer", "GET", v.Links.Items+"?reason=not_attempted&pageSize=1", "")
	var page struct {
		Items []httpapi.OutcomeView `json:"items"`
	}
	a.into(t, &page)
	if len(page.Items) != 1 || page.Items[0].Key != "25" || page.Items[0].Sentence != "The run ended before this item. It was not touched." {
		t.Errorf("untouched items: %s", a.body)
	}
}

// Another selection of a running operation is refused with the run in the way.
func TestConflictNamesTheRun(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/inventory-syncs"
	var r httpapi.RunView
	b.do("operator", "POST", path, "").into(t, &r)
	a := b.do("operator", "POST", path, `{"types":["device-configuration"]}`)
	var p httpapi.Problem
	a.into(t, &p)
	if a.status != http.StatusConflict || p.Code != "conflict_active_run" || p.ActiveRun == nil || p.ActiveRun.ID != r.ID || p.ActiveRun.Href != r.Links.Self {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// A start whose answer was lost is repeated with its key: also after the run
// ended it is the same run. The key does not fit other content.
func TestIdempotencyKey(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/policies/" + b.policy.ID + "/snapshots"
	var first, again httpapi.RunView
	b.do("operator", "POST", path, "", "Idempotency-Key", "k-1").into(t, &first)
	r, err := b.store.Run(t.Context(), own, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.finish(r, run.Outcome{Item: run.Item{Key: b.policy.ID}, Status: run.OutcomeSucceeded})
	a := b.do("operator", "POST", path, "", "Idempotency-Key", "k-1")
	a.into(t, &again)
	if a.status != http.StatusOK || again.ID != first.ID || !*again.Reused {
		t.Errorf("repeat: %d %s", a.status, again.ID)
	}
	b.do("operator", "POST", "/v1/tenants/"+own+"/inventory-syncs", "", "Idempotency-Key", "k-2")
	if a := b.do("operator", "POST", "/v1/tenants/"+own+"/inventory-syncs", `{"types":["device-configuration"]}`, "Idempotency-Key", "k-2"); a.status != 422 || a.code() != "idempotency_key_reused" {
		t.Errorf("key with other content: %d %s", a.status, a.body)
	}
}

// When the message cannot be sent the run ends at once and its lock is free.
func TestDispatchFails(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/policies/" + b.policy.ID + "/snapshots"
	b.queue.err = errors.New("queue said " + canary)
	a := b.do("operator", "POST", path, "")
	var r httpapi.RunView
	a.into(t, &r)
	if r.Status != "failed" || r.Failure == nil || r.Failure.Code != "dispatch_failed" || r.Failure.Sentence == "" || r.Failure.Next == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if strings.Contains(string(a.body), canary) {
		t.Error("the answer shows what the queue said")
	}
	b.queue.err = nil
	var next httpapi.RunView
	b.do("operator", "POST", path, "").into(t, &next)
	if next.ID == r.ID || next.Status != "queued" {
		t.Errorf("the lock is not free: %+v", next)
	}
}

// Bad input is answered with the field that is wrong, and nothing is written.
func TestBadInput(t *testing.T) {
	tenantPath := "/v1/tenants/" + own
	for name, tc := range map[string]struct {
		user, method, path, body string
		status                   int
		code, location           string
	}{
		"not JSON":               {"owner", "PATCH", tenantPath, `{"name":`, 400, "bad_request", ""},
		"unknown field":          {"owner", "PATCH", tenantPath, `{"label":"x"}`, 422, "validation_error", "body.label"},
		"wrong type":             {"owner", "PATCH", tenantPath, `{"name":7}`, 422, "validation_error", "body.name"},
		"blank name":             {"owner", "PATCH", tenantPath, `{"name":"  "}`, 422, "validation_error", "body.name"},
		"invisible name":         {"owner", "PATCH", tenantPath, "{\"name\":\" \\t\u00a0\u200b\u200d\"}", 422, "validation_error", "body.name"},
		"no guid":                {"owner", "PATCH", tenantPath, `{"clientId":"x"}`, 422, "validation_error", "body.clientId"},
		"unknown cloud":          {"owner", "PATCH", tenantPath, `{"cloud":"moon"}`, 422, "validation_error", "body.cloud"},
		"no secret":              {"owner", "PATCH", tenantPath, `{"credential":{"kind":"client_secret"}}`, 422, "validation_error", "body.credential.clientSecret"},
		"two credentials":        {"owner", "PATCH", tenantPath, `{"credential":{"kind":"client_secret","clientSecret":"` + canary + `","certificate":"x"}}`, 422, "validation_error", "body.credential.clientSecret"},
		"no certificate":         {"owner", "PATCH", tenantPath, `{"credential":{"kind":"certificate","certificate":"` + canary + `"}}`, 422, "validation_error", "body.credential.certificate"},
		"unknown role":           {"owner", "PUT", tenantPath + "/members/new", `{"role":"god"}`, 422, "validation_error", "body.role"},
		"hostile user id":        {"owner", "PUT", tenantPath + "/members/a%23b", `{"role":"viewer"}`, 422, "validation_error", "path.user"},
		"too large":              {"owner", "PATCH", tenantPath, `{"name":"` + strings.Repeat("x", httpapi.MaxBodyBytes) + `"}`, 413, "too_large", ""},
		"unknown type":           {"operator", "POST", tenantPath + "/inventory-syncs", `{"types":["device-configuration","nope"]}`, 422, "validation_error", "body.types[1]"},
		"unknown policy":         {"operator", "POST", tenantPath + "/policies/pol_00000000000000000000000000/snapshots", "", 404, "not_found", ""},
		"hostile policy":         {"operator", "POST", tenantPath + "/policies/..%2f..%2fx/snapshots", "", 404, "not_found", ""},
		"policy of nobody":       {"viewer", "GET", tenantPath + "/policies/x", "", 404, "not_found", ""},
		"run of nobody":          {"viewer", "GET", tenantPath + "/runs/x", "", 404, "not_found", ""},
		"version 0":              {"viewer", "GET", tenantPath + "/policies/{policy}/versions/0", "", 422, "validation_error", "path.number"},
		"version 99":             {"viewer", "GET", tenantPath + "/policies/{policy}/versions/99", "", 404, "not_found", ""},
		"page token":             {"viewer", "GET", tenantPath + "/runs?pageToken=bm9uZQ", "", 400, "bad_request", "query.pageToken"},
		"page size":              {"viewer", "GET", tenantPath + "/runs?pageSize=9999", "", 422, "validation_error", "query.pageSize"},
		"unknown query":          {"viewer", "GET", tenantPath + "/runs?staus=failed", "", 422, "validation_error", "query.staus"},
		"unknown status":         {"viewer", "GET", tenantPath + "/runs?status=done", "", 422, "validation_error", "query.status[0]"},
		"no time":                {"viewer", "GET", tenantPath + "/runs?from=yesterday", "", 422, "validation_error", "query.from"},
		"unknown path":           {"viewer", "GET", "/v1/nothing", "", 404, "not_found", ""},
		"notification of nobody": {"viewer", "POST", "/v1/notifications/x/read", "", 404, "not_found", ""},
		"not for administrators": {"platform-admin", "POST", "/v1/tenants", `{"name":"x"}`, 422, "validation_error", "body"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			before := b.store.Dump()
			a := b.do(tc.user, tc.method, strings.ReplaceAll(tc.path, "{policy}", b.policy.ID), tc.body)
			var p httpapi.Problem
			a.into(t, &p)
			if a.status != tc.status || p.Code != tc.code || p.Status != tc.status || p.RequestID == "" || p.Detail == "" || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if tc.location != "" && !slices.ContainsFunc(p.Errors, func(e httpapi.FieldError) bool { return e.Location == tc.location }) {
				t.Errorf("no field %s in %s", tc.location, a.body)
			}
			if strings.Contains(string(a.body), canary) {
				t.Errorf("the answer quotes a secret: %s", a.body)
			}
			if b.store.Dump() != before || len(b.queue.sent) > 0 || b.secrets.puts > 0 {
				t.Error("something was written")
			}
		})
	}
}

// What is polled costs nothing while it does not change.
func TestNotModified(t *testing.T) {
	b := newBed(t)
	for _, path := range []string{
		"/v1/tenants/" + own + "/runs/" + b.ended.ID, "/v1/tenants/" + own + "/runs", "/v1/tenants/" + own + "/runs/" + b.ended.ID + "/items",
		"/v1/runs?active=true", "/v1/notifications", "/v1/tenants/" + own + "/policies",
	} {
		a := b.do("viewer", "GET", path, "")
		tag := a.header.Get("ETag")
		if a.status != http.StatusOK || tag == "" {
			t.Fatalf("%s: %d, tag %q", path, a.status, tag)
		}
		again := b.do("viewer", "GET", path, "", "If-None-Match", `"other", W/`+tag)
		if again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("%s: %d with %d bytes", path, again.status, len(again.body))
		}
		if other := b.do("viewer", "GET", path, "", "If-None-Match", `"other"`); other.status != http.StatusOK {
			t.Errorf("%s with another tag: %d", path, other.status)
		}
	}
}

func TestFiltersAndPages(t *testing.T) {
	b := newBed(t)
	var list struct {
		Items         []httpapi.RunView `json:"items"`
		NextPageToken string            `json:"nextPageToken"`
	}
	base := "/v1/tenants/" + own + "/runs"
	for i := range 5 {
		_, err := (&start.Starter{Runs: b.store, Queue: b.queue, Now: func() time.Time { return epoch.Add(time.Duration(i+1) * time.Minute) }, Log: slog.New(slog.DiscardHandler)}).
			Start(t.Context(), start.Request{TenantID: own, Principal: run.Principal{UserID: "owner"}, Operation: run.OpInventorySync, Scope: fmt.Sprint(i), Deadline: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{
		"": 6, "?status=queued": 5, "?status=succeeded&status=partial": 1, "?operation=inventory.sync": 5, "?operation=connection.test": 0,
		"?policy=" + b.policy.ID: 1, "?initiator=owner": 5, "?from=2026-11-21T10:03:00Z": 3, "?to=2026-11-21T10:03:00Z": 3, "?from=2026-11-21T10:01:00Z&to=2026-11-21T10:02:00Z": 1,
	} {
		list.Items = nil
		b.do("viewer", "GET", base+query, "").into(t, &list)
		if len(list.Items) != want {
			t.Errorf("%s: %d runs, want %d", query, len(list.Items), want)
		}
	}
	seen := map[string]bool{}
	token := ""
	for range 10 {
		list.Items, list.NextPageToken = nil, ""
		b.do("viewer", "GET", base+"?pageSize=2&pageToken="+token, "").into(t, &list)
		for _, r := range list.Items {
			if seen[r.ID] {
				t.Errorf("%s is on two pages", r.ID)
			}
			seen[r.ID] = true
		}
		if token = list.NextPageToken; token == "" {
			break
		}
		if a := b.do("operator", "GET", base+"?pageSize=2&pageToken="+token, ""); a.status != http.StatusBadRequest {
			t.Errorf("another caller's page token: %d", a.status)
		}
		if a := b.do("viewer", "GET", base+"?pageSize=2&status=queued&pageToken="+token, ""); a.status != http.StatusBadRequest {
			t.Errorf("a page token with other filters: %d", a.status)
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d of 6 runs on the pages", len(seen))
	}
}

// The content of a version reaches the reader as it was captured.
func TestVersionContentIsExact(t *testing.T) {
	b := newBed(t)
	a := b.do("viewer", "GET", "/v1/tenants/"+own+"/policies/"+b.policy.ID+"/versions/1", "")
	if a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`9007199254740993`)) || !bytes.Contains(a.body, []byte(`"<b>&"`)) {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Who could compare fingerprints could tell equal secrets.
	if bytes.Contains(a.body, []byte("fingerprint")) {
		t.Errorf("what stands for a secret is shown: %s", a.body)
	}
}

// A large version travels compressed; without that it is refused, not cut off.
func TestLargeVersion(t *testing.T) {
	b := newBed(t)
	large := []byte(`{"object":{"text":"` + strings.Repeat("configuration ", 500_000) + `"}}`)
	key, err := b.archive.Put(t.Context(), own, large)
	if err != nil {
		t.Fatal(err)
	}
	v := run.Version{TenantID: own, PolicyID: b.policy.ID, Number: 2, PayloadKey: key, Complete: true, CapturedAt: epoch}
	if _, err := b.store.AddVersion(t.Context(), run.NewVersion{Version: v, Policy: b.policy}); err != nil {
		t.Fatal(err)
	}
	path := "/v1/tenants/" + own + "/policies/" + b.policy.ID + "/versions/2"
	if a := b.do("viewer", "GET", path, ""); a.status != http.StatusRequestEntityTooLarge || a.code() != "too_large" {
		t.Errorf("plain: %d, %d bytes", a.status, len(a.body))
	}
	a := b.do("viewer", "GET", path, "", "Accept-Encoding", "gzip, br")
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil || a.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%d %v %v", a.status, a.header, err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !bytes.Contains(plain, large) {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
}

// The items of a run say in words what became of them.
func TestItems(t *testing.T) {
	b := newBed(t)
	var list struct{ Items []httpapi.OutcomeView }
	b.do("viewer", "GET", "/v1/tenants/"+own+"/runs/"+b.ended.ID+"/items", "").into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Code != "unchanged" || !strings.Contains(list.Items[0].Sentence, "version 1") || list.Items[0].Attention {
		t.Errorf("%+v", list.Items)
	}
	b.do("viewer", "GET", "/v1/tenants/"+own+"/runs/"+b.ended.ID+"/items?outcome=failed", "").into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("failed items: %+v", list.Items)
	}
}

func TestMembers(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/members/"
	a := b.do("owner", "PUT", path+"new-user", `{"role":"operator","name":"New"}`)
	if a.status != http.StatusCreated {
		t.Fatalf("add: %d %s", a.status, a.body)
	}
	tag := a.header.Get("ETag")
	if a := b.do("owner", "PUT", path+"new-user", `{"role":"viewer"}`, "If-Match", tag); a.status != http.StatusOK {
		t.Errorf("change: %d %s", a.status, a.body)
	}
	if a := b.do("owner", "PUT", path+"new-user", `{"role":"owner"}`, "If-Match", tag); a.status != http.StatusPreconditionFailed || a.code() != "changed_meanwhile" {
		t.Errorf("change of what changed meanwhile: %d %s", a.status, a.body)
	}
	if a := b.do("owner", "DELETE", path+"new-user", ""); a.status != http.StatusNoContent {
		t.Errorf("remove: %d %s", a.status, a.body)
	}
	if a := b.do("owner", "DELETE", path+"new-user", ""); a.status != http.StatusNotFound {
		t.Errorf("remove again: %d %s", a.status, a.body)
	}
	if a := b.do("owner", "DELETE", path+"ownerA", ""); a.status != http.StatusNoContent {
		t.Errorf("remove one of two owners: %d", a.status)
	}
	for _, a := range []answer{b.do("owner", "DELETE", path+"owner", ""), b.do("owner", "PUT", path+"owner", `{"role":"viewer"}`)} {
		if a.status != http.StatusConflict || a.code() != "last_owner" {
			t.Errorf("the last owner goes: %d %s", a.status, a.body)
		}
	}
}

// A new credential is stored, audited and never shown.
func TestCredentialNeverShows(t *testing.T) {
	b := newBed(t)
	a := b.do("platform-admin", "POST", "/v1/tenants", newTenant)
	var view httpapi.TenantView
	a.into(t, &view)
	if a.status != http.StatusCreated || b.secrets.puts != 1 || a.header.Get("Location") != "/v1/tenants/"+view.ID {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.do("platform-admin", "GET", "/v1/tenants/"+view.ID, ""); a.status != http.StatusForbidden {
		t.Errorf("the platform administrator reads the tenant: %d", a.status)
	}
	p := b.do("owner", "PATCH", "/v1/tenants/"+view.ID, `{"credential":{"kind":"client_secret","clientSecret":"`+canary+`"}}`)
	if p.status != http.StatusOK || b.secrets.puts != 2 {
		t.Errorf("rotate: %d %s", p.status, p.body)
	}
	audit := b.do("owner", "GET", "/v1/tenants/"+view.ID+"/audit-events", "")
	if !bytes.Contains(audit.body, []byte("tenant.credential_changed")) {
		t.Errorf("audit: %s", audit.body)
	}
	for what, text := range map[string]string{"answers": string(a.body) + string(p.body) + string(audit.body), "records": b.store.Dump(), "logs": b.logs.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("the secret shows in %s", what)
		}
	}
}

// A notification belongs to one user; nobody else sees or marks it.
func TestNotifications(t *testing.T) {
	b := newBed(t)
	n := run.Notification{UserID: "operator", TenantID: own, TenantName: "Tenant A", RunID: b.ended.ID, Kind: run.NotifyEnded, At: epoch, Operation: b.ended.Operation, Status: run.StatusSucceeded, Target: b.ended.Target, Counts: b.ended.Counts, Totals: map[string]int{"unchanged": 1}}
	if err := b.store.PutNotification(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items       []httpapi.NotificationView
		UnreadCount int
	}
	b.do("operator", "GET", "/v1/notifications", "").into(t, &list)
	if len(list.Items) != 1 || list.UnreadCount != 1 || !strings.Contains(list.Items[0].Title, "unchanged") || !strings.Contains(list.Items[0].Body, "Tenant A") {
		t.Fatalf("%+v", list)
	}
	id := list.Items[0].ID
	if a := b.do("owner", "POST", "/v1/notifications/"+id+"/read", ""); a.status != http.StatusNotFound {
		t.Errorf("another user marks it: %d", a.status)
	}
	if a := b.do("operator", "POST", "/v1/notifications/"+id+"/read", ""); a.status != http.StatusNoContent {
		t.Errorf("mark read: %d %s", a.status, a.body)
	}
	b.do("operator", "GET", "/v1/notifications?show=unread", "").into(t, &list)
	if len(list.Items) != 0 || list.UnreadCount != 0 {
		t.Errorf("after reading: %+v", list)
	}
	m, err := b.store.Member(t.Context(), own, "operator")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.DeleteMember(t.Context(), own, "operator", m.Rev, run.AuditEvent{TenantID: own, At: epoch}); err != nil {
		t.Fatal(err)
	}
	b.do("operator", "GET", "/v1/notifications", "").into(t, &list)
	if len(list.Items) != 0 || list.UnreadCount != 0 {
		t.Errorf("a removed member sees %+v", list)
	}
	b.do("owner", "GET", "/v1/notifications", "").into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("the owner sees the operator's: %+v", list.Items)
	}
}

// A store that fails gives an answer without its words, and is logged once.
func TestInternalFaultsStayInside(t *testing.T) {
	b := newBed(t)
	b.store.Hook = func(method string, _ bool) error {
		if method == "Run" {
			return errors.New("table said " + canary)
		}
		return nil
	}
	a := b.do("viewer", "GET", "/v1/tenants/"+own+"/runs/"+b.ended.ID, "", "X-Request-Id", "support-1234")
	if a.status != http.StatusInternalServerError || a.code() != "internal" || strings.Contains(string(a.body), canary) || !strings.Contains(string(a.body), "support-1234") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(b.logs.String(), `"route":"GET /v1/tenants/{tenant}/runs/{run}"`) {
		t.Error("the log does not name the route")
	}
	if got := strings.Count(b.logs.String(), "request failed"); got != 1 {
		t.Errorf("logged %d times", got)
	}
}

// The request path makes at most five calls of storage and queue for a start.
func TestStartIsCheap(t *testing.T) {
	b := newBed(t)
	calls := 0
	b.store.Hook = func(_ string, done bool) error {
		if !done {
			calls++
		}
		return nil
	}
	b.do("operator", "POST", "/v1/tenants/"+own+"/policies/"+b.policy.ID+"/snapshots", "")
	if total := calls + len(b.queue.sent); total > 5 {
		t.Errorf("%d calls", total)
	}
}
