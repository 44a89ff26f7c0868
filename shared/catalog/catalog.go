// Package catalog is the one list of policy types: where Microsoft Graph keeps
// them, how to list and read them whole, what of them the service itself
// changes, and which permissions and quota lane a read needs.
//
// It is data with few pure functions. It performs no I/O and knows no Graph
// client: the operations read what a row says. Adding a type is one row here
// and one fixture folder below testdata.
package catalog

import (
	"slices"
	"strings"
)

// Family groups types for people.
type Family string

// The families.
const (
	FamilyConfiguration Family = "configuration"
	FamilyCompliance    Family = "compliance"
)

// Lane is a Graph service area with a quota of its own
// (learn.microsoft.com/graph/throttling-limits).
type Lane string

// LaneDeviceConfiguration serves configuration and compliance policies.
const LaneDeviceConfiguration Lane = "device-configuration"

// Part is one Graph read that makes up a policy.
type Part struct {
	// Name is the member of the payload document that holds what was read.
	Name string
	// Path is below the API version; {id} stands for the Graph id.
	Path  string
	Query string
	// Paged parts are collections that follow @odata.nextLink to the end.
	Paged bool
	// CountProperty names an integer of the object part that says how many
	// items a paged part must have; fewer means an incomplete read.
	CountProperty string
	// UnreadableCode is the reason code when the part cannot be read and the
	// rest is kept. Empty for the object itself: without it there is nothing.
	UnreadableCode string
}

// PartObject, PartSettings and PartAssignments name the members of a payload.
const (
	PartObject      = "object"
	PartSettings    = "settings"
	PartAssignments = "assignments"
)

// Type is one policy type.
type Type struct {
	ID    string // stable for ever
	Title string
	// Family and platform are for people and filters.
	Family Family
	// Collection is the entity set below the API version: listed by a sync and
	// part of every policy id.
	Collection string
	APIVersion string
	ListQuery  string
	// Property names of the object.
	NameProperty     string
	PlatformProperty string
	// PlatformOf maps @odata.type to a platform where no property tells it.
	PlatformOf map[string]string
	Parts      []Part
	// Volatile are properties of the object that the service changes by itself
	// or that say nothing of the content; they do not count for the hash.
	Volatile []string
	// Unordered are collections, by dotted path within the payload, whose order
	// means nothing.
	Unordered []string
	// ReadPermissions are the application permissions of which any one is enough.
	ReadPermissions []string
	Lane            Lane
}

// configurationRead allows reads of device configuration
// (learn.microsoft.com/graph/permissions-reference).
var configurationRead = []string{
	"DeviceManagementConfiguration.Read.All",
	"DeviceManagementConfiguration.ReadWrite.All",
}

// all lists every type, in the order people see them.
var all = []Type{
	{
		ID: "settings-catalog-policy", Title: "Settings catalog", Family: FamilyConfiguration,
		Collection: "deviceManagement/configurationPolicies", APIVersion: "beta",
		ListQuery:    "$select=id,name,description,platforms,technologies,templateReference,roleScopeTagIds,settingCount,createdDateTime,lastModifiedDateTime&$top=100",
		NameProperty: "name", PlatformProperty: "platforms",
		Parts: []Part{
			{Name: PartObject, Path: "deviceManagement/configurationPolicies/{id}"},
			// Settings are in no plain GET and come in pages of 25: tools that
			// stopped there backed up policies in part
			// (jseerden/IntuneBackupAndRestore#88).
			{Name: PartSettings, Path: "deviceManagement/configurationPolicies/{id}/settings", Query: "$top=1000", Paged: true, CountProperty: "settingCount", UnreadableCode: "unreadable_part"},
			// $expand=assignments on the item answers an empty list for endpoint
			// security templates, so the collection itself is read.
			{Name: PartAssignments, Path: "deviceManagement/configurationPolicies/{id}/assignments", Paged: true, UnreadableCode: "assignments_unreadable"},
		},
		Volatile:        []string{"createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "settingCount", "isAssigned", "creationSource"},
		Unordered:       []string{"assignments", "object.roleScopeTagIds"},
		ReadPermissions: configurationRead, Lane: LaneDeviceConfiguration,
	},
	{
		ID: "device-configuration", Title: "Device configuration", Family: FamilyConfiguration,
		Collection: "deviceManagement/deviceConfigurations", APIVersion: "beta",
		NameProperty: "displayName", PlatformOf: platformOfConfiguration,
		Parts: []Part{
			{Name: PartObject, Path: "deviceManagement/deviceConfigurations/{id}"},
			{Name: PartAssignments, Path: "deviceManagement/deviceConfigurations/{id}/assignments", Paged: true, UnreadableCode: "assignments_unreadable"},
		},
		Volatile:        []string{"createdDateTime", "lastModifiedDateTime", "version", "supportsScopeTags"},
		Unordered:       []string{"assignments", "object.roleScopeTagIds"},
		ReadPermissions: configurationRead, Lane: LaneDeviceConfiguration,
	},
	{
		ID: "device-compliance-policy", Title: "Compliance policy", Family: FamilyCompliance,
		Collection: "deviceManagement/deviceCompliancePolicies", APIVersion: "beta",
		NameProperty: "displayName", PlatformOf: platformOfCompliance,
		Parts: []Part{
			// scheduledActionsForRule is in no plain GET and its own path has no
			// route (microsoftgraph/microsoft-graph-docs#4104): only this expansion
			// reads it.
			{Name: PartObject, Path: "deviceManagement/deviceCompliancePolicies/{id}", Query: "$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"},
			{Name: PartAssignments, Path: "deviceManagement/deviceCompliancePolicies/{id}/assignments", Paged: true, UnreadableCode: "assignments_unreadable"},
		},
		Volatile:        []string{"createdDateTime", "lastModifiedDateTime", "version"},
		Unordered:       []string{"assignments", "object.roleScopeTagIds"},
		ReadPermissions: configurationRead, Lane: LaneDeviceConfiguration,
	},
}

// All lists every type.
func All() []Type { return slices.Clone(all) }

// IDs lists the id of every type.
func IDs() []string {
	ids := make([]string, len(all))
	for i, t := range all {
		ids[i] = t.ID
	}
	return ids
}

// ByID returns the type of that id.
func ByID(id string) (Type, bool) {
	i := slices.IndexFunc(all, func(t Type) bool { return t.ID == id })
	if i < 0 {
		return Type{}, false
	}
	return all[i], true
}

// PathFor is the path of the part for one Graph id.
func (p Part) PathFor(graphID string) string {
	return strings.ReplaceAll(p.Path, "{id}", graphID)
}

// Platform returns the platform of an object: "windows10", "macOS", "iOS",
// "android" or what its property says; "" when it is not known.
func (t Type) Platform(odataType, property string) string {
	if t.PlatformProperty != "" {
		return property
	}
	return t.PlatformOf[odataType]
}
