package diff_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
)

type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func marshal(t fatal, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return raw
}

// holds checks what is so of any two documents, and returns their comparison: they
// differ exactly if their hashes do, and turned round the changes turn round.
func holds(t fatal, row catalog.Type, before, after []byte) diff.Result {
	t.Helper()
	forth, err := diff.Compare(row, before, after)
	hashBefore, errBefore := row.ContentHash(before)
	hashAfter, errAfter := row.ContentHash(after)
	if errBefore != nil || errAfter != nil {
		// What is equal in both is not looked into, so not every error is found.
		return forth
	}
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	if same := hashBefore == hashAfter; same != (forth.Total == 0) || (forth.Total == 0) != (len(forth.Changes) == 0) {
		t.Fatalf("%s: same content %t, changes %q\nbefore %s\nafter  %s", row.ID, same, lines(forth), before, after)
	}
	back, err := diff.Compare(row, after, before)
	if err != nil {
		t.Fatalf("compare back: %v", err)
	}
	if forth.Truncated {
		return forth
	}
	if f, b := mirrored(forth, false), mirrored(back, true); !slices.Equal(f, b) {
		t.Fatalf("%s: turned round\n%s\nis not\n%s\nbefore %s\nafter  %s", row.ID, strings.Join(f, "\n"), strings.Join(b, "\n"), before, after)
	}
	for _, c := range forth.Changes {
		if c.Path == "" || c.Label == "" && !strings.Contains(c.Path, `""`) || c.Section == "" || c.Kind == "" {
			t.Fatalf("%s: incomplete change %+v", row.ID, c)
		}
		for _, v := range []*diff.Value{c.Before, c.After} {
			if v != nil && !json.Valid(v.JSON) {
				t.Fatalf("%s: %s: no JSON: %s", row.ID, c.Path, v.JSON)
			}
		}
	}
	return forth
}

// moved finds positions before and after in a path, beside keys.
var moved = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\[\d+:\d+\]`)

// mirrored are the changes, turned round if asked, without what is only for people.
func mirrored(r diff.Result, turn bool) []string {
	other := map[diff.Kind]diff.Kind{diff.Added: diff.Removed, diff.Removed: diff.Added}
	var out []string
	for _, c := range r.Changes {
		if len(c.Path) > 1500 {
			continue // its end is a hash
		}
		c.Label = ""
		if turn {
			if kind, ok := other[c.Kind]; ok {
				c.Kind = kind
			}
			c.Before, c.After = c.After, c.Before
			c.Path = moved.ReplaceAllStringFunc(c.Path, func(s string) string {
				if s[0] == '"' {
					return s
				}
				b, a, _ := strings.Cut(strings.Trim(s, "[]"), ":")
				return "[" + a + ":" + b + "]"
			})
		}
		raw, _ := json.Marshal(c)
		out = append(out, string(raw))
	}
	slices.Sort(out)
	return out
}

// place is somewhere in a document: the container and the name or position.
type place struct {
	holder any
	name   string
	index  int
	path   string
}

func (p place) get() any {
	if list, ok := p.holder.([]any); ok {
		return list[p.index]
	}
	return p.holder.(map[string]any)[p.name]
}

func (p place) set(v any) {
	if list, ok := p.holder.([]any); ok {
		list[p.index] = v
		return
	}
	p.holder.(map[string]any)[p.name] = v
}

func visitAll(v any, path string, f func(place)) {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			f(place{holder: v, name: name, path: path + "." + name})
			visitAll(v[name], path+"."+name, f)
		}
	case []any:
		for i, e := range v {
			f(place{holder: v, index: i, path: path + "[]"})
			visitAll(e, path+"[]", f)
		}
	}
}

// content are the members of a payload document that an edit may change.
func content(doc map[string]any) map[string]any {
	doc = without(doc, "references")
	for _, head := range []string{"schema", "type", "graphId"} {
		delete(doc, head)
	}
	return doc
}

// anything is any JSON value, small.
func anything() *rapid.Generator[any] {
	name := rapid.SampledFrom([]string{"a", "b", "name", "displayName", "id", "value", "valueState", "settingDefinitionId", "settingInstance", "children", "groupSettingCollectionValue", "simpleSettingCollectionValue", "omaUri", "@odata.type", "target", "groupId", "x.y", `q"[1:2]`})
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"0", "1", "1.0", "9007199254740993", "-0", "1e2"}), func(s string) any { return json.Number(s) }),
		rapid.Map(rapid.SampledFrom([]string{"", "a", "b", "ä<", "****", "#microsoft.graph.groupAssignmentTarget", "0"}), func(s string) any { return s }),
	)
	value := leaf
	for range 4 {
		inner := value
		value = rapid.OneOf(leaf,
			rapid.Map(rapid.MapOfN(name, inner, 0, 4), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(inner, 0, 5), func(l []any) any { return l }))
	}
	return value
}

