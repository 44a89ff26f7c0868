package reason

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Progress is what a status sentence is made from: a run as it stands, and the
// time at which it is looked at. Zero values mean "not known".
type Progress struct {
	Operation string
	Status    string // queued, running, succeeded, partial, failed, canceled
	Code      Code   // why it failed
	Params    Params // of Code
	Tenant    string
	ItemName  string // of the only item, when there is one

	Planned                           bool // the items are known
	Found                             int  // while not planned: items found so far
	Total, Succeeded, Failed, Skipped int
	Untouched                         int // of the skipped: items that the run ended before

	Now, CreatedAt, StartedAt, UpdatedAt, FinishedAt time.Time

	WaitCode  Code      // why a running run pauses; "" when it does not
	WaitUntil time.Time // zero when nobody knows
	Deadline  time.Time

	Canceling  bool
	Recovering bool // a worker stopped, and the next has not committed yet
}

// CodeOwnLimit is the reason of a pause that TenantAtlas itself asks for: other
// runs of the tenant use the shared budget. It is no end reason and so not in
// the catalogue.
const CodeOwnLimit Code = "tenant_budget"

// slowStart is how long a run may wait for a worker before the sentence says so.
const slowStart = 90 * time.Second

func (p Progress) done() int { return p.Succeeded + p.Failed + p.Skipped - p.Untouched }

// Phase is where in its life a run stands.
type Phase string

// The phases, in the order in which they usually come.
const (
	PhaseQueued     Phase = "queued"
	PhasePlanning   Phase = "planning"
	PhaseWorking    Phase = "working"
	PhaseWaiting    Phase = "waiting"    // for Microsoft Graph, or for other runs of the tenant
	PhaseRecovering Phase = "recovering" // a worker stopped, and the next has not committed yet
	PhaseCanceling  Phase = "canceling"
	PhaseEnded      Phase = "ended"
)

// Phase returns where the run stands.
func (p Progress) Phase() Phase {
	switch {
	case p.Status == "queued":
		return PhaseQueued
	case p.Status != "running":
		return PhaseEnded
	case p.Canceling:
		return PhaseCanceling
	case p.WaitCode != "":
		return PhaseWaiting
	case p.Recovering:
		return PhaseRecovering
	case !p.Planned:
		return PhasePlanning
	}
	return PhaseWorking
}

// Estimate returns how many items a minute the run has done since it began,
// waits included, and when it will end at that rate. Both are zero when there is
// too little to go by: under 20 items or a tenth of the run an estimate would be
// a guess. It is as of the last change of the run, so that it does not change
// from one look to the next.
func (p Progress) Estimate() (perMinute float64, end time.Time) {
	from := p.UpdatedAt
	switch {
	case p.Phase() == PhaseEnded:
		from = p.FinishedAt
	case from.IsZero():
		from = p.Now
	}
	done, took := p.done(), from.Sub(p.StartedAt)
	if done < 20 || done*10 < p.Total || p.StartedAt.IsZero() || took <= 0 {
		return 0, time.Time{}
	}
	perMinute = float64(done) / took.Minutes()
	if phase := p.Phase(); phase == PhaseEnded || phase == PhaseCanceling || done >= p.Total {
		return perMinute, time.Time{}
	}
	if p.WaitUntil.After(from) {
		from = p.WaitUntil
	}
	return perMinute, from.Add(took / time.Duration(done) * time.Duration(p.Total-done))
}

// StatusSentence says in one or two sentences where a run stands. Times are
// written in UTC; a client that knows the reader's zone writes its own from
// the same facts.
func StatusSentence(p Progress) string {
	switch p.Status {
	case "queued":
		if !p.Now.IsZero() && !p.CreatedAt.IsZero() && p.Now.Sub(p.CreatedAt) >= slowStart {
			return "Starting takes longer than usual; it will be sent again."
		}
		return "Waiting to start."
	case "running":
		return p.running()
	case "succeeded", "partial":
		if p.Status == "partial" && p.Code != "" {
			return p.failed() // it was ended before its last item
		}
		// What these found says more than how many items they had.
		switch {
		case p.Operation == "connection.test", p.Operation == "inventory.sync", p.Operation == "policy.capture_snapshot" && p.ItemName != "":
			params := p.Params.Clean()
			if params == nil {
				params = Params{}
			}
			if p.ItemName != "" {
				params.Set(FieldName, p.ItemName)
			}
			if p.Tenant != "" {
				params.Set(FieldTenant, p.Tenant)
			}
			return NotificationTitle(p.Operation, p.Status, params) + "."
		}
		return p.ended()
	case "failed":
		return p.failed()
	case "canceled":
		if p.Code != "" {
			return p.failed()
		}
		return fmt.Sprintf("%s canceled. %d of %s were done.", OperationTitle(p.Operation), p.done(), p.count(p.Total))
	}
	return unknown(Code(p.Status))
}

