package function

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/sweeper"
	"tenantatlas/tests/testlog"
)

// Each sweep leaves one line with what it did. One that could not deal with
// every run has failed, and its line still says how far it got.
func TestEachSweepIsReported(t *testing.T) {
	unread := errors.New("list open runs of shard 1: no answer")
	for name, test := range map[string]struct {
		report sweeper.Report
		err    error
		failed bool
		level  string
	}{
		"nothing to do":       {sweeper.Report{}, nil, false, "INFO"},
		"runs dealt with":     {sweeper.Report{Seen: 7, Rescued: 2, Ended: 1}, nil, false, "INFO"},
		"a run that resisted": {sweeper.Report{Seen: 7, Faults: 1}, nil, true, "ERROR"},
		"an unreadable list":  {sweeper.Report{Seen: 3}, unread, true, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			var out testlog.Buffer
			handle := sweepHandler(func(context.Context) (sweeper.Report, error) { return test.report, test.err }, Logger(&out, "INFO"))
			report, err := handle(t.Context())
			if report != test.report || (err != nil) != test.failed {
				t.Errorf("answer is %+v, %v", report, err)
			}
			if test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != 1 || !strings.Contains(lines[0], `"level":"`+test.level+`"`) || !strings.Contains(lines[0], `"Seen":`) {
				t.Errorf("it logged %q, want one line of level %s with the report", lines, test.level)
			}
		})
	}
}

// A sweep that takes too long is stopped while there is time to report it.
func TestASweepEndsBeforeItsInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
		defer cancel()
		began := time.Now()
		handle := sweepHandler(func(ctx context.Context) (sweeper.Report, error) {
			<-ctx.Done()
			return sweeper.Report{Seen: 1}, ctx.Err()
		}, slog.New(slog.DiscardHandler))
		if _, err := handle(ctx); err == nil || ctx.Err() != nil || time.Since(began) != 50*time.Second {
			t.Errorf("it ended after %v with %v, its invocation %v", time.Since(began), err, ctx.Err())
		}
	})
}

// Without settings the defaults apply; a bad one is named with what is allowed.
func TestSettingsOfEngineAndSweeper(t *testing.T) {
	of := func(set map[string]string) *environment {
		return &environment{get: func(name string) string { return set[name] }}
	}
	e := of(nil)
	if got := engineLimits(e); got != (engine.Limits{}) || e.err() != nil {
		t.Errorf("without settings the engine's limits are %+v, %v", got, e.err())
	}
	if got := sweepLimits(e); got != (sweeper.Limits{}) || e.err() != nil {
		t.Errorf("without settings the sweeper's limits are %+v, %v", got, e.err())
	}
	e = of(map[string]string{"LEASE_SECONDS": "3", "SLICE_ITEMS": "25", "SWEEP_GRACE_SECONDS": "2"})
	if got := engineLimits(e); got.Lease != 3*time.Second || got.SliceItems != 25 || e.err() != nil {
		t.Errorf("the engine's limits are %+v, %v", got, e.err())
	}
	if got := sweepLimits(e); got.Grace != 2*time.Second || e.err() != nil {
		t.Errorf("the sweeper's limits are %+v, %v", got, e.err())
	}
	if restorePauses(of(nil)) != nil {
		t.Error("without settings the pauses are not those that Microsoft needs")
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := restorePauses(of(map[string]string{"RESTORE_PAUSE_DIVISOR": "50"}))(t.Context(), 10*time.Second); err != nil || time.Since(began) != 200*time.Millisecond {
			t.Errorf("a pause took %v, %v", time.Since(began), err)
		}
	})
	const seconds, items = "must be a whole number of seconds above 0", "must be a whole number from 1 to 25"
	for _, bad := range [][3]string{
		{"LEASE_SECONDS", "0", seconds}, {"LEASE_SECONDS", "1m", seconds}, {"LEASE_SECONDS", "-1", seconds},
		{"SWEEP_GRACE_SECONDS", "0", seconds}, {"SWEEP_GRACE_SECONDS", "x", seconds},
		{"SLICE_ITEMS", "0", items}, {"SLICE_ITEMS", "26", items}, {"SLICE_ITEMS", "two", items}, {"SLICE_ITEMS", "1.5", items},
		{"RESTORE_PAUSE_DIVISOR", "0", "must be a whole number from 1 to 1000"},
	} {
		e := of(map[string]string{bad[0]: bad[1]})
		_, _, _ = engineLimits(e), sweepLimits(e), restorePauses(e)
		if err := e.err(); err == nil || err.Error() != bad[0]+" "+bad[2] {
			t.Errorf("%s=%s: %v", bad[0], bad[1], err)
		}
	}
}
