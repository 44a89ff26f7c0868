package reason

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Field names one safe value that a sentence or a client may need. A field
// that is not in the list below is dropped wherever it turns up.
type Field string

// The fields. Their kinds stand in fieldKinds.
const (
	FieldActiveRun   Field = "activeRun"
	FieldAdded       Field = "added"
	FieldApprovalID  Field = "approvalId"
	FieldAttempts    Field = "attempts"
	FieldBlocked     Field = "blocked"
	FieldCandidates  Field = "candidates"
	FieldChanged     Field = "changed"
	FieldChangedAt   Field = "changedAt"
	FieldCloud       Field = "cloud"
	FieldCredential  Field = "credential" // "secret" or "certificate"
	FieldDays        Field = "days"
	FieldDeadlineAt  Field = "deadlineAt"
	FieldDependency  Field = "dependency"
	FieldDifferences Field = "differences"
	FieldDone        Field = "done"
	FieldDrift       Field = "drift"
	FieldDuration    Field = "duration"
	FieldEntraCode   Field = "entraCode"
	FieldExpiresAt   Field = "expiresAt"
	FieldFailed      Field = "failed"
	FieldFields      Field = "fields"
	FieldFilter      Field = "filter"
	FieldGone        Field = "gone"
	FieldGroup       Field = "group"
	FieldGroups      Field = "groups"
	FieldItem        Field = "item"
	FieldItems       Field = "items"
	FieldLane        Field = "lane"
	FieldLastPhase   Field = "lastPhase"
	FieldLastSeen    Field = "lastSeen"
	FieldLaterRun    Field = "laterRun"
	FieldLimit       Field = "limit" // bytes
	FieldMatches     Field = "matches"
	FieldMethod      Field = "method"
	FieldName        Field = "name" // of the policy that a run or item is about
	FieldOperation   Field = "operation"
	FieldPages       Field = "pages"
	FieldPart        Field = "part"
	FieldPermission  Field = "permission"
	FieldPolicies    Field = "policies"
	FieldUnsupported Field = "unsupported"
	FieldPreviewRun  Field = "previewRun"
	FieldProduct     Field = "product"
	FieldReason      Field = "reason" // why a type is capture only; from the policy catalogue
	FieldRole        Field = "role"
	FieldRun         Field = "run"
	FieldSeconds     Field = "seconds"
	FieldSet         Field = "set"
	FieldSetting     Field = "setting"
	FieldSince       Field = "since"
	FieldSize        Field = "size" // bytes
	FieldSkipped     Field = "skipped"
	FieldStep        Field = "step"
	FieldSteps       Field = "steps"
	FieldStepsDone   Field = "stepsDone"
	FieldSucceeded   Field = "succeeded"
	FieldTag         Field = "tag"
	FieldTargets     Field = "targets"
	FieldTemplate    Field = "template"
	FieldTenant      Field = "tenant"
	FieldThing       Field = "thing"
	FieldTopReason   Field = "topReason"
	FieldTotal       Field = "total"
	FieldToWrite     Field = "toWrite"
	FieldTraceID     Field = "traceId"
	FieldType        Field = "type"
	FieldTypes       Field = "types"
	FieldUnchanged   Field = "unchanged"
	FieldUntil       Field = "until"
	FieldUser        Field = "user"
	FieldVersion     Field = "version"
	FieldWrite       Field = "write"   // of an item: "no", "yes" or "unknown"
	FieldWritten     Field = "written" // items written before a restore ended
)

type kind int

const (
	kindName     kind = iota + 1 // people's words: clipped, never a template
	kindNumber                   // a whole number ≥ 0
	kindBytes                    // a whole number of bytes
	kindDuration                 // whole seconds
	kindTime                     // RFC 3339, UTC
	kindCode                     // [A-Za-z0-9_.]{1,64}
	kindID                       // GUID or ULID, which may have a short prefix
	kindWord                     // one of fieldWords
)

// MaxNameRunes is how many characters of a name are kept.
const MaxNameRunes = 300

// fieldKinds is the allow list: what may stand in Params, and in which form.
var fieldKinds = map[Field]kind{
	FieldActiveRun: kindID, FieldAdded: kindNumber, FieldApprovalID: kindID, FieldAttempts: kindNumber,
	FieldBlocked: kindNumber, FieldCandidates: kindNumber, FieldChanged: kindNumber, FieldChangedAt: kindTime,
	FieldCloud: kindCode, FieldCredential: kindWord, FieldDays: kindNumber, FieldDeadlineAt: kindTime,
	FieldDependency: kindName, FieldDifferences: kindNumber, FieldDone: kindNumber, FieldDrift: kindNumber, FieldDuration: kindDuration,
	FieldEntraCode: kindCode, FieldExpiresAt: kindTime, FieldFailed: kindNumber, FieldFields: kindNumber,
	FieldFilter: kindName, FieldGone: kindNumber, FieldGroup: kindName, FieldGroups: kindNumber,
	FieldItem: kindName, FieldItems: kindNumber, FieldLane: kindCode, FieldLastPhase: kindCode,
	FieldLastSeen: kindTime, FieldLaterRun: kindID, FieldLimit: kindBytes, FieldMatches: kindNumber,
	FieldMethod: kindCode, FieldName: kindName, FieldOperation: kindCode, FieldPages: kindNumber,
	FieldPart: kindName, FieldPermission: kindCode, FieldPolicies: kindNumber, FieldUnsupported: kindNumber, FieldPreviewRun: kindID, FieldProduct: kindName,
	FieldReason: kindName, FieldRole: kindCode, FieldRun: kindID, FieldSeconds: kindNumber,
	FieldSet: kindName, FieldSetting: kindName, FieldSince: kindTime, FieldSize: kindBytes,
	FieldSkipped: kindNumber, FieldStep: kindName, FieldSteps: kindNumber, FieldStepsDone: kindNumber,
	FieldSucceeded: kindNumber, FieldTag: kindName, FieldTargets: kindName, FieldTemplate: kindName,
	FieldTenant: kindName, FieldThing: kindName, FieldTopReason: kindCode, FieldTotal: kindNumber,
	FieldToWrite: kindNumber, FieldTraceID: kindID, FieldType: kindName, FieldTypes: kindName,
	FieldUnchanged: kindNumber, FieldUntil: kindTime, FieldUser: kindName, FieldVersion: kindNumber,
	FieldWrite: kindWord, FieldWritten: kindNumber,
}

