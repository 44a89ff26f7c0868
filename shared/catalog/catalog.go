// Package catalog is the one list of policy types: where Microsoft Graph keeps
// them, how to list and read them whole, how to write them back, what of them
// the service itself changes, and which permissions and quota lane that needs.
//
// It is data with few pure functions, which stand in hooks.go or beside the rows
// that name them. It performs no I/O and knows no Graph client: the operations do what
// a row says. Adding a type is one row in a rows_*.go file and one fixture folder
// below testdata/types.
package catalog

//go:generate go test -run ^(TestFixtures|TestPolicyTypesDocument)$ . -update

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Family groups types for people.
type Family string

// The families, in the order people see them.
const (
	FamilyConfiguration     Family = "configuration"
	FamilyEndpointSecurity  Family = "endpoint-security"
	FamilyCompliance        Family = "compliance"
	FamilyScripts           Family = "scripts"
	FamilyUpdates           Family = "updates"
	FamilyEnrollment        Family = "enrollment"
	FamilyApps              Family = "apps"
	FamilyAppProtection     Family = "app-protection"
	FamilyConditionalAccess Family = "conditional-access"
	FamilyWindows365        Family = "windows-365"
	FamilyTenant            Family = "tenant-administration"
)

// Lane is a Graph service area with a quota of its own
// (learn.microsoft.com/graph/throttling-limits), named as package graph names it.
type Lane string

// The lanes that types are read and written in.
const (
	LaneIntune            Lane = "intune"
	LaneConditionalAccess Lane = "conditional_access" // one request a second for all applications of a tenant
	LaneDirectory         Lane = "directory"
)

// Level says what a captured policy of a type is good for.
type Level string

// The levels.
const (
	Full        Level = "full"         // it can be written back
	PreviewOnly Level = "preview_only" // a preview shows what would change; a person does it
	CaptureOnly Level = "capture_only" // it is kept and compared
)

// Restorability is the level of a type with the reason that is shown to people.
// Full may have a reason too: a condition.
type Restorability struct {
	Level  Level
	Reason string
}

// Members says which objects of a collection that several types share belong to
// one of them. All conditions that are set must hold. The zero value takes what
// no other row of the collection takes.
type Members struct {
	// ODataTypes are names of derived types without "#microsoft.graph.".
	ODataTypes []string
	// Property, a path within the object, has a value that begins with one of
	// Prefixes.
	Property string
	Prefixes []string
}

func (m Members) rest() bool { return len(m.ODataTypes) == 0 && m.Property == "" }

// BuiltIn says how objects are told that the service itself made: they are never
// created or deleted. The zero value means that a type has none.
type BuiltIn struct {
	Property string   // path within the object
	Values   []string // true, 0 and the like, as JSON writes them; texts without quotes
	Suffixes []string // of a text, for example of an id
	// Writable ones can be updated in place; the others are never written.
	Writable bool
	// Only: the type has no other objects, so none is ever created.
	Only bool
}

// Part is one Graph read that makes up a policy.
type Part struct {
	// Name is the member of the payload document that holds what was read.
	Name string
	// Path is below the API version. {id} stands for the Graph id, {parent} for
	// that of the object that it lies below, {each} for a value of Each.
	Path  string
	Query string
	// Paged parts are collections that follow @odata.nextLink to the end.
	Paged bool
	// CountProperty names an integer of the object part that says how many
	// items a paged part must have; fewer means an incomplete read.
	CountProperty string
	// Each makes the part one read for each value that it finds in the parts read
	// before; the payload then holds an object from value to answer. It returns
	// path segments, escaped where they come from Graph.
	Each func(Document) []string
	// Absent404: there may be no such thing, and a 404 then says so. The part is
	// left out of the payload.
	Absent404 bool
	// Expanded: the part is the member of that name of the object, whose Query
	// expands it. It takes no read of its own, unless the object does not hold it to
	// its end ("<name>@odata.nextLink"): then it is read from Path.
	Expanded bool
	// UnreadableCode is the reason code when the part cannot be read and the
	// rest is kept. Empty for the object itself: without it there is nothing.
	UnreadableCode string
}

