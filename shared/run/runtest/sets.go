package runtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// BackupSets checks the contract of run.BackupSets.
func BackupSets(t *testing.T, open Open) {
	t.Run("create", func(t *testing.T) { setCreations(t, open) })
	t.Run("update", func(t *testing.T) { setUpdates(t, open) })
	t.Run("count", func(t *testing.T) { setCounts(t, open) })
	t.Run("list", func(t *testing.T) { setLists(t, open) })
	t.Run("add items", func(t *testing.T) { itemAdditions(t, open) })
	t.Run("settle items", func(t *testing.T) { itemSettlements(t, open) })
	t.Run("list items", func(t *testing.T) { itemLists(t, open) })
}

// set is a backup set of the tenant, made now.
func (w *world) set(name string) run.BackupSet {
	at := w.tick()
	return run.BackupSet{
		ID: w.ids.New(run.PrefixSet, at), TenantID: w.tenant, Name: name, Note: "why",
		Selection:   run.Selection{Policies: []string{"pol_1", "pol_2"}, Types: []string{"compliance"}, Platforms: []string{"windows"}, Search: "x"},
		Foundations: true, CreatedAt: at, UpdatedAt: at, CreatedBy: run.Initiator{UserID: w.owner, Name: "Owner"},
	}
}

// item is the n-th policy of a set, not yet tried.
func (w *world) item(setID string, n int) run.BackupItem {
	return run.BackupItem{
		TenantID: w.tenant, SetID: setID, PolicyID: run.PolicyID(w.tenant, "c", fmt.Sprint(n)), Name: fmt.Sprintf("Policy %03d", n),
		Type: "compliance", Platform: "windows", GraphID: fmt.Sprint("g", n), State: run.ItemPending, RunID: "run_1", AddedAt: start,
	}
}

func (w *world) items(setID string, n int) []run.BackupItem {
	out := make([]run.BackupItem, n)
	for i := range out {
		out[i] = w.item(setID, i)
	}
	return out
}

// captured is the item with a version.
func captured(i run.BackupItem, version int) run.BackupItem {
	at := start.Add(time.Duration(version) * time.Minute)
	i.State, i.Version, i.ContentHash, i.PayloadKey, i.CapturedAt = run.ItemCaptured, version, run.Hash(i.PolicyID, fmt.Sprint(version)), "t/x", &at
	return i
}

// missing is the item without a version.
func missing(i run.BackupItem) run.BackupItem {
	i.State, i.Code, i.Params = run.ItemMissing, "graph_forbidden", map[string]string{"name": i.Name}
	i.Failure = &run.Failure{Code: "graph_forbidden", HTTPStatus: 403, Params: map[string]string{"a": "b"}}
	return i
}

// newSet is a set of n items that needs no run.
func (w *world) newSet(name string, n int) run.NewBackupSet {
	b := w.set(name)
	b.Tally = &run.SetTally{Policies: n, Captured: n, Types: map[string]run.TypeTally{"compliance": {Policies: n, Captured: n}}, At: b.CreatedAt}
	items := w.items(b.ID, n)
	for i := range items {
		items[i] = captured(items[i], i+1)
	}
	return run.NewBackupSet{Set: b, Items: items, Role: run.RoleOperator, Audit: w.setAudit(b)}
}

func (w *world) setAudit(b run.BackupSet) run.AuditEvent {
	e := w.audit("backup_set.changed")
	e.Target = run.Target{Kind: run.TargetBackupSet, ID: b.ID, Name: b.Name}
	return e
}

// made is a stored set of n items.
func (w *world) made(name string, n int) run.BackupSet {
	w.t.Helper()
	b, err := w.s.CreateBackupSet(w.ctx(), w.newSet(name, n))
	w.must(err)
	return b
}

func (w *world) storedSet(setID string) run.BackupSet {
	w.t.Helper()
	b, err := w.s.BackupSet(w.ctx(), w.tenant, setID)
	w.must(err)
	return b
}

// itemsOf reads all items of a set in the order of their policies.
func (w *world) itemsOf(setID string) []run.BackupItem {
	w.t.Helper()
	all, err := w.s.BackupItemsFrom(w.ctx(), w.tenant, setID, "", 1000)
	w.must(err)
	return all
}

func byPolicy(items []run.BackupItem) []run.BackupItem {
	return slices.SortedFunc(slices.Values(items), func(a, b run.BackupItem) int { return strings.Compare(a.PolicyID, b.PolicyID) })
}

