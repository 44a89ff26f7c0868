package graphsim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/graphsim/schema"
)

// send sends a body as JSON.
func (r *rig) send(method, path, body string) answer {
	r.t.Helper()
	headers := []string{}
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	a, err := r.do(method, path, []byte(body), headers...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// must sends and fails the test on another status.
func (r *rig) must(status int, method, path, body string) answer {
	r.t.Helper()
	a := r.send(method, path, body)
	if a.status != status {
		r.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// refused sends and wants an error whose message holds the text.
func (r *rig) refused(method, path, body string, status int, code, message string) {
	r.t.Helper()
	a := r.send(method, path, body)
	if a.status != status {
		r.t.Errorf("%s %s %s: %d, want %d: %s", method, path, body, a.status, status, a.body)
		return
	}
	if e := a.graphError(r.t); e.Error.Code != code || !strings.Contains(e.Error.Message, message) {
		r.t.Errorf("%s %s %s: %q %q, want %q %q", method, path, body, e.Error.Code, e.Error.Message, code, message)
	}
}

// empty is a tenant with what every tenant has, and an app that may do all.
func empty(t *testing.T, spec graphsim.TenantSpec) *rig {
	t.Helper()
	spec.Defaults = true
	spec.Apps = []graphsim.App{app(graphsim.AllPermissions()...)}
	return newRig(t, spec, graphsim.Options{Quotas: []graphsim.Quota{}})
}

const (
	dmPath  = "/beta/deviceManagement/"
	damPath = "/beta/deviceAppManagement/"
	caPath  = "/beta/identity/conditionalAccess/"
)

func target(kind, group string) string {
	if group != "" {
		group = `,"groupId":"` + group + `"`
	}
	return `{"@odata.type":"#microsoft.graph.` + kind + `"` + group + `}`
}

// Every set that is written takes a create, an update and a removal with the
// documented answers; the object is then read as it was sent.
func TestEverySetIsWritten(t *testing.T) {
	const settings = `"settings":[{"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":7}}}]`
	type c struct {
		path, create string
		created      int
		update       string
		updated      int
		method       string
		assignKey    string
		assigned     int
	}
	for _, c := range []c{
		{path: dmPath + "configurationPolicies", create: `{"name":"N","platforms":"windows10","technologies":"mdm",` + settings + `}`, created: 201, update: `{"name":"M"}`, updated: 200, assignKey: "assignments", assigned: 200},
		{path: dmPath + "inventoryPolicies", create: `{"name":"N","platforms":"windows10","technologies":"mdm",` + settings + `}`, created: 201, method: "PUT", update: `{"name":"M","platforms":"windows10","technologies":"mdm",` + settings + `}`, updated: 204, assignKey: "assignments", assigned: 200},
		{path: dmPath + "compliancePolicies", create: `{"name":"N","platforms":"linux","technologies":"linuxMdm",` + settings + `}`, created: 201, update: `{"name":"M"}`, updated: 204, assignKey: "assignments", assigned: 200},
		{path: dmPath + "deviceConfigurations", create: `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"N","cameraBlocked":true}`, created: 201, update: `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","cameraBlocked":false}`, updated: 200, assignKey: "assignments", assigned: 200},
		{path: dmPath + "deviceCompliancePolicies", create: `{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"N","scheduledActionsForRule":[{"ruleName":"PasswordRequired","scheduledActionConfigurations":[{"actionType":"block","gracePeriodHours":0,"notificationTemplateId":"","notificationMessageCCList":[]}]}]}`, created: 201, update: `{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 200},
		{path: dmPath + "groupPolicyConfigurations", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 200},
		{path: dmPath + "deviceManagementScripts", create: `{"displayName":"N","fileName":"a.ps1","scriptContent":"eA==","runAsAccount":"system","runAs32Bit":false,"enforceSignatureCheck":false}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "deviceManagementScriptAssignments", assigned: 200},
		{path: dmPath + "deviceHealthScripts", create: `{"displayName":"N","detectionScriptContent":"eA==","runAsAccount":"system","runAs32Bit":false,"enforceSignatureCheck":false,"deviceHealthScriptType":"managedInstallerScript"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "deviceHealthScriptAssignments", assigned: 200},
		{path: dmPath + "deviceShellScripts", create: `{"displayName":"N","fileName":"a.sh","scriptContent":"eA==","runAsAccount":"system"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "deviceManagementScriptAssignments", assigned: 200},
		{path: dmPath + "deviceCustomAttributeShellScripts", create: `{"displayName":"N","customAttributeType":"string","fileName":"a.sh","scriptContent":"eA==","runAsAccount":"system"}`, created: 201, update: `{"description":"M"}`, updated: 200, assignKey: "deviceManagementScriptAssignments", assigned: 200},
		{path: dmPath + "deviceComplianceScripts", create: `{"displayName":"N","detectionScriptContent":"eA==","runAsAccount":"system","runAs32Bit":false,"enforceSignatureCheck":false}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "reusablePolicySettings", create: `{"displayName":"N","settingDefinitionId":"d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d"}}`, created: 201, method: "PUT", update: `{"displayName":"M","settingDefinitionId":"d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d"}}`, updated: 204},
		{path: dmPath + "assignmentFilters", create: `{"displayName":"N","platform":"windows10AndLater","rule":"x","roleScopeTags":["0"]}`, created: 200, update: `{"rule":"y"}`, updated: 200},
		{path: dmPath + "roleScopeTags", create: `{"displayName":"N"}`, created: 200, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 200},
		{path: dmPath + "roleDefinitions", create: `{"displayName":"N","rolePermissions":[{"resourceActions":[{"allowedResourceActions":["Microsoft.Intune_Audit_Read"],"notAllowedResourceActions":[]}]}]}`, created: 200, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "notificationMessageTemplates", create: `{"displayName":"N","brandingOptions":"includeCompanyLogo,includeCompanyName"}`, created: 200, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "hardwareConfigurations", create: `{"displayName":"N","fileName":"a","configurationFileContent":"eA==","hardwareConfigurationFormat":"dell"}`, created: 201, update: `{"description":"M"}`, updated: 200, assignKey: "hardwareConfigurationAssignments", assigned: 200},
		{path: dmPath + "deviceEnrollmentConfigurations", create: `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"N","limit":4}`, created: 201, update: `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","limit":3}`, updated: 200, assignKey: "enrollmentConfigurationAssignments", assigned: 204},
		{path: dmPath + "windowsAutopilotDeploymentProfiles", create: `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"N 1","deviceType":"windowsPc","outOfBoxExperienceSetting":{"escapeLinkHidden":true}}`, created: 201, update: `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"M"}`, updated: 200},
		{path: dmPath + "termsAndConditions", create: `{"displayName":"N","title":"T","bodyText":"B","acceptanceStatement":"A","version":3}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "deviceCategories", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "intuneBrandingProfiles", create: `{"profileName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: dmPath + "windowsFeatureUpdateProfiles", create: `{"displayName":"N","featureUpdateVersion":"Windows 11, version 24H2"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: dmPath + "windowsQualityUpdateProfiles", create: `{"displayName":"N","expeditedUpdateSettings":{"qualityUpdateRelease":"2026-01-13T00:00:00Z","daysUntilForcedReboot":2}}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: dmPath + "windowsQualityUpdatePolicies", create: `{"displayName":"N","hotpatchEnabled":true}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: dmPath + "windowsDriverUpdateProfiles", create: `{"displayName":"N","approvalType":"manual"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: dmPath + "appleUserInitiatedEnrollmentProfiles", create: `{"displayName":"N","platform":"iOS","defaultEnrollmentType":"user","availableEnrollmentTypeOptions":[]}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: damPath + "mobileApps", create: `{"@odata.type":"#microsoft.graph.webApp","displayName":"N","publisher":"P","appUrl":"https://contoso.example"}`, created: 201, update: `{"@odata.type":"#microsoft.graph.webApp","displayName":"M"}`, updated: 200},
		{path: damPath + "mobileAppCategories", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: damPath + "iosManagedAppProtections", create: `{"@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 204, assignKey: "assignments", assigned: 204},
		{path: damPath + "androidManagedAppProtections", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 204, assignKey: "assignments", assigned: 204},
		{path: damPath + "windowsManagedAppProtections", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 204, assignKey: "assignments", assigned: 204},
		{path: damPath + "mdmWindowsInformationProtectionPolicies", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 204, assignKey: "assignments", assigned: 204},
		{path: damPath + "windowsInformationProtectionPolicies", create: `{"displayName":"N"}`, created: 201, update: `{"displayName":"M"}`, updated: 200, assignKey: "assignments", assigned: 204},
		{path: damPath + "targetedManagedAppConfigurations", create: `{"displayName":"N","apps":[],"assignments":[],"appGroupType":"selectedPublicApps","customSettings":[{"name":"a","value":"b"}]}`, created: 201, update: `{"displayName":"M"}`, updated: 204, assignKey: "assignments", assigned: 204},
		{path: damPath + "mobileAppConfigurations", create: `{"@odata.type":"#microsoft.graph.iosMobileAppConfiguration","displayName":"N","targetedMobileApps":["x"]}`, created: 201, update: `{"@odata.type":"#microsoft.graph.iosMobileAppConfiguration","displayName":"M"}`, updated: 204},
		{path: damPath + "policySets", create: `{"displayName":"N","items":[{"@odata.type":"#microsoft.graph.mobileAppPolicySetItem","payloadId":"x","intent":"required"}]}`, created: 201, update: `{"displayName":"M"}`, updated: 200},
		{path: dmPath + "virtualEndpoint/provisioningPolicies", create: `{"displayName":"N","imageId":"i","imageType":"gallery","provisioningType":"dedicated","domainJoinConfigurations":[{}]}`, created: 201, update: `{"displayName":"M"}`, updated: 204},
		{path: dmPath + "virtualEndpoint/userSettings", create: `{"displayName":"N","localAdminEnabled":false}`, created: 201, update: `{"displayName":"M"}`, updated: 204},
		{path: caPath + "policies", create: `{"displayName":"N","state":"disabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeApplications":["All"]}},"grantControls":{"operator":"OR","builtInControls":["mfa"]}}`, created: 201, update: `{"displayName":"M"}`, updated: 204},
		{path: caPath + "namedLocations", create: `{"@odata.type":"#microsoft.graph.ipNamedLocation","displayName":"N","isTrusted":false,"ipRanges":[{"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"192.0.2.0/24"}]}`, created: 201, update: `{"@odata.type":"#microsoft.graph.ipNamedLocation","displayName":"M"}`, updated: 204},
		{path: caPath + "authenticationStrength/policies", create: `{"displayName":"N","allowedCombinations":["fido2"]}`, created: 201, update: `{"displayName":"M"}`, updated: 204},
		{path: caPath + "authenticationContextClassReferences", create: `{"id":"c9","displayName":"N","isAvailable":false}`, created: 201, update: `{"displayName":"M"}`, updated: 204},
	} {
		t.Run(c.path[len("/beta/"):], func(t *testing.T) {
			r := empty(t, graphsim.TenantSpec{})
			created := r.must(c.created, http.MethodPost, c.path, c.create).body
			id := text(t, created, "id")
			if id == "" {
				t.Fatalf("no id: %s", created)
			}
			again := r.must(c.created, http.MethodPost, strings.Replace(c.path, "c9", "c8", 1), strings.Replace(c.create, `"c9"`, `"c8"`, 1)).body
			if text(t, again, "id") == id {
				t.Error("two objects of one name got one id")
			}
			b := r.ok(c.path + "/" + id).body
			for key, value := range object(t, []byte(c.create)) {
				if got := field(t, b, key); slices.Contains([]string{"settings", "apps", "assignments", "items", "scheduledActionsForRule", "settingInstance"}, key) || strings.HasPrefix(key, "@") {
					continue
				} else if string(got) != string(value) {
					t.Errorf("%s is %s, was sent as %s", key, got, value)
				}
			}
			if field(t, b, "createdDateTime") != nil && text(t, b, "createdDateTime") != "2026-03-01T12:00:00.0000000Z" {
				t.Errorf("created %s", text(t, b, "createdDateTime"))
			}
			method := c.method
			if method == "" {
				method = http.MethodPatch
			}
			r.must(c.updated, method, c.path+"/"+id, c.update)
			b = r.ok(c.path + "/" + id).body
			for key, value := range object(t, []byte(c.update)) {
				if got := field(t, b, key); !strings.HasPrefix(key, "@") && !strings.HasPrefix(key, "setting") && string(got) != string(value) {
					t.Errorf("after the update %s is %s, was sent as %s", key, got, value)
				}
			}
			if c.assignKey != "" {
				item := `{"target":` + target("groupAssignmentTarget", groupID) + `}`
				r.must(c.assigned, http.MethodPost, c.path+"/"+id+"/assign", `{"`+c.assignKey+`":[`+item+`]}`)
				if got := r.ok(c.path + "/" + id + "/assignments").page(t).Value; len(got) != 1 || text(t, got[0], "source") != "direct" || !strings.HasPrefix(text(t, got[0], "id"), id+"_") {
					t.Errorf("assignments %s", got)
				}
				// The list sent is the whole list.
				r.must(c.assigned, http.MethodPost, c.path+"/"+id+"/assign", `{"`+c.assignKey+`":[]}`)
				if got := r.ok(c.path + "/" + id + "/assignments").page(t).Value; len(got) != 0 {
					t.Errorf("assignments are left: %s", got)
				}
				wrong := "assignments"
				if c.assignKey == wrong {
					wrong = "deviceHealthScriptAssignments"
				}
				if a := r.send(http.MethodPost, c.path+"/"+id+"/assign", `{"`+wrong+`":[`+item+`]}`); a.status != 400 {
					t.Errorf("a wrong body key: %d %s", a.status, a.body)
				}
				if a := r.send(http.MethodPost, c.path+"/"+id+"/assignments", item); a.status != 400 {
					t.Errorf("POST of assignments: %d %s", a.status, a.body)
				}
			}
			r.must(204, http.MethodDelete, c.path+"/"+id, "")
			r.get(c.path+"/"+id).want(t, 404, "ResourceNotFound")
			if n := r.sim.Counters().NotModelled; n != 0 {
				t.Errorf("%d requests were not modelled", n)
			}
		})
	}
}

// What Graph refuses of a body, each with its text where it is known.
func TestRefusals(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{RetiredTemplates: []string{"old_1"}})
	mv := "ModelValidationFailure"
	br := "BadRequest"
	policy := func(more string) string {
		return `{"name":"N","platforms":"windows10","technologies":"mdm","settings":[]` + more + `}`
	}
	compliance := func(rules string) string {
		return `{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"N"` + rules + `}`
	}
	action := `{"actionType":"block","gracePeriodHours":0,"notificationTemplateId":"","notificationMessageCCList":[]}`
	for _, c := range []struct{ name, path, body, code, message string }{
		{"unknown property", "deviceManagement/configurationPolicies", policy(`,"colour":"red"`), mv, "The property 'colour' does not exist on type 'microsoft.management.services.api."},
		{"unknown type", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.nonsense","displayName":"N"}`, mv, "could not be resolved by the model"},
		{"type of another set", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"N"}`, mv, "is not assignable to the expected type"},
		{"no type", "deviceManagement/deviceConfigurations", `{"displayName":"N"}`, mv, "Cannot create an abstract class."},
		{"bad enum", "deviceManagement/configurationPolicies", `{"name":"N","platforms":"amiga","technologies":"mdm","settings":[]}`, mv, "amiga"},
		{"null where none is", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"N","cameraBlocked":null}`, mv, ""},
		{"read-only", "deviceManagement/configurationPolicies", policy(`,"settingCount":3`), mv, "read-only"},
		{"an id", "deviceManagement/configurationPolicies", policy(`,"id":"` + groupID + `"`), mv, "read-only"},
		{"navigation inline", "deviceManagement/groupPolicyConfigurations", `{"displayName":"N","definitionValues":[]}`, mv, "cannot be given inline"},
		{"scope tags of a filter", "deviceManagement/assignmentFilters", `{"displayName":"N","platform":"iOS","rule":"x","roleScopeTagIds":["0"]}`, mv, "does not exist on type"},
		{"not JSON", "deviceManagement/configurationPolicies", `{`, br, "Unable to read JSON request payload"},
		{"required", "deviceManagement/configurationPolicies", `{"name":"N"}`, br, "is required"},
		{"retired template", "deviceManagement/configurationPolicies", policy(`,"templateReference":{"templateId":"old_1"}`), br, "Invalid Reference id found in Policy created from Template"},
		{"secret token", "deviceManagement/configurationPolicies", `{"name":"N","platforms":"windows10","technologies":"mdm","settings":[{"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSecretSettingValue","value":"token","valueState":"encryptedValueToken"}}}]}`, br, "secret value token"},
		{"unknown scope tag", "deviceManagement/deviceCategories", `{"displayName":"N","roleScopeTagIds":["77"]}`, br, "Scope Tags validation failed"},
		{"no block action", "deviceManagement/deviceCompliancePolicies", compliance(""), br, "Compliance policy must have one and only one block scheduled action"},
		{"two block actions", "deviceManagement/deviceCompliancePolicies", compliance(`,"scheduledActionsForRule":[{"ruleName":"R","scheduledActionConfigurations":[` + action + `,` + action + `]}]`), br, "Compliance policy must have one and only one block scheduled action"},
		{"secret reference", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"N","omaSettings":[{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"D","omaUri":"./x","value":"v","secretReferenceValueId":"r"}]}`, "NotSupported", "SecretReferenceValueId invalid for create."},
		{"privacy controls", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"N","privacyAccessControls":[]}`, mv, "cannot be given inline"},
		{"certificate that is not there", "deviceManagement/deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows81SCEPCertificateProfile","displayName":"N","rootCertificate@odata.bind":"https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('` + groupID + `')"}`, br, "does not exist"},
		{"children null", "deviceManagement/reusablePolicySettings", `{"displayName":"N","settingDefinitionId":"d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"d","choiceSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingValue","value":"v","children":null}}}`, "", ""},
		{"another definition", "deviceManagement/reusablePolicySettings", `{"displayName":"N","settingDefinitionId":"a","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"b"}}`, br, "setting definition id"},
		{"intent by the set", "deviceManagement/intents", `{"displayName":"N"}`, "No method match route template", "No OData route exists"},
		{"empty script", "deviceManagement/deviceHealthScripts", `{"displayName":"N","detectionScriptContent":"","runAsAccount":"system"}`, br, "detectionScriptContent"},
		{"global script", "deviceManagement/deviceHealthScripts", `{"displayName":"N","detectionScriptContent":"eA==","runAsAccount":"system","isGlobalScript":true}`, mv, "read-only"},
		{"default locale", "deviceManagement/notificationMessageTemplates", `{"displayName":"N","defaultLocale":"en-US"}`, mv, "read-only"},
		{"Windows Hello", "deviceManagement/deviceEnrollmentConfigurations", `{"@odata.type":"#microsoft.graph.deviceEnrollmentWindowsHelloForBusinessConfiguration","displayName":"N"}`, br, "cannot be created"},
		{"Windows Restore", "deviceManagement/deviceEnrollmentConfigurations", `{"@odata.type":"#microsoft.graph.windowsRestoreDeviceEnrollmentConfiguration","displayName":"N"}`, br, "cannot be created"},
		{"real template ids", "deviceManagement/deviceEnrollmentConfigurations", `{"@odata.type":"#microsoft.graph.deviceEnrollmentNotificationConfiguration","displayName":"N","platformType":"ios","notificationTemplates":["Email_` + groupID + `"]}`, br, "not valid for create"},
		{"escape link", "deviceManagement/windowsAutopilotDeploymentProfiles", `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"N","deviceType":"windowsPc","outOfBoxExperienceSetting":{"escapeLinkHidden":false}}`, br, "escapeLinkHidden"},
		{"user type of shared devices", "deviceManagement/windowsAutopilotDeploymentProfiles", `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"N","deviceType":"windowsPc","outOfBoxExperienceSetting":{"escapeLinkHidden":true,"deviceUsageType":"shared","userType":"standard"}}`, br, "userType"},
		{"images of branding", "deviceManagement/intuneBrandingProfiles", `{"profileName":"N","themeColorLogo":{"type":"image/png","value":"iVBORw0KGgo="}}`, br, "cannot be set when the object is created"},
		{"rollout in the past", "deviceManagement/windowsFeatureUpdateProfiles", `{"displayName":"N","featureUpdateVersion":"x","rolloutSettings":{"offerStartDateTimeInUTC":"2025-01-01T00:00:00Z"}}`, br, "in the past"},
		{"late reboot", "deviceManagement/windowsQualityUpdateProfiles", `{"displayName":"N","expeditedUpdateSettings":{"daysUntilForcedReboot":5}}`, br, "daysUntilForcedReboot"},
		{"purchased apps", "deviceAppManagement/mobileApps", `{"@odata.type":"#microsoft.graph.iosVppApp","displayName":"N","publisher":"P"}`, br, "volume purchase"},
		{"Google Play", "deviceAppManagement/mobileApps", `{"@odata.type":"#microsoft.graph.androidManagedStoreApp","displayName":"N","publisher":"P"}`, br, "addApps"},
		{"two ways to say Office", "deviceAppManagement/mobileApps", `{"@odata.type":"#microsoft.graph.officeSuiteApp","displayName":"N","publisher":"P","officeConfigurationXml":"eA==","productIds":["o365ProPlusRetail"]}`, br, "productIds"},
		{"categories of an app", "deviceAppManagement/mobileApps", `{"@odata.type":"#microsoft.graph.webApp","displayName":"N","publisher":"P","appUrl":"https://x","categories":[]}`, mv, "cannot be given inline"},
		{"the aggregate", "deviceAppManagement/managedAppPolicies", `{"@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"N"}`, br, "set of its type"},
		{"apps of a protection", "deviceAppManagement/iosManagedAppProtections", `{"displayName":"N","apps":[]}`, mv, "cannot be given inline"},
		{"status of a policy set", "deviceAppManagement/policySets", `{"displayName":"N","status":"success"}`, mv, "read-only"},
		{"tags of a policy set", "deviceAppManagement/policySets", `{"displayName":"N","roleScopeTagIds":["0"]}`, mv, "does not exist on type"},
		{"unknown to Windows 365", "deviceManagement/virtualEndpoint/userSettings", `{"displayName":"N","colour":"red"}`, br, "does not exist on type"},
		{"nobody", "identity/conditionalAccess/policies", `{"displayName":"N","state":"disabled","conditions":{"applications":{"includeApplications":["All"]}},"grantControls":{"operator":"OR","builtInControls":["block"]}}`, br, "malformed or incorrect"},
		{"no such location", "identity/conditionalAccess/policies", `{"displayName":"N","state":"disabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeApplications":["All"]},"locations":{"includeLocations":["` + groupID + `"]}},"grantControls":{"operator":"OR","builtInControls":["block"]}}`, br, "1040"},
		{"mfa and a strength", "identity/conditionalAccess/policies", `{"displayName":"N","state":"disabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeApplications":["All"]}},"grantControls":{"operator":"AND","builtInControls":["mfa"],"authenticationStrength":{"id":"00000000-0000-0000-0000-000000000002"}}}`, br, "1108"},
		{"an id of a context", "identity/conditionalAccess/authenticationContextClassReferences", `{"id":"x1","displayName":"N"}`, br, "c1 to c99"},
		{"no role", "deviceManagement/roleAssignments", `{"displayName":"N","members":[],"roleDefinition@odata.bind":"https://graph.microsoft.com/beta/deviceManagement/roleDefinitions('` + groupID + `')"}`, br, "does not exist"},
	} {
		if c.code == "" { // refused, but the text is not known
			if a := r.send(http.MethodPost, "/beta/"+c.path, c.body); a.status != 400 {
				t.Errorf("%s: %d %s", c.name, a.status, a.body)
			}
			continue
		}
		r.refused(http.MethodPost, "/beta/"+c.path, c.body, 400, c.code, c.message)
	}
	// A hyphen in the name of a profile is a failure without a reason.
	r.refused(http.MethodPost, dmPath+"windowsAutopilotDeploymentProfiles", `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"A-B","deviceType":"windowsPc","outOfBoxExperienceSetting":{"escapeLinkHidden":true}}`, 500, "InternalServerError", "")
	// Terms of use are written by people only.
	r.refused(http.MethodPost, "/beta/identityGovernance/termsOfUse/agreements", `{"displayName":"N"}`, 403, "Authorization_RequestDenied", "Insufficient privileges")
	r.refused(http.MethodPost, dmPath+"configurationPolicies", "", 400, "BadRequest", "Empty Payload")
	if n := r.sim.Counters().NotModelled; n != 0 {
		t.Errorf("%d requests were not modelled", n)
	}
	counts := r.sim.Tenants()[0].Objects
	if counts["deviceManagement/configurationPolicies"]+counts["deviceAppManagement/mobileApps"]+counts["deviceManagement/deviceConfigurations"] != 0 {
		t.Errorf("refused objects are there: %v", counts)
	}
}

// An app with read permissions writes nothing.
func TestWritesNeedThePermission(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Defaults: true, Apps: []graphsim.App{app(graphsim.ReadPermissions()...)}}, graphsim.Options{Quotas: []graphsim.Quota{}})
	for _, path := range []string{"deviceManagement/configurationPolicies", "deviceManagement/roleScopeTags/0/assign", "deviceAppManagement/mobileApps", "identity/conditionalAccess/policies", "deviceManagement/virtualEndpoint/userSettings", "deviceManagement/deviceCategories"} {
		if a := r.send(http.MethodPost, "/beta/"+path, `{"displayName":"N"}`); a.status != 403 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := r.send(http.MethodPatch, "/beta/deviceManagement", `{"settings":{"secureByDefault":true}}`); a.status != 403 {
		t.Errorf("settings: %d", a.status)
	}
	// Conditional Access asks for both.
	if err := r.sim.SetApp(contosoID, app(graphsim.PermPolicyConditionalAccess)); err != nil {
		t.Fatal(err)
	}
	r.token = r.newToken()
	if a := r.send(http.MethodPost, caPath+"policies", `{}`); a.status != 403 {
		t.Errorf("Conditional Access with one of two permissions: %d", a.status)
	}
	if c := r.sim.Counters(); c.Writes != 8 {
		t.Errorf("%d writes counted, want 8", c.Writes)
	}
}

// PATCH of a settings catalog policy leaves its settings as they are; PUT replaces
// the whole, but for the assignments.
func TestSettingsAreReplacedByPut(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	setting := func(v int) string {
		return fmt.Sprintf(`{"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d%d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":%d}}}`, v, v)
	}
	const path = dmPath + "configurationPolicies"
	a := r.must(201, "POST", path, `{"name":"N","description":"D","platforms":"windows10","technologies":"mdm","settings":[`+setting(1)+`,`+setting(2)+`]}`)
	if field(t, a.body, "settings") != nil || string(field(t, a.body, "settingCount")) != "2" {
		t.Errorf("the answer of the create: %s", a.body)
	}
	id := text(t, a.body, "id")
	r.must(200, "POST", path+"/"+id+"/assign", `{"assignments":[{"target":`+target("allDevicesAssignmentTarget", "")+`}]}`)
	r.must(200, "PATCH", path+"/"+id, `{"name":"M","settings":[`+setting(9)+`]}`)
	if got := r.ok(path + "/" + id + "/settings").page(t).Value; len(got) != 2 || !strings.Contains(string(got[0]), `"value":1`) {
		t.Errorf("PATCH changed the settings: %s", got)
	}
	r.time.mu.Lock()
	r.time.now = r.time.now.Add(30 * time.Minute)
	r.time.mu.Unlock()
	r.must(204, "PUT", path+"('"+id+"')", `{"name":"P","platforms":"windows10","technologies":"mdm","settings":[`+setting(3)+`]}`)
	b := r.ok(path + "/" + id + "?$select=id,name,description,settingCount,isAssigned,createdDateTime,lastModifiedDateTime").body
	if text(t, b, "name") != "P" || string(field(t, b, "description")) != "null" || string(field(t, b, "settingCount")) != "1" || string(field(t, b, "isAssigned")) != "true" {
		t.Errorf("after PUT: %s", b)
	}
	if text(t, b, "createdDateTime") != "2026-03-01T12:00:00.0000000Z" || text(t, b, "lastModifiedDateTime") != "2026-03-01T12:30:00.0000000Z" {
		t.Errorf("times after PUT: %s", b)
	}
	r.refused("PATCH", path+"/"+id+"/settings/0", `{}`, 400, "No method match route template", "with http verb PATCH")
}

// A secret is written in clear and never read again, but for the texts of
// OMA-URI settings, which their own call answers.
func TestSecrets(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	xml := base64.StdEncoding.EncodeToString([]byte("<enabled/>"))
	a := r.must(201, "POST", dmPath+"deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"N","omaSettings":[
		{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"S","omaUri":"./s","value":"hunter2"},
		{"@odata.type":"#microsoft.graph.omaSettingStringXml","displayName":"X","omaUri":"./x","fileName":"a.xml","value":"`+xml+`"},
		{"@odata.type":"#microsoft.graph.omaSettingInteger","displayName":"I","omaUri":"./i","value":7}]}`)
	id := text(t, a.body, "id")
	settings := mustArray(t, field(t, r.ok(dmPath+"deviceConfigurations/"+id).body, "omaSettings"))
	plain := func(i int) string {
		ref := text(t, settings[i], "secretReferenceValueId")
		return text(t, r.ok(dmPath+"deviceConfigurations/"+id+"/getOmaSettingPlainTextValue(secretReferenceValueId='"+ref+"')").body, "value")
	}
	if text(t, settings[0], "value") != "****" || string(field(t, settings[0], "isEncrypted")) != "true" || plain(0) != "hunter2" {
		t.Errorf("text: %s", settings[0])
	}
	if text(t, settings[1], "value") != "PGEvPg==" || plain(1) != "<enabled/>" {
		t.Errorf("XML: %s, plain %s", settings[1], plain(1))
	}
	if string(field(t, settings[2], "value")) != "7" || text(t, settings[2], "secretReferenceValueId") != "" {
		t.Errorf("number: %s", settings[2])
	}
	// The list is replaced as a whole, and with it a mask that is sent by mistake.
	r.must(200, "PATCH", dmPath+"deviceConfigurations/"+id, `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","omaSettings":[{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"S","omaUri":"./s","value":"****"}]}`)
	settings = mustArray(t, field(t, r.ok(dmPath+"deviceConfigurations/"+id).body, "omaSettings"))
	if len(settings) != 1 || plain(0) != "****" {
		t.Errorf("a mask that was written: %s", settings)
	}

	secret := `{"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSecretSettingValue","value":"hunter3","valueState":"notEncrypted"}}}`
	a = r.must(201, "POST", dmPath+"configurationPolicies", `{"name":"N","platforms":"windows10","technologies":"mdm","settings":[`+secret+`]}`)
	b := string(r.ok(dmPath + "configurationPolicies/" + text(t, a.body, "id") + "/settings").body)
	if strings.Contains(b, "hunter3") || !strings.Contains(b, "encryptedValueToken") {
		t.Errorf("secret setting: %s", b)
	}
}

// The rules of assign that hold for every set.
func TestAssign(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	id := text(t, r.must(201, "POST", dmPath+"deviceCategories", `{"displayName":"x"}`).body, "id")
	r.refused("POST", dmPath+"deviceCategories/"+id+"/assign", `{}`, 400, "BadRequest", "Resource not found for the segment 'assign'.")
	filter := text(t, r.must(200, "POST", dmPath+"assignmentFilters", `{"displayName":"F","platform":"windows10AndLater","rule":"x"}`).body, "id")
	const path = dmPath + "deviceConfigurations"
	id = text(t, r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"N"}`).body, "id")
	item := func(kind, group, more string) string {
		return `{"target":` + strings.TrimSuffix(target(kind, group), "}") + more + `}}`
	}
	filtered := `,"deviceAndAppManagementAssignmentFilterId":"` + filter + `","deviceAndAppManagementAssignmentFilterType":"include"`
	assign := path + "/" + id + "/assign"
	list := func(items ...string) string { return `{"assignments":[` + strings.Join(items, ",") + `]}` }
	r.must(200, "POST", assign, list(item("groupAssignmentTarget", groupID, filtered), item("exclusionGroupAssignmentTarget", filterID, ""), item("groupAssignmentTarget", groupID, "")))
	got := r.ok(path + "/" + id + "/assignments").page(t).Value
	if len(got) != 2 || text(t, field(t, got[0], "target"), "deviceAndAppManagementAssignmentFilterId") != filter {
		t.Errorf("of two items for one target the first counts: %s", got)
	}
	for name, c := range map[string]struct{ body, message string }{
		"unknown filter":         {list(item("groupAssignmentTarget", groupID, strings.Replace(filtered, filter, groupID, 1))), "Scope Tags validation failed : Filters " + groupID + " , Validated filters "},
		"filter on an exclusion": {list(item("exclusionGroupAssignmentTarget", groupID, filtered)), "filters are not supported"},
		"no group":               {list(item("groupAssignmentTarget", "", "")), "group id"},
		"no target":              {`{"assignments":[{}]}`, "target"},
		"of Windows 365":         {list(`{"target":{"@odata.type":"#microsoft.graph.cloudPcManagementGroupAssignmentTarget","groupId":"` + groupID + `"}}`), ""},
		"nothing":                {`{}`, "missing"},
	} {
		if a := r.send("POST", assign, c.body); a.status != 400 || !strings.Contains(a.graphError(t).Error.Message, c.message) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if n := len(r.ok(path + "/" + id + "/assignments").page(t).Value); n != 2 {
		t.Errorf("a refused assign left %d", n)
	}
	// A filter that is used cannot go.
	r.refused("DELETE", dmPath+"assignmentFilters/"+filter, "", 400, "BadRequest", "An assignment filter is associated with existing assignments. Delete all the assignments for the filter and try again.")
	r.must(200, "POST", assign, list())
	r.must(204, "DELETE", dmPath+"assignmentFilters/"+filter, "")

	// One by one.
	for _, c := range []struct{ path, create string }{
		{dmPath + "windowsAutopilotDeploymentProfiles", `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","displayName":"N","deviceType":"windowsPc","outOfBoxExperienceSetting":{"escapeLinkHidden":true}}`},
		{dmPath + "termsAndConditions", `{"displayName":"N","title":"T","bodyText":"B","acceptanceStatement":"A"}`},
		{dmPath + "appleUserInitiatedEnrollmentProfiles", `{"displayName":"N","platform":"iOS"}`},
	} {
		id := text(t, r.must(201, "POST", c.path, c.create).body, "id")
		own := text(t, r.must(201, "POST", c.path+"/"+id+"/assignments", `{"target":`+target("groupAssignmentTarget", groupID)+`}`).body, "id")
		r.must(201, "POST", c.path+"/"+id+"/assignments", `{"target":`+target("groupAssignmentTarget", filterID)+`}`)
		if strings.Contains(c.path, "Autopilot") {
			r.refused("DELETE", c.path+"/"+id, "", 400, "BadRequest", "Remove its assignments first")
		}
		r.must(204, "DELETE", c.path+"/"+id+"/assignments/"+own, "")
		r.must(204, "DELETE", c.path+"/"+id+"/assignments/"+id+"_"+filterID, "")
		if n := len(r.ok(c.path + "/" + id + "/assignments").page(t).Value); n != 0 {
			t.Errorf("%s: %d assignments are left", c.path, n)
		}
		r.must(204, "DELETE", c.path+"/"+id, "")
	}

	// By the type's name where the service has only that.
	id = text(t, r.must(201, "POST", damPath+"mobileAppConfigurations", `{"@odata.type":"#microsoft.graph.iosMobileAppConfiguration","displayName":"N","targetedMobileApps":["x"]}`).body, "id")
	body := list(item("groupAssignmentTarget", groupID, ""))
	r.refused("POST", damPath+"mobileAppConfigurations/"+id+"/assign", body, 400, "No method match route template", "No OData route exists")
	r.must(200, "POST", damPath+"mobileAppConfigurations/"+id+"/microsoft.graph.managedDeviceMobileAppConfiguration/assign", body)
	id = text(t, r.must(201, "POST", damPath+"iosManagedAppProtections", `{"displayName":"N"}`).body, "id")
	for _, path := range []string{"/assign", "/microsoft.graph.targetedManagedAppProtection/assign"} {
		r.must(204, "POST", damPath+"iosManagedAppProtections/"+id+path, body)
	}
	id = text(t, r.must(201, "POST", dmPath+"virtualEndpoint/userSettings", `{"displayName":"N"}`).body, "id")
	r.must(204, "POST", dmPath+"virtualEndpoint/userSettings/"+id+"/assign", list(`{"target":{"@odata.type":"#microsoft.graph.cloudPcManagementGroupAssignmentTarget","groupId":"`+groupID+`","servicePlanId":"p"}}`))
}

// What was made is missing from lists for a while, and at first from reads.
func TestEventualConsistency(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{ListLagMs: 5000, ReadMisses: 2})
	const path = dmPath + "deviceCategories"
	id := text(t, r.must(201, "POST", path, `{"displayName":"N"}`).body, "id")
	for range 2 {
		r.get(path+"/"+id).want(t, 404, "ResourceNotFound")
	}
	r.ok(path + "/" + id)
	listed := func() int { return len(r.ok(path).page(t).Value) }
	if n := listed(); n != 0 {
		t.Errorf("%d are listed at once", n)
	}
	r.must(200, "PATCH", path+"/"+id, `{"displayName":"M"}`)
	r.sim.Advance(4 * time.Second)
	if n := listed(); n != 0 {
		t.Errorf("%d are listed after 4 s", n)
	}
	r.sim.Advance(time.Second)
	if n := listed(); n != 1 {
		t.Errorf("%d are listed after 5 s", n)
	}

	// A named location that no list has yet is none to Conditional Access either.
	location := text(t, r.must(201, "POST", caPath+"namedLocations", `{"@odata.type":"#microsoft.graph.countryNamedLocation","displayName":"N","countriesAndRegions":["DE"]}`).body, "id")
	policy := `{"displayName":"N","state":"disabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeApplications":["All"]},"locations":{"includeLocations":["` + location + `"]}},"grantControls":{"operator":"OR","builtInControls":["block"]}}`
	r.refused("POST", caPath+"policies", policy, 400, "BadRequest", "1040")
	r.sim.Advance(5 * time.Second)
	r.must(201, "POST", caPath+"policies", policy)
	r.refused("DELETE", caPath+"namedLocations/"+location, "", 400, "BadRequest", "referenced")
}

// Scheduled actions are replaced by their own actions.
func TestScheduledActions(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	action := func(kind string) string {
		return `{"actionType":"` + kind + `","gracePeriodHours":0,"notificationTemplateId":"","notificationMessageCCList":[]}`
	}
	rules := func(actions ...string) string {
		return `[{"ruleName":"PasswordRequired","scheduledActionConfigurations":[` + strings.Join(actions, ",") + `]}]`
	}
	const windows = dmPath + "deviceCompliancePolicies/05"
	r.must(204, "POST", windows+"/scheduleActionsForRules", `{"deviceComplianceScheduledActionForRules":`+rules(action("block"), action("notification"))+`}`)
	b := r.ok(windows + "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)").body
	if actions := mustArray(t, field(t, mustArray(t, field(t, b, "scheduledActionsForRule"))[0], "scheduledActionConfigurations")); len(actions) != 2 || text(t, actions[0], "id") == "" {
		t.Errorf("actions %s", actions)
	}
	r.refused("POST", windows+"/scheduleActionsForRules", `{"deviceComplianceScheduledActionForRules":`+rules(action("notification"))+`}`, 400, "BadRequest", "one and only one block")
	r.refused("PATCH", windows, `{"@odata.type":"#microsoft.graph.windows10CompliancePolicy","scheduledActionsForRule":`+rules(action("block"))+`}`, 400, "ModelValidationFailure", "cannot be given inline")
	linux := `{"scheduledActions":[{"ruleName":"PasswordRequired","scheduledActionConfigurations":[{"actionType":"block","gracePeriodHours":3,"notificationTemplateId":"","notificationMessageCCList":[]}]}]}`
	if got := r.must(200, "POST", dmPath+"compliancePolicies/06/setScheduledActions", linux).page(t).Value; len(got) != 1 {
		t.Errorf("answer %s", got)
	}
	if b := r.ok(dmPath + "compliancePolicies/06/scheduledActionsForRule?$expand=scheduledActionConfigurations").body; !strings.Contains(string(b), `"gracePeriodHours":3`) {
		t.Errorf("Linux actions %s", b)
	}
}

// Certificate profiles are referred to by bindings and $ref.
func TestCertificateReferences(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	const path = dmPath + "deviceConfigurations"
	create := func(body string) string { return text(t, r.must(201, "POST", path, body).body, "id") }
	link := func(id string) string {
		return `https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('` + id + `')`
	}
	a := create(`{"@odata.type":"#microsoft.graph.windows81TrustedRootCertificate","displayName":"A"}`)
	b := create(`{"@odata.type":"#microsoft.graph.windows81TrustedRootCertificate","displayName":"B"}`)
	scep := create(`{"@odata.type":"#microsoft.graph.windows81SCEPCertificateProfile","displayName":"S","rootCertificate@odata.bind":"` + link(a) + `"}`)
	wifi := create(`{"@odata.type":"#microsoft.graph.windowsWifiEnterpriseEAPConfiguration","displayName":"W","rootCertificatesForServerValidation@odata.bind":["` + link(a) + `"]}`)
	names := func(id, kind, nav string) string {
		var out []string
		for _, v := range r.ok(path + "/" + id + "/microsoft.graph." + kind + "/" + nav).page(t).Value {
			out = append(out, text(t, v, "displayName"))
		}
		return strings.Join(out, " ")
	}
	const single, many = "/microsoft.graph.windows81SCEPCertificateProfile/rootCertificate", "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation"
	r.must(204, "PUT", path+"/"+scep+single+"/$ref", `{"@odata.id":"`+link(b)+`"}`)
	if got := text(t, r.ok(path+"/"+scep+single).body, "displayName"); got != "B" {
		t.Errorf("root is %s", got)
	}
	r.must(204, "POST", path+"/"+wifi+many+"/$ref", `{"@odata.id":"`+link(b)+`"}`)
	if got := names(wifi, "windowsWifiEnterpriseEAPConfiguration", "rootCertificatesForServerValidation"); got != "A B" {
		t.Errorf("roots are %s", got)
	}
	r.must(204, "DELETE", path+"/"+wifi+many+"/"+a+"/$ref", "")
	if got := names(wifi, "windowsWifiEnterpriseEAPConfiguration", "rootCertificatesForServerValidation"); got != "B" {
		t.Errorf("roots are %s", got)
	}
	r.refused("PUT", path+"/"+scep+single+"/$ref", `{"@odata.id":"`+link(wifi)+`"}`, 400, "BadRequest", "not of type")
}

// Administrative templates: values of built-in and of imported definitions.
func TestAdministrativeTemplates(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{PendingPolls: 3}, graphsim.Options{})
	const path = dmPath + "groupPolicyConfigurations"
	id := text(t, r.must(201, "POST", path, `{"displayName":"N"}`).body, "id")
	bind := func(definition, presentation, value string) string {
		d := `https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('` + definition + `')`
		return `{"enabled":true,"definition@odata.bind":"` + d + `","presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"` + value + `","presentation@odata.bind":"` + d + `/presentations('` + presentation + `')"}]}`
	}
	update := path + "/" + id + "/updateDefinitionValues"
	r.must(204, "POST", update, `{"added":[`+bind(builtinDef, "p1", "one")+`],"updated":[],"deletedIds":[]}`)
	values := r.ok(path + "/" + id + "/definitionValues?$expand=definition").page(t).Value
	if len(values) != 1 || text(t, field(t, values[0], "definition"), "displayName") != "D" || field(t, values[0], "presentationValues") != nil {
		t.Fatalf("values %s", values)
	}
	value := text(t, values[0], "id")
	presented := func() string {
		return string(r.ok(path + "/" + id + "/definitionValues/" + value + "/presentationValues?$expand=presentation").body)
	}
	if b := presented(); !strings.Contains(b, `"value":"one"`) || !strings.Contains(b, `"label":"L"`) {
		t.Errorf("presentation values %s", b)
	}
	r.must(204, "POST", update, `{"added":[],"updated":[`+strings.Replace(bind(builtinDef, "p1", "two"), `{"enabled"`, `{"id":"`+value+`","enabled"`, 1)+`],"deletedIds":[]}`)
	if b := presented(); !strings.Contains(b, `"value":"two"`) {
		t.Errorf("after the update %s", b)
	}
	r.refused("POST", update, `{"added":[`+bind(groupID, "p1", "x")+`]}`, 400, "BadRequest", "does not exist")
	r.refused("POST", update, `{"added":[`+bind(builtinDef, "nope", "x")+`]}`, 400, "BadRequest", "does not exist")
	r.must(204, "POST", update, `{"deletedIds":["`+value+`"]}`)
	if n := len(r.ok(path + "/" + id + "/definitionValues").page(t).Value); n != 0 {
		t.Errorf("%d values are left", n)
	}
	if a := r.send("POST", path+"/"+id+"/definitionValues", bind(builtinDef, "p1", "x")); a.status != 404 {
		t.Errorf("a built-in value by POST: %d %s", a.status, a.body)
	}

	// An imported file is read by the service after a while.
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	upload := func(namespace string) string {
		return `{"fileName":"b.admx","defaultLanguageCode":"","content":"` + b64(`<policyDefinitions revision="1.0"><policyNamespaces><target prefix="p" namespace="`+namespace+`"/></policyNamespaces><categories><category name="c" displayName="$(string.Cat)"/></categories><policies><policy name="x" class="Machine" displayName="$(string.X)"><parentCategory ref="c"/><elements><text id="T" valueName="v"/></elements></policy></policies></policyDefinitions>`) +
			`","groupPolicyUploadedLanguageFiles":[{"fileName":"b.adml","languageCode":"en-US","content":"` + b64(`<policyDefinitionResources><resources><stringTable><string id="Cat">Things</string><string id="X">Do X</string></stringTable></resources></policyDefinitionResources>`) + `"}]}`
	}
	const files = dmPath + "groupPolicyUploadedDefinitionFiles"
	file := text(t, r.must(201, "POST", files, upload("Contoso.Test")).body, "id")
	for range 3 {
		if s := text(t, r.ok(files+"/"+file).body, "status"); s != "uploadInProgress" {
			t.Errorf("status %s", s)
		}
	}
	if s := text(t, r.ok(files+"/"+file).body, "status"); s != "available" {
		t.Errorf("status %s", s)
	}
	definitions := r.ok(files + "/" + file + "/definitions").page(t).Value
	if len(definitions) != 1 || text(t, definitions[0], "displayName") != "Do X" || text(t, definitions[0], "categoryPath") != `\Things` || text(t, definitions[0], "classType") != "machine" {
		t.Fatalf("definitions %s", definitions)
	}
	definition := text(t, definitions[0], "id")
	presentation := text(t, r.ok(dmPath + "groupPolicyDefinitions/" + definition + "/presentations").page(t).Value[0], "id")
	r.must(201, "POST", path+"/"+id+"/definitionValues", bind(definition, presentation, "x"))
	r.refused("POST", files+"/"+file+"/remove", "", 400, "BadRequest", "is used by the policy")
	r.refused("DELETE", files+"/"+file, "", 400, "BadRequest", "remove")
	// A namespace is there once.
	twin := text(t, r.must(201, "POST", files, upload("Contoso.Test")).body, "id")
	for range 4 {
		r.ok(files + "/" + twin)
	}
	if b := r.ok(files + "/" + twin + "?$expand=groupPolicyOperations").body; text(t, b, "status") != "uploadFailed" || !strings.Contains(string(b), "statusDetails") {
		t.Errorf("a second file of one namespace: %s", b)
	}
	r.must(204, "DELETE", files+"/"+twin, "")
	r.must(204, "DELETE", path+"/"+id, "")
	r.must(204, "POST", files+"/"+file+"/remove", "")
	for range 3 {
		if s := text(t, r.ok(files+"/"+file).body, "status"); s != "removalInProgress" {
			t.Errorf("status %s", s)
		}
	}
	r.get(files+"/"+file).want(t, 404, "ResourceNotFound")
	r.get(dmPath+"groupPolicyDefinitions/"+definition).want(t, 404, "ResourceNotFound")
}

