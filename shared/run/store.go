package run

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The contracts. An adapter keeps all of them:
//
//   - Every read named "strong" sees every write that was acknowledged before.
//   - Every write is conditional and atomic: it happens whole or not at all.
//   - An answer that was lost is resolved inside the adapter by a strong read,
//     so a nil error means done, and a contract error means not done by this
//     call. Any other error means unknown; the caller may repeat the call with
//     the same arguments.
//   - Methods are safe for concurrent use and honour ctx.
//   - No method reads a clock; times come in.
//   - Records of one tenant are never reachable with the id of another.

// Page is one page of a list. Next is "" on the last page; it is meaningful
// only to the same query.
type Page[T any] struct {
	Items []T
	Next  string
}

// PageRequest asks for a page. Limit is 1 to 200; a page may be shorter than
// Limit though more follow, when a filter leaves out much.
type PageRequest struct {
	Limit  int
	Cursor string
}

// Tenants keeps tenants and their members.
type Tenants interface {
	// CreateTenant stores a new tenant, its first owner and the audit event in
	// one transaction. ErrConflict if the id is taken.
	CreateTenant(ctx context.Context, t Tenant, owner Member, audit AuditEvent) error
	// Tenant reads one tenant, strong. ErrNotFound.
	Tenant(ctx context.Context, tenantID string) (Tenant, error)
	// UpdateTenant replaces the tenant if its Rev is still t.Rev and returns it
	// with the new Rev; the audit event goes with it. Owners is kept by the
	// store whatever t says, and so is Connection, but that a t without one clears
	// it as of UpdatedAt. ErrConflict, ErrNotFound.
	UpdateTenant(ctx context.Context, t Tenant, audit AuditEvent) (Tenant, error)
	// NoteConnection records whether the tenant could be reached, as a run that ended
	// at the given time found it: a fault, or nil for none. What an earlier run found
	// does not replace what a later one did, nor what UpdateTenant cleared since: a
	// credential that was set after the run ended. That is no error. Rev stays.
	// ErrNotFound.
	NoteConnection(ctx context.Context, tenantID string, at time.Time, fault *ConnectionFault) error
	// Member reads one membership, strong. ErrNotMember.
	Member(ctx context.Context, tenantID, userID string) (Member, error)
	// PutMember makes or replaces a membership. rev is the Rev that was read (0:
	// must not exist). ErrConflict, ErrLastOwner when it would demote the last
	// owner, ErrNotFound when the tenant does not exist.
	PutMember(ctx context.Context, m Member, rev int64, audit AuditEvent) (Member, error)
	// DeleteMember removes a membership. ErrNotMember when there is none,
	// ErrConflict, ErrLastOwner.
	DeleteMember(ctx context.Context, tenantID, userID string, rev int64, audit AuditEvent) error
	// Members lists the members of a tenant by user id.
	Members(ctx context.Context, tenantID string, p PageRequest) (Page[Member], error)
	// Memberships lists the memberships of one user over all tenants. It reads
	// an index, so a membership made within the last second may be missing.
	Memberships(ctx context.Context, userID string, p PageRequest) (Page[Member], error)
}

// StartQuery names the records a start has to look at. All of them are read at
// once, strong.
type StartQuery struct {
	TenantID       string
	UserID         string
	KeyHash        string
	IdempotencyKey string // hash of the client's key, "" when none was sent
	PolicyID       string // "" when the operation is not about one policy
	SetID          string // "" when it is not about a backup set that exists
	ScheduleID     string // "" unless a schedule starts it
}

// StartView is what a start sees. Absent records are nil.
type StartView struct {
	Member *Member
	Tenant *Tenant
	Lock   *Lock
	Replay *Replay
	Policy *Policy
	// Set and Schedule are as they were stored: deleted, paused or removed too.
	Set      *BackupSet
	Schedule *Schedule
}

// Replay remembers what a client's Idempotency-Key brought about.
type Replay struct {
	RunID       string // the run it started, or the backup set it made without one
	PayloadHash string
	ExpiresAt   time.Time
}

