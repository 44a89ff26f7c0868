package catalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
)

// One is fixed, so that the same tree gives the same result.
var hostileSeed = flag.Uint64("hostile.seed", 1, "of what is put in the place of values")

// stranger is a mapping to a tenant that has nothing of the old one.
func stranger(string, string) (string, bool) { return "", false }

// use does with a payload whatever the program does with one, and returns what is
// wrong with what came of it. A payload may be refused; nothing may panic.
func use(row catalog.Type, payload []byte, secrets map[string]string) (wrong error) {
	defer func() {
		if p := recover(); p != nil {
			wrong = fmt.Errorf("panic: %v", p)
		}
	}()
	if normal, err := row.NormalForm(payload); err == nil && !json.Valid(normal) {
		return fmt.Errorf("normal form is not JSON: %.200s", normal)
	}
	if mapped, err := row.Map(payload, catalog.SameTenant); err == nil && !json.Valid(mapped) {
		return fmt.Errorf("mapped is not JSON: %.200s", mapped)
	}
	for _, mapping := range []catalog.Mapping{catalog.SameTenant, stranger} {
		made, err := row.Create(payload, mapping, secrets)
		if err != nil {
			continue
		}
		for _, s := range made.Steps {
			if s.Method == "" || s.Path == "" || len(s.Body) > 0 && !json.Valid(s.Body) {
				return fmt.Errorf("step %+v", s)
			}
			s.Fill(map[string]string{"id": "new"})
			if s.Learn != nil {
				s.Learn(map[string]any{})
				s.Learn(nil)
			}
		}
	}
	if err := useOn(row, payload, payload, secrets); err != nil {
		return err
	}
	if _, err := row.Delete(payload); err != nil {
		_ = err.Error()
	}
	doc, err := catalog.Decode(payload)
	if err != nil {
		return nil
	}
	object := doc.Object()
	row.Referenced(doc)
	row.UnreadableSecrets(doc)
	row.Platform(object)
	row.IsBuiltIn(object)
	row.PastDates(object, time.Unix(0, 0))
	row.AssignSteps(doc)
	for _, part := range row.Parts {
		if part.Each != nil {
			part.Each(doc)
		}
	}
	if row.SecretReads != nil {
		row.SecretReads(doc)
	}
	for _, src := range catalog.Sources() {
		if src.Collection() == row.Collection {
			src.Hidden(object)
			src.Classify(object)
		}
	}
	row.DropVolatile(object)
	return nil
}

// useOn updates a live object, and looks at what comes of it.
func useOn(row catalog.Type, captured, live []byte, secrets map[string]string) (wrong error) {
	defer func() {
		if p := recover(); p != nil {
			wrong = fmt.Errorf("panic of an update: %v", p)
		}
	}()
	for _, mapping := range []catalog.Mapping{catalog.SameTenant, stranger} {
		change, err := row.Update(captured, live, mapping, secrets)
		if err != nil {
			continue
		}
		if !json.Valid(change.Want) {
			return fmt.Errorf("wanted is not JSON: %.200s", change.Want)
		}
		if _, err := row.Same(change.Want, live); err != nil {
			return fmt.Errorf("what is wanted cannot be compared: %w", err)
		}
		for _, s := range change.Steps {
			if s.Method == "" || s.Path == "" || len(s.Body) > 0 && !json.Valid(s.Body) {
				return fmt.Errorf("step %+v", s)
			}
			s.Fill(row.Known("live"))
			if s.Learn != nil {
				s.Learn(map[string]any{})
				s.Learn(nil)
			}
		}
	}
	return nil
}

// spoil returns the value with its nth node, counted in order of keys, replaced;
// n is counted down on the way.
func spoil(v any, n *int, with any) any {
	if *n--; *n == -1 {
		return with
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = spoil(v[k], n, with)
		}
	case []any:
		for i := range v {
			v[i] = spoil(v[i], n, with)
		}
	}
	return v
}

// deep is an array in an array, and so on.
func deep(n int) any {
	var v any = "deep"
	for range n {
		v = []any{v}
	}
	return v
}

