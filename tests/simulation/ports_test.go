package simulation

import (
	"context"
	"errors"
	"hash/fnv"
	"runtime"
	"sync/atomic"
	"time"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

// actor is one process: a request, an invocation of a function. All its
// goroutines reach the world through its ports and nowhere else.
type actor struct {
	w      *world
	kind   string
	id     string
	tenant string // "" for those that serve all tenants
	op     run.Operation
	about  string // the run that its message names
	ctx    context.Context
	cancel context.CancelFunc
	dead   atomic.Bool
	gone   chan struct{} // closed with its death
	frozen time.Time     // none of its calls is served before this
	killAt time.Time     // when the function's time is over; zero for never
	step   int           // in which it began
	failed error         // what its work returned
	onEnd  func()

	// What a worker has done, for the checks.
	epoch      int64
	claim      error // nil once it holds the run
	claimed    bool
	writes     int
	unsent     bool // a send of it was answered with an error
	reacted    bool // and another call came after that
	sends      int
	released   bool     // gave its run back, to be continued
	slice      [2]int64 // epoch and sequence number of its slice
	canceled   bool     // the slice was begun after the run was asked to stop
	permitted  bool     // what the last look at tenant and role said
	looked     bool     // there was such a look since the last commit
	tenantOpen bool
	allowed    bool // the slice was begun under a look that said yes

	rates rates
}

// call is one use of a port that waits to be served.
type call struct {
	actor   *actor
	label   string
	method  string
	ctx     context.Context
	writes  bool
	graph   bool
	creates bool
	rates   bool
	fence   *run.Fence
	runID   string
	do      func() error
	answer  chan reply
	since   time.Time
	done    bool // the effect has happened, the answer is under way
	err     error
	hangs   bool // served only when its context ends
}

type reply struct {
	err   error
	exit  bool
	panic bool
}

// The faults of a call that no contract names.
var (
	errLost       = errors.New("simulated: not done and not answered")
	errLostAnswer = errors.New("simulated: no answer")
)

// die ends a process: nothing that it would do next happens.
func (a *actor) die() {
	if !a.dead.Swap(true) {
		close(a.gone)
	}
}

// serve hands a call to the scheduler and waits for its answer. In the goroutine
// of a killed actor it never returns: nothing that comes after the call happens.
func (a *actor) serve(c *call) error {
	if a.dead.Load() {
		runtime.Goexit()
	}
	c.actor, c.answer, c.since = a, make(chan reply, 1), time.Now()
	a.w.register(c)
	r := <-c.answer
	switch {
	case r.exit:
		runtime.Goexit()
	case r.panic:
		panic("simulated: a fault in the code of an item")
	}
	return r.err
}

// ports is the cloud as one actor sees it. Without an actor every call is served
// at once and without a fault: that is how the contract tests use it.
type ports struct {
	*memstore.Store
	w *world
	a *actor
}

var (
	_ run.Runs    = (*ports)(nil)
	_ run.Tenants = (*ports)(nil)
	_ run.Records = (*ports)(nil)
	_ run.Rates   = (*ports)(nil)
)

func (p *ports) store(ctx context.Context, method, tenantID, runID string, f *run.Fence, writes bool, do func(context.Context) error) error {
	if p.a == nil {
		return do(ctx)
	}
	p.w.isolated(p.a, method, tenantID)
	return p.a.serve(&call{
		label: p.a.id + " " + method + " " + p.w.name(runID), method: method, ctx: ctx, writes: writes, fence: f, runID: runID,
		do: func() error { return do(context.Background()) },
	})
}

const (
	reads  = false
	writes = true
)

func (p *ports) Tenant(ctx context.Context, tenantID string) (t run.Tenant, err error) {
	err = p.store(ctx, "Tenant", tenantID, "", nil, reads, func(ctx context.Context) (err error) {
		t, err = p.Store.Tenant(ctx, tenantID)
		if p.a != nil {
			p.a.tenantOpen = err == nil && !t.Disabled
		}
		return err
	})
	return onlyDone(t, err)
}

func (p *ports) NoteConnection(ctx context.Context, tenantID string, at time.Time, fault *run.ConnectionFault) error {
	return p.store(ctx, "NoteConnection", tenantID, "", nil, writes, func(ctx context.Context) error {
		return p.Store.NoteConnection(ctx, tenantID, at, fault)
	})
}

func (p *ports) Member(ctx context.Context, tenantID, userID string) (m run.Member, err error) {
	err = p.store(ctx, "Member", tenantID, "", nil, reads, func(ctx context.Context) (err error) {
		m, err = p.Store.Member(ctx, tenantID, userID)
		if p.a != nil {
			p.a.looked = true
			p.a.permitted = p.a.tenantOpen && err == nil && m.Role.Includes(p.a.op.Role())
		}
		return err
	})
	return onlyDone(m, err)
}

// onlyDone keeps the value of a call that failed from whoever asked: it was lost
// with the answer.
func onlyDone[T any](v T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (p *ports) StartView(ctx context.Context, q run.StartQuery) (v run.StartView, err error) {
	err = p.store(ctx, "StartView", q.TenantID, "", nil, reads, func(ctx context.Context) (err error) {
		v, err = p.Store.StartView(ctx, q)
		return err
	})
	return onlyDone(v, err)
}

func (p *ports) CreateRun(ctx context.Context, n run.NewRun) error {
	return p.store(ctx, "CreateRun", n.Run.TenantID, n.Run.ID, nil, writes, func(ctx context.Context) error { return p.Store.CreateRun(ctx, n) })
}

func (p *ports) Run(ctx context.Context, tenantID, runID string) (r run.Run, err error) {
	err = p.store(ctx, "Run", tenantID, runID, nil, reads, func(ctx context.Context) (err error) {
		r, err = p.Store.Run(ctx, tenantID, runID)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) Claim(ctx context.Context, tenantID, runID, owner string, now, lease time.Time) (r run.Run, err error) {
	err = p.store(ctx, "Claim", tenantID, runID, nil, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.Claim(ctx, tenantID, runID, owner, now, lease)
		if p.a != nil {
			p.a.claim, p.a.claimed, p.a.epoch = err, true, r.Epoch
		}
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) SavePlan(ctx context.Context, f run.Fence, items []run.Item, now time.Time) (r run.Run, err error) {
	err = p.store(ctx, "SavePlan", f.TenantID, f.RunID, &f, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.SavePlan(ctx, f, items, now)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) Plan(ctx context.Context, of run.Run, from, n int) (items []run.Item, err error) {
	err = p.store(ctx, "Plan", of.TenantID, of.ID, nil, reads, func(ctx context.Context) (err error) {
		items, err = p.Store.Plan(ctx, of, from, n)
		return err
	})
	return onlyDone(items, err)
}

func (p *ports) BeginSlice(ctx context.Context, f run.Fence, items run.ItemSet, now, lease time.Time) (r run.Run, err error) {
	err = p.store(ctx, "BeginSlice", f.TenantID, f.RunID, &f, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.BeginSlice(ctx, f, items, now, lease)
		if p.a != nil && err == nil {
			p.w.sliceBegun(p.a, f, r)
		}
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) CommitSlice(ctx context.Context, f run.Fence, c run.SliceCommit) (r run.Run, err error) {
	err = p.store(ctx, "CommitSlice", f.TenantID, f.RunID, &f, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.CommitSlice(ctx, f, c)
		if p.a != nil {
			p.a.looked = false
		}
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) Release(ctx context.Context, f run.Fence, pause run.Pause) (r run.Run, err error) {
	err = p.store(ctx, "Release", f.TenantID, f.RunID, &f, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.Release(ctx, f, pause)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) End(ctx context.Context, f run.Fence, e run.RunEnd) (r run.Run, err error) {
	err = p.store(ctx, "End", f.TenantID, f.RunID, &f, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.End(ctx, f, e)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) RequestCancel(ctx context.Context, tenantID, runID string, c run.CancelRequest) (r run.Run, err error) {
	err = p.store(ctx, "RequestCancel", tenantID, runID, nil, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.RequestCancel(ctx, tenantID, runID, c)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) Rescue(ctx context.Context, seen run.Run, now time.Time) (r run.Run, err error) {
	err = p.store(ctx, "Rescue", seen.TenantID, seen.ID, nil, writes, func(ctx context.Context) (err error) {
		r, err = p.Store.Rescue(ctx, seen, now)
		return err
	})
	return onlyDone(r, err)
}

func (p *ports) NoteFault(ctx context.Context, tenantID, runID string, f run.Failure) error {
	return p.store(ctx, "NoteFault", tenantID, runID, nil, writes, func(ctx context.Context) error { return p.Store.NoteFault(ctx, tenantID, runID, f) })
}

func (p *ports) Notified(ctx context.Context, tenantID, runID string) error {
	return p.store(ctx, "Notified", tenantID, runID, nil, writes, func(ctx context.Context) error { return p.Store.Notified(ctx, tenantID, runID) })
}

func (p *ports) PutNotification(ctx context.Context, n run.Notification) error {
	return p.store(ctx, "PutNotification", n.TenantID, n.RunID, nil, writes, func(ctx context.Context) error { return p.Store.PutNotification(ctx, n) })
}

type lister func(context.Context, int, run.PageRequest) (run.Page[run.RunRef], error)

func (p *ports) OpenRuns(ctx context.Context, shard int, r run.PageRequest) (run.Page[run.RunRef], error) {
	return p.index(ctx, "OpenRuns", p.Store.OpenRuns, shard, r)
}

func (p *ports) Unnotified(ctx context.Context, shard int, r run.PageRequest) (run.Page[run.RunRef], error) {
	return p.index(ctx, "Unnotified", p.Store.Unnotified, shard, r)
}

// index reads an index of runs. The store keeps all runs in its first shard; here
// they are spread, and what changed lately is shown as it was or as it is.
func (p *ports) index(ctx context.Context, method string, list lister, shard int, r run.PageRequest) (page run.Page[run.RunRef], err error) {
	read := func(ctx context.Context) error {
		page = run.Page[run.RunRef]{}
		cursor := r.Cursor
		for {
			got, err := list(ctx, 0, run.PageRequest{Limit: r.Limit, Cursor: cursor})
			if err != nil {
				return err
			}
			for _, ref := range got.Items {
				if shardOf(ref.RunID) == shard {
					page.Items = append(page.Items, ref)
				}
			}
			page.Next = got.Next
			if cursor = got.Next; cursor == "" || len(page.Items) > 0 {
				break
			}
		}
		if p.a != nil {
			page.Items = p.w.lagging(method, shard, page.Items)
		}
		return nil
	}
	if p.a == nil {
		return page, read(ctx)
	}
	err = p.a.serve(&call{label: p.a.id + " " + method + " " + string(rune('0'+shard)), method: method, ctx: ctx, do: func() error { return read(context.Background()) }})
	return onlyDone(page, err)
}

func shardOf(runID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(runID))
	return int(h.Sum32() % run.OpenShards)
}

// sender is the queue as one actor sees it.
type sender struct {
	q *queue
	w *world
	a *actor
}

var _ run.Queue = (*sender)(nil)

func (s *sender) Send(ctx context.Context, op run.Operation, d run.Dispatch, delay time.Duration) error {
	if s.a == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.q.put(op, d, delay)
	}
	s.w.isolated(s.a, "Send", d.TenantID)
	return s.a.serve(&call{
		label: s.a.id + " Send " + s.w.name(d.RunID), method: "Send", ctx: ctx, runID: d.RunID,
		do: func() error { s.a.sends++; return s.w.sent(s.a, op, d, delay) },
	})
}
