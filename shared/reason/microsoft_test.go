package reason

import "testing"

// TestFromEntra has a line for every AADSTS number of the mapping.
func TestFromEntra(t *testing.T) {
	for _, tt := range []struct {
		codes  []int
		status int
		text   string
		want   Code
		action Action
	}{
		{[]int{7000215}, 401, "", CredentialInvalid, ActionNone},
		{[]int{7000216}, 401, "", CredentialInvalid, ActionNone},
		{[]int{7000218}, 401, "", CredentialInvalid, ActionNone},
		{[]int{7000214}, 400, "", CredentialInvalid, ActionNone},
		{[]int{700027}, 401, "", CredentialInvalid, ActionNone},
		{[]int{700027}, 401, "AADSTS700027: The Key used is EXPIRED.", CredentialExpired, ActionNone},
		{[]int{7000215}, 401, "the key used is expired", CredentialInvalid, ActionNone},
		{[]int{7000222}, 401, "", CredentialExpired, ActionNone},
		{[]int{700024}, 401, "", CredentialInvalid, ActionAlert},
		{[]int{700016}, 400, "", AppNotFound, ActionNone},
		{[]int{7000229}, 400, "", AppNotFound, ActionNone},
		{[]int{500011}, 400, "", AppNotFound, ActionNone},
		{[]int{7000112}, 400, "", AppDisabled, ActionNone},
		{[]int{65001}, 400, "", ConsentMissing, ActionNone},
		{[]int{53003}, 400, "", BlockedByPolicy, ActionNone},
		{[]int{90002}, 400, "", TenantNotFound, ActionNone},
		{[]int{900023}, 400, "", TenantNotFound, ActionNone},
		{[]int{5000225}, 400, "", TenantBlocked, ActionNone},
		{[]int{900382}, 400, "", WrongCloud, ActionNone},
		{[]int{900432}, 400, "", WrongCloud, ActionNone},
		{[]int{90038}, 400, "", WrongCloud, ActionNone},
		{[]int{70011}, 400, "", Internal, ActionAlert},
		{[]int{90055}, 400, "", GraphThrottled, ActionWait},
		{nil, 429, "", GraphThrottled, ActionWait},
		{nil, 500, "", GraphUnavailable, ActionRetry},
		{[]int{7000215}, 503, "", GraphUnavailable, ActionRetry}, // status decides first
		{nil, 0, "", GraphUnavailable, ActionRetry},
		{[]int{424242}, 400, "", CredentialInvalid, ActionNone},
		{[]int{424242, 7000222}, 401, "", CredentialExpired, ActionNone},
		{nil, 400, "", CredentialInvalid, ActionNone},
	} {
		if got := FromEntra(tt.codes, tt.status, tt.text); got != tt.want {
			t.Errorf("%v %d %q: %s, want %s", tt.codes, tt.status, tt.text, got, tt.want)
		}
		if got := EntraAction(tt.codes, tt.status); got != tt.action {
			t.Errorf("%v %d: action %q, want %q", tt.codes, tt.status, got, tt.action)
		}
	}
}

