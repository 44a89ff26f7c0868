package restore_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/restore"
	"tenantatlas/shared/run"
)

var now = time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)

// fixture is the payload of a type's fixture, with a graph id.
func fixture(t *testing.T, typeID string) catalog.Document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../catalog/testdata/types", typeID, "payload.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := catalog.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func encode(t *testing.T, doc catalog.Document) []byte {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// subject is the restore of a fixture over a live object, which is the fixture
// changed; nil means that there is none.
func subject(t *testing.T, typeID string, change func(live catalog.Document)) restore.Subject {
	t.Helper()
	typeID, _, _ = strings.Cut(typeID, ".")
	typ, ok := catalog.ByID(typeID)
	if !ok {
		t.Fatalf("no type %s", typeID)
	}
	doc := fixture(t, typeID)
	s := restore.Subject{
		Type: typ, PolicyID: "pol_1", Captured: encode(t, doc), Now: now,
		Version: run.Version{PolicyID: "pol_1", Number: 3, PolicyName: typ.NameOf(doc.Object()), Complete: true, CapturedAt: now.Add(-time.Hour)},
	}
	for _, u := range typ.Referenced(doc) {
		s.References = append(s.References, restore.Reference{Type: u.Type, ID: u.ID, To: u.ID, Name: "Name of " + u.ID})
	}
	var err error
	if s.Version.ContentHash, err = typ.ContentHash(s.Captured); err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return s
	}
	live := fixture(t, typeID)
	change(live)
	s.Live, s.Matched = encode(t, live), run.MatchID
	s.GraphID, _ = live["graphId"].(string)
	if s.Fingerprint, err = typ.ContentHash(s.Live); err != nil {
		t.Fatal(err)
	}
	return s
}

func plan(t *testing.T, s restore.Subject) restore.Document {
	t.Helper()
	d, err := restore.Make(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func set(name string, value any) func(catalog.Document) {
	return func(d catalog.Document) { d.Object()[name] = value }
}

func same(catalog.Document) {}

// Each item is created, updated, left alone or blocked, and people read why.
func TestActions(t *testing.T) {
	described := set("description", "Changed")
	for name, test := range map[string]struct {
		typeID string
		live   func(catalog.Document)
		change func(*restore.Subject)
		action run.PlanAction
		code   reason.Code
	}{
		"gone":                       {"settings-catalog-policy", nil, nil, run.PlanCreate, ""},
		"changed":                    {"settings-catalog-policy", described, nil, run.PlanUpdate, ""},
		"unchanged":                  {"settings-catalog-policy", same, nil, run.PlanNone, reason.AlreadyMatches},
		"unchanged, only for people": {"group-policy-configuration", same, nil, run.PlanNone, reason.AlreadyMatches},
		"only for people":            {"group-policy-configuration", described, nil, run.PlanBlocked, reason.CaptureOnly},
		"only kept, and gone":        {"terms-of-use-agreement", nil, nil, run.PlanBlocked, reason.CaptureOnly},
		"incomplete": {"settings-catalog-policy", described, func(s *restore.Subject) {
			s.Version.Complete, s.Version.Notes = false, []run.Note{{Code: "unreadable_part", Params: map[string]string{"part": "settings"}}}
		}, run.PlanBlocked, reason.VersionIncomplete},
		"Microsoft's own, and gone": {"enrollment-windows-hello", nil, nil, run.PlanBlocked, reason.BuiltinObject},
		"fixed when it was made":    {"windows-driver-update-profile", set("approvalType", "automatic"), nil, run.PlanBlocked, reason.NeedsReplacement},
		"a date of the past": {"windows-feature-update-profile", nil, func(s *restore.Subject) { s.Now = now.AddDate(50, 0, 0) },
			run.PlanBlocked, reason.DatesPassed},
		"no such tag": {"settings-catalog-policy", described, func(s *restore.Subject) {
			s.References = slices.DeleteFunc(s.References, func(r restore.Reference) bool { return r.Type == catalog.TypeScopeTag })
		}, run.PlanBlocked, reason.UnresolvedScopeTag},
		"no such group": {"settings-catalog-policy", described, func(s *restore.Subject) {
			s.References = slices.DeleteFunc(s.References, func(r restore.Reference) bool { return r.Type == catalog.TypeGroup && r.To != "" })
		}, run.PlanUpdate, reason.UnresolvedGroup},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject(t, test.typeID, test.live)
			if test.change != nil {
				test.change(&s)
			}
			d := plan(t, s)
			if d.Action != test.action || d.Code != test.code {
				t.Fatalf("%s %q %v, want %s %q", d.Action, d.Code, d.Params, test.action, test.code)
			}
			if d.Action.Writes() != (len(d.Steps) > 0) || d.Action.Writes() != (d.StepsHash != "") {
				t.Errorf("%s has the steps %v", d.Action, d.Steps)
			}
			if d.Code != "" {
				if _, known := reason.Lookup(d.Code, reason.ScopeItem); !known {
					t.Errorf("nobody knows a sentence for %s", d.Code)
				}
			}
			raw, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := restore.Decode(raw)
			if err != nil || again.StepsHash != d.StepsHash || again.Action != d.Action {
				t.Errorf("read again it is %+v, %v", again, err)
			}
		})
	}
}

