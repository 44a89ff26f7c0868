package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

// world is one seed: the cloud, its users, and the scheduler that decides what
// happens next. Everything that is random comes from rng, and everything that
// runs beside it waits at a port, so the seed alone decides what happens.
type world struct {
	seed  uint64
	rng   *rand.Rand
	p     profile
	store *memstore.Store
	queue *queue
	began time.Time
	step  int
	sweep time.Time // when the next is due
	final bool      // no more faults
	timed bool      // what faults cost is measured
	hold  bool      // every living worker can keep its lease
	calm  time.Time // since when
	made  int       // actors

	mu      sync.Mutex // guards what actors reach past their ports
	pending []*call
	ended   []*actor
	facts   map[string]*fact
	wrong   string // the first invariant that did not hold
	reached map[string]int
	wake    chan struct{}
	budgets map[run.RateKey]*budget
	asking  []*call // requests that come to their worker's limiter
	late    bool    // answers of storage may be so late that tokens are used late

	live    []*actor
	dlq     []*message
	order   []*fact
	active  map[[2]string]string // tenant and key → run
	seen    int
	longest map[string]time.Duration
	effects [2]int // effects, and how many of them were second ones

	sum   hash.Hash64
	last  []string
	whole io.Writer // nil, or where the trace goes as well
}

// users are the members of each tenant. The first is an owner for ever, so that a
// tenant always has one.
var users = []string{"owner", "anna", "ben"}

// Our identifiers all have one length, so none is the beginning of another: these
// differ in their last letter.
func tenantID(i int) string { return "ten_01J9Z3T6Q4W8R2N5M7K1P0XYZ" + string("ABC"[i]) }

func newWorld(seed uint64, whole io.Writer) *world {
	rng := rand.New(rand.NewPCG(seed, 0x7e4a47a5))
	w := &world{
		seed: seed, rng: rng, p: draw(rng), store: memstore.New(), queue: &queue{}, began: time.Now(), facts: map[string]*fact{}, budgets: map[run.RateKey]*budget{},
		active: map[[2]string]string{}, reached: map[string]int{}, wake: make(chan struct{}, 1), longest: map[string]time.Duration{}, sum: fnv.New64a(), whole: whole,
	}
	w.hold, w.timed, w.late = w.p.leasesHold(), w.p.timed, w.p.wild || w.p.freeze > 0
	w.sweep = w.began.Add(time.Duration(rng.IntN(60)) * time.Second)
	for i := range w.p.tenants {
		id := tenantID(i)
		w.must(w.store.CreateTenant(context.Background(), run.Tenant{ID: id, Name: fmt.Sprint("Tenant ", i)},
			run.Member{TenantID: id, UserID: users[0], Name: users[0], Role: run.RoleOwner}, run.AuditEvent{TenantID: id, At: w.began, Event: run.AuditTenantCreated}))
		_, err := w.store.PutSchedule(context.Background(), run.Schedule{ID: scheduleID, TenantID: id, Name: "Nightly", CreatedAt: w.began, UpdatedAt: w.began},
			run.AuditEvent{TenantID: id, At: w.began, Event: run.AuditScheduleCreated})
		w.must(err)
		for _, u := range users[1:] {
			w.role(id, u, run.RoleRestorer)
		}
	}
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.violated("the simulation itself failed: %v", err)
	}
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func one[T any](w *world, of []T) T { return of[w.rng.IntN(len(of))] }

// between is a duration, short ones being as likely as long ones.
func (w *world) between(from, to time.Duration) time.Duration {
	f := w.rng.Float64()
	return from + time.Duration(f*f*f*float64(to-from))
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reached[what]++
}

func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong != ""
}

const lastSteps = 60

func (w *world) trace(format string, args ...any) {
	line := fmt.Sprintf("%4d %10.3fs ", w.step, time.Since(w.began).Seconds()) + fmt.Sprintf(format, args...)
	_, _ = io.WriteString(w.sum, line)
	if w.whole != nil {
		_, _ = io.WriteString(w.whole, line+"\n")
	}
	if len(w.last) >= 2*lastSteps {
		w.last = append(w.last[:0], w.last[lastSteps:]...)
	}
	w.last = append(w.last, line)
}

