package fidelity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/graphsim/schema"
)

// designer is what an app that is made of a file has empty.
var designer = ownMade["mobile-app-office-suite"]

// left is what of an object that was changed in every way does not come back by an
// update, by path within the normal form, and why.
var left = map[string][]difference{
	"mobile-app-office-suite":                  append(designer, difference{"an app that is made of a file has no designer's values", []string{"object.excludedApps"}}),
	"conditional-access-policy":                {{"nothing switches a policy on", []string{"object.state"}}},
	"policy-set":                               {{"an update takes the name and the description", []string{"object.roleScopeTags", "object.guidedDeploymentTags"}}},
	"enrollment-platform-restrictions-default": {{"Microsoft's name of a default", []string{"object.displayName", "object.description"}}},
	"enrollment-limit":                         {{"of a default the limit is written", []string{"object.displayName", "object.description", "object.roleScopeTagIds"}}},
	"enrollment-status-page":                   {{"Microsoft's name of a default", []string{"object.displayName", "object.description"}}},
	"intune-branding-profile":                  {{"Microsoft's name of the default", []string{"object.profileName", "object.profileDescription"}}},
	"enrollment-windows-hello":                 {{"Microsoft's name of a default", []string{"object.displayName", "object.description"}}},
	"enrollment-windows-restore":               {{"an update takes the state", []string{"object.displayName", "object.description", "object.roleScopeTagIds", "object.priority"}}},
}

// Whatever was changed in a policy since it was captured, an update takes back, with
// requests that the service takes; and one that was not changed is not written.
func TestEveryTypeIsUpdated(t *testing.T) {
	for _, v := range append(asFixtures(), variants...) {
		t.Run(v.name(), func(t *testing.T) {
			typ := v.typ(t)
			u := newUpdated(t, typ, v)
			u.unchanged(u.was)
			u.rename()
			u.assigned()
			for _, what := range slices.Sorted(maps.Keys(special[v.name()])) {
				u.change(what, special[v.name()][what])
			}
			if v.name() == "conditional-access-policy.little" {
				for _, what := range slices.Sorted(maps.Keys(special[v.id])) {
					u.change(what, special[v.id][what])
				}
			}
			for n := range *rounds * 4 {
				seed := *seed + uint64(n)
				random := rand.New(rand.NewPCG(seed, 7))
				some := 1.0 // of what can be changed
				if n%4 > 0 {
					some = 0.25
				}
				u.change(fmt.Sprintf("seed %d", seed), func(m *mutation) { m.random, m.some = random, some; m.object(); m.parts() })
			}
			if n := u.sim.Counters().NotModelled; n > 0 {
				t.Errorf("%d requests were not modelled", n)
			}
			t.Logf("steps: %v", u.seen)
		})
	}
}

// variant is a policy of a type that is not as the fixture of the type.
type variant struct {
	id, what string
	change   func(doc catalog.Document)
	// own: the tenant has it from its start, with an id that ends so.
	own string
}

func (v variant) name() string { return strings.TrimSuffix(v.id+"."+v.what, ".") }

func (v variant) typ(t *testing.T) catalog.Type {
	t.Helper()
	typ, ok := catalog.ByID(v.id)
	if !ok {
		t.Fatalf("no type %s", v.id)
	}
	return typ
}

// asFixtures are all types that are restored, each as its fixture is.
func asFixtures() []variant {
	var all []variant
	for _, typ := range catalog.All() {
		if typ.Restorability.Level == catalog.Full {
			v := variant{id: typ.ID}
			if typ.BuiltIn.Only && !typ.Singleton {
				v.own = typ.BuiltIn.Property
			}
			all = append(all, v)
		}
	}
	return all
}