// Whatever is done to a captured policy, a change is found exactly if the content
// hash is another.
func TestEmptyExactlyIfEqual(t *testing.T) {
	all := names(t)
	rapid.Check(t, func(rt *rapid.T) {
		row, doc := fixture(t, rapid.SampledFrom(all).Draw(rt, "fixture"))
		before := marshal(rt, doc)
		for range rapid.IntRange(1, 4).Draw(rt, "edits") {
			var places []place
			visitAll(content(doc), "", func(p place) { places = append(places, p) })
			if len(places) == 0 {
				break
			}
			p := rapid.SampledFrom(places).Draw(rt, "place")
			switch list, isList := p.get().([]any); {
			case isList && len(list) > 1 && rapid.Bool().Draw(rt, "reorder"):
				p.set(rapid.Permutation(list).Draw(rt, "order"))
			case isList && len(list) > 0 && rapid.Bool().Draw(rt, "repeat"):
				p.set(append(slices.Clone(list), rapid.SampledFrom(list).Draw(rt, "element")))
			default:
				p.set(anything().Draw(rt, "value"))
			}
		}
		holds(rt, row, before, marshal(rt, doc))
	})
}

// The same for documents of which nothing is as it should be.
func TestEmptyExactlyIfEqualForAnything(t *testing.T) {
	types := catalog.All()
	part := rapid.Custom(func(rt *rapid.T) map[string]any {
		doc := map[string]any{}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"object", "settings", "assignments", "apps", "definitionValues", "presentationValues", "secrets", "other"}), 0, 4).Draw(rt, "parts") {
			doc[name] = anything().Draw(rt, name)
		}
		return doc
	})
	rapid.Check(t, func(rt *rapid.T) {
		row := rapid.SampledFrom(types).Draw(rt, "type")
		holds(rt, row, marshal(rt, part.Draw(rt, "before")), marshal(rt, part.Draw(rt, "after")))
	})
}

// identity are members that tell which thing a thing is, or that are said twice:
// an edit of one is more than one change.
var identity = []string{
	"@odata.type", "id", "settingDefinitionId", "definitionId", "valueJson", "omaUri", "locale", "actionType", "returnCode", "name", "displayName", "label",
	"categoryPath", "classType", "cidrAddress", "payloadId", "targetId", "targetType", "groupId", "bundleId", "packageId", "windowsAppId", "appConfigKey", "permission", "language", "languageCode",
	"dataCategory", "appPackageFamilyName", "appDisplayName", "ownerType", "platform", "action", "enrollmentType", "windowsQualityUpdateCadence", "windowsQualityUpdateCategory",
	"source", "manufacturer", "version", "policyType", "approvalStatus", "approvalType", "appGroupType", "valueState",
	"deviceAndAppManagementAssignmentFilterId", "deviceAndAppManagementAssignmentFilterType",
	// What decides whether another member counts.
	"deviceUsageType",
}

// sameFlags reports whether two texts are the same set of flags, whose order means
// nothing.
func sameFlags(x, y string) bool {
	sorted := func(s string) []string { return slices.Sorted(strings.SplitSeq(strings.Trim(s, `"`), ",")) }
	return slices.Equal(sorted(x), sorted(y))
}

// none are values that mean the same as no value.
var none = []string{`""`, `"00000000-0000-0000-0000-000000000000"`, `"cloudPc"`}

