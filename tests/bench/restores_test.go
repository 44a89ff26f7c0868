package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

// permissions are all that any type needs, to read and to write.
func permissions() []string {
	all := catalog.ReadPermissions()
	for _, t := range catalog.All() {
		all = append(all, t.WritePermissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// restoring is the machinery of a live restore: outcomes that say what was written,
// each with its hashes, and nothing else.
type restoring struct{ machinery }

func (r restoring) Act(_ context.Context, item run.Item) (run.Outcome, error) {
	n, _ := strconv.Atoi(item.Name[len(item.Name)-3:])
	hash := run.Hash(item.Key)
	return run.Outcome{
		Status: run.OutcomeSucceeded, Version: 3, Numbers: map[string]int{"written": 1, "writes": 1 + n%2},
		Written: &run.Written{Action: run.PlanUpdate, PolicyID: item.Key, GraphID: "0b5a1d7e-9d0e-4c0c-8d2a-2f6f2f5a1c11", Before: 2, BeforeHash: hash, AfterHash: hash, Steps: 1 + n%2},
	}, nil
}

// What was written is in the outcome and in the audit beside what aimRestoreItem
// counts: start, intents, outcomes, end and notifications.
const (
	maxRestoreAudit  = 1.4 // write units an item
	restoredPolicies = 200
)

// What each policy of a preview and of a live restore may take: about 15 % above
// what was measured when the limits were set.
var (
	maxPreview = limits{Calls: 6.2, WriteUnits: 1.5, ReadUnits: 4}
	maxRestore = limits{Calls: 10.5, WriteUnits: 8.4, ReadUnits: 5.3}
)

// What the machinery of a restore costs an item, and what the audit of what it wrote
// costs beside it.
func TestRestoreMachineryCosts(t *testing.T) {
	b := newCostBed(t, graphsim.TenantSpec{Builtin: "contoso"})
	const n = 500
	written := func(name string, act func() engine.Operation) float64 {
		worker := *b.engines[run.OpRestoreExecute]
		worker.Bind = func(context.Context, run.Run, run.Tenant) (engine.Operation, error) { return act(), nil }
		c := b.measure(name, n, func() {
			r := b.start(start.Request{Operation: run.OpRestoreExecute, Lock: name, Input: run.RestoreInput{}})
			if err := worker.Handle(t.Context(), r.Dispatch()); err != nil {
				t.Fatal(err)
			}
			ended, err := b.store.Run(t.Context(), r.TenantID, r.ID)
			if err != nil || !ended.Status.Terminal() || ended.Counts.Done() != n {
				t.Fatalf("ended %s with %+v, %v", ended.Status, ended.Counts, err)
			}
			b.notify(r, ended)
		})
		t.Logf("%s: %d calls, %.3f write units and %.3f read units an item: %v", name, c.calls(), c.WriteUnits/n, c.ReadUnits/n, c.Calls)
		return c.WriteUnits / n
	}
	plain := written("restore that wrote nothing", func() engine.Operation { return machinery{n} })
	audited := written("restore that wrote everything", func() engine.Operation { return restoring{machinery{n}} })
	if plain > aimRestoreItem || audited-plain > maxRestoreAudit {
		t.Errorf("%.3f write units an item for orchestration and %.3f for the audit, want at most %v and %v", plain, audited-plain, aimRestoreItem, maxRestoreAudit)
	}
	keep(t, "machinery", b.costs)
}

// What a preview and a live restore cost an item over the real adapters: half of the
// policies were lost, half were changed.
func TestRestoreCosts(t *testing.T) {
	b := newPacedBed(t, graphsim.TenantSpec{Generate: &graphsim.GenerateSpec{Seed: 1, Policies: restoredPolicies, SettingsPer: 5}}, hurry)
	types := []string{"settings-catalog-policy", "endpoint-security-policy", "security-baseline-policy"}
	set := run.BackupSet{ID: run.IDSource{}.New(run.PrefixSet, b.now()), Name: "Set", Selection: run.Selection{Types: types}}
	fill := b.start(start.Request{Operation: run.OpBackupSetCreate, Set: &set, Input: run.SetInput{Selection: set.Selection, Refresh: true}})
	b.work(fill)
	b.succeeded(fill)
	n := 0
	for _, p := range b.policies() {
		if !slices.Contains(types, p.Type) {
			continue
		}
		const collection = "deviceManagement/configurationPolicies"
		if n++; n%2 == 0 {
			if err := b.sim.DeleteObject(graphTenant, collection, p.GraphID); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b.rename(p)
	}
	var plan run.Run
	preview := b.measure("worker: preview", n, func() {
		plan = b.start(start.Request{Operation: run.OpRestorePreview, SetID: set.ID, Input: run.PreviewInput{SetID: set.ID}})
		b.work(plan)
	})
	b.limit(maxPreview)
	plan = b.succeeded(plan)
	if plan.Totals["toWrite"] != n {
		t.Fatalf("the plan is %v", plan.Totals)
	}
	var r run.Run
	writes := 0
	live := b.measure("worker: live restore", n, func() {
		r = b.start(start.Request{Operation: run.OpRestoreExecute, Lock: "restore.live", Input: run.RestoreInput{PlanRunID: plan.ID, Digest: plan.PlanDigest}})
		b.work(r)
		writes = b.sim.Counters().Writes
	})
	b.limit(maxRestore)
	r = b.succeeded(r)
	if r.Totals["writes"] != n || writes != n {
		t.Errorf("%d writes, %d by the simulator's count, of %d items that each need one", r.Totals["writes"], writes, n)
	}
	for _, c := range []cost{preview, live} {
		t.Logf("%s of %d: %.2f calls, %.2f write and %.2f read units, %.2f reads of Graph an item: %v", c.Name, n,
			float64(c.calls())/float64(n), c.WriteUnits/float64(n), c.ReadUnits/float64(n), float64(c.GraphReads)/float64(n), c.Calls)
	}
	keep(t, "restores", []cost{preview, live})
}

// rename changes a policy as an administrator would.
func (b *costBed) rename(p run.Policy) {
	b.t.Helper()
	v, err := b.store.Version(b.t.Context(), b.tenant, p.ID, p.LatestVersion)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := b.archive.Get(b.t.Context(), b.tenant, v.PayloadKey)
	if err != nil {
		b.t.Fatal(err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	object := doc.Object()
	object["description"] = fmt.Sprint(object["description"], " changed")
	object["settings"], object["assignments"] = doc["settings"], doc["assignments"]
	text, err := json.Marshal(object)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.sim.PutObject(graphTenant, graphsim.Object{Collection: "deviceManagement/configurationPolicies", JSON: text}); err != nil {
		b.t.Fatal(err)
	}
}
