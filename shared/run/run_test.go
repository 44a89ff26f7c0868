package run_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantatlas/shared/run"
)

// A run only ever moves queued → running → terminal; a terminal one never moves.
func TestStatusOnlyMovesForward(t *testing.T) {
	order := map[run.Status]int{run.StatusQueued: 0, run.StatusRunning: 1}
	for _, s := range run.Statuses() {
		if s.Terminal() {
			order[s] = 2
		}
	}
	for _, from := range run.Statuses() {
		for _, to := range run.Statuses() {
			want := order[to] > order[from] && !from.Terminal()
			// A run that no worker has looked at cannot have succeeded.
			if from == run.StatusQueued && (to == run.StatusSucceeded || to == run.StatusPartial) {
				want = false
			}
			if got := from.CanBecome(to); got != want {
				t.Errorf("%s → %s: %v, want %v", from, to, got, want)
			}
		}
	}
	if run.Status("paused").CanBecome(run.StatusRunning) || run.Status("").Terminal() {
		t.Error("an unknown status moves")
	}
}

// The diagram that a reader of the package sees names every state.
func TestDiagramNamesEveryStatus(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run.Statuses() {
		if !strings.Contains(string(doc), string(s)) {
			t.Errorf("doc.go does not draw %s", s)
		}
	}
}

// Succeeded only if nothing failed, failed if nothing succeeded, partial between.
func TestFinalStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := run.Counts{
			Succeeded: rapid.IntRange(0, 3).Draw(t, "succeeded"),
			Failed:    rapid.IntRange(0, 3).Draw(t, "failed"),
			Skipped:   rapid.IntRange(0, 3).Draw(t, "skipped"),
		}
		got := c.FinalStatus()
		switch {
		case got == run.StatusSucceeded && c.Failed > 0,
			got == run.StatusFailed && c.Succeeded > 0,
			got == run.StatusPartial && (c.Failed == 0 || c.Succeeded == 0),
			!got.Terminal():
			t.Fatalf("%+v ends %s", c, got)
		}
	})
}

func TestRolesIncludeTheWeakerOnes(t *testing.T) {
	for i, have := range run.Roles() {
		for j, need := range run.Roles() {
			if got := have.Includes(need); got != (i >= j) {
				t.Errorf("%s includes %s: %v", have, need, got)
			}
		}
		if have.Includes("admin") || run.Role("admin").Includes(have) || run.Role("").Includes(have) {
			t.Errorf("an unknown role counts beside %s", have)
		}
	}
	if got := run.RolesIncluding(run.RoleRestorer); !slices.Equal(got, []run.Role{run.RoleRestorer, run.RoleOwner}) {
		t.Errorf("roles including restorer: %v", got)
	}
}

// Only a restorer may start what writes to a tenant; nobody below an operator
// starts anything; an operation that this version does not know needs an owner.
func TestOperationRoles(t *testing.T) {
	for _, op := range run.Operations() {
		if !op.Role().Includes(run.RoleOperator) {
			t.Errorf("%s may be started by %s", op, op.Role())
		}
		if op.WritesTenant() && !op.Role().Includes(run.RoleRestorer) {
			t.Errorf("%s writes and may be started by %s", op, op.Role())
		}
	}
	if got := run.Operation("tenant.wipe").Role(); got != run.RoleOwner {
		t.Errorf("unknown operation needs %s", got)
	}
}

func TestIdentifiers(t *testing.T) {
	ids := run.IDSource{}
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	first, second := ids.New(run.PrefixRun, now), ids.New(run.PrefixRun, now.Add(time.Millisecond))
	if !run.ValidRunID(first) || first >= second {
		t.Errorf("%s and %s do not sort by time", first, second)
	}
	if !run.ValidTenantID(ids.New(run.PrefixTenant, now)) {
		t.Error("a new tenant id is not valid")
	}
	for _, bad := range []string{"", "run_", first + "X", "RUN_" + first[4:], first[:29] + "\n", "ten_" + first[4:], "run_../../etc/passwd/0000000"} {
		if run.ValidRunID(bad) {
			t.Errorf("%q is taken for a run id", bad)
		}
	}
	for _, bad := range []string{"", "#", "a#b", "a b", "T#1", "-a", strings.Repeat("a", 129), "a\x00"} {
		if run.ValidUserID(bad) {
			t.Errorf("%q is taken for a user id", bad)
		}
	}
	for _, good := range []string{"7f3c1a9e-0000-4000-8000-000000000001", "auth0|123", "anna@contoso.example", "00u1a2"} {
		if !run.ValidUserID(good) {
			t.Errorf("%q is not taken for a user id", good)
		}
	}
}

