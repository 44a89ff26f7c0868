package catalog_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// Each test is named for a mistake that public tools have made, or that would be
// the most dangerous one in its family, and shows that a row or a creation does
// not make it. The comment at the end names those that only an update, a plan or
// a capture can make.

// Rules that hold for every type.

// POST /assign replaces the whole list; POST on /assignments is no route for types
// that have it ("No OData route exists").
func TestAssignIsSentOnceWithTheWholeList(t *testing.T) {
	for _, f := range allFixtures(t) {
		a := f.row.Assign
		if a.Path == "" || !a.ReplacesAll {
			continue
		}
		if !strings.HasSuffix(a.Path, "/assign") && !strings.HasSuffix(a.Path, "/update") {
			t.Errorf("%s: is assigned by %s", f.row.ID, a.Path)
		}
		c, err := f.create(catalog.SameTenant)
		if err != nil {
			continue
		}
		if n := len(bodies(t, c, "assign")); n > 1 {
			t.Errorf("%s: %d requests assign it: the last one would be the whole truth", f.name, n)
		}
		// Nothing is live before it is complete.
		if i := slices.Index(stepNames(c), "assign"); i >= 0 {
			for _, s := range c.Steps[i+1:] {
				if s.Name != "priority" {
					t.Errorf("%s: %s comes after the assignment", f.name, s.Name)
				}
			}
		}
	}
}

// A wrong key answers 2xx and assigns nothing, or clears everything.
func TestAssignHasTheBodyKeyOfItsType(t *testing.T) {
	others := map[string]string{
		"windows-platform-script":       "deviceManagementScriptAssignments",
		"macos-shell-script":            "deviceManagementScriptAssignments",
		"macos-custom-attribute-script": "deviceManagementScriptAssignments",
		"device-health-script":          "deviceHealthScriptAssignments",
		"hardware-configuration":        "hardwareConfigurationAssignments",
	}
	for _, f := range groupOne(t) {
		if f.row.Assign.Path == "" || f.row.ID == "terms-and-conditions" {
			continue
		}
		key := others[f.row.ID]
		if key == "" {
			key = "assignments"
		}
		c, err := f.create(catalog.SameTenant)
		if err != nil || !hasStep(c, "assign") {
			continue
		}
		sent := body(t, c, "assign")
		if _, ok := sent[key].([]any); !ok || len(sent) != 1 {
			t.Errorf("%s: assigned by %v", f.name, sent)
		}
	}
	// Terms take one request for each target.
	c := readFixture(t, "terms-and-conditions").made(t, catalog.SameTenant)
	for _, sent := range bodies(t, c, "assign") {
		if _, ok := sent["target"].(map[string]any); !ok || len(sent) != 1 {
			t.Errorf("terms: assigned by %v", sent)
		}
	}
}

// groupOne are the fixtures of this file's types.
func groupOne(t *testing.T) []fixture {
	t.Helper()
	families := []catalog.Family{catalog.FamilyConfiguration, catalog.FamilyEndpointSecurity, catalog.FamilyCompliance, catalog.FamilyScripts, catalog.FamilyUpdates, catalog.FamilyTenant}
	return slices.DeleteFunc(allFixtures(t), func(f fixture) bool {
		return !slices.Contains(families, f.row.Family) || strings.HasPrefix(f.row.Collection, "identity")
	})
}

// Of an assignment its target is sent, and of a remediation when it runs; those
// of a policy set belong to it and come back with it.
func TestAssignSendsOnlyTargetsOfItsOwn(t *testing.T) {
	for _, f := range groupOne(t) {
		c, err := f.create(catalog.SameTenant)
		if err != nil || f.row.Assign.Path == "" {
			continue
		}
		for _, sent := range bodies(t, c, "assign") {
			items := []map[string]any{sent}
			if f.row.Assign.ReplacesAll {
				items = listAt(t, sent, f.row.Assign.BodyKey)
			}
			for _, item := range items {
				for name := range item {
					if name != "target" && (f.row.ID != "device-health-script" || name != "runSchedule" && name != "runRemediationScript") {
						t.Errorf("%s: sends %s of an assignment", f.name, name)
					}
				}
			}
		}
	}
	f := readFixture(t, "settings-catalog-policy")
	if desk := reference(t, f, catalog.TypeGroup, "Service desk"); strings.Contains(texts(f.made(t, catalog.SameTenant)), desk) {
		t.Error("the assignment of a policy set is made again")
	}
}

// The service's own properties, links and annotations are refused in a body, or
// ignored in one release and refused in the next.
func TestNothingOfTheServiceIsSent(t *testing.T) {
	never := []string{"id", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "supportsScopeTags", "isAssigned", "settingCount", "creationSource"}
	for _, f := range groupOne(t) {
		c, err := f.create(catalog.SameTenant)
		if err != nil {
			continue
		}
		for _, sent := range bodies(t, c, "") {
			for _, name := range never {
				if _, ok := sent[name]; ok {
					t.Errorf("%s: sends %s", f.name, name)
				}
			}
			annotations(t, f.name, sent)
		}
	}
}

// annotations reports members that are annotations but for types and bindings.
func annotations(t *testing.T, name string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if strings.HasPrefix(k, "#") || strings.Contains(k, "@") && k != "@odata.type" && !strings.HasSuffix(k, "@odata.bind") {
				t.Errorf("%s: sends %s", name, k)
			}
			annotations(t, name, member)
		}
	case []any:
		for _, e := range v {
			annotations(t, name, e)
		}
	}
}

// Ids are mapped wherever they stand: none of the tenant that was captured is
// left in what is sent to another one.
func TestNoIdOfTheOldTenantIsSent(t *testing.T) {
	for _, f := range groupOne(t) {
		doc, err := catalog.Decode(f.payload)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.create(func(typeID, _ string) (string, bool) { return "mapped:" + typeID, true })
		if err != nil {
			continue
		}
		sent := texts(c)
		for _, r := range f.row.Referenced(doc) {
			if len(r.ID) > 1 && strings.Contains(sent, r.ID) {
				t.Errorf("%s: sends the %s %s", f.name, r.Type, r.ID)
			}
			if !strings.Contains(sent, "mapped:"+r.Type) {
				t.Errorf("%s: the new %s is not sent", f.name, r.Type)
			}
		}
		if len(c.Unresolved) > 0 {
			t.Errorf("%s: %v", f.name, c.Unresolved)
		}
	}
}

// A dropped target is worse than a failed one: without an exclusion a policy
// reaches more devices, and without a filter all of them.
func TestUnmappedTargetStopsTheWholeAssignment(t *testing.T) {
	f := readFixture(t, "device-compliance-policy")
	for _, missing := range []string{
		reference(t, f, catalog.TypeGroup, "Devices: excluded"),
		reference(t, f, catalog.TypeGroup, "Devices: pilot"),
		reference(t, f, catalog.TypeFilter, "Kiosks"),
	} {
		c := f.made(t, elsewhere(missing))
		if hasStep(c, "assign") {
			t.Errorf("%s is unknown, and the rest is assigned", missing)
		}
		if !hasStep(c, "create") || len(c.Unresolved) != 1 || c.Unresolved[0].ID != missing || !c.Unresolved[0].Assignment {
			t.Errorf("%s is unknown: %v, %+v", missing, stepNames(c), c.Unresolved)
		}
	}
	if c := f.made(t, elsewhere()); !hasStep(c, "assign") {
		t.Error("everything is known, and nothing is assigned")
	}
}

