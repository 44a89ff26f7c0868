package reason

import (
	"strconv"
	"strings"
)

// Kinds of notification are the statuses of a run, and those below for what
// happens outside a run. Operations and statuses are plain strings here, spelled
// as the domain spells them; an unknown one gets a general text.

// operationWords are the words of one operation.
type operationWords struct {
	title   string // as the start of a sentence
	queued  string // titles; queued and running are stored as read
	running string
	done    string // all succeeded
	partial string
	failed  string
	verb    string // of a status line: "Capturing"
	past    string // "Captured"
	noun    string // what is counted
}

var operations = map[string]operationWords{
	"connection.test": {
		title: "Connection test", queued: "Connection test of {tenant} queued", running: "Connection test of {tenant} started",
		done: "The connection of {tenant} works", partial: "The connection of {tenant} works in part",
		failed: "Connection test of {tenant} failed", verb: "Checking", past: "Checked", noun: "items",
	},
	"inventory.sync": {
		title: "Sync", queued: "Sync queued", running: "Sync started",
		done:    "Synced {policies policies}: {added|0} new, {changed|0} changed, {gone|0} gone",
		partial: "Synced with gaps: {failed types|some types} could not be listed",
		failed:  "Sync failed", verb: "Syncing", past: "Synced", noun: "types",
	},
	"policy.capture_snapshot": {
		title: "Capture", queued: `Capture of {"name} queued`, running: `Capture of {"name} started`,
		done: `Captured {"name}`, partial: `Captured {"name} in part`,
		failed: `Capture of {"name} failed`, verb: "Capturing", past: "Captured", noun: "policies",
	},
	"backup_set.create": {
		title: "Backup", queued: `Backup {"set|of policies} queued`, running: `Backup {"set|of policies} started`,
		done:    `Backup {"set|of policies} is complete: {total policies}`,
		partial: `Backup {"set|of policies} is incomplete: {succeeded|some} of {total|them} captured, {failed|some} missing`,
		failed:  `Backup {"set|of policies} failed`, verb: "Capturing", past: "Captured", noun: "policies",
	},
	"backup_set.add_policies": {
		title: "Adding to the backup set", queued: `Adding {total policies} to {"set} queued`,
		running: `Adding {total policies} to {"set} started`, done: `Added {total policies} to {"set}`,
		partial: `Added {succeeded|some} of {total policies} to {"set}`, failed: `Adding to {"set} failed`,
		verb: "Adding", past: "Added", noun: "policies",
	},
	"restore.preview": {
		title: "Preview", queued: `Preview of {"set} queued`, running: `Preview of {"set} started`,
		done:    "Preview ready: {toWrite items} would be written, {blocked|0} blocked",
		partial: "Preview ready with gaps: {failed items|some items} could not be compared",
		failed:  "Preview failed", verb: "Comparing", past: "Compared", noun: "items",
	},
	"restore.execute": {
		title: "Live restore", queued: "Live restore into {tenant} queued", running: "Live restore into {tenant} started",
		done:    "Restored {total items} into {tenant}",
		partial: "Restored {succeeded|some} of {total items}: {failed|some} failed, {skipped|0} skipped",
		failed:  "Live restore failed", verb: "Restoring", past: "Restored", noun: "items",
	},
	"restore.rerun": {
		title: "Re-run", queued: "Re-run queued", running: "Re-run started", done: "Re-run restored {total items}",
		partial: "Re-run restored {succeeded|some} of {total items}: {failed|some} failed",
		failed:  "Re-run failed", verb: "Restoring", past: "Restored", noun: "items",
	},
}

// capturedMany are the words of a capture of several policies.
var capturedMany = operationWords{
	title: "Capture", queued: "Capture of policies queued", running: "Capture of policies started",
	done:    "Captured {total policies}",
	partial: "Captured {succeeded|some} of {total policies}: {failed|some} failed",
	failed:  "Capture of policies failed", verb: "Capturing", past: "Captured", noun: "policies",
}

