package schema

import "testing"

// Tables that do not fit together are noticed when they are read, not in the
// middle of a check.
func TestTablesThatDoNotFit(t *testing.T) {
	const none = `{"sets":[]}`
	for name, c := range map[string]struct{ types, sets string }{
		"no JSON":                {`{`, none},
		"no JSON in the sets":    {`{}`, `[`},
		"base missing":           {`{"entityTypes":{"a":{"base":"b"}}}`, none},
		"one name for two":       {`{"entityTypes":{"a":{}},"complexTypes":{"a":{}}}`, none},
		"one name for an enum":   {`{"entityTypes":{"a":{}},"enumTypes":{"a":{}}}`, none},
		"owner missing":          {`{"seenInExportsNotInMetadata":["a.b"]}`, none},
		"no owner":               {`{"seenInExportsNotInMetadata":["b"]}`, none},
		"entity type of the set": {`{}`, `{"sets":[{"path":"p","entityType":"a"}]}`},
	} {
		if s, err := parse([]byte(c.types), []byte(c.sets)); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, err := parse([]byte(`{"entityTypes":{"a":{}}}`), []byte(`{"sets":[{"path":"p","entityType":"a"},{"path":"q"}]}`)); err != nil {
		t.Error(err)
	}
}
