package graphsim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jsonText is the written form of a JSON value.
type jsonText = json.RawMessage

var (
	computedAssigned = map[string]func(*tenant, *entity) jsonText{"isAssigned": isAssigned}
	liveAssigned     = map[string]func(*tenant, *entity) jsonText{"isAssigned": isAssigned}
)

// prepareNothing is for sets whose objects lack nothing that is not filled for all.
func prepareNothing(*loader, *entity) {}

// prepareVersion gives objects that have one a version.
func prepareVersion(_ *loader, e *entity) {
	e.props = fill(e.props, "version", json.RawMessage("1"))
}

// prepareCatalogSettings numbers the settings and counts them.
func prepareCatalogSettings(l *loader, e *entity) {
	settings := e.children["settings"]
	for i, raw := range settings {
		o, err := parseObject(raw)
		if err != nil {
			l.note(e.id, "setting %d is not an object", i)
			continue
		}
		if o.text("id") == "" {
			numbered := object{{rawKey: quote("id"), key: "id", value: quote(strconv.Itoa(i))}}
			settings[i] = append(numbered, o.without(func(key string) bool { return key == "id" })...).bytes()
		}
	}
	count := json.RawMessage(strconv.Itoa(len(settings)))
	if old, ok := e.props.get("settingCount"); ok && string(old) != string(count) {
		l.note(e.id, "settingCount was %s, there are %s", old, count)
	}
	e.props = e.props.with("settingCount", count)
	e.props = fill(e.props, "creationSource", json.RawMessage("null"))
}

func prepareConfigurationPolicy(l *loader, e *entity) {
	prepareCatalogSettings(l, e)
	e.props = fill(e.props, "priorityMetaData", json.RawMessage("null"))
	completeTemplate(e)
}

func prepareInventoryPolicy(l *loader, e *entity) {
	prepareCatalogSettings(l, e)
	completeTemplate(e)
}

func prepareLinuxCompliance(l *loader, e *entity) {
	prepareCatalogSettings(l, e)
	prepareActions(l, e)
}

func prepareDeviceConfiguration(l *loader, e *entity) {
	prepareVersion(l, e)
	e.props = fill(e.props, "supportsScopeTags", json.RawMessage("true"))
	for name := range l.catalog.references[strings.TrimPrefix(e.props.text("@odata.type"), typePrefix)] {
		l.takeReference(e, name)
	}
}

// prepareCompliancePolicy gives the scheduled actions their ids. A policy always
// has one block action (TenuVault#25), so one without gets it.
func prepareCompliancePolicy(l *loader, e *entity) {
	prepareVersion(l, e)
	const name = "scheduledActionsForRule"
	if len(e.children[name]) == 0 {
		e.children[name] = []json.RawMessage{json.RawMessage(`{"ruleName":null,"scheduledActionConfigurations":[{"gracePeriodHours":0,"actionType":"block","notificationTemplateId":"","notificationMessageCCList":[]}]}`)}
	}
	prepareActions(l, e)
}

// prepareActions gives rules and actions their ids.
func prepareActions(l *loader, e *entity) {
	const name = "scheduledActionsForRule"
	for i, raw := range e.children[name] {
		rule, err := parseObject(raw)
		if err != nil {
			l.note(e.id, "rule %d is not an object", i)
			continue
		}
		if rule.text("id") == "" {
			rule = rule.with("id", quote(l.guid(e.id, "rule", strconv.Itoa(i))))
		}
		raw, _ := rule.get("scheduledActionConfigurations")
		actions, err := parseArray(raw)
		if err != nil {
			actions = nil
		}
		for k, a := range actions {
			if o, err := parseObject(a); err == nil && o.text("id") == "" {
				actions[k] = o.with("id", quote(l.guid(e.id, "action", strconv.Itoa(i), strconv.Itoa(k)))).bytes()
			}
		}
		e.children[name][i] = rule.with("scheduledActionConfigurations", arrayBytes(actions)).bytes()
	}
}