var variants = []variant{
	{id: "mobile-app-office-suite", what: "designer", change: func(doc catalog.Document) {
		doc.Object()["officeConfigurationXml"] = nil
		doc.Object()["officeSuiteAppDefaultFileFormat"] = "officeOpenXMLFormat"
	}},
	{id: "ios-app-protection", what: "all apps", change: func(doc catalog.Document) { doc.Object()["appGroupType"] = "allApps" }},
	{id: "conditional-access-policy", what: "little", change: func(doc catalog.Document) {
		doc.Object()["state"], doc.Object()["sessionControls"] = "disabled", nil
		doc.Object()["grantControls"] = map[string]any{"operator": "OR", "builtInControls": []any{"mfa"}}
		doc.Object()["conditions"] = map[string]any{
			"clientAppTypes": []any{"all"}, "users": map[string]any{"includeUsers": []any{"All"}}, "applications": map[string]any{"includeApplications": []any{"All"}},
		}
	}},
	{id: "enrollment-notification", what: "email only", change: func(doc catalog.Document) {
		list := doc.Object()["notificationTemplates"].([]any)
		doc.Object()["notificationTemplates"] = list[:1]
	}},
	{id: "enrollment-limit", what: "default", own: "_DefaultLimit"},
	{id: "enrollment-status-page", what: "default", own: "_DefaultWindows10EnrollmentCompletionPageConfiguration"},
	{id: "intune-branding-profile", what: "default", own: "c3a59481-1bf2-46ce-94b3-66eec07a8d60"},
}

// updated is a policy that was captured, and lives in another tenant, or in the same.
type updated struct {
	*bed
	typ     catalog.Type
	mapping catalog.Mapping
	at      tenant // where it lives
	// first was captured, and mapped is the same with the ids of the target.
	first, mapped []byte
	secrets       map[string]string
	id            string
	was           captured // of the target, before anything was changed
	own           string
	seen          map[string]int // steps, by the first word of their names
}

func newUpdated(t *testing.T, typ catalog.Type, v variant) *updated {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(typesFolder, typ.ID, "payload.json"))
	if err != nil {
		t.Fatal(err)
	}
	// The fixtures' dates lie ahead then.
	now := time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)
	u := &updated{bed: newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}, Now: func() time.Time { return now }}), typ: typ, mapping: elsewhere, at: target, seen: map[string]int{}, own: v.own}
	if typ.SecretReads != nil { // digests are of one tenant
		u.at, u.mapping = source, catalog.SameTenant
	}
	u.wire(u.client, nil)
	u.add(source, graphsim.TenantSpec{Defaults: true})
	u.add(target, graphsim.TenantSpec{Defaults: true})
	doc, err := catalog.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if v.change != nil {
		v.change(doc)
		if raw, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
	}
	u.needed(typ, doc, func(string) bool { return false })
	var first captured
	if u.own != "" || typ.Singleton {
		first, u.was = u.theirs(source), u.theirs(u.at)
		_, u.id = typ.SplitID(u.was.GraphID)
	} else {
		id, err := u.create(source, typ, raw, catalog.SameTenant, secretsOf(typ, doc))
		if err != nil {
			t.Fatal(err)
		}
		first = u.find(source, typ, id)
		if u.id, err = u.create(u.at, typ, first.payload, u.mapping, first.secrets); err != nil {
			t.Fatal(err)
		}
		u.was = u.find(u.at, typ, u.id)
	}
	u.first, u.secrets = first.payload, first.secrets
	if u.mapped, err = typ.Map(u.first, u.mapping); err != nil {
		t.Fatal(err)
	}
	return u
}

// theirs is the tenant's own object of the type.
func (u *updated) theirs(at tenant) captured {
	u.t.Helper()
	all := u.syncTypes(at, u.typ.ID)
	i := slices.IndexFunc(all, func(p run.Policy) bool {
		return p.Type == u.typ.ID && (u.typ.BuiltIn.Only || strings.HasSuffix(p.GraphID, u.own))
	})
	if i < 0 {
		u.t.Fatalf("the tenant has no %s", u.typ.ID)
	}
	return u.capture(at, all[i])
}

