package dynamostore

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tenantatlas/shared/run"
)

// Names of the key attributes and indexes, as in template.yaml.
const (
	attrPK              = "PK"
	attrSK              = "SK"
	attrTenantRuns      = "tenantRuns"
	attrActiveInitiator = "activeInitiator"
	attrCreatedKey      = "createdKey"
	attrOpenShard       = "openShard"
	attrRunKey          = "runKey"
	attrMemberUser      = "memberUser"
	attrNotifiedUser    = "notifiedUser"
	attrTenantPolicies  = "tenantPolicies"
	attrNameKey         = "nameKey"
	attrExpiresAt       = "expiresAt" // TTL, seconds since 1970

	indexRunsByTenantAndTime     = "RunsByTenantAndTime"
	indexActiveRunsByInitiator   = "ActiveRunsByInitiator"
	indexOpenRuns                = "OpenRuns"
	indexTenantsByMember         = "TenantsByMember"
	indexNotificationsByUser     = "NotificationsByUser"
	indexPoliciesByTenantAndName = "PoliciesByTenantAndName"
)

// Values of the attribute "entity". The stream filter of the notifier reads it.
const (
	entityTenant       = "Tenant"
	entityMember       = "Member"
	entityLock         = "Lock"
	entityReplay       = "Replay"
	entityRun          = "Run"
	entityPlan         = "Plan"
	entityOutcomes     = "Outcomes"
	entityPolicy       = "Policy"
	entityTypeSync     = "TypeSync"
	entityVersion      = "Version"
	entityNotification = "Notification"
	entityAudit        = "Audit"
	entityRate         = "Rate"
	entityBackupSet    = "BackupSet"
	entityBackupItem   = "BackupItem"
	entitySchedule     = "Schedule"
	entityFiring       = "Firing"
	entityDrift        = "Drift"
	entitySubscription = "Subscription"
	entityRunLink      = "RunLink"
	entitySummary      = "Summary"
	entityFilters      = "SavedFilters"
)

// key is the primary key of one item.
type key struct{ pk, sk string }

// partition begins every partition key of a tenant's data. The delimiter at the
// end keeps tenant 1 from matching tenant 12, here and in an IAM condition on
// dynamodb:LeadingKeys.
func partition(tenantID string) string { return "T#" + tenantID + "#" }

func tenantKey(tenantID string) key { return key{partition(tenantID), "META"} }

func memberKey(tenantID, userID string) key { return key{partition(tenantID), memberPrefix + userID} }

func lockKey(tenantID, keyHash string) key { return key{partition(tenantID) + "K#" + keyHash, "LOCK"} }

func replayKey(tenantID, keyHash string) key { return key{partition(tenantID) + "I#" + keyHash, "KEY"} }

func runKey(tenantID, runID string) key { return key{runPartition(tenantID, runID), "RUN"} }

// planKey names one chunk of the plan that an epoch stored. The epoch is part
// of the key: a plan becomes visible only with the run's PlanEpoch, and no epoch
// can disturb the plan of another.
func planKey(tenantID, runID string, epoch int64, n int) key {
	return key{runPartition(tenantID, runID), fmt.Sprintf("P#%08d#%05d", epoch, n)}
}

func outcomesKey(tenantID, runID string, seq int) key {
	return key{runPartition(tenantID, runID), fmt.Sprintf("%s%08d", outcomesPrefix, seq)}
}

// linkKey names a link beside the earlier run. Of a plan there is one application,
// whichever run made it, so its key names none.
func linkKey(tenantID, runID string, kind run.LinkKind, by string) key {
	sk := linkPrefix + string(kind)
	if kind != run.LinkApplied {
		sk += "#" + by
	}
	return key{runPartition(tenantID, runID), sk}
}

func policyKey(tenantID, policyID string) key {
	return key{policiesPartition(tenantID), policyPrefix + policyID}
}

func typeSyncKey(tenantID, policyType string) key {
	return key{policiesPartition(tenantID), typeSyncPrefix + policyType}
}

// versionKey puts versions in a partition per policy: to list the inventory
// must not read past hundreds of versions.
func versionKey(tenantID, policyID string, number int) key {
	return key{versionsPartition(tenantID, policyID), fmt.Sprintf("%s%08d", versionPrefix, number)}
}

func notificationKey(k run.NotificationKey) key {
	return key{notificationsPartition(k.TenantID, k.UserID), notificationPrefix + stamp(k.At) + "#" + k.RunID + "#" + string(k.Kind)}
}

// auditKey names an event by what it tells of, so that telling it twice adds
// nothing. Events that belong to no run end in a token of the change, because
// two changes may happen at one instant; those that come in parts end in the part.
func auditKey(tenantID string, at time.Time, runID, event, token string, part int) key {
	sk := stamp(at) + "#" + runID + "#" + event
	switch {
	case runID == "":
		sk += "#" + token
	case part > 0:
		sk += "#" + strconv.Itoa(part)
	}
	return key{auditPartition(tenantID, monthOf(at)), sk}
}

func rateKey(k run.RateKey) key { return key{partition(k.TenantID) + "L#" + k.Service, "B"} }

func backupSetKey(tenantID, setID string) key {
	return key{setsPartition(tenantID), backupSetPrefix + setID}
}

