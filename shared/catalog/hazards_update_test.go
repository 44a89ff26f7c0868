package catalog_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// The mistakes that only an update can make, each shown not to be made. In each
// test the fixture is what was captured, and a change of it what is live.

// to is the update of a live object, which is the fixture after a change.
func (f fixture) to(mapping catalog.Mapping, t *testing.T, live func(doc catalog.Document)) (catalog.Change, error) {
	t.Helper()
	return f.row.Update(f.payload, f.changed(t, live).payload, mapping, f.secrets)
}

// updated is that update, which must be possible, as tests look at creations.
func (f fixture) updated(t *testing.T, live func(doc catalog.Document)) (catalog.Change, catalog.Creation) {
	t.Helper()
	c, err := f.to(catalog.SameTenant, t, live)
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	return c, catalog.Creation{Steps: c.Steps}
}

// renamed gives the live object another name.
func renamed(f fixture) func(catalog.Document) {
	return func(doc catalog.Document) { doc.Object()[f.row.NameProperty] = "Another" }
}

func fullFixtures(t *testing.T) []fixture {
	t.Helper()
	return slices.DeleteFunc(allFixtures(t), func(f fixture) bool { return f.row.Restorability.Level != catalog.Full })
}

// Rules that hold for every type.

// What is as it was captured is not written.
func TestUnchangedObjectIsNotWritten(t *testing.T) {
	tried := 0
	for _, f := range fullFixtures(t) {
		c, err := f.to(catalog.SameTenant, t, func(catalog.Document) {})
		if errors.Is(err, catalog.ErrNotUpdatable) {
			continue
		}
		tried++
		if err != nil || len(c.Steps) > 0 || c.AssignmentsKept || len(c.Left) > 0 {
			t.Errorf("%s: %v, %+v", f.name, err, c)
		}
		if same, err := f.row.Same(c.Want, f.payload); !same || err != nil {
			t.Errorf("%s: is not as it is wanted: %v", f.name, err)
		}
	}
	if tried < 50 {
		t.Errorf("only %d fixtures", tried)
	}
}

// An update reaches the live object under the id that it has, and removes none.
func TestUpdateWritesToTheLiveObject(t *testing.T) {
	for _, f := range fullFixtures(t) {
		if f.row.Singleton {
			continue
		}
		own := f.object(t)["id"].(string)
		c, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) {
			renamed(f)(doc)
			doc["graphId"], doc.Object()["id"] = "live id", "live id"
			if strings.Contains(own, "_Default") || strings.HasSuffix(own, "_WindowsRestore") {
				id := "live" + own[strings.IndexByte(own, '_'):]
				doc["graphId"], doc.Object()["id"] = id, id
			}
		})
		if err != nil {
			continue
		}
		for _, s := range c.Steps {
			filled := s.Fill(f.row.Known("live id"))
			if strings.Contains(filled.Path, own) || strings.Contains(filled.Path, "{") || strings.Contains(filled.Path, "live id") {
				t.Errorf("%s: %s %s", f.name, s.Method, filled.Path)
			}
			if s.Method == "DELETE" && s.Path == f.row.DeleteCall.Path {
				t.Errorf("%s: is deleted", f.name)
			}
		}
		var want struct{ GraphID string }
		if err := json.Unmarshal(c.Want, &want); err != nil || !strings.HasPrefix(want.GraphID, "live") {
			t.Errorf("%s: %q is wanted", f.name, want.GraphID)
		}
	}
}

// Only what differs is written: another name takes one request, and no assignment.
func TestAnotherNameIsOneRequest(t *testing.T) {
	for _, f := range fullFixtures(t) {
		c, err := f.to(catalog.SameTenant, t, renamed(f))
		if err != nil {
			continue
		}
		if len(c.Steps) != 1 && (len(c.Left) == 0 || len(c.Steps) > 0) || len(c.Steps) == 1 && c.Steps[0].Name != "update" {
			t.Errorf("%s: %+v, left %v", f.name, stepNames(catalog.Creation{Steps: c.Steps}), c.Left)
		}
	}
}

// What the service sets, or writes by other calls, is refused in a body.
func TestNothingOfTheServiceIsUpdated(t *testing.T) {
	for _, f := range fullFixtures(t) {
		c, err := f.to(catalog.SameTenant, t, renamed(f))
		if err != nil {
			continue
		}
		for _, sent := range bodies(t, catalog.Creation{Steps: c.Steps}, "update") {
			if f.row.UpdateCall.Wrap != "" {
				sent = sent[f.row.UpdateCall.Wrap].(map[string]any)
			}
			annotations(t, f.name, sent)
			for name := range sent {
				if slices.Contains(f.row.Strip.Update, name) || slices.Contains([]string{"id", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "assignments", "supportsScopeTags", "isAssigned"}, name) {
					t.Errorf("%s: sends %s", f.name, name)
				}
				if !f.row.UpdateCall.Whole && slices.Contains(f.row.Fixed, name) {
					t.Errorf("%s: sends %s, which is fixed", f.name, name)
				}
			}
		}
	}
}

// Rows say of a member either that it is fixed, or apart, or the service's; what is
// fixed is not sent, and what is neither is of no content.
func TestRowsOfUpdates(t *testing.T) {
	for _, r := range catalog.All() {
		for _, path := range r.Fixed {
			if !slices.Contains(r.Strip.Update, path) && !r.UpdateCall.Whole && path != "deploymentChannel" {
				t.Errorf("%s: %s is fixed and sent", r.ID, path)
			}
			if slices.Contains(r.Apart, "object."+path) {
				t.Errorf("%s: %s is fixed and apart", r.ID, path)
			}
		}
		for _, path := range r.Strip.Update {
			if strings.ContainsAny(path, "[{") && !slices.Contains(r.Volatile, "object."+path) {
				t.Errorf("%s: %s is neither sent nor left as it is", r.ID, path)
			}
		}
		for _, path := range slices.Concat(r.Fixed, r.Apart, r.OnChange, r.Unwritten) {
			if strings.ContainsAny(path, "[{") {
				t.Errorf("%s: %s is not a path of plain names", r.ID, path)
			}
		}
		if r.Restorability.Level == catalog.Full && r.UpdateCall.Method == "" {
			t.Errorf("%s: is restored and has no update", r.ID)
		}
		if (r.Creation != nil) != (r.Updating != nil || r.Wanted != nil) && r.Restorability.Level == catalog.Full {
			switch r.ID {
			// The hooks of their creates are about new objects alone.
			case "named-location", "authentication-context", "cloudpc-user-setting", "windows-feature-update-profile", "mobile-app-store":
			// They are never created.
			case "enrollment-platform-restrictions-default", "enrollment-windows-hello", "enrollment-windows-restore", "device-management-settings":
			default:
				t.Errorf("%s: a hook of its create, %t, and of its update, %t", r.ID, r.Creation != nil, r.Updating != nil)
			}
		}
	}
}

// A PATCH leaves what was added after the version: null is sent for it, an empty
// list for a list. What nobody set is no change, however the service says it.
func TestWhatWasAddedIsTakenAway(t *testing.T) {
	f := readFixture(t, "device-configuration")
	_, c := f.updated(t, func(doc catalog.Document) {
		o := doc.Object()
		o["configureTimeZone"], o["passwordMinimumLength"] = "W. Europe Standard Time", json.Number("8") // null in the version
		o["newProxy"], o["newList"], o["newFlag"] = map[string]any{"address": "x"}, []any{"x"}, true     // unknown to it
		o["newNothing"], o["newOff"], o["newEmpty"], o["newNone"], o["newIntent"] = nil, false, []any{}, "none", "notConfigured"
	})
	sent := body(t, c, "update")
	for name, want := range map[string]any{"configureTimeZone": nil, "passwordMinimumLength": nil, "newProxy": nil, "newList": []any{}, "newFlag": false} {
		if got, ok := sent[name]; !ok || !same(got, want) {
			t.Errorf("%s: %v is sent, %t", name, got, ok)
		}
	}
	for _, name := range []string{"newNothing", "newOff", "newEmpty", "newNone", "newIntent"} {
		if _, ok := sent[name]; ok {
			t.Errorf("%s is sent", name)
		}
	}
	if change, _ := f.updated(t, func(doc catalog.Document) { doc.Object()["newOff"], doc.Object()["newEmpty"] = false, []any{} }); len(change.Steps) > 0 {
		t.Errorf("what means nothing is written: %v", change.Steps)
	}
	// Nor is that of the service cleared.
	if _, c := f.updated(t, func(doc catalog.Document) {
		doc.Object()["lastModifiedDateTime"], doc.Object()["description"] = "2030-01-01T00:00:00Z", nil
	}); names(body(t, c, "update"), "lastModifiedDateTime") {
		t.Error("a date of the service is sent")
	}
	app := readFixture(t, "mobile-app-store")
	if _, c := app.updated(t, func(doc catalog.Document) {
		doc.Object()["usedLicenseCount"], doc.Object()["notes"] = json.Number("7"), "another"
	}); names(body(t, c, "update"), "usedLicenseCount") {
		t.Error("a count of the service is sent")
	}
}

