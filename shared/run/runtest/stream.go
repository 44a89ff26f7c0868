package runtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// Stream checks what run.RunChange promises. changes returns what the stream of the
// storage that open stands on tells so far, from before the test began on; it may
// lag.
func Stream(t *testing.T, open Open, changes func(*testing.T) []run.RunChange) {
	t.Run("a run's whole life is told in order, with both images", func(t *testing.T) {
		w := newWorld(t, open)
		images := w.life(func() {})
		w.told(changes, images)

		ended := images[len(images)-1]
		if ended.Status != run.StatusPartial || ended.FinishedAt == nil || ended.Failure == nil || len(ended.Totals) == 0 {
			t.Errorf("the life was to end with a result to tell of: %+v", ended)
		}
		same(t, "counts", ended.Counts, run.Counts{Total: 30, Succeeded: 18, Failed: 6, Skipped: 6})
		w.must(w.s.Notified(w.ctx(), w.tenant, ended.ID))
		w.told(changes, append(images, ended)) // told, and nothing that a reader sees has changed
	})
	t.Run("what others do to a run is told too", func(t *testing.T) {
		w := newWorld(t, open)
		var images []run.Run
		keep := func(r run.Run, err error) run.Run {
			t.Helper()
			w.must(err)
			images = append(images, w.stored(r.ID))
			return images[len(images)-1]
		}
		r := keep(w.create("k"), nil)
		r = keep(w.s.Rescue(w.ctx(), r, w.tick()))
		r = keep(w.claim(r.ID, "worker-1"), nil)
		r = keep(w.s.SavePlan(w.ctx(), r.Fence(), items(3), w.tick()))
		r = keep(r, w.s.NoteFault(w.ctx(), w.tenant, r.ID, run.Failure{Code: "internal"}))
		r = keep(w.s.RequestCancel(w.ctx(), w.tenant, r.ID, w.cancel(r)))
		r = keep(w.s.End(w.ctx(), r.Fence(), r.Stop(r.Cancellation(), w.tick())))
		same(t, "status", r.Status, run.StatusCanceled)
		same(t, "counts", r.Counts, run.Counts{Total: 3, Skipped: 3})
		w.told(changes, images)
	})
	t.Run("a write of several records tells of the run once", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newRun("k")
		n.IdempotencyKey, n.ReplayUntil = run.Hash("ik"), w.now.Add(time.Hour)
		w.must(w.s.CreateRun(w.ctx(), n)) // run, lock, replay and audit event
		images := []run.Run{w.stored(n.Run.ID)}
		end := w.end(n.Run, run.StatusFailed)
		r, err := w.s.End(w.ctx(), n.Run.Fence(), end) // run, lock and audit event
		w.must(err)
		images = append(images, r)
		w.must(w.s.Notified(w.ctx(), w.tenant, r.ID))
		w.told(changes, append(images, r))
	})
	t.Run("a write that was refused or changes nothing is not told", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		images := []run.Run{r}
		second := w.newRun("k")
		var held *run.LockHeldError
		if err := w.s.CreateRun(w.ctx(), second); !errors.As(err, &held) {
			t.Errorf("a second start: %v", err)
		}
		r = w.claim(r.ID, "worker-1")
		images = append(images, r)
		w.claim(r.ID, "worker-1") // a repeat
		now := w.tick()
		_, err := w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", now, now.Add(time.Minute))
		w.wantErr(err, run.ErrRunLeased)
		r, err = w.s.SavePlan(w.ctx(), r.Fence(), items(3), w.tick())
		w.must(err)
		images = append(images, r)
		stale := r
		stale.Epoch--
		_, err = w.s.BeginSlice(w.ctx(), stale.Fence(), run.FirstItems(1), now, now.Add(time.Hour))
		w.wantErr(err, run.ErrFenced)
		_, err = w.commit(stale, outcomes(items(1), now), nil)
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.Release(w.ctx(), stale.Fence(), run.Pause{At: now})
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.End(w.ctx(), stale.Fence(), w.end(r, run.StatusFailed))
		w.wantErr(err, run.ErrFenced)
		_, err = w.s.Rescue(w.ctx(), r, now)
		w.wantErr(err, run.ErrFenced)
		w.wantErr(w.s.Notified(w.ctx(), w.tenant, r.ID), run.ErrConflict)
		for range 2 { // the second time it changes nothing
			begun, err := w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(2), now, now.Add(time.Hour))
			w.must(err)
			r = begun
		}
		images = append(images, r)
		e := w.end(r, run.StatusFailed)
		for range 2 {
			_, err = w.s.End(w.ctx(), r.Fence(), e)
			w.must(err)
		}
		images = append(images, w.stored(r.ID))
		_, err = w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-2", now.Add(time.Hour), now.Add(2*time.Hour))
		w.wantErr(err, run.ErrRunEnded)
		w.wantErr(w.s.NoteFault(w.ctx(), w.tenant, r.ID, run.Failure{Code: "internal"}), run.ErrRunEnded)
		_, err = w.s.RequestCancel(w.ctx(), w.tenant, r.ID, w.cancel(r))
		w.wantErr(err, run.ErrRunEnded)
		// Told last, so whatever a refused write had told would stand before it.
		for range 2 {
			w.must(w.s.Notified(w.ctx(), w.tenant, r.ID))
		}
		w.told(changes, append(images, w.stored(r.ID)))

		w.must(w.s.CreateRun(w.ctx(), second))
		w.told(changes, []run.Run{second.Run, w.claim(second.Run.ID, "worker-1")})
	})
	t.Run("a change whose answer was lost is told once", func(t *testing.T) {
		w := newWorld(t, open)
		images := w.life(func() { w.faults.arm(LoseAnswer, 1) })
		w.faults.arm(Pass, 0)
		w.told(changes, images)
	})
	t.Run("runs that go on at once keep each its own order", func(t *testing.T) {
		w := newWorld(t, open)
		const runs, rounds = 8, 5
		var (
			wait   sync.WaitGroup
			starts [runs]run.NewRun
			images [runs][]run.Run
			errs   [runs]error
		)
		for i := range runs {
			starts[i] = w.newRun("k" + strconv.Itoa(i))
		}
		for i, n := range starts {
			wait.Go(func() { images[i], errs[i] = goRound(w, n, rounds) })
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		for i := range runs {
			w.told(changes, images[i])
		}
	})
	t.Run("writers that race on one run are told one after the other", func(t *testing.T) {
		w := newWorld(t, open)
		r := w.create("k")
		const writers = 16
		var (
			wait sync.WaitGroup
			errs [writers]error
		)
		for i := range writers {
			wait.Go(func() {
				errs[i] = w.s.NoteFault(w.ctx(), w.tenant, r.ID, run.Failure{Code: fmt.Sprintf("fault_%d", i)})
			})
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		got := w.tellings(changes, r.ID, 1+writers)
		seen := map[string]bool{}
		for _, c := range got[1:] {
			seen[c.After.Fault.Code] = true
		}
		same(t, "faults told", len(seen), writers)
		same(t, "the last image", got[len(got)-1].After, w.stored(r.ID))
	})
}

// life is a run of 30 items from its start to its end, with a pause between, and
// returns what a strong read showed after each write. before is called before each
// write.
func (w *world) life(before func()) []run.Run {
	w.t.Helper()
	var images []run.Run
	step := func(write func() (run.Run, error)) run.Run {
		w.t.Helper()
		before()
		r, err := write()
		w.must(err)
		images = append(images, w.stored(r.ID))
		return images[len(images)-1]
	}
	plan := items(30)
	r := step(func() (run.Run, error) { return w.create("k"), nil })
	r = step(func() (run.Run, error) { return w.claim(r.ID, "worker-1"), nil })
	r = step(func() (run.Run, error) { return w.s.SavePlan(w.ctx(), r.Fence(), plan, w.tick()) })
	r = step(func() (run.Run, error) {
		return w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(25), w.tick(), w.now.Add(time.Minute))
	})
	r = step(func() (run.Run, error) { return w.commit(r, outcomes(plan[:25], w.now), nil) })
	r = step(func() (run.Run, error) {
		return w.s.Release(w.ctx(), r.Fence(), run.Pause{
			NotBefore: w.now.Add(time.Minute), Waiting: &run.Waiting{Code: "graph_throttled", Until: w.now.Add(time.Minute)}, At: w.tick(),
		})
	})
	w.now = r.NotBefore
	r = step(func() (run.Run, error) { return w.claim(r.ID, "worker-2"), nil })
	r = step(func() (run.Run, error) {
		return w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(5), w.tick(), w.now.Add(time.Minute))
	})
	end := w.end(r, run.StatusPartial)
	end.Failure = &run.Failure{Code: "graph_forbidden", HTTPStatus: 403, GraphRequestID: "r-1", Params: map[string]string{"name": "Policy"}}
	step(func() (run.Run, error) { return w.commit(r, outcomes(plan[25:], w.now), &end) })
	return images
}

