package localaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a process may take until it answers.
const startTimeout = 90 * time.Second

// emulator is one process, shared by all tests of a binary.
type emulator struct {
	once     sync.Once
	endpoint string
	err      error

	mu      sync.Mutex
	command *exec.Cmd
	dir     string
	ended   chan struct{}
}

// The processes of this test binary. They are the one thing that tests of a
// binary share, because starting one takes seconds.
var (
	ministack     emulator
	dynamoDBLocal emulator
)

// Main runs the tests and then ends the processes. It returns the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	ministack.stop()
	dynamoDBLocal.stop()
	return code
}

// Ministack returns the endpoint of ministack, which serves all of AWS.
func Ministack(t testing.TB) string {
	t.Helper()
	return ministack.get(t, func(port int, dir string) (*exec.Cmd, string, error) {
		tool, err := find("TENANTATLAS_MINISTACK", filepath.Join(".local", "venv-ministack", "bin", "ministack"))
		if err != nil {
			return nil, "", err
		}
		endpoint := "http://127.0.0.1:" + strconv.Itoa(port)
		c := exec.Command(tool)
		// It hands its environment to the functions that it runs, so they find it.
		c.Env = append(os.Environ(),
			"GATEWAY_PORT="+strconv.Itoa(port), "BIND_HOST=127.0.0.1", "AWS_ENDPOINT_URL="+endpoint,
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION="+Region,
			"TMPDIR="+dir, "LOG_LEVEL=WARNING", "PYTHONDONTWRITEBYTECODE=1")
		return c, endpoint + "/_ministack/health", nil
	})
}

// DynamoDBLocal returns the endpoint of DynamoDB Local. It has no option for the
// address and listens on all; it holds nothing but what tests put there.
func DynamoDBLocal(t testing.TB) string {
	t.Helper()
	return dynamoDBLocal.get(t, func(port int, dir string) (*exec.Cmd, string, error) {
		jars, err := find("TENANTATLAS_DYNAMODB_LOCAL", filepath.Join(".local", "dynamodb-local"))
		if err != nil {
			return nil, "", err
		}
		c := exec.Command("java", "-Xmx512m", "-Djava.library.path="+jars, "-Djava.io.tmpdir="+dir,
			"-cp", filepath.Join(jars, "*"), "software.amazon.dynamodb.services.local.main.ServerRunner",
			"-inMemory", "-disableTelemetry", "-port", strconv.Itoa(port))
		return c, "http://127.0.0.1:" + strconv.Itoa(port) + "/", nil
	})
}

// find returns the path of a tool: from the environment, or below the folder of
// go.mod.
func find(env, path string) (string, error) {
	found := os.Getenv(env)
	if found == "" {
		root, err := Root()
		if err != nil {
			return "", err
		}
		found = filepath.Join(root, path)
	}
	if _, err := os.Stat(found); err != nil {
		return "", fmt.Errorf("%s is not installed: run make tools", filepath.Base(path))
	}
	return found, nil
}

// Root returns the folder of go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// get starts the process once and returns its endpoint.
func (e *emulator) get(t testing.TB, prepare func(port int, dir string) (*exec.Cmd, string, error)) string {
	t.Helper()
	e.once.Do(func() { e.err = e.start(prepare) })
	if e.err != nil {
		t.Fatal(e.err)
	}
	return e.endpoint
}

func (e *emulator) start(prepare func(port int, dir string) (*exec.Cmd, string, error)) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "localaws-")
	if err != nil {
		return err
	}
	command, probe, err := prepare(port, dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	output := new(tail)
	command.Stdout, command.Stderr = output, output
	command.Dir = dir
	// The group lets stop reach what the process started; the signal is sent by
	// the kernel when the thread that started the process is gone, so that thread
	// is kept for good.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A grandchild that keeps the pipe open must not hold up Wait.
	command.WaitDelay = 5 * time.Second
	started := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err != nil {
			return
		}
		_ = command.Wait() // why it ended does not matter; that it did, does
		close(ended)
		select {} // keeps the thread, and with it nothing else
	}()
	if err := <-started; err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", filepath.Base(command.Path), err), os.RemoveAll(dir))
	}
	e.mu.Lock()
	e.command, e.dir, e.ended = command, dir, ended
	e.mu.Unlock()
	e.endpoint = "http://127.0.0.1:" + strconv.Itoa(port)
	if err := await(probe, ended); err != nil {
		e.stop()
		return fmt.Errorf("%s: %w; it said: %s", filepath.Base(command.Path), err, output)
	}
	return nil
}

// await returns when the address answers anything.
func await(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it did not answer in time")
		case <-tick.C:
		}
	}
}

// stop ends the process with all that it started.
func (e *emulator) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.command == nil {
		return
	}
	_ = syscall.Kill(-e.command.Process.Pid, syscall.SIGKILL)
	<-e.ended
	_ = os.RemoveAll(e.dir)
	e.command = nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// tail keeps the last output of a process, for when it fails.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > tailSize {
		t.b = bytes.Clone(t.b[len(t.b)-tailSize:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
