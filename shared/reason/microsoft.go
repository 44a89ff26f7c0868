package reason

import (
	"slices"
	"strings"
)

// Doing says what a request to Microsoft Graph was for. It decides what a 404
// or a 500 means.
type Doing string

// What a request may be for.
const (
	ReadList        Doing = "read_list"
	ReadObject      Doing = "read_object"
	ReadGroup       Doing = "read_group"
	ReadFilter      Doing = "read_filter"
	ReadSecret      Doing = "read_secret"       // the plain text of a secret value
	ReadAfterCreate Doing = "read_after_create" // reading back what was just created
	Create          Doing = "create"
	Update          Doing = "update"
	Assign          Doing = "assign"
)

// Writes reports whether the request may have changed the tenant.
func (d Doing) Writes() bool { return d == Create || d == Update || d == Assign }

// Action is what the program does before it gives up with the code.
type Action string

// The actions.
const (
	ActionNone      Action = ""
	ActionNewToken  Action = "new_token"  // get another token, once
	ActionReadAgain Action = "read_again" // a new object is not visible at once
	ActionLookFirst Action = "look_first" // look for the object before anything else
	ActionRetry     Action = "retry"      // a read: try again a bounded number of times
	ActionWait      Action = "wait"       // a limit: wait as long as Microsoft says
	ActionAlert     Action = "alert"      // a fault on our side: operators must know
)

// GraphFault is an answer of Microsoft Graph that is not a success, unwrapped:
// Codes are all codes found from the outermost to the innermost. The message
// serves only to look for fixed phrases and is never kept.
type GraphFault struct {
	HTTPStatus int // 0 when there was no answer
	Codes      []string
	Message    string
	Approval   bool // a header of multi-admin approval was present
	Doing      Doing
}

// FromGraph maps an answer of Microsoft Graph to a code. It decides by status,
// then by code; text only refines, by the fixed phrases below.
func FromGraph(f GraphFault) Code {
	c, _ := classify(f)
	return c
}

// ActionFor says what to do about an answer of Microsoft Graph before giving up
// with the code of FromGraph.
func ActionFor(f GraphFault) Action {
	_, a := classify(f)
	return a
}

// Phrases that refine a code. Each was seen in an answer of the real service;
// they are compared without regard to case.
const (
	phraseSegment         = "resource not found for the segment"                         // 400: a wrong path, not a missing object
	phraseNoRoute         = "no odata route"                                             // 400: metadata lists it, the service has no route
	phraseSecretReference = "secretreferencevalueid invalid for create"                  // IntuneBackupAndRestore#39
	phraseTemplate        = "invalid reference id found in policy created from template" // IntuneManagement#209
	phraseFilter          = "scope tags validation failed : filters"                     // IntuneManagement#373
	phraseTagNotAllowed   = "added a tag which is not allowed"                           //
	phraseTargetTenant    = "request not applicable to target tenant"                    // a license is missing
	phraseApproval        = "x-msft-approval-"                                           // header names of multi-admin approval in the text
	phraseApprovalActive  = "active approval request already exists"                     // a repeat while one is open
	phraseKeyExpired      = "key used is expired"                                        // AADSTS700027
	codeNoRoute           = "no method match route template"                             // 400, as the code itself
	codeNonPremium        = "authentication_requestfromnonpremiumtenantorb2ctenant"      // 403
	maxPhraseText         = 16 << 10
)

