package crash

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// fault is what happens at one call of a process.
type fault int

const (
	none fault = iota
	killBefore
	killAfter
	loseAnswer
)

func faults() []fault { return []fault{killBefore, killAfter, loseAnswer} }

func (f fault) String() string {
	return [...]string{"undisturbed", "killed before the call", "killed after the call", "answer lost"}[f]
}

// target is the call that a fault hits: the nth of its name. Which of all calls
// that is varies a little: a share of the rate limits that expired is leased anew.
// The zero target is never hit.
type target struct {
	at   int // in the run that nothing broke, from 1
	call string
	nth  int // from 1
}

// targets are all calls of a run.
func targets(calls []string) []target {
	all, seen := make([]target, len(calls)), map[string]int{}
	for i, call := range calls {
		seen[call]++
		all[i] = target{i + 1, call, seen[call]}
	}
	return all
}

// proxy stands between one process and everything it calls, and counts the
// calls. At one of them it kills the process or loses the answer.
type proxy struct {
	fault fault
	at    target
	kill  func() // ends the process and returns when it is gone

	aws, graph *httptest.Server

	mu    sync.Mutex
	calls []string
	same  int // of the calls, those named as the target
	fired bool
}

// newProxy stands before the two services at aws and graph.
func newProxy(aws, graph upstream, f fault, at target) *proxy {
	p := &proxy{fault: f, at: at}
	p.aws = httptest.NewServer(p.handler(aws, awsCall))
	p.graph = httptest.NewTLSServer(p.handler(graph, graphCall))
	return p
}

func (p *proxy) close() {
	p.aws.Close()
	p.graph.Close()
}

// certificate is what a process must trust to reach Graph through the proxy.
func (p *proxy) certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.graph.Certificate().Raw})
}

// seen are the calls so far, and whether the fault was among them.
func (p *proxy) seen() (calls []string, fired bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls), p.fired
}

type upstream struct {
	url    string
	client http.RoundTripper
}

func (p *proxy) handler(to upstream, name func(*http.Request, []byte) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the process died while it sent this
		}
		p.mu.Lock()
		call, f := name(r, body), none
		p.calls = append(p.calls, call)
		if call == p.at.call {
			if p.same++; p.same == p.at.nth {
				f, p.fired = p.fault, true
			}
		}
		p.mu.Unlock()
		if f == killBefore {
			p.kill()
			panic(http.ErrAbortHandler)
		}
		resp, answer, err := to.forward(r, body)
		if f == killAfter {
			p.kill()
		}
		if f != none || err != nil {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		header := w.Header()
		for k, v := range resp.Header {
			header[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer)
	})
}

// forward sends a request on, whether its sender still lives or not: what was
// sent is done. The host stays as it was, so that links in answers lead back here.
func (u upstream) forward(r *http.Request, body []byte) (*http.Response, []byte, error) {
	to, err := url.Parse(u.url)
	if err != nil {
		return nil, nil, err
	}
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", to.Scheme, to.Host
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	out.Header.Del("Expect")
	resp, err := u.client.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}

// awsCall names a request to AWS: the service's operation and, for the table,
// the entities that it is about.
func awsCall(r *http.Request, body []byte) string {
	service, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case !ok && strings.Contains(r.URL.Path, "/sealed/"):
		return "S3 " + r.Method + " sealed values"
	case !ok:
		return "S3 " + r.Method + " payload" // S3 names its operations by method and path
	case service == "TrentService": // the name of KMS in its protocol
		return "KMS " + operation
	case service == "AmazonSQS":
		return "SQS " + operation
	case service == "secretsmanager":
		return "Secrets Manager " + operation
	}
	return strings.TrimSpace("DynamoDB " + operation + " " + strings.Join(entities(body), "+"))
}

// tableItem is what a request says of one item.
type tableItem struct {
	Key, Item map[string]struct{ S string }
	Values    map[string]struct{ S string } `json:"ExpressionAttributeValues"`
	Index     string                        `json:"IndexName"`
}

func (i tableItem) entity() string {
	if e := i.Item["entity"].S; e != "" {
		return e
	}
	if i.Index != "" {
		return i.Index
	}
	prefix, _, _ := strings.Cut(i.Key["SK"].S, "#")
	named := map[string]string{"RUN": "Run", "LOCK": "Lock", "META": "Tenant", "MEM": "Member", "POL": "Policy", "TYPE": "TypeSync", "V": "Version", "B": "Rate", "P": "Plan", "O": "Outcomes"}
	return cmp.Or(named[prefix], prefix)
}

func entities(body []byte) []string {
	var request struct {
		tableItem
		TransactItems []map[string]tableItem
	}
	if json.Unmarshal(body, &request) != nil {
		return nil
	}
	if len(request.TransactItems) == 0 {
		return []string{request.entity()}
	}
	var all []string
	for _, action := range request.TransactItems {
		for _, item := range action {
			all = append(all, item.entity())
		}
	}
	return all
}

// graphCall names a request to Microsoft Graph or to the authority.
func graphCall(r *http.Request, _ []byte) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] != "beta" {
		return "Graph token"
	}
	for i, part := range parts {
		if strings.Count(part, "-") == 4 || strings.Trim(part, "0123456789") == "" {
			parts[i] = "{id}"
		}
		if function, _, ok := strings.Cut(part, "("); ok {
			parts[i] = function + "({id})"
		}
	}
	return "Graph " + r.Method + " " + strings.Join(parts[1:], "/")
}
