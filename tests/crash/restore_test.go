package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/graph"
	"tenantatlas/shared/operation"
	"tenantatlas/shared/run"
	"tenantatlas/shared/s3archive"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/tenantstate"
)

// What is backed up for a restore: a filter, a scope tag, a policy that refers to
// both, and two more. All but the device configuration are lost then; that one is
// changed, and its assignment taken away.
const (
	restoreFilter     = `{"id":"6a1f3a0e-0000-4000-8000-000000000001","displayName":"Berlin","platform":"windows10AndLater","rule":"(device.deviceName -startsWith \"BER\")","roleScopeTags":["0"]}`
	restoreCatalogID  = "6a1f3a0e-0000-4000-8000-000000000002"
	restoreConfigID   = "6a1f3a0e-0000-4000-8000-000000000003"
	restoreCompliance = `{"@odata.type":"#microsoft.graph.windows10CompliancePolicy","id":"6a1f3a0e-0000-4000-8000-000000000004","displayName":"Strict","version":1,"passwordRequired":true,
		"scheduledActionsForRule":[{"id":"6a1f3a0e-0000-4000-8000-000000000005","ruleName":"PasswordRequired","scheduledActionConfigurations":[
		{"id":"6a1f3a0e-0000-4000-8000-000000000006","actionType":"block","gracePeriodHours":0,"notificationTemplateId":"","notificationMessageCCList":[]}]}]}`
	restoreCatalog = `{"@odata.type":"#microsoft.graph.deviceManagementConfigurationPolicy","id":"` + restoreCatalogID + `","name":"Baseline","description":"","platforms":"windows10","technologies":"mdm",
		"roleScopeTagIds":["7"],"settingCount":1,"settings":[{"id":"0","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
		"settingDefinitionId":"device_vendor_msft_policy_config_000","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":1}}}]}`
	restoreConfig = `{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","id":"` + restoreConfigID + `","displayName":"Camera","version":1,"cameraBlocked":true}`
	restoreTarget = `{"target":{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget","deviceAndAppManagementAssignmentFilterId":"6a1f3a0e-0000-4000-8000-000000000001","deviceAndAppManagementAssignmentFilterType":"include"}}`
)

var restoreTypes = []string{catalog.TypeScopeTag, "assignment-filter", "device-compliance-policy", "device-configuration", "settings-catalog-policy"}

