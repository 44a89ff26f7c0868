package run

import (
	"context"
	"slices"
	"time"
)

// Summary is what overviews are read from: one small record of each tenant, so that
// a list of many tenants costs one batch read. What follows up on the changes of
// runs keeps it. It is not part of the writes that it tells of, so it may lag behind
// them by seconds, and each part says as of when it holds.
type Summary struct {
	TenantID string
	// Active are runs that have not ended, sorted. One that has just ended may still
	// be named, and one that has just begun may be missing.
	Active []string
	// Last is the run of each operation that ended last, as far as lists show one:
	// without its input, its plan and what its worker needs.
	Last map[Operation]Run
	// Succeeded is when a run of the operation last ended with nothing failed.
	Succeeded map[Operation]time.Time
	// Inventory, Backup and Schedules are nil until they were counted.
	Inventory *InventoryCount
	Backup    *BackupSummary
	Schedules *ScheduleCount
	// OpenDrift is how much drift nobody marked as expected yet, of the newest
	// MaxCountedDrift; DriftCounted tells 0 from what was never counted.
	OpenDrift    int
	DriftCounted bool
	// Rev grows with every count and every mark of drift.
	Rev int64
}

// MaxCountedDrift is how much open drift is counted. More of it is that much.
const MaxCountedDrift = 1_000

// InventoryCount counts the policies of a tenant.
type InventoryCount struct {
	Present  int
	Vanished int
	Never    int // of those present: never captured
	// Oldest is when the policy was last captured whose last capture is the longest
	// ago, of those present that were; zero for none.
	Oldest time.Time
	// Hours tells when those present were last captured, as far as that was within
	// the day before At. What was captured since is not in it.
	Hours []HourCount
	// Types counts the policies of each type of which there are or were some.
	Types map[string]TypeCount
	At    time.Time
}

// TypeCount counts the policies of one type.
type TypeCount struct {
	Present  int `dynamodbav:"p"`
	Vanished int `dynamodbav:"v,omitempty"`
	Never    int `dynamodbav:"n,omitempty"` // of those present: never captured
}

// HourCount is how many policies were last captured within an hour.
type HourCount struct {
	Hour     time.Time // when it begins
	Policies int
}

// CoverageTime is how old the last capture of a policy may be for the policy to count
// as covered.
const CoverageTime = 24 * time.Hour

// Covered is how many of the policies present were captured within CoverageTime before
// now, to the hour: one that was captured up to an hour before that counts.
func (c InventoryCount) Covered(now time.Time) int {
	n := 0
	for _, h := range c.Hours {
		if h.Hour.Add(time.Hour).After(now.Add(-CoverageTime)) {
			n += h.Policies
		}
	}
	return n
}

// CountInventory counts policies as of a time.
func CountInventory(policies []Policy, at time.Time) InventoryCount {
	c := InventoryCount{At: at}
	hours := map[time.Time]int{}
	for _, p := range policies {
		if c.Types == nil {
			c.Types = map[string]TypeCount{}
		}
		kind := c.Types[p.Type]
		if p.VanishedAt != nil {
			c.Vanished++
			kind.Vanished++
			c.Types[p.Type] = kind
			continue
		}
		c.Present++
		kind.Present++
		never := p.LatestVersion == 0 || p.LastCapturedAt == nil
		if never {
			c.Never++
			kind.Never++
		}
		if c.Types[p.Type] = kind; never {
			continue
		}
		captured := p.LastCapturedAt.UTC()
		if c.Oldest.IsZero() || captured.Before(c.Oldest) {
			c.Oldest = captured
		}
		if hour := captured.Truncate(time.Hour); hour.Add(time.Hour).After(at.Add(-CoverageTime)) {
			hours[hour]++
		}
	}
	for hour, n := range hours {
		c.Hours = append(c.Hours, HourCount{hour, n})
	}
	slices.SortFunc(c.Hours, func(a, b HourCount) int { return a.Hour.Compare(b.Hour) })
	return c
}

// BackupSummary is the backup that a tenant would be restored from: the newest of the
// whole tenant, else the newest. SetID is "" when there is none.
type BackupSummary struct {
	SetID      string
	Name       string
	Whole      bool // of the whole tenant
	ScheduleID string
	CreatedAt  time.Time
	Policies   int // the sum of the next three
	Captured   int // whole
	Incomplete int // captured in part
	Missing    int // not captured
}

// ScheduleCount counts the schedules of a tenant. Those that its state pauses are not
// counted as paused.
type ScheduleCount struct {
	Total  int
	Paused int // by a person
}

// CountSchedules counts schedules.
func CountSchedules(all []Schedule) ScheduleCount {
	c := ScheduleCount{Total: len(all)}
	for _, s := range all {
		if s.Paused {
			c.Paused++
		}
	}
	return c
}

// SummaryCounts are counts to be stored; nil leaves what is there.
type SummaryCounts struct {
	Inventory *InventoryCount
	Backup    *BackupSummary
	Schedules *ScheduleCount
	OpenDrift *int
}

// MemberTenant is a tenant as one of its members sees it in a list.
type MemberTenant struct {
	Member  Member
	Tenant  Tenant
	Summary Summary
}

// Summaries keeps the summaries of tenants.
//
// What is noted can be noted again, in any order, and by several at once.
type Summaries interface {
	// Summary reads one, strong. That nothing is known yet is no error.
	Summary(ctx context.Context, tenantID string) (Summary, error)
	// NoteActive enters a run among the active ones, or takes it out.
	NoteActive(ctx context.Context, tenantID, runID string, active bool) error
	// NoteEnded takes a run that has ended out of the active ones and makes it the
	// last of its operation, unless one that ended later is known.
	NoteEnded(ctx context.Context, r Run) error
	// PutCounts stores counts if Rev is still rev. ErrConflict: count again.
	PutCounts(ctx context.Context, tenantID string, rev int64, c SummaryCounts) error
	// MemberTenants reads those of the tenants that the user is a member of, strong, in
	// the order of the ids. At most 200.
	MemberTenants(ctx context.Context, userID string, tenantIDs []string) ([]MemberTenant, error)
}

// Brief is the run as summaries keep it.
func (r Run) Brief() Run {
	return Run{
		ID: r.ID, TenantID: r.TenantID, TenantName: r.TenantName, Operation: r.Operation, Target: r.Target, Initiator: r.Initiator, Scheduled: r.Scheduled,
		Status: r.Status, Failure: r.Failure, Counts: r.Counts, Untouched: r.Untouched, Totals: r.Totals, Planned: r.Planned,
		CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, UpdatedAt: r.UpdatedAt,
	}
}

// Ended is when the run ended.
func (r Run) Ended() time.Time {
	if r.FinishedAt != nil {
		return *r.FinishedAt
	}
	return r.UpdatedAt
}

// EndedAfter reports whether the run ended later than another one. Of two that ended
// at one instant, either is the later one, and always the same.
func (r Run) EndedAfter(other Run) bool {
	if c := r.Ended().Compare(other.Ended()); c != 0 {
		return c > 0
	}
	return r.ID > other.ID
}
