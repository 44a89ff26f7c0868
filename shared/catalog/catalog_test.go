package catalog_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/reason"
)

// The catalogue is validated as a whole: a row with a slip is found here and not
// in a tenant.
func TestRows(t *testing.T) {
	ids := map[string]bool{}
	form := regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)
	families := []catalog.Family{
		catalog.FamilyConfiguration, catalog.FamilyEndpointSecurity, catalog.FamilyCompliance, catalog.FamilyScripts, catalog.FamilyUpdates,
		catalog.FamilyEnrollment, catalog.FamilyApps, catalog.FamilyAppProtection, catalog.FamilyConditionalAccess, catalog.FamilyWindows365, catalog.FamilyTenant,
	}
	for _, row := range catalog.All() {
		if !form.MatchString(row.ID) || ids[row.ID] || row.Title == "" || !slices.Contains(families, row.Family) {
			t.Errorf("%q: id, title or family", row.ID)
		}
		ids[row.ID] = true
		if row.APIVersion != "beta" || len(row.Identity) == 0 && !row.Singleton || row.NameProperty == "" && !row.Singleton {
			t.Errorf("%s: version, name or identity", row.ID)
		}
		if string(row.Lane) != string(graph.LaneOf(row.Collection)) {
			t.Errorf("%s: lane %s, Graph throttles it in %s", row.ID, row.Lane, graph.LaneOf(row.Collection))
		}
		if row.Members.Property != "" && len(row.Members.Prefixes) == 0 {
			t.Errorf("%s: members of no prefix", row.ID)
		}
		if got, ok := catalog.ByID(row.ID); !ok || got.Title != row.Title {
			t.Errorf("%s is not found by its id", row.ID)
		}
		checkReads(t, row)
		checkWrites(t, row)
		checkOrder(t, row)
		for _, path := range slices.Concat(row.Volatile, row.Unordered) {
			checkPath(t, row, path)
		}
	}
	if _, ok := catalog.ByID("no-such-type"); ok {
		t.Error("an unknown type is found")
	}
}

// A path names members, with marks for lists and maps.
var pathForm = regexp.MustCompile(`^(@odata\.type|[A-Za-z][A-Za-z0-9]*(\[\]|\{\})*)(\.(@odata\.type|[A-Za-z][A-Za-z0-9]*(\[\]|\{\})*))*$`)

// checkPath refuses a path into a document that leads nowhere.
func checkPath(t *testing.T, row catalog.Type, path string) {
	t.Helper()
	first := regexp.MustCompile(`^[A-Za-z]*`).FindString(path)
	if !pathForm.MatchString(path) || !slices.ContainsFunc(row.Parts, func(p catalog.Part) bool { return p.Name == first }) {
		t.Errorf("%s: path %s", row.ID, path)
	}
}

