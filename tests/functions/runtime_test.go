package functions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/tests/localaws"
	"tenantatlas/tests/testlog"
)

// runtimeAPI is the Lambda Runtime API for one function process
// (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): it hands out one
// event at a time and takes the answer.
type runtimeAPI struct {
	events  chan []byte
	answers chan invocation
	polled  chan struct{} // closed at the first poll
	once    sync.Once
}

// invocation is what a function made of an event.
type invocation struct {
	failed bool // it reported an error instead of an answer
	body   []byte
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const base = "/2018-06-01/runtime/"
	switch path := strings.TrimPrefix(r.URL.Path, base); {
	case path == "invocation/next":
		a.once.Do(func() { close(a.polled) })
		select {
		case <-r.Context().Done():
		case event := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "11111111-0000-4000-8000-000000000001")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
			_, _ = w.Write(event)
		}
	case strings.HasPrefix(path, "invocation/") || path == "init/error":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		a.answers <- invocation{failed: strings.HasSuffix(path, "/error"), body: body}
		w.WriteHeader(http.StatusAccepted)
	default:
		http.NotFound(w, r)
	}
}

// function is a running function binary.
type function struct {
	t      *testing.T
	api    *runtimeAPI
	output *testlog.Buffer
}

// build compiles a function as the deployment does, for this machine.
func build(t *testing.T, name string) string {
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

// launch runs a function binary with exactly the given environment.
func launch(t *testing.T, binary string, env []string) *function {
	t.Helper()
	f := &function{t: t, output: &testlog.Buffer{}, api: &runtimeAPI{events: make(chan []byte), answers: make(chan invocation, 1), polled: make(chan struct{})}}
	srv := httptest.NewServer(f.api)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(srv.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256")
	cmd.Stdout, cmd.Stderr = f.output, f.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err == nil {
			t.Log("the function ended by itself")
		}
		srv.CloseClientConnections()
		srv.Close()
	})
	return f
}

var errNoAnswer = errors.New("no answer within 30 seconds")

// invoke hands an event to the function and returns its answer.
func (f *function) invoke(event []byte) invocation {
	f.t.Helper()
	timeout := time.After(30 * time.Second)
	select {
	case f.api.events <- event:
	case got := <-f.api.answers: // it could not even start
		return got
	case <-timeout:
		f.t.Fatalf("%v; it wrote: %s", errNoAnswer, f.output)
	}
	select {
	case got := <-f.api.answers:
		return got
	case <-timeout:
		f.t.Fatalf("%v; it wrote: %s", errNoAnswer, f.output)
	}
	return invocation{}
}