// NewRun is everything one start writes.
type NewRun struct {
	Run            Run
	Role           Role // the initiator must still hold a role that includes this; "" for a schedule
	Audit          AuditEvent
	IdempotencyKey string    // "" when none
	ReplayUntil    time.Time // how long the key is remembered
	// Set is a backup set to be made with the run, which it then names as LastRunID
	// and among its ActiveRuns. Its Rev and Uses begin at 1.
	Set *BackupSet
	// UsesSet is an existing backup set of the run, "" for none. A run that changes
	// the set (ChangesSet) becomes its LastRunID.
	UsesSet    string
	ChangesSet bool
	// LinkTo is an earlier run that this one has to do with, "" for none; LinkKind
	// says what. The link is kept with the earlier run.
	LinkTo   string
	LinkKind LinkKind
}

// RunEnd is the terminal transition of a run. Run.Stop makes one that comes
// before the last item.
type RunEnd struct {
	Status  Status
	Failure *Failure
	At      time.Time
	Audit   AuditEvent
	// Rest is needed when planned items have no outcome yet.
	Rest *Rest
	// Unheld is set by whoever does not hold the run: then it ends only if no
	// worker holds it, or one whose lease has expired at At.
	Unheld bool
}

// Pause is how a worker gives a run back.
type Pause struct {
	NotBefore time.Time // zero: it may go on at once
	Waiting   *Waiting  // why it pauses, for people; nil when it merely goes on later
	WaitedFor *Failure  // why the run ends should its deadline come first; nil leaves what was said before
	Progress  bool      // the claim achieved something: Attempts and Crashes begin anew
	Fault     *Failure  // it pauses because of a fault of ours: Crashes + 1
	Unsettled ItemSet   // items that were begun and have no outcome
	At        time.Time
}

// CancelRequest asks a run to stop.
type CancelRequest struct {
	By    Initiator
	At    time.Time
	Audit AuditEvent
}

// SliceCommit is the outcome of one slice.
type SliceCommit struct {
	From       int       // the cursor of the run
	Outcomes   []Outcome // 1 to MaxSliceItems: of the items from the cursor on, in the order of the plan
	Unsettled  ItemSet   // seen from the new cursor: items that were begun and have no outcome
	At         time.Time
	LeaseUntil time.Time
	PlanDigest string      // with these outcomes; "" leaves it as it is
	Audit      *AuditEvent // of what the slice wrote to the tenant; nil for nothing
	End        *RunEnd     // set with the last slice: the run ends in the same transaction
}