// failed says why the run as a whole did not reach its end.
func (p Progress) failed() string {
	if p.Code == "" {
		return p.ended()
	}
	params := p.Params.Clean()
	if params == nil {
		params = Params{}
	}
	params.Set(FieldOperation, p.Operation)
	if p.Tenant != "" {
		params.Set(FieldTenant, p.Tenant)
	}
	return Sentence(p.Code, ScopeRun, params)
}

func (p Progress) running() string {
	w := words(p.Operation)
	switch {
	case p.Canceling:
		return "Stopping after the items in progress."
	case p.WaitCode != "":
		return p.waiting()
	case p.Recovering:
		return fmt.Sprintf("A worker stopped. The run continues from item %d.", p.done()+1)
	case !p.Planned:
		return fmt.Sprintf("Listing %s, %d found so far.", w.noun, p.Found)
	case p.Total == 1 && p.ItemName != "":
		return w.verb + ` "` + ClipName(p.ItemName) + `".`
	}
	text := fmt.Sprintf("%s %d of %s", w.verb, p.done(), p.count(p.Total))
	if left := p.left(); left != "" {
		text += ", " + left
	}
	return text + "."
}

func (p Progress) waiting() string {
	switch {
	case p.WaitCode == CodeOwnLimit:
		tenant := ClipName(p.Tenant)
		if tenant == "" {
			tenant = "the tenant"
		}
		return "Waiting for other runs of " + tenant + "."
	case p.WaitCode == Internal:
		return "A fault in TenantAtlas interrupted the run. Trying again by itself."
	case p.WaitUntil.IsZero():
		text := "Microsoft Graph does not answer. Trying again by itself"
		if !p.Deadline.IsZero() {
			text += " until " + p.clock(p.Deadline)
		}
		return text + "."
	}
	text := "Waiting for Microsoft Graph until " + p.clock(p.WaitUntil) + "."
	if p.Planned && p.Total > 0 {
		text += fmt.Sprintf(" %d of %s %s.", p.done(), p.count(p.Total), strings.ToLower(words(p.Operation).past))
	}
	return text
}

// clock writes a time of day, and the date too unless it is today.
func (p Progress) clock(t time.Time) string {
	t, now := t.UTC(), p.Now.UTC()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

// left says how much longer it will take, where there is an estimate.
func (p Progress) left() string {
	_, end := p.Estimate()
	if end.IsZero() {
		return ""
	}
	remaining := end.Sub(p.Now)
	switch minutes := int64((remaining + 30*time.Second) / time.Minute); {
	case remaining > time.Hour:
		return "more than an hour left"
	case minutes < 1:
		return "less than a minute left"
	case minutes == 1:
		return "about 1 minute left"
	default:
		return "about " + strconv.FormatInt(minutes, 10) + " minutes left"
	}
}

func (p Progress) ended() string {
	w := words(p.Operation)
	switch {
	case p.Total == 0:
		return "Nothing to do."
	case p.Total == 1 && p.ItemName != "":
		return p.endedOne(w)
	}
	var b strings.Builder
	if p.Succeeded == p.Total {
		fmt.Fprintf(&b, "%s %s", w.past, p.count(p.Total))
		if !p.StartedAt.IsZero() && !p.FinishedAt.Before(p.StartedAt) {
			b.WriteString(" in " + formatDuration(p.FinishedAt.Sub(p.StartedAt)))
		}
		b.WriteString(".")
		return b.String()
	}
	fmt.Fprintf(&b, "%s %d of %s.", w.past, p.Succeeded, p.count(p.Total))
	var rest []string
	if p.Failed > 0 {
		rest = append(rest, strconv.Itoa(p.Failed)+" failed")
	}
	if p.Skipped > 0 {
		rest = append(rest, strconv.Itoa(p.Skipped)+" skipped")
	}
	if len(rest) > 0 {
		b.WriteString(" " + strings.Join(rest, ", ") + ".")
	}
	return b.String()
}

func (p Progress) endedOne(w operationWords) string {
	quoted := `"` + ClipName(p.ItemName) + `"`
	switch {
	case p.Failed > 0:
		return w.title + " of " + quoted + " failed."
	case p.Skipped > 0:
		return quoted + " was skipped."
	}
	text := w.past + " " + quoted
	if !p.StartedAt.IsZero() && !p.FinishedAt.Before(p.StartedAt) {
		text += " in " + formatDuration(p.FinishedAt.Sub(p.StartedAt))
	}
	return text + "."
}

// count writes a number of what the operation counts; "0 policies" rather than
// "no policies", because it stands after "n of".
func (p Progress) count(n int) string {
	noun := words(p.Operation).noun
	if n == 0 {
		return "0 " + noun
	}
	return plural(int64(n), noun)
}
