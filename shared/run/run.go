package run

import (
	"encoding/json"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"time"
)

// Operation is what a run does.
type Operation string

// The operations.
const (
	OpConnectionTest  Operation = "connection.test"
	OpInventorySync   Operation = "inventory.sync"
	OpCaptureSnapshot Operation = "policy.capture_snapshot"
	OpBackupSetCreate Operation = "backup_set.create"
	OpBackupSetAdd    Operation = "backup_set.add_policies"
	OpRestorePreview  Operation = "restore.preview"
	OpRestoreExecute  Operation = "restore.execute"
	OpRestoreRerun    Operation = "restore.rerun"
)

// Operations lists all operations.
func Operations() []Operation {
	return []Operation{
		OpConnectionTest, OpInventorySync, OpCaptureSnapshot, OpBackupSetCreate,
		OpBackupSetAdd, OpRestorePreview, OpRestoreExecute, OpRestoreRerun,
	}
}

// Role returns the weakest role that may start the operation. An unknown
// operation needs an owner.
func (o Operation) Role() Role {
	switch o {
	case OpInventorySync, OpCaptureSnapshot, OpBackupSetCreate, OpBackupSetAdd, OpRestorePreview, OpConnectionTest:
		return RoleOperator
	case OpRestoreExecute, OpRestoreRerun:
		return RoleRestorer
	}
	return RoleOwner
}

// WritesTenant reports whether the operation changes the tenant.
func (o Operation) WritesTenant() bool { return o == OpRestoreExecute || o == OpRestoreRerun }

// Status is the state of a run.
type Status string

// The states of a run.
const (
	StatusQueued    Status = "queued"
	StatusRunning   Status = "running"
	StatusSucceeded Status = "succeeded"
	StatusPartial   Status = "partial"
	StatusFailed    Status = "failed"
	StatusCanceled  Status = "canceled"
)

// Statuses lists all states in the order of a run's life.
func Statuses() []Status {
	return []Status{StatusQueued, StatusRunning, StatusSucceeded, StatusPartial, StatusFailed, StatusCanceled}
}

// Terminal reports whether a run in this state can no longer change.
func (s Status) Terminal() bool {
	return s == StatusSucceeded || s == StatusPartial || s == StatusFailed || s == StatusCanceled
}

// CanBecome is the one transition function: queued → running → terminal, or
// straight from queued to failed or canceled.
func (s Status) CanBecome(next Status) bool {
	switch s {
	case StatusQueued:
		return next == StatusRunning || next == StatusFailed || next == StatusCanceled
	case StatusRunning:
		return next.Terminal()
	}
	return false
}

// Counts are the outcomes of a run so far. Succeeded, Failed and Skipped are
// always the sums of the stored outcomes; Total is the number of planned items
// and 0 until the plan is stored.
type Counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
}

// Done is the number of items with an outcome.
func (c Counts) Done() int { return c.Succeeded + c.Failed + c.Skipped }

// Add returns c with one more outcome.
func (c Counts) Add(o OutcomeStatus) Counts {
	switch o {
	case OutcomeSucceeded:
		c.Succeeded++
	case OutcomeFailed:
		c.Failed++
	case OutcomeSkipped:
		c.Skipped++
	}
	return c
}

// FinalStatus is the terminal state that finished counts mean: succeeded only
// if nothing failed, failed if nothing succeeded, partial between. Skipped
// items do not make a run fail, but items that all were skipped next to a
// failure do not make it partial either. A run of no items has succeeded.
func (c Counts) FinalStatus() Status {
	switch {
	case c.Failed == 0:
		return StatusSucceeded
	case c.Succeeded == 0:
		return StatusFailed
	default:
		return StatusPartial
	}
}

// TargetKind says what a run is about.
type TargetKind string

// The kinds of targets.
const (
	TargetTenant    TargetKind = "tenant"
	TargetPolicy    TargetKind = "policy"
	TargetBackupSet TargetKind = "backup_set"
	TargetSchedule  TargetKind = "schedule" // of audit events alone
)

// Target is the one thing a run is about, for lists and sentences.
type Target struct {
	Kind TargetKind
	ID   string
	Name string
	Type string // policy type, for policies
}

// Initiator is who or what started a run.
type Initiator struct {
	UserID string // "" for a schedule
	Name   string // the schedule's name for a schedule
	// ScheduleID is set when a schedule did, and no person.
	ScheduleID string
}

