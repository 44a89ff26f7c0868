// Package samlocal runs the functions with the real SAM CLI: "sam local invoke"
// with every event below /events, and the API under "sam local start-api". Both
// run in containers against the running local stack, which .local/stack.json
// describes.
//
// It starts what it needs with the scripts below /tools and stops it again, the
// container engine included unless one ran before. It knows of the product's
// own packages only those of cmd/localstack. Where there is no container engine
// and none can be had, it says so and leaves the events to tests/functions.
package samlocal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tenantatlas/cmd/localstack/signin"
	"tenantatlas/cmd/localstack/stackfile"
	"tenantatlas/tests/localaws"
)

// noEngine is the exit code with which tools/container-engine.sh says that there
// is no container engine and that none can be installed or started.
const noEngine = 3

// want is what an event must lead to: an answer of HTTP, how many records of a
// batch come again, or the report of a sweep.
type want struct {
	status int
	code   string // of the problem document
	again  int
	sweeps bool
	fires  bool // a firing that starts nothing
	failed bool // the function must fail
}

// wants has a line for every file below /events.
var wants = map[string]want{
	"api-health.json":                   {status: 200},
	"api-openapi.json":                  {status: 200},
	"api-me.json":                       {status: 200},
	"api-no-caller.json":                {status: 401, code: "unauthenticated"},
	"api-list-tenants.json":             {status: 200},
	"api-foreign-tenant.json":           {status: 403, code: "forbidden_tenant"},
	"api-start-snapshot-forbidden.json": {status: 403, code: "forbidden_tenant"},
	"api-create-tenant-forbidden.json":  {status: 403, code: "forbidden_role"},
	"api-read-all-notifications.json":   {status: 204},
	"api-unknown-path.json":             {status: 404, code: "not_found"},
	"api-unknown-field.json":            {status: 422, code: "validation_error"},

	"connection-test-no-such-run.json":             {},
	"connection-test-malformed.json":               {again: 1},
	"connection-test-unknown-version.json":         {again: 1},
	"inventory-sync-no-such-run.json":              {},
	"inventory-sync-malformed.json":                {again: 1},
	"inventory-sync-unknown-version.json":          {again: 1},
	"policy-capture-snapshot-no-such-run.json":     {},
	"policy-capture-snapshot-malformed.json":       {again: 1},
	"policy-capture-snapshot-unknown-version.json": {again: 1},
	"backup-set-create-no-such-run.json":           {},
	"backup-set-create-malformed.json":             {again: 1},
	"backup-set-create-unknown-version.json":       {again: 1},
	"backup-set-add-policies-no-such-run.json":     {},
	"backup-set-add-policies-malformed.json":       {again: 1},
	"backup-set-add-policies-unknown-version.json": {again: 1},
	"restore-preview-no-such-run.json":             {},
	"restore-preview-malformed.json":               {again: 1},
	"restore-preview-unknown-version.json":         {again: 1},
	"restore-execute-no-such-run.json":             {},
	"restore-execute-malformed.json":               {again: 1},
	"restore-execute-unknown-version.json":         {again: 1},
	"restore-rerun-no-such-run.json":               {},
	"restore-rerun-malformed.json":                 {again: 1},
	"restore-rerun-unknown-version.json":           {again: 1},

	"scheduler-no-such-schedule.json": {fires: true},
	"scheduler-malformed.json":        {failed: true},

	"dead-letters-no-such-run.json":     {},
	"dead-letters-malformed.json":       {again: 1},
	"dead-letters-unknown-version.json": {again: 1},

	"sweeper-minute.json": {sweeps: true},

	"notifier-run-queued.json": {},
	"notifier-run-ended.json":  {},
	"notifier-other-item.json": {},
	"notifier-corrupt.json":    {again: 1},

	"console-index.json":  {status: 200},
	"console-config.json": {status: 200},
}

