package operation

import (
	"context"
	"encoding/json"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/reason"
)

// claimReader is the view that one claim of a run has of a tenant's client,
// which runs share: its requests have a budget of retries of their own, and the
// run's standing among the others.
type claimReader struct {
	Reader
	retries *graph.RetryBudget
	// scheduled: nobody waits for the run, so it lets others go first.
	scheduled bool
}

func (r claimReader) with(ctx context.Context) context.Context {
	if r.scheduled {
		ctx = ratelimit.Scheduled(ctx)
	}
	return graph.WithRetryBudget(ctx, r.retries)
}

func (r claimReader) CheckToken(ctx context.Context) error { return r.Reader.CheckToken(r.with(ctx)) }

func (r claimReader) Get(ctx context.Context, path, query string, doing reason.Doing) (json.RawMessage, error) {
	return r.Reader.Get(r.with(ctx), path, query, doing)
}

func (r claimReader) List(ctx context.Context, path, query string, item func(json.RawMessage) error) error {
	return r.Reader.List(r.with(ctx), path, query, item)
}

// claimWriter is the same view of a client that can write.
type claimWriter struct {
	claimReader
	writer Writer
}

func (w claimWriter) Write(ctx context.Context, method, path string, body json.RawMessage, doing reason.Doing) (json.RawMessage, error) {
	return w.writer.Write(w.with(ctx), method, path, body, doing)
}
