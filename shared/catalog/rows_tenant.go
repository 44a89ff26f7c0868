package catalog

import (
	"cmp"
	"slices"
	"strings"
)

const (
	assignmentFilters     = "deviceManagement/assignmentFilters"
	roleScopeTags         = "deviceManagement/roleScopeTags"
	roleDefinitions       = "deviceManagement/roleDefinitions"
	roleAssignments       = "deviceManagement/roleAssignments"
	notificationTemplates = "deviceManagement/notificationMessageTemplates"
	termsAndConditions    = "deviceManagement/termsAndConditions"
	deviceCategories      = "deviceManagement/deviceCategories"
	brandingProfiles      = "deviceManagement/intuneBrandingProfiles"

	typeRole = "role-definition"

	partMessages       = "localizedNotificationMessages"
	partRoleDefinition = "roleDefinition"
)

// The permissions of roles, of settings of the service, of devices and of apps
// (learn.microsoft.com/graph/permissions-reference).
var (
	rbacRead     = []string{"DeviceManagementRBAC.Read.All", "DeviceManagementRBAC.ReadWrite.All"}
	rbacWrite    = []string{"DeviceManagementRBAC.ReadWrite.All"}
	serviceRead  = []string{"DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All"}
	serviceWrite = []string{"DeviceManagementServiceConfig.ReadWrite.All"}
	devicesRead  = []string{"DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"}
	devicesWrite = []string{"DeviceManagementManagedDevices.ReadWrite.All"}
	brandRead    = []string{"DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"}
	brandWrite   = []string{"DeviceManagementApps.ReadWrite.All"}
)

// tenantObject is an object that is named by others or by nobody, and mostly has
// no assignments.
func tenantObject(collection string) Type {
	return Type{
		Family: FamilyTenant, Collection: collection, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"displayName"},
		Parts:      []Part{object(collection, "")},
		CreateCall: Call{Method: "POST", Path: collection, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: collection + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: collection + "/{id}"},
		DependsOn:  []string{TypeScopeTag},
		Lane:       LaneIntune, Restorability: Restorability{Level: Full},
	}
}

