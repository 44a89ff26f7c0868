package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tenantatlas/shared/run"
	"tenantatlas/shared/schedule"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/localaws"
)

// hurried are budgets of requests for which time flies: a worker asks the table for
// as many leases as ever, and waits for none of them.
type hurried struct {
	run.Rates
	mu    sync.Mutex
	ahead time.Duration
}

func hurry(r run.Rates) run.Rates { return &hurried{Rates: r} }

func (h *hurried) LeaseTokens(ctx context.Context, r run.RateRequest) (run.RateLease, error) {
	h.mu.Lock()
	h.ahead += time.Minute // every bucket is full again
	ahead := h.ahead
	h.mu.Unlock()
	now := r.Now
	r.Now = now.Add(ahead)
	lease, err := h.Rates.LeaseTokens(ctx, r)
	lease.Next, lease.FullAt = now, now
	return lease, err
}

// dailySets makes a schedule for backup sets of the whole tenant.
func (b *costBed) dailySets() run.ScheduleRef {
	b.t.Helper()
	now := b.now().UTC()
	who := run.Initiator{UserID: user, Name: "anna@contoso.example"}
	s, err := b.store.PutSchedule(b.t.Context(), run.Schedule{
		ID: run.IDSource{}.New(run.PrefixSched, now), TenantID: b.tenant, Name: "Every night", Operation: run.OpBackupSetCreate,
		Expression: "cron(0 2 * * ? *)", TimeZone: "UTC", Selection: run.Selection{All: true}, CreatedAt: now, CreatedBy: who, UpdatedAt: now, UpdatedBy: who,
	}, run.AuditEvent{TenantID: b.tenant, At: now, Event: run.AuditScheduleCreated})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.Applied(b.t.Context(), s.TenantID, s.ID, s.Rev); err != nil {
		b.t.Fatal(err)
	}
	return run.ScheduleRef{TenantID: s.TenantID, ScheduleID: s.ID}
}

// fire starts the run of a schedule, as the timetable does, and returns its id.
func (b *costBed) fire(ref run.ScheduleRef) string {
	b.t.Helper()
	firer := schedule.Firer{
		Starter: b.starter, Schedules: b.store, Tenants: b.store, Now: b.now, Log: b.starter.Log,
		Deadline: func(run.Operation) time.Duration { return time.Hour },
	}
	f, err := firer.Fire(b.t.Context(), ref, b.now())
	if err != nil || f.Result != run.FiringStarted {
		b.t.Fatalf("firing %+v, %v", f, err)
	}
	return f.RunID
}

