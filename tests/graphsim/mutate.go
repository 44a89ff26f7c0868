package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// errNoCollection reports a collection that is not modelled.
var errNoCollection = errors.New("the collection is not modelled")

// find returns the tenant and the collection that a change is about.
func (s *Sim) find(tenantID, collectionName string) (*tenant, *collection, error) {
	t, err := s.needTenant(tenantID)
	if err != nil {
		return nil, nil, err
	}
	c := s.catalog.find(collectionName)
	if c == nil {
		return nil, nil, fmt.Errorf("%q: %w", logSafe(collectionName), errNoCollection)
	}
	if len(c.view) > 0 {
		return nil, nil, fmt.Errorf("%s only shows the objects of other sets", c.path)
	}
	return t, c, nil
}

// PutObject adds an object to a tenant, or replaces the one with its id, as an
// administrator would in the portal. It returns the object's id.
func (s *Sim) PutObject(tenantID string, o Object) (string, error) {
	t, err := s.needTenant(tenantID)
	if err != nil {
		return "", err
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &loader{tenant: t, catalog: s.catalog, report: LoadReport{Loaded: map[string]int{}}}
	fresh := false
	if parsed, err := compactJSON(o.JSON); err == nil {
		if obj, err := parseObject(parsed); err == nil {
			fresh = obj.text("id") == "" || obj.text("id") == uuid.Nil.String()
		}
	}
	// Without an origin an id that is taken means to replace; with one, an id is
	// made that no other object of this tenant has.
	o.origin = ""
	if fresh {
		o.origin = "added " + strconv.FormatUint(s.additions.Add(1), 10) + " at " + s.Now().Format(time.RFC3339Nano)
	}
	return l.object(o)
}

// SetSecret changes the plain text behind a secretReferenceValueId.
func (s *Sim) SetSecret(tenantID, reference, plain string) error {
	t, err := s.needTenant(tenantID)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.secrets[reference]; !ok {
		return fmt.Errorf("there is no secret %s", reference)
	}
	t.secrets[reference] = plain
	return nil
}

// DeleteObject removes an object.
func (s *Sim) DeleteObject(tenantID, collectionName, id string) error {
	t, c, err := s.find(tenantID, collectionName)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sets[c.path].delete(id) {
		return fmt.Errorf("there is no object %s in %s: %w", logSafe(id), c.path, fs.ErrNotExist)
	}
	return nil
}

// HideFromLists makes lists lag behind: the object is missing from them, and
// still answers by its id (terraform-provider-microsoft365#2518), until it is
// put again.
func (s *Sim) HideFromLists(tenantID, collectionName, id string) error {
	t, c, err := s.find(tenantID, collectionName)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sets[c.path].hide(id) {
		return fmt.Errorf("there is no object %s in %s: %w", logSafe(id), c.path, fs.ErrNotExist)
	}
	return nil
}

// SetAssignments replaces the assignments of an object.
func (s *Sim) SetAssignments(tenantID, collectionName, id string, assignments []json.RawMessage) error {
	t, c, err := s.find(tenantID, collectionName)
	if err != nil {
		return err
	}
	l := &loader{tenant: t, catalog: s.catalog}
	return t.update(c, id, func(old *entity) (*entity, error) {
		e := old.clone()
		list := make([]json.RawMessage, len(assignments))
		for i, a := range assignments {
			compact, err := compactJSON(a)
			if err != nil {
				return nil, err
			}
			list[i] = compact
		}
		e.children["assignments"] = list
		return e, l.assignmentIDs(e)
	})
}

// Touch changes one setting of an object, its lastModifiedDateTime and, where
// it has one, its version, as an edit in the portal would.
func (s *Sim) Touch(tenantID, collectionName, id string) error {
	t, c, err := s.find(tenantID, collectionName)
	if err != nil {
		return err
	}
	now := s.Now()
	return t.update(c, id, func(old *entity) (*entity, error) {
		e := old.clone()
		changed, ok := json.RawMessage(nil), false
		settings := e.children["settings"]
		if len(settings) > 0 {
			changed, ok = changeValue(settings[0], "value")
		}
		if ok {
			settings = slices.Clone(settings)
			settings[0] = changed
			e.children["settings"] = settings
		} else {
			e.props = changeProperty(c, e.props)
		}
		// That of app protection policies is a text.
		v, _ := e.props.get("version")
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			e.props = e.props.with("version", json.RawMessage(strconv.FormatInt(n+1, 10)))
		}
		stamp := now
		if last, err := time.Parse(time.RFC3339Nano, e.props.text("lastModifiedDateTime")); err == nil && !stamp.After(last) {
			stamp = last.Add(time.Second)
		}
		key := "lastModifiedDateTime"
		if slices.Contains(c.properties, "modifiedDateTime") && !slices.Contains(c.properties, key) {
			key = "modifiedDateTime"
		}
		if !slices.Contains(c.properties, key) {
			return e, nil
		}
		e.props = e.props.with(key, quote(stamp.UTC().Format("2006-01-02T15:04:05.0000000Z")))
		return e, nil
	})
}

