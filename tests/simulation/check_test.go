package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/start"
)

// The checks carry the numbers of the invariants in doc.go.

// fact is what is known about a run from outside: what was stored, in which order,
// and what was really done.
type fact struct {
	name      string
	run       run.Run // as it was stored last
	changes   []memstore.Change
	told      int // changes that the notifier has dealt with
	telling   bool
	replays   int
	confirmed bool
	ended     int // the step

	intents map[int64]uint64 // by epoch: the items that were announced
	creates [64]int          // objects made, by item
	zombies [64]int          // of them, by workers that no longer held the run
	read    uint64
	planned int

	// Since when somebody waits for what, to measure it.
	diedAt, lostAt, cancelAt time.Time
}

// phase is the state of a run as a person would say it.
func (f *fact) phase() string {
	switch {
	case f.run.Status != run.StatusRunning:
		return string(f.run.Status)
	case f.run.Owner == "":
		return "waiting"
	}
	return "running"
}

// absorb looks at every change that was stored since the last look. by and c are
// the actor and the call that made them, if one did.
func (w *world) absorb(by *actor, c *call) {
	changes := w.store.Changes(w.seen)
	w.seen += len(changes)
	if by == nil && len(changes) > 0 {
		w.violated("a change outside of every port: %+v", changes[0])
	}
	if len(changes) > 1 {
		w.violated("one call made %d changes", len(changes))
	}
	for _, change := range changes {
		f := w.keep(change)
		by.writes++
		if c.fence != nil && (c.fence.RunID != f.run.ID || c.fence.TenantID != f.run.TenantID) {
			w.violated("18: %s changed another run than it named", c.label)
		}
		w.checkChange(f, change, c)
		w.checkStored(f)
		w.measure(f, change)
	}
	if len(changes) > 0 {
		w.checkLists()
	}
}

// keep remembers a change.
func (w *world) keep(change memstore.Change) *fact {
	r := change.After
	f := w.facts[r.ID]
	if f == nil {
		f = &fact{name: fmt.Sprintf("run%d", len(w.order)+1), intents: map[int64]uint64{}}
		w.mu.Lock()
		w.facts[r.ID] = f
		w.mu.Unlock()
		w.order = append(w.order, f)
		key := [2]string{r.TenantID, r.KeyHash}
		if other := w.active[key]; other != "" {
			w.violated("1: %s was started while %s holds the key", f.name, w.facts[other].name)
		}
		w.active[key] = r.ID
	}
	if r.Status.Terminal() && !f.run.Status.Terminal() {
		f.ended = w.step
	}
	f.run = r
	f.changes = append(f.changes, change)
	f.intents[r.Epoch] |= uint64(r.Intent) << r.Cursor
	if key := [2]string{r.TenantID, r.KeyHash}; r.Status.Terminal() && w.active[key] == r.ID {
		delete(w.active, key)
	}
	return f
}

