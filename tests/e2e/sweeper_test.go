package e2e

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// rescueTime is how long a run may lie about before a worker gets it again: 20 s
// until it counts as forgotten, a minute until the next sweep, and a moment for
// the sweep and the worker's start.
const rescueTime = 90 * time.Second

// sweep runs one sweep now, as its schedule would.
func sweep(t testing.TB) {
	t.Helper()
	out := must(stack.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(output(t, "SweeperFunctionName")), Payload: []byte(`{}`)}))(t)
	var report struct{ Seen, Faults *int }
	if err := json.Unmarshal(out.Payload, &report); err != nil || out.FunctionError != nil || report.Seen == nil || report.Faults == nil || *report.Faults != 0 {
		t.Fatalf("the sweep answered %s, %v", out.Payload, err)
	}
}

// lose deletes the message of a run from its queue, whose worker is paused. What
// else waits there is left as it was.
func lose(t *testing.T, queue string, r runView) {
	t.Helper()
	want := dispatch(r, 1)
	await(t, "the message of "+r.ID, 30*time.Second, func() bool {
		lost := false
		// Visible again soon: where the answer breaks off, the message must not be gone
		// for as long as the queue lets a worker have it.
		in := &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 3}
		for _, m := range must(stack.queues.ReceiveMessage(t.Context(), in))(t).Messages {
			if aws.ToString(m.Body) == want {
				must(stack.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}))(t)
				lost = true
				continue
			}
			must(stack.queues.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}))(t)
		}
		return lost
	})
}

// losing keeps tests that run side by side from pausing, resuming and killing each
// other's workers.
var losing sync.Mutex

// forgotten starts a run of each operation, but for those that exclude each other,
// and loses its message.
func forgotten(t *testing.T, x *tenant) []runView {
	t.Helper()
	losing.Lock()
	defer losing.Unlock()
	prepared := x.startings(t, atOnce)
	resume := paused(t, atOnce...)
	defer resume()
	var all []runView
	for i, o := range atOnce {
		r := begin(t, prepared[i])
		lose(t, o.queue(t), r)
		all = append(all, r)
	}
	return all
}

// rescued waits until the runs that nobody had a message for have succeeded, as if
// nothing had happened.
func (x *tenant) rescued(t *testing.T, all []runView) {
	t.Helper()
	for _, r := range all {
		r = x.endedWithin(t, r, time.Until(r.CreatedAt.Add(rescueTime)))
		if r.Status != "succeeded" || r.StartedAt == nil {
			t.Errorf("the rescued run is %v, want succeeded", r)
			continue
		}
		if waited := r.StartedAt.Sub(r.CreatedAt); waited > rescueTime {
			t.Errorf("%s waited %v for a worker, want at most %v", r.Operation, waited, rescueTime)
		}
		measured(t, "dispatchSeconds", r.StartedAt.Sub(r.CreatedAt))
		t.Logf("%s was at work %v after its start, without the message of its start", r.Operation, r.StartedAt.Sub(r.CreatedAt).Round(100*time.Millisecond))
		x.consistent(t, r)
		kinds := []string{}
		for _, n := range x.notified(t, r.by(), r) {
			kinds = append(kinds, n.Kind)
		}
		if !slices.Equal(kinds, []string{"queued", "running", "ended"}) {
			t.Errorf("%s: notifications are %v", r.Operation, kinds)
		}
	}
}

// A run that nobody worked on ends when its time is over: the next sweep ends it,
// or its dead letter, whatever comes first.
func TestOverdueRunOfALostMessageEnds(t *testing.T) {
	setEnvironment(t, output(t, "ApiFunctionName"), "RUN_DEADLINE_SECONDS", "2")
	for name, look := range map[string]func(runView){
		"swept":       func(runView) { sweep(t) },
		"dead letter": func(r runView) { sendMessage(t, output(t, "RunDeadLettersUrl"), dispatch(r, 1)) },
	} {
		x := newTenant(t)
		resume := paused(t, connectionTest)
		r := x.start(t, connectionTest)
		lose(t, connectionTest.queue(t), r)
		resume()
		await(t, "the run's deadline", 10*time.Second, func() bool { return time.Now().After(r.DeadlineAt) })
		look(r)
		r = x.endedWithin(t, r, 10*time.Second)
		if r.Status != "failed" || r.Failure == nil || r.Failure.Code != "deadline_exceeded" || r.StartedAt != nil {
			t.Errorf("%s: the overdue run is %v, want failed deadline_exceeded", name, r)
		}
		if next := x.start(t, connectionTest); next.ID == r.ID {
			t.Errorf("%s: the lock was not free after the end", name)
		}
	}
	drained(t, output(t, "RunDeadLettersUrl"), 0)
}

// A run whose message was lost is found by a sweep of the schedule's own.
func TestRunOfALostMessageIsSwept(t *testing.T) {
	t.Parallel() // it waits for the schedule
	x := stocked(t)
	x.rescued(t, forgotten(t, x))
}

// A run whose message became a dead letter ends like any other. The message is
// dealt with; one that says nothing is put aside where a person sees it.
func TestDeadLettersAreDealtWith(t *testing.T) {
	t.Parallel() // it waits for the schedule
	x := stocked(t)
	all := forgotten(t, x)
	deadLetters, unhandled := output(t, "RunDeadLettersUrl"), output(t, "UnhandledMessagesUrl")
	visibility(t, deadLetters, "3") // instead of six minutes between two tries
	unreadable := "e2e-" + x.id
	sendMessage(t, deadLetters, unreadable)
	for _, r := range all {
		sendMessage(t, deadLetters, dispatch(r, 1))
	}
	var found []string
	await(t, "the unreadable message is put aside", 60*time.Second, func() bool {
		found = append(found, take(t, unhandled)...)
		return slices.Contains(found, unreadable)
	})
	drained(t, deadLetters, 0)
	x.rescued(t, all)
	found = append(found, take(t, unhandled)...)
	for _, r := range all {
		if slices.Contains(found, dispatch(r, 1)) {
			t.Errorf("the dead letter of %s was put aside for a person", r.Operation)
		}
	}
}
