// Command dead-letters is the function on the queue of dead letters: it looks at the run that each names.
package main

import (
	"tenantatlas/shared/function"
)

func main() { function.Main(function.DeadLetters) }
