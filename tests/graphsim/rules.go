package graphsim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tenantatlas/tests/graphsim/schema"
)

// Where a rule has no source beside it, it is one of the reference page of its
// type or of the tools that write it; README.md says which are assumptions.

// plainRules are those of sets with nothing special.
func plainRules() *writeRules { return &writeRules{} }

// updateRules are those of the Windows update sets.
func updateRules() *writeRules {
	return &writeRules{assign: &assignRule{key: "assignments", status: http.StatusNoContent, filters: true}}
}

var notFound404 = &problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "An error has occurred", shape: ShapeIntune}

// catalogSettings are the rules of settings catalog policies and their kin:
// PATCH changes the metadata only and leaves settings as they are, PUT replaces
// the whole policy.
func catalogSettings() *writeRules {
	return &writeRules{
		required: []string{"name", "platforms", "technologies", "settings"}, deep: []string{"settings"},
		ignored: []string{"settings"}, put: true, check: checkCatalog, done: sealSettings,
		assign: &assignRule{key: "assignments", status: http.StatusOK, filters: true},
	}
}

func catalogRules() *writeRules { return catalogSettings() }

func inventoryRules() *writeRules {
	r := catalogSettings()
	// No metadata has the type; its technology is none of those of its relatives.
	r.declared, r.unlisted = "deviceManagementConfigurationPolicy", []string{"technologies"}
	r.noPatch, r.putStatus = true, http.StatusNoContent
	return r
}

func linuxComplianceRules() *writeRules {
	r := catalogSettings()
	r.deep = []string{"settings", "scheduledActionsForRule", "scheduledActionsForRule/scheduledActionConfigurations"}
	r.updateStatus = http.StatusNoContent
	r.actions = map[string]action{"setScheduledActions": {run: func(w *write) response {
		rules, p := w.list("scheduledActions")
		if p != nil {
			return w.x.fail(p)
		}
		w.setActions(rules)
		return w.x.writeList(metadataRoot+"Collection(microsoft.graph.deviceManagementComplianceScheduledActionForRule)", w.e.children["scheduledActionsForRule"], false, "", "")
	}}}
	return r
}

// checkCatalog refuses what a template does not offer, and tokens of secrets that
// are not of this very policy.
func checkCatalog(w *write) *problem {
	if raw, ok := w.body.get("templateReference"); ok {
		id := mustObject(raw).text("templateId")
		if _, offered := settingsTemplates[id]; !offered || slices.Contains(w.t.spec.RetiredTemplates, id) {
			// IntuneManagement#209.
			return w.bad("Invalid Reference id found in Policy created from Template %s", id)
		}
	}
	var p *problem
	for _, raw := range listOf(w.body, "settings") {
		walk(raw, func(o object) object {
			if o.text("@odata.type") != typePrefix+"deviceManagementConfigurationSecretSettingValue" || o.text("valueState") != "encryptedValueToken" {
				return o
			}
			if w.old == nil || !strings.Contains(string(arrayBytes(w.old.children["settings"])), string(quote(o.text("value")))) {
				p = w.bad("The secret value token is not valid.")
			}
			return o
		})
	}
	return p
}

// sealSettings replaces clear secrets by tokens, which no call turns back.
func sealSettings(w *write) {
	list := slices.Clone(w.e.children["settings"])
	for i, raw := range list {
		list[i] = walk(raw, func(o object) object {
			if o.text("@odata.type") != typePrefix+"deviceManagementConfigurationSecretSettingValue" || o.text("valueState") != "notEncrypted" {
				return o
			}
			token := w.freshID()
			w.t.mu.Lock()
			w.t.secrets[token] = o.text("value")
			w.t.mu.Unlock()
			return o.with("value", quote(token)).with("valueState", quote("encryptedValueToken"))
		})
	}
	w.e.children["settings"] = list
}

// walk puts every object inside a value through change.
func walk(raw json.RawMessage, change func(object) object) json.RawMessage {
	switch {
	case len(raw) == 0:
	case raw[0] == '{':
		o, err := parseObject(raw)
		if err != nil {
			return raw
		}
		out := slices.Clone(change(o))
		for i, m := range out {
			out[i].value = walk(m.value, change)
		}
		return out.bytes()
	case raw[0] == '[':
		list, err := parseArray(raw)
		if err != nil {
			return raw
		}
		for i, el := range list {
			list[i] = walk(el, change)
		}
		return arrayBytes(list)
	}
	return raw
}

func deviceConfigurationRules() *writeRules {
	return &writeRules{
		required: []string{"displayName"},
		check:    checkDeviceConfiguration,
		done:     sealOma,
		assign:   &assignRule{key: "assignments", status: http.StatusOK, filters: true},
		actions: map[string]action{
			"windowsPrivacyAccessControls": {run: func(w *write) response {
				list, p := w.list("windowsPrivacyAccessControls")
				if p != nil {
					return w.x.fail(p)
				}
				e := w.old.clone()
				e.props = e.props.with("privacyAccessControls", arrayBytes(list))
				w.store(w.c, w.touched(e))
				return noContent()
			}, unchecked: true},
			"extendFeatureUpdatesPause": {unchecked: true, run: command("extendFeatureUpdatesPause")},
			"extendQualityUpdatesPause": {unchecked: true, run: command("extendQualityUpdatesPause")},
		},
	}
}

// command is an action that orders something: it is counted, and changes nothing here.
func command(name string) func(w *write) response {
	return func(w *write) response {
		w.command = name
		return noContent()
	}
}

func checkDeviceConfiguration(w *write) *problem {
	for _, raw := range listOf(w.body, "omaSettings") {
		if v, ok := mustObject(raw).get("secretReferenceValueId"); ok && string(v) != "null" {
			// IntuneBackupAndRestore#39.
			return w.intune("NotSupported", "SecretReferenceValueId invalid for create.")
		}
	}
	if v, ok := w.body.get("deploymentChannel"); ok && w.old != nil {
		if was, _ := w.old.props.get("deploymentChannel"); string(was) != string(v) {
			return w.bad("The property 'deploymentChannel' cannot be changed after the object was created.")
		}
	}
	refs := map[string]*refSpec{}
	kind := w.c.typeOf(w.old0())
	for name, known := range w.t.catalog.references[kind] {
		refs[name] = &refSpec{name: name, target: configurationsPath, many: known.Many}
	}
	if p := w.checkBinds(refs); p != nil {
		return p
	}
	// Of an update ring these are orders and no settings: true pauses or uninstalls
	// on every device, false resumes.
	for _, order := range []struct{ property, yes, no string }{
		{"featureUpdatesPaused", "pauseFeatureUpdates", "resumeFeatureUpdates"},
		{"qualityUpdatesPaused", "pauseQualityUpdates", "resumeQualityUpdates"},
		{"featureUpdatesWillBeRolledBack", "rollBackFeatureUpdates", ""},
		{"qualityUpdatesWillBeRolledBack", "rollBackQualityUpdates", ""},
	} {
		v, ok := w.body.get(order.property)
		was := "false"
		if w.old != nil {
			if raw, ok := w.old.props.get(order.property); ok {
				was = string(raw)
			}
		}
		switch {
		case !ok:
		case string(v) == "true":
			w.command = order.yes
		case string(v) == "false" && was == "true" && order.no != "":
			w.command = order.no
		}
	}
	return nil
}

