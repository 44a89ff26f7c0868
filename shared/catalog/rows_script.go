package catalog

// The permissions of all script collections, announced in July 2025
// (learn.microsoft.com/intune/whats-new): those of configuration no longer read
// them.
var (
	scriptsRead  = []string{"DeviceManagementScripts.Read.All", "DeviceManagementScripts.ReadWrite.All"}
	scriptsWrite = []string{"DeviceManagementScripts.ReadWrite.All"}
)

// script is what devices run. Contents, in base64, are in the item and never in a
// list.
func script(collection, bodyKey string, contents ...string) Type {
	t := Type{
		Family: FamilyScripts, Collection: collection, APIVersion: "beta",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName"},
		Parts:      []Part{object(collection, ""), assignmentsOf(collection)},
		CreateCall: Call{Method: "POST", Path: collection},
		UpdateCall: Call{Method: "PATCH", Path: collection + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		// Whether filters are taken is not known.
		Assign:   assignTo(collection, bodyKey, Unknown, targetsAll...),
		Creation: contentCreation(contents...), Updating: contentUpdating(contents...),
		// Devices run a script again that is written again.
		OnChange: contents,
		Rank:     40, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: scriptsRead, WritePermissions: scriptsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
	for _, name := range contents {
		t.Secrets = append(t.Secrets, Secret{Where: "object." + name, Reason: "A script may hold passwords and keys in clear.", Restorable: true})
	}
	return t
}

var scriptRows = []Type{
	with(script("deviceManagement/deviceManagementScripts", "deviceManagementScriptAssignments", "scriptContent"), func(t *Type) {
		t.ID, t.Title = "windows-platform-script", "Platform script (Windows)"
		t.CreateCall.Required = []string{"displayName", "fileName", "scriptContent", "runAsAccount", "runAs32Bit", "enforceSignatureCheck"}
	}),
	with(script("deviceManagement/deviceHealthScripts", "deviceHealthScriptAssignments", "detectionScriptContent"), func(t *Type) {
		t.ID, t.Title = "device-health-script", "Remediation script"
		// Microsoft's own scripts. A filter of the list on it is not honoured.
		t.BuiltIn = BuiltIn{Property: "isGlobalScript", Values: []string{"true"}}
		t.Secrets = append(t.Secrets, Secret{Where: "object.remediationScriptContent", Reason: "A script may hold passwords and keys in clear.", Restorable: true})
		t.Volatile = []string{"object.highestAvailableVersion"}
		t.Strip = Strip{
			Create: []string{"version", "isGlobalScript", "highestAvailableVersion"},
			Update: []string{"version", "isGlobalScript", "highestAvailableVersion", "deviceHealthScriptType"},
		}
		t.Fixed, t.OnChange = []string{"deviceHealthScriptType"}, []string{"detectionScriptContent", "remediationScriptContent"}
		t.CreateCall.Required = []string{"displayName", "detectionScriptContent", "runAsAccount", "runAs32Bit", "enforceSignatureCheck"}
		t.Assign.Filters = Yes
		t.Assign.ItemKeys = []string{"target", "runSchedule", "runRemediationScript"}
		t.Restorability.Reason = "Scripts of Microsoft are kept for comparison and never written."
	}),
	with(script("deviceManagement/deviceShellScripts", "deviceManagementScriptAssignments", "scriptContent"), func(t *Type) {
		t.ID, t.Title, t.FixedPlatform = "macos-shell-script", "Shell script (macOS)", "macOS"
		t.CreateCall.Required = []string{"displayName", "fileName", "scriptContent", "runAsAccount"}
	}),
	with(script("deviceManagement/deviceCustomAttributeShellScripts", "deviceManagementScriptAssignments", "scriptContent"), func(t *Type) {
		t.ID, t.Title, t.FixedPlatform = "macos-custom-attribute-script", "Custom attribute script (macOS)", "macOS"
		// They answer 400 in a PATCH: a change of one is another script.
		t.Strip.Update = []string{"customAttributeName", "customAttributeType", "displayName"}
		t.Fixed = t.Strip.Update
		t.CreateCall.Required = []string{"displayName", "customAttributeType", "fileName", "scriptContent", "runAsAccount"}
		t.Restorability.Reason = "A change of name or of the attribute needs a new script, which starts without results."
	}),
}
