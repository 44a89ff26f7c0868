package dynamostore

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
)

func canceled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		r := types.CancellationReason{Code: &c}
		if c, message, found := strings.Cut(c, ":"); found {
			r.Code, r.Message = &c, &message
		}
		e.CancellationReasons = append(e.CancellationReasons, r)
	}
	return e
}

// What every kind of SDK error means for a write.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		want  verdict
		final error
	}{
		"success":                   {nil, done, nil},
		"condition":                 {&types.ConditionalCheckFailedException{}, refused, nil},
		"transaction condition":     {canceled("None", "ConditionalCheckFailed"), refused, nil},
		"condition beside conflict": {canceled("TransactionConflict", "ConditionalCheckFailed"), refused, nil},
		"transaction conflict":      {canceled("TransactionConflict", "None"), contended, nil},
		"transaction throttled":     {canceled("ThrottlingError", "None"), again, nil},
		"transaction over capacity": {canceled("ProvisionedThroughputExceeded"), again, nil},
		"transaction too large":     {canceled("None", "ValidationError:Item size has exceeded the maximum allowed size"), broken, run.ErrTooLarge},
		"transaction invalid":       {canceled("ValidationError:The provided expression refers to nothing"), broken, nil},
		"conflict":                  {&types.TransactionConflictException{}, contended, nil},
		"throttled":                 {&types.ProvisionedThroughputExceededException{}, again, nil},
		"limit":                     {&types.RequestLimitExceeded{}, again, nil},
		"in progress":               {&types.TransactionInProgressException{}, unknown, nil},
		"token used":                {&types.IdempotentParameterMismatchException{}, refused, nil},
		"server fault":              {&types.InternalServerError{}, unknown, nil},
		"server fault by code":      {&smithy.GenericAPIError{Code: "ServiceUnavailable"}, unknown, nil},
		"server fault by class":     {&smithy.GenericAPIError{Code: "Odd", Fault: smithy.FaultServer}, unknown, nil},
		"too large":                 {&smithy.GenericAPIError{Code: "ValidationException", Message: "Item size has exceeded the maximum allowed size"}, broken, run.ErrTooLarge},
		"update too large":          {&smithy.GenericAPIError{Code: "ValidationException", Message: "Item size to update has exceeded the maximum allowed size"}, broken, run.ErrTooLarge},
		"invalid":                   {&smithy.GenericAPIError{Code: "ValidationException", Message: "no"}, broken, nil},
		"forbidden":                 {&smithy.GenericAPIError{Code: "AccessDeniedException"}, broken, nil},
		"no table":                  {&types.ResourceNotFoundException{}, broken, nil},
		"network":                   {&net.OpError{Op: "read", Err: errors.New("reset")}, unknown, nil},
		"context":                   {context.DeadlineExceeded, unknown, nil},
	} {
		got, _, err := judge(c.err)
		if got != c.want {
			t.Errorf("%s: verdict %d, want %d", name, got, c.want)
		}
		if c.final != nil && !errors.Is(err, c.final) {
			t.Errorf("%s: error %v, want %v", name, err, c.final)
		}
		if c.err != nil && err == nil {
			t.Errorf("%s: the error is lost", name)
		}
	}
}

// scripted answers UpdateItem with errors in turn, and models nothing else.
type scripted struct {
	API
	errs []error
	sent int
}

func (s *scripted) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	s.sent++
	if len(s.errs) == 0 {
		return &dynamodb.UpdateItemOutput{}, nil
	}
	err := s.errs[0]
	if len(s.errs) > 1 {
		s.errs = s.errs[1:]
	}
	return nil, err
}

func mark(s *Store, ctx context.Context) error {
	return s.MarkRead(ctx, run.NotificationKey{UserID: "u", TenantID: "t", RunID: "r", Kind: run.NotifyEnded})
}

