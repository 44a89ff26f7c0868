package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/sqsqueue"
)

// benchmarks are the parts that use the processor, by what they do.
var benchmarks = []struct {
	name string
	run  func(*testing.B)
}{
	{"NormalForm/5MB", benchmarkNormalForm},
	{"ContentHash/5MB", benchmarkContentHash},
	{"GraphList/5000", benchmarkGraphList},
	{"ParseDispatch", benchmarkParseDispatch},
}

// BenchmarkParts runs every benchmark.
func BenchmarkParts(b *testing.B) {
	for _, part := range benchmarks {
		b.Run(part.name, part.run)
	}
}

// Every benchmark works: each runs once in every test run.
func TestBenchmarksWork(t *testing.T) {
	flagged := flag.Lookup("test.benchtime")
	before := flagged.Value.String()
	if err := flagged.Value.Set("1x"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flagged.Value.Set(before) }() // it was valid before
	for _, part := range benchmarks {
		// A benchmark that failed comes back without a round.
		if r := testing.Benchmark(part.run); r.N != 1 {
			t.Errorf("%s does not work", part.name)
		}
	}
}

// payload is a settings catalog policy of about five megabytes, as it is stored.
func payload(b *testing.B) (catalog.Type, []byte) {
	b.Helper()
	t, ok := catalog.ByID("settings-catalog-policy")
	if !ok {
		b.Fatal("no such policy type")
	}
	const setting = `{"id":"%d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",` +
		`"settingDefinitionId":"device_vendor_msft_policy_config_bench_%d","settingInstanceTemplateReference":null,"auditRuleInformation":null,` +
		`"choiceSettingValue":{"settingValueTemplateReference":null,"value":"device_vendor_msft_policy_config_bench_%d_1","children":[]}}}`
	var text strings.Builder
	text.WriteString(`{"schema":"tenantatlas.policy/1","object":{"@odata.context":"x","id":"1","name":"Bench","roleScopeTagIds":["1","0"],"lastModifiedDateTime":"2026-01-01T00:00:00Z"},"settings":[`)
	for i := 0; text.Len() < 5_000_000; i++ {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, setting, i, i, i)
	}
	text.WriteString(`],"assignments":[{"id":"b","target":{"groupId":"2"}},{"id":"a","target":{"groupId":"1"}}]}`)
	return t, []byte(text.String())
}

func benchmarkNormalForm(b *testing.B) {
	t, doc := payload(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if normal, err := t.NormalForm(doc); err != nil || len(normal) < len(doc)/2 {
			b.Fatalf("%d bytes, %v", len(normal), err)
		}
	}
}

func benchmarkContentHash(b *testing.B) {
	t, doc := payload(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if hash, err := t.ContentHash(doc); err != nil || len(hash) != 64 {
			b.Fatalf("%q, %v", hash, err)
		}
	}
}

// benchmarkGraphList reads 5,000 objects in pages of 25 with the product's own
// Graph client, over TLS on loopback. The answers are made beforehand.
func benchmarkGraphList(b *testing.B) {
	const objects, pageSize = 5000, 25
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // a client that has gone fails by itself
	}
	mux.HandleFunc("GET /"+graphTenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		base := server.URL + "/" + graphTenant
		answer(w, map[string]string{"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0"})
	})
	mux.HandleFunc("POST /"+graphTenant+"/oauth2/v2.0/token", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": "token"})
	})
	const path = "/beta/deviceManagement/configurationPolicies"
	pages := make([][]byte, objects/pageSize)
	size := 0
	for p := range pages {
		page := map[string]any{}
		items := make([]map[string]any, pageSize)
		for i := range items {
			items[i] = map[string]any{
				"id": fmt.Sprintf("00000000-0000-4000-8000-%012d", p*pageSize+i), "name": fmt.Sprintf("Settings %05d", p*pageSize+i), "description": "Generated",
				"platforms": "windows10", "technologies": "mdm", "roleScopeTagIds": []string{"0"}, "settingCount": 5,
				"createdDateTime": "2026-01-01T00:00:00Z", "lastModifiedDateTime": "2026-01-02T00:00:00Z",
			}
		}
		page["value"] = items
		if p+1 < len(pages) {
			page["@odata.nextLink"] = server.URL + path + "?$skiptoken=" + strconv.Itoa(p+1)
		}
		raw, err := json.Marshal(page)
		if err != nil {
			b.Fatal(err)
		}
		pages[p] = raw
		size += len(raw)
	}
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if token := r.URL.Query().Get("$skiptoken"); token != "" {
			var err error
			if n, err = strconv.Atoi(token); err != nil || n < 0 || n >= len(pages) {
				http.Error(w, "no such page", http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(pages[n]) // a client that has gone fails by itself
	})
	reader, err := graph.NewReader(graph.Config{
		Endpoint: &graph.Endpoint{GraphURL: server.URL, AuthorityURL: server.URL}, TenantID: graphTenant, ClientID: graphClient,
		Credential: graph.Credential{Secret: "bench-secret"}, Version: "bench", HTTPClient: server.Client(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		got, err := reader.List(b.Context(), graph.Request{Path: strings.TrimPrefix(path, "/beta/")}, graph.ListOptions{}, func(json.RawMessage) error { return nil })
		if err != nil || got.Items != objects {
			b.Fatalf("%d objects, %v", got.Items, err)
		}
	}
}

func benchmarkParseDispatch(b *testing.B) {
	body := []byte(`{"v":1,"tenant":"ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA","run":"run_01J9Z3T6Q4W8R2N5M7K1P0XYZA","dispatchSeq":1}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sqsqueue.ParseDispatch(body); err != nil {
			b.Fatal(err)
		}
	}
}