// Names of parts that several types have. Others are the navigation property's.
const (
	PartObject      = "object"
	PartSettings    = "settings"
	PartAssignments = "assignments"
)

// Codes for parts that cannot be read, of package reason.
const (
	unreadablePart        = "unreadable_part"
	assignmentsUnreadable = "assignments_unreadable"
)

// Tri is an answer that may not be known.
type Tri string

// The answers.
const (
	Yes     Tri = "yes"
	No      Tri = "no"
	Unknown Tri = "unknown" // nothing public proves it either way
)

// Assign is how a policy is assigned. The zero value: it has no assignments.
type Assign struct {
	Path    string
	BodyKey string
	// ItemKeys are what is sent of each assignment.
	ItemKeys []string
	// ReplacesAll: the list that is sent is the whole truth. Else one request a
	// target, and a DELETE for each that is to go.
	ReplacesAll bool
	// Targets are the kinds of target that the type takes, without "AssignmentTarget".
	Targets []string
	Filters Tri
	// ItemType is the @odata.type of each item, "" where none is sent.
	ItemType string
	// Await is what must be so before the assignment is sent.
	Await Await
	// OnRequest: an assignment costs money, changes devices at once, or needs what a
	// person uploads first. It is no step of a create but made only when a person
	// asks for it (AssignSteps).
	OnRequest bool
}

// Call is one write.
type Call struct {
	Method string // "" means that the service has no such call
	Path   string
	// Whole: what is left out of the body is lost. Else it keeps its value.
	Whole bool
	// Only lists the members of the object that the body may have; none means all
	// but what Strip names.
	Only []string
	// Wrap names the member of the body that holds the object, where it is not the
	// body itself.
	Wrap string
	// Required are the members without which Graph refuses the body.
	Required []string
}

// Strip lists what is never sent, by path within the object, beside what is
// never sent of any type (see stripAlways).
type Strip struct {
	Create []string
	Update []string
}

// Secret is a value that Graph does not give out with the object.
type Secret struct {
	// Where is the path within the payload document, for people.
	Where string
	// Reason says what becomes of it.
	Reason string
	// Restorable: the value is read by a call of its own, or stands in clear.
	Restorable bool
}

// Reference says that a value is the id of another object.
type Reference struct {
	Path string // within the payload document
	// Type is the id of the type that it names. Where several types share a
	// collection it stands for all of them: the id tells the object apart.
	Type string
}

