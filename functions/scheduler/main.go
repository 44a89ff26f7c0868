// Command scheduler is what the tenants' schedules fire: it starts the run that is due.
package main

import (
	"tenantatlas/shared/function"
)

func main() { function.Main(function.Scheduler) }
