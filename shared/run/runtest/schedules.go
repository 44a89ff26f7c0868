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

// schedule is a new schedule of the tenant.
func (w *world) schedule(name string) run.Schedule {
	at := w.tick()
	by := run.Initiator{UserID: w.owner, Name: "Owner"}
	return run.Schedule{
		ID: w.ids.New(run.PrefixSched, at), TenantID: w.tenant, Name: name, Operation: run.OpBackupSetCreate,
		Expression: "cron(0 3 * * ? *)", TimeZone: "Europe/Berlin", Spread: 90 * time.Minute,
		Selection: run.Selection{All: true}, Foundations: true, Types: []string{"compliance"},
		CreatedAt: at, CreatedBy: by, UpdatedAt: at, UpdatedBy: by,
	}
}

// put stores a schedule.
func (w *world) put(s run.Schedule) run.Schedule {
	w.t.Helper()
	s, err := w.s.PutSchedule(w.ctx(), s, w.audit("schedule.set"))
	w.must(err)
	return s
}

func (w *world) storedSchedule(id string) run.Schedule {
	w.t.Helper()
	s, err := w.s.Schedule(w.ctx(), w.tenant, id)
	w.must(err)
	return s
}

// unapplied reports whether the timetable is to be told of a schedule.
func (w *world) unapplied(id string) bool {
	w.t.Helper()
	return listed(w, w.s.Unapplied)[run.ScheduleRef{TenantID: w.tenant, ScheduleID: id}]
}

func (w *world) firing(scheduleID string, n int) run.Firing {
	due := start.Add(time.Duration(n) * time.Hour)
	return run.Firing{
		TenantID: w.tenant, ScheduleID: scheduleID, DueAt: due, At: due.Add(time.Minute + 1), Result: run.FiringStarted,
		RunID: fmt.Sprint("run_", n), SetID: fmt.Sprint("set_", n), Code: "note",
	}
}

