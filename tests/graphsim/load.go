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

	// Defaults adds what every real tenant has from its start: scope tag 0, the
	// default enrolment objects, built-in roles, app categories and authentication
	// strengths, and the default branding.
	Defaults bool `json:"defaults,omitempty"`
	// AccountID is the intuneAccountId, with which the ids of default objects
	// begin; "" means one made from the id.
	AccountID string `json:"accountId,omitempty"`
	// ListLagMs is how long what a request created is missing from lists, by the
	// simulated clock (terraform-provider-microsoft365#2518).
	ListLagMs int `json:"listLagMs,omitempty"`
	// ReadMisses is how many reads of an object answer 404 after a request created it.
	ReadMisses int `json:"readMisses,omitempty"`
	// RetiredTemplates are ids of settings catalog templates with which no policy
	// can be created.
	RetiredTemplates []string `json:"retiredTemplates,omitempty"`
	// PendingPolls is how many reads see an asynchronous operation under way: the
	// upload or removal of an ADMX file, the publishing of a store app.
	PendingPolls int `json:"pendingPolls,omitempty"`
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
		catalog: s.catalog, content: s.microsoft(), spec: spec, accountID: stableGUID("account", id.String()),
		misses: map[string]int{}, pending: map[string]int{}, settings: defaultSettings(),
	}
	if spec.AccountID != "" {
		account, err := uuid.Parse(spec.AccountID)
		if err != nil {
			return nil, LoadReport{}, fmt.Errorf("the account id %q is not a GUID", logSafe(spec.AccountID))
		}
		t.accountID = account.String()
	}
	if spec.ListLagMs < 0 || spec.ReadMisses < 0 {
		return nil, LoadReport{}, errors.New("listLagMs and readMisses must not be negative")
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
		if len(c.view) == 0 {
			t.sets[c.path] = newEntitySet()
		}
	}
	for _, app := range spec.Apps {
		if err := t.setApp(app); err != nil {
			return nil, LoadReport{}, err
		}
	}
	l := &loader{tenant: t, catalog: s.catalog, report: LoadReport{Loaded: map[string]int{}, NotModelled: map[string]int{}}}
	if spec.Defaults {
		if err := l.defaults(); err != nil {
			return nil, l.report, err
		}
	}
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
		each, err := s.everyType(*spec.Generate)
		if err != nil {
			return nil, l.report, err
		}
		objects = append(objects, each...)
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
		if m[1] == c.path || slices.Contains(c.aliases, m[1]) {
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
	// The first shape that fits; those that have another's properties and more come first.
	for _, shape := range []struct {
		path  string
		names []string
	}{
		{linuxPath, []string{"name", "platforms", "technologies", "settings", "scheduledActionsForRule"}},
		{catalogPath, []string{"name", "platforms", "technologies", "settings"}},
		{accessPath, []string{"displayName", "state", "conditions"}},
		{intentsPath, []string{"displayName", "TemplateId", "settingsDelta"}},
		{intentsPath, []string{"displayName", "templateId", "isMigratingToConfigurationPolicy"}},
		{deviceManagement + "deviceCustomAttributeShellScripts", []string{"displayName", "scriptContent", "customAttributeType"}},
		{deviceManagement + "deviceShellScripts", []string{"displayName", "scriptContent", "executionFrequency"}},
		{deviceManagement + "deviceManagementScripts", []string{"displayName", "scriptContent", "runAs32Bit"}},
		{deviceManagement + "deviceHealthScripts", []string{"displayName", "detectionScriptContent", "remediationScriptContent"}},
		{deviceManagement + "deviceComplianceScripts", []string{"displayName", "detectionScriptContent"}},
		{reusablePath, []string{"displayName", "settingDefinitionId", "settingInstance"}},
		{filtersPath, []string{"displayName", "platform", "rule"}},
		{deviceManagement + "groupPolicyConfigurations", []string{"displayName", "policyConfigurationIngestionType"}},
		{deviceManagement + "groupPolicyConfigurations", []string{"displayName", "definitionValues"}},
		{notificationsPath, []string{"displayName", "brandingOptions", "localizedNotificationMessages"}},
		{rolesPath, []string{"displayName", "rolePermissions"}},
		{roleAssignmentsPath, []string{"displayName", "scopeType", "members"}},
		{brandingPath, []string{"profileName", "themeColor"}},
		{deviceManagement + "termsAndConditions", []string{"displayName", "bodyText", "acceptanceStatement"}},
		{deviceManagement + "windowsFeatureUpdateProfiles", []string{"displayName", "featureUpdateVersion"}},
		{deviceManagement + "windowsQualityUpdateProfiles", []string{"displayName", "expeditedUpdateSettings"}},
		{deviceManagement + "windowsQualityUpdatePolicies", []string{"displayName", "hotpatchEnabled"}},
		{deviceManagement + "windowsDriverUpdateProfiles", []string{"displayName", "approvalType"}},
		{deviceManagement + "hardwareConfigurations", []string{"displayName", "configurationFileContent"}},
		{deviceAppManagement + "policySets", []string{"displayName", "items", "guidedDeploymentTags"}},
		{strengthsPath, []string{"displayName", "allowedCombinations"}},
	} {
		if has(shape.names...) {
			return shape.path, true
		}
	}
	return "", false
}

