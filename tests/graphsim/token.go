package graphsim

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Application permissions of Microsoft Graph that the simulator knows.
const (
	PermConfigurationRead      = "DeviceManagementConfiguration.Read.All"
	PermConfigurationReadWrite = "DeviceManagementConfiguration.ReadWrite.All"

	PermScriptsRead                    = "DeviceManagementScripts.Read.All"
	PermScriptsReadWrite               = "DeviceManagementScripts.ReadWrite.All"
	PermEndpointSecurityRead           = "DeviceManagementEndpointSecurity.Read.All"
	PermEndpointSecurityReadWrite      = "DeviceManagementEndpointSecurity.ReadWrite.All"
	PermRBACRead                       = "DeviceManagementRBAC.Read.All"
	PermRBACReadWrite                  = "DeviceManagementRBAC.ReadWrite.All"
	PermServiceConfigRead              = "DeviceManagementServiceConfig.Read.All"
	PermServiceConfigReadWrite         = "DeviceManagementServiceConfig.ReadWrite.All"
	PermManagedDevicesRead             = "DeviceManagementManagedDevices.Read.All"
	PermManagedDevicesReadWrite        = "DeviceManagementManagedDevices.ReadWrite.All"
	PermAppsRead                       = "DeviceManagementApps.Read.All"
	PermAppsReadWrite                  = "DeviceManagementApps.ReadWrite.All"
	PermCloudPCRead                    = "CloudPC.Read.All"
	PermCloudPCReadWrite               = "CloudPC.ReadWrite.All"
	PermPolicyRead                     = "Policy.Read.All"
	PermPolicyReadConditionalAccess    = "Policy.Read.ConditionalAccess"
	PermPolicyConditionalAccess        = "Policy.ReadWrite.ConditionalAccess"
	PermPolicyAuthenticationMethod     = "Policy.ReadWrite.AuthenticationMethod"
	PermAuthenticationContextReadWrite = "AuthenticationContext.ReadWrite.All"
	PermAgreementRead                  = "Agreement.Read.All"
	PermAgreementReadWrite             = "Agreement.ReadWrite.All"
	PermGroupMemberRead                = "GroupMember.Read.All"
	PermGroupRead                      = "Group.Read.All"
)

// ReadPermissions are those with which everything that is modelled can be read,
// but for the plain text of secrets.
func ReadPermissions() []string {
	return []string{PermConfigurationRead, PermScriptsRead, PermRBACRead, PermServiceConfigRead, PermManagedDevicesRead, PermAppsRead,
		PermCloudPCRead, PermPolicyRead, PermPolicyReadConditionalAccess, PermAgreementRead, PermGroupMemberRead}
}

// AllPermissions are those with which everything that is modelled can be read and written.
func AllPermissions() []string {
	return append(ReadPermissions(), PermConfigurationReadWrite, PermScriptsReadWrite, PermRBACReadWrite, PermServiceConfigReadWrite,
		PermManagedDevicesReadWrite, PermAppsReadWrite, PermCloudPCReadWrite, PermPolicyConditionalAccess, PermPolicyAuthenticationMethod,
		PermAuthenticationContextReadWrite, PermAgreementReadWrite)
}

// graphScope is the only scope client credentials may ask for here.
const graphScope = "https://graph.microsoft.com/.default"

// assertionType is the client_assertion_type of RFC 7523.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// App is an application registered (and consented to) in a tenant.
type App struct {
	ClientID string   `json:"clientId"`
	Secrets  []Secret `json:"secrets,omitempty"`
	// Certificates are PEM texts: certificates or public keys ("PUBLIC KEY").
	Certificates []string `json:"certificates,omitempty"`
	// Permissions are the granted application permissions. A token carries
	// those that were granted when it was issued.
	Permissions []string `json:"permissions,omitempty"`
	// Disabled refuses tokens with AADSTS7000112.
	Disabled bool `json:"disabled,omitempty"`

	keys []registeredKey
}