// Runs keeps runs, their locks, plans and outcomes.
//
// Invariants that hold after every call: at most one non-terminal run per
// (tenant, key); Lock.ActiveRunID = r if and only if run r is not terminal;
// terminal runs do not change; Epoch, Seq and DispatchSeq do not decrease;
// Counts, Totals and Reasons are the sums of the stored outcomes; the number of chunks
// is Seq; the outcomes of a terminal run that was planned are as many as its
// items; no write by an epoch older than the run's.
type Runs interface {
	// StartView reads what a start needs in one strong round trip.
	StartView(ctx context.Context, q StartQuery) (StartView, error)
	// CreateRun makes the run queued and takes its lock in one transaction,
	// together with the audit event and a check that the initiator still holds
	// the role and the tenant is not disabled. A *LockHeldError when another run
	// is active on the key (a repeat of the call that succeeded is no error),
	// ErrNotMember when the role is gone, ErrTenantDisabled, ErrConflict when the
	// Idempotency-Key was used by another start meanwhile. A run of a schedule needs
	// that schedule, neither paused nor removed, in place of a member: ErrNotMember
	// when it is not so. ErrNotFound when the backup set it uses does not exist or is
	// deleted, ErrSetBusy, ErrConflict when the id of the set it makes is taken. A
	// *PlanUsedError when it applies a plan that another run applied.
	CreateRun(ctx context.Context, n NewRun) error
	// Run reads one run, strong. ErrNotFound.
	Run(ctx context.Context, tenantID, runID string) (Run, error)
	// Claim makes owner the holder of the run until lease: status running, epoch
	// + 1, attempts + 1; crashes + 1 when it takes over an expired lease.
	// ErrNotFound, ErrRunEnded, ErrRunLeased, *NotDueError before NotBefore.
	// Calling again with the same owner after a lost answer returns the claim
	// that was made.
	Claim(ctx context.Context, tenantID, runID, owner string, now, lease time.Time) (Run, error)
	// SavePlan stores the planned items and the total, once per epoch. ErrFenced.
	SavePlan(ctx context.Context, f Fence, items []Item, now time.Time) (Run, error)
	// Plan reads planned items [from, from+n) of the run's plan.
	Plan(ctx context.Context, r Run, from, n int) ([]Item, error)
	// BeginSlice records which items are about to be acted on and renews the
	// lease; again with the same items it renews the lease alone, as it does with
	// none while the run has no plan. The answer shows whether the run was asked to
	// stop. ErrFenced, ErrRunEnded.
	BeginSlice(ctx context.Context, f Fence, items ItemSet, now, lease time.Time) (Run, error)
	// CommitSlice stores the outcomes as the next chunk and moves counts, totals,
	// cursor and sequence with it, in one transaction, and with that the audit event
	// of what they say was written; with End it also ends the run and frees its
	// lock. ErrFenced, ErrRunEnded.
	CommitSlice(ctx context.Context, f Fence, c SliceCommit) (Run, error)
	// Release gives the run back, to be continued by a later message: no owner,
	// DispatchSeq + 1. The answer shows whether the run was asked to stop.
	// ErrFenced, ErrRunEnded.
	Release(ctx context.Context, f Fence, p Pause) (Run, error)
	// End makes the run terminal and frees its lock, if the fence still holds,
	// and stores the outcomes of the rest as one more chunk. A run that was never
	// claimed has epoch 0 and sequence 0. ErrFenced, ErrRunEnded.
	End(ctx context.Context, f Fence, e RunEnd) (Run, error)
	// RequestCancel asks a run to stop: its worker sees it with its next slice.
	// The first request stands, a later one changes nothing. ErrNotFound,
	// ErrRunEnded.
	RequestCancel(ctx context.Context, tenantID, runID string, c CancelRequest) (Run, error)

	// Links reads the later runs that have to do with a run, strong, in no order.
	Links(ctx context.Context, tenantID, runID string) ([]RunLink, error)
	// Supersede records which items of a run a later one did with success, in the
	// link between them, in the place of what it said before. ErrNotFound when there
	// is no such link.
	Supersede(ctx context.Context, tenantID, runID, byRunID string, items []string) error

	// OpenRuns lists runs that a sweep has to look at, one shard of OpenShards at a
	// time: all that are not terminal. Index read: it may lag, so a run is read
	// again, strong, before anything is decided.
	OpenRuns(ctx context.Context, shard int, p PageRequest) (Page[RunRef], error)
	// Rescue prepares a run that nobody works on for another message: no owner,
	// no NotBefore, epoch + 1, DispatchSeq + 1, rescues + 1; crashes + 1 when it
	// had an owner. The epoch shuts out a worker that was taken for dead. seen is
	// the run as it was read; now must be past a lease that still has an owner.
	// ErrFenced when the run moved since, ErrRunEnded.
	Rescue(ctx context.Context, seen Run, now time.Time) (Run, error)
	// NoteFault remembers a fault of ours that hit an open run, so that whoever
	// ends it can say why. It changes nothing else. ErrNotFound, ErrRunEnded.
	NoteFault(ctx context.Context, tenantID, runID string, f Failure) error
	// Notified confirms that the notifications of a terminal run are stored: it is
	// no longer listed by Unnotified. It is the one change of a terminal run, and
	// none that a reader sees. A repeat changes nothing. ErrNotFound, ErrConflict
	// when the run is not terminal.
	Notified(ctx context.Context, tenantID, runID string) error
	// Unnotified lists terminal runs that wait for Notified, one shard of
	// OpenShards at a time. Index read: it may lag.
	Unnotified(ctx context.Context, shard int, p PageRequest) (Page[RunRef], error)

	// ListRuns lists runs of a tenant, newest first unless the query says otherwise.
	ListRuns(ctx context.Context, q RunQuery, p PageRequest) (Page[Run], error)
	// ActiveRuns lists the non-terminal runs of one initiator (Initiator.ID) over all
	// tenants, newest first. Index read: may lag by a second.
	ActiveRuns(ctx context.Context, initiatorID string, p PageRequest) (Page[Run], error)
	// RunsByRef reads those of the runs that there are, strong, in the order of the
	// references. At most 200.
	RunsByRef(ctx context.Context, refs []RunRef) ([]Run, error)
	// LaterSuccesses says of which runs of the tenant a later one for the same (with
	// the same KeyHash) ended with nothing failed: by their ids, the id of the last such
	// run. Strong.
	LaterSuccesses(ctx context.Context, tenantID string, runs []Run) (map[string]string, error)
	// RecentStatuses reads how the newest runs of a tenant stand, newest first, at most
	// n and 200. Index read: may lag by a second.
	RecentStatuses(ctx context.Context, tenantID string, n int) ([]Status, error)
	// Outcomes lists the stored outcomes of a run in the order of the plan.
	Outcomes(ctx context.Context, q OutcomeQuery, p PageRequest) (Page[Outcome], error)
}

