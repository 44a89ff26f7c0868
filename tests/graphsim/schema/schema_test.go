package schema_test

import (
	"slices"
	"strings"
	"testing"

	"tenantatlas/tests/graphsim/schema"
)

func load(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Types keep what they inherit, and can be looked up as @odata.type writes them.
func TestTypes(t *testing.T) {
	s := load(t)
	ring, ok := s.Type("#microsoft.graph.windowsUpdateForBusinessConfiguration")
	if !ok || ring.Name != "windowsUpdateForBusinessConfiguration" || ring.Class != schema.ClassEntity || ring.Abstract {
		t.Fatalf("the update ring is %+v, %v", ring, ok)
	}
	for name, want := range map[string]schema.Property{
		"id":                           {Owner: "entity", Type: "Edm.String", Kind: schema.KindPrimitive, Null: schema.NullRefused, ReadOnly: true},
		"displayName":                  {Owner: "deviceConfiguration", Type: "Edm.String", Kind: schema.KindPrimitive, Null: schema.NullRefused},
		"description":                  {Owner: "deviceConfiguration", Type: "Edm.String", Kind: schema.KindPrimitive},
		"roleScopeTagIds":              {Owner: "deviceConfiguration", Type: "Edm.String", Kind: schema.KindPrimitive, Collection: true},
		"assignments":                  {Owner: "deviceConfiguration", Type: "deviceConfigurationAssignment", Kind: schema.KindEntity, Collection: true, Navigation: true},
		"automaticUpdateMode":          {Owner: "windowsUpdateForBusinessConfiguration", Type: "automaticUpdateMode", Kind: schema.KindEnum, Null: schema.NullRefused},
		"installationSchedule":         {Owner: "windowsUpdateForBusinessConfiguration", Type: "windowsUpdateInstallScheduleType", Kind: schema.KindComplex},
		"qualityUpdatesPauseStartDate": {Owner: "windowsUpdateForBusinessConfiguration", Type: "Edm.Date", Kind: schema.KindPrimitive, ReadOnly: true},
	} {
		got, ok := ring.Property(name)
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if got.Owner != want.Owner || got.Type != want.Type || got.Kind != want.Kind || got.Null != want.Null ||
			got.Collection != want.Collection || got.Navigation != want.Navigation || got.ReadOnly != want.ReadOnly {
			t.Errorf("%s is %+v, not %+v", name, *got, want)
		}
	}
	if p, ok := mustType(t, s, "authenticationContextClassReference").Property("isAvailable"); !ok || p.Null != schema.NullUnknown {
		t.Error("a type whose source does not tell of null does not say so")
	}
	platforms := slices.IndexFunc(s.Properties("deviceManagementConfigurationPolicy"), func(p schema.Property) bool { return p.Name == "platforms" })
	if platforms < 0 || s.Properties("deviceManagementConfigurationPolicy")[platforms].Kind != schema.KindFlags {
		t.Error("the platforms of a configuration policy are no flags")
	}
	audit, ok := mustType(t, s, "deviceManagementConfigurationChoiceSettingInstance").Property("auditRuleInformation")
	if !ok || !audit.Unpublished {
		t.Error("auditRuleInformation is not known as unpublished")
	}
	if !s.IsA("windowsUpdateForBusinessConfiguration", "deviceConfiguration") || s.IsA("deviceConfiguration", "windowsUpdateForBusinessConfiguration") ||
		s.IsA("nothing", "entity") || s.IsA("entity", "nothing") || !s.IsA("entity", "entity") {
		t.Error("IsA is wrong")
	}
	if s.Properties("nothing") != nil || s.Derived("nothing") != nil || s.Concrete("nothing") != nil {
		t.Error("an unknown type has something")
	}
	var derived []string
	for _, d := range s.Derived("namedLocation") {
		derived = append(derived, d.Name)
	}
	if got := strings.Join(derived, " "); !strings.Contains(got, "countryNamedLocation") || !strings.Contains(got, "ipNamedLocation") || strings.Contains(got, "namedLocation ") && derived[0] == "namedLocation" {
		t.Errorf("derived from namedLocation: %s", got)
	}
	for _, d := range s.Concrete("deviceConfiguration") {
		if d.Abstract {
			t.Errorf("%s is abstract", d.Name)
		}
	}
	for name, identity := range map[string]bool{
		"conditionalAccessPolicy": true, "ipNamedLocation": true, "conditionalAccessUsers": true,
		"deviceConfiguration": false, "entity": false, "omaSetting": false, "groupAssignmentTarget": false,
	} {
		if mustType(t, s, name).Identity != identity {
			t.Errorf("%s: identity is not %v", name, identity)
		}
	}
}

func mustType(t testing.TB, s *schema.Schema, name string) *schema.Type {
	t.Helper()
	typ, ok := s.Type(name)
	if !ok {
		t.Fatalf("no type %s", name)
	}
	return typ
}

// Everything a property of the tables names is in the tables, so that little of
// a body goes unchecked. Navigation properties to status and reports are not.
func TestTablesAreWhole(t *testing.T) {
	s := load(t)
	if len(s.Types()) < 1100 || len(s.Sets()) != 51 || len(s.Sources) < 3 || len(s.About) != 2 {
		t.Errorf("%d types, %d sets, %d sources", len(s.Types()), len(s.Sets()), len(s.Sources))
	}
	for _, typ := range s.Types() {
		if typ.Class == schema.ClassEnum && len(typ.Values) == 0 {
			t.Errorf("%s has no members", typ.Name)
		}
		for _, p := range typ.Properties() {
			if p.Kind == schema.KindUnknown && !p.Unpublished && !p.Navigation {
				t.Errorf("%s.%s has the unknown type %s", typ.Name, p.Name, p.Type)
			}
			if !p.Navigation && p.Kind == schema.KindEntity {
				t.Errorf("%s.%s is an entity and no navigation property", typ.Name, p.Name)
			}
			// A value that nobody could write would make every check of it pass.
			if (p.Kind == schema.KindComplex) && len(s.Concrete(p.Type)) == 0 {
				t.Errorf("%s.%s: there are no objects of type %s", typ.Name, p.Name, p.Type)
			}
		}
	}
	unknown := map[string]bool{}
	for _, set := range s.Sets() {
		if set.EntityType == "" {
			if set.Path != "deviceManagement/inventoryPolicies" {
				t.Errorf("%s has no entity type", set.Path)
			}
			continue
		}
		typ := mustType(t, s, set.EntityType)
		if len(s.Concrete(typ.Name)) == 0 {
			t.Errorf("%s: nothing can be in it", set.Path)
		}
		for _, path := range set.DeepInsert {
			at := typ
			for name := range strings.SplitSeq(path, "/") {
				p, ok := at.Property(name)
				if !ok {
					t.Errorf("%s: no %s of %s", set.Path, name, path)
					break
				}
				at = mustType(t, s, p.Type)
			}
		}
		for _, name := range slices.Concat(set.ReadOnlyProps, set.RequiredOnCreate) {
			known := func(typ *schema.Type) bool { _, ok := typ.Property(name); return ok }
			if !known(typ) && !slices.ContainsFunc(s.Derived(typ.Name), known) {
				t.Errorf("%s: no property %s", set.Path, name)
			}
		}
		if a := set.Assign; a != nil && a.AssignmentType != "" {
			mustType(t, s, a.AssignmentType)
		}
		for _, a := range set.Actions {
			for _, p := range a.Body {
				name := strings.TrimSuffix(strings.TrimPrefix(p, "Collection("), ")")
				if _, ok := s.Type(name); !ok && !strings.HasPrefix(name, "Edm.") {
					unknown[name] = true
				}
			}
		}
	}
	// Parameters of actions whose types no table has.
	for _, name := range []string{
		"windowsAssignedAccessProfile", "windowsPrivacyDataAccessControlItem", "enrollmentTimeDeviceMembershipTarget",
		"windowsQualityUpdatePolicyActionType", "driverApprovalAction",
	} {
		if !unknown[name] {
			t.Errorf("%s is known by now: take it off the list", name)
		}
		delete(unknown, name)
	}
	if len(unknown) > 0 {
		t.Errorf("parameters of unknown types: %v", unknown)
	}
	if set, ok := s.Set("deviceManagement/deviceConfigurations"); !ok || set.EntityType != "deviceConfiguration" {
		t.Error("the set of device configurations is not found by its path")
	}
	if _, ok := s.Set("deviceManagement/nothing"); ok {
		t.Error("a set is found that is not there")
	}
}
