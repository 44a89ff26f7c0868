package eventscheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tenantatlas/shared/cadence"
	"tenantatlas/shared/eventscheduler"
	"tenantatlas/shared/run"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

const (
	tenant     = "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	target     = "arn:aws:lambda:us-east-1:000000000000:function:fire"
	role       = "arn:aws:iam::000000000000:role/scheduler"
	deadLetter = "arn:aws:sqs:us-east-1:000000000000:undelivered"
)

var created = time.Date(2026, 3, 1, 10, 20, 37, 0, time.UTC)

// bed is a schedule group of its own.
type bed struct {
	*eventscheduler.Timetable
	client *scheduler.Client // without faults
	group  string
	now    time.Time
}

// newBed makes one whose timetable speaks through the transport.
func newBed(t *testing.T, transport http.RoundTripper) *bed {
	t.Helper()
	endpoint := localaws.Ministack(t)
	b := &bed{client: scheduler.NewFromConfig(localaws.Config(endpoint, nil)), group: "test-" + newID(""), now: created}
	var exists *types.ConflictException
	if _, err := b.client.CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: &b.group}); err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	impatient := func(o *scheduler.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
	}
	b.Timetable = eventscheduler.New(scheduler.NewFromConfig(localaws.Config(endpoint, transport), impatient), eventscheduler.Config{
		Group: b.group, TargetARN: target, RoleARN: role, DeadLetterARN: deadLetter, Now: func() time.Time { return b.now },
	})
	return b
}

func newID(prefix string) string { return run.IDSource{}.New(prefix, created) }

func daily() run.Schedule {
	return run.Schedule{
		ID: newID(run.PrefixSched), TenantID: tenant, Operation: run.OpInventorySync,
		Expression: "cron(30 2 * * ? *)", TimeZone: "Europe/Berlin", CreatedAt: created, Rev: 1,
	}
}

func ref(s run.Schedule) run.ScheduleRef {
	return run.ScheduleRef{TenantID: s.TenantID, ScheduleID: s.ID}
}

// put puts a schedule twice, which is once.
func (b *bed) put(t *testing.T, s run.Schedule) {
	t.Helper()
	for range 2 {
		if err := b.Put(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// entry reads what there is, nil for nothing.
func (b *bed) entry(t *testing.T, s run.Schedule) *scheduler.GetScheduleOutput {
	t.Helper()
	out, err := b.client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: &s.ID, GroupName: &b.group})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// remove deletes an entry behind the timetable's back. Like appear it may be heard
// twice.
func (b *bed) remove(ctx context.Context, name string) error {
	_, err := b.client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &name, GroupName: &b.group})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

func (b *bed) check(t *testing.T, s run.Schedule, want scheduler.GetScheduleOutput) {
	t.Helper()
	got := b.entry(t, s)
	if got == nil {
		t.Fatal("there is no entry")
	}
	want.Name, want.GroupName = &s.ID, &b.group
	if want.Target == nil {
		want.Target = &types.Target{
			Arn: aws.String(target), RoleArn: aws.String(role), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(deadLetter)},
			Input:       aws.String(`{"v":1,"tenant":"` + tenant + `","schedule":"` + s.ID + `","due":"<aws.scheduler.scheduled-time>"}`),
			RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(86_400), MaximumRetryAttempts: aws.Int32(185)},
		}
	}
	if diff := cmp.Diff(want, *got,
		cmpopts.IgnoreFields(scheduler.GetScheduleOutput{}, "Arn", "CreationDate", "LastModificationDate", "ResultMetadata", "Description", "ActionAfterCompletion"),
		cmpopts.IgnoreUnexported(scheduler.GetScheduleOutput{}, types.Target{}, types.RetryPolicy{}, types.DeadLetterConfig{}, types.FlexibleTimeWindow{}),
	); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if aws.ToString(got.Description) != "" || got.ActionAfterCompletion == types.ActionAfterCompletionDelete {
		t.Errorf("description %q, after completion %s", aws.ToString(got.Description), got.ActionAfterCompletion)
	}
}

