package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/cadence"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/schedule"
	"tenantatlas/shared/summary"
)

// ScheduleInput makes a schedule.
type ScheduleInput struct {
	Name        string          `json:"name" minLength:"1" maxLength:"200"`
	Operation   string          `json:"operation" enum:"inventory.sync,backup_set.create"`
	Expression  string          `json:"expression" minLength:"1" maxLength:"256" example:"cron(0 2 * * ? *)" doc:"rate(…) or cron(…), as Amazon EventBridge Scheduler reads them; at most once an hour"`
	TimeZone    string          `json:"timeZone,omitempty" maxLength:"50" default:"UTC" example:"Europe/Berlin"`
	Spread      *int            `json:"spreadMinutes,omitempty" minimum:"0" maximum:"1440" doc:"It fires within this many minutes after its time, so that many tenants do not start at once; 15 when absent"`
	Selection   *SelectionInput `json:"selection,omitempty" doc:"What the backup sets hold; the whole tenant when absent"`
	Foundations bool            `json:"includeFoundations,omitempty"`
	Types       []string        `json:"types,omitempty" maxItems:"100" doc:"Policy types of a sync; all when absent"`
	Paused      bool            `json:"paused,omitempty"`
}

// SchedulePatch changes a schedule; absent fields stay. What it starts does not
// change into another operation.
type SchedulePatch struct {
	Name        *string         `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Expression  *string         `json:"expression,omitempty" minLength:"1" maxLength:"256"`
	TimeZone    *string         `json:"timeZone,omitempty" minLength:"1" maxLength:"50"`
	Spread      *int            `json:"spreadMinutes,omitempty" minimum:"0" maximum:"1440"`
	Selection   *SelectionInput `json:"selection,omitempty"`
	Foundations *bool           `json:"includeFoundations,omitempty"`
	Types       *[]string       `json:"types,omitempty" maxItems:"100"`
	Paused      *bool           `json:"paused,omitempty"`
}

// ScheduleView is a schedule.
type ScheduleView struct {
	ID          string          `json:"id" example:"sch_01J9Z3T6Q4W8R2N5M7K1P0XYZA"`
	TenantID    string          `json:"tenantId"`
	Name        string          `json:"name"`
	Operation   string          `json:"operation"`
	Expression  string          `json:"expression"`
	TimeZone    string          `json:"timeZone"`
	Spread      int             `json:"spreadMinutes"`
	Selection   *SelectionInput `json:"selection,omitempty"`
	Foundations bool            `json:"includeFoundations,omitempty"`
	Types       []string        `json:"types,omitempty"`
	State       string          `json:"state" enum:"active,paused"`
	Pause       *PauseView      `json:"pause,omitempty" doc:"Why it starts nothing now"`
	NextAt      []time.Time     `json:"nextAt" nullable:"false" doc:"The next times, three at most; none while it is paused"`
	Pending     bool            `json:"pending,omitempty" doc:"The last change is not in effect yet; it will be within minutes"`
	LastFirings []FiringView    `json:"lastFirings" nullable:"false" doc:"Newest first"`
	CreatedAt   time.Time       `json:"createdAt"`
	CreatedBy   InitiatorView   `json:"createdBy"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	UpdatedBy   InitiatorView   `json:"updatedBy"`
}

// PauseView is why a schedule starts nothing.
type PauseView struct {
	Code     string         `json:"code" doc:"paused_by_user, tenant_disabled, or why the tenant cannot be reached"`
	Sentence string         `json:"sentence"`
	Next     string         `json:"next,omitempty"`
	By       *InitiatorView `json:"by,omitempty"`
	At       *time.Time     `json:"at,omitempty"`
}

// FiringView is one time that a schedule was due.
type FiringView struct {
	DueAt     time.Time `json:"dueAt"`
	At        time.Time `json:"at"`
	Result    string    `json:"result" enum:"started,joined,skipped" doc:"joined: a run for the same was still open"`
	RunID     string    `json:"runId,omitempty" doc:"The run started, joined or in the way"`
	RunStatus string    `json:"runStatus,omitempty"`
	Sentence  string    `json:"sentence,omitempty" doc:"How the run stands, or why nothing was started"`
	SetID     string    `json:"backupSetId,omitempty"`
	Code      string    `json:"code,omitempty"`
}

