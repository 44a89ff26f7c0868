package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/run"
)

var _ run.BackupSets = (*Store)(nil)

func decodeBackupSet(image map[string]types.AttributeValue) (run.BackupSet, error) {
	i, err := decode[backupSetItem](image)
	if err != nil {
		return run.BackupSet{}, err
	}
	return i.set()
}

// BackupSet implements run.BackupSets.
func (s *Store) BackupSet(ctx context.Context, tenantID, setID string) (run.BackupSet, error) {
	if !plain(tenantID, setID) {
		return run.BackupSet{}, run.ErrNotFound
	}
	image, err := s.get(ctx, backupSetKey(tenantID, setID))
	if err != nil {
		return run.BackupSet{}, err
	}
	if image == nil {
		return run.BackupSet{}, run.ErrNotFound
	}
	return decodeBackupSet(image)
}

// ListBackupSets implements run.BackupSets.
func (s *Store) ListBackupSets(ctx context.Context, q run.SetQuery, p run.PageRequest) (run.Page[run.BackupSet], error) {
	if !plain(q.TenantID) || !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return run.Page[run.BackupSet]{}, nil
	}
	tag, err := queryTag("backup sets", q)
	if err != nil {
		return run.Page[run.BackupSet]{}, err
	}
	return page(ctx, s, setsOfTenant(q), tag, p, decodeBackupSet)
}

