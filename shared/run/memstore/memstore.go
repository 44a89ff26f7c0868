// Package memstore keeps the contracts of package run in memory, for tests and
// simulation: one process, nothing survives it. The conformance suite in
// run/runtest holds it to the same sentences as the DynamoDB store.
//
// Hook lets a test fail a call before or after its effect, the two forms every
// write fault has.
package memstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tenantatlas/shared/run"
)

// Store implements all contracts of what is kept in the table. Use New.
type Store struct {
	// Hook, when set, is called twice for each call: before its effect and, if it
	// took effect, after it. An error ends the call with that error.
	Hook func(method string, done bool) error

	mu            sync.Mutex
	tenants       map[string]run.Tenant
	connectionAt  map[string]time.Time // as of when it is known whether the tenant can be reached
	members       map[[2]string]run.Member
	runs          map[[2]string]*run.Run
	plans         map[[2]string][]run.Item
	chunks        map[[2]string][]run.Chunk
	committed     map[[2]string]commit // the last commit of each run, to know a repeat
	locks         map[[2]string]run.Lock
	replays       map[[2]string]run.Replay
	policies      map[[2]string]run.Policy
	typeSyncs     map[[2]string]run.TypeSync
	versions      map[[2]string][]run.Version
	notifications map[run.NotificationKey]run.Notification
	audit         map[string]run.AuditEvent
	links         map[[2]string][]run.RunLink
	unnotified    map[[2]string]bool
	ended         map[[2]string]string // what ended each run, to know a repeat
	changes       []Change
	rates         map[run.RateKey]run.RateState // made by rates.go
	sets          map[[2]string]run.BackupSet
	counted       map[[2]string]string // the last count of each set, to know a repeat
	items         map[[2]string]map[string]backupItem
	schedules     map[[2]string]run.Schedule
	firings       map[[2]string]map[string]run.Firing // by the time they were due
	drift         map[[2]string]run.Drift
	subscriptions map[[2]string]run.Subscription
	summaries     map[string]run.Summary
	filters       map[[2]string]savedFilters
}

var (
	_ run.Tenants       = (*Store)(nil)
	_ run.Runs          = (*Store)(nil)
	_ run.Policies      = (*Store)(nil)
	_ run.Records       = (*Store)(nil)
	_ run.BackupSets    = (*Store)(nil)
	_ run.Schedules     = (*Store)(nil)
	_ run.Drifts        = (*Store)(nil)
	_ run.Subscriptions = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		tenants: map[string]run.Tenant{}, members: map[[2]string]run.Member{}, runs: map[[2]string]*run.Run{},
		plans: map[[2]string][]run.Item{}, chunks: map[[2]string][]run.Chunk{}, committed: map[[2]string]commit{}, locks: map[[2]string]run.Lock{},
		replays: map[[2]string]run.Replay{}, policies: map[[2]string]run.Policy{}, typeSyncs: map[[2]string]run.TypeSync{},
		versions: map[[2]string][]run.Version{}, notifications: map[run.NotificationKey]run.Notification{}, audit: map[string]run.AuditEvent{},
		unnotified: map[[2]string]bool{}, ended: map[[2]string]string{}, connectionAt: map[string]time.Time{},
		sets: map[[2]string]run.BackupSet{}, counted: map[[2]string]string{}, items: map[[2]string]map[string]backupItem{},
		schedules: map[[2]string]run.Schedule{}, firings: map[[2]string]map[string]run.Firing{},
		links: map[[2]string][]run.RunLink{}, drift: map[[2]string]run.Drift{}, subscriptions: map[[2]string]run.Subscription{},
		summaries: map[string]run.Summary{}, filters: map[[2]string]savedFilters{},
	}
}

// commit is a slice that was committed, and the answer it got.
type commit struct {
	fence  run.Fence
	slice  string
	answer run.Run
}

// maxItem is how many bytes of people's input one record may hold, about what
// DynamoDB allows.
const maxItem = 390_000

// tooLarge reports whether a record of these values is larger than that.
func tooLarge(values any) bool { return len(fmt.Sprintf("%+v", values)) > maxItem }

// do runs one call under the lock, with the hook around it.
func (s *Store) do(ctx context.Context, method string, f func() error) error {
	return hooked(ctx, s.Hook, method, &s.mu, f)
}

// hooked runs a call's effect under the lock, between the two calls of the hook,
// if there is one.
func hooked(ctx context.Context, hook func(method string, done bool) error, method string, mu sync.Locker, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if hook != nil {
		if err := hook(method, false); err != nil {
			return err
		}
	}
	mu.Lock()
	err := effect()
	mu.Unlock()
	if err == nil && hook != nil {
		return hook(method, true)
	}
	return err
}

