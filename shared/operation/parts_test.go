package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/operation"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

// editedReader changes what the service answers, silently, as none of the
// simulator's faults does. Functions that are nil change nothing.
type editedReader struct {
	operation.Reader
	get  func(path string, raw json.RawMessage) json.RawMessage
	list func(path string, items []json.RawMessage) []json.RawMessage
	// asked, when set, is told every path.
	asked func(path string)
}

func (r editedReader) Get(ctx context.Context, path, query string, doing reason.Doing) (json.RawMessage, error) {
	if r.asked != nil {
		r.asked(path)
	}
	raw, err := r.Reader.Get(ctx, path, query, doing)
	if err == nil && r.get != nil {
		raw = r.get(path, raw)
	}
	return raw, err
}

func (r editedReader) List(ctx context.Context, path, query string, item func(json.RawMessage) error) error {
	if r.asked != nil {
		r.asked(path)
	}
	if r.list == nil {
		return r.Reader.List(ctx, path, query, item)
	}
	var all []json.RawMessage
	if err := r.Reader.List(ctx, path, query, func(raw json.RawMessage) error { all = append(all, raw); return nil }); err != nil {
		return err
	}
	for _, raw := range r.list(path, all) {
		if err := item(raw); err != nil {
			return err
		}
	}
	return nil
}

// syncTypes fills the inventory with those types.
func (b *bed) syncTypes(types ...string) (run.Run, []run.Outcome) {
	b.t.Helper()
	return b.do(start.Request{Operation: run.OpInventorySync, Input: map[string][]string{"types": types}})
}

func (b *bed) version(p run.Policy, number int) run.Version {
	b.t.Helper()
	v, err := b.store.Version(b.t.Context(), tenantID, p.ID, number)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// nothingStored says that a policy has no version, no payload and no sealed values.
func (b *bed) nothingStored(p run.Policy) {
	b.t.Helper()
	if _, err := b.store.Version(b.t.Context(), tenantID, p.ID, 1); !errors.Is(err, run.ErrNotFound) || b.archive.Puts != 0 || b.vault.Seals() != 0 {
		b.t.Errorf("version: %v, %d payloads, %d sealed", err, b.archive.Puts, b.vault.Seals())
	}
}

const (
	protections = "deviceAppManagement/iosManagedAppProtections"
	protection  = "T_5a7e0c1d-0000-4000-8000-000000000001"
)

// protected is a tenant with an app protection policy that names three apps.
func protected() graphsim.TenantSpec {
	var apps []string
	for _, id := range []string{"a", "b", "c"} {
		apps = append(apps, `{"mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"com.contoso.`+id+`"}}`)
	}
	return graphsim.TenantSpec{Objects: []graphsim.Object{{Collection: protections, JSON: json.RawMessage(
		`{"id":"` + protection + `","displayName":"Protected","appGroupType":"selectedPublicApps","apps":[` + strings.Join(apps, ",") + `]}`)}}}
}

func without(t *testing.T, raw json.RawMessage, change func(map[string]json.RawMessage)) json.RawMessage {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	change(object)
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What comes within the object is a part of its own in the version. What was asked
// for and did not come, or not to its end, is never taken for an empty list.
func TestPartsWithinTheObject(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(map[string]json.RawMessage)
		fault  *graphsim.Fault
		apps   int // -1: the version lacks them
	}{
		"as it is":  {func(map[string]json.RawMessage) {}, nil, 3},
		"left out":  {func(o map[string]json.RawMessage) { delete(o, "apps") }, nil, -1},
		"null":      {func(o map[string]json.RawMessage) { o["apps"] = json.RawMessage("null") }, nil, -1},
		"none":      {func(o map[string]json.RawMessage) { o["apps"] = json.RawMessage("[]") }, nil, 0},
		"first two": {func(o map[string]json.RawMessage) { cutApps(o) }, nil, 3},
		"the rest cannot be read": {
			func(o map[string]json.RawMessage) { cutApps(o) },
			&graphsim.Fault{Path: protection + "/apps$", Status: 403}, -1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, protected())
			b.syncTypes("ios-app-protection")
			p := b.policy("Protected")
			b.through = func(r operation.Reader) operation.Reader {
				return editedReader{Reader: r, get: func(path string, raw json.RawMessage) json.RawMessage {
					if !strings.HasSuffix(path, protection) {
						return raw
					}
					return without(t, raw, tc.change)
				}}
			}
			if tc.fault != nil {
				b.fault(*tc.fault)
			}
			r, o := b.capture(p)
			v, doc := b.version(p, 1), b.payload(p, 1)
			if tc.apps < 0 {
				if r.Status != run.StatusPartial || o.Code != "unreadable_part" || o.Failure.Params["part"] != "apps" || v.Complete || doc["apps"] != nil {
					t.Errorf("ended %s, item %s %+v, complete %t, apps %s", r.Status, o.Code, o.Failure, v.Complete, doc["apps"])
				}
				return
			}
			var apps []json.RawMessage
			if err := json.Unmarshal(doc["apps"], &apps); err != nil || len(apps) != tc.apps || r.Status != run.StatusSucceeded || !v.Complete {
				t.Errorf("ended %s, complete %t, %d apps, %v", r.Status, v.Complete, len(apps), err)
			}
			if bytes.Contains(doc["object"], []byte(`"apps":`)) {
				t.Errorf("the apps stand in the object too: %s", doc["object"])
			}
		})
	}
}

