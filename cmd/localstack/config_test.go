package main

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestEveryPortCanBeMoved(t *testing.T) {
	c, err := loadConfig(t.TempDir(), env("PORT", "1001", "AWS_PORT", "1002", "GRAPH_PORT", "1003", "GRAPH_ADMIN_PORT", "1004"))
	if err != nil {
		t.Fatal(err)
	}
	if c.port != 1001 || c.awsPort != 1002 || c.graphPort != 1003 || c.graphAdminPort != 1004 {
		t.Errorf("got %d %d %d %d", c.port, c.awsPort, c.graphPort, c.graphAdminPort)
	}
	if c.origin() != "http://localhost:1001" || c.awsEndpoint() != "http://127.0.0.1:1002" {
		t.Errorf("got %s and %s", c.origin(), c.awsEndpoint())
	}
}

// Two stacks of one folder share their tools and nothing else.
func TestStacksHaveStateOfTheirOwn(t *testing.T) {
	root := t.TempDir()
	usual, err := loadConfig(root, env())
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadConfig(root, env("STACK", "e2e"))
	if err != nil {
		t.Fatal(err)
	}
	if usual.stackFile() != root+"/.local/stack.json" || second.stackFile() != root+"/.local/stacks/e2e/stack.json" || second.processFile() == usual.processFile() {
		t.Errorf("%s and %s", usual.stackFile(), second.stackFile())
	}
	if second.log("up") != root+"/"+second.logShown("up") || second.log("up") == usual.log("up") {
		t.Errorf("%s is shown as %s", second.log("up"), second.logShown("up"))
	}
	if usual.sam() != second.sam() || usual.ministack() != second.ministack() {
		t.Errorf("tools at %s", second.sam())
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		want []string
	}{
		"no name":         {[]string{"STACK", "../x"}, []string{`STACK="../x"`}},
		"no number":       {[]string{"PORT", "http"}, []string{`PORT="http" is not a port number`}},
		"out of range":    {[]string{"AWS_PORT", "70000"}, []string{`AWS_PORT="70000"`}},
		"the same twice":  {[]string{"AWS_PORT", "8080"}, []string{"PORT and AWS_PORT are both port 8080"}},
		"all at once":     {[]string{"PORT", "x", "GRAPH_PORT", "y"}, []string{"PORT=", "GRAPH_PORT="}},
		"half a stand-in": {[]string{"GRAPH_URL", "https://graph.example"}, []string{"AUTHORITY_URL", "go together"}},
		"plain http":      {[]string{"GRAPH_URL", "http://g.example", "AUTHORITY_URL", "https://a.example"}, []string{"GRAPH_URL", "not an https address"}},
		"no such CA file": {[]string{"GRAPH_URL", "https://g.example", "AUTHORITY_URL", "https://a.example", "GRAPH_CA_FILE", "/nowhere"}, []string{"GRAPH_CA_FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadConfig(t.TempDir(), env(test.env...))
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAnotherStandInTakesItsOwnTenants(t *testing.T) {
	c, err := loadConfig(t.TempDir(), env("GRAPH_URL", "https://g.example/", "AUTHORITY_URL", "https://a.example",
		"TENANT_CONTOSO_ID", "tid", "TENANT_CONTOSO_CLIENT_ID", "cid", "TENANT_CONTOSO_CLIENT_SECRET", "s"))
	if err != nil {
		t.Fatal(err)
	}
	if !c.ownGraph() || c.graphURL != "https://g.example" {
		t.Errorf("got %+v", c)
	}
	if want := (tenantSeed{"contoso", "tid", "cid", "s"}); c.tenants[0] != want {
		t.Errorf("got %+v, want %+v", c.tenants[0], want)
	}
}

func TestPortInUseSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	want := "port " + strconv.Itoa(port) + " is in use; choose another with "

	if _, err := (config{port: port}).listen(); err == nil || err.Error() != want+"PORT=…" {
		t.Errorf("the stack's own port: %v", err)
	}
	c := config{awsPort: port, graphURL: "https://g.example"} // the simulator's ports are not needed then
	if err := c.checkPorts(); err == nil || err.Error() != want+"AWS_PORT=…" {
		t.Errorf("the stand-in's port: %v", err)
	}
}
