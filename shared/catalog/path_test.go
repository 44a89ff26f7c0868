package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func decoded(t *testing.T, text string) any {
	t.Helper()
	doc, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any(doc)
}

// A path finds what it names, in each element and each member where it says so,
// and passes over what is not of the kind that it expects.
func TestPaths(t *testing.T) {
	const doc = `{"a":{"b":1,"@odata.type":"#t","c":[{"d":2},{"d":[3,4]},5,{"e":6}],"f":{"x":[{"g":7}],"y":[{"g":8},9]}},"h":[10,[11]],"i":null,"j":true,"k":1.5}`
	for path, want := range map[string]string{
		"a.b": "[1]", "a.@odata.type": `["#t"]`, "a.@odata.type.b": "[]", "a.@odata": "[]", "a.c[].d": "[2,[3,4]]", "a.c[].d[]": "[3,4]", "a.f{}[].g": "[7,8]",
		"h[]": "[10,[11]]", "h[][]": "[11]", "h{}": "[]", "i": "[null]", "i.x": "[]", "i[]": "[]", "absent": "[]", "a.b.c": "[]", "a.c.d": "[]", "a.c": `[[{"d":2},{"d":[3,4]},5,{"e":6}]]`, "": "[]",
	} {
		got := []any{}
		values(decoded(t, doc), path, func(v any) { got = append(got, v) })
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if path == "a.f{}[].g" { // members come in any order
			slices.SortFunc(got, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			text, _ = json.Marshal(got)
		}
		if string(text) != want {
			t.Errorf("%q finds %s, want %s", path, text, want)
		}
	}
	for path, want := range map[string]string{"a.b": "1", "a.@odata.type": "#t", "a.c[].d": "2", "a.c[].d[]": "3", "i": "", "j": "true", "k": "1.5", "h": "", "absent": ""} {
		if got := textAt(decoded(t, doc), path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}

// What a path names is taken away, and nothing else.
func TestDrop(t *testing.T) {
	for path, want := range map[string]string{
		"a": `{"b":[{"c":2,"d":3},4,{"c":5}]}`, "b[].c": `{"a":{"c":1},"b":[{"d":3},4,{}]}`, "a.c": `{"a":{},"b":[{"c":2,"d":3},4,{"c":5}]}`,
		"b.c": `{"a":{"c":1},"b":[{"c":2,"d":3},4,{"c":5}]}`, "b[]": `{"a":{"c":1}}`, "x.y": `{"a":{"c":1},"b":[{"c":2,"d":3},4,{"c":5}]}`,
	} {
		doc := decoded(t, `{"a":{"c":1},"b":[{"c":2,"d":3},4,{"c":5}]}`)
		drop(doc, path)
		if !reflect.DeepEqual(doc, decoded(t, want)) {
			t.Errorf("without %q: %v", path, doc)
		}
	}
}

// An array is sorted by what its elements are then; one within another first.
func TestSortAt(t *testing.T) {
	for path, want := range map[string]string{
		"a":     `{"a":["b","c",1,{"x":1}],"b":[{"c":[3,1]},{"c":[2]}],"d":{"x":[2,1]},"e":[[2,1]]}`,
		"b[].c": `{"a":["c",{"x":1},1,"b"],"b":[{"c":[1,3]},{"c":[2]}],"d":{"x":[2,1]},"e":[[2,1]]}`,
		"d{}":   `{"a":["c",{"x":1},1,"b"],"b":[{"c":[3,1]},{"c":[2]}],"d":{"x":[1,2]},"e":[[2,1]]}`,
		"e[]":   `{"a":["c",{"x":1},1,"b"],"b":[{"c":[3,1]},{"c":[2]}],"d":{"x":[2,1]},"e":[[1,2]]}`,
		"d":     `{"a":["c",{"x":1},1,"b"],"b":[{"c":[3,1]},{"c":[2]}],"d":{"x":[2,1]},"e":[[2,1]]}`,
	} {
		doc := decoded(t, `{"a":["c",{"x":1},1,"b"],"b":[{"c":[3,1]},{"c":[2]}],"d":{"x":[2,1]},"e":[[2,1]]}`)
		if err := sortAt(doc, path); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(decoded(t, want))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != string(wanted) {
			t.Errorf("%q sorted: %s", path, text)
		}
	}
}

// The order of an outer collection is that of its elements once their own
// collections are sorted: two captures that differ in both orders are equal.
func TestOrderWithinOrder(t *testing.T) {
	row := Type{ID: "t", Parts: []Part{{Name: PartObject}}, Unordered: []string{"object.outer", "object.outer[].inner"}}
	a, err := row.ContentHash([]byte(`{"object":{"outer":[{"inner":[3,1]},{"inner":[2,2]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := row.ContentHash([]byte(`{"object":{"outer":[{"inner":[2,2]},{"inner":[1,3]}]}}`))
	if err != nil || a != b {
		t.Errorf("%s and %s, %v", a, b, err)
	}
}

// A part that is read on its own is content once, whether the object shows it too
// or not; nor is a digest of a secret lost.
func TestContentIsCountedOnce(t *testing.T) {
	row := Type{ID: "t", Parts: []Part{{Name: PartObject}, {Name: "apps"}}}
	hash := func(payload string) string {
		h, err := row.ContentHash([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(`{"object":{"a":1},"apps":[1],"secrets":{"x":"1"}}`)
	for payload, same := range map[string]bool{
		`{"object":{"a":1,"apps":[2]},"apps":[1],"secrets":{"x":"1"}}`:                                                  true,
		`{"schema":"s","type":"u","graphId":"g","references":{"t":{}},"object":{"a":1},"apps":[1],"secrets":{"x":"1"}}`: true,
		`{"object":{"a":1},"apps":[2],"secrets":{"x":"1"}}`:                                                             false,
		`{"object":{"a":1},"apps":[1],"secrets":{"x":"2"}}`:                                                             false,
		`{"object":{"a":1},"apps":[1]}`:                                                                                 false,
	} {
		if (hash(payload) == base) != same {
			t.Errorf("%s: want equal %t", payload, same)
		}
	}
}

// What was learned goes into the paths, once: a value with a name in braces is a
// value.
func TestFill(t *testing.T) {
	s := Step{Path: "a/{id}/b/{child}/{id}", Await: Await{Path: "a/{id}"}, Body: json.RawMessage(`{"x":"{id}"}`)}
	got := s.Fill(map[string]string{"id": "{child}", "child": "{id}", "other": "y"})
	if got.Path != "a/{child}/b/{id}/{child}" || got.Await.Path != "a/{child}" || string(got.Body) != `{"x":"{id}"}` {
		t.Errorf("%+v", got)
	}
	if got := s.Fill(nil); got.Path != s.Path {
		t.Errorf("%+v", got)
	}
}

// Map replaces what the target knows, and leaves what means the same everywhere,
// and what the target does not know, as it is.
func TestMap(t *testing.T) {
	row := Type{ID: "t", Parts: []Part{{Name: PartObject}, {Name: PartAssignments}}}
	const group, unknown = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
	payload := `{"object":{"roleScopeTagIds":["0","7"],"n":9007199254740993},"assignments":[{"target":{"groupId":"` + group + `","deviceAndAppManagementAssignmentFilterId":"` + zeroID + `"}},{"target":{"groupId":"` + unknown + `"}}]}`
	got, err := row.Map([]byte(payload), func(_, id string) (string, bool) { return "new-" + id, id != unknown })
	want := `{"assignments":[{"target":{"deviceAndAppManagementAssignmentFilterId":"` + zeroID + `","groupId":"new-` + group + `"}},{"target":{"groupId":"` + unknown + `"}}],"object":{"n":9007199254740993,"roleScopeTagIds":["0","new-7"]}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// Each object that a policy refers to is named once, and none that every tenant
// has.
func TestReferenced(t *testing.T) {
	row := Type{ID: "t", Parts: []Part{{Name: PartObject}, {Name: PartAssignments}}}
	doc, err := Decode([]byte(`{"object":{"roleScopeTagIds":["7","0","7",8]},"assignments":[{"target":{"groupId":"b"}},{"target":{"groupId":"a"}},{"target":{"groupId":"b"}},{"target":{"groupId":""}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range row.Referenced(doc) {
		got = append(got, u.Type+" "+u.ID)
	}
	if want := []string{TypeGroup + " a", TypeGroup + " b", TypeScopeTag + " 7"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzPaths follows any path through any document: what is dropped is not found
// again.
func FuzzPaths(f *testing.F) {
	for _, path := range []string{"", ".", "a.b", "a[].b", "a{}[].b[]", "[]", "{}", "a[", "a.@odata.type", "@odata.type.b", "a..b", "a[]]{", strings.Repeat("a[].", 100)} {
		f.Add(path, []byte(`{"a":[{"b":[1,[2]],"":3}],"@odata.type":{"b":4},"":{"":5}}`))
	}
	f.Fuzz(func(t *testing.T, path string, raw []byte) {
		doc, err := Decode(raw)
		if err != nil {
			return
		}
		root := map[string]any(doc)
		textAt(root, path)
		if err := sortAt(root, path); err != nil {
			t.Fatal(err)
		}
		drop(root, path)
		values(root, path, func(v any) { t.Fatalf("%q still finds %v", path, v) })
	})
}
