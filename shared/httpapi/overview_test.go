package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// now is when the bed's requests come.
var now = epoch.Add(time.Hour)

// tenant makes one that the viewer is a member of.
func (b *bed) tenant(i int, name string) string {
	b.t.Helper()
	id := fmt.Sprintf("ten_01J9Z3T6Q4W8R2N5M7K1P1%04d", i)
	m := run.Member{TenantID: id, TenantName: name, UserID: "viewer", Role: run.RoleOwner}
	t := run.Tenant{ID: id, Name: name, Cloud: run.CloudGlobal, GraphTenantID: fmt.Sprintf("33333333-aaaa-4bbb-8ccc-%012d", i)}
	if err := b.store.CreateTenant(b.t.Context(), t, m, run.AuditEvent{TenantID: id, At: epoch, Event: run.AuditTenantCreated}); err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bed) counts(tenantID string, c run.SummaryCounts) {
	b.t.Helper()
	sum, err := b.store.Summary(b.t.Context(), tenantID)
	if err == nil {
		err = b.store.PutCounts(b.t.Context(), tenantID, sum.Rev, c)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) backedUp(tenantID string, ago time.Duration, missing int) {
	b.counts(tenantID, run.SummaryCounts{Backup: &run.BackupSummary{SetID: "set_1", Name: "Nightly", Whole: true, CreatedAt: now.Add(-ago), Policies: 10, Captured: 10 - missing, Missing: missing}})
}

func (b *bed) noteEnded(tenantID string, op run.Operation, status run.Status, ago time.Duration, change func(*run.Run)) run.Run {
	b.t.Helper()
	at := now.Add(-ago)
	r := run.Run{ID: run.IDSource{}.New(run.PrefixRun, at), TenantID: tenantID, TenantName: "T", Operation: op, Status: status, Counts: run.Counts{Total: 10, Succeeded: 8, Failed: 2}, Planned: true, CreatedAt: at, StartedAt: &at, FinishedAt: &at, UpdatedAt: at}
	if change != nil {
		change(&r)
	}
	if err := b.store.NoteEnded(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// The list of many tenants shows what wants a person first, counts what every chip
// shows, and pages without losing or repeating one.
func TestTenantsByNeed(t *testing.T) {
	b := newBed(t)
	ids := map[string]string{}
	for i, name := range []string{"fine", "stale", "broken", "drifting", "failing", "running", "incomplete"} {
		ids[name] = b.tenant(i, name)
		b.backedUp(ids[name], time.Hour, 0)
	}
	b.backedUp(ids["stale"], 26*time.Hour, 0)
	b.backedUp(ids["incomplete"], time.Hour, 2)
	if err := b.store.NoteConnection(t.Context(), ids["broken"], epoch, &run.ConnectionFault{Code: "credential_expired", RunID: b.ended.ID, At: epoch}); err != nil {
		t.Fatal(err)
	}
	four := 4
	b.counts(ids["drifting"], run.SummaryCounts{OpenDrift: &four})
	b.noteEnded(ids["failing"], run.OpInventorySync, run.StatusFailed, time.Minute, nil)
	// Longer ago than it may ask for a person, and made up for.
	b.noteEnded(ids["fine"], run.OpInventorySync, run.StatusFailed, 8*24*time.Hour, nil)
	b.noteEnded(ids["fine"], run.OpRestoreExecute, run.StatusPartial, 2*time.Hour, nil)
	b.noteEnded(ids["fine"], run.OpRestoreRerun, run.StatusSucceeded, time.Hour, nil)
	if err := b.store.NoteActive(t.Context(), ids["running"], "run_1", true); err != nil {
		t.Fatal(err)
	}
	list := func(query string) (names []string, all httpapi.TenantList) {
		token := ""
		for range 20 {
			a := b.do("viewer", "GET", "/v1/tenants?"+query+"&pageToken="+token, "")
			if token == "" {
				a = b.do("viewer", "GET", "/v1/tenants?"+query, "")
			}
			if a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", query, a.status, a.body)
			}
			var page httpapi.TenantList
			a.into(t, &page)
			for _, m := range page.Items {
				names = append(names, m.Name)
			}
			all.Items, all.Counts = append(all.Items, page.Items...), page.Counts
			if token = page.NextPageToken; token == "" {
				return names, all
			}
		}
		t.Fatal("the list does not end")
		return nil, all
	}
	// Tenant A is that of the bed: it was never backed up, and nothing is known of it.
	byNeed := "broken failing incomplete stale drifting fine running Tenant A"
	for query, want := range map[string]string{
		"":                                       byNeed,
		"pageSize=2":                             byNeed,
		"sort=name&pageSize=3":                   "broken drifting failing fine incomplete running stale Tenant A",
		"sort=backup&show=stale":                 "Tenant A stale",
		"show=needs&pageSize=1":                  "broken failing incomplete stale drifting",
		"show=running":                           "running",
		"show=connection":                        "broken",
		"show=drift":                             "drifting",
		"q=FAI":                                  "failing",
		"q=33333333-aaaa-4bbb-8ccc-000000000003": "drifting",
		"q=nobody":                               "",
		"sort=name&id=" + ids["fine"] + "&id=" + ids["stale"] + "&id=" + foreign: "fine stale",
	} {
		if names, _ := list(query); strings.Join(names, " ") != want {
			t.Errorf("%s: %v, want %s", query, names, want)
		}
	}
	_, all := list("show=drift")
	if want := (httpapi.TenantCounts{All: 8, Needs: 5, Running: 1, Stale: 2, Connection: 1, Drift: 1}); all.Counts != want {
		t.Errorf("counts %+v, want %+v", all.Counts, want)
	}
	_, all = list("")
	broken, failing := all.Items[0], all.Items[1]
	if broken.Need == nil || broken.Need.Code != "credential_expired" || broken.Need.Severity != "error" || broken.Need.Sentence == "" || broken.Need.RunID != b.ended.ID {
		t.Errorf("%+v", broken.Need)
	}
	if failing.Need == nil || failing.Need.Code != "run_failed" || failing.Need.Operation != "inventory.sync" || failing.LastRuns["inventory.sync"] != "failed" {
		t.Errorf("%+v", failing)
	}
	if s := all.Items[4].Need.Sentence; s != "4 policies changed and are not marked as expected." {
		t.Error(s)
	}
	if a := b.do("viewer", "GET", "/v1/tenants?show=favorites", ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown chip: %d", a.status)
	}
	// A token belongs to the question and to who asked it.
	var page httpapi.TenantList
	b.do("viewer", "GET", "/v1/tenants?pageSize=2", "").into(t, &page)
	for user, query := range map[string]string{"viewer": "sort=name&pageSize=2", "operator": "pageSize=2"} {
		if a := b.do(user, "GET", "/v1/tenants?"+query+"&pageToken="+page.NextPageToken, ""); a.code() != "bad_request" {
			t.Errorf("%s %s: %d %s", user, query, a.status, a.body)
		}
	}
}

// Who lost access no longer reads of the tenant, whatever an index still says.
func TestTenantsOfOthers(t *testing.T) {
	b := newBed(t)
	b.tenant(1, "of the viewer")
	for user, want := range map[string]int{"viewer": 2, "operator": 1, "ownerB": 1, "stranger": 0} {
		var page httpapi.TenantList
		b.do(user, "GET", "/v1/tenants", "").into(t, &page)
		if len(page.Items) != want || page.Counts.All != want {
			t.Errorf("%s sees %d tenants, counts %d, want %d", user, len(page.Items), page.Counts.All, want)
		}
	}
}

func (b *bed) overview(tenantID string) httpapi.OverviewView {
	b.t.Helper()
	a := b.do("viewer", "GET", "/v1/tenants/"+tenantID+"/overview", "")
	if a.status != http.StatusOK {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
	var v httpapi.OverviewView
	a.into(b.t, &v)
	return v
}

// The first page of a tenant says what is fine and what not, from stored data alone.
func TestOverview(t *testing.T) {
	b := newBed(t)
	empty := b.overview(own)
	if len(empty.Needs) > 0 || empty.Backup != nil || empty.Coverage != nil || empty.OpenDrift != nil || empty.Graph.State != "unknown" || !empty.Stale || len(empty.Last) > 0 {
		t.Errorf("of a new tenant: %+v", empty)
	}
	if empty.Schedules.Total != 1 || empty.Next == nil || empty.Next.Name != "Nightly" || !empty.Next.At.Equal(time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)) {
		t.Errorf("schedules %+v, next %+v", empty.Schedules, empty.Next)
	}
	two := 2
	b.counts(own, run.SummaryCounts{
		OpenDrift: &two, Inventory: &run.InventoryCount{Present: 29, Vanished: 1, Never: 1, Oldest: epoch.Add(-48 * time.Hour), Hours: []run.HourCount{{Hour: epoch, Policies: 28}}, At: epoch},
	})
	b.backedUp(own, 8*time.Hour, 2)
	b.noteEnded(own, run.OpInventorySync, run.StatusSucceeded, time.Hour, nil)
	failed := b.noteEnded(own, run.OpBackupSetCreate, run.StatusPartial, 8*time.Hour, func(r *run.Run) {
		r.Target = run.Target{Kind: run.TargetBackupSet, ID: "set_1", Name: "Nightly"}
	})
	active := b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpInventorySync})
	for _, id := range []string{active.ID, b.ended.ID, "run_00000000000000000000000000"} {
		if err := b.store.NoteActive(t.Context(), own, id, true); err != nil {
			t.Fatal(err)
		}
	}
	v := b.overview(own)
	if c := v.Coverage; c == nil || c.Policies != 29 || c.Covered != 28 || c.Percent != 96 || c.Never != 1 || c.Vanished != 1 || !c.OldestAt.Equal(epoch.Add(-48*time.Hour)) {
		t.Errorf("coverage %+v", c)
	}
	if v.Backup == nil || v.Backup.Captured != 8 || v.Backup.Sentence != "8 of 10 policies were captured whole. 2 policies are missing." || v.Stale {
		t.Errorf("backup %+v", v.Backup)
	}
	// What is missing in the backup is told once: by the run that made it.
	var codes []string
	for _, n := range v.Needs {
		codes = append(codes, n.Code)
	}
	if !slices.Equal(codes, []string{"run_partial", "drift_open"}) || v.Needs[0].RunID != failed.ID || v.Needs[0].SetID != "set_1" {
		t.Errorf("needs %+v", v.Needs)
	}
	if len(v.Active) != 1 || v.ActiveRuns != 1 || v.Active[0].ID != active.ID {
		t.Errorf("%d active, %+v", v.ActiveRuns, v.Active)
	}
	if len(v.Last) != 2 || v.Last[0].Operation != "inventory.sync" || v.Last[0].SucceededAt == nil || v.Last[1].Run.ID != failed.ID || v.Last[1].SucceededAt != nil || !v.SyncedAt.Equal(epoch) {
		t.Errorf("last %+v", v.Last)
	}
	if v.Graph.State != "ok" {
		t.Errorf("graph %+v", v.Graph)
	}
}

