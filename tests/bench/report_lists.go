package main

import "fmt"

// renderLists writes what pages of lists cost.
func renderLists(p func(string, ...any), lists []listCost) {
	p("\n## Lists\n\nThe HTTP API over the real store and DynamoDB Local, in a tenant with as many entries as the table says, 50 to a page (20 of firings), each with its check of the caller. "+
		"A page costs the same wherever it stands and however long the list is: the tests compare the first page, one in the middle and the last ones, and the first page of a shorter list. "+
		"They allow no operation but GetItem, BatchGetItem and Query, and hold the requests of a page to what they are here. Near the end there may be less to look at. "+
		"A search that finds nothing looks at a page and nine times %d entries and then returns an empty page that says where to go on; the dearest such page is shown. "+
		"The time is the median of the first page, as of this machine, with the table on it. Aim: 300 ms.\n\n"+
		"| list | entries | requests | read units: first page | in the middle | last | first page of a shorter list | search that finds nothing | first page | |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n", looked)
	for _, l := range lists {
		vain := ""
		if l.NothingRequests > 0 {
			vain = fmt.Sprintf("%d requests, %g units", l.NothingRequests, l.Nothing)
		}
		p("| %s | %d | %d | %g | %g | %g | %g (of %d) | %s | %.0f ms | %s |\n", l.Name, l.Of, l.Requests, l.First, l.Middle, l.Last, l.Less, l.LessOf, vain, l.Millis, verdict(l.Millis <= aimListMillis))
	}
}

const (
	looked        = 250 // entries that the store looks at where a filter may leave some out
	aimListMillis = 300
)
