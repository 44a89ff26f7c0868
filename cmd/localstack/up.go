package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"tenantatlas/cmd/localstack/stackfile"
)

// readyFD names the file descriptor that a detached stack reports on.
const readyFD = "LOCALSTACK_READY_FD"

// up runs the stack until ctx ends or a part of it fails, and leaves nothing running.
func up(ctx context.Context, c config, bare bool, out io.Writer) (err error) {
	if os.Getenv(readyFD) == "3" {
		syscall.CloseOnExec(3) // the stack's programs must not hold the report open
	}
	if other, err := isUp(c); err != nil || other != nil {
		sayUp(other, out)
		return err
	}
	for _, folder := range []string{c.local("logs"), c.local("bin")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := c.checkTools(); err != nil {
		return err
	}
	listener, err := c.listen()
	if err := errors.Join(err, c.checkPorts()); err != nil {
		if listener != nil {
			err = errors.Join(err, listener.Close())
		}
		return err
	}
	runnerLog, err := os.Create(c.log("localstack"))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, runnerLog.Close()) }()

	stack := &runner{
		config:    c,
		progress:  newProgress(out),
		processes: newProcesses(c),
		gateway:   newGateway(c.port, slog.New(slog.NewJSONHandler(runnerLog, nil))),
	}
	server := stack.gateway.server()
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			stack.processes.ended <- fmt.Errorf("the proxy stopped: %w", err)
		}
	})
	defer func() {
		fmt.Fprintln(out, "Stopping the local stack …")
		err = errors.Join(err, server.Close())
		serving.Wait()
		stack.processes.stop()
		err = errors.Join(err, removeState(c))
		fmt.Fprintln(out, "Stopped.")
	}()

	// A part that ends while the others are still starting ends the start as well.
	starting, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	watched := make(chan error, 1)
	go func() {
		select {
		case e := <-stack.processes.ended:
			watched <- e
			fail(e)
		case <-starting.Done():
		}
	}()
	if err := stack.start(starting, bare); err != nil {
		if ctx.Err() != nil {
			return nil // the person stopped it
		}
		return err
	}
	reportReady()
	select {
	case <-ctx.Done():
		return nil
	case e := <-watched:
		return e
	}
}

// sayUp tells that another runner has the stack up, if one has.
func sayUp(other *stackfile.Stack, out io.Writer) {
	if other != nil {
		fmt.Fprintf(out, "The local stack is already up at %s. Stop it with: make down\n", other.ConsoleURL)
	}
}

// runner is a stack that is starting or up.
type runner struct {
	config    config
	progress  *progress
	processes *processes
	gateway   *gateway
}

// start brings the whole stack up, and seeds it unless bare.
func (r *runner) start(ctx context.Context, bare bool) error {
	c, p := r.config, r.processes
	var graph stackfile.Graph
	err := together(ctx,
		func(ctx context.Context) error {
			return r.progress.step("Starting the stand-in for AWS", func() error { return startAWS(ctx, c, p) })
		},
		func(ctx context.Context) error {
			if !c.ownGraph() {
				if err := r.progress.step("Building the Graph simulator", func() error { return buildGraph(ctx, c, p) }); err != nil {
					return err
				}
			}
			return r.progress.step("Building the functions", func() error { return build(ctx, c, p) })
		},
	)
	if err != nil {
		return err
	}
	err = r.progress.step("Starting Microsoft Graph's stand-in", func() (err error) {
		graph, err = startGraph(ctx, c, p)
		return err
	})
	if err != nil {
		return err
	}
	var outputs map[string]string
	err = r.progress.step("Deploying template.yaml", func() (err error) {
		outputs, err = deploy(ctx, c, p, graph)
		return err
	})
	if err != nil {
		return err
	}
	if err := proveAccessControl(ctx, c, outputs["TableName"]); err != nil {
		return err
	}
	r.progress.say("Access control is enforced: a session without permissions was refused")
	r.gateway.open(backend{aws: loopback(c.awsPort), apiID: outputs["ApiId"], poolID: outputs["UserPoolId"]})
	stack := describe(c, graph, outputs, p.pids())
	if bare {
		if err := stack.Write(c.stackFile()); err != nil {
			return err
		}
		r.progress.write(fmt.Sprintf("\n  The local stack is up at %s, deployed and empty.\n\n", stack.ConsoleURL))
		return nil
	}
	seeder := newSeeder(c, r.progress, stack)
	if err := r.progress.step("Seeding users and tenants", func() error { return seeder.seed(ctx) }); err != nil {
		return fmt.Errorf("seeding: %w", err)
	}
	if err := stack.Write(c.stackFile()); err != nil {
		return err
	}
	if err := seeder.mainJob(ctx); err != nil {
		// What another stand-in for Microsoft holds is not ours to know: the stack
		// is up, and its user sees why the run ended as it did.
		if !c.ownGraph() || ctx.Err() != nil {
			return fmt.Errorf("the main job: %w", err)
		}
		r.progress.say("The main job did not succeed: %v", err)
	}
	r.progress.write(summary(stack))
	return nil
}

