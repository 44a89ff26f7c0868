package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tenantatlas/tests/graphsim/schema"
)

// drawn makes rapid the source of choices: failures are shrunk, and rapid prints
// how to repeat them.
type drawn struct{ t *rapid.T }

func (d drawn) Uint64N(n uint64) uint64 { return rapid.Uint64Range(0, n-1).Draw(d.t, "choice") }

// member is a concrete type of a set.
type member struct {
	set *schema.Set
	typ *schema.Type
}

// members are all concrete types of all sets.
func members(t testing.TB, s *schema.Schema) []member {
	t.Helper()
	var out []member
	for i := range s.Sets() {
		set := &s.Sets()[i]
		for _, typ := range s.Concrete(set.EntityType) {
			out = append(out, member{set, typ})
		}
	}
	if len(out) < 240 {
		t.Fatalf("%d types", len(out))
	}
	return out
}

func (m member) String() string { return m.set.Path + " " + m.typ.Name }

// optionsOf draws how to generate an object of m, and how to check it.
func optionsOf(t *rapid.T, m member) (schema.GenerateOptions, schema.Options) {
	o := schema.GenerateOptions{
		Deep: m.set.DeepInsert, Required: m.set.RequiredOnCreate, ReadOnlyProps: m.set.ReadOnlyProps,
		ReadOnly: rapid.Bool().Draw(t, "read-only"), Full: rapid.Bool().Draw(t, "full"),
		Unpublished: rapid.Bool().Draw(t, "unpublished"), MaxDepth: rapid.IntRange(1, 6).Draw(t, "depth"),
		Declared: rapid.SampledFrom([]string{"", m.set.EntityType, m.typ.Name}).Draw(t, "declared"),
	}
	check := schema.Options{Deep: m.set.DeepInsert, RefuseUnpublished: !o.Unpublished, Annotations: schema.AnnotationsRefused}
	if !o.ReadOnly {
		check.ReadOnly, check.ReadOnlyProps = schema.ReadOnlyRefused, m.set.ReadOnlyProps
	}
	return o, check
}

// declared is the type by which an object that was generated with o is checked.
func declared(m member, o schema.GenerateOptions) string {
	if o.Declared != "" {
		return o.Declared
	}
	return m.set.EntityType
}

// What is generated is what Graph would take, for every type of every set.
func TestGeneratedObjectsAreValid(t *testing.T) {
	t.Parallel()
	s := load(t)
	for _, m := range members(t, s) {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				o, check := optionsOf(t, m)
				body, err := s.Generate(drawn{t}, m.typ.Name, o)
				if err != nil {
					t.Fatal(err)
				}
				if v := s.Check(check, declared(m, o), body); v != nil {
					t.Fatalf("%v\n%s", v, body)
				}
			})
		})
	}
}