func copyRun(r *run.Run) run.Run {
	c := *r
	c.Input = slices.Clone(r.Input)
	c.Totals, c.Reasons = maps.Clone(r.Totals), maps.Clone(r.Reasons)
	return c
}

func auditKey(e run.AuditEvent) string {
	return strings.Join([]string{e.TenantID, e.At.UTC().Format(time.RFC3339Nano), e.RunID, e.Event, e.ActorID, e.Target.ID, e.Details["member"], strconv.Itoa(e.Part)}, "#")
}

// CreateTenant implements run.Tenants.
func (s *Store) CreateTenant(ctx context.Context, t run.Tenant, owner run.Member, audit run.AuditEvent) error {
	return s.do(ctx, "CreateTenant", func() error {
		if _, taken := s.tenants[t.ID]; taken {
			return run.ErrConflict
		}
		t.Rev, t.Owners, owner.Rev = 1, 1, 1
		t.Connection = nil
		s.tenants[t.ID] = t
		s.members[[2]string{t.ID, owner.UserID}] = owner
		s.audit[auditKey(audit)] = audit
		return nil
	})
}

// Tenant implements run.Tenants.
func (s *Store) Tenant(ctx context.Context, tenantID string) (t run.Tenant, err error) {
	err = s.do(ctx, "Tenant", func() error {
		var ok bool
		if t, ok = s.tenants[tenantID]; !ok {
			return run.ErrNotFound
		}
		return nil
	})
	return t, err
}

// UpdateTenant implements run.Tenants.
func (s *Store) UpdateTenant(ctx context.Context, t run.Tenant, audit run.AuditEvent) (run.Tenant, error) {
	err := s.do(ctx, "UpdateTenant", func() error {
		have, ok := s.tenants[t.ID]
		if !ok {
			return run.ErrNotFound
		}
		if have.Rev != t.Rev {
			return run.ErrConflict
		}
		t.Rev, t.Owners = t.Rev+1, have.Owners
		if t.Connection == nil {
			s.connectionAt[t.ID] = t.UpdatedAt
		} else {
			t.Connection = have.Connection
		}
		s.tenants[t.ID] = t
		s.audit[auditKey(audit)] = audit
		return nil
	})
	if err != nil {
		return run.Tenant{}, err
	}
	return t, nil
}