// ID names the initiator, whichever it is: the user or the schedule.
func (i Initiator) ID() string {
	if i.ScheduleID != "" {
		return i.ScheduleID
	}
	return i.UserID
}

// TypesInput is the input of operations over policy types; none means all.
type TypesInput struct {
	Types []string `json:"types,omitempty" maxItems:"100" doc:"Policy types; all when absent"`
}

// Failure is the safe description of what went wrong: codes and ids that pass
// an allow list, and the names a sentence needs. Text from Microsoft, URLs,
// tokens and setting values never enter it.
type Failure struct {
	Code            string            `json:"code"`
	HTTPStatus      int               `json:"httpStatus,omitempty"`
	GraphCode       string            `json:"graphCode,omitempty"`
	GraphRequestID  string            `json:"graphRequestId,omitempty"`
	ClientRequestID string            `json:"clientRequestId,omitempty"`
	Params          map[string]string `json:"params,omitempty"`
}

// Waiting says why a running run pauses. Until is zero when nobody knows.
type Waiting struct {
	Code  string
	Until time.Time
}

// Run is one started operation.
type Run struct {
	ID         string
	TenantID   string
	TenantName string // as it was at the start, for notifications and lists
	Operation  Operation
	Target     Target
	Initiator  Initiator
	// Input is the operation's own arguments, canonical JSON without secrets.
	Input       json.RawMessage
	KeyHash     string // of the idempotency key: the lock this run holds
	PayloadHash string // of what was asked; another payload on the same key conflicts
	Reason      string // why, as who started it said; of live restores
	// Scheduled is set for a run that a schedule started: nobody waits before a
	// screen, so runs that people started go first.
	Scheduled bool

	Status    Status
	Waiting   *Waiting // only while running
	Failure   *Failure // why the run as a whole failed
	Counts    Counts
	Untouched int            // of the skipped: items that the run ended before
	Totals    map[string]int // sums of the outcomes' Numbers
	// Reasons counts the outcomes that have a code, by what became of the item and the
	// code.
	Reasons    map[OutcomeReason]int
	PlanDigest string // over what was planned so far, see ChainDigest
	CreatedAt  time.Time
	StartedAt  *time.Time // first claim
	FinishedAt *time.Time
	UpdatedAt  time.Time
	DeadlineAt time.Time
	CancelAt   *time.Time // when it was asked to stop
	CanceledBy Initiator  // by whom

	// What the engine needs to survive dead workers. Epoch, Seq and
	// DispatchSeq never decrease.
	Epoch       int64
	Owner       string // "" when no worker holds the run
	LeaseUntil  time.Time
	Seq         int // committed slices = stored outcome chunks
	Cursor      int // planned items with an outcome
	Planned     bool
	PlanEpoch   int64
	Intent      ItemSet  // items that may have been begun and have no outcome
	Attempts    int      // claims since the last committed progress
	Crashes     int      // workers lost and faults of ours since the last committed progress
	Rescues     int      // messages sent by sweeps since the last claim
	Fault       *Failure // the last fault of ours that hit the run, for whoever ends it
	WaitedFor   *Failure // what it last waited for since the last committed progress, for whoever ends it
	DispatchSeq int
	NotBefore   time.Time // no worker before this; zero for at once
}

// ItemSet names items by their distance from the cursor of a run: bit i is the
// item at Cursor+i. A slice has at most MaxSliceItems of them.
type ItemSet uint32

// FirstItems is the set of the next n items, n at most MaxSliceItems.
func FirstItems(n int) ItemSet { return 1<<min(max(n, 0), MaxSliceItems) - 1 }

// Has reports whether the item at Cursor+i is in the set.
func (s ItemSet) Has(i int) bool { return i >= 0 && i < MaxSliceItems && s&(1<<i) != 0 }

// Len is the number of items in the set.
func (s ItemSet) Len() int { return bits.OnesCount32(uint32(s)) }

// End is one more than the distance of the last item in the set, 0 when empty.
func (s ItemSet) End() int { return bits.Len32(uint32(s)) }

// Fence is what a worker must still be to write: the holder of this epoch, at
// this sequence number.
type Fence struct {
	TenantID string
	RunID    string
	Epoch    int64
	Seq      int
}

// Fence returns the fence of the run as it stands.
func (r *Run) Fence() Fence {
	return Fence{TenantID: r.TenantID, RunID: r.ID, Epoch: r.Epoch, Seq: r.Seq}
}

