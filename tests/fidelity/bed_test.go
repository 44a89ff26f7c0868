package fidelity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/tests/graphsim"
)

const (
	clientID = "22222222-aaaa-4bbb-8ccc-000000000002"
	secret   = "fidelity-secret"
)

// A tenant has an id here and one at Microsoft.
type tenant struct{ id, graphID string }

var (
	source = tenant{"ten_01J9Z3T6Q4W8R2N5M7K1P0XYZA", "11111111-aaaa-4bbb-8ccc-000000000001"}
	target = tenant{"ten_01J9Z3T6Q4W8R2N5M7K1P0XYZB", "11111111-aaaa-4bbb-8ccc-000000000002"}
)

// bed runs the product's operations with its real Graph client against the
// simulator, over in-memory storage, without the engine between them.
type bed struct {
	t       testing.TB
	sim     *graphsim.Sim
	store   *memstore.Store
	archive *memstore.Archive
	vault   *memstore.Vault
	deps    operation.Deps
	client  *http.Client
	runs    atomic.Int64
	want    []byte // of the last policy that was made
	tokens  map[string]string
}

// permissions are all that any type needs, to read and to write.
func permissions() []string {
	all := catalog.ReadPermissions()
	for _, t := range catalog.All() {
		all = append(all, t.WritePermissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func newBed(t testing.TB, o graphsim.Options) *bed {
	t.Helper()
	return bedOver(t, graphsim.StartTest(t, o))
}

func bedOver(t testing.TB, sim *graphsim.Sim) *bed {
	t.Helper()
	b := &bed{
		t: t, sim: sim, store: memstore.New(), archive: &memstore.Archive{}, vault: &memstore.Vault{},
		client: sim.Client(), tokens: map[string]string{},
	}
	b.wire(b.client, b.store)
	return b
}

// wire makes the operations talk to Graph through a client, within shared limits
// unless rates is nil.
func (b *bed) wire(client *http.Client, rates run.Rates) {
	log := slog.New(slog.DiscardHandler)
	connector := &operation.Connector{
		Credentials: credentials{}, Endpoint: &graph.Endpoint{GraphURL: b.sim.URL, AuthorityURL: b.sim.URL}, Version: "test",
		Log: log, HTTPClient: client, Rates: rates,
	}
	b.deps = operation.Deps{
		Policies: b.store, Archive: b.archive, Vault: b.vault, Names: &operation.Names{}, Connect: connector.Connect,
		Now: time.Now, Log: log,
	}
}

type credentials struct{}

func (credentials) Credential(context.Context, string) (run.Credential, error) {
	return run.Credential{Kind: run.CredentialClientSecret, ClientSecret: secret}, nil
}

// add loads a tenant into the simulator and makes it known here.
func (b *bed) add(at tenant, spec graphsim.TenantSpec) graphsim.LoadReport {
	b.t.Helper()
	spec.ID, spec.DisplayName = at.graphID, "Tenant "+at.graphID[len(at.graphID)-1:]
	spec.Domains = []string{at.graphID[len(at.graphID)-4:] + ".example"}
	spec.Apps = []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}}, Permissions: permissions()}}
	report, err := b.sim.AddTenant(spec)
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.store.CreateTenant(b.t.Context(), b.record(at),
		run.Member{TenantID: at.id, UserID: "user", Name: "anna@contoso.example", Role: run.RoleOwner}, run.AuditEvent{TenantID: at.id, At: time.Now()})
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *bed) record(at tenant) run.Tenant {
	return run.Tenant{ID: at.id, Name: "Contoso", GraphTenantID: at.graphID, ClientID: clientID, Cloud: run.CloudGlobal, CredentialRef: "ref"}
}

