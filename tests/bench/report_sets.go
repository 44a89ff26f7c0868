package main

import "fmt"

// renderSets writes what scheduled backup sets cost.
func renderSets(p func(string, ...any), sets []cost) {
	p("\n## Backup sets\n\nA schedule backs up the whole of a synthetic tenant, whose inventory is known: once with all content new, and a day later, when two policies in a hundred have changed, " +
		"with the set before as what it is compared with. Measured as above, and per policy where policies were done. Each run lists the tenant anew before it chooses, and a line of a worker includes that, claim, plan, slices and end. " +
		"Leases of Microsoft's limits are asked for and not waited for. The worker's time is as of this machine, with the stand-ins for AWS and Graph on the same cores, and no forecast for AWS.\n\n" +
		"| what | done | calls of AWS | of these S3 | write units | read units | requests to Graph and its sign-in | worker | table and bucket |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range sets {
		n, worker := float64(c.Units), ""
		if c.WorkerMillis > 0 {
			worker = fmt.Sprintf("%.1f ms", c.WorkerMillis/n)
		}
		p("| %s | %d | %s | %s | %s | %s | %s | %s | $%.6f |\n", c.Name, c.Units, per(float64(c.calls()), n), per(float64(c.callsOf("S3")), n), per(c.WriteUnits, n), per(c.ReadUnits, n),
			per(float64(c.GraphReads+c.GraphTokens), n), worker, c.dollars()/n)
	}
	if len(sets) == 5 { // firing, first set, its end, next set, its end
		night := sets[0].dollars() + sets[3].dollars() + sets[4].dollars()
		p("\nRequests to the table and the bucket cost $%.4f a night, $%.2f a year, at list prices of us-east-1.\n", night, sets[1].dollars()+sets[2].dollars()-sets[3].dollars()-sets[4].dollars()+days*night)
	}
	p("\nThe tests hold each of these to at most:\n\n| what | calls of AWS | write units | read units |\n|---|--:|--:|--:|\n")
	for _, c := range sets {
		if c.Most != nil {
			p("| %s | %g | %g | %g |\n", c.Name, c.Most.Calls, c.Most.WriteUnits, c.Most.ReadUnits)
		}
	}
	renderCalls(p, sets)
}

// dollars are what requests to the table and the bucket cost.
func (c cost) dollars() float64 {
	return c.WriteUnits*priceWrite + c.ReadUnits*priceRead + float64(c.Calls["S3 PUT"])*pricePut + float64(c.Calls["S3 GET"])*priceGet
}

const days = 365 // that storage is extrapolated to

// gigabyte is what AWS bills storage by.
const gigabyte = 1 << 30

// renderStorage writes what a year of daily sets keeps.
func renderStorage(p func(string, ...any), s storage) {
	p("\n## Storage of a tenant's year\n\nExtrapolated from what the two sets above stored, %d policies of which %d change a day, to %d daily sets: the first, and %d like the second. "+
		"Records are counted as DynamoDB bills them, 100 bytes added to each and to each of its copies in indexes; those that expire within the year are left out.\n\n"+
		"| record | after the first set | more each day | after a year | bytes each | in the table | copies in indexes |\n|---|--:|--:|--:|--:|--:|--:|\n",
		s.Policies, s.Changed, days, days-1)
	var table recordBytes
	var grown int64 // each day
	for _, e := range s.Records {
		year := e.First.plus(e.Daily, days-1)
		table = table.plus(year, 1)
		grown += e.Daily.Table + e.Daily.Index
		p("| %s | %d | %d | %d | %d | %s | %s |\n", e.Name, e.First.Records, e.Daily.Records, year.Records, year.Table/int64(max(year.Records, 1)), megabytes(year.Table), megabytes(year.Index))
	}
	p("| all | | | %d | | %s | %s |\n", table.Records, megabytes(table.Table), megabytes(table.Index))

	objects := s.First.Objects + (days-1)*s.Daily.Objects
	p("\nPayloads are compressed and kept once for each content: %d after the first set, %d more a day, %d after a year. The synthetic ones are small, so those of real ones are shown too. "+
		"List prices of us-east-1: $%g for a GB-month of the table, $%g of S3; point-in-time recovery, backups and requests are not in it.\n\n"+
		"| what | after a year | a month then | the whole year |\n|---|--:|--:|--:|\n", s.First.Objects, s.Daily.Objects, objects, priceTable, priceS3)
	row := func(name string, last, daily int64, price float64) (month, year float64) {
		month = float64(last) / gigabyte * price
		// It grows by as much every day, so that over the year half of the growth is there.
		year = (float64(last) - float64(days-1)/2*float64(daily)) / gigabyte * price * 12
		p("| %s | %s | $%.4f | $%.4f |\n", name, megabytes(last), month, year)
		return month, year
	}
	tableMonth, tableYear := row("table with its indexes", table.Table+table.Index, grown, priceTable)
	row(fmt.Sprintf("payloads, synthetic (median %d bytes)", s.Median), s.First.Bytes+(days-1)*s.Daily.Bytes, s.Daily.Bytes, priceS3)
	for _, size := range []struct {
		what  string
		bytes int64
	}{{"median", s.RealMedian}, {"mean", s.RealMean}} {
		month, year := row(fmt.Sprintf("payloads at the %s of %d real policies (%d bytes)", size.what, s.RealPolicies, size.bytes), int64(objects)*size.bytes, int64(s.Daily.Objects)*size.bytes, priceS3)
		p("| table and those | | $%.4f | $%.4f |\n", tableMonth+month, tableYear+year)
	}
}
