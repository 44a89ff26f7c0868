package schema

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Error codes of Graph.
const (
	// CodeModelValidation is what Intune answers for a body that does not fit.
	CodeModelValidation = "ModelValidationFailure"
	// CodeBadRequest is for a body that is no JSON, and for all refusals below
	// identity.
	CodeBadRequest = "BadRequest"
)

// Bounds of a body, where Options set none.
const (
	DefaultMaxBytes = 32 << 20
	// DefaultMaxDepth is that of OData's reader.
	DefaultMaxDepth = 100
)

// DeepAny in Options.Deep allows every navigation property inline.
const DeepAny = "*"

// Violation is why Graph refuses a body.
type Violation struct {
	// Status is the HTTP status: 400, or 413 for a body that is too large.
	Status int
	// Code and Message are those of the error object. Intune repeats the message
	// in innerError.message.
	Code    string
	Message string
	// Path is where in the body, as a JSON pointer (RFC 6901); empty for the whole.
	Path string
}

// Error makes a Violation usable as an error in tests.
func (v *Violation) Error() string {
	return fmt.Sprintf("%d %s at %q: %s", v.Status, v.Code, v.Path, v.Message)
}

// Annotations says which annotations of OData a body may have. @odata.type of an
// object and @odata.bind are not meant: Check always reads those.
type Annotations uint8

const (
	// AnnotationsTolerated ignores the likes of @odata.context and
	// roleScopeTagIds@odata.type, as Graph does, but refuses links to actions
	// (#microsoft.graph.assign).
	AnnotationsTolerated Annotations = iota
	// AnnotationsAny ignores those too: what a read with full metadata answers.
	AnnotationsAny
	// AnnotationsRefused refuses all of them.
	AnnotationsRefused
)

// ReadOnlyRule says what becomes of a read-only property in a body.
type ReadOnlyRule uint8

const (
	// ReadOnlyIgnored lets it be there. Graph's own portal sends zero ids.
	ReadOnlyIgnored ReadOnlyRule = iota
	// ReadOnlyRefused does not.
	ReadOnlyRefused
	// ReadOnlyEmpty lets it be there without a value of its own: null, "", or the
	// GUID of zeros.
	ReadOnlyEmpty
)

const zeroGUID = "00000000-0000-0000-0000-000000000000"

// Options say what one request allows. The zero value tolerates what Graph is
// known to tolerate and allows no navigation property inline.
type Options struct {
	// Deep are the navigation properties that may stand inline, as paths of
	// property names without indexes: "settings",
	// "scheduledActionsForRule/scheduledActionConfigurations". See Set.DeepInsert.
	// The path DeepAny stands for all, as in a stored object with all expanded.
	Deep []string
	// RefuseBind refuses @odata.bind as well.
	RefuseBind bool
	// Annotations are tolerated unless said otherwise.
	Annotations Annotations
	// ReadOnly is for the properties the types call read-only, and for
	// ReadOnlyProps of the outermost object. Values are checked in any case.
	ReadOnly      ReadOnlyRule
	ReadOnlyProps []string
	// ReadOnlyOf makes exceptions, by name ("id") or by owner and name
	// ("entity.id").
	ReadOnlyOf map[string]ReadOnlyRule
	// RefuseUnpublished refuses properties that were only seen in exports.
	RefuseUnpublished bool
	// MaxBytes and MaxDepth bound the body; 0 takes the defaults.
	MaxBytes, MaxDepth int
	// Unchecked is told of every value that was accepted without being looked at,
	// because the tables do not hold its type. May be nil.
	Unchecked func(path, reason string)
}

// Check reports why Graph would refuse body for an object of the declared type:
// the entity type of the set or, for an update by a typed path, that of the path.
// It returns nil for a body that fits.
//
// What is absent is never missed: Graph takes defaults. What a create needs
// beyond its schema (Set.RequiredOnCreate, block actions, references) is for the
// caller to check. A declared type that the tables do not hold is reported to
// Options.Unchecked, and its body needs only be a JSON object.
func (s *Schema) Check(o Options, declared string, body []byte) *Violation {
	t := s.types[bare(declared)]
	c := checker{s: s, o: o, identity: t != nil && t.Identity}
	root, v := c.read(body)
	if v != nil {
		return v
	}
	if t == nil || t.Class == ClassEnum {
		c.unchecked("the declared type " + declared + " is not in the tables")
		return nil
	}
	return c.object(&root, t)
}

