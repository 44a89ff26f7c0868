package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// config is how this stack is to be run, from environment variables.
type config struct {
	root string // the project's folder

	// STACK names another stack than the usual one, so that two can be up side by side:
	// each has its ports, and its state below .local/stacks/<name>.
	stack string

	port           int // PORT: the origin of console, API and sign-in
	awsPort        int // AWS_PORT
	graphPort      int // GRAPH_PORT
	graphAdminPort int // GRAPH_ADMIN_PORT

	// Another stand-in for Microsoft, instead of the simulator; all or none.
	graphURL, authorityURL, graphCAFile string

	// RUN_DEADLINE_SECONDS, "" for each operation's own.
	runDeadline string

	tenants []tenantSeed
}

// tenantSeed is a Microsoft tenant to register. TENANT_<NAME>_ID,
// TENANT_<NAME>_CLIENT_ID and TENANT_<NAME>_CLIENT_SECRET change it.
type tenantSeed struct {
	name, graphTenantID, clientID, clientSecret string
}

// The deployed stack's name and where it pretends to be.
const (
	stackName = "tenantatlas"
	region    = "eu-central-1"
	accountID = "000000000000"
)

// Administrator of the stand-in for AWS: it takes the key that it was started
// with for the account's root.
const (
	adminKeyID  = "test"
	adminSecret = "test"
)

var stackNames = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// loadConfig reads the environment. It returns all faults at once.
func loadConfig(root string, getenv func(string) string) (config, error) {
	c := config{
		root:         root,
		stack:        getenv("STACK"),
		graphURL:     strings.TrimRight(getenv("GRAPH_URL"), "/"),
		authorityURL: strings.TrimRight(getenv("AUTHORITY_URL"), "/"),
		graphCAFile:  getenv("GRAPH_CA_FILE"),
		runDeadline:  getenv("RUN_DEADLINE_SECONDS"),
		tenants: []tenantSeed{
			{"contoso", "c0a70501-0000-4000-8000-00000000c0a7", "c0a70501-0000-4000-8000-0000000000a1", "contoso-local-client-secret"},
			{"fabrikam", "fab81ca3-0000-4000-8000-00000000fab8", "fab81ca3-0000-4000-8000-0000000000a1", "fabrikam-local-client-secret"},
		},
	}
	var faults []error
	if c.stack != "" && !stackNames.MatchString(c.stack) {
		faults = append(faults, fmt.Errorf("STACK=%q is not a name of small letters and digits", c.stack))
	}
	used := map[int]string{}
	port := func(name string, standard int) int {
		n := standard
		if text := getenv(name); text != "" {
			var err error
			if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
				faults = append(faults, fmt.Errorf("%s=%q is not a port number", name, text))
				return standard
			}
		}
		if other, taken := used[n]; taken {
			faults = append(faults, fmt.Errorf("%s and %s are both port %d", other, name, n))
		}
		used[n] = name
		return n
	}
	c.port = port("PORT", 8080)
	c.awsPort = port("AWS_PORT", 4566)
	c.graphPort = port("GRAPH_PORT", 8443)
	c.graphAdminPort = port("GRAPH_ADMIN_PORT", 8444)

	if c.ownGraph() {
		for name, address := range map[string]string{"GRAPH_URL": c.graphURL, "AUTHORITY_URL": c.authorityURL} {
			if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
				faults = append(faults, fmt.Errorf("%s=%q is not an https address; GRAPH_URL and AUTHORITY_URL go together", name, address))
			}
		}
		if c.graphCAFile != "" {
			file, err := filepath.Abs(c.graphCAFile)
			if err == nil {
				_, err = os.Stat(file)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("GRAPH_CA_FILE: %w", err))
			}
			c.graphCAFile = file
		}
	}
	for i := range c.tenants {
		t := &c.tenants[i]
		prefix := "TENANT_" + strings.ToUpper(t.name) + "_"
		for name, field := range map[string]*string{"ID": &t.graphTenantID, "CLIENT_ID": &t.clientID, "CLIENT_SECRET": &t.clientSecret} {
			if v := getenv(prefix + name); v != "" {
				*field = v
			}
		}
	}
	return c, errors.Join(faults...)
}

// ownGraph reports whether another stand-in takes the simulator's place.
func (c config) ownGraph() bool { return c.graphURL+c.authorityURL+c.graphCAFile != "" }

func (c config) origin() string      { return "http://localhost:" + strconv.Itoa(c.port) }
func (c config) awsEndpoint() string { return "http://" + loopback(c.awsPort) }

// local is a path in the folder that holds the state of the stack.
func (c config) local(parts ...string) string {
	return filepath.Join(append([]string{c.root, c.folder()}, parts...)...)
}

func (c config) folder() string {
	if c.stack == "" {
		return ".local"
	}
	return filepath.Join(".local", "stacks", c.stack)
}

// tool is a path in the folder of the tools, which all stacks share.
func (c config) tool(parts ...string) string {
	return filepath.Join(append([]string{c.root, ".local"}, parts...)...)
}

func (c config) stackFile() string           { return c.local("stack.json") }
func (c config) processFile() string         { return c.local("processes.json") }
func (c config) log(name string) string      { return c.local("logs", name+".log") }
func (c config) logShown(name string) string { return filepath.Join(c.folder(), "logs", name+".log") }

func (c config) ministack() string { return c.tool("venv-ministack", "bin", "ministack") }
func (c config) sam() string       { return c.tool("venv-sam", "bin", "sam") }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// architecture is this machine's, in AWS's words.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// checkTools names every tool that is missing.
func (c config) checkTools() error {
	var faults []error
	if _, err := exec.LookPath("go"); err != nil {
		faults = append(faults, errors.New("go is missing: install the version that go.mod names"))
	}
	for _, tool := range []string{c.ministack(), c.sam()} {
		if _, err := os.Stat(tool); err != nil {
			faults = append(faults, fmt.Errorf("%s is not installed: run make tools", filepath.Base(tool)))
		}
	}
	return errors.Join(faults...)
}

// listen takes the stack's own port.
func (c config) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", loopback(c.port))
	if err != nil {
		return nil, portInUse("PORT", c.port)
	}
	return listener, nil
}

// checkPorts names every port that another program holds.
func (c config) checkPorts() error {
	ports := map[string]int{"AWS_PORT": c.awsPort}
	if !c.ownGraph() {
		ports["GRAPH_PORT"], ports["GRAPH_ADMIN_PORT"] = c.graphPort, c.graphAdminPort
	}
	var faults []error
	for _, name := range []string{"AWS_PORT", "GRAPH_PORT", "GRAPH_ADMIN_PORT"} {
		port, needed := ports[name]
		if !needed {
			continue
		}
		listener, err := net.Listen("tcp", loopback(port))
		if err != nil {
			faults = append(faults, portInUse(name, port))
			continue
		}
		faults = append(faults, listener.Close())
	}
	return errors.Join(faults...)
}

func portInUse(name string, port int) error {
	return fmt.Errorf("port %d is in use; choose another with %s=…", port, name)
}
