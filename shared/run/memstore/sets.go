package memstore

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tenantatlas/shared/run"
)

// backupItem is an item with what it was when it was added, to know a repeat.
type backupItem struct {
	run.BackupItem
	added string
}

func copySelection(s run.Selection) run.Selection {
	s.Policies, s.Types, s.Platforms = slices.Clone(s.Policies), slices.Clone(s.Types), slices.Clone(s.Platforms)
	return s
}

func copySet(s run.BackupSet) run.BackupSet {
	s.Selection = copySelection(s.Selection)
	s.DeletedAt, s.ActiveRuns, s.Tally = clonePointer(s.DeletedAt), slices.Clone(s.ActiveRuns), clonePointer(s.Tally)
	if len(s.ActiveRuns) == 0 {
		s.ActiveRuns = nil
	}
	if s.Tally != nil {
		s.Tally.Types = maps.Clone(s.Tally.Types)
	}
	return s
}

func copyItem(i run.BackupItem) run.BackupItem {
	i.CapturedAt, i.Failure, i.Params = clonePointer(i.CapturedAt), clonePointer(i.Failure), maps.Clone(i.Params)
	return i
}

// told reports whether this very change was made before: its audit event is there.
func (s *Store) told(audit run.AuditEvent) bool {
	have, there := s.audit[auditKey(audit)]
	return there && reflect.DeepEqual(have, audit)
}

// BackupSet implements run.BackupSets.
func (s *Store) BackupSet(ctx context.Context, tenantID, setID string) (set run.BackupSet, err error) {
	err = s.do(ctx, "BackupSet", func() error {
		have, ok := s.sets[[2]string{tenantID, setID}]
		if !ok {
			return run.ErrNotFound
		}
		set = copySet(have)
		return nil
	})
	return set, err
}

// ListBackupSets implements run.BackupSets.
func (s *Store) ListBackupSets(ctx context.Context, q run.SetQuery, p run.PageRequest) (run.Page[run.BackupSet], error) {
	page, err := list(ctx, s, "ListBackupSets", q, p, maps.Values(s.sets), func(b run.BackupSet) bool {
		return b.TenantID == q.TenantID && q.Deleted == (b.DeletedAt != nil) && contains(b.Name, q.Search) &&
			(q.From.IsZero() || !b.CreatedAt.Before(q.From)) && (q.To.IsZero() || b.CreatedAt.Before(q.To))
	}, func(b run.BackupSet) string { return b.ID }, true)
	for i, b := range page.Items {
		page.Items[i] = copySet(b)
	}
	return page, err
}

// contains reports whether part is in the name, whatever their case.
func contains(name, part string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(part))
}

// CreateBackupSet implements run.BackupSets.
func (s *Store) CreateBackupSet(ctx context.Context, n run.NewBackupSet) (set run.BackupSet, err error) {
	err = s.do(ctx, "CreateBackupSet", func() error {
		key, replayKey := [2]string{n.Set.TenantID, n.Set.ID}, [2]string{n.Set.TenantID, n.Key}
		if have, taken := s.sets[key]; taken {
			if !have.CreatedAt.Equal(n.Set.CreatedAt) || have.CreatedBy != n.Set.CreatedBy {
				return run.ErrConflict
			}
			set = copySet(have)
			return nil // a repeat of a call whose answer was lost
		}
		if tooLarge(n.Set) {
			return run.ErrTooLarge
		}
		if m, ok := s.members[[2]string{n.Set.TenantID, n.Set.CreatedBy.UserID}]; !ok || !m.Role.Includes(n.Role) {
			return run.ErrNotMember
		}
		if t, ok := s.tenants[n.Set.TenantID]; !ok || t.Disabled {
			return run.ErrTenantDisabled
		}
		if have, ok := s.replays[replayKey]; n.Key != "" && ok && have.ExpiresAt.After(n.Set.CreatedAt) {
			if have.PayloadHash != n.PayloadHash {
				return run.ErrKeyTaken
			}
			set = copySet(s.sets[[2]string{n.Set.TenantID, have.RunID}])
			return nil
		}
		if _, err := s.addItems(key, n.Items); err != nil {
			return err
		}
		made := copySet(n.Set)
		made.ActiveRuns, made.Uses, made.Rev = nil, 0, 1
		s.sets[key] = made
		if n.Key != "" {
			s.replays[replayKey] = run.Replay{RunID: made.ID, PayloadHash: n.PayloadHash, ExpiresAt: n.ReplayUntil}
		}
		s.audit[auditKey(n.Audit)] = n.Audit
		set = copySet(made)
		return nil
	})
	if err != nil {
		return run.BackupSet{}, err
	}
	return set, nil
}

// UpdateBackupSet implements run.BackupSets.
func (s *Store) UpdateBackupSet(ctx context.Context, b run.BackupSet, audit run.AuditEvent) (run.BackupSet, error) {
	err := s.do(ctx, "UpdateBackupSet", func() error {
		key := [2]string{b.TenantID, b.ID}
		have, ok := s.sets[key]
		switch {
		case !ok:
			return run.ErrNotFound
		case s.told(audit):
			b.Rev++
			return nil // a repeat of a call whose answer was lost
		case have.Rev != b.Rev || have.Uses != b.Uses:
			return run.ErrConflict
		}
		b.Rev++
		have.Name, have.Note, have.UpdatedAt, have.DeletedAt, have.DeletedBy, have.Rev = b.Name, b.Note, b.UpdatedAt, clonePointer(b.DeletedAt), b.DeletedBy, b.Rev
		s.sets[key] = have
		s.audit[auditKey(audit)] = audit
		return nil
	})
	if err != nil {
		return run.BackupSet{}, err
	}
	return b, nil
}

