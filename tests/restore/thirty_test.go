package restore

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// thirty are the policies of the small tenant, by the folders of their fixtures: of
// each there are two. What others refer to comes first.
var thirty = []string{
	"role-scope-tag", "assignment-filter", "notification-message-template", "reusable-policy-setting", "named-location",
	"settings-catalog-policy", "endpoint-security-policy.reusable", "device-configuration", "device-configuration-custom-oma", "device-compliance-policy",
	"windows-platform-script", "ios-app-protection", "conditional-access-policy", "enrollment-status-page", "autopilot-deployment-profile",
}

// alone are there once: one is deleted, one nobody touches.
var alone = map[string]int{"policy-set": deleted, "device-category": untouched}

// What became of a policy since the backup.
const (
	deleted = iota
	changed
	untouched
)

// small is a tenant with the policies, one of each pair deleted since the backup
// and the other changed.
type small struct {
	*bed
	set    string               // the backup
	ids    map[[2]string]string // type and id of a fixture → id of the copy that is referred to
	refers int                  // what becomes of that copy
	writer operation.Writer
	// made are the Graph ids, by folder and what became of it.
	made  map[string]map[int]string
	needs map[string]bool
	lag   time.Duration // of lists
	// undoOf is the restore that is to be undone, and want is what the tenant is to be
	// like then; "" and nil: the set is to be restored.
	undoOf string
	want   map[string]content
}

const fixtures = "../../shared/catalog/testdata/types"

// newSmall makes it. Policies refer to the copies that are deleted.
func newSmall(t *testing.T, sim *graphsim.Sim, spec graphsim.TenantSpec) *small {
	t.Helper()
	return newSmallReferring(t, sim, spec, deleted)
}

// newSmallReferring makes one whose policies refer to the copies that share a fate.
func newSmallReferring(t *testing.T, sim *graphsim.Sim, spec graphsim.TenantSpec, refers int) *small {
	t.Helper()
	spec.Defaults = true
	s := &small{
		bed: bedOver(t, sim, nil, &clock{}, spec), refers: refers,
		ids: map[[2]string]string{}, made: map[string]map[int]string{}, needs: map[string]bool{}, lag: time.Duration(spec.ListLagMs) * time.Millisecond,
	}
	s.limits.Concurrency = 1 // so that the calls come in one order
	s.between()
	connector := &operation.Connector{
		Credentials: credentials{}, Endpoint: &graph.Endpoint{GraphURL: sim.URL, AuthorityURL: sim.URL}, Version: "test", Log: s.log(), HTTPClient: s.client,
	}
	var err error
	if s.writer, err = connector.ConnectWriter(t.Context(), run.Tenant{ID: tenantID, GraphTenantID: graphID, ClientID: clientID, Cloud: run.CloudGlobal}); err != nil {
		t.Fatal(err)
	}
	for _, folder := range thirty {
		s.make(folder, refers)
		s.make(folder, deleted+changed-refers)
	}
	for _, folder := range slices.Sorted(maps.Keys(alone)) {
		s.make(folder, alone[folder])
	}
	s.clock.pass(s.lag)
	s.set = s.backup("Before")
	s.clock.pass(time.Minute)
	for folder, made := range s.made {
		typ := s.typ(folder)
		for became, id := range made {
			switch became {
			case deleted:
				s.remove(typ, id)
			case changed:
				s.change(typ, id)
			}
		}
	}
	return s
}

func (s *small) typ(folder string) catalog.Type {
	s.t.Helper()
	id, _, _ := strings.Cut(folder, ".")
	t, ok := catalog.ByID(id)
	if !ok {
		s.t.Fatalf("no type %s", id)
	}
	return t
}

