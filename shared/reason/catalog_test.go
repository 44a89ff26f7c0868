package reason

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCatalog holds the rules that every row keeps, because a broken row shows
// to an administrator in the middle of a failed restore.
func TestCatalog(t *testing.T) {
	type key struct {
		Code
		Scope
	}
	seen := map[key]bool{}
	for _, e := range Entries() {
		where := string(e.Scope) + " " + string(e.Code)
		if k := (key{e.Code, e.Scope}); seen[k] {
			t.Errorf("%s: twice", where)
		} else {
			seen[k] = true
		}
		if !e.Code.Valid() {
			t.Errorf("%s: form of the code", where)
		}
		switch e.Severity {
		case Error, Warning, Info:
		default:
			t.Errorf("%s: severity %q", where, e.Severity)
		}
		switch e.Auto {
		case AutoNo, AutoWait, AutoRetry, AutoSweep:
		default:
			t.Errorf("%s: auto %q", where, e.Auto)
		}
		if (e.Scope == ScopeItem) != (len(e.Outcomes) > 0) {
			t.Errorf("%s: outcomes %v", where, e.Outcomes)
		}
		if (e.Scope == ScopeProblem) != (e.Status != 0) {
			t.Errorf("%s: status %d", where, e.Status)
		}
		if e.Sentence == "" {
			t.Errorf("%s: no sentence", where)
		}
		if e.Next == "" && e.Severity == Error && e.Scope != ScopeProblem {
			t.Errorf("%s: an error without a next action", where)
		}
		for _, f := range e.Extra {
			if _, ok := fieldKinds[f]; !ok {
				t.Errorf("%s: extra field %q is not on the allow list", where, f)
			}
		}
		provided := append(slices.Clone(e.Extra), commonFields...)
		checkTemplate(t, where, e.Sentence, provided)
		checkTemplate(t, where, e.Next, provided)
	}
}

// TestEveryCodeHasARow reads the constants from the source, so that a code
// cannot be declared and forgotten.
func TestEveryCodeHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for _, x := range v.Values {
				s, err := strconv.Unquote(x.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared[Code(s)] = true
			}
		}
		return true
	})
	if len(declared) < 80 {
		t.Fatalf("only %d codes found in codes.go", len(declared))
	}
	inRows := map[Code]bool{}
	for _, e := range Entries() {
		inRows[e.Code] = true
		if !declared[e.Code] {
			t.Errorf("%s has a row but no constant", e.Code)
		}
	}
	for c := range declared {
		if !inRows[c] {
			t.Errorf("%s has a constant but no row", c)
		}
	}
}

// TestNotificationTemplates holds the titles to the same rules.
func TestNotificationTemplates(t *testing.T) {
	for op, w := range operations {
		for _, text := range []string{w.queued, w.running, w.done, w.partial, w.failed} {
			checkTemplate(t, op, text, Fields())
			if text == "" {
				t.Errorf("%s: a title is missing", op)
			}
		}
		if w.verb == "" || w.past == "" || singular[w.noun] == "" {
			t.Errorf("%s: words of the status line", op)
		}
	}
}

func checkTemplate(t *testing.T, where, text string, provided []Field) {
	t.Helper()
	rest := text
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(rest, '}')
		if end < open {
			t.Errorf("%s: unbalanced braces in %q", where, text)
			return
		}
		inner := rest[open+1 : end]
		rest = rest[end+1:]
		if f, one, many, ok := parseAgreement(inner); ok {
			if fieldKinds[f] != kindNumber || one == "" || many == "" {
				t.Errorf("%s: {%s} does not agree with a count", where, inner)
			}
			continue
		}
		f, noun, fallback := parsePlaceholder(strings.TrimPrefix(inner, `"`))
		if !slices.Contains(provided, f) {
			t.Errorf("%s: nobody provides {%s}", where, inner)
		}
		if noun != "" {
			last := noun[strings.LastIndexByte(noun, ' ')+1:]
			if singular[last] == "" || fieldKinds[f] != kindNumber {
				t.Errorf("%s: {%s} cannot be counted", where, inner)
			}
		} else if fallback == "" && fallbacks[f] == "" {
			t.Errorf("%s: {%s} has no word for a missing value", where, inner)
		}
	}
	if strings.Contains(rest, "}") {
		t.Errorf("%s: unbalanced braces in %q", where, text)
	}
	for sentence := range strings.SplitSeq(text, ". ") {
		if n := len(strings.Fields(sentence)); n > 25 {
			t.Errorf("%s: %d words in %q", where, n, sentence)
		}
	}
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' }) {
		if slices.Contains([]string{"please", "oops", "invalid"}, word) {
			t.Errorf("%s: the word %q", where, word)
		}
	}
}

// TestMissingValuesReadWell: no braces, no double spaces and no lower-case
// start when nothing at all is known.
func TestMissingValuesReadWell(t *testing.T) {
	check := func(where, s string) {
		t.Helper()
		if strings.ContainsAny(s, "{}|=") || strings.Contains(s, "  ") || s != strings.TrimSpace(s) {
			t.Errorf("%s: %q", where, s)
		}
		if s != "" && (s[0] < 'A' || s[0] > 'Z') {
			t.Errorf("%s: starts small: %q", where, s)
		}
	}
	for _, e := range Entries() {
		check(string(e.Code), Sentence(e.Code, e.Scope, nil))
		check(string(e.Code), Next(e.Code, e.Scope, nil))
	}
	for op := range operations {
		for _, kind := range []string{"queued", "running", "succeeded", "partial", "failed", "canceled", "else"} {
			check(op+" "+kind, NotificationTitle(op, kind, nil))
			check(op+" "+kind, NotificationBody(op, kind, Internal, nil))
		}
	}
}

// TestProblemStatuses pins the statuses that clients decide on.
func TestProblemStatuses(t *testing.T) {
	for c, want := range map[Code]int{
		RunAlreadyActive: 200, Unauthenticated: 401, SessionExpired: 401, ForbiddenTenant: 403, ForbiddenRole: 403,
		NotFound: 404, ConflictActiveRun: 409, PlanDigestMismatch: 409, PlanStale: 409, PlanUsed: 409, RunEnded: 409,
		SetInUse: 409, SetBusy: 409, RecoveryOver: 409, TooManySchedules: 409, SetNameMismatch: 422, LastOwner: 409, TenantDisabled: 409, ChangedMeanwhile: 412, PreconditionMissing: 428,
		ValidationError: 422, ConfirmationMissing: 422, NameMismatch: 422, SelectionEmpty: 422,
		IdempotencyKeyReused: 422, BadRequest: 400, TooLarge: 413, RateLimited: 429, Internal: 500, Unavailable: 503,
		GraphThrottled: 500, "never_heard_of": 500,
	} {
		if got := HTTPStatus(c); got != want {
			t.Errorf("%s: %d, want %d", c, got, want)
		}
	}
}

func TestSeverityFollowsTheOutcome(t *testing.T) {
	e, _ := Lookup(UnresolvedGroup, ScopeItem)
	if e.SeverityAs(Failed) != Error || e.SeverityAs(Noted) != Warning || e.SeverityAs(Blocked) != Warning {
		t.Error("the same fact is an error when found during the run and a warning when it was expected")
	}
	e, _ = Lookup(AlreadyMatches, ScopeItem)
	if e.SeverityAs(OK) != Info {
		t.Error("already_matches is information")
	}
}
