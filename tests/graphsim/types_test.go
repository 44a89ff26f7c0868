package graphsim_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"tenantatlas/tests/graphsim"
)

// sample is one object of a set.
type sample struct{ collection, id, text string }

const (
	groupID    = "aaaaaaaa-0000-4000-8000-000000000001"
	filterID   = "aaaaaaaa-0000-4000-8000-000000000002"
	templateID = "aaaaaaaa-0000-4000-8000-000000000003"
	customID   = "aaaaaaaa-0000-4000-8000-000000000004"
	rootID     = "aaaaaaaa-0000-4000-8000-000000000005"
	roleID     = "aaaaaaaa-0000-4000-8000-000000000006"
	categoryID = "aaaaaaaa-0000-4000-8000-000000000007"
	builtinDef = "aaaaaaaa-0000-4000-8000-000000000008"
	depID      = "aaaaaaaa-0000-4000-8000-000000000009"
	toGroup    = `"assignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"` + groupID + `"}}]`
)

// samples has an object of every set that has objects of its own, with all its
// children inside, as exports have them.
func samples() []sample {
	const dm, dam, ca = "deviceManagement/", "deviceAppManagement/", "identity/conditionalAccess/"
	return []sample{
		{dm + "configurationPolicies", "01", `"name":"N","platforms":"windows10","technologies":"mdm","templateReference":{"templateId":"t_1","templateFamily":"endpointSecurityFirewall"},"settings":[{"settingInstance":{"v":"` + customID + `"}}],` + toGroup},
		{dm + "deviceConfigurations", rootID, `"@odata.type":"#microsoft.graph.windows81TrustedRootCertificate","displayName":"Root"`},
		{dm + "deviceConfigurations", "03", `"@odata.type":"#microsoft.graph.windowsWifiEnterpriseEAPConfiguration","displayName":"N","rootCertificatesForServerValidation@odata.bind":["https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('` + rootID + `')"],` + toGroup},
		{dm + "deviceConfigurations", "04", `"@odata.type":"#microsoft.graph.windowsUpdateForBusinessConfiguration","displayName":"Ring",` + toGroup},
		{dm + "deviceCompliancePolicies", "05", `"@odata.type":"#microsoft.graph.windows10CompliancePolicy","displayName":"N",` + toGroup},
		{dm + "compliancePolicies", "06", `"name":"N","platforms":"linux","technologies":"linuxMdm","settings":[{"settingInstance":{}}],"scheduledActionsForRule":[{"ruleName":"R","scheduledActionConfigurations":[{"actionType":"block"}]}],` + toGroup},
		{dm + "inventoryPolicies", "07", `"name":"N","platforms":"windows10","technologies":"extensibility","settings":[{"settingInstance":{}}],` + toGroup},
		{dm + "groupPolicyConfigurations", "08", `"displayName":"N","policyConfigurationIngestionType":"builtIn","definitionValues":[{"enabled":true,"definition":{"id":"` + builtinDef + `","displayName":"D","classType":"machine","categoryPath":"\\C"},"presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"x","presentation":{"@odata.type":"#microsoft.graph.groupPolicyPresentationTextBox","id":"p1","label":"L"}}]}],` + toGroup},
		{dm + "groupPolicyUploadedDefinitionFiles", "09", `"fileName":"a.admx","targetNamespace":"N","content":"PGEvPg==","definitions":[{"displayName":"Custom","classType":"user","categoryPath":"\\X","presentations":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationTextBox","label":"L"}]}]`},
		{dm + "intents", "10", `"displayName":"N","templateId":"` + templateID + `","settings":[{"@odata.type":"#microsoft.graph.deviceManagementBooleanSettingInstance","definitionId":"d","valueJson":"true"}],` + toGroup},
		{dm + "deviceManagementScripts", "11", `"displayName":"N","scriptContent":"eA==","fileName":"a.ps1","runAsAccount":"system","runAs32Bit":false,"enforceSignatureCheck":false,` + toGroup},
		{dm + "deviceHealthScripts", "12", `"displayName":"N","detectionScriptContent":"eA==","remediationScriptContent":"eQ==","isGlobalScript":false,` + toGroup},
		{dm + "deviceShellScripts", "13", `"displayName":"N","scriptContent":"eA==","fileName":"a.sh",` + toGroup},
		{dm + "deviceCustomAttributeShellScripts", "14", `"displayName":"N","scriptContent":"eA==","customAttributeType":"string","fileName":"a.sh",` + toGroup},
		{dm + "deviceComplianceScripts", "15", `"displayName":"N","detectionScriptContent":"eA=="`},
		{dm + "reusablePolicySettings", customID, `"displayName":"N","settingDefinitionId":"d","settingInstance":{"settingDefinitionId":"d"}`},
		{dm + "assignmentFilters", filterID, `"displayName":"N","platform":"windows10AndLater","rule":"(device.model -eq \"x\")"`},
		{dm + "roleScopeTags", "18", `"displayName":"Paris",` + toGroup},
		{dm + "roleDefinitions", roleID, `"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleDefinition","displayName":"N","rolePermissions":[]`},
		{dm + "roleAssignments", "20", `"displayName":"N","members":["` + groupID + `"],"resourceScopes":["` + groupID + `"],"roleDefinition":{"id":"` + roleID + `"},"roleScopeTags":[{"id":"18"}]`},
		{dm + "notificationMessageTemplates", "21", `"displayName":"N","brandingOptions":"includeCompanyLogo","localizedNotificationMessages":[{"locale":"en-US","subject":"S","messageTemplate":"T","isDefault":true}]`},
		{dm + "hardwareConfigurations", "22", `"displayName":"N","configurationFileContent":"eA==","fileName":"a.cctk","hardwareConfigurationFormat":"dell",` + toGroup},
		{dm + "deviceEnrollmentConfigurations", "23", `"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"N","limit":3,` + toGroup},
		{dm + "windowsAutopilotDeploymentProfiles", "24", `"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"N","deviceType":"windowsPc",` + toGroup},
		{dm + "windowsAutopilotDeviceIdentities", "25", `"serialNumber":"S","groupTag":"G"`},
		{dm + "termsAndConditions", "26", `"displayName":"N","title":"T","bodyText":"B","acceptanceStatement":"A","version":1,` + toGroup},
		{dm + "deviceCategories", "27", `"displayName":"N"`},
		{dm + "intuneBrandingProfiles", "28", `"profileName":"N","themeColor":{"r":1,"g":2,"b":3},"themeColorLogo":{"type":"image/png","value":"iVBORw0KGgo="},` + toGroup},
		{dm + "windowsFeatureUpdateProfiles", "29", `"displayName":"N","featureUpdateVersion":"Windows 11, version 24H2",` + toGroup},
		{dm + "windowsQualityUpdateProfiles", "30", `"displayName":"N","expeditedUpdateSettings":{"qualityUpdateRelease":"2025-10-14T00:00:00Z","daysUntilForcedReboot":1},` + toGroup},
		{dm + "windowsQualityUpdatePolicies", "31", `"displayName":"N","hotpatchEnabled":true,` + toGroup},
		{dm + "windowsDriverUpdateProfiles", "32", `"displayName":"N","approvalType":"manual",` + toGroup},
		{dm + "appleUserInitiatedEnrollmentProfiles", "33", `"displayName":"N","platform":"ios",` + toGroup},
		{dm + "depOnboardingSettings", depID, `"tokenName":"N","enrollmentProfiles":[{"@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","id":"` + depID + `_1","displayName":"P"}],"defaultIosEnrollmentProfile":{"id":"` + depID + `_1"}`},
		{dam + "mobileApps", "35", `"@odata.type":"#microsoft.graph.win32LobApp","displayName":"N","publisher":"P","largeIcon":{"type":"image/png","value":"iVBORw0KGgo="},"roleScopeTagIds":["0","18"],"categories":[{"id":"` + categoryID + `","displayName":"C"}],"relationships":[{"@odata.type":"#microsoft.graph.mobileAppDependency","targetId":"36","targetType":"child","dependencyType":"detect"}],"assignments":[{"@odata.type":"#microsoft.graph.mobileAppAssignment","intent":"required","target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"` + groupID + `"}}]`},
		{dam + "mobileApps", "36", `"@odata.type":"#microsoft.graph.webApp","displayName":"A","publisher":"P"`},
		{dam + "mobileApps", "37", `"@odata.type":"#microsoft.graph.managedIOSStoreApp","displayName":"Store","publisher":"P","appAvailability":"global"`},
		{dam + "iosManagedAppProtections", "38", `"@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"N","appGroupType":"allApps","apps":[{"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"b"}}],` + toGroup},
		{dam + "androidManagedAppProtections", "39", `"displayName":"N","apps":[],` + toGroup},
		{dam + "windowsManagedAppProtections", "40", `"displayName":"N","apps":[],` + toGroup},
		{dam + "mdmWindowsInformationProtectionPolicies", "41", `"displayName":"N","protectedAppLockerFiles":[{"displayName":"F","fileHash":"h"}],"exemptAppLockerFiles":[],` + toGroup},
		{dam + "windowsInformationProtectionPolicies", "42", `"displayName":"N","protectedAppLockerFiles":[],` + toGroup},
		{dam + "defaultManagedAppProtections", "43", `"displayName":"N","apps":[]`},
		{dam + "targetedManagedAppConfigurations", "44", `"displayName":"N","appGroupType":"selectedPublicApps","apps":[],"settings":[{"settingInstance":{}}],"customSettings":[{"name":"a","value":"b"}],` + toGroup},
		{dam + "mobileAppConfigurations", "45", `"@odata.type":"#microsoft.graph.androidManagedStoreAppConfiguration","displayName":"N","targetedMobileApps":["36"],"appSupportsOemConfig":true,` + toGroup},
		{dam + "policySets", "46", `"displayName":"N","items":[{"@odata.type":"#microsoft.graph.mobileAppPolicySetItem","payloadId":"36"}],` + toGroup},
		{dm + "virtualEndpoint/provisioningPolicies", "47", `"displayName":"N","imageId":"i","provisioningType":"dedicated",` + toGroup},
		{dm + "virtualEndpoint/userSettings", "48", `"displayName":"N","localAdminEnabled":false,` + toGroup},
		{ca + "policies", "49", `"displayName":"N","state":"disabled","conditions":{}`},
		{ca + "namedLocations", "50", `"@odata.type":"#microsoft.graph.ipNamedLocation","displayName":"N","isTrusted":true,"ipRanges":[]`},
		{ca + "authenticationStrength/policies", "51", `"displayName":"N","allowedCombinations":["fido2"],"combinationConfigurations":[{"@odata.type":"#microsoft.graph.fido2CombinationConfiguration","appliesToCombinations":["fido2"]}]`},
		{ca + "authenticationContextClassReferences", "c1", `"displayName":"N","isAvailable":true`},
		{"identityGovernance/termsOfUse/agreements", "53", `"displayName":"N","files":[{"id":"f1","fileName":"a.pdf","language":"en","fileData":{"data":"JVBERg=="}}]`},
		{"groups", groupID, `"displayName":"It's a group"`},
	}
}

