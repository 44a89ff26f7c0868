package simulation

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"tenantatlas/shared/cancel"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/shared/sweeper"
)

// functionTime is how long an invocation of a worker may take.
const functionTime = 300 * time.Second

// operations are those under test: two that would make things twice and exclude each
// other, and one that reads.
var operations = []run.Operation{run.OpRestoreExecute, run.OpRestoreRerun, run.OpInventorySync}

// liveRestore names the lock that all operations share which write.
const liveRestore = "restore.live"

var discard = slog.New(slog.DiscardHandler)

// entropy makes identifiers that depend on the seed and on who makes them.
func (w *world) entropy(a *actor) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], w.number(a.id))
	return rand.NewChaCha8(key)
}

// scheduleID is the schedule of every tenant.
const scheduleID = "sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA"

// startRun asks for a run: one in a few the schedule, the others a person.
func (w *world) startRun(tenant string, op run.Operation, key, payload int, user, clientKey string) {
	var res start.Result
	a := w.spawn("start", tenant, 0, func(a *actor) (err error) {
		s := start.Starter{Runs: w.ports(a), Queue: w.sender(a), IDs: run.IDSource{Entropy: w.entropy(a)}, Now: time.Now, Log: discard}
		req := start.Request{
			TenantID: tenant, Principal: run.Principal{UserID: user, Name: user}, Operation: op, Scope: fmt.Sprint("key", key),
			Input: input{Items: w.p.items[payload], Payload: payload}, IdempotencyKey: clientKey, Deadline: w.p.life,
		}
		if op.WritesTenant() {
			req.Lock = liveRestore
		}
		if op == run.OpInventorySync && payload == 1 && clientKey == "" {
			req.Principal, req.ScheduleID = run.Principal{}, scheduleID
		}
		res, err = s.Start(a.ctx, req)
		return err
	})
	a.op = op
	a.onEnd = func() {
		if !a.dead.Load() {
			w.started(a, res, payload, clientKey != "")
		}
	}
}

// cancelRun asks a run to stop.
func (w *world) cancelRun(f *fact) {
	user := one(w, users)
	w.count("cancel asked of a run that is " + f.phase())
	w.spawn("cancel", f.run.TenantID, 0, func(a *actor) error {
		_, err := (&cancel.Canceler{Runs: w.ports(a), Now: time.Now}).Cancel(a.ctx, f.run.TenantID, f.run.ID, run.Initiator{UserID: user, Name: user})
		return err
	})
}

// deliver hands a message to a worker, if there are both.
func (w *world) deliver() bool {
	ready := w.queue.ready()
	if len(ready) == 0 || w.living("worker") >= w.p.workers {
		return false
	}
	m := one(w, ready)
	m.held, m.receives = true, m.receives+1
	hidden := time.Now().Add(w.p.hide)
	a := w.spawn("worker", m.d.TenantID, functionTime, func(a *actor) error {
		e := &engine.Engine{
			Operation: m.op, Runs: w.ports(a), Tenants: w.ports(a), Schedules: w.ports(a), Queue: w.sender(a), Bind: w.bind(a), Now: time.Now,
			Owner:  func() string { return a.id },
			Jitter: func(d time.Duration) time.Duration { return time.Duration(w.number(a.id) % uint64(d)) },
			Log:    discard, Limits: w.p.engine,
		}
		return e.Handle(a.ctx, m.d)
	})
	a.op, a.about = m.op, m.d.RunID
	w.trace("%s gets message %d of %s, the %d. time", a.id, m.id, w.name(m.d.RunID), m.receives)
	a.onEnd = func() {
		w.worked(a, m)
		if !a.dead.Load() && a.failed == nil {
			w.queue.remove(m)
			return
		}
		m.held, m.visible = false, hidden
		if m.receives >= maxReceives {
			w.queue.remove(m)
			w.dlq = append(w.dlq, m)
			w.trace("message %d is given up", m.id)
		}
	}
	return true
}

// giveUp hands a message that was given up to its function.
func (w *world) giveUp() bool {
	if len(w.dlq) == 0 {
		return false
	}
	m := w.dlq[0]
	w.dlq = w.dlq[1:]
	w.count("a message was given up")
	if f := w.facts[m.d.RunID]; f != nil && !f.run.Status.Terminal() {
		w.count("a message of an open run was given up")
	}
	a := w.spawn("dead", m.d.TenantID, 0, func(a *actor) error { return w.sweeper(a).DeadLetter(a.ctx, m.d) })
	a.onEnd = func() {
		if a.dead.Load() || a.failed != nil {
			w.dlq = append(w.dlq, m)
		}
	}
	return true
}

func (w *world) sweeper(a *actor) *sweeper.Sweeper {
	return &sweeper.Sweeper{
		Runs: w.ports(a), Queue: w.sender(a), Now: time.Now, Log: discard,
		Notify: func(ctx context.Context, r run.Run) error {
			w.count("a sweep notified")
			return notifier.Notifier{Store: w.ports(a)}.Ended(ctx, r)
		},
	}
}

func (w *world) startSweep() {
	if w.living("sweep") > 0 {
		w.count("sweeps overlapped")
	}
	a := w.spawn("sweep", "", time.Minute, func(a *actor) error {
		_, err := w.sweeper(a).Sweep(a.ctx)
		return err
	})
	a.onEnd = func() {
		if a.dead.Load() {
			w.count("a sweep died")
		}
	}
}

