package catalog

import (
	"maps"
	"net/url"
)

// The hooks of Conditional Access.

// accessStates are those of a policy; a new one never takes effect at once.
const accessEnabled, accessReportOnly = "enabled", "enabledForReportingButNotEnforced"

// accessNormal leaves out a flag that says the same false as absent.
func accessNormal(d Document) {
	session, _ := d.Object()["sessionControls"].(map[string]any)
	if session["disableResilienceDefaults"] == false {
		delete(session, "disableResilienceDefaults")
	}
}

// accessCreation makes a policy that was on report-only: a person looks at its
// effect before it can lock people out. Of what the answer says more than the
// request may, nothing is sent.
func accessCreation(c *creation) {
	if c.body["state"] == accessEnabled {
		c.body["state"] = accessReportOnly
	}
	grant, _ := c.body["grantControls"].(map[string]any)
	if strength, ok := grant["authenticationStrength"].(map[string]any); ok {
		grant["authenticationStrength"] = map[string]any{"id": strength["id"]}
	}
	accessNormal(Document{PartObject: c.body})
	dropEmpty(c.body)
	conditions, _ := c.body["conditions"].(map[string]any)
	for _, name := range []string{"applications", "users"} {
		if _, ok := conditions[name]; !ok && conditions["clientApplications"] == nil {
			c.lack("conditions." + name)
		}
	}
	if c.body["grantControls"] == nil && c.body["sessionControls"] == nil {
		c.lack("grantControls or sessionControls")
	}
}

// dropEmpty removes complex values without members, which the service refuses.
func dropEmpty(object map[string]any) {
	maps.DeleteFunc(object, func(_ string, v any) bool {
		inner, ok := v.(map[string]any)
		if ok {
			dropEmpty(inner)
		}
		return ok && len(inner) == 0
	})
}

// namedLocationCreation demands what a location is made of.
func namedLocationCreation(c *creation) {
	if c.body["ipRanges"] == nil && c.body["countriesAndRegions"] == nil {
		c.lack("ipRanges or countriesAndRegions")
	}
}

// strengthCreation sends the configurations of the combinations inline.
func strengthCreation(c *creation) {
	const name = "combinationConfigurations"
	if _, ok := c.doc[name].([]any); !ok {
		c.lack(name)
		return
	}
	list := []any{}
	for _, e := range c.elements(name) {
		list = append(list, c.tidy(e, "id", "createdDateTime", "modifiedDateTime"))
	}
	c.body[name] = list
}

// keepID sends the id, which is the caller's to choose.
func keepID(c *creation) { c.body["id"] = c.doc.Object()["id"] }

// agreementFiles are the ids of the files of an agreement, one for each language.
func agreementFiles(d Document) []string {
	var ids []string
	values(map[string]any(d), "files[].id", func(v any) {
		if id, ok := v.(string); ok && id != "" {
			ids = append(ids, url.PathEscape(id))
		}
	})
	return ids
}