func setCreations(t *testing.T, open Open) {
	t.Run("a set is stored as it was given, with its items and the audit event", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newSet("Before the change", 30)
		got, err := w.s.CreateBackupSet(w.ctx(), n)
		w.must(err)
		n.Set.Rev = 1
		same(t, "answer", got, n.Set)
		same(t, "stored", w.storedSet(n.Set.ID), n.Set)
		same(t, "items", w.itemsOf(n.Set.ID), byPolicy(n.Items))
		events, err := w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Events: []string{n.Audit.Event}, Now: w.now}, run.PageRequest{Limit: 10})
		w.must(err)
		same(t, "audit trail", events.Items, []run.AuditEvent{n.Audit})
		for _, c := range [][2]string{{w.tenant + "1", n.Set.ID}, {w.tenant, n.Set.ID + "1"}, {w.tenant, ""}, {"", n.Set.ID}, {w.tenant + "#", n.Set.ID}} {
			_, err = w.s.BackupSet(w.ctx(), c[0], c[1])
			w.wantErr(err, run.ErrNotFound)
		}
	})
	t.Run("repeating a creation that succeeded makes nothing new", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newSet("S", 3)
		first, err := w.s.CreateBackupSet(w.ctx(), n)
		w.must(err)
		again, err := w.s.CreateBackupSet(w.ctx(), n)
		w.must(err)
		same(t, "answer", again, first)
		other := w.newSet("Another", 0)
		other.Set.ID = first.ID
		_, err = w.s.CreateBackupSet(w.ctx(), other)
		w.wantErr(err, run.ErrConflict)
		same(t, "stored", w.storedSet(first.ID), first)
	})
	t.Run("a key makes one set while it is remembered", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newSet("S", 2)
		n.Key, n.PayloadHash, n.ReplayUntil = run.Hash("ik"), run.Hash("p"), w.now.Add(time.Hour)
		first, err := w.s.CreateBackupSet(w.ctx(), n)
		w.must(err)
		again := w.newSet("S", 2)
		again.Key, again.PayloadHash, again.ReplayUntil = n.Key, n.PayloadHash, w.now.Add(time.Hour)
		got, err := w.s.CreateBackupSet(w.ctx(), again)
		w.must(err)
		same(t, "answer to the repeat", got, first)
		_, err = w.s.BackupSet(w.ctx(), w.tenant, again.Set.ID)
		w.wantErr(err, run.ErrNotFound)
		other := again
		other.PayloadHash = run.Hash("q")
		_, err = w.s.CreateBackupSet(w.ctx(), other)
		w.wantErr(err, run.ErrKeyTaken)
		w.now = n.ReplayUntil
		late := w.newSet("Late", 1)
		late.Key, late.PayloadHash, late.ReplayUntil = n.Key, run.Hash("q"), w.now.Add(time.Hour)
		got, err = w.s.CreateBackupSet(w.ctx(), late)
		w.must(err)
		same(t, "a set of the forgotten key", got.ID, late.Set.ID)
	})
	t.Run("of many racing requests with one key one makes the set, and all have it", func(t *testing.T) {
		w := newWorld(t, open)
		var (
			wait sync.WaitGroup
			got  [12]run.BackupSet
			errs [12]error
			asks [12]run.NewBackupSet
		)
		for i := range asks {
			asks[i] = w.newSet("S", 2)
			asks[i].Key, asks[i].PayloadHash, asks[i].ReplayUntil = run.Hash("ik"), run.Hash("p"), start.Add(time.Hour)
		}
		for i := range asks {
			wait.Go(func() { got[i], errs[i] = w.s.CreateBackupSet(w.ctx(), asks[i]) })
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		for _, b := range got {
			same(t, "set", b, got[0])
		}
		page, err := w.s.ListBackupSets(w.ctx(), run.SetQuery{TenantID: w.tenant}, run.PageRequest{Limit: 20})
		w.must(err)
		same(t, "sets", page.Items, got[:1])
	})
	t.Run("who may not makes no set", func(t *testing.T) {
		w := newWorld(t, open)
		_, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: "viewer", Role: run.RoleViewer}, 0, w.audit(run.AuditMemberSet))
		w.must(err)
		for _, user := range []string{"stranger", "viewer"} {
			n := w.newSet("S", 1)
			n.Set.CreatedBy.UserID = user
			_, err := w.s.CreateBackupSet(w.ctx(), n)
			w.wantErr(err, run.ErrNotMember)
			_, err = w.s.BackupSet(w.ctx(), w.tenant, n.Set.ID)
			w.wantErr(err, run.ErrNotFound)
		}
		elsewhere := w.newSet("S", 0)
		elsewhere.Set.TenantID, elsewhere.Audit.TenantID = w.tenant+"1", w.tenant+"1"
		_, err = w.s.CreateBackupSet(w.ctx(), elsewhere)
		w.wantErr(err, run.ErrNotMember)
		tenant, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		tenant.Disabled = true
		_, err = w.s.UpdateTenant(w.ctx(), tenant, w.audit(run.AuditTenantChanged))
		w.must(err)
		_, err = w.s.CreateBackupSet(w.ctx(), w.newSet("S", 1))
		w.wantErr(err, run.ErrTenantDisabled)
	})
	t.Run("a set too large for the store is said so", func(t *testing.T) {
		w := newWorld(t, open)
		n := w.newSet("S", 0)
		n.Set.Note = strings.Repeat("x", 420_000)
		_, err := w.s.CreateBackupSet(w.ctx(), n)
		w.wantErr(err, run.ErrTooLarge)
		most := w.newSet("S", 0)
		most.Set.Selection.Policies = nil
		for i := range run.MaxSetPolicies {
			most.Set.Selection.Policies = append(most.Set.Selection.Policies, run.PolicyID(w.tenant, "c", fmt.Sprint(i)))
		}
		got, err := w.s.CreateBackupSet(w.ctx(), most)
		w.must(err)
		same(t, "the largest selection", w.storedSet(got.ID), got)
	})
}

