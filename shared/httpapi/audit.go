package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/run"
)

// AuditView is one thing that happened in a tenant.
type AuditView struct {
	At        time.Time         `json:"at"`
	Event     string            `json:"event" example:"run.requested"`
	Actor     InitiatorView     `json:"actor"`
	RunID     string            `json:"runId,omitempty"`
	Operation string            `json:"operation,omitempty"`
	Target    *TargetView       `json:"target,omitempty"`
	Status    string            `json:"status,omitempty"`
	Details   map[string]string `json:"details,omitempty" doc:"Names and codes, never values"`
	Objects   []AuditObjectView `json:"objects,omitempty" doc:"What was written to the tenant"`
}

// AuditObjectView is one object of a tenant that was written.
type AuditObjectView struct {
	PolicyID string `json:"policyId"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Action   string `json:"action" enum:"create,update,delete"`
	Code     string `json:"code,omitempty"`
	Before   string `json:"before,omitempty" doc:"Content hash; absent when there was no object"`
	After    string `json:"after,omitempty" doc:"Content hash; absent when there is none, or it could not be read back"`
}

func auditView(e run.AuditEvent) AuditView {
	v := AuditView{
		At: e.At, Event: e.Event, Actor: InitiatorView{UserID: e.ActorID, Name: e.ActorName}, RunID: e.RunID,
		Operation: string(e.Operation), Status: string(e.Status), Details: e.Details,
	}
	for _, o := range e.Objects {
		v.Objects = append(v.Objects, AuditObjectView{o.PolicyID, o.Name, o.Type, string(o.Action), o.Code, o.Before, o.After})
	}
	if e.Target.ID != "" {
		v.Target = &TargetView{Kind: string(e.Target.Kind), ID: e.Target.ID, Name: e.Target.Name, Type: e.Target.Type}
	}
	return v
}

func (s *server) registerAudit(api huma.API) {
	type listInput struct {
		PageInput
		Tenant string    `path:"tenant"`
		Events []string  `query:"event,explode" maxItems:"50" doc:"Repeat for several"`
		Target string    `query:"target" maxLength:"64" doc:"Only about this policy, backup set, schedule or tenant, by its id"`
		Actor  string    `query:"actor" maxLength:"128" doc:"Only what this user did"`
		Run    string    `query:"run" maxLength:"64"`
		From   time.Time `query:"from" doc:"At or after"`
		To     time.Time `query:"to" doc:"Before"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/audit-events", "listAuditEvents", "List what happened in a tenant, newest first", "audit", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[AuditView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			q := run.AuditQuery{TenantID: in.Tenant, Events: in.Events, TargetID: in.Target, ActorID: in.Actor, RunID: in.Run, From: in.From, To: in.To}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "event")
			}
			q.Now = s.Now().UTC().Add(time.Minute) // clocks of functions differ a little
			page, err := s.Records.AuditEvents(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "event")
			}
			q.Now = time.Time{} // the token is bound to what was asked, not to the time it was asked
			return listOf(ctx, q, page, auditView), nil
		})
}
