package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// Every change of a tenant or its members is one transaction with its audit
// event. The event's key holds a token of the whole change, so the presence of
// the event is the evidence that the change was made, even when later changes
// went over it.

// CreateTenant implements run.Tenants.
func (s *Store) CreateTenant(ctx context.Context, t run.Tenant, owner run.Member, audit run.AuditEvent) error {
	switch {
	case !plain(t.ID, owner.UserID):
		return errors.New("create tenant: identifier cannot be stored")
	case owner.TenantID != t.ID || owner.Role != run.RoleOwner:
		return errors.New("create tenant: the first member must be an owner of it")
	}
	token, err := contentToken("create tenant", t, owner, audit)
	if err != nil {
		return err
	}
	t.Owners, t.Rev, owner.Rev = 1, 1, 1
	absent := newExpression()
	absent.whenAbsent()
	tenantPut, err := s.txPut(newTenantItem(t), absent)
	if err != nil {
		return err
	}
	ownerPut, err := s.txPut(newMemberItem(owner), absent)
	if err != nil {
		return err
	}
	return s.change(ctx, "create tenant", t.ID, audit, token, []types.TransactWriteItem{tenantPut, ownerPut},
		func(refusal) error { return run.ErrConflict })
}

// change performs a transaction together with its audit event. explain says what
// a refusal means; it sees the items in their order.
func (s *Store) change(ctx context.Context, what, tenantID string, audit run.AuditEvent, token string, items []types.TransactWriteItem, explain func(refusal) error) error {
	item, err := newAuditItem(tenantID, audit, token)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	e := newExpression()
	e.whenAbsent()
	put, err := s.txPut(item, e)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return s.transact(ctx, what, "", append(items, put), func(ctx context.Context, r refusal) error {
		// Not every refusal names all of its reasons, so the evidence is read.
		image, err := s.get(ctx, key{item.PK, item.SK})
		if err != nil {
			return err
		}
		if image != nil {
			return nil
		}
		return explain(r)
	})
}

// Tenant implements run.Tenants.
func (s *Store) Tenant(ctx context.Context, tenantID string) (run.Tenant, error) {
	if !plain(tenantID) {
		return run.Tenant{}, run.ErrNotFound
	}
	image, err := s.get(ctx, tenantKey(tenantID))
	if err != nil {
		return run.Tenant{}, err
	}
	if image == nil {
		return run.Tenant{}, run.ErrNotFound
	}
	return decodeTenant(image)
}

func decodeTenant(image map[string]types.AttributeValue) (run.Tenant, error) {
	i, err := decode[tenantItem](image)
	if err != nil {
		return run.Tenant{}, err
	}
	return i.tenant()
}

const attrOwners = "owners"

// UpdateTenant implements run.Tenants.
func (s *Store) UpdateTenant(ctx context.Context, t run.Tenant, audit run.AuditEvent) (run.Tenant, error) {
	if !plain(t.ID) {
		return run.Tenant{}, run.ErrNotFound
	}
	now, err := s.Tenant(ctx, t.ID)
	if err != nil {
		return run.Tenant{}, err
	}
	t.Owners = 0 // no part of the change
	clears := t.Connection == nil
	t.Connection = nil // no part of it either, but for that
	token, err := contentToken("update tenant", t, clears, audit)
	if err != nil {
		return run.Tenant{}, err
	}
	e := newExpression()
	e.whenPresent()
	e.whenNumber(attrRev, t.Rev)
	e.setText("name", t.Name)
	e.setOptional("graphTenantId", t.GraphTenantID)
	e.setOptional("clientId", t.ClientID)
	e.setOptional("cloud", string(t.Cloud))
	e.setOptional("credentialKind", string(t.CredentialKind))
	e.setOptional("credentialRef", t.CredentialRef)
	e.set("disabled", &types.AttributeValueMemberBOOL{Value: t.Disabled})
	e.setOptional("createdAt", optionalStamp(t.CreatedAt))
	e.setOptional(attrUpdatedAt, optionalStamp(t.UpdatedAt))
	e.setNumber(attrRev, t.Rev+1)
	if clears {
		e.remove(attrConnection)
		e.setOptional(attrConnectionAt, optionalStamp(t.UpdatedAt))
	} else {
		t.Connection = now.Connection
	}
	err = s.change(ctx, "update tenant", t.ID, audit, token, []types.TransactWriteItem{s.txUpdate(tenantKey(t.ID), e)},
		func(r refusal) error {
			if first := r.at(0); first.failed && len(first.image) == 0 {
				return run.ErrNotFound
			}
			return run.ErrConflict
		})
	if err != nil {
		return run.Tenant{}, err
	}
	t.Owners = now.Owners
	t.Rev++
	return t, nil
}

// NoteConnection implements run.Tenants. Whatever refuses a note of a tenant that
// exists is later than it, this very note included, so a lost answer needs no
// evidence.
func (s *Store) NoteConnection(ctx context.Context, tenantID string, at time.Time, fault *run.ConnectionFault) error {
	if !plain(tenantID) {
		return run.ErrNotFound
	}
	e := newExpression()
	e.whenPresent()
	e.when("(attribute_not_exists(%[1]s) OR %[1]s < %[2]s)", e.name(attrConnectionAt), e.text(stamp(at)))
	e.setText(attrConnectionAt, stamp(at))
	if fault == nil {
		e.remove(attrConnection)
	} else {
		connection, err := encodeValue(connectionItem{Code: fault.Code, RunID: fault.RunID, At: optionalStamp(fault.At)})
		if err != nil {
			return err
		}
		e.set(attrConnection, connection)
	}
	_, err := s.update(ctx, "note connection", tenantKey(tenantID), e, func(_ context.Context, refused refusal) error {
		if len(refused.at(0).image) == 0 {
			return run.ErrNotFound
		}
		return nil
	})
	return err
}

