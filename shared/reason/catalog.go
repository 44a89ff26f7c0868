package reason

// catalog is the table of everything that this product says about why. It is
// validated as a whole by TestCatalog.
var catalog = func() []Entry {
	var all []Entry
	all = append(all, runEntries...)
	all = append(all, itemEntries...)
	all = append(all, problemEntries...)
	return append(all, warningEntries...)
}()

var runEntries = []Entry{
	run(DispatchFailed, Error, AutoNo,
		"The run could not be handed to a worker. Nothing was read or changed in {tenant}.",
		"Start it again.").written(),
	run(Stuck, Error, AutoSweep,
		"The run stopped making progress and was ended after {attempts attempts|several attempts}. Finished items are kept.",
		"Run the rest again. If it stops again, send the run id to support.", FieldLastPhase),
	run(DeadlineExceeded, Error, AutoNo,
		"The run was not finished after {duration|its time limit} and was ended. {done|Some} of {total items|the items} are done.",
		"Run the rest again.", FieldDeadlineAt, FieldDuration),
	run(PermissionRevoked, Error, AutoNo,
		"{user} no longer has the role {role|needed} in {tenant}, so the run was ended.",
		"Ask an owner for the role, or let someone else start it.", FieldUser, FieldRole),
	run(GraphUnavailable, Error, AutoWait,
		"Microsoft Graph did not answer before the time limit. Captured data stays readable.",
		"Look at Microsoft 365 service health, then start again.", FieldSince),
	run(GraphThrottled, Error, AutoWait,
		"Microsoft Graph limited the requests of {tenant} until the time limit.",
		"Start again at a quieter time. Other tools may use the same limit.", FieldLane, FieldUntil),
	run(CredentialInvalid, Error, AutoNo,
		"Microsoft Entra did not accept the {credential} of {tenant}. Runs of this tenant cannot start work.",
		"Enter a new one under Connection and test it.", FieldCredential, FieldEntraCode, FieldTraceID),
	run(CredentialExpired, Error, AutoNo,
		"The {credential} of {tenant} has expired.",
		"Create a new one in Microsoft Entra and enter it under Connection.", FieldCredential, FieldExpiresAt, FieldEntraCode),
	run(CredentialUnavailable, Error, AutoRetry,
		"The stored credential of {tenant} could not be read.",
		"An operator must check the credential store."),
	run(ConsentMissing, Error, AutoNo,
		"The application does not have the permission {permission|it needs} in {tenant}.",
		"A Global Administrator must grant it again; see Connection.", FieldPermission, FieldTypes),
	run(AppNotFound, Error, AutoNo,
		"Microsoft Entra does not know this application in {tenant}.",
		"Check tenant id and client id, then grant consent.", FieldEntraCode),
	run(AppDisabled, Error, AutoNo,
		"The application is switched off in {tenant}.",
		"Switch it on under Enterprise applications.", FieldEntraCode),
	run(BlockedByPolicy, Error, AutoNo,
		"A Conditional Access policy of {tenant} blocks the application.",
		"Exclude the application in that policy.", FieldEntraCode),
	run(TenantNotFound, Error, AutoNo,
		"Microsoft Entra does not know the tenant id of {tenant}.",
		"Correct it under Connection.", FieldEntraCode),
	run(TenantBlocked, Error, AutoNo,
		"Microsoft has blocked {tenant}, for example after inactivity.",
		"The tenant's administrators must ask Microsoft to open it.", FieldEntraCode),
	run(WrongCloud, Error, AutoNo,
		"{tenant} is in another Microsoft cloud than the one set here.",
		"Choose the right cloud under Connection.", FieldCloud),
	run(TenantDisabled, Error, AutoNo,
		"{tenant} is disabled in TenantAtlas. Its schedules are paused.",
		"A platform administrator can enable it."),
	run(LicenseMissing, Error, AutoNo,
		"{tenant} has no license for {product|this feature}.",
		"Assign the license in Microsoft 365, or leave these types out.", FieldProduct),
	run(AllItemsFailed, Error, AutoNo,
		"None of the {total items} succeeded.",
		"Open Needs attention; most share one reason.", FieldTopReason),
	run(Canceled, Info, AutoNo,
		"{user} canceled the run after {done|none} of {total items|its items}. The others were not touched.",
		"Run the rest again if you need it.", FieldUser),
	run(Internal, Error, AutoRetry,
		"A fault in TenantAtlas ended the run. Finished items are kept.",
		"Start again. If it returns, send the run id to support."),
}

