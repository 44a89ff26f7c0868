package fidelity

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/figures"
	"tenantatlas/tests/graphsim"
)

var (
	exports     = flag.String("exports", "", "test this `folder` of exported policies as well")
	figuresFile = flag.String("figures", "", "keep what is measured in this `file`")
)

// exportFolders are the real exports of the project: several tools' formats.
func exportFolders(t *testing.T) map[string]fs.FS {
	t.Helper()
	all := map[string]fs.FS{
		"contoso":            os.DirFS("../graphsim/tenants/contoso"),
		"fabrikam":           os.DirFS("../graphsim/tenants/fabrikam"),
		"conditional access": os.DirFS("../graphsim/schema/testdata/exports"),
		"everything else":    os.DirFS("testdata/exports"),
	}
	if *exports != "" {
		all[*exports] = os.DirFS(*exports)
	}
	return all
}

// notPolicies are files of the project's exports that hold no policy of a type
// that Microsoft publishes.
var notPolicies = map[string]string{
	"CheckForProcessRunning.json":                 "a detection script's settings",
	"2025-NCSC-Application-Control_Settings.json": "settings without their policy",
	"2025-NCSC-Account-Protections_Settings.json": "settings without their policy",
	"pol-sys-105-enrollment-restriction.json":     "a type that is in no published metadata",
	"oma-secrets.json":                            "plain texts for the simulator",
	"swiftdialog.json":                            "a program's configuration",
	"209 - RING - Base protection - All apps Require Token protection for EXO and SPO Desktop App(preview).json": "a property occurs twice",
	"WSLDetectionRule.json": "a detection rule of an app",
}

// Every real policy is loaded, listed, captured whole and unchanged, captured the
// same again, and made anew in another tenant.
func TestExportsComeBack(t *testing.T) {
	for name, folder := range exportFolders(t) {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}})
			b.wire(b.client, nil) // not what is tested here
			report := b.add(source, graphsim.TenantSpec{FS: folder, Defaults: true})
			for _, note := range report.NotRecognised {
				base := note.Origin[strings.LastIndexByte(note.Origin, '/')+1:]
				if notPolicies[base] == "" {
					t.Errorf("%s is not recognised: %s", note.Origin, note.Text)
				}
			}
			loaded := 0
			for _, n := range report.Loaded {
				loaded += n
			}
			if loaded == 0 {
				t.Fatal("nothing was loaded")
			}
			all := b.sync(source)
			for _, p := range all {
				c := b.capture(source, p)
				if !c.version.Complete {
					t.Errorf("%s %q is incomplete: %v", p.Type, p.Name, c.version.Notes)
				}
				if again := b.capture(source, p); again.version.Number != c.version.Number {
					t.Errorf("%s %q: a second capture made another version", p.Type, p.Name)
				}
			}
			t.Logf("%d objects loaded, %d policies", loaded, len(all))
			b.compareWithFiles(all, folder)
			b.weigh(name, all)
			b.comeBack(all)
		})
	}
}

// builtIn reports whether the tenant has the policy from its start.
func (b *bed) builtIn(p run.Policy) bool {
	b.t.Helper()
	doc, err := catalog.Decode(b.capture(source, p).payload)
	if err != nil {
		b.t.Fatal(err)
	}
	typ := b.typeOf(p)
	return typ.Singleton || typ.IsBuiltIn(doc.Object())
}