// The generator leaves nothing out: every property of every type, null where it
// may be, every member of every enumeration, every derived type.
func TestGeneratedObjectsCoverTheSchema(t *testing.T) {
	s := load(t)
	r := rand.New(rand.NewPCG(1, 2))
	nulls, values, enums, types := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	numbers, planes := map[string]bool{}, map[rune]bool{}
	var visit func(v any, typ *schema.Type)
	visit = func(v any, typ *schema.Type) {
		object := v.(map[string]any)
		if name, ok := object["@odata.type"].(string); ok {
			typ = mustType(t, s, name)
		}
		types[typ.Name] = true
		for key, value := range object {
			p, ok := typ.Property(key)
			if !ok {
				continue
			}
			id := p.Owner + "." + p.Name
			if value == nil {
				nulls[id] = true
				continue
			}
			elements, isList := value.([]any)
			if !isList {
				elements = []any{value}
			}
			for _, e := range elements {
				values[id] = true
				switch {
				case p.Kind == schema.KindComplex || p.Kind == schema.KindEntity:
					visit(e, mustType(t, s, p.Type))
				case p.Kind == schema.KindEnum || p.Kind == schema.KindFlags:
					for m := range strings.SplitSeq(e.(string), ",") {
						enums[p.Type+"."+m] = true
					}
				case p.Type == "Edm.String":
					for _, c := range e.(string) {
						planes[c>>16] = true
					}
				}
				if n, ok := e.(json.Number); ok {
					numbers[n.String()] = true
				}
			}
		}
	}
	all := members(t, s)
	for _, m := range all {
		for range 300 {
			body, err := s.Generate(r, m.typ.Name, schema.GenerateOptions{Deep: m.set.DeepInsert, ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.UseNumber()
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Fatal(err)
			}
			visit(v, m.typ)
		}
	}
	for _, m := range all {
		for _, p := range m.typ.Properties() {
			id := p.Owner + "." + p.Name
			switch {
			case p.Navigation || p.Unpublished:
			case !values[id]:
				t.Errorf("%s never has a value", id)
			case p.Null != schema.NullRefused && !nulls[id] && p.Name != "displayName" && p.Name != "name":
				t.Errorf("%s is never null", id)
			case p.Null == schema.NullRefused && nulls[id]:
				t.Errorf("%s is null", id)
			}
			if p.Kind == schema.KindEnum || p.Kind == schema.KindFlags {
				for _, v := range mustType(t, s, p.Type).Values {
					if !enums[p.Type+"."+v] {
						t.Errorf("%s is never %s", p.Type, v)
					}
				}
			}
			if p.Kind == schema.KindComplex {
				for _, d := range s.Concrete(p.Type) {
					if !types[d.Name] {
						t.Errorf("there is never a %s", d.Name)
					}
				}
			}
		}
	}
	for _, n := range []string{"9223372036854775807", "-9223372036854775808", "9007199254740993", "2147483647", "0.1"} {
		if !numbers[n] {
			t.Errorf("the number %s is never drawn", n)
		}
	}
	for _, plane := range []rune{0, 1, 2, 3, 14, 15, 16} {
		if !planes[plane] {
			t.Errorf("no character of plane %d is ever drawn", plane)
		}
	}
}

// Objects end, whatever the choices: types that hold themselves do not run away.
func TestGeneratedObjectsEnd(t *testing.T) {
	s := load(t)
	for name, choose := range map[string]func(n uint64) uint64{
		"always the first":  func(uint64) uint64 { return 0 },
		"always the last":   func(n uint64) uint64 { return n - 1 },
		"always the second": func(n uint64) uint64 { return min(n-1, 1) },
	} {
		for _, m := range members(t, s) {
			body, err := s.Generate(chooser(choose), m.typ.Name, schema.GenerateOptions{Full: true, ReadOnly: true, Deep: m.set.DeepInsert, MaxItems: 1, MaxDepth: 3})
			if err != nil {
				t.Fatal(err)
			}
			if v := s.Check(schema.Options{Deep: m.set.DeepInsert}, m.typ.Name, body); v != nil || len(body) > 1<<20 || !utf8.Valid(body) {
				t.Errorf("%s, %s: %d bytes, %v", name, m, len(body), v)
			}
		}
	}
}

// nesting is how deep objects stand in objects, sizes counts the lengths of
// lists.
func nesting(v any, sizes map[int]int) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, nesting(e, sizes))
		}
		return deepest + 1
	case []any:
		sizes[len(v)]++
		for _, e := range v {
			deepest = max(deepest, nesting(e, sizes))
		}
	}
	return deepest
}

// The bounds of the options hold: what may not be null is still written at the
// bound, and needs two objects more at most.
func TestGenerateKeepsItsBounds(t *testing.T) {
	s := load(t)
	for _, m := range members(t, s) {
		for _, depth := range []int{1, 2, 4} {
			for seed := range uint64(3) {
				sizes := map[int]int{}
				body, err := s.Generate(rand.New(rand.NewPCG(seed, 9)), m.typ.Name, schema.GenerateOptions{Full: true, ReadOnly: true, MaxDepth: depth, MaxItems: 2, Deep: m.set.DeepInsert})
				if err != nil {
					t.Fatal(err)
				}
				var object map[string]any
				if err := json.Unmarshal(body, &object); err != nil {
					t.Fatal(err)
				}
				if got := nesting(object, sizes); got > depth+2 {
					t.Errorf("%s: %d levels where %d are allowed: %s", m, got, depth, body)
				}
				for size := range sizes {
					if size > 2 {
						t.Errorf("%s: a list of %d", m, size)
					}
				}
			}
		}
	}
}

