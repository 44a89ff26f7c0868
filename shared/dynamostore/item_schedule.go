package dynamostore

import (
	"time"

	"tenantatlas/shared/run"
)

// Attributes of a schedule that expressions name.
const (
	attrPaused  = "paused"
	attrApplied = "applied"
	attrRemoved = "removed"
)

// scheduleItem is a schedule. openShard and runKey are there only while the
// timetable may not have it as it stands.
type scheduleItem struct {
	PK        string `dynamodbav:"PK"`
	SK        string `dynamodbav:"SK"`
	Entity    string `dynamodbav:"entity"`
	OpenShard string `dynamodbav:"openShard,omitempty"`
	RunKey    string `dynamodbav:"runKey,omitempty"`

	ID          string         `dynamodbav:"id"`
	TenantID    string         `dynamodbav:"tenantId"`
	Name        string         `dynamodbav:"name"`
	Operation   string         `dynamodbav:"operation"`
	Expression  string         `dynamodbav:"expression"`
	TimeZone    string         `dynamodbav:"timeZone,omitempty"`
	Spread      int64          `dynamodbav:"spread,omitempty"` // seconds
	Selection   selectionItem  `dynamodbav:"selection"`
	Foundations bool           `dynamodbav:"foundations"`
	Types       []string       `dynamodbav:"types,omitempty"`
	Paused      bool           `dynamodbav:"paused"`
	PausedBy    *initiatorItem `dynamodbav:"pausedBy,omitempty"`
	PausedAt    string         `dynamodbav:"pausedAt,omitempty"`
	CreatedAt   string         `dynamodbav:"createdAt,omitempty"`
	CreatedBy   *initiatorItem `dynamodbav:"createdBy,omitempty"`
	UpdatedAt   string         `dynamodbav:"updatedAt,omitempty"`
	UpdatedBy   *initiatorItem `dynamodbav:"updatedBy,omitempty"`
	Rev         int64          `dynamodbav:"rev"`
	Applied     int64          `dynamodbav:"applied"`
	Removed     bool           `dynamodbav:"removed"`
}

func newScheduleItem(s run.Schedule) scheduleItem {
	k := scheduleKey(s.TenantID, s.ID)
	i := scheduleItem{
		PK: k.pk, SK: k.sk, Entity: entitySchedule,
		ID: s.ID, TenantID: s.TenantID, Name: s.Name, Operation: string(s.Operation), Expression: s.Expression, TimeZone: s.TimeZone,
		Spread: int64(s.Spread / time.Second), Selection: selectionItem(s.Selection), Foundations: s.Foundations, Types: s.Types,
		Paused: s.Paused, PausedBy: newInitiatorItem(s.PausedBy), PausedAt: pointerStamp(s.PausedAt),
		CreatedAt: optionalStamp(s.CreatedAt), CreatedBy: newInitiatorItem(s.CreatedBy),
		UpdatedAt: optionalStamp(s.UpdatedAt), UpdatedBy: newInitiatorItem(s.UpdatedBy), Rev: s.Rev, Applied: s.Applied, Removed: s.Removed,
	}
	if s.Applied < s.Rev {
		i.OpenShard, i.RunKey = shardOf(unappliedShard, s.ID), s.ID
	}
	return i
}

func (i scheduleItem) schedule() (run.Schedule, error) {
	var p stampParser
	s := run.Schedule{
		ID: i.ID, TenantID: i.TenantID, Name: i.Name, Operation: run.Operation(i.Operation), Expression: i.Expression, TimeZone: i.TimeZone,
		Spread: time.Duration(i.Spread) * time.Second, Selection: run.Selection(i.Selection), Foundations: i.Foundations, Types: i.Types,
		Paused: i.Paused, PausedBy: i.PausedBy.initiator(), PausedAt: p.pointer(i.PausedAt),
		CreatedAt: p.optional(i.CreatedAt), CreatedBy: i.CreatedBy.initiator(),
		UpdatedAt: p.optional(i.UpdatedAt), UpdatedBy: i.UpdatedBy.initiator(), Rev: i.Rev, Applied: i.Applied, Removed: i.Removed,
	}
	return s, p.err
}

type firingItem struct {
	PK         string `dynamodbav:"PK"`
	SK         string `dynamodbav:"SK"`
	Entity     string `dynamodbav:"entity"`
	TenantID   string `dynamodbav:"tenantId"`
	ScheduleID string `dynamodbav:"scheduleId"`
	DueAt      string `dynamodbav:"dueAt"`
	At         string `dynamodbav:"at,omitempty"`
	Result     string `dynamodbav:"result"`
	RunID      string `dynamodbav:"runId,omitempty"`
	SetID      string `dynamodbav:"setId,omitempty"`
	Code       string `dynamodbav:"code,omitempty"`
	ExpiresAt  int64  `dynamodbav:"expiresAt"`
}

func newFiringItem(f run.Firing) firingItem {
	k := firingKey(f.TenantID, f.ScheduleID, f.DueAt)
	return firingItem{
		PK: k.pk, SK: k.sk, Entity: entityFiring,
		TenantID: f.TenantID, ScheduleID: f.ScheduleID, DueAt: stamp(f.DueAt), At: optionalStamp(f.At), Result: string(f.Result),
		RunID: f.RunID, SetID: f.SetID, Code: f.Code, ExpiresAt: f.DueAt.Add(run.KeepFirings).Unix(),
	}
}

func (i firingItem) firing() (run.Firing, error) {
	var p stampParser
	f := run.Firing{
		TenantID: i.TenantID, ScheduleID: i.ScheduleID, DueAt: p.optional(i.DueAt), At: p.optional(i.At), Result: run.FiringResult(i.Result),
		RunID: i.RunID, SetID: i.SetID, Code: i.Code,
	}
	return f, p.err
}