// A list that is sent is the whole truth, so all of it is, or an empty one.
func TestAssignmentsAreReplacedAsAWhole(t *testing.T) {
	f := readFixture(t, "endpoint-security-policy")
	less := func(doc catalog.Document) { doc["assignments"] = doc["assignments"].([]any)[:1] }
	_, c := f.updated(t, less)
	if !slices.Equal(stepNames(c), []string{"assign"}) || len(listAt(t, body(t, c, "assign"), "assignments")) != 3 {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	none := f.changed(t, func(doc catalog.Document) { doc["assignments"] = []any{} })
	change, err := f.row.Update(none.payload, f.payload, catalog.SameTenant, nil)
	if err != nil || len(change.Steps) != 1 || string(change.Steps[0].Body) != `{"assignments":[]}` {
		t.Errorf("none were captured: %v, %+v", err, change.Steps)
	}
	// What was not read is not taken for none, on either side.
	unread := f.changed(t, func(doc catalog.Document) { delete(doc, "assignments") })
	if change, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); err != nil || len(change.Steps) > 0 || change.AssignmentsKept {
		t.Errorf("unread: %v, %+v", err, change)
	}
	if _, err := f.row.Update(f.payload, unread.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread of the live one: %v", err)
	}
}

// Without an exclusion a policy reaches more devices: a target that is not found
// leaves all assignments as they are, the rest is written.
func TestUnmappedTargetKeepsAllAssignments(t *testing.T) {
	f := readFixture(t, "device-compliance-policy")
	for _, missing := range []string{reference(t, f, catalog.TypeGroup, "Devices: excluded"), reference(t, f, catalog.TypeFilter, "Kiosks")} {
		known := func(_, id string) (string, bool) { return id, id != missing }
		change, err := f.to(known, t, func(doc catalog.Document) {
			renamed(f)(doc)
			doc["assignments"] = doc["assignments"].([]any)[:1]
		})
		if err != nil || !change.AssignmentsKept || len(change.Steps) != 1 || change.Steps[0].Name != "update" || len(change.Unresolved) != 1 || !change.Unresolved[0].Assignment {
			t.Errorf("%v: %+v", err, change)
		}
		var want catalog.Document
		if err := json.Unmarshal(change.Want, &want); err != nil || len(want["assignments"].([]any)) != 1 {
			t.Errorf("other assignments are wanted: %v, %v", want["assignments"], err)
		}
	}
}

// Assignments of a policy set are the set's: they are neither made nor taken for
// assignments that are too many.
func TestAssignmentsOfASetAreLeftToIt(t *testing.T) {
	f := readFixture(t, "settings-catalog-policy")
	change, _ := f.updated(t, func(doc catalog.Document) {
		doc["assignments"] = append(doc["assignments"].([]any), map[string]any{"id": "x", "source": "policySets", "target": map[string]any{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "of the set"}})
	})
	if len(change.Steps) > 0 || !strings.Contains(string(change.Want), "of the set") {
		t.Errorf("%+v", change.Steps)
	}
	_, c := f.updated(t, func(doc catalog.Document) {
		doc["assignments"] = slices.DeleteFunc(doc["assignments"].([]any), func(e any) bool { return e.(map[string]any)["source"] == "direct" })
	})
	if desk := reference(t, f, catalog.TypeGroup, "Service desk"); strings.Contains(texts(c), desk) || !hasStep(c, "assign") {
		t.Errorf("the assignment of a set is made: %s", texts(c))
	}
	// Those that the set has now are still there afterwards.
	change, _ = f.updated(t, func(doc catalog.Document) {
		doc["assignments"] = []any{map[string]any{"id": "x", "source": "policySets", "target": map[string]any{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "of the set"}}}
	})
	if len(change.Steps) != 1 || !strings.Contains(string(change.Want), "of the set") || strings.Contains(string(change.Steps[0].Body), "of the set") {
		t.Errorf("%+v", change.Steps)
	}
}

// An object of another kind, or that only people write, is refused.
func TestWhatIsNotUpdated(t *testing.T) {
	for _, f := range allFixtures(t) {
		_, err := f.to(catalog.SameTenant, t, renamed(f))
		if refused := errors.Is(err, catalog.ErrNotUpdatable); f.row.Restorability.Level != catalog.Full && !refused {
			t.Errorf("%s is updated: %v", f.name, err)
		} else if strings.HasSuffix(f.name, ".built-in") && refused == f.row.BuiltIn.Writable {
			t.Errorf("%s: built in: %v", f.name, err)
		}
	}
	f := readFixture(t, "device-configuration")
	_, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) {
		doc.Object()["@odata.type"] = "#microsoft.graph.windows10EndpointProtectionConfiguration"
	})
	var replace *catalog.ReplacementError
	if !errors.As(err, &replace) || !slices.Equal(replace.Members, []string{"@odata.type"}) {
		t.Errorf("another derived type: %v", err)
	}
	for _, id := range []string{"role-definition", "enrollment-limit", "named-location"} {
		f := readFixture(t, id)
		_, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) {
			doc.Object()["isBuiltIn"] = true
			doc.Object()["id"] = "account_DefaultLimit"
			if id == "named-location" {
				doc.Object()["@odata.type"] = "#microsoft.graph.compliantNetworkNamedLocation"
			}
		})
		if !errors.Is(err, catalog.ErrNotUpdatable) {
			t.Errorf("%s becomes what the service made: %v", id, err)
		}
	}
}

// Settings.

// PATCH answers 200 and leaves the settings as they were. The body of a PUT holds
// all of them, the scope tags and the description, which would else be lost.
func TestPUTHoldsEverything(t *testing.T) {
	settings := []any{}
	for i := range 60 {
		settings = append(settings, map[string]any{"id": string(rune('a' + i)), "settingInstance": map[string]any{"settingDefinitionId": "x", "n": i}})
	}
	for _, id := range settingsTypes {
		for _, said := range []any{"", nil, "text"} {
			f := readFixture(t, id).changed(t, func(doc catalog.Document) {
				doc["settings"] = settings
				doc.Object()["description"], doc.Object()["roleScopeTagIds"] = said, []any{}
			})
			_, c := f.updated(t, func(doc catalog.Document) {
				doc["settings"] = settings[:25]
				doc.Object()["description"] = "other"
			})
			if s := c.Steps[0]; s.Method != "PUT" || s.Path != f.row.Collection+"/{id}" {
				t.Errorf("%s: %s %s", id, s.Method, s.Path)
			}
			sent := body(t, c, "update")
			if n := len(listAt(t, sent, "settings")); n != 60 || names(sent["settings"], "id") {
				t.Errorf("%s: %d of 60 settings: %v", id, n, sent["settings"])
			}
			description, hasDescription := sent["description"]
			tags, hasTags := sent["roleScopeTagIds"].([]any)
			if !hasDescription || description != said || !hasTags || len(tags) != 0 {
				t.Errorf("%s: %v, %v", id, sent["description"], sent["roleScopeTagIds"])
			}
			if _, err := f.changed(t, func(doc catalog.Document) { delete(doc, "settings") }).to(catalog.SameTenant, t, func(doc catalog.Document) { doc["settings"] = settings }); !errors.Is(err, catalog.ErrIncomplete) {
				t.Errorf("%s: unread settings: %v", id, err)
			}
		}
	}
}

// A token is no secret. It is refused where it would be written, and an assignment
// does not write it.
func TestSecretTokenIsNotPut(t *testing.T) {
	f := readFixture(t, "settings-catalog-policy.secret")
	if _, err := f.to(catalog.SameTenant, t, renamed(f)); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret: %v", err)
	}
	change, _ := f.updated(t, func(doc catalog.Document) { doc["assignments"] = []any{} })
	for _, s := range change.Steps {
		if s.Name != "assign" {
			t.Errorf("%s: %s", s.Name, s.Body)
		}
	}
	reusable := readFixture(t, "reusable-policy-setting.script").changed(t, func(doc catalog.Document) {
		doc.Object()["settingInstance"].(map[string]any)["simpleSettingValue"].(map[string]any)["valueState"] = "encryptedValueToken"
	})
	if _, err := reusable.to(catalog.SameTenant, t, renamed(reusable)); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret of a reusable setting: %v", err)
	}
	app := readFixture(t, "targeted-managed-app-configuration").changed(t, func(doc catalog.Document) {
		listAt(t, doc, "settings")[0]["settingInstance"].(map[string]any)["choiceSettingValue"].(map[string]any)["valueState"] = "encryptedValueToken"
	})
	if _, err := app.to(catalog.SameTenant, t, func(doc catalog.Document) { doc["settings"] = []any{} }); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret of an app's settings: %v", err)
	}
}

// A setting that another policy uses is replaced whole; null children are refused,
// and so is an instance of another definition.
func TestReusableSettingIsPutWhole(t *testing.T) {
	f := readFixture(t, "reusable-policy-setting")
	_, c := f.updated(t, renamed(f))
	sent := body(t, c, "update")
	if c.Steps[0].Method != "PUT" || sent["settingDefinitionId"] == nil || strings.Contains(texts(c), `"children":null`) || !strings.Contains(texts(c), `"children":[]`) {
		t.Errorf("%s", texts(c))
	}
	var replace *catalog.ReplacementError
	if _, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()["settingDefinitionId"] = "another" }); !errors.As(err, &replace) {
		t.Errorf("another definition: %v", err)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc.Object(), "settingInstance") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("an unread setting: %v", err)
	}
}

// Device configurations.

