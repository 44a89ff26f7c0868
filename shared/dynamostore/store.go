package dynamostore

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// API is the part of the DynamoDB client that the store uses.
type API interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Options of a Store. The zero value of a field means its default.
type Options struct {
	// Sleep waits before a request is sent again and returns early with an error
	// when ctx ends. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand returns a number in [0, 1) for jitter. Default: math/rand/v2.
	Rand func() float64
	// Observe is told what each answered request consumed, per table and index.
	// Default: DynamoDB is not asked for it.
	Observe func(operation string, consumed []types.ConsumedCapacity)
}

// Store keeps everything in one table. It is safe for concurrent use.
type Store struct {
	api     API
	table   string
	sleep   func(context.Context, time.Duration) error
	rand    func() float64
	observe func(string, []types.ConsumedCapacity)
}

var (
	_ run.Tenants  = (*Store)(nil)
	_ run.Runs     = (*Store)(nil)
	_ run.Policies = (*Store)(nil)
	_ run.Records  = (*Store)(nil)
)

// New returns a store over the named table.
func New(api API, table string, o Options) *Store {
	s := &Store{api: api, table: table, sleep: o.Sleep, rand: o.Rand, observe: o.Observe}
	if s.sleep == nil {
		s.sleep = sleep
	}
	if s.rand == nil {
		s.rand = rand.Float64
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// A request that got no usable answer is sent up to maxSends times, with full
// jitter. The SDK's own retries come on top, within each sending. One that met
// another's transaction is sent up to maxContended times: of many starts that need
// one item each has to wait for all before it, and none of them is in trouble.
const (
	maxSends     = 8
	maxContended = 16
	baseDelay    = 20 * time.Millisecond
	maxDelay     = 500 * time.Millisecond
)

// settleFunc decides what a refused write means: nil when the evidence shows that
// the write was done by this call after all.
type settleFunc func(ctx context.Context, r refusal) error

// write sends a write until it is answered. See doc.go for why sending again is
// safe.
func (s *Store) write(ctx context.Context, what string, send func(context.Context) error, settle settleFunc) error {
	for n := 1; ; n++ {
		v, refused_, err := judge(send(ctx))
		switch v {
		case done:
			return nil
		case refused:
			return settle(ctx, refused_)
		case broken:
			return fmt.Errorf("%s: %w", what, err)
		}
		most := maxSends
		if v == contended {
			most = maxContended
		}
		if n >= most || ctx.Err() != nil {
			return fmt.Errorf("%s: no usable answer after %d requests: %w", what, n, err)
		}
		if sleepErr := s.sleep(ctx, s.delay(n)); sleepErr != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// read sends a read until it is answered.
func (s *Store) read(ctx context.Context, what string, send func(context.Context) error) error {
	return s.write(ctx, what, send, func(context.Context, refusal) error {
		return fmt.Errorf("%s: a read was refused by a condition", what)
	})
}

func (s *Store) delay(n int) time.Duration {
	ceiling := min(baseDelay<<(n-1), maxDelay)
	return time.Duration(s.rand() * float64(ceiling))
}

func (s *Store) capacity() types.ReturnConsumedCapacity {
	if s.observe == nil {
		return types.ReturnConsumedCapacityNone
	}
	return types.ReturnConsumedCapacityIndexes
}

func (s *Store) consumed(operation string, c ...types.ConsumedCapacity) {
	if s.observe != nil {
		s.observe(operation, c)
	}
}

func (s *Store) consumedOne(operation string, c *types.ConsumedCapacity) {
	if s.observe != nil && c != nil {
		s.observe(operation, []types.ConsumedCapacity{*c})
	}
}

// get reads one item, strong. A nil image means that there is none.
func (s *Store) get(ctx context.Context, k key) (map[string]types.AttributeValue, error) {
	var image map[string]types.AttributeValue
	err := s.read(ctx, "get item", func(ctx context.Context) error {
		strong := true
		out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &s.table, Key: k.image(), ConsistentRead: &strong, ReturnConsumedCapacity: s.capacity(),
		})
		if err != nil {
			return err
		}
		s.consumedOne("GetItem", out.ConsumedCapacity)
		image = out.Item
		return nil
	})
	if err != nil || len(image) == 0 {
		return nil, err
	}
	return image, nil
}

// put stores an item under conditions.
func (s *Store) put(ctx context.Context, what string, item any, e *expression, settle settleFunc) error {
	image, err := encode(item)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return s.write(ctx, what, func(ctx context.Context) error {
		out, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &s.table, Item: image,
			ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			ReturnConsumedCapacity:              s.capacity(),
		})
		if err == nil {
			s.consumedOne("PutItem", out.ConsumedCapacity)
		}
		return err
	}, settle)
}

// update changes one item under conditions and returns it as it is then.
func (s *Store) update(ctx context.Context, what string, k key, e *expression, settle settleFunc) (map[string]types.AttributeValue, error) {
	var image map[string]types.AttributeValue
	err := s.write(ctx, what, func(ctx context.Context) error {
		out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.table, Key: k.image(), UpdateExpression: e.update(),
			ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
			ReturnValues:                        types.ReturnValueAllNew,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			ReturnConsumedCapacity:              s.capacity(),
		})
		if err == nil {
			s.consumedOne("UpdateItem", out.ConsumedCapacity)
			image = out.Attributes
		}
		return err
	}, settle)
	return image, err
}

// transact writes several items at once. A token makes DynamoDB answer a repeat
// within ten minutes as it answered the first; "" leaves it to the SDK, which
// makes one per call for its own retries.
func (s *Store) transact(ctx context.Context, what, token string, items []types.TransactWriteItem, settle settleFunc) error {
	var clientToken *string
	if token != "" {
		clientToken = &token
	}
	return s.write(ctx, what, func(ctx context.Context) error {
		out, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: items, ClientRequestToken: clientToken, ReturnConsumedCapacity: s.capacity(),
		})
		if err == nil {
			s.consumed("TransactWriteItems", out.ConsumedCapacity...)
		}
		return err
	}, settle)
}

func (s *Store) txPut(item any, e *expression) (types.TransactWriteItem, error) {
	image, err := encode(item)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: image,
		ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, nil
}

func (s *Store) txUpdate(k key, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: k.image(), UpdateExpression: e.update(),
		ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

func (s *Store) txDelete(k key, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: k.image(),
		ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

func (s *Store) txCheck(k key, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: k.image(),
		ConditionExpression: e.condition(), ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

// encode marshals an item. run.ErrTooLarge when it exceeds what the table holds.
func encode(item any) (map[string]types.AttributeValue, error) {
	image, err := attributevalue.MarshalMap(item)
	if err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	if itemSize(image) > maxItemSize {
		return nil, run.ErrTooLarge
	}
	return image, nil
}

// value marshals one attribute.
func encodeValue(v any) (types.AttributeValue, error) {
	av, err := attributevalue.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode attribute: %w", err)
	}
	return av, nil
}

// decode unmarshals an image into an item struct.
func decode[T any](image map[string]types.AttributeValue) (T, error) {
	var item T
	if err := attributevalue.UnmarshalMap(image, &item); err != nil {
		return item, fmt.Errorf("decode stored item: %w", err)
	}
	return item, nil
}

// contentToken identifies a write by everything it was asked to do. It is the
// evidence that a later refusal was caused by this very write.
func contentToken(parts ...any) (string, error) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		b, err := json.Marshal(p)
		if err != nil {
			return "", fmt.Errorf("token of a write: %w", err)
		}
		texts[i] = string(b)
	}
	return run.Hash(texts...)[:32], nil
}
