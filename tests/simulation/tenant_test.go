package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tenantatlas/shared/engine"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/run"
)

// graphTimeout is how long one call of Microsoft Graph may take.
const graphTimeout = 30 * time.Second

// graphError is what Microsoft Graph answers when it does not do what was asked,
// or does not say that it did.
type graphError struct {
	kind  string
	after time.Duration
}

func (e *graphError) Error() string { return "graph: " + e.kind }

// The ways in which a call of Microsoft Graph fails.
const (
	throttled   = "throttled"   // 429: not done
	unavailable = "unavailable" // 5xx or no answer: perhaps done
	refused     = "refused"     // 4xx: not done, and never will be
	forbidden   = "forbidden"   // nothing of the run can be done
	undecidable = "undecidable" // a look that cannot tell
	broken      = "broken"      // a fault in our own code
)

// input is what a start asks for.
type input struct {
	Items   int `json:"items"`
	Payload int `json:"payload"`
}

// operation is a run's work in a simulated tenant. A restore creates one object an
// item, which carries the item's marker: a second call would make a second object.
// An inventory reads, which harms nobody twice.
type operation struct {
	w      *world
	a      *actor
	r      run.Run
	limit  *ratelimit.Limiter
	items  int
	acting map[int]int // items at work, by phase
	early  bool        // looks itself when a call gives no answer, instead of leaving it to the next worker
}

func (w *world) bind(a *actor) engine.Bind {
	return func(ctx context.Context, r run.Run, t run.Tenant) (engine.Operation, error) {
		w.isolated(a, "Bind", r.TenantID)
		w.isolated(a, "Bind", t.ID)
		var in input
		if err := json.Unmarshal(r.Input, &in); err != nil {
			return nil, err
		}
		o := &operation{w: w, a: a, r: r, limit: w.limiter(a), items: in.Items, early: w.p.early, acting: map[int]int{}}
		return o, o.whole(o.graph(ctx, "signin", "", nil))
	}
}

// graph is one call of Microsoft Graph.
func (o *operation) graph(ctx context.Context, method, item string, do func()) error {
	write := method == "create"
	if method != "signin" { // of a lane that has enough
		if err := o.take(ctx, method+" "+item, write); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, graphTimeout)
	defer cancel()
	err := o.a.serve(&call{
		label: o.a.id + " graph." + method + " " + item, method: "graph." + method, ctx: limited, graph: true, runID: o.r.ID, creates: write,
		do: func() error {
			if do != nil {
				do()
			}
			return nil
		},
	})
	var g *graphError
	if method != "signin" && errors.As(err, &g) && g.kind == throttled {
		o.pause(ctx, write, g.after)
	}
	return err
}

// whole is what a failed call means for the run as a whole.
func (o *operation) whole(err error) error {
	var g *graphError
	var limited *ratelimit.WaitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return o.limited(limited)
	case !errors.As(err, &g):
		return err
	case g.kind == throttled:
		return &engine.Wait{Code: "graph_throttled", After: g.after, Failure: run.Failure{Code: "graph_throttled"}}
	case g.kind == forbidden:
		return &engine.Fail{Failure: run.Failure{Code: "graph_forbidden"}}
	case g.kind == broken:
		return errors.New("simulated: a fault of ours")
	default:
		return &engine.Wait{Code: "graph_unavailable", Failure: run.Failure{Code: "graph_unavailable"}}
	}
}

// Plan implements engine.Operation.
func (o *operation) Plan(ctx context.Context) ([]run.Item, error) {
	if err := o.whole(o.graph(ctx, "list", "", nil)); err != nil {
		return nil, err
	}
	items := make([]run.Item, o.items)
	for i := range items {
		items[i] = run.Item{Key: fmt.Sprintf("i%02d", i), Kind: "policy", Name: fmt.Sprint("Item ", i)}
	}
	return items, nil
}