func checkReads(t *testing.T, row catalog.Type) {
	t.Helper()
	if len(row.Parts) == 0 || row.Parts[0].Name != catalog.PartObject || row.Parts[0].UnreadableCode != "" || row.Parts[0].Each != nil {
		t.Errorf("%s: the first part is the object, and nothing goes without it", row.ID)
		return
	}
	parts := map[string]bool{}
	for _, p := range row.Parts {
		if p.Name == "" || parts[p.Name] {
			t.Errorf("%s: part %q twice", row.ID, p.Name)
		}
		parts[p.Name] = true
		if strings.Contains(p.Path, "//") || strings.HasPrefix(p.Path, "/") || strings.Contains(p.Path, "?") || strings.Contains(p.Path, "beta") {
			t.Errorf("%s: part %s is read from %s", row.ID, p.Name, p.Path)
		}
		// What else stands in braces is never filled in.
		if rest := p.PathFor("", "", ""); strings.ContainsAny(rest, "{}") || strings.Contains(p.Path, "{each}") != (p.Each != nil) {
			t.Errorf("%s: names in the path of %s", row.ID, p.Name)
		}
		if !row.Singleton && p.Each == nil && !strings.Contains(p.Path, "{id}") && !strings.Contains(p.Path, "{parent}") {
			t.Errorf("%s: part %s is of no object", row.ID, p.Name)
		}
		if graph.LaneOf(p.Path) != graph.LaneOf(row.Collection) {
			t.Errorf("%s: part %s is of another lane", row.ID, p.Name)
		}
		if query, err := url.ParseQuery(p.Query); err != nil {
			t.Errorf("%s: query of %s: %v", row.ID, p.Name, err)
		} else {
			for name := range query {
				if !slices.Contains([]string{"$select", "$expand", "$top", "$filter"}, name) {
					t.Errorf("%s: %s has the option %s", row.ID, p.Name, name)
				}
			}
		}
		if _, known := reason.Lookup(reason.Code(p.UnreadableCode), reason.ScopeItem); p.Name != catalog.PartObject && !known {
			t.Errorf("%s: part %s has the unknown code %q for being unreadable", row.ID, p.Name, p.UnreadableCode)
		}
	}
	if row.Assign.Path != "" && !parts[catalog.PartAssignments] {
		t.Errorf("%s: assignments are written and not read", row.ID)
	}
	if len(row.ReadPermissions) == 0 {
		t.Errorf("%s: no permission to read", row.ID)
	}
	permission := regexp.MustCompile(`^[A-Z][A-Za-z0-9]*\.(Read|ReadWrite|ReadBasic)\.[A-Za-z]+$`)
	for _, p := range slices.Concat(row.ReadPermissions, row.WritePermissions) {
		if !permission.MatchString(p) {
			t.Errorf("%s: permission %s", row.ID, p)
		}
	}
	if slices.ContainsFunc(row.ReadPermissions[:min(1, len(row.ReadPermissions))], func(p string) bool { return strings.Contains(p, "ReadWrite") }) {
		t.Errorf("%s: the least permission to read stands first", row.ID)
	}
	if (row.SecretPath == "") != (row.SecretReads == nil) {
		t.Errorf("%s: secrets are named and not read, or read and not named", row.ID)
	}
	for _, s := range row.Secrets {
		if s.Where == "" || s.Reason == "" {
			t.Errorf("%s: a secret without place or reason", row.ID)
		}
	}
}

func checkWrites(t *testing.T, row catalog.Type) {
	t.Helper()
	for _, call := range []catalog.Call{row.CreateCall, row.UpdateCall, row.DeleteCall} {
		if (call.Method == "") != (call.Path == "") || call.Method != "" && !slices.Contains([]string{"POST", "PATCH", "PUT", "DELETE"}, call.Method) {
			t.Errorf("%s: call %s %s", row.ID, call.Method, call.Path)
		}
		if call.Path != "" && graph.LaneOf(call.Path) != graph.LaneOf(row.Collection) {
			t.Errorf("%s: %s is of another lane", row.ID, call.Path)
		}
		if len(call.Only) > 0 && call.Whole {
			t.Errorf("%s: %s loses what its list leaves out", row.ID, call.Path)
		}
	}
	if call := row.UpdateCall; call.Method == "PUT" && !call.Whole {
		t.Errorf("%s: PUT replaces the whole object", row.ID)
	}
	writes := row.CreateCall.Method+row.UpdateCall.Method+row.DeleteCall.Method+row.Assign.Path != ""
	if writes != (len(row.WritePermissions) > 0) {
		t.Errorf("%s: writes %t, permissions %v", row.ID, writes, row.WritePermissions)
	}
	if row.CreateCall.Method != "" && len(row.CreateCall.Required) == 0 {
		t.Errorf("%s: a create that needs nothing", row.ID)
	}
	if row.BuiltIn.Only && row.CreateCall.Method != "" {
		t.Errorf("%s: objects that are all built in are created", row.ID)
	}
	a := row.Assign
	if a.Path != "" {
		targets := []string{"allDevices", "allLicensedUsers", "group", "exclusionGroup", "cloudPcManagementGroup"}
		unknown := func(target string) bool { return !slices.Contains(targets, target) }
		if !strings.Contains(a.Path, "{id}") || a.BodyKey == "" || !slices.Contains(a.ItemKeys, "target") || len(a.Targets) == 0 || slices.ContainsFunc(a.Targets, unknown) {
			t.Errorf("%s: assign %+v", row.ID, a)
		}
		if !slices.Contains([]catalog.Tri{catalog.Yes, catalog.No, catalog.Unknown}, a.Filters) {
			t.Errorf("%s: filters %q", row.ID, a.Filters)
		}
		// A captured assignment may name one.
		if a.Filters != catalog.No && !slices.Contains(row.DependsOn, catalog.TypeFilter) {
			t.Errorf("%s: does not wait for filters", row.ID)
		}
	}
	r := row.Restorability
	if !slices.Contains([]catalog.Level{catalog.Full, catalog.PreviewOnly, catalog.CaptureOnly}, r.Level) || r.Level != catalog.Full && r.Reason == "" {
		t.Errorf("%s: restorability %+v", row.ID, r)
	}
	if r.Reason != "" && !strings.HasSuffix(r.Reason, ".") {
		t.Errorf("%s: the reason is no sentence: %s", row.ID, r.Reason)
	}
	if r.Level == catalog.Full && row.UpdateCall.Method == "" {
		t.Errorf("%s: full, and cannot be written", row.ID)
	}
}

