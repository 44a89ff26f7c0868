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
