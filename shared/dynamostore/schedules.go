package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

var _ run.Schedules = (*Store)(nil)

func decodeSchedule(image map[string]types.AttributeValue) (run.Schedule, error) {
	i, err := decode[scheduleItem](image)
	if err != nil {
		return run.Schedule{}, err
	}
	return i.schedule()
}

// Schedule implements run.Schedules.
func (s *Store) Schedule(ctx context.Context, tenantID, scheduleID string) (run.Schedule, error) {
	out, err := s.UnappliedSchedule(ctx, run.ScheduleRef{TenantID: tenantID, ScheduleID: scheduleID})
	switch {
	case err != nil:
		return run.Schedule{}, err
	case out.Removed:
		return run.Schedule{}, run.ErrNotFound
	}
	return out, nil
}

// UnappliedSchedule implements run.Schedules.
func (s *Store) UnappliedSchedule(ctx context.Context, ref run.ScheduleRef) (run.Schedule, error) {
	if !plain(ref.TenantID, ref.ScheduleID) {
		return run.Schedule{}, run.ErrNotFound
	}
	image, err := s.get(ctx, scheduleKey(ref.TenantID, ref.ScheduleID))
	if err != nil {
		return run.Schedule{}, err
	}
	if image == nil {
		return run.Schedule{}, run.ErrNotFound
	}
	return decodeSchedule(image)
}