func off() *types.FlexibleTimeWindow {
	return &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}
}

// The entry is always as the schedule was last put, and gone when it was deleted.
func TestLife(t *testing.T) {
	b := newBed(t, nil)
	s := daily()
	b.put(t, s)
	b.check(t, s, scheduler.GetScheduleOutput{
		ScheduleExpression: aws.String("cron(30 2 * * ? *)"), ScheduleExpressionTimezone: aws.String("Europe/Berlin"),
		FlexibleTimeWindow: off(), State: types.ScheduleStateEnabled,
	})

	s.Expression, s.TimeZone, s.Spread = "cron(0 4 ? * MON *)", "Asia/Tokyo", 45*time.Minute
	b.put(t, s)
	spread := scheduler.GetScheduleOutput{
		ScheduleExpression: aws.String("cron(0 4 ? * MON *)"), ScheduleExpressionTimezone: aws.String("Asia/Tokyo"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(45)},
		State:              types.ScheduleStateEnabled,
	}
	b.check(t, s, spread)

	s.Paused = true
	b.put(t, s)
	spread.State = types.ScheduleStateDisabled
	b.check(t, s, spread)
	s.Paused = false
	b.put(t, s)
	spread.State = types.ScheduleStateEnabled
	b.check(t, s, spread)

	other := daily()
	b.put(t, other)
	for range 2 {
		if err := b.Delete(t.Context(), ref(s)); err != nil {
			t.Fatal(err)
		}
	}
	if b.entry(t, s) != nil || b.entry(t, other) == nil {
		t.Error("not just the one entry was deleted")
	}
	// Nothing here forbids to come back; that a removed schedule does not is the record's.
	b.put(t, s)
	b.check(t, s, spread)
}

// Without a queue for what could not be delivered there is none. Undelivered firings
// are tried again until the next one is due.
func TestTarget(t *testing.T) {
	b := newBed(t, nil)
	plain := eventscheduler.New(b.client, eventscheduler.Config{Group: b.group, TargetARN: target, RoleARN: role})
	for expression, age := range map[string]int32{
		"cron(0 * * * ? *)": 3600, "cron(0 0/6 * * ? *)": 6 * 3600, "cron(* * * * ? *)": 60, "cron(0 0 L * ? *)": 86_400, "cron(0 0 1 1 ? 2030)": 86_400, "rate(90 minutes)": 5400,
	} {
		s := daily()
		s.Expression = expression
		if err := plain.Put(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		got := b.entry(t, s).Target
		if *got.RetryPolicy.MaximumEventAgeInSeconds != age || got.DeadLetterConfig != nil {
			t.Errorf("%s: tried for %d s, want %d; dead letters go to %v", expression, *got.RetryPolicy.MaximumEventAgeInSeconds, age, got.DeadLetterConfig)
		}
	}
}

// A rate counts from the making of the schedule, whenever its entry is made or
// changed, and as the times that people are shown.
func TestRateKeepsItsTimes(t *testing.T) {
	b := newBed(t, nil)
	s := daily()
	s.Expression = "rate(6 hours)"
	c, err := cadence.Parse(s.Expression, s.TimeZone, s.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "2026-03-01T16:20:00Z"},
		{time.Minute, "2026-03-01T16:20:00Z"},
		{6 * time.Hour, "2026-03-01T22:20:00Z"},
		{100 * 24 * time.Hour, "2026-06-09T16:20:00Z"},
	} {
		b.now = created.Add(step.after)
		b.put(t, s)
		got := b.entry(t, s).StartDate
		if got == nil || got.UTC().Format(time.RFC3339) != step.want || !got.Equal(c.Next(b.now, 1)[0]) {
			t.Errorf("put %s later it starts %v, want %s", step.after, got, step.want)
		}
	}
	// A start date that stays behind would keep a cron expression from firing.
	s.Expression = "cron(0 0 * * ? *)"
	b.put(t, s)
	if got := b.entry(t, s).StartDate; got != nil {
		t.Errorf("a cron expression starts %s", got)
	}
}

