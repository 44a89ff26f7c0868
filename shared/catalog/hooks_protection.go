package catalog

// The hooks of app protection and app configuration.

// appGroup says which apps a policy is for: a list, or a group that Microsoft keeps.
const appGroup, appsListed = "appGroupType", "selectedPublicApps"

// ownApps leaves out the apps of a group that Microsoft keeps: they change without
// anyone's doing.
func ownApps(d Document) {
	if group := textAt(d.Object(), appGroup); group != "" && group != appsListed {
		delete(d, "apps")
	}
}

// appIdentifiers are the apps of the document as they are sent; ids and versions
// are the service's.
func appIdentifiers(c *creation) []any {
	if _, ok := c.doc["apps"].([]any); !ok {
		c.lack("apps")
	}
	apps := []any{}
	for _, app := range c.elements("apps") {
		apps = append(apps, map[string]any{"mobileAppIdentifier": c.tidy(app["mobileAppIdentifier"])})
	}
	return apps
}

// targetApps sets the apps before the assignments. Without the group the service
// takes the apps for a list, and "all apps" becomes a few.
func targetApps(c *creation) {
	group := textAt(c.doc.Object(), appGroup)
	if group == "" {
		c.lack(appGroup)
	}
	c.add("apps", "POST", c.t.Collection+"/{id}/targetApps", map[string]any{"apps": appIdentifiers(c), appGroup: group})
}

// targetAppsOnly is for the type that knows no group.
func targetAppsOnly(c *creation) {
	c.add("apps", "POST", c.t.Collection+"/{id}/targetApps", map[string]any{"apps": appIdentifiers(c)})
}

// wipCreation writes the AppLocker files, which are refused in the body.
func wipCreation(c *creation) {
	for _, name := range appLockerFiles {
		if _, ok := c.doc[name].([]any); !ok {
			c.lack(name)
		}
		for _, file := range c.elements(name) {
			c.add(name, "POST", c.t.Collection+"/{id}/"+name, c.tidy(file, "id", "version"))
		}
	}
}

// targetedConfigurationCreation sends everything but the assignments inline; they
// must be there and are written on their own.
func targetedConfigurationCreation(c *creation) {
	settingsInline(c)
	c.body["apps"] = appIdentifiers(c)
	c.body[PartAssignments] = []any{}
}

// targetAppsUpdating replaces the apps, with their group: without it "all apps"
// becomes a few.
func targetAppsUpdating(c *change) {
	if c.differs("apps") || c.differs("object."+appGroup) {
		targetApps(&c.creation)
	}
}

func targetAppsOnlyUpdating(c *change) {
	if c.differs("apps") {
		targetAppsOnly(&c.creation)
	}
}

// targetedConfigurationUpdating writes each list by a call of its own, whole: a
// part of one removes the rest.
func targetedConfigurationUpdating(c *change) {
	const custom = "customSettings"
	if c.differs("object." + custom) {
		list, _ := c.doc.Object()[custom].([]any)
		if list == nil {
			list = []any{}
		}
		c.add("custom settings", "PATCH", c.t.Collection+"/{id}", map[string]any{odataType: c.doc.Object()[odataType], custom: c.tidy(list)})
	}
	targetAppsUpdating(c)
	if c.differs(PartSettings) {
		if settings := c.settings(); settings != nil {
			c.add("settings", "POST", c.t.Collection+"/{id}/changeSettings", map[string]any{PartSettings: settings})
		}
	}
}