type scheduleOutput struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     ScheduleView
}

// SchedulePath names a schedule in a path.
type SchedulePath struct {
	Tenant   string `path:"tenant"`
	Schedule string `path:"schedule"`
}

// Limits of schedules.
const (
	// minGap keeps a mistyped minute from filling a tenant with runs.
	minGap        = time.Hour
	defaultSpread = 15
	nextTimes     = 3
	listedFirings = 5
	shownFirings  = 20
)

// cadenceOf reads when a schedule fires.
func cadenceOf(ctx context.Context, expression, zone string, anchor time.Time) (cadence.Cadence, error) {
	c, err := cadence.Parse(expression, zone, anchor)
	var wrong *cadence.Error
	if errors.As(err, &wrong) {
		field := "body.expression"
		if wrong.Field == cadence.TimeZone {
			field = "body.timeZone"
		}
		return c, invalid(ctx, field, string(wrong.Field)+": "+wrong.Reason)
	}
	if err != nil {
		return c, err
	}
	switch {
	case c.Shortest() < minGap:
		return c, invalid(ctx, "body.expression", "must leave at least an hour between two times")
	case len(c.Next(anchor, 1)) == 0:
		return c, invalid(ctx, "body.expression", "never comes")
	}
	return c, nil
}

func pauseView(s run.Schedule, t run.Tenant) *PauseView {
	code := s.Pause(t)
	if code == "" {
		return nil
	}
	p := params{}.Set(reason.FieldTenant, t.Name)
	v := &PauseView{Code: code, Sentence: reason.Sentence(reason.Code(code), reason.ScopeRun, p), Next: reason.Next(reason.Code(code), reason.ScopeRun, p)}
	switch {
	case s.Paused:
		pauser := initiatorView(s.PausedBy)
		v.By, v.At = &pauser, s.PausedAt
	case t.Connection != nil:
		v.At = &t.Connection.At
	}
	return v
}

// scheduleView shows a schedule with what became of its last firings; runs are
// those that the firings name, as far as they were read.
func (s *server) scheduleView(sch run.Schedule, t run.Tenant, firings []run.Firing, runs map[string]run.Run) ScheduleView {
	v := ScheduleView{
		ID: sch.ID, TenantID: sch.TenantID, Name: sch.Name, Operation: string(sch.Operation), Expression: sch.Expression, TimeZone: sch.TimeZone,
		Spread: int(sch.Spread / time.Minute), Foundations: sch.Foundations, Types: sch.Types, State: "active", Pause: pauseView(sch, t),
		NextAt: []time.Time{}, Pending: sch.Applied < sch.Rev, LastFirings: []FiringView{},
		CreatedAt: sch.CreatedAt, CreatedBy: initiatorView(sch.CreatedBy), UpdatedAt: sch.UpdatedAt, UpdatedBy: initiatorView(sch.UpdatedBy),
	}
	if sch.Operation == run.OpBackupSetCreate {
		sel := selectionView(sch.Selection)
		v.Selection = &sel
	}
	if v.Pause != nil {
		v.State = "paused"
	} else if c, err := cadence.Parse(sch.Expression, sch.TimeZone, sch.CreatedAt); err == nil {
		v.NextAt = append(v.NextAt, c.Next(s.Now(), nextTimes)...)
	}
	for _, f := range firings {
		v.LastFirings = append(v.LastFirings, s.firingView(f, t.Name, runs))
	}
	return v
}

func (s *server) firingView(f run.Firing, tenantName string, runs map[string]run.Run) FiringView {
	v := FiringView{DueAt: f.DueAt, At: f.At, Result: string(f.Result), RunID: f.RunID, SetID: f.SetID, Code: f.Code}
	if r, ok := runs[f.RunID]; ok {
		v.RunStatus, v.Sentence = string(r.Status), reason.StatusSentence(progressOf(&r, s.Now()))
	}
	if f.Code != "" {
		scope := reason.ScopeRun
		if f.Code == string(reason.ConflictActiveRun) {
			scope = reason.ScopeProblem
		}
		v.Sentence = reason.Sentence(reason.Code(f.Code), scope, params{}.Set(reason.FieldTenant, tenantName))
	}
	return v
}