// goRound takes a run through rounds of work and returns it as it was after each
// write. It may run beside others in the same world.
func goRound(w *world, n run.NewRun, rounds int) ([]run.Run, error) {
	now := n.Run.CreatedAt
	tick := func() time.Time { now = now.Add(time.Second); return now }
	if err := w.s.CreateRun(w.ctx(), n); err != nil {
		return nil, err
	}
	images := []run.Run{n.Run}
	plan := items(rounds)
	for i := range rounds {
		for _, write := range []func(run.Run) (run.Run, error){
			func(r run.Run) (run.Run, error) {
				return w.s.Claim(w.ctx(), w.tenant, r.ID, "worker-"+strconv.Itoa(i), tick(), now.Add(time.Minute))
			},
			func(r run.Run) (run.Run, error) {
				if r.Planned {
					return w.s.BeginSlice(w.ctx(), r.Fence(), run.FirstItems(1), tick(), now.Add(time.Minute))
				}
				return w.s.SavePlan(w.ctx(), r.Fence(), plan, tick())
			},
			func(r run.Run) (run.Run, error) {
				return w.s.CommitSlice(w.ctx(), r.Fence(), run.SliceCommit{From: i, Outcomes: outcomes(plan[i:i+1], tick()), At: now, LeaseUntil: now.Add(time.Minute)})
			},
			func(r run.Run) (run.Run, error) { return w.s.Release(w.ctx(), r.Fence(), run.Pause{At: tick()}) },
		} {
			r, err := write(images[len(images)-1])
			if err != nil {
				return nil, fmt.Errorf("run %s, round %d: %w", n.Run.ID, i, err)
			}
			images = append(images, r)
		}
	}
	return images, nil
}

