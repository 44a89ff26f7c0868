package summary

import (
	"slices"
	"time"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// StaleAfter is how old the backup of a tenant may be: a day, and an hour within which
// the next one may still be under way.
const StaleAfter = run.CoverageTime + time.Hour

// needsFor is how long a run that did not succeed asks for a person. What matters
// longer shows in what it left undone.
const needsFor = 7 * 24 * time.Hour

// Need is something of a tenant that wants a person.
type Need struct {
	// Code is that of the connection's fault, or one of reason's codes of needs.
	Code     reason.Code
	Kind     NeedKind
	Severity reason.Severity
	Run      *run.Run // of a run that did not succeed
	RunID    string
	SetID    string
	Count    int // of how many policies it speaks
	Total    int // of so many
	Since    time.Time
}

// NeedKind is the part of a tenant that a need is about, the most urgent first.
type NeedKind string

// The kinds.
const (
	NeedConnection NeedKind = "connection"
	NeedRun        NeedKind = "run"
	NeedBackup     NeedKind = "backup"
	NeedDrift      NeedKind = "drift"
)

// shownRuns are the operations whose last run matters to the tenant and not only to
// who started it.
var shownRuns = []run.Operation{run.OpRestoreExecute, run.OpRestoreRerun, run.OpBackupSetCreate, run.OpBackupSetAdd, run.OpInventorySync, run.OpConnectionTest}

// Needs says what of a tenant wants a person, the most urgent first, from what a list
// reads of it.
func Needs(t run.Tenant, s run.Summary, now time.Time) []Need {
	var needs []Need
	if f := t.Connection; f != nil {
		needs = append(needs, Need{Code: reason.Code(f.Code), Kind: NeedConnection, Severity: reason.Error, RunID: f.RunID, Since: f.At})
	}
	for _, operation := range shownRuns {
		r, ok := s.Last[operation]
		if !ok || r.Status != run.StatusFailed && r.Status != run.StatusPartial || now.Sub(r.Ended()) > needsFor || superseded(t, s, r) {
			continue
		}
		n := Need{Code: reason.RunFailed, Kind: NeedRun, Severity: reason.Error, Run: &r, RunID: r.ID, SetID: setOf(r), Count: r.Counts.Failed, Total: r.Counts.Total, Since: r.Ended()}
		if r.Status == run.StatusPartial {
			n.Code, n.Severity = reason.RunPartial, reason.Warning
		}
		if operation == run.OpConnectionTest {
			n.Kind = NeedConnection
		}
		needs = append(needs, n)
	}
	needs = append(needs, backupNeeds(s, now)...)
	if s.DriftCounted && s.OpenDrift > 0 {
		needs = append(needs, Need{Code: reason.DriftOpen, Kind: NeedDrift, Severity: reason.Warning, Count: s.OpenDrift})
	}
	slices.SortStableFunc(needs, func(a, b Need) int { return rankOf(a) - rankOf(b) })
	return needs
}

func setOf(r run.Run) string {
	if r.Target.Kind == run.TargetBackupSet {
		return r.Target.ID
	}
	return ""
}

// superseded reports whether what a run left undone was made up for, or is said in
// another way.
func superseded(t run.Tenant, s run.Summary, r run.Run) bool {
	later := func(op run.Operation) bool {
		other, ok := s.Last[op]
		return ok && other.Status == run.StatusSucceeded && other.EndedAfter(r)
	}
	switch r.Operation {
	case run.OpRestoreExecute:
		return later(run.OpRestoreRerun)
	case run.OpRestoreRerun:
		return later(run.OpRestoreExecute)
	case run.OpBackupSetAdd:
		return later(run.OpBackupSetCreate)
	case run.OpConnectionTest:
		return t.Connection != nil && t.Connection.RunID == r.ID
	}
	return t.Connection != nil && r.Failure != nil && reason.ConnectionLost(reason.Code(r.Failure.Code))
}

// backupNeeds speak of tenants of which something is known to back up.
func backupNeeds(s run.Summary, now time.Time) []Need {
	last := LastBackup(s)
	switch {
	case last.IsZero() && s.Inventory == nil && len(s.Last) == 0:
		return nil // a new tenant is no fault
	case last.IsZero():
		return []Need{{Code: reason.NeverBackedUp, Kind: NeedBackup, Severity: reason.Warning}}
	case now.Sub(last) > StaleAfter:
		return []Need{{Code: reason.BackupStale, Kind: NeedBackup, Severity: reason.Warning, SetID: s.Backup.SetID, Since: last}}
	case s.Backup.Missing > 0 && !told(s):
		return []Need{{Code: reason.BackupIncomplete, Kind: NeedBackup, Severity: reason.Warning, SetID: s.Backup.SetID, Count: s.Backup.Missing, Total: s.Backup.Policies, Since: last}}
	}
	return nil
}

// told reports whether the last run that made a backup already speaks of what is
// missing in it.
func told(s run.Summary) bool {
	r, ok := s.Last[run.OpBackupSetCreate]
	return ok && r.Status == run.StatusPartial && setOf(r) == s.Backup.SetID
}

// LastBackup is when the backup was made that the tenant would be restored from; zero
// for none.
func LastBackup(s run.Summary) time.Time {
	if s.Backup == nil || s.Backup.SetID == "" {
		return time.Time{}
	}
	return s.Backup.CreatedAt
}

// Stale reports whether nothing was backed up within StaleAfter.
func Stale(s run.Summary, now time.Time) bool { return now.Sub(LastBackup(s)) > StaleAfter }

func rankOf(n Need) int {
	rank := 4 * slices.Index([]reason.Severity{reason.Error, reason.Warning, reason.Info}, n.Severity)
	return rank + slices.Index([]NeedKind{NeedConnection, NeedRun, NeedBackup, NeedDrift}, n.Kind)
}

// Rank sorts tenants by their worst need: a lower one is worse. Needs are as Needs
// returns them.
func Rank(needs []Need) int {
	if len(needs) == 0 {
		return 99
	}
	return rankOf(needs[0])
}
