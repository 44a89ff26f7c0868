package operation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// Writer changes one tenant's configuration in Microsoft Graph, beside reading it.
// Only live restores hold one.
type Writer interface {
	Reader
	// Write sends one request, once. Its errors are those of graph.Writer; see
	// graph.Uncertain for those that leave open if it was done.
	Write(ctx context.Context, method, path string, body json.RawMessage, doing reason.Doing) (json.RawMessage, error)
}

// liveRestore applies a plan: it writes to the tenant what a preview planned, and
// nothing else. What can be interrupted is made so that it can be gone on with:
// an object is brought to what is wanted from whatever it is, and created only
// when it was looked for.
type liveRestore struct {
	session
	live   *liveTenant
	writer Writer
	input  func() (run.RestoreInput, error)
	// earlier are the outcomes of the restore that this one does again, by item.
	earlier func(context.Context) (map[string]run.Outcome, error)
	made    sync.Map // policy id → Graph id of what stands in its place
	writes  func(context.Context) (map[string]int, error)
}

func newLiveRestore(s session, w Writer) engine.Operation {
	x := &liveRestore{session: s, live: newLiveTenant(s), writer: w}
	x.input = sync.OnceValues(func() (in run.RestoreInput, err error) {
		if err = json.Unmarshal(s.run.Input, &in); err != nil {
			err = fmt.Errorf("read input of run: %w", err)
		}
		return in, err
	})
	x.earlier, x.writes = onceOK(x.readEarlier), onceOK(x.countWrites)
	return x
}

// kindDeleted is of items that are deleted, which come last.
const kindDeleted = "deleted_object"

// Plan lists what of the plan is applied, in the order in which it is written:
// what others need first, and what goes last, the other way round.
func (x *liveRestore) Plan(ctx context.Context) ([]run.Item, error) {
	in, err := x.input()
	if err != nil {
		return nil, err
	}
	plan, err := x.Runs.Run(ctx, x.tenant.ID, in.PlanRunID)
	if err != nil {
		return nil, fmt.Errorf("read preview: %w", err)
	}
	if plan.Operation != run.OpRestorePreview || plan.PlanDigest == "" || plan.PlanDigest != in.Digest {
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.PlanDigestMismatch)}}
	}
	earlier, err := x.earlier(ctx)
	if err != nil {
		return nil, err
	}
	var items, deletes []run.Item
	digest := ""
	err = eachOutcome(ctx, x.Runs, x.tenant.ID, plan.ID, func(o run.Outcome) error {
		if digest, err = run.ChainDigest(digest, []run.Outcome{o}); err != nil {
			return err
		}
		if o.Planned == nil || !chosen(in, earlier, o) {
			return nil
		}
		item := o.Item
		if item.Document = o.Planned.Document; o.Planned.Action == run.PlanDelete {
			item.Kind = kindDeleted
			deletes = append(deletes, item)
			return nil
		}
		items = append(items, item)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if digest != in.Digest { // what is stored is not what was confirmed
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.PlanDigestMismatch)}}
	}
	sortByRank(items)
	sortByRank(deletes)
	slices.Reverse(deletes)
	started := run.AuditEvent{
		TenantID: x.tenant.ID, At: *cmp.Or(x.run.StartedAt, &x.run.CreatedAt), Event: run.AuditRunStarted, ActorID: x.run.Initiator.ID(), ActorName: x.run.Initiator.Name,
		RunID: x.run.ID, Operation: x.run.Operation, Target: x.run.Target, Status: run.StatusRunning,
	}
	if err := x.Records.Audit(ctx, started); err != nil {
		return nil, fmt.Errorf("audit start: %w", err)
	}
	return append(items, deletes...), nil
}

// chosen reports whether an item of the plan is among those to be applied.
func chosen(in run.RestoreInput, earlier map[string]run.Outcome, o run.Outcome) bool {
	if !o.Planned.Action.Writes() || o.Planned.Action == run.PlanDelete && !in.Deletes {
		return false
	}
	if in.RerunOf != "" {
		before, ok := earlier[o.Item.Key]
		return ok && (!in.Failed || before.Status != run.OutcomeSucceeded)
	}
	if _, left := slices.BinarySearch(in.Except, o.Item.Key); left {
		return false
	}
	_, named := slices.BinarySearch(in.Items, o.Item.Key)
	return named || len(in.Items) == 0
}