// Intents are made from a template, and their settings merged.
func TestIntents(t *testing.T) {
	const retired = "dddddddd-0000-4000-8000-00000000000d"
	r := everything(t, graphsim.TenantSpec{RetiredTemplates: []string{retired}, Objects: []graphsim.Object{
		{Collection: "intents", JSON: json.RawMessage(`{"displayName":"Old","templateId":"` + retired + `"}`)},
	}}, graphsim.Options{})
	set := func(definition, value string) string {
		return `{"@odata.type":"#microsoft.graph.deviceManagementBooleanSettingInstance","definitionId":"` + definition + `","valueJson":"` + value + `"}`
	}
	id := text(t, r.must(200, "POST", dmPath+"templates/"+templateID+"/createInstance", `{"displayName":"N","description":"","roleScopeTagIds":["0"],"settingsDelta":[`+set("a", "true")+`,`+set("b", "true")+`]}`).body, "id")
	if got := text(t, r.ok(dmPath+"intents/"+id).body, "templateId"); got != templateID {
		t.Errorf("template %s", got)
	}
	r.must(204, "POST", dmPath+"intents/"+id+"/updateSettings", `{"settings":[`+set("b", "null")+`,`+set("c", "false")+`]}`)
	var got []string
	for _, v := range r.ok(dmPath + "intents/" + id + "/settings").page(t).Value {
		got = append(got, text(t, v, "definitionId")+"="+text(t, v, "valueJson"))
	}
	if strings.Join(got, " ") != "a=true b=null c=false" {
		t.Errorf("settings %v", got)
	}
	r.refused("PATCH", dmPath+"intents/"+id, `{"templateId":"x"}`, 400, "BadRequest", "cannot be changed")
	r.must(200, "PATCH", dmPath+"intents/"+id, `{"displayName":"M"}`)
	r.must(204, "POST", dmPath+"intents/"+id+"/assign", `{"assignments":[{"target":`+target("groupAssignmentTarget", groupID)+`}]}`)
	r.refused("POST", dmPath+"templates/"+retired+"/createInstance", `{"displayName":"N"}`, 400, "BadRequest", "can no longer be created")
	r.must(404, "POST", dmPath+"templates/"+groupID+"/createInstance", `{"displayName":"N"}`)
}

