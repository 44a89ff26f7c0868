package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/schedule"
	"tenantatlas/shared/start"
)

const tenantID = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"

var due = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

type queue struct {
	sent []run.Dispatch
	err  error
}

func (q *queue) Send(_ context.Context, _ run.Operation, d run.Dispatch, _ time.Duration) error {
	if q.err == nil {
		q.sent = append(q.sent, d)
	}
	return q.err
}

type bed struct {
	t        *testing.T
	store    *memstore.Store
	queue    *queue
	now      time.Time
	firer    schedule.Firer
	schedule run.Schedule
	changes  int
}

func newBed(t *testing.T, op run.Operation) *bed {
	t.Helper()
	b := &bed{t: t, store: memstore.New(), queue: &queue{}, now: due.Add(30 * time.Second)}
	at := due.Add(-time.Hour)
	err := b.store.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: "Contoso", CreatedAt: at, UpdatedAt: at},
		run.Member{TenantID: tenantID, UserID: "owner", Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: at, Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}
	b.put(run.Schedule{ID: "sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: tenantID, Name: "Nightly", Operation: op, Selection: run.Selection{All: true}, Expression: "cron(0 2 * * ? *)", TimeZone: "Europe/Berlin", CreatedAt: at, UpdatedAt: at})
	log := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return b.now }
	b.firer = schedule.Firer{
		Starter:   &start.Starter{Runs: b.store, Queue: b.queue, Now: clock, Log: log},
		Schedules: b.store, Tenants: b.store, Now: clock, Deadline: func(run.Operation) time.Duration { return time.Hour }, Log: log,
	}
	return b
}