// NoteConnection implements run.Tenants.
func (s *Store) NoteConnection(ctx context.Context, tenantID string, at time.Time, fault *run.ConnectionFault) error {
	return s.do(ctx, "NoteConnection", func() error {
		t, ok := s.tenants[tenantID]
		if !ok {
			return run.ErrNotFound
		}
		if s.connectionAt[tenantID].Before(at) {
			s.connectionAt[tenantID], t.Connection = at, clonePointer(fault)
			s.tenants[tenantID] = t
		}
		return nil
	})
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Member implements run.Tenants.
func (s *Store) Member(ctx context.Context, tenantID, userID string) (m run.Member, err error) {
	err = s.do(ctx, "Member", func() error {
		var ok bool
		if m, ok = s.members[[2]string{tenantID, userID}]; !ok {
			return run.ErrNotMember
		}
		return nil
	})
	return m, err
}

// PutMember implements run.Tenants.
func (s *Store) PutMember(ctx context.Context, m run.Member, rev int64, audit run.AuditEvent) (run.Member, error) {
	err := s.do(ctx, "PutMember", func() error {
		t, ok := s.tenants[m.TenantID]
		if !ok {
			return run.ErrNotFound
		}
		key := [2]string{m.TenantID, m.UserID}
		have := s.members[key]
		if have.Rev != rev {
			return run.ErrConflict
		}
		owners := t.Owners
		if have.Role == run.RoleOwner {
			owners--
		}
		if m.Role == run.RoleOwner {
			owners++
		}
		if owners < 1 {
			return run.ErrLastOwner
		}
		t.Owners, m.Rev = owners, rev+1
		s.tenants[m.TenantID], s.members[key] = t, m
		s.audit[auditKey(audit)] = audit
		return nil
	})
	if err != nil {
		return run.Member{}, err
	}
	return m, nil
}

// DeleteMember implements run.Tenants.
func (s *Store) DeleteMember(ctx context.Context, tenantID, userID string, rev int64, audit run.AuditEvent) error {
	return s.do(ctx, "DeleteMember", func() error {
		key := [2]string{tenantID, userID}
		have, ok := s.members[key]
		switch {
		case !ok:
			return run.ErrNotMember
		case have.Rev != rev:
			return run.ErrConflict
		}
		t := s.tenants[tenantID]
		if have.Role == run.RoleOwner {
			if t.Owners == 1 {
				return run.ErrLastOwner
			}
			t.Owners--
		}
		s.tenants[tenantID] = t
		delete(s.members, key)
		s.audit[auditKey(audit)] = audit
		return nil
	})
}

// Members implements run.Tenants.
func (s *Store) Members(ctx context.Context, tenantID string, p run.PageRequest) (run.Page[run.Member], error) {
	return list(ctx, s, "Members", tenantID, p, maps.Values(s.members), func(m run.Member) bool { return m.TenantID == tenantID }, func(m run.Member) string { return m.UserID }, false)
}

// Memberships implements run.Tenants.
func (s *Store) Memberships(ctx context.Context, userID string, p run.PageRequest) (run.Page[run.Member], error) {
	return list(ctx, s, "Memberships", userID, p, maps.Values(s.members), func(m run.Member) bool { return m.UserID == userID }, func(m run.Member) string { return m.TenantID }, false)
}

// list pages through values in the order of their keys.
func list[T any](ctx context.Context, s *Store, method string, question any, p run.PageRequest, values func(func(T) bool), keep func(T) bool, key func(T) string, newestFirst bool) (run.Page[T], error) {
	var page run.Page[T]
	err := s.do(ctx, method, func() error {
		var all []T
		for v := range values {
			if keep(v) {
				all = append(all, v)
			}
		}
		slices.SortFunc(all, func(a, b T) int {
			if newestFirst {
				return cmp.Compare(key(b), key(a))
			}
			return cmp.Compare(key(a), key(b))
		})
		from := 0
		if p.Cursor != "" {
			after, ok := openCursor(method, question, p.Cursor)
			if !ok {
				return run.ErrBadCursor
			}
			for from < len(all) && (key(all[from]) == after || (key(all[from]) < after) != newestFirst) {
				from++
			}
		}
		limit := p.Limit
		if limit <= 0 {
			limit = 50
		}
		to := min(from+limit, len(all))
		page.Items = all[from:to]
		if to < len(all) {
			page.Next = sealCursor(method, question, key(all[to-1]))
		}
		return nil
	})
	return page, err
}

// A cursor is good for its own question only. JSON tells questions apart by what
// they say, wherever that stands.
func sealCursor(method string, question any, after string) string {
	asked, _ := json.Marshal(question) // plain values, which all have a JSON form
	return run.Hash(method, string(asked), after)[:16] + after
}

func openCursor(method string, question any, cursor string) (after string, ok bool) {
	if len(cursor) < 16 {
		return "", false
	}
	after = cursor[16:]
	return after, sealCursor(method, question, after) == cursor
}

// StartView implements run.Runs.
func (s *Store) StartView(ctx context.Context, q run.StartQuery) (v run.StartView, err error) {
	err = s.do(ctx, "StartView", func() error {
		if m, ok := s.members[[2]string{q.TenantID, q.UserID}]; ok {
			v.Member = &m
		}
		if t, ok := s.tenants[q.TenantID]; ok {
			v.Tenant = &t
		}
		if l, ok := s.locks[[2]string{q.TenantID, q.KeyHash}]; ok {
			v.Lock = &l
		}
		if r, ok := s.replays[[2]string{q.TenantID, q.IdempotencyKey}]; ok && q.IdempotencyKey != "" {
			v.Replay = &r
		}
		if p, ok := s.policies[[2]string{q.TenantID, q.PolicyID}]; ok {
			v.Policy = &p
		}
		if have, ok := s.sets[[2]string{q.TenantID, q.SetID}]; ok {
			have = copySet(have)
			v.Set = &have
		}
		if have, ok := s.schedules[[2]string{q.TenantID, q.ScheduleID}]; ok {
			have = copySchedule(have)
			v.Schedule = &have
		}
		return nil
	})
	return v, err
}

// CreateRun implements run.Runs.
func (s *Store) CreateRun(ctx context.Context, n run.NewRun) error {
	if n.Set != nil && n.UsesSet != "" || n.Run.Initiator.UserID != "" && n.Run.Initiator.ScheduleID != "" {
		return errors.New("a run has one initiator, and makes a set or uses one")
	}
	return s.do(ctx, "CreateRun", func() error {
		r := n.Run
		lockKey, runKey := [2]string{r.TenantID, r.KeyHash}, [2]string{r.TenantID, r.ID}
		if s.runs[runKey] != nil {
			return nil // a repeat of a call whose answer was lost
		}
		if len(r.Input) > maxItem {
			return run.ErrTooLarge
		}
		if !s.mayStart(n) {
			return run.ErrNotMember
		}
		if t, ok := s.tenants[r.TenantID]; !ok || t.Disabled {
			return run.ErrTenantDisabled
		}
		set, err := s.setOfRun(n)
		if errors.Is(err, run.ErrNotFound) {
			return err
		}
		if l := s.locks[lockKey]; l.ActiveRunID != "" {
			return &run.LockHeldError{Lock: l} // says more than the other refusals of a set
		}
		if err != nil {
			return err
		}
		linkKey := [2]string{r.TenantID, n.LinkTo}
		if n.LinkKind == run.LinkApplied {
			for _, l := range s.links[linkKey] {
				if l.Kind == run.LinkApplied {
					return &run.PlanUsedError{RunID: l.RunID}
				}
			}
		}
		replayKey := [2]string{r.TenantID, n.IdempotencyKey}
		if n.IdempotencyKey != "" {
			if have, ok := s.replays[replayKey]; ok && have.ExpiresAt.After(r.CreatedAt) {
				return run.ErrConflict
			}
			s.replays[replayKey] = run.Replay{RunID: r.ID, PayloadHash: r.PayloadHash, ExpiresAt: n.ReplayUntil}
		}
		if set != nil {
			s.sets[[2]string{r.TenantID, set.ID}] = *set
		}
		if n.LinkTo != "" {
			s.links[linkKey] = append(s.links[linkKey], run.RunLink{RunID: r.ID, Kind: n.LinkKind})
		}
		l := s.locks[lockKey]
		l.TenantID, l.KeyHash, l.ActiveRunID, l.PayloadHash = r.TenantID, r.KeyHash, r.ID, r.PayloadHash
		s.locks[lockKey] = l
		s.keep(nil, r)
		s.audit[auditKey(n.Audit)] = n.Audit
		return nil
	})
}

// Links implements run.Runs.
func (s *Store) Links(ctx context.Context, tenantID, runID string) (links []run.RunLink, err error) {
	err = s.do(ctx, "Links", func() error {
		links = slices.Clone(s.links[[2]string{tenantID, runID}])
		return nil
	})
	return links, err
}

// Supersede implements run.Runs.
func (s *Store) Supersede(ctx context.Context, tenantID, runID, byRunID string, items []string) error {
	return s.do(ctx, "Supersede", func() error {
		links := s.links[[2]string{tenantID, runID}]
		for i, l := range links {
			if l.Kind == run.LinkRerun && l.RunID == byRunID {
				links[i].Items = slices.Clone(items)
				return nil
			}
		}
		return run.ErrNotFound
	})
}

// mayStart says whether the initiator of a start still may: a member by the role, a
// schedule by not being paused or removed.
func (s *Store) mayStart(n run.NewRun) bool {
	by := n.Run.Initiator
	if by.ScheduleID != "" {
		schedule, ok := s.schedules[[2]string{n.Run.TenantID, by.ScheduleID}]
		return ok && !schedule.Removed && !schedule.Paused
	}
	m, ok := s.members[[2]string{n.Run.TenantID, by.UserID}]
	return ok && m.Role.Includes(n.Role)
}

// setOfRun is the backup set of a start as it stands after it, nil for none.
func (s *Store) setOfRun(n run.NewRun) (*run.BackupSet, error) {
	switch {
	case n.Set != nil:
		made := copySet(*n.Set)
		if _, taken := s.sets[[2]string{n.Run.TenantID, made.ID}]; taken {
			return nil, run.ErrConflict
		}
		made.LastRunID, made.ActiveRuns, made.Uses, made.Rev = n.Run.ID, []string{n.Run.ID}, 1, 1
		return &made, nil
	case n.UsesSet != "":
		have, ok := s.sets[[2]string{n.Run.TenantID, n.UsesSet}]
		if !ok || have.DeletedAt != nil {
			return nil, run.ErrNotFound
		}
		if len(have.ActiveRuns) >= run.MaxActiveRuns {
			return nil, run.ErrSetBusy
		}
		used := copySet(have)
		used.ActiveRuns = append(used.ActiveRuns, n.Run.ID)
		slices.Sort(used.ActiveRuns)
		used.Uses++
		if n.ChangesSet {
			used.LastRunID = n.Run.ID
		}
		return &used, nil
	}
	return nil, nil
}

// Run implements run.Runs.
func (s *Store) Run(ctx context.Context, tenantID, runID string) (r run.Run, err error) {
	err = s.do(ctx, "Run", func() error {
		have, ok := s.runs[[2]string{tenantID, runID}]
		if !ok {
			return run.ErrNotFound
		}
		r = copyRun(have)
		return nil
	})
	return r, err
}

// Claim implements run.Runs.
func (s *Store) Claim(ctx context.Context, tenantID, runID, owner string, now, lease time.Time) (run.Run, error) {
	return s.write(ctx, "Claim", tenantID, runID, func(r *run.Run) error {
		switch {
		case r.Status.Terminal():
			return run.ErrRunEnded
		case r.Owner == owner:
			return errUnchanged
		case r.Owner != "" && r.LeaseUntil.After(now):
			return run.ErrRunLeased
		case r.NotBefore.After(now):
			return &run.NotDueError{Run: copyRun(r)}
		}
		if r.StartedAt == nil {
			r.StartedAt = &now
		}
		if r.Owner != "" {
			r.Crashes++
		}
		r.Status, r.Owner, r.LeaseUntil, r.Waiting, r.NotBefore, r.Rescues = run.StatusRunning, owner, lease, nil, time.Time{}, 0
		r.Epoch++
		r.Attempts++
		r.UpdatedAt = now
		return nil
	})
}

// errUnchanged ends a write that was done before; the caller sees no error.
var errUnchanged = errors.New("was done before")

// write changes one run and tells the stream of it, if it changed.
func (s *Store) write(ctx context.Context, method, tenantID, runID string, change func(*run.Run) error) (r run.Run, err error) {
	err = s.do(ctx, method, func() error {
		have, ok := s.runs[[2]string{tenantID, runID}]
		if !ok {
			return run.ErrNotFound
		}
		after := copyRun(have)
		err := change(&after)
		switch {
		case errors.Is(err, errUnchanged):
			r = after
			return nil
		case err != nil:
			return err
		}
		if !reflect.DeepEqual(*have, after) { // a stream does not tell of what changed nothing
			s.keep(have, after)
		}
		r = copyRun(&after)
		return nil
	})
	return r, err
}

// keep stores a run and tells the stream of it.
func (s *Store) keep(before *run.Run, after run.Run) {
	stored := copyRun(&after)
	s.runs[[2]string{after.TenantID, after.ID}] = &stored
	change := Change{After: copyRun(&after)}
	if before != nil {
		old := copyRun(before)
		change.Before = &old
	}
	s.changes = append(s.changes, change)
}

// Change is what the stream tells of.
type Change = run.RunChange

// Changes returns the changes of runs from the n-th on, in the order in which
// they were made: the stream, of which run.RunChange says what it promises.
func (s *Store) Changes(n int) []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes[min(n, len(s.changes)):])
}

