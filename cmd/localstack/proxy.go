package main

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// gateway is the stack's one origin: sign-in pages, API and console behind one
// address, as a browser sees them in AWS behind one domain.
type gateway struct {
	hosts   []string // what a client may call this origin
	log     *slog.Logger
	backend atomic.Pointer[backend] // nil until deployed

	transport *http.Transport
}

// backend is where the requests go.
type backend struct {
	aws    string // address of the stand-in for AWS
	apiID  string
	poolID string
}

// maxRequestBody is API Gateway's own limit for HTTP APIs (10 MB).
const maxRequestBody = 10 << 20

func newGateway(port int, log *slog.Logger) *gateway {
	p := strconv.Itoa(port)
	return &gateway{
		hosts: []string{"localhost:" + p, "127.0.0.1:" + p, "[::1]:" + p},
		log:   log,
		transport: &http.Transport{
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   256,
			IdleConnTimeout:       60 * time.Second,
			ResponseHeaderTimeout: 35 * time.Second, // API Gateway gives up after 30 s
		},
	}
}

// open lets requests through to the deployed stack.
func (g *gateway) open(b backend) { g.backend.Store(&b) }

// signInPage matches what the identity provider serves on the origin.
var signInPage = regexp.MustCompile(`^/(oauth2/(authorize|token|userInfo|revoke)|login|logout|[a-z0-9-]+_[A-Za-z0-9]+/\.well-known/(jwks\.json|openid-configuration))$`)

// ServeHTTP routes by path. A Host that is not this origin is refused, so that
// no other site's name can be pointed here (DNS rebinding).
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(g.hosts, strings.ToLower(r.Host)) {
		http.Error(w, "This address answers to localhost alone.", http.StatusMisdirectedRequest)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/_") { // the stand-in's own administration, whatever the Host
		http.NotFound(w, r)
		return
	}
	b := g.backend.Load()
	if b == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "The local stack is still starting.", http.StatusServiceUnavailable)
		return
	}
	host := b.apiID + ".execute-api.localhost"
	if signInPage.MatchString(r.URL.Path) {
		host = g.hosts[0] // the discovery document builds its addresses from it
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	proxy := httputil.ReverseProxy{
		Rewrite: func(out *httputil.ProxyRequest) {
			out.Out.URL.Scheme, out.Out.URL.Host, out.Out.Host = "http", b.aws, host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				g.log.Error("the stand-in for AWS did not answer", slog.String("path", r.URL.Path), slog.Any("error", err))
			}
			http.Error(w, "The local stack did not answer.", http.StatusBadGateway)
		},
		Transport: g.transport,
	}
	proxy.ServeHTTP(w, r)
}

// server serves the gateway with bounds on slow clients.
func (g *gateway) server() *http.Server {
	return &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
	}
}
