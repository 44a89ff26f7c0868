// Command backup-set-create is the worker of backup_set.create runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpBackupSetCreate)) }
