package run

import (
	"context"
	"errors"
	"time"
)

// RateKey names one budget of requests: what one tenant may send to one service.
type RateKey struct {
	TenantID string
	Service  string // a word without "#", at most 200 bytes
}

// Rate is how a budget fills: one token each Interval, up to Burst. In any
// window of length w at most Burst + w/Interval tokens are given out.
type Rate struct {
	Interval time.Duration // counted in whole microseconds, rounded up
	Burst    int
}

// RateRequest asks for tokens of a budget. All callers of one key must name the
// same Rate; where they do not, the budget is theirs mixed and nothing breaks.
type RateRequest struct {
	RateKey
	Rate Rate
	Want int // at most this many; at least 1
	// Reserve is the part of Burst that this caller leaves to others: 0 for runs
	// that a person waits for, more for scheduled ones. Less than Rate.Burst.
	Reserve int
	Now     time.Time
	// Seen is FullAt of an earlier answer, or zero. It saves a write: the store
	// then knows how to ask. It can only be too early, never too late.
	Seen time.Time
}

// RateLease is what a caller got.
type RateLease struct {
	Tokens int // 0 to Want
	// Next is when this caller could get one more token, if nobody else takes it;
	// it is not after the request's Now when there is one already.
	Next time.Time
	// Blocked says that there are no tokens before Next because of BlockRate, not
	// because they are used up.
	Blocked bool
	FullAt  time.Time // when the bucket is full again, if nobody takes more
}

// Rates shares budgets of requests between all workers.
type Rates interface {
	// LeaseTokens takes up to Want tokens, as many as there are. No token is not
	// an error: Next says until when.
	//
	// Unlike the other contracts, a lost answer is not resolved: the tokens may
	// then be taken twice, or taken by a call that returns an error. Tokens can
	// be lost that way for as long as they take to come back; never are more
	// given out than the Rate allows. The same holds for callers whose clocks
	// differ: the budget goes by the clock that is ahead.
	LeaseTokens(ctx context.Context, r RateRequest) (RateLease, error)
	// BlockRate stops all leases of the budget until the given time. A block only
	// ever moves forward: an earlier time than that of the present block changes
	// nothing, and no tokens are given back.
	BlockRate(ctx context.Context, k RateKey, until time.Time) error
}

// RateState is what is stored of a budget: a virtual schedule (the generic cell
// rate algorithm, ITU-T I.371), so that one time stands for the whole bucket.
type RateState struct {
	FullAt       time.Time // each token taken moves it one Interval on; zero: full
	BlockedUntil time.Time
}

// maxFill bounds how long an empty bucket takes to fill, because stored budgets
// expire.
const maxFill = 24 * time.Hour

// Validate reports a request that no budget can answer: a fault of the program.
func (r RateRequest) Validate() error {
	switch {
	case r.Rate.Interval <= 0 || r.Rate.Burst < 1 || r.Rate.Interval > maxFill/time.Duration(r.Rate.Burst):
		return errors.New("rate needs an interval and a burst, and must fill within a day")
	case r.Want < 1 || r.Reserve < 0 || r.Reserve >= r.Rate.Burst:
		return errors.New("rate request wants no token, or reserves the whole burst")
	case r.Now.IsZero():
		return errors.New("rate request has no time")
	}
	return nil
}

// Lease is the one place that decides: it returns the answer to the request and
// the state that follows it. Adapters only make it atomic.
func (r RateRequest) Lease(s RateState) (RateState, RateLease) {
	if s.BlockedUntil.After(r.Now) {
		return s, RateLease{Next: s.BlockedUntil, Blocked: true, FullAt: s.FullAt}
	}
	from := s.FullAt
	if !r.Filling(s) {
		from = r.now()
	}
	each := r.Rate.each()
	tokens := max(0, min(r.Want, int(r.Latest(0).Sub(from)/each)))
	s.FullAt = from.Add(time.Duration(tokens) * each)
	return s, RateLease{Tokens: tokens, Next: r.now().Add(s.FullAt.Sub(r.Latest(1))), FullAt: s.FullAt}
}

// Latest is the latest FullAt of a bucket from which this caller may take that
// many tokens.
func (r RateRequest) Latest(tokens int) time.Time {
	return r.now().Add(time.Duration(r.Rate.Burst-r.Reserve-tokens) * r.Rate.each())
}

// Filling reports whether the bucket is not full at the time of the request.
func (r RateRequest) Filling(s RateState) bool { return s.FullAt.After(r.now()) }

func (r RateRequest) now() time.Time { return r.Now.Truncate(time.Microsecond) }

func (r Rate) each() time.Duration {
	each := r.Interval.Truncate(time.Microsecond)
	if each < r.Interval {
		each += time.Microsecond
	}
	return each
}

// RateTime is the form in which a time of a budget is stored: microseconds since
// 1970, rounded up, so that no block ends early.
func RateTime(t time.Time) int64 {
	us := t.UnixMicro()
	if time.UnixMicro(us).Before(t) {
		us++
	}
	return us
}
