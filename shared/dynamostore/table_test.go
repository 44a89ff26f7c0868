package dynamostore

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
	"tenantatlas/tests/localaws"
)

var update = flag.Bool("update", false, "write docs/table.md")

var (
	exampleTime  = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	exampleLater = exampleTime.Add(time.Hour)
)

// exampleItems are one of each item, with the words of docs/table.md for keys.
func exampleItems(t *testing.T) []any {
	t.Helper()
	r := run.Run{
		ID: "{run}", TenantID: "{tenant}", Operation: run.OpCaptureSnapshot, Target: run.Target{Kind: run.TargetPolicy, ID: "{policy}"},
		Initiator: run.Initiator{UserID: "{user}"}, KeyHash: "{keyHash}", PayloadHash: "{payloadHash}", Status: run.StatusQueued, CreatedAt: exampleTime,
	}
	audit, err := newAuditItem("{tenant}", run.AuditEvent{TenantID: "{tenant}", At: exampleTime, Event: run.AuditRunEnded, RunID: "{run}"}, "{token}")
	if err != nil {
		t.Fatal(err)
	}
	change, err := newAuditItem("{tenant}", run.AuditEvent{TenantID: "{tenant}", At: exampleTime, Event: run.AuditMemberSet}, "{token}")
	if err != nil {
		t.Fatal(err)
	}
	lock, plan, summary := lockKey("{tenant}", "{keyHash}"), planKey("{tenant}", "{run}", 1, 0), summaryKey("{tenant}")
	return []any{
		newTenantItem(run.Tenant{ID: "{tenant}"}),
		newMemberItem(run.Member{TenantID: "{tenant}", UserID: "{user}"}),
		lockItem{PK: lock.pk, SK: lock.sk, Entity: entityLock},
		newReplayItem("{tenant}", "{idempotencyKeyHash}", "{run}", "{payloadHash}", exampleTime),
		newRunItem(r),
		planItem{PK: plan.pk, SK: plan.sk, Entity: entityPlan},
		newOutcomesItem(run.Fence{TenantID: "{tenant}", RunID: "{run}"}, 0, exampleTime, "{token}"),
		newLinkItem("{tenant}", "{run}", run.RunLink{RunID: "{later run}", Kind: run.LinkApplied}),
		newLinkItem("{tenant}", "{run}", run.RunLink{RunID: "{later run}", Kind: run.LinkRerun}),
		newPolicyItem(run.Policy{TenantID: "{tenant}", ID: "{policy}", Name: "{Name}"}),
		newTypeSyncItem(run.TypeSync{TenantID: "{tenant}", Type: "{type}", SyncedAt: exampleTime}),
		newVersionItem(run.Version{TenantID: "{tenant}", PolicyID: "{policy}", Number: 1, CapturedAt: exampleTime}, "{token}"),
		newNotificationItem(run.Notification{UserID: "{user}", TenantID: "{tenant}", RunID: "{run}", Kind: run.NotifyEnded, At: exampleTime}),
		audit,
		change,
		newRateItem(run.RateKey{TenantID: "{tenant}", Service: "{service}"}),
		newBackupSetItem(run.BackupSet{TenantID: "{tenant}", ID: "{set}", CreatedAt: exampleTime}),
		newBackupItem(run.BackupItem{TenantID: "{tenant}", SetID: "{set}", PolicyID: "{policy}", Name: "{Name}"}),
		newScheduleItem(run.Schedule{TenantID: "{tenant}", ID: "{schedule}", Rev: 1}),
		newFiringItem(run.Firing{TenantID: "{tenant}", ScheduleID: "{schedule}", DueAt: exampleTime}),
		newDriftItem(run.Drift{TenantID: "{tenant}", ID: run.DriftID("{run}", "{policy}")}),
		newSubscriptionItem(run.Subscription{TenantID: "{tenant}", UserID: "{user}"}),
		newFiltersItem("{tenant}", "{user}", 1, nil),
		summaryItem{PK: summary.pk, SK: summary.sk, Entity: entitySummary},
	}
}

