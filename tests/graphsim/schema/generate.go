package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Source is where Generate takes its choices from. *rand.Rand of math/rand/v2 is
// one. With rapid, a type that draws with rapid.Uint64Range(0, n-1) is one, and
// then shrinks: 0 is always the plainest choice.
type Source interface {
	// Uint64N returns a number in [0, n); n is at least 1.
	Uint64N(n uint64) uint64
}

// GenerateOptions say what kind of object is drawn. The zero value draws what a
// client could send with a create.
type GenerateOptions struct {
	// Declared is the type the object is declared to be; when it is that of the
	// object, @odata.type is left out as Graph does. Empty writes it always.
	Declared string
	// Deep are the navigation properties to draw inline, as in Options.Deep.
	Deep []string
	// Required are properties that are never left out, as in
	// Set.RequiredOnCreate; those of Deep among them get one element at least.
	Required []string
	// ReadOnly also draws what the service computes, as a stored object has it:
	// the properties the types call read-only and those of ReadOnlyProps.
	ReadOnly bool
	// ReadOnlyProps are computed by the service beyond what the types say.
	ReadOnlyProps []string
	// Unpublished also draws properties that were only seen in exports: null.
	Unpublished bool
	// Full leaves no property out.
	Full bool
	// MaxDepth bounds objects in objects, 0 takes 6. Below it, what may be left
	// out or empty is.
	MaxDepth int
	// MaxItems bounds collections, 0 takes 3.
	MaxItems int
}

// Generate draws a valid object of a concrete type: Check accepts it for each
// declared type that typeName derives from, given the same Deep.
//
// It fails for a type that is unknown, abstract or an enumeration.
func (s *Schema) Generate(src Source, typeName string, o GenerateOptions) (json.RawMessage, error) {
	t, ok := s.Type(typeName)
	if !ok || t.Abstract || t.Class == ClassEnum {
		return nil, fmt.Errorf("schema: there are no objects of type %q", typeName)
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 6
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 3
	}
	g := generator{src: src, o: o}
	var declared *Type
	if o.Declared != "" {
		if declared, ok = s.Type(o.Declared); !ok || !t.Is(declared) {
			return nil, fmt.Errorf("schema: %s is no %s", typeName, o.Declared)
		}
	}
	g.object(t, declared, "")
	return g.b.Bytes(), nil
}

// Minimal returns the smallest object of a concrete type that can be told from
// others: its name and what may not be null and has no default of its own
// (texts, objects, the properties in required). It is the same at every call.
func (s *Schema) Minimal(typeName string, required ...string) (json.RawMessage, error) {
	t, ok := s.Type(typeName)
	if !ok || t.Abstract || t.Class == ClassEnum {
		return nil, fmt.Errorf("schema: there are no objects of type %q", typeName)
	}
	g := generator{src: plainest{}, minimal: true, o: GenerateOptions{
		Deep: slices.Concat(required, s.nested(t, required)), Required: required, MaxDepth: 6, MaxItems: 1,
	}}
	g.object(t, nil, "")
	return g.b.Bytes(), nil
}

// nested returns paths below those given that sets allow inline, so that a
// required rule is not empty of what makes it one.
func (s *Schema) nested(t *Type, paths []string) []string {
	var out []string
	for i := range s.sets {
		if et := s.types[s.sets[i].EntityType]; et == nil || !t.Is(et) {
			continue
		}
		for _, deep := range s.sets[i].DeepInsert {
			parent, _, ok := strings.Cut(deep, "/")
			if ok && slices.Contains(paths, parent) && !slices.Contains(out, deep) {
				out = append(out, deep)
			}
		}
	}
	return out
}

// plainest always takes the first choice.
type plainest struct{}

func (plainest) Uint64N(uint64) uint64 { return 0 }

type generator struct {
	src     Source
	o       GenerateOptions
	minimal bool
	b       bytes.Buffer
	depth   int
}

func (g *generator) n(n int) int { return int(g.src.Uint64N(uint64(n))) }

// names are properties that every object gets, so that it can be found again.
var names = []string{"displayName", "name"}