// readEarlier reads what the restore that this one does again did: of each item
// what it did last, for that may have been a re-run itself.
func (x *liveRestore) readEarlier(ctx context.Context) (map[string]run.Outcome, error) {
	in, err := x.input()
	if err != nil || in.RerunOf == "" {
		return nil, err
	}
	earlier := map[string]run.Outcome{}
	for id, n := in.RerunOf, 0; id != "" && n < maxReruns; n++ {
		r, err := x.Runs.Run(ctx, x.tenant.ID, id)
		if err != nil {
			return nil, fmt.Errorf("read earlier run: %w", err)
		}
		first := n == 0
		err = eachOutcome(ctx, x.Runs, x.tenant.ID, id, func(o run.Outcome) error {
			have, known := earlier[o.Item.Key]
			switch {
			case first:
				earlier[o.Item.Key] = o
			case known && have.Written == nil && o.Written != nil:
				have.Written = o.Written // the later one did not touch it
				earlier[o.Item.Key] = have
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		var of run.RestoreInput
		if err := json.Unmarshal(r.Input, &of); err != nil {
			return nil, fmt.Errorf("read input of earlier run: %w", err)
		}
		id = of.RerunOf
	}
	return earlier, nil
}

// countWrites counts the items of the plan that are written, by type.
func (x *liveRestore) countWrites(ctx context.Context) (map[string]int, error) {
	in, err := x.input()
	if err != nil {
		return nil, err
	}
	writes := map[string]int{}
	err = eachOutcome(ctx, x.Runs, x.tenant.ID, in.PlanRunID, func(o run.Outcome) error {
		if o.Planned != nil && o.Planned.Action.Writes() {
			writes[o.Item.Type]++
		}
		return nil
	})
	return writes, err
}

// maxReruns bounds how far back a chain of re-runs is looked at.
const maxReruns = 20

// Phase implements engine.Phased: what others need is there before them.
func (x *liveRestore) Phase(item run.Item) int {
	if item.Kind == kindDeleted {
		return 2_000 - rankOf(item.Type)
	}
	return rankOf(item.Type)
}

// job is one item at work.
type job struct {
	item     run.Item
	plan     restore.Document
	t        catalog.Type
	captured []byte // nil for a delete
	secrets  map[string]string
	digests  map[string]string
	written  run.Written
	// accept are content hashes, beside the fingerprint, that the live object may
	// have: those that this restore itself left behind.
	accept []string
	// before is what the object was before the first write, when that is known.
	before *run.Version
	// unknown is when an earlier run could not tell whether it made the object.
	unknown time.Time
}

func (x *liveRestore) job(ctx context.Context, item run.Item) (*job, error) {
	raw, err := x.Archive.Get(ctx, x.tenant.ID, item.Document)
	if err != nil {
		return nil, fmt.Errorf("read plan document: %w", err)
	}
	j := &job{item: item}
	if j.plan, err = restore.Decode(raw); err != nil {
		return nil, err
	}
	if j.plan.PolicyID != item.Key || !j.plan.Action.Writes() {
		return nil, fmt.Errorf("plan document is not of item %s", item.Key)
	}
	var ok bool
	if j.t, ok = catalog.ByID(j.plan.Type); !ok {
		return nil, fmt.Errorf("plan of the unknown type %q", j.plan.Type)
	}
	j.written = run.Written{Action: j.plan.Action, GraphID: j.plan.GraphID, BeforeHash: j.plan.Fingerprint}
	if j.plan.GraphID != "" {
		j.written.PolicyID = run.PolicyID(x.tenant.ID, j.t.Collection, j.plan.GraphID)
	}
	if j.plan.Action == run.PlanDelete {
		return j, nil
	}
	v, err := x.Policies.Version(ctx, x.tenant.ID, j.plan.PolicyID, j.plan.Version)
	if err != nil {
		return nil, fmt.Errorf("read version: %w", err)
	}
	if j.captured, err = x.Archive.Get(ctx, x.tenant.ID, v.PayloadKey); err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	doc, err := catalog.Decode(j.captured)
	if err != nil {
		return nil, err
	}
	if j.digests = restore.Digests(doc); len(j.digests) > 0 {
		values, err := x.Vault.Open(ctx, x.tenant.ID, v.ContentHash)
		if err != nil {
			return nil, fmt.Errorf("open secrets: %w", err)
		}
		j.secrets = values
	}
	return j, nil
}

// Act implements engine.Operation.
func (x *liveRestore) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	j, err := x.job(ctx, item)
	if err != nil {
		return run.Outcome{}, err
	}
	if err := errors.Join(x.again(ctx, j), x.learnMade(ctx, j)); err != nil {
		return run.Outcome{}, err
	}
	return x.settled(j, x.applyOrResume(ctx, j))
}

// applyOrResume does an item. Of one that an earlier run could not tell what it did
// with, such as the items of a worker that died, it first finds out how far that came.
func (x *liveRestore) applyOrResume(ctx context.Context, j *job) error {
	if !j.unknown.IsZero() && j.plan.Action != run.PlanCreate {
		begun, err := x.begun(ctx, j)
		if err != nil {
			return err
		}
		if begun {
			return x.resume(ctx, j)
		}
	}
	return x.apply(ctx, j)
}

// again looks at what an earlier run did with the item. What it left behind is no
// change by somebody else, and an object that it made is not made twice.
func (x *liveRestore) again(ctx context.Context, j *job) error {
	earlier, err := x.earlier(ctx)
	if err != nil {
		return err
	}
	last := earlier[j.item.Key]
	w := last.Written
	if last.Code == string(reason.OutcomeUnknown) {
		j.unknown = last.At
	}
	if w == nil || w.Steps == 0 && w.GraphID == "" {
		return nil
	}
	for _, hash := range []string{w.AfterHash, w.Settled} {
		if hash != "" {
			j.accept = append(j.accept, hash)
		}
	}
	if j.plan.Action == run.PlanCreate && w.GraphID != "" {
		j.written.GraphID, j.written.PolicyID = w.GraphID, w.PolicyID
	}
	return nil
}

// Probe implements engine.Operation: it finds out how far an earlier worker came
// with an item, and goes on from there.
func (x *liveRestore) Probe(ctx context.Context, item run.Item) (*run.Outcome, error) {
	j, err := x.job(ctx, item)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(x.again(ctx, j), x.learnMade(ctx, j)); err != nil {
		return nil, err
	}
	begun, err := x.begun(ctx, j)
	if err != nil {
		o, err := settle(run.Outcome{}, err)
		if err != nil {
			return nil, err
		}
		return &o, nil
	}
	if !begun {
		return nil, nil
	}
	o, err := x.settled(j, x.resume(ctx, j))
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// result is what applying one item came to, when nothing stops the run.
type result struct {
	code    reason.Code // "" for success
	status  run.OutcomeStatus
	params  map[string]string
	failure *run.Failure // of Microsoft, when it has more to say
}

func (r *result) Error() string { return "item ends as " + string(r.code) }

func failed(code reason.Code, params map[string]string) *result {
	return &result{code: code, status: run.OutcomeFailed, params: params}
}

func skipped(code reason.Code, params map[string]string) *result {
	return &result{code: code, status: run.OutcomeSkipped, params: params}
}

// settled makes the outcome. Errors that are no result of the item stop the run.
func (x *liveRestore) settled(j *job, err error) (run.Outcome, error) {
	var r *result
	switch {
	case err == nil:
		r = &result{status: run.OutcomeSucceeded}
	case errors.As(err, &r):
	default:
		o, err := settle(run.Outcome{}, err)
		if err != nil {
			return run.Outcome{}, err
		}
		r = &result{code: reason.Code(o.Code), status: o.Status, failure: o.Failure}
	}
	o := run.Outcome{Status: r.status, Code: string(r.code), Params: r.params, Version: j.plan.Version, Numbers: map[string]int{}}
	if r.status == run.OutcomeFailed {
		f := run.Failure{Code: o.Code, Params: r.params}
		if r.failure != nil {
			f = *r.failure
			f.Code = o.Code
			if r.params != nil {
				f.Params = r.params
			}
		}
		o.Failure = &f
	}
	if j.written.Steps > 0 || j.written.AfterHash != "" || r.status == run.OutcomeSucceeded {
		w := j.written
		o.Written = &w
	}
	if j.written.Steps > 0 {
		o.Numbers[string(reason.FieldWritten)] = 1
		o.Numbers[numberWrites] = j.written.Steps
	}
	return o, nil
}

// numberWrites counts the requests that wrote.
const numberWrites = "writes"

// apply does an item that nobody has begun.
func (x *liveRestore) apply(ctx context.Context, j *job) error {
	switch {
	case j.plan.Action == run.PlanDelete:
		return x.applyDelete(ctx, j)
	case j.plan.Action == run.PlanCreate && j.written.GraphID == "":
		return x.applyCreate(ctx, j)
	}
	return x.applyUpdate(ctx, j)
}
