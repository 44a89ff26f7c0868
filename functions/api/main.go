// Command api is the function behind the HTTP API.
package main

import (
	"tenantatlas/shared/function"
)

func main() { function.Main(function.API) }
