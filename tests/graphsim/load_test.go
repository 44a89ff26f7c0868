package graphsim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"
	"unicode/utf8"
)

func newLoader(t testing.TB) *loader {
	t.Helper()
	c, err := newCatalog()
	if err != nil {
		t.Fatal(err)
	}
	return newLoaderWith(t, c)
}

func newLoaderWith(t testing.TB, c *catalog) *loader {
	t.Helper()
	s := &Sim{catalog: c}
	tn, _, err := s.loadTenant(TenantSpec{ID: "11111111-aaaa-4bbb-8ccc-000000000001"})
	if err != nil {
		t.Fatal(err)
	}
	return &loader{tenant: tn, catalog: c, report: LoadReport{Loaded: map[string]int{}, NotModelled: map[string]int{}}}
}

func utf16Bytes(order binary.ByteOrder, s string) []byte {
	var buf bytes.Buffer
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		if err := binary.Write(&buf, order, u); err != nil {
			panic(err)
		}
	}
	return buf.Bytes()
}

// halfPair writes s as UTF-16 in which the first P is half a surrogate pair.
func halfPair(s string) []byte {
	data := utf16Bytes(binary.LittleEndian, s)
	i := bytes.IndexByte(data, 'P')
	data[i], data[i+1] = 0x00, 0xd8
	return data
}

// Each way in which tools export policies is understood, and what is no policy
// is named and not an error.
func TestLoadKinds(t *testing.T) {
	const policy = `{"name":"P","platforms":"windows10","technologies":"mdm","settings":[]}`
	l := newLoader(t)
	files := fstest.MapFS{}
	for name, data := range map[string][]byte{
		"shape.json":          []byte(policy),
		"bom.json":            []byte("\xef\xbb\xbf" + policy),
		"le.json":             utf16Bytes(binary.LittleEndian, policy),
		"be.JSON":             utf16Bytes(binary.BigEndian, policy),
		"type.json":           []byte(`{"@odata.type":"#microsoft.graph.deviceManagementConfigurationPolicy","name":"T"}`),
		"context.json":        []byte(`{"@odata.context":"https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies(settings())/$entity","name":"C"}`),
		"configuration.json":  []byte(`{"@odata.type":"#microsoft.graph.macOSCustomConfiguration","displayName":"D"}`),
		"compliance.json":     []byte(`{"@odata.type":"#microsoft.graph.macOSCompliancePolicy","displayName":"C"}`),
		"list.json":           []byte(`{"@odata.context":"https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies","value":[` + policy + `,{"id":"x","name":"in a list"}]}`),
		"intent.json":         []byte(`{"@odata.type":"#microsoft.graph.deviceManagementIntent"}`),
		"delta.json":          []byte(`{"displayName":"d","TemplateId":"t","settingsDelta":[]}`),
		"access.json":         []byte(`{"displayName":"d","state":"enabled","conditions":{}}`),
		"restriction.json":    []byte(`{"@odata.type":"#microsoft.graph.deviceEnrollmentPlatformRestrictionsConfiguration"}`),
		"profile.json":        []byte(`{"@odata.type":"#microsoft.graph.deviceManagementResourceAccessProfileBase"}`),
		"P_Settings.json":     []byte(`"a string that holds JSON"`),
		"array.json":          []byte(`[1,2]`),
		"rules.json":          []byte(`{"Rules":[]}`),
		"broken.json":         []byte(`{"name":`),
		"latin1.json":         []byte("{\"name\":\"\xe9\"}"),
		"odd.json":            {0xff, 0xfe, '{'},
		"surrogate.json":      halfPair(policy),
		"twice.json":          []byte(`{"name":"a","name":"b","platforms":1,"technologies":1,"settings":[]}`),
		"abstract.json":       []byte(`{"@odata.type":"#microsoft.graph.deviceConfiguration","displayName":"no such thing"}`),
		"no-assignment.json":  []byte(`{"@odata.type":"#microsoft.graph.macOSCustomConfiguration","assignments":[{}]}`),
		"deep.json":           []byte(`{"name":"P","platforms":1,"technologies":1,"settings":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`),
		"secrets.json":        []byte(`{"graphsimSecrets":{"a":"b"}}`),
		"not-json.txt":        []byte(`x`),
		"folder/shape-2.json": []byte(policy),
	} {
		files[name] = &fstest.MapFile{Data: data}
	}
	if err := l.folder(files); err != nil {
		t.Fatal(err)
	}
	r := l.report
	if n := r.Loaded["deviceManagement/configurationPolicies"]; n != 9 {
		t.Errorf("%d settings catalog policies, want 9", n)
	}
	if r.Loaded["deviceManagement/deviceConfigurations"] != 1 || r.Loaded["deviceManagement/deviceCompliancePolicies"] != 1 || r.Secrets != 1 {
		t.Errorf("loaded %v, secrets %d", r.Loaded, r.Secrets)
	}
	if r.Loaded["deviceManagement/intents"] != 2 || r.Loaded["identity/conditionalAccess/policies"] != 1 || r.Loaded["deviceManagement/deviceEnrollmentConfigurations"] != 1 {
		t.Errorf("loaded %v", r.Loaded)
	}
	if len(r.NotModelled) != 1 || r.NotModelled["deviceManagement/resourceAccessProfiles"] != 1 {
		t.Errorf("not modelled %v", r.NotModelled)
	}
	var unrecognised []string
	for _, n := range r.NotRecognised {
		unrecognised = append(unrecognised, n.Origin)
		if n.Origin == "surrogate.json" && !strings.Contains(n.Text, "surrogate") {
			t.Errorf("half a surrogate pair was turned into something else: %s", n.Text)
		}
	}
	want := "P_Settings.json abstract.json array.json broken.json deep.json latin1.json no-assignment.json odd.json rules.json surrogate.json twice.json"
	if got := strings.Join(unrecognised, " "); got != want {
		t.Errorf("not recognised:\n%s\nwant\n%s", got, want)
	}
}

