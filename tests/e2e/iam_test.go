package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// grants writes permissions down as "action on resource", with the condition.
func grants(resource, condition string, actions ...string) []string {
	lines := make([]string, len(actions))
	for i, action := range actions {
		lines[i] = action + " on " + resource
		if condition != "" {
			lines[i] += " if " + condition
		}
	}
	return lines
}

// basics is what every function may: its own log and traces.
func basics(name string) []string {
	return slices.Concat(
		grants("log-group:/aws/lambda/$STACK-"+name, "", "logs:CreateLogStream", "logs:PutLogEvents"),
		grants("*", "", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
	)
}

// via is the condition that the key is used through these services alone.
func via(services ...string) string {
	for i, s := range services {
		services[i] = s + ".$REGION.amazonaws.com"
	}
	return "kms:ViaService is " + strings.Join(services, " or ")
}

// worker is what every worker may.
func worker(o operation) []string {
	return slices.Concat(
		basics(o.logGroup),
		grants("table", "", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
		grants("queue "+o.output+"Queue", "", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"),
		grants("secret:$STACK/tenant/*", "", "secretsmanager:GetSecretValue"),
		grants("key", via("dynamodb", "secretsmanager"), "kms:Decrypt"),
	)
}

// sweeping is what whoever rescues runs may.
func sweeping(name string) []string {
	return slices.Concat(
		basics(name),
		grants("table", "", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
		sendsAll(),
		grants("key", via("dynamodb"), "kms:Decrypt"),
	)
}

// sendsAll is to send to every operation's queue.
func sendsAll() []string {
	var all []string
	for _, o := range operations {
		all = append(all, grants("queue "+o.output+"Queue", "", "sqs:SendMessage")...)
	}
	return all
}

// timetable is to keep the entries of schedules. The second resource is what the
// stand-in looks at.
func timetable() []string {
	return slices.Concat(
		grants("schedule/$STACK/sch_*", "", "scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
		grants("schedule/default/sch_*", "", "scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
		grants("role FireRole", "iam:PassedToService is scheduler.amazonaws.com", "iam:PassRole"),
	)
}

// capturing is what the worker of an operation that captures policies may.
func capturing(o operation) []string {
	return slices.Concat(
		worker(o),
		grants("table", "", "dynamodb:Query"),
		grants("bucket/t/*/sha256/*", "", "s3:GetObject", "s3:PutObject"),
		grants("key", via("s3"), "kms:Decrypt", "kms:GenerateDataKey"),
		// The vault: to seal, and not to open. In AWS for one tenant at a time; tests/layout.
		grants("bucket/t/*/sealed/*", "", "s3:PutObject"),
		grants("sealing key", "", "kms:GenerateDataKey"),
		grants("fingerprint key", "", "kms:GenerateMac"),
	)
}

// previewing is what the worker of previews may: it compares, seals nothing and
// opens nothing.
func previewing(o operation) []string {
	return slices.Concat(
		worker(o),
		grants("table", "", "dynamodb:Query"),
		grants("bucket/t/*/sha256/*", "", "s3:GetObject", "s3:PutObject"),
		grants("key", via("s3"), "kms:Decrypt", "kms:GenerateDataKey"),
		grants("fingerprint key", "", "kms:GenerateMac"),
	)
}

// restoring is what a worker of live restores may: the only one that opens secret
// values, to write them back.
func restoring(o operation) []string {
	return slices.Concat(
		previewing(o),
		grants("bucket/t/*/sealed/*", "", "s3:GetObject", "s3:PutObject"),
		grants("sealing key", "", "kms:Decrypt", "kms:GenerateDataKey"),
	)
}

// permissions is what each function may, and nothing else. A permission that is
// added or taken away in the template is added or taken away here, by someone
// who can say why.
func permissions() map[string][]string {
	return map[string][]string{
		"Api": slices.Concat(
			basics("api"),
			grants("table", "", "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
			grants("table/index/RunsByTenantAndTime", "", "dynamodb:Query"),
			grants("table/index/ActiveRunsByInitiator", "", "dynamodb:Query"),
			grants("table/index/TenantsByMember", "", "dynamodb:Query"),
			grants("table/index/NotificationsByUser", "", "dynamodb:Query"),
			grants("table/index/PoliciesByTenantAndName", "", "dynamodb:Query"),
			sendsAll(),
			timetable(),
			grants("bucket/t/*/sha256/*", "", "s3:GetObject"),
			grants("secret:$STACK/tenant/*", "", "secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource"),
			grants("key", via("dynamodb", "s3"), "kms:Decrypt"),
			grants("key", via("secretsmanager"), "kms:Decrypt", "kms:GenerateDataKey"),
		),
		"ConnectionTest":        worker(connectionTest),
		"InventorySync":         slices.Concat(worker(inventorySync), grants("table", "", "dynamodb:Query")),
		"PolicyCaptureSnapshot": capturing(capture),
		"BackupSetCreate":       capturing(backup),
		"BackupSetAddPolicies":  capturing(addPolicies),
		"RestorePreview":        previewing(preview),
		"RestoreExecute":        restoring(execute),
		"RestoreRerun":          restoring(rerun),
		"Scheduler": slices.Concat(
			basics("scheduler"),
			grants("table", "", "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
			grants("queue InventorySyncQueue", "", "sqs:SendMessage"),
			grants("queue BackupSetCreateQueue", "", "sqs:SendMessage"),
			grants("queue SchedulerFailures", "", "sqs:SendMessage"),
			grants("key", via("dynamodb"), "kms:Decrypt"),
		),
		"Sweeper": slices.Concat(sweeping("sweeper"), timetable(), grants("table", "", "dynamodb:DeleteItem"), grants("table/index/OpenRuns", "", "dynamodb:Query")),
		"DeadLetters": slices.Concat(
			sweeping("dead-letters"),
			grants("queue RunDeadLetters", "", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
		),
		"Notifier": slices.Concat(
			basics("notifier"),
			grants("table", "", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
			grants("stream", "", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
			grants("table/stream/*", "", "dynamodb:ListStreams"),
			grants("queue NotifierFailures", "", "sqs:SendMessage"),
			grants("key", via("dynamodb"), "kms:Decrypt"),
		),
		"Console": basics("console"),
	}
}

// short names the stack's resources as the table above does.
func short(t *testing.T) func(string) string {
	t.Helper()
	table := must(stack.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &stack.TableName}))(t).Table
	pairs := []string{
		aws.ToString(table.LatestStreamArn), "stream",
		aws.ToString(table.TableArn), "table",
		"arn:aws:s3:::" + stack.BucketName, "bucket",
		output(t, "KeyArn"), "key",
		output(t, "SealingKeyArn"), "sealing key",
		output(t, "FingerprintKeyArn"), "fingerprint key",
		output(t, "FireRoleArn"), "role FireRole",
		fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/%s/", stack.AWS.Region, stack.AWS.AccountID, output(t, "ScheduleGroupName")), "schedule/$STACK/",
		fmt.Sprintf("arn:aws:scheduler:%s:%s:", stack.AWS.Region, stack.AWS.AccountID), "",
	}
	for name, value := range stack.Outputs {
		if queue, ok := strings.CutSuffix(name, "Url"); ok && strings.Contains(value, "/"+stack.AWS.AccountID+"/") {
			physical := value[strings.LastIndex(value, "/")+1:]
			pairs = append(pairs, fmt.Sprintf("arn:aws:sqs:%s:%s:%s", stack.AWS.Region, stack.AWS.AccountID, physical), "queue "+queue)
		}
	}
	pairs = append(pairs,
		fmt.Sprintf("arn:aws:logs:%s:%s:log-group:", stack.AWS.Region, stack.AWS.AccountID), "log-group:",
		fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:", stack.AWS.Region, stack.AWS.AccountID), "secret:",
		"secret:"+stack.StackName+"/", "secret:$STACK/",
		stack.AWS.Region, "$REGION",
	)
	replace := strings.NewReplacer(pairs...)
	return func(arn string) string {
		arn = replace.Replace(arn)
		arn = strings.Replace(arn, "secret:"+stack.StackName+"/", "secret:$STACK/", 1)
		arn = strings.Replace(arn, "/aws/lambda/"+stack.StackName+"-", "/aws/lambda/$STACK-", 1)
		if strings.HasPrefix(arn, "log-group:") {
			arn = strings.TrimSuffix(arn, ":*")
		}
		return arn
	}
}

// texts reads a member of a statement that is one text or several.
func texts(t *testing.T, v any) []string {
	t.Helper()
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		all := make([]string, len(v))
		for i, member := range v {
			all[i], _ = member.(string)
		}
		return all
	}
	t.Fatalf("unexpected %T in a policy", v)
	return nil
}

// deployed lists the permissions of a role as the table writes them.
func deployed(t *testing.T, document policyDocument, name func(string) string) []string {
	t.Helper()
	var lines []string
	for _, s := range document.Statement {
		if s.Effect != "Allow" {
			t.Fatalf("statement %s has the effect %s", s.Sid, s.Effect)
		}
		condition := ""
		if len(s.Condition) > 0 {
			var c map[string]map[string]any
			if err := json.Unmarshal(s.Condition, &c); err != nil {
				t.Fatal(err)
			}
			for operator, keys := range c {
				for key, value := range keys {
					if operator != "StringEquals" || len(c) != 1 || len(keys) != 1 {
						t.Fatalf("statement %s has the condition %s", s.Sid, s.Condition)
					}
					condition = key + " is " + name(strings.Join(texts(t, value), " or "))
				}
			}
		}
		for _, resource := range texts(t, s.Resource) {
			lines = append(lines, grants(name(resource), condition, texts(t, s.Action)...)...)
		}
	}
	return lines
}

// Each function's role allows what the table says: not one permission more, and
// not one less. There is no other role and no other way to a permission.
func TestEachFunctionMayDoWhatTheTableSays(t *testing.T) {
	name := short(t)
	used := map[string]bool{}
	for function, want := range permissions() {
		r := role(t, output(t, function+"FunctionName"))
		used[r] = true
		_, document, _ := rolePolicy(t, r)
		got := deployed(t, document, name)
		slices.Sort(got)
		slices.Sort(want)
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s may do too much: %s", function, line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s lacks: %s", function, line)
			}
		}
		if len(slices.Compact(got)) != len(got) {
			t.Errorf("%s: a permission is given twice", function)
		}
		if attached := must(stack.iam.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: &r}))(t).AttachedPolicies; len(attached) > 0 {
			t.Errorf("%s has the managed policies %v", function, attached)
		}
	}
	// EventBridge Scheduler takes this one on; it may invoke one function and put aside.
	fire := output(t, "FireRoleArn")
	used[fire[strings.LastIndex(fire, "/")+1:]] = true
	for _, r := range must(stack.iam.ListRoles(t.Context(), &iam.ListRolesInput{}))(t).Roles {
		if n := aws.ToString(r.RoleName); strings.HasPrefix(n, stack.StackName+"-") && !used[n] {
			t.Errorf("the role %s belongs to no function of the table", n)
		}
	}
	functions := 0
	for name := range stack.Outputs {
		if strings.HasSuffix(name, "FunctionName") {
			functions++
		}
	}
	if functions != len(permissions()) {
		t.Errorf("%d functions are deployed, the table has %d", functions, len(permissions()))
	}
}

// asFunction returns clients with the credentials that a function runs with.
func asFunction(t *testing.T, function string) clients {
	t.Helper()
	for _, variables := range processesOf(t, function) {
		c := stack.config.Copy()
		c.Credentials = credentials.NewStaticCredentialsProvider(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_SESSION_TOKEN"])
		c.RetryMaxAttempts = 1
		return clientsOf(c)
	}
	t.Fatalf("%s has no process to take the credentials of", function)
	return clients{}
}

// With a function's own credentials nothing outside its table can be done:
// whoever took over a function gets no further.
func TestFunctionsCredentialsOpenNothingElse(t *testing.T) {
	x := stocked(t)
	for _, o := range operations {
		r := x.done(t, x.start(t, o))
		x.notified(t, r.by(), r)
	}
	as(t, "", http.MethodGet, "/", nil).want(t, http.StatusOK) // wakes the console
	sweep(t)
	daily := x.newSchedule(t, object{"name": "e2e", "operation": "inventory.sync", "expression": "cron(0 2 1 1 ? *)"})
	fire(t, x, daily.ID, time.Now().Add(-24*time.Hour)) // wakes the scheduler, which starts nothing as late as that
	deadLetters := output(t, "RunDeadLettersUrl")
	sendMessage(t, deadLetters, dispatch(runView{TenantID: x.id, ID: "run_00000000000000000000000000"}, 1))
	drained(t, deadLetters, 0)
	secret := must(stack.secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}))(t).SecretList[0].Name
	var payload string
	for key := range archived(t, x.id) {
		payload = key
	}
	sealing, prints := output(t, "SealingKeyArn"), output(t, "FingerprintKeyArn")
	sealedKey := "t/" + x.id + "/sealed/e2e"
	must(stack.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &stack.BucketName, Key: &sealedKey, Body: strings.NewReader("e2e")}))(t)
	wrapped := must(stack.keys.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
		KeyId: &sealing, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: map[string]string{"tenant": x.id},
	}))(t).CiphertextBlob
	item := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "e2e"}, "SK": &types.AttributeValueMemberS{Value: "e2e"}}
	body := "e2e"

	type attempt = func(context.Context, clients) error
	attempts := map[string]attempt{
		"dynamodb:Scan": func(ctx context.Context, c clients) error {
			_, err := c.db.Scan(ctx, &dynamodb.ScanInput{TableName: &stack.TableName})
			return err
		},
		"dynamodb:GetItem": func(ctx context.Context, c clients) error {
			_, err := c.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &stack.TableName, Key: item})
			return err
		},
		"dynamodb:Query": func(ctx context.Context, c clients) error {
			_, err := c.db.Query(ctx, &dynamodb.QueryInput{
				TableName: &stack.TableName, KeyConditionExpression: aws.String("PK = :p"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":p": item["PK"]},
			})
			return err
		},
		"dynamodb:PutItem": func(ctx context.Context, c clients) error {
			_, err := c.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &stack.TableName, Item: item, ConditionExpression: aws.String("attribute_exists(PK)")})
			return err
		},
		"dynamodb:UpdateItem": func(ctx context.Context, c clients) error {
			_, err := c.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &stack.TableName, Key: item, ConditionExpression: aws.String("attribute_exists(PK)")})
			return err
		},
		"dynamodb:DeleteItem": func(ctx context.Context, c clients) error {
			_, err := c.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &stack.TableName, Key: item})
			return err
		},
		"dynamodb:DeleteTable": func(ctx context.Context, c clients) error {
			_, err := c.db.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &stack.TableName, BillingMode: types.BillingModePayPerRequest})
			return err
		},
		"s3:GetObject": func(ctx context.Context, c clients) error {
			out, err := c.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &stack.BucketName, Key: &payload})
			if err == nil {
				err = out.Body.Close()
			}
			return err
		},
		"s3:PutObject": func(ctx context.Context, c clients) error {
			_, err := c.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &stack.BucketName, Key: &payload, Body: strings.NewReader(body), IfNoneMatch: aws.String("*")})
			return err
		},
		"s3:GetObject sealed": func(ctx context.Context, c clients) error {
			out, err := c.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &stack.BucketName, Key: &sealedKey})
			if err == nil {
				err = out.Body.Close()
			}
			return err
		},
		"s3:PutObject sealed": func(ctx context.Context, c clients) error {
			_, err := c.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &stack.BucketName, Key: &sealedKey, Body: strings.NewReader(body), IfNoneMatch: aws.String("*")})
			return err
		},
		"kms:GenerateDataKey": func(ctx context.Context, c clients) error {
			_, err := c.keys.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
				KeyId: &sealing, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: map[string]string{"tenant": x.id},
			})
			return err
		},
		"kms:Decrypt": func(ctx context.Context, c clients) error {
			_, err := c.keys.Decrypt(ctx, &kms.DecryptInput{KeyId: &sealing, CiphertextBlob: wrapped, EncryptionContext: map[string]string{"tenant": x.id}})
			return err
		},
		"kms:GenerateMac": func(ctx context.Context, c clients) error {
			_, err := c.keys.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: &prints, MacAlgorithm: kmstypes.MacAlgorithmSpecHmacSha256, Message: []byte(body)})
			return err
		},
		"kms:PutKeyPolicy": func(ctx context.Context, c clients) error {
			_, err := c.keys.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &sealing, Policy: aws.String("{}")})
			return err
		},
		"s3:PutObject outside the tenants": func(ctx context.Context, c clients) error {
			_, err := c.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &stack.BucketName, Key: aws.String("e2e"), Body: strings.NewReader(body)})
			return err
		},
		"s3:DeleteObject": func(ctx context.Context, c clients) error {
			_, err := c.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &stack.BucketName, Key: aws.String("t/e2e/absent")})
			return err
		},
		"s3:ListBucket": func(ctx context.Context, c clients) error {
			_, err := c.objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &stack.BucketName})
			return err
		},
		"secretsmanager:GetSecretValue": func(ctx context.Context, c clients) error {
			_, err := c.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: secret})
			return err
		},
		"secretsmanager:CreateSecret elsewhere": func(ctx context.Context, c clients) error {
			_, err := c.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("e2e/elsewhere"), SecretString: &body})
			return err
		},
		"secretsmanager:ListSecrets": func(ctx context.Context, c clients) error {
			_, err := c.secrets.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
			return err
		},
		"secretsmanager:DeleteSecret": func(ctx context.Context, c clients) error {
			_, err := c.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(stack.StackName + "/tenant/absent")})
			return err
		},
		"lambda:InvokeFunction": func(ctx context.Context, c clients) error {
			_, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(stack.Outputs["ConsoleFunctionName"])})
			return err
		},
		"iam:ListRoles": func(ctx context.Context, c clients) error {
			_, err := c.iam.ListRoles(ctx, &iam.ListRolesInput{})
			return err
		},
		"logs:GetLogEvents": func(ctx context.Context, c clients) error {
			_, err := c.logs.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/" + stack.StackName + "-api")})
			return err
		},
	}
	for _, o := range operations {
		queue := o.queue(t)
		attempts["sqs:SendMessage "+o.output] = func(ctx context.Context, c clients) error {
			_, err := c.queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(dispatch(runView{TenantID: x.id, ID: "run_00000000000000000000000000"}, 1))})
			return err
		}
		attempts["sqs:ReceiveMessage "+o.output] = func(ctx context.Context, c clients) error {
			_, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue})
			return err
		}
	}
	for _, name := range []string{"RunDeadLetters", "UnhandledMessages"} {
		queue := output(t, name+"Url")
		attempts["sqs:SendMessage "+name] = func(ctx context.Context, c clients) error {
			_, err := c.queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
			return err
		}
		attempts["sqs:ReceiveMessage "+name] = func(ctx context.Context, c clients) error {
			_, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue})
			return err
		}
	}
	attempts["dynamodb:Query OpenRuns"] = func(ctx context.Context, c clients) error {
		_, err := c.db.Query(ctx, &dynamodb.QueryInput{
			TableName: &stack.TableName, IndexName: aws.String("OpenRuns"), KeyConditionExpression: aws.String("openShard = :s"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":s": &types.AttributeValueMemberS{Value: "OPEN#0"}},
		})
		return err
	}
	records := []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"}
	var sends []string
	for _, o := range operations {
		sends = append(sends, "sqs:SendMessage "+o.output)
	}
	rescue := append([]string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}, sends...)
	captures := func(o operation) []string {
		return append(slices.Clone(records), "dynamodb:Query", "s3:GetObject", "s3:PutObject", "sqs:SendMessage "+o.output, "sqs:ReceiveMessage "+o.output,
			"s3:PutObject sealed", "kms:GenerateDataKey", "kms:GenerateMac")
	}
	allowed := map[string][]string{
		"Api":                   append([]string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "s3:GetObject"}, sends...),
		"ConnectionTest":        append(slices.Clone(records), "sqs:SendMessage ConnectionTest", "sqs:ReceiveMessage ConnectionTest"),
		"InventorySync":         append(slices.Clone(records), "dynamodb:Query", "sqs:SendMessage InventorySync", "sqs:ReceiveMessage InventorySync"),
		"PolicyCaptureSnapshot": captures(capture),
		"BackupSetCreate":       captures(backup),
		"BackupSetAddPolicies":  captures(addPolicies),
		"RestorePreview": append(slices.Clone(records), "dynamodb:Query", "s3:GetObject", "s3:PutObject", "sqs:SendMessage RestorePreview", "sqs:ReceiveMessage RestorePreview",
			"kms:GenerateMac"),
		"RestoreExecute": append(captures(execute), "s3:GetObject sealed", "kms:Decrypt"),
		"RestoreRerun":   append(captures(rerun), "s3:GetObject sealed", "kms:Decrypt"),
		"Scheduler":      {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "sqs:SendMessage InventorySync", "sqs:SendMessage BackupSetCreate"},
		"Sweeper":        append(slices.Clone(rescue), "dynamodb:DeleteItem", "dynamodb:Query OpenRuns"),
		"DeadLetters":    append(slices.Clone(rescue), "sqs:ReceiveMessage RunDeadLetters"),
		"Notifier":       {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		"Console":        {},
	}
	for _, function := range slices.Sorted(maps.Keys(allowed)) {
		c := asFunction(t, output(t, function+"FunctionName"))
		for _, what := range slices.Sorted(maps.Keys(attempts)) {
			err := answered(t.Context(), c, attempts[what])
			denied := err != nil && strings.Contains(err.Error(), "AccessDenied")
			if want := !slices.Contains(allowed[function], what); denied != want {
				t.Errorf("%s: %s: denied %v, want %v (%v)", function, what, denied, want, err)
			}
		}
	}
}

// answered makes an attempt until it is answered: a connection that broke off
// says nothing about permissions.
func answered(ctx context.Context, c clients, attempt func(context.Context, clients) error) error {
	var err error
	for range 5 {
		var api smithy.APIError
		if err = attempt(ctx, c); err == nil || errors.As(err, &api) {
			return err
		}
	}
	return err
}

// A worker that misses a permission does not do half its work and call it done.
func TestMissingPermissionShows(t *testing.T) {
	setEnvironment(t, output(t, "ApiFunctionName"), "RUN_DEADLINE_SECONDS", "12")
	x := stocked(t)
	emptied(t, capture.queue(t))
	restore := withoutStatement(t, role(t, capture.function(t)), "WriteArchive")
	r := x.ended(t, x.start(t, capture))
	if r.Status != "failed" || r.Failure == nil || r.Failure.Code != "internal" || r.Failure.Next == "" {
		t.Errorf("a capture that may not write the archive is %v, want failed internal", r)
	}
	if v := x.versions(t, policy{ID: r.Target.ID}); len(v) != 0 {
		t.Errorf("there are versions without content: %v", v)
	}
	restore()
	x.done(t, x.captureOf(t, policy{ID: r.Target.ID}))
}
