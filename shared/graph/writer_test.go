package graph

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"tenantatlas/shared/reason"
)

func (m *microsoft) writer(clock Clock, change func(*Config)) *Writer {
	m.t.Helper()
	cfg := m.config(clock)
	if change != nil {
		change(&cfg)
	}
	w, err := NewWriter(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	return w
}

const written = `{"displayName":"Größe <&>","n":9007199254740993}`

// What is written arrives byte for byte, and every way of saying "done" is one.
func TestWrite(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
	}{
		"created": {201, `{"id":"1"}`}, "nothing": {204, ""}, "empty": {200, ""}, "no JSON": {200, "done"},
	}
	for name, answer := range answers {
		for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
			t.Run(name+" "+method, func(t *testing.T) {
				var got string
				m := newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(b)
					reply(w, answer.status, answer.body)
				})
				l := &limiter{}
				body, want := json.RawMessage(written), method+" application/json "+written
				if method == http.MethodDelete {
					body, want = nil, method+"  "
				}
				resp, err := m.writer(newClock(), func(c *Config) { c.Limiter = l }).Write(t.Context(), Request{Method: method, Path: "deviceManagement/roleScopeTags", Doing: reason.Update}, body)
				if err != nil || got != want || resp.Status != answer.status {
					t.Errorf("%v, %d, sent %q, want %q", err, resp.Status, got, want)
				}
				if (answer.body == `{"id":"1"}`) != (string(resp.Body) == `{"id":"1"}`) {
					t.Errorf("answer is %s", resp.Body)
				}
				if l.asked[len(l.asked)-1] != "intune true 1" {
					t.Errorf("the limiter was asked %v", l.asked)
				}
			})
		}
	}
}

// A write is sent again only when it is certain that it was not done.
func TestWriteIsRepeatedOnlyWhenNothingWasDone(t *testing.T) {
	broken := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	for _, test := range []struct {
		name      string
		first     func(w http.ResponseWriter)
		requests  int
		uncertain bool
		code      reason.Code // "" for success
	}{
		{"limited", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			reply(w, 429, graphError("TooManyRequests"))
		}, 2, false, ""},
		{"token expired", func(w http.ResponseWriter) { reply(w, 401, graphError("InvalidAuthenticationToken")) }, 2, false, ""},
		{"internal error", func(w http.ResponseWriter) { reply(w, 500, graphError("InternalError")) }, 1, true, reason.OutcomeUnknown},
		{"unavailable", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			reply(w, 503, graphError("ServiceUnavailable"))
		}, 1, true, reason.OutcomeUnknown},
		{"timeout of the gateway", func(w http.ResponseWriter) { reply(w, 504, graphError("UnknownError")) }, 1, true, reason.OutcomeUnknown},
		{"no answer", broken, 1, true, reason.OutcomeUnknown},
		{"answer too long", func(w http.ResponseWriter) { reply(w, 201, `"`+strings.Repeat("x", 3000)+`"`) }, 1, true, reason.OutcomeUnknown},
		{"refused", func(w http.ResponseWriter) { reply(w, 400, graphError("BadRequest")) }, 1, false, reason.ValidationRejected},
		{"held for approval", func(w http.ResponseWriter) {
			w.Header().Set("x-msft-approval-code", "7")
			reply(w, 403, graphError("Forbidden"))
		}, 1, false, reason.ApprovalRequired},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMicrosoft(t, nil)
			n := 0
			m.graph = func(w http.ResponseWriter, _ *http.Request) {
				if n++; n == 1 {
					test.first(w)
					return
				}
				reply(w, 201, `{"id":"1"}`)
			}
			_, err := m.writer(newClock(), func(c *Config) { c.MaxResponse = 2000 }).
				Write(t.Context(), Request{Method: http.MethodPost, Path: "deviceManagement/roleScopeTags", Doing: reason.Create}, []byte(written))
			if len(m.seen()) != test.requests || Uncertain(err) != test.uncertain {
				t.Errorf("%d requests, want %d; uncertain %t, want %t: %v", len(m.seen()), test.requests, Uncertain(err), test.uncertain, err)
			}
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			noCanary(t, err)
			if got := FailureOf(err).Code; got != test.code {
				t.Errorf("code is %s, want %s", got, test.code)
			}
		})
	}
}

// Who is stopped while a write is under way does not know what became of it.
func TestStoppedWriteIsUncertain(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		stop()
		reply(w, 503, graphError("ServiceUnavailable"))
	})
	_, err := m.writer(newClock(), nil).Write(ctx, Request{Method: http.MethodPatch, Path: "deviceManagement/roleScopeTags/1", Doing: reason.Update}, []byte(`{}`))
	if !Uncertain(err) {
		t.Errorf("%v is certain", err)
	}
}

func TestWritesThatAreNotSent(t *testing.T) {
	m := newMicrosoft(t, func(http.ResponseWriter, *http.Request) { t.Error("was sent") })
	w := m.writer(newClock(), nil)
	good := Request{Method: http.MethodPatch, Path: "deviceManagement/roleScopeTags/1", Doing: reason.Update}
	for name, change := range map[string]func(*Request){
		"a read":               func(r *Request) { r.Method = http.MethodGet },
		"no method":            func(r *Request) { r.Method = "" },
		"for a read":           func(r *Request) { r.Doing = reason.ReadObject },
		"with a query":         func(r *Request) { r.Query = map[string][]string{"$filter": {"x"}} },
		"out of the version":   func(r *Request) { r.Path = "../v1.0/users" },
		"an unknown header":    func(r *Request) { r.Header = http.Header{"Authorization": {"x"}} },
		"an overridden method": func(r *Request) { r.Header = http.Header{"X-HTTP-Method": {"DELETE"}} },
	} {
		r := good
		change(&r)
		if _, err := w.Write(t.Context(), r, []byte(`{}`)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Write(t.Context(), good, []byte(`{"a":`)); !errors.Is(err, ErrRequest) {
		t.Errorf("what is no JSON: %v", err)
	}
}
