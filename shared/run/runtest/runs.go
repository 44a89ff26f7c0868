package runtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// Runs checks the contract of run.Runs.
func Runs(t *testing.T, open Open) {
	t.Run("start", func(t *testing.T) { starts(t, open) })
	t.Run("start with a set", func(t *testing.T) { startsWithSet(t, open) })
	t.Run("start by a schedule", func(t *testing.T) { startsBySchedule(t, open) })
	t.Run("start of a restore", func(t *testing.T) { startsOfRestores(t, open) })
	t.Run("claim", func(t *testing.T) { claims(t, open) })
	t.Run("plan", func(t *testing.T) { plans(t, open) })
	t.Run("slice", func(t *testing.T) { slicesOfRun(t, open) })
	t.Run("end", func(t *testing.T) { ends(t, open) })
	t.Run("list", func(t *testing.T) { runLists(t, open) })
	t.Run("sweep", func(t *testing.T) { sweeps(t, open) })
	t.Run("cancel", func(t *testing.T) { cancels(t, open) })
}

func starts(t *testing.T, open Open) {
	t.Run("a start is read in one view", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		n.IdempotencyKey, n.ReplayUntil = run.Hash("client key"), w.now.Add(time.Hour)
		policy, err := w.s.PutPolicy(w.ctx(), run.Policy{ID: run.PolicyID(w.tenant, "c", "p"), TenantID: w.tenant, Type: "t", Name: "P"})
		w.must(err)
		q := run.StartQuery{TenantID: w.tenant, UserID: w.owner, KeyHash: n.Run.KeyHash, IdempotencyKey: n.IdempotencyKey, PolicyID: policy.ID}
		before, err := w.s.StartView(w.ctx(), q)
		w.must(err)
		if before.Member == nil || before.Tenant == nil || before.Policy == nil || before.Lock != nil || before.Replay != nil {
			t.Errorf("before the start the view is %+v", before)
		}
		w.must(w.s.CreateRun(w.ctx(), n))
		after, err := w.s.StartView(w.ctx(), q)
		w.must(err)
		same(t, "lock", after.Lock, &run.Lock{TenantID: w.tenant, KeyHash: n.Run.KeyHash, ActiveRunID: n.Run.ID, PayloadHash: n.Run.PayloadHash})
		same(t, "replay", after.Replay, &run.Replay{RunID: n.Run.ID, PayloadHash: n.Run.PayloadHash, ExpiresAt: n.ReplayUntil})
		same(t, "policy", after.Policy, &policy)
		q.UserID, q.PolicyID = "stranger", ""
		stranger, err := w.s.StartView(w.ctx(), q)
		w.must(err)
		if stranger.Member != nil || stranger.Policy != nil {
			t.Errorf("a stranger's view is %+v", stranger)
		}
		none, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant + "1", UserID: w.owner, KeyHash: n.Run.KeyHash})
		w.must(err)
		if none.Member != nil || none.Tenant != nil || none.Lock != nil {
			t.Errorf("the view of another tenant is %+v", none)
		}
	})
	t.Run("a run is stored as it was given", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		same(t, "run", w.stored(r.ID), r)
		events, err := w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, RunID: r.ID, Now: w.now}, run.PageRequest{Limit: 10})
		w.must(err)
		if len(events.Items) != 1 || events.Items[0].Event != run.AuditRunRequested {
			t.Errorf("audit trail is %+v", events.Items)
		}
		w.check(r.ID, "k")
	})
	t.Run("a held key names its holder", func(t *testing.T) {
		w := newWorld(t, open)
		first := w.create("k")
		second := w.newRun("k")
		var held *run.LockHeldError
		if err := w.s.CreateRun(w.ctx(), second); !errors.As(err, &held) {
			t.Fatalf("error is %v", err)
		}
		same(t, "lock", held.Lock, run.Lock{TenantID: w.tenant, KeyHash: first.KeyHash, ActiveRunID: first.ID, PayloadHash: first.PayloadHash})
		_, err := w.s.Run(w.ctx(), w.tenant, second.Run.ID)
		w.wantErr(err, run.ErrNotFound)
	})
	t.Run("of many racing starts one wins and the others learn of it", func(t *testing.T) {
		w := newWorld(t, open)
		const racers = 64
		var (
			wait  sync.WaitGroup
			errs  [racers]error
			asked [racers]run.NewRun
		)
		for i := range racers {
			asked[i] = w.newRun("k")
		}
		for i := range racers {
			wait.Go(func() { errs[i] = w.s.CreateRun(w.ctx(), asked[i]) })
		}
		wait.Wait()
		winner := ""
		for i, err := range errs {
			if err == nil {
				if winner != "" {
					t.Fatalf("two winners: %s and %s", winner, asked[i].Run.ID)
				}
				winner = asked[i].Run.ID
			}
		}
		for _, err := range errs {
			var held *run.LockHeldError
			if err != nil && (!errors.As(err, &held) || held.Lock.ActiveRunID != winner) {
				t.Errorf("a loser was told %v, the winner is %s", err, winner)
			}
		}
		page, err := w.s.ListRuns(w.ctx(), run.RunQuery{TenantID: w.tenant}, run.PageRequest{Limit: 10})
		w.must(err)
		if winner == "" || len(page.Items) > 1 {
			t.Errorf("winner %q, %d runs stored", winner, len(page.Items))
		}
		w.check(winner, "k")
	})
	t.Run("repeating a start that succeeded is no error", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		w.must(w.s.CreateRun(w.ctx(), n))
		w.must(w.s.CreateRun(w.ctx(), n))
		r := w.claim(n.Run.ID, "worker")
		w.must(w.s.CreateRun(w.ctx(), n))
		_, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
		w.must(err)
		w.must(w.s.CreateRun(w.ctx(), n))
		if got := w.check(n.Run.ID, "k"); got.Status != run.StatusFailed {
			t.Errorf("the run is %s", got.Status)
		}
	})
	t.Run("who lost the role starts nothing", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		n.Run.Initiator.UserID = "stranger"
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotMember)
		m, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: "stranger", Role: run.RoleViewer}, 0, w.audit(run.AuditMemberSet))
		w.must(err)
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotMember)
		if w.lock("k").ActiveRunID != "" {
			t.Error("a refused start took the lock")
		}
		m.Role = run.RoleOperator
		_, err = w.s.PutMember(w.ctx(), m, m.Rev, w.audit(run.AuditMemberSet))
		w.must(err)
		w.must(w.s.CreateRun(w.ctx(), n))
	})
	t.Run("who is no member does not learn who holds the key", func(t *testing.T) {
		w := newWorld(t, open)
		w.create("k")
		n := w.newRun("k")
		n.Run.Initiator.UserID = "stranger"
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotMember)
	})
	t.Run("a disabled tenant takes no runs", func(t *testing.T) {
		w := newWorld(t, open)
		tenant, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		tenant.Disabled = true
		_, err = w.s.UpdateTenant(w.ctx(), tenant, w.audit(run.AuditTenantChanged))
		w.must(err)
		w.wantErr(w.s.CreateRun(w.ctx(), w.newRun("k")), run.ErrTenantDisabled)
	})
	t.Run("an Idempotency-Key starts one run while it is remembered", func(t *testing.T) {
		w := newWorld(t, open)
		first, second := w.newRun("k1"), w.newRun("k2")
		first.IdempotencyKey, first.ReplayUntil = run.Hash("ik"), w.now.Add(time.Hour)
		second.IdempotencyKey, second.ReplayUntil = first.IdempotencyKey, w.now.Add(2*time.Hour)
		w.must(w.s.CreateRun(w.ctx(), first))
		w.wantErr(w.s.CreateRun(w.ctx(), second), run.ErrConflict)
		if w.lock("k2").ActiveRunID != "" {
			t.Error("a refused start took the lock")
		}
		w.now = first.ReplayUntil
		third := w.newRun("k3")
		third.IdempotencyKey, third.ReplayUntil = first.IdempotencyKey, w.now.Add(time.Hour)
		w.must(w.s.CreateRun(w.ctx(), third))
	})
	t.Run("an input too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		n.Run.Input = []byte(`"` + strings.Repeat("x", 500_000) + `"`)
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrTooLarge)
	})
	t.Run("a run of another tenant is not found", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		for _, tenant := range []string{w.tenant + "1", w.tenant[:len(w.tenant)-1], "", w.tenant + "#R#" + r.ID} {
			_, err := w.s.Run(w.ctx(), tenant, r.ID)
			w.wantErr(err, run.ErrNotFound)
			_, err = w.s.Claim(w.ctx(), tenant, r.ID, "worker", w.now, w.now.Add(time.Minute))
			w.wantErr(err, run.ErrNotFound)
			f := run.Fence{TenantID: tenant, RunID: r.ID}
			_, err = w.s.End(w.ctx(), f, w.end(r, run.StatusFailed))
			w.wantErr(err, run.ErrNotFound)
		}
	})
}

