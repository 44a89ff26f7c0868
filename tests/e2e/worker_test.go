package e2e

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type sqsAttribute = sqstypes.QueueAttributeName

func number(t testing.TB, record map[string]types.AttributeValue, name string) int {
	t.Helper()
	n, ok := record[name].(*types.AttributeValueMemberN)
	if !ok {
		t.Fatalf("the record has no number %s", name)
	}
	return must(strconv.Atoi(n.Value))(t)
}

// A worker that dies in the middle leaves a run that the sweeper takes over
// within 150 seconds, as if nothing had happened. A message that comes while the
// lease lives changes nothing.
func TestRunOfAKilledWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	type held struct {
		x  *tenant
		o  operation
		r  runView
		up func()
	}
	var all []*held
	losing.Lock() // a worker that dies takes with it what others gave it
	unlock := sync.OnceFunc(losing.Unlock)
	defer unlock()
	for _, o := range operations {
		h := &held{x: stocked(t), o: o}
		prepared := h.x.starting(t, o)
		emptied(t, o.queue(t)) // the killed worker's message comes back much later
		path := "/deviceConfigurations"
		if o == capture {
			path = "/assignments$"
		}
		h.up = h.x.fault(t, object{"kind": "read", "path": path, "action": "delay", "delayMs": 50_000})
		h.r = begin(t, prepared)
		all = append(all, h)
	}
	for _, h := range all {
		h.r = h.x.atWork(t, h.r)
		await(t, "Graph holds the worker", 30*time.Second, func() bool { return h.x.inFlight(t) > 0 })
	}
	killed := time.Now()
	for _, h := range all {
		kill(t, h.o.function(t))
		h.up()
	}
	unlock()
	for _, h := range all {
		now := h.x.run(t, h.r.ID)
		if now.Status != "running" {
			t.Fatalf("after its worker was killed %v, want running", now)
		}
		// A message while the lease lives is not the rescue: the worker might live.
		sendMessage(t, h.o.queue(t), dispatch(h.r, 1))
		await(t, "the early message is done with", 30*time.Second, func() bool {
			waiting, _ := depth(t, h.o.queue(t))
			return waiting == 0
		})
		until := must(time.Parse(time.RFC3339Nano, text(runItem(t, h.r)["leaseUntil"])))(t)
		if left := time.Until(until); left <= 0 || left > 61*time.Second {
			t.Errorf("the lease ends %v from now, want within a minute", left)
		}
		if epoch := number(t, runItem(t, h.r), "epoch"); epoch != 1 {
			t.Errorf("%s: a message took the run over while its lease lived: epoch %d", h.o.name, epoch)
		}
	}
	for _, h := range all {
		await(t, "the sweeper takes the run over", 160*time.Second, func() bool { return number(t, runItem(t, h.r), "epoch") > 1 })
		took := time.Since(killed)
		t.Logf("%s: taken over %v after the kill", h.o.name, took.Round(time.Second))
		measured(t, "takeoverSeconds", took)
		if took > 150*time.Second {
			t.Errorf("%s: taken over %v after the kill, want at most 150 s", h.o.name, took)
		}
	}
	for _, h := range all {
		h.r = h.x.done(t, h.r)
		h.x.consistent(t, h.r)
		if epoch := number(t, runItem(t, h.r), "epoch"); epoch != 3 {
			t.Errorf("%s: epoch is %d, want 3: claim, rescue, claim", h.o.name, epoch)
		}
		kinds := map[string]int{}
		for _, n := range h.x.notified(t, h.r.by(), h.r) {
			kinds[n.Kind]++
		}
		if len(kinds) != 3 || kinds["queued"]*kinds["running"]*kinds["ended"] != 1 {
			t.Errorf("%s: notifications are %v, want one of each", h.o.name, kinds)
		}
		if h.o == capture {
			if versions := h.x.versions(t, policy{ID: h.r.Target.ID}); len(versions) != 1 {
				t.Errorf("there are %d versions, want 1", len(versions))
			}
		}
	}
	t.Logf("killed workers' runs were finished %v after the kill", time.Since(killed).Round(time.Second))
}
