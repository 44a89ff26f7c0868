package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tenantatlas/shared/reason"
)

// Writer is a client that can change a tenant. It reads as a Reader does, and is
// made for live restores alone: whoever previews holds a Reader.
type Writer struct{ *core }

// NewWriter returns a client that can write. Its errors are those of NewReader.
func NewWriter(cfg Config) (*Writer, error) {
	c, err := newCore(cfg, false)
	if err != nil {
		return nil, err
	}
	return &Writer{c}, nil
}

// maxWriteBody is the largest body that is sent, in bytes: the largest policy that
// is stored, with room for what a spelling adds.
const maxWriteBody = 32 << 20

var writeMethods = map[string]bool{http.MethodPost: true, http.MethodPatch: true, http.MethodPut: true, http.MethodDelete: true}

// Write sends one request that changes something; body is JSON, or nil for none.
// What Graph limited or whose token it refused was not done and is sent again, a
// bounded number of times. A write whose fate is not known is never repeated here:
// it returns an *UnavailableError whose Action is reason.ActionLookFirst, or
// matches a context error when ctx ended. Any other error means that nothing was
// done. The answer of a success may be empty.
func (w *Writer) Write(ctx context.Context, req Request, body json.RawMessage) (Response, error) {
	if !writeMethods[req.Method] || !req.Doing.Writes() || len(req.Query) > 0 || len(body) > maxWriteBody || len(body) > 0 && !json.Valid(body) {
		return Response{}, fmt.Errorf("%w: write", ErrRequest)
	}
	u, err := w.url(req)
	if err != nil {
		return Response{}, err
	}
	header, err := requestHeader(req.Header)
	if err != nil {
		return Response{}, err
	}
	return w.do(ctx, call{method: req.Method, url: u, path: req.Path, header: header, body: body, doing: req.Doing})
}

// Uncertain reports whether an error of Write leaves open if it was done.
func Uncertain(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.cause != nil || e.Action == reason.ActionLookFirst
}
