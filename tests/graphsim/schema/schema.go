package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed types.json
var typesJSON []byte

//go:embed sets.json
var setsJSON []byte

// Class says what a named type is.
type Class uint8

// The classes of named types.
const (
	ClassEntity Class = iota + 1
	ClassComplex
	ClassEnum
)

// String returns the word of the metadata for c.
func (c Class) String() string {
	switch c {
	case ClassEntity:
		return "entity"
	case ClassComplex:
		return "complex"
	case ClassEnum:
		return "enum"
	}
	return "unknown"
}

// Kind says what the value of a property, or an element of it, is.
type Kind uint8

// The kinds of values.
const (
	// KindUnknown is a type that the tables do not hold. Its values are not
	// looked into; Options.Unchecked is told.
	KindUnknown Kind = iota
	// KindPrimitive is a type of Edm.
	KindPrimitive
	// KindEnum is one member of an enumeration.
	KindEnum
	// KindFlags is an enumeration whose members may be combined with commas.
	KindFlags
	// KindComplex is an object without an id.
	KindComplex
	// KindEntity is an object with an id; only navigation properties have it.
	KindEntity
)

// Null says whether a property may be null.
type Null uint8

// What is known of null.
const (
	// NullAllowed: the metadata says so.
	NullAllowed Null = iota
	// NullRefused: Nullable is false in the metadata.
	NullRefused
	// NullUnknown: the source of the type does not tell. Null is accepted.
	NullUnknown
)

// Property is one property of a type, or one parameter of an action.
type Property struct {
	Name string
	// Owner is the type that declares it; empty for a parameter.
	Owner string
	// Type is the type of the value, or of each element: "Edm.String",
	// "omaSetting". Empty for a property that no metadata has.
	Type string
	Kind Kind
	// Collection: the value is an array.
	Collection bool
	// Navigation: the value is another entity, or several. A body names them by
	// @odata.bind; inline they are refused unless Options.Deep has them.
	Navigation bool
	Null       Null
	// ReadOnly: computed by the service, or not written by Microsoft's own client.
	ReadOnly bool
	// Unpublished: seen in real exports and in no metadata. Any value is accepted.
	Unpublished bool

	typ *Type
}

// Type is one named type.
type Type struct {
	// Name is without the namespace microsoft.graph; few names have one of their
	// own (networkaccess.ipRange).
	Name     string
	Class    Class
	Base     string
	Abstract bool
	// Values are the members of an enumeration, in the order of the metadata.
	Values []string
	// Flags: the members may be combined.
	Flags bool
	// Identity: the type belongs to Conditional Access and its like, not to
	// Intune. Messages then name it by another namespace.
	Identity bool

	base     *Type
	derived  []*Type
	props    []Property
	byName   map[string]*Property
	valueSet map[string]bool
}

// Properties returns all properties, inherited ones first. The caller must not
// change them.
func (t *Type) Properties() []Property { return t.props }

// Property returns the property of that exact name, inherited ones included.
func (t *Type) Property(name string) (*Property, bool) {
	p, ok := t.byName[name]
	return p, ok
}

// Is reports whether t is base or derived from it.
func (t *Type) Is(base *Type) bool {
	for ; t != nil; t = t.base {
		if t == base {
			return true
		}
	}
	return false
}

// Assign is how the assignments of an object are replaced.
type Assign struct {
	// Action is the last segment of the path, empty where there is no action.
	Action string `json:"action"`
	// Status is that of success: 200 or 204, 0 where it is not known.
	Status int `json:"status"`
	// BodyKey names the list in the body.
	BodyKey   string   `json:"bodyKey"`
	OtherKeys []string `json:"otherKeys"`
	// AssignmentType is the entity type of the elements of the list.
	AssignmentType string `json:"assignmentType"`
	ReplacesAll    bool   `json:"replacesAll"`
	// Via says what is done instead of an action.
	Via string `json:"via"`
	// BoundTo is the type whose name stands before the action in the path.
	BoundTo string `json:"boundTo"`
}

// Action is one action on an object of a set.
type Action struct {
	Name string `json:"name"`
	// Status is that of success.
	Status int `json:"status"`
	// Body holds the types of the parameters, as in types.json.
	Body map[string]string `json:"body"`
}

// Set is one entity set of Graph.
type Set struct {
	// Path is below the version: "deviceManagement/deviceConfigurations".
	Path string `json:"path"`
	// EntityType is the declared type, empty where no metadata has it.
	EntityType string `json:"entityType"`
	// NameProperty is "displayName" or "name", empty where there is none.
	NameProperty    string `json:"nameProperty"`
	CreateSupported bool   `json:"createSupported"`
	DeleteSupported bool   `json:"deleteSupported"`
	AlsoV1          bool   `json:"alsoV1"`
	UpdateVerb      string `json:"updateVerb"`
	// ReadOnlyProps are computed by the service, for Options.ReadOnlyProps. They
	// are more than the types alone tell.
	ReadOnlyProps    []string `json:"readOnlyProps"`
	RequiredOnCreate []string `json:"requiredOnCreate"`
	// DeepInsert are navigation properties a create takes inline, for Options.Deep.
	DeepInsert []string `json:"deepInsert"`
	// Assign is nil where objects have no assignments.
	Assign  *Assign  `json:"assign"`
	Actions []Action `json:"actions"`
}

