package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/localaws"
)

// listSizes are how much a tenant has of what is listed.
type listSizes struct{ sets, items, runs, runItems, policies, firings, drift int }

// A tenth as much, as far as that fills what a page looks at: 250 entries of a list
// with a filter, 1,000 of both sets of a comparison. What is shorter costs less.
var (
	manyListed = listSizes{sets: 2_500, items: 5_000, runs: 10_000, runItems: 5_000, policies: 5_000, firings: 1_000, drift: 5_000}
	fewListed  = listSizes{sets: 250, items: 1_250, runs: 1_000, runItems: 500, policies: 500, firings: 100, drift: 500}
)

// Limits of every page. Sizes round to half a unit for each request.
const (
	listPage         = 50
	listStride       = 200   // a page on the way to others
	maxListMillis    = 2_000 // generous: of a machine that does other things as well
	listRounding     = 1.0   // read units
	maxVainReadUnits = 1_080 // of a page that finds nothing
)

// listBed is the API over the real store and DynamoDB Local.
type listBed struct {
	t     *testing.T
	meter *meter
	plain *dynamodb.Client // fills the table, and is not counted
	table string
	store *dynamostore.Store
	api   http.Handler
	now   time.Time
}

func newListBed(t *testing.T) *listBed {
	t.Helper()
	b := &listBed{t: t, meter: &meter{calls: map[string]int{}}, now: time.Now().UTC().Truncate(time.Hour)}
	d := localaws.DynamoDB{Endpoint: localaws.DynamoDBLocal(t)}
	b.plain = d.Client(nil)
	b.table = "lists-" + rand.Text()
	schema, err := localaws.ReadTableSchema()
	if err != nil {
		t.Fatal(err)
	}
	in := schema.CreateInput(b.table)
	in.StreamSpecification = nil // DynamoDB Local keeps what nobody reads, and slows down
	if _, err := b.plain.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := b.plain.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &b.table}); err != nil {
			t.Error(err)
		}
	})
	b.store = dynamostore.New(d.Client(b.meter.service("DynamoDB")), b.table, dynamostore.Options{Observe: b.meter.consumed})
	now, log := func() time.Time { return b.now }, slog.New(slog.DiscardHandler)
	b.api = httpapi.New(httpapi.Deps{
		Starter: &start.Starter{Runs: b.store, Now: now, Log: log},
		Tenants: b.store, Runs: b.store, Policies: b.store, Records: b.store, Sets: b.store, Schedules: b.store, Drifts: b.store, Subscriptions: b.store, Summaries: b.store, Filters: b.store,
		Now: now, Log: log, ConsoleURL: "https://console.example",
		Deadline: func(run.Operation) time.Duration { return time.Hour },
		Identify: func(*http.Request) (run.Principal, error) { return run.Principal{UserID: user}, nil },
	})
	return b
}

func (b *listBed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// image reads what the store has stored.
func (b *listBed) image(pk, sk string) map[string]types.AttributeValue {
	b.t.Helper()
	out, err := b.plain.GetItem(b.t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: pk}, "SK": &types.AttributeValueMemberS{Value: sk},
	}})
	b.must(err)
	if len(out.Item) == 0 {
		b.t.Fatalf("no item %s %s", pk, sk)
	}
	return out.Item
}

// copies stores n more of an item that the store has stored: those from the first on,
// with other texts in the place of its own.
func (b *listBed) copies(image map[string]types.AttributeValue, first, n int, texts func(i int) *strings.Replacer) {
	b.t.Helper()
	group, ctx := errgroup.WithContext(b.t.Context())
	group.SetLimit(4)
	const atOnce = 25 // DynamoDB's limit
	for from := first; from < first+n; from += atOnce {
		group.Go(func() error {
			var writes []types.WriteRequest
			for i := from; i < min(from+atOnce, first+n); i++ {
				item := replaced(&types.AttributeValueMemberM{Value: image}, texts(i)).(*types.AttributeValueMemberM).Value
				writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			}
			for len(writes) > 0 {
				out, err := b.plain.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{b.table: writes}})
				if err != nil {
					return err
				}
				writes = out.UnprocessedItems[b.table]
			}
			return nil
		})
	}
	b.must(group.Wait())
}

