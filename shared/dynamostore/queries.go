package dynamostore

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

func membersOfTenant(tenantID string) query {
	pk := partition(tenantID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: memberPrefix,
		start: tableStart(pk, memberPrefix), position: sortPosition(attrSK),
	}
}

func tenantsOfUser(userID string) query {
	return query{
		index: indexTenantsByMember, hashAttr: attrMemberUser, hash: userID, rangeAttr: attrPK,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			k := memberKey(p.Tenant, userID)
			if p.Tenant == "" || p.Key != k.pk {
				return nil, false
			}
			return with(k, attrMemberUser, userID), true
		},
		position: tenantPosition(attrPK),
	}
}

func runsOfTenant(q run.RunQuery) query {
	hash := tenantRuns(q.TenantID)
	out := query{
		index: indexRunsByTenantAndTime, hashAttr: attrTenantRuns, hash: hash, rangeAttr: attrCreatedKey, newest: true,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			runID, ok := runOfCreatedKey(p.Key)
			if !ok || p.Tenant != "" {
				return nil, false
			}
			return with(runKey(q.TenantID, runID), attrTenantRuns, hash, attrCreatedKey, p.Key), true
		},
		position: sortPosition(attrCreatedKey),
	}
	if !q.From.IsZero() || !q.To.IsZero() {
		out.between("", optionalStamp(q.From), optionalStamp(q.To))
	}
	out.newest = !q.Oldest
	if len(q.Statuses)+len(q.Operations) > 0 || q.PolicyID != "" || q.TargetID != "" || q.InitiatorID != "" {
		out.filter = func(e *expression) {
			if len(q.Statuses) > 0 {
				e.whenIn(attrStatus, texts(q.Statuses))
			}
			if len(q.Operations) > 0 {
				e.whenIn(attrOperation, texts(q.Operations))
			}
			if q.PolicyID != "" {
				e.when("%s.%s = %s", e.name(attrTarget), e.name(attrTargetKind), e.text(string(run.TargetPolicy)))
				e.when("%s.%s = %s", e.name(attrTarget), e.name(attrTargetID), e.text(q.PolicyID))
			}
			if q.TargetID != "" {
				e.when("%s.%s = %s", e.name(attrTarget), e.name(attrTargetID), e.text(q.TargetID))
			}
			if q.InitiatorID != "" {
				e.whenText(attrInitiator, q.InitiatorID)
			}
		}
	}
	return out
}

func activeRunsOf(initiatorID string) query {
	return query{
		index: indexActiveRunsByInitiator, hashAttr: attrActiveInitiator, hash: initiatorID, rangeAttr: attrCreatedKey, newest: true,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			runID, ok := runOfCreatedKey(p.Key)
			if !ok || p.Tenant == "" {
				return nil, false
			}
			return with(runKey(p.Tenant, runID), attrActiveInitiator, initiatorID, attrCreatedKey, p.Key), true
		},
		position: tenantPosition(attrCreatedKey),
	}
}

// toSweep reads keys only: the index holds nothing else. at is the key of an entry.
func toSweep(kind string, shard int, at func(tenantID, id string) key) query {
	hash := shardKey(kind, shard)
	return query{
		index: indexOpenRuns, hashAttr: attrOpenShard, hash: hash, rangeAttr: attrRunKey,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			if p.Tenant == "" || !plain(p.Key) {
				return nil, false
			}
			return with(at(p.Tenant, p.Key), attrOpenShard, hash, attrRunKey, p.Key), true
		},
		position: tenantPosition(attrRunKey),
	}
}

// outcomesOfRun reads chunks in the order of the plan, from a sequence number on.
func outcomesOfRun(tenantID, runID string, fromSeq int) query {
	pk := runPartition(tenantID, runID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK,
		from: outcomesKey(tenantID, runID, fromSeq).sk, to: outcomesPrefix + "~",
		start: tableStart(pk, outcomesPrefix), position: sortPosition(attrSK),
	}
}

func linksOfRun(tenantID, runID string) query {
	pk := runPartition(tenantID, runID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: linkPrefix,
		start: tableStart(pk, linkPrefix), position: sortPosition(attrSK),
	}
}

// byName reads what has a policy's name and is in one partition. at is the key of
// an entry, by policy.
func byName(hash string, at func(policyID string) key) query {
	return query{
		index: indexPoliciesByTenantAndName, hashAttr: attrTenantPolicies, hash: hash, rangeAttr: attrNameKey,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			i := strings.LastIndex(p.Key, nameSeparator)
			if i < 0 || p.Tenant != "" || !plain(p.Key[i+len(nameSeparator):]) {
				return nil, false
			}
			return with(at(p.Key[i+len(nameSeparator):]), attrTenantPolicies, hash, attrNameKey, p.Key), true
		},
		position: sortPosition(attrNameKey),
	}
}

// whenNamed looks for a part of a name, whatever its case.
func (e *expression) whenNamed(search string) {
	e.when("contains(%s, %s)", e.name(attrNameLower), e.text(strings.ToLower(search)))
}

