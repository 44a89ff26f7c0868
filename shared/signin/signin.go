// Package signin tells who calls the API, from the claims of an access token.
//
// In AWS the HTTP API's JWT authorizer has verified the token before a function
// runs, and its claims are in the request context. Where no authorizer runs
// (sam local start-api), Verifier checks the token itself. Both end in
// Principal, the one place that decides which claims count.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/coreos/go-oidc/v3/oidc"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
)

// Config says what a token must say.
type Config struct {
	Issuer      string
	Audience    string // of the token, or its client id where the issuer sets no audience
	Scope       string // that the token must carry; "" for none
	GroupsClaim string
	AdminGroup  string // its members are platform administrators
	// KeysURL is where the issuer's keys are, for Verifier only.
	KeysURL string
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.GroupsClaim == "" {
		errs = append(errs, errors.New("the claim with the groups is not set"))
	}
	if c.AdminGroup == "" {
		errs = append(errs, errors.New("the group of platform administrators is not set"))
	}
	if c.KeysURL != "" && (c.Issuer == "" || c.Audience == "") {
		errs = append(errs, errors.New("issuer and audience are needed to verify tokens"))
	}
	return errors.Join(errs...)
}

// Principal returns the caller that verified claims name.
// httpapi.ErrUnauthenticated when the token is not for this API: it lacks a
// subject or the scope, or it is an ID token; httpapi.ErrSessionExpired when
// its time is over.
func (c Config) Principal(claims map[string]string, now time.Time) (run.Principal, error) {
	// Cognito marks its tokens; an ID token must not pass for an access token.
	if use := claims["token_use"]; use != "" && use != "access" {
		return run.Principal{}, httpapi.ErrUnauthenticated
	}
	if c.Scope != "" && !slices.Contains(strings.Fields(claims["scope"]), c.Scope) {
		return run.Principal{}, httpapi.ErrUnauthenticated
	}
	if exp := claims["exp"]; exp != "" {
		// The gateway writes large numbers as 1.7e+09.
		seconds, err := strconv.ParseFloat(exp, 64)
		if err != nil {
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		if now.Unix() >= int64(seconds) {
			return run.Principal{}, httpapi.ErrSessionExpired
		}
	}
	p := run.Principal{UserID: claims["sub"]}
	if !run.ValidUserID(p.UserID) {
		return run.Principal{}, httpapi.ErrUnauthenticated
	}
	for _, name := range []string{"email", "name", "preferred_username", "username"} {
		// Cognito repeats the subject as the user name; an id is no name.
		if v := claims[name]; v != "" && v != p.UserID {
			p.Name = v
			break
		}
	}
	p.PlatformAdmin = slices.Contains(list(claims[c.GroupsClaim]), c.AdminGroup)
	return p, nil
}

// list reads a claim that was an array: the gateway hands it on as "[a b]".
func list(claim string) []string {
	claim = strings.TrimSuffix(strings.TrimPrefix(claim, "["), "]")
	return strings.FieldsFunc(claim, func(r rune) bool { return r == ' ' || r == ',' || r == '"' })
}

// Gateway reads the caller that the HTTP API's authorizer has verified.
func Gateway(c Config, now func() time.Time) func(*http.Request) (run.Principal, error) {
	return func(r *http.Request) (run.Principal, error) {
		gw, ok := core.GetAPIGatewayV2ContextFromContext(r.Context())
		if !ok || gw.Authorizer == nil || gw.Authorizer.JWT == nil {
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		return c.Principal(gw.Authorizer.JWT.Claims, now())
	}
}

// Verifier reads and verifies the bearer token itself: signature by the
// issuer's keys, issuer, audience or client id, and time. ctx lives as long as
// the process: the keys outlive the request that first needs them.
func Verifier(ctx context.Context, c Config, now func() time.Time) func(*http.Request) (run.Principal, error) {
	keys := oidc.NewRemoteKeySet(ctx, c.KeysURL)
	verifier := oidc.NewVerifier(c.Issuer, keys, &oidc.Config{SkipClientIDCheck: true, Now: now})
	return func(r *http.Request) (run.Principal, error) {
		scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		token, err := verifier.Verify(r.Context(), raw)
		var expired *oidc.TokenExpiredError
		if errors.As(err, &expired) {
			return run.Principal{}, httpapi.ErrSessionExpired
		}
		if err != nil {
			// The library's text may quote the token's claims; the kind of the
			// failure is not worth that.
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		var all map[string]any
		if err := token.Claims(&all); err != nil {
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		// Cognito access tokens name the client instead of an audience.
		if client, _ := all["client_id"].(string); !slices.Contains(token.Audience, c.Audience) && client != c.Audience {
			return run.Principal{}, httpapi.ErrUnauthenticated
		}
		return c.Principal(flatten(all), now())
	}
}

// flatten writes claims as the gateway would.
func flatten(all map[string]any) map[string]string {
	flat := make(map[string]string, len(all))
	for k, v := range all {
		switch v := v.(type) {
		case string:
			flat[k] = v
		case float64:
			flat[k] = strconv.FormatFloat(v, 'f', -1, 64)
		case []any:
			flat[k] = fmt.Sprint(v)
		}
	}
	return flat
}
