package restore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// Schema names the form of a plan document.
const Schema = "tenantatlas.plan/1"

// Document is the plan of one item, as it is stored and shown.
type Document struct {
	Schema string `json:"schema"`
	// PolicyID is the policy whose version is written back; of a delete, the object
	// that goes.
	PolicyID    string         `json:"policyId"`
	Name        string         `json:"name"`
	Type        string         `json:"type"`
	Action      run.PlanAction `json:"action"`
	Version     int            `json:"version,omitempty"`
	GraphID     string         `json:"graphId,omitempty"` // of the live object
	Matched     run.MatchedBy  `json:"matched,omitempty"`
	Fingerprint string         `json:"fingerprint,omitempty"` // content hash of the live object
	// OwnFingerprint is that of the live object without the assignments that come with
	// policy sets, "" when it has none of those: a set may be written, or go, before it.
	OwnFingerprint string `json:"ownFingerprint,omitempty"`
	// Settled is that of the live object without its place among others of its type as
	// well, "" where there is no order.
	Settled string `json:"settled,omitempty"`
	// Code is why the item is blocked, or a note of what is not written.
	Code   reason.Code       `json:"code,omitempty"`
	Params map[string]string `json:"params,omitempty"`
	Steps  []Step            `json:"steps,omitempty"`
	// StepsHash is over the requests themselves. Secret values are not in it, their
	// digests are.
	StepsHash  string      `json:"stepsHash,omitempty"`
	References []Reference `json:"references,omitempty"`
	Warnings   []Warning   `json:"warnings,omitempty"`
	// Changes are from the live object to what it will be; of an item that is
	// blocked, to what was captured. A new object has none: it is its version.
	Changes *diff.Result `json:"changes,omitempty"`
}

// Step is one request of a plan, for people.
type Step struct {
	Name   string `json:"name"`
	Method string `json:"method"`
}

// Warning is what people must know before they confirm.
type Warning struct {
	Code   reason.Code       `json:"code"`
	Params map[string]string `json:"params,omitempty"`
}

// Reference is an object that the policy refers to, and what stands for it in the
// tenant.
type Reference struct {
	Type string `json:"type"`
	ID   string `json:"id"` // as captured
	// To is the id in the tenant, "" when there is no such object.
	To string `json:"to,omitempty"`
	// Creates is the policy of this plan that makes the object: its id is known when
	// that was written.
	Creates string `json:"creates,omitempty"`
	Name    string `json:"name,omitempty"`
}

// placeholder stands in a plan for the id of an object that the plan makes.
func placeholder(policyID string) string { return "{" + policyID + "}" }

// Mapping is the mapping of the plan, with placeholders for what it makes.
func Mapping(references []Reference) catalog.Mapping {
	return mapping(references, placeholder)
}

// MappingWith is the mapping of the plan with the ids of what it made. An object
// whose id is not known is unresolved.
func MappingWith(references []Reference, made func(policyID string) string) catalog.Mapping {
	return mapping(references, made)
}

func mapping(references []Reference, made func(policyID string) string) catalog.Mapping {
	to := make(map[[2]string]string, len(references))
	for _, r := range references {
		id := r.To
		if r.Creates != "" {
			id = made(r.Creates)
		}
		if id != "" {
			to[[2]string{r.Type, r.ID}] = id
		}
	}
	return func(typeID, id string) (string, bool) {
		found, ok := to[[2]string{typeID, id}]
		return found, ok
	}
}

// Subject is what the plan of one item is made of.
type Subject struct {
	Type     catalog.Type
	PolicyID string
	Version  run.Version
	Captured []byte // payload of the version
	// Held is the content hash of the version as the service would hold it now, where
	// that is not the version's: see catalog.Type.AsEncrypted.
	Held string
	// Live is a capture of the matched object as it is now, nil when there is none;
	// its GraphID, and its content hash.
	Live        []byte
	GraphID     string
	Matched     run.MatchedBy
	Fingerprint string
	References  []Reference // of Captured
	Now         time.Time
}

// Digests are the keyed digests of a payload's secret values: they take the place
// of the values while a plan is made, which nobody needs to open them for.
func Digests(doc catalog.Document) map[string]string {
	found, _ := doc[catalog.MemberSecrets].(map[string]any)
	out := make(map[string]string, len(found))
	for place, v := range found {
		out[place], _ = v.(string)
	}
	return out
}

