package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"tenantatlas/shared/run"
)

var _ run.Summaries = (*Store)(nil)

func copySummary(s run.Summary) run.Summary {
	s.Active, s.Last, s.Succeeded = slices.Clone(s.Active), maps.Clone(s.Last), maps.Clone(s.Succeeded)
	s.Inventory, s.Backup, s.Schedules = clonePointer(s.Inventory), clonePointer(s.Backup), clonePointer(s.Schedules)
	if s.Inventory != nil {
		s.Inventory.Hours, s.Inventory.Types = slices.Clone(s.Inventory.Hours), maps.Clone(s.Inventory.Types)
	}
	return s
}

// Summary implements run.Summaries.
func (s *Store) Summary(ctx context.Context, tenantID string) (sum run.Summary, err error) {
	err = s.do(ctx, "Summary", func() error {
		sum = s.summaryOf(tenantID)
		return nil
	})
	return sum, err
}

func (s *Store) summaryOf(tenantID string) run.Summary {
	sum := copySummary(s.summaries[tenantID])
	sum.TenantID, sum.OpenDrift = tenantID, max(sum.OpenDrift, 0)
	return sum
}

// NoteActive implements run.Summaries.
func (s *Store) NoteActive(ctx context.Context, tenantID, runID string, active bool) error {
	return s.do(ctx, "NoteActive", func() error {
		sum := copySummary(s.summaries[tenantID])
		sum.Active = slices.DeleteFunc(sum.Active, func(id string) bool { return id == runID })
		if active {
			sum.Active = append(sum.Active, runID)
			slices.Sort(sum.Active)
		}
		s.summaries[tenantID] = sum
		return nil
	})
}

// NoteEnded implements run.Summaries.
func (s *Store) NoteEnded(ctx context.Context, r run.Run) error {
	return s.do(ctx, "NoteEnded", func() error {
		sum := copySummary(s.summaries[r.TenantID])
		sum.Active = slices.DeleteFunc(sum.Active, func(id string) bool { return id == r.ID })
		if have, ok := sum.Last[r.Operation]; !ok || r.EndedAfter(have) {
			if sum.Last == nil {
				sum.Last = map[run.Operation]run.Run{}
			}
			sum.Last[r.Operation] = brief(r)
		}
		if r.Status == run.StatusSucceeded && r.Ended().After(sum.Succeeded[r.Operation]) {
			if sum.Succeeded == nil {
				sum.Succeeded = map[run.Operation]time.Time{}
			}
			sum.Succeeded[r.Operation] = r.Ended()
		}
		s.summaries[r.TenantID] = sum
		return nil
	})
}

// PutCounts implements run.Summaries.
func (s *Store) PutCounts(ctx context.Context, tenantID string, rev int64, c run.SummaryCounts) error {
	return s.do(ctx, "PutCounts", func() error {
		sum := s.summaries[tenantID]
		if sum.Rev != rev {
			return run.ErrConflict
		}
		if c.Inventory != nil {
			sum.Inventory = c.Inventory
		}
		if c.Backup != nil {
			sum.Backup = c.Backup
		}
		if c.Schedules != nil {
			sum.Schedules = c.Schedules
		}
		if c.OpenDrift != nil {
			sum.OpenDrift, sum.DriftCounted = *c.OpenDrift, true
		}
		sum.Rev++
		s.summaries[tenantID] = copySummary(sum)
		return nil
	})
}

// MemberTenants implements run.Summaries.
func (s *Store) MemberTenants(ctx context.Context, userID string, tenantIDs []string) (out []run.MemberTenant, err error) {
	err = s.do(ctx, "MemberTenants", func() error {
		for _, id := range tenantIDs {
			m, isMember := s.members[[2]string{id, userID}]
			t, exists := s.tenants[id]
			if isMember && exists {
				out = append(out, run.MemberTenant{Member: m, Tenant: t, Summary: s.summaryOf(id)})
			}
		}
		return nil
	})
	return out, err
}

func brief(r run.Run) run.Run {
	b := r.Brief()
	return copyRun(&b)
}
