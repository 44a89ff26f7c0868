package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/kmsvault"
	"tenantatlas/shared/run"
	"tenantatlas/shared/secretstore"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/lambdaruntime"
	"tenantatlas/tests/localaws"
)

const (
	graphClient  = "22222222-aaaa-4bbb-8ccc-000000000002"
	clientSecret = "crash-secret"
	user         = "user-1"
	bucket       = "crash"
	leaseSeconds = 2
	graceSeconds = 1
	sweepEvery   = 500 * time.Millisecond
	// As in the template, a message that no worker finished comes again only after
	// a run must have ended without it; see trial.leave.
	visibility = 2 * endsWithin
	// Of the generated policies a sync of syncTypes lists three; a compliance policy
	// and an enrolment profile come on top.
	policies      = 4
	listed        = 5
	maxDeliveries = 3 // one by a worker that dies, one more, and one to spare; the template's limit is 5
)

// What the simulated tenants hold beside the generated policies: a compliance
// policy, an enrolment profile below its token, and a custom profile with two
// encrypted values.
const (
	customProfile   = "device-configuration-custom-oma"
	customID        = "8d2d4e0c-51a5-4e0c-9a5e-1d6a1a0f2b11"
	compliance      = `{"@odata.type":"#microsoft.graph.windows10CompliancePolicy","id":"5f1a3a0e-0000-4000-8000-000000000002","displayName":"Compliance","version":1,"roleScopeTagIds":["7"]}`
	scopeTag        = `{"id":"7","displayName":"Berlin","isBuiltIn":false}`
	enrollmentToken = `{"id":"5f1a3a0e-0000-4000-8000-000000000001","tokenName":"Apple","enrollmentProfiles":[
		{"@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","id":"5f1a3a0e-0000-4000-8000-000000000001_1","displayName":"Phones"}]}`
	customObject = `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","id":"` + customID + `","displayName":"Wireless","version":1,"omaSettings":[
		{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"Office","omaUri":"./Vendor/MSFT/WiFi/Profile/Office/WlanXml","secretReferenceValueId":"office","isEncrypted":true,"value":"****"},
		{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"Guests","omaUri":"./Vendor/MSFT/WiFi/Profile/Guests/WlanXml","secretReferenceValueId":"guests","isEncrypted":true,"value":"****"}]}`
)

// customSecrets are the encrypted values, by what refers to them.
var customSecrets = map[string]string{"office": "secret of the office", "guests": "secret of the guests"}

// bed is AWS and Graph as the processes see them.
type bed struct {
	t        *testing.T
	aws      string
	sim      *graphsim.Sim
	client   *dynamodb.Client
	sqs      *sqs.Client
	s3       *s3.Client
	secrets  *secretstore.Store
	keys     kmsvault.Place  // of the vault
	vault    *kmsvault.Vault // opens what the workers seal
	simTrust http.RoundTripper
	binaries map[string]string
}

func newBed(t *testing.T, functions ...string) *bed {
	t.Helper()
	b := &bed{t: t, aws: localaws.Ministack(t), binaries: map[string]string{}}
	b.sim = graphsim.StartTest(t, graphsim.Options{Seed: 1, Quotas: []graphsim.Quota{}})
	b.simTrust = b.sim.Client().Transport
	cfg := localaws.Config(b.aws, nil)
	b.client, b.sqs = dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	b.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	admin := kms.NewFromConfig(cfg)
	sealing, fingerprints := localaws.CreateVaultKeys(t, admin)
	b.keys = kmsvault.Place{Bucket: bucket, SealingKey: sealing, FingerprintKey: fingerprints}
	b.vault = kmsvault.New(admin, b.s3, b.keys, kmsvault.Options{})
	b.secrets = secretstore.New(secretsmanager.NewFromConfig(cfg), "crash", "")
	name := bucket
	if _, err := b.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	for _, name := range functions {
		b.binaries[name] = lambdaruntime.Build(t, name)
	}
	return b
}

// place is a table with its queues.
type place struct {
	*bed
	table string
	store *dynamostore.Store
	urls  map[run.Operation]string
}

var operations = []run.Operation{run.OpConnectionTest, run.OpInventorySync, run.OpCaptureSnapshot, run.OpBackupSetCreate, run.OpBackupSetAdd, run.OpRestorePreview, run.OpRestoreExecute, run.OpRestoreRerun}

