package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantatlas/tests/figures"
)

// The aims that the product sets itself.
const (
	aimCalls     = 5                     // of AWS for a start
	aimZip       = 6_000_000             // bytes
	aimFirstPoll = 15 * time.Millisecond // from exec, median
	aimStart     = 2 * time.Second       // p95
)

// report is everything that was measured.
type report struct {
	At      time.Time
	Machine string
	measured
	Captures  figures.All
	Processor []benchLine
	Functions []function
	Starts    []latency
	Load      loadResult
	Console   string // the section as it stands in the former report
	Timings   timings
}

// machine says what it was measured on, and nothing that names the machine.
func machine() string {
	text := fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		text += fmt.Sprintf(", %.0f GiB of memory", float64(kilobytes(string(raw), "MemTotal"))/(1<<30))
	}
	return text + ", " + runtime.Version()
}

// benchLine is a line of "go test -bench".
type benchLine struct {
	Name              string
	NsPerOp, MBPerSec float64
	BytesPerOp        int64
	AllocsPerOp       int64
}

// parseBench reads the lines of benchmarks and passes over the others.
func parseBench(out []byte) ([]benchLine, error) {
	var all []benchLine
	for scanner := bufio.NewScanner(bytes.NewReader(out)); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "BenchmarkParts/") {
			continue
		}
		line := benchLine{Name: strings.TrimPrefix(fields[0], "BenchmarkParts/")}
		// The processors stand behind the last dash.
		if i := strings.LastIndexByte(line.Name, '-'); i > 0 {
			line.Name = line.Name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("line %q of a benchmark: %w", scanner.Text(), err)
			}
			switch fields[i+1] {
			case "ns/op":
				line.NsPerOp = v
			case "MB/s":
				line.MBPerSec = v
			case "B/op":
				line.BytesPerOp = int64(v)
			case "allocs/op":
				line.AllocsPerOp = int64(v)
			}
		}
		all = append(all, line)
	}
	if len(all) == 0 {
		return nil, errors.New("no benchmark ran")
	}
	return all, nil
}

func sortDurations(d []time.Duration) { slices.Sort(d) }

