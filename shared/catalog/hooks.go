package catalog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The hooks that rows name. They are pure: from a document, or on a creation.

// graphRoot begins the URLs in @odata.bind.
const graphRoot = "https://graph.microsoft.com/beta/"

// settingsInline puts the settings into the body of the create. Ids of settings
// are the service's; definitions are sent by no tool.
func settingsInline(c *creation) {
	if settings := c.settings(); settings != nil {
		c.body[PartSettings] = settings
	}
}

// settings are those of the document as they are sent; nil when there are none to
// send.
func (c *creation) settings() []any {
	settings, ok := c.doc[PartSettings].([]any)
	if !ok {
		c.lack(PartSettings)
		return nil
	}
	for _, s := range settings {
		c.tidy(s, "id", "settingDefinitions")
	}
	if secretToken(settings) {
		c.err = ErrPlaceholder
		return nil
	}
	return settings
}

// settingsUpdating replaces the policy whole: PATCH leaves the settings as they
// are and says that it went well.
func settingsUpdating(c *change) {
	if c.body != nil {
		settingsInline(&c.creation)
	}
}

// reusableSettings are the references of settings to groups of reusable ones.
func reusableSettings(d Document, found func(typeID string, holder map[string]any, key string)) {
	walk(d[PartSettings], 0, func(node map[string]any) {
		if node["@odata.type"] == ODataPrefix+"deviceManagementConfigurationReferenceSettingValue" {
			found("reusable-policy-setting", node, "value")
		}
	})
}

// walk calls f for every object in a tree, each before what it holds.
func walk(v any, depth int, f func(map[string]any)) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], depth+1, f)
		}
	case []any:
		for _, e := range v {
			walk(e, depth+1, f)
		}
	}
}

// secretToken reports whether a settings tree holds a token in the place of a
// secret.
func secretToken(settings []any) bool {
	found := false
	walk(settings, 0, func(node map[string]any) { found = found || isToken(node) })
	return found
}

// isToken reports whether a value is a token that stands for a secret.
func isToken(value map[string]any) bool { return value["valueState"] == "encryptedValueToken" }

// certificateReferences are the paths, below the object, of the certificate
// profiles that it may refer to: derived type and navigation property.
func certificateReferences(d Document) []string {
	name := derived(d.Object())
	nav := certificateNavigation[name]
	var out []string
	for _, p := range slices.Concat(nav.single, nav.many) {
		out = append(out, "microsoft.graph."+name+"/"+p)
	}
	return out
}

// deviceConfigurationCreation binds the certificate profiles in the body of the
// create, as the portal does: a profile is never live without them.
func deviceConfigurationCreation(c *creation) {
	bind := func(id string) string { return graphRoot + deviceConfigurations + "('" + id + "')" }
	answers, _ := c.doc[certificates.Name].(map[string]any)
	for path, answer := range answers {
		_, nav, _ := strings.Cut(path, "/")
		found, _ := answer.(map[string]any)
		if list, many := found["value"].([]any); many {
			refs := []string{}
			for _, e := range list {
				refs = append(refs, bind(textAt(e, "id")))
			}
			if len(refs) > 0 {
				c.body[nav+"@odata.bind"] = refs
			}
		} else if id := textAt(found, "id"); id != "" {
			c.body[nav+"@odata.bind"] = bind(id)
		}
	}
	for _, name := range withheld(c.doc) {
		c.err = fmt.Errorf("%s: %w", name, ErrPlaceholder)
	}
	// It is read with the object and refused in its body.
	if controls, ok := c.doc.Object()["privacyAccessControls"].([]any); ok && len(controls) > 0 {
		c.add("privacy access controls", "POST", deviceConfigurations+"/{id}/windowsPrivacyAccessControls",
			map[string]any{"windowsPrivacyAccessControls": c.tidy(controls)})
	}
}

// keyMembers are what a profile may hold of keys: null or a mask, which would take
// the place of the key that the service keeps.
var keyMembers = []string{"preSharedKey", "preSharedKeyIsSet", "sharedSecret", "productKey"}

// deviceConfigurationWanted leaves keys as they are; a masked one that is not the
// same cannot be written.
func deviceConfigurationWanted(c *change) {
	for _, name := range keyMembers {
		was, is := c.doc.Object()[name], c.live.Object()[name]
		lost := was != nil && is != nil && spelling(was) != spelling(is)
		if name == "preSharedKeyIsSet" {
			lost = was == true && is != true // and one too many stays
		}
		if lost {
			c.refuse(fmt.Errorf("%s: %w", name, ErrPlaceholder))
		}
		c.keep("object." + name)
	}
}

