package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// PlanAction is what a plan means to do with an item.
type PlanAction string

// The actions.
const (
	PlanCreate  PlanAction = "create"
	PlanUpdate  PlanAction = "update"
	PlanNone    PlanAction = "none"    // the tenant already matches
	PlanBlocked PlanAction = "blocked" // it cannot be written; the outcome's code says why
	PlanDelete  PlanAction = "delete"  // of what a restore created, by its undo alone
)

// PlanActions lists all actions, in the order people see them.
func PlanActions() []PlanAction {
	return []PlanAction{PlanCreate, PlanUpdate, PlanDelete, PlanBlocked, PlanNone}
}

// Writes reports whether a live restore of the plan writes the item.
func (a PlanAction) Writes() bool { return a == PlanCreate || a == PlanUpdate || a == PlanDelete }

// MatchedBy says how the live object of an item was found.
type MatchedBy string

// The ways, the surest first.
const (
	MatchID        MatchedBy = "id"
	MatchSuccessor MatchedBy = "restored" // an earlier restore made it in the place of the captured one
	MatchDefault   MatchedBy = "default"  // the tenant's one object of the kind
	MatchIdentity  MatchedBy = "name"     // type, name and what else tells it; exactly one hit
)

// Planned is what a preview found should be done with an item: a part of its
// outcome, and bound by the digest of the plan.
type Planned struct {
	Action  PlanAction
	Version int       // what is written back, 0 for a delete
	GraphID string    // of the live object, "" when there is none
	Matched MatchedBy // "" when there is none
	// Fingerprint is the content hash of the live object when it was compared.
	Fingerprint string
	// Document names the plan document in the archive, "" where there is none.
	Document string
	Changes  int      // of settings, properties, assignments and the like
	Warnings []string // codes, each once, sorted
}

// Written is what a live restore did with an item: a part of its outcome.
type Written struct {
	Action   PlanAction
	PolicyID string // of the object that was written; that of a new object differs from the item's
	GraphID  string
	// Before is the version that holds the state before the first write, 0 for an
	// object that was not there. BeforeHash and AfterHash are content hashes;
	// AfterHash is "" when the object could not be read back.
	Before     int
	BeforeHash string
	AfterHash  string
	// Settled is AfterHash without what other writes to the tenant bring about, such as
	// a place among others that was taken since; "" where that is the same.
	Settled string
	Steps   int // writes that were made
}

// LinkKind says what a later run has to do with an earlier one.
type LinkKind string

// The kinds of links.
const (
	LinkApplied LinkKind = "applied" // a live restore of the plan; there is one at the most
	LinkRerun   LinkKind = "rerun"   // does items of the restore again
	LinkUndo    LinkKind = "undo"    // plans to undo the restore
)

// RunLink is a later run that has to do with an earlier one, kept beside that.
type RunLink struct {
	RunID string
	Kind  LinkKind
	// Items are keys of items of the earlier run that had not succeeded, and that the
	// later one did with success; sorted.
	Items []string
}

// Limits of restores.
const (
	// MaxPlanItems is the most items of one plan.
	MaxPlanItems = MaxSetPolicies
	// MaxPlanAge is how long a plan can be applied: what people read must not be a
	// memory by the time it is written.
	MaxPlanAge = 24 * time.Hour
	// MaxReason is the length, in bytes, of the reason of a live restore.
	MaxReason = 500
)

// VersionRef names a version of a policy.
type VersionRef struct {
	PolicyID string `json:"policyId"`
	Version  int    `json:"version"`
}

// PreviewInput is the input of restore.preview: what of a backup set, or which
// versions, or the live restore that is to be undone. Exactly one is given.
type PreviewInput struct {
	SetID string `json:"setId,omitempty"`
	// Policies chooses items of the set by their policy ids, sorted; none means all.
	Policies []string     `json:"policies,omitempty"`
	Versions []VersionRef `json:"versions,omitempty"` // sorted by policy id
	UndoOf   string       `json:"undoOf,omitempty"`   // a run
}

// RestoreInput is the input of restore.execute and restore.rerun: the plan, and
// what of it is applied.
type RestoreInput struct {
	PlanRunID string `json:"planRunId"`
	Digest    string `json:"digest"`
	// Items are keys of items of the plan, sorted; none means all that the plan
	// writes but what it deletes.
	Items []string `json:"items,omitempty"`
	// Except are keys of items that are left out, sorted.
	Except []string `json:"except,omitempty"`
	// Deletes: what the plan deletes is deleted.
	Deletes bool `json:"deletes,omitempty"`
	// RerunOf is the restore whose items are done again; Failed leaves out those
	// that succeeded.
	RerunOf string `json:"rerunOf,omitempty"`
	Failed  bool   `json:"failed,omitempty"`
}

// ChainDigest returns the digest of a plan with some more outcomes: a chain, so
// that it can be made slice by slice, over everything that is confirmed with a
// plan. Outcomes that plan nothing do not change it.
func ChainDigest(digest string, outcomes []Outcome) (string, error) {
	for _, o := range outcomes {
		if o.Planned == nil {
			continue
		}
		text, err := json.Marshal([]any{digest, o.Item.Key, o.Code, o.Planned})
		if err != nil {
			return "", fmt.Errorf("digest of a plan: %w", err)
		}
		sum := sha256.Sum256(text)
		digest = hex.EncodeToString(sum[:])
	}
	return digest, nil
}
