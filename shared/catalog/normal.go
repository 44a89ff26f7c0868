package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxDepth bounds the nesting of a document: deeper input is hostile, since no
// Intune object comes near it.
const maxDepth = 200

var errTooDeep = errors.New("document is nested too deeply")

// ContentHash returns the SHA-256, in hexadecimal, of the normal form of a
// payload document: equal for two captures of an unchanged object.
func (t Type) ContentHash(payload []byte) (string, error) {
	normal, err := t.NormalForm(payload)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(normal)
	return hex.EncodeToString(sum[:]), nil
}

// NormalForm returns the part of a payload document that is content, in one
// spelling: keys sorted, OData bookkeeping and the service's own properties
// left out, null properties left out (the service adds them from release to
// release: OpenIntuneBaseline#236), collections without order sorted. Numbers
// keep their digits, however large.
func (t Type) NormalForm(payload []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("payload is not a JSON object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("payload has more than one JSON value")
	}
	for _, member := range []string{"capturedWith", "schema", "notes"} {
		delete(doc, member)
	}
	if object, ok := doc[PartObject].(map[string]any); ok {
		for _, p := range t.Volatile {
			delete(object, p)
		}
		// Parts that are read on their own are not content twice.
		for _, p := range t.Parts[1:] {
			delete(object, p.Name)
		}
	}
	normal, err := clean(doc, 0)
	if err != nil {
		return nil, err
	}
	for _, path := range t.Unordered {
		if err := sortAt(normal, strings.Split(path, ".")); err != nil {
			return nil, err
		}
	}
	return json.Marshal(normal) // maps are written with sorted keys
}

// clean drops nulls and OData bookkeeping, all the way down.
func clean(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if member == nil || bookkeeping(k) {
				delete(v, k)
				continue
			}
			c, err := clean(member, depth+1)
			if err != nil {
				return nil, err
			}
			v[k] = c
		}
	case []any:
		for i, member := range v {
			c, err := clean(member, depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = c
		}
	}
	return v, nil
}

// bookkeeping reports whether a property is OData's own. @odata.type is kept:
// it is the only thing that tells derived types apart.
func bookkeeping(name string) bool {
	if name == "@odata.type" {
		return false
	}
	return strings.HasPrefix(name, "@odata.") || strings.HasPrefix(name, "#microsoft.graph.") ||
		strings.Contains(name, "@odata.")
}

// sortAt sorts the array at path by the spelling of its elements. Assignment
// ids are made anew with every assign call, so they do not take part.
func sortAt(v any, path []string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if len(path) > 1 {
		return sortAt(object[path[0]], path[1:])
	}
	list, ok := object[path[0]].([]any)
	if !ok {
		return nil
	}
	type element struct {
		spelling string
		value    any
	}
	elements := make([]element, len(list))
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && path[0] == PartAssignments {
			delete(m, "id")
			delete(m, "sourceId")
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		elements[i] = element{string(text), e}
	}
	slices.SortFunc(elements, func(a, b element) int { return strings.Compare(a.spelling, b.spelling) })
	for i := range elements {
		list[i] = elements[i].value
	}
	return nil
}
