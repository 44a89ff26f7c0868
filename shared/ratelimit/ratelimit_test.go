package ratelimit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

// bed is shared storage in fake time, and what was sent to each lane when.
type bed struct {
	t     *testing.T
	store *memstore.Store

	mu     sync.Mutex
	calls  map[string]int
	broken error
	sent   []time.Time
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, store: memstore.New(), calls: map[string]int{}}
	b.store.Hook = func(method string, done bool) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !done {
			b.calls[method]++
			return b.broken
		}
		return nil
	}
	return b
}

func (b *bed) limiter(tenant string) *Limiter { return New(b.store, tenant, Options{}) }

func (b *bed) leases() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls["LeaseTokens"]
}

// send takes a token as a request would, coming back when it is told to wait.
func (b *bed) send(ctx context.Context, l *Limiter, lane graph.Lane, write bool) {
	for {
		err := l.Take(ctx, lane, write, 1)
		var wait *WaitError
		switch {
		case errors.As(err, &wait):
			time.Sleep(wait.After)
			continue
		case err != nil:
			b.t.Error(err)
		}
		b.mu.Lock()
		b.sent = append(b.sent, time.Now())
		b.mu.Unlock()
		return
	}
}

// most is the largest number of requests in any window.
func (b *bed) most(window time.Duration) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortFunc(b.sent, time.Time.Compare)
	most, from := 0, 0
	for i, at := range b.sent {
		for at.Sub(b.sent[from]) >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// flood sends n requests from each limiter as fast as it may, eight at a time.
func (b *bed) flood(ctx context.Context, n int, lane graph.Lane, write bool, limiters ...*Limiter) {
	var group sync.WaitGroup
	for _, l := range limiters {
		for range 8 {
			group.Go(func() {
				for range n / 8 {
					b.send(ctx, l, lane, write)
				}
			})
		}
	}
	group.Wait()
}

// However many workers there are and however long they go on, no window holds
// more than our part of what Microsoft publishes, and most of that is used.
func TestWorkersOfATenantShareMicrosoftsLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		lane   graph.Lane
		write  bool
		each   int
		window time.Duration
		limit  int
	}{
		"Intune":             {graph.LaneIntune, false, 1600, 20 * time.Second, 980},
		"writes to Intune":   {graph.LaneIntune, true, 160, 20 * time.Second, 98},
		"directory":          {graph.LaneDirectory, false, 1600, 10 * time.Second, 560},
		"conditional access": {graph.LaneConditionalAccess, false, 16, time.Second, 1},
		"tokens":             {graph.LaneEntra, false, 160, time.Minute, 160},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t)
				began := time.Now()
				b.flood(t.Context(), tt.each, tt.lane, tt.write, b.limiter("a"), b.limiter("a"), b.limiter("a"))
				took := time.Since(began)
				most := b.most(tt.window)
				t.Logf("%d requests in %s, at most %d in %s", 3*tt.each, took, most, tt.window)
				if most > tt.limit {
					t.Errorf("%d requests in a window of %s, at most %d are allowed", most, tt.window, tt.limit)
				}
				if slowest := 2 * time.Duration(3*tt.each) * tt.window / time.Duration(tt.limit); took > slowest {
					t.Errorf("took %s, want less than %s", took, slowest)
				}
			})
		})
	}
}

func TestAnotherTenantIsNotAffected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		a, other := b.limiter("a"), b.limiter("b")
		b.flood(t.Context(), 160, graph.LaneIntune, true, a)
		a.Throttled(t.Context(), graph.LaneIntune, false, time.Now().Add(time.Hour))
		began := time.Now()
		for range 4 {
			if err := other.Take(t.Context(), graph.LaneIntune, true, 1); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s for another tenant", waited)
		}
	})
}

// wantWait fails unless err says to wait exactly that long.
func wantWait(t *testing.T, err error, throttled bool, after time.Duration) {
	t.Helper()
	var wait *WaitError
	if !errors.As(err, &wait) {
		t.Fatalf("error is %v", err)
	}
	// Blocks are stored in whole microseconds, rounded up.
	if late := wait.After - after; wait.Throttled != throttled || late < 0 || late > time.Microsecond || !wait.Until.Equal(time.Now().Add(wait.After)) {
		t.Errorf("%+v, want throttled %t for %s", wait, throttled, after)
	}
}

