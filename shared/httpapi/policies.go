package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// PolicyPath names a policy in a path.
type PolicyPath struct {
	Tenant string `path:"tenant"`
	Policy string `path:"policy"`
}

// PolicyView is a policy of the inventory.
type PolicyView struct {
	ID             string     `json:"id"`
	Type           string     `json:"type"`
	TypeTitle      string     `json:"typeTitle"`
	GraphID        string     `json:"graphId"`
	Name           string     `json:"name"`
	Platform       string     `json:"platform,omitempty"`
	State          string     `json:"state" enum:"present,vanished"`
	FirstSeenAt    time.Time  `json:"firstSeenAt"`
	LastSeenAt     *time.Time `json:"lastSeenAt,omitempty" doc:"The last complete sync that listed it"`
	ChangedAt      time.Time  `json:"changedAt" doc:"When a sync last found a change"`
	LastChange     string     `json:"lastChange" enum:"new,changed,vanished,returned"`
	LastRunID      string     `json:"lastRunId" doc:"The sync that found it"`
	VanishedAt     *time.Time `json:"vanishedAt,omitempty"`
	LatestVersion  int        `json:"latestVersion" doc:"0 when it was never captured"`
	LastCapturedAt *time.Time `json:"lastCapturedAt,omitempty"`
}

func policyView(p run.Policy) PolicyView {
	v := PolicyView{
		ID: p.ID, Type: p.Type, TypeTitle: p.Type, GraphID: p.GraphID, Name: p.Name, Platform: p.Platform, State: "present",
		FirstSeenAt: p.FirstSeenAt, ChangedAt: p.ChangedAt, LastChange: string(p.LastChange), LastRunID: p.LastRunID,
		VanishedAt: p.VanishedAt, LatestVersion: p.LatestVersion, LastCapturedAt: p.LastCapturedAt,
	}
	if t, ok := catalog.ByID(p.Type); ok {
		v.TypeTitle = t.Title
	}
	if p.VanishedAt != nil {
		v.State = "vanished"
	}
	if !p.LastSeenAt.IsZero() {
		v.LastSeenAt = &p.LastSeenAt
	}
	return v
}

// VersionView is a captured version without its content.
type VersionView struct {
	Number      int        `json:"number"`
	PolicyID    string     `json:"policyId"`
	PolicyType  string     `json:"policyType"`
	PolicyName  string     `json:"policyName"`
	Platform    string     `json:"platform,omitempty"`
	ContentHash string     `json:"contentHash" doc:"Equal for equal content, whatever the service changed by itself"`
	Size        int64      `json:"size" doc:"Bytes of the content"`
	Complete    bool       `json:"complete" doc:"false when a part could not be read, see notes"`
	Notes       []NoteView `json:"notes" nullable:"false"`
	Report      ReportView `json:"restorability" doc:"What of this version can be written back"`
	CapturedAt  time.Time  `json:"capturedAt"`
	CapturedBy  string     `json:"capturedBy"`
	RunID       string     `json:"runId"`
}

// NoteView is one thing to know about a version.
type NoteView struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
	Next     string `json:"next,omitempty"`
}

// VersionContent is a version with what was captured, as Microsoft Graph gave
// it: unknown properties, nulls and large numbers included.
type VersionContent struct {
	VersionView
	Content json.RawMessage `json:"content"`
}

func versionView(v run.Version) VersionView {
	out := VersionView{
		Number: v.Number, PolicyID: v.PolicyID, PolicyType: v.PolicyType, PolicyName: v.PolicyName, Platform: v.Platform,
		ContentHash: v.ContentHash, Size: v.PayloadSize, Complete: v.Complete, Notes: []NoteView{},
		CapturedAt: v.CapturedAt, CapturedBy: v.CapturedBy, RunID: v.RunID,
	}
	for _, n := range v.Notes {
		p, code := params(n.Params), reason.Code(n.Code)
		out.Notes = append(out.Notes, NoteView{Code: n.Code, Sentence: reason.Sentence(code, reason.ScopeItem, p), Next: reason.Next(code, reason.ScopeItem, p)})
	}
	out.Report = reportView(v, out.Notes)
	return out
}

