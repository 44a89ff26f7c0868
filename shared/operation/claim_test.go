package operation

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
)

// limitedReader asks a limiter and does nothing else.
type limitedReader struct{ limiter graph.Limiter }

func (r limitedReader) CheckToken(ctx context.Context) error {
	return r.limiter.Take(ctx, graph.LaneIntune, false, 1)
}

func (r limitedReader) Get(ctx context.Context, _, _ string, _ reason.Doing) (json.RawMessage, error) {
	return nil, r.CheckToken(ctx)
}

func (r limitedReader) List(ctx context.Context, _, _ string, _ func(json.RawMessage) error) error {
	return r.CheckToken(ctx)
}

// A scheduled run goes without what is left for people, whatever it asks; the
// client that it shares with other runs does not.
func TestScheduledRunLeavesTheReserve(t *testing.T) { synctest.Test(t, scheduledRunLeavesTheReserve) }

func scheduledRunLeavesTheReserve(t *testing.T) {
	store := memstore.New()
	// All but a few of the burst is used up for a while.
	_, err := store.LeaseTokens(t.Context(), run.RateRequest{
		RateKey: run.RateKey{TenantID: "t", Service: "intune"}, Rate: run.Rate{Interval: 23093 * time.Microsecond, Burst: 49}, Want: 40, Now: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	shared := limitedReader{ratelimit.New(store, "t", ratelimit.Options{ShortWait: time.Nanosecond})}
	for name, ask := range map[string]func(Reader) error{
		"token": func(r Reader) error { return r.CheckToken(t.Context()) },
		"get": func(r Reader) error {
			_, err := r.Get(t.Context(), "", "", reason.ReadObject)
			return err
		},
		"list": func(r Reader) error { return r.List(t.Context(), "", "", nil) },
	} {
		if err := ask(claimReader{Reader: shared, scheduled: true}); err == nil {
			t.Errorf("%s: a scheduled run took what is reserved", name)
		}
		if err := ask(claimReader{Reader: shared}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// And which of the two a run is stands on its record.
	d := Deps{Connect: func(context.Context, run.Tenant) (Reader, error) { return shared, nil }}
	bind, err := d.Bind(run.OpConnectionTest)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheduled := range []bool{true, false} {
		op, err := bind(t.Context(), run.Run{Scheduled: scheduled}, run.Tenant{})
		if err != nil {
			t.Fatal(err)
		}
		var wait *engine.Wait
		if _, err := op.Act(t.Context(), run.Item{Key: credentialItem}); errors.As(err, &wait) != scheduled {
			t.Errorf("scheduled %t: %v", scheduled, err)
		}
	}
}