func setUpdates(t *testing.T, open Open) {
	t.Run("name, note and deletion are stored, and nothing else", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 1)
		at := w.tick()
		b.Name, b.Note, b.UpdatedAt = "Renamed", "", at
		audit := w.setAudit(b)
		got, err := w.s.UpdateBackupSet(w.ctx(), b, audit)
		w.must(err)
		want := b
		want.Rev = 2
		same(t, "answer", got, want)
		same(t, "stored", w.storedSet(b.ID), want)
		again, err := w.s.UpdateBackupSet(w.ctx(), b, audit)
		w.must(err) // the same call again is answered the same
		same(t, "answer to the repeat", again, want)
		same(t, "stored after the repeat", w.storedSet(b.ID), want)

		at = w.tick()
		want.DeletedAt, want.DeletedBy, want.UpdatedAt = &at, run.Initiator{UserID: "u", Name: "U"}, at
		got, err = w.s.UpdateBackupSet(w.ctx(), want, w.setAudit(b))
		w.must(err)
		want.Rev = 3
		same(t, "deleted", got, want)
		same(t, "a deleted set is read like any other", w.storedSet(b.ID), want)
		want.DeletedAt, want.DeletedBy = nil, run.Initiator{}
		_, err = w.s.UpdateBackupSet(w.ctx(), want, w.setAudit(b))
		w.must(err)
		want.Rev = 4
		same(t, "recovered", w.storedSet(b.ID), want)
		events := collect(w, func(p run.PageRequest) (run.Page[run.AuditEvent], error) {
			return w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Events: []string{audit.Event}, Now: w.now}, p)
		}, 10)
		same(t, "events in the audit trail", len(events), 4)
	})
	t.Run("an update needs the revision and the uses that were read", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		first := b
		first.Name = "First"
		first, err := w.s.UpdateBackupSet(w.ctx(), first, w.setAudit(b))
		w.must(err)
		_, err = w.s.UpdateBackupSet(w.ctx(), b, w.setAudit(b))
		w.wantErr(err, run.ErrConflict)
		counted, err := w.s.CountBackupSet(w.ctx(), first, run.SetTally{At: w.tick()}, nil)
		w.must(err)
		_, err = w.s.UpdateBackupSet(w.ctx(), first, w.setAudit(b))
		w.wantErr(err, run.ErrConflict)
		same(t, "stored", w.storedSet(b.ID), counted)
		for _, id := range []string{b.ID + "1", ""} {
			none := counted
			none.ID = id
			_, err = w.s.UpdateBackupSet(w.ctx(), none, w.setAudit(none))
			w.wantErr(err, run.ErrNotFound)
		}
	})
	t.Run("a set is never deleted under a run", func(t *testing.T) {
		w := newWorld(t, open)
		for i := range 10 {
			b := w.made("S", 0)
			n := w.newRun(fmt.Sprint("k", i))
			n.UsesSet = b.ID
			deleted := b
			deleted.DeletedAt = &n.Run.CreatedAt
			audit := w.setAudit(b)
			var wait sync.WaitGroup
			var errRun, errDelete error
			wait.Go(func() { errRun = w.s.CreateRun(w.ctx(), n) })
			wait.Go(func() { _, errDelete = w.s.UpdateBackupSet(w.ctx(), deleted, audit) })
			wait.Wait()
			now := w.storedSet(b.ID)
			switch {
			case errRun == nil && errors.Is(errDelete, run.ErrConflict) && now.DeletedAt == nil && slices.Equal(now.ActiveRuns, []string{n.Run.ID}):
			case errors.Is(errRun, run.ErrNotFound) && errDelete == nil && now.DeletedAt != nil && len(now.ActiveRuns) == 0:
			default:
				t.Errorf("the run: %v, the deletion: %v, the set: %+v", errRun, errDelete, now)
			}
		}
	})
}

func setCounts(t *testing.T, open Open) {
	t.Run("a count stores the tally and forgets runs that ended", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		var runs []string
		for i := range 3 {
			n := w.newRun(fmt.Sprint("k", i))
			n.UsesSet = b.ID
			w.must(w.s.CreateRun(w.ctx(), n))
			runs = append(runs, n.Run.ID)
		}
		b = w.storedSet(b.ID)
		tally := run.SetTally{
			Policies: 10, Captured: 4, Incomplete: 3, Missing: 2, Pending: 1, Foundations: 5, At: w.tick(),
			Types: map[string]run.TypeTally{"compliance": {Policies: 7, Captured: 6}, "apps": {Policies: 3, Captured: 1}},
		}
		got, err := w.s.CountBackupSet(w.ctx(), b, tally, []string{runs[0], runs[2], "run_unknown", runs[2]})
		w.must(err)
		want := b
		want.Tally, want.ActiveRuns, want.Uses = &tally, runs[1:2], b.Uses+1
		same(t, "answer", got, want)
		same(t, "stored", w.storedSet(b.ID), want)
		again, err := w.s.CountBackupSet(w.ctx(), b, tally, []string{runs[0], runs[2], "run_unknown", runs[2]})
		w.must(err) // the same call again is answered the same
		same(t, "answer to the repeat", again, want)

		_, err = w.s.CountBackupSet(w.ctx(), b, run.SetTally{}, nil)
		w.wantErr(err, run.ErrConflict)
		got, err = w.s.CountBackupSet(w.ctx(), want, run.SetTally{Policies: 11}, []string{runs[1]})
		w.must(err)
		want.Tally, want.ActiveRuns, want.Uses = &run.SetTally{Policies: 11}, nil, want.Uses+1
		same(t, "the last run", got, want)
		same(t, "stored after the last run", w.storedSet(b.ID), want)
		none := want
		none.ID += "1"
		_, err = w.s.CountBackupSet(w.ctx(), none, tally, nil)
		w.wantErr(err, run.ErrNotFound)
	})
	t.Run("a run that begins is not counted away", func(t *testing.T) {
		w := newWorld(t, open)
		seen := w.made("S", 0)
		n := w.newRun("k")
		n.UsesSet = seen.ID
		w.must(w.s.CreateRun(w.ctx(), n))
		_, err := w.s.CountBackupSet(w.ctx(), seen, run.SetTally{}, []string{n.Run.ID})
		w.wantErr(err, run.ErrConflict)
		same(t, "active runs", w.storedSet(seen.ID).ActiveRuns, []string{n.Run.ID})
	})
}

