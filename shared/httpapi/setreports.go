package httpapi

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/backupset"
	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// CoverageView says what of the tenant a set holds.
type CoverageView struct {
	Sentence string             `json:"sentence"`
	Types    []TypeCoverageView `json:"types" nullable:"false" doc:"The types that the set holds or the tenant has objects of, those that lack something first"`
	Unlisted []OutcomeView      `json:"unlisted" nullable:"false" doc:"Types that the last run could not list: what they have is not known"`
}

// TypeCoverageView is one policy type in a set.
type TypeCoverageView struct {
	Type          string            `json:"type"`
	Title         string            `json:"title"`
	Family        string            `json:"family"`
	Restorability RestorabilityView `json:"restorability"`
	InTenant      int               `json:"inTenant" doc:"Policies at the last sync"`
	InSet         int               `json:"inSet"`
	Captured      int               `json:"captured" doc:"Whole or in part"`
}

// ComparisonView is how a policy of one set stands to that of another.
type ComparisonView struct {
	Kind      string          `json:"kind" enum:"added,removed,changed,unchanged,unknown" doc:"unknown: one of the sets holds no whole version of it"`
	PolicyID  string          `json:"policyId"`
	Name      string          `json:"name"`
	Type      string          `json:"type"`
	TypeTitle string          `json:"typeTitle"`
	From      *BackupItemView `json:"from,omitempty"`
	To        *BackupItemView `json:"to,omitempty"`
	Diff      string          `json:"diff,omitempty" doc:"Where to read what changed, setting by setting"`
}

func typeTitle(id string) string {
	if t, ok := catalog.ByID(id); ok {
		return t.Title
	}
	return id
}

func (s *server) registerSetReports(api huma.API, base string) {
	huma.Register(api, op(http.MethodGet, base+"/{set}/coverage", "getBackupSetCoverage", "Say what of the tenant a backup set holds and what not", "backup sets", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *SetPath) (*struct{ Body CoverageView }, error) {
			b, err := s.readSet(ctx, in.Tenant, in.Set, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			view, err := s.coverage(ctx, b)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			return &struct{ Body CoverageView }{view}, nil
		})

	type compareInput struct {
		PageInput
		SetPath
		From  string   `query:"from" required:"true" maxLength:"64" doc:"The set to compare with, as a rule the earlier one"`
		Kinds []string `query:"kind,explode" enum:"added,removed,changed,unchanged,unknown" doc:"Repeat for several; all when absent"`
	}
	huma.Register(api, op(http.MethodGet, base+"/{set}/comparison", "compareBackupSets", "Compare a backup set with another one", "backup sets", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *compareInput) (*ListOutput[ComparisonView], error) {
			to, err := s.readSet(ctx, in.Tenant, in.Set, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			from, err := s.readSet(ctx, in.Tenant, in.From, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			question := []string{"comparison", in.Tenant, in.Set, in.From}
			question = append(question, in.Kinds...)
			req, err := in.request(ctx, question)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			if req.Cursor != "" && !run.ValidPolicyID(req.Cursor) {
				return nil, s.problem(ctx, run.ErrBadCursor, "backup set")
			}
			var kinds []backupset.ChangeKind
			for _, k := range in.Kinds {
				kinds = append(kinds, backupset.ChangeKind(k))
			}
			changes, next, err := backupset.Compare(ctx, s.Sets, in.Tenant, from.ID, to.ID, req.Cursor, req.Limit, kinds)
			if err != nil {
				return nil, s.problem(ctx, err, "backup set")
			}
			t, err := s.Tenants.Tenant(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			page := run.Page[backupset.Change]{Items: changes, Next: next}
			return listOf(ctx, question, page, func(c backupset.Change) ComparisonView { return comparisonView(c, t.Name, from, to) }), nil
		})
}

func comparisonView(c backupset.Change, tenantName string, from, to run.BackupSet) ComparisonView {
	v := ComparisonView{Kind: string(c.Kind), PolicyID: c.PolicyID()}
	for _, side := range []struct {
		item *run.BackupItem
		set  run.BackupSet
		into **BackupItemView
	}{{c.From, from, &v.From}, {c.To, to, &v.To}} {
		if side.item == nil {
			continue
		}
		view := itemView(tenantName, side.set)(*side.item)
		*side.into = &view
		v.Name, v.Type, v.TypeTitle = view.Name, view.Type, view.TypeTitle // the later one's, where there are two
	}
	if c.Kind == backupset.Changed {
		v.Diff = diffPath(c.To.TenantID, c.PolicyID(), c.From.Version, c.To.Version)
	}
	return v
}

func (s *server) coverage(ctx context.Context, b run.BackupSet) (CoverageView, error) {
	syncs, err := s.Policies.TypeSyncs(ctx, b.TenantID)
	if err != nil {
		return CoverageView{}, err
	}
	known := map[string]run.TypeTally{}
	if b.Tally != nil {
		known = b.Tally.Types
	}
	types := map[string]TypeCoverageView{}
	for id, tally := range known {
		types[id] = TypeCoverageView{InSet: tally.Policies, Captured: tally.Captured}
	}
	facts := setFacts(b)
	facts.OtherTypes = 0
	for _, sync := range syncs {
		v, in := types[sync.Type]
		if sync.Policies == 0 && !in {
			continue
		}
		if v.InTenant = sync.Policies; !in {
			facts.OtherTypes++
		}
		types[sync.Type] = v
	}
	out := CoverageView{Sentence: reason.SetSentence(facts), Types: []TypeCoverageView{}, Unlisted: []OutcomeView{}}
	for _, id := range slices.Sorted(maps.Keys(types)) {
		v := types[id]
		v.Type, v.Title = id, typeTitle(id)
		if t, ok := catalog.ByID(id); ok {
			v.Family, v.Restorability = string(t.Family), RestorabilityView{string(t.Restorability.Level), t.Restorability.Reason}
		}
		out.Types = append(out.Types, v)
	}
	lacks := func(v TypeCoverageView) int { return max(v.InTenant, v.InSet) - v.Captured }
	slices.SortStableFunc(out.Types, func(a, b TypeCoverageView) int {
		return cmp.Or(-cmp.Compare(min(lacks(a), 1), min(lacks(b), 1)), cmp.Compare(a.Title, b.Title))
	})
	if out.Unlisted, err = s.unlisted(ctx, b); err != nil {
		return CoverageView{}, err
	}
	return out, nil
}

// unlisted are the collections that the last run of the set could not list. They
// stand first in its plan.
func (s *server) unlisted(ctx context.Context, b run.BackupSet) ([]OutcomeView, error) {
	out := []OutcomeView{}
	if b.LastRunID == "" {
		return out, nil
	}
	r, err := s.Runs.Run(ctx, b.TenantID, b.LastRunID)
	if err != nil {
		return nil, err
	}
	failed := run.OutcomeQuery{TenantID: b.TenantID, RunID: r.ID, Statuses: []run.OutcomeStatus{run.OutcomeFailed}}
	page, err := s.Runs.Outcomes(ctx, failed, run.PageRequest{Limit: len(catalog.Sources())})
	if err != nil {
		return nil, err
	}
	view := outcomeView(r.TenantName)
	for _, o := range page.Items {
		if o.Item.Kind == run.KindPolicyType {
			out = append(out, view(o))
		}
	}
	return out, nil
}
