package restore

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// edited is a tenant with one policy changed by hand and another one lost since the
// backup.
func edited(t *testing.T) (b *bed, set string, changedItem, lostItem run.BackupItem) {
	t.Helper()
	b = newBed(t, graphsim.TenantSpec{Builtin: "fabrikam", Defaults: true})
	b.needed(b.backup("First"))
	set = b.backup("Set")
	ring, _ := catalog.ByID("windows-update-ring")
	settings, _ := catalog.ByID("settings-catalog-policy")
	changedItem, lostItem = b.itemOf(set, ring, "Update ring: broad"), b.itemOf(set, settings, "Restrictions")
	b.put(ring, b.payload(changedItem), changedItem.GraphID, edit(ring, "Changed by hand"))
	b.lose(settings, lostItem)
	return b, set, changedItem, lostItem
}

// Who restored by mistake has the tenant as it was before, objects that came into
// being included when that is confirmed; and not when it is not.
func TestUndo(t *testing.T) {
	b, set, changedItem, lostItem := edited(t)
	before := b.contents("Before the restore")
	r := b.restore(b.preview(set, changedItem.PolicyID, lostItem.PolicyID).ID)
	if r.Status != "succeeded" {
		t.Fatalf("%s\n%s", r.Sentence, b.outcomes(r.ID))
	}
	for _, o := range b.items(r.ID) {
		if w := o.Written; w == nil || (w.Before > 0) != (w.Action == "update") || w.AfterHash == "" || (w.BeforeHash != "") != (w.Action == "update") {
			t.Errorf("%s was written as %+v", o.Name, w)
		}
	}
	undo := b.finish(base+"/previews", map[string]any{"undoOf": r.ID})
	if c := b.plan(undo.ID).Counts; c.Update != 1 || c.Delete != 1 {
		t.Fatalf("the undo plans %s", describe(b, undo.ID))
	}
	u := b.restore(undo.ID)
	if u.Status != "succeeded" || len(b.items(u.ID)) != 1 {
		t.Errorf("%s\n%s", u.Sentence, b.outcomes(u.ID))
	}
	key := lostItem.Type + "/" + lostItem.Name
	if now := b.contents("Undone in part"); len(now[key]) != 1 {
		t.Errorf("what the restore made is gone, and nobody confirmed that: %v", now[key])
	}
	undo = b.finish(base+"/previews", map[string]any{"undoOf": r.ID})
	u = b.restore(undo.ID, func(body map[string]any) { body["deletes"] = true })
	if u.Status != "succeeded" {
		t.Errorf("%s\n%s", u.Sentence, b.outcomes(u.ID))
	}
	after := b.contents("Undone")
	for name, was := range before {
		if len(after[name]) != len(was) || after[name][0] != was[0] {
			t.Errorf("%s is %v, was %v", name, after[name], was)
		}
	}
	if len(after[key]) != 0 {
		t.Errorf("what the restore made is still there: %v", after[key])
	}
	// An undo is a live restore like any other, and can be undone.
	again := b.finish(base+"/previews", map[string]any{"undoOf": u.ID})
	if c := b.plan(again.ID).Counts; c.Create != 1 {
		t.Errorf("the undo of the undo plans %s", describe(b, again.ID))
	}
	var p httpapi.Problem
	if b.call(http.MethodPost, base+"/previews", map[string]any{"undoOf": undo.ID}, &p); p.Code != "validation_error" {
		t.Errorf("the undo of a preview: %+v", p)
	}
}

// What a person takes out of a plan is not touched.
func TestWhatIsLeftOutIsNotTouched(t *testing.T) {
	b, set, changedItem, lostItem := edited(t)
	b.writes()
	r := b.restore(b.preview(set, changedItem.PolicyID, lostItem.PolicyID).ID, func(body map[string]any) { body["except"] = []string{lostItem.PolicyID} })
	if items := b.items(r.ID); len(items) != 1 || items[0].Key != changedItem.PolicyID {
		t.Errorf("items are %s", b.outcomes(r.ID))
	}
	if w := b.writes(); len(w) != 1 || w[0].Method != http.MethodPatch {
		t.Errorf("written: %+v", w)
	}
}

// An object of that name that came into being since the preview is not doubled.
func TestSomebodyElseMadeIt(t *testing.T) {
	b, set, _, lostItem := edited(t)
	p := b.preview(set, lostItem.PolicyID)
	settings, _ := catalog.ByID(lostItem.Type)
	b.put(settings, b.payload(lostItem), "", func(map[string]any) {})
	b.writes()
	r := b.restore(p.ID)
	if o := b.items(r.ID)[0]; o.Status != "skipped" || o.Code != "target_changed" {
		t.Errorf("%s %s", o.Status, o.Code)
	}
	if w := b.writes(); len(w) > 0 {
		t.Errorf("written: %+v", w)
	}
}