// Whatever the service sends in the place of any value of a policy, the program
// goes on: it may refuse the policy, and may not panic or make what is not JSON.
func TestHostileDocuments(t *testing.T) {
	values := []any{
		nil, true, "", "x", "../{id}/{parent}", json.Number("7"), json.Number("1e999"), []any{}, []any{nil}, []any{"x", []any{}}, []any{map[string]any{"id": nil}},
		map[string]any{}, map[string]any{"": nil}, map[string]any{"id": []any{}, "@odata.type": 7}, deep(300),
	}
	t.Logf("-hostile.seed=%d", *hostileSeed)
	random := rand.New(rand.NewPCG(*hostileSeed, 0))
	for _, f := range allFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			if err := use(f.row, f.payload, f.secrets); err != nil {
				t.Fatalf("as it is: %v", err)
			}
			whole, err := catalog.Decode(f.payload)
			if err != nil {
				t.Fatal(err)
			}
			nodes := -1
			spoil(map[string]any(whole), &nodes, nil)
			nodes = -1 - nodes
			for range hostileRounds {
				doc, err := catalog.Decode(f.payload)
				if err != nil {
					t.Fatal(err)
				}
				n, with := 1+random.IntN(nodes-1), values[random.IntN(len(values))]
				at := n
				raw, err := json.Marshal(spoil(map[string]any(doc), &at, with))
				if err != nil {
					t.Fatal(err)
				}
				// What was captured, or what is live; use takes it as both.
				captured, live := f.payload, raw
				if random.IntN(2) == 0 {
					captured, live = raw, f.payload
				}
				for _, err := range []error{use(f.row, raw, f.secrets), useOn(f.row, captured, live, f.secrets)} {
					if err != nil {
						t.Fatalf("node %d as %.100v: %v", n, with, err)
					}
				}
			}
		})
	}
}

const hostileRounds = 20

