package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"tenantatlas/console"
)

func config() console.Config {
	return console.Config{
		Issuer: "https://issuer.example/pool", ClientID: "client",
		AuthorizeURL: "https://signin.example/oauth2/authorize", TokenURL: "https://signin.example/oauth2/token",
		LogoutURL: "https://signin.example/logout", Scope: "tenantatlas/api",
		PolicyTypes: []console.PolicyType{{ID: "device-configuration", Title: "Device configuration"}},
	}
}

func newHandler(t *testing.T, c console.Config) http.Handler {
	t.Helper()
	h, err := console.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var asset = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// assets are the addresses that the page names.
func assets(t *testing.T, h http.Handler) []string {
	t.Helper()
	var out []string
	for _, m := range asset.FindAllStringSubmatch(ask(h, "GET", "/").Body.String(), -1) {
		out = append(out, m[1])
	}
	if len(out) < 5 {
		t.Fatalf("the page names %d assets", len(out))
	}
	return out
}

func TestEveryPathOfThePageAnswersThePage(t *testing.T) {
	h := newHandler(t, config())
	for _, target := range []string{
		"/", "/index.html", "/tenants", "/notifications", "/auth/callback?code=x&state=y", "/t/ten_1", "/t/ten_1/runs/run_1",
		"/t/ten_1/policies/pol_1?v=3", "/v1x", "/t/v1/runs",
	} {
		w := ask(h, "GET", target)
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(w.Body.String(), "<title>TenantAtlas</title>") {
			t.Errorf("%s: %d %s", target, w.Code, w.Header().Get("Content-Type"))
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q: a deployment would not reach browsers", target, got)
		}
	}
}

// A client of the API that is routed here by mistake must not take the page for
// an answer; nor a browser that asks for a script that is gone.
func TestWhatIsNoPageIsNotAnsweredWithThePage(t *testing.T) {
	h := newHandler(t, config())
	for _, target := range []string{
		"/v1", "/v1/", "/v1/tenants", "/V1/tenants", "//v1/tenants", "/x/../v1/tenants", "/v1/index.html",
		"/assets", "/assets/", "/assets/0000000000000000/app.js", "/app.js", "/favicon.ico", "/robots.txt", "/site/index.html", "/.env", "/console.go",
	} {
		w := ask(h, "GET", target)
		if w.Code != 404 || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "<") {
			t.Errorf("%s: %d %s %s", target, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a refusal may be cached", target)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: not JSON: %s", target, w.Body)
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	h := newHandler(t, config())
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		if w := ask(h, method, "/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	w := ask(h, "HEAD", "/")
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != ask(h, "GET", "/").Header().Get("Content-Length") {
		t.Errorf("HEAD: %d with %d bytes, length %s", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

func TestAssetsAreThereAndMayBeKeptForEver(t *testing.T) {
	h := newHandler(t, config())
	modules := 0
	for _, at := range assets(t, h) {
		w := ask(h, "GET", at)
		if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %s", at, w.Code, w.Header().Get("Cache-Control"))
		}
		if !strings.HasSuffix(at, ".js") {
			continue
		}
		modules++
		// Modules import each other by relative address, so all have one version.
		for _, m := range regexp.MustCompile(`from '([^']+)'`).FindAllStringSubmatch(w.Body.String(), -1) {
			if next := at[:strings.LastIndex(at, "/")+1] + strings.TrimPrefix(m[1], "./"); ask(h, "GET", next).Code != 200 {
				t.Errorf("%s imports %s, which is not served", at, m[1])
			}
		}
	}
	if modules < 5 {
		t.Errorf("the page names %d modules", modules)
	}
}

func TestSettingsReachTheBrowser(t *testing.T) {
	w := ask(newHandler(t, config()), "GET", "/config.json")
	var got console.Config
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Cache-Control") != "no-cache" || got.ClientID != "client" || got.TokenURL != config().TokenURL || got.Scope != "tenantatlas/api" || len(got.PolicyTypes) != 1 {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	for _, key := range []string{"issuer", "clientId", "authorizeUrl", "tokenUrl", "logoutUrl", "scope", "policyTypes"} {
		if !strings.Contains(w.Body.String(), `"`+key+`"`) {
			t.Errorf("%s is missing from %s", key, w.Body)
		}
	}
}

func TestSecurityHeadersStandOnEveryAnswer(t *testing.T) {
	h := newHandler(t, config())
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' https://signin.example; " +
		"form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	for _, target := range []string{"/", "/config.json", "/v1/tenants", "/missing.js", assets(t, h)[0]} {
		head := ask(h, "GET", target).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := head.Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
		if head.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS over plain http", target)
		}
	}
	if ask(h, "GET", "/", "X-Forwarded-Proto", "https").Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS behind a gateway that speaks https")
	}
}

// Inline code would be refused by the policy in the browser, and pass unseen
// everywhere else.
func TestThePageHoldsNoInlineCode(t *testing.T) {
	page := ask(newHandler(t, config()), "GET", "/").Body.String()
	for _, pattern := range []string{`<style`, `style="`, `\son[a-z]+="`, `<script(?:[^>]*)>\s*\S+\s*</script>`, `javascript:`, `assets/version`, `<!-- modules`} {
		if regexp.MustCompile(pattern).MatchString(page) {
			t.Errorf("the page matches %s", pattern)
		}
	}
	h := newHandler(t, config())
	for _, at := range assets(t, h) {
		if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage`).FindString(ask(h, "GET", at).Body.String()); m != "" {
			t.Errorf("%s uses %s", at, m)
		}
	}
}

func TestCompression(t *testing.T) {
	h := newHandler(t, config())
	at := assets(t, h)
	for _, target := range []string{"/", at[len(at)-1]} {
		plain := ask(h, "GET", target)
		for _, accept := range []string{"", "br", "gzip;q=0", "identity"} {
			w := ask(h, "GET", target, "Accept-Encoding", accept)
			if w.Header().Get("Content-Encoding") != "" || !bytes.Equal(w.Body.Bytes(), plain.Body.Bytes()) {
				t.Errorf("%s with Accept-Encoding %q: %q", target, accept, w.Header().Get("Content-Encoding"))
			}
		}
		for _, accept := range []string{"gzip", "br, gzip", "GZIP;q=0.5", "*"} {
			w := ask(h, "GET", target, "Accept-Encoding", accept)
			if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%s with Accept-Encoding %q: %v", target, accept, w.Header())
			}
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
				t.Errorf("%s: unpacked %d bytes of %d: %v", target, len(got), plain.Body.Len(), err)
			}
		}
		if a, b := plain.Header().Get("ETag"), ask(h, "GET", target, "Accept-Encoding", "gzip").Header().Get("ETag"); a == "" || a == b {
			t.Errorf("%s: entity tags %s and %s", target, a, b)
		}
	}
}

func TestKnownContentIsNotSentAgain(t *testing.T) {
	h := newHandler(t, config())
	for _, accept := range []string{"gzip", ""} {
		tag := ask(h, "GET", "/", "Accept-Encoding", accept).Header().Get("ETag")
		w := ask(h, "GET", "/", "Accept-Encoding", accept, "If-None-Match", `"other", W/`+tag)
		if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("Content-Encoding") != "" || w.Header().Get("ETag") != tag {
			t.Errorf("%d with %d bytes, %v", w.Code, w.Body.Len(), w.Header())
		}
	}
	if w := ask(h, "GET", "/", "If-None-Match", `"other"`); w.Code != 200 {
		t.Errorf("other content: %d", w.Code)
	}
}

func TestUnusableSettingsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*console.Config){
		"issuer":        func(c *console.Config) { c.Issuer = "" },
		"client id":     func(c *console.Config) { c.ClientID = "" },
		"token URL":     func(c *console.Config) { c.TokenURL = "https://a.example;script-src *" },
		"authorize URL": func(c *console.Config) { c.AuthorizeURL = "javascript:alert(1)" },
		"logout URL":    func(c *console.Config) { c.LogoutURL = "//signin.example/logout" },
	} {
		c := config()
		change(&c)
		if _, err := console.New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// With an issuer alone the browser reads the discovery document, so it must be
// allowed to.
func TestAnIssuerAloneIsEnough(t *testing.T) {
	h := newHandler(t, console.Config{Issuer: "https://login.example:8443/v2.0", ClientID: "client"})
	if policy := ask(h, "GET", "/").Header().Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' https://login.example:8443;") {
		t.Error(policy)
	}
	if body := ask(h, "GET", "/config.json").Body.String(); !strings.Contains(body, `"policyTypes":[]`) {
		t.Error(body)
	}
}
