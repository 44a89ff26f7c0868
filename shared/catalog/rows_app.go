package catalog

import "slices"

// The permissions of apps and of what protects and configures them
// (learn.microsoft.com/graph/permissions-reference).
var (
	appsRead  = []string{"DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"}
	appsWrite = []string{"DeviceManagementApps.ReadWrite.All"}
)

const mobileApps = "deviceAppManagement/mobileApps"

// mobileAppsListed leaves out the store catalogue that every tenant shows and that
// belongs to Microsoft, unless a tenant assigned something of it.
const mobileAppsListed = "$filter=(microsoft.graph.managedApp/appAvailability%20eq%20null%20or%20microsoft.graph.managedApp/appAvailability%20eq%20%27lineOfBusiness%27%20or%20isAssigned%20eq%20true)"

// mobileAppState is set by the service, of every app.
var mobileAppState = []string{"uploadState", "publishingState", "dependentAppCount", "supersedingAppCount", "supersededAppCount"}

// mobileAppStrip is never sent of an app: its state, what belongs to an uploaded
// installer, and what has calls of its own. Whether an app is featured is sent: a
// tool that leaves it out loses the flag.
var mobileAppStrip = append([]string{"committedContentVersion", "size", "categories", "relationships", "contentVersions"}, mobileAppState...)

var appRequired = []string{"@odata.type", "displayName", "publisher"}

// expanded is a member of the object that its query expands.
func expanded(collection, name string) Part {
	return Part{Name: name, Path: collection + "/{id}/" + name, Expanded: true, UnreadableCode: unreadablePart}
}

// expandedAssignments are those of types that give them out in no other way.
func expandedAssignments(collection string) Part {
	p := expanded(collection, PartAssignments)
	p.UnreadableCode = assignmentsUnreadable
	return p
}

