package reason

// Codes of what wants a person, beside those of lost connections. They stand in
// overviews alone, and so not in the catalogue.
const (
	RunFailed        Code = "run_failed"
	RunPartial       Code = "run_partial"
	NeverBackedUp    Code = "never_backed_up"
	BackupStale      Code = "backup_stale"
	BackupIncomplete Code = "backup_incomplete"
	DriftOpen        Code = "drift_open"
)

// NeedSentence says what wants a person. A lost connection is said by its own code, and
// a run by its status. count is how many policies it is about, of so many in all.
func NeedSentence(c Code, count, total int) string {
	p := Params{}.Int(FieldFailed, count).Int(FieldTotal, total)
	switch c {
	case NeverBackedUp:
		return "Nothing was backed up yet."
	case BackupStale:
		return "Nothing was backed up in the last 24 hours."
	case BackupIncomplete:
		return render("{failed} of {total policies} {=failed is/are} missing in the last backup.", p)
	case DriftOpen:
		return render("{failed policies} changed and {=failed is/are} not marked as expected.", p)
	}
	return unknown(c)
}
