package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// launches is how often each function is started.
const launches = 25

// function is what is measured of one function.
type function struct {
	Name        string
	Binary, Zip int64           // bytes, linux/arm64
	FirstPoll   []time.Duration // from exec, sorted
	Resident    int64           // bytes after init; 0 where the system does not tell
}

// functions builds every function as the deployment does and starts it.
func functions(ctx context.Context, o options) ([]function, error) {
	folders, err := filepath.Glob(filepath.Join(o.root, "functions", "*"))
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	var all []function
	for _, folder := range folders {
		f := function{Name: filepath.Base(folder)}
		binary := filepath.Join(temp, f.Name)
		if err := build(ctx, o, f.Name, binary, "linux", "arm64"); err != nil {
			return nil, err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return nil, err
		}
		f.Binary = info.Size()
		if f.Zip, err = zipped(binary); err != nil {
			return nil, err
		}
		if err := build(ctx, o, f.Name, binary, runtime.GOOS, runtime.GOARCH); err != nil {
			return nil, err
		}
		for range launches {
			took, resident, err := launch(ctx, binary)
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", f.Name, err)
			}
			f.FirstPoll = append(f.FirstPoll, took)
			f.Resident = max(f.Resident, resident)
		}
		sortDurations(f.FirstPoll)
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, errors.New("there are no functions")
	}
	return all, nil
}

// build uses the flags of the deployment (build in the Makefile).
func build(ctx context.Context, o options, name, out, system, architecture string) error {
	_, err := goTool(ctx, o, []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + architecture},
		"build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", out, "./functions/"+name)
	return err
}

// zipped is the size of the archive with the binary, packed as the SAM CLI does:
// deflate at its usual level.
func zipped(binary string) (int64, error) {
	file, err := os.Open(binary)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	var size counter
	archive := zip.NewWriter(&size)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate})
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(entry, file); err != nil {
		return 0, err
	}
	if err := archive.Close(); err != nil {
		return 0, err
	}
	return int64(size), nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// environment is complete and leads nowhere: a function that asks the network
// while it starts fails or hangs, and is found.
func environment() []string {
	const aws = "http://127.0.0.1:1"
	return []string{
		"AWS_ENDPOINT_URL=" + aws, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"TABLE_NAME=table", "ARCHIVE_BUCKET=archive", "SECRET_PREFIX=bench", "API_SCOPE=tenantatlas/api",
		"SEALING_KEY_ID=sealing", "FINGERPRINT_KEY_ID=fingerprint",
		"QUEUE_CONNECTION_TEST_URL=" + aws + "/1/connection-test", "QUEUE_INVENTORY_SYNC_URL=" + aws + "/1/inventory-sync",
		"QUEUE_POLICY_CAPTURE_SNAPSHOT_URL=" + aws + "/1/policy-capture-snapshot",
		"QUEUE_BACKUP_SET_CREATE_URL=" + aws + "/1/backup-set-create", "QUEUE_BACKUP_SET_ADD_POLICIES_URL=" + aws + "/1/backup-set-add-policies",
		"QUEUE_RESTORE_PREVIEW_URL=" + aws + "/1/restore-preview", "QUEUE_RESTORE_EXECUTE_URL=" + aws + "/1/restore-execute", "QUEUE_RESTORE_RERUN_URL=" + aws + "/1/restore-rerun",
		"SCHEDULE_GROUP=group", "SCHEDULE_TARGET_ARN=target", "SCHEDULE_ROLE_ARN=role", "SCHEDULE_FAILURES_ARN=failures",
		"OIDC_ISSUER=https://issuer.example", "OIDC_CLIENT_ID=client", "OIDC_AUDIENCE=client",
		"OIDC_AUTHORIZE_URL=https://issuer.example/authorize", "OIDC_TOKEN_URL=https://issuer.example/token", "OIDC_LOGOUT_URL=https://issuer.example/logout",
	}
}

// launch starts the function and returns how long it took until it asked the
// Lambda Runtime API for its first event, and the memory it held then.
func launch(ctx context.Context, binary string) (time.Duration, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	polled := make(chan time.Time, 1)
	var once sync.Once
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/runtime/invocation/next") {
			http.NotFound(w, r)
			return
		}
		once.Do(func() { polled <- time.Now() })
		<-ctx.Done() // there is no event
	}))
	defer api.Close()
	defer cancel() // before the server waits for its handlers
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(environment(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	var said words
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	var endedWith error
	ended := make(chan struct{})
	go func() {
		endedWith = cmd.Wait()
		close(ended)
	}()
	select {
	case at := <-polled:
		resident := residentMemory(cmd.Process.Pid)
		cancel() // kills it
		<-ended
		return at.Sub(began), resident, nil
	case <-ended:
		return 0, 0, fmt.Errorf("it ended without asking for an event (%w): %s", endedWith, said.String())
	}
}

// residentMemory is VmRSS of the process, in bytes; 0 where there is no /proc.
func residentMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return kilobytes(string(status), "VmRSS")
}

// kilobytes reads a line such as "VmRSS:  1234 kB" and returns bytes.
func kilobytes(text, name string) int64 {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok || key != name {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0
		}
		return n * 1024
	}
	return 0
}

// words keeps the beginning of what a process says, for when it fails.
type words struct {
	mu sync.Mutex
	b  []byte
}

func (t *words) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[:min(len(p), 4096-len(t.b))]...)
	return len(p), nil
}

func (t *words) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
