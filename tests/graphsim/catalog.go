package graphsim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed types.json
var typesJSON []byte

// needs are the application permissions a call asks for: any one of the sets,
// and all of that set.
type needs [][]string

// anyOf needs one of the permissions.
func anyOf(permissions ...string) needs {
	out := make(needs, len(permissions))
	for i, p := range permissions {
		out[i] = []string{p}
	}
	return out
}

// met says whether the roles of a token are enough.
func (n needs) met(roles []string) bool {
	return len(n) == 0 || slices.ContainsFunc(n, func(set []string) bool {
		return !slices.ContainsFunc(set, func(p string) bool { return !slices.Contains(roles, p) })
	})
}

// names lists the permissions as an error of the service does.
func (n needs) names() string {
	var out []string
	for _, set := range n {
		for _, p := range set {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return strings.Join(out, ", ")
}

// collection describes one modelled entity set: a row of the table (tables.go)
// from which all reading and writing is driven.
type collection struct {
	path         string   // below the version
	aliases      []string // further addresses of the same set
	entityType   string
	nameProperty string
	lane         string
	service      string // Intune's own service, as its errors name it; "" outside of Intune
	abstract     bool   // @odata.type is sent with each object and needed with each body
	pageSize     int    // of a list without $top
	maxTop       int    // a greater $top is cut to this
	cosmos       bool   // form of the skip token; such lists also send @odata.count
	v1           bool   // v1.0 has it too, with properties missing: not modelled there
	read, write  needs
	children     []childSpec
	refs         []refSpec
	functions    []functionSpec
	computed     map[string]func(*tenant, *entity) json.RawMessage // sent only when named in $select
	live         map[string]func(*tenant, *entity) json.RawMessage // computed, and always sent
	prepare      func(l *loader, e *entity)                        // fills what a loaded object lacks

	// Reads that lose data.
	nullInList   []string // null in a list, there on the item
	emptyInList  []string // [] in a list, there on the item
	onlySelected []string // left out unless named in $select
	images       []string // null everywhere but at {id}/{property}
	onItem       func(t *tenant, o object) object
	noListExpand bool // $expand is refused in the list

	selectStar    bool     // $select=* is known to be used and to work
	filters       []string // what $filter may compare; isof is taken where abstract
	filterIgnored []string // $filter on it has no effect
	orderBy       []string
	casts         []string // further types a path may cast to
	view          []string // it has no objects of its own, and shows those of these sets
	shared        bool     // Microsoft's content, the same in all tenants, is in it
	fixed         bool     // nothing ever writes to it
	rules         *writeRules

	properties []string // what $select may name
	types      []string // @odata.type without its prefix; the first is the declared one
}

// Where a child may be read by $expand.
type expandMode int

const (
	expandBoth expandMode = iota
	expandItem
	expandNone
)

// childSpec describes a navigation property that holds objects of its own.
type childSpec struct {
	name       string
	entityType string // "" where no body of it is ever checked
	abstract   bool
	pageSize   int
	maxTop     int
	// route says that GET {id}/{name} exists, item that {id}/{name}/{childId} does.
	route, item bool
	expand      expandMode
	// inline says that it is sent without being asked for.
	inline bool
	// selects says that $select is understood on it.
	selects bool
	// emptyInList says that $expand on the list answers an empty list.
	emptyInList bool
	// kids are the navigation properties of each element: left out unless expanded
	// by name or read by their own path.
	kids []childSpec
	refs []refSpec
	// hidden says that the item's $expand answers an empty list for this object.
	hidden func(*entity) bool
	// from computes the elements of a child that is not stored.
	from func(t *tenant, e *entity) []json.RawMessage
}

// refSpec describes a navigation property that leads to objects of another set.
// The ids are kept in the property "~" + name, which no answer holds.
type refSpec struct {
	name   string
	target string // path of the set
	// within says that the target is a child of what this reference leads to:
	// presentations belong to the definition of their value.
	within string
	many   bool
	cast   string // $expand asks for it by this type
	route  bool
	expand expandMode
}

// refKey is the hidden property that holds the ids of a reference.
func refKey(name string) string { return "~" + name }

// functionSpec describes a bound function that is called by GET.
type functionSpec struct {
	name  string
	param string
	need  needs
	call  func(t *tenant, e *entity, arg string) (json.RawMessage, *problem)
}

func findChild(list []childSpec, name string) *childSpec {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

func (c *collection) child(name string) *childSpec { return findChild(c.children, name) }

func (c *collection) ref(name string) *refSpec {
	for i := range c.refs {
		if c.refs[i].name == name {
			return &c.refs[i]
		}
	}
	return nil
}

// typeOf is the type of an object of the collection, without its prefix.
func (c *collection) typeOf(e *entity) string {
	if t, ok := strings.CutPrefix(e.props.text("@odata.type"), typePrefix); ok {
		return t
	}
	return c.entityType
}

// typePrefix begins each @odata.type.
const typePrefix = "#microsoft.graph."

// reference is a navigation property by which a device configuration refers to another.
type reference struct {
	Type string `json:"type"`
	Many bool   `json:"many"`
}

// catalog is the table of collections with what else is known of the service.
type catalog struct {
	collections []*collection
	byType      map[string]string // entity type to path, for all known collections
	known       map[string]bool   // paths of collections that exist but are not modelled
	bases       map[string]string // type to base type
	references  map[string]map[string]reference
}

// find returns the modelled collection by path or alias, or by its last segment
// where only one has it.
func (c *catalog) find(name string) *collection {
	var found []*collection
	for _, col := range c.collections {
		if col.path == name || slices.Contains(col.aliases, name) {
			return col
		}
		if col.path[strings.LastIndexByte(col.path, '/')+1:] == name {
			found = append(found, col)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// isA says whether the type is base or derived from it.
func (c *catalog) isA(kind, base string) bool {
	for kind != "" {
		if kind == base {
			return true
		}
		kind = c.bases[kind]
	}
	return false
}

// newCatalog joins the table with what the published metadata says of each set.
func newCatalog() (*catalog, error) {
	var doc struct {
		Collections []struct {
			Path       string   `json:"path"`
			Types      []string `json:"types"`
			Properties []string `json:"properties"`
		} `json:"collections"`
		References map[string]map[string]reference `json:"references"`
		Bases      map[string]string               `json:"bases"`
	}
	if err := json.Unmarshal(typesJSON, &doc); err != nil {
		return nil, fmt.Errorf("types.json: %w", err)
	}
	c := &catalog{collections: table(), byType: map[string]string{}, known: map[string]bool{}, bases: doc.Bases, references: doc.References}
	for _, row := range doc.Collections {
		if i := slices.IndexFunc(c.collections, func(col *collection) bool { return col.path == row.Path }); i >= 0 {
			c.collections[i].properties, c.collections[i].types = row.Properties, row.Types
		} else {
			c.known[row.Path] = true
		}
		for _, t := range row.Types {
			if _, taken := c.byType[t]; !taken {
				c.byType[t] = row.Path
			}
		}
	}
	for _, col := range c.collections {
		if len(col.types) == 0 {
			return nil, fmt.Errorf("types.json has no row for %s", col.path)
		}
	}
	return c, nil
}

func isEndpointSecurity(e *entity) bool {
	v, _ := e.props.get("templateReference")
	o, err := parseObject(v)
	return err == nil && strings.HasPrefix(o.text("templateFamily"), "endpointSecurity")
}

func isAssigned(t *tenant, e *entity) json.RawMessage {
	if len(e.children["assignments"]) > 0 || len(t.ofPolicySets(e)) > 0 {
		return json.RawMessage("true")
	}
	return json.RawMessage("false")
}

// omaPlainText answers getOmaSettingPlainTextValue for a setting of this very policy.
func omaPlainText(t *tenant, e *entity, reference string) (json.RawMessage, *problem) {
	missing := &problem{status: 404, code: "ResourceNotFound", message: "An error has occurred", shape: ShapeIntune}
	settings, _ := e.props.get("omaSettings")
	list, err := parseArray(settings)
	if err != nil {
		return nil, missing
	}
	for _, raw := range list {
		o, err := parseObject(raw)
		if err != nil || reference == "" || o.text("secretReferenceValueId") != reference {
			continue
		}
		if plain, ok := t.secret(reference); ok {
			return quote(plain), nil
		}
	}
	return nil, missing
}
