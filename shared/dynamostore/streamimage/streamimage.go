// Package streamimage reads runs from the records of the table's stream, in the
// form in which Lambda delivers them. It only decodes: it performs no I/O and
// panics on no input.
package streamimage

import (
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/dynamostore"
	"tenantatlas/shared/run"
)

// ErrNotRun says that a record holds no run as the store writes it. Sending the
// record again cannot help.
var ErrNotRun = errors.New("stream record holds no run")

// maxDepth is how deep attributes may nest; DynamoDB allows 32.
const maxDepth = 32

// Runs returns a run before and after a change. before is nil for a new run, and
// after is nil for a deleted one. Any error is an ErrNotRun.
func Runs(change events.DynamoDBStreamRecord) (before, after *run.Run, err error) {
	if before, err = decode(change.OldImage); err != nil {
		return nil, nil, fmt.Errorf("old image: %w", err)
	}
	if after, err = decode(change.NewImage); err != nil {
		return nil, nil, fmt.Errorf("new image: %w", err)
	}
	switch {
	case before == nil && after == nil:
		return nil, nil, fmt.Errorf("%w: no image", ErrNotRun)
	case before != nil && after != nil && (before.ID != after.ID || before.TenantID != after.TenantID):
		return nil, nil, fmt.Errorf("%w: the images are of two runs", ErrNotRun)
	}
	return before, after, nil
}

func decode(image map[string]events.DynamoDBAttributeValue) (*run.Run, error) {
	if len(image) == 0 {
		return nil, nil
	}
	attributes, err := convertMap(image, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRun, err)
	}
	r, err := dynamostore.DecodeRun(attributes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRun, err)
	}
	if !run.ValidRunID(r.ID) || r.TenantID == "" || r.Initiator.ID() == "" {
		return nil, fmt.Errorf("%w: it is not identified", ErrNotRun)
	}
	return &r, nil
}

func convertMap(image map[string]events.DynamoDBAttributeValue, depth int) (map[string]types.AttributeValue, error) {
	out := make(map[string]types.AttributeValue, len(image))
	for name, v := range image {
		converted, err := convert(v, depth)
		if err != nil {
			return nil, err
		}
		out[name] = converted
	}
	return out, nil
}

// convert refuses what the store never writes. The accessors of the event type
// panic on a wrong type, so the type is looked at first.
func convert(v events.DynamoDBAttributeValue, depth int) (types.AttributeValue, error) {
	if depth > maxDepth {
		return nil, errors.New("attributes nest too deep")
	}
	if v.IsNull() { // also the zero value, whose type is a lie
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}, nil
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}, nil
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}, nil
	case events.DataTypeMap:
		m, err := convertMap(v.Map(), depth+1)
		if err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	case events.DataTypeList:
		list := v.List()
		out := make([]types.AttributeValue, len(list))
		for i, e := range list {
			converted, err := convert(e, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = converted
		}
		return &types.AttributeValueMemberL{Value: out}, nil
	}
	return nil, fmt.Errorf("attribute of unexpected type %d", v.DataType())
}
