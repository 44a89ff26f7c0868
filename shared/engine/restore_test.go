package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/run"
)

// What runs that plan and apply restores need of the engine.

// finish works off a run and returns it as it ended.
func (b *bed) finish(r run.Run) run.Run {
	b.t.Helper()
	b.drain()
	return b.check(r.ID)
}

// phased has items in groups of n.
type phased struct {
	*operation
	n int
}

func (p phased) Phase(item run.Item) int {
	var i int
	_, _ = fmt.Sscanf(item.Key, "item-%d", &i)
	return i / p.n
}

// A policy is not written before the filter that it names is.
func TestItemsOfAPhaseAreDoneBeforeTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 60)
		op := phased{b.op, 7}
		var mu sync.Mutex
		done := map[string]bool{}
		b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
			for i := range op.Phase(item) * op.n {
				mu.Lock()
				if key := fmt.Sprintf("item-%03d", i); !done[key] {
					t.Errorf("%s begins before %s is done", item.Key, key)
				}
				mu.Unlock()
			}
			time.Sleep(time.Second)
			mu.Lock()
			done[item.Key] = true
			mu.Unlock()
			return run.Outcome{Status: run.OutcomeSucceeded}, nil
		}
		b.engine.Bind = func(context.Context, run.Run, run.Tenant) (engine.Operation, error) { return op, nil }
		began := time.Now()
		r := b.finish(b.start())
		if r.Status != run.StatusSucceeded {
			t.Fatalf("run is %+v", r)
		}
		if took := time.Since(began); took > 25*time.Second { // nine groups, four at a time
			t.Errorf("took %v: items of one group are done one after the other", took)
		}
	})
}

// The digest is of the plan, not of how it came about.
func TestPlanHasADigestWhateverItsSlices(t *testing.T) {
	digest := func(slice, differ int) (found string) {
		bubble(t, func(t *testing.T) {
			b := newBed(t, 60)
			b.engine.Limits.SliceItems = slice
			b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
				p := &run.Planned{Action: run.PlanUpdate, Version: 1, GraphID: item.Key, Fingerprint: "f"}
				if strings.HasSuffix(item.Key, fmt.Sprintf("-%03d", differ)) {
					p.Fingerprint = "other"
				}
				return run.Outcome{Status: run.OutcomeSucceeded, Planned: p}, nil
			}
			r := b.finish(b.start())
			found = r.PlanDigest
		})
		return found
	}
	want := digest(25, -1)
	if len(want) != 64 || digest(7, -1) != want {
		t.Errorf("digest is %q, and %q in other slices", want, digest(7, -1))
	}
	for _, differ := range []int{0, 31, 59} {
		if digest(25, differ) == want {
			t.Errorf("a plan with another item %d has the same digest", differ)
		}
	}
}

// Who asks what was written to a tenant finds every object, with what it was before
// and after, and nothing that was not written.
func TestWhatIsWrittenIsAudited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, 30)
		b.op.act = func(_ context.Context, item run.Item) (run.Outcome, error) {
			o := run.Outcome{Status: run.OutcomeSucceeded, Written: &run.Written{Action: run.PlanUpdate, BeforeHash: "b" + item.Key, AfterHash: "a" + item.Key, Steps: 1}}
			switch {
			case strings.HasSuffix(item.Key, "0"):
				o.Written.Steps = 0 // it was looked at alone
			case strings.HasSuffix(item.Key, "1"):
				o.Written = nil
			case strings.HasSuffix(item.Key, "2"): // half of it
				o.Status, o.Code, o.Failure = run.OutcomeFailed, "step_failed", &run.Failure{Code: "step_failed"}
			}
			return o, nil
		}
		r := b.finish(b.start())
		page, err := b.store.AuditEvents(t.Context(), run.AuditQuery{TenantID: tenantID, RunID: r.ID, Events: []string{run.AuditObjectsWritten}, Now: time.Now().Add(time.Hour)}, run.PageRequest{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		objects := map[string]run.AuditObject{}
		for _, e := range page.Items {
			if e.ActorID != userID || e.Operation != r.Operation {
				t.Errorf("event is %+v", e)
			}
			for _, o := range e.Objects {
				objects[o.PolicyID] = o
			}
		}
		if len(page.Items) != 2 || len(objects) != 24 {
			t.Fatalf("%d events of %d objects, want 2 of 24", len(page.Items), len(objects))
		}
		if o := objects["item-012"]; o.Before != "bitem-012" || o.After != "aitem-012" || o.Code != "step_failed" || o.Action != run.PlanUpdate {
			t.Errorf("object is %+v", o)
		}
	})
}
