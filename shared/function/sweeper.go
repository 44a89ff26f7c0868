package function

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/schedule"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/sweeper"
)

// sweepReserve is the time kept of a sweep's invocation to say how far it got.
const sweepReserve = 5 * time.Second

// Sweeper builds the handler of the schedule.
func Sweeper(ctx context.Context, log *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	entries := e.timetable()
	s, store, cfg, err := newSweeper(ctx, &e, log)
	if err != nil {
		return nil, err
	}
	s.Apply = schedule.Applier{Schedules: store, Timetable: newTimetable(cfg, entries)}.ApplyAll
	return sweepHandler(s.Sweep, log), nil
}

// DeadLetters builds the handler of the queue of dead letters: messages that a
// worker failed at five times. One that cannot be read fails here too, and ends
// in the queue of unhandled messages, where a person sees it.
func DeadLetters(ctx context.Context, log *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	s, _, _, err := newSweeper(ctx, &e, log)
	if err != nil {
		return nil, err
	}
	return queueHandler(s.DeadLetter, log), nil
}

// newSweeper also returns what it is made with, for what only the schedule does.
func newSweeper(ctx context.Context, e *environment, log *slog.Logger) (*sweeper.Sweeper, *dynamostore.Store, aws.Config, error) {
	table := e.must("TABLE_NAME", "the table with all records")
	urls := e.queues()
	limits := sweepLimits(e)
	if err := e.err(); err != nil {
		return nil, nil, aws.Config{}, err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, nil, aws.Config{}, err
	}
	store := newStore(cfg, table)
	return &sweeper.Sweeper{
		Runs:   store,
		Queue:  sqsqueue.New(sqs.NewFromConfig(cfg), urls),
		Notify: newNotifier(store).Ended,
		Now:    time.Now, Log: log, Limits: limits,
	}, store, cfg, nil
}

// sweepLimits reads what a test of crashes makes shorter; the defaults are the sweeper's own.
func sweepLimits(e *environment) sweeper.Limits {
	return sweeper.Limits{Grace: e.seconds("SWEEP_GRACE_SECONDS", 0)}
}

// sweepHandler sweeps, whatever the event says, and answers with the report. A
// sweep that could not deal with every run has failed: nobody repeats it, the
// next makes up for it, and the alarm counts such sweeps.
func sweepHandler(sweep func(context.Context) (sweeper.Report, error), log *slog.Logger) func(context.Context) (sweeper.Report, error) {
	return func(ctx context.Context) (sweeper.Report, error) {
		sweeping := ctx
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			sweeping, cancel = context.WithDeadline(ctx, deadline.Add(-sweepReserve))
			defer cancel()
		}
		report, err := sweep(sweeping)
		if err == nil && report.Faults > 0 {
			err = fmt.Errorf("%d runs could not be swept", report.Faults)
		}
		if err != nil {
			log.ErrorContext(ctx, "sweep failed", "report", report, "error", err)
			return report, err
		}
		log.InfoContext(ctx, "swept", "report", report)
		return report, nil
	}
}