// All five script collections moved to permissions of their own in July 2025.
func TestScriptsHaveTheirOwnPermissions(t *testing.T) {
	for _, id := range []string{"windows-platform-script", "device-health-script", "macos-shell-script", "macos-custom-attribute-script", "device-compliance-script"} {
		r := row(t, id)
		if r.ReadPermissions[0] != "DeviceManagementScripts.Read.All" || !slices.Contains(r.WritePermissions, "DeviceManagementScripts.ReadWrite.All") {
			t.Errorf("%s: %v, %v", id, r.ReadPermissions, r.WritePermissions)
		}
	}
}

// An empty text is a value as well: what is left out of a whole body is lost, and
// of a new object it takes a default.
func TestEmptyValuesAndScopeTagsAreSent(t *testing.T) {
	for _, f := range groupOne(t) {
		c, err := f.create(catalog.SameTenant)
		if err != nil {
			continue
		}
		all := bodies(t, c, "")
		for name, value := range f.object(t) {
			switch {
			case value == nil, strings.Contains(name, "@") && name != "@odata.type", slices.Contains(f.row.Strip.Create, name), name == "roleScopeTags" && f.row.ID == "role-assignment":
				continue
			case slices.Contains([]string{"id", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "isAssigned", "supportsScopeTags"}, name):
				continue
			case f.row.ID == "intune-branding-profile" && (name == "isDefaultProfile" || name == "disableClientTelemetry"):
				continue // no call takes them
			case f.row.ID == "windows-feature-update-profile" && name == "installLatestWindows10OnWindows11IneligibleDevice":
				continue // true is refused
			}
			if !slices.ContainsFunc(all, func(sent map[string]any) bool { _, ok := sent[name]; return ok }) {
				t.Errorf("%s: %s is lost", f.name, name)
			}
		}
	}
}

// What is learned from an answer belongs into paths: people write {id} into texts,
// and so do definitions of settings.
func TestTextsInBracesStayAsTheyAre(t *testing.T) {
	f := readFixture(t, "notification-message-template").changed(t, func(doc catalog.Document) {
		for _, m := range listAt(t, doc.Object(), "localizedNotificationMessages") {
			m["subject"] = "{id} of {{UserName}}"
		}
	})
	for _, s := range f.made(t, catalog.SameTenant).Steps[1:] {
		filled := s.Fill(map[string]string{"id": "new", "UserName": "x"})
		if !strings.Contains(string(filled.Body), `"{id} of {{UserName}}"`) {
			t.Errorf("the text became %s", filled.Body)
		}
		if strings.Contains(filled.Path, "{") || !strings.Contains(filled.Path, "new") {
			t.Errorf("the path is %s", filled.Path)
		}
	}
}

// Settings catalog, endpoint security, baselines, inventory policies.

var settingsTypes = []string{"settings-catalog-policy", "endpoint-security-policy", "security-baseline-policy", "linux-compliance-policy", "inventory-policy"}

// PATCH answers 200 and leaves the settings as they were.
func TestSettingsAreReplacedByPUTNotPATCH(t *testing.T) {
	for _, id := range append(slices.Clone(settingsTypes), "reusable-policy-setting") {
		if u := row(t, id).UpdateCall; u.Method != "PUT" || !u.Whole {
			t.Errorf("%s: %+v", id, u)
		}
	}
}

// Pages hold 25 settings. A capture that stopped there would delete the others on
// every device with the next PUT.
func TestSettingsPastThe25thAreMissed(t *testing.T) {
	for _, id := range settingsTypes {
		r := row(t, id)
		i := slices.IndexFunc(r.Parts, func(p catalog.Part) bool { return p.Name == catalog.PartSettings })
		if i < 0 || !r.Parts[i].Paged || r.Parts[i].CountProperty != "settingCount" {
			t.Errorf("%s: %+v", id, r.Parts)
		}
		if strings.Contains(r.Parts[0].Query, "expand=settings") {
			t.Errorf("%s: settings are read with the object, which does not page", id)
		}
	}
	settings := []any{}
	for i := range 60 {
		settings = append(settings, map[string]any{"id": string(rune('a' + i)), "settingInstance": map[string]any{"settingDefinitionId": "x", "n": i}})
	}
	f := readFixture(t, "settings-catalog-policy").changed(t, func(doc catalog.Document) { doc[catalog.PartSettings] = settings })
	if sent := listAt(t, body(t, f.made(t, catalog.SameTenant), "create"), "settings"); len(sent) != 60 {
		t.Errorf("%d of 60 settings are sent", len(sent))
	}
	// A policy whose settings could not be read is not made without them.
	f = f.changed(t, func(doc catalog.Document) { delete(doc, catalog.PartSettings) })
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("without settings: %v", err)
	}
}

// A token that stands for a secret would be written as if it were the secret.
func TestSecretTokenIsNeverWrittenBack(t *testing.T) {
	f := readFixture(t, "settings-catalog-policy.secret")
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret of a setting: %v", err)
	}
	deep := readFixture(t, "endpoint-security-policy.reusable").changed(t, func(doc catalog.Document) {
		group := listAt(t, doc, "settings")[0]["settingInstance"].(map[string]any)
		child := listAt(t, listAt(t, group, "groupSettingCollectionValue")[0], "children")[0]
		child["simpleSettingValue"] = map[string]any{"@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue", "value": "token", "valueState": "encryptedValueToken"}
	})
	if _, err := deep.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret deep in a tree: %v", err)
	}
	reusable := readFixture(t, "reusable-policy-setting.script").changed(t, func(doc catalog.Document) {
		doc.Object()["settingInstance"].(map[string]any)["simpleSettingValue"].(map[string]any)["valueState"] = "encryptedValueToken"
	})
	if _, err := reusable.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a secret of a reusable setting: %v", err)
	}
	for _, secret := range []fixture{f, deep} {
		doc, err := catalog.Decode(secret.payload)
		if err != nil {
			t.Fatal(err)
		}
		if len(secret.row.UnreadableSecrets(doc)) != 1 {
			t.Errorf("%s: the version does not say that a secret is missing", secret.name)
		}
	}
}

// Expanded on the item, the assignments of endpoint security are an empty list,
// and a restore of that would clear them.
func TestAssignmentsAreReadByTheirOwnPath(t *testing.T) {
	for _, r := range catalog.All() {
		if r.Assign.Path == "" || r.Family != catalog.FamilyEndpointSecurity && r.Family != catalog.FamilyConfiguration {
			continue
		}
		i := slices.IndexFunc(r.Parts, func(p catalog.Part) bool { return p.Name == catalog.PartAssignments })
		if i < 0 || !strings.HasSuffix(r.Parts[i].Path, "/{id}/assignments") || !r.Parts[i].Paged {
			t.Errorf("%s: %+v", r.ID, r.Parts)
		}
		if strings.Contains(r.Parts[0].Query, "assignments") {
			t.Errorf("%s: expands assignments", r.ID)
		}
	}
	f := readFixture(t, "endpoint-security-policy")
	if sent := listAt(t, body(t, f.made(t, catalog.SameTenant), "assign"), "assignments"); len(sent) != 3 {
		t.Errorf("%d of 3 assignments", len(sent))
	}
	// Assignments that were not read are not taken for none.
	with := f.changed(t, func(doc catalog.Document) { doc[catalog.PartAssignments] = []any{} })
	without := f.changed(t, func(doc catalog.Document) { delete(doc, catalog.PartAssignments) })
	a, errA := with.row.ContentHash(with.payload)
	b, errB := without.row.ContentHash(without.payload)
	if a == b || errA != nil || errB != nil {
		t.Errorf("unread assignments look like none: %v, %v", errA, errB)
	}
}

