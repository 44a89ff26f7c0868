// Package functions runs the real function binaries over the Lambda Runtime
// API, with the events below /events: the same files that "sam local invoke"
// takes. It needs no container engine.
package functions

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
	"tenantatlas/tests/lambdaruntime"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

var update = flag.Bool("update", false, "record the stream events anew")

// The stream events tell of this run.
var (
	recordedAt = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	recorded   = run.Run{
		ID: "run_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantName: "Contoso", Operation: run.OpInventorySync,
		Target: run.Target{Kind: run.TargetTenant, ID: "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA", Name: "Contoso"}, Initiator: run.Initiator{UserID: "event-user", Name: "Anna"},
		Input: json.RawMessage(`{}`), KeyHash: "key", PayloadHash: "payload", Status: run.StatusQueued,
		CreatedAt: recordedAt, UpdatedAt: recordedAt, DeadlineAt: recordedAt.Add(time.Hour), DispatchSeq: 1,
	}
)

// wants says what each event must lead to. An event that is not here, and a
// line without its event, fail.
var wants = map[string]func(*testing.T, *bed, lambdaruntime.Answer){
	"api-health.json":                   status(200, ""),
	"api-openapi.json":                  status(200, ""),
	"api-me.json":                       status(200, ""),
	"api-no-caller.json":                status(401, "unauthenticated"),
	"api-list-tenants.json":             status(200, ""),
	"api-foreign-tenant.json":           status(403, "forbidden_tenant"),
	"api-start-snapshot-forbidden.json": status(403, "forbidden_tenant"),
	"api-create-tenant-forbidden.json":  status(403, "forbidden_role"),
	"api-read-all-notifications.json":   status(204, ""),
	"api-unknown-path.json":             status(404, "not_found"),
	"api-unknown-field.json":            status(422, "validation_error"),

	"connection-test-no-such-run.json":             done,
	"connection-test-malformed.json":               comesAgain,
	"connection-test-unknown-version.json":         comesAgain,
	"inventory-sync-no-such-run.json":              done,
	"inventory-sync-malformed.json":                comesAgain,
	"inventory-sync-unknown-version.json":          comesAgain,
	"policy-capture-snapshot-no-such-run.json":     done,
	"policy-capture-snapshot-malformed.json":       comesAgain,
	"policy-capture-snapshot-unknown-version.json": comesAgain,
	"backup-set-create-no-such-run.json":           done,
	"backup-set-create-malformed.json":             comesAgain,
	"backup-set-create-unknown-version.json":       comesAgain,
	"backup-set-add-policies-no-such-run.json":     done,
	"backup-set-add-policies-malformed.json":       comesAgain,
	"backup-set-add-policies-unknown-version.json": comesAgain,
	"restore-preview-no-such-run.json":             done,
	"restore-preview-malformed.json":               comesAgain,
	"restore-preview-unknown-version.json":         comesAgain,
	"restore-execute-no-such-run.json":             done,
	"restore-execute-malformed.json":               comesAgain,
	"restore-execute-unknown-version.json":         comesAgain,
	"restore-rerun-no-such-run.json":               done,
	"restore-rerun-malformed.json":                 comesAgain,
	"restore-rerun-unknown-version.json":           comesAgain,

	"scheduler-no-such-schedule.json": fires,
	"scheduler-malformed.json":        refuses,

	"dead-letters-no-such-run.json":     done,
	"dead-letters-malformed.json":       comesAgain,
	"dead-letters-unknown-version.json": comesAgain,

	"sweeper-minute.json": sweeps,

	"notifier-run-queued.json": notifies(run.NotifyQueued),
	"notifier-run-ended.json":  notifies(run.NotifyRunning, run.NotifyEnded),
	"notifier-other-item.json": done,
	"notifier-corrupt.json":    comesAgain,

	"console-index.json":  page,
	"console-config.json": status(200, ""),
}

// page expects the console's page, or its word that it is not built: the Go tests
// need no npm.
func page(t *testing.T, b *bed, got lambdaruntime.Answer) {
	t.Helper()
	want := 200
	if _, err := os.Stat("../../console/dist/index.html"); errors.Is(err, fs.ErrNotExist) {
		want = 503
	}
	status(want, "")(t, b, got)
}

