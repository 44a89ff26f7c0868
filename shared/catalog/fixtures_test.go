package catalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/tests/graphsim/schema"
)

// go generate writes the goldens and docs/policy-types.md; see catalog.go.
var update = flag.Bool("update", false, "write the goldens of testdata/types and docs/policy-types.md")

const fixtures = "testdata/types"

// golden compares what was made with a file, or writes the file.
func golden(t *testing.T, file string, made []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, made) {
		was, is := bytes.Split(stored, []byte("\n")), bytes.Split(made, []byte("\n"))
		i := 0
		for i < min(len(was), len(is))-1 && bytes.Equal(was[i], is[i]) {
			i++
		}
		t.Errorf("%s is not what the code makes, from line %d:\n-%s\n+%s\nrun go generate ./shared/catalog and read the difference", file, i+1, was[i], is[i])
	}
}

// indented is JSON for people.
func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fixture is one folder of testdata/types: <type id>, or <type id>.<case>.
type fixture struct {
	name    string
	row     catalog.Type
	payload []byte
	// secrets are the values that were read apart, by their place.
	secrets map[string]string
}

func readFixture(t *testing.T, name string) fixture {
	t.Helper()
	id, _, _ := strings.Cut(name, ".")
	row, ok := catalog.ByID(id)
	if !ok {
		t.Fatalf("%s: no such type", name)
	}
	payload, err := os.ReadFile(filepath.Join(fixtures, name, "payload.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{name: name, row: row, payload: payload}
	raw, err := os.ReadFile(filepath.Join(fixtures, name, "secrets.json"))
	if errors.Is(err, os.ErrNotExist) {
		return f
	}
	if err == nil {
		err = json.Unmarshal(raw, &f.secrets)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f fixture) create(mapping catalog.Mapping) (catalog.Creation, error) {
	return f.row.Create(f.payload, mapping, f.secrets)
}

func fixtureNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func allFixtures(t *testing.T) []fixture {
	t.Helper()
	var all []fixture
	for _, name := range fixtureNames(t) {
		all = append(all, readFixture(t, name))
	}
	return all
}

// Every type has a captured object, and what is made of it is as it was last
// read by a person: the requests that make it anew in the same tenant, or why
// there are none, and what counts as its content.
func TestFixtures(t *testing.T) {
	names := fixtureNames(t)
	for _, id := range catalog.IDs() {
		if !slices.Contains(names, id) {
			t.Errorf("%s: has no folder in %s", id, fixtures)
		}
	}
	for _, f := range allFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			checkPayload(t, f)
			type step struct {
				Name   string            `json:"name"`
				Method string            `json:"method"`
				Path   string            `json:"path"`
				Query  string            `json:"query,omitempty"`
				Body   json.RawMessage   `json:"body,omitempty"`
				Await  *catalog.Await    `json:"await,omitempty"`
				Unless map[string]string `json:"unless,omitempty"`
			}
			var out struct {
				Error      string   `json:"error,omitempty"`
				Steps      []step   `json:"steps,omitempty"`
				Unreadable []string `json:"unreadableSecrets,omitempty"`
				PastDates  []string `json:"pastDates,omitempty"`
			}
			c, err := f.create(catalog.SameTenant)
			if err != nil {
				out.Error = err.Error()
			}
			for _, s := range c.Steps {
				shown := step{Name: s.Name, Method: s.Method, Path: s.Path, Query: s.Query, Body: s.Body, Unless: s.Unless}
				if s.Await != (catalog.Await{}) {
					shown.Await = &s.Await
				}
				out.Steps = append(out.Steps, shown)
			}
			doc, err := catalog.Decode(f.payload)
			if err != nil {
				t.Fatal(err)
			}
			out.Unreadable = f.row.UnreadableSecrets(doc)
			out.PastDates = f.row.PastDates(doc.Object(), fixtureTime)
			golden(t, filepath.Join(fixtures, f.name, "creation.json"), indented(t, out))

			normal, err := f.row.NormalForm(f.payload)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(fixtures, f.name, "normal.json"), indented(t, json.RawMessage(normal)))
			again, err := f.row.NormalForm(normal)
			if err != nil || !bytes.Equal(again, normal) {
				t.Errorf("the normal form changes when it is made again, %v:\n%s\n%s", err, normal, again)
			}
		})
	}
}

// fixtureTime is after all dates of the fixtures but those of future updates.
var fixtureTime = time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)