func classify(f GraphFault) (Code, Action) {
	if len(f.Message) > maxPhraseText {
		f.Message = f.Message[:maxPhraseText]
	}
	text := strings.ToLower(f.Message)
	has := func(phrase string) bool { return strings.Contains(text, phrase) }
	code := func(names ...string) bool {
		return slices.ContainsFunc(f.Codes, func(c string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(c, n) })
		})
	}

	switch s := f.HTTPStatus; {
	case s == 429:
		return GraphThrottled, ActionWait
	case s == 0, s == 408, s >= 500:
		return unavailable(f.Doing)
	case s >= 400 && s < 500 && f.Doing.Writes() &&
		(f.Approval || code("ApprovalRequired") || has(phraseApproval) || has(phraseApprovalActive)):
		return ApprovalRequired, ActionNone
	case s == 401:
		if code("Forbidden") { // Intune: UnknownError wrapping Forbidden
			return ConsentMissing, ActionNone
		}
		return CredentialInvalid, ActionNewToken
	case s == 403:
		switch {
		case f.Doing == ReadSecret:
			return UnreadablePart, ActionNone
		case code("Authorization_IdentityNotFound"):
			return AppNotFound, ActionNone
		case code(codeNonPremium), has(phraseTargetTenant):
			return LicenseMissing, ActionNone
		case has(phraseTagNotAllowed):
			return ScopeDenied, ActionNone
		}
		// Authorization_RequestDenied, Forbidden, "Application is not
		// authorized", and whatever else a 403 may say.
		return ConsentMissing, ActionNone
	case s == 404:
		switch f.Doing {
		case ReadGroup:
			return UnresolvedGroup, ActionNone
		case ReadFilter:
			return UnresolvedFilter, ActionNone
		case ReadAfterCreate:
			return OutcomeUnknown, ActionReadAgain
		}
		return NotFoundInTenant, ActionNone
	case s == 409, s == 412:
		return TargetChanged, ActionNone
	case s >= 400 && s < 500:
		switch {
		case code(codeNoRoute), has(phraseNoRoute), has(phraseSegment):
			return Internal, ActionAlert // our path is wrong
		case has(phraseSecretReference):
			return Internal, ActionAlert // our restore rule is wrong
		case has(phraseTemplate):
			return TemplateNotAvailable, ActionNone
		case has(phraseFilter):
			return UnresolvedFilter, ActionNone
		case has(phraseTagNotAllowed):
			return ScopeDenied, ActionNone
		case has(phraseTargetTenant):
			return LicenseMissing, ActionNone
		case code("Authorization_IdentityNotFound"):
			return AppNotFound, ActionNone
		case code("TooManyRequests"):
			return GraphThrottled, ActionWait
		case code("InternalError", "CancelledOnServiceTimeout"):
			return unavailable(f.Doing)
		}
		return ValidationRejected, ActionNone
	}
	// A success or a redirect is no fault; a caller that brings one has a bug.
	return Internal, ActionAlert
}

func unavailable(d Doing) (Code, Action) {
	switch {
	case d == Create:
		return OutcomeUnknown, ActionLookFirst
	case d.Writes():
		// Repeating an update is harmless, but what is there must be read first:
		// somebody else may have changed it meanwhile.
		return GraphUnavailable, ActionLookFirst
	}
	return GraphUnavailable, ActionRetry
}

// entraCodes maps AADSTS numbers. learn.microsoft.com/entra/identity-platform/
// reference-error-codes; the text beside them is not to be relied on.
var entraCodes = map[int]Code{
	7000214: CredentialInvalid,
	7000215: CredentialInvalid, // wrong secret
	7000216: CredentialInvalid, // no secret or assertion sent
	7000218: CredentialInvalid,
	700027:  CredentialInvalid, // signature of the assertion; see phraseKeyExpired
	700024:  CredentialInvalid, // assertion outside its time: our clock is wrong
	7000222: CredentialExpired,
	700016:  AppNotFound,
	7000229: AppNotFound, // not confirmed
	500011:  AppNotFound,
	7000112: AppDisabled,
	65001:   ConsentMissing,
	53003:   BlockedByPolicy,
	90002:   TenantNotFound,
	900023:  TenantNotFound, // not confirmed
	5000225: TenantBlocked,
	900382:  WrongCloud,
	900432:  WrongCloud,
	90038:   WrongCloud,
	70011:   Internal, // our scope is wrong
	90055:   GraphThrottled,
}

// FromEntra maps an answer of Microsoft Entra's token endpoint: the numbers of
// error_codes, the HTTP status (0 when there was no answer) and the description,
// which serves only to look for one fixed phrase and is never kept.
func FromEntra(codes []int, httpStatus int, description string) Code {
	switch {
	case httpStatus == 429:
		return GraphThrottled
	case httpStatus == 0 && len(codes) == 0, httpStatus >= 500:
		return GraphUnavailable
	}
	for _, n := range codes {
		c, ok := entraCodes[n]
		if !ok {
			continue
		}
		if n == 700027 {
			if len(description) > maxPhraseText {
				description = description[:maxPhraseText]
			}
			if strings.Contains(strings.ToLower(description), phraseKeyExpired) {
				return CredentialExpired
			}
		}
		return c
	}
	// Entra refused for a reason we do not know. The number stands beside the
	// sentence, which is true: it did not accept what we sent.
	return CredentialInvalid
}

// EntraAction says what the answer asks of the program.
func EntraAction(codes []int, httpStatus int) Action {
	switch {
	case httpStatus == 429, slices.Contains(codes, 90055):
		return ActionWait
	case httpStatus == 0 && len(codes) == 0, httpStatus >= 500:
		return ActionRetry
	case slices.Contains(codes, 700024), slices.Contains(codes, 70011):
		return ActionAlert
	}
	return ActionNone
}

// ForAllTypes corrects the code of a run whose every policy type was refused in
// the same way: Intune answers "not authorized" for each type in a tenant that
// has no Intune license.
func ForAllTypes(codes []Code) (Code, bool) {
	if len(codes) == 0 || slices.ContainsFunc(codes, func(c Code) bool { return c != ConsentMissing }) {
		return "", false
	}
	return LicenseMissing, true
}
