package run

import (
	"context"
	"time"
)

// Schedule starts an operation of a tenant by itself.
type Schedule struct {
	ID       string
	TenantID string
	Name     string
	// Operation is OpInventorySync or OpBackupSetCreate.
	Operation Operation
	// Expression is when it fires: rate(…) or cron(…), read in TimeZone.
	Expression string
	TimeZone   string // IANA name
	// Spread is within how much time after that it fires, so that a thousand tenants
	// do not start in one minute. Whole minutes, 0 for at once.
	Spread time.Duration
	// Selection and Foundations are those of the sets that it makes; Types those of
	// a sync.
	Selection   Selection
	Foundations bool
	Types       []string
	// Paused by a person. A disabled tenant and a lost connection pause it too, see
	// Pause.
	Paused    bool
	PausedBy  Initiator
	PausedAt  *time.Time
	CreatedAt time.Time
	CreatedBy Initiator
	UpdatedAt time.Time
	UpdatedBy Initiator
	Rev       int64
	// Applied is the Rev that the timetable is known to have.
	Applied int64
	// Removed: nobody sees it any more, and only the timetable has to be told.
	Removed bool
}

// MaxSchedules is how many schedules a tenant may have.
const MaxSchedules = 100

// Why a schedule does not fire, where that is not Schedule.Paused.
const (
	CodePausedByUser   = "paused_by_user"
	CodeTenantDisabled = "tenant_disabled"
)

// Pause says why the schedule would start nothing now, "" when it would: a person
// paused it, its tenant is disabled, or the connection of the tenant is lost, in
// which case the code is that of the run that found it.
func (s Schedule) Pause(t Tenant) string {
	switch {
	case s.Paused:
		return CodePausedByUser
	case t.Disabled:
		return CodeTenantDisabled
	case t.Connection != nil:
		return t.Connection.Code
	}
	return ""
}

// FiringResult is what became of a firing.
type FiringResult string

// The results of a firing.
const (
	FiringStarted FiringResult = "started" // a run
	FiringJoined  FiringResult = "joined"  // a run for the same was still open and is this firing's too
	FiringSkipped FiringResult = "skipped" // nothing, see Code
)

// Firing is one time that a schedule was due.
type Firing struct {
	TenantID   string
	ScheduleID string
	DueAt      time.Time // when it was to fire; names the firing
	At         time.Time // when it did
	Result     FiringResult
	RunID      string // the run started or joined, or the one in the way
	SetID      string // the backup set of that run
	Code       string // why it was skipped
}

// KeepFirings is how long firings are kept.
const KeepFirings = 400 * 24 * time.Hour

// ScheduleRef names a schedule.
type ScheduleRef struct {
	TenantID   string
	ScheduleID string
}

// Schedules keeps schedules and what became of their firings.
type Schedules interface {
	// Schedule reads one schedule, strong. ErrNotFound, also for a removed one.
	Schedule(ctx context.Context, tenantID, scheduleID string) (Schedule, error)
	// Schedules lists those of a tenant that are not removed, in the order of their
	// making, strong. There are at most MaxSchedules.
	Schedules(ctx context.Context, tenantID string) ([]Schedule, error)
	// PutSchedule makes (Rev 0) or replaces a schedule if its Rev is still s.Rev, and
	// returns it with the new Rev; the audit event goes with it. Applied is kept by
	// the store whatever s says. The timetable is to be told: see Unapplied.
	// ErrConflict, ErrNotFound when it was removed or the tenant does not exist.
	PutSchedule(ctx context.Context, s Schedule, audit AuditEvent) (Schedule, error)
	// RemoveSchedule hides a schedule for good, if its Rev is still rev, and returns
	// it with the new Rev. The timetable is to be told. ErrConflict, ErrNotFound.
	RemoveSchedule(ctx context.Context, tenantID, scheduleID string, rev int64, audit AuditEvent) (Schedule, error)
	// Applied confirms that the timetable has this revision; a removed schedule is
	// then deleted. Confirming again, or another revision than that of the record,
	// changes nothing and is no error.
	Applied(ctx context.Context, tenantID, scheduleID string, rev int64) error
	// Unapplied lists schedules that the timetable may not have as they stand, one
	// shard of OpenShards at a time. Index read: it may lag, so a schedule is read
	// again before anything is told.
	Unapplied(ctx context.Context, shard int, p PageRequest) (Page[ScheduleRef], error)
	// UnappliedSchedule reads a schedule as Unapplied names it, removed or not,
	// strong. ErrNotFound.
	UnappliedSchedule(ctx context.Context, ref ScheduleRef) (Schedule, error)
	// PutFiring stores a firing once. When there is one with this DueAt already, that
	// is returned and nothing is changed.
	PutFiring(ctx context.Context, f Firing) (Firing, error)
	// Firings lists firings of a schedule, newest first, strong.
	Firings(ctx context.Context, tenantID, scheduleID string, p PageRequest) (Page[Firing], error)
}

