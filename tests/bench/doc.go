// Command bench measures what the product costs and how fast it is, and writes
// docs/benchmarks.md:
//
//	go run ./tests/bench -write docs/benchmarks.md
//
// It needs a running local stack (.local/stack.json; STACK_FILE names another),
// whose API it asks through the stack's origin and in whose Graph simulator it
// makes a tenant of its own. What needs no stack is measured by the tests of
// this package: they hold the limits in every test run and hand their figures
// over in a file. It builds into a temporary folder and writes the one file.
package main
