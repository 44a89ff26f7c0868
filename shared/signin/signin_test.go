package signin_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/shared/signin"
)

var (
	now    = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	config = signin.Config{Issuer: "https://issuer.test", Audience: "client-1", Scope: "tenantatlas/api", GroupsClaim: "cognito:groups", AdminGroup: "platform-admins"}
)

func claims(changes map[string]string) map[string]string {
	c := map[string]string{"sub": "user-1", "token_use": "access", "scope": "openid tenantatlas/api", "exp": "1.9e+09", "username": "user-1", "client_id": "client-1"}
	for k, v := range changes {
		if v == "" {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func TestPrincipal(t *testing.T) {
	for name, tc := range map[string]struct {
		changes map[string]string
		want    run.Principal
		err     error
	}{
		"access token":         {nil, run.Principal{UserID: "user-1"}, nil},
		"with a name":          {map[string]string{"email": "anna@contoso.example"}, run.Principal{UserID: "user-1", Name: "anna@contoso.example"}, nil},
		"administrator":        {map[string]string{"cognito:groups": "[others platform-admins]"}, run.Principal{UserID: "user-1", PlatformAdmin: true}, nil},
		"almost administrator": {map[string]string{"cognito:groups": "[not-platform-admins platform-admins-2]"}, run.Principal{UserID: "user-1"}, nil},
		"another issuer":       {map[string]string{"token_use": ""}, run.Principal{UserID: "user-1"}, nil},
		"ID token":             {map[string]string{"token_use": "id"}, run.Principal{}, httpapi.ErrUnauthenticated},
		"without the scope":    {map[string]string{"scope": "openid tenantatlas/apis"}, run.Principal{}, httpapi.ErrUnauthenticated},
		"without a subject":    {map[string]string{"sub": ""}, run.Principal{}, httpapi.ErrUnauthenticated},
		"hostile subject":      {map[string]string{"sub": "a#b"}, run.Principal{}, httpapi.ErrUnauthenticated},
		"expired":              {map[string]string{"exp": "1700000000"}, run.Principal{}, httpapi.ErrSessionExpired},
		"no time":              {map[string]string{"exp": "soon"}, run.Principal{}, httpapi.ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Principal(claims(tc.changes), now)
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The gateway's verified claims arrive; a request that no authorizer has seen
// names nobody, whatever headers it carries.
func TestGateway(t *testing.T) {
	var got run.Principal
	var gotErr error
	identify := signin.Gateway(config, func() time.Time { return now })
	adapter := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, gotErr = identify(r)
		w.WriteHeader(http.StatusNoContent)
	}))
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/v1/me", Headers: map[string]string{"authorization": "Bearer x", "x-user": "root"}}
	event.RequestContext.HTTP.Method = "GET"
	if _, err := adapter.ProxyWithContext(context.Background(), event); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(gotErr, httpapi.ErrUnauthenticated) {
		t.Errorf("without an authorizer: %+v, %v", got, gotErr)
	}
	event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims(nil)}}
	if _, err := adapter.ProxyWithContext(context.Background(), event); err != nil {
		t.Fatal(err)
	}
	if gotErr != nil || got.UserID != "user-1" {
		t.Errorf("with one: %+v, %v", got, gotErr)
	}
}

// issuer signs tokens and serves its keys.
type issuer struct {
	key *rsa.PrivateKey
	url string
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}))
	t.Cleanup(srv.Close)
	return issuer{key, srv.URL}
}

func (i issuer) sign(t *testing.T, key *rsa.PrivateKey, alg string, payload map[string]any) string {
	t.Helper()
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(map[string]string{"alg": alg, "kid": "1"}) + "." + part(payload)
	if alg == "none" {
		return text + "."
	}
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// Where no authorizer runs, the token is verified here.
func TestVerifier(t *testing.T) {
	i := newIssuer(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := config
	c.KeysURL = i.url
	identify := signin.Verifier(t.Context(), c, func() time.Time { return now })
	payload := func(changes map[string]any) map[string]any {
		p := map[string]any{"iss": "https://issuer.test", "sub": "user-1", "client_id": "client-1", "token_use": "access", "scope": "tenantatlas/api", "exp": now.Add(time.Hour).Unix(), "cognito:groups": []string{"platform-admins"}}
		for k, v := range changes {
			p[k] = v
		}
		return p
	}
	good := i.sign(t, i.key, "RS256", payload(nil))
	body := strings.Split(good, ".")
	tampered := body[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.test","sub":"user-2","client_id":"client-1","token_use":"access","scope":"tenantatlas/api","exp":4000000000}`)) + "." + body[2]
	for name, tc := range map[string]struct {
		header string
		err    error
	}{
		"good":           {"Bearer " + good, nil},
		"any case":       {"bearer " + good, nil},
		"none":           {"", httpapi.ErrUnauthenticated},
		"basic":          {"Basic " + good, httpapi.ErrUnauthenticated},
		"garbage":        {"Bearer x.y.z", httpapi.ErrUnauthenticated},
		"tampered":       {"Bearer " + tampered, httpapi.ErrUnauthenticated},
		"another's key":  {"Bearer " + i.sign(t, other, "RS256", payload(nil)), httpapi.ErrUnauthenticated},
		"no signature":   {"Bearer " + i.sign(t, nil, "none", payload(nil)), httpapi.ErrUnauthenticated},
		"another issuer": {"Bearer " + i.sign(t, i.key, "RS256", payload(map[string]any{"iss": "https://other.test"})), httpapi.ErrUnauthenticated},
		"another client": {"Bearer " + i.sign(t, i.key, "RS256", payload(map[string]any{"client_id": "client-2"})), httpapi.ErrUnauthenticated},
		"expired":        {"Bearer " + i.sign(t, i.key, "RS256", payload(map[string]any{"exp": now.Add(-time.Second).Unix()})), httpapi.ErrSessionExpired},
		"ID token":       {"Bearer " + i.sign(t, i.key, "RS256", payload(map[string]any{"token_use": "id"})), httpapi.ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/me", nil)
			r.Header.Set("Authorization", tc.header)
			p, err := identify(r)
			if !errors.Is(err, tc.err) || (tc.err == nil && (p.UserID != "user-1" || !p.PlatformAdmin)) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	err := signin.Config{KeysURL: "https://keys.test"}.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
	if err := config.Validate(); err != nil {
		t.Error(err)
	}
}
