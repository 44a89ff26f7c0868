package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A path names members of a JSON document: "object.conditions.users",
// "settings[].id" (of each element), "presentationValues{}[].id" (of each element
// of each member). A member whose name holds a dot cannot be named; Graph has
// none but annotations, of which "@odata.type" can be.

// visit calls f for every container that holds the last member of the path,
// present or not. Names that lead nowhere are passed over.
func visit(doc any, path string, f func(holder map[string]any, key string)) {
	name, rest, more := cutName(path)
	key, marks := cutMarks(name)
	object, ok := doc.(map[string]any)
	if !ok {
		return
	}
	if !more {
		// The marks of the last member are for whoever reads its value.
		f(object, key)
		return
	}
	descend(object[key], marks, func(v any) { visit(v, rest, f) })
}

// cutName takes the first name off a path.
func cutName(path string) (name, rest string, more bool) {
	if rest, is := strings.CutPrefix(path, odataType); is && (rest == "" || rest[0] == '.') {
		return odataType, strings.TrimPrefix(rest, "."), rest != ""
	}
	return strings.Cut(path, ".")
}

// cutMarks takes the marks off the end of a path.
func cutMarks(path string) (unmarked, marks string) {
	unmarked = strings.TrimRight(path, "[]{}")
	return unmarked, path[len(unmarked):]
}

// odataType is the annotation that names the derived type.
const odataType = "@odata.type"

// descend calls f for v, or for what the marks "[]" and "{}" say lies in it.
func descend(v any, marks string, f func(any)) {
	switch {
	case marks == "":
		f(v)
	case strings.HasPrefix(marks, "[]"):
		list, _ := v.([]any)
		for _, e := range list {
			descend(e, marks[2:], f)
		}
	case strings.HasPrefix(marks, "{}"):
		object, _ := v.(map[string]any)
		for _, e := range object {
			descend(e, marks[2:], f)
		}
	}
}

// values calls f for each value that the path names: of each element where the
// path ends in [] or {}.
func values(doc any, path string, f func(v any)) {
	_, marks := cutMarks(path)
	visit(doc, path, func(holder map[string]any, key string) {
		if v, ok := holder[key]; ok {
			descend(v, marks, f)
		}
	})
}

// drop removes what the path names.
func drop(doc any, path string) {
	visit(doc, path, func(holder map[string]any, key string) { delete(holder, key) })
}

// textAt is the first value that the path names, as text: a string, or a number
// or boolean as JSON writes it. "" when there is none.
func textAt(doc any, path string) string {
	found := ""
	values(doc, path, func(v any) {
		if found != "" {
			return
		}
		switch v := v.(type) {
		case string:
			found = v
		case json.Number:
			found = v.String()
		case bool, float64:
			found = fmt.Sprint(v)
		}
	})
	return found
}
