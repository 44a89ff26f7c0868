package runtest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// tenAMinute is the rate of most of these tests: a token every 6 s, 10 at once.
var tenAMinute = run.Rate{Interval: 6 * time.Second, Burst: 10}

func (w *world) rate() run.RateKey { return run.RateKey{TenantID: w.tenant, Service: "intune"} }

func (w *world) lease(want, reserve int, after time.Duration) run.RateLease {
	w.t.Helper()
	return w.leaseOf(run.RateRequest{RateKey: w.rate(), Rate: tenAMinute, Want: want, Reserve: reserve, Now: w.now.Add(after)})
}

func (w *world) leaseOf(r run.RateRequest) run.RateLease {
	w.t.Helper()
	l, err := w.s.LeaseTokens(w.ctx(), r)
	w.must(err)
	if l.Tokens < 0 || l.Tokens > r.Want {
		w.t.Fatalf("%d tokens for %d wanted", l.Tokens, r.Want)
	}
	return l
}

func (w *world) wantLease(what string, got run.RateLease, tokens int, next time.Duration, blocked bool) {
	w.t.Helper()
	if d := got.Next.Sub(w.now.Add(next)).Abs(); got.Tokens != tokens || got.Blocked != blocked || d > time.Microsecond {
		w.t.Errorf("%s: %+v, want %d tokens, blocked %t, next after %s (it is after %s)", what, got, tokens, blocked, next, got.Next.Sub(w.now))
	}
}

