package catalog

import (
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is one type of testdata/rules.json: what public code and Microsoft's
// documentation say of it.
type ruleOfType struct {
	Type           string
	CollectionPath string
	APIVersion     string
	NameProperty   string
	Identity       []string
	List           struct{ Query string }
	Read           []struct{ Method, Path, Query string }
	Secrets        []struct{ Restorable any }
	Strip          struct{ OnCreate, OnUpdate []string }
	Create         struct {
		Method, Path string
		Required     []string
	}
	Update struct{ Method, Path, Replaces string }
	Delete struct{ Method, Path string }
	Assign struct {
		Path, BodyKey               string
		ItemKeys                    []string
		ReplacesAll, FiltersAllowed any
		Targets                     []string
	}
	Order struct {
		Rank      int
		DependsOn []string
	}
	Permissions   struct{ Read, Write []string }
	Restorability struct{ Level string }
}

// finding is one way in which a row is not what the rule says: "-x" is only in
// the rule, "+x" only in the row.
type finding struct{ typ, field, what string }

// anyType stands for all types that have the finding.
const anyType = "*"

// difference is a finding that is meant.
type difference struct {
	types  string // separated by spaces
	field  string
	what   string
	reason string
}

var (
	otherName = regexp.MustCompile(`\{[a-zA-Z]+\}`)
	comment   = regexp.MustCompile(` \(.*$`)
)

// plainPath spells a path of a rule as rows do: the two spellings of a key mean
// the same to Graph.
func plainPath(path string) string {
	path = strings.ReplaceAll(strings.TrimPrefix(path, "/"), "('{id}')", "/{id}")
	return otherName.ReplaceAllStringFunc(path, func(name string) string {
		if name == "{id}" {
			return name
		}
		return "{*}"
	})
}

// withoutAssignments leaves assignments out of $expand, and says whether they
// were there: rows read them by their own path.
func withoutAssignments(query string) (rest string, expanded bool) {
	if !strings.HasPrefix(query, "$") {
		return "", false
	}
	var parts []string
	for part := range strings.SplitSeq(comment.ReplaceAllString(query, ""), "&") {
		if names, is := strings.CutPrefix(part, "$expand="); is {
			kept := slices.DeleteFunc(splitTop(names), func(n string) bool { return n == PartAssignments })
			expanded = expanded || len(kept) < len(splitTop(names))
			if part = "$expand=" + strings.Join(kept, ","); len(kept) == 0 {
				continue
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "&"), expanded
}

// splitTop splits at commas outside of parentheses.
func splitTop(list string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out = append(out, list[from:i])
			from = i + 1
		}
	}
	return append(out, list[from:])
}

func withoutComments(list []string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = comment.ReplaceAllString(e, "")
	}
	return out
}

// dependencies spells dependencies as ids of types. Groups are looked up and
// never written, so nothing waits for them.
func dependencies(list []string) []string {
	names := map[string]string{
		"scope tags": TypeScopeTag, "assignment filters": TypeFilter, "branding": "intune-branding-profile", "mobile app categories": "mobile-app-category",
		"named locations": "named-location", "authentication strengths": "authentication-strength-policy", "authentication contexts": "authentication-context", "terms of use": "terms-of-use-agreement",
		"mobile apps": TypeApp, "app protection": "ios-app-protection", "app configuration": "mobile-app-configuration",
		"device configurations": "device-configuration", "configuration policies": "settings-catalog-policy", "compliance policies": "device-compliance-policy",
		"autopilot profiles": "autopilot-deployment-profile", "enrollment restrictions": "enrollment-single-platform-restriction", "enrollment status page": "enrollment-status-page",
	}
	var out []string
	for _, e := range withoutComments(list) {
		if strings.HasPrefix(e, "groups") {
			continue
		}
		out = append(out, cmp.Or(names[e], e))
	}
	return out
}

