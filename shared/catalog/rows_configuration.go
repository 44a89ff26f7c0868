package catalog

import "slices"

// The permissions of configuration objects (learn.microsoft.com/graph/permissions-reference).
var (
	configurationRead  = []string{"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"}
	configurationWrite = []string{"DeviceManagementConfiguration.ReadWrite.All"}
)

// Kinds of target, without "AssignmentTarget".
var targetsAll = []string{"allDevices", "allLicensedUsers", "group", "exclusionGroup"}

// assignTo is the assign action that most types have: the whole list at once.
func assignTo(collection, bodyKey string, filters Tri, targets ...string) Assign {
	return Assign{
		Path: collection + "/{id}/assign", BodyKey: bodyKey, ItemKeys: []string{"target"}, ReplacesAll: true,
		Targets: targets, Filters: filters,
	}
}

// object is the part without which there is no policy.
func object(collection, query string) Part {
	return Part{Name: PartObject, Path: collection + "/{id}", Query: query}
}

// child is a collection below the object.
func child(collection, name, query string) Part {
	return Part{Name: name, Path: collection + "/{id}/" + name, Query: query, Paged: true, UnreadableCode: unreadablePart}
}

// assignmentsOf reads the assignments by their own path.
func assignmentsOf(collection string) Part {
	return Part{Name: PartAssignments, Path: collection + "/{id}/assignments", Paged: true, UnreadableCode: assignmentsUnreadable}
}

const configurationPolicies = "deviceManagement/configurationPolicies"

// listed is what a list shows of types whose items a list shows in part. It names
// what tells the types of the collection apart.
const configurationPoliciesListed = "$select=id,name,description,platforms,technologies,templateReference,roleScopeTagIds,settingCount,createdDateTime,lastModifiedDateTime&$top=100"

// settingsStrip is computed. Of the template only the id is sent: the rest follows
// from it, and the published metadata calls it read-only.
var settingsStrip = []string{
	"settingCount", "creationSource",
	"templateReference.templateFamily", "templateReference.templateDisplayName", "templateReference.templateDisplayVersion",
}

// settingsPolicy is a policy whose content is a list of settings of the settings
// catalog.
func settingsPolicy(collection string) Type {
	return Type{
		Family: FamilyConfiguration, Collection: collection, APIVersion: "beta",
		NameProperty: "name", PlatformProperty: "platforms",
		Parts: []Part{
			object(collection, ""),
			// Settings are in no plain GET and come in pages of 25: tools that
			// stopped there backed up policies in part
			// (jseerden/IntuneBackupAndRestore#88).
			{Name: PartSettings, Path: collection + "/{id}/settings", Query: "$top=1000", Paged: true, CountProperty: "settingCount", UnreadableCode: unreadablePart},
			// $expand=assignments on the item answers an empty list for endpoint
			// security templates (msgraph-sdk-powershell#3337), so the collection
			// itself is read.
			assignmentsOf(collection),
		},
		Secrets: []Secret{{
			Where:  "settings",
			Reason: "Microsoft gives out a token in the place of a secret setting value, and no call returns the value.",
		}},
		Unordered:  []string{"settings"},
		Strip:      Strip{Create: settingsStrip, Update: settingsStrip},
		CreateCall: Call{Method: "POST", Path: collection, Required: []string{"name", "platforms", "technologies", "settings"}},
		// PATCH is documented, answers 200 and leaves the settings as they are.
		UpdateCall: Call{Method: "PUT", Path: collection + "/{id}", Whole: true},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		Assign:     assignTo(collection, "assignments", Yes, targetsAll...),
		Creation:   settingsInline, Updating: settingsUpdating, TreeReferences: reusableSettings,
		// No tool changes them: a difference is another policy.
		Fixed: []string{"platforms", "technologies", "templateReference.templateId"},
		Rank:  40, DependsOn: []string{TypeScopeTag, TypeFilter, "reusable-policy-setting"},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "Secret setting values must be entered by hand."},
	}
}

const deviceConfigurations = "deviceManagement/deviceConfigurations"