// changeProperty flips the first boolean of the derived type, or else appends to
// the description or, where there is none, to the name.
func changeProperty(c *collection, o object) object {
	for _, m := range o {
		if m.key == "supportsScopeTags" || slices.Contains(c.properties, m.key) {
			continue
		}
		if v, ok := changeScalar(m.value); ok && (string(v) == "true" || string(v) == "false") {
			return o.with(m.key, v)
		}
	}
	key := "description"
	if !slices.Contains(c.properties, key) {
		key = c.nameProperty
	}
	return o.with(key, quote(strings.TrimSpace(o.text(key)+" changed")))
}

// changeValue changes the first scalar named key in the compact JSON text raw.
func changeValue(raw json.RawMessage, key string) (json.RawMessage, bool) {
	switch raw[0] {
	case '{':
		o, err := parseObject(raw)
		if err != nil {
			return raw, false
		}
		for _, m := range o {
			if m.key == key {
				if v, ok := changeScalar(m.value); ok {
					return o.with(m.key, v).bytes(), true
				}
			}
			if v, ok := changeValue(m.value, key); ok {
				return o.with(m.key, v).bytes(), true
			}
		}
	case '[':
		list, err := parseArray(raw)
		if err != nil {
			return raw, false
		}
		for i, el := range list {
			if v, ok := changeValue(el, key); ok {
				list[i] = v
				return arrayBytes(list), true
			}
		}
	}
	return raw, false
}

// changeScalar returns another value of the same kind.
func changeScalar(raw json.RawMessage) (json.RawMessage, bool) {
	switch {
	case string(raw) == "true":
		return json.RawMessage("false"), true
	case string(raw) == "false":
		return json.RawMessage("true"), true
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return raw, false
		}
		if cut, ok := strings.CutSuffix(s, "_changed"); ok {
			return quote(cut), true
		}
		return quote(s + "_changed"), true
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return raw, false
		}
		return json.RawMessage(strconv.FormatInt(n+1, 10)), true
	}
	return raw, false
}

// Objects lists the ids and names of a tenant's objects in a collection, in
// the order of creation.
func (s *Sim) Objects(tenantID, collectionName string) ([]ObjectInfo, error) {
	t, c, err := s.find(tenantID, collectionName)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := []ObjectInfo{}
	for _, e := range t.sets[c.path].order {
		out = append(out, ObjectInfo{
			ID: e.id, Name: e.props.text(c.nameProperty), LastModified: e.props.text("lastModifiedDateTime"),
			Settings: len(e.children["settings"]), Assignments: len(e.children["assignments"]),
		})
	}
	return out, nil
}

// ObjectInfo tells one object from another.
type ObjectInfo struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	LastModified string `json:"lastModified"`
	Settings     int    `json:"settings,omitempty"`
	Assignments  int    `json:"assignments,omitempty"`
}