// What a file lacks is filled in, the same way each time.
func TestLoadFills(t *testing.T) {
	load := func(tenantID string) (*entity, *entity) {
		s := &Sim{catalog: newLoader(t).catalog}
		tn, _, err := s.loadTenant(TenantSpec{ID: tenantID, FS: fstest.MapFS{
			"a.json": {Data: []byte(`{"name":"P","platforms":"windows10","technologies":"mdm","id":"00000000-0000-0000-0000-000000000000","settingCount":9,"isAssigned":true,"settings":[{"settingInstance":{}},{"id":"7"}],"createdDateTime@odata.type":"#DateTimeOffset","@odata.etag":"x","#microsoft.graph.assign":{}}`)},
			"b.json": {Data: []byte(`{"@odata.type":"#microsoft.graph.macOSCompliancePolicy","displayName":"C"}`)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return tn.sets["deviceManagement/configurationPolicies"].order[0], tn.sets["deviceManagement/deviceCompliancePolicies"].order[0]
	}
	a, compliance := load("11111111-aaaa-4bbb-8ccc-000000000001")
	again, _ := load("11111111-aaaa-4bbb-8ccc-000000000001")
	other, _ := load("11111111-aaaa-4bbb-8ccc-000000000002")
	if a.id != again.id || a.id == other.id || len(a.id) != 36 {
		t.Errorf("ids %s, %s and in another tenant %s", a.id, again.id, other.id)
	}
	if !bytes.Equal(a.props.bytes(), again.props.bytes()) {
		t.Errorf("%s is not %s", a.props.bytes(), again.props.bytes())
	}
	for key, want := range map[string]string{"settingCount": "2", "roleScopeTagIds": `["0"]`, "description": "null", "isAssigned": "", "createdDateTime@odata.type": "", "@odata.etag": "", "#microsoft.graph.assign": "", "settings": ""} {
		if got, _ := a.props.get(key); string(got) != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if s := a.children["settings"]; string(s[0]) != `{"id":"0","settingInstance":{}}` || string(s[1]) != `{"id":"7"}` {
		t.Errorf("settings %s", s)
	}
	rule := compliance.children["scheduledActionsForRule"]
	if len(rule) != 1 || !strings.Contains(string(rule[0]), `"actionType":"block"`) {
		t.Errorf("scheduled actions %s", rule)
	}
}

func TestBuiltinTenants(t *testing.T) {
	for name, want := range map[string]LoadReport{
		"contoso":  {Loaded: map[string]int{"deviceManagement/configurationPolicies": 7, "deviceManagement/deviceConfigurations": 2, "deviceManagement/deviceCompliancePolicies": 3, "deviceManagement/intents": 2}, NotModelled: map[string]int{}},
		"fabrikam": {Loaded: map[string]int{"deviceManagement/configurationPolicies": 8, "deviceManagement/deviceConfigurations": 1, "deviceManagement/deviceCompliancePolicies": 1}, NotModelled: map[string]int{}},
	} {
		s := &Sim{catalog: newLoader(t).catalog}
		_, r, err := s.loadTenant(TenantSpec{ID: "11111111-aaaa-4bbb-8ccc-000000000001", Builtin: name})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal([]any{r.Loaded, r.NotModelled})
		wanted, _ := json.Marshal([]any{want.Loaded, want.NotModelled})
		if !bytes.Equal(got, wanted) {
			t.Errorf("%s: %s, want %s; not recognised %v", name, got, wanted, r.NotRecognised)
		}
		for _, n := range r.NotRecognised {
			if !strings.Contains(n.Origin, "_Settings.json") && !strings.Contains(n.Origin, "CheckForProcess") && !strings.Contains(n.Origin, "enrollment-restriction") {
				t.Errorf("%s: %s: %s", name, n.Origin, n.Text)
			}
		}
	}
}

// FuzzLoadFile feeds the loader with files. It must never panic, and what it
// takes must come out as valid JSON that loads again to the same.
func FuzzLoadFile(f *testing.F) {
	for _, s := range []string{
		`{"name":"P","platforms":"windows10","technologies":"mdm","settings":[{"a":[1,{"b":null}]}],"x\u0000y":1e400}`,
		`{"@odata.type":"#microsoft.graph.macOSCompliancePolicy","scheduledActionsForRule":[{"scheduledActionConfigurations":[{}]}]}`,
		`{"@odata.type":"#microsoft.graph.macOSCustomConfiguration","assignments":[{"target":{}}],"id":"../x"}`,
		`{"@odata.context":"$metadata#deviceManagement/configurationPolicies","value":[{"id":"1"},{"id":"1"}]}`,
		`{"graphsimSecrets":{"a":"b"}}`, `[`, `""`, "\xef\xbb\xbf{}", `{"":{},"a":"\\\"}"}`,
	} {
		f.Add([]byte(s))
		f.Add(utf16Bytes(binary.BigEndian, s))
	}
	table := newLoader(f).catalog
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoaderWith(t, table)
		l.file("f.json", data)
		for _, c := range l.catalog.collections {
			if len(c.view) > 0 {
				continue
			}
			for _, e := range l.tenant.sets[c.path].order {
				q := query{}
				for _, child := range c.children {
					q.expands = append(q.expands, expand{name: child.name})
				}
				out := c.render(l.tenant, e, q, true).bytes()
				if !json.Valid(out) || !utf8.Valid(out) {
					t.Fatalf("%q", out)
				}
				again := newLoaderWith(t, table)
				if _, err := again.object(Object{Collection: c.path, JSON: out}); err != nil {
					t.Fatalf("%s does not load again: %v", out, err)
				}
				for _, key := range []string{"settings", "assignments"} {
					twice := again.tenant.sets[c.path].order[0].children[key]
					if !bytes.Equal(arrayBytes(e.children[key]), arrayBytes(twice)) {
						t.Fatalf("%s: %s became %s", key, e.children[key], twice)
					}
				}
			}
		}
	})
}

// FuzzTokenForm feeds the form of the token endpoint.
func FuzzTokenForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", []byte("grant_type=client_credentials&client_id=a&client_secret=b&scope=c"))
	f.Add("application/x-www-form-urlencoded; charset=utf-8", []byte("grant_type=a&grant_type=b"))
	f.Add("text/plain", []byte("%zz"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		form, p := parseTokenForm(contentType, body)
		if p != nil {
			if p.status < 400 {
				t.Fatalf("a refusal with status %d", p.status)
			}
			return
		}
		values, err := url.ParseQuery(string(body))
		if err != nil || values.Get("grant_type") != form.grantType || form.grantType == "" || form.clientID == "" {
			t.Fatalf("%q gave %+v (%v)", body, form, err)
		}
	})
}

// FuzzQuery feeds the OData query: it is either refused or holds what it says.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "$top=5", "%24top=5&$select=id,name", "$expand=a($expand=b($expand=c)),d", "$skiptoken=%255Bx", "$top=1&$top=2", "$expand=((", "$filter=x", "&", "a%zz=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, p := parseQuery(raw)
		if p != nil {
			if p.status < 400 || p.message == "" {
				t.Fatalf("a refusal without sense: %+v", p)
			}
			return
		}
		if q.top < 0 {
			t.Fatalf("$top %d", q.top)
		}
		for _, s := range q.selects {
			if !propertyName.MatchString(s) {
				t.Fatalf("$select %q", s)
			}
		}
		var check func(es []expand, depth int)
		check = func(es []expand, depth int) {
			if depth > maxExpandDepth+1 {
				t.Fatalf("$expand of depth %d", depth)
			}
			for _, e := range es {
				if !propertyName.MatchString(e.name) {
					t.Fatalf("$expand %q", e.name)
				}
				check(e.nested, depth+1)
			}
		}
		check(q.expands, 0)
	})
}

