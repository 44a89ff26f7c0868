package dynamostore_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"tenantatlas/shared/dynamostore/streamimage"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/tests/localaws"
)

// The table's stream, read as the functions read it, keeps the promises that the
// in-memory store's changes keep.
func TestStream(t *testing.T) {
	for _, d := range localaws.DynamoDBs(t) {
		t.Run(d.Name, func(t *testing.T) {
			open, table := openerOf(t, d, quick)
			var lost atomic.Int32
			counting := func(t *testing.T, decide func(string, bool) runtest.Fault) runtest.Store {
				return open(t, func(operation string, writes bool) runtest.Fault {
					fault := decide(operation, writes)
					if fault == runtest.LoseAnswer {
						lost.Add(1)
					}
					return fault
				})
			}
			runtest.Stream(t, counting, runChanges(d.Stream(t, table)))
			if lost.Load() == 0 {
				t.Error("no answer was lost")
			}
		})
	}
}

// runChanges picks the runs out of a table's stream.
func runChanges(stream *localaws.TableStream) func(*testing.T) []run.RunChange {
	var (
		mu   sync.Mutex
		seen int
		told []run.RunChange
	)
	return func(t *testing.T) []run.RunChange {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		records := stream.Records(t)
		for _, r := range records[seen:] {
			seen++
			if image := r.NewImage; len(image) == 0 || image["entity"].String() != "Run" {
				continue
			}
			before, after, err := streamimage.Runs(r)
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, run.RunChange{Before: before, After: *after})
		}
		return told
	}
}