// CreateBackupSet implements run.BackupSets. The set itself is the evidence: its id
// is of this call alone.
func (s *Store) CreateBackupSet(ctx context.Context, n run.NewBackupSet) (run.BackupSet, error) {
	b := n.Set
	switch {
	case !plain(b.TenantID, b.ID, b.CreatedBy.UserID) || n.Key != "" && !plain(n.Key):
		return run.BackupSet{}, errors.New("create backup set: identifier cannot be stored")
	case b.CreatedAt.IsZero() || len(run.RolesIncluding(n.Role)) == 0:
		return run.BackupSet{}, errors.New("create backup set: needs a time and a role")
	}
	b.ActiveRuns, b.Uses, b.Rev = nil, 0, 1
	// The items are many. What is refused as things stand, or was made before, stores
	// none.
	settled, err := s.settledSet(ctx, n)
	if settled != nil || err != nil {
		return orZero(settled), err
	}
	items, err := s.createSetItems(n, b)
	if err != nil {
		return run.BackupSet{}, fmt.Errorf("create backup set: %w", err)
	}
	if _, err := s.AddBackupItems(ctx, b.TenantID, b.ID, n.Items); err != nil {
		return run.BackupSet{}, err
	}
	err = s.transact(ctx, "create backup set", "", items, func(ctx context.Context, _ refusal) error {
		settled, err = s.settledSet(ctx, n)
		if err == nil && settled == nil {
			return errors.New("create backup set: refused for a reason that is gone")
		}
		return err
	})
	switch {
	case err != nil:
		return run.BackupSet{}, err
	case settled != nil:
		return *settled, nil
	}
	return b, nil
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// settledSet answers a request for a set that needs no writing: refused, or done
// before. nil when the set is to be made.
func (s *Store) settledSet(ctx context.Context, n run.NewBackupSet) (*run.BackupSet, error) {
	b := n.Set
	v, err := s.StartView(ctx, run.StartQuery{TenantID: b.TenantID, UserID: b.CreatedBy.UserID, IdempotencyKey: n.Key, SetID: b.ID})
	switch {
	case err != nil:
		return nil, err
	case v.Set != nil && v.Set.CreatedAt.Equal(b.CreatedAt) && v.Set.CreatedBy == b.CreatedBy:
		return v.Set, nil // this call, its answer was lost
	case v.Set != nil:
		return nil, run.ErrConflict
	case v.Member == nil || !v.Member.Role.Includes(n.Role) || v.Tenant == nil:
		return nil, run.ErrNotMember
	case v.Tenant.Disabled:
		return nil, run.ErrTenantDisabled
	case v.Replay == nil || !v.Replay.ExpiresAt.After(b.CreatedAt):
		return nil, nil
	case v.Replay.PayloadHash != n.PayloadHash:
		return nil, run.ErrKeyTaken
	}
	made, err := s.BackupSet(ctx, b.TenantID, v.Replay.RunID)
	if err != nil {
		return nil, fmt.Errorf("create backup set: read the set of the key: %w", err)
	}
	return &made, nil
}

func (s *Store) createSetItems(n run.NewBackupSet, b run.BackupSet) ([]types.TransactWriteItem, error) {
	absent := newExpression()
	absent.whenAbsent()
	put, err := s.txPut(newBackupSetItem(b), absent)
	if err != nil {
		return nil, err
	}
	token, err := contentToken("create backup set", b.ID)
	if err != nil {
		return nil, err
	}
	audit, err := newAuditItem(b.TenantID, n.Audit, token)
	if err != nil {
		return nil, err
	}
	auditPut, err := s.txPut(audit, absent)
	if err != nil {
		return nil, err
	}
	items := []types.TransactWriteItem{put, auditPut, s.memberCheck(b.TenantID, b.CreatedBy.UserID, n.Role), s.enabledCheck(b.TenantID)}
	if n.Key == "" {
		return items, nil
	}
	replayPut, err := s.replayPut(newReplayItem(b.TenantID, n.Key, b.ID, n.PayloadHash, n.ReplayUntil), b.CreatedAt)
	if err != nil {
		return nil, err
	}
	return append(items, replayPut), nil
}

// UpdateBackupSet implements run.BackupSets.
func (s *Store) UpdateBackupSet(ctx context.Context, b run.BackupSet, audit run.AuditEvent) (run.BackupSet, error) {
	if !plain(b.TenantID, b.ID) {
		return run.BackupSet{}, run.ErrNotFound
	}
	token, err := contentToken("update backup set", b, audit)
	if err != nil {
		return run.BackupSet{}, err
	}
	item := newBackupSetItem(b)
	e := newExpression()
	e.whenNumber(attrRev, b.Rev)
	e.whenNumber(attrUses, b.Uses)
	e.setText(attrName, item.Name)
	e.setText(attrNameLower, item.NameLower)
	e.setOptional(attrNote, item.Note)
	e.setOptional(attrUpdatedAt, item.UpdatedAt)
	e.setOptional(attrDeletedAt, item.DeletedAt)
	if item.DeletedBy == nil {
		e.remove(attrDeletedBy)
	} else {
		by, err := encodeValue(item.DeletedBy)
		if err != nil {
			return run.BackupSet{}, err
		}
		e.set(attrDeletedBy, by)
	}
	e.add(attrRev, 1)
	b.Rev++
	err = s.change(ctx, "update backup set", b.TenantID, audit, token, []types.TransactWriteItem{s.txUpdate(backupSetKey(b.TenantID, b.ID), e)},
		func(r refusal) error {
			if set := r.at(0); set.failed && len(set.image) == 0 {
				return run.ErrNotFound
			}
			return run.ErrConflict
		})
	if err != nil {
		return run.BackupSet{}, err
	}
	return b, nil
}

// CountBackupSet implements run.BackupSets. The token kept in the set is the
// evidence: a count is of one number of uses, and raises it.
func (s *Store) CountBackupSet(ctx context.Context, b run.BackupSet, t run.SetTally, ended []string) (run.BackupSet, error) {
	if !plain(b.TenantID, b.ID) {
		return run.BackupSet{}, run.ErrNotFound
	}
	token, err := contentToken("count backup set", b.TenantID, b.ID, b.Uses, t, ended)
	if err != nil {
		return run.BackupSet{}, err
	}
	tally, err := encodeValue(newTallyItem(t))
	if err != nil {
		return run.BackupSet{}, err
	}
	e := newExpression()
	e.whenNumber(attrUses, b.Uses)
	e.set(attrTally, tally)
	e.add(attrUses, 1)
	e.setText(attrWriteToken, token)
	e.exclude(attrActiveRuns, slices.Compact(slices.Sorted(slices.Values(ended))))
	var own map[string]types.AttributeValue
	image, err := s.update(ctx, "count backup set", backupSetKey(b.TenantID, b.ID), e, func(_ context.Context, refused refusal) error {
		before := refused.at(0).image
		if len(before) == 0 {
			return run.ErrNotFound
		}
		stored, err := decode[backupSetItem](before)
		if err != nil {
			return err
		}
		if stored.WriteToken != token {
			return run.ErrConflict
		}
		own = before
		return nil
	})
	switch {
	case err != nil:
		return run.BackupSet{}, err
	case own != nil:
		return decodeBackupSet(own)
	}
	return decodeBackupSet(image)
}

func decodeBackupItem(image map[string]types.AttributeValue) (run.BackupItem, error) {
	i, err := decode[backupItem](image)
	if err != nil {
		return run.BackupItem{}, err
	}
	return i.item()
}

// itemWriters is how many items are added at a time.
const itemWriters = 8

// AddBackupItems implements run.BackupSets. The token kept in each item is the
// evidence that it is this call's, whatever became of the item since.
func (s *Store) AddBackupItems(ctx context.Context, tenantID, setID string, items []run.BackupItem) ([]string, error) {
	for _, i := range items {
		if !plain(i.TenantID, i.SetID, i.PolicyID) || i.TenantID != tenantID || i.SetID != setID {
			return nil, errors.New("add backup items: an item is of another set, or cannot be stored")
		}
	}
	there := make([]bool, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(itemWriters)
	seen := make(map[string]bool, len(items))
	for n, i := range items {
		if seen[i.PolicyID] {
			continue
		}
		seen[i.PolicyID] = true
		group.Go(func() error {
			var err error
			there[n], err = s.addBackupItem(ctx, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []string
	for n, i := range items {
		if there[n] {
			found = append(found, i.PolicyID)
		}
	}
	return found, nil
}

// addBackupItem stores an item unless there is one of its policy, and reports
// whether there was.
func (s *Store) addBackupItem(ctx context.Context, i run.BackupItem) (there bool, err error) {
	token, err := contentToken("add backup item", i)
	if err != nil {
		return false, err
	}
	item := newBackupItem(i)
	item.WriteToken = token
	absent := newExpression()
	absent.whenAbsent()
	err = s.put(ctx, "add backup item", item, absent, func(_ context.Context, refused refusal) error {
		before, err := decode[backupItem](refused.at(0).image)
		there = before.WriteToken != token
		return err
	})
	return there, err
}

// SettleBackupItem implements run.BackupSets. Doing it twice does no harm, so a lost
// answer needs no evidence.
func (s *Store) SettleBackupItem(ctx context.Context, i run.BackupItem) error {
	if !plain(i.TenantID, i.SetID, i.PolicyID) || !slices.Contains(run.ItemStates(), i.State) {
		return errors.New("settle backup item: identifier or state cannot be stored")
	}
	item := newBackupItem(i)
	e := newExpression()
	if !i.State.Held() {
		held := heldStates()
		e.when("(attribute_not_exists(%s) OR NOT %s IN (%s, %s))", e.name(attrPK), e.name(attrState), e.text(held[0]), e.text(held[1]))
	}
	if err := e.setItem(item, attrAddedAt, attrFoundation, attrWriteToken); err != nil {
		return fmt.Errorf("settle backup item: %w", err)
	}
	e.setOnce(attrFoundation, &types.AttributeValueMemberBOOL{Value: item.Foundation})
	if item.AddedAt != "" {
		e.setOnce(attrAddedAt, &types.AttributeValueMemberS{Value: item.AddedAt})
	}
	_, err := s.update(ctx, "settle backup item", key{item.PK, item.SK}, e, func(context.Context, refusal) error {
		return nil // it holds a version, and keeps it
	})
	return err
}

// BackupItem implements run.BackupSets.
func (s *Store) BackupItem(ctx context.Context, tenantID, setID, policyID string) (run.BackupItem, error) {
	if !plain(tenantID, setID, policyID) {
		return run.BackupItem{}, run.ErrNotFound
	}
	image, err := s.get(ctx, backupItemKey(tenantID, setID, policyID))
	if err != nil {
		return run.BackupItem{}, err
	}
	if image == nil {
		return run.BackupItem{}, run.ErrNotFound
	}
	return decodeBackupItem(image)
}

// ListBackupItems implements run.BackupSets.
func (s *Store) ListBackupItems(ctx context.Context, q run.ItemQuery, p run.PageRequest) (run.Page[run.BackupItem], error) {
	if !plain(q.TenantID, q.SetID) {
		return run.Page[run.BackupItem]{}, nil
	}
	if len(q.Types) > maxAlternatives {
		return run.Page[run.BackupItem]{}, fmt.Errorf("list backup items: more than %d types", maxAlternatives)
	}
	tag, err := queryTag("backup items", q)
	if err != nil {
		return run.Page[run.BackupItem]{}, err
	}
	return page(ctx, s, itemsOfSetByName(q), tag, p, decodeBackupItem)
}

// BackupItemsFrom implements run.BackupSets.
func (s *Store) BackupItemsFrom(ctx context.Context, tenantID, setID, afterPolicyID string, n int) ([]run.BackupItem, error) {
	if !plain(tenantID, setID) || afterPolicyID != "" && !plain(afterPolicyID) || n < 1 {
		return nil, nil
	}
	var after *position
	if afterPolicyID != "" {
		after = &position{Key: backupItemPrefix + afterPolicyID}
	}
	images, _, err := s.collect(ctx, itemsOfSet(tenantID, setID), after, n, math.MaxInt)
	if err != nil {
		return nil, err
	}
	items := make([]run.BackupItem, len(images))
	for i, image := range images {
		if items[i], err = decodeBackupItem(image); err != nil {
			return nil, err
		}
	}
	return items, nil
}
