package dynamostore

import (
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/run"
)

// Attributes of a backup set and its items that expressions name.
const (
	attrNote       = "note"
	attrDeletedAt  = "deletedAt"
	attrDeletedBy  = "deletedBy"
	attrCreatedAt  = "createdAt"
	attrActiveRuns = "activeRuns"
	attrTally      = "tally"
	attrUses       = "uses"
	attrState      = "state"
	attrCode       = "code"
	attrFoundation = "foundation"
	attrAddedAt    = "addedAt"
)

type selectionItem struct {
	All       bool     `dynamodbav:"all,omitempty"`
	Policies  []string `dynamodbav:"policies,omitempty"`
	Types     []string `dynamodbav:"types,omitempty"`
	Platforms []string `dynamodbav:"platforms,omitempty"`
	Search    string   `dynamodbav:"search,omitempty"`
	Missing   bool     `dynamodbav:"missing,omitempty"`
	Never     bool     `dynamodbav:"never,omitempty"`
}

// backupSetItem is a backup set. A deleted one stays where it is.
type backupSetItem struct {
	PK          string         `dynamodbav:"PK"`
	SK          string         `dynamodbav:"SK"`
	Entity      string         `dynamodbav:"entity"`
	ID          string         `dynamodbav:"id"`
	TenantID    string         `dynamodbav:"tenantId"`
	Name        string         `dynamodbav:"name"`
	NameLower   string         `dynamodbav:"nameLower"` // what a search looks in
	Note        string         `dynamodbav:"note,omitempty"`
	Selection   selectionItem  `dynamodbav:"selection"`
	Foundations bool           `dynamodbav:"foundations"`
	ScheduleID  string         `dynamodbav:"scheduleId,omitempty"`
	CreatedAt   string         `dynamodbav:"createdAt"`
	CreatedBy   *initiatorItem `dynamodbav:"createdBy,omitempty"`
	UpdatedAt   string         `dynamodbav:"updatedAt,omitempty"`
	DeletedAt   string         `dynamodbav:"deletedAt,omitempty"`
	DeletedBy   *initiatorItem `dynamodbav:"deletedBy,omitempty"`
	LastRunID   string         `dynamodbav:"lastRunId,omitempty"`
	ActiveRuns  []string       `dynamodbav:"activeRuns,stringset,omitempty"`
	Tally       *tallyItem     `dynamodbav:"tally,omitempty"`
	Rev         int64          `dynamodbav:"rev"`
	Uses        int64          `dynamodbav:"uses"`
	WriteToken  string         `dynamodbav:"writeToken,omitempty"` // of the last count
}

type tallyItem struct {
	Policies    int                      `dynamodbav:"policies"`
	Captured    int                      `dynamodbav:"captured"`
	Incomplete  int                      `dynamodbav:"incomplete"`
	Missing     int                      `dynamodbav:"missing"`
	Pending     int                      `dynamodbav:"pending"`
	Foundations int                      `dynamodbav:"foundations"`
	Types       map[string]run.TypeTally `dynamodbav:"types,omitempty"`
	At          string                   `dynamodbav:"at,omitempty"`
}

func newTallyItem(t run.SetTally) tallyItem {
	return tallyItem{
		Policies: t.Policies, Captured: t.Captured, Incomplete: t.Incomplete, Missing: t.Missing, Pending: t.Pending,
		Foundations: t.Foundations, Types: t.Types, At: optionalStamp(t.At),
	}
}

func newBackupSetItem(s run.BackupSet) backupSetItem {
	k := backupSetKey(s.TenantID, s.ID)
	i := backupSetItem{
		PK: k.pk, SK: k.sk, Entity: entityBackupSet,
		ID: s.ID, TenantID: s.TenantID, Name: s.Name, NameLower: strings.ToLower(s.Name), Note: s.Note,
		Selection: selectionItem(s.Selection), Foundations: s.Foundations, ScheduleID: s.ScheduleID,
		CreatedAt: stamp(s.CreatedAt), CreatedBy: newInitiatorItem(s.CreatedBy), UpdatedAt: optionalStamp(s.UpdatedAt),
		DeletedAt: pointerStamp(s.DeletedAt), DeletedBy: newInitiatorItem(s.DeletedBy),
		LastRunID: s.LastRunID, ActiveRuns: s.ActiveRuns, Rev: s.Rev, Uses: s.Uses,
	}
	if s.Tally != nil {
		tally := newTallyItem(*s.Tally)
		i.Tally = &tally
	}
	return i
}

