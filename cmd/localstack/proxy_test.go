package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask sends a request to the gateway and returns the status and body of its answer.
func ask(t *testing.T, g *gateway, method, path, host string) (status int, body string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, "http://"+host+path, http.NoBody))
	return recorder.Code, recorder.Body.String()
}

// standIn answers with the Host and path that it was asked with.
func standIn(t *testing.T) *gateway {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, r.Host+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")+r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(server.Close)
	g := newGateway(8080, slog.New(slog.DiscardHandler))
	g.open(backend{aws: strings.TrimPrefix(server.URL, "http://"), apiID: "abc123", poolID: "eu-central-1_Pool"})
	return g
}

func TestOneOriginLeadsToSignInAPIAndConsole(t *testing.T) {
	g := standIn(t)
	const api, pages = "abc123.execute-api.localhost", "localhost:8080"
	for path, host := range map[string]string{
		"/":                             api,
		"/v1/me":                        api,
		"/v1/tenants?pageToken=a%2Fb":   api,
		"/assets/app.js":                api,
		"/callback?code=1":         api,
		"/v1/login":                     api,
		"/oauth2/authorize?client_id=x": pages,
		"/oauth2/token":                 pages,
		"/login":                        pages,
		"/logout?client_id=x":           pages,
		"/eu-central-1_Pool/.well-known/jwks.json":            pages,
		"/eu-central-1_Pool/.well-known/openid-configuration": pages,
	} {
		if _, got := ask(t, g, http.MethodGet, path, "localhost:8080"); !strings.HasPrefix(got, host+" "+path+" ") {
			t.Errorf("%s went to %q, want host %s", path, got, host)
		}
	}
}

func TestOtherHostsAreRefused(t *testing.T) {
	g := standIn(t)
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1:8080": 200, "LOCALHOST:8080": 200,
		"evil.example": 421, "localhost": 421, "localhost:8081": 421, "localhost.evil.example:8080": 421,
	} {
		if got, _ := ask(t, g, http.MethodGet, "/v1/me", host); got != want {
			t.Errorf("Host %s answered %d, want %d", host, got, want)
		}
	}
}

func TestTheStandInsAdministrationIsNotOnTheOrigin(t *testing.T) {
	if got, _ := ask(t, standIn(t), http.MethodPost, "/_ministack/reset", "localhost:8080"); got != http.StatusNotFound {
		t.Errorf("answered %d", got)
	}
}

func TestNothingOfTheInsideShowsInAnError(t *testing.T) {
	g := newGateway(8080, slog.New(slog.DiscardHandler))
	if status, _ := ask(t, g, http.MethodGet, "/v1/me", "localhost:8080"); status != http.StatusServiceUnavailable {
		t.Errorf("before the deployment it answered %d", status)
	}
	g.open(backend{aws: "127.0.0.1:1", apiID: "abc123"}) // nothing listens there
	if status, got := ask(t, g, http.MethodGet, "/v1/me", "localhost:8080"); status != http.StatusBadGateway || got != "The local stack did not answer.\n" {
		t.Errorf("answered %d %q", status, got)
	}
}
