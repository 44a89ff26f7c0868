package catalog_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
)

// The most dangerous mistakes of enrolment, apps, protection, access and Windows
// 365, as far as a row or a step of a create can make them. What only an update, a
// plan or a preview can get wrong stands at the end.

// policyOf is the fixture of a type, changed.
func policyOf(t *testing.T, typeID string, change func(doc catalog.Document)) (catalog.Type, []byte) {
	t.Helper()
	f := readFixture(t, typeID)
	if change != nil {
		f = f.changed(t, change)
	}
	return f.row, f.payload
}

// createOf is how the changed fixture of a type is made anew.
func createOf(t *testing.T, typeID string, mapping catalog.Mapping, change func(doc catalog.Document)) catalog.Creation {
	t.Helper()
	f := readFixture(t, typeID)
	if change != nil {
		f = f.changed(t, change)
	}
	return f.made(t, mapping)
}

func bodyOf(t *testing.T, s catalog.Step) map[string]any {
	t.Helper()
	return bodies(t, catalog.Creation{Steps: []catalog.Step{s}}, "")[0]
}

func namesOf(made catalog.Creation) string { return strings.Join(stepNames(made), " ") }

// stepOf is the one step of that name.
func stepOf(t *testing.T, made catalog.Creation, name string) catalog.Step {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(made.Steps), func(s catalog.Step) bool { return s.Name != name })
	if len(found) != 1 {
		t.Fatalf("%d steps %s in %s", len(found), name, namesOf(made))
	}
	return found[0]
}

var ownTypes = strings.Fields(`enrollment-single-platform-restriction enrollment-limit enrollment-status-page enrollment-notification enrollment-comanagement
	autopilot-deployment-profile apple-user-initiated-enrollment-profile
	mobile-app-store mobile-app-lob mobile-app-win32 mobile-app-winget mobile-app-weblink mobile-app-office-suite mobile-app-managed-google-play policy-set
	ios-app-protection android-app-protection windows-app-protection wip-mdm-policy wip-without-enrollment-policy targeted-managed-app-configuration mobile-app-configuration
	cloudpc-user-setting`)

// Of every type.

// A group that was not found leads to no assign call at all: neither a narrower
// nor a wider list is sent, and an empty one would clear.
func TestUnmappedGroupMeansNoAssignment(t *testing.T) {
	for _, id := range ownTypes {
		made := createOf(t, id, elsewhere(catalog.TypeGroup), nil)
		if strings.Contains(namesOf(made), "assign") {
			t.Errorf("%s: %s", id, namesOf(made))
		}
		if ids, assignment := unresolvedOf(made, catalog.TypeGroup); len(ids) == 0 || !assignment {
			t.Errorf("%s: unresolved %v", id, made.Unresolved)
		}
		full := createOf(t, id, catalog.SameTenant, nil)
		if strings.Contains(namesOf(full), "assign") == row(t, id).Assign.OnRequest {
			t.Errorf("%s: on request %t, steps %s", id, row(t, id).Assign.OnRequest, namesOf(full))
		}
	}
}

// A missing filter would widen the assignment to everyone in the group.
func TestUnmappedFilterMeansNoAssignment(t *testing.T) {
	made := createOf(t, "mobile-app-winget", elsewhere(catalog.TypeFilter), nil)
	if strings.Contains(namesOf(made), "assign") {
		t.Error(namesOf(made))
	}
}

