package graphsim_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/tests/graphsim"
)

const (
	catalogList = "/beta/deviceManagement/configurationPolicies"
	configList  = "/beta/deviceManagement/deviceConfigurations"
)

// Throttled requests count, each lane is by itself, and the wait is announced
// whole, fractional or not at all.
func TestThrottling(t *testing.T) {
	quota := graphsim.Quota{Lane: graphsim.LaneDeviceConfigV2, WindowMs: 20_000, PerAppTenant: 3}
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(1, 0)}, graphsim.Options{Quotas: []graphsim.Quota{quota}})
	for range 3 {
		r.ok(catalogList)
		r.sim.Advance(time.Second)
	}
	a := r.get(catalogList)
	a.want(t, 429, "TooManyRequests")
	if got := a.header.Get("Retry-After"); got != "18" {
		t.Errorf("Retry-After %q, want 18: the second request leaves the window 18 s later", got)
	}
	if details := field(t, field(t, a.body, "error"), "details"); string(details) != "[]" {
		t.Errorf("details %s", details)
	}
	r.ok(configList)
	// The throttled request counted: after 18 s only one of the three slots is free.
	r.sim.Advance(18 * time.Second)
	r.ok(catalogList)
	r.get(catalogList).want(t, 429, "TooManyRequests")
	if c := r.sim.TenantCounters(contosoID); c.Throttled != 2 {
		t.Errorf("throttled %d, want 2", c.Throttled)
	}

	for want, q := range map[string]graphsim.Quota{
		"17.128": {RetryAfter: graphsim.RetryAfterFractional},
		"":       {RetryAfter: graphsim.RetryAfterNone},
		"315":    {FixedRetryAfter: "315"},
	} {
		q.WindowMs, q.PerTenant = 20_000, 2
		if err := r.sim.SetQuotas([]graphsim.Quota{q}); err != nil {
			t.Fatal(err)
		}
		r.ok(catalogList)
		r.sim.Advance(2128 * time.Millisecond)
		r.ok(catalogList)
		r.sim.Advance(2872 * time.Millisecond)
		if a := r.get(catalogList); a.status != 429 || a.header.Get("Retry-After") != want {
			t.Errorf("%d, Retry-After %q, want %q", a.status, a.header.Get("Retry-After"), want)
		}
	}
}

// Two apps of a tenant share its limit; another tenant has its own.
func TestThrottlingPerTenant(t *testing.T) {
	other := graphsim.App{ClientID: "other", Secrets: []graphsim.Secret{{Value: secret}}, Permissions: []string{graphsim.PermConfigurationRead}}
	r := newRig(t, graphsim.TenantSpec{Apps: []graphsim.App{app(graphsim.PermConfigurationRead), other}},
		graphsim.Options{Quotas: []graphsim.Quota{{Lane: graphsim.LaneDeviceConfigV2, WindowMs: 20_000, PerAppTenant: 2, PerTenant: 3}}})
	const second = "44444444-aaaa-4bbb-8ccc-000000000004"
	if _, err := r.sim.AddTenant(graphsim.TenantSpec{ID: second, Apps: []graphsim.App{app(graphsim.PermConfigurationRead)}}); err != nil {
		t.Fatal(err)
	}
	mine := r.token
	_, body := r.postToken(contosoID, tokenForm(map[string]string{"client_id": "other"}))
	others := body["access_token"].(string)
	_, body = r.postToken(second, tokenForm(nil))
	elsewhere := body["access_token"].(string)
	for i, c := range []struct {
		token  string
		status int
	}{{mine, 200}, {mine, 200}, {others, 200}, {others, 429}, {elsewhere, 200}} {
		r.token = c.token
		if a := r.get(catalogList); a.status != c.status {
			t.Errorf("request %d: %d, want %d", i, a.status, c.status)
		}
	}
}

