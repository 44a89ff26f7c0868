package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/reason"
)

var listRequest = Request{Path: "deviceManagement/configurationPolicies"}

func collect(t *testing.T, r *Reader, opt ListOptions) (items []string, pages Pages, err error) {
	t.Helper()
	pages, err = r.List(t.Context(), listRequest, opt, func(item json.RawMessage) error {
		items = append(items, string(item))
		return nil
	})
	return items, pages, err
}

// The double-encoded token of settings catalog pages (IntuneAssignmentChecker#28)
// comes back as it was; an empty page is not the end; numbers stay exact.
func TestListFollowsEveryPage(t *testing.T) {
	const link = "/beta/deviceManagement/configurationPolicies?$skiptoken=%255Bcosmosdb%255D%255B%257B+x%257D&$top=2"
	var m *microsoft
	m = newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.RequestURI {
		case "/beta/deviceManagement/configurationPolicies?$top=2":
			reply(w, 200, `{"@odata.count":2,"value":[{"id":9007199254740993},{"id": "b" }],"@odata.nextLink":"`+m.server.URL+link+`"}`)
		case link:
			reply(w, 200, `{"value":[],"@odata.nextLink":"`+m.server.URL+`/beta/deviceManagement/configurationPolicies?$skip=4"}`)
		case "/beta/deviceManagement/configurationPolicies?$skip=4":
			reply(w, 200, `{"@microsoft.graph.tips":"x","value":[{"id":"c"}],"@odata.nextLink":null}`)
		default:
			t.Errorf("unexpected %s", r.RequestURI)
		}
	})
	items, pages, err := collect(t, m.reader(newClock(), nil), ListOptions{Top: 2})
	if err != nil || pages.Count != 3 || pages.Items != 3 {
		t.Fatalf("%v %+v", err, pages)
	}
	if want := []string{`{"id":9007199254740993}`, `{"id": "b" }`, `{"id":"c"}`}; !slices.Equal(items, want) {
		t.Errorf("%q", items)
	}
}

// The token goes nowhere else, whatever a next link says.
func TestForeignNextLinkIsRefused(t *testing.T) {
	for _, link := range []string{
		"https://evil.example/beta/x", "http://{host}/beta/x", "https://{host}.evil.example/beta/x", "https://{host}@evil.example/beta/x",
		"https://user:pass@{host}/beta/x", "https://{host}/v1.0/x", "https://{host}/betax", "https://{host}/beta/../v1.0/x",
		"https://{host}/beta/%2e%2e/x", `https://{host}/beta\@evil.example/`, "//evil.example/beta/x", "/beta/x", "beta/x", "https://evil.example:443/beta/",
		"https://{host}/beta/x#y", "https://{host}1/beta/x", ":", "https://{host}/beta/" + strings.Repeat("x", maxLink),
	} {
		var m *microsoft
		m = newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
			next := strings.ReplaceAll(link, "{host}", strings.TrimPrefix(m.server.URL, "https://"))
			reply(w, 200, map[string]any{"value": []any{}, "@odata.nextLink": next})
		})
		_, pages, err := collect(t, m.reader(newClock(), nil), ListOptions{})
		noCanary(t, err)
		if _, ok := IsIncomplete(err); !ok || FailureOf(err).Code != reason.InventoryIncomplete || pages.Count != 1 || len(m.seen()) != 1 {
			t.Errorf("%.60q: %v, %d requests", link, err, len(m.seen()))
		}
		// The same holds for a cursor that was stored and comes back.
		r := m.reader(newClock(), nil)
		if _, _, err := collect(t, r, ListOptions{Resume: Cursor(link)}); err == nil || len(m.seen()) != 1 {
			t.Errorf("resumed at %.60q", link)
		}
	}
}

func TestListThatNeverEnds(t *testing.T) {
	var m *microsoft
	n := 0
	circle := true
	m = newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		next := "/beta/deviceManagement/configurationPolicies?$skip=1"
		if !circle {
			next = fmt.Sprintf("/beta/deviceManagement/configurationPolicies?$skip=%d", n)
		}
		reply(w, 200, map[string]any{"value": []any{1}, "@odata.nextLink": m.server.URL + next})
	})
	items, _, err := collect(t, m.reader(newClock(), nil), ListOptions{})
	if got, ok := IsIncomplete(err); !ok || got.Count != 2 || len(items) != 2 || FailureOf(err).Code != reason.InventoryIncomplete {
		t.Errorf("circle: %v, %d items", err, len(items))
	}
	circle = false
	_, pages, err := collect(t, m.reader(newClock(), nil), ListOptions{MaxPages: 7})
	if _, ok := IsIncomplete(err); !ok || pages.Count != 7 || FailureOf(err).Params["pages"] != "7" {
		t.Errorf("endless: %v %+v", err, pages)
	}
}

