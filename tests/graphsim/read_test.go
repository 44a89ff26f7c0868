package graphsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"tenantatlas/tests/graphsim"
)

// lockedWriter lets a test read what other goroutines log.
type lockedWriter struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func jsonLogger(w *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(&lockedWriter{w: w}, nil))
}

func mustArray(t *testing.T, raw json.RawMessage) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("array: %v in %s", err, raw)
	}
	return out
}

// A list comes by 25 with the count of the page, and its nextLink works only
// whole: a client that takes it apart must notice.
func TestListPaging(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(60, 1)}, graphsim.Options{})
	const list = "/beta/deviceManagement/configurationPolicies"
	pages := r.all(list)
	var sizes []int
	seen := map[string]bool{}
	for _, p := range pages {
		sizes = append(sizes, len(p.Value))
		if p.Count == nil || *p.Count != len(p.Value) {
			t.Errorf("@odata.count %v for a page of %d", p.Count, len(p.Value))
		}
		if p.Tips == "" || p.Context != "https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies" {
			t.Errorf("tips %q, context %q", p.Tips, p.Context)
		}
		for _, v := range p.Value {
			seen[text(t, v, "id")] = true
			if field(t, v, "settings") != nil {
				t.Errorf("settings in a plain list: %s", v)
			}
		}
	}
	if !slices.Equal(sizes, []int{25, 25, 10}) || len(seen) != 60 {
		t.Fatalf("pages of %v with %d ids", sizes, len(seen))
	}
	next := pages[0].Next
	if !strings.HasPrefix(next, r.sim.URL+list+"?$skiptoken=%255Bcosmosdb%255D") {
		t.Errorf("nextLink %s", next)
	}
	once, err := url.QueryUnescape(next[strings.Index(next, "%255B"):])
	if err != nil {
		t.Fatal(err)
	}
	for name, link := range map[string]string{
		"decoded once":   r.sim.URL + list + "?$skiptoken=" + once,
		"another path":   strings.Replace(next, "configurationPolicies", "configurationPolicies('00000001-0000-4000-8000-000000000000')/settings", 1),
		"another query":  next + "&$top=10",
		"cut off":        next[:len(next)-8],
		"made up":        r.sim.URL + list + "?$skiptoken=25",
		"of another set": strings.Replace(next, "configurationPolicies", "deviceConfigurations", 1),
	} {
		if a := r.get(link); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}

	if p := r.ok(list + "?$top=100").page(t); len(p.Value) != 60 || p.Next != "" {
		t.Errorf("$top=100 gave %d, next %q", len(p.Value), p.Next)
	}
	if p := r.ok(list + "?%24top=7").page(t); len(p.Value) != 7 || p.Next == "" {
		t.Errorf("an escaped $top=7 gave %d, next %q", len(p.Value), p.Next)
	}
	if p := r.all(list + "?$top=40&$select=id,name"); len(p) != 2 || len(p[1].Value) != 20 || p[1].Tips != "" || field(t, p[1].Value[0], "platforms") != nil {
		t.Errorf("$top and $select are lost on the second page: %+v", p)
	}
}

func TestTopIsCutToTheLimit(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(130, 0)}, graphsim.Options{})
	if p := r.ok("/beta/deviceManagement/configurationPolicies?$top=999").page(t); len(p.Value) != 100 || p.Next == "" {
		t.Errorf("$top=999 gave %d, next %q", len(p.Value), p.Next)
	}
}

// Objects that come and go between two pages neither hide nor repeat others.
func TestPagingWhileObjectsChange(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(60, 1)}, graphsim.Options{})
	first := r.ok("/beta/deviceManagement/configurationPolicies").page(t)
	for _, v := range first.Value[:10] {
		if err := r.sim.DeleteObject(contosoID, "configurationPolicies", text(t, v, "id")); err != nil {
			t.Fatal(err)
		}
	}
	second := r.ok(first.Next).page(t)
	if got := text(t, second.Value[0], "name"); got != "P025" {
		t.Errorf("the second page starts at %s", got)
	}
}