// parseArray of what may be missing or null is an empty list.
func listOf(o object, name string) []json.RawMessage {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	list, err := parseArray(raw)
	if err != nil {
		return nil
	}
	return list
}

var boundID = regexp.MustCompile(`\('([^']+)'\)(?:/\$ref)?$|/([^/()']+)(?:/\$ref)?$`)

// idOfLink is the id at the end of an address, as in @odata.bind and @odata.id.
func idOfLink(link string) string {
	m := boundID.FindStringSubmatch(link)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// idsOfLinks are the ids of one address or of a list of them.
func idsOfLinks(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{idOfLink(one)}
	}
	list, err := texts(raw)
	if err != nil {
		return nil
	}
	for i, link := range list {
		list[i] = idOfLink(link)
	}
	return list
}

// idsInside are the ids of an expanded object or of a list of them.
func idsInside(raw json.RawMessage) []string {
	if o, err := parseObject(raw); err == nil {
		return []string{o.text("id")}
	}
	list, err := parseArray(raw)
	if err != nil {
		return nil
	}
	var out []string
	for _, raw := range list {
		if o, err := parseObject(raw); err == nil {
			out = append(out, o.text("id"))
		}
	}
	return out
}

// takeReference turns an expanded or bound navigation property of a loaded object
// into a reference.
func (l *loader) takeReference(e *entity, name string) {
	var ids []string
	for _, key := range []string{name, name + "@odata.bind"} {
		raw, ok := e.props.get(key)
		if !ok {
			continue
		}
		if key == name {
			ids = append(ids, idsInside(raw)...)
		} else {
			ids = append(ids, idsOfLinks(raw)...)
		}
	}
	e.props = e.props.without(func(key string) bool { return key == name || key == name+"@odata.bind" })
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	if len(ids) > 0 {
		e.props = e.props.with(refKey(name), textArray(ids))
	}
}