// Type is one policy type.
type Type struct {
	ID    string // stable for ever
	Title string
	// Plural names a shared collection for people, on its first row.
	Plural string
	// Family and platform are for people and filters.
	Family Family
	// Collection is the entity set below the API version: listed by a sync and
	// part of every policy id.
	Collection string
	// Parent is the collection whose objects Collection lies below, as {parent}.
	Parent     string
	APIVersion string
	ListQuery  string
	// Singleton: Collection is one object, which has no id.
	Singleton bool
	// LookUp types are never listed: their objects are read when a policy names them.
	LookUp  bool
	Members Members
	// Hidden finds objects of the collection, of whichever type, that are no
	// policies: the service's own aggregates, which no console shows.
	Hidden  func(object map[string]any) bool
	BuiltIn BuiltIn
	// ODataType is written into captures of objects that are read through a typed
	// collection, whose answers leave it out. Without "#microsoft.graph.".
	ODataType string
	// Property names of the object.
	NameProperty string
	// The platform comes from a property, from the derived type, or is the same
	// for all; none of them: the type has none.
	PlatformProperty string
	PlatformOfType   bool
	FixedPlatform    string
	// Identity are the paths within the object that tell which object of another
	// tenant is the same one, after the id.
	Identity []string
	Parts    []Part
	Secrets  []Secret
	// SecretPath reads one of SecretReads: values that are read apart and sealed.
	SecretPath  string
	SecretReads func(Document) []SecretRead
	// Unreadable names values that the policy has and that no call gives out,
	// beside those that the payload itself shows (see Document.Unreadable).
	Unreadable func(Document) []string
	// References are beside those of every type (see referencesAlways).
	References []Reference
	// TreeReferences finds references that no path names, deep in a tree.
	TreeReferences func(d Document, found func(typeID string, holder map[string]any, key string))
	// Volatile are paths within the payload document that the service changes by
	// itself or that say nothing of the content; they do not count for the hash.
	// They are beside those of every type (see volatileAlways).
	Volatile []string
	// Unordered are collections, by path within the payload document, whose order
	// means nothing, beside those of every type (see unorderedAlways).
	Unordered []string
	// Normalize brings a document into the form that is compared, where paths do
	// not say how. Done twice, it changes nothing more.
	Normalize func(Document)
	// Dates are paths within the object of dates that the service takes only while
	// they lie ahead: a person decides what stands in their place.
	Dates []string

	// Fixed are paths within the object of what a create says for good: with
	// another value it is another object. The derived type is fixed of every type.
	Fixed []string
	// Apart are paths within the payload document of what an update writes by steps
	// of its own; see Updating.
	Apart []string
	// Place is the member of the object that says where it stands among others of its
	// type: writing one moves others. "" where there is no order.
	Place string
	// OnChange are members of the object that an update holds only when they
	// differ: the same again has an effect, or is refused.
	OnChange []string
	// Unwritten are paths within the payload document of content that no restore
	// writes.
	Unwritten []string

	Strip      Strip
	CreateCall Call
	UpdateCall Call
	DeleteCall Call
	Assign     Assign
	// Creation makes the body and the further steps of a create where it is more
	// than the object; see creation.go.
	Creation func(*creation)
	// Wanted changes what an update wants where that is not what was captured.
	// Updating makes the rest of the body, where there is one, and the steps of what
	// lies apart; see update.go.
	Wanted, Updating func(*change)

	// Shared: other policies use it, so that a change of it reaches them too.
	Shared bool
	// Rank orders restores: a type only refers to types of a lower rank.
	Rank      int
	DependsOn []string // ids of types, each standing for all of its collection

	// ReadPermissions are the application permissions of which any one is enough.
	ReadPermissions []string
	// WritePermissions are all needed.
	WritePermissions []string
	Lane             Lane
	Restorability    Restorability
}

// rows lists every type, in the order people see them.
var rows = sync.OnceValue(func() []Type {
	return slices.Concat(configurationRows, templateRows, foundationRows, complianceRows, scriptRows, updateRows, enrollmentRows, appRows, protectionRows, accessRows, cloudPCRows, tenantRows)
})

// All lists every type.
func All() []Type { return slices.Clone(rows()) }

// IDs lists the id of every type.
func IDs() []string {
	all := rows()
	ids := make([]string, len(all))
	for i, t := range all {
		ids[i] = t.ID
	}
	return ids
}

var byID = sync.OnceValue(func() map[string]Type {
	m := map[string]Type{}
	for _, t := range rows() {
		m[t.ID] = t
	}
	return m
})

// ByID returns the type of that id.
func ByID(id string) (Type, bool) {
	t, ok := byID()[id]
	return t, ok
}

// Source is one collection that a sync lists, with the types that share it. All
// of them say the same of how it is listed.
type Source struct {
	Key   string // id of the first of its types
	Title string
	Types []Type
}

// Collection is what is listed.
func (s Source) Collection() string { return s.Types[0].Collection }

var sources = sync.OnceValue(func() []Source {
	var all []Source
	at := map[string]int{}
	for _, t := range rows() {
		i, ok := at[t.Collection]
		if !ok {
			i = len(all)
			at[t.Collection] = i
			title := t.Plural
			if title == "" {
				title = t.Title
			}
			all = append(all, Source{Key: t.ID, Title: title})
		}
		all[i].Types = append(all[i].Types, t)
	}
	return all
})

