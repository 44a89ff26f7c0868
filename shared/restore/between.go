package restore

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tenantatlas/shared/catalog"
)

// Between reports whether a live object is on the way from what it was to what is
// wanted: each member of its content is as it was before or as it is wanted. Then
// nobody else changed it meanwhile, as far as that shows.
func Between(t catalog.Type, before, live, want []byte) (bool, error) {
	var content [3]map[string]any
	for i, payload := range [][]byte{before, live, want} {
		normal, err := t.NormalForm(payload)
		if err != nil {
			return false, fmt.Errorf("normal form: %w", err)
		}
		if err := json.Unmarshal(normal, &content[i]); err != nil {
			return false, fmt.Errorf("normal form: %w", err)
		}
	}
	return between(content[0], content[1], content[2], 0), nil
}

// between looks into the parts of the document, and into the members of the object.
func between(before, live, want map[string]any, depth int) bool {
	names := map[string]bool{}
	for _, m := range []map[string]any{before, live, want} {
		for name := range m {
			names[name] = true
		}
	}
	for name := range names {
		if name == catalog.MemberSecrets && depth == 0 {
			continue // digests follow the values, which cannot be seen here
		}
		b, l, w := before[name], live[name], want[name]
		if same(l, b) || same(l, w) {
			continue
		}
		lm, isObject := l.(map[string]any)
		bm, _ := b.(map[string]any)
		wm, _ := w.(map[string]any)
		if !isObject || depth > 1 || !between(bm, lm, wm, depth+1) {
			return false
		}
	}
	return true
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}
