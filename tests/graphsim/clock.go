package graphsim

import (
	"context"
	"sync"
	"time"
)

// clock is the simulator's time: the base clock plus what it was advanced by.
// Tokens, quota windows and time stamps follow it; waiting goes through sleep.
type clock struct {
	base  func() time.Time
	sleep func(ctx context.Context, d time.Duration) error

	mu     sync.Mutex
	offset time.Duration
}

func newClock(base func() time.Time, sleep func(context.Context, time.Duration) error) *clock {
	if base == nil {
		base = time.Now
	}
	if sleep == nil {
		sleep = sleepReal
	}
	return &clock{base: base, sleep: sleep}
}

// now returns the simulated time in UTC.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset).UTC()
}

// advance moves the clock forward by d.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// sleepReal waits for d of real time or until ctx ends, and then returns its error.
func sleepReal(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