// AddTotals returns the sum of two sets of totals.
func AddTotals(a, b map[string]int) map[string]int {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	sum := maps.Clone(a)
	if sum == nil {
		sum = make(map[string]int, len(b))
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		sum[k] += b[k]
	}
	return sum
}

// OutcomeReason is what became of items, and why.
type OutcomeReason struct {
	Status OutcomeStatus
	Code   string
}

// MarshalText is for JSON, where it is the key of a map.
func (r OutcomeReason) MarshalText() ([]byte, error) {
	return []byte(string(r.Status) + ":" + r.Code), nil
}

// AddReasons returns the counts with those of some more outcomes.
func AddReasons(reasons map[OutcomeReason]int, outcomes ...Outcome) map[OutcomeReason]int {
	sum := maps.Clone(reasons)
	for _, o := range outcomes {
		if o.Code == "" {
			continue
		}
		if sum == nil {
			sum = map[OutcomeReason]int{}
		}
		sum[OutcomeReason{o.Status, o.Code}]++
	}
	return sum
}

// OutcomeStatus is what became of an item.
type OutcomeStatus string

// The outcomes of an item.
const (
	OutcomeSucceeded OutcomeStatus = "succeeded"
	OutcomeFailed    OutcomeStatus = "failed"
	OutcomeSkipped   OutcomeStatus = "skipped"
)

// OutcomeStatuses lists all outcomes.
func OutcomeStatuses() []OutcomeStatus {
	return []OutcomeStatus{OutcomeSucceeded, OutcomeFailed, OutcomeSkipped}
}

// Kinds of items.
const (
	KindPolicy     = "policy"
	KindPolicyType = "policy_type" // a whole collection
	KindVanished   = "vanished_policy"
)

// Item is one planned piece of work, keyed by the internal record it acts on.
type Item struct {
	Key  string `json:"key"` // policy id, policy type or backup item id
	Kind string `json:"kind"`
	Name string `json:"name"`
	Type string `json:"type,omitempty"` // policy type
	// Document names the plan document that a live restore applies, in the archive.
	Document string `json:"document,omitempty"`
}

// Outcome is what became of one item. Code is a reason code; it is always set
// for failed and skipped items, and for succeeded ones it is a note.
type Outcome struct {
	Item     Item
	Status   OutcomeStatus
	Code     string
	Failure  *Failure          // safe context of a failure
	Params   map[string]string // names and figures the sentence needs
	Numbers  map[string]int    // summed into Run.Totals
	Version  int               // version captured or found equal
	Planned  *Planned          // by a preview
	Written  *Written          // by a live restore
	Attempts int
	At       time.Time
}

// Chunk is the outcomes of one committed slice.
type Chunk struct {
	Seq      int // 1 for the first slice
	Epoch    int64
	Outcomes []Outcome
}

// MaxSliceItems is the most outcomes one slice may hold.
const MaxSliceItems = 25

// Lock is the holder of an idempotency key. ActiveRunID is empty when free.
type Lock struct {
	TenantID    string
	KeyHash     string
	ActiveRunID string
	PayloadHash string
	LastRunID   string
	// Succeeded is the last run of the key that ended with nothing failed.
	Succeeded string
}

// Dispatch is the message that makes a worker look at a run. It is a hint: the
// worker trusts only what it finds under that key.
type Dispatch struct {
	V           int    `json:"v"`
	TenantID    string `json:"tenant"`
	RunID       string `json:"run"`
	DispatchSeq int    `json:"dispatchSeq"`
	// Scheduled lets a queue keep the runs of a tenant's schedules apart from those
	// that people wait for.
	Scheduled bool `json:"scheduled,omitempty"`
}

// DispatchVersion is the version of the message form.
const DispatchVersion = 1

// Dispatch is the message that asks a worker to look at the run as it stands.
func (r *Run) Dispatch() Dispatch {
	return Dispatch{V: DispatchVersion, TenantID: r.TenantID, RunID: r.ID, DispatchSeq: r.DispatchSeq, Scheduled: r.Scheduled}
}

// MaxCrashes is how many workers in a row a run may lose, or faults of ours meet,
// without progress before it ends as stuck, whoever notices.
const MaxCrashes = 5

// MaxAttempts is how many claims in a row may achieve nothing at all before a
// run ends as stuck: the guard against a run that goes round for ever. To wait
// for Microsoft Graph is no crash, and the deadline bounds it; with the shortest
// waits in a row this comes after more than half an hour.
const MaxAttempts = 500

