// Command console is the function that serves the web console.
package main

import "tenantatlas/shared/function"

func main() { function.Main(function.Console) }
