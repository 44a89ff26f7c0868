package runtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// endedRun is a run that has ended, as the stream tells of it.
func (w *world) endedRun(op run.Operation, status run.Status) run.Run {
	created := w.tick()
	began, ended := w.tick(), w.tick()
	return run.Run{
		ID: w.ids.New(run.PrefixRun, created), TenantID: w.tenant, TenantName: "Contoso", Operation: op,
		Target: run.Target{Kind: run.TargetBackupSet, ID: "set_1", Name: "Nightly"}, Initiator: run.Initiator{ScheduleID: "sch_1", Name: "Every night"}, Scheduled: true,
		Status: status, Counts: run.Counts{Total: 5, Succeeded: 2, Failed: 1, Skipped: 2}, Untouched: 1, Totals: map[string]int{"kept": 1}, Planned: true,
		Failure:   &run.Failure{Code: "stuck", HTTPStatus: 503, Params: map[string]string{"attempts": "5"}},
		CreatedAt: created, StartedAt: &began, FinishedAt: &ended, UpdatedAt: ended,
	}
}

func (w *world) summary() run.Summary {
	w.t.Helper()
	s, err := w.s.Summary(w.ctx(), w.tenant)
	w.must(err)
	return s
}

// counts are some counts of every kind.
func (w *world) counts(n int) run.SummaryCounts {
	at := w.tick()
	return run.SummaryCounts{
		Inventory: &run.InventoryCount{Present: n, Vanished: 2, Never: 1, Oldest: at, Hours: []run.HourCount{{Hour: at.Truncate(time.Hour), Policies: n}}, Types: map[string]run.TypeCount{"apps": {Present: n, Never: 1}, "compliance": {Vanished: 2}}, At: at},
		Backup:    &run.BackupSummary{SetID: "set_1", Name: "Nightly", Whole: true, ScheduleID: "sch_1", CreatedAt: at, Policies: n, Captured: 3, Incomplete: 2, Missing: 1},
		Schedules: &run.ScheduleCount{Total: 3, Paused: 1}, OpenDrift: &n,
	}
}