// What cannot be changed after the create, and what is never written.
func TestFixedProperties(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{Defaults: true, Objects: []graphsim.Object{
		{Collection: "deviceHealthScripts", JSON: json.RawMessage(`{"id":"60","displayName":"Microsoft's","isGlobalScript":true}`)},
	}}, graphsim.Options{})
	account := text(t, r.ok("/beta/deviceManagement").body, "intuneAccountId")
	limit := dmPath + "deviceEnrollmentConfigurations/" + account + "_DefaultLimit"
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", dmPath + "assignmentFilters/" + filterID, `{"platform":"iOS"}`},
		{"PATCH", dmPath + "deviceCustomAttributeShellScripts/14", `{"customAttributeType":"integer"}`},
		{"PATCH", dmPath + "deviceCustomAttributeShellScripts/14", `{"displayName":"M"}`},
		{"PATCH", dmPath + "windowsDriverUpdateProfiles/32", `{"approvalType":"automatic"}`},
		{"PATCH", dmPath + "windowsAutopilotDeploymentProfiles/24", `{"@odata.type":"#microsoft.graph.azureADWindowsAutopilotDeploymentProfile","deviceType":"holoLens"}`},
		{"PATCH", dmPath + "appleUserInitiatedEnrollmentProfiles/33", `{"platform":"macOS"}`},
		{"PATCH", dmPath + "windowsFeatureUpdateProfiles/29", `{"installLatestWindows10OnWindows11IneligibleDevice":false}`},
		{"PATCH", dmPath + "deviceConfigurations/04", `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"M"}`},
		{"PATCH", dmPath + "deviceConfigurations/04", `{"displayName":"M"}`},
		{"PATCH", dmPath + "virtualEndpoint/provisioningPolicies/47", `{"provisioningType":"shared"}`},
		{"DELETE", dmPath + "virtualEndpoint/provisioningPolicies/47", ""},
		{"PATCH", dmPath + "deviceHealthScripts/60", `{"displayName":"Mine"}`},
		{"DELETE", dmPath + "deviceHealthScripts/60", ""},
		{"PATCH", dmPath + "roleScopeTags/0", `{"displayName":"Mine"}`},
		{"DELETE", dmPath + "roleScopeTags/0", ""},
		{"PATCH", dmPath + "roleDefinitions/0bd113fe-6be5-400c-a28f-ae5553f9c0be", `{"displayName":"Mine"}`},
		{"DELETE", dmPath + "roleDefinitions/0bd113fe-6be5-400c-a28f-ae5553f9c0be", ""},
		{"POST", dmPath + "roleDefinitions/" + roleID + "/roleAssignments", `{"displayName":"N"}`},
		{"DELETE", damPath + "mobileAppCategories/0720a99e-562b-4a77-83f0-9a7523fcf13e", ""},
		{"DELETE", dmPath + "intuneBrandingProfiles/c3a59481-1bf2-46ce-94b3-66eec07a8d60", ""},
		{"PATCH", dmPath + "intuneBrandingProfiles/c3a59481-1bf2-46ce-94b3-66eec07a8d60", `{"profileName":"Mine"}`},
		{"POST", dmPath + "intuneBrandingProfiles/c3a59481-1bf2-46ce-94b3-66eec07a8d60/assign", `{"assignments":[]}`},
		{"PATCH", dmPath + "intuneBrandingProfiles/28", `{"themeColorLogo":{"type":"image/jpeg","value":"iVBORw0KGgo="}}`},
		{"DELETE", limit, ""},
		{"POST", limit + "/assign", `{"enrollmentConfigurationAssignments":[]}`},
		{"POST", limit + "/setPriority", `{"priority":1}`},
		{"PATCH", dmPath + "deviceEnrollmentConfigurations/" + account + "_WindowsRestore", `{"@odata.type":"#microsoft.graph.windowsRestoreDeviceEnrollmentConfiguration","displayName":"x"}`},
		{"PATCH", caPath + "authenticationStrength/policies/51", `{"allowedCombinations":["fido2"]}`},
		{"PATCH", caPath + "authenticationStrength/policies/00000000-0000-0000-0000-000000000002", `{"displayName":"Mine"}`},
		{"DELETE", caPath + "authenticationStrength/policies/00000000-0000-0000-0000-000000000002", ""},
		{"DELETE", caPath + "namedLocations/50", ""},
		{"DELETE", caPath + "authenticationContextClassReferences/c1", ""},
		{"PATCH", damPath + "policySets/46", `{"items":[]}`},
		{"DELETE", dmPath + "depOnboardingSettings/" + depID + "/enrollmentProfiles/" + depID + "_1", ""},
	} {
		if a := r.send(c.method, c.path, c.body); a.status != 400 {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.body)
		}
	}
	r.must(200, "PATCH", limit, `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","limit":11}`)
	r.must(200, "PATCH", dmPath+"deviceEnrollmentConfigurations/"+account+"_WindowsRestore", `{"@odata.type":"#microsoft.graph.windowsRestoreDeviceEnrollmentConfiguration","state":"enabled"}`)
	r.must(200, "PATCH", dmPath+"intuneBrandingProfiles/28", `{"landingPageCustomizedImage":{"type":"image/png","value":"iVBORw0KGgo="}}`)
	r.ok(dmPath + "intuneBrandingProfiles/28/landingPageCustomizedImage")
	r.must(204, "PATCH", caPath+"namedLocations/50", `{"@odata.type":"#microsoft.graph.ipNamedLocation","isTrusted":false}`)
	r.must(204, "DELETE", caPath+"namedLocations/50", "")
	r.must(204, "PATCH", caPath+"authenticationContextClassReferences/c1", `{"isAvailable":false}`)
	r.must(204, "DELETE", caPath+"authenticationContextClassReferences/c1", "")
}