// A limit that one worker meets stops it at once and the others when their
// leases end, for exactly as long as Microsoft said.
func TestLimitOfOneStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		one, other := b.limiter("a"), b.limiter("a")
		take := func(l *Limiter) error { return l.Take(t.Context(), graph.LaneIntune, false, 1) }
		for _, l := range []*Limiter{one, other} {
			if err := take(l); err != nil {
				t.Fatal(err)
			}
		}
		pause := 315*time.Second + 128*time.Millisecond
		until := time.Now().Add(pause)
		one.Throttled(t.Context(), graph.LaneIntune, false, until)
		one.Throttled(t.Context(), graph.LaneIntune, false, until.Add(-time.Minute)) // changes nothing
		wantWait(t, take(one), true, pause)
		wantWait(t, one.Take(t.Context(), graph.LaneIntune, true, 1), true, pause) // a write is a request too
		if err := one.Take(t.Context(), graph.LaneDirectory, false, 1); err != nil {
			t.Errorf("another lane: %v", err)
		}
		time.Sleep(leaseLife)
		wantWait(t, take(other), true, pause-leaseLife)
		wantWait(t, take(b.limiter("a")), true, pause-leaseLife)

		// A pause that is short is waited in place, to its end.
		time.Sleep(time.Until(until) - 3*time.Second)
		for _, l := range []*Limiter{one, other} {
			if err := take(l); err != nil {
				t.Error(err)
			}
		}
		if late := time.Since(until); late < 0 || late > time.Millisecond {
			t.Errorf("sent %s after the end of the pause", late)
		}
	})
}

// A pause that is told while a token of another budget is waited for holds too.
func TestPauseToldWhileAnotherTokenIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		l := b.limiter("a")
		until := time.Now().Add(time.Minute)
		told := false
		b.store.Hook = func(method string, _ bool) error {
			b.mu.Lock()
			b.calls[method]++
			// The second lease of a write is that of all requests.
			now := method == "LeaseTokens" && b.calls[method] == 3
			b.mu.Unlock()
			if now {
				told = true
				go l.Throttled(t.Context(), graph.LaneIntune, true, until)
				time.Sleep(time.Second)
			}
			return nil
		}
		wantWait(t, l.Take(t.Context(), graph.LaneIntune, true, 1), true, time.Minute-time.Second)
		if !told {
			t.Fatal("no pause was told in between")
		}
	})
}

// Microsoft limits writes apart: reads go on when writes are limited.
func TestLimitedWritesLeaveReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBed(t).limiter("a")
		l.Throttled(t.Context(), graph.LaneIntune, true, time.Now().Add(time.Minute))
		wantWait(t, l.Take(t.Context(), graph.LaneIntune, true, 1), true, time.Minute)
		if err := l.Take(t.Context(), graph.LaneIntune, false, 1); err != nil {
			t.Error(err)
		}
	})
}

// Who waits in front of the console is served before what runs by a schedule.
func TestScheduledRunsLeaveTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		scheduled, interactive := b.limiter("a"), b.limiter("a")
		for n := 0; ; n++ {
			began := time.Now()
			if err := scheduled.Take(Scheduled(t.Context()), graph.LaneIntune, true, 1); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) > 0 {
				if n != 2 {
					t.Errorf("%d scheduled writes at once, want half of the burst of 4", n)
				}
				break
			}
		}
		began := time.Now()
		for range 2 {
			if err := interactive.Take(t.Context(), graph.LaneIntune, true, 1); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("interactive writes waited %s", waited)
		}
	})
}

