// Package secretstore keeps the credentials of tenants in AWS Secrets Manager,
// one secret per tenant. It implements run.Credentials and imports only package
// run and the AWS SDK.
//
// A secret's value is never part of an error.
package secretstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
)

// API is the part of the Secrets Manager client that the store uses.
type API interface {
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
}

// Limits of a credential, in bytes. Secrets Manager takes 65,536 for the whole.
const (
	maxClientSecret = 4 << 10
	maxCertificate  = 32 << 10
	maxSecret       = 65_536
)

// Store keeps credentials under a prefix. It is safe for concurrent use.
type Store struct {
	api    API
	prefix string
	kmsKey string
}

var _ run.Credentials = (*Store)(nil)

// New returns a store of secrets named <prefix>/tenant/<tenant>/graph, encrypted
// with the KMS key ("": the account's default key for secrets).
func New(api API, prefix, kmsKey string) *Store {
	return &Store{api: api, prefix: strings.Trim(prefix, "/"), kmsKey: kmsKey}
}

func (s *Store) name(tenantID string) string { return s.prefix + "/tenant/" + tenantID + "/graph" }

// owns reports whether a reference is one of this store.
func (s *Store) owns(ref string) bool {
	rest, ok := strings.CutPrefix(ref, s.prefix+"/tenant/")
	tenant, graph := strings.CutSuffix(rest, "/graph")
	return ok && graph && run.ValidSegment(tenant)
}

// document is the stored form.
type document struct {
	V            int    `json:"v"`
	Kind         string `json:"kind"`
	ClientSecret string `json:"clientSecret,omitempty"`
	Certificate  []byte `json:"certificate,omitempty"`
}

const documentVersion = 1

// ErrBadCredential says what is wrong with a credential, never its value.
var ErrBadCredential = errors.New("bad credential")

func check(c run.Credential) error {
	switch {
	case c.Kind == run.CredentialClientSecret && (c.ClientSecret == "" || len(c.Certificate) > 0):
		return fmt.Errorf("%w: a client secret is needed and nothing else", ErrBadCredential)
	case c.Kind == run.CredentialCertificate && (len(c.Certificate) == 0 || c.ClientSecret != ""):
		return fmt.Errorf("%w: a certificate is needed and nothing else", ErrBadCredential)
	case c.Kind != run.CredentialClientSecret && c.Kind != run.CredentialCertificate:
		return fmt.Errorf("%w: unknown kind", ErrBadCredential)
	case len(c.ClientSecret) > maxClientSecret || len(c.Certificate) > maxCertificate:
		return run.ErrTooLarge
	}
	return nil
}

// PutCredential implements run.Credentials. ErrBadCredential, run.ErrTooLarge.
// The request token is left to the SDK, which keeps one for its own retries: a
// token of the content would make going back to an earlier secret do nothing,
// and would show a digest of it.
func (s *Store) PutCredential(ctx context.Context, tenantID string, c run.Credential) (string, error) {
	if !run.ValidSegment(tenantID) {
		return "", errors.New("store credential: tenant cannot be part of a name")
	}
	if err := check(c); err != nil {
		return "", fmt.Errorf("store credential: %w", err)
	}
	raw, err := json.Marshal(document{V: documentVersion, Kind: string(c.Kind), ClientSecret: c.ClientSecret, Certificate: c.Certificate})
	if err != nil {
		return "", errors.New("store credential: cannot be encoded")
	}
	name, text := s.name(tenantID), string(raw)
	create := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text}
	if s.kmsKey != "" {
		create.KmsKeyId = &s.kmsKey
	}
	_, err = s.api.CreateSecret(ctx, create)
	var exists *types.ResourceExistsException
	if errors.As(err, &exists) {
		_, err = s.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text})
	}
	if err != nil {
		return "", redact("store credential", err)
	}
	return name, nil
}

// Credential implements run.Credentials. A reference that is not of this store
// names nothing: run.ErrNotFound.
func (s *Store) Credential(ctx context.Context, ref string) (run.Credential, error) {
	if !s.owns(ref) {
		return run.Credential{}, run.ErrNotFound
	}
	out, err := s.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &ref})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return run.Credential{}, run.ErrNotFound
	case err != nil:
		return run.Credential{}, redact("read credential", err)
	case out.SecretString == nil || len(*out.SecretString) > maxSecret:
		return run.Credential{}, errors.New("read credential: the secret is not of our form")
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(*out.SecretString)))
	decoder.DisallowUnknownFields()
	var d document
	// The decoder's error would show parts of the value.
	if err := decoder.Decode(&d); err != nil || d.V != documentVersion {
		return run.Credential{}, errors.New("read credential: the secret is not of our form")
	}
	c := run.Credential{Kind: run.CredentialKind(d.Kind), ClientSecret: d.ClientSecret, Certificate: d.Certificate}
	if err := check(c); err != nil {
		return run.Credential{}, fmt.Errorf("read credential: %w", err)
	}
	return c, nil
}

// redact keeps of an SDK error what cannot hold a value: that the context ended,
// or the service's error code.
func redact(what string, err error) error {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return fmt.Errorf("%s: %w", what, ended)
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", what, api.ErrorCode())
	}
	return fmt.Errorf("%s: no usable answer", what)
}