// TestFromGraph has a line for every Graph row of the mapping.
func TestFromGraph(t *testing.T) {
	for _, tt := range []struct {
		name   string
		f      GraphFault
		want   Code
		action Action
	}{
		{"identity not found", GraphFault{HTTPStatus: 403, Codes: []string{"Authorization_IdentityNotFound"}}, AppNotFound, ActionNone},
		{"request denied", GraphFault{HTTPStatus: 403, Codes: []string{"Authorization_RequestDenied"}}, ConsentMissing, ActionNone},
		{"not authorized", GraphFault{HTTPStatus: 403, Codes: []string{"Forbidden"}, Message: "Application is not authorized to perform this operation."}, ConsentMissing, ActionNone},
		{"token", GraphFault{HTTPStatus: 401, Codes: []string{"InvalidAuthenticationToken"}}, CredentialInvalid, ActionNewToken},
		{"401 wrapping forbidden", GraphFault{HTTPStatus: 401, Codes: []string{"UnknownError", "Forbidden"}}, ConsentMissing, ActionNone},
		{"403 wrapping forbidden", GraphFault{HTTPStatus: 403, Codes: []string{"UnknownError", "Forbidden"}}, ConsentMissing, ActionNone},
		{"secret", GraphFault{HTTPStatus: 403, Codes: []string{"Forbidden"}, Doing: ReadSecret}, UnreadablePart, ActionNone},
		{"model", GraphFault{HTTPStatus: 400, Codes: []string{"ModelValidationFailure"}, Doing: Create}, ValidationRejected, ActionNone},
		{"bad request", GraphFault{HTTPStatus: 400, Codes: []string{"BadRequest"}, Doing: Create}, ValidationRejected, ActionNone},
		{"not supported", GraphFault{HTTPStatus: 400, Codes: []string{"NotSupported"}, Doing: Update}, ValidationRejected, ActionNone},
		{"segment", GraphFault{HTTPStatus: 400, Codes: []string{"BadRequest"}, Message: "Resource not found for the segment 'x'."}, Internal, ActionAlert},
		{"route text", GraphFault{HTTPStatus: 400, Message: "No OData route exists that match template"}, Internal, ActionAlert},
		{"route code", GraphFault{HTTPStatus: 400, Codes: []string{"No method match route template"}}, Internal, ActionAlert},
		{"secret reference", GraphFault{HTTPStatus: 400, Codes: []string{"NotSupported"}, Message: "SecretReferenceValueId invalid for create.", Doing: Create}, Internal, ActionAlert},
		{"template", GraphFault{HTTPStatus: 400, Message: "Invalid Reference id found in Policy created from Template 1_2", Doing: Create}, TemplateNotAvailable, ActionNone},
		{"filter on assign", GraphFault{HTTPStatus: 400, Message: "Scope Tags validation failed : Filters X , Validated filters", Doing: Assign}, UnresolvedFilter, ActionNone},
		{"tag", GraphFault{HTTPStatus: 400, Message: "Added a tag which is not allowed", Doing: Update}, ScopeDenied, ActionNone},
		{"tag as 403", GraphFault{HTTPStatus: 403, Message: "Added a tag which is not allowed", Doing: Update}, ScopeDenied, ActionNone},
		{"target tenant", GraphFault{HTTPStatus: 400, Message: "Request not applicable to target tenant"}, LicenseMissing, ActionNone},
		{"non premium", GraphFault{HTTPStatus: 403, Codes: []string{"Authentication_RequestFromNonPremiumTenantOrB2CTenant"}}, LicenseMissing, ActionNone},
		{"approval header", GraphFault{HTTPStatus: 412, Approval: true, Doing: Update}, ApprovalRequired, ActionNone},
		{"approval header as 403", GraphFault{HTTPStatus: 403, Approval: true, Doing: Create}, ApprovalRequired, ActionNone},
		{"approval text", GraphFault{HTTPStatus: 400, Message: "Header 'x-msft-approval-justification' is required", Doing: Create}, ApprovalRequired, ActionNone},
		{"approval active", GraphFault{HTTPStatus: 400, Message: "An active Approval Request already exists", Doing: Create}, ApprovalRequired, ActionNone},
		{"approval code", GraphFault{HTTPStatus: 403, Codes: []string{"ApprovalRequired"}, Doing: Create}, ApprovalRequired, ActionNone},
		{"approval means nothing on a read", GraphFault{HTTPStatus: 403, Approval: true, Doing: ReadList}, ConsentMissing, ActionNone},
		{"gone", GraphFault{HTTPStatus: 404, Codes: []string{"ResourceNotFound"}, Doing: ReadObject}, NotFoundInTenant, ActionNone},
		{"directory gone", GraphFault{HTTPStatus: 404, Codes: []string{"Request_ResourceNotFound"}, Doing: Update}, NotFoundInTenant, ActionNone},
		{"group gone", GraphFault{HTTPStatus: 404, Codes: []string{"Request_ResourceNotFound"}, Doing: ReadGroup}, UnresolvedGroup, ActionNone},
		{"filter gone", GraphFault{HTTPStatus: 404, Doing: ReadFilter}, UnresolvedFilter, ActionNone},
		{"not visible yet", GraphFault{HTTPStatus: 404, Doing: ReadAfterCreate}, OutcomeUnknown, ActionReadAgain},
		{"conflict", GraphFault{HTTPStatus: 409, Doing: Update}, TargetChanged, ActionNone},
		{"precondition", GraphFault{HTTPStatus: 412, Doing: Update}, TargetChanged, ActionNone},
		{"throttled", GraphFault{HTTPStatus: 429, Codes: []string{"TooManyRequests"}}, GraphThrottled, ActionWait},
		{"500", GraphFault{HTTPStatus: 500, Codes: []string{"InternalError"}, Doing: ReadList}, GraphUnavailable, ActionRetry},
		{"502", GraphFault{HTTPStatus: 502, Doing: ReadObject}, GraphUnavailable, ActionRetry},
		{"503", GraphFault{HTTPStatus: 503, Codes: []string{"CancelledOnServiceTimeout"}, Doing: ReadObject}, GraphUnavailable, ActionRetry},
		{"504", GraphFault{HTTPStatus: 504, Codes: []string{"UnknownError"}, Doing: ReadObject}, GraphUnavailable, ActionRetry},
		{"no answer", GraphFault{Doing: ReadObject}, GraphUnavailable, ActionRetry},
		{"503 with a 403 inside", GraphFault{HTTPStatus: 503, Codes: []string{"Forbidden"}, Doing: ReadObject}, GraphUnavailable, ActionRetry},
		{"create lost", GraphFault{HTTPStatus: 504, Doing: Create}, OutcomeUnknown, ActionLookFirst},
		{"create without answer", GraphFault{Doing: Create}, OutcomeUnknown, ActionLookFirst},
		{"update lost", GraphFault{HTTPStatus: 503, Doing: Update}, GraphUnavailable, ActionLookFirst},
		{"assign lost", GraphFault{Doing: Assign}, GraphUnavailable, ActionLookFirst},
		{"any other", GraphFault{HTTPStatus: 423, Codes: []string{"Locked"}, Doing: Update}, ValidationRejected, ActionNone},
		// A policy may carry any text; only the fixed phrases count.
		{"text decides nothing", GraphFault{HTTPStatus: 400, Codes: []string{"BadRequest"}, Message: "Too many requests, forbidden, throttled", Doing: Create}, ValidationRejected, ActionNone},
		{"not a fault", GraphFault{HTTPStatus: 302}, Internal, ActionAlert},
	} {
		if got := FromGraph(tt.f); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := ActionFor(tt.f); got != tt.action {
			t.Errorf("%s: action %q, want %q", tt.name, got, tt.action)
		}
	}
	if c, ok := ForAllTypes([]Code{ConsentMissing, ConsentMissing}); !ok || c != LicenseMissing {
		t.Error("every type refused means that the license is missing")
	}
	if _, ok := ForAllTypes([]Code{ConsentMissing, GraphThrottled}); ok {
		t.Error("mixed reasons are no license fault")
	}
	if _, ok := ForAllTypes(nil); ok {
		t.Error("nothing was refused")
	}
}
