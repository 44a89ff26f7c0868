package runtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// Faults checks that an answer that is lost is resolved: every write is done
// with its first one or two requests broken, once so that nothing was done and
// once so that it was done, and must be answered as if nothing had happened.
func Faults(t *testing.T, open Open) {
	for _, fault := range []struct {
		name string
		kind Fault
	}{{"not done", Lose}, {"done but not answered", LoseAnswer}} {
		for times := 1; times <= 2; times++ {
			t.Run(fmt.Sprintf("%s %d times", fault.name, times), func(t *testing.T) {
				for _, c := range slices.Concat(faultCases, rateFaultCases, setFaultCases, scheduleFaultCases, driftFaultCases, summaryFaultCases, filterFaultCases) {
					t.Run(c.name, func(t *testing.T) {
						w := newWorld(t, open)
						do := c.prepare(w)
						w.faults.armAfter(w.spare, fault.kind, times)
						do()
						if fired := w.faults.count(); fired != times {
							t.Errorf("%d requests were broken, want %d", fired, times)
						}
					})
				}
			})
		}
	}
}

type faultCase struct {
	name string
	// prepare makes what the write needs and returns the write with its checks. It
	// sets world.spare when the request to be broken is not the first that writes.
	prepare func(w *world) func()
}

var faultCases = []faultCase{
	{"CreateRun that applies a plan", func(w *world) func() {
		plan := w.create("plan")
		n := w.newRun("k")
		n.LinkTo, n.LinkKind = plan.ID, run.LinkApplied
		return func() {
			w.must(w.s.CreateRun(w.ctx(), n))
			second := w.newRun("other")
			second.LinkTo, second.LinkKind = plan.ID, run.LinkApplied
			var used *run.PlanUsedError
			if err := w.s.CreateRun(w.ctx(), second); !errors.As(err, &used) || used.RunID != n.Run.ID {
				w.t.Errorf("the plan is applied again: %v", err)
			}
		}
	}},
	{"Supersede", func(w *world) func() {
		earlier := w.create("earlier")
		n := w.newRun("k")
		n.LinkTo, n.LinkKind = earlier.ID, run.LinkRerun
		w.must(w.s.CreateRun(w.ctx(), n))
		return func() {
			w.must(w.s.Supersede(w.ctx(), w.tenant, earlier.ID, n.Run.ID, []string{"pol_1"}))
			links, err := w.s.Links(w.ctx(), w.tenant, earlier.ID)
			w.must(err)
			same(w.t, "links", links, []run.RunLink{{RunID: n.Run.ID, Kind: run.LinkRerun, Items: []string{"pol_1"}}})
		}
	}},
	{"CommitSlice that wrote to the tenant", func(w *world) func() {
		r, plan := w.claimed(10)
		return func() {
			at := w.tick()
			event := run.AuditEvent{TenantID: w.tenant, At: at, Event: run.AuditObjectsWritten, RunID: r.ID, Part: 1, Objects: []run.AuditObject{{PolicyID: "pol_1"}}}
			_, err := w.s.CommitSlice(w.ctx(), r.Fence(), run.SliceCommit{Outcomes: outcomes(plan[:5], at), At: at, LeaseUntil: at.Add(time.Minute), PlanDigest: "d", Audit: &event})
			w.must(err)
			w.check(r.ID, "k")
			q := run.AuditQuery{TenantID: w.tenant, RunID: r.ID, Events: []string{run.AuditObjectsWritten}, From: at, To: at.Add(time.Hour), Now: at.Add(time.Hour)}
			page, err := w.s.AuditEvents(w.ctx(), q, run.PageRequest{Limit: 10})
			w.must(err)
			same(w.t, "events", page.Items, []run.AuditEvent{event})
		}
	}},
	{"CreateTenant", func(w *world) func() {
		return func() {
			id := w.ids.New(run.PrefixTenant, w.tick())
			w.addTenant(id, "owner")
			tenant, err := w.s.Tenant(w.ctx(), id)
			w.must(err)
			same(w.t, "owners", tenant.Owners, 1)
		}
	}},
	{"UpdateTenant", func(w *world) func() {
		tenant, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		return func() {
			tenant.Name = "Fabrikam"
			got, err := w.s.UpdateTenant(w.ctx(), tenant, w.audit(run.AuditTenantChanged))
			w.must(err)
			stored, err := w.s.Tenant(w.ctx(), w.tenant)
			w.must(err)
			same(w.t, "tenant", got, stored)
			same(w.t, "revision", got.Rev, 2)
		}
	}},
	{"NoteConnection", func(w *world) func() {
		return func() {
			fault := &run.ConnectionFault{Code: "c", RunID: "run_1", At: w.tick()}
			w.must(w.s.NoteConnection(w.ctx(), w.tenant, fault.At, fault))
			tenant, err := w.s.Tenant(w.ctx(), w.tenant)
			w.must(err)
			same(w.t, "fault", tenant.Connection, fault)
			same(w.t, "revision", tenant.Rev, 1)
		}
	}},
	{"PutMember", func(w *world) func() {
		return func() {
			got, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: "u", Role: run.RoleOwner}, 0, w.audit(run.AuditMemberSet))
			w.must(err)
			same(w.t, "revision", got.Rev, 1)
			tenant, err := w.s.Tenant(w.ctx(), w.tenant)
			w.must(err)
			same(w.t, "owners", tenant.Owners, 2)
		}
	}},
	{"DeleteMember", func(w *world) func() {
		m, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: "u", Role: run.RoleOwner}, 0, w.audit(run.AuditMemberSet))
		w.must(err)
		return func() {
			w.must(w.s.DeleteMember(w.ctx(), w.tenant, "u", m.Rev, w.audit(run.AuditMemberRemoved)))
			tenant, err := w.s.Tenant(w.ctx(), w.tenant)
			w.must(err)
			same(w.t, "owners", tenant.Owners, 1)
		}
	}},
	{"CreateRun", func(w *world) func() {
		return func() {
			n := w.newRun("k")
			n.IdempotencyKey, n.ReplayUntil = run.Hash("ik"), w.now.Add(time.Hour)
			w.must(w.s.CreateRun(w.ctx(), n))
			same(w.t, "run", w.check(n.Run.ID, "k"), n.Run)
		}
	}},
	{"Claim", func(w *world) func() {
		r := w.create("k")
		return func() {
			got := w.claim(r.ID, "worker-1")
			same(w.t, "epoch", got.Epoch, 1)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"SavePlan of a few", func(w *world) func() {
		r := w.claim(w.create("k").ID, "worker-1")
		return func() {
			got, err := w.s.SavePlan(w.ctx(), r.Fence(), items(3), w.tick())
			w.must(err)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"SavePlan of many", func(w *world) func() {
		r := w.claim(w.create("k").ID, "worker-1")
		return func() {
			got, err := w.s.SavePlan(w.ctx(), r.Fence(), items(250), w.tick())
			w.must(err)
			plan, err := w.s.Plan(w.ctx(), got, 0, 250)
			w.must(err)
			same(w.t, "plan", plan, items(250))
		}
	}},
	{"BeginSlice", func(w *world) func() {
		r, _ := w.claimed(3)
		return func() {
			got, err := w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(1), w.tick(), w.now.Add(time.Minute))
			w.must(err)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"CommitSlice", func(w *world) func() {
		r, plan := w.claimed(10)
		return func() {
			got, err := w.commit(r, outcomes(plan[:5], w.now), nil)
			w.must(err)
			same(w.t, "sequence", got.Seq, 1)
			same(w.t, "run", w.check(r.ID, "k"), got)
		}
	}},
	{"CommitSlice with the end", func(w *world) func() {
		r, plan := w.claimed(5)
		return func() {
			end := w.end(r, run.StatusPartial)
			got, err := w.commit(r, outcomes(plan, w.now), &end)
			w.must(err)
			same(w.t, "run", w.check(r.ID, "k"), got)
			same(w.t, "status", got.Status, run.StatusPartial)
		}
	}},
	{"Release", func(w *world) func() {
		r, _ := w.claimed(5)
		return func() {
			got, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{NotBefore: w.now.Add(time.Minute), Waiting: &run.Waiting{Code: "c"}, At: w.tick()})
			w.must(err)
			same(w.t, "dispatch sequence", got.DispatchSeq, 1)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"Rescue", func(w *world) func() {
		r, _ := w.claimed(5)
		return func() {
			got, err := w.s.Rescue(w.ctx(), r, w.now.Add(time.Hour))
			w.must(err)
			same(w.t, "epoch", got.Epoch, r.Epoch+1)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"End", func(w *world) func() {
		r, _ := w.claimed(5)
		return func() {
			got, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
			w.must(err)
			same(w.t, "run", w.check(r.ID, "k"), got)
		}
	}},
	{"Claim of an expired lease", func(w *world) func() {
		r := w.claim(w.create("k").ID, "worker-1")
		return func() {
			w.now = r.LeaseUntil
			got := w.claim(r.ID, "worker-2")
			same(w.t, "epoch", got.Epoch, 2)
			same(w.t, "crashes", got.Crashes, 1)
			same(w.t, "run", w.stored(r.ID), got)
		}
	}},
	{"End with a rest", func(w *world) func() {
		r, plan := w.claimed(40)
		r, err := w.commit(r, outcomes(plan[:5], w.now), nil)
		w.must(err)
		return func() {
			got, err := w.s.End(w.ctx(), r.Fence(), r.Stop(run.Failure{Code: "deadline_exceeded"}, w.tick()))
			w.must(err)
			same(w.t, "run", w.check(r.ID, "k"), got)
			same(w.t, "counts", got.Counts, run.Counts{Total: 40, Succeeded: 3, Failed: 1, Skipped: 36})
		}
	}},
	{"RequestCancel", func(w *world) func() {
		r, _ := w.claimed(5)
		return func() {
			got, err := w.s.RequestCancel(w.ctx(), w.tenant, r.ID, w.cancel(r))
			w.must(err)
			same(w.t, "run", w.stored(r.ID), got)
			if got.CancelAt == nil {
				w.t.Error("not asked")
			}
		}
	}},
	{"Notified", func(w *world) func() {
		r, _ := w.claimed(5)
		_, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
		w.must(err)
		return func() { w.must(w.s.Notified(w.ctx(), w.tenant, r.ID)) }
	}},
	{"NoteFault", func(w *world) func() {
		r, _ := w.claimed(5)
		return func() {
			f := run.Failure{Code: "internal", Params: map[string]string{"a": "b"}}
			w.must(w.s.NoteFault(w.ctx(), w.tenant, r.ID, f))
			same(w.t, "fault", w.stored(r.ID).Fault, &f)
		}
	}},
	{"PutPolicy", func(w *world) func() {
		p, err := w.s.PutPolicy(w.ctx(), run.Policy{ID: run.PolicyID(w.tenant, "c", "p"), TenantID: w.tenant, Type: "t", Name: "P"})
		w.must(err)
		return func() {
			p.Name = "Q"
			got, err := w.s.PutPolicy(w.ctx(), p)
			w.must(err)
			same(w.t, "revision", got.Rev, 2)
			stored, err := w.s.Policy(w.ctx(), w.tenant, p.ID)
			w.must(err)
			same(w.t, "policy", stored, got)
		}
	}},
	{"PutTypeSync", func(w *world) func() {
		return func() {
			w.must(w.s.PutTypeSync(w.ctx(), run.TypeSync{TenantID: w.tenant, Type: "t", SyncedAt: w.now, RunID: "r"}))
			syncs, err := w.s.TypeSyncs(w.ctx(), w.tenant)
			w.must(err)
			same(w.t, "syncs", len(syncs), 1)
		}
	}},
	{"AddVersion", func(w *world) func() {
		p, err := w.s.PutPolicy(w.ctx(), run.Policy{ID: run.PolicyID(w.tenant, "c", "p"), TenantID: w.tenant, Type: "t", Name: "P"})
		w.must(err)
		return func() {
			got, err := w.s.AddVersion(w.ctx(), run.NewVersion{Policy: p, Version: version(p, w.tick())})
			w.must(err)
			same(w.t, "latest", got.LatestVersion, 1)
			stored, err := w.s.Policy(w.ctx(), w.tenant, p.ID)
			w.must(err)
			same(w.t, "policy", stored, got)
		}
	}},
	{"TouchCaptured", func(w *world) func() {
		p, err := w.s.PutPolicy(w.ctx(), run.Policy{ID: run.PolicyID(w.tenant, "c", "p"), TenantID: w.tenant, Type: "t", Name: "P"})
		w.must(err)
		return func() { w.must(w.s.TouchCaptured(w.ctx(), w.tenant, p.ID, 0, w.tick())) }
	}},
	{"PutNotification", func(w *world) func() {
		return func() {
			n := notification(w, w.owner, 1)
			w.must(w.s.PutNotification(w.ctx(), n))
			page, err := w.s.Notifications(w.ctx(), run.NotificationQuery{UserID: w.owner, TenantID: w.tenant}, run.PageRequest{Limit: 5})
			w.must(err)
			same(w.t, "notifications", page.Items, []run.Notification{n})
		}
	}},
	{"MarkRead", func(w *world) func() {
		n := notification(w, w.owner, 1)
		w.must(w.s.PutNotification(w.ctx(), n))
		return func() {
			w.must(w.s.MarkRead(w.ctx(), run.NotificationKey{UserID: n.UserID, TenantID: n.TenantID, At: n.At, RunID: n.RunID, Kind: n.Kind}))
		}
	}},
	{"Audit", func(w *world) func() {
		return func() { w.must(w.s.Audit(w.ctx(), w.audit("x"))) }
	}},
}
