package restore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// typesFolder holds one folder for each policy type, with a payload.
const typesFolder = "../../shared/catalog/testdata/types"

// notMade are types of which a restore makes nothing anew: every tenant has its own.
var notMade = []string{
	"enrollment-platform-restrictions-default", "enrollment-windows-hello", "enrollment-windows-restore", "device-management-settings",
}

// fixture stores the version of a type's fixture as if it had been captured, of an
// object that is gone since, and makes what it refers to.
func (b *bed) fixture(t catalog.Type) (policyID string) {
	b.t.Helper()
	ctx := b.t.Context()
	raw, err := os.ReadFile(filepath.Join(typesFolder, t.ID, "payload.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	id, _ := doc["graphId"].(string)
	b.neededBy(t, doc)
	doc["schema"], doc["type"], doc["graphId"] = "tenantatlas.policy/1", t.ID, id
	secrets := run.SecretValues{}
	if t.SecretReads != nil {
		digests := map[string]any{}
		for i, s := range t.SecretReads(doc) {
			secrets[s.Place] = fmt.Sprintf("<secret>%d ü</secret>", i)
			if digests[s.Place], err = b.vault.Fingerprint(ctx, tenantID, []byte(secrets[s.Place])); err != nil {
				b.t.Fatal(err)
			}
		}
		doc[catalog.MemberSecrets] = digests
	}
	payload, err := json.Marshal(doc)
	if err != nil {
		b.t.Fatal(err)
	}
	hash, err := t.ContentHash(payload)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.vault.Seal(ctx, tenantID, hash, secrets); err != nil {
		b.t.Fatal(err)
	}
	key, err := b.archive.Put(ctx, tenantID, payload)
	if err != nil {
		b.t.Fatal(err)
	}
	now := b.clock.Now()
	p, err := b.store.PutPolicy(ctx, run.Policy{
		ID: run.PolicyID(tenantID, t.Collection, id), TenantID: tenantID, Type: t.ID, GraphID: id, Name: t.NameOf(doc.Object()), FirstSeenAt: now, ChangedAt: now, VanishedAt: &now,
		LastChange: run.ChangeVanished,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	v := run.Version{TenantID: tenantID, PolicyID: p.ID, Number: 1, PolicyType: t.ID, PolicyName: p.Name, GraphID: id, ContentHash: hash, PayloadKey: key, Complete: true, CapturedAt: now, RunID: "run_0"}
	if _, err := b.store.AddVersion(ctx, run.NewVersion{Version: v, Policy: p}); err != nil {
		b.t.Fatal(err)
	}
	return p.ID
}

// item is the plan or outcome of the only policy of a type that a set holds and
// that is not the service's own.
func (b *bed) itemOf(setID string, t catalog.Type, name string) run.BackupItem {
	b.t.Helper()
	var found []run.BackupItem
	b.each(setID, func(i run.BackupItem, of catalog.Type, doc catalog.Document) {
		if of.ID == t.ID && t.NameOf(doc.Object()) == name {
			found = append(found, i)
		}
	})
	if len(found) != 1 {
		b.t.Fatalf("%d policies %s %q in the set, want 1", len(found), t.ID, name)
	}
	return found[0]
}

func (b *bed) payload(i run.BackupItem) catalog.Document {
	b.t.Helper()
	raw, err := b.archive.Get(b.t.Context(), tenantID, i.PayloadKey)
	if err != nil {
		b.t.Fatal(err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	return doc
}

// put makes an object of what was captured of one, changed by f, with another id
// if it is to be a new one.
func (b *bed) put(t catalog.Type, doc catalog.Document, id string, f func(object map[string]any)) string {
	b.t.Helper()
	object := maps.Clone(doc.Object())
	for name, part := range doc {
		_, isList := part.([]any)
		image := strings.HasSuffix(name, "Logo") || strings.HasSuffix(name, "Image") // of a brand
		if isList || image {
			object[name] = part
		}
	}
	if object["id"] = id; id == "" {
		delete(object, "id")
	}
	f(object)
	text, err := json.Marshal(object)
	if err != nil {
		b.t.Fatal(err)
	}
	made, err := b.sim.PutObject(graphID, graphsim.Object{Collection: t.Collection, JSON: text})
	if err != nil {
		b.t.Fatal(err)
	}
	return made
}

// edit changes the description of an object, or its name where it has none.
func edit(t catalog.Type, to string) func(map[string]any) {
	return func(object map[string]any) {
		for _, name := range []string{"description", "profileDescription"} {
			if _, has := object[name]; has {
				object[name] = to
				return
			}
		}
		object[t.NameProperty] = to
	}
}

// one is the plan of a preview of one policy.
func (b *bed) one(r httpapi.RunView) httpapi.PlanItemView {
	b.t.Helper()
	items := b.plan(r.ID).Items
	if len(items) != 1 {
		b.t.Fatalf("plan of %d items\n%s", len(items), b.outcomes(r.ID))
	}
	return items[0]
}

// byHand are types whose fixture was written by hand or comes from a tenant with a
// history, and is not spelled as the service spells its first copy: see ownMade in
// package fidelity. That is found by the verification.
var byHand = []string{
	"device-configuration-custom-oma", "device-configuration-network-certificate", "enrollment-single-platform-restriction", "enrollment-notification", "mobile-app-category",
}

// firstCopy restores the fixture.
func (b *bed) firstCopy(t catalog.Type, preview httpapi.RunView) {
	b.t.Helper()
	r := b.restore(preview.ID)
	o := b.items(r.ID)[0]
	if o.Status != "succeeded" && (o.Code != "verification_failed" || !slices.Contains(byHand, t.ID)) {
		b.t.Fatalf("%s\n%s", r.Sentence, b.outcomes(r.ID))
	}
}

// refuses asks for a live restore that must not start.
func (b *bed) refuses(previewID, code string) {
	b.t.Helper()
	var p httpapi.Problem
	body := map[string]any{"planRunId": previewID, "planDigest": b.plan(previewID).Digest, "tenantName": tenantName, "reason": "r"}
	if status := b.call(http.MethodPost, base+"/restores", body, &p); p.Code != code {
		b.t.Errorf("a restore of it is answered with %d %s, want %s", status, p.Code, code)
	}
}

// What people rely on holds for every type that can be restored.
func TestEveryTypeIsRestored(t *testing.T) {
	for _, typ := range catalog.All() {
		if typ.Restorability.Level != catalog.Full || typ.LookUp || slices.Contains(notMade, typ.ID) {
			continue
		}
		t.Run(typ.ID, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{Defaults: true})
			policyID := b.fixture(typ)
			p := b.finish(base+"/previews", map[string]any{"versions": []map[string]any{{"policyId": policyID, "version": 1}}})
			plan := b.one(p)
			name := plan.Name
			if plan.Action != "create" {
				t.Fatalf("the fixture is not created: %s\n%s", describe(b, p.ID), b.outcomes(p.ID))
			}
			b.firstCopy(typ, p)
			set := b.backup("Set")
			item := b.itemOf(set, typ, name)
			doc := b.payload(item)
			b.writes()

			// Unchanged: nothing to do, and nothing is done.
			p = b.preview(set, item.PolicyID)
			if plan := b.one(p); plan.Action != "none" {
				t.Errorf("unchanged is %s\n%s", plan.Action, describe(b, p.ID))
			}
			b.refuses(p.ID, "selection_empty")

			// Changed: it becomes as it was.
			b.put(typ, doc, item.GraphID, edit(typ, "Changed by hand"))
			p = b.preview(set, item.PolicyID)
			if w := b.writes(); len(w) > 0 {
				t.Errorf("previews wrote %+v", w)
			}
			if plan := b.one(p); plan.Action == "update" {
				if r := b.restore(p.ID); r.Status != "succeeded" {
					t.Errorf("changed: %s\n%s", r.Sentence, b.outcomes(r.ID))
				}
				// Certificates are bound one by one, and the change unbound them all.
				if n := len(b.writes()); n != 1 && typ.ID != "device-configuration-network-certificate" {
					t.Errorf("one change took %d writes", n)
				}
				b.isAsIn(set, item, typ)
			} else if typ.ID != "enrollment-notification" {
				t.Errorf("changed is %s\n%s", plan.Action, describe(b, p.ID))
			}

			// Changed after the preview: left alone.
			b.put(typ, doc, item.GraphID, edit(typ, "Changed before"))
			p = b.preview(set, item.PolicyID)
			if b.one(p).Action == "update" {
				b.put(typ, doc, item.GraphID, edit(typ, "Changed after"))
				b.writes()
				r := b.restore(p.ID)
				if o := b.items(r.ID)[0]; o.Status != "skipped" || o.Code != "target_changed" {
					t.Errorf("an object that moved is %s %s", o.Status, o.Code)
				}
				if w := b.writes(); len(w) > 0 {
					t.Errorf("an object that moved was written: %+v", w)
				}
			}

			// Gone, and two others have its name: nobody can say which is meant.
			b.lose(typ, item)
			if !slices.Contains(ownIDs, typ.ID) {
				b.ambiguous(typ, doc, set, item)
			}

			// Gone: it comes back.
			p = b.preview(set, item.PolicyID)
			if r := b.restore(p.ID); r.Status != "succeeded" {
				t.Errorf("deleted: %s\n%s", r.Sentence, b.outcomes(r.ID))
			}
			b.isAsIn(set, item, typ)
			if dump := b.store.Dump() + b.logs.String(); strings.Contains(dump, "<secret>") || strings.Contains(dump, `u003csecret`) {
				t.Error("a secret value stands in a record or in the log")
			}
		})
	}
}

// ownIDs are types whose objects are told by ids that are not random: another object
// of one id is the same.
var ownIDs = []string{"authentication-context", catalog.TypeScopeTag}

// ambiguous puts two objects into the place of one, and finds that neither is
// written.
func (b *bed) ambiguous(typ catalog.Type, doc catalog.Document, set string, item run.BackupItem) {
	b.t.Helper()
	twins := []string{b.put(typ, doc, "", func(map[string]any) {}), b.put(typ, doc, "", func(map[string]any) {})}
	b.writes()
	p := b.preview(set, item.PolicyID)
	if plan := b.one(p); plan.Action != "blocked" || plan.Code != "ambiguous" {
		b.t.Errorf("two of one name: %s %s", plan.Action, plan.Code)
	}
	b.refuses(p.ID, "selection_empty")
	if w := b.writes(); len(w) > 0 {
		b.t.Errorf("two of one name: written %+v", w)
	}
	for _, id := range twins {
		if err := b.sim.DeleteObject(graphID, typ.Collection, id); err != nil {
			b.t.Fatal(err)
		}
	}
}

// lose deletes an object.
func (b *bed) lose(t catalog.Type, i run.BackupItem) {
	b.t.Helper()
	if err := b.sim.DeleteObject(graphID, t.Collection, i.GraphID); err != nil {
		b.t.Fatal(err)
	}
}

// isAsIn checks that a policy of the tenant is as a set holds it.
func (b *bed) isAsIn(setID string, item run.BackupItem, t catalog.Type) {
	b.t.Helper()
	key := t.ID + "/" + item.Name
	want, got := b.contentsOf(setID, b.successors)[key], b.contents("Now")[key]
	if !slices.Equal(want, got) && !stateAlone(b, setID, item, t) {
		p := b.preview(setID, item.PolicyID)
		b.t.Errorf("%s is %v, want %v\n%s", key, got, want, describe(b, p.ID))
	}
}

// stateAlone reports whether a Conditional Access policy differs in its state
// alone: a new one is report-only, so that it locks nobody out.
func stateAlone(b *bed, setID string, item run.BackupItem, t catalog.Type) bool {
	b.t.Helper()
	if t.ID != "conditional-access-policy" {
		return false
	}
	p := b.preview(setID, item.PolicyID)
	return b.one(p).Action == "none"
}

// A group that is gone: whoever the policy reaches stays as it is, and people are
// told; the rest is restored.
func TestMissingGroupLeavesAssignmentsAlone(t *testing.T) {
	const group = "0f5c2d1e-1111-4a6b-9c3d-2e1f0a9b8c7d"
	n := 0
	for _, typ := range catalog.All() {
		if typ.Restorability.Level != catalog.Full || !slices.Contains(typ.Assign.Targets, "group") || typ.Assign.OnRequest {
			continue
		}
		n++
		t.Run(typ.ID, func(t *testing.T) {
			b := newBed(t, graphsim.TenantSpec{Defaults: true})
			policyID := b.fixture(typ)
			p := b.finish(base+"/previews", map[string]any{"versions": []map[string]any{{"policyId": policyID, "version": 1}}})
			b.firstCopy(typ, p)
			text := `{"id":"` + group + `","displayName":"Pilot"}`
			if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: "groups", JSON: json.RawMessage(text)}); err != nil {
				t.Fatal(err)
			}
			item := b.itemOf(b.backup("First"), typ, b.one(p).Name)
			assign := func(to string) {
				assignment := `{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"` + to + `"}}`
				if typ.Family == catalog.FamilyApps && typ.Assign.ItemType != "" {
					assignment = `{"intent":"required","target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"` + to + `"}}`
				}
				if err := b.sim.SetAssignments(graphID, typ.Collection, item.GraphID, []json.RawMessage{json.RawMessage(assignment)}); err != nil {
					t.Fatal(err)
				}
			}
			assign(group)
			set := b.backup("Set")
			item = b.itemOf(set, typ, item.Name)
			doc := b.payload(item)
			b.put(typ, doc, item.GraphID, edit(typ, "Changed by hand"))
			const other = "0f5c2d1e-2222-4a6b-9c3d-2e1f0a9b8c7d"
			if _, err := b.sim.PutObject(graphID, graphsim.Object{Collection: "groups", JSON: json.RawMessage(strings.ReplaceAll(text, group, other))}); err != nil {
				t.Fatal(err)
			}
			assign(other)
			if err := b.sim.DeleteObject(graphID, "groups", group); err != nil {
				t.Fatal(err)
			}
			b.writes()
			p = b.preview(set, item.PolicyID)
			plan := b.one(p)
			if plan.Code != "unresolved_group" || !strings.Contains(plan.Sentence, "Pilot") {
				t.Fatalf("the plan says %s %s\n%s", plan.Code, plan.Sentence, describe(b, p.ID))
			}
			if plan.Action == "blocked" { // the group is all that differs
				b.refuses(p.ID, "selection_empty")
			} else {
				r := b.restore(p.ID)
				o := b.items(r.ID)[0]
				if o.Status != "succeeded" || o.Code != "unresolved_group" || !o.Attention {
					t.Errorf("it ends as %s %s, attention %t\n%s", o.Status, o.Code, o.Attention, b.outcomes(r.ID))
				}
			}
			for _, e := range b.writes() {
				if strings.Contains(e.Path, "ssign") {
					t.Errorf("assignments were written: %s %s", e.Method, e.Path)
				}
			}
			now := b.payload(b.itemOf(b.backup("After"), typ, item.Name))
			if text, _ := json.Marshal(now[catalog.PartAssignments]); !strings.Contains(string(text), other) || strings.Contains(string(text), group) {
				t.Errorf("assignments are %s", text)
			}
		})
	}
	if n < 20 {
		t.Errorf("%d types are assigned to groups", n)
	}
}

// Microsoft encrypts the texts of OMA-URI settings since some time, with the next
// write: what was captured plain comes back encrypted, which is no difference. Another
// value is one.
func TestPlainValuesComeBackEncrypted(t *testing.T) {
	b := newBed(t, graphsim.TenantSpec{Defaults: true})
	typ, _ := catalog.ByID("device-configuration-custom-oma")
	object := func(value string) json.RawMessage {
		xml := base64.StdEncoding.EncodeToString([]byte("<a>" + value + "</a>"))
		return json.RawMessage(`{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","id":"7b5c2d1e-1111-4a6b-9c3d-2e1f0a9b8c7d","displayName":"Plain","version":1,
			"createdDateTime":"2020-01-01T00:00:00Z","lastModifiedDateTime":"2020-01-01T00:00:00Z","roleScopeTagIds":["0"],"omaSettings":[
			{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"Text","omaUri":"./Vendor/A","value":"` + value + `"},
			{"@odata.type":"#microsoft.graph.omaSettingInteger","displayName":"Number","omaUri":"./Vendor/B","value":3},
			{"@odata.type":"#microsoft.graph.omaSettingStringXml","displayName":"XML","omaUri":"./Vendor/C","value":"` + xml + `"}]}`)
	}
	put := func(value string) string {
		id, err := b.sim.PutObject(graphID, graphsim.Object{Collection: typ.Collection, JSON: object(value)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := put("plain")
	set := b.backup("Plain")
	item := b.itemOf(set, typ, "Plain")
	if err := b.sim.DeleteObject(graphID, typ.Collection, id); err != nil {
		t.Fatal(err)
	}
	if r := b.restore(b.preview(set, item.PolicyID).ID); r.Status != "succeeded" {
		t.Fatalf("made anew: %s\n%s", r.Sentence, b.outcomes(r.ID))
	}
	p := b.preview(set, item.PolicyID)
	again := b.one(p)
	if again.Action != "none" {
		t.Errorf("restored, and seen again: %s\n%s", again.Action, describe(b, p.ID))
	}
	// Somebody enters another value.
	if err := b.sim.DeleteObject(graphID, typ.Collection, again.GraphID); err != nil {
		t.Fatal(err)
	}
	put("other")
	if p = b.preview(set, item.PolicyID); b.one(p).Action != "update" {
		t.Errorf("another value: %s\n%s", b.one(p).Action, describe(b, p.ID))
	}
	if r := b.restore(p.ID); r.Status != "succeeded" {
		t.Errorf("overwritten: %s\n%s", r.Sentence, b.outcomes(r.ID))
	}
	if p = b.preview(set, item.PolicyID); b.one(p).Action != "none" {
		t.Errorf("overwritten, and seen again: %s\n%s", b.one(p).Action, describe(b, p.ID))
	}
}