func setLists(t *testing.T, open Open) {
	w := newWorld(t, open)
	var sets []run.BackupSet
	for i := range 13 {
		b := w.made(fmt.Sprintf("Set %c", 'A'+i%7), 0)
		if i%4 == 0 {
			b.DeletedAt = &b.CreatedAt
			var err error
			b, err = w.s.UpdateBackupSet(w.ctx(), b, w.setAudit(b))
			w.must(err)
		}
		sets = append(sets, b)
	}
	slices.Reverse(sets)
	list := func(w *world, q run.SetQuery, limit int) []run.BackupSet {
		q.TenantID = w.tenant
		return collect(w, func(p run.PageRequest) (run.Page[run.BackupSet], error) { return w.s.ListBackupSets(w.ctx(), q, p) }, limit)
	}
	pick := func(keep func(run.BackupSet) bool) []run.BackupSet {
		return slices.DeleteFunc(slices.Clone(sets), func(b run.BackupSet) bool { return !keep(b) })
	}
	present := func(b run.BackupSet) bool { return b.DeletedAt == nil }
	t.Run("newest first, pages complete, deleted ones apart", func(t *testing.T) {
		w := *w
		w.t = t
		for _, limit := range []int{1, 3, 9, 200} {
			same(t, "sets", list(&w, run.SetQuery{}, limit), pick(present))
			same(t, "deleted sets", list(&w, run.SetQuery{Deleted: true}, limit), pick(func(b run.BackupSet) bool { return !present(b) }))
		}
	})
	t.Run("filters leave out, and miss nothing", func(t *testing.T) {
		w := *w
		w.t = t
		// Ids know milliseconds; the bounds are exact all the same.
		at, fine := sets[5].CreatedAt, time.Nanosecond
		for what, c := range map[string]struct {
			q    run.SetQuery
			want func(run.BackupSet) bool
		}{
			"search":         {run.SetQuery{Search: "SET b"}, func(b run.BackupSet) bool { return b.Name == "Set B" }},
			"from":           {run.SetQuery{From: at}, func(b run.BackupSet) bool { return !b.CreatedAt.Before(at) }},
			"from just past": {run.SetQuery{From: at.Add(fine)}, func(b run.BackupSet) bool { return b.CreatedAt.After(at) }},
			"to":             {run.SetQuery{To: at}, func(b run.BackupSet) bool { return b.CreatedAt.Before(at) }},
			"to just past":   {run.SetQuery{To: at.Add(fine)}, func(b run.BackupSet) bool { return !b.CreatedAt.After(at) }},
			"from and to": {run.SetQuery{From: sets[9].CreatedAt, To: at}, func(b run.BackupSet) bool {
				return !b.CreatedAt.Before(sets[9].CreatedAt) && b.CreatedAt.Before(at)
			}},
			"empty range": {run.SetQuery{From: at, To: sets[9].CreatedAt}, func(run.BackupSet) bool { return false }},
			"before time": {run.SetQuery{To: time.Unix(-1, 0)}, func(run.BackupSet) bool { return false }},
		} {
			same(t, what, list(&w, c.q, 2), append([]run.BackupSet(nil), pick(func(b run.BackupSet) bool { return present(b) && c.want(b) })...))
		}
	})
	t.Run("a cursor is good for its own query only", func(t *testing.T) {
		w := *w
		w.t = t
		page, err := w.s.ListBackupSets(w.ctx(), run.SetQuery{TenantID: w.tenant}, run.PageRequest{Limit: 2})
		w.must(err)
		for _, q := range []run.SetQuery{{TenantID: w.tenant, Deleted: true}, {TenantID: w.tenant + "1"}, {TenantID: w.tenant, Search: "s"}, {TenantID: w.tenant, From: start}} {
			_, err = w.s.ListBackupSets(w.ctx(), q, run.PageRequest{Limit: 2, Cursor: page.Next})
			w.wantErr(err, run.ErrBadCursor)
		}
	})
	t.Run("another tenant has others", func(t *testing.T) {
		w := *w
		w.t = t
		w.tenant += "1"
		same(t, "sets", len(list(&w, run.SetQuery{}, 5)), 0)
	})
}