func (u *updated) now() captured {
	u.t.Helper()
	if u.own != "" || u.typ.Singleton {
		return u.theirs(u.at)
	}
	return u.find(u.at, u.typ, u.id)
}

// unchanged demands that nothing is written to an object that is as it was wanted.
func (u *updated) unchanged(live captured) {
	u.t.Helper()
	change, err := u.typ.Update(u.first, live.payload, u.mapping, u.secrets)
	if err != nil {
		u.t.Fatal(err)
	}
	if len(change.Steps) > 0 || change.AssignmentsKept {
		u.t.Errorf("an object that is as it was captured is written: %s, assignments kept: %t", shown(change.Steps), change.AssignmentsKept)
	}
	u.verify(u.typ, change.Want, live.payload)
}

func shown(steps []catalog.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "\n%s: %s %s %s", s.Name, s.Method, s.Path, clip(s.Body))
	}
	return b.String()
}

// change mutates the live object, updates it and looks whether it came back.
func (u *updated) change(what string, mutate func(*mutation)) catalog.Change {
	u.t.Helper()
	m := &mutation{updated: u, what: what}
	m.begin(u.now())
	mutate(m)
	m.put()
	live := u.now()
	change, err := u.typ.Update(u.first, live.payload, u.mapping, u.secrets)
	if err != nil {
		u.t.Fatalf("%s: %v", what, err)
	}
	if again, err := u.typ.Update(u.first, live.payload, u.mapping, u.secrets); err != nil || shown(again.Steps) != shown(change.Steps) || !bytes.Equal(again.Want, change.Want) {
		u.t.Errorf("%s: another update makes other steps, %v", what, err)
	}
	if len(change.Unresolved) > 0 {
		u.t.Errorf("%s: unresolved: %+v", what, change.Unresolved)
	}
	if err := u.apply(u.at, change.Steps, u.typ.Known(live.GraphID)); err != nil {
		u.t.Fatalf("%s: %v\nafter%s\nlive %s", what, err, shown(change.Steps), clip(live.payload))
	}
	for _, s := range change.Steps {
		name, _, _ := strings.Cut(s.Name, " ")
		u.seen[s.Method+" "+name]++
	}
	after := u.now()
	if paths, err := u.typ.Unlike(change.Want, after.payload); err != nil || len(paths) > 0 {
		u.t.Errorf("%s: not as it was wanted: %v, %v\nafter%s", what, paths, err, shown(change.Steps))
	}
	var kept []string
	for _, path := range change.Left {
		if !slices.ContainsFunc(left[u.typ.ID], func(d difference) bool {
			return slices.ContainsFunc(d.paths, func(p string) bool { return path == p || strings.HasPrefix(path, p+"[") })
		}) {
			u.t.Errorf("%s: %s is left as it is", what, path)
		}
		kept = append(kept, path)
	}
	u.equal(u.typ, u.mapped, after.payload, what+": what was captured and what was restored", differences, map[string][]difference{u.typ.ID: {{"left", kept}}})
	u.unchangedIn(what, after)
	return change
}

func (u *updated) unchangedIn(what string, live captured) {
	u.t.Helper()
	change, err := u.typ.Update(u.first, live.payload, u.mapping, u.secrets)
	if err != nil {
		u.t.Fatal(err)
	}
	if len(change.Steps) > 0 {
		u.t.Errorf("%s: what was restored is written again: %s", what, shown(change.Steps))
	}
}

// rename demands that another name is one request.
func (u *updated) rename() {
	u.t.Helper()
	name := u.typ.NameProperty
	if name == "" || u.own != "" || slices.Contains(u.typ.Fixed, name) {
		return
	}
	change := u.change("another name", func(m *mutation) { m.doc.Object()[name] = "Other " + fmt.Sprint(m.doc.Object()[name]) })
	if len(change.Steps) != 1 {
		u.t.Errorf("another name takes %s", shown(change.Steps))
	}
}