// Schedules checks the contract of run.Schedules.
func Schedules(t *testing.T, open Open) {
	t.Run("a schedule is stored as it was given, with the audit event", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.schedule("Nightly")
		at := w.tick()
		s.Paused, s.PausedBy, s.PausedAt, s.Applied = true, run.Initiator{UserID: "u", Name: "U"}, &at, 77
		got, err := w.s.PutSchedule(w.ctx(), s, w.audit("schedule.set"))
		w.must(err)
		s.Rev, s.Applied = 1, 0
		same(t, "answer", got, s)
		same(t, "stored", w.storedSchedule(s.ID), s)
		v, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant, KeyHash: run.Hash("k"), ScheduleID: s.ID})
		w.must(err)
		same(t, "schedule in the view", v.Schedule, &s)
		if v.Tenant == nil || v.Member != nil || v.Set != nil {
			t.Errorf("the view is %+v", v)
		}
		events, err := w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Events: []string{"schedule.set"}, Now: w.now}, run.PageRequest{Limit: 10})
		w.must(err)
		same(t, "events in the audit trail", len(events.Items), 1)
		for _, c := range [][2]string{{w.tenant + "1", s.ID}, {w.tenant, s.ID + "1"}, {w.tenant, ""}, {"", s.ID}, {w.tenant + "#", s.ID}} {
			_, err = w.s.Schedule(w.ctx(), c[0], c[1])
			w.wantErr(err, run.ErrNotFound)
			_, err = w.s.UnappliedSchedule(w.ctx(), run.ScheduleRef{TenantID: c[0], ScheduleID: c[1]})
			w.wantErr(err, run.ErrNotFound)
		}
	})
	t.Run("a change needs the revision that was read", func(t *testing.T) {
		w := newWorld(t, open)
		first := w.put(w.schedule("S"))
		w.must(w.s.Applied(w.ctx(), w.tenant, first.ID, 1))
		second := first // read before it was applied
		second.Name, second.Expression, second.TimeZone, second.Spread, second.Types, second.Foundations = "T", "rate(1 day)", "", 0, nil, false
		audit := w.audit("schedule.set")
		got, err := w.s.PutSchedule(w.ctx(), second, audit)
		w.must(err)
		want := second
		want.Rev, want.Applied = 2, 1
		same(t, "answer", got, want)
		same(t, "stored", w.storedSchedule(first.ID), want)
		again, err := w.s.PutSchedule(w.ctx(), second, audit)
		w.must(err) // the same call again is answered the same
		same(t, "answer to the repeat", again, want)
		same(t, "stored after the repeat", w.storedSchedule(first.ID), want)
		fresh := first
		fresh.Rev = 0
		for _, stale := range []run.Schedule{first, fresh} {
			_, err = w.s.PutSchedule(w.ctx(), stale, w.audit("schedule.set"))
			w.wantErr(err, run.ErrConflict)
		}
		_, err = w.s.RemoveSchedule(w.ctx(), w.tenant, first.ID, 1, w.audit("schedule.removed"))
		w.wantErr(err, run.ErrConflict)
		_, err = w.s.RemoveSchedule(w.ctx(), w.tenant, first.ID, 0, w.audit("schedule.removed"))
		w.wantErr(err, run.ErrConflict)
		same(t, "stored after refusals", w.storedSchedule(first.ID), want)
	})
	t.Run("of many racing changes one wins", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		var (
			wait   sync.WaitGroup
			errs   [16]error
			audits [16]run.AuditEvent
		)
		for i := range audits {
			audits[i] = w.audit("schedule.set")
		}
		for i := range errs {
			change := s
			change.Name = fmt.Sprint("S", i)
			wait.Go(func() { _, errs[i] = w.s.PutSchedule(w.ctx(), change, audits[i]) })
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
		if got := w.storedSchedule(s.ID); won != 1 || got.Rev != 2 {
			t.Errorf("%d changes won, revision is %d", won, got.Rev)
		}
	})
	t.Run("a schedule that is not there is neither changed nor removed, nor made for no tenant", func(t *testing.T) {
		w := newWorld(t, open)
		none := w.schedule("S")
		none.Rev = 1
		_, err := w.s.PutSchedule(w.ctx(), none, w.audit("schedule.set"))
		w.wantErr(err, run.ErrNotFound)
		_, err = w.s.RemoveSchedule(w.ctx(), w.tenant, none.ID, 1, w.audit("schedule.removed"))
		w.wantErr(err, run.ErrNotFound)
		for _, id := range []string{w.ids.New(run.PrefixTenant, w.now), "", w.tenant + "#"} {
			audit := w.audit("schedule.set")
			audit.TenantID, none.TenantID, none.Rev = id, id, 0
			_, err = w.s.PutSchedule(w.ctx(), none, audit)
			w.wantErr(err, run.ErrNotFound)
			_, err = w.s.Schedule(w.ctx(), id, none.ID)
			w.wantErr(err, run.ErrNotFound)
		}
		w.must(w.s.Applied(w.ctx(), w.tenant, none.ID, 1))
		_, err = w.s.Schedule(w.ctx(), w.tenant, none.ID)
		w.wantErr(err, run.ErrNotFound)
	})
	t.Run("those of a tenant are listed in the order of their making, without removed ones", func(t *testing.T) {
		w := newWorld(t, open)
		var want []run.Schedule
		for i := range 12 {
			s := w.put(w.schedule(fmt.Sprint("S", 12-i)))
			if i%4 == 1 {
				_, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 1, w.audit("schedule.removed"))
				w.must(err)
				continue
			}
			want = append(want, s)
		}
		got, err := w.s.Schedules(w.ctx(), w.tenant)
		w.must(err)
		same(t, "schedules", got, want)
		for _, id := range []string{w.tenant + "1", ""} {
			none, err := w.s.Schedules(w.ctx(), id)
			w.must(err)
			same(t, "of another tenant", len(none), 0)
		}
	})
	t.Run("the timetable is to be told until it has the schedule as it stands", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		eventually(t, "it is told of a new one", func() bool { return w.unapplied(s.ID) })
		for range 2 {
			w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 1))
		}
		s.Applied = 1
		same(t, "applied", w.storedSchedule(s.ID), s)
		eventually(t, "it has it", func() bool { return !w.unapplied(s.ID) })
		s = w.put(s)
		eventually(t, "it is told of the change", func() bool { return w.unapplied(s.ID) })
		for _, other := range []int64{1, 0, 3} {
			w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, other))
		}
		same(t, "another revision changes nothing", w.storedSchedule(s.ID), s)
		if !w.unapplied(s.ID) {
			t.Error("it is not told any more")
		}
		ref := run.ScheduleRef{TenantID: w.tenant, ScheduleID: s.ID}
		got, err := w.s.UnappliedSchedule(w.ctx(), ref)
		w.must(err)
		same(t, "as it is read to be told", got, s)
		page, err := w.s.Unapplied(w.ctx(), run.OpenShards, run.PageRequest{Limit: 10})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("a shard that is none holds %d, %v", len(page.Items), err)
		}
	})
	t.Run("a removed schedule is seen by the timetable alone, and then gone", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 1))
		audit := w.audit("schedule.removed")
		removed := s
		removed.Rev, removed.Applied, removed.Removed = 2, 1, true
		ref := run.ScheduleRef{TenantID: w.tenant, ScheduleID: s.ID}
		for range 2 { // the same call again is answered the same
			got, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 1, audit)
			w.must(err)
			same(t, "answer", got, removed)
			stored, err := w.s.UnappliedSchedule(w.ctx(), ref)
			w.must(err)
			same(t, "stored", stored, removed)
		}
		_, err := w.s.Schedule(w.ctx(), w.tenant, s.ID)
		w.wantErr(err, run.ErrNotFound)
		s.Rev = 2
		_, err = w.s.PutSchedule(w.ctx(), s, w.audit("schedule.set"))
		w.wantErr(err, run.ErrNotFound)
		_, err = w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 2, w.audit("schedule.removed"))
		w.wantErr(err, run.ErrNotFound)
		v, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant, KeyHash: run.Hash("k"), ScheduleID: s.ID})
		w.must(err)
		same(t, "schedule in the view", v.Schedule, &removed)
		eventually(t, "the timetable is told", func() bool { return w.unapplied(s.ID) })
		w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 1))
		_, err = w.s.UnappliedSchedule(w.ctx(), ref)
		w.must(err)
		for range 2 {
			w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 2))
			_, err = w.s.UnappliedSchedule(w.ctx(), ref)
			w.wantErr(err, run.ErrNotFound)
		}
		eventually(t, "it is gone", func() bool { return !w.unapplied(s.ID) })
		late, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 1, audit)
		w.must(err) // a repeat, though the record is gone
		same(t, "answer", []any{late.ID, late.TenantID, late.Rev, late.Removed}, []any{s.ID, w.tenant, 2, true})
	})
	t.Run("a schedule too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		for _, rev := range []int64{0, 1} {
			s.Rev = rev
			s.Selection.Policies = slices.Repeat([]string{w.tenant}, 15_000)
			_, err := w.s.PutSchedule(w.ctx(), s, w.audit("schedule.set"))
			w.wantErr(err, run.ErrTooLarge)
		}
	})
	t.Run("a firing is stored once", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		first := w.firing(s.ID, 1)
		second := first
		second.At, second.Result, second.RunID, second.SetID, second.Code = first.At.Add(time.Minute), run.FiringSkipped, "", "", "x"
		got, err := w.s.PutFiring(w.ctx(), first)
		w.must(err)
		same(t, "answer", got, first)
		got, err = w.s.PutFiring(w.ctx(), second)
		w.must(err)
		same(t, "answer to another of that time", got, first)
		page, err := w.s.Firings(w.ctx(), w.tenant, s.ID, run.PageRequest{Limit: 10})
		w.must(err)
		same(t, "stored", page.Items, []run.Firing{first})

		var (
			wait sync.WaitGroup
			errs [16]error
			told [16]run.Firing
		)
		for i := range errs {
			f := w.firing(s.ID, 2)
			f.RunID = fmt.Sprint("run_", i)
			wait.Go(func() { told[i], errs[i] = w.s.PutFiring(w.ctx(), f) })
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		for _, f := range told {
			same(t, "all are told of one", f, told[0])
		}
	})
	t.Run("firings are listed newest first, pages complete", func(t *testing.T) {
		w := newWorld(t, open)
		s, other := w.put(w.schedule("S")), w.put(w.schedule("T"))
		var want []run.Firing
		for i := range 13 {
			f, err := w.s.PutFiring(w.ctx(), w.firing(s.ID, i))
			w.must(err)
			want = append(want, f)
		}
		slices.Reverse(want)
		list := func(tenantID, id string, limit int) []run.Firing {
			return collect(w, func(p run.PageRequest) (run.Page[run.Firing], error) { return w.s.Firings(w.ctx(), tenantID, id, p) }, limit)
		}
		for _, limit := range []int{1, 5, 13, 200} {
			same(t, "firings", list(w.tenant, s.ID, limit), want)
		}
		same(t, "of another schedule", len(list(w.tenant, other.ID, 5)), 0)
		same(t, "of another tenant", len(list(w.tenant+"1", s.ID, 5)), 0)
		same(t, "of none", len(list(w.tenant, "", 5)), 0)
		page, err := w.s.Firings(w.ctx(), w.tenant, s.ID, run.PageRequest{Limit: 2})
		w.must(err)
		_, err = w.s.Firings(w.ctx(), w.tenant, other.ID, run.PageRequest{Limit: 2, Cursor: page.Next})
		w.wantErr(err, run.ErrBadCursor)
	})
}

