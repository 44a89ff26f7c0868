// Package cadence says when a schedule fires. It reads the expressions of Amazon
// EventBridge Scheduler and computes the same times; the rules are those of
// docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html, "the guide"
// below. What the guide does not describe is refused, even where the service may
// take it: an expression that is accepted here and refused there would be stored
// and never fire. It imports nothing of ours.
package cadence

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the image of a function has no time zones

	"github.com/adhocore/gronx"
)

// Years that an expression can name, by the guide. Nothing fires outside them.
const (
	firstYear = 1970
	lastYear  = 2199
)

// Limits of Scheduler's API (API_CreateSchedule), in bytes.
const (
	maxExpression = 256
	maxTimeZone   = 50
)

// Field is a part of a cadence that can be wrong.
type Field string

// The fields. Expression is the whole of it: neither rate(…) nor cron(…), or a
// wrong number of fields.
const (
	Expression Field = "expression"
	TimeZone   Field = "time_zone"
	RateValue  Field = "rate_value"
	RateUnit   Field = "rate_unit"
	Minutes    Field = "minutes"
	Hours      Field = "hours"
	DayOfMonth Field = "day_of_month"
	Month      Field = "month"
	DayOfWeek  Field = "day_of_week"
	Year       Field = "year"
)

// Error says which field was not understood. It never repeats what was given.
type Error struct {
	Field  Field
	Reason string
}

func (e *Error) Error() string { return "cadence: " + string(e.Field) + ": " + e.Reason }

func refuse(field Field, reason string, a ...any) error {
	return &Error{Field: field, Reason: fmt.Sprintf(reason, a...)}
}

// Cadence is when something fires. Make one with Parse; it is a value, safe for
// concurrent use.
type Cadence struct {
	zone *time.Location
	// Of a rate. A period of 0 means a cron expression.
	period time.Duration
	anchor time.Time
	// Of a cron expression: what gronx reads of it, the same at midnight alone, the
	// times of day as minutes after midnight, and the years, nil for all; ascending.
	cron  string
	dates string
	times []int
	years []int
}

// Parse reads rate(<n> minutes|hours|days), with the singular for 1, or
// cron(<minutes> <hours> <day of month> <month> <day of week> <year>), in an IANA
// time zone. Every fault is an *Error.
//
// A rate counts from the anchor, cut to its minute; it first fires one period after
// it. Without a start date EventBridge fires at once and counts from there, so
// whoever enters a rate there has to give it Next's time as its start date. A cron
// expression needs no anchor.
//
// An expression can be right and never fire again, or never at all (the 30th of
// February): Next then returns nothing.
func Parse(expression, timeZone string, anchor time.Time) (Cadence, error) {
	zone, err := loadZone(timeZone)
	if err != nil {
		return Cadence{}, err
	}
	if len(expression) > maxExpression {
		return Cadence{}, refuse(Expression, "longer than %d characters", maxExpression)
	}
	body, closed := strings.CutSuffix(expression, ")")
	if rate, ok := strings.CutPrefix(body, "rate("); ok && closed {
		period, err := parseRate(rate)
		if err != nil {
			return Cadence{}, err
		}
		return Cadence{zone: zone, period: period, anchor: anchor.UTC().Truncate(time.Minute)}, nil
	}
	if cron, ok := strings.CutPrefix(body, "cron("); ok && closed {
		c, err := parseCron(cron)
		if err != nil {
			return Cadence{}, err
		}
		c.zone = zone
		return c, nil
	}
	return Cadence{}, refuse(Expression, "neither rate(…) nor cron(…)")
}

var reZone = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// loadZone loads a zone of the IANA database by its own name for it: the folders of
// a machine hold more files (right/…, posix/…, localtime) that only it knows.
func loadZone(name string) (*time.Location, error) {
	switch {
	case len(name) > maxTimeZone:
		return nil, refuse(TimeZone, "longer than %d characters", maxTimeZone)
	case !reZone.MatchString(name) || name == "Local" || name == "Factory":
		return nil, refuse(TimeZone, "not the name of a time zone")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, refuse(TimeZone, "unknown")
	}
	return zone, nil
}

