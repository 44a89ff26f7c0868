package graphsim_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"

	"tenantatlas/tests/graphsim"
)

// The errors of the token endpoint, by which a product tells an administrator
// what to repair.
func TestTokenRefusals(t *testing.T) {
	m := newManualTime()
	r := newRig(t, graphsim.TenantSpec{Apps: []graphsim.App{
		{ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}, {Value: "old", Expires: m.Now()}}},
		{ClientID: "disabled", Secrets: []graphsim.Secret{{Value: secret}}, Disabled: true},
	}}, graphsim.Options{})
	for _, c := range []struct {
		name   string
		tenant string
		change map[string]string
		status int
		error  string
		code   float64
	}{
		{"wrong secret", contosoID, map[string]string{"client_secret": "canary-wrong-2c7d"}, 401, "invalid_client", 7000215},
		{"expired secret", contosoID, map[string]string{"client_secret": "old"}, 401, "invalid_client", 7000222},
		{"no secret", contosoID, map[string]string{"client_secret": ""}, 401, "invalid_client", 7000216},
		{"unknown app", contosoID, map[string]string{"client_id": "nobody"}, 400, "unauthorized_client", 700016},
		{"disabled app", contosoID, map[string]string{"client_id": "disabled"}, 400, "unauthorized_client", 7000112},
		{"unknown tenant", "99999999-aaaa-4bbb-8ccc-000000000009", nil, 400, "invalid_request", 90002},
		{"bad scope", contosoID, map[string]string{"scope": "https://example.com/.default"}, 400, "invalid_scope", 70011},
		{"no scope", contosoID, map[string]string{"scope": ""}, 400, "invalid_scope", 70011},
		{"no grant type", contosoID, map[string]string{"grant_type": ""}, 400, "invalid_request", 900144},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := r.postToken(c.tenant, tokenForm(c.change))
			if status != c.status || body["error"] != c.error {
				t.Fatalf("got %d %v, want %d %s", status, body, c.status, c.error)
			}
			if codes := body["error_codes"].([]any); len(codes) != 1 || codes[0] != c.code {
				t.Errorf("error_codes %v, want %v", codes, c.code)
			}
			description := body["error_description"].(string)
			for _, part := range []string{"\r\nTrace ID: " + body["trace_id"].(string), "\r\nCorrelation ID: " + body["correlation_id"].(string), "\r\nTimestamp: 2026-03-01 12:00:00Z"} {
				if !strings.Contains(description, part) {
					t.Errorf("%q lacks %q", description, part)
				}
			}
			for _, v := range []string{secret, "canary-wrong-2c7d"} {
				if strings.Contains(description, v) {
					t.Errorf("the description holds the secret: %q", description)
				}
			}
		})
	}
}

func TestTokenGrantNotModelled(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{})
	for _, change := range []map[string]string{{"grant_type": "password"}, {"username": "someone"}} {
		resp, err := r.client.PostForm(r.sim.URL+"/"+contosoID+"/oauth2/v2.0/token", tokenForm(change))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotImplemented {
			t.Errorf("%v: status %d, want 501", change, resp.StatusCode)
		}
	}
	if n := r.sim.Counters().NotModelled; n != 2 {
		t.Errorf("%d refusals counted, want 2", n)
	}
}

func TestTokenByDomain(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Domains: []string{"contoso.example"}}, graphsim.Options{})
	if status, body := r.postToken("Contoso.Example", tokenForm(nil)); status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	if e := r.sim.Log(graphsim.LogFilter{Kind: graphsim.KindToken}).Entries; e[len(e)-1].Tenant != contosoID {
		t.Errorf("logged for tenant %q, want the id", e[len(e)-1].Tenant)
	}
}

func TestAccessTokens(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{TokenLifetime: time.Hour})
	good := r.token
	r.ok("/beta/organization")

	for name, token := range map[string]string{"garbage": "abc", "three parts": "a.b.c", "tampered": good[:len(good)-4] + "AAAA", "none": ""} {
		r.token = token
		a := r.get("/beta/organization")
		a.want(t, 401, "InvalidAuthenticationToken")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	r.token = good
	r.sim.Advance(time.Hour - time.Second)
	r.ok("/beta/organization")
	r.sim.Advance(time.Second)
	e := r.get("/beta/organization").want(t, 401, "InvalidAuthenticationToken")
	if e.Error.Message != "Lifetime validation failed, the token is expired." {
		t.Errorf("message %q", e.Error.Message)
	}
	r.token = r.newToken()
	r.ok("/beta/organization")

	// A token of a tenant that was removed is worth nothing.
	r.sim.RemoveTenant(contosoID)
	r.get("/beta/organization").want(t, 401, "InvalidAuthenticationToken")
}