// percentile is the smallest of the sorted values that p of 100 do not exceed
// (nearest rank); 0 of none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// short rounds to what a benchmark can tell.
func short(d time.Duration) string {
	if d >= time.Millisecond {
		return millis(d)
	}
	return fmt.Sprintf("%.1f µs", float64(d)/1e3)
}

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// consoleOf is the section of a former report that tests/browser/measure.js prints: it
// is kept until that measures anew.
func consoleOf(former string) string {
	const heading = "## Console\n"
	_, rest, found := strings.Cut(former, "\n"+heading)
	if !found {
		return ""
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return heading + strings.TrimRight(section, "\n") + "\n"
}

// render writes the report as Markdown.
func render(r report) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# Benchmarks\n\nWritten by `make bench` on %s; do not edit by hand.\n\nMeasured on %s. Figures of time depend on the machine and on what else it does; figures of calls, units and sizes do not.\n",
		r.At.Format("2 January 2006"), r.Machine)

	p("\n## Aims\n\n| aim | measured | |\n|---|---|---|\n")
	for _, c := range r.Operations {
		if strings.HasPrefix(c.Name, "start of ") {
			p("| a start makes at most %d calls of AWS and none of Graph | %d and %d | %s |\n", aimCalls, c.calls(), c.GraphReads+c.GraphTokens,
				verdict(c.calls() <= aimCalls && c.GraphReads+c.GraphTokens == 0))
		}
	}
	for _, l := range r.Starts {
		if strings.HasPrefix(l.Name, "start of ") {
			p95 := percentile(l.Took, 95)
			p("| p95 of a start well under %g s (here: below half of it), %s, on the local stack | %s | %s |\n", aimStart.Seconds(), clients(l.Clients), millis(p95), verdict(p95 < aimStart/2))
		}
	}
	for _, c := range r.Runs {
		if c.Units == 500 {
			perItem := c.WriteUnits / float64(c.Units)
			p("| a run of 500 items writes at most %.1f units an item (the floor is 0.21) | %.3f | %s |\n", maxWritePerItem, perItem, verdict(perItem <= maxWritePerItem))
		}
	}
	var largest, slowest function
	for _, f := range r.Functions {
		if f.Zip > largest.Zip {
			largest = f
		}
		if slowest.Name == "" || percentile(f.FirstPoll, 50) > percentile(slowest.FirstPoll, 50) {
			slowest = f
		}
	}
	p("| zip of each function at most %s | %s (%s) | %s |\n", megabytes(aimZip), megabytes(largest.Zip), largest.Name, verdict(largest.Zip <= aimZip))
	median := percentile(slowest.FirstPoll, 50)
	p("| exec to the first poll at most %s, median | %s (%s) | %s |\n", millis(aimFirstPoll), millis(median), slowest.Name, verdict(median <= aimFirstPoll))

	p("\n## Calls and capacity\n\nThe real start, engine, operations and adapters in one process: the table on Amazon's DynamoDB Local, which reports capacity as AWS does " +
		"(indexes and the double price of transactions included), the rest of AWS on the stand-in, Graph on the simulator. Requests are counted as they are sent. " +
		"Figures are per thing done: per start, per captured or synced policy, per run. The tests hold upper limits of the first lines. " +
		"Each line of a worker includes claim, plan, slices and end of its runs. The seeded policies are real ones; the synced tenant is synthetic.\n\n" +
		"| what | done | calls of AWS | write units | read units | requests to Graph and its sign-in |\n|---|--:|--:|--:|--:|--:|\n")
	for _, c := range r.Operations {
		n := float64(c.Units)
		p("| %s | %d | %s | %s | %s | %s |\n", c.Name, c.Units, per(float64(c.calls()), n), per(c.WriteUnits, n), per(c.ReadUnits, n), per(float64(c.GraphReads+c.GraphTokens), n))
	}
	renderCalls(p, r.Operations)

	renderRuns(p, r.Runs)
	renderSets(p, r.Sets)
	renderStorage(p, r.Storage)
	renderLists(p, r.Lists)
	renderCaptures(p, r.Captures)
	renderRestores(p, r.Restores, r.Machinery, r.Captures.Restored)

	p("\n## Starts on the local stack\n\nOver HTTP through the stack's reverse proxy on loopback, signed in, with connections kept open, after %d starts that do not count. "+
		"Every new run is of a policy of its own in a tenant made for this, and all of them ended `succeeded`; workers and the notifier work them off meanwhile, on the same cores. "+
		"The stand-in for AWS adds tens of milliseconds of its own to each invocation, which the first line shows: these figures are no forecast for AWS.\n\n"+
		"| what | clients | requests | p50 | p95 | p99 | most | per second |\n|---|--:|--:|--:|--:|--:|--:|--:|\n", warmUp)
	for _, l := range r.Starts {
		p("| %s | %d | %d | %s | %s | %s | %s | %.0f |\n", l.Name, l.Clients, len(l.Took), millis(percentile(l.Took, 50)), millis(percentile(l.Took, 95)),
			millis(percentile(l.Took, 99)), millis(percentile(l.Took, 100)), float64(len(l.Took))/l.Elapsed.Seconds())
	}

	renderLoad(p, r.Load)
	if r.Console != "" {
		p("\n%s", r.Console)
	}

	p("\n## Functions\n\nBinary and zip for linux/arm64 with the flags of the deployment. Exec to the first poll of the Lambda Runtime API: %d starts one after the other on this machine (%s/%s), "+
		"the environment complete and no network behind it. Memory is what the process holds at its first poll (VmRSS, the most of all starts).\n\n"+
		"| function | binary | zip | first poll, median | p90 | least | memory |\n|---|--:|--:|--:|--:|--:|--:|\n", launches, runtime.GOOS, runtime.GOARCH)
	for _, f := range r.Functions {
		memory := "not told here"
		if f.Resident > 0 {
			memory = megabytes(f.Resident)
		}
		p("| %s | %s | %s | %s | %s | %s | %s |\n", f.Name, megabytes(f.Binary), megabytes(f.Zip),
			millis(percentile(f.FirstPoll, 50)), millis(percentile(f.FirstPoll, 90)), millis(percentile(f.FirstPoll, 0)), memory)
	}

	p("\n## Processor\n\n`go test -bench . -benchmem ./tests/bench`. A payload is a settings catalog policy of 5 MB; the list is 5,000 objects in 200 pages with the product's Graph client over TLS on loopback, " +
		"server included.\n\n| what | time | rate | memory | allocations |\n|---|--:|--:|--:|--:|\n")
	for _, l := range r.Processor {
		p("| %s | %s | %.0f MB/s | %s | %d |\n", l.Name, short(time.Duration(l.NsPerOp)), l.MBPerSec, size(l.BytesPerOp), l.AllocsPerOp)
	}

	p("\n## Recovery\n\nThe longest that the last end-to-end tests saw on the deployed stack, with the schedule's own sweeps.\n\n| what | aim | took |\n|---|--:|--:|\n"+
		"| from the death of a worker until its run was taken over | 150 s | %s |\n| from a start whose message was lost until a worker had the run | 90 s | %s |\n",
		seconds(r.Timings.TakeoverSeconds), seconds(r.Timings.DispatchSeconds))

	p("\n## From nothing\n\n| what | took |\n|---|--:|\n| `make up`, tools to be installed, until the first captured version | %s |\n| `make test`, likewise | %s |\n",
		seconds(r.Timings.UpSeconds), seconds(r.Timings.TestSeconds))
	return b.String()
}