var itemEntries = []Entry{
	// Sync, capture, backup.
	item(Unchanged, Info, AutoNo, as(OK),
		"Same content as version {version|before}; no new version was needed.", "", FieldVersion),
	item(NotFoundInTenant, Error, AutoRetry, as(Failed),
		"The policy no longer exists in {tenant}. Earlier versions are kept and can be restored.",
		"Restore it, or remove it from the set.", FieldLastSeen),
	item(UnreadablePart, Error, AutoRetry, as(Failed),
		"{part|A part} could not be read. The rest is stored as an incomplete version.",
		"Capture again. If it stays, check the permission shown.", FieldPart, FieldVersion, FieldPermission),
	item(AssignmentsUnreadable, Error, AutoRetry, as(Failed),
		"The assignments could not be read. The settings are stored; this version cannot restore assignments.",
		"Capture again.", FieldVersion),
	item(SecretNotReadable, Warning, AutoNo, as(Noted),
		"{setting|A setting} is secret and Microsoft does not give it out.",
		"After a restore, enter it by hand.", FieldSetting),
	item(NamesUnreadable, Warning, AutoNo, as(Noted),
		"The names of the groups in the assignments could not be read. The version can be restored into this tenant, not into another one.",
		"Grant the permission {permission|to read groups} and capture again.", FieldPermission),
	item(InventoryIncomplete, Error, AutoRetry, as(Failed),
		"Microsoft returned an incomplete list of {type|policies}. No policy was marked as gone.",
		"Sync again later.", FieldPages),
	item(UnsupportedType, Warning, AutoNo, as(Skipped),
		"This type cannot be backed up yet.", "See Coverage."),
	item(ObjectsUnsupported, Warning, AutoNo, as(Noted),
		"{unsupported objects|Some objects} of a kind that TenantAtlas does not know were left out. The others are in the inventory.",
		"See Coverage.", FieldUnsupported),
	item(TooLarge, Error, AutoNo, as(Failed),
		"The policy is larger than {size|the limit} and was not stored.",
		"Send the run id to support.", FieldSize),

	// Preview and plan.
	item(AlreadyMatches, Info, AutoNo, as(OK),
		"The tenant already matches the backup; nothing to write.", ""),
	item(Ambiguous, Warning, AutoNo, as(Blocked, Skipped),
		"{matches objects|Several objects} have this name and type. None was touched.",
		"Rename or remove the extra ones, then preview again.", FieldMatches),
	item(CaptureOnly, Warning, AutoNo, as(Blocked),
		"This type can be kept and compared, but not written back: {reason|see Coverage}.",
		"Set it by hand; the version shows the values.", FieldReason),
	item(VersionIncomplete, Warning, AutoNo, as(Blocked),
		"The chosen version lacks {part|a part}, so it is not written back.",
		"Choose another version.", FieldPart, FieldVersion),
	item(BuiltinObject, Warning, AutoNo, as(Blocked),
		"Microsoft owns this object; it can be updated, not created.",
		"It appears with its feature; preview again then."),
	item(MissingDependency, Warning, AutoNo, as(Blocked, Skipped),
		"It needs {dependency|another object}, which is neither in the tenant nor in the selection.",
		"Add {dependency|that object} to the restore.", FieldDependency),
	item(TemplateNotAvailable, Error, AutoNo, as(Blocked, Failed),
		"Its template {template|version} is no longer offered by Microsoft.",
		"Rebuild the policy on the current template.", FieldTemplate, FieldVersion),
	item(LicenseMissing, Error, AutoNo, as(Blocked, Failed),
		"{tenant} has no license for this feature. The policy was not written.",
		"Assign the license, then run it again.", FieldProduct),
	item(UnresolvedGroup, Error, AutoNo, as(Blocked, Noted, Failed),
		"The group {group|named in the assignments} does not exist here. Assignments are left as they are.",
		"Create the group, then run it again.", FieldGroup),
	item(UnresolvedFilter, Error, AutoNo, as(Blocked, Noted, Failed),
		"The filter {filter|named in the assignments} does not exist here. Assignments are left as they are.",
		"Restore the filter first.", FieldFilter),
	item(UnresolvedScopeTag, Error, AutoNo, as(Blocked, Failed),
		"The scope tag {tag|of this policy} does not exist here.",
		"Restore the tag first.", FieldTag),
	item(WriteBlockedInPreview, Error, AutoNo, as(Failed),
		"A preview tried to write and was stopped. {tenant} was not changed.",
		"This is a fault of TenantAtlas; operators were alerted.", FieldMethod).written(),

	// Live restore.
	item(TargetChanged, Warning, AutoNo, as(Skipped),
		"The policy changed in {tenant} after the preview. It was not overwritten.",
		"Preview again and compare.", FieldChangedAt).written(),
	item(PrecaptureFailed, Error, AutoRetry, as(Failed),
		"The present state could not be saved, so nothing was written.", "Run it again.").written(),
	item(ValidationRejected, Error, AutoNo, as(Failed),
		"Microsoft refused {setting|the content}. This step changed nothing.",
		"Open the plan row; compare with a policy made by hand.", FieldSetting).written(),
	item(AssignmentsSkipped, Error, AutoNo, as(Noted, Failed),
		"The policy is restored; its assignments were left as they were, because a target is missing.",
		"Create the target and run it again, or assign by hand.", FieldTargets).written(),
	item(AssignmentsFailed, Error, AutoRetry, as(Failed),
		"The policy is restored; writing its assignments failed. Who receives it did not change.",
		"Run it again.").written(),
	item(StepFailed, Error, AutoRetry, as(Failed),
		"{stepsDone|Some} of {steps steps|the steps} were written, then {step|one} failed. The policy is restored in part.",
		"Run it again, or undo.", FieldStepsDone, FieldSteps).written(),
	item(ConsentMissing, Error, AutoNo, as(Failed),
		"The application has no permission for this type. Nothing was changed.",
		"Grant {permission|the permission shown}, then run it again.", FieldPermission).written(),
	item(ScopeDenied, Error, AutoNo, as(Failed),
		"The application's role does not cover this policy's scope tags. Nothing was changed.",
		"Widen the role or change the tags.", FieldTag).written(),
	item(ApprovalRequired, Error, AutoNo, as(Failed),
		"Intune holds this change for a second administrator. Nothing was changed.",
		"Approve it in Intune, then run it again.", FieldApprovalID).written(),
	item(ApprovalRejected, Error, AutoNo, as(Failed),
		"An administrator rejected this change in Intune. Nothing was changed.",
		"Speak with the approver.", FieldApprovalID).written(),
	item(ApprovalExpired, Error, AutoNo, as(Failed),
		"Nobody approved this change in time. Nothing was changed.",
		"Run it again to ask anew.", FieldApprovalID).written(),
	item(OutcomeUnknown, Error, AutoNo, as(Failed),
		"Microsoft did not say whether this was written, and looking did not settle it. It was not tried twice.",
		"Look in Intune, then run it again or remove the extra object.", FieldCandidates).written(),
	item(VerificationFailed, Error, AutoRetry, as(Failed),
		"It was written, but reading it back shows {differences differences}.",
		"Compare; another tool or person may have changed it.", FieldDifferences).written(),
	item(Canceled, Warning, AutoNo, as(Skipped),
		"The run was canceled before this item. It was not touched.",
		"Run the rest again.").written(),
	item(NotAttempted, Warning, AutoNo, as(Skipped),
		"The run ended before this item. It was not touched.",
		"Run the rest again.").written(),
	item(Superseded, Info, AutoNo, as(Marked),
		"A later run did this item with success.", "", FieldLaterRun).written(),
	item(GraphUnavailable, Error, AutoRetry, as(Failed),
		"Microsoft Graph did not answer before the time limit.", "Run it again.", FieldSince),
	item(GraphThrottled, Error, AutoRetry, as(Failed),
		"Microsoft Graph limited the requests of {tenant} until the time limit.", "Run it again.", FieldLane, FieldUntil),
	item(Internal, Error, AutoRetry, as(Failed),
		"A fault in TenantAtlas ended this item.",
		"Run it again. If it returns, send the run id to support."),
}

