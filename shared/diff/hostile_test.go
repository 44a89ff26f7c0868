package diff_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
)

// Documents made to cost much: the result stays small.
func TestHostile(t *testing.T) {
	row, _ := catalog.ByID("device-configuration")
	const size = 1 << 19
	fill := func(head, each, tail string) []byte {
		return []byte(head + strings.TrimSuffix(strings.Repeat(each+",", size/(len(each)+1)), ",") + tail)
	}
	nested := func(leaf string) []byte {
		return []byte(`{"object":{"a":` + strings.Repeat(`[{"a":`, 95) + leaf + strings.Repeat(`}]`, 95) + `}}`)
	}
	for _, test := range []struct {
		name          string
		before, after []byte
	}{
		{"numbers", fill(`{"object":{"a":[`, "0", `]}}`), fill(`{"object":{"a":[`, "1", `]}}`)},
		{"objects without a name", fill(`{"object":{"a":[`, `{"b":[1]}`, `]}}`), fill(`{"object":{"a":[`, `{"b":[2]}`, `]}}`)},
		{"objects of one name", fill(`{"object":{"omaSettings":[`, `{"omaUri":"a","value":"****"}`, `]}}`), fill(`{"object":{"omaSettings":[`, `{"omaUri":"a","value":"PGEvPg=="}`, `]}}`)},
		{"empty lists", fill(`{"object":{"a":[`, `[]`, `]}}`), fill(`{"object":{"a":[`, `{}`, `]}}`)},
		{"a long name", []byte(`{"object":{"` + strings.Repeat("n", size) + `":1}}`), []byte(`{"object":{"` + strings.Repeat("n", size) + `":2}}`)},
		{"a long key", []byte(`{"object":{"omaSettings":[{"omaUri":"` + strings.Repeat("n", size) + `"}]}}`), []byte(`{"object":{"omaSettings":[]}}`)},
		{"quotes", []byte(`{"object":{"a":"` + strings.Repeat(`\"`, size/2) + `"}}`), []byte(`{"object":{"a":"` + strings.Repeat(`\\`, size/2) + `"}}`)},
		{"depth", nested(`"` + strings.Repeat("a", size) + `"`), nested(`"` + strings.Repeat("b", size) + `"`)},
		{"secrets", fill(`{"object":{"omaSettings":[{"value":1}]},"secrets":{"x":"y","z":[`, `"omaSettings[0].value"`, `]}}`), []byte(`{"object":{},"secrets":7}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			for range 2 {
				r, err := diff.Compare(row, test.before, test.after)
				if err != nil {
					t.Fatal(err)
				}
				if r.Total == 0 {
					t.Error("no change")
				}
				raw, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				if len(raw) > 16<<20 {
					t.Errorf("the result has %d bytes", len(raw))
				}
				test.before, test.after = test.after, test.before
			}
			t.Log(time.Since(began))
		})
	}
}
