package graphsim

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

// writeBodies are bodies of which some fit some request.
var writeBodies = []string{
	`{}`, `null`, `[]`, `{"displayName":"N"}`, `{"name":"N","platforms":"windows10","technologies":"mdm","settings":[]}`,
	`{"assignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"g"}}]}`,
	`{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"g"}}`, `{"settings":[{"definitionId":"d"}]}`, `{"added":[{"definition@odata.bind":"x"}],"deletedIds":["a"]}`,
	`{"@odata.type":"#microsoft.graph.deviceEnrollmentNotificationConfiguration","displayName":"N","notificationTemplates":["_00000000-0000-0000-0000-000000000000"]}`,
	`{"priority":2}`, `{"@odata.id":"x/('y')"}`, `{"relationships":[{}]}`, `{"apps":[{}],"appGroupType":"allApps"}`, `{"id":"c1","displayName":"N"}`,
	`{"fileName":"a","content":"PGE+","groupPolicyUploadedLanguageFiles":[]}`, `{"conditions":{"users":{"includeUsers":["a"]},"applications":{"includeApplications":["All"]},"locations":{"includeLocations":["x"]}}}`,
	`{"locale":"en","subject":"s","messageTemplate":"t","isDefault":true}`, `{"allowedCombinations":["fido2"]}`, `{"ids":["a"],"types":["group"]}`, `{"productIds":["app:x"]}`,
}

var writeMethods = []string{http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete}

// writePaths are the addresses of one object of each set, with all that can be
// written below it.
func writePaths(s *Sim, t *tenant) []string {
	paths := []string{"deviceManagement", "directoryObjects/getByIds", "deviceManagement/androidManagedStoreAccountEnterpriseSettings/addApps"}
	for _, c := range s.catalog.collections {
		paths = append(paths, c.path)
		all := t.all(c.path)
		if len(all) == 0 {
			continue
		}
		e := all[len(all)-1]
		item := c.path + "/" + e.id
		paths = append(paths, item, item+"/assign")
		if c.rules != nil {
			for _, name := range slices.Sorted(maps.Keys(c.rules.actions)) {
				paths = append(paths, item+"/"+name)
			}
			for _, name := range slices.Sorted(maps.Keys(c.rules.kids)) {
				paths = append(paths, item+"/"+name)
				for _, raw := range e.children[name] {
					paths = append(paths, item+"/"+name+"/"+mustObject(raw).text("id"))
				}
			}
		}
		for _, ref := range c.refs {
			paths = append(paths, item+"/"+ref.name+"/$ref")
		}
	}
	return paths
}

// anyWrite sends a write: it must not panic, it is answered with JSON or nothing,
// and the set can be read afterwards.
func anyWrite(tb testing.TB, s *Sim, t *tenant, method, path string, body []byte) {
	tb.Helper()
	r := s.serveGraph(s.fuzzExchange(t, method, "/beta/"+path, body))
	if r.status < 200 || r.status > 599 || len(r.body) > 0 && (!json.Valid(r.body) || !utf8.Valid(r.body)) {
		tb.Fatalf("%s %s %q: %d %q", method, path, body, r.status, r.body)
	}
	c, _ := s.catalog.match(splitSegments(path))
	if c == nil || r.status >= 300 {
		return
	}
	if got := s.serveGraph(s.fuzzExchange(t, http.MethodGet, "/beta/"+c.path, nil)); got.status != 200 || !json.Valid(got.body) {
		tb.Fatalf("after %s %s %q the list is %d %q", method, path, body, got.status, got.body)
	}
}

// Every write to every address with every one of the bodies is answered.
func TestAnyWriteIsAnswered(test *testing.T) {
	s, t := fuzzTenant(test)
	for _, path := range writePaths(s, t) {
		for _, method := range writeMethods {
			for _, body := range writeBodies {
				anyWrite(test, s, t, method, path, []byte(body))
			}
		}
	}
}

// FuzzWrite sends any body to any of these.
func FuzzWrite(f *testing.F) {
	s, t := fuzzTenant(f)
	paths := writePaths(s, t)
	for i := range paths {
		f.Add(uint16(i), uint8(i), []byte(writeBodies[i%len(writeBodies)]))
	}
	f.Fuzz(func(test *testing.T, path uint16, method uint8, body []byte) {
		anyWrite(test, s, t, writeMethods[int(method)%len(writeMethods)], paths[int(path)%len(paths)], body)
	})
}

func splitSegments(path string) []string {
	segments, p := splitPath("/" + path)
	if p != nil {
		return nil
	}
	return segments
}

func fuzzTenant(f testing.TB) (*Sim, *tenant) {
	f.Helper()
	c, err := newCatalog()
	if err != nil {
		f.Fatal(err)
	}
	s := &Sim{catalog: c, limiter: newLimiter(nil), tenants: map[string]*tenant{}, names: map[string]*tenant{}, tokenKey: []byte("key")}
	t, report, err := s.loadTenant(TenantSpec{ID: "11111111-aaaa-4bbb-8ccc-000000000001", Defaults: true, Generate: &GenerateSpec{Seed: 1, Each: 1, Assigned: true}})
	if err != nil || len(report.NotRecognised) > 0 {
		f.Fatal(err, report.NotRecognised)
	}
	s.tenants[t.id], s.names[t.id] = t, t
	return s, t
}

func (s *Sim) fuzzExchange(t *tenant, method, path string, body []byte) *exchange {
	header := http.Header{}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return &exchange{sim: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), method: method, path: path, host: "localhost", header: header, body: body,
		tenantID: t.id, app: "app", claims: &claims{Tenant: t.id, App: "app", Roles: AllPermissions()}}
}