func startsOfRestores(t *testing.T, open Open) {
	t.Run("a plan is applied once, whoever asks", func(t *testing.T) {
		w := newWorld(t, open)
		plan := w.create("plan")
		apply := func(key string) run.NewRun {
			n := w.newRun(key)
			n.LinkTo, n.LinkKind = plan.ID, run.LinkApplied
			return n
		}
		asked := make([]run.NewRun, 12)
		errs := make([]error, len(asked))
		var wait sync.WaitGroup
		for i := range asked {
			asked[i] = apply(fmt.Sprint("k", i))
			wait.Go(func() { errs[i] = w.s.CreateRun(w.ctx(), asked[i]) })
		}
		wait.Wait()
		winner := ""
		for i, err := range errs {
			if err == nil {
				winner = asked[i].Run.ID
				w.must(w.s.CreateRun(w.ctx(), asked[i])) // a repeat of what succeeded
			}
		}
		for i, err := range errs {
			var used *run.PlanUsedError
			if asked[i].Run.ID != winner && (!errors.As(err, &used) || used.RunID != winner) {
				t.Errorf("start %d: %v, want that run %s applied it", i, err, winner)
			}
			if asked[i].Run.ID != winner && w.lock(fmt.Sprint("k", i)).ActiveRunID != "" {
				t.Errorf("the refused start %d holds a lock", i)
			}
		}
		// Who holds the lock is the better answer: it may be the same request.
		again := apply("taken")
		w.create("taken")
		var held *run.LockHeldError
		if err := w.s.CreateRun(w.ctx(), again); !errors.As(err, &held) {
			t.Errorf("error is %v, want the holder of the lock", err)
		}
	})
	t.Run("links are kept with the earlier run", func(t *testing.T) {
		w := newWorld(t, open)
		earlier, other := w.create("earlier"), w.create("other")
		set := w.set("Set")
		var want []run.RunLink
		for i, kind := range []run.LinkKind{run.LinkRerun, run.LinkRerun, run.LinkUndo, run.LinkApplied} {
			n := w.newRun(fmt.Sprint("k", i))
			n.LinkTo, n.LinkKind = earlier.ID, kind
			if i == 0 { // beside everything else that a start writes
				n.Set, n.IdempotencyKey, n.ReplayUntil = &set, run.Hash("client"), w.now.Add(time.Hour)
			}
			w.must(w.s.CreateRun(w.ctx(), n))
			want = append(want, run.RunLink{RunID: n.Run.ID, Kind: kind})
		}
		links := func() []run.RunLink {
			got, err := w.s.Links(w.ctx(), w.tenant, earlier.ID)
			w.must(err)
			slices.SortFunc(got, func(a, b run.RunLink) int { return strings.Compare(a.RunID, b.RunID) })
			return got
		}
		same(t, "links", links(), want)
		done := []string{"pol_1", "pol_2"}
		w.must(w.s.Supersede(w.ctx(), w.tenant, earlier.ID, want[1].RunID, done))
		w.must(w.s.Supersede(w.ctx(), w.tenant, earlier.ID, want[1].RunID, done))
		want[1].Items = done
		same(t, "links", links(), want)
		w.wantErr(w.s.Supersede(w.ctx(), w.tenant, other.ID, want[1].RunID, done), run.ErrNotFound)
		w.wantErr(w.s.Supersede(w.ctx(), w.tenant, earlier.ID, want[2].RunID, done), run.ErrNotFound)
		for _, tenant := range []string{w.tenant + "1", ""} {
			if got, err := w.s.Links(w.ctx(), tenant, earlier.ID); err != nil || len(got) > 0 {
				t.Errorf("another tenant sees %v, %v", got, err)
			}
		}
		if got, err := w.s.Links(w.ctx(), w.tenant, other.ID); err != nil || len(got) > 0 {
			t.Errorf("a run without later ones has %v, %v", got, err)
		}
	})
	t.Run("the reason of a run is kept", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		n.Run.Reason = "CHG0049120"
		w.must(w.s.CreateRun(w.ctx(), n))
		if got := w.stored(n.Run.ID); got.Reason != n.Run.Reason {
			t.Errorf("reason is %q", got.Reason)
		}
	})
}