type exampleQuery struct {
	question string
	query    query
}

func exampleQueries() []exampleQuery {
	return []exampleQuery{
		{"members of a tenant", membersOfTenant("{tenant}")},
		{"tenants of a user", tenantsOfUser("{user}")},
		{"runs of a tenant, newest first", runsOfTenant(run.RunQuery{TenantID: "{tenant}", From: exampleTime, To: exampleLater})},
		{"active runs of a user, newest first", activeRunsOf("{user}")},
		{"open runs, for the sweeper", toSweep(openRunShard, 0, runKey)},
		{"ends that are not notified, for the sweeper", toSweep(unnotifiedShard, 0, runKey)},
		{"later runs that have to do with a run", linksOfRun("{tenant}", "{run}")},
		{"outcomes of a run, in the order of the plan", outcomesOfRun("{tenant}", "{run}", 1)},
		{"policies of a tenant by name", policiesOfTenant(run.PolicyQuery{TenantID: "{tenant}"})},
		{"whole inventory of a tenant", inventoryOfTenant("{tenant}")},
		{"last syncs of a tenant", typeSyncsOfTenant("{tenant}")},
		{"versions of a policy, newest first", versionsOfPolicy("{tenant}", "{policy}")},
		{"notifications of a user, newest first", notificationsOfUser(run.NotificationQuery{UserID: "{user}"})},
		{"notifications of a user in one tenant", notificationsOfUser(run.NotificationQuery{UserID: "{user}", TenantID: "{tenant}"})},
		{"audit events of a tenant in a month", auditOfMonth(run.AuditQuery{TenantID: "{tenant}"}, monthOf(exampleTime), exampleTime, exampleLater)},
		{"backup sets of a tenant, newest first", setsOfTenant(run.SetQuery{TenantID: "{tenant}", From: exampleTime, To: exampleLater})},
		{"items of a backup set by name", itemsOfSetByName(run.ItemQuery{TenantID: "{tenant}", SetID: "{set}"})},
		{"all items of a backup set", itemsOfSet("{tenant}", "{set}")},
		{"schedules of a tenant", schedulesOfTenant("{tenant}")},
		{"schedules that the timetable may not have, for the sweeper", toSweep(unappliedShard, 0, scheduleKey)},
		{"firings of a schedule, newest first", firingsOfSchedule("{tenant}", "{schedule}")},
		{"drift of a tenant, newest first", driftOfTenant(run.DriftQuery{TenantID: "{tenant}"})},
		{"drift that a run found", driftOfTenant(run.DriftQuery{TenantID: "{tenant}", RunID: "{run}"})},
		{"who wants to be told, by user", subscriptionsOfTenant("{tenant}")},
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, nameSeparator, `\x1f`) + "`"
}

