package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/reason"
)

type batchBody struct {
	Requests []batchPart `json:"requests"`
}

// batches serves $batch: part decides the answer to each request, in reverse
// order, because Graph gives them in any.
func batches(t *testing.T, part func(w http.ResponseWriter, r *http.Request, p batchPart) map[string]any) (http.HandlerFunc, func() [][]string) {
	var (
		mu    sync.Mutex
		calls [][]string
	)
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/beta/$batch" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		raw, _ := io.ReadAll(r.Body)
		var in batchBody
		if err := json.Unmarshal(raw, &in); err != nil || len(in.Requests) == 0 || len(in.Requests) > 20 {
			t.Errorf("%v, %d requests", err, len(in.Requests))
		}
		var urls []string
		var out []map[string]any
		ids := map[string]bool{}
		for _, p := range in.Requests {
			if ids[p.ID] {
				t.Errorf("id %s twice", p.ID)
			}
			ids[p.ID] = true
			urls = append(urls, p.URL)
			if a := part(w, r, p); a != nil {
				if _, has := a["id"]; !has {
					a["id"] = p.ID
				}
				out = append(out, a)
			}
		}
		mu.Lock()
		calls = append(calls, urls)
		mu.Unlock()
		slices.Reverse(out)
		reply(w, 200, map[string]any{"responses": out})
	}
	return handler, func() [][]string {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
}

func gets(n int) []Request {
	out := make([]Request, n)
	for i := range out {
		out[i] = Request{Path: fmt.Sprintf("groups/g%d", i), Doing: reason.ReadGroup}
	}
	return out
}

func ok(p batchPart) map[string]any {
	return map[string]any{"status": 200, "headers": map[string]any{"request-id": graphID}, "body": json.RawMessage(`{"url":"` + p.URL + `","n":9007199254740993}`)}
}

func TestBatchSplitsAndKeepsOrder(t *testing.T) {
	h, calls := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any {
		if p.URL == "/groups/g7" {
			return map[string]any{"status": 404, "body": graphError("Request_ResourceNotFound")}
		}
		return ok(p)
	})
	m := newMicrosoft(t, h)
	got, err := m.reader(newClock(), nil).Batch(t.Context(), gets(45))
	if err != nil || len(got) != 45 {
		t.Fatalf("%v, %d results", err, len(got))
	}
	for i, r := range got {
		if i == 7 {
			noCanary(t, r.Err)
			if f := FailureOf(r.Err); f.Code != reason.UnresolvedGroup || f.HTTPStatus != 404 {
				t.Errorf("%+v", f)
			}
			continue
		}
		if want := fmt.Sprintf(`{"url":"/groups/g%d","n":9007199254740993}`, i); r.Err != nil || string(r.Body) != want || r.RequestID != graphID {
			t.Errorf("%d: %v %s", i, r.Err, r.Body)
		}
	}
	var sizes []int
	for _, c := range calls() {
		sizes = append(sizes, len(c))
	}
	if !slices.Equal(sizes, []int{20, 20, 5}) {
		t.Errorf("calls of %v", sizes)
	}
}