func TestEmptyPageInTheMiddle(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(60, 0), EmptyPage: true}, graphsim.Options{})
	var sizes []int
	for _, p := range r.all("/beta/deviceManagement/configurationPolicies") {
		sizes = append(sizes, len(p.Value))
	}
	if !slices.Equal(sizes, []int{25, 0, 25, 10}) {
		t.Errorf("pages of %v", sizes)
	}
}

func TestSettingsPaging(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	id := r.idByName("configurationPolicies", "ACSC Windows Hardening Guidelines")
	path := "/beta/deviceManagement/configurationPolicies/" + id + "/settings"
	pages := r.all(path)
	n := 0
	for _, p := range pages {
		for _, v := range p.Value {
			if got := text(t, v, "id"); got != fmt.Sprint(n) {
				t.Fatalf("setting %d has the id %q", n, got)
			}
			n++
		}
	}
	if n != 256 || len(pages) != 11 {
		t.Errorf("%d settings on %d pages, want 256 on 11", n, len(pages))
	}
	if p := r.ok(path + "?$top=1000").page(t); len(p.Value) != 256 || p.Next != "" {
		t.Errorf("$top=1000 gave %d", len(p.Value))
	}
	item := r.ok("/beta/deviceManagement/configurationPolicies('" + id + "')").body
	if string(field(t, item, "settingCount")) != "256" || field(t, item, "settings") != nil {
		t.Errorf("item: %s", item)
	}
	expanded := r.ok("/beta/deviceManagement/configurationPolicies('" + id + "')?$expand=settings").body
	if got := len(mustArray(t, field(t, expanded, "settings"))); got != 256 {
		t.Errorf("$expand=settings gave %d", got)
	}
}

func TestPageSizeOverride(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso", PageSizes: map[string]int{"deviceManagement/deviceCompliancePolicies": 1}}, graphsim.Options{})
	pages := r.all("/beta/deviceManagement/deviceCompliancePolicies?$top=500")
	if len(pages) != 3 || pages[0].Count != nil {
		t.Errorf("%d pages, count %v", len(pages), pages[0].Count)
	}
}

// What a plain read of a compliance policy leaves out, and the one way to get it.
func TestComplianceScheduledActions(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	const list = "/beta/deviceManagement/deviceCompliancePolicies"
	id := r.idByName("deviceCompliancePolicies", "iOS compliance with notification")
	if b := r.ok(list + "/" + id).body; field(t, b, "scheduledActionsForRule") != nil || text(t, b, "@odata.type") != "#microsoft.graph.iosCompliancePolicy" {
		t.Errorf("plain read: %s", b)
	}
	rules := mustArray(t, field(t, r.ok(list+"/"+id+"?$expand=scheduledActionsForRule").body, "scheduledActionsForRule"))
	if len(rules) != 1 || field(t, rules[0], "scheduledActionConfigurations") != nil || text(t, rules[0], "id") == "" {
		t.Errorf("rules without their actions: %s", rules)
	}
	for _, path := range []string{list + "/" + id, list} {
		b := r.ok(path + "?$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)").body
		if path == list {
			for _, v := range mustArray(t, field(t, b, "value")) {
				if text(t, v, "id") == id {
					b = v
				}
			}
		}
		actions := mustArray(t, field(t, mustArray(t, field(t, b, "scheduledActionsForRule"))[0], "scheduledActionConfigurations"))
		if len(actions) != 2 || text(t, actions[1], "actionType") != "notification" || text(t, actions[1], "notificationTemplateId") != "d6a5e4f3-4444-4172-8fbe-2d3c4e5f6071" || text(t, actions[0], "id") == "" {
			t.Errorf("%s: actions %s", path, actions)
		}
	}
	e := r.get(list+"/"+id+"/scheduledActionsForRule").want(t, 400, "No method match route template")
	if !strings.Contains(e.nested(t), "No OData route exists that match template") {
		t.Errorf("message %q", e.Error.Message)
	}
}

