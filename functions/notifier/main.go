// Command notifier is the function on the table's stream: it notifies whoever started a run.
package main

import (
	"tenantatlas/shared/function"
)

func main() { function.Main(function.Notifier) }