// Repeats are bounded, wait longer and longer with jitter, and end with the
// context.
func TestRepeats(t *testing.T) {
	throttle := &types.ProvisionedThroughputExceededException{}
	var slept []time.Duration
	newStore := func(api API, sleepErr error) *Store {
		slept = nil
		return New(api, "t", Options{
			Sleep: func(_ context.Context, d time.Duration) error { slept = append(slept, d); return sleepErr },
			Rand:  func() float64 { return 0.5 },
		})
	}
	api := &scripted{errs: []error{throttle}}
	if err := mark(newStore(api, nil), t.Context()); !errors.As(err, &throttle) || api.sent != maxSends {
		t.Errorf("%d requests, %v", api.sent, err)
	}
	want := []int{10, 20, 40, 80, 160, 250, 250} // milliseconds
	for i, d := range slept {
		if d != time.Duration(want[i])*time.Millisecond {
			t.Errorf("wait %d is %s, want %d ms", i, d, want[i])
		}
	}
	api = &scripted{errs: []error{throttle}}
	if err := mark(newStore(api, context.Canceled), t.Context()); err == nil || api.sent != 1 {
		t.Errorf("after the context ended: %d requests, %v", api.sent, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	api = &scripted{errs: []error{context.Canceled}}
	if err := mark(newStore(api, nil), ended); !errors.Is(err, context.Canceled) || api.sent != 1 || len(slept) != 0 {
		t.Errorf("with an ended context: %d requests, %d waits, %v", api.sent, len(slept), err)
	}
}

// batches answers BatchGetItem with part of the keys left over.
type batches struct {
	API
	asked []int
	never bool
}

func (b *batches) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	keys := in.RequestItems["t"]
	b.asked = append(b.asked, len(keys.Keys))
	out := &dynamodb.BatchGetItemOutput{}
	answered := 1
	if b.never {
		answered = 0
	}
	if left := keys.Keys[answered:]; len(left) > 0 {
		out.UnprocessedKeys = map[string]types.KeysAndAttributes{"t": {Keys: left}}
	}
	return out, nil
}

// Keys that DynamoDB leaves out of a batch are asked for again, a bounded number
// of times.
func TestUnprocessedKeys(t *testing.T) {
	q := run.StartQuery{TenantID: "t", UserID: "u", KeyHash: "k"}
	noSleep := Options{Sleep: func(context.Context, time.Duration) error { return nil }}
	b := &batches{}
	if _, err := New(b, "t", noSleep).StartView(t.Context(), q); err != nil || len(b.asked) != 3 {
		t.Errorf("asked %v, %v", b.asked, err)
	}
	b = &batches{never: true}
	if _, err := New(b, "t", noSleep).StartView(t.Context(), q); err == nil || len(b.asked) != maxSends {
		t.Errorf("asked %v, %v", b.asked, err)
	}
}

// Stored times sort like times and come back exactly.
func TestStamp(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	times := []time.Time{
		time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 9, 0, 0, 0, zone), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 1, 9, 0, 0, 1, time.UTC), time.Date(2026, 3, 1, 9, 0, 0, 100_000_000, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}
	for i, at := range times {
		back, err := parseStamp(stamp(at))
		if err != nil || !back.Equal(at) {
			t.Errorf("%s came back as %s, %v", at, back, err)
		}
		if i > 0 && stamp(times[i-1]) >= stamp(at) {
			t.Errorf("%s sorts after %s", times[i-1], at)
		}
	}
	for _, bad := range []string{"", "2026", "2026-03-01T09:00:00Z", "2026-03-01T09:00:00.123456789+01:00", "2026-13-01T09:00:00.123456789Z"} {
		if _, err := parseStamp(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzCursor(f *testing.F) {
	good, err := position{Key: "2026-03-01T09:00:00.000000000Z#run_x", Tenant: "ten_x", Part: 3, Skip: 2}.encode("tag")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "!", "e30", good + "A", strings.Repeat("A", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parseCursor(cursor, "tag")
		if err != nil {
			if !errors.Is(err, run.ErrBadCursor) {
				t.Fatal(err)
			}
			return
		}
		if p == nil {
			if cursor != "" {
				t.Fatal("a cursor was taken for none")
			}
			return
		}
		// Whatever position is forged, it stays in the partition of its query.
		for _, e := range exampleQueries() {
			if e.query.start == nil {
				continue
			}
			start, ok := e.query.start(*p)
			if !ok {
				continue
			}
			hash, err := textOf(start, e.query.hashAttr)
			if err != nil || hash != e.query.hash {
				t.Fatalf("%s: starts in %q, %v", e.question, hash, err)
			}
		}
	})
}
