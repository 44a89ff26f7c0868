package function

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/eventscheduler"
	"tenantatlas/shared/run"
	"tenantatlas/shared/schedule"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/start"
)

// Scheduler builds the handler of what the tenants' schedules fire.
func Scheduler(ctx context.Context, log *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	table := e.must("TABLE_NAME", "the table with all records")
	deadline := e.deadline()
	urls := e.queues(run.OpInventorySync, run.OpBackupSetCreate)
	if err := e.err(); err != nil {
		return nil, err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	store := newStore(cfg, table)
	firer := schedule.Firer{
		Starter:   &start.Starter{Runs: store, Queue: sqsqueue.New(sqs.NewFromConfig(cfg), urls), Now: time.Now, Log: log},
		Schedules: store, Tenants: store, Now: time.Now, Deadline: deadline, Log: log,
	}
	return fireHandler(firer.Fire, log), nil
}

// fireHandler hands over one firing. What cannot be read is an error: it ends in the
// queue of failed firings, where a person sees it.
func fireHandler(fire func(context.Context, run.ScheduleRef, time.Time) (run.Firing, error), log *slog.Logger) func(context.Context, json.RawMessage) (firingAnswer, error) {
	return func(ctx context.Context, payload json.RawMessage) (firingAnswer, error) {
		f, err := eventscheduler.ParseFiring(payload)
		if err != nil {
			log.ErrorContext(ctx, "firing cannot be read", "error", err)
			return firingAnswer{}, err
		}
		done, err := fire(ctx, run.ScheduleRef{TenantID: f.TenantID, ScheduleID: f.ScheduleID}, f.Due)
		if err != nil {
			log.ErrorContext(ctx, "firing must come again", "tenant", f.TenantID, "schedule", f.ScheduleID, "due", f.Due, "error", err)
			return firingAnswer{}, errors.New("firing was not dealt with")
		}
		return firingAnswer{Result: string(done.Result), RunID: done.RunID, Code: done.Code}, nil
	}
}

// firingAnswer is what a firing came to, for who invokes the function by hand.
type firingAnswer struct {
	Result string `json:"result,omitempty"`
	RunID  string `json:"runId,omitempty"`
	Code   string `json:"code,omitempty"`
}

// timetable reads where the entries of schedules are kept.
func (e *environment) timetable() eventscheduler.Config {
	return eventscheduler.Config{
		Group:         e.must("SCHEDULE_GROUP", "the group of the schedules"),
		TargetARN:     e.must("SCHEDULE_TARGET_ARN", "the function that schedules fire"),
		RoleARN:       e.must("SCHEDULE_ROLE_ARN", "the role that may fire it"),
		DeadLetterARN: e.must("SCHEDULE_FAILURES_ARN", "the queue of failed firings"),
	}
}

func newTimetable(cfg aws.Config, c eventscheduler.Config) run.Timetable {
	return eventscheduler.New(awsscheduler.NewFromConfig(cfg), c)
}
