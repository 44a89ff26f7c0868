package graphsim

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/uuid"
)

//go:embed tenants
var builtin embed.FS

// BuiltinTenants returns the folders of policies that come with the simulator,
// by name: contoso and fabrikam.
func BuiltinTenants() fs.FS {
	sub, err := fs.Sub(builtin, "tenants")
	if err != nil {
		return builtin // cannot be: the name is constant and valid
	}
	return sub
}

// Bounds of what a tenant may be loaded from.
const (
	maxFileBytes   = 16 << 20
	maxFiles       = 50_000
	maxObjectDepth = 200
)

// TenantSpec describes a tenant to load. Builtin, Folder, FS, Generate and
// Objects may be combined; with none of them the tenant is empty.
type TenantSpec struct {
	ID          string   `json:"id"` // a GUID
	DisplayName string   `json:"displayName,omitempty"`
	Domains     []string `json:"domains,omitempty"` // none means one made from the id; the first is the default
	Apps        []App    `json:"apps,omitempty"`

	Builtin string `json:"builtin,omitempty"` // contoso or fabrikam
	// Folder is read below Options.FolderRoot.
	Folder   string        `json:"folder,omitempty"`
	FS       fs.FS         `json:"-"`
	Generate *GenerateSpec `json:"generate,omitempty"`
	Objects  []Object      `json:"objects,omitempty"`

	// EmptyPage makes the second page of each list of policies empty, followed by the rest.
	EmptyPage bool `json:"emptyPage,omitempty"`
	// PageSizes overrides the page size of a list by its path, for example
	// deviceManagement/deviceConfigurations or
	// deviceManagement/configurationPolicies/settings; $top cannot exceed it.
	PageSizes map[string]int `json:"pageSizes,omitempty"`
}

// Object is one object as Graph would answer it, children included.
type Object struct {
	// Collection is a modelled path or its last segment; "" means to find out.
	Collection string          `json:"collection,omitempty"`
	JSON       json.RawMessage `json:"object"`
	// Secrets are plain texts of encrypted omaSettings by secretReferenceValueId.
	Secrets map[string]string `json:"secrets,omitempty"`
	// origin tells apart objects without an id and is what their id is made from.
	origin string
}

// LoadReport says what became of each file or object.
type LoadReport struct {
	Loaded        map[string]int `json:"loaded"`                  // by collection
	NotModelled   map[string]int `json:"notModelled,omitempty"`   // known Graph objects, by collection
	NotRecognised []LoadNote     `json:"notRecognised,omitempty"` // neither
	Notes         []LoadNote     `json:"notes,omitempty"`         // loaded, but changed
	Secrets       int            `json:"secrets,omitempty"`       // plain texts of omaSettings
}

// LoadNote is a remark about one file.
type LoadNote struct {
	Origin string `json:"origin"`
	Text   string `json:"text"`
}

// loader collects the objects of one tenant.
type loader struct {
	tenant  *tenant
	catalog *catalog
	report  LoadReport
}

func (l *loader) note(origin, format string, args ...any) {
	l.report.Notes = append(l.report.Notes, LoadNote{origin, fmt.Sprintf(format, args...)})
}

func (l *loader) unrecognised(origin, format string, args ...any) {
	l.report.NotRecognised = append(l.report.NotRecognised, LoadNote{origin, fmt.Sprintf(format, args...)})
}