func (b *bed) newPlace() *place {
	b.t.Helper()
	p := &place{bed: b, table: localaws.CreateTable(b.t, b.client), urls: map[run.Operation]string{}}
	p.store = dynamostore.New(b.client, p.table, dynamostore.Options{})
	for _, op := range operations {
		name := p.table + "-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(op))
		out, err := b.sqs.CreateQueue(b.t.Context(), &sqs.CreateQueueInput{
			QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": fmt.Sprint(int(visibility.Seconds()))},
		})
		if err != nil {
			b.t.Fatal(err)
		}
		p.urls[op] = *out.QueueUrl
	}
	return p
}

// env is that of a process which sees AWS and Graph at the addresses and trusts
// the certificates of the file.
func (p *place) env(aws, graph, trust string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + aws, "AWS_REGION=" + localaws.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"TABLE_NAME=" + p.table, "ARCHIVE_BUCKET=" + bucket, "SECRET_PREFIX=crash",
		"SEALING_KEY_ID=" + p.keys.SealingKey, "FINGERPRINT_KEY_ID=" + p.keys.FingerprintKey,
		"QUEUE_CONNECTION_TEST_URL=" + p.urls[run.OpConnectionTest], "QUEUE_INVENTORY_SYNC_URL=" + p.urls[run.OpInventorySync],
		"QUEUE_POLICY_CAPTURE_SNAPSHOT_URL=" + p.urls[run.OpCaptureSnapshot],
		"QUEUE_BACKUP_SET_CREATE_URL=" + p.urls[run.OpBackupSetCreate], "QUEUE_BACKUP_SET_ADD_POLICIES_URL=" + p.urls[run.OpBackupSetAdd],
		"QUEUE_RESTORE_PREVIEW_URL=" + p.urls[run.OpRestorePreview], "QUEUE_RESTORE_EXECUTE_URL=" + p.urls[run.OpRestoreExecute], "QUEUE_RESTORE_RERUN_URL=" + p.urls[run.OpRestoreRerun],
		"SCHEDULE_GROUP=default", "SCHEDULE_TARGET_ARN=arn:aws:lambda:eu-central-1:000000000000:function:scheduler",
		"SCHEDULE_ROLE_ARN=arn:aws:iam::000000000000:role/fire", "SCHEDULE_FAILURES_ARN=arn:aws:sqs:eu-central-1:000000000000:failures",
		"GRAPH_URL=" + graph, "AUTHORITY_URL=" + graph, "SSL_CERT_FILE=" + trust,
		fmt.Sprintf("LEASE_SECONDS=%d", leaseSeconds), "SLICE_ITEMS=1", fmt.Sprintf("SWEEP_GRACE_SECONDS=%d", graceSeconds),
		"RESTORE_PAUSE_DIVISOR=50", // the simulator's lists do not lag
	}
}

// launch starts a process without faults.
func (p *place) launch(function string) (*lambdaruntime.Function, error) {
	return lambdaruntime.Launch(p.binaries[function], p.env(p.aws, p.sim.URL, p.sim.CAFile))
}

// launchBehind starts a process behind a proxy that breaks one of its calls.
func (p *place) launchBehind(function string, f fault, at target) (*lambdaruntime.Function, *proxy, error) {
	before := newProxy(upstream{p.aws, http.DefaultTransport}, upstream{p.sim.URL, p.simTrust}, f, at)
	trust := filepath.Join(p.t.TempDir(), "trust.pem")
	if err := os.WriteFile(trust, before.certificate(), 0o600); err != nil {
		return nil, before, err
	}
	process, err := lambdaruntime.Launch(p.binaries[function], p.env(before.aws.URL, before.graph.URL, trust))
	if err != nil {
		return nil, before, err
	}
	before.kill = process.Kill
	return process, before, nil
}

// newTenant makes a tenant, with Graph behind it.
func (p *place) newTenant(ctx context.Context, n int) (tenantID, graphTenant string, err error) {
	graphTenant = fmt.Sprintf("%08d-aaaa-4bbb-8ccc-%012d", n, n)
	tenantID, err = p.tenantWith(ctx, graphsim.TenantSpec{
		ID: graphTenant, Generate: &graphsim.GenerateSpec{Seed: 1, Policies: policies, SettingsPer: 3, Assigned: true, Groups: 2},
		Objects: []graphsim.Object{
			{Collection: "deviceCompliancePolicies", JSON: json.RawMessage(compliance)},
			{Collection: "roleScopeTags", JSON: json.RawMessage(scopeTag)},
			{Collection: "depOnboardingSettings", JSON: json.RawMessage(enrollmentToken)},
			{Collection: "deviceConfigurations", JSON: json.RawMessage(customObject), Secrets: customSecrets},
		},
	})
	return tenantID, graphTenant, err
}

