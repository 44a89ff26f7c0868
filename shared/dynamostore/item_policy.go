package dynamostore

import (
	"strings"

	"tenantatlas/shared/run"
)

// Attributes of a policy that expressions name.
const (
	attrType           = "type"
	attrName           = "name"
	attrNameLower      = "nameLower"
	attrPlatform       = "platform"
	attrVanishedAt     = "vanishedAt"
	attrLatestVersion  = "latestVersion"
	attrLatestHash     = "latestHash"
	attrLastCapturedAt = "lastCapturedAt"
	attrRev            = "rev"
)

type policyItem struct {
	PK             string `dynamodbav:"PK"`
	SK             string `dynamodbav:"SK"`
	Entity         string `dynamodbav:"entity"`
	TenantPolicies string `dynamodbav:"tenantPolicies"`
	NameKey        string `dynamodbav:"nameKey"`

	ID             string `dynamodbav:"id"`
	TenantID       string `dynamodbav:"tenantId"`
	Type           string `dynamodbav:"type"`
	GraphID        string `dynamodbav:"graphId"`
	Name           string `dynamodbav:"name"`
	NameLower      string `dynamodbav:"nameLower"` // what a search looks in
	Platform       string `dynamodbav:"platform,omitempty"`
	ListingHash    string `dynamodbav:"listingHash,omitempty"`
	FirstSeenAt    string `dynamodbav:"firstSeenAt,omitempty"`
	ChangedAt      string `dynamodbav:"changedAt,omitempty"`
	LastChange     string `dynamodbav:"lastChange,omitempty"`
	LastRunID      string `dynamodbav:"lastRunId,omitempty"`
	VanishedAt     string `dynamodbav:"vanishedAt,omitempty"`
	Successor      string `dynamodbav:"successor,omitempty"`
	LatestVersion  int    `dynamodbav:"latestVersion"`
	LatestHash     string `dynamodbav:"latestHash,omitempty"`
	LastCapturedAt string `dynamodbav:"lastCapturedAt,omitempty"`
	Rev            int64  `dynamodbav:"rev"`
	WriteToken     string `dynamodbav:"writeToken,omitempty"` // of the put that made this Rev
}

func newPolicyItem(p run.Policy) policyItem {
	k := policyKey(p.TenantID, p.ID)
	return policyItem{
		PK: k.pk, SK: k.sk, Entity: entityPolicy,
		TenantPolicies: policiesPartition(p.TenantID), NameKey: nameKey(p.Name, p.ID),
		ID: p.ID, TenantID: p.TenantID, Type: p.Type, GraphID: p.GraphID, Name: p.Name, NameLower: strings.ToLower(p.Name),
		Platform: p.Platform, ListingHash: p.ListingHash, FirstSeenAt: optionalStamp(p.FirstSeenAt), ChangedAt: optionalStamp(p.ChangedAt),
		LastChange: string(p.LastChange), LastRunID: p.LastRunID, VanishedAt: pointerStamp(p.VanishedAt),
		Successor: p.Successor, LatestVersion: p.LatestVersion, LatestHash: p.LatestHash, LastCapturedAt: pointerStamp(p.LastCapturedAt), Rev: p.Rev,
	}
}

func (i policyItem) policy() (run.Policy, error) {
	var p stampParser
	out := run.Policy{
		ID: i.ID, TenantID: i.TenantID, Type: i.Type, GraphID: i.GraphID, Name: i.Name, Platform: i.Platform,
		ListingHash: i.ListingHash, FirstSeenAt: p.optional(i.FirstSeenAt), ChangedAt: p.optional(i.ChangedAt),
		LastChange: run.Change(i.LastChange), LastRunID: i.LastRunID, VanishedAt: p.pointer(i.VanishedAt),
		Successor: i.Successor, LatestVersion: i.LatestVersion, LatestHash: i.LatestHash, LastCapturedAt: p.pointer(i.LastCapturedAt), Rev: i.Rev,
	}
	return out, p.err
}