// Exports without types and addresses, as IntuneCD writes them, are told by their
// properties.
func TestLoadShapes(t *testing.T) {
	for text, want := range map[string]string{
		`{"displayName":"N","scriptContent":"eA==","runAs32Bit":false,"fileName":"a.ps1"}`:                      "deviceManagement/deviceManagementScripts",
		`{"displayName":"N","scriptContent":"eA==","executionFrequency":"P1D","fileName":"a.sh"}`:               "deviceManagement/deviceShellScripts",
		`{"displayName":"N","scriptContent":"eA==","customAttributeType":"string","executionFrequency":"P1D"}`:  "deviceManagement/deviceCustomAttributeShellScripts",
		`{"displayName":"N","detectionScriptContent":"eA==","remediationScriptContent":"eA=="}`:                 "deviceManagement/deviceHealthScripts",
		`{"displayName":"N","detectionScriptContent":"eA==","runAsAccount":"system"}`:                           "deviceManagement/deviceComplianceScripts",
		`{"displayName":"N","platform":"windows10AndLater","rule":"x"}`:                                         "deviceManagement/assignmentFilters",
		`{"displayName":"N","settingDefinitionId":"d","settingInstance":{}}`:                                    "deviceManagement/reusablePolicySettings",
		`{"displayName":"N","brandingOptions":"none","localizedNotificationMessages":[{"locale":"en-US"}]}`:     "deviceManagement/notificationMessageTemplates",
		`{"displayName":"N","rolePermissions":[]}`:                                                              "deviceManagement/roleDefinitions",
		`{"displayName":"N","definitionValues":[]}`:                                                             "deviceManagement/groupPolicyConfigurations",
		`{"displayName":"N","templateId":"t","isMigratingToConfigurationPolicy":null,"settings":[]}`:            "deviceManagement/intents",
		`{"displayName":"N","title":"T","bodyText":"B","acceptanceStatement":"A"}`:                              "deviceManagement/termsAndConditions",
		`{"profileName":"N","themeColor":{}}`:                                                                   "deviceManagement/intuneBrandingProfiles",
		`{"displayName":"N","featureUpdateVersion":"x"}`:                                                        "deviceManagement/windowsFeatureUpdateProfiles",
		`{"displayName":"N","expeditedUpdateSettings":{}}`:                                                      "deviceManagement/windowsQualityUpdateProfiles",
		`{"displayName":"N","hotpatchEnabled":true}`:                                                            "deviceManagement/windowsQualityUpdatePolicies",
		`{"displayName":"N","approvalType":"manual"}`:                                                           "deviceManagement/windowsDriverUpdateProfiles",
		`{"displayName":"N","allowedCombinations":["fido2"]}`:                                                   "identity/conditionalAccess/authenticationStrength/policies",
		`{"name":"N","platforms":"linux","technologies":"linuxMdm","settings":[],"scheduledActionsForRule":[]}`: "deviceManagement/compliancePolicies",
		`{"@odata.type":"#microsoft.graph.win32LobApp","displayName":"N"}`:                                      "deviceAppManagement/mobileApps",
		`{"@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"N","apps":[]}`:                "deviceAppManagement/iosManagedAppProtections",
		`{"@odata.type":"#microsoft.graph.targetedManagedAppConfiguration","displayName":"N"}`:                  "deviceAppManagement/targetedManagedAppConfigurations",
		`{"@odata.context":"https://graph.microsoft.com/beta/$metadata#identity/conditionalAccess/namedLocations/$entity","@odata.type":"#microsoft.graph.countryNamedLocation","displayName":"N"}`: "identity/conditionalAccess/namedLocations",
		`{"@odata.context":"https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCategories/$entity","displayName":"N"}`:                                                               "deviceManagement/deviceCategories",
	} {
		l := newLoader(t)
		l.file("f.json", []byte(text))
		if l.report.Loaded[want] != 1 || len(l.report.Loaded) != 1 {
			t.Errorf("%s: loaded %v, want %s; %v", text, l.report.Loaded, want, l.report.NotRecognised)
		}
	}
}