var fieldWords = map[Field][]string{
	FieldCredential: {"secret", "certificate"},
	FieldWrite:      {"no", "yes", "unknown"},
}

// commonFields may stand beside every code.
var commonFields = []Field{
	FieldTenant, FieldRun, FieldOperation, FieldItem, FieldName, FieldSet, FieldType, FieldStep, FieldAttempts,
	FieldTotal, FieldDone, FieldSucceeded, FieldFailed, FieldSkipped, FieldWritten, FieldWrite,
}

// Fields returns the names of all fields, sorted.
func Fields() []Field { return slices.Sorted(maps.Keys(fieldKinds)) }

// Params are the safe named values of one sentence, each in its canonical
// form: names clipped, numbers and seconds in decimal, times in RFC 3339 and
// UTC. Setters drop what does not fit its field instead of failing, because a
// missing value renders as a general word ("the tenant") and a failure report
// must not fail. The zero map must be made before use: Params{}.
type Params map[string]string

// Set stores a value after checking it against the kind of the field. A value
// that does not fit, or an unknown field, is dropped.
func (p Params) Set(f Field, value string) Params {
	if v, ok := cleanValue(f, value); ok {
		p[string(f)] = v
	}
	return p
}

// Int stores a whole number. Negative numbers are dropped.
func (p Params) Int(f Field, n int) Params { return p.Set(f, strconv.Itoa(n)) }

// Time stores a time as RFC 3339 in UTC. The zero time is dropped.
func (p Params) Time(f Field, t time.Time) Params {
	if t.IsZero() {
		return p
	}
	return p.Set(f, t.UTC().Format(time.RFC3339))
}

// Duration stores a duration in whole seconds.
func (p Params) Duration(f Field, d time.Duration) Params {
	return p.Set(f, strconv.FormatInt(int64(d/time.Second), 10))
}

// Clean returns a copy that holds only known fields with values that fit.
// Everything read from outside passes it. It returns nil for nothing.
func (p Params) Clean() Params {
	var out Params
	for k, v := range p {
		if c, ok := cleanValue(Field(k), v); ok {
			if out == nil {
				out = make(Params, len(p))
			}
			out[k] = c
		}
	}
	return out
}

var idForm = regexp.MustCompile(`^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(?:[a-z]{2,8}_)?[0-9A-HJKMNP-TV-Z]{26})$`)

// ValidID reports whether s is a GUID or a ULID, which may carry one of our
// short prefixes (run_…).
func ValidID(s string) bool { return idForm.MatchString(s) }

func cleanValue(f Field, v string) (string, bool) {
	switch fieldKinds[f] {
	case kindName:
		v = ClipName(v)
		return v, v != ""
	case kindNumber, kindBytes, kindDuration:
		n, err := strconv.ParseInt(v, 10, 64)
		return strconv.FormatInt(n, 10), err == nil && n >= 0
	case kindTime:
		t, err := time.Parse(time.RFC3339, v)
		return t.UTC().Format(time.RFC3339), err == nil
	case kindCode:
		return v, codeForm.MatchString(v)
	case kindID:
		return v, ValidID(v)
	case kindWord:
		return v, slices.Contains(fieldWords[f], v)
	}
	return "", false
}

// ClipName makes a name fit for one line of text: at most MaxNameRunes
// characters, valid UTF-8, control characters and line breaks turned into
// spaces, and without the marks that reverse the direction of the text around
// them. It is not an escape for HTML: clients escape at their edge.
func ClipName(s string) string {
	// Bound the work before looking at every character.
	if len(s) > 8*(MaxNameRunes+1) {
		s = s[:8*(MaxNameRunes+1)]
	}
	out := make([]rune, 0, min(len(s), MaxNameRunes+1))
	for _, r := range s { // bytes that are not UTF-8 come out as U+FFFD
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			r = ' '
		case r == '\u200B', r == '\u2060', r == '\uFEFF', r == '\u00AD':
			continue // nothing that anybody could see
		case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', r == '\u200E', r == '\u200F', r == '\u061C':
			continue
		}
		if out = append(out, r); len(out) > MaxNameRunes {
			out = append(out[:MaxNameRunes-1], '…')
			break
		}
	}
	// Joiners join; alone they are no name.
	if text := strings.TrimSpace(string(out)); strings.Trim(text, "\u200C\u200D") != "" {
		return text
	}
	return ""
}
