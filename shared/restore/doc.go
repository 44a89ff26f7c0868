// Package restore plans what a live restore writes: per policy the action, what
// changes, the steps, what people must know before they confirm it, and why
// something cannot be written. It is pure: it works on payload documents and
// performs no I/O. The operations read and write for it (shared/operation).
//
// A plan is made once, by a preview, and applied as it was confirmed: the document
// of each item is bound by the digest of the plan, and names the live object it was
// made for by a fingerprint of its content.
package restore
