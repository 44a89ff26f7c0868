package simulation

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// Every request of a simulated operation, except its sign-in, first passes the
// limiter of its worker. A token is used when the request is sent; how long it is
// under way is Microsoft's affair.
//
// What is known here of budgets comes from the calls of their storage and from the
// requests, and the limits are written down once more: nothing of the limiter says
// whether it keeps them.

// limit is one of Microsoft's limits, as published.
type limit struct {
	requests int
	window   time.Duration
}

var published = map[string]limit{
	"conditional-access": {1, time.Second},
	"intune":             {1000, 20 * time.Second},
	"intune-write":       {100, 20 * time.Second},
}

// Promises of the package ratelimit.
const (
	leaseLife  = 1500 * time.Millisecond // how long a token may be used, and a block be unknown
	localShare = 4                       // without storage, a worker has this part of each rate
)

// services are the budgets of a request. A write to Intune takes of two, and may
// wait for the second with the token of the first in its hand.
func services(lane graph.Lane, write bool) []string {
	switch {
	case lane == graph.LaneConditionalAccess:
		return []string{"conditional-access"}
	case write:
		return []string{"intune-write", "intune"}
	}
	return []string{"intune"}
}

// budget is what is known of the requests of one tenant to one service.
type budget struct {
	rate    run.Rate
	full    time.Time   // as in run.RateState, but of the requests that were sent
	sent    []time.Time // under tokens of the shared budget
	part    bool        // a worker has sent without it
	blocked time.Time
	since   time.Time // when the block was stored
}

// rates is what a worker was given, and what it was told.
type rates struct {
	tokens  map[string][]tokens
	pauses  map[string]pause
	told    map[string]time.Time // until when it asked that all pause
	local   map[string]int       // requests without shared tokens
	failed  time.Time            // when storage was asked that failed first
	asking  int                  // requests inside its limiter
	another bool                 // was told of a pause that it did not meet itself
}

// tokens were given out at one time.
type tokens struct {
	at   time.Time
	left int
}

// pause is a 429 that a worker met itself.
type pause struct{ since, until time.Time }

func (w *world) budget(k run.RateKey) *budget {
	b := w.budgets[k]
	if b == nil {
		b = &budget{}
		w.budgets[k] = b
	}
	return b
}

// clock is the clock of a process: it stops with it.
type clock struct{ a *actor }

func (clock) Now() time.Time { return time.Now() }

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-c.a.gone:
		runtime.Goexit()
	}
	return ctx.Err()
}

func (w *world) limiter(a *actor) *ratelimit.Limiter {
	a.rates = rates{tokens: map[string][]tokens{}, pauses: map[string]pause{}, told: map[string]time.Time{}, local: map[string]int{}}
	return ratelimit.New(w.ports(a), a.tenant, ratelimit.Options{
		Clock: clock{a}, Jitter: func(d time.Duration) time.Duration { return time.Duration(w.number(a.id) % uint64(d)) },
	})
}

// admit lets one request come to its worker's limiter. They come one after the
// other, because which of them is first must not be left to chance; and where each
// takes of two budgets, only when the one before has left: it would not be known
// which of them is first at the second.
func (w *world) admit() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.asking, func(a, b *call) int { return strings.Compare(a.label, b.label) })
	for i, c := range w.asking {
		if time.Now().Before(c.actor.frozen) || c.actor.rates.asking > 0 && w.p.lane == graph.LaneIntune {
			continue
		}
		w.asking = slices.Delete(w.asking, i, i+1)
		c.actor.rates.asking++
		c.answer <- reply{}
		return true
	}
	return false
}

// take waits for what the tenant may be sent.
func (o *operation) take(ctx context.Context, label string, write bool) error {
	a, w, began := o.a, o.w, time.Now()
	if a.dead.Load() {
		runtime.Goexit()
	}
	c := &call{actor: a, label: a.id + " " + label, answer: make(chan reply, 1)}
	w.mu.Lock()
	w.asking = append(w.asking, c)
	w.mu.Unlock()
	w.signal()
	if r := <-c.answer; r.exit {
		runtime.Goexit()
	}
	if o.r.Scheduled {
		ctx = ratelimit.Scheduled(ctx)
	}
	err := o.limit.Take(ctx, w.p.lane, write, 1)
	w.mu.Lock()
	a.rates.asking--
	w.mu.Unlock()
	if a.dead.Load() {
		runtime.Goexit()
	}
	if err == nil {
		err = ctx.Err() // a client sends nothing then
	}
	if err == nil {
		w.requested(a, write, began)
	}
	return err
}

