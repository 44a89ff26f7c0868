// Package console serves the web console: the site that "make console" builds from
// src into dist, embedded in the binary, and the settings that a browser needs to
// sign in.
//
// It is a client of the public API and nothing more: it reads no table, knows no
// tenant and holds no secret. Whatever it answers may be seen by anybody. The
// package compiles without the site; its pages then say how to build it.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

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

// connectOrigins checks the configuration and returns the foreign origins that the
// page may send requests to.
func (c Config) connectOrigins() ([]string, error) {
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
	issuer := check("issuer", c.Issuer)
	for _, u := range []struct{ name, raw string }{{"authorize URL", c.AuthorizeURL}, {"logout URL", c.LogoutURL}} {
		if u.raw != "" {
			check(u.name, u.raw)
		}
	}
	var connect []string
	if c.TokenURL == "" || c.AuthorizeURL == "" { // the browser reads the discovery document
		connect = append(connect, issuer)
	}
	if c.TokenURL != "" {
		if token := check("token URL", c.TokenURL); !slices.Contains(connect, token) {
			connect = append(connect, token)
		}
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
	index *file // nil when the console is not built
	// policy is the content security policy of every answer.
	policy string
}

// How long browsers keep an answer. Assets have a hash of their content in their
// name, so a new deployment has new addresses.
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
	site, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return newHandler(c, site)
}

// emptyStyle is the hash of a style element without text. The components' styles
// are put into such elements rule by rule, which no policy restricts; text in one
// stays forbidden.
const emptyStyle = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

func newHandler(c Config, site fs.FS) (*handler, error) {
	connect, err := c.connectOrigins()
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
	h := &handler{
		files: map[string]*file{},
		policy: "default-src 'none'; script-src 'self'; style-src 'self' " + emptyStyle + "; img-src 'self'; connect-src " +
			strings.Join(append([]string{"'self'"}, connect...), " ") +
			"; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	}
	if h.files["/config.json"], err = newFile("config.json", settings, cacheRevalidate); err != nil {
		return nil, err
	}
	page, err := fs.ReadFile(site, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if h.index, err = newFile("index.html", page, cacheRevalidate); err != nil {
		return nil, err
	}
	h.files["/index.html"] = h.index
	err = fs.WalkDir(site, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(site, p)
		if err != nil {
			return err
		}
		h.files["/"+p], err = newFile(p, content, cacheForever)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return h, nil
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
		return nil, fmt.Errorf("no content type is known for %s", name)
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
	case h.index == nil:
		notBuilt(w, r)
	default:
		h.index.serve(w, r)
	}
}

// notBuilt says how to get the pages. It is plain text: whoever reads it is at
// work on the project.
func notBuilt(w http.ResponseWriter, r *http.Request) {
	const text = "The console is not built. Run make console.\n"
	head := w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusServiceUnavailable)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text))
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
