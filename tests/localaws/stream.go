package localaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// TableStream reads the stream of one table from its beginning. It is safe for
// concurrent use.
type TableStream struct {
	client *dynamodbstreams.Client
	arn    *string

	mu     sync.Mutex
	shards map[string]*shard
	read   []events.DynamoDBStreamRecord
}

// shard is how far one shard was read.
type shard struct {
	parent string
	next   *string // iterator; nil when the shard was read to its end
}

// Stream returns the stream of a table of this implementation.
func (d DynamoDB) Stream(t testing.TB, table string) *TableStream {
	t.Helper()
	out, err := d.Client(nil).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return &TableStream{client: dynamodbstreams.NewFromConfig(Config(d.Endpoint, nil)), arn: out.Table.LatestStreamArn, shards: map[string]*shard{}}
}

// Records returns what the stream told so far, in the form in which Lambda
// delivers it. Records of one item are in order.
func (s *TableStream) Records(t testing.TB) []events.DynamoDBStreamRecord {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.discover(t) {
		// What came before a shard was split or ended is in its parent.
		own := s.shards[id]
		if parent := s.shards[own.parent]; parent == nil || parent.next == nil {
			s.advance(t, own)
		}
	}
	return s.read[:len(s.read):len(s.read)]
}

// discover finds the shards that there are now, parents first.
func (s *TableStream) discover(t testing.TB) []string {
	t.Helper()
	var ids []string
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: s.arn}
	for {
		out, err := s.client.DescribeStream(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range out.StreamDescription.Shards {
			ids = append(ids, *found.ShardId)
			if s.shards[*found.ShardId] != nil {
				continue
			}
			iterator, err := s.client.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
				StreamArn: s.arn, ShardId: found.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
			})
			if err != nil {
				t.Fatal(err)
			}
			own := &shard{next: iterator.ShardIterator}
			if found.ParentShardId != nil {
				own.parent = *found.ParentShardId
			}
			s.shards[*found.ShardId] = own
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return ids
		}
	}
}

// advance reads a shard as far as it goes.
func (s *TableStream) advance(t testing.TB, own *shard) {
	t.Helper()
	for own.next != nil {
		var raw struct{ Records []rawRecord }
		out, err := s.client.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: own.next}, func(o *dynamodbstreams.Options) {
			o.HTTPClient = &keepBody{base: o.HTTPClient, into: &raw}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(raw.Records) != len(out.Records) {
			t.Fatalf("an answer has %d records, of which %d were read", len(out.Records), len(raw.Records))
		}
		own.next = out.NextShardIterator
		if len(raw.Records) == 0 {
			return
		}
		for _, r := range raw.Records {
			s.read = append(s.read, events.DynamoDBStreamRecord{
				Keys: r.Change.Keys.image(t), OldImage: r.Change.OldImage.image(t), NewImage: r.Change.NewImage.image(t),
				SequenceNumber: r.Change.SequenceNumber, StreamViewType: r.Change.StreamViewType,
			})
		}
	}
}

// rawRecord is what GetRecords answers, which is also the JSON in which Lambda
// delivers a record.
type rawRecord struct {
	Change struct {
		Keys, OldImage, NewImage       rawImage
		SequenceNumber, StreamViewType string
	} `json:"dynamodb"`
}

// rawImage is attributes by name, each with its type and its value.
type rawImage map[string]map[string]any

// image decodes the attributes as Lambda's events do.
func (i rawImage) image(t testing.TB) map[string]events.DynamoDBAttributeValue {
	t.Helper()
	if i == nil {
		return nil
	}
	for _, v := range i {
		restoreEmptyMap(v)
	}
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]events.DynamoDBAttributeValue
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// restoreEmptyMap makes up for a slip of DynamoDB Local, which sends an empty map in
// an image without its type, as {} instead of {"M":{}}. Lambda's events refuse
// that, and the SDK's own decoding repeats the attribute before it.
func restoreEmptyMap(attribute map[string]any) {
	if len(attribute) == 0 {
		attribute["M"] = map[string]any{}
	}
	members, _ := attribute["M"].(map[string]any)
	for _, v := range members {
		if member, ok := v.(map[string]any); ok {
			restoreEmptyMap(member)
		}
	}
	elements, _ := attribute["L"].([]any)
	for _, v := range elements {
		if element, ok := v.(map[string]any); ok {
			restoreEmptyMap(element)
		}
	}
}

// keepBody also decodes what it was answered into a value of its own.
type keepBody struct {
	base dynamodbstreams.HTTPClient
	into any
}

// Do implements dynamodbstreams.HTTPClient.
func (k *keepBody) Do(r *http.Request) (*http.Response, error) {
	response, err := k.base.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if response.StatusCode != http.StatusOK {
		return response, nil
	}
	return response, json.Unmarshal(body, k.into)
}
