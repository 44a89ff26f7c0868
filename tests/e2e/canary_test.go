package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
)

// archivedSecrets lists the names of all stored credentials.
func archivedSecrets(t *testing.T) []string {
	t.Helper()
	var names []string
	pages := secretsmanager.NewListSecretsPaginator(stack.secrets, &secretsmanager.ListSecretsInput{})
	for pages.HasMorePages() {
		for _, s := range must(pages.NextPage(t.Context()))(t).SecretList {
			names = append(names, aws.ToString(s.Name))
		}
	}
	return names
}

// everything is all text that the product and its stack left: the table, the
// bucket, the logs of all functions and programs, and the queues, by where it is.
func everything(t *testing.T, since time.Time) map[string]string {
	t.Helper()
	found := scan(t)
	for key, object := range stored(t, "") {
		found["bucket "+key] = string(object)
		if isPayload(key) {
			found["archive "+key] = string(unpacked(t, object))
		}
	}
	found["logs of the functions"] = strings.Join(logLines(t, since), "\n")
	logs := filepath.Join(stack.folder, "logs")
	err := filepath.WalkDir(logs, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found["file "+entry.Name()] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, queue := range stack.Outputs {
		if !strings.Contains(queue, "/"+stack.AWS.AccountID+"/") {
			continue
		}
		out := must(stack.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queue), MaxNumberOfMessages: 10, VisibilityTimeout: 0}))(t)
		for _, m := range out.Messages {
			found["queue "+name] += aws.ToString(m.Body) + "\n"
		}
	}
	return found
}

