// Package tenantstate reads what a simulated tenant holds, past the product, so that
// a test can tell whether a tenant is as it was.
package tenantstate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Collections are those whose objects are read, below deviceManagement.
var Collections = []string{"assignmentFilters", "roleScopeTags", "deviceConfigurations", "deviceCompliancePolicies", "configurationPolicies"}

// volatile are members that the service gives out, and that are others when an
// object is made anew.
var volatile = []string{"id", "createdDateTime", "lastModifiedDateTime", "version", "secretReferenceValueId", "sourceId", "settingCount"}

// builtIn is the scope tag that every tenant has.
const builtIn = "0"

// Read returns each object with its settings, assignments and secret values, by
// collection and name. What the service gives out is left out, as are nulls, which
// it puts where there was nothing; names stand for the ids that objects refer to
// each other with. get reads one address of Graph: a path, or a link.
func Read(get func(address string) ([]byte, error)) (map[string]string, error) {
	whole, names := map[string]any{}, map[string]string{}
	for _, collection := range Collections {
		for next := "deviceManagement/" + collection; next != ""; {
			var page struct {
				Value []struct{ ID, Name, DisplayName string }
				Next  string `json:"@odata.nextLink"`
			}
			if err := read(get, next, &page); err != nil {
				return nil, err
			}
			for _, head := range page.Value {
				if collection == "roleScopeTags" && head.ID == builtIn {
					continue
				}
				name := collection + "/" + head.Name + head.DisplayName
				if whole[name] != nil {
					return nil, fmt.Errorf("there are two of %s", name)
				}
				o, err := object(get, collection, head.ID)
				if err != nil {
					return nil, err
				}
				whole[name], names[head.ID] = o, name
			}
			next = page.Next
		}
	}
	found := map[string]string{}
	for name, o := range whole {
		text, err := json.Marshal(plain(o, "", names))
		if err != nil {
			return nil, err
		}
		found[name] = string(text)
	}
	return found, nil
}

func read(get func(string) ([]byte, error), address string, into any) error {
	raw, err := get(address)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

// object reads one object with all its parts.
func object(get func(string) ([]byte, error), collection, id string) (map[string]any, error) {
	path := "deviceManagement/" + collection + "/" + id
	parts := map[string]string{"object": path, "assignments": path + "/assignments"}
	switch collection {
	case "assignmentFilters", "roleScopeTags":
		delete(parts, "assignments")
	case "configurationPolicies":
		parts["settings"] = path + "/settings"
	case "deviceCompliancePolicies":
		parts["actions"] = path + "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
	}
	var custom struct {
		OmaSettings []struct{ SecretReferenceValueID string }
	}
	if err := read(get, path, &custom); err != nil {
		return nil, err
	}
	for i, s := range custom.OmaSettings {
		if s.SecretReferenceValueID != "" {
			parts[fmt.Sprint("secret ", i)] = path + "/getOmaSettingPlainTextValue(secretReferenceValueId='" + s.SecretReferenceValueID + "')"
		}
	}
	o := map[string]any{}
	for name, address := range parts {
		var v any
		if err := read(get, address, &v); err != nil {
			return nil, err
		}
		o[name] = v
	}
	return o, nil
}

// plain leaves out what is volatile and puts names for ids. Ids of scope tags are
// short numbers: they are ids where scope tags are named alone.
func plain(v any, in string, names map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, value any) bool {
			return value == nil || slices.Contains(volatile, name) || strings.HasSuffix(name, "@odata.context")
		})
		for name := range v {
			v[name] = plain(v[name], name, names)
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i], in, names)
		}
	case string:
		if name := names[v]; name != "" && (len(v) == 36 || strings.HasPrefix(in, "roleScopeTag")) {
			return name
		}
	}
	return v
}

// Differences lists what is not the same in two states.
func Differences(want, got map[string]string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			found = append(found, fmt.Sprintf("%s is\n%s, was\n%s", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			found = append(found, name+" was not there")
		}
	}
	return found
}