// loadTenant builds a tenant from its description.
func (s *Sim) loadTenant(spec TenantSpec) (*tenant, LoadReport, error) {
	id, err := uuid.Parse(spec.ID)
	if err != nil || id == uuid.Nil {
		return nil, LoadReport{}, fmt.Errorf("the tenant id %q is not a GUID", logSafe(spec.ID))
	}
	t := &tenant{
		id: id.String(), displayName: spec.DisplayName, domains: slices.Clone(spec.Domains),
		emptyPage: spec.EmptyPage, pageSizes: spec.PageSizes,
		apps: map[string]*App{}, sets: map[string]*entitySet{}, secrets: map[string]string{},
	}
	if t.displayName == "" {
		t.displayName = "Tenant " + t.id[:8]
	}
	if len(t.domains) == 0 {
		t.domains = []string{"t" + strings.ReplaceAll(t.id, "-", "")[:12] + ".onmicrosoft.com"}
	}
	for list, n := range t.pageSizes {
		if n < 1 || n > 10_000 {
			return nil, LoadReport{}, fmt.Errorf("the page size of %s must be between 1 and 10,000", list)
		}
	}
	for _, c := range s.catalog.collections {
		t.sets[c.path] = newEntitySet()
	}
	for _, app := range spec.Apps {
		if err := t.setApp(app); err != nil {
			return nil, LoadReport{}, err
		}
	}
	l := &loader{tenant: t, catalog: s.catalog, report: LoadReport{Loaded: map[string]int{}, NotModelled: map[string]int{}}}
	if spec.Builtin != "" {
		sub, err := fs.Sub(BuiltinTenants(), spec.Builtin)
		if err == nil {
			err = l.folder(sub)
		}
		if err != nil {
			return nil, l.report, fmt.Errorf("builtin tenant %q: %w", spec.Builtin, err)
		}
	}
	if spec.FS != nil {
		if err := l.folder(spec.FS); err != nil {
			return nil, l.report, err
		}
	}
	if spec.Generate != nil {
		objects, err := spec.Generate.objects()
		if err != nil {
			return nil, l.report, err
		}
		spec.Objects = append(slices.Clone(spec.Objects), objects...)
	}
	for i, o := range spec.Objects {
		if o.origin == "" {
			o.origin = "object " + strconv.Itoa(i)
		}
		if _, err := l.object(o); err != nil {
			return nil, l.report, fmt.Errorf("%s: %w", o.origin, err)
		}
	}
	return t, l.report, nil
}

// folder loads every JSON file below the root of fsys.
func (l *loader) folder(fsys fs.FS) error {
	n := 0
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.EqualFold(path.Ext(name), ".json") {
			return nil
		}
		if n++; n > maxFiles {
			return fmt.Errorf("the folder has more than %d files", maxFiles)
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if len(data) > maxFileBytes {
			l.unrecognised(name, "larger than %d bytes", maxFileBytes)
			return nil
		}
		l.file(name, data)
		return nil
	})
}

// file loads one exported file. What it cannot use it reports.
func (l *loader) file(name string, data []byte) {
	text, err := decodeText(data)
	if err != nil {
		l.unrecognised(name, "%v", err)
		return
	}
	compact, err := compactJSON(text)
	if err != nil {
		l.unrecognised(name, "not JSON: %v", err)
		return
	}
	o, err := parseObject(compact)
	if err != nil {
		l.unrecognised(name, "%v", err)
		return
	}
	if raw, ok := o.get("graphsimSecrets"); ok {
		l.secretsFile(name, raw)
		return
	}
	if value, ok := o.get("value"); ok && strings.Contains(o.text("@odata.context"), "$metadata#") {
		// The answer to a list request.
		elements, err := parseArray(value)
		if err != nil {
			l.unrecognised(name, "its value is not a list")
			return
		}
		context, _ := l.contextPath(o.text("@odata.context"))
		for i, raw := range elements {
			l.fileObject(fmt.Sprintf("%s#%d", name, i), raw, context)
		}
		return
	}
	l.fileObject(name, compact, "")
}

func (l *loader) fileObject(origin string, compact json.RawMessage, context string) {
	o, err := parseObject(compact)
	if err != nil {
		l.unrecognised(origin, "%v", err)
		return
	}
	kind, ok := l.classify(o)
	if !ok && context != "" {
		kind, ok = context, true
	}
	if !ok {
		l.unrecognised(origin, "it has neither a known @odata.type nor @odata.context, nor the shape of a policy")
		return
	}
	c := l.catalog.find(kind)
	if c == nil {
		l.report.NotModelled[kind]++
		return
	}
	if _, err := l.object(Object{Collection: c.path, JSON: compact, origin: origin}); err != nil {
		l.unrecognised(origin, "%v", err)
	}
}

func (l *loader) secretsFile(name string, raw json.RawMessage) {
	var secrets map[string]string
	if err := json.Unmarshal(raw, &secrets); err != nil {
		l.unrecognised(name, "graphsimSecrets is not an object of strings")
		return
	}
	for k, v := range secrets {
		l.tenant.secrets[k] = v
	}
	l.report.Secrets += len(secrets)
}

