package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
)

// told tells the initiator of a new run, as the stream does.
func (b *bed) told(r run.Run) {
	b.t.Helper()
	r.Status, r.StartedAt, r.FinishedAt = run.StatusQueued, nil, nil
	if err := (notifier.Notifier{Store: b.store}).Changed(b.t.Context(), nil, r); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) runs(user, path string) (ids []string, all httpapi.RunList) {
	b.t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for token := ""; ; {
		p := path
		if token != "" {
			p += join + "pageToken=" + token
		}
		a := b.do(user, "GET", p, "")
		if a.status != http.StatusOK {
			b.t.Fatalf("%s: %d %s", p, a.status, a.body)
		}
		var page httpapi.RunList
		a.into(b.t, &page)
		for _, r := range page.Items {
			ids = append(ids, r.ID)
		}
		all.Items, all.Hidden = append(all.Items, page.Items...), all.Hidden+page.Hidden
		if token = page.NextPageToken; token == "" {
			return ids, all
		}
	}
}

// A user finds all that the user started, in every tenant, and nothing of a tenant
// that the user may no longer see.
func TestMyRuns(t *testing.T) {
	b := newBed(t)
	second := b.tenant(1, "Second")
	for _, tenant := range []string{second, foreign} {
		m := run.Member{TenantID: tenant, UserID: "operator", Role: run.RoleOperator}
		if _, err := b.store.PutMember(t.Context(), m, 0, run.AuditEvent{TenantID: tenant, At: epoch, Event: run.AuditMemberSet}); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(user, tenant string, op run.Operation, at time.Duration) run.Run {
		s := &start.Starter{Runs: b.store, Queue: b.queue, Now: func() time.Time { return epoch.Add(at) }}
		res, err := s.Start(t.Context(), start.Request{TenantID: tenant, Principal: run.Principal{UserID: user}, Operation: op, Deadline: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		b.told(res.Run)
		return res.Run
	}
	ok := func(r run.Run, status run.OutcomeStatus) {
		b.finish(r, run.Outcome{Item: run.Item{Key: "k"}, Status: status, Code: "stuck"})
	}
	sync := begin("operator", own, run.OpInventorySync, time.Minute)
	test := begin("operator", second, run.OpConnectionTest, 2*time.Minute)
	begin("restorer", own, run.OpConnectionTest, 3*time.Minute)
	lost := begin("operator", foreign, run.OpInventorySync, 4*time.Minute)
	failed := begin("operator", second, run.OpInventorySync, 5*time.Minute)
	ok(test, run.OutcomeSucceeded)
	ok(failed, run.OutcomeFailed)
	m, err := b.store.Member(t.Context(), foreign, "operator")
	if err == nil {
		err = b.store.DeleteMember(t.Context(), foreign, "operator", m.Rev, run.AuditEvent{TenantID: foreign, At: epoch, Event: run.AuditMemberRemoved})
	}
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]run.Run{
		"pageSize=50":                  {failed, test, sync},
		"pageSize=1":                   {failed, test, sync},
		"status=queued":                {sync},
		"active=true":                  {sync},
		"active=true&tenant=" + second: {},
		"status=failed&status=succeeded&pageSize=1":         {failed, test},
		"operation=inventory.sync":                          {failed, sync},
		"tenant=" + second:                                  {failed, test},
		"tenant=" + foreign:                                 {},
		"from=2026-11-21T10:02:00Z&to=2026-11-21T10:05:00Z": {test},
		"tenant=" + second + "&from=2026-11-21T10:03:00Z":   {failed},
	} {
		ids, _ := b.runs("operator", "/v1/runs?"+query)
		var wanted []string
		for _, r := range want {
			wanted = append(wanted, r.ID)
		}
		if !slices.Equal(ids, wanted) || slices.Contains(ids, lost.ID) {
			t.Errorf("%s: %v, want %v", query, ids, wanted)
		}
	}
	if ids, _ := b.runs("viewer", "/v1/runs"); len(ids) > 0 {
		t.Errorf("the viewer started %v", ids)
	}
}

// A failure that a later run for the same made up for says so, and can be left out.
func TestSupersededRuns(t *testing.T) {
	b := newBed(t)
	at := time.Duration(0)
	begin := func(op run.Operation, status run.OutcomeStatus) run.Run {
		at += time.Minute
		s := &start.Starter{Runs: b.store, Queue: b.queue, Now: func() time.Time { return epoch.Add(at) }}
		res, err := s.Start(t.Context(), start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: op, Deadline: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		o := run.Outcome{Item: run.Item{Key: "k"}, Status: status}
		if status != run.OutcomeSucceeded {
			o.Code, o.Failure = "stuck", &run.Failure{Code: "stuck"}
		}
		return b.finish(res.Run, o)
	}
	first := begin(run.OpInventorySync, run.OutcomeFailed)
	test := begin(run.OpConnectionTest, run.OutcomeFailed)
	good := begin(run.OpInventorySync, run.OutcomeSucceeded)
	last := begin(run.OpInventorySync, run.OutcomeFailed)
	path := "/v1/tenants/" + own + "/runs"
	ids, all := b.runs("viewer", path+"?pageSize=2")
	if !slices.Equal(ids, []string{last.ID, good.ID, test.ID, first.ID, b.ended.ID}) || all.Hidden != 0 {
		t.Errorf("%v, %d hidden", ids, all.Hidden)
	}
	for _, r := range all.Items {
		if want := map[string]string{first.ID: good.ID}[r.ID]; r.Later != want {
			t.Errorf("%s is superseded by %q, want %q", r.ID, r.Later, want)
		}
	}
	ids, all = b.runs("viewer", path+"?superseded=hide&pageSize=2")
	if !slices.Equal(ids, []string{last.ID, good.ID, test.ID, b.ended.ID}) || all.Hidden != 1 {
		t.Errorf("%v, %d hidden", ids, all.Hidden)
	}
	ids, _ = b.runs("viewer", path+"?sort=oldest&target="+own+"&to=2026-11-21T10:04:00Z&pageSize=1")
	if !slices.Equal(ids, []string{first.ID, test.ID, good.ID}) {
		t.Errorf("the oldest first: %v", ids)
	}
	var one httpapi.RunView
	b.do("viewer", "GET", path+"/"+first.ID, "").into(t, &one)
	if one.Later != good.ID {
		t.Errorf("read alone it is superseded by %q", one.Later)
	}
	var counts httpapi.RunCounts
	b.do("viewer", "GET", "/v1/tenants/"+own+"/run-counts", "").into(t, &counts)
	if counts.Active != 0 || counts.Newest != 5 || fmt.Sprint(counts.Statuses) != "map[failed:3 succeeded:2]" {
		t.Errorf("%+v", counts)
	}
	b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpInventorySync})
	b.do("viewer", "GET", "/v1/tenants/"+own+"/run-counts", "").into(t, &counts)
	if counts.Active != 1 || counts.Newest != 6 {
		t.Errorf("with a new run: %+v", counts)
	}
}

// The facets of a run are counted with its outcomes, and items are found by several
// reasons, by name, and by what needs attention.
func TestReasonsOfARun(t *testing.T) {
	b := newBed(t)
	r := b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpInventorySync})
	ctx := t.Context()
	r, err := b.store.Claim(ctx, own, r.ID, "own_1", epoch, epoch.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var items []run.Item
	var outcomes []run.Outcome
	for i := range 30 { // of each kind six
		o := run.Outcome{Item: run.Item{Key: fmt.Sprintf("k%02d", i), Kind: run.KindPolicy, Name: fmt.Sprintf("Policy %02d", i)}, Status: run.OutcomeSucceeded, Attempts: 1, At: epoch}
		switch i % 5 {
		case 1:
			o.Code = "unchanged" // nobody needs to know
		case 2:
			o.Code = "secret_not_readable"
		case 3:
			o.Status, o.Code, o.Failure = run.OutcomeFailed, "license_missing", &run.Failure{Code: "license_missing"}
		case 4:
			o.Status, o.Code = run.OutcomeSkipped, "vanished"
		}
		items, outcomes = append(items, o.Item), append(outcomes, o)
	}
	if r, err = b.store.SavePlan(ctx, r.Fence(), items, epoch); err != nil {
		t.Fatal(err)
	}
	if r, err = b.store.CommitSlice(ctx, r.Fence(), run.SliceCommit{Outcomes: outcomes[:25], At: epoch, LeaseUntil: epoch.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	end := r.Stop(run.Failure{Code: run.CodeCanceled}, epoch)
	if _, err = b.store.End(ctx, r.Fence(), end); err != nil {
		t.Fatal(err)
	}
	path := "/v1/tenants/" + own + "/runs/" + r.ID
	var v httpapi.RunView
	b.do("viewer", "GET", path, "").into(t, &v)
	want := []httpapi.ReasonView{
		{Outcome: "failed", Code: "license_missing", Items: 5, Severity: "error", Attention: true},
		{Outcome: "skipped", Code: "canceled", Items: 5, Severity: "warning", Attention: true},
		{Outcome: "skipped", Code: "vanished", Items: 5, Severity: "warning", Attention: true},
		{Outcome: "succeeded", Code: "secret_not_readable", Items: 5, Severity: "warning", Attention: true},
		{Outcome: "succeeded", Code: "unchanged", Items: 5, Severity: "info"},
	}
	if !slices.Equal(v.Reasons, want) || v.Notes != 5 {
		t.Errorf("%d notes, reasons %+v", v.Notes, v.Reasons)
	}
	for query, want := range map[string]int{
		"": 30, "attention=true": 20, "attention=true&outcome=succeeded": 5, "reason=vanished&reason=unchanged": 10, "reason=vanished&outcome=failed": 0,
		"q=policy+2": 10, "q=POLICY+2&reason=canceled": 5, "q=nothing": 0,
	} {
		n := 0
		for token := ""; ; {
			var page httpapi.RunItems
			q := path + "/items?pageSize=4&" + query
			if token != "" {
				q += "&pageToken=" + token
			}
			b.do("viewer", "GET", q, "").into(t, &page)
			n += len(page.Items)
			if len(page.Reasons) != 5 {
				t.Errorf("%s: %d reasons", query, len(page.Reasons))
			}
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		if n != want {
			t.Errorf("%s: %d items, want %d", query, n, want)
		}
	}
}

// A run says what can be done with it, to whom, and about how many items.
func TestWhatCanBeDone(t *testing.T) {
	b := newBed(t)
	b.restores()
	can := func(user string, r run.Run) httpapi.CanView {
		t.Helper()
		a := b.do(user, "GET", "/v1/tenants/"+own+"/runs/"+r.ID, "")
		var v httpapi.RunView
		if a.into(t, &v); v.Can == nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return *v.Can
	}
	failed := can("operator", b.restored)
	if failed.Cancel != nil || failed.Rerun == nil || *failed.Rerun != (httpapi.ActionView{Role: "restorer", Items: 1}) || failed.Undo == nil || *failed.Undo != (httpapi.ActionView{Allowed: true, Role: "operator", Items: 1}) {
		t.Errorf("a failed restore: %+v", failed)
	}
	if v := can("restorer", b.restored); !v.Rerun.Allowed {
		t.Errorf("a restorer may not do it again: %+v", v.Rerun)
	}
	if v := can("owner", b.ended); v != (httpapi.CanView{}) {
		t.Errorf("an ended capture: %+v", v)
	}
	queued := b.startAt(start.Request{TenantID: own, Principal: run.Principal{UserID: "operator"}, Operation: run.OpInventorySync})
	if v := can("viewer", queued); v.Cancel == nil || v.Cancel.Allowed || v.Cancel.Role != "operator" || v.Rerun != nil || v.Undo != nil {
		t.Errorf("a queued run: %+v", v)
	}
	// What a re-run did is not offered again.
	again := b.startAt(start.Request{
		TenantID: own, Principal: run.Principal{UserID: "restorer"}, Operation: run.OpRestoreRerun, Lock: "restore.live", LinkTo: b.restored.ID, LinkKind: run.LinkRerun,
		Input: run.RestoreInput{PlanRunID: b.planned.ID, Digest: b.planned.PlanDigest, RerunOf: b.restored.ID, Failed: true},
	})
	b.finish(again, run.Outcome{Item: run.Item{Key: b.policy.ID}, Status: run.OutcomeSucceeded})
	if err := b.store.Supersede(t.Context(), own, b.restored.ID, again.ID, []string{b.policy.ID}); err != nil {
		t.Fatal(err)
	}
	if v := can("restorer", b.restored); v.Rerun != nil || v.Undo == nil {
		t.Errorf("after the re-run: %+v", v)
	}
	var v httpapi.RunView
	b.do("viewer", "GET", "/v1/tenants/"+own+"/runs/"+b.restored.ID, "").into(t, &v)
	if v.Later != again.ID {
		t.Errorf("superseded by %q, want %q", v.Later, again.ID)
	}
}

// One start captures several policies; the same start again is the same run.
func TestStartOfSeveralSnapshots(t *testing.T) {
	b := newBed(t)
	path := "/v1/tenants/" + own + "/snapshots"
	begin := func(body string) (answer, httpapi.RunView) {
		a := b.do("operator", "POST", path, body)
		var v httpapi.RunView
		if a.status < 300 {
			a.into(t, &v)
		}
		return a, v
	}
	a, first := begin(`{"selection":{"policies":["` + b.policy.ID + `"]}}`)
	if a.status != http.StatusAccepted || first.Operation != "policy.capture_snapshot" || first.Target.Kind != "tenant" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a, again := begin(`{"selection":{"policies":["` + b.policy.ID + `","` + b.policy.ID + `"]}}`); a.status != http.StatusOK || again.ID != first.ID {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	a, other := begin(`{"selection":{"search":"win","types":["settings-catalog-policy"],"never":true}}`)
	if a.status != http.StatusAccepted || other.ID == first.ID {
		t.Errorf("by filters: %d %s", a.status, a.body)
	}
	r, err := b.store.Run(t.Context(), own, other.ID)
	if err != nil || string(r.Input) != `{"selection":{"never":true,"search":"win","types":["settings-catalog-policy"]}}` {
		t.Errorf("input %s, %v", r.Input, err)
	}
	for body, want := range map[string]int{
		`{"selection":{}}`: 422, `{"selection":{"missing":true}}`: 422, `{"selection":{"policies":["pol_00000000000000000000000000"]}}`: 422,
		`{"selection":{"types":["nothing"]}}`: 422, `{"selection":{"all":true,"search":"x"}}`: 422, `{}`: 422,
	} {
		if a, _ := begin(body); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

// Clients reckon ages and durations with the clock of the server.
func TestAnswersSayTheTime(t *testing.T) {
	b := newBed(t)
	first := b.do("viewer", "GET", "/v1/me", "")
	second := b.do("viewer", "GET", "/v1/me", "", "If-None-Match", first.header.Get("ETag"))
	for _, a := range []answer{first, second, b.do("", "GET", "/v1/me", "")} {
		if got := a.header.Get("Date"); got != "Sat, 21 Nov 2026 11:00:00 GMT" {
			t.Errorf("%d: the time is %q", a.status, got)
		}
	}
}