// assigned changes the assignments alone.
func (u *updated) assigned() {
	u.t.Helper()
	if u.typ.Assign.Path == "" || u.typ.Assign.OnRequest || u.own != "" {
		return
	}
	kind := u.typ.Assign.Targets[slices.IndexFunc(u.typ.Assign.Targets, func(k string) bool { return strings.HasSuffix(k, "roup") && !strings.HasPrefix(k, "excl") })]
	another := map[string]any{"target": map[string]any{"@odata.type": "#microsoft.graph." + kind + "AssignmentTarget", "groupId": "0f0f0f0f-1111-4222-8333-444444444444"}}
	if u.typ.Assign.ItemType != "" {
		another["@odata.type"], another["intent"] = "#microsoft.graph."+u.typ.Assign.ItemType, "available"
	}
	for what, change := range map[string]func(list []any) []any{
		"no assignments":      func([]any) []any { return []any{} },
		"another assignment":  func([]any) []any { return []any{another} },
		"one assignment more": func(list []any) []any { return append(slices.Clone(list), another) },
		"one assignment less": func(list []any) []any { return list[:max(len(list)-1, 0)] },
	} {
		done := u.change(what, func(m *mutation) {
			list, _ := m.doc[catalog.PartAssignments].([]any)
			m.doc[catalog.PartAssignments] = change(list)
		})
		for _, s := range done.Steps {
			if s.Name != "assign" && s.Name != "unassign" {
				u.t.Errorf("%s: %s", what, shown(done.Steps))
			}
		}
		if u.typ.Assign.ReplacesAll && len(done.Steps) > 1 {
			u.t.Errorf("%s: %s", what, shown(done.Steps))
		}
	}
}

// mutation changes an object as administrators could, and beyond.
type mutation struct {
	*updated
	what   string
	doc    catalog.Document
	random *rand.Rand
	some   float64
}

func (m *mutation) begin(live captured) {
	m.t.Helper()
	doc, err := catalog.Decode(live.payload)
	if err != nil {
		m.t.Fatal(err)
	}
	m.doc = doc
}

