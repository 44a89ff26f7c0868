// Package crash breaks runs at every call that their processes make, with the
// real function binaries: a process is killed before the call, or after the call
// took effect, or the call's answer is lost while the process lives. Whatever was
// broken, the run ends as if nothing had been, and nothing is done twice.
//
// Which calls there are is found out by a run that nothing breaks: each process
// sees AWS and Graph through a proxy that counts. The test plays Lambda: it takes
// messages from the queue, hands them to workers and deletes those that are done
// with. Time is real: leases of 2 s expire, and a sweep comes twice a second.
package crash

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/followup"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/start"
	"tenantatlas/tests/lambdaruntime"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

const (
	parallel    = 20 // runs broken side by side: most of them wait for a lease to expire
	poolSize    = 3  // workers without faults, for each operation
	endsWithin  = 60 * time.Second
	fewestCalls = 15 // a run of fewer calls is not counted right
	// enoughFailed runs that did not end as they should stop the test.
	enoughFailed = 16
)

var (
	only         = flag.Int("call", 0, "break only this call of each run")
	scenarioOnly = flag.String("scenario", "", "break only this run")
)

// scenario is a run that is broken.
type scenario struct {
	name     string
	function string
	op       run.Operation
	// timeout of an invocation. With less than 35 s the engine gives the run back
	// after each slice, so that each slice is a message of its own.
	timeout time.Duration
	types   []string // of a sync; of a capture, that of the policy
	items   int
}

// syncTypes are the policy types of a sync that is broken at each of its calls: a
// collection that several types share, a plain one, and one whose lists lie below
// other objects. All types would only make more calls of the same kinds.
var syncTypes = []string{"settings-catalog-policy", "device-compliance-policy", "dep-enrollment-profile"}

var scenarios = []scenario{
	{"sync in one invocation", "inventory-sync", run.OpInventorySync, 5 * time.Minute, syncTypes, 3},
	{"sync given back after each slice", "inventory-sync", run.OpInventorySync, 30 * time.Second, syncTypes, 3},
	{"capture", "policy-capture-snapshot", run.OpCaptureSnapshot, 5 * time.Minute, []string{"settings-catalog-policy"}, 1},
	{"capture with secrets", "policy-capture-snapshot", run.OpCaptureSnapshot, 5 * time.Minute, []string{customProfile}, 1},
	{"backup set of what is listed first", "backup-set-create", run.OpBackupSetCreate, 5 * time.Minute, []string{"device-compliance-policy", "dep-enrollment-profile"}, 2},
	{"backup set with what a policy needs", "backup-set-create", run.OpBackupSetCreate, 5 * time.Minute, []string{"device-compliance-policy"}, 1},
	{"preview of a restore", "restore-preview", run.OpRestorePreview, 5 * time.Minute, restoreTypes, 5},
	{"live restore", "restore-execute", run.OpRestoreExecute, 5 * time.Minute, restoreTypes, 5},
}

// request starts the scenario in a tenant, but for the policy of a capture.
func (s scenario) request(tenantID string) start.Request {
	req := start.Request{TenantID: tenantID, Principal: run.Principal{UserID: user}, Operation: s.op, Deadline: time.Hour}
	if s.op == run.OpInventorySync {
		req.Input = map[string][]string{"types": s.types}
	}
	return req
}

// trial is one run with one fault.
type trial struct {
	scenario
	*matrix
	fault fault
	at    target

	tenant, graphTenant string
	run                 run.Run
	process             *lambdaruntime.Function
	proxy               *proxy
	busy                sync.Mutex    // held while the process has an event
	changed             chan struct{} // something was done about the run

	took  time.Duration
	calls []string

	mu       sync.Mutex
	messages map[string]int // deliveries, by message
	others   int            // messages handed to other workers
	before   int            // of them, those before the run had ended
	left     []string       // receipts of messages that wait to come again
	ended    bool
	problems []string
}

func (c *trial) title() string {
	if c.fault == none {
		return c.name
	}
	return fmt.Sprintf("%s, call %d (%s), %s", c.name, c.at.at, c.at.call, c.fault)
}

