// Package start is the only way a run comes to be: for the API, for schedules
// and for re-runs alike. It authorises, validates against our own records,
// takes the lock and makes the run in one transaction, and hands it to a queue.
// It never calls Microsoft Graph, and uses three calls of the cloud: one read,
// one transaction, one message.
package start

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tenantatlas/shared/run"
)

// ReplayFor is how long an Idempotency-Key is remembered.
const ReplayFor = 24 * time.Hour

// RoleError says that the caller is a member but needs a stronger role.
type RoleError struct{ Need run.Role }

func (e *RoleError) Error() string { return "needs the role " + string(e.Need) }

// ConflictError says that another selection of the same operation is running.
type ConflictError struct{ Active run.Run }

func (e *ConflictError) Error() string { return "conflicts with active run " + e.Active.ID }

// Request asks for a run.
type Request struct {
	TenantID  string
	Principal run.Principal
	Operation run.Operation
	// Scope is what only one run at a time may be about; with the operation it
	// makes the idempotency key. "" is the whole tenant.
	Scope string
	// Lock is what the lock is named by in the place of the operation, "" for that:
	// operations that exclude each other have it in common.
	Lock string
	// PolicyID, when set, must name a policy of the tenant; it becomes the
	// target and the scope.
	PolicyID string
	// Set is a backup set to be made with the run, which it becomes the target of;
	// SetID an existing one that the run uses, and changes when ChangesSet is set.
	// Of these and PolicyID at most one is given.
	Set        *run.BackupSet
	SetID      string
	ChangesSet bool
	// LinkTo is an earlier run that this one has to do with, LinkKind what. Of a plan
	// only one run is the live restore.
	LinkTo   string
	LinkKind run.LinkKind
	// Reason is why, as the caller says it. It is kept with the run and in the audit
	// trail and does not tell two requests apart.
	Reason string
	// Input is stored with the run and decides, with the operation, whether two
	// starts ask for the same.
	Input any
	// IdempotencyKey is the client's own key for this request, "" for none.
	IdempotencyKey string
	// Deadline is how long the run may take.
	Deadline time.Duration
	// ScheduleID is set when a schedule asks, and nobody waits before a screen; there
	// is no Principal then.
	ScheduleID string
}

// Result is the run that now answers the request.
type Result struct {
	Run run.Run
	// Reused is true when the run had been started before, by a request for the
	// same.
	Reused bool
	// Replayed is true when that was by the same IdempotencyKey.
	Replayed bool
}

// Starter makes runs.
type Starter struct {
	Runs  run.Runs
	Queue run.Queue
	IDs   run.IDSource
	Now   func() time.Time
	Log   *slog.Logger
}

// Start makes the requested run, or returns the active one that was asked for
// before. Errors: run.ErrNotMember (also for a tenant that does not exist, and for
// a schedule that is paused or gone), *RoleError, run.ErrTenantDisabled,
// run.ErrNotFound (the policy or backup set), run.ErrSetBusy, run.ErrKeyTaken,
// *run.PlanUsedError, *ConflictError; any other error means that nothing is known to have started.
//
// A run whose message could not be sent is returned, ended as failed with
// dispatch_failed and with its lock free.
func (s *Starter) Start(ctx context.Context, req Request) (Result, error) {
	input, err := Canonical(req.Input)
	if err != nil {
		return Result{}, fmt.Errorf("encode input: %w", err)
	}
	scope := req.Scope
	if req.PolicyID != "" {
		scope = req.PolicyID
	}
	keyHash := run.Hash(cmp.Or(req.Lock, string(req.Operation)), scope)
	payloadHash := run.Hash(string(req.Operation), scope, string(input))
	var clientKey string
	if req.IdempotencyKey != "" {
		clientKey = run.Hash(req.Principal.UserID+req.ScheduleID, string(req.Operation), req.IdempotencyKey)
	}
	query := run.StartQuery{
		TenantID: req.TenantID, UserID: req.Principal.UserID, KeyHash: keyHash,
		IdempotencyKey: clientKey, PolicyID: req.PolicyID, SetID: req.SetID, ScheduleID: req.ScheduleID,
	}

	// A second round is needed only when the lock changes hands between our read
	// and our transaction, so a few rounds are plenty.
	for range 4 {
		view, err := s.Runs.StartView(ctx, query)
		if err != nil {
			return Result{}, fmt.Errorf("read before start: %w", err)
		}
		if res, err := s.settled(ctx, req, view, payloadHash); err != nil || res != nil {
			return deref(res), err
		}
		r, err := s.create(ctx, req, view, input, keyHash, payloadHash, clientKey)
		var held *run.LockHeldError
		switch {
		case err == nil:
			return Result{Run: s.dispatch(ctx, r)}, nil
		case errors.As(err, &held):
			if res, err := s.holder(ctx, req.TenantID, held.Lock, payloadHash); err != nil || res != nil {
				return deref(res), err
			}
		case errors.Is(err, run.ErrConflict):
			// Another request with this Idempotency-Key got there first.
		default:
			return Result{}, err
		}
	}
	return Result{}, errors.New("the lock changed hands too often")
}

