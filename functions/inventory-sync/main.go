// Command inventory-sync is the worker of inventory.sync runs.
package main

import (
	"tenantatlas/shared/function"
	"tenantatlas/shared/run"
)

func main() { function.Main(function.Worker(run.OpInventorySync)) }
