package dynamostore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// Attributes of a summary that expressions name. The last run of an operation has an
// attribute of its own, so that the ends of runs of several do not meet.
const (
	attrActive     = "active"
	attrInventory  = "inventory"
	attrBackup     = "backup"
	attrSchedules  = "schedules"
	attrOpenDrift  = "openDrift"
	attrDriftKnown = "driftCounted"
	attrEndedKey   = "endedKey"
	attrCountToken = "countToken"

	lastPrefix      = "last:"
	succeededPrefix = "succeeded:"
)

// summaryItem is a run.Summary, but for what is kept by operation.
type summaryItem struct {
	PK           string             `dynamodbav:"PK"`
	SK           string             `dynamodbav:"SK"`
	Entity       string             `dynamodbav:"entity"`
	TenantID     string             `dynamodbav:"tenantId"`
	Active       []string           `dynamodbav:"active,omitempty,stringset"`
	Last         string             `dynamodbav:"last:{operation},omitempty"`      // for docs/table.md
	Succeeded    string             `dynamodbav:"succeeded:{operation},omitempty"` // for docs/table.md
	Inventory    *inventoryItem     `dynamodbav:"inventory,omitempty"`
	Backup       *backupSummaryItem `dynamodbav:"backup,omitempty"`
	Schedules    *scheduleCountItem `dynamodbav:"schedules,omitempty"`
	OpenDrift    int                `dynamodbav:"openDrift,omitempty"`
	DriftCounted bool               `dynamodbav:"driftCounted,omitempty"`
	CountToken   string             `dynamodbav:"countToken,omitempty"`
	Rev          int64              `dynamodbav:"rev,omitempty"`
}

type inventoryItem struct {
	Present  int                      `dynamodbav:"present"`
	Vanished int                      `dynamodbav:"vanished"`
	Never    int                      `dynamodbav:"never"`
	Oldest   string                   `dynamodbav:"oldest,omitempty"`
	Hours    []hourCount              `dynamodbav:"hours,omitempty"`
	Types    map[string]run.TypeCount `dynamodbav:"types,omitempty"`
	At       string                   `dynamodbav:"at"`
}

type hourCount struct {
	Hour     string `dynamodbav:"hour"`
	Policies int    `dynamodbav:"policies"`
}

type backupSummaryItem struct {
	SetID      string `dynamodbav:"setId,omitempty"`
	Name       string `dynamodbav:"name,omitempty"`
	Whole      bool   `dynamodbav:"whole,omitempty"`
	ScheduleID string `dynamodbav:"scheduleId,omitempty"`
	CreatedAt  string `dynamodbav:"createdAt,omitempty"`
	Policies   int    `dynamodbav:"policies"`
	Captured   int    `dynamodbav:"captured"`
	Incomplete int    `dynamodbav:"incomplete"`
	Missing    int    `dynamodbav:"missing"`
}

type scheduleCountItem struct {
	Total  int `dynamodbav:"total"`
	Paused int `dynamodbav:"paused"`
}

// lastRunItem is run.Run.Brief.
type lastRunItem struct {
	EndedKey      string         `dynamodbav:"endedKey"` // what tells the later of two
	ID            string         `dynamodbav:"id"`
	TenantName    string         `dynamodbav:"tenantName,omitempty"`
	Target        targetItem     `dynamodbav:"target"`
	InitiatorID   string         `dynamodbav:"initiatorId,omitempty"`
	InitiatorName string         `dynamodbav:"initiatorName,omitempty"`
	ScheduleID    string         `dynamodbav:"scheduleId,omitempty"`
	Scheduled     bool           `dynamodbav:"scheduled,omitempty"`
	Status        string         `dynamodbav:"status"`
	Failure       *failureItem   `dynamodbav:"failure,omitempty"`
	Total         int            `dynamodbav:"total"`
	Succeeded     int            `dynamodbav:"succeeded"`
	Failed        int            `dynamodbav:"failed"`
	Skipped       int            `dynamodbav:"skipped"`
	Untouched     int            `dynamodbav:"untouched,omitempty"`
	Totals        map[string]int `dynamodbav:"totals,omitempty"`
	Planned       bool           `dynamodbav:"planned,omitempty"`
	CreatedAt     string         `dynamodbav:"createdAt"`
	StartedAt     string         `dynamodbav:"startedAt,omitempty"`
	FinishedAt    string         `dynamodbav:"finishedAt,omitempty"`
	UpdatedAt     string         `dynamodbav:"updatedAt,omitempty"`
}

// endedKey sorts ends: see run.Run.EndedAfter.
func endedKey(r run.Run) string { return stamp(r.Ended()) + "#" + r.ID }