// TestTableDocument prints every item and every access pattern; docs/table.md
// must be what it prints.
func TestTableDocument(t *testing.T) {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# The table")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "Printed from the code by `go generate ./shared/dynamostore`; a test keeps it true. Words in braces are identifiers.")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "Every partition key of a tenant's data begins with `T#{tenant}#`, so that tenant `1` never matches tenant `12`.")
	fmt.Fprintln(&b, "The one exception are the filters that a user saved for pages over all tenants: SavedFilters in `U#{user}#`.")
	fmt.Fprintln(&b, "Times are UTC text of fixed width; those of a Rate are microseconds since 1970. `expiresAt` is the TTL attribute, in seconds since 1970.")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "## Items")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "| entity | PK | SK | index keys | attributes |")
	fmt.Fprintln(&b, "|---|---|---|---|---|")
	indexed := []string{attrTenantRuns, attrActiveInitiator, attrCreatedKey, attrOpenShard, attrRunKey, attrMemberUser, attrNotifiedUser, attrTenantPolicies, attrNameKey}
	for _, item := range exampleItems(t) {
		image, err := encode(item)
		if err != nil {
			t.Fatal(err)
		}
		text := func(name string) string {
			s, err := textOf(image, name)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		var keys []string
		for _, name := range indexed {
			if _, ok := image[name]; ok {
				keys = append(keys, name+" = "+code(text(name)))
			}
		}
		var others []string
		for i := range reflect.TypeOf(item).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(item).Field(i).Tag.Get("dynamodbav"), ",")
			if !slices.Contains(indexed, name) && name != attrPK && name != attrSK && name != attrEntity {
				others = append(others, name)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", text(attrEntity), code(text(attrPK)), code(text(attrSK)), strings.Join(keys, "<br>"), strings.Join(others, ", "))
	}
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "`activeInitiator` is there only while a run is not terminal, `openShard` and `runKey` until its end is notified as well; those of a Schedule while `applied` is less than `rev`.")
	fmt.Fprintln(&b, "Where a schedule started a run, its id stands in the place of the user's.")
	fmt.Fprintf(&b, "A plan of up to %d items is kept in the Run; a longer one in Plan items of %d entries.\n", inlinePlanItems, planChunk)
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "## Access patterns")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "| question | index | partition | sort key | order |")
	fmt.Fprintln(&b, "|---|---|---|---|---|")
	for _, e := range exampleQueries() {
		q := e.query
		index, order := q.index, "ascending"
		if index == "" {
			index = "table, strong"
		}
		if q.newest {
			order = "descending"
		}
		var bounds string
		switch {
		case q.prefix != "":
			bounds = q.rangeAttr + " begins with " + code(q.prefix)
		case q.from != "":
			bounds = q.rangeAttr + " from " + code(q.from) + " to " + code(q.to)
		default:
			bounds = q.rangeAttr
		}
		fmt.Fprintf(&b, "| %s | %s | %s = %s | %s | %s |\n", e.question, index, q.hashAttr, code(q.hash), bounds, order)
	}
	fmt.Fprintf(&b, "| open runs, for the sweeper | %s | %s = %s to %s | %s | ascending |\n", indexOpenRuns, attrOpenShard, code("OPEN#0"), code(fmt.Sprintf("OPEN#%d", run.OpenShards-1)), attrRunKey)
	fmt.Fprintln(&b, "| tenants of a user as a list shows them | table, strong | BatchGetItem: Tenant, Member and Summary of each | | |")
	fmt.Fprintln(&b, "| what a start needs | table, strong | one BatchGetItem: Tenant, Member, Lock, Replay, Policy, BackupSet, Schedule | | |")

	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "table.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, b.Bytes()) {
		t.Error("docs/table.md is not what the code says: run go generate ./shared/dynamostore")
	}
}

// Keys and indexes are those that template.yaml deploys.
func TestTemplateAgrees(t *testing.T) {
	schema, err := localaws.ReadTableSchema()
	if err != nil {
		t.Fatal(err)
	}
	describe := func(keys []localaws.KeyPart) string {
		var parts []string
		for _, k := range keys {
			parts = append(parts, k.Kind+" "+k.Name)
		}
		return strings.Join(parts, ", ")
	}
	got := map[string]string{"table": describe(schema.Keys), "ttl": schema.TTL, "stream": schema.StreamView}
	for _, i := range schema.Indexes {
		got[i.Name] = strings.TrimSuffix(describe(i.Keys)+", "+i.Projection.Type+" "+strings.Join(i.Projection.Attributes, " "), " ")
	}
	pair := func(hash, rang, projection string) string {
		return "HASH " + hash + ", RANGE " + rang + ", " + projection
	}
	want := map[string]string{
		"table": "HASH " + attrPK + ", RANGE " + attrSK, "ttl": attrExpiresAt, "stream": "NEW_AND_OLD_IMAGES",
		indexRunsByTenantAndTime:     pair(attrTenantRuns, attrCreatedKey, "INCLUDE "+strings.Join([]string{attrInitiator, attrOperation, attrStatus, attrTarget}, " ")),
		indexActiveRunsByInitiator:   pair(attrActiveInitiator, attrCreatedKey, "KEYS_ONLY"),
		indexOpenRuns:                pair(attrOpenShard, attrRunKey, "KEYS_ONLY"),
		indexTenantsByMember:         pair(attrMemberUser, attrPK, "ALL"),
		indexNotificationsByUser:     pair(attrNotifiedUser, attrSK, "ALL"),
		indexPoliciesByTenantAndName: pair(attrTenantPolicies, attrNameKey, "ALL"),
	}
	if !maps.Equal(got, want) {
		t.Errorf("template.yaml:\n got %v\nwant %v", got, want)
	}
	// And each query uses an index by the keys that it has.
	for _, e := range exampleQueries() {
		q := e.query
		name := q.index
		if name == "" {
			name = "table"
		}
		if !strings.HasPrefix(want[name], "HASH "+q.hashAttr+", RANGE "+q.rangeAttr) {
			t.Errorf("%s: %s has %s, the query uses %s and %s", e.question, name, want[name], q.hashAttr, q.rangeAttr)
		}
	}
}