// sealOma masks the texts of OMA-URI settings: reads answer the mask, and the
// plain text by getOmaSettingPlainTextValue. Numbers and booleans stay.
func sealOma(w *write) {
	if _, ok := w.body.get("omaSettings"); !ok {
		return
	}
	settings := listOf(w.e.props, "omaSettings")
	for i, raw := range settings {
		o := mustObject(raw)
		value := o.text("value")
		mask := "****"
		switch strings.TrimPrefix(o.text("@odata.type"), typePrefix) {
		case "omaSettingString":
		case "omaSettingStringXml":
			// The value is base64 of the text; the plain text is answered without it.
			mask = "PGEvPg=="
			if plain, err := base64.StdEncoding.DecodeString(value); err == nil {
				value = string(plain)
			}
		case "omaSettingBase64":
			mask = "PGEvPg=="
		default:
			continue
		}
		reference := w.t.id + "_" + w.e.id + "_" + w.freshID()
		w.t.mu.Lock()
		w.t.secrets[reference] = value
		w.t.mu.Unlock()
		settings[i] = o.with("value", quote(mask)).with("isEncrypted", json.RawMessage("true")).with("secretReferenceValueId", quote(reference)).bytes()
	}
	w.e.props = w.e.props.with("omaSettings", arrayBytes(settings))
}

// errBlock is quoted in TenuVault#25.
const errBlock = "Compliance policy must have one and only one block scheduled action"

func (w *write) checkBlock(rules []json.RawMessage) *problem {
	blocks := 0
	for _, rule := range rules {
		for _, a := range listOf(mustObject(rule), "scheduledActionConfigurations") {
			if mustObject(a).text("actionType") == "block" {
				blocks++
			}
		}
	}
	if blocks != 1 {
		return w.bad(errBlock)
	}
	return nil
}

// setActions replaces the scheduled actions.
func (w *write) setActions(rules []json.RawMessage) {
	e := w.old.clone()
	list := make([]json.RawMessage, len(rules))
	for i, raw := range rules {
		rule := mustObject(raw).without(func(key string) bool { return key == "id" })
		actions := listOf(rule, "scheduledActionConfigurations")
		for k, a := range actions {
			actions[k] = mustObject(a).with("id", quote(w.freshID())).bytes()
		}
		list[i] = rule.with("id", quote(w.freshID())).with("scheduledActionConfigurations", arrayBytes(actions)).bytes()
	}
	e.children["scheduledActionsForRule"] = list
	w.e = w.touched(e)
	w.store(w.c, w.e)
}

func complianceRules() *writeRules {
	tenantDefault := func(w *write) *problem {
		if w.c.typeOf(w.old0()) == "defaultDeviceCompliancePolicy" {
			return w.bad("The default compliance policy cannot be created or deleted.")
		}
		return nil
	}
	return &writeRules{
		required: []string{"displayName"},
		deep:     []string{"scheduledActionsForRule", "scheduledActionsForRule/scheduledActionConfigurations"},
		check: func(w *write) *problem {
			if !w.create {
				return nil
			}
			if p := tenantDefault(w); p != nil {
				return p
			}
			return w.checkBlock(listOf(w.body, "scheduledActionsForRule"))
		},
		remove: tenantDefault,
		assign: &assignRule{key: "assignments", status: http.StatusOK, filters: true},
		actions: map[string]action{"scheduleActionsForRules": {run: func(w *write) response {
			rules, p := w.list("deviceComplianceScheduledActionForRules")
			if p == nil {
				p = w.checkBlock(rules)
			}
			if p != nil {
				return w.x.fail(p)
			}
			w.setActions(rules)
			return noContent()
		}}},
	}
}

func intentRules() *writeRules {
	return &writeRules{
		// A POST to the set makes nothing: intents come of a template's createInstance.
		refuse: func(w *write) *problem {
			if w.create {
				return w.intune("No method match route template", "No OData route exists that match template ~/singleton/navigation with http verb POST for request /%s", w.c.path)
			}
			return nil
		},
		createOnly: []string{"templateId"}, readOnly: []string{"isMigratingToConfigurationPolicy"},
		assign: &assignRule{key: "assignments", status: http.StatusNoContent, filters: true},
		actions: map[string]action{"updateSettings": {run: func(w *write) response {
			changed, p := w.list("settings")
			if p != nil {
				return w.x.fail(p)
			}
			e := w.old.clone()
			e.children["settings"] = w.mergeSettings(e.children["settings"], changed)
			w.store(w.c, w.touched(e))
			return noContent()
		}}},
	}
}

// mergeSettings puts settings of an intent into its list by their definition; a
// setting that is left out keeps its value.
func (w *write) mergeSettings(list, changed []json.RawMessage) []json.RawMessage {
	list = slices.Clone(list)
	for _, raw := range changed {
		o := mustObject(raw)
		i := slices.IndexFunc(list, func(raw json.RawMessage) bool {
			return mustObject(raw).text("definitionId") == o.text("definitionId")
		})
		if i >= 0 {
			list[i] = o.with("id", quote(mustObject(list[i]).text("id"))).bytes()
		} else {
			list = append(list, o.with("id", quote(w.freshID())).bytes())
		}
	}
	return list
}

// templateRules: nothing writes templates; createInstance makes an intent.
func templateRules() *writeRules {
	fixed := func(w *write) *problem { return notModelled("%s of %s", w.x.method, w.c.path) }
	return &writeRules{
		refuse: fixed, remove: fixed,
		actions: map[string]action{"createInstance": {run: func(w *write) response {
			if slices.Contains(w.t.spec.RetiredTemplates, w.old.id) {
				return w.x.fail(w.bad("Policies can no longer be created from the template %s.", w.old.id))
			}
			if w.body.text("displayName") == "" {
				return w.x.fail(w.bad("The property 'displayName' is required."))
			}
			if p := w.checkTags(w.body); p != nil {
				return w.x.fail(p)
			}
			settings := w.mergeSettings(nil, listOf(w.body, "settingsDelta"))
			body := w.body.without(func(key string) bool { return key == "settingsDelta" || strings.HasPrefix(key, "@odata.") }).
				with("templateId", quote(w.old.id)).with("settings", arrayBytes(settings))
			w.c = w.t.catalog.find(intentsPath)
			if p := w.add(w.c, body); p != nil {
				return w.x.fail(p)
			}
			return w.answer(http.StatusOK)
		}}},
	}
}

func scriptRules(key string) *writeRules {
	return &writeRules{
		required: []string{"displayName", "fileName", "scriptContent", "runAsAccount"},
		assign:   &assignRule{key: key, status: http.StatusOK, filters: true},
	}
}

func customAttributeRules() *writeRules {
	r := scriptRules("deviceManagementScriptAssignments")
	r.required = append(r.required, "customAttributeType")
	r.createOnly = []string{"customAttributeName", "customAttributeType", "displayName"}
	return r
}

func healthScriptRules() *writeRules {
	global := func(w *write) *problem {
		if w.old != nil {
			if v, _ := w.old.props.get("isGlobalScript"); string(v) == "true" {
				return w.bad("A script of Microsoft cannot be changed or deleted.")
			}
		}
		return nil
	}
	return &writeRules{
		required: []string{"displayName", "detectionScriptContent", "runAsAccount"},
		readOnly: []string{"isGlobalScript", "highestAvailableVersion"},
		check: func(w *write) *problem {
			if p := global(w); p != nil {
				return p
			}
			if v, ok := w.body.get("detectionScriptContent"); ok && (string(v) == "null" || string(v) == `""`) {
				return w.bad("The property 'detectionScriptContent' must not be empty.")
			}
			return nil
		},
		remove: global,
		assign: &assignRule{key: "deviceHealthScriptAssignments", status: http.StatusOK, filters: true},
	}
}

func complianceScriptRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "detectionScriptContent", "runAsAccount"},
		assign:   &assignRule{key: "deviceHealthScriptAssignments", status: http.StatusNoContent, filters: true},
	}
}

func reusableRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "settingDefinitionId", "settingInstance"}, put: true,
		check: func(w *write) *problem {
			raw, ok := w.body.get("settingInstance")
			if !ok {
				return nil
			}
			definition := w.body.text("settingDefinitionId")
			if definition == "" && w.old != nil {
				definition = w.old.props.text("settingDefinitionId")
			}
			if definition != mustObject(raw).text("settingDefinitionId") {
				return w.bad("The setting definition id of the setting instance is not that of the reusable setting.")
			}
			var p *problem
			walk(raw, func(o object) object {
				if v, ok := o.get("children"); ok && string(v) == "null" {
					p = w.bad("The property 'children' must not be null.")
				}
				return o
			})
			return p
		},
	}
}

func filterRules() *writeRules {
	return &writeRules{
		createStatus: http.StatusOK, required: []string{"displayName", "platform", "rule"},
		createOnly: []string{"platform"}, readOnly: []string{"payloads"},
		remove: func(w *write) *problem {
			for _, c := range w.t.catalog.collections {
				for _, e := range w.t.all(c.path) {
					for _, raw := range e.children["assignments"] {
						target, _ := mustObject(raw).get("target")
						if strings.EqualFold(mustObject(target).text("deviceAndAppManagementAssignmentFilterId"), w.old.id) {
							// learn.microsoft.com, Filters in Intune.
							return w.bad("An assignment filter is associated with existing assignments. Delete all the assignments for the filter and try again.")
						}
					}
				}
			}
			return nil
		},
	}
}

// builtIn refuses to write an object whose property says that it is built in.
func builtIn(property string) func(w *write) *problem {
	return func(w *write) *problem {
		if w.old == nil {
			return nil
		}
		for name := range strings.SplitSeq(property, ",") {
			if v, _ := w.old.props.get(name); string(v) == "true" {
				return w.bad("A built-in object cannot be changed or deleted.")
			}
		}
		return nil
	}
}

func scopeTagRules() *writeRules {
	fixed := builtIn("isBuiltIn")
	return &writeRules{
		createStatus: http.StatusOK, required: []string{"displayName"}, check: fixed, remove: fixed,
		assign: &assignRule{key: "assignments", status: http.StatusOK, targets: []string{"groupAssignmentTarget"}, refuse: fixed},
	}
}

func roleRules() *writeRules {
	fixed := builtIn("isBuiltIn,isBuiltInRoleDefinition")
	return &writeRules{
		createStatus: http.StatusOK, required: []string{"displayName", "rolePermissions"},
		readOnly: []string{"isBuiltIn", "isBuiltInRoleDefinition"}, check: fixed, remove: fixed,
	}
}

func roleAssignmentRules() *writeRules {
	return &writeRules{
		createStatus: http.StatusOK, required: []string{"displayName", "members", "roleDefinition@odata.bind"},
		check: func(w *write) *problem {
			refs := map[string]*refSpec{}
			for i := range w.c.refs {
				refs[w.c.refs[i].name] = &w.c.refs[i]
			}
			return w.checkBinds(refs)
		},
	}
}

// internalTemplate is the name of the templates that belong to enrolment notifications.
const internalTemplate = "EnrollmentNotificationInternalMEO"

func notificationRules() *writeRules {
	return &writeRules{
		createStatus: http.StatusOK, required: []string{"displayName"}, readOnly: []string{"defaultLocale"},
		done: func(w *write) { w.defaultLocale() },
		kids: map[string]*kidRule{"localizedNotificationMessages": {
			create: true, update: true, remove: true, createOnly: []string{"locale"},
			id: func(w *write, o object) string { return w.old.id + "_" + strings.ToLower(o.text("locale")) },
			check: func(w *write, old, body object) *problem {
				if old == nil && (body.text("locale") == "" || body.text("subject") == "" || body.text("messageTemplate") == "") {
					return w.bad("The properties 'locale', 'subject' and 'messageTemplate' are required.")
				}
				if v, ok := body.get("isDefault"); ok && old != nil && string(v) != "true" {
					return w.bad("The property 'isDefault' can only be set to true.")
				}
				return nil
			},
			// One message is the default: another that becomes it takes its place.
			change: func(w *write, list []json.RawMessage, i int) []json.RawMessage {
				stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
				isDefault := json.RawMessage(nil)
				if i >= 0 {
					isDefault, _ = mustObject(list[i]).get("isDefault")
				}
				for k, raw := range list {
					o := mustObject(raw)
					switch {
					case k == i:
						o = fill(o, "isDefault", json.RawMessage("false")).with("lastModifiedDateTime", stamp)
					case string(isDefault) == "true":
						o = o.with("isDefault", json.RawMessage("false"))
					}
					list[k] = o.bytes()
				}
				e := w.old.clone()
				e.children["localizedNotificationMessages"] = list
				e.props = e.props.with("defaultLocale", defaultLocale(list))
				w.old = e
				return list
			},
		}},
	}
}

func defaultLocale(messages []json.RawMessage) json.RawMessage {
	for _, raw := range messages {
		o := mustObject(raw)
		if v, _ := o.get("isDefault"); string(v) == "true" {
			return quote(o.text("locale"))
		}
	}
	return json.RawMessage("null")
}

func (w *write) defaultLocale() {
	w.e.props = w.e.props.with("defaultLocale", defaultLocale(w.e.children["localizedNotificationMessages"]))
}

func hardwareRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "fileName", "configurationFileContent", "hardwareConfigurationFormat"},
		writable: []string{"displayName"},
		assign:   &assignRule{key: "hardwareConfigurationAssignments", status: http.StatusOK, filters: true},
	}
}

func isDefaultEnrollment(e *entity) bool {
	_, suffixed := defaultSuffix(e.id)
	return suffixed
}

// enrollmentRules: default objects are changed in place and nothing else, others
// have an order among those of their kind.
func enrollmentRules() *writeRules {
	fixed := func(w *write) *problem {
		if isDefaultEnrollment(w.old) {
			return w.bad("The default enrollment configuration cannot be assigned, ordered or deleted.")
		}
		return nil
	}
	return &writeRules{
		required: []string{"displayName"},
		check:    checkEnrollment,
		done:     enrollmentTemplates,
		remove: func(w *write) *problem {
			if p := fixed(w); p != nil {
				return p
			}
			for _, id := range notificationTemplateIDs(w.old.props) {
				w.t.mu.Lock()
				w.t.sets[notificationsPath].delete(id)
				w.t.mu.Unlock()
			}
			w.reorder(w.old, 0)
			return nil
		},
		assign: &assignRule{key: "enrollmentConfigurationAssignments", status: http.StatusNoContent, filters: true, refuse: fixed},
		actions: map[string]action{"setPriority": {run: func(w *write) response {
			if p := fixed(w); p != nil {
				return w.x.fail(p)
			}
			raw, _ := w.body.get("priority")
			n, err := strconv.Atoi(string(raw))
			if err != nil || n < 1 || n == priorityOf(w.old) {
				return w.x.fail(w.bad("The priority is not valid or is the current one."))
			}
			w.reorder(w.old, n)
			return noContent()
		}}},
	}
}