// findings compares a row with its rule.
func findings(t Type, rule ruleOfType) []finding {
	var all []finding
	scalar := func(field, rule, row string) {
		if rule != row {
			all = append(all, finding{t.ID, field, "-" + rule + " +" + row})
		}
	}
	set := func(field string, rule, row []string) {
		for _, e := range rule {
			if !slices.Contains(row, e) {
				all = append(all, finding{t.ID, field, "-" + e})
			}
		}
		for _, e := range row {
			if !slices.Contains(rule, e) {
				all = append(all, finding{t.ID, field, "+" + e})
			}
		}
	}
	yesNo := func(v any) string {
		switch v {
		case true:
			return string(Yes)
		case false:
			return string(No)
		}
		return string(Unknown)
	}
	scalar("collection", plainPath(rule.CollectionPath), plainPath(strings.ReplaceAll(t.Collection, "{parent}", "{each}")))
	scalar("apiVersion", rule.APIVersion, t.APIVersion)
	scalar("nameProperty", rule.NameProperty, t.NameProperty)
	set("identity", strings.Split(strings.Join(withoutComments(rule.Identity), "|"), "|"), t.Identity)
	query, _ := withoutAssignments(rule.List.Query)
	if plain, err := url.QueryUnescape(t.ListQuery); err == nil && plain == query {
		query = t.ListQuery
	}
	scalar("list.query", query, t.ListQuery)

	var ruled, reads []string
	inObject := slices.ContainsFunc(t.Parts, func(p Part) bool { return p.Expanded && p.Name == PartAssignments })
	for _, r := range rule.Read {
		query, expanded := withoutAssignments(r.Query)
		if inObject {
			query, expanded = r.Query, false
		}
		path := plainPath(r.Path)
		if r.Method != "GET" {
			path = r.Method + " " + path
		}
		ruled = append(ruled, strings.TrimSuffix(path+"?"+query, "?"))
		if own := path + "/" + PartAssignments; expanded && !slices.Contains(ruled, own) {
			ruled = append(ruled, own)
		}
	}
	for _, p := range t.Parts {
		if p.Expanded {
			continue // it comes with the object
		}
		reads = append(reads, strings.TrimSuffix(plainPath(p.Path)+"?"+p.Query, "?"))
	}
	if t.SecretPath != "" {
		reads = append(reads, plainPath(t.SecretPath))
	}
	slices.Sort(ruled)
	set("read", slices.Compact(ruled), reads)

	// What is never sent of any type needs no word in a row.
	always := func(e string) bool {
		return slices.Contains(stripAlways, e) || e != odataType && (strings.Contains(e, "@odata") || strings.HasPrefix(e, "#"))
	}
	strip := func(field string, rule, row []string) {
		set(field, slices.DeleteFunc(withoutComments(rule), always), row)
	}
	strip("strip.onCreate", rule.Strip.OnCreate, t.Strip.Create)
	strip("strip.onUpdate", rule.Strip.OnUpdate, t.Strip.Update)

	scalar("create.method", rule.Create.Method, t.CreateCall.Method)
	scalar("create.path", plainPath(rule.Create.Path), plainPath(t.CreateCall.Path))
	set("create.required", withoutComments(rule.Create.Required), t.CreateCall.Required)
	scalar("update.method", rule.Update.Method, t.UpdateCall.Method)
	scalar("update.path", plainPath(rule.Update.Path), plainPath(t.UpdateCall.Path))
	if rule.Update.Method != "" {
		scalar("update.replaces", rule.Update.Replaces, map[bool]string{true: "whole", false: "partial"}[t.UpdateCall.Whole])
	}
	method := rule.Delete.Method
	if method == "" && rule.Delete.Path != "" {
		method = "DELETE"
	}
	scalar("delete.method", method, t.DeleteCall.Method)
	scalar("delete.path", plainPath(rule.Delete.Path), plainPath(t.DeleteCall.Path))

	scalar("assign.path", plainPath(rule.Assign.Path), plainPath(t.Assign.Path))
	if rule.Assign.Path != "" {
		scalar("assign.bodyKey", rule.Assign.BodyKey, t.Assign.BodyKey)
		set("assign.itemKeys", rule.Assign.ItemKeys, t.Assign.ItemKeys)
		if known := yesNo(rule.Assign.ReplacesAll); known != string(Unknown) {
			scalar("assign.replacesAll", known, yesNo(t.Assign.ReplacesAll))
		}
		var targets []string
		for _, target := range rule.Assign.Targets {
			targets = append(targets, strings.TrimSuffix(target, "AssignmentTarget"))
		}
		set("assign.targets", targets, t.Assign.Targets)
		scalar("assign.filters", yesNo(rule.Assign.FiltersAllowed), string(t.Assign.Filters))
	}
	if rule.Order.Rank != t.Rank {
		all = append(all, finding{t.ID, "order.rank", "another"})
	}
	set("order.dependsOn", dependencies(rule.Order.DependsOn), t.DependsOn)
	// Of the permissions to read any is enough; the least stands first.
	set("permissions.read", rule.Permissions.Read[:min(1, len(rule.Permissions.Read))], t.ReadPermissions[:min(1, len(t.ReadPermissions))])
	set("permissions.write", rule.Permissions.Write, t.WritePermissions)
	scalar("restorability", rule.Restorability.Level, string(t.Restorability.Level))
	scalar("secrets", map[bool]string{true: "some", false: "none"}[len(rule.Secrets) > 0], map[bool]string{true: "some", false: "none"}[len(t.Secrets) > 0])
	return all
}

// The rows say what the rules say, but for differences that are meant and that
// still exist.
func TestRules(t *testing.T) {
	raw, err := os.ReadFile("testdata/rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var rules []ruleOfType
	if err := json.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	used := map[finding]bool{}
	meant := map[finding]bool{}
	for _, d := range differences {
		if d.reason == "" {
			t.Errorf("%s: %s: no reason", d.types, d.field)
		}
		for typ := range strings.FieldsSeq(d.types) {
			meant[finding{typ, d.field, d.what}] = true
		}
	}
	ruled := map[string]bool{}
	for _, rule := range rules {
		ruled[rule.Type] = true
		row, ok := ByID(rule.Type)
		if ok == slices.Contains(Pending, rule.Type) {
			t.Errorf("%s: a row %t, pending %t", rule.Type, ok, !ok)
		}
		if !ok {
			continue
		}
		for _, f := range findings(row, rule) {
			own, every := f, finding{anyType, f.field, f.what}
			if !meant[own] && !meant[every] {
				t.Errorf("%s: %s: %s", f.typ, f.field, f.what)
			}
			used[own], used[every] = true, true
		}
	}
	for f := range meant {
		if !used[f] {
			t.Errorf("%s: %s: %s: is no difference any more", f.typ, f.field, f.what)
		}
	}
	for _, id := range IDs() {
		if !ruled[id] {
			t.Errorf("%s: has no rule", id)
		}
	}
}
