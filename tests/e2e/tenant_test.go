package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// tenant is a tenant of a test's own, with a simulated Microsoft tenant behind
// it and a member of every role.
type tenant struct {
	id, name                  string
	graphID, clientID, secret string
}

func (x *tenant) path(rest string) string { return "/v1/tenants/" + x.id + rest }

// newTenant registers a tenant through the public API. Its simulated tenant
// holds the objects.
func newTenant(t testing.TB, objects ...object) *tenant {
	t.Helper()
	x := &tenant{graphID: uuid.NewString(), clientID: uuid.NewString(), secret: "e2e-" + uuid.NewString()}
	x.name = "e2e " + x.graphID[:8]
	wrapped := make([]object, len(objects))
	for i, o := range objects {
		wrapped[i] = object{"collection": collectionOf(o), "object": o}
	}
	simulate(t, http.MethodPut, "/v1/tenants/"+x.graphID, object{
		"displayName": x.name, "objects": wrapped,
		"apps": []object{{"clientId": x.clientID, "secrets": []object{{"value": x.secret}}, "permissions": mayWrite}},
	}, nil)
	t.Cleanup(func() {
		if err := control(context.WithoutCancel(t.Context()), http.MethodDelete, "/v1/tenants/"+x.graphID, nil, nil); err != nil {
			t.Errorf("remove the simulated tenant: %v", err)
		}
	})
	var made struct{ ID string }
	post(t, platform, "/v1/tenants", object{
		"name": x.name, "graphTenantId": x.graphID, "clientId": x.clientID,
		"credential": object{"kind": "client_secret", "clientSecret": x.secret},
		"owner":      object{"userId": who(t, owner).UserID, "name": "Owner"},
	}).want(t, http.StatusCreated).into(t, &made)
	x.id = made.ID
	for _, r := range []string{viewer, operator, restorer} {
		as(t, owner, http.MethodPut, x.path("/members/"+who(t, r).UserID), object{"role": r, "name": r}).want(t, http.StatusCreated)
	}
	return x
}

// stocked is a tenant with one policy of each of three types, synced: these types
// alone, since all take seconds and add nothing.
func stocked(t testing.TB) *tenant {
	t.Helper()
	x := newTenant(t, settingsCatalog("Baseline", 3), deviceConfiguration("Custom"), compliance("Compliance"))
	var r runView
	post(t, operator, x.path("/inventory-syncs"), object{"types": threeTypes}).want(t, http.StatusAccepted).into(t, &r)
	if r = x.done(t, r); r.Counts.Total != len(threeTypes) || r.Totals["policies"] != 3 {
		t.Fatalf("%v of %v, want the three policies of three types", r, r.Totals)
	}
	return x
}

func collectionOf(o object) string {
	kind, _ := o["@odata.type"].(string)
	switch {
	case strings.HasSuffix(kind, "CompliancePolicy"):
		return "deviceCompliancePolicies"
	case strings.HasSuffix(kind, "ConfigurationPolicy"):
		return "configurationPolicies"
	}
	return "deviceConfigurations"
}

// settingsCatalog makes a policy of so many settings.
func settingsCatalog(name string, settings int) object {
	list := make([]object, settings)
	for i := range list {
		list[i] = object{"id": fmt.Sprint(i), "settingInstance": object{
			"@odata.type":         "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
			"settingDefinitionId": fmt.Sprintf("device_vendor_msft_policy_config_%03d", i),
			"simpleSettingValue": object{
				"@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue", "value": i,
			},
		}}
	}
	return object{
		"@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy", "id": uuid.NewString(), "name": name,
		"description": "", "platforms": "windows10", "technologies": "mdm", "roleScopeTagIds": []string{"0"},
		"settingCount": settings, "settings": list, "createdDateTime": "2025-01-01T00:00:00Z", "lastModifiedDateTime": "2025-01-02T00:00:00Z",
	}
}

func deviceConfiguration(name string) object {
	return object{
		"@odata.type": "#microsoft.graph.windows10GeneralConfiguration", "id": uuid.NewString(), "displayName": name, "version": 1,
		"cameraBlocked": true, "createdDateTime": "2025-01-01T00:00:00Z", "lastModifiedDateTime": "2025-01-02T00:00:00Z",
	}
}

func compliance(name string) object {
	return object{
		"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "id": uuid.NewString(), "displayName": name, "version": 1,
		"passwordRequired": true, "createdDateTime": "2025-01-01T00:00:00Z", "lastModifiedDateTime": "2025-01-02T00:00:00Z",
	}
}

// counts are the outcomes of a run.
type counts struct{ Total, Succeeded, Failed, Skipped int }

// failure is why something failed.
type failure struct {
	Code, Sentence, Next, Severity, GraphCode, GraphRequestID string
	HTTPStatus                                                int
	Params                                                    map[string]string
}

