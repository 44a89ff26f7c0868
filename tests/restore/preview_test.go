package restore

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/testlog"
)

var previewed = flag.Int("preview.policies", 1_000, "policies of the large preview; the largest plan has 5,000")

// A preview of a large tenant writes nothing, says of every policy what a restore
// would do, and does not need more memory for more of them than their plan takes.
func TestLargePreview(t *testing.T) {
	const groups = 40
	at := &clock{now: time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)}
	sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}, Now: at.Now, LogSize: 1_000})
	b := bedOver(t, sim, &http.Client{Transport: sim.MemoryTransport()}, at, graphsim.TenantSpec{
		Generate: &graphsim.GenerateSpec{Seed: 1, Policies: *previewed, SettingsPer: 10, Assigned: true, Groups: groups},
	})
	began := time.Now()
	set := b.backup("Before")
	t.Logf("backup of %d policies: %s", *previewed, time.Since(began).Round(time.Millisecond))
	deleted, changed := 0, 0
	collections := []string{"deviceManagement/configurationPolicies", "deviceManagement/deviceConfigurations", "deviceManagement/deviceCompliancePolicies"}
	for _, collection := range collections {
		objects, err := sim.Objects(graphID, collection)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range objects {
			switch i % 10 {
			case 0:
				err = sim.DeleteObject(graphID, collection, o.ID)
				deleted++
			case 1, 2:
				err = sim.Touch(graphID, collection, o.ID)
				changed++
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	sim.ResetCounters()
	b.logs = &testlog.Buffer{}
	before := live()
	peak, stop := watch()
	began = time.Now()
	p := b.preview(set)
	took := time.Since(began)
	stop()
	counted := sim.Counters()
	plan := b.plan(p.ID)
	if p.Status != "succeeded" || plan.Counts.Create != deleted || plan.Counts.Update != changed || len(plan.Items) < *previewed {
		t.Errorf("%s: %+v of %d items, want %d creates and %d updates", p.Sentence, plan.Counts, len(plan.Items), deleted, changed)
	}
	if counted.Writes > 0 {
		t.Errorf("a preview wrote %d times", counted.Writes)
	}
	grown := int64(*peak) - int64(before)
	t.Logf("preview of %d items in %s: %d reads, no write; live heap %d MiB before, %d MiB more at the most", len(plan.Items), took.Round(time.Millisecond), counted.Reads, before>>20, grown>>20)
	// The in-memory storage keeps the plan documents too.
	if most := int64(16<<20 + *previewed*16<<10); grown > most {
		t.Errorf("the preview needs %d MiB, want at most %d", grown>>20, most>>20)
	}
}

func live() uint64 {
	runtime.GC()
	return heap()
}

// heap is what was reachable at the last collection.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// watch notes the largest live heap until it is stopped.
func watch() (peak *uint64, stop func()) {
	peak = new(uint64)
	end, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			*peak = max(*peak, heap())
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(end); <-over }
}

// erring is a reader with a fault: it tries to write.
type erring struct {
	operation.Reader
	client *graph.Reader
	on     string // the path that it tries to write instead of reading it
}

func (e erring) Get(ctx context.Context, path, query string, doing reason.Doing) (json.RawMessage, error) {
	if !strings.Contains(path, e.on) {
		return e.Reader.Get(ctx, path, query, doing)
	}
	resp, err := e.client.Get(ctx, graph.Request{Method: http.MethodPatch, Path: path, Doing: reason.Update})
	return resp.Body, err
}

// Whatever fault a preview has, its client does not write: the item fails and
// operators read why, the others go on.
func TestPreviewThatTriesToWrite(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: 20, SettingsPer: 2}})
	set := b.backup("Before")
	victim := ""
	b.each(set, func(i run.BackupItem, _ catalog.Type, _ catalog.Document) {
		if i.Type == "device-configuration" {
			victim = i.GraphID
		}
	})
	connector := &operation.Connector{
		Credentials: credentials{}, Endpoint: &graph.Endpoint{GraphURL: b.sim.URL, AuthorityURL: b.sim.URL}, Version: "test", Log: b.log(), HTTPClient: b.client,
	}
	client, err := graph.NewReader(graph.Config{
		Endpoint: connector.Endpoint, TenantID: graphID, ClientID: clientID, Version: "test", Credential: graph.Credential{Secret: secret}, HTTPClient: b.client,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.connect = func(ctx context.Context, tenant run.Tenant) (operation.Reader, error) {
		reader, err := connector.Connect(ctx, tenant)
		return erring{reader, client, victim}, err
	}
	b.writes()
	b.sim.ResetCounters()
	p := b.preview(set)
	failed := 0
	for _, o := range b.items(p.ID) {
		if o.Status == "succeeded" {
			continue
		}
		if failed++; o.Code != "write_blocked_in_preview" || o.Status != "failed" || o.Sentence == "" {
			t.Errorf("%s %s: %s", o.Name, o.Status, o.Code)
		}
	}
	if failed != 1 || p.Status != "partial" {
		t.Errorf("%d items failed: %s", failed, p.Sentence)
	}
	if w := b.sim.Counters().Writes; w > 0 {
		t.Errorf("%d writes", w)
	}
	said := 0
	for line := range strings.SplitSeq(b.logs.String(), "\n") {
		if strings.Contains(line, `"write blocked in preview"`) && strings.Contains(line, `"ERROR"`) && strings.Contains(line, p.ID) && strings.Contains(line, http.MethodPatch) {
			said++
		}
	}
	if said != 1 {
		t.Errorf("%d lines of the log say so", said)
	}
}