// Secret is a client secret; a zero Expires means never.
type Secret struct {
	Value   string    `json:"value"`
	Expires time.Time `json:"expires,omitzero"`
}

// registeredKey is a public key an app may sign its assertions with.
type registeredKey struct {
	public  *rsa.PublicKey
	expires time.Time // zero for a bare public key
}

// prepare checks the app and parses its certificates.
func (a App) prepare() (*App, error) {
	if a.ClientID == "" {
		return nil, errors.New("an app needs a clientId")
	}
	a.keys = nil
	for i, text := range a.Certificates {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, fmt.Errorf("certificate %d of app %s is not PEM", i, a.ClientID)
		}
		var key registeredKey
		var public any
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("certificate %d of app %s: %w", i, a.ClientID, err)
			}
			public, key.expires = cert.PublicKey, cert.NotAfter
		case "PUBLIC KEY":
			var err error
			if public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
				return nil, fmt.Errorf("public key %d of app %s: %w", i, a.ClientID, err)
			}
		default:
			return nil, fmt.Errorf("certificate %d of app %s is a %s", i, a.ClientID, block.Type)
		}
		rsaKey, ok := public.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("certificate %d of app %s has no RSA key, which Microsoft Entra wants", i, a.ClientID)
		}
		key.public = rsaKey
		a.keys = append(a.keys, key)
	}
	return &a, nil
}