func TestFaultShapes(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(1, 0)}, graphsim.Options{})
	const canary = "canary-in-error-5c1e"
	fault := func(f graphsim.Fault) answer {
		t.Helper()
		r.sim.ClearFaults()
		if _, err := r.sim.AddFault(f); err != nil {
			t.Fatal(err)
		}
		return r.get(catalogList)
	}
	a := fault(graphsim.Fault{Status: 500, RetryAfter: "2.128", Extra: canary, Headers: map[string]string{"X-Planted": canary}})
	e := a.want(t, 500, "InternalError")
	if msg := e.nested(t); !strings.Contains(msg, canary) || !strings.Contains(msg, "Activity ID") {
		t.Errorf("message %q", msg)
	}
	if a.header.Get("Retry-After") != "2.128" || a.header.Get("X-Planted") != canary {
		t.Errorf("headers %v", a.header)
	}
	e = fault(graphsim.Fault{Status: 503, Shape: graphsim.ShapePlain, Message: "Busy."}).want(t, 503, "CancelledOnServiceTimeout")
	if e.Error.Message != "Busy." {
		t.Errorf("message %q", e.Error.Message)
	}
	e = fault(graphsim.Fault{Status: 403, Shape: graphsim.ShapeUnknownCode, Code: "Forbidden", Message: "Denied"}).want(t, 403, "UnknownError")
	var outer struct{ ErrorCode, Message string }
	var inner struct{ Message string }
	if json.Unmarshal([]byte(e.Error.Message), &outer) != nil || outer.ErrorCode != "Forbidden" || json.Unmarshal([]byte(outer.Message), &inner) != nil || !strings.HasPrefix(inner.Message, "Denied - ") {
		t.Errorf("message %q", e.Error.Message)
	}
	e = fault(graphsim.Fault{Status: 504, Shape: graphsim.ShapeUnknown}).want(t, 504, "UnknownError")
	e.nested(t)
	e = fault(graphsim.Fault{Status: 504, Shape: graphsim.ShapeUnknownEmpty}).want(t, 504, "UnknownError")
	if e.Error.Message != "" {
		t.Errorf("message %q", e.Error.Message)
	}
	if a := fault(graphsim.Fault{Status: 502, Shape: graphsim.ShapeEmpty}); a.status != 502 || len(a.body) != 0 {
		t.Errorf("%d %q", a.status, a.body)
	}
	if a := fault(graphsim.Fault{Action: graphsim.FaultGarbage}); a.status != 200 || json.Valid(a.body) {
		t.Errorf("%d %q", a.status, a.body)
	}
	r.sim.ClearFaults()
	if _, err := r.sim.AddFault(graphsim.Fault{Kind: graphsim.KindToken, Status: 503, EntraCode: 90033}); err != nil {
		t.Fatal(err)
	}
	if status, body := r.postToken(contosoID, tokenForm(nil)); status != 503 || !strings.HasPrefix(body["error_description"].(string), "AADSTS90033: ") {
		t.Errorf("%d %v", status, body)
	}
}