func status(want int, code string) func(*testing.T, *bed, lambdaruntime.Answer) {
	return func(t *testing.T, _ *bed, got lambdaruntime.Answer) {
		t.Helper()
		var resp events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(got.Body, &resp); err != nil || got.Failed {
			t.Fatalf("%s, %v", got.Body, err)
		}
		var problem struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal([]byte(resp.Body), &problem)
		if resp.StatusCode != want || problem.Code != code {
			t.Errorf("%d %s, want %d %s: %s", resp.StatusCode, problem.Code, want, code, resp.Body)
		}
	}
}

// failures reads a partial batch answer. The list must be there: a null breaks
// consumers that expect an array.
func failures(t *testing.T, got lambdaruntime.Answer) int {
	t.Helper()
	var resp struct {
		BatchItemFailures *[]json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(got.Body, &resp); err != nil || got.Failed || resp.BatchItemFailures == nil {
		t.Fatalf("%s, %v", got.Body, err)
	}
	return len(*resp.BatchItemFailures)
}

func done(t *testing.T, _ *bed, got lambdaruntime.Answer) {
	t.Helper()
	if n := failures(t, got); n != 0 {
		t.Errorf("%d messages come again", n)
	}
}

func comesAgain(t *testing.T, _ *bed, got lambdaruntime.Answer) {
	t.Helper()
	if n := failures(t, got); n != 1 {
		t.Errorf("%d messages come again, want 1", n)
	}
}

// fires wants a firing that was dealt with: of a schedule that is not there, by doing
// nothing.
func fires(t *testing.T, _ *bed, got lambdaruntime.Answer) {
	t.Helper()
	if string(got.Body) != "{}" || got.Failed {
		t.Errorf("%s", got.Body)
	}
}

// refuses wants a failure, so that the event ends where a person sees it.
func refuses(t *testing.T, _ *bed, got lambdaruntime.Answer) {
	t.Helper()
	if !got.Failed {
		t.Errorf("%s", got.Body)
	}
}

// sweeps wants a sweep that dealt with all it saw.
func sweeps(t *testing.T, _ *bed, got lambdaruntime.Answer) {
	t.Helper()
	var report struct{ Faults *int }
	if err := json.Unmarshal(got.Body, &report); err != nil || got.Failed || report.Faults == nil || *report.Faults != 0 {
		t.Errorf("%s, %v", got.Body, err)
	}
}

func notifies(kinds ...run.NotificationKind) func(*testing.T, *bed, lambdaruntime.Answer) {
	return func(t *testing.T, b *bed, got lambdaruntime.Answer) {
		t.Helper()
		done(t, b, got)
		page, err := b.store.Notifications(t.Context(), run.NotificationQuery{UserID: "event-user"}, run.PageRequest{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds {
			n := 0
			for _, note := range page.Items {
				if note.Kind == kind {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d notifications of kind %s", n, kind)
			}
		}
	}
}

// bed is the AWS that the functions see.
type bed struct {
	endpoint string
	table    string
	client   *dynamodb.Client
	store    *dynamostore.Store
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{endpoint: localaws.Ministack(t)}
	b.client = dynamodb.NewFromConfig(localaws.Config(b.endpoint, nil))
	b.table = localaws.CreateTable(t, b.client)
	b.store = dynamostore.New(b.client, b.table, dynamostore.Options{})
	return b
}

func (b *bed) env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + b.endpoint, "AWS_REGION=" + localaws.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"TABLE_NAME=" + b.table, "ARCHIVE_BUCKET=archive", "SECRET_PREFIX=test", "API_SCOPE=tenantatlas/api",
		"SEALING_KEY_ID=sealing", "FINGERPRINT_KEY_ID=fingerprint",
		"QUEUE_CONNECTION_TEST_URL=" + b.endpoint + "/000000000000/connection-test", "QUEUE_INVENTORY_SYNC_URL=" + b.endpoint + "/000000000000/inventory-sync",
		"QUEUE_POLICY_CAPTURE_SNAPSHOT_URL=" + b.endpoint + "/000000000000/policy-capture-snapshot",
		"QUEUE_BACKUP_SET_CREATE_URL=" + b.endpoint + "/000000000000/backup-set-create", "QUEUE_BACKUP_SET_ADD_POLICIES_URL=" + b.endpoint + "/000000000000/backup-set-add-policies",
		"QUEUE_RESTORE_PREVIEW_URL=" + b.endpoint + "/000000000000/restore-preview", "QUEUE_RESTORE_EXECUTE_URL=" + b.endpoint + "/000000000000/restore-execute",
		"QUEUE_RESTORE_RERUN_URL=" + b.endpoint + "/000000000000/restore-rerun",
		"SCHEDULE_GROUP=default", "SCHEDULE_TARGET_ARN=arn:aws:lambda:eu-central-1:000000000000:function:scheduler",
		"SCHEDULE_ROLE_ARN=arn:aws:iam::000000000000:role/fire", "SCHEDULE_FAILURES_ARN=arn:aws:sqs:eu-central-1:000000000000:failures",
		"OIDC_ISSUER=https://issuer.example", "OIDC_CLIENT_ID=client", "OIDC_AUDIENCE=client",
		"OIDC_AUTHORIZE_URL=https://issuer.example/authorize", "OIDC_TOKEN_URL=https://issuer.example/token", "OIDC_LOGOUT_URL=https://issuer.example/logout",
	}
}

// Every function works with each of its events.
func TestEvents(t *testing.T) {
	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t)
	if *update {
		record(t, newBed(t), root)
	}
	names, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range names {
		name := filepath.Base(path)
		seen[name] = true
		if wants[name] == nil {
			t.Errorf("nobody wrote down what events/%s leads to", name)
		}
	}
	for name := range wants {
		if !seen[name] {
			t.Errorf("events/%s is missing", name)
		}
	}
	folders, err := filepath.Glob(filepath.Join(root, "functions", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		fn := filepath.Base(folder)
		t.Run(fn, func(t *testing.T) {
			mine := slices.DeleteFunc(slices.Clone(names), func(path string) bool { return !strings.HasPrefix(filepath.Base(path), fn+"-") })
			if len(mine) == 0 {
				t.Fatal("no event for this function")
			}
			f := launch(t, lambdaruntime.Build(t, fn), b.env())
			for _, path := range mine {
				name := filepath.Base(path)
				event, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // a repeat makes no difference
					got := f.invoke(event)
					if want := wants[name]; want != nil {
						t.Run(strings.TrimSuffix(name, ".json"), func(t *testing.T) { want(t, b, got) })
					}
				}
			}
			if strings.Contains(f.Output(), "not-a-real-secret") {
				t.Error("a secret of a request is in the log")
			}
		})
	}
}

// A function that lacks its settings says which, all at once, and ends.
func TestMissingSettings(t *testing.T) {
	for fn, settings := range map[string][]string{
		"api":                     {"TABLE_NAME", "ARCHIVE_BUCKET", "SECRET_PREFIX", "QUEUE_INVENTORY_SYNC_URL", "SCHEDULE_GROUP"},
		"scheduler":               {"TABLE_NAME", "QUEUE_BACKUP_SET_CREATE_URL"},
		"policy-capture-snapshot": {"TABLE_NAME", "ARCHIVE_BUCKET", "SEALING_KEY_ID", "FINGERPRINT_KEY_ID"},
	} {
		t.Run(fn, func(t *testing.T) {
			f := launch(t, lambdaruntime.Build(t, fn), []string{"AWS_REGION=" + localaws.Region})
			deadline := time.After(30 * time.Second)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for !strings.Contains(f.Output(), "function cannot start") {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("it wrote: %s", f.Output())
				}
			}
			for _, name := range settings {
				if !strings.Contains(f.Output(), name) {
					t.Errorf("does not name %s: %s", name, f.Output())
				}
			}
		})
	}
}