// Values that are edited are reported, each once with what was and what is, and
// nothing else.
func TestExactlyTheEdits(t *testing.T) {
	all := names(t)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(all).Draw(rt, "fixture")
		row, doc := fixture(t, name)
		before := marshal(rt, doc)
		was, err := row.ContentHash(before)
		if err != nil {
			rt.Fatalf("hash: %v", err)
		}
		var places []place
		visitAll(content(doc), "", func(p place) {
			_, text := p.get().(string)
			_, number := p.get().(json.Number)
			// The value of a collection's element is the element.
			if p.name != "" && (text || number) && !slices.Contains(identity, p.name) && !strings.HasSuffix(p.path, "CollectionValue[].value") && (p.name != "value" || !strings.HasPrefix(p.path, ".object.exempted")) {
				places = append(places, p)
			}
		})
		if len(places) == 0 {
			return
		}
		type edit struct{ before, after string }
		var want []edit
		secrets := 0
		done := map[string]bool{}
		for i := range rapid.IntRange(1, 3).Draw(rt, "edits") {
			p := rapid.SampledFrom(places).Draw(rt, "place")
			old := p.get()
			if s, ok := old.(string); ok && strings.HasPrefix(s, "edited") || done[p.path] {
				continue
			}
			done[p.path] = true
			// Does it count alone?
			var marker any = "edited " + strconv.Itoa(i)
			if _, number := old.(json.Number); number {
				marker = json.Number("98765" + strconv.Itoa(i))
			}
			p.set(marker)
			now, err := row.ContentHash(marshal(rt, doc))
			if err != nil {
				rt.Fatalf("hash: %v", err)
			}
			if now == was {
				p.set(old)
				continue
			}
			was = now
			_, token := p.holder.(map[string]any)["valueState"]
			_, oma := p.holder.(map[string]any)["omaUri"]
			if mask, _ := old.(string); token || oma && p.name == "value" && row.IsPlaceholder(mask) {
				secrets++
				continue
			}
			want = append(want, edit{string(marshal(rt, old)), string(marshal(rt, marker))})
		}
		r := holds(rt, row, before, marshal(rt, doc))
		var got []edit
		for _, c := range r.Changes {
			if c.Secret {
				secrets--
				continue
			}
			e := edit{"-", "-"}
			if c.Before != nil {
				e.before = string(c.Before.JSON)
			}
			if c.After != nil {
				e.after = string(c.After.JSON)
			}
			if c.Before != nil && c.Before.Base64 && c.Kind == diff.Changed {
				e.before = "base64"
			}
			got = append(got, e)
		}
		for _, w := range want {
			i := slices.IndexFunc(got, func(g edit) bool {
				return g.after == w.after && (g.before == w.before || g.before == "base64" || g.before == "-" && slices.Contains(none, w.before) || sameFlags(g.before, w.before))
			})
			if i < 0 {
				rt.Fatalf("%s: %s to %s is not among\n%s", name, w.before, w.after, strings.Join(lines(r), "\n"))
			}
			got = slices.Delete(got, i, i+1)
		}
		if len(got) > 0 || secrets != 0 {
			rt.Fatalf("%s: not edited: %v, secrets %d, of\n%s", name, got, secrets, strings.Join(lines(r), "\n"))
		}
	})
}

// An element that is taken out of a list is one change, and so is one that is put in.
func TestExactlyTheElement(t *testing.T) {
	all := names(t)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(all).Draw(rt, "fixture")
		row, doc := fixture(t, name)
		before := marshal(rt, doc)
		var places []place
		visitAll(content(doc), "", func(p place) {
			// These decide what else counts.
			decides := slices.Contains([]string{"notificationTemplates", "domainJoinConfigurations", "detectionRules", "requirementRules"}, p.name)
			if list, ok := p.get().([]any); ok && len(list) > 0 && !decides {
				places = append(places, p)
			}
		})
		if len(places) == 0 {
			return
		}
		p := rapid.SampledFrom(places).Draw(rt, "list")
		elements := p.get().([]any)
		i := rapid.IntRange(0, len(elements)-1).Draw(rt, "element")
		p.set(slices.Delete(slices.Clone(elements), i, i+1))
		r := holds(rt, row, before, marshal(rt, doc))
		if hashes(rt, row, before) == hashes(rt, row, marshal(rt, doc)) {
			return
		}
		if r.Total != 1 || r.Changes[0].Kind != diff.Removed {
			rt.Fatalf("%s: %s without [%d]:\n%s", name, p.path, i, strings.Join(lines(r), "\n"))
		}
	})
}

func hashes(t fatal, row catalog.Type, payload []byte) string {
	t.Helper()
	hash, err := row.ContentHash(payload)
	if err != nil {
		t.Fatalf("hash: %v", err)
	}
	return hash
}

// No input does harm.
func FuzzCompare(f *testing.F) {
	types := catalog.All()
	for _, name := range names(f) {
		row, doc := fixture(f, name)
		i := slices.IndexFunc(types, func(t catalog.Type) bool { return t.ID == row.ID })
		whole := encode(f, doc)
		delete(doc, "assignments")
		f.Add(uint8(i), whole, encode(f, doc))
		f.Add(uint8(i), []byte(`{"object":{}}`), whole)
	}
	f.Fuzz(func(t *testing.T, i uint8, before, after []byte) {
		holds(t, types[int(i)%len(types)], before, after)
	})
}