// CountBackupSet implements run.BackupSets.
func (s *Store) CountBackupSet(ctx context.Context, b run.BackupSet, t run.SetTally, ended []string) (set run.BackupSet, err error) {
	err = s.do(ctx, "CountBackupSet", func() error {
		key, token := [2]string{b.TenantID, b.ID}, fmt.Sprintf("%d %+v %v", b.Uses, t, ended)
		have, ok := s.sets[key]
		switch {
		case !ok:
			return run.ErrNotFound
		case s.counted[key] == token:
			set = copySet(have)
			return nil // a repeat of a call whose answer was lost
		case have.Uses != b.Uses:
			return run.ErrConflict
		}
		counted := copySet(have)
		t.Types = maps.Clone(t.Types)
		counted.Tally = &t
		counted.ActiveRuns = slices.DeleteFunc(counted.ActiveRuns, func(id string) bool { return slices.Contains(ended, id) })
		counted.Uses++
		s.sets[key], s.counted[key] = counted, token
		set = copySet(counted)
		return nil
	})
	return set, err
}

// AddBackupItems implements run.BackupSets.
func (s *Store) AddBackupItems(ctx context.Context, tenantID, setID string, items []run.BackupItem) (there []string, err error) {
	err = s.do(ctx, "AddBackupItems", func() error {
		var err error
		there, err = s.addItems([2]string{tenantID, setID}, items)
		return err
	})
	return there, err
}

// addItems adds the items whose policy is not in the set yet, and names the others.
func (s *Store) addItems(set [2]string, items []run.BackupItem) (there []string, err error) {
	for _, i := range items {
		if i.TenantID != set[0] || i.SetID != set[1] {
			return nil, fmt.Errorf("item of policy %s is of another set", i.PolicyID)
		}
	}
	if s.items[set] == nil {
		s.items[set] = map[string]backupItem{}
	}
	seen := map[string]bool{}
	for _, i := range items {
		if seen[i.PolicyID] {
			continue
		}
		seen[i.PolicyID] = true
		added := fmt.Sprintf("%+v %+v", i, i.Failure)
		if have, in := s.items[set][i.PolicyID]; !in {
			s.items[set][i.PolicyID] = backupItem{copyItem(i), added}
		} else if have.added != added {
			there = append(there, i.PolicyID)
		}
	}
	return there, nil
}

// SettleBackupItem implements run.BackupSets.
func (s *Store) SettleBackupItem(ctx context.Context, i run.BackupItem) error {
	return s.do(ctx, "SettleBackupItem", func() error {
		if !slices.Contains(run.ItemStates(), i.State) {
			return fmt.Errorf("unknown state %.20q of an item", i.State)
		}
		set := [2]string{i.TenantID, i.SetID}
		if s.items[set] == nil {
			s.items[set] = map[string]backupItem{}
		}
		have, in := s.items[set][i.PolicyID]
		if in && have.State.Held() && !i.State.Held() {
			return nil
		}
		if in {
			i.AddedAt, i.Foundation = have.AddedAt, have.Foundation
		}
		s.items[set][i.PolicyID] = backupItem{copyItem(i), have.added}
		return nil
	})
}

// BackupItem implements run.BackupSets.
func (s *Store) BackupItem(ctx context.Context, tenantID, setID, policyID string) (i run.BackupItem, err error) {
	err = s.do(ctx, "BackupItem", func() error {
		have, ok := s.items[[2]string{tenantID, setID}][policyID]
		if !ok {
			return run.ErrNotFound
		}
		i = copyItem(have.BackupItem)
		return nil
	})
	return i, err
}

// itemsOf yields the items of a set.
func (s *Store) itemsOf(tenantID, setID string) func(func(run.BackupItem) bool) {
	return func(yield func(run.BackupItem) bool) {
		for _, i := range s.items[[2]string{tenantID, setID}] {
			if !yield(copyItem(i.BackupItem)) {
				return
			}
		}
	}
}

// ListBackupItems implements run.BackupSets.
func (s *Store) ListBackupItems(ctx context.Context, q run.ItemQuery, p run.PageRequest) (run.Page[run.BackupItem], error) {
	return list(ctx, s, "ListBackupItems", q, p, s.itemsOf(q.TenantID, q.SetID), func(i run.BackupItem) bool {
		return (len(q.States) == 0 || slices.Contains(q.States, i.State)) && (len(q.Types) == 0 || slices.Contains(q.Types, i.Type)) &&
			contains(i.Name, q.Search) && (q.Code == "" || i.Code == q.Code)
	}, func(i run.BackupItem) string { return strings.ToLower(i.Name) + "\x00" + i.PolicyID }, false)
}

// BackupItemsFrom implements run.BackupSets.
func (s *Store) BackupItemsFrom(ctx context.Context, tenantID, setID, afterPolicyID string, n int) (items []run.BackupItem, err error) {
	err = s.do(ctx, "BackupItemsFrom", func() error {
		for i := range s.itemsOf(tenantID, setID) {
			if i.PolicyID > afterPolicyID {
				items = append(items, i)
			}
		}
		slices.SortFunc(items, func(a, b run.BackupItem) int { return strings.Compare(a.PolicyID, b.PolicyID) })
		items = items[:min(max(n, 0), len(items))]
		return nil
	})
	return items, err
}
