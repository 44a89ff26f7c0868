package graphsim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/tests/graphsim"
)

const (
	contosoID = "11111111-aaaa-4bbb-8ccc-000000000001"
	clientID  = "22222222-aaaa-4bbb-8ccc-000000000002"
	secret    = "canary-client-secret-b81d"
)

// manualTime is a clock that moves only when a test says so; its sleep returns
// at once and notes for how long it was asked.
type manualTime struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newManualTime() *manualTime {
	return &manualTime{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (m *manualTime) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manualTime) Sleep(ctx context.Context, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slept = append(m.slept, d)
	return ctx.Err()
}

func (m *manualTime) Slept() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]time.Duration{}, m.slept...)
}

// rig is a simulator with one tenant, and a client with a token.
type rig struct {
	t      *testing.T
	sim    *graphsim.Sim
	time   *manualTime
	client *http.Client
	token  string
}

func app(permissions ...string) graphsim.App {
	return graphsim.App{ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}}, Permissions: permissions}
}

// newRig starts a simulator with the given tenant; the app may read and write
// configuration.
func newRig(t *testing.T, spec graphsim.TenantSpec, options graphsim.Options) *rig {
	t.Helper()
	m := newManualTime()
	options.Now, options.Sleep = m.Now, m.Sleep
	sim := graphsim.StartTest(t, options)
	spec.ID = contosoID
	if spec.DisplayName == "" {
		spec.DisplayName = "Contoso"
	}
	if spec.Apps == nil {
		spec.Apps = []graphsim.App{app(graphsim.PermConfigurationRead, graphsim.PermConfigurationReadWrite)}
	}
	if _, err := sim.AddTenant(spec); err != nil {
		t.Fatalf("AddTenant: %v", err)
	}
	client := sim.Client()
	t.Cleanup(client.CloseIdleConnections)
	r := &rig{t: t, sim: sim, time: m, client: client}
	r.token = r.newToken()
	return r
}

func tokenForm(changes map[string]string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {"https://graph.microsoft.com/.default"}}
	for k, v := range changes {
		if v == "" {
			form.Del(k)
		} else {
			form.Set(k, v)
		}
	}
	return form
}

func (r *rig) postToken(tenant string, form url.Values) (int, map[string]any) {
	r.t.Helper()
	resp, err := r.client.PostForm(r.sim.URL+"/"+tenant+"/oauth2/v2.0/token", form)
	if err != nil {
		r.t.Fatalf("token request: %v", err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		r.t.Fatalf("token answer: %v", err)
	}
	return resp.StatusCode, body
}

func (r *rig) newToken() string {
	r.t.Helper()
	status, body := r.postToken(contosoID, tokenForm(nil))
	if status != http.StatusOK {
		r.t.Fatalf("token: %d %v", status, body)
	}
	return body["access_token"].(string)
}

// answer is a Graph answer with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
	proto  string
}

func (r *rig) do(method, path string, body []byte, headers ...string) (answer, error) {
	r.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = r.sim.URL + path
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, target, bytes.NewReader(body))
	if err != nil {
		r.t.Fatalf("request: %v", err)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, data, resp.Proto}, err
}

func (r *rig) get(path string, headers ...string) answer {
	r.t.Helper()
	a, err := r.do(http.MethodGet, path, nil, headers...)
	if err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
	return a
}

// ok gets the path and fails the test on another status than 200.
func (r *rig) ok(path string) answer {
	r.t.Helper()
	a := r.get(path)
	if a.status != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a
}

// page is the body of a list.
type page struct {
	Context string            `json:"@odata.context"`
	Count   *int              `json:"@odata.count"`
	Next    string            `json:"@odata.nextLink"`
	Tips    string            `json:"@microsoft.graph.tips"`
	Value   []json.RawMessage `json:"value"`
}

func (a answer) page(t *testing.T) page {
	t.Helper()
	var p page
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("list: %v in %s", err, a.body)
	}
	return p
}

// all follows the nextLinks of a list and returns its pages.
func (r *rig) all(path string) []page {
	r.t.Helper()
	var pages []page
	for path != "" {
		p := r.ok(path).page(r.t)
		pages = append(pages, p)
		path = p.Next
		if len(pages) > 1000 {
			r.t.Fatal("more than 1000 pages")
		}
	}
	return pages
}

// graphError is the envelope of a Graph error.
type graphError struct {
	Error struct {
		Code       string         `json:"code"`
		Message    string         `json:"message"`
		InnerError map[string]any `json:"innerError"`
	} `json:"error"`
}

func (a answer) graphError(t *testing.T) graphError {
	t.Helper()
	var e graphError
	if err := json.Unmarshal(a.body, &e); err != nil {
		t.Fatalf("error body: %v in %q", err, a.body)
	}
	return e
}

// nested is the text that Intune puts as JSON into message.
func (e graphError) nested(t *testing.T) string {
	t.Helper()
	var m struct{ Message string }
	if err := json.Unmarshal([]byte(e.Error.Message), &m); err != nil {
		t.Fatalf("nested message: %v in %q", err, e.Error.Message)
	}
	return m.Message
}

// want fails the test unless the answer is an error with the status and code.
func (a answer) want(t *testing.T, status int, code string) graphError {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	e := a.graphError(t)
	if e.Error.Code != code {
		t.Fatalf("code %q, want %q: %s", e.Error.Code, code, a.body)
	}
	return e
}

func field(t *testing.T, raw []byte, name string) json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("object: %v in %s", err, raw)
	}
	return m[name]
}

func text(t *testing.T, raw []byte, name string) string {
	t.Helper()
	var s string
	if v := field(t, raw, name); v == nil {
		return ""
	} else if err := json.Unmarshal(v, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// idByName finds an object of a collection by name.
func (r *rig) idByName(collection, name string) string {
	r.t.Helper()
	infos, err := r.sim.Objects(contosoID, collection)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range infos {
		if o.Name == name {
			return o.ID
		}
	}
	r.t.Fatalf("no %s named %q among %v", collection, name, infos)
	return ""
}

// catalogPolicies makes n small settings catalog policies.
func catalogPolicies(n, settings int) []graphsim.Object {
	out := make([]graphsim.Object, n)
	for i := range out {
		var list []string
		for k := range settings {
			list = append(list, fmt.Sprintf(`{"id":"%d","settingInstance":{"value":%d}}`, k, k))
		}
		out[i] = graphsim.Object{Collection: "configurationPolicies", JSON: json.RawMessage(fmt.Sprintf(
			`{"id":"%08x-0000-4000-8000-000000000000","name":"P%03d","platforms":"windows10","technologies":"mdm","settings":[%s]}`, i+1, i, strings.Join(list, ",")))}
	}
	return out
}
