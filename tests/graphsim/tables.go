package graphsim

// Services of Intune, as its errors name them. Those of deviceConfigurations and
// configurationPolicies were seen, the others are an assumption.
const (
	serviceConfiguration   = "DeviceConfiguration_2410/StatelessDeviceConfigurationFEService"
	serviceConfigurationV2 = "DeviceConfigV2_2410/StatelessDeviceConfigV2FEService"
	serviceGroupPolicy     = "GroupPolicyAdmin_2410/StatelessGroupPolicyAdminFEService"
	serviceIntent          = "DeviceIntent_2410/StatelessDeviceIntentFEService"
	serviceScripts         = "SideCar_2410/StatelessSideCarGatewayService"
	serviceRoles           = "RoleAdministration_2410/StatelessRoleAdministrationFEService"
	serviceNotification    = "DeviceConfiguration_2410/StatelessNotificationFEService"
	serviceEnrollment      = "DeviceEnrollmentFE_2410/StatelessDeviceEnrollmentFEService"
	serviceApps            = "AppLifecycle_2410/StatelessAppMetadataFEService"
	serviceManagedApps     = "MAMAdmin_2410/StatelessMAMAdminFEService"
	servicePolicySets      = "PolicySet_2410/StatelessPolicySetFEService"
)

const (
	deviceManagement    = "deviceManagement/"
	deviceAppManagement = "deviceAppManagement/"
	conditionalAccess   = "identity/conditionalAccess/"
)

// Children that many sets have in the same form.
var (
	assignmentsChild     = childSpec{name: "assignments", pageSize: 1000, maxTop: 1000, route: true}
	assignmentItemsChild = childSpec{name: "assignments", pageSize: 1000, maxTop: 1000, route: true, item: true}
	catalogSettingsChild = childSpec{name: "settings", pageSize: 25, maxTop: 1000, route: true}
	managedAppsChild     = childSpec{name: "apps", entityType: "managedMobileApp", pageSize: 1000, maxTop: 1000, route: true}
	appLockerChildren    = []childSpec{
		{name: "protectedAppLockerFiles", entityType: "windowsInformationProtectionAppLockerFile", pageSize: 1000, maxTop: 1000, route: true, item: true},
		{name: "exemptAppLockerFiles", entityType: "windowsInformationProtectionAppLockerFile", pageSize: 1000, maxTop: 1000, route: true, item: true},
	}
)

// managedAppSets are the typed sets whose objects managedAppPolicies shows too.
var managedAppSets = []string{
	deviceAppManagement + "iosManagedAppProtections",
	deviceAppManagement + "androidManagedAppProtections",
	deviceAppManagement + "windowsManagedAppProtections",
	deviceAppManagement + "mdmWindowsInformationProtectionPolicies",
	deviceAppManagement + "windowsInformationProtectionPolicies",
	deviceAppManagement + "defaultManagedAppProtections",
	deviceAppManagement + "targetedManagedAppConfigurations",
}

