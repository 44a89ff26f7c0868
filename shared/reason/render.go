package reason

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sentence says what happened, in the words of the scope. Values come from
// params; what is missing or does not fit its field renders as a general word.
// A code that the scope does not know gets a sentence of its own, so a reader
// that is older than the writer never breaks.
//
// Ended restores, and items that may have been written, append what was
// written: FieldWritten (runs of a restore) and FieldWrite (items).
func Sentence(c Code, s Scope, params Params) string {
	e, ok := entryFor(c, s)
	if !ok {
		return unknown(c)
	}
	p := params.Clean()
	text := render(e.Sentence, p)
	if !e.saysWritten {
		if more := writtenSentence(s, p); more != "" {
			text += " " + more
		}
	}
	return text
}

// Next says what to do about it, or "" when there is nothing to do.
func Next(c Code, s Scope, params Params) string {
	e, ok := entryFor(c, s)
	if !ok {
		return ""
	}
	return render(e.Next, params.Clean())
}

// entryFor finds the row to speak with. A run of one item ends with the reason
// of that item, which then speaks for the run.
func entryFor(c Code, s Scope) (Entry, bool) {
	e, ok := Lookup(c, s)
	if !ok && s == ScopeRun {
		return Lookup(c, ScopeItem)
	}
	return e, ok
}

// Text is the sentence followed by the next action.
func Text(c Code, s Scope, params Params) string {
	return strings.TrimSpace(Sentence(c, s, params) + " " + Next(c, s, params))
}

func unknown(c Code) string {
	if !c.Valid() {
		return "This ended with a reason that this console does not know yet."
	}
	return "This ended with a reason that this console does not know yet (" + string(c) + ")."
}

func writtenSentence(s Scope, p Params) string {
	switch s {
	case ScopeRun:
		n, ok := p.number(FieldWritten)
		if !ok || !restores(p[string(FieldOperation)]) {
			return ""
		}
		if n == 0 {
			return render("Nothing was written to {tenant}.", p)
		}
		return render("{written items} {=written was/were} written before that; the run lists {=written it/them}.", p)
	case ScopeItem:
		switch p[string(FieldWrite)] {
		case "no":
			return "Nothing was written."
		case "yes":
			return "It was written."
		case "unknown":
			return "It is not known whether it was written."
		}
	}
	return ""
}

func restores(operation string) bool {
	return operation == "restore.execute" || operation == "restore.rerun"
}

// fallbacks are the words for values that are missing.
var fallbacks = map[Field]string{
	FieldTenant: "the tenant", FieldUser: "a user", FieldCredential: "credential", FieldOperation: "the operation",
	FieldName: "the policy", FieldSet: "the backup set", FieldItem: "the item", FieldType: "the type", FieldStep: "a step",
}

// singular forms of the nouns that templates count.
var singular = map[string]string{
	"policies": "policy", "items": "item", "attempts": "attempt", "objects": "object", "differences": "difference",
	"days": "day", "seconds": "second", "fields": "field", "groups": "group", "values": "value", "versions": "version",
	"types": "type", "steps": "step", "roles": "role",
}

// render fills a template of this package. Only templates are read for braces:
// values are copied as they are, so a brace in a name stays a brace.
func render(template string, p Params) string {
	var b strings.Builder
	for rest := template; ; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:open])
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 { // TestCatalog keeps this from happening
			break
		}
		word, isData := fill(rest[open+1:open+end], p)
		if !isData && startsSentence(b.String()) {
			word = capitalize(word)
		}
		b.WriteString(word)
		rest = rest[open+end+1:]
	}
	return b.String()
}

// fill returns the text of one placeholder, and whether it is a value rather
// than a word of ours.
func fill(placeholder string, p Params) (text string, isData bool) {
	if field, one, many, ok := parseAgreement(placeholder); ok {
		if n, known := p.number(field); known && n == 1 {
			return one, true
		}
		return many, true
	}
	placeholder, quoted := strings.CutPrefix(placeholder, `"`)
	field, noun, fallback := parsePlaceholder(placeholder)
	raw, ok := p[string(field)]
	if ok && quoted {
		return `"` + raw + `"`, true
	}
	if !ok {
		switch {
		case fallback != "":
			return fallback, false
		case noun != "":
			return noun, false
		}
		return fallbacks[field], false
	}
	if noun != "" {
		n, _ := strconv.ParseInt(raw, 10, 64)
		return plural(n, noun), false
	}
	switch fieldKinds[field] {
	case kindNumber:
		return raw, true
	case kindBytes:
		n, _ := strconv.ParseInt(raw, 10, 64)
		return formatBytes(n), true
	case kindDuration:
		n, _ := strconv.ParseInt(raw, 10, 64)
		return formatDuration(seconds(n)), true
	case kindTime:
		t, _ := time.Parse(time.RFC3339, raw)
		return formatTime(t), true
	case kindCode:
		if field == FieldOperation {
			return OperationTitle(raw), true
		}
	}
	return raw, true
}

// parsePlaceholder splits "field nouns|fallback".
func parsePlaceholder(s string) (f Field, noun, fallback string) {
	s, fallback, _ = strings.Cut(s, "|")
	name, noun, _ := strings.Cut(s, " ")
	return Field(name), noun, fallback
}

// parseAgreement splits "=field one/many": a word that agrees with a count.
func parseAgreement(s string) (f Field, one, many string, ok bool) {
	s, ok = strings.CutPrefix(s, "=")
	if !ok {
		return "", "", "", false
	}
	name, words, _ := strings.Cut(s, " ")
	one, many, _ = strings.Cut(words, "/")
	return Field(name), one, many, true
}

// plural returns "1 policy", "2 policies", and "no policies" for none. The
// last word of nouns is the one that changes.
func plural(n int64, nouns string) string {
	switch n {
	case 0:
		return "no " + nouns
	case 1:
		head, last := "", nouns
		if i := strings.LastIndexByte(nouns, ' '); i >= 0 {
			head, last = nouns[:i+1], nouns[i+1:]
		}
		return "1 " + head + singular[last]
	}
	return strconv.FormatInt(n, 10) + " " + nouns
}

func startsSentence(before string) bool {
	return before == "" || strings.HasSuffix(before, ". ")
}

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func (p Params) number(f Field) (int64, bool) {
	raw, ok := p[string(f)]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	return n, err == nil && n >= 0
}

// seconds converts without overflow.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, int64(1<<63-1)/int64(time.Second))) * time.Second
}

// formatDuration writes a duration in its two largest units, as in
// "4 min 12 s".
func formatDuration(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 1:
		return "less than 1 s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return join(fmt.Sprintf("%d min", s/60), s%60, "s")
	case s < 48*3600:
		return join(fmt.Sprintf("%d h", s/3600), s%3600/60, "min")
	}
	return join(fmt.Sprintf("%d days", s/86400), s%86400/3600, "h")
}

func join(large string, n int64, unit string) string {
	if n == 0 {
		return large
	}
	return fmt.Sprintf("%s %d %s", large, n, unit)
}

func formatBytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// formatTime writes a moment for a reader whose zone is not known: clients that
// know it format the field themselves.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
