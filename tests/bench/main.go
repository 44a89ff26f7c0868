package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tenantatlas/cmd/localstack/stackfile"
	"tenantatlas/tests/figures"
	"tenantatlas/tests/localaws"
)

// options say what to measure and where to write it.
type options struct {
	root, write            string
	upSeconds, testSeconds float64
	loadOnly               bool
	progress               io.Writer
}

func main() {
	o := options{progress: os.Stderr}
	flag.StringVar(&o.write, "write", "", "write the report to this `file`; default: standard output")
	flag.Float64Var(&o.upSeconds, "up-seconds", 0, `how long "make up" took from nothing; default: .local/timings.json`)
	flag.Float64Var(&o.testSeconds, "test-seconds", 0, `how long "make test" took from nothing; default: .local/timings.json`)
	flag.BoolVar(&o.loadOnly, "load", false, "put the load on the stack and measure nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // the signals need no restoring at the end
	}
}

// measure does all measurements, one after the other, and writes the report.
func measure(ctx context.Context, o options, out io.Writer) error {
	root, err := localaws.Root()
	if err != nil {
		return err
	}
	o.root = root
	file := os.Getenv("STACK_FILE")
	if file == "" {
		file = filepath.Join(root, ".local", "stack.json")
	}
	stack, err := stackfile.Read(file)
	if err != nil {
		return err
	}
	if o.loadOnly {
		r, err := load(ctx, stack, o.progress)
		if err == nil {
			renderLoad(func(format string, args ...any) { fmt.Fprintf(out, format, args...) }, r)
		}
		return err
	}
	r := report{At: time.Now().UTC(), Machine: machine()}
	if r.Timings, err = readTimings(o); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"costs", func() (err error) { r.measured, err = costs(ctx, o); return err }},
		{"captures", func() (err error) { r.Captures, err = captures(ctx, o); return err }},
		{"processor", func() (err error) { r.Processor, err = processor(ctx, o); return err }},
		{"functions", func() (err error) { r.Functions, err = functions(ctx, o); return err }},
		{"starts", func() (err error) { r.Starts, err = starts(ctx, stack, o.progress); return err }},
		{"load", func() (err error) { r.Load, err = load(ctx, stack, o.progress); return err }},
	} {
		fmt.Fprintf(o.progress, "Measuring %s …\n", step.what)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if former, err := os.ReadFile(o.write); err == nil {
		r.Console = consoleOf(string(former))
	}
	text := render(r)
	if o.write == "" {
		_, err = io.WriteString(out, text)
		return err
	}
	return os.WriteFile(o.write, []byte(text), 0o644)
}

// timings are how long the two commands took from nothing, in seconds; 0 is not
// measured.
type timings struct {
	UpSeconds   float64 `json:"upSeconds"`
	TestSeconds float64 `json:"testSeconds"`
	// The longest that the last end-to-end tests have seen.
	TakeoverSeconds float64 `json:"takeoverSeconds"`
	DispatchSeconds float64 `json:"dispatchSeconds"`
}

// readTimings takes the flags, and what they leave out from .local/timings.json.
func readTimings(o options) (timings, error) {
	var t timings
	raw, err := os.ReadFile(filepath.Join(o.root, ".local", "timings.json"))
	if err == nil {
		if err := json.Unmarshal(raw, &t); err != nil {
			return t, fmt.Errorf(".local/timings.json: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	if o.upSeconds > 0 {
		t.UpSeconds = o.upSeconds
	}
	if o.testSeconds > 0 {
		t.TestSeconds = o.testSeconds
	}
	return t, nil
}

// costs runs the tests that measure and limit them.
func costs(ctx context.Context, o options) (measured, error) {
	var m measured
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return m, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "costs.json")
	if _, err := goTool(ctx, o, nil, "test", "-count=1", "-run", "^(TestCosts|TestRunCosts|TestSetCosts|TestRestoreMachineryCosts|TestRestoreCosts|TestListsAreConstant)$", "./tests/bench", "-costs", file); err != nil {
		return m, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(raw, &m)
}

// captures runs the tests that measure captures of whole tenants.
func captures(ctx context.Context, o options) (figures.All, error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return figures.All{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "figures.json")
	for pkg, tests := range map[string]string{"./tests/fidelity": "^(TestThrottledCapture|TestExportsComeBack)$", "./tests/crash": "^TestMemoryOfALargeTenant$", "./tests/restore": "^TestRestoreAtTheLimits$"} {
		if _, err := goTool(ctx, o, []string{"CGO_ENABLED=0"}, "test", "-count=1", "-run", tests, pkg, "-figures", file); err != nil {
			return figures.All{}, err
		}
	}
	return figures.Read(file)
}

// processor runs the benchmarks of the parts that use it.
func processor(ctx context.Context, o options) ([]benchLine, error) {
	out, err := goTool(ctx, o, nil, "test", "-count=1", "-run", "^$", "-bench", "^BenchmarkParts$", "-benchmem", "./tests/bench")
	if err != nil {
		return nil, err
	}
	return parseBench(out)
}

// goTool runs the go command in the project's folder.
func goTool(ctx context.Context, o options, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = o.root, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s%s", strings.Join(args, " "), err, said.Bytes(), out)
	}
	return out, nil
}
