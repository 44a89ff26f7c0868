package function

import (
	"context"
	"log/slog"
	"os"

	"tenantatlas/console"
	"tenantatlas/shared/catalog"
)

// Console builds the handler of the web console. It needs no client of AWS: the
// page it serves asks the public API for everything.
func Console(_ context.Context, _ *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	cfg := console.Config{
		Issuer:       e.must("OIDC_ISSUER", "the identity provider, as its tokens name it"),
		ClientID:     e.must("OIDC_CLIENT_ID", "the client that the console signs in as"),
		AuthorizeURL: e.or("OIDC_AUTHORIZE_URL", ""),
		TokenURL:     e.or("OIDC_TOKEN_URL", ""),
		LogoutURL:    e.or("OIDC_LOGOUT_URL", ""),
		Scope:        e.or("API_SCOPE", ""),
	}
	if err := e.err(); err != nil {
		return nil, err
	}
	for _, t := range catalog.All() {
		if t.LookUp {
			continue // never listed, so that a filter by it finds nothing
		}
		cfg.PolicyTypes = append(cfg.PolicyTypes, console.PolicyType{ID: t.ID, Title: t.Title, Family: string(t.Family)})
	}
	handler, err := console.New(cfg)
	if err != nil {
		return nil, err
	}
	return httpFunction(handler), nil
}
