package dynamostore

import (
	"errors"

	"tenantatlas/shared/run"
)

const (
	attrRead    = "read"
	attrEvent   = "event"
	attrActorID = "actorId"
	attrRunID   = "runId"
)

type notificationItem struct {
	PK           string         `dynamodbav:"PK"`
	SK           string         `dynamodbav:"SK"`
	Entity       string         `dynamodbav:"entity"`
	NotifiedUser string         `dynamodbav:"notifiedUser"`
	UserID       string         `dynamodbav:"userId"`
	TenantID     string         `dynamodbav:"tenantId"`
	TenantName   string         `dynamodbav:"tenantName,omitempty"`
	RunID        string         `dynamodbav:"runId"`
	Kind         string         `dynamodbav:"kind"`
	At           string         `dynamodbav:"at"`
	Operation    string         `dynamodbav:"operation"`
	Status       string         `dynamodbav:"status"`
	Target       targetItem     `dynamodbav:"target"`
	Total        int            `dynamodbav:"total"`
	Succeeded    int            `dynamodbav:"succeeded"`
	Failed       int            `dynamodbav:"failed"`
	Skipped      int            `dynamodbav:"skipped"`
	Totals       map[string]int `dynamodbav:"totals,omitempty"`
	Failure      *failureItem   `dynamodbav:"failure,omitempty"`
	Version      int            `dynamodbav:"version,omitempty"`
	Code         string         `dynamodbav:"code,omitempty"`
	StartedAt    string         `dynamodbav:"startedAt,omitempty"`
	Read         bool           `dynamodbav:"read"`
}

func newNotificationItem(n run.Notification) notificationItem {
	k := notificationKey(run.NotificationKey{UserID: n.UserID, TenantID: n.TenantID, At: n.At, RunID: n.RunID, Kind: n.Kind})
	return notificationItem{
		PK: k.pk, SK: k.sk, Entity: entityNotification, NotifiedUser: n.UserID,
		UserID: n.UserID, TenantID: n.TenantID, TenantName: n.TenantName, RunID: n.RunID, Kind: string(n.Kind), At: stamp(n.At),
		Operation: string(n.Operation), Status: string(n.Status), Target: newTargetItem(n.Target),
		Total: n.Counts.Total, Succeeded: n.Counts.Succeeded, Failed: n.Counts.Failed, Skipped: n.Counts.Skipped,
		Totals: n.Totals, Failure: newFailureItem(n.Failure), Version: n.Version, Code: n.Code,
		StartedAt: pointerStamp(n.StartedAt), Read: n.Read,
	}
}

func (i notificationItem) notification() (run.Notification, error) {
	var p stampParser
	n := run.Notification{
		UserID: i.UserID, TenantID: i.TenantID, TenantName: i.TenantName, RunID: i.RunID, Kind: run.NotificationKind(i.Kind), At: p.optional(i.At),
		Operation: run.Operation(i.Operation), Status: run.Status(i.Status), Target: i.Target.target(),
		Counts: run.Counts{Total: i.Total, Succeeded: i.Succeeded, Failed: i.Failed, Skipped: i.Skipped},
		Totals: i.Totals, Failure: i.Failure.failure(), Version: i.Version, Code: i.Code,
		StartedAt: p.pointer(i.StartedAt), Read: i.Read,
	}
	return n, p.err
}

type auditItem struct {
	PK        string            `dynamodbav:"PK"`
	SK        string            `dynamodbav:"SK"`
	Entity    string            `dynamodbav:"entity"`
	TenantID  string            `dynamodbav:"tenantId"`
	At        string            `dynamodbav:"at"`
	Event     string            `dynamodbav:"event"`
	ActorID   string            `dynamodbav:"actorId,omitempty"`
	ActorName string            `dynamodbav:"actorName,omitempty"`
	RunID     string            `dynamodbav:"runId,omitempty"`
	Operation string            `dynamodbav:"operation,omitempty"`
	Target    targetItem        `dynamodbav:"target"`
	Status    string            `dynamodbav:"status,omitempty"`
	Details   map[string]string `dynamodbav:"details,omitempty"`
	Objects   []auditObject     `dynamodbav:"objects,omitempty"`
	Part      int               `dynamodbav:"part,omitempty"`
}

type auditObject struct {
	PolicyID string `dynamodbav:"policyId,omitempty"`
	Name     string `dynamodbav:"name,omitempty"`
	Type     string `dynamodbav:"type,omitempty"`
	Action   string `dynamodbav:"action,omitempty"`
	Code     string `dynamodbav:"code,omitempty"`
	Before   string `dynamodbav:"before,omitempty"`
	After    string `dynamodbav:"after,omitempty"`
}

// newAuditItem makes the item of an event of the tenant. The token tells events
// of no run apart; see auditKey.
func newAuditItem(tenantID string, e run.AuditEvent, token string) (auditItem, error) {
	switch {
	case e.TenantID != tenantID:
		return auditItem{}, errors.New("audit event is of another tenant")
	case !plain(tenantID, e.Event) || e.RunID != "" && !plain(e.RunID) || e.At.IsZero():
		return auditItem{}, errors.New("audit event needs a tenant, a time and an event")
	}
	var objects []auditObject
	for _, o := range e.Objects {
		objects = append(objects, auditObject{o.PolicyID, o.Name, o.Type, string(o.Action), o.Code, o.Before, o.After})
	}
	k := auditKey(tenantID, e.At, e.RunID, e.Event, token, e.Part)
	return auditItem{
		PK: k.pk, SK: k.sk, Entity: entityAudit,
		TenantID: tenantID, At: stamp(e.At), Event: e.Event, ActorID: e.ActorID, ActorName: e.ActorName, RunID: e.RunID,
		Operation: string(e.Operation), Target: newTargetItem(e.Target), Status: string(e.Status), Details: e.Details,
		Objects: objects, Part: e.Part,
	}, nil
}

func (i auditItem) audit() (run.AuditEvent, error) {
	var p stampParser
	e := run.AuditEvent{
		TenantID: i.TenantID, At: p.optional(i.At), Event: i.Event, ActorID: i.ActorID, ActorName: i.ActorName, RunID: i.RunID,
		Operation: run.Operation(i.Operation), Target: i.Target.target(), Status: run.Status(i.Status), Details: i.Details, Part: i.Part,
	}
	for _, o := range i.Objects {
		e.Objects = append(e.Objects, run.AuditObject{PolicyID: o.PolicyID, Name: o.Name, Type: o.Type, Action: run.PlanAction(o.Action), Code: o.Code, Before: o.Before, After: o.After})
	}
	return e, p.err
}
