// Package operation holds what each kind of run does: testing a connection,
// syncing the inventory, capturing a policy. Each is an engine.Operation over
// the contracts of package run and a reader of Microsoft Graph; none of them can
// write to a tenant.
package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// Reader reads one tenant's configuration from Microsoft Graph. Its errors are
// those of package graph.
type Reader interface {
	// CheckToken tells whether Microsoft accepts the credential.
	CheckToken(ctx context.Context) error
	// Get reads one object.
	Get(ctx context.Context, path, query string, doing reason.Doing) (json.RawMessage, error)
	// List reads a collection to its end and hands over its items in order.
	List(ctx context.Context, path, query string, item func(json.RawMessage) error) error
}

// Connect signs in to a tenant. Its errors are those of package graph, or
// run.ErrNotFound when the stored credential is gone.
type Connect func(ctx context.Context, t run.Tenant) (Reader, error)

// Deps is what the operations need.
type Deps struct {
	Policies run.Policies
	Archive  run.Archive
	// Sets, Schedules and Drifts are needed for backup sets alone.
	Sets      run.BackupSets
	Schedules run.Schedules
	Drifts    run.Drifts
	// Runs is needed for restores: their plans are outcomes of other runs. Records,
	// ConnectWriter and Sleep are needed for live restores alone.
	Runs          run.Runs
	Records       run.Records
	ConnectWriter func(ctx context.Context, t run.Tenant) (Writer, error)
	// Sleep waits for what Microsoft does by itself. nil: on the system's clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// Vault keeps the secret values that a capture reads; needed for that alone.
	Vault run.Vault
	// Names remembers names of objects that policies refer to. nil: nothing is
	// remembered.
	Names   *Names
	Connect Connect
	Now     func() time.Time
	Log     *slog.Logger
}

// Operations lists the operations that this package knows how to bind.
func Operations() []run.Operation {
	return []run.Operation{run.OpConnectionTest, run.OpInventorySync, run.OpCaptureSnapshot, run.OpBackupSetCreate, run.OpBackupSetAdd, run.OpRestorePreview, run.OpRestoreExecute, run.OpRestoreRerun}
}

// Bind returns what makes a claimed run of the operation work, or an error for
// an operation that this package does not know.
func (d Deps) Bind(op run.Operation) (engine.Bind, error) {
	var bind func(session) engine.Operation
	switch op {
	case run.OpConnectionTest:
		bind = newConnectionTest
	case run.OpInventorySync:
		bind = newInventorySync
	case run.OpCaptureSnapshot:
		bind = newCapture
	case run.OpBackupSetCreate, run.OpBackupSetAdd:
		bind = newBackupSet
	case run.OpRestorePreview:
		bind = newPreview
	case run.OpRestoreExecute, run.OpRestoreRerun:
		return d.bindWriter, nil
	default:
		return nil, fmt.Errorf("no worker for operation %q", op)
	}
	return func(ctx context.Context, r run.Run, t run.Tenant) (engine.Operation, error) {
		reader, err := d.Connect(ctx, t)
		if err != nil {
			return nil, connectVerdict(err)
		}
		return bind(session{Deps: d, run: r, tenant: t, graph: claimedBy(r, reader)}), nil
	}, nil
}

// claimedBy is the view of one claim. Retries are bounded for each; what is left to
// do then waits in the queue, where the engine spaces it out.
func claimedBy(r run.Run, reader Reader) claimReader {
	return claimReader{Reader: reader, retries: &graph.RetryBudget{}, scheduled: r.Scheduled}
}

// bindWriter makes a live restore work: the one thing that holds a client which can
// write.
func (d Deps) bindWriter(ctx context.Context, r run.Run, t run.Tenant) (engine.Operation, error) {
	writer, err := d.ConnectWriter(ctx, t)
	if err != nil {
		return nil, connectVerdict(err)
	}
	if d.Sleep == nil {
		d.Sleep = graph.SystemClock{}.Sleep
	}
	claimed := claimWriter{claimedBy(r, writer), writer}
	return newLiveRestore(session{Deps: d, run: r, tenant: t, graph: claimed.claimReader}, claimed), nil
}

// session is one run at work in one tenant.
type session struct {
	Deps
	run    run.Run
	tenant run.Tenant
	graph  Reader
}

// Probe of every operation here: reads and our own idempotent writes can be
// repeated, so nothing needs to be found out before.
func (session) Probe(context.Context, run.Item) (*run.Outcome, error) { return nil, nil }

func connectVerdict(err error) error {
	var safe *graph.Error
	switch {
	case errors.Is(err, run.ErrNotFound):
		return &engine.Fail{Failure: run.Failure{Code: string(reason.CredentialUnavailable)}}
	case errors.As(err, &safe):
		return verdict(err)
	}
	// The credential store did not answer; it may the next time.
	return &engine.Wait{Code: string(reason.CredentialUnavailable), Failure: run.Failure{Code: string(reason.CredentialUnavailable)}}
}

