package catalog

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// The hooks of enrolment.

// enrollmentAggregate finds what the service makes of restrictions for itself: the
// aggregate of single ones, and platforms that can no longer be set.
func enrollmentAggregate(object map[string]any) bool {
	id, platform := textAt(object, "id"), textAt(object, "platformType")
	return strings.HasSuffix(id, "_PlatformRestrictions") || platform == "windowsPhone" || platform == "androidAosp"
}

// priorityLast sets the captured priority after everything else. To set the one
// that an object has already is an error (Microsoft365DSC#4295).
func priorityLast(c *creation) {
	const name = "priority"
	captured := textAt(c.doc.Object(), name)
	if captured == "" || captured == "0" {
		return
	}
	learn := c.first.Learn
	c.first.Learn = func(answer map[string]any) map[string]string {
		learned := learn(answer)
		if given := textAt(answer, name); given != "" {
			learned[name] = given
		}
		return learned
	}
	set := step(name, "POST", c.t.Collection+"/{id}/setPriority", map[string]any{name: c.doc.Object()[name]})
	set.Unless = map[string]string{name: captured}
	c.last = append(c.last, set)
}

// statusPageCreation always sends the apps that block: left out, the service keeps
// what it has.
func statusPageCreation(c *creation) {
	const apps = "selectedMobileAppIds"
	if _, ok := c.body[apps]; !ok {
		c.body[apps] = []any{}
	}
	priorityLast(c)
}

// enrollmentTemplates is the part that holds the texts of a notification: internal
// templates, one for each channel, that are no policies of their own.
var enrollmentTemplates = Part{
	Name: "templates", Path: "deviceManagement/notificationMessageTemplates/{each}", Query: "$expand=localizedNotificationMessages",
	Each: enrollmentTemplateIDs, UnreadableCode: unreadablePart,
}

// channel is a way to notify, with its template: "Email_<id>" or "Push_<id>".
type channel struct{ name, template string }

func channels(d Document) []channel {
	var out []channel
	values(d.Object(), "notificationTemplates[]", func(v any) {
		text, _ := v.(string)
		name, id, _ := strings.Cut(text, "_")
		if id != "" && id != zeroID {
			out = append(out, channel{strings.ToLower(name), id})
		}
	})
	return out
}

func enrollmentTemplateIDs(d Document) []string {
	var ids []string
	for _, ch := range channels(d) {
		ids = append(ids, url.PathEscape(ch.template))
	}
	return ids
}

// channelNames puts the channel in the place of the id of its template, which is
// new with every notification.
func channelNames(d Document) {
	templates, _ := d[enrollmentTemplates.Name].(map[string]any)
	names := []any{}
	for _, ch := range channels(d) {
		names = append(names, ch.name)
		if t, ok := templates[ch.template]; ok {
			delete(templates, ch.template)
			templates[ch.name] = t
		}
	}
	if len(names) > 0 {
		d.Object()["notificationTemplates"] = names
	}
}

// enrollmentNotificationCreation works in two stages: the service makes an empty
// template for each channel that is asked for with the zero id, and names it in its
// answer; then the texts and the brand are written to it. One create with
// everything would send empty messages to users.
func enrollmentNotificationCreation(c *creation) {
	const templates = "deviceManagement/notificationMessageTemplates/"
	read, _ := c.doc[enrollmentTemplates.Name].(map[string]any)
	wanted := []any{}
	for _, ch := range channels(c.doc) {
		wanted = append(wanted, ch.name+"_"+zeroID)
		found, ok := read[ch.template].(map[string]any)
		if !ok {
			c.lack(enrollmentTemplates.Name + " of " + ch.name)
			return
		}
		path := templates + "{" + ch.name + "}"
		messages, _ := found["localizedNotificationMessages"].([]any)
		for _, m := range messages {
			message, _ := m.(map[string]any)
			body := map[string]any{"locale": message["locale"], "subject": message["subject"], "messageTemplate": message["messageTemplate"]}
			// The default of a template is chosen, never taken away.
			if message["isDefault"] == true {
				body["isDefault"] = true
			}
			c.add("message "+ch.name+" "+textAt(message, "locale"), "POST", path+"/localizedNotificationMessages", body)
		}
		if brand := textAt(found, "brandingOptions"); brand != "" && brand != "none" {
			c.add("branding "+ch.name, "PATCH", path, map[string]any{"brandingOptions": brand})
		}
	}
	if len(wanted) > 0 {
		c.body["notificationTemplates"] = wanted
	}
	learn := c.first.Learn
	c.first.Learn = func(answer map[string]any) map[string]string {
		learned := learn(answer)
		for _, ch := range channels(Document{PartObject: answer}) {
			learned[ch.name] = ch.template
		}
		return learned
	}
	priorityLast(c)
}