var tenantRows = []Type{
	with(tenantObject(assignmentFilters), func(t *Type) {
		t.ID, t.Title, t.Shared = TypeFilter, "Assignment filter", true
		t.PlatformProperty = "platform"
		t.Identity = []string{"displayName", "platform", "assignmentFilterManagementType"}
		// payloads names the policies that use the filter.
		t.Volatile = []string{"object.payloads"}
		t.Strip = Strip{Create: []string{"payloads"}, Update: []string{"payloads", "platform", "assignmentFilterManagementType"}}
		t.Fixed = []string{"platform", "assignmentFilterManagementType"}
		t.CreateCall.Required = []string{"displayName", "platform", "rule"}
		t.Rank = 10
		t.ReadPermissions, t.WritePermissions = configurationRead, configurationWrite
		t.Restorability.Reason = "A changed rule reaches every assignment that uses the filter."
	}),
	with(tenantObject(roleScopeTags), func(t *Type) {
		t.ID, t.Title = TypeScopeTag, "Scope tag"
		// The tag "Default" has the id 0 everywhere. It is read with the others,
		// since policies name it.
		t.BuiltIn = BuiltIn{Property: "isBuiltIn", Values: []string{"true"}}
		// Expanded assignments are always empty (IntuneManagement).
		t.Parts = append(t.Parts, assignmentsOf(roleScopeTags))
		t.Strip = Strip{Create: []string{"isBuiltIn"}, Update: []string{"isBuiltIn"}}
		t.Assign = assignTo(roleScopeTags, "assignments", No, "group")
		t.DependsOn = nil
		t.ReadPermissions, t.WritePermissions = rbacRead, rbacWrite
		t.Restorability.Reason = "It gets a new number, so objects that had it must be written too."
	}),
	with(tenantObject(roleDefinitions), func(t *Type) {
		t.ID, t.Title = typeRole, "Role"
		// Roles of Microsoft have the same id in every tenant; assignments name them.
		t.BuiltIn = BuiltIn{Property: "isBuiltIn", Values: []string{"true"}}
		// permissions and actions are older copies of rolePermissions.
		t.Volatile = []string{"object.permissions", "object.isBuiltInRoleDefinition", "object.rolePermissions[].actions", "object.roleAssignments"}
		t.Unordered = prefixed("object.rolePermissions[].resourceActions[].", []string{"allowedResourceActions", "notAllowedResourceActions"})
		t.Strip = Strip{Create: roleCopies, Update: roleCopies}
		t.CreateCall.Required = []string{"displayName", "rolePermissions"}
		t.Creation, t.Wanted = roleCreation, roleWanted
		t.Rank = 10
		t.ReadPermissions, t.WritePermissions = rbacRead, rbacWrite
		t.Restorability.Reason = "Roles of Microsoft are kept for comparison and never written."
	}),
	with(tenantObject(roleAssignments), func(t *Type) {
		t.ID, t.Title = "role-assignment", "Role assignment"
		t.ODataType = "deviceAndAppManagementRoleAssignment"
		t.Identity = []string{"displayName", "roleDefinition.id"}
		t.Parts = []Part{
			object(roleAssignments, "$expand=microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags"),
			// The list does not say which role it is.
			{Name: partRoleDefinition, Path: roleAssignments + "/{id}/roleDefinition", Query: "$select=id,displayName,isBuiltIn", UnreadableCode: unreadablePart},
		}
		t.References = []Reference{{"object.members[]", TypeGroup}, {"object.resourceScopes[]", TypeGroup}, {"object.roleScopeTags[].id", TypeScopeTag}}
		t.TreeReferences = assignedRole
		// scopeMembers is an older copy of resourceScopes. Of the role and the tags
		// their ids are content: names change without the assignment.
		t.Volatile = append([]string{"object.scopeMembers"}, append(prefixed("object.roleScopeTags[].", []string{"displayName", "description", "isBuiltIn"}),
			prefixed(partRoleDefinition+".", []string{"displayName", "isBuiltIn", odataType})...)...)
		t.Unordered = []string{"object.members", "object.resourceScopes"}
		t.Strip = Strip{Create: roleAssignmentParts, Update: roleAssignmentParts}
		t.CreateCall.Required = []string{"displayName", "members", "roleDefinition@odata.bind"}
		t.Creation = roleAssignmentCreation
		t.Rank, t.DependsOn = 15, []string{typeRole, TypeScopeTag}
		t.ReadPermissions, t.WritePermissions = rbacRead, rbacWrite
		t.Restorability = Restorability{Level: PreviewOnly, Reason: "It gives rights to administrators, which is left to a person."}
	}),
	with(tenantObject(notificationTemplates), func(t *Type) {
		t.Shared = true
		t.ID, t.Title, t.Family = typeNotification, "Notification template", FamilyCompliance
		t.ListQuery = "$expand=" + partMessages
		// Enrollment notifications write this one.
		t.BuiltIn = BuiltIn{Property: "displayName", Values: []string{"EnrollmentNotificationInternalMEO"}}
		t.Parts = []Part{object(notificationTemplates, "$expand="+partMessages)}
		// defaultLocale repeats which message is the default.
		t.Volatile = append([]string{"object.defaultLocale"}, prefixed("object."+partMessages+"[].", []string{"id", "lastModifiedDateTime"})...)
		t.Unordered = []string{"object." + partMessages}
		t.Strip = Strip{Create: []string{"defaultLocale", partMessages}, Update: []string{"defaultLocale", partMessages}}
		t.Creation, t.Updating, t.Apart = notificationCreation, notificationUpdating, []string{"object." + partMessages}
		t.Rank = 20
		t.ReadPermissions, t.WritePermissions = serviceRead, serviceWrite
	}),
	with(tenantObject(termsAndConditions), func(t *Type) {
		t.ID, t.Title = "terms-and-conditions", "Terms and conditions"
		t.Parts = append(t.Parts, assignmentsOf(termsAndConditions))
		t.Volatile = []string{"object.acceptanceStatuses", "object.groupAssignments"}
		t.Strip = Strip{
			Create: []string{"groupAssignments", "acceptanceStatuses"},
			// A higher version makes every user accept again.
			Update: []string{"version", "groupAssignments", "acceptanceStatuses"},
		}
		t.CreateCall.Required = []string{"displayName", "title", "bodyText", "acceptanceStatement"}
		t.Assign = Assign{
			Path: termsAndConditions + "/{id}/assignments", BodyKey: "target", ItemKeys: []string{"target"},
			Targets: []string{"group", "allLicensedUsers"}, Filters: No,
		}
		t.Rank = 30
		t.DependsOn = []string{TypeScopeTag}
		t.ReadPermissions, t.WritePermissions = serviceRead, serviceWrite
		t.Restorability.Reason = "New terms must be accepted anew; who accepted the old ones is not kept."
	}),
	with(tenantObject(deviceCategories), func(t *Type) {
		t.ID, t.Title = "device-category", "Device category"
		t.Rank = 20
		t.ReadPermissions, t.WritePermissions = devicesRead, devicesWrite
	}),
	with(tenantObject(brandingProfiles), func(t *Type) {
		t.ID, t.Title = "intune-branding-profile", "Branding profile"
		t.NameProperty, t.Identity = "profileName", []string{"isDefaultProfile", "profileName"}
		t.BuiltIn = BuiltIn{Property: "isDefaultProfile", Values: []string{"true"}, Writable: true}
		for _, image := range brandingImages {
			t.Parts = append(t.Parts, Part{Name: image, Path: brandingProfiles + "/{id}/" + image, Absent404: true, UnreadableCode: unreadablePart})
		}
		t.Parts = append(t.Parts, assignmentsOf(brandingProfiles))
		t.Strip = Strip{Update: brandingFixed}
		t.CreateCall = Call{Method: "POST", Path: brandingProfiles, Only: brandingHead, Required: []string{"profileName"}}
		t.Assign = assignTo(brandingProfiles, "assignments", No, "group")
		t.Creation, t.Normalize = brandingCreation, brandingWithoutImages
		t.Wanted, t.Updating, t.Apart = brandingWanted, brandingUpdating, brandingImages
		t.Unwritten = []string{"object.disableClientTelemetry", "object.customPrivacyMessage"}
		t.Rank = 25
		t.ReadPermissions, t.WritePermissions = brandRead, brandWrite
	}),
	{
		ID: "device-management-settings", Title: "Tenant-wide device settings", Family: FamilyTenant,
		Collection: "deviceManagement/settings", APIVersion: "beta", Singleton: true,
		BuiltIn: BuiltIn{Only: true, Writable: true},
		// Read through deviceManagement itself, the settings are null.
		Parts:           []Part{{Name: PartObject, Path: "deviceManagement/settings"}},
		UpdateCall:      Call{Method: "PATCH", Path: "deviceManagement", Wrap: "settings"},
		Wanted:          settingsWanted,
		Rank:            50,
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "They are changed in place; every tenant has them."},
	},
	{
		ID: TypeGroup, Title: "Group", Plural: "Groups", Family: FamilyTenant,
		Collection: "groups", APIVersion: "beta", LookUp: true,
		NameProperty: "displayName", Identity: []string{"displayName", "groupTypes", "membershipRule"},
		Parts:           []Part{object("groups", "$select=id,displayName,groupTypes,membershipRule")},
		ReadPermissions: []string{"GroupMember.Read.All", "Group.Read.All"}, Lane: LaneDirectory,
		Restorability: Restorability{Level: CaptureOnly, Reason: "Groups are only looked up by the policies that name them, and never written."},
	},
}

