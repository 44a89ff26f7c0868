package reason

import (
	"strings"
	"testing"
	"time"
)

func TestSentences(t *testing.T) {
	p := func() Params { return Params{}.Set(FieldTenant, "Contoso") }
	for _, tt := range []struct {
		code  Code
		scope Scope
		p     Params
		want  string
	}{
		{DispatchFailed, ScopeRun, p(), "The run could not be handed to a worker. Nothing was read or changed in Contoso."},
		{DispatchFailed, ScopeRun, nil, "The run could not be handed to a worker. Nothing was read or changed in the tenant."},
		{Stuck, ScopeRun, p().Int(FieldAttempts, 1), "The run stopped making progress and was ended after 1 attempt. Finished items are kept."},
		{DeadlineExceeded, ScopeRun, p().Duration(FieldDuration, 12*time.Hour).Int(FieldDone, 3).Int(FieldTotal, 40),
			"The run was not finished after 12 h and was ended. 3 of 40 items are done."},
		{PermissionRevoked, ScopeRun, p().Set(FieldUser, "Ada").Set(FieldRole, "operator"), "Ada no longer has the role operator in Contoso, so the run was ended."},
		{PermissionRevoked, ScopeRun, p(), "A user no longer has the role needed in Contoso, so the run was ended."},
		{CredentialExpired, ScopeRun, p().Set(FieldCredential, "certificate"), "The certificate of Contoso has expired."},
		{CredentialExpired, ScopeRun, p(), "The credential of Contoso has expired."},
		{CredentialExpired, ScopeRun, p().Set(FieldCredential, "hunter2"), "The credential of Contoso has expired."},
		{WrongCloud, ScopeRun, nil, "The tenant is in another Microsoft cloud than the one set here."},
		{AllItemsFailed, ScopeRun, p().Int(FieldTotal, 2), "None of the 2 items succeeded."},
		{TooLarge, ScopeItem, p().Int(FieldSize, 25<<20), "The policy is larger than 25 MB and was not stored."},
		{ValidationRejected, ScopeItem, nil, "Microsoft refused the content. This step changed nothing."},
		{VersionOld, ScopeWarning, Params{}.Int(FieldItems, 1), "1 version is older than 90 days."},
		{VersionOld, ScopeWarning, Params{}.Int(FieldItems, 3), "3 versions are older than 90 days."},
		{CAEnabled, ScopeWarning, Params{}.Int(FieldItems, 1), "1 Conditional Access policy will be switched on."},
		{ConflictActiveRun, ScopeProblem, Params{}.Set(FieldOperation, "restore.preview"), "Preview is already running with another selection."},
		{RateLimited, ScopeProblem, Params{}.Int(FieldSeconds, 7), "Too many requests."},
		{"new_code", ScopeRun, nil, "This ended with a reason that this console does not know yet (new_code)."},
		{"<b>", ScopeRun, nil, "This ended with a reason that this console does not know yet."},
		// What was written is said wherever it is known.
		{GraphUnavailable, ScopeItem, Params{}.Set(FieldWrite, "unknown"), "Microsoft Graph did not answer before the time limit. It is not known whether it was written."},
		{GraphUnavailable, ScopeItem, nil, "Microsoft Graph did not answer before the time limit."},
		{Stuck, ScopeRun, p().Int(FieldAttempts, 2).Set(FieldOperation, "restore.execute").Int(FieldWritten, 0),
			"The run stopped making progress and was ended after 2 attempts. Finished items are kept. Nothing was written to Contoso."},
		{Canceled, ScopeRun, p().Set(FieldUser, "Ada").Int(FieldDone, 2).Int(FieldTotal, 9).Set(FieldOperation, "restore.rerun").Int(FieldWritten, 1),
			"Ada canceled the run after 2 of 9 items. The others were not touched. 1 item was written before that; the run lists it."},
		{Stuck, ScopeRun, p().Set(FieldOperation, "inventory.sync").Int(FieldWritten, 4),
			"The run stopped making progress and was ended after several attempts. Finished items are kept."},
	} {
		if got := Sentence(tt.code, tt.scope, tt.p); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.code, got, tt.want)
		}
	}
	if got := Next(RateLimited, ScopeProblem, Params{}.Int(FieldSeconds, 1)); got != "Try again in 1 second." {
		t.Errorf("next: %q", got)
	}
}

