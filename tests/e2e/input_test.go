package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Input that is wrong is refused as a problem document that names the field, the
// answer does not repeat it, and nothing is written.
func TestBadInputIsRefusedByFieldAndWritesNothing(t *testing.T) {
	x := stocked(t)
	r := x.done(t, x.start(t, capture))
	x.notified(t, operator, r)
	const mark = "e2e-hostile-value"
	valid := func(change object) object {
		o := object{
			"name": "New", "graphTenantId": uuid.NewString(), "clientId": uuid.NewString(),
			"credential": object{"kind": "client_secret", "clientSecret": "s"}, "owner": object{"userId": "someone"},
		}
		for k, v := range change {
			if v == nil {
				delete(o, k)
				continue
			}
			o[k] = v
		}
		return o
	}
	member := x.path("/members/e2e-input")
	cases := []struct {
		user, method, path string
		body               any
		status             int
		field              string // how the location of an error begins; "" for none
	}{
		// Bodies.
		{owner, "PATCH", x.path(""), `{"name":"` + mark, 400, "body"},
		{owner, "PATCH", x.path(""), `[]`, 422, "body"},
		{owner, "PATCH", x.path(""), `"` + mark + `"`, 422, "body"},
		{owner, "PATCH", x.path(""), object{"name": 7}, 422, "body.name"},
		{owner, "PATCH", x.path(""), object{"name": ""}, 422, "body.name"},
		{owner, "PATCH", x.path(""), object{"name": " \t\u00a0"}, 422, "body.name"},
		{owner, "PATCH", x.path(""), object{"name": strings.Repeat("x", 201)}, 422, "body.name"},
		{owner, "PATCH", x.path(""), object{"nom": mark}, 422, "body.nom"},
		{owner, "PATCH", x.path(""), object{"id": mark}, 422, "body.id"},
		{platform, "PATCH", x.path(""), object{"disabled": true, "name": mark}, 422, "body.disabled"},
		{owner, "PATCH", x.path(""), object{"credentialRef": mark}, 422, "body.credentialRef"},
		{owner, "PATCH", x.path(""), object{"graphTenantId": mark}, 422, "body.graphTenantId"},
		{owner, "PATCH", x.path(""), object{"cloud": mark}, 422, "body.cloud"},
		{owner, "PATCH", x.path(""), object{"credential": object{"kind": mark, "clientSecret": mark}}, 422, "body.credential.kind"},
		{owner, "PATCH", x.path(""), object{"credential": object{"kind": "client_secret"}}, 422, "body.credential.clientSecret"},
		{owner, "PATCH", x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": mark, "password": mark}}, 422, "body.credential.password"},
		{owner, "PATCH", x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": strings.Repeat("s", 1025)}}, 422, "body.credential.clientSecret"},
		{owner, "PATCH", x.path(""), object{"credential": object{"kind": "certificate", "certificate": "-----BEGIN " + mark}}, 422, "body.credential.certificate"},
		{platform, "POST", "/v1/tenants", valid(object{"owner": object{"userId": mark + " #x"}}), 422, "body.owner.userId"},
		{platform, "POST", "/v1/tenants", valid(object{"owner": object{"userId": strings.Repeat("x", 129)}}), 422, "body.owner.userId"},
		{platform, "POST", "/v1/tenants", valid(object{"name": nil}), 422, "body"},
		{platform, "POST", "/v1/tenants", valid(object{"clientId": "1"}), 422, "body.clientId"},
		{platform, "POST", "/v1/tenants", nil, 400, ""},
		{owner, "PUT", member, object{"role": mark}, 422, "body.role"},
		{owner, "PUT", member, object{"role": "Owner"}, 422, "body.role"},
		{owner, "PUT", member, object{}, 422, "body"},
		{owner, "PUT", x.path("/members/%20space"), object{"role": "viewer"}, 422, "path.user"},
		{owner, "PUT", x.path("/members/" + strings.Repeat("x", 129)), object{"role": "viewer"}, 422, "path.user"},
		{operator, "POST", x.path("/inventory-syncs"), object{"types": []string{mark}}, 422, "body.types[0]"},
		{operator, "POST", x.path("/inventory-syncs"), object{"types": []int{1}}, 422, "body.types[0]"},
		{operator, "POST", x.path("/inventory-syncs"), object{"types": slices.Repeat([]string{"device-configuration"}, 101)}, 422, "body.types"},
		{operator, "POST", x.path("/inventory-syncs"), object{"force": true}, 422, "body.force"},
		{operator, "POST", x.path("/policies/" + r.Target.ID + "/snapshots"), object{"options": mark}, 422, "body.options"},
		{operator, "POST", x.path("/backup-sets"), object{"name": "x", "selection": object{}}, 422, ""},
		{operator, "POST", x.path("/backup-sets"), object{"name": "x", "selection": object{"all": true, "search": mark}}, 422, "body.selection"},
		{operator, "POST", x.path("/backup-sets"), object{"name": "x", "selection": object{"types": []string{mark}}}, 422, "body.selection.types[0]"},
		{operator, "POST", x.path("/backup-sets"), object{"name": "x", "selection": object{"policies": []string{mark}}}, 422, "body.selection.policies[0]"},
		{operator, "POST", x.path("/backup-sets"), object{"name": "x", "selection": object{"policies": []string{"pol_00000000000000000000000000"}}}, 422, "body.selection.policies[0]"},
		{operator, "POST", x.path("/backup-sets"), object{"name": strings.Repeat("x", 201), "selection": object{"all": true}}, 422, "body.name"},
		{operator, "POST", x.path("/backup-sets"), object{"name": " ", "selection": object{"all": true}, "capture": false}, 422, "body.name"},
		{operator, "POST", x.path("/backup-sets/set_00000000000000000000000000/items"), object{"selection": object{"all": true}}, 404, ""},
		{viewer, "GET", x.path("/backup-sets/" + mark), nil, 404, ""},
		{viewer, "GET", x.path("/backup-sets?state=" + mark), nil, 422, "query.state"},
		{owner, "POST", x.path("/schedules"), object{"name": "x", "operation": mark, "expression": "rate(1 day)"}, 422, "body.operation"},
		{owner, "POST", x.path("/schedules"), object{"name": "x", "operation": "inventory.sync", "expression": mark}, 422, "body.expression"},
		{owner, "POST", x.path("/schedules"), object{"name": "x", "operation": "inventory.sync", "expression": "rate(1 minute)"}, 422, "body.expression"},
		{owner, "POST", x.path("/schedules"), object{"name": "x", "operation": "inventory.sync", "expression": "rate(1 day)", "timeZone": mark}, 422, "body.timeZone"},
		{viewer, "GET", x.path("/schedules/" + mark), nil, 404, ""},
		{viewer, "GET", x.path("/drift/" + mark), nil, 404, ""},
		{viewer, "GET", x.path("/drift?kind=" + mark), nil, 422, "query.kind[0]"},
		{viewer, "PUT", x.path("/subscription"), object{"drift": mark}, 422, "body.drift"},
		// Queries.
		{viewer, "GET", x.path("/runs?status=" + mark), nil, 422, "query.status"},
		{viewer, "GET", x.path("/runs?from=yesterday"), nil, 422, "query.from"},
		{viewer, "GET", x.path("/runs?pageSize=0"), nil, 422, "query.pageSize"},
		{viewer, "GET", x.path("/runs?pageSize=201"), nil, 422, "query.pageSize"},
		{viewer, "GET", x.path("/runs?pageSize=all"), nil, 422, "query.pageSize"},
		{viewer, "GET", x.path("/runs?pageToken=" + mark), nil, 400, "query.pageToken"},
		{viewer, "GET", x.path("/runs?pageToken=e30"), nil, 400, "query.pageToken"},
		{viewer, "GET", x.path("/runs?sort=" + mark), nil, 422, "query.sort"},
		{viewer, "GET", x.path("/policies?q=" + strings.Repeat("x", 201)), nil, 422, "query.q"},
		{viewer, "GET", x.path("/policies?state=" + mark), nil, 422, "query.state"},
		{viewer, "GET", "/v1/runs?active=perhaps", nil, 422, "query.active"},
		{viewer, "GET", "/v1/runs?status=done", nil, 422, "query.status"},
		// Identifiers.
		{viewer, "GET", x.path("/policies/" + r.Target.ID + "/versions/0"), nil, 422, "path.number"},
		{viewer, "GET", x.path("/policies/" + r.Target.ID + "/versions/one"), nil, 422, "path.number"},
		{viewer, "GET", x.path("/policies/" + r.Target.ID + "/versions/99"), nil, 404, ""},
		{viewer, "GET", x.path("/runs/run_00000000000000000000000000"), nil, 404, ""},
		{viewer, "GET", x.path("/runs/" + mark), nil, 404, ""},
		{viewer, "GET", x.path("/policies/pol_00000000000000000000000000"), nil, 404, ""},
		{operator, "POST", x.path("/policies/pol_00000000000000000000000000/snapshots"), nil, 404, ""},
		{operator, "POST", x.path("/policies/" + mark + "/snapshots"), nil, 404, ""},
		{viewer, "GET", x.path("/members/nobody"), nil, 404, ""},
		{owner, "DELETE", x.path("/members/nobody"), nil, 404, ""},
		{viewer, "POST", "/v1/notifications/" + mark + "/read", nil, 404, ""},
		// Size.
		{owner, "PATCH", x.path(""), `{"name":"` + strings.Repeat("x", 64<<10) + `"}`, 413, ""},
		{operator, "POST", x.path("/inventory-syncs"), strings.Repeat(" ", 64<<10) + `{}`, 413, ""},
		{owner, "PATCH", x.path(""), strings.Repeat(`{"a":`, 10_000), 400, "body"},
		{viewer, "GET", x.path("/runs?pageToken=" + strings.Repeat("A", 2049)), nil, 422, "query.pageToken"},
	}
	before := scan(t)
	secrets := len(archivedSecrets(t))
	for i, c := range cases {
		a := as(t, c.user, c.method, c.path, c.body)
		what := fmt.Sprintf("case %d: %s %.120s %.120s", i, c.method, c.path, fmt.Sprint(c.body))
		if a.status != c.status {
			t.Errorf("%s: %s, want %d", what, a, c.status)
			continue
		}
		p := a.problem()
		if a.header.Get("Content-Type") != "application/problem+json" || p.Status != c.status || p.Code == "" || p.Detail == "" || p.RequestID == "" || p.Title == "" {
			t.Errorf("%s: no whole problem document: %s", what, a)
		}
		if c.field != "" && !slices.ContainsFunc(p.Errors, func(e struct{ Detail, Location string }) bool {
			return strings.HasPrefix(e.Location, c.field) && e.Detail != ""
		}) {
			t.Errorf("%s: no error names %s: %s", what, c.field, a)
		}
		if strings.Contains(string(a.body), mark) {
			t.Errorf("%s: the answer repeats the value: %s", what, a)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml"} {
		a := as(t, owner, http.MethodPatch, x.path(""), `{"name":"x"}`, "Content-Type", kind)
		if a.status < 400 || a.status > 499 || a.problem().Code == "" {
			t.Errorf("a body of type %s: %s", kind, a)
		}
	}
	if a := as(t, operator, http.MethodPost, x.path("/inventory-syncs"), nil, "Idempotency-Key", strings.Repeat("k", 256)); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a long Idempotency-Key: %s", a)
	}
	if found := changes(apart(before, before, x.id), apart(before, scan(t), x.id)); len(found) > 0 {
		t.Errorf("refused requests changed the table: %v", found)
	}
	if now := len(archivedSecrets(t)); now != secrets {
		t.Errorf("refused requests made %d secrets", now-secrets)
	}
}

// Characters that end a path elsewhere are part of a name here: an encoded one
// does not make the request mean another record.
func TestEncodedCharactersDoNotCutThePath(t *testing.T) {
	x := stocked(t)
	victim := x.path("/members/" + who(t, viewer).UserID)
	for _, cut := range []string{"%23x", "%3Fx=1", "%3F"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if a := as(t, owner, method, victim+cut, nil); a.status != http.StatusNotFound {
				t.Errorf("%s …/members/{viewer}%s: %s, want 404", method, cut, a)
			}
		}
	}
	if a := get(t, owner, x.path("/policies/%00")); a.status != http.StatusNotFound || a.problem().Code != "not_found" {
		t.Errorf("a NUL in the path: %s, want 404 not_found", a)
	}
	if a := get(t, owner, victim); a.status != http.StatusOK {
		t.Errorf("the member whose id was only the beginning is gone: %s", a)
	}
}

// A comma in a header's value is part of it: two keys that differ behind one are
// two keys.
func TestCommaDoesNotCutAHeader(t *testing.T) {
	x := stocked(t)
	start := func(key string) (r runView) {
		as(t, operator, http.MethodPost, x.path("/inventory-syncs"), nil, "Idempotency-Key", key).want(t, http.StatusAccepted).into(t, &r)
		return x.done(t, r)
	}
	start(x.id + ",one")
	start(x.id + ",two")
}

// Names keep every character and come back as they are.
func TestNamesKeepEveryCharacter(t *testing.T) {
	x := newTenant(t)
	for _, name := range []string{"Zürich & Söhne <b>", "日本語テナント", `"quoted" 'single' \ back`, "emoji 🚀", "{{7*7}} ${env} %s %00", "a#b?c/d", "T#x#R#y"} {
		var got struct{ Name string }
		as(t, owner, http.MethodPatch, x.path(""), object{"name": name}).want(t, http.StatusOK).into(t, &got)
		if got.Name != name {
			t.Errorf("the name %q became %q", name, got.Name)
		}
		get(t, viewer, x.path("")).want(t, http.StatusOK).into(t, &got)
		if got.Name != name {
			t.Errorf("the name %q is read as %q", name, got.Name)
		}
	}
}

// What is polled has an ETag, and costs nothing while it does not change.
func TestUnchangedAnswersAre304(t *testing.T) {
	x := stocked(t)
	plan := x.planned(t)
	resume := paused(t, inventorySync)
	r := x.start(t, inventorySync)
	here := x.place(t, r)
	here.plan = plan
	for _, route := range routes(t) {
		method, path := here.request(route)
		if method != http.MethodGet || strings.Contains(path, "/versions/") || strings.Contains(path, "/diff?") || strings.Contains(path, "/drift/") {
			continue
		}
		a := get(t, viewer, path).want(t, http.StatusOK)
		tag := a.header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", route)
			continue
		}
		for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again := as(t, viewer, http.MethodGet, path, nil, "If-None-Match", match)
			if again.status != http.StatusNotModified || len(again.body) > 0 || again.header.Get("ETag") != tag {
				t.Errorf("%s with If-None-Match %s: %s", route, match, again)
			}
		}
		as(t, viewer, http.MethodGet, path, nil, "If-None-Match", `"other"`).want(t, http.StatusOK)
	}
	path := x.path("/runs/" + r.ID)
	tag := get(t, viewer, path).header.Get("ETag")
	resume()
	x.done(t, r)
	if a := as(t, viewer, http.MethodGet, path, nil, "If-None-Match", tag); a.status != http.StatusOK {
		t.Errorf("a run that changed answers %s", a)
	}
	// A foreign tenant does not become readable by a tag.
	as(t, outsider, http.MethodGet, path, nil, "If-None-Match", "*").want(t, http.StatusForbidden)
}

