package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// capture reads one policy whole and stores it as a version, unless the content
// is that of the latest version.
type capture struct {
	session
	// listed returns an object that a list held whole, or nil. Without it every
	// object is read by its id.
	listed func(ctx context.Context, t catalog.Type, graphID string) ([]byte, error)
}

// PayloadSchema names the form of a payload document.
const PayloadSchema = "tenantatlas.policy/1"

// MaxPayloadBytes is the largest policy that is stored. Real ones reach a few
// megabytes.
const MaxPayloadBytes = 24 << 20

func newCapture(s session) engine.Operation { return capture{session: s} }

// single reports whether the run is about one policy, which is its target.
func (c capture) single() bool { return c.run.Target.Kind == run.TargetPolicy }

// Plan is the policy that the run is about, or those that its selection means now.
func (c capture) Plan(ctx context.Context) ([]run.Item, error) {
	if t := c.run.Target; c.single() {
		return []run.Item{{Key: t.ID, Kind: run.KindPolicy, Name: t.Name, Type: t.Type}}, nil
	}
	var in run.SnapshotInput
	if err := json.Unmarshal(c.run.Input, &in); err != nil {
		return nil, fmt.Errorf("read input of run: %w", err)
	}
	all, err := c.Policies.AllPolicies(ctx, c.tenant.ID)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	chosen := in.Selection.Choose(all)
	if len(chosen) > run.MaxSetPolicies {
		return nil, &engine.Fail{Failure: run.Failure{Code: string(reason.TooManyPolicies), Params: map[string]string{string(reason.FieldPolicies): strconv.Itoa(len(chosen))}}}
	}
	items := make([]run.Item, 0, len(chosen))
	for _, p := range chosen {
		items = append(items, run.Item{Key: p.ID, Kind: run.KindPolicy, Name: p.Name, Type: p.Type})
	}
	return items, nil
}

func (c capture) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	p, err := c.Policies.Policy(ctx, c.tenant.ID, item.Key)
	if err != nil {
		return run.Outcome{}, fmt.Errorf("read policy record: %w", err)
	}
	got, err := c.capture(ctx, p)
	if !c.single() {
		delete(got.outcome.Numbers, string(reason.FieldVersion)) // a sum of versions means nothing
	}
	return settle(got.outcome, err)
}

// snapshot is what the capture of a policy came to.
type snapshot struct {
	outcome run.Outcome
	// version is the one stored, or the equal one that was there; its Number is 0
	// when there is none.
	version run.Version
	payload []byte
}

func (c capture) capture(ctx context.Context, p run.Policy) (snapshot, error) {
	t, ok := catalog.ByID(p.Type)
	if !ok {
		return snapshot{outcome: run.Outcome{Status: run.OutcomeSkipped, Code: string(reason.UnsupportedType)}}, nil
	}
	doc, err := c.read(ctx, t, p)
	if err != nil {
		return snapshot{}, needs(err, t)
	}
	payload, err := doc.encode(t, p)
	if err != nil {
		return snapshot{}, err
	}
	hash, err := t.ContentHash(payload)
	if err != nil {
		return snapshot{}, fmt.Errorf("normal form of %s: %w", t.ID, err)
	}
	got, err := c.store(ctx, t, p, doc, payload, hash)
	got.payload = payload
	return got, err
}