// TestSAMLocal runs every function with each of its events, and the API.
func TestSAMLocal(t *testing.T) {
	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	stack, err := stackfile.Read(filepath.Join(root, ".local", "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !engineRuns(root) {
		// Cleanup comes last first: after everything that uses the engine.
		t.Cleanup(func() {
			if out, err := script(context.Background(), root, nil, "container-engine.sh", "stop").CombinedOutput(); err != nil {
				t.Errorf("stop the container engine: %v: %s", err, out)
			}
		})
	}
	engine, err := script(t.Context(), root, nil, "container-engine.sh").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == noEngine {
		t.Logf("%s", exit.Stderr)
		fmt.Fprintln(os.Stderr, "no container engine: the same events are run by tests/functions")
		return
	}
	if err != nil {
		t.Fatalf("container engine: %v: %s", err, stderrOf(err))
	}
	env := []string{"DOCKER_HOST=" + strings.TrimSpace(string(engine))}
	before := containers(t, env)
	t.Cleanup(func() {
		for _, id := range containers(t, env) {
			if !slices.Contains(before, id) {
				t.Errorf("a container was left behind: %s", id)
			}
		}
	})

	way := background(t, root, env, "sam-local.sh", "bridge")
	line := way.line(t, "SAM_LOCAL_BRIDGE=")
	env = append(env, strings.Fields(line)...)

	names := events(t, root)
	t.Run("invoke", func(t *testing.T) {
		// The first builds the image that all others use.
		invoke(t, root, env, names[0])
		work := make(chan string)
		var all sync.WaitGroup
		for range 2 { // SAM CLI itself is what takes the time, a core for each
			all.Go(func() {
				for name := range work {
					invoke(t, root, env, name)
				}
			})
		}
		for _, name := range names[1:] {
			work <- name
		}
		close(work)
		all.Wait()
	})
	t.Run("start-api", func(t *testing.T) { startAPI(t, root, env, stack) })
}

// events returns the names below /events, and fails the test where they and
// what is expected of them are not the same, or a function has none.
func events(t *testing.T, root string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		name := filepath.Base(path)
		names = append(names, name)
		if _, ok := wants[name]; !ok {
			t.Errorf("nobody wrote down what events/%s leads to", name)
		}
	}
	for name := range wants {
		if !slices.Contains(names, name) {
			t.Errorf("events/%s is missing", name)
		}
	}
	folders, err := filepath.Glob(filepath.Join(root, "functions", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, folder := range folders {
		function := filepath.Base(folder)
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, function+"-") }) {
			t.Errorf("functions/%s has no event", function)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return names
}

// logicalID is the template's name of the function that an event is for.
func logicalID(event string) string {
	for _, function := range []string{"api", "connection-test", "inventory-sync", "policy-capture-snapshot", "backup-set-create", "backup-set-add-policies", "restore-preview", "restore-execute", "restore-rerun", "scheduler", "dead-letters", "sweeper", "notifier", "console"} {
		if !strings.HasPrefix(event, function+"-") {
			continue
		}
		id := ""
		for word := range strings.SplitSeq(function, "-") {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
		return id + "Function"
	}
	return ""
}

// invoke runs one event. It may be called from several goroutines.
func invoke(t *testing.T, root string, env []string, event string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := script(ctx, root, env, "sam-local.sh", "invoke", logicalID(event), "--event", filepath.Join("events", event))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: sam local invoke: %v: %s", event, err, &said)
		return
	}
	var got struct {
		StatusCode        int
		Body              string
		ErrorType         string
		BatchItemFailures *[]json.RawMessage
		Faults            *int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Errorf("%s: the answer %q is no JSON: %v", event, out, err)
		return
	}
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(got.Body), &problem) // what is no problem document has no code
	want := wants[event]
	switch {
	case want.failed:
		if got.ErrorType == "" {
			t.Errorf("%s: %s, want a failure", event, out)
		}
	case want.fires:
		if string(bytes.TrimSpace(out)) != "{}" {
			t.Errorf("%s: %s, want nothing to be fired", event, out)
		}
	case got.ErrorType != "":
		t.Errorf("%s: the function failed: %s", event, out)
	case want.status != 0:
		if got.StatusCode != want.status || problem.Code != want.code {
			t.Errorf("%s: %d %s, want %d %s: %.600s", event, got.StatusCode, problem.Code, want.status, want.code, out)
		}
	case want.sweeps:
		if got.Faults == nil || *got.Faults != 0 {
			t.Errorf("%s: %s, want the report of a sweep without faults", event, out)
		}
	case got.BatchItemFailures == nil || len(*got.BatchItemFailures) != want.again:
		t.Errorf("%s: %s, want %d that come again", event, out, want.again)
	}
}