// What a policy set assigned comes back with the set. Sent as direct it would
// stay after the set is deleted.
func TestAssignmentsOfPolicySetsAreNotSentAsDirect(t *testing.T) {
	const ofTheSet = "000000a2-1111-4222-8333-0000000000a2"
	seen := 0
	for _, id := range ownTypes {
		row, raw := policyOf(t, id, nil)
		if !strings.Contains(string(raw), `"policySets"`) {
			continue
		}
		seen++
		made, err := row.Create(raw, catalog.SameTenant, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range made.Steps {
			if strings.Contains(string(s.Body), ofTheSet) {
				t.Errorf("%s: %s sends %s", id, s.Name, s.Body)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d fixtures have such an assignment", seen)
	}
}

// A text of a policy may hold what looks like a name of a step.
func TestBracesOfAPolicyStay(t *testing.T) {
	made := createOf(t, "enrollment-notification", catalog.SameTenant, func(doc catalog.Document) {
		for _, template := range doc["templates"].(map[string]any) {
			for _, m := range template.(map[string]any)["localizedNotificationMessages"].([]any) {
				m.(map[string]any)["messageTemplate"] = "Hello {email}, device {id}"
			}
		}
	})
	learned := map[string]string{"id": "new", "email": "mail-template", "push": "push-template"}
	for _, s := range made.Steps {
		if !strings.HasPrefix(s.Name, "message") {
			continue
		}
		if got := bodyOf(t, s.Fill(learned))["messageTemplate"]; got != "Hello {email}, device {id}" {
			t.Errorf("sends %q", got)
		}
	}
}

// Enrolment.

// Four defaults share one name and their ids differ by tenant: they are told by
// the end of the id, and never created.
func TestEnrollmentDefaultsAreToldBySuffix(t *testing.T) {
	defaults := map[string]string{
		"enrollment-platform-restrictions-default": "_DefaultPlatformRestrictions",
		"enrollment-limit":                         "_DefaultLimit",
		"enrollment-status-page":                   "_DefaultWindows10EnrollmentCompletionPageConfiguration",
		"enrollment-windows-restore":               "_WindowsRestore",
	}
	for id, suffix := range defaults {
		for _, account := range []string{"7f0c1a52-3c84-4c1b-9a53-1f4d2f0b9f10", "11111111-0000-4000-8000-000000000001"} {
			row, raw := policyOf(t, id, func(doc catalog.Document) { doc.Object()["id"] = account + suffix })
			if !row.IsBuiltIn(map[string]any{"id": account + suffix}) || !row.BuiltIn.Writable {
				t.Errorf("%s: %s is no default that can be changed", id, account+suffix)
			}
			if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrNotCreatable) {
				t.Errorf("%s: a default is created: %v", id, err)
			}
		}
		if slices.Contains(row(t, id).Identity, "id") {
			t.Errorf("%s is told by its id", id)
		}
	}
	if row(t, "enrollment-limit").IsBuiltIn(map[string]any{"id": "x_Limit", "displayName": "All users and all devices", "priority": json.Number("1")}) {
		t.Error("a limit is a default by its name")
	}
}

// Equal priorities are refused and a wrong order lets the wrong policy win: the
// body has none, and the captured one is set last, unless it is there already.
func TestPriorityIsSetLast(t *testing.T) {
	for _, id := range []string{"enrollment-single-platform-restriction", "enrollment-limit", "enrollment-status-page", "enrollment-notification", "enrollment-comanagement", "apple-user-initiated-enrollment-profile"} {
		for _, priority := range []string{"1", "5"} {
			made := createOf(t, id, catalog.SameTenant, func(doc catalog.Document) { doc.Object()["priority"] = json.Number(priority) })
			if _, sent := bodyOf(t, made.Steps[0])["priority"]; sent {
				t.Errorf("%s: the body has a priority", id)
			}
			last := made.Steps[len(made.Steps)-1]
			if !strings.HasSuffix(last.Path, "/{id}/setPriority") || string(last.Body) != `{"priority":`+priority+`}` {
				t.Fatalf("%s: ends with %s %s", id, last.Path, last.Body)
			}
			learned := made.Steps[0].Learn(map[string]any{"id": "new", "priority": json.Number("5")})
			if last.Needless(learned) != (priority == "5") {
				t.Errorf("%s: priority %s of an object that has 5: needless %t", id, priority, last.Needless(learned))
			}
			if last.Needless(map[string]string{"id": "new"}) {
				t.Errorf("%s: needless although the answer said nothing", id)
			}
		}
	}
}

// As one object a notification sends empty messages: the service drops texts and
// brand, and gives the templates new ids, which later steps must use.
func TestNotificationIsMadeInStages(t *testing.T) {
	made := createOf(t, "enrollment-notification", catalog.SameTenant, nil)
	body := bodyOf(t, made.Steps[0])
	if got := body["notificationTemplates"]; !slices.Equal(got.([]any), []any{"email_00000000-0000-0000-0000-000000000000", "push_00000000-0000-0000-0000-000000000000"}) {
		t.Errorf("asks for %v", got)
	}
	for _, name := range []string{"brandingOptions", "defaultLocale", "templateType", "notificationMessageTemplateId"} {
		if _, ok := body[name]; ok {
			t.Errorf("the first stage sends %s", name)
		}
	}
	learned := made.Steps[0].Learn(map[string]any{"id": "new", "notificationTemplates": []any{"Email_11111111-0000-0000-0000-000000000001", "Push_22222222-0000-0000-0000-000000000002"}})
	var written []string
	defaults := 0
	for _, s := range made.Steps[1:] {
		s = s.Fill(learned)
		if strings.ContainsAny(s.Path, "{}") || strings.Contains(s.Path, "-1111-4222-8333-") {
			t.Errorf("%s writes to %s", s.Name, s.Path)
		}
		if strings.HasPrefix(s.Name, "message") || strings.HasPrefix(s.Name, "branding") {
			written = append(written, s.Method+" "+strings.TrimPrefix(s.Path, "deviceManagement/notificationMessageTemplates/"))
		}
		if strings.HasPrefix(s.Name, "message") {
			switch isDefault, sent := bodyOf(t, s)["isDefault"]; {
			case isDefault == true:
				defaults++
			case sent:
				t.Error("takes the default of a template away")
			}
		}
	}
	const email, push = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"
	if want := []string{
		"POST " + email + "/localizedNotificationMessages", "POST " + email + "/localizedNotificationMessages", "PATCH " + email,
		"POST " + push + "/localizedNotificationMessages",
	}; !slices.Equal(written, want) || defaults != 2 {
		t.Errorf("writes %v, %d of them defaults", written, defaults)
	}
	row, raw := policyOf(t, "enrollment-notification", func(doc catalog.Document) { delete(doc, "templates") })
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("is created without its texts: %v", err)
	}
}

// A notification that was made anew has other templates and the same content.
func TestTemplateIDsAreNoContent(t *testing.T) {
	row, a := policyOf(t, "enrollment-notification", nil)
	b := []byte(strings.NewReplacer("000000e1-1111-4222-8333-0000000000e1", "11111111-0000-0000-0000-000000000001").Replace(string(a)))
	one, err := row.ContentHash(a)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := row.ContentHash(b); err != nil || one != two {
		t.Errorf("%s, %s, %v", one, two, err)
	}
	c := []byte(strings.Replace(string(a), "Neues Gerät", "Gerät", 1))
	if three, err := row.ContentHash(c); err != nil || one == three {
		t.Errorf("another text is no change: %v", err)
	}
}

// Left out, the service keeps the apps that a page waits for; ids of another
// tenant let devices wait for ever.
func TestStatusPageAlwaysSaysItsApps(t *testing.T) {
	const apps = "selectedMobileAppIds"
	for _, captured := range []any{nil, []any{}} {
		made := createOf(t, "enrollment-status-page", catalog.SameTenant, func(doc catalog.Document) { doc.Object()[apps] = captured })
		if list, ok := bodyOf(t, made.Steps[0])[apps].([]any); !ok || len(list) != 0 {
			t.Errorf("%v becomes %s", captured, made.Steps[0].Body)
		}
	}
	made := createOf(t, "enrollment-status-page", elsewhere(catalog.TypeApp), nil)
	if ids, assignment := unresolvedOf(made, catalog.TypeApp); len(ids) != 2 || assignment {
		t.Errorf("unresolved %v", made.Unresolved)
	}
}

// What the service aggregates is no policy; it is not reported as unknown either.
func TestEnrollmentAggregatesAreHidden(t *testing.T) {
	row := row(t, "enrollment-platform-restrictions-default")
	var source catalog.Source
	for _, s := range catalog.Sources() {
		if s.Collection() == row.Collection {
			source = s
		}
	}
	for id, hidden := range map[string]bool{"a_PlatformRestrictions": true, "a_DefaultPlatformRestrictions": false, "a_SinglePlatformRestriction": false} {
		if got := source.Hidden(map[string]any{"id": id, "platformType": "ios"}); got != hidden {
			t.Errorf("%s: hidden %t", id, got)
		}
	}
	if !source.Hidden(map[string]any{"id": "a_SinglePlatformRestriction", "platformType": "windowsPhone"}) {
		t.Error("a platform that is gone is shown")
	}
}

// Autopilot and Apple.

// The action takes devices: with groups it re-profiles strangers or fails.
func TestAutopilotIsAssignedOneByOne(t *testing.T) {
	made := createOf(t, "autopilot-deployment-profile", catalog.SameTenant, nil)
	targets := 0
	for _, s := range made.Steps {
		if strings.HasSuffix(s.Path, "/assign") {
			t.Errorf("calls %s", s.Path)
		}
		if strings.HasSuffix(s.Path, "/{id}/assignments") && bodyOf(t, s)["target"] != nil {
			targets++
		}
	}
	if targets != 2 {
		t.Errorf("%d targets", targets)
	}
}

func TestAutopilotBody(t *testing.T) {
	setting := func(usage string) map[string]any {
		made := createOf(t, "autopilot-deployment-profile", catalog.SameTenant, func(doc catalog.Document) {
			doc.Object()["outOfBoxExperienceSetting"].(map[string]any)["deviceUsageType"] = usage
		})
		return bodyOf(t, made.Steps[0])["outOfBoxExperienceSetting"].(map[string]any)
	}
	if s := setting("shared"); s["userType"] != nil || s["escapeLinkHidden"] != true {
		t.Errorf("shared: %v", s)
	}
	if s := setting("singleUser"); s["userType"] != "standard" {
		t.Errorf("single user: %v", s)
	}
}

func macProfile(doc catalog.Document) {
	object := doc.Object()
	object["@odata.type"] = "#microsoft.graph.depMacOSEnrollmentProfile"
	object["adminAccountUserName"], object["adminAccountPassword"] = "localadmin", nil
}

// Without its password a Mac gets an administrator that anyone can be.
func TestMacPasswordIsNeverLeftOutSilently(t *testing.T) {
	row, raw := policyOf(t, "dep-enrollment-profile", macProfile)
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("created without: %v", err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(row.UnreadableSecrets(doc), "adminAccountPassword") {
		t.Error("the version does not say that the password is missing")
	}
	made, err := row.Create(raw, catalog.SameTenant, map[string]string{"adminAccountPassword": "entered"})
	if err != nil || bodyOf(t, made.Steps[0])["adminAccountPassword"] != "entered" {
		t.Errorf("with one that was entered: %v", err)
	}
	for _, captured := range []any{nil, "****"} {
		made := createOf(t, "dep-enrollment-profile", catalog.SameTenant, func(doc catalog.Document) { doc.Object()["adminAccountPassword"] = captured })
		if _, sent := bodyOf(t, made.Steps[0])["adminAccountPassword"]; sent {
			t.Errorf("%v is sent", captured)
		}
	}
	if !slices.Contains(row.Strip.Update, "adminAccountPassword") {
		t.Error("an update sends it as captured, and null clears it")
	}
}

// There is no way to undo a default, and new devices enrol with it.
func TestAppleProfileIsNotMadeTheDefault(t *testing.T) {
	made := createOf(t, "dep-enrollment-profile", catalog.SameTenant, func(doc catalog.Document) { doc.Object()["isDefault"] = true })
	if len(made.Steps) != 1 || bodyOf(t, made.Steps[0])["isDefault"] != nil {
		t.Errorf("steps %s", namesOf(made))
	}
	if want := "deviceManagement/depOnboardingSettings/00000108-1111-4222-8333-000000000108/enrollmentProfiles"; made.Steps[0].Path != want {
		t.Errorf("created at %s", made.Steps[0].Path)
	}
	for _, key := range bodyOf(t, made.Steps[0])["enabledSkipKeys"].([]any) {
		if key == "Privacy" || key == "Registration" {
			t.Errorf("sends the pane %s, which is refused", key)
		}
	}
}

// App protection.

// Without its group "all apps" silently becomes a short list.
func TestTargetAppsSaysItsGroup(t *testing.T) {
	for id, group := range map[string]any{"ios-app-protection": "selectedPublicApps", "android-app-protection": "allCoreMicrosoftApps", "windows-app-protection": nil} {
		made := createOf(t, id, catalog.SameTenant, nil)
		if got := namesOf(made); got != "create apps assign" {
			t.Errorf("%s: assigned before its apps are set: %s", id, got)
		}
		apps := bodyOf(t, stepOf(t, made, "apps"))
		if apps["appGroupType"] != group {
			t.Errorf("%s: group %v", id, apps["appGroupType"])
		}
		for _, app := range apps["apps"].([]any) {
			if app := app.(map[string]any); len(app) != 1 || app["mobileAppIdentifier"] == nil {
				t.Errorf("%s: app %v", id, app)
			}
		}
		if group == nil {
			continue
		}
		row, raw := policyOf(t, id, func(doc catalog.Document) { delete(doc.Object(), "appGroupType") })
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s: created without its group: %v", id, err)
		}
	}
}

// The collection of all kinds takes no POST, and without its type the service
// makes the wrong platform or nothing.
func TestManagedAppPoliciesAreWrittenToTypedCollections(t *testing.T) {
	for _, id := range []string{"ios-app-protection", "android-app-protection", "windows-app-protection", "wip-mdm-policy", "wip-without-enrollment-policy", "targeted-managed-app-configuration"} {
		row := row(t, id)
		if row.ODataType == "" {
			t.Errorf("%s: captures lack the type", id)
		}
		made := createOf(t, id, catalog.SameTenant, nil)
		if bodyOf(t, made.Steps[0])["@odata.type"] != "#microsoft.graph."+row.ODataType {
			t.Errorf("%s: created as %v", id, bodyOf(t, made.Steps[0])["@odata.type"])
		}
		for _, s := range made.Steps {
			if !strings.HasPrefix(s.Path, row.Collection) || strings.Contains(s.Path, "managedAppPolicies") {
				t.Errorf("%s: %s", id, s.Path)
			}
		}
	}
}

// Policies for managed and for unmanaged devices share names.
func TestAppProtectionIsToldByItsManagementLevels(t *testing.T) {
	for _, id := range []string{"ios-app-protection", "android-app-protection"} {
		if !slices.Contains(row(t, id).Identity, "targetedAppManagementLevels") {
			t.Errorf("%s is told by %v", id, row(t, id).Identity)
		}
	}
}

// Microsoft adds apps to its groups; that is nobody's change.
func TestAppsOfAGroupAreNoContent(t *testing.T) {
	grow := func(doc catalog.Document) {
		doc["apps"] = append(doc["apps"].([]any), map[string]any{"mobileAppIdentifier": map[string]any{"packageId": "com.microsoft.new"}})
	}
	for id, same := range map[string]bool{"android-app-protection": true, "ios-app-protection": false} {
		row, a := policyOf(t, id, nil)
		_, b := policyOf(t, id, grow)
		one, _ := row.ContentHash(a)
		two, err := row.ContentHash(b)
		if err != nil || (one == two) != same {
			t.Errorf("%s: equal %t, %v", id, one == two, err)
		}
	}
}

// AppLocker files are refused in the body, and lost without calls of their own.
func TestAppLockerFilesAreWrittenApart(t *testing.T) {
	for _, id := range []string{"wip-mdm-policy", "wip-without-enrollment-policy"} {
		made := createOf(t, id, catalog.SameTenant, nil)
		file := stepOf(t, made, "protectedAppLockerFiles")
		if body := bodyOf(t, file); file.Path != row(t, id).Collection+"/{id}/protectedAppLockerFiles" || len(body) != 3 || body["file"] == nil {
			t.Errorf("%s: writes %s to %s", id, file.Body, file.Path)
		}
		if body := bodyOf(t, made.Steps[0]); body["protectedAppLockerFiles"] != nil || body["exemptAppLockerFiles"] != nil {
			t.Errorf("%s: the body has files", id)
		}
		row, raw := policyOf(t, id, func(doc catalog.Document) { delete(doc, "exemptAppLockerFiles") })
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("%s: created without files that were not read: %v", id, err)
		}
	}
}

