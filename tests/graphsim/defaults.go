package graphsim

import (
	"encoding/json"
	"fmt"
)

// Ids of built-in objects that are the same in every tenant. Of the roles and
// strengths only the ids 0bd113fe-… and …0002 were seen; the others are the
// simulator's own.
const (
	defaultBrandingID = "c3a59481-1bf2-46ce-94b3-66eec07a8d60"
	policyManagerID   = "0bd113fe-6be5-400c-a28f-ae5553f9c0be"
)

// builtinCategories are Microsoft's categories of apps.
var builtinCategories = []struct{ id, name string }{
	{"0720a99e-562b-4a77-83f0-9a7523fcf13e", "Other apps"},
	{"f1fc9fe2-728d-4867-9a72-a61e18f8c606", "Books & Reference"},
	{"046e0b16-76ce-4b49-bf1b-1cc5bd94fb47", "Data management"},
	{"ed899483-3019-425e-a470-28e901b9790e", "Productivity"},
	{"2b73ae71-12c8-49be-b462-3dae769ccd9d", "Business"},
	{"79bc98d4-7ddf-4841-9bc1-5c84a26d7ee8", "Development & Design"},
	{"5dcd7a90-0306-4f09-a75d-6b97a243f04e", "Photos & Media"},
	{"f79135dc-8e41-48c1-9a59-ab9a7259c38e", "Collaboration & Social"},
	{"981deed8-6857-4e78-a50e-c3f61d312737", "Computer management"},
}

