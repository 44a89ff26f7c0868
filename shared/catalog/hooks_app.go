package catalog

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// The hooks of apps and policy sets.

// isOwn reports whether a relationship is the app's own. A row of the other side
// is its mirror and belongs to that app.
func isOwn(relationship any) bool { return textAt(relationship, "targetType") != "parent" }

// relatedApps are the apps that an app depends on or supersedes.
func relatedApps(d Document, found func(typeID string, holder map[string]any, key string)) {
	list, _ := d["relationships"].([]any)
	for _, e := range list {
		if r, ok := e.(map[string]any); ok && isOwn(r) {
			found("mobile-app-win32", r, "targetId")
		}
	}
}

// ownRelationships leaves out the mirrors.
func ownRelationships(d Document) {
	if list, ok := d["relationships"].([]any); ok {
		d["relationships"] = slices.DeleteFunc(list, func(e any) bool { return !isOwn(e) })
	}
}

// appCategories adds the categories, which are refused in the body, one by one.
func appCategories(c *creation) {
	if _, ok := c.doc["categories"].([]any); !ok {
		c.lack("categories")
	}
	for _, category := range c.elements("categories") {
		c.add("category", "POST", mobileApps+"/{id}/categories/$ref", map[string]any{
			"@odata.id": graphRoot + mobileAppCategories + "/" + url.PathEscape(textAt(category, "id")),
		})
	}
}

// appCreation writes what is no part of an app's body.
func appCreation(c *creation) {
	appCategories(c)
	appRelationships(c)
}

// appRelationships writes dependencies and supersedence with one call: it replaces
// both kinds, whichever it names.
func appRelationships(c *creation) {
	if _, ok := c.doc["relationships"].([]any); !ok {
		c.lack("relationships")
	}
	if list := c.relationships(); len(list) > 0 {
		c.add("relationships", "POST", mobileApps+"/{id}/updateRelationships", map[string]any{"relationships": list})
	}
}

// relationships are the app's own as they are sent.
func (c *creation) relationships() []any {
	list := []any{}
	for _, r := range c.elements("relationships") {
		if !isOwn(r) {
			continue
		}
		item := map[string]any{}
		for _, key := range []string{"@odata.type", "targetId", "dependencyType", "supersedenceType"} {
			if v, ok := r[key]; ok && v != nil {
				item[key] = v
			}
		}
		list = append(list, item)
	}
	return list
}

// appUpdating adds and removes categories one by one, and replaces dependencies and
// supersedence together: what the one call does not name is gone.
func appUpdating(c *change) {
	for _, part := range []string{"categories", "relationships"} {
		if _, ok := c.doc[part].([]any); !ok {
			c.lack(part)
			return
		}
	}
	if c.differs("categories") {
		want, live := idsAt(map[string]any(c.doc), "categories[].id"), []string{}
		for _, e := range c.liveElements("categories") {
			live = append(live, textAt(e, "id"))
		}
		for _, id := range want {
			if !slices.Contains(live, id) {
				c.add("category", "POST", mobileApps+"/{id}/categories/$ref", map[string]any{"@odata.id": graphRoot + mobileAppCategories + "/" + url.PathEscape(id)})
			}
		}
		for _, id := range live {
			if !slices.Contains(want, id) {
				c.steps = append(c.steps, Step{Name: "no category", Method: "DELETE", Path: mobileApps + "/{id}/categories/" + url.PathEscape(id) + "/$ref"})
			}
		}
	}
	if c.differs("relationships") {
		c.add("relationships", "POST", mobileApps+"/{id}/updateRelationships", map[string]any{"relationships": c.relationships()})
	}
}

// kind is the derived type of an object.
func kind(object map[string]any) string {
	return strings.TrimPrefix(textAt(object, "@odata.type"), ODataPrefix)
}

func storeAppCreation(c *creation) {
	switch kind(c.body) {
	case "microsoftStoreForBusinessApp":
		c.err = ErrNotCreatable
	case "iosStoreApp", "androidStoreApp":
		if c.body["appStoreUrl"] == nil {
			c.lack("appStoreUrl")
		}
	}
	appCreation(c)
}

// win32Rules are the two shapes of the same content, the older one first.
var win32OldRules, win32Rules = []string{"detectionRules", "requirementRules"}, "rules"

func win32Has(object map[string]any, name string) bool {
	list, _ := object[name].([]any)
	return len(list) > 0
}

