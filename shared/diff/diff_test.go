package diff_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
)

const fixtures = "../catalog/testdata/types"

func fixture(t testing.TB, name string) (catalog.Type, map[string]any) {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(fixtures, name, "payload.json"))
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(name, ".")
	row, ok := catalog.ByID(id)
	if !ok {
		t.Fatalf("%s: no such type", name)
	}
	doc, err := catalog.Decode(payload)
	if err != nil {
		t.Fatal(err)
	}
	return row, doc
}

func names(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func compare(t testing.TB, row catalog.Type, before, after []byte) diff.Result {
	t.Helper()
	r, err := diff.Compare(row, before, after)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at is the value at a path of names and positions.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

func obj(v any, path ...any) map[string]any { return at(v, path...).(map[string]any) }

func list(v any, path ...any) []any { return at(v, path...).([]any) }

// line is a change in one line.
func line(c diff.Change) string {
	side := func(v *diff.Value) string {
		if v == nil {
			return "-"
		}
		s := string(v.JSON)
		if v.Base64 {
			s += " (base64)"
		}
		if v.Name != "" {
			s += " = " + v.Name
		}
		return s
	}
	s := string(c.Section) + " " + string(c.Kind) + " " + c.Path + " | " + c.Label + " | " + side(c.Before) + " | " + side(c.After)
	if c.Secret {
		s += " | secret"
	}
	return s
}

func lines(r diff.Result) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, line(c))
	}
	return out
}