// App configuration.

// With ids of another tenant the settings go to another app.
func TestUnmappedAppStopsAConfiguration(t *testing.T) {
	made := createOf(t, "mobile-app-configuration", elsewhere(catalog.TypeApp), nil)
	if ids, assignment := unresolvedOf(made, catalog.TypeApp); len(ids) != 1 || assignment {
		t.Errorf("unresolved %v", made.Unresolved)
	}
	mapped := createOf(t, "mobile-app-configuration", func(typeID, id string) (string, bool) {
		if typeID == catalog.TypeApp {
			return "app-of-the-target", true
		}
		return id, true
	}, nil)
	if got := bodyOf(t, mapped.Steps[0])["targetedMobileApps"].([]any); !slices.Equal(got, []any{"app-of-the-target"}) {
		t.Errorf("sends %v", got)
	}
}

// The plain path answers "No OData route" after the object was made.
func TestConfigurationIsAssignedByTheCastPath(t *testing.T) {
	made := createOf(t, "mobile-app-configuration", catalog.SameTenant, nil)
	if got := stepOf(t, made, "assign").Path; got != "deviceAppManagement/mobileAppConfigurations/{id}/microsoft.graph.managedDeviceMobileAppConfiguration/assign" {
		t.Error(got)
	}
}

// Everything but the assignments goes with the create, which demands the lists.
func TestTargetedConfigurationIsSentWhole(t *testing.T) {
	made := createOf(t, "targeted-managed-app-configuration", catalog.SameTenant, nil)
	body := bodyOf(t, made.Steps[0])
	for name, want := range map[string]int{"apps": 2, "settings": 1, "customSettings": 2, "assignments": 0} {
		if list, ok := body[name].([]any); !ok || len(list) != want {
			t.Errorf("%s: %v", name, body[name])
		}
	}
	if got := namesOf(made); got != "create assign" {
		t.Error(got)
	}
	row, raw := policyOf(t, "targeted-managed-app-configuration", func(doc catalog.Document) {
		setting := doc["settings"].([]any)[0].(map[string]any)["settingInstance"].(map[string]any)
		setting["simpleSettingValue"] = map[string]any{"value": "token", "valueState": "encryptedValueToken"}
	})
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrPlaceholder) {
		t.Errorf("a token is written in the place of a secret: %v", err)
	}
}