// store makes the next version, if the content is new. It can be repeated: a
// version that this run made before its worker died is found and not made again.
func (c capture) store(ctx context.Context, t catalog.Type, p run.Policy, doc *document, payload []byte, hash string) (snapshot, error) {
	for range 5 {
		var latest run.Version
		if p.LatestVersion > 0 {
			var err error
			if latest, err = c.Policies.Version(ctx, p.TenantID, p.ID, p.LatestVersion); err != nil {
				return snapshot{}, fmt.Errorf("read latest version: %w", err)
			}
		}
		if latest.RunID == c.run.ID {
			if latest.Complete {
				return captured(latest, nil), nil
			}
			if !doc.complete() {
				return captured(latest, doc.missing), nil
			}
			// What could not be read then was read now, which is worth another version.
		}
		// An incomplete capture of what is stored complete must not hide it, nor
		// the other way round.
		if latest.ContentHash == hash && latest.Complete == doc.complete() && (unnamed(doc.notes) || !unnamed(latest.Notes)) {
			err := c.Policies.TouchCaptured(ctx, p.TenantID, p.ID, p.LatestVersion, c.Now().UTC())
			if err != nil && !errors.Is(err, run.ErrConflict) {
				return snapshot{}, fmt.Errorf("record unchanged capture: %w", err)
			}
			if err == nil {
				latest.Notes, latest.Refers = doc.notes, refers(p.TenantID, t, doc.decoded) // those of now
				got := captured(latest, doc.missing)
				if got.outcome.Code == "" {
					got.outcome.Code = string(reason.Unchanged)
				}
				got.outcome.Numbers[string(reason.FieldUnchanged)] = 1
				return got, nil
			}
		} else {
			// The secrets are there before the version that needs them. Their name is
			// the content's, which their digests are part of: equal names, equal values.
			if len(doc.secrets) > 0 {
				err := c.Vault.Seal(ctx, p.TenantID, hash, doc.secrets)
				if errors.Is(err, run.ErrTooLarge) {
					return snapshot{}, tooLarge(doc.secrets.Size())
				}
				if err != nil {
					return snapshot{}, fmt.Errorf("seal secrets: %w", err)
				}
			}
			key, err := c.Archive.Put(ctx, p.TenantID, payload)
			if errors.Is(err, run.ErrTooLarge) {
				return snapshot{}, tooLarge(len(payload))
			}
			if err != nil {
				return snapshot{}, fmt.Errorf("store payload: %w", err)
			}
			v := run.Version{
				TenantID: p.TenantID, PolicyID: p.ID, Number: p.LatestVersion + 1, PolicyType: t.ID, PolicyName: doc.name,
				Platform: doc.platform, GraphID: p.GraphID, ContentHash: hash, PayloadKey: key, PayloadSize: int64(len(payload)),
				Complete: doc.complete(), Notes: doc.notes, Refers: refers(p.TenantID, t, doc.decoded), CapturedAt: c.Now().UTC(), RunID: c.run.ID, CapturedBy: c.run.Initiator.Name,
			}
			if _, err = c.Policies.AddVersion(ctx, run.NewVersion{Version: v, Policy: p}); err == nil {
				return captured(v, doc.missing), nil
			}
			if !errors.Is(err, run.ErrConflict) {
				return snapshot{}, fmt.Errorf("store version: %w", err)
			}
		}
		// A sync or another capture changed the record meanwhile.
		var err error
		if p, err = c.Policies.Policy(ctx, p.TenantID, p.ID); err != nil {
			return snapshot{}, fmt.Errorf("read policy record: %w", err)
		}
	}
	return snapshot{}, fmt.Errorf("policy %s: %w", p.ID, run.ErrConflict)
}

