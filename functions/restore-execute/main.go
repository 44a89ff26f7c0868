// Command restore-execute is the worker of restore.execute runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpRestoreExecute)) }