func itemAdditions(t *testing.T, open Open) {
	t.Run("a policy is in a set once, whoever adds it", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		first := w.items(b.ID, 20)
		there, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, first)
		w.must(err)
		same(t, "there before", len(there), 0)
		w.must(w.s.SettleBackupItem(w.ctx(), captured(first[3], 7)))
		w.must(w.s.SettleBackupItem(w.ctx(), missing(first[4])))
		stored := w.itemsOf(b.ID)

		more := w.items(b.ID, 25)
		for i := range more {
			more[i].RunID, more[i].AddedAt, more[i].Foundation, more[i].Name = "run_2", w.now, true, "Another name"
		}
		there, err = w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, more)
		w.must(err)
		var want []string
		for _, i := range first {
			want = append(want, i.PolicyID)
		}
		same(t, "there", there, want)
		same(t, "items", w.itemsOf(b.ID), byPolicy(slices.Concat(stored, more[20:])))
		none, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, nil)
		w.must(err)
		same(t, "none", len(none), 0)
	})
	t.Run("an equal call again finds what it stored, and does not say that it was there", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		items := w.items(b.ID, 5)
		items = append(items, items[0])
		items[5].Name = "The second of one policy"
		for range 2 {
			there, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, items)
			w.must(err)
			same(t, "there", len(there), 0)
			w.must(w.s.SettleBackupItem(w.ctx(), captured(items[1], 2)))
		}
		want := slices.Clone(items[:5])
		want[1] = captured(items[1], 2)
		same(t, "items", w.itemsOf(b.ID), byPolicy(want))
	})
	t.Run("many may add at once", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		const adders, policies = 6, 10
		var (
			wait  sync.WaitGroup
			errs  [adders]error
			there [adders][]string
		)
		for i := range adders {
			items := w.items(b.ID, policies)
			for n := range items {
				items[n].RunID = fmt.Sprint("run_", i)
			}
			wait.Go(func() { there[i], errs[i] = w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, items) })
		}
		wait.Wait()
		w.must(errors.Join(errs[:]...))
		found := 0
		for _, t := range there {
			found += len(t)
		}
		same(t, "each policy was added by one", found, (adders-1)*policies)
		same(t, "items", len(w.itemsOf(b.ID)), policies)
	})
	t.Run("items of another set are refused", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		for _, change := range []func(*run.BackupItem){
			func(i *run.BackupItem) { i.SetID += "1" }, func(i *run.BackupItem) { i.TenantID += "1" },
		} {
			items := w.items(b.ID, 2)
			change(&items[1])
			if _, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, items); err == nil {
				t.Error("it was added")
			}
		}
		same(t, "items", len(w.itemsOf(b.ID)), 0)
	})
}

func itemSettlements(t *testing.T, open Open) {
	incomplete := func(i run.BackupItem, version int) run.BackupItem {
		i = captured(i, version)
		i.State, i.Code = run.ItemIncomplete, "unreadable_part"
		return i
	}
	pending := func(i run.BackupItem, _ int) run.BackupItem { return i }
	failed := func(i run.BackupItem, _ int) run.BackupItem { return missing(i) }
	states := map[run.ItemState]func(run.BackupItem, int) run.BackupItem{
		run.ItemPending: pending, run.ItemCaptured: captured, run.ItemIncomplete: incomplete, run.ItemMissing: failed,
	}
	t.Run("what became of an item takes its place, and no failure that of a version", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		n := 0
		for _, from := range run.ItemStates() {
			for _, to := range run.ItemStates() {
				added := w.item(b.ID, n)
				added.Foundation = n%2 == 0
				n++
				_, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, []run.BackupItem{added})
				w.must(err)
				before := states[from](added, 1)
				w.must(w.s.SettleBackupItem(w.ctx(), before))
				after := states[to](added, 2)
				after.Name, after.Type, after.Platform, after.GraphID, after.RunID = "Renamed", "apps", "", "g", "run_2"
				after.AddedAt, after.Foundation = w.tick(), !added.Foundation
				for range 2 {
					w.must(w.s.SettleBackupItem(w.ctx(), after))
				}
				want := before
				if !from.Held() || to.Held() {
					want = after
					want.AddedAt, want.Foundation = added.AddedAt, added.Foundation
				}
				got, err := w.s.BackupItem(w.ctx(), w.tenant, b.ID, added.PolicyID)
				w.must(err)
				same(t, fmt.Sprintf("from %s to %s", from, to), got, want)
			}
		}
	})
	t.Run("an item that is not there is made", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		want := []run.BackupItem{captured(w.item(b.ID, 1), 3), missing(w.item(b.ID, 2))}
		want[1].Foundation = true
		for _, i := range want {
			_, err := w.s.BackupItem(w.ctx(), w.tenant, b.ID, i.PolicyID)
			w.wantErr(err, run.ErrNotFound)
			w.must(w.s.SettleBackupItem(w.ctx(), i))
		}
		same(t, "items", w.itemsOf(b.ID), byPolicy(want))
		there, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, want[:1])
		w.must(err)
		same(t, "there", there, []string{want[0].PolicyID})
	})
	t.Run("an item in no state is refused", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		i := w.item(b.ID, 1)
		i.State = "lost"
		if err := w.s.SettleBackupItem(w.ctx(), i); err == nil {
			t.Error("it was stored")
		}
	})
	t.Run("of a failure and a capture at once the version stays", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		for n := range 10 {
			i := w.item(b.ID, n)
			var wait sync.WaitGroup
			var errs [4]error
			for m := range errs {
				settled := missing(i)
				if m == 2 {
					settled = captured(i, 5)
				}
				wait.Go(func() { errs[m] = w.s.SettleBackupItem(w.ctx(), settled) })
			}
			wait.Wait()
			w.must(errors.Join(errs[:]...))
			got, err := w.s.BackupItem(w.ctx(), w.tenant, b.ID, i.PolicyID)
			w.must(err)
			same(t, "item", got, captured(i, 5))
		}
	})
	t.Run("an item of another set or tenant is not found", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 1)
		id := w.item(b.ID, 0).PolicyID
		for _, c := range [][3]string{{w.tenant + "1", b.ID, id}, {w.tenant, b.ID + "1", id}, {w.tenant, b.ID, id + "1"}, {w.tenant, b.ID, ""}, {w.tenant, b.ID + "#", id}} {
			_, err := w.s.BackupItem(w.ctx(), c[0], c[1], c[2])
			w.wantErr(err, run.ErrNotFound)
		}
	})
}