// What somebody made since the preview stays as it is, also when the worker that
// was about to make it dies: the next one does not take it for what that one made.
func TestDeadWorkerDidNotMakeWhatOthersMade(t *testing.T) {
	b, set, _, lostItem := edited(t)
	p := b.preview(set, lostItem.PolicyID)
	settings, _ := catalog.ByID(lostItem.Type)
	b.put(settings, b.payload(lostItem), "", func(object map[string]any) {
		edit(settings, "Made by hand")(object)
		object["createdDateTime"] = b.clock.Now().Format(time.RFC3339)
	})
	b.clock.pass(10 * time.Minute)
	b.writes()
	w := b.between(fault{place: graphRead, kind: diesBefore, nth: 1})
	id := b.begin(base+"/restores", b.confirmed(p.ID))
	if !b.ends(id) || w.struck != 1 {
		t.Fatalf("%d workers died, and the run is %s", w.struck, b.run(id).Status)
	}
	if o := b.items(id)[0]; o.Status != "skipped" || o.Code != "target_changed" {
		t.Errorf("%s %s", o.Status, o.Code)
	}
	if w := b.writes(); len(w) > 0 {
		t.Errorf("written: %+v", w)
	}
}

// A write that is answered well and does nothing is no success.
func TestWriteWithoutEffectIsFound(t *testing.T) {
	b, set, changedItem, _ := edited(t)
	p := b.preview(set, changedItem.PolicyID)
	b.client = &http.Client{Transport: lazy{b.client.Transport}}
	r := b.restore(p.ID)
	if o := b.items(r.ID)[0]; o.Status != "failed" || o.Code != "verification_failed" || o.Written == nil || o.Written.Steps != 1 {
		t.Errorf("%s", b.outcomes(r.ID))
	}
}

// lazy answers updates as done and does nothing.
type lazy struct{ next http.RoundTripper }

func (l lazy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPatch {
		return l.next.RoundTrip(r)
	}
	_ = r.Body.Close()
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// What a restore made is deleted when nothing needs it any more: what came to refer to
// it is put back first, and the service deletes nothing that is in use.
func TestUndoOfWhatCameToBeInUse(t *testing.T) {
	measure(t, graphsim.TenantSpec{}, deleted, func(s *small) {
		access, location := s.typ("conditional-access-policy"), s.typ("named-location")
		body := json.RawMessage(`{"conditions":{"clientAppTypes":["all"],"users":{"includeUsers":["All"]},"applications":{"includeApplications":["All"]},"locations":null}}`)
		if _, err := s.writer.Write(s.t.Context(), http.MethodPatch, access.Collection+"/"+s.made[access.ID][changed], body, reason.Update); err != nil {
			s.t.Fatal(err)
		}
		before := s.contentsNow("Changed")
		var chosen []string
		s.each(s.set, func(i run.BackupItem, _ catalog.Type, _ catalog.Document) {
			if i.GraphID == s.made[location.ID][deleted] || i.GraphID == s.made[access.ID][changed] {
				chosen = append(chosen, i.PolicyID)
			}
		})
		r := s.restore(s.preview(s.set, chosen...).ID)
		if len(chosen) != 2 || r.Counts.Succeeded != 2 {
			s.t.Fatalf("%s\n%s", r.Sentence, s.outcomes(r.ID))
		}
		undo := s.finish(base+"/previews", map[string]any{"undoOf": r.ID})
		u := s.restore(undo.ID, func(body map[string]any) { body["deletes"] = true })
		if u.Counts.Succeeded != 2 {
			s.t.Errorf("%s\n%s", u.Sentence, s.outcomes(u.ID))
		}
		if after := s.contentsNow("Undone"); !maps.Equal(after, before) {
			for key := range after {
				if after[key] != before[key] {
					s.t.Errorf("%s is %+v, was %+v", key, after[key], before[key])
				}
			}
		}
	})
}

// A place among others that somebody else took since the preview is a change.
func TestPlaceTakenByOthersIsAChange(t *testing.T) {
	measure(t, graphsim.TenantSpec{}, deleted, func(s *small) {
		page := s.typ("enrollment-status-page")
		p := s.preview(s.set, run.PolicyID(tenantID, page.Collection, s.made[page.ID][changed]))
		s.make(page.ID, untouched) // takes the place that its fixture had
		s.writes()
		r := s.restore(p.ID)
		if o := s.items(r.ID)[0]; o.Status != "skipped" || o.Code != "target_changed" {
			s.t.Errorf("%s\n%s", r.Sentence, s.outcomes(r.ID))
		}
		if w := s.writes(); len(w) > 0 {
			s.t.Errorf("written: %+v", w)
		}
	})
}
