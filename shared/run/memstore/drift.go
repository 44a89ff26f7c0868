package memstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/run"
)

func copyDrift(d run.Drift) run.Drift {
	d.Changes, d.SeenAt = slices.Clone(d.Changes), clonePointer(d.SeenAt)
	return d
}

// PutDrift implements run.Drifts.
func (s *Store) PutDrift(ctx context.Context, d run.Drift) error {
	if d.ID != run.DriftID(d.RunID, d.PolicyID) {
		return errors.New("drift is not named by its run and policy")
	}
	if tooLarge(d) {
		return run.ErrTooLarge
	}
	return s.do(ctx, "PutDrift", func() error {
		key := [2]string{d.TenantID, d.ID}
		if _, there := s.drift[key]; !there {
			s.drift[key] = copyDrift(d)
		}
		return nil
	})
}

// Drift implements run.Drifts.
func (s *Store) Drift(ctx context.Context, tenantID, driftID string) (d run.Drift, err error) {
	err = s.do(ctx, "Drift", func() error {
		have, ok := s.drift[[2]string{tenantID, driftID}]
		if !ok {
			return run.ErrNotFound
		}
		d = copyDrift(have)
		return nil
	})
	return d, err
}

// ListDrift implements run.Drifts.
func (s *Store) ListDrift(ctx context.Context, q run.DriftQuery, p run.PageRequest) (run.Page[run.Drift], error) {
	page, err := list(ctx, s, "ListDrift", q, p, maps.Values(s.drift), func(d run.Drift) bool {
		return d.TenantID == q.TenantID && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, d.Kind)) && (len(q.Types) == 0 || slices.Contains(q.Types, d.Type)) &&
			(q.PolicyID == "" || d.PolicyID == q.PolicyID) && (q.RunID == "" || d.RunID == q.RunID) && (q.Open == nil || *q.Open == (d.SeenAt == nil)) &&
			strings.Contains(strings.ToLower(d.Name), strings.ToLower(q.Search)) && (q.From.IsZero() || !d.FoundAt.Before(q.From))
	}, func(d run.Drift) string { return d.ID }, true)
	for i, d := range page.Items {
		page.Items[i] = copyDrift(d)
	}
	return page, err
}

// MarkDrift implements run.Drifts.
func (s *Store) MarkDrift(ctx context.Context, tenantID, driftID string, by run.Initiator, at time.Time) (d run.Drift, err error) {
	err = s.do(ctx, "MarkDrift", func() error {
		key := [2]string{tenantID, driftID}
		have, ok := s.drift[key]
		if !ok {
			return run.ErrNotFound
		}
		if have.SeenAt == nil {
			have.SeenAt, have.SeenBy = &at, by
			s.drift[key] = have
			sum := s.summaries[tenantID]
			sum.OpenDrift--
			sum.Rev++
			s.summaries[tenantID] = sum
		}
		d = copyDrift(have)
		return nil
	})
	return d, err
}

// Subscription implements run.Subscriptions.
func (s *Store) Subscription(ctx context.Context, tenantID, userID string) (sub run.Subscription, err error) {
	err = s.do(ctx, "Subscription", func() error {
		sub = s.subscriptions[[2]string{tenantID, userID}]
		sub.TenantID, sub.UserID = tenantID, userID
		return nil
	})
	return sub, err
}

// PutSubscription implements run.Subscriptions.
func (s *Store) PutSubscription(ctx context.Context, sub run.Subscription) error {
	return s.do(ctx, "PutSubscription", func() error {
		s.subscriptions[[2]string{sub.TenantID, sub.UserID}] = sub
		return nil
	})
}

// Subscribers implements run.Subscriptions.
func (s *Store) Subscribers(ctx context.Context, tenantID string) (all []run.Subscription, err error) {
	err = s.do(ctx, "Subscribers", func() error {
		for key, sub := range s.subscriptions {
			if _, member := s.members[key]; member && key[0] == tenantID && (sub.Drift || sub.Problems) {
				all = append(all, sub)
			}
		}
		slices.SortFunc(all, func(a, b run.Subscription) int { return strings.Compare(a.UserID, b.UserID) })
		return nil
	})
	return all, err
}