type typeSyncItem struct {
	PK       string `dynamodbav:"PK"`
	SK       string `dynamodbav:"SK"`
	Entity   string `dynamodbav:"entity"`
	TenantID string `dynamodbav:"tenantId"`
	Type     string `dynamodbav:"type"`
	SyncedAt string `dynamodbav:"syncedAt"`
	RunID    string `dynamodbav:"runId"`
	Policies int    `dynamodbav:"policies"`
}

func newTypeSyncItem(s run.TypeSync) typeSyncItem {
	k := typeSyncKey(s.TenantID, s.Type)
	return typeSyncItem{
		PK: k.pk, SK: k.sk, Entity: entityTypeSync,
		TenantID: s.TenantID, Type: s.Type, SyncedAt: stamp(s.SyncedAt), RunID: s.RunID, Policies: s.Policies,
	}
}

func (i typeSyncItem) typeSync() (run.TypeSync, error) {
	var p stampParser
	s := run.TypeSync{TenantID: i.TenantID, Type: i.Type, SyncedAt: p.optional(i.SyncedAt), RunID: i.RunID, Policies: i.Policies}
	return s, p.err
}

type noteItem struct {
	Code   string            `dynamodbav:"code"`
	Params map[string]string `dynamodbav:"params,omitempty"`
}

type versionItem struct {
	PK          string     `dynamodbav:"PK"`
	SK          string     `dynamodbav:"SK"`
	Entity      string     `dynamodbav:"entity"`
	TenantID    string     `dynamodbav:"tenantId"`
	PolicyID    string     `dynamodbav:"policyId"`
	Number      int        `dynamodbav:"number"`
	PolicyType  string     `dynamodbav:"policyType"`
	PolicyName  string     `dynamodbav:"policyName"`
	Platform    string     `dynamodbav:"platform,omitempty"`
	GraphID     string     `dynamodbav:"graphId"`
	ContentHash string     `dynamodbav:"contentHash"`
	PayloadKey  string     `dynamodbav:"payloadKey"`
	PayloadSize int64      `dynamodbav:"payloadSize"`
	Complete    bool       `dynamodbav:"complete"`
	Notes       []noteItem `dynamodbav:"notes,omitempty"`
	Refers      []string   `dynamodbav:"refers,omitempty"`
	CapturedAt  string     `dynamodbav:"capturedAt"`
	RunID       string     `dynamodbav:"runId"`
	CapturedBy  string     `dynamodbav:"capturedBy,omitempty"`
	WriteToken  string     `dynamodbav:"writeToken"`
}

func newVersionItem(v run.Version, token string) versionItem {
	k := versionKey(v.TenantID, v.PolicyID, v.Number)
	i := versionItem{
		PK: k.pk, SK: k.sk, Entity: entityVersion,
		TenantID: v.TenantID, PolicyID: v.PolicyID, Number: v.Number, PolicyType: v.PolicyType, PolicyName: v.PolicyName,
		Platform: v.Platform, GraphID: v.GraphID, ContentHash: v.ContentHash, PayloadKey: v.PayloadKey, PayloadSize: v.PayloadSize,
		Complete: v.Complete, Refers: v.Refers, CapturedAt: stamp(v.CapturedAt), RunID: v.RunID, CapturedBy: v.CapturedBy, WriteToken: token,
	}
	for _, n := range v.Notes {
		i.Notes = append(i.Notes, noteItem(n))
	}
	return i
}

func (i versionItem) version() (run.Version, error) {
	var p stampParser
	v := run.Version{
		TenantID: i.TenantID, PolicyID: i.PolicyID, Number: i.Number, PolicyType: i.PolicyType, PolicyName: i.PolicyName,
		Platform: i.Platform, GraphID: i.GraphID, ContentHash: i.ContentHash, PayloadKey: i.PayloadKey, PayloadSize: i.PayloadSize,
		Complete: i.Complete, Refers: i.Refers, CapturedAt: p.optional(i.CapturedAt), RunID: i.RunID, CapturedBy: i.CapturedBy,
	}
	for _, n := range i.Notes {
		v.Notes = append(v.Notes, run.Note(n))
	}
	return v, p.err
}
