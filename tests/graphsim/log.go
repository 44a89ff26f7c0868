package graphsim

import (
	"sync"
	"time"
)

// Kinds of a request, as the log and the fault rules name them.
const (
	KindToken     = "token"     // POST to a token endpoint
	KindDiscovery = "discovery" // OpenID configuration, instance discovery
	KindRead      = "read"      // GET of Graph, also inside a $batch
	KindWrite     = "write"     // any other method of Graph, also inside a $batch
	KindBatch     = "batch"     // the POST to $batch itself
	KindOther     = "other"     // a path that belongs to neither service
)

// LogEntry is one request the simulator answered. It never holds a header, a
// body or, for the token endpoint, a query: so no secret and no token.
type LogEntry struct {
	Seq             uint64    `json:"seq"` // from 1, without gaps
	Time            time.Time `json:"time"`
	Kind            string    `json:"kind"`
	Tenant          string    `json:"tenant,omitempty"`
	App             string    `json:"app,omitempty"`
	Method          string    `json:"method"`
	Path            string    `json:"path"`
	Query           string    `json:"query,omitempty"`
	Status          int       `json:"status"` // 0: the connection was cut
	Code            string    `json:"code,omitempty"`
	Service         string    `json:"service,omitempty"` // the throttling lane
	RequestID       string    `json:"requestId"`
	ClientRequestID string    `json:"clientRequestId,omitempty"`
	BatchID         string    `json:"batchId,omitempty"` // request-id of the enclosing $batch
	Throttled       bool      `json:"throttled,omitempty"`
	NotModelled     bool      `json:"notModelled,omitempty"`
	Command         string    `json:"command,omitempty"` // order to devices or people that it gave
	Fault           string    `json:"fault,omitempty"`   // id of the fault rule that acted
	Bytes           int       `json:"bytes"`             // size of the answer's body
}

// Counters counts answered requests since the start or the last reset.
type Counters struct {
	Tokens      int `json:"tokens"`
	Reads       int `json:"reads"`
	Writes      int `json:"writes"`
	Batches     int `json:"batches"`
	Throttled   int `json:"throttled"`
	NotModelled int `json:"notModelled"`
	Faults      int `json:"faults"`
	// Commands are orders to devices or people: an update paused or rolled back, a
	// Cloud PC changed, a device given another profile. A restore gives none.
	Commands    int `json:"commands"`
	InFlight    int `json:"inFlight"`    // Graph requests being answered now
	MaxInFlight int `json:"maxInFlight"` // the most at once
}

func (c *Counters) add(e LogEntry) {
	switch e.Kind {
	case KindToken:
		c.Tokens++
	case KindRead:
		c.Reads++
	case KindWrite:
		c.Writes++
	case KindBatch:
		c.Batches++
	}
	if e.Throttled {
		c.Throttled++
	}
	if e.NotModelled {
		c.NotModelled++
	}
	if e.Fault != "" {
		c.Faults++
	}
	if e.Command != "" {
		c.Commands++
	}
}

// LogFilter chooses log entries. Zero fields choose all.
type LogFilter struct {
	Since  uint64 // entries with a greater Seq
	Tenant string
	App    string
	Kind   string
	Status int
	Limit  int // at most so many, the oldest first; 0 means no limit
}

func (f LogFilter) match(e LogEntry) bool {
	return e.Seq > f.Since &&
		(f.Tenant == "" || f.Tenant == e.Tenant) &&
		(f.App == "" || f.App == e.App) &&
		(f.Kind == "" || f.Kind == e.Kind) &&
		(f.Status == 0 || f.Status == e.Status)
}

// LogPage is the answer to a look into the log.
type LogPage struct {
	Entries []LogEntry `json:"entries"`
	// Cursor is the Since of the next look.
	Cursor uint64 `json:"cursor"`
	// Dropped counts entries after Since that the ring no longer holds,
	// whatever the other filters say.
	Dropped uint64 `json:"dropped"`
}

// maxTenantCounters bounds the counters kept per tenant: a token request names
// its tenant freely.
const maxTenantCounters = 10_000

// journal is the bounded request log with its counters.
type journal struct {
	mu       sync.Mutex
	ring     []LogEntry
	size     int
	lastSeq  uint64
	firstSeq uint64 // first that a reset left countable as dropped
	total    Counters
	tenants  map[string]*Counters
}

func newJournal(size int) *journal {
	return &journal{size: size, firstSeq: 1, tenants: map[string]*Counters{}}
}

func (j *journal) tenant(id string) *Counters {
	c, ok := j.tenants[id]
	if !ok {
		if len(j.tenants) >= maxTenantCounters {
			return &Counters{}
		}
		c = &Counters{}
		j.tenants[id] = c
	}
	return c
}

// begin notes that a Graph request of the tenant is being answered; the
// returned function notes its end.
func (j *journal) begin(tenant string) func() {
	j.mu.Lock()
	defer j.mu.Unlock()
	both := []*Counters{&j.total, j.tenant(tenant)}
	for _, c := range both {
		c.InFlight++
		c.MaxInFlight = max(c.MaxInFlight, c.InFlight)
	}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, c := range both {
			c.InFlight--
		}
	}
}

func (j *journal) add(e LogEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lastSeq++
	e.Seq = j.lastSeq
	if len(j.ring) < j.size {
		j.ring = append(j.ring, e)
	} else {
		j.ring[(e.Seq-1)%uint64(j.size)] = e
	}
	j.total.add(e)
	if e.Tenant != "" {
		j.tenant(e.Tenant).add(e)
	}
}

// page returns the entries the filter chooses, oldest first.
func (j *journal) page(f LogFilter) LogPage {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := LogPage{Entries: []LogEntry{}, Cursor: max(f.Since, j.firstSeq-1)}
	oldest := j.firstSeq
	if n := uint64(j.size); j.lastSeq > n {
		oldest = max(oldest, j.lastSeq-n+1)
	}
	if from := max(f.Since+1, j.firstSeq); from < oldest {
		p.Dropped = oldest - from
	}
	for seq := max(oldest, f.Since+1); seq <= j.lastSeq; seq++ {
		p.Cursor = seq
		e := j.ring[(seq-1)%uint64(j.size)]
		if !f.match(e) {
			continue
		}
		p.Entries = append(p.Entries, e)
		if f.Limit > 0 && len(p.Entries) == f.Limit {
			break
		}
	}
	return p
}

// counters returns the totals and a copy of those of each tenant.
func (j *journal) counters() (Counters, map[string]Counters) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make(map[string]Counters, len(j.tenants))
	for id, c := range j.tenants {
		out[id] = *c
	}
	return j.total, out
}

// resetLog empties the log; sequence numbers go on.
func (j *journal) resetLog() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.firstSeq = j.lastSeq + 1
}

// resetCounters sets all counters to zero; requests being answered stay counted
// as in flight.
func (j *journal) resetCounters() {
	j.mu.Lock()
	defer j.mu.Unlock()
	zero := func(c *Counters) { *c = Counters{InFlight: c.InFlight, MaxInFlight: c.InFlight} }
	zero(&j.total)
	for _, c := range j.tenants {
		zero(c)
	}
}