// CheckAction reports why Graph would refuse body for the action of that name
// whose parameters are of these types (Action.Body): "Collection(omaSetting)".
// An empty body has no parameters. Parameters that are absent are not missed.
func (s *Schema) CheckAction(o Options, name string, parameters map[string]string, body []byte) *Violation {
	c := checker{s: s, o: o}
	if len(body) == 0 {
		return nil
	}
	root, v := c.read(body)
	if v != nil {
		return v
	}
	for i, key := range root.keys {
		c.push(key)
		typ, ok := parameters[key]
		if !ok {
			if strings.HasPrefix(key, "@odata.") && o.Annotations != AnnotationsRefused {
				c.pop()
				continue
			}
			return c.refuse("The parameter '%s' in the request payload is not a valid parameter for the operation '%s'.", key, name)
		}
		if slices.Contains(root.keys[:i], key) {
			return c.refuse("Multiple parameters with the name '%s' were found in the request payload.", key)
		}
		p := s.property(key, typ)
		c.identity = p.typ != nil && p.typ.Identity
		if v := c.property(&root.kids[i], &p); v != nil {
			return v
		}
		c.pop()
	}
	return nil
}

// AssignParameters returns the parameters of the assign action of a set, for
// CheckAction. Nil when the set has no such action.
func (s *Set) AssignParameters() map[string]string {
	if s.Assign == nil || s.Assign.BodyKey == "" {
		return nil
	}
	return map[string]string{s.Assign.BodyKey: "Collection(" + s.Assign.AssignmentType + ")"}
}

// checker is one check. path is where it is: names of properties, and indexes as
// numbers.
type checker struct {
	s        *Schema
	o        Options
	identity bool
	path     []step
}

type step struct {
	name  string
	index int // -1 for a property
}

func (c *checker) push(name string) { c.path = append(c.path, step{name: name, index: -1}) }
func (c *checker) at(i int)         { c.path = append(c.path, step{index: i}) }
func (c *checker) pop()             { c.path = c.path[:len(c.path)-1] }

func (c *checker) pointer() string {
	var b strings.Builder
	for _, s := range c.path {
		b.WriteByte('/')
		if s.index >= 0 {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s.name))
		}
	}
	return b.String()
}

// deep reports whether the navigation property at the path may stand inline.
func (c *checker) deep() bool {
	if slices.Contains(c.o.Deep, DeepAny) {
		return true
	}
	names := make([]string, 0, len(c.path))
	for _, s := range c.path {
		if s.index < 0 {
			names = append(names, s.name)
		}
	}
	return slices.Contains(c.o.Deep, strings.Join(names, "/"))
}

func (c *checker) unchecked(reason string) {
	if c.o.Unchecked != nil {
		c.o.Unchecked(c.pointer(), reason)
	}
}

func (c *checker) refuse(format string, args ...any) *Violation {
	code := CodeModelValidation
	if c.identity {
		code = CodeBadRequest
	}
	return &Violation{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...), Path: c.pointer()}
}

// qualified is the name the service gives a type in its messages. Intune's own
// namespace shows through Graph's; identity has only Graph's.
func (c *checker) qualified(name string) string {
	switch {
	case strings.HasPrefix(name, "Edm."):
		if name == "Edm.Int" {
			return "Edm.Int32"
		}
		return name
	case c.identity:
		return "microsoft.graph." + name
	}
	return "microsoft.management.services.api." + name
}

