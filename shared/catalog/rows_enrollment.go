package catalog

import "slices"

// The permissions of enrolment (learn.microsoft.com/graph/permissions-reference). A
// read with DeviceManagementConfiguration.Read.All alone is refused
// (IntuneAssignmentChecker#73).
var (
	serviceConfigRead  = []string{"DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All"}
	serviceConfigWrite = []string{"DeviceManagementServiceConfig.ReadWrite.All"}
)

const enrollmentConfigurations = "deviceManagement/deviceEnrollmentConfigurations"

// enrollmentDefaults are the objects that exist in every tenant. Their ids are the
// Intune account and one of these, and all share one name and priority 0. The last
// one is inferred from the metadata.
var enrollmentDefaults = BuiltIn{
	Property: "id", Writable: true,
	Suffixes: []string{"_DefaultLimit", "_DefaultPlatformRestrictions", "_DefaultWindows10EnrollmentCompletionPageConfiguration", "_WindowsRestore", "_DefaultWindowsHelloForBusiness"},
}

// enrollmentStrip is set by the service, or by a call of its own.
var enrollmentStrip = []string{"version", "priority", "deviceEnrollmentConfigurationType"}

// enrollmentConfiguration is an object of the collection that holds all families of
// enrolment: one derived type for each. A new object gets the last priority; the
// captured one is set at the end.
func enrollmentConfiguration(odataType string) Type {
	return Type{
		Family: FamilyEnrollment, Collection: enrollmentConfigurations, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"@odata.type", "displayName"},
		Members: Members{ODataTypes: []string{odataType}}, BuiltIn: enrollmentDefaults, Hidden: enrollmentAggregate,
		// One provider states that notifications cannot be expanded.
		Parts: []Part{object(enrollmentConfigurations, ""), assignmentsOf(enrollmentConfigurations)},
		// The kind of one and the same default is reported in two ways, as the list
		// was filtered; @odata.type says it.
		Volatile:   []string{"object.deviceEnrollmentConfigurationType"},
		Strip:      Strip{Create: enrollmentStrip, Update: enrollmentStrip},
		CreateCall: Call{Method: "POST", Path: enrollmentConfigurations, Required: []string{"@odata.type", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: enrollmentConfigurations + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: enrollmentConfigurations + "/{id}"},
		// POST and DELETE on /assignments are not routed (Microsoft365DSC#3892).
		Assign:   assignTo(enrollmentConfigurations, "enrollmentConfigurationAssignments", Unknown, "group"),
		Creation: priorityLast, Wanted: enrollmentWanted, Updating: enrollmentUpdating, Apart: []string{"object.priority"}, Place: "priority",
		Rank: 50, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: serviceConfigRead, WritePermissions: serviceConfigWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

// enrollmentSingleton is the tenant's one object of a family. It applies to
// everyone: it is changed in place and has no priority and no targets.
func enrollmentSingleton(odataType string) Type {
	return with(enrollmentConfiguration(odataType), func(t *Type) {
		t.Identity = []string{"@odata.type"}
		t.BuiltIn.Only = true
		t.CreateCall, t.DeleteCall, t.Assign, t.Creation = Call{}, Call{}, Assign{}, nil
		t.DependsOn = nil
	})
}

const autopilotProfiles = "deviceManagement/windowsAutopilotDeploymentProfiles"

// autopilotOldShape are read-only members that repeat newer ones.
var autopilotOldShape = []string{"enableWhiteGlove", "extractHardwareHash", "language", "outOfBoxExperienceSettings"}

const appleProfiles = "deviceManagement/appleUserInitiatedEnrollmentProfiles"

const (
	depTokens   = "deviceManagement/depOnboardingSettings"
	depProfiles = depTokens + "/{parent}/enrollmentProfiles"
)

const autopilotDevices = "deviceManagement/windowsAutopilotDeviceIdentities"

// assignOneByOne has no action that takes a list: one POST for each target, one
// DELETE for each that is to go.
func assignOneByOne(collection string, filters Tri, targets ...string) Assign {
	return Assign{Path: collection + "/{id}/assignments", BodyKey: "target", ItemKeys: []string{"target"}, Targets: targets, Filters: filters}
}

var enrollmentRows = []Type{
	with(enrollmentSingleton("deviceEnrollmentPlatformRestrictionsConfiguration"), func(t *Type) {
		t.ID, t.Title, t.Plural = "enrollment-platform-restrictions-default", "Default platform restrictions", "Enrollment configurations"
		t.DependsOn = []string{TypeScopeTag}
		// Windows Phone can no longer be set.
		t.Volatile = append(t.Volatile, "object.windowsMobileRestriction")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "windowsMobileRestriction")
		t.Restorability.Reason = "The tenant's own default is changed in place; it is never created."
	}),
	with(enrollmentConfiguration("deviceEnrollmentPlatformRestrictionConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-single-platform-restriction", "Platform restriction"
		t.PlatformProperty = "platformType"
		t.Identity = []string{"@odata.type", "platformType", "displayName"}
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "platformType", "platformRestriction")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "platformType")
		t.Fixed = []string{"platformType"}
		t.Assign.Filters = Yes
		t.Restorability.Reason = "A restriction that blocks a platform is dangerous when its groups cannot be found."
	}),
	with(enrollmentConfiguration("deviceEnrollmentLimitConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-limit", "Device limit"
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "limit")
		t.Restorability.Reason = "The tenant's default limit is changed in place."
	}),
	with(enrollmentSingleton("deviceEnrollmentWindowsHelloForBusinessConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-windows-hello", "Windows Hello for Business"
		t.Wanted = helloWanted
		// A create is documented and refused in public reports.
		t.Restorability.Reason = "The tenant's own setting is changed in place; it is never created."
	}),
	with(enrollmentConfiguration("windows10EnrollmentCompletionPageConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-status-page", "Enrollment status page"
		t.FixedPlatform = "windows10"
		t.References = []Reference{{"object.selectedMobileAppIds[]", TypeApp}}
		t.Unordered = []string{"object.selectedMobileAppIds"}
		t.Assign.Targets, t.Assign.Filters = []string{"group", "allDevices", "allLicensedUsers"}, Yes
		t.Creation, t.Updating = statusPageCreation, statusPageUpdating
		t.Rank, t.DependsOn = 60, []string{TypeScopeTag, TypeFilter, TypeApp}
		t.Restorability.Reason = "When every app that it waits for exists. The tenant's default page is changed in place."
	}),
	with(enrollmentConfiguration("deviceEnrollmentNotificationConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-notification", "Enrollment notification"
		t.PlatformProperty = "platformType"
		t.Identity = []string{"@odata.type", "platformType", "displayName"}
		t.Parts = append(t.Parts, enrollmentTemplates)
		// What the object itself says of brand and language is not kept by a
		// create; the templates say it.
		t.Volatile = append(t.Volatile, "object.templateType", "object.notificationMessageTemplateId", "object.brandingOptions", "object.defaultLocale",
			"templates{}.id", "templates{}.lastModifiedDateTime", "templates{}.roleScopeTagIds",
			"templates{}.localizedNotificationMessages[].id", "templates{}.localizedNotificationMessages[].lastModifiedDateTime")
		t.Unordered = []string{"object.notificationTemplates", "templates{}.localizedNotificationMessages"}
		t.Normalize = channelNames
		t.Strip.Create = append(slices.Clone(t.Strip.Create), "templateType", "notificationMessageTemplateId", "brandingOptions", "defaultLocale")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "platformType", "templateType", "notificationMessageTemplateId", "notificationTemplates")
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "platformType", "notificationTemplates")
		t.Assign.Targets = []string{"group", "allLicensedUsers"}
		t.Creation, t.Updating = enrollmentNotificationCreation, enrollmentNotificationUpdating
		t.Fixed = []string{"platformType"}
		t.Apart = append(t.Apart, "object.notificationTemplates", enrollmentTemplates.Name)
		t.Rank, t.DependsOn = 55, []string{TypeScopeTag, TypeFilter, "intune-branding-profile"}
	}),
	with(enrollmentConfiguration("deviceComanagementAuthorityConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-comanagement", "Co-management settings"
		t.FixedPlatform = "windows10"
		t.Secrets = []Secret{{Where: "object.configurationManagerAgentCommandLineArgument", Reason: "The command line may carry a registration token in clear.", Restorable: true}}
		t.DependsOn = []string{TypeFilter}
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "No public source shows that Microsoft accepts writes of this kind."}
	}),
	with(enrollmentSingleton("windowsRestoreDeviceEnrollmentConfiguration"), func(t *Type) {
		t.ID, t.Title = "enrollment-windows-restore", "Windows Backup and Restore"
		t.FixedPlatform = "windows10"
		t.Parts = []Part{object(enrollmentConfigurations, "")}
		t.Strip = Strip{}
		t.UpdateCall.Only = []string{"@odata.type", "state"}
		t.Restorability.Reason = "The tenant's own setting is changed in place; it is never created."
	}),
	{
		ID: "autopilot-deployment-profile", Title: "Windows Autopilot deployment profile",
		Family: FamilyEnrollment, Collection: autopilotProfiles, APIVersion: "beta",
		NameProperty: "displayName", PlatformProperty: "deviceType", Identity: []string{"@odata.type", "displayName"},
		Parts:    []Part{object(autopilotProfiles, ""), assignmentsOf(autopilotProfiles)},
		Volatile: prefixed("object.", autopilotOldShape),
		Strip: Strip{
			Create: append([]string{"assignedDevices"}, autopilotOldShape...),
			Update: append([]string{"assignedDevices", "deviceType", "hybridAzureADJoinSkipConnectivityCheck", "managementServiceAppId"}, autopilotOldShape...),
		},
		CreateCall: Call{Method: "POST", Path: autopilotProfiles, Required: []string{"@odata.type", "displayName", "outOfBoxExperienceSetting", "deviceType"}},
		UpdateCall: Call{Method: "PATCH", Path: autopilotProfiles + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: autopilotProfiles + "/{id}"},
		// The assign action takes devices, not groups.
		Assign:    assignOneByOne(autopilotProfiles, No, "group", "exclusionGroup", "allDevices"),
		Normalize: autopilotNormal, Creation: autopilotCreation, Wanted: autopilotWanted, Updating: autopilotUpdating,
		Fixed: []string{"deviceType", "hybridAzureADJoinSkipConnectivityCheck"},
		Rank:  55, DependsOn: []string{TypeScopeTag},
		ReadPermissions: serviceConfigRead, WritePermissions: serviceConfigWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "Microsoft refuses some characters in the name of a new profile, a hyphen for example."},
	},
	{
		ID: "apple-user-initiated-enrollment-profile", Title: "Apple enrollment type profile",
		Family: FamilyEnrollment, Collection: appleProfiles, APIVersion: "beta",
		NameProperty: "displayName", PlatformProperty: "platform", Identity: []string{"platform", "displayName"},
		Parts:      []Part{object(appleProfiles, ""), assignmentsOf(appleProfiles)},
		Strip:      Strip{Create: []string{"priority"}, Update: []string{"platform", "priority"}},
		CreateCall: Call{Method: "POST", Path: appleProfiles, Required: []string{"displayName", "platform"}},
		UpdateCall: Call{Method: "PATCH", Path: appleProfiles + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: appleProfiles + "/{id}"},
		Assign:     assignOneByOne(appleProfiles, Unknown, "group", "allLicensedUsers", "allDevices"),
		Creation:   priorityLast,
		Rank:       55, DependsOn: []string{TypeFilter},
		ReadPermissions: serviceConfigRead, WritePermissions: serviceConfigWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: PreviewOnly, Reason: "It needs the tenant's own Apple push certificate, and no public source shows that Microsoft accepts its writes."},
	},
	{
		ID: "dep-enrollment-profile", Title: "Apple automated enrollment profile",
		Family: FamilyEnrollment, Collection: depProfiles, Parent: depTokens, APIVersion: "beta",
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"token.appleIdentifier", "@odata.type", "displayName"},
		Parts: []Part{
			object(depProfiles, ""),
			// For people, and for whoever looks for the same token in another tenant.
			// Profiles of Apple Configurator lie below an id that is no token.
			{Name: "token", Path: depTokens + "/{parent}", Absent404: true, UnreadableCode: unreadablePart},
		},
		Secrets:    []Secret{{Where: "object.adminAccountPassword", Reason: "Microsoft never gives out the password of the local administrator."}},
		Unreadable: depPassword,
		References: []Reference{{"object.enrollmentTimeAzureAdGroupIds[]", TypeGroup}},
		// A token is renewed every year and synced every day.
		Volatile:  []string{"token", "object.configurationEndpointUrl"},
		Unordered: []string{"object.enabledSkipKeys", "object.enrollmentTimeAzureAdGroupIds"},
		Strip: Strip{
			// A password that is sent as null is cleared on the devices.
			Create: []string{"configurationEndpointUrl", "isDefault", "adminAccountPassword"},
			Update: []string{"configurationEndpointUrl", "isDefault", "adminAccountPassword"},
		},
		CreateCall: Call{Method: "POST", Path: depProfiles, Required: []string{"@odata.type", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: depProfiles + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: depProfiles + "/{id}"},
		Creation:   depCreation, Unwritten: []string{"object.isDefault"},
		Rank: 55, DependsOn: []string{TypeGroup},
		ReadPermissions: serviceConfigRead, WritePermissions: serviceConfigWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: PreviewOnly, Reason: "It needs the matching Apple token in the tenant. The password of a local administrator must be entered by hand, and which profile is the default is for a person to set."},
	},
	{
		ID: "autopilot-device-identity", Title: "Windows Autopilot device",
		Family: FamilyEnrollment, Collection: autopilotDevices, APIVersion: "beta", ListQuery: "$top=999",
		NameProperty: "serialNumber", FixedPlatform: "windows10", Identity: []string{"serialNumber", "manufacturer", "model"},
		Parts:   []Part{object(autopilotDevices, "")},
		Secrets: []Secret{{Where: "object", Reason: "Microsoft never gives out the hardware hash and the product key of a device."}},
		Volatile: prefixed("object.", []string{
			"enrollmentState", "lastContactedDateTime", "deploymentProfileAssignmentStatus", "deploymentProfileAssignmentDetailedStatus",
			"deploymentProfileAssignedDateTime", "remediationState", "remediationStateLastModifiedDateTime", "userlessEnrollmentStatus",
			"managedDeviceId", "azureActiveDirectoryDeviceId", "azureAdDeviceId",
		}),
		Rank:            99,
		ReadPermissions: serviceConfigRead, Lane: LaneIntune,
		Restorability: Restorability{Level: CaptureOnly, Reason: "A device can only be registered with its hardware hash, which Microsoft does not give out."},
	},
}