// put stores the changed object in the place of the live one.
func (m *mutation) put() {
	m.t.Helper()
	if m.typ.Singleton {
		// Only a request changes it.
		text, err := json.Marshal(map[string]any{"settings": m.doc.Object()})
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := m.write(m.at, catalog.Step{Method: "PATCH", Path: "deviceManagement", Body: text}); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	object := maps.Clone(m.doc.Object())
	for _, part := range m.typ.Parts[1:] {
		v, ok := m.doc[part.Name]
		if !ok {
			continue
		}
		switch part.Name {
		case "certificates":
			for path, answer := range v.(map[string]any) {
				_, nav, _ := strings.Cut(path, "/")
				object[nav] = answer
				if list, many := answer.(map[string]any)["value"]; many {
					object[nav] = list
				}
			}
		case "templates":
			for id, template := range v.(map[string]any) {
				template.(map[string]any)["id"] = id
				m.store("deviceManagement/notificationMessageTemplates", template)
			}
		default:
			object[part.Name] = v
		}
	}
	object["id"] = m.id
	m.store(m.typ.Collection, object)
}

func (m *mutation) store(collection string, object any) {
	m.t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.sim.PutObject(m.at.graphID, graphsim.Object{Collection: collection, JSON: text}); err != nil {
		m.t.Fatalf("%s: %v", m.what, err)
	}
}

// content reports whether a member of the object is content that an update writes.
func (m *mutation) content(name string) bool {
	path := "object." + name
	t := m.typ
	switch {
	case strings.Contains(name, "@"), slices.Contains(t.Volatile, path), slices.Contains(t.Unwritten, path):
		return false
	case slices.Contains([]string{"id", "createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "version", "supportsScopeTags", "isAssigned", "settingCount", "creationSource", "deletedDateTime"}, name):
		return false
	case slices.Contains(t.Apart, path):
		return true
	case slices.ContainsFunc(slices.Concat(t.Fixed, t.Strip.Update), func(p string) bool { return p == name || strings.HasPrefix(p, name+".") }):
		return false
	}
	return true
}

// values of each member that a reader of the object may not take as anything:
// they say what other members mean, or which other object there is.
var untouched = map[string][]string{
	"device-configuration-network-certificate": {"wifiSecurityType", "wiFiSecurityType", "preSharedKey"},
	"device-configuration":                     {"productKey", "licenseType", "license"},
	"enrollment-limit":                         {"priority"}, "enrollment-single-platform-restriction": {"priority"},
	"enrollment-status-page": {"priority"}, "enrollment-notification": {"priority", "notificationTemplates"},
	"enrollment-platform-restrictions-default": {"priority"}, "enrollment-windows-hello": {"priority"}, "enrollment-windows-restore": {"priority"},
	"authentication-strength-policy": {"policyType"},
	"reusable-policy-setting":        {"settingInstance"},
}

// object changes members of the object, at any depth, and sets some that are null.
func (m *mutation) object() {
	object := m.doc.Object()
	kind := strings.TrimPrefix(fmt.Sprint(object["@odata.type"]), "#microsoft.graph.")
	s, err := schema.Load()
	if err != nil {
		m.t.Fatal(err)
	}
	texts := map[string]bool{}
	if set, ok := s.Set(m.typ.Collection); ok && object["@odata.type"] == nil {
		kind = set.EntityType
	}
	for _, p := range s.Properties(kind) {
		texts[p.Name] = p.Type == "Edm.String" && !p.Collection && p.Null == schema.NullAllowed
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !m.content(name) || slices.Contains(untouched[m.typ.ID], name) || m.random.Float64() > m.some {
			continue
		}
		if object[name] == nil {
			if texts[name] {
				object[name] = "set since"
			}
			continue
		}
		object[name] = m.value(object[name], name)
	}
}

// value is another value of the same kind.
func (m *mutation) value(v any, name string) any {
	switch v := v.(type) {
	case bool:
		return !v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return json.Number(fmt.Sprint(n + 1))
		}
	case string:
		return v + "X"
	case []any:
		if len(v) == 0 {
			return v
		}
		out := slices.Clone(v)
		switch m.random.IntN(3) {
		case 0:
			return out[:len(out)-1]
		case 1:
			return []any{}
		}
		if _, isText := out[0].(string); isText {
			return append(out[1:], "added since")
		}
		out[0] = m.value(out[0], name)
		return out
	case map[string]any:
		out := maps.Clone(v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.Contains(key, "@") || slices.Contains(referring, key) || m.random.IntN(2) == 0 {
				continue
			}
			out[key] = m.value(v[key], key)
		}
		return out
	}
	return v
}

// parts changes what lies beside the object.
func (m *mutation) parts() {
	for _, part := range m.typ.Parts[1:] {
		if slices.Contains(m.typ.Volatile, part.Name) || slices.Contains(m.typ.Unwritten, part.Name) || m.random.Float64() > m.some {
			continue
		}
		switch v := m.doc[part.Name].(type) {
		case []any:
			m.doc[part.Name] = m.elements(part.Name, v)
		case map[string]any:
			switch part.Name {
			case "certificates":
				m.certificates(v)
			case "templates":
				m.templates(v)
			default:
				delete(m.doc, part.Name) // an image that was taken away
			}
		}
	}
}

// references are members of elements that name other objects.
var referring = []string{"target", "payloadId", "targetId", "id", "@odata.type", "targetType", "sourceId", "source", "itemType", "appliesToCombinations", "notificationTemplateId", "notificationMessageCCList", "actionType", "mobileAppIdentifier", "secretReferenceValueId", "isEncrypted"}

// elements takes some away, doubles or changes others.
func (m *mutation) elements(name string, list []any) []any {
	out := []any{}
	for i, e := range list {
		element, ok := e.(map[string]any)
		if !ok || m.random.IntN(3) == 0 {
			continue
		}
		element = maps.Clone(element)
		if m.random.IntN(2) == 0 && name != catalog.PartAssignments && name != "categories" && name != "relationships" {
			for _, key := range slices.Sorted(maps.Keys(element)) {
				if !slices.Contains(referring, key) && m.random.IntN(2) == 0 {
					element[key] = m.value(element[key], key)
				}
			}
		}
		_ = i
		out = append(out, element)
	}
	if m.random.IntN(2) == 0 {
		switch name {
		case "apps":
			out = append(out, map[string]any{"id": "added", "mobileAppIdentifier": map[string]any{"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": "com.example.added"}})
		case "categories":
			out = append(out, map[string]any{"id": "ed899483-3019-425e-a470-28e901b9790e", "displayName": "Productivity"})
		case catalog.PartSettings:
			if len(list) > 0 {
				added, _ := json.Marshal(list[0])
				v, err := catalog.DecodeValue([]byte(strings.Replace(string(added), `"settingDefinitionId":"`, `"settingDefinitionId":"added_`, 1)))
				if err != nil {
					m.t.Fatal(err)
				}
				out = append(out, v)
			}
		}
	}
	return out
}

func (m *mutation) certificates(answers map[string]any) {
	for _, path := range slices.Sorted(maps.Keys(answers)) {
		answer, _ := answers[path].(map[string]any)
		if list, many := answer["value"].([]any); many {
			answer["value"] = list[:m.random.IntN(len(list)+1)]
		} else if m.random.IntN(2) == 0 {
			delete(answers, path)
		}
	}
}

func (m *mutation) templates(all map[string]any) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		template, _ := all[id].(map[string]any)
		m.messages(template)
		if m.random.IntN(2) == 0 {
			template["brandingOptions"] = "includeCompanyPortalLink"
		}
	}
}

