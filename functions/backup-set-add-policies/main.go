// Command backup-set-add-policies is the worker of backup_set.add_policies runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpBackupSetAdd)) }