// tell hands the next change of some run to the notifier, or one it was told
// before. The stream keeps the order of the changes of one run, and no other.
func (w *world) tell() bool {
	if w.p.noFlow || w.living("tell") >= 2 {
		return false
	}
	var with []*fact
	for _, f := range w.order {
		if !f.telling && f.told < len(f.changes) {
			with = append(with, f)
		}
	}
	if len(with) == 0 {
		return false
	}
	f := one(w, with)
	if f.told > 0 && f.replays < 3 && w.chance(w.p.replay) {
		f.told = w.rng.IntN(f.told)
		f.replays++
		w.count("the stream was replayed")
	}
	f.telling = true
	c := f.changes[f.told]
	a := w.spawn("tell", f.run.TenantID, time.Minute, func(a *actor) error {
		return notifier.Notifier{Store: w.ports(a)}.Changed(a.ctx, c.Before, c.After)
	})
	w.trace("%s tells change %d of %s", a.id, f.told, f.name)
	a.onEnd = func() {
		f.telling = false
		if !a.dead.Load() && a.failed == nil {
			f.told++
		}
	}
	return true
}

// user does something that people do.
func (w *world) user() {
	tenant := tenantID(w.rng.IntN(w.p.tenants))
	if w.chance(w.p.cancel * 4) {
		var open []*fact
		for _, f := range w.order {
			if !f.run.Status.Terminal() || w.chance(0.02) {
				open = append(open, f)
			}
		}
		if len(open) > 0 {
			w.cancelRun(one(w, open))
			return
		}
	}
	switch {
	case w.chance(w.p.revoke):
		user, role := one(w, users[1:]), one(w, []run.Role{run.RoleRestorer, run.RoleOperator, run.RoleViewer, ""})
		w.role(tenant, user, role)
		w.count("a role was changed")
		w.trace("%s is now %q", user, role)
	case w.chance(w.p.disable):
		w.enable(tenant, w.rng.IntN(3) > 0)
	default:
		op, key, payload := one(w, operations), w.rng.IntN(w.p.keys), w.rng.IntN(2)
		clientKey := ""
		if w.chance(w.p.oneKind) {
			clientKey = fmt.Sprint("client key ", w.rng.IntN(3))
		}
		for range 1 + w.rng.IntN(3)*w.rng.IntN(2) { // at once
			if w.chance(0.2) {
				payload = 1 - payload
			}
			w.startRun(tenant, op, key, payload, one(w, users), clientKey)
		}
	}
}

// role gives a user a role, or none.
func (w *world) role(tenant, user string, role run.Role) {
	ctx := context.Background()
	now := time.Now().UTC()
	audit := run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditMemberSet, Details: map[string]string{"member": user}}
	m, err := w.store.Member(ctx, tenant, user)
	switch {
	case errors.Is(err, run.ErrNotMember) && role == "":
		return
	case role == "":
		w.must(w.store.DeleteMember(ctx, tenant, user, m.Rev, audit))
		return
	case err != nil && !errors.Is(err, run.ErrNotMember):
		w.must(err)
	}
	_, err = w.store.PutMember(ctx, run.Member{TenantID: tenant, UserID: user, Name: user, Role: role}, m.Rev, audit)
	w.must(err)
}

// enable opens or closes a tenant for runs.
func (w *world) enable(tenant string, on bool) {
	t, err := w.store.Tenant(context.Background(), tenant)
	w.must(err)
	t.Disabled = !on
	_, err = w.store.UpdateTenant(context.Background(), t, run.AuditEvent{TenantID: tenant, At: time.Now().UTC(), Event: run.AuditTenantChanged})
	w.must(err)
	w.trace("%s is enabled: %v", tenant, on)
}

// sent is what becomes of a message that an actor sends.
func (w *world) sent(a *actor, op run.Operation, d run.Dispatch, delay time.Duration) error {
	if w.chance(w.p.dropSend) {
		w.count("a message was lost")
		w.lostMessage(d, delay)
		if w.chance(0.5) {
			w.trace("%s: its message is lost, with an error", a.id)
			a.unsent = true
			return errors.New("simulated: the queue is not there")
		}
		w.trace("%s: its message is lost without a word", a.id)
		return nil
	}
	if err := w.queue.put(op, d, delay); err != nil {
		w.violated("a message that no queue takes: %v", err)
		return err
	}
	if w.chance(w.p.twice) {
		w.count("a message came twice")
		w.must(w.queue.put(op, d, delay))
	}
	if w.chance(w.p.dropSend / 2) {
		w.count("a message was sent with an error")
		return errors.New("simulated: no answer of the queue")
	}
	return nil
}

// lagging is an index as it may be read: what changed lately may be missing, or
// still be there.
func (w *world) lagging(method string, shard int, now []run.RunRef) []run.RunRef {
	if w.p.lag == 0 {
		return now
	}
	out := slices.DeleteFunc(slices.Clone(now), func(ref run.RunRef) bool {
		f := w.facts[ref.RunID]
		since := f.run.CreatedAt
		if method == "Unnotified" && f.run.FinishedAt != nil {
			since = *f.run.FinishedAt
		}
		fresh := time.Since(since) < w.p.lag && w.chance(0.5)
		if fresh {
			w.count("an index missed a run")
		}
		return fresh
	})
	if method == "OpenRuns" {
		for _, f := range w.order {
			if f.run.FinishedAt != nil && time.Since(*f.run.FinishedAt) < w.p.lag && shardOf(f.run.ID) == shard && w.chance(0.5) {
				out = append(out, run.RunRef{TenantID: f.run.TenantID, RunID: f.run.ID})
				w.count("an index held an ended run")
			}
		}
	}
	return out
}
