package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

var (
	_ run.Drifts        = (*Store)(nil)
	_ run.Subscriptions = (*Store)(nil)
)

func decodeDrift(image map[string]types.AttributeValue) (run.Drift, error) {
	i, err := decode[driftItem](image)
	if err != nil {
		return run.Drift{}, err
	}
	return i.drift()
}

// PutDrift implements run.Drifts.
func (s *Store) PutDrift(ctx context.Context, d run.Drift) error {
	if !plain(d.TenantID, d.RunID, d.PolicyID) || d.ID != run.DriftID(d.RunID, d.PolicyID) {
		return errors.New("put drift: not named by its run and policy, or cannot be stored")
	}
	e := newExpression()
	e.whenAbsent()
	return s.put(ctx, "put drift", newDriftItem(d), e, func(context.Context, refusal) error { return nil })
}

// Drift implements run.Drifts.
func (s *Store) Drift(ctx context.Context, tenantID, driftID string) (run.Drift, error) {
	if !plain(tenantID, driftID) {
		return run.Drift{}, run.ErrNotFound
	}
	image, err := s.get(ctx, driftKey(tenantID, driftID))
	if err != nil {
		return run.Drift{}, err
	}
	if image == nil {
		return run.Drift{}, run.ErrNotFound
	}
	return decodeDrift(image)
}

// ListDrift implements run.Drifts.
func (s *Store) ListDrift(ctx context.Context, q run.DriftQuery, p run.PageRequest) (run.Page[run.Drift], error) {
	if !plain(q.TenantID) || q.RunID != "" && !plain(q.RunID) {
		return run.Page[run.Drift]{}, nil
	}
	if len(q.Types) > maxAlternatives {
		return run.Page[run.Drift]{}, fmt.Errorf("list drift: more than %d types", maxAlternatives)
	}
	tag, err := queryTag("drift", q)
	if err != nil {
		return run.Page[run.Drift]{}, err
	}
	return page(ctx, s, driftOfTenant(q), tag, p, decodeDrift)
}

// MarkDrift implements run.Drifts. The mark that stands is the answer, whoever made
// it, so a lost answer needs no evidence.
func (s *Store) MarkDrift(ctx context.Context, tenantID, driftID string, by run.Initiator, at time.Time) (run.Drift, error) {
	if !plain(tenantID, driftID) {
		return run.Drift{}, run.ErrNotFound
	}
	seenBy, err := encodeValue(newInitiatorItem(by))
	if err != nil {
		return run.Drift{}, err
	}
	e := newExpression()
	e.whenPresent()
	e.whenThere(attrSeenAt, false)
	e.setText(attrSeenAt, stamp(at))
	e.set(attrSeenBy, seenBy)
	err = s.transact(ctx, "mark drift", "", []types.TransactWriteItem{s.txUpdate(driftKey(tenantID, driftID), e), s.driftMarked(tenantID)},
		func(context.Context, refusal) error { return nil })
	if err != nil {
		return run.Drift{}, err
	}
	return s.Drift(ctx, tenantID, driftID)
}

func decodeSubscription(image map[string]types.AttributeValue) (run.Subscription, error) {
	i, err := decode[subscriptionItem](image)
	return i.subscription(), err
}

// Subscription implements run.Subscriptions.
func (s *Store) Subscription(ctx context.Context, tenantID, userID string) (run.Subscription, error) {
	none := run.Subscription{TenantID: tenantID, UserID: userID}
	if !plain(tenantID, userID) {
		return none, nil
	}
	image, err := s.get(ctx, subscriptionKey(tenantID, userID))
	if err != nil || image == nil {
		return none, err
	}
	return decodeSubscription(image)
}

// PutSubscription implements run.Subscriptions.
func (s *Store) PutSubscription(ctx context.Context, sub run.Subscription) error {
	if !plain(sub.TenantID, sub.UserID) {
		return errors.New("put subscription: identifier cannot be stored")
	}
	return s.put(ctx, "put subscription", newSubscriptionItem(sub), newExpression(), func(context.Context, refusal) error {
		return errors.New("put subscription: refused without a condition")
	})
}

// Subscribers implements run.Subscriptions.
func (s *Store) Subscribers(ctx context.Context, tenantID string) ([]run.Subscription, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	var asked []run.Subscription
	err := s.all(ctx, subscriptionsOfTenant(tenantID), func(image map[string]types.AttributeValue) error {
		sub, err := decodeSubscription(image)
		if sub.Drift || sub.Problems {
			asked = append(asked, sub)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	members := make(map[string]bool, len(asked))
	for part := range slices.Chunk(asked, maxBatchGet) {
		wanted := make([]key, len(part))
		for i, sub := range part {
			wanted[i] = memberKey(tenantID, sub.UserID)
		}
		images, err := s.batchGet(ctx, wanted)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			m, err := decodeMember(image)
			if err != nil {
				return nil, err
			}
			members[m.UserID] = true
		}
	}
	return slices.DeleteFunc(asked, func(sub run.Subscription) bool { return !members[sub.UserID] }), nil
}
