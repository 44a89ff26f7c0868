package e2e

import (
	"net/http"
	"testing"
	"time"
)

func (x *tenant) cancel(t *testing.T, user string, r runView) answer {
	t.Helper()
	return as(t, user, http.MethodPost, x.path("/runs/"+r.ID+"/cancel"), nil)
}

// canceled holds what is true of every canceled run.
func (x *tenant) canceled(t *testing.T, r runView) {
	t.Helper()
	x.consistent(t, r)
	if r.Status != "canceled" || r.Failure == nil || r.Failure.Code != "canceled" {
		t.Fatalf("%v with %+v, want canceled", r, r.Failure)
	}
	for _, i := range x.items(t, r) {
		if i.Status == "skipped" && (i.Code != "canceled" || i.Sentence == "") {
			t.Errorf("a skipped item is %+v", i)
		}
	}
	if n := x.notified(t, operator, r); n[len(n)-1].Status != "canceled" {
		t.Errorf("the end is notified as %+v", n[len(n)-1])
	}
	var ends int
	for _, e := range x.audit(t) {
		if e.RunID == r.ID && e.Event == "run.ended" {
			ends++
			if e.Status != "canceled" || e.Actor.UserID != who(t, operator).UserID {
				t.Errorf("the audit trail says %+v", e)
			}
		}
	}
	if ends != 1 {
		t.Errorf("%d ends in the audit trail", ends)
	}
}

// A run that waits for a worker, or for Graph, is canceled at once; its lock is
// free, and the message that comes later does nothing.
func TestCancelOfARunThatWaits(t *testing.T) {
	x := stocked(t)
	resume := paused(t, inventorySync)
	queued := x.start(t, inventorySync)
	x.cancel(t, viewer, queued).want(t, http.StatusForbidden)
	var r runView
	x.cancel(t, operator, queued).want(t, http.StatusOK).into(t, &r)
	x.canceled(t, r)
	x.cancel(t, operator, queued).want(t, http.StatusConflict)
	resume()

	lift := x.fault(t, object{"kind": "read", "status": 429, "retryAfter": "900"})
	waiting := x.start(t, inventorySync)
	await(t, "the run says that it waits", 30*time.Second, func() bool {
		now := x.run(t, waiting.ID)
		return now.Waiting != nil && now.Waiting.Code == "graph_throttled"
	})
	x.cancel(t, operator, waiting).want(t, http.StatusOK).into(t, &r)
	x.canceled(t, r)
	lift()
	if r := x.run(t, queued.ID); r.Status != "canceled" {
		t.Errorf("its message made the canceled run %v", r)
	}
}

// A run that a worker holds stops within its slice: what Graph was asked for is
// finished, nothing else is begun.
func TestCancelOfARunAtWork(t *testing.T) {
	x := stocked(t)
	setEnvironment(t, inventorySync.function(t), "SLICE_ITEMS", "1")
	x.fault(t, object{"kind": "read", "action": "delay", "delayMs": 3000})
	r := x.start(t, inventorySync)
	await(t, "Graph holds the worker", 30*time.Second, func() bool { return x.inFlight(t) > 0 })
	x.cancel(t, operator, r).want(t, http.StatusAccepted)
	asked := time.Now()
	if now := x.run(t, r.ID); !now.terminal() && now.Sentence != "Stopping after the items in progress." {
		t.Errorf("meanwhile it says %q", now.Sentence)
	}
	r = x.endedWithin(t, r, 30*time.Second)
	t.Logf("stopped %v after the cancel", time.Since(asked).Round(100*time.Millisecond))
	x.canceled(t, r)
	if r.Counts.Succeeded+r.Counts.Failed > 2 || r.Counts.Skipped == 0 {
		t.Errorf("counts are %+v", r.Counts)
	}
}