// To pause and to roll back are commands: true, false and null are all orders.
func TestUpdateRingIsNotCommanded(t *testing.T) {
	f := readFixture(t, "windows-update-ring")
	commands := append(slices.Clone(rollbacks), "qualityUpdatesPaused", "featureUpdatesPaused", "qualityUpdatesPauseStartDate", "featureUpdatesPauseStartDate", "qualityUpdatesPauseExpiryDateTime", "featureUpdatesPauseExpiryDateTime")
	for _, state := range []any{true, false, nil, "2025-06-01"} {
		set := func(doc catalog.Document) {
			for _, name := range commands {
				doc.Object()[name] = state
			}
		}
		change, _ := f.updated(t, set)
		if len(change.Steps) > 0 {
			t.Errorf("%v: a state is written: %s", state, change.Steps[0].Body)
		}
		_, c := f.updated(t, func(doc catalog.Document) { set(doc); renamed(f)(doc) })
		for _, name := range commands {
			if names(body(t, c, "update"), name) {
				t.Errorf("%v: %s is sent", state, name)
			}
		}
		if body(t, c, "update")["@odata.type"] != f.object(t)["@odata.type"] {
			t.Error("the derived type is not sent")
		}
	}
}

// They are read with the object and refused in its body.
func TestPrivacyAccessControlsAreUpdatedOnTheirOwn(t *testing.T) {
	f := readFixture(t, "device-configuration")
	_, c := f.updated(t, func(doc catalog.Document) { doc.Object()["privacyAccessControls"] = []any{} })
	if !slices.Equal(stepNames(c), []string{"privacy access controls"}) || len(listAt(t, body(t, c, "privacy access controls"), "windowsPrivacyAccessControls")) != 2 {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	none := f.changed(t, func(doc catalog.Document) { doc.Object()["privacyAccessControls"] = nil })
	change, err := f.row.Update(none.payload, f.payload, catalog.SameTenant, nil)
	if err != nil || len(change.Steps) != 1 || string(change.Steps[0].Body) != `{"windowsPrivacyAccessControls":[]}` {
		t.Errorf("none: %v, %+v", err, change.Steps)
	}
	_, c = f.updated(t, renamed(f))
	if names(body(t, c, "update"), "privacyAccessControls") {
		t.Error("they are in the body")
	}
}

// A mask that is written back reaches every device. Values that did not change are
// not in the body, and need not be known.
func TestMaskIsNotPatched(t *testing.T) {
	f := readFixture(t, "device-configuration-custom-oma")
	f = f.changed(t, func(doc catalog.Document) {
		digests := map[string]any{}
		for place := range f.secrets {
			digests[place] = "digest of " + place
		}
		doc["secrets"] = digests
	})
	_, c := f.updated(t, renamed(f))
	if names(body(t, c, "update"), "omaSettings") {
		t.Error("settings that did not change are written")
	}
	unknown := f
	unknown.secrets = nil
	if _, c := unknown.updated(t, renamed(f)); !hasStep(c, "update") {
		t.Error("another name needs secrets")
	}
	// The same mask stands for another value.
	secret := func(doc catalog.Document) {
		digests := maps.Clone(doc["secrets"].(map[string]any))
		for place := range digests {
			digests[place] = "another"
		}
		doc["secrets"] = digests
	}
	_, c = f.updated(t, secret)
	sent := texts(c)
	if list := listAt(t, body(t, c, "update"), "omaSettings"); len(list) != 9 || list[1]["value"] != "PExheW91dD7DpDwvTGF5b3V0Pg0K" {
		t.Errorf("%v", list)
	}
	for _, never := range []string{`"****"`, `"PGEvPg=="`, "secretReferenceValueId", "isEncrypted"} {
		if strings.Contains(sent, never) {
			t.Errorf("%s is sent", never)
		}
	}
	if _, err := unknown.to(catalog.SameTenant, t, secret); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("without the values: %v", err)
	}
	// A digest in the place of a value does for a preview.
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for place, digest := range doc["secrets"].(map[string]any) {
		digests[place] = digest.(string)
	}
	unknown.secrets = digests
	if _, err := unknown.to(catalog.SameTenant, t, secret); err != nil {
		t.Errorf("with digests: %v", err)
	}
	if _, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) { delete(doc, "secrets") }); err != nil {
		t.Errorf("without digests of the live one: %v", err)
	}
}

// A root that was only added to stays trusted: live has A and B, the version B and
// C, and B and C is what comes out.
func TestCertificatesAreReplacedNotAppended(t *testing.T) {
	f := readFixture(t, "device-configuration-network-certificate")
	const nav = "microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation"
	b, was := reference(t, f, f.row.ID, "Windows: issuing CA"), reference(t, f, f.row.ID, "Windows: root CA")
	_, c := f.updated(t, func(doc catalog.Document) {
		doc["certificates"].(map[string]any)[nav] = map[string]any{"value": []any{map[string]any{"id": "a"}, map[string]any{"id": b}}}
	})
	if len(c.Steps) != 2 || c.Steps[0].Method != "POST" || c.Steps[0].Path != f.row.Collection+"/{id}/"+nav+"/$ref" || c.Steps[1].Method != "DELETE" || c.Steps[1].Path != f.row.Collection+"/{id}/"+nav+"/a/$ref" {
		t.Errorf("%+v", c.Steps)
	}
	if want := "https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('" + was + "')"; bodies(t, c, "")[0]["@odata.id"] != want {
		t.Errorf("%s", c.Steps[0].Body)
	}
	const single = "microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication"
	_, c = f.updated(t, func(doc catalog.Document) { delete(doc["certificates"].(map[string]any), single) })
	if len(c.Steps) != 1 || c.Steps[0].Method != "PUT" || c.Steps[0].Path != f.row.Collection+"/{id}/"+single+"/$ref" {
		t.Errorf("%+v", c.Steps)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc, "certificates") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread: %v", err)
	}
}

// Microsoft gives out no key: null or a mask in a PATCH would take the place of the
// one that there is. What has none cannot become what needs one.
func TestKeyIsNotPatched(t *testing.T) {
	for name, key := range map[string]string{
		"device-configuration-network-certificate.pre-shared-key": "preSharedKey",
		"device-configuration-network-certificate.shared-secret":  "sharedSecret",
		"device-configuration.product-key":                        "productKey",
	} {
		f := readFixture(t, name)
		_, c := f.updated(t, renamed(f))
		if names(body(t, c, "update"), key) {
			t.Errorf("%s is sent: %s", key, texts(c))
		}
		// Where the service shows a mask, it is not cleared either.
		masked := f.changed(t, func(doc catalog.Document) { doc.Object()[key] = nil })
		if c, err := masked.to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()[key] = "********" }); err != nil || len(c.Steps) > 0 {
			t.Errorf("%s: a mask is written: %v, %+v", key, err, c.Steps)
		}
	}
	f := readFixture(t, "device-configuration-network-certificate.pre-shared-key")
	for _, property := range []string{"wifiSecurityType", "wiFiSecurityType"} {
		if _, ok := f.object(t)[property]; !ok {
			continue
		}
		if _, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()[property] = "open" }); !errors.Is(err, catalog.ErrPlaceholder) {
			t.Errorf("an open network gets a key: %v", err)
		}
	}
	product := readFixture(t, "device-configuration.product-key")
	if _, err := product.to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()["productKey"] = "#####-#####-#####-#####-OTHER" }); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("another product key: %v", err)
	}
}

// Compliance.

