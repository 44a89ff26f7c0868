package cadence_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantatlas/shared/cadence"
)

func parse(t *testing.T, expression, zone string, anchor time.Time) cadence.Cadence {
	t.Helper()
	c, err := cadence.Parse(expression, zone, anchor)
	if err != nil {
		t.Fatalf("%s in %s: %v", expression, zone, err)
	}
	return c
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// next lists the next n times as the zone's clock shows them.
func next(t *testing.T, expression, zone, after string, n int) string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range parse(t, expression, zone, at(t, after)).Next(at(t, after), n) {
		all = append(all, v.In(loc).Format("Mon 2006-01-02 15:04 -0700"))
	}
	return strings.Join(all, ", ")
}

// Every kind of expression fires when the guide says.
func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, zone, after, want string }{
		{"cron(0 10 * * ? *)", "UTC", "2026-03-01T09:59:59Z", "Sun 2026-03-01 10:00 +0000, Mon 2026-03-02 10:00 +0000"},
		// A time is after another one, not at it.
		{"cron(0 10 * * ? *)", "UTC", "2026-03-01T10:00:00Z", "Mon 2026-03-02 10:00 +0000, Tue 2026-03-03 10:00 +0000"},
		{"cron(30 8 * * ? *)", "America/New_York", "2026-07-01T00:00:00Z", "Wed 2026-07-01 08:30 -0400, Thu 2026-07-02 08:30 -0400"},
		{"cron(0/20 22 ? * MON-FRI *)", "UTC", "2026-01-02T22:20:00Z", "Fri 2026-01-02 22:40 +0000, Mon 2026-01-05 22:00 +0000"},
		{"cron(5,50 1-23/22 1 JAN,7 ? *)", "UTC", "2026-01-01T01:05:00Z", "Thu 2026-01-01 01:50 +0000, Thu 2026-01-01 23:05 +0000, Thu 2026-01-01 23:50 +0000, Wed 2026-07-01 01:05 +0000"},
		// 1 is Sunday and 7 Saturday.
		{"cron(0 0 ? * 1,7 *)", "UTC", "2026-01-01T00:00:00Z", "Sat 2026-01-03 00:00 +0000, Sun 2026-01-04 00:00 +0000"},
		{"cron(0 0 ? * L *)", "UTC", "2026-01-01T00:00:00Z", "Sat 2026-01-03 00:00 +0000, Sat 2026-01-10 00:00 +0000"},
		{"cron(15 10 ? * 6L 2022-2023)", "UTC", "2023-11-01T00:00:00Z", "Fri 2023-11-24 10:15 +0000, Fri 2023-12-29 10:15 +0000"},
		{"cron(0 0 ? * 3#2 *)", "UTC", "2026-01-01T00:00:00Z", "Tue 2026-01-13 00:00 +0000, Tue 2026-02-10 00:00 +0000"},
		{"cron(0 0 ? * 7#5 *)", "UTC", "2026-02-01T00:00:00Z", "Sat 2026-05-30 00:00 +0000, Sat 2026-08-29 00:00 +0000"},
		{"cron(0 0 L * ? *)", "UTC", "2028-02-01T00:00:00Z", "Tue 2028-02-29 00:00 +0000, Fri 2028-03-31 00:00 +0000"},
		// The 1st of August 2026 is a Saturday, the 31st of May a Sunday: W stays in the month.
		{"cron(0 0 1W 8 ? *)", "UTC", "2026-01-01T00:00:00Z", "Mon 2026-08-03 00:00 +0000, Mon 2027-08-02 00:00 +0000"},
		{"cron(0 0 31W 5 ? 2026)", "UTC", "2026-01-01T00:00:00Z", "Fri 2026-05-29 00:00 +0000"},
		{"cron(0 0 3W 1 ? *)", "UTC", "2026-01-01T00:00:00Z", "Fri 2026-01-02 00:00 +0000, Mon 2027-01-04 00:00 +0000"},
		{"cron(0 0 29 2 ? *)", "UTC", "2026-01-01T00:00:00Z", "Tue 2028-02-29 00:00 +0000, Sun 2032-02-29 00:00 +0000"},
		{"cron(0 0 ? 2 2#5 *)", "UTC", "2026-01-01T00:00:00Z", "Mon 2044-02-29 00:00 +0000, Mon 2072-02-29 00:00 +0000"},
		// Steps of years begin at 1970.
		{"cron(0 0 1 1 ? */3)", "UTC", "2026-01-01T00:00:00Z", "Fri 2027-01-01 00:00 +0000, Tue 2030-01-01 00:00 +0000"},
		{"cron(0 0 1 1 ? 2199)", "UTC", "2026-01-01T00:00:00Z", "Tue 2199-01-01 00:00 +0000"},
		{"cron(0 0 1 1 ? *)", "UTC", "2198-06-01T00:00:00Z", "Tue 2199-01-01 00:00 +0000"},
		{"cron(0 0 29 2 ? 2027,2029/3)", "UTC", "2026-01-01T00:00:00Z", "Sun 2032-02-29 00:00 +0000, Mon 2044-02-29 00:00 +0000"},
		{"cron(0 0 29 2 ? 1971/2)", "UTC", "1970-01-01T00:00:00Z", ""},
		// No year before 1970, none after 2199.
		{"cron(0 0 1 1 ? *)", "UTC", "1900-01-01T00:00:00Z", "Thu 1970-01-01 00:00 +0000"},
		// What is past, or never is, fires never.
		{"cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 31W 6 ? *)", "UTC", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 1 1 ? *)", "UTC", "2200-01-01T00:00:00Z", ""},
		{"cron(59 23 31 12 ? *)", "Pacific/Kiritimati", "2199-12-31T09:58:00Z", "Tue 2199-12-31 23:59 +1400"},
		{"cron(59 23 31 12 ? *)", "Pacific/Pago_Pago", "2200-01-01T01:00:00Z", "Tue 2199-12-31 23:59 -1100"},
	} {
		n := max(1, strings.Count(c.want, ",")+1)
		if c.want == "" || strings.HasPrefix(c.expression, "cron(59 23") {
			n++
		}
		if got := next(t, c.expression, c.zone, c.after, n); got != c.want {
			t.Errorf("%s in %s after %s:\n got %s\nwant %s", c.expression, c.zone, c.after, got, c.want)
		}
	}
}