func replaced(v types.AttributeValue, texts *strings.Replacer) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: texts.Replace(v.Value)}
	case *types.AttributeValueMemberSS:
		out := &types.AttributeValueMemberSS{}
		for _, e := range v.Value {
			out.Value = append(out.Value, texts.Replace(e))
		}
		return out
	case *types.AttributeValueMemberL:
		out := &types.AttributeValueMemberL{}
		for _, e := range v.Value {
			out.Value = append(out.Value, replaced(e, texts))
		}
		return out
	case *types.AttributeValueMemberM:
		out := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
		for name, e := range v.Value {
			out.Value[name] = replaced(e, texts)
		}
		return out
	}
	return v
}

// listTenant is a tenant with as much in it as its sizes say, one of each kind made
// by the store and the others copies of it.
type listTenant struct {
	*listBed
	id, set, later, schedule, run string
}

// listedAt is when the i-th of something came to be.
func (b *listBed) listedAt(i int) time.Time { return b.now.Add(time.Duration(i-20_000) * time.Minute) }

func storedTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000000Z") }

func listedName(i int) string { return fmt.Sprintf("WIN - Device Security - Baseline %05d", i) }

func (b *listBed) fill(n listSizes) listTenant {
	b.t.Helper()
	ctx, newID := b.t.Context(), run.IDSource{}.New
	t := listTenant{listBed: b, id: newID(run.PrefixTenant, b.now)}
	who := run.Initiator{UserID: user, Name: "anna@contoso.example"}
	audit := func(event string) run.AuditEvent { return run.AuditEvent{TenantID: t.id, At: b.now, Event: event} }
	b.must(b.store.CreateTenant(ctx, run.Tenant{ID: t.id, Name: "Contoso", Cloud: run.CloudGlobal, CreatedAt: b.now},
		run.Member{TenantID: t.id, UserID: user, Name: who.Name, Role: run.RoleOwner, CreatedAt: b.now}, audit(run.AuditTenantCreated)))
	partition := "T#" + t.id + "#"

	// Policies, in alphabetical order of their numbers.
	graphID := func(i int) string { return fmt.Sprintf("00000000-aaaa-4bbb-8ccc-%012d", i) }
	policyID := func(i int) string { return run.PolicyID(t.id, "deviceManagement/configurationPolicies", graphID(i)) }
	hash := strings.Repeat("0123456789abcdef", 4)
	policy, err := b.store.PutPolicy(ctx, run.Policy{
		ID: policyID(0), TenantID: t.id, Type: "settings-catalog-policy", GraphID: graphID(0), Name: listedName(0), Platform: "windows10", ListingHash: hash,
		FirstSeenAt: b.now, ChangedAt: b.now, LastChange: run.ChangeNew, LastRunID: newID(run.PrefixRun, b.now), LatestVersion: 3, LatestHash: hash, LastCapturedAt: &b.now,
	})
	b.must(err)
	ofPolicy := func(i int) []string {
		return []string{policyID(0), policyID(i), graphID(0), graphID(i), listedName(0), listedName(i), strings.ToLower(listedName(0)), strings.ToLower(listedName(i))}
	}
	b.copies(b.image(partition+"POLICIES", "POL#"+policy.ID), 1, n.policies-1, func(i int) *strings.Replacer { return strings.NewReplacer(ofPolicy(i)...) })
	for _, kind := range catalog.All() {
		b.must(b.store.PutTypeSync(ctx, run.TypeSync{TenantID: t.id, Type: kind.ID, SyncedAt: b.now, RunID: policy.LastRunID, Policies: 3}))
	}

	// Sets, as they are after their runs.
	setID := make([]string, n.sets)
	for i := range setID {
		setID[i] = newID(run.PrefixSet, b.listedAt(i))
	}
	t.set, t.later = setID[0], setID[1]
	tally := run.SetTally{Policies: n.items, Captured: n.items, Types: map[string]run.TypeTally{}, At: b.now}
	for _, kind := range catalog.All()[:20] {
		tally.Types[kind.ID] = run.TypeTally{Policies: 25, Captured: 25}
	}
	key := "t/" + t.id + "/sha256/01/" + hash + ".json.gz"
	item := run.NewItem(t.set, policy.LastRunID, policy, b.now).Hold(run.Version{Number: 3, ContentHash: hash, PayloadKey: key, Complete: true})
	item.CapturedAt = &b.now
	set, err := b.store.CreateBackupSet(ctx, run.NewBackupSet{
		Set:   run.BackupSet{ID: t.set, TenantID: t.id, Name: "Every night 2026-03-01 02:00", Selection: run.Selection{All: true}, CreatedAt: b.listedAt(0), CreatedBy: who, UpdatedAt: b.listedAt(0), Tally: &tally},
		Items: []run.BackupItem{item}, Role: run.RoleOperator, Audit: audit(run.AuditSetCreated),
	})
	b.must(err)
	b.copies(b.image(partition+"SETS", "B#"+set.ID), 1, n.sets-1, func(i int) *strings.Replacer {
		return strings.NewReplacer(set.ID, setID[i], storedTime(b.listedAt(0)), storedTime(b.listedAt(i)))
	})
	itemImage := b.image(partition+"B#"+set.ID, "I#"+policy.ID)
	b.copies(itemImage, 1, n.items-1, func(i int) *strings.Replacer { return strings.NewReplacer(ofPolicy(i)...) })
	b.copies(itemImage, 0, n.items, func(i int) *strings.Replacer { return strings.NewReplacer(append(ofPolicy(i), t.set, t.later)...) })

	// A run with as many items, and others that look the same.
	runID := make([]string, n.runs)
	for i := range runID {
		runID[i] = newID(run.PrefixRun, b.listedAt(i))
	}
	t.run = runID[0]
	b.work(t, n.runItems, policyID)
	b.copies(b.image(partition+"R#"+t.run, "RUN"), 1, n.runs-1, func(i int) *strings.Replacer {
		return strings.NewReplacer(t.run, runID[i], storedTime(b.listedAt(0)), storedTime(b.listedAt(i)))
	})

	// A schedule, its firings, and what its runs found.
	t.schedule = newID(run.PrefixSched, b.now)
	_, err = b.store.PutSchedule(ctx, run.Schedule{
		ID: t.schedule, TenantID: t.id, Name: "Every night", Operation: run.OpBackupSetCreate, Expression: "cron(0 2 * * ? *)", TimeZone: "UTC",
		Selection: run.Selection{All: true}, CreatedAt: b.now, CreatedBy: who, UpdatedAt: b.now, UpdatedBy: who,
	}, audit(run.AuditScheduleCreated))
	b.must(err)
	_, err = b.store.PutFiring(ctx, run.Firing{TenantID: t.id, ScheduleID: t.schedule, DueAt: b.listedAt(0), At: b.listedAt(0), Result: run.FiringStarted, RunID: runID[0], SetID: setID[0]})
	b.must(err)
	b.copies(b.image(partition+"S#"+t.schedule, "F#"+storedTime(b.listedAt(0))), 1, n.firings-1, func(i int) *strings.Replacer {
		return strings.NewReplacer(storedTime(b.listedAt(0)), storedTime(b.listedAt(i)), runID[0], runID[i], setID[0], setID[i%n.sets])
	})
	drift := run.Drift{
		TenantID: t.id, ID: run.DriftID(runID[0], policy.ID), RunID: runID[0], ScheduleID: t.schedule, PolicyID: policy.ID, Name: policy.Name, Type: policy.Type,
		Platform: policy.Platform, Kind: run.ChangeChanged, From: 2, To: 3, FoundAt: b.listedAt(0), Total: 3,
	}
	for range drift.Total {
		drift.Changes = append(drift.Changes, run.DriftChange{Setting: "Block camera on the lock screen", Kind: "changed"})
	}
	b.must(b.store.PutDrift(ctx, drift))
	b.copies(b.image(partition+"DRIFT", "D#"+drift.ID), 1, n.drift-1, func(i int) *strings.Replacer {
		at := i / 10 // a run finds ten
		return strings.NewReplacer(append(ofPolicy(i), runID[0], runID[at], storedTime(b.listedAt(0)), storedTime(b.listedAt(at)))...)
	})
	return t
}

