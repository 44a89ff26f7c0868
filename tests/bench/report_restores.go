package main

import (
	"fmt"

	"tenantatlas/tests/figures"
)

// The aims for live restores.
const (
	aimRestoreItem = 0.7  // write units of orchestration for an item
	aimRestoreTime = 1.15 // times what the quota of writes alone takes
)

// renderRestores writes what previews and live restores cost, and how near to
// Microsoft's limits they write.
func renderRestores(p func(string, ...any), restores, machinery []cost, limited figures.Restore) {
	p("\n## Restores\n\nA backup set of settings catalog policies, half of which were deleted since and half changed: its preview and its live restore, over the same parts and counted as above, per policy. " +
		"Each line includes start, claim, plan, slices and end of its run. The archive keeps a document for each planned item and the state of each object before it is written.\n\n" +
		"| what | done | calls of AWS | of these S3 | write units | read units | requests to Graph and its sign-in | table and bucket |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range restores {
		n := float64(c.Units)
		p("| %s | %d | %s | %s | %s | %s | %s | $%.6f |\n", c.Name, c.Units, per(float64(c.calls()), n), per(float64(c.callsOf("S3")), n), per(c.WriteUnits, n), per(c.ReadUnits, n),
			per(float64(c.GraphReads+c.GraphTokens), n), c.dollars()/n)
	}
	if len(machinery) == 2 { // nothing written, everything written
		none, all := machinery[0].each().WriteUnits, machinery[1].each().WriteUnits
		p("\nThe machinery of a live restore of %d items, without its reads and writes: **%.3f write units an item** (aim: %.1f, %s). "+
			"What was written, with its hashes, in the outcome and in the audit, adds %.3f.\n", machinery[0].Units, none, aimRestoreItem, verdict(none <= aimRestoreItem), all-none)
	}
	if limited.Policies > 0 {
		seconds := func(ms int64) string { return fmt.Sprintf("%.1f s", float64(ms)/1000) }
		ratio := float64(limited.Millis) / float64(limited.AtLimitMillis)
		p("\nA live restore of %d policies, half lost and half changed, at Microsoft's published limits, 80 ms for each request, in fake time: **%d writes, %d is the least possible** (%.2f an item), and %d reads. "+
			"At most %d writes in 20 s; %d requests were refused. It took %s, the quota of writes alone %s: %.2f times that. Aim: %.2f (%s).\n",
			limited.Policies, limited.Writes, limited.Needed, float64(limited.Writes)/float64(limited.Policies), limited.Reads,
			limited.Busiest, limited.Refused, seconds(limited.Millis), seconds(limited.AtLimitMillis), ratio, aimRestoreTime, verdict(ratio <= aimRestoreTime))
	}
	renderCalls(p, restores)
}
