package restore

import (
	"encoding/json"
	"maps"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// needed makes in the tenant what the policies of a set refer to and exports do not
// hold: groups above all.
func (b *bed) needed(setID string) {
	b.t.Helper()
	made := map[[2]string]bool{}
	b.each(setID, func(_ run.BackupItem, t catalog.Type, doc catalog.Document) {
		for _, u := range t.Referenced(doc) {
			of, known := catalog.ByID(u.Type)
			key := [2]string{of.Collection, u.ID}
			if _, err := b.store.Policy(b.t.Context(), tenantID, run.PolicyID(tenantID, of.Collection, u.ID)); !known || made[key] || err == nil {
				continue
			}
			made[key] = true
			object := map[string]any{"id": u.ID, of.NameProperty: "Needed " + u.ID}
			maps.Copy(object, neededProperties[u.Type])
			text, err := json.Marshal(object)
			if err != nil {
				b.t.Fatal(err)
			}
			if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: of.Collection, JSON: text}); err != nil {
				b.t.Logf("%s %s: %v", u.Type, u.ID, err)
			}
		}
	})
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
