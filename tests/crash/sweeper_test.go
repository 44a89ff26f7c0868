package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantatlas/shared/run"
	"tenantatlas/shared/sweeper"
	"tenantatlas/tests/lambdaruntime"
)

// lost is a queue that loses what it is sent.
type lost struct{}

func (lost) Send(context.Context, run.Operation, run.Dispatch, time.Duration) error { return nil }

// sweep is one sweep that is broken, in a table of its own: it finds a run whose
// message was lost, and one whose time is over.
type sweep struct {
	*matrix
	fault    fault
	at       target
	calls    []string
	problems []string
}

func (s *sweep) title() string {
	return fmt.Sprintf("sweep, call %d (%s), %s", s.at.at, s.at.call, s.fault)
}

func (s *sweep) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// long ago enough for a sweep to act on at once.
func longAgo() time.Time { return time.Now().Add(-time.Minute) }

func (s *sweep) try(ctx context.Context, number int) {
	lostRun := &trial{scenario: scenarios[0], matrix: s.matrix, changed: make(chan struct{}, 1), messages: map[string]int{}}
	var over run.Run
	for i, deadline := range []time.Duration{time.Hour, 30 * time.Second} {
		tenant, graphTenant, err := s.newTenant(ctx, number*2+i)
		if err != nil {
			s.problem("%v", err)
			return
		}
		req := lostRun.request(tenant)
		req.Deadline = deadline
		r, err := s.start(ctx, req, lost{}, longAgo)
		if err != nil {
			s.problem("%v", err)
			return
		}
		if over = r; i == 0 {
			lostRun.run, lostRun.tenant, lostRun.graphTenant = r, tenant, graphTenant
			s.trials[tenant] = lostRun
		}
	}
	if !s.broken() {
		return
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var delivering sync.WaitGroup
	defer delivering.Wait()
	defer stop()
	delivering.Go(func() { s.deliver(ctx, run.OpInventorySync, func(m sqstypes.Message) bool { return s.handle(m) }) })
	within, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for !lostRun.run.Status.Terminal() || !over.Status.Terminal() {
		select {
		case <-lostRun.changed:
		case <-tick.C:
			if answer, err := s.sweeper.Invoke([]byte("{}"), time.Minute); err != nil || answer.Failed {
				s.problem("the next sweep: %s, %v", answer.Body, err)
			}
		case <-within.Done():
			s.problem("not ended after %s: %+v, %+v", endsWithin, lostRun.run, over)
			return
		}
		for _, r := range []*run.Run{&lostRun.run, &over} {
			now, err := s.store.Run(ctx, r.TenantID, r.ID)
			if err != nil {
				s.problem("read a run: %v", err)
				return
			}
			*r = now
		}
	}
	lostRun.hasEnded()
	if err := s.drained(ctx, run.OpInventorySync); err != nil {
		s.problem("%v", err)
	}
	s.verify(ctx, lostRun, over)
}

// broken invokes a sweeper that is broken, or not, and reports whether to go on.
func (s *sweep) broken() bool {
	process, before, err := s.launchBehind("sweeper", s.fault, s.at)
	defer before.close()
	if err != nil {
		s.problem("%v", err)
		return false
	}
	defer process.Close()
	answer, err := process.Invoke([]byte("{}"), time.Minute)
	var fired bool
	s.calls, fired = before.seen()
	if killed := fired && s.fault != loseAnswer; (err != nil) != killed {
		s.problem("%v: %s", err, process.Output())
	}
	if !fired && s.at.at > 0 && s.at.at <= fewestSweep {
		s.problem("the sweep made only %d calls", len(s.calls))
	}
	var did sweeper.Report
	if s.fault == none && (answer.Failed || json.Unmarshal(answer.Body, &did) != nil || did.Rescued != 1 || did.Ended != 1 || did.Faults != 0) {
		s.problem("%s", answer.Body)
	}
	return true
}

func (s *sweep) verify(ctx context.Context, lostRun *trial, over run.Run) {
	for _, r := range []run.Run{lostRun.run, over} {
		if err := s.tell(ctx, r); err != nil {
			s.problem("notify: %v", err)
		}
	}
	lostRun.verify(ctx)
	s.problems = append(s.problems, lostRun.problems...)
	if over.Status != run.StatusFailed || over.Failure == nil || over.Failure.Code != "deadline_exceeded" {
		s.problem("ended %s, %+v", over.Status, over.Failure)
	}
	view, err := s.store.StartView(ctx, run.StartQuery{TenantID: over.TenantID, UserID: user, KeyHash: over.KeyHash})
	if err != nil || view.Lock == nil || view.Lock.ActiveRunID != "" {
		s.problem("lock %+v, %v", view.Lock, err)
	}
	events, err := s.events(ctx, over)
	if err != nil || !maps.Equal(events, map[string]int{run.AuditRunRequested: 1, run.AuditRunEnded: 1}) {
		s.problem("audit events %v, %v", events, err)
	}
}

// A sweep that dies, or loses an answer, at any call leaves nothing that the next
// does not make up for, and does nothing twice.
func TestSweeper(t *testing.T) {
	began := time.Now()
	b := newBed(t, "inventory-sync", "sweeper")
	prepare := func(f fault, at target) *sweep {
		m := &matrix{place: b.newPlace(), pools: map[run.Operation]chan *lambdaruntime.Function{run.OpInventorySync: make(chan *lambdaruntime.Function, 1)}, trials: map[string]*trial{}}
		return &sweep{matrix: m, fault: f, at: at}
	}
	do := func(s *sweep, number int) {
		worker, err := s.launch("inventory-sync")
		if err != nil {
			s.problem("%v", err)
			return
		}
		defer worker.Close()
		s.pools[run.OpInventorySync] <- worker
		if s.sweeper, err = s.launch("sweeper"); err != nil {
			s.problem("%v", err)
			return
		}
		defer s.sweeper.Close()
		s.try(t.Context(), number)
	}
	first := prepare(none, target{})
	do(first, 0)
	if len(first.problems) > 0 || len(first.calls) < fewestSweep {
		t.Fatalf("undisturbed, %d calls: %s", len(first.calls), strings.Join(first.problems, "; "))
	}
	t.Logf("%d calls", len(first.calls))
	var all []*sweep
	for _, at := range targets(first.calls) {
		t.Logf("  %2d %s", at.at, at.call)
		for _, f := range faults() {
			all = append(all, prepare(f, at))
		}
	}
	slots := make(chan struct{}, parallel/2)
	var trying sync.WaitGroup
	for i, s := range all {
		slots <- struct{}{}
		trying.Go(func() {
			defer func() { <-slots }()
			do(s, i+1)
		})
	}
	trying.Wait()
	for _, s := range all {
		if len(s.problems) > 0 {
			t.Errorf("%s:\n\t%s", s.title(), strings.Join(s.problems, "\n\t"))
		}
	}
	t.Logf("%d sweeps, %d of them broken, in %s", len(all)+1, len(all), time.Since(began).Round(time.Second))
}

// fewestSweep: eight lists, and two runs read and dealt with. The run that the
// sweep ends may be read once more, if it gets into a list that comes later.
const fewestSweep = 13