// runsOf reads the runs that firings name. One that is gone is left out.
func (s *server) runsOf(ctx context.Context, tenantID string, firings []run.Firing) (map[string]run.Run, error) {
	runs := map[string]run.Run{}
	for _, f := range firings {
		if _, known := runs[f.RunID]; known || f.RunID == "" {
			continue
		}
		r, err := s.Runs.Run(ctx, tenantID, f.RunID)
		if errors.Is(err, run.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		runs[f.RunID] = r
	}
	return runs, nil
}

func (s *server) registerSchedules(api huma.API) {
	const base = "/v1/tenants/{tenant}/schedules"

	type listInput struct {
		Tenant string `path:"tenant"`
	}
	huma.Register(api, op(http.MethodGet, base, "listSchedules", "List the schedules of a tenant, with their last and next times", "schedules", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[ScheduleView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			list, err := s.listSchedules(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			return &ListOutput[ScheduleView]{Body: List[ScheduleView]{Items: list}}, nil
		})

	huma.Register(api, op(http.MethodGet, base+"/{schedule}", "getSchedule", "Read a schedule", "schedules", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *SchedulePath) (*scheduleOutput, error) {
			sch, err := s.readSchedule(ctx, *in, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			return s.scheduleOutput(ctx, sch, http.StatusOK)
		})

	type createInput struct {
		Tenant string `path:"tenant"`
		Body   ScheduleInput
	}
	create := op(http.MethodPost, base, "createSchedule", "Make a schedule", "schedules", http.StatusCreated, http.StatusConflict)
	create.Description = "Needs the role of an owner. While the tenant is disabled or cannot be reached, its schedules are paused by themselves and say why."
	huma.Register(api, create, func(ctx context.Context, in *createInput) (*scheduleOutput, error) {
		m, err := s.member(ctx, in.Tenant, run.RoleOwner)
		if err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		sch, err := s.newSchedule(ctx, by(ctx, m), in.Tenant, in.Body)
		if err != nil {
			return nil, s.problem(ctx, err, "schedule")
		}
		have, err := s.Schedules.Schedules(ctx, in.Tenant)
		if err != nil {
			return nil, s.problem(ctx, err, "schedule")
		}
		if len(have) >= run.MaxSchedules {
			return nil, newProblem(ctx, "too_many_schedules", nil)
		}
		sch, err = s.Schedules.PutSchedule(ctx, sch, s.scheduleEvent(ctx, sch, run.AuditScheduleCreated))
		if err != nil {
			return nil, s.problem(ctx, err, "schedule")
		}
		return s.scheduleOutput(ctx, s.apply(ctx, sch), http.StatusCreated)
	})

	type patchInput struct {
		SchedulePath
		IfMatch string `header:"If-Match" maxLength:"200"`
		Body    SchedulePatch
	}
	huma.Register(api, op(http.MethodPatch, base+"/{schedule}", "changeSchedule", "Change, pause or resume a schedule", "schedules", http.StatusOK, http.StatusNotFound, http.StatusPreconditionFailed),
		func(ctx context.Context, in *patchInput) (*scheduleOutput, error) {
			m, err := s.member(ctx, in.Tenant, run.RoleOwner)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			sch, err := s.readSchedule(ctx, in.SchedulePath, run.RoleOwner)
			if err == nil {
				err = checkMatch(in.IfMatch, sch.Rev)
			}
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			event, err := s.patchSchedule(ctx, by(ctx, m), &sch, in.Body)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			sch, err = s.Schedules.PutSchedule(ctx, sch, s.scheduleEvent(ctx, sch, event))
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			return s.scheduleOutput(ctx, s.apply(ctx, sch), http.StatusOK)
		})

	type deleteInput struct {
		SchedulePath
		IfMatch string `header:"If-Match" maxLength:"200"`
	}
	huma.Register(api, op(http.MethodDelete, base+"/{schedule}", "removeSchedule", "Remove a schedule", "schedules", http.StatusNoContent, http.StatusNotFound, http.StatusPreconditionFailed),
		func(ctx context.Context, in *deleteInput) (*struct{}, error) {
			sch, err := s.readSchedule(ctx, in.SchedulePath, run.RoleOwner)
			if err == nil {
				err = checkMatch(in.IfMatch, sch.Rev)
			}
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			sch, err = s.Schedules.RemoveSchedule(ctx, sch.TenantID, sch.ID, sch.Rev, s.scheduleEvent(ctx, sch, run.AuditScheduleRemoved))
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			s.apply(ctx, sch)
			return nil, nil
		})

	type firingsInput struct {
		PageInput
		SchedulePath
	}
	huma.Register(api, op(http.MethodGet, base+"/{schedule}/firings", "listFirings", "List the times that a schedule was due, newest first", "schedules", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *firingsInput) (*ListOutput[FiringView], error) {
			sch, err := s.readSchedule(ctx, in.SchedulePath, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			question := "firings " + sch.TenantID + " " + sch.ID
			req, err := in.request(ctx, question)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			req.Limit = min(req.Limit, shownFirings) // the run of each is read
			page, err := s.Schedules.Firings(ctx, sch.TenantID, sch.ID, req)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			runs, err := s.runsOf(ctx, sch.TenantID, page.Items)
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			t, err := s.Tenants.Tenant(ctx, sch.TenantID)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return listOf(ctx, question, page, func(f run.Firing) FiringView { return s.firingView(f, t.Name, runs) }), nil
		})

	type timesInput struct {
		Expression string `query:"expression" required:"true" minLength:"1" maxLength:"256"`
		TimeZone   string `query:"timeZone" maxLength:"50" default:"UTC"`
	}
	type times struct {
		NextAt []time.Time `json:"nextAt" nullable:"false"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/schedule-times", "previewScheduleTimes", "Say when a schedule would fire, before it is made", "schedules", http.StatusOK),
		func(ctx context.Context, in *timesInput) (*struct{ Body times }, error) {
			c, err := cadenceOf(ctx, in.Expression, in.TimeZone, s.Now())
			if err != nil {
				return nil, s.problem(ctx, err, "schedule")
			}
			return &struct{ Body times }{times{c.Next(s.Now(), nextTimes)}}, nil
		})
}

func (s *server) listSchedules(ctx context.Context, tenantID string) ([]ScheduleView, error) {
	list, err := s.Schedules.Schedules(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Tenant(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	views := make([]ScheduleView, 0, len(list))
	for _, sch := range list {
		page, err := s.Schedules.Firings(ctx, tenantID, sch.ID, run.PageRequest{Limit: 1})
		if err != nil {
			return nil, err
		}
		runs, err := s.runsOf(ctx, tenantID, page.Items)
		if err != nil {
			return nil, err
		}
		views = append(views, s.scheduleView(sch, t, page.Items, runs))
	}
	return views, nil
}

func (s *server) readSchedule(ctx context.Context, path SchedulePath, need run.Role) (run.Schedule, error) {
	if _, err := s.member(ctx, path.Tenant, need); err != nil {
		return run.Schedule{}, err
	}
	if !run.ValidScheduleID(path.Schedule) {
		return run.Schedule{}, run.ErrNotFound
	}
	return s.Schedules.Schedule(ctx, path.Tenant, path.Schedule)
}

func (s *server) scheduleOutput(ctx context.Context, sch run.Schedule, status int) (*scheduleOutput, error) {
	t, err := s.Tenants.Tenant(ctx, sch.TenantID)
	if err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	page, err := s.Schedules.Firings(ctx, sch.TenantID, sch.ID, run.PageRequest{Limit: listedFirings})
	if err != nil {
		return nil, s.problem(ctx, err, "schedule")
	}
	runs, err := s.runsOf(ctx, sch.TenantID, page.Items)
	if err != nil {
		return nil, s.problem(ctx, err, "schedule")
	}
	out := &scheduleOutput{Status: status, ETag: revTag(sch.Rev), Body: s.scheduleView(sch, t, page.Items, runs)}
	if status == http.StatusCreated {
		out.Location = "/v1/tenants/" + sch.TenantID + "/schedules/" + sch.ID
	}
	return out, nil
}

func (s *server) scheduleEvent(ctx context.Context, sch run.Schedule, event string) run.AuditEvent {
	return s.actor(ctx, run.AuditEvent{TenantID: sch.TenantID, Event: event, Operation: sch.Operation, Target: run.Target{Kind: run.TargetSchedule, ID: sch.ID, Name: sch.Name}})
}

// apply tells the timetable, and counts the schedules for the overview. What fails is made up for by a sweep; the schedule
// says so until then.
func (s *server) apply(ctx context.Context, sch run.Schedule) run.Schedule {
	s.counted(ctx, sch.TenantID, summary.Keeper.Schedules)
	err := schedule.Applier{Schedules: s.Schedules, Timetable: s.Timetable}.Apply(ctx, sch)
	if err != nil {
		s.Log.ErrorContext(ctx, "timetable was not told", "requestId", requestID(ctx), "tenant", sch.TenantID, "schedule", sch.ID, "error", err)
		return sch
	}
	sch.Applied = sch.Rev
	return sch
}

func (s *server) newSchedule(ctx context.Context, who run.Initiator, tenantID string, in ScheduleInput) (run.Schedule, error) {
	now := s.Now().UTC()
	sch := run.Schedule{
		ID: s.IDs.New(run.PrefixSched, now), TenantID: tenantID, Operation: run.Operation(in.Operation), Spread: defaultSpread * time.Minute,
		TimeZone: "UTC", CreatedAt: now, CreatedBy: who, UpdatedAt: now, UpdatedBy: who,
	}
	if sch.Operation == run.OpBackupSetCreate {
		sch.Selection = run.Selection{All: true}
	}
	patch := SchedulePatch{Name: &in.Name, Expression: &in.Expression, Spread: in.Spread, Selection: in.Selection, Foundations: &in.Foundations, Types: &in.Types, Paused: &in.Paused}
	if in.TimeZone != "" {
		patch.TimeZone = &in.TimeZone
	}
	_, err := s.patchSchedule(ctx, who, &sch, patch)
	return sch, err
}

// patchSchedule changes a schedule and returns what the audit trail calls that.
func (s *server) patchSchedule(ctx context.Context, who run.Initiator, sch *run.Schedule, in SchedulePatch) (event string, err error) {
	event = run.AuditScheduleChanged
	if in.Name != nil {
		if sch.Name = reason.ClipName(*in.Name); sch.Name == "" {
			return "", invalid(ctx, "body.name", "must not be blank")
		}
	}
	if in.Expression != nil {
		sch.Expression = *in.Expression
	}
	if in.TimeZone != nil {
		sch.TimeZone = *in.TimeZone
	}
	if in.Expression != nil || in.TimeZone != nil {
		if _, err := cadenceOf(ctx, sch.Expression, sch.TimeZone, s.Now().UTC()); err != nil {
			return "", err
		}
	}
	if in.Spread != nil {
		sch.Spread = time.Duration(*in.Spread) * time.Minute
	}
	isSet := sch.Operation == run.OpBackupSetCreate
	if in.Selection != nil {
		if !isSet {
			return "", invalid(ctx, "body.selection", "is for backup sets")
		}
		if sch.Selection, err = s.selection(ctx, sch.TenantID, *in.Selection, false); err != nil {
			return "", err
		}
	}
	if in.Foundations != nil {
		if *in.Foundations && !isSet {
			return "", invalid(ctx, "body.includeFoundations", "is for backup sets")
		}
		sch.Foundations = *in.Foundations
	}
	if in.Types != nil {
		if len(*in.Types) > 0 && isSet {
			return "", invalid(ctx, "body.types", "is for a sync")
		}
		if sch.Types, err = knownTypes(ctx, "body.types", slices.Clone(*in.Types)); err != nil {
			return "", err
		}
	}
	now := s.Now().UTC()
	if in.Paused != nil && *in.Paused != sch.Paused {
		if sch.Paused = *in.Paused; sch.Paused {
			event, sch.PausedAt, sch.PausedBy = run.AuditSchedulePaused, &now, who
		} else {
			event, sch.PausedAt, sch.PausedBy = run.AuditScheduleResumed, nil, run.Initiator{}
		}
	}
	sch.UpdatedAt, sch.UpdatedBy = now, who
	return event, nil
}
