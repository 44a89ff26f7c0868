package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"maps"
	"net/http"
	"slices"
	"strings"
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

// AuditFilter chooses audit events of a tenant.
type AuditFilter struct {
	Tenant string    `path:"tenant"`
	Events []string  `query:"event,explode" maxItems:"50" doc:"Repeat for several"`
	Target string    `query:"target" maxLength:"64" doc:"Only about this policy, backup set, schedule or tenant, by its id"`
	Actor  string    `query:"actor" maxLength:"128" doc:"Only what this user or schedule did, by its id"`
	Run    string    `query:"run" maxLength:"64"`
	From   time.Time `query:"from" doc:"At or after"`
	To     time.Time `query:"to" doc:"Before"`
}

func (f AuditFilter) query() run.AuditQuery {
	return run.AuditQuery{TenantID: f.Tenant, Events: f.Events, TargetID: f.Target, ActorID: f.Actor, RunID: f.Run, From: f.From, To: f.To}
}

// ExportInput chooses what is exported.
type ExportInput struct {
	AuditFilter
	PageToken string `query:"pageToken" maxLength:"2048" doc:"X-Next-Page-Token of the part before, with the same filters"`
}

// ExportOutput is a part of the audit trail as a file.
type ExportOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Next        string `header:"X-Next-Page-Token" doc:"Absent with the last part"`
	Body        []byte
}

// Limits of one part of an export: an answer has to fit into what a function may return.
const (
	exportedEvents = 4_000
	exportedBytes  = 2 << 20
)

func exportOp() huma.Operation {
	o := op(http.MethodGet, "/v1/tenants/{tenant}/audit-events/export", "exportAuditEvents", "Export what happened in a tenant as CSV, newest first", "audit", http.StatusOK)
	o.Description = "One line for each event, and one for each object that it wrote. A long trail comes in parts; each begins with the names of the columns."
	o.Responses = map[string]*huma.Response{"200": {Description: "CSV (RFC 4180) in UTF-8", Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	return o
}

var exportColumns = []string{
	"at", "event", "actorId", "actorName", "runId", "operation", "targetKind", "targetId", "targetName", "status", "details",
	"policyId", "policyName", "policyType", "action", "code", "before", "after",
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func exportLines(e run.AuditEvent) [][]string {
	var details []string
	for _, k := range slices.Sorted(maps.Keys(e.Details)) {
		details = append(details, k+"="+e.Details[k])
	}
	event := []string{
		e.At.UTC().Format(time.RFC3339Nano), e.Event, e.ActorID, e.ActorName, e.RunID, string(e.Operation), string(e.Target.Kind), e.Target.ID, e.Target.Name, string(e.Status), strings.Join(details, "; "),
	}
	objects := e.Objects
	if len(objects) == 0 {
		objects = []run.AuditObject{{}}
	}
	var lines [][]string
	for _, o := range objects {
		line := append(slices.Clone(event), o.PolicyID, o.Name, o.Type, string(o.Action), o.Code, o.Before, o.After)
		for i := range line {
			line[i] = cell(line[i])
		}
		lines = append(lines, line)
	}
	return lines
}

func (s *server) exportAudit(ctx context.Context, in *ExportInput) (*ExportOutput, error) {
	if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	q := in.query()
	req, err := PageInput{PageSize: MaxPageSize, PageToken: in.PageToken}.request(ctx, q)
	if err != nil {
		return nil, s.problem(ctx, err, "event")
	}
	question := q
	q.Now = s.Now().UTC().Add(time.Minute)
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	w.UseCRLF = true
	_ = w.Write(exportColumns) // to memory
	for n := 0; n < exportedEvents && file.Len() < exportedBytes; {
		page, err := s.Records.AuditEvents(ctx, q, req)
		if err != nil {
			return nil, s.problem(ctx, err, "event")
		}
		for _, e := range page.Items {
			if err := w.WriteAll(exportLines(e)); err != nil {
				return nil, s.problem(ctx, err, "event")
			}
		}
		n += max(len(page.Items), 1)
		if req.Cursor = page.Next; req.Cursor == "" {
			break
		}
	}
	w.Flush()
	name := "audit-" + in.Tenant + "-" + s.Now().UTC().Format("20060102-150405") + ".csv"
	return &ExportOutput{
		ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="` + name + `"`, Next: nextToken(ctx, question, req.Cursor), Body: file.Bytes(),
	}, nil
}

func (s *server) registerAudit(api huma.API) {
	huma.Register(api, exportOp(), s.exportAudit)

	type listInput struct {
		PageInput
		AuditFilter
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/audit-events", "listAuditEvents", "List what happened in a tenant, newest first", "audit", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[AuditView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			q := in.query()
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