// A template version is bound to ids that differ in case from place to place
// ("Invalid Reference id found in Policy created from Template").
func TestTemplateIdsKeepTheirCase(t *testing.T) {
	const mixed = "7C7dc01b-fbad-4476-BBd9-97d6fdd6f557"
	f := readFixture(t, "security-baseline-policy").changed(t, func(doc catalog.Document) {
		instance := listAt(t, doc, "settings")[0]["settingInstance"].(map[string]any)
		instance["settingInstanceTemplateReference"] = map[string]any{"settingInstanceTemplateId": mixed}
	})
	if sent := texts(f.made(t, elsewhere())); !strings.Contains(sent, mixed) {
		t.Error("the case of a template id changed")
	}
	if !slices.Contains(f.row.Identity, "templateReference.templateId") {
		t.Error("another version of a template is taken for the same policy")
	}
}

// Device configurations and update rings.

var rollbacks = []string{"qualityUpdatesWillBeRolledBack", "featureUpdatesWillBeRolledBack", "qualityUpdatesRollbackStartDateTime", "featureUpdatesRollbackStartDateTime"}

// *WillBeRolledBack is a command: devices uninstall updates and restart.
func TestUpdateRingNeverRollsBack(t *testing.T) { ringNever(t, rollbacks) }

// *Paused is a command too: a ring would stand still for 35 days.
func TestUpdateRingNeverPauses(t *testing.T) {
	ringNever(t, []string{"qualityUpdatesPaused", "featureUpdatesPaused", "qualityUpdatesPauseStartDate", "featureUpdatesPauseStartDate", "qualityUpdatesPauseExpiryDateTime", "featureUpdatesPauseExpiryDateTime"})
}

func ringNever(t *testing.T, commands []string) {
	t.Helper()
	f := readFixture(t, "windows-update-ring")
	sent := body(t, f.made(t, catalog.SameTenant), "create")
	for _, name := range commands {
		if _, captured := f.object(t)[name]; !captured {
			t.Errorf("the fixture lacks %s", name)
		}
		if _, ok := sent[name]; ok {
			t.Errorf("%s is sent", name)
		}
		if !slices.Contains(f.row.Strip.Update, name) {
			t.Errorf("%s is sent in an update", name)
		}
		// Nor does it make a version when somebody pauses a ring.
		if !slices.Contains(f.row.Volatile, "object."+name) {
			t.Errorf("%s is content", name)
		}
	}
}

// Without its derived type an object is refused, or becomes another one.
func TestObjectWithoutItsDerivedTypeIsNotCreated(t *testing.T) {
	for _, f := range groupOne(t) {
		if !slices.Contains(f.row.CreateCall.Required, "@odata.type") {
			continue
		}
		if _, err := f.create(catalog.SameTenant); err != nil {
			continue
		}
		bare := f.changed(t, func(doc catalog.Document) { delete(doc.Object(), "@odata.type") })
		if _, err := bare.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s: %v", f.name, err)
		}
		if sent := body(t, f.made(t, catalog.SameTenant), "create"); sent["@odata.type"] != f.object(t)["@odata.type"] {
			t.Errorf("%s: %v is sent", f.name, sent["@odata.type"])
		}
	}
	for _, id := range []string{"device-configuration", "windows-update-ring", "device-configuration-custom-oma", "device-configuration-network-certificate", "device-configuration-apple-custom", "device-compliance-policy"} {
		if !slices.Contains(row(t, id).CreateCall.Required, "@odata.type") {
			t.Errorf("%s: may be created without its derived type", id)
		}
	}
}

// They are read with the object and refused in its body: they go by a call of
// their own, or would be lost without a word.
func TestPrivacyAccessControlsAreSentOnTheirOwn(t *testing.T) {
	f := readFixture(t, "device-configuration")
	c := f.made(t, catalog.SameTenant)
	if names(body(t, c, "create"), "privacyAccessControls") {
		t.Error("they are in the body")
	}
	sent := listAt(t, body(t, c, "privacy access controls"), "windowsPrivacyAccessControls")
	if len(sent) != len(listAt(t, f.object(t), "privacyAccessControls")) || sent[1]["appPackageFamilyName"] != "Contoso.Phone_8wekyb3d8bbwe" {
		t.Errorf("%v is sent", sent)
	}
	if !slices.Contains(f.row.Strip.Update, "privacyAccessControls") {
		t.Error("they are in the body of an update")
	}
}

// Custom OMA-URI and Apple custom profiles.

// "****" and base64 of "<a/>" stand for values that were not read. Written back,
// they reach every device.
func TestMaskedValueIsNeverWritten(t *testing.T) {
	f := readFixture(t, "device-configuration-custom-oma")
	for missing := range f.secrets {
		kept := map[string]string{}
		for place, secret := range f.secrets {
			if place != missing {
				kept[place] = secret
			}
		}
		lacking := f
		lacking.secrets = kept
		if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
	sent := texts(f.made(t, catalog.SameTenant))
	for _, mask := range []string{`"****"`, `"PGEvPg=="`} {
		if strings.Contains(sent, mask) {
			t.Errorf("%s is sent", mask)
		}
	}
	// A setting that says it is encrypted, without a reference to its value.
	f = readFixture(t, "device-configuration-custom-oma.unread-secret").changed(t, func(doc catalog.Document) {
		listAt(t, doc.Object(), "omaSettings")[0]["secretReferenceValueId"] = nil
	})
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("without a reference: %v", err)
	}
}

// The value of XML is binary. Sent as text it is refused or garbled, encoded twice
// it is base64 on the device; \r that comes or goes breaks values of ADMX.
func TestOMAValuesAreTheSameBytes(t *testing.T) {
	f := readFixture(t, "device-configuration-custom-oma")
	captured := listAt(t, f.object(t), "omaSettings")
	sent := listAt(t, body(t, f.made(t, catalog.SameTenant), "create"), "omaSettings")
	want := []any{
		"<WLANProfile>\r\n<sharedKey>a key</sharedKey>\n</WLANProfile>",
		"PExheW91dD7DpDwvTGF5b3V0Pg0K", // base64 of "<Layout>ä</Layout>\r\n", once
		json.Number("2147483647"), json.Number("0.10000000000000000001"), true,
		"2025-03-02T10:00:00Z", "AAECAwQF/w==", "PGE+DQo8L2E+", "<enabled/>\r\n<data id=\"a\" value=\"ä\"/>\n",
	}
	if len(sent) != len(captured) || len(sent) != len(want) {
		t.Fatalf("%d of %d settings", len(sent), len(captured))
	}
	kinds := map[any]bool{}
	for i, s := range sent {
		kinds[s["@odata.type"]] = true
		if s["value"] != want[i] || s["@odata.type"] != captured[i]["@odata.type"] || s["omaUri"] != captured[i]["omaUri"] {
			t.Errorf("%v of %v", s, captured[i])
		}
	}
	if len(kinds) != 7 {
		t.Errorf("%d of the seven kinds are tried", len(kinds))
	}
}

// "SecretReferenceValueId invalid for create."
func TestSecretReferenceIsNotSent(t *testing.T) {
	f := readFixture(t, "device-configuration-custom-oma")
	c := f.made(t, catalog.SameTenant)
	for _, name := range []string{"secretReferenceValueId", "isEncrypted"} {
		if names(body(t, c, "create"), name) || !slices.Contains(f.row.Strip.Update, "omaSettings[]."+name) {
			t.Errorf("%s is sent", name)
		}
	}
}