// work makes the run of the tenant and works it off as the engine does.
func (b *listBed) work(t listTenant, n int, policyID func(int) string) {
	b.t.Helper()
	ctx, at := b.t.Context(), b.listedAt(0)
	audit := func(event string) run.AuditEvent {
		return run.AuditEvent{TenantID: t.id, At: at, Event: event, RunID: t.run}
	}
	b.must(b.store.CreateRun(ctx, run.NewRun{Role: run.RoleOperator, Audit: audit(run.AuditRunRequested), Run: run.Run{
		ID: t.run, TenantID: t.id, TenantName: "Contoso", Operation: run.OpBackupSetCreate, Target: run.Target{Kind: run.TargetBackupSet, ID: t.set, Name: "Every night 2026-03-01 02:00"},
		Initiator: run.Initiator{UserID: user, Name: "anna@contoso.example"}, Input: json.RawMessage(`{"refresh":true,"selection":{"all":true}}`),
		KeyHash: run.Hash(t.run), PayloadHash: run.Hash(t.run), CreatedAt: at, UpdatedAt: at, DeadlineAt: at.Add(time.Hour), DispatchSeq: 1,
	}}))
	r, err := b.store.Claim(ctx, t.id, t.run, "own_1", at, at.Add(time.Minute))
	b.must(err)
	items := make([]run.Item, n)
	for i := range items {
		items[i] = run.Item{Key: policyID(i), Kind: run.KindPolicy, Name: listedName(i), Type: "settings-catalog-policy"}
	}
	r, err = b.store.SavePlan(ctx, r.Fence(), items, at)
	b.must(err)
	for some := range slices.Chunk(items, run.MaxSliceItems) {
		r, err = b.store.BeginSlice(ctx, r.Fence(), run.FirstItems(len(some)), at, at.Add(time.Minute))
		b.must(err)
		commit := run.SliceCommit{From: r.Cursor, At: at, LeaseUntil: at.Add(time.Minute)}
		for _, item := range some {
			commit.Outcomes = append(commit.Outcomes, run.Outcome{Item: item, Status: run.OutcomeSucceeded, Version: 3, Numbers: map[string]int{"unchanged": 1}, Attempts: 1, At: at})
		}
		if r.Cursor+len(some) == n {
			commit.End = &run.RunEnd{Status: run.StatusSucceeded, At: at, Audit: audit(run.AuditRunEnded)}
		}
		r, err = b.store.CommitSlice(ctx, r.Fence(), commit)
		b.must(err)
	}
	b.must(b.store.Notified(ctx, t.id, t.run))
}