// defaults adds what every tenant has from its start.
func (l *loader) defaults() error {
	add := func(path, text string) error {
		if _, err := l.object(Object{Collection: path, JSON: json.RawMessage(text), origin: "default"}); err != nil {
			return fmt.Errorf("default object of %s: %w", path, err)
		}
		return nil
	}
	account := l.tenant.accountID
	const everyone = `"displayName":"All users and all devices","priority":0`
	restriction := `{"platformBlocked":false,"personalDeviceEnrollmentBlocked":false,"osMinimumVersion":"","osMaximumVersion":"","blockedManufacturers":[],"blockedSkus":[]}`
	rows := []struct{ path, text string }{
		{scopeTagsPath, `{"id":"0","displayName":"Default","description":"Default Role Scope Tag","isBuiltIn":true}`},
		{enrollmentPath, `{"@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","id":"` + account + `_DefaultLimit",` + everyone + `,"description":"This is the default Device Limit Restriction applied with the lowest priority to all users regardless of group membership.","limit":5}`},
		{enrollmentPath, `{"@odata.type":"#microsoft.graph.deviceEnrollmentPlatformRestrictionsConfiguration","id":"` + account + `_DefaultPlatformRestrictions",` + everyone + `,"description":"This is the default Device Type Restriction applied with the lowest priority to all users regardless of group membership.","iosRestriction":` + restriction + `,"windowsRestriction":` + restriction + `,"windowsHomeSkuRestriction":` + restriction + `,"windowsMobileRestriction":null,"androidRestriction":` + restriction + `,"androidForWorkRestriction":` + restriction + `,"macRestriction":null,"macOSRestriction":` + restriction + `}`},
		{enrollmentPath, `{"@odata.type":"#microsoft.graph.deviceEnrollmentWindowsHelloForBusinessConfiguration","id":"` + account + `_DefaultWindowsHelloForBusiness",` + everyone + `,"description":"This is the default Windows Hello for Business configuration applied with the lowest priority to all users regardless of group membership.","pinMinimumLength":6,"pinMaximumLength":127,"pinUppercaseCharactersUsage":"disallowed","pinLowercaseCharactersUsage":"disallowed","pinSpecialCharactersUsage":"disallowed","state":"notConfigured","securityDeviceRequired":false,"unlockWithBiometricsEnabled":true,"remotePassportEnabled":true,"pinPreviousBlockCount":0,"pinExpirationInDays":0,"enhancedBiometricsState":"notConfigured","enhancedSignInSecurity":0,"securityKeyForSignIn":"notConfigured"}`},
		{enrollmentPath, `{"@odata.type":"#microsoft.graph.windows10EnrollmentCompletionPageConfiguration","id":"` + account + `_DefaultWindows10EnrollmentCompletionPageConfiguration",` + everyone + `,"description":"This is the default enrollment status screen configuration applied with the lowest priority to all users and all devices regardless of group membership.","showInstallationProgress":false,"blockDeviceSetupRetryByUser":false,"allowDeviceResetOnInstallFailure":false,"allowLogCollectionOnInstallFailure":false,"customErrorMessage":null,"installProgressTimeoutInMinutes":0,"allowDeviceUseOnInstallFailure":false,"selectedMobileAppIds":[],"trackInstallProgressForAutopilotOnly":false,"disableUserStatusTrackingAfterFirstUser":false,"allowNonBlockingAppInstallation":false,"installQualityUpdates":false}`},
		{enrollmentPath, `{"@odata.type":"#microsoft.graph.windowsRestoreDeviceEnrollmentConfiguration","id":"` + account + `_WindowsRestore",` + everyone + `,"description":null,"state":"notConfigured"}`},
		{rolesPath, `{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleDefinition","id":"` + policyManagerID + `","displayName":"Policy and Profile manager","description":"Policy and profile managers manage compliance policy, configuration profiles, Apple enrollment, corporate device identifiers, and security baselines.","isBuiltIn":true,"isBuiltInRoleDefinition":true,"permissions":[],"rolePermissions":[{"actions":[],"resourceActions":[{"allowedResourceActions":["Microsoft.Intune_DeviceConfigurations_Read","Microsoft.Intune_DeviceConfigurations_Create"],"notAllowedResourceActions":[]}]}]}`},
		{rolesPath, `{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleDefinition","id":"` + stableGUID("role", "Read Only Operator") + `","displayName":"Read Only Operator","description":"Read Only Operators view user, device, enrollment, configuration and application information and cannot make changes to Intune.","isBuiltIn":true,"isBuiltInRoleDefinition":true,"permissions":[],"rolePermissions":[{"actions":[],"resourceActions":[{"allowedResourceActions":["Microsoft.Intune_DeviceConfigurations_Read"],"notAllowedResourceActions":[]}]}]}`},
		{brandingPath, `{"id":"` + defaultBrandingID + `","profileName":"Default","profileDescription":"This is the default branding profile and applies to all users and all devices.","isDefaultProfile":true,"displayName":"","showLogo":false,"showDisplayNameNextToLogo":true,"showOfficeWebApps":false,"showAzureADEnterpriseApps":false,"enrollmentAvailability":"availableWithPrompts","disableClientTelemetry":false,"isRemoveDeviceDisabled":false,"isFactoryResetDisabled":false,"companyPortalBlockedActions":[],"themeColor":{"r":0,"g":114,"b":198},"themeColorLogo":null,"lightBackgroundLogo":null,"landingPageCustomizedImage":null}`},
	}
	for i, strength := range []struct{ name, combination string }{
		{"Multifactor authentication", "password,microsoftAuthenticatorPush"},
		{"Passwordless MFA", "windowsHelloForBusiness"},
		{"Phishing-resistant MFA", "fido2"},
	} {
		rows = append(rows, struct{ path, text string }{strengthsPath, fmt.Sprintf(`{"id":"00000000-0000-0000-0000-00000000000%d","displayName":%q,"policyType":"builtIn","requirementsSatisfied":"mfa","allowedCombinations":[%q],"combinationConfigurations":[]}`, i+2, strength.name, strength.combination)})
	}
	for _, c := range builtinCategories {
		rows = append(rows, struct{ path, text string }{appCategoriesPath, fmt.Sprintf(`{"id":%q,"displayName":%q}`, c.id, c.name)})
	}
	for _, row := range rows {
		if err := add(row.path, row.text); err != nil {
			return err
		}
	}
	// They were not loaded: the report counts what the description brings.
	l.report.Loaded = map[string]int{}
	return nil
}