// everything is a tenant with an object of every set and an app that may do all.
func everything(t *testing.T, spec graphsim.TenantSpec, options graphsim.Options) *rig {
	t.Helper()
	for _, s := range samples() {
		spec.Objects = append(spec.Objects, graphsim.Object{Collection: s.collection, JSON: json.RawMessage(`{"id":"` + s.id + `",` + s.text + `}`)})
	}
	spec.Apps = []graphsim.App{app(graphsim.AllPermissions()...)}
	if options.Quotas == nil {
		options.Quotas = []graphsim.Quota{}
	}
	return newRig(t, spec, options)
}

// Every set lists what it has and answers it by id, and each of its children by
// the path that the service has.
func TestEverySetIsRead(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	for _, s := range samples() {
		ids := []string{}
		for _, p := range r.all("/beta/" + s.collection) {
			for _, v := range p.Value {
				ids = append(ids, text(t, v, "id"))
				for key := range object(t, v) {
					if strings.HasPrefix(key, "~") {
						t.Errorf("%s shows %s", s.collection, key)
					}
				}
			}
		}
		if !slices.Contains(ids, s.id) {
			t.Errorf("%s: %s is not among %v", s.collection, s.id, ids)
		}
		b := r.ok("/beta/" + s.collection + "/" + s.id).body
		if text(t, b, "id") != s.id || !strings.Contains(text(t, b, "@odata.context"), s.collection) {
			t.Errorf("%s: %s", s.collection, b)
		}
		if n := len(b); n < 60 {
			t.Errorf("%s is empty: %s", s.collection, b)
		}
		for key := range object(t, b) {
			if strings.HasPrefix(key, "~") {
				t.Errorf("%s shows %s", s.collection, key)
			}
		}
		if strings.Contains(s.text, toGroup) && !strings.Contains(s.collection, "policySets") {
			if got := r.ok("/beta/" + s.collection + "/" + s.id + "/assignments").page(t).Value; len(got) != 1 || text(t, field(t, got[0], "target"), "groupId") != groupID {
				t.Errorf("%s: assignments %s", s.collection, got)
			}
		}
		r.get("/beta/"+s.collection+"/99999999-0000-4000-8000-000000000000").want(t, 404, "ResourceNotFound")
		r.get("/beta/"+s.collection+"/"+s.id+"/nonsense").want(t, 400, "BadRequest")
	}
	if n := r.sim.Counters().NotModelled; n != 0 {
		t.Errorf("%d requests were not modelled", n)
	}
}