// Consent that is taken away counts for new tokens.
func TestPermissions(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{})
	const list = "/beta/deviceManagement/deviceConfigurations"
	r.ok(list)
	if err := r.sim.SetApp(contosoID, app()); err != nil {
		t.Fatal(err)
	}
	r.ok(list)
	r.token = r.newToken()
	for _, path := range []string{list, "/beta/deviceManagement/configurationPolicies", "/beta/deviceManagement/deviceCompliancePolicies"} {
		e := r.get(path).want(t, 403, "Forbidden")
		msg := e.nested(t)
		for _, part := range []string{"Application is not authorized to perform this operation. Application must have one of the following scopes: " + graphsim.PermConfigurationRead, "Activity ID: ", "Operation ID (for customer support): ", "Url: https://fef."} {
			if !strings.Contains(msg, part) {
				t.Errorf("%q lacks %q", msg, part)
			}
		}
	}
	r.ok("/beta/organization")

	// Reading is enough for policies, but not for the plain text of a secret.
	if err := r.sim.SetApp(contosoID, app(graphsim.PermConfigurationRead)); err != nil {
		t.Fatal(err)
	}
	r.token = r.newToken()
	r.ok(list)
	id := r.idByName("deviceConfigurations", "Windows custom: wireless and limits")
	r.get(list+"/"+id+"/getOmaSettingPlainTextValue(secretReferenceValueId='x')").want(t, 403, "Forbidden")
}

// certificate makes a self-signed certificate that ends at notAfter.
func certificate(t *testing.T, notAfter time.Time) (*rsa.PrivateKey, *x509.Certificate, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: notAfter.AddDate(-1, 0, 0), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestClientAssertion(t *testing.T) {
	now := newManualTime().Now()
	key, _, certPEM := certificate(t, now.AddDate(1, 0, 0))
	oldKey, _, oldPEM := certificate(t, now.Add(-time.Hour))
	otherKey, _, _ := certificate(t, now.AddDate(1, 0, 0))
	r := newRig(t, graphsim.TenantSpec{Apps: []graphsim.App{{ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}}, Certificates: []string{certPEM, oldPEM}}}}, graphsim.Options{})
	audience := r.sim.URL + "/" + contosoID + "/oauth2/v2.0/token"
	claims := func() jwt.RegisteredClaims {
		return jwt.RegisteredClaims{Issuer: clientID, Subject: clientID, Audience: jwt.ClaimStrings{audience}, ExpiresAt: jwt.NewNumericDate(now.Add(10 * time.Minute)), NotBefore: jwt.NewNumericDate(now), ID: "1"}
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.RegisteredClaims) string {
		s, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	issuer, expired, early, realm := claims(), claims(), claims(), claims()
	issuer.Issuer = "someone"
	expired.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Hour))
	early.NotBefore = jwt.NewNumericDate(now.Add(time.Hour))
	realm.Audience = jwt.ClaimStrings{"https://example.com/"}
	for _, c := range []struct {
		name      string
		assertion string
		status    int
		code      float64
	}{
		{"RS256", sign(jwt.SigningMethodRS256, key, claims()), 200, 0},
		{"PS256", sign(jwt.SigningMethodPS256, key, claims()), 200, 0},
		{"another key", sign(jwt.SigningMethodRS256, otherKey, claims()), 401, 700027},
		{"expired certificate", sign(jwt.SigningMethodRS256, oldKey, claims()), 401, 700027},
		{"issuer", sign(jwt.SigningMethodRS256, key, issuer), 401, 700021},
		{"expired", sign(jwt.SigningMethodRS256, key, expired), 401, 700024},
		{"not yet", sign(jwt.SigningMethodRS256, key, early), 401, 700024},
		{"audience", sign(jwt.SigningMethodRS256, key, realm), 401, 700023},
		{"no algorithm", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims()), 401, 700027},
		{"malformed", "a.b", 401, 50027},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := r.postToken(contosoID, tokenForm(map[string]string{"client_secret": "", "client_assertion": c.assertion, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}))
			if status != c.status {
				t.Fatalf("status %d, want %d: %v", status, c.status, body)
			}
			if c.code != 0 && body["error_codes"].([]any)[0] != c.code {
				t.Errorf("error_codes %v, want %v", body["error_codes"], c.code)
			}
		})
	}
}

