package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/cancel"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// RunView is a run as clients see it.
type RunView struct {
	ID         string         `json:"id" example:"run_01J9Z3T6Q4W8R2N5M7K1P0XYZA"`
	TenantID   string         `json:"tenantId"`
	TenantName string         `json:"tenantName"`
	Operation  string         `json:"operation" example:"policy.capture_snapshot" doc:"More may come; tolerate unknown ones"`
	Status     string         `json:"status" enum:"queued,running,succeeded,partial,failed,canceled"`
	Sentence   string         `json:"sentence" doc:"Where the run stands, for people"`
	Target     TargetView     `json:"target"`
	Initiator  InitiatorView  `json:"initiator"`
	Counts     run.Counts     `json:"counts" doc:"Always the sums of the stored outcomes"`
	Totals     map[string]int `json:"totals,omitempty" doc:"Sums of the outcomes' figures, for example policies, added, changed, gone"`
	Progress   ProgressView   `json:"progress"`
	Waiting    *WaitingView   `json:"waiting,omitempty" doc:"Why a running run pauses"`
	Failure    *FailureView   `json:"failure,omitempty" doc:"Why the run as a whole failed"`
	CreatedAt  time.Time      `json:"createdAt"`
	StartedAt  *time.Time     `json:"startedAt,omitempty"`
	FinishedAt *time.Time     `json:"finishedAt,omitempty"`
	UpdatedAt  time.Time      `json:"updatedAt"`
	DeadlineAt time.Time      `json:"deadlineAt" doc:"The run ends by then, in whatever state it is"`
	CancelAt   *time.Time     `json:"cancelAt,omitempty" doc:"When it was asked to stop"`
	CanceledBy *InitiatorView `json:"canceledBy,omitempty"`
	Scheduled  bool           `json:"scheduled,omitempty" doc:"A schedule started it"`
	Reason     string         `json:"reason,omitempty" doc:"Why, as who started a live restore said"`
	Notes      int            `json:"notes,omitempty" doc:"Items that succeeded with a note"`
	Reasons    []ReasonView   `json:"reasons,omitempty" doc:"Why items ended as they did, the most frequent first; of ended items so far"`
	Can        *CanView       `json:"can,omitempty" doc:"What can be done with the run; when one run is read"`
	Later      string         `json:"supersededBy,omitempty" doc:"A later run for the same ended with nothing failed; of runs that did not, in lists and when one is read"`
	Related    []RelatedRun   `json:"related,omitempty" doc:"Earlier and later runs that have to do with this one; when one run is read"`
	Links      RunLinks       `json:"links"`
	Reused     *bool          `json:"reused,omitempty" doc:"Answers of a start only: true when the same run had been started before"`
}

// ProgressView is how far a run is.
type ProgressView struct {
	Phase     string     `json:"phase" enum:"queued,planning,working,waiting,recovering,canceling,ended" doc:"More may come; tolerate unknown ones"`
	Done      int        `json:"done" doc:"Items that were dealt with"`
	Untouched int        `json:"untouched,omitempty" doc:"Items that the run ended before; they count as skipped"`
	PerMinute float64    `json:"perMinute,omitempty" doc:"Items a minute since the run began. Absent while there is too little to go by"`
	EndsAt    *time.Time `json:"endsAt,omitempty" doc:"When it will end at that rate. Absent while there is too little to go by"`
}

func progressView(r *run.Run, p reason.Progress) ProgressView {
	v := ProgressView{Phase: string(p.Phase()), Done: r.Counts.Done() - r.Untouched, Untouched: r.Untouched}
	perMinute, end := p.Estimate()
	v.PerMinute = math.Round(perMinute*10) / 10
	if !end.IsZero() {
		// Whole seconds: a poll that finds nothing new must find the same text.
		end = end.Truncate(time.Second)
		v.EndsAt = &end
	}
	return v
}

// TargetView is what a run is about.
type TargetView struct {
	Kind string `json:"kind" enum:"tenant,policy,backup_set"`
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type,omitempty" doc:"Policy type"`
}

// InitiatorView is who started a run.
type InitiatorView struct {
	UserID     string `json:"userId,omitempty" doc:"Absent when a schedule did it"`
	Name       string `json:"name" doc:"Of the person or the schedule"`
	ScheduleID string `json:"scheduleId,omitempty"`
}