// describe fills the stack file with all but the seeds.
func describe(c config, graph stackfile.Graph, outputs map[string]string, pids map[string]int) *stackfile.Stack {
	return &stackfile.Stack{
		APIURL:     c.origin(),
		ConsoleURL: c.origin(),
		Graph:      graph,
		Tenants:    []stackfile.Tenant{},
		Users:      []stackfile.User{},
		AWS: stackfile.AWS{
			Endpoint: c.awsEndpoint(), Region: region, AccountID: accountID,
			AccessKeyID: adminKeyID, SecretAccessKey: adminSecret,
		},
		StackName:  stackName,
		TableName:  outputs["TableName"],
		BucketName: outputs["BucketName"],
		UserPoolID: outputs["UserPoolId"],
		ClientID:   outputs["UserPoolClientId"],
		SignIn: stackfile.SignIn{
			Issuer:       "https://cognito-idp." + region + ".amazonaws.com/" + outputs["UserPoolId"],
			AuthorizeURL: c.origin() + "/oauth2/authorize",
			TokenURL:     c.origin() + "/oauth2/token",
			RedirectURI:  c.origin() + "/callback",
			Scope:        "openid email profile tenantatlas/api",
		},
		Outputs: outputs,
		PIDs:    pids,
	}
}

// together runs the functions side by side; the first failure ends the others.
func together(ctx context.Context, functions ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(functions))
	for _, f := range functions {
		go func() { errs <- f(ctx) }()
	}
	var first error
	for range functions {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// isUp returns the running stack, or nil. It clears what a dead one left.
func isUp(c config) (*stackfile.Stack, error) {
	alive, err := readProcesses(c)
	if err != nil {
		return nil, err
	}
	for _, p := range alive {
		if p.Name == "supervisor" {
			stack, err := stackfile.Read(c.stackFile())
			if errors.Is(err, stackfile.ErrNotUp) {
				return nil, errors.New("the local stack is starting or stopping; wait for it, or stop it with: make down")
			}
			return stack, err
		}
	}
	killAll(alive)
	return nil, removeState(c)
}

// killAll ends processes whose runner is gone, with their groups.
func killAll(records []processRecord) {
	for _, p := range records {
		if p.Name != "supervisor" {
			signalGroup(p.PID, syscall.SIGKILL)
		}
	}
}

// removeState removes the files that say a stack is up.
func removeState(c config) error {
	var errs []error
	for _, file := range []string{c.stackFile(), c.processFile()} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// down stops a stack, however it was started, and clears what a dead one left.
func down(c config, out io.Writer) error {
	alive, err := readProcesses(c)
	if err != nil {
		return err
	}
	if len(alive) == 0 {
		fmt.Fprintln(out, "The local stack is not up.")
		return removeState(c)
	}
	for _, p := range alive {
		if p.Name == "supervisor" {
			if err := syscall.Kill(p.PID, syscall.SIGTERM); err != nil {
				return fmt.Errorf("stop the local stack: %w", err)
			}
		}
	}
	deadline := time.NewTimer(3 * stopGrace)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := false; hasSupervisor(alive) && !late; {
		select {
		case <-tick.C:
		case <-deadline.C:
			late = true
		}
		if alive, err = readProcesses(c); err != nil {
			return err
		}
	}
	for _, p := range alive {
		if p.Name == "supervisor" {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended just now
		}
	}
	killAll(alive)
	if err := removeState(c); err != nil {
		return err
	}
	fmt.Fprintln(out, "The local stack is stopped.")
	return nil
}

func hasSupervisor(records []processRecord) bool {
	for _, p := range records {
		if p.Name == "supervisor" {
			return true
		}
	}
	return false
}

// upDetached starts the stack in a session of its own, shows its progress, and
// returns when it is ready or has failed.
func upDetached(ctx context.Context, c config, bare bool, out io.Writer) error {
	if other, err := isUp(c); err != nil || other != nil {
		sayUp(other, out)
		return err
	}
	if err := os.MkdirAll(c.local("logs"), 0o700); err != nil {
		return err
	}
	log, err := os.Create(c.log("up"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	follow, err := os.Open(c.log("up"))
	if err != nil {
		return err
	}
	defer func() { _ = follow.Close() }()
	ready, report, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = ready.Close() }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"up"}
	if bare {
		args = append(args, "-bare")
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = c.root
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{report}
	cmd.Env = append(os.Environ(), readyFD+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, report.Close())
	}
	if err := report.Close(); err != nil {
		return err
	}
	word := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(ready).ReadString('\n') // its end without a word means failure
		word <- strings.TrimSpace(line)
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	stopped := ctx.Done()
	for {
		select {
		case <-tick.C:
			_, _ = io.Copy(out, follow)
		case <-stopped:
			stopped = nil // once; the word comes when it has cleaned up
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case w := <-word:
			if w == "ready" {
				_, _ = io.Copy(out, follow)
				return cmd.Process.Release()
			}
			_ = cmd.Wait() // the log, shown next, says why
			_, _ = io.Copy(out, follow)
			return errors.New("the local stack did not start")
		}
	}
}

// reportReady tells the one that waits for a detached stack.
func reportReady() {
	if os.Getenv(readyFD) != "3" {
		return
	}
	file := os.NewFile(3, "ready")
	_, _ = file.WriteString("ready\n") // nobody may be waiting any more
	_ = file.Close()
}
