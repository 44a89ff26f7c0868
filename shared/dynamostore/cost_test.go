package dynamostore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
	"tenantatlas/tests/localaws"
)

// What a small run costs in requests, and that the observer is told what they
// consumed. A request more in one of these is paid for with every run.
func TestRequestsOfARun(t *testing.T) {
	d := localaws.DynamoDB{Name: "dynamodb-local", Endpoint: localaws.DynamoDBLocal(t)}
	client := d.Client(nil)
	var (
		requests []string
		units    float64
	)
	s := dynamostore.New(client, localaws.CreateTable(t, client), dynamostore.Options{
		Observe: func(operation string, consumed []types.ConsumedCapacity) {
			requests = append(requests, operation)
			for _, c := range consumed {
				units += *c.CapacityUnits
			}
		},
	})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	tenant, runID := run.IDSource{}.New(run.PrefixTenant, now), run.IDSource{}.New(run.PrefixRun, now)
	audit := func(event string) run.AuditEvent {
		return run.AuditEvent{TenantID: tenant, At: now, Event: event, RunID: runID}
	}
	var r run.Run
	item := []run.Item{{Key: "pol", Kind: "policy", Name: "P"}}
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"create tenant", func() error {
			return s.CreateTenant(t.Context(), run.Tenant{ID: tenant, Name: "Contoso"}, run.Member{TenantID: tenant, UserID: "u", Role: run.RoleOwner},
				run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditTenantCreated})
		}, []string{"TransactWriteItems"}},
		{"look", func() error {
			_, err := s.StartView(t.Context(), run.StartQuery{TenantID: tenant, UserID: "u", KeyHash: "k", IdempotencyKey: "i", PolicyID: "p"})
			return err
		}, []string{"BatchGetItem"}},
		{"start", func() error {
			return s.CreateRun(t.Context(), run.NewRun{Role: run.RoleOperator, Audit: audit(run.AuditRunRequested), Run: run.Run{
				ID: runID, TenantID: tenant, Operation: run.OpCaptureSnapshot, Initiator: run.Initiator{UserID: "u"}, KeyHash: "k", PayloadHash: "p", CreatedAt: now,
			}})
		}, []string{"TransactWriteItems"}},
		{"claim", func() (err error) {
			r, err = s.Claim(t.Context(), tenant, runID, "w", now, now.Add(time.Minute))
			return err
		}, []string{"UpdateItem"}},
		{"plan", func() (err error) {
			r, err = s.SavePlan(t.Context(), r.Fence(), item, now)
			return err
		}, []string{"UpdateItem"}},
		{"intent", func() (err error) {
			r, err = s.BeginSlice(t.Context(), r.Fence(), run.FirstItems(1), now, now.Add(time.Minute))
			return err
		}, []string{"UpdateItem"}},
		{"commit with the end", func() (err error) {
			r, err = s.CommitSlice(t.Context(), r.Fence(), run.SliceCommit{
				Outcomes: []run.Outcome{{Item: item[0], Status: run.OutcomeSucceeded}}, At: now,
				End: &run.RunEnd{Status: run.StatusSucceeded, At: now, Audit: audit(run.AuditRunEnded)},
			})
			return err
		}, []string{"GetItem", "TransactWriteItems", "GetItem"}},
		{"show", func() error {
			_, err := s.Run(t.Context(), tenant, runID)
			return err
		}, []string{"GetItem"}},
	} {
		requests, units = nil, 0
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		t.Logf("%s: %v, %.1f capacity units", step.name, requests, units)
		if !slices.Equal(requests, step.want) {
			t.Errorf("%s takes %v, want %v", step.name, requests, step.want)
		}
		if units == 0 {
			t.Errorf("%s: the observer was told of no capacity", step.name)
		}
	}
}