func itemLists(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.made("S", 0)
	const n = 17
	all := w.items(b.ID, n)
	for i := range all {
		all[i].Name = fmt.Sprintf("%c policy %02d", "aBcD"[i%4], i)
		switch i % 5 {
		case 0:
			all[i] = captured(all[i], i+1)
		case 1:
			all[i] = missing(all[i])
		case 2:
			all[i].Type = "apps"
		}
	}
	_, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, all)
	w.must(err)
	other := w.made("Another", 3) // its items are its own
	byName := slices.SortedFunc(slices.Values(all), func(a, b run.BackupItem) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	list := func(w *world, q run.ItemQuery, limit int) []run.BackupItem {
		q.TenantID, q.SetID = w.tenant, b.ID
		return collect(w, func(p run.PageRequest) (run.Page[run.BackupItem], error) { return w.s.ListBackupItems(w.ctx(), q, p) }, limit)
	}
	eventually(t, "all are listed", func() bool { return len(list(w, run.ItemQuery{}, 200)) == n })
	t.Run("by name, pages complete", func(t *testing.T) {
		w := *w
		w.t = t
		for _, limit := range []int{1, 5, n, 200} {
			same(t, "items", list(&w, run.ItemQuery{}, limit), byName)
		}
	})
	t.Run("filters leave out, and miss nothing", func(t *testing.T) {
		w := *w
		w.t = t
		for what, c := range map[string]struct {
			q    run.ItemQuery
			want func(run.BackupItem) bool
		}{
			"states": {run.ItemQuery{States: []run.ItemState{run.ItemCaptured, run.ItemMissing}}, func(i run.BackupItem) bool { return i.State != run.ItemPending }},
			"types":  {run.ItemQuery{Types: []string{"apps", "none"}}, func(i run.BackupItem) bool { return i.Type == "apps" }},
			"search": {run.ItemQuery{Search: "b POLICY"}, func(i run.BackupItem) bool { return i.Name[0] == 'B' }},
			"code":   {run.ItemQuery{Code: "graph_forbidden"}, func(i run.BackupItem) bool { return i.State == run.ItemMissing }},
			"both":   {run.ItemQuery{Code: "graph_forbidden", Search: "02"}, func(run.BackupItem) bool { return false }},
		} {
			want := append([]run.BackupItem(nil), slices.DeleteFunc(slices.Clone(byName), func(i run.BackupItem) bool { return !c.want(i) })...)
			same(t, what, list(&w, c.q, 2), want)
		}
	})
	t.Run("a settled item is listed as it is then, under its new name", func(t *testing.T) {
		w := *w
		w.t = t
		added := w.item(b.ID, 100)
		w.must(w.s.SettleBackupItem(w.ctx(), added))
		eventually(t, "it is listed", func() bool { return len(list(&w, run.ItemQuery{Search: added.Name}, 10)) == 1 })
		renamed := captured(added, 1)
		renamed.Name = "Renamed"
		w.must(w.s.SettleBackupItem(w.ctx(), renamed))
		eventually(t, "it is renamed", func() bool { return len(list(&w, run.ItemQuery{Search: "renamed"}, 10)) == 1 })
		same(t, "item", list(&w, run.ItemQuery{Search: "renamed"}, 10), []run.BackupItem{renamed})
		same(t, "under its old name", len(list(&w, run.ItemQuery{Search: added.Name}, 10)), 0)
	})
	t.Run("from a policy on, strong", func(t *testing.T) {
		w := *w
		w.t = t
		want := byPolicy(w.itemsOf(b.ID))
		same(t, "all", len(want), n+1)
		for _, step := range []int{1, 4, n, n + 1, n + 2} {
			var got []run.BackupItem
			for after := ""; ; {
				part, err := w.s.BackupItemsFrom(w.ctx(), w.tenant, b.ID, after, step)
				w.must(err)
				if got = append(got, part...); len(part) < step {
					break
				}
				after = part[len(part)-1].PolicyID
			}
			same(t, fmt.Sprint("by ", step), got, want)
		}
		// The policy that it begins after need not be in the set.
		between := want[4].PolicyID + "0"
		rest, err := w.s.BackupItemsFrom(w.ctx(), w.tenant, b.ID, between, 100)
		w.must(err)
		same(t, "after none of the set", rest, want[5:])
		for _, c := range []struct {
			tenant, set, after string
			n                  int
		}{{w.tenant + "1", b.ID, "", 5}, {w.tenant, b.ID + "1", "", 5}, {w.tenant, b.ID, want[n].PolicyID, 5}, {w.tenant, b.ID, "", 0}} {
			none, err := w.s.BackupItemsFrom(w.ctx(), c.tenant, c.set, c.after, c.n)
			w.must(err)
			same(t, "none", len(none), 0)
		}
	})
	t.Run("items of any size are all read", func(t *testing.T) {
		w := *w
		w.t = t
		large := w.items(other.ID, 60)[3:] // more than one answer of DynamoDB holds
		for i := range large {
			large[i] = missing(large[i])
			large[i].Params["name"] = strings.Repeat("x", 25_000)
		}
		_, err := w.s.AddBackupItems(w.ctx(), w.tenant, other.ID, large)
		w.must(err)
		got, err := w.s.BackupItemsFrom(w.ctx(), w.tenant, other.ID, "", 100)
		w.must(err)
		same(t, "all", len(got), 60)
		got, err = w.s.BackupItemsFrom(w.ctx(), w.tenant, other.ID, got[1].PolicyID, 50)
		w.must(err)
		same(t, "as many as asked for", len(got), 50)
		eventually(t, "all are listed", func() bool {
			return len(collect(&w, func(p run.PageRequest) (run.Page[run.BackupItem], error) {
				return w.s.ListBackupItems(w.ctx(), run.ItemQuery{TenantID: w.tenant, SetID: other.ID}, p)
			}, 200)) == 60
		})
	})
	t.Run("a cursor is good for its own query only", func(t *testing.T) {
		w := *w
		w.t = t
		page, err := w.s.ListBackupItems(w.ctx(), run.ItemQuery{TenantID: w.tenant, SetID: b.ID}, run.PageRequest{Limit: 2})
		w.must(err)
		for _, q := range []run.ItemQuery{{TenantID: w.tenant, SetID: other.ID}, {TenantID: w.tenant, SetID: b.ID, Code: "c"}} {
			_, err = w.s.ListBackupItems(w.ctx(), q, run.PageRequest{Limit: 2, Cursor: page.Next})
			w.wantErr(err, run.ErrBadCursor)
		}
	})
}