// A profile that was parsed and written again has lost its signature.
func TestAppleProfileKeepsItsBytes(t *testing.T) {
	f := readFixture(t, "device-configuration-apple-custom")
	if sent := body(t, f.made(t, catalog.SameTenant), "create"); sent["payload"] != f.object(t)["payload"] || sent["payload"] == nil {
		t.Errorf("%v is sent", sent["payload"])
	}
	if !slices.ContainsFunc(f.row.Secrets, func(s catalog.Secret) bool { return s.Where == "object.payload" && s.Restorable }) {
		t.Error("a payload may hold secrets in clear, which no row says")
	}
}

// Network and certificate profiles.

// Certificates are in no body of a read. A Wi-Fi profile that is live without
// them takes devices off the network.
func TestCertificatesAreBoundInTheCreate(t *testing.T) {
	const root = "https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('"
	f := readFixture(t, "device-configuration-network-certificate")
	id := func(name string) string { return reference(t, f, f.row.ID, name) }
	sent := body(t, f.made(t, catalog.SameTenant), "create")
	if sent["identityCertificateForClientAuthentication@odata.bind"] != root+id("Windows: device certificate")+"')" {
		t.Errorf("identity: %v", sent["identityCertificateForClientAuthentication@odata.bind"])
	}
	if want := []any{root + id("Windows: issuing CA") + "')", root + id("Windows: root CA") + "')"}; !same(sent["rootCertificatesForServerValidation@odata.bind"], want) {
		t.Errorf("roots: %v", sent["rootCertificatesForServerValidation@odata.bind"])
	}
	// General profiles, for example single sign-on, have them too.
	sso := readFixture(t, "device-configuration.single-sign-on")
	if sent := body(t, sso.made(t, elsewhere()), "create"); sent["singleSignOnExtensionPkinitCertificate@odata.bind"] != root+"elsewhere-"+reference(t, sso, f.row.ID, "iOS: user certificate")+"')" {
		t.Errorf("single sign-on: %v", sent)
	}
}

// A certificate is the one that the mapping says, never one of the same name, and
// one that is not there is told.
func TestCertificateOfTheOldTenantIsNotBound(t *testing.T) {
	for _, name := range []string{"device-configuration-network-certificate", "device-configuration.single-sign-on"} {
		f := readFixture(t, name)
		c := f.made(t, elsewhere("device-configuration-network-certificate"))
		doc, err := catalog.Decode(f.payload)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, r := range f.row.Referenced(doc) {
			if r.Type == "device-configuration-network-certificate" {
				want++
			}
		}
		ids, onlyAssignment := unresolvedOf(c, "device-configuration-network-certificate")
		if len(ids) != want || want == 0 || onlyAssignment {
			t.Errorf("%s: %v of %d certificates are unresolved, only for the assignment: %t", name, ids, want, onlyAssignment)
		}
	}
}

// Microsoft gives out no key. A profile with null or a mask in its place would
// take devices off the network, or leave them without their license.
func TestPreSharedKeyIsNotMadeUp(t *testing.T) {
	for _, name := range []string{"pre-shared-key", "shared-secret"} {
		f := readFixture(t, "device-configuration-network-certificate."+name)
		if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := readFixture(t, "device-configuration-network-certificate.pre-shared-key")
	for kind, secret := range map[string]bool{"open": false, "wpa2Enterprise": false, "wep": true, "wpaPersonal": true, "wpa2Personal": true, "wpa3Personal": true} {
		for _, property := range []string{"wifiSecurityType", "wiFiSecurityType"} {
			changed := f.changed(t, func(doc catalog.Document) {
				delete(doc.Object(), "wifiSecurityType")
				doc.Object()[property] = kind
			})
			if _, err := changed.create(catalog.SameTenant); errors.Is(err, catalog.ErrPlaceholder) != secret {
				t.Errorf("%s %s: %v", property, kind, err)
			}
		}
	}
	// A product key is given out masked.
	upgrade := readFixture(t, "device-configuration.product-key")
	if _, err := upgrade.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("product key: %v", err)
	}
	file := upgrade.changed(t, func(doc catalog.Document) {
		doc.Object()["licenseType"], doc.Object()["productKey"] = "licenseFile", nil
	})
	if _, err := file.create(catalog.SameTenant); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a license that was not read: %v", err)
	}
	file = file.changed(t, func(doc catalog.Document) { doc.Object()["license"] = "<License/>" })
	if _, err := file.create(catalog.SameTenant); err != nil {
		t.Errorf("a license that was read: %v", err)
	}
	// A VPN that signs in with a certificate has no secret.
	vpn := readFixture(t, "device-configuration-network-certificate.shared-secret").changed(t, func(doc catalog.Document) { doc.Object()["authenticationMethod"] = "certificate" })
	if c, err := vpn.create(catalog.SameTenant); err != nil || names(body(t, c, "create"), "sharedSecret") {
		t.Errorf("VPN with a certificate: %v", err)
	}
}

// Certificates first: a profile names them, so that a restore can wait for them.
func TestProfilesNameTheirCertificates(t *testing.T) {
	f := readFixture(t, "device-configuration-network-certificate")
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range f.row.Referenced(doc) {
		if r.Type == f.row.ID {
			n++
		}
	}
	if n != 3 || row(t, "device-configuration").Rank <= f.row.Rank {
		t.Errorf("%d certificates, rank %d", n, f.row.Rank)
	}
}

// Compliance policies and compliance scripts.

// A plain GET leaves the actions out. A policy that was made with a made-up "block
// now" would lock people out at once.
func TestActionsForNonComplianceAreNotMadeUp(t *testing.T) {
	f := readFixture(t, "device-compliance-policy")
	if want := "scheduledActionsForRule($expand=scheduledActionConfigurations)"; !strings.Contains(f.row.Parts[0].Query, want) {
		t.Errorf("the object is read with %q", f.row.Parts[0].Query)
	}
	for _, p := range f.row.Parts {
		if strings.HasSuffix(p.Path, "scheduledActionsForRule") {
			t.Errorf("there is no route %s", p.Path)
		}
	}
	actions := func(change func(all []any) []any) fixture {
		return f.changed(t, func(doc catalog.Document) {
			rule := listAt(t, doc.Object(), "scheduledActionsForRule")[0]
			rule["scheduledActionConfigurations"] = change(rule["scheduledActionConfigurations"].([]any))
		})
	}
	for what, lacking := range map[string]fixture{
		"no actions": f.changed(t, func(doc catalog.Document) { delete(doc.Object(), "scheduledActionsForRule") }),
		"null":       f.changed(t, func(doc catalog.Document) { doc.Object()["scheduledActionsForRule"] = nil }),
		"no block":   actions(func(all []any) []any { return all[1:] }),
		"two blocks": actions(func(all []any) []any { return append(all, all[0]) }),
	} {
		if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s: %v", what, err)
		}
	}
	rules := listAt(t, body(t, f.made(t, catalog.SameTenant), "create"), "scheduledActionsForRule")
	if len(rules) != 1 || rules[0]["ruleName"] != "PasswordRequired" {
		t.Fatalf("rules: %v", rules)
	}
	for i, want := range []struct {
		kind, hours string
	}{{"block", "0"}, {"notification", "24"}, {"retire", "720"}} {
		action := listAt(t, rules[0], "scheduledActionConfigurations")[i]
		if action["actionType"] != want.kind || action["gracePeriodHours"] != json.Number(want.hours) {
			t.Errorf("%v instead of %v", action, want)
		}
	}
	linux := readFixture(t, "linux-compliance-policy")
	without := linux.changed(t, func(doc catalog.Document) { delete(doc, "scheduledActionsForRule") })
	if _, err := without.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("Linux, unread actions: %v", err)
	}
}

