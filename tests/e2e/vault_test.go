package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenantatlas/shared/kmsvault"
	"tenantatlas/shared/run"
)

// With what is deployed a capture can seal secret values and come to fingerprints
// of them, and cannot open what it sealed; with the keys of the stack they open.
// What it sealed is nowhere to be read.
func TestCaptureSealsAndCannotOpen(t *testing.T) {
	began := time.Now().Add(-time.Second)
	canary := "canary-" + uuid.NewString()
	x := stocked(t)
	x.done(t, x.start(t, capture)) // wakes the function
	mine := asFunction(t, capture.function(t))
	place := kmsvault.Place{Bucket: stack.BucketName, SealingKey: output(t, "SealingKeyArn"), FingerprintKey: output(t, "FingerprintKeyArn")}
	captures := kmsvault.New(mine.keys, mine.objects, place, kmsvault.Options{})
	opens := kmsvault.New(stack.keys, stack.objects, place, kmsvault.Options{})

	values := run.SecretValues{"./Vendor/MSFT/" + canary: canary}
	name := run.Hash(canary)
	if err := captures.Seal(t.Context(), x.id, name, values); err != nil {
		t.Fatal(err)
	}
	one := must(captures.Fingerprint(t.Context(), x.id, []byte(canary)))(t)
	two := must(opens.Fingerprint(t.Context(), x.id, []byte(canary)))(t)
	if one != two {
		t.Error("a capture comes to another fingerprint than others")
	}
	if got, err := captures.Open(t.Context(), x.id, name); err == nil || !strings.Contains(err.Error(), "AccessDenied") || got != nil {
		t.Errorf("a capture opened %d values, or was not refused: %v", len(got), err)
	}
	if got := must(opens.Open(t.Context(), x.id, name))(t); !maps.Equal(got, values) {
		t.Errorf("%d values came back as %d", len(values), len(got))
	}

	if len(stored(t, x.id)["t/"+x.id+"/sealed/"+name]) == 0 {
		t.Error("what was sealed is not where it is looked for")
	}
	nowhere(t, began, canary)
}

// nowhere fails when a sealed value can be read in anything that was left since.
func nowhere(t *testing.T, since time.Time, values ...string) {
	t.Helper()
	for where, text := range everything(t, since) {
		for _, value := range values {
			for _, form := range []string{value, encoded(value)[:16]} {
				if i := strings.Index(text, form); i >= 0 {
					t.Errorf("the sealed value is in %s: …%s…", where, text[max(0, i-200):min(len(text), i+200)])
				}
			}
		}
	}
}

// The encrypted values of a custom profile go into the vault and nowhere else, and
// a changed one makes a version of its own.
func TestSecretsOfAPolicyAreSealed(t *testing.T) {
	began := time.Now().Add(-time.Second)
	canary := "canary-" + uuid.NewString()
	stack.mu.Lock()
	stack.canaries = append(stack.canaries, canary) // every answer is searched from here on
	stack.mu.Unlock()
	x := newTenant(t)
	x.app(t, object{"permissions": mayRead, "secrets": []object{{"value": x.secret}}})
	reference, id := uuid.NewString(), uuid.NewString()
	holds := func(secret string) {
		t.Helper()
		simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects", object{
			"collection": "deviceConfigurations", "secrets": object{reference: secret},
			"object": object{
				"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "id": id, "displayName": "Wireless", "version": 1,
				"createdDateTime": "2025-01-01T00:00:00Z", "lastModifiedDateTime": "2025-01-02T00:00:00Z",
				"omaSettings": []object{{
					"@odata.type": "#microsoft.graph.omaSettingString", "displayName": "Profile", "omaUri": "./Vendor/MSFT/WiFi/Profile/C/WlanXml",
					"secretReferenceValueId": reference, "isEncrypted": true, "value": "****",
				}},
			},
		}, nil)
	}
	opens := kmsvault.New(stack.keys, stack.objects, kmsvault.Place{
		Bucket: stack.BucketName, SealingKey: output(t, "SealingKeyArn"), FingerprintKey: output(t, "FingerprintKeyArn"),
	}, kmsvault.Options{})

	var p policy
	for i, secret := range []string{canary + "-1", canary + "-1", canary + "-2"} {
		holds(secret)
		if i == 0 {
			x.done(t, x.start(t, inventorySync))
			p = x.policyNamed(t, "Wireless")
		}
		x.done(t, x.captureOf(t, p))
		versions := x.versions(t, p)
		if want := []int{1, 1, 2}[i]; len(versions) != want || !versions[0].Complete {
			t.Fatalf("capture %d left %d versions, want %d complete ones", i+1, len(versions), want)
		}
		sealed := must(opens.Open(t.Context(), x.id, versions[0].ContentHash))(t)
		if values := slices.Collect(maps.Values(sealed)); !slices.Equal(values, []string{secret}) {
			t.Errorf("capture %d: the vault holds %d values, or others than Graph gave out", i+1, len(values))
		}
	}
	nowhere(t, began, canary)
}