// name is a run's short name: the order in which it came to be.
func (w *world) name(runID string) string {
	if runID == "" {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.facts[runID]; f != nil {
		return f.name
	}
	return "new run"
}

// register takes a call that waits at a port.
func (w *world) register(c *call) {
	w.mu.Lock()
	w.pending = append(w.pending, c)
	w.mu.Unlock()
	w.signal()
}

func (w *world) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// number is drawn from the seed and a name, for what actors must draw themselves:
// which of them runs first must not matter.
func (w *world) number(name string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", w.seed, name)
	return h.Sum64()
}

// spawn starts an actor.
func (w *world) spawn(kind, tenant string, limit time.Duration, work func(*actor) error) *actor {
	w.made++
	a := &actor{w: w, kind: kind, id: fmt.Sprintf("%s%03d", kind, w.made), tenant: tenant, step: w.step, gone: make(chan struct{})}
	if limit > 0 {
		a.killAt = time.Now().Add(limit)
		a.ctx, a.cancel = context.WithTimeout(context.Background(), limit)
	} else {
		a.ctx, a.cancel = context.WithCancel(context.Background())
	}
	w.live = append(w.live, a)
	w.trace("%s starts", a.id)
	go func() {
		defer func() {
			w.mu.Lock()
			w.ended = append(w.ended, a)
			w.mu.Unlock()
			w.signal()
		}()
		a.failed = work(a)
	}()
	return a
}

func (w *world) ports(a *actor) *ports   { return &ports{Store: w.store, w: w, a: a} }
func (w *world) sender(a *actor) *sender { return &sender{q: w.queue, w: w, a: a} }

// settle lets everything run until it waits, buries who has ended, and kills whose
// time is over.
func (w *world) settle() {
	for {
		synctest.Wait()
		w.absorb(nil, nil)
		w.mu.Lock()
		ended := w.ended
		w.ended = nil
		slices.SortFunc(w.pending, func(a, b *call) int { return cmp.Or(strings.Compare(a.label, b.label), a.since.Compare(b.since)) })
		w.mu.Unlock()
		slices.SortFunc(ended, func(a, b *actor) int { return strings.Compare(a.id, b.id) })
		again := len(ended) > 0
		for _, a := range ended {
			a.cancel()
			w.live = slices.DeleteFunc(w.live, func(o *actor) bool { return o == a })
			switch {
			case a.dead.Load():
				w.trace("%s is gone", a.id)
			case a.failed != nil:
				w.trace("%s ends: %v", a.id, a.failed)
			default:
				w.trace("%s ends", a.id)
			}
			if a.onEnd != nil {
				a.onEnd()
			}
		}
		for _, a := range w.live {
			if !a.dead.Load() && !a.killAt.IsZero() && !time.Now().Before(a.killAt) && !time.Now().Before(a.frozen) {
				w.kill(a, "its time is over")
				w.count("killed by the function's timeout")
				again = true
			}
		}
		again = w.release() || again
		again = w.admit() || again
		if !again {
			return
		}
	}
}

// release ends the goroutines of the dead that wait at a port.
func (w *world) release() bool {
	w.mu.Lock()
	var dead []*call
	gone := func(c *call) bool {
		if c.actor.dead.Load() {
			dead = append(dead, c)
		}
		return c.actor.dead.Load()
	}
	w.pending = slices.DeleteFunc(w.pending, gone)
	w.asking = slices.DeleteFunc(w.asking, gone)
	w.mu.Unlock()
	for _, c := range dead {
		c.answer <- reply{exit: true}
	}
	return len(dead) > 0
}

func (w *world) kill(a *actor, why string) {
	w.trace("%s is killed: %s", a.id, why)
	a.die()
	w.died(a)
}

// open are the calls that may be served now. Urgent are those that must be: whose
// context has ended, or that waited as long as a living worker can bear.
func (w *world) open() (open, urgent []*call) {
	now := time.Now()
	for _, c := range w.waiting() {
		if now.Before(c.actor.frozen) {
			continue
		}
		over := c.ctx.Err() != nil
		if c.hangs && !over {
			continue
		}
		open = append(open, c)
		if over || !w.p.wild && now.Sub(c.since) >= bearable(c) {
			urgent = append(urgent, c)
		}
	}
	return open, urgent
}

func bearable(c *call) time.Duration {
	switch {
	case c.graph:
		return graphTimeout / 2
	case c.rates: // what a token allows goes by the time at which it was asked for
		return 0
	}
	return 4 * time.Second
}

// waiting are the calls that wait at a port, in the order of their labels.
func (w *world) waiting() []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pending)
}