// verdict turns an error of a Graph request into what it means for the run: a
// *engine.Wait, a *engine.Fail, or a *itemError when only the item failed.
// Errors that do not come from Graph are returned as they are.
func verdict(err error) error {
	var limited *ratelimit.WaitError
	if errors.As(err, &limited) {
		return limitVerdict(limited)
	}
	var safe *graph.Error
	if !errors.As(err, &safe) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	failure := failureOf(safe.Failure)
	var throttled *graph.ThrottledError
	var unavailable *graph.UnavailableError
	switch {
	case errors.As(err, &throttled):
		return &engine.Wait{Code: string(reason.GraphThrottled), After: throttled.RetryAfter, Failure: failure}
	case errors.As(err, &unavailable):
		return &engine.Wait{Code: string(reason.GraphUnavailable), After: unavailable.RetryAfter, Failure: failure}
	case reason.ConnectionLost(safe.Failure.Code):
		return &engine.Fail{Failure: failure}
	}
	return &itemError{failure: failure}
}

// limitVerdict is the pause that a budget asks for. Should the run's deadline
// come first, it ends as any run that was limited too long.
func limitVerdict(limited *ratelimit.WaitError) *engine.Wait {
	code := reason.CodeOwnLimit
	if limited.Throttled {
		code = reason.GraphThrottled
	}
	params := reason.Params{}.Set(reason.FieldLane, string(limited.Lane)).Time(reason.FieldUntil, limited.Until)
	return &engine.Wait{Code: string(code), After: limited.After, Failure: failureOf(reason.Failure{Code: reason.GraphThrottled, Params: params})}
}

// itemError says that one item failed and others may well succeed.
type itemError struct{ failure run.Failure }

func (e *itemError) Error() string { return "item failed: " + e.failure.Code }

// failureOf converts the safe description of a Graph failure into the domain's.
func failureOf(f reason.Failure) run.Failure {
	f = f.Sanitize()
	out := run.Failure{
		Code: string(f.Code), HTTPStatus: f.HTTPStatus, GraphCode: f.GraphCode,
		GraphRequestID: f.GraphRequestID, ClientRequestID: f.ClientRequestID, Params: maps.Clone(map[string]string(f.Params)),
	}
	if f.EntraCode != "" {
		if out.Params == nil {
			out.Params = map[string]string{}
		}
		out.Params[string(reason.FieldEntraCode)] = f.EntraCode
	}
	return out
}

// settle turns the end of an item into its outcome, or into what stops the run.
func settle(o run.Outcome, err error) (run.Outcome, error) {
	if err == nil {
		return o, nil
	}
	var item *itemError
	if err = verdict(err); !errors.As(err, &item) {
		return run.Outcome{}, err
	}
	return run.Outcome{Status: run.OutcomeFailed, Code: item.failure.Code, Failure: &item.failure}, nil
}

// needs adds to a failure what a person needs to grant.
func needs(err error, t catalog.Type) error {
	var item *itemError
	if v := verdict(err); errors.As(v, &item) && item.failure.Code == string(reason.ConsentMissing) {
		if item.failure.Params == nil {
			item.failure.Params = map[string]string{}
		}
		item.failure.Params[string(reason.FieldPermission)] = t.ReadPermissions[0]
		item.failure.Params[string(reason.FieldType)] = t.Title
		return item
	}
	return err
}

// objectPath is the path of a part of one object. The id comes from Graph and is
// data: it is escaped, whatever it holds. each is escaped by who found it.
func objectPath(t catalog.Type, p catalog.Part, graphID, each string) string {
	parent, id := t.SplitID(graphID)
	return p.PathFor(url.PathEscape(id), url.PathEscape(parent), each)
}

// sourceItem is the item of an operation that lists a collection.
func sourceItem(src catalog.Source) run.Item {
	return run.Item{Key: src.Key, Kind: run.KindPolicyType, Name: src.Title, Type: src.Key}
}

// sourceItems are the items of operations that act on whole collections: those of
// the types that the run names, all when it names none.
func sourceItems(r run.Run, wanted func(catalog.Source) bool) ([]run.Item, error) {
	var in run.TypesInput
	if len(r.Input) > 0 {
		if err := json.Unmarshal(r.Input, &in); err != nil {
			return nil, fmt.Errorf("read input of run: %w", err)
		}
	}
	named := map[string]bool{}
	for _, id := range in.Types {
		if _, ok := catalog.ByID(id); !ok {
			return nil, fmt.Errorf("run names the unknown policy type %q", id)
		}
		named[id] = true
	}
	var items []run.Item
	for _, src := range catalog.Sources() {
		has := len(named) == 0 || slices.ContainsFunc(src.Types, func(t catalog.Type) bool { return named[t.ID] })
		if has && wanted(src) {
			items = append(items, sourceItem(src))
		}
	}
	return items, nil
}
