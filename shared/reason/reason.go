// Package reason is the one catalogue of reason codes: why a run or an item
// ended as it did, what an API problem means, what a preview warns of, and the
// sentences, notification titles and status lines that say so.
//
// API, console, command line, notifications and audit all render from here, so
// that one fact has one text. The package imports only the standard library,
// performs no I/O and reads no clock. Text from outside never becomes part of a
// sentence except as a clipped name; text from Microsoft never does at all.
package reason

import (
	"regexp"
	"slices"
)

// Code is a stable reason code. A code is never renamed or given another
// meaning; its sentence may improve.
type Code string

// Scope says where a code is used. The same code may appear in several scopes
// with a sentence for each.
type Scope string

// The scopes.
const (
	ScopeRun     Scope = "run"     // why a run as a whole ended
	ScopeItem    Scope = "item"    // what became of one item
	ScopeProblem Scope = "problem" // an answer of the HTTP API
	ScopeWarning Scope = "warning" // shown in a preview before a live restore
)

// Outcome is what a code may stand for on an item.
type Outcome string

// The outcomes. Failed, Noted and Skipped items "need attention".
const (
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
	Noted   Outcome = "noted"   // succeeded, with a note that was expected or confirmed
	Blocked Outcome = "blocked" // in a plan: will not be written
	OK      Outcome = "ok"      // succeeded, for information
	Marked  Outcome = "marked"  // a mark on an earlier outcome, which itself stays
)

// Severity of a code.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Auto says what happens without a person.
type Auto string

// The automatic reactions.
const (
	AutoNo    Auto = "no"
	AutoWait  Auto = "wait"  // the run waits and continues by itself
	AutoRetry Auto = "retry" // tried again inside the run before this code is given
	AutoSweep Auto = "sweep" // rescued once when lost
)

// Entry is one row of the catalogue: a code in one scope.
type Entry struct {
	Code     Code
	Scope    Scope
	Outcomes []Outcome // scope item only
	// Sentence says what happened and what it means for the tenant; Next says
	// what to do. Both are templates: {field}, {field|fallback}, {"field},
	// {field nouns}, {field nouns|fallback} or {=field one/many}; see render.go.
	Sentence string
	Next     string
	Severity Severity
	Auto     Auto
	Extra    []Field // fields beyond the common context
	Status   int     // HTTP status, scope problem only
	// saysWritten: the sentence itself says what was written, so nothing is
	// appended about it.
	saysWritten bool
}

// SeverityAs returns the severity of the entry on an item with outcome o: an
// expected note is a warning where the same fact, found during the run, is an
// error.
func (e Entry) SeverityAs(o Outcome) Severity {
	if e.Severity == Info {
		return Info
	}
	if e.Scope == ScopeItem {
		switch o {
		case Failed:
			return Error
		case Noted, Blocked, Skipped:
			return Warning
		case OK, Marked:
			return Info
		}
	}
	return e.Severity
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9_.]{1,64}$`)

// Valid reports whether c has the form of a code. It says nothing about
// whether the catalogue knows it.
func (c Code) Valid() bool { return codeForm.MatchString(string(c)) }

// Lookup returns the row of a code in a scope. For a code that the scope does
// not hold it returns false.
func Lookup(c Code, s Scope) (Entry, bool) {
	for i := range catalog {
		if catalog[i].Code == c && catalog[i].Scope == s {
			return clone(catalog[i]), true
		}
	}
	return Entry{}, false
}

// Entries returns all rows, in the order of the documentation. The caller may
// change what it gets.
func Entries() []Entry {
	all := slices.Clone(catalog)
	for i := range all {
		all[i] = clone(all[i])
	}
	return all
}

func clone(e Entry) Entry {
	e.Outcomes = slices.Clone(e.Outcomes)
	e.Extra = slices.Clone(e.Extra)
	return e
}

// HTTPStatus returns the status of an API problem, or 500 for a code that is
// not one.
func HTTPStatus(c Code) int {
	if e, ok := Lookup(c, ScopeProblem); ok {
		return e.Status
	}
	return 500
}
