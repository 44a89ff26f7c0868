package operation_test

import (
	"testing"
	"time"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

// waiting works once on a new capture and returns what it then waits for, and
// for how long.
func (b *bed) waiting(name string) (run.Run, time.Duration) {
	b.t.Helper()
	r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: b.policy(name).ID})
	b.deliver()
	got, err := b.store.Run(b.t.Context(), tenantID, r.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if got.Waiting == nil {
		b.t.Fatalf("run is %s and waits for nothing", got.Status)
	}
	return got, b.queue.sent[len(b.queue.sent)-1].delay
}

// A limit that one run meets holds for the other runs of the tenant: they wait
// for the same end and send nothing.
func TestLimitOfOneRunHoldsForOthers(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.rates = b.store
	b.mustSync()
	b.fault(graphsim.Fault{Path: "/settings$", Status: 429, RetryAfter: "315", Count: 1})
	if r, delay := b.waiting("ACSC Edge"); r.Waiting.Code != "graph_throttled" || delay != 315*time.Second {
		t.Errorf("waits for %+v, %s", r.Waiting, delay)
	}
	b.sim.ResetCounters()
	r, delay := b.waiting("ACSC Windows")
	if r.Waiting.Code != "graph_throttled" || delay > 315*time.Second || delay < 300*time.Second {
		t.Errorf("waits for %+v, %s", r.Waiting, delay)
	}
	if sent := b.sim.Counters(); sent.Reads != 0 {
		t.Errorf("%d requests were sent to a limited tenant", sent.Reads)
	}
}

// A run for which no budget is left says that it waits for other runs, and ends
// as limited when its time is over before.
func TestUsedUpBudgetWaits(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.rates = b.store
	b.mustSync()
	b.sim.ResetCounters()
	// Other runs took what comes in within the next ten minutes.
	_, err := b.store.LeaseTokens(t.Context(), run.RateRequest{
		RateKey: run.RateKey{TenantID: tenantID, Service: "intune"}, Rate: run.Rate{Interval: time.Minute, Burst: 100}, Want: 10, Now: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r, delay := b.waiting("ACSC Edge")
	if r.Waiting.Code != "tenant_budget" || r.Waiting.Until.IsZero() || delay < 9*time.Minute || delay > 11*time.Minute {
		t.Errorf("waits for %+v, %s", r.Waiting, delay)
	}
	b.queue.sent = nil
	r, _ = b.do(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: b.policy("ACSC Windows").ID, Deadline: 5 * time.Minute})
	if r.Status != run.StatusFailed || code(r.Failure) != "graph_throttled" || r.Failure.Params["lane"] != "intune" {
		t.Errorf("ended %s with %+v", r.Status, r.Failure)
	}
	if sent := b.sim.Counters(); sent.Reads != 0 {
		t.Errorf("%d requests were sent without a budget", sent.Reads)
	}
}

// A claim does not send a failing request again and again: the budget of its
// retries ends before its patience does, and the queue spaces out the rest.
func TestRetriesOfAClaimAreBounded(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	b.mustSync()
	b.retry = graph.Retry{MaxAttempts: 1000, Base: time.Nanosecond, Cap: time.Nanosecond}
	b.fault(graphsim.Fault{Path: anyGraph, Status: 503})
	b.sim.ResetCounters()
	r, _ := b.waiting("ACSC Edge")
	if sent := b.sim.Counters(); r.Waiting.Code != "graph_unavailable" || sent.Reads < 5 || sent.Reads > 12 {
		t.Errorf("waits for %+v after %d requests", r.Waiting, sent.Reads)
	}
}
