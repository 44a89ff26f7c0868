package function

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/kmsvault"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/s3archive"
	"tenantatlas/shared/secretstore"
	"tenantatlas/shared/sqsqueue"
)

// Worker builds the handler of one operation's queue.
func Worker(op run.Operation) func(context.Context, *slog.Logger) (any, error) {
	return func(ctx context.Context, log *slog.Logger) (any, error) {
		e := environment{get: os.Getenv}
		table := e.must("TABLE_NAME", "the table with all records")
		urls := e.queues(op)
		prefix := e.must("SECRET_PREFIX", "where the names of credentials begin")
		// Only what captures or restores has access to the bucket and its keys, and a
		// preview seals nothing.
		var place kmsvault.Place
		if !slices.Contains([]run.Operation{run.OpConnectionTest, run.OpInventorySync}, op) {
			place.Bucket = e.must("ARCHIVE_BUCKET", "the bucket with all payloads")
			if op != run.OpRestorePreview {
				place.SealingKey = e.must("SEALING_KEY_ID", "the KMS key that secret values are sealed with")
			}
			place.FingerprintKey = e.must("FINGERPRINT_KEY_ID", "the KMS key of the fingerprints of secret values")
		}
		limits, pause := engineLimits(&e), restorePauses(&e)
		endpoint, err := graphEndpoint(&e)
		if err := errors.Join(e.err(), err); err != nil {
			return nil, err
		}
		cfg, err := awsConfig(ctx)
		if err != nil {
			return nil, err
		}
		store := newStore(cfg, table)
		connector := &operation.Connector{
			Credentials: secretstore.New(secretsmanager.NewFromConfig(cfg), prefix, ""),
			Endpoint:    endpoint, Version: Version, Log: log, Rates: store,
		}
		deps := operation.Deps{
			Policies: store, Sets: store, Schedules: store, Drifts: store, Runs: store, Records: store, Names: &operation.Names{},
			Connect: connector.Connect, Sleep: pause, Now: time.Now, Log: log,
		}
		if op.WritesTenant() {
			deps.ConnectWriter = connector.ConnectWriter
		}
		if place.Bucket != "" {
			objects := s3.NewFromConfig(cfg)
			deps.Archive = s3archive.New(objects, place.Bucket, s3archive.Options{})
			deps.Vault = kmsvault.New(kms.NewFromConfig(cfg), objects, place, kmsvault.Options{})
		}
		bind, err := deps.Bind(op)
		if err != nil {
			return nil, err
		}
		ids := run.IDSource{}
		worker := &engine.Engine{
			Operation: op, Runs: store, Tenants: store, Schedules: store,
			Queue: sqsqueue.New(sqs.NewFromConfig(cfg), urls),
			Bind:  bind, Now: time.Now, Log: log,
			Owner:  func() string { return ids.New("own_", time.Now()) },
			Limits: limits,
		}
		return queueHandler(worker.Handle, log), nil
	}
}

// engineLimits reads what a test of crashes makes shorter or smaller; the defaults
// are the engine's own.
func engineLimits(e *environment) engine.Limits {
	return engine.Limits{Lease: e.seconds("LEASE_SECONDS", 0), SliceItems: e.number("SLICE_ITEMS", 1, run.MaxSliceItems)}
}

// restorePauses are the waits of restores for what Microsoft does by itself, which a
// test of crashes makes shorter; nil for those that Microsoft needs.
func restorePauses(e *environment) func(context.Context, time.Duration) error {
	divisor := e.number("RESTORE_PAUSE_DIVISOR", 1, 1000)
	if divisor == 0 {
		return nil
	}
	return func(ctx context.Context, d time.Duration) error {
		return graph.SystemClock{}.Sleep(ctx, d/time.Duration(divisor))
	}
}

// graphEndpoint is the stand-in that takes the place of Microsoft's addresses,
// or nil for the tenant's own cloud.
func graphEndpoint(e *environment) (*graph.Endpoint, error) {
	endpoint := graph.Endpoint{GraphURL: e.or("GRAPH_URL", ""), AuthorityURL: e.or("AUTHORITY_URL", "")}
	if endpoint == (graph.Endpoint{}) {
		return nil, nil
	}
	return &endpoint, endpoint.Validate()
}

// queueHandler hands each message to handle and reports those that must come
// again, one by one. A message that cannot be read is among them: it ends in
// the queue of unhandled messages, where a person sees it.
func queueHandler(handle func(context.Context, run.Dispatch) error, log *slog.Logger) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		// Never nil: a null list breaks consumers that expect an array.
		resp := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for _, m := range event.Records {
			d, err := sqsqueue.ParseDispatch([]byte(m.Body))
			if err == nil {
				err = handle(ctx, d)
			}
			if err != nil {
				log.ErrorContext(ctx, "message must come again", "message", m.MessageId, "tenant", d.TenantID, "run", d.RunID, "error", err)
				resp.BatchItemFailures = append(resp.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
			}
		}
		return resp, nil
	}
}
