package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
)

// profile is what one seed is like. Each seed draws its own: some have no fault of
// a kind, some have many, so that faults do not hide each other.
type profile struct {
	orderly bool // time passes only when nothing is left to do, and sweeps come every minute
	timed   bool // what a dead worker, a lost message and a cancellation cost is measured: nothing else fails
	wild    bool // calls may be held up for any time, so that leases run out under living workers
	steps   int
	tenants int
	keys    int
	workers int // at the same time
	items   []int
	early   bool
	engine  engine.Limits
	life    time.Duration // of a run
	hide    time.Duration // visibility timeout of a message in the hands of a worker
	lag     time.Duration // of an index
	noFlow  bool          // the stream tells nothing
	lane    graph.Lane    // of all requests to Graph

	// Probabilities, of each call that they can hit. A crash is a worker's, a kill
	// anybody else's.
	lost, ghost, slow, kill, crash, freeze   float64
	dropSend, twice                          float64
	throttle, down, ghostGraph, refuse, ban  float64
	broken, panics, unclear, hang            float64
	replay, cancel, revoke, disable, oneKind float64
}

func draw(rng *rand.Rand) profile {
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	often := func(base float64) float64 {
		switch rng.IntN(6) {
		case 0, 1:
			return 0
		case 2, 3:
			return base
		case 4:
			return 3 * base
		}
		return min(10*base, 0.5)
	}
	p := profile{
		orderly: rng.IntN(3) == 0, steps: 150 + rng.IntN(350), tenants: 1 + rng.IntN(3), keys: 1 + rng.IntN(2), workers: 1 + rng.IntN(4),
		items: []int{pick(0, 1, 2, 5, 8, 26), pick(0, 1, 2, 3, 5, 12, 25, 26, 60)}, early: rng.IntN(2) == 0,
		engine: engine.Limits{Concurrency: 1 + rng.IntN(4), SliceItems: pick(1, 2, 3, 5, 25), Budget: time.Duration(pick(10, 60, 240)) * time.Second},
		// Odd, so that no two timers of one worker ever fire at the same instant.
		life: time.Duration(pick(90, 600, 3600, 3600, 7200, 36000))*time.Second + 7_300_001*time.Microsecond,
		hide: time.Duration(pick(20, 60, 360, 1800)) * time.Second,
		lag:  time.Duration(pick(0, 0, 5, 120)) * time.Second, noFlow: rng.IntN(8) == 0,
		lost: often(0.015), ghost: often(0.01), slow: often(0.03), kill: often(0.01), crash: often(0.01), freeze: often(0.01),
		dropSend: often(0.05), twice: often(0.1),
		throttle: often(0.05), down: often(0.02), ghostGraph: often(0.02), refuse: often(0.03), ban: often(0.003),
		broken: often(0.01), panics: often(0.01), unclear: often(0.05), hang: often(0.01),
		replay: often(0.1), cancel: often(0.05), revoke: often(0.03), disable: often(0.01), oneKind: often(0.1),
	}
	// One request a second is too little for large runs that end soon.
	if p.lane = graph.LaneIntune; p.life >= 10*time.Minute && rng.IntN(3) == 0 {
		p.lane = graph.LaneConditionalAccess
		for i := range p.items {
			p.items[i] = min(p.items[i], 8)
		}
	}
	p.wild = !p.orderly && rng.IntN(3) == 0
	if p.orderly && rng.IntN(2) == 0 {
		// Nothing but dead workers and lost messages: what each costs in time.
		p = p.calm()
		p.timed, p.crash, p.dropSend, p.cancel = true, 0.02, 0.05, 0.05
	}
	if !p.timed && rng.IntN(12) == 0 {
		p.crash = 0.4 // no worker gets far
	}
	if !p.wild && rng.IntN(2) == 0 {
		p.freeze = 0
	}
	return p
}

// calm is the profile without faults.
func (p profile) calm() profile {
	return profile{
		orderly: true, steps: p.steps, tenants: p.tenants, keys: p.keys, workers: p.workers, items: p.items, early: p.early, engine: p.engine,
		life: p.life, hide: p.hide, noFlow: p.noFlow, lane: p.lane,
	}
}

// leasesHold reports whether every living worker can keep its lease.
func (p profile) leasesHold() bool { return !p.wild && p.freeze == 0 }

// The second type has no String method.
func (p profile) String() string { type plain profile; return fmt.Sprintf("%+v", plain(p)) }
