package ratelimit

import (
	"time"

	"tenantatlas/shared/graph"
	"tenantatlas/shared/run"
)

// quota is one of Microsoft's limits, and how it is shared out.
type quota struct {
	service string // name of the budget
	limit   int    // requests in any window, as published
	window  time.Duration
	lease   int // most tokens taken at once; 1: one by one, when needed
	// margin is the part of the limit that TenantAtlas uses.
	margin float64
	// burst is the part of that which may be used at once.
	burst float64
}

// Margins. A limit for each application is ours alone, so that only requests which
// meet on their way could exceed it; others are shared with other tools, and
// Microsoft's own, which are not seen.
const (
	marginOurs   = 0.98
	marginShared = 0.8
)

// leaseLife is how long leased tokens may be used. It also bounds how late a
// worker learns of a block that another one met. What is leased late in a window
// counts in the next, so a long life costs a part of every window.
const leaseLife = 1500 * time.Millisecond

// quotas are the limits that hold for a lane: for every request first, for
// writes another one. A write takes of both.
//
// Source of the numbers: learn.microsoft.com/graph/throttling-limits. The Intune
// services there (device configuration, applications, …) have equal limits,
// each for itself; they share one budget here, because which service a path
// belongs to is not published.
var quotas = map[graph.Lane][]quota{
	// 1,000 requests in 20 s for an app in a tenant, of which 100 may be POST, PUT,
	// DELETE or PATCH. What may be used at once is missing from the rate that lasts:
	// a restore of hundreds of policies is worth more than a quick start of a few.
	graph.LaneIntune: {
		{service: "intune", limit: 1000, window: 20 * time.Second, lease: 25, margin: marginOurs, burst: 0.05},
		{service: "intune-write", limit: 100, window: 20 * time.Second, lease: 4, margin: marginOurs, burst: 0.05},
	},
	// 1 request a second for all apps of a tenant.
	graph.LaneConditionalAccess: {{service: "conditional-access", limit: 1, window: time.Second, lease: 1, margin: marginShared}},
	// 3,500 resource units in 10 s for an app in the smallest kind of tenant; the
	// dearest request costs 5 of them. Writes: 3,000 in 150 s.
	graph.LaneDirectory: {
		{service: "directory", limit: 700, window: 10 * time.Second, lease: 25, margin: marginShared, burst: 0.25},
		{service: "directory-write", limit: 3000, window: 150 * time.Second, lease: 5, margin: marginShared, burst: 0.25},
	},
	// No limit of the token endpoint is published; a token lasts an hour, so this
	// is far more than is needed and still no flood.
	graph.LaneEntra: {{service: "entra", limit: 200, window: time.Minute, lease: 1, margin: marginShared, burst: 0.25}},
}

// applying returns the limits that a request counts against, the tightest first.
func applying(lane graph.Lane, write bool) []quota {
	all := quotas[lane]
	if len(all) == 0 {
		all = quotas[graph.LaneDirectory]
	}
	if write && len(all) > 1 {
		return []quota{all[1], all[0]}
	}
	return all[:1]
}

// rate is the budget that keeps the quota in every window: a part of what may be
// used is the burst, the rest comes evenly. Tokens are used up to leaseLife
// after they were given out, so those of a window that is longer by that much
// must fit.
func (q quota) rate() run.Rate {
	use := q.margin * float64(q.limit)
	burst, window := max(1, int(use*q.burst)), q.window
	if q.lease == 1 && burst == 1 { // nothing at once, and nothing is kept
		return run.Rate{Interval: time.Duration(float64(window) / use), Burst: 1}
	}
	if q.lease > 1 {
		window += leaseLife
	}
	return run.Rate{Interval: time.Duration(float64(window) / (use - float64(burst))), Burst: burst}
}

// reserve is what scheduled runs leave of the burst, so that a person who waits
// is served before them. A burst of one cannot be divided.
func (q quota) reserve() int { return q.rate().Burst / 2 }