// Make plans one item. An error means that a document cannot be read at all.
func Make(s Subject) (Document, error) {
	t, v := s.Type, s.Version
	captured, err := catalog.Decode(s.Captured)
	if err != nil {
		return Document{}, err
	}
	d := Document{
		Schema: Schema, PolicyID: s.PolicyID, Name: v.PolicyName, Type: t.ID, Version: v.Number, References: s.References,
		GraphID: s.GraphID, Matched: s.Matched, Fingerprint: s.Fingerprint,
	}
	var live catalog.Document
	if s.Live != nil {
		if live, err = catalog.Decode(s.Live); err != nil {
			return Document{}, err
		}
		if err := d.fingerprints(t, s.Live); err != nil {
			return Document{}, err
		}
		if live.Object() == nil { // it is there, and must not be made a second time
			return Document{}, errors.New("the live document has no object")
		}
	}
	want := s.Captured
	switch {
	case v.Complete && live != nil && s.Fingerprint == cmp.Or(s.Held, v.ContentHash):
		d.Action, d.Code = run.PlanNone, reason.AlreadyMatches // of whatever type
	case !v.Complete:
		d.block(reason.VersionIncomplete, reason.FieldPart, missingPart(v))
	case t.Restorability.Level != catalog.Full:
		d.block(reason.CaptureOnly, reason.FieldReason, strings.TrimSuffix(t.Restorability.Reason, "."))
	case live == nil:
		made, err := t.Create(s.Captured, Mapping(s.References), Digests(captured))
		if err := d.refused(err); err != nil {
			return Document{}, err
		}
		d.Action = cmp.Or(d.Action, run.PlanCreate)
		d.resolve(made.Unresolved)
		if d.Steps, d.StepsHash, err = outline(made.Steps); err != nil {
			return Document{}, err
		}
		want = made.Want
	default:
		change, err := t.Update(s.Captured, s.Live, Mapping(s.References), Digests(captured))
		if err := d.refused(err); err != nil {
			return Document{}, err
		}
		if d.Action == "" {
			want = change.Want
		}
		d.resolve(change.Unresolved)
		if d.Steps, d.StepsHash, err = outline(change.Steps); err != nil {
			return Document{}, err
		}
		switch {
		case d.Action != "":
		case len(change.Steps) > 0:
			d.Action = run.PlanUpdate
		case change.AssignmentsKept && d.Code != "":
			d.Action = run.PlanBlocked // they are all that differs
		default:
			d.Action, d.Code = run.PlanNone, reason.AlreadyMatches
		}
	}
	if d.Action.Writes() {
		if past := sentDates(t, captured, live, s.Now); len(past) > 0 {
			d.block(reason.DatesPassed, reason.FieldSetting, strings.Join(past, ", "))
		}
	}
	if live != nil && d.Action != run.PlanNone {
		if err := d.compare(t, s.Live, want, s.References); err != nil {
			return Document{}, err
		}
	}
	if d.Action.Writes() {
		wanted, err := catalog.Decode(want)
		if err != nil {
			return Document{}, err
		}
		d.warn(s, captured, wanted, live)
	} else {
		d.Steps, d.StepsHash = nil, ""
	}
	return d, nil
}

// OwnFingerprint is the content hash of a payload document without the assignments
// that come with policy sets.
func OwnFingerprint(t catalog.Type, payload []byte) (string, error) {
	own, err := catalog.OwnAssignments(payload)
	return hashed(t, own, err)
}

// Settled is the content hash of a payload document without what other writes to the
// tenant bring about; see catalog.Type.Settled.
func Settled(t catalog.Type, payload []byte) (string, error) {
	settled, err := t.Settled(payload)
	return hashed(t, settled, err)
}

// hashed is the content hash of a payload document that was made without err.
func hashed(t catalog.Type, payload []byte, err error) (string, error) {
	if err != nil {
		return "", err
	}
	hash, err := t.ContentHash(payload)
	if err != nil {
		return "", fmt.Errorf("normal form of %s: %w", t.ID, err)
	}
	return hash, nil
}