// reorder moves an object to a place among those of its kind; the others make
// room. Place 0 takes it out.
func (w *write) reorder(moved *entity, place int) {
	var others []*entity
	for _, e := range w.t.all(enrollmentPath) {
		if priorityGroup(e) == priorityGroup(moved) && e.id != moved.id && !isDefaultEnrollment(e) {
			others = append(others, e)
		}
	}
	slices.SortStableFunc(others, func(a, b *entity) int { return priorityOf(a) - priorityOf(b) })
	if place > 0 {
		others = slices.Insert(others, min(place-1, len(others)), moved)
	}
	for i, e := range others {
		if priorityOf(e) != i+1 {
			e = e.clone()
			e.props = e.props.with("priority", json.RawMessage(strconv.Itoa(i+1)))
			w.store(w.c, e)
		}
	}
}

func checkEnrollment(w *write) *problem {
	kind := w.c.typeOf(w.old0())
	if w.create {
		switch kind {
		case "windowsRestoreDeviceEnrollmentConfiguration", "deviceEnrollmentWindowsHelloForBusinessConfiguration":
			return w.bad("A configuration of type %s cannot be created.", kind)
		}
		if kind == "deviceEnrollmentNotificationConfiguration" {
			for _, id := range namesOf(w.body, "notificationTemplates") {
				if channel, guid, _ := strings.Cut(id, "_"); !isChannel(channel) || guid != uuid.Nil.String() {
					return w.bad("The notification template '%s' is not valid for create.", id)
				}
			}
		}
		return nil
	}
	for _, name := range []string{"priority", "platformType", "deviceEnrollmentConfigurationType"} {
		if v, ok := w.body.get(name); ok {
			if was, _ := w.old.props.get(name); string(was) != string(v) || name == "platformType" {
				return w.bad("The property '%s' cannot be changed in this request.", name)
			}
		}
	}
	if v, ok := w.body.get("windowsMobileRestriction"); ok && string(v) != "null" {
		return w.bad("The property 'windowsMobileRestriction' can no longer be set.")
	}
	switch kind {
	case "windowsRestoreDeviceEnrollmentConfiguration":
		for _, m := range w.body {
			if m.key != "@odata.type" && m.key != "state" {
				return w.bad("Only the state of %s can be changed.", kind)
			}
		}
	case "deviceEnrollmentNotificationConfiguration":
		had := namesOf(w.old.props, "notificationTemplates")
		for _, id := range namesOf(w.body, "notificationTemplates") {
			channel, guid, _ := strings.Cut(id, "_")
			has := slices.ContainsFunc(had, func(old string) bool {
				oldChannel, _, _ := strings.Cut(old, "_")
				return strings.EqualFold(oldChannel, channel)
			})
			if known := slices.ContainsFunc(had, func(old string) bool { return strings.EqualFold(old, id) }); !known && (has || !isChannel(channel) || guid != uuid.Nil.String()) {
				return w.bad("The notification template '%s' is not valid.", id)
			}
		}
	}
	return nil
}

// isChannel says whether a notification can be sent that way.
func isChannel(s string) bool { return strings.EqualFold(s, "email") || strings.EqualFold(s, "push") }

// namesOf is a property that is a list of texts.
func namesOf(o object, name string) []string {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	list, err := texts(raw)
	if err != nil {
		return nil
	}
	return list
}

func notificationTemplateIDs(o object) []string {
	var out []string
	for _, id := range namesOf(o, "notificationTemplates") {
		if _, guid, ok := strings.Cut(id, "_"); ok {
			out = append(out, guid)
		}
	}
	return out
}

// enrollmentTemplates makes the templates behind a notification: the service
// answers real ids for those of zeros, and keeps neither branding nor locale.
func enrollmentTemplates(w *write) {
	if w.c.typeOf(w.e) != "deviceEnrollmentNotificationConfiguration" {
		return
	}
	ids := namesOf(w.e.props, "notificationTemplates")
	for i, id := range ids {
		channel, guid, _ := strings.Cut(id, "_")
		if guid != uuid.Nil.String() || !isChannel(channel) {
			continue
		}
		guid = w.freshID()
		channel = strings.ToUpper(channel[:1]) + strings.ToLower(channel[1:])
		ids[i] = channel + "_" + guid
		stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
		w.store(w.t.catalog.find(notificationsPath), &entity{id: guid, children: map[string][]json.RawMessage{}, props: object{}.
			with("id", quote(guid)).with("displayName", quote(internalTemplate)).with("description", json.RawMessage("null")).with("defaultLocale", json.RawMessage("null")).
			with("brandingOptions", quote("none")).with("roleScopeTagIds", json.RawMessage(`["0"]`)).with("lastModifiedDateTime", stamp)})
	}
	w.e.props = w.e.props.with("notificationTemplates", textArray(ids)).with("brandingOptions", quote("none")).with("defaultLocale", json.RawMessage("null"))
}

// autopilotName are the characters that a profile's name may have; another one is
// answered with 500 and no explanation.
var autopilotName = regexp.MustCompile(`^[\p{L}\p{N} :"?.@$&_\[\]{}|\\]*$`)

func autopilotRules() *writeRules {
	return &writeRules{
		required:   []string{"displayName", "outOfBoxExperienceSetting", "deviceType"},
		createOnly: []string{"deviceType", "hybridAzureADJoinSkipConnectivityCheck"},
		check: func(w *write) *problem {
			if !autopilotName.MatchString(w.body.text("displayName")) {
				return &problem{status: http.StatusInternalServerError, code: "InternalServerError", message: "An internal server error has occurred", shape: ShapeIntune, service: w.c.service}
			}
			if w.old != nil && w.body.text("managementServiceAppId") != "" {
				return w.bad("The property 'managementServiceAppId' cannot be changed after the object was created.")
			}
			if raw, ok := w.body.get("outOfBoxExperienceSetting"); ok {
				o := mustObject(raw)
				if v, ok := o.get("escapeLinkHidden"); ok && string(v) != "true" {
					return w.bad("The property 'escapeLinkHidden' must be true.")
				}
				if v, ok := o.get("userType"); ok && string(v) != "null" && o.text("deviceUsageType") == "shared" {
					return w.bad("The property 'userType' cannot be set for shared devices.")
				}
			}
			return nil
		},
		remove: func(w *write) *problem {
			if len(w.old.children["assignments"]) > 0 {
				return w.bad("The profile is assigned. Remove its assignments first.")
			}
			return nil
		},
		// It takes the ids of devices, and gives them another profile.
		actions: map[string]action{"assign": {unchecked: true, run: command("assignAutopilotDevices")}},
		kids:    map[string]*kidRule{"assignments": oneByOne("groupAssignmentTarget", "exclusionGroupAssignmentTarget", "allDevicesAssignmentTarget")},
	}
}

// oneByOne is how sets without the action assign take assignments.
func oneByOne(targets ...string) *kidRule {
	rule := &assignRule{targets: targets}
	return &kidRule{
		create: true, remove: true,
		check: func(w *write, _, body object) *problem {
			_, _, p := w.assignment(body, rule)
			return p
		},
		id: func(w *write, o object) string {
			out, _, p := w.assignment(o, rule)
			if p != nil {
				return w.freshID()
			}
			return out.text("id")
		},
	}
}

func termsRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "title", "bodyText", "acceptanceStatement"}, writable: []string{"version"},
		check: func(w *write) *problem {
			if v, ok := w.body.get("version"); ok && w.old != nil {
				if was, _ := w.old.props.get("version"); string(was) != string(v) {
					// Every user has to accept again.
					w.command = "askForAcceptance"
				}
			}
			return nil
		},
		kids: map[string]*kidRule{"assignments": oneByOne("groupAssignmentTarget", "allLicensedUsersAssignmentTarget")},
	}
}

// brandingImages are the types of images by the bytes that they begin with.
var brandingImages = map[string]string{"image/png": "\x89PNG", "image/jpeg": "\xff\xd8\xff", "image/jpg": "\xff\xd8\xff"}