// Enrolment configurations have an order among those of their kind.
func TestPriorities(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	const path = dmPath + "deviceEnrollmentConfigurations"
	ids := map[string]string{}
	for _, name := range []string{"A", "B", "C"} {
		ids[name] = text(t, r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"`+name+`","limit":1}`).body, "id")
	}
	order := func() string {
		var out []string
		for _, v := range r.ok(path + "?$filter=deviceEnrollmentConfigurationType%20eq%20'limit'&$orderby=priority").page(t).Value {
			if string(field(t, v, "priority")) != "0" {
				out = append(out, text(t, v, "displayName")+string(field(t, v, "priority")))
			}
		}
		return strings.Join(out, " ")
	}
	if got := order(); got != "A1 B2 C3" {
		t.Errorf("at first %s", got)
	}
	r.must(204, "POST", path+"/"+ids["C"]+"/setPriority", `{"priority":1}`)
	if got := order(); got != "C1 A2 B3" {
		t.Errorf("then %s", got)
	}
	r.refused("POST", path+"/"+ids["C"]+"/setPriority", `{"priority":1}`, 400, "BadRequest", "current one")
	r.must(204, "DELETE", path+"/"+ids["C"], "")
	if got := order(); got != "A1 B2" {
		t.Errorf("at last %s", got)
	}
}

// The templates of an enrolment notification are made by the service.
func TestEnrollmentNotifications(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	const path, templates = dmPath + "deviceEnrollmentConfigurations", dmPath + "notificationMessageTemplates"
	const zero = "00000000-0000-0000-0000-000000000000"
	a := r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.deviceEnrollmentNotificationConfiguration","displayName":"N","platformType":"ios","brandingOptions":"includeCompanyLogo","defaultLocale":"en-US","notificationTemplates":["email_`+zero+`"]}`)
	if text(t, a.body, "brandingOptions") != "none" || string(field(t, a.body, "defaultLocale")) != "null" {
		t.Errorf("the answer keeps branding or locale: %s", a.body)
	}
	id, name := text(t, a.body, "id"), mustArray(t, field(t, a.body, "notificationTemplates"))[0]
	guid := strings.TrimSuffix(strings.TrimPrefix(string(name), `"Email_`), `"`)
	if len(guid) != 36 || guid == zero {
		t.Fatalf("template %s", name)
	}
	if got := text(t, r.ok(templates+"/"+guid).body, "displayName"); got != "EnrollmentNotificationInternalMEO" {
		t.Errorf("its template is %s", got)
	}
	message := `{"locale":"en-US","subject":"S","messageTemplate":"T","isDefault":true}`
	own := text(t, r.must(201, "POST", templates+"/"+guid+"/localizedNotificationMessages", message).body, "id")
	if own != guid+"_en-us" {
		t.Errorf("message %s", own)
	}
	r.must(200, "PATCH", templates+"/"+guid, `{"brandingOptions":"includeCompanyLogo"}`)
	r.refused("PATCH", path+"/"+id, `{"@odata.type":"#microsoft.graph.deviceEnrollmentNotificationConfiguration","notificationTemplates":["email_`+zero+`"]}`, 400, "BadRequest", "not valid")
	r.must(200, "PATCH", path+"/"+id, `{"@odata.type":"#microsoft.graph.deviceEnrollmentNotificationConfiguration","notificationTemplates":[`+string(name)+`,"push_`+zero+`"]}`)
	if got := mustArray(t, field(t, r.ok(path+"/"+id).body, "notificationTemplates")); len(got) != 2 || string(got[0]) != string(name) || !strings.HasPrefix(string(got[1]), `"Push_`) {
		t.Errorf("templates %s", got)
	}
	r.must(204, "DELETE", path+"/"+id, "")
	r.get(templates+"/"+guid).want(t, 404, "ResourceNotFound")
}

