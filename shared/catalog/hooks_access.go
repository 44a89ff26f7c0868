package catalog

import (
	"maps"
	"net/url"
	"slices"
	"strings"
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
		c.body["state"], c.want.Object()["state"] = accessReportOnly, accessReportOnly
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

// accessWanted never switches a policy on: what was captured as on stays on where it
// is on, and is report-only elsewhere.
func accessWanted(c *change) {
	object := c.doc.Object()
	switch object["state"] {
	case "disabled", accessReportOnly:
	case nil:
		c.keep("object.state")
	default:
		if spelling(c.live.Object()["state"]) != spelling(object["state"]) {
			object["state"] = accessReportOnly
		}
	}
}

// accessUpdating says in full what is to be gone: what a PATCH leaves out keeps its
// value, and a control that stays beside a strength is refused (1108).
func accessUpdating(c *change) {
	if c.body == nil {
		return
	}
	live, err := clone(c.live.Object(), 0)
	if err != nil {
		c.refuse(err)
		return
	}
	for _, object := range []map[string]any{c.body, live} {
		grant, _ := object["grantControls"].(map[string]any)
		if strength, ok := grant["authenticationStrength"].(map[string]any); ok {
			grant["authenticationStrength"] = map[string]any{"id": strength["id"]}
			if textAt(grant, "operator") == "" {
				grant["operator"] = "AND"
			}
		}
		accessNormal(Document{PartObject: object})
		for _, path := range slices.Concat(stripAlways, c.t.Strip.Update) {
			drop(object, path)
		}
	}
	dropEmpty(c.body)
	empty(c.body, live)
	for _, name := range []string{"applications", "users"} {
		if conditions, _ := c.body["conditions"].(map[string]any); conditions[name] == nil && conditions["clientApplications"] == nil {
			c.lack("conditions." + name)
		}
	}
	if c.body["grantControls"] == nil && c.body["sessionControls"] == nil {
		c.lack("grantControls or sessionControls")
	}
}

// empty puts what stands for nothing into a body, all the way down, for what the
// live object has and the body has not.
func empty(body, live map[string]any) {
	for name, v := range live {
		if v == nil || bookkeeping(name) || name == odataType {
			continue
		}
		sent, ok := body[name]
		inner, isObject := v.(map[string]any)
		if to, both := sent.(map[string]any); both && isObject {
			empty(to, inner)
			continue
		}
		if ok {
			continue
		}
		if _, isList := v.([]any); isList {
			body[name] = []any{}
		} else {
			body[name] = nil
		}
	}
}

// strengthUpdating changes the combinations by their action and the configurations
// as children. One that goes does so first, since its combinations may go too.
func strengthUpdating(c *change) {
	const part, combinations = "combinationConfigurations", "allowedCombinations"
	path := authStrengths + "/{id}/" + part
	if _, ok := c.doc[part].([]any); !ok {
		c.lack(part)
		return
	}
	key := func(e map[string]any) string {
		applies := idsAt(e, "appliesToCombinations[]")
		slices.Sort(applies)
		return textAt(e, odataType) + " " + strings.Join(applies, ",")
	}
	plain := func(e map[string]any) map[string]any {
		out, _ := c.tidy(e, "id", "createdDateTime", "modifiedDateTime").(map[string]any)
		return out
	}
	live := map[string]map[string]any{}
	if c.differs(part) {
		for _, e := range c.liveElements(part) {
			live[key(e)] = e
		}
		var steps []Step
		for _, e := range c.elements(part) {
			was, ok := live[key(e)]
			if !ok {
				steps = append(steps, step("configuration", "POST", path, plain(e)))
				continue
			}
			delete(live, key(e))
			id, body := textAt(was, "id"), plain(e)
			if was = plain(was); len(unlike(any(body), any(was), "")) == 0 {
				continue
			}
			for name, v := range was {
				if _, isList := v.([]any); isList && body[name] == nil {
					body[name] = []any{}
				}
			}
			steps = append(steps, step("configuration", "PATCH", path+"/"+url.PathEscape(id), body))
		}
		for _, k := range slices.Sorted(maps.Keys(live)) {
			c.early = append(c.early, Step{Name: "no configuration", Method: "DELETE", Path: path + "/" + url.PathEscape(textAt(live[k], "id"))})
		}
		defer func() { c.steps = append(c.steps, steps...) }()
	}
	if c.differs("object." + combinations) {
		list, _ := c.doc.Object()[combinations].([]any)
		if len(list) == 0 {
			c.lack(combinations)
			return
		}
		c.add("combinations", "POST", authStrengths+"/{id}/updateAllowedCombinations", map[string]any{combinations: list})
	}
}