func brandingRules() *writeRules {
	isDefault := builtIn("isDefaultProfile")
	return &writeRules{
		required:   []string{"profileName"},
		notCreated: []string{"themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage"},
		readOnly:   []string{"isDefaultProfile", "disableClientTelemetry"},
		check: func(w *write) *problem {
			for _, name := range w.c.images {
				raw, ok := w.body.get(name)
				if !ok || string(raw) == "null" {
					continue
				}
				image := mustObject(raw)
				data, err := base64.StdEncoding.DecodeString(image.text("value"))
				begin, known := brandingImages[image.text("type")]
				if err != nil || !known || !strings.HasPrefix(string(data), begin) {
					return w.bad("The image '%s' is not of the type that it is said to be.", name)
				}
			}
			if w.old != nil && isDefault(w) != nil {
				for _, name := range []string{"profileName", "profileDescription"} {
					if _, ok := w.body.get(name); ok {
						return w.bad("The property '%s' of the default profile cannot be changed.", name)
					}
				}
			}
			return nil
		},
		remove: isDefault,
		assign: &assignRule{key: "assignments", status: http.StatusNoContent, targets: []string{"groupAssignmentTarget", "exclusionGroupAssignmentTarget"}, refuse: isDefault},
	}
}

func featureUpdateRules() *writeRules {
	r := updateRules()
	r.required = []string{"displayName", "featureUpdateVersion"}
	r.readOnly = []string{"deployableContentDisplayName", "endOfSupportDate"}
	r.createOnly = []string{"installLatestWindows10OnWindows11IneligibleDevice"}
	r.check = func(w *write) *problem {
		if v, _ := w.body.get("installLatestWindows10OnWindows11IneligibleDevice"); string(v) == "true" {
			return w.bad("The property 'installLatestWindows10OnWindows11IneligibleDevice' can no longer be true.")
		}
		raw, _ := w.body.get("rolloutSettings")
		rollout := mustObject(raw)
		start, err := time.Parse(time.RFC3339Nano, rollout.text("offerStartDateTimeInUTC"))
		if err == nil && start.Before(w.x.now.Truncate(24*time.Hour)) {
			return w.bad("The start of the rollout is in the past.")
		}
		if end, err2 := time.Parse(time.RFC3339Nano, rollout.text("offerEndDateTimeInUTC")); err == nil && err2 == nil && !end.After(start) {
			return w.bad("The end of the rollout is not after its start.")
		}
		return nil
	}
	return r
}

func qualityUpdateRules() *writeRules {
	r := updateRules()
	r.required = []string{"displayName", "expeditedUpdateSettings"}
	r.createOnly = []string{"releaseDateDisplayName", "deployableContentDisplayName"}
	r.check = func(w *write) *problem {
		raw, ok := w.body.get("expeditedUpdateSettings")
		if !ok {
			return nil
		}
		days, _ := mustObject(raw).get("daysUntilForcedReboot")
		if days != nil && !slices.Contains([]string{"0", "1", "2"}, string(days)) {
			return w.bad("The property 'daysUntilForcedReboot' must be 0, 1 or 2.")
		}
		return nil
	}
	return r
}

func driverUpdateRules() *writeRules {
	r := updateRules()
	r.required = []string{"displayName", "approvalType"}
	r.createOnly = []string{"approvalType"}
	r.readOnly = []string{"newUpdates", "inventorySyncStatus", "deviceReporting"}
	r.actions = map[string]action{
		"executeAction": {unchecked: true, run: command("approveDrivers")},
		"syncInventory": {unchecked: true, run: command("syncDrivers")},
	}
	return r
}

func appleEnrollmentRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "platform"}, createOnly: []string{"platform", "priority"}, notCreated: []string{"priority"},
		actions: map[string]action{"setPriority": {run: func(w *write) response {
			raw, ok := w.body.get("priority")
			if !ok {
				return w.x.fail(w.bad("The priority is missing."))
			}
			e := w.old.clone()
			e.props = e.props.with("priority", raw)
			w.store(w.c, e)
			return noContent()
		}}},
		kids: map[string]*kidRule{"assignments": oneByOne("groupAssignmentTarget", "allLicensedUsersAssignmentTarget", "allDevicesAssignmentTarget")},
	}
}

// depRules: the token itself is made by hand; its profiles are written.
func depRules() *writeRules {
	fixed := func(w *write) *problem { return notModelled("%s of %s", w.x.method, w.c.path) }
	return &writeRules{
		refuse: fixed, remove: fixed,
		kids: map[string]*kidRule{"enrollmentProfiles": {
			create: true, update: true, remove: true, updateStatus: http.StatusNoContent,
			createOnly: []string{"isDefault", "configurationEndpointUrl"},
			id:         func(w *write, _ object) string { return w.old.id + "_" + w.freshID() },
			check: func(w *write, old, body object) *problem {
				if old == nil && (body.text("displayName") == "" || body.text("@odata.type") == "") {
					return w.bad("The properties '@odata.type' and 'displayName' are required.")
				}
				for _, name := range []string{"isDefault", "configurationEndpointUrl"} {
					if v, ok := body.get(name); ok && string(v) != "null" {
						return w.bad("The property '%s' is read-only and cannot be set.", name)
					}
				}
				return nil
			},
			change: func(_ *write, list []json.RawMessage, i int) []json.RawMessage {
				if i >= 0 {
					// Kept by the service, and never answered.
					list[i] = mustObject(list[i]).without(func(key string) bool { return key == "adminAccountPassword" }).bytes()
				}
				return list
			},
			removable: func(w *write, o object) *problem {
				for _, ref := range w.c.refs {
					if slices.Contains(ref.ids(w.old.props), o.text("id")) {
						return w.bad("The default profile of a token cannot be deleted.")
					}
				}
				return nil
			},
			actions: map[string]func(w *write, id string) response{
				"setDefaultProfile": func(w *write, id string) response {
					if w.t.stillPending("default/" + id) {
						return w.x.fail(notFound404)
					}
					i := indexByID(w.old.children["enrollmentProfiles"], id)
					name := map[string]string{"depIOSEnrollmentProfile": "defaultIosEnrollmentProfile", "depMacOSEnrollmentProfile": "defaultMacOsEnrollmentProfile"}[strings.TrimPrefix(mustObject(w.old.children["enrollmentProfiles"][i]).text("@odata.type"), typePrefix)]
					if name == "" {
						return w.x.fail(notModelled("a default profile of this type"))
					}
					e := w.old.clone()
					e.props = e.props.with(refKey(name), textArray([]string{id}))
					w.store(w.c, e)
					w.command = "setDefaultProfile"
					return noContent()
				},
				"updateDeviceProfileAssignment": func(w *write, _ string) response {
					w.command = "updateDeviceProfileAssignment"
					return noContent()
				},
			},
		}},
	}
}

// stillPending says whether an operation on the key is under way: for as many
// looks as the tenant's description says, counted from the first.
func (t *tenant) stillPending(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen, ok := t.pending[key]
	if !ok {
		seen = t.spec.PendingPolls
	}
	t.pending[key] = max(seen-1, 0)
	return seen > 0
}

// lobApps get a content before they can be assigned; the others are published at
// once, store apps of Windows after a while.
var lobApps = []string{"iosLobApp", "androidLobApp", "macOSLobApp", "macOSPkgApp", "macOSDmgApp", "windowsMobileMSI", "windowsUniversalAppX", "windowsAppX", "managedIOSLobApp", "managedAndroidLobApp", "win32LobApp"}

