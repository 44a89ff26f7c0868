package memstore

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/run"
)

// Policy implements run.Policies.
func (s *Store) Policy(ctx context.Context, tenantID, policyID string) (p run.Policy, err error) {
	err = s.do(ctx, "Policy", func() error {
		var ok bool
		if p, ok = s.policies[[2]string{tenantID, policyID}]; !ok {
			return run.ErrNotFound
		}
		p = s.seen(p)
		return nil
	})
	return p, err
}

// PoliciesByID implements run.Policies.
func (s *Store) PoliciesByID(ctx context.Context, tenantID string, policyIDs []string) (found []run.Policy, err error) {
	err = s.do(ctx, "PoliciesByID", func() error {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(policyIDs))) {
			if p, ok := s.policies[[2]string{tenantID, id}]; ok {
				found = append(found, p)
			}
		}
		return nil
	})
	return found, err
}

// ListPolicies implements run.Policies.
func (s *Store) ListPolicies(ctx context.Context, q run.PolicyQuery, p run.PageRequest) (run.Page[run.Policy], error) {
	page, err := list(ctx, s, "ListPolicies", q, p, maps.Values(s.policies), func(p run.Policy) bool {
		return p.TenantID == q.TenantID && q.Matches(p)
	}, func(p run.Policy) string { return strings.ToLower(p.Name) + "\x00" + p.ID }, q.Descending)
	for i, p := range page.Items {
		page.Items[i] = s.seen(p)
	}
	return page, err
}

// seen fills when a policy was last seen.
func (s *Store) seen(p run.Policy) run.Policy {
	if p.VanishedAt != nil {
		return p
	}
	p.LastSeenAt = p.FirstSeenAt
	if sync, ok := s.typeSyncs[[2]string{p.TenantID, p.Type}]; ok && sync.SyncedAt.After(p.FirstSeenAt) {
		p.LastSeenAt = sync.SyncedAt
	}
	return p
}

// AllPolicies implements run.Policies.
func (s *Store) AllPolicies(ctx context.Context, tenantID string) (all []run.Policy, err error) {
	err = s.do(ctx, "AllPolicies", func() error {
		for _, p := range s.policies {
			if p.TenantID == tenantID {
				all = append(all, p)
			}
		}
		return nil
	})
	return all, err
}

// PutPolicy implements run.Policies.
func (s *Store) PutPolicy(ctx context.Context, p run.Policy) (run.Policy, error) {
	err := s.do(ctx, "PutPolicy", func() error {
		key := [2]string{p.TenantID, p.ID}
		if s.policies[key].Rev != p.Rev {
			return run.ErrConflict
		}
		p.Rev++
		p.LastSeenAt = time.Time{}
		s.policies[key] = p
		return nil
	})
	if err != nil {
		return run.Policy{}, err
	}
	return p, nil
}

// PutTypeSync implements run.Policies.
func (s *Store) PutTypeSync(ctx context.Context, t run.TypeSync) error {
	return s.do(ctx, "PutTypeSync", func() error {
		key := [2]string{t.TenantID, t.Type}
		if have, ok := s.typeSyncs[key]; !ok || t.SyncedAt.After(have.SyncedAt) {
			s.typeSyncs[key] = t
		}
		return nil
	})
}

// TypeSyncs implements run.Policies.
func (s *Store) TypeSyncs(ctx context.Context, tenantID string) (all []run.TypeSync, err error) {
	err = s.do(ctx, "TypeSyncs", func() error {
		for _, t := range s.typeSyncs {
			if t.TenantID == tenantID {
				all = append(all, t)
			}
		}
		slices.SortFunc(all, func(a, b run.TypeSync) int { return strings.Compare(a.Type, b.Type) })
		return nil
	})
	return all, err
}

// AddVersion implements run.Policies.
func (s *Store) AddVersion(ctx context.Context, n run.NewVersion) (p run.Policy, err error) {
	err = s.do(ctx, "AddVersion", func() error {
		key := [2]string{n.Policy.TenantID, n.Policy.ID}
		have, v := s.policies[key], n.Version
		if have.LatestVersion == v.Number && reflect.DeepEqual(s.versions[key][v.Number-1], v) {
			p = have
			return nil // a repeat of a call whose answer was lost
		}
		if have.Rev != n.Policy.Rev || have.LatestVersion+1 != v.Number {
			return run.ErrConflict
		}
		at := v.CapturedAt
		have.Name, have.Platform = v.PolicyName, v.Platform
		have.LatestVersion, have.LatestHash, have.LastCapturedAt = v.Number, v.ContentHash, &at
		have.Rev++
		s.policies[key] = have
		s.versions[key] = append(s.versions[key], v)
		p = have
		return nil
	})
	return p, err
}

