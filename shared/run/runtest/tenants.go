package runtest

import (
	"fmt"
	"sync"
	"testing"

	"tenantatlas/shared/run"
)

// Tenants checks the contract of run.Tenants.
func Tenants(t *testing.T, open Open) {
	t.Run("a tenant is stored with its owner and the audit event", func(t *testing.T) {
		w := newWorld(t, open)
		got, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		same(t, "tenant", got, run.Tenant{ID: w.tenant, Name: "Contoso", Cloud: run.CloudGlobal, Owners: 1, Rev: 1, CreatedAt: start, UpdatedAt: start})
		m, err := w.s.Member(w.ctx(), w.tenant, w.owner)
		w.must(err)
		same(t, "owner", m, run.Member{TenantID: w.tenant, TenantName: "Contoso", UserID: w.owner, Name: "Owner", Role: run.RoleOwner, Rev: 1, CreatedAt: start})
		events, err := w.s.AuditEvents(w.ctx(), run.AuditQuery{TenantID: w.tenant, Now: w.now}, run.PageRequest{Limit: 10})
		w.must(err)
		if len(events.Items) != 1 || events.Items[0].Event != run.AuditTenantCreated {
			t.Errorf("audit trail is %+v", events.Items)
		}
	})
	t.Run("a taken id is refused and changes nothing", func(t *testing.T) {
		w := newWorld(t, open)
		other := run.Member{TenantID: w.tenant, UserID: "other", Role: run.RoleOwner}
		w.wantErr(w.s.CreateTenant(w.ctx(), run.Tenant{ID: w.tenant, Name: "Taken"}, other, w.audit(run.AuditTenantCreated)), run.ErrConflict)
		_, err := w.s.Member(w.ctx(), w.tenant, "other")
		w.wantErr(err, run.ErrNotMember)
	})
	t.Run("what does not exist is said so", func(t *testing.T) {
		w := newWorld(t, open)
		none := w.ids.New(run.PrefixTenant, w.now)
		for _, id := range []string{none, "", "a#b", w.tenant + "#", "ten_\x00"} {
			_, err := w.s.Tenant(w.ctx(), id)
			w.wantErr(err, run.ErrNotFound)
			_, err = w.s.Member(w.ctx(), id, w.owner)
			w.wantErr(err, run.ErrNotMember)
			_, err = w.s.UpdateTenant(w.ctx(), run.Tenant{ID: id, Rev: 1}, run.AuditEvent{TenantID: id, At: w.now, Event: "x"})
			w.wantErr(err, run.ErrNotFound)
		}
		m := run.Member{TenantID: none, UserID: "u", Role: run.RoleViewer}
		_, err := w.s.PutMember(w.ctx(), m, 0, run.AuditEvent{TenantID: none, At: w.now, Event: "x"})
		w.wantErr(err, run.ErrNotFound)
		w.wantErr(w.s.DeleteMember(w.ctx(), w.tenant, "nobody", 1, w.audit("x")), run.ErrNotMember)
	})
	t.Run("an update needs the current revision and cannot change the owners", func(t *testing.T) {
		w := newWorld(t, open)
		now, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		change := now
		change.Name, change.Disabled, change.Owners, change.CredentialRef = "Fabrikam", true, 99, "ref"
		got, err := w.s.UpdateTenant(w.ctx(), change, w.audit(run.AuditTenantChanged))
		w.must(err)
		change.Owners, change.Rev = 1, 2
		same(t, "answer", got, change)
		stored, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		same(t, "stored", stored, change)
		_, err = w.s.UpdateTenant(w.ctx(), now, w.audit(run.AuditTenantChanged))
		w.wantErr(err, run.ErrConflict)
	})
	t.Run("what a run found of the connection stands until a later one, or a change, says otherwise", func(t *testing.T) {
		w := newWorld(t, open)
		want, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		stored := func(what string) {
			t.Helper()
			got, err := w.s.Tenant(w.ctx(), w.tenant)
			w.must(err)
			same(t, what, got, want)
		}
		early, ended := w.tick(), w.tick()
		fault := &run.ConnectionFault{Code: "graph_credential", RunID: "run_1", At: ended}
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, ended, fault))
		want.Connection = fault
		stored("a fault")
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, early, nil))
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, ended, &run.ConnectionFault{Code: "other", At: ended}))
		stored("what an earlier run found, and another at the same time, change nothing")

		renamed := want
		renamed.Name, renamed.UpdatedAt, renamed.Connection = "Fabrikam", w.tick(), &run.ConnectionFault{Code: "made up"}
		got, err := w.s.UpdateTenant(w.ctx(), renamed, w.audit(run.AuditTenantChanged))
		w.must(err)
		want.Name, want.UpdatedAt, want.Rev = renamed.Name, renamed.UpdatedAt, 2
		same(t, "answer to a change of the name", got, want)
		stored("a change of the name leaves it")

		during := w.tick()
		want.UpdatedAt, want.Connection = w.tick(), nil
		got, err = w.s.UpdateTenant(w.ctx(), want, w.audit(run.AuditCredentialChanged))
		w.must(err)
		want.Rev = 3
		same(t, "answer to a new credential", got, want)
		stored("a new credential clears it")
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, during, fault))
		stored("what a run found with the old credential changes nothing")

		later := &run.ConnectionFault{Code: "graph_consent", RunID: "run_2", At: w.tick()}
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, later.At, later))
		want.Connection = later
		stored("a later fault")
		w.must(w.s.NoteConnection(w.ctx(), w.tenant, w.tick(), nil))
		want.Connection = nil
		stored("a later success")
		for _, id := range []string{w.tenant + "1", "", w.tenant + "#"} {
			w.wantErr(w.s.NoteConnection(w.ctx(), id, w.tick(), fault), run.ErrNotFound)
		}
	})
	t.Run("a membership needs the revision that was read", func(t *testing.T) {
		w := newWorld(t, open)
		m := run.Member{TenantID: w.tenant, UserID: "ann@example.com", Role: run.RoleViewer, CreatedAt: w.now}
		got, err := w.s.PutMember(w.ctx(), m, 0, w.audit(run.AuditMemberSet))
		w.must(err)
		_, err = w.s.PutMember(w.ctx(), m, 0, w.audit(run.AuditMemberSet))
		w.wantErr(err, run.ErrConflict)
		m.Role = run.RoleRestorer
		got, err = w.s.PutMember(w.ctx(), m, got.Rev, w.audit(run.AuditMemberSet))
		w.must(err)
		_, err = w.s.PutMember(w.ctx(), m, got.Rev-1, w.audit(run.AuditMemberSet))
		w.wantErr(err, run.ErrConflict)
		stored, err := w.s.Member(w.ctx(), w.tenant, m.UserID)
		w.must(err)
		same(t, "stored", stored, got)
		w.wantErr(w.s.DeleteMember(w.ctx(), w.tenant, m.UserID, got.Rev-1, w.audit(run.AuditMemberRemoved)), run.ErrConflict)
		w.must(w.s.DeleteMember(w.ctx(), w.tenant, m.UserID, got.Rev, w.audit(run.AuditMemberRemoved)))
		_, err = w.s.Member(w.ctx(), w.tenant, m.UserID)
		w.wantErr(err, run.ErrNotMember)
	})
	t.Run("the last owner stays, whoever races", func(t *testing.T) {
		w := newWorld(t, open)
		owner, err := w.s.Member(w.ctx(), w.tenant, w.owner)
		w.must(err)
		demoted := owner
		demoted.Role = run.RoleViewer
		_, err = w.s.PutMember(w.ctx(), demoted, owner.Rev, w.audit(run.AuditMemberSet))
		w.wantErr(err, run.ErrLastOwner)
		w.wantErr(w.s.DeleteMember(w.ctx(), w.tenant, w.owner, owner.Rev, w.audit(run.AuditMemberRemoved)), run.ErrLastOwner)

		owners := []run.Member{owner}
		for i := range 5 {
			m, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: fmt.Sprint("owner", i), Role: run.RoleOwner}, 0, w.audit(run.AuditMemberSet))
			w.must(err)
			owners = append(owners, m)
		}
		var wait sync.WaitGroup
		errs := make([]error, len(owners))
		for i, m := range owners {
			audit := w.audit(run.AuditMemberRemoved)
			wait.Go(func() { errs[i] = w.s.DeleteMember(w.ctx(), w.tenant, m.UserID, m.Rev, audit) })
		}
		wait.Wait()
		last := 0
		for _, err := range errs {
			if err != nil {
				w.wantErr(err, run.ErrLastOwner)
				last++
			}
		}
		tenant, err := w.s.Tenant(w.ctx(), w.tenant)
		w.must(err)
		if last != 1 || tenant.Owners != 1 {
			t.Errorf("%d of 6 owners could not leave and the count is %d, want 1 and 1", last, tenant.Owners)
		}
	})
	t.Run("members are listed by user, pages complete", func(t *testing.T) {
		w := newWorld(t, open)
		for i := range 11 {
			_, err := w.s.PutMember(w.ctx(), run.Member{TenantID: w.tenant, UserID: fmt.Sprintf("u%02d", i), Role: run.RoleViewer}, 0, w.audit(run.AuditMemberSet))
			w.must(err)
		}
		all := collect(w, func(p run.PageRequest) (run.Page[run.Member], error) { return w.s.Members(w.ctx(), w.tenant, p) }, 4)
		if len(all) != 12 || all[0].UserID != w.owner || all[1].UserID != "u00" || all[11].UserID != "u10" {
			t.Errorf("members are %+v", all)
		}
		exact, err := w.s.Members(w.ctx(), w.tenant, run.PageRequest{Limit: 12})
		w.must(err)
		if len(exact.Items) != 12 || exact.Next != "" {
			t.Errorf("a last page of exactly the limit has %d items and next %q", len(exact.Items), exact.Next)
		}
	})
	t.Run("a user's memberships are listed over all tenants", func(t *testing.T) {
		w := newWorld(t, open)
		user := "msp-" + w.tenant
		const tenants = 7
		for range tenants {
			id := w.ids.New(run.PrefixTenant, w.tick())
			w.addTenant(id, user)
		}
		var all []run.Member
		eventually(t, "all memberships are listed", func() bool {
			all = collect(w, func(p run.PageRequest) (run.Page[run.Member], error) { return w.s.Memberships(w.ctx(), user, p) }, 3)
			return len(all) == tenants
		})
		seen := map[string]bool{}
		for _, m := range all {
			seen[m.TenantID] = true
			if m.UserID != user || m.Role != run.RoleOwner {
				t.Errorf("membership is %+v", m)
			}
		}
		if len(seen) != tenants {
			t.Errorf("%d tenants listed, want %d", len(seen), tenants)
		}
	})
	t.Run("a tenant whose id begins like another's is apart", func(t *testing.T) {
		w := newWorld(t, open)
		longer := w.tenant + "1"
		w.addTenant(longer, "longer-owner")
		_, err := w.s.Member(w.ctx(), w.tenant, "longer-owner")
		w.wantErr(err, run.ErrNotMember)
		all := collect(w, func(p run.PageRequest) (run.Page[run.Member], error) { return w.s.Members(w.ctx(), w.tenant, p) }, 10)
		if len(all) != 1 {
			t.Errorf("members are %+v", all)
		}
	})
}