// NumberKept is the key in Outcome.Numbers of items that failed and yet left
// something of use, such as an incomplete version: they make a run partial
// where it would be failed.
const NumberKept = "kept"

// CodeDeadlineExceeded is the failure of a run whose time was over before its
// items were done.
const CodeDeadlineExceeded = "deadline_exceeded"

// Codes that the rest of a run's items get when it ends before them.
const (
	CodeCanceled       = "canceled"        // skipped: someone canceled the run
	CodeNotAttempted   = "not_attempted"   // skipped: the run ended for another reason
	CodeOutcomeUnknown = "outcome_unknown" // failed: begun, and nobody can say whether it was done
)

// Rest says what became of the planned items that have no outcome when a run
// ends before its last item. It is stored in the place of their outcomes, so
// that the counts of a run that ended always add up to its total.
type Rest struct {
	Code    string  // of the items that were not begun: they are skipped
	Unknown ItemSet // of the items that may have been done: failed, outcome_unknown
}

// Untouched is how many of the n items of the rest were not begun.
func (r Rest) Untouched(n int) int { return n - min(r.Unknown.Len(), n) }

// Reasons are those of the n items of the rest.
func (r Rest) Reasons(n int) map[OutcomeReason]int {
	reasons := map[OutcomeReason]int{}
	if untouched := r.Untouched(n); untouched > 0 {
		reasons[OutcomeReason{OutcomeSkipped, r.Code}] = untouched
	}
	if unknown := n - r.Untouched(n); unknown > 0 {
		reasons[OutcomeReason{OutcomeFailed, CodeOutcomeUnknown}] = unknown
	}
	return reasons
}

// Outcome is that of the i-th item of the rest.
func (r Rest) Outcome(i int, item Item, at time.Time) Outcome {
	if r.Unknown.Has(i) {
		return Outcome{Item: item, Status: OutcomeFailed, Code: CodeOutcomeUnknown, Failure: &Failure{Code: CodeOutcomeUnknown}, Attempts: 1, At: at}
	}
	return Outcome{Item: item, Status: OutcomeSkipped, Code: r.Code, At: at}
}

// Add returns the counts with the n items of the rest.
func (r Rest) Add(c Counts, n int) Counts {
	c.Failed += n - r.Untouched(n)
	c.Skipped += r.Untouched(n)
	return c
}

// Stop is the end of the run, as it stands, before its last item: canceled when
// the code of f says so, else partial if anything was achieved and failed if
// not. What may have been begun and would not bear to be repeated is unknown.
func (r *Run) Stop(f Failure, at time.Time) RunEnd {
	e := RunEnd{Status: StatusFailed, Failure: &f, At: at}
	code := CodeNotAttempted
	switch {
	case f.Code == CodeCanceled:
		e.Status, code = StatusCanceled, CodeCanceled
	case r.Counts.Succeeded > 0 || r.Totals[NumberKept] > 0:
		e.Status = StatusPartial
	}
	if r.Planned && r.Cursor < r.Counts.Total {
		e.Rest = &Rest{Code: code}
		if r.Operation.WritesTenant() {
			e.Rest.Unknown = r.Intent
		}
	}
	e.Audit = r.EndAudit(e.Status, &f, at)
	return e
}

// Stuck says whether the run has lost too many workers, or gone round too often,
// without progress; then it ends with the failure.
func (r *Run) Stuck() (Failure, bool) {
	if r.Crashes <= MaxCrashes && r.Attempts <= MaxAttempts {
		return Failure{}, false
	}
	return Failure{Code: "stuck", Params: map[string]string{"attempts": strconv.Itoa(max(r.Attempts, r.Crashes) - 1)}}, true
}

// Overdue is why a run ends at its deadline: what it waited for in vain, when it
// waited last, says more than that its time is over.
func (r *Run) Overdue() Failure {
	if r.WaitedFor != nil {
		return *r.WaitedFor
	}
	return Failure{Code: CodeDeadlineExceeded}
}

// Cancellation is why a canceled run ended: that, and who wanted it.
func (r *Run) Cancellation() Failure {
	f := Failure{Code: CodeCanceled}
	if r.CanceledBy.Name != "" {
		f.Params = map[string]string{"user": r.CanceledBy.Name}
	}
	return f
}