// Every item of a tenant is in a partition that no other tenant's prefix covers.
func TestPartitionsBeginWithTenant(t *testing.T) {
	for _, item := range exampleItems(t) {
		image, err := encode(item)
		if err != nil {
			t.Fatal(err)
		}
		pk, err := textOf(image, attrPK)
		if err != nil || !strings.HasPrefix(pk, "T#{tenant}#") {
			t.Errorf("%T has partition %q, %v", item, pk, err)
		}
	}
}

// The stored name of an attribute that expressions use must be one that an item
// has; a slip here would write beside what is read.
func TestExpressionAttributesExist(t *testing.T) {
	known := map[string]bool{}
	for _, item := range exampleItems(t) {
		for i := range reflect.TypeOf(item).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(item).Field(i).Tag.Get("dynamodbav"), ",")
			known[name] = true
		}
	}
	for _, name := range []string{
		attrStatus, attrWaiting, attrFailure, attrTotal, attrSucceeded, attrFailed, attrSkipped, attrUntouched, attrTotals, attrStartedAt, attrFinishedAt,
		attrUpdatedAt, attrEpoch, attrOwner, attrLeaseUntil, attrSeq, attrCursor, attrPlanned, attrPlanEpoch, attrPlan, attrIntent,
		attrCrashes, attrRescues, attrFault, attrWaitedFor, attrCancelAt, attrCanceler, attrAttempts, attrDispatchSeq, attrNotBefore, attrOperation, attrTarget, attrInitiator, attrWriteToken,
		attrEntity, attrTenantID, attrKeyHash, attrActiveRunID, attrPayloadHash, attrLastRunID, attrReplayUntil, attrType, attrName,
		attrNameLower, attrPlatform, attrVanishedAt, attrLatestVersion, attrLatestHash, attrLastCapturedAt, attrRev, attrRead, attrEvent,
		attrActorID, attrRunID, attrRole, attrDisabled, attrOwners, attrConnection, attrConnectionAt, attrSyncedAt, attrTAT, attrBlockedUntil, attrExpiresAt,
		attrNote, attrDeletedAt, attrDeletedBy, attrCreatedAt, attrActiveRuns, attrTally, attrUses, attrState, attrCode, attrFoundation, attrAddedAt,
		attrPaused, attrApplied, attrRemoved, attrKind, attrPolicyID, attrSeenAt, attrSeenBy, attrFoundAt,
	} {
		if !known[name] {
			t.Errorf("no item has an attribute %q", name)
		}
	}
}

// The size that is checked before a write is close to what DynamoDB counts.
func TestItemSize(t *testing.T) {
	image := map[string]types.AttributeValue{
		"ab": &types.AttributeValueMemberS{Value: "xyz"},
		"n":  &types.AttributeValueMemberN{Value: "1234"},
		"l":  &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberBOOL{}, &types.AttributeValueMemberNULL{}}},
		"m":  &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": &types.AttributeValueMemberS{Value: "v"}}},
	}
	if got, want := itemSize(image), 5+(1+4)+(1+3+4)+(1+3+1+2); got != want {
		t.Errorf("size is %d, want %d", got, want)
	}
}
