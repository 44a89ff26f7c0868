package e2e

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// counted is what a summary tells of how often it was counted.
var counted = regexp.MustCompile(`"(rev":\{"N|countToken":\{"S)":"[0-9a-f]*"\},?`)

// recorded is everything that is stored of a tenant, without its budgets of
// requests, which any run changes, and how often its summary was counted.
func (x *tenant) recorded(t *testing.T) map[string]string {
	t.Helper()
	all := scan(t)
	summary := "T#" + x.id + "# SUMMARY"
	if all[summary] != "" {
		all[summary] = counted.ReplaceAllString(all[summary], "")
	}
	maps.DeleteFunc(all, func(key, _ string) bool {
		return !strings.HasPrefix(key, "T#"+x.id+"#") || strings.HasPrefix(key, "T#"+x.id+"#L#")
	})
	return all
}

// A message that comes again after the run's end changes nothing, byte for byte.
func TestLateMessagesChangeNothing(t *testing.T) {
	x := stocked(t)
	for _, o := range operations {
		r := x.done(t, x.start(t, o))
		x.notified(t, r.by(), r)
		before := x.recorded(t)
		graph := len(x.requests(t))
		_, inFlight := depth(t, o.queue(t))
		for _, seq := range []int{1, 1, 1, 0, 7} {
			sendMessage(t, o.queue(t), dispatch(r, seq))
		}
		drained(t, o.queue(t), inFlight)
		if asked := x.requests(t)[graph:]; len(asked) > 0 {
			t.Errorf("%s: late messages asked Graph %v", o.name, asked)
		}
		// The stream is told in order: what the late messages had changed would be
		// notified before the end of a later run.
		later := x.done(t, x.start(t, connectionTest))
		x.notified(t, operator, later)
		after := x.recorded(t)
		for key, item := range after {
			if strings.Contains(key+item, later.ID) || strings.HasSuffix(key, " LOCK") {
				delete(before, key)
				delete(after, key)
			}
		}
		if found := changes(before, after); len(found) > 0 {
			t.Errorf("%s: late messages changed %v", o.name, found)
		}
	}
}

// A message that comes twice while the run is at work is not worked on twice.
func TestDuplicateMessagesAreWorkedOnOnce(t *testing.T) {
	x := stocked(t)
	emptied(t, capture.queue(t)) // the duplicates come back after half an hour
	lift := x.fault(t, object{"kind": "read", "path": "/assignments$", "action": "delay", "delayMs": 5000, "count": 1})
	_, inFlight := depth(t, capture.queue(t))
	r := x.atWork(t, x.start(t, capture))
	for range 3 {
		sendMessage(t, capture.queue(t), dispatch(r, 1))
	}
	await(t, "the duplicates are received", 20*time.Second, func() bool {
		waiting, now := depth(t, capture.queue(t))
		return waiting == 0 && now >= inFlight+3
	})
	if now := x.run(t, r.ID); now.Status != "running" {
		t.Fatalf("the run is %v: the duplicates came too late to prove anything", now)
	}
	lift()
	r = x.done(t, r)
	record := runItem(t, r)
	if epoch := number(t, record, "epoch"); epoch != 1 {
		t.Errorf("%d workers claimed the run, want 1", epoch)
	}
	x.consistent(t, r)
	if versions := x.versions(t, policy{ID: r.Target.ID}); len(versions) != 1 {
		t.Errorf("there are %d versions, want 1", len(versions))
	}
	kinds := []string{}
	for _, n := range x.notified(t, operator, r) {
		kinds = append(kinds, n.Kind)
	}
	if !slices.Equal(kinds, []string{"queued", "running", "ended"}) {
		t.Errorf("notifications are %v", kinds)
	}
	var audited []string
	for _, e := range x.audit(t) {
		if e.RunID == r.ID {
			audited = append(audited, e.Event)
		}
	}
	if !slices.Equal(audited, []string{"run.ended", "run.requested"}) {
		t.Errorf("audit events of the run are %v", audited)
	}
}

// A message that is no dispatch is tried five times by the worker and three times
// as a dead letter, put aside where a person sees it, and changes nothing. One
// that names no run is dropped.
func TestMalformedMessagesArePutAside(t *testing.T) {
	x := stocked(t)
	r := x.done(t, x.start(t, inventorySync))
	x.notified(t, operator, r)
	queue, aside := inventorySync.queue(t), output(t, "UnhandledMessagesUrl")
	visibility(t, queue, "1") // instead of half an hour between two tries
	visibility(t, output(t, "RunDeadLettersUrl"), "1")

	marker := "e2e-" + x.id
	malformed := []string{
		marker, `{"v":1}` + marker, `{"v":2,"tenant":"` + x.id + `","run":"` + r.ID + `","dispatchSeq":1}`,
		`{"v":1,"tenant":"` + x.id + `","run":"` + r.ID + `","dispatchSeq":1,"extra":true}`,
		`{"v":1,"tenant":"` + x.id + `#R#","run":"` + r.ID + `","dispatchSeq":1}`,
		`[]` + marker, `"` + strings.Repeat("x", 2000) + marker + `"`,
	}
	before := x.recorded(t)
	for _, body := range malformed {
		sendMessage(t, queue, body)
	}
	absent := r
	absent.ID = "run_00000000000000000000000000"
	sendMessage(t, queue, dispatch(absent, 1))

	found := map[string]bool{}
	await(t, "the malformed messages are put aside", 90*time.Second, func() bool {
		for _, body := range take(t, aside) {
			found[body] = true
		}
		return !slices.ContainsFunc(malformed, func(body string) bool { return !found[body] })
	})
	if found[dispatch(absent, 1)] {
		t.Error("a message that names no run was put aside instead of dropped")
	}
	if changed := changes(before, x.recorded(t)); len(changed) > 0 {
		t.Errorf("malformed messages changed %v", changed)
	}
	x.done(t, x.start(t, inventorySync))
}

// visibility sets how long a received message stays hidden, until the test ends.
func visibility(t *testing.T, queue, seconds string) {
	t.Helper()
	const name = "VisibilityTimeout"
	was := must(stack.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqsAttribute{name}}))(t).Attributes[name]
	set := func(value string) error {
		_, err := stack.queues.SetQueueAttributes(context.WithoutCancel(t.Context()), &sqs.SetQueueAttributesInput{QueueUrl: &queue, Attributes: map[string]string{name: value}})
		return err
	}
	t.Cleanup(func() {
		if err := set(was); err != nil {
			t.Errorf("put the visibility time-out back: %v", err)
		}
	})
	if err := set(seconds); err != nil {
		t.Fatal(err)
	}
}

// take receives and deletes what waits in a queue.
func take(t *testing.T, queue string) (bodies []string) {
	t.Helper()
	out := must(stack.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10}))(t)
	for _, m := range out.Messages {
		bodies = append(bodies, aws.ToString(m.Body))
		must(stack.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}))(t)
	}
	return bodies
}