// What people see of each kind of list. edit changes a captured policy.
func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name, fixture string
		edit          func(doc map[string]any)
		want          []string
	}{
		{"properties", "device-compliance-policy", func(d map[string]any) {
			o := obj(d, "object")
			o["passwordMinimumLength"] = json.Number("14")
			o["osMinimumVersion"] = nil
			o["osMaximumVersion"] = "11.0"
			o["description"] = "Baseline for all"
		}, []string{
			`properties changed object.description | Description | "Baseline for Windows" | "Baseline for all"`,
			`properties added object.osMaximumVersion | OS maximum version | - | "11.0"`,
			`properties removed object.osMinimumVersion | OS minimum version | "10.0.22631.3447" | -`,
			`properties changed object.passwordMinimumLength | Password minimum length | 12 | 14`,
		}},
		{"what the service changes", "device-compliance-policy", func(d map[string]any) {
			o := obj(d, "object")
			o["version"], o["lastModifiedDateTime"], o["newProperty"] = json.Number("8"), "2030-01-01T00:00:00Z", nil
			slices.Reverse(list(d, "assignments"))
			slices.Reverse(list(o, "roleScopeTagIds"))
		}, nil},
		{"numbers to the last digit", "group-policy-configuration", func(d map[string]any) {
			obj(d, "presentationValues", "adbaafc0-7d28-59ea-98ba-c8d43f624a93", 1)["value"] = json.Number("9007199254740992")
		}, []string{
			`settings changed definitionValues["7a8dc5d7-a7cd-0b5b-1c72-d51285a16c28"].presentationValues["e791ea90-9b47-a882-5b06-a7179d890fe1"].value | Windows Components › BitLocker › Configure BitLocker startup › Large number: › Value | 9007199254740993 | 9007199254740992`,
		}},
		{"definition values", "group-policy-configuration", func(d map[string]any) {
			obj(d, "definitionValues", 2)["enabled"] = true
			values := list(d, "presentationValues", "f5bf5724-776e-a686-cf08-2926aed8edec", 0, "values")
			values[1].(map[string]any)["value"] = "3"
			obj(d, "definitionValues", 0)["id"] = "moved"
			all := obj(d, "presentationValues")
			all["moved"] = all["adbaafc0-7d28-59ea-98ba-c8d43f624a93"]
			delete(all, "adbaafc0-7d28-59ea-98ba-c8d43f624a93")
		}, []string{
			`settings added definitionValues["user:\\Contoso\\Agent\\Trusted sites"].presentationValues["Sites"].values["https://fabrikam.test"].value | Contoso › Agent › Trusted sites (user) › Sites › Values › https://fabrikam.test › Value | - | "3"`,
			`settings changed definitionValues["faa11d25-686d-367f-0f94-c0ef6e9d7675"].enabled | Windows Components › Data Collection › Turn off telemetry › Enabled | false | true`,
		}},
		{"settings", "settings-catalog-policy", func(d map[string]any) {
			group := obj(d, "settings", 0, "settingInstance", "groupSettingCollectionValue", 0)
			obj(group, "children", 0, "choiceSettingValue")["value"] = "com.apple.mcx.filevault2_defer_false"
			group["children"] = slices.Delete(list(group, "children"), 1, 2)
			obj(d, "settings", 2, "settingInstance", "groupSettingCollectionValue", 0, "children", 0, "simpleSettingValue")["value"] = "https://other.test"
			slices.Reverse(list(d, "settings"))
		}, []string{
			`settings changed settings["com.apple.mcx.filevault2_com.apple.mcx.filevault2"][0]["com.apple.mcx.filevault2_defer"] | Mcx.filevault2 › Defer | "com.apple.mcx.filevault2_defer_true" = true | "com.apple.mcx.filevault2_defer_false" = false`,
			`settings removed settings["com.apple.mcx.filevault2_com.apple.mcx.filevault2"][0]["com.apple.mcx.filevault2_enable"] | Mcx.filevault2 › Enable | "com.apple.mcx.filevault2_enable_0" = 0 | -`,
			`settings changed settings["com.apple.security.fderecoverykeyescrow_com.apple.security.fderecoverykeyescrow"][0]["com.apple.security.fderecoverykeyescrow_location"] | Security.fderecoverykeyescrow › Location | "https://user.manage.microsoft.com" | "https://other.test"`,
		}},
		{"a setting more and one less", "security-baseline-policy", func(d map[string]any) {
			d["settings"] = append(list(d, "settings")[1:], map[string]any{"id": "0", "settingInstance": map[string]any{
				"@odata.type":         "#microsoft.graph.deviceManagementConfigurationSimpleSettingCollectionInstance",
				"settingDefinitionId": "device_vendor_msft_policy_config_defender_excludedpaths",
				"simpleSettingCollectionValue": []any{
					map[string]any{"@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue", "value": `C:\Build`},
				},
			}})
		}, []string{
			`settings removed settings["device_vendor_msft_policy_config_devicelock_preventenablinglockscreencamera"] | Devicelock preventenablinglockscreencamera | "device_vendor_msft_policy_config_devicelock_preventenablinglockscreencamera_1" = 1 | -`,
			`settings added settings["device_vendor_msft_policy_config_defender_excludedpaths"] | Defender excludedpaths | - | {"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingCollectionInstance","settingDefinitionId":"device_vendor_msft_policy_config_defender_excludedpaths","simpleSettingCollectionValue":[{"@odata.type":"#microsoft.graph.deviceManagementConfigurationStringSettingValue","value":"C:\\Build"}]}}`,
		}},
		{"a group of settings before another", "reusable-policy-setting", func(d map[string]any) {
			instance := obj(d, "object", "settingInstance")
			other := map[string]any{"children": []any{map[string]any{
				"@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance", "settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}_addresses",
				"simpleSettingValue": map[string]any{"value": "10.0.0.0/8"},
			}}}
			groups := list(instance, "groupSettingCollectionValue")
			obj(groups, 0, "children", 1, "simpleSettingValue")["value"] = "proxy2.contoso.test"
			instance["groupSettingCollectionValue"] = slices.Insert(groups, 0, any(other))
		}, []string{
			`settings changed object.settingInstance[0:1]["vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}_keyword"] | Firewall mdmstore dynamickeywords addresses {id} › 2 › Keyword | "proxy.contoso.test" | "proxy2.contoso.test"`,
			`settings added object.settingInstance[0] | Firewall mdmstore dynamickeywords addresses {id} › 1 | - | {"children":[{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}_addresses","simpleSettingValue":{"value":"10.0.0.0/8"}}]}`,
		}},
		{"a secret setting", "settings-catalog-policy.secret", func(d map[string]any) {
			obj(d, "settings", 0, "settingInstance", "simpleSettingValue")["value"] = "11111111-2222-4333-8444-555555555555"
		}, []string{`settings changed settings["device_vendor_msft_wifi_profile_{ssid}_wlanxml"] | Wifi profile {ssid} wlanxml | - | - | secret`}},
		{"no secret setting any more", "settings-catalog-policy.secret", func(d map[string]any) { d["settings"] = []any{} }, []string{
			`settings removed settings["device_vendor_msft_wifi_profile_{ssid}_wlanxml"] | Wifi profile {ssid} wlanxml | {"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"device_vendor_msft_wifi_profile_{ssid}_wlanxml","simpleSettingValue":null}} | - | secret`,
		}},
		{"settings of an older template", "device-management-intent", func(d map[string]any) {
			for _, e := range list(d, "settings") {
				if s := obj(e); s["definitionId"] == "deviceConfiguration--windowsIdentityProtectionConfiguration_pinMinimumLength" {
					s["value"], s["valueJson"] = json.Number("8"), "8"
				}
			}
		}, []string{`settings changed settings["deviceConfiguration--windowsIdentityProtectionConfiguration_pinMinimumLength"] | PIN minimum length | 5 | 8`}},
		{"OMA-URI settings", "device-configuration-custom-oma", func(d map[string]any) {
			settings := list(d, "object", "omaSettings")
			obj(settings, 0)["value"] = "in clear now"
			obj(settings, 3)["value"] = json.Number("0.10000000000000000002")
			obj(settings, 7)["value"] = "PGI+DQo8L2I+"
			obj(d, "object")["omaSettings"] = slices.Delete(settings, 5, 6)
		}, []string{
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile"].value | OMA-URI settings › Wireless profile › Value | - | - | secret`,
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Exact"].value | OMA-URI settings › Exact › Value | 0.10000000000000000001 | 0.10000000000000000002`,
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/From"] | OMA-URI settings › From | "2025-03-02T10:00:00Z" | -`,
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Openlayout"].value | OMA-URI settings › Open layout › Value | "\u003ca\u003e\r\n\u003c/a\u003e" (base64) | "\u003cb\u003e\r\n\u003c/b\u003e" (base64)`,
		}},
		{"the order of OMA-URI settings", "device-configuration-custom-oma", func(d map[string]any) {
			settings := list(d, "object", "omaSettings")
			settings[2], settings[3] = settings[3], settings[2]
			obj(d, "object")["omaSettings"] = settings[:4]
		}, []string{
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/On"] | OMA-URI settings › On | true | -`,
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/From"] | OMA-URI settings › From | "2025-03-02T10:00:00Z" | -`,
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Binary"] | OMA-URI settings › Binary | "AAECAwQF/w==" | -`,
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Openlayout"] | OMA-URI settings › Open layout | "\u003ca\u003e\r\n\u003c/a\u003e" (base64) | -`,
			`settings removed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Lines"] | OMA-URI settings › Lines | "\u003cenabled/\u003e\r\n\u003cdata id=\"a\" value=\"ä\"/\u003e\n" | -`,
			`settings reordered object.omaSettings | OMA-URI settings | ["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile","./Vendor/MSFT/Policy/Config/Example/Startlayout","./Vendor/MSFT/Policy/Config/Example/Largest","./Vendor/MSFT/Policy/Config/Example/Exact"] | ["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile","./Vendor/MSFT/Policy/Config/Example/Startlayout","./Vendor/MSFT/Policy/Config/Example/Exact","./Vendor/MSFT/Policy/Config/Example/Largest"]`,
		}},
		{"assignments", "settings-catalog-policy", func(d map[string]any) {
			for _, e := range list(d, "assignments") {
				switch target := obj(e, "target"); target["@odata.type"] {
				case "#microsoft.graph.groupAssignmentTarget":
					target["deviceAndAppManagementAssignmentFilterType"] = "exclude"
				case "#microsoft.graph.exclusionGroupAssignmentTarget":
					target["groupId"] = "ffffffff-0000-4000-8000-000000000001"
				case "#microsoft.graph.allDevicesAssignmentTarget":
					target["deviceAndAppManagementAssignmentFilterId"] = nil
				}
			}
		}, []string{
			`assignments removed assignments["allDevices"].filter | Assignments › All devices › Filter | {"id":"182412d3-7436-ab1a-ba85-aad702f042f3","type":"exclude"} = Kiosks (exclude) | -`,
			`assignments removed assignments["exclusionGroup:4573725a-126a-c059-e3da-bc7a6ed3bda9"] | Assignments › Excluded group Devices: excluded | {"source":"direct","target":{"@odata.type":"#microsoft.graph.exclusionGroupAssignmentTarget","groupId":"4573725a-126a-c059-e3da-bc7a6ed3bda9"}} = Excluded group Devices: excluded | -`,
			`assignments changed assignments["group:5b91a321-b73b-b220-9ae9-a432161a7a26"].filter | Assignments › Group Devices: pilot › Filter | {"id":"0e06e4ec-80f3-6974-bf94-401813ed6404","type":"include"} = Corporate devices (include) | {"id":"0e06e4ec-80f3-6974-bf94-401813ed6404","type":"exclude"} = Corporate devices (exclude)`,
			`assignments added assignments["exclusionGroup:ffffffff-0000-4000-8000-000000000001"] | Assignments › Excluded group ffffffff-0000-4000-8000-000000000001 | - | {"source":"direct","target":{"@odata.type":"#microsoft.graph.exclusionGroupAssignmentTarget","groupId":"ffffffff-0000-4000-8000-000000000001"}} = Excluded group ffffffff-0000-4000-8000-000000000001`,
		}},
		{"the intent of an app's assignment", "mobile-app-win32", func(d map[string]any) {
			for _, e := range list(d, "assignments") {
				if target := obj(e, "target"); target["groupId"] == "000000a1-1111-4222-8333-0000000000a1" {
					obj(e)["intent"] = "available"
					obj(e, "settings")["notifications"] = "hideAll"
				}
			}
		}, []string{
			`assignments changed assignments["group:000000a1-1111-4222-8333-0000000000a1"].intent | Assignments › Group Field staff › Intent | "required" | "available"`,
			`assignments changed assignments["group:000000a1-1111-4222-8333-0000000000a1"].settings.notifications | Assignments › Group Field staff › Settings › Notifications | "showReboot" | "hideAll"`,
		}},
		{"an assignment that a policy set brings", "mobile-app-win32", func(d map[string]any) {
			for _, e := range list(d, "assignments") {
				if a := obj(e); a["source"] == "policySets" {
					a["intent"] = "available"
					obj(a, "target")["groupId"] = "000000a1-1111-4222-8333-0000000000a1"
				}
			}
		}, []string{
			`assignments removed assignments["group:000000a2-1111-4222-8333-0000000000a2@policySets"] | Assignments › Group Frontline (policy sets) | {"intent":"required","source":"policySets","target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"000000a2-1111-4222-8333-0000000000a2"}} = Group Frontline (policy sets), required | -`,
			`assignments added assignments["group:000000a1-1111-4222-8333-0000000000a1@policySets"] | Assignments › Group Field staff (policy sets) | - | {"intent":"available","source":"policySets","target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"000000a1-1111-4222-8333-0000000000a1"}} = Group Field staff (policy sets), available`,
		}},
		{"scope tags", "device-configuration", func(d map[string]any) { obj(d, "object")["roleScopeTagIds"] = []any{"2"} }, []string{
			`scope_tags removed object.roleScopeTagIds["0"] | Scope tag › Default | "0" = Default | -`,
			`scope_tags removed object.roleScopeTagIds["1"] | Scope tag › Berlin | "1" = Berlin | -`,
			`scope_tags added object.roleScopeTagIds["2"] | Scope tag › 2 | - | "2"`,
		}},
		{"scheduled actions", "device-compliance-policy", func(d map[string]any) {
			rule := obj(d, "object", "scheduledActionsForRule", 0)
			var kept []any
			for _, e := range list(rule, "scheduledActionConfigurations") {
				switch action := obj(e); action["actionType"] {
				case "block":
					action["gracePeriodHours"] = json.Number("12")
					kept = append(kept, e)
				case "notification":
					kept = append([]any{e}, kept...)
				}
			}
			rule["scheduledActionConfigurations"] = kept
		}, []string{
			`scheduled_actions changed object.scheduledActionsForRule[0].scheduledActionConfigurations["block"].gracePeriodHours | Actions › Block › Grace period hours | 0 | 12`,
			`scheduled_actions removed object.scheduledActionsForRule[0].scheduledActionConfigurations["retire"] | Actions › Retire | {"actionType":"retire","gracePeriodHours":720} | -`,
		}},
		{"apps", "ios-app-protection", func(d map[string]any) {
			apps := list(d, "apps")
			obj(apps, 0, "mobileAppIdentifier")["bundleId"] = "com.microsoft.Office.Excel"
		}, []string{
			`apps removed apps["com.microsoft.officemobile"] | Apps › com.microsoft.officemobile | {"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"com.microsoft.officemobile"}} | -`,
			`apps added apps["com.microsoft.Office.Excel"] | Apps › com.microsoft.Office.Excel | - | {"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"com.microsoft.Office.Excel"}}`,
		}},
		{"messages", "notification-message-template", func(d map[string]any) {
			for _, e := range list(d, "object", "localizedNotificationMessages") {
				if m := obj(e); strings.EqualFold(m["locale"].(string), "en-us") {
					m["subject"] = "Repair it"
				}
			}
		}, []string{`messages changed object.localizedNotificationMessages["en-us"].subject | Message › en-us › Subject | "Repair your device" | "Repair it"`}},
		{"messages of an enrollment", "enrollment-notification", func(d map[string]any) {
			obj(d, "templates", "000000e2-1111-4222-8333-0000000000e2", "localizedNotificationMessages", 0)["subject"] = "Hello"
		}, []string{`messages changed templates.push.localizedNotificationMessages["en-US"].subject | Templates › Push › Message › en-US › Subject | "A device was enrolled" | "Hello"`}},
		{"names behind ids", "policy-set", func(d map[string]any) {
			d["items"] = list(d, "items")[1:]
		}, []string{
			`properties removed items["00000205-1111-4222-8333-000000000205"] | Items › Company Portal | {"@odata.type":"#microsoft.graph.mobileAppPolicySetItem","guidedDeploymentTags":[],"intent":"required","payloadId":"00000205-1111-4222-8333-000000000205","settings":{"@odata.type":"#microsoft.graph.winGetAppAssignmentSettings","notifications":"showAll"}} | -`,
		}},
		{"values of a list", "device-configuration", func(d map[string]any) {
			o := obj(d, "object")
			o["defenderFilesAndFoldersToExclude"] = append(list(o, "defenderFilesAndFoldersToExclude"), `D:\Agents`)
		}, []string{`properties added object.defenderFilesAndFoldersToExclude["D:\\Agents"] | Defender files and folders to exclude | - | "D:\\Agents"`}},
		{"a list in another order", "device-configuration", func(d map[string]any) {
			slices.Reverse(list(d, "object", "defenderFilesAndFoldersToExclude"))
		}, []string{`properties reordered object.defenderFilesAndFoldersToExclude | Defender files and folders to exclude | ["C:\\Build","%ProgramData%\\Contoso"] | ["%ProgramData%\\Contoso","C:\\Build"]`}},
		{"a script", "device-health-script", func(d map[string]any) {
			obj(d, "object")["remediationScriptContent"] = base64.StdEncoding.EncodeToString([]byte("cleanmgr /d C\r\n"))
		}, []string{`properties changed object.remediationScriptContent | Remediation script content | "cleanmgr\r\n" (base64) | "cleanmgr /d C\r\n" (base64)`}},
		{"rules that have no name", "mobile-app-win32", func(d map[string]any) {
			o := obj(d, "object")
			o["detectionRules"] = []any{
				map[string]any{"@odata.type": "#microsoft.graph.win32LobAppProductCodeDetection", "productCode": "{1}"},
				func() any { r := obj(o, "detectionRules", 0); r["detectionValue"] = "11"; return r }(),
			}
		}, []string{
			`properties changed object.detectionRules[0:1].detectionValue | Detection rules › 2 › Detection value | "10.1" | "11"`,
			`properties added object.detectionRules[0] | Detection rules › 1 | - | {"@odata.type":"#microsoft.graph.win32LobAppProductCodeDetection","productCode":"{1}"}`,
		}},
		{"a part that could not be read", "device-compliance-policy", func(d map[string]any) { delete(d, "assignments") }, []string{
			`assignments unreadable assignments | Assignments | - | -`,
		}},
		{"a part that there is no more", "intune-branding-profile", func(d map[string]any) { delete(d, "themeColorLogo") }, []string{
			`properties removed themeColorLogo | Theme color logo | {"type":"image/png","value":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="} | -`,
		}},
		{"presentations that could not be read", "group-policy-configuration", func(d map[string]any) { delete(d, "presentationValues") }, []string{
			`settings unreadable definitionValues["user:\\Contoso\\Agent\\Trusted sites"].presentationValues | Contoso › Agent › Trusted sites (user) | - | -`,
			`settings unreadable definitionValues["7a8dc5d7-a7cd-0b5b-1c72-d51285a16c28"].presentationValues | Windows Components › BitLocker › Configure BitLocker startup | - | -`,
			`settings unreadable definitionValues["faa11d25-686d-367f-0f94-c0ef6e9d7675"].presentationValues | Windows Components › Data Collection › Turn off telemetry | - | -`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			row, doc := fixture(t, test.fixture)
			before := encode(t, doc)
			test.edit(doc)
			got := lines(compare(t, row, before, encode(t, doc)))
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Secret values that were read apart are compared by their digests, which nobody
// sees, and belong to their settings wherever those stand.
func TestSecretsReadApart(t *testing.T) {
	row, doc := fixture(t, "device-configuration-custom-oma")
	doc["secrets"] = map[string]any{"omaSettings[0].value": "digest-one", "omaSettings[1].value": "digest-two"}
	before := encode(t, doc)
	settings := list(doc, "object", "omaSettings")
	settings[0], settings[1] = settings[1], settings[0]

	moved := encode(t, doc) // the values stay where they were: both are others now
	doc["secrets"] = map[string]any{"omaSettings[0].value": "digest-two", "omaSettings[1].value": "digest-one"}
	together := encode(t, doc)
	doc["secrets"] = map[string]any{"omaSettings[0].value": "digest-two", "omaSettings[77].value": "digest-one"}
	nowhere := encode(t, doc)

	for _, test := range []struct {
		name  string
		after []byte
		want  []string
	}{
		{"with their settings", together, []string{"settings reordered object.omaSettings"}},
		{"settings without their values", moved, []string{
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile"].value`,
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Startlayout"].value`,
			"settings reordered object.omaSettings",
		}},
		{"of no setting", nowhere, []string{
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile"].value`,
			"settings reordered object.omaSettings",
			`properties added secrets["omaSettings[77].value"]`,
		}},
		{"none", encode(t, without(doc, "secrets")), []string{
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Wirelessprofile"].value`,
			`settings changed object.omaSettings["./Vendor/MSFT/Policy/Config/Example/Startlayout"].value`,
			"settings reordered object.omaSettings",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := compare(t, row, before, test.after)
			var got []string
			for _, c := range r.Changes {
				got = append(got, string(c.Section)+" "+string(c.Kind)+" "+c.Path)
				if c.Kind != diff.Reordered && (!c.Secret || c.Before != nil || c.After != nil) {
					t.Errorf("a secret is shown: %s", line(c))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if strings.Contains(string(encode(t, r)), "digest-") {
				t.Error("a digest is shown")
			}
		})
	}
}

func without(doc map[string]any, name string) map[string]any {
	doc = maps.Clone(doc)
	delete(doc, name)
	return doc
}

// Groups of settings have no names: each is compared with the one that says the same
// of the same settings.
func TestGroupsThatAreAlike(t *testing.T) {
	row, doc := fixture(t, "reusable-policy-setting")
	group := func(address, port string) any {
		setting := func(id, value string) any {
			return map[string]any{"settingDefinitionId": id, "simpleSettingValue": map[string]any{"value": value}}
		}
		return map[string]any{"children": []any{setting("address", address), setting("port", port)}}
	}
	instance := obj(doc, "object", "settingInstance")
	instance["groupSettingCollectionValue"] = []any{group("1", "2"), group("2", "1")}
	before := encode(t, doc)
	instance["groupSettingCollectionValue"] = []any{group("2", "5"), group("1", "6")}
	var got []string
	for _, c := range compare(t, row, before, encode(t, doc)).Changes {
		got = append(got, string(c.Kind)+" "+c.Path)
	}
	want := []string{`changed object.settingInstance[0:1]["port"]`, `changed object.settingInstance[1:0]["port"]`, "reordered object.settingInstance"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of several members of one name the last counts, here as for the content hash.
func TestRepeatedMembers(t *testing.T) {
	row, _ := catalog.ByID("settings-catalog-policy")
	one := `[{"id":"0","settingInstance":{"settingDefinitionId":"a","simpleSettingValue":{"value":1}}}]`
	two := `[{"id":"1","settingInstance":{"settingDefinitionId":"a","simpleSettingValue":{"value":1}}},{"id":"0","settingInstance":{"settingDefinitionId":"b","simpleSettingValue":{"value":2}}}]`
	before := []byte(`{"settings":` + two + `,"settings":` + one + `}`)
	after := []byte(`{"settings":` + one + `,"settings":` + two + `}`)
	want := []string{`settings added settings["b"] | B | - | 2`}
	if got := lines(compare(t, row, before, after)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No digest, token or mask is shown, whatever changes.
func TestNoSecretIsShown(t *testing.T) {
	const token, digest = "8ba3b6ff-9b2d-4c1f-a4c9-2fa1c2a9a2f1", "digest-one"
	for _, test := range []struct {
		fixture string
		edit    func(doc map[string]any)
	}{
		{"settings-catalog-policy.secret", func(d map[string]any) { d["settings"] = []any{} }},
		{"device-configuration-custom-oma.unread-secret", func(d map[string]any) { obj(d, "object")["omaSettings"] = []any{} }},
		{"settings-catalog-policy.secret", func(d map[string]any) {
			i := obj(d, "settings", 0, "settingInstance")
			i["simpleSettingCollectionValue"] = []any{i["simpleSettingValue"], map[string]any{"value": token + "2", "valueState": "encryptedValueToken"}}
		}},
		{"settings-catalog-policy.secret", func(d map[string]any) {
			obj(d, "settings", 0, "settingInstance")["@odata.type"] = "#microsoft.graph.other"
		}},
		{"settings-catalog-policy.secret", func(d map[string]any) { obj(d, "settings", 0, "settingInstance")["simpleSettingValue"] = "plain" }},
		{"settings-catalog-policy.secret", func(d map[string]any) { d["settings"] = map[string]any{"all": d["settings"]} }},
		{"device-configuration-custom-oma", func(d map[string]any) { obj(d, "object")["omaSettings"] = []any{} }},
		{"device-configuration-custom-oma", func(d map[string]any) { obj(d, "object")["omaSettings"] = nil }},
		{"device-configuration-custom-oma", func(d map[string]any) {
			obj(d, "object")["omaSettings"] = map[string]any{"all": list(d, "object", "omaSettings")}
		}},
		{"device-configuration-custom-oma", func(d map[string]any) { delete(d, "object") }},
		{"device-configuration-custom-oma", func(d map[string]any) { d["object"] = []any{d["object"]} }},
	} {
		row, doc := fixture(t, test.fixture)
		if strings.HasSuffix(test.fixture, "oma") {
			doc["secrets"] = map[string]any{"omaSettings[0].value": digest, "omaSettings[1].value": digest}
		}
		before := encode(t, doc)
		test.edit(doc)
		for _, r := range []diff.Result{compare(t, row, before, encode(t, doc)), compare(t, row, encode(t, doc), before)} {
			if len(r.Changes) == 0 {
				t.Errorf("%s: no change", test.fixture)
			}
			shown := string(encode(t, r))
			for _, secret := range []string{token, digest, "****", "PGEvPg=="} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s: %s is shown in\n%s", test.fixture, secret, strings.Join(lines(r), "\n"))
				}
			}
		}
	}
}

// A long text is shown where it changed, with what tells the whole.
func TestLongValues(t *testing.T) {
	row, doc := fixture(t, "device-health-script")
	script := strings.Repeat("Write-Output 'ä'\r\n", 20_000)
	obj(doc, "object")["detectionScriptContent"] = base64.StdEncoding.EncodeToString([]byte(script + "exit 0\r\n"))
	before := encode(t, doc)
	obj(doc, "object")["detectionScriptContent"] = base64.StdEncoding.EncodeToString([]byte(script + "exit 1\r\n"))
	r := compare(t, row, before, encode(t, doc))
	if len(r.Changes) != 1 {
		t.Fatalf("changes: %v", lines(r))
	}
	for end, v := range map[string]*diff.Value{"exit 0\r\n": r.Changes[0].Before, "exit 1\r\n": r.Changes[0].After} {
		var text string
		if err := json.Unmarshal(v.JSON, &text); err != nil {
			t.Fatal(err)
		}
		whole := script + end
		sum := sha256.Sum256([]byte(whole))
		if !v.Cut || !v.Base64 || v.Size != len(whole) || v.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("the whole is told as %+v", *v)
		}
		if !strings.HasSuffix(text, end) || len(text) > 5<<10 || whole[v.Offset:v.Offset+len(text)] != text {
			t.Errorf("shown from %d: %d bytes", v.Offset, len(text))
		}
	}
}

// A flood of changes is counted, and kept in bounds.
func TestManyChanges(t *testing.T) {
	row, doc := fixture(t, "device-configuration")
	var many []any
	for i := range 11_000 {
		many = append(many, strconv.Itoa(i)+strings.Repeat("x", 2000))
	}
	before := encode(t, doc)
	obj(doc, "object")["defenderFilesAndFoldersToExclude"] = many
	r := compare(t, row, before, encode(t, doc))
	if !r.Truncated || len(r.Changes) != diff.MaxChanges || r.Total != 11_002 {
		t.Errorf("kept %d of %d, truncated %t", len(r.Changes), r.Total, r.Truncated)
	}
	want := []diff.Count{{diff.Properties, diff.Added, 11_000}, {diff.Properties, diff.Removed, 2}}
	if !slices.Equal(r.Counts, want) {
		t.Errorf("counts %v, want %v", r.Counts, want)
	}
	if size := len(encode(t, r)); size > 12<<20 {
		t.Errorf("the result has %d bytes", size)
	}
	if s := diff.Summary(r, 3); s.Total != 11_002 || len(s.Labels) != 1 {
		t.Errorf("summary %+v", s)
	}
}

// Of the captured policy of each type nothing counts as unread, and it does not
// differ from itself.
func TestUnchanged(t *testing.T) {
	for _, name := range names(t) {
		row, doc := fixture(t, name)
		whole := encode(t, doc)
		r := compare(t, row, whole, whole)
		if got, want := string(encode(t, r)), `{"changes":[],"total":0,"counts":[]}`; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	row, doc := fixture(t, "device-compliance-policy")
	before := encode(t, doc)
	o := obj(doc, "object")
	o["passwordMinimumLength"], o["description"], o["roleScopeTagIds"] = json.Number("14"), "New", []any{"0"}
	got := diff.Summary(compare(t, row, before, encode(t, doc)), 2)
	want := diff.Short{Total: 3, Counts: []diff.Count{{diff.Properties, diff.Changed, 2}, {diff.ScopeTags, diff.Removed, 1}}, Labels: []string{"Description", "Password minimum length"}}
	if string(encode(t, got)) != string(encode(t, want)) {
		t.Errorf("got %s, want %s", encode(t, got), encode(t, want))
	}
}

func TestCompareSets(t *testing.T) {
	got := diff.CompareSets(
		map[string]string{"a": "1", "b": "1", "c": "1", "e": "1"},
		map[string]string{"b": "1", "c": "2", "d": "1", "f": "1"})
	want := diff.SetChanges{Added: []string{"d", "f"}, Removed: []string{"a", "e"}, Changed: []string{"c"}, Unchanged: 1}
	if string(encode(t, got)) != string(encode(t, want)) {
		t.Errorf("got %s, want %s", encode(t, got), encode(t, want))
	}
}

// What is no payload document is refused.
func TestRefused(t *testing.T) {
	row, doc := fixture(t, "device-category")
	good := encode(t, doc)
	deep := []byte(`{"object":{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}}`)
	for name, bad := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("{"), "a list": []byte("[]"), "two values": []byte("{}{}"), "too deep": deep,
	} {
		if _, err := diff.Compare(row, good, bad); !errors.Is(err, diff.ErrInvalid) {
			t.Errorf("%s after: %v", name, err)
		}
		if _, err := diff.Compare(row, bad, good); !errors.Is(err, diff.ErrInvalid) {
			t.Errorf("%s before: %v", name, err)
		}
	}
	if _, err := diff.Compare(row, good, make([]byte, diff.MaxDocument+1)); !errors.Is(err, diff.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
