package catalog

// updateProfile is a Windows update policy of its own collection.
func updateProfile(collection string) Type {
	return Type{
		Family: FamilyUpdates, Collection: collection, APIVersion: "beta", ListQuery: "$top=200",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName"},
		Parts:      []Part{object(collection, ""), assignmentsOf(collection)},
		CreateCall: Call{Method: "POST", Path: collection, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: collection + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		Assign:     assignTo(collection, "assignments", Unknown, "group", "exclusionGroup"),
		Rank:       60, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

const ineligibleDevices = "installLatestWindows10OnWindows11IneligibleDevice"

// driverState is what the devices of a driver profile report.
var driverState = []string{"newUpdates", "inventorySyncStatus", "deviceReporting", partDrivers}

const partDrivers = "driverInventories"

var updateRows = []Type{
	with(updateProfile("deviceManagement/windowsFeatureUpdateProfiles"), func(t *Type) {
		t.ID, t.Title = "windows-feature-update-profile", "Feature update"
		t.Volatile = []string{"object.deployableContentDisplayName", "object.endOfSupportDate"}
		t.Dates = []string{"rolloutSettings.offerStartDateTimeInUTC", "rolloutSettings.offerEndDateTimeInUTC"}
		t.Strip = Strip{
			Create: []string{"deployableContentDisplayName", "endOfSupportDate"},
			Update: []string{"deployableContentDisplayName", "endOfSupportDate", ineligibleDevices},
		}
		t.CreateCall.Required = []string{"displayName", "featureUpdateVersion"}
		t.Creation = featureUpdateCreation
		t.Restorability.Reason = "While Microsoft offers the version; rollout dates that have passed must be chosen anew."
	}),
	with(updateProfile("deviceManagement/windowsQualityUpdateProfiles"), func(t *Type) {
		t.ID, t.Title = "windows-quality-update-profile", "Expedited quality update"
		t.Volatile = prefixed("object.", releaseNames)
		t.Strip = Strip{Update: releaseNames}
		t.CreateCall.Required = []string{"displayName", "expeditedUpdateSettings"}
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "The release to expedite expires within months; a person must choose a newer one."}
	}),
	with(updateProfile("deviceManagement/windowsQualityUpdatePolicies"), func(t *Type) {
		t.ID, t.Title = "windows-quality-update-policy", "Quality update policy (hotpatch)"
		t.Restorability.Reason = "Approvals of single updates are not part of the policy."
	}),
	with(updateProfile("deviceManagement/windowsDriverUpdateProfiles"), func(t *Type) {
		t.ID, t.Title = "windows-driver-update-profile", "Driver update"
		t.Parts = append(t.Parts, child(t.Collection, partDrivers, ""))
		t.Volatile = []string{"object.newUpdates", "object.inventorySyncStatus", "object.deviceReporting"}
		t.Unordered, t.Normalize = []string{partDrivers}, driverDecisions
		t.Strip = Strip{Create: driverState, Update: append([]string{"approvalType"}, driverState...)}
		t.Fixed, t.Unwritten = []string{"approvalType"}, []string{partDrivers}
		t.CreateCall.Required = []string{"displayName", "approvalType"}
		t.Restorability.Reason = "Approvals of single drivers are kept for comparison and not written: they name what the devices of one tenant reported."
	}),
}

// releaseNames are texts that the service makes of the release.
var releaseNames = []string{"releaseDateDisplayName", "deployableContentDisplayName"}

// featureUpdateCreation leaves out a choice that the service no longer takes; not
// to have made it is still taken.
func featureUpdateCreation(c *creation) {
	if c.body[ineligibleDevices] == true {
		delete(c.body, ineligibleDevices)
		delete(c.want.Object(), ineligibleDevices)
	}
}

// driverDecisions leaves of a profile's drivers what people decided: what devices
// report comes and goes, and with automatic approval the service decides.
func driverDecisions(d Document) {
	drivers, ok := d[partDrivers].([]any)
	if !ok {
		return
	}
	decided := []any{}
	for _, e := range drivers {
		driver, is := e.(map[string]any)
		if status := textAt(driver, "approvalStatus"); is && status != "" && status != "needsReview" {
			decided = append(decided, onlyMembers(driver, "name", "version", "manufacturer", "driverClass", "approvalStatus", "deployDateTime"))
		}
	}
	delete(d, partDrivers)
	if textAt(d.Object(), "approvalType") == "manual" && len(decided) > 0 {
		d[partDrivers] = decided
	}
}