// Apps.

// An app is told by what it installs, not by its name alone: an uninstall or a
// requirement must not meet another app.
func TestAppsAreToldByWhatTheyInstall(t *testing.T) {
	for id, by := range map[string]string{
		"mobile-app-store": "bundleId", "mobile-app-lob": "productCode", "mobile-app-winget": "packageIdentifier", "mobile-app-weblink": "appUrl",
		"mobile-app-managed-google-play": "appIdentifier", "mobile-app-vpp": "bundleId", "mobile-app-win32": "displayVersion",
	} {
		if !slices.Contains(row(t, id).Identity, by) {
			t.Errorf("%s is told by %v", id, row(t, id).Identity)
		}
	}
}

// The call replaces dependencies and supersedence together.
func TestRelationshipsAreWrittenTogether(t *testing.T) {
	made := createOf(t, "mobile-app-win32", catalog.SameTenant, nil)
	list, _ := bodyOf(t, stepOf(t, made, "relationships"))["relationships"].([]any)
	kinds := map[any]any{}
	for _, r := range list {
		r := r.(map[string]any)
		kinds[r["@odata.type"]] = r["targetId"]
		if len(r) != 3 {
			t.Errorf("sends %v", r)
		}
	}
	if len(list) != 2 || kinds["#microsoft.graph.mobileAppDependency"] == nil || kinds["#microsoft.graph.mobileAppSupersedence"] == nil {
		t.Errorf("sends %v", list)
	}
	// The mirror of another app's relationship is neither sent nor mapped nor content.
	const mirror = "000000d3-1111-4222-8333-0000000000d3"
	for _, u := range createOf(t, "mobile-app-win32", elsewhere("mobile-app-win32"), nil).Unresolved {
		if u.ID == mirror {
			t.Error("the mirror must be mapped")
		}
	}
	row, raw := policyOf(t, "mobile-app-win32", nil)
	if normal, err := row.NormalForm(raw); err != nil || strings.Contains(string(normal), mirror) {
		t.Errorf("the mirror is content: %v", err)
	}
}

