package catalog

import "slices"

// managedAppPolicy is a policy for apps that are managed without their device. Each
// kind has a typed collection; the collection of all of them shows neither apps nor
// assignments and takes no POST. What a typed collection answers leaves @odata.type
// out.
func managedAppPolicy(collection, odataType string) Type {
	return Type{
		Family: FamilyAppProtection, Collection: collection, APIVersion: "beta", ODataType: odataType,
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"@odata.type", "displayName"},
		Volatile:   []string{"object.deployedAppCount", "object.deploymentSummary"},
		Strip:      Strip{Create: managedAppStrip, Update: managedAppStrip},
		CreateCall: Call{Method: "POST", Path: collection, Required: []string{"@odata.type", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: collection + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		Assign:     assignTo(collection, "assignments", Unknown, "group", "exclusionGroup"),
		Rank:       65, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: appsRead, WritePermissions: appsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

// managedAppStrip is counted by the service, or written by calls of its own.
var managedAppStrip = []string{"version", "deployedAppCount", "deploymentSummary", "apps"}

// appProtection is a managed app policy with a list of apps.
func appProtection(collection, odataType string) Type {
	return with(managedAppPolicy(collection, odataType), func(t *Type) {
		t.Parts = []Part{object(collection, "$expand=apps"), expanded(collection, "apps"), assignmentsOf(collection)}
		t.Volatile = append(t.Volatile, "apps[].id", "apps[].version", "apps[].@odata.type")
		t.Unordered = append([]string{"apps"}, prefixed("object.", []string{
			"allowedDataIngestionLocations", "allowedDataStorageLocations", "allowedAndroidDeviceModels", "approvedKeyboards",
			"exemptedAppPackages", "exemptedAppProtocols", "exemptedUniversalLinks", "managedUniversalLinks",
		})...)
		t.Normalize, t.Creation, t.Updating = ownApps, targetApps, targetAppsUpdating
		t.Apart = []string{"apps", "object." + appGroup}
	})
}

// wipPolicy is Windows Information Protection, whose AppLocker files lie apart.
func wipPolicy(collection, odataType string) Type {
	return with(managedAppPolicy(collection, odataType), func(t *Type) {
		t.Parts = []Part{object(collection, "$expand=protectedAppLockerFiles,exemptAppLockerFiles"), assignmentsOf(collection)}
		for _, name := range appLockerFiles {
			t.Parts = append(t.Parts, expanded(collection, name))
			t.Volatile = append(t.Volatile, name+"[].id", name+"[].version")
			t.Unordered = append(t.Unordered, name)
		}
		t.Strip.Create = append(slices.Clone(t.Strip.Create), appLockerFiles...)
		t.Strip.Update = append(slices.Clone(t.Strip.Update), appLockerFiles...)
		t.Creation = wipCreation
	})
}

var appLockerFiles = []string{"protectedAppLockerFiles", "exemptAppLockerFiles"}

const (
	targetedAppConfigurations = "deviceAppManagement/targetedManagedAppConfigurations"
	mobileAppConfigurations   = "deviceAppManagement/mobileAppConfigurations"
)

var protectionRows = []Type{
	with(appProtection("deviceAppManagement/iosManagedAppProtections", "iosManagedAppProtection"), func(t *Type) {
		t.ID, t.Title = "ios-app-protection", "App protection (iOS)"
		// Policies for managed and for unmanaged devices often share a name.
		t.Identity = append(t.Identity, "targetedAppManagementLevels")
	}),
	with(appProtection("deviceAppManagement/androidManagedAppProtections", "androidManagedAppProtection"), func(t *Type) {
		t.ID, t.Title = "android-app-protection", "App protection (Android)"
		t.Identity = append(t.Identity, "targetedAppManagementLevels")
	}),
	with(appProtection("deviceAppManagement/windowsManagedAppProtections", "windowsManagedAppProtection"), func(t *Type) {
		t.ID, t.Title = "windows-app-protection", "App protection (Windows)"
		t.Creation, t.Updating = targetAppsOnly, targetAppsOnlyUpdating // the type has no group of apps
	}),
	with(wipPolicy("deviceAppManagement/mdmWindowsInformationProtectionPolicies", "mdmWindowsInformationProtectionPolicy"), func(t *Type) {
		t.ID, t.Title = "wip-mdm-policy", "Windows Information Protection (enrolled)"
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "Microsoft has ended Windows Information Protection and may refuse new policies."}
	}),
	with(wipPolicy("deviceAppManagement/windowsInformationProtectionPolicies", "windowsInformationProtectionPolicy"), func(t *Type) {
		t.ID, t.Title = "wip-without-enrollment-policy", "Windows Information Protection (not enrolled)"
		t.Restorability = Restorability{Level: CaptureOnly, Reason: "Microsoft ended support for Windows Information Protection without enrollment in 2022."}
	}),
	with(appProtection("deviceAppManagement/defaultManagedAppProtections", "defaultManagedAppProtection"), func(t *Type) {
		t.ID, t.Title = "default-app-protection", "Default app protection"
		t.PlatformOfType = false
		t.Identity = []string{"displayName"}
		t.Parts = t.Parts[:2] // it applies to everyone
		t.Unordered = append(t.Unordered, "object.customSettings")
		t.CreateCall.Required = []string{"displayName"}
		t.Assign, t.Creation, t.Updating, t.DependsOn = Assign{}, nil, nil, nil
		t.Unwritten = []string{"apps"}
		t.Restorability = Restorability{Level: CaptureOnly, Reason: "No public source shows what a write of this kind does."}
	}),
	with(managedAppPolicy(targetedAppConfigurations, "targetedManagedAppConfiguration"), func(t *Type) {
		t.ID, t.Title = "targeted-managed-app-configuration", "App configuration (managed apps)"
		t.PlatformOfType = false
		t.Identity = []string{"displayName"}
		t.Parts = []Part{
			object(targetedAppConfigurations, "$expand=apps,settings"),
			expanded(targetedAppConfigurations, "apps"), expanded(targetedAppConfigurations, PartSettings),
			assignmentsOf(targetedAppConfigurations),
		}
		t.Secrets = []Secret{
			{Where: "object.customSettings[].value", Reason: "A value may be a password or token in clear.", Restorable: true},
			{Where: "settings", Reason: "Microsoft gives out a token in the place of a secret setting value, and no call returns the value."},
		}
		t.Volatile = append(t.Volatile, "apps[].id", "apps[].version", "apps[].@odata.type")
		t.Unordered = []string{"apps", "settings", "object.customSettings"}
		t.Normalize = ownApps
		t.Strip.Create = append(slices.Clone(t.Strip.Create), "settings", "settingCount")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "settings", "settingCount", "appGroupType", "targetedAppManagementLevels")
		t.CreateCall.Required = []string{"displayName", "apps", "assignments", "appGroupType"}
		t.Creation, t.Updating = targetedConfigurationCreation, targetedConfigurationUpdating
		t.Fixed = []string{"targetedAppManagementLevels"}
		t.Apart = []string{"apps", PartSettings, "object." + appGroup, "object.customSettings"}
		t.Restorability.Reason = "Secret setting values must be entered by hand."
	}),
	{
		ID: "mobile-app-configuration", Title: "App configuration (managed devices)",
		Family: FamilyAppProtection, Collection: mobileAppConfigurations, APIVersion: "beta",
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"@odata.type", "displayName"},
		Parts: []Part{object(mobileAppConfigurations, ""), assignmentsOf(mobileAppConfigurations)},
		Secrets: []Secret{
			{Where: "object.payloadJson", Reason: "A configuration may hold passwords and tokens in clear.", Restorable: true},
			{Where: "object.encodedSettingXml", Reason: "A configuration may hold passwords and tokens in clear.", Restorable: true},
			{Where: "object.settings[].appConfigKeyValue", Reason: "A value may be a password or token in clear.", Restorable: true},
		},
		References: []Reference{{"object.targetedMobileApps[]", TypeApp}},
		Volatile:   []string{"object.appSupportsOemConfig"},
		Unordered:  []string{"object.targetedMobileApps", "object.permissionActions", "object.settings"},
		Strip: Strip{
			Create: mobileAppConfigurationState,
			Update: append([]string{"targetedMobileApps"}, mobileAppConfigurationState...),
		},
		Fixed:      []string{"targetedMobileApps"},
		CreateCall: Call{Method: "POST", Path: mobileAppConfigurations, Required: []string{"@odata.type", "displayName", "targetedMobileApps"}},
		UpdateCall: Call{Method: "PATCH", Path: mobileAppConfigurations + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: mobileAppConfigurations + "/{id}"},
		Assign: Assign{
			// The plain path, which is the documented one, was refused with "No OData
			// route"; the service itself advertises this one.
			Path:    mobileAppConfigurations + "/{id}/microsoft.graph.managedDeviceMobileAppConfiguration/assign",
			BodyKey: "assignments", ItemKeys: []string{"target"}, ReplacesAll: true,
			Targets: []string{"group", "exclusionGroup", "allLicensedUsers", "allDevices"}, Filters: Yes,
		},
		Rank: 65, DependsOn: []string{TypeScopeTag, TypeFilter, TypeApp},
		ReadPermissions: appsRead, WritePermissions: appsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "When every app that it configures exists."},
	},
}

// mobileAppConfigurationState is set by the service.
var mobileAppConfigurationState = []string{"version", "appSupportsOemConfig", "deviceStatuses", "userStatuses", "deviceStatusSummary", "userStatusSummary"}
