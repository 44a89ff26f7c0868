package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// Errors that Deps.Identify returns.
var (
	ErrUnauthenticated = errors.New("no caller")
	ErrSessionExpired  = errors.New("session ended")
)

type params = reason.Params

// Problem is an RFC 9457 answer. Its texts are ours; nothing internal enters.
type Problem struct {
	Type      string       `json:"type" doc:"Stable name of the problem" example:"urn:tenantatlas:problem:not_found"`
	Title     string       `json:"title" example:"Not Found"`
	Status    int          `json:"status" example:"404"`
	Code      string       `json:"code" doc:"Reason code, see the message catalogue" example:"not_found"`
	Detail    string       `json:"detail" doc:"What happened and what to do"`
	RequestID string       `json:"requestId" doc:"Name this to support"`
	Errors    []FieldError `json:"errors,omitempty" doc:"The fields that need a change"`
	Role      string       `json:"role,omitempty" doc:"The role that is needed"`
	ActiveRun *RunLink     `json:"activeRun,omitempty" doc:"The run in the way"`
	// The preview that is too old, and the live restore that applied a plan before.
	PreviewRun *RunLink `json:"previewRun,omitempty" doc:"The preview that is too old"`
	Run        *RunLink `json:"run,omitempty" doc:"The live restore that applied the plan"`
	headers    http.Header
}

// FieldError names a field and what is wrong with it. The value is not echoed:
// it may be a secret.
type FieldError struct {
	Detail   string `json:"detail"`
	Location string `json:"location" doc:"Path of the field" example:"body.credential.kind"`
}

// RunLink names a run and where to read it.
type RunLink struct {
	ID        string `json:"id"`
	Operation string `json:"operation"`
	Status    string `json:"status"`
	Href      string `json:"href"`
}

func (p *Problem) Error() string { return p.Code }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is the media type of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(ctx context.Context, code reason.Code, p params) *Problem {
	status := reason.HTTPStatus(code)
	return &Problem{
		Type: "urn:tenantatlas:problem:" + string(code), Title: http.StatusText(status),
		Status: status, Code: string(code), Detail: reason.Text(code, reason.ScopeProblem, p),
		RequestID: requestID(ctx),
	}
}

// problem maps an error of the domain to its answer: the one table of this
// edge. An unknown error is logged here, once, and answered as internal.
func (s *server) problem(ctx context.Context, err error, thing string) error {
	var p *Problem
	var role *start.RoleError
	var conflict *start.ConflictError
	var used *run.PlanUsedError
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, run.ErrNotMember):
		return newProblem(ctx, "forbidden_tenant", nil)
	case errors.As(err, &role):
		p := newProblem(ctx, "forbidden_role", params{}.Set(reason.FieldRole, string(role.Need)))
		p.Role = string(role.Need)
		return p
	case errors.Is(err, run.ErrTenantDisabled):
		return newProblem(ctx, "tenant_disabled", nil)
	case errors.Is(err, run.ErrKeyTaken):
		return newProblem(ctx, "idempotency_key_reused", nil)
	case errors.As(err, &conflict):
		p := newProblem(ctx, "conflict_active_run", params{}.Set(reason.FieldOperation, string(conflict.Active.Operation)))
		p.ActiveRun = s.runLink(&conflict.Active)
		return p
	case errors.As(err, &used):
		p := newProblem(ctx, "plan_used", nil)
		p.Run = &RunLink{ID: used.RunID, Operation: string(run.OpRestoreExecute)}
		return p
	case errors.Is(err, run.ErrSetBusy):
		return newProblem(ctx, "set_busy", nil)
	case errors.Is(err, run.ErrNotFound):
		return newProblem(ctx, "not_found", params{}.Set(reason.FieldThing, thing))
	case errors.Is(err, run.ErrRunEnded):
		return newProblem(ctx, "run_ended", nil)
	case errors.Is(err, run.ErrConflict):
		return newProblem(ctx, "changed_meanwhile", nil)
	case errors.Is(err, run.ErrLastOwner):
		return newProblem(ctx, "last_owner", nil)
	case errors.Is(err, run.ErrBadCursor):
		p := newProblem(ctx, "bad_request", nil)
		p.Errors = []FieldError{{Detail: "not a page token of this list", Location: "query.pageToken"}}
		return p
	case errors.Is(err, run.ErrTooLarge):
		return newProblem(ctx, "too_large", nil)
	case errors.Is(err, context.DeadlineExceeded):
		s.Log.ErrorContext(ctx, "request ran out of time", "requestId", requestID(ctx))
		p := newProblem(ctx, "unavailable", params{}.Int(reason.FieldSeconds, 5))
		p.headers = http.Header{"Retry-After": {"5"}}
		return p
	}
	s.Log.ErrorContext(ctx, "request failed", "requestId", requestID(ctx), "error", err)
	return newProblem(ctx, "internal", nil)
}

// invalid makes a validation problem of one field.
func invalid(ctx context.Context, location, detail string) *Problem {
	p := newProblem(ctx, "validation_error", params{}.Int(reason.FieldFields, 1))
	p.Errors = []FieldError{{Detail: detail, Location: location}}
	return p
}

// frameworkProblem turns what the framework found wrong with a request into a
// problem. Values are left out: they may be secrets.
func frameworkProblem(ctx context.Context, status int, errs []error) *Problem {
	var fields []FieldError
	for _, err := range errs {
		var d huma.ErrorDetailer
		if !errors.As(err, &d) {
			continue
		}
		detail := d.ErrorDetail()
		fields = append(fields, FieldError{Detail: safeDetail(detail.Message), Location: detail.Location})
	}
	code := reason.Code("internal")
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return newProblem(ctx, "too_large", params{}.Int(reason.FieldLimit, MaxBodyBytes))
	case status == http.StatusUnprocessableEntity:
		p := newProblem(ctx, "validation_error", params{}.Int(reason.FieldFields, max(len(fields), 1)))
		p.Errors = fields
		return p
	case status >= 400 && status < 500:
		code = "bad_request"
	}
	p := newProblem(ctx, code, nil)
	p.Status, p.Title = status, http.StatusText(status)
	if status < 500 {
		p.Errors = fields
	}
	return p
}

// safeDetail keeps the framework's own words and drops what may quote input.
func safeDetail(msg string) string {
	if strings.ContainsAny(msg, "\n\r") || len(msg) > 200 {
		return "not accepted"
	}
	return msg
}

func writeProblem(w http.ResponseWriter, _ *http.Request, p *Problem) {
	for k, v := range p.headers {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	body, err := json.Marshal(p)
	if err != nil { // a struct of strings always encodes
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}