// Rates checks the contract of run.Rates.
func Rates(t *testing.T, open Open) {
	t.Run("a full bucket gives its burst and then one token each interval", func(t *testing.T) {
		w := newWorld(t, open)
		w.wantLease("first", w.lease(4, 0, 0), 4, -30*time.Second, false)
		w.wantLease("second", w.lease(4, 0, 0), 4, -6*time.Second, false)
		w.wantLease("the rest, fewer than wanted", w.lease(4, 0, 0), 2, 6*time.Second, false)
		w.wantLease("empty", w.lease(4, 0, 5*time.Second), 0, 6*time.Second, false)
		w.wantLease("one has come", w.lease(4, 0, 6*time.Second), 1, 12*time.Second, false)
		w.wantLease("three have come", w.lease(4, 0, 25*time.Second), 3, 30*time.Second, false)
		w.wantLease("full again, and not more than that", w.lease(25, 0, time.Hour), 10, time.Hour+6*time.Second, false)
	})
	t.Run("what was seen before changes nothing but the cost", func(t *testing.T) {
		w := newWorld(t, open)
		r := run.RateRequest{RateKey: w.rate(), Rate: tenAMinute, Want: 3, Now: w.now}
		for i, tokens := range []int{3, 3, 3, 1, 0} {
			l := w.leaseOf(r)
			if l.Tokens != tokens {
				t.Errorf("lease %d has %d tokens, want %d", i, l.Tokens, tokens)
			}
			if i != 1 { // the third and later ones know something that is old, or nothing
				r.Seen = l.FullAt
			}
		}
		// Not even what was never there: the bucket is full an hour later.
		r.Now, r.Want = w.now.Add(time.Hour), 7
		r.Seen = r.Now.Add(time.Second)
		sum := 0
		for range 4 {
			sum += w.leaseOf(r).Tokens
		}
		if sum != 10 {
			t.Errorf("%d tokens of a burst of 10", sum)
		}
	})
	t.Run("scheduled runs leave the reserve to others", func(t *testing.T) {
		w := newWorld(t, open)
		w.wantLease("scheduled", w.lease(25, 6, 0), 4, 6*time.Second, false)
		w.wantLease("scheduled again", w.lease(25, 6, 0), 0, 6*time.Second, false)
		w.wantLease("interactive", w.lease(5, 0, 0), 5, 0, false)
		w.wantLease("scheduled comes when the reserve is whole again", w.lease(1, 6, 31*time.Second), 0, 36*time.Second, false)
		w.wantLease("then", w.lease(1, 6, 36*time.Second), 1, 42*time.Second, false)
	})
	t.Run("a block is seen by all and only moves forward", func(t *testing.T) {
		w := newWorld(t, open)
		other := open(t, (&faults{}).decide)
		// Microsoft says fractions of seconds; none of it may be lost.
		until := w.now.Add(2128*time.Millisecond + 1)
		w.must(w.s.BlockRate(w.ctx(), w.rate(), until))
		w.must(other.BlockRate(w.ctx(), w.rate(), until.Add(-time.Second)))
		for _, reserve := range []int{0, 5} {
			w.wantLease("blocked", w.lease(1, reserve, 0), 0, 2128*time.Millisecond, true)
		}
		l, err := other.LeaseTokens(w.ctx(), run.RateRequest{RateKey: w.rate(), Rate: tenAMinute, Want: 1, Now: until.Add(-time.Microsecond), Seen: w.now.Add(10 * time.Second)})
		w.must(err)
		w.wantLease("blocked for another worker", l, 0, 2128*time.Millisecond, true)
		if l.Next.Before(until) {
			t.Errorf("the block ends %s early", until.Sub(l.Next))
		}
		w.wantLease("over", w.lease(1, 0, 2129*time.Millisecond), 1, 2129*time.Millisecond-48*time.Second, false)
		w.must(w.s.BlockRate(w.ctx(), w.rate(), w.now.Add(time.Minute)))
		w.wantLease("blocked again", w.lease(1, 0, 59*time.Second), 0, time.Minute, true)
		if l := w.lease(25, 0, time.Minute+time.Microsecond); l.Tokens != 10 {
			t.Errorf("the bucket filled to %d while blocked, want 10", l.Tokens)
		}
	})
	t.Run("tenants and services are apart", func(t *testing.T) {
		w, stranger := newWorld(t, open), newWorld(t, open)
		w.lease(25, 0, 0)
		w.must(w.s.BlockRate(w.ctx(), w.rate(), w.now.Add(time.Hour)))
		if l := stranger.lease(25, 0, 0); l.Tokens != 10 {
			t.Errorf("another tenant gets %+v", l)
		}
		if l := w.leaseOf(run.RateRequest{RateKey: run.RateKey{TenantID: w.tenant, Service: "directory"}, Rate: tenAMinute, Want: 25, Now: w.now}); l.Tokens != 10 {
			t.Errorf("another service gets %+v", l)
		}
		if _, err := w.s.Tenant(w.ctx(), w.tenant); err != nil {
			t.Error(err)
		}
	})
	t.Run("racing leases never exceed the burst", func(t *testing.T) {
		for _, want := range []int{1, 7} {
			w := newWorld(t, open)
			rate := run.Rate{Interval: time.Minute, Burst: 40}
			tokens := make([]int, 64)
			var group sync.WaitGroup
			for i := range tokens {
				group.Go(func() {
					l, err := w.s.LeaseTokens(w.ctx(), run.RateRequest{RateKey: w.rate(), Rate: rate, Want: want, Now: w.now})
					if err != nil {
						t.Error(err)
					}
					tokens[i] = l.Tokens
				})
			}
			group.Wait()
			sum := 0
			for _, n := range tokens {
				sum += n
			}
			// Who wants one token can lose a race only to an empty bucket.
			if sum > 40 || want == 1 && sum != 40 {
				t.Errorf("64 leases of %d got %d tokens of 40", want, sum)
			}
		}
	})
	t.Run("clocks that differ give no token too many", func(t *testing.T) {
		w := newWorld(t, open)
		seed := uint64(w.now.UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 1))
		// The clock that is ahead decides; the others are up to 20 s behind it.
		ahead, sum := time.Duration(0), 0
		var seen time.Time
		for range 60 {
			ahead += time.Duration(random.Int64N(int64(3 * time.Second)))
			l := w.leaseOf(run.RateRequest{
				RateKey: w.rate(), Rate: tenAMinute, Want: 1 + random.IntN(4), Reserve: random.IntN(3), Seen: seen,
				Now: w.now.Add(ahead - time.Duration(random.Int64N(int64(20*time.Second)))),
			})
			if sum += l.Tokens; random.IntN(2) == 0 {
				seen = l.FullAt
			}
			// 20 s is how far the first clock may have been behind the start.
			if limit := 10 + int((ahead+20*time.Second)/tenAMinute.Interval) + 1; sum > limit {
				t.Fatalf("%d tokens after %s, at most %d are due", sum, ahead, limit)
			}
		}
		if sum < 10 {
			t.Errorf("only %d tokens were given at all", sum)
		}
	})
	t.Run("a request that no budget can answer is an error", func(t *testing.T) {
		w := newWorld(t, open)
		good := run.RateRequest{RateKey: w.rate(), Rate: tenAMinute, Want: 1, Now: w.now}
		for name, change := range map[string]func(*run.RateRequest){
			"no interval":   func(r *run.RateRequest) { r.Rate.Interval = 0 },
			"no burst":      func(r *run.RateRequest) { r.Rate.Burst = 0 },
			"fills slowly":  func(r *run.RateRequest) { r.Rate = run.Rate{Interval: time.Hour, Burst: 25} },
			"wants nothing": func(r *run.RateRequest) { r.Want = 0 },
			"reserves all":  func(r *run.RateRequest) { r.Reserve = 10 },
			"no time":       func(r *run.RateRequest) { r.Now = time.Time{} },
		} {
			r := good
			change(&r)
			if l, err := w.s.LeaseTokens(w.ctx(), r); err == nil || l.Tokens != 0 {
				t.Errorf("%s: %+v, %v", name, l, err)
			}
		}
	})
}

// A lease whose answer is lost may cost tokens, and never gives too many.
var rateFaultCases = []faultCase{
	{"LeaseTokens", func(w *world) func() {
		w.lease(2, 0, 0)
		return func() {
			got := w.lease(2, 0, 0)
			same(w.t, "tokens", got.Tokens, 2)
			rest := w.lease(25, 0, 0)
			// At most two sendings were done without an answer, of two tokens each.
			if rest.Tokens > 6 || rest.Tokens < 2 {
				w.t.Errorf("%d tokens are left of 10", rest.Tokens)
			}
		}
	}},
	{"BlockRate", func(w *world) func() {
		return func() {
			w.must(w.s.BlockRate(w.ctx(), w.rate(), w.now.Add(time.Minute)))
			w.wantLease("blocked", w.lease(1, 0, 0), 0, time.Minute, true)
		}
	}},
}