// Schema holds the types and sets. It does not change after Load and may be used
// by several goroutines.
type Schema struct {
	// About and Sources say where the tables come from.
	About   []string
	Sources []string

	types map[string]*Type
	names []string
	sets  []Set
}

// Load reads the embedded tables, once for the process.
//
// It fails when a base type, an owner of an unpublished property or the entity
// type of a set is missing from the tables.
var Load = sync.OnceValues(func() (*Schema, error) { return parse(typesJSON, setsJSON) })

type typesFile struct {
	About       string                `json:"about"`
	Sources     []string              `json:"sources"`
	Unpublished []string              `json:"seenInExportsNotInMetadata"`
	Entities    map[string]structured `json:"entityTypes"`
	Complexes   map[string]structured `json:"complexTypes"`
	Enums       map[string]struct {
		Values []string `json:"values"`
		Flags  bool     `json:"flags"`
	} `json:"enumTypes"`
}

type structured struct {
	Base        string            `json:"base"`
	Abstract    bool              `json:"abstract"`
	NullUnknown bool              `json:"nullabilityUnknown"`
	Props       map[string]string `json:"props"`
	Nav         map[string]string `json:"nav"`
	ReadOnly    []string          `json:"readOnly"`
}

func parse(typesText, setsText []byte) (*Schema, error) {
	var file typesFile
	if err := json.Unmarshal(typesText, &file); err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	var sets struct {
		About   string   `json:"about"`
		Sources []string `json:"sources"`
		Sets    []Set    `json:"sets"`
	}
	if err := json.Unmarshal(setsText, &sets); err != nil {
		return nil, fmt.Errorf("sets: %w", err)
	}
	s := &Schema{
		About: []string{file.About, sets.About}, Sources: slices.Compact(slices.Sorted(slices.Values(append(file.Sources, sets.Sources...)))),
		types: map[string]*Type{}, sets: sets.Sets,
	}
	defs := map[string]structured{}
	for class, group := range map[Class]map[string]structured{ClassEntity: file.Entities, ClassComplex: file.Complexes} {
		for name, def := range group {
			if _, twice := s.types[name]; twice {
				return nil, fmt.Errorf("type %s occurs twice", name)
			}
			s.types[name] = &Type{Name: name, Class: class, Base: def.Base, Abstract: def.Abstract}
			defs[name] = def
		}
	}
	for name, def := range file.Enums {
		if _, twice := s.types[name]; twice {
			return nil, fmt.Errorf("type %s occurs twice", name)
		}
		t := &Type{Name: name, Class: ClassEnum, Values: def.Values, Flags: def.Flags, valueSet: make(map[string]bool, len(def.Values))}
		for _, v := range def.Values {
			t.valueSet[v] = true
		}
		s.types[name] = t
	}
	for name := range s.types {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)

	unpublished := map[string][]string{}
	for _, key := range file.Unpublished {
		i := strings.LastIndexByte(key, '.')
		if i < 0 || s.types[key[:i]] == nil {
			return nil, fmt.Errorf("the unpublished property %s has no known owner", key)
		}
		unpublished[key[:i]] = append(unpublished[key[:i]], key[i+1:])
	}
	for _, name := range s.names {
		if t := s.types[name]; t.Base != "" {
			if t.base = s.types[t.Base]; t.base == nil {
				return nil, fmt.Errorf("type %s: its base %s is missing", name, t.Base)
			}
		}
	}
	for _, name := range s.names {
		if err := s.complete(s.types[name], defs, unpublished); err != nil {
			return nil, err
		}
	}
	for _, name := range s.names {
		for base := s.types[name].base; base != nil; base = base.base {
			base.derived = append(base.derived, s.types[name])
		}
	}
	for i := range s.sets {
		if et := s.sets[i].EntityType; et != "" && s.types[et] == nil {
			return nil, fmt.Errorf("the set %s has the unknown entity type %s", s.sets[i].Path, et)
		}
	}
	s.markIdentity()
	return s, nil
}

