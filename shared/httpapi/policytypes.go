package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// PolicyTypeView is a policy type of the catalogue.
type PolicyTypeView struct {
	ID               string            `json:"id"`
	Title            string            `json:"title"`
	Family           string            `json:"family"`
	Collection       string            `json:"collection" doc:"Where Microsoft Graph keeps the objects"`
	Restorability    RestorabilityView `json:"restorability"`
	ReadPermissions  []string          `json:"readPermissions" nullable:"false" doc:"Application permissions of which any one is enough"`
	WritePermissions []string          `json:"writePermissions" nullable:"false" doc:"Application permissions that a restore needs"`
	DependsOn        []string          `json:"dependsOn" nullable:"false" doc:"Types that objects of this one refer to"`
	Secrets          []SecretView      `json:"secrets" nullable:"false" doc:"Values that Microsoft Graph does not give out with the object"`
}

// RestorabilityView says what can be written back.
type RestorabilityView struct {
	Level  string `json:"level" enum:"full,preview_only,capture_only"`
	Reason string `json:"reason,omitempty"`
}

// SecretView is a value that Microsoft Graph does not give out with the object.
type SecretView struct {
	Where      string `json:"where"`
	Reason     string `json:"reason"`
	Restorable bool   `json:"restorable"`
}

func policyTypeView(t catalog.Type) PolicyTypeView {
	v := PolicyTypeView{
		ID: t.ID, Title: t.Title, Family: string(t.Family), Collection: t.Collection,
		Restorability:   RestorabilityView{string(t.Restorability.Level), t.Restorability.Reason},
		ReadPermissions: orEmpty(t.ReadPermissions), WritePermissions: orEmpty(t.WritePermissions), DependsOn: orEmpty(t.DependsOn),
		Secrets: []SecretView{},
	}
	for _, s := range t.Secrets {
		v.Secrets = append(v.Secrets, SecretView(s))
	}
	return v
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// ReportView says of one version what of it can be written back, and if not all,
// why.
type ReportView struct {
	RestorabilityView
	Assignments bool     `json:"assignments" doc:"Whether the version can restore assignments"`
	Missing     []string `json:"missing" nullable:"false" doc:"What the version lacks, in sentences"`
}

// reportView draws together what the type allows and what the version lacks.
func reportView(v run.Version, notes []NoteView) ReportView {
	out := ReportView{RestorabilityView: RestorabilityView{Level: string(catalog.CaptureOnly)}, Missing: []string{}}
	if t, ok := catalog.ByID(v.PolicyType); ok {
		out.RestorabilityView = RestorabilityView{string(t.Restorability.Level), t.Restorability.Reason}
		out.Assignments = t.Assign.Path != "" && t.Restorability.Level != catalog.CaptureOnly
	}
	for _, n := range notes {
		out.Missing = append(out.Missing, n.Sentence)
		switch reason.Code(n.Code) {
		case reason.AssignmentsUnreadable:
			out.Assignments = false
		case reason.UnreadablePart, reason.SecretNotReadable:
			// What it lacks would be lost by writing it back.
			if out.Level == string(catalog.Full) {
				out.Level, out.Reason = string(catalog.PreviewOnly), n.Sentence
			}
		}
	}
	return out
}

func (s *server) registerPolicyTypes(api huma.API) {
	huma.Register(api, op(http.MethodGet, "/v1/policy-types", "listPolicyTypes", "List the policy types, with what can be restored of each", "policies", http.StatusOK),
		func(context.Context, *struct{}) (*ListOutput[PolicyTypeView], error) {
			out := &ListOutput[PolicyTypeView]{Body: List[PolicyTypeView]{Items: []PolicyTypeView{}}}
			for _, t := range catalog.All() {
				out.Body.Items = append(out.Body.Items, policyTypeView(t))
			}
			return out, nil
		})

	type tenantInput struct {
		Tenant string `path:"tenant"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policy-types", "listTenantPolicyTypes", "List the policy types with how many policies the tenant has of each", "policies", http.StatusOK),
		func(ctx context.Context, in *tenantInput) (*struct{ Body TenantPolicyTypes }, error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			v, err := s.tenantPolicyTypes(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return &struct{ Body TenantPolicyTypes }{v}, nil
		})
}

// TenantPolicyTypeView is a policy type in one tenant.
type TenantPolicyTypeView struct {
	PolicyTypeView
	Policies int        `json:"policies" doc:"In the tenant"`
	Never    int        `json:"neverCaptured" doc:"Of those"`
	Vanished int        `json:"vanished" doc:"Known, and no longer in the tenant"`
	SyncedAt *time.Time `json:"syncedAt,omitempty" doc:"When the type was last listed completely"`
}

// TenantPolicyTypes are all policy types, with what the tenant has of them.
type TenantPolicyTypes struct {
	List[TenantPolicyTypeView]
	Used      int        `json:"used" doc:"Types of which the tenant has policies"`
	CountedAt *time.Time `json:"countedAt,omitempty" doc:"Absent until the policies were counted: then only how many a sync found is known"`
}

func (s *server) tenantPolicyTypes(ctx context.Context, tenantID string) (TenantPolicyTypes, error) {
	sum, err := s.Summaries.Summary(ctx, tenantID)
	if err != nil {
		return TenantPolicyTypes{}, err
	}
	syncs, err := s.Policies.TypeSyncs(ctx, tenantID)
	if err != nil {
		return TenantPolicyTypes{}, err
	}
	synced := map[string]run.TypeSync{}
	for _, sync := range syncs {
		synced[sync.Type] = sync
	}
	out := TenantPolicyTypes{List: List[TenantPolicyTypeView]{Items: []TenantPolicyTypeView{}}}
	if sum.Inventory != nil {
		out.CountedAt = &sum.Inventory.At
	}
	for _, t := range catalog.All() {
		v := TenantPolicyTypeView{PolicyTypeView: policyTypeView(t)}
		if sync, ok := synced[t.ID]; ok {
			v.SyncedAt, v.Policies = &sync.SyncedAt, sync.Policies
		}
		if sum.Inventory != nil {
			c := sum.Inventory.Types[t.ID]
			v.Policies, v.Never, v.Vanished = c.Present, c.Never, c.Vanished
		}
		if v.Policies > 0 {
			out.Used++
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}