// The lowest id of a time bounds all that are made then or later, and each kind of
// id is told from the others.
func TestFirstID(t *testing.T) {
	ids := run.IDSource{}
	now := time.Date(2026, 11, 21, 10, 0, 0, 999_999, time.UTC)
	first := run.FirstID(run.PrefixSet, now)
	if !run.ValidSetID(first) || first > ids.New(run.PrefixSet, now) || first <= ids.New(run.PrefixSet, now.Add(-time.Millisecond)) {
		t.Errorf("%s does not bound the ids of %s", first, now)
	}
	if early, late := run.FirstID(run.PrefixSet, time.Unix(-1, 0)), run.FirstID(run.PrefixSet, time.Unix(1<<40, 0)); early >= first || late <= first {
		t.Errorf("times out of range give %s and %s", early, late)
	}
	set, schedule := ids.New(run.PrefixSet, now), ids.New(run.PrefixSched, now)
	drift := run.DriftID(ids.New(run.PrefixRun, now), run.PolicyID("t", "c", "g"))
	for id, valid := range map[string]func(string) bool{set: run.ValidSetID, schedule: run.ValidScheduleID, drift: run.ValidDriftID} {
		if !valid(id) || valid(id+"0") || valid(id[1:]) || valid("") {
			t.Errorf("%s is not told from what is no such id", id)
		}
	}
	if run.ValidSetID(schedule) || run.ValidScheduleID(set) || run.ValidDriftID(set) || run.ValidDriftID(set+"."+schedule) {
		t.Error("an id of another kind is accepted")
	}
}

// A run is of a person or of a schedule.
func TestInitiator(t *testing.T) {
	for by, want := range map[run.Initiator]string{{}: "", {UserID: "u", Name: "U"}: "u", {ScheduleID: "s", Name: "S"}: "s"} {
		if got := by.ID(); got != want {
			t.Errorf("%+v is %q, want %q", by, got, want)
		}
	}
}

// Discovering an object twice names one record; neither another tenant nor
// another collection can reach it.
func TestPolicyID(t *testing.T) {
	const c = "deviceManagement/configurationPolicies"
	id := run.PolicyID("ten_1", c, "A-1")
	if !run.ValidPolicyID(id) {
		t.Errorf("%s is not a valid policy id", id)
	}
	if id != run.PolicyID("ten_1", "devicemanagement/ConfigurationPolicies", "a-1") {
		t.Error("spelling of collection or id makes another policy")
	}
	for _, other := range []string{run.PolicyID("ten_12", c, "A-1"), run.PolicyID("ten_1", c+"s", "A-1"), run.PolicyID("ten_1", c, "A-2")} {
		if id == other {
			t.Error("two objects have one id")
		}
	}
	seen := map[string]bool{}
	for i := range 20_000 {
		id := run.PolicyID("ten_1", c, fmt.Sprint(i))
		if seen[id] || !regexp.MustCompile(`^pol_[0-7][0-9A-HJKMNP-TV-Z]{25}$`).MatchString(id) {
			t.Fatalf("id %d: %s", i, id)
		}
		seen[id] = true
	}
}

func TestHashKeepsPartsApart(t *testing.T) {
	if run.Hash("ab", "c") == run.Hash("a", "bc") || run.Hash("a") == run.Hash("a", "") {
		t.Error("two lists of parts have one hash")
	}
}

// A credential must not show, whatever prints it.
func TestCredentialNeverShows(t *testing.T) {
	const canary = "S3cr3t-canary"
	c := run.Credential{Kind: run.CredentialClientSecret, ClientSecret: canary, Certificate: []byte(canary)}
	raw, err := json.Marshal(map[string]any{"credential": c})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", &c), string(raw)} {
		if strings.Contains(shown, canary) {
			t.Errorf("shows as %s", shown)
		}
	}
}

func TestAddTotals(t *testing.T) {
	a := map[string]int{"added": 1}
	sum := run.AddTotals(a, map[string]int{"added": 2, "gone": 3})
	if sum["added"] != 3 || sum["gone"] != 3 || a["added"] != 1 {
		t.Errorf("sum %v, first operand %v", sum, a)
	}
	if run.AddTotals(nil, nil) != nil {
		t.Error("nothing plus nothing is something")
	}
}