func claims(t *testing.T, open Open) {
	t.Run("a claim makes the owner the holder", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		now := w.tick()
		got, err := w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-1", now, now.Add(time.Minute))
		w.must(err)
		r.Status, r.Owner, r.Epoch, r.Attempts, r.LeaseUntil, r.StartedAt, r.UpdatedAt = run.StatusRunning, "worker-1", 1, 1, now.Add(time.Minute), &now, now
		same(t, "claimed run", got, r)
		same(t, "stored run", w.stored(r.ID), r)
	})
	t.Run("a lease keeps others off until it expires", func(t *testing.T) {
		w := newWorld(t, open)
		first := w.claim(w.create("k").ID, "worker-1")
		_, err := w.s.Claim(w.ctx(), w.tenant, first.ID, "worker-2", first.LeaseUntil.Add(-1), first.LeaseUntil.Add(time.Minute))
		w.wantErr(err, run.ErrRunLeased)
		second, err := w.s.Claim(w.ctx(), w.tenant, first.ID, "worker-2", first.LeaseUntil, first.LeaseUntil.Add(time.Minute))
		w.must(err)
		if second.Epoch != 2 || second.Attempts != 2 || second.Crashes != 1 || !second.StartedAt.Equal(*first.StartedAt) {
			t.Errorf("second claim is %+v", second)
		}
	})
	t.Run("the same owner gets the claim it made", func(t *testing.T) {
		w := newWorld(t, open)
		first := w.claim(w.create("k").ID, "worker-1")
		again := w.claim(first.ID, "worker-1")
		same(t, "claim", again, first)
	})
	t.Run("of many racing claims one wins", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		now := w.tick()
		var wait sync.WaitGroup
		errs := make([]error, 32)
		for i := range errs {
			wait.Go(func() {
				_, errs[i] = w.s.Claim(w.ctx(), w.tenant, r.ID, fmt.Sprint("worker-", i), now, now.Add(time.Minute))
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			w.wantErr(err, run.ErrRunLeased)
		}
		if got := w.stored(r.ID); won != 1 || got.Epoch != 1 {
			t.Errorf("%d claims won, epoch is %d", won, got.Epoch)
		}
	})
	t.Run("nobody works on a run before its time", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		until := w.now.Add(time.Hour)
		r, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{NotBefore: until, Waiting: &run.Waiting{Code: "graph_throttled", Until: until}, Unsettled: 5, At: w.tick()})
		w.must(err)
		same(t, "unsettled", r.Intent, 5)
		_, err = w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", until.Add(-1), until.Add(time.Minute))
		var early *run.NotDueError
		if !errors.As(err, &early) {
			t.Fatalf("error is %v", err)
		}
		same(t, "run in the error", early.Run, r)
		next, err := w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", until, until.Add(time.Minute))
		w.must(err)
		if next.Epoch != 2 || !next.NotBefore.IsZero() || next.Crashes != 0 || next.Intent != 5 {
			t.Errorf("in time: %+v", next)
		}
	})
	t.Run("faults and lost workers are counted until there is progress", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(3)
		fault := &run.Failure{Code: "internal"}
		r, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{Fault: fault, At: w.tick()})
		w.must(err)
		same(t, "fault", r.Fault, fault)
		r = w.claim(r.ID, "worker-2")
		w.now = r.LeaseUntil
		r = w.claim(r.ID, "worker-3")
		same(t, "crashes", r.Crashes, 2)
		r, err = w.commit(r, outcomes(plan[:1], w.now), nil)
		w.must(err)
		same(t, "crashes after progress", r.Crashes, 0)
	})
	t.Run("what a run waited for is known until there is progress", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(3)
		cause := &run.Failure{Code: "graph_unavailable", HTTPStatus: 503, Params: map[string]string{"since": "x"}}
		r, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{Waiting: &run.Waiting{Code: cause.Code}, WaitedFor: cause, At: w.tick()})
		w.must(err)
		same(t, "cause", r.WaitedFor, cause)
		r = w.claim(r.ID, "worker-2")
		same(t, "cause after the next claim", r.WaitedFor, cause)
		r, err = w.s.Release(w.ctx(), r.Fence(), run.Pause{At: w.tick()})
		w.must(err)
		same(t, "cause after a mere yield", w.stored(r.ID).WaitedFor, cause)
		r = w.claim(r.ID, "worker-3")
		r, err = w.commit(r, outcomes(plan[:1], w.now), nil)
		w.must(err)
		if r.WaitedFor != nil {
			t.Errorf("after progress the run still says %+v", r.WaitedFor)
		}
	})
	t.Run("a run given back can be claimed at once", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		waiting := &run.Waiting{Code: "graph_throttled", Until: w.now.Add(time.Minute)}
		now := w.tick()
		got, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{NotBefore: waiting.Until, Waiting: waiting, At: now})
		w.must(err)
		want := r
		want.Owner, want.LeaseUntil, want.DispatchSeq, want.NotBefore, want.Waiting, want.UpdatedAt = "", time.Time{}, 1, waiting.Until, waiting, now
		same(t, "released run", got, want)
		w.now = waiting.Until
		next := w.claim(r.ID, "worker-2")
		if next.Waiting != nil || next.Epoch != 2 || next.Attempts != 2 || next.DispatchSeq != 1 {
			t.Errorf("next claim is %+v", next)
		}
		next, err = w.s.Release(w.ctx(), next.Fence(), run.Pause{Progress: true, At: w.tick()})
		w.must(err)
		if next.Attempts != 0 || next.DispatchSeq != 2 || !next.NotBefore.IsZero() {
			t.Errorf("after progress the run is %+v", next)
		}
		w.check(r.ID, "k")
	})
	t.Run("nobody gives back what he does not hold", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		w.now = r.LeaseUntil
		w.claim(r.ID, "worker-2")
		before := w.stored(r.ID)
		_, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{Progress: true, At: w.tick()})
		w.wantErr(err, run.ErrFenced)
		same(t, "stored run", w.stored(r.ID), before)
	})
}

func plans(t *testing.T, open Open) {
	for _, n := range []int{0, 1, 5, 6, 100, 101, 730} {
		t.Run(fmt.Sprintf("%d items are read back by range", n), func(t *testing.T) {
			w := newWorld(t, open)
			r, plan := w.claimed(n)
			if !r.Planned || r.PlanEpoch != r.Epoch || r.Counts.Total != n {
				t.Fatalf("planned run is %+v", r)
			}
			for _, span := range [][2]int{{0, 25}, {0, n}, {n - 1, 1}, {95, 10}, {99, 2}, {100, 5}, {n, 5}, {0, n + 50}} {
				if span[0] < 0 {
					continue
				}
				got, err := w.s.Plan(w.ctx(), r, span[0], span[1])
				w.must(err)
				from := min(span[0], n)
				if want := plan[from:min(from+span[1], n)]; !slices.Equal(got, want) {
					t.Errorf("items from %d, %d of them: got %d, want %d or others", span[0], span[1], len(got), len(want))
				}
			}
			w.check(r.ID, "k")
		})
	}
	for _, n := range []int{3, 30} {
		t.Run(fmt.Sprintf("a plan of %d is stored once per epoch", n), func(t *testing.T) {
			w := newWorld(t, open)
			r, plan := w.claimed(n)
			again, err := w.s.SavePlan(w.ctx(), r.Fence(), items(n + 5)[5:], w.tick())
			w.must(err)
			same(t, "run", again, r)
			got, err := w.s.Plan(w.ctx(), again, 0, n)
			w.must(err)
			if !slices.Equal(got, plan) {
				t.Error("the plan changed")
			}
			// A later epoch that found nothing committed may plan anew.
			w.now = r.LeaseUntil
			next := w.claim(r.ID, "worker-2")
			other := items(n + 7)
			next, err = w.s.SavePlan(w.ctx(), next.Fence(), other, w.tick())
			w.must(err)
			got, err = w.s.Plan(w.ctx(), next, 0, n+7)
			w.must(err)
			if !slices.Equal(got, other) || next.Counts.Total != n+7 || next.PlanEpoch != 2 {
				t.Errorf("the new plan is not in force: %+v", next)
			}
			_, err = w.s.SavePlan(w.ctx(), r.Fence(), plan, w.tick())
			w.wantErr(err, run.ErrFenced)
		})
	}
}

