package dynamostore

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

type targetItem struct {
	Kind string `dynamodbav:"kind,omitempty"`
	ID   string `dynamodbav:"id,omitempty"`
	Name string `dynamodbav:"name,omitempty"`
	Type string `dynamodbav:"type,omitempty"`
}

func newTargetItem(t run.Target) targetItem {
	return targetItem{Kind: string(t.Kind), ID: t.ID, Name: t.Name, Type: t.Type}
}

func (i targetItem) target() run.Target {
	return run.Target{Kind: run.TargetKind(i.Kind), ID: i.ID, Name: i.Name, Type: i.Type}
}

type failureItem struct {
	Code            string            `dynamodbav:"code"`
	HTTPStatus      int               `dynamodbav:"httpStatus,omitempty"`
	GraphCode       string            `dynamodbav:"graphCode,omitempty"`
	GraphRequestID  string            `dynamodbav:"graphRequestId,omitempty"`
	ClientRequestID string            `dynamodbav:"clientRequestId,omitempty"`
	Params          map[string]string `dynamodbav:"params,omitempty"`
}

func newFailureItem(f *run.Failure) *failureItem {
	if f == nil {
		return nil
	}
	i := failureItem(*f)
	return &i
}

func (i *failureItem) failure() *run.Failure {
	if i == nil {
		return nil
	}
	f := run.Failure(*i)
	return &f
}

// Attributes of a run that expressions name.
const (
	attrStatus      = "status"
	attrWaiting     = "waiting"
	attrFailure     = "failure"
	attrTotal       = "total"
	attrSucceeded   = "succeeded"
	attrFailed      = "failed"
	attrSkipped     = "skipped"
	attrTotals      = "totals"
	attrStartedAt   = "startedAt"
	attrFinishedAt  = "finishedAt"
	attrUpdatedAt   = "updatedAt"
	attrEpoch       = "epoch"
	attrOwner       = "owner"
	attrLeaseUntil  = "leaseUntil"
	attrSeq         = "seq"
	attrCursor      = "cursor"
	attrPlanned     = "planned"
	attrPlanEpoch   = "planEpoch"
	attrPlan        = "plan"
	attrIntent      = "intent"
	attrIntentEpoch = "intentEpoch"
	attrAttempts    = "attempts"
	attrDispatchSeq = "dispatchSeq"
	attrNotBefore   = "notBefore"
	attrOperation   = "operation"
	attrTargetKind  = "kind"
	attrTargetID    = "id"
	attrTarget      = "target"
	attrInitiator   = "initiatorId"
	attrWriteToken  = "writeToken"
)

type waitingItem struct {
	Code  string `dynamodbav:"code"`
	Until string `dynamodbav:"until,omitempty"`
}

func newWaitingItem(w run.Waiting) waitingItem {
	return waitingItem{Code: w.Code, Until: optionalStamp(w.Until)}
}

