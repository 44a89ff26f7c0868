package restore

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// contents are the content hashes of the tenant's policies as a sync and a capture
// see them now.
func (b *bed) contents(name string) map[string][]string {
	b.t.Helper()
	return b.contentsOf(b.backup(name), catalog.SameTenant)
}

// contentsOf are the content hashes of a set, by type and name, with the ids that
// the policies refer to replaced.
func (b *bed) contentsOf(setID string, mapping catalog.Mapping) map[string][]string {
	b.t.Helper()
	found := map[string][]string{}
	err := run.EachItem(b.t.Context(), b.store, tenantID, setID, func(i run.BackupItem) error {
		payload, err := b.archive.Get(b.t.Context(), tenantID, i.PayloadKey)
		if err != nil {
			return err
		}
		t, _ := catalog.ByID(i.Type)
		mapped, err := t.Map(payload, mapping)
		if err != nil {
			return err
		}
		hash, err := t.ContentHash(mapped)
		key := i.Type + "/" + i.Name
		found[key] = append(found[key], hash)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, hashes := range found {
		slices.Sort(hashes)
	}
	return found
}

// successors maps the ids of objects that a restore made anew to those that they
// have now.
func (b *bed) successors(typeID, id string) (string, bool) {
	t, _ := catalog.ByID(typeID)
	p, err := b.store.Policy(b.t.Context(), tenantID, run.PolicyID(tenantID, t.Collection, id))
	if err == nil && p.Successor != "" {
		return p.Successor, true
	}
	return id, true
}

// each calls f for the policies of a set that people made and that can be restored.
func (b *bed) each(setID string, f func(i run.BackupItem, t catalog.Type, doc catalog.Document)) {
	b.t.Helper()
	err := run.EachItem(b.t.Context(), b.store, tenantID, setID, func(i run.BackupItem) error {
		payload, err := b.archive.Get(b.t.Context(), tenantID, i.PayloadKey)
		if err != nil {
			return err
		}
		doc, err := catalog.Decode(payload)
		if err != nil {
			return err
		}
		if t, _ := catalog.ByID(i.Type); t.Restorability.Level == catalog.Full && !t.IsBuiltIn(doc.Object()) && !t.Singleton {
			f(i, t, doc)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// empty deletes every object of a set that people made and that can be restored.
func (b *bed) empty(setID string) int {
	b.t.Helper()
	n := 0
	b.each(setID, func(i run.BackupItem, t catalog.Type, _ catalog.Document) {
		if err := b.sim.DeleteObject(graphID, t.Collection, i.GraphID); err != nil {
			b.t.Fatal(err)
		}
		n++
	})
	return n
}

// realExports are the folders with real policies, in the formats of several tools.
var realExports = map[string]string{
	"contoso":            "../graphsim/tenants/contoso",
	"fabrikam":           "../graphsim/tenants/fabrikam",
	"conditional access": "../graphsim/schema/testdata/exports",
	"everything else":    "../fidelity/testdata/exports",
}

// Who loses everything gets it back, or reads exactly why not; who then looks again
// finds nothing to do; and who did not mean it has the tenant as it was.
func TestEmptiedTenantComesBack(t *testing.T) {
	for name, folder := range realExports {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{FS: os.DirFS(folder), Defaults: true})
			b.needed(b.backup("First"))
			set := b.backup("Before")
			deleted := b.empty(set)
			emptied := b.contents("Emptied")
			b.writes()
			p := b.preview(set)
			plan := b.plan(p.ID)
			if w := b.writes(); len(w) > 0 {
				t.Errorf("the preview wrote: %+v", w)
			}
			if p.Status != "succeeded" || plan.Counts.Create+plan.Counts.Blocked < deleted || plan.Counts.Update > 0 {
				t.Fatalf("%s\n%+v\n%s", p.Sentence, plan.Counts, describe(b, p.ID))
			}
			why := map[string]string{} // what cannot be as it was, and why
			for _, i := range plan.Items {
				if i.Action == "blocked" || i.Code == "unresolved_group" || i.Code == "unresolved_filter" || slices.ContainsFunc(i.Warnings, func(w httpapi.WarningView) bool { return w.Code == "ca_report_only" }) {
					why[i.Type+"/"+i.Name] = i.Code + " "
				}
			}
			r := b.restore(p.ID)
			t.Logf("%d deleted, %+v: %s", deleted, plan.Counts, r.Sentence)
			for _, o := range b.items(r.ID) {
				if o.Status == "succeeded" {
					continue
				}
				if why[o.Type+"/"+o.Name] = o.Code; o.Sentence == "" || !refused(o.Name) && o.Code != "missing_dependency" {
					t.Errorf("%s %q: %s %s %+v", o.Type, o.Name, o.Code, o.Sentence, o.Failure)
				}
			}
			before, after := b.contentsOf(set, b.successors), b.contents("After")
			for _, key := range slices.Sorted(maps.Keys(before)) {
				if !slices.Equal(before[key], after[key]) && why[key] == "" {
					t.Errorf("%s is %v, was %v, and nobody said why", key, after[key], before[key])
				}
			}
			again := b.preview(set)
			for _, i := range b.plan(again.ID).Items {
				if (i.Action == "create" || i.Action == "update") && why[i.Type+"/"+i.Name] == "" {
					t.Errorf("there still is something to do\n%s", describe(b, again.ID))
					break
				}
			}
			undo := b.finish(base+"/previews", map[string]any{"undoOf": r.ID})
			if undo.Status != "succeeded" {
				t.Fatalf("preview of the undo: %s\n%s", undo.Sentence, b.outcomes(undo.ID, "failed"))
			}
			u := b.restore(undo.ID, func(body map[string]any) { body["deletes"] = true })
			if u.Status != "succeeded" {
				t.Errorf("undo: %s\n%s\n%s", u.Sentence, b.outcomes(u.ID, "failed", "skipped"), describe(b, undo.ID))
			}
			undone := b.contents("Undone")
			kept := map[string]bool{}
			for _, i := range b.plan(undo.ID).Items {
				kept[i.Type+"/"+i.Name] = i.Code == "not_deletable"
			}
			for key := range after {
				if kept[key] {
					continue
				}
				if !slices.Equal(emptied[key], undone[key]) {
					t.Errorf("after the undo %s is %v, was %v", key, undone[key], emptied[key])
				}
			}
		})
	}
}

// refusals are policies that Graph does not take back as they are: see package
// fidelity, which says why of each.
var refusals = []string{"Windows custom: wireless and limits", "macOS Baseline Compliance Policy", "206 - ", "207 - ", "306 - ", "307 - "}

func refused(name string) bool {
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.HasPrefix(name, r) })
}

// describe lists what a plan means to do.
func describe(b *bed, runID string) string {
	b.t.Helper()
	var out strings.Builder
	for _, i := range b.plan(runID).Items {
		if i.Action == "none" {
			continue
		}
		fmt.Fprintf(&out, "%s %s %q: %s %s\n", i.Action, i.Type, i.Name, i.Code, i.Sentence)
		if d := b.detail(i); d.Changed != nil {
			for _, c := range d.Changed.Changes {
				fmt.Fprintf(&out, "  %s %s\n", c.Kind, c.Path)
			}
		}
	}
	return out.String()
}
