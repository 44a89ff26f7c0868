package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tenantatlas/shared/run"
)

func copySchedule(s run.Schedule) run.Schedule {
	s.Selection, s.Types, s.PausedAt = copySelection(s.Selection), slices.Clone(s.Types), clonePointer(s.PausedAt)
	return s
}

// Schedule implements run.Schedules.
func (s *Store) Schedule(ctx context.Context, tenantID, scheduleID string) (run.Schedule, error) {
	return s.schedule(ctx, "Schedule", tenantID, scheduleID, false)
}

// UnappliedSchedule implements run.Schedules.
func (s *Store) UnappliedSchedule(ctx context.Context, ref run.ScheduleRef) (run.Schedule, error) {
	return s.schedule(ctx, "UnappliedSchedule", ref.TenantID, ref.ScheduleID, true)
}

func (s *Store) schedule(ctx context.Context, method, tenantID, scheduleID string, removed bool) (out run.Schedule, err error) {
	err = s.do(ctx, method, func() error {
		have, ok := s.schedules[[2]string{tenantID, scheduleID}]
		if !ok || have.Removed && !removed {
			return run.ErrNotFound
		}
		out = copySchedule(have)
		return nil
	})
	return out, err
}

// Schedules implements run.Schedules.
func (s *Store) Schedules(ctx context.Context, tenantID string) (all []run.Schedule, err error) {
	err = s.do(ctx, "Schedules", func() error {
		for _, have := range s.schedules {
			if have.TenantID == tenantID && !have.Removed {
				all = append(all, copySchedule(have))
			}
		}
		slices.SortFunc(all, func(a, b run.Schedule) int { return strings.Compare(a.ID, b.ID) })
		return nil
	})
	return all, err
}

// PutSchedule implements run.Schedules.
func (s *Store) PutSchedule(ctx context.Context, schedule run.Schedule, audit run.AuditEvent) (run.Schedule, error) {
	if tooLarge(schedule) {
		return run.Schedule{}, run.ErrTooLarge
	}
	return s.changeSchedule(ctx, "PutSchedule", schedule.TenantID, schedule.ID, schedule.Rev, schedule.Rev == 0, audit, func(have *run.Schedule) {
		applied := have.Applied
		*have = copySchedule(schedule)
		have.Applied = applied
	})
}

// RemoveSchedule implements run.Schedules.
func (s *Store) RemoveSchedule(ctx context.Context, tenantID, scheduleID string, rev int64, audit run.AuditEvent) (run.Schedule, error) {
	return s.changeSchedule(ctx, "RemoveSchedule", tenantID, scheduleID, rev, false, audit, func(have *run.Schedule) { have.Removed = true })
}

// changeSchedule changes a schedule of the given revision, or makes it.
func (s *Store) changeSchedule(ctx context.Context, method, tenantID, scheduleID string, rev int64, makes bool, audit run.AuditEvent, change func(*run.Schedule)) (out run.Schedule, err error) {
	err = s.do(ctx, method, func() error {
		key := [2]string{tenantID, scheduleID}
		have, ok := s.schedules[key]
		_, tenant := s.tenants[tenantID]
		told := s.told(audit) // this is a repeat of a call whose answer was lost
		switch {
		case told:
		case !tenant || have.Removed || !ok && !makes:
			return run.ErrNotFound
		case have.Rev != rev:
			return run.ErrConflict
		}
		change(&have)
		have.ID, have.TenantID, have.Rev = scheduleID, tenantID, rev+1
		out = copySchedule(have)
		if !told {
			s.schedules[key] = have
			s.audit[auditKey(audit)] = audit
		}
		return nil
	})
	return out, err
}

// Applied implements run.Schedules.
func (s *Store) Applied(ctx context.Context, tenantID, scheduleID string, rev int64) error {
	return s.do(ctx, "Applied", func() error {
		key := [2]string{tenantID, scheduleID}
		have, ok := s.schedules[key]
		switch {
		case !ok || have.Rev != rev:
		case have.Removed:
			delete(s.schedules, key)
		default:
			have.Applied = rev
			s.schedules[key] = have
		}
		return nil
	})
}

// Unapplied implements run.Schedules. All schedules are in the first shard.
func (s *Store) Unapplied(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.ScheduleRef], error) {
	values := func(yield func(run.ScheduleRef) bool) {
		for key, have := range s.schedules {
			if shard == 0 && have.Applied < have.Rev && !yield(run.ScheduleRef{TenantID: key[0], ScheduleID: key[1]}) {
				return
			}
		}
	}
	return list(ctx, s, "Unapplied", shard, p, values, func(run.ScheduleRef) bool { return true }, func(r run.ScheduleRef) string { return r.ScheduleID + r.TenantID }, false)
}

// PutFiring implements run.Schedules.
func (s *Store) PutFiring(ctx context.Context, f run.Firing) (run.Firing, error) {
	err := s.do(ctx, "PutFiring", func() error {
		key := [2]string{f.TenantID, f.ScheduleID}
		if s.firings[key] == nil {
			s.firings[key] = map[string]run.Firing{}
		}
		if have, there := s.firings[key][stamp(f.DueAt)]; there {
			f = have
		}
		s.firings[key][stamp(f.DueAt)] = f
		return nil
	})
	if err != nil {
		return run.Firing{}, err
	}
	return f, nil
}

// Firings implements run.Schedules.
func (s *Store) Firings(ctx context.Context, tenantID, scheduleID string, p run.PageRequest) (run.Page[run.Firing], error) {
	values := func(yield func(run.Firing) bool) {
		for f := range maps.Values(s.firings[[2]string{tenantID, scheduleID}]) {
			if !yield(f) {
				return
			}
		}
	}
	return list(ctx, s, "Firings", []string{tenantID, scheduleID}, p, values, func(run.Firing) bool { return true }, func(f run.Firing) string { return stamp(f.DueAt) }, true)
}