// told checks that the stream tells of exactly these images of one run, in this
// order.
func (w *world) told(changes func(*testing.T) []run.RunChange, images []run.Run) {
	w.t.Helper()
	got := w.tellings(changes, images[0].ID, len(images))
	for i, c := range got[:min(len(got), len(images))] {
		same(w.t, fmt.Sprintf("image after change %d", i), c.After, images[i])
	}
}

// tellings waits for n changes of a run and checks that there are no more and that
// each begins where the one before it ended.
func (w *world) tellings(changes func(*testing.T) []run.RunChange, runID string, n int) []run.RunChange {
	w.t.Helper()
	var got []run.RunChange
	eventually(w.t, fmt.Sprintf("%d changes of run %s are told", n, runID), func() bool {
		got = slices.DeleteFunc(slices.Clone(changes(w.t)), func(c run.RunChange) bool { return c.After.TenantID != w.tenant || c.After.ID != runID })
		return len(got) >= n
	})
	if len(got) > n {
		w.t.Errorf("%d changes are told, want %d:\n%s", len(got), n, brief(got))
	}
	var last *run.Run
	for i, c := range got {
		same(w.t, fmt.Sprintf("image before change %d", i), c.Before, last)
		last = &c.After
	}
	return got
}

// brief is a line for each change.
func brief(changes []run.RunChange) string {
	var b []byte
	for _, c := range changes {
		line, _ := json.Marshal([]any{c.After.Status, c.After.Epoch, c.After.Seq, c.After.DispatchSeq, c.After.UpdatedAt}) // nothing in it can fail
		b = append(append(b, line...), '\n')
	}
	return string(b)
}