// pause tells of a 429. Where Microsoft does not say how long, the client does.
func (o *operation) pause(ctx context.Context, write bool, after time.Duration) {
	if after == 0 {
		after = time.Second + time.Duration(o.w.number(o.a.id)%uint64(time.Second))
	}
	until, service := time.Now().Add(after), services(o.w.p.lane, write)[0]
	o.w.mu.Lock()
	if p := o.a.rates.pauses[service]; until.After(p.until) {
		if !p.until.After(time.Now()) {
			p.since = time.Now()
		}
		p.until = until
		o.a.rates.pauses[service] = p
	}
	o.w.mu.Unlock()
	o.limit.Throttled(ctx, o.w.p.lane, write, until)
	o.w.mu.Lock()
	known := o.w.budget(run.RateKey{TenantID: o.a.tenant, Service: service}).blocked
	secret := o.a.rates.failed.IsZero() && o.a.rates.told[service].Before(until) && known.Before(until)
	o.w.mu.Unlock()
	if secret {
		o.w.violated("21: %s keeps a pause of %s to itself", o.a.id, service)
	}
}

// limited is the pause that the limiter asks for, as the package operation has it.
func (o *operation) limited(e *ratelimit.WaitError) *engine.Wait {
	code := reason.CodeOwnLimit
	if e.Throttled {
		code = reason.GraphThrottled
		o.w.mu.Lock()
		own := false
		for _, p := range o.a.rates.pauses {
			own = own || p.until.After(time.Now())
		}
		o.a.rates.another = !own
		o.w.mu.Unlock()
	}
	return &engine.Wait{Code: string(code), After: e.After, Failure: run.Failure{Code: string(reason.GraphThrottled)}}
}

// countPause notes for which limit a run was given back.
func (w *world) countPause(a *actor, r run.Run) {
	switch {
	case r.Waiting == nil:
	case r.Waiting.Code == string(reason.CodeOwnLimit):
		w.count("release: the budget is used up")
	case r.Waiting.Code == string(reason.GraphThrottled) && a.rates.another:
		w.count("release: another worker met a limit")
	}
}

// LeaseTokens implements run.Rates.
func (p *ports) LeaseTokens(ctx context.Context, r run.RateRequest) (lease run.RateLease, err error) {
	if p.a != nil {
		p.w.mu.Lock()
		p.w.budget(r.RateKey).rate = r.Rate
		p.w.mu.Unlock()
	}
	err = p.rate(ctx, "LeaseTokens", r.RateKey, func(ctx context.Context) (err error) {
		lease, err = p.Store.LeaseTokens(ctx, r)
		if p.a != nil && err == nil {
			p.w.leased(p.a, r, lease)
		}
		return err
	})
	return onlyDone(lease, err)
}

// BlockRate implements run.Rates.
func (p *ports) BlockRate(ctx context.Context, k run.RateKey, until time.Time) error {
	if p.a != nil {
		p.w.mu.Lock()
		if until.After(p.a.rates.told[k.Service]) {
			p.a.rates.told[k.Service] = until
		}
		p.w.mu.Unlock()
	}
	return p.rate(ctx, "BlockRate", k, func(ctx context.Context) error {
		err := p.Store.BlockRate(ctx, k, until)
		if p.a != nil && err == nil {
			p.w.stopped(k, until)
		}
		return err
	})
}

func (p *ports) rate(ctx context.Context, method string, k run.RateKey, do func(context.Context) error) error {
	if p.a == nil {
		return do(ctx)
	}
	p.w.isolated(p.a, method, k.TenantID)
	asked := time.Now()
	err := p.a.serve(&call{
		label: p.a.id + " " + method + " " + k.Service, method: method, ctx: ctx, writes: true, rates: true,
		do: func() error { return do(context.Background()) },
	})
	if err != nil {
		p.w.mu.Lock()
		if p.a.rates.failed.IsZero() {
			p.a.rates.failed = asked
		}
		p.w.mu.Unlock()
	}
	return err
}

// leased notes the tokens that a worker was given.
func (w *world) leased(a *actor, r run.RateRequest, lease run.RateLease) {
	w.mu.Lock()
	b := w.budget(r.RateKey)
	if lease.Tokens > 0 {
		a.rates.tokens[r.Service] = append(a.rates.tokens[r.Service], tokens{r.Now, lease.Tokens})
	}
	blocked := b.blocked
	w.mu.Unlock()
	if lease.Tokens > 0 && blocked.After(r.Now) {
		w.violated("21: %s was given %d tokens of %s, which is blocked until %s", a.id, lease.Tokens, r.Service, blocked)
	}
}

