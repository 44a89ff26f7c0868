package httpapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/diff"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// SetPreviewInput chooses what of a backup set is previewed.
type SetPreviewInput struct {
	Policies []string `json:"policies,omitempty" maxItems:"1000" doc:"Policy ids of items of the set; all when absent"`
}

// PreviewInput chooses versions of policies, or a live restore that is to be undone.
type PreviewInput struct {
	Versions []run.VersionRef `json:"versions,omitempty" maxItems:"1000" doc:"One version of each policy"`
	UndoOf   string           `json:"undoOf,omitempty" maxLength:"64" doc:"A live restore: what it changed becomes as it was before, what it created is deleted if that is confirmed"`
}

// Confirmation is what a person gives before something is written to a tenant.
type Confirmation struct {
	TenantName string `json:"tenantName,omitempty" maxLength:"300" doc:"The name of the tenant, typed"`
	Reason     string `json:"reason,omitempty" maxLength:"500" doc:"Why; kept in the audit trail"`
}

// RestoreBody asks for a live restore.
type RestoreBody struct {
	Confirmation
	PlanRunID string   `json:"planRunId" minLength:"1" maxLength:"64" doc:"The preview whose plan is applied"`
	Digest    string   `json:"planDigest" minLength:"1" maxLength:"64" doc:"Digest of that plan, as it was shown"`
	Items     []string `json:"items,omitempty" maxItems:"1000" doc:"Keys of the items to apply; all when absent"`
	Except    []string `json:"except,omitempty" maxItems:"1000" doc:"Keys of items to leave out"`
	Deletes   bool     `json:"deletes,omitempty" doc:"Also delete what the plan deletes"`
}

// RerunBody asks to do items of a live restore again.
type RerunBody struct {
	Confirmation
	Which string `json:"which" enum:"failed,all" doc:"failed: those that did not succeed"`
}

// PlanView is a plan: a page of its items.
type PlanView struct {
	RunID      string         `json:"runId" doc:"The preview"`
	Digest     string         `json:"digest,omitempty" doc:"What a live restore confirms; absent while the preview runs"`
	Applicable bool           `json:"applicable" doc:"A live restore of it can be started"`
	Until      *time.Time     `json:"applicableUntil,omitempty"`
	AppliedBy  *RunLink       `json:"appliedBy,omitempty" doc:"The live restore of this plan"`
	Counts     PlanCounts     `json:"counts"`
	Sentence   string         `json:"sentence"`
	Items      []PlanItemView `json:"items" nullable:"false"`
	NextPage   string         `json:"nextPageToken,omitempty" doc:"Absent on the last page"`
	ComparedAt *time.Time     `json:"comparedAt,omitempty" doc:"When the preview ended"`
	TenantName string         `json:"tenantName" doc:"What is typed to confirm"`
	Deletes    bool           `json:"deletes" doc:"The plan deletes objects, which has its own confirmation"`
}

// PlanCounts are the items of a plan by what is meant to be done with them.
type PlanCounts struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Delete  int `json:"delete"`
	None    int `json:"none"`
	Blocked int `json:"blocked"`
	Failed  int `json:"failed" doc:"Could not be compared"`
}

// PlanItemView is one item of a plan.
type PlanItemView struct {
	Key      string        `json:"key"`
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	Title    string        `json:"typeTitle"`
	Action   string        `json:"action" enum:"create,update,delete,none,blocked" doc:"Absent when it could not be compared" required:"false"`
	Version  int           `json:"version,omitempty" doc:"What is written back"`
	Matched  string        `json:"matched,omitempty" enum:"id,restored,default,name" doc:"How the live object was found"`
	GraphID  string        `json:"graphId,omitempty" doc:"Of the live object"`
	Changes  int           `json:"changes,omitempty"`
	Warnings []WarningView `json:"warnings,omitempty"`
	Code     string        `json:"code,omitempty"`
	Sentence string        `json:"sentence,omitempty"`
	Next     string        `json:"next,omitempty"`
	Failure  *FailureView  `json:"failure,omitempty"`
	Detail   string        `json:"detail,omitempty" doc:"Where to read what changes, step by step"`
}