// A rate of as many digits, in days, still fits a time.Duration.
const maxRateDigits = 5

var rateUnits = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// parseRate reads what stands between the brackets. A day is 24 hours, whatever the
// clock does (the guide, "Daylight savings time").
func parseRate(body string) (time.Duration, error) {
	value, unit, ok := strings.Cut(body, " ")
	if !ok {
		return 0, refuse(Expression, "a rate is a number and a unit with one space between them")
	}
	n, ok := number(value, maxRateDigits)
	if !ok || n < 1 {
		return 0, refuse(RateValue, "not a whole number from 1 to 99999")
	}
	singular, plural := strings.CutSuffix(unit, "s")
	period := rateUnits[singular]
	switch {
	case period == 0:
		return 0, refuse(RateUnit, "not minutes, hours or days")
	case plural != (n != 1):
		return 0, refuse(RateUnit, "singular for 1, else plural")
	}
	return time.Duration(n) * period, nil
}

// field is the rule of one field of a cron expression (the guide, "Cron-based
// schedules").
type field struct {
	name    Field
	low, hi int
	digits  int
	steps   bool // takes the / wildcard
	names   []string
}

var (
	minutesField    = field{name: Minutes, low: 0, hi: 59, digits: 2, steps: true}
	hoursField      = field{name: Hours, low: 0, hi: 23, digits: 2, steps: true}
	dayOfMonthField = field{name: DayOfMonth, low: 1, hi: 31, digits: 2, steps: true}
	monthField      = field{
		name: Month, low: 1, hi: 12, digits: 2, steps: true,
		names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	}
	dayOfWeekField = field{
		name: DayOfWeek, low: 1, hi: 7, digits: 1,
		names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"},
	}
	yearField = field{name: Year, low: firstYear, hi: lastYear, digits: 4, steps: true}
)

// parseCron reads what stands between the brackets. Every field is written out as
// the plain values it means before gronx sees it, so that only these, L, W and #
// have to mean the same to it: its days of the week begin at 0. Years it does not
// see at all: it takes their steps from year 0, and long over a list of them.
func parseCron(body string) (Cadence, error) {
	parts := strings.Split(body, " ")
	if len(parts) != 6 {
		return Cadence{}, refuse(Expression, "a cron expression has six fields with one space between them")
	}
	minutes, err := minutesField.values(parts[0])
	if err != nil {
		return Cadence{}, err
	}
	hours, err := hoursField.values(parts[1])
	if err != nil {
		return Cadence{}, err
	}
	dayOfMonth, err := parseDayOfMonth(parts[2])
	if err != nil {
		return Cadence{}, err
	}
	months, err := monthField.values(parts[3])
	if err != nil {
		return Cadence{}, err
	}
	dayOfWeek, err := parseDayOfWeek(parts[4])
	if err != nil {
		return Cadence{}, err
	}
	if (dayOfMonth == "?") == (dayOfWeek == "?") {
		return Cadence{}, refuse(DayOfWeek, "of day of month and day of week, exactly one is ?")
	}
	years, err := yearField.values(parts[5])
	if err != nil {
		return Cadence{}, err
	}
	var c Cadence
	if len(years) <= lastYear-firstYear {
		c.years = years
	}
	date := dayOfMonth + " " + monthField.list(months) + " " + dayOfWeek + " *"
	c.cron = "0 " + minutesField.list(minutes) + " " + hoursField.list(hours) + " " + date
	c.dates = "0 0 0 " + date
	for _, h := range hours {
		for _, m := range minutes {
			c.times = append(c.times, h*60+m)
		}
	}
	return c, nil
}

// parseDayOfMonth returns the field as gronx reads it. L and W stand alone, since
// the guide has no list with them.
func parseDayOfMonth(text string) (string, error) {
	if text == "?" || text == "L" {
		return text, nil
	}
	if day, ok := strings.CutSuffix(text, "W"); ok {
		n, ok := dayOfMonthField.value(day)
		if !ok {
			return "", refuse(DayOfMonth, "W follows a day from 1 to 31")
		}
		return strconv.Itoa(n) + "W", nil
	}
	days, err := dayOfMonthField.values(text)
	return dayOfMonthField.list(days), err
}