// Summaries checks the contract of run.Summaries.
func Summaries(t *testing.T, open Open) {
	t.Run("of a tenant without a summary nothing is known", func(t *testing.T) {
		w := newWorld(t, open)
		same(t, "summary", w.summary(), run.Summary{TenantID: w.tenant})
	})
	t.Run("an active run is named once, until it is taken out", func(t *testing.T) {
		w := newWorld(t, open)
		for range 2 {
			w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_2", true))
			w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_1", true))
		}
		same(t, "active", w.summary().Active, []string{"run_1", "run_2"})
		for range 2 {
			w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_1", false))
		}
		same(t, "active", w.summary().Active, []string{"run_2"})
		w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_2", false))
		if n := len(w.summary().Active); n != 0 {
			t.Errorf("%d active", n)
		}
	})
	t.Run("the run that ended last stands, in whatever order the ends are told", func(t *testing.T) {
		w := newWorld(t, open)
		first, second := w.endedRun(run.OpBackupSetCreate, run.StatusSucceeded), w.endedRun(run.OpBackupSetCreate, run.StatusPartial)
		sync := w.endedRun(run.OpInventorySync, run.StatusFailed)
		twin := second // ended at the same instant
		twin.ID = w.ids.New(run.PrefixRun, w.tick())
		for _, r := range []run.Run{first, second, sync, twin} {
			w.must(w.s.NoteActive(w.ctx(), w.tenant, r.ID, true))
		}
		for _, r := range []run.Run{twin, second, first, twin, sync, second, sync} {
			w.must(w.s.NoteEnded(w.ctx(), r))
		}
		got := w.summary()
		same(t, "last", got.Last, map[run.Operation]run.Run{run.OpBackupSetCreate: twin.Brief(), run.OpInventorySync: sync.Brief()})
		same(t, "succeeded", got.Succeeded, map[run.Operation]time.Time{run.OpBackupSetCreate: *first.FinishedAt})
		if len(got.Active) > 0 {
			t.Errorf("active: %v", got.Active)
		}
	})
	t.Run("a count needs the revision that was read, and leaves what it does not count", func(t *testing.T) {
		w := newWorld(t, open)
		w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_1", true))
		c := w.counts(7)
		w.wantErr(w.s.PutCounts(w.ctx(), w.tenant, 1, c), run.ErrConflict)
		w.must(w.s.PutCounts(w.ctx(), w.tenant, 0, c))
		w.wantErr(w.s.PutCounts(w.ctx(), w.tenant, 0, w.counts(8)), run.ErrConflict)
		want := run.Summary{TenantID: w.tenant, Active: []string{"run_1"}, Inventory: c.Inventory, Backup: c.Backup, Schedules: c.Schedules, OpenDrift: 7, DriftCounted: true, Rev: 1}
		same(t, "summary", w.summary(), want)
		none := run.ScheduleCount{}
		w.must(w.s.PutCounts(w.ctx(), w.tenant, 1, run.SummaryCounts{Schedules: &none, Backup: &run.BackupSummary{}}))
		want.Schedules, want.Backup, want.Rev = &none, &run.BackupSummary{}, 2
		same(t, "summary", w.summary(), want)
	})
	t.Run("of many racing counts one stands for each revision", func(t *testing.T) {
		w := newWorld(t, open)
		var wait sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			c := w.counts(i)
			wait.Go(func() { errs[i] = w.s.PutCounts(w.ctx(), w.tenant, 0, c) })
		}
		wait.Wait()
		stored := 0
		for _, err := range errs {
			if err == nil {
				stored++
			} else if !errors.Is(err, run.ErrConflict) {
				t.Error(err)
			}
		}
		if stored != 1 || w.summary().Rev != 1 {
			t.Errorf("%d counts stored, revision %d", stored, w.summary().Rev)
		}
	})
	t.Run("a mark takes drift off the count once, and makes a count begin anew", func(t *testing.T) {
		w := newWorld(t, open)
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		w.must(w.s.PutDrift(w.ctx(), d))
		w.must(w.s.PutCounts(w.ctx(), w.tenant, 0, w.counts(2)))
		for range 3 {
			_, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u"}, w.tick())
			w.must(err)
		}
		_, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID+"x", run.Initiator{UserID: "u"}, w.tick())
		w.wantErr(err, run.ErrNotFound)
		if got := w.summary(); got.OpenDrift != 1 || got.Rev != 2 {
			t.Errorf("%d open, revision %d", got.OpenDrift, got.Rev)
		}
		w.wantErr(w.s.PutCounts(w.ctx(), w.tenant, 1, w.counts(5)), run.ErrConflict)
	})
	t.Run("drift is never counted below nothing", func(t *testing.T) {
		w := newWorld(t, open)
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		w.must(w.s.PutDrift(w.ctx(), d))
		_, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u"}, w.tick())
		w.must(err)
		if got := w.summary(); got.OpenDrift != 0 || got.DriftCounted {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a member reads the tenants that it belongs to, in the order asked", func(t *testing.T) {
		w := newWorld(t, open)
		ids := []string{w.tenant}
		for i := range 60 { // more than one batch
			id := w.ids.New(run.PrefixTenant, w.tick())
			owner := w.owner
			if i%3 == 0 {
				owner = "other"
			}
			w.addTenant(id, owner)
			ids = append(ids, id)
		}
		c := w.counts(4)
		w.must(w.s.PutCounts(w.ctx(), ids[2], 0, c))
		asked := append(slices.Clone(ids), w.tenant+"1", "", "ten_#")
		slices.Reverse(asked)
		got, err := w.s.MemberTenants(w.ctx(), w.owner, asked)
		w.must(err)
		var want []string
		for _, id := range asked {
			if i := slices.Index(ids, id); i >= 0 && (i == 0 || (i-1)%3 != 0) {
				want = append(want, id)
			}
		}
		var found []string
		for _, m := range got {
			found = append(found, m.Tenant.ID)
			if m.Member.UserID != w.owner || m.Member.TenantID != m.Tenant.ID || m.Summary.TenantID != m.Tenant.ID {
				t.Errorf("%+v", m)
			}
			if counted := m.Summary.Inventory != nil; counted != (m.Tenant.ID == ids[2]) {
				t.Errorf("%s has the summary of another", m.Tenant.ID)
			}
		}
		same(t, "tenants", found, want)
	})
	t.Run("tenants are apart", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.endedRun(run.OpInventorySync, run.StatusFailed)
		w.must(w.s.NoteEnded(w.ctx(), r))
		w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_1", true))
		for _, id := range []string{w.tenant + "1", w.tenant[:len(w.tenant)-1], ""} {
			got, err := w.s.Summary(w.ctx(), id)
			w.must(err)
			same(t, "summary of "+id, got, run.Summary{TenantID: id})
		}
	})
}

var summaryFaultCases = []faultCase{
	{"NoteActive", func(w *world) func() {
		return func() {
			w.must(w.s.NoteActive(w.ctx(), w.tenant, "run_1", true))
			same(w.t, "active", w.summary().Active, []string{"run_1"})
		}
	}},
	{"NoteEnded", func(w *world) func() {
		r := w.endedRun(run.OpInventorySync, run.StatusSucceeded)
		w.must(w.s.NoteActive(w.ctx(), w.tenant, r.ID, true))
		return func() {
			w.must(w.s.NoteEnded(w.ctx(), r))
			got := w.summary()
			same(w.t, "last", got.Last[r.Operation], r.Brief())
			same(w.t, "active", fmt.Sprint(got.Active), "[]")
		}
	}},
	{"PutCounts", func(w *world) func() {
		c := w.counts(3)
		return func() {
			w.must(w.s.PutCounts(w.ctx(), w.tenant, 0, c))
			if got := w.summary(); got.Rev != 1 || got.OpenDrift != 3 {
				w.t.Errorf("%+v", got)
			}
		}
	}},
	{"MarkDrift that is counted", func(w *world) func() {
		d := w.drift(w.ids.New(run.PrefixRun, w.tick()), 1)
		w.must(w.s.PutDrift(w.ctx(), d))
		w.must(w.s.PutCounts(w.ctx(), w.tenant, 0, w.counts(3)))
		return func() {
			_, err := w.s.MarkDrift(w.ctx(), w.tenant, d.ID, run.Initiator{UserID: "u"}, w.tick())
			w.must(err)
			if got := w.summary(); got.Rev != 2 || got.OpenDrift != 2 {
				w.t.Errorf("%+v", got)
			}
		}
	}},
}
