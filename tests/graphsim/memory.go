package graphsim

import (
	"bytes"
	"io"
	"net/http"
)

// MemoryTransport answers requests in the goroutine that sends them, without a
// network: for tests in a bubble of fake time, where nothing may wait for one.
// Faults that cut connections end such a request with an error.
func (s *Sim) MemoryTransport() http.RoundTripper { return memoryTransport{s} }

type memoryTransport struct{ sim *Sim }

func (m memoryTransport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	inner := r.Clone(r.Context())
	inner.RequestURI, inner.RemoteAddr, inner.Host = r.URL.RequestURI(), "memory", r.URL.Host
	w := &memoryWriter{header: http.Header{}, status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(p)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	m.sim.serveHTTP(w, inner)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

type memoryWriter struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	w.wrote = true
	return w.body.Write(p)
}
