package e2e

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/uuid"
)

// access says who may use a route and how it answers them.
type access struct {
	need string // weakest role in the tenant; "" is anyone signed in, platform the platform administrators
	ok   []int  // how it answers whoever may
	body any    // of a valid request
}

// table has every route. One that the API's document has and this lacks fails.
var table = map[string]access{
	"GET /v1/me":                      {ok: []int{200}},
	"GET /v1/policy-types":            {ok: []int{200}},
	"GET /v1/tenants":                 {ok: []int{200}},
	"GET /v1/me/filters":              {ok: []int{200}},
	"PUT /v1/me/filters/{filter}":     {ok: []int{200, 412}, body: object{"page": "runs", "name": "e2e access", "query": "status=failed"}},
	"DELETE /v1/me/filters/{filter}":  {ok: []int{204, 404}},
	"GET /v1/runs":                    {ok: []int{200}},
	"GET /v1/notifications":           {ok: []int{200}},
	"POST /v1/notifications/read-all": {ok: []int{204}},
	// No notification of the caller has this id.
	"POST /v1/notifications/{notification}/read": {ok: []int{404}},
	"POST /v1/tenants": {need: platform, ok: []int{201}, body: object{
		"name": "e2e made by the access test", "graphTenantId": uuid.NewString(), "clientId": uuid.NewString(),
		"credential": object{"kind": "client_secret", "clientSecret": "never used"}, "owner": object{"userId": "nobody-in-particular"},
	}},
	"GET /v1/tenants/{tenant}":                     {need: viewer, ok: []int{200}},
	"PATCH /v1/tenants/{tenant}":                   {need: owner, ok: []int{200}, body: object{"name": "e2e access"}},
	"GET /v1/tenants/{tenant}/overview":            {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/run-counts":          {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/policy-types":        {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/audit-events/export": {need: viewer, ok: []int{200}},
	// Nothing is called so.
	"POST /v1/tenants/{tenant}/snapshots":                               {need: operator, ok: []int{200, 202}, body: object{"selection": object{"search": "nothing is called so"}}},
	"GET /v1/tenants/{tenant}/members":                                  {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/members/{user}":                           {need: viewer, ok: []int{200, 404}},
	"PUT /v1/tenants/{tenant}/members/{user}":                           {need: owner, ok: []int{200, 201}, body: object{"role": "viewer"}},
	"DELETE /v1/tenants/{tenant}/members/{user}":                        {need: owner, ok: []int{204, 404}},
	"GET /v1/tenants/{tenant}/policies":                                 {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/policies/{policy}":                        {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/policies/{policy}/versions":               {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/policies/{policy}/versions/{number}":      {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/policies/{policy}/versions/{number}/diff": {need: viewer, ok: []int{200, 404}},
	"GET /v1/tenants/{tenant}/runs":                                     {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/runs/{run}":                               {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/runs/{run}/cancel":                       {need: operator, ok: []int{200, 202, 409}},
	"GET /v1/tenants/{tenant}/runs/{run}/items":                         {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/audit-events":                             {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/connection-tests":                        {need: operator, ok: []int{200, 202}},
	"POST /v1/tenants/{tenant}/inventory-syncs":                         {need: operator, ok: []int{200, 202}},
	"POST /v1/tenants/{tenant}/policies/{policy}/snapshots":             {need: operator, ok: []int{200, 202}},
	"GET /v1/tenants/{tenant}/policies/{policy}/diff":                   {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/backup-sets":                              {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/backup-sets": {need: operator, ok: []int{200, 201}, body: object{
		"name": "e2e access", "selection": object{"all": true}, "capture": false,
	}},
	"GET /v1/tenants/{tenant}/backup-sets/{set}": {need: viewer, ok: []int{200}},
	// Everybody who may changes the same set at once: some of them lose the race.
	"PATCH /v1/tenants/{tenant}/backup-sets/{set}":         {need: operator, ok: []int{200, 404, 412}, body: object{"note": "e2e access"}},
	"DELETE /v1/tenants/{tenant}/backup-sets/{set}":        {need: owner, ok: []int{409, 412, 422}}, // the name typed is another
	"POST /v1/tenants/{tenant}/backup-sets/{set}/recovery": {need: owner, ok: []int{404}},           // it is not deleted
	"GET /v1/tenants/{tenant}/backup-sets/{set}/items":     {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/backup-sets/{set}/items": {need: operator, ok: []int{200, 202}, body: object{
		"selection": object{"search": "nothing is called so"}, "refresh": false,
	}},
	"GET /v1/tenants/{tenant}/backup-sets/{set}/coverage":   {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/backup-sets/{set}/comparison": {need: viewer, ok: []int{200}},
	"GET /v1/schedule-times":                                {ok: []int{200}},
	"GET /v1/tenants/{tenant}/schedules":                    {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/schedules": {need: owner, ok: []int{201, 409}, body: object{
		"name": "e2e access", "operation": "inventory.sync", "expression": "cron(0 2 1 1 ? *)", "paused": true,
	}},
	"GET /v1/tenants/{tenant}/schedules/{schedule}":         {need: viewer, ok: []int{200, 404}},
	"PATCH /v1/tenants/{tenant}/schedules/{schedule}":       {need: owner, ok: []int{200, 404, 412}, body: object{"name": "e2e access"}},
	"DELETE /v1/tenants/{tenant}/schedules/{schedule}":      {need: owner, ok: []int{204, 404, 412}},
	"GET /v1/tenants/{tenant}/schedules/{schedule}/firings": {need: viewer, ok: []int{200, 404}},
	"GET /v1/tenants/{tenant}/drift":                        {need: viewer, ok: []int{200}},
	// No drift has this id.
	"GET /v1/tenants/{tenant}/drift/{drift}":               {need: viewer, ok: []int{404}},
	"POST /v1/tenants/{tenant}/drift/{drift}/expected":     {need: operator, ok: []int{404}},
	"GET /v1/tenants/{tenant}/subscription":                {need: viewer, ok: []int{200}},
	"POST /v1/tenants/{tenant}/backup-sets/{set}/previews": {need: operator, ok: []int{200, 202}},
	// No tenant has this live restore.
	"POST /v1/tenants/{tenant}/previews":                  {need: operator, ok: []int{422}, body: object{"undoOf": "run_00000000000000000000000000"}},
	"GET /v1/tenants/{tenant}/runs/{run}/plan":            {need: viewer, ok: []int{200}},
	"GET /v1/tenants/{tenant}/runs/{run}/plan/{document}": {need: viewer, ok: []int{200}},
	// The name typed is that of no tenant.
	"POST /v1/tenants/{tenant}/restores": {need: restorer, ok: []int{422}, body: object{
		"planRunId": "run_00000000000000000000000000", "planDigest": "none", "tenantName": "another", "reason": "e2e",
	}},
	"POST /v1/tenants/{tenant}/runs/{run}/reruns": {need: restorer, ok: []int{422}, body: object{"which": "all", "tenantName": "another", "reason": "e2e"}},
	"PUT /v1/tenants/{tenant}/subscription":       {need: viewer, ok: []int{200}, body: object{"drift": false, "problems": false}},
}

// queries are what a valid request of the route asks.
var queries = map[string]string{
	"GET /v1/runs":           "?active=true",
	"GET /v1/schedule-times": "?expression=cron(0%202%201%201%20%3F%20*)",
	"DELETE /v1/tenants/{tenant}/backup-sets/{set}":         "?confirm=another",
	"GET /v1/tenants/{tenant}/backup-sets/{set}/comparison": "?from={set}",
	"GET /v1/tenants/{tenant}/policies/{policy}/diff":       "?from=1",
}

// allows reports whether a member with the role, or another user, may.
func (a access) allows(user string) bool {
	switch a.need {
	case "":
		return true
	case platform:
		return user == platform
	}
	return slices.Contains(roles, user) && slices.Index(roles, user) >= slices.Index(roles, a.need)
}

// routes are those of the API's own document, as the stack serves it to anyone.
func routes(t *testing.T) []string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	as(t, "", http.MethodGet, "/v1/openapi.json", nil).want(t, http.StatusOK).into(t, &document)
	var all []string
	for path, methods := range document.Paths {
		for method := range methods {
			route := strings.ToUpper(method) + " " + path
			if _, ok := table[route]; !ok {
				t.Errorf("nobody wrote down who may call %s", route)
				continue
			}
			all = append(all, route)
		}
	}
	for route := range table {
		if !slices.Contains(all, route) {
			t.Errorf("the table has %s, the API has not", route)
		}
	}
	slices.Sort(all)
	return all
}

// place is what a path names.
type place struct {
	tenant, policy, run, user, set, schedule string
	plan                                     planned
}

// in is the same records in another tenant.
func (p place) in(tenant string) place {
	p.tenant = tenant
	return p
}

func (p place) request(route string) (method, path string) {
	method, path, _ = strings.Cut(route+queries[route], " ")
	if strings.Contains(path, "/plan") {
		path = strings.Replace(path, "{run}", p.plan.run, 1)
	}
	return method, strings.NewReplacer("{document}", p.plan.document, "{tenant}", p.tenant, "{policy}", p.policy, "{run}", p.run, "{number}", "1",
		"{user}", p.user, "{notification}", "bm9uZQ", "{set}", p.set, "{schedule}", p.schedule, "{drift}", p.run+"."+p.policy, "{filter}", "e2e-access").Replace(path)
}

// captured is a tenant with a policy, a version and ended runs, and where they are.
func captured(t *testing.T) place {
	t.Helper()
	x := stocked(t)
	r := x.done(t, x.start(t, capture))
	here := x.place(t, r)
	here.plan = x.planned(t)
	here.policy, here.user = r.Target.ID, "e2e-somebody"
	return here
}

// place is where everything of a tenant is that a path can name.
func (x *tenant) place(t *testing.T, r runView) place {
	t.Helper()
	types := object{"types": threeTypes}
	set := x.newSet(t, object{"name": "e2e place " + uuid.NewString(), "selection": types, "capture": false})
	schedule := x.newSchedule(t, object{"name": "e2e", "operation": "inventory.sync", "expression": "cron(0 2 1 1 ? *)", "paused": true})
	return place{tenant: x.id, policy: x.policies(t)[0].ID, run: r.ID, user: who(t, viewer).UserID, set: set.BackupSet.ID, schedule: schedule.ID}
}

// each asks all the questions, several at a time.
func each[T any](questions []T, ask func(T)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for q := range next {
				ask(q)
			}
		})
	}
	for _, q := range questions {
		next <- q
	}
	close(next)
	workers.Wait()
}

type question struct{ route, user, where string }

// Every route does for every role what the table says, and nothing for others.
func TestRolesDecideOnEveryRoute(t *testing.T) {
	own := captured(t)
	var questions []question
	for _, route := range routes(t) {
		for _, user := range append(slices.Clone(roles), outsider, stranger, platform) {
			token(t, user)
			questions = append(questions, question{route, user, ""})
		}
	}
	each(questions, func(q question) {
		method, path := own.request(q.route)
		rule := table[q.route]
		a := as(t, q.user, method, path, rule.body)
		code := a.problem().Code
		member := slices.Contains(roles, q.user)
		switch {
		case rule.allows(q.user):
			if !slices.Contains(rule.ok, a.status) {
				t.Errorf("%s as %s: %s, want %v", q.route, q.user, a, rule.ok)
			}
		case rule.need == platform || member:
			if a.status != http.StatusForbidden || code != "forbidden_role" {
				t.Errorf("%s as %s: %s, want 403 forbidden_role", q.route, q.user, a)
			}
		default:
			if a.status != http.StatusForbidden || code != "forbidden_tenant" {
				t.Errorf("%s as %s: %s, want 403 forbidden_tenant", q.route, q.user, a)
			}
		}
	})
}

// A tenant that the caller is no member of answers 403 on every route and in the
// same words, whether it exists or not and whatever the path names in it.
func TestForeignTenantIs403OnEveryRoute(t *testing.T) {
	own := captured(t)
	foreign := captured(t)
	// Nobody but the platform's own owner of a tenant remains a member of it.
	for _, r := range []string{viewer, operator, restorer} {
		as(t, owner, http.MethodDelete, "/v1/tenants/"+foreign.tenant+"/members/"+who(t, r).UserID, nil).want(t, http.StatusNoContent)
	}
	const absent = "ten_00000000000000000000000000"
	places := map[string]place{
		"existing, its own records": foreign,
		"existing, our records":     own.in(foreign.tenant),
		"absent":                    own.in(absent),
		"no identifier":             own.in("ten_x"),
		"hostile":                   own.in("ten_%27%22%3Cscript%3E"),
	}
	var questions []question
	for _, route := range routes(t) {
		if !strings.Contains(route, "{tenant}") {
			continue
		}
		for _, user := range []string{viewer, operator, restorer, stranger, platform} {
			token(t, user)
			for where := range places {
				questions = append(questions, question{route, user, where})
			}
		}
	}
	var mu sync.Mutex
	words := map[string]string{}
	each(questions, func(q question) {
		method, path := places[q.where].request(q.route)
		a := as(t, q.user, method, path, table[q.route].body)
		p := a.problem()
		if a.status != http.StatusForbidden || p.Code != "forbidden_tenant" {
			t.Errorf("%s as %s, tenant %s: %s, want 403 forbidden_tenant", q.route, q.user, q.where, a)
		}
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: content type %q", q.route, got)
		}
		mu.Lock()
		defer mu.Unlock()
		words[strings.ReplaceAll(string(a.body), p.RequestID, "")] = q.route + ", tenant " + q.where
	})
	if len(words) != 1 {
		t.Errorf("the answers differ and so tell something: %v", words)
	}
}

// Records of another tenant do not exist in ours, though the caller knows their ids.
func TestRecordsOfAnotherTenantAreNotFoundInOurs(t *testing.T) {
	own, other := captured(t), captured(t)
	for _, route := range routes(t) {
		if !slices.ContainsFunc([]string{"{policy}", "{run}", "{set}", "{schedule}", "{drift}"}, func(name string) bool { return strings.Contains(route, name) }) {
			continue
		}
		method, path := other.in(own.tenant).request(route)
		if a := as(t, owner, method, path, table[route].body); a.status != http.StatusNotFound || a.problem().Code != "not_found" {
			t.Errorf("%s with another tenant's record: %s, want 404 not_found", route, a)
		}
	}
}

// badTokens are tokens that must not let anyone in, with the status that says so.
func badTokens(t *testing.T) map[string]struct {
	token  string
	status int
} {
	t.Helper()
	good := signIn(t, hostedPage(), owner)
	parts := strings.Split(good.AccessToken, ".")
	if len(parts) != 3 {
		t.Fatal("the access token has no three parts")
	}
	decode := func(part string) (v object) {
		raw := must(base64.RawURLEncoding.DecodeString(part))(t)
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	encode := func(v object) string {
		return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))(t))
	}
	claims := func(change object) string {
		v := decode(parts[1])
		maps.Copy(v, change)
		return encode(v)
	}
	flipped := []byte(parts[2])
	if flipped[len(flipped)/2]++; flipped[len(flipped)/2] > 'z' {
		flipped[len(flipped)/2] = 'A'
	}
	ours := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	signed := func(head, body string) string {
		digest := sha256.Sum256([]byte(head + "." + body))
		signature := must(rsa.SignPKCS1v15(rand.Reader, ours, crypto.SHA256, digest[:]))(t)
		return head + "." + body + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	kid := decode(parts[0])["kid"]
	none := encode(object{"alg": "none", "typ": "JWT", "kid": kid})

	unscoped := hostedPage()
	unscoped.Scope = "openid email profile"

	type bad = struct {
		token  string
		status int
	}
	return map[string]bad{
		"none":                        {"", 401},
		"not a token":                 {"canary.not.a-token", 401},
		"expired":                     {expiredToken(t), 401},
		"signature changed":           {parts[0] + "." + parts[1] + "." + string(flipped), 401},
		"no signature":                {parts[0] + "." + parts[1] + ".", 401},
		"subject changed":             {parts[0] + "." + claims(object{"sub": who(t, outsider).UserID}) + "." + parts[2], 401},
		"group added":                 {parts[0] + "." + claims(object{"cognito:groups": []string{"platform-admins"}}) + "." + parts[2], 401},
		"expiry moved":                {parts[0] + "." + claims(object{"exp": time.Now().Add(48 * time.Hour).Unix()}) + "." + parts[2], 401},
		"algorithm none":              {none + "." + parts[1] + ".", 401},
		"algorithm none, signed":      {none + "." + parts[1] + "." + parts[2], 401},
		"another key, same key id":    {signed(parts[0], parts[1]), 401},
		"another key, another key id": {signed(encode(object{"alg": "RS256", "kid": "mine"}), parts[1]), 401},
		"of another client":           {otherClientsToken(t), 401},
		"identity token":              {good.IDToken, 403}, // it carries no scope
		"without the API's scope":     {signIn(t, unscoped, owner).AccessToken, 403},
	}
}

// expiredToken is a token of the console's own client whose time has passed, and
// that was good before.
func expiredToken(t *testing.T) string {
	t.Helper()
	client := must(stack.cognito.DescribeUserPoolClient(t.Context(), &cognitoidentityprovider.DescribeUserPoolClientInput{
		UserPoolId: &stack.UserPoolID, ClientId: &stack.ClientID,
	}))(t).UserPoolClient
	set := func(validity int32, units *types.TokenValidityUnitsType) error {
		// All settings are sent: AWS resets what an update leaves out.
		_, err := stack.cognito.UpdateUserPoolClient(context.WithoutCancel(t.Context()), &cognitoidentityprovider.UpdateUserPoolClientInput{
			UserPoolId: &stack.UserPoolID, ClientId: &stack.ClientID, ClientName: client.ClientName,
			AllowedOAuthFlows: client.AllowedOAuthFlows, AllowedOAuthFlowsUserPoolClient: aws.ToBool(client.AllowedOAuthFlowsUserPoolClient),
			AllowedOAuthScopes: client.AllowedOAuthScopes, CallbackURLs: client.CallbackURLs, LogoutURLs: client.LogoutURLs,
			ExplicitAuthFlows: client.ExplicitAuthFlows, SupportedIdentityProviders: client.SupportedIdentityProviders,
			EnableTokenRevocation: client.EnableTokenRevocation, PreventUserExistenceErrors: client.PreventUserExistenceErrors,
			IdTokenValidity: client.IdTokenValidity, RefreshTokenValidity: client.RefreshTokenValidity,
			RefreshTokenRotation: client.RefreshTokenRotation,
			AccessTokenValidity:  &validity, TokenValidityUnits: units,
		})
		return err
	}
	short := types.TokenValidityUnitsType{}
	if client.TokenValidityUnits != nil {
		short = *client.TokenValidityUnits
	}
	short.AccessToken = types.TimeUnitsTypeSeconds
	if err := set(4, &short); err != nil {
		t.Fatal(err)
	}
	expiring := signIn(t, hostedPage(), owner).AccessToken
	if err := set(aws.ToInt32(client.AccessTokenValidity), client.TokenValidityUnits); err != nil {
		t.Fatalf("put the app client back: %v", err)
	}
	ask := func() answer { return must(send(t.Context(), expiring, http.MethodGet, "/v1/me", nil))(t) }
	ask().want(t, http.StatusOK)
	await(t, "the token expires", 20*time.Second, func() bool { return ask().status == http.StatusUnauthorized })
	return expiring
}

// otherClientsToken is a good access token, with the API's scope, of another app
// client of the same user pool.
func otherClientsToken(t *testing.T) string {
	t.Helper()
	made := must(stack.cognito.CreateUserPoolClient(t.Context(), &cognitoidentityprovider.CreateUserPoolClientInput{
		UserPoolId: &stack.UserPoolID, ClientName: aws.String("e2e"), AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode},
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthScopes: strings.Fields(stack.SignIn.Scope),
		CallbackURLs: []string{stack.SignIn.RedirectURI}, SupportedIdentityProviders: []string{"COGNITO"},
	}))(t)
	t.Cleanup(func() {
		_, err := stack.cognito.DeleteUserPoolClient(context.WithoutCancel(t.Context()), &cognitoidentityprovider.DeleteUserPoolClientInput{
			UserPoolId: &stack.UserPoolID, ClientId: made.UserPoolClient.ClientId,
		})
		if err != nil {
			t.Errorf("delete the other client: %v", err)
		}
	})
	page := hostedPage()
	page.ClientID = aws.ToString(made.UserPoolClient.ClientId)
	return signIn(t, page, owner).AccessToken
}

