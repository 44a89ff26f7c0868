package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/cadence"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/summary"
)

// MembershipView is one tenant in the caller's list.
type MembershipView struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Role          string            `json:"role" enum:"viewer,operator,restorer,owner"`
	GraphTenantID string            `json:"graphTenantId" doc:"Microsoft's tenant id: tells tenants of one name apart"`
	Disabled      bool              `json:"disabled"`
	Need          *NeedView         `json:"need,omitempty" doc:"The most urgent of what wants a person"`
	Needs         int               `json:"needs" doc:"How much wants a person"`
	LastBackupAt  *time.Time        `json:"lastBackupAt,omitempty" doc:"When the backup began that the tenant would be restored from. Absent when there is none"`
	Stale         bool              `json:"stale" doc:"Nothing was backed up in the last 24 hours"`
	Coverage      *CoverageSumView  `json:"coverage,omitempty" doc:"Absent until the policies were counted"`
	OpenDrift     *int              `json:"openDrift,omitempty" doc:"Absent until drift was counted; at most 1000, which means that or more"`
	ActiveRuns    int               `json:"activeRuns" doc:"Runs of everybody that have not ended; one that has just ended may still be counted"`
	Schedules     *ScheduleSumView  `json:"schedules,omitempty" doc:"Absent until they were counted"`
	LastRuns      map[string]string `json:"lastRuns" nullable:"false" doc:"Status of the last run of each operation"`
}

// TenantCounts are the tenants that the search finds, by what may be shown of them.
type TenantCounts struct {
	All        int `json:"all"`
	Needs      int `json:"needs" doc:"Something wants a person"`
	Running    int `json:"running"`
	Stale      int `json:"stale" doc:"Nothing was backed up in the last 24 hours"`
	Connection int `json:"connection" doc:"The connection wants a person"`
	Drift      int `json:"drift"`
}

// TenantList is a page of the caller's tenants.
type TenantList struct {
	List[MembershipView]
	Counts TenantCounts `json:"counts"`
}

// NeedView is something of a tenant that wants a person.
type NeedView struct {
	Code      string     `json:"code" example:"backup_stale" doc:"run_failed, run_partial, never_backed_up, backup_stale, backup_incomplete, drift_open, or why the connection is lost. More may come; tolerate unknown ones"`
	Kind      string     `json:"kind" enum:"connection,run,backup,drift"`
	Severity  string     `json:"severity" enum:"error,warning,info"`
	Sentence  string     `json:"sentence"`
	Next      string     `json:"next,omitempty"`
	Operation string     `json:"operation,omitempty" doc:"Of the run that did not succeed"`
	Count     int        `json:"count,omitempty" doc:"Of how many policies it speaks"`
	Total     int        `json:"total,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	RunID     string     `json:"runId,omitempty" doc:"The run to look at"`
	SetID     string     `json:"backupSetId,omitempty" doc:"The backup set to look at"`
}

// CoverageSumView is how much of a tenant is backed up.
type CoverageSumView struct {
	Policies  int        `json:"policies" doc:"In the tenant as of the last sync"`
	Covered   int        `json:"covered" doc:"Captured in the last 24 hours, to the hour"`
	Percent   int        `json:"percent" doc:"Rounded down"`
	Never     int        `json:"neverCaptured"`
	Vanished  int        `json:"vanished" doc:"Known, and no longer in the tenant"`
	OldestAt  *time.Time `json:"oldestCapturedAt,omitempty" doc:"The last capture of the policy whose last capture is the longest ago"`
	CountedAt time.Time  `json:"countedAt"`
}

// ScheduleSumView counts the schedules of a tenant.
type ScheduleSumView struct {
	Total  int `json:"total"`
	Paused int `json:"paused" doc:"By a person"`
}

// OverviewView is what a tenant's first page shows.
type OverviewView struct {
	Tenant     TenantView       `json:"tenant"`
	Needs      []NeedView       `json:"needs" nullable:"false" doc:"What wants a person, the most urgent first"`
	Backup     *LastBackupView  `json:"lastBackup,omitempty" doc:"What the tenant would be restored from: the newest backup of the whole tenant, else the newest"`
	Stale      bool             `json:"stale" doc:"Nothing was backed up in the last 24 hours"`
	Coverage   *CoverageSumView `json:"coverage,omitempty" doc:"Absent until the policies were counted"`
	OpenDrift  *int             `json:"openDrift,omitempty" doc:"Absent until drift was counted; at most 1000, which means that or more"`
	Schedules  ScheduleSumView  `json:"schedules"`
	Next       *NextFiringView  `json:"nextFiring,omitempty" doc:"What starts next by itself"`
	Active     []RunView        `json:"activeRuns" nullable:"false" doc:"The newest runs that have not ended, five at most"`
	ActiveRuns int              `json:"activeRunCount"`
	Last       []LastResultView `json:"lastResults" nullable:"false" doc:"The run of each operation that ended last"`
	SyncedAt   *time.Time       `json:"syncedAt,omitempty" doc:"The last sync that listed everything"`
	Graph      GraphView        `json:"graph"`
}

// LastBackupView is a backup, as it was last counted.
type LastBackupView struct {
	SetID      string    `json:"backupSetId"`
	Name       string    `json:"name"`
	Whole      bool      `json:"wholeTenant"`
	ScheduleID string    `json:"scheduleId,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
	Policies   int       `json:"policies"`
	Captured   int       `json:"captured" doc:"Whole: what can be restored"`
	Incomplete int       `json:"incomplete" doc:"In part"`
	Missing    int       `json:"missing"`
	Sentence   string    `json:"sentence"`
}

