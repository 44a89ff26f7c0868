package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
)

// reconnect gives the tenant another secret, as its owner does under Connection.
func (x *tenant) reconnect(t *testing.T, secret string) {
	t.Helper()
	as(t, owner, http.MethodPatch, x.path(""), object{"credential": object{"kind": "client_secret", "clientSecret": secret}}).want(t, http.StatusOK)
}

// A connection test says what is wrong with the credential, in words that tell
// what to do, and works again once it is right.
func TestConnectionTestSaysWhatIsWrong(t *testing.T) {
	secret := func(x *tenant) []object { return []object{{"value": x.secret}} }
	cases := map[string]struct {
		arrange func(t *testing.T, x *tenant)
		code    string
	}{
		"wrong secret": {func(t *testing.T, x *tenant) { x.reconnect(t, "wrong-"+x.secret) }, "credential_invalid"},
		"expired secret": {func(t *testing.T, x *tenant) {
			x.app(t, object{"permissions": mayRead, "secrets": []object{{"value": x.secret, "expires": time.Now().Add(-time.Hour)}}})
			x.reconnect(t, x.secret)
		}, "credential_expired"},
		"application switched off": {func(t *testing.T, x *tenant) {
			x.app(t, object{"permissions": mayRead, "secrets": secret(x), "disabled": true})
			x.reconnect(t, x.secret)
		}, "app_disabled"},
		"application removed": {func(t *testing.T, x *tenant) {
			simulate(t, http.MethodDelete, "/v1/tenants/"+x.graphID+"/apps/"+x.clientID, nil, nil)
			x.reconnect(t, x.secret)
		}, "app_not_found"},
		"tenant unknown to Microsoft": {func(t *testing.T, x *tenant) {
			as(t, owner, http.MethodPatch, x.path(""), object{"graphTenantId": "99999999-9999-4999-8999-999999999999"}).want(t, http.StatusOK)
		}, "tenant_not_found"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := newTenant(t)
			x.done(t, x.start(t, connectionTest))
			c.arrange(t, x)
			r := x.ended(t, x.start(t, connectionTest))
			if r.Status != "failed" || r.Failure == nil || r.Failure.Code != c.code {
				t.Fatalf("%v, want failed %s", r, c.code)
			}
			if r.Failure.Next == "" || !strings.Contains(r.Failure.Sentence, x.name) {
				t.Errorf("the sentence names no tenant or there is no next action: %+v", r.Failure)
			}
			x.consistent(t, r)
			if n := x.notified(t, operator, r); n[len(n)-1].Code != c.code || n[len(n)-1].Body == "" {
				t.Errorf("the end is notified as %+v", n[len(n)-1])
			}
			x.app(t, object{"permissions": mayRead, "secrets": secret(x)})
			as(t, owner, http.MethodPatch, x.path(""), object{
				"graphTenantId": x.graphID, "credential": object{"kind": "client_secret", "clientSecret": x.secret},
			}).want(t, http.StatusOK)
			x.done(t, x.start(t, connectionTest))
		})
	}
}

// Without consent every policy type is named with the permission that it needs.
func TestMissingConsentIsNamedPerType(t *testing.T) {
	x := newTenant(t, settingsCatalog("A", 1))
	x.app(t, object{"permissions": []string{}, "secrets": []object{{"value": x.secret}}})
	for _, o := range []operation{connectionTest, inventorySync} {
		r := x.ended(t, x.startWith(t, o, nil))
		want := "failed"
		if o == connectionTest {
			want = "partial" // the credential itself works
		}
		if r.Status != want {
			t.Errorf("%v, want %s", r, want)
		}
		x.consistent(t, r)
		refused := 0
		for _, i := range x.items(t, r) {
			if i.Type == "" {
				continue
			}
			refused++
			of, _ := catalog.ByID(i.Type)
			if need := of.ReadPermissions[0]; i.Status != "failed" || i.Code != "consent_missing" || i.Failure == nil || i.Failure.Params["permission"] != need || !strings.Contains(i.Next, need) {
				t.Errorf("%s: item %+v %+v, want consent_missing with %s", o.name, i, i.Failure, need)
			}
		}
		listed := catalog.Sources()
		if o == inventorySync { // which lists no look-ups
			listed = slices.DeleteFunc(listed, catalog.Source.LookUp)
		}
		if refused != len(listed) {
			t.Errorf("%s: %d types are named, want %d", o.name, refused, len(listed))
		}
	}
	if p := x.policies(t); len(p) != 0 {
		t.Errorf("the inventory has %v", p)
	}
	x.app(t, object{"permissions": mayRead, "secrets": []object{{"value": x.secret}}})
	x.reconnect(t, x.secret) // a token carries what was granted when it was issued
	x.done(t, x.start(t, connectionTest))
}

// A platform administrator makes tenants and sees nothing of them by that.
func TestPlatformAdministratorAloneSeesNoRun(t *testing.T) {
	x := stocked(t)
	resume := paused(t, capture)
	r := x.start(t, capture)
	for _, path := range []string{x.path(""), x.path("/runs"), x.path("/runs/" + r.ID), x.path("/runs/" + r.ID + "/items"), x.path("/policies"), x.path("/audit-events"), x.path("/members")} {
		if a := get(t, platform, path).want(t, http.StatusForbidden); a.problem().Code != "forbidden_tenant" {
			t.Errorf("GET %s: %s", path, a)
		}
	}
	if mine := list[struct{ ID string }](t, platform, "/v1/tenants"); len(mine) != 0 {
		t.Errorf("a platform administrator is member of %v", mine)
	}
	if active := list[runView](t, platform, "/v1/runs?active=true"); len(active) != 0 {
		t.Errorf("a platform administrator sees the active runs %v", active)
	}
	if notes := list[notification](t, platform, "/v1/notifications"); len(notes) != 0 {
		t.Errorf("a platform administrator is told %v", notes)
	}
	var me struct{ PlatformAdmin bool }
	get(t, platform, "/v1/me").want(t, http.StatusOK).into(t, &me)
	if !me.PlatformAdmin {
		t.Error("the platform administrator is none: the test proves nothing")
	}
	// Nobody else makes tenants.
	if a := post(t, owner, "/v1/tenants", table["POST /v1/tenants"].body).want(t, http.StatusForbidden); a.problem().Code != "forbidden_role" {
		t.Errorf("an owner who makes a tenant: %s", a)
	}
	resume()
	x.done(t, r)
}