// recovery says what made up for the fault.
func (c *trial) recovery() string {
	switch {
	case strings.Contains(c.sweeper.Output(), c.run.ID):
		return "sweep"
	case c.fault == loseAnswer:
		return "the worker itself"
	case c.before > 0:
		return "next message"
	}
	return "had ended"
}

func (c *trial) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// matrix is what all trials share.
type matrix struct {
	*place
	sweeper *lambdaruntime.Function
	pools   map[run.Operation]chan *lambdaruntime.Function

	mu     sync.Mutex
	trials map[string]*trial // by tenant
	number int

	intact, damaged map[string]string // the tenant when it was backed up, and when it is restored
}

// handle is Lambda: it gives a message to the worker under test, as long as that
// lives and was not broken yet, and to another worker otherwise.
func (m *matrix) handle(msg sqstypes.Message) (done bool) {
	d, err := sqsqueue.ParseDispatch([]byte(*msg.Body))
	if err != nil {
		m.t.Errorf("a message that is none: %v", err)
		return true
	}
	m.mu.Lock()
	c := m.trials[d.TenantID]
	m.mu.Unlock()
	if c == nil {
		m.t.Errorf("a message of an unknown tenant: %s", *msg.Body)
		return true
	}
	deliveries, _ := strconv.Atoi(msg.Attributes[string(sqstypes.MessageSystemAttributeNameApproximateReceiveCount)])
	c.mu.Lock()
	c.messages[*msg.MessageId] = deliveries
	c.mu.Unlock()
	if deliveries > maxDeliveries {
		c.problem("message %s was delivered %d times", *msg.Body, deliveries)
		return true
	}
	done, err = c.give(msg)
	if err != nil && !errors.Is(err, lambdaruntime.ErrEnded) {
		c.problem("%v", err)
	}
	if !done {
		c.leave(*msg.ReceiptHandle)
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return done
}

// leave is called for a message that a worker is not done with. It comes again
// long after the run was to end, which is what a test need not wait for.
func (c *trial) leave(receipt string) {
	c.mu.Lock()
	ended := c.ended
	if !ended {
		c.left = append(c.left, receipt)
	}
	c.mu.Unlock()
	if ended {
		c.returnNow(receipt)
	}
}

// hasEnded lets all messages come again that were left.
func (c *trial) hasEnded() {
	c.mu.Lock()
	left := c.left
	c.ended, c.left, c.before = true, nil, c.others
	c.mu.Unlock()
	for _, receipt := range left {
		c.returnNow(receipt)
	}
}

func (c *trial) returnNow(receipt string) {
	if err := c.comeAgain(c.op, receipt); err != nil {
		c.problem("return a message: %v", err)
	}
}

func (c *trial) give(msg sqstypes.Message) (done bool, err error) {
	if c.process != nil {
		c.busy.Lock()
		if _, fired := c.proxy.seen(); !fired {
			defer c.busy.Unlock()
			return invoke(c.process, msg, c.timeout)
		}
		c.busy.Unlock()
	}
	c.mu.Lock()
	c.others++
	c.mu.Unlock()
	pool := c.pools[c.op]
	worker := <-pool
	defer func() { pool <- worker }()
	return invoke(worker, msg, c.timeout)
}

// try makes a run, breaks it and waits until it has ended.
func (m *matrix) try(ctx context.Context, s scenario, f fault, at target) *trial {
	began := time.Now()
	c := &trial{scenario: s, matrix: m, fault: f, at: at, changed: make(chan struct{}, 1), messages: map[string]int{}}
	defer func() { c.took = time.Since(began) }()
	if err := c.begin(ctx); err != nil {
		c.problem("%v", err)
		return c
	}
	defer c.proxy.close()
	defer c.process.Close()
	defer func() { c.calls, _ = c.proxy.seen() }()
	ctx, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	for !c.run.Status.Terminal() {
		select {
		case <-c.changed:
		case <-ctx.Done():
			c.problem("not ended after %s: %+v\n%s", endsWithin, c.run, c.process.Output())
			return c
		}
		r, err := m.store.Run(ctx, c.tenant, c.run.ID)
		if err != nil {
			c.problem("read the run: %v", err)
			return c
		}
		c.run = r
	}
	c.busy.Lock()   // the worker may still be at its last calls
	c.busy.Unlock() //nolint:staticcheck // only waits
	c.hasEnded()
	var fired bool
	if c.calls, fired = c.proxy.seen(); f != none && !fired {
		c.problem("the run ended after %d calls", len(c.calls))
		return c
	}
	if err := m.tell(ctx, c.run); err != nil {
		c.problem("notify: %v", err)
	}
	return c
}

// tell notifies of a run twice, since the stream delivers at least once.
func (p *place) tell(ctx context.Context, r run.Run) error {
	n := notifier.Notifier{Store: p.store, Follow: followup.Follower{Store: p.store}.Ended}
	return errors.Join(n.Ended(ctx, r), n.Ended(ctx, r))
}

func (c *trial) begin(ctx context.Context) (err error) {
	c.matrix.mu.Lock()
	c.number++
	n := c.number
	c.matrix.mu.Unlock()
	if c.restores() {
		c.tenant, c.graphTenant, err = c.restoreTenant(ctx, n)
	} else {
		c.tenant, c.graphTenant, err = c.newTenant(ctx, n)
	}
	if err != nil {
		return err
	}
	c.matrix.mu.Lock()
	c.trials[c.tenant] = c
	c.matrix.mu.Unlock()
	if c.process, c.proxy, err = c.launchBehind(c.function, c.fault, c.at); err != nil {
		return err
	}
	req := c.request(c.tenant)
	switch c.op {
	case run.OpCaptureSnapshot:
		if req.PolicyID, err = c.newPolicy(ctx, c.types[0]); err != nil {
			return err
		}
	case run.OpBackupSetCreate:
		req.Set = &run.BackupSet{ID: run.IDSource{}.New(run.PrefixSet, time.Now()), Name: "Before 24H2"}
		in := run.SetInput{Selection: run.Selection{Types: c.types}, Refresh: true}
		if c.foundations() > 0 {
			id, err := c.newPolicy(ctx, c.types[0])
			if err != nil {
				return err
			}
			if _, err := c.newPolicy(ctx, catalog.TypeScopeTag); err != nil {
				return err
			}
			in = run.SetInput{Selection: run.Selection{Policies: []string{id}}, Foundations: true}
		}
		req.Input = in
	case run.OpRestorePreview, run.OpRestoreExecute:
		if req, err = c.prepareRestore(ctx, req); err != nil {
			return err
		}
	}
	c.run, err = c.start(ctx, req, nil, time.Now)
	return err
}

// foundations is how many policies are captured beside those that were chosen. With
// more than one type the set is of all that is listed.
func (s scenario) foundations() int {
	if s.op == run.OpBackupSetCreate && len(s.types) == 1 {
		return 1
	}
	return 0
}

// newPolicy puts one policy of the tenant into the inventory: the first of the type,
// but for those made by the service.
func (c *trial) newPolicy(ctx context.Context, policyType string) (string, error) {
	t, ok := catalog.ByID(policyType)
	if !ok {
		return "", fmt.Errorf("no policy type %s", policyType)
	}
	objects, err := c.sim.Objects(c.graphTenant, t.Collection)
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	id := objects[0].ID
	switch t.ID {
	case customProfile:
		id = customID
	case catalog.TypeScopeTag:
		id = "7"
	}
	p, err := c.store.PutPolicy(ctx, run.Policy{
		ID: run.PolicyID(c.tenant, t.Collection, id), TenantID: c.tenant, Type: t.ID, GraphID: id, Name: "Baseline",
		FirstSeenAt: now, ChangedAt: now, LastChange: run.ChangeNew,
	})
	return p.ID, err
}

// verify looks at everything that a run leaves behind, when nothing about it
// moves any more.
func (c *trial) verify(ctx context.Context) {
	r, err := c.store.Run(ctx, c.tenant, c.run.ID)
	if err != nil {
		c.problem("read the run: %v", err)
		return
	}
	want := run.Counts{Total: c.items, Succeeded: c.items}
	if r.Status != run.StatusSucceeded || r.Counts != want {
		c.problem("ended %s with %+v (%+v), want succeeded with %+v", r.Status, r.Counts, r.Failure, want)
	}
	if !reflectEqual(r, c.run) {
		c.problem("changed after its end: %+v, before %+v", r, c.run)
	}
	c.verifyOutcomes(ctx, r)
	c.verifyEnd(ctx, r)
	switch c.op {
	case run.OpInventorySync:
		c.verifyInventory(ctx, r)
	case run.OpBackupSetCreate:
		c.verifySet(ctx, r)
	case run.OpRestorePreview:
		c.verifyPlan(ctx, r)
	case run.OpRestoreExecute:
		c.verifyRestored(ctx, r)
	default:
		c.verifyVersion(ctx, r)
	}
}

// verifySet looks at the set, its items and the versions they hold.
func (c *trial) verifySet(ctx context.Context, r run.Run) {
	want := c.items + c.foundations()
	set, err := c.store.BackupSet(ctx, c.tenant, r.Target.ID)
	switch t := set.Tally; {
	case err != nil:
		c.problem("set: %v", err)
	case t == nil || t.Policies != want || t.Captured != want || t.Foundations != c.foundations() || len(set.ActiveRuns) > 0 || set.LastRunID != r.ID:
		c.problem("the set is %+v, counted as %+v", set, t)
	}
	n := 0
	err = run.EachItem(ctx, c.store, c.tenant, r.Target.ID, func(i run.BackupItem) error {
		n++
		versions, err := c.store.Versions(ctx, c.tenant, i.PolicyID, run.PageRequest{Limit: 200})
		if err != nil || len(versions.Items) != 1 || versions.Items[0].RunID != r.ID || versions.Items[0].PayloadKey != i.PayloadKey || i.Version != 1 || i.State != run.ItemCaptured {
			c.problem("item %+v, versions %+v, %v", i, versions.Items, err)
		}
		return err
	})
	if err != nil || n != want {
		c.problem("%d items, %v", n, err)
	}
}

func (c *trial) verifyOutcomes(ctx context.Context, r run.Run) {
	page, err := c.store.Outcomes(ctx, run.OutcomeQuery{TenantID: c.tenant, RunID: r.ID}, run.PageRequest{Limit: 200})
	if err != nil {
		c.problem("outcomes: %v", err)
		return
	}
	sum := run.Counts{Total: len(page.Items)}
	var totals map[string]int
	keys := map[string]bool{}
	for _, o := range page.Items {
		sum, totals = sum.Add(o.Status), run.AddTotals(totals, o.Numbers)
		keys[o.Item.Key] = true
	}
	if sum != r.Counts || !maps.Equal(totals, r.Totals) || len(keys) != c.items {
		c.problem("outcomes of %d items add up to %+v %v, the run says %+v %v", len(keys), sum, totals, r.Counts, r.Totals)
	}
	chunks, err := c.below(ctx, "T#"+c.tenant+"#R#"+r.ID, "O#")
	if err != nil || len(chunks) != c.items || r.Seq != c.items {
		c.problem("%d chunks, sequence %d, want one for each of %d items; %v", len(chunks), r.Seq, c.items, err)
	}
}

// below are the items of a partition whose sort keys begin with prefix.
func (p *place) below(ctx context.Context, pk, prefix string) ([]map[string]types.AttributeValue, error) {
	condition, strong := "PK = :pk AND begins_with(SK, :sk)", true
	out, err := p.client.Query(ctx, &dynamodb.QueryInput{TableName: &p.table, KeyConditionExpression: &condition, ConsistentRead: &strong, ExpressionAttributeValues: map[string]types.AttributeValue{
		":pk": &types.AttributeValueMemberS{Value: pk}, ":sk": &types.AttributeValueMemberS{Value: prefix},
	}})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

func (c *trial) verifyEnd(ctx context.Context, r run.Run) {
	view, err := c.store.StartView(ctx, run.StartQuery{TenantID: c.tenant, UserID: user, KeyHash: r.KeyHash})
	switch {
	case err != nil:
		c.problem("lock: %v", err)
	case view.Lock == nil || view.Lock.ActiveRunID != "" || view.Lock.LastRunID != r.ID:
		c.problem("lock %+v", view.Lock)
	}
	told, err := c.events(ctx, r)
	want := map[string]int{run.AuditRunRequested: 1, run.AuditRunEnded: 1}
	if c.op == run.OpRestoreExecute {
		want[run.AuditRunStarted], want[run.AuditObjectsWritten] = 1, c.items
	}
	if err != nil || !maps.Equal(told, want) {
		c.problem("audit events %v, %v", told, err)
	}
	notes, err := c.store.Notifications(ctx, run.NotificationQuery{UserID: user, TenantID: c.tenant}, run.PageRequest{Limit: 200})
	if err != nil {
		c.problem("notifications: %v", err)
	}
	kinds := map[run.NotificationKind]int{}
	for _, n := range notes.Items {
		if n.RunID == r.ID { // what was prepared for it has ended too
			kinds[n.Kind]++
		}
	}
	if !maps.Equal(kinds, map[run.NotificationKind]int{run.NotifyQueued: 1, run.NotifyRunning: 1, run.NotifyEnded: 1}) {
		c.problem("notifications %v", kinds)
	}
}

// events counts the audit events of a run.
func (p *place) events(ctx context.Context, r run.Run) (map[string]int, error) {
	page, err := p.store.AuditEvents(ctx, run.AuditQuery{TenantID: r.TenantID, RunID: r.ID, Now: time.Now()}, run.PageRequest{Limit: 200})
	seen := map[string]int{}
	for _, e := range page.Items {
		seen[e.Event]++
	}
	return seen, err
}

func (c *trial) verifyInventory(ctx context.Context, r run.Run) {
	all, err := c.store.AllPolicies(ctx, c.tenant)
	if err != nil {
		c.problem("inventory: %v", err)
		return
	}
	for _, p := range all {
		if p.Rev != 1 || p.LastRunID != r.ID || p.LastChange != run.ChangeNew {
			c.problem("policy was written %d times: %+v", p.Rev, p)
		}
	}
	if len(all) != listed || r.Totals["added"] != listed || r.Totals["policies"] != listed {
		c.problem("%d policies in the inventory, the run says %v, want %d", len(all), r.Totals, listed)
	}
	syncs, err := c.store.TypeSyncs(ctx, c.tenant)
	types := 0
	for _, src := range catalog.Sources() {
		if slices.Contains(c.types, src.Key) {
			types += len(src.Types)
		}
	}
	if err != nil || types < c.items || len(syncs) != types {
		c.problem("%d types were synced, %v, want %d", len(syncs), err, types)
	}
}

func (c *trial) verifyVersion(ctx context.Context, r run.Run) {
	p, err := c.store.Policy(ctx, c.tenant, r.Target.ID)
	if err != nil || p.LatestVersion != 1 || p.Rev != 2 {
		c.problem("policy %+v, %v", p, err)
	}
	page, err := c.store.Versions(ctx, c.tenant, r.Target.ID, run.PageRequest{Limit: 200})
	if err != nil || len(page.Items) != 1 || page.Items[0].RunID != r.ID || !page.Items[0].Complete {
		c.problem("versions %+v, %v", page.Items, err)
		return
	}
	v := page.Items[0]
	kept := []string{v.PayloadKey}
	if c.types[0] == customProfile {
		kept = append(kept, "t/"+c.tenant+"/sealed/"+v.ContentHash)
		values, err := c.vault.Open(ctx, c.tenant, v.ContentHash)
		if err != nil || !slices.Equal(slices.Sorted(maps.Values(values)), slices.Sorted(maps.Values(customSecrets))) {
			c.problem("%d secrets can be opened, or others than Graph gave out: %v", len(values), err)
		}
	}
	name, prefix := bucket, "t/"+c.tenant+"/"
	objects, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name, Prefix: &prefix})
	if err != nil {
		c.problem("list what was kept: %v", err)
		return
	}
	var found []string
	for _, o := range objects.Contents {
		found = append(found, *o.Key)
	}
	slices.Sort(found)
	if slices.Sort(kept); !slices.Equal(found, kept) {
		c.problem("the bucket holds %q, want %q", found, kept)
	}
}