// One message of a template is the default.
func TestMessages(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	const path = dmPath + "notificationMessageTemplates"
	id := text(t, r.must(200, "POST", path, `{"displayName":"N"}`).body, "id")
	messages := path + "/" + id + "/localizedNotificationMessages"
	en := text(t, r.must(201, "POST", messages, `{"locale":"en-US","subject":"S","messageTemplate":"T","isDefault":true}`).body, "id")
	de := text(t, r.must(201, "POST", messages, `{"locale":"de-DE","subject":"S","messageTemplate":"T"}`).body, "id")
	if got := text(t, r.ok(path+"/"+id).body, "defaultLocale"); got != "en-US" {
		t.Errorf("default %s", got)
	}
	r.refused("POST", messages, `{"locale":"de-DE","subject":"S","messageTemplate":"T"}`, 400, "BadRequest", "exists already")
	r.refused("PATCH", messages+"/"+de, `{"locale":"fr-FR"}`, 400, "BadRequest", "locale")
	r.refused("PATCH", messages+"/"+en, `{"isDefault":false}`, 400, "BadRequest", "isDefault")
	r.must(200, "PATCH", messages+"/"+de, `{"subject":"Neu","isDefault":true}`)
	if b := r.ok(path + "/" + id + "?$expand=localizedNotificationMessages").body; text(t, b, "defaultLocale") != "de-DE" || strings.Count(string(b), `"isDefault":true`) != 1 {
		t.Errorf("%s", b)
	}
	r.must(204, "DELETE", messages+"/"+en, "")
	if n := len(r.ok(messages).page(t).Value); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// Apps: publishing, assignments, relationships and categories.
func TestApps(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{PendingPolls: 2})
	const path = damPath + "mobileApps"
	winget := text(t, r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.winGetApp","displayName":"W","publisher":"P","packageIdentifier":"9NBLGGH4","installExperience":{"runAsAccount":"user"}}`).body, "id")
	assign := func(id, more string) answer {
		return r.send("POST", path+"/"+id+"/assign", `{"mobileAppAssignments":[{"@odata.type":"#microsoft.graph.mobileAppAssignment","intent":"required","target":`+target("groupAssignmentTarget", groupID)+more+`}]}`)
	}
	if a := assign(winget, ""); a.status != 400 {
		t.Errorf("an app that is not published was assigned: %d", a.status)
	}
	for i, want := range []string{"processing", "processing", "published"} {
		if got := text(t, r.ok(path+"/"+winget).body, "publishingState"); got != want {
			t.Errorf("look %d: %s, want %s", i, got, want)
		}
	}
	if a := assign(winget, ""); a.status != 204 {
		t.Errorf("assign: %d %s", a.status, a.body)
	}
	if got := string(field(t, r.ok(path+"/"+winget).body, "isAssigned")); got != "true" {
		t.Errorf("isAssigned %s", got)
	}
	r.refused("PATCH", path+"/"+winget, `{"@odata.type":"#microsoft.graph.winGetApp","packageIdentifier":"x"}`, 400, "BadRequest", "packageIdentifier")
	r.refused("POST", path+"/"+winget+"/assign", `{"mobileAppAssignments":[{"@odata.type":"#microsoft.graph.mobileAppAssignment","intent":"required","target":`+target("exclusionGroupAssignmentTarget", groupID)+`,"settings":{"@odata.type":"#microsoft.graph.winGetAppAssignmentSettings","notifications":"showAll"}}]}`, 400, "BadRequest", "exclusion")

	lob := func(name string) string {
		return text(t, r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.win32LobApp","displayName":"`+name+`","publisher":"P","fileName":"a","setupFilePath":"a","installCommandLine":"a","uninstallCommandLine":"a","installExperience":{"runAsAccount":"system"}}`).body, "id")
	}
	a, b := lob("A"), lob("B")
	if got := text(t, r.ok(path+"/"+a).body, "publishingState"); got != "notPublished" {
		t.Errorf("without content it is %s", got)
	}
	relation := func(id string) string {
		return `{"@odata.type":"#microsoft.graph.mobileAppDependency","targetId":"` + id + `","dependencyType":"autoInstall"}`
	}
	r.must(204, "POST", path+"/"+a+"/updateRelationships", `{"relationships":[`+relation(b)+`]}`)
	r.must(204, "POST", path+"/"+a+"/updateRelationships", `{"relationships":[`+relation(winget)+`]}`)
	if got := r.ok(path + "/" + a + "/relationships").page(t).Value; len(got) != 1 || text(t, got[0], "targetId") != winget || text(t, got[0], "targetType") != "child" {
		t.Errorf("relationships %s", got)
	}
	if got := r.ok(path + "/" + winget + "/relationships").page(t).Value; len(got) != 1 || text(t, got[0], "targetType") != "parent" {
		t.Errorf("the other side %s", got)
	}
	if a := r.send("POST", path+"/"+a+"/updateRelationships", `{"relationships":`+relation(b)+`}`); a.status != 400 {
		t.Errorf("no array: %d", a.status)
	}
	const productivity = "ed899483-3019-425e-a470-28e901b9790e"
	r.must(204, "POST", path+"/"+a+"/categories/$ref", `{"@odata.id":"https://graph.microsoft.com/beta/deviceAppManagement/mobileAppCategories/`+productivity+`"}`)
	if got := r.ok(path + "/" + a + "/categories").page(t).Value; len(got) != 1 || text(t, got[0], "displayName") != "Productivity" {
		t.Errorf("categories %s", got)
	}
	r.must(204, "DELETE", path+"/"+a+"/categories/"+productivity+"/$ref", "")
	if got := r.ok(path + "/" + a + "/categories").page(t).Value; len(got) != 0 {
		t.Errorf("categories %s", got)
	}
	r.must(204, "POST", dmPath+"androidManagedStoreAccountEnterpriseSettings/addApps", `{"productIds":["app:com.contoso"]}`)
	if got := r.ok(path + "?$filter=(isof('microsoft.graph.androidManagedStoreApp')%20and%20(microsoft.graph.androidManagedStoreApp/appIdentifier%20eq%20'com.contoso'))").page(t).Value; len(got) != 1 {
		t.Errorf("apps of Google Play %s", got)
	}
}

// App protection and configuration: apps, settings, and a group of apps that is
// lost when it is left out.
func TestManagedApps(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	apps := `"apps":[{"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"b"}}]`
	ios := damPath + "iosManagedAppProtections/" + text(t, r.must(201, "POST", damPath+"iosManagedAppProtections", `{"displayName":"N"}`).body, "id")
	r.must(204, "POST", ios+"/targetApps", `{`+apps+`,"appGroupType":"allApps"}`)
	if b := r.ok(ios + "?$expand=apps").body; text(t, b, "appGroupType") != "allApps" || len(mustArray(t, field(t, b, "apps"))) != 1 || string(field(t, b, "deployedAppCount")) != "1" {
		t.Errorf("%s", b)
	}
	r.must(204, "POST", ios+"/targetApps", `{`+apps+`}`)
	if got := text(t, r.ok(ios).body, "appGroupType"); got != "selectedPublicApps" {
		t.Errorf("group of apps %s", got)
	}
	r.refused("PATCH", ios, `{`+apps+`}`, 400, "BadRequest", "Cannot apply PATCH to navigation property apps")
	windows := damPath + "windowsManagedAppProtections/" + text(t, r.must(201, "POST", damPath+"windowsManagedAppProtections", `{"displayName":"N"}`).body, "id")
	r.refused("POST", windows+"/targetApps", `{"apps":[],"appGroupType":"allApps"}`, 400, "ModelValidationFailure", "appGroupType")
	wip := damPath + "mdmWindowsInformationProtectionPolicies/" + text(t, r.must(201, "POST", damPath+"mdmWindowsInformationProtectionPolicies", `{"displayName":"N"}`).body, "id")
	r.refused("POST", wip+"/targetApps", `{"apps":[]}`, 400, "BadRequest", "Resource not found for the segment 'targetApps'.")
	r.must(201, "POST", wip+"/protectedAppLockerFiles", `{"@odata.type":"#microsoft.graph.windowsInformationProtectionAppLockerFile","displayName":"F","fileHash":"h","file":"eA=="}`)
	config := damPath + "targetedManagedAppConfigurations/" + text(t, r.must(201, "POST", damPath+"targetedManagedAppConfigurations", `{"displayName":"N",`+apps+`,"assignments":[],"appGroupType":"selectedPublicApps"}`).body, "id")
	r.must(204, "POST", config+"/changeSettings", `{"settings":[{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSetting","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"d"}}]}`)
	r.must(204, "PATCH", config, `{"customSettings":[{"name":"a","value":"b"}]}`)
	if b := r.ok(config + "?$expand=apps,assignments,settings").body; len(mustArray(t, field(t, b, "settings"))) != 1 || len(mustArray(t, field(t, b, "apps"))) != 1 || !strings.Contains(string(b), `"value":"b"`) {
		t.Errorf("%s", b)
	}
}

func TestPolicySets(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	const path = damPath + "policySets"
	item := func(id string) string {
		return `{"@odata.type":"#microsoft.graph.mobileAppPolicySetItem","payloadId":"` + id + `","intent":"required"}`
	}
	id := text(t, r.must(201, "POST", path, `{"displayName":"N","items":[`+item("a")+`],"assignments":[{"target":`+target("groupAssignmentTarget", groupID)+`}]}`).body, "id")
	read := func() []byte { return r.ok(path + "/" + id + "?$expand=assignments,items").body }
	if b := read(); text(t, b, "status") != "success" || len(mustArray(t, field(t, b, "assignments"))) != 1 {
		t.Errorf("%s", b)
	}
	// A member has the assignments of its sets too, as long as these have them.
	own := text(t, r.must(201, "POST", dmPath+"windowsQualityUpdatePolicies", `{"displayName":"N","hotpatchEnabled":true}`).body, "id")
	member := dmPath + "windowsQualityUpdatePolicies/" + own
	r.must(204, "POST", path+"/"+id+"/update", `{"addedPolicySetItems":[`+item(own)+`]}`)
	r.must(204, "POST", member+"/assign", `{"assignments":[]}`)
	if got := r.ok(member + "/assignments").page(t).Value; len(got) != 1 || text(t, got[0], "source") != "policySets" || text(t, got[0], "sourceId") != id {
		t.Errorf("assignments of a member %s", got)
	}
	first := text(t, mustArray(t, field(t, read(), "items"))[0], "id")
	r.must(204, "POST", path+"/"+id+"/update", `{"addedPolicySetItems":[`+item("b")+`],"updatedPolicySetItems":[],"deletedPolicySetItems":["`+first+`"]}`)
	if b := read(); !strings.Contains(string(b), `"payloadId":"b"`) || strings.Contains(string(b), `"payloadId":"a"`) || len(mustArray(t, field(t, b, "assignments"))) != 1 {
		t.Errorf("items without assignments cleared these: %s", b)
	}
	r.must(204, "POST", path+"/"+id+"/update", `{"assignments":[]}`)
	if b := read(); len(mustArray(t, field(t, b, "assignments"))) != 0 || text(t, b, "status") != "notAssigned" {
		t.Errorf("an empty list clears: %s", b)
	}
	if got := r.ok(member + "/assignments").page(t).Value; len(got) != 0 {
		t.Errorf("assignments of a member %s", got)
	}
}

func TestRoleAssignments(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	role := text(t, r.must(200, "POST", dmPath+"roleDefinitions", `{"displayName":"R","rolePermissions":[]}`).body, "id")
	tag := text(t, r.must(200, "POST", dmPath+"roleScopeTags", `{"displayName":"Paris"}`).body, "id")
	if tag != "1" {
		t.Errorf("the first scope tag is %s", tag)
	}
	const root = "https://graph.microsoft.com/beta/deviceManagement/"
	id := text(t, r.must(200, "POST", dmPath+"roleAssignments", `{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleAssignment","displayName":"N","members":["`+groupID+`"],"resourceScopes":["`+groupID+`"],"scopeType":"resourceScope","roleDefinition@odata.bind":"`+root+`roleDefinitions('`+role+`')","roleScopeTags@odata.bind":["`+root+`roleScopeTags('`+tag+`')"]}`).body, "id")
	if got := text(t, r.ok(dmPath+"roleAssignments/"+id+"/roleDefinition").body, "id"); got != role {
		t.Errorf("role %s", got)
	}
	got := r.ok(dmPath + "roleDefinitions/" + role + "/roleAssignments").page(t).Value
	if len(got) != 1 || text(t, got[0], "id") != id || len(mustArray(t, field(t, got[0], "resourceScopes"))) != 0 {
		t.Errorf("assignments of the role %s", got)
	}
	// Ids are not given twice.
	r.must(204, "DELETE", dmPath+"roleScopeTags/"+tag, "")
	if next := text(t, r.must(200, "POST", dmPath+"roleScopeTags", `{"displayName":"London"}`).body, "id"); next != "2" {
		t.Errorf("the next scope tag is %s", next)
	}
}

// Conditional Access: what a PATCH keeps, strengths, and the way back.
func TestConditionalAccess(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	id := text(t, r.must(201, "POST", caPath+"policies", `{"displayName":"N","state":"disabled","conditions":{"users":{"includeUsers":["None"],"excludeGroups":["`+groupID+`"]},"applications":{"includeApplications":["All"]}},"grantControls":{"operator":"OR","builtInControls":["mfa"]}}`).body, "id")
	policy := caPath + "policies/" + id
	const strength = "00000000-0000-0000-0000-000000000004"
	r.refused("PATCH", policy, `{"grantControls":{"authenticationStrength":{"id":"`+strength+`"}}}`, 400, "BadRequest", "1108")
	r.must(204, "PATCH", policy, `{"grantControls":{"operator":"AND","builtInControls":[],"authenticationStrength":{"id":"`+strength+`"}}}`)
	b := string(r.ok(policy).body)
	if !strings.Contains(b, `"displayName":"Phishing-resistant MFA"`) || !strings.Contains(b, groupID) {
		t.Errorf("after the PATCH %s", b)
	}
	r.must(204, "DELETE", policy, "")
	r.get(policy).want(t, 404, "ResourceNotFound")
	if got := r.ok(caPath + "deletedItems/policies").page(t).Value; len(got) != 1 || text(t, got[0], "deletedDateTime") != "2026-03-01T12:00:00Z" {
		t.Errorf("deleted policies %s", got)
	}
	r.must(200, "POST", caPath+"deletedItems/policies/"+id+"/restore", "")
	if b := r.ok(policy).body; string(field(t, b, "deletedDateTime")) != "null" {
		t.Errorf("%s", b)
	}
	own := text(t, r.must(201, "POST", caPath+"authenticationStrengths/policies", `{"displayName":"N","allowedCombinations":["fido2"]}`).body, "id")
	r.must(200, "POST", "/beta/policies/authenticationStrengthPolicies/"+own+"/updateAllowedCombinations", `{"allowedCombinations":["fido2","windowsHelloForBusiness"]}`)
	if n := len(mustArray(t, field(t, r.ok(caPath+"authenticationStrength/policies/"+own).body, "allowedCombinations"))); n != 2 {
		t.Errorf("%d combinations", n)
	}
}

func TestTenantSettings(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	r.must(204, "PATCH", "/beta/deviceManagement", `{"settings":{"secureByDefault":true}}`)
	b := r.ok("/beta/deviceManagement/settings").body
	if string(field(t, b, "secureByDefault")) != "true" || string(field(t, b, "deviceComplianceCheckinThresholdDays")) != "30" {
		t.Errorf("%s", b)
	}
	r.refused("PATCH", "/beta/deviceManagement", `{"settings":{"colour":"red"}}`, 400, "ModelValidationFailure", "colour")
}

func TestDepProfiles(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{PendingPolls: 2}, graphsim.Options{})
	const path = dmPath + "depOnboardingSettings/" + depID + "/enrollmentProfiles"
	a := r.must(201, "POST", path, `{"@odata.type":"#microsoft.graph.depMacOSEnrollmentProfile","displayName":"M","adminAccountPassword":"hunter2"}`)
	id := text(t, a.body, "id")
	if !strings.HasPrefix(id, depID+"_") || strings.Contains(string(r.ok(path+"/"+id).body), "hunter2") {
		t.Errorf("%s", a.body)
	}
	r.must(204, "PATCH", path+"/"+id, `{"@odata.type":"#microsoft.graph.depMacOSEnrollmentProfile","displayName":"L"}`)
	r.must(404, "POST", path+"/"+id+"/setDefaultProfile", "")
	r.must(404, "POST", path+"/"+id+"/setDefaultProfile", "")
	r.must(204, "POST", path+"/"+id+"/setDefaultProfile", "")
	if b := r.ok(dmPath + "depOnboardingSettings/" + depID + "?$expand=defaultMacOsEnrollmentProfile").body; !strings.Contains(string(b), `"displayName":"L"`) {
		t.Errorf("%s", b)
	}
	if a := r.send("DELETE", path+"/"+id, ""); a.status != 400 {
		t.Errorf("the default profile was deleted: %d", a.status)
	}
}

// Orders to devices and people are counted, so that a test can say that none was
// given.
func TestCommands(t *testing.T) {
	r := everything(t, graphsim.TenantSpec{}, graphsim.Options{})
	const ring = `"@odata.type":"#microsoft.graph.windowsUpdateForBusinessConfiguration"`
	for i, c := range []struct{ method, path, body, want string }{
		{"PATCH", dmPath + "deviceConfigurations/04", `{` + ring + `,"displayName":"M"}`, ""},
		{"PATCH", dmPath + "deviceConfigurations/04", `{` + ring + `,"featureUpdatesPaused":false}`, ""},
		{"PATCH", dmPath + "deviceConfigurations/04", `{` + ring + `,"featureUpdatesPaused":true}`, "pauseFeatureUpdates"},
		{"PATCH", dmPath + "deviceConfigurations/04", `{` + ring + `,"featureUpdatesPaused":false}`, "resumeFeatureUpdates"},
		{"PATCH", dmPath + "deviceConfigurations/04", `{` + ring + `,"qualityUpdatesWillBeRolledBack":true}`, "rollBackQualityUpdates"},
		{"POST", dmPath + "deviceConfigurations/04/microsoft.graph.windowsUpdateForBusinessConfiguration/extendFeatureUpdatesPause", ``, "extendFeatureUpdatesPause"},
		{"POST", dmPath + "windowsAutopilotDeploymentProfiles/24/assign", `{"deviceIds":["x"]}`, "assignAutopilotDevices"},
		{"POST", dmPath + "virtualEndpoint/provisioningPolicies/47/apply", `{}`, "applyProvisioningPolicy"},
		{"POST", dmPath + "windowsDriverUpdateProfiles/32/executeAction", `{"actionName":"approve","driverIds":[]}`, "approveDrivers"},
		{"PATCH", dmPath + "termsAndConditions/26", `{"version":2}`, "askForAcceptance"},
		{"PATCH", dmPath + "termsAndConditions/26", `{"version":2}`, ""},
	} {
		before := r.sim.Counters().Commands
		if a := r.send(c.method, c.path, c.body); a.status >= 400 {
			t.Fatalf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
		page := r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindWrite})
		last := page.Entries[len(page.Entries)-1]
		if last.Command != c.want || (r.sim.Counters().Commands > before) != (c.want != "") {
			t.Errorf("%d: %s %s %s is the command %q, want %q", i, c.method, c.path, c.body, last.Command, c.want)
		}
	}
}

