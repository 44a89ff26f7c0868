package function

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/events"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/dynamostore/streamimage"
	"tenantatlas/shared/followup"
	"tenantatlas/shared/notifier"
	"tenantatlas/shared/run"
)

// Notifier builds the handler of the table's stream.
func Notifier(ctx context.Context, log *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	table := e.must("TABLE_NAME", "the table with all records")
	if err := e.err(); err != nil {
		return nil, err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	store := newStore(cfg, table)
	return streamHandler(newNotifier(store).Changed, log), nil
}

// newNotifier stores notifications and follows up on the ends of runs.
func newNotifier(store *dynamostore.Store) notifier.Notifier {
	follower := followup.Follower{Store: store}
	return notifier.Notifier{Store: store, Begin: follower.Began, Follow: follower.Ended}
}

// streamHandler hands each change of a run to changed. At the first that fails
// it stops and names its sequence number: Lambda repeats from there. A record
// that cannot be read fails too; Lambda isolates it and puts it aside after its
// retries, so it neither blocks the others for ever nor gets lost unseen.
func streamHandler(changed func(context.Context, *run.Run, run.Run) error, log *slog.Logger) func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		resp := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
		for _, record := range event.Records {
			// The mapping's filter lets only runs through; an item of another kind
			// is none of our business all the same.
			if !isRun(record.Change.NewImage) {
				continue
			}
			old, now, err := streamimage.Runs(record.Change)
			if err == nil {
				err = changed(ctx, old, *now)
			}
			if err != nil {
				log.ErrorContext(ctx, "change must come again", "sequence", record.Change.SequenceNumber, "error", err)
				resp.BatchItemFailures = append(resp.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
				return resp, nil
			}
		}
		return resp, nil
	}
}

func isRun(image map[string]events.DynamoDBAttributeValue) bool {
	entity, ok := image["entity"]
	return ok && entity.DataType() == events.DataTypeString && entity.String() == "Run"
}