// decodeText turns a file's bytes into UTF-8: UTF-8 with or without a byte order
// mark, UTF-16 of either order with one. What would not survive is an error.
func decodeText(data []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	}
	if order == nil {
		if !utf8.Valid(data) {
			return nil, errors.New("not UTF-8")
		}
		return data, nil
	}
	data = data[2:]
	if len(data)%2 != 0 {
		return nil, errors.New("UTF-16 with an odd number of bytes")
	}
	out := make([]byte, 0, len(data)/2)
	for i := 0; i < len(data); i += 2 {
		r := rune(order.Uint16(data[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(data) {
				return nil, errors.New("UTF-16 with half a surrogate pair")
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(data[i:]))); r == utf8.RuneError {
				return nil, errors.New("UTF-16 with half a surrogate pair")
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}

var metadataPath = regexp.MustCompile(`\$metadata#([A-Za-z]+(?:/[A-Za-z]+)*)`)

// contextPath finds the collection that an @odata.context names.
func (l *loader) contextPath(context string) (string, bool) {
	m := metadataPath.FindStringSubmatch(context)
	if m == nil {
		return "", false
	}
	for _, c := range l.catalog.collections {
		if m[1] == c.path {
			return c.path, true
		}
	}
	return m[1], l.catalog.known[m[1]]
}

// classify finds the collection of an exported object: by @odata.type, else by
// @odata.context, else by its shape.
func (l *loader) classify(o object) (string, bool) {
	if p, ok := l.catalog.byType[strings.TrimPrefix(o.text("@odata.type"), "#microsoft.graph.")]; ok {
		return p, true
	}
	if p, ok := l.contextPath(o.text("@odata.context")); ok {
		return p, true
	}
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := o.get(name); !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("name", "platforms", "technologies", "settings"):
		return "deviceManagement/configurationPolicies", true
	case has("displayName", "state", "conditions"):
		return "identity/conditionalAccess/policies", true
	case has("displayName", "TemplateId", "settingsDelta"):
		return "deviceManagement/intents", true
	}
	return "", false
}

// isControl says whether a property belongs to the way an answer was written
// and not to the object: annotations of odata.metadata=full and action links.
func isControl(c *collection, key string) bool {
	switch {
	case key == "@odata.type":
		return !c.abstract
	case strings.HasPrefix(key, "@odata."), strings.HasPrefix(key, "@microsoft.graph."), strings.HasPrefix(key, "#"):
		return true
	case strings.HasSuffix(key, "@odata.type"), strings.HasSuffix(key, "@odata.context"),
		strings.HasSuffix(key, "@odata.navigationLink"), strings.HasSuffix(key, "@odata.associationLink"):
		return true
	}
	return false
}

// object stores one object and returns its id.
func (l *loader) object(in Object) (string, error) {
	compact, err := compactJSON(in.JSON)
	if err != nil {
		return "", fmt.Errorf("not JSON: %w", err)
	}
	if !utf8.Valid(compact) {
		return "", errors.New("not UTF-8")
	}
	if depth(compact) > maxObjectDepth {
		return "", fmt.Errorf("nested deeper than %d", maxObjectDepth)
	}
	o, err := parseObject(compact)
	if err != nil {
		return "", err
	}
	if in.Collection == "" {
		kind, ok := l.classify(o)
		if !ok {
			return "", errors.New("the collection is not given and cannot be found out")
		}
		in.Collection = kind
	}
	c := l.catalog.find(in.Collection)
	if c == nil {
		return "", fmt.Errorf("the collection %q is not modelled", logSafe(in.Collection))
	}
	if c.abstract {
		kind, ok := strings.CutPrefix(o.text("@odata.type"), "#microsoft.graph.")
		if !ok || !slices.Contains(c.types[1:], kind) {
			return "", fmt.Errorf("@odata.type %q is no type of %s", logSafe(o.text("@odata.type")), c.path)
		}
	}
	e := &entity{children: map[string][]json.RawMessage{}}
	for _, child := range c.children {
		raw, ok := o.get(child.name)
		if !ok || string(raw) == "null" {
			continue
		}
		list, err := parseArray(raw)
		if err != nil {
			return "", fmt.Errorf("%s is not a list", child.name)
		}
		e.children[child.name] = list
	}
	o = o.without(func(key string) bool {
		_, computed := c.computed[key]
		return computed || c.child(key) != nil || isControl(c, key)
	})
	set := l.tenant.sets[c.path]
	e.id = o.text("id")
	switch {
	case e.id == "" || e.id == uuid.Nil.String():
		e.id = l.guid(c.path, in.origin)
		o = o.with("id", quote(e.id))
	case in.origin != "" && set.get(e.id) != nil:
		l.note(in.origin, "the id %s is taken; the object got another", e.id)
		e.id = l.guid(c.path, in.origin)
		o = o.with("id", quote(e.id))
	}
	if len(e.id) > 200 || strings.ContainsAny(e.id, "/'\\ ") {
		return "", errors.New("the id cannot be used in a path")
	}
	// A time that is the same for the same object, somewhere in the year 2025.
	stamp := quote(time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(number(e.id)%500_000) * time.Minute).Format("2006-01-02T15:04:05.0000000Z"))
	o = fill(o, "createdDateTime", stamp)
	o = fill(o, "lastModifiedDateTime", stamp)
	o = fill(o, "description", json.RawMessage("null"))
	o = fill(o, "roleScopeTagIds", json.RawMessage(`["0"]`))
	e.props = o
	if err := l.assignmentIDs(e); err != nil {
		return "", err
	}
	c.prepare(l, e)
	for k, v := range in.Secrets {
		l.tenant.secrets[k] = v
		l.report.Secrets++
	}
	set.put(e)
	l.report.Loaded[c.path]++
	return e.id, nil
}

// depth returns how deep the valid JSON text b is nested.
func depth(b []byte) int {
	deepest, now, inString := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch {
		case inString && b[i] == '\\':
			i++
		case b[i] == '"':
			inString = !inString
		case inString:
		case b[i] == '{' || b[i] == '[':
			now++
			deepest = max(deepest, now)
		case b[i] == '}' || b[i] == ']':
			now--
		}
	}
	return deepest
}

