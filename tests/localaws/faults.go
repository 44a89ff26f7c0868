package localaws

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// Fault is what becomes of one request.
type Fault int

// The faults.
const (
	// Pass lets the request through.
	Pass Fault = iota
	// Lose fails the request before it is sent: nothing was done.
	Lose
	// LoseAnswer lets the request be done and drops the answer.
	LoseAnswer
)

// Faults is a transport that breaks requests. The error that it makes is a reset
// connection, which the SDK takes as worth another try.
type Faults struct {
	// Decide is asked before each request. operation is the API's name for it,
	// such as "TransactWriteItems".
	Decide func(operation string) Fault
	// Base performs the requests. Default: http.DefaultTransport.
	Base http.RoundTripper

	mu   sync.Mutex
	seen []string
}

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" {
		operation = r.Method // S3 names its operations by method and path
	}
	f.mu.Lock()
	f.seen = append(f.seen, operation)
	f.mu.Unlock()
	fault := Pass
	if f.Decide != nil {
		fault = f.Decide(operation)
	}
	if fault == Lose {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, reset(operation)
	}
	base := f.Base
	if base == nil {
		base = http.DefaultTransport
	}
	response, err := base.RoundTrip(r)
	if err != nil || fault == Pass {
		return response, err
	}
	// The request is done only when its answer was read.
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return nil, reset(operation)
}

// Seen returns the operations of all requests so far, in order.
func (f *Faults) Seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.seen...)
}

func reset(operation string) error {
	return fmt.Errorf("injected fault on %s: %w", operation, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET})
}