// tenantWith makes a tenant with what is described behind it.
func (p *place) tenantWith(ctx context.Context, spec graphsim.TenantSpec) (tenantID string, err error) {
	spec.Apps = []graphsim.App{{ClientID: graphClient, Secrets: []graphsim.Secret{{Value: clientSecret}}, Permissions: permissions()}}
	if _, err := p.sim.AddTenant(spec); err != nil {
		return "", err
	}
	now := time.Now().UTC()
	tenantID = run.IDSource{}.New(run.PrefixTenant, now)
	ref, err := p.secrets.PutCredential(ctx, tenantID, run.Credential{Kind: run.CredentialClientSecret, ClientSecret: clientSecret})
	if err != nil {
		return "", err
	}
	return tenantID, p.store.CreateTenant(ctx,
		run.Tenant{ID: tenantID, Name: "Contoso", GraphTenantID: spec.ID, ClientID: graphClient, Cloud: run.CloudGlobal, CredentialRef: ref, CredentialKind: run.CredentialClientSecret, CreatedAt: now, UpdatedAt: now},
		run.Member{TenantID: tenantID, UserID: user, Name: "anna@contoso.example", Role: run.RoleOwner, CreatedAt: now, UpdatedAt: now},
		run.AuditEvent{TenantID: tenantID, At: now, Event: run.AuditTenantCreated})
}

// start starts a run, as the API does.
func (p *place) start(ctx context.Context, req start.Request, queue run.Queue, now func() time.Time) (run.Run, error) {
	if queue == nil {
		queue = sqsqueue.New(p.sqs, p.urls)
	}
	starter := start.Starter{Runs: p.store, Queue: queue, Now: now, Log: slog.New(slog.DiscardHandler)}
	res, err := starter.Start(ctx, req)
	return res.Run, err
}

// deliver takes the messages of a queue, as Lambda does, and hands each to handle
// in a goroutine of its own, until ctx ends. A message that handle is done with is
// deleted; any other comes again after its visibility timeout.
func (p *place) deliver(ctx context.Context, op run.Operation, handle func(sqstypes.Message) (done bool)) {
	url := p.urls[op]
	var handling sync.WaitGroup
	defer handling.Wait()
	for ctx.Err() == nil {
		out, err := p.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameApproximateReceiveCount},
		})
		if err != nil {
			if ctx.Err() == nil {
				p.t.Errorf("receive: %v", err)
			}
			return
		}
		for _, m := range out.Messages {
			handling.Go(func() {
				if !handle(m) {
					return
				}
				if _, err := p.sqs.DeleteMessage(context.WithoutCancel(ctx), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
					p.t.Errorf("delete a message: %v", err)
				}
			})
		}
	}
}

// comeAgain makes a message that was taken visible again at once.
func (p *place) comeAgain(op run.Operation, receipt string) error {
	url := p.urls[op]
	_, err := p.sqs.ChangeMessageVisibility(p.t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &receipt, VisibilityTimeout: 0})
	return err
}

// waiting is how many messages a queue holds, seen or not.
func (p *place) waiting(ctx context.Context, op run.Operation) (string, error) {
	url := p.urls[op]
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := p.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s visible, %s taken, %s delayed", out.Attributes[string(names[0])], out.Attributes[string(names[1])], out.Attributes[string(names[2])]), nil
}

const empty = "0 visible, 0 taken, 0 delayed"

// drained waits until the queue of an operation is empty.
func (p *place) drained(ctx context.Context, op run.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := p.waiting(ctx, op)
		if err == nil && left == empty {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the queue of %s is not empty: %s, %w", op, left, err)
		}
	}
}

// invoke hands a message to a worker and reports whether it is done with it.
// lambdaruntime.ErrEnded when the worker died.
func invoke(f *lambdaruntime.Function, m sqstypes.Message, timeout time.Duration) (done bool, err error) {
	event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, EventSource: "aws:sqs", Attributes: m.Attributes,
	}}})
	if err != nil {
		return false, err
	}
	answer, err := f.Invoke(event, timeout)
	if err != nil {
		return false, err
	}
	var response events.SQSEventResponse
	if answer.Failed || json.Unmarshal(answer.Body, &response) != nil {
		return false, fmt.Errorf("the worker answered %s", answer.Body)
	}
	return len(response.BatchItemFailures) == 0, nil
}
