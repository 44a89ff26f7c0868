package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// TenantView is a tenant as its members see it. It never holds a credential.
type TenantView struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	GraphTenantID  string     `json:"graphTenantId" doc:"Microsoft's tenant id"`
	ClientID       string     `json:"clientId"`
	Cloud          string     `json:"cloud" enum:"global,usgov,usgovdod,china"`
	CredentialKind string     `json:"credentialKind" enum:"client_secret,certificate"`
	Disabled       bool       `json:"disabled"`
	Connection     *FaultView `json:"connectionFault,omitempty" doc:"Set while Microsoft refuses the credential or the application. Schedules are paused meanwhile"`
	Role           string     `json:"role,omitempty" doc:"The caller's role"`
	CreatedAt      time.Time  `json:"createdAt"`
	UpdatedAt      time.Time  `json:"updatedAt"`
}

// FaultView says why a tenant cannot be reached.
type FaultView struct {
	Code     string    `json:"code"`
	Sentence string    `json:"sentence"`
	Next     string    `json:"next,omitempty"`
	RunID    string    `json:"runId" doc:"The run that found it"`
	At       time.Time `json:"at"`
}

func faultView(t run.Tenant) *FaultView {
	if t.Connection == nil {
		return nil
	}
	code, p := reason.Code(t.Connection.Code), params{}.Set(reason.FieldTenant, t.Name)
	return &FaultView{
		Code: t.Connection.Code, Sentence: reason.Sentence(code, reason.ScopeRun, p), Next: reason.Next(code, reason.ScopeRun, p),
		RunID: t.Connection.RunID, At: t.Connection.At,
	}
}

// CredentialInput is a new credential. It is stored in the secret store and
// cannot be read back.
type CredentialInput struct {
	Kind         string `json:"kind" enum:"client_secret,certificate"`
	ClientSecret string `json:"clientSecret,omitempty" maxLength:"1024" doc:"For kind client_secret" writeOnly:"true"`
	Certificate  string `json:"certificate,omitempty" maxLength:"32768" doc:"For kind certificate: PEM with certificate and private key" writeOnly:"true"`
}

// TenantInput makes a tenant.
type TenantInput struct {
	Name          string          `json:"name" minLength:"1" maxLength:"200"`
	GraphTenantID string          `json:"graphTenantId" format:"uuid"`
	ClientID      string          `json:"clientId" format:"uuid"`
	Cloud         string          `json:"cloud,omitempty" enum:"global,usgov,usgovdod,china" default:"global"`
	Credential    CredentialInput `json:"credential"`
	Owner         OwnerInput      `json:"owner" doc:"The first owner, who adds the other members"`
}

// OwnerInput names the first owner.
type OwnerInput struct {
	UserID string `json:"userId" minLength:"1" maxLength:"128"`
	Name   string `json:"name,omitempty" maxLength:"200"`
}

// TenantPatch changes a tenant; absent fields stay.
type TenantPatch struct {
	Name          *string          `json:"name,omitempty" minLength:"1" maxLength:"200"`
	GraphTenantID *string          `json:"graphTenantId,omitempty" format:"uuid"`
	ClientID      *string          `json:"clientId,omitempty" format:"uuid"`
	Cloud         *string          `json:"cloud,omitempty" enum:"global,usgov,usgovdod,china"`
	Credential    *CredentialInput `json:"credential,omitempty"`
	Disabled      *bool            `json:"disabled,omitempty" doc:"A disabled tenant takes no new runs and its schedules are paused. Only platform administrators change it, and nothing else with it"`
}

type tenantOutput struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     TenantView
}

func revTag(rev int64) string { return `"r` + strconv.FormatInt(rev, 10) + `"` }

// revEnd stands between the revision and the hash of the content in the entity tag of
// what was read.
const revEnd = "."

