// Package graphsim simulates the part of Microsoft Graph and Microsoft Entra
// that TenantAtlas talks to: the token endpoint, the beta reads and
// writes of Intune's configuration, $batch, throttling and the ways in which all of
// it fails. It shares no table with the product: what it knows comes from
// published metadata and documented or reported behaviour.
//
// It is for tests and for the local stack; nothing that is deployed imports it.
// It may touch its own listeners, its own folder (certificate authority and
// token key) and the folders of exported policies that it is told to load. It
// never calls out. What it does not model it refuses with status 501 and the
// code SimulatorNotModelled, so that a caller never works by accident.
package graphsim