// Schedules implements run.Schedules.
func (s *Store) Schedules(ctx context.Context, tenantID string) ([]run.Schedule, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	var out []run.Schedule
	err := s.all(ctx, schedulesOfTenant(tenantID), func(image map[string]types.AttributeValue) error {
		schedule, err := decodeSchedule(image)
		out = append(out, schedule)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// PutSchedule implements run.Schedules.
func (s *Store) PutSchedule(ctx context.Context, schedule run.Schedule, audit run.AuditEvent) (run.Schedule, error) {
	if !plain(schedule.TenantID) {
		return run.Schedule{}, run.ErrNotFound
	}
	if !plain(schedule.ID) {
		return run.Schedule{}, errors.New("put schedule: identifier cannot be stored")
	}
	schedule.Applied, schedule.Removed = 0, false // no part of the change
	token, err := contentToken("put schedule", schedule, audit)
	if err != nil {
		return run.Schedule{}, err
	}
	var write types.TransactWriteItem
	rev, e := schedule.Rev, newExpression()
	schedule.Rev++
	if rev == 0 {
		e.whenAbsent()
		write, err = s.txPut(newScheduleItem(schedule), e)
	} else {
		whenSchedule(e, rev)
		if err = e.setItem(newScheduleItem(schedule), attrApplied); err == nil {
			write = s.txUpdate(scheduleKey(schedule.TenantID, schedule.ID), e)
		}
	}
	if err != nil {
		return run.Schedule{}, err
	}
	before, err := s.changeSchedule(ctx, "put schedule", schedule.TenantID, schedule.ID, audit, token, write, rev == 0)
	if err != nil {
		return run.Schedule{}, err
	}
	schedule.Applied = before.Applied
	return schedule, nil
}

// whenSchedule needs a schedule to be of the revision, and not removed.
func whenSchedule(e *expression, rev int64) {
	e.whenNumber(attrRev, rev)
	e.whenNot(attrRemoved)
}

// RemoveSchedule implements run.Schedules.
func (s *Store) RemoveSchedule(ctx context.Context, tenantID, scheduleID string, rev int64, audit run.AuditEvent) (run.Schedule, error) {
	if !plain(tenantID, scheduleID) {
		return run.Schedule{}, run.ErrNotFound
	}
	token, err := contentToken("remove schedule", tenantID, scheduleID, rev, audit)
	if err != nil {
		return run.Schedule{}, err
	}
	e := newExpression()
	whenSchedule(e, rev)
	e.set(attrRemoved, &types.AttributeValueMemberBOOL{Value: true})
	e.setNumber(attrRev, rev+1)
	e.setText(attrOpenShard, shardOf(unappliedShard, scheduleID))
	e.setText(attrRunKey, scheduleID)
	out, err := s.changeSchedule(ctx, "remove schedule", tenantID, scheduleID, audit, token, s.txUpdate(scheduleKey(tenantID, scheduleID), e), false)
	if err != nil {
		return run.Schedule{}, err
	}
	out.ID, out.TenantID, out.Rev, out.Removed = scheduleID, tenantID, rev+1, true
	return out, nil
}

// changeSchedule performs the write of a schedule with its audit event, and returns
// the schedule as it was before, if there was one.
func (s *Store) changeSchedule(ctx context.Context, what, tenantID, scheduleID string, audit run.AuditEvent, token string, write types.TransactWriteItem, makes bool) (run.Schedule, error) {
	before, err := s.UnappliedSchedule(ctx, run.ScheduleRef{TenantID: tenantID, ScheduleID: scheduleID})
	if err != nil && !errors.Is(err, run.ErrNotFound) {
		return run.Schedule{}, err
	}
	err = s.change(ctx, what, tenantID, audit, token, []types.TransactWriteItem{write, s.ownersItem(tenantID, 0)}, func(r refusal) error {
		schedule, tenant := r.at(0), r.at(1)
		if tenant.failed || schedule.failed && len(schedule.image) == 0 && !makes {
			return run.ErrNotFound
		}
		if stored, err := decode[scheduleItem](schedule.image); err != nil || stored.Removed {
			return errors.Join(err, run.ErrNotFound)
		}
		return run.ErrConflict
	})
	return before, err
}

// Applied implements run.Schedules. Doing it twice does no harm, so a lost answer
// needs no evidence.
func (s *Store) Applied(ctx context.Context, tenantID, scheduleID string, rev int64) error {
	if !plain(tenantID, scheduleID) {
		return nil
	}
	k, e := scheduleKey(tenantID, scheduleID), newExpression()
	whenSchedule(e, rev)
	e.setNumber(attrApplied, rev)
	e.remove(attrOpenShard, attrRunKey)
	gone := false
	_, err := s.update(ctx, "confirm schedule", k, e, func(_ context.Context, refused refusal) error {
		stored, err := decode[scheduleItem](refused.at(0).image)
		gone = stored.Removed && stored.Rev == rev
		return err
	})
	if err != nil || !gone {
		return err
	}
	last := newExpression()
	last.whenNumber(attrRev, rev)
	return s.transact(ctx, "confirm schedule", "", []types.TransactWriteItem{s.txDelete(k, last)}, func(context.Context, refusal) error {
		return nil // deleted by a sending before
	})
}

// Unapplied implements run.Schedules.
func (s *Store) Unapplied(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.ScheduleRef], error) {
	return sweep(ctx, s, unappliedShard, shard, p, scheduleKey, func(tenantID, id string) run.ScheduleRef {
		return run.ScheduleRef{TenantID: tenantID, ScheduleID: id}
	})
}

func decodeFiring(image map[string]types.AttributeValue) (run.Firing, error) {
	i, err := decode[firingItem](image)
	if err != nil {
		return run.Firing{}, err
	}
	return i.firing()
}

// PutFiring implements run.Schedules. What is there is the answer, whoever stored it,
// so a lost answer needs no evidence.
func (s *Store) PutFiring(ctx context.Context, f run.Firing) (run.Firing, error) {
	if !plain(f.TenantID, f.ScheduleID) || f.DueAt.IsZero() {
		return run.Firing{}, errors.New("put firing: needs a tenant, a schedule and a time that can be stored")
	}
	e := newExpression()
	e.whenAbsent()
	err := s.put(ctx, "put firing", newFiringItem(f), e, func(_ context.Context, refused refusal) (err error) {
		f, err = decodeFiring(refused.at(0).image)
		return err
	})
	if err != nil {
		return run.Firing{}, err
	}
	return f, nil
}

// Firings implements run.Schedules.
func (s *Store) Firings(ctx context.Context, tenantID, scheduleID string, p run.PageRequest) (run.Page[run.Firing], error) {
	if !plain(tenantID, scheduleID) {
		return run.Page[run.Firing]{}, nil
	}
	tag, err := queryTag("firings", []string{tenantID, scheduleID})
	if err != nil {
		return run.Page[run.Firing]{}, err
	}
	return page(ctx, s, firingsOfSchedule(tenantID, scheduleID), tag, p, decodeFiring)
}
