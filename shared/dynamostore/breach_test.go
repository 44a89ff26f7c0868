package dynamostore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
	"tenantatlas/tests/localaws"
)

// Some conditions can only fail when another one was broken before. These tests
// break the stored data by hand, to see each of them hold alone.
func TestConditionsHoldAlone(t *testing.T) {
	d := localaws.DynamoDB{Name: "dynamodb-local", Endpoint: localaws.DynamoDBLocal(t)}
	client := d.Client(nil)
	table := localaws.CreateTable(t, client)
	s := dynamostore.New(client, table, dynamostore.Options{})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	ids := run.IDSource{}

	claimed := func(t *testing.T) run.Run {
		t.Helper()
		tenant, id := ids.New(run.PrefixTenant, now), ids.New(run.PrefixRun, now)
		err := s.CreateTenant(t.Context(), run.Tenant{ID: tenant}, run.Member{TenantID: tenant, UserID: "u", Role: run.RoleOwner},
			run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditTenantCreated})
		if err != nil {
			t.Fatal(err)
		}
		err = s.CreateRun(t.Context(), run.NewRun{
			Role:  run.RoleOperator,
			Run:   run.Run{ID: id, TenantID: tenant, Initiator: run.Initiator{UserID: "u"}, KeyHash: "k", PayloadHash: "p", CreatedAt: now},
			Audit: run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditRunRequested, RunID: id},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Claim(t.Context(), tenant, id, "w", now, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	tamper := func(t *testing.T, pk, sk, attribute string, v types.AttributeValue) {
		t.Helper()
		set := "SET #a = :v"
		_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{"PK": text(pk), "SK": text(sk)}, UpdateExpression: &set,
			ExpressionAttributeNames: map[string]string{"#a": attribute}, ExpressionAttributeValues: map[string]types.AttributeValue{":v": v},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	outcome := []run.Outcome{{Item: run.Item{Key: "a"}, Status: run.OutcomeSucceeded}}
	unchanged := func(t *testing.T, want run.Run) {
		t.Helper()
		got, err := s.Run(t.Context(), want.TenantID, want.ID)
		if err != nil || got.Seq != want.Seq || got.Epoch != want.Epoch || got.Status != want.Status {
			t.Errorf("run is %+v, %v", got, err)
		}
	}

	t.Run("a lock of another run is not freed, and the breach is told", func(t *testing.T) {
		r := claimed(t)
		tamper(t, "T#"+r.TenantID+"#K#k", "LOCK", "activeRunId", text("run_other"))
		_, err := s.End(t.Context(), r.Fence(), run.RunEnd{
			Status: run.StatusFailed, At: now, Audit: run.AuditEvent{TenantID: r.TenantID, At: now, Event: run.AuditRunEnded, RunID: r.ID},
		})
		if err == nil || errors.Is(err, run.ErrFenced) || errors.Is(err, run.ErrRunEnded) {
			t.Errorf("error is %v", err)
		}
		unchanged(t, r)
		v, err := s.StartView(t.Context(), run.StartQuery{TenantID: r.TenantID, UserID: "u", KeyHash: "k"})
		if err != nil || v.Lock.ActiveRunID != "run_other" {
			t.Errorf("lock is %+v, %v", v.Lock, err)
		}
	})
	t.Run("a stored chunk is not written over", func(t *testing.T) {
		r := claimed(t)
		tamper(t, "T#"+r.TenantID+"#R#"+r.ID, "O#00000001", "writeToken", text("of another"))
		if _, err := s.CommitSlice(t.Context(), r.Fence(), run.SliceCommit{Outcomes: outcome, At: now, LeaseUntil: now}); !errors.Is(err, run.ErrFenced) {
			t.Errorf("error is %v", err)
		}
		unchanged(t, r)
	})
	t.Run("an ended run is not written to, though it has an owner", func(t *testing.T) {
		r := claimed(t)
		tamper(t, "T#"+r.TenantID+"#R#"+r.ID, "RUN", "status", text(string(run.StatusFailed)))
		r.Status = run.StatusFailed
		if _, err := s.BeginSlice(t.Context(), r.Fence(), run.FirstItems(1), now, now); !errors.Is(err, run.ErrRunEnded) {
			t.Errorf("error is %v", err)
		}
		if _, err := s.CommitSlice(t.Context(), r.Fence(), run.SliceCommit{Outcomes: outcome, At: now, LeaseUntil: now}); !errors.Is(err, run.ErrRunEnded) {
			t.Errorf("error is %v", err)
		}
		unchanged(t, r)
	})
}

// DynamoDB remembers a request token for ten minutes. A repeat that it does not
// take for the same request is recognised by the stored run, and another start
// under the same id is not.
func TestCreateRunIsRecognisedWithoutItsToken(t *testing.T) {
	d := localaws.DynamoDB{Name: "dynamodb-local", Endpoint: localaws.DynamoDBLocal(t)}
	client := d.Client(nil)
	s := dynamostore.New(client, localaws.CreateTable(t, client), dynamostore.Options{})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	tenant, id := run.IDSource{}.New(run.PrefixTenant, now), run.IDSource{}.New(run.PrefixRun, now)
	err := s.CreateTenant(t.Context(), run.Tenant{ID: tenant}, run.Member{TenantID: tenant, UserID: "u", Role: run.RoleOwner},
		run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditTenantCreated})
	if err != nil {
		t.Fatal(err)
	}
	n := run.NewRun{
		Role:  run.RoleOperator,
		Run:   run.Run{ID: id, TenantID: tenant, Initiator: run.Initiator{UserID: "u"}, KeyHash: "k", PayloadHash: "p", CreatedAt: now},
		Audit: run.AuditEvent{TenantID: tenant, At: now, Event: run.AuditRunRequested, RunID: id},
	}
	if err := s.CreateRun(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	n.Audit.ActorName = "written otherwise" // makes it another request under the token
	if err := s.CreateRun(t.Context(), n); err != nil {
		t.Errorf("the same start again: %v", err)
	}
	n.Run.PayloadHash = "q"
	if err := s.CreateRun(t.Context(), n); !errors.Is(err, run.ErrConflict) {
		t.Errorf("another start under the same id: %v", err)
	}
}
