package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to stop before it is killed.
const stopGrace = 8 * time.Second

// processes are the programs that the stack keeps running. Each has a process
// group of its own, so that what it starts itself is stopped with it, and so
// that Ctrl-C in a terminal reaches the runner alone.
type processes struct {
	config config
	grace  time.Duration // how long each may take to stop

	mu      sync.Mutex
	running []*process
	ended   chan error // one message for each process that ends by itself
	closing bool
}

// process is one running program.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
}

// processRecord is what is remembered of a process on disk, so that "down" can
// stop what a killed runner left behind.
type processRecord struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"`
	Started string `json:"started"` // what the system says about its start; tells a reused number apart
}

func newProcesses(c config) *processes {
	return &processes{config: c, grace: stopGrace, ended: make(chan error, 16)}
}

// start runs a program with its output in .local/logs/<name>.log. With stdout
// not nil, its standard output goes there instead.
func (p *processes) start(name string, cmd *exec.Cmd, stdout io.Writer) (*process, error) {
	log, err := os.Create(p.config.log(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the program keeps its own handle
	cmd.Stderr = log
	cmd.Stdout = log
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.SysProcAttr = ownGroup()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, errors.New("the stack is stopping")
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	started := &process{name: name, cmd: cmd, done: make(chan struct{})}
	p.running = append(p.running, started)
	go func() {
		_ = cmd.Wait() // cmd.ProcessState says how it ended
		close(started.done)
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.closing {
			p.ended <- fmt.Errorf("%s ended unexpectedly (%v); see %s", name, cmd.ProcessState, p.config.logShown(name))
		}
	}()
	return started, p.remember()
}

// remember writes which processes run. p.mu is held.
func (p *processes) remember() error {
	records := []processRecord{{"supervisor", os.Getpid(), startOf(os.Getpid())}}
	for _, r := range p.running {
		records = append(records, processRecord{r.name, r.cmd.Process.Pid, startOf(r.cmd.Process.Pid)})
	}
	data, err := json.Marshal(records)
	if err != nil {
		return err
	}
	return os.WriteFile(p.config.processFile(), data, 0o600)
}

// pids lists the process numbers by name.
func (p *processes) pids() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := map[string]int{"supervisor": os.Getpid()}
	for _, r := range p.running {
		pids[r.name] = r.cmd.Process.Pid
	}
	return pids
}

// stop ends all processes with their groups, last started first.
func (p *processes) stop() {
	p.mu.Lock()
	p.closing = true
	running := p.running
	p.mu.Unlock()
	for i := len(running) - 1; i >= 0; i-- {
		r := running[i]
		signalGroup(r.cmd.Process.Pid, syscall.SIGTERM)
		timer := time.NewTimer(p.grace)
		select {
		case <-r.done:
		case <-timer.C:
		}
		timer.Stop()
		// Also the members that outlived the program itself.
		signalGroup(r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.done
	}
}

// signalGroup sends the signal to a process group. A group that is gone is no error.
func signalGroup(pid int, signal syscall.Signal) {
	if pid > 1 {
		_ = syscall.Kill(-pid, signal)
	}
}

// readProcesses reads what is remembered of a stack's processes that still run.
func readProcesses(c config) ([]processRecord, error) {
	data, err := os.ReadFile(c.processFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records, alive []processRecord
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, fmt.Errorf("%s: %w", c.processFile(), err)
	}
	for _, r := range records {
		if r.PID > 1 && syscall.Kill(r.PID, 0) == nil && startOf(r.PID) == r.Started {
			alive = append(alive, r)
		}
	}
	return alive, nil
}

// runTool runs a program to its end with its output in .local/logs/<name>.log.
func (p *processes) runTool(name string, cmd *exec.Cmd) error {
	path := p.config.log(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	// A canceled context ends the whole group, not the tool alone.
	cmd.Cancel = func() error { signalGroup(cmd.Process.Pid, syscall.SIGKILL); return nil }
	return cmd.Run()
}
