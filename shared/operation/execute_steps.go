package operation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

// How requests that write are sent, waited for and read back.

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
			j.after(live)
			wanted, err := x.asEncrypted(ctx, x.tenant.ID, j.t, want, live)
			if err != nil {
				return err
			}
			if unlike, err = j.t.Unlike(wanted, live.payload); err != nil {
				return fmt.Errorf("compare with what was written: %w", err)
			}
			if unlike, err = x.withoutPlace(ctx, j, unlike); err != nil {
				return err
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

// withoutPlace leaves the place among others out of what is unlike, where the plan
// writes those others too: each that is written, made or deleted moves this one.
func (x *liveRestore) withoutPlace(ctx context.Context, j *job, unlike []string) ([]string, error) {
	if j.t.Place == "" || len(unlike) == 0 {
		return unlike, nil
	}
	writes, err := x.writes(ctx)
	if err != nil || writes[j.t.ID] < 2 {
		return unlike, err
	}
	return slices.DeleteFunc(unlike, func(path string) bool { return path == "object."+j.t.Place }), nil
}
