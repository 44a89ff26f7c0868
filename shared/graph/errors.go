package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tenantatlas/shared/reason"
)

// ErrConfig marks faults of a Config: a mistake of the program or its operator,
// not of the tenant.
var ErrConfig = errors.New("graph: configuration")

// ErrRequest marks a request that this package refuses to send because of its
// form: a path that is not relative, a header that is not allowed.
var ErrRequest = errors.New("graph: request refused")

// Error is a failed request. Every error of this package that comes from a
// request unwraps to one. Its fields and its text are safe to store and to log.
//
// When the caller's context ended, it also matches context.Canceled or
// context.DeadlineExceeded; look for those first, the code is then only the
// nearest one.
type Error struct {
	Failure reason.Failure
	// Action is what the failure asks of the caller before giving up; this
	// package has done its part (new token, bounded retries of reads) already.
	Action reason.Action

	cause error // a context error or a sentinel of this package, nothing else
}

func (e *Error) Error() string { return "graph: " + e.Failure.String() }

// Unwrap returns a context error or nil.
func (e *Error) Unwrap() error { return e.cause }

// ThrottledError says that Microsoft asks for a pause that is too long to sit
// out in place. Nothing more should be sent on the lane before it is over:
// throttled requests count against the limit.
type ThrottledError struct {
	Err        *Error
	Lane       Lane
	RetryAfter time.Duration // how long to wait, from now
	Given      bool          // RetryAfter is Microsoft's; else it is our own backoff
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("%s (lane %s, wait %s)", e.Err.Error(), e.Lane, e.RetryAfter)
}

// Unwrap returns the *Error.
func (e *ThrottledError) Unwrap() error { return e.Err }

// UnavailableError says that there was no answer, or an answer of 5xx, on each
// of a bounded number of attempts. After a write it is not known whether it
// took effect; the code says so.
type UnavailableError struct {
	Err        *Error
	Attempts   int
	RetryAfter time.Duration // as asked for by Microsoft; 0 when it did not say
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s (%d attempts)", e.Err.Error(), e.Attempts)
}

// Unwrap returns the *Error.
func (e *UnavailableError) Unwrap() error { return e.Err }

// TooLargeError says that an answer was larger than the limit of the client.
// Its code is too_large.
type TooLargeError struct {
	Err   *Error
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s (limit %d bytes)", e.Err.Error(), e.Limit)
}

// Unwrap returns the *Error.
func (e *TooLargeError) Unwrap() error { return e.Err }

// WriteRefusedError says that a client that may only read was asked to write.
// Nothing was sent. Its code is write_blocked_in_preview.
type WriteRefusedError struct {
	Err    *Error
	Method string // of the refused request or batch part, if it has the form of one
}