// Member implements run.Tenants.
func (s *Store) Member(ctx context.Context, tenantID, userID string) (run.Member, error) {
	if !plain(tenantID, userID) {
		return run.Member{}, run.ErrNotMember
	}
	image, err := s.get(ctx, memberKey(tenantID, userID))
	if err != nil {
		return run.Member{}, err
	}
	if image == nil {
		return run.Member{}, run.ErrNotMember
	}
	return decodeMember(image)
}

func decodeMember(image map[string]types.AttributeValue) (run.Member, error) {
	i, err := decode[memberItem](image)
	if err != nil {
		return run.Member{}, err
	}
	return i.member()
}

// ownersItem is what a change of the owners by delta does to the tenant: a check
// that it exists, or the new count, which never falls to zero.
func (s *Store) ownersItem(tenantID string, delta int64) types.TransactWriteItem {
	e := newExpression()
	e.whenPresent()
	if delta == 0 {
		return s.txCheck(tenantKey(tenantID), e)
	}
	e.add(attrOwners, delta)
	if delta < 0 {
		e.when("%s > %s", e.name(attrOwners), e.number(1))
	}
	return s.txUpdate(tenantKey(tenantID), e)
}

// explainMember says what the refusal of [member, tenant] means.
func explainMember(r refusal) error {
	member, tenant := r.at(0), r.at(1)
	switch {
	case tenant.failed && len(tenant.image) == 0:
		return run.ErrNotFound
	case member.failed:
		return run.ErrConflict
	case tenant.failed:
		return run.ErrLastOwner
	}
	return run.ErrConflict
}

func ownerCount(r run.Role) int64 {
	if r == run.RoleOwner {
		return 1
	}
	return 0
}

// PutMember implements run.Tenants.
func (s *Store) PutMember(ctx context.Context, m run.Member, rev int64, audit run.AuditEvent) (run.Member, error) {
	switch {
	case !plain(m.TenantID):
		return run.Member{}, run.ErrNotFound
	case !plain(m.UserID) || !m.Role.Valid():
		return run.Member{}, errors.New("put member: user or role cannot be stored")
	}
	m.Rev = rev + 1
	token, err := contentToken("put member", m, audit)
	if err != nil {
		return run.Member{}, err
	}
	delta := ownerCount(m.Role)
	e := newExpression()
	if rev == 0 {
		e.whenAbsent()
	} else {
		// The role at this revision is known from a read: a revision has one role.
		before, err := s.Member(ctx, m.TenantID, m.UserID)
		switch {
		case err == nil && before.Rev == rev:
			delta -= ownerCount(before.Role)
		case err != nil && !errors.Is(err, run.ErrNotMember):
			return run.Member{}, err
		}
		// Otherwise the condition will fail, unless this call was answered before.
		e.whenPresent()
		e.whenNumber(attrRev, rev)
	}
	put, err := s.txPut(newMemberItem(m), e)
	if err != nil {
		return run.Member{}, err
	}
	err = s.change(ctx, "put member", m.TenantID, audit, token,
		[]types.TransactWriteItem{put, s.ownersItem(m.TenantID, delta)}, explainMember)
	if err != nil {
		return run.Member{}, err
	}
	return m, nil
}

// DeleteMember implements run.Tenants.
func (s *Store) DeleteMember(ctx context.Context, tenantID, userID string, rev int64, audit run.AuditEvent) error {
	if !plain(tenantID, userID) {
		return run.ErrNotMember
	}
	token, err := contentToken("delete member", tenantID, userID, rev, audit)
	if err != nil {
		return err
	}
	var delta int64
	before, err := s.Member(ctx, tenantID, userID)
	switch {
	case err == nil && before.Rev == rev:
		delta = -ownerCount(before.Role)
	case err != nil && !errors.Is(err, run.ErrNotMember):
		return err
	}
	e := newExpression()
	e.whenPresent()
	e.whenNumber(attrRev, rev)
	return s.change(ctx, "delete member", tenantID, audit, token,
		[]types.TransactWriteItem{s.txDelete(memberKey(tenantID, userID), e), s.ownersItem(tenantID, delta)},
		func(r refusal) error {
			if member := r.at(0); member.failed && len(member.image) == 0 {
				return run.ErrNotMember
			}
			return explainMember(r)
		})
}

// Members implements run.Tenants.
func (s *Store) Members(ctx context.Context, tenantID string, p run.PageRequest) (run.Page[run.Member], error) {
	if !plain(tenantID) {
		return run.Page[run.Member]{}, nil
	}
	tag, err := queryTag("members", tenantID)
	if err != nil {
		return run.Page[run.Member]{}, err
	}
	return page(ctx, s, membersOfTenant(tenantID), tag, p, decodeMember)
}

// Memberships implements run.Tenants.
func (s *Store) Memberships(ctx context.Context, userID string, p run.PageRequest) (run.Page[run.Member], error) {
	if !plain(userID) {
		return run.Page[run.Member]{}, nil
	}
	tag, err := queryTag("memberships", userID)
	if err != nil {
		return run.Page[run.Member]{}, err
	}
	return page(ctx, s, tenantsOfUser(userID), tag, p, decodeMember)
}