// WarningView is what people must know before they confirm.
type WarningView struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
	Next     string `json:"next,omitempty"`
}

// PlanDetailView is the plan of one item.
type PlanDetailView struct {
	PlanItemView
	Fingerprint string              `json:"fingerprint,omitempty" doc:"Content hash of the live object that the plan was made for"`
	Steps       []restore.Step      `json:"steps,omitempty"`
	References  []restore.Reference `json:"references,omitempty" doc:"Objects that the policy refers to, and what stands for them"`
	Changed     *diff.Result        `json:"changed,omitempty" doc:"From the live object to what it will be. Absent for a new object, which is its version"`
}

func itemWarning(code string, p map[string]string) WarningView {
	c := reason.Code(code)
	q := reason.Params(p)
	if q == nil {
		q = reason.Params{}.Int(reason.FieldItems, 1)
	}
	if _, counted := q[string(reason.FieldItems)]; !counted {
		q = q.Int(reason.FieldItems, 1)
	}
	return WarningView{Code: code, Sentence: reason.Sentence(c, reason.ScopeWarning, q), Next: reason.Next(c, reason.ScopeWarning, q)}
}

func planItemView(r run.Run, o run.Outcome) PlanItemView {
	v := PlanItemView{Key: o.Item.Key, Name: o.Item.Name, Type: o.Item.Type, Title: typeTitle(o.Item.Type), Code: o.Code}
	p := itemParams(r.TenantName, o.Item.Name, o.Version, o.Params, o.Failure)
	v.Failure = failureView(o.Failure, reason.ScopeItem, p)
	if o.Code != "" {
		code := reason.Code(o.Code)
		v.Sentence, v.Next = reason.Sentence(code, reason.ScopeItem, p), reason.Next(code, reason.ScopeItem, p)
	}
	if d := o.Planned; d != nil {
		v.Action, v.Version, v.Matched, v.GraphID, v.Changes = string(d.Action), d.Version, string(d.Matched), d.GraphID, d.Changes
		for _, w := range d.Warnings {
			v.Warnings = append(v.Warnings, itemWarning(w, nil))
		}
		if d.Document != "" {
			v.Detail = runPath(&r) + "/plan/" + base64.RawURLEncoding.EncodeToString([]byte(d.Document))
		}
	}
	return v
}

// planUntil is until when a plan can be applied.
func planUntil(r run.Run) time.Time {
	if r.FinishedAt == nil {
		return time.Time{}
	}
	return r.FinishedAt.Add(run.MaxPlanAge)
}

// planReady reports whether a preview ended with a plan.
func planReady(r run.Run) bool {
	return r.Operation == run.OpRestorePreview && (r.Status == run.StatusSucceeded || r.Status == run.StatusPartial) && r.PlanDigest != ""
}

func planCounts(r run.Run) PlanCounts {
	n := func(name string) int { return r.Totals[name] }
	return PlanCounts{Create: n("create"), Update: n("update"), Delete: n("delete"), None: n("none"), Blocked: n(string(reason.FieldBlocked)), Failed: r.Counts.Failed}
}