var problemEntries = []Entry{
	problem(RunAlreadyActive, 200, "The same run is under way and is returned.", "", FieldActiveRun),
	problem(Unauthenticated, 401, "Sign in to continue.", ""),
	problem(SessionExpired, 401, "Your session ended.", "Sign in again; your entries are kept."),
	problem(ForbiddenTenant, 403, "You have no access to this tenant, or it does not exist.", "Ask an owner."),
	problem(ForbiddenRole, 403, "This needs the role {role|of an operator or above}.", "Ask an owner.", FieldRole),
	problem(NotFound, 404, "This {thing|record} is not in {tenant}. It may have been deleted.", "", FieldThing),
	problem(ConflictActiveRun, 409, "{operation|This operation} is already running with another selection.",
		"Wait for it or cancel it.", FieldActiveRun),
	problem(PlanDigestMismatch, 409, "The plan differs from the one you confirmed. Nothing was started.", "Open the plan again."),
	problem(PlanStale, 409, "The plan is too old, or its objects changed. Nothing was started.", "Preview again.", FieldPreviewRun),
	problem(PlanUsed, 409, "This plan was applied already.", "Run the failed items again or preview again."),
	problem(RunEnded, 409, "The run has ended and cannot be canceled.", ""),
	problem(SetInUse, 409, "A run uses this set.", "Wait until it ends.", FieldActiveRun),
	problem(LastOwner, 409, "A tenant needs at least one owner.", "Name another first."),
	problem(TenantDisabled, 409, "{tenant} is disabled; nothing can be started.", ""),
	problem(ChangedMeanwhile, 412, "Someone changed this since you opened it.", "Load it again and compare."),
	problem(PreconditionMissing, 428, "Send If-Match with the version you read.", ""),
	problem(ValidationError, 422, "{fields fields|Some fields} {=fields needs/need} a change; each is marked.", "", FieldFields),
	problem(ConfirmationMissing, 422, "A live restore needs the tenant name and a reason.", ""),
	problem(NameMismatch, 422, "The name typed is not the name of this tenant. Nothing was started.", ""),
	problem(SelectionEmpty, 422, "Nothing is selected that this can act on.", ""),
	problem(IdempotencyKeyReused, 422, "This key was used with other content.", ""),
	problem(BadRequest, 400, "The request could not be read.", ""),
	problem(TooLarge, 413, "The request is larger than {limit|allowed}.", "", FieldLimit),
	problem(RateLimited, 429, "Too many requests.", "Try again in {seconds seconds|a few seconds}.", FieldSeconds),
	problem(Internal, 500, "A fault on our side; nothing was started.", "Try again."),
	problem(Unavailable, 503, "The service is busy.", "Try again in {seconds seconds|a few seconds}.", FieldSeconds),
}