// table returns the rows. Page sizes: configurationPolicies and their settings
// come by 25 (IntuneAssignmentChecker#28, IntuneBackupAndRestore#88), and the sets
// of the same service are taken to do the same; for the others no size is
// documented, 1,000 is an assumption. $top is honoured to 100 for policies and to
// 1,000 for settings, a greater one is cut, which is one of the three things
// learn.microsoft.com/graph/paging allows.
//
// Permissions are the application permissions of each operation's reference page.
// Scripts need their own since July 2025 (Intune "What's new"; M365DSC PR 6110).
func table() []*collection {
	configurationRead := anyOf(PermConfigurationRead, PermConfigurationReadWrite)
	configurationWrite := anyOf(PermConfigurationReadWrite)
	scriptsRead, scriptsWrite := anyOf(PermScriptsRead, PermScriptsReadWrite), anyOf(PermScriptsReadWrite)
	rolesRead, rolesWrite := anyOf(PermRBACRead, PermRBACReadWrite), anyOf(PermRBACReadWrite)
	serviceRead, serviceWrite := anyOf(PermServiceConfigRead, PermServiceConfigReadWrite), anyOf(PermServiceConfigReadWrite)
	appsRead, appsWrite := anyOf(PermAppsRead, PermAppsReadWrite), anyOf(PermAppsReadWrite)
	cloudPCRead, cloudPCWrite := anyOf(PermCloudPCRead, PermCloudPCReadWrite), anyOf(PermCloudPCReadWrite)
	policyRead := anyOf(PermPolicyRead)
	accessWrite := needs{{PermPolicyRead, PermPolicyConditionalAccess}}

	rows := []*collection{
		{
			path: deviceManagement + "configurationPolicies", entityType: "deviceManagementConfigurationPolicy", nameProperty: "name",
			lane: LaneDeviceConfigV2, service: serviceConfigurationV2,
			pageSize: 25, maxTop: 100, cosmos: true, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				catalogSettingsChild,
				// msgraph-sdk-powershell#3337: expanded on one item the assignments
				// of endpoint security policies come back empty.
				{name: "assignments", pageSize: 1000, maxTop: 1000, route: true, hidden: isEndpointSecurity},
			},
			computed: computedAssigned, prepare: prepareConfigurationPolicy, rules: catalogRules(),
		},
		{
			path: deviceManagement + "deviceConfigurations", entityType: "deviceConfiguration", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceConfiguration,
			abstract: true, pageSize: 1000, maxTop: 1000, v1: true, read: configurationRead, write: configurationWrite,
			children: []childSpec{assignmentsChild},
			functions: []functionSpec{{
				name: "getOmaSettingPlainTextValue", param: "secretReferenceValueId",
				// Reading a secret needs the write permission: IntuneBackupAndRestore#55.
				need: anyOf(PermConfigurationReadWrite), call: omaPlainText,
			}},
			filters: []string{"id"}, prepare: prepareDeviceConfiguration, rules: deviceConfigurationRules(),
		},
		{
			path: deviceManagement + "deviceCompliancePolicies", entityType: "deviceCompliancePolicy", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceConfiguration,
			abstract: true, pageSize: 1000, maxTop: 1000, v1: true, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				assignmentsChild,
				// Metadata lists the route, the service has none: microsoft-graph-docs#4104.
				{name: "scheduledActionsForRule", entityType: "deviceComplianceScheduledActionForRule", kids: []childSpec{{name: "scheduledActionConfigurations"}}},
			},
			prepare: prepareCompliancePolicy, rules: complianceRules(),
		},
		{
			path: deviceManagement + "compliancePolicies", entityType: "deviceManagementCompliancePolicy", nameProperty: "name",
			lane: LaneDeviceConfigV2, service: serviceConfigurationV2,
			pageSize: 25, maxTop: 100, cosmos: true, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				catalogSettingsChild, assignmentsChild,
				// Here the route exists (terraform-provider-microsoft365, linux_device_compliance_policy).
				{name: "scheduledActionsForRule", entityType: "deviceManagementComplianceScheduledActionForRule", pageSize: 25, maxTop: 1000, route: true, kids: []childSpec{{name: "scheduledActionConfigurations"}}},
			},
			computed: computedAssigned, prepare: prepareLinuxCompliance, rules: linuxComplianceRules(),
		},
		{
			path: deviceManagement + "inventoryPolicies", entityType: "deviceManagementInventoryPolicy", nameProperty: "name",
			lane: LaneDeviceConfigV2, service: serviceConfigurationV2,
			pageSize: 25, maxTop: 100, cosmos: true, read: configurationRead, write: configurationWrite,
			children: []childSpec{catalogSettingsChild, assignmentsChild},
			computed: computedAssigned, prepare: prepareInventoryPolicy, rules: inventoryRules(),
		},
		{
			path: deviceManagement + "groupPolicyConfigurations", entityType: "groupPolicyConfiguration", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceGroupPolicy,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				assignmentsChild,
				{
					name: "definitionValues", entityType: "groupPolicyDefinitionValue", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone,
					refs: []refSpec{{name: "definition", target: definitionsPath}},
					kids: []childSpec{{
						name: "presentationValues", entityType: "groupPolicyPresentationValue", pageSize: 1000, maxTop: 1000, route: true, expand: expandNone,
						refs: []refSpec{{name: "presentation", target: definitionsPath, within: "presentations"}},
					}},
				},
			},
			// IntuneManagement, lines 2979-2984: the item may answer "unknown", the list
			// is right. Here the item always does.
			onItem: func(_ *tenant, o object) object {
				return o.with("policyConfigurationIngestionType", quote("unknown"))
			},
			filters: []string{"id"}, prepare: prepareGroupPolicy, rules: groupPolicyRules(),
		},
		{
			path: definitionFilesPath, entityType: "groupPolicyUploadedDefinitionFile", nameProperty: "fileName",
			lane: LaneDeviceConfiguration, service: serviceGroupPolicy,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				{name: "groupPolicyOperations", pageSize: 1000, maxTop: 1000, route: true, expand: expandItem},
				{name: "definitions", pageSize: 1000, maxTop: 1000, route: true, expand: expandNone, from: definitionsOfFile},
			},
			prepare: prepareDefinitionFile, rules: definitionFileRules(),
		},
		{
			path: definitionsPath, entityType: "groupPolicyDefinition", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceGroupPolicy,
			pageSize: 1000, maxTop: 1000, read: configurationRead, shared: true, fixed: true,
			children: []childSpec{{name: "presentations", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone}},
			filters:  []string{"displayName", "classType", "categoryPath"},
		},
		{
			path: categoriesPath, entityType: "groupPolicyCategory", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceGroupPolicy,
			pageSize: 1000, maxTop: 1000, read: configurationRead, shared: true, fixed: true,
			children: []childSpec{{name: "definitions", pageSize: 1000, maxTop: 1000, route: true, selects: true, from: definitionsOfCategory}},
			filters:  []string{"ingestionSource"},
		},
		{
			path: deviceManagement + "intents", entityType: "deviceManagementIntent", nameProperty: "displayName",
			lane: LaneDeviceIntent, service: serviceIntent,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite,
			children: []childSpec{
				assignmentsChild,
				{name: "settings", entityType: "deviceManagementSettingInstance", abstract: true, pageSize: 1000, maxTop: 1000, route: true, expand: expandNone},
				{
					name: "categories", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone, from: categoriesOfIntent,
					kids: []childSpec{{name: "settings", pageSize: 1000, maxTop: 1000, route: true, expand: expandNone}},
				},
			},
			live: liveAssigned, prepare: prepareIntent, rules: intentRules(),
		},
		{
			path: templatesPath, entityType: "deviceManagementTemplate", nameProperty: "displayName",
			lane: LaneDeviceIntent, service: serviceIntent,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite, shared: true,
			children: []childSpec{{name: "categories", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone, from: categoriesOfTemplate}},
			rules:    templateRules(),
		},
		script("deviceManagementScripts", "deviceManagementScript", scriptsRead, scriptsWrite, scriptRules("deviceManagementScriptAssignments"), "scriptContent"),
		script("deviceHealthScripts", "deviceHealthScript", scriptsRead, scriptsWrite, healthScriptRules(), "detectionScriptContent", "remediationScriptContent"),
		script("deviceShellScripts", "deviceShellScript", scriptsRead, scriptsWrite, scriptRules("deviceManagementScriptAssignments"), "scriptContent"),
		script("deviceCustomAttributeShellScripts", "deviceCustomAttributeShellScript", scriptsRead, scriptsWrite, customAttributeRules(), "scriptContent"),
		script("deviceComplianceScripts", "deviceComplianceScript", scriptsRead, scriptsWrite, complianceScriptRules(), "detectionScriptContent"),
		{
			path: reusablePath, entityType: "deviceManagementReusablePolicySetting", nameProperty: "displayName",
			lane: LaneDeviceConfigV2, service: serviceConfigurationV2,
			pageSize: 1000, maxTop: 1000, write: configurationWrite,
			read:         anyOf(PermConfigurationRead, PermConfigurationReadWrite, PermEndpointSecurityRead, PermEndpointSecurityReadWrite),
			onlySelected: []string{"settingInstance"}, live: map[string]func(*tenant, *entity) jsonText{"referencingConfigurationPolicyCount": referencingCount},
			children: []childSpec{{name: "referencingConfigurationPolicies", pageSize: 1000, maxTop: 1000, route: true, expand: expandNone, from: referencingPolicies}},
			prepare:  prepareReusable, rules: reusableRules(),
		},
		{
			path: filtersPath, entityType: "deviceAndAppManagementAssignmentFilter", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceConfiguration,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite,
			prepare: prepareFilter, rules: filterRules(),
		},
		{
			path: scopeTagsPath, entityType: "roleScopeTag", nameProperty: "displayName",
			lane: LaneRBAC, service: serviceRoles,
			pageSize: 1000, maxTop: 1000, write: rolesWrite,
			read: anyOf(PermRBACRead, PermRBACReadWrite, PermConfigurationRead, PermConfigurationReadWrite),
			// Expanded on the list the assignments are there and always empty.
			children: []childSpec{{name: "assignments", pageSize: 1000, maxTop: 1000, route: true, emptyInList: true}},
			filters:  []string{"isBuiltIn"}, prepare: prepareScopeTag, rules: scopeTagRules(),
		},
		{
			path: rolesPath, entityType: "roleDefinition", nameProperty: "displayName",
			lane: LaneRBAC, service: serviceRoles,
			pageSize: 1000, maxTop: 1000, v1: true, read: rolesRead, write: rolesWrite,
			children: []childSpec{{name: "roleAssignments", pageSize: 1000, maxTop: 1000, route: true, from: assignmentsOfRole}},
			filters:  []string{"isBuiltIn"}, prepare: prepareRole, rules: roleRules(),
		},
		{
			path: roleAssignmentsPath, entityType: "deviceAndAppManagementRoleAssignment", nameProperty: "displayName",
			lane: LaneRBAC, service: serviceRoles,
			pageSize: 1000, maxTop: 1000, v1: true, read: rolesRead, write: rolesWrite,
			refs: []refSpec{
				{name: "roleDefinition", target: rolesPath, route: true, expand: expandItem},
				{name: "roleScopeTags", target: scopeTagsPath, many: true, route: true, expand: expandItem, cast: "deviceAndAppManagementRoleAssignment"},
			},
			prepare: prepareRoleAssignment, rules: roleAssignmentRules(),
		},
		{
			path: notificationsPath, entityType: "notificationMessageTemplate", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceNotification,
			pageSize: 1000, maxTop: 1000, v1: true, read: serviceRead, write: serviceWrite,
			children: []childSpec{{name: "localizedNotificationMessages", entityType: "localizedNotificationMessage", pageSize: 1000, maxTop: 1000, route: true, item: true}},
			prepare:  prepareNotification, rules: notificationRules(),
		},
		{
			path: deviceManagement + "hardwareConfigurations", entityType: "hardwareConfiguration", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: serviceConfiguration,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite,
			children: []childSpec{assignmentsChild}, prepare: prepareVersion, rules: hardwareRules(),
		},
		{
			path: enrollmentPath, entityType: "deviceEnrollmentConfiguration", nameProperty: "displayName",
			lane: LaneEnrollment, service: serviceEnrollment,
			abstract: true, pageSize: 1000, maxTop: 1000, v1: true, read: serviceRead, write: serviceWrite,
			children: []childSpec{assignmentsChild},
			filters:  []string{"deviceEnrollmentConfigurationType"}, orderBy: []string{"priority"},
			prepare: prepareEnrollment, rules: enrollmentRules(),
		},
		{
			path: deviceManagement + "windowsAutopilotDeploymentProfiles", entityType: "windowsAutopilotDeploymentProfile", nameProperty: "displayName",
			lane: LaneEnrollment, service: serviceEnrollment,
			abstract: true, pageSize: 1000, maxTop: 1000, read: serviceRead, write: serviceWrite,
			children: []childSpec{assignmentItemsChild}, prepare: prepareAutopilot, rules: autopilotRules(),
		},
		{
			path: deviceManagement + "windowsAutopilotDeviceIdentities", entityType: "windowsAutopilotDeviceIdentity", nameProperty: "serialNumber",
			lane: LaneEnrollment, service: serviceEnrollment,
			pageSize: 1000, maxTop: 1000, v1: true, read: serviceRead, write: serviceWrite, fixed: true,
		},
		{
			path: deviceManagement + "termsAndConditions", entityType: "termsAndConditions", nameProperty: "displayName",
			lane: LaneEnrollment, service: serviceEnrollment,
			pageSize: 1000, maxTop: 1000, v1: true, read: serviceRead, write: serviceWrite,
			// $expand=assignments is not supported for this type.
			children: []childSpec{{name: "assignments", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone}},
			prepare:  prepareVersion, rules: termsRules(),
		},
		{
			path: deviceManagement + "deviceCategories", entityType: "deviceCategory", nameProperty: "displayName",
			lane: LaneEnrollment, service: serviceEnrollment,
			pageSize: 1000, maxTop: 1000, v1: true,
			read: anyOf(PermManagedDevicesRead, PermManagedDevicesReadWrite), write: anyOf(PermManagedDevicesReadWrite),
			prepare: prepareCategory, rules: plainRules(),
		},
		{
			path: brandingPath, entityType: "intuneBrandingProfile", nameProperty: "profileName",
			lane: LaneApplications, service: serviceApps,
			pageSize: 1000, maxTop: 1000, read: appsRead, write: appsWrite,
			children: []childSpec{assignmentsChild},
			images:   []string{"themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage"},
			prepare:  prepareBranding, rules: brandingRules(),
		},
		update("windowsFeatureUpdateProfiles", "windowsFeatureUpdateProfile", configurationRead, configurationWrite, featureUpdateRules()),
		update("windowsQualityUpdateProfiles", "windowsQualityUpdateProfile", configurationRead, configurationWrite, qualityUpdateRules()),
		update("windowsQualityUpdatePolicies", "windowsQualityUpdatePolicy", configurationRead, configurationWrite, updateRules()),
		update("windowsDriverUpdateProfiles", "windowsDriverUpdateProfile", configurationRead, configurationWrite, driverUpdateRules(),
			childSpec{name: "driverInventories", pageSize: 1000, maxTop: 1000, route: true, expand: expandNone}),
		{
			path: deviceManagement + "appleUserInitiatedEnrollmentProfiles", entityType: "appleUserInitiatedEnrollmentProfile", nameProperty: "displayName",
			lane: LaneEnrollment, service: serviceEnrollment,
			pageSize: 1000, maxTop: 1000, read: serviceRead, write: serviceWrite,
			children: []childSpec{assignmentItemsChild}, prepare: prepareAppleEnrollment, rules: appleEnrollmentRules(),
		},
		{
			path: depPath, entityType: "depOnboardingSetting", nameProperty: "tokenName",
			lane: LaneEnrollment, service: serviceEnrollment,
			pageSize: 1000, maxTop: 1000, read: serviceRead, write: serviceWrite,
			children: []childSpec{{name: "enrollmentProfiles", entityType: "enrollmentProfile", pageSize: 1000, maxTop: 1000, route: true, item: true, expand: expandNone}},
			refs: []refSpec{
				{name: "defaultIosEnrollmentProfile", target: depPath, within: "enrollmentProfiles", expand: expandItem, route: true},
				{name: "defaultMacOsEnrollmentProfile", target: depPath, within: "enrollmentProfiles", expand: expandItem, route: true},
			},
			prepare: prepareDep, rules: depRules(),
		},
		{
			path: appsPath, entityType: "mobileApp", nameProperty: "displayName",
			lane: LaneApplications, service: serviceApps,
			abstract: true, pageSize: 1000, maxTop: 999, v1: true, read: appsRead, write: appsWrite,
			nullInList: []string{"largeIcon"}, emptyInList: []string{"roleScopeTagIds"}, live: liveAssigned,
			children: []childSpec{
				assignmentsChild,
				{name: "relationships", entityType: "mobileAppRelationship", abstract: true, pageSize: 1000, maxTop: 1000, route: true, expand: expandNone, from: relationshipsOfApp},
			},
			refs: []refSpec{{name: "categories", target: appCategoriesPath, many: true, route: true}},
			filters: []string{"isAssigned", "microsoft.graph.managedApp/appAvailability",
				"microsoft.graph.androidManagedStoreApp/appIdentifier", "displayName"},
			orderBy: []string{"displayName"},
			prepare: prepareApp, rules: appRules(),
		},
		{
			path: appCategoriesPath, entityType: "mobileAppCategory", nameProperty: "displayName",
			lane: LaneApplications, service: serviceApps,
			pageSize: 1000, maxTop: 1000, v1: true, read: appsRead, write: appsWrite,
			prepare: prepareAppCategory, rules: appCategoryRules(),
		},
		managedApp("iosManagedAppProtections", "iosManagedAppProtection", appsRead, appsWrite, managedAppRules("targetedManagedAppProtection", 204, true), managedAppsChild, assignmentsChild),
		managedApp("androidManagedAppProtections", "androidManagedAppProtection", appsRead, appsWrite, managedAppRules("targetedManagedAppProtection", 204, true), managedAppsChild, assignmentsChild),
		managedApp("windowsManagedAppProtections", "windowsManagedAppProtection", appsRead, appsWrite, managedAppRules("", 204, false), managedAppsChild, assignmentsChild),
		managedApp("mdmWindowsInformationProtectionPolicies", "mdmWindowsInformationProtectionPolicy", appsRead, appsWrite, protectionRules(204), append(appLockerChildren[:2:2], assignmentsChild)...),
		managedApp("windowsInformationProtectionPolicies", "windowsInformationProtectionPolicy", appsRead, appsWrite, protectionRules(200), append(appLockerChildren[:2:2], assignmentsChild)...),
		managedApp("defaultManagedAppProtections", "defaultManagedAppProtection", appsRead, appsWrite, plainRules(), managedAppsChild),
		managedApp("targetedManagedAppConfigurations", "targetedManagedAppConfiguration", appsRead, appsWrite, targetedConfigurationRules(), managedAppsChild, assignmentsChild,
			childSpec{name: "settings", entityType: "deviceManagementConfigurationSetting", pageSize: 25, maxTop: 1000, route: true, expand: expandItem}),
		{
			path: deviceAppManagement + "managedAppPolicies", entityType: "managedAppPolicy", nameProperty: "displayName",
			lane: LaneManagedApplications, service: serviceManagedApps,
			abstract: true, pageSize: 1000, maxTop: 1000, v1: true, read: appsRead, write: appsWrite, view: managedAppSets,
			rules: aggregateRules(),
		},
		{
			path: deviceAppManagement + "mobileAppConfigurations", entityType: "managedDeviceMobileAppConfiguration", nameProperty: "displayName",
			lane: LaneApplications, service: serviceApps,
			abstract: true, pageSize: 1000, maxTop: 1000, v1: true, read: appsRead, write: appsWrite,
			children: []childSpec{assignmentsChild}, casts: []string{"managedDeviceMobileAppConfiguration"},
			filters: []string{"microsoft.graph.androidManagedStoreAppConfiguration/appSupportsOemConfig"},
			prepare: prepareVersion, rules: appConfigurationRules(),
		},
		{
			path: policySetsPath, entityType: "policySet", nameProperty: "displayName",
			lane: LaneApplications, service: servicePolicySets,
			pageSize: 1000, maxTop: 1000, read: configurationRead, write: configurationWrite, noListExpand: true,
			children: []childSpec{
				// Neither is routed: expand on the item is the only way.
				{name: "assignments", expand: expandItem},
				{name: "items", entityType: "policySetItem", abstract: true, expand: expandItem},
			},
			prepare: preparePolicySet, rules: policySetRules(),
		},
		{
			path: deviceManagement + "virtualEndpoint/provisioningPolicies", entityType: "cloudPcProvisioningPolicy", nameProperty: "displayName",
			lane: LaneCloudPC, pageSize: 1000, maxTop: 1000, read: cloudPCRead, write: cloudPCWrite, selectStar: true, v1: true,
			children: []childSpec{assignmentsChild}, prepare: prepareCloudPC, rules: provisioningRules(),
		},
		{
			path: deviceManagement + "virtualEndpoint/userSettings", entityType: "cloudPcUserSetting", nameProperty: "displayName",
			lane: LaneCloudPC, pageSize: 1000, maxTop: 1000, read: cloudPCRead, write: cloudPCWrite, selectStar: true, v1: true,
			children: []childSpec{assignmentsChild}, prepare: prepareCloudPC, rules: cloudPCRules(),
		},
		{
			path: accessPath, entityType: "conditionalAccessPolicy", nameProperty: "displayName",
			lane: LaneConditionalAccess, pageSize: 1000, maxTop: 1000, v1: true, read: policyRead, write: accessWrite,
			prepare: prepareEntra, rules: accessRules(),
		},
		{
			path: deletedAccessPath, entityType: "conditionalAccessPolicy", nameProperty: "displayName",
			lane: LaneConditionalAccess, pageSize: 1000, maxTop: 1000, v1: true, read: policyRead, write: accessWrite,
			prepare: prepareEntra, rules: deletedAccessRules(),
		},
		{
			path: locationsPath, entityType: "namedLocation", nameProperty: "displayName",
			lane: LaneConditionalAccess, pageSize: 1000, maxTop: 1000, v1: true, abstract: true, read: policyRead, write: accessWrite,
			prepare: prepareEntra, rules: locationRules(),
		},
		{
			path: strengthsPath, aliases: []string{conditionalAccess + "authenticationStrengths/policies", "policies/authenticationStrengthPolicies"},
			entityType: "authenticationStrengthPolicy", nameProperty: "displayName",
			lane: LaneDirectory, pageSize: 1000, maxTop: 1000, v1: true, read: policyRead,
			write:    anyOf(PermPolicyAuthenticationMethod, PermPolicyConditionalAccess),
			children: []childSpec{{name: "combinationConfigurations", entityType: "authenticationCombinationConfiguration", abstract: true, pageSize: 1000, maxTop: 1000, route: true, item: true, inline: true}},
			prepare:  prepareStrength, rules: strengthRules(),
		},
		{
			path: contextsPath, entityType: "authenticationContextClassReference", nameProperty: "displayName",
			lane: LaneDirectory, pageSize: 1000, maxTop: 1000, v1: true,
			read:    anyOf(PermPolicyReadConditionalAccess, PermPolicyRead, PermAuthenticationContextReadWrite),
			write:   anyOf(PermAuthenticationContextReadWrite, PermPolicyConditionalAccess),
			prepare: prepareNothing, rules: contextRules(),
		},
		{
			path: agreementsPath, aliases: []string{"agreements"}, entityType: "agreement", nameProperty: "displayName",
			lane: LaneDirectory, pageSize: 1000, maxTop: 1000, v1: true,
			read: anyOf(PermAgreementRead, PermAgreementReadWrite), write: anyOf(PermAgreementReadWrite),
			children: []childSpec{{name: "files", pageSize: 1000, maxTop: 1000, route: true, item: true}},
			prepare:  prepareAgreement, rules: agreementRules(),
		},
		{
			path: groupsPath, entityType: "group", nameProperty: "displayName",
			lane: LaneDirectory, pageSize: 100, maxTop: 999, v1: true, fixed: true,
			read:    anyOf(PermGroupMemberRead, PermGroupRead),
			filters: []string{"displayName", "id"}, prepare: prepareGroup,
		},
	}
	return rows
}