// mobileApp is an app. Its kinds lie in one collection, of which none is the rest:
// an app of a kind that is not known here is reported as not supported.
func mobileApp(odataTypes ...string) Type {
	return Type{
		Family: FamilyApps, Collection: mobileApps, APIVersion: "beta", ListQuery: mobileAppsListed,
		Members:      Members{ODataTypes: odataTypes},
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"@odata.type", "displayName"},
		Parts: []Part{
			// The list shows no scope tags and no icon, so each app is read.
			object(mobileApps, "$expand=categories"),
			expanded(mobileApps, "categories"),
			child(mobileApps, "relationships", ""),
			assignmentsOf(mobileApps),
		},
		References:     []Reference{{"categories[].id", "mobile-app-category"}},
		TreeReferences: relatedApps,
		Volatile: slices.Concat(prefixed("object.", mobileAppState), []string{
			"categories[].displayName", "categories[].lastModifiedDateTime",
			"relationships[].id", "relationships[].sourceId", "relationships[].sourceDisplayName", "relationships[].sourceDisplayVersion", "relationships[].sourcePublisherDisplayName",
			"relationships[].targetDisplayName", "relationships[].targetDisplayVersion", "relationships[].targetPublisher", "relationships[].targetPublisherDisplayName",
			"relationships[].dependentAppCount", "relationships[].dependsOnAppCount", "relationships[].supersededAppCount", "relationships[].supersedingAppCount",
		}),
		Unordered:  []string{"categories", "relationships"},
		Normalize:  ownRelationships,
		Strip:      Strip{Create: mobileAppStrip, Update: mobileAppStrip},
		CreateCall: Call{Method: "POST", Path: mobileApps, Required: appRequired},
		UpdateCall: Call{Method: "PATCH", Path: mobileApps + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: mobileApps + "/{id}"},
		Assign: Assign{
			Path: mobileApps + "/{id}/assign", BodyKey: "mobileAppAssignments", ItemKeys: []string{"@odata.type", "intent", "target", "settings"}, ItemType: "mobileAppAssignment",
			// It replaces them all (powershell-intune-samples#36).
			ReplacesAll: true, Targets: []string{"group", "exclusionGroup", "allLicensedUsers", "allDevices"}, Filters: Yes,
			Await: Await{Path: mobileApps + "/{id}", Property: "publishingState", Value: "published"},
		},
		Creation: appCreation, Updating: appUpdating, Apart: []string{"categories", "relationships"},
		Rank: 40, DependsOn: []string{TypeScopeTag, TypeFilter, "mobile-app-category"},
		ReadPermissions: appsRead, WritePermissions: appsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

// builtInCategories exist in every tenant of the public cloud, under one id each.
var builtInCategories = []string{
	"0720a99e-562b-4a77-83f0-9a7523fcf13e", "f1fc9fe2-728d-4867-9a72-a61e18f8c606", "046e0b16-76ce-4b49-bf1b-1cc5bd94fb47",
	"ed899483-3019-425e-a470-28e901b9790e", "2b73ae71-12c8-49be-b462-3dae769ccd9d", "79bc98d4-7ddf-4841-9bc1-5c84a26d7ee8",
	"5dcd7a90-0306-4f09-a75d-6b97a243f04e", "f79135dc-8e41-48c1-9a59-ab9a7259c38e", "981deed8-6857-4e78-a50e-c3f61d312737",
}

const (
	mobileAppCategories = "deviceAppManagement/mobileAppCategories"
	policySets          = "deviceAppManagement/policySets"
)

var appRows = []Type{
	with(mobileApp("iosStoreApp", "androidStoreApp", "macOSMicrosoftEdgeApp", "windowsMicrosoftEdgeApp", "macOSMicrosoftDefenderApp", "macOSOfficeSuiteApp", "microsoftStoreForBusinessApp"), func(t *Type) {
		t.ID, t.Title, t.Plural = TypeApp, "Store app", "Apps"
		t.Identity = []string{"@odata.type", "bundleId", "packageId", "displayName"}
		t.Volatile = append(t.Volatile, "object.usedLicenseCount", "object.totalLicenseCount")
		t.Fixed = []string{"appStoreUrl", "bundleId", "packageId"}
		t.Strip.Update = append(slices.Clone(t.Strip.Update), t.Fixed...)
		t.Creation = storeAppCreation
		t.Restorability.Reason = "Apps of the retired Microsoft Store for Business cannot be created."
	}),
	with(mobileApp("iosLobApp", "androidLobApp", "macOSLobApp", "macOSPkgApp", "macOSDmgApp", "windowsMobileMSI", "windowsUniversalAppX", "windowsAppX", "managedIOSLobApp", "managedAndroidLobApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-lob", "Line-of-business app"
		t.Identity = []string{"@odata.type", "displayName", "bundleId", "packageId", "productCode", "version"}
		t.Secrets = []Secret{noInstaller}
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "fileName")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "useDeviceContext", "fileName")
		t.Assign.OnRequest = true // it has no installer yet
		t.Unwritten = []string{"object.committedContentVersion", "object.size"}
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "Microsoft does not give out the installer. It must be uploaded by hand before the app can be assigned."}
	}),
	with(mobileApp("win32LobApp", "win32CatalogApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-win32", "Windows app (Win32)"
		t.Identity = []string{"@odata.type", "displayName", "displayVersion"}
		t.Secrets = []Secret{noInstaller}
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "installCommandLine", "uninstallCommandLine", "installExperience", "fileName", "setupFilePath")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "fileName", "setupFilePath")
		t.Normalize, t.Creation = win32Normal, win32Creation
		t.Assign.OnRequest = true // it has no installer yet
		t.Unwritten = []string{"object.committedContentVersion", "object.size"}
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "Microsoft does not give out the installer. It must be uploaded by hand before the app can be assigned."}
	}),
	with(mobileApp("winGetApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-winget", "Microsoft Store app"
		t.Identity = []string{"packageIdentifier"}
		// The service makes it from the store, anew with every release.
		t.Volatile = append(t.Volatile, "object.manifestHash")
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "packageIdentifier", "installExperience")
		t.Strip.Create = append(slices.Clone(t.Strip.Create), "manifestHash")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "manifestHash", "packageIdentifier", "installExperience")
		t.Fixed = []string{"packageIdentifier", "installExperience"}
	}),
	with(mobileApp("webApp", "windowsWebApp", "iosiPadOSWebClip", "macOSWebClip"), func(t *Type) {
		t.ID, t.Title = "mobile-app-weblink", "Web link"
		t.Identity = []string{"@odata.type", "displayName", "appUrl"}
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "appUrl")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "appUrl")
		t.Fixed = []string{"appUrl"}
	}),
	with(mobileApp("officeSuiteApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-office-suite", "Microsoft 365 Apps"
		t.Unordered = append(t.Unordered, "object.productIds", "object.localesToInstall")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "officeConfigurationXml", "officePlatformArchitecture", "developer", "owner", "publisher")
		t.Fixed = []string{"officeConfigurationXml", "officePlatformArchitecture"}
		t.Creation, t.Wanted, t.Updating = officeCreation, officeWanted, officeUpdating
	}),
	with(mobileApp("androidManagedStoreApp", "androidManagedStoreWebApp", "androidForWorkApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-managed-google-play", "Managed Google Play app"
		t.Identity = []string{"appIdentifier", "packageId"}
		t.Volatile = append(t.Volatile, "object.usedLicenseCount", "object.totalLicenseCount", "object.appTracks")
		t.Strip.Update = append(slices.Clone(t.Strip.Update), "packageId", "appIdentifier", "appStoreUrl", "isPrivate", "isSystemApp", "supportsOemConfig", "usedLicenseCount", "totalLicenseCount", "appTracks")
		t.CreateCall = Call{Method: "POST", Path: "deviceManagement/androidManagedStoreAccountEnterpriseSettings/addApps", Required: []string{"productIds"}}
		t.Creation = googlePlayCreation
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "It needs the tenant's own binding to Google Play. Private apps and web apps belong to the organisation that made them."}
	}),
	with(mobileApp("iosVppApp", "macOsVppApp"), func(t *Type) {
		t.ID, t.Title = "mobile-app-vpp", "Apple volume purchase app"
		t.Identity = []string{"@odata.type", "bundleId", "vppTokenAppleId"}
		t.Volatile = append(t.Volatile, "object.usedLicenseCount", "object.totalLicenseCount", "object.revokeLicenseActionResults", "object.assignedLicenses")
		t.CreateCall, t.DeleteCall, t.Creation = Call{}, Call{}, nil
		t.UpdateCall.Only = []string{"@odata.type", "notes", "roleScopeTagIds", "isFeatured"}
		t.Restorability = Restorability{Level: CaptureOnly, Reason: "Apple's token brings these apps into a tenant; they cannot be created."}
	}),
	{
		ID: "mobile-app-category", Title: "App category",
		Family: FamilyApps, Collection: mobileAppCategories, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"displayName"},
		BuiltIn:    BuiltIn{Property: "id", Values: builtInCategories},
		Parts:      []Part{object(mobileAppCategories, "")},
		CreateCall: Call{Method: "POST", Path: mobileAppCategories, Only: []string{"displayName"}, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: mobileAppCategories + "/{id}", Only: []string{"displayName"}},
		DeleteCall: Call{Method: "DELETE", Path: mobileAppCategories + "/{id}"},
		Rank:       20, ReadPermissions: appsRead, WritePermissions: appsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "Microsoft's own categories are in every tenant and are never written."},
	},
	{
		ID: "policy-set", Title: "Policy set",
		Family: FamilyApps, Collection: policySets, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"displayName"},
		// GET /assignments is not routed (microsoft-graph-explorer-v4#2930), and the
		// list refuses to expand.
		Parts: []Part{
			object(policySets, "$expand=assignments,items"),
			expanded(policySets, "items"),
			expandedAssignments(policySets),
		},
		TreeReferences: policySetMembers,
		Volatile: []string{
			"object.status", "object.errorCode",
			// Of an item only its kind, its payload and what the set says of it is
			// written; the rest repeats the payload or is a state.
			"items[].id", "items[].createdDateTime", "items[].lastModifiedDateTime", "items[].displayName", "items[].itemType", "items[].status", "items[].errorCode",
			"items[].priority", "items[].limit", "items[].targetedAppManagementLevels",
		},
		Unordered: []string{"items", "object.guidedDeploymentTags", "items[].guidedDeploymentTags"},
		// With status and errorCode the create fails (microsoft-graph-docs#19751).
		CreateCall: Call{Method: "POST", Path: policySets, Only: []string{"displayName", "description", "roleScopeTags", "guidedDeploymentTags", "items"}, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: policySets + "/{id}", Only: []string{"displayName", "description"}},
		DeleteCall: Call{Method: "DELETE", Path: policySets + "/{id}"},
		Assign: Assign{
			// The call takes items too; sent together, what is missing is cleared.
			Path: policySets + "/{id}/update", BodyKey: "assignments", ItemKeys: []string{"target"}, ReplacesAll: true,
			Targets: []string{"group", "exclusionGroup"}, Filters: Unknown,
		},
		Creation: policySetCreation, Updating: policySetUpdating, Apart: []string{"items"},
		Rank: 90, DependsOn: policySetTypes(),
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "When every policy and app in it exists."},
	},
}

var noInstaller = Secret{Where: "object.committedContentVersion", Reason: "Microsoft keeps the installer encrypted and does not give out its key."}
