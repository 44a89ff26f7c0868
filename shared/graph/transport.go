package graph

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"tenantatlas/shared/reason"
)

// ownClient returns a client that follows no redirect and keeps no cookie:
// Graph's own API needs neither, and a redirect could carry a token away.
func ownClient(given *http.Client) *http.Client {
	c := http.Client{}
	if given != nil {
		c = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		t.MaxResponseHeaderBytes = 256 << 10
		t.MaxIdleConnsPerHost = 32
		c.Transport = t
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

var errTooLarge = errors.New("answer too large")

// boundedTransport is the last stop before the network. It sends https only,
// and bounds what is read of an answer: a larger success fails with
// errTooLarge, an error answer is cut off.
type boundedTransport struct {
	client *http.Client
	limit  int64
	agent  string
}

func (t *boundedTransport) Do(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, errors.New("not https")
	}
	req.Header.Set("User-Agent", t.agent)
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode > 299:
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxErrorBody), resp.Body}
	case resp.ContentLength > t.limit:
		_ = resp.Body.Close()
		return nil, errTooLarge
	default:
		resp.Body = &cappedBody{body: resp.Body, left: t.limit}
	}
	return resp, nil
}

// cappedBody fails once more than its limit was read.
type cappedBody struct {
	body io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

func (b *cappedBody) Close() error { return b.body.Close() }

// readOnlyTransport refuses every request that is not a GET or a batch of GETs.
// A preview stands on it: what is above may have any fault and still changes
// nothing.
type readOnlyTransport struct {
	next  policy.Transporter
	clock Clock
}

const maxBatchBody = 4 << 20

func (t *readOnlyTransport) Do(req *http.Request) (*http.Response, error) {
	if overridesMethod(req.Header) {
		return nil, refusedWrite("override", t.clock.Now())
	}
	if req.Method == http.MethodGet && (req.Body == nil || req.Body == http.NoBody) {
		return t.next.Do(req)
	}
	if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/$batch") || req.Body == nil {
		return nil, refusedWrite(req.Method, t.clock.Now())
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBatchBody+1))
	_ = req.Body.Close()
	if err != nil {
		return nil, err
	}
	if method, ok := onlyReads(body); !ok {
		return nil, refusedWrite(method, t.clock.Now())
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	req.GetBody = nil
	return t.next.Do(req)
}

// overridesMethod: X-HTTP-Method and its variants turn one method into another.
func overridesMethod(h http.Header) bool {
	for k := range h {
		if strings.HasPrefix(strings.ToLower(k), "x-http-method") {
			return true
		}
	}
	return false
}

// onlyReads reports whether a batch holds nothing but GETs without a body, and
// the method that is not one. It is strict: what it does not know, and a key
// that stands twice, which two parsers might read differently, is refused.
func onlyReads(body []byte) (method string, ok bool) {
	if len(body) > maxBatchBody || duplicateKeys(body) {
		return "", false
	}
	var batch struct {
		Requests []struct {
			ID      string            `json:"id"`
			Method  string            `json:"method"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
		} `json:"requests"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(&batch) != nil || dec.More() || len(batch.Requests) == 0 {
		return "", false
	}
	for _, r := range batch.Requests {
		if r.Method != http.MethodGet {
			return r.Method, false
		}
		for k := range r.Headers {
			if overridesMethod(http.Header{k: nil}) {
				return "override", false
			}
		}
	}
	return "", true
}

// duplicateKeys reports whether an object of the document has a key twice,
// without regard to case, or whether the document is not JSON.
func duplicateKeys(doc []byte) bool {
	type frame struct {
		keys map[string]bool // nil for an array
		key  bool            // the next token is a key
	}
	var stack []frame
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return len(stack) != 0
		}
		if err != nil {
			return true
		}
		top := len(stack) - 1
		if d, isDelim := tok.(json.Delim); isDelim {
			switch d {
			case '{':
				if top >= 0 {
					stack[top].key = stack[top].keys != nil
				}
				stack = append(stack, frame{keys: map[string]bool{}, key: true})
			case '[':
				if top >= 0 {
					stack[top].key = stack[top].keys != nil
				}
				stack = append(stack, frame{})
			default:
				stack = stack[:top]
			}
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if !stack[top].key {
			stack[top].key = true // this was the value
			continue
		}
		k, _ := tok.(string)
		k = strings.ToLower(k)
		if stack[top].keys[k] {
			return true
		}
		stack[top].keys[k], stack[top].key = true, false
	}
}

func refusedWrite(method string, now time.Time) *WriteRefusedError {
	e := newError(reason.WriteBlockedInPreview, reason.ActionAlert, now)
	w := &WriteRefusedError{Err: e}
	if reason.Code(method).Valid() {
		w.Method = method
		e.Failure.Params = reason.Params{}.Set(reason.FieldMethod, method)
	}
	return w
}
