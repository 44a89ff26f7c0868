package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/reason"
)

// limiter notes what it is asked and told; stop, when set, is its answer.
type limiter struct {
	mu    sync.Mutex
	asked []string
	told  []string
	until []time.Time
	stop  func(asked int) error
}

func (l *limiter) Take(_ context.Context, lane Lane, write bool, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, fmt.Sprintf("%s %t %d", lane, write, n))
	if l.stop != nil {
		return l.stop(len(l.asked))
	}
	return nil
}

func (l *limiter) Throttled(_ context.Context, lane Lane, write bool, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprintf("%s %t", lane, write))
	l.until = append(l.until, until)
}

func (m *microsoft) limited(clock Clock, l *limiter) *Reader {
	return m.reader(clock, func(c *Config) { c.Limiter = l })
}

func TestLimiterIsAsked(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `{}`) })
	full := errors.New("no budget")
	l := &limiter{stop: func(asked int) error {
		if asked > 2 {
			return full
		}
		return nil
	}}
	r := m.limited(newClock(), l)
	if _, err := r.Get(t.Context(), Request{Path: "deviceAppManagement/mobileApps"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(t.Context(), Request{Path: "groups"}); !errors.Is(err, full) {
		t.Error(err)
	}
	if !slices.Equal(l.asked, []string{"entra false 1", "intune false 1", "directory false 1"}) || len(m.seen()) != 1 {
		t.Error(l.asked)
	}
	// Without budget for a token none is fetched, and the caller hears why.
	before := m.issued()
	r = m.limited(newClock(), &limiter{stop: func(int) error { return full }})
	if err := r.CheckToken(t.Context()); !errors.Is(err, full) || m.issued() != before {
		t.Errorf("%v after %d tokens", err, m.issued()-before)
	}
	if _, err := r.Collect(t.Context(), Request{Path: "groups"}, ListOptions{}); !errors.Is(err, full) {
		t.Error(err)
	}
}

// Each part of a batch counts on its own lane, as the read or write that it is.
func TestLimiterIsAskedForEachPart(t *testing.T) {
	h, _ := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any { return ok(p) })
	m := newMicrosoft(t, h)
	l := &limiter{}
	if _, err := m.limited(newClock(), l).Batch(t.Context(), append(gets(3), Request{Path: "deviceManagement/deviceConfigurations/x"})); err != nil {
		t.Fatal(err)
	}
	if _, err := m.limited(newClock(), l).Batch(t.Context(), append(gets(1), Request{Method: http.MethodDelete, Path: "groups/g"})); err == nil {
		t.Error("a reader deleted a group")
	}
	if want := []string{"entra false 1", "directory false 3", "intune false 1", "entra false 1", "directory false 1", "directory true 1"}; !slices.Equal(l.asked, want) {
		t.Errorf("asked for %q, want %q", l.asked, want)
	}
}

// Every limit that Microsoft sets is passed on with its end, whether the request
// is sent again in place or handed back, from wherever it comes.
func TestLimiterIsToldOfEveryLimit(t *testing.T) {
	short := func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "2")
		reply(w, 429, graphError("TooManyRequests"))
	}
	for _, tt := range []struct {
		name   string
		graph  http.HandlerFunc
		entra  bool
		told   string
		times  int
		pauses time.Duration
	}{
		{"handed back", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90.5")
			reply(w, 429, graphError("TooManyRequests"))
		}, false, "directory false", 1, 90500 * time.Millisecond},
		{"in place", func(w http.ResponseWriter, _ *http.Request) { short(w) }, false, "directory false", 4, 2 * time.Second},
		{"token", nil, true, "entra false", 4, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMicrosoft(t, tt.graph)
			if tt.entra {
				m.entra = func(w http.ResponseWriter, _ *http.Request) bool { short(w); return true }
			}
			l, clock := &limiter{}, newClock()
			_, err := m.limited(clock, l).Get(t.Context(), Request{Path: "groups"})
			noCanary(t, err)
			if len(l.told) != tt.times || l.told[0] != tt.told {
				t.Fatalf("told %q", l.told)
			}
			if got := l.until[0].Sub(newClock().Now()); got != tt.pauses {
				t.Errorf("told of a pause of %s, want %s", got, tt.pauses)
			}
		})
	}
	t.Run("a batch of reads as a whole", func(t *testing.T) {
		l := &limiter{}
		_, err := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { short(w) }).limited(newClock(), l).Batch(t.Context(), gets(3))
		if noCanary(t, err); len(l.told) != 4 || l.told[0] != "directory false" {
			t.Errorf("told %q", l.told)
		}
	})
	t.Run("inside a batch, once for all parts of a lane", func(t *testing.T) {
		h, calls := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any {
			if p.ID == "1" { // one more is answered with each call
				return ok(p)
			}
			return map[string]any{"status": 429, "headers": map[string]any{"Retry-After": p.ID}, "body": graphError("TooManyRequests")}
		})
		l, clock := &limiter{}, newClock()
		_, err := newMicrosoft(t, h).limited(clock, l).Batch(t.Context(), gets(4))
		if err != nil || len(l.told) != 3 || len(calls()) != 4 {
			t.Fatalf("%v, told %q in %d calls", err, l.told, len(calls()))
		}
		if got := l.until[0].Sub(newClock().Now()); got != 4*time.Second || l.told[0] != "directory false" {
			t.Errorf("told of a pause of %s on %s, want the longest", got, l.told[0])
		}
	})
}

