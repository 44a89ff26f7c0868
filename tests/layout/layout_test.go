// Package layout holds the rules of which package may import which.
package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "tenantatlas/"

// allowed lists, for each package under shared, what of ours it may import.
// A package of those that is not in the list fails: decide where it stands. A
// package elsewhere is listed when it must know no more than that.
var allowed = map[string][]string{
	"shared/run":                     nil,
	"shared/reason":                  nil,
	"shared/catalog":                 nil,
	"shared/diff":                    {"shared/catalog"},
	"shared/cadence":                 nil,
	"shared/graph":                   {"shared/reason"},
	"shared/ratelimit":               {"shared/run", "shared/graph"},
	"shared/dynamostore":             {"shared/run"},
	"shared/dynamostore/streamimage": {"shared/run", "shared/dynamostore"},
	"shared/sqsqueue":                {"shared/run"},
	"shared/s3archive":               {"shared/run"},
	"shared/secretstore":             {"shared/run"},
	"shared/kmsvault":                {"shared/run"},
	"shared/eventscheduler":          {"shared/run", "shared/cadence"},
	"shared/run/memstore":            {"shared/run"},
	"shared/run/runtest":             {"shared/run"},
	"shared/start":                   {"shared/run"},
	"shared/engine":                  {"shared/run"},
	"shared/notifier":                {"shared/run"},
	"shared/sweeper":                 {"shared/run"},
	"shared/cancel":                  {"shared/run"},
	"shared/restore":                 {"shared/run", "shared/reason", "shared/catalog", "shared/diff"},
	"shared/backupset":               {"shared/run", "shared/reason"},
	"shared/summary":                 {"shared/run", "shared/reason"},
	"shared/followup":                {"shared/run", "shared/reason", "shared/backupset", "shared/notifier", "shared/summary"},
	"shared/schedule":                {"shared/run", "shared/reason", "shared/start"},
	"shared/operation":               {"shared/run", "shared/engine", "shared/graph", "shared/ratelimit", "shared/reason", "shared/catalog", "shared/diff", "shared/restore"},
	"shared/httpapi":                 {"shared/run", "shared/start", "shared/cancel", "shared/reason", "shared/catalog", "shared/diff", "shared/backupset", "shared/cadence", "shared/schedule", "shared/restore", "shared/summary"},
	"shared/signin":                  {"shared/run", "shared/httpapi"},
	"tests/graphsim/schema":          nil,
}

// knowsCloud are the packages that may import an SDK or Lambda's types.
var knowsCloud = []string{
	"shared/dynamostore", "shared/dynamostore/streamimage", "shared/sqsqueue", "shared/s3archive", "shared/secretstore",
	"shared/kmsvault", "shared/eventscheduler", "shared/signin", "shared/function",
}

type pkg struct {
	ImportPath string
	Name       string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		inShared := strings.HasPrefix(p.ImportPath, "shared/")
		may, known := allowed[p.ImportPath]
		if inShared && !known && p.ImportPath != "shared/function" {
			t.Errorf("%s: nobody wrote down what it may import", p.ImportPath)
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && known && !slices.Contains(may, ours):
				t.Errorf("%s must not import %s", p.ImportPath, ours)
			case isOurs && inShared && strings.HasPrefix(ours, "tests/"):
				t.Errorf("%s imports the test bed %s", p.ImportPath, ours)
			case isOurs && strings.HasPrefix(p.ImportPath, "functions/") && ours != "shared/function" && ours != "shared/run":
				t.Errorf("%s is wiring: it imports shared/function, not %s", p.ImportPath, ours)
			case isOurs && ours == "shared/function" && !strings.HasPrefix(p.ImportPath, "functions/"):
				t.Errorf("%s imports the wiring of the functions", p.ImportPath)
			case inShared && !slices.Contains(knowsCloud, p.ImportPath) && (strings.Contains(imported, "aws-sdk-go") || strings.Contains(imported, "aws-lambda-go")):
				t.Errorf("%s must not know %s", p.ImportPath, imported)
			}
		}
		if strings.HasPrefix(p.ImportPath, "functions/") && p.Name != "main" {
			t.Errorf("%s is no command", p.ImportPath)
		}
	}
}
