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

// Document is a decoded payload: the parts of a policy by their names, beside
// members of the document itself (see head). Numbers are json.Number.
type Document map[string]any

// Members of a payload document that are no parts and no content.
const (
	memberSchema     = "schema"
	memberType       = "type"
	memberGraphID    = "graphId"
	MemberReferences = "references" // names of the objects that the policy refers to
	// MemberSecrets holds, by the place of each secret value that was read, its
	// keyed digest: content, since another value is another policy.
	MemberSecrets = "secrets"
)

var head = []string{memberSchema, memberType, memberGraphID, MemberReferences}

// Decode reads a payload document. Numbers keep their digits.
func Decode(payload []byte) (Document, error) {
	var doc Document
	if err := decode(payload, &doc); err != nil {
		return nil, fmt.Errorf("payload is not a JSON object: %w", err)
	}
	return doc, nil
}

// DecodeValue reads a JSON value of any kind, as a part of a document is one.
// Numbers keep their digits.
func DecodeValue(raw []byte) (any, error) {
	var v any
	if err := decode(raw, &v); err != nil {
		return nil, fmt.Errorf("not a JSON value: %w", err)
	}
	return v, nil
}

func decode(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// Public returns a payload document without what is of no use to people and would
// let them tell equal secrets: the digests. The rest stays byte for byte.
func Public(payload []byte) ([]byte, error) {
	rest, _, err := Cut(payload, MemberSecrets)
	return rest, err
}

// Cut takes a member out of a JSON object and returns the rest, byte for byte,
// and its value; nil when there is no such member.
func Cut(object []byte, name string) (rest, value []byte, err error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil, errors.New("not a JSON object")
	}
	first := dec.InputOffset()
	for before := first; dec.More(); before = dec.InputOffset() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("object: %w", err)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, nil, fmt.Errorf("object: %w", err)
		}
		if key != name {
			continue
		}
		after := dec.InputOffset()
		if before == first {
			// The comma is the one behind it, if there is more.
			tail := bytes.TrimLeft(object[after:], " \t\r\n")
			return slices.Concat(object[:before], bytes.TrimPrefix(tail, []byte{','})), v, nil
		}
		return slices.Concat(object[:before], object[after:]), v, nil
	}
	return object, nil, nil
}

// Object is the object part; nil when there is none.
func (d Document) Object() map[string]any {
	object, _ := d[PartObject].(map[string]any)
	return object
}

// What the service changes by itself in objects of every type: server-set dates
// and versions, and bookkeeping that repeats other content. Ids that the service
// gives out are no content either: the id of the policy itself is what the
// version hangs on, and those of its children are made anew with every write.
var volatileAlways = []string{
	"object.id", "object.createdDateTime", "object.lastModifiedDateTime", "object.modifiedDateTime", "object.version",
	"object.supportsScopeTags", "object.isAssigned", "object.settingCount", "object.creationSource",
	"settings[].id", "assignments[].id", "assignments[].sourceId", "assignments[].@odata.type", "assignments[].lastModifiedDateTime",
}

// Collections whose order means nothing in every type that has them.
var unorderedAlways = []string{"assignments", "object.roleScopeTagIds", "object.roleScopeTags"}

// AllUnordered are the collections of the type whose order means nothing, those of
// every type included.
func (t Type) AllUnordered() []string { return slices.Concat(unorderedAlways, t.Unordered) }

// Texts that hold a set of flags, separated by commas.
var flagSets = []string{"object.platforms", "object.technologies", "object.brandingOptions"}

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
// spelling: keys sorted, OData bookkeeping, ids that the service gave out and the
// service's own properties left out, null properties left out (the service adds
// them from release to release: OpenIntuneBaseline#236), collections without
// order sorted, no filter of an assignment said by nothing. Numbers keep their
// digits, however large.
func (t Type) NormalForm(payload []byte) ([]byte, error) {
	doc, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	normal, err := t.normalise(doc)
	if err != nil {
		return nil, err
	}
	return json.Marshal(normal) // maps are written with sorted keys
}

// normalise brings a document into its normal form.
func (t Type) normalise(doc Document) (any, error) {
	for _, member := range head {
		delete(doc, member)
	}
	if object := doc.Object(); object != nil {
		// Parts that are read on their own are not content twice.
		for _, p := range t.Parts[1:] {
			delete(object, p.Name)
		}
	}
	if t.Normalize != nil {
		t.Normalize(doc)
	}
	values(map[string]any(doc), PartAssignments+"[].target", func(v any) {
		if target, ok := v.(map[string]any); ok {
			tidyTarget(target)
		}
	})
	content := map[string]any(doc)
	for _, paths := range [][]string{volatileAlways, t.Volatile} {
		for _, path := range paths {
			drop(content, path)
		}
	}
	normal, err := clean(content, 0)
	if err != nil {
		return nil, err
	}
	for _, path := range flagSets {
		visit(normal, path, func(holder map[string]any, key string) {
			if set, ok := holder[key].(string); ok && strings.Contains(set, ",") {
				flags := strings.Split(set, ",")
				slices.Sort(flags)
				holder[key] = strings.Join(flags, ",")
			}
		})
	}
	// Inner collections first, so that the order of outer ones is of what they hold then.
	unordered := t.AllUnordered()
	slices.SortStableFunc(unordered, func(a, b string) int { return strings.Count(b, ".") - strings.Count(a, ".") })
	for _, path := range unordered {
		if err := sortAt(normal, path); err != nil {
			return nil, err
		}
	}
	return normal, nil
}

// DropVolatile removes from an object, as a list shows it, what its row names as
// changed by the service itself.
func (t Type) DropVolatile(object map[string]any) {
	doc := map[string]any{PartObject: object}
	for _, path := range t.Volatile {
		drop(doc, path)
	}
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
			m, err := clean(member, depth+1)
			if err != nil {
				return nil, err
			}
			v[k] = m
		}
	case []any:
		for i, member := range v {
			m, err := clean(member, depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = m
		}
	}
	return v, nil
}

// bookkeeping reports whether a property is OData's own. @odata.type is kept:
// it is the only thing that tells derived types apart.
func bookkeeping(name string) bool {
	if name == odataType {
		return false
	}
	return strings.HasPrefix(name, ODataPrefix) || strings.Contains(name, "@odata.") || strings.HasPrefix(name, "@microsoft.graph.")
}

// sortAt sorts the arrays at path by the spelling of their elements.
func sortAt(doc any, path string) error {
	var failed error
	values(doc, path, func(v any) {
		if list, ok := v.([]any); ok {
			failed = errors.Join(failed, sortList(list))
		}
	})
	return failed
}

func sortList(list []any) error {
	type element struct {
		spelling string
		value    any
	}
	elements := make([]element, len(list))
	for i, e := range list {
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