// Each request is limited alone inside an answer of 200 (IntuneCD#163 lost
// assignments because of it): those are sent again after the longest of their
// pauses, the others are not.
func TestBatchRetriesOnlyWhatFailed(t *testing.T) {
	tries := map[string]int{}
	h, calls := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any {
		tries[p.URL]++
		first := tries[p.URL] == 1
		switch {
		case p.URL == "/groups/g1" && first:
			return map[string]any{"status": 429, "headers": map[string]any{"Retry-After": "2.5"}, "body": graphError("TooManyRequests")}
		case p.URL == "/groups/g2" && first:
			return map[string]any{"status": 503, "headers": map[string]any{"retry-after": 1}, "body": graphError("ServiceUnavailable")}
		case p.URL == "/groups/g3":
			return map[string]any{"status": 429, "headers": map[string]any{"Retry-After": "300"}, "body": graphError("TooManyRequests")}
		case p.URL == "/groups/g4":
			return map[string]any{"status": 500, "body": canary}
		case p.URL == "/groups/g5" && first:
			return nil // left out of the answer
		case p.URL == "/groups/g6":
			return map[string]any{"status": 403, "body": graphError("Authorization_RequestDenied")}
		}
		return ok(p)
	})
	m := newMicrosoft(t, h)
	clock := newClock()
	got, err := m.reader(clock, nil).Batch(t.Context(), gets(8))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []reason.Code{"", "", "", reason.GraphThrottled, reason.GraphUnavailable, "", reason.ConsentMissing, ""} {
		if want == "" {
			if got[i].Err != nil || got[i].Body == nil {
				t.Errorf("%d: %v", i, got[i].Err)
			}
			continue
		}
		noCanary(t, got[i].Err)
		if FailureOf(got[i].Err).Code != want {
			t.Errorf("%d: %v", i, got[i].Err)
		}
	}
	var throttled *ThrottledError
	if !errors.As(got[3].Err, &throttled) || throttled.RetryAfter != 5*time.Minute || throttled.Lane != LaneDirectory {
		t.Errorf("%v", got[3].Err)
	}
	if want := [][]string{{"/groups/g0", "/groups/g1", "/groups/g2", "/groups/g3", "/groups/g4", "/groups/g5", "/groups/g6", "/groups/g7"},
		{"/groups/g1", "/groups/g2", "/groups/g4", "/groups/g5"}, {"/groups/g4"}, {"/groups/g4"}}; fmt.Sprint(calls()) != fmt.Sprint(want) {
		t.Errorf("%v", calls())
	}
	if w := clock.waits(); len(w) != 3 || w[0] != 2500*time.Millisecond {
		t.Errorf("waited %v", w)
	}
}

func TestBatchRenewsTheTokenOnce(t *testing.T) {
	h, calls := batches(t, func(_ http.ResponseWriter, r *http.Request, p batchPart) map[string]any {
		if p.URL == "/groups/g1" || (p.URL == "/groups/g0" && r.Header.Get("Authorization") == "Bearer token-1") {
			return map[string]any{"status": 401, "body": graphError("InvalidAuthenticationToken")}
		}
		return ok(p)
	})
	m := newMicrosoft(t, h)
	got, err := m.reader(newClock(), nil).Batch(t.Context(), gets(3))
	if err != nil || got[0].Err != nil || got[2].Err != nil || FailureOf(got[1].Err).Code != reason.CredentialInvalid {
		t.Errorf("%v %v", err, got)
	}
	if m.issued() != 2 || len(calls()) != 2 {
		t.Errorf("%d tokens, %d calls", m.issued(), len(calls()))
	}
}

// Answers that are too large together come in smaller calls; one that is too
// large alone fails alone.
func TestBatchTooLargeTogether(t *testing.T) {
	h, _ := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any {
		n := 400
		if p.URL == "/groups/g2" {
			n = 2000
		}
		return map[string]any{"status": 200, "body": strings.Repeat("x", n)}
	})
	m := newMicrosoft(t, h)
	got, err := m.reader(newClock(), func(c *Config) { c.MaxResponse = 1000 }).Batch(t.Context(), gets(5))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if (i == 2) != (r.Err != nil) {
			t.Errorf("%d: %v", i, r.Err)
		}
	}
	if FailureOf(got[2].Err).Code != reason.TooLarge {
		t.Errorf("%v", got[2].Err)
	}
}

func TestBatchAsAWholeFails(t *testing.T) {
	n := 0
	h, _ := batches(t, func(_ http.ResponseWriter, _ *http.Request, p batchPart) map[string]any { return ok(p) })
	m := newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			w.Header().Set("Retry-After", "60")
			reply(w, 429, graphError("TooManyRequests"))
			return
		}
		h(w, r)
	})
	got, err := m.reader(newClock(), nil).Batch(t.Context(), gets(50))
	noCanary(t, err)
	var throttled *ThrottledError
	if !errors.As(err, &throttled) || n != 2 {
		t.Errorf("%v after %d calls", err, n)
	}
	for i, r := range got {
		if (i < 20) != (r.Err == nil) {
			t.Errorf("%d: %v", i, r.Err)
		}
	}
	for _, body := range []string{`{}`, `{"responses":5}`, `[]`, `{"responses":[{"id":"1"}]}`, `{"responses":[{"id":"99","status":200}]}`} {
		m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) })
		got, err := m.reader(newClock(), nil).Batch(t.Context(), gets(1))
		if err != nil || FailureOf(got[0].Err).Code != reason.GraphUnavailable {
			t.Errorf("%s: %v %v", body, err, got)
		}
	}
	if got, err := m.reader(newClock(), nil).Batch(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}