// Full leaves nothing out; without it, properties come and go. Lists have every
// length.
func TestGenerateFullAndNot(t *testing.T) {
	s := load(t)
	sizes := map[int]int{}
	absent, present := 0, 0
	for _, m := range members(t, s) {
		for seed := range uint64(4) {
			for _, full := range []bool{true, false} {
				body, err := s.Generate(rand.New(rand.NewPCG(seed, 5)), m.typ.Name, schema.GenerateOptions{Full: full, ReadOnlyProps: m.set.ReadOnlyProps, Deep: m.set.DeepInsert})
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(body, []byte(`\u003c`)) {
					t.Errorf("%s: < is escaped, as for HTML", m)
				}
				var object map[string]any
				if err := json.Unmarshal(body, &object); err != nil {
					t.Fatal(err)
				}
				nesting(object, sizes)
				for _, p := range m.typ.Properties() {
					if p.Navigation || p.Unpublished || p.ReadOnly || slices.Contains(m.set.ReadOnlyProps, p.Name) {
						continue
					}
					_, ok := object[p.Name]
					switch {
					case full && !ok:
						t.Errorf("%s: no %s", m, p.Name)
					case !full && ok:
						present++
					case !full:
						absent++
					}
				}
			}
		}
	}
	if absent < present/10 || present < absent {
		t.Errorf("%d properties are there and %d are not", present, absent)
	}
	for size := range 4 {
		if sizes[size] < 100 {
			t.Errorf("there are %d lists of %d", sizes[size], size)
		}
	}
}

type chooser func(n uint64) uint64

func (c chooser) Uint64N(n uint64) uint64 { return c(n) }