// In a PATCH actions are refused or ignored. Sent on their own they are all sent,
// with the one that blocks.
func TestActionsAreUpdatedOnTheirOwn(t *testing.T) {
	f := readFixture(t, "device-compliance-policy")
	_, c := f.updated(t, func(doc catalog.Document) {
		renamed(f)(doc)
		rule := listAt(t, doc.Object(), "scheduledActionsForRule")[0]
		rule["scheduledActionConfigurations"] = rule["scheduledActionConfigurations"].([]any)[:1]
	})
	if !slices.Equal(stepNames(c), []string{"update", "actions"}) || names(body(t, c, "update"), "scheduledActionsForRule") {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	if s := c.Steps[1]; s.Path != f.row.Collection+"/{id}/scheduleActionsForRules" {
		t.Errorf("%s", s.Path)
	}
	rules := listAt(t, body(t, c, "actions"), "deviceComplianceScheduledActionForRules")
	if len(rules) != 1 || len(listAt(t, rules[0], "scheduledActionConfigurations")) != 3 || strings.Contains(texts(c), `"id":`) {
		t.Errorf("%v", rules)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc.Object(), "scheduledActionsForRule") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread actions: %v", err)
	}
	linux := readFixture(t, "linux-compliance-policy")
	_, c = linux.updated(t, func(doc catalog.Document) { doc["scheduledActionsForRule"] = []any{} })
	if !slices.Equal(stepNames(c), []string{"actions"}) || c.Steps[0].Path != linux.row.Collection+"/{id}/setScheduledActions" {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	unread = linux.changed(t, func(doc catalog.Document) { delete(doc, "scheduledActionsForRule") })
	if _, err := linux.row.Update(unread.payload, linux.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("Linux, unread actions: %v", err)
	}
	// A template of another tenant sends no mail: it is told.
	lost, err := f.to(elsewhere(reference(t, f, "notification-message-template", firstTemplate(t, f))), t, func(catalog.Document) {})
	if err != nil || len(lost.Unresolved) != 1 || lost.Unresolved[0].Assignment {
		t.Errorf("%v, %+v", err, lost.Unresolved)
	}
}

func firstTemplate(t *testing.T, f fixture) string {
	t.Helper()
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	all := doc[catalog.MemberReferences].(map[string]any)["notification-message-template"].(map[string]any)
	for _, r := range all {
		return r.(map[string]any)["name"].(string)
	}
	t.Fatal("no template is named")
	return ""
}

// Notification templates.

// Messages are told apart by their locale, whatever their order; no PATCH holds a
// locale, and false is never said of the default.
func TestMessagesAreUpdatedByLocale(t *testing.T) {
	f := readFixture(t, "notification-message-template")
	_, c := f.updated(t, func(doc catalog.Document) {
		list := doc.Object()["localizedNotificationMessages"].([]any)
		slices.Reverse(list) // ja, en, de
		ja, en := list[0].(map[string]any), list[1].(map[string]any)
		ja["subject"], ja["isDefault"], en["isDefault"] = "changed", true, false
		list[2] = map[string]any{"id": "x_pl-pl", "locale": "pl-PL", "subject": "S", "messageTemplate": "M", "isDefault": false}
		en["locale"] = "en-US" // another spelling of the same one
	})
	type request struct{ method, last, body string }
	var got []request
	for _, s := range c.Steps {
		got = append(got, request{s.Method, s.Path[strings.LastIndexByte(s.Path, '/')+1:], string(s.Body)})
	}
	const id = "9c922c18-88a7-9461-0572-180bb5770370"
	want := []request{
		{"PATCH", id + "_en-us", `{"isDefault":true}`},
		{"POST", "localizedNotificationMessages", `{"locale":"de-de","messageTemplate":"\u003cp\u003eGerät reparieren\u003c/p\u003e\r\n","subject":"Gerät reparieren"}`},
		{"PATCH", id + "_ja-jp", `{"messageTemplate":"\u003cp\u003eデバイスを修復\u003c/p\u003e\r\n","subject":"デバイスを修復"}`},
		{"DELETE", "x_pl-pl", ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, s := range c.Steps {
		if !strings.HasPrefix(s.Path, f.row.Collection+"/{id}/localizedNotificationMessages") {
			t.Errorf("%s: the template is not the same one", s.Path)
		}
	}
	// The order alone is nothing.
	if change, _ := f.updated(t, func(doc catalog.Document) { slices.Reverse(doc.Object()["localizedNotificationMessages"].([]any)) }); len(change.Steps) > 0 {
		t.Errorf("%+v", change.Steps)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc.Object(), "localizedNotificationMessages") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread messages: %v", err)
	}
}

// Scripts.

// A script that is written again runs again: equal bytes are not sent, and none is
// ever emptied.
func TestContentIsWrittenOnlyWhenItChanged(t *testing.T) {
	contents := map[string][]string{
		"windows-platform-script": {"scriptContent"}, "macos-shell-script": {"scriptContent"}, "macos-custom-attribute-script": {"scriptContent"},
		"device-health-script": {"detectionScriptContent", "remediationScriptContent"}, "device-compliance-script": {"detectionScriptContent"},
	}
	for id, all := range contents {
		f := readFixture(t, id)
		_, c := f.updated(t, func(doc catalog.Document) { doc.Object()["description"] = "another" })
		for _, name := range all {
			if names(body(t, c, "update"), name) {
				t.Errorf("%s: %s is written again", id, name)
			}
			_, changed := f.updated(t, func(doc catalog.Document) { doc.Object()[name] = "b3RoZXI=" })
			if body(t, changed, "update")[name] != f.object(t)[name] {
				t.Errorf("%s: %s is not written", id, name)
			}
		}
		for _, nothing := range []any{nil, "", " "} {
			emptied := f.changed(t, func(doc catalog.Document) { doc.Object()[all[0]] = nothing })
			if _, err := f.row.Update(emptied.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
				t.Errorf("%s: %q as content: %v", id, nothing, err)
			}
		}
	}
}

// A remediation keeps its schedule, and an assign its key.
func TestAssignOfAnUpdateKeepsItsShape(t *testing.T) {
	for _, f := range fullFixtures(t) {
		a := f.row.Assign
		if a.Path == "" || a.OnRequest {
			continue
		}
		created, errCreate := f.create(catalog.SameTenant)
		c, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) {
			doc["assignments"] = slices.DeleteFunc(doc["assignments"].([]any), func(e any) bool {
				return e.(map[string]any)["source"] == nil || e.(map[string]any)["source"] == "direct"
			})
		})
		if err != nil || errCreate != nil || !hasStep(created, "assign") {
			continue
		}
		if want, got := bodies(t, created, "assign"), bodies(t, catalog.Creation{Steps: c.Steps}, "assign"); !same(want, got) {
			t.Errorf("%s: %v instead of %v", f.name, got, want)
		}
		for _, s := range c.Steps {
			if s.Path != a.Path || s.Await != a.Await {
				t.Errorf("%s: %s %s awaits %v", f.name, s.Name, s.Path, s.Await)
			}
		}
	}
}

// What is fixed is no part of a PATCH, and never a reason to delete: the error says
// what it is.
func TestFixedMembersAreNamed(t *testing.T) {
	for _, try := range []struct {
		fixture, member string
		live            any
	}{
		{"macos-custom-attribute-script", "displayName", "Another"}, {"macos-custom-attribute-script", "customAttributeType", "dateTime"},
		{"windows-driver-update-profile", "approvalType", "automatic"}, {"autopilot-deployment-profile", "deviceType", "surfaceHub2"},
		{"assignment-filter", "platform", "iOS"}, {"mobile-app-winget", "packageIdentifier", "XYZ"}, {"mobile-app-weblink", "appUrl", "https://x.example"},
		{"mobile-app-office-suite", "officeConfigurationXml", "PGE+"}, {"enrollment-single-platform-restriction", "platformType", "mac"},
		{"settings-catalog-policy", "platforms", "linux"}, {"device-health-script", "deviceHealthScriptType", "managedInstallerScript"},
		{"mobile-app-configuration", "targetedMobileApps", []any{"another"}}, {"device-configuration-apple-custom", "deploymentChannel", "userChannel"},
	} {
		f := readFixture(t, try.fixture)
		if f.object(t)[try.member] == nil || f.object(t)[try.member] == "none" {
			f = f.changed(t, func(doc catalog.Document) { doc.Object()[try.member] = "captured" })
		}
		c, err := f.to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()[try.member] = try.live })
		var replace *catalog.ReplacementError
		if !errors.As(err, &replace) || !slices.Equal(replace.Members, []string{try.member}) || len(c.Steps) > 0 {
			t.Errorf("%s: %s: %v, %v", try.fixture, try.member, err, c.Steps)
		}
	}
	// What is not found is told as such, and not as another value.
	f := readFixture(t, "mobile-app-configuration")
	c, err := f.to(elsewhere(catalog.TypeApp), t, func(doc catalog.Document) {
		doc.Object()["targetedMobileApps"] = []any{"the same app, as it is called here"}
	})
	if ids, onlyAssignment := unresolvedOf(catalog.Creation{Unresolved: c.Unresolved}, catalog.TypeApp); err != nil || len(ids) == 0 || onlyAssignment {
		t.Errorf("an app that is not there: %v, %v", ids, err)
	}
	// What the service set is no reason.
	for id, name := range map[string]string{"mobile-app-winget": "manifestHash", "device-health-script": "highestAvailableVersion", "assignment-filter": "payloads", "autopilot-deployment-profile": "managementServiceAppId", "windows-feature-update-profile": "endOfSupportDate"} {
		if c, err := readFixture(t, id).to(catalog.SameTenant, t, func(doc catalog.Document) { doc.Object()[name] = "by the service" }); err != nil || len(c.Steps) > 0 {
			t.Errorf("%s: %s: %v, %+v", id, name, err, c.Steps)
		}
	}
}

// Tenant administration.

// Scope tags of a filter are called otherwise, and mapped like all; rights are sent
// whole and without their older copy.
func TestTagsAndRolesOfAnUpdate(t *testing.T) {
	f := readFixture(t, "assignment-filter")
	c, err := f.to(elsewhere(), t, renamed(f))
	if err != nil {
		t.Fatal(err)
	}
	sent := body(t, catalog.Creation{Steps: c.Steps}, "update")
	if sent["roleScopeTags"] == nil || sent["roleScopeTagIds"] != nil || sent["payloads"] != nil {
		t.Errorf("%v", sent)
	}
	for _, tag := range sent["roleScopeTags"].([]any) {
		if tag != "0" && !strings.HasPrefix(tag.(string), "elsewhere-") {
			t.Errorf("tag %v of another tenant", tag)
		}
	}
	role := readFixture(t, "role-definition")
	_, r := role.updated(t, func(doc catalog.Document) {
		listAt(t, doc.Object(), "rolePermissions")[0]["resourceActions"] = []any{}
	})
	permissions := listAt(t, body(t, r, "update"), "rolePermissions")
	if len(permissions) != len(listAt(t, role.object(t), "rolePermissions")) || names(permissions[0], "actions") || len(listAt(t, permissions[0], "resourceActions")) == 0 {
		t.Errorf("%v", permissions)
	}
}

// A higher version makes every user accept again.
func TestTermsKeepTheirVersion(t *testing.T) {
	f := readFixture(t, "terms-and-conditions")
	_, c := f.updated(t, func(doc catalog.Document) {
		doc.Object()["version"], doc.Object()["bodyText"] = json.Number("99"), "other"
	})
	if names(body(t, c, "update"), "version") || len(c.Steps) != 1 {
		t.Errorf("%s", texts(c))
	}
	if change, _ := f.updated(t, func(doc catalog.Document) { doc.Object()["version"] = json.Number("99") }); len(change.Steps) > 0 {
		t.Errorf("%+v", change.Steps)
	}
}