func (b *bed) put(s run.Schedule) {
	b.t.Helper()
	b.changes++
	s, err := b.store.PutSchedule(b.t.Context(), s, run.AuditEvent{TenantID: tenantID, At: due, Event: run.AuditScheduleChanged, Details: map[string]string{"n": fmt.Sprint(b.changes)}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.schedule = s
}

func (b *bed) fire(at time.Time) run.Firing {
	b.t.Helper()
	f, err := b.firer.Fire(b.t.Context(), run.ScheduleRef{TenantID: tenantID, ScheduleID: b.schedule.ID}, at)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bed) runs() []run.Run {
	b.t.Helper()
	page, err := b.store.ListRuns(b.t.Context(), run.RunQuery{TenantID: tenantID}, run.PageRequest{Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return page.Items
}

func (b *bed) end(id string) {
	b.t.Helper()
	r, err := b.store.Run(b.t.Context(), tenantID, id)
	if err == nil {
		_, err = b.store.End(b.t.Context(), r.Fence(), run.RunEnd{Status: run.StatusFailed, At: b.now, Audit: r.EndAudit(run.StatusFailed, nil, b.now)})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A firing makes one run of the schedule, and a set named for its time in the zone
// of the schedule.
func TestFiringStartsARun(t *testing.T) {
	b := newBed(t, run.OpBackupSetCreate)
	f := b.fire(due)
	runs := b.runs()
	if f.Result != run.FiringStarted || len(runs) != 1 || runs[0].ID != f.RunID || len(b.queue.sent) != 1 || !b.queue.sent[0].Scheduled {
		t.Fatalf("%+v, runs %+v", f, runs)
	}
	if r := runs[0]; !r.Scheduled || r.Initiator.ScheduleID != b.schedule.ID || r.Initiator.UserID != "" || r.Initiator.Name != "Nightly" {
		t.Errorf("%+v", r.Initiator)
	}
	set, err := b.store.BackupSet(t.Context(), tenantID, f.SetID)
	if err != nil || set.Name != "Nightly 2026-11-22 02:00" || set.ScheduleID != b.schedule.ID || set.CreatedBy.ScheduleID != b.schedule.ID || !set.Selection.All {
		t.Errorf("%+v: %v", set, err)
	}
	page, err := b.store.Firings(t.Context(), tenantID, b.schedule.ID, run.PageRequest{Limit: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0] != f {
		t.Errorf("%+v: %v", page.Items, err)
	}
}

// A firing that comes twice, while its run is open or after its end, starts nothing
// again and changes no record.
func TestFiringThatComesTwice(t *testing.T) {
	for _, op := range []run.Operation{run.OpBackupSetCreate, run.OpInventorySync} {
		t.Run(string(op), func(t *testing.T) {
			b := newBed(t, op)
			first := b.fire(due)
			b.now = b.now.Add(time.Minute)
			if again := b.fire(due); again != first {
				t.Errorf("again: %+v", again)
			}
			b.end(first.RunID)
			b.now = b.now.Add(10 * time.Hour)
			if again := b.fire(due); again != first {
				t.Errorf("after its end: %+v", again)
			}
			if runs := b.runs(); len(runs) != 1 {
				t.Errorf("%d runs", len(runs))
			}
		})
	}
}

// The function may die after it started the run and before it recorded the firing.
func TestFiringWhoseRecordWasLost(t *testing.T) {
	b := newBed(t, run.OpBackupSetCreate)
	b.store.Hook = func(method string, _ bool) error {
		if method == "PutFiring" {
			return errors.New("gone")
		}
		return nil
	}
	ref := run.ScheduleRef{TenantID: tenantID, ScheduleID: b.schedule.ID}
	if _, err := b.firer.Fire(t.Context(), ref, due); err == nil {
		t.Fatal("no error")
	}
	b.store.Hook = nil
	if f := b.fire(due); f.Result != run.FiringStarted || len(b.runs()) != 1 || f.RunID != b.runs()[0].ID {
		t.Errorf("%+v, %d runs", f, len(b.runs()))
	}
}

// While the run of the night before is open, the next firing joins it and says so.
func TestFiringJoinsAnOpenRun(t *testing.T) {
	b := newBed(t, run.OpBackupSetCreate)
	first := b.fire(due)
	b.now = b.now.Add(24 * time.Hour)
	second := b.fire(due.Add(24 * time.Hour))
	if second.Result != run.FiringJoined || second.RunID != first.RunID || second.SetID != first.SetID || len(b.runs()) != 1 {
		t.Errorf("%+v", second)
	}
	// Another selection cannot join it.
	s := b.schedule
	s.Selection = run.Selection{Search: "x"}
	b.put(s)
	b.now = b.now.Add(24 * time.Hour)
	third := b.fire(due.Add(48 * time.Hour))
	if third.Result != run.FiringSkipped || third.Code != "conflict_active_run" || third.RunID != first.RunID {
		t.Errorf("%+v", third)
	}
	b.end(first.RunID)
	b.now = b.now.Add(24 * time.Hour)
	if f := b.fire(due.Add(72 * time.Hour)); f.Result != run.FiringStarted || f.RunID == first.RunID {
		t.Errorf("%+v", f)
	}
}

// What must not run does not, and the firing says why.
func TestFiringThatStartsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*bed)
		at      time.Time
		code    string
	}{
		"paused": {func(b *bed) { s := b.schedule; s.Paused = true; b.put(s) }, due, "paused_by_user"},
		"disabled": {func(b *bed) {
			tenant, _ := b.store.Tenant(t.Context(), tenantID)
			tenant.Disabled = true
			if _, err := b.store.UpdateTenant(t.Context(), tenant, run.AuditEvent{TenantID: tenantID, At: b.now, Event: run.AuditTenantChanged}); err != nil {
				t.Fatal(err)
			}
		}, due, "tenant_disabled"},
		"connection lost": {func(b *bed) {
			if err := b.store.NoteConnection(t.Context(), tenantID, b.now, &run.ConnectionFault{Code: "credential_expired", At: b.now}); err != nil {
				t.Fatal(err)
			}
		}, due, "credential_expired"},
		"late": {func(b *bed) { b.now = due.Add(schedule.MaxLate + time.Second) }, due, "fired_late"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, run.OpBackupSetCreate)
			c.prepare(b)
			if f := b.fire(c.at); f.Result != run.FiringSkipped || f.Code != c.code || len(b.runs()) != 0 || len(b.queue.sent) != 0 {
				t.Errorf("%+v, %d runs", f, len(b.runs()))
			}
		})
	}
	t.Run("removed", func(t *testing.T) {
		b := newBed(t, run.OpBackupSetCreate)
		if _, err := b.store.RemoveSchedule(t.Context(), tenantID, b.schedule.ID, b.schedule.Rev, run.AuditEvent{TenantID: tenantID, At: b.now, Event: run.AuditScheduleRemoved}); err != nil {
			t.Fatal(err)
		}
		if f := b.fire(due); f != (run.Firing{}) || len(b.runs()) != 0 {
			t.Errorf("%+v", f)
		}
	})
}

// timetable remembers what it was told.
type timetable struct {
	has map[string]int64
	err error
}

func (t *timetable) Put(_ context.Context, s run.Schedule) error {
	if t.err == nil {
		t.has[s.ID] = s.Rev
	}
	return t.err
}

func (t *timetable) Delete(_ context.Context, ref run.ScheduleRef) error {
	if t.err == nil {
		delete(t.has, ref.ScheduleID)
	}
	return t.err
}

// What the timetable was not told, or did not answer, it is told again, until it is
// in line with the records; then there is nothing left to tell.
func TestTimetableComesInLine(t *testing.T) {
	b := newBed(t, run.OpInventorySync)
	table := &timetable{has: map[string]int64{}, err: errors.New("busy")}
	a := schedule.Applier{Schedules: b.store, Timetable: table}
	if told, err := a.ApplyAll(t.Context()); told != 0 || err == nil {
		t.Errorf("told %d: %v", told, err)
	}
	table.err = nil
	if told, err := a.ApplyAll(t.Context()); told != 1 || err != nil || table.has[b.schedule.ID] != b.schedule.Rev {
		t.Errorf("told %d: %v, %v", told, err, table.has)
	}
	if told, err := a.ApplyAll(t.Context()); told != 0 || err != nil {
		t.Errorf("told again: %d %v", told, err)
	}
	removed, err := b.store.RemoveSchedule(t.Context(), tenantID, b.schedule.ID, b.schedule.Rev, run.AuditEvent{TenantID: tenantID, At: b.now, Event: run.AuditScheduleRemoved})
	if err != nil {
		t.Fatal(err)
	}
	// Confirmed for a revision that is no longer the record's.
	if err := b.store.Applied(t.Context(), tenantID, removed.ID, removed.Rev-1); err != nil {
		t.Fatal(err)
	}
	if told, err := a.ApplyAll(t.Context()); told != 1 || err != nil || len(table.has) != 0 {
		t.Errorf("told %d: %v, %v", told, err, table.has)
	}
}