func deref(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}

// settled answers a request that needs no new run: refused, or done before.
func (s *Starter) settled(ctx context.Context, req Request, view run.StartView, payloadHash string) (*Result, error) {
	if err := mayAsk(req, view); err != nil {
		return nil, err
	}
	if view.Tenant.Disabled {
		return nil, run.ErrTenantDisabled
	}
	if req.PolicyID != "" && view.Policy == nil || req.SetID != "" && (view.Set == nil || view.Set.DeletedAt != nil) {
		return nil, run.ErrNotFound
	}
	if rp := view.Replay; rp != nil && rp.ExpiresAt.After(s.Now()) {
		if rp.PayloadHash != payloadHash {
			return nil, run.ErrKeyTaken
		}
		r, err := s.Runs.Run(ctx, req.TenantID, rp.RunID)
		if err != nil {
			return nil, fmt.Errorf("read the run of the key: %w", err)
		}
		return &Result{Run: r, Reused: true, Replayed: true}, nil
	}
	if view.Lock != nil && view.Lock.ActiveRunID != "" {
		return s.holder(ctx, req.TenantID, *view.Lock, payloadHash)
	}
	return nil, nil
}

// mayAsk says whether the caller may start the operation.
func mayAsk(req Request, view run.StartView) error {
	if view.Tenant == nil {
		return run.ErrNotMember
	}
	if req.ScheduleID != "" {
		if view.Schedule == nil || view.Schedule.Removed || view.Schedule.Paused {
			return run.ErrNotMember
		}
		return nil
	}
	if view.Member == nil {
		return run.ErrNotMember
	}
	if need := req.Operation.Role(); !view.Member.Role.Includes(need) {
		return &RoleError{Need: need}
	}
	return nil
}

// holder answers with the run that holds the lock: the same request reuses it,
// another conflicts. nil when the holder has ended meanwhile and freed the lock.
func (s *Starter) holder(ctx context.Context, tenantID string, l run.Lock, payloadHash string) (*Result, error) {
	if l.ActiveRunID == "" {
		return nil, nil
	}
	r, err := s.Runs.Run(ctx, tenantID, l.ActiveRunID)
	if err != nil {
		return nil, fmt.Errorf("read the active run: %w", err)
	}
	if l.PayloadHash == payloadHash {
		return &Result{Run: r, Reused: true}, nil
	}
	if r.Status.Terminal() {
		return nil, nil
	}
	return nil, &ConflictError{Active: r}
}