// deviceConfigurationUpdating never sends a key: the one that the service has
// stays. A profile that has none cannot become one that needs it.
func deviceConfigurationUpdating(c *change) {
	if c.body != nil {
		// What c.doc kept of the live one says nothing of what was captured.
		has := withheld(c.live)
		for _, name := range withheld(c.doc) {
			if !slices.Contains(has, name) {
				c.refuse(fmt.Errorf("%s: %w", name, ErrPlaceholder))
			}
		}
		for _, name := range keyMembers {
			delete(c.body, name)
		}
		if slices.Contains(has, "license") && textAt(c.body, "license") == "" {
			delete(c.body, "license")
		}
	}
	certificatesUpdating(c)
	if c.differs("object.privacyAccessControls") {
		controls, _ := c.doc.Object()["privacyAccessControls"].([]any)
		if controls == nil {
			controls = []any{}
		}
		c.add("privacy access controls", "POST", deviceConfigurations+"/{id}/windowsPrivacyAccessControls",
			map[string]any{"windowsPrivacyAccessControls": c.tidy(controls)})
	}
}

// certificatesUpdating makes the references exactly those that were captured: a
// root that was only added to would stay trusted.
func certificatesUpdating(c *change) {
	paths := certificateReferences(c.doc)
	if len(paths) == 0 || !c.differs(certificates.Name) {
		return
	}
	read := func(d Document, which string) map[string]any {
		answers, ok := d[certificates.Name].(map[string]any)
		if !ok {
			c.lack(certificates.Name + which)
		}
		return answers
	}
	want, live := read(c.doc, ""), read(c.live, " of the live object")
	if c.err != nil {
		return
	}
	many := certificateNavigation[derived(c.doc.Object())].many
	var removals []Step
	for _, path := range paths {
		_, nav, _ := strings.Cut(path, "/")
		at := deviceConfigurations + "/{id}/" + path
		bind := func(id string) map[string]any {
			return map[string]any{"@odata.id": graphRoot + deviceConfigurations + "('" + id + "')"}
		}
		remove := func(name string) {
			removals = append(removals, Step{Name: "no certificate " + nav, Method: "DELETE", Path: at + name + "/$ref"})
		}
		if !slices.Contains(many, nav) {
			switch to, from := textAt(want[path], "id"), textAt(live[path], "id"); {
			case to == from:
			case to != "":
				c.add("certificate "+nav, "PUT", at+"/$ref", bind(to))
			default:
				remove("")
			}
			continue
		}
		to, from := idsAt(want[path], "value[].id"), idsAt(live[path], "value[].id")
		for _, id := range to {
			if !slices.Contains(from, id) {
				c.add("certificate "+nav, "POST", at+"/$ref", bind(id))
			}
		}
		for _, id := range from {
			if !slices.Contains(to, id) {
				remove("/" + url.PathEscape(id))
			}
		}
	}
	c.steps = append(c.steps, removals...)
}

// idsAt are the texts that a path names.
func idsAt(v any, path string) []string {
	var ids []string
	values(v, path, func(v any) {
		if id, ok := v.(string); ok && id != "" {
			ids = append(ids, id)
		}
	})
	return ids
}

// withheld names the keys that a profile has and Microsoft keeps to itself, or
// gives out masked.
func withheld(d Document) []string {
	object := d.Object()
	var found []string
	personal := []string{"wpaPersonal", "wpa2Personal", "wpa3Personal", "wep"}
	if slices.Contains(personal, textAt(object, "wiFiSecurityType")) || slices.Contains(personal, textAt(object, "wifiSecurityType")) || object["preSharedKeyIsSet"] == true {
		found = append(found, "preSharedKey")
	}
	if textAt(object, odataType) == ODataPrefix+"iosikEv2VpnConfiguration" && textAt(object, "authenticationMethod") == "sharedSecret" {
		found = append(found, "sharedSecret")
	}
	switch kind := textAt(object, "licenseType"); { // of an edition upgrade
	case kind == "productKey":
		found = append(found, "productKey")
	case kind == "licenseFile" && textAt(object, "license") == "":
		found = append(found, "license")
	}
	return found
}

// SecretRead is a secret value that a call of its own gives out.
type SecretRead struct {
	Place string // where it belongs, within the object: the key of sealed values
	Name  string // for people
	Ref   string // stands for {each} in SecretPath
}

// Masks that stand in the place of an encrypted OMA-URI value: Microsoft365DSC#4084,
// and base64 of "<a/>" for XML (powershell-intune-samples#179).
var omaMasks = []string{"****", "PGEvPg=="}

