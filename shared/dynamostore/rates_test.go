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
	units := 0.0
	transport := &localaws.Faults{}
	s := dynamostore.New(d.Client(transport), localaws.CreateTable(t, client), dynamostore.Options{
		Observe: func(_ string, consumed []types.ConsumedCapacity) { units += *consumed[0].CapacityUnits },
	})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := run.RateRequest{RateKey: run.RateKey{TenantID: "t", Service: "intune"}, Rate: run.Rate{Interval: time.Second, Burst: 100}, Want: 25, Now: now}
	for _, step := range []struct {
		name     string
		know     bool
		tokens   int
		requests int
	}{
		{"full bucket", false, 25, 1}, {"filling, known", true, 25, 1}, {"filling, not known", false, 25, 2},
		{"the last ones", true, 25, 1}, {"empty, known", true, 0, 0}, {"empty, not known", false, 0, 1},
	} {
		if !step.know {
			r.Seen = time.Time{}
		}
		before := len(transport.Seen())
		l, err := s.LeaseTokens(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(transport.Seen()) - before; l.Tokens != step.tokens || n != step.requests {
			t.Errorf("%s: %d tokens in %d requests, want %d in %d", step.name, l.Tokens, n, step.tokens, step.requests)
		}
		r.Seen = l.FullAt
	}
	if units != 4 {
		t.Errorf("four leases consumed %.1f units, want one each", units)
	}
}