// isControl says whether a property belongs to the way an answer was written
// and not to the object: annotations of odata.metadata=full and action links.
func isControl(key string) bool {
	switch {
	case key == "@odata.type":
		return false // the loader decides
	case strings.HasPrefix(key, "@odata."), strings.HasPrefix(key, "@microsoft.graph."), strings.HasPrefix(key, "#"):
		return true
	case strings.HasSuffix(key, "@odata.type"), strings.HasSuffix(key, "@odata.context"),
		strings.HasSuffix(key, "@odata.bind"), strings.HasSuffix(key, "@odata.navigationLink"), strings.HasSuffix(key, "@odata.associationLink"):
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
	kind, typed := strings.CutPrefix(o.text("@odata.type"), typePrefix)
	if len(c.view) > 0 {
		// An object of the typed set whose type it has.
		if c = l.catalog.find(l.catalog.byType[kind]); c == nil {
			return "", fmt.Errorf("@odata.type %q is no type of %s", logSafe(kind), in.Collection)
		}
	}
	switch {
	case c.abstract && (!typed || !slices.Contains(c.types[1:], kind)):
		return "", fmt.Errorf("@odata.type %q is no type of %s", logSafe(o.text("@odata.type")), c.path)
	case !c.abstract && !slices.Contains(c.types[1:], kind):
		// Nothing is said of the declared type.
		o = o.without(func(key string) bool { return key == "@odata.type" })
	}
	e := &entity{children: map[string][]json.RawMessage{}}
	for _, child := range c.children {
		raw, ok := o.get(child.name)
		if !ok || string(raw) == "null" || child.from != nil && child.name != "relationships" {
			continue
		}
		list, err := parseArray(raw)
		if err != nil {
			return "", fmt.Errorf("%s is not a list", child.name)
		}
		e.children[child.name] = list
	}
	if c.path == appsPath {
		if raw, ok := o.get("categories"); ok {
			l.learnCategories(raw)
		}
	}
	e.props = o
	for _, ref := range c.refs {
		l.takeReference(e, ref.name)
	}
	if c.path == configurationsPath {
		for name := range l.catalog.references[kind] {
			l.takeReference(e, name)
		}
	}
	o = e.props.without(func(key string) bool {
		return c.computed[key] != nil || c.live[key] != nil || c.child(key) != nil && key != "definitions" || isControl(key)
	})
	set := l.tenant.sets[c.path]
	e.id = o.text("id")
	_, isDefault := defaultSuffix(e.id)
	switch {
	case e.id == "" || e.id == uuid.Nil.String():
		e.id = l.newID(c, in.origin)
		o = o.with("id", quote(e.id))
	case in.origin != "" && set.get(e.id) != nil && (c.path != enrollmentPath || !isDefault):
		l.note(in.origin, "the id %s is taken; the object got another", e.id)
		e.id = l.newID(c, in.origin)
		o = o.with("id", quote(e.id))
	}
	if len(e.id) > 200 || strings.ContainsAny(e.id, "/'\\ ") {
		return "", errors.New("the id cannot be used in a path")
	}
	// A time that is the same for the same object, somewhere in the year 2025.
	stamp := quote(time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(number(e.id)%500_000) * time.Minute).Format("2006-01-02T15:04:05.0000000Z"))
	for _, f := range []struct {
		name  string
		value json.RawMessage
	}{{"createdDateTime", stamp}, {"lastModifiedDateTime", stamp}, {"description", json.RawMessage("null")}, {"roleScopeTagIds", json.RawMessage(`["0"]`)}} {
		if slices.Contains(c.properties, f.name) {
			o = fill(o, f.name, f.value)
		}
	}
	e.props = o
	if err := l.assignmentIDs(e); err != nil {
		return "", err
	}
	if c.prepare != nil {
		c.prepare(l, e)
	}
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

// newID makes an id of the form that the set has.
func (l *loader) newID(c *collection, origin string) string {
	if c.path == scopeTagsPath {
		return strconv.Itoa(nextNumber(l.tenant.sets[c.path]))
	}
	return l.guid(c.path, origin)
}

// nextNumber is one more than the greatest number among the ids of a set.
func nextNumber(s *entitySet) int {
	greatest := 0
	for _, e := range s.byID {
		if n, err := strconv.Atoi(e.id); err == nil {
			greatest = max(greatest, n)
		}
	}
	return greatest + 1
}

// stableGUID makes an id from the parts, the same in all tenants.
func stableGUID(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("graphsim/"+strings.Join(parts, "/"))).String()
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