// deviceConfiguration is a profile of the older kind, one derived type for each
// platform and purpose.
func deviceConfiguration() Type {
	return Type{
		Family: FamilyConfiguration, Collection: deviceConfigurations, APIVersion: "beta", ListQuery: "$top=999",
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"displayName", "@odata.type"},
		Parts:      []Part{object(deviceConfigurations, ""), assignmentsOf(deviceConfigurations)},
		Strip:      Strip{Create: []string{"version"}, Update: []string{"version"}},
		Fixed:      []string{"deploymentChannel"}, // of macOS
		CreateCall: Call{Method: "POST", Path: deviceConfigurations, Required: []string{"@odata.type", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: deviceConfigurations + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: deviceConfigurations + "/{id}"},
		Assign:     assignTo(deviceConfigurations, "assignments", Yes, targetsAll...),
		Rank:       40, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	}
}

// certificates is the part that holds the certificate profiles which a profile
// refers to, by derived type and navigation property.
var certificates = Part{
	Name: "certificates", Path: deviceConfigurations + "/{id}/{each}", Query: "$select=id,displayName", Each: certificateReferences,
	Absent404: true, UnreadableCode: unreadablePart,
}

// certificateUser is a profile that may refer to certificate profiles.
func certificateUser(t *Type) {
	t.Parts = append(t.Parts, certificates)
	t.References = []Reference{{"certificates{}.id", typeCertificate}, {"certificates{}.value[].id", typeCertificate}}
	// A certificate profile that gets another name is the same one.
	t.Volatile = []string{"certificates{}.displayName", "certificates{}.value[].displayName"}
	t.Unordered = []string{"certificates{}.value"}
	t.Unreadable = withheld
	t.Creation, t.Wanted, t.Updating = deviceConfigurationCreation, deviceConfigurationWanted, deviceConfigurationUpdating
	t.Apart = []string{certificates.Name, "object.privacyAccessControls"}
}

const typeCertificate = "device-configuration-network-certificate"

// ringState are the members of an update ring that are commands or their traces:
// to send them would pause or roll back updates on every device (IntuneDocs#3047).
var ringState = []string{
	"qualityUpdatesPauseStartDate", "featureUpdatesPauseStartDate", "qualityUpdatesPauseExpiryDateTime", "featureUpdatesPauseExpiryDateTime",
	"qualityUpdatesRollbackStartDateTime", "featureUpdatesRollbackStartDateTime", "qualityUpdatesWillBeRolledBack", "featureUpdatesWillBeRolledBack",
	"qualityUpdatesPaused", "featureUpdatesPaused",
}

// omaOwn names the service's own copy of a secret: refused on create
// ("SecretReferenceValueId invalid for create.", IntuneBackupAndRestore#39).
var omaOwn = []string{"omaSettings[].isEncrypted", "omaSettings[].secretReferenceValueId"}

// with returns the type after a change: rows that share most of what they say
// begin with the same one.
func with(t Type, change func(*Type)) Type {
	change(&t)
	return t
}