// backupItemKey puts the items of a set in a partition of its own, as versions are
// kept apart from the inventory.
func backupItemKey(tenantID, setID, policyID string) key {
	return key{itemsPartition(tenantID, setID), backupItemPrefix + policyID}
}

func scheduleKey(tenantID, scheduleID string) key {
	return key{partition(tenantID), schedulePrefix + scheduleID}
}

func firingKey(tenantID, scheduleID string, dueAt time.Time) key {
	return key{firingsPartition(tenantID, scheduleID), firingPrefix + stamp(dueAt)}
}

func driftKey(tenantID, driftID string) key {
	return key{driftPartition(tenantID), driftPrefix + driftID}
}

func subscriptionKey(tenantID, userID string) key {
	return key{partition(tenantID), subscriptionPrefix + userID}
}

// filtersKey puts what a user saved beside the user's notifications in the tenant. What
// is of no tenant is in a partition of the user's own.
func filtersKey(tenantID, userID string) key {
	if tenantID == "" {
		return key{"U#" + userID + "#", "FILTERS"}
	}
	return key{notificationsPartition(tenantID, userID), "FILTERS"}
}

func summaryKey(tenantID string) key { return key{partition(tenantID), "SUMMARY"} }

// Prefixes of sort keys.
const (
	memberPrefix       = "MEM#"
	outcomesPrefix     = "O#"
	linkPrefix         = "L#"
	policyPrefix       = "POL#"
	typeSyncPrefix     = "TYPE#"
	versionPrefix      = "V#"
	notificationPrefix = "N#"
	backupSetPrefix    = "B#"
	backupItemPrefix   = "I#"
	schedulePrefix     = "SCHED#"
	firingPrefix       = "F#"
	driftPrefix        = "D#"
	subscriptionPrefix = "SUB#"
)

func runPartition(tenantID, runID string) string { return partition(tenantID) + "R#" + runID }

func policiesPartition(tenantID string) string { return partition(tenantID) + "POLICIES" }

func versionsPartition(tenantID, policyID string) string {
	return partition(tenantID) + "POL#" + policyID
}

func notificationsPartition(tenantID, userID string) string {
	return partition(tenantID) + "U#" + userID
}

func setsPartition(tenantID string) string { return partition(tenantID) + "SETS" }

func itemsPartition(tenantID, setID string) string { return partition(tenantID) + "B#" + setID }

func firingsPartition(tenantID, scheduleID string) string {
	return partition(tenantID) + "S#" + scheduleID
}

func driftPartition(tenantID string) string { return partition(tenantID) + "DRIFT" }

func auditPartition(tenantID string, m month) string {
	return partition(tenantID) + "A#" + m.String()
}

// Values of index keys.

func tenantRuns(tenantID string) string { return partition(tenantID) + "RUNS" }

func createdKey(at time.Time, runID string) string { return stamp(at) + "#" + runID }

// The index OpenRuns holds what a sweep must look at: runs that are open, ends
// whose notification is not confirmed, and schedules that the timetable may not
// have as they stand.
const (
	openRunShard    = "OPEN"
	unnotifiedShard = "NOTIFY"
	unappliedShard  = "SCHED"
)

// shardOf spreads what has to be looked at over a few partitions of its index.
func shardOf(kind, id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return shardKey(kind, int(h.Sum32()%run.OpenShards))
}

func shardKey(kind string, shard int) string { return fmt.Sprintf("%s#%d", kind, shard) }

// nameKey sorts policies by lower-cased name, then id. The separator sorts before
// every character of a name, so "a" comes before "a b". An index key holds at
// most 1024 bytes, and cursors hold the key.
func nameKey(name, policyID string) string {
	return clip(strings.ToLower(name), 400) + nameSeparator + policyID
}

const nameSeparator = "\x1f"

// clip cuts s to at most n bytes at a character boundary.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// plain reports whether every one of ids can stand between the delimiters of a
// key. What cannot names nothing.
func plain(ids ...string) bool {
	for _, id := range ids {
		if id == "" || len(id) > 200 || !utf8.ValidString(id) {
			return false
		}
		if strings.ContainsFunc(id, func(r rune) bool { return r == '#' || r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// stampLayout is the stored form of a time.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

// stamp returns the stored form of t: fixed width, UTC, sortable.
func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// optionalStamp returns "" for the zero time.
func optionalStamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// pointerStamp returns "" for nil.
func pointerStamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// parseStamp is strict: anything but the stored form is an error.
func parseStamp(s string) (time.Time, error) {
	t, err := time.Parse(stampLayout, s)
	if err != nil || len(s) != len(stampLayout) {
		return time.Time{}, fmt.Errorf("stored time is not of the form %s", stampLayout)
	}
	return t, nil
}

// month is a partition of the audit trail.
type month struct{ year, month int }

func monthOf(t time.Time) month { u := t.UTC(); return month{u.Year(), int(u.Month())} }

func (m month) String() string { return fmt.Sprintf("%04d%02d", m.year, m.month) }

func (m month) before() month { return m.minus(1) }

// less reports whether m is earlier than o.
func (m month) less(o month) bool {
	return m.year < o.year || m.year == o.year && m.month < o.month
}

// number counts months, so that positions and differences are simple.
func (m month) number() int { return m.year*12 + m.month - 1 }

func monthNumber(n int) month { return month{n / 12, n%12 + 1} }

func (m month) minus(n int) month { return monthNumber(m.number() - n) }