func initiatorView(i run.Initiator) InitiatorView {
	return InitiatorView{UserID: i.UserID, Name: i.Name, ScheduleID: i.ScheduleID}
}

// WaitingView is why a run pauses.
type WaitingView struct {
	Code  string     `json:"code"`
	Until *time.Time `json:"until,omitempty" doc:"Absent when nobody knows"`
}

// RunLinks are the places that belong to a run.
type RunLinks struct {
	Self    string `json:"self"`
	Items   string `json:"items"`
	Plan    string `json:"plan,omitempty" doc:"Of a preview"`
	Console string `json:"console,omitempty"`
}

// RelatedRun is a run that has to do with another one.
type RelatedRun struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"plan,rerun_of,undo_of,applied,rerun,undo" doc:"plan, rerun_of, undo_of: earlier runs; applied, rerun, undo: later ones"`
	Href string `json:"href"`
}

func runPath(r *run.Run) string { return "/v1/tenants/" + r.TenantID + "/runs/" + r.ID }

func (s *server) runLink(r *run.Run) *RunLink {
	return &RunLink{ID: r.ID, Operation: string(r.Operation), Status: string(r.Status), Href: runPath(r)}
}

func (s *server) runLinks(r *run.Run) RunLinks {
	links := RunLinks{Self: runPath(r), Items: runPath(r) + "/items"}
	if r.Operation == run.OpRestorePreview {
		links.Plan = runPath(r) + "/plan"
	}
	if s.ConsoleURL != "" {
		links.Console = s.ConsoleURL + "/t/" + r.TenantID + "/runs/" + r.ID
	}
	return links
}

func (s *server) runView(r run.Run) RunView {
	progress := progressOf(&r, s.Now())
	v := RunView{
		ID: r.ID, TenantID: r.TenantID, TenantName: r.TenantName, Operation: string(r.Operation), Status: string(r.Status),
		Sentence:  reason.StatusSentence(progress),
		Target:    TargetView{Kind: string(r.Target.Kind), ID: r.Target.ID, Name: r.Target.Name, Type: r.Target.Type},
		Initiator: initiatorView(r.Initiator),
		Counts:    r.Counts, Totals: r.Totals, Progress: progressView(&r, progress),
		Failure:   failureView(r.Failure, reason.ScopeRun, runParams(&r)),
		CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, UpdatedAt: r.UpdatedAt, DeadlineAt: r.DeadlineAt,
		CancelAt: r.CancelAt, Scheduled: r.Scheduled, Reason: r.Reason, Related: earlierRuns(r),
		Links: s.runLinks(&r), Reasons: reasonViews(&r),
	}
	for _, why := range v.Reasons {
		if why.Outcome == string(run.OutcomeSucceeded) && why.Attention {
			v.Notes += why.Items
		}
	}
	if r.CancelAt != nil {
		who := initiatorView(r.CanceledBy)
		v.CanceledBy = &who
	}
	if r.Waiting != nil && r.Status == run.StatusRunning {
		v.Waiting = &WaitingView{Code: r.Waiting.Code}
		if !r.Waiting.Until.IsZero() {
			v.Waiting.Until = &r.Waiting.Until
		}
	}
	return v
}

// earlierRuns are the runs that a restore began with, as its input names them.
func earlierRuns(r run.Run) []RelatedRun {
	if !slices.Contains([]run.Operation{run.OpRestorePreview, run.OpRestoreExecute, run.OpRestoreRerun}, r.Operation) {
		return nil
	}
	var in struct {
		PlanRunID string `json:"planRunId"`
		RerunOf   string `json:"rerunOf"`
		UndoOf    string `json:"undoOf"`
	}
	_ = json.Unmarshal(r.Input, &in) // our own; without it nothing is named
	var out []RelatedRun
	for _, e := range []struct{ kind, id string }{{"plan", in.PlanRunID}, {"rerun_of", in.RerunOf}, {"undo_of", in.UndoOf}} {
		if e.id != "" {
			out = append(out, relatedRun(r.TenantID, e.kind, e.id))
		}
	}
	return out
}

func relatedRun(tenantID, kind, runID string) RelatedRun {
	return RelatedRun{ID: runID, Kind: kind, Href: runPath(&run.Run{TenantID: tenantID, ID: runID})}
}

// OutcomeView is what became of one item.
type OutcomeView struct {
	Key       string         `json:"key" doc:"The internal record that was acted on"`
	Kind      string         `json:"kind" example:"policy"`
	Name      string         `json:"name"`
	Type      string         `json:"type,omitempty" doc:"Policy type"`
	Status    string         `json:"status" enum:"succeeded,failed,skipped"`
	Code      string         `json:"code,omitempty" doc:"Reason code; on succeeded items a note"`
	Sentence  string         `json:"sentence,omitempty"`
	Next      string         `json:"next,omitempty"`
	Attention bool           `json:"needsAttention"`
	Failure   *FailureView   `json:"failure,omitempty"`
	Version   int            `json:"version,omitempty" doc:"Version captured, found equal, or restored"`
	Written   *WrittenView   `json:"written,omitempty" doc:"What a live restore did"`
	Later     string         `json:"supersededBy,omitempty" doc:"The later run that did this item with success"`
	Numbers   map[string]int `json:"numbers,omitempty"`
	Attempts  int            `json:"attempts"`
	At        time.Time      `json:"at"`
}

// WrittenView is what a live restore did with an item.
type WrittenView struct {
	Action     string `json:"action" enum:"create,update,delete"`
	PolicyID   string `json:"policyId,omitempty" doc:"Of the object that was written; that of a new object differs from the item's key"`
	GraphID    string `json:"graphId,omitempty"`
	Before     int    `json:"beforeVersion,omitempty" doc:"The version that holds the state before; absent for a new object"`
	BeforeHash string `json:"beforeHash,omitempty"`
	AfterHash  string `json:"afterHash,omitempty" doc:"Absent when the object could not be read back"`
	Steps      int    `json:"writes" doc:"Requests that wrote"`
}

// maxReruns bounds how far re-runs of re-runs are followed.
const maxReruns = 20

// superseded says of items, by their keys, which later run did them with success: a re-run, or a
// re-run of that.
func (s *server) superseded(ctx context.Context, r run.Run) (map[string]string, error) {
	by := map[string]string{}
	looked := 0
	for later := []string{r.ID}; len(later) > 0 && looked < maxReruns; looked++ {
		links, err := s.Runs.Links(ctx, r.TenantID, later[0])
		if err != nil {
			return nil, err
		}
		later = later[1:]
		for _, l := range links {
			if l.Kind != run.LinkRerun {
				continue
			}
			later = append(later, l.RunID)
			for _, key := range l.Items {
				by[key] = max(by[key], l.RunID) // ids of runs begin with their time
			}
		}
	}
	return by, nil
}

func outcomeView(tenantName string) func(run.Outcome) OutcomeView {
	return func(o run.Outcome) OutcomeView {
		p := itemParams(tenantName, o.Item.Name, o.Version, o.Params, o.Failure)
		v := OutcomeView{
			Key: o.Item.Key, Kind: o.Item.Kind, Name: o.Item.Name, Type: o.Item.Type, Status: string(o.Status), Code: o.Code,
			Failure: failureView(o.Failure, reason.ScopeItem, p), Version: o.Version, Numbers: o.Numbers, Attempts: o.Attempts, At: o.At,
			Attention: o.Status != run.OutcomeSucceeded,
		}
		if w := o.Written; w != nil {
			v.Written = &WrittenView{Action: string(w.Action), PolicyID: w.PolicyID, GraphID: w.GraphID, Before: w.Before, BeforeHash: w.BeforeHash, AfterHash: w.AfterHash, Steps: w.Steps}
		}
		if o.Code != "" {
			code := reason.Code(o.Code)
			v.Sentence, v.Next = reason.Sentence(code, reason.ScopeItem, p), reason.Next(code, reason.ScopeItem, p)
			if e, ok := reason.Lookup(code, reason.ScopeItem); ok && e.Severity != reason.Info {
				v.Attention = true
			}
		}
		return v
	}
}

// ReasonView counts items that ended in one way for one reason.
type ReasonView struct {
	Outcome   string `json:"outcome" enum:"succeeded,failed,skipped"`
	Code      string `json:"code"`
	Items     int    `json:"items"`
	Severity  string `json:"severity" enum:"error,warning,info"`
	Attention bool   `json:"needsAttention"`
}

// RunItems is a page of what became of the items of a run.
type RunItems struct {
	List[OutcomeView]
	Reasons []ReasonView `json:"reasons" nullable:"false" doc:"Of all items that have ended, whatever the page shows; items without a reason are not among them"`
}

// outcomeAs is what an outcome with a code stands for in the catalogue of reasons.
func outcomeAs(status run.OutcomeStatus) reason.Outcome {
	switch status {
	case run.OutcomeFailed:
		return reason.Failed
	case run.OutcomeSkipped:
		return reason.Skipped
	}
	return reason.Noted
}

func reasonViews(r *run.Run) []ReasonView {
	views := make([]ReasonView, 0, len(r.Reasons))
	for why, n := range r.Reasons {
		v := ReasonView{Outcome: string(why.Status), Code: why.Code, Items: n, Severity: string(reason.Info), Attention: why.Status != run.OutcomeSucceeded}
		if e, ok := reason.Lookup(reason.Code(why.Code), reason.ScopeItem); ok {
			v.Severity = string(e.SeverityAs(outcomeAs(why.Status)))
			v.Attention = v.Attention || e.Severity != reason.Info
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b ReasonView) int {
		return cmp.Or(cmp.Compare(b.Items, a.Items), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Code, b.Code))
	})
	return views
}

// quietCodes are the notes of which nobody needs to know.
func quietCodes() []string {
	var quiet []string
	for _, e := range reason.Entries() {
		if e.Scope == reason.ScopeItem && e.Severity == reason.Info {
			quiet = append(quiet, string(e.Code))
		}
	}
	return quiet
}

// CanView is what can be done with a run as it stands. What its state does not allow
// is absent.
type CanView struct {
	Cancel *ActionView `json:"cancel,omitempty"`
	Rerun  *ActionView `json:"rerun,omitempty" doc:"Do the items again that did not succeed; of live restores whose plan can still be applied"`
	Undo   *ActionView `json:"undo,omitempty" doc:"Preview how to undo what was written"`
}

// ActionView is something that can be done.
type ActionView struct {
	Allowed bool   `json:"allowed" doc:"false: the caller's role does not include it"`
	Role    string `json:"role" enum:"viewer,operator,restorer,owner" doc:"The role that is needed"`
	Items   int    `json:"items,omitempty" doc:"How many items it is about"`
}

// can says what the member can do with the run. done is how many of the items that did
// not succeed re-runs did since.
func (s *server) can(ctx context.Context, m run.Member, r run.Run, done int) (*CanView, error) {
	action := func(need run.Role, items int) *ActionView {
		return &ActionView{Allowed: m.Role.Includes(need), Role: string(need), Items: items}
	}
	var v CanView
	if !r.Status.Terminal() {
		if r.CancelAt == nil {
			v.Cancel = action(r.Operation.Role(), r.Counts.Total-r.Counts.Done())
		}
		return &v, nil
	}
	if !r.Operation.WritesTenant() {
		return &v, nil
	}
	if open := r.Counts.Failed + r.Counts.Skipped - done; open > 0 {
		var refused *Problem // as a start would be
		_, err := s.rerunInput(ctx, r, true)
		switch {
		case err == nil:
			v.Rerun = action(run.OpRestoreRerun.Role(), open)
		case !errors.As(err, &refused) && !errors.Is(err, run.ErrNotFound):
			return nil, err
		}
	}
	if written := r.Totals[string(reason.FieldWritten)]; written > 0 {
		v.Undo = action(run.OpRestorePreview.Role(), written)
	}
	return &v, nil
}

// runDetail is a run with what is read for one alone.
func (s *server) runDetail(ctx context.Context, m run.Member, r run.Run) (RunView, error) {
	v := s.runView(r)
	later, err := s.laterSuccesses(ctx, r.TenantID, []run.Run{r})
	if err != nil {
		return v, err
	}
	v.Later = later[r.ID]
	if r.Operation.WritesTenant() || r.Operation == run.OpRestorePreview {
		links, err := s.Runs.Links(ctx, r.TenantID, r.ID)
		if err != nil {
			return v, err
		}
		for _, l := range links {
			v.Related = append(v.Related, relatedRun(r.TenantID, string(l.Kind), l.RunID))
		}
	}
	done := map[string]string{}
	if r.Operation.WritesTenant() && r.Status.Terminal() {
		if done, err = s.superseded(ctx, r); err != nil {
			return v, err
		}
		if n := r.Counts.Failed + r.Counts.Skipped; n > 0 && len(done) >= n {
			v.Later = slices.Max(slices.Collect(maps.Values(done)))
		}
	}
	v.Can, err = s.can(ctx, m, r, len(done))
	return v, err
}

// CancelOutput is the answer of a cancel: 200 with a run that has ended by it, 202
// with one that was asked to stop.
type CancelOutput struct {
	Status     int
	RetryAfter int `header:"Retry-After" doc:"Seconds until looking again makes sense"`
	Body       RunView
}

// RunList is a page of runs.
type RunList struct {
	List[RunView]
	Hidden int `json:"hiddenSuperseded,omitempty" doc:"How many of this page were left out"`
}

// RunCounts says how the newest runs of a tenant stand.
type RunCounts struct {
	Active   int            `json:"active" doc:"Runs that have not ended; one that has just ended may still be counted"`
	Newest   int            `json:"newest" doc:"How many runs were looked at: 50, or all there are"`
	Statuses map[string]int `json:"statuses" nullable:"false" doc:"How many of those have which status"`
}

// countedRuns is how many of the newest runs are counted.
const countedRuns = 50

// laterSuccesses says which of the runs that did not succeed were made up for by a
// later run for the same. A live restore is made up for item by item: see Links.
func (s *server) laterSuccesses(ctx context.Context, tenantID string, runs []run.Run) (map[string]string, error) {
	var unsuccessful []run.Run
	for _, r := range runs {
		if r.Status.Terminal() && r.Status != run.StatusSucceeded && !r.Operation.WritesTenant() {
			unsuccessful = append(unsuccessful, r)
		}
	}
	if len(unsuccessful) == 0 {
		return nil, nil
	}
	return s.Runs.LaterSuccesses(ctx, tenantID, unsuccessful)
}

// MyRunsInput filters the caller's own runs.
type MyRunsInput struct {
	PageInput
	Active     bool      `query:"active" doc:"Only the runs that have not ended"`
	Statuses   []string  `query:"status,explode" enum:"queued,running,succeeded,partial,failed,canceled" doc:"Repeat for several"`
	Operations []string  `query:"operation,explode" maxItems:"50" doc:"Repeat for several"`
	Tenant     string    `query:"tenant" maxLength:"64" doc:"Only of this tenant"`
	From       time.Time `query:"from" doc:"Created at or after"`
	To         time.Time `query:"to" doc:"Created before"`
}

// listMyRuns reads runs that the caller started, in every tenant.
func (s *server) listMyRuns(ctx context.Context, in *MyRunsInput) (*ListOutput[RunView], error) {
	question := []any{"my runs", in.Active, in.Statuses, in.Operations, in.Tenant, in.From, in.To}
	req, err := in.request(ctx, question)
	if err != nil {
		return nil, s.problem(ctx, err, "run")
	}
	keep := func(r run.Run) bool {
		return (len(in.Statuses) == 0 || slices.Contains(in.Statuses, string(r.Status))) &&
			(len(in.Operations) == 0 || slices.Contains(in.Operations, string(r.Operation))) && (in.Tenant == "" || in.Tenant == r.TenantID) &&
			(in.From.IsZero() || !r.CreatedAt.Before(in.From)) && (in.To.IsZero() || r.CreatedAt.Before(in.To))
	}
	look := s.myRuns
	if in.Active {
		look = func(ctx context.Context, _ *MyRunsInput, p run.PageRequest) (run.Page[run.Run], error) {
			return s.Runs.ActiveRuns(ctx, principal(ctx).UserID, p)
		}
	}
	visible := s.visible(ctx)
	page := run.Page[run.Run]{Next: req.Cursor}
	for range maxLooks {
		found, err := look(ctx, in, run.PageRequest{Limit: req.Limit - len(page.Items), Cursor: page.Next})
		if err != nil {
			return nil, s.problem(ctx, err, "run")
		}
		for _, r := range found.Items {
			if keep(r) && visible(r.TenantID) {
				page.Items = append(page.Items, r)
			}
		}
		if page.Next = found.Next; page.Next == "" || len(page.Items) == req.Limit {
			break
		}
	}
	return listOf(ctx, question, page, s.runView), nil
}

// maxLooks bounds what a page of runs that a filter lets through costs.
const maxLooks = 5

// myRuns reads a page of what the caller started. That each run began was told to who
// started it, and these notifications are kept in the order of time over all tenants,
// so they need no index of their own.
func (s *server) myRuns(ctx context.Context, in *MyRunsInput, p run.PageRequest) (run.Page[run.Run], error) {
	q := run.NotificationQuery{UserID: principal(ctx).UserID, TenantID: in.Tenant, Kind: run.NotifyQueued, From: in.From, To: in.To}
	for _, v := range in.Operations {
		q.Operations = append(q.Operations, run.Operation(v))
	}
	told, err := s.Records.Notifications(ctx, q, p)
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	var refs []run.RunRef
	for _, n := range told.Items {
		refs = append(refs, run.RunRef{TenantID: n.TenantID, RunID: n.RunID})
	}
	runs, err := s.Runs.RunsByRef(ctx, refs)
	return run.Page[run.Run]{Items: runs, Next: told.Next}, err
}

func (s *server) registerRuns(api huma.API) {
	type listInput struct {
		PageInput
		Tenant     string    `path:"tenant"`
		Statuses   []string  `query:"status,explode" enum:"queued,running,succeeded,partial,failed,canceled" doc:"Repeat for several"`
		Operations []string  `query:"operation,explode" maxItems:"50" doc:"Repeat for several"`
		Policy     string    `query:"policy" maxLength:"64" doc:"Only runs about this policy"`
		Target     string    `query:"target" maxLength:"64" doc:"Only runs about this policy, backup set or tenant, by its id"`
		Initiator  string    `query:"initiator" maxLength:"128" doc:"Only runs that this user or schedule started, by its id"`
		From       time.Time `query:"from" doc:"Created at or after"`
		To         time.Time `query:"to" doc:"Created before"`
		Superseded string    `query:"superseded" enum:"show,hide" default:"show" doc:"hide: leave out runs that did not succeed where a later one for the same did; a page then has fewer items and says how many"`
		Sort       string    `query:"sort" enum:"newest,oldest" default:"newest"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/runs", "listRuns", "List the runs of a tenant, newest first", "runs", http.StatusOK),
		func(ctx context.Context, in *listInput) (*struct{ Body RunList }, error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			q := run.RunQuery{TenantID: in.Tenant, PolicyID: in.Policy, TargetID: in.Target, InitiatorID: in.Initiator, From: in.From, To: in.To, Oldest: in.Sort == "oldest"}
			for _, v := range in.Statuses {
				q.Statuses = append(q.Statuses, run.Status(v))
			}
			for _, v := range in.Operations {
				q.Operations = append(q.Operations, run.Operation(v))
			}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			page, err := s.Runs.ListRuns(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			later, err := s.laterSuccesses(ctx, in.Tenant, page.Items)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			var body RunList
			if in.Superseded == "hide" {
				before := len(page.Items)
				page.Items = slices.DeleteFunc(page.Items, func(r run.Run) bool { return later[r.ID] != "" })
				body.Hidden = before - len(page.Items)
			}
			body.List = listOf(ctx, q, page, func(r run.Run) RunView {
				v := s.runView(r)
				v.Later = later[r.ID]
				return v
			}).Body
			return &struct{ Body RunList }{body}, nil
		})

	type countsInput struct {
		Tenant string `path:"tenant"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/run-counts", "countRuns", "Count how the newest runs of a tenant stand", "runs", http.StatusOK),
		func(ctx context.Context, in *countsInput) (*struct{ Body RunCounts }, error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			newest, err := s.Runs.RecentStatuses(ctx, in.Tenant, countedRuns)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			sum, err := s.Summaries.Summary(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			c := RunCounts{Newest: len(newest), Statuses: map[string]int{}}
			for _, status := range newest {
				if c.Statuses[string(status)]++; !status.Terminal() {
					c.Active++
				}
			}
			c.Active = max(c.Active, len(sum.Active)) // one that runs for long is not among the newest
			return &struct{ Body RunCounts }{c}, nil
		})

	type runInput struct {
		Tenant string `path:"tenant"`
		Run    string `path:"run"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/runs/{run}", "getRun", "Read one run", "runs", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *runInput) (*struct{ Body RunView }, error) {
			r, err := s.readRun(ctx, in.Tenant, in.Run)
			if err != nil {
				return nil, err
			}
			m, err := s.member(ctx, in.Tenant, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			v, err := s.runDetail(ctx, m, r)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			return &struct{ Body RunView }{v}, nil
		})

	cancelOp := op(http.MethodPost, "/v1/tenants/{tenant}/runs/{run}/cancel", "cancelRun", "Cancel a run", "runs", http.StatusAccepted, http.StatusNotFound, http.StatusConflict)
	cancelOp.Description = "Needs the role of the run's operation. A run that no worker holds ends at once (200); another stops after the items in progress (202). " +
		"What was done is kept, and the other items are skipped as canceled."
	huma.Register(api, cancelOp, func(ctx context.Context, in *runInput) (*CancelOutput, error) {
		r, err := s.readRun(ctx, in.Tenant, in.Run)
		if err != nil {
			return nil, err
		}
		m, err := s.member(ctx, in.Tenant, r.Operation.Role())
		if err != nil {
			return nil, s.problem(ctx, err, "run")
		}
		r, err = (&cancel.Canceler{Runs: s.Runs, Now: s.Now}).Cancel(ctx, in.Tenant, in.Run, by(ctx, m))
		if err != nil {
			return nil, s.problem(ctx, err, "run")
		}
		out := &CancelOutput{Status: http.StatusAccepted, RetryAfter: 1, Body: s.runView(r)}
		if r.Status.Terminal() {
			out.Status, out.RetryAfter = http.StatusOK, 0
		}
		return out, nil
	})

	type itemsInput struct {
		PageInput
		Tenant    string   `path:"tenant"`
		Run       string   `path:"run"`
		Statuses  []string `query:"outcome,explode" enum:"succeeded,failed,skipped" doc:"Repeat for several"`
		Codes     []string `query:"reason,explode" maxItems:"100" doc:"Only items with this reason code. Repeat for several"`
		Search    string   `query:"q" maxLength:"200" doc:"Part of the name"`
		Attention bool     `query:"attention" doc:"Only items that need attention: failed, skipped, and succeeded with a note"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/runs/{run}/items", "listRunItems", "List what became of the items of a run", "runs", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *itemsInput) (*struct{ Body RunItems }, error) {
			r, err := s.readRun(ctx, in.Tenant, in.Run)
			if err != nil {
				return nil, err
			}
			q := run.OutcomeQuery{TenantID: in.Tenant, RunID: in.Run, Codes: in.Codes, Search: strings.TrimSpace(in.Search), Attention: in.Attention}
			if in.Attention {
				q.Quiet = quietCodes()
			}
			for _, v := range in.Statuses {
				q.Statuses = append(q.Statuses, run.OutcomeStatus(v))
			}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			page, err := s.Runs.Outcomes(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			view := outcomeView(r.TenantName)
			if r.Operation.WritesTenant() {
				later, err := s.superseded(ctx, r)
				if err != nil {
					return nil, s.problem(ctx, err, "run")
				}
				of := view
				view = func(o run.Outcome) OutcomeView {
					v := of(o)
					if v.Later = later[v.Key]; v.Later != "" {
						v.Attention = false
					}
					return v
				}
			}
			return &struct{ Body RunItems }{RunItems{List: listOf(ctx, q, page, view).Body, Reasons: reasonViews(&r)}}, nil
		})

	mine := op(http.MethodGet, "/v1/runs", "listMyRuns", "List the caller's own runs, in every tenant, newest first", "runs", http.StatusOK)
	mine.Description = "A run is listed within seconds of its start. A page may be shorter than asked though more follow, when a filter leaves out much."
	huma.Register(api, mine, s.listMyRuns)
}

// readRun reads a run for a viewer; its errors are problems.
func (s *server) readRun(ctx context.Context, tenantID, runID string) (run.Run, error) {
	if _, err := s.member(ctx, tenantID, run.RoleViewer); err != nil {
		return run.Run{}, s.problem(ctx, err, "tenant")
	}
	if !run.ValidRunID(runID) {
		return run.Run{}, s.problem(ctx, run.ErrNotFound, "run")
	}
	r, err := s.Runs.Run(ctx, tenantID, runID)
	if err != nil {
		return run.Run{}, s.problem(ctx, err, "run")
	}
	return r, nil
}