// runView is a run as the API shows it.
type runView struct {
	ID, TenantID, Operation, Status, Sentence string
	Target                                    struct{ Kind, ID, Name, Type string }
	Initiator                                 struct{ UserID, Name string }
	Counts                                    counts
	Totals                                    map[string]int
	Waiting                                   *struct {
		Code  string
		Until *time.Time
	}
	Failure                          *failure
	CreatedAt, UpdatedAt, DeadlineAt time.Time
	StartedAt, FinishedAt            *time.Time
	Links                            struct{ Self, Items string }
	Reused                           *bool
	Reason                           string
	Related                          []struct{ ID, Kind string }
}

func (r runView) terminal() bool { return r.Status != "queued" && r.Status != "running" }

// by is the user who starts such runs in these tests.
func (r runView) by() string {
	if r.Operation == execute.name || r.Operation == rerun.name {
		return restorer
	}
	return operator
}

func (r runView) String() string {
	code := ""
	if r.Failure != nil {
		code = " " + r.Failure.Code
	}
	return fmt.Sprintf("%s %s %s%s %+v", r.Operation, r.ID, r.Status, code, r.Counts)
}

// item is what became of one item of a run.
type item struct {
	Key, Name, Type, Status, Code, Sentence, Next string
	NeedsAttention                                bool
	Failure                                       *failure
	Version                                       int
	Numbers                                       map[string]int
	Written                                       *struct {
		Action, PolicyID, GraphID string
		BeforeVersion, Writes     int
	}
	SupersededBy string
}

// threeTypes are the policy types that these tenants have policies of. All types
// take a while, because Microsoft lets one request a second through to Conditional
// Access.
var threeTypes = []string{"device-compliance-policy", "device-configuration", "settings-catalog-policy"}

// starting is a request that starts a run.
type starting struct {
	path string
	body any
	by   string // the user
}

// starting is how a run of the operation is started, of all types that these
// tenants have.
func (x *tenant) starting(t testing.TB, o operation) starting {
	t.Helper()
	types := object{"types": threeTypes}
	switch o {
	case connectionTest:
		return starting{x.path("/connection-tests"), types, operator}
	case inventorySync:
		return starting{x.path("/inventory-syncs"), types, operator}
	case backup:
		return starting{x.path("/backup-sets"), object{"name": "e2e backup", "selection": types}, operator}
	case addPolicies:
		set := x.newSet(t, object{"name": "e2e " + uuid.NewString(), "selection": types, "capture": false})
		return starting{x.path("/backup-sets/" + set.BackupSet.ID + "/items"), object{"selection": types}, operator}
	case preview:
		return starting{x.path("/backup-sets/" + x.planned(t).set + "/previews"), nil, operator}
	case execute:
		return starting{x.path("/restores"), x.applying(x.planned(t)), restorer}
	case rerun:
		first := x.done(t, x.start(t, execute))
		return starting{x.path("/runs/" + first.ID + "/reruns"), x.confirming(object{"which": "all"}), restorer}
	}
	policies := x.policies(t)
	if len(policies) == 0 {
		t.Fatal("the tenant has no policy to capture")
	}
	return starting{x.path("/policies/" + policies[0].ID + "/snapshots"), nil, operator}
}

// startings are how runs of the operations are started, all of them prepared.
func (x *tenant) startings(t testing.TB, of []operation) []starting {
	t.Helper()
	all := make([]starting, len(of))
	for i, o := range of {
		all[i] = x.starting(t, o)
	}
	return all
}

// startedRun is the run that the answer of a start names.
func startedRun(t testing.TB, a answer) runView {
	t.Helper()
	var withSet struct{ Run *runView }
	if a.into(t, &withSet); withSet.Run != nil {
		return *withSet.Run
	}
	var r runView
	a.into(t, &r)
	return r
}

// begin starts a run that was prepared.
func begin(t testing.TB, s starting) runView {
	t.Helper()
	return startedRun(t, post(t, s.by, s.path, s.body).want(t, http.StatusAccepted))
}

// start starts a run, as the weakest of those who may.
func (x *tenant) start(t testing.TB, o operation) runView {
	t.Helper()
	return begin(t, x.starting(t, o))
}

// startWith starts a run with an input, nil for none.
func (x *tenant) startWith(t testing.TB, o operation, input any) runView {
	t.Helper()
	return startedRun(t, post(t, operator, x.starting(t, o).path, input).want(t, http.StatusAccepted))
}

// setView is a backup set as the API shows it.
type setView struct {
	ID, Name, State, Sentence, LastRunID string
	Counts                               *struct{ Policies, Captured, Incomplete, Missing, Pending, Foundations int }
	ActiveRuns                           []string
	DeletedAt                            *time.Time
}

// madeSet is the answer of making a set.
type madeSet struct {
	BackupSet setView
	Run       *runView
}