func newLastRunItem(r run.Run) lastRunItem {
	return lastRunItem{
		EndedKey: endedKey(r), ID: r.ID, TenantName: r.TenantName, Target: newTargetItem(r.Target),
		InitiatorID: r.Initiator.UserID, InitiatorName: r.Initiator.Name, ScheduleID: r.Initiator.ScheduleID, Scheduled: r.Scheduled,
		Status: string(r.Status), Failure: newFailureItem(r.Failure),
		Total: r.Counts.Total, Succeeded: r.Counts.Succeeded, Failed: r.Counts.Failed, Skipped: r.Counts.Skipped, Untouched: r.Untouched,
		Totals: r.Totals, Planned: r.Planned,
		CreatedAt: optionalStamp(r.CreatedAt), StartedAt: pointerStamp(r.StartedAt), FinishedAt: pointerStamp(r.FinishedAt), UpdatedAt: optionalStamp(r.UpdatedAt),
	}
}

func (i lastRunItem) run(tenantID string, op run.Operation) (run.Run, error) {
	var p stampParser
	r := run.Run{
		ID: i.ID, TenantID: tenantID, TenantName: i.TenantName, Operation: op, Target: i.Target.target(),
		Initiator: run.Initiator{UserID: i.InitiatorID, Name: i.InitiatorName, ScheduleID: i.ScheduleID}, Scheduled: i.Scheduled,
		Status: run.Status(i.Status), Failure: i.Failure.failure(),
		Counts: run.Counts{Total: i.Total, Succeeded: i.Succeeded, Failed: i.Failed, Skipped: i.Skipped}, Untouched: i.Untouched,
		Totals: i.Totals, Planned: i.Planned,
		CreatedAt: p.optional(i.CreatedAt), StartedAt: p.pointer(i.StartedAt), FinishedAt: p.pointer(i.FinishedAt), UpdatedAt: p.optional(i.UpdatedAt),
	}
	return r, p.err
}

func newInventoryItem(c run.InventoryCount) inventoryItem {
	i := inventoryItem{Present: c.Present, Vanished: c.Vanished, Never: c.Never, Oldest: optionalStamp(c.Oldest), Types: c.Types, At: stamp(c.At)}
	for _, h := range c.Hours {
		i.Hours = append(i.Hours, hourCount{stamp(h.Hour), h.Policies})
	}
	return i
}

func newBackupSummaryItem(b run.BackupSummary) backupSummaryItem {
	return backupSummaryItem{
		SetID: b.SetID, Name: b.Name, Whole: b.Whole, ScheduleID: b.ScheduleID, CreatedAt: optionalStamp(b.CreatedAt),
		Policies: b.Policies, Captured: b.Captured, Incomplete: b.Incomplete, Missing: b.Missing,
	}
}

// decodeSummary reads the summary of a tenant; no image is one of which nothing is
// known.
func decodeSummary(tenantID string, image map[string]types.AttributeValue) (run.Summary, error) {
	s := run.Summary{TenantID: tenantID}
	if len(image) == 0 {
		return s, nil
	}
	i, err := decode[summaryItem](image)
	if err != nil {
		return s, err
	}
	var p stampParser
	s.Active = slices.Sorted(slices.Values(i.Active))
	s.OpenDrift, s.DriftCounted, s.Rev = max(i.OpenDrift, 0), i.DriftCounted, i.Rev
	if c := i.Inventory; c != nil {
		s.Inventory = &run.InventoryCount{Present: c.Present, Vanished: c.Vanished, Never: c.Never, Oldest: p.optional(c.Oldest), Types: c.Types, At: p.optional(c.At)}
		for _, h := range c.Hours {
			s.Inventory.Hours = append(s.Inventory.Hours, run.HourCount{Hour: p.optional(h.Hour), Policies: h.Policies})
		}
	}
	if b := i.Backup; b != nil {
		s.Backup = &run.BackupSummary{
			SetID: b.SetID, Name: b.Name, Whole: b.Whole, ScheduleID: b.ScheduleID, CreatedAt: p.optional(b.CreatedAt),
			Policies: b.Policies, Captured: b.Captured, Incomplete: b.Incomplete, Missing: b.Missing,
		}
	}
	if c := i.Schedules; c != nil {
		count := run.ScheduleCount(*c)
		s.Schedules = &count
	}
	for name, value := range image {
		if op, ok := strings.CutPrefix(name, lastPrefix); ok {
			m, ok := value.(*types.AttributeValueMemberM)
			if !ok {
				return s, fmt.Errorf("stored summary has no run in %q", name)
			}
			last, err := decode[lastRunItem](m.Value)
			if err != nil {
				return s, err
			}
			r, err := last.run(tenantID, run.Operation(op))
			if err != nil {
				return s, err
			}
			if s.Last == nil {
				s.Last = map[run.Operation]run.Run{}
			}
			s.Last[r.Operation] = r
		}
		if op, ok := strings.CutPrefix(name, succeededPrefix); ok {
			text, err := textOf(image, name)
			if err != nil {
				return s, err
			}
			if s.Succeeded == nil {
				s.Succeeded = map[run.Operation]time.Time{}
			}
			s.Succeeded[run.Operation(op)] = p.optional(text)
		}
	}
	return s, p.err
}