var generalWords = operationWords{
	title: "Run", queued: "Run queued", running: "Run started", done: "Run ended: {total items}",
	partial: "Run ended with gaps: {failed items|some items} failed", failed: "Run failed",
	verb: "Working on", past: "Worked on", noun: "items",
}

func words(operation string) operationWords {
	if w, ok := operations[operation]; ok {
		return w
	}
	return generalWords
}

// OperationTitle returns the name of an operation as the start of a sentence.
func OperationTitle(operation string) string { return words(operation).title }

// NotificationTitle is the one line of a notification. kind is the status of
// the run: queued, running, succeeded, partial, failed or canceled. Params give
// the counts (total, succeeded, failed, skipped, done), the names (tenant, set,
// name), and per operation: sync policies, added, changed and gone; capture version and
// unchanged; preview toWrite and blocked; restores written.
func NotificationTitle(operation, kind string, params Params) string {
	w, p := words(operation), params.Clean()
	total, known := p.number(FieldTotal)
	one := operation == "policy.capture_snapshot" && p[string(FieldName)] != ""
	if operation == "policy.capture_snapshot" && !one {
		w = capturedMany
	}
	switch kind {
	case "queued":
		return render(w.queued, p)
	case "running":
		return render(w.running, p)
	case "succeeded":
		if one {
			if n, ok := p.number(FieldUnchanged); ok && n > 0 {
				return render(`{"name} is unchanged`, p)
			}
			if _, ok := p.number(FieldVersion); ok {
				return render(w.done+", version {version}", p)
			}
		}
		if known && total == 0 && operation != "connection.test" && operation != "restore.preview" {
			return "Nothing to do"
		}
		return render(w.done, p)
	case "partial":
		return render(w.partial, p)
	case "failed":
		title := render(w.failed, p)
		if n, ok := p.number(FieldWritten); ok && restores(operation) {
			if n == 0 {
				return title + ": nothing was written"
			}
			return title + ": " + render("{written items} {=written was/were} written before", p)
		}
		return title
	case "canceled":
		return w.title + " canceled"
	}
	return w.title
}

// NotificationBody is the text below the title. Failed runs say why and what to
// do next, canceled ones how far they came; every body ends with the tenant and
// the duration (FieldTenant, FieldDuration) as far as they are known.
func NotificationBody(operation, kind string, c Code, params Params) string {
	p := params.Clean()
	if p == nil {
		p = Params{}
	}
	p.Set(FieldOperation, operation)
	var parts []string
	switch kind {
	case "failed":
		if c != "" {
			parts = append(parts, Text(c, ScopeRun, p))
		}
	case "canceled":
		if _, ok := p.number(FieldDone); ok {
			parts = append(parts, render("{done} of {total items} were done.", p))
		}
	}
	var tail []string
	if name := p[string(FieldTenant)]; name != "" {
		tail = append(tail, name)
	}
	if n, ok := p.number(FieldDuration); ok && kind != "queued" && kind != "running" {
		tail = append(tail, formatDuration(seconds(n)))
	}
	if len(tail) > 0 {
		parts = append(parts, strings.Join(tail, ", "))
	}
	return strings.Join(parts, " ")
}

// DriftTitle tells that policies changed outside TenantAtlas.
func DriftTitle(policies int, tenant string) string {
	return render("{changed policies} changed in {tenant}", Params{}.Int(FieldChanged, policies).Set(FieldTenant, tenant))
}

// DriftBody is the text below that title.
func DriftBody(tenant string) string {
	return render("{tenant|The tenant} differs from the backup of the schedule before. Compare, restore, or mark as expected.", Params{}.Set(FieldTenant, tenant))
}

// ExpiryTitle warns of a credential that expires soon. credential is "secret"
// or "certificate".
func ExpiryTitle(credential, tenant string, days int) string {
	return render("The {credential} of {tenant} expires in {days days}",
		Params{}.Set(FieldCredential, credential).Set(FieldTenant, tenant).Set(FieldDays, strconv.Itoa(days)))
}
