package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

const sets = "/v1/tenants/" + own + "/backup-sets"

type setStart struct {
	BackupSet httpapi.BackupSetView
	Run       *httpapi.RunView
}

// A set exists with the answer, and its run is of it. A double click makes one set
// and one run.
func TestDoubleClickMakesOneSet(t *testing.T) {
	b := newBed(t)
	const body = `{"name":" Before 24H2 ","note":"ticket 12","selection":{"types":["device-configuration","settings-catalog-policy","device-configuration"]}}`
	answers := make([]setStart, 20)
	statuses := make([]int, len(answers))
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			a := b.do("operator", "POST", sets, body)
			statuses[i] = a.status
			a.into(t, &answers[i])
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if statuses[18] != http.StatusOK || statuses[19] != http.StatusAccepted {
		t.Errorf("answers %v", statuses)
	}
	for _, a := range answers {
		if a.BackupSet.ID != answers[0].BackupSet.ID || a.Run == nil || a.Run.ID != answers[0].Run.ID || a.Run.Target.ID != a.BackupSet.ID {
			t.Errorf("%+v", a)
		}
	}
	if len(b.queue.sent) != 1 {
		t.Errorf("%d messages", len(b.queue.sent))
	}
	set := answers[0].BackupSet
	if set.Name != "Before 24H2" || set.State != "filling" || set.LastRunID != answers[0].Run.ID || !slices.Equal(set.Selection.Types, []string{"device-configuration", "settings-catalog-policy"}) || set.CreatedBy.Name != "operator@contoso.example" {
		t.Errorf("%+v", set)
	}
	var list httpapi.List[httpapi.BackupSetView]
	b.do("viewer", "GET", sets, "").into(t, &list)
	if len(list.Items) != 2 || list.Items[0].ID != set.ID {
		t.Errorf("listed: %+v", list.Items)
	}
	// Another selection under the same name is another set.
	var other setStart
	if a := b.do("operator", "POST", sets, `{"name":"Before 24H2","selection":{"all":true}}`); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	} else if a.into(t, &other); other.BackupSet.ID == set.ID {
		t.Error("another selection returned the same set")
	}
}

