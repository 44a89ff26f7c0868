package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// capture reads one policy whole and stores it as a version, unless the content
// is that of the latest version.
type capture struct{ session }

// PayloadSchema names the form of a payload document.
const PayloadSchema = "tenantatlas.policy/1"

// MaxPayloadBytes is the largest policy that is stored. Real ones reach a few
// megabytes.
const MaxPayloadBytes = 24 << 20

func newCapture(s session) engine.Operation { return capture{s} }

func (c capture) Plan(context.Context) ([]run.Item, error) {
	t := c.run.Target
	return []run.Item{{Key: t.ID, Kind: "policy", Name: t.Name, Type: t.Type}}, nil
}

func (c capture) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	return settle(c.capture(ctx, item.Key))
}

func (c capture) capture(ctx context.Context, policyID string) (run.Outcome, error) {
	p, err := c.Policies.Policy(ctx, c.tenant.ID, policyID)
	if err != nil {
		return run.Outcome{}, fmt.Errorf("read policy record: %w", err)
	}
	t, ok := catalog.ByID(p.Type)
	if !ok {
		return run.Outcome{Status: run.OutcomeSkipped, Code: string(reason.UnsupportedType)}, nil
	}
	doc, err := c.read(ctx, t, p)
	if err != nil {
		return run.Outcome{}, needs(err, t)
	}
	payload, err := doc.encode(t, p)
	if err != nil {
		return run.Outcome{}, err
	}
	hash, err := t.ContentHash(payload)
	if err != nil {
		return run.Outcome{}, fmt.Errorf("normal form of %s: %w", t.ID, err)
	}
	return c.store(ctx, t, p, doc, payload, hash)
}

// store makes the next version, if the content is new. It can be repeated: a
// version that this run made before its worker died is found and not made again.
func (c capture) store(ctx context.Context, t catalog.Type, p run.Policy, doc *document, payload []byte, hash string) (run.Outcome, error) {
	for range 5 {
		var latest run.Version
		if p.LatestVersion > 0 {
			var err error
			if latest, err = c.Policies.Version(ctx, p.TenantID, p.ID, p.LatestVersion); err != nil {
				return run.Outcome{}, fmt.Errorf("read latest version: %w", err)
			}
		}
		if latest.RunID == c.run.ID {
			return c.captured(doc, latest.Number), nil
		}
		// An incomplete capture of what is stored complete must not hide it, nor
		// the other way round.
		if latest.ContentHash == hash && latest.Complete == doc.complete() {
			err := c.Policies.TouchCaptured(ctx, p.TenantID, p.ID, p.LatestVersion, c.Now().UTC())
			if err != nil && !errors.Is(err, run.ErrConflict) {
				return run.Outcome{}, fmt.Errorf("record unchanged capture: %w", err)
			}
			if err == nil {
				o := c.captured(doc, latest.Number)
				if o.Code == "" {
					o.Code = string(reason.Unchanged)
				}
				o.Numbers[string(reason.FieldUnchanged)] = 1
				return o, nil
			}
		} else {
			key, err := c.Archive.Put(ctx, p.TenantID, payload)
			if errors.Is(err, run.ErrTooLarge) {
				return run.Outcome{}, tooLarge(len(payload))
			}
			if err != nil {
				return run.Outcome{}, fmt.Errorf("store payload: %w", err)
			}
			v := run.Version{
				TenantID: p.TenantID, PolicyID: p.ID, Number: p.LatestVersion + 1, PolicyType: t.ID, PolicyName: doc.name,
				Platform: doc.platform, GraphID: p.GraphID, ContentHash: hash, PayloadKey: key, PayloadSize: int64(len(payload)),
				Complete: doc.complete(), Notes: doc.notes, CapturedAt: c.Now().UTC(), RunID: c.run.ID, CapturedBy: c.run.Initiator.Name,
			}
			if _, err = c.Policies.AddVersion(ctx, run.NewVersion{Version: v, Policy: p}); err == nil {
				return c.captured(doc, v.Number), nil
			}
			if !errors.Is(err, run.ErrConflict) {
				return run.Outcome{}, fmt.Errorf("store version: %w", err)
			}
		}
		// A sync or another capture changed the record meanwhile.
		var err error
		if p, err = c.Policies.Policy(ctx, p.TenantID, p.ID); err != nil {
			return run.Outcome{}, fmt.Errorf("read policy record: %w", err)
		}
	}
	return run.Outcome{}, fmt.Errorf("policy %s: %w", p.ID, run.ErrConflict)
}

// captured is the outcome of a stored version: what could not be read makes the
// item fail, though the rest is kept.
func (c capture) captured(doc *document, version int) run.Outcome {
	o := run.Outcome{Status: run.OutcomeSucceeded, Version: version, Numbers: map[string]int{string(reason.FieldVersion): version}}
	if !doc.complete() {
		o.Status, o.Code, o.Failure = run.OutcomeFailed, doc.missing.Code, doc.missing
		o.Numbers[run.NumberKept] = 1
		return o
	}
	if len(doc.notes) > 0 {
		o.Code, o.Params = doc.notes[0].Code, doc.notes[0].Params
	}
	return o
}