// weigh says what the captured policies take in storage.
func (b *bed) weigh(name string, all []run.Policy) {
	b.t.Helper()
	var plain, packed int64
	count := 0
	for _, p := range all {
		if b.builtIn(p) {
			continue
		}
		count++
		payload := b.capture(source, p).payload
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed) // as package s3archive does
		if _, err := w.Write(payload); err != nil {
			b.t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.t.Fatal(err)
		}
		plain, packed = plain+int64(len(payload)), packed+int64(compressed.Len())
	}
	b.t.Logf("%d policies take %d bytes, %d compressed", count, plain, packed)
	err := figures.Add(*figuresFile, func(a *figures.All) {
		a.Stored = append(a.Stored, figures.Stored{Name: name, Policies: count, Bytes: plain, Compacted: packed})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// refused are policies of the exports that Graph does not take as they are: the
// beginning of the name, what the refusal says, and why it is right.
var refused = []struct{ name, says, reason string }{
	{"Windows custom: wireless and limits", "isReadOnly", "written for the tests, with properties that no metadata has, to see that a capture keeps them"},
	{"macOS Baseline Compliance Policy", "managedEmailProfileRequired", "a property that the published type does not have"},
	{"206 - ", "'All' was not found", "written by hand, with a value in another case than the service's"},
	{"207 - ", "'All' was not found", "written by hand, with a value in another case than the service's"},
	{"306 - ", "'StartObject' node was expected", "written by hand, with a list where the service has an object"},
	{"307 - ", "'StartObject' node was expected", "written by hand, with a list where the service has an object"},
}

// comeBack makes every policy anew in another tenant, in the order of a restore,
// and compares it with what was captured.
func (b *bed) comeBack(all []run.Policy) {
	b.t.Helper()
	b.add(target, graphsim.TenantSpec{Defaults: true})
	slices.SortStableFunc(all, func(x, y run.Policy) int { return b.typeOf(x).Rank - b.typeOf(y).Rank })
	known := map[string]string{} // ids in the target
	for _, p := range all {
		known[strings.ToLower(p.GraphID)] = ""
	}
	mapping := func(typeID, id string) (string, bool) {
		if to, ok := known[strings.ToLower(id)]; ok {
			return to, to != ""
		}
		return elsewhere(typeID, id)
	}
	made := 0
	for _, p := range all {
		typ, c := b.typeOf(p), b.capture(source, p)
		doc, err := catalog.Decode(c.payload)
		if err != nil {
			b.t.Fatal(err)
		}
		b.needed(typ, doc, func(id string) bool { _, own := known[strings.ToLower(id)]; return own })
		id, err := b.create(target, typ, c.payload, mapping, c.secrets)
		switch {
		case errors.Is(err, catalog.ErrNotCreatable):
			known[strings.ToLower(p.GraphID)] = p.GraphID // every tenant has it
			continue
		case errors.Is(err, catalog.ErrPlaceholder) && len(c.version.Notes) > 0:
			b.t.Logf("%s %q has a secret that nobody gives out", p.Type, p.Name)
			continue
		case err != nil:
			if !slices.ContainsFunc(refused, func(r struct{ name, says, reason string }) bool {
				return strings.HasPrefix(p.Name, r.name) && strings.Contains(err.Error(), r.says)
			}) {
				b.t.Errorf("%s %q: %v", p.Type, p.Name, err)
			}
			continue
		}
		made++
		known[strings.ToLower(p.GraphID)] = id
		mapped, err := typ.Map(c.payload, mapping)
		if err != nil {
			b.t.Fatal(err)
		}
		got := b.find(target, typ, id)
		b.equal(typ, mapped, got.payload, fmt.Sprintf("%q and its copy", p.Name), differences)
		b.settled(typ, c, got, mapping)
		b.touched(typ, c, id, mapping)
	}
	b.t.Logf("%d policies came back", made)
}

// touched has an administrator edit the policy, and takes the edit back.
func (b *bed) touched(typ catalog.Type, c captured, id string, mapping catalog.Mapping) {
	b.t.Helper()
	if typ.Restorability.Level != catalog.Full || typ.SecretReads != nil {
		return
	}
	if err := b.sim.Touch(target.graphID, typ.Collection, id); err != nil {
		b.t.Fatal(err)
	}
	live := b.find(target, typ, id)
	change, err := typ.Update(c.payload, live.payload, mapping, c.secrets)
	if replace := (*catalog.ReplacementError)(nil); errors.As(err, &replace) {
		return
	}
	if err != nil {
		b.t.Errorf("%s %q: %v", typ.ID, c.Name, err)
		return
	}
	if err := b.apply(target, change.Steps, typ.Known(live.GraphID)); err != nil {
		b.t.Errorf("%s %q: %v", typ.ID, c.Name, err)
		return
	}
	if len(change.Steps) == 0 && len(change.Left) == 0 {
		b.t.Errorf("%s %q: an edit is no change", typ.ID, c.Name)
	}
	b.settled(typ, c, b.find(target, typ, id), mapping)
}

// settled demands that a policy that was made anew is as it was wanted, and needs no
// update.
func (b *bed) settled(typ catalog.Type, c, got captured, mapping catalog.Mapping, lists ...map[string][]difference) {
	b.t.Helper()
	if typ.Restorability.Level != catalog.Full || typ.SecretReads != nil { // digests of one tenant
		return
	}
	paths, err := typ.Unlike(b.want, got.payload) // a restored one is as a new one
	if err != nil {
		b.t.Fatal(err)
	}
	if paths = slices.DeleteFunc(paths, func(p string) bool { return allowed(typ, p, lists...) }); len(paths) > 0 {
		b.t.Errorf("%s %q is not as it was wanted: %v", typ.ID, c.Name, paths)
	}
	change, err := typ.Update(c.payload, got.payload, mapping, c.secrets)
	if err != nil || len(change.Steps) > 0 && len(lists) == 0 {
		b.t.Errorf("%s %q is written again: %v%s", typ.ID, c.Name, err, shown(change.Steps))
	}
}

// compareWithFiles checks that everything that the files hold was captured.
func (b *bed) compareWithFiles(all []run.Policy, folder fs.FS) {
	b.t.Helper()
	byID := map[string]run.Policy{}
	for _, p := range all {
		byID[strings.ToLower(p.GraphID)] = p
	}
	compared := 0
	err := fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		raw, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		want := exported(raw)
		id, _ := want["id"].(string)
		p, ok := byID[strings.ToLower(id)]
		if !ok {
			return nil
		}
		c := b.capture(source, p)
		doc, err := catalog.Decode(c.payload)
		if err != nil {
			return err
		}
		compared++
		for key, value := range want {
			if strings.Contains(key, "@odata.") && key != "@odata.type" || strings.HasPrefix(key, "#") {
				continue
			}
			// The type of what is of one type only, and the count, are written by the
			// tools that exported or computed by the service.
			if key == "settingCount" || key == "@odata.type" && !b.typeOf(p).PlatformOfType {
				continue
			}
			got, inPart := doc[key]
			if !inPart {
				got = doc.Object()[key]
			}
			if diff := lost(value, got, key); diff != "" {
				b.t.Errorf("%s: %s", path, diff)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%d files compared", compared)
}

// exported is the object in a file, or nothing: what is no policy was counted when
// it was loaded.
func exported(raw []byte) (object map[string]any) {
	if graphsim.UnmarshalExport(raw, &object) != nil {
		return nil
	}
	return object
}

// lost names the first thing of want that got lacks. What got has beside it is
// the service's.
func lost(want, got any, path string) string {
	switch w := want.(type) {
	case nil:
		return ""
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %T", path, got)
		}
		for k, v := range w {
			if strings.Contains(k, "@odata.") && k != "@odata.type" || strings.HasPrefix(k, "#") || k == "settingDefinitions" {
				continue
			}
			if diff := lost(v, g[k], path+"."+k); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) < len(w) {
			return fmt.Sprintf("%s has %d elements, want %d", path, len(g), len(w))
		}
		for i, v := range w {
			if diff := lost(v, g[i], fmt.Sprintf("%s[%d]", path, i)); diff != "" {
				return diff
			}
		}
		return ""
	case json.Number:
		if g, ok := got.(json.Number); !ok || g != w {
			return fmt.Sprintf("%s is %v, want %v", path, got, w)
		}
		return ""
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s is %v, want %v", path, got, want)
	}
	return ""
}