// The same choices make the same object, so that a seed is all one has to keep.
func TestGenerateIsRepeatable(t *testing.T) {
	s := load(t)
	for _, m := range members(t, s) {
		var bodies []string
		for range 2 {
			body, err := s.Generate(rand.New(rand.NewPCG(7, 7)), m.typ.Name, schema.GenerateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(body))
		}
		if bodies[0] != bodies[1] {
			t.Errorf("%s: two objects of one seed differ", m)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	s := load(t)
	for _, name := range []string{"nothing", "deviceConfiguration", "automaticUpdateMode", ""} {
		if body, err := s.Generate(rand.New(rand.NewPCG(1, 1)), name, schema.GenerateOptions{}); err == nil {
			t.Errorf("%s: %s", name, body)
		}
		if body, err := s.Minimal(name); err == nil {
			t.Errorf("%s: %s", name, body)
		}
	}
	if _, err := s.Generate(rand.New(rand.NewPCG(1, 1)), "roleScopeTag", schema.GenerateOptions{Declared: "deviceConfiguration"}); err == nil {
		t.Error("a scope tag was declared as a device configuration")
	}
}

// The smallest objects have their name and what is required, and are valid.
func TestMinimal(t *testing.T) {
	s := load(t)
	for _, m := range members(t, s) {
		body, err := s.Minimal(m.typ.Name, m.set.RequiredOnCreate...)
		if err != nil {
			t.Fatal(err)
		}
		if v := s.Check(schema.Options{Deep: m.set.DeepInsert}, m.set.EntityType, body); v != nil {
			t.Errorf("%s: %v\n%s", m, v, body)
		}
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatal(err)
		}
		for _, name := range append([]string{m.set.NameProperty}, m.set.RequiredOnCreate...) {
			if _, ok := m.typ.Property(name); ok && object[name] == nil {
				t.Errorf("%s: no %s in %s", m, name, body)
			}
		}
		if object["@odata.type"] != "#microsoft.graph."+m.typ.Name {
			t.Errorf("%s: %s", m, body)
		}
	}
	for _, c := range []struct {
		name, required, want string
	}{
		{"iosCompliancePolicy", "scheduledActionsForRule", `{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"A","scheduledActionsForRule":[{"scheduledActionConfigurations":[{}]}]}`},
		{"roleScopeTag", "", `{"@odata.type":"#microsoft.graph.roleScopeTag","displayName":"A"}`},
		{"iosWiFiConfiguration", "", `{"@odata.type":"#microsoft.graph.iosWiFiConfiguration","displayName":"A","networkName":"","ssid":""}`},
		{"deviceManagementConfigurationSetting", "", `{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSetting","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingCollectionInstance","settingDefinitionId":""}}`},
	} {
		var required []string
		if c.required != "" {
			required = []string{c.required}
		}
		if body, err := s.Minimal(c.name, required...); err != nil || string(body) != c.want {
			t.Errorf("%s, %v", body, err)
		}
	}
}

// mutation breaks one thing of an object.
type mutation struct {
	name string
	do   func()
}

// mutations are all ways in which an object of the declared type can be broken
// by one change.
func mutations(t *rapid.T, s *schema.Schema, object map[string]any, declared *schema.Type) []mutation {
	typ := declared
	if name, ok := object["@odata.type"].(string); ok {
		typ, _ = s.Type(name)
	}
	var out []mutation
	set := func(what, key string, value any) {
		out = append(out, mutation{fmt.Sprintf("%s.%s: %s", typ.Name, key, what), func() { object[key] = value }})
	}
	set("unknown property", "thisPropertyDoesNotExist", nil)
	set("unknown type", "@odata.type", "#microsoft.graph.thisTypeDoesNotExist")
	set("type that is no string", "@odata.type", 1)
	other := "#microsoft.graph.rgbColor"
	if declared.Class == schema.ClassComplex {
		other = "#microsoft.graph.roleScopeTag"
	}
	set("type of another family", "@odata.type", other)
	if declared.Abstract {
		out = append(out, mutation{typ.Name + ": no type", func() { delete(object, "@odata.type") }})
	}
	for key, value := range object {
		p, ok := typ.Property(key)
		if !ok || p.Unpublished {
			continue
		}
		set("object", key, map[string]any{"thisPropertyDoesNotExist": 1})
		if p.Null == schema.NullRefused {
			set("null", key, nil)
		}
		if p.Collection {
			set("scalar for a collection", key, "x")
			list, _ := value.([]any)
			for i, e := range list {
				inner, isObject := e.(map[string]any)
				if isObject {
					at, _ := s.Type(p.Type)
					out = append(out, mutations(t, s, inner, at)...)
				}
				out = append(out, mutation{fmt.Sprintf("%s.%s[%d]: array in an array", typ.Name, key, i), func() { list[i] = []any{} }})
			}
			continue
		}
		set("collection for one", key, []any{})
		switch {
		case p.Kind == schema.KindComplex || p.Kind == schema.KindEntity:
			set("scalar for an object", key, "x")
			if inner, ok := value.(map[string]any); ok {
				at, _ := s.Type(p.Type)
				out = append(out, mutations(t, s, inner, at)...)
			}
		case p.Kind == schema.KindEnum || p.Kind == schema.KindFlags:
			set("bad member", key, "thisMemberDoesNotExist")
			set("number for a member", key, 1)
		case p.Type == "Edm.String":
			set("number for a string", key, 1)
			set("boolean for a string", key, true)
		case p.Type == "Edm.Boolean":
			set("string for a boolean", key, "true")
			set("number for a boolean", key, 1)
		case strings.HasPrefix(p.Type, "Edm.Int") || p.Type == "Edm.Byte":
			set("string for a number", key, "1")
			set("fraction", key, 1.5)
			set("too large", key, json.Number("9223372036854775808"))
			if p.Type == "Edm.Int32" || p.Type == "Edm.Byte" {
				set("too large", key, 1<<31)
				set("too small", key, -1<<31-1)
			}
		case p.Type == "Edm.Double" || p.Type == "Edm.Single":
			set("string for a number", key, "x")
		default:
			set("number for a text", key, 1)
			set("not of its format", key, "~")
		}
	}
	return out
}

// Whatever one thing of a valid object is broken, Check refuses it.
func TestBrokenObjectsAreRefused(t *testing.T) {
	t.Parallel()
	s := load(t)
	for _, m := range members(t, s) {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				o, _ := optionsOf(t, m)
				o.Full = false
				body, err := s.Generate(drawn{t}, m.typ.Name, o)
				if err != nil {
					t.Fatal(err)
				}
				dec := json.NewDecoder(bytes.NewReader(body))
				dec.UseNumber()
				var object map[string]any
				if err := dec.Decode(&object); err != nil {
					t.Fatal(err)
				}
				at := mustDeclared(s, declared(m, o))
				all := mutations(t, s, object, at)
				slices.SortStableFunc(all, func(a, b mutation) int { return strings.Compare(a.name, b.name) })
				broken := all[rapid.IntRange(0, len(all)-1).Draw(t, "mutation")]
				broken.do()
				after, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				if v := s.Check(schema.Options{Deep: m.set.DeepInsert}, at.Name, after); v == nil {
					t.Fatalf("accepted with %s:\n%s", broken.name, after)
				} else if v.Status != 400 || v.Message == "" {
					t.Fatalf("refused without a reason: %+v", v)
				}
			})
		})
	}
}

func mustDeclared(s *schema.Schema, name string) *schema.Type {
	t, _ := s.Type(name)
	return t
}
