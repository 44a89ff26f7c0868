package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// The initiator of a run is told of queued, running and the end, once each;
// nobody else is told anything.
func TestInitiatorIsNotifiedOnceOfEachStep(t *testing.T) {
	x := stocked(t)
	var runs []runView
	for _, o := range operations {
		r := x.done(t, x.start(t, o))
		x.notified(t, r.by(), r)
		runs = append(runs, r)
	}
	for _, r := range runs {
		kinds := []string{}
		for _, n := range x.notifications(t, r.by(), r) {
			kinds = append(kinds, n.Kind)
			if want := n.Kind != "ended"; n.Read != want {
				t.Errorf("the notification %s of %s is read %v", n.Kind, r.Operation, n.Read)
			}
		}
		if !slices.Equal(kinds, []string{"queued", "running", "ended"}) {
			t.Errorf("%s: notifications are %v", r.Operation, kinds)
		}
		for _, user := range []string{viewer, operator, restorer, owner, outsider, stranger, platform} {
			if others := x.notifications(t, user, r); len(others) > 0 && user != r.by() {
				t.Errorf("%s was told of a run of the %s's: %v", user, r.by(), others)
			}
		}
	}
}

// Only the user's own notifications can be marked as read, and reading them
// counts.
func TestNotificationsAreReadByTheirOwner(t *testing.T) {
	x := stocked(t)
	r := x.done(t, x.start(t, connectionTest))
	notes := x.notified(t, operator, r)
	end := notes[len(notes)-1]
	unread := func(user string) bool {
		all := list[notification](t, user, "/v1/notifications?show=unread&tenant="+x.id)
		return slices.ContainsFunc(all, func(n notification) bool { return n.ID == end.ID })
	}
	if !unread(operator) {
		t.Error("the end is not unread")
	}
	for _, other := range []string{viewer, owner, outsider, stranger} {
		post(t, other, "/v1/notifications/"+end.ID+"/read", nil).want(t, http.StatusNotFound)
	}
	if !unread(operator) {
		t.Error("someone else marked the notification as read")
	}
	for range 2 {
		post(t, operator, "/v1/notifications/"+end.ID+"/read", nil).want(t, http.StatusNoContent)
	}
	if unread(operator) {
		t.Error("the notification is still unread")
	}
	again := x.done(t, x.start(t, connectionTest))
	x.notified(t, operator, again)
	post(t, operator, "/v1/notifications/read-all", nil).want(t, http.StatusNoContent)
	var now struct{ UnreadCount int }
	get(t, operator, "/v1/notifications").want(t, http.StatusOK).into(t, &now)
	if now.UnreadCount != 0 {
		t.Errorf("%d are unread after all were read", now.UnreadCount)
	}
}

// A stream that is replayed adds no notification and brings none back to unread.
func TestReplayedStreamAddsNothing(t *testing.T) {
	x := stocked(t)
	r := x.done(t, x.start(t, capture))
	notes := x.notified(t, operator, r)
	post(t, operator, "/v1/notifications/"+notes[2].ID+"/read", nil).want(t, http.StatusNoContent)

	records := recordedChanges(t, r)
	if len(records) < 3 {
		t.Fatalf("the stream holds %d changes of the run, want at least queued, running, ended", len(records))
	}
	before := x.recorded(t)
	event := must(json.Marshal(object{"Records": records}))(t)
	slices.Reverse(records)
	backwards := must(json.Marshal(object{"Records": records}))(t)
	for _, payload := range [][]byte{event, event, event, backwards} {
		out := must(stack.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(output(t, "NotifierFunctionName")), Payload: payload}))(t)
		var answer struct {
			BatchItemFailures []any `json:"batchItemFailures"`
		}
		if err := json.Unmarshal(out.Payload, &answer); err != nil || out.FunctionError != nil || answer.BatchItemFailures == nil || len(answer.BatchItemFailures) > 0 {
			t.Fatalf("the notifier answers %s to a replay", out.Payload)
		}
	}
	if found := changes(before, x.recorded(t)); len(found) > 0 {
		t.Errorf("the replay changed %v", found)
	}
}

// recordedChanges are the changes of a run, from the table's stream, in the form
// in which Lambda delivers them.
func recordedChanges(t *testing.T, r runView) []object {
	t.Helper()
	table := must(stack.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &stack.TableName}))(t).Table
	shards := must(stack.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: table.LatestStreamArn}))(t).StreamDescription.Shards
	var found []object
	for _, shard := range shards {
		iterator := must(stack.streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
			StreamArn: table.LatestStreamArn, ShardId: shard.ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
		}))(t).ShardIterator
		for iterator != nil {
			out := must(stack.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator}))(t)
			for _, record := range out.Records {
				change := record.Dynamodb
				if sk, _ := change.Keys["SK"].(*streamtypes.AttributeValueMemberS); sk == nil || sk.Value != "RUN" {
					continue
				}
				if pk, _ := change.Keys["PK"].(*streamtypes.AttributeValueMemberS); pk == nil || pk.Value != "T#"+r.TenantID+"#R#"+r.ID {
					continue
				}
				images := object{
					"ApproximateCreationDateTime": float64(time.Now().Unix()), "SequenceNumber": aws.ToString(change.SequenceNumber),
					"SizeBytes": aws.ToInt64(change.SizeBytes), "StreamViewType": "NEW_AND_OLD_IMAGES", "Keys": streamWire(change.Keys),
					"NewImage": streamWire(change.NewImage),
				}
				if len(change.OldImage) > 0 {
					images["OldImage"] = streamWire(change.OldImage)
				}
				found = append(found, object{
					"eventID": aws.ToString(record.EventID), "eventName": string(record.EventName), "eventVersion": "1.1",
					"eventSource": "aws:dynamodb", "awsRegion": stack.AWS.Region, "eventSourceARN": aws.ToString(table.LatestStreamArn),
					"dynamodb": images,
				})
			}
			if len(out.Records) == 0 {
				break
			}
			iterator = out.NextShardIterator
		}
	}
	return found
}

func streamWire(image map[string]streamtypes.AttributeValue) object {
	var value func(v streamtypes.AttributeValue) object
	value = func(v streamtypes.AttributeValue) object {
		switch v := v.(type) {
		case *streamtypes.AttributeValueMemberS:
			return object{"S": v.Value}
		case *streamtypes.AttributeValueMemberN:
			return object{"N": v.Value}
		case *streamtypes.AttributeValueMemberBOOL:
			return object{"BOOL": v.Value}
		case *streamtypes.AttributeValueMemberNULL:
			return object{"NULL": v.Value}
		case *streamtypes.AttributeValueMemberB:
			return object{"B": v.Value}
		case *streamtypes.AttributeValueMemberSS:
			return object{"SS": v.Value}
		case *streamtypes.AttributeValueMemberL:
			members := make([]object, len(v.Value))
			for i, member := range v.Value {
				members[i] = value(member)
			}
			return object{"L": members}
		case *streamtypes.AttributeValueMemberM:
			return object{"M": streamWire(v.Value)}
		}
		return object{"unknown": true}
	}
	out := object{}
	for k, v := range image {
		out[k] = value(v)
	}
	return out
}