func (s *server) registerRestores(api huma.API) {
	const tenant = "/v1/tenants/{tenant}"

	type setPreview struct {
		StartHeaders
		SetPath
		Body *SetPreviewInput `required:"false"`
	}
	ofSet := startOp(tenant+"/backup-sets/{set}/previews", "previewBackupSet", "Preview a restore of a backup set")
	ofSet.Tags = []string{"restores"}
	ofSet.Description = "Compares the set with the tenant as it is now and plans a restore. Nothing is written to the tenant. " + ofSet.Description
	huma.Register(api, ofSet, func(ctx context.Context, in *setPreview) (*StartOutput, error) {
		if _, err := s.readSet(ctx, in.Tenant, in.Set, run.OpRestorePreview.Role()); err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		input := run.PreviewInput{SetID: in.Set}
		if in.Body != nil {
			for i, id := range in.Body.Policies {
				if !run.ValidPolicyID(id) {
					return nil, invalid(ctx, fieldAt("body.policies", i), "is no id of a policy")
				}
			}
			input.Policies = distinct(in.Body.Policies)
		}
		scope, err := start.Canonical(input)
		if err != nil {
			return nil, s.problem(ctx, err, "backup set")
		}
		return s.start(ctx, start.Request{
			TenantID: in.Tenant, Operation: run.OpRestorePreview, Scope: run.Hash(string(scope)), SetID: in.Set, Input: input, IdempotencyKey: in.IdempotencyKey,
		}, "backup set")
	})

	type preview struct {
		StartHeaders
		Tenant string `path:"tenant"`
		Body   PreviewInput
	}
	of := startOp(tenant+"/previews", "previewRestore", "Preview a restore of versions, or the undoing of a live restore")
	of.Tags, of.Description = []string{"restores"}, ofSet.Description
	huma.Register(api, of, func(ctx context.Context, in *preview) (*StartOutput, error) {
		if _, err := s.member(ctx, in.Tenant, run.OpRestorePreview.Role()); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		req, err := s.previewRequest(ctx, in.Tenant, in.Body)
		if err != nil {
			return nil, s.problem(ctx, err, "version")
		}
		req.IdempotencyKey = in.IdempotencyKey
		return s.start(ctx, req, "run")
	})

	type planInput struct {
		PageInput
		Tenant   string   `path:"tenant"`
		Run      string   `path:"run"`
		Actions  []string `query:"action,explode" enum:"create,update,delete,none,blocked" doc:"Repeat for several"`
		Statuses []string `query:"outcome,explode" enum:"succeeded,failed,skipped" doc:"failed: what could not be compared. Repeat for several"`
		Codes    []string `query:"reason,explode" maxItems:"100" doc:"Only items with this reason code. Repeat for several"`
		Search   string   `query:"q" maxLength:"200" doc:"Part of the name"`
	}
	huma.Register(api, op(http.MethodGet, tenant+"/runs/{run}/plan", "getPlan", "Read the plan that a preview made", "restores", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *planInput) (*struct{ Body PlanView }, error) {
			r, err := s.readPlanRun(ctx, in.Tenant, in.Run)
			if err != nil {
				return nil, err
			}
			q := run.OutcomeQuery{TenantID: in.Tenant, RunID: in.Run, Codes: in.Codes, Search: strings.TrimSpace(in.Search)}
			for _, v := range in.Actions {
				q.Actions = append(q.Actions, run.PlanAction(v))
			}
			for _, v := range in.Statuses {
				q.Statuses = append(q.Statuses, run.OutcomeStatus(v))
			}
			v, err := s.planPage(ctx, r, q, in.PageInput)
			if err != nil {
				return nil, s.problem(ctx, err, "run")
			}
			return &struct{ Body PlanView }{v}, nil
		})

	type itemInput struct {
		Tenant string `path:"tenant"`
		Run    string `path:"run"`
		Item   string `path:"document" maxLength:"300" doc:"As detail of an item of the plan says it"`
	}
	huma.Register(api, op(http.MethodGet, tenant+"/runs/{run}/plan/{document}", "getPlanItem", "Read what a plan does with one item", "restores", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *itemInput) (*struct{ Body PlanDetailView }, error) {
			r, err := s.readPlanRun(ctx, in.Tenant, in.Run)
			if err != nil {
				return nil, err
			}
			v, err := s.planDetail(ctx, r, in.Item)
			if err != nil {
				return nil, s.problem(ctx, err, "item")
			}
			return &struct{ Body PlanDetailView }{v}, nil
		})
	s.registerLiveRestores(api, tenant)
}