// startAPI asks the API under "sam local start-api": one open route, and one
// that needs a user, with and without a token.
func startAPI(t *testing.T, root string, env []string, stack *stackfile.Stack) {
	i := slices.IndexFunc(stack.Users, func(u stackfile.User) bool { return len(u.Roles) > 0 })
	if i < 0 {
		t.Fatal("the stack has no user with a role")
	}
	user := stack.Users[i]
	page := signin.Client{
		AuthorizeURL: stack.SignIn.AuthorizeURL, TokenURL: stack.SignIn.TokenURL, ClientID: stack.ClientID,
		RedirectURI: stack.SignIn.RedirectURI, Scope: stack.SignIn.Scope,
	}
	tokens, err := page.Password(t.Context(), user.Email, user.Password)
	if err != nil {
		t.Fatalf("sign-in of %s: %v", user.Email, err)
	}
	port := freePort(t)
	api := background(t, root, append(slices.Clone(env), "SAM_LOCAL_PORT="+strconv.Itoa(port)), "sam-local.sh", "start-api")
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	api.await(t, address)
	for _, ask := range []struct {
		path, token string
		status      int
		holds       string
	}{
		{"/v1/health", "", http.StatusOK, `"ok"`},
		{"/v1/me", tokens.AccessToken, http.StatusOK, user.UserID},
		{"/v1/me", "", http.StatusUnauthorized, "unauthenticated"},
		{"/v1/me", tokens.AccessToken + "x", http.StatusUnauthorized, "unauthenticated"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+ask.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ask.token != "" {
			req.Header.Set("Authorization", "Bearer "+ask.token)
		}
		res, err := (&http.Client{Timeout: time.Minute}).Do(req)
		if err != nil {
			t.Fatalf("GET %s: %v; it said: %s", ask.path, err, api.said())
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != ask.status || !strings.Contains(string(body), ask.holds) {
			t.Errorf("GET %s (token: %t) answers %d %.600s, want %d with %s", ask.path, ask.token != "", res.StatusCode, body, ask.status, ask.holds)
		}
	}
	api.stop(t)
	if c, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address); err == nil {
		_ = c.Close()
		t.Errorf("%s is still bound", address)
	}
}

// script is one of the scripts below /tools.
func script(ctx context.Context, root string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "tools", name), args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	// The scripts stop what they started when they are asked to.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

func stderrOf(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}

// engineRuns reports whether an engine of the scripts' own runs already.
func engineRuns(root string) bool {
	text, err := os.ReadFile(filepath.Join(root, ".local", "docker", "dockerd.pid"))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return err == nil && syscall.Kill(pid, 0) == nil
}

func containers(t *testing.T, env []string) []string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "docker", "ps", "--all", "--quiet")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker ps: %v: %s", err, stderrOf(err))
	}
	return strings.Fields(string(out))
}

// running is a script that stays.
type running struct {
	name  string
	cmd   *exec.Cmd
	lines chan string // of its standard output; closed at its end
	done  chan struct{}

	mu   sync.Mutex
	text []byte
	once sync.Once
	err  error
}

// Write keeps what it says on standard error.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, p...)
	return len(p), nil
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.text)
}

// background starts a script and stops it with the test.
func background(t *testing.T, root string, env []string, name string, args ...string) *running {
	t.Helper()
	r := &running{name: name, cmd: script(context.Background(), root, env, name, args...), lines: make(chan string, 16), done: make(chan struct{})}
	r.cmd.Stderr = r
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			select {
			case r.lines <- scanner.Text():
			default: // nobody asks for more
			}
		}
		close(r.lines)
		r.err = r.cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends the script, which stops all that it started.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.once.Do(func() {
		_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-r.done:
		case <-time.After(45 * time.Second):
			_ = r.cmd.Process.Kill()
			t.Errorf("%s does not stop; it said: %s", r.name, r.said())
		}
	})
}

// line returns the first line of its output that begins so.
func (r *running) line(t *testing.T, prefix string) string {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case text, ok := <-r.lines:
			if strings.HasPrefix(text, prefix) {
				return text
			}
			if !ok {
				t.Fatalf("%s ended; it said: %s", r.name, r.said())
			}
		case <-limit:
			t.Fatalf("%s is not ready within a minute; it said: %s", r.name, r.said())
		}
	}
}

// await returns when the address takes connections.
func (r *running) await(t *testing.T, address string) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-r.done:
			t.Fatalf("%s ended; it said: %s", r.name, r.said())
		case <-limit:
			t.Fatalf("%s does not answer within a minute; it said: %s", r.name, r.said())
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}