// pageCost is what one page cost.
type pageCost struct {
	rows, requests int
	read           float64
	took           time.Duration
	next           string
}

// page asks the API for a page of so many, of a list of the tenant or of one over all
// tenants.
func (t listTenant) page(path string, size int, token string) pageCost {
	t.t.Helper()
	if !strings.HasPrefix(path, "/v1/") {
		path = "/v1/tenants/" + t.id + path
	}
	at, err := url.Parse(path)
	t.must(err)
	q := at.Query()
	if size > 0 { // 0: of what has no pages
		q.Set("pageSize", fmt.Sprint(size))
	}
	if token != "" {
		q.Set("pageToken", token)
	}
	at.RawQuery = q.Encode()
	t.meter.mu.Lock()
	t.meter.calls, t.meter.read, t.meter.write = map[string]int{}, 0, 0
	t.meter.mu.Unlock()
	answer, began := httptest.NewRecorder(), time.Now()
	t.api.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, at.String(), nil))
	p := pageCost{took: time.Since(began)}
	var body struct {
		Items         []json.RawMessage `json:"items"`
		NextPageToken string            `json:"nextPageToken"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &body); answer.Code != http.StatusOK || err != nil {
		t.t.Fatalf("%s: %d, %v: %.300s", at, answer.Code, err, answer.Body)
	}
	t.meter.mu.Lock()
	defer t.meter.mu.Unlock()
	p.rows, p.next, p.read = len(body.Items), body.NextPageToken, t.meter.read
	for op, n := range t.meter.calls {
		if !slices.Contains([]string{"DynamoDB Query", "DynamoDB GetItem", "DynamoDB BatchGetItem"}, op) {
			t.t.Errorf("%s: a list asks for %s", path, op)
		}
		p.requests += n
	}
	return p
}

// pages reads a list to its end, in pages of so many, from a token on.
func (t listTenant) pages(path string, size int, token string) []pageCost {
	t.t.Helper()
	var all []pageCost
	for {
		p := t.page(path, size, token)
		if all = append(all, p); p.next == "" {
			return all
		}
		if token = p.next; len(all) > 1_000 {
			t.t.Fatalf("%s does not end", path)
		}
	}
}

// Who opens a list waits as long in a tenant of years as in a new one, on each of
// its pages, and it costs as much: what a page reads depends on the page alone.
func TestListsAreConstant(t *testing.T) {
	b := newListBed(t)
	began := time.Now()
	many, few := b.fill(manyListed), b.fill(fewListed)
	t.Logf("filled in %v", time.Since(began))
	var costs []listCost
	for _, list := range []struct {
		name string
		path func(listTenant) string
		of   func(listSizes) int
		vain string // a filter that lets nothing through, "" for a list without filters
		// What a page may take: as many requests as when this was written, and about
		// 15 % more read units.
		requests int
		read     float64
		inVain   int // requests of a page that finds nothing: ten looks, and what else is read
	}{
		{"backup-sets", func(listTenant) string { return "/backup-sets" }, func(n listSizes) int { return n.sets }, "q=nowhere", 2, 108, 11},
		{"backup-sets/{set}/items", func(t listTenant) string { return "/backup-sets/" + t.set + "/items" }, func(n listSizes) int { return n.items }, "q=nowhere", 4, 10.4, 13},
		{"backup-sets/{set}/comparison", func(t listTenant) string { return "/backup-sets/" + t.later + "/comparison?from=" + t.set }, func(n listSizes) int { return n.items }, "kind=changed", 7, 540, 7},
		{"runs", func(listTenant) string { return "/runs" }, func(n listSizes) int { return n.runs }, "status=failed", 3, 61, 11},
		{"runs/{run}/items", func(t listTenant) string { return "/runs/" + t.run + "/items" }, func(n listSizes) int { return n.runItems }, "outcome=failed", 7, 16, 53},
		{"policies", func(listTenant) string { return "/policies" }, func(n listSizes) int { return n.policies }, "q=nowhere", 3, 13.2, 11},
		{"schedules/{schedule}/firings", func(t listTenant) string { return "/schedules/" + t.schedule + "/firings" }, func(n listSizes) int { return n.firings }, "", 24, 29, 0},
		{"drift", func(listTenant) string { return "/drift" }, func(n listSizes) int { return n.drift }, "kind=vanished", 2, 48, 11},
		{"runs without superseded ones, oldest first", func(listTenant) string { return "/runs?superseded=hide&sort=oldest" }, func(n listSizes) int { return n.runs }, "target=set_x", 3, 61, 11},
		{"policies by what was captured", func(listTenant) string { return "/policies?state=present&sort=-name" }, func(n listSizes) int { return n.policies }, "captured=older", 3, 13.2, 11},
		{"drift since a time", func(listTenant) string { return "/drift?since=2020-01-01T00:00:00Z" }, func(n listSizes) int { return n.drift }, "q=nowhere", 2, 48, 11},
	} {
		path := list.path(many)
		c := listCost{Name: list.name, Of: list.of(manyListed), LessOf: list.of(fewListed)}
		way := many.pages(path, listStride, "")
		first, middle := many.page(path, listPage, ""), many.page(path, listPage, way[len(way)/2-1].next)
		// The last of the way in pages of the size that is measured.
		all := many.pages(path, listPage, way[len(way)-2].next)
		less := few.page(list.path(few), listPage, "")
		c.Requests, c.First, c.Middle, c.Last, c.Less = first.requests, first.read, middle.read, all[len(all)-1].read, less.read

		rows, fewRows := 0, 0
		for i, p := range way {
			if rows += p.rows; p.requests > way[0].requests || p.read > way[0].read+listRounding {
				t.Errorf("%s: page %d of %d takes %d requests and %.1f units, the first %d and %.1f", list.name, i+1, len(way), p.requests, p.read, way[0].requests, way[0].read)
			}
		}
		for _, p := range few.pages(list.path(few), listStride, "") {
			fewRows += p.rows
		}
		if rows != c.Of || fewRows != c.LessOf {
			t.Errorf("%s: %d and %d rows, want %d and %d", list.name, rows, fewRows, c.Of, c.LessOf)
		}
		// Near the end there may be less to look at; before that every page is like the
		// first.
		for what, p := range map[string]pageCost{"a page in the middle": middle, "the first page of a smaller tenant": less} {
			if p.requests != first.requests || math.Abs(p.read-first.read) > listRounding {
				t.Errorf("%s: %s takes %d requests and %.1f units, the first page %d and %.1f", list.name, what, p.requests, p.read, first.requests, first.read)
			}
		}
		for _, p := range all {
			if p.requests > first.requests || p.read > first.read+listRounding {
				t.Errorf("%s: a page near the end takes %d requests and %.1f units, the first page %d and %.1f", list.name, p.requests, p.read, first.requests, first.read)
			}
		}
		if first.requests > list.requests || first.read > list.read {
			t.Errorf("%s: a page takes %d requests and %.1f units, want at most %d and %.1f", list.name, first.requests, first.read, list.requests, list.read)
		}
		var took []time.Duration
		for range 9 {
			took = append(took, many.page(path, listPage, "").took)
		}
		sortDurations(took)
		c.Millis = float64(percentile(took, 50).Microseconds()) / 1000
		if c.Millis > maxListMillis {
			t.Errorf("%s: the first page takes %.0f ms", list.name, c.Millis)
		}
		if list.vain != "" {
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			for i, p := range many.pages(path+join+list.vain, listPage, "") {
				if p.rows > 0 || p.requests > list.inVain || p.read > maxVainReadUnits {
					t.Errorf("%s with %s: page %d has %d rows for %d requests and %.1f units", list.name, list.vain, i+1, p.rows, p.requests, p.read)
				}
				c.NothingRequests, c.Nothing = max(c.NothingRequests, p.requests), max(c.Nothing, p.read)
			}
		}
		t.Logf("%+v", c)
		costs = append(costs, c)
	}
	t.Logf("%d requests made again", b.meter.again)
	keep(t, "lists", costs)
}

// manyTenants is how many tenants one user looks after.
const manyTenants = 500

// Limits of what is read for all tenants of a user, each with a request for a hundred
// records and one for each page of memberships.
const (
	maxTenantsRequests = 3 + 3*manyTenants/100
	maxTenantsRead     = 4.5 * manyTenants // three records of each, one of 5 KB, and the index
	maxOverview        = 12                // requests
)

// The list of all tenants and the first page of one cost the same however much is in
// them: what they say is kept beside the tenant.
func TestOverviewsAreConstant(t *testing.T) {
	b := newListBed(t)
	many, few := b.fill(listSizes{sets: 300, items: 300, runs: 2_000, runItems: 25, policies: 2_000, firings: 100, drift: 500}), b.fill(listSizes{sets: 2, items: 2, runs: 10, runItems: 25, policies: 25, firings: 2, drift: 2})
	ctx := t.Context()
	for _, tenant := range []listTenant{many, few} {
		all, err := b.store.AllPolicies(ctx, tenant.id)
		b.must(err)
		last, err := b.store.Run(ctx, tenant.id, tenant.run)
		b.must(err)
		for _, op := range run.Operations() {
			last.Operation = op
			b.must(b.store.NoteEnded(ctx, last))
		}
		c, drift := run.CountInventory(all, b.now), 7
		c.Types = map[string]run.TypeCount{} // as in a tenant that uses many
		for _, kind := range catalog.All()[:22] {
			c.Types[kind.ID] = run.TypeCount{Present: 25, Never: 1}
		}
		for i := range 24 {
			c.Hours = append(c.Hours, run.HourCount{Hour: b.now.Add(time.Duration(i-24) * time.Hour), Policies: 10})
		}
		b.must(b.store.PutCounts(ctx, tenant.id, 0, run.SummaryCounts{
			Inventory: &c, OpenDrift: &drift, Schedules: &run.ScheduleCount{Total: 3}, Backup: &run.BackupSummary{SetID: tenant.set, Name: "Every night 2026-03-01 02:00", Whole: true, CreatedAt: b.now, Policies: 25, Captured: 25},
		}))
	}
	newID := run.IDSource{}.New
	ids := make([]string, manyTenants-2)
	for i := range ids {
		ids[i] = newID(run.PrefixTenant, b.now)
	}
	for _, sk := range []string{"META", "MEM#" + user, "SUMMARY"} {
		b.copies(b.image("T#"+many.id+"#", sk), 0, len(ids), func(i int) *strings.Replacer {
			return strings.NewReplacer(many.id, ids[i], "Contoso", fmt.Sprintf("Contoso %03d", i))
		})
	}
	var first pageCost
	for _, query := range []string{"", "sort=name", "show=needs", "show=running", "q=Contoso+1"} {
		rows := 0
		for i, p := range many.pages("/v1/tenants?"+query, listPage, "") {
			if rows += p.rows; first.requests == 0 {
				first = p
			}
			if p.requests > maxTenantsRequests || p.read > maxTenantsRead || math.Abs(p.read-first.read) > listRounding {
				t.Errorf("tenants?%s: page %d takes %d requests and %.1f units, want at most %d and %v", query, i+1, p.requests, p.read, maxTenantsRequests, maxTenantsRead)
			}
		}
		if want := map[string]int{"": manyTenants, "sort=name": manyTenants, "q=Contoso+1": 100}; want[query] > 0 && rows != want[query] {
			t.Errorf("tenants?%s: %d rows, want %d", query, rows, want[query])
		}
	}
	t.Logf("%d tenants: %d requests, %.1f units, %v", manyTenants, first.requests, first.read, first.took)
	for _, path := range []string{"/overview", "/run-counts", "/policy-types"} {
		of, less := many.page(path, 0, ""), few.page(path, 0, "")
		t.Logf("%s: %d requests, %.1f units, %v", path, of.requests, of.read, of.took)
		if of.requests > maxOverview || of.requests != less.requests && path != "/run-counts" {
			t.Errorf("%s: %d requests, %d in a small tenant, want at most %d", path, of.requests, less.requests, maxOverview)
		}
	}
}

// What a user started is listed from notifications of all tenants, for the same on each
// page.
func TestMyRunsAreConstant(t *testing.T) {
	b := newListBed(t)
	const n = 2_000
	tenant := b.fill(listSizes{sets: 2, items: 2, runs: n, runItems: 25, policies: 25, firings: 2, drift: 2})
	r, err := b.store.Run(t.Context(), tenant.id, tenant.run)
	b.must(err)
	first := run.Notification{
		UserID: user, TenantID: tenant.id, TenantName: "Contoso", RunID: r.ID, Kind: run.NotifyQueued, At: r.CreatedAt, Operation: r.Operation, Status: run.StatusQueued, Target: r.Target, Read: true,
	}
	// The runs are told of in the order of their making, each in three ways.
	page, err := b.store.ListRuns(t.Context(), run.RunQuery{TenantID: tenant.id, Oldest: true}, run.PageRequest{Limit: 1})
	b.must(err)
	if page.Items[0].ID != r.ID {
		t.Fatalf("the first run is %s, not %s", page.Items[0].ID, r.ID)
	}
	var ids []string
	for cursor := ""; ; cursor = page.Next {
		page, err = b.store.ListRuns(t.Context(), run.RunQuery{TenantID: tenant.id, Oldest: true}, run.PageRequest{Limit: 200, Cursor: cursor})
		b.must(err)
		for _, r := range page.Items {
			ids = append(ids, r.ID)
		}
		if page.Next == "" {
			break
		}
	}
	for i, kind := range []run.NotificationKind{run.NotifyQueued, run.NotifyRunning, run.NotifyEnded} {
		told := first
		told.Kind, told.At = kind, first.At.Add(time.Duration(i)*time.Second)
		b.must(b.store.PutNotification(t.Context(), told))
		image := b.image("T#"+tenant.id+"#U#"+user, "N#"+storedTime(told.At)+"#"+r.ID+"#"+string(kind))
		b.copies(image, 1, n-1, func(i int) *strings.Replacer {
			return strings.NewReplacer(r.ID, ids[i], storedTime(told.At), storedTime(told.At.Add(time.Duration(i)*time.Minute)))
		})
	}
	all := tenant.pages("/v1/runs", listPage, "")
	rows := 0
	for i, p := range all {
		if rows += p.rows; p.requests > all[0].requests || p.read > all[0].read+listRounding {
			t.Errorf("page %d of %d takes %d requests and %.1f units, the first %d and %.1f", i+1, len(all), p.requests, p.read, all[0].requests, all[0].read)
		}
	}
	if rows != n {
		t.Errorf("%d rows, want %d", rows, n)
	}
	t.Logf("my runs: %d requests, %.1f units, %v", all[0].requests, all[0].read, all[0].took)
	for i, p := range tenant.pages("/v1/runs?status=failed", listPage, "") {
		if p.rows > 0 || p.requests > 40 || p.read > maxVainReadUnits {
			t.Errorf("failed ones: page %d has %d rows for %d requests and %.1f units", i+1, p.rows, p.requests, p.read)
		}
	}
}