// messages takes one away, adds one, changes another, and makes one the default.
func (m *mutation) messages(template map[string]any) {
	const name = "localizedNotificationMessages"
	list, _ := template[name].([]any)
	out := []any{}
	for _, e := range list {
		message, _ := e.(map[string]any)
		if m.random.IntN(3) == 0 {
			continue
		}
		if m.random.IntN(2) == 0 {
			message["subject"] = fmt.Sprint(message["subject"]) + " changed"
		}
		message["isDefault"] = false
		out = append(out, message)
	}
	if m.random.IntN(2) == 0 || len(out) == 0 {
		out = append(out, map[string]any{"id": fmt.Sprint(template["id"]) + "_pl-pl", "locale": "pl-PL", "subject": "S", "messageTemplate": "M", "isDefault": false})
	}
	out[m.random.IntN(len(out))].(map[string]any)["isDefault"] = true
	template[name] = out
}

// special are changes that no random one makes.
var special = map[string]map[string]func(m *mutation){
	"device-configuration-network-certificate": {
		"other certificates": func(m *mutation) {
			m.store(m.typ.Collection, map[string]any{"@odata.type": "#microsoft.graph.windows81TrustedRootCertificate", "id": "00000000-0000-4000-8000-0000000000ca", "displayName": "Another root"})
			m.store(m.typ.Collection, map[string]any{"@odata.type": "#microsoft.graph.windows81SCEPCertificateProfile", "id": "00000000-0000-4000-8000-0000000000cb", "displayName": "Another client"})
			answers := m.doc["certificates"].(map[string]any)
			for path, answer := range answers {
				if list, many := answer.(map[string]any)["value"].([]any); many {
					answers[path] = map[string]any{"value": append(list[1:], map[string]any{"id": "00000000-0000-4000-8000-0000000000ca"})}
				} else {
					answers[path] = map[string]any{"id": "00000000-0000-4000-8000-0000000000cb"}
				}
			}
		},
		"a certificate where there was none": func(m *mutation) {
			m.store(m.typ.Collection, map[string]any{"@odata.type": "#microsoft.graph.windows81TrustedRootCertificate", "id": "00000000-0000-4000-8000-0000000000ca", "displayName": "Another root"})
			m.doc["certificates"].(map[string]any)["microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificateForClientValidation"] = map[string]any{"id": "00000000-0000-4000-8000-0000000000ca"}
		},
	},
	"device-configuration-custom-oma": {
		"another secret": func(m *mutation) {
			for _, e := range m.doc.Object()["omaSettings"].([]any) {
				if reference, ok := e.(map[string]any)["secretReferenceValueId"].(string); ok {
					if err := m.sim.SetSecret(m.at.graphID, reference, "another value"); err != nil {
						m.t.Fatal(err)
					}
				}
			}
		},
	},
	"enrollment-notification": {
		"a channel less": func(m *mutation) {
			list := m.doc.Object()["notificationTemplates"].([]any)
			m.doc.Object()["notificationTemplates"] = list[:1]
		},
		"no texts": func(m *mutation) {
			for _, template := range m.doc["templates"].(map[string]any) {
				template.(map[string]any)["localizedNotificationMessages"] = []any{}
			}
		},
	},
	"enrollment-notification.email only": {
		"a channel more": func(m *mutation) {
			m.store("deviceManagement/notificationMessageTemplates", map[string]any{"id": "00000000-0000-4000-8000-0000000000aa", "displayName": "EnrollmentNotificationInternalMEO"})
			m.doc.Object()["notificationTemplates"] = append(m.doc.Object()["notificationTemplates"].([]any), "Push_00000000-0000-4000-8000-0000000000aa")
		},
	},
	"mobile-app-winget": {
		"other relationships": func(m *mutation) {
			m.store(m.typ.Collection, map[string]any{"@odata.type": "#microsoft.graph.iosStoreApp", "id": "00000000-0000-4000-8000-0000000000ab", "displayName": "Another"})
			m.doc["relationships"] = []any{map[string]any{
				"@odata.type": "#microsoft.graph.mobileAppDependency", "id": "x", "targetId": "00000000-0000-4000-8000-0000000000ab", "targetType": "child", "dependencyType": "detect",
			}}
		},
	},
	"authentication-strength-policy": {
		"other combinations": func(m *mutation) {
			m.doc.Object()["allowedCombinations"] = []any{"password,sms"}
			m.doc["combinationConfigurations"] = []any{map[string]any{
				"@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration", "id": "00000000-0000-4000-8000-0000000000ac",
				"appliesToCombinations": []any{"x509CertificateSingleFactor"}, "allowedIssuerSkis": []any{"0011"}, "allowedPolicyOIDs": []any{},
			}}
		},
	},
	"enrollment-limit":       {"another place": another("deviceEnrollmentLimitConfiguration")},
	"enrollment-status-page": {"another place": another("windows10EnrollmentCompletionPageConfiguration")},
	"conditional-access-policy": {
		"off": func(m *mutation) { m.doc.Object()["state"] = "disabled" },
		"more conditions": func(m *mutation) {
			conditions := m.doc.Object()["conditions"].(map[string]any)
			for name, v := range map[string]any{
				"platforms": map[string]any{"includePlatforms": []any{"android"}, "excludePlatforms": []any{}}, "signInRiskLevels": []any{"high"}, "userRiskLevels": []any{"high"},
				"devices":   map[string]any{"deviceFilter": map[string]any{"mode": "include", "rule": "device.model -eq \"x\""}},
				"locations": map[string]any{"includeLocations": []any{"All"}, "excludeLocations": []any{"AllTrusted"}},
			} {
				conditions[name] = v
			}
			m.doc.Object()["sessionControls"] = map[string]any{"disableResilienceDefaults": true, "persistentBrowser": map[string]any{"isEnabled": true, "mode": "never"}}
		},
		"other controls": func(m *mutation) {
			m.doc.Object()["grantControls"] = map[string]any{"operator": "AND", "builtInControls": []any{"mfa", "compliantDevice"}, "customAuthenticationFactors": []any{"x"}, "termsOfUse": []any{}}
		},
		"nothing but a session": func(m *mutation) {
			m.doc.Object()["grantControls"] = nil
			m.doc.Object()["sessionControls"] = map[string]any{"signInFrequency": map[string]any{"isEnabled": true, "value": json.Number("1"), "type": "hours"}}
		},
		"on": func(m *mutation) { m.doc.Object()["state"] = "enabled" },
	},
}