// checkOrder: what a type refers to is restored before it.
func checkOrder(t *testing.T, row catalog.Type) {
	t.Helper()
	for _, id := range row.DependsOn {
		on, ok := catalog.ByID(id)
		if !ok && !slices.Contains(catalog.Pending, id) || ok && on.Rank >= row.Rank {
			t.Errorf("%s waits for %s, which does not come before it", row.ID, id)
		}
	}
	for _, r := range row.References {
		on, ok := catalog.ByID(r.Type)
		switch {
		case !ok && !slices.Contains(catalog.Pending, r.Type):
			t.Errorf("%s: %s refers to %s, which is no type", row.ID, r.Path, r.Type)
		case ok && r.Type != row.ID && on.Rank >= row.Rank:
			t.Errorf("%s: %s refers to %s, which comes later", row.ID, r.Path, r.Type)
		}
		first, _, _ := strings.Cut(r.Path, ".")
		if first = strings.TrimRight(first, "[]{}"); !slices.ContainsFunc(row.Parts, func(p catalog.Part) bool { return p.Name == first }) {
			t.Errorf("%s: %s is of no part", row.ID, r.Path)
		}
	}
}

// No object of a collection is of two types, and each type says when one is its.
func TestMembersAreUnique(t *testing.T) {
	for _, s := range catalog.Sources() {
		rest := 0
		seen := map[string]string{}
		for _, row := range s.Types {
			m := row.Members
			if len(m.ODataTypes) == 0 && m.Property == "" {
				rest++
			}
			for _, name := range m.ODataTypes {
				if other := seen[name]; other != "" && m.Property == "" {
					t.Errorf("%s is of %s and of %s", name, other, row.ID)
				}
				seen[name] = row.ID
				if got, ok := s.Classify(map[string]any{"@odata.type": "#microsoft.graph." + name}); m.Property == "" && (!ok || got.ID != row.ID) {
					t.Errorf("%s is classified as %q", name, got.ID)
				}
			}
			if first := s.Types[0]; row.ListQuery != first.ListQuery || row.APIVersion != first.APIVersion || row.LookUp != first.LookUp || row.Singleton != first.Singleton || row.Parent != first.Parent {
				t.Errorf("%s and %s are listed in two ways", first.ID, row.ID)
			}
		}
		if rest > 1 {
			t.Errorf("%s: %d types take what no other takes", s.Title, rest)
		}
		if len(s.Types) > 1 && s.Types[0].Plural == "" {
			t.Errorf("%s: the first row of a shared collection names it", s.Types[0].ID)
		}
	}
}

