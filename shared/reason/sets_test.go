package reason

import "testing"

// A set never passes for complete while something is missing, in part, or not known.
func TestSetSentence(t *testing.T) {
	for want, f := range map[string]SetFacts{
		"The policies of this set are being captured.": {Filling: true, OtherTypes: -1},
		"This set holds no policies.":                  {Counted: true, OtherTypes: -1},
		"All 58 policies were captured whole.":         {Counted: true, Policies: 58, Captured: 58, OtherTypes: -1},
		"The policy of this set was captured whole.":   {Counted: true, Policies: 1, Captured: 1, OtherTypes: -1},
		"56 of 58 policies were captured whole. 2 policies are missing. 3 policies are kept and compared, not written back. 14 types of the tenant are not in this set.": {
			Counted: true, Policies: 58, Captured: 56, Missing: 2, Kept: 3, OtherTypes: 14,
		},
		"1 of 4 policies was captured whole. 1 policy was captured in part. 1 policy is missing. 1 policy is still to be captured. 1 type of the tenant is not in this set.": {
			Counted: true, Filling: true, Policies: 4, Captured: 1, Incomplete: 1, Missing: 1, Pending: 1, OtherTypes: 1,
		},
	} {
		if got := SetSentence(f); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}

func TestDriftWords(t *testing.T) {
	if got := DriftTitle(1, "Contoso"); got != "1 policy changed in Contoso" {
		t.Error(got)
	}
	if got := DriftBody("Contoso"); got != "Contoso differs from the backup of the schedule before. Compare, restore, or mark as expected." {
		t.Error(got)
	}
}
