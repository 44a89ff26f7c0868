package graphsim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
)

// groupPolicyRules: the body holds the name only; values come by the action.
func groupPolicyRules() *writeRules {
	return &writeRules{
		required: []string{"displayName"}, readOnly: []string{"policyConfigurationIngestionType"},
		assign: &assignRule{key: "assignments", status: http.StatusOK, filters: true},
		actions: map[string]action{"updateDefinitionValues": {run: func(w *write) response {
			e := w.old.clone()
			values := slices.Clone(e.children["definitionValues"])
			for _, id := range namesOf(w.body, "deletedIds") {
				i := indexByID(values, id)
				if i < 0 {
					return w.x.fail(w.bad("The definition value '%s' does not exist.", id))
				}
				values = slices.Delete(values, i, i+1)
			}
			for _, raw := range listOf(w.body, "updated") {
				o := mustObject(raw)
				i := indexByID(values, o.text("id"))
				if i < 0 {
					return w.x.fail(w.bad("The definition value '%s' does not exist.", o.text("id")))
				}
				made, p := w.definitionValue(o, mustObject(values[i]))
				if p != nil {
					return w.x.fail(p)
				}
				values[i] = made.bytes()
			}
			for _, raw := range listOf(w.body, "added") {
				made, p := w.definitionValue(mustObject(raw), nil)
				if p != nil {
					return w.x.fail(p)
				}
				values = append(values, made.bytes())
			}
			w.saveDefinitionValues(e, values)
			return noContent()
		}}},
		kids: map[string]*kidRule{"definitionValues": {
			create: true, remove: true, deep: []string{"presentationValues"},
			check: func(w *write, _, body object) *problem {
				made, p := w.definitionValue(body, nil)
				if p != nil {
					return p
				}
				if w.definition(made.text(refKey("definition"))).props.text("policyType") != "admxIngested" {
					// Seen for built-in definitions since November 2025 (Winget-AutoUpdate-Intune#78).
					return notFound404
				}
				return nil
			},
			id: func(w *write, _ object) string { return w.freshID() },
			change: func(w *write, list []json.RawMessage, i int) []json.RawMessage {
				if i >= 0 {
					if made, p := w.definitionValue(w.body, object{}.with("id", quote(mustObject(list[i]).text("id")))); p == nil {
						list[i] = made.bytes()
					}
				}
				return list
			},
		}},
	}
}

func (w *write) definition(id string) *entity {
	return w.t.entity(w.t.catalog.find(definitionsPath), id)
}

// saveDefinitionValues stores the values and what kind of definitions they have.
func (w *write) saveDefinitionValues(e *entity, values []json.RawMessage) {
	e.children["definitionValues"] = values
	custom, builtIn := false, false
	for _, raw := range values {
		if d := w.definition(mustObject(raw).text(refKey("definition"))); d != nil && d.props.text("policyType") == "admxIngested" {
			custom = true
		} else {
			builtIn = true
		}
	}
	kind := "unknown"
	switch {
	case custom && builtIn:
		kind = "mixed"
	case custom:
		kind = "custom"
	case builtIn:
		kind = "builtIn"
	}
	e.props = e.props.with("policyConfigurationIngestionType", quote(kind))
	w.e = w.touched(e)
	w.store(w.c, w.e)
}

// definitionValue makes the stored form of a value: its definition and the
// presentations of its values are references, which have to be there.
func (w *write) definitionValue(o, old object) (object, *problem) {
	id := old.text(refKey("definition"))
	if link := o.text("definition@odata.bind"); link != "" {
		id = idOfLink(link)
	}
	definition := w.definition(id)
	if id == "" || definition == nil {
		return nil, w.bad("The definition '%s' does not exist.", id)
	}
	stamp := quote(w.x.now.Format("2006-01-02T15:04:05.0000000Z"))
	values := listOf(o, "presentationValues")
	for i, raw := range values {
		v := mustObject(raw)
		presentation := ""
		if link := v.text("presentation@odata.bind"); link != "" {
			presentation = idOfLink(link)
		} else if k := indexByID(listOf(old, "presentationValues"), v.text("id")); k >= 0 {
			_, presentation, _ = strings.Cut(mustObject(listOf(old, "presentationValues")[k]).text(refKey("presentation")), "/")
		}
		if indexByID(definition.children["presentations"], presentation) < 0 {
			return nil, w.bad("The presentation '%s' of the definition '%s' does not exist.", presentation, id)
		}
		if v.text("id") == "" {
			v = v.with("id", quote(w.freshID()))
		}
		v = v.without(func(key string) bool { return strings.Contains(key, "@odata.") && key != "@odata.type" })
		values[i] = v.with("createdDateTime", stamp).with("lastModifiedDateTime", stamp).with(refKey("presentation"), quote(id+"/"+presentation)).bytes()
	}
	made := o.without(func(key string) bool { return strings.Contains(key, "@odata.") || key == "id" })
	own := old.text("id")
	if own == "" {
		own = w.freshID()
	}
	made = append(object{{rawKey: quote("id"), key: "id", value: quote(own)}}, made...)
	if created, ok := old.get("createdDateTime"); ok {
		made = made.with("createdDateTime", created)
	} else {
		made = made.with("createdDateTime", stamp)
	}
	made = fill(made, "configurationType", quote("policy"))
	return made.with("lastModifiedDateTime", stamp).with(refKey("definition"), quote(id)).with("presentationValues", arrayBytes(values)), nil
}

