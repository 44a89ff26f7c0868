package graph

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tenantatlas/shared/reason"
)

// Credential is how the application proves itself in a tenant: a client secret,
// or a certificate with its private key. Exactly one of the two is set. Its
// value never shows in text, logs or JSON.
type Credential struct {
	Secret string
	// CertificatePEM holds the certificate (and perhaps its chain) and an RSA
	// private key without a passphrase, at most 64 KiB.
	CertificatePEM []byte
}

// Kind returns "secret" or "certificate", for sentences.
func (c Credential) Kind() string {
	if len(c.CertificatePEM) > 0 {
		return "certificate"
	}
	return "secret"
}

// String does not show the value.
func (c Credential) String() string { return "graph.Credential(" + c.Kind() + ")" }

// GoString does not show the value.
func (c Credential) GoString() string { return c.String() }

// LogValue does not show the value.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON does not show the value.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

const maxCertificate = 64 << 10

var (
	tenantForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$`)
	clientForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

// tokenSource gets and keeps the token of one application in one tenant. The
// cache is this value's alone and in memory. Each acquisition uses a fresh
// azidentity credential: azidentity's own cache would hand out the very token
// that Graph has just refused.
type tokenSource struct {
	clock   Clock
	scope   string
	kind    string
	expires time.Time // of the certificate; zero for secrets
	fresh   func() (azcore.TokenCredential, error)
	observe func(Observation)
	timeout time.Duration
	limiter Limiter

	turn  chan struct{} // capacity 1: guards what follows, and waits with a context
	token string
	until time.Time
}

// newTokenSource checks what can be checked without the network. Its errors are
// *Error with the code that the same mistake has at run time.
func newTokenSource(cfg Config, ep Endpoint, transport policy.Transporter, clock Clock) (*tokenSource, error) {
	now := clock.Now()
	switch strings.ToLower(cfg.TenantID) {
	case "common", "organizations", "consumers": // would sign in to some tenant, not to this one
		return nil, newError(reason.TenantNotFound, reason.ActionNone, now)
	}
	if !tenantForm.MatchString(cfg.TenantID) {
		return nil, newError(reason.TenantNotFound, reason.ActionNone, now)
	}
	if !clientForm.MatchString(cfg.ClientID) {
		return nil, newError(reason.AppNotFound, reason.ActionNone, now)
	}
	// A stand-in answers in the cloud's place: the audience stays the cloud's own.
	audience := ep
	if own, known := cfg.Cloud.Endpoint(); known {
		audience = own
	}
	ts := &tokenSource{clock: clock, scope: audience.scope(), kind: cfg.Credential.Kind(),
		observe: cfg.observe, timeout: cfg.AttemptTimeout, limiter: cfg.Limiter, turn: make(chan struct{}, 1)}
	cred := cfg.Credential
	if (cred.Secret == "") == (len(cred.CertificatePEM) == 0) {
		return nil, ts.refused(reason.CredentialInvalid)
	}
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: strings.TrimSuffix(ep.AuthorityURL, "/") + "/"},
		Retry:     policy.RetryOptions{MaxRetries: -1}, // retry.go is the only layer that retries
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: transport,
	}
	// A stand-in is not among the authorities that Microsoft's discovery knows.
	standIn := cfg.Endpoint != nil
	if cred.Secret != "" {
		ts.fresh = func() (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(cfg.TenantID, cfg.ClientID, cred.Secret,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: standIn})
		}
		return ts, nil
	}
	chain, key, err := parseCertificate(cred.CertificatePEM)
	if err != nil {
		return nil, ts.refused(reason.CredentialInvalid)
	}
	ts.expires = chain[0].NotAfter
	ts.fresh = func() (azcore.TokenCredential, error) {
		return azidentity.NewClientCertificateCredential(cfg.TenantID, cfg.ClientID, chain, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: standIn})
	}
	return ts, nil
}

// CertificateExpiry returns when the certificate of a credential expires, and
// false for a secret or for a certificate that cannot be read. It lets an
// owner be warned without a call.
func (c Credential) CertificateExpiry() (time.Time, bool) {
	if len(c.CertificatePEM) == 0 {
		return time.Time{}, false
	}
	chain, _, err := parseCertificate(c.CertificatePEM)
	if err != nil {
		return time.Time{}, false
	}
	return chain[0].NotAfter, true
}

var errCertificate = errors.New("certificate cannot be used")

// parseCertificate reads PEM and returns the certificates with that of the key
// first. Its error says nothing, because the parsers' errors may quote input.
func parseCertificate(data []byte) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if len(data) > maxCertificate {
		return nil, nil, errCertificate
	}
	// azidentity falls back to PKCS#12 for what is not PEM; we accept PEM only.
	if block, _ := pem.Decode(data); block == nil {
		return nil, nil, errCertificate
	}
	chain, key, err := azidentity.ParseCertificates(data, nil)
	if err != nil {
		return nil, nil, errCertificate
	}
	private, ok := key.(*rsa.PrivateKey) // MSAL signs with RSA only
	if !ok {
		return nil, nil, errCertificate
	}
	leaf := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return private.PublicKey.Equal(c.PublicKey) })
	if leaf < 0 {
		return nil, nil, errCertificate
	}
	chain[0], chain[leaf] = chain[leaf], chain[0]
	return chain, key, nil
}

// get returns a token that is not stale, the one that Graph has just refused.
// Concurrent callers share one acquisition. err is final; e is for the retrier
// to judge.
func (ts *tokenSource) get(ctx context.Context, stale string) (token string, e *Error, wait time.Duration, given bool, err error) {
	select {
	case ts.turn <- struct{}{}:
		defer func() { <-ts.turn }()
	case <-ctx.Done():
		return "", nil, 0, false, contextError(ctx, "", ts.clock.Now())
	}
	if ts.token != "" && ts.token != stale && ts.clock.Now().Before(ts.until) {
		return ts.token, nil, 0, false, nil
	}
	start := ts.clock.Now()
	if !ts.expires.IsZero() && !start.Before(ts.expires) {
		return "", ts.refused(reason.CredentialExpired), 0, false, nil
	}
	cred, err := ts.fresh()
	if err != nil {
		return "", ts.refused(reason.CredentialInvalid), 0, false, nil
	}
	if ts.limiter != nil {
		if err := ts.limiter.Take(ctx, LaneEntra, false, 1); err != nil {
			if ctx.Err() != nil {
				err = contextError(ctx, "", ts.clock.Now())
			}
			return "", nil, 0, false, err
		}
	}
	attempt, cancel := context.WithTimeout(ctx, ts.timeout)
	defer cancel()
	tok, err := cred.GetToken(attempt, policy.TokenRequestOptions{Scopes: []string{ts.scope}})
	now := ts.clock.Now()
	o := Observation{Method: http.MethodPost, Path: "token", Lane: LaneEntra, Status: http.StatusOK, Duration: now.Sub(start), Attempt: 1}
	if err != nil {
		if ctx.Err() != nil {
			return "", nil, 0, false, contextError(ctx, "", now)
		}
		e, wait, given = ts.entraError(err)
		o.Status, o.Code = e.Failure.HTTPStatus, e.Failure.Code
		ts.observe(o)
		return "", e, wait, given, nil
	}
	ts.observe(o)
	// Renew early: a request must not leave with a token that ends on the way.
	// ExpiresOn was counted by azidentity from the system's clock, so the life
	// is too; what follows is on ours.
	life := time.Until(tok.ExpiresOn)
	ts.token, ts.until = tok.Token, now.Add(life-min(5*time.Minute, life/4))
	return ts.token, nil, 0, false, nil
}

// entraAnswer is the error body of the token endpoint.
// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
type entraAnswer struct {
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	TraceID     string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
}

var aadsts = regexp.MustCompile(`AADSTS([0-9]{2,9})`)

// entraError maps an error of azidentity. Only numbers, ids and the status are
// taken from it: its own text holds Microsoft's.
func (ts *tokenSource) entraError(err error) (*Error, time.Duration, bool) {
	var (
		failed *azidentity.AuthenticationFailedError
		status int
		answer entraAnswer
		wait   time.Duration
		given  bool
	)
	if errors.As(err, &failed) && failed.RawResponse != nil {
		status = failed.RawResponse.StatusCode
		wait, given = parseRetryAfter(failed.RawResponse.Header.Get("Retry-After"), ts.clock.Now())
		answer = parseEntra(failed.RawResponse.Body)
	}
	e := ts.refused(reason.FromEntra(answer.Codes, status, answer.Description))
	e.Action = reason.EntraAction(answer.Codes, status)
	e.Failure.HTTPStatus = status
	e.Failure.ClientRequestID = answer.Correlation
	if len(answer.Codes) > 0 && answer.Codes[0] > 0 {
		e.Failure.EntraCode = "AADSTS" + strconv.Itoa(answer.Codes[0])
		e.Failure.Params.Set(reason.FieldEntraCode, e.Failure.EntraCode)
	}
	e.Failure.Params.Set(reason.FieldTraceID, answer.TraceID)
	e.Failure = e.Failure.Sanitize()
	return e, wait, given
}

func parseEntra(body io.Reader) entraAnswer {
	var a entraAnswer
	if body == nil {
		return a
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxErrorBody))
	if err != nil || json.Unmarshal(raw, &a) != nil {
		return entraAnswer{}
	}
	if len(a.Codes) == 0 && len(a.Description) <= maxErrorText {
		if m := aadsts.FindStringSubmatch(a.Description); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				a.Codes = []int{n}
			}
		}
	}
	return a
}

// refused describes a credential that cannot be used.
func (ts *tokenSource) refused(c reason.Code) *Error {
	e := newError(c, reason.ActionNone, ts.clock.Now())
	e.Failure.Params = reason.Params{}.Set(reason.FieldCredential, ts.kind).Time(reason.FieldExpiresAt, ts.expires)
	return e
}

// drop forgets the token, so that the next request gets a new one.
func (ts *tokenSource) drop(ctx context.Context) {
	select {
	case ts.turn <- struct{}{}:
		ts.token = ""
		<-ts.turn
	case <-ctx.Done():
	}
}
