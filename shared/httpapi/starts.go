package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// StartOutput is the answer of every start: 202 with a new run, 200 with the
// run that the same request had started before.
type StartOutput struct {
	Status     int
	Location   string `header:"Location" doc:"Where to read the run"`
	RetryAfter int    `header:"Retry-After" doc:"Seconds until looking again makes sense"`
	Body       RunView
}

// StartHeaders are the headers of every start.
type StartHeaders struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"1" maxLength:"255" doc:"Repeat a start whose answer was lost with the same key: within 24 hours it returns the same run"`
}

func startOp(path, id, summary string) huma.Operation {
	o := op(http.MethodPost, path, id, summary, "starts", http.StatusAccepted, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge)
	o.Description = "Answers at once with a queued run (202), or with the run that is under way for the same request (200, reused). " +
		"Another selection of the same operation answers 409 and names the run in the way. No call to Microsoft Graph is made."
	return o
}

func (s *server) registerStarts(api huma.API) {
	type tenantStart struct {
		StartHeaders
		Tenant string          `path:"tenant"`
		Body   *run.TypesInput `required:"false"`
	}
	typed := func(operation run.Operation) func(context.Context, *tenantStart) (*StartOutput, error) {
		return func(ctx context.Context, in *tenantStart) (*StartOutput, error) {
			var input run.TypesInput
			if in.Body != nil {
				input = *in.Body
			}
			var err error
			if input.Types, err = knownTypes(ctx, "body.types", input.Types); err != nil {
				// Whoever may not see the tenant learns nothing but that.
				if _, err := s.member(ctx, in.Tenant, operation.Role()); err != nil {
					return nil, s.problem(ctx, err, "tenant")
				}
				return nil, err
			}
			return s.start(ctx, start.Request{
				TenantID: in.Tenant, Operation: operation, Input: input, IdempotencyKey: in.IdempotencyKey,
			}, "tenant")
		}
	}
	huma.Register(api, startOp("/v1/tenants/{tenant}/connection-tests", "startConnectionTest", "Test credential, consent and permissions"), typed(run.OpConnectionTest))
	huma.Register(api, startOp("/v1/tenants/{tenant}/inventory-syncs", "startInventorySync", "Sync the inventory of policies"), typed(run.OpInventorySync))

	type snapshotStart struct {
		StartHeaders
		Tenant string    `path:"tenant"`
		Policy string    `path:"policy"`
		Body   *struct{} `required:"false"`
	}
	huma.Register(api, startOp("/v1/tenants/{tenant}/policies/{policy}/snapshots", "startSnapshot", "Capture a policy as a new version"),
		func(ctx context.Context, in *snapshotStart) (*StartOutput, error) {
			if !run.ValidPolicyID(in.Policy) {
				if _, err := s.member(ctx, in.Tenant, run.OpCaptureSnapshot.Role()); err != nil {
					return nil, s.problem(ctx, err, "tenant")
				}
				return nil, s.problem(ctx, run.ErrNotFound, "policy")
			}
			return s.start(ctx, start.Request{
				TenantID: in.Tenant, Operation: run.OpCaptureSnapshot, PolicyID: in.Policy, IdempotencyKey: in.IdempotencyKey,
			}, "policy")
		})
}

// BulkSnapshotInput chooses the policies of one capture of several.
type BulkSnapshotInput struct {
	Selection SelectionInput `json:"selection" doc:"Policies, or filters that the run resolves when it begins"`
}

func (s *server) registerBulkStarts(api huma.API) {
	type bulkStart struct {
		StartHeaders
		Tenant string `path:"tenant"`
		Body   BulkSnapshotInput
	}
	bulk := startOp("/v1/tenants/{tenant}/snapshots", "startSnapshots", "Capture several policies, each as a new version")
	huma.Register(api, bulk, func(ctx context.Context, in *bulkStart) (*StartOutput, error) {
		if _, err := s.member(ctx, in.Tenant, run.OpCaptureSnapshot.Role()); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		sel, err := s.selection(ctx, in.Tenant, in.Body.Selection, false)
		if err != nil {
			return nil, s.problem(ctx, err, "policy")
		}
		scope, err := lockScope("policies", sel)
		if err != nil {
			return nil, s.problem(ctx, err, "policy")
		}
		return s.start(ctx, start.Request{
			TenantID: in.Tenant, Operation: run.OpCaptureSnapshot, Scope: scope, Input: run.SnapshotInput{Selection: sel}, IdempotencyKey: in.IdempotencyKey,
		}, "policy")
	})
}

// knownTypes checks a list of policy types and brings it into its one form.
func knownTypes(ctx context.Context, field string, types []string) ([]string, error) {
	for i, id := range types {
		if _, ok := catalog.ByID(id); !ok {
			return nil, invalid(ctx, fieldAt(field, i), "is no policy type")
		}
	}
	return distinct(types), nil
}

// distinct is a list sorted, each once; nil for none.
func distinct(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func (s *server) start(ctx context.Context, req start.Request, thing string) (*StartOutput, error) {
	if !run.ValidTenantID(req.TenantID) {
		return nil, s.problem(ctx, run.ErrNotMember, thing)
	}
	req.Principal = principal(ctx)
	req.Deadline = s.Deadline(req.Operation)
	res, err := s.Starter.Start(ctx, req)
	if err != nil {
		return nil, s.problem(ctx, err, thing)
	}
	out := &StartOutput{Status: http.StatusAccepted, Location: runPath(&res.Run), RetryAfter: 1, Body: s.runView(res.Run)}
	if res.Reused {
		out.Status = http.StatusOK
	}
	out.Body.Reused = &res.Reused
	return out, nil
}