// checkChange checks one change against what it was made of.
func (w *world) checkChange(f *fact, change memstore.Change, c *call) {
	after := change.After
	if change.Before == nil {
		if c.method != "CreateRun" || after.Status != run.StatusQueued {
			w.violated("%s made %s, %s", c.method, f.name, after.Status)
		}
		return
	}
	before := *change.Before
	if before.Status.Terminal() && (c.method != "Notified" || !reflect.DeepEqual(before, after)) {
		w.violated("3: %s changed %s, which had ended: %+v became %+v", c.label, f.name, before, after)
	}
	if after.Epoch < before.Epoch || after.Seq < before.Seq || after.DispatchSeq < before.DispatchSeq {
		w.violated("4: %s: epoch %d, seq %d, dispatchSeq %d became %d, %d, %d", f.name, before.Epoch, before.Seq, before.DispatchSeq, after.Epoch, after.Seq, after.DispatchSeq)
	}
	if before.Status != after.Status && !before.Status.CanBecome(after.Status) {
		w.violated("%s went from %s to %s", f.name, before.Status, after.Status)
	}
	if c.fence != nil && (c.fence.Epoch != before.Epoch || c.fence.Seq != before.Seq) {
		w.violated("9: %s wrote under epoch %d and seq %d, the run has %d and %d", c.label, c.fence.Epoch, c.fence.Seq, before.Epoch, before.Seq)
	}
	now := time.Now()
	unheld := before.Owner == "" || !before.LeaseUntil.After(now)
	switch c.method {
	case "Claim":
		if after.Epoch != before.Epoch+1 || !unheld || before.NotBefore.After(now) {
			w.violated("%s: a claim of epoch %d at %s, of a run with epoch %d, held by %q until %s, not before %s", f.name, after.Epoch, now, before.Epoch, before.Owner, before.LeaseUntil, before.NotBefore)
		}
	case "Rescue":
		if after.Epoch != before.Epoch+1 || after.DispatchSeq != before.DispatchSeq+1 || !unheld || after.Owner != "" {
			w.violated("%s: rescued at %s: %+v became %+v", f.name, now, before, after)
		}
	case "End":
		if c.actor.kind != "worker" && !unheld {
			w.violated("9: %s ended %s, which %q holds until %s", c.actor.id, f.name, before.Owner, before.LeaseUntil)
		}
	case "Release":
		c.actor.released = before.CancelAt == nil
		if after.DispatchSeq != before.DispatchSeq+1 || after.Owner != "" {
			w.violated("%s: released: %+v became %+v", f.name, before, after)
		}
	case "CommitSlice":
		if after.Seq != before.Seq+1 {
			w.violated("6: %s: a slice was stored and seq is %d", f.name, after.Seq)
		}
	}
	w.countChange(before, after, c)
}

// checkStored checks everything that is stored about a run.
func (w *world) checkStored(f *fact) {
	in, ok := w.store.Inspect(f.run.TenantID, f.run.ID)
	if !ok {
		w.violated("%s is not stored", f.name)
		return
	}
	r := in.Run
	ended := r.Status.Terminal()
	f.confirmed = ended && !in.Unnotified
	f.planned = len(in.Plan)
	if held := in.Lock.ActiveRunID == r.ID; held == ended {
		w.violated("2: %s is %s and its lock is held by %s", f.name, r.Status, w.name(in.Lock.ActiveRunID))
	}
	counts, totals := run.Counts{Total: r.Counts.Total}, map[string]int(nil)
	var reasons map[run.OutcomeReason]int
	if len(in.Chunks) != r.Seq {
		w.violated("6: %s has %d chunks and seq %d", f.name, len(in.Chunks), r.Seq)
	}
	n, epoch := 0, int64(0)
	for i, c := range in.Chunks {
		if c.Seq != i+1 || c.Epoch < epoch || c.Epoch > r.Epoch {
			w.violated("6: %s: chunk %d has seq %d and epoch %d", f.name, i+1, c.Seq, c.Epoch)
		}
		epoch = c.Epoch
		for _, o := range c.Outcomes {
			if n >= len(in.Plan) || in.Plan[n] != o.Item {
				w.violated("6: %s: outcome %d is of %s, which is not that item of the plan", f.name, n, o.Item.Key)
			}
			counts, totals, reasons = counts.Add(o.Status), run.AddTotals(totals, o.Numbers), run.AddReasons(reasons, o)
			w.checkOutcome(f, n, o)
			n++
		}
	}
	if counts != r.Counts || !reflect.DeepEqual(totals, r.Totals) || !reflect.DeepEqual(reasons, r.Reasons) || n != r.Cursor {
		w.violated("5: %s has %+v, %v, %v, cursor %d, its outcomes say %+v, %v, %v, %d", f.name, r.Counts, r.Totals, r.Reasons, r.Cursor, counts, totals, reasons, n)
	}
	if !ended {
		return
	}
	if r.Planned && (n != r.Counts.Total || r.Counts.Total != len(in.Plan)) {
		w.violated("7: %s ended with %d outcomes of %d items", f.name, n, r.Counts.Total)
	}
	switch r.Status {
	case run.StatusSucceeded:
		ok = r.Counts.Failed == 0 && r.Untouched == 0 && r.Failure == nil && r.Planned
	case run.StatusPartial:
		ok = r.Counts.Succeeded > 0 && r.Counts.Failed+r.Untouched > 0
	case run.StatusFailed:
		ok = r.Counts.Succeeded == 0 && r.Failure != nil
	case run.StatusCanceled:
		ok = r.Failure != nil && r.Failure.Code == run.CodeCanceled
	}
	if !ok {
		w.violated("8: %s ended %s with %+v, %d untouched, %+v", f.name, r.Status, r.Counts, r.Untouched, r.Failure)
	}
	w.checkAudit(f, in)
}

