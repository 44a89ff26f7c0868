package runtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

func version(p run.Policy, at time.Time) run.Version {
	return run.Version{
		TenantID: p.TenantID, PolicyID: p.ID, Number: p.LatestVersion + 1, PolicyType: p.Type, PolicyName: p.Name, Platform: p.Platform,
		GraphID: p.GraphID, ContentHash: run.Hash(p.ID, at.String()), PayloadKey: "t/x", PayloadSize: 123, Complete: true,
		Notes: []run.Note{{Code: "secret_omitted", Params: map[string]string{"name": "wifi"}}}, CapturedAt: at, RunID: "run_x", CapturedBy: "Ann",
	}
}

// Policies checks the contract of run.Policies.
func Policies(t *testing.T, open Open) {
	put := func(w *world, graphID, name string, change func(*run.Policy)) run.Policy {
		w.t.Helper()
		p := run.Policy{
			ID: run.PolicyID(w.tenant, "c", graphID), TenantID: w.tenant, Type: "compliance", GraphID: graphID, Name: name, Platform: "windows",
			ListingHash: "h", FirstSeenAt: w.now, ChangedAt: w.now, LastChange: run.ChangeNew, LastRunID: "run_1", Successor: "g-successor",
		}
		if change != nil {
			change(&p)
		}
		p, err := w.s.PutPolicy(w.ctx(), p)
		w.must(err)
		return p
	}
	t.Run("a policy needs the revision that was read", func(t *testing.T) {
		w := newWorld(t, open)
		p := put(w, "g1", "P", nil)
		got, err := w.s.Policy(w.ctx(), w.tenant, p.ID)
		w.must(err)
		p.LastSeenAt = p.FirstSeenAt
		same(t, "policy", got, p)
		fresh := p
		fresh.Rev, fresh.Name = 0, "Again"
		_, err = w.s.PutPolicy(w.ctx(), fresh)
		w.wantErr(err, run.ErrConflict)
		second := p
		second.Name = "Second"
		second, err = w.s.PutPolicy(w.ctx(), second)
		w.must(err)
		p.Name = "Stale"
		_, err = w.s.PutPolicy(w.ctx(), p)
		w.wantErr(err, run.ErrConflict)
		_, err = w.s.Policy(w.ctx(), w.tenant+"1", p.ID)
		w.wantErr(err, run.ErrNotFound)
		missing := second
		missing.ID = run.PolicyID(w.tenant, "c", "other")
		_, err = w.s.PutPolicy(w.ctx(), missing)
		w.wantErr(err, run.ErrConflict)
	})
	t.Run("policies are listed by name with when they were last seen", func(t *testing.T) {
		w := newWorld(t, open)
		captured := w.now
		for i, name := range []string{"beta", "Alpha", "alpha b", "ALPHA", "Zürich <&>", "gamma"} {
			put(w, fmt.Sprint("g", i), name, func(p *run.Policy) {
				if i == 1 || i == 2 {
					at := captured.Add(time.Duration(i) * time.Hour)
					p.LatestVersion, p.LastCapturedAt = i, &at
				}
				if i == 5 {
					at := w.now
					p.Type, p.Platform, p.VanishedAt = "apps", "ios", &at
				}
			})
		}
		synced := w.tick()
		w.must(w.s.PutTypeSync(w.ctx(), run.TypeSync{TenantID: w.tenant, Type: "compliance", SyncedAt: synced, RunID: "run_2", Policies: 5}))
		w.must(w.s.PutTypeSync(w.ctx(), run.TypeSync{TenantID: w.tenant, Type: "compliance", SyncedAt: synced.Add(-time.Hour), RunID: "run_1"}))
		syncs, err := w.s.TypeSyncs(w.ctx(), w.tenant)
		w.must(err)
		same(t, "syncs", syncs, []run.TypeSync{{TenantID: w.tenant, Type: "compliance", SyncedAt: synced, RunID: "run_2", Policies: 5}})
		list := func(q run.PolicyQuery, limit int) []string {
			q.TenantID = w.tenant
			var names []string
			for _, p := range collect(w, func(p run.PageRequest) (run.Page[run.Policy], error) { return w.s.ListPolicies(w.ctx(), q, p) }, limit) {
				names = append(names, p.Name)
				switch {
				case p.VanishedAt == nil && !p.LastSeenAt.Equal(synced):
					t.Errorf("%s was last seen at %s, want %s", p.Name, p.LastSeenAt, synced)
				case p.VanishedAt != nil && !p.LastSeenAt.IsZero():
					t.Errorf("%s vanished and was last seen at %s", p.Name, p.LastSeenAt)
				}
			}
			return names
		}
		eventually(t, "all are listed", func() bool { return len(list(run.PolicyQuery{}, 50)) == 6 })
		for _, limit := range []int{1, 2, 6, 200} {
			got := list(run.PolicyQuery{}, limit)
			if got[0]+got[1] == "ALPHAAlpha" { // equal but for case: by id
				got[0], got[1] = got[1], got[0]
			}
			same(t, "by name", got, []string{"Alpha", "ALPHA", "alpha b", "beta", "gamma", "Zürich <&>"})
		}
		yes, no := true, false
		same(t, "search", list(run.PolicyQuery{Search: "ALPHA B"}, 1), []string{"alpha b"})
		same(t, "search umlaut", list(run.PolicyQuery{Search: "ZÜR"}, 1), []string{"Zürich <&>"})
		same(t, "type", list(run.PolicyQuery{Types: []string{"apps", "x"}}, 1), []string{"gamma"})
		same(t, "platform", list(run.PolicyQuery{Platforms: []string{"ios", "x"}}, 1), []string{"gamma"})
		same(t, "vanished", list(run.PolicyQuery{Vanished: &yes}, 1), []string{"gamma"})
		same(t, "present", len(list(run.PolicyQuery{Vanished: &no}, 2)), 5)
		same(t, "captured", list(run.PolicyQuery{Captured: &yes}, 1), []string{"Alpha", "alpha b"})
		same(t, "never captured", len(list(run.PolicyQuery{Captured: &no}, 2)), 4)
		noon := captured.Add(90 * time.Minute)
		same(t, "captured from", list(run.PolicyQuery{CapturedFrom: noon}, 2), []string{"alpha b"})
		same(t, "captured to", list(run.PolicyQuery{CapturedTo: noon}, 2), []string{"Alpha"})
		same(t, "descending", list(run.PolicyQuery{Descending: true, Vanished: &no, Captured: &no}, 2)[:2], []string{"Zürich <&>", "beta"})
		all, err := w.s.AllPolicies(w.ctx(), w.tenant)
		w.must(err)
		same(t, "whole inventory", len(all), 6)
		page, err := w.s.ListPolicies(w.ctx(), run.PolicyQuery{TenantID: w.tenant}, run.PageRequest{Limit: 2})
		w.must(err)
		_, err = w.s.ListPolicies(w.ctx(), run.PolicyQuery{TenantID: w.tenant, Search: "a"}, run.PageRequest{Limit: 2, Cursor: page.Next})
		w.wantErr(err, run.ErrBadCursor)
	})
	t.Run("a version is stored with the policy that it makes latest", func(t *testing.T) {
		w := newWorld(t, open)
		p := put(w, "g1", "P", nil)
		var stored []run.Version
		for i := range 12 {
			v := version(p, w.tick())
			if i == 11 {
				v.PolicyName, v.Platform = "Renamed", "macOS"
			}
			next, err := w.s.AddVersion(w.ctx(), run.NewVersion{Version: v, Policy: p})
			w.must(err)
			again, err := w.s.AddVersion(w.ctx(), run.NewVersion{Version: v, Policy: p})
			w.must(err)
			same(t, "repeat", again, next)
			p = next
			stored = append([]run.Version{v}, stored...)
		}
		if p.LatestVersion != 12 || p.LatestHash != stored[0].ContentHash || p.Name != "Renamed" || p.Platform != "macOS" {
			t.Errorf("policy is %+v", p)
		}
		got, err := w.s.Policy(w.ctx(), w.tenant, p.ID)
		w.must(err)
		got.LastSeenAt = time.Time{}
		same(t, "stored policy", got, p)
		list := collect(w, func(r run.PageRequest) (run.Page[run.Version], error) {
			return w.s.Versions(w.ctx(), w.tenant, p.ID, r)
		}, 5)
		same(t, "versions", list, stored)
		one, err := w.s.Version(w.ctx(), w.tenant, p.ID, 3)
		w.must(err)
		same(t, "version 3", one, stored[9])
		for _, number := range []int{0, -1, 13, 1 << 40} {
			_, err = w.s.Version(w.ctx(), w.tenant, p.ID, number)
			w.wantErr(err, run.ErrNotFound)
		}
	})
	t.Run("a version of a policy that changed is refused", func(t *testing.T) {
		w := newWorld(t, open)
		p := put(w, "g1", "P", nil)
		changed := p
		changed.ListingHash = "h2"
		_, err := w.s.PutPolicy(w.ctx(), changed)
		w.must(err)
		_, err = w.s.AddVersion(w.ctx(), run.NewVersion{Version: version(p, w.tick()), Policy: p})
		w.wantErr(err, run.ErrConflict)
		_, err = w.s.Version(w.ctx(), w.tenant, p.ID, 1)
		w.wantErr(err, run.ErrNotFound)
	})
	t.Run("of many racing captures one makes the version", func(t *testing.T) {
		w := newWorld(t, open)
		p := put(w, "g1", "P", nil)
		var wait sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			v := version(p, w.tick())
			wait.Go(func() { _, errs[i] = w.s.AddVersion(w.ctx(), run.NewVersion{Version: v, Policy: p}) })
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			w.wantErr(err, run.ErrConflict)
		}
		if won != 1 {
			t.Errorf("%d captures made version 1", won)
		}
	})
	t.Run("an unchanged capture touches only the version it saw", func(t *testing.T) {
		w := newWorld(t, open)
		p := put(w, "g1", "P", nil)
		p, err := w.s.AddVersion(w.ctx(), run.NewVersion{Version: version(p, w.tick()), Policy: p})
		w.must(err)
		at := w.tick()
		w.must(w.s.TouchCaptured(w.ctx(), w.tenant, p.ID, 1, at))
		got, err := w.s.Policy(w.ctx(), w.tenant, p.ID)
		w.must(err)
		if got.LastCapturedAt == nil || !got.LastCapturedAt.Equal(at) {
			t.Errorf("last captured at %v", got.LastCapturedAt)
		}
		w.wantErr(w.s.TouchCaptured(w.ctx(), w.tenant, p.ID, 2, at), run.ErrConflict)
		w.wantErr(w.s.TouchCaptured(w.ctx(), w.tenant, run.PolicyID(w.tenant, "c", "none"), 1, at), run.ErrNotFound)
		// A sync that read the policy before must not undo the touch.
		p.ListingHash = "h2"
		_, err = w.s.PutPolicy(w.ctx(), p)
		w.wantErr(err, run.ErrConflict)
	})
}
