package dynamostore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/tests/localaws"
)

// What the store takes for granted about DynamoDB, one by one and without the
// store: should an implementation differ, it is seen here and not in a run that
// went wrong. Sources are the API reference and the developer guide at
// docs.aws.amazon.com/amazondynamodb. Where the two stand-ins differ from them,
// docs/local-stack.md says so.
func TestAssumptions(t *testing.T) {
	for _, d := range localaws.DynamoDBs(t) {
		t.Run(d.Name, func(t *testing.T) {
			w := &watched{next: http.DefaultTransport}
			client := d.Client(w, once)
			table := localaws.CreateTable(t, d.Client(nil))
			for name, test := range map[string]func(bare){
				"a canceled transaction gives a reason per item, in order":             reasonsInOrder,
				"a token answers the same request again and refuses another":           tokens,
				"a token of a refused transaction is not used up":                      refusedTokens,
				"a refused write shows the item that refused it":                       oldImages,
				"a number that is not there counts from 0, a map entry needs its map":  additions,
				"a set of texts has each once, and goes with its last":                 textSets,
				"a value is kept where there is one":                                   keptValues,
				"conditions compare absent attributes as false":                        absentAttributes,
				"a transaction is all or nothing, whoever races":                       racers,
				"a strong read sees what was acknowledged, whatever is written beside": strongReads,
				"an index follows, and forgets an entry whose attribute is removed":    sparseIndex,
				"a transaction takes each item once":                                   itemTwice,
			} {
				t.Run(name, func(t *testing.T) { try(t, w, func(t tb) { test(bare{t, client, table}) }) })
			}
		})
	}
}

// tb is the part of testing.TB that a case uses.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// try runs a case, and again on items of its own when it failed while a connection
// broke off: a stand-in does that under load, and here each request is sent once.
func try(t *testing.T, w *watched, test func(tb)) {
	t.Helper()
	for n := 1; ; n++ {
		w.broke.Store(false)
		a := &attempt{T: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			test(a)
		}()
		<-done
		if len(a.wrong) == 0 {
			return
		}
		if !w.broke.Load() || n == 4 {
			t.Fatal(strings.Join(a.wrong, "\n"))
		}
		t.Logf("again, because a connection broke off: %s", strings.Join(a.wrong, "\n"))
	}
}

// attempt keeps what went wrong instead of failing the test.
type attempt struct {
	*testing.T
	mu    sync.Mutex
	wrong []string
}

func (a *attempt) Errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

func (a *attempt) Fatalf(format string, args ...any) { a.Errorf(format, args...); runtime.Goexit() }

func (a *attempt) Fatal(args ...any) { a.Fatalf("%s", fmt.Sprint(args...)) }

// watched notices connections that break off.
type watched struct {
	next  http.RoundTripper
	broke atomic.Bool
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		w.broke.Store(true)
		return nil, err
	}
	resp.Body = &watchedBody{resp.Body, w}
	return resp, nil
}

type watchedBody struct {
	io.ReadCloser
	w *watched
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.w.broke.Store(true)
	}
	return n, err
}

// bare is a table without the store.
type bare struct {
	t      tb
	client *dynamodb.Client
	table  string
}

type image = map[string]types.AttributeValue