// Who changes what someone else has changed meanwhile is told so.
func TestConcurrentChangesAreRefused(t *testing.T) {
	x := newTenant(t)
	tag := get(t, owner, x.path("")).header.Get("ETag")
	as(t, owner, http.MethodPatch, x.path(""), object{"name": "First"}, "If-Match", tag).want(t, http.StatusOK)
	if a := as(t, owner, http.MethodPatch, x.path(""), object{"name": "Second"}, "If-Match", tag); a.status != http.StatusPreconditionFailed || a.problem().Code != "changed_meanwhile" {
		t.Errorf("a change of what was changed: %s, want 412 changed_meanwhile", a)
	}
	// Of many changes at once that read the same, one is made.
	tag = get(t, owner, x.path("")).header.Get("ETag")
	bearer := token(t, owner)
	made := make([]int, 12)
	together(len(made), func(i int) {
		a, err := send(t.Context(), bearer, http.MethodPatch, x.path(""), object{"name": fmt.Sprint("Name ", i)}, "If-Match", tag)
		if err != nil {
			t.Error(err)
		}
		made[i] = a.status
	})
	slices.Sort(made)
	if made[0] != http.StatusOK || made[1] != http.StatusPreconditionFailed || made[len(made)-1] != http.StatusPreconditionFailed {
		t.Errorf("concurrent changes answer %v, want one 200 and 412", made)
	}
	// A tenant keeps an owner.
	me := x.path("/members/" + who(t, owner).UserID)
	for method, body := range map[string]any{http.MethodDelete: nil, http.MethodPut: object{"role": "viewer"}} {
		if a := as(t, owner, method, me, body); a.status != http.StatusConflict || a.problem().Code != "last_owner" {
			t.Errorf("%s of the last owner: %s, want 409 last_owner", method, a)
		}
	}
}