// States of an imported ADMX file.
const (
	uploadInProgress  = "uploadInProgress"
	removalInProgress = "removalInProgress"
	uploadFailed      = "uploadFailed"
	available         = "available"
)

// maxDefinitionFiles is what a tenant may have (Microsoft, "Import custom ADMX").
const maxDefinitionFiles = 20

// definitionFileRules: an upload and a removal take their time; what became of
// them is seen in the status.
func definitionFileRules() *writeRules {
	return &writeRules{
		required: []string{"fileName", "content", "groupPolicyUploadedLanguageFiles"},
		readOnly: []string{"languageCodes", "targetPrefix", "targetNamespace", "policyType", "revision", "status", "uploadDateTime"},
		refuse: func(w *write) *problem {
			if !w.create {
				return notModelled("%s of %s", w.x.method, w.c.path)
			}
			if len(w.t.all(definitionFilesPath)) >= maxDefinitionFiles {
				return w.bad("A tenant can have %d ADMX files.", maxDefinitionFiles)
			}
			return nil
		},
		done: func(w *write) {
			w.e.props = w.e.props.with("status", quote(uploadInProgress)).with("content", json.RawMessage("null")).with("groupPolicyUploadedLanguageFiles", json.RawMessage("[]"))
			file, err := readADMX(w.body)
			if err == nil {
				w.e.props = w.e.props.with("targetNamespace", quote(file.Target.Namespace)).with("targetPrefix", quote(file.Target.Prefix)).
					with("languageCodes", json.RawMessage(`["en-US"]`)).with("policyType", quote("admxIngested")).with("revision", quote(file.Revision))
			}
			taken := slices.ContainsFunc(w.t.all(definitionFilesPath), func(e *entity) bool {
				return e.id != w.e.id && e.props.text("targetNamespace") == file.Target.Namespace
			})
			if err == nil && !taken {
				w.e.props = w.e.props.with("~definitions", arrayBytes(file.definitions()))
			}
		},
		remove: func(w *write) *problem {
			if w.old.props.text("status") != uploadFailed {
				return w.bad("An ADMX file is removed by the action remove.")
			}
			return nil
		},
		actions: map[string]action{"remove": {unchecked: true, run: func(w *write) response {
			var own []string
			for _, raw := range definitionsOfFile(w.t, w.old) {
				own = append(own, mustObject(raw).text("id"))
			}
			for _, policy := range w.t.all(deviceManagement + "groupPolicyConfigurations") {
				for _, raw := range policy.children["definitionValues"] {
					if slices.Contains(own, mustObject(raw).text(refKey("definition"))) {
						return w.x.fail(w.bad("The ADMX file is used by the policy %s.", policy.id))
					}
				}
			}
			e := w.old.clone()
			e.props = e.props.with("status", quote(removalInProgress))
			w.store(w.c, e)
			return noContent()
		}}},
	}
}

// settle lets an operation that takes its time come to its end, when a reader has
// looked often enough: of an ADMX file, and of a store app that is published.
func (t *tenant) settle(c *collection, id string) {
	if c.path != definitionFilesPath && c.path != appsPath {
		return
	}
	e := t.entity(c, id)
	if e == nil {
		return
	}
	status := e.props.text("status")
	if c.path == appsPath {
		status = e.props.text("publishingState")
	}
	switch status {
	case uploadInProgress, removalInProgress, "processing":
	default:
		return
	}
	if t.stillPending(status + "/" + e.id) {
		return
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, status+"/"+e.id)
	set := t.sets[c.path]
	switch status {
	case "processing":
		e = e.clone()
		e.props = e.props.with("publishingState", quote("published"))
		set.put(e)
	case removalInProgress:
		set.delete(e.id)
		for _, path := range []string{definitionsPath, categoriesPath} {
			for _, d := range slices.Clone(t.sets[path].order) {
				if d.props.text(refKey("file")) == e.id {
					t.sets[path].delete(d.id)
				}
			}
		}
	case uploadInProgress:
		raw, read := e.props.get("~definitions")
		definitions, err := parseArray(raw)
		e = e.clone()
		e.props = e.props.without(func(key string) bool { return key == "~definitions" })
		if !read || err != nil {
			e.props = e.props.with("status", quote(uploadFailed))
			e.children["groupPolicyOperations"] = []json.RawMessage{json.RawMessage(`{"id":"` + stableGUID(e.id, "operation") + `","operationType":"upload","operationStatus":"failed","statusDetails":"ADMX file upload failed: it cannot be read, or its target namespace is taken."}`)}
			set.put(e)
			return
		}
		e.props = e.props.with("status", quote(available))
		set.put(e)
		l := &loader{tenant: t, catalog: t.catalog}
		l.ingest(e, definitions)
	}
}