func object(t *testing.T, raw []byte) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return m
}

// Without the permission of its area a set answers 403.
func TestEverySetNeedsItsPermission(t *testing.T) {
	for area, want := range map[string]string{
		"deviceManagement/deviceHealthScripts":                            graphsim.PermScriptsRead,
		"deviceManagement/roleDefinitions":                                graphsim.PermRBACRead,
		"deviceManagement/deviceEnrollmentConfigurations":                 graphsim.PermServiceConfigRead,
		"deviceManagement/deviceCategories":                               graphsim.PermManagedDevicesRead,
		"deviceManagement/intuneBrandingProfiles":                         graphsim.PermAppsRead,
		"deviceAppManagement/mobileApps":                                  graphsim.PermAppsRead,
		"deviceManagement/virtualEndpoint/userSettings":                   graphsim.PermCloudPCRead,
		"identity/conditionalAccess/policies":                             graphsim.PermPolicyRead,
		"identity/conditionalAccess/authenticationContextClassReferences": graphsim.PermPolicyReadConditionalAccess,
		"identityGovernance/termsOfUse/agreements":                        graphsim.PermAgreementRead,
		"groups": graphsim.PermGroupMemberRead,
		"deviceManagement/notificationMessageTemplates":                      graphsim.PermServiceConfigRead,
		"deviceAppManagement/policySets":                                     graphsim.PermConfigurationRead,
		"deviceManagement/reusablePolicySettings?$select=id,settingInstance": graphsim.PermEndpointSecurityRead,
	} {
		r := newRig(t, graphsim.TenantSpec{Apps: []graphsim.App{app(graphsim.PermAgreementReadWrite + ".none")}}, graphsim.Options{Quotas: []graphsim.Quota{}})
		if a := r.get("/beta/" + area); a.status != 403 {
			t.Errorf("%s without permission: %d %s", area, a.status, a.body)
		}
		if err := r.sim.SetApp(contosoID, app(want)); err != nil {
			t.Fatal(err)
		}
		r.token = r.newToken()
		r.ok("/beta/" + area)
	}
}

