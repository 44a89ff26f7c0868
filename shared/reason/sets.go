package reason

// SetFacts are what a backup set holds, for its sentence.
type SetFacts struct {
	Policies   int  // all items
	Captured   int  // whole
	Incomplete int  // captured in part
	Missing    int  // not captured, or not tried before the run ended
	Pending    int  // a run is still to try them
	Kept       int  // captured, of types that no restore writes back
	Filling    bool // a run fills the set
	Counted    bool // the figures are known
	// OtherTypes is how many policy types the tenant has objects of that the set does
	// not hold; below 0 when that was not looked at.
	OtherTypes int
}

// SetSentence says what was captured in a set, and what of it cannot be restored. A set is never
// called complete while something is missing or captured in part.
func SetSentence(f SetFacts) string {
	p := Params{}.Int(FieldTotal, f.Policies).Int(FieldSucceeded, f.Captured).Int(FieldFailed, f.Missing).
		Int(FieldItems, f.Incomplete).Int(FieldBlocked, f.Pending).Int(FieldUnsupported, f.Kept).Int(FieldTypes, max(f.OtherTypes, 0))
	switch {
	case f.Filling && !f.Counted:
		return "The policies of this set are being captured."
	case !f.Counted || f.Policies == 0:
		return "This set holds no policies."
	}
	text := "{succeeded} of {total policies} {=succeeded was/were} captured whole."
	switch {
	case f.Captured == f.Policies && f.Policies == 1:
		text = "The policy of this set was captured whole."
	case f.Captured == f.Policies:
		text = "All {total policies} were captured whole."
	}
	if f.Incomplete > 0 {
		text += " {items policies} {=items was/were} captured in part."
	}
	if f.Missing > 0 {
		text += " {failed policies} {=failed is/are} missing."
	}
	if f.Pending > 0 {
		text += " {blocked policies} {=blocked is/are} still to be captured."
	}
	if f.Kept > 0 {
		text += " {unsupported policies} {=unsupported is/are} kept and compared, not written back."
	}
	if f.OtherTypes > 0 {
		text += " {types types} of the tenant {=types is/are} not in this set."
	}
	return render(text, p)
}