func TestAssignments(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	const configurations = "/beta/deviceManagement/deviceConfigurations"
	id := r.idByName("deviceConfigurations", "Windows custom: wireless and limits")
	got := r.ok(configurations + "/" + id + "/assignments").page(t).Value
	if len(got) != 2 || !strings.HasPrefix(text(t, got[0], "id"), id+"_") || text(t, got[0], "source") != "direct" {
		t.Errorf("assignments %s", got)
	}
	if n := len(mustArray(t, field(t, r.ok(configurations+"/"+id+"?$expand=assignments").body, "assignments"))); n != 2 {
		t.Errorf("expanded %d", n)
	}

	// The assignments of endpoint security policies are empty when expanded on
	// the item, and there in the list and by their own path.
	const catalog = "/beta/deviceManagement/configurationPolicies"
	asr := r.idByName("configurationPolicies", "2025-NCSC-ASR")
	if err := r.sim.SetAssignments(contosoID, "configurationPolicies", asr, []json.RawMessage{graphsim.AllDevicesAssignment(), graphsim.GroupAssignment("g")}); err != nil {
		t.Fatal(err)
	}
	if n := len(mustArray(t, field(t, r.ok(catalog+"/"+asr+"?$expand=assignments").body, "assignments"))); n != 0 {
		t.Errorf("expanded on the item: %d", n)
	}
	if n := len(r.ok(catalog + "/" + asr + "/assignments").page(t).Value); n != 2 {
		t.Errorf("by path: %d", n)
	}
	for _, v := range r.ok(catalog + "?$expand=assignments&$top=100").page(t).Value {
		if text(t, v, "id") == asr && len(mustArray(t, field(t, v, "assignments"))) != 2 {
			t.Errorf("expanded in the list: %s", v)
		}
	}
	if b := r.ok(catalog + "/" + asr + "?$select=id,isAssigned").body; string(field(t, b, "isAssigned")) != "true" {
		t.Errorf("isAssigned: %s", b)
	}
	if b := r.ok(catalog + "/" + asr).body; field(t, b, "isAssigned") != nil {
		t.Error("isAssigned is sent though nobody asked")
	}
}

func TestOrganization(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Domains: []string{"contoso.example", "contoso.onmicrosoft.com"}}, graphsim.Options{})
	for _, path := range []string{"/beta/organization", "/v1.0/organization?$select=id,displayName,verifiedDomains"} {
		v := r.ok(path).page(t).Value
		if len(v) != 1 || text(t, v[0], "id") != contosoID || text(t, v[0], "displayName") != "Contoso" || len(mustArray(t, field(t, v[0], "verifiedDomains"))) != 2 {
			t.Errorf("%s: %s", path, v)
		}
	}
}