func (s *Starter) create(ctx context.Context, req Request, view run.StartView, input json.RawMessage, keyHash, payloadHash, clientKey string) (run.Run, error) {
	now := s.Now().UTC()
	target := run.Target{Kind: run.TargetTenant, ID: view.Tenant.ID, Name: view.Tenant.Name}
	switch {
	case view.Policy != nil:
		target = run.Target{Kind: run.TargetPolicy, ID: view.Policy.ID, Name: view.Policy.Name, Type: view.Policy.Type}
	case req.Set != nil:
		target = run.Target{Kind: run.TargetBackupSet, ID: req.Set.ID, Name: req.Set.Name}
	case view.Set != nil:
		target = run.Target{Kind: run.TargetBackupSet, ID: view.Set.ID, Name: view.Set.Name}
	}
	initiator, role := run.Initiator{UserID: req.Principal.UserID}, req.Operation.Role()
	if req.ScheduleID != "" {
		initiator, role = run.Initiator{ScheduleID: view.Schedule.ID, Name: view.Schedule.Name}, ""
	} else if initiator.Name = view.Member.Name; initiator.Name == "" {
		initiator.Name = req.Principal.Name
	}
	var set *run.BackupSet
	if req.Set != nil {
		made := *req.Set
		made.TenantID, made.CreatedAt, made.UpdatedAt, made.CreatedBy, made.ScheduleID = req.TenantID, now, now, initiator, req.ScheduleID
		set = &made
	}
	r := run.Run{
		ID: s.IDs.New(run.PrefixRun, now), TenantID: req.TenantID, TenantName: view.Tenant.Name,
		Operation: req.Operation, Target: target,
		Initiator: initiator,
		Reason:    req.Reason,
		Input:     input, KeyHash: keyHash, PayloadHash: payloadHash, Scheduled: req.ScheduleID != "",
		Status: run.StatusQueued, CreatedAt: now, UpdatedAt: now,
		DeadlineAt: now.Add(req.Deadline), DispatchSeq: 1,
	}
	audit := run.AuditEvent{
		TenantID: r.TenantID, At: now, Event: run.AuditRunRequested,
		ActorID: r.Initiator.ID(), ActorName: r.Initiator.Name,
		RunID: r.ID, Operation: r.Operation, Target: r.Target, Status: r.Status,
	}
	if req.Reason != "" {
		audit.Details = map[string]string{"reason": req.Reason}
	}
	err := s.Runs.CreateRun(ctx, run.NewRun{
		Run: r, Role: role, Audit: audit,
		IdempotencyKey: clientKey, ReplayUntil: now.Add(ReplayFor),
		Set: set, UsesSet: req.SetID, ChangesSet: req.ChangesSet,
		LinkTo: req.LinkTo, LinkKind: req.LinkKind,
	})
	return r, err
}

// dispatch hands the run to its queue. When that fails the run ends here and
// now: nobody else would look at it soon. Should the message have been sent all
// the same, its worker finds a terminal run and drops it.
func (s *Starter) dispatch(ctx context.Context, r run.Run) run.Run {
	err := s.Queue.Send(ctx, r.Operation, r.Dispatch(), 0)
	if err == nil {
		return r
	}
	// The caller may have gone, and the run must end all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s.Log.ErrorContext(ctx, "run could not be dispatched", "tenant", r.TenantID, "run", r.ID, "error", err)
	ended, endErr := s.Runs.End(ctx, r.Fence(), r.Stop(run.Failure{Code: "dispatch_failed"}, s.Now().UTC()))
	switch {
	case endErr == nil:
		return ended
	case errors.Is(endErr, run.ErrFenced), errors.Is(endErr, run.ErrRunEnded):
		// The message did arrive and a worker has it: the start succeeded.
		if current, err := s.Runs.Run(ctx, r.TenantID, r.ID); err == nil {
			return current
		}
	default:
		s.Log.ErrorContext(ctx, "undispatched run could not be ended", "tenant", r.TenantID, "run", r.ID, "error", endErr)
	}
	return r
}

// Canonical encodes v with sorted keys, so that equal requests have equal
// bytes.
func Canonical(v any) (json.RawMessage, error) {
	if v == nil {
		return json.RawMessage("{}"), nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}