// The custom profile of the seeded tenant is captured whole. Its two encrypted
// values open from the vault, and nothing else that the stack ever wrote or
// answers holds them: the version does not even show what stands for them.
func TestSecretsOfTheSeededTenantAreNowhere(t *testing.T) {
	began := time.Now().Add(-time.Second)
	const password, layout = "canary-wireless-key-7f3a", "canary-layout-9d2e"
	stack.mu.Lock()
	stack.canaries = append(stack.canaries, password, layout, encoded("<Layout>" + layout)[:20])
	stack.mu.Unlock()
	x := &tenant{id: stack.Tenants[0].ID, name: stack.Tenants[0].Name, graphID: stack.Tenants[0].GraphTenantID}
	x.done(t, x.start(t, inventorySync))
	p := x.policyNamed(t, "Windows custom: wireless and limits")
	if p.Type != "device-configuration-custom-oma" {
		t.Errorf("the custom profile is a %s", p.Type)
	}
	r := x.done(t, x.captureOf(t, p))
	x.items(t, r)
	x.notified(t, operator, r)
	x.audit(t)

	var v version
	latest := x.versions(t, p)[0]
	get(t, viewer, x.path("/policies/"+p.ID+"/versions/"+strconv.Itoa(latest.Number))).want(t, http.StatusOK).into(t, &v)
	if !v.Complete || len(v.Notes) != 0 || v.Restorability.Level != "full" {
		t.Errorf("version is complete %v with %v, and to restore %+v", v.Complete, v.Notes, v.Restorability)
	}
	var content map[string]json.RawMessage
	if err := json.Unmarshal(v.Content, &content); err != nil {
		t.Fatal(err)
	}
	if _, shown := content["secrets"]; shown || len(content["object"]) == 0 {
		t.Errorf("the content has the members %v, want the object and no secrets", slices.Sorted(maps.Keys(content)))
	}
	// What stands for the values is in the archive: the API leaves it out.
	if stored := archivedContent(t, x.id, v.Content); !strings.Contains(stored, `"secrets":{"omaSettings[0].value":`) {
		t.Errorf("the archive has no fingerprints of the values, so that nothing was left out: %.300s", stored)
	}
	opens := kmsvault.New(stack.keys, stack.objects, kmsvault.Place{
		Bucket: stack.BucketName, SealingKey: output(t, "SealingKeyArn"), FingerprintKey: output(t, "FingerprintKeyArn"),
	}, kmsvault.Options{})
	sealed := must(opens.Open(t.Context(), x.id, v.ContentHash))(t)
	if len(sealed) != 2 || !strings.Contains(sealed["omaSettings[0].value"], password) {
		t.Errorf("the vault holds %d values, want the two of the profile", len(sealed))
	}
	nowhere(t, began, append(slices.Collect(maps.Values(sealed)), password, layout)...)
}

// archivedContent is the stored payload of which an answer shows a part.
func archivedContent(t *testing.T, tenantID string, shown []byte) string {
	t.Helper()
	var object struct{ Object struct{ ID string } }
	if err := json.Unmarshal(shown, &object); err != nil {
		t.Fatal(err)
	}
	for _, payload := range archived(t, tenantID) {
		if strings.Contains(string(payload), `"graphId":"`+object.Object.ID+`"`) {
			return string(payload)
		}
	}
	return ""
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