// No layer multiplies what another one repeats: whatever fails for ever, one
// request is sent MaxAttempts times and no more.
func TestAttemptsAreNotMultiplied(t *testing.T) {
	get := func(r *Reader) error {
		_, err := r.Get(t.Context(), Request{Path: "groups/g0"})
		return err
	}
	list := func(r *Reader) error {
		_, err := r.Collect(t.Context(), Request{Path: "groups"}, ListOptions{Top: 100})
		return err
	}
	batch := func(r *Reader) error {
		got, err := r.Batch(t.Context(), gets(1))
		if err == nil {
			err = got[0].Err
		}
		return err
	}
	for _, status := range []int{429, 500, 502, 503, 504} {
		for _, header := range []string{"", "1"} {
			fail := func(w http.ResponseWriter) {
				if header != "" {
					w.Header().Set("Retry-After", header)
				}
				reply(w, status, graphError("Down"))
			}
			part := func(_ http.ResponseWriter, _ *http.Request, _ batchPart) map[string]any {
				return map[string]any{"status": status, "headers": map[string]any{"Retry-After": header}, "body": graphError("Down")}
			}
			parts, _ := batches(t, part)
			n := 0
			for _, tt := range []struct {
				name  string
				do    func(*Reader) error
				graph http.HandlerFunc
				entra bool
			}{
				{"get", get, func(w http.ResponseWriter, _ *http.Request) { fail(w) }, false},
				{"list", list, func(w http.ResponseWriter, _ *http.Request) { fail(w) }, false},
				{"batch", batch, func(w http.ResponseWriter, _ *http.Request) { fail(w) }, false},
				{"part of a batch", batch, parts, false},
				{"batch and part in turn", batch, func(w http.ResponseWriter, r *http.Request) {
					if n++; n%2 == 1 {
						fail(w)
						return
					}
					parts(w, r)
				}, false},
				{"token", get, nil, true},
				{"token alone", func(r *Reader) error { return r.CheckToken(t.Context()) }, nil, true},
			} {
				t.Run(fmt.Sprintf("%s %d %q", tt.name, status, header), func(t *testing.T) {
					m := newMicrosoft(t, tt.graph)
					if tt.entra {
						m.entra = func(w http.ResponseWriter, _ *http.Request) bool { fail(w); return true }
					}
					clock := newClock()
					noCanary(t, tt.do(m.reader(clock, nil)))
					sent := len(m.seen())
					if tt.entra {
						sent += m.issued()
					}
					if sent != 4 || len(clock.waits()) != 3 {
						t.Errorf("sent %d times with pauses of %v", sent, clock.waits())
					}
					for _, wait := range clock.waits() {
						if header != "" && wait != time.Second {
							t.Errorf("waited %s, Microsoft said 1 s", wait)
						}
					}
				})
			}
		}
	}
}

// When everything fails, a claim sends a fifth more than it would, not four
// times as much; what is left is handed back at once.
func TestRetryBudget(t *testing.T) {
	for _, status := range []int{429, 503} {
		m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, status, graphError("Down")) })
		clock := newClock()
		r := m.reader(clock, nil)
		ctx := WithRetryBudget(t.Context(), &RetryBudget{})
		const requests = 200
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range requests / 4 {
					_, err := r.Get(ctx, Request{Path: "groups"})
					var throttled *ThrottledError
					var gone *UnavailableError
					if status == 429 && !errors.As(err, &throttled) || status == 503 && !errors.As(err, &gone) {
						t.Errorf("%v", err)
					}
				}
			})
		}
		group.Wait()
		if again := len(m.seen()) - requests; again != freeRetries+requests/requestsPerRetry {
			t.Errorf("%d: %d requests were sent again, want 10 and a fifth of %d", status, again, requests)
		}
		// Another claim is not hurt by it, and a success needs nothing of it.
		before := len(m.seen())
		_, err := r.Get(WithRetryBudget(t.Context(), &RetryBudget{}), Request{Path: "groups"})
		if sent := len(m.seen()) - before; sent != 4 || FailureOf(err).Code == reason.Internal {
			t.Errorf("%v after %d attempts", err, sent)
		}
	}
}
