package runtest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tenantatlas/shared/run"
)

func (w *world) savedFilters(n int) []run.SavedFilter {
	var filters []run.SavedFilter
	for i := range n {
		filters = append(filters, run.SavedFilter{ID: fmt.Sprint("f", i), Page: "runs", Name: fmt.Sprint("Filter ", i), Query: strings.Repeat("status=failed&", i%3), UpdatedAt: w.tick()})
	}
	return filters
}

// SavedFilters checks the contract of run.SavedFilters.
func SavedFilters(t *testing.T, open Open) {
	t.Run("filters are those of one user in one tenant", func(t *testing.T) {
		w := newWorld(t, open)
		user := "u-" + w.tenant
		read := func(tenantID, userID string) ([]run.SavedFilter, int64) {
			filters, rev, err := w.s.SavedFilters(w.ctx(), tenantID, userID)
			w.must(err)
			return filters, rev
		}
		own, everywhere := w.savedFilters(run.MaxSavedFilters), w.savedFilters(1)
		w.must(w.s.PutSavedFilters(w.ctx(), w.tenant, user, 0, own))
		w.must(w.s.PutSavedFilters(w.ctx(), "", user, 0, everywhere))
		for _, c := range []struct {
			tenant, user string
			want         []run.SavedFilter
		}{{w.tenant, user, own}, {"", user, everywhere}, {w.tenant + "1", user, nil}, {w.tenant, user + "1", nil}, {"", "", nil}} {
			got, rev := read(c.tenant, c.user)
			if len(c.want) == 0 {
				same(t, "of nobody", len(got)+int(rev), 0)
				continue
			}
			same(t, "filters", got, c.want)
			same(t, "revision", rev, 1)
		}
		w.must(w.s.PutSavedFilters(w.ctx(), w.tenant, user, 1, nil))
		got, rev := read(w.tenant, user)
		same(t, "after the last was removed", len(got), 0)
		same(t, "revision", rev, 2)
		w.wantErr(w.s.PutSavedFilters(w.ctx(), w.tenant, user, 0, own), run.ErrConflict)
		w.wantErr(w.s.PutSavedFilters(w.ctx(), w.tenant, user, 1, own), run.ErrConflict)
		w.wantErr(w.s.PutSavedFilters(w.ctx(), w.tenant, user+"1", 3, own), run.ErrConflict)
	})
	t.Run("of many at once one is stored", func(t *testing.T) {
		w := newWorld(t, open)
		var wait sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			filters := w.savedFilters(i + 1)
			wait.Go(func() { errs[i] = w.s.PutSavedFilters(w.ctx(), w.tenant, w.owner, 0, filters) })
		}
		wait.Wait()
		stored := 0
		for _, err := range errs {
			if err == nil {
				stored++
			} else if !errors.Is(err, run.ErrConflict) {
				t.Error(err)
			}
		}
		same(t, "stored", stored, 1)
	})
}

var filterFaultCases = []faultCase{
	{"PutSavedFilters", func(w *world) func() {
		filters := w.savedFilters(3)
		return func() {
			w.must(w.s.PutSavedFilters(w.ctx(), w.tenant, w.owner, 0, filters))
			got, rev, err := w.s.SavedFilters(w.ctx(), w.tenant, w.owner)
			w.must(err)
			same(w.t, "filters", got, filters)
			same(w.t, "revision", rev, 1)
		}
	}},
}