// A list answers no scope tags and no icon: every app is read by its id, and what
// is written comes from there.
func TestScopeTagsAndIconComeFromTheItem(t *testing.T) {
	for _, id := range []string{"mobile-app-store", "mobile-app-lob", "mobile-app-win32", "mobile-app-winget", "mobile-app-weblink", "mobile-app-office-suite"} {
		if part := row(t, id).Parts[0]; part.Path != "deviceAppManagement/mobileApps/{id}" || strings.Contains(part.Query, "$select") {
			t.Errorf("%s: read from %s?%s", id, part.Path, part.Query)
		}
		body := bodyOf(t, createOf(t, id, catalog.SameTenant, nil).Steps[0])
		if tags, _ := body["roleScopeTagIds"].([]any); len(tags) != 2 || body["largeIcon"] == nil || body["isFeatured"] != true {
			t.Errorf("%s: %v, %v, %v", id, body["roleScopeTagIds"], body["largeIcon"], body["isFeatured"])
		}
	}
}

// An app that is not published cannot be assigned, and the service takes its time.
func TestAppsAreAssignedWhenPublished(t *testing.T) {
	for _, id := range []string{"mobile-app-winget", "mobile-app-store", "mobile-app-managed-google-play"} {
		made := createOf(t, id, catalog.SameTenant, nil)
		assign := made.Steps[len(made.Steps)-1]
		want := catalog.Await{Path: "deviceAppManagement/mobileApps/new", Property: "publishingState", Value: "published"}
		if got := assign.Fill(map[string]string{"id": "new"}).Await; assign.Name != "assign" || got != want {
			t.Errorf("%s: %s waits for %+v", id, assign.Name, got)
		}
	}
}

// "Exclusion assignment does not support MobileAppAssignment Settings."
func TestExclusionsHaveNoSettings(t *testing.T) {
	made := createOf(t, "mobile-app-winget", catalog.SameTenant, func(doc catalog.Document) {
		for _, a := range doc["assignments"].([]any) {
			a.(map[string]any)["settings"] = map[string]any{"@odata.type": "#microsoft.graph.winGetAppAssignmentSettings", "notifications": "showAll"}
		}
	})
	for _, a := range bodyOf(t, stepOf(t, made, "assign"))["mobileAppAssignments"].([]any) {
		a := a.(map[string]any)
		excluded := a["target"].(map[string]any)["@odata.type"] == "#microsoft.graph.exclusionGroupAssignmentTarget"
		if (a["settings"] == nil) != excluded || a["@odata.type"] != "#microsoft.graph.mobileAppAssignment" || a["intent"] == nil {
			t.Errorf("sends %v", a)
		}
	}
}

// The designer's values of an app that was made of a file are empty: sent with the
// file, they reinstall Office without products.
func TestOfficeIsMadeOfAFileOrOfDesignerValues(t *testing.T) {
	designer := []string{"productIds", "updateChannel", "officePlatformArchitecture", "excludedApps", "localesToInstall", "officeSuiteAppDefaultFileFormat"}
	body := bodyOf(t, createOf(t, "mobile-app-office-suite", catalog.SameTenant, nil).Steps[0])
	if body["officeConfigurationXml"] == nil {
		t.Error("the file is lost")
	}
	for _, name := range designer {
		if _, ok := body[name]; ok {
			t.Errorf("sends %s with the file", name)
		}
	}
	body = bodyOf(t, createOf(t, "mobile-app-office-suite", catalog.SameTenant, func(doc catalog.Document) {
		object := doc.Object()
		object["officeConfigurationXml"], object["productIds"], object["updateChannel"] = nil, []any{"o365ProPlusRetail"}, "monthlyEnterprise"
	}).Steps[0])
	if body["productIds"] == nil || body["updateChannel"] != "monthlyEnterprise" {
		t.Errorf("the designer's values are lost: %v", body)
	}
	// It is answered and refused.
	if body["officeSuiteAppDefaultFileFormat"] != "officeOpenXMLFormat" {
		t.Errorf("file format %v", body["officeSuiteAppDefaultFileFormat"])
	}
}

// Rules of a Windows app have two shapes of one content.
func TestWin32RulesAreSentOnce(t *testing.T) {
	has := func(body map[string]any) string {
		names := ""
		for _, name := range []string{"detectionRules", "requirementRules", "rules"} {
			if body[name] != nil {
				names += name + " "
			}
		}
		return names
	}
	if got := has(bodyOf(t, createOf(t, "mobile-app-win32", catalog.SameTenant, nil).Steps[0])); got != "detectionRules requirementRules " {
		t.Error(got)
	}
	if got := has(bodyOf(t, createOf(t, "mobile-app-win32", catalog.SameTenant, func(doc catalog.Document) { doc.Object()["detectionRules"] = []any{} }).Steps[0])); got != "rules " {
		t.Error(got)
	}
	row, raw := policyOf(t, "mobile-app-win32", func(doc catalog.Document) { doc.Object()["detectionRules"], doc.Object()["rules"] = nil, nil })
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("created without rules: %v", err)
	}
}

