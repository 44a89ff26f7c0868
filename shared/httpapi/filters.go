package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// SavedFilterView is a view of a list that the caller gave a name.
type SavedFilterView struct {
	ID        string    `json:"id"`
	TenantID  string    `json:"tenantId,omitempty" doc:"Absent for pages over all tenants"`
	Page      string    `json:"page" example:"runs"`
	Name      string    `json:"name"`
	Query     string    `json:"query" doc:"Of the page's address"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// SavedFilterInput saves a filter.
type SavedFilterInput struct {
	TenantID string `json:"tenantId,omitempty" maxLength:"64" doc:"Absent for pages over all tenants"`
	Page     string `json:"page" pattern:"^[a-z][a-z-]{0,39}$" example:"runs" doc:"Which list it is of"`
	Name     string `json:"name" minLength:"1" maxLength:"100"`
	Query    string `json:"query" maxLength:"1000" doc:"Of the page's address, without the question mark"`
}

// SavedFilterPath names a filter, as whoever made it chose.
type SavedFilterPath struct {
	Filter string `path:"filter" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

func savedFilterView(tenantID string) func(run.SavedFilter) SavedFilterView {
	return func(f run.SavedFilter) SavedFilterView {
		return SavedFilterView{ID: f.ID, TenantID: tenantID, Page: f.Page, Name: f.Name, Query: f.Query, UpdatedAt: f.UpdatedAt}
	}
}

func (s *server) registerFilters(api huma.API) {
	type listInput struct {
		Tenant string `query:"tenant" maxLength:"64" doc:"Those of this tenant; absent: those of pages over all tenants"`
		Page   string `query:"page" maxLength:"40" doc:"Only of this list"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/me/filters", "listSavedFilters", "List the filters that the caller saved", "me", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[SavedFilterView], error) {
			if err := s.filtersOf(ctx, in.Tenant); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			filters, _, err := s.Filters.SavedFilters(ctx, in.Tenant, principal(ctx).UserID)
			if err != nil {
				return nil, s.problem(ctx, err, "filter")
			}
			filters = slices.DeleteFunc(filters, func(f run.SavedFilter) bool { return in.Page != "" && f.Page != in.Page })
			slices.SortStableFunc(filters, func(a, b run.SavedFilter) int {
				return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
			})
			return listOf(ctx, nil, run.Page[run.SavedFilter]{Items: filters}, savedFilterView(in.Tenant)), nil
		})

	type putInput struct {
		SavedFilterPath
		Body SavedFilterInput
	}
	put := op(http.MethodPut, "/v1/me/filters/{filter}", "putSavedFilter", "Save a filter, or change one", "me", http.StatusOK, http.StatusConflict)
	put.Description = "Nobody else sees it. There may be 50 in each tenant, and 50 of pages over all tenants."
	huma.Register(api, put, func(ctx context.Context, in *putInput) (*struct{ Body SavedFilterView }, error) {
		tenantID := in.Body.TenantID
		if err := s.filtersOf(ctx, tenantID); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		f := run.SavedFilter{ID: in.Filter, Page: in.Body.Page, Name: reason.ClipName(in.Body.Name), Query: in.Body.Query, UpdatedAt: s.Now().UTC()}
		if f.Name == "" {
			return nil, invalid(ctx, "body.name", "must not be blank")
		}
		err := s.changeFilters(ctx, tenantID, func(have []run.SavedFilter) ([]run.SavedFilter, error) {
			if i := slices.IndexFunc(have, func(h run.SavedFilter) bool { return h.ID == f.ID }); i >= 0 {
				have[i] = f
				return have, nil
			}
			if len(have) >= run.MaxSavedFilters {
				return nil, invalid(ctx, "body", "is one filter more than may be saved")
			}
			return append(have, f), nil
		})
		if err != nil {
			return nil, s.problem(ctx, err, "filter")
		}
		return &struct{ Body SavedFilterView }{savedFilterView(tenantID)(f)}, nil
	})

	type deleteInput struct {
		SavedFilterPath
		Tenant string `query:"tenant" maxLength:"64" doc:"The tenant it is of, if any"`
	}
	huma.Register(api, op(http.MethodDelete, "/v1/me/filters/{filter}", "deleteSavedFilter", "Remove a saved filter", "me", http.StatusNoContent, http.StatusNotFound),
		func(ctx context.Context, in *deleteInput) (*struct{}, error) {
			if err := s.filtersOf(ctx, in.Tenant); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			err := s.changeFilters(ctx, in.Tenant, func(have []run.SavedFilter) ([]run.SavedFilter, error) {
				left := slices.DeleteFunc(slices.Clone(have), func(h run.SavedFilter) bool { return h.ID == in.Filter })
				if len(left) == len(have) {
					return nil, run.ErrNotFound
				}
				return left, nil
			})
			if err != nil {
				return nil, s.problem(ctx, err, "filter")
			}
			return nil, nil
		})
}

// filtersOf checks that the caller may still see the tenant, if one is named.
func (s *server) filtersOf(ctx context.Context, tenantID string) error {
	if tenantID == "" {
		return nil
	}
	_, err := s.member(ctx, tenantID, run.RoleViewer)
	return err
}

// changeFilters changes the caller's filters, again when another of the caller's pages
// changed them meanwhile.
func (s *server) changeFilters(ctx context.Context, tenantID string, change func([]run.SavedFilter) ([]run.SavedFilter, error)) error {
	user := principal(ctx).UserID
	for range changeTries {
		have, rev, err := s.Filters.SavedFilters(ctx, tenantID, user)
		if err != nil {
			return err
		}
		want, err := change(have)
		if err != nil {
			return err
		}
		if err = s.Filters.PutSavedFilters(ctx, tenantID, user, rev, want); !errors.Is(err, run.ErrConflict) {
			return err
		}
	}
	return run.ErrConflict
}
