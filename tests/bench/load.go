package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"tenantatlas/cmd/localstack/stackfile"
)

// The load that the product must bear without a fault.
const (
	identicalStarts  = 10_000
	identicalClients = 100
	loadTenants      = 50
	loadPerTenant    = 20
	loadClients      = 16
)

// loadResult is what became of the load.
type loadResult struct {
	Identical identicalResult
	Spread    spreadResult
}

// identicalResult is of many identical starts at once.
type identicalResult struct {
	Starts, Clients, Runs int
	Took                  time.Duration
	P95                   time.Duration
}

// spreadResult is of many starts for different targets over many tenants.
type spreadResult struct {
	Tenants, Runs, Succeeded int
	Took                     time.Duration
	Starting                 time.Duration
	// Fairness is Jain's index over the mean waits of the tenants: 1 when all wait
	// alike, 1/n when one tenant bears all of it.
	Fairness                        float64
	LeastWait, MedianWait, MostWait time.Duration // of the tenants' means
}

// load puts the load on the running stack.
func load(ctx context.Context, stack *stackfile.Stack, progress io.Writer) (r loadResult, err error) {
	b, err := newBench(ctx, stack, identicalClients)
	if err != nil {
		return r, err
	}
	if r.Identical, err = b.identical(ctx, progress); err != nil {
		return r, fmt.Errorf("identical starts: %w", err)
	}
	if r.Spread, err = b.spread(ctx, progress); err != nil {
		return r, fmt.Errorf("starts over many tenants: %w", err)
	}
	return r, nil
}

// identical asks for the same capture again and again while it is held up; each
// must be answered with the one run.
func (b *bench) identical(ctx context.Context, progress io.Writer) (r identicalResult, err error) {
	fmt.Fprintf(progress, "  %d identical starts, %d at a time …\n", identicalStarts, identicalClients)
	tenant, remove, err := b.tenant(ctx, 1)
	if remove != nil {
		defer func() { err = errors.Join(err, remove()) }()
	}
	if err != nil {
		return r, err
	}
	// Graph asks the run to wait, so that it is active all the time.
	fault := map[string]any{"tenant": tenant.simulated[len(b.stack.Graph.AdminURL+"/v1/tenants/"):], "kind": "read", "status": 429, "retryAfter": "1800"}
	if _, err := b.simulator.ask(ctx, http.MethodPost, b.stack.Graph.AdminURL+"/v1/faults", fault, nil); err != nil {
		return r, err
	}
	runs := map[string]int{}
	var mu sync.Mutex
	took, elapsed, err := timed(identicalClients, identicalStarts, func(int) error {
		var view runView
		if _, err := b.user.ask(ctx, http.MethodPost, tenant.base+"/policies/"+tenant.policies[0]+"/snapshots", nil, &view); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		runs[view.ID]++
		return nil
	})
	if err != nil {
		return r, err
	}
	if len(runs) != 1 {
		return r, fmt.Errorf("%d runs were made: %v", len(runs), runs)
	}
	for id := range runs {
		var view runView
		if _, err := b.user.ask(ctx, http.MethodPost, tenant.base+"/runs/"+id+"/cancel", nil, &view); err != nil {
			return r, err
		}
		if err := b.idle(ctx); err != nil {
			return r, err
		}
	}
	return identicalResult{identicalStarts, identicalClients, len(runs), elapsed, percentile(took, 95)}, nil
}

// spread captures every policy of many tenants at once.
func (b *bench) spread(ctx context.Context, progress io.Writer) (r spreadResult, err error) {
	fmt.Fprintf(progress, "  %d starts over %d tenants …\n", loadTenants*loadPerTenant, loadTenants)
	tenants := make([]benchTenant, loadTenants)
	var removes []func() error
	defer func() {
		for _, remove := range removes {
			err = errors.Join(err, remove())
		}
	}()
	for i := range tenants {
		t, remove, err := b.tenant(ctx, loadPerTenant)
		if remove != nil {
			removes = append(removes, remove)
		}
		if err != nil {
			return r, err
		}
		tenants[i] = t
	}
	began := time.Now()
	// One tenant after the other, so that the first has all its runs in the queue
	// before the last has one.
	_, r.Starting, err = timed(loadClients, loadTenants*loadPerTenant, func(i int) error {
		t := tenants[i/loadPerTenant]
		var view runView
		status, err := b.user.ask(ctx, http.MethodPost, t.base+"/policies/"+t.policies[i%loadPerTenant]+"/snapshots", nil, &view)
		if err == nil && (status != http.StatusAccepted || view.Reused) {
			err = fmt.Errorf("start answers %d, reused %t", status, view.Reused)
		}
		return err
	})
	if err != nil {
		return r, err
	}
	if err := b.idle(ctx); err != nil {
		return r, err
	}
	r.Took, r.Tenants = time.Since(began), loadTenants
	var means []time.Duration
	for _, t := range tenants {
		var page struct {
			Items []struct {
				Status                string
				CreatedAt, FinishedAt time.Time
			}
		}
		if _, err := b.user.ask(ctx, http.MethodGet, t.base+"/runs?pageSize=200&operation=policy.capture_snapshot", nil, &page); err != nil {
			return r, err
		}
		var sum time.Duration
		for _, run := range page.Items {
			r.Runs++
			if run.Status == "succeeded" {
				r.Succeeded++
			}
			sum += run.FinishedAt.Sub(run.CreatedAt)
		}
		if len(page.Items) > 0 {
			means = append(means, sum/time.Duration(len(page.Items)))
		}
	}
	if want := loadTenants * loadPerTenant; r.Runs != want || r.Succeeded != want {
		return r, fmt.Errorf("%d of %d runs are there, %d succeeded", r.Runs, want, r.Succeeded)
	}
	slices.Sort(means)
	r.Fairness = jain(means)
	r.LeastWait, r.MedianWait, r.MostWait = means[0], means[len(means)/2], means[len(means)-1]
	return r, nil
}

// jain is Jain's fairness index.
func jain(waits []time.Duration) float64 {
	var sum, squares float64
	for _, w := range waits {
		sum += w.Seconds()
		squares += w.Seconds() * w.Seconds()
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(waits)) * squares)
}