// newSet makes a backup set as the operator.
func (x *tenant) newSet(t testing.TB, body object) madeSet {
	t.Helper()
	var made madeSet
	a := post(t, operator, x.path("/backup-sets"), body)
	if a.status != http.StatusCreated && a.status != http.StatusAccepted {
		t.Fatalf("making a set: %s", a)
	}
	a.into(t, &made)
	return made
}

// counted waits until the set was counted after its last run, and returns it.
func (x *tenant) counted(t testing.TB, id string) setView {
	t.Helper()
	var v setView
	await(t, "the set "+id+" to be counted", 30*time.Second, func() bool {
		v = setView{}
		get(t, viewer, x.path("/backup-sets/"+id)).want(t, http.StatusOK).into(t, &v)
		return len(v.ActiveRuns) == 0 && v.Counts != nil
	})
	return v
}

// setItem is a policy of a set.
type setItem struct {
	PolicyID, Name, Type, State, Code, Sentence, RunID string
	Version                                            int
	Foundation                                         bool
}

func (x *tenant) setItems(t testing.TB, id string) []setItem {
	t.Helper()
	return list[setItem](t, viewer, x.path("/backup-sets/"+id+"/items"))
}

// scheduleView is a schedule as the API shows it.
type scheduleView struct {
	ID, State   string
	Pause       *struct{ Code, Sentence string }
	NextAt      []time.Time
	Pending     bool
	LastFirings []firingView
}

// firingView is one time that a schedule was due.
type firingView struct {
	DueAt, At                                   time.Time
	Result, RunID, RunStatus, BackupSetID, Code string
}

// newSchedule makes a schedule as the owner.
func (x *tenant) newSchedule(t testing.TB, body object) scheduleView {
	t.Helper()
	var v scheduleView
	post(t, owner, x.path("/schedules"), body).want(t, http.StatusCreated).into(t, &v)
	return v
}

// captureOf starts the capture of one policy as the operator.
func (x *tenant) captureOf(t testing.TB, p policy) runView {
	t.Helper()
	var r runView
	post(t, operator, x.path("/policies/"+p.ID+"/snapshots"), nil).want(t, http.StatusAccepted).into(t, &r)
	return r
}

func (x *tenant) run(t testing.TB, id string) runView {
	t.Helper()
	var r runView
	get(t, viewer, x.path("/runs/"+id)).want(t, http.StatusOK).into(t, &r)
	return r
}

// ended waits until the run is terminal.
func (x *tenant) ended(t testing.TB, r runView) runView {
	t.Helper()
	return x.endedWithin(t, r, 60*time.Second)
}

func (x *tenant) endedWithin(t testing.TB, r runView, limit time.Duration) runView {
	t.Helper()
	await(t, "the end of "+r.Operation+" "+r.ID, limit, func() bool {
		r = x.run(t, r.ID)
		return r.terminal()
	})
	return r
}

// done waits until the run has succeeded.
func (x *tenant) done(t testing.TB, r runView) runView {
	t.Helper()
	r = x.ended(t, r)
	if r.Status != "succeeded" {
		t.Fatalf("the run is %v, want succeeded", r)
	}
	return r
}

// atWork waits until a worker holds the run.
func (x *tenant) atWork(t testing.TB, r runView) runView {
	t.Helper()
	await(t, "a worker for "+r.ID, 30*time.Second, func() bool {
		r = x.run(t, r.ID)
		return r.Status == "running"
	})
	return r
}

func (x *tenant) items(t testing.TB, r runView) []item {
	t.Helper()
	return list[item](t, viewer, x.path("/runs/"+r.ID+"/items"))
}

// consistent fails the test unless the counts are the sums of the outcomes.
func (x *tenant) consistent(t testing.TB, r runView) {
	t.Helper()
	var sum counts
	totals := map[string]int{}
	for _, i := range x.items(t, r) {
		switch i.Status {
		case "succeeded":
			sum.Succeeded++
		case "failed":
			sum.Failed++
		case "skipped":
			sum.Skipped++
		default:
			t.Errorf("item %s has the status %q", i.Key, i.Status)
		}
		for k, n := range i.Numbers {
			totals[k] += n
		}
	}
	sum.Total = r.Counts.Total
	if sum != r.Counts {
		t.Errorf("%v: the outcomes sum up to %+v", r, sum)
	}
	for k, n := range totals {
		if r.Totals[k] != n {
			t.Errorf("%v: total %s is %d, the outcomes sum up to %d", r, k, r.Totals[k], n)
		}
	}
}

// policy is a policy of the inventory.
type policy struct {
	ID, Type, GraphID, Name, State, LastChange, LastRunID string
	LatestVersion                                         int
	VanishedAt                                            *time.Time
}

