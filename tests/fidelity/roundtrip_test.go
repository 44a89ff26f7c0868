package fidelity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// typesFolder holds one folder for each policy type, with a payload.
const typesFolder = "../../shared/catalog/testdata/types"

// difference is what is not equal after a policy was made anew: paths within the
// normal form, and why.
type difference struct {
	reason string
	paths  []string
}

// differences are those of a policy that is made anew from its capture. Everything
// else is equal.
var differences = map[string][]difference{
	"default-app-protection":        {{"nothing public shows how its apps are written; it is only captured", []string{"apps"}}},
	"conditional-access-policy":     {{"a new policy locks nobody out: it is report-only until a person turns it on", []string{"object.state"}}},
	"cloudpc-provisioning-policy":   {{"an assignment makes Cloud PCs, which cost money: it is made on request", []string{"assignments"}}},
	"mobile-app-lob":                {noInstaller, {"an app is assigned when a person has uploaded its installer", []string{"assignments"}}},
	"mobile-app-win32":              {noInstaller, {"an app is assigned when a person has uploaded its installer", []string{"assignments"}}},
	"windows-driver-update-profile": {{"drivers are approved among those that the tenant's devices report", []string{"driverInventories"}}},
	"dep-enrollment-profile":        {{"a default is set by a person: there is no way back", []string{"object.isDefault"}}},
	"intune-branding-profile":       {{"not accepted by a write", []string{"object.disableClientTelemetry", "object.customPrivacyMessage"}}},
	"mobile-app-managed-google-play": {{"Google gives out what its store says of the app", []string{
		"object.appStoreUrl", "object.description", "object.developer", "object.displayName", "object.informationUrl", "object.isPrivate",
		"object.largeIcon", "object.owner", "object.packageId", "object.publisher", "object.supportsOemConfig", "object.privacyInformationUrl", "object.notes",
	}}},
}

var noInstaller = difference{"of the installer, which is not given out", []string{"object.committedContentVersion", "object.size"}}

// ownMade are the differences between the fixtures, which were written by hand or
// come from a tenant with a history, and their first copy.
var ownMade = map[string][]difference{
	"device-configuration-network-certificate": {{"said where the answer says it", []string{"certificates"}}},
	"device-configuration-custom-oma":          {{"the service encrypts texts", []string{"object.omaSettings"}}},
	"reusable-policy-setting":                  {{"null children are written as none", []string{"object.settingInstance.groupSettingCollectionValue"}}},
	"device-health-script":                     {{"said of Microsoft's own scripts alone", []string{"object.isGlobalScript"}}},
	"windows-feature-update-profile":           {{"refused since Windows 10 ended", []string{"object.installLatestWindows10OnWindows11IneligibleDevice"}}},
	"enrollment-single-platform-restriction":   {{"the place among those that there are", []string{"object.priority"}}},
	"enrollment-notification":                  {{"the service spells it anew", []string{"templates.email.defaultLocale", "templates.push.defaultLocale"}}},
	"dep-enrollment-profile":                   {{"panes that Apple no longer has", []string{"object.enabledSkipKeys"}}},
	"mobile-app-category":                      {{"unknown to the service", []string{"object.futureProperty"}}},
	"role-assignment":                          {{"the default tag is given to what has none", []string{"object.roleScopeTagIds"}}},
	"mobile-app-office-suite": {{"an app with XML has no designer values", []string{
		"object.autoAcceptEula", "object.installProgressDisplayLevel", "object.localesToInstall", "object.officePlatformArchitecture",
		"object.officeSuiteAppDefaultFileFormat", "object.productIds", "object.shouldUninstallOlderVersionsOfOffice", "object.targetVersion",
		"object.updateChannel", "object.updateVersion", "object.useSharedComputerActivation",
	}}},
}

// notCreated are types of which nothing is made anew, with the reason.
var notCreated = map[string]string{
	"enrollment-platform-restrictions-default": "every tenant has its own",
	"enrollment-windows-hello":                 "every tenant has its own",
	"enrollment-windows-restore":               "every tenant has its own",
	"device-management-settings":               "every tenant has its own",
	"autopilot-device-identity":                "the hardware hash is not given out",
	"mobile-app-vpp":                           "they come from Apple's token",
	"terms-of-use-agreement":                   "applications may not",
	"group-policy-uploaded-definition-file":    "the files are not given out",
}

