package dynamostore_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

// quick makes the SDK's own retries, which are part of what is tested, take no
// time.
func quick(o *dynamodb.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
	})
}

// once makes the SDK send everything once, so that the store's own repeats are
// what is tested.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func opener(t *testing.T, d localaws.DynamoDB, option func(*dynamodb.Options)) runtest.Open {
	t.Helper()
	open, _ := openerOf(t, d, option)
	return open
}

// openerOf also returns the name of the table that all its stores stand on.
func openerOf(t *testing.T, d localaws.DynamoDB, option func(*dynamodb.Options)) (open runtest.Open, table string) {
	t.Helper()
	table = localaws.CreateTable(t, d.Client(nil))
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 100
	t.Cleanup(base.CloseIdleConnections)
	return func(_ *testing.T, decide func(string, bool) runtest.Fault) runtest.Store {
		transport := &localaws.Faults{Base: base, Decide: func(operation string) localaws.Fault {
			writes := slices.Contains([]string{"PutItem", "UpdateItem", "TransactWriteItems"}, operation)
			return localaws.Fault(decide(operation, writes))
		}}
		return dynamostore.New(d.Client(transport, option), table, dynamostore.Options{
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		})
	}, table
}

func TestConformance(t *testing.T) {
	for _, d := range localaws.DynamoDBs(t) {
		t.Run(d.Name, func(t *testing.T) {
			open := opener(t, d, quick)
			t.Run("Tenants", func(t *testing.T) { runtest.Tenants(t, open) })
			t.Run("Runs", func(t *testing.T) { runtest.Runs(t, open) })
			t.Run("Policies", func(t *testing.T) { runtest.Policies(t, open) })
			t.Run("Records", func(t *testing.T) { runtest.Records(t, open) })
			t.Run("Rates", func(t *testing.T) { runtest.Rates(t, open) })
			t.Run("BackupSets", func(t *testing.T) { runtest.BackupSets(t, open) })
			t.Run("Schedules", func(t *testing.T) { runtest.Schedules(t, open) })
			t.Run("Drifts", func(t *testing.T) { runtest.Drifts(t, open) })
			t.Run("Summaries", func(t *testing.T) { runtest.Summaries(t, open) })
			t.Run("SavedFilters", func(t *testing.T) { runtest.SavedFilters(t, open) })
			t.Run("FaultsWithSDKRetries", func(t *testing.T) { runtest.Faults(t, open) })
			t.Run("FaultsWithoutSDKRetries", func(t *testing.T) { runtest.Faults(t, opener(t, d, once)) })
		})
	}
}
