// Package httpapi is the public HTTP API: routes, requests, answers, problems.
//
// A handler here checks who may ask, calls the domain, and writes an answer; it
// sees no SDK, no Lambda type and never calls Microsoft Graph. The OpenAPI
// document (docs/openapi.json) is generated from this package and committed.
package httpapi

//go:generate go test -run ^TestDocumentIsCommitted$ . -update

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/shared/summary"
)

// Version is the version of the API document.
const Version = "1.0.0"

// Limits of what is accepted.
const (
	MaxBodyBytes    = 64 << 10 // of a request
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Deps is what the API needs. All fields are required.
type Deps struct {
	Starter   *start.Starter
	Tenants   run.Tenants
	Runs      run.Runs
	Policies  run.Policies
	Sets      run.BackupSets
	Schedules run.Schedules
	Drifts    run.Drifts
	// Subscriptions are what members asked to be told.
	Subscriptions run.Subscriptions
	// Summaries are what overviews are read from.
	Summaries summary.Store
	Filters   run.SavedFilters
	// Timetable fires the schedules.
	Timetable   run.Timetable
	Records     run.Records
	Archive     run.Archive
	Credentials CredentialWriter
	IDs         run.IDSource
	Now         func() time.Time
	Log         *slog.Logger
	// Identify returns the caller. ErrUnauthenticated or ErrSessionExpired when
	// there is none.
	Identify func(*http.Request) (run.Principal, error)
	// Deadline is how long a run of the operation may take.
	Deadline func(run.Operation) time.Duration
	// ConsoleURL is the origin of the console, for links.
	ConsoleURL string
}

// CredentialWriter stores credentials. The API can write them and never read.
type CredentialWriter interface {
	PutCredential(ctx context.Context, tenantID string, c run.Credential) (ref string, err error)
}

type server struct{ Deps }

var setErrors sync.Once

// New returns the handler of the API.
func New(d Deps) http.Handler {
	mux := http.NewServeMux()
	s := &server{d}
	api := s.register(mux)
	mux.HandleFunc("GET /v1/openapi.json", openAPIHandler(api))
	mux.HandleFunc("GET /v1/health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, newProblem(r.Context(), "not_found", params{"thing": "path"}))
	})
	return s.observe(s.authenticate(conditional(routed(mux))))
}

// Document returns the OpenAPI document as JSON.
func Document() ([]byte, error) {
	s := &server{}
	return marshalDocument(s.register(http.NewServeMux()))
}

func (s *server) register(mux *http.ServeMux) huma.API {
	// huma keeps its error constructor in a package variable; ours is set once.
	setErrors.Do(func() {
		huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
			return frameworkProblem(context.Background(), status, errs)
		}
		huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
			return frameworkProblem(ctx.Context(), status, errs)
		}
	})
	cfg := huma.DefaultConfig("TenantAtlas", Version)
	cfg.Info.Description = "Backs up and restores Microsoft Intune tenant configuration. Every operation is a run: " +
		"queued at once, one active run for the same thing, observable per item, always ended in a clear state."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.DocsPath, cfg.OpenAPIPath, cfg.SchemasPath, cfg.CreateHooks = "", "", "", nil
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	cfg.Security = []map[string][]string{{"bearer": {}}}
	api := humago.New(mux, cfg)
	s.registerMe(api)
	s.registerFilters(api)
	s.registerTenants(api)
	s.registerOverview(api)
	s.registerMembers(api)
	s.registerPolicies(api)
	s.registerPolicyTypes(api)
	s.registerDiff(api)
	s.registerBackupSets(api)
	s.registerSchedules(api)
	s.registerDrift(api)
	s.registerRuns(api)
	s.registerStarts(api)
	s.registerBulkStarts(api)
	s.registerRestores(api)
	s.registerNotifications(api)
	s.registerAudit(api)
	return api
}

// op makes the description of one operation, with the problems that any route
// may answer.
func op(method, path, id, summary, tag string, status int, problems ...int) huma.Operation {
	all := append([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusInternalServerError}, problems...)
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		DefaultStatus: status, Errors: all, MaxBodyBytes: MaxBodyBytes,
	}
}

// visible tells, for lists over all tenants, of which the caller may still see
// something: who lost access to a tenant no longer sees what happened in it, own
// runs included. It looks each tenant up once.
func (s *server) visible(ctx context.Context) func(tenantID string) bool {
	known := map[string]bool{}
	return func(tenantID string) bool {
		ok, looked := known[tenantID]
		if !looked {
			_, err := s.member(ctx, tenantID, run.RoleViewer)
			ok = err == nil
			known[tenantID] = ok
		}
		return ok
	}
}

// member is the guard of every tenant route: it returns the caller's
// membership if it includes need. A tenant that the caller does not belong to
// is refused in the same way whether it exists or not.
func (s *server) member(ctx context.Context, tenantID string, need run.Role) (run.Member, error) {
	if !run.ValidTenantID(tenantID) {
		return run.Member{}, run.ErrNotMember
	}
	m, err := s.Tenants.Member(ctx, tenantID, principal(ctx).UserID)
	if err != nil {
		return run.Member{}, err
	}
	if !m.Role.Includes(need) {
		return run.Member{}, &start.RoleError{Need: need}
	}
	return m, nil
}
