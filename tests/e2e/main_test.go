package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/cmd/localstack/signin"
	"tenantatlas/cmd/localstack/stackfile"
)

// stack is the running stack; TestMain sets it before any test.
var stack *environment

// environment is the running stack with the clients of the tests.
type environment struct {
	*stackfile.Stack
	folder string // .local of the stack
	http   *http.Client
	clients

	mu       sync.Mutex
	tokens   map[string]string // by e-mail address
	canaries []string          // texts that no answer may hold
	longest  map[string]time.Duration
}

func TestMain(m *testing.M) {
	file := os.Getenv("STACK_FILE")
	if file == "" {
		file = filepath.Join("..", "..", ".local", "stack.json")
	}
	described, err := stackfile.Read(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run make up-detached first")
		os.Exit(1)
	}
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stack = &environment{
		Stack: described, folder: folder, tokens: map[string]string{}, clients: newClients(described),
		http: &http.Client{
			Timeout:   60 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: 128, MaxIdleConns: 128},
		},
	}
	os.Exit(m.Run())
}

// measured keeps a time for the report of the benchmarks: the longest that this
// test run has seen, in seconds.
func measured(t testing.TB, name string, took time.Duration) {
	t.Helper()
	stack.mu.Lock()
	defer stack.mu.Unlock()
	if stack.longest == nil {
		stack.longest = map[string]time.Duration{}
	}
	if took <= stack.longest[name] {
		return
	}
	stack.longest[name] = took
	file := filepath.Join(stack.folder, "timings.json")
	all := map[string]float64{}
	if raw, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	all[name] = took.Round(100 * time.Millisecond).Seconds()
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Error(err)
	}
}

// The users that the stack seeds, by what they are.
const (
	owner    = "owner"    // of the first tenant
	restorer = "restorer" // of the first tenant
	operator = "operator" // of the first tenant
	viewer   = "viewer"   // of the first tenant
	outsider = "outsider" // owner of the second tenant, nothing in the first
	stranger = "stranger" // member of nothing
	platform = "platform" // platform administrator, member of nothing
)

// roles are the users with a role, weakest first.
var roles = []string{viewer, operator, restorer, owner}

// who returns the seeded user.
func who(t testing.TB, user string) stackfile.User {
	t.Helper()
	for _, u := range stack.Users {
		first, second := u.Roles[stack.Tenants[0].ID], u.Roles[stack.Tenants[1].ID]
		switch {
		case user == platform && u.PlatformAdmin && len(u.Roles) == 0,
			user == stranger && !u.PlatformAdmin && len(u.Roles) == 0,
			user == outsider && first == "" && second == owner,
			first == user && second == "":
			return u
		}
	}
	t.Fatalf("the stack has no %s", user)
	return stackfile.User{}
}

// hostedPage is the console's app client.
func hostedPage() *signin.Client {
	return &signin.Client{
		AuthorizeURL: stack.SignIn.AuthorizeURL, TokenURL: stack.SignIn.TokenURL, ClientID: stack.ClientID,
		RedirectURI: stack.SignIn.RedirectURI, Scope: stack.SignIn.Scope,
	}
}

// signIn signs the user in anew.
func signIn(t testing.TB, page *signin.Client, user string) *signin.Tokens {
	t.Helper()
	u := who(t, user)
	tokens, err := page.Password(t.Context(), u.Email, u.Password)
	if err != nil {
		t.Fatalf("sign-in of %s: %v", u.Email, err)
	}
	return tokens
}

// token returns the user's access token, signing in once for all tests.
func token(t testing.TB, user string) string {
	t.Helper()
	stack.mu.Lock()
	defer stack.mu.Unlock()
	if stack.tokens[user] == "" {
		stack.tokens[user] = signIn(t, hostedPage(), user).AccessToken
	}
	return stack.tokens[user]
}

// answer is an answer of the API.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is an RFC 9457 answer.
type problem struct {
	Type, Title, Code, Detail, RequestID, Role string
	Status                                     int
	Errors                                     []struct{ Detail, Location string }
	ActiveRun                                  *struct{ ID, Href string }
}

func (a answer) problem() (p problem) {
	_ = json.Unmarshal(a.body, &p) // what is no problem document has no code
	return p
}

func (a answer) String() string { return fmt.Sprintf("%d %.400s", a.status, a.body) }

// into decodes the body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
}

// want fails the test unless the answer has the status.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("answer is %s, want %d", a, status)
	}
	return a
}

// send asks the API. body is nil, a string as it is, or a value for JSON.
// headers are names and values in turn.
func send(ctx context.Context, bearer, method, path string, body any, headers ...string) (answer, error) {
	var content io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, stack.APIURL+path, content)
	if err != nil {
		return answer{}, err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := stack.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return answer{}, err
	}
	a := answer{res.StatusCode, res.Header, data}
	return a, a.leaked()
}

// leaked is an error when the answer holds a planted secret, whatever was asked.
func (a answer) leaked() error {
	stack.mu.Lock()
	defer stack.mu.Unlock()
	head := fmt.Sprint(a.header)
	for _, canary := range stack.canaries {
		if bytes.Contains(a.body, []byte(canary)) || strings.Contains(head, canary) {
			return fmt.Errorf("a planted secret is in the answer %s %s", head, a)
		}
	}
	return nil
}

// as asks the API as a user.
func as(t testing.TB, user, method, path string, body any, headers ...string) answer {
	t.Helper()
	bearer := ""
	if user != "" {
		bearer = token(t, user)
	}
	a, err := send(t.Context(), bearer, method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s as %s: %v", method, path, user, err)
	}
	return a
}

func get(t testing.TB, user, path string) answer {
	t.Helper()
	return as(t, user, http.MethodGet, path, nil)
}

func post(t testing.TB, user, path string, body any) answer {
	t.Helper()
	return as(t, user, http.MethodPost, path, body)
}

// page is a page of a list.
type page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"nextPageToken"`
}

// list reads a list of the API to its end.
func list[T any](t testing.TB, user, path string) []T {
	t.Helper()
	glue := "?"
	if strings.Contains(path, "?") {
		glue = "&"
	}
	var all []T
	for next := ""; ; {
		var p page[T]
		get(t, user, path+glue+"pageSize=200&pageToken="+next).want(t, http.StatusOK).into(t, &p)
		all = append(all, p.Items...)
		if next = p.NextPageToken; next == "" {
			return all
		}
	}
}

// await asks until the condition holds; it fails the test after the limit.
func await(t testing.TB, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// together runs n functions side by side and waits for all.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		all.Go(func() { <-ready; f(i) })
	}
	close(ready)
	all.Wait()
}
