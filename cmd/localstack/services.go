package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"tenantatlas/cmd/localstack/stackfile"
	"tenantatlas/shared/catalog"
)

//go:embed standin/sitecustomize.py
var siteCustomize []byte

// readyWithin is how long a started program may take until it answers.
const readyWithin = 60 * time.Second

// startAWS starts the stand-in for AWS and waits until it answers. Its state
// lives in memory and in .local/aws, which begins empty.
func startAWS(ctx context.Context, c config, p *processes) error {
	folder := c.local("aws")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	mends := filepath.Join(folder, "python")
	if err := os.Mkdir(mends, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(mends, "sitecustomize.py"), siteCustomize, 0o600); err != nil {
		return err
	}
	cmd := exec.Command(c.ministack())
	cmd.Dir = folder
	// The functions inherit this environment, so it holds nothing of the person's own.
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"HOME=" + folder,
		"TMPDIR=" + folder,
		"STATE_DIR=" + folder,
		"S3_DATA_DIR=" + folder + "/s3",
		"AUTH=true", // evaluates the roles' policies, as AWS does
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT=" + strconv.Itoa(c.awsPort),
		"AWS_ENDPOINT_URL=" + c.awsEndpoint(),
		"AWS_ACCESS_KEY_ID=" + adminKeyID,
		"AWS_SECRET_ACCESS_KEY=" + adminSecret,
		"AWS_DEFAULT_REGION=" + region,
		"MINISTACK_REGION=" + region,
		"MINISTACK_ACCOUNT_ID=" + accountID,
		"PYTHONUNBUFFERED=1",
		"PYTHONPATH=" + mends,
	}
	process, err := p.start("ministack", cmd, nil)
	if err != nil {
		return err
	}
	return waitFor(ctx, process, c.logShown("ministack"), func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.awsEndpoint()+"/_ministack/health", http.NoBody)
		if err != nil {
			return false
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// waitFor asks until the answer is yes, the program ends or its time is up.
func waitFor(ctx context.Context, p *process, log string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx) {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s did not start (%v); see %s", p.name, p.cmd.ProcessState, log)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s did not answer within %v; see %s", p.name, readyWithin, log)
			}
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// buildGraph compiles the Graph simulator.
func buildGraph(ctx context.Context, c config, p *processes) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", c.local("bin", "graphsim"), "./tests/graphsim/cmd/graphsim")
	cmd.Dir = c.root
	if err := p.runTool("graphsim-build", cmd); err != nil {
		return fmt.Errorf("the Graph simulator does not compile: %w; see %s", err, c.logShown("graphsim-build"))
	}
	return nil
}

// startGraph starts the Graph simulator with the seeded tenants, or describes
// the stand-in that takes its place.
func startGraph(ctx context.Context, c config, p *processes) (stackfile.Graph, error) {
	if c.ownGraph() {
		return stackfile.Graph{URL: c.graphURL, AuthorityURL: c.authorityURL, CAFile: c.graphCAFile}, nil
	}
	type object = map[string]any
	tenants := make([]object, 0, len(c.tenants))
	for _, t := range c.tenants {
		tenants = append(tenants, object{
			"id": t.graphTenantID, "displayName": t.name, "builtin": t.name,
			"domains": []string{t.name + ".example"},
			"apps": []object{{
				"clientId": t.clientID, "permissions": catalog.ReadPermissions(),
				"secrets": []object{{"value": t.clientSecret}},
			}},
		})
	}
	data, err := json.Marshal(object{"tenants": tenants})
	if err != nil {
		return stackfile.Graph{}, err
	}
	folder := c.local("graph")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return stackfile.Graph{}, err
	}
	if err := os.WriteFile(c.local("graph", "tenants.json"), data, 0o600); err != nil {
		return stackfile.Graph{}, err
	}
	cmd := exec.Command(c.local("bin", "graphsim"),
		"-listen", loopback(c.graphPort), "-admin-listen", loopback(c.graphAdminPort),
		"-dir", folder, "-folder-root", c.root, "-config", c.local("graph", "tenants.json"), "-host", graphHostName)
	cmd.Dir = c.root
	reader, writer, err := os.Pipe()
	if err != nil {
		return stackfile.Graph{}, err
	}
	process, err := p.start("graphsim", cmd, writer)
	_ = writer.Close() // the program keeps its own handle; ours would hide its end
	if err != nil {
		_ = reader.Close()
		return stackfile.Graph{}, err
	}
	return readGraph(ctx, c, process, reader)
}

// readGraph waits for the line that the simulator prints when it is ready.
func readGraph(ctx context.Context, c config, p *process, out io.ReadCloser) (stackfile.Graph, error) {
	lines := make(chan []byte, 1)
	go func() {
		defer func() { _ = out.Close() }()
		reader := bufio.NewReader(out)
		line, err := reader.ReadBytes('\n')
		if err == nil {
			lines <- line
		}
		_, _ = io.Copy(io.Discard, reader) // keeps the program from blocking on a full pipe
	}()
	var line []byte
	err := waitFor(ctx, p, c.logShown("graphsim"), func(context.Context) bool {
		select {
		case line = <-lines:
			return true
		default:
			return false
		}
	})
	if err != nil {
		return stackfile.Graph{}, err
	}
	var graph stackfile.Graph
	if err := json.Unmarshal(line, &graph); err != nil || graph.URL == "" {
		return stackfile.Graph{}, fmt.Errorf("the Graph simulator said %q instead of where it answers", line)
	}
	graph.AuthorityURL = graph.URL
	return graph, nil
}