// permissions are all that any type needs, to read and to write.
func permissions() []string {
	all := catalog.ReadPermissions()
	for _, t := range catalog.All() {
		all = append(all, t.WritePermissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s scenario) restores() bool {
	return s.op == run.OpRestorePreview || s.op == run.OpRestoreExecute
}

// same reports whether a fault tells nothing that others do not. A restore makes so
// many calls that each kind of read is broken once, and a read that a worker died
// before is one that it died after. What a live restore changes is broken each time,
// but for its share of the rate limits, and the answers about records that the
// client of the table asks for again. Records are the same for each item: the first
// two of a kind are broken.
func (s scenario) same(at target, f fault) bool {
	reads := strings.Contains(at.call, " GET ") || strings.Contains(at.call, "GetItem") || strings.Contains(at.call, "Query")
	switch {
	case reads:
		return at.nth > 1 || f == killBefore
	case at.nth == 1 || strings.HasPrefix(at.call, "Graph "):
		return false
	case at.nth > 2:
		return true
	}
	return s.op == run.OpRestorePreview || strings.HasSuffix(at.call, " Rate") || f == loseAnswer
}

func (p *place) restoreTenant(ctx context.Context, n int) (tenantID, graphTenant string, err error) {
	graphTenant = fmt.Sprintf("%08d-aaaa-4bbb-8ccc-%012d", n, n)
	tenantID, err = p.tenantWith(ctx, graphsim.TenantSpec{ID: graphTenant, Objects: []graphsim.Object{
		{Collection: "assignmentFilters", JSON: json.RawMessage(restoreFilter)},
		{Collection: "roleScopeTags", JSON: json.RawMessage(scopeTag)},
		{Collection: "configurationPolicies", JSON: json.RawMessage(restoreCatalog)},
		{Collection: "deviceConfigurations", JSON: json.RawMessage(restoreConfig)},
		{Collection: "deviceCompliancePolicies", JSON: json.RawMessage(restoreCompliance)},
	}})
	if err != nil {
		return "", "", err
	}
	for collection, id := range map[string]string{"configurationPolicies": restoreCatalogID, "deviceConfigurations": restoreConfigID} {
		if err := p.sim.SetAssignments(graphTenant, collection, id, []json.RawMessage{json.RawMessage(restoreTarget)}); err != nil {
			return "", "", err
		}
	}
	return tenantID, graphTenant, nil
}

// damage loses and changes what was backed up.
func (c *trial) damage() error {
	var errs []error
	for collection, id := range map[string]string{
		"assignmentFilters": "6a1f3a0e-0000-4000-8000-000000000001", "roleScopeTags": "7", "configurationPolicies": restoreCatalogID,
		"deviceCompliancePolicies": "6a1f3a0e-0000-4000-8000-000000000004",
	} {
		errs = append(errs, c.sim.DeleteObject(c.graphTenant, collection, id))
	}
	return errors.Join(append(errs,
		c.sim.Touch(c.graphTenant, "deviceConfigurations", restoreConfigID),
		c.sim.SetAssignments(c.graphTenant, "deviceConfigurations", restoreConfigID, nil))...)
}

// prepareRestore backs the tenant up, damages it and, for a live restore, previews:
// with the product's own code, in this process.
func (c *trial) prepareRestore(ctx context.Context, req start.Request) (start.Request, error) {
	set := run.BackupSet{ID: run.IDSource{}.New(run.PrefixSet, time.Now()), Name: "Before 24H2"}
	backup := req
	backup.Operation, backup.Set, backup.Input = run.OpBackupSetCreate, &set, run.SetInput{Selection: run.Selection{Types: c.types}, Refresh: true}
	err := c.known(ctx, &c.intact)
	if err != nil {
		return req, err
	}
	if _, err = c.work(ctx, backup); err != nil {
		return req, err
	}
	if err = errors.Join(c.damage(), c.known(ctx, &c.damaged)); err != nil {
		return req, err
	}
	preview := req
	preview.Operation, preview.SetID, preview.Scope, preview.Input = run.OpRestorePreview, set.ID, set.ID, run.PreviewInput{SetID: set.ID}
	if c.op == run.OpRestorePreview {
		return preview, nil
	}
	plan, err := c.work(ctx, preview)
	if err != nil {
		return req, err
	}
	req.Lock, req.LinkTo, req.LinkKind, req.Reason = "restore.live", plan.ID, run.LinkApplied, "CHG0049120"
	req.Input = run.RestoreInput{PlanRunID: plan.ID, Digest: plan.PlanDigest}
	return req, nil
}

// known reads the tenant, if no trial has: it is the same for all.
func (c *trial) known(ctx context.Context, state *map[string]string) (err error) {
	if *state == nil {
		*state, err = c.state(ctx)
	}
	return err
}

// work does a run in this process.
func (c *trial) work(ctx context.Context, req start.Request) (run.Run, error) {
	r, err := c.start(ctx, req, lost{}, time.Now)
	if err != nil {
		return r, err
	}
	log := slog.New(slog.DiscardHandler)
	connector := &operation.Connector{
		Credentials: c.secrets, Endpoint: &graph.Endpoint{GraphURL: c.sim.URL, AuthorityURL: c.sim.URL}, Version: "test", Log: log, HTTPClient: c.sim.Client(),
	}
	deps := operation.Deps{
		Policies: c.store, Archive: s3archive.New(c.s3, bucket, s3archive.Options{}), Vault: c.vault, Sets: c.store, Schedules: c.store, Drifts: c.store, Runs: c.store, Records: c.store,
		Connect: connector.Connect, Now: time.Now, Log: log,
	}
	bind, err := deps.Bind(req.Operation)
	if err != nil {
		return r, err
	}
	e := &engine.Engine{
		Operation: req.Operation, Runs: c.store, Tenants: c.store, Schedules: c.store, Queue: lost{}, Bind: bind, Now: time.Now, Log: log,
		Owner: func() string { return run.IDSource{}.New("own_", time.Now()) },
	}
	if err := e.Handle(ctx, r.Dispatch()); err != nil {
		return r, err
	}
	if r, err = c.store.Run(ctx, c.tenant, r.ID); err == nil && r.Status != run.StatusSucceeded {
		err = fmt.Errorf("%s ended %s with %+v: %+v", r.Operation, r.Status, r.Counts, r.Failure)
	}
	return r, err
}

// state is what the simulated tenant holds.
func (c *trial) state(ctx context.Context) (map[string]string, error) {
	client := c.sim.Client()
	do := func(req *http.Request) ([]byte, error) {
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = res.Body.Close() }()
		data, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %d %s", req.URL, res.StatusCode, data)
		}
		return data, err
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {graphClient}, "client_secret": {clientSecret}, "scope": {"https://graph.microsoft.com/.default"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.sim.URL+"/"+c.graphTenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	raw, err := do(req)
	if err != nil {
		return nil, err
	}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(raw, &granted); err != nil {
		return nil, err
	}
	return tenantstate.Read(func(address string) ([]byte, error) {
		if !strings.HasPrefix(address, "https:") {
			address = c.sim.URL + "/beta/" + address
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+granted.AccessToken)
		return do(req)
	})
}

// isState compares the tenant with what it was.
func (c *trial) isState(ctx context.Context, want map[string]string) {
	got, err := c.state(ctx)
	if err != nil {
		c.problem("read the tenant: %v", err)
		return
	}
	for _, difference := range tenantstate.Differences(want, got) {
		c.problem("%s", difference)
	}
}

// outcomes are those of a run, in the order of its plan.
func (c *trial) outcomes(ctx context.Context, r run.Run) []run.Outcome {
	page, err := c.store.Outcomes(ctx, run.OutcomeQuery{TenantID: c.tenant, RunID: r.ID}, run.PageRequest{Limit: 200})
	if err != nil {
		c.problem("outcomes: %v", err)
	}
	return page.Items
}

// verifyPlan looks at a preview: it wrote nothing, and its digest is over what is
// stored.
func (c *trial) verifyPlan(ctx context.Context, r run.Run) {
	digest, err := run.ChainDigest("", c.outcomes(ctx, r))
	if err != nil || digest != r.PlanDigest || digest == "" {
		c.problem("the digest is %q, of what is stored %q, %v", r.PlanDigest, digest, err)
	}
	if want := map[string]int{"create": 4, "update": 1, "toWrite": 5}; !maps.Equal(r.Totals, want) {
		c.problem("the plan is of %v, want %v", r.Totals, want)
	}
	c.isState(ctx, c.damaged)
}

// verifyRestored looks at a live restore: the tenant is as it was backed up, with no
// object twice, and the trail and the records say of each object what was written.
func (c *trial) verifyRestored(ctx context.Context, r run.Run) {
	c.isState(ctx, c.intact)
	page, err := c.store.AuditEvents(ctx, run.AuditQuery{TenantID: c.tenant, RunID: r.ID, Events: []string{run.AuditObjectsWritten}, Now: time.Now()}, run.PageRequest{Limit: 200})
	if err != nil {
		c.problem("audit events: %v", err)
	}
	written := map[string]run.AuditObject{}
	for _, e := range page.Items {
		for _, o := range e.Objects {
			written[o.PolicyID] = o
		}
	}
	for _, o := range c.outcomes(ctx, r) {
		w := o.Written
		if w == nil || w.Steps == 0 || w.AfterHash == "" {
			c.problem("%s was written as %+v", o.Item.Name, w)
			continue
		}
		if told := written[w.PolicyID]; told.After != w.AfterHash || told.Before != w.BeforeHash || told.Action != w.Action {
			c.problem("the trail says of %s %+v, its outcome %+v", o.Item.Name, told, w)
		}
		p, err := c.store.Policy(ctx, c.tenant, w.PolicyID)
		switch {
		case err != nil || p.GraphID != w.GraphID:
			c.problem("record of %s: %+v, %v", o.Item.Name, p, err)
		case w.Action == run.PlanUpdate && (w.Before != 2 || p.LatestVersion != 2):
			c.problem("the state before of %s is version %d of %d", o.Item.Name, w.Before, p.LatestVersion)
		case w.Action == run.PlanCreate:
			if old, err := c.store.Policy(ctx, c.tenant, o.Item.Key); err != nil || old.Successor != w.GraphID {
				c.problem("the successor of %s is %q, want %q, %v", o.Item.Name, old.Successor, w.GraphID, err)
			}
		}
	}
	links, err := c.store.Links(ctx, c.tenant, c.planRun(r))
	if err != nil || len(links) != 1 || links[0].RunID != r.ID || links[0].Kind != run.LinkApplied {
		c.problem("the plan is linked to %+v, %v", links, err)
	}
}

func (c *trial) planRun(r run.Run) string {
	var in run.RestoreInput
	if err := json.Unmarshal(r.Input, &in); err != nil {
		c.problem("input: %v", err)
	}
	return in.PlanRunID
}