var (
	roleCopies          = []string{"isBuiltIn", "isBuiltInRoleDefinition", "roleAssignments", "permissions", "rolePermissions[].actions"}
	roleAssignmentParts = []string{"scopeMembers", partRoleDefinition, "roleScopeTags"}

	brandingImages = []string{"themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage"}
	// brandingHead is all that a create takes, as the portal does it.
	brandingHead = []string{"profileName", "profileDescription", "roleScopeTagIds"}
	// brandingFixed is what no update takes. For the default profile its name and
	// description are fixed as well.
	brandingFixed = []string{"isDefaultProfile", "disableClientTelemetry", "customPrivacyMessage"}
)

// roleCreation refuses a role that only the older property calls Microsoft's.
func roleCreation(c *creation) {
	if c.doc.Object()["isBuiltInRoleDefinition"] == true {
		c.err = ErrNotCreatable
	}
}

// roleWanted refuses one as well to update it.
func roleWanted(c *change) {
	if c.doc.Object()["isBuiltInRoleDefinition"] == true || c.live.Object()["isBuiltInRoleDefinition"] == true {
		c.refuse(ErrNotUpdatable)
	}
}

// settingsWanted leaves settings alone that only one of the two has: Microsoft has
// added or removed them in between, and refuses what it does not know.
func settingsWanted(c *change) {
	for _, name := range sortedNames(c.doc.Object(), c.live.Object()) {
		_, was := c.doc.Object()[name]
		_, is := c.live.Object()[name]
		if was != is && name != odataType {
			if delete(c.doc.Object(), name); is {
				c.doc.Object()[name] = c.live.Object()[name]
			}
		}
	}
}

// assignedRole is the role of an assignment. Microsoft's roles have the same id
// in every tenant.
func assignedRole(d Document, found func(typeID string, holder map[string]any, key string)) {
	role, ok := d[partRoleDefinition].(map[string]any)
	if ok && role["isBuiltIn"] != true {
		found(typeRole, role, "id")
	}
}