// checkOutcome checks an outcome against what was really done.
func (w *world) checkOutcome(f *fact, i int, o run.Outcome) {
	made := f.creates[i] > 0
	if !f.run.Operation.WritesTenant() {
		if o.Status == run.OutcomeSucceeded && f.read>>i&1 == 0 {
			w.violated("10: %s: %s succeeded and was never read", f.name, o.Item.Key)
		}
		return
	}
	switch {
	case o.Status == run.OutcomeSucceeded && !made:
		w.violated("10: %s: %s succeeded and there is no object", f.name, o.Item.Key)
	case o.Status == run.OutcomeSkipped && made:
		w.violated("10: %s: %s is called %s and there is an object", f.name, o.Item.Key, o.Code)
	case o.Status == run.OutcomeFailed && o.Code != run.CodeOutcomeUnknown && made && f.zombies[i] == 0:
		w.violated("10: %s: %s is called failed, %s, and there is an object", f.name, o.Item.Key, o.Code)
	}
}

// checkAudit checks that each transition of an ended run was recorded once.
func (w *world) checkAudit(f *fact, in memstore.Inspection) {
	seen := map[string]int{}
	for _, e := range in.Audit {
		seen[e.Event]++
		if e.Event == run.AuditRunEnded && e.Status != in.Run.Status {
			w.violated("16: the end of %s is recorded as %s, it is %s", f.name, e.Status, in.Run.Status)
		}
	}
	canceled := 0
	if in.Run.CancelAt != nil {
		canceled = 1
	}
	// What each slice wrote is named once: with the slice, and of each object.
	wrotes := 0
	for _, c := range in.Chunks {
		var wrote []string
		for _, o := range c.Outcomes {
			if o.Written != nil && o.Written.Steps > 0 {
				wrote = append(wrote, o.Item.Name)
			}
		}
		if len(wrote) == 0 {
			continue
		}
		wrotes++
		said := 0
		for _, e := range in.Audit {
			if e.Event != run.AuditObjectsWritten || e.Part != c.Seq {
				continue
			}
			said++
			var named []string
			for _, o := range e.Objects {
				named = append(named, o.Name)
			}
			if !reflect.DeepEqual(named, wrote) {
				w.violated("16: slice %d of %s wrote %v, its audit names %v", c.Seq, f.name, wrote, named)
			}
		}
		if said != 1 {
			w.violated("16: slice %d of %s wrote, and is in the audit %d times", c.Seq, f.name, said)
		}
	}
	if seen[run.AuditRunRequested] != 1 || seen[run.AuditRunEnded] != 1 || seen[run.AuditRunCancel] != canceled || seen[run.AuditObjectsWritten] != wrotes || len(in.Audit) != 2+canceled+wrotes {
		w.violated("16: the audit trail of %s is %v", f.name, seen)
	}
}

// checkLists checks that every open run is found by sweeps, and no other.
func (w *world) checkLists() {
	page, err := w.store.OpenRuns(context.Background(), 0, run.PageRequest{Limit: 200})
	w.must(err)
	if len(page.Items) != len(w.active) {
		w.violated("14: %d runs are open, %d are listed", len(w.active), len(page.Items))
	}
	for _, ref := range page.Items {
		if w.facts[ref.RunID].run.Status.Terminal() {
			w.violated("14: %s has ended and is listed as open", w.name(ref.RunID))
		}
	}
}

