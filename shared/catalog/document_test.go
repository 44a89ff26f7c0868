package catalog_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// familyTitles are what people call the families, in the order they see them.
var familyTitles = []struct {
	family catalog.Family
	title  string
}{
	{catalog.FamilyConfiguration, "Configuration"},
	{catalog.FamilyEndpointSecurity, "Endpoint security"},
	{catalog.FamilyCompliance, "Compliance"},
	{catalog.FamilyScripts, "Scripts"},
	{catalog.FamilyUpdates, "Updates"},
	{catalog.FamilyEnrollment, "Enrolment"},
	{catalog.FamilyApps, "Apps"},
	{catalog.FamilyAppProtection, "App protection"},
	{catalog.FamilyConditionalAccess, "Conditional Access"},
	{catalog.FamilyWindows365, "Windows 365"},
	{catalog.FamilyTenant, "Tenant administration"},
}

var levelTitles = map[catalog.Level]string{catalog.Full: "full", catalog.PreviewOnly: "preview only", catalog.CaptureOnly: "capture only"}

// TestPolicyTypesDocument prints every type, for administrators who decide what to
// rely on; docs/policy-types.md is that print.
func TestPolicyTypesDocument(t *testing.T) {
	var b bytes.Buffer
	all := catalog.All()
	fmt.Fprintf(&b, `# The policy types

Printed from the catalogue by %s; a test keeps it true.

TenantAtlas captures %d types of objects. What is in none of them is not captured.

- *full*: a captured policy can be written back, in place or as a new one. A sentence beside it is a condition.
- *preview only*: a preview shows what would change, and a person changes it.
- *capture only*: versions are kept and compared.

All paths are below %s. Of the permissions to read any one is enough, the least stands first; those to write are all needed. They are application permissions.

With these, everything can be captured, secret values included: %s.

| family | types | full | preview only | capture only |
|---|---|---|---|---|
`, code("go generate ./shared/catalog"), len(all), code("https://graph.microsoft.com/beta/"), codes(catalog.ReadPermissions()))
	shown := 0
	for _, f := range familyTitles {
		types := ofFamily(f.family)
		shown += len(types)
		count := map[catalog.Level]int{}
		for _, row := range types {
			count[row.Restorability.Level]++
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d | %d | %d |\n", f.title, strings.ReplaceAll(strings.ToLower(f.title), " ", "-"), len(types), count[catalog.Full], count[catalog.PreviewOnly], count[catalog.CaptureOnly])
	}
	if shown != len(all) {
		t.Errorf("%d of %d types are of a family that is shown", shown, len(all))
	}
	for _, f := range familyTitles {
		fmt.Fprintf(&b, "\n## %s\n\n| type | id | platform | read from | restorable | permissions to read | to write |\n|---|---|---|---|---|---|---|\n", f.title)
		for _, row := range ofFamily(f.family) {
			restorable := levelTitles[row.Restorability.Level]
			if row.Restorability.Reason != "" {
				restorable += ". " + row.Restorability.Reason
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.Title, code(row.ID), platforms(row), reads(row), restorable, codes(row.ReadPermissions), codes(row.WritePermissions))
		}
	}
	b.WriteString(`
## What cannot be restored

The version of a policy says which secret values it lacks; no new policy is made with a mask or a token in their place.

| type | what | why |
|---|---|---|
`)
	for _, row := range all {
		for _, lost := range losses(row) {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", row.Title, lost[0], lost[1])
		}
	}
	b.WriteString(`
## Secret values that can be restored

| type | what | why it is secret |
|---|---|---|
`)
	for _, row := range all {
		for _, s := range row.Secrets {
			if s.Restorable {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", row.Title, code(s.Where), s.Reason)
			}
		}
	}
	golden(t, filepath.Join("..", "..", "docs", "policy-types.md"), b.Bytes())
}

func ofFamily(f catalog.Family) []catalog.Type {
	return slices.DeleteFunc(catalog.All(), func(t catalog.Type) bool { return t.Family != f })
}

func code(text string) string { return "`" + text + "`" }

func codes(list []string) string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = code(e)
	}
	return strings.Join(out, ", ")
}

// platforms says which platforms the objects of a type can be of.
func platforms(row catalog.Type) string {
	switch {
	case row.FixedPlatform != "":
		return row.FixedPlatform
	case row.PlatformProperty != "":
		return "by " + code(row.PlatformProperty)
	case !row.PlatformOfType:
		return ""
	case len(row.Members.ODataTypes) == 0 && row.ODataType == "":
		return "by derived type"
	}
	var found []string
	for _, name := range append(slices.Clone(row.Members.ODataTypes), row.ODataType) {
		if p := row.Platform(map[string]any{"@odata.type": "#microsoft.graph." + name}); p != "" && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return strings.Join(found, ", ")
}

// reads says where the parts of a policy come from.
func reads(row catalog.Type) string {
	var parts []string
	for _, p := range row.Parts {
		if p.Name != catalog.PartObject {
			parts = append(parts, code(p.Name))
		}
	}
	if row.SecretPath != "" {
		parts = append(parts, "secret values")
	}
	out := code(row.Collection)
	if row.LookUp {
		out += ", where a policy names one"
	}
	if len(parts) > 0 {
		out += " with " + strings.Join(parts, ", ")
	}
	return out
}

// losses are what of a type no restore brings back, each with its reason.
func losses(row catalog.Type) [][2]string {
	var out [][2]string
	if r := row.Restorability; r.Level != catalog.Full {
		out = append(out, [2]string{"all (" + levelTitles[r.Level] + ")", r.Reason})
	}
	for _, s := range row.Secrets {
		if !s.Restorable {
			out = append(out, [2]string{code(s.Where), s.Reason})
		}
	}
	b := row.BuiltIn
	if row.Restorability.Level == catalog.CaptureOnly {
		return out
	}
	switch made := "objects that the service itself made"; {
	case b.Only && b.Writable:
		out = append(out, [2]string{"a new object", "The service makes the only ones; they are changed in place."})
	case b.Property != "" && b.Writable:
		out = append(out, [2]string{made, "They are changed in place, and never created or deleted."})
	case b.Property != "":
		out = append(out, [2]string{made, "They are kept for comparison and never written."})
	}
	if len(row.Fixed) > 0 {
		out = append(out, [2]string{"another " + codes(row.Fixed) + " in place", "Fixed when an object is made: it would have to be deleted and made anew, which is left to a person."})
	}
	for _, path := range row.Unwritten {
		out = append(out, [2]string{code(path), "No write takes it."})
	}
	if row.CreateCall.Method == "" && !b.Only {
		out = append(out, [2]string{"a new object", "Graph has no call that creates one."})
	}
	if row.Assign.OnRequest {
		out = append(out, [2]string{"assignments of a new object", "They are made only when a person asks for it."})
	}
	return out
}