// Categories are refused in the body.
func TestCategoriesAreAddedOneByOne(t *testing.T) {
	made := createOf(t, "mobile-app-winget", elsewhere("mobile-app-category"), nil)
	var refs []any
	for _, s := range made.Steps {
		if s.Name == "category" {
			refs = append(refs, bodyOf(t, s)["@odata.id"])
		}
	}
	if bodyOf(t, made.Steps[0])["categories"] != nil || len(refs) != 2 || !strings.HasPrefix(refs[0].(string), "https://graph.microsoft.com/beta/deviceAppManagement/mobileAppCategories/") {
		t.Errorf("references %v", refs)
	}
	// Microsoft's own have one id in every tenant and need no mapping.
	if ids, _ := unresolvedOf(made, "mobile-app-category"); !slices.Equal(ids, []string{"000000c1-1111-4222-8333-0000000000c1"}) {
		t.Errorf("unresolved %v", ids)
	}
}

// An app of Google Play is added by its product and looked for afterwards; what
// belongs to one organisation is not.
func TestGooglePlayAppIsAddedAndFound(t *testing.T) {
	made := createOf(t, "mobile-app-managed-google-play", catalog.SameTenant, nil)
	if got := namesOf(made); got != "create find update category category assign" {
		t.Fatal(got)
	}
	if got := string(made.Steps[0].Body); got != `{"productIds":["app:com.microsoft.teams"]}` || made.Steps[0].Learn != nil {
		t.Errorf("adds %s", got)
	}
	find := made.Steps[1]
	if got := find.Learn(map[string]any{"value": []any{}}); len(got) != 0 {
		t.Errorf("learns %v of nothing", got)
	}
	if got := find.Learn(map[string]any{"value": []any{map[string]any{"id": "new"}}}); find.Method != "GET" || got["id"] != "new" {
		t.Errorf("%s learns %v", find.Method, got)
	}
	for what, change := range map[string]func(catalog.Document){
		"a private app": func(doc catalog.Document) { doc.Object()["isPrivate"] = true },
		"a web app": func(doc catalog.Document) {
			doc.Object()["@odata.type"] = "#microsoft.graph.androidManagedStoreWebApp"
		},
	} {
		row, raw := policyOf(t, "mobile-app-managed-google-play", change)
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrNotCreatable) {
			t.Errorf("%s is created: %v", what, err)
		}
	}
	system := createOf(t, "mobile-app-managed-google-play", catalog.SameTenant, func(doc catalog.Document) { doc.Object()["isSystemApp"] = true })
	if body := bodyOf(t, system.Steps[0]); system.Steps[0].Path != "deviceAppManagement/mobileApps" || body["packageId"] != nil || body["appStoreUrl"] != nil {
		t.Errorf("a system app: %s %v", system.Steps[0].Path, body)
	}
}

// The store catalogue that every tenant shows is Microsoft's.
func TestUnknownAppsAreOfNoType(t *testing.T) {
	i := slices.IndexFunc(catalog.Sources(), func(s catalog.Source) bool { return s.Collection() == "deviceAppManagement/mobileApps" })
	source := catalog.Sources()[i]
	for _, kind := range []string{"managedIOSStoreApp", "managedAndroidStoreApp", "windowsStoreApp", "appOfTheFuture"} {
		if row, ok := source.Classify(map[string]any{"@odata.type": "#microsoft.graph." + kind}); ok {
			t.Errorf("%s is of %s", kind, row.ID)
		}
	}
}

// Policy sets.

// A member that is not mapped points at nothing, or at a stranger's policy.
func TestEveryMemberOfAPolicySetIsMapped(t *testing.T) {
	made := createOf(t, "policy-set", func(typeID, id string) (string, bool) {
		return id, typeID == catalog.TypeGroup || typeID == catalog.TypeScopeTag
	},
		func(doc catalog.Document) {
			doc["items"] = append(doc["items"].([]any),
				map[string]any{"@odata.type": "#microsoft.graph.iosLobAppProvisioningConfigurationPolicySetItem", "payloadId": "of-no-type"},
				map[string]any{"@odata.type": "#microsoft.graph.managedAppProtectionPolicySetItem", "itemType": "#microsoft.graph.androidManagedAppProtection", "payloadId": "T_2"})
		})
	want := map[string]string{
		catalog.TypeApp: "00000205-1111-4222-8333-000000000205", "ios-app-protection": "T_00000301-1111-4222-8333-000000000301", "android-app-protection": "T_2",
		"device-configuration": "0000020c-1111-4222-8333-00000000020c", "device-compliance-policy": "0000020d-1111-4222-8333-00000000020d",
		"enrollment-single-platform-restriction": "00000102-1111-4222-8333-000000000102_Limit", "autopilot-deployment-profile": "00000106-1111-4222-8333-000000000106",
		catalog.TypeOther: "of-no-type",
	}
	got := map[string]string{}
	for _, u := range made.Unresolved {
		if got[u.Type] = u.ID; u.Assignment {
			t.Errorf("%v concerns the assignments only", u)
		}
	}
	if len(got) != len(want) {
		t.Errorf("unresolved %v", got)
	}
	for typeID, id := range want {
		if got[typeID] != id {
			t.Errorf("%s: %q", typeID, got[typeID])
		}
	}
}

// Its members come before it.
func TestPolicySetsAreLast(t *testing.T) {
	set := row(t, "policy-set")
	for _, row := range catalog.All() {
		if row.ID != set.ID && row.Rank >= set.Rank && row.CreateCall.Method != "" {
			t.Errorf("%s has rank %d", row.ID, row.Rank)
		}
	}
}

