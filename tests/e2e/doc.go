// Package e2e holds the black-box tests: what an operator relies on, shown
// against a running local stack with the deployed template, enforced access
// control and the Graph simulator.
//
// It reads .local/stack.json (STACK_FILE names another), talks to the API
// through the stack's origin, and to the stand-ins for AWS and Graph to arrange
// faults and to look at what was stored. Of the product's own packages it knows
// only those of cmd/localstack. Every test makes the tenants it changes, puts
// back what it turned, and can be repeated on the same stack in any order.
package e2e
