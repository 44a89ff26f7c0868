package operation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
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
}

func newLiveRestore(s session, w Writer) engine.Operation {
	x := &liveRestore{session: s, live: newLiveTenant(s), writer: w}
	x.input = sync.OnceValues(func() (in run.RestoreInput, err error) {
		if err = json.Unmarshal(s.run.Input, &in); err != nil {
			err = fmt.Errorf("read input of run: %w", err)
		}
		return in, err
	})
	x.earlier = onceOK(x.readEarlier)
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
	return x.settled(j, x.apply(ctx, j))
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
	if w.AfterHash != "" {
		j.accept = append(j.accept, w.AfterHash)
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

func (x *liveRestore) applyUpdate(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.written.GraphID)
	if err != nil {
		return err
	}
	if live == nil {
		return skipped(reason.TargetChanged, nil) // it is gone
	}
	if is, err := j.expects(live); err != nil || !is {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	if live.hash == j.plan.Fingerprint && j.plan.Action == run.PlanUpdate {
		planned, err := j.t.Update(j.captured, live.payload, restore.Mapping(j.plan.References), j.digests)
		if err != nil {
			return fmt.Errorf("plan again: %w", err)
		}
		hash, err := restore.StepsHash(planned.Steps)
		if err != nil {
			return err
		}
		if hash != j.plan.StepsHash {
			// The content is the same and other requests would be sent: what the plan
			// showed is not what would be done.
			return skipped(reason.TargetChanged, nil)
		}
	}
	if err := x.precapture(ctx, j, live); err != nil {
		return err
	}
	if j.written.PolicyID != j.plan.PolicyID { // found by its name
		if err := x.succeeds(ctx, j, live.graphID); err != nil {
			return err
		}
	}
	return x.converge(ctx, j, live)
}

// expects reports whether a live object is as it was compared, or as this restore
// left it. Assignments that come with a policy set are no change of the object: the
// set may have been written since.
func (j *job) expects(live *found) (bool, error) {
	known := func(hash string) bool { return hash == j.plan.Fingerprint || slices.Contains(j.accept, hash) }
	if known(live.hash) {
		return true, nil
	}
	own, err := catalog.OwnAssignments(live.payload)
	if err != nil {
		return false, err
	}
	hash, err := j.t.ContentHash(own)
	if err != nil {
		return false, fmt.Errorf("normal form of %s: %w", j.t.ID, err)
	}
	return known(hash), nil
}

// precapture stores the object as it is before the first write, so that the
// restore can be undone.
func (x *liveRestore) precapture(ctx context.Context, j *job, live *found) error {
	p, err := x.policy(ctx, j, live.graphID, live.doc)
	if err != nil {
		return err
	}
	got, err := x.live.store(ctx, j.t, p, live.doc, live.payload, live.hash)
	var item *itemError
	if errors.As(err, &item) {
		return &result{code: reason.PrecaptureFailed, status: run.OutcomeFailed, failure: &item.failure}
	}
	if err != nil {
		return err
	}
	if got.version.ContentHash != live.hash {
		// This run captured the object before, in another state.
		return fmt.Errorf("the version before of %s is of other content", j.item.Key)
	}
	j.written.Before, j.written.BeforeHash, j.written.PolicyID = got.version.Number, live.hash, p.ID
	return nil
}

// policy is the record of a live object; one that no sync has seen is entered.
func (x *liveRestore) policy(ctx context.Context, j *job, graphID string, doc *document) (run.Policy, error) {
	id := run.PolicyID(x.tenant.ID, j.t.Collection, graphID)
	for range 3 {
		p, err := x.Policies.Policy(ctx, x.tenant.ID, id)
		if err == nil || !errors.Is(err, run.ErrNotFound) {
			return p, err
		}
		now := x.Now().UTC()
		p = run.Policy{
			ID: id, TenantID: x.tenant.ID, Type: j.t.ID, GraphID: graphID, Name: j.plan.Name, FirstSeenAt: now, ChangedAt: now, LastChange: run.ChangeNew, LastRunID: x.run.ID,
		}
		if doc != nil {
			p.Name, p.Platform = doc.name, doc.platform
		}
		if p, err = x.Policies.PutPolicy(ctx, p); err == nil || !errors.Is(err, run.ErrConflict) {
			return p, err
		}
	}
	return run.Policy{}, fmt.Errorf("policy %s: %w", id, run.ErrConflict)
}

// maxRounds is how often an object is brought nearer to what is wanted, when the
// fate of a write is not known.
const maxRounds = 4

// converge brings a live object to what is wanted, whatever part of the way it is.
func (x *liveRestore) converge(ctx context.Context, j *job, live *found) error {
	var change catalog.Change
	for round := 1; ; round++ {
		var err error
		if change, err = x.change(j, live); err != nil {
			return err
		}
		err = x.steps(ctx, j, change.Steps, j.t.Known(live.graphID), reason.Update)
		if err == nil {
			break
		}
		var open *uncertain
		if !errors.As(err, &open) {
			if j.written.Steps > 0 {
				x.look(ctx, j)
			}
			return err
		}
		if round == maxRounds {
			x.look(ctx, j)
			return &result{code: reason.GraphUnavailable, status: run.OutcomeFailed, failure: open.failure(), params: reason.Params{}.Set(reason.FieldWrite, "unknown")}
		}
		if err := x.Sleep(ctx, time.Duration(round)*2*time.Second); err != nil {
			return err
		}
		if live, err = x.live.read(ctx, j.t, live.graphID); err != nil {
			return err
		}
		if live == nil {
			return failed(reason.OutcomeUnknown, nil)
		}
	}
	if err := x.verify(ctx, j, live.graphID, change.Want); err != nil {
		return err
	}
	return x.noted(j, change.AssignmentsKept, change.Unresolved)
}

// change are the steps from the live object to what is wanted.
func (x *liveRestore) change(j *job, live *found) (catalog.Change, error) {
	change, err := j.t.Update(j.captured, live.payload, x.mapping(j), j.secrets)
	if err != nil {
		return change, fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	return change, missing(j, change.Unresolved)
}

// missing skips an item that needs what is not there: the plan meant to make it,
// and that did not succeed or was left out.
func missing(j *job, unresolved []catalog.Unresolved) error {
	for _, u := range unresolved {
		if !u.Assignment {
			return skipped(reason.MissingDependency, reason.Params{}.Set(reason.FieldDependency, nameOf(j, u)))
		}
	}
	return nil
}

func nameOf(j *job, u catalog.Unresolved) string {
	for _, r := range j.plan.References {
		if r.Type == u.Type && r.ID == u.ID && r.Name != "" {
			return r.Name
		}
	}
	return u.ID
}

// noted says what of a written item was left as it was. What the preview said is a
// note, what turned out since is a failure.
func (x *liveRestore) noted(j *job, kept bool, unresolved []catalog.Unresolved) error {
	if !kept {
		return nil
	}
	if j.plan.Code != "" {
		return &result{code: j.plan.Code, status: run.OutcomeSucceeded, params: j.plan.Params}
	}
	var names []string
	for _, u := range unresolved {
		names = append(names, nameOf(j, u))
	}
	return failed(reason.AssignmentsSkipped, reason.Params{}.Int(reason.FieldTargets, len(names)))
}

// mapping is that of the plan, with the ids of what was made for it.
func (x *liveRestore) mapping(j *job) catalog.Mapping {
	return restore.MappingWith(j.plan.References, func(policyID string) string {
		id, _ := x.made.Load(policyID)
		text, _ := id.(string)
		return text
	})
}

// learnMade finds what stands in the place of the objects that the plan makes.
func (x *liveRestore) learnMade(ctx context.Context, j *job) error {
	for _, r := range j.plan.References {
		if r.Creates == "" {
			continue
		}
		if _, known := x.made.Load(r.Creates); known {
			continue
		}
		p, err := x.Policies.Policy(ctx, x.tenant.ID, r.Creates)
		if errors.Is(err, run.ErrNotFound) || err == nil && p.Successor == "" {
			continue
		}
		if err != nil {
			return fmt.Errorf("read policy record: %w", err)
		}
		x.made.Store(r.Creates, p.Successor)
	}
	return nil
}

// uncertain says that the fate of a write is not known.
type uncertain struct {
	step catalog.Step
	err  error
}

func (u *uncertain) Error() string { return "fate of step " + u.step.Name + " is not known" }

func (u *uncertain) failure() *run.Failure {
	f := failureOf(graph.FailureOf(u.err))
	return &f
}

// steps does the steps one after the other.
func (x *liveRestore) steps(ctx context.Context, j *job, steps []catalog.Step, learned map[string]string, doing reason.Doing) error {
	for i, step := range steps {
		if step.Needless(learned) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		how := doing
		switch {
		case i > 0 && doing == reason.Create:
			how = reason.Update
		case step.Name == "assign":
			how = reason.Assign
		}
		err := x.step(ctx, j, step.Fill(learned), learned, how)
		for n := 1; n <= freshTries && j.fresh() && rejected(err); n++ {
			if err := x.Sleep(ctx, time.Duration(n)*freshPause); err != nil {
				return err
			}
			err = x.step(ctx, j, step.Fill(learned), learned, how)
		}
		if err != nil {
			return x.refused(j, err, step, i, len(steps))
		}
	}
	return nil
}

// How often and with which pause, which grows, a write is repeated that is refused
// while what it refers to is new: the service takes a while to know it everywhere,
// as of a named location that a policy names.
const (
	freshTries = 3
	freshPause = 5 * time.Second
)

// fresh reports whether the item refers to what this plan makes.
func (j *job) fresh() bool {
	return slices.ContainsFunc(j.plan.References, func(r restore.Reference) bool { return r.Creates != "" })
}

// rejected reports whether a write was refused for what it says.
func rejected(err error) bool {
	var open *uncertain
	var item *itemError
	return err != nil && !errors.As(err, &open) && errors.As(verdict(err), &item) && item.failure.Code == string(reason.ValidationRejected)
}

// refused says what the refusal of a step means for the item.
func (x *liveRestore) refused(j *job, err error, step catalog.Step, i, of int) error {
	var open *uncertain
	var item *itemError
	v := verdict(err)
	if errors.As(err, &open) || !errors.As(v, &item) {
		return v
	}
	f := item.failure
	if f.Code == string(reason.ConsentMissing) {
		f.Params = reason.Params{}.Set(reason.FieldPermission, j.t.WritePermissions[len(j.t.WritePermissions)-1]).Set(reason.FieldType, j.t.Title)
	}
	switch {
	case j.written.Steps == 0:
		return &result{code: reason.Code(f.Code), status: run.OutcomeFailed, params: f.Params, failure: &f}
	case step.Name == "assign":
		return &result{code: reason.AssignmentsFailed, status: run.OutcomeFailed, failure: &f}
	}
	return &result{
		code: reason.StepFailed, status: run.OutcomeFailed, failure: &f,
		params: reason.Params{}.Int(reason.FieldStepsDone, i).Int(reason.FieldSteps, of).Set(reason.FieldStep, step.Name),
	}
}

// Times of waiting for what the service does by itself.
const (
	awaitTries = 5 // in place; then the run waits in the queue
	awaitPause = 2 * time.Second
	awaitLater = 30 * time.Second
	// writeGrace is how long a write under way may last after the work was told to
	// stop: what is begun is better known than broken off.
	writeGrace = 10 * time.Second
)

// awaiting hands the run back until the service has done its part.
func awaiting() error {
	return &engine.Wait{Code: string(reason.GraphUnavailable), After: awaitLater, Failure: run.Failure{Code: string(reason.GraphUnavailable)}}
}

// step does one step: it waits for what must be so before, and sends it.
func (x *liveRestore) step(ctx context.Context, j *job, s catalog.Step, learned map[string]string, doing reason.Doing) error {
	if s.Await.Path != "" {
		if err := x.await(ctx, s.Await); err != nil {
			return err
		}
	}
	if s.Method == http.MethodGet {
		return x.find(ctx, s, learned)
	}
	// The other items of the slice may stop this one, but not in the middle of a write.
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	halt := context.AfterFunc(ctx, func() { time.AfterFunc(writeGrace, stop) })
	defer halt()
	answer, err := x.writer.Write(writing, s.Method, s.Path, s.Body, doing)
	if graph.Uncertain(err) {
		return &uncertain{s, err}
	}
	if err != nil {
		return err
	}
	j.written.Steps++
	if s.Learn != nil {
		var object map[string]any
		if v, err := catalog.DecodeValue(answer); err == nil {
			object, _ = v.(map[string]any)
		}
		for name, value := range s.Learn(object) {
			learned[name] = value
		}
	}
	return nil
}

func (x *liveRestore) await(ctx context.Context, a catalog.Await) error {
	for n := 1; ; n++ {
		raw, err := x.graph.Get(ctx, a.Path, "", reason.ReadObject)
		if err != nil {
			return err
		}
		v, err := catalog.DecodeValue(raw)
		if object, ok := v.(map[string]any); err == nil && ok && fmt.Sprint(object[a.Property]) == a.Value {
			return nil
		}
		if n == awaitTries {
			return awaiting()
		}
		if err := x.Sleep(ctx, awaitPause); err != nil {
			return err
		}
	}
}

// find looks for what a create did not name.
func (x *liveRestore) find(ctx context.Context, s catalog.Step, learned map[string]string) error {
	for n := 1; ; n++ {
		raw, err := x.graph.Get(ctx, s.Path, s.Query, reason.ReadList)
		if err != nil {
			return err
		}
		v, _ := catalog.DecodeValue(raw)
		object, _ := v.(map[string]any)
		if got := s.Learn(object); len(got) > 0 {
			for name, value := range got {
				learned[name] = value
			}
			return nil
		}
		if n == awaitTries {
			return failed(reason.OutcomeUnknown, nil)
		}
		if err := x.Sleep(ctx, awaitPause); err != nil {
			return err
		}
	}
}

// verify reads an object back until it shows what was written: Graph needs a while
// (terraform-provider-msgraph#32).
func (x *liveRestore) verify(ctx context.Context, j *job, graphID string, want []byte) error {
	for n := 1; ; n++ {
		live, err := x.live.read(ctx, j.t, graphID)
		if err != nil {
			return err
		}
		var unlike []string
		if live != nil {
			j.written.AfterHash = live.hash
			if unlike, err = j.t.Unlike(want, live.payload); err != nil {
				return fmt.Errorf("compare with what was written: %w", err)
			}
			if len(unlike) == 0 {
				return nil
			}
		}
		if n == verifyTries {
			return failed(reason.VerificationFailed, reason.Params{}.Int(reason.FieldDifferences, max(len(unlike), 1)))
		}
		if err := x.Sleep(ctx, time.Duration(n)*time.Second); err != nil {
			return err
		}
	}
}

const verifyTries = 5

func (x *liveRestore) applyCreate(ctx context.Context, j *job) error {
	doc, err := catalog.Decode(j.captured)
	if err != nil {
		return err
	}
	list := x.live.list
	if !j.unknown.IsZero() { // until lists show what the earlier run may have made
		if err := x.Sleep(ctx, j.unknown.Add(listLag).Sub(x.Now())); err != nil {
			return err
		}
		list = x.live.listNow
	}
	before, err := list(ctx, j.t)
	if err != nil {
		return err
	}
	hits := twins(before, j.t, doc.Object())
	if !j.unknown.IsZero() && len(hits) == 1 {
		if err := x.succeeds(ctx, j, hits[0]); err != nil {
			return err
		}
		return x.resume(ctx, j)
	}
	if len(hits) > 0 {
		return skipped(reason.TargetChanged, nil) // somebody else made it meanwhile
	}
	planned, err := j.t.Create(j.captured, restore.Mapping(j.plan.References), j.digests)
	if err != nil {
		return fmt.Errorf("plan again: %w", err)
	}
	if hash, err := restore.StepsHash(planned.Steps); err != nil || hash != j.plan.StepsHash {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	made, err := j.t.Create(j.captured, x.mapping(j), j.secrets)
	if err != nil {
		return fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	if err := missing(j, made.Unresolved); err != nil {
		return err
	}
	learned := map[string]string{}
	err = x.steps(ctx, j, made.Steps[:1], learned, reason.Create)
	var open *uncertain
	switch {
	case errors.As(err, &open):
		if learned["id"], err = x.adopt(ctx, j, doc.Object(), before); err != nil {
			return err
		}
		j.written.Steps++
	case err != nil:
		return err
	case learned["id"] == "":
		return failed(reason.OutcomeUnknown, nil)
	}
	return x.finish(ctx, j, made, learned)
}

// finish does what follows a create.
func (x *liveRestore) finish(ctx context.Context, j *job, made catalog.Creation, learned map[string]string) error {
	graphID := j.t.JoinID(j.captured, learned["id"])
	if err := x.succeeds(ctx, j, graphID); err != nil {
		return err
	}
	err := x.steps(ctx, j, made.Steps[1:], learned, reason.Update)
	var open *uncertain
	if errors.As(err, &open) {
		return x.resume(ctx, j)
	}
	if err != nil {
		x.look(ctx, j)
		return err
	}
	if err := x.verify(ctx, j, graphID, made.Want); err != nil {
		return err
	}
	return x.noted(j, slices.ContainsFunc(made.Unresolved, func(u catalog.Unresolved) bool { return u.Assignment }), made.Unresolved)
}

// look notes what an object is that was written in part, for whoever goes on with
// it. That it cannot be read is no news then.
func (x *liveRestore) look(ctx context.Context, j *job) {
	if live, err := x.live.read(ctx, j.t, j.written.GraphID); err == nil && live != nil {
		j.written.AfterHash = live.hash
	}
}

// succeeds records that an object stands in the place of the one that was captured.
// It comes before everything else that follows a create: whoever goes on with the
// item finds by it that there is one.
func (x *liveRestore) succeeds(ctx context.Context, j *job, graphID string) error {
	j.written.GraphID, j.written.PolicyID = graphID, run.PolicyID(x.tenant.ID, j.t.Collection, graphID)
	x.made.Store(j.plan.PolicyID, graphID)
	if _, err := x.policy(ctx, j, graphID, nil); err != nil {
		return fmt.Errorf("record new policy: %w", err)
	}
	if j.written.PolicyID == j.plan.PolicyID {
		return nil
	}
	for range 5 {
		p, err := x.Policies.Policy(ctx, x.tenant.ID, j.plan.PolicyID)
		if err != nil {
			return fmt.Errorf("read policy record: %w", err)
		}
		if p.Successor == graphID {
			return nil
		}
		p.Successor = graphID
		if _, err = x.Policies.PutPolicy(ctx, p); err == nil {
			return nil
		}
		if !errors.Is(err, run.ErrConflict) {
			return fmt.Errorf("record successor: %w", err)
		}
	}
	return fmt.Errorf("record successor of %s: %w", j.plan.PolicyID, run.ErrConflict)
}

// lookTries is how often an object is looked for whose creation is uncertain:
// lists lag behind (terraform-provider-microsoft365#2518).
const lookTries = 6

// adopt looks for the object of a create whose fate is not known. One that was not
// there before and is the only one is it; anything else is left to a person.
func (x *liveRestore) adopt(ctx context.Context, j *job, captured map[string]any, before map[string]listed) (string, error) {
	for n := 1; ; n++ {
		if err := x.Sleep(ctx, time.Duration(n)*time.Second); err != nil {
			return "", err
		}
		now, err := x.live.listNow(ctx, j.t)
		if err != nil {
			return "", err
		}
		hits := slices.DeleteFunc(twins(now, j.t, captured), func(id string) bool { _, old := before[id]; return old })
		switch {
		case len(hits) == 1:
			return hits[0], nil
		case len(hits) > 1 || n == lookTries:
			j.written.Steps++ // it may have been
			return "", failed(reason.OutcomeUnknown, reason.Params{}.Int(reason.FieldCandidates, len(hits)))
		}
	}
}

// listLag is how long lists may lag behind what was made.
const listLag = time.Minute

func (x *liveRestore) applyDelete(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.plan.GraphID)
	if err != nil {
		return err
	}
	if live == nil {
		return nil // it is gone
	}
	if is, err := j.expects(live); err != nil || !is {
		return cmp.Or(err, error(skipped(reason.TargetChanged, nil)))
	}
	if err := x.precapture(ctx, j, live); err != nil {
		return err
	}
	steps, err := j.t.Delete(live.payload)
	if err != nil {
		return fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	err = x.steps(ctx, j, steps, j.t.Known(live.graphID), reason.Update)
	var open *uncertain
	if err != nil && !errors.As(err, &open) {
		return err
	}
	for n := 1; ; n++ {
		if live, err = x.live.read(ctx, j.t, j.plan.GraphID); err != nil || live == nil {
			if err == nil && open != nil {
				j.written.Steps++
			}
			return err
		}
		if n == verifyTries {
			return failed(reason.OutcomeUnknown, nil)
		}
		if err := x.Sleep(ctx, time.Duration(n)*time.Second); err != nil {
			return err
		}
	}
}

// begun finds out whether an earlier worker wrote anything of an item.
func (x *liveRestore) begun(ctx context.Context, j *job) (bool, error) {
	switch j.plan.Action {
	case run.PlanDelete:
		return false, nil // what is gone is found to be gone
	case run.PlanCreate:
		if j.written.GraphID != "" {
			return true, nil
		}
		return x.beganCreate(ctx, j)
	}
	live, err := x.live.read(ctx, j.t, j.plan.GraphID)
	if err != nil || live == nil || live.hash == j.plan.Fingerprint {
		return false, err
	}
	return x.ours(ctx, j, live)
}

// beganCreate looks for an object that an earlier worker made: by the record that
// it left, else by what tells it from others. It died long enough ago for lists to
// show what it made, but for the time that a look takes.
func (x *liveRestore) beganCreate(ctx context.Context, j *job) (bool, error) {
	ids, err := x.live.successors(ctx, j.t, graphIDOf(j.captured))
	if err != nil {
		return false, err
	}
	doc, err := catalog.Decode(j.captured)
	if err != nil {
		return false, err
	}
	for n := 1; n <= probeTries; n++ {
		for _, id := range slices.Backward(ids[1:]) {
			live, err := x.live.read(ctx, j.t, id)
			if err != nil {
				return false, err
			}
			if live != nil {
				j.written.GraphID, j.written.PolicyID = id, run.PolicyID(x.tenant.ID, j.t.Collection, id)
				return true, nil
			}
		}
		now, err := x.live.listNow(ctx, j.t)
		if err != nil {
			return false, err
		}
		hits := twins(now, j.t, doc.Object())
		if len(hits) == 1 {
			j.written.GraphID = hits[0]
			return true, x.succeeds(ctx, j, hits[0])
		}
		if len(hits) > 1 {
			return false, failed(reason.OutcomeUnknown, reason.Params{}.Int(reason.FieldCandidates, len(hits)))
		}
		if n < probeTries {
			if err := x.Sleep(ctx, probePause); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// How often and with which pause a create of a dead worker is looked for.
const (
	probeTries = 4
	probePause = 10 * time.Second
)

func graphIDOf(captured []byte) string {
	var head struct {
		GraphID string `json:"graphId"`
	}
	_ = json.Unmarshal(captured, &head)
	return head.GraphID
}

// ours reports whether all that differs from the state before is as it is wanted:
// then an earlier worker of this restore wrote it, and nobody else.
func (x *liveRestore) ours(ctx context.Context, j *job, live *found) (bool, error) {
	p, err := x.Policies.Policy(ctx, x.tenant.ID, j.written.PolicyID)
	if errors.Is(err, run.ErrNotFound) || err == nil && p.LatestHash != j.plan.Fingerprint {
		return false, nil // nothing was captured, so nothing was written
	}
	if err != nil {
		return false, fmt.Errorf("read policy record: %w", err)
	}
	v, err := x.Policies.Version(ctx, x.tenant.ID, p.ID, p.LatestVersion)
	if err != nil {
		return false, fmt.Errorf("read version before: %w", err)
	}
	before, err := x.Archive.Get(ctx, x.tenant.ID, v.PayloadKey)
	if err != nil {
		return false, fmt.Errorf("read payload before: %w", err)
	}
	change, err := j.t.Update(j.captured, before, x.mapping(j), j.secrets)
	if err != nil {
		return false, fmt.Errorf("steps of %s: %w", j.t.ID, err)
	}
	between, err := restore.Between(j.t, before, live.payload, change.Want)
	if err != nil {
		return false, fmt.Errorf("compare with the state before: %w", err)
	}
	if between {
		j.before = &v
	}
	return between, nil
}

// resume goes on with an item that was begun.
func (x *liveRestore) resume(ctx context.Context, j *job) error {
	live, err := x.live.read(ctx, j.t, j.written.GraphID)
	if err != nil {
		return err
	}
	if live == nil {
		return failed(reason.OutcomeUnknown, nil)
	}
	if j.before != nil {
		j.written.Before, j.written.BeforeHash = j.before.Number, j.before.ContentHash
	}
	if j.written.Steps == 0 {
		j.written.Steps = 1 // at the least
	}
	return x.converge(ctx, j, live)
}