// read is not part of a measurement.
func (b *costBed) read(runID string) run.Run {
	b.t.Helper()
	r, err := b.store.Run(b.t.Context(), b.tenant, runID)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// change edits n objects of the tenant, spread over its collections.
func (b *costBed) change(n int) {
	b.t.Helper()
	var all [][2]string
	for _, collection := range []string{"deviceManagement/configurationPolicies", "deviceManagement/deviceConfigurations", "deviceManagement/deviceCompliancePolicies"} {
		objects, err := b.sim.Objects(graphTenant, collection)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range objects {
			all = append(all, [2]string{collection, o.ID})
		}
	}
	for i := range n {
		o := all[i*len(all)/n]
		if err := b.sim.Touch(graphTenant, o[0], o[1]); err != nil {
			b.t.Fatal(err)
		}
	}
}

// setPolicies is how many policies a backup set of the synthetic tenant holds, one
// of which are the settings that every tenant has. changedPolicies are 2 % of them.
const (
	setPolicies     = 500
	changedPolicies = setPolicies / 50
)

// What each policy of a scheduled backup set may take, and what the follow-up of a
// run's end: about 15 % above what was measured when the limits were set.
var (
	maxNewSet  = limits{Calls: 7.5, WriteUnits: 12.3, ReadUnits: 2.9}
	maxNextSet = limits{Calls: 7.6, WriteUnits: 7.8, ReadUnits: 4.4}
	maxSetEnd  = limits{Calls: 17, WriteUnits: 11.5, ReadUnits: 245} // the summary of the tenant counts its policies
)

// What a nightly backup of a tenant costs and keeps. A request or a unit more for
// each policy is paid for by every customer every night.
func TestSetCosts(t *testing.T) {
	b := newPacedBed(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: setPolicies - 1, SettingsPer: 5, Assigned: true, Groups: 40}}, hurry)
	if err := b.store.PutSubscription(t.Context(), run.Subscription{TenantID: b.tenant, UserID: user, Drift: true, Problems: true}); err != nil {
		t.Fatal(err)
	}
	// The tenant is known, as it is from the day it was connected on.
	sync := b.start(start.Request{Operation: run.OpInventorySync})
	b.work(sync)
	b.ended(b.succeeded(sync))

	night := func(r run.Run, worker, end string, most limits, changed int) {
		b.measure(worker, setPolicies, func() { b.work(r) })
		b.limit(most)
		b.costs[len(b.costs)-1].WorkerMillis = float64(b.worked.Microseconds()) / 1000
		ended := b.succeeded(r)
		if ended.Counts.Total != setPolicies || ended.Totals["drift"] != changed {
			t.Fatalf("%s: %d items, totals %v", worker, ended.Counts.Total, ended.Totals)
		}
		b.measure(end, 1, func() { b.ended(ended) })
		b.limit(maxSetEnd)
		set, err := b.store.BackupSet(t.Context(), b.tenant, r.Target.ID)
		if err != nil || set.Tally == nil || set.Tally.Captured != setPolicies || len(set.ActiveRuns) > 0 {
			t.Errorf("%s: the set is not counted: %+v, %v", end, set, err)
		}
	}
	nightly := b.dailySets()
	var runID string
	b.measure("a schedule fires: run and set are made", 1, func() { runID = b.fire(nightly) })
	night(b.read(runID), "worker: first set, all content new", "notifier: end of that run, the set is counted", maxNewSet, 0)
	first, firstPayloads := b.records(), b.payloads()
	b.change(changedPolicies)
	b.later = 24 * time.Hour
	night(b.read(b.fire(nightly)), "worker: set a day later, 2 % changed", "notifier: end of that run, a member is told of drift", maxNextSet, changedPolicies)
	second, secondPayloads := b.records(), b.payloads()

	for _, c := range b.costs {
		t.Logf("%s (%d): %.2f calls, %.2f write, %.2f read each, %d of S3, %d reads of Graph, %.0f ms: %v",
			c.Name, c.Units, c.each().Calls, c.each().WriteUnits, c.each().ReadUnits, c.callsOf("S3"), c.GraphReads, c.WorkerMillis, c.Calls)
	}
	keep(t, "sets", b.costs)

	contoso := newPacedBed(t, graphsim.TenantSpec{Builtin: "contoso"}, hurry)
	listed := contoso.start(start.Request{Operation: run.OpInventorySync})
	contoso.work(listed)
	captured := contoso.read(contoso.fire(contoso.dailySets()))
	contoso.work(captured)
	contoso.succeeded(captured)
	realPayloads := contoso.payloads()

	s := storage{
		Policies: setPolicies, Changed: changedPolicies,
		First: sum(firstPayloads), Median: median(secondPayloads), RealMedian: median(realPayloads), RealPolicies: len(realPayloads),
		RealMean: sum(realPayloads).Bytes / int64(max(len(realPayloads), 1)),
	}
	s.Daily = payloads{len(secondPayloads) - s.First.Objects, sum(secondPayloads).Bytes - s.First.Bytes}
	if s.First.Objects != setPolicies || s.Daily.Objects != changedPolicies || len(realPayloads) < seededPolicies {
		t.Errorf("%d payloads of the first set, %d more of the next, %d real ones", s.First.Objects, s.Daily.Objects, len(realPayloads))
	}
	for _, name := range slices.Sorted(maps.Keys(second)) {
		e := entity{Name: name, First: first[name]}
		e.Daily = second[name].plus(first[name], -1)
		s.Records = append(s.Records, e)
		t.Logf("%+v", e)
	}
	t.Logf("%+v", s)
	keep(t, "storage", s)
}

// limit holds what was measured last to its limits.
func (b *costBed) limit(most limits) {
	b.t.Helper()
	c := &b.costs[len(b.costs)-1]
	c.Most = &most
	if got := c.each(); got.Calls > most.Calls || got.WriteUnits > most.WriteUnits || got.ReadUnits > most.ReadUnits {
		b.t.Errorf("%s: %+v each, want at most %+v", c.Name, got, most)
	}
}