// Paths of sets that others refer to.
const (
	definitionsPath     = deviceManagement + "groupPolicyDefinitions"
	definitionFilesPath = deviceManagement + "groupPolicyUploadedDefinitionFiles"
	categoriesPath      = deviceManagement + "groupPolicyCategories"
	templatesPath       = deviceManagement + "templates"
	intentsPath         = deviceManagement + "intents"
	catalogPath         = deviceManagement + "configurationPolicies"
	linuxPath           = deviceManagement + "compliancePolicies"
	configurationsPath  = deviceManagement + "deviceConfigurations"
	reusablePath        = deviceManagement + "reusablePolicySettings"
	filtersPath         = deviceManagement + "assignmentFilters"
	scopeTagsPath       = deviceManagement + "roleScopeTags"
	rolesPath           = deviceManagement + "roleDefinitions"
	roleAssignmentsPath = deviceManagement + "roleAssignments"
	notificationsPath   = deviceManagement + "notificationMessageTemplates"
	enrollmentPath      = deviceManagement + "deviceEnrollmentConfigurations"
	brandingPath        = deviceManagement + "intuneBrandingProfiles"
	depPath             = deviceManagement + "depOnboardingSettings"
	policySetsPath      = deviceAppManagement + "policySets"
	appsPath            = deviceAppManagement + "mobileApps"
	appCategoriesPath   = deviceAppManagement + "mobileAppCategories"
	accessPath          = conditionalAccess + "policies"
	deletedAccessPath   = conditionalAccess + "deletedItems/policies"
	locationsPath       = conditionalAccess + "namedLocations"
	strengthsPath       = conditionalAccess + "authenticationStrength/policies"
	contextsPath        = conditionalAccess + "authenticationContextClassReferences"
	agreementsPath      = "identityGovernance/termsOfUse/agreements"
	groupsPath          = "groups"
)

