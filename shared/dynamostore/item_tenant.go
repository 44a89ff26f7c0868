package dynamostore

import (
	"tenantatlas/shared/run"
)

type tenantItem struct {
	PK             string          `dynamodbav:"PK"`
	SK             string          `dynamodbav:"SK"`
	Entity         string          `dynamodbav:"entity"`
	ID             string          `dynamodbav:"id"`
	Name           string          `dynamodbav:"name"`
	GraphTenantID  string          `dynamodbav:"graphTenantId,omitempty"`
	ClientID       string          `dynamodbav:"clientId,omitempty"`
	Cloud          string          `dynamodbav:"cloud,omitempty"`
	CredentialKind string          `dynamodbav:"credentialKind,omitempty"`
	CredentialRef  string          `dynamodbav:"credentialRef,omitempty"`
	Disabled       bool            `dynamodbav:"disabled"`
	Connection     *connectionItem `dynamodbav:"connection,omitempty"`
	ConnectionAt   string          `dynamodbav:"connectionAt,omitempty"` // as of when connection, or its absence, is known
	Owners         int             `dynamodbav:"owners"`
	CreatedAt      string          `dynamodbav:"createdAt,omitempty"`
	UpdatedAt      string          `dynamodbav:"updatedAt,omitempty"`
	Rev            int64           `dynamodbav:"rev"`
}

// Attributes of a tenant that expressions name.
const (
	attrConnection   = "connection"
	attrConnectionAt = "connectionAt"
)

// connectionItem is a run.ConnectionFault.
type connectionItem struct {
	Code  string `dynamodbav:"code"`
	RunID string `dynamodbav:"runId,omitempty"`
	At    string `dynamodbav:"at,omitempty"`
}

// newTenantItem is a new tenant, of which nothing is known yet: whether it can be
// reached is stored by updates alone.

func newTenantItem(t run.Tenant) tenantItem {
	k := tenantKey(t.ID)
	return tenantItem{
		PK: k.pk, SK: k.sk, Entity: entityTenant,
		ID: t.ID, Name: t.Name, GraphTenantID: t.GraphTenantID, ClientID: t.ClientID, Cloud: string(t.Cloud),
		CredentialKind: string(t.CredentialKind), CredentialRef: t.CredentialRef, Disabled: t.Disabled, Owners: t.Owners,
		CreatedAt: optionalStamp(t.CreatedAt), UpdatedAt: optionalStamp(t.UpdatedAt), Rev: t.Rev,
	}
}

func (i tenantItem) tenant() (run.Tenant, error) {
	var p stampParser
	t := run.Tenant{
		ID: i.ID, Name: i.Name, GraphTenantID: i.GraphTenantID, ClientID: i.ClientID, Cloud: run.Cloud(i.Cloud),
		CredentialKind: run.CredentialKind(i.CredentialKind), CredentialRef: i.CredentialRef, Disabled: i.Disabled, Owners: i.Owners,
		CreatedAt: p.optional(i.CreatedAt), UpdatedAt: p.optional(i.UpdatedAt), Rev: i.Rev,
	}
	if c := i.Connection; c != nil {
		t.Connection = &run.ConnectionFault{Code: c.Code, RunID: c.RunID, At: p.optional(c.At)}
	}
	return t, p.err
}

type memberItem struct {
	PK         string `dynamodbav:"PK"`
	SK         string `dynamodbav:"SK"`
	Entity     string `dynamodbav:"entity"`
	MemberUser string `dynamodbav:"memberUser"`
	TenantID   string `dynamodbav:"tenantId"`
	TenantName string `dynamodbav:"tenantName,omitempty"`
	UserID     string `dynamodbav:"userId"`
	Name       string `dynamodbav:"name,omitempty"`
	Role       string `dynamodbav:"role"`
	CreatedAt  string `dynamodbav:"createdAt,omitempty"`
	UpdatedAt  string `dynamodbav:"updatedAt,omitempty"`
	Rev        int64  `dynamodbav:"rev"`
}

func newMemberItem(m run.Member) memberItem {
	k := memberKey(m.TenantID, m.UserID)
	return memberItem{
		PK: k.pk, SK: k.sk, Entity: entityMember, MemberUser: m.UserID,
		TenantID: m.TenantID, TenantName: m.TenantName, UserID: m.UserID, Name: m.Name, Role: string(m.Role),
		CreatedAt: optionalStamp(m.CreatedAt), UpdatedAt: optionalStamp(m.UpdatedAt), Rev: m.Rev,
	}
}

func (i memberItem) member() (run.Member, error) {
	var p stampParser
	m := run.Member{
		TenantID: i.TenantID, TenantName: i.TenantName, UserID: i.UserID, Name: i.Name, Role: run.Role(i.Role),
		CreatedAt: p.optional(i.CreatedAt), UpdatedAt: p.optional(i.UpdatedAt), Rev: i.Rev,
	}
	return m, p.err
}