// win32Creation sends the rules in one of their two shapes.
func win32Creation(c *creation) {
	switch {
	case win32Has(c.body, win32OldRules[0]):
		delete(c.body, win32Rules)
	case win32Has(c.body, win32Rules):
		for _, name := range win32OldRules {
			delete(c.body, name)
		}
	default:
		c.lack(win32Rules)
	}
	appCreation(c)
}

// win32Normal leaves out the newer shape where the older one is.
func win32Normal(d Document) {
	if win32Has(d.Object(), win32OldRules[0]) {
		delete(d.Object(), win32Rules)
	}
	ownRelationships(d)
}

// officeDesigner are the members that an app made of a configuration file has
// empty. Sent with the file, they reinstall Office without products.
var officeDesigner = []string{
	"autoAcceptEula", "excludedApps", "installProgressDisplayLevel", "localesToInstall", "officePlatformArchitecture", "officeSuiteAppDefaultFileFormat",
	"productIds", "shouldUninstallOlderVersionsOfOffice", "targetVersion", "updateChannel", "updateVersion", "useSharedComputerActivation",
}

// officeCreation sends the configuration file or the designer's values.
func officeCreation(c *creation) {
	const file, format = officeXML, officeFormat
	if textAt(c.body, file) != "" {
		designed := func(k string, _ any) bool { return slices.Contains(officeDesigner, k) }
		maps.DeleteFunc(c.body, designed)
		maps.DeleteFunc(c.want.Object(), designed)
	} else {
		delete(c.body, file)
		// It is what the service answers and what it refuses.
		if c.body[format] == "notConfigured" {
			c.body[format], c.want.Object()[format] = "officeOpenXMLFormat", "officeOpenXMLFormat"
		}
	}
	appCreation(c)
}

const officeXML, officeFormat = "officeConfigurationXml", "officeSuiteAppDefaultFileFormat"

// officeWanted leaves the designer's values of an app that has a configuration
// file, and a format that says nothing, as they are.
func officeWanted(c *change) {
	if textAt(c.doc.Object(), officeXML) != "" {
		for _, name := range officeDesigner {
			c.keep("object." + name)
		}
	}
	if c.doc.Object()[officeFormat] == "notConfigured" {
		c.keep("object." + officeFormat)
	}
}

// officeUpdating sends no designer's values with a configuration file.
func officeUpdating(c *change) {
	if textAt(c.doc.Object(), officeXML) != "" {
		maps.DeleteFunc(c.body, func(k string, _ any) bool { return slices.Contains(officeDesigner, k) })
	} else if c.body[officeFormat] == "notConfigured" {
		delete(c.body, officeFormat)
	}
	appUpdating(c)
}

// googlePlayCreation adds an app of Google Play by its product. The answer names
// nothing, so the app is looked for. Microsoft's own apps of the store are
// ordinary creates; private ones are of one organisation.
func googlePlayCreation(c *creation) {
	object := c.doc.Object()
	name := textAt(object, "appIdentifier")
	if name == "" {
		name = strings.TrimPrefix(textAt(object, "packageId"), "app:")
	}
	switch {
	case object["isPrivate"] == true, kind(object) == "androidManagedStoreWebApp":
		c.err = ErrNotCreatable
	case name == "":
		c.lack("appIdentifier")
	case object["isSystemApp"] == true:
		delete(c.body, "packageId")
		delete(c.body, "appStoreUrl")
		c.first.Path, c.required = mobileApps, appRequired
		appCreation(c)
	default:
		change := map[string]any{"@odata.type": c.body["@odata.type"]}
		for _, key := range []string{"roleScopeTagIds", "notes", "isFeatured"} {
			if v, ok := c.body[key]; ok {
				change[key] = v
			}
		}
		c.body = map[string]any{"productIds": []any{"app:" + name}}
		c.first.Learn = nil
		filter := "(isof('microsoft.graph.androidManagedStoreApp') and (microsoft.graph.androidManagedStoreApp/appIdentifier eq '" + strings.ReplaceAll(name, "'", "''") + "'))"
		c.steps = append(c.steps,
			Step{Name: "find", Method: "GET", Path: mobileApps, Query: "$filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20"), Learn: learnFirst},
			step("update", "PATCH", mobileApps+"/{id}", change))
		appCreation(c)
	}
}

// learnFirst learns the id of the first object of a list, nothing of an empty one.
func learnFirst(answer map[string]any) map[string]string {
	id := ""
	values(answer, "value[].id", func(v any) {
		if text, _ := v.(string); id == "" {
			id = text
		}
	})
	if id == "" {
		return nil
	}
	return map[string]string{"id": id}
}