// OpenShards is the number of shards of the open runs.
const OpenShards = 4

// RunRef names a run.
type RunRef struct {
	TenantID string
	RunID    string
}

// RunQuery filters runs of one tenant. Zero fields do not filter.
type RunQuery struct {
	TenantID    string
	Statuses    []Status
	Operations  []Operation
	PolicyID    string
	TargetID    string    // of whatever kind
	InitiatorID string    // see Initiator.ID
	From, To    time.Time // of creation; From included, To excluded
	Oldest      bool      // the oldest first
}

// OutcomeQuery filters outcomes of one run.
type OutcomeQuery struct {
	TenantID string
	RunID    string
	Statuses []OutcomeStatus
	Codes    []string     // any of them
	Search   string       // part of the item's name, case-insensitive
	Actions  []PlanAction // of outcomes that plan something
	// Attention leaves out what succeeded, but with a code that is not among Quiet.
	Attention bool
	Quiet     []string
}

// Matches reports whether the filter lets an outcome through.
func (q OutcomeQuery) Matches(o Outcome) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, o.Status)) && (len(q.Codes) == 0 || slices.Contains(q.Codes, o.Code)) &&
		(q.Search == "" || strings.Contains(strings.ToLower(o.Item.Name), strings.ToLower(q.Search))) &&
		(!q.Attention || o.Status != OutcomeSucceeded || o.Code != "" && !slices.Contains(q.Quiet, o.Code)) &&
		(len(q.Actions) == 0 || o.Planned != nil && slices.Contains(q.Actions, o.Planned.Action))
}

// PolicyQuery filters policies of one tenant.
type PolicyQuery struct {
	TenantID  string
	Types     []string
	Platforms []string
	Search    string // substring of the name, case-insensitive
	Vanished  *bool  // nil: both
	Captured  *bool  // ever; nil: both
	// CapturedFrom and CapturedTo bound the last capture: From included, To excluded.
	CapturedFrom, CapturedTo time.Time
	Descending               bool // by name
}

// Matches reports whether the filter lets a policy of its tenant through.
func (q PolicyQuery) Matches(p Policy) bool {
	return (len(q.Types) == 0 || slices.Contains(q.Types, p.Type)) && (len(q.Platforms) == 0 || slices.Contains(q.Platforms, p.Platform)) &&
		(q.Vanished == nil || *q.Vanished == (p.VanishedAt != nil)) && (q.Captured == nil || *q.Captured == (p.LatestVersion > 0)) &&
		(q.CapturedFrom.IsZero() || p.LastCapturedAt != nil && !p.LastCapturedAt.Before(q.CapturedFrom)) &&
		(q.CapturedTo.IsZero() || p.LastCapturedAt != nil && p.LastCapturedAt.Before(q.CapturedTo)) &&
		strings.Contains(strings.ToLower(p.Name), strings.ToLower(q.Search))
}

