package catalog

// Pending are types of the rules that have no row yet.
var Pending []string

// differences are where the rows are not what the rules say, and why.
const (
	settingsTypes   = "settings-catalog-policy endpoint-security-policy security-baseline-policy linux-compliance-policy inventory-policy"
	templateFollows = "Follows from the template's id; the published metadata calls it read-only, and no tool needs to send it."
)

var differences = []difference{
	// What applies to several types.
	{"settings-catalog-policy endpoint-security-policy security-baseline-policy linux-compliance-policy inventory-policy", "strip.onCreate", "-settings[].id", settingsHook},
	{"settings-catalog-policy endpoint-security-policy security-baseline-policy inventory-policy", "strip.onCreate", "-settings[].settingDefinitions", settingsHook},
	{"settings-catalog-policy endpoint-security-policy security-baseline-policy linux-compliance-policy inventory-policy", "strip.onUpdate", "-settings[].id", settingsHook},
	{"settings-catalog-policy endpoint-security-policy security-baseline-policy inventory-policy", "strip.onUpdate", "-settings[].settingDefinitions", settingsHook},
	{settingsTypes, "strip.onCreate", "+templateReference.templateFamily", templateFollows},
	{settingsTypes, "strip.onCreate", "+templateReference.templateDisplayName", templateFollows},
	{settingsTypes, "strip.onCreate", "+templateReference.templateDisplayVersion", templateFollows},
	{settingsTypes, "strip.onUpdate", "+templateReference.templateFamily", templateFollows},
	{settingsTypes, "strip.onUpdate", "+templateReference.templateDisplayName", templateFollows},
	{settingsTypes, "strip.onUpdate", "+templateReference.templateDisplayVersion", templateFollows},
	{anyType, "order.dependsOn", "+" + TypeFilter, "Where it is not known whether filters are taken, a captured assignment may have one, and it must then exist."},

	// Configuration.
	{"settings-catalog-policy endpoint-security-policy security-baseline-policy", "list.query", "-$select=id,name,description,platforms,technologies,templateReference,roleScopeTagIds,settingCount,isAssigned,createdDateTime,lastModifiedDateTime&$top=100 +" + configurationPoliciesListed, "isAssigned follows from the assignments."},
	{"device-configuration", "read", "+deviceManagement/deviceConfigurations/{id}/{*}?$select=id,displayName", "Types of the rest refer to certificate profiles too, for example VPN for Windows and device features."},
	{"device-configuration-network-certificate", "read", "-deviceManagement/deviceConfigurations/{id}/microsoft.graph.{*}/{*}?$select=id,displayName", certificateRead},
	{"device-configuration-network-certificate", "read", "+deviceManagement/deviceConfigurations/{id}/{*}?$select=id,displayName", certificateRead},
	{"windows-update-ring", "list.query", "-$filter=isof('microsoft.graph.windowsUpdateForBusinessConfiguration') +$top=999", "One list serves all types of the collection."},
	{"windows-update-ring", "strip.onCreate", "+qualityUpdatesPaused", ringPaused},
	{"windows-update-ring", "strip.onCreate", "+featureUpdatesPaused", ringPaused},
	{"device-configuration-apple-custom", "create.required", "-payloadName", applePayload},
	{"device-configuration-apple-custom", "create.required", "-payload", applePayload},
	{"device-configuration-apple-custom", "create.required", "-payloadFileName", applePayload},
	{"group-policy-uploaded-definition-file", "strip.onUpdate", "-not applicable", inWords},
	{"device-management-intent", "create.required", "+settingsDelta", "A policy without its settings is not the captured one."},

	// Compliance.
	{"device-compliance-policy", "strip.onCreate", "-scheduledActionsForRule[].id", "The hook makes the rule anew."},
	{"device-compliance-policy", "strip.onCreate", "-scheduledActionsForRule[].scheduledActionConfigurations[].id", "The hook makes the rule anew."},
	{"linux-compliance-policy", "strip.onCreate", "-settingInstanceTemplateReference and settingValueTemplateReference when null", "Nulls are left out of every body."},

	// Updates.
	{"windows-feature-update-profile", "strip.onCreate", "-rolloutSettings dates in the past", pastDates},
	{"windows-feature-update-profile", "strip.onUpdate", "-rolloutSettings dates in the past", pastDates},
	{"windows-feature-update-profile", "strip.onCreate", "-installLatestWindows10OnWindows11IneligibleDevice when true", "The hook leaves it out when it is true."},

	// Tenant administration.
	{"role-scope-tag", "list.query", "-$filter=isBuiltIn eq false +", "The note of the rule: the built-in tag is named by policies, so all are read."},
	{"role-definition", "list.query", "-$filter=isBuiltIn eq false +", "The note of the rule: built-in roles are named by assignments, so all are read."},
	{"role-definition", "read", "-deviceManagement/roleDefinitions/{id}/roleAssignments", "Assignments of roles are a type of their own, each read with its role."},
	{"role-assignment", "identity", "-role definition", inWords},
	{"role-assignment", "identity", "+roleDefinition.id", inWords},
	{"device-category", "list.query", "-$top=500 used by one tool +", "Its own pages are followed to the end."},
	{"intune-branding-profile", "strip.onCreate", "-everything except profileName, profileDescription, roleScopeTagIds", "CreateCall.Only says it."},
	{"intune-branding-profile", "strip.onUpdate", "-for the default profile also profileName, profileDescription", "It depends on the live object, not on the type."},
	{"device-management-settings", "identity", "-singleton", inWords},
	{"device-management-settings", "strip.onUpdate", "-properties absent from the current type", "A property that Microsoft removed is not known before it is refused."},
	{"group-lookup", "identity", "-securityEnabled/groupTypes", inWords},
	{"group-lookup", "identity", "-membershipRule for dynamic groups", inWords},
	{"group-lookup", "identity", "+groupTypes", inWords},
	{"group-lookup", "identity", "+membershipRule", inWords},
	{"group-lookup", "list.query", "-$filter=displayName eq '...'&$select=id,displayName,groupTypes,securityEnabled,mailEnabled,membershipRule,onPremisesSyncEnabled +", "Groups are read by id and not listed."},
	{"group-lookup", "read", "-POST directoryObjects/getByIds", "The part says how one is read; several at once are the reader's business."},
	{"group-lookup", "strip.onCreate", "-(read only)", inWords},
	{"group-lookup", "strip.onUpdate", "-(read only)", inWords},

	// Enrollment.
	{"enrollment-platform-restrictions-default", "identity", "-id suffix _DefaultPlatformRestrictions", inWords},
	{"enrollment-platform-restrictions-default", "strip.onUpdate", "+windowsMobileRestriction", "The note of the rule on updates: Windows Phone can no longer be set."},
	{"enrollment-windows-hello", "identity", "-priority 0", inWords},
	{"enrollment-windows-hello", "create.path", "-deviceManagement/deviceEnrollmentConfigurations +", "There is a path and no method: it is never created."},
	{"enrollment-status-page", "read", "-deviceAppManagement/mobileApps/{*}?$select=id,displayName", "The names of apps are kept with the names of everything that a policy refers to."},
	{"enrollment-notification", "strip.onCreate", "-real template guids", "The template ids of a body are made by the hook; an update writes the templates, not their ids."},
	{"enrollment-notification", "strip.onCreate", "+brandingOptions", "The note of the rule: a create does not keep them; they are of the templates."},
	{"enrollment-notification", "strip.onCreate", "+defaultLocale", "The note of the rule: a create does not keep them; they are of the templates."},
	{"enrollment-notification", "strip.onUpdate", "-zero-guid template ids", "The template ids of a body are made by the hook; an update writes the templates, not their ids."},
	{"enrollment-notification", "strip.onUpdate", "+notificationTemplates", "The template ids of a body are made by the hook; an update writes the templates, not their ids."},
	{"enrollment-windows-restore", "identity", "-id suffix _WindowsRestore", inWords},
	{"enrollment-windows-restore", "strip.onCreate", "-(never created)", "It is never created."},
	{"autopilot-deployment-profile", "order.dependsOn", "-domain join device configuration for hybrid", "It is a condition of the tenant and no type."},
	{"apple-user-initiated-enrollment-profile", "order.dependsOn", "-Apple MDM push certificate", "It is a condition of the tenant and no type."},
	{"dep-enrollment-profile", "identity", "-depOnboardingSetting.tokenName/appleIdentifier", inWords},
	{"dep-enrollment-profile", "identity", "+token.appleIdentifier", inWords},
	{"dep-enrollment-profile", "read", "-deviceManagement/depOnboardingSettings/{*}/enrollmentProfiles", "Profiles are listed by the source, and the token is read without its defaults: a profile says itself whether it is one."},
	{"dep-enrollment-profile", "read", "-deviceManagement/depOnboardingSettings/{*}?$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile", "Profiles are listed by the source, and the token is read without its defaults: a profile says itself whether it is one."},
	{"dep-enrollment-profile", "read", "+deviceManagement/depOnboardingSettings/{*}", "Profiles are listed by the source, and the token is read without its defaults: a profile says itself whether it is one."},
	{"dep-enrollment-profile", "strip.onCreate", "-adminAccountPassword unless the operator supplies it", "It is never sent as it was captured; the hook takes what a person supplied."},
	{"dep-enrollment-profile", "strip.onCreate", "-enabledSkipKeys entries Privacy and Registration", "Some entries of a list are left out by the hook."},
	{"dep-enrollment-profile", "strip.onCreate", "+adminAccountPassword", "It is never sent as it was captured; the hook takes what a person supplied."},
	{"dep-enrollment-profile", "strip.onUpdate", "-adminAccountPassword unless supplied", "It is never sent as it was captured; the hook takes what a person supplied."},
	{"dep-enrollment-profile", "strip.onUpdate", "-enabledSkipKeys entries Privacy and Registration", "Some entries of a list are left out by the hook."},
	{"dep-enrollment-profile", "strip.onUpdate", "+adminAccountPassword", "It is never sent as it was captured; the hook takes what a person supplied."},
	{"dep-enrollment-profile", "order.dependsOn", "-Apple enrollment program token", "It is a condition of the tenant and no type."},
	{"dep-enrollment-profile conditional-access-policy", "order.dependsOn", "+group-lookup", "Groups are content here, not only targets: they must be found."},
	{"autopilot-device-identity", "list.query", "-$top=999 used by one tool +$top=999", inWords},
	{"autopilot-device-identity", "strip.onCreate", "-(not restored)", deviceWrites},
	{"autopilot-device-identity", "strip.onUpdate", "-(not restored)", deviceWrites},
	{"autopilot-device-identity", "update.method", "-POST +", deviceWrites},
	{"autopilot-device-identity", "update.path", "-deviceManagement/windowsAutopilotDeviceIdentities/{id}/updateDeviceProperties +", deviceWrites},
	{"autopilot-device-identity", "delete.method", "-DELETE +", deviceWrites},
	{"autopilot-device-identity", "delete.path", "-deviceManagement/windowsAutopilotDeviceIdentities/{id} +", deviceWrites},
	{"autopilot-device-identity", "permissions.write", "-DeviceManagementServiceConfig.ReadWrite.All", deviceWrites},

	// Apps.
	{"mobile-app-store mobile-app-lob mobile-app-win32 mobile-app-winget mobile-app-weblink mobile-app-office-suite mobile-app-managed-google-play mobile-app-vpp", "list.query", "-$filter=(microsoft.graph.managedApp/appAvailability eq null or microsoft.graph.managedApp/appAvailability eq 'lineOfBusiness' or isAssigned eq true)&$orderby=displayName +$filter=(microsoft.graph.managedApp/appAvailability%20eq%20null%20or%20microsoft.graph.managedApp/appAvailability%20eq%20%27lineOfBusiness%27%20or%20isAssigned%20eq%20true)", "An order is of no use to a sync, and in a query blanks are escaped."},
	{"mobile-app-store", "create.required", "-appStoreUrl", "Only some kinds of the row have it; the hook demands it of them."},
	{"mobile-app-lob mobile-app-win32", "secrets", "-none +some", "The installer is kept back by Microsoft, which people should see with the other values that are."},
	{"mobile-app-win32", "create.required", "-detectionRules or rules", "Either will do; the hook demands one."},
	{"mobile-app-managed-google-play", "strip.onCreate", "-everything: only the product id is sent", "The hook makes another body."},
	{"mobile-app-managed-google-play", "order.dependsOn", "-managed Google Play binding in the target", "It is a condition of the tenant and no type."},
	{"mobile-app-managed-google-play", "order.dependsOn", "+mobile-app-category", "It has categories like every app."},
	{"mobile-app-vpp", "strip.onCreate", "-all", "There is no create."},
	{"mobile-app-vpp", "strip.onUpdate", "-bundleId", "UpdateCall.Only says it."},
	{"mobile-app-vpp", "strip.onUpdate", "-vppToken*", "UpdateCall.Only says it."},
	{"mobile-app-vpp", "strip.onUpdate", "-usedLicenseCount", "UpdateCall.Only says it."},
	{"mobile-app-vpp", "strip.onUpdate", "-totalLicenseCount", "UpdateCall.Only says it."},
	{"mobile-app-vpp", "strip.onUpdate", "-licensingType", "UpdateCall.Only says it."},
	{"mobile-app-vpp", "delete.method", "-DELETE +", "To delete what Apple's token brought is of no use to a restore."},
	{"mobile-app-vpp", "delete.path", "-deviceAppManagement/mobileApps/{id} +", "To delete what Apple's token brought is of no use to a restore."},
	{"policy-set", "strip.onCreate", "-status", "CreateCall.Only and the hook say it."},
	{"policy-set", "strip.onCreate", "-errorCode", "CreateCall.Only and the hook say it."},
	{"policy-set", "strip.onCreate", "-assignments[].id", "CreateCall.Only and the hook say it."},
	{"policy-set", "strip.onCreate", "-items[]: id, createdDateTime, lastModifiedDateTime, displayName, itemType, status, errorCode", "CreateCall.Only and the hook say it."},
	{"policy-set", "strip.onUpdate", "-everything except displayName, description", "UpdateCall.Only says it."},
	{"policy-set", "strip.onUpdate", "-items and assignments", "UpdateCall.Only says it."},
	{"policy-set", "order.dependsOn", "-administrative templates", "Microsoft publishes no kind of item for them; one that is met is of no type and must be decided by a person."},
	{"policy-set", "order.dependsOn", "+targeted-managed-app-configuration", "Kinds of item that Microsoft publishes."},
	{"policy-set", "order.dependsOn", "+windows-platform-script", "Kinds of item that Microsoft publishes."},
	{"policy-set", "order.dependsOn", "+wip-mdm-policy", "Kinds of item that Microsoft publishes."},
	{"policy-set", "order.dependsOn", "+android-app-protection", "Kinds of item that Microsoft publishes."},
	{"policy-set", "order.dependsOn", "+windows-app-protection", "Kinds of item that Microsoft publishes."},

	// App protection and configuration.
	{"ios-app-protection android-app-protection windows-app-protection default-app-protection targeted-managed-app-configuration", "list.query", "-$expand=apps +", "The list only says what there is; each object is read with what belongs to it."},
	{"wip-mdm-policy wip-without-enrollment-policy", "secrets", "-some +none", "The certificate is public and given out whole."},
	{"targeted-managed-app-configuration", "strip.onCreate", "+apps", "They are parts of their own; the hook puts them into the body."},
	{"targeted-managed-app-configuration", "strip.onCreate", "+settings", "They are parts of their own; the hook puts them into the body."},
	{"targeted-managed-app-configuration", "strip.onUpdate", "+settingCount", "The service counts it."},
	{"mobile-app-configuration", "list.query", "-$expand=assignments; OEMConfig split with $filter=microsoft.graph.androidManagedStoreAppConfiguration/appSupportsOemConfig eq true +", "One list serves all kinds."},
	{"mobile-app-configuration", "read", "-deviceAppManagement/mobileApps/{*}", "The names of apps are kept with the names of everything that a policy refers to."},
	{"mobile-app-configuration conditional-access-policy", "strip.onUpdate", "-same as create", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+version", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+appSupportsOemConfig", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+deviceStatuses", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+userStatuses", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+deviceStatusSummary", inWords},
	{"mobile-app-configuration", "strip.onUpdate", "+userStatusSummary", inWords},

	// Conditional Access.
	{"conditional-access-policy", "strip.onCreate", "-grantControls.authenticationStrength", "The hook says it."},
	{"conditional-access-policy", "strip.onCreate", "-sessionControls.disableResilienceDefaults when false", "The hook says it."},
	{"conditional-access-policy", "strip.onCreate", "-empty complex objects", "The hook says it."},
	{"conditional-access-policy", "strip.onCreate", "-null members of unknown types", "Nulls are left out of every body."},
	{"conditional-access-policy", "strip.onUpdate", "+deletedDateTime", inWords},
	{"conditional-access-policy", "strip.onUpdate", "+templateId", inWords},
	{"conditional-access-policy", "strip.onUpdate", "+partialEnablementStrategy", inWords},
	{"conditional-access-policy", "strip.onUpdate", "+conditions.deviceStates", inWords},
	{"conditional-access-policy", "create.required", "-conditions.applications", "Members of members are demanded by the hook."},
	{"conditional-access-policy", "create.required", "-conditions.users", "Members of members are demanded by the hook."},
	{"conditional-access-policy", "create.required", "-grantControls or sessionControls", "Members of members are demanded by the hook."},
	{"conditional-access-policy", "create.required", "+conditions", "Members of members are demanded by the hook."},
	{"conditional-access-policy", "order.dependsOn", "-security defaults disabled", "It is a condition of the tenant and no type."},
	{"named-location", "create.required", "-ipRanges or countriesAndRegions", "Either will do; the hook demands one."},
	{"authentication-strength-policy", "strip.onCreate", "-deletedDateTime", "The lists of members that are sent say it, and the hook."},
	{"authentication-strength-policy", "strip.onCreate", "-policyType", "The lists of members that are sent say it, and the hook."},
	{"authentication-strength-policy", "strip.onCreate", "-requirementsSatisfied", "The lists of members that are sent say it, and the hook."},
	{"authentication-strength-policy", "strip.onCreate", "-combinationConfigurations[].id", "The lists of members that are sent say it, and the hook."},
	{"authentication-strength-policy", "strip.onUpdate", "-everything except displayName, description", "The lists of members that are sent say it, and the hook."},
	{"terms-of-use-agreement", "list.query", "-$expand=files +", "The list only says what there is; each object is read with what belongs to it."},
	{"terms-of-use-agreement", "read", "-agreements/{id}/file/localizations('{*}')/fileData/data", "One of two addresses of the same set, the one that is throttled with the rest of the type."},
	{"terms-of-use-agreement", "read", "+identityGovernance/termsOfUse/agreements/{id}/file/localizations('{*}')/fileData/data", "One of two addresses of the same set, the one that is throttled with the rest of the type."},
	{"terms-of-use-agreement", "strip.onCreate", "-acceptances", agreementWrites},
	{"terms-of-use-agreement", "strip.onCreate", "-files[].id", agreementWrites},
	{"terms-of-use-agreement", "strip.onCreate", "-files[].createdDateTime", agreementWrites},
	{"terms-of-use-agreement", "strip.onUpdate", "-everything except displayName, isViewingBeforeAcceptanceRequired", agreementWrites},
	{"terms-of-use-agreement", "create.method", "-POST +", agreementWrites},
	{"terms-of-use-agreement", "create.path", "-identityGovernance/termsOfUse/agreements +", agreementWrites},
	{"terms-of-use-agreement", "create.required", "-displayName", agreementWrites},
	{"terms-of-use-agreement", "create.required", "-isViewingBeforeAcceptanceRequired", agreementWrites},
	{"terms-of-use-agreement", "create.required", "-files with fileData", agreementWrites},
	{"terms-of-use-agreement", "update.method", "-PATCH +", agreementWrites},
	{"terms-of-use-agreement", "update.path", "-identityGovernance/termsOfUse/agreements/{id} +", agreementWrites},
	{"terms-of-use-agreement", "delete.method", "-DELETE +", agreementWrites},
	{"terms-of-use-agreement", "delete.path", "-identityGovernance/termsOfUse/agreements/{id} +", agreementWrites},
	{"terms-of-use-agreement", "permissions.write", "-Agreement.ReadWrite.All", agreementWrites},

	// Windows 365.
	{"cloudpc-provisioning-policy", "strip.onCreate", "-onPremisesConnectionId when domainJoinConfigurations is present", "The hook leaves it out in that case."},
	{"cloudpc-provisioning-policy", "assign.itemKeys", "-target{@odata.type:#microsoft.graph.cloudPcManagementGroupAssignmentTarget, groupId, servicePlanId, allotmentDisplayName, allotmentLicensesCount}", "The target is sent whole, with all that it holds."},
	{"cloudpc-provisioning-policy cloudpc-user-setting", "assign.itemKeys", "+target", "The target is sent whole, with all that it holds."},
	{"cloudpc-provisioning-policy", "order.dependsOn", "-on-premises connection", "It is a condition of the tenant and no type."},
	{"cloudpc-provisioning-policy", "order.dependsOn", "-custom image", "It is a condition of the tenant and no type."},
	{"cloudpc-user-setting", "assign.itemKeys", "-target{@odata.type:#microsoft.graph.cloudPcManagementGroupAssignmentTarget, groupId}", "The target is sent whole, with all that it holds."},
}

// Reasons that several differences have.
const (
	settingsHook    = "Settings are a part of their own; the hook that puts them into a body drops it."
	certificateRead = "The path within the derived type is made for each policy, from its type and its navigation properties."
	ringPaused      = "Whether updates are paused is a state; the rule says the same of an update."
	applePayload    = "The derived types of the row have other members: an app configuration has no payload."
	pastDates       = "A row has no clock: PastDates names them, and a person decides."
	inWords         = "The rule says it in words."
	agreementWrites = "An application may not write terms of use; without calls none is tried, and what needs them is stopped."
	deviceWrites    = "A write would take a device from its owner; the type has none."
)