// checkMatch compares an If-Match header with a revision; an absent header
// matches. What the content was is not compared: see conditional.
func checkMatch(ifMatch string, rev int64) error {
	var revisions []string
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if number, _, ok := strings.Cut(tag, revEnd); ok {
			tag = number + `"`
		}
		revisions = append(revisions, tag)
	}
	if ifMatch == "" || matches(strings.Join(revisions, ","), revTag(rev)) {
		return nil
	}
	return run.ErrConflict
}

func tenantView(t run.Tenant, role run.Role) TenantView {
	return TenantView{
		ID: t.ID, Name: t.Name, GraphTenantID: t.GraphTenantID, ClientID: t.ClientID, Cloud: string(t.Cloud),
		CredentialKind: string(t.CredentialKind), Disabled: t.Disabled, Connection: faultView(t), Role: string(role), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// credential checks a new credential for form; whether Microsoft accepts it is
// for a connection test to find out.
func credential(ctx context.Context, in CredentialInput) (run.Credential, error) {
	switch run.CredentialKind(in.Kind) {
	case run.CredentialClientSecret:
		if in.ClientSecret == "" || in.Certificate != "" {
			return run.Credential{}, invalid(ctx, "body.credential.clientSecret", "is needed for this kind, and nothing else")
		}
		return run.Credential{Kind: run.CredentialClientSecret, ClientSecret: in.ClientSecret}, nil
	case run.CredentialCertificate:
		if in.Certificate == "" || in.ClientSecret != "" {
			return run.Credential{}, invalid(ctx, "body.credential.certificate", "is needed for this kind, and nothing else")
		}
		pem := []byte(in.Certificate)
		if _, err := tls.X509KeyPair(pem, pem); err != nil {
			return run.Credential{}, invalid(ctx, "body.credential.certificate", "must be PEM with a certificate and its private key")
		}
		return run.Credential{Kind: run.CredentialCertificate, Certificate: pem}, nil
	}
	return run.Credential{}, invalid(ctx, "body.credential.kind", "is no kind of credential")
}

func (s *server) actor(ctx context.Context, e run.AuditEvent) run.AuditEvent {
	p := principal(ctx)
	e.At, e.ActorID, e.ActorName = s.Now().UTC(), p.UserID, p.Name
	return e
}

func (s *server) registerTenants(api huma.API) {
	huma.Register(api, op(http.MethodPost, "/v1/tenants", "createTenant", "Add a tenant (platform administrators)", "tenants", http.StatusCreated),
		func(ctx context.Context, in *struct{ Body TenantInput }) (*tenantOutput, error) {
			if !principal(ctx).PlatformAdmin {
				return nil, platformOnly(ctx)
			}
			if !run.ValidUserID(in.Body.Owner.UserID) {
				return nil, invalid(ctx, "body.owner.userId", "is not the id of a user")
			}
			if strings.TrimSpace(in.Body.Name) == "" {
				return nil, invalid(ctx, "body.name", "must not be blank")
			}
			cred, err := credential(ctx, in.Body.Credential)
			if err != nil {
				return nil, err
			}
			now := s.Now().UTC()
			t := run.Tenant{
				ID: s.IDs.New(run.PrefixTenant, now), Name: reason.ClipName(in.Body.Name), GraphTenantID: strings.ToLower(in.Body.GraphTenantID),
				ClientID: strings.ToLower(in.Body.ClientID), Cloud: run.Cloud(in.Body.Cloud), CredentialKind: cred.Kind, CreatedAt: now, UpdatedAt: now,
			}
			// The secret first: a tenant must not exist without one. If the record
			// then fails, a secret that nothing names is left, which harms nobody.
			if t.CredentialRef, err = s.Credentials.PutCredential(ctx, t.ID, cred); err != nil {
				return nil, s.problem(ctx, fmt.Errorf("store credential: %w", err), "tenant")
			}
			owner := run.Member{
				TenantID: t.ID, TenantName: t.Name, UserID: in.Body.Owner.UserID, Name: reason.ClipName(in.Body.Owner.Name),
				Role: run.RoleOwner, CreatedAt: now, UpdatedAt: now,
			}
			audit := s.actor(ctx, run.AuditEvent{
				TenantID: t.ID, Event: run.AuditTenantCreated, Target: run.Target{Kind: run.TargetTenant, ID: t.ID, Name: t.Name},
				Details: map[string]string{"owner": owner.UserID},
			})
			if err := s.Tenants.CreateTenant(ctx, t, owner, audit); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return &tenantOutput{Status: http.StatusCreated, ETag: revTag(1), Location: "/v1/tenants/" + t.ID, Body: tenantView(t, "")}, nil
		})

	type tenantInput struct {
		Tenant string `path:"tenant"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}", "getTenant", "Read a tenant", "tenants", http.StatusOK),
		func(ctx context.Context, in *tenantInput) (*tenantOutput, error) {
			m, err := s.member(ctx, in.Tenant, run.RoleViewer)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			t, err := s.Tenants.Tenant(ctx, in.Tenant)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return &tenantOutput{Status: http.StatusOK, ETag: revTag(t.Rev), Body: tenantView(t, m.Role)}, nil
		})

	type patchInput struct {
		Tenant  string `path:"tenant"`
		IfMatch string `header:"If-Match" maxLength:"200" doc:"ETag that was read; refuses the change when the tenant changed meanwhile"`
		Body    TenantPatch
	}
	huma.Register(api, op(http.MethodPatch, "/v1/tenants/{tenant}", "updateTenant", "Change a tenant or its credential", "tenants", http.StatusOK, http.StatusPreconditionFailed),
		func(ctx context.Context, in *patchInput) (*tenantOutput, error) {
			if in.Body.Disabled != nil {
				return s.disableTenant(ctx, in.Tenant, in.IfMatch, in.Body)
			}
			m, err := s.member(ctx, in.Tenant, run.RoleOwner)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			t, err := s.patchTenant(ctx, in.Tenant, in.IfMatch, in.Body)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			return &tenantOutput{Status: http.StatusOK, ETag: revTag(t.Rev), Body: tenantView(t, m.Role)}, nil
		})
}

// disableTenant disables a tenant or enables it, which is for platform
// administrators, whether they are members or not. That lets them see nothing else
// of it.
func (s *server) disableTenant(ctx context.Context, tenantID, ifMatch string, in TenantPatch) (*tenantOutput, error) {
	if !principal(ctx).PlatformAdmin {
		if _, err := s.member(ctx, tenantID, run.RoleOwner); err != nil {
			return nil, s.problem(ctx, err, "tenant")
		}
		return nil, platformOnly(ctx)
	}
	if in != (TenantPatch{Disabled: in.Disabled}) {
		return nil, invalid(ctx, "body.disabled", "is changed alone")
	}
	if !run.ValidTenantID(tenantID) {
		return nil, s.problem(ctx, run.ErrNotMember, "tenant")
	}
	t, err := s.Tenants.Tenant(ctx, tenantID)
	if errors.Is(err, run.ErrNotFound) {
		err = run.ErrNotMember
	}
	if err == nil {
		err = checkMatch(ifMatch, t.Rev)
	}
	if err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	t.Disabled, t.UpdatedAt = *in.Disabled, s.Now().UTC()
	event := run.AuditEvent{TenantID: t.ID, Event: run.AuditTenantChanged, Target: run.Target{Kind: run.TargetTenant, ID: t.ID, Name: t.Name}, Details: map[string]string{"changed.disabled": strconv.FormatBool(t.Disabled)}}
	if t, err = s.Tenants.UpdateTenant(ctx, t, s.actor(ctx, event)); err != nil {
		return nil, s.problem(ctx, err, "tenant")
	}
	return &tenantOutput{Status: http.StatusOK, ETag: revTag(t.Rev), Body: tenantView(t, "")}, nil
}

// platformOnly refuses who is no platform administrator.
func platformOnly(ctx context.Context) *Problem {
	p := newProblem(ctx, "forbidden_role", params{}.Set(reason.FieldRole, "platform_administrator"))
	p.Role = "platform_administrator"
	return p
}

func (s *server) patchTenant(ctx context.Context, tenantID, ifMatch string, in TenantPatch) (run.Tenant, error) {
	t, err := s.Tenants.Tenant(ctx, tenantID)
	if err != nil {
		return run.Tenant{}, err
	}
	if err := checkMatch(ifMatch, t.Rev); err != nil {
		return run.Tenant{}, err
	}
	event := run.AuditEvent{TenantID: t.ID, Event: run.AuditTenantChanged, Details: map[string]string{}}
	set := func(field string, dst *string, v *string) {
		if v != nil && *v != *dst {
			*dst = *v
			event.Details["changed."+field] = "true"
		}
	}
	if in.Name != nil {
		clipped := reason.ClipName(*in.Name)
		if clipped == "" {
			return run.Tenant{}, invalid(ctx, "body.name", "must not be blank")
		}
		set("name", &t.Name, &clipped)
	}
	set("graphTenantId", &t.GraphTenantID, in.GraphTenantID)
	set("clientId", &t.ClientID, in.ClientID)
	cloud := string(t.Cloud)
	set("cloud", &cloud, in.Cloud)
	t.Cloud = run.Cloud(cloud)
	if in.Credential != nil {
		cred, err := credential(ctx, *in.Credential)
		if err != nil {
			return run.Tenant{}, err
		}
		if t.CredentialRef, err = s.Credentials.PutCredential(ctx, t.ID, cred); err != nil {
			return run.Tenant{}, fmt.Errorf("store credential: %w", err)
		}
		t.CredentialKind = cred.Kind
		t.Connection = nil // what was found with the old one says nothing of this one
		event.Event = run.AuditCredentialChanged
		event.Details["credentialKind"] = string(cred.Kind)
	}
	t.UpdatedAt = s.Now().UTC()
	event.Target = run.Target{Kind: run.TargetTenant, ID: t.ID, Name: t.Name}
	t, err = s.Tenants.UpdateTenant(ctx, t, s.actor(ctx, event))
	if err != nil {
		return run.Tenant{}, err
	}
	if event.Details["changed.name"] != "" {
		s.renameMemberships(ctx, t)
	}
	return t, nil
}

// renameMemberships carries a tenant's new name into its members' lists. The
// tenant record has the truth; what fails here is set right by the next change
// of that member, so it is not worth an error.
func (s *server) renameMemberships(ctx context.Context, t run.Tenant) {
	var cursor string
	for {
		page, err := s.Tenants.Members(ctx, t.ID, run.PageRequest{Limit: MaxPageSize, Cursor: cursor})
		if err != nil {
			s.Log.WarnContext(ctx, "memberships keep the old tenant name", "tenant", t.ID, "error", err)
			return
		}
		for _, m := range page.Items {
			m.TenantName = t.Name
			audit := s.actor(ctx, run.AuditEvent{TenantID: t.ID, Event: run.AuditTenantChanged, Target: run.Target{Kind: run.TargetTenant, ID: t.ID, Name: t.Name}, Details: map[string]string{"member": m.UserID}})
			if _, err := s.Tenants.PutMember(ctx, m, m.Rev, audit); err != nil && !errors.Is(err, run.ErrConflict) {
				s.Log.WarnContext(ctx, "membership keeps the old tenant name", "tenant", t.ID, "error", err)
			}
		}
		if cursor = page.Next; cursor == "" {
			return
		}
	}
}

// MeView is who the caller is.
type MeView struct {
	UserID        string `json:"userId"`
	Name          string `json:"name,omitempty"`
	PlatformAdmin bool   `json:"platformAdmin"`
}

func (s *server) registerMe(api huma.API) {
	huma.Register(api, op(http.MethodGet, "/v1/me", "getMe", "Who the caller is", "me", http.StatusOK),
		func(ctx context.Context, _ *struct{}) (*struct{ Body MeView }, error) {
			p := principal(ctx)
			return &struct{ Body MeView }{MeView{UserID: p.UserID, Name: p.Name, PlatformAdmin: p.PlatformAdmin}}, nil
		})
}