// In a PATCH actions are refused or ignored: they go by a call of their own.
func TestActionsAreNotPartOfAnUpdate(t *testing.T) {
	for _, id := range []string{"device-compliance-policy", "linux-compliance-policy"} {
		if !slices.Contains(row(t, id).Strip.Update, "scheduledActionsForRule") {
			t.Errorf("%s: actions are in the body of an update", id)
		}
	}
	c := readFixture(t, "linux-compliance-policy").made(t, catalog.SameTenant)
	if names(body(t, c, "create"), "scheduledActionsForRule") {
		t.Error("Linux: actions are in the body")
	}
	rules := listAt(t, body(t, c, "actions"), "scheduledActions")
	if len(rules) != 1 || len(listAt(t, rules[0], "scheduledActionConfigurations")) != 2 {
		t.Errorf("Linux: %v", rules)
	}
	if !slices.Equal(stepNames(c), []string{"create", "actions", "assign"}) {
		t.Errorf("Linux: %v", stepNames(c))
	}
}

// With an id of another tenant no mail is sent, and custom compliance is never
// evaluated.
func TestTemplateAndScriptOfAnotherTenantNeedADecision(t *testing.T) {
	for _, name := range []string{"device-compliance-policy", "linux-compliance-policy"} {
		f := readFixture(t, name)
		script := map[string]string{"device-compliance-policy": "device-compliance-script", "linux-compliance-policy": "reusable-policy-setting"}[name]
		for _, missing := range []string{"notification-message-template", script} {
			ids, onlyAssignment := unresolvedOf(f.made(t, elsewhere(missing)), missing)
			if len(ids) != 1 || onlyAssignment {
				t.Errorf("%s without %s: %v, only for the assignment: %t", name, missing, ids, onlyAssignment)
			}
		}
		desk := reference(t, f, catalog.TypeGroup, "Service desk")
		if ids, onlyAssignment := unresolvedOf(f.made(t, elsewhere(desk)), catalog.TypeGroup); len(ids) != 1 || onlyAssignment {
			t.Errorf("%s: nobody in copy: %v, only for the assignment: %t", name, ids, onlyAssignment)
		}
	}
}

// Conditional Access locks out whom an exclusion no longer protects.
func TestComplianceIsNotAssignedMoreWidely(t *testing.T) {
	f := readFixture(t, "device-compliance-policy")
	excluded := reference(t, f, catalog.TypeGroup, "Devices: excluded")
	sent := listAt(t, body(t, f.made(t, catalog.SameTenant), "assign"), "assignments")
	if !slices.ContainsFunc(sent, func(a map[string]any) bool {
		target := a["target"].(map[string]any)
		return target["@odata.type"] == "#microsoft.graph.exclusionGroupAssignmentTarget" && target["groupId"] == excluded
	}) {
		t.Errorf("the exclusion is not sent: %v", sent)
	}
	if hasStep(f.made(t, elsewhere(excluded)), "assign") {
		t.Error("the exclusion is unknown, and the rest is assigned")
	}
}

// Notification templates.

// False for the default is refused, or leaves no default language.
func TestDefaultLanguageIsChosenNeverTakenAway(t *testing.T) {
	f := readFixture(t, "notification-message-template")
	defaults := 0
	for i, s := range bodies(t, f.made(t, catalog.SameTenant), "")[1:] {
		switch s["isDefault"] {
		case nil:
		case true:
			defaults++
			if i != 0 || s["locale"] != "en-us" {
				t.Errorf("the default is message %d, %v", i, s["locale"])
			}
		default:
			t.Errorf("isDefault %v is sent", s["isDefault"])
		}
	}
	if defaults != 1 {
		t.Errorf("%d defaults", defaults)
	}
}

// Texts belong to their language, wherever it stands in the list.
func TestMessagesAreNotMatchedByPosition(t *testing.T) {
	f := readFixture(t, "notification-message-template")
	reversed := f.changed(t, func(doc catalog.Document) { slices.Reverse(doc.Object()["localizedNotificationMessages"].([]any)) })
	a, errA := f.row.ContentHash(f.payload)
	b, errB := f.row.ContentHash(reversed.payload)
	if a != b || errA != nil || errB != nil {
		t.Errorf("another order of languages is another version: %v, %v", errA, errB)
	}
	if texts(f.made(t, catalog.SameTenant)) != texts(reversed.made(t, catalog.SameTenant)) {
		t.Error("another order of languages makes other requests")
	}
	subjects := map[any]any{"en-us": "Repair your device", "de-de": "Gerät reparieren", "ja-jp": "デバイスを修復"}
	for _, sent := range bodies(t, f.made(t, catalog.SameTenant), "")[1:] {
		if subjects[sent["locale"]] != sent["subject"] {
			t.Errorf("%v: %v", sent["locale"], sent["subject"])
		}
	}
}

// Enrolment notifications write this one.
func TestInternalTemplateIsNeverWritten(t *testing.T) {
	f := readFixture(t, "notification-message-template.built-in")
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrNotCreatable) {
		t.Error(err)
	}
	if !f.row.IsBuiltIn(f.object(t)) || f.row.BuiltIn.Writable {
		t.Error("it may be updated or deleted")
	}
}

// Administrative templates and ADMX files.

// A file cannot be updated: what looks like it removes the settings of all
// policies that use it.
func TestImportedFileHasNoUpdate(t *testing.T) {
	r := row(t, "group-policy-uploaded-definition-file")
	if r.UpdateCall.Method != "" || !strings.HasSuffix(r.DeleteCall.Path, "/remove") || r.Restorability.Level != catalog.CaptureOnly {
		t.Errorf("%+v, %+v, %+v", r.UpdateCall, r.DeleteCall, r.Restorability)
	}
	// Its content is not given out.
	if _, err := readFixture(t, r.ID).create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("a file without content: %v", err)
	}
}

// Ids of imported definitions are new with every upload: with old ones another
// setting is switched on. Those of Microsoft are the same everywhere.
func TestDefinitionsOfImportedFilesAreMapped(t *testing.T) {
	f := readFixture(t, "group-policy-configuration")
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	captured := listAt(t, doc, "definitionValues")
	id := func(i int) string { return captured[i]["definition"].(map[string]any)["id"].(string) }
	added := listAt(t, body(t, f.made(t, elsewhere()), "definition values"), "added")
	if len(added) != 3 {
		t.Fatalf("%d of 3 settings", len(added))
	}
	for i, want := range []string{id(0), "elsewhere-" + id(1), id(2)} {
		if bound := added[i]["definition@odata.bind"]; bound != "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('"+want+"')" {
			t.Errorf("%v instead of %s", bound, want)
		}
	}
	c := f.made(t, elsewhere("group-policy-uploaded-definition-file"))
	if ids, onlyAssignment := unresolvedOf(c, "group-policy-uploaded-definition-file"); !slices.Contains(ids, id(1)) || len(ids) != 2 || onlyAssignment {
		t.Errorf("the definition and its presentation are unknown: %v", ids)
	}
}