// another puts another configuration of enrolment first.
func another(kind string) func(*mutation) {
	return func(m *mutation) {
		m.store(m.typ.Collection, map[string]any{"@odata.type": "#microsoft.graph." + kind, "id": "00000000-0000-4000-8000-0000000000ad_Other", "displayName": "First", "priority": json.Number("1"), "limit": json.Number("5")})
		m.doc.Object()["priority"] = json.Number("2")
	}
}

// What a restore made can be taken away again, whatever the service asks for first.
func TestEveryTypeIsDeleted(t *testing.T) {
	deleted := 0
	for _, typ := range catalog.All() {
		if typ.Restorability.Level != catalog.Full || typ.BuiltIn.Only {
			continue
		}
		t.Run(typ.ID, func(t *testing.T) {
			u := newUpdated(t, typ, variant{id: typ.ID})
			steps, err := typ.Delete(u.was.payload)
			if errors.Is(err, catalog.ErrNotDeletable) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := u.apply(u.at, steps, typ.Known(u.was.GraphID)); err != nil {
				t.Fatal(err)
			}
			objects, err := u.sim.Objects(u.at.graphID, typ.Collection)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(objects, func(o graphsim.ObjectInfo) bool { return o.ID == u.id }) {
				t.Error("it is still there")
			}
			deleted++
		})
	}
	if deleted < 40 {
		t.Errorf("objects of %d types were deleted", deleted)
	}
}