func cutApps(o map[string]json.RawMessage) {
	var apps []json.RawMessage
	_ = json.Unmarshal(o["apps"], &apps)
	o["apps"], _ = json.Marshal(apps[:2])
	o["apps@odata.nextLink"] = json.RawMessage(`"https://graph.microsoft.com/beta/elsewhere"`)
}

// A typed collection leaves the derived type out of its answers. The version has
// it, and has the rest byte for byte.
func TestDerivedTypeIsWritten(t *testing.T) {
	const typed = `{"@odata.type":"#microsoft.graph.iosManagedAppProtection"`
	for name, tc := range map[string]struct{ answer, want string }{
		"left out":        {`{"displayName":"A","n":1.10}`, typed + `,"displayName":"A","n":1.10}`},
		"white space":     {" \n{ \"displayName\" : \"A\"} ", typed + `,"displayName" : "A"}`},
		"nothing else":    {`{ }`, typed + `}`},
		"said":            {`{"displayName":"A","@odata.type":"#microsoft.graph.other"}`, `{"displayName":"A","@odata.type":"#microsoft.graph.other"}`},
		"said deep below": {`{"a":{"@odata.type":"#microsoft.graph.other"}}`, typed + `,"a":{"@odata.type":"#microsoft.graph.other"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, protected())
			b.syncTypes("ios-app-protection")
			p := b.policy("Protected")
			b.through = func(r operation.Reader) operation.Reader {
				return editedReader{Reader: r, get: func(path string, raw json.RawMessage) json.RawMessage {
					if strings.HasSuffix(path, protection) {
						return json.RawMessage(tc.answer)
					}
					return raw
				}}
			}
			b.capture(p)
			if got := string(b.payload(p, 1)["object"]); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// An answer that is no object is not stored, whatever it is.
func TestAnswerThatIsNoObject(t *testing.T) {
	for _, answer := range []string{`[]`, `"text"`, `null`, `7`} {
		t.Run(answer, func(t *testing.T) {
			b := newBed(t, protected())
			b.syncTypes("ios-app-protection")
			p := b.policy("Protected")
			b.through = func(r operation.Reader) operation.Reader {
				return editedReader{Reader: r, get: func(string, json.RawMessage) json.RawMessage { return json.RawMessage(answer) }}
			}
			if r, o := b.capture(p); r.Status != run.StatusFailed || o.Code != "graph_unavailable" {
				t.Errorf("ended %s, item %s", r.Status, o.Code)
			}
			b.nothingStored(p)
		})
	}
}

const (
	templates = "deviceManagement/groupPolicyConfigurations"
	template  = "7e3d0000-0000-4000-8000-000000000001"
)

// templated is a tenant with an administrative template of n settings, each with a
// value to read apart.
func templated(n int) graphsim.TenantSpec {
	var values []string
	for i := range n {
		values = append(values, fmt.Sprintf(`{"enabled":true,"definition":{"id":"5c0a1e60-0000-4000-8000-00000000000%d","displayName":"D%d","classType":"machine","categoryPath":"\\C"},
			"presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"value %d","presentation":{"@odata.type":"#microsoft.graph.groupPolicyPresentationTextBox","id":"p%d","label":"L"}}]}`, i, i, i, i))
	}
	return graphsim.TenantSpec{Objects: []graphsim.Object{{Collection: templates, JSON: json.RawMessage(
		`{"id":"` + template + `","displayName":"Template","policyConfigurationIngestionType":"builtIn","definitionValues":[` + strings.Join(values, ",") + `]}`)}}}
}

// reads counts the requests whose path ends so.
func (b *bed) reads(suffix string) (n int) {
	for _, e := range b.sim.Log(graphsim.LogFilter{}).Entries {
		if e.Method == http.MethodGet && strings.HasSuffix(e.Path, suffix) {
			n++
		}
	}
	return n
}

// A part that is read for each element of another holds each of them by its name;
// one read that fails makes the whole part missing, never part of it.
func TestPartsOfEachElement(t *testing.T) {
	const values = "/presentationValues"
	for name, tc := range map[string]struct {
		n     int
		fault *graphsim.Fault
		edit  func(path string, items []json.RawMessage) []json.RawMessage
		keys  int // -1: the version lacks the part
		asked int
	}{
		"three":            {n: 3, keys: 3, asked: 3},
		"none":             {n: 0, keys: 0, asked: 0},
		"one is refused":   {n: 3, fault: &graphsim.Fault{Path: values + "$", Status: 403, Skip: 1, Count: 1}, keys: -1, asked: 3},
		"one is not there": {n: 3, fault: &graphsim.Fault{Path: values + "$", Status: 404, Skip: 2, Count: 1}, keys: -1, asked: 3},
		"more than there can be": {n: 1, edit: func(path string, items []json.RawMessage) []json.RawMessage {
			if strings.HasSuffix(path, "/definitionValues") {
				items = nil
				for i := range 2_001 {
					items = append(items, json.RawMessage(fmt.Sprintf(`{"id":"%d"}`, i)))
				}
			}
			return items
		}, keys: -1, asked: 0},
		"more than fits": {n: 3, edit: func(path string, items []json.RawMessage) []json.RawMessage {
			if strings.HasSuffix(path, values) {
				items = []json.RawMessage{json.RawMessage(`"` + strings.Repeat("x", operation.MaxPayloadBytes/3+1) + `"`)}
			}
			return items
		}, keys: -1, asked: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, templated(tc.n))
			b.syncTypes("group-policy-configuration")
			p := b.policy("Template")
			b.through = func(r operation.Reader) operation.Reader { return editedReader{Reader: r, list: tc.edit} }
			if tc.fault != nil {
				b.fault(*tc.fault)
			}
			r, o := b.capture(p)
			v, doc := b.version(p, 1), b.payload(p, 1)
			if asked := b.reads(values); asked > tc.asked || tc.keys >= 0 && asked != tc.asked {
				t.Errorf("asked %d times", asked)
			}
			if tc.keys < 0 {
				if r.Status != run.StatusPartial || o.Code != "unreadable_part" || o.Failure.Params["part"] != "presentationValues" || v.Complete || doc["presentationValues"] != nil || doc["definitionValues"] == nil {
					t.Errorf("ended %s, item %s %+v, complete %t, %d bytes", r.Status, o.Code, o.Failure, v.Complete, len(doc["presentationValues"]))
				}
				return
			}
			var got map[string][]struct{ Value string }
			if tc.keys > 0 {
				if err := json.Unmarshal(doc["presentationValues"], &got); err != nil {
					t.Fatal(err)
				}
			}
			var listed []struct{ ID string }
			if err := json.Unmarshal(doc["definitionValues"], &listed); err != nil {
				t.Fatal(err)
			}
			for i, d := range listed {
				if len(got[d.ID]) != 1 || got[d.ID][0].Value != fmt.Sprint("value ", i) {
					t.Errorf("%s: %+v", d.ID, got[d.ID])
				}
			}
			if r.Status != run.StatusSucceeded || !v.Complete || len(got) != tc.keys || len(listed) != tc.n {
				t.Errorf("ended %s, complete %t, %d of %d", r.Status, v.Complete, len(got), len(listed))
			}
		})
	}
}