func slicesOfRun(t *testing.T, open Open) {
	t.Run("an intent is recorded and the lease renewed", func(t *testing.T) {
		w := newWorld(t, open)
		r, _ := w.claimed(3)
		now := w.tick()
		lease := now.Add(time.Hour)
		got, err := w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(2), now, lease)
		w.must(err)
		want := r
		want.Intent, want.LeaseUntil, want.UpdatedAt = run.FirstItems(2), lease, now
		same(t, "run", got, want)
		next, err := w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", lease, lease.Add(time.Minute))
		w.must(err)
		if next.Intent != want.Intent || next.Epoch != 2 {
			t.Errorf("the next worker does not see the intent: %+v", next)
		}
	})
	t.Run("a slice moves counts, totals, cursor and sequence", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(60)
		for from := 0; from < 50; from += 25 {
			var err error
			r, err = w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(25), w.tick(), w.now.Add(time.Minute))
			w.must(err)
			r, err = w.commit(r, outcomes(plan[from:from+25], w.now), nil)
			w.must(err)
			same(t, "stored run", w.stored(r.ID), r)
			w.check(r.ID, "k")
		}
		if r.Seq != 2 || r.Cursor != 50 || r.Intent != 0 || r.Attempts != 0 || r.Counts != (run.Counts{Total: 60, Succeeded: 30, Failed: 10, Skipped: 10}) {
			t.Errorf("run is %+v", r)
		}
		if r.Totals["created"] != 50 || r.Totals["bytes"] != 600 {
			t.Errorf("totals are %v", r.Totals)
		}
		end := w.end(r, run.StatusPartial)
		r, err := w.commit(r, outcomes(plan[50:], w.now), &end)
		w.must(err)
		r = w.check(r.ID, "k")
		if r.Status != run.StatusPartial || r.Owner != "" || r.FinishedAt == nil || !r.FinishedAt.Equal(end.At) || r.Cursor != 60 {
			t.Errorf("ended run is %+v", r)
		}
		if l := w.lock("k"); l.LastRunID != r.ID {
			t.Errorf("lock is %+v", l)
		}
		second := w.create("k") // the key is free again
		w.check(second.ID, "k")
	})
	t.Run("outcomes come back as they were", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(40)
		var want []run.Outcome
		for from := 0; from < 40; from += 8 {
			os := outcomes(plan[from:from+8], w.now)
			want = append(want, os...)
			var err error
			r, err = w.commit(r, os, nil)
			w.must(err)
		}
		for _, limit := range []int{1, 7, 8, 25, 40, 200} {
			q := run.OutcomeQuery{TenantID: w.tenant, RunID: r.ID}
			got := collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) { return w.s.Outcomes(w.ctx(), q, p) }, limit)
			same(t, fmt.Sprint("outcomes by ", limit), got, want)
		}
		q := run.OutcomeQuery{TenantID: w.tenant, RunID: r.ID, Statuses: []run.OutcomeStatus{run.OutcomeFailed}, Codes: []string{"graph_forbidden"}}
		got := collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) { return w.s.Outcomes(w.ctx(), q, p) }, 2)
		if len(got) != r.Counts.Failed {
			t.Errorf("%d failed outcomes listed, want %d", len(got), r.Counts.Failed)
		}
		q = run.OutcomeQuery{TenantID: w.tenant, RunID: r.ID, Actions: []run.PlanAction{run.PlanUpdate, run.PlanCreate}}
		got = collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) { return w.s.Outcomes(w.ctx(), q, p) }, 2)
		for _, o := range got {
			if o.Planned == nil || o.Planned.Action != run.PlanUpdate {
				t.Errorf("%s has no such action", o.Item.Key)
			}
		}
		if len(got) != 10 { // two of each eight
			t.Errorf("%d outcomes with an action, want 10", len(got))
		}
		q.TenantID = w.tenant + "1"
		if page, err := w.s.Outcomes(w.ctx(), q, run.PageRequest{Limit: 5}); err != nil || len(page.Items) != 0 {
			t.Errorf("another tenant sees %v, %v", page, err)
		}
	})
	t.Run("the digest of a plan and what was written go with the slice", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(10)
		at := w.tick()
		event := func(part int) *run.AuditEvent {
			return &run.AuditEvent{
				TenantID: w.tenant, At: at, Event: run.AuditObjectsWritten, ActorID: w.owner, RunID: r.ID, Operation: r.Operation, Target: r.Target, Part: part,
				Objects: []run.AuditObject{{PolicyID: "pol_1", Name: "One", Type: "settings-catalog", Action: run.PlanUpdate, Code: "noted", Before: "b", After: "a"}},
			}
		}
		c := run.SliceCommit{Outcomes: outcomes(plan[:3], at), At: at, LeaseUntil: at.Add(time.Minute), PlanDigest: "first", Audit: event(1)}
		first, err := w.s.CommitSlice(w.ctx(), r.Fence(), c)
		w.must(err)
		_, err = w.s.CommitSlice(w.ctx(), r.Fence(), c)
		w.must(err)
		stale := c
		stale.PlanDigest, stale.Audit = "stale", event(9)
		stale.Outcomes = outcomes(plan[3:5], at)
		_, err = w.s.CommitSlice(w.ctx(), r.Fence(), stale)
		w.wantErr(err, run.ErrFenced)
		// At the same instant, and with the end.
		end := w.end(r, run.StatusPartial)
		end.At, end.Audit.At = at, at
		c = run.SliceCommit{From: 3, Outcomes: outcomes(plan[3:], at), At: at, LeaseUntil: at.Add(time.Minute), Audit: event(2), End: &end}
		_, err = w.s.CommitSlice(w.ctx(), first.Fence(), c)
		w.must(err)
		_, err = w.s.CommitSlice(w.ctx(), first.Fence(), c)
		w.must(err)
		if r := w.check(r.ID, "k"); r.PlanDigest != "first" || r.Status != run.StatusPartial {
			t.Errorf("run is %+v", r)
		}
		q := run.AuditQuery{TenantID: w.tenant, RunID: r.ID, From: at, To: at.Add(time.Hour), Now: at.Add(time.Hour)}
		events := map[string][]run.AuditEvent{}
		for _, e := range collect(w, func(p run.PageRequest) (run.Page[run.AuditEvent], error) { return w.s.AuditEvents(w.ctx(), q, p) }, 2) {
			events[e.Event] = append(events[e.Event], e)
		}
		if len(events[run.AuditRunEnded]) != 1 || len(events[run.AuditObjectsWritten]) != 2 {
			t.Fatalf("events are %+v", events)
		}
		for _, e := range events[run.AuditObjectsWritten] {
			same(t, "event", e, *event(e.Part))
		}
	})
	t.Run("a stale epoch changes nothing", func(t *testing.T) {
		w := newWorld(t, open)
		old, plan := w.claimed(10)
		w.now = old.LeaseUntil
		now := w.claim(old.ID, "worker-2")
		_, err := w.s.BeginSlice(w.ctx(), old.Fence(), run.FirstItems(1), w.tick(), w.now.Add(time.Minute))
		w.wantErr(err, run.ErrFenced)
		_, err = w.commit(old, outcomes(plan, w.now), nil)
		w.wantErr(err, run.ErrFenced)
		end := w.end(old, run.StatusFailed)
		_, err = w.commit(old, outcomes(plan, w.now), &end)
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.End(w.ctx(), old.Fence(), w.end(old, run.StatusFailed))
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.SavePlan(w.ctx(), old.Fence(), plan, w.tick())
		w.wantErr(err, run.ErrFenced)
		same(t, "stored run", w.check(old.ID, "k"), now)
	})
	t.Run("a stale sequence changes nothing", func(t *testing.T) {
		w := newWorld(t, open)
		before, plan := w.claimed(10)
		after, err := w.commit(before, outcomes(plan[:5], w.now), nil)
		w.must(err)
		_, err = w.s.BeginSlice(w.ctx(), before.Fence(), run.FirstItems(1), w.tick(), w.now.Add(time.Minute))
		w.wantErr(err, run.ErrFenced)
		_, err = w.commit(before, outcomes(plan[5:], w.now), nil)
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.End(w.ctx(), before.Fence(), w.end(before, run.StatusFailed))
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.Release(w.ctx(), before.Fence(), run.Pause{Progress: true, At: w.tick()})
		w.wantErr(err, run.ErrFenced)
		same(t, "stored run", w.check(before.ID, "k"), after)
	})
	t.Run("repeating a commit with the same arguments counts once", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(10)
		c := run.SliceCommit{Outcomes: outcomes(plan[:5], w.now), At: w.tick(), LeaseUntil: w.now.Add(time.Minute)}
		first, err := w.s.CommitSlice(w.ctx(), r.Fence(), c)
		w.must(err)
		again, err := w.s.CommitSlice(w.ctx(), r.Fence(), c)
		w.must(err)
		same(t, "answers", again, first)
		w.check(r.ID, "k")
		// Even after another worker took over: and its fence is not handed out.
		w.now = first.LeaseUntil
		w.claim(r.ID, "worker-2")
		late, err := w.s.CommitSlice(w.ctx(), r.Fence(), c)
		w.must(err)
		_, err = w.commit(late, outcomes(plan[5:], w.now), nil)
		w.wantErr(err, run.ErrFenced)
		w.check(r.ID, "k")
	})
	t.Run("who gave the run back writes no more", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(10)
		r, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{At: w.tick()})
		w.must(err)
		_, err = w.commit(r, outcomes(plan, w.now), nil)
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(1), w.tick(), w.now.Add(time.Minute))
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.Release(w.ctx(), r.Fence(), run.Pause{At: w.tick()})
		w.wantErr(err, run.ErrFenced)
	})
	t.Run("a slice too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(10)
		os := outcomes(plan[:1], w.now)
		os[0].Params = map[string]string{"name": strings.Repeat("x", 450_000)}
		_, err := w.commit(r, os, nil)
		w.wantErr(err, run.ErrTooLarge)
		w.check(r.ID, "k")
	})
}