// script is a row of one of the script sets: their content is null in lists.
func script(name, entityType string, read, write needs, rules *writeRules, content ...string) *collection {
	c := &collection{
		path: deviceManagement + name, entityType: entityType, nameProperty: "displayName",
		lane: LaneDeviceConfiguration, service: serviceScripts,
		pageSize: 1000, maxTop: 1000, read: read, write: write, nullInList: content,
		children: []childSpec{assignmentsChild}, prepare: prepareScript, rules: rules,
	}
	if name == "deviceHealthScripts" {
		// Reported to have no effect.
		c.filterIgnored = []string{"isGlobalScript"}
	}
	return c
}

// update is a row of one of the Windows update sets.
func update(name, entityType string, read, write needs, rules *writeRules, more ...childSpec) *collection {
	return &collection{
		path: deviceManagement + name, entityType: entityType, nameProperty: "displayName",
		lane: LaneDeviceConfiguration, service: serviceConfiguration,
		pageSize: 200, maxTop: 200, read: read, write: write,
		children: append([]childSpec{assignmentsChild}, more...), prepare: prepareNothing, rules: rules,
	}
}

// managedApp is a row of one of the typed app protection and configuration sets.
// Reading through them omits @odata.type.
func managedApp(name, entityType string, read, write needs, rules *writeRules, children ...childSpec) *collection {
	c := &collection{
		path: deviceAppManagement + name, entityType: entityType, nameProperty: "displayName",
		lane: LaneManagedApplications, service: serviceManagedApps,
		pageSize: 1000, maxTop: 1000, v1: true, read: read, write: write, children: children,
		casts: []string{"managedAppProtection", "targetedManagedAppProtection", "windowsInformationProtection", "managedAppConfiguration", "managedAppPolicy"},
		live:  map[string]func(*tenant, *entity) jsonText{}, prepare: prepareManagedApp, rules: rules,
	}
	for _, child := range children {
		switch child.name {
		case "assignments":
			c.live["isAssigned"] = isAssigned
		case "apps":
			c.live["deployedAppCount"] = deployedAppCount
		}
	}
	return c
}
