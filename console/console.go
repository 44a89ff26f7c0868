// Package console serves the web console: static files that are embedded in the
// binary, and the settings that a browser needs to sign in.
//
// It is a client of the public API and nothing more: it reads no table, knows no
// tenant and holds no secret. Whatever it answers may be seen by anybody.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed site
var site embed.FS

// Config is what the console needs to know about its installation. It is public.
type Config struct {
	// Issuer is the identity provider's name, as it stands in its tokens.
	Issuer string `json:"issuer"`
	// ClientID is the public client that the console signs in as.
	ClientID string `json:"clientId"`
	// AuthorizeURL, TokenURL and LogoutURL are the provider's endpoints. Empty
	// ones are taken from the issuer's discovery document by the browser; the
	// token endpoint must then be on the issuer's own origin.
	AuthorizeURL string `json:"authorizeUrl"`
	TokenURL     string `json:"tokenUrl"`
	LogoutURL    string `json:"logoutUrl"`
	// Scope is what an access token needs for the API, in addition to the
	// scopes of sign-in. May be empty.
	Scope string `json:"scope"`
	// PolicyTypes are offered as filters.
	PolicyTypes []PolicyType `json:"policyTypes"`
}

// PolicyType is a policy type that lists can be filtered by.
type PolicyType struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Family string `json:"family"` // types of one family are shown together
}

// validHost keeps out what would end a source expression of the content
// security policy. Addresses in brackets are IPv6.
var validHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

func origin(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Fragment != "" || !validHost.MatchString(u.Host) {
		return "", errors.New("is no http or https address")
	}
	return u.Scheme + "://" + u.Host, nil
}

// connectOrigin checks the configuration and returns the one foreign origin
// that the page may send requests to.
func (c Config) connectOrigin() (string, error) {
	var errs []error
	if c.ClientID == "" {
		errs = append(errs, errors.New("client id is empty"))
	}
	check := func(name, raw string) string {
		o, err := origin(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", name, err))
		}
		return o
	}
	connect := check("issuer", c.Issuer)
	for _, u := range []struct{ name, raw string }{{"authorize URL", c.AuthorizeURL}, {"logout URL", c.LogoutURL}} {
		if u.raw != "" {
			check(u.name, u.raw)
		}
	}
	if c.TokenURL != "" {
		connect = check("token URL", c.TokenURL)
	}
	return connect, errors.Join(errs...)
}

// file is one answer, made once when the handler is built.
type file struct {
	contentType string
	cache       string
	etag        string
	plain       []byte
	// gzipped is made when it is first asked for: a function that starts has
	// better to do. nil when compression does not help.
	gzipped func() []byte
}

type handler struct {
	files map[string]*file
	index *file
	// policy is the content security policy of every answer.
	policy string
}

// How long browsers keep an answer. Assets have the hash of the whole site in
// their path, so a new deployment has new addresses.
const (
	cacheForever    = "public, max-age=31536000, immutable"
	cacheRevalidate = "no-cache"
)

// New builds the handler of the console. It answers GET and HEAD: the files of
// the site, /config.json, and the page itself for every path that names no
// file. A path of the API is never answered with the page: such a request has
// been routed to the wrong place, and a client that expects JSON must see that.
// It fails when the configuration is unusable.
func New(c Config) (http.Handler, error) {
	connect, err := c.connectOrigin()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.PolicyTypes == nil {
		c.PolicyTypes = []PolicyType{}
	}
	settings, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("console: encode configuration: %w", err)
	}
	names, version, err := inventory()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	h := &handler{
		files: map[string]*file{},
		policy: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' " + connect +
			"; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	}
	var preload strings.Builder
	for _, name := range names {
		content, err := site.ReadFile("site/" + name)
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		if name == "index.html" {
			continue
		}
		at := "/assets/" + version + "/" + name
		if h.files[at], err = newFile(name, content, cacheForever); err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, ".js") {
			// Without these the browser learns of a module only after the one
			// that imports it has arrived.
			fmt.Fprintf(&preload, "\n    <link rel=\"modulepreload\" href=\"%s\">", at)
		}
	}
	page, err := site.ReadFile("site/index.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	page = bytes.ReplaceAll(page, []byte("/assets/version/"), []byte("/assets/"+version+"/"))
	page = bytes.Replace(page, []byte("<!-- modules -->"), []byte(strings.TrimSpace(preload.String())), 1)
	if h.index, err = newFile("index.html", page, cacheRevalidate); err != nil {
		return nil, err
	}
	h.files["/index.html"] = h.index
	if h.files["/config.json"], err = newFile("config.json", settings, cacheRevalidate); err != nil {
		return nil, err
	}
	return h, nil
}

// inventory lists the files of the site and hashes them all into one version.
func inventory() (names []string, version string, err error) {
	sum := sha256.New()
	err = fs.WalkDir(site, "site", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := site.ReadFile(p)
		if err != nil {
			return err
		}
		names = append(names, strings.TrimPrefix(p, "site/"))
		fmt.Fprintf(sum, "%s %d\n", p, len(content))
		_, err = sum.Write(content)
		return err
	})
	return names, hex.EncodeToString(sum.Sum(nil)[:8]), err
}

// contentTypes are fixed here because the machine's own table differs from one
// system to the next.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

func newFile(name string, content []byte, cache string) (*file, error) {
	kind, ok := contentTypes[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("console: no content type is known for %s", name)
	}
	sum := sha256.Sum256(content)
	f := &file{contentType: kind, cache: cache, etag: base64.RawURLEncoding.EncodeToString(sum[:12]), plain: content}
	f.gzipped = sync.OnceValue(func() []byte { return compress(content) })
	return f, nil
}

// compress returns content compressed, or nil when that does not help.
func compress(content []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write(content)
	if err = errors.Join(err, z.Close()); err != nil || buf.Len() >= len(content) {
		return nil
	}
	return buf.Bytes()
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		head.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "The console answers GET and HEAD.")
		return
	}
	clean := path.Clean("/" + r.URL.Path)
	if f, ok := h.files[clean]; ok {
		f.serve(w, r)
		return
	}
	lower := strings.ToLower(clean)
	switch {
	case lower == "/v1" || strings.HasPrefix(lower, "/v1/"):
		refuse(w, http.StatusNotFound, "not_found", "This path is not part of the API.")
	case clean == "/assets" || strings.HasPrefix(clean, "/assets/") || path.Ext(clean) != "":
		// A page of the console has no extension in its path. A missing script
		// that were answered with the page would fail far from its cause.
		refuse(w, http.StatusNotFound, "not_found", "There is no such file.")
	default:
		h.index.serve(w, r)
	}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", f.cache)
	head.Set("Vary", "Accept-Encoding")
	body, tag := f.plain, `"`+f.etag+`"`
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if packed := f.gzipped(); packed != nil {
			body, tag = packed, `"`+f.etag+`-gzip"`
			head.Set("Content-Encoding", "gzip")
		}
	}
	head.Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		head.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	head.Set("Content-Type", f.contentType)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone; nobody is left to tell
	}
}

// refuse answers in the form of the API's problems (RFC 9457), which is of use
// to a client that took this for the API.
func refuse(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"urn:tenantatlas:problem:" + code, http.StatusText(status), status, code, detail})
	if err != nil { // a struct of strings always encodes
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 12.5.3); a weight of zero means
// not acceptable.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "gzip" && coding != "*" {
			continue
		}
		name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
		if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
			return true
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && q > 0
	}
	return false
}

// matches compares entity tags weakly, as If-None-Match asks (RFC 9110 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
