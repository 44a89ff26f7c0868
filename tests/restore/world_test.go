package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tenantatlas/shared/run"
	"tenantatlas/shared/sweeper"
)

// What a worker uses. Its calls of each are counted by themselves.
const (
	graphWrite = "graph write"
	graphRead  = "graph read"
	storeWrite = "store write"
	storeRead  = "store read"
	others     = "archive, vault, queue"
)

// How a call can go wrong. A dead worker does nothing more: its lease expires.
const (
	lost        = "not done, error"        // of a store: not done; of Graph: the connection breaks before
	unanswered  = "done, error"            // done, and nobody says so
	diesBefore  = "the worker dies before" //
	diesAfter   = "the worker dies after"  //
	unavailable = "503, not done"          //
	timedOut    = "504, done"              //
	halfAnswer  = "done, half an answer"   //
	limited     = "429, a short pause"     //
	limitedLong = "429, a long pause"      // longer than a worker waits in place
	refusedOnce = "400, not done"          // for good, as far as the worker can tell
	down        = "503 for a while"        // longer than a worker tries in place
)

// fault is one call that goes wrong.
type fault struct {
	place, kind string
	nth         int // from 1, of the calls at the place
}

func (f fault) String() string { return fmt.Sprintf("%s %d: %s", f.place, f.nth, f.kind) }

// world stands between workers and what they use. It counts, and breaks.
type world struct {
	mu     sync.Mutex
	fault  []fault
	armed  bool // a worker is at work: what others do is not meant
	dead   bool // that worker is
	calls  map[string][]string
	done   map[string]int // requests that wrote, by method and path
	begun  *fault         // the store call under way that goes wrong after its effect
	after  time.Time      // until when everything is down
	struck int
}

var errBroken = errors.New("simulated: no answer")

// seen counts a call and says how it goes wrong.
func (w *world) seen(place, label string) *fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return &fault{kind: diesBefore}
	}
	w.calls[place] = append(w.calls[place], label)
	for i, f := range w.fault {
		if f.place == place && f.nth == len(w.calls[place]) {
			w.struck++
			return &w.fault[i]
		}
	}
	return nil
}

// die ends the worker: what comes after the call never happens.
func (w *world) die() {
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	runtime.Goexit()
}

// call breaks a call of storage.
func (w *world) call(place, label string, done bool) error {
	w.mu.Lock()
	armed := w.armed
	w.mu.Unlock()
	if !armed {
		return nil
	}
	if !done {
		f := w.seen(place, label)
		switch {
		case f == nil:
		case f.kind == diesBefore:
			w.die()
		case f.kind == lost:
			return errBroken
		default:
			w.mu.Lock()
			w.begun = f
			w.mu.Unlock()
		}
		return nil
	}
	w.mu.Lock()
	f := w.begun
	w.begun = nil
	w.mu.Unlock()
	switch {
	case f == nil:
	case f.kind == diesAfter:
		w.die()
	default:
		return errBroken
	}
	return nil
}

// storeReads are the calls of the store that change nothing.
var storeReads = []string{"Run", "Plan", "Tenant", "Member", "Schedule", "Policy", "PoliciesByID", "AllPolicies", "Version", "Versions", "Outcomes", "BackupSet", "BackupItems"}

func (w *world) store(method string, done bool) error {
	place := storeWrite
	if slices.Contains(storeReads, method) {
		place = storeRead
	}
	return w.call(place, method, done)
}

func (w *world) vault(method string, done bool) error { return w.call(others, "vault "+method, done) }

type hookedArchive struct {
	run.Archive
	w *world
}

func (a hookedArchive) Put(ctx context.Context, tenantID string, payload []byte) (key string, err error) {
	err = a.w.both("archive Put", func() error { key, err = a.Archive.Put(ctx, tenantID, payload); return err })
	return key, err
}

func (a hookedArchive) Get(ctx context.Context, tenantID, key string) (payload []byte, err error) {
	err = a.w.both("archive Get", func() error { payload, err = a.Archive.Get(ctx, tenantID, key); return err })
	return payload, err
}

type hookedQueue struct {
	run.Queue
	w *world
}

func (q hookedQueue) Send(ctx context.Context, op run.Operation, d run.Dispatch, delay time.Duration) error {
	return q.w.both("queue Send", func() error { return q.Queue.Send(ctx, op, d, delay) })
}

func (w *world) both(label string, effect func() error) error {
	if err := w.call(others, label, false); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return w.call(others, label, true)
}