// previewRequest checks what is asked for against our own records.
func (s *server) previewRequest(ctx context.Context, tenantID string, in PreviewInput) (start.Request, error) {
	req := start.Request{TenantID: tenantID, Operation: run.OpRestorePreview}
	if (len(in.Versions) > 0) == (in.UndoOf != "") {
		return req, invalid(ctx, "body", "must have either versions or undoOf")
	}
	input := run.PreviewInput{UndoOf: in.UndoOf, Versions: slices.Clone(in.Versions)}
	if in.UndoOf != "" {
		if !run.ValidRunID(in.UndoOf) {
			return req, invalid(ctx, "body.undoOf", "is no id of a run")
		}
		undone, err := s.Runs.Run(ctx, tenantID, in.UndoOf)
		switch {
		case errors.Is(err, run.ErrNotFound), err == nil && (!undone.Operation.WritesTenant() || !undone.Status.Terminal()):
			return req, invalid(ctx, "body.undoOf", "is no live restore of this tenant that has ended")
		case err != nil:
			return req, err
		case undone.Totals[string(reason.FieldWritten)] == 0:
			return req, newProblem(ctx, "selection_empty", nil)
		}
		req.LinkTo, req.LinkKind = in.UndoOf, run.LinkUndo
	}
	slices.SortFunc(input.Versions, func(a, b run.VersionRef) int { return cmp.Compare(a.PolicyID, b.PolicyID) })
	for i, ref := range in.Versions {
		at := fieldAt("body.versions", i)
		if !run.ValidPolicyID(ref.PolicyID) || ref.Version < 1 {
			return req, invalid(ctx, at, "names no version of a policy")
		}
		if _, err := s.Policies.Version(ctx, tenantID, ref.PolicyID, ref.Version); errors.Is(err, run.ErrNotFound) {
			return req, invalid(ctx, at, "is no version of a policy of this tenant")
		} else if err != nil {
			return req, err
		}
	}
	for i := range input.Versions[min(1, len(input.Versions)):] {
		if input.Versions[i].PolicyID == input.Versions[i+1].PolicyID {
			return req, invalid(ctx, "body.versions", "names a policy twice")
		}
	}
	text, err := start.Canonical(input)
	if req.Scope, req.Input = run.Hash(string(text)), input; len(input.Versions) == 1 {
		req.PolicyID = input.Versions[0].PolicyID
	}
	return req, err
}

// readPlanRun reads a preview for a viewer; its errors are problems.
func (s *server) readPlanRun(ctx context.Context, tenantID, runID string) (run.Run, error) {
	r, err := s.readRun(ctx, tenantID, runID)
	if err == nil && r.Operation != run.OpRestorePreview {
		return r, s.problem(ctx, run.ErrNotFound, "plan")
	}
	return r, err
}

func (s *server) planPage(ctx context.Context, r run.Run, q run.OutcomeQuery, in PageInput) (PlanView, error) {
	req, err := in.request(ctx, q)
	if err != nil {
		return PlanView{}, err
	}
	page, err := s.Runs.Outcomes(ctx, q, req)
	if err != nil {
		return PlanView{}, err
	}
	counts := planCounts(r)
	v := PlanView{
		RunID: r.ID, Counts: counts, Items: make([]PlanItemView, 0, len(page.Items)), NextPage: nextToken(ctx, q, page.Next),
		Sentence: s.runView(r).Sentence, ComparedAt: r.FinishedAt, Deletes: counts.Delete > 0,
	}
	for _, o := range page.Items {
		v.Items = append(v.Items, planItemView(r, o))
	}
	t, err := s.Tenants.Tenant(ctx, r.TenantID)
	if err != nil {
		return PlanView{}, err
	}
	v.TenantName = t.Name
	if !planReady(r) {
		return v, nil
	}
	until := planUntil(r)
	v.Digest, v.Until = r.PlanDigest, &until
	v.Applicable = s.Now().Before(until) && counts.Create+counts.Update+counts.Delete > 0
	links, err := s.Runs.Links(ctx, r.TenantID, r.ID)
	if err != nil {
		return PlanView{}, err
	}
	for _, l := range links {
		if l.Kind != run.LinkApplied {
			continue
		}
		applied, err := s.Runs.Run(ctx, r.TenantID, l.RunID)
		if err != nil {
			return PlanView{}, err
		}
		v.AppliedBy, v.Applicable = s.runLink(&applied), false
	}
	return v, nil
}