// Which requests a rule strikes.
func TestFaultMatching(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(1, 0)}, graphsim.Options{})
	statuses := func(path string, n int) []int {
		var out []int
		for range n {
			out = append(out, r.get(path).status)
		}
		return out
	}
	add := func(f graphsim.Fault) {
		t.Helper()
		r.sim.ClearFaults()
		f.Status = 500
		if _, err := r.sim.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	add(graphsim.Fault{Path: "/configurationPolicies$", Skip: 1, Count: 2})
	if got := statuses(catalogList, 5); !slices.Equal(got, []int{200, 500, 500, 200, 200}) {
		t.Errorf("the second and third: %v", got)
	}
	if f := r.sim.Faults()[0]; f.Seen != 5 || f.Acted != 2 {
		t.Errorf("state %+v", f)
	}
	for name, f := range map[string]graphsim.Fault{"tenant": {Tenant: "x"}, "app": {App: "x"}, "method": {Method: "POST"}, "kind": {Kind: graphsim.KindToken}, "path": {Path: "deviceConfigurations"}, "query": {Query: "top"}} {
		add(f)
		if got := statuses(catalogList, 1); got[0] != 200 {
			t.Errorf("a rule for another %s acted", name)
		}
	}
	add(graphsim.Fault{Probability: 0.5, Seed: 7})
	first := statuses(catalogList, 20)
	add(graphsim.Fault{Probability: 0.5, Seed: 7})
	if again := statuses(catalogList, 20); !slices.Equal(first, again) || !slices.Contains(first, 200) || !slices.Contains(first, 500) {
		t.Errorf("seed 7 gave %v and then %v", first, again)
	}
	for _, f := range []graphsim.Fault{{Status: 200}, {Status: 500, Path: "("}, {Action: "explode"}, {Status: 500, Shape: "round"}, {Status: 500, Probability: 2}, {Action: graphsim.FaultDelay, DelayMs: -1}} {
		if _, err := r.sim.AddFault(f); err == nil {
			t.Errorf("the rule %+v was taken", f)
		}
	}
}

func TestFaultConnections(t *testing.T) {
	for _, http2 := range []bool{true, false} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(3, 0)}, graphsim.Options{})
			if !http2 {
				r.client = r.sim.Client()
				r.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.sim.CertPool}, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
				t.Cleanup(r.client.CloseIdleConnections)
			}
			if a := r.ok(catalogList); (a.proto == "HTTP/2.0") != http2 {
				t.Fatalf("the client speaks %s", a.proto)
			}
			for _, action := range []string{graphsim.FaultCutBefore, graphsim.FaultCutAfter, graphsim.FaultTruncate} {
				r.sim.ClearFaults()
				r.sim.ResetLog()
				if _, err := r.sim.AddFault(graphsim.Fault{ID: "cut", Action: action}); err != nil {
					t.Fatal(err)
				}
				a, err := r.do("GET", catalogList, nil)
				if err == nil {
					t.Errorf("%s: the client saw %d %q and no error", action, a.status, a.body)
				}
				if action == graphsim.FaultTruncate && (len(a.body) == 0 || json.Valid(a.body)) {
					t.Errorf("%s: body %q", action, a.body)
				}
				if e := r.sim.Log(graphsim.LogFilter{}).Entries; len(e) == 0 || e[0].Fault != "cut" {
					t.Errorf("%s: log %+v", action, e)
				}
			}
		})
	}
}