// A presentation value that is dropped, or bound to another label, is another
// setting.
func TestPresentationValuesKeepTheirPlace(t *testing.T) {
	f := readFixture(t, "group-policy-configuration")
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	answers := doc["presentationValues"].(map[string]any)
	added := listAt(t, body(t, f.made(t, catalog.SameTenant), "definition values"), "added")
	for i, value := range listAt(t, doc, "definitionValues") {
		captured := listAt(t, answers, value["id"].(string))
		sent := listAt(t, added[i], "presentationValues")
		if len(sent) != len(captured) || added[i]["enabled"] != value["enabled"] {
			t.Fatalf("%v of %v", added[i], value)
		}
		for j, p := range captured {
			presentation := p["presentation"].(map[string]any)["id"].(string)
			bound, _ := sent[j]["presentation@odata.bind"].(string)
			if bound != added[i]["definition@odata.bind"].(string)+"/presentations('"+presentation+"')" || !same(sent[j]["value"], p["value"]) || sent[j]["@odata.type"] != p["@odata.type"] {
				t.Errorf("%v of %v", sent[j], p)
			}
		}
	}
	// Values that were not read are not taken for none.
	for what, lacking := range map[string]fixture{
		"all": f.changed(t, func(doc catalog.Document) { delete(doc, "presentationValues") }),
		"one": f.changed(t, func(doc catalog.Document) {
			delete(doc["presentationValues"].(map[string]any), listAt(t, doc, "definitionValues")[0]["id"].(string))
		}),
		"settings": f.changed(t, func(doc catalog.Document) { delete(doc, "definitionValues") }),
	} {
		if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s unread: %v", what, err)
		}
	}
}

// Microsoft has ended new ones and moves them: made again, one would stand beside
// its own successor.
func TestAdministrativeTemplateIsLeftToAPerson(t *testing.T) {
	if r := row(t, "group-policy-configuration").Restorability; r.Level != catalog.PreviewOnly || r.Reason == "" {
		t.Errorf("%+v", r)
	}
}

// Intents.

// POST to the collection makes an empty policy or is refused.
func TestIntentIsMadeFromItsTemplate(t *testing.T) {
	f := readFixture(t, "device-management-intent")
	c := f.made(t, catalog.SameTenant)
	first := c.Steps[0]
	if want := "deviceManagement/templates/" + f.object(t)["templateId"].(string) + "/createInstance"; first.Method != "POST" || first.Path != want {
		t.Errorf("%s %s", first.Method, first.Path)
	}
	sent := body(t, c, "create")
	if len(listAt(t, sent, "settingsDelta")) != 15 || names(sent, "templateId") || names(sent, "id") {
		t.Errorf("%v", sent)
	}
	lacking := f.changed(t, func(doc catalog.Document) { delete(doc, catalog.PartSettings) })
	if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("without settings: %v", err)
	}
}

// A policy that Microsoft was moving exists in its new form, with another id.
func TestMigratingIntentIsNotCreated(t *testing.T) {
	f := readFixture(t, "device-management-intent").changed(t, func(doc catalog.Document) { doc.Object()["isMigratingToConfigurationPolicy"] = true })
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrNotCreatable) {
		t.Error(err)
	}
	if f.row.Restorability.Level != catalog.CaptureOnly {
		t.Errorf("%+v", f.row.Restorability)
	}
}

// Two baselines of one name are of two template versions.
func TestIntentIsKnownByItsTemplateToo(t *testing.T) {
	if r := row(t, "device-management-intent"); !slices.Contains(r.Identity, "templateId") {
		t.Errorf("%v", r.Identity)
	}
}

// Scripts.

// A list gives the content out as null: written back, it empties the script.
func TestScriptWithoutContentIsNotWritten(t *testing.T) {
	contents := map[string]string{
		"windows-platform-script": "scriptContent", "macos-shell-script": "scriptContent", "macos-custom-attribute-script": "scriptContent",
		"device-health-script": "detectionScriptContent", "device-compliance-script": "detectionScriptContent", "hardware-configuration": "configurationFileContent",
	}
	for id, name := range contents {
		f := readFixture(t, id)
		if !strings.HasSuffix(f.row.Parts[0].Path, "/{id}") {
			t.Errorf("%s: is not read by its id", id)
		}
		for _, content := range []any{nil, "", " "} {
			empty := f.changed(t, func(doc catalog.Document) { doc.Object()[name] = content })
			if _, err := empty.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
				t.Errorf("%s of %q: %v", id, content, err)
			}
		}
		// Other bytes, a mark or other line ends, would run it anew on all devices.
		if sent := body(t, f.made(t, catalog.SameTenant), "create"); sent[name] != f.object(t)[name] {
			t.Errorf("%s: other bytes are sent: %v", id, sent[name])
		}
		if !slices.ContainsFunc(f.row.Secrets, func(s catalog.Secret) bool { return s.Where == "object."+name }) {
			t.Errorf("%s: a script may hold passwords in clear, which no row says", id)
		}
	}
}

// Without its schedule a remediation runs once, or every hour.
func TestRemediationKeepsItsSchedules(t *testing.T) {
	f := readFixture(t, "device-health-script")
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	sent := listAt(t, body(t, f.made(t, catalog.SameTenant), "assign"), "deviceHealthScriptAssignments")
	kinds := map[any]bool{}
	for i, a := range listAt(t, doc, catalog.PartAssignments) {
		if !same(sent[i]["runSchedule"], a["runSchedule"]) || sent[i]["runRemediationScript"] != a["runRemediationScript"] {
			t.Errorf("%v of %v", sent[i], a)
		}
		if schedule, ok := a["runSchedule"].(map[string]any); ok {
			kinds[schedule["@odata.type"]] = true
		}
	}
	if len(kinds) != 3 {
		t.Errorf("%d of the three schedules are tried", len(kinds))
	}
}

// Microsoft's own scripts are shared by all tenants.
func TestGlobalScriptIsNeverWritten(t *testing.T) {
	f := readFixture(t, "device-health-script.built-in")
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrNotCreatable) {
		t.Error(err)
	}
	if !f.row.IsBuiltIn(f.object(t)) || f.row.BuiltIn.Writable {
		t.Error("it may be updated or deleted")
	}
}

// They answer 400 in a PATCH.
func TestCustomAttributeIsNotRenamed(t *testing.T) {
	for _, name := range []string{"customAttributeName", "customAttributeType", "displayName"} {
		if !slices.Contains(row(t, "macos-custom-attribute-script").Strip.Update, name) {
			t.Errorf("%s is sent in an update", name)
		}
	}
}

// Reusable settings.

// Without $select the setting is null, and a PUT of that empties firewall groups
// everywhere.
func TestReusableSettingIsReadWhole(t *testing.T) {
	f := readFixture(t, "reusable-policy-setting")
	for _, query := range []string{f.row.ListQuery, f.row.Parts[0].Query} {
		if !strings.Contains(query, "$select=") || !strings.Contains(query, "settingInstance") {
			t.Errorf("it is read with %q", query)
		}
	}
	lacking := f.changed(t, func(doc catalog.Document) { doc.Object()["settingInstance"] = nil })
	if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("without its setting: %v", err)
	}
}

// How many policies use it is read for people, and is no content.
func TestPoliciesOfAReusableSettingAreCounted(t *testing.T) {
	f := readFixture(t, "reusable-policy-setting")
	const name = "referencingConfigurationPolicyCount"
	more := f.changed(t, func(doc catalog.Document) { doc.Object()[name] = 12 })
	a, errA := f.row.ContentHash(f.payload)
	b, errB := f.row.ContentHash(more.payload)
	if !strings.Contains(f.row.Parts[0].Query, name) || a != b || errA != nil || errB != nil {
		t.Errorf("read with %q; content: %t; %v, %v", f.row.Parts[0].Query, a != b, errA, errB)
	}
	if names(body(t, f.made(t, catalog.SameTenant), "create"), name) {
		t.Error("it is sent")
	}
}