// NextFiringView is when a schedule fires next.
type NextFiringView struct {
	At         time.Time `json:"at"`
	ScheduleID string    `json:"scheduleId"`
	Name       string    `json:"name"`
	Operation  string    `json:"operation"`
}

// LastResultView is how an operation went the last time.
type LastResultView struct {
	Operation   string     `json:"operation"`
	SucceededAt *time.Time `json:"succeededAt,omitempty" doc:"When a run of it last ended with nothing failed"`
	Run         RunView    `json:"run"`
}

// GraphView is whether Microsoft Graph answers for the tenant, as its runs found. No
// request asks Microsoft.
type GraphView struct {
	State    string     `json:"state" enum:"ok,waiting,down,refused,unknown" doc:"waiting: it asked for a pause; down: it does not answer; refused: the connection is lost; unknown: nothing was asked yet. More may come"`
	Code     string     `json:"code,omitempty"`
	Sentence string     `json:"sentence,omitempty"`
	Since    *time.Time `json:"since,omitempty" doc:"As of when that is known"`
	Until    *time.Time `json:"until,omitempty" doc:"When runs go on; absent when nobody knows"`
	RunID    string     `json:"runId,omitempty" doc:"The run that found it"`
}

// Limits of overviews.
const (
	// maxMemberships is how many tenants of one user are listed: four times what an
	// installation is sized for.
	maxMemberships = 2_000
	shownActive    = 5
	// downFor is how long the end of a run says that Microsoft Graph does not answer.
	downFor = 15 * time.Minute
)

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func needView(t run.Tenant, n summary.Need, now time.Time) NeedView {
	v := NeedView{
		Code: string(n.Code), Kind: string(n.Kind), Severity: string(n.Severity), Count: n.Count, Total: n.Total,
		Since: optionalTime(n.Since), RunID: n.RunID, SetID: n.SetID,
	}
	switch {
	case n.Run != nil:
		v.Operation = string(n.Run.Operation)
		v.Sentence = reason.StatusSentence(progressOf(n.Run, now))
		if f := n.Run.Failure; f != nil {
			v.Next = reason.Next(reason.Code(f.Code), reason.ScopeRun, runParams(n.Run))
		}
	case n.Kind == summary.NeedConnection:
		p := params{}.Set(reason.FieldTenant, t.Name)
		v.Sentence, v.Next = reason.Sentence(n.Code, reason.ScopeRun, p), reason.Next(n.Code, reason.ScopeRun, p)
	default:
		v.Sentence = reason.NeedSentence(n.Code, n.Count, n.Total)
	}
	return v
}

func coverageSum(c *run.InventoryCount, now time.Time) *CoverageSumView {
	if c == nil {
		return nil
	}
	v := &CoverageSumView{
		Policies: c.Present, Covered: c.Covered(now), Never: c.Never, Vanished: c.Vanished, OldestAt: optionalTime(c.Oldest), CountedAt: c.At,
	}
	if v.Policies > 0 {
		v.Percent = 100 * v.Covered / v.Policies
	}
	return v
}

