package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Starting runs and looking at them asks Microsoft nothing: the simulator's log
// stays empty until a worker gets its message.
func TestAPIMakesNoGraphCall(t *testing.T) {
	x := stocked(t)
	x.done(t, x.start(t, capture))
	prepared, plan := x.startings(t, atOnce), x.planned(t)
	resume := paused(t, atOnce...)
	before := len(x.requests(t))
	if before == 0 {
		t.Fatal("the simulator's log shows nothing of the sync before: it proves nothing")
	}
	var started []runView
	for _, s := range prepared {
		r := begin(t, s)
		if r.Status != "queued" || r.Links.Self != x.path("/runs/"+r.ID) {
			t.Errorf("the answer of a start is %v with the link %q, want a queued run and its link", r, r.Links.Self)
		}
		started = append(started, r)
	}
	here := x.place(t, started[2])
	here.plan = plan
	for _, route := range routes(t) {
		if method, path := here.request(route); method == http.MethodGet {
			if strings.Contains(path, "/drift/") {
				continue // there is none
			}
			if strings.HasSuffix(path, "/diff") {
				path += "?from=1" // there is one version: it is compared with itself
			}
			as(t, owner, method, path, nil).want(t, http.StatusOK)
		}
	}
	// Whoever sets the connection tests nothing by that.
	as(t, owner, http.MethodPatch, x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": x.secret}}).want(t, http.StatusOK)
	if after := x.requests(t); len(after) != before {
		t.Errorf("the API asked Graph: %v", after[before:])
	}
	resume()
	for _, r := range started {
		x.done(t, r)
	}
	if len(x.requests(t)) == before {
		t.Error("the workers asked Graph nothing: the log proves nothing")
	}
}

// storm starts the same thing many times at once and returns the run and how many
// answers said that they made it.
func storm(t *testing.T, s starting, clicks int) (runView, int) {
	t.Helper()
	bearer := token(t, s.by)
	answers := make([]answer, clicks)
	errs := make([]error, clicks)
	together(clicks, func(i int) { answers[i], errs[i] = send(t.Context(), bearer, http.MethodPost, s.path, s.body) })
	var first runView
	made := 0
	for i, a := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if a.status != http.StatusOK && a.status != http.StatusAccepted {
			t.Fatalf("start %d of %d: %s", i, clicks, a)
		}
		r := startedRun(t, a)
		if a.status == http.StatusAccepted {
			made++
		}
		if r.Reused == nil || *r.Reused != (a.status == http.StatusOK) {
			t.Errorf("start %d: status %d and reused %v", i, a.status, r.Reused)
		}
		if first.ID == "" {
			first = r
		}
		if r.ID != first.ID {
			t.Errorf("two runs: %s and %s", first.ID, r.ID)
		}
		if got, want := a.header.Get("Location"), runPath(r); got != want {
			t.Errorf("start %d: Location %q, want %q", i, got, want)
		}
	}
	return first, made
}

func runPath(r runView) string { return "/v1/tenants/" + r.TenantID + "/runs/" + r.ID }