// records are the bytes of the table by entity. What expires within a year of the
// last write is left out: it does not pile up.
func (b *costBed) records() map[string]recordBytes {
	b.t.Helper()
	schema, err := localaws.ReadTableSchema()
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]recordBytes{}
	scanned := int64(0)
	pages := dynamodb.NewScanPaginator(b.table, &dynamodb.ScanInput{TableName: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		for _, image := range page.Items {
			scanned += itemBytes(image)
			if b.expires(image[schema.TTL]) {
				continue
			}
			one := recordBytes{Records: 1, Table: itemBytes(image) + perRecord}
			for _, index := range schema.Indexes {
				one.Index += copyBytes(schema, index.Keys, index.Projection.Type, index.Projection.Attributes, image)
			}
			name := image["entity"].(*types.AttributeValueMemberS).Value
			out[name] = out[name].plus(one, 1)
		}
	}
	table, err := b.table.DescribeTable(b.t.Context(), &dynamodb.DescribeTableInput{TableName: &b.name})
	if err != nil {
		b.t.Fatal(err)
	}
	// DynamoDB's own count, without what it adds for billing.
	if told := aws.ToInt64(table.Table.TableSizeBytes); max(told, scanned)-min(told, scanned) > told/50 {
		b.t.Errorf("counted %d bytes in the table, DynamoDB says %d", scanned, told)
	}
	return out
}

func (b *costBed) expires(v types.AttributeValue) bool {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	at, err := time.ParseDuration(n.Value + "s")
	return err == nil && at < time.Duration(b.now().AddDate(1, 0, 0).Unix())*time.Second
}

// perRecord is what DynamoDB adds to each item, and to each copy in an index, when
// it bills storage (aws.amazon.com/dynamodb/pricing/on-demand).
const perRecord = 100

// copyBytes is the size of an item's copy in an index; 0 when it has none there.
func copyBytes(schema localaws.TableSchema, keys []localaws.KeyPart, projection string, projected []string, image map[string]types.AttributeValue) int64 {
	held := map[string]types.AttributeValue{}
	for _, k := range keys {
		if image[k.Name] == nil {
			return 0
		}
		held[k.Name] = image[k.Name]
	}
	for _, k := range schema.Keys {
		held[k.Name] = image[k.Name]
	}
	for name, v := range image {
		if projection == "ALL" || slices.Contains(projected, name) {
			held[name] = v
		}
	}
	return itemBytes(held) + perRecord
}

// itemBytes is the size of an item as DynamoDB counts it (docs.aws.amazon.com,
// "DynamoDB item sizes and formats").
func itemBytes(image map[string]types.AttributeValue) int64 {
	n := int64(0)
	for name, v := range image {
		n += int64(len(name)) + valueBytes(v)
	}
	return n
}

func valueBytes(v types.AttributeValue) int64 {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return int64(len(v.Value))
	case *types.AttributeValueMemberN:
		return int64(len(strings.TrimLeft(v.Value, "-"))+1)/2 + 1
	case *types.AttributeValueMemberSS:
		n := int64(0)
		for _, e := range v.Value {
			n += int64(len(e))
		}
		return n
	case *types.AttributeValueMemberL:
		n := int64(3)
		for _, e := range v.Value {
			n += 1 + valueBytes(e)
		}
		return n
	case *types.AttributeValueMemberM:
		return 3 + int64(len(v.Value)) + itemBytes(v.Value)
	}
	return 1
}

// payloads are the sizes of all stored payloads, sorted.
func (b *costBed) payloads() []int64 {
	b.t.Helper()
	var sizes []int64
	pages := s3.NewListObjectsV2Paginator(b.objects, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("t/" + b.tenant + "/sha256/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range page.Contents {
			sizes = append(sizes, aws.ToInt64(o.Size))
		}
	}
	slices.SortFunc(sizes, cmp.Compare[int64])
	return sizes
}

func sum(sizes []int64) payloads {
	p := payloads{Objects: len(sizes)}
	for _, n := range sizes {
		p.Bytes += n
	}
	return p
}

func median(sorted []int64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