// Sources lists every collection, in the order of the types.
func Sources() []Source { return slices.Clone(sources()) }

// LookUp reports whether the source is read object by object and never listed.
func (s Source) LookUp() bool { return s.Types[0].LookUp }

// SourceByKey returns the source of that key.
func SourceByKey(key string) (Source, bool) {
	all := sources()
	i := slices.IndexFunc(all, func(s Source) bool { return s.Key == key })
	if i < 0 {
		return Source{}, false
	}
	return all[i], true
}

// Classify returns the type of an object of the source, or false when it is of
// none: a derived type that the catalogue does not know.
func (s Source) Classify(object map[string]any) (Type, bool) {
	rest := -1
	for i, t := range s.Types {
		switch {
		case t.Members.rest():
			rest = i
		case t.Members.has(object):
			return t, true
		}
	}
	if rest < 0 {
		return Type{}, false
	}
	return s.Types[rest], true
}

// Hidden reports whether an object of the source is no policy at all.
func (s Source) Hidden(object map[string]any) bool {
	return slices.ContainsFunc(s.Types, func(t Type) bool { return t.Hidden != nil && t.Hidden(object) })
}

func (m Members) has(object map[string]any) bool {
	if len(m.ODataTypes) > 0 {
		if !slices.Contains(m.ODataTypes, derived(object)) {
			return false
		}
	}
	if m.Property == "" {
		return true
	}
	value := textAt(object, m.Property)
	return slices.ContainsFunc(m.Prefixes, func(p string) bool { return strings.HasPrefix(value, p) })
}

// ODataPrefix begins the @odata.type of Graph's types.
const ODataPrefix = "#microsoft.graph."

// derived is the derived type of an object, without the prefix; "" when it is not
// said.
func derived(object map[string]any) string {
	name, _ := object[odataType].(string)
	return strings.TrimPrefix(name, ODataPrefix)
}

// IsBuiltIn reports whether the service itself made the object.
func (t Type) IsBuiltIn(object map[string]any) bool {
	if t.BuiltIn.Only {
		return true
	}
	if t.BuiltIn.Property == "" {
		return false
	}
	value := textAt(object, t.BuiltIn.Property)
	return slices.Contains(t.BuiltIn.Values, value) ||
		slices.ContainsFunc(t.BuiltIn.Suffixes, func(s string) bool { return strings.HasSuffix(value, s) })
}

// PathFor is the path of the part for one Graph id, which the caller escaped,
// and for one value of Each.
func (p Part) PathFor(graphID, parent, each string) string {
	return strings.NewReplacer("{id}", graphID, "{parent}", parent, "{each}", each).Replace(p.Path)
}

// SingletonID is the Graph id of objects that have none.
const SingletonID = "singleton"

// SplitID takes apart the Graph id of an object that lies below another one:
// such ids are kept as <parent>/<id>, because the object is read by both.
func (t Type) SplitID(graphID string) (parent, id string) {
	if t.Parent == "" {
		return "", graphID
	}
	parent, id, _ = strings.Cut(graphID, "/")
	return parent, id
}

// Platform returns the platform of an object: "windows10", "macOS", "iOS",
// "android" or what its property says; "" when it is not known.
func (t Type) Platform(object map[string]any) string {
	switch {
	case t.FixedPlatform != "":
		return t.FixedPlatform
	case t.PlatformProperty != "":
		return textAt(object, t.PlatformProperty)
	case t.PlatformOfType:
		name := derived(object)
		if name == "" {
			name = t.ODataType
		}
		return platformOf(name)
	}
	return ""
}

// ReadPermissions are the least application permissions with which everything can
// be captured, secret values included, in alphabetical order.
func ReadPermissions() []string {
	need := map[string]bool{}
	for _, t := range rows() {
		need[t.ReadPermissions[0]] = true
		if t.SecretPath != "" { // the call that gives out values needs the right to write
			for _, p := range t.WritePermissions {
				need[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(need))
}