func (x *tenant) policies(t testing.TB) []policy {
	t.Helper()
	return list[policy](t, viewer, x.path("/policies"))
}

func (x *tenant) policyNamed(t testing.TB, name string) policy {
	t.Helper()
	all := x.policies(t)
	i := slices.IndexFunc(all, func(p policy) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("the inventory has no policy %q: %v", name, all)
	}
	return all[i]
}

// version is a captured version.
type version struct {
	Number      int
	ContentHash string
	Complete    bool
	Notes       []struct{ Code, Sentence string }
	RunID       string
	Size        int64
	Content     json.RawMessage
	// What of the version can be written back.
	Restorability struct {
		Level, Reason string
		Assignments   bool
		Missing       []string
	}
}

func (x *tenant) versions(t testing.TB, p policy) []version {
	t.Helper()
	return list[version](t, viewer, x.path("/policies/"+p.ID+"/versions"))
}

// notification tells of one transition of one run.
type notification struct {
	ID, Kind, RunID, TenantID, Status, Title, Body, Code string
	At                                                   time.Time
	Read                                                 bool
}

// notifications are a user's about one run, oldest first.
func (x *tenant) notifications(t testing.TB, user string, r runView) []notification {
	t.Helper()
	all := list[notification](t, user, "/v1/notifications?tenant="+x.id)
	all = slices.DeleteFunc(all, func(n notification) bool { return n.RunID != r.ID })
	slices.Reverse(all)
	return all
}

// notified waits until the end of the run was notified to the user, and the run
// no longer waits for that to be confirmed.
func (x *tenant) notified(t testing.TB, user string, r runView) []notification {
	t.Helper()
	var all []notification
	await(t, "the notification of the end of "+r.ID, 30*time.Second, func() bool {
		all = x.notifications(t, user, r)
		return slices.ContainsFunc(all, func(n notification) bool { return n.Kind == "ended" })
	})
	await(t, "the notification of "+r.ID+" to be confirmed", 30*time.Second, func() bool {
		_, waits := runItem(t, r)["openShard"]
		return !waits
	})
	return all
}

// event is an audit event.
type event struct {
	At           time.Time
	Event, RunID string
	Status       string
	Actor        struct{ UserID, Name string }
	Details      map[string]string
	Objects      []struct{ Name, Action, Before, After string }
}

func (x *tenant) audit(t testing.TB) []event {
	t.Helper()
	return list[event](t, viewer, x.path("/audit-events"))
}

// planned is a preview that ended, and where it is read.
type planned struct {
	set, run, digest string
	document         string // of an item that is written
}

// planView is a plan as the API shows it.
type planView struct {
	Digest     string
	Applicable bool
	AppliedBy  *struct{ ID string }
	Counts     struct{ Create, Update, Delete, None, Blocked, Failed int }
	Items      []planItem
	TenantName string
	Deletes    bool
}

type planItem struct {
	Key, Name, Type, Action, Matched, Code, Sentence, Detail string
	Changes                                                  int
	Warnings                                                 []struct{ Code, Sentence string }
}

// plan reads the plan of a preview.
func (x *tenant) plan(t testing.TB, runID string) planView {
	t.Helper()
	var v planView
	get(t, viewer, x.path("/runs/"+runID+"/plan?pageSize=200")).want(t, http.StatusOK).into(t, &v)
	return v
}

// planned backs up the device configuration of a stocked tenant, changes it, and
// previews how it is restored.
func (x *tenant) planned(t testing.TB) planned {
	t.Helper()
	made := x.newSet(t, object{"name": "e2e " + uuid.NewString(), "selection": object{"types": []string{"device-configuration"}}})
	x.done(t, *made.Run)
	custom := x.policyNamed(t, "Custom")
	simulate(t, http.MethodPost, "/v1/tenants/"+x.graphID+"/objects/deviceConfigurations/"+custom.GraphID+"/touch", nil, nil)
	r := x.done(t, x.preview(t, made.BackupSet.ID))
	v := x.plan(t, r.ID)
	if !v.Applicable || v.Counts.Update != 1 {
		t.Fatalf("the plan is %+v", v)
	}
	return planned{made.BackupSet.ID, r.ID, v.Digest, v.Items[0].Detail[strings.LastIndexByte(v.Items[0].Detail, '/')+1:]}
}

// preview starts the preview of a set.
func (x *tenant) preview(t testing.TB, set string) runView {
	t.Helper()
	return begin(t, starting{x.path("/backup-sets/" + set + "/previews"), nil, operator})
}

// applying is the body that starts the live restore of a plan.
func (x *tenant) applying(p planned) object {
	return x.confirming(object{"planRunId": p.run, "planDigest": p.digest})
}

// confirming adds what a person gives before something is written.
func (x *tenant) confirming(body object) object {
	body["tenantName"], body["reason"] = x.name, "CHG0049120"
	return body
}