// A double click starts one run, however many clicks there are at once: while it
// is queued, while it is at work, and anew once it has ended.
func TestDoubleClickStartsOneRun(t *testing.T) {
	for i, o := range repeated {
		t.Run(o.name, func(t *testing.T) {
			x := stocked(t)
			what := x.starting(t, o)
			// All start by the same code: the others are tried with what they ask for.
			clicks := 100
			if i > 0 {
				clicks = 25
			}
			known := len(list[runView](t, viewer, x.path("/runs?operation="+o.name)))

			resume := paused(t, o)
			queued, made := storm(t, what, clicks)
			if made != 1 {
				t.Fatalf("%d of %d answers made a run, want 1", made, clicks)
			}
			again, made := storm(t, what, clicks)
			if made != 0 || again.ID != queued.ID {
				t.Fatalf("a second storm made %d runs and answered %s, want %s", made, again.ID, queued.ID)
			}
			// Graph holds the worker, so the third storm meets a running run. A new
			// credential makes the worker ask for a new token, which is what is held.
			as(t, owner, http.MethodPatch, x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": x.secret}}).want(t, http.StatusOK)
			x.fault(t, object{"kind": "token", "action": "delay", "delayMs": 6000, "count": 1})
			resume()
			x.atWork(t, queued)
			running, made := storm(t, what, clicks)
			if made != 0 || running.ID != queued.ID {
				t.Errorf("a storm on a running run made %d runs and answered %s, want %s", made, running.ID, queued.ID)
			}
			if running.Status != "running" {
				t.Errorf("the storm met a run that is %s, want running: it proves nothing", running.Status)
			}
			x.done(t, queued)

			next, made := storm(t, what, clicks)
			if next.ID == queued.ID || made < 1 {
				t.Errorf("after the end %d runs were made and %s answered, want a new one", made, next.ID)
			}
			x.done(t, next)
			if all := list[runView](t, viewer, x.path("/runs?operation="+o.name)); len(all) != known+1+made {
				t.Errorf("there are %d runs of it, want %d", len(all), known+1+made)
			}
		})
	}
}

// Another selection of the same operation is told which run is in its way.
func TestAnotherSelectionConflicts(t *testing.T) {
	x := stocked(t)
	resume := paused(t, inventorySync)
	r := x.start(t, inventorySync)
	a := post(t, operator, x.path("/inventory-syncs"), object{"types": []string{"device-configuration"}}).want(t, http.StatusConflict)
	p := a.problem()
	if p.Code != "conflict_active_run" || p.ActiveRun == nil || p.ActiveRun.ID != r.ID || p.ActiveRun.Href != r.Links.Self {
		t.Errorf("the conflict is %s, want it to name run %s", a, r.ID)
	}
	// Two policies are two things: both are captured at once.
	policies := x.policies(t)
	one, two := x.captureOf(t, policies[0]), x.captureOf(t, policies[1])
	if one.ID == two.ID {
		t.Error("captures of two policies share a run")
	}
	resume()
	for _, r := range []runView{r, one, two} {
		x.done(t, r)
	}
}

// A start whose answer was lost is repeated with its Idempotency-Key and gives
// the run it made, also after that has ended.
func TestIdempotencyKeyReturnsTheSameRun(t *testing.T) {
	x := stocked(t)
	key := "e2e-" + x.id
	start := func(body any) answer {
		return as(t, operator, http.MethodPost, x.path("/inventory-syncs"), body, "Idempotency-Key", key)
	}
	var first, again runView
	start(nil).want(t, http.StatusAccepted).into(t, &first)
	x.done(t, first)
	start(nil).want(t, http.StatusOK).into(t, &again)
	if again.ID != first.ID || again.Reused == nil || !*again.Reused {
		t.Errorf("the repeated start is %v, want run %s reused", again, first.ID)
	}
	if a := start(object{"types": []string{"device-configuration"}}); a.status != http.StatusUnprocessableEntity || a.problem().Code != "idempotency_key_reused" {
		t.Errorf("the key with other content: %s, want 422 idempotency_key_reused", a)
	}
	if next := x.start(t, inventorySync); next.ID == first.ID {
		t.Error("a start without the key got the ended run")
	} else {
		x.done(t, next)
	}
}

// A run whose message cannot be sent has failed at once, says so, and is in
// nobody's way.
func TestFailedDispatchEndsTheRunAtOnce(t *testing.T) {
	x := stocked(t)
	api := role(t, output(t, "ApiFunctionName"))
	prepared := x.startings(t, repeated)
	restore := withoutStatement(t, api, "StartRuns")
	for i, o := range repeated {
		what := prepared[i]
		var failed []runView
		for range 2 {
			r := startedRun(t, post(t, what.by, what.path, what.body).want(t, http.StatusAccepted))
			if r.Status != "failed" || r.Failure == nil || r.Failure.Code != "dispatch_failed" {
				t.Fatalf("%s that could not be sent is %v, want failed dispatch_failed", o.name, r)
			}
			if r.Failure.Sentence == "" || r.Failure.Next == "" {
				t.Errorf("%s: no sentence or next action: %+v", o.name, r.Failure)
			}
			if r.FinishedAt == nil || r.FinishedAt.Sub(r.CreatedAt) > 10*time.Second {
				t.Errorf("%s ended at %v, begun at %v", o.name, r.FinishedAt, r.CreatedAt)
			}
			if stored := x.run(t, r.ID); stored.Status != "failed" || stored.Failure.Code != "dispatch_failed" {
				t.Errorf("%s is stored as %v", o.name, stored)
			}
			failed = append(failed, r)
		}
		if failed[0].ID == failed[1].ID {
			t.Errorf("%s: the lock was not free after the failure", o.name)
		}
		for _, r := range failed {
			kinds := []string{}
			for _, n := range x.notified(t, r.by(), r) {
				kinds = append(kinds, n.Kind+" "+n.Status)
			}
			if !slices.Equal(kinds, []string{"queued queued", "ended failed"}) {
				t.Errorf("%s: notifications are %v", o.name, kinds)
			}
		}
	}
	restore()
	for _, o := range repeated {
		r := x.start(t, o)
		x.done(t, r)
		for _, other := range list[runView](t, viewer, x.path("/runs?status=failed")) {
			if other.ID == r.ID || !strings.HasPrefix(other.ID, "run_") {
				t.Errorf("unexpected failed run %v", other)
			}
		}
	}
}
