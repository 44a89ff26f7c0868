package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

type contextKey int

const (
	keyPrincipal contextKey = iota
	keyRequestID
	keyRoute
)

func principal(ctx context.Context) run.Principal {
	p, _ := ctx.Value(keyPrincipal).(run.Principal)
	return p
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

var reRequestID = regexp.MustCompile(`^[A-Za-z0-9_.:=-]{8,128}$`)

// observe gives every request an id, logs its outcome once and turns a panic
// into an answer.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := r.Header.Get("X-Request-Id")
		if !reRequestID.MatchString(id) {
			id = s.IDs.New("req_", s.Now())
		}
		var route string
		ctx := context.WithValue(context.WithValue(r.Context(), keyRequestID, id), keyRoute, &route)
		r = r.WithContext(ctx)
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("Cache-Control", "no-store")
		// Clients reckon with this clock and not with their own.
		w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				s.Log.ErrorContext(ctx, "handler panicked", "requestId", id, "panic", fmt.Sprint(p))
				if !rec.wrote {
					writeProblem(rec, r, newProblem(ctx, "internal", nil))
				}
			}
			s.Log.InfoContext(ctx, "request", "requestId", id, "method", r.Method, "route", route,
				"path", r.URL.Path, "status", rec.status, "ms", time.Since(began).Milliseconds())
		}()
		r.Body = http.MaxBytesReader(rec, r.Body, MaxBodyBytes+1)
		next.ServeHTTP(rec, r)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// routed tells observe which route a request took: the router leaves it on the
// request that it is given, which is a copy by then.
func routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if route, ok := r.Context().Value(keyRoute).(*string); ok {
			*route = r.Pattern
		}
	})
}

// authenticate lets only known callers pass, except to the two public paths.
func (s *server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/openapi.json" || r.URL.Path == "/v1/health" {
			next.ServeHTTP(w, r)
			return
		}
		p, err := s.Identify(r)
		switch {
		case errors.Is(err, ErrSessionExpired):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			writeProblem(w, r, newProblem(r.Context(), "session_expired", nil))
			return
		case err != nil || !run.ValidUserID(p.UserID):
			if err != nil && !errors.Is(err, ErrUnauthenticated) {
				s.Log.WarnContext(r.Context(), "caller could not be identified", "requestId", requestID(r.Context()), "error", err)
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeProblem(w, r, newProblem(r.Context(), "unauthenticated", nil))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyPrincipal, p)))
	})
}

// conditional gives every successful GET an ETag and answers 304 when the
// client has that content, so that polling costs next to nothing. The revision that
// a route sets is kept within it, for If-Match: it counts changes by people, and the
// content may change without one, as while a run fills a backup set.
func conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		buf := &buffered{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(buf, r)
		if buf.status == http.StatusOK {
			sum := sha256.Sum256(buf.body.Bytes())
			tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
			if rev := w.Header().Get("ETag"); rev != "" {
				tag = strings.TrimSuffix(rev, `"`) + revEnd + tag[1:]
			}
			w.Header().Set("ETag", tag)
			w.Header().Set("Cache-Control", "private, no-cache")
			if matches(r.Header.Get("If-None-Match"), tag) {
				w.Header().Del("Content-Type")
				w.Header().Del("Content-Length")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		send(w, r, buf.status, buf.body.Bytes())
	})
}

// Lambda answers with at most 6 MB, and what is compressed travels as base64.
const (
	compressAbove = 1 << 10
	maxPlain      = 5 << 20
	maxCompressed = 4 << 20
)

// send writes an answer, compressed where the client takes that. An answer that
// does not fit is refused instead of being cut off on the way.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) > compressAbove && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(body)
		if err = errors.Join(err, z.Close()); err == nil {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Del("Content-Length")
			body = packed.Bytes()
		}
	}
	limit := maxPlain
	if w.Header().Get("Content-Encoding") == "gzip" {
		limit = maxCompressed
	}
	if len(body) > limit {
		w.Header().Del("Content-Encoding")
		w.Header().Del("ETag")
		writeProblem(w, r, newProblem(r.Context(), "too_large", params{}.Int(reason.FieldLimit, limit)))
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

// matches compares entity tags weakly, as If-None-Match asks (RFC 9110 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func marshalDocument(api huma.API) ([]byte, error) {
	raw, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the API document: %w", err)
	}
	return append(raw, '\n'), nil
}

func openAPIHandler(api huma.API) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, err := marshalDocument(api)
		if err != nil {
			writeProblem(w, r, newProblem(r.Context(), "internal", nil))
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(raw)
	}
}