// textArray writes strings as a JSON array.
func textArray(list []string) json.RawMessage {
	out := make([]json.RawMessage, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return arrayBytes(out)
}

// prepareGroupPolicy makes references of the definitions and presentations that
// an export holds inside (IntuneCD) or as addresses with their names beside them
// (IntuneManagement), and sees to it that there are such definitions.
func prepareGroupPolicy(l *loader, e *entity) {
	e.props = fill(e.props, "policyConfigurationIngestionType", quote("builtIn"))
	custom := e.props.text("policyConfigurationIngestionType") == "custom"
	for i, raw := range e.children["definitionValues"] {
		o, err := parseObject(raw)
		if err != nil {
			l.note(e.id, "definition value %d is not an object", i)
			continue
		}
		id, definition := o.text(refKey("definition")), object(nil)
		if raw, ok := o.get("definition"); ok && string(raw) != "null" {
			if definition, err = parseObject(raw); err == nil {
				id = definition.text("id")
			}
		} else if link := o.text("definition@odata.bind"); link != "" {
			id = idOfLink(link)
			definition = object{}.with("id", quote(id)).with("classType", quote(o.text("#Definition_classType"))).
				with("displayName", quote(o.text("#Definition_displayName"))).with("categoryPath", quote(o.text("#Definition_categoryPath")))
		}
		var presentations []object
		values := listOf(o, "presentationValues")
		for k, raw := range values {
			v, err := parseObject(raw)
			if err != nil {
				continue
			}
			presentation, pid := object(nil), v.text(refKey("presentation"))
			if raw, ok := v.get("presentation"); ok && string(raw) != "null" {
				if presentation, err = parseObject(raw); err == nil {
					pid = presentation.text("id")
				}
			} else if link := v.text("presentation@odata.bind"); link != "" {
				pid = idOfLink(link)
				presentation = object{}.with("id", quote(pid)).with("label", quote(v.text("#Presentation_Label")))
			}
			if presentation != nil {
				presentations = append(presentations, presentation)
			}
			if v.text("id") == "" {
				v = v.with("id", quote(l.guid(e.id, "presentation", strconv.Itoa(i), strconv.Itoa(k))))
			}
			if pid != "" && !strings.Contains(pid, "/") {
				pid = id + "/" + pid
			}
			v = v.without(func(key string) bool {
				return key == "presentation" || strings.HasPrefix(key, "#") || strings.Contains(key, "@odata.") && key != "@odata.type"
			})
			values[k] = v.with(refKey("presentation"), quote(pid)).bytes()
		}
		if definition != nil {
			l.learnDefinition(definition, presentations, custom)
		}
		if o.text("id") == "" {
			o = o.with("id", quote(l.guid(e.id, "definitionValue", strconv.Itoa(i))))
		}
		o = o.without(func(key string) bool {
			return key == "definition" || strings.HasPrefix(key, "#") || strings.Contains(key, "@odata.")
		})
		o = o.with(refKey("definition"), quote(id)).with("presentationValues", arrayBytes(values))
		e.children["definitionValues"][i] = o.bytes()
	}
}

// learnDefinition adds a definition with its presentations: of an imported file
// to the tenant, else to what all tenants have.
func (l *loader) learnDefinition(definition object, presentations []object, custom bool) {
	id := definition.text("id")
	if id == "" {
		return
	}
	custom = custom || definition.text("policyType") == "admxIngested"
	merge := func(old *entity) *entity {
		e := &entity{id: id, props: definition.without(func(key string) bool { return strings.Contains(key, "@odata.") }), children: map[string][]json.RawMessage{}}
		if old != nil {
			e.props = old.props
			e.children["presentations"] = slices.Clone(old.children["presentations"])
		} else {
			e.props = fill(e.props, "policyType", quote(map[bool]string{true: "admxIngested", false: "admxBacked"}[custom]))
		}
		for _, p := range presentations {
			if p.text("id") != "" && indexByID(e.children["presentations"], p.text("id")) < 0 {
				e.children["presentations"] = append(e.children["presentations"], p.without(func(key string) bool { return strings.HasPrefix(key, "@odata.") && key != "@odata.type" }).bytes())
			}
		}
		return e
	}
	if !custom {
		l.tenant.content.put(definitionsPath, id, merge)
		return
	}
	set := l.tenant.sets[definitionsPath]
	set.put(merge(set.get(id)))
}

func definitionsOf(t *tenant, key, id string) []json.RawMessage {
	var out []json.RawMessage
	for _, e := range t.all(definitionsPath) {
		if e.props.text(key) == id {
			out = append(out, e.props.without(func(key string) bool { return strings.HasPrefix(key, "~") }).bytes())
		}
	}
	return out
}

func definitionsOfFile(t *tenant, e *entity) []json.RawMessage {
	return definitionsOf(t, refKey("file"), e.id)
}

func definitionsOfCategory(t *tenant, e *entity) []json.RawMessage {
	return definitionsOf(t, refKey("category"), e.id)
}

// prepareDefinitionFile: neither content nor language files are ever answered.
func prepareDefinitionFile(l *loader, e *entity) {
	e.props = fill(e.props, "status", quote("available"))
	e.props = e.props.with("content", json.RawMessage("null")).with("groupPolicyUploadedLanguageFiles", json.RawMessage("[]"))
	definitions := listOf(e.props, "definitions")
	e.props = e.props.without(func(key string) bool { return key == "definitions" })
	l.ingest(e, definitions)
}

// ingest adds the definitions of an imported file, under one category.
func (l *loader) ingest(file *entity, definitions []json.RawMessage) {
	if len(definitions) == 0 {
		return
	}
	category := l.guid(file.id, "category")
	l.tenant.sets[categoriesPath].put(&entity{id: category, props: object{}.with("id", quote(category)).with("displayName", quote(file.props.text("fileName"))).
		with("isRoot", json.RawMessage("true")).with("ingestionSource", quote("custom")).with("lastModifiedDateTime", quote(file.props.text("lastModifiedDateTime"))).with(refKey("file"), quote(file.id))})
	set := l.tenant.sets[definitionsPath]
	for i, raw := range definitions {
		o, err := parseObject(raw)
		if err != nil {
			l.note(file.id, "definition %d is not an object", i)
			continue
		}
		id := o.text("id")
		if id == "" {
			id = l.guid(file.id, "definition", strconv.Itoa(i))
			o = o.with("id", quote(id))
		}
		e := &entity{id: id, children: map[string][]json.RawMessage{}}
		for k, raw := range listOf(o, "presentations") {
			if p, err := parseObject(raw); err == nil {
				if p.text("id") == "" {
					p = p.with("id", quote(l.guid(id, "presentation", strconv.Itoa(k))))
				}
				e.children["presentations"] = append(e.children["presentations"], p.bytes())
			}
		}
		e.props = fill(o.without(func(key string) bool { return key == "presentations" }), "policyType", quote("admxIngested")).
			with(refKey("file"), quote(file.id)).with(refKey("category"), quote(category))
		set.put(e)
	}
}

// prepareIntent takes the settings of each way in which intents are exported, and
// sees to it that there is the template.
func prepareIntent(l *loader, e *entity) {
	for _, key := range []string{"settingsDelta", "TemplateId"} {
		raw, ok := e.props.get(key)
		if !ok {
			continue
		}
		e.props = e.props.without(func(k string) bool { return k == key })
		if key == "TemplateId" {
			e.props = fill(e.props, "templateId", raw)
		} else if len(e.children["settings"]) == 0 {
			if list, err := parseArray(raw); err == nil {
				e.children["settings"] = list
			}
		}
	}
	// Notes that tools write beside what Graph answers.
	e.props = e.props.without(func(key string) bool { return key == "TemplateDisplayName" || key == "versionInfo" })
	e.props = fill(e.props, "isMigratingToConfigurationPolicy", json.RawMessage("false"))
	l.fillIDs(e, "settings")
	if id := e.props.text("templateId"); id != "" {
		l.learnTemplate(id)
	}
}

// learnTemplate adds a template to what all tenants have.
func (l *loader) learnTemplate(id string) {
	l.tenant.content.put(templatesPath, id, func(old *entity) *entity {
		if old != nil {
			return nil
		}
		return &entity{id: id, children: map[string][]json.RawMessage{}, props: object{}.with("id", quote(id)).with("displayName", quote("Template "+id)).
			with("description", quote("")).with("versionInfo", quote("")).with("isDeprecated", json.RawMessage("false")).with("intentCount", json.RawMessage("0")).
			with("templateType", quote("securityTemplate")).with("platformType", quote("windows10AndLater")).with("templateSubtype", quote("none")).
			with("publishedDateTime", quote("2020-01-01T00:00:00Z"))}
	})
}

// All settings of a template are in one category here.
func categoryOf(template string) object {
	return object{}.with("id", quote(stableGUID("category", template))).with("displayName", quote("Settings")).with("hasRequiredSetting", json.RawMessage("false"))
}

func categoriesOfTemplate(_ *tenant, e *entity) []json.RawMessage {
	return []json.RawMessage{categoryOf(e.id).bytes()}
}

func categoriesOfIntent(_ *tenant, e *entity) []json.RawMessage {
	return []json.RawMessage{categoryOf(e.props.text("templateId")).with("settings", arrayBytes(e.children["settings"])).bytes()}
}

func prepareScript(_ *loader, e *entity) {
	if _, ok := e.props.get("isGlobalScript"); ok {
		e.props = fill(e.props, "highestAvailableVersion", json.RawMessage("null"))
	}
}

func prepareReusable(l *loader, e *entity) { prepareVersion(l, e) }

// referencing returns the policies whose settings name the reusable setting.
func referencing(t *tenant, e *entity) []*entity {
	var out []*entity
	for _, path := range []string{catalogPath, linuxPath} {
		for _, policy := range t.all(path) {
			if slices.ContainsFunc(policy.children["settings"], func(raw json.RawMessage) bool { return strings.Contains(string(raw), e.id) }) {
				out = append(out, policy)
			}
		}
	}
	return out
}

func referencingCount(t *tenant, e *entity) jsonText {
	return json.RawMessage(strconv.Itoa(len(referencing(t, e))))
}

func referencingPolicies(t *tenant, e *entity) []json.RawMessage {
	var out []json.RawMessage
	for _, policy := range referencing(t, e) {
		out = append(out, policy.props.bytes())
	}
	return out
}

func deployedAppCount(_ *tenant, e *entity) jsonText {
	return json.RawMessage(strconv.Itoa(len(e.children["apps"])))
}

func prepareFilter(_ *loader, e *entity) {
	e.props = fill(e.props, "roleScopeTags", json.RawMessage(`["0"]`))
	e.props = fill(e.props, "payloads", json.RawMessage("[]"))
	e.props = fill(e.props, "assignmentFilterManagementType", quote("devices"))
}

func prepareScopeTag(_ *loader, e *entity) {
	e.props = fill(e.props, "isBuiltIn", json.RawMessage("false"))
}

func prepareRole(_ *loader, e *entity) {
	e.props = fill(e.props, "isBuiltIn", json.RawMessage("false"))
	e.props = fill(e.props, "isBuiltInRoleDefinition", json.RawMessage("false"))
}

// assignmentsOfRole are the assignments of a role. Their items are incomplete:
// members and scopes are only on the assignment itself.
func assignmentsOfRole(t *tenant, e *entity) []json.RawMessage {
	ref := t.catalog.find(roleAssignmentsPath).ref("roleDefinition")
	var out []json.RawMessage
	for _, a := range t.all(roleAssignmentsPath) {
		if slices.Contains(ref.ids(a.props), e.id) {
			o := object{}.with("id", quote(a.id))
			for _, key := range []string{"displayName", "description"} {
				if v, ok := a.props.get(key); ok {
					o = o.with(key, v)
				}
			}
			out = append(out, o.with("scopeMembers", json.RawMessage("[]")).with("scopeType", quote(a.props.text("scopeType"))).with("resourceScopes", json.RawMessage("[]")).bytes())
		}
	}
	return out
}

func prepareRoleAssignment(_ *loader, e *entity) {
	e.props = fill(e.props, "scopeType", quote("resourceScope"))
	e.props = fill(e.props, "members", json.RawMessage("[]"))
	e.props = fill(e.props, "resourceScopes", json.RawMessage("[]"))
	e.props = fill(e.props, "scopeMembers", json.RawMessage("[]"))
}

// prepareNotification: the id of a message is {templateId}_{locale}.
func prepareNotification(_ *loader, e *entity) {
	locale := json.RawMessage("null")
	for i, raw := range e.children["localizedNotificationMessages"] {
		o, err := parseObject(raw)
		if err != nil {
			continue
		}
		o = o.with("id", quote(e.id+"_"+strings.ToLower(o.text("locale"))))
		o = fill(o, "lastModifiedDateTime", quote(e.props.text("lastModifiedDateTime")))
		if v, _ := o.get("isDefault"); string(v) == "true" {
			locale = quote(o.text("locale"))
		}
		e.children["localizedNotificationMessages"][i] = o.bytes()
	}
	e.props = e.props.with("defaultLocale", locale)
	e.props = fill(e.props, "brandingOptions", quote("none"))
}

// prepareEnrollment: the id of a default object begins with the account's id.
func prepareEnrollment(l *loader, e *entity) {
	prepareVersion(l, e)
	if suffix, ok := defaultSuffix(e.id); ok {
		if id := l.tenant.accountID + suffix; !strings.EqualFold(id, e.id) {
			l.note(e.id, "a default object got the account id of this tenant: %s", id)
			e.id = id
			e.props = e.props.with("id", quote(id))
		}
		e.props = fill(e.props, "priority", json.RawMessage("0"))
	}
	if _, ok := e.props.get("priority"); !ok {
		e.props = e.props.with("priority", json.RawMessage(strconv.Itoa(l.tenant.nextPriority(e))))
	}
	kind := strings.TrimPrefix(e.props.text("@odata.type"), typePrefix)
	e.props = fill(e.props, "deviceEnrollmentConfigurationType", quote(enrollmentKinds[kind]))
	if kind == "deviceEnrollmentNotificationConfiguration" {
		e.props = e.props.with("brandingOptions", quote("none")).with("defaultLocale", json.RawMessage("null"))
	}
}

// enrollmentKinds are the values of deviceEnrollmentConfigurationType by type.
var enrollmentKinds = map[string]string{
	"deviceEnrollmentLimitConfiguration":                   "limit",
	"deviceEnrollmentPlatformRestrictionsConfiguration":    "platformRestrictions",
	"deviceEnrollmentPlatformRestrictionConfiguration":     "singlePlatformRestriction",
	"deviceEnrollmentWindowsHelloForBusinessConfiguration": "windowsHelloForBusiness",
	"windows10EnrollmentCompletionPageConfiguration":       "windows10EnrollmentCompletionPageConfiguration",
	"deviceComanagementAuthorityConfiguration":             "deviceComanagementAuthorityConfiguration",
	"deviceEnrollmentNotificationConfiguration":            "enrollmentNotificationsConfiguration",
	"windowsRestoreDeviceEnrollmentConfiguration":          "windowsRestore",
}

// defaultSuffix returns the end of the id of a default object, from the underscore.
func defaultSuffix(id string) (string, bool) {
	_, suffix, ok := strings.Cut(id, "_")
	if !ok || !strings.HasPrefix(suffix, "Default") && suffix != "WindowsRestore" {
		return "", false
	}
	return "_" + suffix, true
}

// priorityGroup says among which objects a priority is given: those of one type
// and platform.
func priorityGroup(e *entity) string {
	return e.props.text("@odata.type") + "/" + e.props.text("platformType")
}

// nextPriority is the place behind the last object of the same kind. It is called
// with the sets locked.
func (t *tenant) nextPriority(e *entity) int {
	last := 0
	for _, other := range t.sets[enrollmentPath].order {
		if priorityGroup(other) == priorityGroup(e) {
			last = max(last, priorityOf(other))
		}
	}
	return last + 1
}

func priorityOf(e *entity) int {
	raw, _ := e.props.get("priority")
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return 0
	}
	return n
}

