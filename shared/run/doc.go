// Package run is the domain of TenantAtlas: tenants, members, policies,
// versions, runs, their outcomes, and the contracts that storage, queue and
// archive adapters must keep.
//
// It is the bottom of the tree. It imports nothing of ours and no SDK, reads no
// clock and performs no I/O: times and identifiers are handed in, so every rule
// here can be tested and simulated without luck.
//
// The words are those of docs/architecture.md. The state diagram of a run:
//
//	queued ──claim──► running ──► succeeded | partial | failed | canceled
//	   └──────────────────────────────────► failed | canceled
//
// A terminal run never changes. The guarantees that keep this true when workers
// die, messages repeat and answers are lost stand on the interfaces in store.go.
package run