func ends(t *testing.T, open Open) {
	t.Run("a run that was never claimed can fail or be canceled", func(t *testing.T) {
		w := newWorld(t, open)
		for i, status := range []run.Status{run.StatusFailed, run.StatusCanceled} {
			key := fmt.Sprint("k", i)
			r := w.create(key)
			e := w.end(r, status)
			got, err := w.s.End(w.ctx(), run.Fence{TenantID: w.tenant, RunID: r.ID}, e)
			w.must(err)
			r.Status, r.Failure, r.FinishedAt, r.UpdatedAt = status, e.Failure, &e.At, e.At
			same(t, "ended run", got, r)
			w.check(r.ID, key)
		}
	})
	t.Run("a queued run cannot succeed", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		if _, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusSucceeded)); err == nil {
			t.Fatal("it ended")
		}
		if got := w.check(r.ID, "k"); got.Status != run.StatusQueued {
			t.Errorf("it is %s", got.Status)
		}
	})
	t.Run("a terminal run never changes", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(10)
		r, err := w.commit(r, outcomes(plan[:5], w.now), nil)
		w.must(err)
		e := w.end(r, run.StatusFailed)
		want, err := w.s.End(w.ctx(), r.Fence(), e)
		w.must(err)
		again, err := w.s.End(w.ctx(), r.Fence(), e)
		w.must(err) // the same call again is answered the same
		same(t, "answer", again, want)
		_, err = w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusSucceeded))
		w.wantErr(err, run.ErrRunEnded)
		_, err = w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", w.now.Add(time.Hour), w.now.Add(2*time.Hour))
		w.wantErr(err, run.ErrRunEnded)
		_, err = w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(1), w.tick(), w.now.Add(time.Minute))
		w.wantErr(err, run.ErrRunEnded)
		_, err = w.commit(r, outcomes(plan[5:], w.now), nil)
		w.wantErr(err, run.ErrRunEnded)
		_, err = w.s.Release(w.ctx(), r.Fence(), run.Pause{Progress: true, At: w.tick()})
		w.wantErr(err, run.ErrRunEnded)
		_, err = w.s.SavePlan(w.ctx(), r.Fence(), plan, w.tick())
		w.wantErr(err, run.ErrRunEnded)
		same(t, "stored run", w.check(r.ID, "k"), want)
	})
	t.Run("a late end frees nobody else's lock", func(t *testing.T) {
		w := newWorld(t, open)
		first := w.claim(w.create("k").ID, "worker-1")
		_, err := w.s.End(w.ctx(), first.Fence(), w.end(first, run.StatusFailed))
		w.must(err)
		second := w.create("k")
		_, err = w.s.End(w.ctx(), first.Fence(), w.end(first, run.StatusFailed))
		w.wantErr(err, run.ErrRunEnded)
		if got := w.lock("k").ActiveRunID; got != second.ID {
			t.Errorf("lock is held by %q", got)
		}
	})
	t.Run("of many racing ends one wins", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		var wait sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			e := w.end(r, run.StatusFailed)
			wait.Go(func() { _, errs[i] = w.s.End(w.ctx(), r.Fence(), e) })
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			w.wantErr(err, run.ErrRunEnded)
		}
		if won != 1 {
			t.Errorf("%d ends won", won)
		}
		events := collect(w, func(p run.PageRequest) (run.Page[run.AuditEvent], error) {
			return w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Events: []string{run.AuditRunEnded}, Now: w.now}, p)
		}, 10)
		if len(events) != 1 {
			t.Errorf("%d ends in the audit trail", len(events))
		}
		w.check(r.ID, "k")
	})
	t.Run("an audit event that is there already does not keep a run open", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		e := w.end(r, run.StatusFailed)
		w.must(w.s.Audit(w.ctx(), e.Audit))
		_, err := w.s.End(w.ctx(), r.Fence(), e)
		w.must(err)
		w.check(r.ID, "k")
	})
}

