// Package sqsqueue hands runs to workers through SQS, one standard queue per
// operation. It implements run.Queue and imports only package run and the AWS
// SDK.
//
// A message is a hint: it names a run and nothing else about it. Its message
// group is the tenant, which on a standard queue orders nothing but lets SQS
// keep one tenant's backlog from delaying the others (fair queues,
// docs.aws.amazon.com/AWSSimpleQueueService, "SQS fair queues").
package sqsqueue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/run"
)

// API is the part of the SQS client that the queue uses.
type API interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// ErrNoQueue says that no queue is known for the operation.
var ErrNoQueue = errors.New("operation has no queue")

// Queue sends dispatches. It is safe for concurrent use.
type Queue struct {
	api  API
	urls map[run.Operation]string
}

var _ run.Queue = (*Queue)(nil)

// New returns a queue over the URLs of the operations' queues.
func New(api API, urls map[run.Operation]string) *Queue { return &Queue{api: api, urls: urls} }

// Send implements run.Queue. The delay is rounded up to whole seconds.
func (q *Queue) Send(ctx context.Context, op run.Operation, d run.Dispatch, delay time.Duration) error {
	url := q.urls[op]
	if url == "" {
		return fmt.Errorf("send %s: %w", op, ErrNoQueue)
	}
	if delay < 0 || delay > run.MaxDispatchDelay {
		return fmt.Errorf("send %s: delay %s is not within 0 to %s", op, delay, run.MaxDispatchDelay)
	}
	if err := valid(d); err != nil {
		return fmt.Errorf("send %s: %w", op, err)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("send %s: %w", op, err)
	}
	text, group := string(body), messageGroup(d)
	if _, err := q.api.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &text, MessageGroupId: &group,
		DelaySeconds: int32((delay + time.Second - 1) / time.Second),
	}); err != nil {
		return fmt.Errorf("send %s: %w", op, err)
	}
	return nil
}

// messageGroup names whose message it is. SQS serves the groups of a queue in turn
// once one of them has many messages in flight (fair queues), so that neither a
// tenant's load nor its schedules delay what somebody else waits for.
func messageGroup(d run.Dispatch) string {
	if d.Scheduled {
		return d.TenantID + "-scheduled"
	}
	return d.TenantID
}

// ErrBadDispatch says that a message is not a dispatch. Delivering it again
// cannot help.
var ErrBadDispatch = errors.New("message is not a dispatch")

// maxDispatch is far above what Send makes.
const maxDispatch = 1024

// ParseDispatch reads the body of a message. It accepts exactly what Send makes:
// unknown fields, other versions and identifiers of another form are an
// ErrBadDispatch. The error does not repeat the message.
func ParseDispatch(body []byte) (run.Dispatch, error) {
	if len(body) > maxDispatch {
		return run.Dispatch{}, fmt.Errorf("%w: %d bytes", ErrBadDispatch, len(body))
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var d run.Dispatch
	if err := decoder.Decode(&d); err != nil {
		return run.Dispatch{}, fmt.Errorf("%w: not its JSON", ErrBadDispatch)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return run.Dispatch{}, fmt.Errorf("%w: something follows it", ErrBadDispatch)
	}
	if err := valid(d); err != nil {
		return run.Dispatch{}, err
	}
	return d, nil
}

func valid(d run.Dispatch) error {
	switch {
	case d.V != run.DispatchVersion:
		return fmt.Errorf("%w: version %d is unknown", ErrBadDispatch, d.V)
	case !run.ValidTenantID(d.TenantID) || !run.ValidRunID(d.RunID):
		return fmt.Errorf("%w: it names no tenant or no run", ErrBadDispatch)
	case d.DispatchSeq < 0:
		return fmt.Errorf("%w: negative sequence", ErrBadDispatch)
	}
	return nil
}