// A caller that gives up ends the wait; one that waits is cut off in the end.
func TestFaultTimeout(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(1, 0)}, graphsim.Options{})
	if _, err := r.sim.AddFault(graphsim.Fault{Action: graphsim.FaultTimeout}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, "GET", r.sim.URL+catalogList, nil)
		if err != nil {
			done <- err
			return
		}
		req.Header.Set("Authorization", "Bearer "+r.token)
		resp, err := r.client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	for r.sim.Faults()[0].Acted == 0 {
		select {
		case err := <-done:
			t.Fatalf("answered at once: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}

	r.sim.ClearFaults()
	if _, err := r.sim.AddFault(graphsim.Fault{Action: graphsim.FaultTimeout, DelayMs: 30_000, Status: 504, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if a := r.get(catalogList); a.status != 504 {
		t.Errorf("status %d", a.status)
	}
	if got := r.time.Slept(); !slices.Equal(got, []time.Duration{30 * time.Second}) {
		t.Errorf("waited %v", got)
	}
}

func TestFaultNextLinkLoop(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(60, 0)}, graphsim.Options{})
	if _, err := r.sim.AddFault(graphsim.Fault{Action: graphsim.FaultNextLinkLoop, Query: "skiptoken"}); err != nil {
		t.Fatal(err)
	}
	first := r.ok(catalogList).page(t)
	second := r.ok(first.Next).page(t)
	if first.Next == "" || second.Next != first.Next {
		t.Errorf("nextLinks %q and %q", first.Next, second.Next)
	}
}

func TestLatency(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{})
	delays := func() []time.Duration {
		if err := r.sim.SetLatency(graphsim.Latency{FixedMs: 100, JitterMs: 50, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		before := len(r.time.Slept())
		for range 5 {
			r.ok("/beta/organization")
		}
		return r.time.Slept()[before:]
	}
	first := delays()
	for _, d := range first {
		if d < 100*time.Millisecond || d > 150*time.Millisecond {
			t.Errorf("delay %v", d)
		}
	}
	if again := delays(); !slices.Equal(first, again) || slices.Min(first) == slices.Max(first) {
		t.Errorf("seed 3 gave %v and then %v", first, again)
	}
}

// batch sends a $batch and returns the answers by id.
func (r *rig) batch(requests string) (answer, map[string]json.RawMessage, []string) {
	r.t.Helper()
	a, err := r.do("POST", "/beta/$batch", []byte(`{"requests":`+requests+`}`), "Content-Type", "application/json")
	if err != nil {
		r.t.Fatal(err)
	}
	byID := map[string]json.RawMessage{}
	var order []string
	if a.status == 200 {
		for _, v := range mustArray(r.t, field(r.t, a.body, "responses")) {
			id := text(r.t, v, "id")
			byID[id] = v
			order = append(order, id)
		}
	}
	return a, byID, order
}

func TestBatch(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Objects: catalogPolicies(2, 3)}, graphsim.Options{Seed: 11, Quotas: []graphsim.Quota{{Lane: graphsim.LaneDirectory, WindowMs: 20_000, PerTenant: 1}}})
	_, got, order := r.batch(`[
		{"id":"1","method":"GET","url":"/deviceManagement/configurationPolicies('00000001-0000-4000-8000-000000000000')"},
		{"id":"2","method":"GET","url":"deviceManagement/configurationPolicies/00000002-0000-4000-8000-000000000000/settings?$top=1"},
		{"id":"3","method":"GET","url":"/deviceManagement/configurationPolicies/99999999-0000-4000-8000-000000000000"},
		{"id":"4","method":"GET","url":"/organization","dependsOn":["3"]},
		{"id":"5","method":"GET","url":"/organization"},
		{"id":"6","method":"GET","url":"/organization","dependsOn":["5"]},
		{"id":"7","method":"DELETE","url":"/deviceManagement/configurationPolicies/00000001-0000-4000-8000-000000000000"},
		{"id":"8","method":"GET","url":"https://example.com/beta/organization"}]`)
	for id, status := range map[string]string{"1": "200", "2": "200", "3": "404", "4": "424", "5": "200", "6": "429", "7": "204", "8": "400"} {
		if s := string(field(t, got[id], "status")); s != status {
			t.Errorf("request %s: %s, want %s: %s", id, s, status, got[id])
		}
	}
	if slices.IsSorted(order) {
		t.Errorf("the answers come in order with seed 11: %v", order)
	}
	body := field(t, got["2"], "body")
	if next := text(t, body, "@odata.nextLink"); !strings.HasPrefix(next, r.sim.URL+"/beta/") {
		t.Errorf("nextLink %q", next)
	} else if p := r.ok(next).page(t); len(p.Value) != 1 {
		t.Errorf("the second page has %d", len(p.Value))
	}
	if v := text(t, field(t, got["6"], "headers"), "Retry-After"); v != "20" {
		t.Errorf("Retry-After of a part: %q", v)
	}
	c := r.sim.Counters()
	if c.Batches != 1 || c.Writes != 1 || c.Throttled != 1 {
		t.Errorf("counters %+v", c)
	}
	log := r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindBatch}).Entries
	for _, e := range r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindWrite}).Entries {
		if e.BatchID != log[0].RequestID {
			t.Errorf("part %+v is not tied to its batch", e)
		}
	}
}