// autopilotUsers leaves out the kind of user of a device that has none: it is
// refused.
func autopilotUsers(object map[string]any) map[string]any {
	setting, _ := object["outOfBoxExperienceSetting"].(map[string]any)
	if setting["deviceUsageType"] == "shared" {
		delete(setting, "userType")
	}
	return setting
}

func autopilotNormal(d Document) { autopilotUsers(d.Object()) }

// autopilotCreation leaves out and sets what a new profile is refused with.
func autopilotCreation(c *creation) {
	if setting := autopilotUsers(c.body); setting != nil {
		setting["escapeLinkHidden"] = true
		if wanted, ok := c.want.Object()["outOfBoxExperienceSetting"].(map[string]any); ok {
			wanted["escapeLinkHidden"] = true
		}
	}
}

// depPassword names the password of a Mac's local administrator, which the service
// keeps to itself.
func depPassword(d Document) []string {
	if textAt(d.Object(), "adminAccountUserName") == "" {
		return nil
	}
	return []string{"adminAccountPassword"}
}

// depCreation leaves out panes that Apple no longer knows and refuses a Mac
// profile whose administrator would have no password. Which profile is the default
// cannot be undone, so no step sets it.
func depCreation(c *creation) {
	const password = "adminAccountPassword"
	if keys, ok := c.body["enabledSkipKeys"].([]any); ok {
		c.body["enabledSkipKeys"] = slices.DeleteFunc(keys, func(k any) bool { return k == "Privacy" || k == "Registration" })
	}
	if len(depPassword(c.doc)) == 0 {
		return
	}
	if secret, ok := c.secrets[password]; ok {
		c.body[password] = secret
		return
	}
	c.err = ErrPlaceholder
}

// enrollmentWanted leaves the name of a default as it is: all of them have one, and
// it is Microsoft's.
func enrollmentWanted(c *change) {
	for _, name := range c.enrollmentFixed() {
		c.keep("object." + name)
	}
}

func (c *change) enrollmentFixed() []string {
	switch {
	case !c.builtIn:
		return nil
	case strings.HasSuffix(textAt(c.live.Object(), "id"), "_DefaultLimit"):
		return []string{"displayName", "description", "roleScopeTagIds"}
	}
	return []string{"displayName", "description"}
}

// enrollmentUpdating sets the priority last, and only another one: to set the one
// that an object has is an error. A default has none.
func enrollmentUpdating(c *change) {
	for _, name := range c.enrollmentFixed() {
		delete(c.body, name)
	}
	const name = "priority"
	captured := textAt(c.doc.Object(), name)
	if c.builtIn || captured == "" || captured == "0" || captured == textAt(c.live.Object(), name) {
		c.keepWanted("object." + name)
		return
	}
	c.last = append(c.last, step(name, "POST", c.t.Collection+"/{id}/setPriority", map[string]any{name: c.doc.Object()[name]}))
}

// helloWanted keeps newer members that an older version does not hold.
func helloWanted(c *change) {
	enrollmentWanted(c)
	for _, name := range []string{"enhancedSignInSecurity", "securityKeyForSignIn"} {
		if c.doc.Object()[name] == nil {
			c.keep("object." + name)
		}
	}
}

// statusPageUpdating always sends the apps that block, also when there are none.
func statusPageUpdating(c *change) {
	const apps = "selectedMobileAppIds"
	if c.body != nil && c.body[apps] == nil {
		c.body[apps] = []any{}
	}
	enrollmentUpdating(c)
}