// One call with items and assignments clears what it does not name.
func TestItemsAndAssignmentsOfASetAreSentApart(t *testing.T) {
	made := createOf(t, "policy-set", catalog.SameTenant, nil)
	if got := namesOf(made); got != "create assign" {
		t.Fatal(got)
	}
	body, assign := bodyOf(t, made.Steps[0]), bodyOf(t, made.Steps[1])
	if items, _ := body["items"].([]any); len(items) != 6 || body["assignments"] != nil {
		t.Errorf("creates %v", body)
	}
	if made.Steps[1].Path != "deviceAppManagement/policySets/{id}/update" || len(assign) != 1 || len(assign["assignments"].([]any)) != 2 {
		t.Errorf("assigns %s %v", made.Steps[1].Path, assign)
	}
}

// With status or errorCode the create is refused, and the scope tags have another
// name here.
func TestPolicySetBody(t *testing.T) {
	body := bodyOf(t, createOf(t, "policy-set", catalog.SameTenant, nil).Steps[0])
	if body["status"] != nil || body["errorCode"] != nil || body["roleScopeTagIds"] != nil || len(body["roleScopeTags"].([]any)) != 2 {
		t.Errorf("sends %v", body)
	}
	for _, item := range body["items"].([]any) {
		for key := range item.(map[string]any) {
			if !slices.Contains([]string{"@odata.type", "payloadId", "intent", "settings", "guidedDeploymentTags"}, key) {
				t.Errorf("an item has %s", key)
			}
		}
	}
}

// Windows 365.

// A group that is added gets Cloud PCs, which cost, at once.
func TestCloudPCsAreAssignedOnRequestOnly(t *testing.T) {
	row, raw := policyOf(t, "cloudpc-provisioning-policy", nil)
	made, err := row.Create(raw, catalog.SameTenant, nil)
	if err != nil || namesOf(made) != "create" {
		t.Fatalf("%s, %v", namesOf(made), err)
	}
	// On request, with the plan and the allotment that a Frontline policy needs.
	doc, err := catalog.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	steps := row.AssignSteps(doc)
	if len(steps) != 1 {
		t.Fatalf("%d steps", len(steps))
	}
	target := bodyOf(t, steps[0])["assignments"].([]any)[0].(map[string]any)["target"].(map[string]any)
	for _, key := range []string{"@odata.type", "groupId", "servicePlanId", "allotmentDisplayName", "allotmentLicensesCount"} {
		if target[key] == nil {
			t.Errorf("the target lost %s", key)
		}
	}
}

// The action changes Cloud PCs that people work on.
func TestApplyIsNeverCalled(t *testing.T) {
	for _, id := range []string{"cloudpc-provisioning-policy", "cloudpc-user-setting"} {
		row := row(t, id)
		for _, path := range []string{row.CreateCall.Path, row.UpdateCall.Path, row.DeleteCall.Path, row.Assign.Path} {
			if strings.HasSuffix(path, "/apply") {
				t.Errorf("%s calls %s", id, path)
			}
		}
		for _, s := range createOf(t, id, catalog.SameTenant, nil).Steps {
			if strings.Contains(s.Path, "/apply") {
				t.Errorf("%s calls %s", id, s.Path)
			}
		}
	}
}

// With a network connection or an image of another tenant every Cloud PC fails to
// be provisioned.
func TestNetworkAndImageMustBeMapped(t *testing.T) {
	made := createOf(t, "cloudpc-provisioning-policy", elsewhere(catalog.TypeOther), nil)
	ids, assignment := unresolvedOf(made, catalog.TypeOther)
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"00000503-1111-4222-8333-000000000503", "00000504-1111-4222-8333-000000000504"}) || assignment {
		t.Errorf("unresolved %v", made.Unresolved)
	}
	gallery := createOf(t, "cloudpc-provisioning-policy", elsewhere(catalog.TypeOther), func(doc catalog.Document) {
		doc.Object()["imageType"], doc.Object()["imageId"] = "gallery", "microsoftwindowsdesktop_windows-ent-cpc_win11"
		doc.Object()["domainJoinConfigurations"] = []any{map[string]any{"domainJoinType": "azureADJoin", "onPremisesConnectionId": nil}}
	})
	if len(gallery.Unresolved) != 0 {
		t.Errorf("unresolved %v", gallery.Unresolved)
	}
}

// Conditional Access.

// A policy that is on at once can lock every administrator out.
func TestAccessPolicyIsNeverCreatedEnabled(t *testing.T) {
	for captured, made := range map[string]string{"enabled": "enabledForReportingButNotEnforced", "enabledForReportingButNotEnforced": "enabledForReportingButNotEnforced", "disabled": "disabled"} {
		creation := createOf(t, "conditional-access-policy", catalog.SameTenant, func(doc catalog.Document) { doc.Object()["state"] = captured })
		if got := bodyOf(t, creation.Steps[0])["state"]; got != made {
			t.Errorf("%s becomes %v", captured, got)
		}
	}
}

// Without an exclusion the emergency account is included; without a control the
// policy is another one.
func TestUnmappedReferenceStopsAnAccessPolicy(t *testing.T) {
	want := map[string][]string{
		catalog.TypeGroup:                {"000000a1-1111-4222-8333-0000000000a1", "000000a2-1111-4222-8333-0000000000a2", "000000a3-1111-4222-8333-0000000000a3"},
		"named-location":                 {"00000404-1111-4222-8333-000000000404"},
		"authentication-context":         {"c3"},
		"authentication-strength-policy": {"00000405-1111-4222-8333-000000000405"},
		"terms-of-use-agreement":         {"00000406-1111-4222-8333-000000000406"},
	}
	for typeID, ids := range want {
		made := createOf(t, "conditional-access-policy", elsewhere(typeID), nil)
		got, assignment := unresolvedOf(made, typeID)
		if slices.Sort(got); !slices.Equal(got, ids) || assignment {
			t.Errorf("%s: unresolved %v", typeID, made.Unresolved)
		}
		// What is not found is never left out, which would widen or shrink the policy.
		for _, id := range ids {
			if !strings.Contains(string(made.Steps[0].Body), id) {
				t.Errorf("%s: %s was dropped", typeID, id)
			}
		}
	}
	// Keywords and Microsoft's own strengths mean the same everywhere.
	made := createOf(t, "conditional-access-policy", elsewhere("named-location", "authentication-strength-policy"), func(doc catalog.Document) {
		object := doc.Object()
		object["conditions"].(map[string]any)["locations"] = map[string]any{"includeLocations": []any{"All"}, "excludeLocations": []any{"AllTrusted", "00000000-0000-0000-0000-000000000000"}}
		object["grantControls"].(map[string]any)["authenticationStrength"] = map[string]any{"id": "00000000-0000-0000-0000-000000000004"}
	})
	if len(made.Unresolved) != 0 {
		t.Errorf("unresolved %v", made.Unresolved)
	}
}