func runLists(t *testing.T, open Open) {
	w := newWorld(t, open)
	const n = 23
	var runs []run.Run
	for i := range n {
		r := w.create(fmt.Sprint("k", i))
		if i%3 == 0 {
			_, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
			w.must(err)
		}
		runs = append(runs, w.stored(r.ID))
	}
	slices.Reverse(runs)
	list := func(w *world, q run.RunQuery, limit int) []run.Run {
		return collect(w, func(p run.PageRequest) (run.Page[run.Run], error) { return w.s.ListRuns(w.ctx(), q, p) }, limit)
	}
	all := run.RunQuery{TenantID: w.tenant}
	eventually(t, "all runs are listed", func() bool { return len(list(w, all, 200)) == n })

	t.Run("newest first, pages complete", func(t *testing.T) {
		w := *w
		w.t = t
		for _, limit := range []int{1, 5, n, 200} {
			same(t, "runs", list(&w, all, limit), runs)
		}
	})
	t.Run("filters leave out, and miss nothing", func(t *testing.T) {
		w := *w
		w.t = t
		eventually(t, "the ended runs are ended in the list", func() bool {
			return len(list(&w, run.RunQuery{TenantID: w.tenant, Statuses: []run.Status{run.StatusFailed}}, 3)) == 8
		})
		for what, c := range map[string]struct {
			q    run.RunQuery
			want func(run.Run) bool
		}{
			"policy":    {run.RunQuery{PolicyID: runs[4].Target.ID}, func(r run.Run) bool { return r.ID == runs[4].ID }},
			"target":    {run.RunQuery{TargetID: runs[4].Target.ID}, func(r run.Run) bool { return r.ID == runs[4].ID }},
			"operation": {run.RunQuery{Operations: []run.Operation{run.OpInventorySync}}, func(run.Run) bool { return false }},
			"initiator": {run.RunQuery{InitiatorID: w.owner, Statuses: []run.Status{run.StatusQueued}}, func(r run.Run) bool { return r.Status == run.StatusQueued }},
			"from":      {run.RunQuery{From: runs[5].CreatedAt}, func(r run.Run) bool { return !r.CreatedAt.Before(runs[5].CreatedAt) }},
			"to":        {run.RunQuery{To: runs[5].CreatedAt}, func(r run.Run) bool { return r.CreatedAt.Before(runs[5].CreatedAt) }},
			"from and to": {run.RunQuery{From: runs[9].CreatedAt, To: runs[5].CreatedAt}, func(r run.Run) bool {
				return !r.CreatedAt.Before(runs[9].CreatedAt) && r.CreatedAt.Before(runs[5].CreatedAt)
			}},
			"empty range":  {run.RunQuery{From: runs[5].CreatedAt, To: runs[9].CreatedAt}, func(run.Run) bool { return false }},
			"other tenant": {run.RunQuery{TenantID: w.tenant + "1"}, func(run.Run) bool { return false }},
		} {
			if c.q.TenantID == "" {
				c.q.TenantID = w.tenant
			}
			var want []string
			for _, r := range runs {
				if c.want(r) {
					want = append(want, r.ID)
				}
			}
			var got []string
			for _, r := range list(&w, c.q, 2) {
				got = append(got, r.ID)
			}
			same(t, what, got, want)
		}
	})
	t.Run("the oldest first", func(t *testing.T) {
		w := *w
		w.t = t
		oldest := slices.Clone(runs)
		slices.Reverse(oldest)
		for _, limit := range []int{4, 200} {
			same(t, "runs", list(&w, run.RunQuery{TenantID: w.tenant, Oldest: true}, limit), oldest)
		}
		some := run.RunQuery{TenantID: w.tenant, Oldest: true, From: oldest[3].CreatedAt, To: oldest[9].CreatedAt, Statuses: run.Statuses()}
		same(t, "some runs", list(&w, some, 2), oldest[3:9])
	})
	t.Run("how the newest stand", func(t *testing.T) {
		w := *w
		w.t = t
		var want []run.Status
		for _, r := range runs[:6] {
			want = append(want, r.Status)
		}
		eventually(t, "the index has them", func() bool {
			got, err := w.s.RecentStatuses(w.ctx(), w.tenant, 6)
			w.must(err)
			return slices.Equal(got, want)
		})
		for tenant, n := range map[string]int{w.tenant: n, w.tenant + "1": 0, "": 0} {
			got, err := w.s.RecentStatuses(w.ctx(), tenant, 200)
			w.must(err)
			same(t, "of "+tenant, len(got), n)
		}
	})
	t.Run("runs are read by their references, in that order, as far as there are some", func(t *testing.T) {
		w := *w
		w.t = t
		refs := []run.RunRef{{TenantID: w.tenant, RunID: runs[7].ID}, {TenantID: w.tenant + "1", RunID: runs[1].ID}, {TenantID: w.tenant, RunID: "run_#"}, {}, {TenantID: w.tenant, RunID: runs[2].ID}}
		got, err := w.s.RunsByRef(w.ctx(), refs)
		w.must(err)
		same(t, "runs", got, []run.Run{runs[7], runs[2]})
	})
	t.Run("active runs are those not ended, over all tenants", func(t *testing.T) {
		w := *w
		w.t = t
		active := func() []run.Run {
			return collect(&w, func(p run.PageRequest) (run.Page[run.Run], error) { return w.s.ActiveRuns(w.ctx(), w.owner, p) }, 4)
		}
		eventually(t, "15 are active", func() bool { return len(active()) == 15 })
		got := active()
		for i, r := range got {
			if r.Status.Terminal() || i > 0 && r.CreatedAt.After(got[i-1].CreatedAt) {
				t.Errorf("entry %d is %s of %s", i, r.Status, r.CreatedAt)
			}
		}
	})
	t.Run("a cursor is good for its own query only", func(t *testing.T) {
		w := *w
		w.t = t
		page, err := w.s.ListRuns(w.ctx(), all, run.PageRequest{Limit: 2})
		w.must(err)
		_, err = w.s.ListRuns(w.ctx(), run.RunQuery{TenantID: w.tenant, InitiatorID: w.owner}, run.PageRequest{Limit: 2, Cursor: page.Next})
		w.wantErr(err, run.ErrBadCursor)
		_, err = w.s.ActiveRuns(w.ctx(), w.owner, run.PageRequest{Limit: 2, Cursor: page.Next})
		w.wantErr(err, run.ErrBadCursor)
		for _, hostile := range []string{"x", "!!!", strings.Repeat("A", 10_000), "eyJxIjoiIn0", page.Next + "A", page.Next[:len(page.Next)-2]} {
			_, err = w.s.ListRuns(w.ctx(), all, run.PageRequest{Limit: 2, Cursor: hostile})
			w.wantErr(err, run.ErrBadCursor)
		}
	})
}

