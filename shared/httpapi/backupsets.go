package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/backupset"
	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/shared/summary"
)

// SelectionInput says which policies are meant: all, those named, or all that every
// given filter lets through.
type SelectionInput struct {
	All       bool     `json:"all,omitempty" doc:"The whole tenant"`
	Policies  []string `json:"policies,omitempty" maxItems:"1000" doc:"Ids of policies"`
	Types     []string `json:"types,omitempty" maxItems:"100" doc:"Policy types"`
	Platforms []string `json:"platforms,omitempty" maxItems:"50"`
	Search    string   `json:"search,omitempty" maxLength:"200" doc:"Part of the name"`
	Missing   bool     `json:"missing,omitempty" doc:"Those of the set that have no version; only when adding to a set"`
	Never     bool     `json:"never,omitempty" doc:"Those that were never captured"`
}

// BackupSetInput makes a backup set.
type BackupSetInput struct {
	Name        string         `json:"name" minLength:"1" maxLength:"200"`
	Note        string         `json:"note,omitempty" maxLength:"2000"`
	Selection   SelectionInput `json:"selection"`
	Foundations bool           `json:"includeFoundations,omitempty" doc:"Also what the chosen policies need: filters, scope tags, notification templates, reusable settings, named locations, scripts"`
	Capture     *bool          `json:"capture,omitempty" doc:"Capture now, the default. false: the set holds the latest versions there are, and no run starts"`
	Refresh     *bool          `json:"refresh,omitempty" doc:"List the tenant first, so that new policies are among the chosen ones; the default unless policies are named"`
}

// BackupSetRequest asks for a backup set.
type BackupSetRequest struct {
	StartHeaders
	Tenant string `path:"tenant"`
	Body   BackupSetInput
}

// BackupSetAdd adds policies to a set.
type BackupSetAdd struct {
	Selection   SelectionInput `json:"selection"`
	Foundations bool           `json:"includeFoundations,omitempty"`
	Refresh     *bool          `json:"refresh,omitempty"`
}

// BackupSetPatch changes a set; absent fields stay.
type BackupSetPatch struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Note *string `json:"note,omitempty" maxLength:"2000"`
}

// BackupSetView is a backup set.
type BackupSetView struct {
	ID          string         `json:"id" example:"set_01J9Z3T6Q4W8R2N5M7K1P0XYZA"`
	TenantID    string         `json:"tenantId"`
	Name        string         `json:"name"`
	Note        string         `json:"note,omitempty"`
	State       string         `json:"state" enum:"filling,complete,incomplete,empty" doc:"filling: a run uses it. More may come; tolerate unknown ones"`
	Sentence    string         `json:"sentence" doc:"What can be restored from it, for people"`
	Selection   SelectionInput `json:"selection" doc:"What was asked for when it was made"`
	Foundations bool           `json:"includeFoundations,omitempty"`
	Counts      *SetCountsView `json:"counts,omitempty" doc:"As of the last run's end; absent before that"`
	ScheduleID  string         `json:"scheduleId,omitempty" doc:"The schedule that made it"`
	CreatedAt   time.Time      `json:"createdAt"`
	CreatedBy   InitiatorView  `json:"createdBy"`
	UpdatedAt   time.Time      `json:"updatedAt"`
	DeletedAt   *time.Time     `json:"deletedAt,omitempty"`
	DeletedBy   *InitiatorView `json:"deletedBy,omitempty"`
	Recoverable *time.Time     `json:"recoverableUntil,omitempty" doc:"Until when a deleted set can be recovered"`
	LastRunID   string         `json:"lastRunId,omitempty" doc:"The run that last changed it"`
	ActiveRuns  []string       `json:"activeRuns" nullable:"false" doc:"Runs that use it; one that has just ended may still be named"`
}

// SetCountsView is what a set holds.
type SetCountsView struct {
	Policies    int       `json:"policies"`
	Captured    int       `json:"captured" doc:"Whole"`
	Incomplete  int       `json:"incomplete" doc:"In part"`
	Missing     int       `json:"missing"`
	Pending     int       `json:"pending" doc:"A run is still to try them"`
	Foundations int       `json:"foundations" doc:"Of all: those that others need"`
	CountedAt   time.Time `json:"countedAt"`
}