// Version implements run.Policies.
func (s *Store) Version(ctx context.Context, tenantID, policyID string, number int) (v run.Version, err error) {
	err = s.do(ctx, "Version", func() error {
		all := s.versions[[2]string{tenantID, policyID}]
		if number < 1 || number > len(all) {
			return run.ErrNotFound
		}
		v = all[number-1]
		return nil
	})
	return v, err
}

// Versions implements run.Policies.
func (s *Store) Versions(ctx context.Context, tenantID, policyID string, p run.PageRequest) (run.Page[run.Version], error) {
	values := slices.Values(s.versions[[2]string{tenantID, policyID}])
	return list(ctx, s, "Versions", tenantID+policyID, p, values, func(run.Version) bool { return true }, func(v run.Version) string { return paddedNumber(v.Number) }, true)
}

func paddedNumber(n int) string { return fmt.Sprintf("%08d", n) }

// TouchCaptured implements run.Policies.
func (s *Store) TouchCaptured(ctx context.Context, tenantID, policyID string, version int, at time.Time) error {
	return s.do(ctx, "TouchCaptured", func() error {
		key := [2]string{tenantID, policyID}
		have, ok := s.policies[key]
		if !ok {
			return run.ErrNotFound
		}
		if have.LatestVersion != version {
			return run.ErrConflict
		}
		have.LastCapturedAt = &at
		have.Rev++
		s.policies[key] = have
		return nil
	})
}

// PutNotification implements run.Records.
func (s *Store) PutNotification(ctx context.Context, n run.Notification) error {
	return s.do(ctx, "PutNotification", func() error {
		key := run.NotificationKey{UserID: n.UserID, TenantID: n.TenantID, At: n.At.UTC(), RunID: n.RunID, Kind: n.Kind}
		if _, there := s.notifications[key]; !there {
			s.notifications[key] = n
		}
		return nil
	})
}

// Notifications implements run.Records.
func (s *Store) Notifications(ctx context.Context, q run.NotificationQuery, p run.PageRequest) (run.Page[run.Notification], error) {
	return list(ctx, s, "Notifications", q, p, maps.Values(s.notifications), func(n run.Notification) bool {
		return n.UserID == q.UserID && (q.TenantID == "" || n.TenantID == q.TenantID) && (!q.Unread || !n.Read) &&
			(q.Kind == "" || n.Kind == q.Kind) && (len(q.Operations) == 0 || slices.Contains(q.Operations, n.Operation)) &&
			(q.From.IsZero() || !n.At.Before(q.From)) && (q.To.IsZero() || n.At.Before(q.To))
	}, func(n run.Notification) string { return stamp(n.At) + n.RunID + string(n.Kind) }, true)
}

// MarkRead implements run.Records.
func (s *Store) MarkRead(ctx context.Context, key run.NotificationKey) error {
	return s.do(ctx, "MarkRead", func() error {
		key.At = key.At.UTC()
		n, ok := s.notifications[key]
		if !ok {
			return run.ErrNotFound
		}
		n.Read = true
		s.notifications[key] = n
		return nil
	})
}

// Audit implements run.Records.
func (s *Store) Audit(ctx context.Context, e run.AuditEvent) error {
	return s.do(ctx, "Audit", func() error {
		if len(fmt.Sprint(e.Details)) > maxItem {
			return run.ErrTooLarge
		}
		if _, there := s.audit[auditKey(e)]; !there {
			s.audit[auditKey(e)] = e
		}
		return nil
	})
}

// AuditEvents implements run.Records.
func (s *Store) AuditEvents(ctx context.Context, q run.AuditQuery, p run.PageRequest) (run.Page[run.AuditEvent], error) {
	from, latest := q.From, q.To
	if latest.IsZero() {
		latest = q.Now
	}
	if from.IsZero() {
		from = latest.AddDate(-2, 0, 0)
	}
	question := q // time goes on between two pages of one list
	question.Now, question.To = time.Time{}, time.Time{}
	return list(ctx, s, "AuditEvents", question, p, maps.Values(s.audit), func(e run.AuditEvent) bool {
		return e.TenantID == q.TenantID && (len(q.Events) == 0 || slices.Contains(q.Events, e.Event)) && (q.TargetID == "" || e.Target.ID == q.TargetID) && (q.ActorID == "" || e.ActorID == q.ActorID) &&
			(q.RunID == "" || e.RunID == q.RunID) && !e.At.Before(from) && (q.To.IsZero() || e.At.Before(q.To))
	}, func(e run.AuditEvent) string { return stamp(e.At) + auditKey(e) }, true)
}
