// Package graph talks to Microsoft Graph: tokens, requests, pages, batches,
// retries and errors, on the azcore pipeline and azidentity.
//
// It may reach Microsoft Graph and Microsoft Entra over https and nothing else;
// of ours it imports only shared/reason. It knows no policy type and keeps JSON
// as it came: objects are raw bytes, unknown properties survive byte for byte
// and numbers are never decoded.
//
// What leaves through an error is a reason.Failure: codes and ids. Bodies, URLs
// with a query, tokens, secrets and text from Microsoft never do.
//
// There is exactly one layer that retries, in retry.go. The retry policies of
// azcore and azidentity are switched off, because layers multiply, and because
// azcore gives up on a Retry-After above its MaxRetryDelay while Graph was seen
// to send 315 s (terraform-provider-msgraph#118). Below it, net/http opens a new
// connection for a GET, or for a request of which nothing was sent yet, when the
// server closed the idle one it meant to use; that never repeats a write.
package graph