func prepareAutopilot(*loader, *entity) {}

func prepareCategory(_ *loader, e *entity) {
	e.props = fill(e.props, "roleScopeTagIds", json.RawMessage(`["0"]`))
}

func prepareBranding(_ *loader, e *entity) {
	e.props = fill(e.props, "isDefaultProfile", json.RawMessage("false"))
}

func prepareAppleEnrollment(_ *loader, e *entity) {
	e.props = fill(e.props, "priority", json.RawMessage("0"))
}

// prepareDep: the id of a profile begins with that of its token.
func prepareDep(l *loader, e *entity) {
	for i, raw := range e.children["enrollmentProfiles"] {
		o, err := parseObject(raw)
		if err != nil {
			continue
		}
		if o.text("id") == "" {
			o = o.with("id", quote(e.id+"_"+l.guid(e.id, "profile", strconv.Itoa(i))))
		}
		// Never answered.
		o = o.without(func(key string) bool { return key == "adminAccountPassword" })
		e.children["enrollmentProfiles"][i] = o.bytes()
	}
}

func prepareApp(l *loader, e *entity) {
	e.props = fill(e.props, "publishingState", quote("published"))
	e.props = fill(e.props, "uploadState", json.RawMessage("1"))
	e.props = fill(e.props, "isFeatured", json.RawMessage("false"))
	for _, key := range []string{"dependentAppCount", "supersedingAppCount", "supersededAppCount"} {
		e.props = fill(e.props, key, json.RawMessage("0"))
	}
	e.props = fill(e.props, "largeIcon", json.RawMessage("null"))
	var own []json.RawMessage
	for i, raw := range e.children["relationships"] {
		o, err := parseObject(raw)
		if err != nil || o.text("targetType") == "parent" {
			continue // the other side of what another app holds
		}
		if o.text("id") == "" {
			o = o.with("id", quote(e.id+"_"+l.guid(e.id, "relationship", strconv.Itoa(i))))
		}
		own = append(own, o.bytes())
	}
	e.children["relationships"] = own
}