// parseDayOfWeek returns the field as gronx reads it, with SUN as 0. L alone is the
// last day of the week, <n>L the last such day of a month and <n>#<k> the k-th.
func parseDayOfWeek(text string) (string, error) {
	if text == "?" {
		return text, nil
	}
	if day, ok := strings.CutSuffix(text, "L"); ok {
		if day == "" {
			return "6", nil
		}
		n, ok := number(day, 1)
		if !ok || n < 1 || n > 7 {
			return "", refuse(DayOfWeek, "L stands alone or follows a day from 1 to 7")
		}
		return strconv.Itoa(n-1) + "L", nil
	}
	if day, nth, ok := strings.Cut(text, "#"); ok {
		n, okDay := number(day, 1)
		k, okNth := number(nth, 1)
		if !okDay || !okNth || n < 1 || n > 7 || k < 1 || k > 5 {
			return "", refuse(DayOfWeek, "# stands alone, between a day from 1 to 7 and a number from 1 to 5")
		}
		return fmt.Sprintf("%d#%d", n-1, k), nil
	}
	days, err := dayOfWeekField.values(text)
	for i := range days {
		days[i]--
	}
	return dayOfWeekField.list(days), err
}

// values returns what a field names, ascending and each once: *, or a list of
// values, ranges and steps.
func (f field) values(text string) ([]int, error) {
	if text == "*" {
		return f.span(f.low, f.hi, 1), nil
	}
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		base, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var ok bool
			if step, ok = number(stepText, f.digits); !f.steps || !ok || step < 1 || step > f.hi {
				return nil, refuse(f.name, "not a step of it")
			}
		}
		from, to, ranged := strings.Cut(base, "-")
		low, ok := f.value(from)
		hi := low
		switch {
		case stepped && base == "*":
			low, hi, ok = f.low, f.hi, true
		case ranged && ok:
			hi, ok = f.value(to)
		case stepped:
			hi = f.hi
		}
		switch {
		case !ok:
			return nil, refuse(f.name, "not a value from %d to %d, a range or a list of these", f.low, f.hi)
		case hi < low:
			return nil, refuse(f.name, "a range ends before it begins")
		}
		all = append(all, f.span(low, hi, step)...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (f field) span(low, hi, step int) []int {
	var all []int
	for v := low; v <= hi; v += step {
		all = append(all, v)
	}
	return all
}

func (f field) value(text string) (int, bool) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.low + i, true
	}
	n, ok := number(text, f.digits)
	return n, ok && f.low <= n && n <= f.hi
}

// list writes values for gronx, which is faster with * than with all of them.
func (f field) list(values []int) string {
	if len(values) == f.hi-f.low+1 {
		return "*"
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.Itoa(v)
	}
	return strings.Join(texts, ",")
}

