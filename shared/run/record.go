package run

import (
	"cmp"
	"time"
)

// NotificationKind is the transition a notification tells of.
type NotificationKind string

// The kinds of notifications. A terminal one carries the run's status.
const (
	NotifyQueued  NotificationKind = "queued"
	NotifyRunning NotificationKind = "running"
	NotifyEnded   NotificationKind = "ended"
	NotifyDrift   NotificationKind = "drift" // policies changed, beside the end of the run that found it
)

// Notification tells a user of one transition of one run. Its key is made of
// user, time of the transition, run and kind, so that a replayed stream adds
// nothing.
type Notification struct {
	UserID     string
	TenantID   string
	TenantName string
	RunID      string
	Kind       NotificationKind
	At         time.Time // of the transition, not of the writing
	Operation  Operation
	Status     Status
	Target     Target
	Counts     Counts
	Totals     map[string]int
	Failure    *Failure
	Version    int
	Code       string // note of a single item, for example "unchanged"
	StartedAt  *time.Time
	Read       bool // queued and running are born read; only ends count as unread
}

// AuditEvent is one thing that happened in a tenant, kept for ever.
type AuditEvent struct {
	TenantID  string
	At        time.Time
	Event     string // "run.requested", "run.ended", "member.set", …
	ActorID   string
	ActorName string
	RunID     string
	Operation Operation
	Target    Target
	Status    Status
	Details   map[string]string // names and codes only, never values or secrets
	Objects   []AuditObject     // what was written to the tenant
	// Part tells apart events of one run that come in parts and may come at one time.
	Part int
}

// AuditObject is one object of a tenant that was written.
type AuditObject struct {
	PolicyID string
	Name     string
	Type     string // policy type
	Action   PlanAction
	Code     string // reason code of the outcome, "" for none
	// Before and After are content hashes; "" where there was no object, or it could
	// not be read.
	Before string
	After  string
}

// The audit events.
const (
	AuditRunRequested      = "run.requested"
	AuditRunStarted        = "run.started" // of runs that write to the tenant
	AuditObjectsWritten    = "restore.objects_written"
	AuditRunEnded          = "run.ended"
	AuditRunCancel         = "run.cancel_requested"
	AuditTenantCreated     = "tenant.created"
	AuditTenantChanged     = "tenant.changed"
	AuditCredentialChanged = "tenant.credential_changed"
	AuditMemberSet         = "member.set"
	AuditMemberRemoved     = "member.removed"
	AuditSetCreated        = "backup_set.created" // without a run; with one, the run's request tells
	AuditSetChanged        = "backup_set.changed"
	AuditSetDeleted        = "backup_set.deleted"
	AuditSetRecovered      = "backup_set.recovered"
	AuditScheduleCreated   = "schedule.created"
	AuditScheduleChanged   = "schedule.changed"
	AuditSchedulePaused    = "schedule.paused"
	AuditScheduleResumed   = "schedule.resumed"
	AuditScheduleRemoved   = "schedule.removed"
)

// EndAudit is the audit event of the run's end: of whoever canceled it, else of
// whoever started it.
func (r *Run) EndAudit(status Status, f *Failure, at time.Time) AuditEvent {
	actor := r.Initiator
	if status == StatusCanceled && r.CanceledBy.UserID != "" {
		actor = r.CanceledBy
	}
	e := AuditEvent{
		TenantID: r.TenantID, At: at, Event: AuditRunEnded,
		ActorID: actor.ID(), ActorName: actor.Name,
		RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: status,
	}
	if f != nil {
		e.Details = map[string]string{"code": f.Code}
	}
	return e
}

// WriteAudit is the audit event of what the next slice of the run wrote to the
// tenant, nil when that is nothing. What may have been written is among it.
func (r *Run) WriteAudit(outcomes []Outcome, at time.Time) *AuditEvent {
	var objects []AuditObject
	for _, o := range outcomes {
		if w := o.Written; w != nil && w.Steps > 0 {
			objects = append(objects, AuditObject{
				PolicyID: cmp.Or(w.PolicyID, o.Item.Key), Name: o.Item.Name, Type: o.Item.Type, Action: w.Action, Code: o.Code, Before: w.BeforeHash, After: w.AfterHash,
			})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	return &AuditEvent{
		TenantID: r.TenantID, At: at, Event: AuditObjectsWritten, ActorID: r.Initiator.ID(), ActorName: r.Initiator.Name,
		RunID: r.ID, Operation: r.Operation, Target: r.Target, Objects: objects, Part: r.Seq + 1,
	}
}
