package followup_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tenantatlas/shared/followup"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

const tenantID = "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA"

var at = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	err := store.CreateTenant(t.Context(), run.Tenant{ID: tenantID, Name: "Contoso"}, run.Member{TenantID: tenantID, UserID: "both", Role: run.RoleOwner}, run.AuditEvent{TenantID: tenantID, At: at, Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"drift", "problems", "neither"} {
		if _, err := store.PutMember(t.Context(), run.Member{TenantID: tenantID, UserID: user, Role: run.RoleViewer}, 0, run.AuditEvent{TenantID: tenantID, At: at, Event: run.AuditMemberSet, ActorID: user}); err != nil {
			t.Fatal(err)
		}
	}
	for user, s := range map[string]run.Subscription{"both": {Drift: true, Problems: true}, "drift": {Drift: true}, "problems": {Problems: true}, "left": {Drift: true, Problems: true}} {
		s.TenantID, s.UserID = tenantID, user
		if err := store.PutSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// ended is a scheduled run that has ended.
func ended(status run.Status) run.Run {
	end := at.Add(time.Hour)
	return run.Run{
		ID: "run_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: tenantID, TenantName: "Contoso", Operation: run.OpBackupSetCreate, Scheduled: true,
		Initiator: run.Initiator{ScheduleID: "sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA", Name: "Nightly"}, Status: status, CreatedAt: at, FinishedAt: &end, UpdatedAt: end,
		Totals: map[string]int{}, Target: run.Target{Kind: run.TargetTenant, ID: tenantID},
	}
}

// Members are told what they asked for, once each however often the end is told.
func TestMembersAreToldWhatTheyAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		status run.Status
		drift  int
		person bool
		want   []string
	}{
		"all is well":           {status: run.StatusSucceeded},
		"drift":                 {status: run.StatusSucceeded, drift: 4, want: []string{"both drift", "drift drift"}},
		"gaps":                  {status: run.StatusPartial, want: []string{"both ended", "problems ended"}},
		"failed with drift":     {status: run.StatusFailed, drift: 1, want: []string{"both drift", "both ended", "drift drift", "problems ended"}},
		"canceled":              {status: run.StatusCanceled},
		"a person's run failed": {status: run.StatusFailed, drift: 1, person: true},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			r := ended(c.status)
			r.Totals["drift"] = c.drift
			if c.person {
				r.Scheduled, r.Initiator = false, run.Initiator{UserID: "both"}
			}
			for range 3 {
				if err := (followup.Follower{Store: store}).Ended(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, user := range []string{"both", "drift", "problems", "neither", "left"} {
				page, err := store.Notifications(t.Context(), run.NotificationQuery{UserID: user}, run.PageRequest{Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range page.Items {
					got = append(got, user+" "+string(n.Kind))
					if n.Read || n.Totals["drift"] != c.drift {
						t.Errorf("%+v", n)
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("told %v, want %v", got, c.want)
			}
		})
	}
}

// A run that Microsoft refuses for good marks the connection as lost; one that gets
// through clears that; one that says nothing of it changes nothing.
func TestConnection(t *testing.T) {
	store := newStore(t)
	step := func(status run.Status, code, want string, after time.Duration) {
		t.Helper()
		r := ended(status)
		end := at.Add(after)
		r.FinishedAt = &end
		if code != "" {
			r.Failure = &run.Failure{Code: code}
		}
		if err := (followup.Follower{Store: store}).Ended(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		tenant, err := store.Tenant(t.Context(), tenantID)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if tenant.Connection != nil {
			got = tenant.Connection.Code
		}
		if got != want {
			t.Errorf("after %s %s the connection is %q, want %q", status, code, got, want)
		}
	}
	step(run.StatusSucceeded, "", "", time.Hour)
	step(run.StatusFailed, "graph_unavailable", "", 2*time.Hour)
	step(run.StatusFailed, "credential_unavailable", "", 2*time.Hour)
	step(run.StatusFailed, "credential_expired", "credential_expired", 3*time.Hour)
	step(run.StatusFailed, "graph_unavailable", "credential_expired", 4*time.Hour)
	step(run.StatusSucceeded, "", "credential_expired", 2*time.Hour) // ended before, told late
	step(run.StatusPartial, "", "", 5*time.Hour)
}

// What a run was about may be gone by the time its end is told.
func TestNothingIsLeftToFollowUp(t *testing.T) {
	for _, status := range []run.Status{run.StatusSucceeded, run.StatusFailed} {
		r := ended(status)
		r.Target = run.Target{Kind: run.TargetBackupSet, ID: "set_01J9Z3T6Q4W8R2N5M7K1P0XYZA"}
		if err := (followup.Follower{Store: memstore.New()}).Ended(t.Context(), r); err != nil {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// An end is followed up when another run is counted at the same moment, and fails
// visibly when storage does, so that it is told again.
func TestSetIsCountedInTheEnd(t *testing.T) {
	store := newStore(t)
	r := ended(run.StatusSucceeded)
	r.KeyHash, r.PayloadHash, r.Status, r.FinishedAt = "k", "p", run.StatusQueued, nil
	r.Initiator, r.Scheduled = run.Initiator{UserID: "both"}, false
	set := run.BackupSet{ID: "set_01J9Z3T6Q4W8R2N5M7K1P0XYZA", TenantID: tenantID, Name: "x", CreatedAt: at}
	r.Target = run.Target{Kind: run.TargetBackupSet, ID: set.ID}
	if err := store.CreateRun(t.Context(), run.NewRun{Run: r, Role: run.RoleOperator, Set: &set, Audit: run.AuditEvent{TenantID: tenantID, At: at, RunID: r.ID, Event: run.AuditRunRequested}}); err != nil {
		t.Fatal(err)
	}
	item := run.NewItem(set.ID, r.ID, run.Policy{ID: "pol_1", TenantID: tenantID, Type: "t"}, at)
	if err := store.SettleBackupItem(t.Context(), item.Hold(run.Version{Number: 1, Complete: true})); err != nil {
		t.Fatal(err)
	}
	end, err := store.End(t.Context(), r.Fence(), run.RunEnd{Status: run.StatusFailed, At: at, Audit: r.EndAudit(run.StatusFailed, nil, at)})
	if err != nil {
		t.Fatal(err)
	}
	conflicts := 0
	store.Hook = func(method string, done bool) error {
		if method == "CountBackupSet" && !done {
			if conflicts++; conflicts < 4 {
				return run.ErrConflict
			}
			if conflicts == 4 {
				return errors.New("storage is gone")
			}
		}
		return nil
	}
	f := followup.Follower{Store: store}
	if err := f.Ended(t.Context(), end); err == nil {
		t.Error("the fault was swallowed")
	}
	if err := f.Ended(t.Context(), end); err != nil {
		t.Error(err)
	}
	got, err := store.BackupSet(t.Context(), tenantID, set.ID)
	if err != nil || got.Tally == nil || got.Tally.Captured != 1 || len(got.ActiveRuns) != 0 {
		t.Errorf("%+v: %v", got, err)
	}
}