// enrollmentNotificationUpdating writes texts and brand to the templates that the
// live notification has. A channel that it has not is asked for with the zero id,
// and its template looked up.
func enrollmentNotificationUpdating(c *change) {
	enrollmentUpdating(c)
	const part = "notificationTemplates"
	raw, have := map[string]string{}, map[string]string{}
	for _, text := range idsAt(c.live.Object(), part+"[]") {
		name, _, _ := strings.Cut(text, "_")
		raw[strings.ToLower(name)] = text
	}
	for _, ch := range channels(c.live) {
		have[ch.name] = ch.template
	}
	wanted, templates := channels(c.doc), []any{}
	var added []string
	for _, ch := range wanted {
		if have[ch.name] == "" {
			added = append(added, ch.name)
			templates = append(templates, ch.name+"_"+zeroID)
		} else {
			templates = append(templates, raw[ch.name])
		}
	}
	if len(added) > 0 || len(wanted) != len(have) {
		c.add("channels", "PATCH", c.t.Collection+"/{id}", map[string]any{odataType: c.doc.Object()[odataType], part: templates})
	}
	if len(added) > 0 {
		c.steps = append(c.steps, Step{Name: "find", Method: "GET", Path: c.t.Collection + "/{id}", Learn: func(answer map[string]any) map[string]string {
			learned := map[string]string{}
			for _, ch := range channels(Document{PartObject: answer}) {
				learned[ch.name] = ch.template
			}
			for _, name := range added {
				if learned[name] == "" {
					return nil
				}
			}
			return learned
		}})
	}
	read, _ := c.doc[enrollmentTemplates.Name].(map[string]any)
	live, _ := c.live[enrollmentTemplates.Name].(map[string]any)
	for _, ch := range wanted {
		want, ok := read[ch.template].(map[string]any)
		if !ok {
			c.lack(enrollmentTemplates.Name + " of " + ch.name)
			return
		}
		id, is := have[ch.name], map[string]any{partMessages: []any{}}
		var path string
		if id == "" {
			path = notificationTemplates + "/{" + ch.name + "}"
		} else {
			path = notificationTemplates + "/" + url.PathEscape(id)
			if is, ok = live[id].(map[string]any); !ok {
				c.lack(enrollmentTemplates.Name + " of the live " + ch.name)
				return
			}
		}
		c.messages(ch.name+" ", path, id, want, is)
		brand, was := textAt(want, "brandingOptions"), textAt(is, "brandingOptions")
		if brand != "" && brand != was && (brand != "none" || was != "") {
			c.add("branding "+ch.name, "PATCH", path, map[string]any{"brandingOptions": brand})
		}
	}
}

// messages makes the messages of a template those that are wanted, told apart by
// their locale. The default comes first: another one takes its place, and none is
// ever taken away.
func (c *change) messages(label, path, template string, want, live map[string]any) {
	list, ok := want[partMessages].([]any)
	others, read := live[partMessages].([]any)
	if !ok || !read {
		c.lack(partMessages)
		return
	}
	have := map[string]map[string]any{}
	for _, m := range objects(others) {
		have[strings.ToLower(textAt(m, "locale"))] = m
	}
	at := func(m map[string]any) string {
		id := textAt(m, "id")
		if id == "" {
			id = template + "_" + strings.ToLower(textAt(m, "locale"))
		}
		return path + "/" + partMessages + "/" + url.PathEscape(id)
	}
	for _, m := range defaultFirst(objects(list)) {
		locale := textAt(m, "locale")
		was, ok := have[strings.ToLower(locale)]
		delete(have, strings.ToLower(locale))
		body := map[string]any{}
		if m["isDefault"] == true && was["isDefault"] != true {
			body["isDefault"] = true
		}
		if !ok || spelling(m["subject"]) != spelling(was["subject"]) || spelling(m["messageTemplate"]) != spelling(was["messageTemplate"]) {
			body["subject"], body["messageTemplate"] = m["subject"], m["messageTemplate"]
		}
		switch {
		case !ok:
			body["locale"] = m["locale"]
			c.add("message "+label+locale, "POST", path+"/"+partMessages, body)
		case len(body) > 0:
			c.add("message "+label+locale, "PATCH", at(was), body)
		}
	}
	for _, locale := range slices.Sorted(maps.Keys(have)) {
		c.steps = append(c.steps, Step{Name: "no message " + label + locale, Method: "DELETE", Path: at(have[locale])})
	}
}

// autopilotWanted leaves a link shown where it is: to show it is refused.
func autopilotWanted(c *change) {
	setting, _ := c.doc.Object()["outOfBoxExperienceSetting"].(map[string]any)
	if setting["escapeLinkHidden"] == false {
		c.keep("object.outOfBoxExperienceSetting.escapeLinkHidden")
	}
}

// autopilotUpdating leaves out and sets what a profile is refused with.
func autopilotUpdating(c *change) {
	if setting := autopilotUsers(c.body); setting != nil {
		setting["escapeLinkHidden"] = true
		if wanted, ok := c.want.Object()["outOfBoxExperienceSetting"].(map[string]any); ok {
			wanted["escapeLinkHidden"] = true
		}
	}
}