func hash(t *testing.T, typeID, payload string) string {
	t.Helper()
	row, ok := catalog.ByID(typeID)
	if !ok {
		t.Fatalf("no type %s", typeID)
	}
	h, err := row.ContentHash([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const settingsCatalog = "settings-catalog-policy"

// Two captures of an unchanged object are equal whatever the service changed by
// itself.
func TestServiceChangesAreNotContent(t *testing.T) {
	base := hash(t, settingsCatalog, `{"object":{"id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`)
	for what, payload := range map[string]string{
		"dates":               `{"object":{"id":"1","name":"A","lastModifiedDateTime":"2026-01-01T00:00:00Z","createdDateTime":"2025-01-01T00:00:00Z","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"bookkeeping":         `{"object":{"@odata.context":"c","@odata.etag":"e","settings@odata.navigationLink":"l","id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"added nulls":         `{"object":{"id":"1","name":"A","new":null,"roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1,"auditRuleInformation":null}],"assignments":[{"id":"x","target":{"groupId":"g1","filter":null}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"order of tags":       `{"object":{"id":"1","name":"A","roleScopeTagIds":["1","0"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"assignments renewed": `{"object":{"id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"n","target":{"groupId":"g2"}},{"id":"m","target":{"groupId":"g1"}}]}`,
		"order of properties": `{"assignments":[{"target":{"groupId":"g1"},"id":"x"},{"id":"y","target":{"groupId":"g2"}}],"settings":[{"v":1,"id":"0"}],"object":{"roleScopeTagIds":["0","1"],"name":"A","id":"1"}}`,
	} {
		if hash(t, settingsCatalog, payload) != base {
			t.Errorf("%s counts as a change", what)
		}
	}
	for what, payload := range map[string]string{
		"name":              `{"object":{"id":"1","name":"B","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"setting":           `{"object":{"id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":2}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
		"assignment":        `{"object":{"id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}}]}`,
		"unread assignment": `{"object":{"id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}]}`,
		"derived type":      `{"object":{"@odata.type":"#t","id":"1","name":"A","roleScopeTagIds":["0","1"]},"settings":[{"id":"0","v":1}],"assignments":[{"id":"x","target":{"groupId":"g1"}},{"id":"y","target":{"groupId":"g2"}}]}`,
	} {
		if hash(t, settingsCatalog, payload) == base {
			t.Errorf("a changed %s does not count", what)
		}
	}
}

// Numbers beyond what a float holds differ when their digits do.
func TestLargeNumbersStayExact(t *testing.T) {
	a := hash(t, settingsCatalog, `{"object":{"n":9007199254740993}}`)
	b := hash(t, settingsCatalog, `{"object":{"n":9007199254740992}}`)
	if a == b {
		t.Error("9007199254740993 equals 9007199254740992")
	}
}

// What people may read of a payload is all of it but the digests of secrets.
func TestPublic(t *testing.T) {
	const head, tail = `{"schema":"s", "object" : {"secrets":{"kept":1},"n":9007199254740993}`, ` ,"references":{} }`
	got, err := catalog.Public([]byte(head + `, "secrets" : {"omaSettings[0].value":"digest"}` + tail))
	if err != nil || string(got) != head+tail {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := catalog.Public([]byte(head + tail)); err != nil || string(got) != head+tail {
		t.Errorf("without secrets: %s, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `{"a":`, `{"a" 1}`, `null`} {
		if _, err := catalog.Public([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// A member is taken out wherever it stands, and the rest is as it was.
func TestCut(t *testing.T) {
	for from, want := range map[string][2]string{
		`{"x":[1, 2],"a" : 1.10}`:    {`{"a" : 1.10}`, `[1, 2]`},
		`{ "a":1 ,"x" : {} , "b":2}`: {`{ "a":1 , "b":2}`, `{}`},
		`{"a":1,"x":null}`:           {`{"a":1}`, `null`},
		`{"x":0}`:                    {`{}`, `0`},
		`{"a":{"x":1}}`:              {`{"a":{"x":1}}`, ``},
	} {
		rest, value, err := catalog.Cut([]byte(from), "x")
		if err != nil || string(rest) != want[0] || string(value) != want[1] {
			t.Errorf("%s: %s and %s, %v", from, rest, value, err)
		}
	}
}

// The normal form of a normal form is itself.
func TestNormalFormIsStable(t *testing.T) {
	row, _ := catalog.ByID(settingsCatalog)
	rapid.Check(t, func(t *rapid.T) {
		leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Map(rapid.Bool(), func(b bool) any { return b }))
		doc := map[string]any{"object": rapid.MapOf(rapid.String(), leaf).Draw(t, "object"), "assignments": rapid.SliceOf(leaf).Draw(t, "assignments")}
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		once, err := row.NormalForm(raw)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := row.NormalForm(once)
		if err != nil {
			t.Fatal(err)
		}
		if string(once) != string(twice) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}

func FuzzNormalForm(f *testing.F) {
	for _, seed := range []string{`{}`, `{"object":null}`, `[]`, `{"object":{"a":1e999}}`, `{"assignments":{"a":1}}`, `{"object":{"roleScopeTagIds":[[]]}}`, strings.Repeat("[", 300), `{"a":` + strings.Repeat(`{"a":`, 300)} {
		f.Add([]byte(seed))
	}
	row, _ := catalog.ByID(settingsCatalog)
	f.Fuzz(func(t *testing.T, raw []byte) {
		normal, err := row.NormalForm(raw)
		if err == nil && !json.Valid(normal) {
			t.Fatalf("normal form of %q is not JSON: %q", raw, normal)
		}
	})
}