func TestBatchRefusals(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{})
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/organization"}`, i))
	}
	for name, requests := range map[string]string{
		"21 requests":     "[" + strings.Join(many, ",") + "]",
		"none":            "[]",
		"same id":         `[{"id":"a","method":"GET","url":"/organization"},{"id":"A","method":"GET","url":"/organization"}]`,
		"no id":           `[{"method":"GET","url":"/organization"}]`,
		"unknown parent":  `[{"id":"a","method":"GET","url":"/organization","dependsOn":["b"]}]`,
		"circle":          `[{"id":"a","method":"GET","url":"/organization","dependsOn":["a"]}]`,
		"not a list":      `{}`,
		"unknown members": `[{"id":"a","method":"GET","url":"/organization","surprise":1}]`,
	} {
		if a, _, _ := r.batch(requests); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if _, _, order := r.batch("[" + strings.Join(many[:20], ",") + "]"); len(order) != 20 {
		t.Errorf("20 requests gave %d answers", len(order))
	}
	_, got, _ := r.batch(`[{"id":"1","method":"POST","url":"/$batch"}]`)
	if s := string(field(t, got["1"], "status")); s != "400" {
		t.Errorf("a batch in a batch: %s", got["1"])
	}
}

// Changes that an administrator makes behind the product's back.
func TestChanges(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	for collection, name := range map[string]string{
		"configurationPolicies": "2025-NCSC-Edge", "deviceConfigurations": "2025-NCSC-Surface-DFCI", "deviceCompliancePolicies": "Windows compliance",
	} {
		id := r.idByName(collection, name)
		path := "/beta/deviceManagement/" + collection + "/" + id
		query := ""
		if collection == "configurationPolicies" {
			query = "?$expand=settings"
		}
		before := r.ok(path + query).body
		if err := r.sim.Touch(contosoID, collection, id); err != nil {
			t.Fatal(err)
		}
		after := r.ok(path + query).body
		if b, a := text(t, before, "lastModifiedDateTime"), text(t, after, "lastModifiedDateTime"); a <= b {
			t.Errorf("%s: lastModifiedDateTime %s, then %s", name, b, a)
		}
		var changed []string
		var b, a map[string]json.RawMessage
		if json.Unmarshal(before, &b) != nil || json.Unmarshal(after, &a) != nil {
			t.Fatal("not JSON")
		}
		for k := range b {
			if string(b[k]) != string(a[k]) {
				changed = append(changed, k)
			}
		}
		want := 3 // a setting, the time and the version
		if collection == "configurationPolicies" {
			want = 2 // such policies have no version
		}
		if len(changed) != want {
			t.Errorf("%s: changed %v", name, changed)
		}
	}

	id, err := r.sim.PutObject(contosoID, graphsim.Object{Collection: "deviceConfigurations", JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.iosGeneralDeviceConfiguration","displayName":"New"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if text(t, r.ok(configList+"/"+id).body, "displayName") != "New" {
		t.Error("the new object is not there")
	}
	replaced, err := r.sim.PutObject(contosoID, graphsim.Object{JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.iosGeneralDeviceConfiguration","id":"` + id + `","displayName":"Newer"}`)})
	if err != nil || replaced != id {
		t.Fatalf("replaced %s as %s: %v", id, replaced, err)
	}
	if text(t, r.ok(configList+"/"+id).body, "displayName") != "Newer" {
		t.Error("the object was not replaced")
	}
	if err := r.sim.DeleteObject(contosoID, "deviceConfigurations", id); err != nil {
		t.Fatal(err)
	}
	r.get(configList+"/"+id).want(t, 404, "ResourceNotFound")
	if err := r.sim.DeleteObject(contosoID, "deviceConfigurations", id); err == nil {
		t.Error("deleted twice")
	}
	if _, err := r.sim.PutObject(contosoID, graphsim.Object{JSON: json.RawMessage(`{"displayName":"x"}`)}); err == nil {
		t.Error("an object of no kind was taken")
	}
	if _, err := r.sim.PutObject(contosoID, graphsim.Object{Collection: "deviceConfigurations", JSON: json.RawMessage(`{"displayName":"x"}`)}); err == nil {
		t.Error("a device configuration without a type was taken")
	}
}

func TestGenerate(t *testing.T) {
	a, err := graphsim.GenerateTenant(5, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := graphsim.GenerateTenant(5, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	other, err := graphsim.GenerateTenant(6, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	same, differs := true, false
	for i := range a {
		same = same && string(a[i].JSON) == string(b[i].JSON)
		differs = differs || string(a[i].JSON) != string(other[i].JSON)
	}
	if !same || !differs {
		t.Errorf("same seed same tenant: %v; other seed other tenant: %v", same, differs)
	}
	r := newRig(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: 5000, SettingsPer: 30, Assigned: true}}, graphsim.Options{})
	n := 0
	for _, path := range []string{catalogList + "?$top=100", configList, "/beta/deviceManagement/deviceCompliancePolicies?$expand=assignments"} {
		for _, p := range r.all(path) {
			n += len(p.Value)
		}
	}
	if n != 5000 {
		t.Errorf("%d policies, want 5000", n)
	}
	if _, err := graphsim.GenerateTenant(1, 20_000, 2000); err == nil {
		t.Error("a tenant that would not fit into memory was made")
	}
}

func TestLogCursorAndRing(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{LogSize: 5})
	for range 3 {
		r.ok("/beta/organization")
	}
	p := r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindRead, Limit: 2})
	if len(p.Entries) != 2 || p.Dropped != 0 {
		t.Fatalf("page %+v", p)
	}
	p = r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindRead, Since: p.Cursor})
	if len(p.Entries) != 1 {
		t.Errorf("after the cursor: %+v", p)
	}
	for range 6 {
		r.ok("/beta/organization")
	}
	p = r.sim.Log(graphsim.LogFilter{Since: p.Cursor})
	if len(p.Entries) != 5 || p.Dropped != 1 || p.Entries[4].Seq != 10 {
		t.Errorf("after the ring turned: %d entries, %d dropped", len(p.Entries), p.Dropped)
	}
	if e := p.Entries[0]; e.Tenant != contosoID || e.App != clientID || e.Status != 200 || e.Service != graphsim.LaneDirectory || e.RequestID == "" || e.Bytes == 0 {
		t.Errorf("entry %+v", e)
	}
	r.sim.ResetLog()
	r.sim.ResetCounters()
	if p := r.sim.Log(graphsim.LogFilter{}); len(p.Entries) != 0 || p.Dropped != 0 || r.sim.Counters().Reads != 0 {
		t.Errorf("after the reset: %+v %+v", p, r.sim.Counters())
	}
	r.ok("/beta/organization")
	if p := r.sim.Log(graphsim.LogFilter{}); len(p.Entries) != 1 || p.Entries[0].Seq != 11 {
		t.Errorf("numbers do not go on: %+v", p)
	}
}