// object writes an object of type t below path.
func (g *generator) object(t, declared *Type, path string) {
	g.depth++
	g.b.WriteByte('{')
	first := true
	if t != declared {
		first = false
		g.b.WriteString(`"@odata.type":`)
		g.text("#microsoft.graph." + t.Name)
	}
	for i := range t.props {
		p := &t.props[i]
		at := p.Name
		if path != "" {
			at = path + "/" + p.Name
		}
		if !g.wanted(p, at, path == "") {
			continue
		}
		if !first {
			g.b.WriteByte(',')
		}
		first = false
		g.text(p.Name)
		g.b.WriteByte(':')
		g.property(p, at)
	}
	g.b.WriteByte('}')
	g.depth--
}

// wanted decides whether the property at the path at is written.
func (g *generator) wanted(p *Property, at string, outermost bool) bool {
	named := outermost && slices.Contains(names, p.Name)
	switch {
	case p.Unpublished:
		return g.o.Unpublished && g.n(2) == 1
	case p.Kind == KindUnknown, p.Navigation && !slices.Contains(g.o.Deep, at):
		return false
	case p.typ != nil && p.typ.Class != ClassEnum && len(concrete(p.typ)) == 0:
		return false // abstract, and nothing that is derived from it is published
	case named, slices.Contains(g.o.Required, at):
		return true
	case (p.ReadOnly || outermost && slices.Contains(g.o.ReadOnlyProps, p.Name)) && !g.o.ReadOnly:
		return false
	case g.minimal:
		return p.Navigation || p.Null == NullRefused && !p.Collection && (p.Kind == KindComplex || p.Type == "Edm.String")
	case p.Kind == KindComplex && g.depth >= g.o.MaxDepth && p.Null != NullRefused:
		return false
	case g.o.Full:
		return true
	}
	return g.n(3) > 0
}

func (g *generator) property(p *Property, at string) {
	required := slices.Contains(g.o.Required, at) || g.minimal
	switch {
	case p.Unpublished:
		g.b.WriteString("null")
	case !required && p.Null != NullRefused && (!p.Navigation || !p.Collection) && g.n(8) == 1:
		g.b.WriteString("null")
	case p.Collection:
		count := 0
		if g.depth < g.o.MaxDepth || p.Kind != KindComplex && p.Kind != KindEntity {
			count = g.n(g.o.MaxItems + 1)
		}
		if required && count == 0 {
			count = 1
		}
		g.b.WriteByte('[')
		for i := range count {
			if i > 0 {
				g.b.WriteByte(',')
			}
			g.value(p, at)
		}
		g.b.WriteByte(']')
	default:
		g.value(p, at)
	}
}

func (g *generator) value(p *Property, at string) {
	switch p.Kind {
	case KindComplex, KindEntity:
		of := concrete(p.typ)
		if g.depth >= g.o.MaxDepth {
			of = shallow(of)
		}
		g.object(of[g.n(len(of))], p.typ, at)
	case KindEnum:
		g.text(p.typ.Values[g.n(len(p.typ.Values))])
	case KindFlags:
		g.flags(p.typ.Values)
	default:
		g.primitive(p)
	}
}

// shallow keeps the types that need no object inside, where there are any: an
// object at the bound must not have to hold another of its kind.
func shallow(of []*Type) []*Type {
	var out []*Type
	for _, t := range of {
		needs := func(p Property) bool { return p.Kind == KindComplex && !p.Collection && p.Null == NullRefused }
		if !slices.ContainsFunc(t.props, needs) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return of
	}
	return out
}

func (g *generator) flags(values []string) {
	var members []string
	for range 1 + g.n(3) {
		if v := values[g.n(len(values))]; !slices.Contains(members, v) {
			members = append(members, v)
		}
	}
	g.text(strings.Join(members, ","))
}