func startsBySchedule(t *testing.T, open Open) {
	// by is a start by a schedule; refused is one on the key "k" that must not be.
	by := func(w *world, s run.Schedule, key string) run.NewRun {
		n := w.newRun(key)
		n.Role, n.Run.Initiator, n.Run.Scheduled = "", run.Initiator{ScheduleID: s.ID, Name: s.Name}, true
		return n
	}
	refused := func(w *world, n run.NewRun) {
		w.t.Helper()
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotMember)
		_, err := w.s.Run(w.ctx(), w.tenant, n.Run.ID)
		w.wantErr(err, run.ErrNotFound)
		if w.lock("k").ActiveRunID != "" {
			w.t.Error("a refused start took the lock")
		}
	}
	t.Run("a run names the schedule, and is listed as its", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("Nightly"))
		n := by(w, s, "k")
		b := w.set("Nightly, 1 March")
		b.ScheduleID, b.CreatedBy = s.ID, n.Run.Initiator
		n.Set = &b
		w.must(w.s.CreateRun(w.ctx(), n))
		w.must(w.s.CreateRun(w.ctx(), n))
		w.create("a person's")
		same(t, "run", w.check(n.Run.ID, "k"), n.Run)
		b.LastRunID, b.ActiveRuns, b.Uses, b.Rev = n.Run.ID, []string{n.Run.ID}, 1, 1
		same(t, "set", w.storedSet(b.ID), b)
		for _, initiator := range []string{s.ID, w.owner} {
			want := 1
			eventually(t, "the run is listed", func() bool {
				listed := collect(w, func(p run.PageRequest) (run.Page[run.Run], error) {
					return w.s.ListRuns(w.ctx(), run.RunQuery{TenantID: w.tenant, InitiatorID: initiator}, p)
				}, 5)
				active := collect(w, func(p run.PageRequest) (run.Page[run.Run], error) { return w.s.ActiveRuns(w.ctx(), initiator, p) }, 5)
				return len(listed) == want && len(active) == want && listed[0].Initiator.ID() == initiator && active[0].Initiator.ID() == initiator
			})
		}
		r := w.claim(n.Run.ID, "worker")
		same(t, "initiator of the claimed run", r.Initiator, n.Run.Initiator)
		_, err := w.s.End(w.ctx(), r.Fence(), w.end(r, run.StatusFailed))
		w.must(err)
		same(t, "initiator of the ended run", w.check(n.Run.ID, "k").Initiator, n.Run.Initiator)
	})
	t.Run("a schedule that is paused, removed or not there starts nothing", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.schedule("S")
		refused(w, by(w, s, "k"))
		s.Paused = true
		s = w.put(s)
		refused(w, by(w, s, "k"))
		s.Paused = false
		s = w.put(s)
		w.must(w.s.CreateRun(w.ctx(), by(w, s, "going")))
		_, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, s.Rev, w.audit("schedule.removed"))
		w.must(err)
		refused(w, by(w, s, "k"))
		w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, s.Rev+1))
		refused(w, by(w, s, "k"))
	})
	t.Run("a schedule of another tenant starts nothing, nor does a member's id", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		own := *w
		own.tenant = w.tenant + "1"
		own.addTenant(own.tenant, "other")
		refused(&own, by(&own, s, "k"))
		refused(w, by(w, run.Schedule{ID: w.owner}, "k"))
		n := w.newRun("k")
		n.Run.Initiator.UserID = s.ID
		refused(w, n)
	})
	t.Run("a disabled tenant takes no runs of its schedules", func(t *testing.T) {
		w := newWorld(t, open)
		s := w.put(w.schedule("S"))
		tenant, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		tenant.Disabled = true
		_, err = w.s.UpdateTenant(w.ctx(), tenant, w.audit(run.AuditTenantChanged))
		w.must(err)
		w.wantErr(w.s.CreateRun(w.ctx(), by(w, s, "k")), run.ErrTenantDisabled)
	})
	t.Run("a run has one initiator, and makes a set or uses one", func(t *testing.T) {
		w := newWorld(t, open)
		s, b := w.put(w.schedule("S")), w.made("S", 0)
		both := by(w, s, "k")
		both.Run.Initiator.UserID = w.owner
		two := w.newRun("k")
		made := w.set("T")
		two.Set, two.UsesSet = &made, b.ID
		for _, n := range []run.NewRun{both, two} {
			if err := w.s.CreateRun(w.ctx(), n); err == nil {
				t.Errorf("run of %+v was started", n.Run.Initiator)
			}
		}
	})
}

