package summary_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/summary"
)

const tenantID = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"

var at = time.Date(2026, 11, 22, 2, 10, 0, 0, time.UTC)

// counting counts how often the inventory is read.
type counting struct {
	*memstore.Store
	inventories int
	meanwhile   func()
}

func (c *counting) AllPolicies(ctx context.Context, tenantID string) ([]run.Policy, error) {
	c.inventories++
	all, err := c.Store.AllPolicies(ctx, tenantID)
	if f := c.meanwhile; f != nil {
		c.meanwhile = nil
		f()
	}
	return all, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T, policies int) *counting {
	t.Helper()
	s := &counting{Store: memstore.New()}
	must(t, s.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: "Contoso"}, run.Member{TenantID: tenantID, UserID: "u", Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: at, Event: run.AuditTenantCreated}))
	for i := range policies {
		p := run.Policy{ID: fmt.Sprintf("pol_%05d", i), TenantID: tenantID, Name: fmt.Sprint(i), LastChange: run.ChangeNew}
		if captured := at.Add(-time.Duration(i) * 10 * time.Hour); i > 0 { // the first was never captured
			p.LatestVersion, p.LastCapturedAt = 1, &captured
		}
		if i == 4 {
			p.VanishedAt = &at
		}
		_, err := s.PutPolicy(t.Context(), p)
		must(t, err)
	}
	return s
}

func ended(op run.Operation, end time.Time) run.Run {
	return run.Run{ID: run.IDSource{}.New(run.PrefixRun, end), TenantID: tenantID, Operation: op, Status: run.StatusSucceeded, Counts: run.Counts{Total: 1, Succeeded: 1}, CreatedAt: end, FinishedAt: &end, UpdatedAt: end}
}

func summaryOf(t *testing.T, s run.Summaries) run.Summary {
	t.Helper()
	sum, err := s.Summary(t.Context(), tenantID)
	must(t, err)
	return sum
}

func TestInventoryIsCounted(t *testing.T) {
	s := newStore(t, 6)
	must(t, summary.Keeper{Store: s}.Ended(t.Context(), ended(run.OpBackupSetCreate, at)))
	c := summaryOf(t, s).Inventory
	// Captured 10, 20, 30 and 50 hours before; the one 40 hours before vanished.
	if c == nil || c.Present != 5 || c.Vanished != 1 || c.Never != 1 || !c.Oldest.Equal(at.Add(-50*time.Hour)) || !c.At.Equal(at) {
		t.Fatalf("%+v", c)
	}
	for after, want := range map[time.Duration]int{0: 2, 4*time.Hour - 11*time.Minute: 2, 5 * time.Hour: 1, 15 * time.Hour: 0, 1000 * time.Hour: 0} {
		if got := c.Covered(at.Add(after)); got != want {
			t.Errorf("%v later %d are covered, want %d", after, got, want)
		}
	}
}

// A count that another overtook begins anew, so that none stands that saw less.
func TestOvertakenCountBeginsAnew(t *testing.T) {
	s := newStore(t, 3)
	k := summary.Keeper{Store: s}
	s.meanwhile = func() {
		_, err := s.PutPolicy(t.Context(), run.Policy{ID: "pol_new", TenantID: tenantID, Name: "new", LastChange: run.ChangeNew})
		must(t, err)
		must(t, k.Ended(t.Context(), ended(run.OpBackupSetCreate, at)))
	}
	must(t, k.Ended(t.Context(), ended(run.OpBackupSetCreate, at.Add(-time.Second))))
	if got := summaryOf(t, s); got.Inventory.Present != 4 || s.inventories != 3 {
		t.Errorf("%d present after %d counts", got.Inventory.Present, s.inventories)
	}
}

// What cannot have changed is not counted again.
func TestOnlyWhatMayHaveChangedIsCounted(t *testing.T) {
	s := newStore(t, 600)
	k := summary.Keeper{Store: s}
	one := ended(run.OpCaptureSnapshot, at)
	must(t, k.Ended(t.Context(), one)) // the first time
	many := ended(run.OpCaptureSnapshot, at.Add(time.Minute))
	many.Counts = run.Counts{Total: 2, Succeeded: 2}
	found := ended(run.OpInventorySync, at.Add(time.Minute))
	found.Totals = map[string]int{"policies": 600, "added": 1}
	nothing := found
	nothing.Totals = map[string]int{"policies": 600}
	for i, c := range []struct {
		r    run.Run
		want int
	}{
		{ended(run.OpConnectionTest, at), 0}, {ended(run.OpRestorePreview, at), 0}, {ended(run.OpRestoreExecute, at), 1}, {nothing, 0}, {found, 1},
		{ended(run.OpCaptureSnapshot, at.Add(2*time.Minute)), 0}, {many, 1}, {ended(run.OpCaptureSnapshot, at.Add(3*time.Hour)), 1}, {ended(run.OpBackupSetAdd, at), 1},
	} {
		s.inventories = 0
		must(t, k.Ended(t.Context(), c.r))
		if s.inventories != c.want {
			t.Errorf("%d, %s: the inventory is counted %d times, want %d", i, c.r.Operation, s.inventories, c.want)
		}
	}
}