// make makes a copy of a fixture as a restore would, with what it refers to.
func (s *small) make(folder string, became int) {
	s.t.Helper()
	t := s.typ(folder)
	raw, err := os.ReadFile(filepath.Join(fixtures, folder, "payload.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	object := doc.Object()
	object[t.NameProperty] = fmt.Sprintf("%v %d", object[t.NameProperty], became)
	if t.ID == "conditional-access-policy" { // one that is on is made as a report only
		object["state"], object["sessionControls"] = "disabled", nil
		object["grantControls"] = map[string]any{"operator": "OR", "builtInControls": []any{"mfa"}}
		object["conditions"] = map[string]any{
			"clientAppTypes": []any{"all"}, "users": map[string]any{"includeUsers": []any{"All"}}, "applications": map[string]any{"includeApplications": []any{"All"}},
			"locations": map[string]any{"includeLocations": []any{"00000404-1111-4222-8333-000000000404"}},
		}
	}
	secrets := map[string]string{}
	if t.SecretReads != nil {
		for i, read := range t.SecretReads(doc) {
			secrets[read.Place] = fmt.Sprintf("<secret>%d %d</secret>", became, i)
		}
	}
	var needed []catalog.Unresolved
	mapping := func(typeID, id string) (string, bool) {
		if to, ok := s.ids[[2]string{typeID, id}]; ok {
			return to, true
		}
		needed = append(needed, catalog.Unresolved{Reference: catalog.Reference{Type: typeID}, ID: id})
		return id, true
	}
	if raw, err = json.Marshal(doc); err != nil {
		s.t.Fatal(err)
	}
	made, err := t.Create(raw, mapping, secrets)
	if err != nil {
		s.t.Fatalf("%s: %v", folder, err)
	}
	for _, u := range needed {
		s.need(u)
	}
	s.clock.pass(s.lag) // so that what it refers to is there
	learned := map[string]string{}
	for _, step := range made.Steps {
		if step.Needless(learned) {
			continue
		}
		step = step.Fill(learned)
		doing := reason.Update
		if step.Name == "create" {
			doing = reason.Create
		}
		var answer json.RawMessage
		if step.Method == "GET" {
			answer, err = s.writer.Get(s.t.Context(), step.Path, step.Query, reason.ReadObject)
		} else {
			answer, err = s.writer.Write(s.t.Context(), step.Method, step.Path, step.Body, doing)
		}
		if err != nil {
			s.t.Fatalf("%s %s: %v\n%s", folder, step.Name, err, step.Body)
		}
		if step.Learn != nil {
			v, err := catalog.DecodeValue(answer)
			if err != nil {
				s.t.Fatal(err)
			}
			found, _ := v.(map[string]any)
			maps.Copy(learned, step.Learn(found))
		}
	}
	id := t.JoinID(raw, learned["id"])
	if s.made[folder] == nil {
		s.made[folder] = map[int]string{}
	}
	s.made[folder][became] = id
	if became == s.refers {
		s.ids[[2]string{t.ID, fmt.Sprint(doc["graphId"])}] = id
	}
}

// need makes what a fixture refers to and is no fixture here.
func (s *small) need(u catalog.Unresolved) {
	s.t.Helper()
	of, known := catalog.ByID(u.Type)
	if !known || s.needs[u.ID] {
		return
	}
	s.needs[u.ID] = true
	object := map[string]any{"id": u.ID, of.NameProperty: "Needed " + u.ID}
	maps.Copy(object, neededProperties[u.Type])
	if _, typed := object["@odata.type"]; !typed && len(of.Members.ODataTypes) > 0 {
		object["@odata.type"] = "#microsoft.graph." + of.Members.ODataTypes[0]
	}
	text, err := json.Marshal(object)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.sim.PutObject(graphID, graphsim.Object{Collection: of.Collection, JSON: text}); err != nil {
		s.t.Fatalf("%s %s: %v", u.Type, u.ID, err)
	}
}

// remove deletes an object as a person does, with what that brings about; one that is
// in use, as nobody can.
func (s *small) remove(t catalog.Type, id string) {
	s.t.Helper()
	call := catalog.Step{Method: t.DeleteCall.Method, Path: t.DeleteCall.Path}.Fill(t.Known(id))
	if call.Method == "DELETE" {
		if _, err := s.writer.Write(s.t.Context(), call.Method, call.Path, nil, reason.Update); err == nil {
			return
		}
	}
	if err := s.sim.DeleteObject(graphID, t.Collection, id); err != nil {
		s.t.Fatal(err)
	}
}

// change changes a policy in the portal: what it sets, and whom it is for.
func (s *small) change(t catalog.Type, id string) {
	s.t.Helper()
	if err := s.sim.Touch(graphID, t.Collection, id); err != nil {
		s.t.Fatal(err)
	}
	if t.Assign.Path == "" {
		return
	}
	if err := s.sim.SetAssignments(graphID, t.Collection, id, []json.RawMessage{graphsim.GroupAssignment("000000a2-1111-4222-8333-0000000000a2")}); err != nil {
		s.t.Fatalf("%s: %v", t.ID, err)
	}
}