// Ids of reusable settings lie deep in trees, where no path names them.
func TestReusableSettingIsMappedInPolicies(t *testing.T) {
	for name, setting := range map[string]string{"endpoint-security-policy.reusable": "Proxies", "linux-compliance-policy": "Processes"} {
		f := readFixture(t, name)
		id := reference(t, f, "reusable-policy-setting", setting)
		if sent := texts(f.made(t, elsewhere())); !strings.Contains(sent, `"elsewhere-`+id+`"`) || strings.Contains(sent, `"`+id+`"`) {
			t.Errorf("%s: the old id is sent", name)
		}
		if ids, onlyAssignment := unresolvedOf(f.made(t, elsewhere(id)), "reusable-policy-setting"); !slices.Equal(ids, []string{id}) || onlyAssignment {
			t.Errorf("%s: %v, only for the assignment: %t", name, ids, onlyAssignment)
		}
	}
}

// "children": null is refused.
func TestChildrenAreAnEmptyListNotNull(t *testing.T) {
	f := readFixture(t, "reusable-policy-setting")
	groups := listAt(t, body(t, f.made(t, catalog.SameTenant), "create")["settingInstance"], "groupSettingCollectionValue")
	if list, ok := groups[1]["children"].([]any); !ok || len(list) != 0 {
		t.Errorf("%v", groups[1])
	}
}

// The setting is of the definition that its object names.
func TestReusableSettingOfAnotherDefinitionIsRefused(t *testing.T) {
	f := readFixture(t, "reusable-policy-setting").changed(t, func(doc catalog.Document) { doc.Object()["settingDefinitionId"] = "another" })
	if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Error(err)
	}
}

// Assignment filters.

// Swapped, "exclude" reaches all devices but the few that were meant.
func TestFilterTypesAreNotSwapped(t *testing.T) {
	f := readFixture(t, "settings-catalog-policy")
	want := map[string]string{reference(t, f, catalog.TypeFilter, "Corporate devices"): "include", reference(t, f, catalog.TypeFilter, "Kiosks"): "exclude"}
	seen := 0
	for _, a := range listAt(t, body(t, f.made(t, catalog.SameTenant), "assign"), "assignments") {
		target := a["target"].(map[string]any)
		id, filtered := target["deviceAndAppManagementAssignmentFilterId"].(string)
		kind, typed := target["deviceAndAppManagementAssignmentFilterType"].(string)
		if filtered != typed || want[id] != kind {
			t.Errorf("%s: %q", id, kind)
		}
		if filtered {
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("%d filters are sent", seen)
	}
}

// platform is fixed: in a PATCH it is refused, and another one is another filter.
func TestPlatformOfAFilterIsFixed(t *testing.T) {
	r := row(t, catalog.TypeFilter)
	for _, name := range []string{"platform", "assignmentFilterManagementType"} {
		if !slices.Contains(r.Strip.Update, name) || !slices.Contains(r.Identity, name) {
			t.Errorf("%s: %v, %v", name, r.Strip.Update, r.Identity)
		}
	}
}

// The property is called roleScopeTags here; roleScopeTagIds would be refused.
func TestScopeTagsOfAFilter(t *testing.T) {
	sent := body(t, readFixture(t, catalog.TypeFilter).made(t, elsewhere()), "create")
	if !same(sent["roleScopeTags"], []any{"elsewhere-1", "0"}) || names(sent, "roleScopeTagIds") {
		t.Errorf("%v", sent)
	}
}

// Scope tags, roles, assignments of roles.

// Tag 3 is Paris in one tenant and London in the other: unmapped, objects show up
// with the wrong administrators.
func TestScopeTagsAreMapped(t *testing.T) {
	f := readFixture(t, "device-configuration")
	sent := body(t, f.made(t, func(typeID, id string) (string, bool) {
		if typeID == catalog.TypeScopeTag && id == "1" {
			return "7", true
		}
		return id, true
	}), "create")
	if !same(sent["roleScopeTagIds"], []any{"0", "7"}) {
		t.Errorf("%v", sent["roleScopeTagIds"])
	}
	ids, onlyAssignment := unresolvedOf(f.made(t, elsewhere(catalog.TypeScopeTag)), catalog.TypeScopeTag)
	if !slices.Equal(ids, []string{"1"}) || onlyAssignment {
		t.Errorf("%v, only for the assignment: %t", ids, onlyAssignment)
	}
}

// A role that loses one of its groups may reach more, or nobody.
func TestRoleAssignmentIsNotWidened(t *testing.T) {
	f := readFixture(t, "role-assignment")
	for _, group := range []string{"Devices: pilot", "Service desk"} {
		missing := reference(t, f, catalog.TypeGroup, group)
		if ids, onlyAssignment := unresolvedOf(f.made(t, elsewhere(missing)), catalog.TypeGroup); !slices.Equal(ids, []string{missing}) || onlyAssignment {
			t.Errorf("%s is unknown: %v, only for the assignment: %t", group, ids, onlyAssignment)
		}
	}
	sent := body(t, f.made(t, elsewhere()), "create")
	role := reference(t, f, "role-definition", "Service desk")
	if sent["scopeType"] != "resourceScope" || len(sent["resourceScopes"].([]any)) != 2 || sent["roleDefinition@odata.bind"] != "https://graph.microsoft.com/beta/deviceManagement/roleDefinitions('elsewhere-"+role+"')" {
		t.Errorf("%v", sent)
	}
	if !same(sent["roleScopeTags@odata.bind"], []any{"https://graph.microsoft.com/beta/deviceManagement/roleScopeTags('elsewhere-1')"}) || names(sent, "roleScopeTagIds") {
		t.Errorf("scope tags: %v", sent)
	}
	// Which role it is, is in a read of its own: without it nothing is assigned.
	lacking := f.changed(t, func(doc catalog.Document) { delete(doc, "roleDefinition") })
	if _, err := lacking.create(catalog.SameTenant); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("without its role: %v", err)
	}
	if f.row.Restorability.Level != catalog.PreviewOnly {
		t.Errorf("%+v", f.row.Restorability)
	}
	// A scope that covers everything takes no groups; roles of Microsoft are the
	// same everywhere.
	all := readFixture(t, "role-assignment.all-devices").changed(t, func(doc catalog.Document) { doc.Object()["resourceScopes"] = []any{"left over"} })
	sent = body(t, all.made(t, elsewhere()), "create")
	if !same(sent["resourceScopes"], []any{}) || !strings.Contains(sent["roleDefinition@odata.bind"].(string), "('9e0cc482-82df-4ab2-a24c-0c23a3f52e1e')") {
		t.Errorf("%v", sent)
	}
}