func startsWithSet(t *testing.T, open Open) {
	t.Run("a run makes its set, in one write", func(t *testing.T) {
		w := newWorld(t, open)
		n, b := w.newRun("k"), w.set("S")
		n.Set = &b
		w.must(w.s.CreateRun(w.ctx(), n))
		w.must(w.s.CreateRun(w.ctx(), n)) // a repeat makes nothing more
		b.LastRunID, b.ActiveRuns, b.Uses, b.Rev = n.Run.ID, []string{n.Run.ID}, 1, 1
		same(t, "set", w.storedSet(b.ID), b)
		same(t, "run", w.check(n.Run.ID, "k"), n.Run)
		v, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant, UserID: w.owner, KeyHash: n.Run.KeyHash, SetID: b.ID})
		w.must(err)
		same(t, "set in the view", v.Set, &b)
		if v.Member == nil || v.Tenant == nil || v.Lock == nil || v.Schedule != nil {
			t.Errorf("the view is %+v", v)
		}
	})
	t.Run("a refused run makes no set, and a taken id no run", func(t *testing.T) {
		w := newWorld(t, open)
		w.create("k")
		n, b := w.newRun("k"), w.set("S")
		n.Set = &b
		var held *run.LockHeldError
		if err := w.s.CreateRun(w.ctx(), n); !errors.As(err, &held) {
			t.Errorf("error is %v", err)
		}
		_, err := w.s.BackupSet(w.ctx(), w.tenant, b.ID)
		w.wantErr(err, run.ErrNotFound)
		taken := w.made("Taken", 0)
		n, b = w.newRun("k2"), w.set("S")
		b.ID, n.Set = taken.ID, &b
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrConflict)
		same(t, "the set that has the id", w.storedSet(taken.ID), taken)
		if w.lock("k2").ActiveRunID != "" {
			t.Error("a refused start took the lock")
		}
	})
	t.Run("a run uses a set, and becomes its last only when it changes it", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		reader, writer := w.newRun("k1"), w.newRun("k2")
		reader.UsesSet, writer.UsesSet, writer.ChangesSet = b.ID, b.ID, true
		w.must(w.s.CreateRun(w.ctx(), writer))
		w.must(w.s.CreateRun(w.ctx(), reader))
		w.must(w.s.CreateRun(w.ctx(), reader)) // a repeat is no use more
		b.ActiveRuns, b.LastRunID, b.Uses = []string{reader.Run.ID, writer.Run.ID}, writer.Run.ID, 2
		same(t, "set", w.storedSet(b.ID), b)
	})
	t.Run("no run uses a set that is not there or deleted", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		b.DeletedAt = &b.CreatedAt
		b, err := w.s.UpdateBackupSet(w.ctx(), b, w.setAudit(b))
		w.must(err)
		w.create("held")
		for _, key := range []string{"k", "held"} {
			for _, id := range []string{b.ID, b.ID + "1"} {
				n := w.newRun(key)
				n.UsesSet = id
				w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotFound)
				_, err = w.s.Run(w.ctx(), w.tenant, n.Run.ID)
				w.wantErr(err, run.ErrNotFound)
			}
		}
		if w.lock("k").ActiveRunID != "" {
			t.Error("a refused start took the lock")
		}
		same(t, "deleted set", w.storedSet(b.ID), b)
		_, err = w.s.BackupSet(w.ctx(), w.tenant, b.ID+"1")
		w.wantErr(err, run.ErrNotFound)
		v, err := w.s.StartView(w.ctx(), run.StartQuery{TenantID: w.tenant, UserID: w.owner, KeyHash: run.Hash("k"), SetID: b.ID})
		w.must(err)
		same(t, "the view shows it as it is", v.Set, &b)
		n := w.newRun("k")
		n.UsesSet, n.Run.Initiator.UserID = b.ID, "stranger"
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrNotMember)
	})
	t.Run("many runs begin to use a set at once, and none is lost", func(t *testing.T) {
		w := newWorld(t, open)
		b := w.made("S", 0)
		const atOnce = 20
		var want []string
		for round := range run.MaxActiveRuns / atOnce {
			var (
				wait  sync.WaitGroup
				errs  [atOnce]error
				asked [atOnce]run.NewRun
			)
			for i := range asked {
				asked[i] = w.newRun(fmt.Sprint("k", round, "-", i))
				asked[i].UsesSet = b.ID
				want = append(want, asked[i].Run.ID)
			}
			for i, n := range asked {
				wait.Go(func() { errs[i] = w.s.CreateRun(w.ctx(), n) })
			}
			wait.Wait()
			w.must(errors.Join(errs[:]...))
		}
		got := w.storedSet(b.ID)
		same(t, "active runs", got.ActiveRuns, slices.Sorted(slices.Values(want)))
		same(t, "uses", got.Uses, run.MaxActiveRuns)

		n := w.newRun("one more")
		n.UsesSet = b.ID
		w.wantErr(w.s.CreateRun(w.ctx(), n), run.ErrSetBusy)
		same(t, "a busy set", w.storedSet(b.ID), got)
		n = w.newRun("k0-0")
		n.UsesSet = b.ID
		var held *run.LockHeldError
		if err := w.s.CreateRun(w.ctx(), n); !errors.As(err, &held) {
			t.Errorf("of a busy set and a held key: %v", err)
		}
		_, err := w.s.CountBackupSet(w.ctx(), got, run.SetTally{}, want[:1])
		w.must(err)
		n = w.newRun("room for one")
		n.UsesSet = b.ID
		w.must(w.s.CreateRun(w.ctx(), n))
	})
}

