package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

// Saved filters are each user's own, of one tenant or of pages over all tenants, and
// none gets lost when two pages save at once.
func TestSavedFilters(t *testing.T) {
	b := newBed(t)
	put := func(user, id, body string) answer { return b.do(user, "PUT", "/v1/me/filters/"+id, body) }
	names := func(user, query string) (names []string) {
		a := b.do(user, "GET", "/v1/me/filters"+query, "")
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var list struct{ Items []httpapi.SavedFilterView }
		a.into(t, &list)
		for _, f := range list.Items {
			names = append(names, f.Name)
		}
		return names
	}
	inTenant := func(page, name string) string {
		return fmt.Sprintf(`{"tenantId":%q,"page":%q,"name":%q,"query":"status=failed&by=anna"}`, own, page, name)
	}
	var wait sync.WaitGroup
	for id, body := range map[string]string{"a": inTenant("runs", "failed"), "b": inTenant("runs", "Canceled"), "c": inTenant("drift", "new")} {
		wait.Go(func() {
			if a := put("viewer", id, body); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wait.Wait()
	put("viewer", "a", `{"page":"tenants","name":"Everywhere","query":"show=needs"}`)
	put("operator", "a", inTenant("runs", "of the operator"))
	for query, want := range map[string][]string{
		"?tenant=" + own: {"Canceled", "failed", "new"}, "?tenant=" + own + "&page=runs": {"Canceled", "failed"}, "": {"Everywhere"}, "?page=runs": nil,
	} {
		if got := names("viewer", query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	put("viewer", "b", inTenant("runs", "canceled by me"))
	if a := b.do("viewer", "DELETE", "/v1/me/filters/a?tenant="+own, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := names("viewer", "?tenant="+own+"&page=runs"); !slices.Equal(got, []string{"canceled by me"}) {
		t.Errorf("%v", got)
	}
	if a := b.do("viewer", "DELETE", "/v1/me/filters/a?tenant="+own, ""); a.code() != "not_found" {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if got := names("operator", "?tenant="+own); !slices.Equal(got, []string{"of the operator"}) {
		t.Errorf("of the operator: %v", got)
	}
	// Not in a tenant that the caller does not see.
	for _, a := range []answer{
		b.do("viewer", "GET", "/v1/me/filters?tenant="+foreign, ""), b.do("viewer", "DELETE", "/v1/me/filters/a?tenant="+absent, ""),
		put("viewer", "a", `{"tenantId":"`+foreign+`","page":"runs","name":"x","query":""}`),
	} {
		if a.code() != "forbidden_tenant" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for id, body := range map[string]string{
		"a%2Fb": inTenant("runs", "x"), "d": `{"page":"Runs!","name":"x","query":""}`, "e": `{"page":"runs","name":"  ","query":""}`, "f": `{"page":"runs","name":"x"}`,
	} {
		if a := put("viewer", id, body); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %s: %d %s", id, body, a.status, a.body)
		}
	}
	for i := range run.MaxSavedFilters + 1 {
		a := put("restorer", fmt.Sprint("f", i), inTenant("runs", "x"))
		if want := i < run.MaxSavedFilters; (a.status == http.StatusOK) != want {
			t.Fatalf("filter %d: %d %s", i, a.status, a.body)
		}
	}
	if a := put("restorer", "f3", inTenant("runs", "changed")); a.status != http.StatusOK {
		t.Errorf("a change when there is no room: %d %s", a.status, a.body)
	}
}
