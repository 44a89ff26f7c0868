// Package dynamostore keeps tenants, runs, policies, backup sets, schedules, drift
// and records in one DynamoDB table. It implements the contracts of package run that
// are about what is stored there.
//
// It imports only package run and the AWS SDK. All keys are made in keys.go, all
// items are marshaled through the unexported structs of the item files, and SDK
// errors become errors of package run in errors.go. docs/table.md, printed by a
// test, shows every item and every access pattern.
//
// How the contracts are kept:
//
//   - A write is one conditional UpdateItem or PutItem, or one TransactWriteItems.
//   - An answer can be lost, and the SDK may send a request again that had
//     already succeeded. Every write therefore leaves evidence that only it could
//     leave (an epoch with a content token, an audit event, an owner), and is
//     sent again until it is answered. A condition that fails is checked against
//     the evidence before it is reported. Leases of tokens alone leave none: see
//     run.Rates.
//   - Times are stored as fixed-width UTC text with nanoseconds, so that they
//     sort and survive a round trip exactly.
package dynamostore

//go:generate go test -run ^TestTableDocument$ . -update