// A name is data: braces in it are not placeholders, and it cannot break the
// line or turn the text around it.
func TestNamesAreData(t *testing.T) {
	got := Sentence(TenantBlocked, ScopeRun, Params{"tenant": "{user}{=n a/b}\u202Etxt\r\nSet-Cookie: x", "user": "Ada"})
	want := "Microsoft has blocked {user}{=n a/b}txt  Set-Cookie: x, for example after inactivity."
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	long := strings.Repeat("é", 5000)
	if got := ClipName(long); len([]rune(got)) != MaxNameRunes || !strings.HasSuffix(got, "é…") {
		t.Errorf("clipped to %d characters", len([]rune(got)))
	}
	if got := ClipName("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

func TestNotificationTitles(t *testing.T) {
	base := func() Params {
		return Params{}.Set(FieldTenant, "Contoso").Set(FieldSet, "Weekly").Set(FieldName, "BitLocker")
	}
	for _, tt := range []struct {
		op, kind string
		p        Params
		want     string
	}{
		{"inventory.sync", "queued", base(), "Sync queued"},
		{"inventory.sync", "succeeded", base().Int(FieldPolicies, 340).Int(FieldAdded, 2).Int(FieldChanged, 1).Int(FieldGone, 0), "Synced 340 policies: 2 new, 1 changed, 0 gone"},
		{"inventory.sync", "partial", base().Int(FieldFailed, 1), "Synced with gaps: 1 type could not be listed"},
		{"policy.capture_snapshot", "queued", base(), `Capture of "BitLocker" queued`},
		{"policy.capture_snapshot", "succeeded", base().Int(FieldVersion, 3), `Captured "BitLocker", version 3`},
		{"policy.capture_snapshot", "succeeded", base().Int(FieldVersion, 3).Int(FieldUnchanged, 1), `"BitLocker" is unchanged`},
		{"policy.capture_snapshot", "failed", nil, "Capture of policies failed"},
		{"policy.capture_snapshot", "queued", Params{}.Set(FieldTenant, "Contoso"), "Capture of policies queued"},
		{"policy.capture_snapshot", "succeeded", Params{}.Int(FieldTotal, 12).Int(FieldUnchanged, 12), "Captured 12 policies"},
		{"policy.capture_snapshot", "partial", Params{}.Int(FieldTotal, 12).Int(FieldSucceeded, 11).Int(FieldFailed, 1), "Captured 11 of 12 policies: 1 failed"},
		{"backup_set.create", "succeeded", base().Int(FieldTotal, 1), `Backup "Weekly" is complete: 1 policy`},
		{"backup_set.create", "partial", base().Int(FieldTotal, 9).Int(FieldSucceeded, 7).Int(FieldFailed, 2), `Backup "Weekly" is incomplete: 7 of 9 captured, 2 missing`},
		{"backup_set.create", "succeeded", base().Int(FieldTotal, 0), "Nothing to do"},
		{"backup_set.add_policies", "partial", base().Int(FieldTotal, 4).Int(FieldSucceeded, 3), `Added 3 of 4 policies to "Weekly"`},
		{"restore.preview", "succeeded", base().Int(FieldToWrite, 12).Int(FieldBlocked, 2), "Preview ready: 12 items would be written, 2 blocked"},
		{"restore.execute", "running", base(), "Live restore into Contoso started"},
		{"restore.execute", "partial", base().Int(FieldTotal, 42).Int(FieldSucceeded, 38).Int(FieldFailed, 2).Int(FieldSkipped, 2), "Restored 38 of 42 items: 2 failed, 2 skipped"},
		{"restore.execute", "failed", base().Int(FieldWritten, 0), "Live restore failed: nothing was written"},
		{"restore.rerun", "failed", base().Int(FieldWritten, 1), "Re-run failed: 1 item was written before"},
		{"restore.execute", "canceled", base(), "Live restore canceled"},
		{"connection.test", "succeeded", base(), "The connection of Contoso works"},
		{"something.new", "failed", base(), "Run failed"},
	} {
		if got := NotificationTitle(tt.op, tt.kind, tt.p); got != tt.want {
			t.Errorf("%s %s\n got %q\nwant %q", tt.op, tt.kind, got, tt.want)
		}
	}
	if got, want := NotificationBody("restore.execute", "failed", ConsentMissing, base().Duration(FieldDuration, 72*time.Second).Int(FieldWritten, 0)),
		"The application does not have the permission it needs in Contoso. Nothing was written to Contoso. A Global Administrator must grant it again; see Connection. Contoso, 1 min 12 s"; got != want {
		t.Errorf("body\n got %q\nwant %q", got, want)
	}
	if got, want := NotificationBody("backup_set.create", "canceled", Canceled, base().Int(FieldDone, 3).Int(FieldTotal, 9)), "3 of 9 items were done. Contoso"; got != want {
		t.Errorf("body\n got %q\nwant %q", got, want)
	}
	if got := ExpiryTitle("secret", "Contoso", 1); got != "The secret of Contoso expires in 1 day" {
		t.Error(got)
	}
	if got := DriftTitle(7, "Contoso"); got != "7 policies changed in Contoso" {
		t.Error(got)
	}
}

func TestStatusSentences(t *testing.T) {
	t0 := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	backup := func(status string, f func(*Progress)) Progress {
		p := Progress{Operation: "backup_set.create", Status: status, Planned: true, Total: 340, Now: t0, CreatedAt: t0, StartedAt: t0, Tenant: "Contoso"}
		if f != nil {
			f(&p)
		}
		return p
	}
	for name, tt := range map[string]struct {
		p    Progress
		want string
	}{
		"queued":      {backup("queued", nil), "Waiting to start."},
		"queued long": {backup("queued", func(p *Progress) { p.Now = t0.Add(90 * time.Second) }), "Starting takes longer than usual; it will be sent again."},
		"planning":    {backup("running", func(p *Progress) { p.Planned = false; p.Found = 42 }), "Listing policies, 42 found so far."},
		"running": {backup("running", func(p *Progress) { p.Succeeded = 120; p.Now = t0.Add(66 * time.Second) }),
			"Capturing 120 of 340 policies, about 2 minutes left."},
		"too early": {backup("running", func(p *Progress) { p.Succeeded = 30; p.Now = t0.Add(time.Minute) }), "Capturing 30 of 340 policies."},
		"long": {backup("running", func(p *Progress) { p.Succeeded = 40; p.Now = t0.Add(time.Hour) }),
			"Capturing 40 of 340 policies, more than an hour left."},
		"soon": {backup("running", func(p *Progress) { p.Succeeded = 339; p.Now = t0.Add(time.Minute) }),
			"Capturing 339 of 340 policies, less than a minute left."},
		"waiting": {backup("running", func(p *Progress) {
			p.Succeeded, p.WaitCode, p.WaitUntil = 120, GraphThrottled, t0.Add(42*time.Minute)
		}), "Waiting for Microsoft Graph until 10:42 UTC. 120 of 340 policies captured."},
		"waiting into tomorrow": {backup("running", func(p *Progress) { p.Planned, p.WaitCode, p.WaitUntil = false, GraphThrottled, t0.Add(15*time.Hour) }),
			"Waiting for Microsoft Graph until 2026-03-05 01:00 UTC."},
		"no answer": {backup("running", func(p *Progress) { p.WaitCode, p.Deadline = GraphUnavailable, t0.Add(time.Hour) }),
			"Microsoft Graph does not answer. Trying again by itself until 11:00 UTC."},
		"own limit":  {backup("running", func(p *Progress) { p.WaitCode = CodeOwnLimit }), "Waiting for other runs of Contoso."},
		"recovering": {backup("running", func(p *Progress) { p.Succeeded = 120; p.Recovering = true }), "A worker stopped. The run continues from item 121."},
		"canceling":  {backup("running", func(p *Progress) { p.Canceling = true }), "Stopping after the items in progress."},
		"succeeded": {backup("succeeded", func(p *Progress) { p.Succeeded = 340; p.FinishedAt = t0.Add(252 * time.Second) }),
			"Captured 340 policies in 4 min 12 s."},
		"partial": {backup("partial", func(p *Progress) { p.Succeeded = 338; p.Failed = 2 }), "Captured 338 of 340 policies. 2 failed."},
		"restore": {Progress{Operation: "restore.execute", Status: "partial", Total: 42, Succeeded: 38, Failed: 2, Skipped: 2},
			"Restored 38 of 42 items. 2 failed, 2 skipped."},
		"one": {Progress{Operation: "policy.capture_snapshot", Status: "succeeded", Total: 1, Succeeded: 1, ItemName: "BitLocker"},
			`Captured "BitLocker".`},
		"unchanged": {Progress{Operation: "policy.capture_snapshot", Status: "succeeded", Total: 1, Succeeded: 1, ItemName: "BitLocker", Params: Params{}.Int(FieldUnchanged, 1)},
			`"BitLocker" is unchanged.`},
		"synced": {Progress{Operation: "inventory.sync", Status: "succeeded", Total: 3, Succeeded: 3, Params: Params{}.Int(FieldTotal, 3).Int(FieldPolicies, 12).Int(FieldAdded, 2).Int(FieldChanged, 1).Int(FieldGone, 0)},
			"Synced 12 policies: 2 new, 1 changed, 0 gone."},
		"many": {Progress{Operation: "policy.capture_snapshot", Status: "partial", Planned: true, Total: 12, Succeeded: 11, Failed: 1}, "Captured 11 of 12 policies. 1 failed."},
		"one failed for its own reason": {Progress{Operation: "policy.capture_snapshot", Status: "failed", Total: 1, Failed: 1, ItemName: "BitLocker", Tenant: "Contoso", Code: NotFoundInTenant},
			"The policy no longer exists in Contoso. Earlier versions are kept and can be restored."},
		"one running": {Progress{Operation: "policy.capture_snapshot", Status: "running", Planned: true, Total: 1, ItemName: `A "b" 100%`},
			`Capturing "A "b" 100%".`},
		"failed":  {backup("failed", func(p *Progress) { p.Code = CredentialExpired }), "The credential of Contoso has expired."},
		"empty":   {Progress{Operation: "backup_set.create", Status: "succeeded"}, "Nothing to do."},
		"unknown": {Progress{Status: "paused"}, "This ended with a reason that this console does not know yet (paused)."},
	} {
		if got := StatusSentence(tt.p); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", name, got, tt.want)
		}
	}
}
