package run

import (
	"context"
	"time"
)

// SavedFilter is a view of a list that a user gave a name.
type SavedFilter struct {
	ID        string
	Page      string // which list it is of, as the console names it
	Name      string
	Query     string // of the page's address
	UpdatedAt time.Time
}

// MaxSavedFilters is how many filters a user may save in one tenant, and outside of
// tenants.
const MaxSavedFilters = 50

// SavedFilters keeps the filters that users saved: each user's own, of one tenant, or
// of pages over all tenants ("" for the tenant).
type SavedFilters interface {
	// SavedFilters reads those of a user in the order in which they were stored, and
	// their revision, strong. None is no error.
	SavedFilters(ctx context.Context, tenantID, userID string) (filters []SavedFilter, rev int64, err error)
	// PutSavedFilters puts the filters in the place of those with the revision that was
	// read, 0 for none. ErrConflict.
	PutSavedFilters(ctx context.Context, tenantID, userID string, rev int64, filters []SavedFilter) error
}