// maxWritePerItem is what a large run may write for each item, in units of
// DynamoDB. A write for each item's record, the run and a counter would be 3.
const maxWritePerItem = 0.7

// List prices of us-east-1, in dollars.
const (
	priceWrite = 0.625e-6 // a write unit
	priceRead  = 0.125e-6 // a read unit
	priceQueue = 0.40e-6  // a request to SQS
	priceTable = 0.25     // a GB of the table for a month
	priceS3    = 0.023    // a GB in the bucket for a month
	pricePut   = 5e-6     // a PUT to the bucket
	priceGet   = 0.4e-6   // a GET from it
)

// queueRequests are those that the event source makes for one message: it
// receives and deletes. The sending is counted as it is made.
const queueRequests = 2

// renderCalls writes the calls behind a table of costs.
func renderCalls(p func(string, ...any), costs []cost) {
	p("\nThe calls by name, for all that was done together:\n\n")
	for _, c := range costs {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(c.Calls)) {
			parts = append(parts, fmt.Sprintf("%s %d", name, c.Calls[name]))
		}
		p("- %s (%d): %s\n", c.Name, c.Units, strings.Join(parts, ", "))
	}
}

// renderCaptures writes how captures of whole tenants went.
func renderCaptures(p func(string, ...any), c figures.All) {
	p("\n## Captures of a tenant\n\nThe product's operations and Graph client over the simulator, 80 ms for each request, %d policies with 40 groups, 20 workers, in fake time: the figures are of the requests and the limits, not of this machine.\n\n"+
		"| | Microsoft's published limits | no limits |\n|---|--:|--:|\n", c.Limited.Policies)
	seconds := func(ms int64) string { return fmt.Sprintf("%.1f s", float64(ms)/1000) }
	p("| sync | %s | %s |\n| capture | %s | %s |\n| requests of the captures | %d | %d |\n| requests that they need | %d | %d |\n| requests in the busiest 20 s | %d | %d |\n| refused with 429 | %d | %d |\n",
		seconds(c.Limited.SyncMillis), seconds(c.Free.SyncMillis), seconds(c.Limited.CaptureMillis), seconds(c.Free.CaptureMillis),
		c.Limited.Reads, c.Free.Reads, c.Limited.Needed, c.Free.Needed, c.Limited.Busiest, c.Free.Busiest, c.Limited.Refused, c.Free.Refused)
	if c.Limited.AtLimitMillis > 0 {
		ratio := float64(c.Limited.CaptureMillis) / float64(c.Limited.AtLimitMillis)
		p("\nThe limit alone, requests divided by the rate, is %s: the capture took %.2f times that. Aim: 1.15 (%s).\n", seconds(c.Limited.AtLimitMillis), ratio, verdict(ratio <= 1.15))
	}
	p("\nReal policies in storage, without the objects that every tenant has of its own:\n\n| exports | policies | bytes each | compressed |\n|---|--:|--:|--:|\n")
	for _, s := range c.Stored {
		if s.Policies > 0 {
			p("| %s | %d | %d | %d |\n", s.Name, s.Policies, s.Bytes/int64(s.Policies), s.Compacted/int64(s.Policies))
		}
	}
	p("\nThe most memory that the real binaries held, as the kernel counts what is resident:\n\n| what | MiB |\n|---|--:|\n")
	for _, m := range c.Memory {
		p("| %s | %d |\n", m.What, m.Peak>>20)
	}
}