// appsFixed are properties that cannot be changed by type.
var appsFixed = map[string][]string{
	"iosStoreApp": {"appStoreUrl", "bundleId"}, "androidStoreApp": {"appStoreUrl", "packageId"},
	"winGetApp": {"packageIdentifier", "installExperience", "manifestHash"}, "officeSuiteApp": {"officePlatformArchitecture"},
	"androidManagedStoreApp": {"packageId", "appIdentifier", "appStoreUrl", "isPrivate", "isSystemApp", "supportsOemConfig", "usedLicenseCount", "totalLicenseCount", "appTracks"},
	"iosVppApp":              {"bundleId", "vppTokenId", "usedLicenseCount", "totalLicenseCount", "licensingType"},
	"macOsVppApp":            {"bundleId", "vppTokenId", "usedLicenseCount", "totalLicenseCount", "licensingType"},
}

// appsNeed are properties that a create needs by type.
var appsNeed = map[string][]string{
	"iosStoreApp": {"appStoreUrl"}, "androidStoreApp": {"appStoreUrl"}, "winGetApp": {"packageIdentifier", "installExperience"},
	"webApp": {"appUrl"}, "windowsWebApp": {"appUrl"}, "iosiPadOSWebClip": {"appUrl"}, "macOSWebClip": {"appUrl"},
	"win32LobApp": {"installCommandLine", "uninstallCommandLine", "installExperience", "fileName", "setupFilePath"},
}

func appRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "publisher"},
		readOnly: []string{"uploadState", "size"},
		check: func(w *write) *problem {
			kind := w.c.typeOf(w.old0())
			if !w.create {
				for _, name := range appsFixed[kind] {
					if _, ok := w.body.get(name); ok {
						return w.bad("The property '%s' cannot be changed after the object was created.", name)
					}
				}
				return nil
			}
			for _, name := range appsNeed[kind] {
				if v, ok := w.body.get(name); !ok || string(v) == "null" {
					return w.bad("The property '%s' is required.", name)
				}
			}
			switch kind {
			case "iosVppApp", "macOsVppApp":
				return w.bad("An app of type %s comes with the token of the volume purchase program.", kind)
			case "androidManagedStoreApp":
				if v, _ := w.body.get("isSystemApp"); string(v) != "true" {
					return w.bad("An app of type %s is added by addApps.", kind)
				}
			case "officeSuiteApp":
				xml := w.body.text("officeConfigurationXml") != ""
				for _, name := range []string{"productIds", "updateChannel", "excludedApps", "localesToInstall"} {
					if _, ok := w.body.get(name); ok && xml {
						return w.bad("The property '%s' cannot be set together with 'officeConfigurationXml'.", name)
					}
				}
				if w.body.text("officeSuiteAppDefaultFileFormat") == "notConfigured" {
					return w.bad("The value 'notConfigured' of 'officeSuiteAppDefaultFileFormat' is not valid.")
				}
			}
			return nil
		},
		done: func(w *write) {
			if !w.create {
				return
			}
			state := "published"
			switch kind := w.c.typeOf(w.e); {
			case slices.Contains(lobApps, kind):
				state = "notPublished"
			case kind == "winGetApp" && w.t.spec.PendingPolls > 0:
				state = "processing"
			}
			w.e.props = w.e.props.with("publishingState", quote(state))
		},
		assign: &assignRule{key: "mobileAppAssignments", status: http.StatusNoContent, filters: true, refuse: func(w *write) *problem {
			if w.old.props.text("publishingState") != "published" {
				return w.bad("The app cannot be assigned: it is not published.")
			}
			for _, raw := range listOf(w.body, "mobileAppAssignments") {
				o := mustObject(raw)
				target, _ := o.get("target")
				if settings, ok := o.get("settings"); ok && string(settings) != "null" && strings.HasSuffix(mustObject(target).text("@odata.type"), "exclusionGroupAssignmentTarget") {
					return w.bad("An exclusion cannot have settings.")
				}
			}
			return nil
		}},
		actions: map[string]action{"updateRelationships": {run: func(w *write) response {
			list, p := w.list("relationships")
			if p != nil {
				return w.x.fail(p)
			}
			own := make([]json.RawMessage, len(list))
			for i, raw := range list {
				o := mustObject(raw)
				target := w.t.entity(w.c, o.text("targetId"))
				if target == nil {
					return w.x.fail(w.bad("The app '%s' that a relationship leads to does not exist.", o.text("targetId")))
				}
				own[i] = o.with("id", quote(w.old.id+"_"+target.id)).with("targetDisplayName", quote(target.props.text("displayName"))).
					with("sourceId", quote(w.old.id)).with("targetType", quote("child")).bytes()
			}
			e := w.old.clone()
			e.children["relationships"] = own
			w.store(w.c, e)
			return noContent()
		}}},
	}
}

func appCategoryRules() *writeRules {
	return &writeRules{required: []string{"displayName"}, remove: func(w *write) *problem {
		for _, c := range builtinCategories {
			if c.id == w.old.id {
				return w.bad("A built-in object cannot be changed or deleted.")
			}
		}
		return nil
	}}
}

// targetApps replaces the apps of a policy. Left out, appGroupType turns a policy
// for a group of apps into one for those in the list.
func targetApps(grouped bool) action {
	parameters := map[string]string{"apps": "Collection(managedMobileApp)"}
	if grouped {
		parameters["appGroupType"] = "targetedManagedAppGroupType"
	}
	return action{parameters: parameters, run: func(w *write) response {
		apps, p := w.list("apps")
		if p != nil {
			return w.x.fail(p)
		}
		e := w.old.clone()
		list := make([]json.RawMessage, len(apps))
		for i, raw := range apps {
			list[i] = mustObject(raw).with("id", quote(w.freshID())).bytes()
		}
		e.children["apps"] = list
		if grouped {
			group := w.body.text("appGroupType")
			if group == "" {
				group = "selectedPublicApps"
			}
			e.props = e.props.with("appGroupType", quote(group))
		}
		w.store(w.c, w.touched(e))
		return noContent()
	}}
}

func managedAppRules(cast string, status int, grouped bool) *writeRules {
	return &writeRules{
		required: []string{"displayName"}, updateStatus: status, navigation: true,
		readOnly: []string{"deployedAppCount"},
		assign:   &assignRule{key: "assignments", status: http.StatusNoContent, cast: cast, plain: true, filters: true},
		actions:  map[string]action{"targetApps": targetApps(grouped)},
	}
}

func protectionRules(status int) *writeRules {
	r := managedAppRules("windowsInformationProtection", status, false)
	r.actions = nil
	files := &kidRule{create: true, update: true, remove: true}
	r.kids = map[string]*kidRule{"protectedAppLockerFiles": files, "exemptAppLockerFiles": files}
	return r
}

func targetedConfigurationRules() *writeRules {
	r := managedAppRules("", http.StatusNoContent, true)
	r.required = []string{"displayName", "apps", "assignments", "appGroupType"}
	r.deep = []string{"apps", "assignments", "settings"}
	r.readOnly = append(r.readOnly, "settingCount")
	r.check = func(w *write) *problem {
		if !w.create {
			return nil
		}
		w.old = &entity{id: "new"}
		_, p := w.assignments(listOf(w.body, "assignments"), &assignRule{filters: true})
		w.old = nil
		return p
	}
	r.actions["changeSettings"] = action{run: func(w *write) response {
		list, p := w.list("settings")
		if p != nil {
			return w.x.fail(p)
		}
		e := w.old.clone()
		for i, raw := range list {
			list[i] = mustObject(raw).with("id", quote(strconv.Itoa(i))).bytes()
		}
		e.children["settings"] = list
		w.store(w.c, w.touched(e))
		return noContent()
	}}
	return r
}

