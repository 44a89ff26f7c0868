// Package restore tests previews and live restores as their users meet them:
// started over the API, worked off by the real engine and operations with the real
// Graph client, against the Graph simulator, over in-memory storage.
package restore