// once breaks the first request of a method.
func once(method string, fault localaws.Fault) *localaws.Faults {
	var mu sync.Mutex
	done := false
	return &localaws.Faults{Decide: func(operation string) localaws.Fault {
		mu.Lock()
		defer mu.Unlock()
		if operation != method || done {
			return localaws.Pass
		}
		done = true
		return fault
	}}
}

// A request or an answer that is lost once is nobody's concern.
func TestOneLost(t *testing.T) {
	for name, fault := range map[string]localaws.Fault{"request": localaws.Lose, "answer": localaws.LoseAnswer} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			t.Run(name+" of "+method, func(t *testing.T) {
				faults := once(method, fault)
				b := newBed(t, faults)
				s := daily()
				if err := b.Put(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				s.Paused = true
				if err := b.Put(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				if got := b.entry(t, s); got == nil || got.State != types.ScheduleStateDisabled {
					t.Errorf("entry is %+v", got)
				}
				if err := b.Delete(t.Context(), ref(s)); err != nil {
					t.Fatal(err)
				}
				if b.entry(t, s) != nil {
					t.Error("it is still there")
				}
				if !slices.Contains(faults.Seen(), method) {
					t.Errorf("nothing was lost: %v", faults.Seen())
				}
			})
		}
	}
}

// A call of which no answer came at all is made again later, by whoever sees to it.
func TestAllLost(t *testing.T) {
	faults := &localaws.Faults{Decide: func(string) localaws.Fault { return localaws.LoseAnswer }}
	b := newBed(t, faults)
	s := daily()
	if err := b.Put(t.Context(), s); err == nil {
		t.Error("nothing was answered, and that is no error")
	}
	if err := b.Delete(t.Context(), ref(s)); err == nil {
		t.Error("nothing was answered, and that is no error")
	}
	faults.Decide = nil
	b.put(t, s)
	if b.entry(t, s) == nil {
		t.Error("there is no entry")
	}
	if err := b.Delete(t.Context(), ref(s)); err != nil || b.entry(t, s) != nil {
		t.Errorf("not deleted: %v", err)
	}
}

// tap sees every request before it is sent.
type tap struct {
	base http.RoundTripper
	see  func(method string, body []byte)
}

func (p tap) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	p.see(r.Method, body)
	return p.base.RoundTrip(r)
}

// A repeated request carries the token of the first, by which Scheduler knows it
// again. Another Put carries another: it is meant anew, also where the entry was
// removed in between.
func TestTokens(t *testing.T) {
	var tokens []string
	b := newBed(t, tap{once(http.MethodPost, localaws.LoseAnswer), func(method string, body []byte) {
		var in struct{ ClientToken string }
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		if method == http.MethodPost {
			tokens = append(tokens, in.ClientToken)
		}
	}})
	s := daily()
	for range 2 {
		if err := b.Put(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if made := slices.Compact(slices.Clone(tokens)); len(tokens) < 3 || len(made) != 2 || made[0] == "" || made[1] == "" {
		t.Errorf("tokens are %q", tokens)
	}
}

// An entry that somebody removed is there again with the next Put.
func TestRemovedBehindOurBack(t *testing.T) {
	b := newBed(t, nil)
	s := daily()
	b.put(t, s)
	if err := b.remove(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	b.put(t, s)
	if b.entry(t, s) == nil {
		t.Error("there is no entry")
	}
}

// It is also there again when it vanished between being met and being changed. When
// that never ends, Put does.
func TestRemovedMeanwhile(t *testing.T) {
	for _, times := range []int{1, 2, 1000} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			var b *bed
			s, updates, left := daily(), 0, times
			b = newBed(t, tap{http.DefaultTransport, func(method string, _ []byte) {
				switch {
				case method == http.MethodPost && updates > 0 && left > 0:
					// Somebody else was faster to make it again.
					if err := b.appear(s); err != nil {
						t.Error(err)
					}
				case method == http.MethodPut && left > 0:
					updates++
					left--
					if err := b.remove(context.Background(), s.ID); err != nil {
						t.Error(err)
					}
				}
			}})
			if err := b.appear(s); err != nil {
				t.Fatal(err)
			}
			err := b.Put(t.Context(), s)
			switch {
			case times > 10 && err == nil:
				t.Error("it vanished every time, and that is no error")
			case times > 10 && updates > 50:
				t.Errorf("it was tried %d times", updates)
			case times <= 10 && err != nil:
				t.Error(err)
			case times <= 10 && *b.entry(t, s).ScheduleExpression != s.Expression:
				t.Error("it is not as it was put")
			}
		})
	}
}

