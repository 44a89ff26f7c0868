package catalog

import (
	"maps"
	"slices"
	"strings"
)

const (
	deviceCompliancePolicies = "deviceManagement/deviceCompliancePolicies"
	compliancePolicies       = "deviceManagement/compliancePolicies"
	deviceComplianceScripts  = "deviceManagement/deviceComplianceScripts"

	typeNotification     = "notification-message-template"
	typeComplianceScript = "device-compliance-script"
	typeReusable         = "reusable-policy-setting"
)

// partActions are the actions for devices that do not comply.
const partActions = "scheduledActionsForRule"

var complianceRows = []Type{
	{
		ID: "device-compliance-policy", Title: "Compliance policy", Family: FamilyCompliance,
		Collection: deviceCompliancePolicies, APIVersion: "beta",
		BuiltIn:      BuiltIn{Property: odataType, Values: []string{ODataPrefix + "defaultDeviceCompliancePolicy"}},
		NameProperty: "displayName", PlatformOfType: true, Identity: []string{"displayName", odataType},
		Parts: []Part{
			// Without the expansion the actions are missing, and their own route
			// answers 400 "No OData route exists" (microsoft-graph-docs#4104).
			object(deviceCompliancePolicies, "$expand="+partActions+"($expand=scheduledActionConfigurations)"),
			assignmentsOf(deviceCompliancePolicies),
		},
		References: append(actionReferences("object."), Reference{"object.deviceCompliancePolicyScript.deviceComplianceScriptId", typeComplianceScript}),
		Volatile:   volatileActions("object."), Unordered: unorderedActions("object."), Normalize: plainActions,
		Strip:      Strip{Create: []string{"version"}, Update: []string{"version", partActions}},
		CreateCall: Call{Method: "POST", Path: deviceCompliancePolicies, Required: []string{odataType, "displayName", partActions}},
		UpdateCall: Call{Method: "PATCH", Path: deviceCompliancePolicies + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: deviceCompliancePolicies + "/{id}"},
		Assign:     assignTo(deviceCompliancePolicies, "assignments", Yes, targetsAll...),
		Creation:   complianceCreation, Updating: complianceUpdating, Apart: []string{"object." + partActions},
		Rank: 50, DependsOn: []string{TypeScopeTag, TypeFilter, typeNotification, typeComplianceScript},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	},
	with(settingsPolicy(compliancePolicies), func(t *Type) {
		t.ID, t.Title, t.Family = "linux-compliance-policy", "Compliance policy (Linux)", FamilyCompliance
		t.Identity = []string{"name", "platforms", "technologies"}
		t.Parts = []Part{
			object(compliancePolicies, ""),
			{Name: PartSettings, Path: compliancePolicies + "/{id}/settings", Paged: true, CountProperty: "settingCount", UnreadableCode: unreadablePart},
			// Here, unlike for the other compliance policies, the route exists.
			child(compliancePolicies, partActions, "$expand=scheduledActionConfigurations"),
			assignmentsOf(compliancePolicies),
		}
		t.Secrets = nil
		t.References = actionReferences("")
		t.Volatile = volatileActions("")
		t.Unordered = append(unorderedActions(""), PartSettings)
		t.Normalize = plainActions
		t.Strip.Create = append(slices.Clone(t.Strip.Create), partActions)
		t.Strip.Update = append(slices.Clone(t.Strip.Update), partActions)
		t.Creation, t.Updating, t.Apart = linuxComplianceCreation, linuxComplianceUpdating, []string{partActions}
		t.Rank = 50
		t.DependsOn = []string{TypeScopeTag, TypeFilter, typeNotification, typeReusable}
		t.Restorability = Restorability{Level: Full}
	}),
	{
		ID: typeComplianceScript, Title: "Compliance script", Shared: true, Family: FamilyCompliance,
		Collection: deviceComplianceScripts, APIVersion: "beta",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName"},
		// A list leaves the content out. There are no assignments: the script runs
		// through the policies that name it.
		Parts:      []Part{object(deviceComplianceScripts, "")},
		Secrets:    []Secret{{Where: "object.detectionScriptContent", Reason: "A script may hold passwords and keys in clear.", Restorable: true}},
		Strip:      Strip{Create: []string{"version"}, Update: []string{"version"}},
		CreateCall: Call{Method: "POST", Path: deviceComplianceScripts, Required: []string{"displayName", "detectionScriptContent", "runAsAccount", "runAs32Bit", "enforceSignatureCheck"}},
		UpdateCall: Call{Method: "PATCH", Path: deviceComplianceScripts + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: deviceComplianceScripts + "/{id}"},
		Creation:   contentCreation("detectionScriptContent"), Updating: contentUpdating("detectionScriptContent"), OnChange: []string{"detectionScriptContent"},
		Rank: 20, DependsOn: []string{TypeScopeTag},
		ReadPermissions: scriptsRead, WritePermissions: scriptsWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full},
	},
}

// The paths of actions, which lie in the object or are a part.

func actionReferences(prefix string) []Reference {
	actions := prefix + partActions + "[].scheduledActionConfigurations[]."
	return []Reference{{actions + "notificationTemplateId", typeNotification}, {actions + "notificationMessageCCList[]", TypeGroup}}
}

