package runtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

func notification(w *world, user string, i int) run.Notification {
	at := start.Add(time.Duration(i) * time.Millisecond)
	kind := []run.NotificationKind{run.NotifyQueued, run.NotifyRunning, run.NotifyEnded}[i%3]
	return run.Notification{
		UserID: user, TenantID: w.tenant, TenantName: "Contoso", RunID: w.ids.New(run.PrefixRun, at), Kind: kind, At: at,
		Operation: run.OpInventorySync, Status: run.StatusPartial, Target: run.Target{Kind: run.TargetTenant, ID: w.tenant, Name: "Contoso"},
		Counts: run.Counts{Total: 3, Succeeded: 1, Failed: 1, Skipped: 1}, Totals: map[string]int{"new": 4},
		Failure: &run.Failure{Code: "graph_forbidden", HTTPStatus: 403}, Version: 2, Code: "unchanged", StartedAt: &at, Read: kind != run.NotifyEnded,
	}
}

// every is each n-th of a list, from the one at the index on.
func every[T any](all []T, n, from int) (some []T) {
	for i := from; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// Records checks the contract of run.Records.
func Records(t *testing.T, open Open) {
	t.Run("notifications are kept once, newest first, over all tenants", func(t *testing.T) {
		w := newWorld(t, open)
		user := "user-" + w.tenant
		var want []run.Notification
		first := w.tenant
		for i := range 30 {
			if i == 15 {
				w.tenant = w.ids.New(run.PrefixTenant, w.tick())
			}
			n := notification(w, user, i)
			w.must(w.s.PutNotification(w.ctx(), n))
			want = append(want, n)
		}
		slices.Reverse(want)
		list := func(q run.NotificationQuery, limit int) []run.Notification {
			return collect(w, func(p run.PageRequest) (run.Page[run.Notification], error) { return w.s.Notifications(w.ctx(), q, p) }, limit)
		}
		eventually(t, "all are listed", func() bool { return len(list(run.NotificationQuery{UserID: user}, 200)) == len(want) })
		same(t, "notifications", list(run.NotificationQuery{UserID: user}, 7), want)
		same(t, "of one tenant", list(run.NotificationQuery{UserID: user, TenantID: first}, 4), want[15:])
		same(t, "of another user", len(list(run.NotificationQuery{UserID: user + "x"}, 4)), 0)

		same(t, "of one kind", list(run.NotificationQuery{UserID: user, Kind: run.NotifyQueued, Operations: []run.Operation{run.OpInventorySync, run.OpBackupSetAdd}}, 2), every(want, 3, 2))
		same(t, "of another operation", len(list(run.NotificationQuery{UserID: user, Operations: []run.Operation{run.OpBackupSetAdd}}, 4)), 0)
		same(t, "from and to", list(run.NotificationQuery{UserID: user, From: want[8].At, To: want[2].At}, 4), want[3:9])
		same(t, "of one tenant, from and to", list(run.NotificationQuery{UserID: user, TenantID: first, From: want[18].At, To: want[2].At}, 4), want[15:19])

		unread := list(run.NotificationQuery{UserID: user, Unread: true}, 3)
		if len(unread) != 10 {
			t.Fatalf("%d unread, want 10", len(unread))
		}
		key := run.NotificationKey{UserID: user, TenantID: unread[0].TenantID, At: unread[0].At, RunID: unread[0].RunID, Kind: unread[0].Kind}
		w.must(w.s.MarkRead(w.ctx(), key))
		w.must(w.s.MarkRead(w.ctx(), key))
		w.must(w.s.PutNotification(w.ctx(), unread[0])) // a replay keeps the mark
		eventually(t, "one is read", func() bool { return len(list(run.NotificationQuery{UserID: user, Unread: true}, 3)) == 9 })
		key.Kind = run.NotifyQueued
		w.wantErr(w.s.MarkRead(w.ctx(), key), run.ErrNotFound)
		key.Kind, key.UserID = run.NotifyEnded, user+"x"
		w.wantErr(w.s.MarkRead(w.ctx(), key), run.ErrNotFound)
		page, err := w.s.Notifications(w.ctx(), run.NotificationQuery{UserID: user}, run.PageRequest{Limit: 2})
		w.must(err)
		_, err = w.s.Notifications(w.ctx(), run.NotificationQuery{UserID: user + "x"}, run.PageRequest{Limit: 2, Cursor: page.Next})
		w.wantErr(err, run.ErrBadCursor)
	})
	t.Run("an event is kept once, newest first, through the months", func(t *testing.T) {
		w := newWorld(t, open)
		var want []run.AuditEvent
		base := time.Date(2025, 11, 20, 12, 0, 0, 1, time.UTC)
		for i := range 40 {
			e := run.AuditEvent{
				TenantID: w.tenant, At: base.Add(time.Duration(i) * 61 * time.Hour), Event: run.AuditMemberSet, ActorID: fmt.Sprint("actor", i%3), ActorName: "A",
				Target: run.Target{ID: fmt.Sprint("u", i)}, Details: map[string]string{"role": "viewer"},
			}
			if i%4 == 0 {
				e.Event, e.RunID, e.Operation, e.Status = run.AuditRunEnded, w.ids.New(run.PrefixRun, e.At), run.OpInventorySync, run.StatusFailed
			}
			w.must(w.s.Audit(w.ctx(), e))
			w.must(w.s.Audit(w.ctx(), e))
			want = append(want, e)
		}
		slices.Reverse(want)
		now := want[0].At.Add(time.Hour)
		list := func(q run.AuditQuery, limit int) []run.AuditEvent {
			q.TenantID = w.tenant
			var own []run.AuditEvent
			for _, e := range collect(w, func(p run.PageRequest) (run.Page[run.AuditEvent], error) {
				q.Now = q.Now.Add(time.Minute) // time goes on between pages
				return w.s.AuditEvents(w.ctx(), q, p)
			}, limit) {
				if e.Event != run.AuditTenantCreated {
					own = append(own, e)
				}
			}
			return own
		}
		for _, limit := range []int{1, 7, 200} {
			same(t, "events", list(run.AuditQuery{Now: now}, limit), want)
		}
		same(t, "by actor", len(list(run.AuditQuery{Now: now, ActorID: "actor0"}, 3)), 14)
		same(t, "by event", len(list(run.AuditQuery{Now: now, Events: []string{run.AuditRunEnded, "x"}}, 3)), 10)
		same(t, "by target", list(run.AuditQuery{Now: now, TargetID: want[7].Target.ID}, 3), want[7:8])
		same(t, "by run", list(run.AuditQuery{Now: now, RunID: want[3].RunID}, 3), want[3:4])
		same(t, "from and to", list(run.AuditQuery{From: want[30].At, To: want[5].At}, 4), want[6:31])
		same(t, "two years later", len(list(run.AuditQuery{Now: now.AddDate(3, 0, 0)}, 4)), 0)
		same(t, "from long ago", len(list(run.AuditQuery{Now: now.AddDate(5, 0, 0), From: base}, 50)), 40)
	})
	t.Run("two changes at one instant are two events", func(t *testing.T) {
		w := newWorld(t, open)
		for _, user := range []string{"a", "b"} {
			w.must(w.s.Audit(w.ctx(), run.AuditEvent{TenantID: w.tenant, At: start, Event: run.AuditMemberSet, Target: run.Target{ID: user}}))
		}
		page, err := w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Events: []string{run.AuditMemberSet}, Now: start.Add(1)}, run.PageRequest{Limit: 10})
		w.must(err)
		if len(page.Items) != 2 {
			t.Errorf("%d events", len(page.Items))
		}
	})
	t.Run("a record too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		e := w.audit("x")
		e.Details = map[string]string{"x": strings.Repeat("y", 420_000)}
		w.wantErr(w.s.Audit(w.ctx(), e), run.ErrTooLarge)
	})
}
