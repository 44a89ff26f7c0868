// Package localaws gives tests the AWS services they need on this machine:
// ministack, which stands in for all of them, and DynamoDB Local, which is
// Amazon's own DynamoDB semantics. It is for tests only.
//
// A test binary shares one process of each, started when first asked for and
// ended by Main:
//
//	func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }
//
// The kernel ends the processes should the test binary die. The tools are
// installed by "make tools"; without them a test fails. Tables are made from
// template.yaml, so that tests and deployment cannot differ in keys and indexes.
package localaws