// scheduleFaultCases are the writes of schedules.
var scheduleFaultCases = []faultCase{
	{"PutSchedule of a new one", func(w *world) func() {
		return func() {
			got := w.put(w.schedule("S"))
			same(w.t, "revision", got.Rev, 1)
			same(w.t, "schedule", w.storedSchedule(got.ID), got)
		}
	}},
	{"PutSchedule", func(w *world) func() {
		s := w.put(w.schedule("S"))
		return func() {
			s.Name = "T"
			got := w.put(s)
			same(w.t, "revision", got.Rev, 2)
			same(w.t, "schedule", w.storedSchedule(s.ID), got)
		}
	}},
	{"RemoveSchedule", func(w *world) func() {
		s := w.put(w.schedule("S"))
		return func() {
			got, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 1, w.audit("schedule.removed"))
			w.must(err)
			stored, err := w.s.UnappliedSchedule(w.ctx(), run.ScheduleRef{TenantID: w.tenant, ScheduleID: s.ID})
			w.must(err)
			same(w.t, "schedule", got, stored)
		}
	}},
	{"Applied", func(w *world) func() {
		s := w.put(w.schedule("S"))
		return func() {
			w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 1))
			same(w.t, "applied", w.storedSchedule(s.ID).Applied, 1)
		}
	}},
	{"Applied of a removed one", func(w *world) func() {
		s := w.put(w.schedule("S"))
		_, err := w.s.RemoveSchedule(w.ctx(), w.tenant, s.ID, 1, w.audit("schedule.removed"))
		w.must(err)
		w.spare = 1
		return func() {
			w.must(w.s.Applied(w.ctx(), w.tenant, s.ID, 2))
			_, err := w.s.UnappliedSchedule(w.ctx(), run.ScheduleRef{TenantID: w.tenant, ScheduleID: s.ID})
			w.wantErr(err, run.ErrNotFound)
		}
	}},
	{"PutFiring", func(w *world) func() {
		return func() {
			want := w.firing("sch_1", 1)
			got, err := w.s.PutFiring(w.ctx(), want)
			w.must(err)
			same(w.t, "firing", got, want)
		}
	}},
	{"CreateRun by a schedule", func(w *world) func() {
		s := w.put(w.schedule("S"))
		return func() {
			n := w.newRun("k")
			n.Role, n.Run.Initiator = "", run.Initiator{ScheduleID: s.ID, Name: "S"}
			w.must(w.s.CreateRun(w.ctx(), n))
			same(w.t, "run", w.check(n.Run.ID, "k"), n.Run)
		}
	}},
}