// The default profile is changed in place, without its fixed members, and never
// assigned; an image goes on its own, with the type that its bytes have.
func TestBrandingIsUpdatedInPlace(t *testing.T) {
	f := readFixture(t, "intune-branding-profile.built-in")
	change, c := f.updated(t, func(doc catalog.Document) {
		for _, name := range []string{"profileName", "profileDescription", "displayName", "customPrivacyMessage"} {
			doc.Object()[name] = "another"
		}
		doc.Object()["disableClientTelemetry"] = true
		doc["assignments"] = []any{map[string]any{"id": "x", "target": map[string]any{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g"}}}
	})
	for _, name := range []string{"profileName", "profileDescription", "isDefaultProfile", "disableClientTelemetry", "customPrivacyMessage", "themeColorLogo"} {
		if _, sent := body(t, c, "update")[name]; sent {
			t.Errorf("%s is sent", name)
		}
	}
	if len(c.Steps) != 1 || change.AssignmentsKept {
		t.Errorf("%v", stepNames(c))
	}
	own := readFixture(t, "intune-branding-profile")
	_, c = own.updated(t, func(doc catalog.Document) { delete(doc, "themeColorLogo") })
	if !slices.Equal(stepNames(c), []string{"themeColorLogo"}) || c.Steps[0].Method != "PATCH" || len(body(t, c, "themeColorLogo")) != 1 {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	without := own.changed(t, func(doc catalog.Document) { delete(doc, "themeColorLogo") })
	gone, err := own.row.Update(without.payload, own.payload, catalog.SameTenant, nil)
	if err != nil || len(gone.Steps) != 1 || string(gone.Steps[0].Body) != `{"themeColorLogo":null}` {
		t.Errorf("%v, %+v", err, gone.Steps)
	}
}

// They are written through deviceManagement. What only one of the two knows came or
// went with the service, and is refused or not known.
func TestTenantSettingsAreWrittenThroughTheirParent(t *testing.T) {
	f := readFixture(t, "device-management-settings")
	change, c := f.updated(t, func(doc catalog.Document) {
		o := doc.Object()
		o["secureByDefault"], o["newSince"] = false, "x"
		delete(o, "newInTenants")
	})
	if s := c.Steps[0]; s.Method != "PATCH" || s.Path != "deviceManagement" || len(c.Steps) != 1 {
		t.Errorf("%s %s", s.Method, s.Path)
	}
	sent, _ := body(t, c, "update")["settings"].(map[string]any)
	// Whether a PATCH replaces all settings is not known.
	if sent["secureByDefault"] != true || sent["newSince"] != "x" || names(sent, "newInTenants") {
		t.Errorf("%v", sent)
	}
	if !strings.Contains(string(change.Want), `"newSince":"x"`) || strings.Contains(string(change.Want), "newInTenants") {
		t.Errorf("%s", change.Want)
	}
}

// Enrolment.

// A default is PATCHed under the id that the tenant's own has, and neither assigned
// nor ordered; of the limit only the limit.
func TestEnrollmentDefaultIsChangedInPlace(t *testing.T) {
	f := readFixture(t, "enrollment-limit").changed(t, func(doc catalog.Document) {
		doc["graphId"], doc.Object()["id"], doc.Object()["priority"] = "one_DefaultLimit", "one_DefaultLimit", json.Number("0")
	})
	change, c := f.updated(t, func(doc catalog.Document) {
		doc["graphId"], doc.Object()["id"] = "two_DefaultLimit", "two_DefaultLimit"
		doc.Object()["displayName"], doc.Object()["description"], doc.Object()["roleScopeTagIds"] = "All users and all devices", "Microsoft's", []any{"0"}
		doc.Object()["limit"], doc.Object()["priority"], doc["assignments"] = json.Number("15"), json.Number("3"), []any{}
	})
	if len(c.Steps) != 1 || string(c.Steps[0].Body) != `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","limit":3}` {
		t.Errorf("%v: %s", stepNames(c), texts(c))
	}
	if path := c.Steps[0].Fill(f.row.Known("two_DefaultLimit")).Path; path != f.row.Collection+"/two_DefaultLimit" {
		t.Errorf("%s", path)
	}
	if change.AssignmentsKept {
		t.Error("a default has no assignments to keep")
	}
}

// No body has a priority. Another one is set last, the same one never: that is an
// error.
func TestPriorityIsSetOnlyWhenItDiffers(t *testing.T) {
	for _, id := range []string{"enrollment-single-platform-restriction", "enrollment-limit", "enrollment-status-page", "enrollment-notification"} {
		f := readFixture(t, id)
		_, c := f.updated(t, func(doc catalog.Document) {
			renamed(f)(doc)
			doc.Object()["priority"], doc["assignments"] = json.Number("7"), []any{}
		})
		if all := stepNames(c); !slices.Equal(all, []string{"update", "assign", "priority"}) || names(body(t, c, "update"), "priority") {
			t.Errorf("%s: %v", id, all)
		}
		if s := c.Steps[2]; s.Path != f.row.Collection+"/{id}/setPriority" || string(s.Body) != spelt(t, map[string]any{"priority": f.object(t)["priority"]}) {
			t.Errorf("%s: %s %s", id, s.Path, s.Body)
		}
		if _, c := f.updated(t, renamed(f)); hasStep(c, "priority") {
			t.Errorf("%s: its own priority is set again", id)
		}
	}
}

// Texts and brand go to the templates that the live notification has; a channel
// that it lacks is asked for, and its template looked up.
func TestNotificationIsUpdatedOnItsOwnTemplates(t *testing.T) {
	f := readFixture(t, "enrollment-notification")
	const old, own = "000000e1-1111-4222-8333-0000000000e1", "11111111-0000-0000-0000-000000000001"
	live := func(doc catalog.Document) {
		templates := doc["templates"].(map[string]any)
		email := templates[old].(map[string]any)
		delete(templates, old)
		templates[own] = email
		doc.Object()["notificationTemplates"] = []any{"Email_" + own, doc.Object()["notificationTemplates"].([]any)[1]}
		for _, m := range listAt(t, email, "localizedNotificationMessages") {
			m["subject"] = "changed"
		}
		email["brandingOptions"] = "none"
	}
	_, c := f.updated(t, live)
	for _, s := range c.Steps {
		if s.Method != "PATCH" || !strings.HasPrefix(s.Path, "deviceManagement/notificationMessageTemplates/"+own) || names(bodies(t, catalog.Creation{Steps: []catalog.Step{s}}, "")[0], "locale") {
			t.Errorf("%s %s %s", s.Method, s.Path, s.Body)
		}
	}
	if len(c.Steps) < 2 {
		t.Errorf("%v", stepNames(c))
	}
	_, c = f.updated(t, func(doc catalog.Document) {
		doc.Object()["notificationTemplates"] = doc.Object()["notificationTemplates"].([]any)[:1]
	})
	if s := c.Steps[0]; s.Name != "channels" || !strings.Contains(string(s.Body), `["Email_`+old+`","push_00000000-0000-0000-0000-000000000000"]`) {
		t.Errorf("%s", s.Body)
	}
	find := c.Steps[1]
	if find.Method != "GET" || find.Learn(map[string]any{"notificationTemplates": []any{"Email_" + old}}) != nil {
		t.Error("a template that is not there yet is taken for found")
	}
	learned := find.Learn(map[string]any{"notificationTemplates": []any{"Email_" + old, "Push_new"}})
	for _, s := range c.Steps[2:] {
		if path := s.Fill(learned).Path; !strings.HasPrefix(path, "deviceManagement/notificationMessageTemplates/new") {
			t.Errorf("%s", path)
		}
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc, "templates") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread texts: %v", err)
	}
}

// Left out, the service keeps the apps that a page waits for.
func TestStatusPageSaysItsAppsInAnUpdate(t *testing.T) {
	f := readFixture(t, "enrollment-status-page")
	for _, captured := range []any{nil, []any{}} {
		none := f.changed(t, func(doc catalog.Document) { doc.Object()["selectedMobileAppIds"] = captured })
		change, err := f.row.Update(none.payload, f.payload, catalog.SameTenant, nil)
		if err != nil || len(change.Steps) != 1 || !strings.Contains(string(change.Steps[0].Body), `"selectedMobileAppIds":[]`) {
			t.Errorf("%v: %v, %+v", captured, err, change.Steps)
		}
	}
	none := f.changed(t, func(doc catalog.Document) { doc.Object()["selectedMobileAppIds"] = nil })
	if _, c := none.updated(t, renamed(f)); !same(body(t, c, "update")["selectedMobileAppIds"], []any{}) {
		t.Errorf("another name alone: %s", texts(c))
	}
	c, err := f.to(elsewhere(catalog.TypeApp), t, func(catalog.Document) {})
	if ids, onlyAssignment := unresolvedOf(catalog.Creation{Unresolved: c.Unresolved}, catalog.TypeApp); err != nil || len(ids) != 2 || onlyAssignment {
		t.Errorf("apps that are not there: %v, %v", ids, err)
	}
}

// The action assign takes devices. Targets are added one by one before others go,
// and the profile itself stays.
func TestAutopilotAssignmentsAreOneByOne(t *testing.T) {
	f := readFixture(t, "autopilot-deployment-profile")
	direct := func(doc catalog.Document) []any { return doc["assignments"].([]any) }
	_, c := f.updated(t, func(doc catalog.Document) {
		doc["assignments"] = append(direct(doc)[1:], map[string]any{"id": "live/1", "target": map[string]any{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "too many"}})
	})
	if all := stepNames(c); !slices.Equal(all, []string{"assign", "unassign"}) {
		t.Fatalf("%v", all)
	}
	if s := c.Steps[0]; s.Method != "POST" || s.Path != f.row.Collection+"/{id}/assignments" {
		t.Errorf("%s %s", s.Method, s.Path)
	}
	if s := c.Steps[1]; s.Method != "DELETE" || s.Path != f.row.Collection+"/{id}/assignments/live%2F1" {
		t.Errorf("%s %s", s.Method, s.Path)
	}
	// A group that was excluded and is to be included is in its own way.
	_, c = f.updated(t, func(doc catalog.Document) {
		for _, a := range listAt(t, doc, "assignments") {
			if target := a["target"].(map[string]any); target["@odata.type"] == "#microsoft.graph.groupAssignmentTarget" {
				target["@odata.type"] = "#microsoft.graph.exclusionGroupAssignmentTarget"
			}
		}
	})
	if all := stepNames(c); len(all) < 2 || all[0] != "unassign" || all[len(all)-1] != "assign" {
		t.Errorf("%v", all)
	}
	_, c = f.updated(t, renamed(f))
	sent := body(t, c, "update")
	if setting := sent["outOfBoxExperienceSetting"].(map[string]any); setting["escapeLinkHidden"] != true {
		t.Errorf("%v", setting)
	}
	for _, name := range []string{"deviceType", "hybridAzureADJoinSkipConnectivityCheck", "managementServiceAppId"} {
		if _, ok := sent[name]; ok {
			t.Errorf("%s is sent", name)
		}
	}
}

// Updates of Windows.

// Dates that have passed are refused, or act at once: those that did not change are
// not sent.
func TestRolloutDatesAreNotSentAgain(t *testing.T) {
	f := readFixture(t, "windows-feature-update-profile").changed(t, func(doc catalog.Document) {
		doc.Object()["rolloutSettings"] = map[string]any{"offerStartDateTimeInUTC": "2025-03-01T00:00:00Z", "offerEndDateTimeInUTC": nil, "offerIntervalInDays": nil}
	})
	_, c := f.updated(t, renamed(f))
	for _, name := range []string{"rolloutSettings", "installLatestWindows10OnWindows11IneligibleDevice", "endOfSupportDate"} {
		if names(body(t, c, "update"), name) {
			t.Errorf("%s is sent", name)
		}
	}
	if _, c := f.updated(t, func(doc catalog.Document) { doc.Object()["rolloutSettings"] = nil }); !names(body(t, c, "update"), "rolloutSettings") {
		t.Error("other dates are not sent")
	}
	driver := readFixture(t, "windows-driver-update-profile")
	if change, _ := driver.updated(t, func(doc catalog.Document) { doc["driverInventories"] = []any{} }); len(change.Steps) > 0 {
		t.Errorf("approvals of drivers are written: %+v", change.Steps)
	}
	change, err := driver.to(func(typeID, id string) (string, bool) { return id, typeID != catalog.TypeGroup }, t, func(doc catalog.Document) { doc["assignments"] = []any{} })
	if err != nil || len(change.Steps) > 0 || !change.AssignmentsKept {
		t.Errorf("unmapped groups: %v, %+v", err, change)
	}
}

// Apps and what protects and configures them.

// Without the group "all apps" becomes a few; apps in a PATCH are refused, and all
// of it is there before anything is assigned.
func TestAppsOfAProtectionAreUpdatedWithTheirGroup(t *testing.T) {
	for _, id := range []string{"ios-app-protection", "android-app-protection"} {
		f := readFixture(t, id).changed(t, func(doc catalog.Document) {
			doc.Object()["appGroupType"] = "selectedPublicApps"
		})
		_, c := f.updated(t, func(doc catalog.Document) {
			renamed(f)(doc)
			doc["apps"], doc["assignments"] = []any{}, []any{}
		})
		if !slices.Equal(stepNames(c), []string{"update", "apps", "assign"}) || names(body(t, c, "update"), "apps") {
			t.Errorf("%s: %v", id, stepNames(c))
		}
		if sent := body(t, c, "apps"); sent["appGroupType"] != f.object(t)["appGroupType"] || sent["appGroupType"] == nil || len(sent["apps"].([]any)) == 0 {
			t.Errorf("%s: %v", id, sent)
		}
		if c.Steps[1].Path != f.row.Collection+"/{id}/targetApps" {
			t.Errorf("%s", c.Steps[1].Path)
		}
		_, c = f.updated(t, func(doc catalog.Document) { doc.Object()["appGroupType"] = "allApps" })
		if !slices.Equal(stepNames(c), []string{"apps"}) {
			t.Errorf("%s: another group: %v", id, stepNames(c))
		}
		unread := f.changed(t, func(doc catalog.Document) { delete(doc, "apps") })
		if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s: unread apps: %v", id, err)
		}
	}
	windows := readFixture(t, "windows-app-protection")
	_, c := windows.updated(t, func(doc catalog.Document) { doc["apps"] = []any{} })
	if sent := body(t, c, "apps"); len(sent) != 1 || sent["apps"] == nil {
		t.Errorf("%v", sent)
	}
}

// With some of the settings the others are gone: each list is sent whole, by its
// own call, and a PATCH with apps is refused.
func TestAppConfigurationListsAreSentWhole(t *testing.T) {
	f := readFixture(t, "targeted-managed-app-configuration")
	_, c := f.updated(t, func(doc catalog.Document) {
		renamed(f)(doc)
		doc.Object()["customSettings"] = doc.Object()["customSettings"].([]any)[:1]
		doc["apps"], doc["settings"] = doc["apps"].([]any)[:1], []any{}
	})
	if !slices.Equal(stepNames(c), []string{"update", "custom settings", "apps", "settings"}) {
		t.Fatalf("%v", stepNames(c))
	}
	for _, name := range []string{"apps", "settings", "customSettings", "appGroupType", "targetedAppManagementLevels", "settingCount"} {
		if names(body(t, c, "update"), name) {
			t.Errorf("the PATCH has %s", name)
		}
	}
	if n := len(listAt(t, body(t, c, "custom settings"), "customSettings")); n != 2 {
		t.Errorf("%d custom settings", n)
	}
	if sent := body(t, c, "apps"); len(sent["apps"].([]any)) != 2 || sent["appGroupType"] != "selectedPublicApps" {
		t.Errorf("%v", sent)
	}
	if n := len(listAt(t, body(t, c, "settings"), "settings")); n != 1 {
		t.Errorf("%d settings", n)
	}
	// The plain path is no route.
	device := readFixture(t, "mobile-app-configuration")
	_, c = device.updated(t, func(doc catalog.Document) { doc["assignments"] = []any{} })
	if s := c.Steps[0]; s.Path != device.row.Collection+"/{id}/microsoft.graph.managedDeviceMobileAppConfiguration/assign" {
		t.Errorf("%s", s.Path)
	}
	_, c = device.updated(t, renamed(device))
	if names(body(t, c, "update"), "targetedMobileApps") {
		t.Error("the apps are in a PATCH")
	}
}

// One call replaces dependencies and supersedence: both are in it. Categories come
// and go one by one, and an assignment waits until the app is published.
func TestAppRelationshipsAreUpdatedTogether(t *testing.T) {
	f := readFixture(t, "mobile-app-winget").changed(t, func(doc catalog.Document) {
		doc["relationships"] = []any{
			map[string]any{"@odata.type": "#microsoft.graph.mobileAppDependency", "id": "1", "targetId": "a", "targetType": "child", "dependencyType": "detect"},
			map[string]any{"@odata.type": "#microsoft.graph.mobileAppSupersedence", "id": "2", "targetId": "b", "targetType": "child", "supersedenceType": "update"},
			map[string]any{"@odata.type": "#microsoft.graph.mobileAppDependency", "id": "3", "targetId": "c", "targetType": "parent", "dependencyType": "detect"},
		}
	})
	_, c := f.updated(t, func(doc catalog.Document) { doc["relationships"] = doc["relationships"].([]any)[1:] })
	if sent := listAt(t, body(t, c, "relationships"), "relationships"); len(c.Steps) != 1 || len(sent) != 2 || sent[0]["targetId"] != "a" || sent[1]["targetId"] != "b" {
		t.Errorf("%s", texts(c))
	}
	_, c = f.updated(t, func(doc catalog.Document) {
		doc["categories"] = []any{doc["categories"].([]any)[0], map[string]any{"id": "gone", "displayName": "G"}}
	})
	if len(c.Steps) != 2 || c.Steps[0].Path != f.row.Collection+"/{id}/categories/$ref" || c.Steps[1].Method+" "+c.Steps[1].Path != "DELETE "+f.row.Collection+"/{id}/categories/gone/$ref" {
		t.Errorf("%+v", c.Steps)
	}
	_, c = f.updated(t, func(doc catalog.Document) { doc["assignments"] = []any{} })
	if c.Steps[0].Await.Value != "published" {
		t.Errorf("%+v", c.Steps[0].Await)
	}
	_, c = f.updated(t, renamed(f))
	for _, name := range []string{"packageIdentifier", "installExperience", "manifestHash", "categories", "relationships", "publishingState"} {
		if _, ok := body(t, c, "update")[name]; ok {
			t.Errorf("%s is sent", name)
		}
	}
	if body(t, c, "update")["isFeatured"] != true || body(t, c, "update")["largeIcon"] == nil {
		t.Error("the flag and the icon are lost")
	}
	for _, part := range []string{"relationships", "categories"} {
		unread := f.changed(t, func(doc catalog.Document) { delete(doc, part) })
		if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("unread %s: %v", part, err)
		}
	}
}

// An app that is made of a file has no designer's values: sent, they reinstall
// Office without products.
func TestOfficeFileIsUpdatedWithoutDesigner(t *testing.T) {
	f := readFixture(t, "mobile-app-office-suite")
	_, c := f.updated(t, renamed(f))
	for _, name := range []string{"productIds", "updateChannel", "excludedApps", "localesToInstall", "officeSuiteAppDefaultFileFormat", "officeConfigurationXml", "officePlatformArchitecture"} {
		if _, ok := body(t, c, "update")[name]; ok {
			t.Errorf("%s is sent", name)
		}
	}
	designed := f.changed(t, func(doc catalog.Document) {
		doc.Object()["officeConfigurationXml"], doc.Object()["productIds"] = nil, []any{"o365ProPlusRetail"}
	})
	_, c = designed.updated(t, func(doc catalog.Document) { doc.Object()["productIds"] = []any{} })
	if sent := body(t, c, "update"); !same(sent["productIds"], []any{"o365ProPlusRetail"}) || names(sent, "officeSuiteAppDefaultFileFormat") {
		t.Errorf("%v", sent)
	}
}

// One call with items and without assignments clears those: they go separately, and
// what the set does not hold of its own is not sent.
func TestPolicySetIsUpdatedBySeparateCalls(t *testing.T) {
	f := readFixture(t, "policy-set")
	change, c := f.updated(t, func(doc catalog.Document) {
		renamed(f)(doc)
		doc.Object()["roleScopeTags"] = []any{"0"}
		items := doc["items"].([]any)
		first := items[0].(map[string]any)
		first["intent"] = "available"
		doc["items"] = append(items[:len(items)-1], map[string]any{"@odata.type": "#microsoft.graph.mobileAppPolicySetItem", "id": "item-that-goes", "payloadId": "other"})
		doc["assignments"] = []any{}
	})
	if !slices.Equal(stepNames(c), []string{"update", "items", "assign"}) || c.Steps[1].Path != c.Steps[2].Path {
		t.Fatalf("%v", stepNames(c))
	}
	if sent := body(t, c, "update"); len(sent) != 2 || sent["description"] == nil {
		t.Errorf("%v", sent)
	}
	items := body(t, c, "items")
	added, updated := listAt(t, items, "addedPolicySetItems"), listAt(t, items, "updatedPolicySetItems")
	if _, ok := items["assignments"]; ok || len(items) != 3 || len(added) != 1 || len(updated) != 1 || updated[0]["intent"] != "required" || updated[0]["id"] == nil || !same(items["deletedPolicySetItems"], []any{"item-that-goes"}) {
		t.Errorf("%v", items)
	}
	if sent := body(t, c, "assign"); len(sent) != 1 || sent["assignments"] == nil {
		t.Errorf("%v", sent)
	}
	for _, name := range []string{"status", "errorCode", "roleScopeTagIds", "itemType", "targetedAppManagementLevels"} {
		if strings.Contains(texts(c), `"`+name+`"`) {
			t.Errorf("%s is sent", name)
		}
	}
	if !slices.Equal(change.Left, []string{"object.roleScopeTags"}) {
		t.Errorf("left: %v", change.Left)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc, "items") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread items: %v", err)
	}
	lost, err := f.to(elsewhere(catalog.TypeApp), t, func(catalog.Document) {})
	if ids, onlyAssignment := unresolvedOf(catalog.Creation{Unresolved: lost.Unresolved}, catalog.TypeApp); err != nil || len(ids) == 0 || onlyAssignment {
		t.Errorf("a member that is not there: %v, %v", ids, err)
	}
}