// checkEnds checks what must hold when nothing is left to do.
func (w *world) checkEnds() {
	for _, f := range w.order {
		in, _ := w.store.Inspect(f.run.TenantID, f.run.ID)
		want := []run.NotificationKind{run.NotifyEnded, run.NotifyQueued}
		if in.Run.StartedAt != nil {
			want = append(want, run.NotifyRunning)
		}
		if in.Run.Initiator.UserID == "" {
			w.count("a schedule's run")
			want = nil // nobody waits for it
		}
		var got []run.NotificationKind
		for _, n := range in.Notifications {
			got = append(got, n.Kind)
			if n.UserID != in.Run.Initiator.UserID || n.Kind == run.NotifyEnded && n.Status != in.Run.Status {
				w.violated("15: %s: notification %+v", f.name, n)
			}
		}
		if !slices.Equal(got, want) {
			w.violated("15: %s has the notifications %v, want %v", f.name, got, want)
		}
		w.checkAudit(f, in)
		for i, n := range f.creates {
			if n > 0 {
				w.effects[0]++
			}
			if n > 1 {
				w.effects[1]++
				w.reached["an effect happened twice"]++
				if n > 1+f.zombies[i] {
					w.violated("11: %s: item %d was made %d times, %d of them by zombies", f.name, i, n, f.zombies[i])
				}
			}
		}
	}
}

// created is the effect of a call that makes an object.
func (w *world) created(a *actor, seen run.Run, i int) {
	f := w.facts[seen.ID]
	stored := f.run
	held := !stored.Status.Terminal() && stored.Owner == a.id && stored.Epoch == a.epoch && stored.LeaseUntil.After(time.Now())
	f.creates[i]++
	if !held {
		f.zombies[i]++
		w.count("a zombie had an effect")
		if w.hold {
			w.violated("11: %s acts on item %d of %s without its lease, epoch %d, stored %d, lease until %s", a.id, i, f.name, a.epoch, stored.Epoch, stored.LeaseUntil)
		}
	}
	if f.creates[i] > 1+f.zombies[i] || held && f.creates[i] > 1 && f.zombies[i] == 0 {
		w.violated("11: item %d of %s was made %d times, %d of them by zombies", i, f.name, f.creates[i], f.zombies[i])
	}
	if f.intents[a.epoch]>>i&1 == 0 {
		w.violated("12: %s acts on item %d of %s, which epoch %d never announced", a.id, i, f.name, a.epoch)
	}
	if a.canceled {
		w.violated("20: %s acts on item %d of %s in a slice begun after the run was asked to stop", a.id, i, f.name)
	}
	if !a.allowed {
		w.violated("permission: %s acts on item %d of %s in a slice that nobody with the role stood behind", a.id, i, f.name)
	}
}

// sliceBegun notes under what a slice is begun; renewals of its lease are none.
func (w *world) sliceBegun(a *actor, f run.Fence, r run.Run) {
	slice := [2]int64{f.Epoch, int64(f.Seq) + 1}
	if slice == a.slice {
		return
	}
	a.slice, a.canceled, a.allowed = slice, r.CancelAt != nil, a.permitted
	if r.Crashes > run.MaxCrashes {
		w.violated("%s begins a slice of %s, which has lost %d workers", a.id, w.name(r.ID), r.Crashes)
	}
	if r.Operation.WritesTenant() && !a.looked {
		w.violated("permission: %s begins a slice without a look at the role", a.id)
	}
}

// isolated checks that an actor stays in its tenant.
func (w *world) isolated(a *actor, method, tenant string) {
	if a.tenant != "" && a.tenant != tenant {
		w.violated("18: %s, of %q, calls %s for %q", a.id, a.tenant, method, tenant)
	}
}

// worked checks a worker that has come to its end.
func (w *world) worked(a *actor, m *message) {
	if a.released && a.failed == nil && !a.dead.Load() && a.sends == 0 {
		w.violated("%s gave %s back and sent no message", a.id, w.name(a.about))
	}
	if a.claimed && a.claim != nil {
		var early *run.NotDueError
		allowed := 0
		if errors.As(a.claim, &early) {
			w.count("a message came too early")
			if early.Run.DispatchSeq == m.d.DispatchSeq {
				allowed = 1
			} else {
				w.count("a stale message came too early")
			}
		}
		if a.writes > 0 || a.sends > allowed {
			w.violated("22: %s was refused the run (%v) and made %d writes and %d sends", a.id, a.claim, a.writes, a.sends)
		}
	}
}