// A secret that is planted wherever something secret or foreign comes in is
// found in the credential store and nowhere else: no record, log line, message,
// payload, notification, audit event or answer.
func TestPlantedSecretIsNowhere(t *testing.T) {
	began := time.Now().Add(-time.Second)
	canary := "canary-" + uuid.NewString()
	stack.mu.Lock()
	stack.canaries = append(stack.canaries, canary) // every answer is searched from here on
	stack.mu.Unlock()

	x := stocked(t)
	planted := object{
		"X-Planted": canary, "request-id": canary, "client-request-id": canary, "x-ms-ags-diagnostic": `{"ServerInfo":"` + canary + `"}`,
		"Location": "https://" + canary + ".example/", "WWW-Authenticate": `Bearer realm="` + canary + `"`,
	}
	with := func(rule object) object {
		rule["extra"], rule["message"], rule["headers"] = canary, canary, planted
		return rule
	}

	// Credentials: one that works, one that does not, one that is no certificate.
	x.app(t, object{"permissions": mayRead, "secrets": []object{{"value": canary + "-good"}}})
	x.reconnect(t, canary+"-good")
	x.done(t, x.start(t, connectionTest))
	x.reconnect(t, canary+"-wrong")
	wrong := x.ended(t, x.start(t, connectionTest))
	if wrong.Failure == nil || wrong.Failure.Code != "credential_invalid" {
		t.Errorf("the wrong secret: %v", wrong)
	}
	for _, body := range []object{
		{"credential": object{"kind": "certificate", "certificate": canary}},
		{"credential": object{"kind": canary, "clientSecret": canary}},
		{"credential": object{"kind": "client_secret", "clientSecret": canary, canary: canary}},
		{"credential": object{"kind": "client_secret", "clientSecret": []string{canary}}},
		{"credential": canary},
	} {
		// The name of an unknown field is the client's own and may be named.
		if _, err := send(t.Context(), token(t, owner), http.MethodPatch, x.path(""), body); err != nil && !strings.Contains(err.Error(), `body.credential.`+canary) {
			t.Error(err)
		}
	}
	for _, bearer := range []string{canary, "e30." + canary + ".e30"} {
		must(send(t.Context(), bearer, http.MethodGet, "/v1/me", nil))(t).want(t, http.StatusUnauthorized)
	}
	x.done(t, func() runView {
		x.reconnect(t, canary+"-good")
		var r runView
		as(t, operator, http.MethodPost, x.path("/inventory-syncs"), nil, "Idempotency-Key", canary).want(t, http.StatusAccepted).into(t, &r)
		return r
	}())

	// What Microsoft says when it refuses, in every shape and for every request.
	type refused struct {
		x *tenant
		r runView
	}
	var failed []refused
	var rules []object
	var of [][]operation // what runs into each
	add := func(operations []operation, more ...object) {
		for _, rule := range more {
			rules, of = append(rules, rule), append(of, operations)
		}
	}
	add([]operation{connectionTest, inventorySync, capture, backup, addPolicies}, []object{
		{"kind": "token", "status": 400, "entraCode": 7000215}, {"kind": "token", "status": 401, "code": canary},
		{"kind": "token", "status": 503}, {"kind": "token", "action": "garbage"},
		{"kind": "read", "status": 400}, {"kind": "read", "status": 403, "code": "Forbidden"}, {"kind": "read", "status": 404},
		{"kind": "read", "status": 401}, {"kind": "read", "status": 400, "code": canary}, {"kind": "read", "status": 409, "shape": "unknown"},
		{"kind": "read", "status": 400, "shape": "unknown-code"}, {"kind": "read", "status": 400, "shape": "garbage"},
		{"kind": "read", "status": 429, "retryAfter": canary}, {"kind": "read", "status": 503, "shape": "plain"},
		{"kind": "read", "action": "garbage"}, {"kind": "read", "action": "truncate"},
		{"kind": "read", "path": "/settings$", "status": 400}, {"kind": "read", "path": "/assignments$", "status": 403},
	}...)
	add([]operation{preview, execute}, []object{
		{"kind": "token", "status": 401, "code": canary}, {"kind": "read", "status": 400, "code": canary}, {"kind": "read", "status": 404, "shape": "unknown"},
		{"kind": "read", "action": "truncate"},
	}...)
	add([]operation{execute}, []object{
		{"kind": "write", "status": 400}, {"kind": "write", "status": 403, "code": canary}, {"kind": "write", "status": 409, "shape": "unknown"}, {"kind": "write", "action": "truncate"},
	}...)
	tenants, prepared := make([]*tenant, len(rules)), make([][]starting, len(rules))
	var numbers []int
	for i := range rules {
		numbers = append(numbers, i)
	}
	each(numbers, func(i int) {
		tenants[i] = stocked(t)
		prepared[i] = tenants[i].startings(t, of[i])
	})
	setEnvironment(t, output(t, "ApiFunctionName"), "RUN_DEADLINE_SECONDS", "8")
	for i, rule := range rules {
		y := tenants[i]
		y.app(t, object{"permissions": mayWrite, "secrets": []object{{"value": canary + "-good"}}})
		y.fault(t, with(rule))
		y.reconnect(t, canary+"-good") // the worker needs a new token, and does not have one of before
		for _, s := range prepared[i] {
			failed = append(failed, refused{y, begin(t, s)})
		}
	}
	broken, swept := 0, time.Now()
	for _, f := range failed {
		r := f.r
		await(t, "the end of "+r.ID, 2*time.Minute, func() bool {
			if r = f.x.run(t, r.ID); !r.terminal() && time.Now().After(r.DeadlineAt) && time.Since(swept) > 3*time.Second {
				sweep(t) // instead of waiting for the schedule
				swept = time.Now()
			}
			return r.terminal()
		})
		if r.Status != "succeeded" {
			broken++
		}
	}
	if broken < 40 {
		t.Errorf("%d of %d runs did not succeed: the faults prove little", broken, len(failed))
	}
	// Every answer is searched.
	each(failed, func(f refused) {
		f.x.items(t, f.r)
		f.x.notified(t, f.r.by(), f.r)
		if f.r.Operation == preview.name {
			get(t, viewer, f.x.path("/runs/"+f.r.ID+"/plan")).want(t, http.StatusOK)
		}
	})
	each(tenants, func(y *tenant) {
		y.audit(t)
		for _, p := range y.policies(t) {
			for _, v := range y.versions(t, p) {
				get(t, viewer, y.path("/policies/"+p.ID+"/versions/"+strconv.Itoa(v.Number))).want(t, http.StatusOK)
			}
		}
		for _, set := range list[setView](t, viewer, y.path("/backup-sets")) {
			y.setItems(t, set.ID)
			get(t, viewer, y.path("/backup-sets/"+set.ID+"/coverage")).want(t, http.StatusOK)
			get(t, viewer, y.path("/backup-sets/"+set.ID+"/comparison?from="+set.ID)).want(t, http.StatusOK)
		}
	})
	// A schedule that runs into a refusal, and what it says of that.
	nightly := x.newSchedule(t, object{"name": "Nightly", "operation": "backup_set.create", "expression": "cron(0 2 * * ? *)", "selection": object{"types": threeTypes}})
	x.fault(t, with(object{"kind": "read", "status": 403, "code": "Forbidden"}))
	fire(t, x, nightly.ID, time.Now())
	fire(t, x, nightly.ID, time.Now().Add(-24*time.Hour))
	get(t, viewer, x.path("/schedules/"+nightly.ID)).want(t, http.StatusOK)
	get(t, viewer, x.path("/drift?state=all")).want(t, http.StatusOK)
	x.audit(t)
	list[notification](t, operator, "/v1/notifications?tenant="+x.id)

	hits := 0
	for where, text := range everything(t, began) {
		if strings.Contains(text, failed[0].r.ID) {
			hits++
		}
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("the planted secret is in %s: …%s…", where, text[max(0, i-200):min(len(text), i+200)])
		}
	}
	if hits < 4 {
		t.Errorf("a run's id was found in %d places only: the search proves nothing", hits)
	}
	kept := false
	for _, name := range archivedSecrets(t) {
		if strings.Contains(name, x.id) {
			value := must(stack.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name}))(t)
			kept = kept || bytes.Contains([]byte(aws.ToString(value.SecretString)), []byte(canary))
		}
	}
	if !kept {
		t.Error("the planted secret is not in the credential store: it was never planted")
	}
}