// Everything the simulator does not model is refused, loudly: 501, its own
// code, a counter and an error in the log.
func TestNotModelled(t *testing.T) {
	var lines bytes.Buffer
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{Logger: jsonLogger(&lines)})
	const list = "/beta/deviceManagement/configurationPolicies"
	id := r.idByName("configurationPolicies", "2025-NCSC-ASR")
	n := 0
	refuse := func(method, path, body string, headers ...string) {
		t.Helper()
		a, err := r.do(method, path, []byte(body), headers...)
		if err != nil {
			t.Fatal(err)
		}
		if n++; a.status != 501 || a.graphError(t).Error.Code != graphsim.CodeNotModelled {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
	for _, q := range []string{"$filter=name%20eq%20'x'", "$orderby=name", "$search=x", "$count=true", "$skip=1", "$format=json", "top=5", "$top=0", "$select=*", "$expand=settings($top=1)"} {
		refuse("GET", list+"?"+q, "")
	}
	refuse("GET", list+"/"+id+"/settings?$expand=settingDefinitions", "")
	refuse("GET", list+"/"+id+"/settings/0", "")
	refuse("GET", "/beta/deviceManagement/resourceAccessProfiles", "")
	refuse("GET", "/beta/users", "")
	refuse("GET", "/beta/directoryObjects", "")
	refuse("GET", "/v1.0/deviceManagement/deviceConfigurations", "")
	refuse("GET", list, "", "Prefer", "odata.maxpagesize=5")
	refuse("GET", list, "", "If-None-Match", "x")
	refuse("GET", list, "", "Accept", "application/json;odata.metadata=full")
	refuse("GET", list, "", "Accept", "text/html")
	reads := r.sim.Counters()
	refuse("POST", list+"/"+id+"/createCopy", "{}", "Content-Type", "application/json")
	refuse("PATCH", "/beta/deviceManagement/groupPolicyUploadedDefinitionFiles", "{}", "Content-Type", "application/json")
	refuse("PUT", "/beta/deviceManagement/deviceConfigurations/"+r.idByName("deviceConfigurations", "Windows custom: wireless and limits"), "{}", "Content-Type", "application/json")
	refuse("DELETE", list+"/"+id+"/settings/0", "")
	c := r.sim.Counters()
	if c.Writes-reads.Writes != 4 || reads.Writes != 0 || c.NotModelled != n {
		t.Errorf("counters %+v, want %d refusals and 4 writes", c, n)
	}
	if got := strings.Count(lines.String(), `"level":"ERROR"`); got != n {
		t.Errorf("%d errors logged, want %d", got, n)
	}
}

func TestWrongPaths(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	id := r.idByName("configurationPolicies", "2025-NCSC-ASR")
	const list = "/beta/deviceManagement/configurationPolicies"
	for path, segment := range map[string]string{
		"/beta/deviceManagement/nonsense":                  "nonsense",
		"/beta/nonsense":                                   "nonsense",
		"/v1.0/deviceManagement/configurationPolicies":     "configurationPolicies",
		list + "/" + id + "/nonsense":                      "nonsense",
		list + "('" + id + "')/scheduledActionsForRule":    "scheduledActionsForRule",
		"/beta/deviceManagement/ConfigurationPolicies":     "ConfigurationPolicies",
		"/beta/deviceManagement/configurationPolicies('')": "configurationPolicies('')",
	} {
		e := r.get(path).want(t, 400, "BadRequest")
		if want := "Resource not found for the segment '" + segment + "'."; e.Error.Message != want {
			t.Errorf("%s: %q, want %q", path, e.Error.Message, want)
		}
	}
	e := r.get(list+"/99999999-0000-4000-8000-000000000000").want(t, 404, "ResourceNotFound")
	e.nested(t)
	r.get(list+"('99999999-0000-4000-8000-000000000000')/settings").want(t, 404, "ResourceNotFound")
	e = r.get("/devicemanagement/configurationPolicies").want(t, 404, "ResourceNotFound")
	if e.Error.Message != "Invalid version: devicemanagement" {
		t.Errorf("message %q", e.Error.Message)
	}
	r.get(list+"?$select=id,nonsense").want(t, 400, "BadRequest")
	r.get(list+"?$expand=nonsense").want(t, 400, "BadRequest")
	r.get(list+"?$top=many").want(t, 400, "BadRequest")
	r.get(list+"?$top=1&$top=2").want(t, 400, "BadRequest")
}

func TestHeaders(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{})
	const mine = "33333333-aaaa-4bbb-8ccc-000000000003"
	a := r.get("/beta/organization", "client-request-id", mine)
	if a.header.Get("client-request-id") != mine || a.header.Get("request-id") == "" || a.header.Get("x-ms-ags-diagnostic") == "" {
		t.Errorf("headers %v", a.header)
	}
	if got := a.header.Get("Date"); got != "Sun, 01 Mar 2026 12:00:00 GMT" {
		t.Errorf("Date %q", got)
	}
	a = r.get("/beta/nonsense", "client-request-id", mine)
	e := a.want(t, 400, "BadRequest")
	if e.Error.InnerError["request-id"] != a.header.Get("request-id") || e.Error.InnerError["client-request-id"] != mine || e.Error.InnerError["date"] != "2026-03-01T12:00:00" {
		t.Errorf("innerError %v", e.Error.InnerError)
	}
}

