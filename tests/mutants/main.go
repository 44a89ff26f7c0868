// Command mutants breaks the code on purpose, one place at a time, and runs the
// tests that are said to notice. A breakage that no test notices fails the
// command: it shows a promise that nothing holds.
//
// It works on a copy of the files that git knows, so the tree stays as it is.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mutant is one breakage: the text Old, which stands once in File, becomes New.
type mutant struct {
	Name     string
	File     string
	Old, New string
	Tests    []string // arguments of "go test"; the mutant is killed when they fail
}

// limit is how long the tests of one mutant may take. One that makes a test hang
// is killed as well.
const limit = 4 * time.Minute

func main() {
	only := flag.String("run", "", "only mutants whose name matches this `expression`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := hunt(ctx, *only, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:gocritic // the signals need no restoring at the end
	}
}

func hunt(ctx context.Context, only string, out io.Writer) error {
	name, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := copyTree(ctx, folder); err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !name.MatchString(m.Name) })
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant is named like %q", only)
	}
	if err := healthy(ctx, folder, chosen, out); err != nil {
		return err
	}
	var survived []string
	for _, m := range chosen {
		began := time.Now()
		killer, err := m.hunt(ctx, folder)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", m.Name, err)
		case killer == "":
			survived = append(survived, m.Name)
			fmt.Fprintf(out, "SURVIVED  %s\n", m.Name)
		default:
			fmt.Fprintf(out, "killed    %s, in %s by %s\n", m.Name, time.Since(began).Round(time.Second), killer)
		}
	}
	fmt.Fprintf(out, "%d of %d mutants were killed\n", len(chosen)-len(survived), len(chosen))
	if len(survived) > 0 {
		return fmt.Errorf("survived: %s", strings.Join(survived, "; "))
	}
	return nil
}

// copyTree copies what git knows of the working tree, and links the tools that
// the tests find below .local.
func copyTree(ctx context.Context, folder string) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	for _, file := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		raw, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed yet
		}
		if err != nil {
			return err
		}
		to := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, raw, 0o755); err != nil { // scripts among them must stay executable
			return err
		}
	}
	tools, err := filepath.Abs(".local")
	if err != nil {
		return err
	}
	return os.Symlink(tools, filepath.Join(folder, ".local"))
}

// healthy runs the tests on the code as it is: a test that fails anyway kills
// nothing.
func healthy(ctx context.Context, folder string, chosen []mutant, out io.Writer) error {
	var seen []string
	for _, m := range chosen {
		key := strings.Join(m.Tests, " ")
		if slices.Contains(seen, key) {
			continue
		}
		seen = append(seen, key)
		if failed, said := goTest(ctx, folder, m.Tests); failed {
			return fmt.Errorf("the tests fail without any breakage: go test %s\n%s", key, said)
		}
	}
	fmt.Fprintf(out, "the tests pass on the code as it is\n")
	return ctx.Err()
}

// hunt breaks the code, runs the tests and mends the code. It returns the first
// test that failed, or "" when none did.
func (m mutant) hunt(ctx context.Context, folder string) (killer string, err error) {
	file := filepath.Join(folder, m.File)
	whole, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(whole, []byte(m.Old)); n != 1 {
		return "", fmt.Errorf("the text to break stands %d times in %s, want once:\n%s", n, m.File, m.Old)
	}
	broken := bytes.Replace(whole, []byte(m.Old), []byte(m.New), 1)
	if err := os.WriteFile(file, broken, 0o644); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.WriteFile(file, whole, 0o644)) }()
	build := exec.CommandContext(ctx, "go", "build", "./"+filepath.Dir(m.File))
	build.Dir = folder
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not compile, which proves nothing: %s", said)
	}
	failed, said := goTest(ctx, folder, m.Tests)
	if !failed {
		return "", ctx.Err()
	}
	return firstFailure(said), ctx.Err()
}

func goTest(ctx context.Context, folder string, args []string) (failed bool, said string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-failfast", "-timeout=200s"}, args...)...)
	cmd.Dir = folder
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return err != nil, string(out)
}

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// firstFailure is the most exact name of a test that failed first.
func firstFailure(said string) string {
	name := "the tests"
	for _, match := range failLine.FindAllStringSubmatch(said, -1) {
		if name != "the tests" && !strings.HasPrefix(match[1], name+"/") {
			break
		}
		name = match[1]
	}
	if strings.Contains(said, "panic: test timed out") {
		return name + " (it hangs)"
	}
	return name
}