// number reads up to so many digits and nothing else.
func number(text string, digits int) (int, bool) {
	if len(text) > digits || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// Rate reports whether the cadence is a rate, which counts from its anchor.
func (c Cadence) Rate() bool { return c.period > 0 }

// Next returns the next n times after the given one, ascending and in UTC; fewer
// when it does not fire as often before the year 2200. Each costs some
// microseconds, up to milliseconds where years lie between.
//
// Where the clock is set forward, a time that does not exist is left out; where it
// is set back, a time that comes twice fires the first time (the guide, "Daylight
// savings time").
func (c Cadence) Next(after time.Time, n int) []time.Time {
	var all []time.Time
	for len(all) < n {
		t, ok := c.next(after)
		if !ok {
			break
		}
		all = append(all, t)
		after = t
	}
	return all
}

var (
	firstTime = time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	endTime   = time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (c Cadence) next(after time.Time) (time.Time, bool) {
	if !after.Before(endTime.AddDate(0, 0, 1)) || c.zone == nil {
		return time.Time{}, false
	}
	if c.period > 0 {
		return c.nextOfRate(after)
	}
	// gronx counts on a clock without changes, and what it finds is placed in the zone
	// afterwards: in a zone it fires twice at a time that comes twice.
	clock := firstTime
	if wall := wallClock(after, c.zone).Truncate(time.Minute).Add(time.Minute); wall.After(clock) {
		clock = wall
	}
	for {
		wall, ok := c.tick(c.cron, clock)
		if !ok {
			return time.Time{}, false
		}
		if t, ok := place(wall, c.zone); ok && t.After(after) {
			return t, true
		}
		clock = wall.Add(time.Minute)
	}
}

func (c Cadence) nextOfRate(after time.Time) (time.Time, bool) {
	// In seconds, because the time between two times may not fit a Duration.
	period, k := int64(c.period/time.Second), int64(1)
	if !after.Before(c.anchor) {
		k += (after.Unix() - c.anchor.Unix()) / period
	}
	t := time.Unix(c.anchor.Unix()+k*period, 0).UTC()
	return t, t.Before(endTime)
}

// tick returns the first time of the expression, c.cron or c.dates, from the given
// minute on. gronx gives up with an error where there is none.
func (c Cadence) tick(expression string, from time.Time) (time.Time, bool) {
	for from.Before(endTime) {
		t, err := gronx.NextTickAfter(expression, from, true)
		if err != nil || !t.Before(endTime) {
			break
		}
		if c.years == nil {
			return t, true
		}
		i, found := slices.BinarySearch(c.years, t.Year())
		if found {
			return t, true
		}
		if i == len(c.years) {
			break
		}
		from = time.Date(c.years[i], 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}, false
}

// wallClock returns what the clocks of the zone show, as a time of a clock without
// changes.
func wallClock(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// place returns the first time at which the clocks of the zone show wall, and whether
// they ever do. time.Date says neither.
func place(wall time.Time, zone *time.Location) (time.Time, bool) {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	begin, end := near.ZoneBounds()
	var first time.Time
	found := false
	// What the clock shows twice, it shows on both sides of one change.
	for _, probe := range []time.Time{near, begin.Add(-1), end} {
		_, offset := probe.In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if wallClock(t, zone).Equal(wall) && (!found || t.Before(first)) {
			first, found = t, true
		}
	}
	return first, found
}

// Never is the Shortest of a cadence that does not fire twice.
const Never = time.Duration(math.MaxInt64)

// Shortest returns the shortest time between two firings, as the clock shows it: a
// clock that is set forward brings two times nearer to each other, once a year.
func (c Cadence) Shortest() time.Duration {
	if c.period > 0 || len(c.times) == 0 {
		return c.period
	}
	shortest := Never
	for i := 1; i < len(c.times); i++ {
		shortest = min(shortest, time.Duration(c.times[i]-c.times[i-1])*time.Minute)
	}
	const day = 24 * time.Hour
	// From the last time of a day to the first of the next one that it fires on.
	span := time.Duration(c.times[len(c.times)-1]-c.times[0]) * time.Minute
	if shortest > day-span {
		if between := c.shortestBetweenDays(); between < Never {
			shortest = min(shortest, between-span)
		}
	}
	return shortest
}

// shortestBetweenDays returns the shortest time from midnight of a day that it fires
// on to that of the next.
func (c Cadence) shortestBetweenDays() time.Duration {
	// Calendars repeat after 28 years; the rarest day, a fifth weekday of February, then
	// has come twice.
	from, end := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2058, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.years != nil {
		from = time.Date(c.years[0], 1, 1, 0, 0, 0, 0, time.UTC)
		end = time.Date(c.years[len(c.years)-1]+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	const day = 24 * time.Hour
	shortest := Never
	var before time.Time
	for from.Before(end) && shortest > day {
		t, ok := c.tick(c.dates, from)
		if !ok {
			break
		}
		if !before.IsZero() {
			shortest = min(shortest, t.Sub(before))
		}
		before, from = t, t.Add(day)
	}
	return shortest
}
