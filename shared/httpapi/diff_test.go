package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

// addVersions adds versions of the bed's policy after the one that it has.
func (b *bed) addVersions(versions ...run.Version) {
	b.t.Helper()
	for i, v := range versions {
		v.TenantID, v.PolicyID, v.Number, v.CapturedAt = own, b.policy.ID, i+2, epoch
		p, err := b.store.Policy(b.t.Context(), own, b.policy.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		key, err := b.archive.Put(b.t.Context(), own, []byte(v.PayloadKey))
		if err != nil {
			b.t.Fatal(err)
		}
		v.PayloadKey = key
		if _, err := b.store.AddVersion(b.t.Context(), run.NewVersion{Version: v, Policy: p}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func omaPayload(name, digest string) string {
	return fmt.Sprintf(`{"schema":"tenantatlas.policy/1","type":"device-configuration-custom-oma","graphId":"1",
		"object":{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":%q,"omaSettings":[
			{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"Key","omaUri":"./Key","isEncrypted":true,"secretReferenceValueId":"r","value":"****"}]},
		"assignments":[],"secrets":{"omaSettings[0].value":%q}}`, name, digest)
}

// What changed between two versions is said place by place; that a secret changed
// is said, and nothing else of it.
func TestVersionsAreCompared(t *testing.T) {
	b := newBed(t)
	version := func(payload string, complete bool) run.Version {
		return run.Version{PolicyType: "device-configuration-custom-oma", PayloadKey: payload, Complete: complete}
	}
	b.addVersions(
		version(omaPayload("Before", "digest-one"), true), version(omaPayload("After", "digest-two"), true),
		version(omaPayload("After", "digest-two"), true), version(omaPayload("After", "digest-two"), false),
	)
	diff := func(number int, query string) (answer, httpapi.DiffView) {
		t.Helper()
		a := b.do("viewer", "GET", fmt.Sprintf("/v1/tenants/%s/policies/%s/versions/%d/diff%s", own, b.policy.ID, number, query), "")
		var v httpapi.DiffView
		if a.status == http.StatusOK {
			a.into(t, &v)
		}
		return a, v
	}

	a, d := diff(3, "")
	if d.From.Number != 2 || d.To.Number != 3 || d.Equal || d.Total != 2 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	secret := 0
	for _, c := range d.Changes {
		if c.Secret {
			secret++
			continue
		}
		if c.Path != "object.displayName" || string(c.Before.JSON) != `"Before"` || string(c.After.JSON) != `"After"` {
			t.Errorf("%+v", c)
		}
	}
	if secret != 1 || bytes.Contains(a.body, []byte("digest-")) {
		t.Errorf("%d changed secrets: %s", secret, a.body)
	}

	if _, d := diff(4, ""); !d.Equal || d.Total != 0 {
		t.Errorf("two equal versions: %+v", d)
	}
	if a, _ := diff(4, ""); !bytes.Contains(a.body, []byte(`"changes":[]`)) || !bytes.Contains(a.body, []byte(`"counts":[]`)) {
		t.Errorf("no changes are no list: %s", a.body)
	}
	// What was not read may have changed.
	if _, d := diff(5, ""); d.Equal || d.Total != 0 {
		t.Errorf("a version that lacks something: %+v", d)
	}
	if _, d := diff(4, "?from=2"); d.From.Number != 2 || d.Total != 2 {
		t.Errorf("with an earlier one: %+v", d)
	}
	for number, query := range map[int]string{1: "", 2: "?from=99", 99: ""} {
		if a, _ := diff(number, query); a.status != http.StatusNotFound {
			t.Errorf("version %d%s: %d %s", number, query, a.status, a.body)
		}
	}
	if a := b.do("viewer", "GET", fmt.Sprintf("/v1/tenants/%s/policies/%s/versions/3/diff?from=0", own, b.policy.ID), ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("from 0: %d %s", a.status, a.body)
	}
}