// claims are what an access token of the simulator carries.
type claims struct {
	Audience string   `json:"aud"`
	Issuer   string   `json:"iss"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	App      string   `json:"appid"`
	Tenant   string   `json:"tid"`
	Roles    []string `json:"roles"`
	ID       string   `json:"uti"`
}

// signToken writes claims as a JWT. It looks like Microsoft's but is signed by
// the simulator's own symmetric key: callers must treat it as opaque.
func (s *Sim) signToken(c claims) (string, error) {
	header := `{"typ":"JWT","alg":"HS256"}`
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + s.tokenMAC(signed), nil
}

func (s *Sim) tokenMAC(signed string) string {
	h := hmac.New(sha256.New, s.tokenKey)
	h.Write([]byte("token:" + signed))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// openToken reads the Authorization header. A nil problem means valid now.
// Claims are returned for an expired token too, for the log.
func (s *Sim) openToken(header string, now time.Time) (*claims, *problem) {
	unauthorized := func(message string) *problem {
		return &problem{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: message}
	}
	if header == "" {
		return nil, unauthorized("Access token is empty.")
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.Count(token, ".") != 2 {
		return nil, unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
	}
	dot := strings.LastIndexByte(token, '.')
	if !hmac.Equal([]byte(token[dot+1:]), []byte(s.tokenMAC(token[:dot]))) {
		return nil, unauthorized("Access token validation failure. Invalid signature.")
	}
	_, encoded, _ := strings.Cut(token[:dot], ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, unauthorized("Access token validation failure.")
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return nil, unauthorized("Access token validation failure.")
	}
	if !now.Before(time.Unix(c.Expires, 0)) {
		// The text of andrew-s-taylor/public#47.
		return &c, unauthorized("Lifetime validation failed, the token is expired.")
	}
	return &c, nil
}

// entra makes a problem of the token endpoint.
func entra(status int, code string, number int, format string, args ...any) *problem {
	return &problem{status: status, code: code, message: fmt.Sprintf(format, args...), shape: ShapeEntra, entra: number}
}

// tokenForm is the body of a client credentials request.
type tokenForm struct {
	grantType, clientID, scope, secret, assertionType, assertion string
}

// parseTokenForm reads the form. Fields that only other grants use are not
// modelled; fields that MSAL adds for telemetry are let pass.
func parseTokenForm(contentType string, body []byte) (tokenForm, *problem) {
	var f tokenForm
	if kind, _, _ := strings.Cut(contentType, ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return f, entra(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return f, entra(http.StatusBadRequest, "invalid_request", 9002313, "Invalid request. Request is malformed or invalid.")
	}
	for name, vs := range values {
		if len(vs) > 1 {
			return f, entra(http.StatusBadRequest, "invalid_request", 9002313, "Invalid request. Request is malformed or invalid.")
		}
		v := vs[0]
		switch name {
		case "grant_type":
			f.grantType = v
		case "client_id":
			f.clientID = v
		case "scope":
			f.scope = v
		case "client_secret":
			f.secret = v
		case "client_assertion_type":
			f.assertionType = v
		case "client_assertion":
			f.assertion = v
		case "client_info", "claims":
		default:
			if !strings.HasPrefix(name, "x-") {
				return f, notModelled("the token request parameter %q", name)
			}
		}
	}
	if f.grantType == "" {
		return f, entra(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	if f.clientID == "" {
		return f, entra(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	}
	return f, nil
}

// serveToken answers POST /{tenant}/oauth2/v2.0/token.
func (s *Sim) serveToken(x *exchange) response {
	f, p := parseTokenForm(x.header.Get("Content-Type"), x.body)
	if f.clientID != "" {
		x.app = logSafe(f.clientID)
	}
	if p == nil {
		var token string
		var lifetime time.Duration
		if token, lifetime, p = s.grant(x, f); p == nil {
			body, err := json.Marshal(map[string]any{
				"token_type":     "Bearer",
				"expires_in":     int(lifetime.Seconds()),
				"ext_expires_in": int(lifetime.Seconds()),
				"access_token":   token,
			})
			if err == nil {
				r := response{status: http.StatusOK, header: http.Header{}, body: body}
				r.header.Set("Content-Type", "application/json; charset=utf-8")
				r.header.Set("Cache-Control", "no-store, no-cache")
				return r
			}
			p = entra(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
		}
	}
	return x.fail(p)
}

// grant checks the credentials and issues a token.
func (s *Sim) grant(x *exchange, f tokenForm) (string, time.Duration, *problem) {
	t := s.tenant(x.tenantName)
	if t == nil {
		return "", 0, entra(http.StatusBadRequest, "invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", x.tenantName)
	}
	if f.grantType != "client_credentials" {
		return "", 0, notModelled("the grant type %q", f.grantType)
	}
	app := t.app(f.clientID)
	if app == nil {
		return "", 0, entra(http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", f.clientID, t.displayName)
	}
	if app.Disabled {
		return "", 0, entra(http.StatusBadRequest, "unauthorized_client", 7000112, "Application '%s' is disabled.", f.clientID)
	}
	if p := checkScope(f.scope); p != nil {
		return "", 0, p
	}
	if p := s.authenticateApp(x, t, app, f); p != nil {
		return "", 0, p
	}
	lifetime := s.tokenLifetime()
	token, err := s.signToken(claims{
		Audience: "https://graph.microsoft.com",
		Issuer:   "https://sts.windows.net/" + t.id + "/",
		IssuedAt: x.now.Unix(),
		Expires:  x.now.Add(lifetime).Unix(),
		App:      app.ClientID,
		Tenant:   t.id,
		Roles:    app.Permissions,
		ID:       x.requestID,
	})
	if err != nil {
		return "", 0, entra(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
	}
	return token, lifetime, nil
}

// checkScope accepts Graph's default scope, beside which MSAL sends the OpenID
// scopes that mean nothing for an application.
func checkScope(scope string) *problem {
	found := false
	for _, part := range strings.Fields(scope) {
		switch part {
		case graphScope:
			found = true
		case "openid", "offline_access", "profile":
		default:
			return entra(http.StatusBadRequest, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope)
		}
	}
	if !found {
		return entra(http.StatusBadRequest, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope)
	}
	return nil
}

func (s *Sim) authenticateApp(x *exchange, t *tenant, app *App, f tokenForm) *problem {
	switch {
	case f.assertion != "":
		if f.assertionType != assertionType {
			return entra(http.StatusBadRequest, "invalid_request", 9002313, "Invalid request. Request is malformed or invalid.")
		}
		return s.checkAssertion(x, t, app, f.assertion)
	case f.secret != "":
		for _, secret := range app.Secrets {
			if subtle.ConstantTimeCompare([]byte(secret.Value), []byte(f.secret)) != 1 {
				continue
			}
			if !secret.Expires.IsZero() && !x.now.Before(secret.Expires) {
				return entra(http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", app.ClientID)
			}
			return nil
		}
		return entra(http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", app.ClientID)
	}
	return entra(http.StatusUnauthorized, "invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
}

// checkAssertion verifies a certificate's signed assertion
// (learn.microsoft.com/entra/identity-platform/certificate-credentials). The
// numbers are those of Microsoft's troubleshooting page for service principals:
// 700021 wrong issuer, 700023 wrong audience, 700024 outside its time, 700027
// no registered certificate made the signature.
func (s *Sim) checkAssertion(x *exchange, t *tenant, app *App, assertion string) *problem {
	refuse := func(number int, text string) *problem {
		return entra(http.StatusUnauthorized, "invalid_client", number, "%s", text)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithoutClaimsValidation())
	var c jwt.RegisteredClaims
	verified, expired := false, false
	for _, key := range app.keys {
		c = jwt.RegisteredClaims{}
		_, err := parser.ParseWithClaims(assertion, &c, func(*jwt.Token) (any, error) { return key.public, nil })
		if errors.Is(err, jwt.ErrTokenMalformed) {
			return refuse(50027, "JWT token is invalid or malformed.")
		}
		if err == nil {
			verified, expired = true, !key.expires.IsZero() && !x.now.Before(key.expires)
			break
		}
	}
	switch {
	case !verified:
		return refuse(700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]")
	case expired:
		return refuse(700027, "Client assertion contains an invalid signature. [Reason - The key used is expired.]")
	case c.Issuer != app.ClientID || c.Subject != app.ClientID:
		return refuse(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	}
	const skew = 5 * time.Minute
	if c.ExpiresAt == nil || x.now.After(c.ExpiresAt.Add(skew)) || c.NotBefore != nil && x.now.Before(c.NotBefore.Add(-skew)) {
		return refuse(700024, "Client assertion is not within its valid time range.")
	}
	// The audience is the token endpoint that the client was told of, or the
	// issuer; the tenant may be named by id or by domain.
	for _, aud := range c.Audience {
		for _, name := range []string{t.id, x.tenantName} {
			base := "https://" + x.host + "/" + name
			if aud == base+"/oauth2/v2.0/token" || aud == base+"/v2.0" {
				return nil
			}
		}
	}
	return refuse(700023, "Client assertion audience claim does not match Realm issuer.")
}

// serveDiscovery answers the OpenID configuration of a tenant and the instance
// discovery that MSAL may ask for.
func (s *Sim) serveDiscovery(x *exchange) response {
	base := "https://" + x.host
	ok := func(v any) response {
		body, err := json.Marshal(v)
		if err != nil {
			return x.fail(entra(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again."))
		}
		r := response{status: http.StatusOK, header: http.Header{}, body: body}
		r.header.Set("Content-Type", "application/json; charset=utf-8")
		return r
	}
	if x.path == "/common/discovery/instance" {
		return ok(map[string]any{
			"tenant_discovery_endpoint": base + "/common/v2.0/.well-known/openid-configuration",
			"api-version":               "1.1",
			"metadata":                  []any{map[string]any{"preferred_network": x.host, "preferred_cache": x.host, "aliases": []string{x.host}}},
		})
	}
	id := x.tenantName
	if t := s.tenant(id); t != nil {
		id = t.id
	} else if id != "common" && id != "organizations" {
		return x.fail(entra(http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", x.tenantName))
	}
	return ok(map[string]any{
		"token_endpoint":                        base + "/" + id + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"authorization_endpoint":                base + "/" + id + "/oauth2/v2.0/authorize",
		"issuer":                                base + "/" + id + "/v2.0",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   "microsoftonline.com",
		"msgraph_host":                          "graph.microsoft.com",
	})
}
