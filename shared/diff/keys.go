package diff

import (
	"encoding/json"
	"strings"

	"tenantatlas/shared/catalog"
)

// rule says what tells the elements of a list apart, by paths of names separated
// by slashes.
type rule struct {
	key []string // joined; elements without any have no key
	// label is what people call an element: the first that it has, else its key.
	label []string
	// id: the key is the id of another object, which may have a name.
	id bool
}

// rules are by the path of the list within the normal form, in the spelling of the
// catalogue.
var rules = map[string]rule{
	"object.omaSettings":                             {key: []string{"omaUri"}, label: []string{"displayName"}},
	"object.settings":                                {key: []string{"appConfigKey"}},
	"object.customSettings":                          {key: []string{"name"}},
	"object.permissionActions":                       {key: []string{"permission"}},
	"object.exemptedAppPackages":                     {key: []string{"value"}, label: []string{"name"}},
	"object.exemptedAppProtocols":                    {key: []string{"value"}, label: []string{"name"}},
	"object.localizedNotificationMessages":           {key: []string{"locale"}},
	"templates{}.localizedNotificationMessages":      {key: []string{"locale"}},
	"object.ipRanges":                                {key: []string{"cidrAddress"}},
	"object.returnCodes":                             {key: []string{"returnCode"}},
	"object.privacyAccessControls":                   {key: []string{"dataCategory", "appPackageFamilyName", "appDisplayName"}},
	"object.companyPortalBlockedActions":             {key: []string{"platform", "ownerType", "action"}},
	"object.availableEnrollmentTypeOptions":          {key: []string{"enrollmentType"}},
	"object.approvalSettings":                        {key: []string{"windowsQualityUpdateCadence", "windowsQualityUpdateCategory"}},
	"object.protectedApps":                           {key: []string{"displayName"}},
	"object.exemptApps":                              {key: []string{"displayName"}},
	"object.enterpriseProtectedDomainNames":          {key: []string{"displayName"}},
	"object.enterpriseIPRanges":                      {key: []string{"displayName"}},
	"object.groupPolicyUploadedLanguageFiles":        {key: []string{"languageCode"}},
	"object.roleScopeTags":                           {key: []string{"id"}, id: true},
	"apps":                                           {key: []string{"mobileAppIdentifier/bundleId", "mobileAppIdentifier/packageId", "mobileAppIdentifier/windowsAppId"}},
	"categories":                                     {key: []string{"id"}, label: []string{"displayName"}, id: true},
	"certificates{}.value":                           {key: []string{"id"}, id: true},
	"relationships":                                  {key: []string{"targetId", "@odata.type"}, id: true},
	"items":                                          {key: []string{"payloadId"}, id: true},
	"files":                                          {key: []string{"language"}, label: []string{"displayName"}},
	"definitions":                                    {key: []string{"classType", "categoryPath", "displayName"}, label: []string{"displayName"}},
	"driverInventories":                              {key: []string{"name", "manufacturer", "version"}, label: []string{"name"}},
	"protectedAppLockerFiles":                        {key: []string{"displayName"}},
	"exemptAppLockerFiles":                           {key: []string{"displayName"}},
	"definitionValues[].presentationValues":          {key: []string{"presentation/id"}, label: []string{"presentation/label"}},
	"definitionValues[].presentationValues[].values": {key: []string{"name"}},
	"object.scheduledActionsForRule[].scheduledActionConfigurations": {key: []string{"actionType"}},
	"scheduledActionsForRule[].scheduledActionConfigurations":        {key: []string{"actionType"}},
}

// fallback tells elements of other lists apart, where all of them have it.
var fallback = []string{"displayName", "name", "key"}

// Members of the settings catalogue's trees.
const (
	definitionID = "settingDefinitionId"
	instance     = "settingInstance"
	children     = "children"
)

// within are the members that lead from a setting to its value or to its children.
// They say nothing: each kind of setting has its own.
var within = map[string]bool{
	instance: true, children: true, "value": true,
	"simpleSettingValue": true, "choiceSettingValue": true, "groupSettingValue": true,
	"simpleSettingCollectionValue": true, "choiceSettingCollectionValue": true, "groupSettingCollectionValue": true,
}

// element is what an element of a list is called.
type element struct {
	key   string // "" has none
	label string
	def   string // the setting's definition
}

// named returns how the elements of a list are called.
func (c *comparer) named(f *frame, pattern string, lists ...[]value) func(d *doc, v value) element {
	switch {
	case pattern == catalog.PartAssignments:
		return c.target
	case pattern == "definitionValues":
		return definitionValue
	case f.setting && f.member == children, pattern == catalog.PartSettings:
		return func(d *doc, v value) element { return setting(f.def, d, v) }
	case f.setting && strings.HasSuffix(f.member, "CollectionValue"):
		return func(d *doc, v value) element {
			return element{key: d.textAt(v, "value"), label: clip(d.textAt(v, "value"), maxLabel)}
		}
	}
	if r, ok := rules[pattern]; ok {
		return func(d *doc, v value) element { return c.byRule(r, pattern, d, v) }
	}
	for _, name := range fallback {
		if c.allHave(name, lists) {
			return func(d *doc, v value) element { return element{key: d.textAt(v, name), label: d.textAt(v, name)} }
		}
	}
	return func(*doc, value) element { return element{} }
}

