package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// MemberView is a member of a tenant.
type MemberView struct {
	UserID    string    `json:"userId"`
	Name      string    `json:"name,omitempty"`
	Role      string    `json:"role" enum:"viewer,operator,restorer,owner"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// MemberInput sets a member's role.
type MemberInput struct {
	Role string `json:"role" enum:"viewer,operator,restorer,owner"`
	Name string `json:"name,omitempty" maxLength:"200" doc:"How to show the user; kept when absent"`
}

// MemberPath names a member in a path. The framework reads embedded fields of
// exported types only.
type MemberPath struct {
	Tenant string `path:"tenant"`
	User   string `path:"user" maxLength:"128"`
}

type memberOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   MemberView
}

func memberView(m run.Member) MemberView {
	return MemberView{UserID: m.UserID, Name: m.Name, Role: string(m.Role), CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

func fieldAt(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func (s *server) registerMembers(api huma.API) {
	type listInput struct {
		PageInput
		Tenant string `path:"tenant"`
		Search string `query:"q" maxLength:"200" doc:"Part of the name or the id"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/members", "listMembers", "List the members of a tenant", "members", http.StatusOK),
		func(ctx context.Context, in *listInput) (*ListOutput[MemberView], error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			search := strings.ToLower(strings.TrimSpace(in.Search))
			question := []string{"members", in.Tenant, search}
			req, err := in.request(ctx, question)
			if err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			page := run.Page[run.Member]{Next: req.Cursor}
			for range maxLooks {
				found, err := s.Tenants.Members(ctx, in.Tenant, run.PageRequest{Limit: req.Limit - len(page.Items), Cursor: page.Next})
				if err != nil {
					return nil, s.problem(ctx, err, "member")
				}
				for _, m := range found.Items {
					if strings.Contains(strings.ToLower(m.Name), search) || strings.Contains(strings.ToLower(m.UserID), search) {
						page.Items = append(page.Items, m)
					}
				}
				if page.Next = found.Next; page.Next == "" || len(page.Items) == req.Limit {
					break
				}
			}
			return listOf(ctx, question, page, memberView), nil
		})

	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/members/{user}", "getMember", "Read one member", "members", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *MemberPath) (*memberOutput, error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleViewer); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			m, err := s.otherMember(ctx, in.Tenant, in.User)
			if err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			return &memberOutput{Status: http.StatusOK, ETag: revTag(m.Rev), Body: memberView(m)}, nil
		})

	type putInput struct {
		MemberPath
		IfMatch string `header:"If-Match" maxLength:"200"`
		Body    MemberInput
	}
	huma.Register(api, op(http.MethodPut, "/v1/tenants/{tenant}/members/{user}", "putMember", "Add a member or change a role", "members", http.StatusOK, http.StatusConflict, http.StatusPreconditionFailed),
		func(ctx context.Context, in *putInput) (*memberOutput, error) {
			me, err := s.member(ctx, in.Tenant, run.RoleOwner)
			if err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			if !run.ValidUserID(in.User) {
				return nil, invalid(ctx, "path.user", "is not the id of a user")
			}
			now := s.Now().UTC()
			m, err := s.otherMember(ctx, in.Tenant, in.User)
			status := http.StatusOK
			switch {
			case errors.Is(err, run.ErrNotFound):
				if in.IfMatch != "" {
					return nil, s.problem(ctx, run.ErrConflict, "member")
				}
				m = run.Member{TenantID: in.Tenant, UserID: in.User, CreatedAt: now}
				status = http.StatusCreated
			case err != nil:
				return nil, s.problem(ctx, err, "member")
			}
			if err := checkMatch(in.IfMatch, m.Rev); err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			m.TenantName, m.Role, m.UpdatedAt = me.TenantName, run.Role(in.Body.Role), now
			if in.Body.Name != "" {
				m.Name = reason.ClipName(in.Body.Name)
			}
			audit := s.actor(ctx, run.AuditEvent{TenantID: in.Tenant, Event: run.AuditMemberSet, Details: map[string]string{"member": in.User, "role": in.Body.Role}})
			m, err = s.Tenants.PutMember(ctx, m, m.Rev, audit)
			if err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			return &memberOutput{Status: status, ETag: revTag(m.Rev), Body: memberView(m)}, nil
		})

	type deleteInput struct {
		MemberPath
		IfMatch string `header:"If-Match" maxLength:"200"`
	}
	huma.Register(api, op(http.MethodDelete, "/v1/tenants/{tenant}/members/{user}", "deleteMember", "Remove a member", "members", http.StatusNoContent, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed),
		func(ctx context.Context, in *deleteInput) (*struct{}, error) {
			if _, err := s.member(ctx, in.Tenant, run.RoleOwner); err != nil {
				return nil, s.problem(ctx, err, "tenant")
			}
			m, err := s.otherMember(ctx, in.Tenant, in.User)
			if err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			if err := checkMatch(in.IfMatch, m.Rev); err != nil {
				return nil, s.problem(ctx, err, "member")
			}
			audit := s.actor(ctx, run.AuditEvent{TenantID: in.Tenant, Event: run.AuditMemberRemoved, Details: map[string]string{"member": in.User}})
			if err := s.Tenants.DeleteMember(ctx, in.Tenant, in.User, m.Rev, audit); err != nil {
				return nil, s.problem(ctx, asMissing(err), "member")
			}
			return nil, nil
		})
}

// otherMember reads a member that the caller asks about. That the member does
// not exist is then not the caller's lack of access.
func (s *server) otherMember(ctx context.Context, tenantID, userID string) (run.Member, error) {
	if !run.ValidUserID(userID) {
		return run.Member{}, run.ErrNotFound
	}
	m, err := s.Tenants.Member(ctx, tenantID, userID)
	return m, asMissing(err)
}

func asMissing(err error) error {
	if errors.Is(err, run.ErrNotMember) {
		return run.ErrNotFound
	}
	return err
}