// roleAssignmentCreation binds the role and the scope tags. A scope that covers
// everything takes no list of groups.
func roleAssignmentCreation(c *creation) {
	role := textAt(map[string]any(c.doc), partRoleDefinition+".id")
	if role == "" {
		c.lack(partRoleDefinition)
		return
	}
	c.body[odataType] = ODataPrefix + c.t.ODataType
	c.body["roleDefinition@odata.bind"] = graphRoot + roleDefinitions + "('" + role + "')"
	if tags, ok := c.doc.Object()["roleScopeTags"].([]any); ok {
		bound := []string{}
		for _, tag := range tags {
			bound = append(bound, graphRoot+roleScopeTags+"('"+textAt(tag, "id")+"')")
		}
		delete(c.body, "roleScopeTagIds")
		if len(bound) > 0 { // an empty list of bindings is refused
			c.body["roleScopeTags@odata.bind"] = bound
		}
	}
	if strings.HasPrefix(textAt(c.body, "scopeType"), "all") {
		c.body["resourceScopes"] = []any{}
	}
}

// notificationCreation adds the messages, the default one first: the first of a
// template is its default, and a later one is made it by true alone. To send
// false for it would leave none.
func notificationCreation(c *creation) {
	var messages []map[string]any
	values(c.doc.Object(), partMessages+"[]", func(v any) {
		if m, ok := v.(map[string]any); ok {
			messages = append(messages, m)
		}
	})
	for _, m := range defaultFirst(messages) {
		body := onlyMembers(m, "locale", "subject", "messageTemplate", "isDefault")
		if body["isDefault"] != true {
			delete(body, "isDefault")
		}
		c.add("message "+textAt(m, "locale"), "POST", notificationTemplates+"/{id}/"+partMessages, body)
	}
}

// defaultFirst sorts messages: the default before the others, by locale.
func defaultFirst(messages []map[string]any) []map[string]any {
	slices.SortStableFunc(messages, func(a, b map[string]any) int {
		if d := cmp.Compare(textAt(b, "isDefault"), textAt(a, "isDefault")); d != 0 { // "true" is after "false"
			return d
		}
		return cmp.Compare(textAt(a, "locale"), textAt(b, "locale"))
	})
	return messages
}

// notificationUpdating writes the messages; the template itself keeps its id, which
// policies name.
func notificationUpdating(c *change) {
	c.messages("", notificationTemplates+"/{id}", textAt(c.live.Object(), "id"), c.doc.Object(), c.live.Object())
}

// brandingWanted leaves the name of the default profile as it is.
func brandingWanted(c *change) {
	if c.builtIn {
		c.keep("object.profileName")
		c.keep("object.profileDescription")
	}
}

// brandingUpdating writes each image on its own, and null for one that is to go.
func brandingUpdating(c *change) {
	if c.builtIn {
		delete(c.body, "profileName")
		delete(c.body, "profileDescription")
	}
	for _, name := range brandingImages {
		if !c.differs(name) {
			continue
		}
		var sent any
		if value := textAt(c.doc[name], "value"); value != "" {
			sent = map[string]any{"type": imageType(value, textAt(c.doc[name], "type")), "value": value}
		}
		c.add(name, "PATCH", brandingProfiles+"/{id}", map[string]any{name: sent})
	}
}

// brandingCreation writes in an update what a create refuses, and each image on
// its own.
func brandingCreation(c *creation) {
	rest, err := c.t.body(c.doc.Object(), append(slices.Concat(brandingHead, brandingImages), c.t.Strip.Update...), nil)
	if err != nil {
		c.err = err
		return
	}
	if len(rest) > 0 {
		c.add("settings", "PATCH", brandingProfiles+"/{id}", rest)
	}
	for _, name := range brandingImages {
		image := c.doc[name]
		if image == nil {
			image = c.doc.Object()[name]
		}
		if value := textAt(image, "value"); value != "" {
			c.add(name, "PATCH", brandingProfiles+"/{id}", map[string]any{name: map[string]any{"type": imageType(value, textAt(image, "type")), "value": value}})
		}
	}
}

// brandingWithoutImages leaves out images that there are none of: the service
// answers with nothing, or with an image without content.
func brandingWithoutImages(d Document) {
	for _, name := range brandingImages {
		if textAt(d[name], "value") == "" {
			delete(d, name)
		}
	}
}

// imageType is the media type of a picture in base64: one that its bytes belie is
// refused (image/jpeg with the bytes of a PNG).
func imageType(value, said string) string {
	switch {
	case strings.HasPrefix(value, "iVBORw0KGgo"):
		return "image/png"
	case strings.HasPrefix(value, "/9j/"):
		return "image/jpeg"
	}
	return said
}