func (s *server) registerPolicies(api huma.API) {
	type listInput struct {
		PageInput
		Tenant    string   `path:"tenant"`
		Types     []string `query:"type,explode" doc:"Repeat for several"`
		Platforms []string `query:"platform,explode" maxItems:"50" doc:"Repeat for several"`
		Search    string   `query:"q" maxLength:"200" doc:"Part of the name"`
		State     string   `query:"state" enum:"present,vanished,drifted,never" doc:"drifted: with drift that is not marked as expected, the newest first, in pages that may be short; never: present and never captured"`
		Captured  string   `query:"captured" enum:"recent,older,never" doc:"recent: last captured within 24 hours; older: before that"`
		Sort      string   `query:"sort" enum:"name,-name" default:"name"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies", "listPolicies", "List the policies of the inventory by name", "policies", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[PolicyView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			question := []any{"policies", in.Tenant, in.Types, in.Platforms, in.Search, in.State, in.Captured, in.Sort}
			req, err := in.request(ctx, question)
			if err != nil {
				return nil, s.problem(ctx, err, "policy")
			}
			q, drifted := run.PolicyQuery{TenantID: in.Tenant, Types: in.Types, Platforms: in.Platforms, Search: strings.TrimSpace(in.Search), Descending: in.Sort == "-name"}, in.State == "drifted"
			yes, no := true, false
			switch in.State {
			case "present", "never":
				q.Vanished = &no
			case "vanished":
				q.Vanished = &yes
			}
			// To the hour, so that a page means the same as the one before it.
			day := s.Now().UTC().Truncate(time.Hour).Add(-run.CoverageTime)
			switch {
			case in.State == "never" || in.Captured == "never":
				q.Captured = &no
			case in.Captured == "recent":
				q.CapturedFrom = day
			case in.Captured == "older":
				q.CapturedTo = day
			}
			list := s.Policies.ListPolicies
			if drifted {
				list = s.driftedPolicies
			}
			page, err := list(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "policy")
			}
			return listOf(ctx, question, page, policyView), nil
		})

	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies/{policy}", "getPolicy", "Read a policy of the inventory", "policies", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *PolicyPath) (*struct{ Body PolicyView }, error) {
			p, err := s.readPolicy(ctx, in.Tenant, in.Policy)
			if err != nil {
				return nil, s.problem(ctx, err, "policy")
			}
			return &struct{ Body PolicyView }{policyView(p)}, nil
		})

	type versionsInput struct {
		PageInput
		PolicyPath
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies/{policy}/versions", "listVersions", "List the versions of a policy, newest first", "policies", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *versionsInput) (*ListOutput[VersionView], error) {
			if _, err := s.readPolicy(ctx, in.Tenant, in.Policy); err != nil {
				return nil, s.problem(ctx, err, "policy")
			}
			question := "versions " + in.Tenant + " " + in.Policy
			req, err := in.request(ctx, question)
			if err != nil {
				return nil, s.problem(ctx, err, "version")
			}
			page, err := s.Policies.Versions(ctx, in.Tenant, in.Policy, req)
			if err != nil {
				return nil, s.problem(ctx, err, "version")
			}
			return listOf(ctx, question, page, versionView), nil
		})

	type versionInput struct {
		PolicyPath
		Number int `path:"number" minimum:"1" maximum:"99999999"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies/{policy}/versions/{number}", "getVersion", "Read a version with its content", "policies", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *versionInput) (*struct{ Body VersionContent }, error) {
			if _, err := s.readPolicy(ctx, in.Tenant, in.Policy); err != nil {
				return nil, s.problem(ctx, err, "policy")
			}
			v, content, err := s.readVersion(ctx, in.Tenant, in.Policy, in.Number)
			if err != nil {
				return nil, s.problem(ctx, err, "version")
			}
			if content, err = catalog.Public(content); err != nil {
				return nil, s.problem(ctx, err, "version")
			}
			return &struct{ Body VersionContent }{VersionContent{VersionView: versionView(v), Content: content}}, nil
		})
}

// driftedPolicies lists policies with open drift, in the order in which it was found.
// One that drifted several times is listed with the newest of a page.
func (s *server) driftedPolicies(ctx context.Context, q run.PolicyQuery, p run.PageRequest) (run.Page[run.Policy], error) {
	open := true
	drift, err := s.Drifts.ListDrift(ctx, run.DriftQuery{TenantID: q.TenantID, Types: q.Types, Search: q.Search, Open: &open}, p)
	if err != nil {
		return run.Page[run.Policy]{}, err
	}
	var ids []string
	for _, d := range drift.Items {
		if !slices.Contains(ids, d.PolicyID) {
			ids = append(ids, d.PolicyID)
		}
	}
	found, err := s.Policies.PoliciesByID(ctx, q.TenantID, ids)
	if err != nil {
		return run.Page[run.Policy]{}, err
	}
	found = slices.DeleteFunc(found, func(p run.Policy) bool { return !q.Matches(p) })
	slices.SortFunc(found, func(a, b run.Policy) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return run.Page[run.Policy]{Items: found, Next: drift.Next}, nil
}

func (s *server) readPolicy(ctx context.Context, tenantID, policyID string) (run.Policy, error) {
	if _, err := s.member(ctx, tenantID, run.RoleViewer); err != nil {
		return run.Policy{}, err
	}
	if !run.ValidPolicyID(policyID) {
		return run.Policy{}, run.ErrNotFound
	}
	return s.Policies.Policy(ctx, tenantID, policyID)
}

// readVersion reads a version and its payload. run.ErrNotFound.
func (s *server) readVersion(ctx context.Context, tenantID, policyID string, number int) (run.Version, []byte, error) {
	v, err := s.Policies.Version(ctx, tenantID, policyID, number)
	if err != nil {
		return run.Version{}, nil, err
	}
	payload, err := s.Archive.Get(ctx, tenantID, v.PayloadKey)
	return v, payload, err
}