// What a list or a plain item leaves out, and the read that has it.
func TestReadsThatLoseData(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	const dm, dam = "/beta/deviceManagement/", "/beta/deviceAppManagement/"
	inList := func(path, id string) []byte {
		t.Helper()
		for _, p := range r.all(path) {
			for _, v := range p.Value {
				if text(t, v, "id") == id {
					return v
				}
			}
		}
		t.Fatalf("%s has no %s", path, id)
		return nil
	}
	for _, c := range []struct{ name, path, id, query, key, list, item string }{
		{"script content", dm + "deviceManagementScripts", "11", "", "scriptContent", "null", `"eA=="`},
		{"detection script", dm + "deviceHealthScripts", "12", "", "detectionScriptContent", "null", `"eA=="`},
		{"remediation script", dm + "deviceHealthScripts", "12", "", "remediationScriptContent", "null", `"eQ=="`},
		{"shell script", dm + "deviceShellScripts", "13", "", "scriptContent", "null", `"eA=="`},
		{"custom attribute", dm + "deviceCustomAttributeShellScripts", "14", "", "scriptContent", "null", `"eA=="`},
		{"compliance script", dm + "deviceComplianceScripts", "15", "", "detectionScriptContent", "null", `"eA=="`},
		{"reusable setting without $select", dm + "reusablePolicySettings", customID, "", "settingInstance", "", ""},
		{"reusable setting with $select", dm + "reusablePolicySettings", customID, "?$select=id,settingInstance", "settingInstance", `{"settingDefinitionId":"d"}`, `{"settingDefinitionId":"d"}`},
		{"references to a reusable setting", dm + "reusablePolicySettings", customID, "?$select=id,referencingConfigurationPolicyCount", "referencingConfigurationPolicyCount", "1", "1"},
		{"scope tags of apps", dam + "mobileApps", "35", "", "roleScopeTagIds", "[]", `["0","18"]`},
		{"icon of apps", dam + "mobileApps", "35", "", "largeIcon", "null", `{"type":"image/png","value":"iVBORw0KGgo="}`},
		{"isAssigned of apps", dam + "mobileApps", "35", "", "isAssigned", "true", "true"},
		{"ingestion type", dm + "groupPolicyConfigurations", "08", "", "policyConfigurationIngestionType", `"builtIn"`, `"unknown"`},
		{"content of ADMX files", dm + "groupPolicyUploadedDefinitionFiles", "09", "", "content", "null", "null"},
		{"branding images", dm + "intuneBrandingProfiles", "28", "", "themeColorLogo", "null", "null"},
		{"settings of intents", dm + "intents", "10", "", "settings", "", ""},
		{"type by a typed address", dam + "iosManagedAppProtections", "38", "", "@odata.type", "", ""},
		{"messages of templates", dm + "notificationMessageTemplates", "21", "", "localizedNotificationMessages", "", ""},
		{"role of an assignment", dm + "roleAssignments", "20", "", "roleDefinition", "", ""},
		{"actions of Linux policies", dm + "compliancePolicies", "06", "", "scheduledActionsForRule", "", ""},
		{"combinations are inline", "/beta/identity/conditionalAccess/authenticationStrength/policies", "51", "", "allowedCombinations", `["fido2"]`, `["fido2"]`},
	} {
		if got := string(field(t, inList(c.path+c.query, c.id), c.key)); got != c.list {
			t.Errorf("%s in a list: %s, want %s", c.name, got, c.list)
		}
		if got := string(field(t, r.ok(c.path+"/"+c.id+c.query).body, c.key)); got != c.item {
			t.Errorf("%s on the item: %s, want %s", c.name, got, c.item)
		}
	}

	// The reads that have what was left out.
	for _, c := range []struct{ path, want string }{
		{dm + "notificationMessageTemplates/21?$expand=localizedNotificationMessages", `"id":"21_en-us"`},
		{dm + "notificationMessageTemplates?$expand=localizedNotificationMessages", `"id":"21_en-us"`},
		{dm + "notificationMessageTemplates/21/localizedNotificationMessages/21_en-us", `"subject":"S"`},
		{dm + "intents/10/settings", `"valueJson":"true"`},
		{dm + "intents/10/categories", `"hasRequiredSetting":false`},
		{dm + "templates/" + templateID, `"isDeprecated":false`},
		{dm + "templates/" + templateID + "/categories", `"displayName":"Settings"`},
		{dm + "groupPolicyConfigurations/08/definitionValues?$expand=definition", `"definition":{"id":"` + builtinDef + `"`},
		{dm + "groupPolicyDefinitions/" + builtinDef, `"displayName":"D"`},
		{dm + "groupPolicyDefinitions/" + builtinDef + "/presentations", `"label":"L"`},
		{dm + "groupPolicyConfigurations?$filter=id%20eq%20'08'", `"policyConfigurationIngestionType":"builtIn"`},
		{dm + "groupPolicyUploadedDefinitionFiles/09?$expand=groupPolicyOperations", `"groupPolicyOperations":[]`},
		{dm + "groupPolicyUploadedDefinitionFiles/09/definitions", `"displayName":"Custom"`},
		{dm + "groupPolicyCategories?$expand=definitions($select=id,displayName,categoryPath,classType)&$select=id,displayName&$filter=ingestionSource%20eq%20'custom'", `"classType":"user"`},
		{dm + "intuneBrandingProfiles/28/themeColorLogo", `"value":"iVBORw0KGgo="`},
		{dm + "roleAssignments/20?$expand=microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags", `"displayName":"Paris"`},
		{dm + "roleAssignments/20/roleDefinition?$select=id,displayName,isBuiltIn", `"id":"` + roleID + `"`},
		{dm + "roleDefinitions/" + roleID + "/roleAssignments", `"id":"20"`},
		{dm + "roleScopeTags?$expand=assignments", `"assignments":[]`},
		{dm + "compliancePolicies/06/scheduledActionsForRule?$expand=scheduledActionConfigurations", `"actionType":"block"`},
		{dm + "compliancePolicies/06?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)", `"actionType":"block"`},
		{dm + "deviceConfigurations/03/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation?$select=id,displayName", `"value":[{"id":"` + rootID + `","displayName":"Root"}]`},
		{dm + "depOnboardingSettings/" + depID + "/enrollmentProfiles", `"displayName":"P"`},
		{dm + "depOnboardingSettings/" + depID + "/enrollmentProfiles/" + depID + "_1", `"displayName":"P"`},
		{dm + "depOnboardingSettings/" + depID + "?$expand=defaultIosEnrollmentProfile", `"defaultIosEnrollmentProfile":{"@odata.type"`},
		{dm + "virtualEndpoint/provisioningPolicies/47?$select=*&$expand=assignments", groupID},
		{dam + "mobileApps/35?$expand=categories,assignments", `"categories":[{"id":"` + categoryID + `"`},
		{dam + "mobileApps/35/relationships", `"targetType":"child"`},
		{dam + "mobileApps/36/relationships", `"targetType":"parent"`},
		{dam + "iosManagedAppProtections?$expand=apps,assignments", `"bundleId":"b"`},
		{dam + "mdmWindowsInformationProtectionPolicies/41?$expand=protectedAppLockerFiles,exemptAppLockerFiles,assignments", `"fileHash":"h"`},
		{dam + "targetedManagedAppConfigurations/44?$expand=apps,assignments,settings", `"settingInstance":{}`},
		{dam + "managedAppPolicies", `"@odata.type":"#microsoft.graph.iosManagedAppProtection"`},
		{dam + "managedAppPolicies/44", `"@odata.type":"#microsoft.graph.targetedManagedAppConfiguration"`},
		{dam + "policySets/46?$expand=assignments,items", `"payloadId":"36"`},
		{"/beta/identityGovernance/termsOfUse/agreements/53?$expand=files", `"fileName":"a.pdf"`},
		{"/beta/agreements/53/file/localizations('f1')/fileData/data", `"value":"JVBERg=="`},
		{"/beta/policies/authenticationStrengthPolicies/51/combinationConfigurations", "fido2CombinationConfiguration"},
		{"/beta/deviceManagement/settings", `"secureByDefault":false`},
		{"/beta/deviceManagement", `"settings":null`},
		{"/beta/deviceManagement?$select=settings", `"secureByDefault":false`},
		{"/beta/groups?$filter=displayName%20eq%20'It''s%20a%20group'&$select=id,displayName", groupID},
	} {
		if b := r.ok(c.path).body; !strings.Contains(string(b), c.want) {
			t.Errorf("%s has no %s: %s", c.path, c.want, b)
		}
	}
	value := text(t, r.ok(dm + "groupPolicyConfigurations/08/definitionValues").page(t).Value[0], "id")
	if b := r.ok(dm + "groupPolicyConfigurations/08/definitionValues/" + value + "/presentationValues?$expand=presentation").body; !strings.Contains(string(b), `"presentation":{"@odata.type":"#microsoft.graph.groupPolicyPresentationTextBox","id":"p1","label":"L"}`) {
		t.Errorf("presentation values: %s", b)
	}
	category := text(t, r.ok(dm + "intents/10/categories").page(t).Value[0], "id")
	if b := r.ok(dm + "intents/10/categories/" + category + "/settings").body; !strings.Contains(string(b), `"valueJson":"true"`) {
		t.Errorf("settings of a category: %s", b)
	}
	a, err := r.do("POST", "/beta/directoryObjects/getByIds", []byte(`{"ids":["`+groupID+`","99999999-0000-4000-8000-000000000000"],"types":["group"]}`), "Content-Type", "application/json")
	if err != nil || a.status != 200 || len(a.page(t).Value) != 1 {
		t.Errorf("getByIds: %v %d %s", err, a.status, a.body)
	}
	if c := r.sim.Counters(); c.NotModelled != 0 || c.Writes != 0 {
		t.Errorf("counters %+v", c)
	}
}