// record writes the stream events as the table's stream would carry them.
func record(t *testing.T, b *bed, root string) {
	t.Helper()
	ctx := t.Context()
	r := recorded
	tenant := run.Tenant{ID: r.TenantID, Name: r.TenantName, Cloud: run.CloudGlobal, CreatedAt: recordedAt, UpdatedAt: recordedAt}
	owner := run.Member{TenantID: r.TenantID, UserID: r.Initiator.UserID, Role: run.RoleOwner, CreatedAt: recordedAt, UpdatedAt: recordedAt}
	if err := b.store.CreateTenant(ctx, tenant, owner, run.AuditEvent{TenantID: r.TenantID, At: recordedAt, Event: run.AuditTenantCreated}); err != nil {
		t.Fatal(err)
	}
	audit := run.AuditEvent{TenantID: r.TenantID, At: recordedAt, Event: run.AuditRunRequested, RunID: r.ID}
	if err := b.store.CreateRun(ctx, run.NewRun{Run: r, Role: run.RoleOperator, Audit: audit}); err != nil {
		t.Fatal(err)
	}
	queued := b.image(t)
	r, err := b.store.Claim(ctx, r.TenantID, r.ID, "own", recordedAt.Add(time.Second), recordedAt.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	running := b.image(t)
	if r, err = b.store.SavePlan(ctx, r.Fence(), []run.Item{{Key: "device-configuration", Kind: "policy_type", Name: "Device configuration"}}, recordedAt.Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	end := recordedAt.Add(3 * time.Second)
	_, err = b.store.CommitSlice(ctx, r.Fence(), run.SliceCommit{
		Outcomes: []run.Outcome{{Item: run.Item{Key: "device-configuration"}, Status: run.OutcomeSucceeded, At: end}}, At: end, LeaseUntil: end,
		End: &run.RunEnd{Status: run.StatusSucceeded, At: end, Audit: r.EndAudit(run.StatusSucceeded, nil, end)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := b.image(t)
	write(t, root, "notifier-run-queued.json", change("INSERT", nil, queued))
	write(t, root, "notifier-run-ended.json", change("MODIFY", queued, running), change("MODIFY", running, ended))
	write(t, root, "notifier-other-item.json", change("INSERT", nil, map[string]any{"PK": s("T#ten_1#"), "SK": s("META"), "entity": s("Tenant")}))
	write(t, root, "notifier-corrupt.json", change("INSERT", nil, map[string]any{"PK": s("T#ten_1#R#run_1"), "SK": s("RUN"), "entity": s("Run"), "epoch": s("not a number")}))
}

func s(v string) map[string]any { return map[string]any{"S": v} }

func (b *bed) image(t *testing.T) map[string]any {
	t.Helper()
	out, err := b.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &b.table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		if v, ok := item["entity"].(*types.AttributeValueMemberS); ok && v.Value == "Run" {
			image, _ := plain(t, &types.AttributeValueMemberM{Value: item})["M"].(map[string]any)
			return image
		}
	}
	t.Fatal("the table holds no run")
	return nil
}

// plain writes an attribute as the stream does.
func plain(t *testing.T, v types.AttributeValue) map[string]any {
	t.Helper()
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return s(v.Value)
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": true}
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			list[i] = plain(t, e)
		}
		return map[string]any{"L": list}
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for k, e := range v.Value {
			m[k] = plain(t, e)
		}
		return map[string]any{"M": m}
	}
	t.Fatalf("attribute of type %T", v)
	return nil
}

func change(kind string, before, after map[string]any) map[string]any {
	images := map[string]any{
		"ApproximateCreationDateTime": recordedAt.Unix(), "SequenceNumber": "100000000000000000001", "SizeBytes": 1000, "StreamViewType": "NEW_AND_OLD_IMAGES",
		"Keys": map[string]any{"PK": after["PK"], "SK": after["SK"]}, "NewImage": after,
	}
	if before != nil {
		images["OldImage"] = before
	}
	return map[string]any{
		"eventID": "1", "eventName": kind, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
		"eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/tenantatlas/stream/2026-11-21T10:00:00.000", "dynamodb": images,
	}
}

func write(t *testing.T, root, name string, records ...map[string]any) {
	t.Helper()
	raw, err := json.MarshalIndent(map[string]any{"Records": records}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "events", name), append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
