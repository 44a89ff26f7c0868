// Package lambdaruntime runs function binaries as Lambda does: as processes that
// ask the Lambda Runtime API for one event after the other
// (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). It is for tests only
// and needs no container engine.
package lambdaruntime

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tenantatlas/tests/localaws"
	"tenantatlas/tests/testlog"
)

// Build compiles a function as the deployment does, for this machine, and
// returns the path of the binary.
func Build(t testing.TB, name string) string {
	t.Helper()
	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", out, "./functions/"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, text)
	}
	return out
}

// Function is a running function binary.
type Function struct {
	output testlog.Buffer
	events chan event
	// answers holds what an invocation made of its event, or why the function
	// could not start.
	answers chan Answer
	server  *httptest.Server
	cmd     *exec.Cmd
	ended   chan struct{}
}

type event struct {
	body     []byte
	deadline time.Time
}

// Answer is what a function made of an event.
type Answer struct {
	Failed bool // it reported an error instead of an answer
	Body   []byte
}

// Errors of Invoke.
var (
	ErrEnded    = errors.New("the function's process has ended")
	ErrNoAnswer = errors.New("no answer before the deadline")
)

// Launch runs a function binary with exactly the given environment. The caller
// ends it with Close.
func Launch(binary string, env []string) (*Function, error) {
	f := &Function{events: make(chan event), answers: make(chan Answer, 1), ended: make(chan struct{})}
	f.server = httptest.NewServer(http.HandlerFunc(f.serveHTTP))
	f.cmd = exec.Command(binary)
	f.cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(f.server.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256")
	f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
	if err := f.cmd.Start(); err != nil {
		f.server.Close()
		return nil, fmt.Errorf("start %s: %w", filepath.Base(binary), err)
	}
	go func() {
		_ = f.cmd.Wait() // how it ended does not matter; that it did, does
		close(f.ended)
	}()
	return f, nil
}

func (f *Function) serveHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/"); {
	case path == "invocation/next":
		select {
		case <-r.Context().Done():
		case e := <-f.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "11111111-0000-4000-8000-000000000001")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(e.deadline.UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
			_, _ = w.Write(e.body)
		}
	case strings.HasPrefix(path, "invocation/") || path == "init/error":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process died while it answered
		}
		f.answers <- Answer{Failed: strings.HasSuffix(path, "/error"), Body: body}
		w.WriteHeader(http.StatusAccepted)
	default:
		http.NotFound(w, r)
	}
}

// Invoke hands an event to the function, which has until timeout for it, and
// returns its answer. Only one invocation goes on at a time.
func (f *Function) Invoke(body []byte, timeout time.Duration) (Answer, error) {
	over := time.NewTimer(timeout)
	defer over.Stop()
	select {
	case f.events <- event{body: body, deadline: time.Now().Add(timeout)}:
	case got := <-f.answers: // it could not even start
		return got, nil
	case <-f.ended:
		return Answer{}, ErrEnded
	case <-over.C:
		return Answer{}, ErrNoAnswer
	}
	select {
	case got := <-f.answers:
		return got, nil
	case <-f.ended:
		return Answer{}, ErrEnded
	case <-over.C:
		return Answer{}, ErrNoAnswer
	}
}

// Kill ends the process at once (SIGKILL), in the middle of whatever it does, and
// returns when it is gone.
func (f *Function) Kill() {
	_ = f.cmd.Process.Kill()
	<-f.ended
}

// Output is what the function wrote so far.
func (f *Function) Output() string { return f.output.String() }

// Close ends the process and its Runtime API.
func (f *Function) Close() {
	f.Kill()
	f.server.CloseClientConnections()
	f.server.Close()
}

// PeakMemory is the most memory, in bytes, that the process has held so far, as
// the kernel counts what is resident.
func (f *Function) PeakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kilobytes), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("the kernel does not say")
}
