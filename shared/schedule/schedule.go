// Package schedule turns the firings of schedules into runs, and keeps the
// timetable that fires them in line with the records. A run of a schedule comes to
// be by package start like any other.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// MaxLate is how late a firing may come and still start a run. What is later, after
// an outage for example, says so: the next one is near. It is well below
// start.ReplayFor, within which a firing that comes twice is known again.
const MaxLate = 12 * time.Hour

// Firer starts the runs of schedules.
type Firer struct {
	Starter   *start.Starter
	Schedules run.Schedules
	Tenants   run.Tenants
	IDs       run.IDSource
	Now       func() time.Time
	// Deadline is how long a run of the operation may take.
	Deadline func(run.Operation) time.Duration
	Log      *slog.Logger
}

// Fire starts what the schedule says, or joins the run for the same that is still
// open, or says why nothing was started. It can be repeated, by a message that
// comes twice too: a firing is named by when it was due, and starts one run at the
// most. A schedule that is not there is no error; the timetable lags.
func (f Firer) Fire(ctx context.Context, ref run.ScheduleRef, due time.Time) (run.Firing, error) {
	s, err := f.Schedules.Schedule(ctx, ref.TenantID, ref.ScheduleID)
	if errors.Is(err, run.ErrNotFound) {
		f.Log.InfoContext(ctx, "a schedule fired that is not there", "tenant", ref.TenantID, "schedule", ref.ScheduleID)
		return run.Firing{}, nil
	}
	if err != nil {
		return run.Firing{}, fmt.Errorf("read schedule: %w", err)
	}
	t, err := f.Tenants.Tenant(ctx, ref.TenantID)
	if err != nil {
		return run.Firing{}, fmt.Errorf("read tenant: %w", err)
	}
	now := f.Now().UTC()
	firing := run.Firing{TenantID: s.TenantID, ScheduleID: s.ID, DueAt: due.UTC(), At: now, Result: run.FiringSkipped}
	switch code := s.Pause(t); {
	case code != "":
		firing.Code = code
	case now.Sub(due) > MaxLate:
		firing.Code = string(reason.FiredLate)
	default:
		if err := f.start(ctx, s, &firing); err != nil {
			return run.Firing{}, err
		}
	}
	stored, err := f.Schedules.PutFiring(ctx, firing)
	if err != nil {
		return run.Firing{}, fmt.Errorf("record firing: %w", err)
	}
	f.Log.InfoContext(ctx, "schedule fired", "tenant", s.TenantID, "schedule", s.ID, "due", stored.DueAt, "result", string(stored.Result), "run", stored.RunID, "code", stored.Code)
	return stored, nil
}

// start starts the run and says in the firing what came of it.
func (f Firer) start(ctx context.Context, s run.Schedule, firing *run.Firing) error {
	req, err := f.request(s, firing.DueAt)
	if err != nil {
		return err
	}
	res, err := f.Starter.Start(ctx, req)
	var conflict *start.ConflictError
	switch {
	case errors.As(err, &conflict):
		firing.Code, firing.RunID = string(reason.ConflictActiveRun), conflict.Active.ID
		return nil
	case errors.Is(err, run.ErrNotMember): // paused or removed since it was read
		firing.Code = run.CodePausedByUser
		return nil
	case errors.Is(err, run.ErrTenantDisabled):
		firing.Code = run.CodeTenantDisabled
		return nil
	case err != nil:
		return fmt.Errorf("start: %w", err)
	}
	firing.Result, firing.RunID = run.FiringStarted, res.Run.ID
	if res.Reused && !res.Replayed {
		firing.Result = run.FiringJoined
	}
	if res.Run.Target.Kind == run.TargetBackupSet {
		firing.SetID = res.Run.Target.ID
	}
	return nil
}

func (f Firer) request(s run.Schedule, due time.Time) (start.Request, error) {
	req := start.Request{
		TenantID: s.TenantID, ScheduleID: s.ID, Operation: s.Operation, Deadline: f.Deadline(s.Operation),
		IdempotencyKey: due.UTC().Format(time.RFC3339),
	}
	switch s.Operation {
	case run.OpInventorySync:
		req.Input = run.TypesInput{Types: s.Types} // one sync of a tenant at a time, whoever starts it
	case run.OpBackupSetCreate:
		zone, err := time.LoadLocation(s.TimeZone)
		if err != nil {
			return start.Request{}, fmt.Errorf("time zone of schedule: %w", err)
		}
		req.Scope = s.ID // one run of a schedule at a time
		req.Set = &run.BackupSet{
			ID: f.IDs.New(run.PrefixSet, f.Now()), Name: reason.ClipName(s.Name + " " + due.In(zone).Format("2006-01-02 15:04")),
			Selection: s.Selection, Foundations: s.Foundations,
		}
		req.Input = run.SetInput{Selection: s.Selection, Foundations: s.Foundations, Refresh: !s.Selection.Explicit()}
	default:
		return start.Request{}, fmt.Errorf("schedule of the operation %q", s.Operation)
	}
	return req, nil
}

// Applier tells the timetable of schedules.
type Applier struct {
	Schedules run.Schedules
	Timetable run.Timetable
}

// Apply tells the timetable of a schedule as it was stored, and confirms that. It can
// be repeated. What fails is found again by ApplyAll.
func (a Applier) Apply(ctx context.Context, s run.Schedule) error {
	var err error
	if s.Removed {
		err = a.Timetable.Delete(ctx, run.ScheduleRef{TenantID: s.TenantID, ScheduleID: s.ID})
	} else {
		err = a.Timetable.Put(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("tell the timetable: %w", err)
	}
	if err := a.Schedules.Applied(ctx, s.TenantID, s.ID, s.Rev); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return nil
}

// ApplyAll tells the timetable of every schedule that it may not have as it stands.
// It goes on after one that fails, and returns how many it told and all errors.
func (a Applier) ApplyAll(ctx context.Context) (told int, err error) {
	var errs []error
	for shard := range run.OpenShards {
		for cursor, more := "", true; more; more = cursor != "" {
			page, err := a.Schedules.Unapplied(ctx, shard, run.PageRequest{Limit: 100, Cursor: cursor})
			if err != nil {
				errs = append(errs, fmt.Errorf("list schedules: %w", err))
				break
			}
			for _, ref := range page.Items {
				if err := a.again(ctx, ref); err != nil {
					errs = append(errs, fmt.Errorf("schedule %s: %w", ref.ScheduleID, err))
					continue
				}
				told++
			}
			cursor = page.Next
		}
	}
	return told, errors.Join(errs...)
}

func (a Applier) again(ctx context.Context, ref run.ScheduleRef) error {
	s, err := a.Schedules.UnappliedSchedule(ctx, ref)
	if errors.Is(err, run.ErrNotFound) {
		return nil // the index lags
	}
	if err != nil {
		return err
	}
	return a.Apply(ctx, s)
}
