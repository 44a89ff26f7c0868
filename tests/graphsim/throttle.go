package graphsim

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Throttling lanes: the service areas of learn.microsoft.com/graph/throttling-limits
// that have their own limits.
const (
	LaneDeviceConfiguration = "deviceConfiguration"
	LaneDeviceConfigV2      = "deviceConfigV2"
	LaneDeviceIntent        = "deviceIntent"
	LaneApplications        = "applications"
	LaneManagedApplications = "managedApplications"
	LaneEnrollment          = "enrollment"
	LaneRBAC                = "rbac"
	LaneConditionalAccess   = "conditionalAccess"
	LaneCloudPC             = "cloudPC"
	LaneDirectory           = "directory"
)

// Ways in which a throttled answer says how long to wait.
const (
	RetryAfterSeconds    = "seconds"    // whole seconds, rounded up
	RetryAfterFractional = "fractional" // as in the documentation's "Retry-After: 2.128"
	RetryAfterNone       = "none"       // no header: Intune "frequently" omits it
)

// Quota limits the requests of one lane in a sliding window. Throttled requests
// count against it, as the documentation says.
type Quota struct {
	// Lane names a throttling lane; "" means all together.
	Lane string `json:"lane,omitempty"`
	// Tenant restricts the quota to one tenant; "" means each tenant by itself.
	Tenant string `json:"tenant,omitempty"`
	// Writes counts POST, PUT, PATCH and DELETE only.
	Writes bool `json:"writes,omitempty"`
	// WindowMs is the length of the window in milliseconds.
	WindowMs int `json:"windowMs"`
	// PerAppTenant, PerTenant and PerApp are the requests allowed in a window
	// for one app in one tenant, for all apps of a tenant, and for an app in
	// all tenants. 0 means no limit; at most 1,000,000.
	PerAppTenant int `json:"perAppTenant,omitempty"`
	PerTenant    int `json:"perTenant,omitempty"`
	PerApp       int `json:"perApp,omitempty"`
	// RetryAfter is one of the RetryAfter constants; "" means RetryAfterSeconds.
	RetryAfter string `json:"retryAfter,omitempty"`
	// FixedRetryAfter is sent as it is in place of a computed value.
	FixedRetryAfter string `json:"fixedRetryAfter,omitempty"`
}

func (q Quota) validate() error {
	var errs []error
	if q.WindowMs <= 0 {
		errs = append(errs, errors.New("windowMs must be positive"))
	}
	for _, n := range []int{q.PerAppTenant, q.PerTenant, q.PerApp} {
		if n < 0 || n > 1_000_000 {
			errs = append(errs, errors.New("a limit must be between 0 and 1,000,000"))
		}
	}
	switch q.RetryAfter {
	case "", RetryAfterSeconds, RetryAfterFractional, RetryAfterNone:
	default:
		errs = append(errs, fmt.Errorf("retryAfter %q is not known", q.RetryAfter))
	}
	return errors.Join(errs...)
}

// DefaultQuotas are the published limits (learn.microsoft.com/graph/throttling-limits):
// for each Intune lane 1,000 requests in 20 seconds for an app in a tenant and
// 2,000 for all apps, of which 100 and 200 may be writes; 1 in a second for all
// apps of a tenant on Conditional Access policies and named locations, which answer
// without Retry-After; 130,000 in 10 seconds for an app over all tenants. The
// directory counts resource units, of which the smallest tenant has 3,500 in 10
// seconds for an app, and writes, 3,000 in 150 seconds; one unit is taken for each
// request. No limit of Windows 365 was read: it has none here.
func DefaultQuotas() []Quota {
	qs := []Quota{
		{Lane: LaneConditionalAccess, WindowMs: 1000, PerTenant: 1, RetryAfter: RetryAfterNone},
		{Lane: LaneDirectory, WindowMs: 10_000, PerAppTenant: 3500},
		{Lane: LaneDirectory, Writes: true, WindowMs: 150_000, PerAppTenant: 3000},
	}
	for _, lane := range []string{LaneDeviceConfiguration, LaneDeviceConfigV2, LaneDeviceIntent, LaneApplications, LaneManagedApplications, LaneEnrollment, LaneRBAC} {
		qs = append(qs,
			Quota{Lane: lane, WindowMs: 20_000, PerAppTenant: 1000, PerTenant: 2000},
			Quota{Lane: lane, Writes: true, WindowMs: 20_000, PerAppTenant: 100, PerTenant: 200})
	}
	return append(qs, Quota{WindowMs: 10_000, PerApp: 130_000})
}

