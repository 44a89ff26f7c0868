package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tenantatlas/cmd/localstack/signin"
	"tenantatlas/cmd/localstack/stackfile"
	"tenantatlas/shared/catalog"
)

// How many starts are measured. Each new run is of a policy of its own, since a
// policy has one active capture at most.
const (
	alone      = 200 // by one client
	together   = 480 // by sixteen
	many       = 16
	repeats    = 100 // of one start, with its Idempotency-Key
	floorCalls = 100 // of a route that does nothing, for what the stand-in itself takes
	warmUp     = 20
)

// latency is a row of the report.
type latency struct {
	Name    string
	Clients int
	Took    []time.Duration // sorted
	Elapsed time.Duration
}

// api asks the product's API as one user.
type api struct {
	client *http.Client
	origin string
	token  string
}

// ask sends a request and decodes a 2xx answer into to, which may be nil.
func (a *api) ask(ctx context.Context, method, url string, body, to any, headers ...string) (int, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return 0, err
	}
	if res.StatusCode/100 != 2 {
		return res.StatusCode, fmt.Errorf("%s answers %d %.300s", method, res.StatusCode, raw)
	}
	if to == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(raw, to)
}

// signedIn returns the API as the seeded user sees it.
func signedIn(ctx context.Context, stack *stackfile.Stack, client *http.Client, user stackfile.User) (*api, error) {
	page := signin.Client{
		AuthorizeURL: stack.SignIn.AuthorizeURL, TokenURL: stack.SignIn.TokenURL, ClientID: stack.ClientID,
		RedirectURI: stack.SignIn.RedirectURI, Scope: stack.SignIn.Scope,
	}
	tokens, err := page.Password(ctx, user.Email, user.Password)
	if err != nil {
		return nil, fmt.Errorf("sign-in of %s: %w", user.Email, err)
	}
	return &api{client: client, origin: stack.APIURL, token: tokens.AccessToken}, nil
}

type runView struct {
	ID, Status string
	Reused     bool
}

func (r runView) terminal() bool { return r.Status != "queued" && r.Status != "running" }

// bench is the running stack as measurements see it.
type bench struct {
	stack         *stackfile.Stack
	administrator *api
	user          *api
	userID        string
	simulator     *api
}