// NewVersion is a capture to be stored as the policy's next version.
type NewVersion struct {
	Version Version // Number is the number to give: Policy.LatestVersion + 1
	Policy  Policy  // as read; its Rev is the condition. It takes over the version's name and platform
}

// Policies keeps the inventory and the versions.
type Policies interface {
	// Policy reads one policy, strong. ErrNotFound.
	Policy(ctx context.Context, tenantID, policyID string) (Policy, error)
	// PoliciesByID reads those of the policies that there are, strong, in no order.
	// LastSeenAt is not filled.
	PoliciesByID(ctx context.Context, tenantID string, policyIDs []string) ([]Policy, error)
	// ListPolicies lists policies by name, ascending unless the query says otherwise.
	// LastSeenAt is filled.
	ListPolicies(ctx context.Context, q PolicyQuery, p PageRequest) (Page[Policy], error)
	// AllPolicies reads the whole inventory of a tenant, strong: for a sync.
	AllPolicies(ctx context.Context, tenantID string) ([]Policy, error)
	// PutPolicy makes or replaces a policy if its Rev is still p.Rev (0: must
	// not exist). ErrConflict.
	PutPolicy(ctx context.Context, p Policy) (Policy, error)
	// PutTypeSync records a complete listing of a type.
	PutTypeSync(ctx context.Context, s TypeSync) error
	// TypeSyncs reads when each type of a tenant was last listed completely.
	TypeSyncs(ctx context.Context, tenantID string) ([]TypeSync, error)
	// AddVersion stores the version and makes it the policy's latest in one
	// transaction. A repeat of a call that succeeded is no error. ErrConflict when
	// the policy changed since it was read.
	AddVersion(ctx context.Context, n NewVersion) (Policy, error)
	// Version reads one version. ErrNotFound.
	Version(ctx context.Context, tenantID, policyID string, number int) (Version, error)
	// Versions lists versions, newest first.
	Versions(ctx context.Context, tenantID, policyID string, p PageRequest) (Page[Version], error)
	// TouchCaptured records that a capture found the latest version unchanged.
	// ErrConflict when the latest version is another one.
	TouchCaptured(ctx context.Context, tenantID, policyID string, version int, at time.Time) error
}

// Records keeps notifications and the audit trail.
type Records interface {
	// PutNotification stores a notification once: a repeat changes nothing, not
	// even the read mark.
	PutNotification(ctx context.Context, n Notification) error
	// Notifications lists a user's notifications over all tenants, newest first.
	// Index read: may lag by a second.
	Notifications(ctx context.Context, q NotificationQuery, p PageRequest) (Page[Notification], error)
	// MarkRead marks one notification read. ErrNotFound.
	MarkRead(ctx context.Context, key NotificationKey) error
	// Audit appends an event once.
	Audit(ctx context.Context, e AuditEvent) error
	// AuditEvents lists events of a tenant, newest first.
	AuditEvents(ctx context.Context, q AuditQuery, p PageRequest) (Page[AuditEvent], error)
}

// NotificationKey names one notification of one user.
type NotificationKey struct {
	UserID   string
	TenantID string
	At       time.Time
	RunID    string
	Kind     NotificationKind
}

// NotificationQuery filters the notifications of one user.
type NotificationQuery struct {
	UserID   string
	TenantID string // "" for all
	Unread   bool   // only unread ones
	Kind     NotificationKind
	// Operations of the runs that they tell of; none means all.
	Operations []Operation
	From, To   time.Time // From included, To excluded
}

// AuditQuery filters the audit events of one tenant.
type AuditQuery struct {
	TenantID string
	Events   []string // any of them; none means all
	ActorID  string
	TargetID string
	RunID    string
	From, To time.Time // From included, To excluded
	// Now bounds the search when To is zero. A search without From looks back
	// 24 months.
	Now time.Time
}

// Queue hands runs to workers. Delivery is at least once, in any order.
type Queue interface {
	// Send asks that a worker of the operation looks at the run after delay (0
	// to 15 minutes). An error means that it may or may not be delivered.
	Send(ctx context.Context, op Operation, d Dispatch, delay time.Duration) error
}