func (c *checker) read(body []byte) (node, *Violation) {
	maxBytes, maxDepth := c.o.MaxBytes, c.o.MaxDepth
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if maxDepth <= 0 {
		maxDepth = DefaultMaxDepth
	}
	if len(body) > maxBytes {
		return node{}, &Violation{Status: http.StatusRequestEntityTooLarge, Code: CodeBadRequest, Message: "The request body is too large."}
	}
	root, f := read(body, maxDepth)
	if f == faultDepth {
		return root, c.refuse("The maximum recursion depth limit was reached. The depth of nested values in a single property cannot exceed %d.", maxDepth)
	}
	if f == faultSyntax || root.kind() != '{' {
		return root, &Violation{
			Status: http.StatusBadRequest, Code: CodeBadRequest,
			Message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
		}
	}
	return root, nil
}

// object checks the JSON object n, whose declared type is t.
func (c *checker) object(n *node, t *Type) *Violation {
	t, v := c.actualType(n, t)
	if v != nil {
		return v
	}
	for i, key := range n.keys {
		c.push(key)
		if v := c.member(n, i, key, t); v != nil {
			return v
		}
		c.pop()
	}
	return c.duplicates(n)
}

// duplicates looks for names that occur twice, without a map for the few
// members that most objects have.
func (c *checker) duplicates(n *node) *Violation {
	const few = 12
	var seen map[string]bool
	if len(n.keys) > few {
		seen = make(map[string]bool, len(n.keys))
	}
	for i, key := range n.keys {
		twice := seen[key]
		if seen == nil {
			twice = slices.Contains(n.keys[:i], key)
		} else {
			seen[key] = true
		}
		if twice {
			c.push(key)
			return c.refuse("Multiple properties with the name '%s' were detected in an entry or a complex value. In OData, duplicate property names are not allowed.", key)
		}
	}
	return nil
}

// actualType reads @odata.type, wherever in the object it stands.
func (c *checker) actualType(n *node, declared *Type) (*Type, *Violation) {
	t := declared
	if i := slices.Index(n.keys, "@odata.type"); i >= 0 {
		c.push("@odata.type")
		value := &n.kids[i]
		switch value.kind() {
		case '"':
		case 'n':
			return nil, c.refuse("The 'odata.type' instance or property annotation has a null value. In OData, the 'odata.type' instance or property annotation must have a non-null string value.")
		default:
			return nil, c.refuse("Cannot read the value '%s' for the property '@odata.type' as a quoted JSON string value.", value.text())
		}
		name := strings.TrimPrefix(value.text(), "#")
		if name == "" {
			return nil, c.refuse("The 'odata.type' instance annotation value '%s' is not a valid type name. The value of the 'odata.type' instance annotation must be a non-empty string.", name)
		}
		short, ok := strings.CutPrefix(name, "microsoft.graph.")
		if t = c.s.types[short]; !ok || t == nil || t.Class == ClassEnum {
			return nil, c.refuse("A type named '%s' could not be resolved by the model. When a model is available, each type name must resolve to a valid type.", name)
		}
		if !t.Is(declared) {
			if declared.Class == ClassEntity {
				return nil, c.refuse("An entry with type '%s' was found, but it is not assignable to the expected type '%s'. The type specified in the entry must be equal to either the expected type or a derived type.", c.qualified(t.Name), c.qualified(declared.Name))
			}
			return nil, c.refuse("A value was encountered that has a type name that is incompatible with the metadata. The value specified its type as '%s', but the type specified in the metadata is '%s'.", c.qualified(t.Name), c.qualified(declared.Name))
		}
		c.pop()
	}
	if t.Abstract {
		return nil, c.refuse("Cannot create an abstract class.")
	}
	return t, nil
}

// member checks member i of the object n of type t.
func (c *checker) member(n *node, i int, key string, t *Type) *Violation {
	value := &n.kids[i]
	if at := strings.IndexByte(key, '@'); at >= 0 {
		return c.annotation(n, value, key[:at], key[at+1:], t)
	}
	if strings.HasPrefix(key, "#") {
		if c.o.Annotations == AnnotationsAny {
			return nil
		}
		return c.refuse("A metadata reference property was found in a JSON Light request payload. Metadata reference properties are only supported in responses.")
	}
	p, ok := t.Property(key)
	if !ok || p.Unpublished && c.o.RefuseUnpublished {
		return c.undeclared(key, t)
	}
	if p.Navigation && !c.deep() {
		return c.refuse("The navigation property '%s' on type '%s' cannot be given inline in this request.", key, c.qualified(t.Name))
	}
	if v := c.property(value, p); v != nil {
		return v
	}
	return c.readOnly(value, p)
}