// fill sets a property that is missing.
func fill(o object, key string, value json.RawMessage) object {
	if _, ok := o.get(key); ok {
		return o
	}
	return o.with(key, value)
}

// guid makes an id from the tenant and the parts: the same for the same input.
func (l *loader) guid(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("graphsim/"+l.tenant.id+"/"+strings.Join(parts, "/"))).String()
}

func number(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:8]) >> 1
}

// assignmentIDs gives the assignments that lack them an id and a source.
func (l *loader) assignmentIDs(e *entity) error {
	for i, raw := range e.children["assignments"] {
		o, err := parseObject(raw)
		if err != nil {
			return fmt.Errorf("assignment %d: %w", i, err)
		}
		if _, ok := o.get("target"); !ok {
			return fmt.Errorf("assignment %d has no target", i)
		}
		if o.text("id") == "" {
			o = o.with("id", quote(e.id+"_"+l.guid(e.id, "assignment", string(raw))))
		}
		o = fill(o, "source", quote("direct"))
		o = fill(o, "sourceId", quote(e.id))
		e.children["assignments"][i] = o.bytes()
	}
	return nil
}

// prepareConfigurationPolicy numbers the settings and counts them.
func prepareConfigurationPolicy(l *loader, e *entity) {
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
	if old, ok := e.props.get("settingCount"); ok && !bytes.Equal(old, count) {
		l.note(e.id, "settingCount was %s, there are %s", old, count)
	}
	e.props = e.props.with("settingCount", count)
	e.props = fill(e.props, "creationSource", json.RawMessage("null"))
	e.props = fill(e.props, "priorityMetaData", json.RawMessage("null"))
	e.props = fill(e.props, "templateReference", json.RawMessage(`{"templateId":"","templateFamily":"none","templateDisplayName":null,"templateDisplayVersion":null}`))
}

func prepareVersioned(_ *loader, e *entity) {
	e.props = fill(e.props, "version", json.RawMessage("1"))
	e.props = fill(e.props, "supportsScopeTags", json.RawMessage("true"))
}

// prepareCompliancePolicy gives the scheduled actions their ids. A policy always
// has one block action (TenuVault#25), so one without gets it.
func prepareCompliancePolicy(l *loader, e *entity) {
	e.props = fill(e.props, "version", json.RawMessage("1"))
	const name = "scheduledActionsForRule"
	if len(e.children[name]) == 0 {
		e.children[name] = []json.RawMessage{json.RawMessage(`{"ruleName":null,"scheduledActionConfigurations":[{"gracePeriodHours":0,"actionType":"block","notificationTemplateId":"","notificationMessageCCList":[]}]}`)}
	}
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