func TestAppCertificatesAreChecked(t *testing.T) {
	sim := graphsim.StartTest(t, graphsim.Options{})
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"no PEM": "x", "EC key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))} {
		_, err := sim.AddTenant(graphsim.TenantSpec{ID: contosoID, Apps: []graphsim.App{{ClientID: "a", Certificates: []string{text}}}})
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestDiscovery(t *testing.T) {
	r := newRig(t, graphsim.TenantSpec{}, graphsim.Options{})
	r.token = ""
	if got, want := text(t, r.ok("/"+contosoID+"/v2.0/.well-known/openid-configuration").body, "token_endpoint"), r.sim.URL+"/"+contosoID+"/oauth2/v2.0/token"; got != want {
		t.Errorf("token_endpoint %q, want %q", got, want)
	}
	if a := r.get("/99999999-aaaa-4bbb-8ccc-000000000009/v2.0/.well-known/openid-configuration"); a.status != 400 || text(t, a.body, "error") != "invalid_tenant" {
		t.Errorf("unknown tenant: %d %s", a.status, a.body)
	}
	if got := text(t, r.ok("/common/discovery/instance?api-version=1.1").body, "tenant_discovery_endpoint"); !strings.HasPrefix(got, r.sim.URL) {
		t.Errorf("tenant_discovery_endpoint %q", got)
	}
}

// The real Azure identity library must be able to sign in: that is what the
// product uses. It insists on TLS and asks for the tenant's OpenID configuration.
func TestAzureIdentity(t *testing.T) {
	// The library looks at the real clock, so this simulator does as well.
	sim := graphsim.StartTest(t, graphsim.Options{})
	key, cert, certPEM := certificate(t, time.Now().AddDate(1, 0, 0))
	if _, err := sim.AddTenant(graphsim.TenantSpec{ID: contosoID, Apps: []graphsim.App{{
		ClientID: clientID, Secrets: []graphsim.Secret{{Value: secret}}, Certificates: []string{certPEM}, Permissions: []string{graphsim.PermConfigurationRead},
	}}}); err != nil {
		t.Fatal(err)
	}
	client := sim.Client()
	t.Cleanup(client.CloseIdleConnections)
	options := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: sim.URL}, Transport: client}
	scopes := policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}
	use := func(t *testing.T, credential azcore.TokenCredential) {
		t.Helper()
		token, err := credential.GetToken(t.Context(), scopes)
		if err != nil {
			t.Fatalf("GetToken: %v", err)
		}
		if left := time.Until(token.ExpiresOn); left < 50*time.Minute || left > time.Hour {
			t.Errorf("the token lasts %v", left)
		}
		r := &rig{t: t, sim: sim, client: client, token: token.Token}
		r.ok("/beta/deviceManagement/configurationPolicies")
	}
	// Instance discovery has to be off: the library asks login.microsoftonline.com
	// for it, whatever authority it is given.
	t.Run("secret", func(t *testing.T) {
		c, err := azidentity.NewClientSecretCredential(contosoID, clientID, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		use(t, c)
	})
	t.Run("certificate", func(t *testing.T) {
		c, err := azidentity.NewClientCertificateCredential(contosoID, clientID, []*x509.Certificate{cert}, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		use(t, c)
	})
	t.Run("wrong secret", func(t *testing.T) {
		c, err := azidentity.NewClientSecretCredential(contosoID, clientID, "wrong", &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetToken(context.Background(), scopes)
		var failed *azidentity.AuthenticationFailedError
		if !errors.As(err, &failed) || failed.RawResponse == nil || failed.RawResponse.StatusCode != 401 || !strings.Contains(err.Error(), "AADSTS7000215") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("unknown tenant", func(t *testing.T) {
		c, err := azidentity.NewClientSecretCredential("99999999-aaaa-4bbb-8ccc-000000000009", clientID, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.GetToken(context.Background(), scopes); err == nil || !strings.Contains(err.Error(), "AADSTS90002") {
			t.Errorf("error %v", err)
		}
	})
}

// Neither secrets nor tokens nor plain texts may reach the log.
func TestLogHoldsNoSecrets(t *testing.T) {
	var lines bytes.Buffer
	r := newRig(t, graphsim.TenantSpec{Builtin: "contoso"}, graphsim.Options{AdminListen: "127.0.0.1:0", Logger: jsonLogger(&lines)})
	id := r.idByName("deviceConfigurations", "Windows custom: wireless and limits")
	body := r.ok("/beta/deviceManagement/deviceConfigurations/" + id).body
	reference := text(t, mustArray(t, field(t, body, "omaSettings"))[0], "secretReferenceValueId")
	plain := r.ok("/beta/deviceManagement/deviceConfigurations/" + id + "/getOmaSettingPlainTextValue(secretReferenceValueId='" + reference + "')")
	if !strings.Contains(text(t, plain.body, "value"), "canary-wireless-key-7f3a") {
		t.Fatalf("plain text: %s", plain.body)
	}
	resp, err := r.client.PostForm(r.sim.URL+"/"+contosoID+"/oauth2/v2.0/token?client_secret="+secret, tokenForm(map[string]string{"grant_type": "password"}))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("status %d, want 501, which is logged as an error", resp.StatusCode)
	}
	admin := adminCall(t, r.sim, "GET", "/v1/log", "", 200) + adminCall(t, r.sim, "GET", "/v1/tenants", "", 200) + adminCall(t, r.sim, "GET", "/v1/counters", "", 200)
	for _, needle := range []string{secret, r.token, "canary-wireless"} {
		if strings.Contains(admin, needle) || strings.Contains(lines.String(), needle) {
			t.Errorf("%q leaks", needle)
		}
	}
}