func assignments(targets ...map[string]any) func(catalog.Document) {
	return func(d catalog.Document) {
		list := []any{}
		for _, target := range targets {
			list = append(list, map[string]any{"source": "direct", "target": target})
		}
		d[catalog.PartAssignments] = list
	}
}

func group(kind, id string) map[string]any {
	return map[string]any{"@odata.type": catalog.ODataPrefix + kind + "AssignmentTarget", "groupId": id}
}

// Who confirms a restore was told whom it reaches and what else it does.
func TestWarnings(t *testing.T) {
	everybody := map[string]any{"@odata.type": catalog.ODataPrefix + "allDevicesAssignmentTarget"}
	g1, g2, not1 := group("group", "g1"), group("group", "g2"), group("exclusionGroup", "g1")
	known := []restore.Reference{{Type: catalog.TypeGroup, ID: "g1", To: "g1"}, {Type: catalog.TypeGroup, ID: "g2", To: "g2"}}
	for name, test := range map[string]struct {
		typeID         string
		captured, live func(catalog.Document)
		want           []reason.Code
	}{
		"nothing":                  {"device-configuration", assignments(g1), assignments(g1, g2), nil},
		"everybody":                {"device-configuration", assignments(everybody), assignments(g1), []reason.Code{reason.AssignAll, reason.AssignWider}},
		"everybody, as now":        {"device-configuration", assignments(everybody), assignments(everybody, g1), nil},
		"one group more":           {"device-configuration", assignments(g1, g2), assignments(g1), []reason.Code{reason.AssignWider}},
		"nobody is left out":       {"device-configuration", assignments(g2), assignments(g2, not1), []reason.Code{reason.ExclusionRemoved}},
		"a filter that others use": {"assignment-filter", same, set("rule", "(device.model -eq \"y\")"), []reason.Code{reason.SharedObject}},
		"rights": {"role-definition", same, func(d catalog.Document) {
			d.Object()["rolePermissions"] = []any{map[string]any{"resourceActions": []any{}}}
		}, []reason.Code{reason.RightsAdded}},
		"access is switched on":     {"conditional-access-policy", set("state", "enabled"), func(d catalog.Document) { set("state", "enabled")(d); set("displayName", "Other")(d) }, []reason.Code{reason.CAEnabled}},
		"access is reported":        {"conditional-access-policy", set("state", "enabled"), func(d catalog.Document) { set("state", "disabled")(d); set("displayName", "Other")(d) }, []reason.Code{reason.CAReportOnly}},
		"a default of everybody":    {"enrollment-windows-hello", set("pinMinimumLength", 8), set("pinMinimumLength", 6), []reason.Code{reason.DefaultObject}},
		"devices are wiped sooner":  {"device-compliance-policy", action("wipe", 24), action("wipe", 48), []reason.Code{reason.DeviceAction}},
		"devices are wiped as late": {"device-compliance-policy", action("wipe", 48), func(d catalog.Document) { action("wipe", 24)(d) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject(t, test.typeID, test.live)
			doc := fixture(t, test.typeID)
			test.captured(doc)
			s.Captured = encode(t, doc)
			var err error
			if s.Version.ContentHash, err = s.Type.ContentHash(s.Captured); err != nil {
				t.Fatal(err)
			}
			s.References = append(s.References, known...)
			d := plan(t, s)
			if d.Action != run.PlanUpdate {
				t.Fatalf("%s %s %v", d.Action, d.Code, d.Params)
			}
			var got []reason.Code
			for _, w := range d.Warnings {
				got = append(got, w.Code)
				if _, known := reason.Lookup(w.Code, reason.ScopeWarning); !known {
					t.Errorf("nobody knows a sentence for %s", w.Code)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("warnings are %q, want %q", got, test.want)
			}
		})
	}
	t.Run("of a new object", func(t *testing.T) {
		s := subject(t, "settings-catalog-policy", nil)
		s.Version.CapturedAt = now.AddDate(-1, 0, 0)
		codes := plan(t, s).Planned("key").Warnings
		for _, want := range []reason.Code{reason.NewID, reason.VersionOld} {
			if !slices.Contains(codes, string(want)) {
				t.Errorf("%s is not among %q", want, codes)
			}
		}
	})
}

// action adds an action for devices that do not comply.
func action(kind string, hours int) func(catalog.Document) {
	return func(d catalog.Document) {
		rules, _ := d.Object()["scheduledActionsForRule"].([]any)
		rule := maps.Clone(rules[0].(map[string]any))
		actions, _ := rule["scheduledActionConfigurations"].([]any)
		rule["scheduledActionConfigurations"] = append(slices.Clone(actions), map[string]any{
			"actionType": kind, "gracePeriodHours": json.Number(strings.Repeat("1", hours/24)), "notificationTemplateId": "", "notificationMessageCCList": []any{},
		})
		d.Object()["scheduledActionsForRule"] = []any{rule}
	}
}

// The requests are bound by the plan, to the last byte, and secret values stand
// nowhere in it.
func TestPlanBindsItsRequests(t *testing.T) {
	s := subject(t, "settings-catalog-policy", set("description", "Changed"))
	first := plan(t, s)
	doc := fixture(t, "settings-catalog-policy")
	doc.Object()["description"] = "Another captured text"
	s.Captured = encode(t, doc)
	if second := plan(t, s); second.StepsHash == first.StepsHash {
		t.Error("other requests have the same hash")
	}
	const secret = "s3cr3t-of-the-policy"
	s = subject(t, "device-configuration-custom-oma", nil)
	doc = fixture(t, "device-configuration-custom-oma")
	digests := map[string]any{}
	for _, read := range s.Type.SecretReads(doc) {
		digests[read.Place] = "digest of " + secret
	}
	doc[catalog.MemberSecrets] = digests
	s.Captured = encode(t, doc)
	d := plan(t, s)
	raw, err := d.Encode()
	if err != nil || d.Action != run.PlanCreate || strings.Contains(string(raw), secret) {
		t.Errorf("%s, %v: %s", d.Action, err, raw)
	}
}

// What the plan itself makes stands for what was lost, and has its id when it is
// made.
func TestPlaceholders(t *testing.T) {
	references := []restore.Reference{{Type: "assignment-filter", ID: "old", Creates: "pol_filter", Name: "Kiosks"}, {Type: catalog.TypeGroup, ID: "g", To: "g"}, {Type: catalog.TypeGroup, ID: "lost"}}
	planned := restore.Mapping(references)
	if to, ok := planned("assignment-filter", "old"); !ok || to != "{pol_filter}" {
		t.Errorf("%q %t", to, ok)
	}
	for id, want := range map[string]bool{"g": true, "lost": false, "unknown": false} {
		if _, ok := planned(catalog.TypeGroup, id); ok != want {
			t.Errorf("group %s: %t", id, ok)
		}
	}
	made := map[string]string{}
	later := func() (string, bool) {
		return restore.MappingWith(references, func(policyID string) string { return made[policyID] })("assignment-filter", "old")
	}
	if _, ok := later(); ok {
		t.Error("what is not made yet is resolved")
	}
	made["pol_filter"] = "new"
	if to, ok := later(); !ok || to != "new" {
		t.Errorf("%q %t", to, ok)
	}
}

// An object on the way from what it was to what is wanted is nobody else's doing;
// one that is anything else is.
func TestBetween(t *testing.T) {
	typ, _ := catalog.ByID("device-configuration")
	doc := func(change func(catalog.Document)) []byte {
		d := fixture(t, "device-configuration")
		change(d)
		return encode(t, d)
	}
	before, want := doc(set("description", "before")), doc(func(d catalog.Document) { set("description", "wanted")(d); assignments(group("group", "g1"))(d) })
	for name, test := range map[string]struct {
		live []byte
		is   bool
	}{
		"before":          {before, true},
		"wanted":          {want, true},
		"half":            {doc(set("description", "wanted")), true},
		"somebody's":      {doc(set("description", "somebody's")), false},
		"somebody's, too": {doc(func(d catalog.Document) { set("description", "wanted")(d); assignments(group("group", "g9"))(d) }), false},
	} {
		is, err := restore.Between(typ, before, test.live, want)
		if err != nil || is != test.is {
			t.Errorf("%s: %t, %v", name, is, err)
		}
	}
}

// Odd documents are refused, and nothing else happens.
func TestOddDocuments(t *testing.T) {
	s := subject(t, "settings-catalog-policy", set("description", "Changed"))
	for _, raw := range []string{"", "null", "[]", "{", `{"object":[]}`, `{"object":null}`, strings.Repeat("[", 100_000)} {
		for _, odd := range []func(*restore.Subject){
			func(s *restore.Subject) { s.Captured = []byte(raw) },
			func(s *restore.Subject) { s.Live = []byte(raw) },
		} {
			c := s
			odd(&c)
			if d, err := restore.Make(c); err == nil && d.Action.Writes() {
				t.Errorf("%.20s: %s", raw, d.Action)
			}
		}
		if _, err := restore.Decode([]byte(raw)); err == nil {
			t.Errorf("%.20s is a plan", raw)
		}
	}
}
