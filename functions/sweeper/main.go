// Command sweeper is the function on the schedule: every minute it makes runs that nobody works on go on or end.
package main

import (
	"tenantatlas/shared/function"
)

func main() { function.Main(function.Sweeper) }
