package httpapi

import (
	"maps"
	"slices"
	"time"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// runParams are the values that sentences about a run may need.
func runParams(r *run.Run) params {
	p := params{}
	if r.Operation.WritesTenant() && r.Status.Terminal() {
		p.Int(reason.FieldWritten, 0) // to say so, where no outcome says more
	}
	for _, k := range slices.Sorted(maps.Keys(r.Totals)) {
		p.Int(reason.Field(k), r.Totals[k])
	}
	p.Set(reason.FieldTenant, r.TenantName).Set(reason.FieldOperation, string(r.Operation)).Set(reason.FieldRun, r.ID).
		Int(reason.FieldSucceeded, r.Counts.Succeeded).Int(reason.FieldFailed, r.Counts.Failed).Int(reason.FieldSkipped, r.Counts.Skipped)
	if r.Planned || r.Status == run.StatusSucceeded {
		p.Int(reason.FieldTotal, r.Counts.Total).Int(reason.FieldDone, r.Counts.Done()-r.Untouched)
	}
	switch r.Target.Kind {
	case run.TargetPolicy:
		p.Set(reason.FieldName, r.Target.Name)
	case run.TargetBackupSet:
		p.Set(reason.FieldSet, r.Target.Name)
	}
	if r.FinishedAt != nil {
		p.Duration(reason.FieldDuration, r.FinishedAt.Sub(r.CreatedAt))
	}
	if r.Failure != nil {
		maps.Copy(p, r.Failure.Params)
	}
	return p
}

// progressOf is where a run stands, for sentences and estimates.
func progressOf(r *run.Run, now time.Time) reason.Progress {
	p := reason.Progress{
		Operation: string(r.Operation), Status: string(r.Status), Tenant: r.TenantName, Params: runParams(r),
		Planned: r.Planned, Total: r.Counts.Total, Succeeded: r.Counts.Succeeded, Failed: r.Counts.Failed, Skipped: r.Counts.Skipped,
		Untouched: r.Untouched, Now: now, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Deadline: r.DeadlineAt,
		Canceling: r.CancelAt != nil, Recovering: r.Crashes > 0,
	}
	if r.Target.Kind == run.TargetPolicy {
		p.ItemName = r.Target.Name
	}
	if r.StartedAt != nil {
		p.StartedAt = *r.StartedAt
	}
	if r.FinishedAt != nil {
		p.FinishedAt = *r.FinishedAt
	}
	if r.Failure != nil {
		p.Code = reason.Code(r.Failure.Code)
	}
	if r.Waiting != nil {
		p.WaitCode, p.WaitUntil = reason.Code(r.Waiting.Code), r.Waiting.Until
	}
	return p
}

// itemParams are the values that sentences about one item may need.
func itemParams(tenantName, name string, version int, own map[string]string, f *run.Failure) params {
	p := params{}
	maps.Copy(p, own)
	p.Set(reason.FieldTenant, tenantName).Set(reason.FieldItem, name).Set(reason.FieldName, name)
	if version > 0 {
		p.Int(reason.FieldVersion, version)
	}
	if f != nil {
		maps.Copy(p, f.Params)
	}
	return p
}

// FailureView is why something failed, with what to do.
type FailureView struct {
	Code            string            `json:"code"`
	Sentence        string            `json:"sentence" doc:"What happened and what it means for the tenant"`
	Next            string            `json:"next,omitempty" doc:"What to do"`
	Severity        string            `json:"severity" enum:"error,warning,info"`
	HTTPStatus      int               `json:"httpStatus,omitempty" doc:"Of Microsoft's answer"`
	GraphCode       string            `json:"graphCode,omitempty" doc:"Microsoft's own code"`
	GraphRequestID  string            `json:"graphRequestId,omitempty" doc:"Name this to Microsoft's support"`
	ClientRequestID string            `json:"clientRequestId,omitempty"`
	Params          map[string]string `json:"params,omitempty" doc:"Names and figures of the sentence"`
}

func failureView(f *run.Failure, scope reason.Scope, p params) *FailureView {
	if f == nil {
		return nil
	}
	code := reason.Code(f.Code)
	view := &FailureView{
		Code: f.Code, Sentence: reason.Sentence(code, scope, p), Next: reason.Next(code, scope, p), Severity: string(reason.Error),
		HTTPStatus: f.HTTPStatus, GraphCode: f.GraphCode, GraphRequestID: f.GraphRequestID, ClientRequestID: f.ClientRequestID,
		Params: params(f.Params).Clean(),
	}
	if e, ok := reason.Lookup(code, scope); ok {
		view.Severity = string(e.Severity)
	}
	return view
}
