// Command restore-rerun is the worker of restore.rerun runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpRestoreRerun)) }