// Conditional Access.

// What a PATCH leaves out survives: removed conditions and controls are said, and a
// control beside a strength is refused (1108).
func TestAccessIsEmptiedExplicitly(t *testing.T) {
	f := readFixture(t, "conditional-access-policy").changed(t, func(doc catalog.Document) {
		grant := doc.Object()["grantControls"].(map[string]any)
		delete(grant, "builtInControls")
		doc.Object()["conditions"].(map[string]any)["users"].(map[string]any)["excludeGuestsOrExternalUsers"] = nil
	})
	_, c := f.updated(t, func(doc catalog.Document) {
		o := doc.Object()
		conditions, users := o["conditions"].(map[string]any), o["conditions"].(map[string]any)["users"].(map[string]any)
		conditions["platforms"] = map[string]any{"includePlatforms": []any{"all"}, "excludePlatforms": []any{"iOS"}}
		conditions["signInRiskLevels"] = []any{"high"}
		users["excludeGuestsOrExternalUsers"] = map[string]any{"guestOrExternalUserTypes": "internalGuest"}
		o["grantControls"] = map[string]any{"operator": "OR", "builtInControls": []any{"mfa"}, "termsOfUse": []any{}, "authenticationStrength@odata.context": "x"}
		session := o["sessionControls"].(map[string]any)
		session["persistentBrowser"] = map[string]any{"mode": "always", "isEnabled": true}
		session["disableResilienceDefaults"] = true
	})
	sent := body(t, c, "update")
	for path, want := range map[string]any{
		"conditions.platforms": nil, "conditions.signInRiskLevels": []any{}, "conditions.users.excludeGuestsOrExternalUsers": nil,
		"grantControls.builtInControls": []any{}, "sessionControls.persistentBrowser": nil, "sessionControls.disableResilienceDefaults": nil,
	} {
		holder, name := sent, path
		for {
			outer, inner, deep := strings.Cut(name, ".")
			if !deep {
				break
			}
			holder, name = holder[outer].(map[string]any), inner
		}
		if got, ok := holder[name]; !ok || !same(got, want) {
			t.Errorf("%s: %v is sent, %t", path, got, ok)
		}
	}
	strength, _ := sent["grantControls"].(map[string]any)["authenticationStrength"].(map[string]any)
	if len(strength) != 1 || strength["id"] == nil || sent["grantControls"].(map[string]any)["operator"] == nil {
		t.Errorf("%v", strength)
	}
	annotations(t, f.name, sent)
	for _, name := range []string{"templateId", "deletedDateTime", "partialEnablementStrategy", "deviceStates", "createdDateTime"} {
		if names(sent, name) {
			t.Errorf("%s is sent", name)
		}
	}
	// Nothing but a session: the grant goes as a whole.
	session := f.changed(t, func(doc catalog.Document) { doc.Object()["grantControls"] = nil })
	change, err := f.row.Update(session.payload, f.payload, catalog.SameTenant, nil)
	if err != nil || !strings.Contains(string(change.Steps[0].Body), `"grantControls":null`) {
		t.Errorf("%v: %+v", err, change.Steps)
	}
}