// A limit that one of several reads meets is waited out; the version is complete
// then.
func TestLimitAmongSeveralReads(t *testing.T) {
	b := newBed(t, templated(3))
	b.syncTypes("group-policy-configuration")
	p := b.policy("Template")
	b.fault(graphsim.Fault{Path: "/presentationValues$", Status: 429, RetryAfter: "41", Skip: 1, Count: 1})
	r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
	b.deliver()
	if len(b.queue.sent) != 1 || b.queue.sent[0].delay != 41*time.Second {
		t.Fatalf("continuation %+v", b.queue.sent)
	}
	b.nothingStored(p)
	b.drain()
	if got, _ := b.ended(r.ID); got.Status != run.StatusSucceeded || !b.version(p, 1).Complete {
		t.Errorf("ended %s", got.Status)
	}
}

// Ids of elements are data: none leads a request to another place.
func TestIdsOfElementsAreEscaped(t *testing.T) {
	const hostile = `../../../me?$select=a#b/c d`
	b := newBed(t, templated(1))
	b.syncTypes("group-policy-configuration")
	var mu sync.Mutex
	var asked []string
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, asked: func(path string) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, path)
		}, list: func(path string, items []json.RawMessage) []json.RawMessage {
			if strings.HasSuffix(path, "/definitionValues") {
				items = []json.RawMessage{json.RawMessage(`{"id":"` + hostile + `"}`)}
			}
			return items
		}}
	}
	b.capture(b.policy("Template"))
	want := templates + "/" + template + "/definitionValues/..%2F..%2F..%2Fme%3F$select=a%23b%2Fc%20d/presentationValues"
	if !slices.Contains(asked, want) {
		t.Errorf("asked for %q", asked)
	}
}