// renderRuns writes what the machinery of a run costs, beside what others charge.
func renderRuns(p func(string, ...any), runs []cost) {
	p("\n## Runs by size\n\nStart, worker, end and notifications of one run, without what its operation reads and writes itself: plan, intents, outcomes, counts, lock, audit, notifications. "+
		"One item in twenty-five fails, with Microsoft's codes and request ids. The requests to the queue are one sending and the %d that the event source makes. "+
		"The worker's time is measured with all storage on this machine and no call to Graph, so it is what the machinery adds and no forecast for AWS. Prices are list prices of us-east-1.\n\n"+
		"| items | write units | an item | read units | requests to the queue | worker | storage and queue |\n|--:|--:|--:|--:|--:|--:|--:|\n", queueRequests)
	dollars := func(c cost) float64 {
		return c.WriteUnits*priceWrite + c.ReadUnits*priceRead + float64(c.Calls["SQS SendMessage"]+queueRequests)*priceQueue
	}
	for _, c := range runs {
		p("| %d | %.0f | %.3f | %.0f | %d | %.0f ms | $%.6f |\n", c.Units, c.WriteUnits, c.WriteUnits/float64(c.Units), c.ReadUnits, c.Calls["SQS SendMessage"]+queueRequests, c.WorkerMillis, dollars(c))
	}
	for _, c := range runs {
		if c.Units != 500 {
			continue
		}
		p("\nThe same 500 items elsewhere, what orchestration and its records cost (derived from list prices, not measured; the time of the functions is the same in all):\n\n| scheme | dollars |\n|---|--:|\n")
		for _, row := range []struct {
			scheme  string
			dollars string
		}{
			{"TenantAtlas, measured", fmt.Sprintf("%.5f", dollars(c))},
			{"a record, an update and a counter for each item (1,514 write units)", "0.00095"},
			{"a record for each item, 25 in a transaction (1,101 write units)", "0.00069"},
			{"Step Functions Standard, inline Map, 1 or 3 states an item", "0.0126 to 0.0376"},
			{"Step Functions Distributed Map, Standard, 25 items a child", "0.0021"},
			{"Step Functions Distributed Map, Express, 25 items a child (5 minutes at the most, at least once)", "0.0004"},
			{"Lambda durable functions, an operation for each slice or each item", "0.0002 to 0.0042"},
			{"Temporal Cloud, an action for each item", "about 0.025"},
		} {
			p("| %s | %s |\n", row.scheme, row.dollars)
		}
	}
}

// renderLoad writes what became of the load.
func renderLoad(p func(string, ...any), r loadResult) {
	p("\n## Load on the local stack\n\nEvery request was answered with a success. The stand-in for SQS serves messages in their order and knows no fair queues, so the order of finish is that of the starts; on AWS the tenants' message groups are served in turn.\n\n| what | |\n|---|--:|\n")
	p("| identical starts, %d at a time | %d |\n| runs that they made | %d |\n| p95 of an answer | %s |\n| all answered within | %s |\n",
		r.Identical.Clients, r.Identical.Starts, r.Identical.Runs, millis(r.Identical.P95), r.Identical.Took.Round(time.Second))
	p("| starts of captures over %d tenants | %d |\n| ended succeeded | %d |\n| started within | %s |\n| all ended within | %s |\n",
		r.Spread.Tenants, r.Spread.Runs, r.Spread.Succeeded, r.Spread.Starting.Round(time.Second), r.Spread.Took.Round(time.Second))
	p("| mean wait of a tenant from start to end: least, median, most | %s, %s, %s |\n| fairness of these (Jain's index, 1 is alike) | %.3f |\n",
		short(r.Spread.LeastWait), short(r.Spread.MedianWait), short(r.Spread.MostWait), r.Spread.Fairness)
}

func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// per is the share of each, with as many digits as say something.
func per(total, n float64) string {
	v := total / n
	switch {
	case v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v < 1:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func size(n int64) string {
	if n < 100_000 {
		return fmt.Sprintf("%d B", n)
	}
	return megabytes(n)
}

func seconds(s float64) string {
	if s <= 0 {
		return "not measured here"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}