// relationshipsOfApp are those that the app holds, and those of others that lead
// to it, as parents.
func relationshipsOfApp(t *tenant, e *entity) []json.RawMessage {
	out := slices.Clone(e.children["relationships"])
	for _, other := range t.all(appsPath) {
		for _, raw := range other.children["relationships"] {
			o, err := parseObject(raw)
			if err != nil || !strings.EqualFold(o.text("targetId"), e.id) {
				continue
			}
			out = append(out, o.with("id", quote(e.id+"_"+other.id)).with("targetId", quote(other.id)).
				with("targetDisplayName", quote(other.props.text("displayName"))).with("sourceId", quote(e.id)).with("targetType", quote("parent")).bytes())
		}
	}
	return out
}

// learnCategories adds the categories that an exported app holds inside.
func (l *loader) learnCategories(raw json.RawMessage) {
	list, err := parseArray(raw)
	if err != nil {
		return
	}
	for _, raw := range list {
		o, err := parseObject(raw)
		if err != nil || o.text("id") == "" || l.tenant.sets[appCategoriesPath].get(o.text("id")) != nil {
			continue
		}
		l.tenant.sets[appCategoriesPath].put(&entity{id: o.text("id"), props: o})
	}
}

func prepareAppCategory(*loader, *entity) {}

