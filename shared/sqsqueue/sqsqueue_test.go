package sqsqueue_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

func TestConformance(t *testing.T) {
	client := sqs.NewFromConfig(localaws.Config(localaws.Ministack(t), nil))
	urls := map[run.Operation]string{}
	for _, op := range []run.Operation{run.OpInventorySync, run.OpCaptureSnapshot} {
		name := strings.NewReplacer(".", "-", "_", "-").Replace(string(op))
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		urls[op] = *out.QueueUrl
	}
	q := sqsqueue.New(client, urls)
	runtest.Queue(t, q, func(t *testing.T, op run.Operation) run.Dispatch {
		url := urls[op]
		for range 12 { // waits of 5 s
			// A message whose answer broke off comes again when its visibility ends.
			out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
				QueueUrl: &url, MaxNumberOfMessages: 1, WaitTimeSeconds: 5, VisibilityTimeout: 5,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Messages) == 0 {
				continue
			}
			if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			d, err := sqsqueue.ParseDispatch([]byte(*out.Messages[0].Body))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		t.Fatalf("nothing came to the queue of %s", op)
		return run.Dispatch{}
	})
}

// recorder keeps what was sent.
type recorder struct{ sent []*sqs.SendMessageInput }

func (r *recorder) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	r.sent = append(r.sent, in)
	return &sqs.SendMessageOutput{}, nil
}

func dispatch() run.Dispatch {
	return run.Dispatch{V: run.DispatchVersion, TenantID: "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV", RunID: "run_01ARZ3NDEKTSV4RRFFQ69G5FAV", DispatchSeq: 3}
}

// A message never comes before its time, is fair between tenants, and tells
// nothing but which run to look at.
func TestSend(t *testing.T) {
	r := &recorder{}
	q := sqsqueue.New(r, map[run.Operation]string{run.OpInventorySync: "u"})
	for delay, want := range map[time.Duration]int32{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, run.MaxDispatchDelay: 900} {
		if err := q.Send(t.Context(), run.OpInventorySync, dispatch(), delay); err != nil {
			t.Fatal(err)
		}
		last := r.sent[len(r.sent)-1]
		if last.DelaySeconds != want {
			t.Errorf("delay %s is sent as %d s, want %d", delay, last.DelaySeconds, want)
		}
		if *last.MessageGroupId != dispatch().TenantID {
			t.Errorf("message group is %s", *last.MessageGroupId)
		}
		const body = `{"v":1,"tenant":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV","run":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV","dispatchSeq":3}`
		if *last.MessageBody != body {
			t.Errorf("body is %s", *last.MessageBody)
		}
	}
	scheduled := dispatch()
	scheduled.Scheduled = true
	if err := q.Send(t.Context(), run.OpInventorySync, scheduled, 0); err != nil {
		t.Fatal(err)
	}
	if group := *r.sent[len(r.sent)-1].MessageGroupId; group != dispatch().TenantID+"-scheduled" {
		t.Errorf("message group of a schedule is %s", group)
	}
	if back, err := sqsqueue.ParseDispatch([]byte(*r.sent[len(r.sent)-1].MessageBody)); err != nil || back != scheduled {
		t.Errorf("came back as %+v, %v", back, err)
	}
	sent := len(r.sent)
	for _, delay := range []time.Duration{-1, run.MaxDispatchDelay + 1} {
		if err := q.Send(t.Context(), run.OpInventorySync, dispatch(), delay); err == nil {
			t.Errorf("delay %s was accepted", delay)
		}
	}
	if err := q.Send(t.Context(), run.OpRestoreExecute, dispatch(), 0); !errors.Is(err, sqsqueue.ErrNoQueue) {
		t.Errorf("an operation without a queue: %v", err)
	}
	if len(r.sent) != sent {
		t.Error("a refused message was sent")
	}
}

func FuzzParseDispatch(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"tenant":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV","run":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV","dispatchSeq":3}`,
		`{"v":2,"tenant":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV","run":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV"}`,
		`{"v":1,"tenant":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV#","run":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV"}`,
		`{"v":1} {"v":1}`, `{"v":1,"x":2}`, `[]`, `null`, ``, `{"v":1e99}`, `{"v":1,"dispatchSeq":-1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := sqsqueue.ParseDispatch(body)
		if err != nil {
			if !errors.Is(err, sqsqueue.ErrBadDispatch) || d != (run.Dispatch{}) {
				t.Fatalf("%v, %v", d, err)
			}
			return
		}
		if !run.ValidTenantID(d.TenantID) || !run.ValidRunID(d.RunID) || d.V != run.DispatchVersion || d.DispatchSeq < 0 {
			t.Fatalf("accepted %+v", d)
		}
	})
}