// sourceText reads an exported file as UTF-8, independently of the loader.
func sourceText(t *testing.T, data []byte) []byte {
	t.Helper()
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) {
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
		}
		return []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
}

// Every property of every built-in policy is answered with the very bytes of
// its source, white space between tokens aside: unknown properties, nulls,
// escapes, and numbers that a double would change.
func TestFidelity(t *testing.T) {
	for _, name := range []string{"contoso", "fabrikam"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, graphsim.TenantSpec{Builtin: name}, graphsim.Options{})
			live := map[string]json.RawMessage{}
			for _, query := range []string{
				"configurationPolicies?$expand=settings,assignments&$top=100",
				"deviceConfigurations?$expand=assignments",
				"deviceCompliancePolicies?$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)",
			} {
				for _, p := range r.all("/beta/deviceManagement/" + query) {
					for _, v := range p.Value {
						live[text(t, v, "name")+text(t, v, "displayName")] = v
					}
				}
			}
			compared, properties := 0, 0
			root, err := fs.Sub(graphsim.BuiltinTenants(), name)
			if err != nil {
				t.Fatal(err)
			}
			err = fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || path.Ext(file) != ".json" {
					return err
				}
				data, err := fs.ReadFile(root, file)
				if err != nil {
					return err
				}
				var source map[string]json.RawMessage
				if json.Unmarshal(sourceText(t, data), &source) != nil {
					return nil //nolint:nilerr // a file that is no object
				}
				var key string
				for _, k := range []string{"name", "displayName"} {
					if raw, ok := source[k]; ok {
						if err := json.Unmarshal(raw, &key); err != nil {
							return err
						}
					}
				}
				got, ok := live[key]
				if !ok {
					return nil // a kind that is not modelled
				}
				compared++
				for k, raw := range source {
					// Annotations and computed properties are the service's own;
					// assignments and actions get ids and are compared elsewhere.
					if strings.HasPrefix(k, "@odata.") || strings.Contains(k, "@odata.") || strings.HasPrefix(k, "#") || k == "assignments" || k == "scheduledActionsForRule" || k == "settingCount" {
						continue
					}
					if k == "id" && string(raw) == `"00000000-0000-0000-0000-000000000000"` {
						continue
					}
					var want bytes.Buffer
					if err := json.Compact(&want, raw); err != nil {
						return err
					}
					have := field(t, got, k)
					if k == "settings" && !bytes.Equal(have, want.Bytes()) {
						have = withoutAddedIDs(t, have, want.Bytes())
					}
					if properties++; !bytes.Equal(have, want.Bytes()) {
						t.Errorf("%s: %s is %.200s, want %.200s", file, k, have, want.Bytes())
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if compared != len(live) || compared < 7 {
				t.Errorf("%d files compared with %d objects", compared, len(live))
			}
			t.Logf("%d objects, %d properties", compared, properties)
		})
	}
}

// withoutAddedIDs takes the id out of settings whose source has none.
func withoutAddedIDs(t *testing.T, have, want json.RawMessage) json.RawMessage {
	t.Helper()
	wanted := mustArray(t, want)
	var parts []string
	for i, v := range mustArray(t, have) {
		if field(t, wanted[i], "id") == nil {
			v = json.RawMessage(strings.Replace(string(v), fmt.Sprintf(`"id":"%d",`, i), "", 1))
		}
		parts = append(parts, string(v))
	}
	return json.RawMessage("[" + strings.Join(parts, ",") + "]")
}