// Without a capture the set is whole at once, and no run starts; a double click
// makes one all the same.
func TestSetOfTheLatestVersions(t *testing.T) {
	b := newBed(t)
	never := run.Policy{ID: run.PolicyID(own, "c", "g2"), TenantID: own, Type: "device-configuration", GraphID: "g2", Name: "Never", FirstSeenAt: epoch, ChangedAt: epoch, LastChange: run.ChangeNew}
	if _, err := b.store.PutPolicy(t.Context(), never); err != nil {
		t.Fatal(err)
	}
	const body = `{"name":"Latest","selection":{"all":true},"capture":false}`
	var first, second setStart
	a := b.do("operator", "POST", sets, body)
	a.into(t, &first)
	if a.status != http.StatusCreated || first.Run != nil || a.header.Get("Location") != sets+"/"+first.BackupSet.ID || len(b.queue.sent) != 0 {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if c := first.BackupSet.Counts; c == nil || c.Policies != 2 || c.Captured != 1 || c.Missing != 1 || first.BackupSet.State != "incomplete" {
		t.Errorf("%+v", first.BackupSet)
	}
	a = b.do("operator", "POST", sets, body)
	a.into(t, &second)
	if a.status != http.StatusOK || second.BackupSet.ID != first.BackupSet.ID {
		t.Errorf("%d %s", a.status, a.body)
	}
	var items httpapi.List[httpapi.BackupItemView]
	b.do("viewer", "GET", sets+"/"+first.BackupSet.ID+"/items", "").into(t, &items)
	if len(items.Items) != 2 || items.Items[0].Code != "never_captured" || items.Items[0].Sentence == "" || items.Items[1].Version != 1 || items.Items[1].Links.Version == "" {
		t.Errorf("%+v", items.Items)
	}
}

// A selection says one thing, and of this tenant.
func TestBadSelections(t *testing.T) {
	b := newBed(t)
	foreignPolicy := run.PolicyID(foreign, "c", "x")
	for body, code := range map[string]string{
		`{}`:                                     "selection_empty",
		`{"search":"  "}`:                        "selection_empty",
		`{"all":true,"search":"x"}`:              "validation_error",
		`{"all":true,"types":["x"]}`:             "validation_error",
		`{"types":["x"]}`:                        "validation_error",
		`{"missing":true}`:                       "validation_error",
		`{"policies":["` + foreignPolicy + `"]}`: "validation_error",
		`{"policies":["pol_x"]}`:                 "validation_error",
		`{"policies":["` + b.policy.ID + `"],"platforms":["iOS"]}`: "validation_error",
		`{"all":"yes"}`: "validation_error",
	} {
		if a := b.do("operator", "POST", sets, `{"name":"x","selection":`+body+`}`); a.status != http.StatusUnprocessableEntity || a.code() != code {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	for _, body := range []string{`{"name":" ","selection":{"all":true}}`, `{"selection":{"all":true}}`, `{"name":"x"}`} {
		if a := b.do("operator", "POST", sets, body); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", body, a.status)
		}
	}
	if len(b.queue.sent) != 0 {
		t.Error("something was started")
	}
}

// The tag of a set tells whether a poll finds something new, also while nobody but a
// run changes it, and still names the revision that a change is based on.
func TestTagOfASetThatIsFilled(t *testing.T) {
	b := newBed(t)
	path := sets + "/" + b.set.ID
	read := b.do("viewer", "GET", path, "").header.Get("ETag")
	if a := b.do("viewer", "GET", path, "", "If-None-Match", read); a.status != http.StatusNotModified {
		t.Errorf("nothing new: %d", a.status)
	}
	if a := b.do("operator", "POST", path+"/items", `{"selection":{"all":true}}`); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := b.do("viewer", "GET", path, "", "If-None-Match", read)
	if now := a.header.Get("ETag"); a.status != http.StatusOK || now == read {
		t.Errorf("a run has begun: %d, tag %s and %s", a.status, read, now)
	}
	if a := b.do("operator", "PATCH", path, `{"note":"x"}`, "If-Match", read); a.status != http.StatusOK {
		t.Errorf("a change of what no person has changed: %d %s", a.status, a.body)
	}
	if a := b.do("operator", "PATCH", path, `{"note":"y"}`, "If-Match", read); a.status != http.StatusPreconditionFailed {
		t.Errorf("a change of what a person has changed: %d %s", a.status, a.body)
	}
}

// A set is deleted by who types its name, not while a run uses it, and can be
// recovered for a time.
func TestDeleteAndRecoverASet(t *testing.T) {
	b := newBed(t)
	path := sets + "/" + b.set.ID
	if a := b.do("owner", "DELETE", path+"?confirm=baseline", ""); a.status != http.StatusUnprocessableEntity || a.code() != "set_name_mismatch" {
		t.Errorf("another name: %d %s", a.status, a.body)
	}
	var r httpapi.RunView
	b.do("operator", "POST", path+"/items", `{"selection":{"all":true}}`).into(t, &r)
	a := b.do("owner", "DELETE", path+"?confirm=Baseline", "")
	if a.status != http.StatusConflict || a.code() != "set_in_use" || !strings.Contains(string(a.body), r.ID) {
		t.Errorf("in use: %d %s", a.status, a.body)
	}
	started, err := b.store.Run(t.Context(), own, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.finish(started, run.Outcome{Item: run.Item{Key: b.policy.ID, Kind: "policy"}, Status: run.OutcomeSucceeded, At: epoch})
	// The run has ended; nobody has counted yet.
	if a := b.do("owner", "DELETE", path+"?confirm=Baseline", "", "If-Match", `"r9"`); a.status != http.StatusPreconditionFailed {
		t.Errorf("an old revision: %d", a.status)
	}
	var set httpapi.BackupSetView
	b.do("owner", "DELETE", path+"?confirm=Baseline", "").into(t, &set)
	if set.DeletedAt == nil || set.DeletedBy == nil || set.Recoverable == nil || set.Recoverable.Sub(*set.DeletedAt) != 30*24*time.Hour {
		t.Errorf("%+v", set)
	}
	for _, deleted := range []bool{false, true} {
		var list httpapi.List[httpapi.BackupSetView]
		b.do("viewer", "GET", sets+map[bool]string{true: "?state=deleted"}[deleted], "").into(t, &list)
		if has := len(list.Items) == 1; has != deleted {
			t.Errorf("deleted %v: %+v", deleted, list.Items)
		}
	}
	for _, refused := range []answer{
		b.do("owner", "DELETE", path+"?confirm=Baseline", ""),
		b.do("operator", "PATCH", path, `{"name":"x"}`),
		b.do("operator", "POST", path+"/items", `{"selection":{"all":true}}`),
	} {
		if refused.status != http.StatusNotFound {
			t.Errorf("a deleted set: %d %s", refused.status, refused.body)
		}
	}
	if a := b.do("owner", "POST", path+"/recovery", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.do("operator", "PATCH", path, `{"name":"Renamed","note":"n"}`); a.status != http.StatusOK || !strings.Contains(string(a.body), "Renamed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	var events httpapi.List[struct{ Event string }]
	b.do("viewer", "GET", "/v1/tenants/"+own+"/audit-events", "").into(t, &events)
	var seen []string
	for _, e := range events.Items {
		seen = append(seen, e.Event)
	}
	for _, want := range []string{run.AuditSetDeleted, run.AuditSetRecovered, run.AuditSetChanged} {
		if !slices.Contains(seen, want) {
			t.Errorf("the audit trail lacks %s: %v", want, seen)
		}
	}
}

// A set that was deleted too long ago is not recovered.
func TestRecoveryEnds(t *testing.T) {
	b := newBed(t)
	long := epoch.Add(time.Hour - run.RecoverFor - time.Second)
	b.set.DeletedAt = &long
	if _, err := b.store.UpdateBackupSet(t.Context(), b.set, run.AuditEvent{TenantID: own, At: epoch, Event: run.AuditSetDeleted}); err != nil {
		t.Fatal(err)
	}
	if a := b.do("owner", "POST", sets+"/"+b.set.ID+"/recovery", ""); a.status != http.StatusConflict || a.code() != "recovery_over" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Coverage names what the tenant has and the set has not.
func TestCoverageNamesWhatIsNotInTheSet(t *testing.T) {
	b := newBed(t)
	for id, n := range map[string]int{b.policy.Type: 3, "device-configuration": 7, "mobile-app-lob": 0} {
		if err := b.store.PutTypeSync(t.Context(), run.TypeSync{TenantID: own, Type: id, SyncedAt: epoch, RunID: b.ended.ID, Policies: n}); err != nil {
			t.Fatal(err)
		}
	}
	var view httpapi.CoverageView
	b.do("viewer", "GET", sets+"/"+b.set.ID+"/coverage", "").into(t, &view)
	if len(view.Types) != 2 || !strings.Contains(view.Sentence, "1 type of the tenant is not in this set") {
		t.Fatalf("%+v", view)
	}
	for _, c := range view.Types {
		want := map[string][3]int{"device-configuration": {7, 0, 0}, b.policy.Type: {3, 1, 1}}[c.Type]
		if got := [3]int{c.InTenant, c.InSet, c.Captured}; got != want || c.Title == c.Type {
			t.Errorf("%s: %v, want %v", c.Type, got, want)
		}
	}
}

// Two sets are compared policy by policy, with the place where the settings are.
func TestCompareSets(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	p, err := b.store.Policy(ctx, own, b.policy.ID)
	if err != nil {
		t.Fatal(err)
	}
	second := run.Version{TenantID: own, PolicyID: p.ID, Number: 2, PolicyType: p.Type, PolicyName: "Renamed", ContentHash: "other", PayloadKey: "k", Complete: true, CapturedAt: epoch, RunID: b.ended.ID}
	if p, err = b.store.AddVersion(ctx, run.NewVersion{Version: second, Policy: p}); err != nil {
		t.Fatal(err)
	}
	const later = "set_01J9Z3T6Q4W8R2N5M7K1P0XYZB"
	items := []run.BackupItem{run.NewItem(later, "", p, epoch).Hold(second)}
	gone := run.NewItem(b.set.ID, "", run.Policy{TenantID: own, ID: run.PolicyID(own, "c", "gone"), Name: "Gone", Type: p.Type}, epoch)
	if _, err := b.store.AddBackupItems(ctx, own, b.set.ID, []run.BackupItem{gone}); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		items = append(items, run.NewItem(later, "", run.Policy{TenantID: own, ID: run.PolicyID(own, "c", fmt.Sprint(i)), Name: fmt.Sprint("New ", i), Type: p.Type}, epoch))
	}
	if _, err := b.store.CreateBackupSet(ctx, run.NewBackupSet{Set: run.BackupSet{ID: later, TenantID: own, Name: "Later", CreatedAt: epoch, CreatedBy: run.Initiator{UserID: "operator"}}, Items: items, Role: run.RoleOperator, Audit: run.AuditEvent{TenantID: own, At: epoch, Event: run.AuditSetCreated, Details: map[string]string{"n": "2"}}}); err != nil {
		t.Fatal(err)
	}
	kinds, token := map[string]int{}, ""
	for pages := 0; pages == 0 || token != ""; pages++ {
		var list httpapi.List[httpapi.ComparisonView]
		b.do("viewer", "GET", sets+"/"+later+"/comparison?pageSize=7&from="+b.set.ID+"&pageToken="+token, "").into(t, &list)
		for _, c := range list.Items {
			kinds[c.Kind]++
			if c.Kind == "changed" && (c.Diff != "/v1/tenants/"+own+"/policies/"+p.ID+"/versions/2/diff?from=1" || c.Name != "Renamed") {
				t.Errorf("%+v", c)
			}
		}
		if token = list.NextPageToken; pages > 20 {
			t.Fatal("no end")
		}
	}
	if kinds["added"] != 30 || kinds["removed"] != 1 || kinds["changed"] != 1 || len(kinds) != 3 {
		t.Errorf("%v", kinds)
	}
	var list httpapi.List[httpapi.ComparisonView]
	b.do("viewer", "GET", sets+"/"+later+"/comparison?kind=removed&from="+b.set.ID, "").into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Name != "Gone" {
		t.Errorf("%+v", list.Items)
	}
}

const schedules = "/v1/tenants/" + own + "/schedules"

// A schedule is told to the timetable with every change; where that fails the
// schedule says so, and it is found by who makes up for it.
func TestScheduleReachesTheTimetable(t *testing.T) {
	b := newBed(t)
	var made httpapi.ScheduleView
	a := b.do("owner", "POST", schedules, `{"name":"Hourly sync","operation":"inventory.sync","expression":"rate(2 hours)","types":["device-configuration"]}`)
	a.into(t, &made)
	if a.status != http.StatusCreated || made.State != "active" || made.Pending || len(made.NextAt) != 3 || made.TimeZone != "UTC" || made.Spread != 15 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if s := b.timetable.has[made.ID]; s.Expression != "rate(2 hours)" || s.Spread != 15*time.Minute {
		t.Errorf("%+v", s)
	}
	path := schedules + "/" + made.ID
	b.timetable.err = errors.New("scheduler is busy " + canary)
	var paused httpapi.ScheduleView
	a = b.do("owner", "PATCH", path, `{"paused":true}`, "If-Match", a.header.Get("ETag"))
	a.into(t, &paused)
	if a.status != http.StatusOK || !paused.Pending || paused.State != "paused" || paused.Pause.Code != "paused_by_user" || paused.Pause.By.Name != "owner@contoso.example" || len(paused.NextAt) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	found := 0
	for shard := range run.OpenShards {
		page, err := b.store.Unapplied(t.Context(), shard, run.PageRequest{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		found += len(page.Items)
	}
	if found != 2 { // the bed's own was never told
		t.Errorf("%d schedules wait to be told", found)
	}
	b.timetable.err = nil
	if a := b.do("owner", "DELETE", path, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, there := b.timetable.has[made.ID]; there {
		t.Error("the timetable still has it")
	}
	if a := b.do("viewer", "GET", path, ""); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

func TestBadSchedules(t *testing.T) {
	b := newBed(t)
	for body, field := range map[string]string{
		`"expression":"rate(30 minutes)"`:                                    "body.expression",
		`"expression":"cron(0 2 * * * *)"`:                                   "body.expression",
		`"expression":"every day"`:                                           "body.expression",
		`"expression":"cron(0 2 1 1 ? 2020)"`:                                "body.expression",
		`"expression":"rate(1 day)","timeZone":"Europe/Berlinn"`:             "body.timeZone",
		`"expression":"rate(1 day)","timeZone":"Local"`:                      "body.timeZone",
		`"expression":"rate(1 day)","types":["device-configuration"]`:        "body.types",
		`"expression":"rate(1 day)","selection":{"all":true,"search":"x"}`:   "body.selection",
		`"expression":"rate(1 day)","spreadMinutes":1441`:                    "body.spreadMinutes",
		`"expression":"rate(1 day)","operation":"restore.execute"`:           "body.operation",
		`"expression":"rate(1 day)","name":"  "`:                             "body.name",
		`"expression":"rate(1 day)","selection":{"policies":["pol_1"]}`:      "body.selection.policies[0]",
		`"expression":"rate(1 day)","selection":{"types":["nothing"]}`:       "body.selection.types[0]",
		`"expression":"rate(1 day)","selection":{"all":true},"unknown":true`: "body.unknown",
	} {
		if !strings.Contains(body, `"operation"`) {
			body += `,"operation":"backup_set.create"`
		}
		if !strings.Contains(body, `"name"`) {
			body += `,"name":"x"`
		}
		a := b.do("owner", "POST", schedules, "{"+body+"}")
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), `"location":"`+field+`"`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if len(b.timetable.has) != 0 {
		t.Error("the timetable was told")
	}
}

// A tenant that is disabled or cannot be reached pauses its schedules, which say
// why, and go on by themselves when that is over.
func TestTenantPausesItsSchedules(t *testing.T) {
	b := newBed(t)
	state := func(want string) {
		t.Helper()
		var list httpapi.List[httpapi.ScheduleView]
		b.do("viewer", "GET", schedules, "").into(t, &list)
		got := ""
		if p := list.Items[0].Pause; p != nil {
			got = p.Code
			if p.Sentence == "" {
				t.Error("no sentence")
			}
		}
		if got != want || (len(list.Items[0].NextAt) > 0) != (want == "") {
			t.Errorf("paused by %q, want %q: %+v", got, want, list.Items[0])
		}
	}
	state("")
	tenantPath := "/v1/tenants/" + own
	if a := b.do("owner", "PATCH", tenantPath, `{"disabled":true}`); a.status != http.StatusForbidden || a.code() != "forbidden_role" {
		t.Errorf("an owner disables: %d %s", a.status, a.body)
	}
	if a := b.do("platform-admin", "PATCH", tenantPath, `{"disabled":true,"name":"x"}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("with another change: %d", a.status)
	}
	if a := b.do("platform-admin", "PATCH", tenantPath, `{"disabled":true}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	state("tenant_disabled")
	b.do("platform-admin", "PATCH", tenantPath, `{"disabled":false}`)
	state("")
	fault := &run.ConnectionFault{Code: "credential_expired", RunID: b.ended.ID, At: epoch}
	if err := b.store.NoteConnection(t.Context(), own, epoch.Add(2*time.Hour), fault); err != nil {
		t.Fatal(err)
	}
	state("credential_expired")
	if a := b.do("viewer", "GET", tenantPath, ""); !strings.Contains(string(a.body), `"connectionFault":{"code":"credential_expired"`) {
		t.Errorf("%s", a.body)
	}
	if a := b.do("owner", "PATCH", tenantPath, `{"credential":{"kind":"client_secret","clientSecret":"`+canary+`"}}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	state("")
}

// Drift is listed until it is marked as expected; the first mark stands.
func TestDriftIsMarked(t *testing.T) {
	b := newBed(t)
	const path = "/v1/tenants/" + own + "/drift"
	var list httpapi.List[httpapi.DriftView]
	b.do("viewer", "GET", path, "").into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Kind != "new" || list.Items[0].TypeTitle == "" {
		t.Fatalf("%+v", list.Items)
	}
	var marked httpapi.DriftView
	for _, user := range []string{"operator", "owner"} {
		b.do(user, "POST", path+"/"+list.Items[0].ID+"/expected", "").into(t, &marked)
		if marked.SeenBy == nil || marked.SeenBy.Name != "operator@contoso.example" {
			t.Errorf("%+v", marked)
		}
	}
	for query, want := range map[string]int{"": 0, "?state=all": 1, "?state=all&kind=vanished": 0, "?state=all&policy=" + b.policy.ID: 1} {
		var list httpapi.List[httpapi.DriftView]
		b.do("viewer", "GET", path+query, "").into(t, &list)
		if len(list.Items) != want {
			t.Errorf("%q: %d, want %d", query, len(list.Items), want)
		}
	}
}

// Everybody chooses for himself what he is told.
func TestSubscription(t *testing.T) {
	b := newBed(t)
	const path = "/v1/tenants/" + own + "/subscription"
	var got httpapi.SubscriptionView
	b.do("viewer", "PUT", path, `{"drift":true,"problems":true}`).into(t, &got)
	b.do("viewer", "GET", path, "").into(t, &got)
	if !got.Drift || !got.Problems {
		t.Errorf("%+v", got)
	}
	b.do("operator", "GET", path, "").into(t, &got)
	if got.Drift || got.Problems {
		t.Errorf("another's: %+v", got)
	}
}

// The latest capture is compared with any version.
func TestDiffWithTheLatest(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/policies/" + b.policy.ID + "/diff"
	var view httpapi.DiffView
	a := b.do("viewer", "GET", path+"?from=1", "")
	a.into(t, &view)
	if a.status != http.StatusOK || view.From.Number != 1 || view.To.Number != 1 || view.Total != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.do("viewer", "GET", path+"?from=2", ""); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}