// BackupItemView is one policy of a set.
type BackupItemView struct {
	PolicyID   string         `json:"policyId"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	TypeTitle  string         `json:"typeTitle"`
	Platform   string         `json:"platform,omitempty"`
	Foundation bool           `json:"foundation,omitempty" doc:"Here because others need it"`
	State      string         `json:"state" enum:"pending,captured,incomplete,missing"`
	Version    int            `json:"version,omitempty"`
	CapturedAt *time.Time     `json:"capturedAt,omitempty"`
	Code       string         `json:"code,omitempty" doc:"Why it is missing or incomplete; on captured ones a note"`
	Sentence   string         `json:"sentence,omitempty"`
	Next       string         `json:"next,omitempty"`
	Failure    *FailureView   `json:"failure,omitempty"`
	RunID      string         `json:"runId,omitempty" doc:"The run that captured it, or tried to"`
	AddedAt    time.Time      `json:"addedAt"`
	Links      BackupItemLink `json:"links"`
}

// BackupItemLink are the places that belong to an item.
type BackupItemLink struct {
	Policy  string `json:"policy"`
	Version string `json:"version,omitempty"`
}

// BackupSetOutput is the answer about one set.
type BackupSetOutput struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     BackupSetView
}

// BackupSetStart is the answer of making a set: the set, and the run that fills it.
type BackupSetStart struct {
	Status     int
	Location   string `header:"Location" doc:"Where to read the run, or the set where there is none"`
	RetryAfter int    `header:"Retry-After" doc:"Seconds until looking again makes sense"`
	ETag       string `header:"ETag"`
	Body       struct {
		BackupSet BackupSetView `json:"backupSet"`
		Run       *RunView      `json:"run,omitempty" doc:"Absent when nothing is captured"`
	}
}

// SetPath names a set in a path.
type SetPath struct {
	Tenant string `path:"tenant"`
	Set    string `path:"set"`
}

func selectionView(s run.Selection) SelectionInput { return SelectionInput(s) }

// setPath is where to read a set.
func setPath(tenantID, setID string) string {
	return "/v1/tenants/" + tenantID + "/backup-sets/" + setID
}

// setFacts are the figures of a set. What is pending and no run is to try any more
// is missing.
func setFacts(b run.BackupSet) reason.SetFacts {
	f := reason.SetFacts{Filling: len(b.ActiveRuns) > 0, OtherTypes: -1}
	if t := b.Tally; t != nil {
		f.Counted, f.Policies, f.Captured, f.Incomplete, f.Missing, f.Pending = true, t.Policies, t.Captured, t.Incomplete, t.Missing, t.Pending
		if !f.Filling {
			f.Missing, f.Pending = f.Missing+f.Pending, 0
		}
		for id, tally := range t.Types {
			if known, ok := catalog.ByID(id); ok && known.Restorability.Level != catalog.Full {
				f.Kept += tally.Captured
			}
		}
	}
	return f
}

func setView(b run.BackupSet) BackupSetView {
	f := setFacts(b)
	v := BackupSetView{
		ID: b.ID, TenantID: b.TenantID, Name: b.Name, Note: b.Note, State: "incomplete", Sentence: reason.SetSentence(f),
		Selection: selectionView(b.Selection), Foundations: b.Foundations, ScheduleID: b.ScheduleID,
		CreatedAt: b.CreatedAt, CreatedBy: initiatorView(b.CreatedBy), UpdatedAt: b.UpdatedAt, DeletedAt: b.DeletedAt,
		LastRunID: b.LastRunID, ActiveRuns: orEmpty(b.ActiveRuns),
	}
	switch {
	case f.Filling:
		v.State = "filling"
	case f.Policies == 0:
		v.State = "empty"
	case f.Captured == f.Policies:
		v.State = "complete"
	}
	if t := b.Tally; t != nil {
		v.Counts = &SetCountsView{f.Policies, f.Captured, f.Incomplete, f.Missing, f.Pending, t.Foundations, t.At}
	}
	if b.DeletedAt != nil {
		until, by := b.DeletedAt.Add(run.RecoverFor), initiatorView(b.DeletedBy)
		v.Recoverable, v.DeletedBy = &until, &by
	}
	return v
}

func itemView(tenantName string, b run.BackupSet) func(run.BackupItem) BackupItemView {
	return func(i run.BackupItem) BackupItemView {
		policy := "/v1/tenants/" + i.TenantID + "/policies/" + i.PolicyID
		v := BackupItemView{
			PolicyID: i.PolicyID, Name: i.Name, Type: i.Type, TypeTitle: typeTitle(i.Type), Platform: i.Platform, Foundation: i.Foundation,
			State: string(i.State), Version: i.Version, CapturedAt: i.CapturedAt, Code: i.Code, RunID: i.RunID, AddedAt: i.AddedAt,
			Links: BackupItemLink{Policy: policy},
		}
		if i.State == run.ItemPending && !slices.Contains(b.ActiveRuns, i.RunID) {
			// Its run ended before it.
			v.State, v.Code = string(run.ItemMissing), run.CodeNotAttempted
		}
		if i.State.Held() {
			v.Links.Version = versionPath(i.TenantID, i.PolicyID, i.Version)
		}
		p := itemParams(tenantName, i.Name, i.Version, i.Params, i.Failure)
		v.Failure = failureView(i.Failure, reason.ScopeItem, p)
		if v.Code != "" {
			code := reason.Code(v.Code)
			v.Sentence, v.Next = reason.Sentence(code, reason.ScopeItem, p), reason.Next(code, reason.ScopeItem, p)
		}
		return v
	}
}

// selection checks what was asked for and brings it into its one form. extra says
// that Missing is allowed.
func (s *server) selection(ctx context.Context, tenantID string, in SelectionInput, extra bool) (run.Selection, error) {
	out := run.Selection(in)
	out.Search = strings.TrimSpace(out.Search)
	filters := len(out.Types)+len(out.Platforms) > 0 || out.Search != "" || out.Never
	ways := 0
	for _, given := range []bool{out.All, len(out.Policies) > 0, filters, out.Missing} {
		if given {
			ways++
		}
	}
	switch {
	case out.Missing && !extra:
		return out, invalid(ctx, "body.selection.missing", "is only for adding to a set")
	case ways == 0:
		return out, newProblem(ctx, "selection_empty", nil)
	case ways > 1:
		return out, invalid(ctx, "body.selection", "must be one of: all, policies, missing, or filters")
	}
	var err error
	if out.Types, err = knownTypes(ctx, "body.selection.types", out.Types); err != nil {
		return out, err
	}
	for i, id := range out.Policies {
		if !run.ValidPolicyID(id) {
			return out, invalid(ctx, fieldAt("body.selection.policies", i), "is no id of a policy")
		}
	}
	if len(out.Policies) > 0 {
		known, err := s.Policies.PoliciesByID(ctx, tenantID, out.Policies)
		if err != nil {
			return out, err
		}
		for i, id := range out.Policies {
			if !slices.ContainsFunc(known, func(p run.Policy) bool { return p.ID == id }) {
				return out, invalid(ctx, fieldAt("body.selection.policies", i), "is no policy of this tenant")
			}
		}
	}
	out.Policies, out.Platforms = distinct(out.Policies), distinct(out.Platforms)
	return out, nil
}

func setInput(sel run.Selection, foundations bool, refresh *bool) run.SetInput {
	in := run.SetInput{Selection: sel, Foundations: foundations, Refresh: !sel.Explicit()}
	if refresh != nil {
		in.Refresh = *refresh
	}
	return in
}

func (s *server) registerBackupSets(api huma.API) {
	const base = "/v1/tenants/{tenant}/backup-sets"

	create := startOp(base, "createBackupSet", "Make a backup set and capture its policies")
	create.Tags, create.Description = []string{"backup sets"}, "The set exists at once. Its policies are captured by a run (202); asked again while that runs, the same set and run are returned (200). "+
		"With capture false the set holds the latest versions, and no run starts (201)."
	huma.Register(api, create, s.createBackupSet)

	type listInput struct {
		PageInput
		Tenant string    `path:"tenant"`
		Search string    `query:"q" maxLength:"200" doc:"Part of the name"`
		State  string    `query:"state" enum:"present,deleted" default:"present"`
		From   time.Time `query:"from" doc:"Created at or after"`
		To     time.Time `query:"to" doc:"Created before"`
	}
	huma.Register(api, op(http.MethodGet, base, "listBackupSets", "List the backup sets of a tenant, newest first", "backup sets", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[BackupSetView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			q := run.SetQuery{TenantID: in.Tenant, Deleted: in.State == "deleted", Search: strings.TrimSpace(in.Search), From: in.From, To: in.To}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			page, err := s.Sets.ListBackupSets(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			return listOf(ctx, q, page, setView), nil
		})

	huma.Register(api, op(http.MethodGet, base+"/{set}", "getBackupSet", "Read a backup set", "backup sets", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *SetPath) (*BackupSetOutput, error) {
			b, err := s.readSet(ctx, in.Tenant, in.Set, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			return setOutput(b), nil
		})

	type patchInput struct {
		SetPath
		IfMatch string `header:"If-Match" maxLength:"200"`
		Body    BackupSetPatch
	}
	huma.Register(api, op(http.MethodPatch, base+"/{set}", "changeBackupSet", "Rename a backup set or change its note", "backup sets", http.StatusOK, http.StatusNotFound, http.StatusPreconditionFailed),
		func(ctx context.Context, in *patchInput) (*BackupSetOutput, error) {
			return s.changeSet(ctx, in.SetPath, run.OpBackupSetCreate.Role(), in.IfMatch, run.AuditSetChanged, func(b *run.BackupSet, _ run.Initiator) error {
				if b.DeletedAt != nil {
					return run.ErrNotFound
				}
				if in.Body.Name != nil {
					name, err := setName(ctx, *in.Body.Name)
					if err != nil {
						return err
					}
					b.Name = name
				}
				if in.Body.Note != nil {
					b.Note = strings.TrimSpace(*in.Body.Note)
				}
				return nil
			})
		})

	type deleteInput struct {
		SetPath
		IfMatch string `header:"If-Match" maxLength:"200"`
		Confirm string `query:"confirm" required:"true" minLength:"1" maxLength:"200" doc:"The name of the set, typed"`
	}
	del := op(http.MethodDelete, base+"/{set}", "deleteBackupSet", "Delete a backup set", "backup sets", http.StatusOK, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed)
	del.Description = "Needs the name of the set and the role of an owner, and is refused while a run uses the set. The set can be recovered for 30 days. Versions are not deleted with it."
	huma.Register(api, del, func(ctx context.Context, in *deleteInput) (*BackupSetOutput, error) {
		return s.changeSet(ctx, in.SetPath, run.RoleOwner, in.IfMatch, run.AuditSetDeleted, func(b *run.BackupSet, who run.Initiator) error {
			switch {
			case b.DeletedAt != nil:
				return run.ErrNotFound
			case strings.TrimSpace(in.Confirm) != b.Name:
				return newProblem(ctx, "set_name_mismatch", nil)
			}
			if err := s.inUse(ctx, b); err != nil {
				return err
			}
			now := s.Now().UTC()
			b.DeletedAt, b.DeletedBy = &now, who
			return nil
		})
	})

	recoverOp := op(http.MethodPost, base+"/{set}/recovery", "recoverBackupSet", "Recover a deleted backup set", "backup sets", http.StatusOK, http.StatusNotFound, http.StatusConflict)
	huma.Register(api, recoverOp, func(ctx context.Context, in *SetPath) (*BackupSetOutput, error) {
		return s.changeSet(ctx, *in, run.RoleOwner, "", run.AuditSetRecovered, func(b *run.BackupSet, _ run.Initiator) error {
			if b.DeletedAt == nil {
				return run.ErrNotFound
			}
			if s.Now().After(b.DeletedAt.Add(run.RecoverFor)) {
				return newProblem(ctx, "recovery_over", nil)
			}
			b.DeletedAt, b.DeletedBy = nil, run.Initiator{}
			return nil
		})
	})

	type itemsInput struct {
		PageInput
		SetPath
		States []string `query:"state,explode" enum:"pending,captured,incomplete,missing" doc:"Repeat for several"`
		Types  []string `query:"type,explode" maxItems:"100" doc:"Repeat for several"`
		Search string   `query:"q" maxLength:"200" doc:"Part of the name"`
		Code   string   `query:"reason" maxLength:"64" doc:"Only items with this reason code"`
	}
	huma.Register(api, op(http.MethodGet, base+"/{set}/items", "listBackupItems", "List the policies of a backup set by name", "backup sets", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *itemsInput) (*ListOutput[BackupItemView], error) {
			b, err := s.readSet(ctx, in.Tenant, in.Set, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			q := run.ItemQuery{TenantID: in.Tenant, SetID: in.Set, Types: in.Types, Search: strings.TrimSpace(in.Search), Code: in.Code}
			for _, v := range in.States {
				q.States = append(q.States, run.ItemState(v))
			}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			question := q
			if slices.Contains(q.States, run.ItemMissing) && len(b.ActiveRuns) == 0 {
				q.States = append(q.States, run.ItemPending) // what no run is to try any more is missing
			}
			page, err := s.Sets.ListBackupItems(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			t, err := s.Tenants.Tenant(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return listOf(ctx, question, page, itemView(t.Name, b)), nil
		})

	type addInput struct {
		StartHeaders
		SetPath
		Body BackupSetAdd
	}
	add := startOp(base+"/{set}/items", "addToBackupSet", "Capture more policies into a backup set")
	add.Tags = []string{"backup sets"}
	huma.Register(api, add, func(ctx context.Context, in *addInput) (*StartOutput, error) {
		if _, err := s.readSet(ctx, in.Tenant, in.Set, run.OpBackupSetAdd.Role()); err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		sel, err := s.selection(ctx, in.Tenant, in.Body.Selection, true)
		if err != nil {
			return nil, s.problem(ctx, err, "policy")
		}
		input := setInput(sel, in.Body.Foundations, in.Body.Refresh)
		scope, err := lockScope(in.Set, sel)
		if err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		return s.start(ctx, start.Request{
			TenantID: in.Tenant, Operation: run.OpBackupSetAdd, Scope: scope, SetID: in.Set, ChangesSet: true,
			Input: input, IdempotencyKey: in.IdempotencyKey,
		}, "backup set")
	})
	s.registerSetReports(api, base)
}

// lockScope is what only one run at a time may be about: the thing, with the
// selection.
func lockScope(thing string, sel run.Selection) (string, error) {
	text, err := start.Canonical(sel)
	return run.Hash(thing, string(text)), err
}

// doubleClick is within which time the same set without a run is made once.
const doubleClick = time.Minute

func (s *server) createBackupSet(ctx context.Context, in *BackupSetRequest) (*BackupSetStart, error) {
	m, err := s.member(ctx, in.Tenant, run.OpBackupSetCreate.Role())
	if err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	name, err := setName(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	sel, err := s.selection(ctx, in.Tenant, in.Body.Selection, false)
	if err != nil {
		return nil, s.problem(ctx, err, "policy")
	}
	input := setInput(sel, in.Body.Foundations, in.Body.Refresh)
	scope, err := lockScope(name, sel)
	if err != nil {
		return nil, s.problem(ctx, err, "backup set")
	}
	set := run.BackupSet{
		ID: s.IDs.New(run.PrefixSet, s.Now().UTC()), TenantID: in.Tenant, Name: name, Note: strings.TrimSpace(in.Body.Note),
		Selection: sel, Foundations: in.Body.Foundations,
	}
	if in.Body.Capture != nil && !*in.Body.Capture {
		return s.setOfLatest(ctx, by(ctx, m), set, scope, in.IdempotencyKey)
	}
	started, err := s.start(ctx, start.Request{
		TenantID: in.Tenant, Operation: run.OpBackupSetCreate, Scope: scope, Set: &set, Input: input, IdempotencyKey: in.IdempotencyKey,
	}, "backup set")
	if err != nil {
		return nil, err
	}
	b, err := s.Sets.BackupSet(ctx, in.Tenant, started.Body.Target.ID)
	if err != nil {
		return nil, s.problem(ctx, err, "backup set")
	}
	out := &BackupSetStart{Status: started.Status, Location: started.Location, RetryAfter: started.RetryAfter, ETag: revTag(b.Rev)}
	out.Body.BackupSet, out.Body.Run = setView(b), &started.Body
	return out, nil
}

// setOfLatest makes a set of the latest versions.
func (s *server) setOfLatest(ctx context.Context, who run.Initiator, set run.BackupSet, scope, idempotencyKey string) (*BackupSetStart, error) {
	all, err := s.Policies.AllPolicies(ctx, set.TenantID)
	if err != nil {
		return nil, s.problem(ctx, err, "policy")
	}
	chosen := set.Selection.Choose(all)
	switch {
	case len(chosen) == 0:
		return nil, newProblem(ctx, "selection_empty", nil)
	case len(chosen) > run.MaxSetPolicies:
		return nil, invalid(ctx, "body.selection", "means more policies than a set may hold")
	}
	now := s.Now().UTC()
	items, err := backupset.Latest(ctx, s.Policies, set.ID, chosen, set.Foundations, now)
	if err != nil {
		return nil, s.problem(ctx, err, "policy")
	}
	tally := run.SetTally{Types: map[string]run.TypeTally{}, At: now}
	for _, i := range items {
		backupset.Add(&tally, i)
	}
	set.CreatedAt, set.UpdatedAt, set.CreatedBy, set.Tally = now, now, who, &tally
	// Without a run there is no lock: what the caller asked for is remembered for a
	// while in its place.
	key, until := idempotencyKey, now.Add(start.ReplayFor)
	if key == "" {
		key, until = scope, now.Add(doubleClick)
	}
	made, err := s.Sets.CreateBackupSet(ctx, run.NewBackupSet{
		Set: set, Items: items, Role: run.OpBackupSetCreate.Role(),
		Audit: s.actor(ctx, run.AuditEvent{TenantID: set.TenantID, Event: run.AuditSetCreated, Target: run.Target{Kind: run.TargetBackupSet, ID: set.ID, Name: set.Name}}),
		Key:   run.Hash(who.UserID, run.AuditSetCreated, key), PayloadHash: run.Hash(scope), ReplayUntil: until,
	})
	if err != nil {
		return nil, s.problem(ctx, err, "backup set")
	}
	s.counted(ctx, made.TenantID, summary.Keeper.Sets)
	out := &BackupSetStart{Status: http.StatusCreated, Location: setPath(made.TenantID, made.ID), ETag: revTag(made.Rev)}
	if made.ID != set.ID {
		out.Status = http.StatusOK
	}
	out.Body.BackupSet = setView(made)
	return out, nil
}

func setName(ctx context.Context, text string) (string, error) {
	name := reason.ClipName(text)
	if name == "" {
		return "", invalid(ctx, "body.name", "must not be blank")
	}
	return name, nil
}

// by is a member as records name people.
func by(ctx context.Context, m run.Member) run.Initiator {
	return run.Initiator{UserID: m.UserID, Name: cmp.Or(m.Name, principal(ctx).Name)}
}

func setOutput(b run.BackupSet) *BackupSetOutput {
	return &BackupSetOutput{Status: http.StatusOK, ETag: revTag(b.Rev), Body: setView(b)}
}

// readSet reads a set for who holds the role.
func (s *server) readSet(ctx context.Context, tenantID, setID string, need run.Role) (run.BackupSet, error) {
	if _, err := s.member(ctx, tenantID, need); err != nil {
		return run.BackupSet{}, err
	}
	if !run.ValidSetID(setID) {
		return run.BackupSet{}, run.ErrNotFound
	}
	return s.Sets.BackupSet(ctx, tenantID, setID)
}

// inUse refuses when a run that has not ended uses the set.
func (s *server) inUse(ctx context.Context, b *run.BackupSet) error {
	for _, id := range b.ActiveRuns {
		r, err := s.Runs.Run(ctx, b.TenantID, id)
		if errors.Is(err, run.ErrNotFound) || err == nil && r.Status.Terminal() {
			continue
		}
		if err != nil {
			return err
		}
		p := newProblem(ctx, "set_in_use", nil)
		p.ActiveRun = s.runLink(&r)
		return p
	}
	return nil
}

// changeTries is how often a change is tried anew because a run began or was
// counted meanwhile, which is no change by a person.
const changeTries = 5

func (s *server) changeSet(ctx context.Context, path SetPath, need run.Role, ifMatch, event string, change func(*run.BackupSet, run.Initiator) error) (*BackupSetOutput, error) {
	m, err := s.member(ctx, path.Tenant, need)
	if err != nil {
		return nil, s.problem(ctx, err, "backup set")
	}
	if !run.ValidSetID(path.Set) {
		return nil, s.problem(ctx, run.ErrNotFound, "backup set")
	}
	var rev int64
	for n := range changeTries {
		b, err := s.Sets.BackupSet(ctx, path.Tenant, path.Set)
		if err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		if n > 0 && b.Rev != rev {
			break // somebody else's
		}
		rev = b.Rev
		if err := checkMatch(ifMatch, b.Rev); err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		if err := change(&b, by(ctx, m)); err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		b.UpdatedAt = s.Now().UTC()
		audit := s.actor(ctx, run.AuditEvent{TenantID: b.TenantID, Event: event, Target: run.Target{Kind: run.TargetBackupSet, ID: b.ID, Name: b.Name}})
		b, err = s.Sets.UpdateBackupSet(ctx, b, audit)
		if err == nil {
			s.counted(ctx, b.TenantID, summary.Keeper.Sets)
			return setOutput(b), nil
		}
		if !errors.Is(err, run.ErrConflict) {
			return nil, s.problem(ctx, err, "backup set")
		}
	}
	return nil, s.problem(ctx, run.ErrConflict, "backup set")
}
