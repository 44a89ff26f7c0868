package httpapi_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

// addVersion adds the next version to the policy of the bed.
func (b *bed) addVersion(v run.Version) int {
	b.t.Helper()
	p, err := b.store.Policy(b.t.Context(), own, b.policy.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	v.TenantID, v.PolicyID, v.Number, v.CapturedAt = own, p.ID, p.LatestVersion+1, epoch
	if v.PayloadKey, err = b.archive.Put(b.t.Context(), own, []byte(`{}`)); err != nil {
		b.t.Fatal(err)
	}
	if _, err = b.store.AddVersion(b.t.Context(), run.NewVersion{Version: v, Policy: p}); err != nil {
		b.t.Fatal(err)
	}
	return v.Number
}

// report is what the API says of a version in the place where people look.
func (b *bed) report(number int) httpapi.ReportView {
	b.t.Helper()
	a := b.do("viewer", "GET", "/v1/tenants/"+own+"/policies/"+b.policy.ID+"/versions/"+strconv.Itoa(number), "")
	if a.status != http.StatusOK {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
	var v httpapi.VersionContent
	a.into(b.t, &v)
	return v.Report
}

// A version is no better than its type and than what it lacks: whoever relies on
// it reads here that it cannot be written back, and why.
func TestReport(t *testing.T) {
	note := func(code, key, value string) run.Note {
		return run.Note{Code: code, Params: map[string]string{key: value}}
	}
	part, assignments := note("unreadable_part", "part", "settings"), note("assignments_unreadable", "part", "assignments")
	secret, names := note("secret_not_readable", "setting", "vendor_secret"), note("names_unreadable", "permission", "GroupMember.Read.All")
	const full, preview, capture = "full", "preview_only", "capture_only"
	const settings, template, device, intent, filter = "settings-catalog-policy", "group-policy-configuration", "autopilot-device-identity", "device-management-intent", "assignment-filter"
	for name, tc := range map[string]struct {
		policyType  string
		notes       []run.Note
		level       string
		assignments bool
		reason      string // part of it; "" means that of the type
	}{
		"whole":                          {settings, nil, full, true, ""},
		"assignments not read":           {settings, []run.Note{assignments}, full, false, ""},
		"a part not read":                {settings, []run.Note{part}, preview, true, "settings"},
		"a secret not read":              {settings, []run.Note{secret}, preview, true, "vendor_secret"},
		"names not read":                 {settings, []run.Note{names}, full, true, ""},
		"the first lack is the reason":   {settings, []run.Note{names, secret, part}, preview, true, "vendor_secret"},
		"much not read":                  {settings, []run.Note{assignments, part}, preview, false, "settings"},
		"a type for previews":            {template, nil, preview, true, ""},
		"a type for previews that lacks": {template, []run.Note{part, assignments}, preview, false, ""},
		"a type that is only kept":       {device, nil, capture, false, ""},
		"only kept, and assigned":        {intent, nil, capture, false, ""},
		"only kept, and lacks":           {device, []run.Note{part}, capture, false, ""},
		"a type without assignments":     {filter, nil, full, false, ""},
		"a type of another release":      {"made-up-policy", []run.Note{secret}, capture, false, ""},
		"a note of another release":      {settings, []run.Note{note("made_up", "x", "y")}, full, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			got := b.report(b.addVersion(run.Version{PolicyType: tc.policyType, Complete: len(tc.notes) == 0, Notes: tc.notes}))
			if got.Level != tc.level || got.Assignments != tc.assignments || len(got.Missing) != len(tc.notes) {
				t.Errorf("%+v", got)
			}
			of, _ := catalog.ByID(tc.policyType)
			if tc.reason == "" && got.Reason != of.Restorability.Reason || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("reason %q", got.Reason)
			}
			for i, sentence := range got.Missing {
				if sentence == "" {
					t.Errorf("no sentence for %s", tc.notes[i].Code)
				}
			}
			if tc.reason != "" && !slices.Contains(got.Missing, got.Reason) {
				t.Errorf("the reason %q is not among what is missing: %q", got.Reason, got.Missing)
			}
		})
	}
}

// Every type of the catalogue is told, in its order, with what it needs and what
// becomes of its secret values.
func TestPolicyTypes(t *testing.T) {
	b := newBed(t)
	a := b.do("viewer", "GET", "/v1/policy-types", "")
	if a.status != http.StatusOK || strings.Contains(string(a.body), "null") {
		t.Fatalf("%d, %d bytes", a.status, len(a.body))
	}
	var got httpapi.List[httpapi.PolicyTypeView]
	a.into(t, &got)
	all := catalog.All()
	if len(got.Items) != len(all) {
		t.Fatalf("%d of %d types", len(got.Items), len(all))
	}
	for i, v := range got.Items {
		of := all[i]
		if v.ID != of.ID || v.Title != of.Title || v.Family != string(of.Family) || v.Collection != of.Collection {
			t.Errorf("%+v", v)
		}
		if v.Restorability.Level != string(of.Restorability.Level) || v.Restorability.Reason != of.Restorability.Reason {
			t.Errorf("%s: %+v", v.ID, v.Restorability)
		}
		if !slices.Equal(v.ReadPermissions, of.ReadPermissions) || !slices.Equal(v.WritePermissions, of.WritePermissions) || !slices.Equal(v.DependsOn, of.DependsOn) || len(v.ReadPermissions) == 0 {
			t.Errorf("%s: %q, %q, %q", v.ID, v.ReadPermissions, v.WritePermissions, v.DependsOn)
		}
		if len(v.Secrets) != len(of.Secrets) {
			t.Fatalf("%s: %+v", v.ID, v.Secrets)
		}
		for k, s := range v.Secrets {
			if s.Where != of.Secrets[k].Where || s.Reason != of.Secrets[k].Reason || s.Restorable != of.Secrets[k].Restorable {
				t.Errorf("%s: %+v", v.ID, s)
			}
		}
	}
}
