package runtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// drift is what a run found of the n-th policy.
func (w *world) drift(runID string, n int) run.Drift {
	policyID := run.PolicyID(w.tenant, "c", fmt.Sprint(n))
	return run.Drift{
		TenantID: w.tenant, ID: run.DriftID(runID, policyID), RunID: runID, ScheduleID: "sch_1", PolicyID: policyID,
		Name: fmt.Sprint("Policy ", n), Type: []string{"compliance", "apps"}[n%2], Platform: "windows",
		Kind: []run.Change{run.ChangeChanged, run.ChangeNew, run.ChangeVanished}[n%3], From: n, To: n + 1, FoundAt: w.now, Total: 12,
		Changes: []run.DriftChange{{Setting: "a/b", Kind: "changed"}, {Setting: "c", Kind: "added"}},
	}
}

// Drifts checks the contracts of run.Drifts and run.Subscriptions.
func Drifts(t *testing.T, open Open) {
	t.Run("drift is stored once, and its mark stands", func(t *testing.T) {
		w := newWorld(t, open)
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		stored := func(what string) {
			t.Helper()
			got, err := w.s.Drift(w.ctx(), w.tenant, d.ID)
			w.must(err)
			same(t, what, got, d)
		}
		w.must(w.s.PutDrift(w.ctx(), d))
		stored("drift")
		other := d
		other.Name, other.Total, other.Changes = "Another", 1, nil
		w.must(w.s.PutDrift(w.ctx(), other))
		stored("after a repeat")

		at := w.tick()
		got, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u", Name: "U"}, at)
		w.must(err)
		unmarked := d
		d.SeenAt, d.SeenBy = &at, run.Initiator{UserID: "u", Name: "U"}
		same(t, "answer", got, d)
		stored("marked")
		got, err = w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "v"}, w.tick())
		w.must(err)
		same(t, "answer to a second mark", got, d)
		w.must(w.s.PutDrift(w.ctx(), unmarked))
		stored("found again")
		for _, c := range [][2]string{{w.tenant + "1", d.ID}, {w.tenant, d.ID + "1"}, {w.tenant, ""}, {"", d.ID}, {w.tenant, d.ID + "#"}} {
			_, err = w.s.Drift(w.ctx(), c[0], c[1])
			w.wantErr(err, run.ErrNotFound)
			_, err = w.s.MarkDrift(w.ctx(), c[0], c[1], run.Initiator{UserID: "u"}, at)
			w.wantErr(err, run.ErrNotFound)
		}
		d.ID = run.DriftID(d.RunID, "pol_other")
		if err := w.s.PutDrift(w.ctx(), d); err == nil {
			t.Error("drift was stored under a name that is not its")
		}
	})
	t.Run("of many racing marks one stands, and all are told of it", func(t *testing.T) {
		w := newWorld(t, open)
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		w.must(w.s.PutDrift(w.ctx(), d))
		var (
			wait sync.WaitGroup
			errs [12]error
			got  [12]run.Drift
		)
		for i := range errs {
			by, at := run.Initiator{UserID: fmt.Sprint("u", i)}, w.tick()
			wait.Go(func() { got[i], errs[i] = w.s.MarkDrift(w.ctx(), w.tenant, d.ID, by, at) })
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		for _, d := range got {
			same(t, "drift", d, got[0])
		}
	})
	t.Run("drift is listed newest first, and filters miss nothing", func(t *testing.T) {
		w := newWorld(t, open)
		var (
			want []run.Drift
			runs []string
		)
		for r := range 4 {
			runs = append(runs, w.ids.New(run.PrefixRun, w.tick()))
			for n := range 6 {
				d := w.drift(runs[r], n)
				w.must(w.s.PutDrift(w.ctx(), d))
				if n == r {
					var err error
					d, err = w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u"}, w.now)
					w.must(err)
				}
				want = append(want, d)
			}
		}
		slices.SortFunc(want, func(a, b run.Drift) int { return strings.Compare(b.ID, a.ID) })
		list := func(q run.DriftQuery, limit int) []run.Drift {
			if q.TenantID == "" {
				q.TenantID = w.tenant
			}
			return collect(w, func(p run.PageRequest) (run.Page[run.Drift], error) { return w.s.ListDrift(w.ctx(), q, p) }, limit)
		}
		for _, limit := range []int{1, 7, 24, 200} {
			same(t, "drift", list(run.DriftQuery{}, limit), want)
		}
		yes, no := true, false
		policy, since := want[3].PolicyID, want[10].FoundAt
		for what, c := range map[string]struct {
			q    run.DriftQuery
			want func(run.Drift) bool
		}{
			"kinds":          {run.DriftQuery{Kinds: []run.Change{run.ChangeNew, run.ChangeVanished}}, func(d run.Drift) bool { return d.Kind != run.ChangeChanged }},
			"types":          {run.DriftQuery{Types: []string{"apps", "x"}}, func(d run.Drift) bool { return d.Type == "apps" }},
			"name":           {run.DriftQuery{Search: "POLICY 1"}, func(d run.Drift) bool { return strings.HasPrefix(d.Name, "Policy 1") }},
			"found since":    {run.DriftQuery{From: since}, func(d run.Drift) bool { return !d.FoundAt.Before(since) }},
			"a run's, since": {run.DriftQuery{RunID: runs[1], From: since}, func(d run.Drift) bool { return d.RunID == runs[1] && !d.FoundAt.Before(since) }},
			"policy":         {run.DriftQuery{PolicyID: policy}, func(d run.Drift) bool { return d.PolicyID == policy }},
			"run":            {run.DriftQuery{RunID: runs[2]}, func(d run.Drift) bool { return d.RunID == runs[2] }},
			"a run's part":   {run.DriftQuery{RunID: runs[2][:20]}, func(run.Drift) bool { return false }},
			"no run":         {run.DriftQuery{RunID: "a#b"}, func(run.Drift) bool { return false }},
			"open":           {run.DriftQuery{Open: &yes}, func(d run.Drift) bool { return d.SeenAt == nil }},
			"expected":       {run.DriftQuery{Open: &no}, func(d run.Drift) bool { return d.SeenAt != nil }},
			"a run's, open":  {run.DriftQuery{RunID: runs[1], Open: &yes}, func(d run.Drift) bool { return d.RunID == runs[1] && d.SeenAt == nil }},
			"another tenant": {run.DriftQuery{TenantID: w.tenant + "1"}, func(run.Drift) bool { return false }},
		} {
			wanted := append([]run.Drift(nil), slices.DeleteFunc(slices.Clone(want), func(d run.Drift) bool { return !c.want(d) })...)
			same(t, what, list(c.q, 2), wanted)
		}
		page, err := w.s.ListDrift(w.ctx(), run.DriftQuery{TenantID: w.tenant, Open: &yes}, run.PageRequest{Limit: 2})
		w.must(err)
		for _, q := range []run.DriftQuery{{TenantID: w.tenant}, {TenantID: w.tenant, Open: &no}, {TenantID: w.tenant, RunID: runs[0]}} {
			_, err = w.s.ListDrift(w.ctx(), q, run.PageRequest{Limit: 2, Cursor: page.Next})
			w.wantErr(err, run.ErrBadCursor)
		}
	})
	t.Run("drift too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		d.Changes[0].Setting = strings.Repeat("x", 420_000)
		w.wantErr(w.s.PutDrift(w.ctx(), d), run.ErrTooLarge)
	})
	t.Run("the last thing that a member asked for stands", func(t *testing.T) {
		w := newWorld(t, open)
		for _, want := range []run.Subscription{{}, {Drift: true}, {Problems: true}, {Drift: true, Problems: true}, {}} {
			want.TenantID, want.UserID = w.tenant, w.owner
			if want.Drift || want.Problems {
				w.must(w.s.PutSubscription(w.ctx(), want))
			} else if err := w.s.PutSubscription(w.ctx(), want); err != nil {
				t.Fatal(err)
			}
			got, err := w.s.Subscription(w.ctx(), w.tenant, w.owner)
			w.must(err)
			same(t, "subscription", got, want)
		}
		for _, c := range [][2]string{{w.tenant, "nobody"}, {w.tenant + "1", w.owner}, {"", ""}} {
			got, err := w.s.Subscription(w.ctx(), c[0], c[1])
			w.must(err)
			same(t, "of who asked for nothing", got, run.Subscription{TenantID: c[0], UserID: c[1]})
		}
	})
	t.Run("who asked and still is a member is listed, by user", func(t *testing.T) {
		w := newWorld(t, open)
		w.now = w.now.Add(time.Hour)
		var want []run.Subscription
		for i := range 110 { // more than one batch of members
			m := run.Member{TenantID: w.tenant, UserID: fmt.Sprintf("u%03d", i), Role: run.RoleViewer}
			s := run.Subscription{TenantID: w.tenant, UserID: m.UserID, Drift: i%3 != 1, Problems: i%2 == 0}
			w.must(w.s.PutSubscription(w.ctx(), s))
			if i%10 == 3 { // never was one
				continue
			}
			m, err := w.s.PutMember(w.ctx(), m, 0, w.audit(run.AuditMemberSet))
			w.must(err)
			if i%10 == 4 { // is none any more
				w.must(w.s.DeleteMember(w.ctx(), w.tenant, m.UserID, m.Rev, w.audit(run.AuditMemberRemoved)))
				continue
			}
			if s.Drift || s.Problems {
				want = append(want, s)
			}
		}
		got, err := w.s.Subscribers(w.ctx(), w.tenant)
		w.must(err)
		same(t, "subscribers", got, want)
		for _, id := range []string{w.tenant + "1", ""} {
			none, err := w.s.Subscribers(w.ctx(), id)
			w.must(err)
			same(t, "of another tenant", len(none), 0)
		}
	})
}

// driftFaultCases are the writes of drift and subscriptions.
var driftFaultCases = []faultCase{
	{"PutDrift", func(w *world) func() {
		return func() {
			d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
			w.must(w.s.PutDrift(w.ctx(), d))
			got, err := w.s.Drift(w.ctx(), w.tenant, d.ID)
			w.must(err)
			same(w.t, "drift", got, d)
		}
	}},
	{"MarkDrift", func(w *world) func() {
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		w.must(w.s.PutDrift(w.ctx(), d))
		return func() {
			got, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u"}, w.tick())
			w.must(err)
			d.SeenAt, d.SeenBy = &w.now, run.Initiator{UserID: "u"}
			same(w.t, "drift", got, d)
		}
	}},
	{"PutSubscription", func(w *world) func() {
		return func() {
			want := run.Subscription{TenantID: w.tenant, UserID: w.owner, Drift: true}
			w.must(w.s.PutSubscription(w.ctx(), want))
			got, err := w.s.Subscription(w.ctx(), w.tenant, w.owner)
			w.must(err)
			same(w.t, "subscription", got, want)
		}
	}},
}