func TestBackupIsTheNewestOfTheWholeTenant(t *testing.T) {
	s := newStore(t, 0)
	k := summary.Keeper{Store: s}
	made := func(i int, all, counted bool) string {
		id := run.IDSource{}.New(run.PrefixSet, at.Add(time.Duration(i)*time.Hour))
		b := run.BackupSet{ID: id, TenantID: tenantID, Name: fmt.Sprint(i), Selection: run.Selection{All: all}, CreatedAt: at.Add(time.Duration(i) * time.Hour), CreatedBy: run.Initiator{UserID: "u"}}
		if counted {
			b.Tally = &run.SetTally{Policies: 6, Captured: 3, Incomplete: 1, Missing: 1, Pending: 1, At: at}
		}
		_, err := s.CreateBackupSet(t.Context(), run.NewBackupSet{Set: b, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: tenantID, At: b.CreatedAt, Event: run.AuditSetCreated}})
		must(t, err)
		return id
	}
	want := func(what, id string) {
		t.Helper()
		must(t, k.Sets(t.Context(), tenantID))
		if got := summaryOf(t, s).Backup; got == nil || got.SetID != id || id != "" && (got.Policies != 6 || got.Missing != 2) {
			t.Errorf("%s: %+v, want %s", what, got, id)
		}
	}
	want("no set", "")
	some := made(1, false, true)
	want("of some policies", some)
	whole := made(2, true, true)
	want("of the whole tenant", whole)
	made(3, false, true)
	made(4, true, false)
	want("newer ones of some policies, or not counted", whole)
	b, err := s.BackupSet(t.Context(), tenantID, whole)
	must(t, err)
	b.DeletedAt = &at
	_, err = s.UpdateBackupSet(t.Context(), b, run.AuditEvent{TenantID: tenantID, At: at, Event: run.AuditSetDeleted})
	must(t, err)
	must(t, k.Sets(t.Context(), tenantID))
	if got := summaryOf(t, s).Backup; got.SetID == whole || got.Whole {
		t.Errorf("a deleted set: %+v", got)
	}
}

// A run whose end was missed does not count as active for ever.
func TestStraysAreTakenOut(t *testing.T) {
	s := newStore(t, 0)
	k := summary.Keeper{Store: s}
	stray, fresh, open := ended(run.OpInventorySync, at), ended(run.OpInventorySync, at.Add(3*time.Hour)), ended(run.OpBackupSetCreate, at)
	open.Status, open.KeyHash, open.Initiator = run.StatusQueued, run.Hash("k"), run.Initiator{UserID: "u"}
	must(t, s.CreateRun(t.Context(), run.NewRun{Run: open, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: tenantID, At: at, RunID: open.ID}}))
	must(t, k.Began(t.Context(), open))
	for _, r := range []run.Run{stray, fresh} {
		must(t, s.NoteActive(t.Context(), tenantID, r.ID, true))
	}
	must(t, k.Ended(t.Context(), ended(run.OpConnectionTest, at.Add(3*time.Hour+time.Second))))
	want := []string{fresh.ID, open.ID}
	slices.Sort(want)
	if got := summaryOf(t, s).Active; !slices.Equal(got, want) {
		t.Errorf("active %v, want %v", got, want)
	}
}

// The beginning of a run that has ended is told again when a stream is replayed.
func TestOnlyWhatHasNotEndedBegins(t *testing.T) {
	s := newStore(t, 0)
	k := summary.Keeper{Store: s}
	open := ended(run.OpInventorySync, at)
	open.Status, open.KeyHash, open.Initiator = run.StatusQueued, run.Hash("k"), run.Initiator{UserID: "u"}
	open.Counts, open.Planned = run.Counts{}, false
	must(t, s.CreateRun(t.Context(), run.NewRun{Run: open, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: tenantID, At: at, RunID: open.ID}}))
	must(t, k.Began(t.Context(), open))
	if got := summaryOf(t, s).Active; !slices.Equal(got, []string{open.ID}) {
		t.Errorf("active %v, want %s", got, open.ID)
	}
	done, err := s.End(t.Context(), open.Fence(), open.Stop(run.Failure{Code: "dispatch_failed"}, at.Add(time.Second)))
	must(t, err)
	must(t, k.Ended(t.Context(), done))
	must(t, k.Began(t.Context(), open))
	must(t, k.Began(t.Context(), ended(run.OpBackupSetCreate, at))) // expired
	if got := summaryOf(t, s).Active; len(got) > 0 {
		t.Errorf("active %v after the end", got)
	}
}

func TestDriftAndSchedulesAreCounted(t *testing.T) {
	s := newStore(t, 0)
	k := summary.Keeper{Store: s}
	r := ended(run.OpBackupSetCreate, at)
	for i := range 3 {
		id := fmt.Sprintf("pol_%d", i)
		must(t, s.PutDrift(t.Context(), run.Drift{TenantID: tenantID, ID: run.DriftID(r.ID, id), RunID: r.ID, PolicyID: id}))
	}
	_, err := s.MarkDrift(t.Context(), tenantID, run.DriftID(r.ID, "pol_1"), run.Initiator{UserID: "u"}, at)
	must(t, err)
	for i := range 2 {
		_, err := s.PutSchedule(t.Context(), run.Schedule{ID: fmt.Sprint("sch_", i), TenantID: tenantID, Paused: i == 0}, run.AuditEvent{TenantID: tenantID, At: at, Target: run.Target{ID: fmt.Sprint(i)}})
		must(t, err)
	}
	r.Totals = map[string]int{"drift": 3}
	for range 2 {
		must(t, k.Ended(t.Context(), r))
	}
	got := summaryOf(t, s)
	if got.OpenDrift != 2 || !got.DriftCounted || *got.Schedules != (run.ScheduleCount{Total: 2, Paused: 1}) {
		t.Errorf("%+v %+v", got, got.Schedules)
	}
}
