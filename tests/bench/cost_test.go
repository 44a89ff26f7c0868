package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/followup"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/kmsvault"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/s3archive"
	"tenantatlas/shared/secretstore"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

var costFile = flag.String("costs", "", "write the measured costs to this `file`")

const (
	graphTenant = "11111111-aaaa-4bbb-8ccc-000000000001"
	graphClient = "22222222-aaaa-4bbb-8ccc-000000000002"
	user        = "user-1"
)

// meter counts what is asked of AWS: requests as they are sent, so that a retry
// counts, and capacity as DynamoDB reports it.
type meter struct {
	mu    sync.Mutex
	calls map[string]int
	again int // requests that the SDK made again
	read  float64
	write float64
}

// service is a transport that counts the requests to one service. A request that
// the SDK makes again is the same request: DynamoDB Local now and then breaks an
// answer under load, and what a page asks for does not depend on that. How many
// there were is kept as again.
func (m *meter) service(name string) http.RoundTripper { return counting{m, name} }

type counting struct {
	meter   *meter
	service string
}

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if op == "" {
		op = r.Method // S3 names its operations by method and path
	}
	c.meter.mu.Lock()
	if attempt := r.Header.Get("Amz-Sdk-Request"); attempt == "" || strings.HasPrefix(attempt, "attempt=1;") {
		c.meter.calls[c.service+" "+op]++
	} else {
		c.meter.again++
	}
	c.meter.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (m *meter) consumed(op string, consumed []types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range consumed {
		switch {
		case c.CapacityUnits == nil:
		case op == "GetItem" || op == "BatchGetItem" || op == "Query":
			m.read += *c.CapacityUnits
		default:
			m.write += *c.CapacityUnits
		}
	}
}

// costBed is the product's start, engine and operations over the real adapters:
// DynamoDB Local for the table, whose capacity figures are Amazon's own, and the
// stand-ins for the rest of AWS and for Graph.
type costBed struct {
	t       *testing.T
	meter   *meter
	sim     *graphsim.Sim
	table   *dynamodb.Client
	name    string // of the table
	objects *s3.Client
	archive run.Archive
	store   *dynamostore.Store
	starter *start.Starter
	engines map[run.Operation]*engine.Engine
	tenant  string
	costs   []cost
	later   time.Duration // how far the product's clock is ahead
	worked  time.Duration // what workers took since a measurement began
}

// bucket holds the payloads of a bed.
const bucket = "bench"

func newCostBed(t *testing.T, spec graphsim.TenantSpec) *costBed {
	t.Helper()
	return newPacedBed(t, spec, func(r run.Rates) run.Rates { return r })
}