func (e *WriteRefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the *Error.
func (e *WriteRefusedError) Unwrap() error { return e.Err }

// IncompleteListError says that a list ended before its last page. What was
// delivered is true, but nothing may be concluded from what was not: an object
// that is missing from an incomplete list is not gone.
type IncompleteListError struct {
	Pages Pages // what was read; Pages.Next resumes where that is possible
	Err   error // unwraps to *Error: why
}

func (e *IncompleteListError) Error() string {
	return fmt.Sprintf("graph: list incomplete after %d pages: %s", e.Pages.Count, e.Err)
}

// Unwrap returns the cause, for example a *ThrottledError.
func (e *IncompleteListError) Unwrap() error { return e.Err }

// FailureOf returns the safe description of an error of this package, and
// reason.Internal for any other.
func FailureOf(err error) reason.Failure {
	var e *Error
	if errors.As(err, &e) {
		return e.Failure
	}
	return reason.Failure{Code: reason.Internal}
}

func newError(c reason.Code, a reason.Action, at time.Time) *Error {
	return &Error{Failure: reason.Failure{Code: c, At: at}, Action: a}
}

// fault is an error answer, unwrapped. The message is looked at for fixed
// phrases and then dropped; nothing keeps it.
type fault struct {
	codes      []string
	message    string
	requestID  string
	clientID   string
	approval   bool
	retryAfter time.Duration
	hasRetry   bool
}

const (
	maxErrorBody  = 256 << 10 // of an error answer, the rest is cut off
	maxErrorDepth = 6         // of errors inside errors
	maxErrorText  = 16 << 10  // kept for the phrases
	maxErrorCodes = 8
)

// parseError reads an error answer of Graph in any of the forms it was seen in:
// the documented envelope with innerError in either spelling
// (learn.microsoft.com/graph/errors), Intune's JSON inside the message
// (Intune-PowerShell-SDK#98), the gateway's UnknownError around that, and the
// bare object without an envelope (msendpointmgr.com/?p=25866). Anything else
// gives an empty fault; the status alone decides then.
func parseError(header http.Header, body []byte, now time.Time) fault {
	f := fault{
		requestID: firstID(header.Get("request-id"), header.Get("x-ms-request-id")),
		clientID:  firstID(header.Get("client-request-id")),
		approval:  header.Get("x-msft-approval-code") != "",
	}
	f.retryAfter, f.hasRetry = parseRetryAfter(header.Get("Retry-After"), now)
	if len(body) > maxErrorBody {
		return f
	}
	o := lowerKeys(body)
	if inner := lowerKeys(o["error"]); inner != nil {
		o = inner
	}
	f.read(o, now, 0)
	return f
}

func (f *fault) read(o map[string]json.RawMessage, now time.Time, depth int) {
	if o == nil || depth >= maxErrorDepth {
		return
	}
	for _, key := range []string{"code", "errorcode", "customapierrorphrase"} {
		if c := text(o[key]); c != "" && len(c) <= 64 && len(f.codes) < maxErrorCodes {
			f.codes = append(f.codes, c)
		}
	}
	if f.requestID == "" {
		f.requestID = firstID(text(o["request-id"]))
	}
	if f.clientID == "" {
		f.clientID = firstID(text(o["client-request-id"]))
	}
	if !f.hasRetry {
		// Intune repeats the header inside; a number or a string.
		raw := text(o["retryafter"])
		if raw == "" {
			raw = string(o["retryafter"])
		}
		f.retryAfter, f.hasRetry = parseRetryAfter(raw, now)
	}
	if m := text(o["message"]); strings.HasPrefix(strings.TrimSpace(m), "{") {
		if nested := lowerKeys([]byte(m)); nested != nil {
			f.read(nested, now, depth+1)
		} else {
			f.addText(m)
		}
	} else {
		f.addText(m)
	}
	f.read(lowerKeys(o["innererror"]), now, depth+1)
}

func (f *fault) addText(s string) {
	if room := maxErrorText - len(f.message); room > 0 && s != "" {
		f.message += s[:min(len(s), room)] + "\n"
	}
}

// lowerKeys reads a JSON object with its keys in lower case, or nil.
func lowerKeys(raw []byte) map[string]json.RawMessage {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var exact map[string]json.RawMessage
	if json.Unmarshal(raw, &exact) != nil {
		return nil
	}
	out := make(map[string]json.RawMessage, len(exact))
	for k, v := range exact {
		k = strings.ToLower(k)
		if old, twice := out[k]; twice && bytes.Compare(old, v) <= 0 {
			continue // the same key in two spellings: the order of a map must not decide
		}
		out[k] = v
	}
	return out
}

func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func firstID(ids ...string) string {
	for _, id := range ids {
		if reason.ValidID(id) {
			return id
		}
	}
	return ""
}

// shownCode is Microsoft's code for support: the outermost one that says
// something and has the form of a code.
func (f fault) shownCode() string {
	shown := ""
	for _, c := range f.codes {
		if !reason.Code(c).Valid() {
			continue
		}
		if !strings.EqualFold(c, "UnknownError") {
			return c
		}
		if shown == "" {
			shown = c
		}
	}
	return shown
}

// toError classifies an error answer.
func (f fault) toError(status int, doing reason.Doing, clientID string, now time.Time) *Error {
	g := reason.GraphFault{HTTPStatus: status, Codes: f.codes, Message: f.message, Approval: f.approval, Doing: doing}
	if f.clientID == "" {
		f.clientID = clientID
	}
	e := newError(reason.FromGraph(g), reason.ActionFor(g), now)
	e.Failure.HTTPStatus = status
	e.Failure.GraphCode = f.shownCode()
	e.Failure.GraphRequestID = f.requestID
	e.Failure.ClientRequestID = f.clientID
	e.Failure = e.Failure.Sanitize()
	return e
}

// contextError is the answer when the caller's context has ended.
func contextError(ctx context.Context, clientID string, now time.Time) *Error {
	e := newError(reason.GraphUnavailable, reason.ActionNone, now)
	e.Failure.ClientRequestID = clientID
	e.cause = ctx.Err()
	return e
}
