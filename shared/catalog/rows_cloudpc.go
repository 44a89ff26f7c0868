package catalog

import "slices"

// The permissions of Windows 365 (learn.microsoft.com/graph/permissions-reference).
var (
	cloudPCRead  = []string{"CloudPC.Read.All", "CloudPC.ReadWrite.All"}
	cloudPCWrite = []string{"CloudPC.ReadWrite.All"}
)

// cloudPC is an object of Windows 365. Its assignments were only ever seen in an
// expansion, and not everything comes without $select.
func cloudPC(collection string) Type {
	return Type{
		Family: FamilyWindows365, Collection: collection, APIVersion: "beta",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName"},
		Parts:      []Part{object(collection, "$select=*&$expand=assignments"), expandedAssignments(collection)},
		CreateCall: Call{Method: "POST", Path: collection, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: collection + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		// The target holds the plan and the allotment of a Frontline policy too.
		Assign: assignTo(collection, "assignments", No, "cloudPcManagementGroup"),
		Rank:   70, ReadPermissions: cloudPCRead, WritePermissions: cloudPCWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

var (
	// provisioningState is set by the service, or repeats other content.
	provisioningState = []string{"alternateResourceUrl", "cloudPcGroupDisplayName", "gracePeriodInHours"}
	provisioningOld   = []string{"localAdminEnabled"} // of user settings today
	userSettingOld    = []string{"selfServiceEnabled"}
)

var cloudPCRows = []Type{
	with(cloudPC("deviceManagement/virtualEndpoint/provisioningPolicies"), func(t *Type) {
		t.ID, t.Title = "cloudpc-provisioning-policy", "Cloud PC provisioning policy"
		t.References = []Reference{{"object.scopeIds[]", TypeScopeTag}}
		t.TreeReferences = provisioningReferences
		t.Volatile = prefixed("object.", slices.Concat(provisioningState, provisioningOld))
		t.Unordered = []string{"object.scopeIds"}
		t.Strip = Strip{
			Create: slices.Concat(provisioningState, provisioningOld),
			Update: append([]string{"provisioningType"}, provisioningState...),
		}
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "imageId", "imageType", "provisioningType", "domainJoinConfigurations")
		// A group that is added gets Cloud PCs at once, and one that goes loses them.
		t.Assign.OnRequest = true
		t.Normalize, t.Creation = provisioningNormal, provisioningCreation
		t.DependsOn = []string{TypeScopeTag}
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "Its assignments provision Cloud PCs or end them, and use licences: a person decides."}
	}),
	with(cloudPC("deviceManagement/virtualEndpoint/userSettings"), func(t *Type) {
		t.ID, t.Title = "cloudpc-user-setting", "Cloud PC user setting"
		t.Volatile = prefixed("object.", userSettingOld)
		t.Strip = Strip{Create: userSettingOld, Update: userSettingOld}
	}),
}