// Every type comes back: what was captured is made anew in an empty tenant, and
// captured there it is the same. So is the fixture of the type and its first copy.
func TestEveryTypeComesBack(t *testing.T) {
	for _, typ := range catalog.All() {
		if typ.LookUp {
			continue
		}
		t.Run(typ.ID, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(typesFolder, typ.ID, "payload.json"))
			if err != nil {
				t.Fatal(err)
			}
			// The fixtures' dates lie ahead then.
			now := time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)
			b := newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}, Now: func() time.Time { return now }})
			b.wire(b.client, nil)
			b.add(source, graphsim.TenantSpec{Defaults: true})
			b.add(target, graphsim.TenantSpec{Defaults: true})
			doc, err := catalog.Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			b.needed(typ, doc, func(string) bool { return false })
			id, err := b.create(source, typ, raw, catalog.SameTenant, secretsOf(typ, doc))
			if reason, expected := notCreated[typ.ID]; expected {
				if !errors.Is(err, catalog.ErrNotCreatable) && !errors.Is(err, catalog.ErrIncomplete) {
					t.Fatalf("is made anew though %s: %v", reason, err)
				}
				b.captures(typ, doc)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			first := b.find(source, typ, id)
			b.equal(typ, asHeld(t, doc), first.payload, "the fixture and its first copy", differences, ownMade)
			second, err := b.create(target, typ, first.payload, elsewhere, first.secrets)
			if err != nil {
				t.Fatal(err)
			}
			mapped, err := typ.Map(first.payload, elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			got := b.find(target, typ, second).payload
			b.equal(typ, mapped, got, "the first copy and the second", differences)
			want, _, err := catalog.Cut(b.want, catalog.MemberSecrets) // digests of one tenant
			if err != nil {
				t.Fatal(err)
			}
			b.verify(typ, want, got)
			if n := b.sim.Counters().NotModelled; n > 0 {
				t.Errorf("%d requests were not modelled", n)
			}
		})
	}
}

// elsewhere is the id in the target tenant of an object of the source.
func elsewhere(typeID, id string) (string, bool) {
	switch {
	case typeID == "authentication-context": // its id is the caller's to choose
	case typeID == "role-scope-tag":
		return "1" + id, true
	case len(id) == 36:
		return "ffffffff" + id[8:], true
	}
	return id, true
}

// verify reports what of an object is not as a write said that it would be.
func (b *bed) verify(typ catalog.Type, want, got []byte) {
	b.t.Helper()
	if paths, err := typ.Unlike(want, got); err != nil || len(paths) > 0 {
		b.t.Errorf("what was written is not as wanted: %v, %v", paths, err)
	}
}