// aggregateRules: the set that shows the policies of others takes none.
func aggregateRules() *writeRules {
	return &writeRules{refuse: func(w *write) *problem {
		if w.create {
			return w.bad("The policy has to be created in the set of its type.")
		}
		return notModelled("%s of %s", w.x.method, w.c.path)
	}, remove: func(w *write) *problem { return notModelled("%s of %s", w.x.method, w.c.path) }}
}

// appConfigurationRules: the plain assign answered that there is no such route in
// 2021 and 2023; the service itself names the path with the cast.
func appConfigurationRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "targetedMobileApps"}, updateStatus: http.StatusNoContent, readOnly: []string{"appSupportsOemConfig"},
		assign: &assignRule{key: "assignments", status: http.StatusOK, cast: "managedDeviceMobileAppConfiguration", filters: true},
	}
}

func policySetRules() *writeRules {
	rule := &assignRule{filters: true, targets: []string{"groupAssignmentTarget", "exclusionGroupAssignmentTarget"}}
	item := func(w *write, o object, id string) json.RawMessage {
		stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
		o = o.with("id", quote(id)).with("createdDateTime", stamp).with("lastModifiedDateTime", stamp)
		// Of protections the kind of the item does not say the platform.
		for _, kind := range []string{"ios", "android", "windows"} {
			for _, e := range w.t.all(deviceAppManagement + kind + "ManagedAppProtections") {
				if strings.EqualFold(e.id, o.text("payloadId")) {
					o = fill(o, "itemType", quote(typePrefix+kind+"ManagedAppProtection"))
				}
			}
		}
		return fill(fill(o, "status", quote("success")), "errorCode", quote("noError")).bytes()
	}
	settle := func(w *write) {
		state := "success"
		if len(w.e.children["assignments"]) == 0 {
			state = "notAssigned"
		}
		w.e.props = w.e.props.with("status", quote(state))
	}
	return &writeRules{
		required: []string{"displayName"}, deep: []string{"items", "assignments"}, readOnly: []string{"status", "errorCode"},
		check: func(w *write) *problem {
			if !w.create {
				return nil
			}
			w.old = &entity{id: "new"}
			_, p := w.assignments(listOf(w.body, "assignments"), rule)
			w.old = nil
			return p
		},
		done: func(w *write) {
			if !w.create {
				return
			}
			for i, raw := range w.e.children["items"] {
				w.e.children["items"][i] = item(w, mustObject(raw), w.freshID())
			}
			settle(w)
		},
		actions: map[string]action{"update": {run: func(w *write) response {
			e := w.old.clone()
			items := slices.Clone(e.children["items"])
			for _, raw := range listOf(w.body, "addedPolicySetItems") {
				items = append(items, item(w, mustObject(raw), w.freshID()))
			}
			for _, raw := range listOf(w.body, "updatedPolicySetItems") {
				o := mustObject(raw)
				i := indexByID(items, o.text("id"))
				if i < 0 {
					return w.x.fail(w.bad("The policy set has no item '%s'.", o.text("id")))
				}
				items[i] = merge(items[i], raw)
			}
			for _, id := range namesOf(w.body, "deletedPolicySetItems") {
				i := indexByID(items, id)
				if i < 0 {
					return w.x.fail(w.bad("The policy set has no item '%s'.", id))
				}
				items = slices.Delete(items, i, i+1)
			}
			e.children["items"] = items
			// A list that is there replaces, also an empty one.
			if raw, ok := w.body.get("assignments"); ok && string(raw) != "null" {
				list, p := w.assignments(listOf(w.body, "assignments"), rule)
				if p != nil {
					return w.x.fail(p)
				}
				e.children["assignments"] = list
			}
			w.e = e
			settle(w)
			w.store(w.c, w.touched(e))
			return noContent()
		}}},
	}
}

func cloudPCRules() *writeRules {
	return &writeRules{
		required: []string{"displayName"}, updateStatus: http.StatusNoContent,
		assign: &assignRule{key: "assignments", status: http.StatusNoContent, targets: []string{"cloudPcManagementGroupAssignmentTarget"}},
	}
}

func provisioningRules() *writeRules {
	r := cloudPCRules()
	r.required = []string{"displayName", "imageId", "imageType", "provisioningType", "domainJoinConfigurations"}
	r.createOnly = []string{"provisioningType"}
	r.remove = func(w *write) *problem {
		if len(w.old.children["assignments"]) > 0 {
			return w.bad("The provisioning policy is assigned. Remove its assignments first.")
		}
		return nil
	}
	// It changes Cloud PCs that people work on.
	r.actions = map[string]action{"apply": {unchecked: true, run: command("applyProvisioningPolicy")}}
	return r
}

// errMalformed is the answer of Conditional Access to what it cannot resolve
// (IntuneManagement#396, #364).
const errMalformed = "The server could not process the request because it is malformed or incorrect."

func accessRules() *writeRules {
	return &writeRules{
		required: []string{"displayName", "state", "conditions"}, deep: []string{"grantControls/authenticationStrength"},
		updateStatus: http.StatusNoContent,
		check:        checkAccess,
		done:         func(w *write) { w.e.props = expandStrength(w.t, w.e.props) },
		remove: func(w *write) *problem {
			e := w.old.clone()
			e.props = e.props.with("deletedDateTime", quote(w.x.now.Format("2006-01-02T15:04:05Z")))
			w.store(w.t.catalog.find(deletedAccessPath), e)
			return nil
		},
	}
}

// expandStrength shows the whole strength that a policy names by its id.
func expandStrength(t *tenant, props object) object {
	raw, _ := props.get("grantControls")
	grant := mustObject(raw)
	strength, ok := grant.get("authenticationStrength")
	if !ok || string(strength) == "null" {
		return props
	}
	c := t.catalog.find(strengthsPath)
	e := t.entity(c, mustObject(strength).text("id"))
	if e == nil {
		return props
	}
	return props.with("grantControls", grant.with("authenticationStrength", c.render(t, e, query{}, true).bytes()).bytes())
}

func checkAccess(w *write) *problem {
	malformed := badRequest(errMalformed)
	after := w.body
	if w.old != nil {
		after = w.old.props
		for _, m := range w.body {
			if was, ok := after.get(m.key); ok {
				after = after.with(m.key, merge(was, m.value))
			} else {
				after = after.with(m.key, m.value)
			}
		}
	}
	raw, _ := after.get("conditions")
	conditions := mustObject(raw)
	if w.create {
		users, _ := conditions.get("users")
		targeted := false
		for _, m := range mustObject(users) {
			targeted = targeted || strings.HasPrefix(m.key, "include") && string(m.value) != "[]" && string(m.value) != "null"
		}
		clients, _ := conditions.get("clientApplications")
		if !targeted && len(mustObject(clients)) == 0 {
			return malformed
		}
		apps, _ := conditions.get("applications")
		if len(mustObject(apps)) == 0 {
			return malformed
		}
		grant, _ := after.get("grantControls")
		session, _ := after.get("sessionControls")
		if len(mustObject(grant)) == 0 && len(mustObject(session)) == 0 {
			return malformed
		}
	}
	if _, ok := w.body.get("conditions"); ok {
		locations, _ := conditions.get("locations")
		for _, key := range []string{"includeLocations", "excludeLocations"} {
			for _, id := range namesOf(mustObject(locations), key) {
				if id == "All" || id == "AllTrusted" || id == uuid.Nil.String() {
					continue
				}
				e := w.t.entity(w.t.catalog.find(locationsPath), id)
				if e == nil || e.listedAt.After(w.x.now) {
					// A location that was just made is not there yet.
					return badRequest("1040: Policy contains invalid locations: %s", id)
				}
			}
		}
	}
	grant, _ := after.get("grantControls")
	strength, ok := mustObject(grant).get("authenticationStrength")
	if ok && string(strength) != "null" {
		if slices.Contains(namesOf(mustObject(grant), "builtInControls"), "mfa") {
			return badRequest("1108: Invalid grant controls. The control 'mfa' cannot be combined with an authentication strength.")
		}
		if w.t.entity(w.t.catalog.find(strengthsPath), mustObject(strength).text("id")) == nil {
			return malformed
		}
	}
	return nil
}

