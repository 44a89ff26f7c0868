package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

func decodePolicy(image map[string]types.AttributeValue) (run.Policy, error) {
	i, err := decode[policyItem](image)
	if err != nil {
		return run.Policy{}, err
	}
	return i.policy()
}

// Policy implements run.Policies. LastSeenAt is filled.
func (s *Store) Policy(ctx context.Context, tenantID, policyID string) (run.Policy, error) {
	p, err := s.policy(ctx, tenantID, policyID)
	if err != nil || !plain(p.Type) {
		return p, err
	}
	image, err := s.get(ctx, typeSyncKey(tenantID, p.Type))
	if err != nil {
		return run.Policy{}, err
	}
	var last run.TypeSync
	if image != nil {
		if last, err = decodeTypeSync(image); err != nil {
			return run.Policy{}, err
		}
	}
	fillLastSeen(&p, last.SyncedAt)
	return p, nil
}

func (s *Store) policy(ctx context.Context, tenantID, policyID string) (run.Policy, error) {
	if !plain(tenantID, policyID) {
		return run.Policy{}, run.ErrNotFound
	}
	image, err := s.get(ctx, policyKey(tenantID, policyID))
	if err != nil {
		return run.Policy{}, err
	}
	if image == nil {
		return run.Policy{}, run.ErrNotFound
	}
	return decodePolicy(image)
}

// PoliciesByID implements run.Policies.
func (s *Store) PoliciesByID(ctx context.Context, tenantID string, policyIDs []string) ([]run.Policy, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	var wanted []key
	for _, id := range slices.Compact(slices.Sorted(slices.Values(policyIDs))) {
		if plain(id) {
			wanted = append(wanted, policyKey(tenantID, id))
		}
	}
	var found []run.Policy
	for some := range slices.Chunk(wanted, maxBatchGet) {
		images, err := s.batchGet(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			p, err := decodePolicy(image)
			if err != nil {
				return nil, err
			}
			found = append(found, p)
		}
	}
	return found, nil
}

// fillLastSeen sets when a policy was last listed: at its type's last complete
// sync, or when it was first seen if that is later. When a vanished policy was
// listed last is not known; it stays zero.
func fillLastSeen(p *run.Policy, synced time.Time) {
	if p.VanishedAt != nil {
		return
	}
	p.LastSeenAt = p.FirstSeenAt
	if synced.After(p.LastSeenAt) {
		p.LastSeenAt = synced
	}
}

// ListPolicies implements run.Policies.
func (s *Store) ListPolicies(ctx context.Context, q run.PolicyQuery, p run.PageRequest) (run.Page[run.Policy], error) {
	if !plain(q.TenantID) {
		return run.Page[run.Policy]{}, nil
	}
	if len(q.Types) > maxAlternatives {
		return run.Page[run.Policy]{}, fmt.Errorf("list policies: more than %d types", maxAlternatives)
	}
	tag, err := queryTag("policies", q)
	if err != nil {
		return run.Page[run.Policy]{}, err
	}
	out, err := page(ctx, s, policiesOfTenant(q), tag, p, decodePolicy)
	if err != nil || len(out.Items) == 0 {
		return out, err
	}
	syncs, err := s.TypeSyncs(ctx, q.TenantID)
	if err != nil {
		return run.Page[run.Policy]{}, err
	}
	synced := make(map[string]time.Time, len(syncs))
	for _, t := range syncs {
		synced[t.Type] = t.SyncedAt
	}
	for i := range out.Items {
		fillLastSeen(&out.Items[i], synced[out.Items[i].Type])
	}
	return out, nil
}

