// Package signin signs a user in on the hosted page, as a browser does: the
// authorization code flow with PKCE (RFC 7636), over HTTP.
//
// The console's app client offers no flow that takes a password, so tests and
// "make token" fill in the page's form. The package talks to the sign-in
// addresses it is given and to nothing else.
package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// ErrRefused is returned when the page comes back instead of a code: the user
// or the password is wrong, or the user may not sign in.
var ErrRefused = errors.New("sign-in was refused")

// maxPage bounds what is read of any answer.
const maxPage = 1 << 20

// Client is an app client of the identity provider.
type Client struct {
	AuthorizeURL string
	TokenURL     string
	ClientID     string
	RedirectURI  string // as registered; nothing needs to listen there
	Scope        string
	Transport    http.RoundTripper // nil means the default
}

// Tokens are what the token endpoint answers.
type Tokens struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"` // seconds
}

// Password signs the user in and returns fresh tokens. It returns ErrRefused
// when the page refuses the user.
func (c *Client) Password(ctx context.Context, username, password string) (*Tokens, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{
		Transport: c.Transport,
		Jar:       jar,
		Timeout:   30 * time.Second,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if c.isRedirectURI(req.URL) || len(via) > 10 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	verifier, state, nonce := randomText(), randomText(), randomText()
	challenge := sha256.Sum256([]byte(verifier))
	page, err := get(ctx, browser, c.AuthorizeURL+"?"+url.Values{
		"response_type":         {"code"},
		"client_id":             {c.ClientID},
		"redirect_uri":          {c.RedirectURI},
		"scope":                 {c.Scope},
		"state":                 {state},
		"nonce":                 {nonce},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		return nil, fmt.Errorf("sign-in page: %w", err)
	}
	form, err := findPasswordForm(page.body, page.url)
	if err != nil {
		return nil, fmt.Errorf("sign-in page: %w", err)
	}
	form.values.Set(form.userField, username)
	form.values.Set(form.passwordField, password)
	answer, err := post(ctx, browser, form.action, form.values)
	if err != nil {
		return nil, fmt.Errorf("sign-in: %w", err)
	}
	code, err := c.codeFrom(answer, state)
	if err != nil {
		return nil, err
	}
	answer, err = post(ctx, browser, c.TokenURL, url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {c.ClientID},
		"redirect_uri":  {c.RedirectURI},
		"code":          {code},
		"code_verifier": {verifier},
	})
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	var tokens Tokens
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("token endpoint answered %d", answer.status)
	}
	if err := json.Unmarshal(answer.body, &tokens); err != nil || tokens.AccessToken == "" {
		return nil, errors.New("the token endpoint answered no access token")
	}
	return &tokens, nil
}

func (c *Client) isRedirectURI(u *url.URL) bool {
	bare := *u
	bare.RawQuery, bare.Fragment = "", ""
	return bare.String() == c.RedirectURI
}

// codeFrom reads the code out of the redirect that ends the sign-in.
func (c *Client) codeFrom(answer *answer, state string) (string, error) {
	if answer.location == nil || !c.isRedirectURI(answer.location) {
		return "", ErrRefused
	}
	query := answer.location.Query()
	if e := query.Get("error"); e != "" {
		return "", fmt.Errorf("%w: %s", ErrRefused, e)
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state)) != 1 {
		return "", errors.New("the sign-in page answered another state than was sent")
	}
	if query.Get("code") == "" {
		return "", errors.New("the sign-in page answered no code")
	}
	return query.Get("code"), nil
}

type answer struct {
	status   int
	url      *url.URL
	location *url.URL
	body     []byte
}

func get(ctx context.Context, client *http.Client, address string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	return do(client, req)
}

func post(ctx context.Context, client *http.Client, address string, form url.Values) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(client, req)
}

func do(client *http.Client, req *http.Request) (*answer, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, err
	}
	location, err := res.Location()
	if err != nil && !errors.Is(err, http.ErrNoLocation) {
		return nil, err
	}
	return &answer{status: res.StatusCode, url: res.Request.URL, location: location, body: body}, nil
}

// passwordForm is the form on the page that asks for a user name and a password.
type passwordForm struct {
	action                   string
	values                   url.Values // the fields that the page filled in
	userField, passwordField string
}

// findPasswordForm finds the first form with a password field on the page.
func findPasswordForm(page []byte, base *url.URL) (*passwordForm, error) {
	root, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return nil, err
	}
	for node := range root.Descendants() {
		if node.Type != html.ElementNode || node.Data != "form" {
			continue
		}
		form := passwordForm{values: url.Values{}}
		for field := range node.Descendants() {
			if field.Type != html.ElementNode || field.Data != "input" || attribute(field, "name") == "" {
				continue
			}
			name := attribute(field, "name")
			switch strings.ToLower(attribute(field, "type")) {
			case "hidden":
				form.values.Add(name, attribute(field, "value"))
			case "password":
				form.passwordField = name
			case "text", "email", "":
				form.userField = name
			}
		}
		if form.passwordField == "" || form.userField == "" {
			continue
		}
		action, err := base.Parse(attribute(node, "action"))
		if err != nil {
			return nil, fmt.Errorf("form action: %w", err)
		}
		form.action = action.String()
		return &form, nil
	}
	return nil, errors.New("the page has no form that asks for a password")
}

func attribute(node *html.Node, name string) string {
	i := slices.IndexFunc(node.Attr, func(a html.Attribute) bool { return a.Key == name })
	if i < 0 {
		return ""
	}
	return node.Attr[i].Val
}

// randomText returns 256 random bits, safe in an address.
func randomText() string {
	return rand.Text() + rand.Text()
}