// deletedAccessRules: a removed policy comes back under its id, or goes for good.
func deletedAccessRules() *writeRules {
	fixed := func(w *write) *problem { return notModelled("%s of %s", w.x.method, w.c.path) }
	return &writeRules{refuse: fixed, actions: map[string]action{"restore": {unchecked: true, run: func(w *write) response {
		w.t.mu.Lock()
		w.t.sets[deletedAccessPath].delete(w.old.id)
		w.t.mu.Unlock()
		w.e = w.old.clone()
		w.e.props = w.e.props.with("deletedDateTime", json.RawMessage("null"))
		w.c = w.t.catalog.find(accessPath)
		w.store(w.c, w.e)
		return w.answer(http.StatusOK)
	}}}}
}

// referredByAccess says whether a Conditional Access policy names the id.
func referredByAccess(w *write) *problem {
	for _, e := range w.t.all(accessPath) {
		if strings.Contains(string(e.props.bytes()), string(quote(w.old.id))) {
			return badRequest("1015: The object is referenced by the Conditional Access policy %s.", e.id)
		}
	}
	return nil
}

func locationRules() *writeRules {
	return &writeRules{
		required: []string{"displayName"}, updateStatus: http.StatusNoContent,
		check: func(w *write) *problem {
			if w.create && w.c.typeOf(w.old0()) == "compliantNetworkNamedLocation" {
				return badRequest("A location of this type is made by the service.")
			}
			return nil
		},
		remove: func(w *write) *problem {
			if v, _ := w.old.props.get("isTrusted"); string(v) == "true" {
				return badRequest("A trusted location cannot be deleted.")
			}
			return referredByAccess(w)
		},
	}
}

func strengthRules() *writeRules {
	fixed := func(w *write) *problem {
		if w.old != nil && w.old.props.text("policyType") == "builtIn" {
			return badRequest("A built-in authentication strength cannot be changed or deleted.")
		}
		return nil
	}
	return &writeRules{
		required: []string{"displayName", "allowedCombinations"}, deep: []string{"combinationConfigurations"},
		updateStatus: http.StatusNoContent, readOnly: []string{"policyType", "requirementsSatisfied"},
		check: func(w *write) *problem {
			if w.create {
				return nil
			}
			for _, m := range w.body {
				if !slices.Contains([]string{"displayName", "description"}, m.key) && !strings.HasPrefix(m.key, "@odata.") {
					return badRequest("The property '%s' cannot be changed in this request.", m.key)
				}
			}
			return fixed(w)
		},
		remove: func(w *write) *problem {
			if p := fixed(w); p != nil {
				return p
			}
			return referredByAccess(w)
		},
		actions: map[string]action{"updateAllowedCombinations": {unchecked: true, run: func(w *write) response {
			list, p := w.list("allowedCombinations")
			if p == nil {
				p = fixed(w)
			}
			if p != nil {
				return w.x.fail(p)
			}
			e := w.old.clone()
			before, ok := e.props.get("allowedCombinations")
			if !ok {
				before = json.RawMessage("[]")
			}
			e.props = e.props.with("allowedCombinations", arrayBytes(list))
			w.store(w.c, w.touched(e))
			return w.x.one(metadataRoot+"microsoft.graph.updateAllowedCombinationsResult", object{}.with("currentCombinations", arrayBytes(list)).
				with("previousCombinations", before).with("conditionalAccessReferences", json.RawMessage("[]")).with("additionalInformation", json.RawMessage("null")))
		}}},
		kids: map[string]*kidRule{"combinationConfigurations": {create: true, update: true, remove: true, updateStatus: http.StatusNoContent}},
	}
}

var contextID = regexp.MustCompile(`^c[1-9][0-9]?$`)

func contextRules() *writeRules {
	return &writeRules{
		required: []string{"id", "displayName"}, updateStatus: http.StatusNoContent, writable: []string{"id"},
		check: func(w *write) *problem {
			if !w.create {
				return nil
			}
			id := w.body.text("id")
			if !contextID.MatchString(id) || w.t.entity(w.c, id) != nil {
				return badRequest("The id '%s' of an authentication context is taken or not one of c1 to c99.", id)
			}
			return nil
		},
		remove: func(w *write) *problem {
			if v, _ := w.old.props.get("isAvailable"); string(v) == "true" {
				return badRequest("An authentication context that is available cannot be deleted.")
			}
			return referredByAccess(w)
		},
	}
}

// agreementRules: writes are documented for delegated permissions only.
func agreementRules() *writeRules {
	denied := func(*write) *problem {
		return &problem{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
	}
	return &writeRules{refuse: denied, remove: denied}
}

// patchSettings changes the settings that are sent.
func patchSettings(x *exchange, t *tenant) response {
	w := &write{x: x, s: x.sim, t: t}
	if p := w.readBody(); p != nil {
		return x.fail(p)
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := t.settings
	for _, m := range w.body {
		if m.key != "settings" {
			if strings.HasPrefix(m.key, "@odata.") {
				continue
			}
			return x.fail(notModelled("PATCH of the property %s of deviceManagement", m.key))
		}
		settings, err := parseObject(m.value)
		if err != nil {
			return x.fail(badRequest("The property 'settings' is not an object."))
		}
		for _, s := range settings {
			if strings.Contains(s.key, "@odata.") {
				continue
			}
			if _, known := changed.get(s.key); !known {
				return x.fail(&problem{status: http.StatusBadRequest, code: schema.CodeModelValidation, message: "The property '" + s.key + "' does not exist on type 'microsoft.management.services.api.deviceManagementSettings'. Make sure to only use property names that are defined by the type."})
			}
			changed = changed.with(s.key, s.value)
		}
	}
	t.settings = changed
	return noContent()
}

// serveAddApps adds apps of managed Google Play. It answers no id.
func serveAddApps(x *exchange, t *tenant) response {
	if x.method != http.MethodPost {
		return x.fail(notModelled("%s of addApps", x.method))
	}
	w := &write{x: x, s: x.sim, t: t, c: t.catalog.find(appsPath)}
	if p := w.readBody(); p != nil {
		return x.fail(p)
	}
	ids := namesOf(w.body, "productIds")
	if len(ids) == 0 {
		return x.fail(badRequest("The parameter 'productIds' is missing in the request payload."))
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	for _, id := range ids {
		name, ok := strings.CutPrefix(id, "app:")
		if !ok {
			return x.fail(w.bad("The product id '%s' is not valid.", id))
		}
		if slices.ContainsFunc(t.all(appsPath), func(e *entity) bool { return e.props.text("appIdentifier") == name }) {
			continue
		}
		body := object{}.with("@odata.type", quote(typePrefix+"androidManagedStoreApp")).with("displayName", quote(name)).with("publisher", quote("Google Play")).
			with("appIdentifier", quote(name)).with("packageId", quote(id)).with("isSystemApp", json.RawMessage("false"))
		if p := w.add(w.c, body); p != nil {
			return x.fail(p)
		}
	}
	return noContent()
}