// refers are the policies that a captured policy needs, by our ids.
func refers(tenantID string, t catalog.Type, doc catalog.Document) []string {
	var ids []string
	for _, u := range t.Referenced(doc) {
		if of, ok := catalog.ByID(u.Type); ok && of.Foundation() && len(ids) < run.MaxRefers {
			ids = append(ids, run.PolicyID(tenantID, of.Collection, u.ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// unnamed reports whether a version lacks the names of groups. One that has them
// is worth storing, though the content is the same.
func unnamed(notes []run.Note) bool {
	return slices.ContainsFunc(notes, func(n run.Note) bool { return n.Code == string(reason.NamesUnreadable) })
}

// captured is the outcome of a stored version: what could not be read makes the
// item fail, though the rest is kept.
func captured(v run.Version, missing *run.Failure) snapshot {
	o := run.Outcome{Status: run.OutcomeSucceeded, Version: v.Number, Numbers: map[string]int{string(reason.FieldVersion): v.Number}}
	switch {
	case missing != nil:
		o.Status, o.Code, o.Failure = run.OutcomeFailed, missing.Code, missing
		o.Numbers[run.NumberKept] = 1
	case len(v.Notes) > 0:
		o.Code, o.Params = v.Notes[0].Code, v.Notes[0].Params
	}
	return snapshot{outcome: o, version: v}
}

func tooLarge(size int) error {
	return &itemError{run.Failure{Code: string(reason.TooLarge), Params: map[string]string{string(reason.FieldSize): strconv.Itoa(size)}}}
}

// document is a policy as it was read, each part as Graph gave it.
type document struct {
	parts    map[string][]byte
	decoded  catalog.Document // the same, to look into
	size     int
	name     string
	platform string
	// secrets are the values that were read apart, by their place, and digests
	// what the payload holds of them.
	secrets    run.SecretValues
	digests    map[string]string
	references []byte
	notes      []run.Note
	missing    *run.Failure // the first part that could not be read
}

func (d *document) complete() bool { return d.missing == nil }

// lacks notes that a part could not be read.
func (d *document) lacks(f run.Failure, code, part string) {
	f.Code = code
	f.Params = map[string]string{string(reason.FieldPart): reason.ClipName(part)}
	d.note(run.Note{Code: f.Code, Params: f.Params})
	if d.missing == nil {
		d.missing = &f
	}
}

// note keeps what a reader of the version must know, up to a bound.
func (d *document) note(n run.Note) {
	if len(d.notes) < maxNotes {
		d.notes = append(d.notes, n)
	}
}

// maxNotes bounds what is noted of one version.
const maxNotes = 100

// read reads all parts of a policy. A part that cannot be read is noted, except
// for the object itself; what should be tried again later is returned.
func (c capture) read(ctx context.Context, t catalog.Type, p run.Policy) (*document, error) {
	doc := &document{parts: map[string][]byte{}, decoded: catalog.Document{}}
	for _, part := range t.Parts {
		raw, err := c.readPart(ctx, t, part, p.GraphID, doc)
		if err == nil && raw == nil {
			continue // there is no such thing
		}
		var item *itemError
		switch v := verdict(err); {
		case v == nil:
		case part.UnreadableCode != "" && errors.As(v, &item):
			doc.lacks(item.failure, part.UnreadableCode, part.Name)
			continue
		default:
			return nil, err
		}
		if part.Name == catalog.PartObject {
			raw = withType(raw, t.ODataType)
		}
		if doc.size += len(raw); doc.size > MaxPayloadBytes {
			return nil, tooLarge(doc.size)
		}
		doc.parts[part.Name] = raw
		if err := doc.decode(part.Name, raw); err != nil {
			return nil, &itemError{run.Failure{Code: string(reason.GraphUnavailable)}}
		}
	}
	object := doc.decoded.Object()
	text, _ := object[t.NameProperty].(string)
	if doc.name = reason.ClipName(text); doc.name == "" {
		doc.name = p.Name
	}
	doc.platform = reason.ClipName(t.Platform(object))
	if err := c.readSecrets(ctx, t, p, doc); err != nil {
		return nil, err
	}
	for _, setting := range t.UnreadableSecrets(doc.decoded) {
		doc.note(run.Note{Code: string(reason.SecretNotReadable), Params: map[string]string{string(reason.FieldSetting): reason.ClipName(setting)}})
	}
	named, unnamed, err := c.references(ctx, t, doc.decoded)
	if err != nil {
		return nil, err
	}
	if unnamed != nil {
		doc.note(*unnamed)
	}
	doc.references, err = encodeReferences(named)
	return doc, err
}

func (d *document) decode(name string, raw []byte) error {
	part, err := catalog.DecodeValue(raw)
	if err != nil {
		return err
	}
	if _, isObject := part.(map[string]any); name == catalog.PartObject && !isObject {
		return errNotAPolicy
	}
	d.decoded[name] = part
	return nil
}

// withType writes the derived type into an object that was read through a typed
// collection, whose answers leave it out (CIPP-API, New-CIPPIntuneTemplate). The
// rest stays byte for byte.
func withType(raw []byte, odataType string) []byte {
	if odataType == "" {
		return raw
	}
	var object struct {
		Type *string `json:"@odata.type"`
	}
	trimmed := bytes.TrimSpace(raw)
	if json.Unmarshal(trimmed, &object) != nil || object.Type != nil || len(trimmed) == 0 || trimmed[0] != '{' {
		return raw
	}
	head := `{"@odata.type":"` + catalog.ODataPrefix + odataType + `"`
	rest := bytes.TrimSpace(trimmed[1:])
	if len(rest) > 0 && rest[0] != '}' {
		head += ","
	}
	return append([]byte(head), rest...)
}

// maxEach bounds the reads of a part that is read for each element of another.
// An administrative template holds a few hundred settings at most.
const (
	maxEach      = 2_000
	eachParallel = 4
)

// readPart reads one part: an object, a collection to its end, or either for each
// of several. nil without an error: there is no such thing.
func (c capture) readPart(ctx context.Context, t catalog.Type, part catalog.Part, graphID string, doc *document) ([]byte, error) {
	if part.Expanded {
		return c.takePart(ctx, t, part, graphID, doc)
	}
	if part.Name == catalog.PartObject && c.listed != nil && t.ListedWhole() {
		if raw, err := c.listed(ctx, t, graphID); raw != nil || err != nil {
			return raw, err
		}
	}
	if part.Each == nil {
		raw, count, err := c.readOne(ctx, part, objectPath(t, part, graphID, ""))
		if err == nil && part.CountProperty != "" {
			want, isNumber := doc.decoded.Object()[part.CountProperty].(json.Number)
			// A count that is absent, or no number, says nothing.
			if n, e := want.Int64(); isNumber && e == nil && int64(count) < n {
				err = &itemError{run.Failure{Code: part.UnreadableCode}}
			}
		}
		return raw, err
	}
	each := distinct(part.Each(doc.decoded))
	if len(each) == 0 {
		return nil, nil
	}
	if len(each) > maxEach {
		return nil, tooLarge(len(each))
	}
	answers := make([][]byte, len(each))
	var size atomic.Int64 // of all answers, which are held until the last has come
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(eachParallel)
	for i, value := range each {
		group.Go(func() (err error) {
			answers[i], _, err = c.readOne(groupCtx, part, objectPath(t, part, graphID, value))
			if sum := size.Add(int64(len(answers[i]))); err == nil && sum > MaxPayloadBytes {
				return tooLarge(int(sum))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	b := bytes.NewBufferString("{")
	for i, raw := range answers {
		if raw == nil {
			continue
		}
		key, err := json.Marshal(each[i])
		if err != nil {
			return nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(raw)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// distinct leaves out what comes again, and keeps the order.
func distinct(values []string) []string {
	seen := make(map[string]bool, len(values))
	return slices.DeleteFunc(values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

// takePart takes a part out of the object, which was read with it. What the answer
// does not hold to its end is read by its own path.
func (c capture) takePart(ctx context.Context, t catalog.Type, part catalog.Part, graphID string, doc *document) ([]byte, error) {
	rest, raw, err := catalog.Cut(doc.parts[catalog.PartObject], part.Name)
	if err != nil {
		return nil, &itemError{run.Failure{Code: string(reason.GraphUnavailable)}}
	}
	if raw == nil || string(raw) == "null" {
		// It was asked for and did not come: there is no telling what it holds.
		return nil, &itemError{run.Failure{Code: part.UnreadableCode}}
	}
	object := doc.decoded.Object()
	_, more := object[part.Name+"@odata.nextLink"]
	doc.parts[catalog.PartObject] = rest
	doc.size -= len(raw)
	delete(object, part.Name)
	if more {
		raw, _, err = c.readOne(ctx, catalog.Part{Paged: true}, objectPath(t, part, graphID, ""))
	}
	return raw, err
}

// readOne reads an object, or a collection to its end with the number of its items.
func (c capture) readOne(ctx context.Context, part catalog.Part, path string) (raw []byte, count int, err error) {
	if !part.Paged {
		raw, err := c.graph.Get(ctx, path, part.Query, reason.ReadObject)
		var item *itemError
		if part.Absent404 && errors.As(verdict(err), &item) && item.failure.Code == string(reason.NotFoundInTenant) {
			return nil, 0, nil
		}
		return raw, 1, err
	}
	var b bytes.Buffer
	b.WriteByte('[')
	err = c.graph.List(ctx, path, part.Query, func(item json.RawMessage) error {
		if count > 0 {
			b.WriteByte(',')
		}
		count++
		b.Write(item)
		if b.Len() > MaxPayloadBytes {
			return tooLarge(b.Len())
		}
		return nil
	})
	b.WriteByte(']')
	return b.Bytes(), count, err
}

// readSecrets reads the values that Graph gives out by a call of their own. One
// that cannot be read makes the version incomplete: what stands in its place must
// never be written back.
func (c capture) readSecrets(ctx context.Context, t catalog.Type, p run.Policy, doc *document) error {
	if t.SecretReads == nil {
		return nil
	}
	part := catalog.Part{Path: t.SecretPath}
	for _, s := range t.SecretReads(doc.decoded) {
		raw, err := c.graph.Get(ctx, objectPath(t, part, p.GraphID, url.PathEscape(s.Ref)), "", reason.ReadSecret)
		var answer struct {
			Value *string `json:"value"`
		}
		if err == nil && (json.Unmarshal(raw, &answer) != nil || answer.Value == nil || t.IsPlaceholder(*answer.Value)) {
			err = &itemError{run.Failure{Code: string(reason.UnreadablePart)}}
		}
		var item *itemError
		switch v := verdict(err); {
		case v == nil:
		case errors.As(v, &item):
			doc.lacks(item.failure, string(reason.UnreadablePart), s.Name)
			continue
		default:
			return err
		}
		digest, err := c.Vault.Fingerprint(ctx, p.TenantID, []byte(*answer.Value))
		if err != nil {
			return fmt.Errorf("digest of a secret: %w", err)
		}
		if doc.secrets == nil {
			doc.secrets, doc.digests = run.SecretValues{}, map[string]string{}
		}
		doc.secrets[s.Place], doc.digests[s.Place] = *answer.Value, digest
	}
	return nil
}

// encode writes the payload document by hand, so that every part stays byte for
// byte what Graph sent: encoding/json would rewrite it.
func (d *document) encode(t catalog.Type, p run.Policy) ([]byte, error) {
	head, err := json.Marshal(struct {
		Schema  string `json:"schema"`
		Type    string `json:"type"`
		GraphID string `json:"graphId"`
	}{PayloadSchema, t.ID, p.GraphID})
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(make([]byte, 0, d.size+len(d.references)+512))
	b.Write(head[:len(head)-1])
	for _, part := range t.Parts {
		if raw, ok := d.parts[part.Name]; ok {
			fmt.Fprintf(b, ",%q:%s", part.Name, raw)
		}
	}
	if len(d.digests) > 0 {
		digests, err := json.Marshal(d.digests)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b, ",%q:%s", catalog.MemberSecrets, digests)
	}
	if len(d.references) > 0 {
		fmt.Fprintf(b, ",%q:%s", catalog.MemberReferences, d.references)
	}
	b.WriteByte('}')
	if !json.Valid(b.Bytes()) {
		return nil, errors.New("payload is not JSON")
	}
	return b.Bytes(), nil
}
