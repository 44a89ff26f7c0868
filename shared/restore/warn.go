package restore

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
)

// oldVersion is from when on a version is said to be old.
const oldVersion = 90 * 24 * time.Hour

// warn adds what people must know before they confirm. live is nil for a new
// object.
func (d *Document) warn(s Subject, captured, wanted, live catalog.Document) {
	add := func(code reason.Code, is bool) {
		if is {
			d.Warnings = append(d.Warnings, Warning{Code: code})
		}
	}
	want, is := wanted.Object(), live.Object()
	if _, read := wanted[catalog.PartAssignments]; read {
		w, l := targetsOf(wanted), targetsOf(live)
		add(reason.AssignAll, w.all && !l.all)
		add(reason.AssignWider, live != nil && wider(w.included, l.included))
		add(reason.ExclusionRemoved, live != nil && wider(l.excluded, w.excluded))
		add(reason.AppUninstall, wider(w.uninstalled, l.uninstalled))
	}
	if s.Type.Lane == catalog.LaneConditionalAccess && want["conditions"] != nil {
		add(reason.CAReportOnly, want["state"] == "enabledForReportingButNotEnforced" && captured.Object()["state"] == "enabled")
		add(reason.CAEnabled, want["state"] == "enabled")
	}
	add(reason.NewID, live == nil)
	if n := len(s.Type.UnreadableSecrets(captured)); n > 0 {
		d.Warnings = append(d.Warnings, Warning{Code: reason.SecretAbsent, Params: reason.Params{}.Int(reason.FieldItems, n)})
	}
	add(reason.DefaultObject, live != nil && s.Type.IsBuiltIn(is))
	add(reason.DependencyUnselected, slices.ContainsFunc(d.References, func(r Reference) bool { return r.To == "" && r.Creates == "" && r.Type != catalog.TypeGroup }))
	add(reason.VersionOld, s.Now.Sub(s.Version.CapturedAt) > oldVersion)
	add(reason.DeviceAction, severer(want, is, wanted, live))
	add(reason.SharedObject, live != nil && s.Type.Shared)
	add(reason.RightsAdded, live != nil && wider(rights(want), rights(is)))
	add(reason.EnrollmentBlocked, wider(blockedPlatforms(want), blockedPlatforms(is)))
}

// targets are whom a policy reaches.
type targets struct {
	all                             bool // all devices or all users
	included, excluded, uninstalled map[string]bool
}

// targetsOf reads the assignments. Kind, group and filter tell a target: the same
// group through another filter is another target.
func targetsOf(doc catalog.Document) targets {
	out := targets{included: map[string]bool{}, excluded: map[string]bool{}, uninstalled: map[string]bool{}}
	list, _ := doc[catalog.PartAssignments].([]any)
	for _, e := range list {
		assignment, _ := e.(map[string]any)
		target, _ := assignment["target"].(map[string]any)
		if target == nil {
			continue
		}
		text := func(name string) string { v, _ := target[name].(string); return v }
		kind := strings.TrimPrefix(text("@odata.type"), catalog.ODataPrefix)
		key := kind + "/" + text("groupId") + text("collectionId")
		if f := text("deviceAndAppManagementAssignmentFilterId"); f != "" && strings.Trim(f, "0-") != "" {
			key += "/" + text("deviceAndAppManagementAssignmentFilterType") + "/" + f
		}
		if kind == "exclusionGroupAssignmentTarget" {
			out.excluded[key] = true
			continue
		}
		out.included[key] = true
		out.all = out.all || kind == "allDevicesAssignmentTarget" || kind == "allLicensedUsersAssignmentTarget"
		if intent, _ := assignment["intent"].(string); intent == "uninstall" {
			out.uninstalled[key] = true
		}
	}
	return out
}

// wider reports whether a has what b has not.
func wider(a, b map[string]bool) bool {
	for key := range a {
		if !b[key] {
			return true
		}
	}
	return false
}

// actions that reach the data of devices; the first two end it.
var severeActions = []string{"wipe", "retire", "remoteLock"}

// severer reports whether devices that do not comply would be wiped, retired or
// locked where they were not, or sooner than now.
func severer(want, is map[string]any, wanted, live catalog.Document) bool {
	now := graces(is, live)
	for action, hours := range graces(want, wanted) {
		before, there := now[action]
		if slices.Contains(severeActions, action) && (!there || hours < before) {
			return true
		}
	}
	return false
}

// graces are the hours until each action, which lie in the object or are a part.
func graces(object map[string]any, doc catalog.Document) map[string]int {
	const actions = "scheduledActionsForRule"
	found := map[string]int{}
	for _, holder := range []map[string]any{object, doc} {
		rules, _ := holder[actions].([]any)
		for _, r := range rules {
			rule, _ := r.(map[string]any)
			configurations, _ := rule["scheduledActionConfigurations"].([]any)
			for _, c := range configurations {
				action, _ := c.(map[string]any)
				kind, _ := action["actionType"].(string)
				hours := 0
				if n, ok := action["gracePeriodHours"].(json.Number); ok {
					hours, _ = strconv.Atoi(n.String())
				}
				if before, there := found[kind]; !there || hours < before {
					found[kind] = hours
				}
			}
		}
	}
	return found
}

// rights are what a role lets administrators do.
func rights(role map[string]any) map[string]bool {
	found := map[string]bool{}
	permissions, _ := role["rolePermissions"].([]any)
	for _, p := range permissions {
		permission, _ := p.(map[string]any)
		actions, _ := permission["resourceActions"].([]any)
		for _, a := range actions {
			action, _ := a.(map[string]any)
			allowed, _ := action["allowedResourceActions"].([]any)
			for _, right := range allowed {
				if text, ok := right.(string); ok {
					found[text] = true
				}
			}
		}
	}
	return found
}

// blockedPlatforms are the platforms that an enrolment restriction blocks.
func blockedPlatforms(object map[string]any) map[string]bool {
	found := map[string]bool{}
	for name, v := range object {
		if restriction, ok := v.(map[string]any); ok && strings.HasSuffix(name, "Restriction") && restriction["platformBlocked"] == true {
			found[name] = true
		}
	}
	return found
}