// Routes that the metadata lists and the service has not, and expansions that it refuses.
func TestRoutesThatAreNotThere(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	for _, path := range []string{
		"/beta/deviceManagement/deviceCompliancePolicies/05/scheduledActionsForRule",
		"/beta/deviceAppManagement/policySets/46/assignments",
		"/beta/deviceAppManagement/policySets/46/items",
		"/beta/deviceAppManagement/androidManagedAppProtections/39/apps/x",
	} {
		r.get(path).want(t, 400, "No method match route template")
	}
	for _, path := range []string{
		"/beta/deviceManagement/termsAndConditions?$expand=assignments",
		"/beta/deviceAppManagement/policySets?$expand=items",
		"/beta/deviceManagement/reusablePolicySettings?$expand=settingInstance",
		"/beta/deviceManagement/deviceEnrollmentConfigurations?$filter=endsWith(id,'_DefaultLimit')",
		"/beta/deviceManagement/deviceConfigurations/03/microsoft.graph.iosManagedAppProtection/apps",
		"/beta/deviceManagement/deviceConfigurations/03/rootCertificatesForServerValidation",
	} {
		r.get(path).want(t, 400, "BadRequest")
	}
	// A reference that leads nowhere.
	r.get("/beta/deviceManagement/deviceConfigurations/03/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication").want(t, 404, "ResourceNotFound")
}