func prepareManagedApp(l *loader, e *entity) {
	e.props = fill(e.props, "version", quote(fmt.Sprintf("%q", stableGUID(e.id))))
	l.fillIDs(e, "apps", "settings", "protectedAppLockerFiles", "exemptAppLockerFiles")
}

func preparePolicySet(l *loader, e *entity) {
	l.fillIDs(e, "items")
	state := "success"
	if len(e.children["assignments"]) == 0 {
		state = "notAssigned"
	}
	e.props = fill(e.props, "status", quote(state))
	e.props = fill(e.props, "errorCode", quote("noError"))
	e.props = fill(e.props, "roleScopeTags", json.RawMessage(`["0"]`))
	e.props = fill(e.props, "guidedDeploymentTags", json.RawMessage("[]"))
}

func prepareCloudPC(*loader, *entity) {}

// prepareEntra fills what policies outside of Intune have.
func prepareEntra(_ *loader, e *entity) {
	e.props = fill(e.props, "modifiedDateTime", json.RawMessage("null"))
}

func prepareStrength(l *loader, e *entity) {
	prepareEntra(l, e)
	e.props = fill(e.props, "policyType", quote("custom"))
	e.props = fill(e.props, "requirementsSatisfied", quote("mfa"))
	l.fillIDs(e, "combinationConfigurations")
}

func prepareAgreement(l *loader, e *entity) { l.fillIDs(e, "files") }

func prepareGroup(_ *loader, e *entity) {
	e.props = fill(e.props, "groupTypes", json.RawMessage("[]"))
	e.props = fill(e.props, "securityEnabled", json.RawMessage("true"))
	e.props = fill(e.props, "mailEnabled", json.RawMessage("false"))
	e.props = fill(e.props, "membershipRule", json.RawMessage("null"))
	e.props = fill(e.props, "onPremisesSyncEnabled", json.RawMessage("null"))
}

// fillIDs gives the elements of children an id where they lack one.
func (l *loader) fillIDs(e *entity, names ...string) {
	for _, name := range names {
		for i, raw := range e.children[name] {
			if o, err := parseObject(raw); err == nil && o.text("id") == "" {
				e.children[name][i] = o.with("id", quote(l.guid(e.id, name, strconv.Itoa(i)))).bytes()
			}
		}
	}
}