// fencedWrite changes the run of a worker that still holds it.
func (s *Store) fencedWrite(ctx context.Context, method string, f run.Fence, change func(*run.Run) error) (run.Run, error) {
	return s.write(ctx, method, f.TenantID, f.RunID, func(r *run.Run) error {
		switch {
		case r.Status.Terminal():
			return run.ErrRunEnded
		case r.Epoch != f.Epoch || r.Seq != f.Seq || r.Owner == "":
			return run.ErrFenced
		}
		return change(r)
	})
}

// SavePlan implements run.Runs.
func (s *Store) SavePlan(ctx context.Context, f run.Fence, items []run.Item, now time.Time) (run.Run, error) {
	return s.fencedWrite(ctx, "SavePlan", f, func(r *run.Run) error {
		if r.Planned && r.PlanEpoch == f.Epoch {
			return errUnchanged
		}
		s.plans[[2]string{f.TenantID, f.RunID}] = slices.Clone(items)
		r.Planned, r.PlanEpoch, r.Counts.Total, r.UpdatedAt = true, f.Epoch, len(items), now
		return nil
	})
}

// Plan implements run.Runs.
func (s *Store) Plan(ctx context.Context, r run.Run, from, n int) (items []run.Item, err error) {
	err = s.do(ctx, "Plan", func() error {
		all := s.plans[[2]string{r.TenantID, r.ID}]
		from = min(max(from, 0), len(all))
		items = slices.Clone(all[from:min(from+n, len(all))])
		return nil
	})
	return items, err
}