// AllPolicies implements run.Policies. LastSeenAt is not filled.
func (s *Store) AllPolicies(ctx context.Context, tenantID string) ([]run.Policy, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	var out []run.Policy
	err := s.all(ctx, inventoryOfTenant(tenantID), func(image map[string]types.AttributeValue) error {
		p, err := decodePolicy(image)
		out = append(out, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// PutPolicy implements run.Policies. The token kept in the item is the evidence.
func (s *Store) PutPolicy(ctx context.Context, p run.Policy) (run.Policy, error) {
	if !plain(p.TenantID, p.ID) {
		return run.Policy{}, errors.New("put policy: identifier cannot be stored")
	}
	p.LastSeenAt = time.Time{} // not stored
	token, err := contentToken("put policy", p)
	if err != nil {
		return run.Policy{}, err
	}
	e := newExpression()
	if p.Rev == 0 {
		e.whenAbsent()
	} else {
		e.whenNumber(attrRev, p.Rev)
	}
	p.Rev++
	item := newPolicyItem(p)
	item.WriteToken = token
	err = s.put(ctx, "put policy", item, e, func(_ context.Context, refused refusal) error {
		before, err := decode[policyItem](refused.at(0).image)
		if err != nil {
			return err
		}
		if before.WriteToken == token && before.Rev == p.Rev {
			return nil
		}
		return run.ErrConflict
	})
	if err != nil {
		return run.Policy{}, err
	}
	return p, nil
}

func decodeTypeSync(image map[string]types.AttributeValue) (run.TypeSync, error) {
	i, err := decode[typeSyncItem](image)
	if err != nil {
		return run.TypeSync{}, err
	}
	return i.typeSync()
}

const attrSyncedAt = "syncedAt"

// PutTypeSync implements run.Policies. An older sync does not replace a newer
// one: that is no error, there is nothing left to record.
func (s *Store) PutTypeSync(ctx context.Context, t run.TypeSync) error {
	if !plain(t.TenantID, t.Type) {
		return errors.New("put type sync: identifier cannot be stored")
	}
	e := newExpression()
	e.when("(attribute_not_exists(%s) OR %s <= %s)", e.name(attrPK), e.name(attrSyncedAt), e.text(stamp(t.SyncedAt)))
	return s.put(ctx, "put type sync", newTypeSyncItem(t), e, func(context.Context, refusal) error { return nil })
}

// TypeSyncs implements run.Policies.
func (s *Store) TypeSyncs(ctx context.Context, tenantID string) ([]run.TypeSync, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	var out []run.TypeSync
	err := s.all(ctx, typeSyncsOfTenant(tenantID), func(image map[string]types.AttributeValue) error {
		t, err := decodeTypeSync(image)
		out = append(out, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AddVersion implements run.Policies. The token kept in the version, which never
// changes, is the evidence.
func (s *Store) AddVersion(ctx context.Context, n run.NewVersion) (run.Policy, error) {
	v, p := n.Version, n.Policy
	switch {
	case !plain(p.TenantID, p.ID):
		return run.Policy{}, run.ErrNotFound
	case v.TenantID != p.TenantID || v.PolicyID != p.ID || v.Number != p.LatestVersion+1:
		return run.Policy{}, errors.New("add version: not the next version of this policy")
	case p.Rev < 1 || v.CapturedAt.IsZero():
		return run.Policy{}, errors.New("add version: needs a stored policy and a time")
	}
	token, err := contentToken("add version", v, p.Rev)
	if err != nil {
		return run.Policy{}, err
	}
	absent := newExpression()
	absent.whenAbsent()
	item := newVersionItem(v, token)
	put, err := s.txPut(item, absent)
	if err != nil {
		return run.Policy{}, err
	}
	if v.PolicyName != "" {
		p.Name = v.PolicyName
	}
	if v.Platform != "" {
		p.Platform = v.Platform
	}
	captured := v.CapturedAt.UTC()
	p.LatestVersion, p.LatestHash, p.LastCapturedAt = v.Number, v.ContentHash, &captured
	e := newExpression()
	e.whenNumber(attrRev, p.Rev)
	p.Rev++
	e.setText(attrName, p.Name)
	e.setText(attrNameLower, strings.ToLower(p.Name))
	e.setText(attrNameKey, nameKey(p.Name, p.ID))
	e.setOptional(attrPlatform, p.Platform)
	e.setNumber(attrLatestVersion, int64(v.Number))
	e.setText(attrLatestHash, v.ContentHash)
	e.setText(attrLastCapturedAt, stamp(captured))
	e.setNumber(attrRev, p.Rev)

	own := false
	err = s.transact(ctx, "add version", "", []types.TransactWriteItem{put, s.txUpdate(policyKey(p.TenantID, p.ID), e)},
		func(ctx context.Context, refused refusal) error {
			image, err := s.get(ctx, key{item.PK, item.SK})
			if err != nil {
				return err
			}
			if image != nil {
				stored, err := decode[versionItem](image)
				if err != nil {
					return err
				}
				if own = stored.WriteToken == token; own {
					return nil
				}
			}
			if policy := refused.at(1); policy.failed && len(policy.image) == 0 {
				return run.ErrNotFound
			}
			return run.ErrConflict
		})
	switch {
	case err != nil:
		return run.Policy{}, err
	case own: // it may have changed since
		return s.policy(ctx, p.TenantID, p.ID)
	}
	return p, nil
}

func decodeVersion(image map[string]types.AttributeValue) (run.Version, error) {
	i, err := decode[versionItem](image)
	if err != nil {
		return run.Version{}, err
	}
	return i.version()
}

const maxVersion = 99_999_999 // eight digits in the sort key

// Version implements run.Policies.
func (s *Store) Version(ctx context.Context, tenantID, policyID string, number int) (run.Version, error) {
	if !plain(tenantID, policyID) || number < 1 || number > maxVersion {
		return run.Version{}, run.ErrNotFound
	}
	image, err := s.get(ctx, versionKey(tenantID, policyID, number))
	if err != nil {
		return run.Version{}, err
	}
	if image == nil {
		return run.Version{}, run.ErrNotFound
	}
	return decodeVersion(image)
}

// Versions implements run.Policies.
func (s *Store) Versions(ctx context.Context, tenantID, policyID string, p run.PageRequest) (run.Page[run.Version], error) {
	if !plain(tenantID, policyID) {
		return run.Page[run.Version]{}, nil
	}
	tag, err := queryTag("versions", []string{tenantID, policyID})
	if err != nil {
		return run.Page[run.Version]{}, err
	}
	return page(ctx, s, versionsOfPolicy(tenantID, policyID), tag, p, decodeVersion)
}

// TouchCaptured implements run.Policies. Doing it twice does no harm, so a lost
// answer needs no evidence.
func (s *Store) TouchCaptured(ctx context.Context, tenantID, policyID string, version int, at time.Time) error {
	if !plain(tenantID, policyID) {
		return run.ErrNotFound
	}
	e := newExpression()
	e.whenPresent()
	e.whenNumber(attrLatestVersion, int64(version))
	e.setText(attrLastCapturedAt, stamp(at))
	e.add(attrRev, 1)
	_, err := s.update(ctx, "touch captured", policyKey(tenantID, policyID), e, func(_ context.Context, refused refusal) error {
		if len(refused.at(0).image) == 0 {
			return run.ErrNotFound
		}
		return run.ErrConflict
	})
	return err
}
