package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// rank orders the states of a run's life.
func rank(status string) int {
	switch status {
	case "queued":
		return 0
	case "running":
		return 1
	}
	return 2
}

// Status only moves queued → running → end, for whoever polls and in the
// notifications; the counts never go back and at the end are the outcomes' sums.
func TestStatusOnlyMovesForward(t *testing.T) {
	x := stocked(t)
	prepared := x.startings(t, atOnce)
	// One type is refused, so that the sync ends between success and failure. The
	// first rule that matches acts.
	x.fault(t, object{"kind": "read", "path": "/deviceConfigurations$", "status": 403, "code": "Forbidden"})
	x.fault(t, object{"kind": "read", "action": "delay", "delayMs": 400})
	for i, o := range atOnce {
		r := begin(t, prepared[i])
		var seen []string
		last := r
		await(t, "the end of "+o.name, 60*time.Second, func() bool {
			now := x.run(t, r.ID)
			if !slices.Contains(seen, now.Status) {
				seen = append(seen, now.Status)
			}
			if rank(now.Status) < rank(last.Status) {
				t.Errorf("%s went from %s back to %s", o.name, last.Status, now.Status)
			}
			if now.Counts.Succeeded < last.Counts.Succeeded || now.Counts.Failed < last.Counts.Failed || now.UpdatedAt.Before(last.UpdatedAt) {
				t.Errorf("%s: counts or time went back from %v to %v", o.name, last, now)
			}
			last = now
			return now.terminal()
		})
		if len(seen) < 2 || seen[len(seen)-2] != "running" {
			t.Errorf("%s: seen were the states %v, want running before the end", o.name, seen)
		}
		if last.StartedAt == nil || last.FinishedAt == nil || last.StartedAt.Before(last.CreatedAt) || last.FinishedAt.Before(*last.StartedAt) {
			t.Errorf("%s: created %v, started %v, finished %v", o.name, last.CreatedAt, last.StartedAt, last.FinishedAt)
		}
		x.consistent(t, last)
		if done := last.Counts.Succeeded + last.Counts.Failed + last.Counts.Skipped; done != last.Counts.Total || len(x.items(t, last)) != done {
			t.Errorf("%s: %d of %d items have an outcome, %d are listed", o.name, done, last.Counts.Total, len(x.items(t, last)))
		}
		want := "partial"
		if o == capture || o == preview || o == execute { // which list nothing
			want = "succeeded"
		}
		if last.Status != want {
			t.Errorf("%v, want %s", last, want)
		}
		notes := x.notified(t, last.by(), last)
		if len(notes) != 3 {
			t.Fatalf("%s: %d notifications, want 3: %v", o.name, len(notes), notes)
		}
		for i, kind := range []string{"queued", "running", "ended"} {
			if notes[i].Kind != kind || i > 0 && notes[i].At.Before(notes[i-1].At) {
				t.Errorf("%s: notification %d is %s at %v", o.name, i, notes[i].Kind, notes[i].At)
			}
		}
		if notes[2].Status != last.Status || notes[2].Title == "" {
			t.Errorf("%s: the end is notified as %+v", o.name, notes[2])
		}
		if again := x.run(t, r.ID); !again.UpdatedAt.Equal(last.UpdatedAt) || again.Status != last.Status {
			t.Errorf("%s changed after its end", o.name)
		}
	}
}