// BeginSlice implements run.Runs.
func (s *Store) BeginSlice(ctx context.Context, f run.Fence, items run.ItemSet, now, lease time.Time) (run.Run, error) {
	return s.fencedWrite(ctx, "BeginSlice", f, func(r *run.Run) error {
		if items == 0 && r.Planned {
			return errors.New("a slice of no items")
		}
		r.Intent, r.LeaseUntil, r.UpdatedAt = items, lease, now
		return nil
	})
}

// CommitSlice implements run.Runs.
func (s *Store) CommitSlice(ctx context.Context, f run.Fence, c run.SliceCommit) (run.Run, error) {
	if n := len(c.Outcomes); n < 1 || n > run.MaxSliceItems {
		return run.Run{}, fmt.Errorf("a slice of %d outcomes", n)
	}
	key := [2]string{f.TenantID, f.RunID}
	text, err := json.Marshal(c.Outcomes) // what pointers lead to, too
	if err != nil {
		return run.Run{}, err
	}
	slice := string(text)
	if len(slice) > maxItem {
		return run.Run{}, run.ErrTooLarge
	}
	s.mu.Lock()
	last, again := s.committed[key]
	s.mu.Unlock()
	if again && last.fence == f && last.slice == slice {
		return copyRun(&last.answer), s.do(ctx, "CommitSlice", func() error { return nil })
	}
	return s.fencedWrite(ctx, "CommitSlice", f, func(r *run.Run) error {
		if c.From != r.Cursor {
			return fmt.Errorf("a slice from %d where the cursor is %d", c.From, r.Cursor)
		}
		for i, o := range c.Outcomes {
			if plan := s.plans[key]; r.Cursor+i >= len(plan) || plan[r.Cursor+i] != o.Item {
				return fmt.Errorf("outcome %d is not of item %d of the plan", i, r.Cursor+i)
			}
			r.Counts = r.Counts.Add(o.Status)
			r.Totals = run.AddTotals(r.Totals, o.Numbers)
		}
		r.Reasons = run.AddReasons(r.Reasons, c.Outcomes...)
		r.Seq++
		r.Cursor += len(c.Outcomes)
		r.Intent, r.Attempts, r.Crashes, r.WaitedFor, r.UpdatedAt, r.LeaseUntil = c.Unsettled, 0, 0, nil, c.At, c.LeaseUntil
		if c.PlanDigest != "" {
			r.PlanDigest = c.PlanDigest
		}
		if c.End != nil {
			if err := s.end(r, *c.End); err != nil {
				return err
			}
		}
		if c.Audit != nil {
			s.audit[auditKey(*c.Audit)] = *c.Audit
		}
		s.chunks[key] = append(s.chunks[key], run.Chunk{Seq: f.Seq + 1, Epoch: f.Epoch, Outcomes: slices.Clone(c.Outcomes)})
		s.committed[key] = commit{f, slice, copyRun(r)}
		return nil
	})
}