// A restart with the same folder keeps the authority and the tokens good.
func TestRestartKeepsTheAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := graphsim.Start(graphsim.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	spec := graphsim.TenantSpec{ID: contosoID, Apps: []graphsim.App{app()}}
	if _, err := first.AddTenant(spec); err != nil {
		t.Fatal(err)
	}
	client := first.Client()
	t.Cleanup(client.CloseIdleConnections)
	r := &rig{t: t, sim: first, client: client}
	r.token = r.newToken()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r.sim = graphsim.StartTest(t, graphsim.Options{Dir: dir, Hosts: []string{"graph.example"}})
	if _, err := r.sim.AddTenant(spec); err != nil {
		t.Fatal(err)
	}
	r.ok("/beta/organization")
	if info, err := os.Stat(filepath.Join(dir, "ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key of the authority: %v %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := graphsim.Start(graphsim.Options{Dir: dir}); err == nil {
		t.Errorf("started with a broken authority: %v", s.Close())
	}
}

func TestTenantsAreChecked(t *testing.T) {
	sim := graphsim.StartTest(t, graphsim.Options{})
	for name, spec := range map[string]graphsim.TenantSpec{
		"no GUID":      {ID: "contoso"},
		"no builtin":   {ID: contosoID, Builtin: "nowhere"},
		"climbing":     {ID: contosoID, Builtin: "../contoso"},
		"page size":    {ID: contosoID, PageSizes: map[string]int{"x": 0}},
		"broken":       {ID: contosoID, Objects: []graphsim.Object{{Collection: "configurationPolicies", JSON: json.RawMessage(`{"name":`)}}},
		"app":          {ID: contosoID, Apps: []graphsim.App{{}}},
		"generate":     {ID: contosoID, Generate: &graphsim.GenerateSpec{}},
		"not modelled": {ID: contosoID, Objects: []graphsim.Object{{Collection: "resourceAccessProfiles", JSON: json.RawMessage(`{}`)}}},
	} {
		if _, err := sim.AddTenant(spec); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(sim.Tenants()) != 0 {
		t.Errorf("tenants %v", sim.Tenants())
	}
	if _, err := sim.AddTenant(graphsim.TenantSpec{ID: contosoID, Domains: []string{"a.example"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.AddTenant(graphsim.TenantSpec{ID: "44444444-aaaa-4bbb-8ccc-000000000004", Domains: []string{"A.example"}}); err == nil {
		t.Error("a domain of another tenant was taken")
	}
}

// adminCall calls the admin interface and returns the body.
func adminCall(t *testing.T, sim *graphsim.Sim, method, path, body string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, sim.AdminURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, status, data)
	}
	return string(data)
}

// All that a test in another process needs goes through the admin interface.
func TestAdmin(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "mine", "p.json"), []byte(`{"name":"From a folder","platforms":"macOS","technologies":"mdm","settings":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	m := newManualTime()
	sim := graphsim.StartTest(t, graphsim.Options{AdminListen: "127.0.0.1:0", FolderRoot: root, Now: m.Now, Sleep: m.Sleep})
	call := func(method, path, body string, status int) string {
		t.Helper()
		return adminCall(t, sim, method, path, body, status)
	}
	const tenant = "/v1/tenants/" + contosoID
	const apps = `"apps":[{"clientId":"` + clientID + `","secrets":[{"value":"` + secret + `"}],"permissions":["DeviceManagementConfiguration.Read.All"]}]`
	if out := call("GET", "/health", "", 200); !strings.Contains(out, sim.URL) {
		t.Errorf("health %s", out)
	}
	report := call("PUT", tenant, `{"displayName":"Contoso","builtin":"contoso","folder":"mine",`+apps+`}`, 200)
	if !strings.Contains(report, `"deviceManagement/intents":2`) || !strings.Contains(report, "_Settings.json") {
		t.Errorf("report %s", report)
	}
	client := sim.Client()
	t.Cleanup(client.CloseIdleConnections)
	r := &rig{t: t, sim: sim, client: client, time: m}
	r.token = r.newToken()
	id := r.idByName("configurationPolicies", "From a folder")
	r.ok(catalogList + "/" + id)

	call("POST", tenant+"/objects", `{"object":{"@odata.type":"#microsoft.graph.iosCustomConfiguration","id":"abc","displayName":"n"}}`, 200)
	call("POST", tenant+"/objects/deviceConfigurations/abc/touch", "", 200)
	call("PUT", tenant+"/objects/deviceConfigurations/abc/assignments", `[{"target":{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget"}}]`, 200)
	if p := r.ok(configList + "/abc/assignments").page(t); len(p.Value) != 1 {
		t.Errorf("assignments %v", p.Value)
	}
	if out := call("GET", tenant+"/objects/deviceConfigurations", "", 200); !strings.Contains(out, `"id":"abc"`) {
		t.Errorf("objects %s", out)
	}
	call("DELETE", tenant+"/objects/deviceConfigurations/abc", "", 200)
	call("DELETE", tenant+"/objects/deviceConfigurations/abc", "", 404)

	call("POST", "/v1/faults", `{"id":"f","status":500,"count":1}`, 200)
	call("POST", "/v1/faults", `{"id":"f","status":500}`, 400)
	if a := r.get(catalogList); a.status != 500 {
		t.Errorf("status %d", a.status)
	}
	if out := call("GET", "/v1/faults", "", 200); !strings.Contains(out, `"acted":1`) {
		t.Errorf("faults %s", out)
	}
	call("DELETE", "/v1/faults/f", "", 200)
	call("DELETE", "/v1/faults/f", "", 404)

	call("PUT", "/v1/quotas", `[{"windowMs":1000,"perTenant":1,"retryAfter":"none"}]`, 200)
	call("PUT", "/v1/quotas", `[{"windowMs":0}]`, 400)
	r.ok(catalogList)
	if a := r.get(catalogList); a.status != 429 || a.header.Get("Retry-After") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	call("POST", "/v1/clock/advance", `{"ms":1000}`, 200)
	r.ok(catalogList)
	call("DELETE", "/v1/quotas", "", 200)
	r.ok(catalogList)
	call("PUT", "/v1/latency", `{"fixedMs":5}`, 200)
	call("PUT", "/v1/latency", `{"fixedMs":-5}`, 400)

	call("PUT", "/v1/token-lifetime", `{"seconds":60}`, 200)
	r.token = r.newToken()
	call("POST", "/v1/clock/advance", `{"ms":60000}`, 200)
	r.get(catalogList).want(t, 401, "InvalidAuthenticationToken")

	call("PUT", tenant+"/apps/"+clientID, `{"secrets":[{"value":"rotated"}]}`, 200)
	if status, _ := r.postToken(contosoID, tokenForm(nil)); status != 401 {
		t.Errorf("the old secret still works: %d", status)
	}
	call("DELETE", tenant+"/apps/"+clientID, "", 200)
	if status, _ := r.postToken(contosoID, tokenForm(nil)); status != 400 {
		t.Errorf("the removed app still works: %d", status)
	}

	var log graphsim.LogPage
	if err := json.Unmarshal([]byte(call("GET", "/v1/log?kind=token&status=401&limit=1", "", 200)), &log); err != nil || len(log.Entries) != 1 || log.Entries[0].Code != "invalid_client" {
		t.Errorf("log %+v %v", log, err)
	}
	call("GET", "/v1/log?since=x", "", 400)
	if out := call("GET", "/v1/counters", "", 200); !strings.Contains(out, contosoID) {
		t.Errorf("counters %s", out)
	}
	call("POST", "/v1/reset", `{"log":true,"counters":true,"faults":true,"quotas":true,"latency":true,"tenants":true}`, 200)
	if out := call("GET", "/v1/tenants", "", 200); strings.TrimSpace(out) != "[]" {
		t.Errorf("tenants %s", out)
	}

	// What the interface must refuse.
	call("PUT", tenant, `{"folder":"../`+filepath.Base(root)+`"}`, 400)
	call("PUT", tenant, `{"folder":"/etc"}`, 400)
	call("PUT", tenant, `{"folder":"out"}`, 400)
	call("PUT", tenant, `{"surprise":1}`, 400)
	call("PUT", tenant, `{"id":"44444444-aaaa-4bbb-8ccc-000000000004"}`, 400)
	call("PUT", tenant, `{} {}`, 400)
	call("POST", "/v1/clock/advance", `{"ms":-1}`, 400)
	call("DELETE", tenant, "", 404)
	call("POST", tenant+"/objects", `{"object":{}}`, 404)
	noRoot := graphsim.StartTest(t, graphsim.Options{AdminListen: "127.0.0.1:0"})
	adminCall(t, noRoot, "PUT", tenant, `{"folder":"mine"}`, 400)
}