func reflectEqual(a, b run.Run) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// Runs whose worker dies, or whose answers get lost, at any call end as if
// nothing had happened.
func TestWorkers(t *testing.T) {
	began := time.Now()
	workers := map[run.Operation]string{}
	for _, s := range scenarios {
		workers[s.op] = s.function
	}
	b := newBed(t, append(slices.Collect(maps.Values(workers)), "sweeper")...)
	m := &matrix{place: b.newPlace(), pools: map[run.Operation]chan *lambdaruntime.Function{}, trials: map[string]*trial{}}
	ctx, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	for op, name := range workers {
		m.pools[op] = make(chan *lambdaruntime.Function, poolSize)
		for range poolSize {
			f, err := m.launch(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(f.Close)
			m.pools[op] <- f
		}
		background.Go(func() { m.deliver(ctx, op, m.handle) })
	}
	var err error
	if m.sweeper, err = m.launch("sweeper"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.sweeper.Close)

	var planned []*trial
	for _, s := range scenarios {
		if *scenarioOnly != "" && s.name != *scenarioOnly {
			continue
		}
		c := m.try(ctx, s, none, target{})
		if err := m.drained(ctx, s.op); err != nil {
			t.Error(err)
		}
		c.verify(ctx)
		if len(c.problems) > 0 {
			t.Fatalf("%s, undisturbed: %s", s.name, strings.Join(c.problems, "; "))
		}
		t.Logf("%s: %d calls, %d messages, %s", s.name, len(c.calls), len(c.messages), c.took.Round(time.Millisecond))
		for _, at := range targets(c.calls) {
			t.Logf("  %2d %s", at.at, at.call)
			for _, f := range faults() {
				if *only > 0 && at.at != *only || s.restores() && s.same(at, f) {
					continue
				}
				planned = append(planned, &trial{scenario: s, fault: f, at: at})
			}
		}
		if len(c.calls) < fewestCalls {
			t.Fatalf("%d calls cannot be all", len(c.calls))
		}
	}

	// From here on a sweep comes, as the schedule makes it.
	background.Go(func() { sweepOn(ctx, t, m.sweeper) })
	done := make([]*trial, len(planned))
	slots := make(chan struct{}, parallel)
	var trying sync.WaitGroup
	var failed atomic.Int32
	for i, p := range planned {
		slots <- struct{}{}
		if failed.Load() >= enoughFailed {
			done = done[:i] // what is wrong will show in the others too, only slower
			break
		}
		trying.Go(func() {
			defer func() { <-slots }()
			c := m.try(ctx, p.scenario, p.fault, p.at)
			if done[i] = c; len(c.problems) > 0 {
				failed.Add(1)
			}
		})
	}
	trying.Wait()
	t.Logf("ended after %s", time.Since(began).Round(time.Second))
	for op := range workers {
		if failed.Load() > 0 {
			break // a run that has not ended leaves messages
		}
		if err := m.drained(ctx, op); err != nil {
			t.Error(err)
		}
	}
	t.Logf("drained after %s", time.Since(began).Round(time.Second))
	for _, c := range done {
		if len(c.problems) > 0 {
			continue // it did not even end
		}
		slots <- struct{}{}
		trying.Go(func() {
			defer func() { <-slots }()
			c.verify(ctx)
		})
	}
	trying.Wait()
	slowest, report := done[0], newReport()
	for _, c := range done {
		if c.took > slowest.took {
			slowest = c
		}
		if len(c.problems) == 0 {
			report.add(c.name, c.at.call, c.fault, c.recovery())
		} else {
			t.Errorf("%s:\n\t%s", c.title(), strings.Join(c.problems, "\n\t"))
		}
	}
	t.Logf("%d runs, %d of them broken, in %s; the slowest took %s: %s", len(done)+len(scenarios), len(done), time.Since(began).Round(time.Second), slowest.took.Round(time.Millisecond), slowest.title())
	if *only == 0 && *scenarioOnly == "" && !t.Failed() {
		report.check(t)
	}
}

// sweepOn invokes the sweeper again and again. A sweep that could not deal with a
// run is logged; the next makes up for it.
func sweepOn(ctx context.Context, t *testing.T, f *lambdaruntime.Function) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if answer, err := f.Invoke([]byte("{}"), time.Minute); err != nil || answer.Failed {
			t.Logf("sweep: %s, %v", answer.Body, err)
		}
	}
}