// fingerprints enters those that say more than Fingerprint.
func (d *Document) fingerprints(t catalog.Type, live []byte) error {
	own, err := OwnFingerprint(t, live)
	if err != nil {
		return err
	}
	if own != d.Fingerprint {
		d.OwnFingerprint = own
	}
	if t.Place != "" {
		d.Settled, err = Settled(t, live)
	}
	return err
}

// Delete plans that an object goes which a restore made. live is a capture of it
// as it is now.
func Delete(t catalog.Type, policyID, name, graphID, fingerprint string, live []byte) (Document, error) {
	d := Document{
		Schema: Schema, PolicyID: policyID, Name: name, Type: t.ID, Action: run.PlanDelete, GraphID: graphID, Matched: run.MatchID, Fingerprint: fingerprint,
	}
	if err := d.fingerprints(t, live); err != nil {
		return Document{}, err
	}
	steps, err := t.Delete(live)
	if err := d.refused(err); err != nil {
		return Document{}, err
	}
	if d.Action == run.PlanBlocked {
		return d, nil
	}
	if d.Steps, d.StepsHash, err = outline(steps); err != nil {
		return Document{}, err
	}
	d.Warnings = []Warning{{Code: reason.DeleteCreated}}
	return d, nil
}

func (d *Document) block(code reason.Code, field reason.Field, value string) {
	d.Action, d.Code, d.Params = run.PlanBlocked, code, nil
	if value != "" {
		d.Params = reason.Params{}.Set(field, value)
	}
}

// refused blocks the item for what the catalogue refuses to write; other errors
// are returned.
func (d *Document) refused(err error) error {
	var replacement *catalog.ReplacementError
	switch {
	case err == nil:
	case errors.As(err, &replacement):
		d.block(reason.NeedsReplacement, reason.FieldSetting, strings.Join(replacement.Members, ", "))
	case errors.Is(err, catalog.ErrPlaceholder):
		d.block(reason.VersionIncomplete, reason.FieldPart, "a secret value")
	case errors.Is(err, catalog.ErrIncomplete):
		d.block(reason.VersionIncomplete, "", "")
	case errors.Is(err, catalog.ErrNotDeletable):
		d.block(reason.NotDeletable, "", "")
	case errors.Is(err, catalog.ErrNotCreatable), errors.Is(err, catalog.ErrNotUpdatable):
		d.block(reason.BuiltinObject, "", "")
	default:
		return err
	}
	return nil
}

// missingPart names what the version lacks.
func missingPart(v run.Version) string {
	for _, n := range v.Notes {
		if part := n.Params[string(reason.FieldPart)]; part != "" {
			return part
		}
	}
	return ""
}

// resolve says what becomes of references that nothing stands for. One that the
// policy itself needs blocks it; one that its assignments need leaves those as they
// are.
func (d *Document) resolve(unresolved []catalog.Unresolved) {
	var groups, filters []string
	for _, u := range unresolved {
		name := d.nameOf(u.Type, u.ID)
		switch {
		case !u.Assignment && d.Action == run.PlanBlocked:
		case !u.Assignment && u.Type == catalog.TypeScopeTag:
			d.block(reason.UnresolvedScopeTag, reason.FieldTag, name)
		case !u.Assignment:
			d.block(reason.MissingDependency, reason.FieldDependency, name)
		case u.Type == catalog.TypeFilter:
			filters = append(filters, name)
		default:
			groups = append(groups, name)
		}
	}
	if d.Action == run.PlanBlocked || len(groups)+len(filters) == 0 {
		return
	}
	if len(groups) > 0 {
		d.Code, d.Params = reason.UnresolvedGroup, reason.Params{}.Set(reason.FieldGroup, list(groups))
	} else {
		d.Code, d.Params = reason.UnresolvedFilter, reason.Params{}.Set(reason.FieldFilter, list(filters))
	}
	d.Warnings = append(d.Warnings, Warning{Code: reason.AssignUnresolved, Params: reason.Params{}.Int(reason.FieldGroups, len(groups)+len(filters))})
}