// Timetable fires schedules. It is told of a schedule after that is stored, and
// told again until it answered: what it has may be older than the record, so
// whoever is fired at reads the record and believes that.
type Timetable interface {
	// Put makes the entry of the schedule as the schedule says; one that is paused by
	// a person fires not. It can be repeated.
	Put(ctx context.Context, s Schedule) error
	// Delete removes the entry of the schedule. One that is not there is no error.
	Delete(ctx context.Context, ref ScheduleRef) error
}

// ConnectionFault says that Microsoft refuses the tenant's credential, or the
// application, for good: nothing can be started by itself until a person acts.
type ConnectionFault struct {
	Code  string
	RunID string    // the run that found it
	At    time.Time // when that ended
}

// Drift is a change of a policy that a scheduled backup found: since the set of
// the same schedule before.
type Drift struct {
	TenantID   string
	ID         string // see DriftID
	RunID      string // the run that found it
	ScheduleID string
	PolicyID   string
	Name       string
	Type       string
	Platform   string
	Kind       Change // new, changed or vanished
	// From and To are the versions before and after; 0 where there is none.
	From, To int
	FoundAt  time.Time
	// Total is how many settings changed; Changes the first of them.
	Total   int
	Changes []DriftChange
	// SeenAt is when a member marked it as expected.
	SeenAt *time.Time
	SeenBy Initiator
}

// DriftChange names one changed setting. Its values stand in the versions alone.
type DriftChange struct {
	Setting string
	Kind    string // added, removed, changed or reordered
}

// DriftID names the drift of one policy that one run found, so that finding it
// twice records it once. Ids sort by the time of the run.
func DriftID(runID, policyID string) string { return runID + "." + policyID }

// DriftQuery filters drift of one tenant. Zero fields do not filter.
type DriftQuery struct {
	TenantID string
	Kinds    []Change
	Types    []string
	PolicyID string
	RunID    string
	Search   string    // part of the policy's name, case-insensitive
	From     time.Time // found at or after
	Open     *bool     // whether it was not yet marked as expected
}

// DriftSlack is how long before it finds drift a run may have begun at the most: ids of
// drift sort by the beginning of the run.
const DriftSlack = 48 * time.Hour

// Drifts keeps drift.
type Drifts interface {
	// PutDrift stores drift once: a repeat changes nothing, not even the mark.
	PutDrift(ctx context.Context, d Drift) error
	// Drift reads one, strong. ErrNotFound.
	Drift(ctx context.Context, tenantID, driftID string) (Drift, error)
	// ListDrift lists drift, newest first, strong.
	ListDrift(ctx context.Context, q DriftQuery, p PageRequest) (Page[Drift], error)
	// MarkDrift marks one as expected, and takes it off the open drift of the tenant's
	// summary. The first mark stands. ErrNotFound.
	MarkDrift(ctx context.Context, tenantID, driftID string, by Initiator, at time.Time) (Drift, error)
}

// Subscription is what a member wants to be told of that runs did by themselves.
type Subscription struct {
	TenantID string
	UserID   string
	Drift    bool // policies changed
	Problems bool // a scheduled run did not succeed
}

// Subscriptions keeps what members asked to be told.
type Subscriptions interface {
	// Subscription reads that of one user, strong; nothing asked for is no error.
	Subscription(ctx context.Context, tenantID, userID string) (Subscription, error)
	// PutSubscription stores it. The last one stands.
	PutSubscription(ctx context.Context, s Subscription) error
	// Subscribers lists those who asked for something and still are members, by user
	// id, strong.
	Subscribers(ctx context.Context, tenantID string) ([]Subscription, error)
}
