package function

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

func event(path string) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, Headers: map[string]string{}}
	e.RequestContext.HTTP.Method, e.RequestContext.DomainName, e.RequestContext.RequestID = "GET", "api.example", "req-1"
	return e
}

// What reaches a handler is what was asked, whatever characters are in it.
func TestRequestIsWhatWasAsked(t *testing.T) {
	for sent, want := range map[string]string{
		"/v1/members/a#b": "a#b", "/v1/members/a%23b": "a#b", "/v1/members/a?x=1": "a?x=1", "/v1/members/..": "..",
		"/v1/members/a\x00b": "a\x00b", "/v1/members/auth0|1": "auth0|1", "/v1/members/ü%C3%BC": "üü", "/v1/members/100%": "100%",
	} {
		var got string
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v1/members/{user}", func(w http.ResponseWriter, r *http.Request) {
			got = r.PathValue("user")
			w.WriteHeader(http.StatusNoContent)
		})
		resp, err := httpFunction(mux)(t.Context(), event(sent))
		if err != nil || resp.StatusCode != http.StatusNoContent || got != want {
			t.Errorf("%q: %d %v, handler got %q, want %q", sent, resp.StatusCode, err, got, want)
		}
	}
}

func TestHeadersQueryAndBodyStayWhole(t *testing.T) {
	e := event("/v1/x")
	e.Headers["idempotency-key"], e.Headers["if-none-match"] = "T,one", `"a", "b"`
	e.Cookies = []string{"a=1", "b=2"}
	e.RawQueryString = "q=a%26b&status=queued&status=failed"
	e.Body, e.IsBase64Encoded = "eyJhIjoxfQ==", true
	var seen *http.Request
	var body []byte
	resp, err := httpFunction(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		body, _ = io.ReadAll(r.Body)
		_, _ = w.Write([]byte("ok"))
	}))(t.Context(), e)
	if err != nil || resp.Body != "ok" {
		t.Fatal(resp, err)
	}
	if seen.Header.Get("Idempotency-Key") != "T,one" || len(seen.Header.Values("If-None-Match")) != 1 || seen.Header.Get("Cookie") != "a=1; b=2" {
		t.Errorf("headers %v", seen.Header)
	}
	if q := seen.URL.Query(); q.Get("q") != "a&b" || len(q["status"]) != 2 || string(body) != `{"a":1}` {
		t.Errorf("query %v, body %q", seen.URL.Query(), body)
	}
	if gw, ok := core.GetAPIGatewayV2ContextFromContext(seen.Context()); !ok || gw.RequestID != "req-1" {
		t.Error("the context of the gateway is lost")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/v1/x", "a=b", "h", "b")
	f.Add("//..%2f\x00#?", "%zz", "\r\nx: y", "\xff")
	f.Fuzz(func(t *testing.T, path, query, header, body string) {
		e := event(path)
		e.RawQueryString, e.Headers["x"], e.Body = query, header, body
		resp, err := httpFunction(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/") && strings.HasPrefix(path, "/") {
				t.Errorf("path %q became %q", path, r.URL.Path)
			}
			w.WriteHeader(http.StatusNoContent)
		}))(context.Background(), e)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Errorf("%d, %v", resp.StatusCode, err)
		}
	})
}