// take removes a call that is about to be answered.
func (w *world) take(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = slices.DeleteFunc(w.pending, func(o *call) bool { return o == c })
}

func (w *world) reply(c *call, r reply, how string) {
	w.take(c)
	w.trace("%s: %s", c.label, how)
	c.answer <- r
}

// effect lets a call happen.
func (w *world) effect(c *call) {
	c.err = c.do()
	c.done = true
	w.absorb(c.actor, c)
}

func short(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

// serve serves a call, or breaks it.
func (w *world) serve(c *call) {
	p := w.p
	if c.actor.unsent && c.method != "Send" {
		c.actor.reacted = true
	}
	switch {
	case c.done: // only the answer was missing
		w.reply(c, reply{err: c.err}, "answered: "+short(c.err))
		return
	case c.ctx.Err() != nil:
		how := "ended by its context"
		if c.writes || c.creates {
			if w.chance(0.4) {
				w.effect(c)
				how += ", but done"
			}
		}
		c.hangs = false
		w.reply(c, reply{err: c.ctx.Err()}, how)
		return
	case w.chance(p.freezing(c)):
		c.actor.frozen = time.Now().Add(20*time.Second + w.between(0, 10*time.Minute))
		if !c.actor.killAt.IsZero() && w.chance(0.5) {
			c.actor.killAt = c.actor.killAt.Add(time.Until(c.actor.frozen))
		}
		w.count("a " + c.actor.kind + " was frozen")
		w.trace("%s: freezes until %.0fs", c.label, c.actor.frozen.Sub(w.began).Seconds())
		return
	case w.chance(p.deadly(c.actor)):
		if w.chance(0.5) {
			w.effect(c)
			w.trace("%s: %s, but", c.label, short(c.err))
			w.count("killed after " + c.method)
		} else {
			w.count("killed before " + c.method)
		}
		w.kill(c.actor, "in "+c.method)
		return
	case c.graph:
		w.serveGraph(c)
		return
	case w.chance(p.lost):
		w.count("lost " + c.method)
		w.reply(c, reply{err: errLost}, "lost")
		return
	case c.writes && w.chance(p.ghost):
		w.effect(c)
		w.count("lost answer of " + c.method)
		w.reply(c, reply{err: errLostAnswer}, short(c.err)+", but not answered")
		return
	case w.chance(p.slow):
		w.effect(c)
		w.trace("%s: %s, answer under way", c.label, short(c.err))
		return
	}
	w.effect(c)
	if c.err != nil {
		for _, e := range []error{run.ErrFenced, run.ErrRunEnded, run.ErrRunLeased} {
			if errors.Is(c.err, e) {
				w.count(c.method + ": " + e.Error())
			}
		}
	}
	w.reply(c, reply{err: c.err}, short(c.err))
}

// freezing is how likely an actor stands still in a call: most likely where it does
// the most harm.
func (p profile) freezing(c *call) float64 {
	switch {
	case c.creates, c.actor.kind != "worker" && (c.method == "Rescue" || c.method == "End"):
		return min(10*p.freeze, 0.5)
	case c.actor.kind == "worker":
		return p.freeze
	}
	return 0
}

// deadly is how likely a call is an actor's last.
func (p profile) deadly(a *actor) float64 {
	if a.kind == "worker" {
		return p.crash
	}
	return p.kill
}

// serveGraph serves a call of Microsoft Graph, or breaks it.
func (w *world) serveGraph(c *call) {
	p := w.p
	fail := func(kind string, after time.Duration) {
		w.count("graph " + kind + " in " + strings.TrimPrefix(c.method, "graph."))
		w.reply(c, reply{err: &graphError{kind, after}}, kind)
	}
	switch {
	case w.chance(p.throttle):
		var after time.Duration
		if w.chance(0.8) {
			after = time.Second + w.between(0, 20*time.Minute)
		}
		fail(throttled, after)
	case w.chance(p.down):
		fail(unavailable, 0)
	case w.chance(p.ghostGraph):
		w.effect(c)
		w.count("graph done but not answered")
		fail(unavailable, 0)
	case c.method != "graph.find" && (c.creates || c.method == "graph.read") && w.chance(p.refuse):
		fail(refused, 0)
	case w.chance(p.ban):
		fail(forbidden, 0)
	case w.chance(p.broken):
		fail(broken, 0)
	case (c.creates || c.method == "graph.read") && w.chance(p.panics):
		if w.chance(0.5) {
			w.effect(c)
			w.count("panic after the effect")
		} else {
			w.count("panic before the effect")
		}
		w.reply(c, reply{panic: true}, "panics")
	case c.method == "graph.find" && w.chance(p.unclear):
		fail(undecidable, 0)
	case w.chance(p.hang):
		c.hangs = true
		w.count("graph hangs")
		w.trace("%s: hangs", c.label)
	default:
		w.effect(c)
		w.reply(c, reply{}, "done")
	}
}

// pass lets time pass: for d, or until somebody comes to a port.
func (w *world) pass(d time.Duration, whole bool) {
	select {
	case <-w.wake:
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	if whole {
		<-timer.C
		return
	}
	select {
	case <-timer.C:
	case <-w.wake:
	}
}

// patience is how long the calls that wait can bear to.
func (w *world) patience(d time.Duration) time.Duration {
	if w.p.wild {
		return d
	}
	now := time.Now()
	for _, c := range w.waiting() {
		if !now.Before(c.actor.frozen) && !c.hangs {
			d = min(d, max(bearable(c)-now.Sub(c.since), time.Millisecond))
		}
	}
	return d
}

// wildStep does one thing, whatever it may be.
func (w *world) wildStep() {
	open, urgent := w.open()
	if len(urgent) > 0 {
		w.serve(one(w, urgent))
		return
	}
	roll := w.rng.IntN(1000)
	switch {
	case roll < 700 && len(open) > 0:
		w.serve(w.prefer(open))
	case roll < 820 && w.deliver():
	case roll < 860 && w.tell():
	case roll < 875 && w.living("sweep") < 2:
		w.startSweep()
	case roll < 890 && w.giveUp():
	case roll < 920 && w.living("start") < 4:
		w.user()
	default:
		whole := w.p.wild && w.chance(0.3)
		d := time.Millisecond + w.between(0, 20*time.Second)
		if w.chance(0.2) {
			d = w.between(time.Second, 10*time.Minute)
		}
		w.pass(w.patience(d), whole)
	}
}

// prefer chooses a call, of a worker more often than not: there the most can go
// wrong.
func (w *world) prefer(open []*call) *call {
	var of []*call
	for _, c := range open {
		if c.actor.kind == "worker" {
			of = append(of, c)
		}
	}
	if len(of) > 0 && w.chance(0.6) {
		return one(w, of)
	}
	return one(w, open)
}

// orderlyStep does what is to be done at once, and lets time pass when that is
// nothing.
func (w *world) orderlyStep() {
	open, urgent := w.open()
	now := time.Now()
	switch {
	case len(urgent) > 0:
		w.serve(one(w, urgent))
	case !w.final && w.chance(0.02):
		w.user()
	case len(open) > 0:
		if !w.final && w.chance(0.3) {
			w.pass(w.patience(time.Millisecond+w.between(0, 3*time.Second)), false)
			return
		}
		w.serve(one(w, open))
	case !now.Before(w.sweep):
		for !now.Before(w.sweep) {
			w.sweep = w.sweep.Add(time.Minute)
		}
		w.startSweep()
	case w.deliver(), w.tell(), w.giveUp():
	case !w.final && w.chance(0.3):
		w.user()
	default:
		next := w.sweep
		if at, ok := w.queue.next(); ok && at.Before(next) && at.After(now) {
			next = at
		}
		d := next.Sub(now)
		if !w.final && w.chance(0.3) {
			d = w.between(time.Millisecond, d)
		}
		w.pass(w.patience(d), false)
	}
}

func (w *world) living(kind string) (n int) {
	for _, a := range w.live {
		if a.kind == kind {
			n++
		}
	}
	return n
}

// play is the whole life of a world. It returns what did not hold, or "".
func (w *world) play() string {
	for w.step = 0; w.step < w.p.steps && !w.failed(); w.step++ {
		w.settle()
		if w.p.orderly {
			w.orderlyStep()
		} else {
			w.wildStep()
		}
	}
	w.recover()
	w.quiet("everything ends")
	w.afterwards()
	w.shutdown()
	return w.wrong
}

// recover ends all faults: who is frozen goes on, who hangs is answered.
func (w *world) recover() {
	w.settle()
	w.trace("no more faults")
	w.p = w.p.calm()
	w.final, w.calm = true, time.Now()
	if !w.timed { // there a sweep is never late
		w.sweep = w.calm.Add(time.Duration(w.rng.IntN(60)) * time.Second)
	}
	for _, a := range w.live {
		a.frozen = time.Time{}
	}
	for _, c := range w.waiting() {
		c.hangs = false
	}
	if w.chance(0.3) {
		w.count("all workers died at once")
		for _, a := range w.live {
			if a.kind == "worker" {
				w.kill(a, "with all others")
			}
		}
	}
}

// quiet lets the world go on without faults until nothing is left to do.
func (w *world) quiet(what string) {
	for range 30_000 {
		if w.failed() {
			return
		}
		w.settle()
		w.inTime()
		if w.nothingLeft() {
			return
		}
		w.step++
		w.orderlyStep()
	}
	w.violated("liveness: it does not come true that %s", what)
}

func (w *world) nothingLeft() bool {
	if len(w.live) > 0 || len(w.active) > 0 {
		return false
	}
	for _, f := range w.order {
		if !f.confirmed || !w.p.noFlow && f.told < len(f.changes) {
			return false
		}
	}
	return true
}

// afterwards checks what must hold when all is done: every key can be used again,
// and a stream that tells everything once more adds nothing.
func (w *world) afterwards() {
	if w.failed() {
		return
	}
	w.pausesEnd()
	before := len(w.order)
	for _, op := range operations { // some exclude each other
		for i := range w.p.tenants {
			id := tenantID(i)
			w.enable(id, true)
			for k := range w.p.keys {
				w.startRun(id, op, k, 0, users[0], "")
			}
		}
		w.quiet("fresh starts end")
	}
	if w.failed() {
		return
	}
	if got, want := len(w.order)-before, w.p.tenants*w.p.keys*len(operations); got != want {
		w.violated("17: %d fresh starts made %d runs", want, got)
	}
	for _, f := range w.order[before:] {
		if f.run.Status != run.StatusSucceeded {
			w.violated("liveness: %s, a fresh start without faults, ended %s with %+v", f.name, f.run.Status, f.run.Failure)
		}
	}
	notify := notifier.Notifier{Store: w.store}
	for range 3 {
		for _, f := range w.order {
			for _, c := range f.changes {
				w.must(notify.Changed(context.Background(), c.Before, c.After))
			}
		}
	}
	w.checkEnds()
}

// shutdown ends every goroutine, so that the bubble can close.
func (w *world) shutdown() {
	for len(w.live) > 0 {
		for _, a := range w.live {
			a.die()
			a.onEnd = nil
		}
		w.release()
		synctest.Wait()
		w.mu.Lock()
		ended := w.ended
		w.ended = nil
		w.mu.Unlock()
		for _, a := range ended {
			a.cancel()
			w.live = slices.DeleteFunc(w.live, func(o *actor) bool { return o == a })
		}
	}
}
