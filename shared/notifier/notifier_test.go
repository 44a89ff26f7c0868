package notifier_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

var at = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// life is the images of a run that a stream carries, in order.
func life() []run.Run {
	started, ended := at.Add(time.Second), at.Add(time.Minute)
	queued := run.Run{ID: "run_1", TenantID: "ten_1", Operation: run.OpInventorySync, Initiator: run.Initiator{UserID: "user-1"}, Status: run.StatusQueued, CreatedAt: at}
	running := queued
	running.Status, running.StartedAt, running.Epoch = run.StatusRunning, &started, 1
	committed := running
	committed.Seq, committed.Counts = 1, run.Counts{Total: 2, Succeeded: 1}
	finished := committed
	finished.Status, finished.FinishedAt, finished.Counts = run.StatusPartial, &ended, run.Counts{Total: 2, Succeeded: 1, Failed: 1}
	return []run.Run{queued, running, committed, finished}
}

func replay(t *testing.T, n notifier.Notifier, images []run.Run) {
	t.Helper()
	var old *run.Run
	for _, r := range images {
		if err := n.Changed(t.Context(), old, r); err != nil {
			t.Fatal(err)
		}
		old = &r
	}
}

// Queued, running and the end, each once however often the stream repeats;
// only the end is unread, and reading it lasts.
func TestEachOnce(t *testing.T) {
	store := memstore.New()
	n := notifier.Notifier{Store: store}
	replay(t, n, life())
	page, err := store.Notifications(t.Context(), run.NotificationQuery{UserID: "user-1"}, run.PageRequest{})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("%d notifications, %v", len(page.Items), err)
	}
	end := page.Items[0]
	if end.Kind != run.NotifyEnded || end.Status != run.StatusPartial || end.Read || end.Counts.Failed != 1 || !page.Items[1].Read || !page.Items[2].Read {
		t.Errorf("%+v", page.Items)
	}
	if err := store.MarkRead(t.Context(), run.NotificationKey{UserID: "user-1", TenantID: "ten_1", At: end.At, RunID: end.RunID, Kind: end.Kind}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		replay(t, n, life())
	}
	page, err = store.Notifications(t.Context(), run.NotificationQuery{UserID: "user-1"}, run.PageRequest{})
	if err != nil || len(page.Items) != 3 || !page.Items[0].Read {
		t.Errorf("after a replay: %+v, %v", page.Items, err)
	}
}

// A run that never reached a worker tells of its start and its end.
func TestDispatchFailure(t *testing.T) {
	store := memstore.New()
	images := life()
	failed := images[0]
	failed.Status, failed.FinishedAt, failed.Failure = run.StatusFailed, &at, &run.Failure{Code: "dispatch_failed"}
	replay(t, notifier.Notifier{Store: store}, []run.Run{images[0], failed})
	page, err := store.Notifications(t.Context(), run.NotificationQuery{UserID: "user-1", Unread: true}, run.PageRequest{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Failure.Code != "dispatch_failed" {
		t.Errorf("%+v, %v", page.Items, err)
	}
}

// A change that is no transition tells nobody anything.
func TestOnlyTransitionsNotify(t *testing.T) {
	images := life()
	if n, ok := notifier.For(&images[1], images[2]); ok {
		t.Errorf("a committed slice notifies: %+v", n)
	}
}

// A state of a later version, and a run without an initiator, notify nobody.
func TestNothingToTell(t *testing.T) {
	images := life()
	odd := images[1]
	odd.Status = "paused"
	if _, ok := notifier.For(&images[0], odd); ok {
		t.Error("an unknown state notifies")
	}
	nobody := images[0]
	nobody.Initiator = run.Initiator{}
	if _, ok := notifier.For(nil, nobody); ok {
		t.Error("a run without an initiator notifies")
	}
}

// Once the end is told, it is confirmed: no sweep tells it again.
func TestEndIsConfirmed(t *testing.T) {
	for _, age := range []time.Duration{time.Minute, 13 * time.Hour} {
		c := &confirmations{Store: memstore.New()}
		images := life()
		finished := at.Add(age)
		images[3].FinishedAt = &finished
		n := notifier.Notifier{Store: c}
		if err := n.Changed(t.Context(), &images[2], images[3]); err != nil { // what came before is lost
			t.Fatal(err)
		}
		want := 1
		if age > 12*time.Hour {
			want = 3 // the beginning may have expired in the stream
		}
		page, err := c.Notifications(t.Context(), run.NotificationQuery{UserID: "user-1"}, run.PageRequest{})
		if err != nil || len(page.Items) != want || c.n != 1 {
			t.Errorf("after %s: %d notifications, %d confirmations, %v", age, len(page.Items), c.n, err)
		}
		replay(t, n, images)
		if page, err = c.Notifications(t.Context(), run.NotificationQuery{UserID: "user-1"}, run.PageRequest{}); err != nil || len(page.Items) != 3 {
			t.Errorf("after all: %d notifications, %v", len(page.Items), err)
		}
	}
}

type confirmations struct {
	*memstore.Store
	n int
}

func (c *confirmations) Notified(context.Context, string, string) error { c.n++; return nil }

// The end of a run is followed up once it is told, whoever started it: also that of
// a schedule's run, of which nobody is notified by this. It is confirmed after that,
// so that what failed comes again.
func TestEndIsFollowedUp(t *testing.T) {
	for name, initiator := range map[string]run.Initiator{"a person": {UserID: "user-1"}, "a schedule": {ScheduleID: "sch_1"}} {
		t.Run(name, func(t *testing.T) {
			c := &confirmations{Store: memstore.New()}
			images := life()
			for i := range images {
				images[i].Initiator = initiator
			}
			var followed []run.Status
			broken := true
			n := notifier.Notifier{Store: c, Follow: func(_ context.Context, r run.Run) error {
				followed = append(followed, r.Status)
				if broken {
					return errors.New("storage is gone")
				}
				return nil
			}}
			replay(t, n, images[:3])
			if err := n.Changed(t.Context(), &images[2], images[3]); err == nil || c.n != 0 {
				t.Errorf("a fault was swallowed: %v, %d confirmations", err, c.n)
			}
			broken = false
			if err := n.Changed(t.Context(), &images[2], images[3]); err != nil || c.n != 1 {
				t.Errorf("%v, %d confirmations", err, c.n)
			}
			// A change of a run that has ended is no end.
			if err := n.Changed(t.Context(), &images[3], images[3]); err != nil || len(followed) != 2 || followed[1] != run.StatusPartial {
				t.Errorf("followed %v, %v", followed, err)
			}
		})
	}
}