// Release implements run.Runs.
func (s *Store) Release(ctx context.Context, f run.Fence, p run.Pause) (run.Run, error) {
	return s.fencedWrite(ctx, "Release", f, func(r *run.Run) error {
		r.Owner, r.LeaseUntil, r.NotBefore, r.Waiting, r.Intent, r.UpdatedAt = "", time.Time{}, p.NotBefore, p.Waiting, p.Unsettled, p.At
		r.DispatchSeq++
		if p.Progress {
			r.Attempts, r.Crashes = 0, 0
		}
		if p.WaitedFor != nil {
			r.WaitedFor = p.WaitedFor
		}
		if p.Fault != nil {
			r.Crashes++
			r.Fault = p.Fault
		}
		return nil
	})
}

// End implements run.Runs.
func (s *Store) End(ctx context.Context, f run.Fence, e run.RunEnd) (run.Run, error) {
	key := [2]string{f.TenantID, f.RunID}
	return s.write(ctx, "End", f.TenantID, f.RunID, func(r *run.Run) error {
		switch {
		case r.Status.Terminal():
			if s.ended[key] == fmt.Sprintf("%+v %+v", f, e.At) && r.Status == e.Status {
				return errUnchanged // a repeat
			}
			return run.ErrRunEnded
		case r.Epoch != f.Epoch || r.Seq != f.Seq:
			return run.ErrFenced
		case e.Unheld && r.Owner != "" && r.LeaseUntil.After(e.At):
			return run.ErrFenced
		}
		left := r.Counts.Total - r.Cursor
		var chunk run.Chunk
		if left > 0 {
			if e.Rest == nil {
				return errors.New("the rest of the items has no outcome")
			}
			chunk = run.Chunk{Seq: r.Seq + 1, Epoch: f.Epoch}
			for i, item := range s.plans[key][r.Cursor:] {
				chunk.Outcomes = append(chunk.Outcomes, e.Rest.Outcome(i, item, e.At))
			}
			r.Counts, r.Reasons = e.Rest.Add(r.Counts, left), run.AddReasons(r.Reasons, chunk.Outcomes...)
			r.Untouched = e.Rest.Untouched(left)
			r.Seq++
			r.Cursor += left
		}
		if err := s.end(r, e); err != nil {
			return err
		}
		if left > 0 {
			s.chunks[key] = append(s.chunks[key], chunk)
		}
		s.ended[key] = fmt.Sprintf("%+v %+v", f, e.At)
		return nil
	})
}