// stopped notes that nobody may be given tokens.
func (w *world) stopped(k run.RateKey, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.budget(k)
	if !b.blocked.After(time.Now()) {
		b.since = time.Now()
	}
	if until.After(b.blocked) {
		b.blocked = until
	}
}

// requested checks a request that is sent now, and came to its limiter at began.
func (w *world) requested(a *actor, write bool, began time.Time) {
	now := time.Now()
	of := services(w.p.lane, write)
	var held time.Duration // how long a token may have been in its hand
	if len(of) > 1 {
		held = now.Sub(began)
	}
	paused := false
	for _, service := range of {
		what, stood := w.charge(a, service, began, held)
		paused = paused || stood
		if what != "" {
			w.violated("21: %s sends to %s %s", a.id, service, what)
		}
	}
	if now.After(began) && !paused && !w.late {
		w.count("a request waited for the budget in place")
	}
}

// charge counts a request against a budget. It says what is wrong with it, or
// nothing, and whether a pause of that service stood in its way.
func (w *world) charge(a *actor, service string, began time.Time, held time.Duration) (what string, paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	b, p := w.budget(run.RateKey{TenantID: a.tenant, Service: service}), a.rates.pauses[service]
	what = w.spend(a, b, service, held)
	// A worker stops at once after its own 429, and within leaseLife after that of
	// another, unless it cannot learn of it. Who waits with a token for the second
	// budget has passed the first before.
	switch {
	case what != "":
	case p.until.After(now) && (held == 0 || began.After(p.since)):
		what = "in the pause it was told"
	case b.blocked.After(now) && now.After(b.since.Add(leaseLife+held)) && a.rates.failed.IsZero():
		what = "long after another worker stored a pause"
	}
	return what, b.blocked.After(began) || p.until.After(began)
}

// spend takes a token for a request and says what is wrong with it, or nothing.
// The caller holds w.mu.
func (w *world) spend(a *actor, b *budget, service string, held time.Duration) string {
	now := time.Now()
	mine := slices.DeleteFunc(a.rates.tokens[service], func(t tokens) bool { return t.left == 0 || now.Sub(t.at) >= leaseLife+held })
	a.rates.tokens[service] = mine
	each := micros(b.rate.Interval)
	if len(mine) == 0 {
		failed := a.rates.failed
		if failed.IsZero() {
			return "without a token"
		}
		// Its storage failed: it has the fourth part for itself.
		b.part = true
		a.rates.local[service]++
		w.reached["a request without shared budgets"]++
		if b.rate.Interval == 0 { // nobody has asked for it yet
			return ""
		}
		if most := max(1, b.rate.Burst/localShare) + int((now.Sub(failed)+time.Microsecond)/micros(localShare*b.rate.Interval)); a.rates.local[service] > most {
			return "more than its part without storage"
		}
		return ""
	}
	mine[0].left--

	// In a window of any length w no more than the burst and w divided by the
	// interval are sent; tokens that may be kept, or whose storage may answer late,
	// let it be longer by leaseLife, and for the first of two budgets by the wait for
	// the second, which is as long at most. Where calls may be held up for any time,
	// that wait has no end. Storage counts in microseconds.
	kept := time.Microsecond
	if service != "conditional-access" || w.late {
		kept += leaseLife
	}
	if service == "intune-write" {
		kept += leaseLife
	}
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.After(now.Add(time.Duration(b.rate.Burst-1)*each+kept)) && (service != "intune-write" || !w.late) {
		return "more than its budget gives out"
	}
	b.full = b.full.Add(each)

	most := published[service]
	b.sent = append(b.sent, now)
	if n := len(b.sent) - 1 - most.requests; n >= 0 && now.Sub(b.sent[n]) < most.window && !b.part && !w.late {
		return "more than Microsoft allows"
	}
	return ""
}

// micros is an interval as storage counts it.
func micros(d time.Duration) time.Duration {
	return (d + time.Microsecond - 1).Truncate(time.Microsecond)
}

// pausesEnd lets the pauses pass that outlast the faults.
func (w *world) pausesEnd() {
	var last time.Time
	for _, b := range w.budgets {
		if b.blocked.After(last) {
			last = b.blocked
		}
	}
	if d := time.Until(last); d > 0 {
		w.pass(d, true)
	}
}
