package restore

import (
	"encoding/json"
	"maps"
	"strings"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// needed makes in the tenant what the policies of a set refer to and exports do not
// hold: groups above all.
func (b *bed) needed(setID string) {
	b.t.Helper()
	b.each(setID, func(_ run.BackupItem, t catalog.Type, doc catalog.Document) { b.neededBy(t, doc) })
}

// neededBy makes what one policy refers to.
func (b *bed) neededBy(t catalog.Type, doc catalog.Document) {
	b.t.Helper()
	for _, u := range t.Referenced(doc) {
		of, known := catalog.ByID(u.Type)
		if _, err := b.store.Policy(b.t.Context(), tenantID, run.PolicyID(tenantID, of.Collection, u.ID)); !known || b.has[of.Collection+"/"+u.ID] || err == nil {
			continue
		}
		b.has[of.Collection+"/"+u.ID] = true
		object := map[string]any{"id": u.ID, of.NameProperty: "Needed " + u.ID}
		if len(of.Members.ODataTypes) > 0 {
			object["@odata.type"] = catalog.ODataPrefix + of.Members.ODataTypes[0]
		}
		maps.Copy(object, neededProperties[u.Type])
		if kind := certificateKind(doc, u.ID); kind != "" {
			object["@odata.type"] = catalog.ODataPrefix + kind
		}
		text, err := json.Marshal(object)
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: of.Collection, JSON: text}); err != nil {
			b.t.Fatalf("%s %s: %v", u.Type, u.ID, err)
		}
	}
}

// neededProperties are what objects that others refer to must have besides.
var neededProperties = map[string]map[string]any{
	"assignment-filter":                        {"platform": "windows10AndLater", "rule": "(device.model -eq \"x\")"},
	"mobile-app-store":                         {"@odata.type": "#microsoft.graph.iosStoreApp", "publisher": "p", "publishingState": "published"},
	"named-location":                           {"@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": []string{"DE"}},
	"authentication-strength-policy":           {"allowedCombinations": []string{"fido2"}, "policyType": "custom"},
	"device-configuration":                     {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration"},
	"device-compliance-policy":                 {"@odata.type": "#microsoft.graph.windows10CompliancePolicy"},
	"mobile-app-configuration":                 {"@odata.type": "#microsoft.graph.iosMobileAppConfiguration"},
	"autopilot-deployment-profile":             {"@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile"},
	"device-configuration-network-certificate": {"@odata.type": "#microsoft.graph.windows81TrustedRootCertificate", "trustedRootCertificate": "MIIB"},
}

// certificateKind is the kind of certificate profile that a profile refers to, by
// the property that names it.
func certificateKind(doc catalog.Document, id string) string {
	found, _ := doc["certificates"].(map[string]any)
	for path, answer := range found {
		text, _ := json.Marshal(answer)
		switch {
		case !strings.Contains(string(text), id):
		case strings.Contains(strings.ToLower(path), "root"):
			return "windows81TrustedRootCertificate"
		default:
			return "windows81SCEPCertificateProfile"
		}
	}
	return ""
}