// end makes a run terminal and frees its lock.
func (s *Store) end(r *run.Run, e run.RunEnd) error {
	if !r.Status.CanBecome(e.Status) {
		return fmt.Errorf("run cannot go from %s to %s", r.Status, e.Status)
	}
	lockKey := [2]string{r.TenantID, r.KeyHash}
	l := s.locks[lockKey]
	if l.ActiveRunID != r.ID {
		return errors.New("the lock is not the run's")
	}
	l.ActiveRunID, l.LastRunID = "", r.ID
	if e.Status == run.StatusSucceeded {
		l.Succeeded = r.ID
	}
	s.locks[lockKey] = l
	at := e.At
	r.Status, r.Failure, r.FinishedAt, r.UpdatedAt = e.Status, e.Failure, &at, e.At
	r.Owner, r.LeaseUntil, r.Intent, r.Waiting, r.NotBefore = "", time.Time{}, 0, nil, time.Time{}
	s.audit[auditKey(e.Audit)] = e.Audit
	s.unnotified[[2]string{r.TenantID, r.ID}] = true
	return nil
}

// RequestCancel implements run.Runs.
func (s *Store) RequestCancel(ctx context.Context, tenantID, runID string, c run.CancelRequest) (run.Run, error) {
	return s.write(ctx, "RequestCancel", tenantID, runID, func(r *run.Run) error {
		switch {
		case r.Status.Terminal():
			return run.ErrRunEnded
		case r.CancelAt != nil:
			return errUnchanged
		}
		r.CancelAt, r.CanceledBy = &c.At, c.By
		s.audit[auditKey(c.Audit)] = c.Audit
		return nil
	})
}

// refs pages through the runs of the first shard, where all runs are.
func (s *Store) refs(ctx context.Context, method string, shard int, p run.PageRequest, keep func([2]string, *run.Run) bool) (run.Page[run.RunRef], error) {
	values := func(yield func(run.RunRef) bool) {
		for key, r := range s.runs {
			if shard == 0 && keep(key, r) && !yield(run.RunRef{TenantID: key[0], RunID: key[1]}) {
				return
			}
		}
	}
	return list(ctx, s, method, shard, p, values, func(run.RunRef) bool { return true }, func(r run.RunRef) string { return r.RunID + r.TenantID }, false)
}

// OpenRuns implements run.Runs.
func (s *Store) OpenRuns(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	return s.refs(ctx, "OpenRuns", shard, p, func(_ [2]string, r *run.Run) bool { return !r.Status.Terminal() })
}

// Unnotified implements run.Runs.
func (s *Store) Unnotified(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	return s.refs(ctx, "Unnotified", shard, p, func(key [2]string, _ *run.Run) bool { return s.unnotified[key] })
}

// Notified implements run.Runs.
func (s *Store) Notified(ctx context.Context, tenantID, runID string) error {
	return s.do(ctx, "Notified", func() error {
		key := [2]string{tenantID, runID}
		r, ok := s.runs[key]
		switch {
		case !ok:
			return run.ErrNotFound
		case !r.Status.Terminal():
			return run.ErrConflict
		}
		if s.unnotified[key] {
			delete(s.unnotified, key)
			s.keep(r, *r)
		}
		return nil
	})
}

// Rescue implements run.Runs.
func (s *Store) Rescue(ctx context.Context, seen run.Run, now time.Time) (run.Run, error) {
	return s.write(ctx, "Rescue", seen.TenantID, seen.ID, func(r *run.Run) error {
		switch {
		case r.Status.Terminal():
			return run.ErrRunEnded
		case r.Epoch == seen.Epoch+1 && r.Seq == seen.Seq && r.DispatchSeq == seen.DispatchSeq+1 && r.Owner == "" && r.UpdatedAt.Equal(now):
			return errUnchanged
		case r.Epoch != seen.Epoch || r.Seq != seen.Seq || r.DispatchSeq != seen.DispatchSeq || r.Owner != seen.Owner:
			return run.ErrFenced
		case r.Owner != "" && r.LeaseUntil.After(now):
			return run.ErrFenced
		}
		if r.Owner != "" {
			r.Crashes++
		}
		r.Owner, r.LeaseUntil, r.NotBefore, r.Waiting, r.UpdatedAt = "", time.Time{}, time.Time{}, nil, now
		r.Epoch++
		r.DispatchSeq++
		r.Rescues++
		return nil
	})
}

// NoteFault implements run.Runs.
func (s *Store) NoteFault(ctx context.Context, tenantID, runID string, f run.Failure) error {
	_, err := s.write(ctx, "NoteFault", tenantID, runID, func(r *run.Run) error {
		if r.Status.Terminal() {
			return run.ErrRunEnded
		}
		r.Fault = &f
		return nil
	})
	return err
}

