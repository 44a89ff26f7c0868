package main

// cost is what something took, for Units of it together.
type cost struct {
	Name        string
	Units       int
	Calls       map[string]int // requests sent to AWS, by service and operation
	ReadUnits   float64        // of DynamoDB, with its indexes
	WriteUnits  float64
	GraphReads  int
	GraphTokens int
	// WorkerMillis is how long the worker took, with its storage on this machine and
	// no call to Graph; 0 when it was not measured.
	WorkerMillis float64
}

func (c cost) calls() int {
	n := 0
	for _, of := range c.Calls {
		n += of
	}
	return n
}
