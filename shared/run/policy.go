package run

import "time"

// Change says what the last sync or capture found about a policy.
type Change string

// What a sync can find.
const (
	ChangeNew      Change = "new"
	ChangeChanged  Change = "changed"
	ChangeVanished Change = "vanished"
	ChangeReturned Change = "returned" // had vanished and is listed again
)

// Policy is one Intune configuration object known to the inventory.
type Policy struct {
	ID       string // see PolicyID
	TenantID string
	Type     string // id of the policy type in the catalogue
	GraphID  string
	Name     string
	Platform string // "" when the type has none
	// ListingHash is over what the list call shows of the object; a sync
	// compares it to tell changed from unchanged without reading the object.
	ListingHash string
	FirstSeenAt time.Time
	ChangedAt   time.Time // last time a sync found it new, changed or vanished
	LastChange  Change
	LastRunID   string     // the sync that found LastChange
	VanishedAt  *time.Time // set while the tenant no longer lists it
	// LastSeenAt is not stored per policy (a sync of an unchanged tenant costs
	// no write per policy); readers fill it from the type's last complete sync.
	LastSeenAt time.Time

	// Successor is the Graph id of the object that a live restore made in the place of
	// this one after it had vanished, "" for none. What refers to the old id is led
	// to the new one by it.
	Successor string

	LatestVersion  int    // 0: never captured
	LatestHash     string // content hash of the latest version
	LastCapturedAt *time.Time
	Rev            int64
}

// TypeSync is when a policy type was last listed completely.
type TypeSync struct {
	TenantID string
	Type     string
	SyncedAt time.Time
	RunID    string
	Policies int // present then
}

// Note is one thing a reader of a version must know, by reason code.
type Note struct {
	Code   string
	Params map[string]string // names only; see the reason catalogue
}

// Version is an immutable captured snapshot of a policy.
type Version struct {
	TenantID    string
	PolicyID    string
	Number      int
	PolicyType  string
	PolicyName  string
	Platform    string
	GraphID     string
	ContentHash string // SHA-256 of the normal form, equal for equal content
	PayloadKey  string // where the archive keeps the payload
	PayloadSize int64  // bytes before compression
	Complete    bool   // false: a part could not be read, see Notes
	Notes       []Note
	// Refers are the ids of the policies that this one needs: filters, scope tags,
	// scripts and the like. Sorted; at most MaxRefers.
	Refers     []string
	CapturedAt time.Time
	RunID      string
	CapturedBy string // display name of the run's initiator
}

// MaxRefers is how many policies a version says that it needs. Real ones need a
// dozen.
const MaxRefers = 500