// runItem is a run. The index attributes activeInitiator, openShard and runKey
// are there only while it is not terminal, which keeps their indexes small.
type runItem struct {
	PK              string `dynamodbav:"PK"`
	SK              string `dynamodbav:"SK"`
	Entity          string `dynamodbav:"entity"`
	TenantRuns      string `dynamodbav:"tenantRuns"`
	CreatedKey      string `dynamodbav:"createdKey"`
	ActiveInitiator string `dynamodbav:"activeInitiator,omitempty"`
	OpenShard       string `dynamodbav:"openShard,omitempty"`
	RunKey          string `dynamodbav:"runKey,omitempty"`

	ID            string     `dynamodbav:"id"`
	TenantID      string     `dynamodbav:"tenantId"`
	TenantName    string     `dynamodbav:"tenantName,omitempty"`
	Operation     string     `dynamodbav:"operation"`
	Target        targetItem `dynamodbav:"target"`
	InitiatorID   string     `dynamodbav:"initiatorId"`
	InitiatorName string     `dynamodbav:"initiatorName,omitempty"`
	Input         string     `dynamodbav:"input,omitempty"`
	KeyHash       string     `dynamodbav:"keyHash"`
	PayloadHash   string     `dynamodbav:"payloadHash"`

	Status     string         `dynamodbav:"status"`
	Waiting    *waitingItem   `dynamodbav:"waiting,omitempty"`
	Failure    *failureItem   `dynamodbav:"failure,omitempty"`
	Total      int            `dynamodbav:"total"`
	Succeeded  int            `dynamodbav:"succeeded"`
	Failed     int            `dynamodbav:"failed"`
	Skipped    int            `dynamodbav:"skipped"`
	Totals     map[string]int `dynamodbav:"totals"` // always there: commits add to its entries
	CreatedAt  string         `dynamodbav:"createdAt"`
	StartedAt  string         `dynamodbav:"startedAt,omitempty"`
	FinishedAt string         `dynamodbav:"finishedAt,omitempty"`
	UpdatedAt  string         `dynamodbav:"updatedAt,omitempty"`
	DeadlineAt string         `dynamodbav:"deadlineAt,omitempty"`

	Epoch       int64    `dynamodbav:"epoch"`
	Owner       string   `dynamodbav:"owner,omitempty"`
	LeaseUntil  string   `dynamodbav:"leaseUntil,omitempty"`
	Seq         int      `dynamodbav:"seq"`
	Cursor      int      `dynamodbav:"cursor"`
	Planned     bool     `dynamodbav:"planned"`
	PlanEpoch   int64    `dynamodbav:"planEpoch"`
	Intent      []string `dynamodbav:"intent,omitempty"`
	IntentEpoch int64    `dynamodbav:"intentEpoch"`
	Attempts    int      `dynamodbav:"attempts"`
	DispatchSeq int      `dynamodbav:"dispatchSeq"`
	NotBefore   string   `dynamodbav:"notBefore,omitempty"`

	Plan       []planEntry `dynamodbav:"plan,omitempty"`       // a short plan, see inlinePlanItems
	WriteToken string      `dynamodbav:"writeToken,omitempty"` // of the last release, or the end
}

func newRunItem(r run.Run) runItem {
	k := runKey(r.TenantID, r.ID)
	i := runItem{
		PK: k.pk, SK: k.sk, Entity: entityRun,
		TenantRuns: tenantRuns(r.TenantID), CreatedKey: createdKey(r.CreatedAt, r.ID),
		ID: r.ID, TenantID: r.TenantID, TenantName: r.TenantName, Operation: string(r.Operation), Target: newTargetItem(r.Target),
		InitiatorID: r.Initiator.UserID, InitiatorName: r.Initiator.Name, Input: string(r.Input), KeyHash: r.KeyHash, PayloadHash: r.PayloadHash,
		Status: string(r.Status), Failure: newFailureItem(r.Failure),
		Total: r.Counts.Total, Succeeded: r.Counts.Succeeded, Failed: r.Counts.Failed, Skipped: r.Counts.Skipped, Totals: r.Totals,
		CreatedAt: stamp(r.CreatedAt), StartedAt: pointerStamp(r.StartedAt), FinishedAt: pointerStamp(r.FinishedAt),
		UpdatedAt: optionalStamp(r.UpdatedAt), DeadlineAt: optionalStamp(r.DeadlineAt),
		Epoch: r.Epoch, Owner: r.Owner, LeaseUntil: optionalStamp(r.LeaseUntil), Seq: r.Seq, Cursor: r.Cursor,
		Planned: r.Planned, PlanEpoch: r.PlanEpoch, Intent: r.Intent, IntentEpoch: r.IntentEpoch,
		Attempts: r.Attempts, DispatchSeq: r.DispatchSeq, NotBefore: optionalStamp(r.NotBefore),
	}
	if r.Waiting != nil {
		w := newWaitingItem(*r.Waiting)
		i.Waiting = &w
	}
	if i.Totals == nil {
		i.Totals = map[string]int{}
	}
	if !r.Status.Terminal() {
		i.ActiveInitiator = r.Initiator.UserID
		i.OpenShard, i.RunKey = openShard(r.ID), r.ID
	}
	return i
}

