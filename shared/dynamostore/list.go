package dynamostore

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// The longest page, the most requests one page may cost, and how many items a
// request looks at when a filter will leave some out.
const (
	maxPage       = 200
	maxPageRounds = 10
	filterLook    = 250
)

// query is one access pattern: a partition of the table or of an index, and
// bounds on its sort key. The constructors in queries.go are named for the
// question.
type query struct {
	index     string // "" for the table, which is read strong
	hashAttr  string
	hash      string
	rangeAttr string
	prefix    string // of the sort key; or
	from, to  string // bounds of the sort key, both included
	newest    bool   // descending
	filter    func(*expression)

	// start returns the full key of a position. ok is false when the position
	// cannot be one of this query.
	start func(position) (k map[string]types.AttributeValue, ok bool)
	// position is the inverse: where the item with this image stands.
	position func(image map[string]types.AttributeValue) (position, error)
}

func (q query) input(table string, limit int32, start map[string]types.AttributeValue) *dynamodb.QueryInput {
	e := newExpression()
	condition := e.name(q.hashAttr) + " = " + e.text(q.hash)
	switch {
	case q.prefix != "":
		condition += " AND begins_with(" + e.name(q.rangeAttr) + ", " + e.text(q.prefix) + ")"
	case q.from != "" && q.to != "":
		condition += " AND " + e.name(q.rangeAttr) + " BETWEEN " + e.text(q.from) + " AND " + e.text(q.to)
	case q.from != "":
		condition += " AND " + e.name(q.rangeAttr) + " >= " + e.text(q.from)
	case q.to != "":
		condition += " AND " + e.name(q.rangeAttr) + " <= " + e.text(q.to)
	}
	if q.filter != nil {
		q.filter(e)
	}
	forward := !q.newest
	strong := q.index == ""
	in := &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: &condition, FilterExpression: e.condition(),
		ExpressionAttributeNames: e.namesOrNil(), ExpressionAttributeValues: e.valuesOrNil(),
		ScanIndexForward: &forward, ConsistentRead: &strong, ExclusiveStartKey: start,
	}
	if q.index != "" {
		in.IndexName = &q.index
	}
	if limit > 0 {
		in.Limit = &limit
	}
	return in
}

func (s *Store) query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = s.capacity()
	var out *dynamodb.QueryOutput
	err := s.read(ctx, "query", func(ctx context.Context) error {
		var err error
		out, err = s.api.Query(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.consumedOne("Query", out.ConsumedCapacity)
	return out, nil
}

// all reads a whole partition range, strong.
func (s *Store) all(ctx context.Context, q query, each func(map[string]types.AttributeValue) error) error {
	var start map[string]types.AttributeValue
	for {
		out, err := s.query(ctx, q.input(s.table, 0, start))
		if err != nil {
			return err
		}
		for _, image := range out.Items {
			if err := each(image); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		start = out.LastEvaluatedKey
	}
}

// page reads one page. It looks one item further than asked, so that the last
// page says that it is the last.
func page[T any](ctx context.Context, s *Store, q query, tag string, p run.PageRequest, decodeItem func(map[string]types.AttributeValue) (T, error)) (run.Page[T], error) {
	at, err := parseCursor(p.Cursor, tag)
	if err != nil {
		return run.Page[T]{}, err
	}
	images, next, err := s.collect(ctx, q, at, pageLimit(p), maxPageRounds)
	if err != nil {
		return run.Page[T]{}, err
	}
	return finish(images, next, tag, decodeItem)
}

func finish[T any](images []map[string]types.AttributeValue, next *position, tag string, decodeItem func(map[string]types.AttributeValue) (T, error)) (run.Page[T], error) {
	out := run.Page[T]{Items: make([]T, 0, len(images))}
	for _, image := range images {
		item, err := decodeItem(image)
		if err != nil {
			return run.Page[T]{}, err
		}
		out.Items = append(out.Items, item)
	}
	if next != nil {
		var err error
		if out.Next, err = next.encode(tag); err != nil {
			return run.Page[T]{}, err
		}
	}
	return out, nil
}

// collect gathers up to limit images from a position on. next is nil when
// nothing follows.
func (s *Store) collect(ctx context.Context, q query, at *position, limit, rounds int) (images []map[string]types.AttributeValue, next *position, err error) {
	var start map[string]types.AttributeValue
	if at != nil && at.Key != "" {
		var ok bool
		if start, ok = q.start(*at); !ok {
			return nil, nil, run.ErrBadCursor
		}
	}
	for n := range rounds {
		look := limit + 1 - len(images)
		// Most filters leave out little: the first look is no wider than without one.
		if q.filter != nil && n > 0 {
			look = max(look, filterLook)
		}
		out, err := s.query(ctx, q.input(s.table, int32(look), start))
		if err != nil {
			return nil, nil, err
		}
		images = append(images, out.Items...)
		if len(images) > limit {
			images = images[:limit]
			after, err := q.position(images[limit-1])
			return images, &after, err
		}
		if len(out.LastEvaluatedKey) == 0 {
			return images, nil, nil
		}
		start = out.LastEvaluatedKey
	}
	after, err := q.position(start)
	return images, &after, err
}

func pageLimit(p run.PageRequest) int { return min(max(p.Limit, 1), maxPage) }

// between makes sort key bounds from a time range, From included and To
// excluded: every key is a time followed by "#", which sorts after the bare time.
func (q *query) between(prefix string, from, to string) {
	q.from, q.to = prefix+from, prefix+to
	if to == "" {
		q.to = prefix + "~" // after every digit
	}
}

// tableStart is the key of a position in the table itself.
func tableStart(pk, prefix string) func(position) (map[string]types.AttributeValue, bool) {
	return func(p position) (map[string]types.AttributeValue, bool) {
		if !strings.HasPrefix(p.Key, prefix) || p.Tenant != "" {
			return nil, false
		}
		return key{pk, p.Key}.image(), true
	}
}

// sortPosition takes the position from one string attribute.
func sortPosition(attr string) func(map[string]types.AttributeValue) (position, error) {
	return func(image map[string]types.AttributeValue) (position, error) {
		k, err := textOf(image, attr)
		return position{Key: k}, err
	}
}

// tenantPosition also takes the tenant, from the partition key.
func tenantPosition(attr string) func(map[string]types.AttributeValue) (position, error) {
	return func(image map[string]types.AttributeValue) (position, error) {
		p, err := sortPosition(attr)(image)
		if err != nil {
			return position{}, err
		}
		pk, err := textOf(image, attrPK)
		if err != nil {
			return position{}, err
		}
		parts := strings.SplitN(pk, "#", 3)
		if len(parts) != 3 || parts[0] != "T" {
			return position{}, fmt.Errorf("stored partition key is of no tenant")
		}
		p.Tenant = parts[1]
		return p, nil
	}
}