// Filters and orders of exactly the forms that callers are known to use.
func TestFilters(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{Defaults: true}, graphsim.Options{})
	for _, c := range []struct {
		path string
		want string
	}{
		{"deviceManagement/deviceConfigurations?$filter=isof('microsoft.graph.windowsUpdateForBusinessConfiguration')", "04"},
		{"deviceManagement/deviceConfigurations?$filter=not%20isof('microsoft.graph.windowsUpdateForBusinessConfiguration')", rootID + " 03"},
		{"deviceManagement/roleScopeTags?$filter=isBuiltIn%20eq%20false", "18"},
		{"deviceManagement/roleDefinitions?$filter=isBuiltIn%20eq%20false", roleID},
		{"deviceManagement/deviceHealthScripts?$filter=isGlobalScript%20eq%20true", "12"},
		{"deviceManagement/deviceEnrollmentConfigurations?$filter=deviceEnrollmentConfigurationType%20eq%20'limit'&$orderby=priority", "DefaultLimit 23"},
		{"deviceAppManagement/mobileApps?$filter=(microsoft.graph.managedApp/appAvailability%20eq%20null%20or%20microsoft.graph.managedApp/appAvailability%20eq%20'lineOfBusiness'%20or%20isAssigned%20eq%20true)&$orderby=displayName&$expand=assignments", "36 35"},
		{"deviceAppManagement/mobileApps?$filter=(isof('microsoft.graph.androidManagedStoreApp')%20and%20(microsoft.graph.androidManagedStoreApp/appIdentifier%20eq%20'app:x'))", ""},
		{"deviceAppManagement/mobileAppConfigurations?$filter=microsoft.graph.androidManagedStoreAppConfiguration/appSupportsOemConfig%20eq%20true", "45"},
		{"groups?$filter=displayName%20eq%20'nobody'", ""},
	} {
		var ids []string
		for _, p := range r.all("/beta/" + c.path) {
			for _, v := range p.Value {
				id := text(t, v, "id")
				if _, suffix, ok := strings.Cut(id, "_"); ok {
					id = suffix
				}
				ids = append(ids, id)
			}
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	for _, q := range []string{"$filter=displayName%20eq%20", "$filter=(isBuiltIn%20eq%20false", "$filter=isBuiltIn%20eq%20false%20nonsense"} {
		if a := r.get("/beta/deviceManagement/roleScopeTags?" + q); a.status != 400 && a.status != 501 {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
}

// A filtered and ordered list comes in pages like any other.
func TestFilteredPaging(t *testing.T) {
	spec := graphsim.TenantSpec{PageSizes: map[string]int{"deviceAppManagement/mobileApps": 2}}
	r := everything(t, spec, graphsim.Options{})
	for _, q := range []string{"?$orderby=displayName", "?$filter=isAssigned%20eq%20false%20or%20isAssigned%20eq%20true"} {
		var names []string
		pages := r.all("/beta/deviceAppManagement/mobileApps" + q)
		for _, p := range pages {
			for _, v := range p.Value {
				names = append(names, text(t, v, "displayName"))
			}
		}
		slices.Sort(names)
		if len(pages) != 2 || !slices.Equal(names, []string{"A", "N", "Store"}) {
			t.Errorf("%s: %d pages, %v", q, len(pages), names)
		}
	}
}

// Conditional Access allows one request a second for all apps of a tenant, and
// does not say how long to wait.
func TestConditionalAccessQuota(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{Quotas: graphsim.DefaultQuotas()})
	r.ok("/beta/identity/conditionalAccess/policies")
	a := r.get("/beta/identity/conditionalAccess/namedLocations")
	if a.status != 429 || a.header.Get("Retry-After") != "" {
		t.Errorf("%d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	r.ok("/beta/deviceManagement/configurationPolicies")
}

// A tenant with Defaults has what every tenant has, under the ids of the account.
func TestDefaults(t *testing.T) {
	const account = "bbbbbbbb-0000-4000-8000-00000000000b"
	r := newRig(t, graphsim.TenantSpec{Defaults: true, AccountID: account, Apps: []graphsim.App{app(graphsim.AllPermissions()...)},
		Objects: []graphsim.Object{{JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","id":"cccccccc-0000-4000-8000-00000000000c_DefaultLimit","priority":0,"displayName":"All users and all devices","limit":9}`)}},
	}, graphsim.Options{})
	if got := text(t, r.ok("/beta/deviceManagement").body, "intuneAccountId"); got != account {
		t.Errorf("intuneAccountId %s", got)
	}
	if b := r.ok("/beta/deviceManagement/deviceEnrollmentConfigurations/" + account + "_DefaultLimit").body; string(field(t, b, "limit")) != "9" || string(field(t, b, "priority")) != "0" {
		t.Errorf("an exported default object does not take the place of this tenant's: %s", b)
	}
	counts := map[string]int{}
	for _, path := range []string{"deviceManagement/deviceEnrollmentConfigurations", "deviceManagement/roleScopeTags", "deviceManagement/roleDefinitions", "deviceManagement/intuneBrandingProfiles", "deviceAppManagement/mobileAppCategories", "policies/authenticationStrengthPolicies"} {
		counts[path] = len(r.ok("/beta/" + path).page(t).Value)
	}
	want := map[string]int{"deviceManagement/deviceEnrollmentConfigurations": 5, "deviceManagement/roleScopeTags": 1, "deviceManagement/roleDefinitions": 2, "deviceManagement/intuneBrandingProfiles": 1, "deviceAppManagement/mobileAppCategories": 9, "policies/authenticationStrengthPolicies": 3}
	for path, n := range want {
		if counts[path] != n {
			t.Errorf("%s: %d, want %d", path, counts[path], n)
		}
	}
}

// A tenant can be drawn that has objects of every type of every set; each of them
// is listed and read.
func TestGenerateEveryType(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	r := newRig(t, graphsim.TenantSpec{Defaults: true, Generate: &graphsim.GenerateSpec{Seed: seed, Each: 2, Assigned: true}, Apps: []graphsim.App{app(graphsim.AllPermissions()...)}}, graphsim.Options{Quotas: []graphsim.Quota{}})
	objects := r.sim.Tenants()[0].Objects
	for _, s := range samples() {
		if objects[s.collection] == 0 {
			t.Errorf("%s has no object", s.collection)
		}
	}
	if objects["deviceManagement/deviceConfigurations"] < 200 || objects["deviceAppManagement/mobileApps"] < 60 {
		t.Errorf("objects %v", objects)
	}
	for path, n := range objects {
		listed := 0
		for _, p := range r.all("/beta/" + path) {
			for _, v := range p.Value {
				listed++
				r.ok("/beta/" + path + "/" + text(t, v, "id"))
			}
		}
		if listed < n { // definitions of Microsoft come on top
			t.Errorf("%s: %d listed, %d there", path, listed, n)
		}
	}
	again := graphsim.StartTest(t, graphsim.Options{})
	if _, err := again.AddTenant(graphsim.TenantSpec{ID: contosoID, Defaults: true, Generate: &graphsim.GenerateSpec{Seed: seed, Each: 2, Assigned: true}}); err != nil {
		t.Fatal(err)
	}
	infos, err := again.Objects(contosoID, "deviceConfigurations")
	if err != nil {
		t.Fatal(err)
	}
	same, err := r.sim.Objects(contosoID, "deviceConfigurations")
	if err != nil || !slices.Equal(infos, same) {
		t.Errorf("the same numbers give another tenant (%v)", err)
	}
}

// The admin interface knows every set: by its last segment where only one has it,
// else by its whole path.
func TestAdminKnowsEverySet(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{AdminListen: "127.0.0.1:0"})
	for _, s := range samples() {
		path := "/v1/tenants/" + contosoID + "/objects/" + url.PathEscape(s.collection)
		if got := adminCall(t, r.sim, "GET", path, "", 200); !strings.Contains(got, `"`+s.id+`"`) {
			t.Errorf("%s: %s", s.collection, got)
		}
		before := r.ok("/beta/" + s.collection + "/" + s.id).body
		adminCall(t, r.sim, "POST", path+"/"+s.id+"/touch", "", 200)
		if after := r.ok("/beta/" + s.collection + "/" + s.id).body; string(after) == string(before) {
			t.Errorf("%s was not changed: %s", s.collection, before)
		}
		if err := r.sim.HideFromLists(contosoID, s.collection, s.id); err != nil {
			t.Error(err)
		}
		adminCall(t, r.sim, "DELETE", path+"/"+s.id, "", 200)
	}
	adminCall(t, r.sim, "GET", "/v1/tenants/"+contosoID+"/objects/intents", "", 200)
	adminCall(t, r.sim, "GET", "/v1/tenants/"+contosoID+"/objects/policies", "", 400)
	adminCall(t, r.sim, "GET", "/v1/tenants/"+contosoID+"/objects/managedAppPolicies", "", 400)
}

// Many writers at once neither lose nor double an element: each write sees what
// the one before it left.
func TestWritersTakeTurns(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	const path = "/beta/deviceManagement/termsAndConditions/26/assignments"
	var writers sync.WaitGroup
	for i := range 200 {
		writers.Go(func() {
			body := fmt.Sprintf(`{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"bbbbbbbb-0000-4000-8000-%012d"}}`, i)
			if a, err := r.do("POST", path, []byte(body), "Content-Type", "application/json"); err != nil || a.status != 201 {
				t.Errorf("%v %d %s", err, a.status, a.body)
			}
		})
	}
	writers.Wait()
	if n := len(r.ok(path).page(t).Value); n != 201 {
		t.Errorf("%d assignments, want 201", n)
	}
	if c := r.sim.Counters(); c.Writes != 200 {
		t.Errorf("%d writes counted", c.Writes)
	}
}
