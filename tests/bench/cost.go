package main

import "strings"

// measured is what the tests of this package hand over.
type measured struct {
	Operations []cost  `json:"operations"`
	Runs       []cost  `json:"runs"` // of runs by their number of items
	Sets       []cost  `json:"sets"`
	Storage    storage `json:"storage"`
	// Restores are a preview and a live restore; Machinery is what is left of a
	// live restore without its reads and writes, nothing written and all written.
	Restores  []cost     `json:"restores"`
	Machinery []cost     `json:"machinery"`
	Lists     []listCost `json:"lists"`
}

// cost is what something took, for Units of it together.
type cost struct {
	Name        string
	Units       int
	Calls       map[string]int // requests sent to AWS, by service and operation
	ReadUnits   float64        // of DynamoDB, with its indexes
	WriteUnits  float64
	GraphReads  int
	GraphTokens int
	// WorkerMillis is how long the worker took, with its storage on this machine; 0
	// when it was not measured.
	WorkerMillis float64
	// Most is what the tests hold the figures of each unit to, if to anything.
	Most *limits
}

// limits of what each of something may take.
type limits struct{ Calls, WriteUnits, ReadUnits float64 }

func (c cost) calls() int {
	n := 0
	for _, of := range c.Calls {
		n += of
	}
	return n
}

// callsOf are those to one service.
func (c cost) callsOf(service string) int {
	n := 0
	for name, of := range c.Calls {
		if strings.HasPrefix(name, service+" ") {
			n += of
		}
	}
	return n
}

// each is the share of one unit.
func (c cost) each() limits {
	n := float64(c.Units)
	return limits{float64(c.calls()) / n, c.WriteUnits / n, c.ReadUnits / n}
}

// storage is what daily backups of one tenant keep.
type storage struct {
	Policies, Changed int // of the tenant, and of those from a day to the next
	Records           []entity
	First, Daily      payloads
	// Median is the size of a stored payload of the synthetic tenant, RealMedian and
	// RealMean those of RealPolicies real ones.
	Median, RealMedian, RealMean int64
	RealPolicies                 int
}

// entity is one kind of record: what the table holds of it after the first day,
// and what each day after adds. Bytes are as DynamoDB bills them.
type entity struct {
	Name         string
	First, Daily recordBytes
}

type recordBytes struct {
	Records      int
	Table, Index int64 // Index: of the copies in indexes
}

func (r recordBytes) plus(o recordBytes, times int) recordBytes {
	return recordBytes{r.Records + times*o.Records, r.Table + int64(times)*o.Table, r.Index + int64(times)*o.Index}
}

// payloads are objects in the bucket.
type payloads struct {
	Objects int
	Bytes   int64
}

// listCost is what the pages of one list cost.
type listCost struct {
	Name string
	Of   int // entries
	// Requests to DynamoDB for a page, and its read units: of the first page, one in
	// the middle and the last one.
	Requests            int
	First, Middle, Last float64
	// Less is the read units of the first page where the list has LessOf entries.
	Less   float64
	LessOf int
	// Nothing is the dearest page of a search that finds nothing.
	NothingRequests int
	Nothing         float64
	Millis          float64 // that the first page took, median
}
