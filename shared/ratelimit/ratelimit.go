// Package ratelimit keeps the requests to one tenant within Microsoft's limits,
// together with all other workers: it takes tokens from the shared budgets of
// run.Rates, many at a time, and hands them out to the Graph client.
//
// A budget is a courtesy: when its storage does not answer, requests go on at a
// quarter of the rate for each worker. Microsoft's own answer of 429 stays what
// decides.
package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/run"
)

// Options of a Limiter. The zero value of a field means its default.
type Options struct {
	Clock graph.Clock // the system's
	// ShortWait is the longest that Take waits in place, 5 s. The package graph
	// has the same bound for Microsoft's pauses.
	ShortWait time.Duration
	// Jitter returns a duration in [0, d); a random one.
	Jitter func(d time.Duration) time.Duration
	Log    *slog.Logger // none
}

const (
	firstLease = 4 // a run of one item takes about this many
	// storageTimeout bounds what a lease may cost in time; after a failure,
	// storage is left alone for storagePause.
	storageTimeout = 2 * time.Second
	storagePause   = 30 * time.Second
	// localShare: without storage a worker uses the n-th part of each rate.
	localShare = 4
	// spread keeps runs that wait for the same budget from coming back at once.
	spread = 2 * time.Second
)

// WaitError says that nothing may be sent for longer than is waited in place.
type WaitError struct {
	Lane  graph.Lane
	Until time.Time     // when to try again
	After time.Duration // how long that was when the error was made
	// Throttled: Microsoft asked for the pause, of whichever worker. Otherwise
	// the tenant's own budget is used up, by this run or by others.
	Throttled bool
}

func (e *WaitError) Error() string {
	what := "budget is used up"
	if e.Throttled {
		what = "lane is throttled"
	}
	return fmt.Sprintf("%s (lane %s, wait %s)", what, e.Lane, e.After)
}

type scheduledKey struct{}

// Scheduled returns a context whose requests belong to a run that nobody waits
// for: they leave a part of each burst to the others.
func Scheduled(ctx context.Context) context.Context {
	return context.WithValue(ctx, scheduledKey{}, true)
}

func isScheduled(ctx context.Context) bool { return ctx.Value(scheduledKey{}) != nil }

// Limiter is the graph.Limiter of one tenant. It is safe for concurrent use and
// keeps what it leased for leaseLife; one per tenant and process is enough for
// all runs.
type Limiter struct {
	rates     run.Rates
	tenant    string
	clock     graph.Clock
	shortWait time.Duration
	jitter    func(d time.Duration) time.Duration
	log       *slog.Logger

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
	blocked map[string]time.Time // by service, as far as this process knows
	down    time.Time            // storage is not asked before
	failing bool
}

var _ graph.Limiter = (*Limiter)(nil)

type bucketKey struct {
	service   string
	scheduled bool
}

// New returns a limiter over the budgets of a tenant.
func New(rates run.Rates, tenantID string, o Options) *Limiter {
	l := &Limiter{rates: rates, tenant: tenantID, clock: o.Clock, shortWait: o.ShortWait, jitter: o.Jitter, log: o.Log, buckets: map[bucketKey]*bucket{}, blocked: map[string]time.Time{}}
	if l.clock == nil {
		l.clock = graph.SystemClock{}
	}
	if l.shortWait <= 0 {
		l.shortWait = 5 * time.Second
	}
	if l.jitter == nil {
		l.jitter = func(d time.Duration) time.Duration { return rand.N(d) }
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// Take implements graph.Limiter. Its error is a *WaitError, or that of ctx.
func (l *Limiter) Take(ctx context.Context, lane graph.Lane, write bool, n int) error {
	if n < 1 {
		return nil
	}
	needed := applying(lane, write)
	giveBack := func(taken []quota) {
		for _, q := range taken {
			l.bucket(q, isScheduled(ctx)).giveBack(n)
		}
	}
	for {
		for i, q := range needed {
			if err := l.bucket(q, isScheduled(ctx)).take(ctx, lane, n); err != nil {
				giveBack(needed[:i])
				return err
			}
		}
		// While the last was waited for, another request may have been told of a pause
		// that one of the first is about.
		now := l.clock.Now()
		if !slices.ContainsFunc(needed, func(q quota) bool { return l.blockedUntil(q.service).After(now) }) {
			return nil
		}
		giveBack(needed)
	}
}

// Throttled implements graph.Limiter. This process stops at once, others at
// their next lease. After a write only writes stop, and after a read everything:
// Microsoft limits writes apart from the rest, and never reads alone.
func (l *Limiter) Throttled(ctx context.Context, lane graph.Lane, write bool, until time.Time) {
	service := applying(lane, write)[0].service
	now := l.clock.Now()
	l.mu.Lock()
	news := until.After(now) && until.After(l.blocked[service])
	if news {
		l.blocked[service] = until
	}
	ask := news && !now.Before(l.down)
	l.mu.Unlock()
	if !ask {
		return
	}
	limited, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := l.rates.BlockRate(limited, run.RateKey{TenantID: l.tenant, Service: service}, until); err != nil && ctx.Err() == nil {
		l.failed(ctx, err)
	}
}

func (l *Limiter) blockedUntil(service string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked[service]
}

func (l *Limiter) bucket(q quota, scheduled bool) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucketKey{q.service, scheduled}
	b, ok := l.buckets[k]
	if !ok {
		b = &bucket{quota: q, l: l, rate: q.rate(), size: min(firstLease, q.lease), turn: make(chan struct{}, 1)}
		if scheduled {
			b.reserve = q.reserve()
		}
		l.buckets[k] = b
	}
	return b
}

// failed and works note whether storage answers; each change is logged once.

func (l *Limiter) failed(ctx context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = l.clock.Now().Add(storagePause)
	if !l.failing {
		l.failing = true
		l.log.WarnContext(ctx, "shared rate cannot be read, going on with a part of it", "tenant", l.tenant, "error", err)
	}
}

func (l *Limiter) works(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing {
		l.failing = false
		l.log.InfoContext(ctx, "shared rate can be read again", "tenant", l.tenant)
	}
}

func (l *Limiter) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.Now().Before(l.down)
}

