package dynamostore_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
	"tenantatlas/tests/localaws"
)

// A lease is one write, whether the bucket is full or filling, for who knows
// what was there before; only who does not know pays a second one.
func TestWritesOfALease(t *testing.T) {
	d := localaws.DynamoDB{Name: "dynamodb-local", Endpoint: localaws.DynamoDBLocal(t)}
	client := d.Client(nil)
	var requests []string
	units := 0.0
	s := dynamostore.New(client, localaws.CreateTable(t, client), dynamostore.Options{
		Observe: func(operation string, consumed []types.ConsumedCapacity) {
			requests = append(requests, operation)
			units += *consumed[0].CapacityUnits
		},
	})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := run.RateRequest{RateKey: run.RateKey{TenantID: "t", Service: "intune"}, Rate: run.Rate{Interval: time.Second, Burst: 100}, Want: 25, Now: now}
	transport := &localaws.Faults{}
	counted := dynamostore.New(d.Client(transport), localaws.CreateTable(t, client), dynamostore.Options{})
	for _, step := range []struct {
		name   string
		know   bool
		tokens int
		writes int
	}{
		{"full bucket", false, 25, 1}, {"filling, known", true, 25, 1}, {"filling, not known", false, 25, 2},
		{"the last ones", true, 25, 1}, {"empty, known", true, 0, 0}, {"empty, not known", false, 0, 1},
	} {
		if !step.know {
			r.Seen = time.Time{}
		}
		if _, err := s.LeaseTokens(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		before := len(transport.Seen())
		l, err := counted.LeaseTokens(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if writes := len(transport.Seen()) - before; l.Tokens != step.tokens || writes != step.writes {
			t.Errorf("%s: %d tokens in %d requests, want %d in %d", step.name, l.Tokens, writes, step.tokens, step.writes)
		}
		r.Seen = l.FullAt
	}
	if len(requests) != 4 || units != 4 {
		t.Errorf("four leases were answered with %v and %.1f units", requests, units)
	}
}