// While Microsoft does not answer, runs end by their deadline as failed, with a
// code, a sentence and what to do; what was captured stays readable, and once
// Microsoft answers again a new run succeeds.
func TestUnavailableGraphEndsTheRunWithWhatToDo(t *testing.T) {
	const deadline = 12 * time.Second
	setEnvironment(t, output(t, "ApiFunctionName"), "RUN_DEADLINE_SECONDS", "12")
	cases := map[string]struct {
		rule object
		code string
	}{
		"Graph answers 503":        {object{"kind": "read", "status": 503}, "graph_unavailable"},
		"Graph answers 500 nested": {object{"kind": "read", "status": 500, "shape": "unknown"}, "graph_unavailable"},
		"connections are cut":      {object{"kind": "read", "action": "cut-before"}, "graph_unavailable"},
		"sign-in answers 503":      {object{"kind": "token", "status": 503}, "graph_unavailable"},
		"sign-in is cut":           {object{"kind": "token", "action": "cut-before"}, "graph_unavailable"},
		"limited beyond the end":   {object{"kind": "read", "status": 429, "retryAfter": "3600"}, "graph_throttled"},
	}
	type pending struct {
		name, code string
		x          *tenant
		r          runView
		lift       func()
	}
	var all []pending
	for name, c := range cases {
		x := stocked(t)
		x.done(t, x.start(t, capture))
		// A new credential makes the worker ask for a new token.
		as(t, owner, http.MethodPatch, x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": x.secret}}).want(t, http.StatusOK)
		lift := x.fault(t, c.rule)
		all = append(all, pending{name, c.code, x, x.start(t, capture), lift})
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			if got := p.r.DeadlineAt.Sub(p.r.CreatedAt); got != deadline {
				t.Fatalf("the run may take %v, want %v", got, deadline)
			}
			r := p.x.endedWithin(t, p.r, 60*time.Second)
			if r.Status != "failed" || r.Failure == nil || r.Failure.Code != p.code {
				t.Fatalf("%v, want failed %s", r, p.code)
			}
			if r.Failure.Sentence == "" || r.Failure.Next == "" || r.Sentence == "" {
				t.Errorf("no sentence or next action: %+v", r.Failure)
			}
			// The request that is under way at the deadline is tried to its end.
			if late := r.FinishedAt.Sub(r.DeadlineAt); late > 10*time.Second {
				t.Errorf("the run ended %v after its deadline", late)
			}
			p.x.consistent(t, r)
			if versions := p.x.versions(t, policy{ID: r.Target.ID}); len(versions) != 1 {
				t.Errorf("%d versions are readable, want the 1 of before", len(versions))
			}
			get(t, viewer, p.x.path("/policies/"+r.Target.ID+"/versions/1")).want(t, http.StatusOK)
			if n := p.x.notified(t, operator, r); n[len(n)-1].Code != p.code {
				t.Errorf("the end is notified as %+v", n[len(n)-1])
			}
			p.lift()
			if p.code == "graph_throttled" {
				return // Graph asked for an hour's pause, which holds for the runs after this one too
			}
			p.x.done(t, p.x.captureOf(t, policy{ID: r.Target.ID}))
		})
	}
}

// A Graph that takes requests and never answers holds no run beyond its deadline.
func TestHangingGraphHoldsNoRunBeyondItsDeadline(t *testing.T) {
	setEnvironment(t, output(t, "ApiFunctionName"), "RUN_DEADLINE_SECONDS", "10")
	x := stocked(t)
	emptied(t, capture.queue(t)) // a message that its worker gave back would come again much later
	x.fault(t, object{"kind": "read", "action": "timeout"})
	r := x.endedWithin(t, x.start(t, capture), 45*time.Second)
	if r.Status != "failed" || r.Failure == nil || !slices.Contains([]string{"graph_unavailable", "deadline_exceeded"}, r.Failure.Code) {
		t.Fatalf("%v, want failed graph_unavailable or deadline_exceeded", r)
	}
	if late := r.FinishedAt.Sub(r.DeadlineAt); late > 10*time.Second {
		t.Errorf("the run ended %v after its deadline", late)
	}
	if r.Failure.Sentence == "" || r.Failure.Next == "" {
		t.Errorf("no sentence or next action: %+v", r.Failure)
	}
}

// Graph's request for a pause holds for every worker of the tenant: the second run
// waits without asking, until the time that the first was told.
func TestPauseHoldsForEveryWorkerOfTheTenant(t *testing.T) {
	x := stocked(t)
	lift := x.fault(t, object{"kind": "read", "status": 429, "retryAfter": "900", "count": 1})
	first := x.start(t, inventorySync)
	waits := func(r runView) (now runView) {
		await(t, r.Operation+" says that it waits", 30*time.Second, func() bool {
			now = x.run(t, r.ID)
			return now.Waiting != nil && now.Waiting.Code == "graph_throttled"
		})
		return now
	}
	a := waits(first)
	lift()
	asked := len(x.requests(t))
	b := waits(x.start(t, capture))
	for _, r := range x.requests(t)[asked:] {
		if r.Kind == "read" {
			t.Errorf("the second worker asked all the same: %+v", r)
		}
	}
	if apart := b.Waiting.Until.Sub(*a.Waiting.Until).Abs(); apart > 2*time.Second {
		t.Errorf("one waits until %s, the other until %s", a.Waiting.Until, b.Waiting.Until)
	}
	for _, r := range []runView{a, b} {
		as(t, operator, http.MethodPost, x.path("/runs/"+r.ID+"/cancel"), nil).want(t, http.StatusOK)
	}
}

// A short outage is waited out: the run says that it waits, and then succeeds.
func TestShortOutageIsWaitedOut(t *testing.T) {
	x := stocked(t)
	x.fault(t, object{"kind": "read", "status": 429, "retryAfter": "8", "count": 1})
	r := x.start(t, inventorySync)
	await(t, "the run says that it waits", 20*time.Second, func() bool {
		now := x.run(t, r.ID)
		return now.Status == "running" && now.Waiting != nil && now.Waiting.Code == "graph_throttled"
	})
	r = x.done(t, r)
	x.consistent(t, r)
	if epoch := number(t, runItem(t, r), "epoch"); epoch < 2 {
		t.Errorf("the run was not given back while it waited: epoch %d", epoch)
	}
}
