package graph

import (
	"context"
	"sync"
)

// RetryBudget bounds how often the requests that share it are sent again in
// place, so that a Graph in trouble does not get several times the load: at most
// 10 times and another 20 % of the requests. When it is used up, a failure is
// handed back at once. The zero value is ready; it is safe for concurrent use.
type RetryBudget struct {
	mu       sync.Mutex
	requests int
	retries  int
}

const (
	freeRetries      = 10
	requestsPerRetry = 5
)

type budgetKey struct{}

// WithRetryBudget returns a context whose requests share the budget. Without
// one, only Retry.MaxAttempts bounds each request.
func WithRetryBudget(ctx context.Context, b *RetryBudget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

// budgetOf returns the budget of a context, or nil.
func budgetOf(ctx context.Context) *RetryBudget {
	b, _ := ctx.Value(budgetKey{}).(*RetryBudget)
	return b
}

// request counts n requests that are sent for the first time.
func (b *RetryBudget) request(n int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests += n
}

// retry reports whether one more may be sent again, and counts it if so.
func (b *RetryBudget) retry() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retries+1 > freeRetries+b.requests/requestsPerRetry {
		return false
	}
	b.retries++
	return true
}