func (c *checker) undeclared(key string, t *Type) *Violation {
	return c.refuse("The property '%s' does not exist on type '%s'. Make sure to only use property names that are defined by the type.", key, c.qualified(t.Name))
}

func (c *checker) readOnly(value *node, p *Property) *Violation {
	if !p.ReadOnly && (len(c.path) != 1 || !slices.Contains(c.o.ReadOnlyProps, p.Name)) {
		return nil
	}
	rule, ok := c.o.ReadOnlyOf[p.Owner+"."+p.Name]
	if !ok {
		if rule, ok = c.o.ReadOnlyOf[p.Name]; !ok {
			rule = c.o.ReadOnly
		}
	}
	if rule == ReadOnlyEmpty && (value.isNull() || value.kind() == '"' && (value.text() == "" || value.text() == zeroGUID)) {
		return nil
	}
	if rule == ReadOnlyIgnored {
		return nil
	}
	return c.refuse("The property '%s' is read-only and cannot be set.", p.Name)
}

// annotation checks the member named target@term of an object of type t.
func (c *checker) annotation(n, value *node, target, term string, t *Type) *Violation {
	switch {
	case target == "" && term == "odata.type":
		return nil // actualType has read it
	case term == "odata.bind" && target != "":
		return c.bind(n, value, target, t)
	case c.o.Annotations != AnnotationsRefused:
		return nil
	case target == "":
		return c.refuse("The annotation '%s' was found. This annotation is either not recognized or not expected at the current position.", term)
	}
	return c.refuse("The property '%s' has a property annotation '%s'. This annotation is either not recognized or not expected at the current position.", target, term)
}

func (c *checker) bind(n, value *node, target string, t *Type) *Violation {
	const term = "odata.bind"
	p, ok := t.Property(target)
	if !ok || p.Unpublished {
		return c.undeclared(target, t)
	}
	if !p.Navigation {
		return c.refuse("The property '%s' has a property annotation '%s'. Primitive, complex, collection or open properties can only have an 'odata.type' property annotation.", target, term)
	}
	if c.o.RefuseBind {
		return c.refuse("The property '%s' has a property annotation '%s'. This annotation is either not recognized or not expected at the current position.", target, term)
	}
	switch kind := value.kind(); {
	case kind == 'n':
		return c.refuse("The '%s' instance or property annotation has a null value. In OData, the '%s' instance or property annotation must have a non-null string value.", term, term)
	case p.Collection && kind == '"':
		return c.refuse("The resource set reference navigation property '%s' has a property annotation '%s' with a string value. Resource set reference navigation properties can only have a property annotation '%s' with an array value.", target, term, term)
	case !p.Collection && kind == '[':
		return c.refuse("The resource reference navigation property '%s' has a property annotation '%s' with an array value. Resource reference navigation properties can only have a property annotation '%s' with a string value.", target, term, term)
	case p.Collection && kind == '[':
		if len(value.kids) == 0 {
			return c.refuse("The value of '%s' property annotation is an empty array. The '%s' property annotation must have a non-empty array as its value.", term, term)
		}
		for i := range value.kids {
			if kid := &value.kids[i]; kid.kind() != '"' {
				c.at(i)
				return c.notText(kid, target)
			}
		}
	case kind != '"':
		return c.notText(value, target)
	}
	if !p.Collection && slices.Contains(n.keys, target) {
		return c.refuse("The resource reference navigation property '%s' has both the '%s' property annotation as well as a value. Resource reference navigation properties can have either '%s' property annotations or values, but not both.", target, term, term)
	}
	return nil
}