// whenThere needs an attribute to be there or not.
func (e *expression) whenThere(attr string, there bool) {
	function := "attribute_not_exists"
	if there {
		function = "attribute_exists"
	}
	e.when("%s(%s)", function, e.name(attr))
}

func policiesOfTenant(q run.PolicyQuery) query {
	out := byName(policiesPartition(q.TenantID), func(policyID string) key { return policyKey(q.TenantID, policyID) })
	out.newest = q.Descending
	if len(q.Types)+len(q.Platforms) > 0 || q.Search != "" || q.Vanished != nil || q.Captured != nil || !q.CapturedFrom.IsZero() || !q.CapturedTo.IsZero() {
		out.filter = func(e *expression) {
			if len(q.Types) > 0 {
				e.whenIn(attrType, q.Types)
			}
			if len(q.Platforms) > 0 {
				e.whenIn(attrPlatform, q.Platforms)
			}
			if q.Search != "" {
				e.whenNamed(q.Search)
			}
			if q.Vanished != nil {
				e.whenThere(attrVanishedAt, *q.Vanished)
			}
			if q.Captured != nil {
				e.when("%s %s %s", e.name(attrLatestVersion), map[bool]string{true: ">", false: "="}[*q.Captured], e.number(0))
			}
			if !q.CapturedFrom.IsZero() {
				e.when("%s >= %s", e.name(attrLastCapturedAt), e.text(stamp(q.CapturedFrom)))
			}
			if !q.CapturedTo.IsZero() {
				e.when("%s < %s", e.name(attrLastCapturedAt), e.text(stamp(q.CapturedTo)))
			}
		}
	}
	return out
}

func inventoryOfTenant(tenantID string) query {
	return query{hashAttr: attrPK, hash: policiesPartition(tenantID), rangeAttr: attrSK, prefix: policyPrefix}
}

func typeSyncsOfTenant(tenantID string) query {
	return query{hashAttr: attrPK, hash: policiesPartition(tenantID), rangeAttr: attrSK, prefix: typeSyncPrefix}
}

func versionsOfPolicy(tenantID, policyID string) query {
	pk := versionsPartition(tenantID, policyID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: versionPrefix, newest: true,
		start: tableStart(pk, versionPrefix), position: sortPosition(attrSK),
	}
}

// setsOfTenant reads the sets made within a time. Ids sort by the millisecond; what
// is finer is left to the filter.
func setsOfTenant(q run.SetQuery) query {
	pk := setsPartition(q.TenantID)
	out := query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, newest: true,
		start: tableStart(pk, backupSetPrefix), position: sortPosition(attrSK),
	}
	var from, to string
	if !q.From.IsZero() {
		from = run.FirstID(run.PrefixSet, q.From)
	}
	if !q.To.IsZero() {
		to = run.FirstID(run.PrefixSet, q.To.Add(time.Millisecond))
	}
	out.between(backupSetPrefix, from, to)
	out.filter = func(e *expression) {
		e.whenThere(attrDeletedAt, q.Deleted)
		if q.Search != "" {
			e.whenNamed(q.Search)
		}
		if !q.From.IsZero() {
			e.when("%s >= %s", e.name(attrCreatedAt), e.text(stamp(q.From)))
		}
		if !q.To.IsZero() {
			e.when("%s < %s", e.name(attrCreatedAt), e.text(stamp(q.To)))
		}
	}
	return out
}

func itemsOfSetByName(q run.ItemQuery) query {
	out := byName(itemsPartition(q.TenantID, q.SetID), func(policyID string) key { return backupItemKey(q.TenantID, q.SetID, policyID) })
	if len(q.States)+len(q.Types) > 0 || q.Search != "" || q.Code != "" {
		out.filter = func(e *expression) {
			if len(q.States) > 0 {
				e.whenIn(attrState, texts(q.States))
			}
			if len(q.Types) > 0 {
				e.whenIn(attrType, q.Types)
			}
			if q.Search != "" {
				e.whenNamed(q.Search)
			}
			if q.Code != "" {
				e.whenText(attrCode, q.Code)
			}
		}
	}
	return out
}

func itemsOfSet(tenantID, setID string) query {
	pk := itemsPartition(tenantID, setID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: backupItemPrefix,
		start: tableStart(pk, backupItemPrefix), position: sortPosition(attrSK),
	}
}

func schedulesOfTenant(tenantID string) query {
	return query{
		hashAttr: attrPK, hash: partition(tenantID), rangeAttr: attrSK, prefix: schedulePrefix,
		filter: func(e *expression) { e.whenNot(attrRemoved) },
	}
}

func firingsOfSchedule(tenantID, scheduleID string) query {
	pk := firingsPartition(tenantID, scheduleID)
	return query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: firingPrefix, newest: true,
		start: tableStart(pk, firingPrefix), position: sortPosition(attrSK),
	}
}