// checkPayload reports a fixture that no capture would make.
func checkPayload(t *testing.T, f fixture) {
	t.Helper()
	doc, err := catalog.Decode(f.payload)
	if err != nil {
		t.Fatal(err)
	}
	members := []string{"schema", "type", "graphId", catalog.MemberReferences, catalog.MemberSecrets}
	for _, p := range f.row.Parts {
		members = append(members, p.Name)
		if _, ok := doc[p.Name]; !ok && p.Each == nil && !p.Absent404 {
			t.Errorf("part %s is missing", p.Name)
		}
		if p.CountProperty != "" {
			list, _ := doc[p.Name].([]any)
			if doc.Object()[p.CountProperty] != json.Number(strconv.Itoa(len(list))) {
				t.Errorf("%d %s, %s says %v", len(list), p.Name, p.CountProperty, doc.Object()[p.CountProperty])
			}
		}
	}
	for name := range doc {
		if !slices.Contains(members, name) {
			t.Errorf("no part is called %s", name)
		}
	}
	if doc["type"] != f.row.ID || doc["schema"] != "tenantatlas.policy/1" || doc["graphId"] == "" {
		t.Error("the head of the document")
	}
	if source := sourceOf(f.row); !source.LookUp() && !f.row.Singleton {
		if row, ok := source.Classify(doc.Object()); !ok || row.ID != f.row.ID {
			t.Errorf("a list would make it a %s", row.ID)
		}
	}
	references, _ := doc[catalog.MemberReferences].(map[string]any)
	for _, r := range f.row.Referenced(doc) {
		named, _ := references[r.Type].(map[string]any)
		if _, ok := named[r.ID]; !ok {
			t.Errorf("%s %s has no name", r.Type, r.ID)
		}
	}
	if f.row.Assign.Path == "" {
		return
	}
	assignments, _ := doc[catalog.PartAssignments].([]any)
	for _, e := range assignments {
		target := e.(map[string]any)["target"].(map[string]any)
		kind := strings.TrimSuffix(strings.TrimPrefix(target["@odata.type"].(string), "#microsoft.graph."), "AssignmentTarget")
		if !slices.Contains(f.row.Assign.Targets, kind) {
			t.Errorf("an assignment to %s, which the type does not take", kind)
		}
	}
}

func sourceOf(row catalog.Type) catalog.Source {
	all := catalog.Sources()
	return all[slices.IndexFunc(all, func(s catalog.Source) bool { return s.Collection() == row.Collection })]
}

// What is sent fits the properties that Microsoft publishes: nothing unknown,
// nothing null that must not be, nothing inline that is not taken so.
func TestBodiesFitTheSchema(t *testing.T) {
	published, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for _, f := range allFixtures(t) {
		set, known := published.Set(f.row.Collection)
		c, err := f.create(catalog.SameTenant)
		if err != nil {
			continue
		}
		for _, s := range c.Steps {
			if s.Method == "GET" {
				continue
			}
			var refused *schema.Violation
			action, parameters, isAction := parametersOf(published, s.Path)
			switch {
			case isAction:
				// Actions take trees: values with their presentations, rules with their actions.
				refused = published.CheckAction(schema.Options{Deep: []string{schema.DeepAny}}, action, parameters, s.Body)
			case known && set.EntityType != "" && (s.Path == f.row.Collection || s.Path == f.row.Collection+"/{id}"):
				refused = published.Check(schema.Options{Deep: set.DeepInsert, ReadOnly: schema.ReadOnlyIgnored}, set.EntityType, s.Body)
			default:
				if children[path.Base(s.Path)] == "" {
					continue
				}
				refused = published.Check(schema.Options{}, children[path.Base(s.Path)], s.Body)
			}
			checked[f.row.ID] = true
			if refused != nil {
				t.Errorf("%s: %s %s: %v\n%s", f.name, s.Method, s.Path, refused, s.Body)
			}
		}
	}
	// Nothing is published of these.
	without := []string{"inventory-policy", "cloudpc-provisioning-policy", "cloudpc-user-setting"}
	for _, row := range catalog.All() {
		if row.CreateCall.Method == "" || slices.Contains(without, row.ID) || row.Restorability.Level == catalog.CaptureOnly {
			continue
		}
		if !checked[row.ID] {
			t.Errorf("%s: no body was checked", row.ID)
		}
	}
}

// children are types of what is created below an object, by the last name of the
// path.
var children = map[string]string{
	"localizedNotificationMessages": "localizedNotificationMessage",
	"enrollmentProfiles":            "enrollmentProfile",
	"protectedAppLockerFiles":       "windowsInformationProtectionAppLockerFile",
}

// parametersOf are those of the action that a path ends in.
func parametersOf(published *schema.Schema, path string) (action string, parameters map[string]string, ok bool) {
	for _, set := range published.Sets() {
		rest, below := strings.CutPrefix(path, set.Path+"/")
		_, name, is := strings.Cut(rest, "/")
		if !below || !is {
			continue
		}
		if set.Assign != nil && name == "assign" {
			return name, set.AssignParameters(), true
		}
		for _, a := range set.Actions {
			if a.Name == name {
				return name, a.Body, true
			}
		}
	}
	return "", nil, false
}