// Nothing switches a policy on. One that was on when it was captured stays on where
// it is on; what was off is off.
func TestAccessIsNotSwitchedOn(t *testing.T) {
	const on, report, off = "enabled", "enabledForReportingButNotEnforced", "disabled"
	base := readFixture(t, "conditional-access-policy")
	for _, try := range []struct {
		captured, live, want any
	}{
		{on, on, on}, {on, report, report}, {on, off, report}, {report, on, report}, {report, report, report}, {report, off, report},
		{off, on, off}, {off, report, off}, {off, off, off}, {"later", off, report}, {nil, on, on}, {nil, off, off},
	} {
		f := base.changed(t, func(doc catalog.Document) { doc.Object()["state"] = try.captured })
		for _, otherwise := range []bool{false, true} {
			change, c := f.updated(t, func(doc catalog.Document) {
				if doc.Object()["state"] = try.live; otherwise {
					renamed(f)(doc)
				}
			})
			var want struct{ Object struct{ State any } }
			if err := json.Unmarshal(change.Want, &want); err != nil || want.Object.State != try.want {
				t.Errorf("%+v: %v is wanted", try, want.Object.State)
			}
			if otherwise || try.want != try.live {
				if sent := body(t, c, "update"); sent["state"] != try.want {
					t.Errorf("%+v: %v is sent", try, sent["state"])
				}
			} else if len(c.Steps) > 0 {
				t.Errorf("%+v: %s", try, texts(c))
			}
		}
	}
}

// Without the excluded emergency account everyone is locked out: an id that is not
// found is told, and is of no assignment.
func TestUnmappedExclusionStopsAccess(t *testing.T) {
	f := readFixture(t, "conditional-access-policy")
	for _, typeID := range []string{catalog.TypeGroup, "named-location", "authentication-context", "authentication-strength-policy"} {
		c, err := f.to(elsewhere(typeID), t, func(catalog.Document) {})
		if ids, onlyAssignment := unresolvedOf(catalog.Creation{Unresolved: c.Unresolved}, typeID); err != nil || len(ids) == 0 || onlyAssignment {
			t.Errorf("%s: %v, %v", typeID, ids, err)
		}
	}
}