// Page by page a list is the whole list, in order and without repetition; a page
// token is good for its own list, filter and user alone.
func TestPagesMakeTheWholeList(t *testing.T) {
	var objects []object
	for i := range 9 {
		objects = append(objects, deviceConfiguration(fmt.Sprintf("Policy %02d", i)))
	}
	x := newTenant(t, objects...)
	for range 3 {
		x.done(t, x.start(t, inventorySync))
	}
	for path, want := range map[string]int{"/policies": 9, "/runs": 3, "/audit-events": 10, "/members": 4} {
		var ids []string
		next, pages := "", 0
		for {
			var p page[object]
			get(t, viewer, x.path(path)+"?pageSize=2&pageToken="+next).want(t, http.StatusOK).into(t, &p)
			if len(p.Items) > 2 {
				t.Fatalf("%s: a page of 2 has %d items", path, len(p.Items))
			}
			for _, i := range p.Items {
				ids = append(ids, fmt.Sprint(i["id"], i["userId"], i["at"], i["event"], i["runId"], i["details"]))
			}
			if pages++; pages > 20 {
				t.Fatalf("%s: no end of pages", path)
			}
			if next = p.NextPageToken; next == "" {
				break
			}
			for _, misuse := range []struct{ user, path string }{
				{operator, x.path(path)}, {viewer, x.path("/runs?status=failed")}, {viewer, "/v1/notifications"},
			} {
				glue := "?"
				if strings.Contains(misuse.path, "?") {
					glue = "&"
				}
				a := get(t, misuse.user, misuse.path+glue+"pageToken="+next)
				if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "query.pageToken") {
					t.Errorf("the token of %s used by %s for %s: %s", path, misuse.user, misuse.path, a)
				}
			}
		}
		whole := list[object](t, viewer, x.path(path))
		if len(ids) != len(whole) || len(ids) < want {
			t.Errorf("%s: %d items by pages of 2, %d at once, want %d", path, len(ids), len(whole), want)
		}
		distinct := slices.Clone(ids)
		slices.Sort(distinct)
		if len(slices.Compact(distinct)) != len(ids) {
			t.Errorf("%s: items come twice: %v", path, ids)
		}
	}
}