// The examples of the guide, "Daylight savings time on EventBridge Scheduler", and
// what follows from it.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct{ name, expression, zone, after, want string }{
		{
			"a time that does not exist is skipped", "cron(30 2 * * ? *)", "America/Los_Angeles", "2026-03-07T00:00:00-08:00",
			"Sat 2026-03-07 02:30 -0800, Mon 2026-03-09 02:30 -0700",
		},
		{
			"a time that comes twice fires the first time", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T03:00:00+02:00",
			"Sun 2026-10-25 02:30 +0200, Mon 2026-10-26 02:30 +0100",
		},
		{
			"between its first and its second time", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T02:45:00+02:00",
			"Mon 2026-10-26 02:30 +0100",
		},
		{
			"in the repeated hour", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T02:10:00+01:00",
			"Mon 2026-10-26 02:30 +0100",
		},
		{
			"every hour, none of them twice", "cron(0 * * * ? *)", "Europe/Berlin", "2026-10-25T01:30:00+02:00",
			"Sun 2026-10-25 02:00 +0200, Sun 2026-10-25 03:00 +0100",
		},
		{
			"every hour, without the missing one", "cron(0 * * * ? *)", "Europe/Berlin", "2026-03-29T00:30:00+01:00",
			"Sun 2026-03-29 01:00 +0100, Sun 2026-03-29 03:00 +0200",
		},
		{
			"half an hour is repeated", "cron(0/15 1,2 * * ? *)", "Australia/Lord_Howe", "2026-04-05T01:20:00+11:00",
			"Sun 2026-04-05 01:30 +1100, Sun 2026-04-05 01:45 +1100, Sun 2026-04-05 02:00 +1030",
		},
		{
			"a day begins at one", "cron(0 0 ? * 1,6 *)", "Africa/Cairo", "2026-04-23T12:00:00+02:00",
			"Sun 2026-04-26 00:00 +0300, Fri 2026-05-01 00:00 +0300",
		},
		{
			"a day is missing", "cron(0 12 29-31 12 ? 2011)", "Pacific/Apia", "2011-12-28T00:00:00Z",
			"Thu 2011-12-29 12:00 -1000, Sat 2011-12-31 12:00 +1400",
		},
		{
			"a day of a rate is 24 hours", "rate(1 day)", "Europe/Berlin", "2026-10-24T12:00:00+02:00",
			"Sun 2026-10-25 11:00 +0100, Mon 2026-10-26 11:00 +0100",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := next(t, c.expression, c.zone, c.after, strings.Count(c.want, ",")+1); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// A rate keeps its times whenever it is asked, and does not fire at its anchor.
func TestRate(t *testing.T) {
	anchor := at(t, "2026-01-01T10:20:37Z")
	c := parse(t, "rate(90 minutes)", "Europe/Berlin", anchor)
	for after, want := range map[string]string{
		"2025-06-01T00:00:00Z": "2026-01-01T11:50:00Z",
		"2026-01-01T10:20:37Z": "2026-01-01T11:50:00Z",
		"2026-01-01T11:49:59Z": "2026-01-01T11:50:00Z",
		"2026-01-01T11:50:00Z": "2026-01-01T13:20:00Z",
		"2026-01-01T11:50:01Z": "2026-01-01T13:20:00Z",
	} {
		if got := c.Next(at(t, after), 1)[0]; !got.Equal(at(t, want)) {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
	if got := c.Next(at(t, "2199-12-31T23:00:00Z"), 3); len(got) > 1 {
		t.Errorf("fires after 2199: %v", got)
	}
	if got := parse(t, "rate(99999 days)", "UTC", anchor).Next(anchor, 2); len(got) != 0 {
		t.Errorf("fires after 2199: %v", got)
	}
	if !c.Rate() || parse(t, "cron(0 0 * * ? *)", "UTC", anchor).Rate() {
		t.Error("Rate does not tell the two kinds apart")
	}
}

func TestShortest(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)":              time.Minute,
		"rate(36 hours)":              36 * hour,
		"rate(7 days)":                7 * day,
		"cron(* * * * ? *)":           time.Minute,
		"cron(0 * * * ? *)":           hour,
		"cron(0,59 * * * ? *)":        time.Minute,
		"cron(0/40 * * * ? *)":        20 * time.Minute,
		"cron(0 6,18 * * ? *)":        12 * hour,
		"cron(0 1,4 * * ? *)":         3 * hour,
		"cron(0 0,23 * * ? *)":        hour,
		"cron(0 0,23 ? * MON *)":      23 * hour,
		"cron(30 2 * * ? *)":          day,
		"cron(30 2 ? * 2 *)":          7 * day,
		"cron(30 2 ? * MON,WED *)":    2 * day,
		"cron(0 0 1 * ? *)":           28 * day,
		"cron(0 0 L * ? *)":           28 * day,
		"cron(0 0 31 * ? *)":          31 * day,
		"cron(0 0 1 1 ? *)":           365 * day,
		"cron(0 0 1 1 ? 2023-2025)":   365 * day,
		"cron(0 0 29 2 ? *)":          4*365*day + day,
		"cron(0 0 1 1 ? 2030)":        cadence.Never,
		"cron(0 0 30 2 ? *)":          cadence.Never,
		"cron(0 0 31 12 ? 2030,2032)": 2*365*day + day,
	} {
		if got := parse(t, expression, "Europe/Berlin", time.Time{}).Shortest(); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

// What is refused names the field, so that a form can show it there.
func TestRefused(t *testing.T) {
	for expression, want := range map[string]cadence.Field{
		"": cadence.Expression, "rate": cadence.Expression, "rate()": cadence.Expression, "rate(1)": cadence.Expression,
		"at(2026-01-01T00:00:00)": cadence.Expression, "rate(1 day": cadence.Expression, "Rate(1 day)": cadence.Expression,
		" rate(1 day)": cadence.Expression, "rate(1 day) ": cadence.Expression, "@daily": cadence.Expression, "0 0 * * *": cadence.Expression,
		"cron(0 0 * * ?)": cadence.Expression, "cron(0 0 * * ? * *)": cadence.Expression, "cron(0  0 * * ? *)": cadence.Expression,
		"cron(" + strings.Repeat("0,", 200) + "0 0 * * ? *)": cadence.Expression,
		"rate(0 days)": cadence.RateValue, "rate(-1 days)": cadence.RateValue, "rate(1.5 days)": cadence.RateValue,
		"rate(100000 days)": cadence.RateValue, "rate( days)": cadence.RateValue, "rate(٣ days)": cadence.RateValue,
		"rate(1 days)": cadence.RateUnit, "rate(2 day)": cadence.RateUnit, "rate(2 weeks)": cadence.RateUnit, "rate(2  days)": cadence.RateUnit,
		"rate(30 seconds)": cadence.RateUnit, "rate(2 dayss)": cadence.RateUnit, "rate(2 )": cadence.RateUnit, "rate(2 days )": cadence.RateUnit,
		"cron(60 0 * * ? *)": cadence.Minutes, "cron(-1 0 * * ? *)": cadence.Minutes, "cron(? 0 * * ? *)": cadence.Minutes,
		"cron(1-* 0 * * ? *)": cadence.Minutes, "cron(*,1 0 * * ? *)": cadence.Minutes, "cron(0/0 0 * * ? *)": cadence.Minutes,
		"cron(0/60 0 * * ? *)": cadence.Minutes, "cron(0/ 0 * * ? *)": cadence.Minutes, "cron(/5 0 * * ? *)": cadence.Minutes,
		"cron(0/5/5 0 * * ? *)": cadence.Minutes, "cron(5-1 0 * * ? *)": cadence.Minutes, "cron(1,,2 0 * * ? *)": cadence.Minutes,
		"cron(1-2-3 0 * * ? *)": cadence.Minutes, "cron(000 0 * * ? *)": cadence.Minutes, "cron(+1 0 * * ? *)": cadence.Minutes,
		"cron(0 24 * * ? *)": cadence.Hours, "cron(0 L * * ? *)": cadence.Hours,
		"cron(0 0 0 * ? *)": cadence.DayOfMonth, "cron(0 0 32 * ? *)": cadence.DayOfMonth, "cron(0 0 L,1 * ? *)": cadence.DayOfMonth,
		"cron(0 0 L-3 * ? *)": cadence.DayOfMonth, "cron(0 0 LW * ? *)": cadence.DayOfMonth, "cron(0 0 W * ? *)": cadence.DayOfMonth,
		"cron(0 0 32W * ? *)": cadence.DayOfMonth, "cron(0 0 1W,15W * ? *)": cadence.DayOfMonth, "cron(0 0 1-5W * ? *)": cadence.DayOfMonth,
		"cron(0 0 1 0 ? *)": cadence.Month, "cron(0 0 1 13 ? *)": cadence.Month, "cron(0 0 1 jan ? *)": cadence.Month, "cron(0 0 1 JANUARY ? *)": cadence.Month,
		"cron(0 0 * * * *)": cadence.DayOfWeek, "cron(0 0 ? * ? *)": cadence.DayOfWeek, "cron(0 0 1 * 1 *)": cadence.DayOfWeek,
		"cron(0 0 ? * 0 *)": cadence.DayOfWeek, "cron(0 0 ? * 8 *)": cadence.DayOfWeek, "cron(0 0 ? * FRI-MON *)": cadence.DayOfWeek,
		"cron(0 0 ? * 3#1,6#3 *)": cadence.DayOfWeek, "cron(0 0 ? * 3#6 *)": cadence.DayOfWeek, "cron(0 0 ? * 3#0 *)": cadence.DayOfWeek,
		"cron(0 0 ? * 8L *)": cadence.DayOfWeek, "cron(0 0 ? * 5L,2 *)": cadence.DayOfWeek, "cron(0 0 ? * #2 *)": cadence.DayOfWeek,
		"cron(0 0 ? * 2/2 *)": cadence.DayOfWeek, "cron(0 0 ? * 3W *)": cadence.DayOfWeek,
		"cron(0 0 * * ? 1969)": cadence.Year, "cron(0 0 * * ? 2200)": cadence.Year, "cron(0 0 * * ? ?)": cadence.Year, "cron(0 0 * * ? )": cadence.Year,
	} {
		c, err := cadence.Parse(expression, "UTC", time.Time{})
		wantError(t, expression, c, err, want)
	}
	for _, zone := range []string{
		"", "Local", "local", "utc", "Factory", "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "Europe/Atlantis", "Europe/",
		"/etc/localtime", "../Europe/Berlin", "Europe/../Europe/Berlin", "Europe/Berlin\n", "+02:00", "GMT+2", "America/" + strings.Repeat("x", 50),
	} {
		c, err := cadence.Parse("rate(1 day)", zone, time.Time{})
		wantError(t, zone, c, err, cadence.TimeZone)
	}
}

func wantError(t *testing.T, given string, c cadence.Cadence, err error, want cadence.Field) {
	t.Helper()
	var e *cadence.Error
	if !errors.As(err, &e) {
		t.Errorf("%q: %v, want a fault of %s", given, err, want)
		return
	}
	if e.Field != want || e.Reason == "" {
		t.Errorf("%q: %v, want a fault of %s", given, err, want)
	}
	if c.Next(time.Unix(0, 0), 1) != nil {
		t.Errorf("%q was refused and fires", given)
	}
}

// The names of zones that people choose from are all known.
func TestZones(t *testing.T) {
	for _, zone := range []string{"UTC", "Etc/UTC", "Etc/GMT+5", "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Asia/Kolkata", "US/Eastern", "GB"} {
		parse(t, "rate(1 day)", zone, time.Time{})
	}
}

// spec is an expression together with its meaning, told independently of the package.
type spec struct {
	text  string
	fires func(wall time.Time) bool
}

// drawField draws a list of values, ranges and steps.
func drawField(t *rapid.T, label string, low, hi int, steps bool) (string, func(int) bool) {
	if rapid.Bool().Draw(t, label+" any") {
		return "*", func(int) bool { return true }
	}
	var parts []string
	var has []func(int) bool
	for range rapid.IntRange(1, 3).Draw(t, label+" parts") {
		from := rapid.IntRange(low, hi).Draw(t, label)
		to := rapid.IntRange(from, hi).Draw(t, label+" to")
		step := rapid.IntRange(1, max(1, min(hi, 30))).Draw(t, label+" step")
		kinds := 1
		if steps {
			kinds = 4
		}
		switch rapid.IntRange(0, kinds).Draw(t, label+" kind") {
		case 0:
			parts = append(parts, fmt.Sprint(from))
			has = append(has, func(v int) bool { return v == from })
		case 1:
			parts = append(parts, fmt.Sprintf("%d-%d", from, to))
			has = append(has, func(v int) bool { return from <= v && v <= to })
		case 2:
			parts = append(parts, fmt.Sprintf("%d/%d", from, step))
			has = append(has, func(v int) bool { return v >= from && (v-from)%step == 0 })
		case 3:
			parts = append(parts, fmt.Sprintf("%d-%d/%d", from, to, step))
			has = append(has, func(v int) bool { return from <= v && v <= to && (v-from)%step == 0 })
		case 4:
			parts = append(parts, fmt.Sprintf("*/%d", step))
			has = append(has, func(v int) bool { return (v-low)%step == 0 })
		}
	}
	return strings.Join(parts, ","), func(v int) bool {
		return slices.ContainsFunc(has, func(f func(int) bool) bool { return f(v) })
	}
}

func daysIn(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// drawDate draws day of month and day of week.
func drawDate(t *rapid.T) (dayOfMonth, dayOfWeek string, fires func(time.Time) bool) {
	day, weekday, nth := rapid.IntRange(1, 31).Draw(t, "day"), rapid.IntRange(1, 7).Draw(t, "weekday"), rapid.IntRange(1, 5).Draw(t, "nth")
	isWeekday := func(w time.Time) bool { return int(w.Weekday())+1 == weekday }
	switch rapid.IntRange(0, 6).Draw(t, "date") {
	case 0:
		text, has := drawField(t, "day of month", 1, 31, true)
		return text, "?", func(w time.Time) bool { return has(w.Day()) }
	case 1:
		text, has := drawField(t, "day of week", 1, 7, false)
		return "?", text, func(w time.Time) bool { return has(int(w.Weekday()) + 1) }
	case 2:
		return "L", "?", func(w time.Time) bool { return w.Day() == daysIn(w) }
	case 3:
		return fmt.Sprintf("%dW", day), "?", func(w time.Time) bool {
			// Of the weekdays of the month, the one that is nearest to the day.
			if last := daysIn(w); day <= last {
				best := 0
				for d := 1; d <= last; d++ {
					wd := time.Date(w.Year(), w.Month(), d, 0, 0, 0, 0, time.UTC).Weekday()
					if wd != time.Saturday && wd != time.Sunday && (best == 0 || abs(d-day) < abs(best-day)) {
						best = d
					}
				}
				return w.Day() == best
			}
			return false
		}
	case 4:
		return "?", fmt.Sprintf("%dL", weekday), func(w time.Time) bool { return isWeekday(w) && w.Day()+7 > daysIn(w) }
	case 5:
		return "?", fmt.Sprintf("%d#%d", weekday, nth), func(w time.Time) bool { return isWeekday(w) && (w.Day()+6)/7 == nth }
	default:
		return "?", "L", func(w time.Time) bool { return w.Weekday() == time.Saturday }
	}
}

func abs(n int) int { return max(n, -n) }

func drawCron(t *rapid.T) spec {
	minutes, hasMinute := drawField(t, "minutes", 0, 59, true)
	hours, hasHour := drawField(t, "hours", 0, 23, true)
	dayOfMonth, dayOfWeek, hasDate := drawDate(t)
	months, hasMonth := drawField(t, "month", 1, 12, true)
	years, hasYear := "*", func(int) bool { return true }
	if rapid.Bool().Draw(t, "with years") {
		years, hasYear = drawField(t, "year", 1970, 2199, true)
	}
	return spec{
		text: fmt.Sprintf("cron(%s %s %s %s %s %s)", minutes, hours, dayOfMonth, months, dayOfWeek, years),
		fires: func(w time.Time) bool {
			return hasMinute(w.Minute()) && hasHour(w.Hour()) && hasDate(w) && hasMonth(int(w.Month())) && hasYear(w.Year())
		},
	}
}

// Days around which clocks change somewhere, and one where they do not.
var days = []string{"2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-04-05", "2026-10-04", "2026-04-24", "2011-12-30", "2028-02-29", "2026-12-31"}

var zones = []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns"}

// Next tells every time at which the clock shows what the expression says, the first
// time where it shows it twice, and nothing else, in order.
func TestNextProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCron(t)
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		c, err := cadence.Parse(s.text, zone, time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", s.text, err)
		}
		day, err := time.Parse(time.DateOnly, rapid.SampledFrom(days).Draw(t, "day"))
		if err != nil {
			t.Fatal(err)
		}
		after := day.Add(time.Duration(rapid.IntRange(-40*3600, 40*3600).Draw(t, "seconds")) * time.Second)

		// What it should be for two days, minute by minute.
		until, seen := after.Add(48*time.Hour), map[string]bool{}
		var want []time.Time
		for m := after.Truncate(time.Minute).Add(-27 * time.Hour); !m.After(until); m = m.Add(time.Minute) {
			wall := m.In(loc)
			shown := wall.Format("2006-01-02 15:04")
			if m.After(after) && !seen[shown] && s.fires(wall) {
				want = append(want, m)
			}
			seen[shown] = true
		}
		got := c.Next(after, len(want)+3)
		last := after
		for i, v := range got {
			switch {
			case !v.After(last):
				t.Fatalf("%s in %s: %s does not follow %s", s.text, zone, v, last)
			case !s.fires(v.In(loc)) || v.Second() != 0 || v.Location() != time.UTC:
				t.Fatalf("%s in %s: does not fire at %s", s.text, zone, v.In(loc))
			case i < len(want) && !v.Equal(want[i]):
				t.Fatalf("%s in %s after %s: %s, want %s", s.text, zone, after.In(loc), v.In(loc), want[i].In(loc))
			case i >= len(want) && !v.After(until):
				t.Fatalf("%s in %s after %s: %s is too many", s.text, zone, after.In(loc), v.In(loc))
			}
			last = v
		}
		if len(got) < len(want) {
			t.Fatalf("%s in %s after %s: %d times, want %d", s.text, zone, after.In(loc), len(got), len(want))
		}
	})
}

// No two times are nearer to each other than Shortest, on a clock that never changes.
func TestShortestProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCron(t)
		c, err := cadence.Parse(s.text, "UTC", time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", s.text, err)
		}
		after := time.Unix(rapid.Int64Range(0, 7_000_000_000).Draw(t, "after"), 0)
		times := c.Next(after, 10)
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < c.Shortest() {
				t.Fatalf("%s: %s between %s and %s, Shortest is %s", s.text, gap, times[i-1], times[i], c.Shortest())
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"rate(1 day)", "rate(99999 days)", "rate(0 hours)", "cron(0 10 * * ? *)", "cron(0/20 22 ? * MON-FRI *)", "cron(0 0 31W 2 ? */230)",
		"cron(15 10 ? * 6L 2022-2023)", "cron(0 0 ? 2 2#5 *)", "cron(0 0 L * ? *)", "cron(59 23 30 2 ? 1970,2199)", "cron(? ? ? ? ? ?)", "cron(*/1 * * * ? *", "",
	} {
		f.Add(seed, "Europe/Berlin", int64(1_790_000_000), int64(1_780_000_000))
	}
	f.Add("rate(1 minute)", "Local", int64(-1<<62), int64(1<<62))
	f.Add("cron(0 0 1 1 ? *)", "Africa/Monrovia", int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, expression, zone string, afterUnix, anchorUnix int64) {
		c, err := cadence.Parse(expression, zone, time.Unix(anchorUnix%(1<<40), 0))
		if err != nil {
			var e *cadence.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is not typed", err)
			}
			return
		}
		after := time.Unix(afterUnix%(1<<40), 0)
		last := after
		for _, v := range c.Next(after, 3) {
			if !v.After(last) || v.Year() > 2200 {
				t.Fatalf("%q in %q: %s follows %s", expression, zone, v, last)
			}
			last = v
		}
		if c.Shortest() < time.Minute {
			t.Fatalf("%q: fires every %s", expression, c.Shortest())
		}
	})
}

func BenchmarkShortest(b *testing.B) {
	for _, expression := range []string{"cron(0 3 ? * MON *)", "cron(0 3 31 * ? *)", "cron(0 3 30 2 ? *)", "cron(0 3 ? 2 2#5 *)", "cron(0 3 ? * 2,4 1970-2198)", "cron(0 3 29 2 ? 1971/2)"} {
		b.Run(expression, func(b *testing.B) {
			c, err := cadence.Parse(expression, "Europe/Berlin", time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c.Shortest()
			}
		})
	}
}