// setFaultCases are the writes of backup sets.
var setFaultCases = []faultCase{
	{"CreateBackupSet", func(w *world) func() {
		return func() {
			n := w.newSet("S", 0)
			n.Key, n.PayloadHash, n.ReplayUntil = run.Hash("ik"), run.Hash("p"), w.now.Add(time.Hour)
			got, err := w.s.CreateBackupSet(w.ctx(), n)
			w.must(err)
			same(w.t, "id", got.ID, n.Set.ID)
			same(w.t, "set", w.storedSet(got.ID), got)
		}
	}},
	{"CreateBackupSet, its items", func(w *world) func() {
		return func() {
			n := w.newSet("S", 5)
			got, err := w.s.CreateBackupSet(w.ctx(), n)
			w.must(err)
			same(w.t, "items", w.itemsOf(got.ID), byPolicy(n.Items))
		}
	}},
	{"CreateBackupSet after its items", func(w *world) func() {
		w.spare = 3
		return func() {
			got := w.made("S", 3)
			same(w.t, "set", w.storedSet(got.ID), got)
		}
	}},
	{"UpdateBackupSet", func(w *world) func() {
		b := w.made("S", 0)
		return func() {
			b.Name, b.DeletedAt = "T", &b.CreatedAt
			got, err := w.s.UpdateBackupSet(w.ctx(), b, w.setAudit(b))
			w.must(err)
			same(w.t, "revision", got.Rev, 2)
			same(w.t, "set", w.storedSet(b.ID), got)
		}
	}},
	{"CountBackupSet", func(w *world) func() {
		n, b := w.newRun("k"), w.set("S")
		n.Set = &b
		w.must(w.s.CreateRun(w.ctx(), n))
		b = w.storedSet(b.ID)
		return func() {
			got, err := w.s.CountBackupSet(w.ctx(), b, run.SetTally{Policies: 1}, []string{n.Run.ID})
			w.must(err)
			same(w.t, "uses", got.Uses, 2)
			same(w.t, "active runs", len(got.ActiveRuns), 0)
			same(w.t, "set", w.storedSet(b.ID), got)
		}
	}},
	{"AddBackupItems", func(w *world) func() {
		b := w.made("S", 0)
		return func() {
			items := w.items(b.ID, 5)
			there, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, items)
			w.must(err)
			same(w.t, "there", len(there), 0)
			same(w.t, "items", w.itemsOf(b.ID), byPolicy(items))
		}
	}},
	{"SettleBackupItem", func(w *world) func() {
		b := w.made("S", 0)
		return func() {
			want := captured(w.item(b.ID, 1), 2)
			w.must(w.s.SettleBackupItem(w.ctx(), want))
			same(w.t, "items", w.itemsOf(b.ID), []run.BackupItem{want})
		}
	}},
	{"SettleBackupItem of a failure", func(w *world) func() {
		b := w.made("S", 0)
		i := w.item(b.ID, 1)
		_, err := w.s.AddBackupItems(w.ctx(), w.tenant, b.ID, []run.BackupItem{i})
		w.must(err)
		return func() {
			w.must(w.s.SettleBackupItem(w.ctx(), missing(i)))
			same(w.t, "items", w.itemsOf(b.ID), []run.BackupItem{missing(i)})
		}
	}},
	{"CreateRun with a set", func(w *world) func() {
		return func() {
			n, b := w.newRun("k"), w.set("S")
			n.Set = &b
			w.must(w.s.CreateRun(w.ctx(), n))
			same(w.t, "run", w.check(n.Run.ID, "k"), n.Run)
			same(w.t, "active runs", w.storedSet(b.ID).ActiveRuns, []string{n.Run.ID})
		}
	}},
	{"CreateRun of a set that there is", func(w *world) func() {
		b := w.made("S", 0)
		return func() {
			n := w.newRun("k")
			n.UsesSet = b.ID
			w.must(w.s.CreateRun(w.ctx(), n))
			same(w.t, "run", w.check(n.Run.ID, "k"), n.Run)
			same(w.t, "uses", w.storedSet(b.ID).Uses, 1)
		}
	}},
}