// An administrative template of IntuneManagement names its definitions by address,
// with their texts beside them: they are there afterwards, in every tenant where
// they are Microsoft's and in this one where they are not.
func TestLoadAdministrativeTemplates(t *testing.T) {
	value := func(id string) string {
		return `{"enabled":true,"definition@odata.bind":"https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('` + id + `')","#Definition_displayName":"Do it","#Definition_classType":"machine","#Definition_categoryPath":"\\C",` +
			`"presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"x","presentation@odata.bind":"https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('` + id + `')/presentations('p')","#Presentation_Label":"Label"}]}`
	}
	s := &Sim{catalog: newLoader(t).catalog}
	tn, r, err := s.loadTenant(TenantSpec{ID: "11111111-aaaa-4bbb-8ccc-000000000001", FS: fstest.MapFS{
		"a.json": {Data: []byte(`{"@odata.type":"#microsoft.graph.groupPolicyConfiguration","displayName":"A","definitionValues":[` + value("one") + `]}`)},
		"b.json": {Data: []byte(`{"@odata.type":"#microsoft.graph.groupPolicyConfiguration","displayName":"B","policyConfigurationIngestionType":"custom","definitionValues":[` + value("two") + `]}`)},
	}})
	if err != nil || r.Loaded["deviceManagement/groupPolicyConfigurations"] != 2 {
		t.Fatalf("%v, loaded %v", err, r.Loaded)
	}
	other, _, err := s.loadTenant(TenantSpec{ID: "11111111-aaaa-4bbb-8ccc-000000000002"})
	if err != nil {
		t.Fatal(err)
	}
	definitions := s.catalog.find(definitionsPath)
	for id, everywhere := range map[string]bool{"one": true, "two": false} {
		e := tn.entity(definitions, id)
		if e == nil || e.props.text("displayName") != "Do it" || len(e.children["presentations"]) != 1 {
			t.Errorf("definition %s: %+v", id, e)
		}
		if (other.entity(definitions, id) != nil) != everywhere {
			t.Errorf("definition %s in another tenant: %v", id, !everywhere)
		}
	}
	raw := tn.sets["deviceManagement/groupPolicyConfigurations"].order[0].children["definitionValues"][0]
	o := mustObject(raw)
	if o.text("~definition") != "one" || o.text("definition@odata.bind") != "" || o.text("#Definition_displayName") != "" || mustObject(listOf(o, "presentationValues")[0]).text("~presentation") != "one/p" {
		t.Errorf("value %s", raw)
	}
}