// admx is the part of an ADMX file that makes definitions.
type admx struct {
	Revision string `xml:"revision,attr"`
	Target   struct {
		Prefix    string `xml:"prefix,attr"`
		Namespace string `xml:"namespace,attr"`
	} `xml:"policyNamespaces>target"`
	Categories []struct {
		Name    string `xml:"name,attr"`
		Display string `xml:"displayName,attr"`
	} `xml:"categories>category"`
	Policies []struct {
		Name    string `xml:"name,attr"`
		Class   string `xml:"class,attr"`
		Display string `xml:"displayName,attr"`
		Parent  struct {
			Ref string `xml:"ref,attr"`
		} `xml:"parentCategory"`
		Elements struct {
			List []struct {
				XMLName xml.Name
				ID      string `xml:"id,attr"`
			} `xml:",any"`
		} `xml:"elements"`
	} `xml:"policies>policy"`

	texts map[string]string
}

// adml is the table of texts of an ADML file.
type adml struct {
	Strings []struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"resources>stringTable>string"`
}

func decodeXML(data []byte, v any) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	// The declaration may name another encoding; the bytes are taken as they are.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d.Decode(v)
}

// readADMX reads the content and the texts of an upload.
func readADMX(body object) (admx, error) {
	var file admx
	data, err := base64.StdEncoding.DecodeString(body.text("content"))
	if err != nil {
		return file, err
	}
	if err := decodeXML(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &file); err != nil {
		return file, err
	}
	if file.Target.Namespace == "" {
		return file, errNotObject
	}
	file.texts = map[string]string{}
	for _, raw := range listOf(body, "groupPolicyUploadedLanguageFiles") {
		var table adml
		if data, err := base64.StdEncoding.DecodeString(mustObject(raw).text("content")); err == nil && decodeXML(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &table) == nil {
			for _, s := range table.Strings {
				file.texts[s.ID] = s.Text
			}
		}
	}
	return file, nil
}

// text resolves $(string.name).
func (f admx) text(s string) string {
	name, ok := strings.CutPrefix(s, "$(string.")
	if t, found := f.texts[strings.TrimSuffix(name, ")")]; ok && found {
		return t
	}
	return s
}

// presentationTypes are the types of presentations by the elements of a policy.
var presentationTypes = map[string]string{
	"text": "groupPolicyPresentationTextBox", "decimal": "groupPolicyPresentationDecimalTextBox", "longDecimal": "groupPolicyPresentationLongDecimalTextBox",
	"boolean": "groupPolicyPresentationCheckBox", "enum": "groupPolicyPresentationDropdownList", "list": "groupPolicyPresentationListBox", "multiText": "groupPolicyPresentationMultiTextBox",
}

// definitions are the settings of the file, without ids.
func (f admx) definitions() []json.RawMessage {
	var out []json.RawMessage
	for _, p := range f.Policies {
		category := p.Parent.Ref
		for _, c := range f.Categories {
			if c.Name == p.Parent.Ref {
				category = f.text(c.Display)
			}
		}
		for _, class := range map[string][]string{"User": {"user"}, "Machine": {"machine"}, "Both": {"user", "machine"}}[p.Class] {
			var presentations []json.RawMessage
			for _, el := range p.Elements.List {
				if kind := presentationTypes[el.XMLName.Local]; kind != "" {
					presentations = append(presentations, object{}.with("@odata.type", quote(typePrefix+kind)).with("label", quote(el.ID)).bytes())
				}
			}
			out = append(out, object{}.with("classType", quote(class)).with("displayName", quote(f.text(p.Display))).with("categoryPath", quote(`\`+category)).
				with("policyType", quote("admxIngested")).with("presentations", arrayBytes(presentations)).bytes())
		}
	}
	return out
}