func (i runItem) run() (run.Run, error) {
	if i.Entity != entityRun {
		return run.Run{}, fmt.Errorf("stored item is a %.20q, not a run", i.Entity)
	}
	var p stampParser
	r := run.Run{
		ID: i.ID, TenantID: i.TenantID, TenantName: i.TenantName, Operation: run.Operation(i.Operation), Target: i.Target.target(),
		Initiator: run.Initiator{UserID: i.InitiatorID, Name: i.InitiatorName}, KeyHash: i.KeyHash, PayloadHash: i.PayloadHash,
		Status: run.Status(i.Status), Failure: i.Failure.failure(),
		Counts:    run.Counts{Total: i.Total, Succeeded: i.Succeeded, Failed: i.Failed, Skipped: i.Skipped},
		CreatedAt: p.optional(i.CreatedAt), StartedAt: p.pointer(i.StartedAt), FinishedAt: p.pointer(i.FinishedAt),
		UpdatedAt: p.optional(i.UpdatedAt), DeadlineAt: p.optional(i.DeadlineAt),
		Epoch: i.Epoch, Owner: i.Owner, LeaseUntil: p.optional(i.LeaseUntil), Seq: i.Seq, Cursor: i.Cursor,
		Planned: i.Planned, PlanEpoch: i.PlanEpoch, Intent: i.Intent, IntentEpoch: i.IntentEpoch,
		Attempts: i.Attempts, DispatchSeq: i.DispatchSeq, NotBefore: p.optional(i.NotBefore),
	}
	if len(i.Totals) > 0 {
		r.Totals = i.Totals
	}
	if i.Input != "" {
		r.Input = json.RawMessage(i.Input)
	}
	if i.Waiting != nil {
		r.Waiting = &run.Waiting{Code: i.Waiting.Code, Until: p.optional(i.Waiting.Until)}
	}
	return r, p.err
}

// DecodeRun reads a run from an item's image, for example one of a table stream.
// An error means that the image is not a run as this package stores it.
func DecodeRun(image map[string]types.AttributeValue) (run.Run, error) {
	i, err := decode[runItem](image)
	if err != nil {
		return run.Run{}, err
	}
	return i.run()
}

type planEntry struct {
	Key  string `dynamodbav:"key"`
	Kind string `dynamodbav:"kind,omitempty"`
	Name string `dynamodbav:"name,omitempty"`
	Type string `dynamodbav:"type,omitempty"`
}

func newPlanEntries(items []run.Item) []planEntry {
	entries := make([]planEntry, len(items))
	for i, item := range items {
		entries[i] = planEntry(item)
	}
	return entries
}

func planItems(entries []planEntry) []run.Item {
	items := make([]run.Item, len(entries))
	for i, e := range entries {
		items[i] = run.Item(e)
	}
	return items
}

// planItem is a part of a long plan.
type planItem struct {
	PK     string      `dynamodbav:"PK"`
	SK     string      `dynamodbav:"SK"`
	Entity string      `dynamodbav:"entity"`
	Items  []planEntry `dynamodbav:"items"`
}

type outcomeEntry struct {
	Item     planEntry         `dynamodbav:"item"`
	Status   string            `dynamodbav:"status"`
	Code     string            `dynamodbav:"code,omitempty"`
	Failure  *failureItem      `dynamodbav:"failure,omitempty"`
	Params   map[string]string `dynamodbav:"params,omitempty"`
	Numbers  map[string]int    `dynamodbav:"numbers,omitempty"`
	Version  int               `dynamodbav:"version,omitempty"`
	Attempts int               `dynamodbav:"attempts,omitempty"`
	At       string            `dynamodbav:"at,omitempty"`
}