// complete fills the properties of t, those of its base first.
func (s *Schema) complete(t *Type, defs map[string]structured, unpublished map[string][]string) error {
	if t.byName != nil || t.Class == ClassEnum {
		return nil
	}
	t.byName = map[string]*Property{} // before the base, so that a circle ends
	if t.base != nil {
		if err := s.complete(t.base, defs, unpublished); err != nil {
			return err
		}
		t.props = append(t.props, t.base.props...)
	}
	def := defs[t.Name]
	var own []Property
	for name, typ := range def.Props {
		if strings.HasPrefix(name, "@") {
			continue // an annotation of every type, not a property
		}
		p := s.property(name, typ)
		if p.Null == NullAllowed && def.NullUnknown {
			p.Null = NullUnknown
		}
		p.ReadOnly = slices.Contains(def.ReadOnly, name)
		own = append(own, p)
	}
	for name, typ := range def.Nav {
		p := s.property(name, typ)
		p.Navigation = true
		p.ReadOnly = slices.Contains(def.ReadOnly, name)
		own = append(own, p)
	}
	for _, name := range unpublished[t.Name] {
		own = append(own, Property{Name: name, Unpublished: true})
	}
	slices.SortFunc(own, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range own {
		p.Owner = t.Name
		// conditionalAccessPolicy declares id anew, to say more of it.
		if i := slices.IndexFunc(t.props, func(q Property) bool { return q.Name == p.Name }); i >= 0 {
			t.props[i] = p
		} else {
			t.props = append(t.props, p)
		}
	}
	for i := range t.props {
		t.byName[t.props[i].Name] = &t.props[i]
	}
	return nil
}

// property reads a type as the tables write it: "Collection(omaSetting)",
// "Edm.String!", where ! means that null is refused.
func (s *Schema) property(name, typ string) Property {
	p := Property{Name: name}
	if t, ok := strings.CutSuffix(typ, "!"); ok {
		typ, p.Null = t, NullRefused
	}
	if t, ok := strings.CutPrefix(typ, "Collection("); ok {
		typ, p.Collection = strings.TrimSuffix(t, ")"), true
	}
	p.Type, p.typ = typ, s.types[typ]
	switch {
	case primitives[typ] != nil:
		p.Kind = KindPrimitive
	case p.typ == nil:
		p.Kind = KindUnknown
	case p.typ.Class == ClassEnum && p.typ.Flags:
		p.Kind = KindFlags
	case p.typ.Class == ClassEnum:
		p.Kind = KindEnum
	case p.typ.Class == ClassComplex:
		p.Kind = KindComplex
	default:
		p.Kind = KindEntity
	}
	return p
}

// markIdentity marks what can be reached from the sets of identity and not from
// those of Intune.
func (s *Schema) markIdentity() {
	reach := func(identity bool) map[*Type]bool {
		seen := map[*Type]bool{}
		var visit func(t *Type)
		visit = func(t *Type) {
			if t == nil || seen[t] {
				return
			}
			seen[t] = true
			for _, d := range t.derived {
				if t.Name != "entity" {
					visit(d)
				}
			}
			visit(t.base)
			for i := range t.props {
				visit(t.props[i].typ)
			}
		}
		for _, set := range s.sets {
			if strings.HasPrefix(set.Path, "identity/") == identity {
				visit(s.types[set.EntityType])
			}
		}
		return seen
	}
	intune := reach(false)
	for t := range reach(true) {
		t.Identity = !intune[t]
	}
}

// Type returns the type of that name, which may be written as in @odata.type:
// "#microsoft.graph.iosCompliancePolicy".
func (s *Schema) Type(name string) (*Type, bool) {
	t, ok := s.types[bare(name)]
	return t, ok
}

// bare takes the # and the namespace microsoft.graph off a type name.
func bare(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "#"), "microsoft.graph.")
}

// Types returns all types in the order of their names.
func (s *Schema) Types() []*Type {
	out := make([]*Type, len(s.names))
	for i, name := range s.names {
		out[i] = s.types[name]
	}
	return out
}

// Derived returns the types below base, at any depth, in the order of their
// names; abstract ones included, base itself not.
func (s *Schema) Derived(base string) []*Type {
	t, ok := s.Type(base)
	if !ok {
		return nil
	}
	return slices.Clone(t.derived)
}

// Concrete returns the types of which base can have objects: itself and the
// derived ones, without abstract types.
func (s *Schema) Concrete(base string) []*Type {
	t, ok := s.Type(base)
	if !ok {
		return nil
	}
	return concrete(t)
}

func concrete(t *Type) []*Type {
	var out []*Type
	if !t.Abstract {
		out = append(out, t)
	}
	for _, d := range t.derived {
		if !d.Abstract {
			out = append(out, d)
		}
	}
	return out
}

// IsA reports whether name is base or derived from it. Unknown names are not.
func (s *Schema) IsA(name, base string) bool {
	t, ok := s.Type(name)
	b, okBase := s.Type(base)
	return ok && okBase && t.Is(b)
}

// Properties returns all properties of the type, inherited ones included, nil
// for an unknown type. The caller must not change them.
func (s *Schema) Properties(name string) []Property {
	t, ok := s.Type(name)
	if !ok {
		return nil
	}
	return t.props
}

// Sets returns the entity sets. The caller must not change them.
func (s *Schema) Sets() []Set { return s.sets }

// Set returns the entity set of that path.
func (s *Schema) Set(path string) (*Set, bool) {
	for i := range s.sets {
		if s.sets[i].Path == path {
			return &s.sets[i], true
		}
	}
	return nil, false
}
