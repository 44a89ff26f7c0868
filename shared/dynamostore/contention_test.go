package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// crowded is a table where all transactions need one item, as those of runs that
// begin to use one backup set do. DynamoDB refuses a transaction that meets another
// on its way, conditions or not; the local stand-ins were never seen to.
type crowded struct {
	API
	mu    sync.Mutex
	taken bool
	sent  int
}

const (
	onTheWay = 3 * time.Millisecond
	takes    = 25 * time.Millisecond // a slow day: 10 ms are usual
)

func (c *crowded) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	<-time.After(onTheWay)
	c.mu.Lock()
	c.sent++
	met := c.taken
	c.taken = true
	c.mu.Unlock()
	if met {
		code := "TransactionConflict"
		return nil, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: &code}}}
	}
	<-time.After(takes)
	c.mu.Lock()
	c.taken = false
	c.mu.Unlock()
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

// start uses a set in a run of the id.
func (c *crowded) start(ctx context.Context, runID string) error {
	at := time.Now()
	return New(c, "t", Options{}).CreateRun(ctx, run.NewRun{
		Role: run.RoleOperator, UsesSet: "set",
		Run:   run.Run{ID: runID, TenantID: "t", Initiator: run.Initiator{UserID: "u"}, KeyHash: runID, CreatedAt: at},
		Audit: run.AuditEvent{TenantID: "t", At: at, Event: run.AuditRunRequested, RunID: runID},
	})
}

// Twenty starts that need one item at once all come through, and who meets the
// same transaction for ever gives up.
func TestContention(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var (
				c    crowded
				wait sync.WaitGroup
				errs [20]error
			)
			for i := range errs {
				wait.Go(func() { errs[i] = c.start(t.Context(), fmt.Sprint("run_", i)) })
			}
			wait.Wait()
			if err := errors.Join(errs[:]...); err != nil {
				t.Error(err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := crowded{taken: true}
		var canceled *types.TransactionCanceledException
		if err := c.start(t.Context(), "run_1"); !errors.As(err, &canceled) || c.sent != maxContended {
			t.Errorf("%d requests, %v", c.sent, err)
		}
	})
}