// list names a few things, each once.
func list(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	const shown = 3
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

func (d *Document) nameOf(typeID, id string) string {
	for _, r := range d.References {
		if r.Type == typeID && r.ID == id && r.Name != "" {
			return r.Name
		}
	}
	return id
}

// outline is what a plan keeps of the steps.
func outline(steps []catalog.Step) ([]Step, string, error) {
	if len(steps) == 0 {
		return nil, "", nil
	}
	shown := make([]Step, len(steps))
	requests := make([][]string, len(steps))
	for i, s := range steps {
		shown[i] = Step{Name: s.Name, Method: s.Method}
		requests[i] = []string{s.Name, s.Method, s.Path, s.Query, string(s.Body)}
	}
	text, err := json.Marshal(requests)
	if err != nil {
		return nil, "", fmt.Errorf("outline steps: %w", err)
	}
	sum := sha256.Sum256(text)
	return shown, hex.EncodeToString(sum[:]), nil
}

// StepsHash is that of a plan's document, to see that the same would be written.
func StepsHash(steps []catalog.Step) (string, error) {
	_, hash, err := outline(steps)
	return hash, err
}

// compare fills the changes.
func (d *Document) compare(t catalog.Type, live, want []byte, references []Reference) error {
	named, err := withNames(want, references)
	if err != nil {
		return err
	}
	result, err := diff.Compare(t, live, named)
	if errors.Is(err, diff.ErrTooLarge) {
		return nil // it is written all the same
	}
	if err != nil {
		return fmt.Errorf("compare with the live object: %w", err)
	}
	d.Changes = &result
	return nil
}

// withNames adds to a document the names of the objects that stand in the place of
// those it was captured with.
func withNames(payload []byte, references []Reference) ([]byte, error) {
	named := map[string]map[string]any{}
	for _, r := range references {
		to := r.To
		if r.Creates != "" {
			to = placeholder(r.Creates)
		}
		if to != r.ID && to != "" && r.Name != "" {
			if named[r.Type] == nil {
				named[r.Type] = map[string]any{}
			}
			named[r.Type][to] = map[string]any{"name": r.Name}
		}
	}
	if len(named) == 0 {
		return payload, nil
	}
	doc, err := catalog.Decode(payload)
	if err != nil {
		return nil, err
	}
	all, _ := doc[catalog.MemberReferences].(map[string]any)
	all = maps.Clone(all)
	if all == nil {
		all = map[string]any{}
	}
	for typeID, of := range named {
		old, _ := all[typeID].(map[string]any)
		merged := maps.Clone(old)
		if merged == nil {
			merged = map[string]any{}
		}
		maps.Copy(merged, of)
		all[typeID] = merged
	}
	doc[catalog.MemberReferences] = all
	return json.Marshal(doc)
}

// sentDates are dates of the past that would be sent: the service refuses them, or
// acts at once.
func sentDates(t catalog.Type, captured, live catalog.Document, now time.Time) []string {
	var past []string
	for _, path := range t.PastDates(captured.Object(), now) {
		if live == nil || !slices.Contains(t.PastDates(live.Object(), now), path) || !equalAt(captured.Object(), live.Object(), path) {
			past = append(past, path)
		}
	}
	return past
}

func equalAt(a, b map[string]any, path string) bool {
	x, _ := json.Marshal(at(a, path))
	y, _ := json.Marshal(at(b, path))
	return bytes.Equal(x, y)
}

// at is the value that a plain path names.
func at(object map[string]any, path string) any {
	var v any = object
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// Encode writes a document.
func (d Document) Encode() ([]byte, error) { return json.Marshal(d) }

// Decode reads a document.
func Decode(raw []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(raw, &d); err != nil {
		return Document{}, fmt.Errorf("plan document: %w", err)
	}
	if d.Schema != Schema || !slices.Contains(run.PlanActions(), d.Action) {
		return Document{}, errors.New("plan document is of another form")
	}
	return d, nil
}

// Planned is what an outcome keeps of the document, which is stored under a key.
func (d Document) Planned(key string) *run.Planned {
	p := &run.Planned{
		Action: d.Action, Version: d.Version, GraphID: d.GraphID, Matched: d.Matched, Fingerprint: d.Fingerprint, Document: key,
	}
	if d.Changes != nil {
		p.Changes = d.Changes.Total
	}
	for _, w := range d.Warnings {
		p.Warnings = append(p.Warnings, string(w.Code))
	}
	slices.Sort(p.Warnings)
	p.Warnings = slices.Compact(p.Warnings)
	return p
}