// ListRuns implements run.Runs.
func (s *Store) ListRuns(ctx context.Context, q run.RunQuery, p run.PageRequest) (run.Page[run.Run], error) {
	return s.runPage(ctx, "ListRuns", q, p, func(r run.Run) bool {
		return r.TenantID == q.TenantID &&
			(len(q.Statuses) == 0 || slices.Contains(q.Statuses, r.Status)) &&
			(len(q.Operations) == 0 || slices.Contains(q.Operations, r.Operation)) &&
			(q.PolicyID == "" || r.Target.Kind == run.TargetPolicy && r.Target.ID == q.PolicyID) &&
			(q.TargetID == "" || r.Target.ID == q.TargetID) &&
			(q.InitiatorID == "" || r.Initiator.ID() == q.InitiatorID) &&
			(q.From.IsZero() || !r.CreatedAt.Before(q.From)) && (q.To.IsZero() || r.CreatedAt.Before(q.To))
	}, !q.Oldest)
}

// ActiveRuns implements run.Runs.
func (s *Store) ActiveRuns(ctx context.Context, initiatorID string, p run.PageRequest) (run.Page[run.Run], error) {
	return s.runPage(ctx, "ActiveRuns", initiatorID, p, func(r run.Run) bool { return r.Initiator.ID() == initiatorID && !r.Status.Terminal() }, true)
}

// RunsByRef implements run.Runs.
func (s *Store) RunsByRef(ctx context.Context, refs []run.RunRef) (found []run.Run, err error) {
	err = s.do(ctx, "RunsByRef", func() error {
		for _, ref := range refs {
			if r, ok := s.runs[[2]string{ref.TenantID, ref.RunID}]; ok {
				found = append(found, copyRun(r))
			}
		}
		return nil
	})
	return found, err
}

// LaterSuccesses implements run.Runs.
func (s *Store) LaterSuccesses(ctx context.Context, tenantID string, runs []run.Run) (later map[string]string, err error) {
	later = map[string]string{}
	err = s.do(ctx, "LaterSuccesses", func() error {
		for _, r := range runs {
			if l := s.locks[[2]string{tenantID, r.KeyHash}]; l.Succeeded > r.ID {
				later[r.ID] = l.Succeeded
			}
		}
		return nil
	})
	return later, err
}

// RecentStatuses implements run.Runs.
func (s *Store) RecentStatuses(ctx context.Context, tenantID string, n int) (statuses []run.Status, err error) {
	page, err := s.runPage(ctx, "RecentStatuses", tenantID, run.PageRequest{Limit: n}, func(r run.Run) bool { return r.TenantID == tenantID }, true)
	for _, r := range page.Items {
		statuses = append(statuses, r.Status)
	}
	return statuses, err
}

func (s *Store) runPage(ctx context.Context, method string, question any, p run.PageRequest, keep func(run.Run) bool, newest bool) (run.Page[run.Run], error) {
	values := func(yield func(run.Run) bool) {
		for _, r := range s.runs {
			if !yield(copyRun(r)) {
				return
			}
		}
	}
	return list(ctx, s, method, question, p, values, keep, func(r run.Run) string { return stamp(r.CreatedAt) + r.ID }, newest)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// Outcomes implements run.Runs.
func (s *Store) Outcomes(ctx context.Context, q run.OutcomeQuery, p run.PageRequest) (page run.Page[run.Outcome], err error) {
	err = s.do(ctx, "Outcomes", func() error {
		from := 0
		if p.Cursor != "" {
			at, ok := openCursor("Outcomes", q, p.Cursor)
			n, err := strconv.Atoi(at)
			if !ok || err != nil {
				return run.ErrBadCursor
			}
			from = n
		}
		limit := p.Limit
		if limit <= 0 {
			limit = 50
		}
		i := 0
		for _, c := range s.chunks[[2]string{q.TenantID, q.RunID}] {
			for _, o := range c.Outcomes {
				i++
				if i <= from || !q.Matches(o) {
					continue
				}
				if len(page.Items) == limit {
					page.Next = sealCursor("Outcomes", q, strconv.Itoa(i-1))
					return nil
				}
				page.Items = append(page.Items, o)
			}
		}
		return nil
	})
	return page, err
}

// Dump writes everything the store holds, for searching it.
func (s *Store) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.runs {
		fmt.Fprintf(&b, "%+v %+v\n", *r, r.Failure)
	}
	for _, chunks := range s.chunks {
		for _, c := range chunks {
			for _, o := range c.Outcomes {
				fmt.Fprintf(&b, "%+v %+v\n", o, o.Failure)
			}
		}
	}
	fmt.Fprintf(&b, "%+v\n%+v\n%+v\n%+v\n%+v\n%+v\n", s.tenants, s.members, s.policies, s.versions, s.notifications, s.audit)
	fmt.Fprintf(&b, "%+v\n%+v\n%+v\n%+v\n%+v\n%+v\n", s.sets, s.items, s.schedules, s.firings, s.drift, s.subscriptions)
	return b.String()
}