// captures loads an object that cannot be made anew and captures it.
func (b *bed) captures(typ catalog.Type, doc catalog.Document) {
	b.t.Helper()
	object := maps.Clone(doc.Object())
	for name, part := range doc {
		if _, isList := part.([]any); isList {
			object[name] = part
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		b.t.Fatal(err)
	}
	id := catalog.SingletonID
	switch {
	case typ.Singleton:
	case typ.BuiltIn.Only:
		// The tenant's own: its id ends as that of the fixture does.
		suffix := fmt.Sprint(doc["graphId"])
		suffix = suffix[strings.LastIndexByte(suffix, '_'):]
		for _, p := range b.syncTypes(source, typ.ID) {
			if strings.HasSuffix(p.GraphID, suffix) {
				id = p.GraphID
			}
		}
		object["id"] = id
		if text, err = json.Marshal(object); err != nil {
			b.t.Fatal(err)
		}
		fallthrough
	default:
		if id, err = b.sim.PutObject(source.graphID, graphsim.Object{Collection: typ.Collection, JSON: text}); err != nil {
			b.t.Fatal(err)
		}
	}
	c := b.find(source, typ, id)
	if typ.Singleton {
		return // it holds what the tenant has
	}
	got, err := catalog.Decode(c.payload)
	if err != nil {
		b.t.Fatal(err)
	}
	for key, value := range object {
		have, inPart := got[key]
		if !inPart {
			have = got.Object()[key]
		}
		if strings.Contains(key, "@odata.") || key == "categories" { // whose names are of other objects
			continue
		}
		if diff := lost(value, have, key); diff != "" && computed[key] == "" {
			b.t.Error(diff)
		}
	}
}

// asHeld is a fixture as the service holds it: assignments that came from a policy
// set come with the set, and others are said to be direct.
func asHeld(t *testing.T, doc catalog.Document) []byte {
	t.Helper()
	doc = maps.Clone(doc)
	if list, ok := doc[catalog.PartAssignments].([]any); ok {
		doc[catalog.PartAssignments] = slices.DeleteFunc(slices.Clone(list), func(e any) bool {
			a, _ := e.(map[string]any)
			source, said := a["source"]
			if !said {
				a["source"] = "direct"
			}
			return said && source != nil && source != "direct"
		})
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// needed makes in both tenants what a payload refers to, but for what is there.
func (b *bed) needed(typ catalog.Type, doc catalog.Document, there func(id string) bool) {
	b.t.Helper()
	if typ.Parent != "" {
		graphID, _ := doc["graphId"].(string)
		parent, _ := typ.SplitID(graphID)
		for _, at := range []tenant{source, target} {
			text := fmt.Sprintf(`{"id":%q,"tokenName":"token","appleIdentifier":"a@contoso.example"}`, parent)
			if _, err := b.sim.PutObject(at.graphID, graphsim.Object{Collection: typ.Parent, JSON: json.RawMessage(text)}); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.neededByHand(doc)
	for _, r := range typ.Referenced(doc) {
		of, ok := catalog.ByID(r.Type)
		if !ok || there(r.ID) {
			continue
		}
		object := map[string]any{of.NameProperty: "Needed " + r.ID}
		maps.Copy(object, neededProperties[r.Type])
		if len(of.Members.ODataTypes) > 0 {
			object["@odata.type"] = "#microsoft.graph." + of.Members.ODataTypes[0]
		}
		if kind := certificateType(doc, r.ID); kind != "" {
			object["@odata.type"] = "#microsoft.graph." + kind
		}
		for _, at := range []tenant{source, target} {
			if object["id"] = r.ID; at == target {
				object["id"], _ = elsewhere(r.Type, r.ID)
			}
			text, err := json.Marshal(object)
			if err != nil {
				b.t.Fatal(err)
			}
			if _, err := b.sim.PutObject(at.graphID, graphsim.Object{Collection: of.Collection, JSON: text}); err != nil {
				b.t.Fatalf("%s %s: %v", r.Type, r.ID, err)
			}
		}
	}
}

// neededByHand makes what no reference of the catalogue is about: definitions of
// administrative templates, and templates of intents, which are Microsoft's.
func (b *bed) neededByHand(doc catalog.Document) {
	b.t.Helper()
	if templates, ok := doc["template"].(map[string]any); ok {
		for _, template := range templates {
			text, err := json.Marshal(template)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, at := range []tenant{source, target} {
				if _, err := b.sim.PutObject(at.graphID, graphsim.Object{Collection: "deviceManagement/templates", JSON: text}); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
	values, _ := doc["definitionValues"].([]any)
	presentations, _ := doc["presentationValues"].(map[string]any)
	for _, v := range values {
		value, _ := v.(map[string]any)
		definition, _ := value["definition"].(map[string]any)
		if definition == nil {
			continue
		}
		definition = maps.Clone(definition)
		var own []any
		list, _ := presentations[fmt.Sprint(value["id"])].([]any)
		for _, p := range list {
			if of, ok := p.(map[string]any)["presentation"].(map[string]any); ok {
				own = append(own, of)
			}
		}
		definition["presentations"] = own
		for _, at := range []tenant{source, target} {
			// Microsoft's definitions are the same everywhere, imported ones are not.
			if at == target && definition["policyType"] == "admxIngested" {
				for _, of := range append([]any{definition}, own...) {
					renamed := of.(map[string]any)
					renamed["id"], _ = elsewhere("", fmt.Sprint(renamed["id"]))
				}
			}
			text, err := json.Marshal(definition)
			if err != nil {
				b.t.Fatal(err)
			}
			if _, err := b.sim.PutObject(at.graphID, graphsim.Object{Collection: "deviceManagement/groupPolicyDefinitions", JSON: text}); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// certificateType is the type of a certificate profile by the property that names it.
func certificateType(doc catalog.Document, id string) string {
	found, _ := doc["certificates"].(map[string]any)
	for path, answer := range found {
		text, _ := json.Marshal(answer)
		if !bytes.Contains(text, []byte(id)) {
			continue
		}
		if strings.Contains(strings.ToLower(path), "root") {
			return "windows81TrustedRootCertificate"
		}
		return "windows81SCEPCertificateProfile"
	}
	return ""
}

// neededProperties are what objects that others refer to must have besides.
var neededProperties = map[string]map[string]any{
	"assignment-filter":              {"platform": "windows10AndLater", "rule": "(device.model -eq \"x\")"},
	"mobile-app-store":               {"@odata.type": "#microsoft.graph.iosStoreApp", "publisher": "p", "publishingState": "published"},
	"named-location":                 {"@odata.type": "#microsoft.graph.countryNamedLocation"},
	"authentication-strength-policy": {"allowedCombinations": []string{"fido2"}, "policyType": "custom"},
	"device-configuration":           {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration"},
	"device-compliance-policy":       {"@odata.type": "#microsoft.graph.windows10CompliancePolicy"},
	"mobile-app-configuration":       {"@odata.type": "#microsoft.graph.iosMobileAppConfiguration"},
	"autopilot-deployment-profile":   {"@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile"},
}

// secretsOf makes up a value for each secret that is read apart.
func secretsOf(typ catalog.Type, doc catalog.Document) map[string]string {
	if typ.SecretReads == nil {
		return nil
	}
	values := map[string]string{}
	for i, s := range typ.SecretReads(doc) {
		values[s.Place] = fmt.Sprintf("<secret>%d ü</secret>", i)
	}
	return values
}

// find syncs and captures the policy with a Graph id.
func (b *bed) find(at tenant, typ catalog.Type, id string) captured {
	b.t.Helper()
	for _, p := range b.syncTypes(at, typ.ID) {
		_, last := typ.SplitID(p.GraphID)
		if strings.EqualFold(last, id) {
			if p.Type != typ.ID {
				b.t.Errorf("it is now a %s", p.Type)
			}
			c := b.capture(at, p)
			if !c.version.Complete {
				b.t.Errorf("incomplete: %v", c.version.Notes)
			}
			return c
		}
	}
	b.t.Fatalf("%s %s is not listed", typ.ID, id)
	return captured{}
}

// defaulted are members that were null and that the service fills in, and empty
// ones that are as good as null.
var defaulted = regexp.MustCompile(`: (null became (false|\[\]|""|"none"|"devices")|(\{\}|\[\]) became null)$`)

// equal compares the normal forms of two payloads but for the listed differences.
func (b *bed) equal(typ catalog.Type, before, after []byte, what string, allowed ...map[string][]difference) {
	b.t.Helper()
	x, y := b.normal(typ, before), b.normal(typ, after)
	if bytes.Equal(x, y) {
		return
	}
	var l, r any
	if err := errors.Join(json.Unmarshal(x, &l), json.Unmarshal(y, &r)); err != nil {
		b.t.Fatal(err)
	}
	diffs := slices.DeleteFunc(compare(l, r, ""), func(d string) bool {
		path, _, _ := strings.Cut(d, ": ")
		return defaulted.MatchString(d) || slices.ContainsFunc(allowed, func(list map[string][]difference) bool {
			return slices.ContainsFunc(list[typ.ID], func(d difference) bool {
				return slices.ContainsFunc(d.paths, func(p string) bool {
					return path == p || strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[")
				})
			})
		})
	})
	if len(diffs) > 0 {
		b.t.Errorf("%s differ:\n%s", what, strings.Join(diffs[:min(len(diffs), 12)], "\n"))
	}
}

func (b *bed) normal(typ catalog.Type, payload []byte) []byte {
	b.t.Helper()
	doc, err := catalog.Decode(payload)
	if err != nil {
		b.t.Fatal(err)
	}
	delete(doc, catalog.MemberSecrets) // digests of one tenant
	text, err := json.Marshal(doc)
	if err != nil {
		b.t.Fatal(err)
	}
	normal, err := typ.NormalForm(text)
	if err != nil {
		b.t.Fatal(err)
	}
	return normal
}

// compare lists the differences of two JSON values by path.
func compare(x, y any, path string) []string {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		if !ok {
			break
		}
		keys := map[string]bool{}
		for k := range a {
			keys[k] = true
		}
		for k := range b {
			keys[k] = true
		}
		var out []string
		for _, k := range sortedKeys(keys) {
			out = append(out, compare(a[k], b[k], strings.TrimPrefix(path+"."+k, "."))...)
		}
		return out
	case []any:
		b, ok := y.([]any)
		if !ok || len(a) != len(b) {
			break
		}
		var out []string
		for i := range a {
			out = append(out, compare(a[i], b[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return out
	}
	l, _ := json.Marshal(x)
	r, _ := json.Marshal(y)
	if bytes.Equal(l, r) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s became %s", path, clip(l), clip(r))}
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}

// syncTypes lists the collections of some types only.
func (b *bed) syncTypes(at tenant, types ...string) []run.Policy {
	b.t.Helper()
	return b.syncWith(at, map[string][]string{"types": types})
}