var errReplace *catalog.ReplacementError

// What is fixed when an object is made is refused by name, and nothing is written.
func TestFixedMembersNeedAnotherObject(t *testing.T) {
	for _, typ := range catalog.All() {
		if typ.Restorability.Level != catalog.Full || len(typ.Fixed) == 0 {
			continue
		}
		t.Run(typ.ID, func(t *testing.T) {
			u := newUpdated(t, typ, variant{id: typ.ID})
			tried := 0
			for _, path := range typ.Fixed {
				doc, err := catalog.Decode(u.was.payload)
				if err != nil {
					t.Fatal(err)
				}
				holder, name := doc.Object(), path
				if outer, inner, deep := strings.Cut(path, "."); deep {
					holder, _ = holder[outer].(map[string]any)
					name = inner
				}
				if holder[name] == nil || holder[name] == "" {
					continue
				}
				tried++
				m := mutation{updated: u, random: rand.New(rand.NewPCG(1, 2))}
				for was := spelt(holder[name]); spelt(holder[name]) == was; {
					holder[name] = m.value(holder[name], name)
				}
				text, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				change, err := typ.Update(u.first, text, u.mapping, u.secrets)
				if !errors.As(err, &errReplace) || !slices.Equal(errReplace.Members, []string{path}) || len(change.Steps) > 0 {
					t.Errorf("%s: %v, %d steps", path, err, len(change.Steps))
				}
			}
			if tried == 0 {
				t.Logf("the fixture says nothing of %v", typ.Fixed)
			}
		})
	}
}

func spelt(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
