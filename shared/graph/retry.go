package graph

import (
	"context"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"tenantatlas/shared/reason"
)

// Clock tells the time and waits. Tests hand in one that does not really wait.
type Clock interface {
	Now() time.Time
	// Sleep waits for d, or until ctx ends, whose error it then returns.
	Sleep(ctx context.Context, d time.Duration) error
}

// Lane is a service area of Graph that is throttled apart from the others.
// learn.microsoft.com/graph/throttling-limits
type Lane string

// The lanes.
const (
	LaneIntune            Lane = "intune"
	LaneConditionalAccess Lane = "conditional_access" // 1 request a second for all apps of a tenant
	LaneDirectory         Lane = "directory"
	LaneEntra             Lane = "entra" // tokens
)

// LaneOf returns the lane of a path.
func LaneOf(path string) Lane {
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(path, "/")), "/")
	switch {
	case strings.HasPrefix(first, "devicemanagement"), strings.HasPrefix(first, "deviceappmanagement"):
		return LaneIntune
	case strings.HasPrefix(first, "identity"):
		return LaneConditionalAccess
	}
	return LaneDirectory
}

// Limiter shares what a tenant may be sent. It is safe for concurrent use.
type Limiter interface {
	// Take is called before anything is sent to a lane; n is the number of
	// requests (parts of a batch are throttled each alone), write whether they
	// may change something. It may wait a little. An error ends the call; it is
	// returned as it is, inside an *IncompleteListError for a list.
	Take(ctx context.Context, lane Lane, write bool, n int) error
	// Throttled is called when Microsoft limited a request, whether it will be
	// sent again or not: nothing should be sent to the lane before until.
	Throttled(ctx context.Context, lane Lane, write bool, until time.Time)
}

// Retry says how failed attempts are repeated. Zero fields mean the defaults.
type Retry struct {
	// MaxAttempts is the most attempts for one request, 4 by default.
	MaxAttempts int
	// ShortWait is the longest pause that is waited in place, 5 s by default.
	// Longer ones are handed back as *ThrottledError: a function is paid for
	// while it sleeps, a queue is not.
	ShortWait time.Duration
	// Base and Cap bound the backoff where Microsoft does not say how long:
	// full jitter over min(Cap, Base·2ⁿ). 1 s and 60 s by default.
	Base, Cap time.Duration
	// Jitter returns a duration in [0, n). Default math/rand.
	Jitter func(n time.Duration) time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.MaxAttempts <= 0 {
		r.MaxAttempts = 4
	}
	if r.ShortWait <= 0 {
		r.ShortWait = 5 * time.Second
	}
	if r.Base <= 0 {
		r.Base = time.Second
	}
	if r.Cap <= 0 {
		r.Cap = time.Minute
	}
	if r.Jitter == nil {
		r.Jitter = func(n time.Duration) time.Duration { return rand.N(n) }
	}
	return r
}

// backoff returns the pause after the n-th failed attempt (from 1).
func (r Retry) backoff(n int) time.Duration {
	limit := r.Cap
	if n < 30 {
		limit = min(r.Cap, r.Base<<(n-1))
	}
	if limit <= 0 {
		limit = r.Cap
	}
	return r.Jitter(limit)
}

// maxRetryAfter bounds what is believed of a Retry-After.
const maxRetryAfter = 24 * time.Hour

var retrySeconds = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,9})?)(?: ?s| seconds?)?$`)

// parseRetryAfter reads whole and fractional seconds ("2.128" is the example of
// learn.microsoft.com/graph/throttling), and HTTP dates. A date in the past is
// no wait. It returns false for anything else.
func parseRetryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if m := retrySeconds.FindStringSubmatch(s); m != nil {
		d, err := time.ParseDuration(m[1] + "s")
		return min(d, maxRetryAfter), err == nil
	}
	if len(s) > 64 {
		return 0, false
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter), true
	}
	return 0, false
}

// failed is one attempt that failed, to be judged.
type failed struct {
	err   *Error
	lane  Lane
	write bool
	tries int           // attempts so far, this one included
	wait  time.Duration // what Microsoft asked for
	given bool          // whether it did
}

// retrier keeps the account of one request: how often it was tried, and whether
// the one new token was used up.
type retrier struct {
	c        *core
	lane     Lane
	write    bool
	attempts int
	renewed  bool
}

// again decides what follows a failed attempt. It returns nil after it waited
// and the request is to be sent again, or the error to hand back. wait is what
// Microsoft asked for, given whether it did.
func (r *retrier) again(ctx context.Context, e *Error, wait time.Duration, given bool) error {
	if e.Action == reason.ActionNewToken && !r.renewed {
		r.renewed = true
		return nil
	}
	f := failed{err: e, lane: r.lane, write: r.write, tries: r.attempts, wait: wait, given: given}
	wait, err := r.c.judge(ctx, f)
	if e.Action == reason.ActionWait {
		r.c.throttled(ctx, f.lane, f.write, wait)
	}
	if err != nil {
		return err
	}
	if r.c.clock.Sleep(ctx, wait) != nil {
		return contextError(ctx, e.Failure.ClientRequestID, r.c.clock.Now())
	}
	return nil
}

// share is what the limiter counts together.
type share struct {
	lane  Lane
	write bool
}

// throttled tells the limiter that Microsoft asked for a pause from now on.
func (c *core) throttled(ctx context.Context, lane Lane, write bool, wait time.Duration) {
	if c.limiter != nil {
		c.limiter.Throttled(ctx, lane, write, c.clock.Now().Add(wait))
	}
}

// judge returns how long to wait before a request is sent again, or the error
// to hand back. The pause of a limit is returned in both cases.
func (c *core) judge(ctx context.Context, f failed) (time.Duration, error) {
	switch f.err.Action {
	case reason.ActionWait:
		if !f.given {
			// Requests count while throttled, so never at once.
			f.wait = c.retry.Base + c.retry.backoff(f.tries)
		}
		if !c.again(ctx, f) {
			f.err.Failure.Params = reason.Params{}.Set(reason.FieldLane, string(f.lane)).Time(reason.FieldUntil, c.clock.Now().Add(f.wait))
			return f.wait, &ThrottledError{Err: f.err, Lane: f.lane, RetryAfter: f.wait, Given: f.given}
		}
		return f.wait, nil
	case reason.ActionRetry:
		asked := f.wait
		if !f.given {
			asked, f.wait = 0, min(c.retry.backoff(f.tries), c.retry.ShortWait)
		}
		if !c.again(ctx, f) {
			return 0, &UnavailableError{Err: f.err, Attempts: f.tries, RetryAfter: asked}
		}
		return f.wait, nil
	case reason.ActionLookFirst: // a write whose fate is not known is never repeated here
		return 0, &UnavailableError{Err: f.err, Attempts: f.tries, RetryAfter: f.wait}
	}
	return 0, f.err
}

// again reports whether a request may be sent again after its pause, and then
// takes that from the caller's budget of retries.
func (c *core) again(ctx context.Context, f failed) bool {
	return f.tries < c.retry.MaxAttempts && f.wait <= c.retry.ShortWait && c.fits(ctx, f.wait) && budgetOf(ctx).retry()
}

// fits reports whether a pause ends before the caller's time does.
func (c *core) fits(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || c.clock.Now().Add(d).Before(deadline)
}

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