// MaxDispatchDelay is the longest delay a Queue accepts.
const MaxDispatchDelay = 15 * time.Minute

// Archive keeps payloads, content-addressed, apart per tenant.
type Archive interface {
	// Put stores a payload of the tenant and returns its key. Equal content has
	// an equal key and is stored once. ErrTooLarge.
	Put(ctx context.Context, tenantID string, payload []byte) (key string, err error)
	// Get returns the payload and checks that it is what was stored.
	// ErrNotFound, also for a key of another tenant.
	Get(ctx context.Context, tenantID, key string) ([]byte, error)
}

// Vault keeps the secret values that a capture reads in clear, such as the
// decrypted OMA-URI values of a custom configuration, sealed and apart from the
// payload. Whoever may read payloads cannot read them: to seal and to open are
// two permissions.
//
// Consistency: Open sees every Seal that was acknowledged before. What is sealed
// under a name does not change, and nothing here deletes it.
//
// What never happens: a value, a part of one or a key stands in an error, in a
// log line, in what fmt or JSON make of a vault, or in clear in storage; values
// open for the tenant and the name that they were sealed for and for no other.
//
// A tenant and a name are 1 to 64 and 1 to 128 letters, digits, "_" and "-".
// Nothing can be sealed for others, and Open finds nothing there.
type Vault interface {
	// Fingerprint returns a keyed digest of the value as 64 hex digits. Equal
	// values of one tenant have the same for as long as the installation keeps its
	// key; those of two tenants have nothing to do with each other. Without the key
	// it is no help in guessing the value, however short that is. A capture puts it
	// into the content hash in place of the value, so that a changed secret is a
	// changed policy.
	Fingerprint(ctx context.Context, tenantID string, value []byte) (string, error)
	// Seal encrypts the values and stores them under the name, once. A name that is
	// taken is left as it is and is no error: callers name values by what they are,
	// such as the content hash of the version, so that the same name means the same
	// values. Keys and texts may hold any bytes. ErrTooLarge above MaxSealedSize.
	Seal(ctx context.Context, tenantID, name string, values SecretValues) error
	// Open returns what was sealed under the name. ErrNotFound, also for a name of
	// another tenant; ErrUnsealable when what is stored does not open.
	Open(ctx context.Context, tenantID, name string) (SecretValues, error)
}

// MaxSealedSize is the most that is sealed under one name, as SecretValues.Size
// counts it.
const MaxSealedSize = 4 << 20

// SecretValues are secret texts by what the caller calls them. Every way of
// formatting them hides them, keys included: those may be telling. They are
// ordinary maps otherwise.
type SecretValues map[string]string

// Size is the number of bytes of all keys and texts.
func (v SecretValues) Size() int {
	n := 0
	for name, value := range v {
		n += len(name) + len(value)
	}
	return n
}

// Format hides the values from all formatting verbs.
func (SecretValues) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret values]") }

// MarshalText keeps the values out of JSON and logs.
func (SecretValues) MarshalText() ([]byte, error) { return []byte("[secret values]"), nil }

// Credential is how the application signs in to a tenant. It must never be
// logged or stored in the table; it has no String form on purpose.
type Credential struct {
	Kind         CredentialKind
	ClientSecret string
	Certificate  []byte // PEM: certificate and private key
}

// String hides the value from formatting verbs.
func (Credential) String() string { return "[credential]" }

// GoString hides the value from %#v.
func (Credential) GoString() string { return "[credential]" }

// MarshalText keeps the value out of JSON and logs.
func (Credential) MarshalText() ([]byte, error) { return []byte("[credential]"), nil }

// Credentials reads and writes the credential store.
type Credentials interface {
	// PutCredential stores the tenant's credential and returns its reference.
	PutCredential(ctx context.Context, tenantID string, c Credential) (ref string, err error)
	// Credential reads what a reference names. ErrNotFound.
	Credential(ctx context.Context, ref string) (Credential, error)
}
