package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
)

// object is any JSON object.
type object = map[string]any

// mayRead are the permissions with which the product's application may read everything.
var mayRead = catalog.ReadPermissions()

// mayWrite are those with which it may also restore everything.
var mayWrite = func() []string {
	all := slices.Clone(mayRead)
	for _, t := range catalog.All() {
		all = append(all, t.WritePermissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}()

// control asks the administration of the Graph simulator.
func control(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, stack.Graph.AdminURL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	res, err := stack.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func simulate(t testing.TB, method, path string, body, into any) {
	t.Helper()
	if err := control(t.Context(), method, path, body, into); err != nil {
		t.Fatalf("Graph simulator: %v", err)
	}
}

// fault makes the simulator misbehave towards one tenant until the returned
// function is called, or the test ends.
func (x *tenant) fault(t testing.TB, rule object) (lift func()) {
	t.Helper()
	rule["tenant"] = x.graphID
	var made struct{ ID string }
	simulate(t, http.MethodPost, "/v1/faults", rule, &made)
	lifted := false
	lift = func() {
		if !lifted {
			lifted = true
			if err := control(context.WithoutCancel(t.Context()), http.MethodDelete, "/v1/faults/"+made.ID, nil, nil); err != nil {
				t.Errorf("lift the fault: %v", err)
			}
		}
	}
	t.Cleanup(lift)
	return lift
}

// graphRequest is one request that the simulator answered.
type graphRequest struct {
	Seq                uint64
	Kind, Method, Path string
	Query              string
	Status             int
	Fault              string
}

// requests lists what the tenant's Graph and its token endpoint were asked.
func (x *tenant) requests(t testing.TB) []graphRequest {
	t.Helper()
	var log struct {
		Entries []graphRequest
		Dropped int
	}
	simulate(t, http.MethodGet, "/v1/log?tenant="+x.graphID, nil, &log)
	return log.Entries
}

// inFlight is how many of the tenant's requests the simulator is answering now.
func (x *tenant) inFlight(t testing.TB) int {
	t.Helper()
	var counters struct {
		Tenants map[string]struct{ InFlight int }
	}
	simulate(t, http.MethodGet, "/v1/counters", nil, &counters)
	return counters.Tenants[x.graphID].InFlight
}

// app registers the product's application in the simulated tenant.
func (x *tenant) app(t testing.TB, app object) {
	t.Helper()
	app["clientId"] = x.clientID
	simulate(t, http.MethodPut, "/v1/tenants/"+x.graphID+"/apps/"+x.clientID, app, nil)
}

// graphReader reads the simulator as an application of the tenant would: not
// through the product.
type graphReader struct {
	http  *http.Client
	token string
}

func (x *tenant) reader(t testing.TB) graphReader {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(must(os.ReadFile(stack.Graph.CAFile))(t)) {
		t.Fatal("the simulator's certificate authority cannot be read")
	}
	r := graphReader{http: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}}
	t.Cleanup(r.http.CloseIdleConnections)
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {x.clientID}, "client_secret": {x.secret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	res := must(r.http.PostForm(stack.Graph.AuthorityURL+"/"+x.graphID+"/oauth2/v2.0/token", form))(t)
	defer func() { _ = res.Body.Close() }()
	data := must(io.ReadAll(res.Body))(t)
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(data, &granted); err != nil || granted.AccessToken == "" {
		t.Fatalf("no Graph token: %d %s", res.StatusCode, data)
	}
	r.token = granted.AccessToken
	return r
}

// get reads one answer of Graph.
func (r graphReader) get(t testing.TB, address string) []byte {
	t.Helper()
	if !strings.HasPrefix(address, "https:") {
		address = stack.Graph.URL + "/beta/" + address
	}
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody))(t)
	req.Header.Set("Authorization", "Bearer "+r.token)
	res := must(r.http.Do(req))(t)
	defer func() { _ = res.Body.Close() }()
	data := must(io.ReadAll(res.Body))(t)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("Graph answers %d %s to %s", res.StatusCode, data, address)
	}
	return data
}

// list reads a collection of Graph to its end, each member as it was sent, and
// says how many pages it took.
func (r graphReader) list(t testing.TB, path string) (members []json.RawMessage, pages int) {
	t.Helper()
	for path != "" {
		var answer struct {
			Value []json.RawMessage
			Next  string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(r.get(t, path), &answer); err != nil {
			t.Fatal(err)
		}
		members, path = append(members, answer.Value...), answer.Next
		pages++
	}
	return members, pages
}
