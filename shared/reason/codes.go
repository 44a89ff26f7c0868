package reason

// Codes of runs. Some of them are item codes or API problems too.
const (
	DispatchFailed        Code = "dispatch_failed"
	Stuck                 Code = "stuck"
	DeadlineExceeded      Code = "deadline_exceeded"
	PermissionRevoked     Code = "permission_revoked"
	GraphUnavailable      Code = "graph_unavailable"
	GraphThrottled        Code = "graph_throttled"
	CredentialInvalid     Code = "credential_invalid"
	CredentialExpired     Code = "credential_expired"
	CredentialUnavailable Code = "credential_unavailable"
	ConsentMissing        Code = "consent_missing"
	AppNotFound           Code = "app_not_found"
	AppDisabled           Code = "app_disabled"
	BlockedByPolicy       Code = "blocked_by_policy"
	TenantNotFound        Code = "tenant_not_found"
	TenantBlocked         Code = "tenant_blocked"
	WrongCloud            Code = "wrong_cloud"
	TenantDisabled        Code = "tenant_disabled"
	LicenseMissing        Code = "license_missing"
	AllItemsFailed        Code = "all_items_failed"
	TooManyPolicies       Code = "too_many_policies"
	SetDeleted            Code = "set_deleted"
	ScheduleRemoved       Code = "schedule_removed"
	Canceled              Code = "canceled"
	Internal              Code = "internal"
)

// Codes of firings of schedules, beside those of runs.
const (
	PausedByUser Code = "paused_by_user"
	FiredLate    Code = "fired_late"
)

// Codes of items: sync, capture and backup.
const (
	Unchanged             Code = "unchanged"
	NotFoundInTenant      Code = "not_found_in_tenant"
	UnreadablePart        Code = "unreadable_part"
	AssignmentsUnreadable Code = "assignments_unreadable"
	SecretNotReadable     Code = "secret_not_readable"
	NamesUnreadable       Code = "names_unreadable"
	InventoryIncomplete   Code = "inventory_incomplete"
	UnsupportedType       Code = "unsupported_type"
	ObjectsUnsupported    Code = "objects_unsupported"
	TooLarge              Code = "too_large"
	FoundationMissing     Code = "foundation_missing"
	Vanished              Code = "vanished"
	NeverCaptured         Code = "never_captured"
)

// Codes of items: preview and plan.
const (
	AlreadyMatches        Code = "already_matches"
	Ambiguous             Code = "ambiguous"
	CaptureOnly           Code = "capture_only"
	VersionIncomplete     Code = "version_incomplete"
	BuiltinObject         Code = "builtin_object"
	MissingDependency     Code = "missing_dependency"
	TemplateNotAvailable  Code = "template_not_available"
	UnresolvedGroup       Code = "unresolved_group"
	UnresolvedFilter      Code = "unresolved_filter"
	UnresolvedScopeTag    Code = "unresolved_scope_tag"
	WriteBlockedInPreview Code = "write_blocked_in_preview"
	NeedsReplacement      Code = "needs_replacement"
	DatesPassed           Code = "dates_passed"
	NotDeletable          Code = "not_deletable"
)

// Codes of items: live restore.
const (
	TargetChanged      Code = "target_changed"
	PrecaptureFailed   Code = "precapture_failed"
	ValidationRejected Code = "validation_rejected"
	AssignmentsSkipped Code = "assignments_skipped"
	AssignmentsFailed  Code = "assignments_failed"
	StepFailed         Code = "step_failed"
	ScopeDenied        Code = "scope_denied"
	ApprovalRequired   Code = "approval_required"
	ApprovalRejected   Code = "approval_rejected"
	ApprovalExpired    Code = "approval_expired"
	OutcomeUnknown     Code = "outcome_unknown"
	VerificationFailed Code = "verification_failed"
	Superseded         Code = "superseded"
	NotAttempted       Code = "not_attempted"
)

// Codes of API problems.
const (
	RunAlreadyActive     Code = "run_already_active"
	Unauthenticated      Code = "unauthenticated"
	SessionExpired       Code = "session_expired"
	ForbiddenTenant      Code = "forbidden_tenant"
	ForbiddenRole        Code = "forbidden_role"
	NotFound             Code = "not_found"
	ConflictActiveRun    Code = "conflict_active_run"
	PlanDigestMismatch   Code = "plan_digest_mismatch"
	PlanStale            Code = "plan_stale"
	PlanUsed             Code = "plan_used"
	RunEnded             Code = "run_ended"
	SetInUse             Code = "set_in_use"
	SetBusy              Code = "set_busy"
	SetNameMismatch      Code = "set_name_mismatch"
	RecoveryOver         Code = "recovery_over"
	TooManySchedules     Code = "too_many_schedules"
	LastOwner            Code = "last_owner"
	ChangedMeanwhile     Code = "changed_meanwhile"
	PreconditionMissing  Code = "precondition_missing"
	ValidationError      Code = "validation_error"
	ConfirmationMissing  Code = "confirmation_missing"
	NameMismatch         Code = "name_mismatch"
	SelectionEmpty       Code = "selection_empty"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	BadRequest           Code = "bad_request"
	RateLimited          Code = "rate_limited"
	Unavailable          Code = "unavailable"
)

// Codes of preview warnings.
const (
	AssignAll            Code = "assign_all"
	AssignWider          Code = "assign_wider"
	ExclusionRemoved     Code = "exclusion_removed"
	AssignUnresolved     Code = "assign_unresolved"
	CAReportOnly         Code = "ca_report_only"
	CAEnabled            Code = "ca_enabled"
	NewID                Code = "new_id"
	SecretAbsent         Code = "secret_absent"
	DefaultObject        Code = "default_object"
	DependencyUnselected Code = "dependency_unselected"
	ApprovalLikely       Code = "approval_likely"
	VersionOld           Code = "version_old"
	DeleteCreated        Code = "delete_created"
	DeviceAction         Code = "device_action"
	SharedObject         Code = "shared_object"
	RightsAdded          Code = "rights_added"
	AppUninstall         Code = "app_uninstall"
	EnrollmentBlocked    Code = "enrollment_blocked"
)