// What budgets cost: a write unit for a small run, a tenth for each request of a
// large one.
func TestWritesForRequests(t *testing.T) {
	for _, tt := range []struct{ requests, leases int }{{1, 1}, {3, 1}, {500, 50}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t)
			l := b.limiter("a")
			for range tt.requests {
				b.send(t.Context(), l, graph.LaneIntune, false)
				time.Sleep(100 * time.Millisecond) // a request to Graph takes its time
			}
			t.Logf("%d requests: %d leases", tt.requests, b.leases())
			if b.leases() > tt.leases {
				t.Errorf("%d requests took %d leases, at most %d are paid for", tt.requests, b.leases(), tt.leases)
			}
		})
	}
}

// A worker that comes and goes does not keep large leases that nobody uses.
func TestUnusedLeasesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		l := b.limiter("a")
		for range 200 {
			b.send(t.Context(), l, graph.LaneIntune, false)
		}
		time.Sleep(time.Minute)
		before := b.leases()
		for range firstLease + 1 {
			b.send(t.Context(), l, graph.LaneIntune, false)
		}
		if got := b.leases() - before; got != 2 {
			t.Errorf("%d leases for %d requests after a pause, want 2: old tokens are void and the first lease is small again", got, firstLease+1)
		}
	})
}

// A batch may hold more requests than the bucket: it waits, and is not refused
// for ever.
func TestBatchLargerThanTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBed(t).limiter("a")
		began := time.Now()
		if err := l.Take(t.Context(), graph.LaneConditionalAccess, false, 20); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 19*time.Second || took > 25*time.Second {
			t.Errorf("20 requests to conditional access took %s", took)
		}
	})
}

// Runs never stop because the budget cannot be read; they only go slower, and
// the log says so once.
func TestWithoutStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		var logs bytes.Buffer
		l := New(b.store, "a", Options{Log: slog.New(slog.NewTextHandler(&logs, nil))})
		b.broken = errors.New("table is gone")
		began := time.Now()
		b.flood(t.Context(), 800, graph.LaneIntune, false, l)
		l.Throttled(t.Context(), graph.LaneIntune, false, time.Now().Add(time.Minute))
		wantWait(t, l.Take(t.Context(), graph.LaneIntune, false, 1), true, time.Minute)
		if most := b.most(20 * time.Second); most > 980/localShare {
			t.Errorf("%d requests in 20 s without storage", most)
		}
		if asked, most := b.leases(), int(time.Since(began)/storagePause)+1; asked > most {
			t.Errorf("broken storage was asked %d times, want at most %d", asked, most)
		}
		if n := strings.Count(logs.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, logs.String())
		}
		b.mu.Lock()
		b.broken = nil
		b.mu.Unlock()
		time.Sleep(2 * time.Minute)
		b.send(t.Context(), l, graph.LaneIntune, false)
		if !strings.Contains(logs.String(), "can be read again") {
			t.Errorf("logs:\n%s", logs.String())
		}
	})
}

// Storage that hangs costs a request two seconds, once.
func TestStorageThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(hangs{}, "a", Options{})
		began := time.Now()
		for range 5 {
			if err := l.Take(t.Context(), graph.LaneIntune, false, 1); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != storageTimeout {
			t.Errorf("took %s", took)
		}
	})
}

type hangs struct{}

func (hangs) LeaseTokens(ctx context.Context, _ run.RateRequest) (run.RateLease, error) {
	<-ctx.Done()
	return run.RateLease{}, ctx.Err()
}

func (hangs) BlockRate(ctx context.Context, _ run.RateKey, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

// A caller that is stopped, or has no time left, is not kept waiting.
func TestCallersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBed(t).limiter("a")
		take := func(ctx context.Context) error { return l.Take(ctx, graph.LaneConditionalAccess, false, 1) }
		if err := take(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wait *WaitError
		if err := take(short); !errors.As(err, &wait) || wait.Throttled || time.Since(began) != 0 {
			t.Errorf("%v after %s, want to be told at once that the time is too short", err, time.Since(began))
		}
		stopped, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if err := take(stopped); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := take(t.Context()); err != nil || time.Since(began) != 1250*time.Millisecond {
			t.Errorf("%v after %s: a caller that left took a token with it", err, time.Since(began))
		}
	})
}