// planDetail reads the plan of one item, which is named by its document: that costs
// the same in a plan of thousands.
func (s *server) planDetail(ctx context.Context, r run.Run, document string) (PlanDetailView, error) {
	key, err := base64.RawURLEncoding.DecodeString(document)
	if err != nil {
		return PlanDetailView{}, run.ErrNotFound
	}
	raw, err := s.Archive.Get(ctx, r.TenantID, string(key))
	if err != nil {
		return PlanDetailView{}, err
	}
	d, err := restore.Decode(raw)
	if err != nil {
		return PlanDetailView{}, run.ErrNotFound // a payload is no plan
	}
	v := PlanDetailView{
		PlanItemView: planItemView(r, run.Outcome{
			Item: run.Item{Key: d.PolicyID, Name: d.Name, Type: d.Type}, Code: string(d.Code), Params: d.Params, Version: d.Version, Planned: d.Planned(string(key)),
		}),
		Fingerprint: d.Fingerprint, Steps: d.Steps, References: d.References, Changed: d.Changes,
	}
	v.Warnings = nil
	for _, w := range d.Warnings {
		v.Warnings = append(v.Warnings, itemWarning(string(w.Code), w.Params))
	}
	return v, nil
}

// registerLiveRestores are the starts that write to a tenant.
func (s *server) registerLiveRestores(api huma.API, tenant string) {
	type restoreStart struct {
		StartHeaders
		Tenant string `path:"tenant"`
		Body   RestoreBody
	}
	live := startOp(tenant+"/restores", "startRestore", "Apply the plan of a preview to the tenant")
	live.Tags = []string{"restores"}
	live.Description = "Writes to the tenant what the plan says and nothing else. Needs the digest of the plan, the name of the tenant typed, and a reason. " +
		"An object that changed since the preview is left alone. One live restore of a tenant runs at a time. " + live.Description
	huma.Register(api, live, func(ctx context.Context, in *restoreStart) (*StartOutput, error) {
		if _, err := s.member(ctx, in.Tenant, run.OpRestoreExecute.Role()); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		if err := s.confirmed(ctx, in.Tenant, in.Body.Confirmation); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		plan, err := s.applicablePlan(ctx, in.Tenant, in.Body)
		if err != nil {
			return nil, s.problem(ctx, err, "plan")
		}
		return s.start(ctx, start.Request{
			TenantID: in.Tenant, Operation: run.OpRestoreExecute, Lock: liveRestore, LinkTo: plan.ID, LinkKind: run.LinkApplied,
			Reason: strings.TrimSpace(in.Body.Reason), IdempotencyKey: in.IdempotencyKey,
			Input: run.RestoreInput{PlanRunID: plan.ID, Digest: plan.PlanDigest, Items: distinct(in.Body.Items), Except: distinct(in.Body.Except), Deletes: in.Body.Deletes},
		}, "plan")
	})

	type rerunStart struct {
		StartHeaders
		Tenant string `path:"tenant"`
		Run    string `path:"run"`
		Body   RerunBody
	}
	again := startOp(tenant+"/runs/{run}/reruns", "startRerun", "Do items of a live restore again")
	again.Tags = []string{"restores"}
	again.Description = "From the same plan: items that did not succeed, or all. Needs the name of the tenant typed, and a reason. " + again.Description
	huma.Register(api, again, func(ctx context.Context, in *rerunStart) (*StartOutput, error) {
		if _, err := s.member(ctx, in.Tenant, run.OpRestoreRerun.Role()); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		earlier, err := s.readRun(ctx, in.Tenant, in.Run)
		if err != nil {
			return nil, err
		}
		if err := s.confirmed(ctx, in.Tenant, in.Body.Confirmation); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		input, err := s.rerunInput(ctx, earlier, in.Body.Which == "failed")
		if err != nil {
			return nil, s.problem(ctx, err, "run")
		}
		return s.start(ctx, start.Request{
			TenantID: in.Tenant, Operation: run.OpRestoreRerun, Lock: liveRestore, LinkTo: earlier.ID, LinkKind: run.LinkRerun,
			Reason: strings.TrimSpace(in.Body.Reason), IdempotencyKey: in.IdempotencyKey, Input: input,
		}, "run")
	})
}