// newPacedBed is a bed whose requests to Graph keep to the budgets that pace makes
// of those in the table.
func newPacedBed(t *testing.T, spec graphsim.TenantSpec, pace func(run.Rates) run.Rates) *costBed {
	t.Helper()
	b := &costBed{t: t, meter: &meter{calls: map[string]int{}}, engines: map[run.Operation]*engine.Engine{}}
	b.sim = graphsim.StartTest(t, graphsim.Options{Seed: 1, Quotas: []graphsim.Quota{}})
	spec.ID, spec.DisplayName = graphTenant, "Contoso"
	spec.Apps = []graphsim.App{{ClientID: graphClient, Secrets: []graphsim.Secret{{Value: "bench-secret"}}, Permissions: permissions()}}
	if _, err := b.sim.AddTenant(spec); err != nil {
		t.Fatal(err)
	}
	ministack := localaws.Ministack(t)
	b.table = dynamodb.NewFromConfig(localaws.Config(localaws.DynamoDBLocal(t), b.meter.service("DynamoDB")))
	b.name = localaws.CreateTable(t, b.table)
	b.store = dynamostore.New(b.table, b.name, dynamostore.Options{Observe: b.meter.consumed})

	queues := sqs.NewFromConfig(localaws.Config(ministack, b.meter.service("SQS")))
	urls := map[run.Operation]string{}
	for _, op := range operation.Operations() {
		name := "bench-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(op))
		out, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		urls[op] = *out.QueueUrl
	}
	queue := sqsqueue.New(queues, urls)

	b.objects = s3.NewFromConfig(localaws.Config(ministack, b.meter.service("S3")), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := b.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	keys := kms.NewFromConfig(localaws.Config(ministack, b.meter.service("KMS")))
	place := kmsvault.Place{Bucket: bucket}
	place.SealingKey, place.FingerprintKey = localaws.CreateVaultKeys(t, keys)
	secrets := secretstore.New(secretsmanager.NewFromConfig(localaws.Config(ministack, b.meter.service("Secrets Manager"))), "bench", "")

	now := time.Now().UTC()
	b.tenant = run.IDSource{}.New(run.PrefixTenant, now)
	ref, err := secrets.PutCredential(t.Context(), b.tenant, run.Credential{Kind: run.CredentialClientSecret, ClientSecret: "bench-secret"})
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.CreateTenant(t.Context(),
		run.Tenant{ID: b.tenant, Name: "Contoso", GraphTenantID: graphTenant, ClientID: graphClient, Cloud: run.CloudGlobal, CredentialRef: ref, CredentialKind: run.CredentialClientSecret, CreatedAt: now, UpdatedAt: now},
		run.Member{TenantID: b.tenant, UserID: user, Name: "anna@contoso.example", Role: run.RoleOwner, CreatedAt: now, UpdatedAt: now},
		run.AuditEvent{TenantID: b.tenant, At: now, Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}

	log := slog.New(slog.DiscardHandler)
	// What may only read shares no connector with what may write.
	connector := func() *operation.Connector {
		return &operation.Connector{
			Credentials: secrets, Endpoint: &graph.Endpoint{GraphURL: b.sim.URL, AuthorityURL: b.sim.URL}, Version: "bench",
			Log: log, HTTPClient: b.sim.Client(), Rates: pace(b.store),
		}
	}
	b.archive = s3archive.New(b.objects, bucket, s3archive.Options{})
	deps := operation.Deps{
		Policies: b.store, Archive: b.archive,
		Sets: b.store, Schedules: b.store, Drifts: b.store,
		Vault: kmsvault.New(keys, b.objects, place, kmsvault.Options{}), Names: &operation.Names{},
		Runs: b.store, Records: b.store, Connect: connector().Connect, ConnectWriter: connector().ConnectWriter, Now: b.now, Log: log,
	}
	for _, op := range operation.Operations() {
		bind, err := deps.Bind(op)
		if err != nil {
			t.Fatal(err)
		}
		b.engines[op] = &engine.Engine{
			Operation: op, Runs: b.store, Tenants: b.store, Schedules: b.store, Queue: queue, Bind: bind, Now: b.now, Log: log,
			Owner: func() string { return run.IDSource{}.New("own_", time.Now()) },
		}
	}
	b.starter = &start.Starter{Runs: b.store, Queue: queue, Now: b.now, Log: log}
	return b
}

func (b *costBed) now() time.Time { return time.Now().Add(b.later) }

// measure runs do and adds what it cost. units is how many of the thing that
// the line is about were done.
func (b *costBed) measure(name string, units int, do func()) cost {
	b.t.Helper()
	b.meter.mu.Lock()
	b.meter.calls, b.meter.read, b.meter.write = map[string]int{}, 0, 0
	b.meter.mu.Unlock()
	b.sim.ResetCounters()
	b.worked = 0
	do()
	asked := b.sim.Counters()
	b.meter.mu.Lock()
	defer b.meter.mu.Unlock()
	c := cost{
		Name: name, Units: units, Calls: maps.Clone(b.meter.calls), ReadUnits: b.meter.read, WriteUnits: b.meter.write,
		GraphReads: asked.Reads, GraphTokens: asked.Tokens,
	}
	b.costs = append(b.costs, c)
	return c
}

func (b *costBed) start(req start.Request) run.Run {
	b.t.Helper()
	req.TenantID, req.Principal, req.Deadline = b.tenant, run.Principal{UserID: user}, time.Hour
	res, err := b.starter.Start(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Run
}

// work does the run and returns it ended.
func (b *costBed) work(r run.Run) run.Run {
	b.t.Helper()
	b.handle(r)
	// A run that waits for Conditional Access, where a request a second may be sent,
	// goes back to its queue.
	for {
		now, err := b.store.Run(b.t.Context(), r.TenantID, r.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		if now.Status.Terminal() {
			return r
		}
		select {
		case <-time.After(now.NotBefore.Sub(b.now())):
		case <-b.t.Context().Done():
			b.t.Fatal("the run does not end")
		}
		b.handle(now)
	}
}

func (b *costBed) handle(r run.Run) {
	b.t.Helper()
	began := time.Now()
	if err := b.engines[r.Operation].Handle(b.t.Context(), r.Dispatch()); err != nil {
		b.t.Fatal(err)
	}
	b.worked += time.Since(began)
}

// succeeded fails the test unless the run did; it is not part of a measurement.
func (b *costBed) succeeded(r run.Run) run.Run {
	b.t.Helper()
	ended, err := b.store.Run(b.t.Context(), r.TenantID, r.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if ended.Status != run.StatusSucceeded {
		b.t.Fatalf("%s ended %s: %+v", r.Operation, ended.Status, ended.Failure)
	}
	return ended
}

func (b *costBed) policies() []run.Policy {
	b.t.Helper()
	all, err := b.store.AllPolicies(b.t.Context(), b.tenant)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(all, func(x, y run.Policy) int { return strings.Compare(x.ID, y.ID) })
	return all
}

// runSizes are the runs whose machinery is measured: start, worker, end and
// notifications, without what an operation itself reads and writes.
var runSizes = []int{1, 25, 500}

// machinery acts on n items like those of a tenant, and does nothing with them.
type machinery struct{ n int }

func (m machinery) Plan(context.Context) ([]run.Item, error) {
	items := make([]run.Item, m.n)
	for i := range items {
		items[i] = run.Item{
			Key: run.PolicyID("ten_bench", "deviceManagement/configurationPolicies", strconv.Itoa(i)), Kind: "policy",
			Name: fmt.Sprintf("WIN - Device Security - Baseline %03d", i), Type: "settings-catalog-policy",
		}
	}
	return items, nil
}

func (machinery) Act(_ context.Context, item run.Item) (run.Outcome, error) {
	// One in twenty-five fails, with all that Microsoft says of a failure.
	if strings.HasSuffix(item.Name, "7") && strings.ContainsAny(item.Name[len(item.Name)-2:len(item.Name)-1], "02468") {
		f := run.Failure{Code: "unreadable_part", HTTPStatus: 500, GraphCode: "InternalServerError", GraphRequestID: "0b5a1d7e-9d0e-4c0c-8d2a-2f6f2f5a1c11", ClientRequestID: "5d1c5a7e-7a3e-4e52-9f6f-6a1b7d0f9c22", Params: map[string]string{"part": "assignments"}}
		return run.Outcome{Status: run.OutcomeFailed, Code: f.Code, Failure: &f}, nil
	}
	return run.Outcome{Status: run.OutcomeSucceeded, Version: 3, Numbers: map[string]int{"policies": 1}}, nil
}

func (machinery) Probe(context.Context, run.Item) (*run.Outcome, error) { return nil, nil }

// What the machinery of a run costs, by its size.
func TestRunCosts(t *testing.T) {
	b := newCostBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	for _, n := range runSizes {
		worker := *b.engines[run.OpInventorySync]
		worker.Bind = func(context.Context, run.Run, run.Tenant) (engine.Operation, error) { return machinery{n}, nil }
		var worked time.Duration
		c := b.measure(fmt.Sprintf("run of %d items", n), n, func() {
			r := b.start(start.Request{Operation: run.OpInventorySync, Scope: strconv.Itoa(n)})
			began := time.Now()
			if err := worker.Handle(t.Context(), r.Dispatch()); err != nil {
				t.Fatal(err)
			}
			worked = time.Since(began)
			ended, err := b.store.Run(t.Context(), r.TenantID, r.ID)
			if err != nil || !ended.Status.Terminal() || ended.Counts.Done() != n {
				t.Fatalf("ended %s with %+v, %v", ended.Status, ended.Counts, err)
			}
			b.notify(r, ended)
		})
		b.costs[len(b.costs)-1].WorkerMillis = float64(worked.Microseconds()) / 1000
		perItem := c.WriteUnits / float64(n)
		t.Logf("%s: %d calls, %.1f write units (%.3f an item), %.1f read units, %v of a worker: %v", c.Name, c.calls(), c.WriteUnits, perItem, c.ReadUnits, worked, c.Calls)
		if n == 500 && perItem > maxWritePerItem {
			t.Errorf("%.3f write units an item, want at most %v", perItem, maxWritePerItem)
		}
	}
	keep(t, "runs", b.costs)
}

// Ten thousand identical starts at once make one run, whoever gets there first,
// and each is answered with it.
func TestIdenticalStarts(t *testing.T) {
	b := newCostBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	const n = 10_000
	// As many at a time as functions run at once in an account that nobody raised
	// the limit of.
	slots := make(chan struct{}, 1000)
	ids := make([]string, n)
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			res, err := b.starter.Start(t.Context(), start.Request{
				TenantID: b.tenant, Principal: run.Principal{UserID: user}, Operation: run.OpInventorySync, Deadline: time.Hour,
			})
			ids[i], errs[i] = res.Run.ID, err
		})
	}
	wait.Wait()
	runs := map[string]int{}
	for i, id := range ids {
		if errs[i] != nil {
			t.Fatalf("start %d: %v", i, errs[i])
		}
		runs[id]++
	}
	if len(runs) != 1 || b.meter.calls["SQS SendMessage"] != 1 {
		t.Errorf("%d runs, %d messages", len(runs), b.meter.calls["SQS SendMessage"])
	}
}

// notify tells the notifier of the changes of a run, as the stream does, and lets it
// follow up on the end.
func (b *costBed) notify(queued, ended run.Run) {
	b.t.Helper()
	n := b.notifier()
	running := queued
	running.Status, running.StartedAt = run.StatusRunning, ended.StartedAt
	for _, change := range []struct {
		old *run.Run
		now run.Run
	}{{nil, queued}, {&queued, running}, {&running, ended}} {
		if err := n.Changed(b.t.Context(), change.old, change.now); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *costBed) notifier() notifier.Notifier {
	follower := followup.Follower{Store: b.store}
	return notifier.Notifier{Store: b.store, Begin: follower.Began, Follow: follower.Ended}
}

// ended tells the notifier of the end of a run alone.
func (b *costBed) ended(r run.Run) {
	b.t.Helper()
	if err := b.notifier().Ended(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

// keep hands over what was measured to the report, under a name.
func keep(t *testing.T, name string, measured any) {
	t.Helper()
	if *costFile == "" {
		return
	}
	all := map[string]json.RawMessage{}
	if raw, err := os.ReadFile(*costFile); err == nil && len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if all[name], err = json.Marshal(measured); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*costFile, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// syncedPolicies is the size of the synthetic tenant that is synced.
const syncedPolicies = 500

// seededPolicies is how many a sync finds in the simulator's tenant contoso.
const seededPolicies = 15

// What a start, a captured policy and a synced policy cost. The limits are those
// that the product promises; a request more in one of these is paid for with
// every run.
func TestCosts(t *testing.T) {
	seeded := newCostBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	first := seeded.start(start.Request{Operation: run.OpInventorySync})
	seeded.measure(fmt.Sprintf("cold worker: sync of the %d seeded policies, with credential and token", seededPolicies), seededPolicies, func() { seeded.work(first) })
	seeded.succeeded(first)
	policies := seeded.policies()
	if len(policies) != seededPolicies {
		t.Fatalf("%d policies, want %d", len(policies), seededPolicies)
	}

	var runs []run.Run
	one := seeded.measure("start of a capture", 1, func() {
		runs = append(runs, seeded.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: policies[0].ID, IdempotencyKey: "one"}))
	})
	again := seeded.measure("the same start once more while the run is active", 1, func() {
		if r := seeded.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: policies[0].ID}); r.ID != runs[0].ID {
			t.Errorf("another run: %s", r.ID)
		}
	})
	for _, c := range []cost{one, again} {
		if c.calls() > 5 || c.GraphReads+c.GraphTokens > 0 {
			t.Errorf("%s: %v, %d requests to Graph; at most 5 calls of AWS and none of Graph", c.Name, c.Calls, c.GraphReads+c.GraphTokens)
		}
	}
	if one.WriteUnits == 0 || one.ReadUnits == 0 {
		t.Errorf("no capacity was reported: %+v", one)
	}
	for _, p := range policies[1:] {
		runs = append(runs, seeded.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID}))
	}
	captured := seeded.measure("worker: capture with new content", len(runs), func() {
		for _, r := range runs {
			seeded.work(r)
		}
	})
	// One of them has secrets, which are sealed in an object of their own. The SDK
	// may repeat a request whose connection the stand-in broke off.
	if n := captured.Calls["S3 PUT"]; n < len(runs)+1 || n > len(runs)+3 || captured.Calls["KMS GenerateMac"] > 2 || captured.Calls["KMS GenerateDataKey"] > 2 {
		t.Errorf("%d captures, one of them with secrets, cost %v", len(runs), captured.Calls)
	}
	if perPolicy := float64(captured.calls()) / float64(len(runs)); perPolicy > 16 { // names of what it refers to are read from the inventory
		t.Errorf("%.1f calls of AWS for each captured policy: %v", perPolicy, captured.Calls)
	}
	ended := seeded.succeeded(runs[0])
	seeded.measure("notifier: the three notifications of a run", 1, func() {
		seeded.notify(runs[0], ended)
	})
	runs = nil
	for _, p := range policies {
		runs = append(runs, seeded.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID}))
	}
	unchanged := seeded.measure("worker: capture with unchanged content", len(runs), func() {
		for _, r := range runs {
			seeded.work(r)
		}
	})
	if n := unchanged.Calls["S3 PUT"] + unchanged.Calls["KMS GenerateDataKey"]; n != 0 {
		t.Errorf("%d payloads or keys made by captures without new content", n)
	}
	for _, r := range runs {
		seeded.succeeded(r)
	}
	seeded.measure("read: a run, as its page asks while it goes on", 1, func() {
		if _, err := seeded.store.Run(t.Context(), seeded.tenant, runs[0].ID); err != nil {
			t.Fatal(err)
		}
	})

	large := newCostBed(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: syncedPolicies, SettingsPer: 5, Assigned: true}})
	warm := large.start(start.Request{Operation: run.OpConnectionTest})
	large.work(warm)
	large.succeeded(warm)
	for _, name := range []string{"worker: first sync of a tenant", "worker: sync of an unchanged tenant"} {
		r := large.start(start.Request{Operation: run.OpInventorySync})
		large.measure(name, syncedPolicies, func() { large.work(r) })
		// One more are the settings that every tenant has.
		if got := large.succeeded(r).Totals["policies"]; got != syncedPolicies+1 {
			t.Errorf("%s: %d policies", name, got)
		}
	}
	// A unit for each type, and what the run takes, which waits for Conditional Access.
	if last := large.costs[len(large.costs)-1]; last.WriteUnits > float64(len(catalog.All())+syncedPolicies/5) {
		t.Errorf("sync of an unchanged tenant writes %.0f units", last.WriteUnits)
	}

	all := append(seeded.costs, large.costs...)
	for _, c := range all {
		t.Logf("%s (%d): %d calls, %.1f read, %.1f write, %d reads of Graph: %v", c.Name, c.Units, c.calls(), c.ReadUnits, c.WriteUnits, c.GraphReads, c.Calls)
	}
	keep(t, "operations", all)
}