// What a call took before it was refused or stopped is there for the next one.
func TestNothingIsLostToRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		l := b.limiter("a")
		l.Throttled(t.Context(), graph.LaneIntune, false, time.Now().Add(time.Minute))
		for range 10 {
			wantWait(t, l.Take(t.Context(), graph.LaneIntune, true, 1), true, time.Minute)
		}
		if b.leases() != 1 {
			t.Errorf("%d leases for writes that were refused", b.leases())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := newBed(t).limiter("a")
		stopped, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if err := l.Take(stopped, graph.LaneIntune, true, 32); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		began := time.Now()
		if err := l.Take(t.Context(), graph.LaneIntune, true, 4); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// recorder notes what is asked of storage.
type recorder struct {
	run.Rates
	asked []run.RateRequest
}

func (r *recorder) LeaseTokens(ctx context.Context, q run.RateRequest) (run.RateLease, error) {
	r.asked = append(r.asked, q)
	return r.Rates.LeaseTokens(ctx, q)
}

// A lease of a bucket that is filling is one write only for who tells what it
// saw last.
func TestLeasesTellWhatWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{Rates: memstore.New()}
		l := New(r, "a", Options{})
		for range firstLease + 1 {
			if err := l.Take(t.Context(), graph.LaneIntune, false, 1); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.asked) != 2 || !r.asked[0].Seen.IsZero() || !r.asked[1].Seen.After(time.Now()) {
			t.Errorf("asked %+v", r.asked)
		}
	})
}

// Every lane has a budget, and every budget is one that storage accepts.
func TestQuotas(t *testing.T) {
	for lane, all := range quotas {
		for _, q := range all {
			r := run.RateRequest{RateKey: run.RateKey{TenantID: "t", Service: q.service}, Rate: q.rate(), Want: q.lease, Reserve: q.reserve(), Now: time.Now()}
			if err := r.Validate(); err != nil {
				t.Errorf("%s: %s: %v", lane, q.service, err)
			}
			if q.lease > q.rate().Burst {
				t.Errorf("%s: lease of %d from a bucket of %d", q.service, q.lease, q.rate().Burst)
			}
			// All tokens of a window, and those that were leased before and kept, fit
			// into the part of the limit that is ours.
			window := q.window
			if q.lease > 1 {
				window += leaseLife
			}
			if most := float64(q.rate().Burst) + float64(window)/float64(q.rate().Interval); q.limit > 1 && most > q.margin*float64(q.limit)+0.01 {
				t.Errorf("%s: %.1f requests in a window of %d", q.service, most, q.limit)
			}
		}
	}
	for _, lane := range []graph.Lane{graph.LaneIntune, graph.LaneConditionalAccess, graph.LaneDirectory, graph.LaneEntra} {
		if len(quotas[lane]) == 0 {
			t.Errorf("lane %s has no quota", lane)
		}
	}
}

// Whoever has stopped before its turn comes takes no token with it.
func TestStoppedCallersTakeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		l := b.limiter("a")
		take := func(ctx context.Context) error { return l.Take(ctx, graph.LaneIntune, false, 1) }
		if err := take(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		for range 50 {
			if err := take(stopped); !errors.Is(err, context.Canceled) {
				t.Fatalf("%v, want that the caller has stopped", err)
			}
		}
		for range firstLease - 1 {
			if err := take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if b.leases() != 1 {
			t.Errorf("%d leases, want that those of the first were kept", b.leases())
		}
	})
}

// Runs that wait for a budget come back after it is there, each at its own time.
func TestWaitsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(memstore.New(), "a", Options{ShortWait: time.Nanosecond, Jitter: func(d time.Duration) time.Duration {
			if d != spread {
				t.Errorf("jitter within %s", d)
			}
			return 700 * time.Millisecond
		}})
		if err := l.Take(t.Context(), graph.LaneConditionalAccess, false, 1); err != nil {
			t.Fatal(err)
		}
		wantWait(t, l.Take(t.Context(), graph.LaneConditionalAccess, false, 1), false, 1250*time.Millisecond+700*time.Millisecond)
	})
}