func openDrift(s run.Summary) *int {
	if !s.DriftCounted {
		return nil
	}
	return &s.OpenDrift
}

func scheduleSum(c *run.ScheduleCount) *ScheduleSumView {
	if c == nil {
		return nil
	}
	v := ScheduleSumView(*c)
	return &v
}

// listedTenant is a tenant of a list, with what decides whether it is shown and where.
type listedTenant struct {
	run.MemberTenant
	needs []summary.Need
	stale bool
	key   string
}

func (t listedTenant) connection() bool {
	return slices.ContainsFunc(t.needs, func(n summary.Need) bool { return n.Kind == summary.NeedConnection })
}

// drift says whether changes wait for a person.
func (t listedTenant) drift() bool { return t.Summary.DriftCounted && t.Summary.OpenDrift > 0 }

func (t listedTenant) shown(show string) bool {
	switch show {
	case "needs":
		return len(t.needs) > 0
	case "running":
		return len(t.Summary.Active) > 0
	case "stale":
		return t.stale
	case "connection":
		return t.connection()
	case "drift":
		return t.drift()
	}
	return true
}

// sortKey is where the tenant stands in the list; a page begins after the key of the
// one before.
func (t listedTenant) sortKey(by string) string {
	name := strings.ToLower(t.Tenant.Name)
	if r := []rune(name); len(r) > 100 {
		name = string(r[:100])
	}
	name += "\x1f" + t.Tenant.ID
	switch by {
	case "name":
		return name
	case "backup": // the longest ago first
		at := summary.LastBackup(t.Summary)
		if at.IsZero() {
			return "0\x1f" + name
		}
		return at.UTC().Format("2006-01-02T15:04:05.000000000Z") + "\x1f" + name
	}
	return fmt.Sprintf("%02d\x1f%s", summary.Rank(t.needs), name)
}

func membershipView(now time.Time) func(listedTenant) MembershipView {
	return func(t listedTenant) MembershipView {
		v := MembershipView{
			ID: t.Tenant.ID, Name: t.Tenant.Name, Role: string(t.Member.Role), GraphTenantID: t.Tenant.GraphTenantID, Disabled: t.Tenant.Disabled,
			Needs: len(t.needs), LastBackupAt: optionalTime(summary.LastBackup(t.Summary)), Stale: t.stale,
			Coverage: coverageSum(t.Summary.Inventory, now), OpenDrift: openDrift(t.Summary), ActiveRuns: len(t.Summary.Active),
			Schedules: scheduleSum(t.Summary.Schedules), LastRuns: map[string]string{},
		}
		if len(t.needs) > 0 {
			worst := needView(t.Tenant, t.needs[0], now)
			v.Need = &worst
		}
		for operation, last := range t.Summary.Last {
			v.LastRuns[string(operation)] = string(last.Status)
		}
		return v
	}
}

