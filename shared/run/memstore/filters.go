package memstore

import (
	"context"
	"slices"

	"tenantatlas/shared/run"
)

var _ run.SavedFilters = (*Store)(nil)

type savedFilters struct {
	filters []run.SavedFilter
	rev     int64
}

// SavedFilters implements run.SavedFilters.
func (s *Store) SavedFilters(ctx context.Context, tenantID, userID string) (filters []run.SavedFilter, rev int64, err error) {
	err = s.do(ctx, "SavedFilters", func() error {
		have := s.filters[[2]string{tenantID, userID}]
		filters, rev = slices.Clone(have.filters), have.rev
		return nil
	})
	return filters, rev, err
}

// PutSavedFilters implements run.SavedFilters.
func (s *Store) PutSavedFilters(ctx context.Context, tenantID, userID string, rev int64, filters []run.SavedFilter) error {
	return s.do(ctx, "PutSavedFilters", func() error {
		key := [2]string{tenantID, userID}
		if s.filters[key].rev != rev {
			return run.ErrConflict
		}
		s.filters[key] = savedFilters{slices.Clone(filters), rev + 1}
		return nil
	})
}
