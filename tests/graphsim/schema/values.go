package schema

import (
	"encoding/base64"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// primitive says which JSON texts a type of Edm takes.
type primitive struct {
	// text: the value is a JSON string that valid accepts, else it is a number
	// (or a boolean) of which valid gets the characters.
	text  bool
	valid func(string) bool
}

var primitives = map[string]*primitive{
	"Edm.String":         {text: true, valid: func(string) bool { return true }},
	"Edm.Boolean":        {valid: func(v string) bool { return v == "true" || v == "false" }},
	"Edm.Byte":           {valid: integer(0, math.MaxUint8)},
	"Edm.SByte":          {valid: integer(math.MinInt8, math.MaxInt8)},
	"Edm.Int16":          {valid: integer(math.MinInt16, math.MaxInt16)},
	"Edm.Int32":          {valid: integer(math.MinInt32, math.MaxInt32)},
	"Edm.Int64":          {valid: integer(math.MinInt64, math.MaxInt64)},
	"Edm.Int":            {valid: integer(math.MinInt64, math.MaxInt64)}, // Int32 or Int64: the source does not tell
	"Edm.Single":         {valid: func(v string) bool { return number(v, 32) }},
	"Edm.Double":         {valid: func(v string) bool { return number(v, 64) }},
	"Edm.Decimal":        {valid: func(v string) bool { return number(v, 64) }},
	"Edm.DateTimeOffset": {text: true, valid: isDateTimeOffset},
	"Edm.Date":           {text: true, valid: isDate},
	"Edm.TimeOfDay":      {text: true, valid: timeOfDay.MatchString},
	"Edm.Duration":       {text: true, valid: isDuration},
	"Edm.Guid":           {text: true, valid: guid.MatchString},
	"Edm.Binary":         {text: true, valid: isBinary},
}

var (
	guid           = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)
	timeOfDay      = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,7})?)?$`)
	dateTimeOffset = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,12})?)?(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)$`)
	// A duration of Edm has days and parts of days; years and months have no length.
	duration = regexp.MustCompile(`^-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$`)
)

// integer accepts whole numbers without fraction or exponent: the reader takes
// 1.0 and 1e3 for doubles, and does not convert those.
func integer(low, high int64) func(string) bool {
	return func(v string) bool {
		n, err := strconv.ParseInt(v, 10, 64)
		return err == nil && n >= low && n <= high
	}
}

func number(v string, bits int) bool {
	_, err := strconv.ParseFloat(v, bits)
	return err == nil
}

func isDate(v string) bool {
	t, err := time.Parse(time.DateOnly, v)
	return err == nil && t.Year() >= 1
}

// isDateTimeOffset accepts years 1 to 9999 with a zone of at most 14 hours,
// which is what .NET's type holds.
func isDateTimeOffset(v string) bool {
	return dateTimeOffset.MatchString(v) && isDate(v[:len(time.DateOnly)])
}

func isDuration(v string) bool {
	return duration.MatchString(v) && !strings.HasSuffix(v, "P") && !strings.HasSuffix(v, "T")
}

// isBinary accepts base64 of either alphabet, padded or not. White space between
// the characters counts for nothing, as in .NET.
func isBinary(v string) bool {
	if strings.ContainsAny(v, " \t\r\n") {
		v = strings.Join(strings.Fields(v), "")
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(v, "-_") {
		encoding = base64.URLEncoding
	}
	if !strings.HasSuffix(v, "=") && len(v)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	_, err := encoding.DecodeString(v)
	return err == nil
}
