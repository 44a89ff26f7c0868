package dynamostore

import (
	"context"
	"errors"

	"tenantatlas/shared/run"
)

var _ run.SavedFilters = (*Store)(nil)

// filtersItem holds all filters that a user saved in one tenant, or outside of tenants.
type filtersItem struct {
	PK         string       `dynamodbav:"PK"`
	SK         string       `dynamodbav:"SK"`
	Entity     string       `dynamodbav:"entity"`
	TenantID   string       `dynamodbav:"tenantId,omitempty"`
	UserID     string       `dynamodbav:"userId"`
	Filters    []filterItem `dynamodbav:"filters"`
	Rev        int64        `dynamodbav:"rev"`
	WriteToken string       `dynamodbav:"writeToken,omitempty"`
}

type filterItem struct {
	ID        string `dynamodbav:"id"`
	Page      string `dynamodbav:"page"`
	Name      string `dynamodbav:"name"`
	Query     string `dynamodbav:"query,omitempty"`
	UpdatedAt string `dynamodbav:"updatedAt"`
}

func newFiltersItem(tenantID, userID string, rev int64, filters []run.SavedFilter) filtersItem {
	k := filtersKey(tenantID, userID)
	i := filtersItem{PK: k.pk, SK: k.sk, Entity: entityFilters, TenantID: tenantID, UserID: userID, Filters: []filterItem{}, Rev: rev}
	for _, f := range filters {
		i.Filters = append(i.Filters, filterItem{f.ID, f.Page, f.Name, f.Query, stamp(f.UpdatedAt)})
	}
	return i
}

// SavedFilters implements run.SavedFilters.
func (s *Store) SavedFilters(ctx context.Context, tenantID, userID string) ([]run.SavedFilter, int64, error) {
	if !plain(userID) || tenantID != "" && !plain(tenantID) {
		return nil, 0, nil
	}
	image, err := s.get(ctx, filtersKey(tenantID, userID))
	if err != nil || image == nil {
		return nil, 0, err
	}
	i, err := decode[filtersItem](image)
	if err != nil {
		return nil, 0, err
	}
	var p stampParser
	filters := make([]run.SavedFilter, 0, len(i.Filters))
	for _, f := range i.Filters {
		filters = append(filters, run.SavedFilter{ID: f.ID, Page: f.Page, Name: f.Name, Query: f.Query, UpdatedAt: p.optional(f.UpdatedAt)})
	}
	return filters, i.Rev, p.err
}

// PutSavedFilters implements run.SavedFilters. The token tells whether what is stored
// is this call's.
func (s *Store) PutSavedFilters(ctx context.Context, tenantID, userID string, rev int64, filters []run.SavedFilter) error {
	if !plain(userID) || tenantID != "" && !plain(tenantID) {
		return errors.New("put saved filters: identifier cannot be stored")
	}
	token, err := contentToken("put saved filters", tenantID, userID, rev, filters)
	if err != nil {
		return err
	}
	item := newFiltersItem(tenantID, userID, rev+1, filters)
	item.WriteToken = token
	e := newExpression()
	if rev == 0 {
		e.whenAbsent()
	} else {
		e.whenNumber(attrRev, rev)
	}
	return s.put(ctx, "put saved filters", item, e, func(_ context.Context, refused refusal) error {
		stored, err := decode[filtersItem](refused.at(0).image)
		if err != nil {
			return err
		}
		if stored.WriteToken == token {
			return nil
		}
		return run.ErrConflict
	})
}