// A page without its value is a broken list, not an empty one: an empty one
// would make every policy look deleted.
func TestBrokenPages(t *testing.T) {
	for _, body := range []string{`{}`, `{"Value":[]}`, `{"value":null}`, `{"value":{}}`, `[]`, `"x"`, `{"value":[],"@odata.nextLink":5}`, `{"value":[],"@odata.nextLink":""}`} {
		m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) })
		if _, _, err := collect(t, m.reader(newClock(), nil), ListOptions{}); FailureOf(err).Code != reason.InventoryIncomplete {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A list that is limited half way through goes on where it stopped.
func TestListResumes(t *testing.T) {
	var m *microsoft
	limited := true
	m = newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("$skip") == "":
			reply(w, 200, map[string]any{"value": []int{1}, "@odata.nextLink": m.server.URL + "/beta/deviceManagement/configurationPolicies?$skip=1"})
		case limited:
			w.Header().Set("Retry-After", "100")
			reply(w, 429, graphError("TooManyRequests"))
		default:
			reply(w, 200, `{"value":[2]}`)
		}
	})
	r := m.reader(newClock(), nil)
	items, pages, err := collect(t, r, ListOptions{})
	noCanary(t, err)
	var throttled *ThrottledError
	if !errors.As(err, &throttled) || throttled.RetryAfter != 100*time.Second || FailureOf(err).Code != reason.GraphThrottled || pages.Next == "" || len(items) != 1 {
		t.Fatalf("%v %+v", err, pages)
	}
	limited = false
	items, pages, err = collect(t, r, ListOptions{Resume: pages.Next})
	if err != nil || !slices.Equal(items, []string{"2"}) || pages.Next != "" {
		t.Errorf("%v %v %+v", err, items, pages)
	}
}

func TestRefusedPageSize(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("$top") {
			reply(w, 400, graphError("BadRequest"))
			return
		}
		reply(w, 200, `{"value":[1]}`)
	})
	if items, _, err := collect(t, m.reader(newClock(), nil), ListOptions{Top: 999}); err != nil || len(items) != 1 {
		t.Errorf("%v %v", err, items)
	}
}

func TestListStopsWhenTheCallerStops(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `{"value":[1,2,3]}`) })
	stop := errors.New("enough")
	pages, err := m.reader(newClock(), nil).List(t.Context(), Request{Path: "groups", Query: url.Values{"$select": {"id"}}}, ListOptions{}, func(item json.RawMessage) error {
		if string(item) == "2" {
			return stop
		}
		return nil
	})
	if err != stop || pages.Items != 1 { //nolint:errorlint // as it is
		t.Errorf("%v %+v", err, pages)
	}
	all, err := m.reader(newClock(), nil).Collect(t.Context(), Request{Path: "groups"}, ListOptions{})
	if err != nil || len(all) != 3 {
		t.Errorf("%v %v", all, err)
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`{"value":[{"a":1}],"@odata.nextLink":"https://graph.test/beta/x"}`))
	f.Add([]byte(`{"value":[],"value":[1]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		items, _, ok := readPage(body)
		if !ok && items != nil {
			t.Fatal("objects of a broken page")
		}
		for _, i := range items {
			if !json.Valid(i) {
				t.Fatalf("%q", i)
			}
		}
	})
}

func FuzzOurs(f *testing.F) {
	f.Add("https://graph.test/beta/x?$skiptoken=1")
	f.Add("https://graph.test@evil.example/beta/x")
	root, _ := url.Parse("https://graph.test/beta")
	c := &core{root: root}
	f.Fuzz(func(t *testing.T, link string) {
		if !c.ours(link) {
			return
		}
		req, err := http.NewRequest(http.MethodGet, link, nil)
		if err != nil {
			return // is then not sent
		}
		if !strings.EqualFold(req.URL.Host, "graph.test") || req.URL.Scheme != "https" || !strings.HasPrefix(req.URL.Path, "/beta/") || strings.Contains(req.URL.Path, "..") || req.URL.User != nil {
			t.Fatalf("%q goes to %s", link, req.URL)
		}
	})
}
