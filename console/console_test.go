package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

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

// site is a built console in small.
func site() fstest.MapFS {
	return fstest.MapFS{
		".gitkeep": {Data: []byte("kept")},
		".stamp":   {Data: []byte("stamp")},
		"index.html": {Data: []byte(`<!doctype html><html lang="en"><head><title>TenantAtlas</title>` +
			`<script type="module" crossorigin src="/assets/index-a1.js"></script><link rel="modulepreload" crossorigin href="/assets/ui-b2.js">` +
			`<link rel="stylesheet" crossorigin href="/assets/index-c3.css"></head><body><div id="root"></div></body></html>`)},
		"assets/index-a1.js":  {Data: []byte(`import{a}from"./ui-b2.js";const page=()=>import("./Page-d4.js");` + strings.Repeat("a();", 200))},
		"assets/ui-b2.js":     {Data: []byte("export const a=()=>1;")},
		"assets/Page-d4.js":   {Data: []byte(`import{a}from"./ui-b2.js";export const Page=a;`)},
		"assets/index-c3.css": {Data: []byte(strings.Repeat(".a{color:red}", 50))},
		"assets/icon-e5.svg":  {Data: []byte("<svg/>")},
	}
}

func newHandler(t *testing.T, c console.Config) http.Handler {
	t.Helper()
	h, err := console.NewOn(c, site())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sites are the handler over the small site, and over the real one once it is built.
func sites(t *testing.T) map[string]http.Handler {
	t.Helper()
	out := map[string]http.Handler{"small": newHandler(t, config())}
	dist, err := console.Dist()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(dist, "index.html"); err == nil {
		if out["built"], err = console.New(config()); err != nil {
			t.Fatal(err)
		}
	}
	return out
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
	if len(out) < 3 {
		t.Fatalf("the page names %d assets", len(out))
	}
	return out
}

func TestEveryPathOfThePageAnswersThePage(t *testing.T) {
	h := newHandler(t, config())
	for _, target := range []string{
		"/", "/index.html", "/tenants", "/notifications", "/callback?code=x&state=y", "/t/ten_1", "/t/ten_1/runs/run_1",
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
		"/assets", "/assets/", "/assets/index-00.js", "/index-a1.js", "/favicon.ico", "/robots.txt", "/dist/index.html", "/.env", "/.gitkeep", "/.stamp", "/console.go",
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

// imported are the addresses that a module names, at once or later.
var imported = regexp.MustCompile(`["'` + "`" + `](?:\./|/?assets/)([\w.-]+\.(?:js|css))["'` + "`" + `]`)

func TestAssetsAreThereAndMayBeKeptForEver(t *testing.T) {
	for name, h := range sites(t) {
		seen := map[string]bool{}
		for next := assets(t, h); len(next) > 0; {
			at := next[0]
			next = next[1:]
			if seen[at] {
				continue
			}
			seen[at] = true
			w := ask(h, "GET", at)
			if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s site: %s: %d %s", name, at, w.Code, w.Header().Get("Cache-Control"))
			}
			if strings.HasSuffix(at, ".js") {
				for _, m := range imported.FindAllStringSubmatch(w.Body.String(), -1) {
					next = append(next, "/assets/"+m[1])
				}
			}
		}
		if len(seen) < 4 {
			t.Errorf("%s site: %d assets are reached from the page", name, len(seen))
		}
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
	const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src 'self'; connect-src 'self' https://signin.example; " +
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
	for name, h := range sites(t) {
		page := ask(h, "GET", "/").Body.String()
		for _, pattern := range []string{`<style`, `style="`, `\son[a-z]+="`, `<script(?:[^>]*)>\s*\S+\s*</script>`, `javascript:`, `(?:href|src)="data:`} {
			if regexp.MustCompile(pattern).MatchString(page) {
				t.Errorf("%s site: the page matches %s", name, pattern)
			}
		}
	}
}

// A tree without the built site compiles, and says what is missing.
func TestWithoutABuiltSiteThePageSaysSo(t *testing.T) {
	h, err := console.NewOn(config(), fstest.MapFS{".gitkeep": {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", "/t/ten_1/runs"} {
		w := ask(h, "GET", target)
		if w.Code != 503 || w.Body.String() != "The console is not built. Run make console.\n" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %s %q", target, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
	for target, want := range map[string]int{"/config.json": 200, "/v1/tenants": 404, "/assets/index.js": 404} {
		if w := ask(h, "GET", target); w.Code != want {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestAFileOfAnUnknownKindIsNotServed(t *testing.T) {
	broken := site()
	broken["assets/tool-f6.exe"] = &fstest.MapFile{Data: []byte("MZ")}
	if _, err := console.NewOn(config(), broken); err == nil || !strings.Contains(err.Error(), "tool-f6.exe") {
		t.Errorf("%v", err)
	}
}

func TestCompression(t *testing.T) {
	h := newHandler(t, config())
	for _, target := range []string{"/", "/assets/index-a1.js"} {
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
	h = newHandler(t, console.Config{Issuer: "https://login.example", ClientID: "client", TokenURL: "https://token.example/t"})
	if policy := ask(h, "GET", "/").Header().Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' https://login.example https://token.example;") {
		t.Error(policy)
	}
}
