package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantatlas/cmd/localstack/stackfile"
)

// clients are those of the stand-in for AWS, as its administrator.
type clients struct {
	config  aws.Config
	db      *dynamodb.Client
	streams *dynamodbstreams.Client
	queues  *sqs.Client
	objects *s3.Client
	lambda  *lambda.Client
	logs    *cloudwatchlogs.Client
	iam     *iam.Client
	cognito *cognitoidentityprovider.Client
	secrets *secretsmanager.Client
	keys    *kms.Client
}

func newClients(s *stackfile.Stack) clients {
	c := aws.Config{
		Region: s.AWS.Region, BaseEndpoint: aws.String(s.AWS.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(s.AWS.AccessKeyID, s.AWS.SecretAccessKey, ""),
	}
	return clientsOf(c)
}

func clientsOf(c aws.Config) clients {
	return clients{
		config: c, db: dynamodb.NewFromConfig(c), streams: dynamodbstreams.NewFromConfig(c), queues: sqs.NewFromConfig(c),
		objects: s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }),
		lambda:  lambda.NewFromConfig(c), logs: cloudwatchlogs.NewFromConfig(c), iam: iam.NewFromConfig(c),
		cognito: cognitoidentityprovider.NewFromConfig(c), secrets: secretsmanager.NewFromConfig(c),
		keys: kms.NewFromConfig(c),
	}
}

// operation is one operation with what is deployed for it.
type operation struct {
	name     string // as runs name it
	output   string // how the template's outputs begin
	logGroup string // how its log group ends
}

var (
	connectionTest = operation{"connection.test", "ConnectionTest", "connection-test"}
	inventorySync  = operation{"inventory.sync", "InventorySync", "inventory-sync"}
	capture        = operation{"policy.capture_snapshot", "PolicyCaptureSnapshot", "policy-capture-snapshot"}
	backup         = operation{"backup_set.create", "BackupSetCreate", "backup-set-create"}
	addPolicies    = operation{"backup_set.add_policies", "BackupSetAddPolicies", "backup-set-add-policies"}
	preview        = operation{"restore.preview", "RestorePreview", "restore-preview"}
	execute        = operation{"restore.execute", "RestoreExecute", "restore-execute"}
	rerun          = operation{"restore.rerun", "RestoreRerun", "restore-rerun"}
	operations     = []operation{connectionTest, inventorySync, capture, backup, addPolicies, preview, execute, rerun}
	// atOnce can be open at the same time in one tenant: one live restore is.
	atOnce = []operation{connectionTest, inventorySync, capture, backup, addPolicies, preview, execute}
	// repeated can be started again as they were: a plan is applied once.
	repeated = []operation{connectionTest, inventorySync, capture, backup, addPolicies, preview, rerun}
)

func output(t testing.TB, name string) string {
	t.Helper()
	v := stack.Outputs[name]
	if v == "" {
		t.Fatalf("the template has no output %s", name)
	}
	return v
}

func (o operation) queue(t testing.TB) string { t.Helper(); return output(t, o.output+"QueueUrl") }
func (o operation) function(t testing.TB) string {
	t.Helper()
	return output(t, o.output+"FunctionName")
}

// must returns v, and fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// scan reads the whole table: each item as JSON by "PK SK".
func scan(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := dynamodb.NewScanPaginator(stack.db, &dynamodb.ScanInput{TableName: &stack.TableName, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		out := must(pages.NextPage(t.Context()))(t)
		for _, item := range out.Items {
			all[text(item["PK"])+" "+text(item["SK"])] = plain(t, item)
		}
	}
	return all
}

// changes lists the items that differ between two scans.
func changes(before, after map[string]string) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if old, ok := before[key]; !ok {
			found = append(found, "new: "+key)
		} else if old != after[key] {
			found = append(found, "changed: "+key+": "+old+" to "+after[key])
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			found = append(found, "gone: "+key)
		}
	}
	return found
}

// apart leaves out what belongs to other tenants that were there before: their
// runs may still be at work.
func apart(before, items map[string]string, tenantID string) map[string]string {
	kept := map[string]string{}
	for key, item := range items {
		id, _, _ := strings.Cut(strings.TrimPrefix(key, "T#"), "#")
		if _, there := before["T#"+id+"# META"]; !there || id == tenantID {
			kept[key] = item
		}
	}
	return kept
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// plain writes an item as JSON with sorted keys; the types stay visible.
func plain(t testing.TB, item map[string]types.AttributeValue) string {
	t.Helper()
	tree := make(map[string]any, len(item))
	for k, v := range item {
		tree[k] = wire(v)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wire is an attribute in DynamoDB's own JSON, as Lambda hands it on.
func wire(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": v.Value}
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *types.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}
	case *types.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}
	case *types.AttributeValueMemberL:
		out := make([]any, len(v.Value))
		for i, member := range v.Value {
			out[i] = wire(member)
		}
		return map[string]any{"L": out}
	case *types.AttributeValueMemberM:
		out := make(map[string]any, len(v.Value))
		for k, member := range v.Value {
			out[k] = wire(member)
		}
		return map[string]any{"M": out}
	}
	return fmt.Sprintf("unknown attribute %T", v)
}

