package sweeper

import (
	"context"
	"errors"
	"fmt"

	"tenantatlas/shared/run"
)

// DeadLetter deals with a message that workers gave up: it records on the run
// that a fault of ours hit it, and then treats the run as a sweep would, which
// ends it when its time is over or it has lost too many workers. Otherwise the
// run goes on: its worker may hold it, or a later sweep sends another message. A
// message of a run that has ended, or that does not exist, is done with.
func (s *Sweeper) DeadLetter(ctx context.Context, d run.Dispatch) error {
	err := s.Runs.NoteFault(ctx, d.TenantID, d.RunID, run.Failure{Code: "internal"})
	switch {
	case errors.Is(err, run.ErrRunEnded):
		return nil
	case errors.Is(err, run.ErrNotFound):
		s.Log.WarnContext(ctx, "dead letter names no run", "tenant", d.TenantID, "run", d.RunID)
		return nil
	case err != nil:
		return fmt.Errorf("record fault: %w", err)
	}
	did, err := s.one(ctx, run.RunRef{TenantID: d.TenantID, RunID: d.RunID}, s.Limits.withDefaults())
	if err != nil {
		return err
	}
	s.Log.ErrorContext(ctx, "message was given up", "tenant", d.TenantID, "run", d.RunID, "dispatchSeq", d.DispatchSeq, "did", did.String())
	return nil
}
