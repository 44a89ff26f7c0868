package schema_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"tenantatlas/tests/graphsim/schema"
)

// Nothing that a client sends makes Check panic, and what it accepts is a JSON
// object.
func FuzzCheck(f *testing.F) {
	s := load(f)
	r := rand.New(rand.NewPCG(3, 4))
	for i, m := range members(f, s) {
		if i%25 != 0 {
			continue
		}
		body, err := s.Generate(r, m.typ.Name, schema.GenerateOptions{Deep: m.set.DeepInsert})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.set.EntityType, []byte(body))
	}
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"a":[}`, `{"@odata.type":{}}`, `{"":{"":[]}}`, `{"@":1,"@odata.bind":1,"a@odata.bind":null,"#":1}`,
		`{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","omaSettings":[[],{},null,1]}`, `{"x":-}`, "{\"\x00\":1}", `{"displayName":"\ud800"}`,
		strings.Repeat(`{"a":`, 200),
	} {
		f.Add("deviceConfiguration", []byte(body))
	}
	f.Fuzz(func(t *testing.T, declared string, body []byte) {
		for _, o := range []schema.Options{
			{},
			{Deep: []string{schema.DeepAny}, ReadOnly: schema.ReadOnlyEmpty, Unchecked: func(string, string) {}},
			{Annotations: schema.AnnotationsRefused, ReadOnly: schema.ReadOnlyRefused, RefuseBind: true, RefuseUnpublished: true, MaxDepth: 3},
		} {
			v := s.Check(o, declared, body)
			if v == nil {
				var object map[string]json.RawMessage
				if err := json.Unmarshal(body, &object); err != nil || object == nil {
					t.Errorf("accepted %q: %v", body, err)
				}
			} else if v.Status < 400 || v.Code == "" || v.Message == "" {
				t.Errorf("refused without a reason: %+v", v)
			}
			if v := s.CheckAction(o, "assign", map[string]string{"assignments": "Collection(" + declared + ")"}, body); v != nil && v.Message == "" {
				t.Errorf("refused without a reason: %+v", v)
			}
		}
	})
}
