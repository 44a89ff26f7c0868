package crash

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tenantatlas/tests/localaws"
)

var update = flag.Bool("update", false, "write docs/crash-matrix.md")

// report is what made up for each fault, by the kind of call: the order of calls
// and who comes first vary a little from run to run.
type report struct {
	runs  []string
	calls map[string][]string // by run, as first seen
	found map[[2]string]map[fault]map[string]bool
}

func newReport() *report {
	return &report{calls: map[string][]string{}, found: map[[2]string]map[fault]map[string]bool{}}
}

func (r *report) add(name, call string, f fault, recovery string) {
	if !slices.Contains(r.runs, name) {
		r.runs = append(r.runs, name)
	}
	if !slices.Contains(r.calls[name], call) {
		r.calls[name] = append(r.calls[name], call)
	}
	k := [2]string{name, call}
	if r.found[k] == nil {
		r.found[k] = map[fault]map[string]bool{}
	}
	if r.found[k][f] == nil {
		r.found[k][f] = map[string]bool{}
	}
	r.found[k][f][recovery] = true
}

const reportHead = `# What happens when a process dies or an answer is lost

Printed by ` + "`make crash-matrix`" + ` from the runs of ` + "`tests/crash`" + `: real function binaries, broken at every call that
they make. Each of these runs ended as if nothing had happened: same status, counts and records, one outcome for
each item, one event and one notification of each kind, the lock free, no message left. The cells say what made up
for the fault; where there are several, it depended on which of the calls of that kind was broken, or on who came first.

- **the worker itself**: it sent the request again, or found by a read that it had been done.
- **next message**: the worker had given the run back and sent the message that continues it.
- **sweep**: the sweeper found the run with an expired lease and sent another message.
- **had ended**: the run's end was stored before the worker died.
- **as after**: of restores each kind of read is broken once, and to die before it is to die after it.

The queue delivers the message of a dead worker again only after the run has ended; then it changes nothing.
`

func (r *report) text() string {
	var b strings.Builder
	b.WriteString(reportHead)
	for _, name := range r.runs {
		fmt.Fprintf(&b, "\n## %s\n\n| call |", strings.ToUpper(name[:1])+name[1:])
		for _, f := range faults() {
			fmt.Fprintf(&b, " %s |", f)
		}
		b.WriteString("\n|---|---|---|---|\n")
		for _, call := range r.calls[name] {
			b.WriteString(row(call))
			for _, f := range faults() {
				made := strings.Join(slices.Sorted(maps.Keys(r.found[[2]string{name, call}][f])), ", ")
				if made == "" {
					made = "as after"
				}
				fmt.Fprintf(&b, " %s |", made)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func row(call string) string { return "| " + call + " |" }

// check fails the test when the document lacks a call, or writes it anew.
func (r *report) check(t *testing.T) {
	t.Helper()
	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "crash-matrix.md")
	if *update {
		if err := os.WriteFile(path, []byte(r.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range r.runs {
		for _, call := range r.calls[name] {
			if !strings.Contains(string(have), "\n"+row(call)) {
				t.Errorf("docs/crash-matrix.md lacks the call %q: run make crash-matrix", call)
			}
		}
	}
}