func (c *comparer) allHave(name string, lists [][]value) bool {
	for i, list := range lists {
		for _, v := range list {
			if c.docs[i].kind(v) != '{' || c.docs[i].textAt(v, name) == "" {
				return false
			}
		}
	}
	return true
}

func (c *comparer) byRule(r rule, pattern string, d *doc, v value) element {
	var e element
	var parts []string
	for _, path := range r.key {
		if part := d.textAt(v, path); part != "" {
			parts = append(parts, part)
		}
	}
	e.key = strings.Join(parts, " ")
	for _, path := range r.label {
		if e.label == "" {
			e.label = d.textAt(v, path)
		}
	}
	switch {
	case r.id && len(parts) > 0:
		if name := c.nameOf(pattern+"[]."+r.key[0], parts[0]); name != "" {
			e.label = name
		}
	case e.key == "" && e.label != "":
		// Presentations of imported templates have no id.
		e.key = e.label
	}
	if e.label == "" {
		if e.label = e.key; strings.HasSuffix(pattern, "scheduledActionConfigurations") {
			e.label = humanise(e.key)
		}
	}
	return e
}

// setting is one of the settings catalogue, of an older template or of a group of
// reusable ones.
func setting(parent string, d *doc, v value) element {
	for _, path := range []string{definitionID, instance + "/" + definitionID, "definitionId"} {
		if id := d.textAt(v, path); id != "" {
			return element{key: id, label: shortDefinition(id, parent), def: id}
		}
	}
	return element{}
}

// definitionValue is a setting of an administrative template. Definitions of
// imported ones have no id that lasts.
func definitionValue(d *doc, v value) element {
	class, path, name := d.textAt(v, "definition/classType"), d.textAt(v, "definition/categoryPath"), d.textAt(v, "definition/displayName")
	e := element{key: d.textAt(v, "definition/id")}
	if e.key == "" && name != "" {
		e.key = class + ":" + path + `\` + name
	}
	e.label = strings.ReplaceAll(strings.Trim(path+`\`+name, `\`), `\`, separator)
	if class == "user" {
		e.label += " (user)"
	}
	return e
}

// Members of a target.
const (
	filterID   = "deviceAndAppManagementAssignmentFilterId"
	filterType = "deviceAndAppManagementAssignmentFilterType"
)

// target is whom an assignment is for. One that comes from a policy set is another
// than a direct one for the same group.
func (c *comparer) target(d *doc, v value) element {
	kind := strings.TrimSuffix(bare(d.textAt(v, "target/@odata.type")), "AssignmentTarget")
	if kind == "" {
		return element{}
	}
	e := element{key: kind}
	id := ""
	for _, name := range []string{"groupId", "collectionId"} {
		if id = d.textAt(v, "target/"+name); id != "" {
			e.key += ":" + id
			break
		}
	}
	name := c.nameOf("assignments[].target.groupId", id)
	if name == "" {
		name = id
	}
	switch kind {
	case "group":
		e.label = "Group " + name
	case "exclusionGroup":
		e.label = "Excluded group " + name
	case "allDevices":
		e.label = "All devices"
	case "allLicensedUsers":
		e.label = "All users"
	default:
		e.label = strings.TrimSpace(humanise(kind) + " " + name)
	}
	if source := d.textAt(v, "source"); source != "" && source != "direct" {
		e.key += "@" + source
		e.label += " (" + lowerFirst(humanise(source)) + ")"
	}
	return e
}

// filter is the filter of a target as a value; nil for none.
func (c *comparer) filter(d *doc, target value) *Value {
	id, kind := d.textAt(target, filterID), d.textAt(target, filterType)
	if id == "" && kind == "" {
		return nil
	}
	name := c.nameOf("assignments[].target."+filterID, id)
	if name == "" {
		name = id
	}
	return &Value{JSON: jsonOf(map[string]string{"id": clip(id, maxKey), "type": clip(kind, maxKey)}), Name: clip(name+" ("+kind+")", maxLabel)}
}

// nameOf is the name of the object with that id, which stands at a path.
func (c *comparer) nameOf(path, id string) string {
	if id == "" {
		return ""
	}
	typ, known := c.references[path]
	if typ == catalog.TypeScopeTag && id == "0" {
		return "Default"
	}
	id = strings.ToLower(id)
	if name := c.names[typ][id]; known || len(id) < len("00000000-0000") {
		return name
	}
	// Some ids stand where no path says what they are of.
	for _, t := range c.types {
		if name := c.names[t][id]; name != "" {
			return name
		}
	}
	return ""
}

func bare(odataType string) string { return strings.TrimPrefix(odataType, catalog.ODataPrefix) }

func jsonOf(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // texts and lists of them can be written
		return json.RawMessage("null")
	}
	return raw
}