// driftOfTenant reads drift, newest first; that of one run is found by the prefix
// of its ids.
func driftOfTenant(q run.DriftQuery) query {
	pk, prefix := driftPartition(q.TenantID), driftPrefix
	if q.RunID != "" {
		prefix += run.DriftID(q.RunID, "")
	}
	out := query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: prefix, newest: true,
		start: tableStart(pk, prefix), position: sortPosition(attrSK),
	}
	if !q.From.IsZero() && q.RunID == "" {
		out.prefix = ""
		out.between(driftPrefix, run.FirstID(run.PrefixRun, q.From.Add(-run.DriftSlack)), "")
	}
	if len(q.Kinds)+len(q.Types) > 0 || q.PolicyID != "" || q.Open != nil || q.Search != "" || !q.From.IsZero() {
		out.filter = func(e *expression) {
			if len(q.Kinds) > 0 {
				e.whenIn(attrKind, texts(q.Kinds))
			}
			if len(q.Types) > 0 {
				e.whenIn(attrType, q.Types)
			}
			if q.PolicyID != "" {
				e.whenText(attrPolicyID, q.PolicyID)
			}
			if q.Open != nil {
				e.whenThere(attrSeenAt, !*q.Open)
			}
			if q.Search != "" {
				e.whenNamed(q.Search)
			}
			if !q.From.IsZero() {
				e.when("%s >= %s", e.name(attrFoundAt), e.text(stamp(q.From)))
			}
		}
	}
	return out
}

func subscriptionsOfTenant(tenantID string) query {
	return query{hashAttr: attrPK, hash: partition(tenantID), rangeAttr: attrSK, prefix: subscriptionPrefix}
}

func notificationsOfUser(q run.NotificationQuery) query {
	out := query{
		index: indexNotificationsByUser, hashAttr: attrNotifiedUser, hash: q.UserID, rangeAttr: attrSK, newest: true,
		start: func(p position) (map[string]types.AttributeValue, bool) {
			if p.Tenant == "" || !strings.HasPrefix(p.Key, notificationPrefix) {
				return nil, false
			}
			return with(key{notificationsPartition(p.Tenant, q.UserID), p.Key}, attrNotifiedUser, q.UserID), true
		},
		position: tenantPosition(attrSK),
	}
	if q.TenantID != "" { // one tenant's need no index
		pk := notificationsPartition(q.TenantID, q.UserID)
		out = query{
			hashAttr: attrPK, hash: pk, rangeAttr: attrSK, prefix: notificationPrefix, newest: true,
			start: tableStart(pk, notificationPrefix), position: sortPosition(attrSK),
		}
	}
	if !q.From.IsZero() || !q.To.IsZero() {
		out.prefix = ""
		out.between(notificationPrefix, optionalStamp(q.From), optionalStamp(q.To))
	}
	if q.Unread || q.Kind != "" || len(q.Operations) > 0 {
		out.filter = func(e *expression) {
			if q.Unread {
				e.whenNot(attrRead)
			}
			if q.Kind != "" {
				e.whenText(attrKind, string(q.Kind))
			}
			if len(q.Operations) > 0 {
				e.whenIn(attrOperation, texts(q.Operations))
			}
		}
	}
	return out
}

// auditOfMonth reads one month of the audit trail, newest first.
func auditOfMonth(q run.AuditQuery, m month, from, to time.Time) query {
	pk := auditPartition(q.TenantID, m)
	out := query{
		hashAttr: attrPK, hash: pk, rangeAttr: attrSK, newest: true,
		start: tableStart(pk, ""), position: sortPosition(attrSK),
	}
	if !from.IsZero() || !to.IsZero() {
		out.between("", optionalStamp(from), optionalStamp(to))
	}
	if len(q.Events) > 0 || q.ActorID != "" || q.TargetID != "" || q.RunID != "" {
		out.filter = func(e *expression) {
			if len(q.Events) > 0 {
				e.whenIn(attrEvent, q.Events)
			}
			if q.TargetID != "" {
				e.when("%s.%s = %s", e.name(attrTarget), e.name(attrTargetID), e.text(q.TargetID))
			}
			if q.ActorID != "" {
				e.whenText(attrActorID, q.ActorID)
			}
			if q.RunID != "" {
				e.whenText(attrRunID, q.RunID)
			}
		}
	}
	return out
}

// runOfCreatedKey takes the run from a createdKey.
func runOfCreatedKey(k string) (string, bool) {
	at, runID, ok := strings.Cut(k, "#")
	if !ok || !plain(runID) {
		return "", false
	}
	_, err := parseStamp(at)
	return runID, err == nil
}

// with adds string attributes, given as name and value in turn, to a key.
func with(k key, pairs ...string) map[string]types.AttributeValue {
	image := k.image()
	for i := 0; i+1 < len(pairs); i += 2 {
		image[pairs[i]] = &types.AttributeValueMemberS{Value: pairs[i+1]}
	}
	return image
}

func texts[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
