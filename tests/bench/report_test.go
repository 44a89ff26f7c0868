package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"tenantatlas/tests/localaws"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 50, 95: 95, 99: 99, 100: 100} {
		if got := percentile(hundred, p); got != want {
			t.Errorf("p%g is %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 || percentile(hundred[:1], 99) != 1 {
		t.Error("none and one")
	}
}

// What is measured in a browser, by a command of its own, outlasts a new report.
func TestReportKeepsTheConsole(t *testing.T) {
	const section = "## Console\n\nSlow.\n\n| a |\n|---|\n| 1 % |\n"
	first := render(report{Console: section})
	if consoleOf(first) != section || render(report{Console: consoleOf(first)}) != first {
		t.Errorf("kept %q of\n%s", consoleOf(first), first)
	}
	if consoleOf(render(report{})) != "" {
		t.Error("a report without one has one")
	}
}

// A missed aim is said plainly, and what was not measured is not made up.
func TestReportSaysWhatIsMissed(t *testing.T) {
	r := report{
		measured:  measured{Operations: []cost{{Name: "start of a capture", Units: 1, Calls: map[string]int{"DynamoDB GetItem": 2, "SQS SendMessage": 1}, WriteUnits: 10}}},
		Functions: []function{{Name: "api", Zip: aimZip + 1, FirstPoll: []time.Duration{time.Millisecond}}},
		Starts:    []latency{{Name: "start of a capture", Clients: 16, Took: []time.Duration{3 * time.Second}, Elapsed: 3 * time.Second}},
	}
	text := render(r)
	if n := strings.Count(text, "**missed**"); n != 2 {
		t.Errorf("%d aims missed, want the zip's and the start's:\n%s", n, text)
	}
	if strings.Count(text, "not measured here") != 4 || !strings.Contains(text, "3 and 0 | met") {
		t.Errorf("report:\n%s", text)
	}
	r.Functions[0].Zip, r.Starts[0].Took = aimZip, []time.Duration{time.Second / 2}
	r.Timings.UpSeconds = 95
	if text = render(r); strings.Contains(text, "missed") || !strings.Contains(text, "1m35s") {
		t.Errorf("report:\n%s", text)
	}
}

// A year is the first set and 364 more days; over the year half of the growth is
// there, and the indexes are paid for like the table.
func TestReportExtrapolatesAYear(t *testing.T) {
	daily := recordBytes{Records: 10, Table: gigabyte / 364, Index: gigabyte / 364}
	var text strings.Builder
	renderStorage(func(format string, args ...any) { fmt.Fprintf(&text, format, args...) }, storage{
		Policies: 500, Changed: 10, Records: []entity{{Name: "BackupItem", First: recordBytes{Records: 500, Table: gigabyte}, Daily: daily}},
		First: payloads{500, gigabyte}, Daily: payloads{10, 0}, RealMedian: gigabyte / 4140, RealPolicies: 15,
	})
	for _, want := range []string{
		"| BackupItem | 500 | 10 | 4140 | 518",
		"| table with its indexes | 3221.23 MB | $0.7500 | $6.0000 |", // 3 GB in the end, 2 on average
		"| payloads, synthetic (median 0 bytes) | 1073.74 MB | $0.0230 | $0.2760 |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
}

func TestParseBench(t *testing.T) {
	lines, err := parseBench([]byte("goos: linux\nBenchmarkParts/NormalForm/5MB-2 \t 14\t  81324853 ns/op\t  61.48 MB/s\t53500499 B/op\t  546422 allocs/op\nPASS\n"))
	if err != nil || len(lines) != 1 || lines[0] != (benchLine{"NormalForm/5MB", 81324853, 61.48, 53500499, 546422}) {
		t.Errorf("%+v, %v", lines, err)
	}
	if _, err := parseBench([]byte("PASS\n")); err == nil {
		t.Error("nothing passes for a result")
	}
}

// A failed request ends a measurement instead of counting as a fast one.
func TestTimedFails(t *testing.T) {
	broken := errors.New("broken")
	for _, clients := range []int{1, 4} {
		if _, _, err := timed(clients, 100, func(i int) error {
			if i == 10 {
				return broken
			}
			return nil
		}); !errors.Is(err, broken) {
			t.Errorf("%d clients: %v", clients, err)
		}
	}
	took, _, err := timed(3, 10, func(int) error { return nil })
	if err != nil || len(took) != 10 {
		t.Errorf("%d, %v", len(took), err)
	}
}

// A function starts with a complete environment and without a network.
func TestFirstPoll(t *testing.T) {
	binary := t.TempDir() + "/bootstrap"
	root, err := localaws.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := build(t.Context(), options{root: root}, "notifier", binary, runtime.GOOS, runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	took, resident, err := launch(t.Context(), binary)
	if err != nil || took <= 0 || resident < 0 {
		t.Errorf("%v, %d, %v", took, resident, err)
	}
	if size, err := zipped(binary); err != nil || size < 1<<20 {
		t.Errorf("zip of %d bytes, %v", size, err)
	}
}