var configurationRows = []Type{
	with(settingsPolicy(configurationPolicies), func(t *Type) {
		t.ID, t.Title, t.Plural = "settings-catalog-policy", "Settings catalog", "Configuration policies"
		t.ListQuery = configurationPoliciesListed
		t.Identity = []string{"name", "platforms", "technologies", "templateReference.templateId"}
	}),
	with(settingsPolicy(configurationPolicies), func(t *Type) {
		t.ID, t.Title, t.Family = "endpoint-security-policy", "Endpoint security policy", FamilyEndpointSecurity
		t.ListQuery = configurationPoliciesListed
		t.Members = Members{Property: "templateReference.templateFamily", Prefixes: []string{"endpointSecurity"}}
		t.Identity = []string{"name", "templateReference.templateId", "platforms", "technologies"}
		t.Secrets = append(t.Secrets, Secret{
			Where: "settings", Restorable: false,
			Reason: "The onboarding value of Defender for Endpoint belongs to the connector of one tenant.",
		})
		t.Restorability.Reason = "Secret setting values, and an onboarding package from a connector, must be entered by hand."
	}),
	with(settingsPolicy(configurationPolicies), func(t *Type) {
		t.ID, t.Title, t.Family = "security-baseline-policy", "Security baseline", FamilyEndpointSecurity
		t.ListQuery = configurationPoliciesListed
		t.Members = Members{Property: "templateReference.templateFamily", Prefixes: []string{"baseline"}}
		t.Identity = []string{"name", "templateReference.templateId"}
		t.Restorability.Reason = "Only while Microsoft offers the version of its template."
	}),
	with(deviceConfiguration(), func(t *Type) {
		t.ID, t.Title, t.Plural = "device-configuration", "Device configuration", "Device configurations"
		certificateUser(t)
		t.Secrets = []Secret{{Where: "object.productKey", Reason: "Microsoft gives out a product key masked."}}
		t.Strip.Create = append(t.Strip.Create, "privacyAccessControls")
		t.Strip.Update = append(t.Strip.Update, "privacyAccessControls")
		t.Restorability.Reason = "Values that Microsoft never gives out, such as product keys, must be entered by hand."
	}),
	with(deviceConfiguration(), func(t *Type) {
		t.ID, t.Title, t.Family = "windows-update-ring", "Update ring", FamilyUpdates
		t.Members, t.Fixed = Members{ODataTypes: []string{"windowsUpdateForBusinessConfiguration"}}, nil
		t.Volatile = prefixed("object.", ringState)
		t.Strip.Create = append(t.Strip.Create, ringState...)
		t.Strip.Update = append(t.Strip.Update, ringState...)
		t.Restorability.Reason = "Whether updates are paused or rolled back is a state and is not written."
	}),
	with(deviceConfiguration(), func(t *Type) {
		t.ID, t.Title = "device-configuration-custom-oma", "Custom profile (OMA-URI)"
		t.Members = Members{ODataTypes: []string{"windows10CustomConfiguration", "androidCustomConfiguration", "androidForWorkCustomConfiguration", "androidWorkProfileCustomConfiguration", "windowsPhone81CustomConfiguration"}}
		t.SecretPath, t.SecretReads = deviceConfigurations+"/{id}/getOmaSettingPlainTextValue(secretReferenceValueId='{each}')", omaSecrets
		t.Secrets = []Secret{{
			Where: "object.omaSettings[].value", Restorable: true,
			Reason: "Encrypted values are read by a call of their own, which needs DeviceManagementConfiguration.ReadWrite.All.",
		}}
		// The service encrypts what it holds for secret, and says so.
		t.Volatile = []string{"object.omaSettings[].secretReferenceValueId", "object.omaSettings[].isEncrypted"}
		t.Strip.Create = append(t.Strip.Create, omaOwn...)
		t.Strip.Update = append(t.Strip.Update, omaOwn...)
		t.Creation, t.Updating = omaCreation, omaUpdating
		t.OnChange, t.Fixed = []string{"omaSettings"}, nil // none is of macOS
		t.CreateCall.Required = append(slices.Clone(t.CreateCall.Required), "omaSettings")
		t.Restorability.Reason = "When every encrypted value could be read."
	}),
	with(deviceConfiguration(), func(t *Type) {
		t.ID, t.Title = typeCertificate, "Wi-Fi, VPN, email and certificates"
		t.Members = Members{ODataTypes: networkTypes}
		certificateUser(t)
		t.Secrets = []Secret{
			{Where: "object.preSharedKey", Reason: "Microsoft never gives out a pre-shared key."},
			{Where: "object.sharedSecret", Reason: "Microsoft never gives out a shared secret."},
			{Where: "object.payload", Reason: "An imported Wi-Fi profile may hold its key in clear.", Restorable: true},
		}
		t.Rank = 35
		t.Restorability.Reason = "Pre-shared keys and shared secrets must be entered by hand."
	}),
	with(deviceConfiguration(), func(t *Type) {
		t.ID, t.Title = "device-configuration-apple-custom", "Custom profile (Apple)"
		t.Members = Members{ODataTypes: []string{"iosCustomConfiguration", "macOSCustomConfiguration", "macOSCustomAppConfiguration"}}
		t.Secrets = []Secret{{Where: "object.payload", Reason: "A configuration profile may hold passwords and keys in clear.", Restorable: true}}
	}),
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}