func sweeps(t *testing.T, open Open) {
	t.Run("a later success is known to the runs of its key before it, and to no other", func(t *testing.T) {
		w := newWorld(t, open)
		ended := func(key string, status run.Status) run.Run {
			r := w.claim(w.create(key).ID, "worker")
			r, err := w.s.SavePlan(w.ctx(), r.Fence(), items(1), w.tick())
			w.must(err)
			end := w.end(r, status)
			o := run.Outcome{Item: items(1)[0], Status: run.OutcomeSucceeded, Attempts: 1, At: w.now}
			if status == run.StatusFailed {
				o.Status, o.Code, o.Failure = run.OutcomeFailed, "stuck", &run.Failure{Code: "stuck"}
			}
			r, err = w.commit(r, []run.Outcome{o}, &end)
			w.must(err)
			return r
		}
		first, other := ended("a", run.StatusFailed), ended("b", run.StatusFailed)
		second, third := ended("a", run.StatusFailed), ended("a", run.StatusSucceeded)
		fourth := ended("a", run.StatusFailed)
		w.create("a")
		runs := []run.Run{first, second, third, fourth, other}
		got, err := w.s.LaterSuccesses(w.ctx(), w.tenant, runs)
		w.must(err)
		same(t, "later", got, map[string]string{first.ID: third.ID, second.ID: third.ID})
		got, err = w.s.LaterSuccesses(w.ctx(), w.tenant+"1", runs)
		w.must(err)
		same(t, "in another tenant", len(got), 0)
	})
	t.Run("open runs are found until they end", func(t *testing.T) {
		w := newWorld(t, open)
		var made []run.Run
		for i := range 12 {
			made = append(made, w.create(fmt.Sprint("k", i)))
		}
		eventually(t, "all are open", func() bool {
			found := listed(w, w.s.OpenRuns)
			return !slices.ContainsFunc(made, func(r run.Run) bool { return !found[run.RunRef{TenantID: r.TenantID, RunID: r.ID}] })
		})
		ended := w.claim(made[3].ID, "worker")
		_, err := w.s.End(w.ctx(), ended.Fence(), w.end(ended, run.StatusFailed))
		w.must(err)
		eventually(t, "the ended one is gone", func() bool { return !listed(w, w.s.OpenRuns)[run.RunRef{TenantID: w.tenant, RunID: ended.ID}] })
		page, err := w.s.OpenRuns(w.ctx(), run.OpenShards, run.PageRequest{Limit: 10})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("a shard that is none holds %d, %v", len(page.Items), err)
		}
	})
	t.Run("a rescue shuts out the worker that was taken for dead", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(3)
		now := r.LeaseUntil.Add(30 * time.Second)
		got, err := w.s.Rescue(w.ctx(), r, now)
		w.must(err)
		want := r
		want.Owner, want.LeaseUntil, want.UpdatedAt = "", time.Time{}, now
		want.Epoch, want.DispatchSeq, want.Rescues, want.Crashes = r.Epoch+1, r.DispatchSeq+1, 1, 1
		same(t, "run", got, want)
		repeat, err := w.s.Rescue(w.ctx(), r, now)
		w.must(err)
		same(t, "repeat", repeat, want)
		_, err = w.commit(r, outcomes(plan, w.now), nil)
		w.wantErr(err, run.ErrFenced)
		w.check(r.ID, "k")
		next, err := w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", now, now.Add(time.Minute))
		w.must(err)
		if next.Epoch != r.Epoch+2 || next.Status != run.StatusRunning || next.Rescues != 0 || next.Crashes != 1 {
			t.Errorf("after the rescue: %+v", next)
		}
	})
	t.Run("a queued run is rescued without being claimed", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		got, err := w.s.Rescue(w.ctx(), r, w.tick())
		w.must(err)
		if got.Status != run.StatusQueued || got.Epoch != 1 || got.Attempts != 0 || got.Crashes != 0 || got.Rescues != 1 {
			t.Errorf("run is %+v", got)
		}
	})
	t.Run("a rescue ends the wait", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.claim(w.create("k").ID, "worker-1")
		until := w.now.Add(time.Minute)
		r, err := w.s.Release(w.ctx(), r.Fence(), run.Pause{NotBefore: until, Waiting: &run.Waiting{Code: "c", Until: until}, At: w.tick()})
		w.must(err)
		r, err = w.s.Rescue(w.ctx(), r, until)
		w.must(err)
		if !r.NotBefore.IsZero() || r.Waiting != nil || r.Crashes != 0 {
			t.Errorf("run is %+v", r)
		}
	})
	t.Run("who is alive, moved on or ended is not rescued", func(t *testing.T) {
		w := newWorld(t, open)
		r, plan := w.claimed(3)
		_, err := w.s.Rescue(w.ctx(), r, r.LeaseUntil.Add(-time.Second))
		w.wantErr(err, run.ErrFenced)
		other := r
		other.DispatchSeq++
		_, err = w.s.Rescue(w.ctx(), other, r.LeaseUntil)
		w.wantErr(err, run.ErrFenced)
		moved, err := w.commit(r, outcomes(plan[:1], w.now), nil)
		w.must(err)
		_, err = w.s.Rescue(w.ctx(), r, r.LeaseUntil.Add(time.Hour))
		w.wantErr(err, run.ErrFenced)
		released, err := w.s.Release(w.ctx(), moved.Fence(), run.Pause{Progress: true, At: w.tick()})
		w.must(err)
		_, err = w.s.Rescue(w.ctx(), moved, moved.LeaseUntil.Add(time.Hour))
		w.wantErr(err, run.ErrFenced)
		ended, err := w.s.End(w.ctx(), released.Fence(), w.end(released, run.StatusFailed))
		w.must(err)
		_, err = w.s.Rescue(w.ctx(), ended, w.now.Add(time.Hour))
		w.wantErr(err, run.ErrRunEnded)
		same(t, "ended run", w.stored(r.ID), ended)
	})
	t.Run("a renewed lease keeps off who does not hold the run", func(t *testing.T) {
		w := newWorld(t, open)
		seen, _ := w.claimed(3)
		now := seen.LeaseUntil.Add(time.Minute)
		alive, err := w.s.BeginSlice(w.ctx(), seen.Fence(), run.FirstItems(3), now, now.Add(time.Minute))
		w.must(err) // late, and before anybody took over
		_, err = w.s.Rescue(w.ctx(), seen, now)
		w.wantErr(err, run.ErrFenced)
		e := seen.Stop(run.Failure{Code: "stuck"}, now)
		e.Unheld = true
		_, err = w.s.End(w.ctx(), seen.Fence(), e)
		w.wantErr(err, run.ErrFenced)
		same(t, "stored run", w.stored(seen.ID), alive)
		e = alive.Stop(run.Failure{Code: "stuck"}, alive.LeaseUntil)
		e.Unheld = true
		_, err = w.s.End(w.ctx(), alive.Fence(), e)
		w.must(err)
		w.check(seen.ID, "k")
	})
	t.Run("an ended run waits for its notification to be confirmed", func(t *testing.T) {
		w := newWorld(t, open)
		waits := func(r run.Run) bool {
			return listed(w, w.s.Unnotified)[run.RunRef{TenantID: r.TenantID, RunID: r.ID}]
		}
		r := w.claim(w.create("k").ID, "worker")
		w.wantErr(w.s.Notified(w.ctx(), w.tenant, r.ID), run.ErrConflict)
		w.wantErr(w.s.Notified(w.ctx(), w.tenant, w.ids.New(run.PrefixRun, w.now)), run.ErrNotFound)
		ended, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
		w.must(err)
		eventually(t, "it waits", func() bool { return waits(r) })
		w.must(w.s.Notified(w.ctx(), w.tenant, r.ID))
		w.must(w.s.Notified(w.ctx(), w.tenant, r.ID))
		eventually(t, "it is confirmed", func() bool { return !waits(r) })
		same(t, "stored run", w.stored(r.ID), ended)
	})
	t.Run("a fault is remembered while the run is open", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		f := run.Failure{Code: "internal", Params: map[string]string{"a": "b"}}
		w.must(w.s.NoteFault(w.ctx(), w.tenant, r.ID, f))
		r.Fault = &f
		same(t, "run", w.stored(r.ID), r)
		_, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
		w.must(err)
		w.wantErr(w.s.NoteFault(w.ctx(), w.tenant, r.ID, f), run.ErrRunEnded)
		w.wantErr(w.s.NoteFault(w.ctx(), w.tenant, w.ids.New(run.PrefixRun, w.now), f), run.ErrNotFound)
	})
}