// Roles of Microsoft and the tag Default are there, and are named by ids that are
// the same everywhere.
func TestBuiltInRoleAndDefaultTagAreNeverWritten(t *testing.T) {
	tag := readFixture(t, "role-scope-tag.built-in")
	role := readFixture(t, "role-definition")
	older := role.changed(t, func(doc catalog.Document) { doc.Object()["isBuiltInRoleDefinition"] = true })
	role = role.changed(t, func(doc catalog.Document) { doc.Object()["isBuiltIn"] = true })
	for _, f := range []fixture{tag, role, older} {
		if _, err := f.create(catalog.SameTenant); !errors.Is(err, catalog.ErrNotCreatable) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	for _, f := range []fixture{tag, role} {
		if !f.row.IsBuiltIn(f.object(t)) || f.row.BuiltIn.Writable {
			t.Errorf("%s: may be updated or deleted", f.name)
		}
	}
	// The list shows every role, since assignments of Microsoft's are normal.
	for _, id := range []string{"role-definition", "role-assignment", catalog.TypeScopeTag} {
		if strings.Contains(row(t, id).ListQuery, "$filter") {
			t.Errorf("%s: a part is listed", id)
		}
	}
}

// actions is an older copy of rolePermissions, of every element and not only of
// the first.
func TestRoleSendsItsPermissionsOnce(t *testing.T) {
	f := readFixture(t, "role-definition").changed(t, func(doc catalog.Document) {
		all := doc.Object()["rolePermissions"].([]any)
		doc.Object()["rolePermissions"] = append(all, map[string]any{"actions": []any{"x"}, "resourceActions": []any{map[string]any{"allowedResourceActions": []any{"x"}, "notAllowedResourceActions": []any{}}}})
	})
	sent := body(t, f.made(t, catalog.SameTenant), "create")
	if names(sent, "actions") || names(sent, "permissions") || len(listAt(t, sent, "rolePermissions")) != 2 {
		t.Errorf("%v", sent)
	}
}

// BIOS configurations.

// Files of two vendors are two configurations, and writing one is left to a
// person.
func TestBIOSFileIsOfItsVendor(t *testing.T) {
	r := row(t, "hardware-configuration")
	if !slices.Contains(r.Identity, "hardwareConfigurationFormat") || r.Restorability.Level != catalog.PreviewOnly {
		t.Errorf("%v, %+v", r.Identity, r.Restorability)
	}
	sent := body(t, readFixture(t, r.ID).made(t, catalog.SameTenant), "create")
	if sent["perDevicePasswordDisabled"] != true || sent["hardwareConfigurationFormat"] != "dell" {
		t.Errorf("%v", sent)
	}
}

// Facts that are missed most often.

// Routes that the documentation has and the service does not.
func TestNoRouteIsUsedThatDoesNotExist(t *testing.T) {
	for _, r := range catalog.All() {
		for _, p := range r.Parts {
			if strings.HasSuffix(p.Path, "deviceCompliancePolicies/{id}/scheduledActionsForRule") || strings.Contains(p.Path, "roleDefinitions/{id}/roleAssignments") {
				t.Errorf("%s reads %s", r.ID, p.Path)
			}
		}
	}
}

// Flags are sets: "b,a" is "a,b".
func TestFlagsAreComparedAsSets(t *testing.T) {
	for name, property := range map[string]string{"endpoint-security-policy.reusable": "technologies", "notification-message-template": "brandingOptions"} {
		f := readFixture(t, name)
		flags := strings.Split(f.object(t)[property].(string), ",")
		slices.Reverse(flags)
		other := f.changed(t, func(doc catalog.Document) { doc.Object()[property] = strings.Join(flags, ",") })
		a, errA := f.row.ContentHash(f.payload)
		b, errB := f.row.ContentHash(other.payload)
		if len(flags) < 2 || a != b || errA != nil || errB != nil {
			t.Errorf("%s: %v is a change: %v, %v", name, flags, errA, errB)
		}
	}
}

// Foundations before what uses them.
func TestRestoreOrder(t *testing.T) {
	order := []string{
		"role-scope-tag", "assignment-filter", "role-assignment", "notification-message-template", "group-policy-uploaded-definition-file",
		"device-configuration-network-certificate", "settings-catalog-policy", "group-policy-configuration", "device-compliance-policy",
	}
	for i := range order[1:] {
		if row(t, order[i]).Rank >= row(t, order[i+1]).Rank {
			t.Errorf("%s does not come before %s", order[i], order[i+1])
		}
	}
}

// What only a plan, a capture or a client of Graph can get wrong; the rows say what
// they need for it. Mistakes of updates are in hazards_update_test.go.
//
// Every type: success is any 2xx, then a read; a read after a create answers 404
// for a while; a list is read to its end before an object is taken for missing.
//
// Settings: after a PUT the settings are read and compared.
//
// Device configurations: pause and rollback are a choice of their own, which a plan
// shows.
//
// Certificates: names that several profiles have are told apart by their derived
// type when the mapping is made; assignments wait for those of the certificates.
//
// Compliance: the plan warns of retire, wipe, remote lock and of shorter grace
// periods; an exclusion that goes is blocked.
//
// Administrative templates: the removal of a file lists the policies that use it
// and stops; a policy waits until its file is available; one that has a successor
// in the settings catalog is reported as moved.
//
// Intents: one whose name is that of a configuration policy is reported as moved.
//
// Scripts: a custom attribute with another name is planned as a new script, with a
// warning.
//
// Reusable settings: the plan says how many policies use one.
//
// Filters: the plan says how many assignments use one.
//
// Roles: the plan lists actions that come and go; the operator's own group is not
// removed.
//
// BIOS configurations: a password per device is switched on with consent only.

// The texts of settings are encrypted with the next write: what was captured plain is
// compared by its digest, and another value under the mask is not the same.
func TestPlainOMAValuesAreComparedByDigest(t *testing.T) {
	r := row(t, "device-configuration-custom-oma")
	xml := base64.StdEncoding.EncodeToString([]byte("<a/>"))
	want := `{"object":{"omaSettings":[{"@odata.type":"#microsoft.graph.omaSettingString","omaUri":"./a","value":"plain"},` +
		`{"@odata.type":"#microsoft.graph.omaSettingInteger","omaUri":"./b","value":3},` +
		`{"@odata.type":"#microsoft.graph.omaSettingStringXml","omaUri":"./c","value":"` + xml + `"}]}}`
	read := func(first, third string) []byte {
		return []byte(`{"object":{"omaSettings":[{"@odata.type":"#microsoft.graph.omaSettingString","omaUri":"./a","value":"****","isEncrypted":true},` +
			`{"@odata.type":"#microsoft.graph.omaSettingInteger","omaUri":"./b","value":3},` +
			`{"@odata.type":"#microsoft.graph.omaSettingStringXml","omaUri":"./c","value":"PGEvPg==","isEncrypted":true}]},` +
			`"secrets":{"omaSettings[0].value":"` + first + `","omaSettings[2].value":"` + third + `"}}`)
	}
	digest := func(plain string) (string, error) { return "of " + plain, nil }
	for _, c := range []struct {
		got  []byte
		same bool
	}{
		{read("of plain", "of <a/>"), true}, {read("of other", "of <a/>"), false}, {read("of plain", "of "+xml), false},
		{bytes.ReplaceAll(read("of plain", "of <a/>"), []byte("./a"), []byte("./x")), false},
	} {
		held, err := r.AsEncrypted([]byte(want), c.got, digest)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := r.Same(held, c.got); same != c.same || err != nil {
			t.Errorf("%s: %t, %v\n%s", c.got, same, err, held)
		}
	}
	// What is plain on both sides, or encrypted on both, stays as it is.
	for _, got := range []string{want, string(read("of plain", "of <a/>"))} {
		if held, err := r.AsEncrypted([]byte(got), []byte(want), digest); err != nil || string(held) != got {
			t.Errorf("%s, %v", held, err)
		}
	}
}
