package dynamostore

import (
	"strings"

	"tenantatlas/shared/run"
)

// Attributes of drift that expressions name.
const (
	attrKind     = "kind"
	attrFoundAt  = "foundAt"
	attrPolicyID = "policyId"
	attrSeenAt   = "seenAt"
	attrSeenBy   = "seenBy"
)

type driftItem struct {
	PK         string         `dynamodbav:"PK"`
	SK         string         `dynamodbav:"SK"`
	Entity     string         `dynamodbav:"entity"`
	TenantID   string         `dynamodbav:"tenantId"`
	ID         string         `dynamodbav:"id"`
	RunID      string         `dynamodbav:"runId"`
	ScheduleID string         `dynamodbav:"scheduleId,omitempty"`
	PolicyID   string         `dynamodbav:"policyId"`
	Name       string         `dynamodbav:"name"`
	NameLower  string         `dynamodbav:"nameLower"`
	Type       string         `dynamodbav:"type"`
	Platform   string         `dynamodbav:"platform,omitempty"`
	Kind       string         `dynamodbav:"kind"`
	From       int            `dynamodbav:"from,omitempty"`
	To         int            `dynamodbav:"to,omitempty"`
	FoundAt    string         `dynamodbav:"foundAt"`
	Total      int            `dynamodbav:"total"`
	Changes    []driftChange  `dynamodbav:"changes,omitempty"`
	SeenAt     string         `dynamodbav:"seenAt,omitempty"`
	SeenBy     *initiatorItem `dynamodbav:"seenBy,omitempty"`
}

type driftChange struct {
	Setting string `dynamodbav:"setting"`
	Kind    string `dynamodbav:"kind"`
}

func newDriftItem(d run.Drift) driftItem {
	k := driftKey(d.TenantID, d.ID)
	i := driftItem{
		PK: k.pk, SK: k.sk, Entity: entityDrift,
		TenantID: d.TenantID, ID: d.ID, RunID: d.RunID, ScheduleID: d.ScheduleID, PolicyID: d.PolicyID, Name: d.Name, NameLower: strings.ToLower(d.Name), Type: d.Type, Platform: d.Platform,
		Kind: string(d.Kind), From: d.From, To: d.To, FoundAt: optionalStamp(d.FoundAt), Total: d.Total,
		SeenAt: pointerStamp(d.SeenAt), SeenBy: newInitiatorItem(d.SeenBy),
	}
	for _, c := range d.Changes {
		i.Changes = append(i.Changes, driftChange(c))
	}
	return i
}

func (i driftItem) drift() (run.Drift, error) {
	var p stampParser
	d := run.Drift{
		TenantID: i.TenantID, ID: i.ID, RunID: i.RunID, ScheduleID: i.ScheduleID, PolicyID: i.PolicyID, Name: i.Name, Type: i.Type, Platform: i.Platform,
		Kind: run.Change(i.Kind), From: i.From, To: i.To, FoundAt: p.optional(i.FoundAt), Total: i.Total,
		SeenAt: p.pointer(i.SeenAt), SeenBy: i.SeenBy.initiator(),
	}
	for _, c := range i.Changes {
		d.Changes = append(d.Changes, run.DriftChange(c))
	}
	return d, p.err
}

type subscriptionItem struct {
	PK       string `dynamodbav:"PK"`
	SK       string `dynamodbav:"SK"`
	Entity   string `dynamodbav:"entity"`
	TenantID string `dynamodbav:"tenantId"`
	UserID   string `dynamodbav:"userId"`
	Drift    bool   `dynamodbav:"drift"`
	Problems bool   `dynamodbav:"problems"`
}

func newSubscriptionItem(s run.Subscription) subscriptionItem {
	k := subscriptionKey(s.TenantID, s.UserID)
	return subscriptionItem{
		PK: k.pk, SK: k.sk, Entity: entitySubscription,
		TenantID: s.TenantID, UserID: s.UserID, Drift: s.Drift, Problems: s.Problems,
	}
}

func (i subscriptionItem) subscription() run.Subscription {
	return run.Subscription{TenantID: i.TenantID, UserID: i.UserID, Drift: i.Drift, Problems: i.Problems}
}
