// Package function is the wiring that the binaries under functions share: it
// reads the environment, builds clients and hands Lambda's events to handlers
// that know no SDK and no Lambda. It is the only package that knows all
// adapters; nothing but a function's main imports it.
package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
)

// Version is the version of the product, as it tells Microsoft Graph; a build may
// set it with -ldflags -X.
var Version = "dev"

// environment reads settings and remembers everything that is missing, so that
// a bad deployment reports all of it at once.
type environment struct {
	get  func(string) string
	errs []error
}

func (e *environment) must(name, what string) string {
	v := e.get(name)
	if v == "" {
		e.errs = append(e.errs, fmt.Errorf("%s is not set: %s", name, what))
	}
	return v
}

func (e *environment) or(name, fallback string) string {
	if v := e.get(name); v != "" {
		return v
	}
	return fallback
}

func (e *environment) seconds(name string, fallback time.Duration) time.Duration {
	v := e.get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		e.errs = append(e.errs, fmt.Errorf("%s must be a whole number of seconds above 0", name))
		return fallback
	}
	return time.Duration(n) * time.Second
}

// number is a whole number from low to high, or 0 when it is not set.
func (e *environment) number(name string, low, high int) int {
	v := e.get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		e.errs = append(e.errs, fmt.Errorf("%s must be a whole number from %d to %d", name, low, high))
		return 0
	}
	return n
}

// deadlines are how long a run of each operation may take. People wait for the
// first; the others may have to sit out an outage of Microsoft.
var deadlines = map[run.Operation]time.Duration{
	run.OpConnectionTest:  5 * time.Minute,
	run.OpCaptureSnapshot: time.Hour,
	run.OpInventorySync:   4 * time.Hour,
	run.OpBackupSetCreate: 8 * time.Hour,
	run.OpBackupSetAdd:    8 * time.Hour,
	run.OpRestorePreview:  8 * time.Hour,
	run.OpRestoreExecute:  8 * time.Hour,
	run.OpRestoreRerun:    8 * time.Hour,
}

// deadline reads how long a run may take, where that is the same for all.
func (e *environment) deadline() func(run.Operation) time.Duration {
	if all := e.seconds("RUN_DEADLINE_SECONDS", 0); all > 0 {
		return func(run.Operation) time.Duration { return all }
	}
	return func(op run.Operation) time.Duration { return deadlines[op] }
}

// queues are the queues of the operations, of all when none is named.
func (e *environment) queues(ops ...run.Operation) map[run.Operation]string {
	if len(ops) == 0 {
		ops = slices.Sorted(maps.Keys(queueSettings))
	}
	urls := map[run.Operation]string{}
	for _, op := range ops {
		urls[op] = e.must(queueSettings[op], "the queue of "+string(op))
	}
	return urls
}

func (e *environment) err() error { return errors.Join(e.errs...) }

// queueSettings names the environment variable with the queue of an operation.
var queueSettings = map[run.Operation]string{
	run.OpConnectionTest:  "QUEUE_CONNECTION_TEST_URL",
	run.OpInventorySync:   "QUEUE_INVENTORY_SYNC_URL",
	run.OpCaptureSnapshot: "QUEUE_POLICY_CAPTURE_SNAPSHOT_URL",
	run.OpBackupSetCreate: "QUEUE_BACKUP_SET_CREATE_URL",
	run.OpBackupSetAdd:    "QUEUE_BACKUP_SET_ADD_POLICIES_URL",
	run.OpRestorePreview:  "QUEUE_RESTORE_PREVIEW_URL",
	run.OpRestoreExecute:  "QUEUE_RESTORE_EXECUTE_URL",
	run.OpRestoreRerun:    "QUEUE_RESTORE_RERUN_URL",
}

// Main runs a function: it builds the handler once and serves events until
// Lambda ends the process. A handler that cannot be built ends the process with
// one line, which Lambda reports as a failed start.
func Main(build func(context.Context, *slog.Logger) (any, error)) {
	debug.SetMemoryLimit(memoryLimit)
	log := Logger(os.Stdout, os.Getenv("LOG_LEVEL"))
	handler, err := build(context.Background(), log)
	if err != nil {
		log.Error("function cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// memoryLimit, in bytes, is where the collector begins to work harder. What a
// function holds is bounded by a slice of its run, far below; what piles up between
// two collections of a large tenant is not.
const memoryLimit = 80 << 20

func awsConfig(ctx context.Context) (aws.Config, error) {
	// Three attempts for everything of AWS: what is retried beyond that is
	// decided above, where it is known what a lost answer means.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(3))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	return cfg, nil
}

// newStore is the table. The store repeats requests itself, because only it can
// tell what a lost answer means; a second layer below it would multiply them.
func newStore(cfg aws.Config, table string) *dynamostore.Store {
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	return dynamostore.New(client, table, dynamostore.Options{})
}
