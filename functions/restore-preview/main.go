// Command restore-preview is the worker of restore.preview runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpRestorePreview)) }