// outcomesItem is one committed slice.
type outcomesItem struct {
	PK         string         `dynamodbav:"PK"`
	SK         string         `dynamodbav:"SK"`
	Entity     string         `dynamodbav:"entity"`
	Seq        int            `dynamodbav:"seq"`
	Epoch      int64          `dynamodbav:"epoch"`
	Outcomes   []outcomeEntry `dynamodbav:"outcomes"`
	WriteToken string         `dynamodbav:"writeToken"`
}

func newOutcomesItem(tenantID, runID string, c run.Chunk, token string) outcomesItem {
	k := outcomesKey(tenantID, runID, c.Seq)
	i := outcomesItem{PK: k.pk, SK: k.sk, Entity: entityOutcomes, Seq: c.Seq, Epoch: c.Epoch, WriteToken: token}
	for _, o := range c.Outcomes {
		i.Outcomes = append(i.Outcomes, outcomeEntry{
			Item: planEntry(o.Item), Status: string(o.Status), Code: o.Code, Failure: newFailureItem(o.Failure),
			Params: o.Params, Numbers: o.Numbers, Version: o.Version, Attempts: o.Attempts, At: optionalStamp(o.At),
		})
	}
	return i
}

func (i outcomesItem) chunk() (run.Chunk, error) {
	var p stampParser
	c := run.Chunk{Seq: i.Seq, Epoch: i.Epoch}
	for _, o := range i.Outcomes {
		c.Outcomes = append(c.Outcomes, run.Outcome{
			Item: run.Item(o.Item), Status: run.OutcomeStatus(o.Status), Code: o.Code, Failure: o.Failure.failure(),
			Params: o.Params, Numbers: o.Numbers, Version: o.Version, Attempts: o.Attempts, At: p.optional(o.At),
		})
	}
	return c, p.err
}

// lockItem is the holder of an idempotency key.
type lockItem struct {
	PK          string `dynamodbav:"PK"`
	SK          string `dynamodbav:"SK"`
	Entity      string `dynamodbav:"entity"`
	TenantID    string `dynamodbav:"tenantId"`
	KeyHash     string `dynamodbav:"keyHash"`
	ActiveRunID string `dynamodbav:"activeRunId,omitempty"` // absent: free
	PayloadHash string `dynamodbav:"payloadHash,omitempty"`
	LastRunID   string `dynamodbav:"lastRunId,omitempty"`
}

const (
	attrEntity      = "entity"
	attrTenantID    = "tenantId"
	attrKeyHash     = "keyHash"
	attrActiveRunID = "activeRunId"
	attrPayloadHash = "payloadHash"
	attrLastRunID   = "lastRunId"
)

func (i lockItem) lock() run.Lock {
	return run.Lock{TenantID: i.TenantID, KeyHash: i.KeyHash, ActiveRunID: i.ActiveRunID, PayloadHash: i.PayloadHash, LastRunID: i.LastRunID}
}

// replayItem remembers a client's Idempotency-Key. ExpiresAt lets DynamoDB
// delete it some time after; ReplayUntil is what counts.
type replayItem struct {
	PK          string `dynamodbav:"PK"`
	SK          string `dynamodbav:"SK"`
	Entity      string `dynamodbav:"entity"`
	RunID       string `dynamodbav:"runId"`
	PayloadHash string `dynamodbav:"payloadHash"`
	ReplayUntil string `dynamodbav:"replayUntil"`
	ExpiresAt   int64  `dynamodbav:"expiresAt"`
}

const attrReplayUntil = "replayUntil"

func (i replayItem) replay() (run.Replay, error) {
	var p stampParser
	r := run.Replay{RunID: i.RunID, PayloadHash: i.PayloadHash, ExpiresAt: p.optional(i.ReplayUntil)}
	return r, p.err
}
