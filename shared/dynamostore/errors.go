package dynamostore

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
)

// verdict is what an SDK error means for a write.
type verdict int

const (
	// done: no error.
	done verdict = iota
	// refused: a condition did not hold. An earlier sending of the same request
	// may have succeeded and be the reason.
	refused
	// again: not done by this sending, and worth another one.
	again
	// contended: not done, because somebody else's write of the same items was under
	// way. It will be over soon, and others may wait for the same.
	contended
	// unknown: it may or may not have been done.
	unknown
	// broken: not done, and sending it again would not help.
	broken
)

// refusal holds what the table said about the items of a refused write, in the
// order of the request. For a single write it has one entry.
type refusal []refusedItem

type refusedItem struct {
	failed bool                            // the condition on this item did not hold
	image  map[string]types.AttributeValue // the item as it was; empty when absent
}

// at returns entry i, or the zero entry.
func (r refusal) at(i int) refusedItem {
	if i < 0 || i >= len(r) {
		return refusedItem{}
	}
	return r[i]
}

// judge is the one place that reads SDK errors. The returned error is what the
// caller may hand out when the verdict is final.
func judge(err error) (verdict, refusal, error) {
	if err == nil {
		return done, nil, nil
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		return judgeCanceled(canceled)
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return refused, refusal{{failed: true, image: failed.Item}}, err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unknown, nil, err
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unknown, nil, err // the network, or an answer nobody understood
	}
	switch api.ErrorCode() {
	case "ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException":
		return again, nil, err
	case "TransactionConflictException", "ReplicatedWriteConflictException":
		return contended, nil, err
	case "TransactionInProgressException":
		return unknown, nil, err
	case "IdempotentParameterMismatchException":
		// The token was used by a request of other content. That one may have
		// succeeded, so the evidence decides.
		return refused, nil, err
	case "ValidationException":
		if tooLarge(api.ErrorMessage()) {
			return broken, nil, run.ErrTooLarge
		}
		return broken, nil, err
	}
	if api.ErrorFault() == smithy.FaultServer || api.ErrorCode() == "InternalServerError" || api.ErrorCode() == "ServiceUnavailable" {
		return unknown, nil, err
	}
	return broken, nil, err
}

func judgeCanceled(canceled *types.TransactionCanceledException) (verdict, refusal, error) {
	var (
		reasons   = make(refusal, len(canceled.CancellationReasons))
		anyFailed bool
		otherwise = again // unless a reason says more: nothing was written
		final     error
	)
	for i, reason := range canceled.CancellationReasons {
		code := ""
		if reason.Code != nil {
			code = *reason.Code
		}
		switch code {
		case "ConditionalCheckFailed":
			reasons[i] = refusedItem{failed: true, image: reason.Item}
			anyFailed = true
		case "TransactionConflict":
			otherwise = contended
		case "ItemCollectionSizeLimitExceeded":
			final = run.ErrTooLarge
		case "ValidationError":
			final = canceled
			if reason.Message != nil && tooLarge(*reason.Message) {
				final = run.ErrTooLarge
			}
		}
	}
	switch {
	case final != nil:
		return broken, nil, final
	case anyFailed:
		return refused, reasons, canceled
	}
	// TransactionConflict, ThrottlingError, ProvisionedThroughputExceeded, or no
	// reason at all.
	return otherwise, nil, canceled
}

func tooLarge(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "item size") || strings.Contains(m, "maximum allowed size")
}