func (i backupSetItem) set() (run.BackupSet, error) {
	var p stampParser
	s := run.BackupSet{
		ID: i.ID, TenantID: i.TenantID, Name: i.Name, Note: i.Note,
		Selection: run.Selection(i.Selection), Foundations: i.Foundations, ScheduleID: i.ScheduleID,
		CreatedAt: p.optional(i.CreatedAt), CreatedBy: i.CreatedBy.initiator(), UpdatedAt: p.optional(i.UpdatedAt),
		DeletedAt: p.pointer(i.DeletedAt), DeletedBy: i.DeletedBy.initiator(),
		LastRunID: i.LastRunID, ActiveRuns: slices.Sorted(slices.Values(i.ActiveRuns)), Rev: i.Rev, Uses: i.Uses,
	}
	if t := i.Tally; t != nil {
		s.Tally = &run.SetTally{
			Policies: t.Policies, Captured: t.Captured, Incomplete: t.Incomplete, Missing: t.Missing, Pending: t.Pending,
			Foundations: t.Foundations, Types: t.Types, At: p.optional(t.At),
		}
	}
	return s, p.err
}

// backupItem is one policy in a backup set.
type backupItem struct {
	PK             string `dynamodbav:"PK"`
	SK             string `dynamodbav:"SK"`
	Entity         string `dynamodbav:"entity"`
	TenantPolicies string `dynamodbav:"tenantPolicies"`
	NameKey        string `dynamodbav:"nameKey"`

	TenantID    string            `dynamodbav:"tenantId"`
	SetID       string            `dynamodbav:"setId"`
	PolicyID    string            `dynamodbav:"policyId"`
	Name        string            `dynamodbav:"name"`
	NameLower   string            `dynamodbav:"nameLower"`
	Type        string            `dynamodbav:"type"`
	Platform    string            `dynamodbav:"platform,omitempty"`
	GraphID     string            `dynamodbav:"graphId,omitempty"`
	Foundation  bool              `dynamodbav:"foundation"`
	State       string            `dynamodbav:"state"`
	Version     int               `dynamodbav:"version,omitempty"`
	ContentHash string            `dynamodbav:"contentHash,omitempty"`
	PayloadKey  string            `dynamodbav:"payloadKey,omitempty"`
	CapturedAt  string            `dynamodbav:"capturedAt,omitempty"`
	Code        string            `dynamodbav:"code,omitempty"`
	Failure     *failureItem      `dynamodbav:"failure,omitempty"`
	Params      map[string]string `dynamodbav:"params,omitempty"`
	RunID       string            `dynamodbav:"runId,omitempty"`
	AddedAt     string            `dynamodbav:"addedAt,omitempty"`
	WriteToken  string            `dynamodbav:"writeToken,omitempty"` // of the put that added it
}

func newBackupItem(i run.BackupItem) backupItem {
	k := backupItemKey(i.TenantID, i.SetID, i.PolicyID)
	return backupItem{
		PK: k.pk, SK: k.sk, Entity: entityBackupItem, TenantPolicies: k.pk, NameKey: nameKey(i.Name, i.PolicyID),
		TenantID: i.TenantID, SetID: i.SetID, PolicyID: i.PolicyID, Name: i.Name, NameLower: strings.ToLower(i.Name),
		Type: i.Type, Platform: i.Platform, GraphID: i.GraphID, Foundation: i.Foundation, State: string(i.State),
		Version: i.Version, ContentHash: i.ContentHash, PayloadKey: i.PayloadKey, CapturedAt: pointerStamp(i.CapturedAt),
		Code: i.Code, Failure: newFailureItem(i.Failure), Params: i.Params, RunID: i.RunID, AddedAt: optionalStamp(i.AddedAt),
	}
}

func (i backupItem) item() (run.BackupItem, error) {
	var p stampParser
	out := run.BackupItem{
		TenantID: i.TenantID, SetID: i.SetID, PolicyID: i.PolicyID, Name: i.Name, Type: i.Type, Platform: i.Platform, GraphID: i.GraphID,
		Foundation: i.Foundation, State: run.ItemState(i.State), Version: i.Version, ContentHash: i.ContentHash, PayloadKey: i.PayloadKey,
		CapturedAt: p.pointer(i.CapturedAt), Code: i.Code, Failure: i.Failure.failure(), Params: i.Params, RunID: i.RunID, AddedAt: p.optional(i.AddedAt),
	}
	return out, p.err
}

// heldStates are those of an item that has a version.
func heldStates() []string {
	var held []string
	for _, s := range run.ItemStates() {
		if s.Held() {
			held = append(held, string(s))
		}
	}
	return held
}

// newReplayItem remembers what a key brought about.
func newReplayItem(tenantID, keyHash, id, payloadHash string, until time.Time) replayItem {
	k := replayKey(tenantID, keyHash)
	return replayItem{
		PK: k.pk, SK: k.sk, Entity: entityReplay, RunID: id, PayloadHash: payloadHash,
		ReplayUntil: stamp(until), ExpiresAt: until.Unix() + 1,
	}
}