var warningEntries = []Entry{
	warning(AssignAll, "{items items|Some items} will be assigned to all devices or all users.", ""),
	warning(AssignWider, "{items items|Some items} will reach more people or devices than now.", ""),
	warning(ExclusionRemoved, "{items items|Some items} will reach more people or devices than now.", ""),
	warning(AssignUnresolved, "{items items|Some items} will be restored without assignments: {groups groups|some groups} not found.", "", FieldGroups),
	warning(CAReportOnly, "{items Conditional Access policies|Some Conditional Access policies} will be set to report-only.", ""),
	warning(CAEnabled, "{items Conditional Access policies|Some Conditional Access policies} will be switched on.",
		"Check that an emergency account is excluded."),
	warning(NewID, "{items items|Some items} will be created and get {=items a new id/new ids}. Status starts again; what referred to the old id must be linked again.", ""),
	warning(SecretAbsent, "{items values|Some values} {=items is/are} secret and must be entered by hand.", ""),
	warning(DefaultObject, "{items items|Some items} {=items changes/change} a default that applies to everyone.", ""),
	warning(DependencyUnselected, "{items items|Some items} {=items needs/need} others that are not selected.", ""),
	warning(ApprovalLikely, "Intune may hold {items items|some items} for a second administrator.", ""),
	warning(VersionOld, "{items versions|Some versions} {=items is/are} older than 90 days.", ""),
	warning(DeleteCreated, "Undo deletes {items objects|the objects} that the restore created.", ""),
}

func run(c Code, sev Severity, auto Auto, sentence, next string, extra ...Field) Entry {
	return Entry{Code: c, Scope: ScopeRun, Severity: sev, Auto: auto, Sentence: sentence, Next: next, Extra: extra}
}

func item(c Code, sev Severity, auto Auto, out []Outcome, sentence, next string, extra ...Field) Entry {
	return Entry{Code: c, Scope: ScopeItem, Outcomes: out, Severity: sev, Auto: auto, Sentence: sentence, Next: next, Extra: extra}
}

func problem(c Code, status int, detail, next string, extra ...Field) Entry {
	e := Entry{Code: c, Scope: ScopeProblem, Severity: Error, Auto: AutoNo, Sentence: detail, Next: next, Status: status, Extra: extra}
	if status < 400 {
		e.Severity = Info
	}
	return e
}

func warning(c Code, sentence, next string, extra ...Field) Entry {
	return Entry{Code: c, Scope: ScopeWarning, Severity: Warning, Auto: AutoNo, Sentence: sentence, Next: next,
		Extra: append([]Field{FieldItems}, extra...)}
}

func as(o ...Outcome) []Outcome { return o }

func (e Entry) written() Entry {
	e.saysWritten = true
	return e
}