// appear makes an entry behind the timetable's back.
func (b *bed) appear(s run.Schedule) error {
	_, err := b.client.CreateSchedule(context.Background(), &scheduler.CreateScheduleInput{
		Name: &s.ID, GroupName: &b.group, ScheduleExpression: aws.String("rate(1 day)"), FlexibleTimeWindow: off(),
		Target: &types.Target{Arn: aws.String(target), RoleArn: aws.String(role)},
	})
	var exists *types.ConflictException
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// A group that is not there is a fault of the deployment, not an entry that is gone.
func TestNoGroup(t *testing.T) {
	b := newBed(t, nil)
	lost := eventscheduler.New(b.client, eventscheduler.Config{Group: "test-" + newID(""), TargetARN: target, RoleARN: role})
	s := daily()
	if err := lost.Put(t.Context(), s); err == nil || errors.Is(err, eventscheduler.ErrBadSchedule) {
		t.Errorf("put: %v", err)
	}
}

// What can have no entry is refused before anything is sent, and says why.
func TestRefused(t *testing.T) {
	sent := 0
	b := newBed(t, tap{http.DefaultTransport, func(string, []byte) { sent++ }})
	for name, change := range map[string]func(*run.Schedule){
		"no tenant":            func(s *run.Schedule) { s.TenantID = "" },
		"another tenant":       func(s *run.Schedule) { s.TenantID = `","schedule":"` },
		"no identifier":        func(s *run.Schedule) { s.ID = "" },
		"another identifier":   func(s *run.Schedule) { s.ID = "../" + s.ID },
		"no expression":        func(s *run.Schedule) { s.Expression = "" },
		"once":                 func(s *run.Schedule) { s.Expression = "at(2030-01-01T00:00:00)" },
		"no time zone":         func(s *run.Schedule) { s.TimeZone = "" },
		"negative spread":      func(s *run.Schedule) { s.Spread = -time.Minute },
		"spread of seconds":    func(s *run.Schedule) { s.Spread = 90 * time.Second },
		"spread over a day":    func(s *run.Schedule) { s.Spread = 1441 * time.Minute },
		"fault in a day field": func(s *run.Schedule) { s.Expression = "cron(0 0 32 * ? *)" },
	} {
		s := daily()
		change(&s)
		if err := b.Put(t.Context(), s); !errors.Is(err, eventscheduler.ErrBadSchedule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := daily()
	s.Expression = "cron(0 0 32 * ? *)"
	var fault *cadence.Error
	if err := b.Put(t.Context(), s); !errors.As(err, &fault) || fault.Field != cadence.DayOfMonth {
		t.Errorf("it does not say which field: %v", err)
	}
	if err := b.Delete(t.Context(), run.ScheduleRef{TenantID: tenant, ScheduleID: "x"}); !errors.Is(err, eventscheduler.ErrBadSchedule) {
		t.Errorf("delete: %v", err)
	}
	if sent > 0 {
		t.Errorf("%d requests were sent", sent)
	}
}

// What a schedule is called, what it selects and who made it stays in the record.
func TestTellsNothing(t *testing.T) {
	const canary = "canary-8f2d"
	b := newBed(t, tap{http.DefaultTransport, func(_ string, body []byte) {
		if strings.Contains(string(body), canary) {
			t.Errorf("it tells %s", body)
		}
	}})
	s := daily()
	s.Name, s.Types = canary, []string{canary}
	s.Selection = run.Selection{Types: []string{canary}}
	s.CreatedBy, s.UpdatedBy, s.PausedBy = run.Initiator{UserID: canary, Name: canary}, run.Initiator{UserID: canary, Name: canary}, run.Initiator{UserID: canary, Name: canary}
	b.put(t, s)
}

// What an entry sends is read back, with the time that it was due.
func TestParseFiring(t *testing.T) {
	b := newBed(t, nil)
	s := daily()
	b.put(t, s)
	input := *b.entry(t, s).Target.Input
	for text, want := range map[string]time.Time{
		"2022-03-22T18:59:43Z":      time.Date(2022, 3, 22, 18, 59, 43, 0, time.UTC), // the guide's example
		"2026-10-25T02:30:00+02:00": time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC),
	} {
		got, err := eventscheduler.ParseFiring([]byte(strings.Replace(input, "<aws.scheduler.scheduled-time>", text, 1)))
		if err != nil || got != (eventscheduler.Firing{TenantID: tenant, ScheduleID: s.ID, Due: want}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

const good = `{"v":1,"tenant":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV","schedule":"sch_01ARZ3NDEKTSV4RRFFQ69G5FAV","due":"2022-03-22T18:59:43Z"}`

func badFirings() map[string]string {
	return map[string]string{
		"nothing": ``, "null": `null`, "array": `[` + good + `]`, "text": `"x"`, "broken": good[:len(good)-1],
		"trailing data": good + `{}`, "trailing bracket": good + `}`, "too long": good + strings.Repeat(" ", 1024),
		"later version":  strings.Replace(good, `"v":1`, `"v":2`, 1),
		"no version":     strings.Replace(good, `"v":1,`, ``, 1),
		"text version":   strings.Replace(good, `"v":1`, `"v":"1"`, 1),
		"unknown field":  strings.Replace(good, `"v":1`, `"v":1,"operation":"x"`, 1),
		"run for tenant": strings.Replace(good, "ten_", "run_", 1),
		"long schedule":  strings.Replace(good, `FAV","due`, `FAVX","due`, 1),
		"no schedule":    strings.Replace(good, `"sch_01ARZ3NDEKTSV4RRFFQ69G5FAV"`, `""`, 1),
		"not replaced":   strings.Replace(good, "2022-03-22T18:59:43Z", "<aws.scheduler.scheduled-time>", 1),
		"no zone":        strings.Replace(good, "43Z", "43", 1),
		"unix time":      strings.Replace(good, `"2022-03-22T18:59:43Z"`, `1647975583`, 1),
		"no such day":    strings.Replace(good, "03-22", "02-30", 1),
		"year 9999":      strings.Replace(good, "2022", "9999", 1),
		"year 0":         strings.Replace(good, "2022", "0000", 1),
	}
}

func TestBadFiring(t *testing.T) {
	if _, err := eventscheduler.ParseFiring([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, payload := range badFirings() {
		if f, err := eventscheduler.ParseFiring([]byte(payload)); !errors.Is(err, eventscheduler.ErrBadFiring) || f != (eventscheduler.Firing{}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func FuzzParseFiring(f *testing.F) {
	f.Add([]byte(good))
	for _, payload := range badFirings() {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := eventscheduler.ParseFiring(payload)
		if err != nil {
			if !errors.Is(err, eventscheduler.ErrBadFiring) || got != (eventscheduler.Firing{}) {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		if !run.ValidTenantID(got.TenantID) || !run.ValidScheduleID(got.ScheduleID) || got.Due.Location() != time.UTC || got.Due.Year() < 1970 || got.Due.Year() > 2200 {
			t.Fatalf("accepted %+v", got)
		}
	})
}