// volatileActions has the name of the rule, since there is but one rule and its
// name is given out as null for policies that were made with one.
func volatileActions(prefix string) []string {
	return prefixed(prefix+partActions+"[].", []string{"id", "ruleName", "scheduledActionConfigurations[].id"})
}

func unorderedActions(prefix string) []string {
	actions := prefix + partActions
	return []string{actions, actions + "[].scheduledActionConfigurations", actions + "[].scheduledActionConfigurations[].notificationMessageCCList"}
}

// plainActions spells "no template" and "nobody in copy" in one way: the service
// gives out "" and zeros, whatever was sent.
func plainActions(d Document) {
	for _, prefix := range []string{"", "object."} {
		values(map[string]any(d), prefix+partActions+"[].scheduledActionConfigurations[]", func(v any) {
			action, ok := v.(map[string]any)
			if !ok {
				return
			}
			if id, is := action["notificationTemplateId"].(string); is && (id == "" || id == zeroID) {
				delete(action, "notificationTemplateId")
			}
			if list, is := action["notificationMessageCCList"].([]any); is && len(list) == 0 {
				delete(action, "notificationMessageCCList")
			}
		})
	}
}

// actionsOf are all actions of rules as they are sent. What a captured action
// lacks is said in full, since each of its members is demanded.
func (c *creation) actionsOf(rules any) []any {
	actions := []any{}
	values(map[string]any{"rules": rules}, "rules[].scheduledActionConfigurations[]", func(v any) {
		action, ok := c.tidy(v, "id").(map[string]any)
		if !ok {
			return
		}
		if action["notificationTemplateId"] == nil {
			action["notificationTemplateId"] = ""
		}
		if action["notificationMessageCCList"] == nil {
			action["notificationMessageCCList"] = []any{}
		}
		actions = append(actions, action)
	})
	return actions
}

// rule is the one rule that a policy has. Captures hold its name as null; each
// tool sends this one.
func rule(actions []any) map[string]any {
	return map[string]any{"ruleName": "PasswordRequired", "scheduledActionConfigurations": actions}
}

// complianceCreation puts all actions into one rule. Without exactly one action
// that blocks the service refuses ("Compliance policy must have one and only one
// block scheduled action"), and a made-up one would lock people out at once.
func complianceCreation(c *creation) {
	if actions := c.blocking(); actions != nil {
		c.body[partActions] = []any{rule(actions)}
	}
}

// blocking are the actions of a policy, of which exactly one blocks; else nil.
func (c *creation) blocking() []any {
	actions := c.actionsOf(c.doc.Object()[partActions])
	blocks := 0
	for _, a := range actions {
		if textAt(a, "actionType") == "block" {
			blocks++
		}
	}
	if blocks != 1 {
		c.lack("one block action")
		return nil
	}
	return actions
}

// complianceUpdating sends the actions by a call of their own, all of them: in a
// PATCH they are refused or ignored.
func complianceUpdating(c *change) {
	if !c.differs("object." + partActions) {
		return
	}
	if actions := c.blocking(); actions != nil {
		c.add("actions", "POST", deviceCompliancePolicies+"/{id}/scheduleActionsForRules", map[string]any{"deviceComplianceScheduledActionForRules": []any{rule(actions)}})
	}
}

// linuxComplianceUpdating replaces the policy whole, and its actions by a call of
// their own.
func linuxComplianceUpdating(c *change) {
	settingsUpdating(c)
	if !c.differs(partActions) {
		return
	}
	rules, ok := c.doc[partActions].([]any)
	if !ok {
		c.lack(partActions)
		return
	}
	sent := []any{}
	if actions := c.actionsOf(rules); len(actions) > 0 {
		sent = append(sent, rule(actions))
	}
	c.add("actions", "POST", compliancePolicies+"/{id}/setScheduledActions", map[string]any{"scheduledActions": sent})
}

// linuxComplianceCreation sets the actions before anything is assigned: they are
// refused in the body.
func linuxComplianceCreation(c *creation) {
	settingsInline(c)
	rules, ok := c.doc[partActions].([]any)
	if !ok {
		c.lack(partActions)
		return
	}
	if actions := c.actionsOf(rules); len(actions) > 0 {
		c.add("actions", "POST", compliancePolicies+"/{id}/setScheduledActions", map[string]any{"scheduledActions": []any{rule(actions)}})
	}
}

// contentCreation refuses scripts and files without content: a list gives it out
// as null, and what is written then would empty the script.
func contentCreation(contents ...string) func(*creation) {
	return func(c *creation) {
		for _, name := range contents {
			if strings.TrimSpace(textAt(c.body, name)) == "" {
				c.lack(name)
			}
		}
	}
}

// contentUpdating refuses to empty a script. A content that is the same is not in
// the body at all.
func contentUpdating(contents ...string) func(*change) {
	return func(c *change) {
		for _, name := range contents {
			if _, sent := c.body[name]; sent && strings.TrimSpace(textAt(c.body, name)) == "" {
				c.lack(name)
			}
		}
	}
}

// onlyMembers are the members of an object that are sent by one call.
func onlyMembers(object map[string]any, names ...string) map[string]any {
	out := maps.Clone(object)
	maps.DeleteFunc(out, func(k string, _ any) bool { return !slices.Contains(names, k) })
	return out
}