// The answer says more of a policy than a request may.
func TestAccessPolicyBody(t *testing.T) {
	body := bodyOf(t, createOf(t, "conditional-access-policy", catalog.SameTenant, func(doc catalog.Document) {
		doc.Object()["conditions"].(map[string]any)["devices"] = map[string]any{"deviceFilter": nil}
	}).Steps[0])
	conditions, grant := body["conditions"].(map[string]any), body["grantControls"].(map[string]any)
	if strength, _ := grant["authenticationStrength"].(map[string]any); len(strength) != 1 || strength["id"] == nil {
		t.Errorf("strength %v", grant["authenticationStrength"])
	}
	for _, gone := range []any{body["templateId"], body["partialEnablementStrategy"], conditions["deviceStates"], conditions["devices"], conditions["times"], body["sessionControls"].(map[string]any)["disableResilienceDefaults"]} {
		if gone != nil {
			t.Errorf("sends %v", gone)
		}
	}
	for what, change := range map[string]func(map[string]any){
		"without users":        func(o map[string]any) { delete(o["conditions"].(map[string]any), "users") },
		"without applications": func(o map[string]any) { delete(o["conditions"].(map[string]any), "applications") },
		"without controls":     func(o map[string]any) { o["grantControls"], o["sessionControls"] = nil, nil },
	} {
		row, raw := policyOf(t, "conditional-access-policy", func(doc catalog.Document) { change(doc.Object()) })
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
			t.Errorf("created %s: %v", what, err)
		}
	}
}

// Applications ask for the id of a context: under another one they demand the
// wrong thing.
func TestAuthenticationContextKeepsItsID(t *testing.T) {
	row := row(t, "authentication-context")
	if !slices.Equal(row.Identity, []string{"id"}) || bodyOf(t, createOf(t, row.ID, catalog.SameTenant, nil).Steps[0])["id"] != "c3" {
		t.Errorf("told by %v", row.Identity)
	}
}

// Restrictions of the keys that a strength takes lie apart from it.
func TestStrengthIsSentWithItsConfigurations(t *testing.T) {
	body := bodyOf(t, createOf(t, "authentication-strength-policy", catalog.SameTenant, nil).Steps[0])
	list, _ := body["combinationConfigurations"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != nil || list[0].(map[string]any)["allowedAAGUIDs"] == nil || body["policyType"] != nil || body["requirementsSatisfied"] != nil {
		t.Errorf("sends %v", body)
	}
	row, raw := policyOf(t, "authentication-strength-policy", func(doc catalog.Document) { delete(doc, "combinationConfigurations") })
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("created without: %v", err)
	}
}

// A location without content would be an exclusion of nothing.
func TestNamedLocationNeedsContent(t *testing.T) {
	row, raw := policyOf(t, "named-location", func(doc catalog.Document) { delete(doc.Object(), "ipRanges") })
	if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrIncomplete) {
		t.Errorf("created: %v", err)
	}
}

// What the service itself made is never created or changed.
func TestAccessBuiltIns(t *testing.T) {
	for id, change := range map[string]func(map[string]any){
		"named-location":                 func(o map[string]any) { o["@odata.type"] = "#microsoft.graph.compliantNetworkNamedLocation" },
		"authentication-strength-policy": func(o map[string]any) { o["policyType"] = "builtIn" },
		"mobile-app-category":            func(o map[string]any) { o["id"] = "ed899483-3019-425e-a470-28e901b9790e" },
	} {
		row, raw := policyOf(t, id, func(doc catalog.Document) { change(doc.Object()) })
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrNotCreatable) || row.BuiltIn.Writable {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Look-ups.

// An application may not create terms of use, and a device belongs to its owner.
func TestTypesThatAreNeverWritten(t *testing.T) {
	for _, id := range []string{"terms-of-use-agreement", "autopilot-device-identity"} {
		row, raw := policyOf(t, id, nil)
		if row.CreateCall.Method+row.UpdateCall.Method+row.DeleteCall.Method+row.Assign.Path != "" || len(row.WritePermissions) != 0 || row.Restorability.Level != catalog.CaptureOnly {
			t.Errorf("%s has calls that write", id)
		}
		if _, err := row.Create(raw, catalog.SameTenant, nil); !errors.Is(err, catalog.ErrNotCreatable) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Mistakes that only a plan, a preview or whoever does the steps can make, for the
// restore to test. Those of updates are in hazards_update_test.go.
//
//   - enrolment: a restriction that blocks a platform is written before its groups
//     are found; priorities are set in another than ascending order over several
//     policies
//   - Autopilot: all devices are assigned together with exclusions
//   - Apple: a profile becomes the default without being asked for
//   - app protection: two writers of one policy at once lose apps from its list
//   - app configuration: the first of several apps of one name is taken; payloads
//     show in logs
//   - apps: an uninstall is assigned without a second approval
//   - Windows 365: a policy is deleted while it is assigned
//   - Conditional Access: a context id that means something else in the target is
//     reused; a location in use is made untrusted or deleted
//   - groups: the first of several of one name is taken; a dynamic group is matched
//     with a static one
