package reason

// connectionLost are the codes that every further request of a tenant would meet
// too, until a person acts. That our own store of credentials did not answer is none
// of them: it passes by itself.
var connectionLost = map[Code]bool{
	CredentialInvalid: true, CredentialExpired: true,
	AppNotFound: true, AppDisabled: true, BlockedByPolicy: true,
	TenantNotFound: true, TenantBlocked: true, WrongCloud: true,
}

// ConnectionLost reports whether a failure of this code stands for the tenant as a
// whole: Microsoft refuses its credential or its application.
func ConnectionLost(c Code) bool { return connectionLost[c] }