// transport breaks requests to Graph.
type transport struct {
	next http.RoundTripper
	w    *world
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := t.w
	w.mu.Lock()
	armed, dead, isDown := w.armed, w.dead, time.Now().Before(w.after)
	w.mu.Unlock()
	if !armed || strings.Contains(r.URL.Path, "oauth2") || strings.Contains(r.URL.Path, "openid") {
		if armed && dead {
			runtime.Goexit()
		}
		return t.next.RoundTrip(r)
	}
	place, label := graphRead, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/beta/")
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/$batch") {
		place = graphWrite
	}
	f := w.seen(place, label)
	if f == nil && isDown {
		f = &fault{kind: unavailable}
	}
	if f == nil {
		return t.do(r, place, label)
	}
	switch f.kind {
	case diesBefore:
		w.die()
	case lost:
		return nil, io.ErrUnexpectedEOF
	case unavailable:
		return answer(r, http.StatusServiceUnavailable, "CancelledOnServiceTimeout", ""), nil
	case limited:
		return answer(r, http.StatusTooManyRequests, "TooManyRequests", "2"), nil
	case limitedLong:
		return answer(r, http.StatusTooManyRequests, "TooManyRequests", "90"), nil
	case refusedOnce:
		return answer(r, http.StatusBadRequest, "BadRequest", ""), nil
	case down:
		w.mu.Lock()
		w.after = time.Now().Add(2 * time.Minute)
		w.mu.Unlock()
		return answer(r, http.StatusServiceUnavailable, "CancelledOnServiceTimeout", ""), nil
	}
	resp, err := t.do(r, place, label)
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case diesAfter:
		w.die()
	case timedOut:
		return answer(r, http.StatusGatewayTimeout, "UnknownError", ""), nil
	case halfAnswer:
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
		return resp, nil
	}
	return nil, io.ErrUnexpectedEOF // unanswered
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// do carries a request out.
func (t transport) do(r *http.Request, place, label string) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err == nil && place == graphWrite && resp.StatusCode < 300 {
		t.w.mu.Lock()
		t.w.done[label]++
		t.w.mu.Unlock()
	}
	return resp, err
}

func answer(r *http.Request, status int, code, retryAfter string) *http.Response {
	text := fmt.Sprintf(`{"error":{"code":%q,"message":"An error has occurred."}}`, code)
	resp := &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r,
	}
	if retryAfter != "" {
		resp.Header.Set("Retry-After", retryAfter)
	}
	return resp
}

// between puts a world between the workers of a bed and what they use.
func (b *bed) between(faults ...fault) *world {
	w := &world{fault: faults, calls: map[string][]string{}, done: map[string]int{}}
	b.world, b.store.Hook, b.vault.Hook = w, w.store, w.vault
	b.client = &http.Client{Transport: transport{b.sim.MemoryTransport(), w}}
	return w
}

// handle is one invocation of a worker. It reports whether its message is done
// with; that of a dead worker comes to nobody.
func (b *bed) handle(m sent) (err error) {
	w := b.world
	w.mu.Lock()
	w.armed, w.dead = true, false
	w.mu.Unlock()
	over := make(chan struct{})
	go func() {
		defer close(over)
		err = b.engine(m.op).Handle(b.t.Context(), m.d)
	}()
	<-over
	w.mu.Lock()
	w.armed = false
	w.mu.Unlock()
	return err
}

// redelivery is after how long a message whose worker failed comes again.
const redelivery = 6 * time.Minute

// ends works a run off, with a sweep each minute, and reports whether it ends within its time.
func (b *bed) ends(runID string) bool {
	b.t.Helper()
	sweep := &sweeper.Sweeper{
		Runs: b.store, Queue: b.queue, Now: b.clock.Now, Log: b.log(),
		Notify: func(ctx context.Context, r run.Run) error { return b.store.Notified(ctx, r.TenantID, r.ID) },
	}
	next := b.clock.Now().Add(time.Minute)
	for {
		in, ok := b.store.Inspect(tenantID, runID)
		if !ok {
			b.t.Fatalf("no run %s", runID)
		}
		if in.Run.Status.Terminal() {
			return !in.Run.FinishedAt.After(in.Run.DeadlineAt.Add(2 * time.Minute))
		}
		if b.clock.Now().After(in.Run.DeadlineAt.Add(5 * time.Minute)) {
			return false
		}
		if m, due := b.queue.due(next); due {
			if wait := m.at.Sub(b.clock.Now()); wait > 0 {
				b.clock.pass(wait)
			}
			if err := b.handle(m); err != nil {
				m.at = b.clock.Now().Add(redelivery)
				b.queue.put(m)
			}
			continue
		}
		if wait := next.Sub(b.clock.Now()); wait > 0 {
			b.clock.pass(wait)
		}
		next = b.clock.Now().Add(time.Minute)
		if _, err := sweep.Sweep(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}
