package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/ratelimit"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// CredentialReader reads the credential store.
type CredentialReader interface {
	// Credential reads what a reference names. run.ErrNotFound.
	Credential(ctx context.Context, ref string) (run.Credential, error)
}

// Connector signs in to tenants and keeps the clients, and with them their
// tokens, for as long as the process lives and the tenant does not change.
type Connector struct {
	Credentials CredentialReader
	// Endpoint takes the place of the tenant's cloud, for a stand-in. nil in
	// production.
	Endpoint *graph.Endpoint
	Version  string
	Log      *slog.Logger
	// HTTPClient and Retry are those of package graph; zero values mean its
	// defaults.
	HTTPClient *http.Client
	Retry      graph.Retry
	// Rates holds the budgets of requests that all workers share. nil: none.
	Rates run.Rates

	mu      sync.Mutex
	clients map[string]connected
}

type connected struct {
	rev    int64
	since  time.Time
	client Reader
}

// Clients are kept this long and this many: a rotated secret is read anew in
// time even where the tenant's record did not change with it.
const (
	clientLife = 15 * time.Minute
	maxClients = 64
)

// Connect returns a client of the tenant that can only read.
func (c *Connector) Connect(ctx context.Context, t run.Tenant) (Reader, error) {
	return c.connect(ctx, t, func(cfg graph.Config) (Reader, error) {
		reader, err := graph.NewReader(cfg)
		return graphReader{reader}, err
	})
}

// ConnectWriter returns a client of the tenant that can write as well. A connector
// that made clients of one kind makes no others: what may only read never shares a
// process with what may write.
func (c *Connector) ConnectWriter(ctx context.Context, t run.Tenant) (Writer, error) {
	client, err := c.connect(ctx, t, func(cfg graph.Config) (Reader, error) {
		writer, err := graph.NewWriter(cfg)
		return graphWriter{graphReader{writer}, writer}, err
	})
	if err != nil {
		return nil, err
	}
	writer, ok := client.(Writer)
	if !ok {
		return nil, errors.New("connector made a client that can only read")
	}
	return writer, nil
}

func (c *Connector) connect(ctx context.Context, t run.Tenant, build func(graph.Config) (Reader, error)) (Reader, error) {
	c.mu.Lock()
	have, ok := c.clients[t.ID]
	c.mu.Unlock()
	if ok && have.rev == t.Rev && time.Since(have.since) < clientLife {
		return have.client, nil
	}
	secret, err := c.Credentials.Credential(ctx, t.CredentialRef)
	if err != nil {
		return nil, fmt.Errorf("read credential: %w", err)
	}
	var limiter graph.Limiter
	if c.Rates != nil {
		limiter = ratelimit.New(c.Rates, t.ID, ratelimit.Options{ShortWait: c.Retry.ShortWait, Log: c.Log})
	}
	client, err := build(graph.Config{
		Cloud: graph.Cloud(t.Cloud), Endpoint: c.Endpoint, TenantID: t.GraphTenantID, ClientID: t.ClientID, Version: c.Version,
		Credential: graph.Credential{Secret: secret.ClientSecret, CertificatePEM: secret.Certificate},
		Observer:   c.observe(t.ID), //nolint:contextcheck // the hook is handed no context
		HTTPClient: c.HTTPClient, Retry: c.Retry, Limiter: limiter,
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients == nil || len(c.clients) >= maxClients {
		c.clients = map[string]connected{}
	}
	c.clients[t.ID] = connected{rev: t.Rev, since: time.Now(), client: client}
	return client, nil
}

func (c *Connector) observe(tenantID string) func(graph.Observation) {
	return func(o graph.Observation) {
		level := slog.LevelDebug
		if o.Code != "" {
			level = slog.LevelInfo
		}
		c.Log.Log(context.Background(), level, "graph request", "tenant", tenantID, "method", o.Method, "path", o.Path,
			"status", o.Status, "ms", o.Duration.Milliseconds(), "attempt", o.Attempt, "code", string(o.Code),
			"requestId", o.RequestID, "clientRequestId", o.ClientRequestID)
	}
}

// graphReader is the Graph client in the words of this package.
type graphReader struct{ client reading }

// reading is what the clients of package graph have in common.
type reading interface {
	CheckToken(ctx context.Context) error
	Get(ctx context.Context, req graph.Request) (graph.Response, error)
	List(ctx context.Context, req graph.Request, opt graph.ListOptions, fn func(json.RawMessage) error) (graph.Pages, error)
}

// graphWriter is the Graph client that can write.
type graphWriter struct {
	graphReader
	client *graph.Writer
}

func (w graphWriter) Write(ctx context.Context, method, path string, body json.RawMessage, doing reason.Doing) (json.RawMessage, error) {
	resp, err := w.client.Write(ctx, graph.Request{Method: method, Path: path, Doing: doing}, body)
	return resp.Body, err
}

func (r graphReader) CheckToken(ctx context.Context) error { return r.client.CheckToken(ctx) }

func (r graphReader) Get(ctx context.Context, path, query string, doing reason.Doing) (json.RawMessage, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("query of %s: %w", path, err)
	}
	resp, err := r.client.Get(ctx, graph.Request{Path: path, Query: q, Doing: doing})
	return resp.Body, err
}

func (r graphReader) List(ctx context.Context, path, query string, item func(json.RawMessage) error) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("query of %s: %w", path, err)
	}
	// A page size is a hint: the client reads on without it when it is refused.
	var opt graph.ListOptions
	if top := q.Get("$top"); top != "" {
		if opt.Top, err = strconv.Atoi(top); err != nil {
			return fmt.Errorf("query of %s: %w", path, err)
		}
		q.Del("$top")
	}
	_, err = r.client.List(ctx, graph.Request{Path: path, Query: q}, opt, item)
	return err
}