// operate does all items of a run and returns their outcomes. It waits as the
// queue would.
func (b *bed) operate(at tenant, op run.Operation, policyID string, input any) ([]run.Outcome, error) {
	ctx := b.t.Context()
	text, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	bind, err := b.deps.Bind(op)
	if err != nil {
		return nil, err
	}
	r := run.Run{
		ID: fmt.Sprintf("run_%026d", b.runs.Add(1)), TenantID: at.id, Operation: op, CreatedAt: time.Now(),
		Target: run.Target{Kind: run.TargetPolicy, ID: policyID}, Initiator: run.Initiator{Name: "anna"}, Input: text,
	}
	work, err := bind(ctx, r, b.record(at))
	if err != nil {
		return nil, err
	}
	items, err := work.Plan(ctx)
	if err != nil {
		return nil, err
	}
	var outcomes []run.Outcome
	for _, item := range items {
		o, err := work.Act(ctx, item)
		for wait := (*engine.Wait)(nil); errors.As(err, &wait); o, err = work.Act(ctx, item) {
			if wait.After <= 0 {
				return outcomes, err
			}
			select { // as the queue does
			case <-time.After(wait.After):
			case <-ctx.Done():
				return outcomes, err
			}
		}
		if err != nil {
			return outcomes, fmt.Errorf("%s: %w", item.Name, err)
		}
		o.Item = item
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// sync lists everything and fails the test unless all of it could be listed.
func (b *bed) sync(at tenant) []run.Policy {
	b.t.Helper()
	return b.syncWith(at, nil)
}

func (b *bed) syncWith(at tenant, input any) []run.Policy {
	b.t.Helper()
	outcomes, err := b.operate(at, run.OpInventorySync, "", input)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Status != run.OutcomeSucceeded || o.Numbers["unsupported"] > 0 {
			b.t.Errorf("sync of %s: %s %s %v %+v", o.Item.Name, o.Status, o.Code, o.Numbers, o.Failure)
		}
	}
	all, err := b.store.AllPolicies(b.t.Context(), at.id)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// captured is a policy with its latest version and what that holds.
type captured struct {
	run.Policy
	version run.Version
	payload []byte
	secrets map[string]string
	outcome run.Outcome
}

// capture captures a policy and returns its latest version.
func (b *bed) capture(at tenant, p run.Policy) captured {
	b.t.Helper()
	c, err := b.tryCapture(at, p)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// tryCapture is capture for other goroutines than the test's.
func (b *bed) tryCapture(at tenant, p run.Policy) (captured, error) {
	ctx := b.t.Context()
	outcomes, err := b.operate(at, run.OpCaptureSnapshot, p.ID, nil)
	if err != nil || len(outcomes) != 1 {
		return captured{}, fmt.Errorf("capture of %s %q: %d outcomes, %w", p.Type, p.Name, len(outcomes), err)
	}
	c := captured{Policy: p, outcome: outcomes[0]}
	if c.outcome.Version == 0 {
		return c, fmt.Errorf("capture of %s %q: %s %s %+v", p.Type, p.Name, c.outcome.Status, c.outcome.Code, c.outcome.Failure)
	}
	if c.version, err = b.store.Version(ctx, at.id, p.ID, c.outcome.Version); err != nil {
		return c, err
	}
	if c.payload, err = b.archive.Get(ctx, at.id, c.version.PayloadKey); err != nil {
		return c, err
	}
	values, err := b.vault.Open(ctx, at.id, c.version.ContentHash)
	if err != nil && !errors.Is(err, run.ErrNotFound) {
		return c, err
	}
	c.secrets = values
	return c, nil
}

func (b *bed) typeOf(p run.Policy) catalog.Type {
	t, ok := catalog.ByID(p.Type)
	if !ok {
		b.t.Fatalf("no type %s", p.Type)
	}
	return t
}

// write sends a step to the simulator as a restore would and returns the answer.
func (b *bed) write(at tenant, s catalog.Step) (map[string]any, error) {
	ctx := b.t.Context()
	if b.tokens[at.graphID] == "" {
		form := url.Values{"client_id": {clientID}, "client_secret": {secret}, "grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}}
		answer, err := b.send(ctx, http.MethodPost, b.sim.URL+"/"+at.graphID+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", "", []byte(form.Encode()))
		if err != nil {
			return nil, err
		}
		b.tokens[at.graphID], _ = answer["access_token"].(string)
	}
	to := b.sim.URL + "/beta/" + s.Path
	if s.Query != "" {
		to += "?" + strings.ReplaceAll(s.Query, " ", "%20")
	}
	return b.send(ctx, s.Method, to, "application/json", b.tokens[at.graphID], s.Body)
}

func (b *bed) send(ctx context.Context, method, to, kind, token string, body []byte) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %s\n%s", method, strings.TrimPrefix(to, b.sim.URL), resp.StatusCode, clip(raw), clip(body))
	}
	var answer map[string]any
	if len(raw) > 0 && json.Unmarshal(raw, &answer) != nil {
		return nil, fmt.Errorf("%s: no JSON: %s", to, clip(raw))
	}
	return answer, nil
}

func clip(b []byte) string {
	if len(b) > 1500 {
		return string(b[:1500]) + "…"
	}
	return string(b)
}

// create makes a captured policy anew and returns its id.
func (b *bed) create(at tenant, t catalog.Type, payload []byte, mapping catalog.Mapping, secrets map[string]string) (string, error) {
	made, err := t.Create(payload, mapping, secrets)
	if err != nil {
		return "", err
	}
	if len(made.Unresolved) > 0 {
		return "", fmt.Errorf("unresolved: %+v", made.Unresolved)
	}
	b.want = made.Want
	learned := map[string]string{}
	err = b.apply(at, made.Steps, learned)
	return learned["id"], err
}

// apply does steps in order, from what is known.
func (b *bed) apply(at tenant, steps []catalog.Step, learned map[string]string) error {
	for _, step := range steps {
		if step.Needless(learned) {
			continue
		}
		if err := b.do(at, step.Fill(learned), learned); err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	return nil
}

// do waits for what a step awaits and sends it, until it finds what it looks for.
func (b *bed) do(at tenant, step catalog.Step, learned map[string]string) error {
	if err := b.await(at, step.Await); err != nil {
		return err
	}
	for n := 1; ; n++ {
		answer, err := b.write(at, step)
		if err != nil {
			return err
		}
		if step.Learn == nil {
			return nil
		}
		found := step.Learn(answer)
		maps.Copy(learned, found)
		if step.Method != http.MethodGet || len(found) > 0 {
			return nil
		}
		if n == tries {
			return errors.New("what was made is not found")
		}
		b.sim.Advance(time.Minute)
	}
}

// tries is how often something is looked at before it is given up.
const tries = 10

func (b *bed) await(at tenant, a catalog.Await) error {
	if a.Path == "" {
		return nil
	}
	for range tries {
		answer, err := b.write(at, catalog.Step{Method: http.MethodGet, Path: a.Path})
		if err != nil {
			return err
		}
		if fmt.Sprint(answer[a.Property]) == a.Value {
			return nil
		}
		b.sim.Advance(time.Minute)
	}
	return fmt.Errorf("%s did not become %s", a.Property, a.Value)
}