// policySetPayloads are the types of what a policy set holds, by the item's derived
// type. Restrictions and limits of enrolment are of one collection.
var policySetPayloads = map[string]string{
	"deviceCompliancePolicyPolicySetItem":                         "device-compliance-policy",
	"deviceConfigurationPolicySetItem":                            "device-configuration",
	"deviceManagementConfigurationPolicyPolicySetItem":            "settings-catalog-policy",
	"deviceManagementScriptPolicySetItem":                         "windows-platform-script",
	"enrollmentRestrictionsConfigurationPolicySetItem":            "enrollment-single-platform-restriction",
	"managedDeviceMobileAppConfigurationPolicySetItem":            "mobile-app-configuration",
	"mdmWindowsInformationProtectionPolicyPolicySetItem":          "wip-mdm-policy",
	"mobileAppPolicySetItem":                                      TypeApp,
	"targetedManagedAppConfigurationPolicySetItem":                "targeted-managed-app-configuration",
	"windows10EnrollmentCompletionPageConfigurationPolicySetItem": "enrollment-status-page",
	"windowsAutopilotDeploymentProfilePolicySetItem":              "autopilot-deployment-profile",
}

// policySetProtections are those of managedAppProtectionPolicySetItem, by itemType:
// each platform has a collection of its own.
var policySetProtections = map[string]string{
	"iosManagedAppProtection":     "ios-app-protection",
	"androidManagedAppProtection": "android-app-protection",
	"windowsManagedAppProtection": "windows-app-protection",
}

func policySetTypes() []string {
	return slices.Concat([]string{TypeScopeTag, TypeFilter}, slices.Sorted(maps.Values(policySetPayloads)), slices.Sorted(maps.Values(policySetProtections)))
}

// policySetMembers are the policies and apps of a set. One of a kind that is not
// known here must not be taken for one that is the same in another tenant.
func policySetMembers(d Document, found func(typeID string, holder map[string]any, key string)) {
	list, _ := d["items"].([]any)
	for _, e := range list {
		item, ok := e.(map[string]any)
		if !ok {
			continue
		}
		typeID, known := policySetPayloads[kind(item)]
		if !known {
			typeID, known = policySetProtections[strings.TrimPrefix(textAt(item, "itemType"), ODataPrefix)]
		}
		if !known {
			typeID = TypeOther
		}
		found(typeID, item, "payloadId")
	}
}

// policySetCreation sends the items inline, with what a new one may have.
func policySetCreation(c *creation) {
	if _, ok := c.doc["items"].([]any); !ok {
		c.lack("items")
		return
	}
	items := []any{}
	for _, e := range c.elements("items") {
		items = append(items, c.policySetItem(e))
	}
	c.body["items"] = items
}

var policySetMembersOf = []string{"@odata.type", "payloadId", "intent", "settings", "guidedDeploymentTags"}

// policySetItem is an item with what may be sent of it.
func (c *creation) policySetItem(e map[string]any) map[string]any {
	item, _ := c.tidy(onlyMembers(e, policySetMembersOf...)).(map[string]any)
	return item
}

// policySetUpdating sends what comes, changes and goes of the items, without the
// assignments: the same call clears those when it names none.
func policySetUpdating(c *change) {
	if _, ok := c.doc["items"].([]any); !ok {
		c.lack("items")
		return
	}
	if !c.differs("items") {
		return
	}
	key := func(e map[string]any) string { return textAt(e, "@odata.type") + " " + textAt(e, "payloadId") }
	live := map[string]map[string]any{}
	for _, e := range c.liveElements("items") {
		live[key(e)] = e
	}
	added, updated, deleted := []any{}, []any{}, []any{}
	for _, e := range c.elements("items") {
		item, was := c.policySetItem(e), live[key(e)]
		if was == nil {
			added = append(added, item)
			continue
		}
		delete(live, key(e))
		id := textAt(was, "id")
		if was = c.policySetItem(was); len(unlike(any(item), any(was), "")) == 0 {
			continue
		}
		for name, v := range was {
			if _, sent := item[name]; !sent && !filler(v) {
				if item[name] = nil; name == "guidedDeploymentTags" {
					item[name] = []any{}
				}
			}
		}
		item["id"] = id
		updated = append(updated, item)
	}
	for _, k := range slices.Sorted(maps.Keys(live)) {
		deleted = append(deleted, textAt(live[k], "id"))
	}
	c.add("items", "POST", policySets+"/{id}/update", map[string]any{
		"addedPolicySetItems": added, "updatedPolicySetItems": updated, "deletedPolicySetItems": deleted,
	})
}
