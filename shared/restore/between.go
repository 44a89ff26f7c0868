package restore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

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
		if list, isList := l.([]any); isList && amid(b, list, w) {
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

// amid reports whether a list is on the way: what is in it was there before or is
// wanted, and what was there and is wanted is in it. Elements of some come and go
// one by one, as the assignments of types that take no list of them.
func amid(before any, live []any, want any) bool {
	b, _ := before.([]any)
	w, _ := want.([]any)
	has := func(list []any, e any) bool { return slices.ContainsFunc(list, func(o any) bool { return same(o, e) }) }
	for _, e := range live {
		if !has(b, e) && !has(w, e) {
			return false
		}
	}
	return !slices.ContainsFunc(b, func(e any) bool { return has(w, e) && !has(live, e) })
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}
