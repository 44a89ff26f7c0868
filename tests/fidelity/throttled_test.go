package fidelity

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/figures"
	"tenantatlas/tests/graphsim"
)

// Microsoft's published limit for one application in one tenant.
const (
	quotaRequests = 1000
	quotaWindow   = 20 * time.Second
)

// workers are how many captures run at once, as many as functions do locally.
const workers = 20

// A capture of a thousand policies at Microsoft's published limits ends complete,
// never exceeds them, meets no storm of refusals, and sends hardly a request more
// than the reads need. Time is fake: the figures are of the limits, not of this
// machine.
func TestThrottledCapture(t *testing.T) {
	const policies, groupsShared = 1000, 40
	for name, quotas := range map[string][]graphsim.Quota{"limited": graphsim.DefaultQuotas(), "free": {}} {
		t.Run(name, func(t *testing.T) {
			sim := graphsim.StartTest(t, graphsim.Options{Quotas: quotas, Seed: 1, LogSize: 50_000, Latency: graphsim.Latency{FixedMs: 80}})
			synctest.Test(t, func(t *testing.T) {
				b := bedOver(t, sim)
				rates := run.Rates(b.store)
				if len(quotas) == 0 {
					rates = nil // nor our own limit
				}
				b.wire(&http.Client{Transport: sim.MemoryTransport()}, rates)
				b.add(source, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: policies, SettingsPer: 10, Assigned: true, Groups: groupsShared}})
				began := time.Now()
				all := b.sync(source)
				all = slices.DeleteFunc(all, func(p run.Policy) bool { return p.GraphID == catalog.SingletonID })
				if len(all) != policies {
					t.Fatalf("%d policies", len(all))
				}
				synced := time.Since(began)
				sim.ResetCounters()
				since := lastSeq(sim)
				began = time.Now()
				queue := make(chan run.Policy)
				var working sync.WaitGroup
				for range workers {
					working.Go(func() {
						for p := range queue {
							c, err := b.tryCapture(source, p)
							if err != nil {
								t.Error(err)
								continue
							}
							if c.outcome.Status != run.OutcomeSucceeded || !c.version.Complete || len(c.version.Notes) > 0 {
								t.Errorf("%s: %s %s", p.Name, c.outcome.Status, c.outcome.Code)
							}
						}
					})
				}
				for _, p := range all {
					queue <- p
				}
				close(queue)
				working.Wait()
				took := time.Since(began)

				counted := sim.Counters()
				// The parts that there are, and each group once.
				least := groupsShared
				for _, p := range all {
					for _, part := range b.typeOf(p).Parts {
						if part.Each == nil {
							least++
						}
					}
				}
				most := busiest(entries(sim, since), quotaWindow)
				limit := time.Duration(float64(counted.Reads) / quotaRequests * float64(quotaWindow))
				t.Logf("sync %s; capture %s for %d reads (%d needed), at most %d in %s, %d refused; at the limit alone %s",
					synced.Round(time.Millisecond), took.Round(time.Millisecond), counted.Reads, least, most, quotaWindow, counted.Throttled, limit)
				measured := figures.Capture{
					Policies: len(all), SyncMillis: synced.Milliseconds(), CaptureMillis: took.Milliseconds(), Reads: counted.Reads, Needed: least,
					Busiest: most, Refused: counted.Throttled, AtLimitMillis: limit.Milliseconds(),
				}
				err := figures.Add(*figuresFile, func(a *figures.All) {
					if name == "free" {
						a.Free = measured
					} else {
						a.Limited = measured
					}
				})
				if err != nil {
					t.Error(err)
				}
				if counted.Reads > least*110/100 {
					t.Errorf("%d requests, want at most a tenth more than %d", counted.Reads, least)
				}
				if len(quotas) == 0 {
					return
				}
				if most > quotaRequests*102/100 {
					t.Errorf("%d requests in %s, the quota is %d", most, quotaWindow, quotaRequests)
				}
				if counted.Throttled > 0 {
					t.Errorf("%d requests were refused", counted.Throttled)
				}
				if took > limit*115/100 {
					t.Errorf("took %s, the limit alone takes %s", took, limit)
				}
			})
		})
	}
}

func lastSeq(sim *graphsim.Sim) uint64 {
	all := sim.Log(graphsim.LogFilter{}).Entries
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Seq
}

func entries(sim *graphsim.Sim, since uint64) []graphsim.LogEntry {
	return slices.DeleteFunc(sim.Log(graphsim.LogFilter{Since: since}).Entries, func(e graphsim.LogEntry) bool { return e.Kind != graphsim.KindRead })
}

// busiest is the largest number of requests in any window.
func busiest(sent []graphsim.LogEntry, window time.Duration) int {
	most, from := 0, 0
	for i, e := range sent {
		for !sent[from].Time.After(e.Time.Add(-window)) {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}
