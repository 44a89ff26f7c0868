package httpapi_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

func (b *bed) addPolicy(name string, change func(*run.Policy)) run.Policy {
	b.t.Helper()
	p := run.Policy{ID: run.PolicyID(own, "deviceManagement/configurationPolicies", name), TenantID: own, Type: "settings-catalog-policy", GraphID: name, Name: name, Platform: "windows10", FirstSeenAt: epoch, ChangedAt: epoch, LastChange: run.ChangeNew}
	if change != nil {
		change(&p)
	}
	p, err := b.store.PutPolicy(b.t.Context(), p)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// names reads a list to its end in pages of two, and returns what each item is called.
func (b *bed) names(path string) []string {
	b.t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	var names []string
	for token := ""; ; {
		p := path + join + "pageSize=2"
		if token != "" {
			p += "&pageToken=" + token
		}
		a := b.do("viewer", "GET", p, "")
		if a.status != http.StatusOK {
			b.t.Fatalf("%s: %d %s", p, a.status, a.body)
		}
		var page struct {
			Items         []struct{ Name string }
			NextPageToken string
		}
		a.into(b.t, &page)
		for _, i := range page.Items {
			names = append(names, i.Name)
		}
		if token = page.NextPageToken; token == "" {
			return names
		}
	}
}

func TestPolicyFilters(t *testing.T) {
	b := newBed(t)
	captured := func(ago time.Duration) func(*run.Policy) {
		return func(p *run.Policy) {
			at := now.Add(-ago)
			p.LatestVersion, p.LastCapturedAt = 1, &at
		}
	}
	b.addPolicy("a recent", captured(2*time.Hour))
	old := b.addPolicy("b old", captured(48*time.Hour))
	b.addPolicy("c never", func(p *run.Policy) { p.Platform = "iOS" })
	gone := b.addPolicy("d gone", func(p *run.Policy) { p.VanishedAt, p.Platform = &epoch, "android" })
	for i, p := range []run.Policy{gone, old, old} {
		r := run.IDSource{}.New(run.PrefixRun, epoch.Add(time.Duration(i)*time.Second))
		d := run.Drift{TenantID: own, ID: run.DriftID(r, p.ID), RunID: r, PolicyID: p.ID, Name: p.Name, Type: p.Type, Kind: run.ChangeChanged, From: 1, To: 2, FoundAt: epoch.Add(time.Duration(i) * time.Second)}
		if err := b.store.PutDrift(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	base := "/v1/tenants/" + own + "/policies"
	for query, want := range map[string][]string{
		"":                                {"a recent", "b old", "c never", "d gone", "Windows <baseline>"},
		"?sort=-name":                     {"Windows <baseline>", "d gone", "c never", "b old", "a recent"},
		"?state=never":                    {"c never"},
		"?state=present&captured=never":   {"c never"},
		"?captured=recent":                {"a recent", "Windows <baseline>"},
		"?captured=older":                 {"b old"},
		"?platform=iOS&platform=android":  {"c never", "d gone"},
		"?state=drifted":                  {"Windows <baseline>", "b old", "d gone"},
		"?state=drifted&q=old":            {"b old"},
		"?state=drifted&platform=android": {"d gone"},
	} {
		got := b.names(base + query)
		if strings.Contains(query, "drifted") { // in the order of the drift; on two pages what drifted twice
			slices.Sort(got)
			got = slices.Compact(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	drift := "/v1/tenants/" + own + "/drift"
	for query, want := range map[string]int{"": 4, "?q=OLD": 2, "?since=2026-11-21T10:00:01Z": 2, "?q=gone&since=2026-11-21T10:00:01Z": 0} {
		if got := b.names(drift + query); len(got) != want {
			t.Errorf("drift%s: %v, want %d", query, got, want)
		}
	}
	if got := b.names("/v1/tenants/" + own + "/members?q=OWNER"); !slices.Equal(got, []string{"owner@contoso.example", ""}) {
		t.Errorf("members: %q", got)
	}
}

// Types say how many policies the tenant has of them: of the last sync until they were
// counted.
func TestPolicyTypesOfATenant(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	if err := b.store.PutTypeSync(ctx, run.TypeSync{TenantID: own, Type: "settings-catalog-policy", SyncedAt: epoch, RunID: "run_1", Policies: 7}); err != nil {
		t.Fatal(err)
	}
	read := func() (httpapi.TenantPolicyTypes, httpapi.TenantPolicyTypeView) {
		var all httpapi.TenantPolicyTypes
		b.do("viewer", "GET", "/v1/tenants/"+own+"/policy-types", "").into(t, &all)
		i := slices.IndexFunc(all.Items, func(v httpapi.TenantPolicyTypeView) bool { return v.ID == "settings-catalog-policy" })
		return all, all.Items[i]
	}
	all, v := read()
	if all.CountedAt != nil || all.Used != 1 || v.Policies != 7 || v.SyncedAt == nil || v.Restorability.Level != "full" || len(all.Items) < 50 {
		t.Errorf("before a count: %+v", v)
	}
	policies, err := b.store.AllPolicies(ctx, own)
	if err != nil {
		t.Fatal(err)
	}
	policies = append(policies, run.Policy{Type: "settings-catalog-policy"}, run.Policy{Type: "settings-catalog-policy", VanishedAt: &epoch})
	c := run.CountInventory(policies, epoch)
	b.counts(own, run.SummaryCounts{Inventory: &c})
	all, v = read()
	if all.CountedAt == nil || all.Used != 1 || v.Policies != 2 || v.Never != 1 || v.Vanished != 1 {
		t.Errorf("after it: %d used, %+v", all.Used, v)
	}
}

// The audit trail is exported with the filters of its page, whole over several parts,
// and no cell is a formula.
func TestAuditExport(t *testing.T) {
	b := newBed(t)
	for i := range 4_100 {
		e := run.AuditEvent{TenantID: own, At: epoch.Add(time.Duration(i) * time.Second), Event: "test.noted", ActorID: "anna", ActorName: "=1+1", Target: run.Target{Kind: run.TargetPolicy, ID: fmt.Sprint("pol_", i), Name: "Name, \"quoted\"\n"}, Details: map[string]string{"b": "2", "a": "1"}}
		if i == 0 {
			e.Objects = []run.AuditObject{{PolicyID: "pol_a", Name: "@A", Action: run.PlanCreate, After: "h"}, {PolicyID: "pol_b", Name: "B", Action: run.PlanUpdate, Before: "h", After: "i"}}
		}
		if err := b.store.Audit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	base := "/v1/tenants/" + own + "/audit-events/export"
	read := func(query string) (lines [][]string, parts int) {
		for token := ""; ; {
			q := query
			if token != "" {
				q += "&pageToken=" + url.QueryEscape(token)
			}
			a := b.do("viewer", "GET", base+q, "")
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(a.header.Get("Content-Disposition"), `attachment; filename="audit-ten_`) {
				t.Fatalf("%d %v %.200s", a.status, a.header, a.body)
			}
			all, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
			if err != nil || all[0][0] != "at" || len(all[0]) != 18 {
				t.Fatalf("%v in %.200s", err, a.body)
			}
			parts++
			lines = append(lines, all[1:]...)
			if token = a.header.Get("X-Next-Page-Token"); token == "" {
				return lines, parts
			}
		}
	}
	lines, parts := read("?event=test.noted&to=2026-11-22T00:00:00Z")
	if len(lines) != 4_101 || parts != 2 {
		t.Fatalf("%d lines in %d parts", len(lines), parts)
	}
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l[7]] = true
		if l[3] != "'=1+1" || l[8] != "Name, \"quoted\"\n" || l[10] != "a=1; b=2" {
			t.Fatalf("%q", l)
		}
	}
	last := lines[len(lines)-2:]
	if len(seen) != 4_100 || last[0][12] != "'@A" || last[0][14] != "create" || last[1][16] != "h" || last[1][17] != "i" {
		t.Errorf("%d targets, the last lines are %q", len(seen), last)
	}
	if lines, _ := read("?target=pol_17&to=2026-11-22T00:00:00Z"); len(lines) != 1 {
		t.Errorf("of one target: %d lines", len(lines))
	}
	if lines, _ := read("?event=test.noted&event=member.set&from=2026-11-21T10:00:00Z&to=2026-11-21T10:00:01Z"); len(lines) != 6 {
		t.Errorf("of two kinds: %d lines", len(lines))
	}
}