// listed reads all shards of an index.
func listed[T comparable](w *world, list func(context.Context, int, run.PageRequest) (run.Page[T], error)) map[T]bool {
	w.t.Helper()
	found := map[T]bool{}
	for shard := range run.OpenShards {
		for _, r := range collect(w, func(p run.PageRequest) (run.Page[T], error) { return list(w.ctx(), shard, p) }, 3) {
			if found[r] {
				w.t.Errorf("%v is listed twice", r)
			}
			found[r] = true
		}
	}
	return found
}

func cancels(t *testing.T, open Open) {
	t.Run("a run is asked to stop once, and its worker sees it", func(t *testing.T) {
		w := newWorld(t, open)
		r, _ := w.claimed(3)
		c := w.cancel(r)
		got, err := w.s.RequestCancel(w.ctx(), w.tenant, r.ID, c)
		w.must(err)
		want := r
		want.CancelAt, want.CanceledBy = &c.At, c.By
		same(t, "run", got, want)
		later := w.cancel(r)
		later.By.UserID = "somebody else"
		again, err := w.s.RequestCancel(w.ctx(), w.tenant, r.ID, later)
		w.must(err)
		same(t, "the first request stands", again, want)
		begun, err := w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(3), w.tick(), w.now.Add(time.Minute))
		w.must(err)
		if begun.CancelAt == nil || begun.CanceledBy != c.By {
			t.Errorf("the worker sees %+v", begun)
		}
		_, err = w.s.End(w.ctx(), begun.Fence(), begun.Stop(begun.Cancellation(), w.tick()))
		w.must(err)
		ended := w.check(r.ID, "k")
		if ended.Status != run.StatusCanceled || ended.Counts.Skipped != 3 || ended.Failure.Code != run.CodeCanceled {
			t.Errorf("ended as %+v", ended)
		}
		_, err = w.s.RequestCancel(w.ctx(), w.tenant, r.ID, w.cancel(r))
		w.wantErr(err, run.ErrRunEnded)
		events := collect(w, func(p run.PageRequest) (run.Page[run.AuditEvent], error) {
			return w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, RunID: r.ID, Now: w.now}, p)
		}, 10)
		if len(events) != 3 || events[0].ActorID != c.By.UserID || events[1].Event != run.AuditRunCancel {
			t.Errorf("audit trail is %+v", events)
		}
	})
	t.Run("a run of nobody is not found", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		for _, tenant := range []string{w.tenant + "1", "", w.tenant + "#R#" + r.ID} {
			c := w.cancel(r)
			c.Audit.TenantID = tenant
			_, err := w.s.RequestCancel(w.ctx(), tenant, r.ID, c)
			w.wantErr(err, run.ErrNotFound)
		}
	})
	t.Run("the rest of a stopped run has outcomes too", func(t *testing.T) {
		for _, n := range []int{3, 60, 130} {
			for _, op := range []run.Operation{run.OpCaptureSnapshot, run.OpRestoreExecute} {
				w := newWorld(t, open)
				nr := w.newRun("k")
				nr.Run.Operation = op
				w.must(w.s.CreateRun(w.ctx(), nr))
				r := w.claim(nr.Run.ID, "worker")
				plan := items(n)
				r, err := w.s.SavePlan(w.ctx(), r.Fence(), plan, w.tick())
				w.must(err)
				r, err = w.s.CommitSlice(w.ctx(), r.Fence(), run.SliceCommit{Outcomes: outcomes(plan[:1], w.now), Unsettled: 2, At: w.tick(), LeaseUntil: w.now.Add(time.Minute)})
				w.must(err)
				same(t, "unsettled", r.Intent, 2)
				if _, err := w.s.End(w.ctx(), r.Fence(), run.RunEnd{Status: run.StatusFailed, At: w.tick(), Audit: w.audit(run.AuditRunEnded)}); err == nil {
					t.Error("a run ended with items that have no outcome")
				}
				at := w.tick()
				_, err = w.s.End(w.ctx(), r.Fence(), r.Stop(run.Failure{Code: "deadline_exceeded"}, at))
				w.must(err)
				ended := w.check(r.ID, "k")
				want := run.Counts{Total: n, Succeeded: 1, Skipped: n - 1}
				if op.WritesTenant() {
					want.Failed, want.Skipped = 1, n-2
				}
				same(t, "counts", ended.Counts, want)
				same(t, "status", ended.Status, run.StatusPartial)
				for _, limit := range []int{1, 7, 25, 200} {
					got := collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) {
						return w.s.Outcomes(w.ctx(), run.OutcomeQuery{TenantID: w.tenant, RunID: r.ID}, p)
					}, limit)
					rest := run.Rest{Code: run.CodeNotAttempted}
					if op.WritesTenant() {
						rest.Unknown = 2
					}
					all := outcomes(plan[:1], got[0].At)
					for i, item := range plan[1:] {
						all = append(all, rest.Outcome(i, item, at))
					}
					same(t, fmt.Sprint("outcomes by ", limit), got, all)
				}
				skipped := collect(w, func(p run.PageRequest) (run.Page[run.Outcome], error) {
					return w.s.Outcomes(w.ctx(), run.OutcomeQuery{TenantID: w.tenant, RunID: r.ID, Codes: []string{run.CodeNotAttempted}}, p)
				}, 10)
				same(t, "outcomes by code", len(skipped), want.Skipped)
			}
		}
	})
}

func (w *world) cancel(r run.Run) run.CancelRequest {
	at := w.tick()
	return run.CancelRequest{By: run.Initiator{UserID: "canceler", Name: "Canceler"}, At: at, Audit: run.AuditEvent{
		TenantID: w.tenant, At: at, Event: run.AuditRunCancel, ActorID: "canceler", RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: r.Status,
	}}
}
