package run

import (
	"slices"
	"time"
)

// Cloud is the Microsoft cloud a tenant lives in. It decides which Graph and
// sign-in addresses are used.
type Cloud string

// The Microsoft clouds (learn.microsoft.com/graph/deployments).
const (
	CloudGlobal   Cloud = "global"
	CloudUSGov    Cloud = "usgov"    // US Government L4 (GCC High)
	CloudUSGovDoD Cloud = "usgovdod" // US Government L5 (DoD)
	CloudChina    Cloud = "china"    // operated by 21Vianet
)

// Clouds lists all clouds.
func Clouds() []Cloud { return []Cloud{CloudGlobal, CloudUSGov, CloudUSGovDoD, CloudChina} }

// CredentialKind says how the application signs in to a tenant.
type CredentialKind string

// The kinds of credentials.
const (
	CredentialClientSecret CredentialKind = "client_secret"
	CredentialCertificate  CredentialKind = "certificate"
)

// Tenant is a managed Microsoft tenant and how to reach it. It holds a
// reference to the credential, never the credential.
type Tenant struct {
	ID             string
	Name           string // as people call it; typed to confirm a live restore
	GraphTenantID  string // Microsoft's tenant id, a GUID
	ClientID       string // application (client) id, a GUID
	Cloud          Cloud
	CredentialKind CredentialKind
	CredentialRef  string // name of the secret in the credential store
	Disabled       bool
	// Connection is set while Microsoft refuses the credential or the application:
	// see Tenants.NoteConnection.
	Connection *ConnectionFault
	Owners     int // number of members with RoleOwner, kept by the store
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Rev        int64 // grows with every change; what If-Match compares
}

// Role is what a member may do in one tenant. Each role includes the ones
// before it.
type Role string

// The roles, weakest first.
const (
	RoleViewer   Role = "viewer"   // reads
	RoleOperator Role = "operator" // also captures, backs up and previews
	RoleRestorer Role = "restorer" // also runs live restores
	RoleOwner    Role = "owner"    // also manages members, connection and schedules
)

// Roles lists all roles, weakest first.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleRestorer, RoleOwner} }

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Includes reports whether r allows everything that need allows. An unknown
// role includes nothing and is included in nothing.
func (r Role) Includes(need Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), need)
	return have >= 0 && want >= 0 && have >= want
}

// RolesIncluding lists the roles that include need, weakest first.
func RolesIncluding(need Role) []Role {
	i := slices.Index(Roles(), need)
	if i < 0 {
		return nil
	}
	return Roles()[i:]
}

// Member is a signed-in user's role in one tenant.
type Member struct {
	TenantID   string
	TenantName string // copied for lists; the tenant record has the truth
	UserID     string // subject of the user's token
	Name       string // how to show the user, usually an e-mail address
	Role       Role
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Rev        int64
}

// Principal is the caller of a request, as the identity provider vouches.
type Principal struct {
	UserID        string
	Name          string
	PlatformAdmin bool // may create tenants; that alone shows no run
}
