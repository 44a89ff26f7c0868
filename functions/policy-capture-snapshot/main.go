// Command policy-capture-snapshot is the worker of policy.capture_snapshot runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpCaptureSnapshot)) }