// bucket is what this process holds of one budget for one kind of run.
type bucket struct {
	quota
	l       *Limiter
	rate    run.Rate
	reserve int

	// turn, of capacity 1, lets one caller at a time wait or lease; the others
	// wait for it with their context.
	turn  chan struct{}
	size  int           // of the next lease
	next  time.Time     // no token is there before, as far as is known
	full  time.Time     // run.RateLease.FullAt of the last answer
	local run.RateState // in place of the shared budget while storage fails

	mu        sync.Mutex // guards what follows
	held      int
	heldUntil time.Time
}

// giveBack keeps tokens for the next caller, unless none may be kept.
func (b *bucket) giveBack(n int) {
	if b.quota.lease == 1 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += n
}

// use takes up to n of the held tokens and returns how many. Those that are too
// old are dropped: the budget has refilled since, so they would be used twice.
func (b *bucket) use(n int, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !now.Before(b.heldUntil) {
		b.held = 0
	}
	n = min(n, b.held)
	b.held -= n
	return n
}

// take returns when n requests may be sent.
func (b *bucket) take(ctx context.Context, lane graph.Lane, n int) error {
	patience := b.l.clock.Now().Add(b.patience(n))
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // its turn came with its end: no token for it
		return err
	}
	have := 0
	for {
		now := b.l.clock.Now()
		blocked := b.l.blockedUntil(b.service)
		until := later(blocked, b.next)
		if !blocked.After(now) {
			if have += b.use(n-have, now); have == n {
				return nil
			}
			if !b.next.After(now) {
				if err := b.refill(ctx, n-have, now); err != nil {
					b.giveBack(have)
					return err
				}
				continue
			}
		}
		deadline, bounded := ctx.Deadline()
		if until.After(patience) || bounded && !until.Before(deadline) {
			b.giveBack(have)
			e := &WaitError{Lane: lane, Until: until, Throttled: blocked.After(now)}
			if !e.Throttled {
				e.Until = until.Add(b.l.jitter(spread))
			}
			e.After = e.Until.Sub(now)
			return e
		}
		if err := b.l.clock.Sleep(ctx, until.Sub(now)); err != nil {
			b.giveBack(have)
			return err
		}
	}
}

// patience is how long n tokens are waited for in place. More of them than the
// bucket can hold at once would never come otherwise.
func (b *bucket) patience(n int) time.Duration {
	return b.l.shortWait + time.Duration(max(0, n-(b.rate.Burst-b.reserve)))*b.rate.Interval
}

// refill leases tokens, at least want if there are as many. Without any, it
// notes until when.
func (b *bucket) refill(ctx context.Context, want int, now time.Time) error {
	b.mu.Lock()
	switch {
	case b.heldUntil.IsZero():
	case now.Before(b.heldUntil): // used up in time
		b.size = min(b.size*2, b.quota.lease)
	case now.Before(b.heldUntil.Add(leaseLife)):
		b.size = max(b.size/2, min(firstLease, b.quota.lease))
	default:
		b.size = min(firstLease, b.quota.lease)
	}
	b.mu.Unlock()

	lease, err := b.lease(ctx, max(want, b.size))
	if err != nil {
		return err
	}
	b.next, b.full = lease.Next, lease.FullAt
	if lease.Blocked {
		b.next = time.Time{}
		b.l.mu.Lock()
		b.l.blocked[b.service] = later(b.l.blocked[b.service], lease.Next)
		b.l.mu.Unlock()
	}
	if lease.Tokens > 0 {
		b.mu.Lock()
		b.held += lease.Tokens
		b.heldUntil = now.Add(leaseLife)
		b.mu.Unlock()
	}
	return nil
}

// lease asks the shared budget, or the local one while storage fails. Its error
// is that of ctx.
func (b *bucket) lease(ctx context.Context, want int) (run.RateLease, error) {
	r := run.RateRequest{
		RateKey: run.RateKey{TenantID: b.l.tenant, Service: b.service}, Rate: b.rate, Want: want, Reserve: b.reserve,
		Now: b.l.clock.Now(), Seen: b.full,
	}
	if !b.l.isDown() {
		limited, cancel := context.WithTimeout(ctx, storageTimeout)
		defer cancel()
		lease, err := b.l.rates.LeaseTokens(limited, r)
		if err == nil {
			b.l.works(ctx)
			return lease, nil
		}
		if ctx.Err() != nil {
			return run.RateLease{}, ctx.Err()
		}
		b.l.failed(ctx, err)
	}
	r.Rate = run.Rate{Interval: localShare * b.rate.Interval, Burst: max(1, b.rate.Burst/localShare)}
	r.Reserve = min(b.reserve, r.Rate.Burst/2)
	var lease run.RateLease
	b.local, lease = r.Lease(b.local)
	lease.FullAt = b.full // says nothing of the shared budget
	return lease, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
