// Command connection-test is the worker of connection.test runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpConnectionTest)) }
