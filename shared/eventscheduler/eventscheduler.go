// Package eventscheduler fires schedules through Amazon EventBridge Scheduler, one
// entry per schedule in one schedule group. It implements run.Timetable and imports
// only packages run and cadence and the AWS SDK.
//
// An entry holds the two identifiers and when it fires. What it starts stands in
// the record of the schedule alone: the entry may be older than that.
package eventscheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"tenantatlas/shared/cadence"
	"tenantatlas/shared/run"
)

// API is the part of the Scheduler client that the timetable uses.
type API interface {
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
	DeleteSchedule(context.Context, *scheduler.DeleteScheduleInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error)
}

// Config says where entries are and what they do.
type Config struct {
	Group         string // name of the schedule group
	TargetARN     string // the Lambda function that is fired at
	RoleARN       string // what Scheduler takes on to invoke it
	DeadLetterARN string // queue for firings that could not be delivered; "" for none
	Now           func() time.Time
}

// Timetable keeps the entries. It is safe for concurrent use.
type Timetable struct {
	api    API
	config Config
}

var _ run.Timetable = (*Timetable)(nil)

// New returns a timetable. Config.Now defaults to time.Now.
func New(api API, config Config) *Timetable {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Timetable{api: api, config: config}
}

// ErrBadSchedule says that a schedule can have no entry. Telling it again cannot
// help.
var ErrBadSchedule = errors.New("schedule cannot be entered")

// maxSpread is Scheduler's limit (API_FlexibleTimeWindow).
const maxSpread = 1440 * time.Minute

// Limits of a RetryPolicy (API_RetryPolicy).
const (
	minEventAge = time.Minute
	maxEventAge = 24 * time.Hour
	maxAttempts = 185
)

// maxRounds is how often Put begins again when the entry appears and vanishes under
// its hands.
const maxRounds = 3

// Put implements run.Timetable. ErrBadSchedule.
//
// The client token is left to the SDK, which makes one for each request and sends it
// with every repeat of that, so that an answer that was lost does no harm. A token of
// the content would make a repeat do nothing where the entry was removed behind our
// back. A repeat by another process meets the entry and replaces it with the same.
func (t *Timetable) Put(ctx context.Context, s run.Schedule) error {
	create, err := t.entry(s)
	if err != nil {
		return fmt.Errorf("put schedule: %w", err)
	}
	// An update replaces the whole entry: what it leaves out falls back to a default
	// (API_UpdateSchedule).
	update := &scheduler.UpdateScheduleInput{
		Name: create.Name, GroupName: create.GroupName, ScheduleExpression: create.ScheduleExpression,
		ScheduleExpressionTimezone: create.ScheduleExpressionTimezone, StartDate: create.StartDate,
		FlexibleTimeWindow: create.FlexibleTimeWindow, State: create.State, Target: create.Target,
	}
	for range maxRounds {
		_, err = t.api.CreateSchedule(ctx, create)
		var exists *types.ConflictException
		if !errors.As(err, &exists) {
			break
		}
		_, err = t.api.UpdateSchedule(ctx, update)
		var missing *types.ResourceNotFoundException
		if !errors.As(err, &missing) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put schedule: %w", err)
	}
	return nil
}