// started checks the answer to a start.
func (w *world) started(a *actor, res start.Result, payload int, clientKey bool) {
	if a.unsent && !a.reacted {
		w.violated("%s could not send its message and did nothing about it", a.id)
	}
	var conflict *start.ConflictError
	var role *start.RoleError
	switch err := a.failed; {
	case errors.As(err, &conflict):
		w.count("start: conflict")
		w.wasActive(a, conflict.Active.ID)
		if conflict.Active.Operation != a.op {
			w.count("start: conflict with another operation")
		} else if payloadOf(conflict.Active) == payload {
			w.violated("17: %s conflicts with a run that does what it asks for", a.id)
		}
		return
	case errors.As(err, &role), errors.Is(err, run.ErrNotMember):
		w.count("start: not allowed")
		return
	case errors.Is(err, run.ErrTenantDisabled):
		w.count("start: tenant disabled")
		return
	case errors.Is(err, run.ErrKeyTaken):
		w.count("start: client key reused")
		return
	case err != nil:
		w.count("start: error")
		return
	}
	f := w.facts[res.Run.ID]
	switch {
	case f == nil:
		w.violated("17: %s was given a run that is not stored", a.id)
	case payloadOf(res.Run) != payload, res.Run.Operation != a.op:
		w.violated("17: %s was given a run that does not do what it asks for", a.id)
	case f.run.TenantID != a.tenant:
		w.violated("18: %s was given a run of another tenant", a.id)
	case res.Reused && clientKey:
		w.count("start: client key replayed")
	case res.Reused:
		w.count("start: reused")
		w.wasActive(a, res.Run.ID)
	default:
		w.count("start: new run")
	}
}

// payloadOf is which of the two selections a run was started with.
func payloadOf(r run.Run) int {
	var in input
	if json.Unmarshal(r.Input, &in) != nil {
		return -1
	}
	return in.Payload
}

// wasActive checks that a run was active at some time since the actor began.
func (w *world) wasActive(a *actor, runID string) {
	f := w.facts[runID]
	if f == nil || f.run.Status.Terminal() && f.ended < a.step {
		w.violated("17: %s was pointed to %s, which had ended before", a.id, w.name(runID))
	}
}

// died notes the death of a worker that holds a run.
func (w *world) died(a *actor) {
	if f := w.facts[a.about]; f != nil {
		f.lostAt, f.diedAt = time.Time{}, time.Time{} // its message came, and went with the worker
	}
	for _, f := range w.order {
		if f.run.Owner == a.id && !f.run.Status.Terminal() {
			f.diedAt = time.Now()
			f.lostAt, f.cancelAt = time.Time{}, time.Time{}
		}
	}
}

// lostMessage notes that nobody will be told of a run.
func (w *world) lostMessage(d run.Dispatch, delay time.Duration) {
	f := w.facts[d.RunID]
	if f == nil || f.run.Status.Terminal() || f.run.DispatchSeq != d.DispatchSeq {
		return
	}
	f.lostAt, f.diedAt = time.Time{}, time.Time{} // two faults at once cost more
	if f.run.Rescues == 0 && f.run.Owner == "" {
		f.lostAt = time.Now().Add(delay)
	}
}

// Limits of what a fault may cost, when queue and storage answer: a lease of 60 s,
// 20 s of grace and a sweep a minute, and what the calls themselves take, which is
// seconds in this world.
const (
	takeoverWithin = 140*time.Second + slack
	dispatchWithin = 80*time.Second + slack
	stoppedWithin  = 20*time.Second + graphTimeout + slack
	endedWithin    = 120*time.Second + slack // after its deadline
	notifiedWithin = 4*time.Minute + slack   // two minutes for the stream, two sweeps
	slack          = 15 * time.Second
)