// liveRestore names the lock of everything that writes to a tenant: one at a time.
const liveRestore = "restore.live"

// confirmed checks what a person gives before something is written to a tenant.
func (s *server) confirmed(ctx context.Context, tenantID string, c Confirmation) error {
	name, why := strings.TrimSpace(c.TenantName), strings.TrimSpace(c.Reason)
	if name == "" || why == "" {
		return newProblem(ctx, "confirmation_missing", nil)
	}
	t, err := s.Tenants.Tenant(ctx, tenantID)
	if err != nil {
		return err
	}
	if name != strings.TrimSpace(t.Name) {
		return newProblem(ctx, "name_mismatch", nil)
	}
	return nil
}

// applicablePlan reads the preview whose plan is to be applied, if it can be.
func (s *server) applicablePlan(ctx context.Context, tenantID string, in RestoreBody) (run.Run, error) {
	if !run.ValidRunID(in.PlanRunID) {
		return run.Run{}, run.ErrNotFound
	}
	if len(in.Items) > 0 && len(in.Except) > 0 {
		return run.Run{}, invalid(ctx, "body.except", "must not be given with items")
	}
	plan, err := s.Runs.Run(ctx, tenantID, in.PlanRunID)
	if err != nil {
		return run.Run{}, err
	}
	counts := planCounts(plan)
	switch {
	case plan.Operation != run.OpRestorePreview:
		return run.Run{}, run.ErrNotFound
	case !planReady(plan), plan.PlanDigest != in.Digest:
		return run.Run{}, newProblem(ctx, "plan_digest_mismatch", nil)
	case !s.Now().Before(planUntil(plan)):
		p := newProblem(ctx, "plan_stale", nil)
		p.PreviewRun = s.runLink(&plan)
		return run.Run{}, p
	case counts.Create+counts.Update == 0 && (counts.Delete == 0 || !in.Deletes):
		return run.Run{}, newProblem(ctx, "selection_empty", nil)
	}
	return plan, nil
}

// rerunInput is what is done again of a live restore.
func (s *server) rerunInput(ctx context.Context, earlier run.Run, failed bool) (run.RestoreInput, error) {
	if !earlier.Operation.WritesTenant() {
		return run.RestoreInput{}, run.ErrNotFound
	}
	if !earlier.Status.Terminal() {
		p := newProblem(ctx, "conflict_active_run", params{}.Set(reason.FieldOperation, string(earlier.Operation)))
		p.ActiveRun = s.runLink(&earlier)
		return run.RestoreInput{}, p
	}
	var in run.RestoreInput
	if err := json.Unmarshal(earlier.Input, &in); err != nil {
		return in, fmt.Errorf("read input of run: %w", err)
	}
	if failed && earlier.Counts.Failed+earlier.Counts.Skipped == 0 {
		return in, newProblem(ctx, "selection_empty", nil)
	}
	plan, err := s.Runs.Run(ctx, earlier.TenantID, in.PlanRunID)
	if err != nil {
		return in, err
	}
	if !s.Now().Before(planUntil(plan)) {
		p := newProblem(ctx, "plan_stale", nil)
		p.PreviewRun = s.runLink(&plan)
		return in, p
	}
	in.RerunOf, in.Failed = earlier.ID, failed
	return in, nil
}