func tooLarge(size int) error {
	return &itemError{run.Failure{Code: string(reason.TooLarge), Params: map[string]string{string(reason.FieldSize): strconv.Itoa(size)}}}
}

// document is a policy as it was read, each part as Graph gave it.
type document struct {
	parts    map[string][]byte
	size     int
	name     string
	platform string
	notes    []run.Note
	missing  *run.Failure // the first part that could not be read
}

func (d *document) complete() bool { return d.missing == nil }

// read reads all parts of a policy. A part that cannot be read is noted, except
// for the object itself; what should be tried again later is returned.
func (c capture) read(ctx context.Context, t catalog.Type, p run.Policy) (*document, error) {
	doc := &document{parts: map[string][]byte{}}
	var object map[string]json.RawMessage
	for _, part := range t.Parts {
		raw, count, err := c.readPart(ctx, part, p.GraphID)
		if err == nil && part.CountProperty != "" {
			var want int
			// A count that is absent, or no number, says nothing.
			if json.Unmarshal(object[part.CountProperty], &want) == nil && count < want {
				err = &itemError{run.Failure{Code: part.UnreadableCode}}
			}
		}
		var item *itemError
		switch v := verdict(err); {
		case v == nil:
		case part.UnreadableCode != "" && errors.As(v, &item):
			failure := item.failure
			failure.Code = part.UnreadableCode
			failure.Params = map[string]string{string(reason.FieldPart): part.Name}
			doc.notes = append(doc.notes, run.Note{Code: failure.Code, Params: failure.Params})
			if doc.missing == nil {
				doc.missing = &failure
			}
			continue
		default:
			return nil, err
		}
		if doc.size += len(raw); doc.size > MaxPayloadBytes {
			return nil, tooLarge(doc.size)
		}
		doc.parts[part.Name] = raw
		if part.Name == catalog.PartObject {
			if err := json.Unmarshal(raw, &object); err != nil || object == nil {
				return nil, &itemError{run.Failure{Code: string(reason.GraphUnavailable)}}
			}
		}
	}
	text := func(name string) string {
		var v string
		_ = json.Unmarshal(object[name], &v) // absent, null or of another type: no text
		return v
	}
	if doc.name = reason.ClipName(text(t.NameProperty)); doc.name == "" {
		doc.name = p.Name
	}
	doc.platform = reason.ClipName(t.Platform(text("@odata.type"), text(t.PlatformProperty)))
	for _, setting := range secretSettings(doc.parts) {
		doc.notes = append(doc.notes, run.Note{Code: string(reason.SecretNotReadable), Params: map[string]string{string(reason.FieldSetting): setting}})
	}
	return doc, nil
}

// readPart reads one part: an object, or a collection to its end.
func (c capture) readPart(ctx context.Context, part catalog.Part, graphID string) (raw []byte, count int, err error) {
	path := objectPath(part, graphID)
	if !part.Paged {
		raw, err := c.graph.Get(ctx, path, part.Query, reason.ReadObject)
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
	b := bytes.NewBuffer(make([]byte, 0, d.size+512))
	b.Write(head[:len(head)-1])
	for _, part := range t.Parts {
		raw, ok := d.parts[part.Name]
		if !ok {
			continue
		}
		fmt.Fprintf(b, ",%q:", part.Name)
		b.Write(raw)
	}
	b.WriteByte('}')
	if !json.Valid(b.Bytes()) {
		return nil, errors.New("payload is not JSON")
	}
	return b.Bytes(), nil
}

// maxSecretNotes bounds how many unreadable settings a version names.
const maxSecretNotes = 50

// secretSettings names the settings whose values Microsoft keeps to itself:
// secret values of the settings catalog come as a token, encrypted OMA-URI
// values as "****" (Microsoft365DSC#4084).
func secretSettings(parts map[string][]byte) []string {
	var found []string
	var walk func(v any, definition string, depth int)
	walk = func(v any, definition string, depth int) {
		if depth > 200 || len(found) >= maxSecretNotes {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			if id, ok := v["settingDefinitionId"].(string); ok {
				definition = id
			}
			if v["valueState"] == "encryptedValueToken" {
				found = append(found, reason.ClipName(definition))
			}
			if v["isEncrypted"] == true {
				if name, ok := v["displayName"].(string); ok {
					found = append(found, reason.ClipName(name))
				} else if uri, ok := v["omaUri"].(string); ok {
					found = append(found, reason.ClipName(uri))
				}
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(v[k], definition, depth+1)
			}
		case []any:
			for _, member := range v {
				walk(member, definition, depth+1)
			}
		}
	}
	for _, name := range []string{catalog.PartObject, catalog.PartSettings} {
		var tree any
		if json.Unmarshal(parts[name], &tree) == nil {
			walk(tree, "", 0)
		}
	}
	return slices.Compact(found)
}