func text(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// fresh is the key of an item that nobody else uses.
func fresh() image { return image{"PK": text("X#" + rand.Text()), "SK": text("S")} }

func with(key image, attributes image) image {
	out := image{}
	for _, m := range []image{key, attributes} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func (b bare) put(item image) {
	b.t.Helper()
	if _, err := b.client.PutItem(b.t.Context(), &dynamodb.PutItemInput{TableName: &b.table, Item: item}); err != nil {
		b.t.Fatal(err)
	}
}

func (b bare) get(key image) image {
	b.t.Helper()
	strong := true
	out, err := b.client.GetItem(b.t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key, ConsistentRead: &strong})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Item
}

// update changes one item. condition may be "".
func (b bare) update(key image, expression, condition string, values image) (image, error) {
	in := &dynamodb.UpdateItemInput{
		TableName: &b.table, Key: key, UpdateExpression: &expression, ExpressionAttributeValues: values,
		ReturnValues: types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	out, err := b.client.UpdateItem(b.t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// add is a member of a transaction that adds n to v, if v is at least minimum.
func (b bare) add(key image, n, minimum int) types.TransactWriteItem {
	expression, condition := "SET v = v + :n", "v >= :minimum"
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &b.table, Key: key, UpdateExpression: &expression, ConditionExpression: &condition,
		ExpressionAttributeValues:           image{":n": number(n), ":minimum": number(minimum)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

func (b bare) transact(token string, items ...types.TransactWriteItem) error {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items}
	if token != "" {
		in.ClientRequestToken = &token
	}
	_, err := b.client.TransactWriteItems(b.t.Context(), in)
	return err
}

func (b bare) want(item image, attribute, value string) {
	b.t.Helper()
	got := ""
	switch v := item[attribute].(type) {
	case *types.AttributeValueMemberN:
		got = v.Value
	case *types.AttributeValueMemberS:
		got = v.Value
	}
	if got != value {
		b.t.Errorf("%s is %q, want %q", attribute, got, value)
	}
}

// API reference, TransactWriteItems: CancellationReasons are ordered as the request's
// items, with code None for those that had no part in it.
func reasonsInOrder(b bare) {
	rich, poor, missing, checked := fresh(), fresh(), fresh(), fresh()
	b.put(with(rich, image{"v": number(9)}))
	b.put(with(poor, image{"v": number(1)}))
	b.put(with(checked, image{"v": number(1)}))
	present, absent := "attribute_exists(PK)", "attribute_not_exists(PK)"
	err := b.transact("",
		b.add(rich, 1, 5),
		b.add(poor, 1, 5),
		types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &b.table, Key: missing, ConditionExpression: &present,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		types.TransactWriteItem{Put: &types.Put{
			TableName: &b.table, Item: with(checked, image{"v": number(7)}), ConditionExpression: &absent,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		types.TransactWriteItem{Delete: &types.Delete{TableName: &b.table, Key: fresh()}},
	)
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		b.t.Fatalf("error is %v", err)
	}
	var codes []string
	for _, r := range canceled.CancellationReasons {
		codes = append(codes, *r.Code)
	}
	if want := []string{"None", "ConditionalCheckFailed", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"}; !slices.Equal(codes, want) {
		b.t.Fatalf("reasons are %v, want %v", codes, want)
	}
	b.want(canceled.CancellationReasons[1].Item, "v", "1")
	if item := canceled.CancellationReasons[2].Item; len(item) > 0 {
		b.t.Errorf("an item that does not exist is shown as %v", item)
	}
	b.want(canceled.CancellationReasons[3].Item, "v", "1")
	b.want(b.get(rich), "v", "9")
}

// API reference, TransactWriteItems: ClientRequestToken, for ten minutes.
func tokens(b bare) {
	key, other := fresh(), fresh()
	b.put(with(key, image{"v": number(1)}))
	b.put(with(other, image{"v": number(1)}))
	token := rand.Text()
	for range 3 {
		if err := b.transact(token, b.add(key, 1, 0)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.want(b.get(key), "v", "2")
	// Also when the condition of the first would hold no more.
	if _, err := b.update(key, "SET v = :n", "", image{":n": number(-5)}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.transact(token, b.add(key, 1, 0)); err != nil {
		b.t.Errorf("the repeat was looked at anew: %v", err)
	}
	var mismatch *types.IdempotentParameterMismatchException
	for _, items := range [][]types.TransactWriteItem{{b.add(key, 2, 0)}, {b.add(other, 1, 0)}, {b.add(key, 1, 0), b.add(other, 1, 0)}} {
		if err := b.transact(token, items...); !errors.As(err, &mismatch) {
			b.t.Errorf("another request under the token: %v", err)
		}
	}
	b.want(b.get(key), "v", "-5")
	b.want(b.get(other), "v", "1")
}

// The reference promises the same answer to the repeat of a call that was
// successful; one that was refused is looked at anew. The store would be right
// either way, since the run itself is its evidence of a start.
func refusedTokens(b bare) {
	key := fresh()
	b.put(with(key, image{"v": number(1)}))
	token := rand.Text()
	var canceled *types.TransactionCanceledException
	if err := b.transact(token, b.add(key, 1, 5)); !errors.As(err, &canceled) {
		b.t.Fatalf("error is %v", err)
	}
	if _, err := b.update(key, "SET v = :n", "", image{":n": number(5)}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.transact(token, b.add(key, 1, 5)); err != nil {
		b.t.Errorf("once the condition holds: %v", err)
	}
	b.want(b.get(key), "v", "6")
}

// API reference, ReturnValuesOnConditionCheckFailure.
func oldImages(b bare) {
	key := fresh()
	b.put(with(key, image{"v": number(4), "name": text("a")}))
	_, err := b.update(key, "SET v = :n", "v = :n", image{":n": number(5)})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		b.t.Fatalf("error is %v", err)
	}
	b.want(failed.Item, "v", "4")
	b.want(failed.Item, "name", "a")
	missing := fresh()
	_, err = b.update(missing, "SET v = :n", "attribute_exists(PK)", image{":n": number(5)})
	if !errors.As(err, &failed) || len(failed.Item) > 0 {
		b.t.Errorf("of an item that does not exist: %v, %v", failed, err)
	}
	if item := b.get(missing); len(item) > 0 {
		b.t.Errorf("the refused write made %v", item)
	}
	absent := "attribute_not_exists(PK)"
	_, err = b.client.PutItem(b.t.Context(), &dynamodb.PutItemInput{
		TableName: &b.table, Item: with(key, image{"v": number(9)}), ConditionExpression: &absent,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if !errors.As(err, &failed) {
		b.t.Fatalf("error is %v", err)
	}
	b.want(failed.Item, "v", "4")
}

// Developer guide, update expressions: ADD to an attribute that is not there begins
// at 0; a document path needs the map that it goes through.
func additions(b bare) {
	key := fresh()
	b.put(with(key, image{"m": &types.AttributeValueMemberM{Value: image{}}}))
	got, err := b.update(key, "ADD v :n, m.a :n", "", image{":n": number(3)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.want(got, "v", "3")
	m, _ := got["m"].(*types.AttributeValueMemberM)
	if m == nil {
		b.t.Fatalf("the map is %T", got["m"])
	}
	b.want(m.Value, "a", "3")
	if got, err := b.update(key, "ADD missing.a :n", "", image{":n": number(3)}); err == nil {
		b.t.Errorf("an entry of a map that is not there: %v", got)
	}
}

// Developer guide, update expressions: ADD makes a set and adds what is not in it,
// DELETE takes out what is; DynamoDB keeps no empty set. Condition expressions: size
// of a set is the number of its elements.
func textSets(b bare) {
	key := fresh()
	b.put(with(key, nil))
	set := func(v ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: v} }
	for _, step := range []struct {
		update, condition string
		values            image
		want              []string
	}{
		{"ADD s :v", "attribute_not_exists(s)", image{":v": set("a")}, []string{"a"}},
		{"ADD s :v", "size(s) < :n", image{":v": set("a", "b"), ":n": number(2)}, []string{"a", "b"}},
		{"ADD s :v", "size(s) < :n", image{":v": set("c"), ":n": number(2)}, nil},
		{"DELETE s :v", "", image{":v": set("b", "z")}, []string{"a"}},
		{"DELETE s :v", "", image{":v": set("a")}, []string{}},
		{"DELETE s :v", "attribute_not_exists(s)", image{":v": set("a")}, []string{}},
	} {
		got, err := b.update(key, step.update, step.condition, step.values)
		var failed *types.ConditionalCheckFailedException
		if step.want == nil {
			if !errors.As(err, &failed) {
				b.t.Errorf("%s if %s: %v", step.update, step.condition, err)
			}
			continue
		}
		if err != nil {
			b.t.Fatalf("%s: %v", step.update, err)
		}
		var have []string
		if s, there := got["s"].(*types.AttributeValueMemberSS); there {
			have = slices.Sorted(slices.Values(s.Value))
		}
		if _, there := got["s"]; !slices.Equal(have, step.want) || there != (len(step.want) > 0) {
			b.t.Errorf("after %s of %v the set is %v", step.update, step.values[":v"], got["s"])
		}
	}
}

// Developer guide, update expressions: if_not_exists sees the item as it was before.
func keptValues(b bare) {
	key := fresh()
	for n := range 2 {
		got, err := b.update(key, "SET v = if_not_exists(v, :n), w = :n REMOVE x", "attribute_not_exists(PK) OR NOT w IN (:five, :six)",
			image{":n": number(n), ":five": number(5), ":six": number(6)})
		if err != nil {
			b.t.Fatal(err)
		}
		b.want(got, "v", "0")
		b.want(got, "w", strconv.Itoa(n))
	}
	if _, err := b.update(key, "SET w = :n", "", image{":n": number(6)}); err != nil {
		b.t.Fatal(err)
	}
	var failed *types.ConditionalCheckFailedException
	if _, err := b.update(key, "SET w = :n", "attribute_not_exists(PK) OR NOT w IN (:five, :six)", image{":n": number(1), ":five": number(5), ":six": number(6)}); !errors.As(err, &failed) {
		b.t.Errorf("of a value that is to be kept: %v", err)
	}
}

// Developer guide, condition expressions: a comparison with an attribute that is not
// there is false, so a condition on epoch or owner never holds by accident.
func absentAttributes(b bare) {
	key := fresh()
	b.put(with(key, nil))
	for _, condition := range []string{"v = :n", "v <= :n", "v < :n", "v >= :n", "v IN (:n)", "v BETWEEN :n AND :n"} {
		_, err := b.update(key, "SET w = :n", condition, image{":n": number(0)})
		var failed *types.ConditionalCheckFailedException
		if !errors.As(err, &failed) {
			b.t.Errorf("%s: %v", condition, err)
		}
	}
	for _, condition := range []string{"attribute_not_exists(v)", "NOT v = :n", "v <> :n"} {
		if _, err := b.update(key, "SET w = :n", condition, image{":n": number(0)}); err != nil {
			b.t.Errorf("%s: %v", condition, err)
		}
	}
}

// Developer guide, transactions: all or nothing, and serializable. DynamoDB may answer
// one of two that meet with TransactionConflict; neither stand-in was seen to.
func racers(b bare) {
	from, to := fresh(), fresh()
	const racing, funds = 32, 10
	b.put(with(from, image{"v": number(funds)}))
	b.put(with(to, image{"v": number(0)}))
	var (
		wait sync.WaitGroup
		errs [racing]error
		keys [racing]image
		odd  [racing]string
	)
	for i := range racing {
		keys[i] = fresh()
		wait.Go(func() {
			for {
				errs[i] = b.transact("", b.add(to, 1, 0), b.add(from, -1, 1), types.TransactWriteItem{Put: &types.Put{TableName: &b.table, Item: keys[i]}})
				var canceled *types.TransactionCanceledException
				if !errors.As(errs[i], &canceled) {
					return
				}
				for at, reason := range canceled.CancellationReasons {
					switch code := *reason.Code; {
					case code == "ConditionalCheckFailed" && at == 1:
						return
					case code == "TransactionConflict": // lost to another: again
					case code != "None":
						odd[i] = fmt.Sprintf("%s at %d", code, at)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	won := 0
	for i, err := range errs {
		var canceled *types.TransactionCanceledException
		switch {
		case err == nil:
			won++
		case !errors.As(err, &canceled) || odd[i] != "":
			b.t.Errorf("a loser was told %v %s", err, odd[i])
		}
		if made := len(b.get(keys[i])) > 0; made != (err == nil) {
			b.t.Errorf("racer %d: error %v, its own item was made: %t", i, err, made)
		}
	}
	if won != funds {
		b.t.Errorf("%d racers won, want %d", won, funds)
	}
	b.want(b.get(from), "v", "0")
	b.want(b.get(to), "v", strconv.Itoa(funds))
}

// Developer guide, read consistency: a strong read returns all that was acknowledged.
func strongReads(b bare) {
	key := fresh()
	b.put(with(key, image{"v": number(0)}))
	var wait sync.WaitGroup
	const writers, writes = 8, 10
	errs := make([]error, writers)
	for i := range writers {
		wait.Go(func() {
			own := "w" + strconv.Itoa(i)
			for n := 1; n <= writes; n++ {
				if _, errs[i] = b.update(key, "ADD v :one SET "+own+" = :n", "", image{":one": number(1), ":n": number(n)}); errs[i] != nil {
					return
				}
				strong := true
				out, err := b.client.GetItem(b.t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key, ConsistentRead: &strong})
				if err != nil {
					errs[i] = err
					return
				}
				if v, _ := out.Item[own].(*types.AttributeValueMemberN); v == nil || v.Value != strconv.Itoa(n) {
					errs[i] = fmt.Errorf("after writing %d a strong read shows %v", n, out.Item[own])
					return
				}
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		b.t.Fatal(err)
	}
	b.want(b.get(key), "v", strconv.Itoa(writers*writes))
}

// Developer guide, sparse indexes. No stand-in was seen to lag; DynamoDB may, so the
// store reads again what it decides on.
func sparseIndex(b bare) {
	shard := "S#" + rand.Text()
	keys := []image{fresh(), fresh(), fresh()}
	entries := func() []string {
		b.t.Helper()
		index, condition := "OpenRuns", "openShard = :s"
		out, err := b.client.Query(b.t.Context(), &dynamodb.QueryInput{
			TableName: &b.table, IndexName: &index, KeyConditionExpression: &condition, ExpressionAttributeValues: image{":s": text(shard)},
		})
		if err != nil {
			b.t.Fatal(err)
		}
		var found []string
		for _, item := range out.Items {
			found = append(found, item["runKey"].(*types.AttributeValueMemberS).Value)
		}
		return found
	}
	settles := func(want ...string) {
		b.t.Helper()
		deadline := time.NewTimer(10 * time.Second)
		defer deadline.Stop()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for !slices.Equal(entries(), want) {
			select {
			case <-deadline.C:
				b.t.Fatalf("the index has %v, want %v", entries(), want)
			case <-tick.C:
			}
		}
	}
	for i, key := range keys {
		b.put(with(key, image{"openShard": text(shard), "runKey": text("r" + strconv.Itoa(i))}))
	}
	settles("r0", "r1", "r2")
	remove := "REMOVE openShard, runKey"
	if _, err := b.update(keys[1], remove, "", nil); err != nil {
		b.t.Fatal(err)
	}
	settles("r0", "r2")
	// One of the two keys is enough to be left out.
	if _, err := b.update(keys[0], "REMOVE runKey", "", nil); err != nil {
		b.t.Fatal(err)
	}
	settles("r2")
	if err := b.transact("", types.TransactWriteItem{Update: &types.Update{TableName: &b.table, Key: keys[2], UpdateExpression: &remove}}); err != nil {
		b.t.Fatal(err)
	}
	settles()
	// Nor does it come back, once it settled, with a change of something else.
	if _, err := b.update(keys[1], "SET v = :n", "", image{":n": number(1)}); err != nil {
		b.t.Fatal(err)
	}
	for range 5 {
		if found := entries(); len(found) > 0 {
			b.t.Errorf("the index shows %v again", found)
		}
	}
}

// API reference, TransactWriteItems: no two members may name one item.
func itemTwice(b bare) {
	key := fresh()
	b.put(with(key, image{"v": number(1)}))
	if err := b.transact("", b.add(key, 1, 0), b.add(key, 1, 0)); err == nil {
		b.t.Errorf("an item was written twice by one transaction")
	}
	b.want(b.get(key), "v", "1")
}