// No route takes a token that is missing, expired, changed, or not for this API.
func TestNoRouteTakesABadToken(t *testing.T) {
	own := captured(t)
	bad := badTokens(t)
	before := scan(t)
	var questions []question
	for _, route := range routes(t) {
		for name := range bad {
			questions = append(questions, question{route: route, where: name})
		}
	}
	each(questions, func(q question) {
		method, path := own.request(q.route)
		b := bad[q.where]
		a, err := send(t.Context(), b.token, method, path, table[q.route].body)
		if err != nil {
			t.Error(err)
			return
		}
		if a.status != b.status {
			t.Errorf("%s with token %q: %s, want %d", q.route, q.where, a, b.status)
		}
		for _, word := range []string{own.policy, stack.TableName, "items"} {
			if strings.Contains(string(a.body), word) {
				t.Errorf("%s with token %q tells %q", q.route, q.where, word)
			}
		}
	})
	if found := changes(apart(before, before, own.tenant), apart(before, scan(t), own.tenant)); len(found) > 0 {
		t.Errorf("requests without a caller changed the table: %v", found)
	}
}

// The two public paths and nothing else answer without a token.
func TestOnlyHealthAndDocumentArePublic(t *testing.T) {
	for path, want := range map[string]int{
		"/v1/health": 200, "/v1/openapi.json": 200,
		"/v1/": 404, "/v1/health/x": 401, "/v1/openapi.json/": 401, "/v1/Health": 401, "/v1/debug/pprof/": 401,
	} {
		if a := as(t, "", http.MethodGet, path, nil); a.status != want {
			t.Errorf("GET %s without a token: %s, want %d", path, a, want)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if a := as(t, "", method, "/v1/health", "{}"); a.status < 400 {
			t.Errorf("%s /v1/health without a token: %s", method, a)
		}
	}
	a := get(t, viewer, "/v1/no-such-thing").want(t, http.StatusNotFound)
	if a.problem().Code != "not_found" {
		t.Errorf("an unknown path answers %s", a)
	}
}

// A member who was removed has no access from then on, also to what they
// started and with the token they have.
func TestRemovedMemberLosesAccessAtOnce(t *testing.T) {
	x := stocked(t)
	resume := paused(t, inventorySync)
	r := x.start(t, inventorySync)
	member := x.path("/members/" + who(t, operator).UserID)
	as(t, owner, http.MethodDelete, member, nil).want(t, http.StatusNoContent)
	for _, path := range []string{x.path(""), x.path("/runs/" + r.ID), x.path("/runs")} {
		get(t, operator, path).want(t, http.StatusForbidden)
	}
	for _, active := range list[runView](t, operator, "/v1/runs?active=true") {
		if active.TenantID == x.id {
			t.Error("a removed member still sees their own run")
		}
	}
	for _, m := range list[struct{ ID string }](t, operator, "/v1/tenants") {
		if m.ID == x.id {
			t.Error("a removed member still has the tenant in their list")
		}
	}
	// The run was theirs to start; it is no longer theirs to do.
	resume()
	if r = x.ended(t, r); r.Status != "failed" || r.Failure == nil || r.Failure.Code != "permission_revoked" {
		t.Errorf("the run of a removed member is %v, want failed permission_revoked", r)
	}
}

// What was notified about a tenant is no longer shown to who was removed from it.
func TestRemovedMemberReadsNoMoreNotifications(t *testing.T) {
	x := stocked(t)
	x.notified(t, operator, x.done(t, x.start(t, capture)))
	as(t, owner, http.MethodDelete, x.path("/members/"+who(t, operator).UserID), nil).want(t, http.StatusNoContent)
	for _, n := range list[notification](t, operator, "/v1/notifications") {
		if n.TenantID == x.id {
			t.Errorf("a removed member still reads notifications of the tenant: %s", fmt.Sprint(n.Title, " ", n.Body))
			break
		}
	}
}