// The name of a strength, its combinations and their configurations are three calls.
func TestStrengthIsUpdatedByItsCalls(t *testing.T) {
	f := readFixture(t, "authentication-strength-policy")
	path := f.row.Collection + "/{id}"
	_, c := f.updated(t, func(doc catalog.Document) {
		renamed(f)(doc)
		doc.Object()["allowedCombinations"] = []any{"password,sms"}
		doc["combinationConfigurations"].([]any)[0].(map[string]any)["allowedAAGUIDs"] = []any{}
		doc["combinationConfigurations"] = append(doc["combinationConfigurations"].([]any), map[string]any{"@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration", "id": "goes", "appliesToCombinations": []any{"x509CertificateMultiFactor"}})
	})
	var got []string
	for _, s := range c.Steps {
		got = append(got, s.Method+" "+s.Path)
	}
	if want := []string{
		"DELETE " + path + "/combinationConfigurations/goes", "PATCH " + path, "POST " + path + "/updateAllowedCombinations",
		"PATCH " + path + "/combinationConfigurations/00000407-1111-4222-8333-000000000407",
	}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if sent := body(t, c, "update"); len(sent) != 2 || sent["displayName"] == nil || sent["description"] == nil {
		t.Errorf("%v", sent)
	}
	if sent := body(t, c, "combinations"); !same(sent, map[string]any{"allowedCombinations": []any{"windowsHelloForBusiness", "fido2"}}) {
		t.Errorf("%v", sent)
	}
	unread := f.changed(t, func(doc catalog.Document) { delete(doc, "combinationConfigurations") })
	if _, err := f.row.Update(unread.payload, f.payload, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("unread: %v", err)
	}
}

// Deletions.

// What a restore made can be taken away; what the service made, or what of others
// would go with it, cannot.
func TestDeletions(t *testing.T) {
	methods := func(steps []catalog.Step) []string {
		var out []string
		for _, s := range steps {
			out = append(out, s.Method)
		}
		return out
	}
	for _, f := range allFixtures(t) {
		steps, err := f.row.Delete(f.payload)
		switch forbidden := f.row.Restorability.Level != catalog.Full || f.row.BuiltIn.Only || strings.HasSuffix(f.name, ".built-in") ||
			f.row.ID == "device-category" || f.row.ID == "role-scope-tag"; {
		case forbidden && !errors.Is(err, catalog.ErrNotDeletable):
			t.Errorf("%s is deleted: %v", f.name, err)
		case !forbidden && (err != nil || steps[len(steps)-1].Method != "DELETE"):
			t.Errorf("%s: %v, %+v", f.name, err, steps)
		}
		if _, err := f.row.Delete([]byte(`{}`)); err == nil {
			t.Errorf("%s: nothing is deleted", f.name)
		}
	}
	location := readFixture(t, "named-location")
	steps, err := location.row.Delete(location.payload)
	if err != nil || !slices.Equal(methods(steps), []string{"PATCH", "DELETE"}) || string(steps[0].Body) != `{"@odata.type":"#microsoft.graph.ipNamedLocation","isTrusted":false}` || steps[1].Await.Value != "false" {
		t.Errorf("a trusted location: %v, %+v", err, steps)
	}
	plain := location.changed(t, func(doc catalog.Document) { doc.Object()["isTrusted"] = false })
	if steps, err := plain.row.Delete(plain.payload); err != nil || len(steps) != 1 || steps[0].Await.Path != "" {
		t.Errorf("a location: %v, %+v", err, steps)
	}
	profile := readFixture(t, "autopilot-deployment-profile")
	steps, err = profile.row.Delete(profile.payload)
	if err != nil || len(steps) < 2 || !strings.Contains(steps[0].Path, "/{id}/assignments/") {
		t.Errorf("an assigned profile: %v, %+v", err, steps)
	}
	limit := readFixture(t, "enrollment-limit").changed(t, func(doc catalog.Document) { doc.Object()["id"] = "x_DefaultLimit" })
	if _, err := limit.row.Delete(limit.payload); !errors.Is(err, catalog.ErrNotDeletable) {
		t.Errorf("a default: %v", err)
	}
}

// Verification.

// An object is as it was wanted, although the service filled in what nobody set,
// and is not when anything that was wanted is not so.
func TestSame(t *testing.T) {
	r := row(t, settingsCatalog)
	const want = `{"graphId":"a","object":{"id":"a","name":"A","description":null,"platforms":"windows10,macOS","on":true,"list":[1,2],"empty":[],"nothing":{}},"settings":[{"id":"0","v":{"a":1}},{"id":"1","v":{"b":false}}],"assignments":[{"target":{"groupId":"g"}}],"secrets":{"p":"d1","q":"d2"}}`
	for got, same := range map[string]bool{
		want: true,
		`{"graphId":"b","object":{"id":"b","name":"A","description":"","platforms":"macOS,windows10","on":true,"list":[1,2],"new":false,"newer":"none","newest":[]},"settings":[{"id":"7","v":{"b":false}},{"id":"8","v":{"a":1,"filled":false}}],"assignments":[{"id":"x","source":"direct","target":{"groupId":"g","deviceAndAppManagementAssignmentFilterType":"none"}}],"secrets":{"p":"d1"}}`: true,
		strings.Replace(want, `,"secrets":{"p":"d1","q":"d2"}`, ``, 1):                                  true,
		strings.Replace(want, `"d1"`, `"other"`, 1):                                                     false,
		strings.Replace(want, `"on":true`, `"on":false`, 1):                                             false,
		strings.Replace(want, `"on":true,`, ``, 1):                                                      false,
		strings.Replace(want, `"b":false`, `"c":false`, 1):                                              false,
		strings.Replace(want, `"description":null`, `"description":"text"`, 1):                          false,
		strings.Replace(want, `"description":null`, `"description":true`, 1):                            false,
		strings.Replace(want, `[1,2]`, `[2,1]`, 1):                                                      false,
		strings.Replace(want, `[1,2]`, `[1]`, 1):                                                        false,
		strings.Replace(want, `"groupId":"g"`, `"groupId":"h"`, 1):                                      false,
		strings.Replace(want, `{"target":{"groupId":"g"}}`, ``, 1):                                      false,
		strings.Replace(want, `"assignments":[{"target":{"groupId":"g"}}]`, `"assignments":{"a":1}`, 1): false,
		strings.Replace(want, `{"id":"1","v":{"b":false}}`, `{"id":"1","v":{"a":1}}`, 1):                false,
	} {
		if is, err := r.Same([]byte(want), []byte(got)); is != same || err != nil {
			paths, _ := r.Unlike([]byte(want), []byte(got))
			t.Errorf("%s: %t, %v, %v", got, is, paths, err)
		}
	}
	if _, err := r.Same([]byte(want), []byte(`[]`)); err == nil {
		t.Error("a list is as it was wanted")
	}
	paths, err := r.Unlike([]byte(want), []byte(strings.Replace(strings.Replace(want, `"on":true`, `"on":false`, 1), `"groupId":"g"`, `"groupId":"h"`, 1)))
	if err != nil || !slices.Equal(paths, []string{"assignments[0]", "object.on"}) {
		t.Errorf("%v, %v", paths, err)
	}
	// What no restore writes does not count.
	driver := readFixture(t, "windows-driver-update-profile")
	if same, err := driver.row.Same(driver.payload, driver.changed(t, func(doc catalog.Document) { doc["driverInventories"] = []any{} }).payload); !same || err != nil {
		t.Errorf("approvals count: %v", err)
	}
}

// What a create wants is what a capture shows: mapped, report-only, and without the
// assignments that are not made.
func TestWantOfACreation(t *testing.T) {
	document := func(c catalog.Creation) catalog.Document {
		t.Helper()
		doc, err := catalog.Decode(c.Want)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	access := readFixture(t, "conditional-access-policy")
	if doc := document(access.made(t, elsewhere())); doc.Object()["state"] != "enabledForReportingButNotEnforced" || doc["graphId"] != nil {
		t.Errorf("%v of %v", doc.Object()["state"], doc["graphId"])
	}
	compliance := readFixture(t, "device-compliance-policy")
	excluded := reference(t, compliance, catalog.TypeGroup, "Devices: excluded")
	if doc := document(compliance.made(t, elsewhere(excluded))); doc["assignments"] != nil {
		t.Errorf("%v", doc["assignments"])
	}
	want := document(compliance.made(t, elsewhere()))
	if got := len(want["assignments"].([]any)); got != len(listAt(t, body(t, compliance.made(t, elsewhere()), "assign"), "assignments")) {
		t.Errorf("%d assignments", got)
	}
	named := want[catalog.MemberReferences].(map[string]any)[catalog.TypeGroup].(map[string]any)
	if named["elsewhere-"+excluded] == nil || named[excluded] != nil {
		t.Errorf("names of %v", named)
	}
	win32 := readFixture(t, "mobile-app-win32")
	if doc := document(win32.made(t, elsewhere())); doc["assignments"] != nil || doc.Object()["size"] != nil {
		t.Errorf("%v, %v", doc["assignments"], doc.Object()["size"])
	}
	feature := readFixture(t, "windows-feature-update-profile").changed(t, func(doc catalog.Document) {
		doc.Object()["installLatestWindows10OnWindows11IneligibleDevice"] = true
	})
	if doc := document(feature.made(t, elsewhere())); doc.Object()["installLatestWindows10OnWindows11IneligibleDevice"] != nil {
		t.Error("a refused choice is wanted")
	}
}

func spelt(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