// runItem reads a run's record.
func runItem(t testing.TB, r runView) map[string]types.AttributeValue {
	t.Helper()
	out := must(stack.db.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &stack.TableName, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{
			"PK": &types.AttributeValueMemberS{Value: "T#" + r.TenantID + "#R#" + r.ID},
			"SK": &types.AttributeValueMemberS{Value: "RUN"},
		},
	}))(t)
	if len(out.Item) == 0 {
		t.Fatalf("run %s has no record", r.ID)
	}
	return out.Item
}

// dispatch is the message that a start sends.
func dispatch(r runView, seq int) string {
	return fmt.Sprintf(`{"v":1,"tenant":%q,"run":%q,"dispatchSeq":%d}`, r.TenantID, r.ID, seq)
}

func sendMessage(t testing.TB, queue, body string) {
	t.Helper()
	must(stack.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}))(t)
}

// depth is how many messages wait in a queue, and how many are being worked on.
func depth(t testing.TB, queue string) (waiting, inFlight int) {
	t.Helper()
	out := must(stack.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	}))(t)
	number := func(name sqstypes.QueueAttributeName) int {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			t.Fatalf("queue attribute %s: %v", name, err)
		}
		return n
	}
	return number(sqstypes.QueueAttributeNameApproximateNumberOfMessages), number(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
}

// drained waits until no message waits in the queue and no more are being worked
// on than before.
func drained(t testing.TB, queue string, before int) {
	t.Helper()
	await(t, "the queue is worked off", 30*time.Second, func() bool {
		waiting, inFlight := depth(t, queue)
		return waiting == 0 && inFlight <= before
	})
}

// emptied forgets messages that a test left to come back much later.
func emptied(t testing.TB, queue string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := stack.queues.PurgeQueue(context.WithoutCancel(t.Context()), &sqs.PurgeQueueInput{QueueUrl: &queue}); err != nil {
			t.Errorf("empty the queue: %v", err)
		}
	})
}

// paused keeps messages from the workers until the returned function is called,
// or the test ends.
func paused(t testing.TB, ops ...operation) (resume func()) {
	t.Helper()
	var mappings []string
	for _, o := range ops {
		function := o.function(t)
		out := must(stack.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &function}))(t)
		if len(out.EventSourceMappings) != 1 {
			t.Fatalf("%s has %d event sources, want 1", function, len(out.EventSourceMappings))
		}
		mappings = append(mappings, aws.ToString(out.EventSourceMappings[0].UUID))
	}
	turn := func(on bool) {
		for _, id := range mappings {
			_, err := stack.lambda.UpdateEventSourceMapping(context.WithoutCancel(t.Context()), &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: &on})
			if err != nil {
				t.Errorf("turn the event source: %v", err)
			}
		}
	}
	turn(false)
	resumed := false
	resume = func() {
		if !resumed {
			resumed = true
			turn(true)
		}
	}
	t.Cleanup(resume)
	return resume
}

// setEnvironment gives a function an environment variable until the test ends;
// "" takes it away.
func setEnvironment(t testing.TB, function, name, value string) {
	t.Helper()
	deployed := must(stack.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function}))(t)
	original := deployed.Environment.Variables
	changed := maps.Clone(original)
	changed[name] = value
	if value == "" {
		delete(changed, name)
	}
	update := func(ctx context.Context, variables map[string]string) error {
		_, err := stack.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &function, Environment: &lambdatypes.Environment{Variables: variables},
		})
		if err != nil {
			return err
		}
		return lambda.NewFunctionUpdatedV2Waiter(stack.lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
		}).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &function}, 30*time.Second)
	}
	t.Cleanup(func() {
		if err := update(context.WithoutCancel(t.Context()), original); err != nil {
			t.Errorf("put the environment of %s back: %v", function, err)
		}
	})
	if err := update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
}

// statement is one statement of a policy document.
type statement struct {
	Sid, Effect string
	Action      any
	Resource    any
	Condition   json.RawMessage `json:",omitempty"`
}

type policyDocument struct {
	Version   string
	Statement []statement
}

// role returns the name of a function's role.
func role(t testing.TB, function string) string {
	t.Helper()
	out := must(stack.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function}))(t)
	arn := aws.ToString(out.Role)
	return arn[strings.LastIndex(arn, "/")+1:]
}

// rolePolicy reads the one policy of a role.
func rolePolicy(t testing.TB, role string) (name string, document policyDocument, raw string) {
	t.Helper()
	names := must(stack.iam.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role}))(t).PolicyNames
	if len(names) != 1 {
		t.Fatalf("role %s has the policies %v, want one", role, names)
	}
	out := must(stack.iam.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &names[0]}))(t)
	raw = must(url.QueryUnescape(aws.ToString(out.PolicyDocument)))(t)
	if err := json.Unmarshal([]byte(raw), &document); err != nil {
		t.Fatalf("policy of %s: %v", role, err)
	}
	return names[0], document, raw
}