// Certificates that a profile does not refer to answer 404, which is no lack.
func TestCertificatesThatAreNotThere(t *testing.T) {
	const root = "5a7e0c1d-0000-4000-8000-00000000000a"
	b := newBed(t, graphsim.TenantSpec{Objects: []graphsim.Object{
		{Collection: "deviceManagement/deviceConfigurations", JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.windows81TrustedRootCertificate","id":"` + root + `","displayName":"Root"}`)},
		{Collection: "deviceManagement/deviceConfigurations", JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.windowsWifiEnterpriseEAPConfiguration","displayName":"Wireless",
			"rootCertificatesForServerValidation@odata.bind":["https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('` + root + `')"]}`)},
	}})
	b.mustSync()
	p := b.policy("Wireless")
	// The service answers so for a certificate that was not chosen.
	b.fault(graphsim.Fault{Path: "/identityCertificateForClientAuthentication$", Status: 404})
	r, o := b.capture(p)
	var got map[string]json.RawMessage
	if err := json.Unmarshal(b.payload(p, 1)["certificates"], &got); err != nil {
		t.Fatal(err)
	}
	const of = "microsoft.graph.windowsWifiEnterpriseEAPConfiguration/"
	if r.Status != run.StatusSucceeded || o.Code != "" || got[of+"identityCertificateForClientAuthentication"] != nil || !bytes.Contains(got[of+"rootCertificatesForServerValidation"], []byte(root)) {
		t.Errorf("ended %s, %+v, %s", r.Status, o, got)
	}
	// Anything but 404 is a lack.
	b.fault(graphsim.Fault{Path: "/rootCertificatesForServerValidation$", Status: 403})
	if r, o := b.capture(p); r.Status != run.StatusPartial || o.Code != "unreadable_part" || o.Failure.Params["part"] != "certificates" {
		t.Errorf("ended %s, %+v", r.Status, o)
	}
}

// A policy that is larger than what is stored fails as that, with its size, and
// leaves nothing behind.
func TestPolicyThatIsTooLarge(t *testing.T) {
	b := newBed(t, protected())
	b.syncTypes("ios-app-protection")
	p := b.policy("Protected")
	b.through = func(r operation.Reader) operation.Reader {
		return editedReader{Reader: r, get: func(_ string, raw json.RawMessage) json.RawMessage {
			return without(t, raw, func(o map[string]json.RawMessage) {
				o["description"] = json.RawMessage(`"` + strings.Repeat("x", operation.MaxPayloadBytes) + `"`)
			})
		}}
	}
	if r, o := b.capture(p); r.Status != run.StatusFailed || o.Code != "too_large" || o.Failure.Params["size"] == "" {
		t.Errorf("ended %s, %+v", r.Status, o)
	}
	b.nothingStored(p)
}

// A capture that is repeated, because its worker died, says of the version that
// there is what is true of that: a complete one stays the run's, and an incomplete
// one gives way to one that is complete.
func TestRepeatedCaptureSaysWhatIsStored(t *testing.T) {
	for name, tc := range map[string]struct {
		first, second bool // whether the attempt can read everything
		version       int
		status        run.Status
	}{
		"both":        {true, true, 1, run.StatusSucceeded},
		"only before": {true, false, 1, run.StatusSucceeded},
		"only after":  {false, true, 2, run.StatusSucceeded},
		"neither":     {false, false, 1, run.StatusPartial},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, templated(2))
			b.syncTypes("group-policy-configuration")
			p := b.policy("Template")
			readable := func(can bool) {
				b.sim.ClearFaults()
				if !can {
					b.fault(graphsim.Fault{Path: "/definitionValues$", Status: 403})
				}
			}
			dead := true
			b.store.Hook = func(method string, _ bool) error {
				if dead && (method == "CommitSlice" || method == "Release") {
					return context.DeadlineExceeded
				}
				return nil
			}
			readable(tc.first)
			r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
			m := b.queue.sent[0]
			if err := b.engines[m.op].Handle(t.Context(), m.d); err == nil {
				t.Fatal("the message of a dead worker was acknowledged")
			}
			dead = false
			readable(tc.second)
			b.now = b.now.Add(2 * time.Minute)
			b.drain()
			got, outcomes := b.ended(r.ID)
			v := b.version(p, tc.version)
			if got.Status != tc.status || outcomes[0].Version != tc.version || v.Complete != (tc.status == run.StatusSucceeded) || v.RunID != r.ID || b.policy("Template").LatestVersion != tc.version {
				t.Errorf("ended %s, %+v, complete %t", got.Status, outcomes[0], v.Complete)
			}
		})
	}
}