func newBench(ctx context.Context, stack *stackfile.Stack, clients int) (*bench, error) {
	if stack.Graph.AdminURL == "" {
		return nil, errors.New("the stack runs without the Graph simulator, in which tenants would be made")
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	platform := slices.IndexFunc(stack.Users, func(u stackfile.User) bool { return u.PlatformAdmin })
	owner := slices.IndexFunc(stack.Users, func(u stackfile.User) bool { return len(u.Roles) > 0 })
	if platform < 0 || owner < 0 {
		return nil, errors.New("the stack has no platform administrator or no member")
	}
	b := &bench{stack: stack, simulator: &api{client: client}, userID: stack.Users[owner].UserID}
	var err error
	if b.administrator, err = signedIn(ctx, stack, client, stack.Users[platform]); err != nil {
		return nil, err
	}
	b.user, err = signedIn(ctx, stack, client, stack.Users[owner])
	return b, err
}

// benchTenant is a tenant made for a measurement, synced.
type benchTenant struct {
	base      string // of its routes
	simulated string // of its stand-in
	policies  []string
}

// tenant makes a tenant with so many policies and syncs it. remove takes its
// stand-in away again.
func (b *bench) tenant(ctx context.Context, policies int) (t benchTenant, remove func() error, err error) {
	graphID, clientID, secret := uuid.NewString(), uuid.NewString(), rand.Text()
	t.simulated = b.stack.Graph.AdminURL + "/v1/tenants/" + graphID
	_, err = b.simulator.ask(ctx, http.MethodPut, t.simulated, map[string]any{
		"displayName": "bench", "generate": map[string]any{"seed": 1, "policies": policies, "settingsPer": 5},
		"apps": []any{map[string]any{"clientId": clientID, "secrets": []any{map[string]string{"value": secret}}, "permissions": catalog.ReadPermissions()}},
	}, nil)
	if err != nil {
		return t, nil, fmt.Errorf("simulated tenant: %w", err)
	}
	remove = func() error {
		_, err := b.simulator.ask(context.WithoutCancel(ctx), http.MethodDelete, t.simulated, nil, nil)
		return err
	}
	var made struct{ ID string }
	_, err = b.administrator.ask(ctx, http.MethodPost, b.stack.APIURL+"/v1/tenants", map[string]any{
		"name": "bench " + graphID[:8], "graphTenantId": graphID, "clientId": clientID,
		"credential": map[string]string{"kind": "client_secret", "clientSecret": secret},
		"owner":      map[string]string{"userId": b.userID, "name": "Bench"},
	}, &made)
	if err != nil {
		return t, remove, fmt.Errorf("tenant: %w", err)
	}
	t.base = b.stack.APIURL + "/v1/tenants/" + made.ID
	var sync runView
	if _, err := b.user.ask(ctx, http.MethodPost, t.base+"/inventory-syncs", nil, &sync); err != nil {
		return t, remove, err
	}
	if err := await(ctx, func() (bool, error) {
		_, err := b.user.ask(ctx, http.MethodGet, t.base+"/runs/"+sync.ID, nil, &sync)
		return sync.terminal(), err
	}); err != nil {
		return t, remove, fmt.Errorf("sync: %w", err)
	}
	if t.policies, err = policyIDs(ctx, b.user, t.base); err != nil {
		return t, remove, err
	}
	if len(t.policies) < policies {
		return t, remove, fmt.Errorf("sync ended %s with %d policies", sync.Status, len(t.policies))
	}
	return t, remove, nil
}

// idle waits until no run of the user is active.
func (b *bench) idle(ctx context.Context) error {
	return await(ctx, func() (bool, error) {
		var page struct{ Items []runView }
		_, err := b.user.ask(ctx, http.MethodGet, b.stack.APIURL+"/v1/runs?active=true&pageSize=1", nil, &page)
		return len(page.Items) == 0, err
	})
}

// starts measures starts over the running stack's origin, in a tenant made for
// the purpose.
func starts(ctx context.Context, stack *stackfile.Stack, progress io.Writer) (rows []latency, err error) {
	b, err := newBench(ctx, stack, many)
	if err != nil {
		return nil, err
	}
	tenant, remove, err := b.tenant(ctx, warmUp+alone+together)
	if remove != nil {
		defer func() { err = errors.Join(err, remove()) }()
	}
	if err != nil {
		return nil, err
	}
	user, base, policies := b.user, tenant.base, tenant.policies
	idle := func() error { return b.idle(ctx) }

	start := func(policy string, headers ...string) error {
		var r runView
		status, err := user.ask(ctx, http.MethodPost, base+"/policies/"+policy+"/snapshots", nil, &r, headers...)
		if err == nil && (status != http.StatusAccepted || r.Reused) {
			err = fmt.Errorf("start answers %d, reused %t", status, r.Reused)
		}
		return err
	}
	row := func(name string, clients, n int, do func(i int) error) error {
		fmt.Fprintf(progress, "  %s, %d client(s), %d requests …\n", name, clients, n)
		took, elapsed, err := timed(clients, n, do)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, latency{Name: name, Clients: clients, Took: took, Elapsed: elapsed})
		return nil
	}
	used := policies[:warmUp]
	if _, _, err := timed(1, warmUp, func(i int) error { return start(used[i]) }); err != nil {
		return nil, fmt.Errorf("warm-up: %w", err)
	}
	if err := idle(); err != nil {
		return nil, err
	}
	if err := row("`GET /v1/health`, which does nothing: the local stack's own share", 1, floorCalls, func(int) error {
		_, err := user.ask(ctx, http.MethodGet, stack.APIURL+"/v1/health", nil, nil)
		return err
	}); err != nil {
		return nil, err
	}
	used = policies[warmUp : warmUp+alone]
	if err := row("start of a capture, each of another policy", 1, alone, func(i int) error { return start(used[i]) }); err != nil {
		return nil, err
	}
	if err := idle(); err != nil {
		return nil, err
	}
	used = policies[warmUp+alone : warmUp+alone+together]
	if err := row("start of a capture, each of another policy", many, together, func(i int) error { return start(used[i]) }); err != nil {
		return nil, err
	}
	if err := idle(); err != nil {
		return nil, err
	}
	key := uuid.NewString()
	if err := start(policies[0], "Idempotency-Key", key); err != nil {
		return nil, err
	}
	if err := row("the same start again with its `Idempotency-Key` (the run is returned)", 1, repeats, func(int) error {
		var r runView
		status, err := user.ask(ctx, http.MethodPost, base+"/policies/"+policies[0]+"/snapshots", nil, &r, "Idempotency-Key", key)
		if err == nil && (status != http.StatusOK || !r.Reused) {
			err = fmt.Errorf("answers %d, reused %t", status, r.Reused)
		}
		return err
	}); err != nil {
		return nil, err
	}
	if err := idle(); err != nil {
		return nil, err
	}
	return rows, allSucceeded(ctx, user, base)
}

// policyIDs lists the tenant's policies.
func policyIDs(ctx context.Context, user *api, base string) ([]string, error) {
	var ids []string
	for next := ""; ; {
		var page struct {
			Items         []struct{ ID string }
			NextPageToken string
		}
		if _, err := user.ask(ctx, http.MethodGet, base+"/policies?pageSize=200&pageToken="+next, nil, &page); err != nil {
			return nil, err
		}
		for _, p := range page.Items {
			ids = append(ids, p.ID)
		}
		if next = page.NextPageToken; next == "" {
			return ids, nil
		}
	}
}

// allSucceeded is an error when a run of the tenant ended otherwise: fast
// answers to starts that come to nothing are worth nothing.
func allSucceeded(ctx context.Context, user *api, base string) error {
	for next := ""; ; {
		var page struct {
			Items         []runView
			NextPageToken string
		}
		if _, err := user.ask(ctx, http.MethodGet, base+"/runs?pageSize=200&pageToken="+next, nil, &page); err != nil {
			return err
		}
		for _, r := range page.Items {
			if r.Status != "succeeded" {
				return fmt.Errorf("run %s ended %s", r.ID, r.Status)
			}
		}
		if next = page.NextPageToken; next == "" {
			return nil
		}
	}
}

// timed does n things by so many clients side by side and returns how long each
// took, sorted, and how long all took together.
func timed(clients, n int, do func(i int) error) ([]time.Duration, time.Duration, error) {
	took := make([]time.Duration, n)
	next := make(chan int)
	errs := make(chan error, clients)
	var all sync.WaitGroup
	began := time.Now()
	for range clients {
		all.Go(func() {
			for i := range next {
				at := time.Now()
				if err := do(i); err != nil {
					errs <- err
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	var failed error
	for i := range n {
		select {
		case next <- i:
			continue
		case failed = <-errs:
		}
		break
	}
	close(next)
	all.Wait()
	elapsed := time.Since(began)
	select {
	case err := <-errs:
		failed = errors.Join(failed, err)
	default:
	}
	sortDurations(took)
	return took, elapsed, failed
}

// await asks every half second until done, for five minutes at most.
func await(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("runs do not end within five minutes")
		}
	}
}
