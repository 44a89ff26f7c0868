// Package schema knows the property schema of the Intune types of Microsoft
// Graph beta. It checks request bodies the way Graph's OData reader does, with
// its codes and messages, and draws random valid objects.
//
// The tables are types.json and sets.json, reduced from Microsoft's published
// metadata (their "about" and "sources" say how). They are embedded: the package
// does no input or output, and nothing that is deployed imports it.
//
// # Where the messages come from
//
// Seen with the real service: the unknown property (Intune-PowerShell-SDK#98),
// the type that cannot be resolved (IntuneManagement#318), the entry that is not
// assignable (Intune-Config-Frameworks#8), the complex value of the wrong type
// (IntuneWin32App#136), the abstract class (powershell-intune-samples#162), the
// literal that cannot be converted (Microsoft365DSC#5954), the enumeration value
// that was not found (Win32App-Migration-Tool#23), the unexpected node
// (Microsoft365DSC#3539, there with an excerpt of the body at its end, which is
// left out here), the payload that is no JSON (nodejs-connect-rest-sample#53).
//
// From the texts of OData's reader, which the ones above are from as well: null
// where null is refused, duplicate properties, bindings, annotations that are
// not expected, parameters of actions, a value that is no string, nesting.
//
// Assumptions, because nobody has quoted the service: the texts for a property
// that is read-only, for a navigation property inline, and for a body that is
// too large; the code BadRequest for all of this below identity; that strings
// for numbers are refused throughout (the reader may convert some); that the
// members of an enumeration are compared with case.
package schema
