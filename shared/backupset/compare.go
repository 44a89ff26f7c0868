package backupset

import (
	"context"
	"fmt"
	"slices"

	"tenantatlas/shared/run"
)

// ChangeKind is how a policy of one set stands to that of another.
type ChangeKind string

// The kinds.
const (
	Added     ChangeKind = "added"   // only the later set has it
	Removed   ChangeKind = "removed" // only the earlier set has it
	Changed   ChangeKind = "changed"
	Unchanged ChangeKind = "unchanged"
	// Unknown: one of the two holds no whole version of it, so that there is nothing
	// to conclude from.
	Unknown ChangeKind = "unknown"
)

// ChangeKinds lists all kinds.
func ChangeKinds() []ChangeKind {
	return []ChangeKind{Added, Removed, Changed, Unchanged, Unknown}
}

// Change is a policy of either set. From or To is nil where the set does not have it.
type Change struct {
	Kind     ChangeKind
	From, To *run.BackupItem
}

// PolicyID is that of the policy.
func (c Change) PolicyID() string { return c.item().PolicyID }

func (c Change) item() *run.BackupItem {
	if c.To != nil {
		return c.To
	}
	return c.From
}

// compareAtOnce bounds the items of each set that one page looks at.
const compareAtOnce = 1_000

// Compare lists how the policies of one set stand to those of another, in the order
// of their ids, from the first after the given one. It returns at most limit of the
// wanted kinds, fewer where the others are many, and after which to go on; "" at the
// end. The cost of a page does not depend on the size of the sets.
func Compare(ctx context.Context, sets run.BackupSets, tenantID, from, to, after string, limit int, wanted []ChangeKind) (changes []Change, next string, err error) {
	var pages [2][]run.BackupItem
	look := compareAtOnce
	if len(wanted) == 0 {
		look = min(limit+1, look) // nothing is left out
	}
	// What lies behind the end of the shorter page is not known yet.
	end, open := "", false
	for n, setID := range []string{from, to} {
		if pages[n], err = sets.BackupItemsFrom(ctx, tenantID, setID, after, look); err != nil {
			return nil, "", fmt.Errorf("read items of set: %w", err)
		}
		if len(pages[n]) == look {
			if last := pages[n][look-1].PolicyID; !open || last < end {
				end, open = last, true
			}
		}
	}
	for len(pages[0])+len(pages[1]) > 0 {
		var c Change
		var before, later *run.BackupItem
		if len(pages[0]) > 0 {
			before = &pages[0][0]
		}
		if len(pages[1]) > 0 {
			later = &pages[1][0]
		}
		switch {
		case later == nil || before != nil && before.PolicyID < later.PolicyID:
			c = Change{Removed, before, nil}
		case before == nil || later.PolicyID < before.PolicyID:
			c = Change{Added, nil, later}
		default:
			c = Change{kindOf(before, later), before, later}
		}
		if open && c.PolicyID() > end {
			break
		}
		if len(changes) == limit {
			return changes, after, nil
		}
		if c.From != nil {
			pages[0] = pages[0][1:]
		}
		if c.To != nil {
			pages[1] = pages[1][1:]
		}
		after = c.PolicyID()
		if len(wanted) == 0 || slices.Contains(wanted, c.Kind) {
			changes = append(changes, c)
		}
	}
	if !open {
		after = ""
	}
	return changes, after, nil
}

func kindOf(from, to *run.BackupItem) ChangeKind {
	switch {
	case from.State != run.ItemCaptured || to.State != run.ItemCaptured:
		return Unknown
	case from.ContentHash == to.ContentHash:
		return Unchanged
	}
	return Changed
}