// memberTenants reads the caller's tenants, each with its summary: three small records
// a tenant, whatever is in it.
func (s *server) memberTenants(ctx context.Context) ([]run.MemberTenant, error) {
	user := principal(ctx).UserID
	var ids []string
	for cursor := ""; len(ids) < maxMemberships; {
		page, err := s.Tenants.Memberships(ctx, user, run.PageRequest{Limit: MaxPageSize, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, m := range page.Items {
			ids = append(ids, m.TenantID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	const atOnce = 100
	parts := slices.Collect(slices.Chunk(ids, atOnce))
	found := make([][]run.MemberTenant, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, part := range parts {
		group.Go(func() error {
			var err error
			found[i], err = s.Summaries.MemberTenants(ctx, user, part)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

// TenantsInput filters the caller's tenants.
type TenantsInput struct {
	PageInput
	Search string   `query:"q" maxLength:"200" doc:"Part of the name, or of Microsoft's tenant id, or the id"`
	Show   string   `query:"show" enum:"all,needs,running,stale,connection,drift" default:"all"`
	Sort   string   `query:"sort" enum:"need,name,backup" default:"need" doc:"need: the most urgent first; backup: the oldest first"`
	IDs    []string `query:"id,explode" maxItems:"100" doc:"Only these tenants, as far as the caller is a member. Repeat for several"`
}

// finds reports whether the search lets a tenant through.
func (in TenantsInput) finds(t run.Tenant) bool {
	search := strings.ToLower(strings.TrimSpace(in.Search))
	return (search == "" || strings.Contains(strings.ToLower(t.Name), search) || strings.Contains(t.GraphTenantID, search) || strings.EqualFold(t.ID, search)) &&
		(len(in.IDs) == 0 || slices.Contains(in.IDs, t.ID))
}

// listTenants reads a page of the caller's tenants. The order depends on all of them,
// so all are read: of each the same three records.
func (s *server) listTenants(ctx context.Context, in *TenantsInput) (*struct{ Body TenantList }, error) {
	question := []any{"tenants", in.Search, in.Show, in.Sort, in.IDs}
	req, err := in.request(ctx, question)
	if err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	all, err := s.memberTenants(ctx)
	if err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	now := s.Now().UTC()
	var counts TenantCounts
	var shown []listedTenant
	for _, m := range all {
		if !in.finds(m.Tenant) {
			continue
		}
		t := listedTenant{MemberTenant: m, needs: summary.Needs(m.Tenant, m.Summary, now), stale: summary.Stale(m.Summary, now)}
		for show, n := range map[string]*int{"all": &counts.All, "needs": &counts.Needs, "running": &counts.Running, "stale": &counts.Stale, "connection": &counts.Connection, "drift": &counts.Drift} {
			if t.shown(show) {
				*n++
			}
		}
		if t.key = t.sortKey(in.Sort); t.shown(in.Show) && t.key > req.Cursor {
			shown = append(shown, t)
		}
	}
	slices.SortFunc(shown, func(a, b listedTenant) int { return cmp.Compare(a.key, b.key) })
	page := run.Page[listedTenant]{Items: shown}
	if len(shown) > req.Limit {
		page.Items, page.Next = shown[:req.Limit], shown[req.Limit-1].key
	}
	out := listOf(ctx, question, page, membershipView(now))
	return &struct{ Body TenantList }{TenantList{List: out.Body, Counts: counts}}, nil
}

func (s *server) registerOverview(api huma.API) {
	list := op(http.MethodGet, "/v1/tenants", "listTenants", "List the tenants that the caller is a member of, with what wants a person", "tenants", http.StatusOK)
	list.Description = "What it says of a tenant is kept beside the tenant and may lag by seconds. The counts are of what the search finds, whatever is shown of it."
	huma.Register(api, list, s.listTenants)

	type overviewInput struct {
		Tenant string `path:"tenant"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/overview", "getOverview", "Say how a tenant is", "tenants", http.StatusOK),
		func(ctx context.Context, in *overviewInput) (*struct{ Body OverviewView }, error) {
			m, err := s.member(ctx, in.Tenant, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			v, err := s.overview(ctx, m)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return &struct{ Body OverviewView }{v}, nil
		})
}

func (s *server) overview(ctx context.Context, m run.Member) (OverviewView, error) {
	t, err := s.Tenants.Tenant(ctx, m.TenantID)
	if err != nil {
		return OverviewView{}, err
	}
	sum, err := s.Summaries.Summary(ctx, m.TenantID)
	if err != nil {
		return OverviewView{}, err
	}
	schedules, err := s.Schedules.Schedules(ctx, m.TenantID)
	if err != nil {
		return OverviewView{}, err
	}
	active, n, err := s.activeRuns(ctx, sum)
	if err != nil {
		return OverviewView{}, err
	}
	now := s.Now().UTC()
	v := OverviewView{
		Tenant: tenantView(t, m.Role), Needs: []NeedView{}, Stale: summary.Stale(sum, now), Coverage: coverageSum(sum.Inventory, now), OpenDrift: openDrift(sum),
		Schedules: ScheduleSumView(run.CountSchedules(schedules)), Next: nextFiring(schedules, t, now), Active: []RunView{}, ActiveRuns: n,
		Last: []LastResultView{}, SyncedAt: optionalTime(sum.Succeeded[run.OpInventorySync]), Graph: graphView(t, sum, active, now),
	}
	for _, n := range summary.Needs(t, sum, now) {
		v.Needs = append(v.Needs, needView(t, n, now))
	}
	if b := sum.Backup; b != nil && b.SetID != "" {
		v.Backup = &LastBackupView{
			SetID: b.SetID, Name: b.Name, Whole: b.Whole, ScheduleID: b.ScheduleID, CreatedAt: b.CreatedAt, Policies: b.Policies, Captured: b.Captured, Incomplete: b.Incomplete, Missing: b.Missing,
			Sentence: reason.SetSentence(reason.SetFacts{Counted: true, Policies: b.Policies, Captured: b.Captured, Incomplete: b.Incomplete, Missing: b.Missing, OtherTypes: -1}),
		}
	}
	for _, r := range active {
		v.Active = append(v.Active, s.runView(r))
	}
	for _, operation := range run.Operations() {
		if r, ok := sum.Last[operation]; ok {
			v.Last = append(v.Last, LastResultView{Operation: string(operation), SucceededAt: optionalTime(sum.Succeeded[operation]), Run: s.runView(r)})
		}
	}
	return v, nil
}

// activeRuns reads the newest of the runs that have not ended, as far as a page shows
// them. n is how many there are.
func (s *server) activeRuns(ctx context.Context, sum run.Summary) (active []run.Run, n int, err error) {
	n = len(sum.Active)
	for _, id := range slices.Backward(sum.Active) { // ids begin with their time
		if len(active) == shownActive {
			break
		}
		r, err := s.Runs.Run(ctx, sum.TenantID, id)
		switch {
		case errors.Is(err, run.ErrNotFound) || err == nil && r.Status.Terminal():
			n--
		case err != nil:
			return nil, 0, err
		default:
			active = append(active, r)
		}
	}
	return active, n, nil
}

// nextFiring is the schedule that fires first, nil when none does.
func nextFiring(schedules []run.Schedule, t run.Tenant, now time.Time) *NextFiringView {
	var next *NextFiringView
	for _, sch := range schedules {
		if sch.Pause(t) != "" {
			continue
		}
		c, err := cadence.Parse(sch.Expression, sch.TimeZone, sch.CreatedAt)
		if err != nil {
			continue // was checked when it was stored
		}
		if times := c.Next(now, 1); len(times) > 0 && (next == nil || times[0].Before(next.At)) {
			next = &NextFiringView{At: times[0], ScheduleID: sch.ID, Name: sch.Name, Operation: string(sch.Operation)}
		}
	}
	return next
}

// graphView says whether Microsoft Graph answers: what waits now knows best, then what
// ended last.
func graphView(t run.Tenant, sum run.Summary, active []run.Run, now time.Time) GraphView {
	if f := faultView(t); f != nil {
		return GraphView{State: "refused", Code: f.Code, Sentence: f.Sentence, Since: &f.At, RunID: f.RunID}
	}
	var waiting *run.Run
	for i, r := range active {
		if w := r.Waiting; w != nil && (w.Code == string(reason.GraphUnavailable) || w.Code == string(reason.GraphThrottled)) {
			if waiting == nil || w.Code == string(reason.GraphUnavailable) {
				waiting = &active[i]
			}
		}
	}
	if waiting != nil {
		v := GraphView{State: "waiting", Code: waiting.Waiting.Code, Sentence: reason.StatusSentence(progressOf(waiting, now)), Since: &waiting.UpdatedAt, RunID: waiting.ID, Until: optionalTime(waiting.Waiting.Until)}
		if v.Code == string(reason.GraphUnavailable) {
			v.State = "down"
		}
		return v
	}
	var last *run.Run
	for _, r := range sum.Last {
		if last == nil || r.EndedAfter(*last) {
			last = &r
		}
	}
	if last == nil {
		return GraphView{State: "unknown"}
	}
	if f := last.Failure; f != nil && f.Code == string(reason.GraphUnavailable) && now.Sub(last.Ended()) < downFor {
		at := last.Ended()
		return GraphView{State: "down", Code: f.Code, Sentence: reason.Sentence(reason.GraphUnavailable, reason.ScopeRun, runParams(last)), Since: &at, RunID: last.ID}
	}
	return GraphView{State: "ok"}
}

// counted brings the summary up to date after a change by a person. What fails here
// comes right with the end of the next run, so it is not worth an error.
func (s *server) counted(ctx context.Context, tenantID string, count func(summary.Keeper, context.Context, string) error) {
	if err := count(summary.Keeper{Store: s.Summaries}, ctx, tenantID); err != nil {
		s.Log.WarnContext(ctx, "summary was not brought up to date", "requestId", requestID(ctx), "tenant", tenantID, "error", err)
	}
}