// A value that has come for a setting that the policy no longer shows as one does
// not stop the program.
func TestSecretOfNoSetting(t *testing.T) {
	row, _ := catalog.ByID("device-configuration-custom-oma")
	for _, settings := range []string{`[7]`, `[null]`, `["x"]`, `[[]]`} {
		payload := []byte(`{"object":{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"A","omaSettings":` + settings + `}}`)
		if err := use(row, payload, map[string]string{"omaSettings[0].value": "value"}); err != nil {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

// Values that cannot be compared in Go stand in the place of any member, on both
// sides at once.
func TestHostileMembers(t *testing.T) {
	for _, f := range allFixtures(t) {
		doc, err := catalog.Decode(f.payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, holder := range []map[string]any{doc, doc.Object()} {
			for name, was := range holder {
				for _, with := range []any{map[string]any{"a": 1}, []any{1}, []any{map[string]any{"locale": []any{}, "id": map[string]any{}}}} {
					holder[name] = with
					raw, err := json.Marshal(doc)
					if err != nil {
						t.Fatal(err)
					}
					if err := useOn(f.row, raw, raw, f.secrets); err != nil {
						t.Fatalf("%s: %s as %v: %v", f.name, name, with, err)
					}
				}
				holder[name] = was
			}
		}
	}
}

// Nesting is bounded, wherever it lies, and costs no time.
func TestDeepDocuments(t *testing.T) {
	for _, row := range catalog.All() {
		for _, member := range []string{"object", "settings", "assignments"} {
			for open, closing := range map[string]string{`[`: `]`, `{"children":[`: `]}`, `{"a":`: `}`} {
				payload := `{"` + member + `":` + strings.Repeat(open, 300) + `0` + strings.Repeat(closing, 300) + `}`
				if _, err := row.NormalForm([]byte(payload)); err == nil && member != "object" {
					t.Errorf("%s: %s nested 300 deep is accepted", row.ID, member)
				}
				if err := use(row, []byte(payload), nil); err != nil {
					t.Errorf("%s: %v", row.ID, err)
				}
			}
		}
	}
}

// FuzzRows feeds any bytes to every type in turn.
func FuzzRows(f *testing.F) {
	all := catalog.All()
	for i := range all {
		f.Add(uint8(i), []byte(`{"graphId":"a/b","object":{"@odata.type":"#microsoft.graph.`+all[i].ODataType+`","displayName":"A"},"assignments":[{"target":{}}],"settings":[{"settingInstance":{}}],"secrets":{"omaSettings[0].value":"d"}}`))
	}
	for _, text := range []string{``, `null`, `{}`, `{"object":{"roleScopeTagIds":[[]]}}`, `{"assignments":{"a":1}}`, `{"object":{"omaSettings":[null]}}`, `{"graphId":7}`} {
		f.Add(uint8(0), []byte(text))
	}
	f.Fuzz(func(t *testing.T, i uint8, payload []byte) {
		row := all[int(i)%len(all)]
		if err := use(row, payload, map[string]string{"omaSettings[0].value": "value"}); err != nil {
			t.Fatalf("%s: %v", row.ID, err)
		}
	})
}

// FuzzUpdate changes any bytes into any others, of every type in turn.
func FuzzUpdate(f *testing.F) {
	all := catalog.All()
	for i, t := range all {
		f.Add(uint8(i), []byte(`{"graphId":"a/b","object":{"@odata.type":"#microsoft.graph.`+t.ODataType+`","id":"a","displayName":"A","conditions":{"users":{},"applications":{}}},"assignments":[{"target":{}}],"settings":[{"settingInstance":{}}],"secrets":{"omaSettings[0].value":"d"}}`),
			[]byte(`{"graphId":"a/b","object":{"id":"a","displayName":"B","grantControls":{"authenticationStrength":[]}},"assignments":[],"settings":[],"apps":[],"items":[],"categories":[],"relationships":[]}`))
	}
	f.Fuzz(func(t *testing.T, i uint8, captured, live []byte) {
		row := all[int(i)%len(all)]
		if err := useOn(row, captured, live, map[string]string{"omaSettings[0].value": "value"}); err != nil {
			t.Fatalf("%s: %v", row.ID, err)
		}
	})
}

// FuzzCut takes members out of any bytes: of a JSON object comes a JSON object
// without that member, and a value that is JSON; nothing is added.
func FuzzCut(f *testing.F) {
	for _, text := range []string{``, `{`, `{}`, `[]`, `null`, `{"x":1}`, `{"x":1,"a":2}`, ` { "a" : 1 , "x" : [ ] } `, `{"x":1,"x":2}`, `{"x":1,}`, `{"x" 1}`, `{"a":"\u0078","\u0078":3}`, `{"x":` + strings.Repeat("[", 200)} {
		f.Add([]byte(text), "x")
	}
	f.Fuzz(func(t *testing.T, object []byte, name string) {
		rest, value, err := catalog.Cut(object, name)
		valid := json.Valid(object) && bytes.HasPrefix(bytes.TrimLeft(object, " \t\r\n"), []byte("{"))
		if err != nil {
			if valid {
				t.Fatalf("%q: %v", object, err)
			}
			return
		}
		if len(rest)+len(value) > len(object) {
			t.Fatalf("%q grew to %q and %q", object, rest, value)
		}
		if !valid {
			return
		}
		if !json.Valid(rest) || value != nil && !json.Valid(value) {
			t.Fatalf("%q fell apart into %q and %q", object, rest, value)
		}
		var was, is map[string]json.RawMessage
		if errors.Join(json.Unmarshal(object, &was), json.Unmarshal(rest, &is)) != nil {
			return
		}
		// encoding/json makes one of all that is not UTF-8.
		if _, there := was[name]; there != (value != nil) && !strings.ContainsRune(name, '\uFFFD') && strings.ToValidUTF8(name, "") == name {
			t.Fatalf("%q: %q is there: %t, found: %q", object, name, there, value)
		}
		for key, v := range was {
			if key != name && !bytes.Equal(is[key], v) {
				t.Fatalf("%q: %q became %q", object, v, is[key])
			}
		}
	})
}
