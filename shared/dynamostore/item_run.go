package dynamostore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	attrUntouched   = "untouched"
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
	attrCrashes     = "crashes"
	attrRescues     = "rescues"
	attrFault       = "fault"
	attrWaitedFor   = "waitedFor"
	attrCancelAt    = "cancelAt"
	attrCanceler    = "canceler"
	attrAttempts    = "attempts"
	attrDispatchSeq = "dispatchSeq"
	attrNotBefore   = "notBefore"
	attrOperation   = "operation"
	attrTargetKind  = "kind"
	attrTargetID    = "id"
	attrTarget      = "target"
	attrInitiator   = "initiatorId"
	attrWriteToken  = "writeToken"
	attrPlanDigest  = "planDigest"
)

type initiatorItem struct {
	ID         string `dynamodbav:"id,omitempty"`
	Name       string `dynamodbav:"name,omitempty"`
	ScheduleID string `dynamodbav:"scheduleId,omitempty"`
}

// newInitiatorItem returns nil for nobody.
func newInitiatorItem(by run.Initiator) *initiatorItem {
	if by == (run.Initiator{}) {
		return nil
	}
	return &initiatorItem{ID: by.UserID, Name: by.Name, ScheduleID: by.ScheduleID}
}

func (i *initiatorItem) initiator() run.Initiator {
	if i == nil {
		return run.Initiator{}
	}
	return run.Initiator{UserID: i.ID, Name: i.Name, ScheduleID: i.ScheduleID}
}

type waitingItem struct {
	Code  string `dynamodbav:"code"`
	Until string `dynamodbav:"until,omitempty"`
}

func newWaitingItem(w run.Waiting) waitingItem {
	return waitingItem{Code: w.Code, Until: optionalStamp(w.Until)}
}

// runItem is a run. activeInitiator is there only while the run is not terminal,
// and openShard and runKey until its end is notified as well, which keeps their
// indexes small.
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
	InitiatorID   string     `dynamodbav:"initiatorId"` // the user's or the schedule's: see run.Initiator.ID
	InitiatorName string     `dynamodbav:"initiatorName,omitempty"`
	ScheduleID    string     `dynamodbav:"scheduleId,omitempty"` // absent for a person
	Input         string     `dynamodbav:"input,omitempty"`
	KeyHash       string     `dynamodbav:"keyHash"`
	PayloadHash   string     `dynamodbav:"payloadHash"`
	Reason        string     `dynamodbav:"reason,omitempty"`
	Scheduled     bool       `dynamodbav:"scheduled,omitempty"`

	Status     string         `dynamodbav:"status"`
	Waiting    *waitingItem   `dynamodbav:"waiting,omitempty"`
	Failure    *failureItem   `dynamodbav:"failure,omitempty"`
	Total      int            `dynamodbav:"total"`
	Succeeded  int            `dynamodbav:"succeeded"`
	Failed     int            `dynamodbav:"failed"`
	Skipped    int            `dynamodbav:"skipped"`
	Untouched  int            `dynamodbav:"untouched,omitempty"`
	Totals     map[string]int `dynamodbav:"totals"`                            // always there: commits add to its entries
	Reasons    int            `dynamodbav:"reason:{outcome}:{code},omitempty"` // for docs/table.md; see reasonsOf
	PlanDigest string         `dynamodbav:"planDigest,omitempty"`
	CreatedAt  string         `dynamodbav:"createdAt"`
	StartedAt  string         `dynamodbav:"startedAt,omitempty"`
	FinishedAt string         `dynamodbav:"finishedAt,omitempty"`
	UpdatedAt  string         `dynamodbav:"updatedAt,omitempty"`
	DeadlineAt string         `dynamodbav:"deadlineAt,omitempty"`
	CancelAt   string         `dynamodbav:"cancelAt,omitempty"`
	Canceler   *initiatorItem `dynamodbav:"canceler,omitempty"`

	Epoch       int64        `dynamodbav:"epoch"`
	Owner       string       `dynamodbav:"owner,omitempty"`
	LeaseUntil  string       `dynamodbav:"leaseUntil,omitempty"`
	Seq         int          `dynamodbav:"seq"`
	Cursor      int          `dynamodbav:"cursor"`
	Planned     bool         `dynamodbav:"planned"`
	PlanEpoch   int64        `dynamodbav:"planEpoch"`
	Intent      uint32       `dynamodbav:"intent"` // bits, counted from the cursor
	Attempts    int          `dynamodbav:"attempts"`
	Crashes     int          `dynamodbav:"crashes"`
	Rescues     int          `dynamodbav:"rescues"`
	Fault       *failureItem `dynamodbav:"fault,omitempty"`
	WaitedFor   *failureItem `dynamodbav:"waitedFor,omitempty"`
	DispatchSeq int          `dynamodbav:"dispatchSeq"`
	NotBefore   string       `dynamodbav:"notBefore,omitempty"`

	Plan       []planEntry `dynamodbav:"plan,omitempty"`       // a short plan, see inlinePlanItems
	WriteToken string      `dynamodbav:"writeToken,omitempty"` // of the last release, or the end
}