// measure notes what a fault has cost.
func (w *world) measure(f *fact, change memstore.Change) {
	if change.Before == nil {
		return
	}
	before, after := *change.Before, change.After
	now := time.Now()
	claimed, ended := after.Owner != "" && after.Owner != before.Owner, after.Status.Terminal() && !before.Status.Terminal()
	note := func(what string, since *time.Time, limit time.Duration) {
		if took := now.Sub(*since); w.timed && !since.IsZero() && took >= 0 {
			w.longest[what] = max(w.longest[what], took)
			if took > limit {
				w.violated("%s of %s took %s", what, f.name, took)
			}
		}
		*since = time.Time{}
	}
	// How long the new message then waits for a free worker is the queue's affair.
	if rescued := after.Rescues > before.Rescues; rescued || claimed || ended {
		// A rescue that nobody answered makes the next one wait longer, and a queue
		// without a free worker is no fault.
		if before.Rescues > 1 || w.p.workers < 4 {
			f.diedAt, f.lostAt = time.Time{}, time.Time{}
		}
		note("worker death to takeover", &f.diedAt, takeoverWithin)
		note("lost message to dispatch", &f.lostAt, dispatchWithin)
	}
	if before.CancelAt == nil && after.CancelAt != nil && w.alive(after.Owner) {
		f.cancelAt = now
	}
	if claimed || before.Owner != "" && after.Owner == "" && !ended { // its worker died or gave it back
		f.cancelAt = time.Time{}
	}
	if ended {
		note("cancel to stopped", &f.cancelAt, stoppedWithin)
		if late := after.DeadlineAt; now.After(late) && (!w.final || late.After(w.calm)) {
			note("deadline to ended", &late, endedWithin)
		}
	}
}

// alive reports whether the owner of a run lives.
func (w *world) alive(owner string) bool {
	return slices.ContainsFunc(w.live, func(a *actor) bool { return a.id == owner && !a.dead.Load() })
}

// inTime checks that what must happen within a time, once there are no more
// faults, has happened.
func (w *world) inTime() {
	now := time.Now()
	later := func(t time.Time) time.Time {
		if t.Before(w.calm) {
			return w.calm.Add(30 * time.Second)
		}
		return t
	}
	for _, f := range w.order {
		switch {
		case !f.run.Status.Terminal():
			if now.After(later(f.run.DeadlineAt).Add(2*time.Minute + time.Second)) {
				w.violated("13: %s is %s %s after its deadline, held by %q until %s", f.name, f.phase(), now.Sub(f.run.DeadlineAt), f.run.Owner, f.run.LeaseUntil)
			}
		case !f.confirmed:
			if now.After(later(*f.run.FinishedAt).Add(notifiedWithin)) {
				w.violated("15: nobody was told within %s that %s ended", now.Sub(*f.run.FinishedAt), f.name)
			}
		}
	}
}

// countChange notes which situations a change has reached.
func (w *world) countChange(before, after run.Run, c *call) {
	switch c.method {
	case "Claim":
		if before.Owner != "" {
			w.count("claim: an expired lease was taken over")
		}
		if before.Rescues > 0 {
			w.count("claim: a rescued run went on")
		}
		if before.Intent != 0 {
			w.count("claim: items of unknown fate")
		}
	case "Rescue":
		if before.Owner != "" {
			w.count("rescue: a dead worker's run")
		} else {
			w.count("rescue: a lost message")
		}
	case "Release":
		w.countPause(c.actor, after)
		switch {
		case after.Waiting == nil:
			w.count("release: time to leave the worker")
		case after.Waiting.Until.IsZero():
			w.count("release: a wait of unknown length")
		default:
			w.count("release: a wait of known length")
		}
		if after.Intent != 0 {
			w.count("release: with items of unknown fate")
		}
	}
	if after.Status.Terminal() && !before.Status.Terminal() {
		w.count("ended " + string(after.Status) + " while " + string(before.Status))
		if after.Failure != nil {
			w.count("ended with " + after.Failure.Code)
		}
		if after.Counts.Total == 0 && after.Planned {
			w.count("ended with nothing to do")
		}
		if c.actor.kind == "sweep" {
			w.count("ended by a sweep")
		}
		if in, ok := w.store.Inspect(after.TenantID, after.ID); ok {
			for _, chunk := range in.Chunks {
				for _, o := range chunk.Outcomes {
					if o.Code == run.CodeOutcomeUnknown {
						w.count("an outcome is unknown")
					}
				}
			}
		}
	}
}