func (c *checker) notText(value *node, property string) *Violation {
	if value.name() != "PrimitiveValue" {
		return c.unexpected(value, "PrimitiveValue")
	}
	return c.refuse("Cannot read the value '%s' for the property '%s' as a quoted JSON string value.", value.text(), property)
}

func (c *checker) unexpected(value *node, expected string) *Violation {
	return c.refuse("An unexpected '%s' node was found when reading from the JSON reader. A '%s' node was expected.", value.name(), expected)
}

// property checks the value of a property, or of a parameter.
func (c *checker) property(value *node, p *Property) *Violation {
	switch {
	case p.Unpublished:
		c.unchecked("the property is in no metadata")
		return nil
	case p.Kind == KindUnknown:
		c.unchecked("the type " + p.Type + " is not in the tables")
		return nil
	case value.isNull() && p.Null != NullRefused && (!p.Navigation || !p.Collection):
		return nil
	case !p.Collection:
		if value.isNull() && p.Null == NullRefused {
			name := c.qualified(p.Type) + "[Nullable=False]"
			return c.refuse("A null value was found for the property named '%s', which has the expected type '%s'. The expected type '%s' does not allow null values.", p.Name, name, name)
		}
		return c.value(value, p)
	case p.Navigation && value.kind() != '[':
		return c.refuse("A node of type '%s' was read from the JSON reader when trying to read the contents of an entity set reference navigation link; however, a 'StartArray' node was expected.", value.name())
	case value.isNull():
		name := "Collection(" + c.qualified(p.Type) + ")[Nullable=False]"
		return c.refuse("A null value was found for the property named '%s', which has the expected type '%s'. The expected type '%s' does not allow null values.", p.Name, name, name)
	case value.kind() != '[':
		return c.unexpected(value, "StartArray")
	}
	for i := range value.kids {
		c.at(i)
		kid := &value.kids[i]
		switch {
		case kid.isNull() && p.Kind == KindEntity:
			return c.unexpected(kid, "StartObject")
		case kid.isNull() && p.Null == NullRefused:
			return c.refuse("A null value was detected in the items of a collection property value; non-nullable instances of collection types do not support null values as items.")
		case !kid.isNull():
			if v := c.value(kid, p); v != nil {
				return v
			}
		}
		c.pop()
	}
	return nil
}

// value checks one value, which is not null.
func (c *checker) value(value *node, p *Property) *Violation {
	switch p.Kind {
	case KindComplex, KindEntity:
		if value.kind() == '{' {
			return c.object(value, p.typ)
		}
		if p.Navigation {
			return c.refuse("A node of type '%s' was read from the JSON reader when trying to read the contents of a resource reference navigation link; however, a 'StartObject' node or 'PrimitiveValue' node with null value was expected.", value.name())
		}
		return c.unexpected(value, "StartObject")
	case KindEnum, KindFlags:
		return c.enum(value, p)
	}
	if value.name() != "PrimitiveValue" {
		return c.unexpected(value, "PrimitiveValue")
	}
	isText, text := value.kind() == '"', value.text()
	def := primitives[p.Type]
	switch {
	case isText && (p.Type == "Edm.Double" || p.Type == "Edm.Single") && (text == "INF" || text == "-INF" || text == "NaN"):
		return nil
	case isText != def.text, !def.valid(text):
		return c.refuse("Cannot convert the literal '%s' to the expected type '%s'.", text, c.qualified(p.Type))
	}
	return nil
}

func (c *checker) enum(value *node, p *Property) *Violation {
	if value.kind() != '"' {
		return c.notText(value, p.Name)
	}
	text := value.text()
	if p.Kind == KindEnum {
		if !p.typ.valueSet[text] {
			return c.refuse("Requested value '%s' was not found.", text)
		}
		return nil
	}
	for member := range strings.SplitSeq(text, ",") {
		if member = strings.TrimSpace(member); !p.typ.valueSet[member] {
			return c.refuse("Requested value '%s' was not found.", member)
		}
	}
	return nil
}
