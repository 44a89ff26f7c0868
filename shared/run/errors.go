package run

import (
	"errors"
	"fmt"
)

// Errors that callers decide on. Adapters map what their technology says to
// one of these, in one place each; anything else is an internal fault.
var (
	// ErrNotFound: the named record does not exist in this tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the record exists already, or changed since it was read.
	ErrConflict = errors.New("changed meanwhile")
	// ErrNotMember: the caller holds no (sufficient) role in the tenant, whether
	// the tenant exists or not.
	ErrNotMember = errors.New("not a member")
	// ErrLastOwner: the change would leave a tenant without an owner.
	ErrLastOwner = errors.New("last owner")
	// ErrRunEnded: the run is terminal and cannot change.
	ErrRunEnded = errors.New("run has ended")
	// ErrRunLeased: another worker holds an unexpired lease on the run.
	ErrRunLeased = errors.New("run is leased")
	// ErrFenced: the epoch or sequence number of the caller is no longer the
	// run's; another worker took over and the caller must stop at once.
	ErrFenced = errors.New("fenced by another worker")
	// ErrTenantDisabled: the tenant takes no new runs.
	ErrTenantDisabled = errors.New("tenant is disabled")
	// ErrKeyTaken: the Idempotency-Key was used with other content.
	ErrKeyTaken = errors.New("idempotency key was used with other content")
	// ErrSetBusy: more runs than MaxActiveRuns use the backup set.
	ErrSetBusy = errors.New("too many runs use the set")
	// ErrTooLarge: a document is larger than its store accepts.
	ErrTooLarge = errors.New("too large")
	// ErrUnsealable: what is stored in the vault does not open. It is damaged, or it
	// was sealed for another tenant or name, or with another key.
	ErrUnsealable = errors.New("sealed values do not open")
	// ErrBadCursor: a page cursor was not issued for this query.
	ErrBadCursor = errors.New("bad page cursor")
)

// NotDueError says that nobody may work on the run yet: it waits until
// Run.NotBefore, for example because Microsoft Graph asked for a pause.
type NotDueError struct{ Run Run }

func (e *NotDueError) Error() string { return "run " + e.Run.ID + " is not due yet" }

// PlanUsedError says that a plan was applied before, by the run.
type PlanUsedError struct{ RunID string }

func (e *PlanUsedError) Error() string { return "plan was applied by run " + e.RunID }

// LockHeldError says that the idempotency key of a start is held by an active
// run. Lock carries the holder as it was read with strong consistency.
type LockHeldError struct{ Lock Lock }

func (e *LockHeldError) Error() string {
	return fmt.Sprintf("lock is held by run %s", e.Lock.ActiveRunID)
}