// window remembers the times of the last limit requests.
type window struct {
	times []time.Time
	next  int
	limit int
}

// hit notes a request at now. It returns 0 when the request is within the limit,
// else how long it takes until one more would be.
func (w *window) hit(now time.Time, length time.Duration) time.Duration {
	if len(w.times) < w.limit {
		w.times = append(w.times, now)
		return 0
	}
	over := now.Sub(w.times[w.next]) < length
	w.times[w.next] = now
	w.next = (w.next + 1) % w.limit
	if !over {
		return 0
	}
	return w.times[w.next].Add(length).Sub(now)
}

// limiter holds the quotas and their windows.
type limiter struct {
	mu      sync.Mutex
	quotas  []Quota
	windows map[string]*window
}

// maxWindows bounds the memory of the limiter; beyond it all windows start anew.
const maxWindows = 100_000

func newLimiter(quotas []Quota) *limiter {
	return &limiter{quotas: quotas, windows: map[string]*window{}}
}

// set replaces all quotas and forgets what was counted.
func (l *limiter) set(quotas []Quota) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quotas = quotas
	l.windows = map[string]*window{}
}

func (l *limiter) list() []Quota {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Quota{}, l.quotas...)
}

// verdict says whether a request is throttled and what Retry-After it gets ("" for none).
type verdict struct {
	throttled  bool
	retryAfter string
}

// take counts one request against every quota that covers it.
func (l *limiter) take(now time.Time, lane, tenant, app, method string) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.windows) > maxWindows {
		l.windows = map[string]*window{}
	}
	var v verdict
	var longest time.Duration
	write := method != http.MethodGet && method != http.MethodHead
	for i, q := range l.quotas {
		if q.Lane != "" && q.Lane != lane || q.Tenant != "" && q.Tenant != tenant || q.Writes && !write {
			continue
		}
		length := time.Duration(q.WindowMs) * time.Millisecond
		for _, part := range []struct {
			key   string
			limit int
		}{
			{fmt.Sprintf("%d|at|%s|%s", i, tenant, app), q.PerAppTenant},
			{fmt.Sprintf("%d|t|%s", i, tenant), q.PerTenant},
			{fmt.Sprintf("%d|a|%s", i, app), q.PerApp},
		} {
			if part.limit == 0 {
				continue
			}
			w, ok := l.windows[part.key]
			if !ok {
				w = &window{limit: part.limit}
				l.windows[part.key] = w
			}
			if wait := w.hit(now, length); wait > 0 && wait >= longest {
				longest = wait
				v = verdict{throttled: true, retryAfter: q.format(wait)}
			}
		}
	}
	return v
}

func (q Quota) format(wait time.Duration) string {
	switch {
	case q.FixedRetryAfter != "":
		return q.FixedRetryAfter
	case q.RetryAfter == RetryAfterNone:
		return ""
	case q.RetryAfter == RetryAfterFractional:
		return strconv.FormatFloat(wait.Seconds(), 'f', 3, 64)
	}
	return strconv.Itoa(int(math.Ceil(wait.Seconds())))
}

// tooMany is the answer to a throttled request; its body was seen at
// msendpointmgr.com/?p=25866.
func (x *exchange) tooMany(v verdict) response {
	r := x.fail(&problem{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "An error has occurred.", details: true})
	r.throttled = true
	if v.retryAfter != "" {
		r.header.Set("Retry-After", v.retryAfter)
	}
	return r
}
