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
)

// The catalogue is validated as a whole: a row with a slip is found here and not
// in a tenant.
func TestRows(t *testing.T) {
	ids, collections := map[string]bool{}, map[string]bool{}
	form := regexp.MustCompile(`^[a-z][a-z-]*[a-z]$`)
	for _, row := range catalog.All() {
		if !form.MatchString(row.ID) || ids[row.ID] || row.Title == "" || row.Family == "" || row.Lane == "" {
			t.Errorf("%q: id, title, family or lane", row.ID)
		}
		if collections[row.Collection] || strings.HasPrefix(row.Collection, "/") || strings.Contains(row.Collection, "beta") {
			t.Errorf("%s: collection %q", row.ID, row.Collection)
		}
		ids[row.ID], collections[row.Collection] = true, true
		if row.APIVersion != "beta" || row.NameProperty == "" || len(row.ReadPermissions) == 0 {
			t.Errorf("%s: version, name property or permissions", row.ID)
		}
		if (row.PlatformProperty == "") == (row.PlatformOf == nil) {
			t.Errorf("%s: the platform comes from a property or from the type, and from one of them", row.ID)
		}
		if len(row.Parts) == 0 || row.Parts[0].Name != catalog.PartObject || row.Parts[0].UnreadableCode != "" {
			t.Errorf("%s: the first part is the object, and nothing goes without it", row.ID)
		}
		if !slices.ContainsFunc(row.Parts, func(p catalog.Part) bool { return p.Name == catalog.PartAssignments }) {
			t.Errorf("%s: assignments are not read", row.ID)
		}
		for _, p := range row.Parts {
			if !strings.HasPrefix(p.Path, row.Collection+"/{id}") {
				t.Errorf("%s: part %s is read from %s", row.ID, p.Name, p.Path)
			}
			if _, err := url.ParseQuery(p.Query); err != nil {
				t.Errorf("%s: query of %s: %v", row.ID, p.Name, err)
			}
			if p.Name != catalog.PartObject && p.UnreadableCode == "" {
				t.Errorf("%s: part %s has no code for being unreadable", row.ID, p.Name)
			}
		}
		if got, ok := catalog.ByID(row.ID); !ok || got.Title != row.Title {
			t.Errorf("%s is not found by its id", row.ID)
		}
	}
	if _, ok := catalog.ByID("no-such-type"); ok {
		t.Error("an unknown type is found")
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