func (g *generator) primitive(p *Property) {
	switch p.Type {
	case "Edm.String":
		if slices.Contains(names, p.Name) {
			g.text("A" + g.words(30))
			return
		}
		g.text(g.words(12))
	case "Edm.Boolean":
		g.b.WriteString(strconv.FormatBool(g.n(2) == 1))
	case "Edm.Byte":
		g.int(0, math.MaxUint8)
	case "Edm.SByte":
		g.int(math.MinInt8, math.MaxInt8)
	case "Edm.Int16":
		g.int(math.MinInt16, math.MaxInt16)
	case "Edm.Int32", "Edm.Int": // Int may be an Int32
		g.int(math.MinInt32, math.MaxInt32)
	case "Edm.Int64":
		g.int(math.MinInt64, math.MaxInt64)
	case "Edm.Single", "Edm.Double", "Edm.Decimal":
		g.b.WriteString(pick(g, "0", "0.1", "-1.5", "2", "1e-7", "123456.789", "-0.0"))
	case "Edm.DateTimeOffset":
		g.text(g.time().Format(pick(g, "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.0000000Z", "2006-01-02T15:04:05.999999999Z", "2006-01-02T15:04:05.1234567-07:00")))
	case "Edm.Date":
		g.text(g.time().Format(time.DateOnly))
	case "Edm.TimeOfDay":
		g.text(g.time().Format(pick(g, "15:04:05.0000000", "15:04:05")))
	case "Edm.Duration":
		g.text(pick(g, "PT0S", "P1D", "PT8H", "-PT15M", "P2DT3H4M5.5S", "P10675199D"))
	case "Edm.Guid":
		hi, lo := g.src.Uint64N(1<<63), g.src.Uint64N(1<<63)
		g.text(fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>31&0xffffffff, hi&0xffff, hi>>16&0xffff, lo>>48, lo&0xffffffffffff))
	case "Edm.Binary":
		data := make([]byte, g.n(20))
		for i := range data {
			data[i] = byte(g.n(256))
		}
		g.text(base64.StdEncoding.EncodeToString(data))
	default:
		g.b.WriteString("null") // wanted leaves types out that are not in primitives
	}
}

func pick(g *generator, of ...string) string { return of[g.n(len(of))] }

// int writes a whole number: often one at an end of the range, or one that a
// double does not hold.
func (g *generator) int(low, high int64) {
	var v int64
	switch g.n(6) {
	case 0:
		v = max(low, min(high, int64(g.n(100))))
	case 1:
		v = low
	case 2:
		v = high
	case 3:
		v = min(high, 1<<53+1)
	default:
		// Two draws, because the number of values may not fit one.
		v = int64(g.src.Uint64N(1<<32)<<32 | g.src.Uint64N(1<<32))
		if size := uint64(high) - uint64(low); size != math.MaxUint64 {
			v = int64(uint64(low) + uint64(v)%(size+1))
		}
	}
	g.b.WriteString(strconv.FormatInt(v, 10))
}

// time draws a moment of the years 1 to 9999, in steps of 100 nanoseconds, as
// .NET has them. The plainest is .NET's zero, which Graph sends for "never".
func (g *generator) time() time.Time {
	zero := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	if g.n(4) == 0 {
		return zero
	}
	const days = 365*9990 + 2400
	return zero.AddDate(0, 0, g.n(days)).Add(time.Duration(g.src.Uint64N(24*60*60*1e7)) * 100)
}

// alphabets are ranges of characters of every plane in which there are any, and
// what is awkward in JSON, HTML, URLs, file names and logs.
var alphabets = [][2]rune{
	{'a', 'z'},
	{' ', '~'},
	{0x00a0, 0x024f},   // Latin
	{0x0590, 0x06ff},   // Hebrew and Arabic, from right to left
	{0x0300, 0x036f},   // combining marks
	{0x2000, 0x206f},   // spaces, joiners, direction marks, line separators
	{0x4e00, 0x9fff},   // Chinese
	{0xe000, 0xffff},   // private use, byte order mark, non-characters
	{0x1f300, 0x1faff}, // plane 1: emoji
	{0x20000, 0x2ffff}, // planes 2
	{0x30000, 0x3ffff}, // and 3
	{0xe0000, 0xe01ff}, // plane 14: tags, variation selectors
	{0xf0000, 0x10ffff},
	{0x0000, 0x001f}, // control characters
	{0x40000, 0xdffff},
}

// words draws a string of at most limit characters.
func (g *generator) words(limit int) string {
	var b strings.Builder
	for range g.n(limit + 1) {
		a := alphabets[g.n(len(alphabets))]
		if r := a[0] + rune(g.n(int(a[1]-a[0])+1)); utf8.ValidRune(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// text writes s as a JSON string.
func (g *generator) text(s string) {
	enc := json.NewEncoder(&g.b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) == nil { // a string always encodes
		g.b.Truncate(g.b.Len() - 1)
	}
}