// entry returns the entry of a schedule.
func (t *Timetable) entry(s run.Schedule) (*scheduler.CreateScheduleInput, error) {
	if !run.ValidTenantID(s.TenantID) || !run.ValidScheduleID(s.ID) {
		return nil, fmt.Errorf("%w: it has no identifiers", ErrBadSchedule)
	}
	c, err := cadence.Parse(s.Expression, s.TimeZone, s.CreatedAt)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSchedule, err)
	}
	if s.Spread < 0 || s.Spread > maxSpread || s.Spread%time.Minute != 0 {
		return nil, fmt.Errorf("%w: spread is not whole minutes within 0 to %s", ErrBadSchedule, maxSpread)
	}
	input, err := message(s.TenantID, s.ID, scheduledTime)
	if err != nil {
		return nil, err
	}
	in := &scheduler.CreateScheduleInput{
		Name: &s.ID, GroupName: &t.config.Group,
		ScheduleExpression: &s.Expression, ScheduleExpressionTimezone: &s.TimeZone,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		State:              types.ScheduleStateEnabled,
		Target: &types.Target{
			Arn: &t.config.TargetARN, RoleArn: &t.config.RoleARN, Input: &input,
			// A firing is worth another try until the next one is due; a backup that comes
			// hours late is better than none. How often it is tried in that time does not
			// matter: Scheduler waits longer each time.
			RetryPolicy: &types.RetryPolicy{
				MaximumEventAgeInSeconds: aws.Int32(int32(min(max(c.Shortest(), minEventAge), maxEventAge) / time.Second)),
				MaximumRetryAttempts:     aws.Int32(maxAttempts),
			},
		},
	}
	if t.config.DeadLetterARN != "" {
		in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: &t.config.DeadLetterARN}
	}
	if s.Spread > 0 {
		in.FlexibleTimeWindow = &types.FlexibleTimeWindow{
			Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(int32(s.Spread / time.Minute)),
		}
	}
	if s.Paused {
		in.State = types.ScheduleStateDisabled
	}
	if c.Rate() {
		// Without a start date a rate fires at once and counts from there, after every
		// change. One of more than five minutes ago is refused.
		if next := c.Next(t.config.Now(), 1); len(next) > 0 {
			in.StartDate = &next[0]
		}
	}
	return in, nil
}

// Delete implements run.Timetable.
func (t *Timetable) Delete(ctx context.Context, ref run.ScheduleRef) error {
	if !run.ValidScheduleID(ref.ScheduleID) {
		return fmt.Errorf("delete schedule: %w: it has no identifier", ErrBadSchedule)
	}
	_, err := t.api.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &ref.ScheduleID, GroupName: &t.config.Group})
	var missing *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete schedule: %w", err)
	}
	return nil
}

// scheduledTime is replaced in the input by the time that the entry was due
// (docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html).
const scheduledTime = "<aws.scheduler.scheduled-time>"

// firing is what the target of an entry is invoked with.
type firing struct {
	V        int    `json:"v"`
	Tenant   string `json:"tenant"`
	Schedule string `json:"schedule"`
	Due      string `json:"due"`
}

const firingVersion = 1

// message writes the input of a target.
func message(tenantID, scheduleID, due string) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the brackets of scheduledTime have to stand as they are
	err := encoder.Encode(firing{V: firingVersion, Tenant: tenantID, Schedule: scheduleID, Due: due})
	return strings.TrimSuffix(text.String(), "\n"), err
}

// Firing is one invocation by an entry. The same one may come more than once.
type Firing struct {
	TenantID   string
	ScheduleID string
	Due        time.Time // when it was to fire, whatever the spread and the retries; UTC
}

// ErrBadFiring says that a payload is not a firing. Sending it again cannot help.
var ErrBadFiring = errors.New("payload is not a firing")

// maxFiring is far above what an entry sends, in bytes.
const maxFiring = 1024

// Nothing is due outside of the years that an expression can name.
var (
	firstDue = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	endDue   = time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ParseFiring reads what a target is invoked with. Unknown fields, other versions,
// identifiers of another form and a time that is not RFC 3339, or out of reach, are
// an ErrBadFiring. The error does not repeat the payload.
func ParseFiring(payload []byte) (Firing, error) {
	if len(payload) > maxFiring {
		return Firing{}, fmt.Errorf("%w: %d bytes", ErrBadFiring, len(payload))
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	var f firing
	if err := decoder.Decode(&f); err != nil {
		return Firing{}, fmt.Errorf("%w: not its JSON", ErrBadFiring)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Firing{}, fmt.Errorf("%w: something follows it", ErrBadFiring)
	}
	switch {
	case f.V != firingVersion:
		return Firing{}, fmt.Errorf("%w: version %d is unknown", ErrBadFiring, f.V)
	case !run.ValidTenantID(f.Tenant) || !run.ValidScheduleID(f.Schedule):
		return Firing{}, fmt.Errorf("%w: it names no tenant or no schedule", ErrBadFiring)
	}
	due, err := time.Parse(time.RFC3339, f.Due)
	if err != nil {
		return Firing{}, fmt.Errorf("%w: its time is not RFC 3339", ErrBadFiring)
	}
	if due.Before(firstDue) || !due.Before(endDue) {
		return Firing{}, fmt.Errorf("%w: nothing is due then", ErrBadFiring)
	}
	return Firing{TenantID: f.Tenant, ScheduleID: f.Schedule, Due: due.UTC()}, nil
}
