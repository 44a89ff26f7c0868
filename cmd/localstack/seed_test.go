package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tenantatlas/cmd/localstack/stackfile"
)

// fakeAPI is the part of the API that the main job uses, for one tenant with
// one policy. A run is queued, then running, then what outcome says.
type fakeAPI struct {
	t       *testing.T
	outcome string
	asked   map[string]int
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked[r.Method+" "+r.URL.RequestURI()]++
	if r.Header.Get("Authorization") != "Bearer operator-token" {
		f.t.Errorf("asked with %q", r.Header.Get("Authorization"))
	}
	answer := func(status int, v any) {
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(v); err != nil {
			f.t.Error(err)
		}
	}
	type object = map[string]any
	switch r.Method + " " + r.URL.RequestURI() {
	case "POST /v1/tenants/t1/inventory-syncs":
		answer(http.StatusAccepted, object{"id": "r1", "status": "queued"})
	case "POST /v1/tenants/t1/policies/p1/snapshots":
		answer(http.StatusAccepted, object{"id": "r2", "status": "queued"})
	case "POST /v1/tenants/t1/backup-sets":
		answer(http.StatusAccepted, object{"backupSet": object{"id": "s1"}, "run": object{"id": "r3", "status": "queued"}})
	case "GET /v1/tenants/t1/runs/r1", "GET /v1/tenants/t1/runs/r2", "GET /v1/tenants/t1/runs/r3":
		id := r.URL.Path[len("/v1/tenants/t1/runs/"):]
		if f.asked[r.Method+" "+r.URL.RequestURI()] == 1 {
			answer(http.StatusOK, object{"id": id, "status": "running"})
			return
		}
		run := object{"id": id, "status": f.outcome, "sentence": "Synced 2 policies."}
		if f.outcome == "failed" {
			run["sentence"] = "Microsoft Graph did not answer."
			run["failure"] = object{"next": "Start again."}
		}
		answer(http.StatusOK, run)
	case "GET /v1/tenants/t1/policies?type=settings-catalog-policy":
		answer(http.StatusOK, object{"items": []object{{"id": "p1", "name": "Baseline"}}})
	case "GET /v1/tenants/t1/policies/p1/versions/1":
		answer(http.StatusOK, object{"number": 1})
	default:
		answer(http.StatusNotFound, object{"title": "Not Found", "code": "not_found"})
	}
}

func testSeeder(t *testing.T, outcome string) (*seeder, *fakeAPI, *strings.Builder) {
	t.Helper()
	api := &fakeAPI{t: t, outcome: outcome, asked: map[string]int{}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	var out strings.Builder
	return &seeder{
		progress: newProgress(&out),
		stack:    &stackfile.Stack{APIURL: server.URL, Tenants: []stackfile.Tenant{{ID: "t1", Name: "contoso"}}},
		client:   server.Client(),
		poll:     time.Millisecond,
		tokens:   map[string]string{"operator@contoso.example": "operator-token"},
	}, api, &out
}

func TestMainJobTellsItsOutcome(t *testing.T) {
	s, api, out := testSeeder(t, "succeeded")
	if err := s.mainJob(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Inventory sync of contoso succeeded: Synced 2 policies.",
		`Capture of "Baseline" succeeded`, `Version 1 of "Baseline" can be read`, "Backup set of contoso succeeded",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
	if api.asked["GET /v1/tenants/t1/policies/p1/versions/1"] != 1 {
		t.Error("the captured version was not read")
	}
}

func TestMainJobFailsWithTheRunsOwnReason(t *testing.T) {
	s, _, _ := testSeeder(t, "failed")
	err := s.mainJob(t.Context())
	if err == nil || !strings.Contains(err.Error(), "failed: Microsoft Graph did not answer. Start again.") {
		t.Errorf("got %v", err)
	}
}

func TestARefusedCallSaysWhoAskedWhat(t *testing.T) {
	s, _, _ := testSeeder(t, "succeeded")
	err := s.call(t.Context(), "operator@contoso.example", http.MethodGet, "/v1/nothing", nil, nil)
	if want := "GET /v1/nothing as operator@contoso.example answered 404 not_found Not Found"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestThereIsAUserForEveryRole(t *testing.T) {
	roles := map[string]bool{}
	none, both, admin := false, false, false
	for _, u := range userSeeds() {
		for _, role := range u.roles {
			roles[role] = true
		}
		both = both || len(u.roles) == 2
		admin = admin || u.platformAdmin
		none = none || len(u.roles) == 0 && !u.platformAdmin
	}
	for _, role := range []string{"viewer", "operator", "restorer", "owner"} {
		if !roles[role] {
			t.Errorf("no user is %s", role)
		}
	}
	if !none || !both || !admin {
		t.Errorf("without a tenant: %v, in both tenants: %v, platform administrator: %v", none, both, admin)
	}
	if ownerOf("contoso").email == "" || ownerOf("fabrikam").email == "" {
		t.Error("a tenant has no owner")
	}
}

func TestUsageForAnUnknownCommand(t *testing.T) {
	var errs strings.Builder
	if err := run(t.Context(), []string{"fly"}, io.Discard, &errs); err == nil || !strings.Contains(errs.String(), "localstack up") {
		t.Errorf("got %v and %q", err, errs.String())
	}
}