func newRunItem(r run.Run) runItem {
	k := runKey(r.TenantID, r.ID)
	i := runItem{
		PK: k.pk, SK: k.sk, Entity: entityRun,
		TenantRuns: tenantRuns(r.TenantID), CreatedKey: createdKey(r.CreatedAt, r.ID),
		ID: r.ID, TenantID: r.TenantID, TenantName: r.TenantName, Operation: string(r.Operation), Target: newTargetItem(r.Target),
		InitiatorID: r.Initiator.ID(), InitiatorName: r.Initiator.Name, ScheduleID: r.Initiator.ScheduleID, Input: string(r.Input), KeyHash: r.KeyHash, PayloadHash: r.PayloadHash,
		Reason: r.Reason, PlanDigest: r.PlanDigest,
		Status: string(r.Status), Failure: newFailureItem(r.Failure),
		Total: r.Counts.Total, Succeeded: r.Counts.Succeeded, Failed: r.Counts.Failed, Skipped: r.Counts.Skipped, Untouched: r.Untouched, Totals: r.Totals,
		CreatedAt: stamp(r.CreatedAt), StartedAt: pointerStamp(r.StartedAt), FinishedAt: pointerStamp(r.FinishedAt),
		UpdatedAt: optionalStamp(r.UpdatedAt), DeadlineAt: optionalStamp(r.DeadlineAt),
		Epoch: r.Epoch, Owner: r.Owner, LeaseUntil: optionalStamp(r.LeaseUntil), Seq: r.Seq, Cursor: r.Cursor,
		Planned: r.Planned, PlanEpoch: r.PlanEpoch, Intent: uint32(r.Intent),
		Attempts: r.Attempts, Crashes: r.Crashes, Rescues: r.Rescues, Fault: newFailureItem(r.Fault), WaitedFor: newFailureItem(r.WaitedFor),
		DispatchSeq: r.DispatchSeq, NotBefore: optionalStamp(r.NotBefore),
		Scheduled: r.Scheduled, CancelAt: pointerStamp(r.CancelAt), Canceler: newInitiatorItem(r.CanceledBy),
	}
	if r.Waiting != nil {
		w := newWaitingItem(*r.Waiting)
		i.Waiting = &w
	}
	if i.Totals == nil {
		i.Totals = map[string]int{}
	}
	if !r.Status.Terminal() {
		i.ActiveInitiator = r.Initiator.ID()
		i.OpenShard, i.RunKey = shardOf(openRunShard, r.ID), r.ID
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
		Initiator: run.Initiator{Name: i.InitiatorName, ScheduleID: i.ScheduleID}, KeyHash: i.KeyHash, PayloadHash: i.PayloadHash,
		Reason: i.Reason, PlanDigest: i.PlanDigest,
		Status: run.Status(i.Status), Failure: i.Failure.failure(),
		Counts: run.Counts{Total: i.Total, Succeeded: i.Succeeded, Failed: i.Failed, Skipped: i.Skipped}, Untouched: i.Untouched,
		CreatedAt: p.optional(i.CreatedAt), StartedAt: p.pointer(i.StartedAt), FinishedAt: p.pointer(i.FinishedAt),
		UpdatedAt: p.optional(i.UpdatedAt), DeadlineAt: p.optional(i.DeadlineAt),
		Epoch: i.Epoch, Owner: i.Owner, LeaseUntil: p.optional(i.LeaseUntil), Seq: i.Seq, Cursor: i.Cursor,
		Planned: i.Planned, PlanEpoch: i.PlanEpoch, Intent: run.ItemSet(i.Intent),
		Attempts: i.Attempts, Crashes: i.Crashes, Rescues: i.Rescues, Fault: i.Fault.failure(), WaitedFor: i.WaitedFor.failure(),
		DispatchSeq: i.DispatchSeq, NotBefore: p.optional(i.NotBefore),
		Scheduled: i.Scheduled, CancelAt: p.pointer(i.CancelAt), CanceledBy: i.Canceler.initiator(),
	}
	if i.ScheduleID == "" {
		r.Initiator.UserID = i.InitiatorID
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
	r, err := i.run()
	if err == nil {
		r.Reasons, err = reasonsOf(image)
	}
	return r, err
}

// reasonPrefix begins the attributes that count outcomes by their reason. Each is an
// attribute of its own, so that a commit can add to one that is not there yet.
const reasonPrefix = "reason:"

func reasonAttr(r run.OutcomeReason) string { return reasonPrefix + string(r.Status) + ":" + r.Code }

func reasonsOf(image map[string]types.AttributeValue) (map[run.OutcomeReason]int, error) {
	var reasons map[run.OutcomeReason]int
	for name, value := range image {
		text, ok := strings.CutPrefix(name, reasonPrefix)
		if !ok {
			continue
		}
		status, code, _ := strings.Cut(text, ":")
		number, ok := value.(*types.AttributeValueMemberN)
		if !ok {
			return nil, fmt.Errorf("stored count of %q is no number", name)
		}
		n, err := strconv.Atoi(number.Value)
		if err != nil {
			return nil, fmt.Errorf("stored count of %q is no whole number", name)
		}
		if reasons == nil {
			reasons = map[run.OutcomeReason]int{}
		}
		reasons[run.OutcomeReason{Status: run.OutcomeStatus(status), Code: code}] = n
	}
	return reasons, nil
}

type planEntry struct {
	Key  string `dynamodbav:"key"`
	Kind string `dynamodbav:"kind,omitempty"`
	Name string `dynamodbav:"name,omitempty"`
	Type string `dynamodbav:"type,omitempty"`

	Document string `dynamodbav:"document,omitempty"`
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

// outcomeEntry is an outcome without its item, which stands in the plan: a chunk
// is paid for by its size, and most of an outcome is its item. Fields that say
// what most outcomes say are left out.
type outcomeEntry struct {
	Status   string            `dynamodbav:"status,omitempty"` // "" for succeeded
	Code     string            `dynamodbav:"code,omitempty"`
	Failure  *failureItem      `dynamodbav:"failure,omitempty"`
	Params   map[string]string `dynamodbav:"params,omitempty"`
	Numbers  map[string]int    `dynamodbav:"numbers,omitempty"`
	Version  int               `dynamodbav:"version,omitempty"`
	Planned  *plannedItem      `dynamodbav:"planned,omitempty"`
	Written  *writtenItem      `dynamodbav:"written,omitempty"`
	Attempts int               `dynamodbav:"attempts,omitempty"` // 0 for 1, -1 for none
	After    int64             `dynamodbav:"after,omitempty"`    // nanoseconds from the chunk's time
}

// plannedItem is what a preview planned for an item.
type plannedItem struct {
	Action      string   `dynamodbav:"action"`
	Version     int      `dynamodbav:"version,omitempty"`
	GraphID     string   `dynamodbav:"graphId,omitempty"`
	Matched     string   `dynamodbav:"matched,omitempty"`
	Fingerprint string   `dynamodbav:"fingerprint,omitempty"`
	Document    string   `dynamodbav:"document,omitempty"`
	Changes     int      `dynamodbav:"changes,omitempty"`
	Warnings    []string `dynamodbav:"warnings,omitempty"`
}

func newPlannedItem(p *run.Planned) *plannedItem {
	if p == nil {
		return nil
	}
	return &plannedItem{string(p.Action), p.Version, p.GraphID, string(p.Matched), p.Fingerprint, p.Document, p.Changes, p.Warnings}
}

func (i *plannedItem) planned() *run.Planned {
	if i == nil {
		return nil
	}
	return &run.Planned{
		Action: run.PlanAction(i.Action), Version: i.Version, GraphID: i.GraphID, Matched: run.MatchedBy(i.Matched), Fingerprint: i.Fingerprint,
		Document: i.Document, Changes: i.Changes, Warnings: i.Warnings,
	}
}

// writtenItem is what a live restore did with an item.
type writtenItem struct {
	Action     string `dynamodbav:"action"`
	PolicyID   string `dynamodbav:"policyId,omitempty"`
	GraphID    string `dynamodbav:"graphId,omitempty"`
	Before     int    `dynamodbav:"before,omitempty"`
	BeforeHash string `dynamodbav:"beforeHash,omitempty"`
	AfterHash  string `dynamodbav:"afterHash,omitempty"`
	Steps      int    `dynamodbav:"steps,omitempty"`
}

func newWrittenItem(w *run.Written) *writtenItem {
	if w == nil {
		return nil
	}
	return &writtenItem{string(w.Action), w.PolicyID, w.GraphID, w.Before, w.BeforeHash, w.AfterHash, w.Steps}
}

func (i *writtenItem) written() *run.Written {
	if i == nil {
		return nil
	}
	return &run.Written{
		Action: run.PlanAction(i.Action), PolicyID: i.PolicyID, GraphID: i.GraphID, Before: i.Before, BeforeHash: i.BeforeHash,
		AfterHash: i.AfterHash, Steps: i.Steps,
	}
}

// restItem is what became of the items that a run ended before.
type restItem struct {
	Code    string `dynamodbav:"code"`
	Unknown uint32 `dynamodbav:"unknown,omitempty"` // bits, counted from the first
	Count   int    `dynamodbav:"count"`
}

// outcomesItem is one committed slice, or the rest of a run.
type outcomesItem struct {
	PK         string         `dynamodbav:"PK"`
	SK         string         `dynamodbav:"SK"`
	Entity     string         `dynamodbav:"entity"`
	Seq        int            `dynamodbav:"seq"`
	Epoch      int64          `dynamodbav:"epoch"`
	From       int            `dynamodbav:"from"` // place in the plan of the first
	At         string         `dynamodbav:"at,omitempty"`
	Outcomes   []outcomeEntry `dynamodbav:"outcomes,omitempty"`
	Rest       *restItem      `dynamodbav:"rest,omitempty"`
	WriteToken string         `dynamodbav:"writeToken"`
}

func newOutcomesItem(f run.Fence, from int, at time.Time, token string) outcomesItem {
	k := outcomesKey(f.TenantID, f.RunID, f.Seq+1)
	return outcomesItem{PK: k.pk, SK: k.sk, Entity: entityOutcomes, Seq: f.Seq + 1, Epoch: f.Epoch, From: from, At: optionalStamp(at), WriteToken: token}
}

func newOutcomeEntries(outcomes []run.Outcome, at time.Time) []outcomeEntry {
	entries := make([]outcomeEntry, len(outcomes))
	for i, o := range outcomes {
		e := outcomeEntry{Status: string(o.Status), Code: o.Code, Failure: newFailureItem(o.Failure), Params: o.Params, Numbers: o.Numbers, Version: o.Version, Attempts: o.Attempts,
			Planned: newPlannedItem(o.Planned), Written: newWrittenItem(o.Written)}
		if o.Status == run.OutcomeSucceeded {
			e.Status = ""
		}
		switch o.Attempts {
		case 1:
			e.Attempts = 0
		case 0:
			e.Attempts = -1
		}
		if !o.At.IsZero() {
			e.After = int64(o.At.Sub(at))
		}
		entries[i] = e
	}
	return entries
}

// size is the number of outcomes.
func (i outcomesItem) size() int {
	if i.Rest != nil {
		return i.Rest.Count
	}
	return len(i.Outcomes)
}

// outcome is the n-th of the chunk, which is of the item.
func (i outcomesItem) outcome(n int, item run.Item) (run.Outcome, error) {
	var p stampParser
	at := p.optional(i.At)
	if i.Rest != nil {
		return run.Rest{Code: i.Rest.Code, Unknown: run.ItemSet(i.Rest.Unknown)}.Outcome(n, item, at), p.err
	}
	e := i.Outcomes[n]
	o := run.Outcome{
		Item: item, Status: run.OutcomeStatus(e.Status), Code: e.Code, Failure: e.Failure.failure(), Params: e.Params, Numbers: e.Numbers,
		Version: e.Version, Planned: e.Planned.planned(), Written: e.Written.written(), Attempts: e.Attempts, At: at.Add(time.Duration(e.After)),
	}
	if e.Status == "" {
		o.Status = run.OutcomeSucceeded
	}
	switch e.Attempts {
	case 0:
		o.Attempts = 1
	case -1:
		o.Attempts = 0
	}
	return o, p.err
}

// linkItem is a later run that has to do with an earlier one.
type linkItem struct {
	PK     string   `dynamodbav:"PK"`
	SK     string   `dynamodbav:"SK"`
	Entity string   `dynamodbav:"entity"`
	RunID  string   `dynamodbav:"runId"`
	Kind   string   `dynamodbav:"linkKind"`
	Items  []string `dynamodbav:"items,omitempty"`
}

const attrLinkItems = "items"

func newLinkItem(tenantID, runID string, l run.RunLink) linkItem {
	k := linkKey(tenantID, runID, l.Kind, l.RunID)
	return linkItem{PK: k.pk, SK: k.sk, Entity: entityRunLink, RunID: l.RunID, Kind: string(l.Kind), Items: l.Items}
}

func (i linkItem) link() run.RunLink {
	return run.RunLink{RunID: i.RunID, Kind: run.LinkKind(i.Kind), Items: i.Items}
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
	Succeeded   string `dynamodbav:"succeededRunId,omitempty"`
}

const (
	attrEntity      = "entity"
	attrTenantID    = "tenantId"
	attrKeyHash     = "keyHash"
	attrActiveRunID = "activeRunId"
	attrPayloadHash = "payloadHash"
	attrLastRunID   = "lastRunId"
	attrLastSuccess = "succeededRunId"
)

func (i lockItem) lock() run.Lock {
	return run.Lock{TenantID: i.TenantID, KeyHash: i.KeyHash, ActiveRunID: i.ActiveRunID, PayloadHash: i.PayloadHash, LastRunID: i.LastRunID, Succeeded: i.Succeeded}
}

// replayItem remembers a client's Idempotency-Key; runId is the run or the backup
// set that it brought about. ExpiresAt lets DynamoDB
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