// The filters of the list of runs find what they say.
func TestRunsAreFoundByTheirFilters(t *testing.T) {
	x := stocked(t)
	first := list[runView](t, viewer, x.path("/runs"))[0]
	captured := x.done(t, x.start(t, capture))
	var byOwner runView
	post(t, owner, x.path("/connection-tests"), nil).want(t, http.StatusAccepted).into(t, &byOwner)
	x.done(t, byOwner)
	for query, want := range map[string][]string{
		"":                                   {byOwner.ID, captured.ID, first.ID},
		"?status=succeeded":                  {byOwner.ID, captured.ID, first.ID},
		"?status=failed&status=queued":       {},
		"?operation=inventory.sync":          {first.ID},
		"?policy=" + captured.Target.ID:      {captured.ID},
		"?initiator=" + who(t, owner).UserID: {byOwner.ID},
		"?initiator=nobody":                  {},
		"?from=" + captured.CreatedAt.Format("2006-01-02T15:04:05.000000000Z"): {byOwner.ID, captured.ID},
		"?to=" + captured.CreatedAt.Format("2006-01-02T15:04:05.000000000Z"):   {first.ID},
		"?operation=connection.test&operation=policy.capture_snapshot":         {byOwner.ID, captured.ID},
	} {
		got := []string{}
		for _, r := range list[runView](t, viewer, x.path("/runs"+query)) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("runs%s are %v, want %v", query, got, want)
		}
	}
}
