package graph

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tenantatlas/shared/reason"
)

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// discovery returns credentials whose every request f answers.
func discovery(t *testing.T, f transportFunc) func() (azcore.TokenCredential, error) {
	t.Helper()
	return func() (azcore.TokenCredential, error) {
		return azidentity.NewClientSecretCredential(testTenant, testClient, testSecret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.test/"},
				Retry: policy.RetryOptions{MaxRetries: -1}, Transport: f},
			DisableInstanceDiscovery: true})
	}
}

// The preview's promise: below any code, nothing but reads reaches the network.
func TestReadOnlyGuard(t *testing.T) {
	const get = `{"id":"1","method":"GET","url":"/a"}`
	for name, tt := range map[string]struct {
		method, path, body string
		header             http.Header
		pass               bool
	}{
		"get":                     {method: "GET", path: "/beta/a", pass: true},
		"batch":                   {method: "POST", path: "/beta/$batch", body: `{"requests":[` + get + `,{"id":"2","method":"GET","url":"/b","headers":{"Prefer":"x"}}]}`, pass: true},
		"get with a body":         {method: "GET", path: "/beta/a", body: `{}`},
		"head":                    {method: "HEAD", path: "/beta/a"},
		"post":                    {method: "POST", path: "/beta/a", body: `{}`},
		"post of a batch of gets": {method: "POST", path: "/beta/a", body: `{"requests":[` + get + `]}`},
		"post without body":       {method: "POST", path: "/beta/$batch"},
		"patch":                   {method: "PATCH", path: "/beta/$batch", body: `{"requests":[` + get + `]}`},
		"delete":                  {method: "DELETE", path: "/beta/a"},
		"put":                     {method: "PUT", path: "/beta/a", body: `{}`},
		"override":                {method: "GET", path: "/beta/a", header: http.Header{"X-Http-Method-Override": {"DELETE"}}},
		"override, short":         {method: "POST", path: "/beta/$batch", body: `{"requests":[` + get + `]}`, header: http.Header{"X-HTTP-Method": {"PATCH"}}},
		"write in the batch":      {method: "POST", path: "/beta/$batch", body: `{"requests":[` + get + `,{"id":"2","method":"DELETE","url":"/a"}]}`},
		"small letters":           {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"2","method":"delete","url":"/a"}]}`},
		"method twice":            {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"1","method":"DELETE","method":"GET","url":"/a"}]}`},
		"method twice, spelled":   {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"1","METHOD":"DELETE","method":"GET","url":"/a"}]}`},
		"requests twice":          {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"1","method":"DELETE","url":"/a"}],"requests":[` + get + `]}`},
		"part with a body":        {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"1","method":"GET","url":"/a","body":{}}]}`},
		"override in a part":      {method: "POST", path: "/beta/$batch", body: `{"requests":[{"id":"1","method":"GET","url":"/a","headers":{"x-http-method-override":"DELETE"}}]}`},
		"no parts":                {method: "POST", path: "/beta/$batch", body: `{"requests":[]}`},
		"two documents":           {method: "POST", path: "/beta/$batch", body: `{"requests":[` + get + `]}{"requests":[{"id":"1","method":"DELETE","url":"/a"}]}`},
		"not json":                {method: "POST", path: "/beta/$batch", body: `requests`},
		"nothing":                 {method: "POST", path: "/beta/$batch", body: ` `},
		"too long":                {method: "POST", path: "/beta/$batch", body: `{"requests":[` + get + `]}` + strings.Repeat(" ", maxBatchBody)},
	} {
		t.Run(name, func(t *testing.T) {
			sent := ""
			guard := &readOnlyTransport{clock: newClock(), next: transportFunc(func(r *http.Request) (*http.Response, error) {
				if r.Body != nil {
					b, _ := io.ReadAll(r.Body)
					sent = string(b)
				}
				return answer(200, `{}`), nil
			})}
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			req, err := http.NewRequest(tt.method, "https://graph.test"+tt.path, body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.header != nil {
				req.Header = tt.header
			}
			_, err = guard.Do(req)
			if tt.pass {
				if err != nil || sent != tt.body {
					t.Errorf("%v, sent %q", err, sent)
				}
				return
			}
			var refused *WriteRefusedError
			if !errors.As(err, &refused) || FailureOf(err).Code != reason.WriteBlockedInPreview || sent != "" {
				t.Errorf("%v", err)
			}
		})
	}
}

// The guard stands below every way to send, not only in the methods.
func TestGuardStopsABatchWithAWrite(t *testing.T) {
	m := newMicrosoft(t, func(http.ResponseWriter, *http.Request) { t.Error("a write reached Graph") })
	r := m.reader(newClock(), nil)
	results, err := r.Batch(t.Context(), []Request{{Path: "groups/a"}, {Method: "DELETE", Path: "groups/b"}})
	var refused *WriteRefusedError
	if !errors.As(err, &refused) || refused.Method != "DELETE" || FailureOf(results[0].Err).Code != reason.WriteBlockedInPreview {
		t.Errorf("%v %v", err, results)
	}
	for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
		_, err := r.do(t.Context(), call{method: method, url: r.root.String() + "/groups", path: "groups", body: []byte(`{}`), doing: reason.Create})
		if !errors.As(err, &refused) || refused.Method != method {
			t.Errorf("%s: %v", method, err)
		}
	}
	if len(m.seen()) != 0 {
		t.Error(m.seen())
	}
}

// A client that may write is built on the same core; a create that got no
// answer is sent once and never again.
func TestCreateIsNeverRepeated(t *testing.T) {
	n := 0
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		reply(w, 504, `{"error":{"code":"UnknownError","message":""}}`)
	})
	c, err := newCore(m.config(newClock()), false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.do(t.Context(), call{method: "POST", url: c.root.String() + "/groups", path: "groups", body: []byte(`{}`), doing: reason.Create})
	var gone *UnavailableError
	if !errors.As(err, &gone) || FailureOf(err).Code != reason.OutcomeUnknown || gone.Err.Action != reason.ActionLookFirst || n != 1 {
		t.Errorf("%v after %d requests", err, n)
	}
}

func FuzzOnlyReads(f *testing.F) {
	f.Add([]byte(`{"requests":[{"id":"1","method":"GET","url":"/a"}]}`))
	f.Add([]byte(`{"requests":[{"id":"1","method":"GET","url":"/a","headers":{"a":"b"}},{"id":"2","Method":"DELETE"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, ok := onlyReads(body); !ok {
			return
		}
		var doc struct{ Requests []map[string]any }
		if err := json.Unmarshal(body, &doc); err != nil || len(doc.Requests) == 0 {
			t.Fatalf("%s passed: %v", body, err)
		}
		for _, r := range doc.Requests {
			for k, v := range r {
				if strings.EqualFold(k, "method") && v != "GET" {
					t.Fatalf("%s passed", body)
				}
			}
		}
	})
}
