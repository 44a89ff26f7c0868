package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/run"
)

// DriftView is a change of a policy that a scheduled backup found.
type DriftView struct {
	ID         string            `json:"id"`
	Kind       string            `json:"kind" enum:"new,changed,vanished,returned"`
	PolicyID   string            `json:"policyId"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	TypeTitle  string            `json:"typeTitle"`
	Platform   string            `json:"platform,omitempty"`
	From       int               `json:"fromVersion,omitempty" doc:"The version before"`
	To         int               `json:"toVersion,omitempty" doc:"The version after"`
	FoundAt    time.Time         `json:"foundAt"`
	RunID      string            `json:"runId"`
	ScheduleID string            `json:"scheduleId"`
	Total      int               `json:"changedSettings,omitempty"`
	Changes    []DriftChangeView `json:"changes" nullable:"false" doc:"The first of the changed settings, by name; the comparison has their values"`
	Diff       string            `json:"diff,omitempty" doc:"Where to read what changed, setting by setting"`
	SeenAt     *time.Time        `json:"seenAt,omitempty" doc:"When a member marked it as expected"`
	SeenBy     *InitiatorView    `json:"seenBy,omitempty"`
}

// DriftChangeView names one changed setting.
type DriftChangeView struct {
	Setting string `json:"setting"`
	Kind    string `json:"kind" enum:"added,removed,changed,reordered"`
}

func driftView(d run.Drift) DriftView {
	v := DriftView{
		ID: d.ID, Kind: string(d.Kind), PolicyID: d.PolicyID, Name: d.Name, Type: d.Type, TypeTitle: typeTitle(d.Type), Platform: d.Platform,
		From: d.From, To: d.To, FoundAt: d.FoundAt, RunID: d.RunID, ScheduleID: d.ScheduleID, Total: d.Total, Changes: []DriftChangeView{}, SeenAt: d.SeenAt,
	}
	for _, c := range d.Changes {
		v.Changes = append(v.Changes, DriftChangeView(c))
	}
	if d.From > 0 && d.To > 0 {
		v.Diff = diffPath(d.TenantID, d.PolicyID, d.From, d.To)
	}
	if d.SeenAt != nil {
		who := initiatorView(d.SeenBy)
		v.SeenBy = &who
	}
	return v
}

// SubscriptionView is what a member wants to be told of what runs by itself.
type SubscriptionView struct {
	Drift    bool `json:"drift" doc:"A scheduled backup found changed, new or vanished policies"`
	Problems bool `json:"problems" doc:"A scheduled run failed or ended with gaps"`
}

func (s *server) registerDrift(api huma.API) {
	const base = "/v1/tenants/{tenant}/drift"

	type listInput struct {
		PageInput
		Tenant string    `path:"tenant"`
		Kinds  []string  `query:"kind,explode" enum:"new,changed,vanished,returned" doc:"Repeat for several"`
		Types  []string  `query:"type,explode" maxItems:"100" doc:"Repeat for several"`
		Policy string    `query:"policy" maxLength:"64"`
		Run    string    `query:"run" maxLength:"64" doc:"Only what this run found"`
		State  string    `query:"state" enum:"open,all" default:"open" doc:"open: not yet marked as expected"`
		Search string    `query:"q" maxLength:"200" doc:"Part of the policy's name"`
		Since  time.Time `query:"since" doc:"Found at or after"`
	}
	huma.Register(api, op(http.MethodGet, base, "listDrift", "List what scheduled backups found changed, newest first", "drift", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[DriftView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			q := run.DriftQuery{TenantID: in.Tenant, Types: in.Types, PolicyID: in.Policy, RunID: in.Run, Search: strings.TrimSpace(in.Search), From: in.Since}
			for _, k := range in.Kinds {
				q.Kinds = append(q.Kinds, run.Change(k))
			}
			if in.State != "all" {
				open := true
				q.Open = &open
			}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "drift")
			}
			page, err := s.Drifts.ListDrift(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "drift")
			}
			return listOf(ctx, q, page, driftView), nil
		})

	type driftPath struct {
		Tenant string `path:"tenant"`
		Drift  string `path:"drift" maxLength:"80"`
	}
	type driftOutput struct{ Body DriftView }
	read := func(ctx context.Context, in *driftPath, need run.Role, f func(run.Member) (run.Drift, error)) (*driftOutput, error) {
		m, err := s.member(ctx, in.Tenant, need)
		if err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		if !run.ValidDriftID(in.Drift) {
			return nil, s.problem(ctx, run.ErrNotFound, "drift")
		}
		d, err := f(m)
		if err != nil {
			return nil, s.problem(ctx, err, "drift")
		}
		return &driftOutput{driftView(d)}, nil
	}
	huma.Register(api, op(http.MethodGet, base+"/{drift}", "getDrift", "Read what a scheduled backup found of one policy", "drift", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *driftPath) (*driftOutput, error) {
			return read(ctx, in, run.RoleViewer, func(run.Member) (run.Drift, error) { return s.Drifts.Drift(ctx, in.Tenant, in.Drift) })
		})
	huma.Register(api, op(http.MethodPost, base+"/{drift}/expected", "markDriftExpected", "Mark drift as expected", "drift", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *driftPath) (*driftOutput, error) {
			return read(ctx, in, run.RoleOperator, func(m run.Member) (run.Drift, error) {
				return s.Drifts.MarkDrift(ctx, in.Tenant, in.Drift, by(ctx, m), s.Now().UTC())
			})
		})

	type tenantPath struct {
		Tenant string `path:"tenant"`
	}
	type subscriptionOutput struct{ Body SubscriptionView }
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/subscription", "getSubscription", "Say what the caller is told of what runs by itself", "notifications", http.StatusOK),
		func(ctx context.Context, in *tenantPath) (*subscriptionOutput, error) {
			m, err := s.member(ctx, in.Tenant, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			sub, err := s.Subscriptions.Subscription(ctx, in.Tenant, m.UserID)
			if err != nil {
				return nil, s.problem(ctx, err, "subscription")
			}
			return &subscriptionOutput{SubscriptionView{Drift: sub.Drift, Problems: sub.Problems}}, nil
		})
	type putInput struct {
		Tenant string `path:"tenant"`
		Body   SubscriptionView
	}
	huma.Register(api, op(http.MethodPut, "/v1/tenants/{tenant}/subscription", "putSubscription", "Choose what the caller is told of what runs by itself", "notifications", http.StatusOK),
		func(ctx context.Context, in *putInput) (*subscriptionOutput, error) {
			m, err := s.member(ctx, in.Tenant, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			err = s.Subscriptions.PutSubscription(ctx, run.Subscription{TenantID: in.Tenant, UserID: m.UserID, Drift: in.Body.Drift, Problems: in.Body.Problems})
			if err != nil {
				return nil, s.problem(ctx, err, "subscription")
			}
			return &subscriptionOutput{in.Body}, nil
		})
}
