package signin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"tenantatlas/cmd/localstack/signin"
)

// provider is an identity provider with one user. It keeps the rules of the
// code flow: one code per sign-in, its verifier, its redirect address.
type provider struct {
	t           *testing.T
	csrf        string
	challenge   string
	forgetState bool
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/oauth2/authorize":
		q := r.URL.Query()
		if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "app" {
			p.t.Errorf("authorize was asked with %v", q)
		}
		p.challenge = q.Get("code_challenge")
		http.SetCookie(w, &http.Cookie{Name: "csrf", Value: p.csrf, Path: "/"})
		state := q.Get("state")
		if p.forgetState {
			state = "other"
		}
		fmt.Fprintf(w, `<form action="/search"><input name="q"></form>
			<form method="post" action="/login?hint=a"><input type="hidden" name="_csrf" value="%s">
			<input type="hidden" name="state" value="%s"><input name="username"><input type="password" name="password"></form>`,
			html.EscapeString(p.csrf), html.EscapeString(state))
	case "/login":
		cookie, err := r.Cookie("csrf")
		if err != nil || cookie.Value != p.csrf || r.FormValue("_csrf") != p.csrf {
			p.t.Errorf("the form came back without the page's own fields: %v", r.Form)
		}
		if r.FormValue("username") != "a@b.example" || r.FormValue("password") != "right" {
			fmt.Fprint(w, "try again")
			return
		}
		http.Redirect(w, r, "http://localhost:1/callback?code=c1&state="+url.QueryEscape(r.FormValue("state")), http.StatusFound)
	case "/oauth2/token":
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge || r.FormValue("code") != "c1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "id_token": "it", "expires_in": 3600}); err != nil {
			p.t.Error(err)
		}
	default:
		p.t.Errorf("asked for %s", r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

func client(t *testing.T, p *provider) *signin.Client {
	t.Helper()
	p.t, p.csrf = t, "x&y<z"
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return &signin.Client{
		AuthorizeURL: server.URL + "/oauth2/authorize", TokenURL: server.URL + "/oauth2/token",
		ClientID: "app", RedirectURI: "http://localhost:1/callback", Scope: "openid",
	}
}

func TestPasswordGetsTokens(t *testing.T) {
	tokens, err := client(t, &provider{}).Password(t.Context(), "a@b.example", "right")
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AccessToken != "at" || tokens.IDToken != "it" || tokens.ExpiresIn != 3600 {
		t.Errorf("got %+v", tokens)
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	if _, err := client(t, &provider{}).Password(t.Context(), "a@b.example", "wrong"); !errors.Is(err, signin.ErrRefused) {
		t.Fatalf("got %v, want ErrRefused", err)
	}
}

func TestAnotherStateIsRefused(t *testing.T) {
	if _, err := client(t, &provider{forgetState: true}).Password(t.Context(), "a@b.example", "right"); err == nil {
		t.Fatal("an answer with another state was taken")
	}
}
