package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

func testProcesses(t *testing.T) *processes {
	t.Helper()
	c := config{root: t.TempDir()}
	if err := os.MkdirAll(c.local("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	return newProcesses(c)
}

func TestStopEndsWhatAProgramStartedItself(t *testing.T) {
	p := testProcesses(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// The child ignores SIGTERM and has a child of its own, as the stand-in for AWS has functions.
	cmd := exec.Command("sh", "-c", `trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & wait`)
	if _, err := p.start("stubborn", cmd, writer); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(reader)
	if _, err := out.ReadString('\n'); err != nil { // the grandchild runs
		t.Fatal(err)
	}
	alive, err := readProcesses(p.config)
	if err != nil || len(alive) != 2 || alive[0].Name != "supervisor" || alive[1].PID != cmd.Process.Pid {
		t.Fatalf("remembered %+v, %v", alive, err)
	}
	p.grace = time.Millisecond
	p.stop()
	// The pipe ends only when every process that held it is gone.
	if _, err := out.ReadString('\n'); err == nil {
		t.Error("the grandchild went on")
	}
	if _, err := p.start("late", exec.Command("true"), nil); err == nil {
		t.Error("a program was started while the stack stops")
	}
}

func TestAProgramThatEndsByItselfIsReported(t *testing.T) {
	p := testProcesses(t)
	if _, err := p.start("frail", exec.Command("sh", "-c", "exit 3"), nil); err != nil {
		t.Fatal(err)
	}
	err := <-p.ended
	if want := "frail ended unexpectedly (exit status 3); see .local/logs/frail.log"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	p.stop()
}

func TestAReusedProcessNumberIsNotTakenForOurs(t *testing.T) {
	c := config{root: t.TempDir()}
	if err := os.MkdirAll(c.local(), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := strconv.Itoa(os.Getpid())
	if err := os.WriteFile(c.processFile(), []byte(`[{"name":"supervisor","pid":`+mine+`,"started":"another time"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := readProcesses(c)
	if err != nil || len(alive) != 0 {
		t.Errorf("got %+v, %v", alive, err)
	}
	if stack, err := isUp(c); stack != nil || err != nil {
		t.Errorf("a stack is said to be up: %+v, %v", stack, err)
	}
	if _, err := os.Stat(c.processFile()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the dead stack's file is still there")
	}
}