func index(item run.Item) (i int) {
	_, _ = fmt.Sscanf(item.Key, "i%d", &i)
	return i
}

// did is the outcome of an item that is done: of a restore with what it wrote.
func (o *operation) did(item run.Item) run.Outcome {
	out := run.Outcome{Status: run.OutcomeSucceeded, Numbers: map[string]int{"policies": 1}}
	if o.r.Operation.WritesTenant() {
		out.Written = &run.Written{Action: run.PlanCreate, PolicyID: item.Key, AfterHash: "after", Steps: 1}
	}
	return out
}

// Phase implements engine.Phased: a few items each, as policies that need others.
func (o *operation) Phase(item run.Item) int { return index(item) / 3 }

// inPhase checks that what an item needs is done before it is begun.
func (o *operation) inPhase(item run.Item) (leave func()) {
	mine := o.Phase(item)
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	for phase, n := range o.acting {
		if n > 0 && phase != mine && o.w.wrong == "" {
			o.w.wrong = fmt.Sprintf("phase: %s begins %s of phase %d while %d of phase %d are at work", o.a.id, item.Key, mine, n, phase)
		}
	}
	o.acting[mine]++
	return func() {
		o.w.mu.Lock()
		defer o.w.mu.Unlock()
		o.acting[mine]--
	}
}

// Act implements engine.Operation.
func (o *operation) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	defer o.inPhase(item)()
	var err error
	if o.r.Operation.WritesTenant() {
		err = o.graph(ctx, "create", item.Key, func() { o.w.created(o.a, o.r, index(item)) })
	} else {
		err = o.graph(ctx, "read", item.Key, func() { o.w.facts[o.r.ID].read |= 1 << index(item) })
	}
	var g *graphError
	var limited *ratelimit.WaitError
	if err == nil {
		return o.did(item), nil
	}
	if ctx.Err() != nil {
		return run.Outcome{}, ctx.Err()
	}
	if errors.As(err, &limited) { // nothing was sent
		return run.Outcome{}, o.whole(err)
	}
	if errors.As(err, &g) {
		switch g.kind {
		case refused:
			return run.Outcome{Status: run.OutcomeFailed, Code: "graph_bad_request", Failure: &run.Failure{Code: "graph_bad_request", HTTPStatus: 400}}, nil
		case throttled, forbidden, broken:
			return run.Outcome{}, o.whole(err)
		}
	}
	if o.r.Operation.WritesTenant() && o.early {
		if found, err := o.Probe(ctx, item); err == nil && found != nil {
			return *found, nil
		}
	}
	return run.Outcome{}, &engine.Wait{Code: "graph_unavailable", Failure: run.Failure{Code: "graph_unavailable"}}
}

// Probe implements engine.Operation.
func (o *operation) Probe(ctx context.Context, item run.Item) (*run.Outcome, error) {
	if !o.r.Operation.WritesTenant() {
		return nil, nil // a read may be repeated
	}
	var found bool
	err := o.graph(ctx, "find", item.Key, func() { found = o.w.facts[o.r.ID].creates[index(item)] > 0 })
	var g *graphError
	var limited *ratelimit.WaitError
	switch {
	case err == nil && found:
		o.w.count("probe: adopted")
		out := o.did(item)
		return &out, nil
	case err == nil:
		o.w.count("probe: nothing there")
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &g) && g.kind == undecidable:
		o.w.count("probe: undecidable")
		return &run.Outcome{Status: run.OutcomeFailed, Code: run.CodeOutcomeUnknown, Failure: &run.Failure{Code: run.CodeOutcomeUnknown}, Written: &run.Written{Action: run.PlanCreate, Steps: 1}}, nil
	case errors.As(err, &limited), errors.As(err, &g) && g.kind != refused:
		return nil, o.whole(err)
	}
	return nil, &engine.Wait{Code: "graph_unavailable", Failure: run.Failure{Code: "graph_unavailable"}}
}
