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

// collection describes one modelled entity set: a row of the table from which
// all reading is driven. Writing would add the functions that create, replace
// and delete an entity to this row.
type collection struct {
	path         string // below the version
	entityType   string
	nameProperty string
	lane         string
	service      string // Intune's own service, as its errors name it
	abstract     bool   // @odata.type is sent with each object
	pageSize     int    // of a list without $top
	maxTop       int    // a greater $top is cut to this
	cosmos       bool   // form of the skip token; such lists also send @odata.count
	v1Loses      bool   // it is in v1.0 too, but with properties missing: not modelled there
	read         []string
	children     []childSpec
	functions    []functionSpec
	computed     map[string]func(*entity) json.RawMessage // sent only when named in $select
	prepare      func(l *loader, e *entity)               // fills what a loaded object lacks

	properties []string // what $select may name
	types      []string // @odata.type without its prefix
}

// childSpec describes a navigation property that holds a list.
type childSpec struct {
	name     string
	pageSize int
	maxTop   int
	// route says that GET {id}/{name} exists.
	route bool
	// nested names the navigation property inside each element that must be
	// expanded by name to be sent.
	nested string
	// hidden says that the item's $expand answers an empty list for this object.
	hidden func(*entity) bool
}

// functionSpec describes a bound function that is called by GET.
type functionSpec struct {
	name  string
	param string
	need  []string
	call  func(t *tenant, e *entity, arg string) (json.RawMessage, *problem)
}

func (c *collection) child(name string) *childSpec {
	for i := range c.children {
		if c.children[i].name == name {
			return &c.children[i]
		}
	}
	return nil
}

// catalog is the table of collections with what else is known of the service.
type catalog struct {
	collections []*collection
	byType      map[string]string // entity type to path, for all known collections
	known       map[string]bool   // paths of collections that exist but are not modelled
}

// find returns the modelled collection by path or by its last segment.
func (c *catalog) find(name string) *collection {
	for _, col := range c.collections {
		if col.path == name || col.path[strings.LastIndexByte(col.path, '/')+1:] == name {
			return col
		}
	}
	return nil
}

// newCatalog builds the table. Page sizes: configurationPolicies and their
// settings come by 25 (IntuneAssignmentChecker#28, IntuneBackupAndRestore#88);
// for the others no size is documented, 1,000 is an assumption. $top is
// honoured to 100 for policies and to 1,000 for settings, a greater one is cut,
// which is one of the three things learn.microsoft.com/graph/paging allows.
func newCatalog() (*catalog, error) {
	readConfiguration := []string{PermConfigurationRead, PermConfigurationReadWrite}
	c := &catalog{byType: map[string]string{}, known: map[string]bool{}}
	c.collections = []*collection{
		{
			path: "deviceManagement/configurationPolicies", entityType: "deviceManagementConfigurationPolicy", nameProperty: "name",
			lane: LaneDeviceConfigV2, service: "DeviceConfigV2_2410/StatelessDeviceConfigV2FEService",
			pageSize: 25, maxTop: 100, cosmos: true, read: readConfiguration,
			children: []childSpec{
				{name: "settings", pageSize: 25, maxTop: 1000, route: true},
				// msgraph-sdk-powershell#3337: expanded on one item the assignments
				// of endpoint security policies come back empty.
				{name: "assignments", pageSize: 1000, maxTop: 1000, route: true, hidden: isEndpointSecurity},
			},
			computed: map[string]func(*entity) json.RawMessage{"isAssigned": isAssigned},
			prepare:  prepareConfigurationPolicy,
		},
		{
			path: "deviceManagement/deviceConfigurations", entityType: "deviceConfiguration", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: "DeviceConfiguration_2410/StatelessDeviceConfigurationFEService",
			abstract: true, pageSize: 1000, maxTop: 1000, v1Loses: true, read: readConfiguration,
			children: []childSpec{{name: "assignments", pageSize: 1000, maxTop: 1000, route: true}},
			functions: []functionSpec{{
				name: "getOmaSettingPlainTextValue", param: "secretReferenceValueId",
				// Reading a secret needs the write permission: IntuneBackupAndRestore#55.
				need: []string{PermConfigurationReadWrite}, call: omaPlainText,
			}},
			prepare: prepareVersioned,
		},
		{
			path: "deviceManagement/deviceCompliancePolicies", entityType: "deviceCompliancePolicy", nameProperty: "displayName",
			lane: LaneDeviceConfiguration, service: "DeviceConfiguration_2410/StatelessDeviceConfigurationFEService",
			abstract: true, pageSize: 1000, maxTop: 1000, v1Loses: true, read: readConfiguration,
			children: []childSpec{
				{name: "assignments", pageSize: 1000, maxTop: 1000, route: true},
				// Metadata lists the route, the service has none: microsoft-graph-docs#4104.
				{name: "scheduledActionsForRule", nested: "scheduledActionConfigurations"},
			},
			prepare: prepareCompliancePolicy,
		},
	}
	var doc struct {
		Collections []struct {
			Path       string   `json:"path"`
			Types      []string `json:"types"`
			Properties []string `json:"properties"`
		} `json:"collections"`
	}
	if err := json.Unmarshal(typesJSON, &doc); err != nil {
		return nil, fmt.Errorf("types.json: %w", err)
	}
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

func isAssigned(e *entity) json.RawMessage {
	if len(e.children["assignments"]) > 0 {
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