// That Microsoft does not answer is known from the runs that wait for it.
func TestOverviewWhileGraphIsDown(t *testing.T) {
	b := newBed(t)
	r := b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpInventorySync})
	ctx := t.Context()
	if err := b.store.NoteActive(ctx, own, r.ID, true); err != nil {
		t.Fatal(err)
	}
	wait := func(w run.Waiting) {
		c, err := b.store.Claim(ctx, own, r.ID, "own_1", epoch, epoch.Add(time.Minute))
		if err == nil {
			_, err = b.store.Release(ctx, c.Fence(), run.Pause{Waiting: &w, At: epoch})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	until := now.Add(time.Minute)
	wait(run.Waiting{Code: "graph_throttled", Until: until})
	if g := b.overview(own).Graph; g.State != "waiting" || g.RunID != r.ID || g.Until == nil || !g.Until.Equal(until) {
		t.Errorf("throttled: %+v", g)
	}
	wait(run.Waiting{Code: "graph_unavailable"})
	if g := b.overview(own).Graph; g.State != "down" || g.Until != nil || !g.Since.Equal(epoch) || g.Sentence == "" {
		t.Errorf("unavailable: %+v", g)
	}
	wait(run.Waiting{Code: "tenant_budget"})
	if g := b.overview(own).Graph; g.State != "unknown" {
		t.Errorf("waiting for other runs: %+v", g)
	}
	down := func(r *run.Run) { r.Failure = &run.Failure{Code: "graph_unavailable"} }
	b.noteEnded(own, run.OpConnectionTest, run.StatusFailed, 10*time.Minute, down)
	if g := b.overview(own).Graph; g.State != "down" {
		t.Errorf("after a run that met it: %+v", g)
	}
	b.noteEnded(own, run.OpBackupSetCreate, run.StatusSucceeded, time.Minute, nil)
	if g := b.overview(own).Graph; g.State != "ok" {
		t.Errorf("after one that succeeded: %+v", g)
	}
	if err := b.store.NoteConnection(ctx, own, epoch, &run.ConnectionFault{Code: "consent_missing", RunID: r.ID, At: epoch}); err != nil {
		t.Fatal(err)
	}
	if g := b.overview(own).Graph; g.State != "refused" || g.Code != "consent_missing" {
		t.Errorf("refused: %+v", g)
	}
}

// What a person changes shows in the overview at once, not with the next run.
func TestChangesByPeopleAreCounted(t *testing.T) {
	b := newBed(t)
	a := b.do("owner", "POST", "/v1/tenants/"+own+"/schedules", bodies["POST /v1/tenants/{tenant}/schedules"])
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var page httpapi.TenantList
	b.do("viewer", "GET", "/v1/tenants", "").into(t, &page)
	if s := page.Items[0].Schedules; s == nil || s.Total != 2 {
		t.Errorf("schedules %+v", s)
	}
	a = b.do("operator", "POST", "/v1/tenants/"+own+"/backup-sets", `{"name":"Latest","selection":{"all":true},"capture":false}`)
	var made struct {
		BackupSet httpapi.BackupSetView `json:"backupSet"`
	}
	a.into(t, &made)
	if v := b.overview(own); v.Backup == nil || v.Backup.SetID != made.BackupSet.ID {
		t.Errorf("%d %s: backup %+v", a.status, a.body, v.Backup)
	}
	if a := b.do("owner", "DELETE", "/v1/tenants/"+own+"/backup-sets/"+made.BackupSet.ID+"?confirm=Latest", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if v := b.overview(own); v.Backup == nil || v.Backup.SetID != b.set.ID {
		t.Errorf("after its deletion: %+v", v.Backup)
	}
}
