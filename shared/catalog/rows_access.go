package catalog

// Conditional Access and what its policies refer to. All of it is read and written
// at one request a second for all applications of a tenant.

// The permissions of Conditional Access (learn.microsoft.com/graph/permissions-reference).
var (
	accessRead  = []string{"Policy.Read.All"}
	accessWrite = []string{"Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}
)

const (
	accessPolicies = "identity/conditionalAccess/policies"
	namedLocations = "identity/conditionalAccess/namedLocations"
	authStrengths  = "identity/conditionalAccess/authenticationStrength/policies"
	authContexts   = "identity/conditionalAccess/authenticationContextClassReferences"
	termsOfUse     = "identityGovernance/termsOfUse/agreements"
)

// accessStrip is set by the service, or is an older name of something else.
var accessStrip = []string{"deletedDateTime", "templateId", "partialEnablementStrategy", "conditions.deviceStates"}

// deletable is what the service sets of objects that it keeps for a while after
// their end.
var deletable = []string{"deletedDateTime"}

var accessRows = []Type{
	{
		ID: "conditional-access-policy", Title: "Conditional Access policy",
		Family: FamilyConditionalAccess, Collection: accessPolicies, APIVersion: "beta", ListQuery: "$top=999",
		NameProperty: "displayName", Identity: []string{"displayName"},
		Parts: []Part{object(accessPolicies, "")},
		// Users, roles and applications are no types of the catalogue.
		References: []Reference{
			{"object.conditions.users.includeGroups[]", TypeGroup},
			{"object.conditions.users.excludeGroups[]", TypeGroup},
			{"object.conditions.locations.includeLocations[]", "named-location"},
			{"object.conditions.locations.excludeLocations[]", "named-location"},
			{"object.conditions.applications.includeAuthenticationContextClassReferences[]", "authentication-context"},
			{"object.grantControls.authenticationStrength.id", "authentication-strength-policy"},
			{"object.grantControls.termsOfUse[]", "terms-of-use-agreement"},
		},
		Volatile: append(prefixed("object.", []string{"deletedDateTime", "templateId", "partialEnablementStrategy"}),
			// The answer repeats the strength that the policy names.
			prefixed("object.grantControls.authenticationStrength.", []string{
				"createdDateTime", "modifiedDateTime", "displayName", "description", "policyType", "requirementsSatisfied", "allowedCombinations", "combinationConfigurations",
			})...),
		Unordered: prefixed("object.", []string{
			"conditions.clientAppTypes", "conditions.signInRiskLevels", "conditions.userRiskLevels", "conditions.servicePrincipalRiskLevels",
			"conditions.users.includeUsers", "conditions.users.excludeUsers", "conditions.users.includeGroups", "conditions.users.excludeGroups",
			"conditions.users.includeRoles", "conditions.users.excludeRoles",
			"conditions.applications.includeApplications", "conditions.applications.excludeApplications", "conditions.applications.includeUserActions",
			"conditions.applications.includeAuthenticationContextClassReferences",
			"conditions.locations.includeLocations", "conditions.locations.excludeLocations",
			"conditions.platforms.includePlatforms", "conditions.platforms.excludePlatforms",
			"grantControls.builtInControls", "grantControls.customAuthenticationFactors", "grantControls.termsOfUse",
		}),
		Normalize:  accessNormal,
		Strip:      Strip{Create: accessStrip, Update: accessStrip},
		CreateCall: Call{Method: "POST", Path: accessPolicies, Required: []string{"displayName", "state", "conditions"}},
		UpdateCall: Call{Method: "PATCH", Path: accessPolicies + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: accessPolicies + "/{id}"},
		Creation:   accessCreation, Wanted: accessWanted, Updating: accessUpdating,
		Rank: 80, DependsOn: []string{TypeGroup, "named-location", "authentication-strength-policy", "authentication-context", "terms-of-use-agreement"},
		ReadPermissions: accessRead, WritePermissions: accessWrite, Lane: LaneConditionalAccess,
		Restorability: Restorability{Level: Full, Reason: "A new policy is created as report-only, so that it locks nobody out. A person turns it on."},
	},
	{
		ID: "named-location", Title: "Named location", Shared: true,
		Family: FamilyConditionalAccess, Collection: namedLocations, APIVersion: "beta", ListQuery: "$top=999",
		NameProperty: "displayName", Identity: []string{"@odata.type", "displayName"},
		// Global Secure Access makes it.
		BuiltIn:    BuiltIn{Property: "@odata.type", Values: []string{ODataPrefix + "compliantNetworkNamedLocation"}},
		Parts:      []Part{object(namedLocations, "")},
		Volatile:   prefixed("object.", deletable),
		Unordered:  []string{"object.ipRanges", "object.countriesAndRegions"},
		Strip:      Strip{Create: deletable, Update: deletable},
		CreateCall: Call{Method: "POST", Path: namedLocations, Required: []string{"@odata.type", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: namedLocations + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: namedLocations + "/{id}"},
		Creation:   namedLocationCreation,
		Rank:       30, ReadPermissions: accessRead, WritePermissions: accessWrite, Lane: LaneConditionalAccess,
		Restorability: Restorability{Level: Full, Reason: "The location of compliant networks is Microsoft's own and is never written."},
	},
	{
		ID: "authentication-strength-policy", Title: "Authentication strength", Shared: true,
		Family: FamilyConditionalAccess, Collection: authStrengths, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"policyType", "displayName"},
		BuiltIn:  BuiltIn{Property: "policyType", Values: []string{"builtIn"}},
		Parts:    []Part{object(authStrengths, ""), child(authStrengths, "combinationConfigurations", "")},
		Volatile: []string{"object.requirementsSatisfied", "object.deletedDateTime", "combinationConfigurations[].id", "combinationConfigurations[].createdDateTime", "combinationConfigurations[].modifiedDateTime"},
		Unordered: []string{
			"object.allowedCombinations", "combinationConfigurations", "combinationConfigurations[].appliesToCombinations",
			"combinationConfigurations[].allowedAAGUIDs", "combinationConfigurations[].allowedIssuerSkis", "combinationConfigurations[].allowedPolicyOIDs",
		},
		CreateCall: Call{
			Method: "POST", Path: authStrengths, Only: []string{"displayName", "description", "allowedCombinations"},
			Required: []string{"displayName", "allowedCombinations"},
		},
		// The combinations have an action of their own, the configurations are children.
		UpdateCall: Call{Method: "PATCH", Path: authStrengths + "/{id}", Only: []string{"displayName", "description"}},
		DeleteCall: Call{Method: "DELETE", Path: authStrengths + "/{id}"},
		Creation:   strengthCreation, Updating: strengthUpdating, Apart: []string{"object.allowedCombinations", "combinationConfigurations"},
		Rank: 30, ReadPermissions: accessRead, WritePermissions: []string{"Policy.ReadWrite.AuthenticationMethod"}, Lane: LaneConditionalAccess,
		Restorability: Restorability{Level: Full, Reason: "Microsoft's own strengths are in every tenant and are never written."},
	},
	{
		ID: "authentication-context", Title: "Authentication context",
		Family: FamilyConditionalAccess, Collection: authContexts, APIVersion: "beta",
		// The id is what applications ask for: it is the identity, and the caller's to choose.
		NameProperty: "displayName", Identity: []string{"id"},
		Parts:      []Part{object(authContexts, "")},
		CreateCall: Call{Method: "POST", Path: authContexts, Required: []string{"id", "displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: authContexts + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: authContexts + "/{id}"},
		Creation:   keepID,
		Rank:       30, ReadPermissions: []string{"Policy.Read.ConditionalAccess", "AuthenticationContext.ReadWrite.All", "Policy.ReadWrite.ConditionalAccess"},
		WritePermissions: []string{"AuthenticationContext.ReadWrite.All"}, Lane: LaneConditionalAccess,
		Restorability: Restorability{Level: Full, Reason: "Only when its id is free in the tenant, or has the same meaning there."},
	},
	{
		ID: "terms-of-use-agreement", Title: "Terms of use",
		Family: FamilyConditionalAccess, Collection: termsOfUse, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"displayName"},
		Parts: []Part{
			object(termsOfUse, "$expand=files"), expanded(termsOfUse, "files"),
			{Name: "fileData", Path: termsOfUse + "/{id}/file/localizations('{each}')/fileData/data", Each: agreementFiles, UnreadableCode: unreadablePart},
		},
		Unordered: []string{"files"},
		Rank:      30, ReadPermissions: []string{"Agreement.Read.All", "Agreement.ReadWrite.All"}, Lane: LaneConditionalAccess,
		Restorability: Restorability{Level: CaptureOnly, Reason: "Microsoft lets only a signed-in person create terms of use, not an application."},
	},
}