// The privacy settings of a device restriction have an action of their own.
func TestPrivacyAccessControls(t *testing.T) {
	r := empty(t, graphsim.TenantSpec{})
	id := text(t, r.must(201, "POST", dmPath+"deviceConfigurations", `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":"N"}`).body, "id")
	r.must(204, "POST", dmPath+"deviceConfigurations/"+id+"/windowsPrivacyAccessControls", `{"windowsPrivacyAccessControls":[{"accessLevel":"forceDeny","dataCategory":"location"}]}`)
	if b := r.ok(dmPath + "deviceConfigurations/" + id).body; !strings.Contains(string(b), `"privacyAccessControls":[{"accessLevel":"forceDeny"`) {
		t.Errorf("%s", b)
	}
}

// What is drawn of every type is accepted by a create, and then read as it was
// sent: the rules refuse nothing that the schema allows, but for what they say.
func TestWhatIsReadCanBeCreated(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	table, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	source := newRig(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: seed, Each: 1}, Apps: []graphsim.App{app(graphsim.AllPermissions()...)}}, graphsim.Options{Quotas: []graphsim.Quota{}})
	// Made by other means than a create of the set, or of parts that are not read.
	special := []string{"intents", "templates", "groupPolicyDefinitions", "groupPolicyCategories", "groupPolicyUploadedDefinitionFiles", "groups", "windowsAutopilotDeviceIdentities", "agreements", "depOnboardingSettings", "roleAssignments", "groupPolicyConfigurations"}
	// Computed beyond what the metadata says, or set by a call of its own.
	computed := []string{"priority", "deviceEnrollmentConfigurationType", "publishingState", "size", "payloads", "defaultLocale", "isBuiltIn", "isBuiltInRoleDefinition", "isGlobalScript", "highestAvailableVersion", "isDefaultProfile",
		"disableClientTelemetry", "status", "errorCode", "policyType", "requirementsSatisfied", "modifiedDateTime", "deployedAppCount", "settingCount", "appSupportsOemConfig", "newUpdates", "inventorySyncStatus", "deviceReporting",
		"deployableContentDisplayName", "endOfSupportDate", "releaseDateDisplayName", "themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage", "createdDateTime", "lastModifiedDateTime", "configurationEndpointUrl", "licensingType"}
	target := empty(t, graphsim.TenantSpec{})
	created := 0
	for path := range source.sim.Tenants()[0].Objects {
		if slices.Contains(special, path[strings.LastIndexByte(path, '/')+1:]) {
			continue
		}
		set, ok := table.Set(path)
		if !ok {
			set = &schema.Set{}
		}
		query := ""
		switch {
		case strings.HasSuffix(path, "eCompliancePolicies"), strings.HasSuffix(path, "/compliancePolicies"):
			query = "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
			if strings.HasSuffix(path, "/compliancePolicies") {
				query = "?$expand=settings"
			}
		case strings.HasSuffix(path, "configurationPolicies"), strings.HasSuffix(path, "inventoryPolicies"):
			query = "?$expand=settings"
		case strings.HasSuffix(path, "reusablePolicySettings"):
			query = "?$select=id,displayName,description,settingDefinitionId,settingInstance"
		case strings.HasSuffix(path, "targetedManagedAppConfigurations"):
			query = "?$expand=apps,assignments"
		case strings.HasSuffix(path, "policySets"):
			query = "?$expand=items"
		}
		for _, p := range source.all("/beta/" + path) {
			for _, v := range p.Value {
				body := object(t, source.ok("/beta/"+path+"/"+text(t, v, "id")+query).body)
				kind := strings.TrimPrefix(text(t, v, "@odata.type"), "#microsoft.graph.")
				if slices.Contains([]string{"iosVppApp", "macOsVppApp", "androidManagedStoreApp", "androidManagedStoreWebApp"}, kind) {
					continue // never created by a POST
				}
				for key := range body {
					writable := key == "version" && strings.HasSuffix(path, "termsAndConditions") || key == "displayName" || key == "id" && strings.HasSuffix(path, "ClassReferences")
					if !writable && (slices.Contains(set.ReadOnlyProps, key) || slices.Contains(computed, key)) || key == "id" && !writable || strings.Contains(key, "@odata.") && key != "@odata.type" {
						delete(body, key)
					}
				}
				// Values that the schema allows and a rule does not.
				for key, value := range map[string]string{
					"rolloutSettings": "null", "installLatestWindows10OnWindows11IneligibleDevice": "false", "outOfBoxExperienceSetting": `{"escapeLinkHidden":true}`,
					"officeConfigurationXml": "null", "officeSuiteAppDefaultFileFormat": `"officeOpenXMLFormat"`, "windowsMobileRestriction": "null",
					"featureUpdatesPaused": "false", "featureUpdatesWillBeRolledBack": "false", "qualityUpdatesPaused": "false", "qualityUpdatesWillBeRolledBack": "false",
				} {
					if _, ok := body[key]; ok {
						body[key] = json.RawMessage(value)
					}
				}
				if strings.HasSuffix(path, "targetedManagedAppConfigurations") {
					body["assignments"] = json.RawMessage("[]")
				}
				if raw, ok := body["expeditedUpdateSettings"]; ok {
					settings := object(t, raw)
					settings["daysUntilForcedReboot"] = json.RawMessage("1")
					body["expeditedUpdateSettings"], _ = json.Marshal(settings)
				}
				if raw, ok := body["omaSettings"]; ok {
					settings := mustArray(t, raw)
					for i := range settings {
						o := object(t, settings[i])
						delete(o, "secretReferenceValueId")
						settings[i], _ = json.Marshal(o)
					}
					body["omaSettings"], _ = json.Marshal(settings)
				}
				sent, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				// A token of another tenant is no secret.
				sent = bytes.ReplaceAll(sent, []byte(`"encryptedValueToken"`), []byte(`"notEncrypted"`))
				a := target.send("POST", "/beta/"+path, string(sent))
				if a.status != 200 && a.status != 201 {
					t.Errorf("%s %s: %d %.300s", path, kind, a.status, a.body)
					continue
				}
				created++
				got := object(t, target.ok("/beta/"+path+"/"+text(t, a.body, "id")+query).body)
				for key, want := range body {
					if key == "omaSettings" || key == "settings" || key == "apps" || key == "items" || strings.HasPrefix(key, "scheduled") || key == "combinationConfigurations" || key == "@odata.type" {
						continue
					}
					var w, g any
					if json.Unmarshal(want, &w) != nil || json.Unmarshal(got[key], &g) != nil || !reflect.DeepEqual(w, g) {
						t.Errorf("%s %s: %s is %.200s, was sent as %.200s", path, kind, key, got[key], want)
					}
				}
			}
		}
	}
	if created < 200 {
		t.Errorf("only %d objects were created", created)
	}
}
