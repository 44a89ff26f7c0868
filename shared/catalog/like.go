package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Same reports whether an object is as it was wanted: got is a capture of it, want
// what a Creation or a Change said of it. See Unlike.
func (t Type) Same(want, got []byte) (bool, error) {
	paths, err := t.Unlike(want, got)
	return err == nil && len(paths) == 0, err
}

// Unlike lists the paths within the normal forms in which a capture is not as it
// was wanted, in their order. Left out are what no restore writes, and the digests
// of secrets that one of the two has none of. Where want says nothing the service
// may say something that means nothing: it fills in what a write left out.
func (t Type) Unlike(want, got []byte) ([]string, error) {
	wanted, is, err := decodeBoth(want, got)
	if err != nil {
		return nil, err
	}
	w, err := t.content(wanted)
	if err != nil {
		return nil, err
	}
	g, err := t.content(is)
	if err != nil {
		return nil, err
	}
	for _, pair := range [][2]map[string]any{{w, g}, {g, w}} {
		if _, ok := pair[0][MemberSecrets]; !ok {
			delete(pair[1], MemberSecrets)
		}
	}
	digests, _ := w[MemberSecrets].(map[string]any)
	others, _ := g[MemberSecrets].(map[string]any)
	for place := range digests {
		if _, ok := others[place]; !ok {
			delete(digests, place)
		}
	}
	for place := range others {
		if _, ok := digests[place]; !ok {
			delete(others, place)
		}
	}
	return unlike(w, g, ""), nil
}

func decodeBoth(want, got []byte) (wanted, is Document, err error) {
	if wanted, err = Decode(want); err != nil {
		return nil, nil, err
	}
	is, err = Decode(got)
	return wanted, is, err
}

// bag is a list whose order means nothing.
type bag []any

// content is the normal form of a document as it is compared leniently. The
// document is used up.
func (t Type) content(doc Document) (map[string]any, error) {
	normal, err := t.normalise(doc)
	if err != nil {
		return nil, err
	}
	content, _ := normal.(map[string]any)
	for _, path := range t.Unwritten {
		drop(content, path)
	}
	visit(content, PartAssignments+"[].source", func(holder map[string]any, key string) {
		if holder[key] == "direct" {
			delete(holder, key)
		}
	})
	// Inner lists first, while the outer ones can still be walked.
	unordered := t.AllUnordered()
	slices.SortStableFunc(unordered, func(a, b string) int { return strings.Count(b, ".") - strings.Count(a, ".") })
	for _, path := range unordered {
		visit(content, path, func(holder map[string]any, key string) {
			if list, ok := holder[key].([]any); ok {
				holder[key] = bag(list)
			}
		})
	}
	return content, nil
}

// noIntent are texts that the service answers for what nobody set. Of the last
// three its own documentation says "no intent".
var noIntent = []string{"", "none", "devices", "notConfigured", "userDefined", "deviceDefault"}

// filler reports whether a value says no more than its absence: what the service
// answers for what nobody set.
func filler(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return slices.Contains(noIntent, v)
	}
	return hollow(v)
}

// hollow reports whether a value holds nothing.
func hollow(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case bag:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// unlike lists the paths in which got is not what want says.
func unlike(want, got any, path string) []string {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return unlikeMembers(w, g, path)
		}
	case []any:
		if g, ok := got.([]any); ok && len(w) == len(g) {
			var out []string
			for i := range w {
				out = append(out, unlike(w[i], g[i], fmt.Sprintf("%s[%d]", path, i))...)
			}
			return out
		}
	case bag:
		if g, ok := got.(bag); ok && len(w) == len(g) {
			return unlikeBags(w, g, path)
		}
	default:
		switch got.(type) {
		case map[string]any, []any, bag:
		default:
			if want == got {
				return nil
			}
		}
	}
	return []string{path}
}

func unlikeMembers(want, got map[string]any, path string) []string {
	var out []string
	for _, key := range sortedNames(want, got) {
		below := strings.TrimPrefix(path+"."+key, ".")
		w, wanted := want[key]
		g, given := got[key]
		switch {
		case wanted && given:
			out = append(out, unlike(w, g, below)...)
		case wanted && !hollow(w), given && !filler(g):
			out = append(out, below)
		}
	}
	return out
}

func sortedNames(objects ...map[string]any) []string {
	var names []string
	for _, o := range objects {
		for name := range o {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unlikeBags finds for each element one that is like it: those of one spelling
// first, which are nearly all.
func unlikeBags(want, got bag, path string) []string {
	spelt := map[string][]int{}
	for i, g := range got {
		text := spelling(g)
		spelt[text] = append(spelt[text], i)
	}
	taken := make([]bool, len(got))
	var rest []int
	for i, w := range want {
		text := spelling(w)
		if at := spelt[text]; len(at) > 0 {
			taken[at[0]], spelt[text] = true, at[1:]
		} else {
			rest = append(rest, i)
		}
	}
	var out []string
	for _, i := range rest {
		at := -1
		for k, g := range got {
			if !taken[k] && len(unlike(want[i], g, "")) == 0 {
				at = k
				break
			}
		}
		if at < 0 {
			out = append(out, fmt.Sprintf("%s[%d]", path, i))
			continue
		}
		taken[at] = true
	}
	return out
}

func spelling(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // what was decoded can be encoded
	}
	return string(text)
}