// withoutStatement takes a statement from a role until restore is called, or the
// test ends.
func withoutStatement(t testing.TB, role, sid string) (restore func()) {
	t.Helper()
	name, document, original := rolePolicy(t, role)
	kept := slices.DeleteFunc(document.Statement, func(s statement) bool { return s.Sid == sid })
	if len(kept) == len(document.Statement) {
		t.Fatalf("role %s has no statement %s", role, sid)
	}
	put := func(text string) error {
		_, err := stack.iam.PutRolePolicy(context.WithoutCancel(t.Context()), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &text})
		return err
	}
	restored := false
	restore = func() {
		if !restored {
			restored = true
			if err := put(original); err != nil {
				t.Errorf("put the policy of %s back: %v", role, err)
			}
		}
	}
	t.Cleanup(restore)
	data, err := json.Marshal(policyDocument{document.Version, kept})
	if err == nil {
		err = put(string(data))
	}
	if err != nil {
		t.Fatal(err)
	}
	return restore
}

// processesOf lists the processes of a function, with their environment. The
// stand-in for AWS runs functions as processes of this machine.
func processesOf(t testing.TB, function string) map[int]map[string]string {
	t.Helper()
	found := map[int]map[string]string{}
	for _, folder := range must(filepath.Glob("/proc/[0-9]*"))(t) {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil || !childOf(pid, stack.PIDs["ministack"]) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil {
			continue // it ended just now
		}
		variables := map[string]string{}
		for entry := range strings.SplitSeq(string(raw), "\x00") {
			name, value, _ := strings.Cut(entry, "=")
			variables[name] = value
		}
		if variables["AWS_LAMBDA_FUNCTION_NAME"] == function {
			found[pid] = variables
		}
	}
	return found
}

func childOf(pid, parent int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The name, in parentheses, may hold blanks.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	return len(fields) > 1 && fields[1] == strconv.Itoa(parent)
}

// kill ends all processes of a function, as a crash of the machine would.
func kill(t testing.TB, function string) {
	t.Helper()
	processes := processesOf(t, function)
	if len(processes) == 0 {
		t.Fatalf("%s has no process to kill", function)
	}
	for pid := range processes {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

// archived reads all payloads of a tenant ("": of all) by their keys, unpacked.
func archived(t testing.TB, tenantID string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for key, object := range stored(t, tenantID) {
		if isPayload(key) {
			found[key] = unpacked(t, object)
		}
	}
	return found
}

// isPayload tells payloads from what else is kept beside them.
func isPayload(key string) bool { return strings.Contains(key, "/sha256/") }

func unpacked(t testing.TB, object []byte) []byte {
	t.Helper()
	return must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(object)))(t)))(t)
}

// stored reads all objects of a tenant ("": of all) by their keys, as they are.
func stored(t testing.TB, tenantID string) map[string][]byte {
	t.Helper()
	prefix := "t/"
	if tenantID != "" {
		prefix += tenantID + "/"
	}
	found := map[string][]byte{}
	pages := s3.NewListObjectsV2Paginator(stack.objects, &s3.ListObjectsV2Input{Bucket: &stack.BucketName, Prefix: &prefix})
	for pages.HasMorePages() {
		for _, object := range must(pages.NextPage(t.Context()))(t).Contents {
			out := must(stack.objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &stack.BucketName, Key: object.Key}))(t)
			found[aws.ToString(object.Key)] = must(io.ReadAll(out.Body))(t)
			_ = out.Body.Close()
		}
	}
	return found
}

// logLines reads all log lines of the stack's log groups since a time.
func logLines(t testing.TB, since time.Time) []string {
	t.Helper()
	var lines []string
	groups := cloudwatchlogs.NewDescribeLogGroupsPaginator(stack.logs, &cloudwatchlogs.DescribeLogGroupsInput{})
	for groups.HasMorePages() {
		for _, group := range must(groups.NextPage(t.Context()))(t).LogGroups {
			// Each invocation has a stream: there are thousands. The stand-in gives as many
			// events as it is asked for, and no token for more.
			const limit = 10_000
			for from := since.UnixMilli(); ; {
				events := must(stack.logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
					LogGroupName: group.LogGroupName, StartTime: aws.Int64(from), Limit: aws.Int32(limit),
				}))(t).Events
				for _, event := range events {
					lines = append(lines, aws.ToString(event.Message))
				}
				if len(events) < limit {
					break
				}
				last := aws.ToInt64(events[limit-1].Timestamp)
				if last == from {
					t.Fatalf("too many lines in a moment to read %s", aws.ToString(group.LogGroupName))
				}
				from = last // what is of that moment is read again
			}
		}
	}
	return lines
}
