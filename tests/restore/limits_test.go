package restore

import (
	"flag"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/tests/figures"
	"tenantatlas/tests/graphsim"
)

var figuresFile = flag.String("figures", "", "add what was measured to this `file`")

// Microsoft's published limit of writes for one application in one tenant.
const (
	quotaWrites = 100
	quotaWindow = 20 * time.Second
)

// A restore of two hundred policies at Microsoft's published limits is done in
// hardly more time than its writes need, is hardly ever refused, and writes no more
// than it must. Time is fake: the figures are of the limits, not of this machine.
func TestRestoreAtTheLimits(t *testing.T) {
	const policies = 200
	sim := graphsim.StartTest(t, graphsim.Options{Quotas: graphsim.DefaultQuotas(), Seed: 1, LogSize: 50_000, Latency: graphsim.Latency{FixedMs: 80}})
	synctest.Test(t, func(t *testing.T) {
		b := bedOver(t, sim, &http.Client{Transport: sim.MemoryTransport()}, &clock{}, graphsim.TenantSpec{
			Generate: &graphsim.GenerateSpec{Seed: 1, Policies: policies, SettingsPer: 10, Assigned: true, Groups: 20},
		})
		b.rates = b.store
		set := b.backup("Before")
		least := 0
		for _, collection := range []string{"deviceManagement/configurationPolicies", "deviceManagement/deviceConfigurations", "deviceManagement/deviceCompliancePolicies"} {
			objects, err := sim.Objects(graphID, collection)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range objects {
				if i%2 == 0 {
					err = sim.DeleteObject(graphID, collection, o.ID)
					least += 2 // it is made and assigned
				} else {
					err = sim.Touch(graphID, collection, o.ID)
					least++
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		p := b.preview(set)
		b.clock.pass(time.Minute)
		sim.ResetCounters()
		b.writes()
		began := time.Now()
		r := b.restore(p.ID)
		took := time.Since(began)
		counted := sim.Counters()
		all := sim.Log(graphsim.LogFilter{Kind: graphsim.KindWrite}).Entries
		most := busiest(all, quotaWindow)
		limit := time.Duration(float64(counted.Writes) / quotaWrites * float64(quotaWindow))
		t.Logf("%s %s for %d writes (%d needed, %.2f an item) and %d reads (%.2f an item), at most %d writes in %s, %d refused; at the limit alone %s", r.Sentence,
			took.Round(time.Millisecond), counted.Writes, least, float64(counted.Writes)/policies, counted.Reads, float64(counted.Reads)/policies, most, quotaWindow, counted.Throttled, limit)
		err := figures.Add(*figuresFile, func(a *figures.All) {
			a.Restored = figures.Restore{
				Policies: policies, Writes: counted.Writes, Needed: least, Reads: counted.Reads,
				Millis: took.Milliseconds(), AtLimitMillis: limit.Milliseconds(), Busiest: most, Refused: counted.Throttled,
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != "succeeded" || r.Counts.Total != policies {
			t.Errorf("%s: %+v\n%s", r.Sentence, r.Counts, b.outcomes(r.ID, "failed", "skipped"))
		}
		if counted.Writes > least {
			t.Errorf("%d writes, want %d", counted.Writes, least)
		}
		if counted.Throttled > counted.Writes/100 {
			t.Errorf("%d requests were refused", counted.Throttled)
		}
		if most > quotaWrites*102/100 {
			t.Errorf("%d writes in %s, the quota is %d", most, quotaWindow, quotaWrites)
		}
		if took > limit*115/100 {
			t.Errorf("took %s, the limit alone takes %s", took, limit)
		}
	})
}

// busiest is the largest number of requests in any window.
func busiest(sent []graphsim.LogEntry, window time.Duration) int {
	slices.SortFunc(sent, func(a, b graphsim.LogEntry) int { return a.Time.Compare(b.Time) })
	most, from := 0, 0
	for i, e := range sent {
		for !sent[from].Time.After(e.Time.Add(-window)) {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}
