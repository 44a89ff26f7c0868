package run

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Selection says which policies of a tenant are meant: those named, or all that
// every given filter lets through. Its JSON form is what starts are told apart
// by, so a field that is not used must be absent.
type Selection struct {
	All       bool     `json:"all,omitempty"`      // the whole tenant
	Policies  []string `json:"policies,omitempty"` // policy ids, sorted
	Types     []string `json:"types,omitempty"`    // policy types, sorted
	Platforms []string `json:"platforms,omitempty"`
	Search    string   `json:"search,omitempty"` // part of the name, case-insensitive
	// Missing are those of the set that have no captured version, for adding to it
	// again what failed.
	Missing bool `json:"missing,omitempty"`
	// Never is a filter: those that were never captured.
	Never bool `json:"never,omitempty"`
}

// SnapshotInput is the input of a policy.capture_snapshot of several policies.
type SnapshotInput struct {
	Selection Selection `json:"selection"`
}

// Explicit reports whether the policies are named one by one.
func (s Selection) Explicit() bool { return len(s.Policies) > 0 || s.Missing }

// Choose returns the policies that the selection means, in the order people read:
// by type, then name. Filters leave out what vanished; a policy that is named is
// meant all the same. What Missing means only the set can tell.
func (s Selection) Choose(all []Policy) []Policy {
	named := make(map[string]bool, len(s.Policies))
	for _, id := range s.Policies {
		named[id] = true
	}
	search := strings.ToLower(s.Search)
	var chosen []Policy
	for _, p := range all {
		switch {
		case s.Explicit():
			if !named[p.ID] {
				continue
			}
		case p.VanishedAt != nil,
			s.Never && p.LatestVersion > 0,
			len(s.Types) > 0 && !slices.Contains(s.Types, p.Type),
			len(s.Platforms) > 0 && !slices.Contains(s.Platforms, p.Platform),
			search != "" && !strings.Contains(strings.ToLower(p.Name), search):
			continue
		}
		chosen = append(chosen, p)
	}
	slices.SortFunc(chosen, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return chosen
}

// SetInput is the input of the runs that fill a backup set: backup_set.create and
// backup_set.add_policies.
type SetInput struct {
	Selection   Selection `json:"selection"`
	Foundations bool      `json:"foundations,omitempty"`
	// Refresh lists the tenant before the policies are chosen, so that what was made
	// since the last sync is among them.
	Refresh bool `json:"refresh,omitempty"`
}

// Limits of backup sets.
const (
	// MaxSetPolicies is the most policies one set may hold.
	MaxSetPolicies = 10_000
	// MaxActiveRuns is how many runs may use one set at a time.
	MaxActiveRuns = 100
	// RecoverFor is how long a deleted set can be recovered.
	RecoverFor = 30 * 24 * time.Hour
)

// BackupSet is a named selection of policies, each with the version that was
// captured for it.
type BackupSet struct {
	ID       string
	TenantID string
	Name     string
	Note     string
	// Selection is what was asked for when the set was made.
	Selection Selection
	// Foundations: what the chosen policies refer to belongs to the set too.
	Foundations bool
	// ScheduleID is the schedule that made the set, "" for a person.
	ScheduleID string
	CreatedAt  time.Time
	CreatedBy  Initiator
	UpdatedAt  time.Time // of the last change by a person
	DeletedAt  *time.Time
	DeletedBy  Initiator
	// LastRunID is the run that last began to change the set, "" for none.
	LastRunID string
	// ActiveRuns are runs that use the set, sorted. One that has ended stays in the
	// list until the set is counted again, so each is read before it is believed.
	ActiveRuns []string
	Tally      *SetTally // nil until the set was counted
	Rev        int64     // grows with every change by a person; what If-Match compares
	// Uses grows when a run begins to use the set and when it is counted, so that
	// neither is lost when two do that at once.
	Uses int64
}

// SetTally is what a set held when it was last counted.
type SetTally struct {
	Policies    int // items; the sum of the next four
	Captured    int // whole
	Incomplete  int // captured in part
	Missing     int // not captured
	Pending     int // not yet tried, or the run ended before them
	Foundations int // of all items: those that others need
	// Types counts the items of each policy type.
	Types map[string]TypeTally
	At    time.Time
}

// TypeTally counts the items of one policy type in a set.
type TypeTally struct {
	Policies int `json:"policies" dynamodbav:"policies"`
	Captured int `json:"captured" dynamodbav:"captured"` // whole or in part
}

// ItemState is what became of a policy in a backup set.
type ItemState string

// The states of a backup item.
const (
	ItemPending    ItemState = "pending"    // not yet tried
	ItemCaptured   ItemState = "captured"   // whole
	ItemIncomplete ItemState = "incomplete" // a part could not be read
	ItemMissing    ItemState = "missing"    // could not be captured
)

// ItemStates lists all states.
func ItemStates() []ItemState {
	return []ItemState{ItemPending, ItemCaptured, ItemIncomplete, ItemMissing}
}

// Held reports whether an item in this state has a version.
func (s ItemState) Held() bool { return s == ItemCaptured || s == ItemIncomplete }

// BackupItem is one policy in a backup set.
type BackupItem struct {
	TenantID   string
	SetID      string
	PolicyID   string
	Name       string
	Type       string // policy type
	Platform   string
	GraphID    string
	Foundation bool // here because others need it, not because it was chosen
	State      ItemState
	// Version is the version held, 0 for none; ContentHash and PayloadKey are its,
	// so that it is known what refers to a payload.
	Version     int
	ContentHash string
	PayloadKey  string
	CapturedAt  *time.Time
	// Code is why the item is missing or incomplete, or a note of a captured one.
	Code    string
	Failure *Failure
	Params  map[string]string
	RunID   string // the run that put the item where it is; "" without one
	AddedAt time.Time
}

// NewBackupSet is a set that is made without a run, its items there from the
// beginning.
type NewBackupSet struct {
	Set   BackupSet
	Items []BackupItem
	Role  Role // what CreatedBy must still hold
	Audit AuditEvent
	// Key makes a repeated request find the set it made; ReplayUntil is how long.
	// PayloadHash tells another request with the same key.
	Key         string
	PayloadHash string
	ReplayUntil time.Time
}

// SetQuery filters the sets of one tenant.
type SetQuery struct {
	TenantID string
	Deleted  bool   // the deleted ones instead of the others
	Search   string // part of the name, case-insensitive
	// From and To bound the creation: From included, To excluded.
	From, To time.Time
}

// ItemQuery filters the items of one set. Zero fields do not filter.
type ItemQuery struct {
	TenantID string
	SetID    string
	States   []ItemState
	Types    []string
	Search   string // part of the name, case-insensitive
	Code     string
}

// NewItem is a policy as an item of a set that was not tried yet.
func NewItem(setID, runID string, p Policy, at time.Time) BackupItem {
	return BackupItem{
		TenantID: p.TenantID, SetID: setID, PolicyID: p.ID, Name: p.Name, Type: p.Type, Platform: p.Platform, GraphID: p.GraphID,
		State: ItemPending, RunID: runID, AddedAt: at,
	}
}

// Hold makes the item hold a version.
func (i BackupItem) Hold(v Version) BackupItem {
	i.State, i.Version, i.ContentHash, i.PayloadKey = ItemIncomplete, v.Number, v.ContentHash, v.PayloadKey
	i.Name, i.Platform = cmp.Or(v.PolicyName, i.Name), cmp.Or(v.Platform, i.Platform)
	if v.Complete {
		i.State = ItemCaptured
	}
	return i
}

// EachItem hands over all items of a set in the order of their policy ids, until f
// returns an error.
func EachItem(ctx context.Context, sets BackupSets, tenantID, setID string, f func(BackupItem) error) error {
	const atOnce = 1_000
	for after := ""; ; {
		items, err := sets.BackupItemsFrom(ctx, tenantID, setID, after, atOnce)
		if err != nil {
			return err
		}
		for _, i := range items {
			if err := f(i); err != nil {
				return err
			}
		}
		if len(items) < atOnce {
			return nil
		}
		after = items[len(items)-1].PolicyID
	}
}

// BackupSets keeps backup sets and their items.
//
// A policy is in a set at most once, whoever adds it and how often.
type BackupSets interface {
	// BackupSet reads one set, strong. Deleted ones are there too. ErrNotFound.
	BackupSet(ctx context.Context, tenantID, setID string) (BackupSet, error)
	// ListBackupSets lists sets, newest first, strong.
	ListBackupSets(ctx context.Context, q SetQuery, p PageRequest) (Page[BackupSet], error)
	// CreateBackupSet makes a set that needs no run. Its items are stored before it,
	// so a set that can be read is whole; those of a set that was refused stay where
	// nobody sees them. Its Rev begins at 1, its Uses at 0. A set made with the same
	// Key and PayloadHash that is still remembered is returned in its place.
	// ErrKeyTaken when the key is remembered with another PayloadHash, ErrNotMember,
	// ErrTenantDisabled, ErrConflict when the id is that of another set.
	CreateBackupSet(ctx context.Context, n NewBackupSet) (BackupSet, error)
	// UpdateBackupSet stores name, note, UpdatedAt, DeletedAt and DeletedBy if Rev and
	// Uses are still those of s, which is otherwise as it was read, and returns it
	// with the new Rev; the audit event goes with it. A run that begins to use the set
	// meanwhile is a conflict, so a set is never deleted under a run. ErrConflict,
	// ErrNotFound.
	UpdateBackupSet(ctx context.Context, s BackupSet, audit AuditEvent) (BackupSet, error)
	// CountBackupSet stores the tally and takes the runs out of ActiveRuns, if Uses
	// is still that of s. ErrConflict, ErrNotFound.
	CountBackupSet(ctx context.Context, s BackupSet, t SetTally, ended []string) (BackupSet, error)

	// AddBackupItems stores those items whose policy is not in the set yet and
	// leaves the others as they are. It can be repeated; it is not atomic over
	// items. It returns the policy ids of items that it found there already, in
	// whatever state, but not of those that an equal call before it stored. Of two
	// items of one policy the first is meant.
	AddBackupItems(ctx context.Context, tenantID, setID string, items []BackupItem) (there []string, err error)
	// SettleBackupItem stores what became of an item: it takes the place of one that
	// holds no version, and of any when it holds one itself. A failure never takes
	// a version out of a set. AddedAt and Foundation of the stored item stay.
	// An item that is not there is made.
	SettleBackupItem(ctx context.Context, i BackupItem) error
	// BackupItem reads one item, strong. ErrNotFound.
	BackupItem(ctx context.Context, tenantID, setID, policyID string) (BackupItem, error)
	// ListBackupItems lists items by name. Index read: it may lag by a second.
	ListBackupItems(ctx context.Context, q ItemQuery, p PageRequest) (Page[BackupItem], error)
	// BackupItemsFrom reads up to n items in the order of their policy ids, strong,
	// from the first after the given one ("" for the first of all): for comparing
	// and counting. Fewer than n are the last.
	BackupItemsFrom(ctx context.Context, tenantID, setID, afterPolicyID string, n int) ([]BackupItem, error)
}