// omaSecrets are the encrypted settings of a custom profile.
func omaSecrets(d Document) []SecretRead {
	list, _ := d.Object()["omaSettings"].([]any)
	var out []SecretRead
	for i, e := range list {
		setting, _ := e.(map[string]any)
		ref := textAt(setting, "secretReferenceValueId")
		if setting["isEncrypted"] != true && (ref == "" || !slices.Contains(omaMasks, textAt(setting, "value"))) {
			continue
		}
		name := textAt(setting, "displayName")
		if name == "" {
			name = textAt(setting, "omaUri")
		}
		out = append(out, SecretRead{Place: omaPlace(i), Name: name, Ref: ref})
	}
	return out
}

func omaPlace(i int) string { return "omaSettings[" + strconv.Itoa(i) + "].value" }

// omaCreation puts the secret values in the place of their masks.
func omaCreation(c *creation) {
	list, _ := c.body["omaSettings"].([]any)
	for _, s := range omaSecrets(c.doc) {
		if _, ok := c.secrets[s.Place]; !ok {
			c.err = fmt.Errorf("%s: %w", s.Name, ErrPlaceholder)
			return
		}
	}
	for i, e := range list {
		secret, ok := c.secrets[omaPlace(i)]
		setting, isObject := e.(map[string]any)
		switch {
		case ok && !isObject: // not as it was captured
			c.lack("omaSettings")
		case ok:
			setting["value"] = omaValue(textAt(setting, "@odata.type"), secret)
		}
	}
}

// omaUpdating puts the secret values in the place of their masks, when settings are
// written at all.
func omaUpdating(c *change) {
	if list, ok := c.body["omaSettings"]; !ok {
		return
	} else if list == nil {
		c.lack("omaSettings")
		return
	}
	omaCreation(&c.creation)
}

// omaValue is the plain text as the setting's type holds it. The value of XML is
// binary: base64 of the text.
func omaValue(odataType, plain string) any {
	switch strings.TrimPrefix(odataType, ODataPrefix) {
	case "omaSettingStringXml":
		return base64.StdEncoding.EncodeToString([]byte(plain))
	case "omaSettingInteger", "omaSettingFloatingPoint", "omaSettingBoolean":
		var v any
		dec := json.NewDecoder(strings.NewReader(plain))
		dec.UseNumber()
		if dec.Decode(&v) == nil {
			return v
		}
	}
	return plain
}

// AsEncrypted is a wanted state as the service will hold it. It encrypts the texts
// of OMA-URI settings with each write (Microsoft365DSC#4084), also those that were
// still plain when they were captured: of each that got, a capture, has a digest and
// want has none, the result holds what stands in its place in got, and its digest.
func (t Type) AsEncrypted(want, got []byte, digest func(plain string) (string, error)) ([]byte, error) {
	if t.SecretReads == nil {
		return want, nil
	}
	wanted, is, err := decodeBoth(want, got)
	if err != nil {
		return nil, err
	}
	settings, _ := wanted.Object()["omaSettings"].([]any)
	live, _ := is.Object()["omaSettings"].([]any)
	digests, _ := wanted[MemberSecrets].(map[string]any)
	others, _ := is[MemberSecrets].(map[string]any)
	encrypted := false
	for i := range min(len(settings), len(live)) {
		place := omaPlace(i)
		if _, known := digests[place]; known || others[place] == nil {
			continue
		}
		w, _ := settings[i].(map[string]any)
		l, _ := live[i].(map[string]any)
		plain, isText := w["value"].(string)
		if !isText || textAt(w, "omaUri") != textAt(l, "omaUri") {
			continue
		}
		if raw, err := base64.StdEncoding.DecodeString(plain); err == nil && omaValue(textAt(w, "@odata.type"), string(raw)) == plain {
			plain = string(raw) // it is told without its encoding
		}
		if digests == nil {
			digests = map[string]any{}
			wanted[MemberSecrets] = digests
		}
		if digests[place], err = digest(plain); err != nil {
			return nil, err
		}
		w["value"], encrypted = l["value"], true
	}
	if !encrypted {
		return want, nil
	}
	return json.Marshal(wanted)
}

// IsPlaceholder reports whether a value is a mask that stands for a secret.
func (t Type) IsPlaceholder(value string) bool { return slices.Contains(omaMasks, value) }

// UnreadableSecrets names the settings whose values Microsoft keeps to itself:
// secret values of the settings catalog, which come as a token, and what the row
// says of its type. Each is named once.
func (t Type) UnreadableSecrets(d Document) []string {
	var found []string
	name := ""
	walk(d[PartSettings], 0, func(node map[string]any) {
		// The value lies below the instance that names its definition.
		if id, ok := node["settingDefinitionId"].(string); ok {
			name = id
		}
		if isToken(node) {
			found = append(found, name)
		}
	})
	if t.Unreadable != nil {
		found = append(found, t.Unreadable(d)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
