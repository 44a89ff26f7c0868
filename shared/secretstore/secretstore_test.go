package secretstore_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/shared/secretstore"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

func TestConformance(t *testing.T) {
	client := secretsmanager.NewFromConfig(localaws.Config(localaws.Ministack(t), nil))
	runtest.Credentials(t, secretstore.New(client, "conformance", ""))
}

const canary = "canary-8f2d"

// echo is a service at its worst: it repeats the request in its errors.
type echo struct {
	secret string // what GetSecretValue answers, if anything
}

func (e echo) CreateSecret(_ context.Context, in *secretsmanager.CreateSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "InvalidRequestException", Message: *in.SecretString}
}

func (e echo) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	return nil, errors.New(*in.SecretString)
}

func (e echo) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	if e.secret == "" {
		return nil, errors.New(canary)
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &e.secret}, nil
}

// No error, whatever goes wrong, shows a credential.
func TestErrorsShowNoValue(t *testing.T) {
	var errs []error
	for _, c := range []run.Credential{
		{Kind: run.CredentialClientSecret, ClientSecret: canary},
		{Kind: run.CredentialCertificate, Certificate: []byte(canary)},
		{Kind: canary, ClientSecret: canary},
		{Kind: run.CredentialCertificate, ClientSecret: canary},
		{Kind: run.CredentialClientSecret, ClientSecret: strings.Repeat(canary, 1000)},
		{Kind: run.CredentialCertificate, Certificate: []byte(strings.Repeat(canary, 10_000))},
	} {
		_, err := secretstore.New(echo{}, "p", "").PutCredential(t.Context(), "ten_1", c)
		errs = append(errs, err)
	}
	for _, stored := range []string{
		"", canary, `{"v":1,"kind":"` + canary + `"}`, `{"v":9,"clientSecret":"` + canary + `"}`, `{"v":1,"` + canary + `":1}`, `{"v":"` + canary + `"}`,
	} {
		_, err := secretstore.New(echo{secret: stored}, "p", "").Credential(t.Context(), "p/tenant/ten_1/graph")
		errs = append(errs, err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	for i, err := range errs {
		if err == nil {
			t.Errorf("case %d: no error", i)
			continue
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, canary) || strings.Contains(text, encoded[:8]) {
			t.Errorf("case %d shows the credential: %s", i, text)
		}
	}
}

// A reference that this store did not make is never asked for.
func TestForeignReference(t *testing.T) {
	s := secretstore.New(echo{secret: `{"v":1,"kind":"client_secret","clientSecret":"x"}`}, "p", "")
	for _, ref := range []string{"", "p/tenant/ten_1/other", "q/tenant/ten_1/graph", "p/tenant/a/b/graph", "p/tenant//graph", "arn:aws:secretsmanager:x", "p/tenant/ten_1/graph\n"} {
		if _, err := s.Credential(t.Context(), ref); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}
