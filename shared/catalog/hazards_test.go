package catalog_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// What the tests of dangerous mistakes share. They are in hazards_1_test.go for
// configuration, compliance, scripts, updates and the tenant, in hazards_2_test.go
// for enrolment, apps, protection, Conditional Access and Windows 365.

// changed returns the fixture after a change of its document.
func (f fixture) changed(t *testing.T, change func(doc catalog.Document)) fixture {
	t.Helper()
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	change(doc)
	if f.payload, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	return f
}

// object is the object part as it was captured.
func (f fixture) object(t *testing.T) map[string]any {
	t.Helper()
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Object()
}

// made is the creation with that mapping, which must be possible.
func (f fixture) made(t *testing.T, mapping catalog.Mapping) catalog.Creation {
	t.Helper()
	c, err := f.create(mapping)
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	return c
}

// bodies are those of the steps of that name; "" stands for all.
func bodies(t *testing.T, c catalog.Creation, name string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, s := range c.Steps {
		if name != "" && s.Name != name || len(s.Body) == 0 {
			continue
		}
		var body map[string]any
		dec := json.NewDecoder(bytes.NewReader(s.Body))
		dec.UseNumber()
		if err := dec.Decode(&body); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		all = append(all, body)
	}
	return all
}

// body is that of the only step of that name.
func body(t *testing.T, c catalog.Creation, name string) map[string]any {
	t.Helper()
	all := bodies(t, c, name)
	if len(all) != 1 {
		t.Fatalf("%d steps are called %q: %+v", len(all), name, stepNames(c))
	}
	return all[0]
}

func stepNames(c catalog.Creation) []string {
	names := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		names[i] = s.Name
	}
	return names
}

// listAt is a list that lies in an object, of objects.
func listAt(t *testing.T, holder any, name string) []map[string]any {
	t.Helper()
	object, _ := holder.(map[string]any)
	if doc, is := holder.(catalog.Document); is {
		object = doc
	}
	list, ok := object[name].([]any)
	if !ok {
		t.Fatalf("no list %s in %v", name, holder)
	}
	out := make([]map[string]any, len(list))
	for i, e := range list {
		if out[i], ok = e.(map[string]any); !ok {
			t.Fatalf("%s[%d] is %v", name, i, e)
		}
	}
	return out
}

// names reports whether a member of that name is anywhere in a value.
func names(v any, name string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if k == name || names(member, name) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return names(e, name) })
	}
	return false
}

// elsewhere maps every id to one of another tenant, but those that it does not
// know.
func elsewhere(unknown ...string) catalog.Mapping {
	return func(typeID, id string) (string, bool) {
		if slices.Contains(unknown, id) || slices.Contains(unknown, typeID) {
			return "", false
		}
		return "elsewhere-" + id, true
	}
}

// row is the type of that id.
func row(t *testing.T, id string) catalog.Type {
	t.Helper()
	r, ok := catalog.ByID(id)
	if !ok {
		t.Fatalf("no type %s", id)
	}
	return r
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// reference is the id of an object that a fixture refers to, by its name.
func reference(t *testing.T, f fixture, typeID, name string) string {
	t.Helper()
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := doc[catalog.MemberReferences].(map[string]any)
	named, _ := all[typeID].(map[string]any)
	for id, r := range named {
		if entry, _ := r.(map[string]any); entry["name"] == name {
			return id
		}
	}
	t.Fatalf("%s: no %s is called %s", f.name, typeID, name)
	return ""
}

// unresolvedOf are the ids of a type that a creation does not know.
func unresolvedOf(c catalog.Creation, typeID string) (ids []string, assignmentOnly bool) {
	assignmentOnly = true
	for _, u := range c.Unresolved {
		if u.Type == typeID {
			ids = append(ids, u.ID)
			assignmentOnly = assignmentOnly && u.Assignment
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), assignmentOnly
}

func hasStep(c catalog.Creation, name string) bool { return slices.Contains(stepNames(c), name) }

// texts is all of a creation's bodies, to look for what must not be in them.
func texts(c catalog.Creation) string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.Write(s.Body)
		b.WriteByte('\n')
	}
	return b.String()
}
