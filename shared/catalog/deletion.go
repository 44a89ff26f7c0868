package catalog

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// undeletable are types whose objects are not deleted although there is a call,
// with the reason.
var undeletable = map[string]string{
	"device-category": "devices lose it, and groups that are made of it become empty",
	TypeScopeTag:      "nothing public says what becomes of objects that have it",
}

// Delete returns the steps that remove a live object, which a payload document
// shows, for whoever takes back what a restore has made. They begin with what
// Known says. What the service made is never deleted, nor what of others would go
// with it.
func (t Type) Delete(live []byte) ([]Step, error) {
	doc, err := Decode(live)
	if err != nil {
		return nil, err
	}
	object, graphID := doc.Object(), textAt(map[string]any(doc), memberGraphID)
	switch {
	case object == nil || graphID == "":
		return nil, fmt.Errorf("%s: %w", t.ID, ErrIncomplete)
	case t.DeleteCall.Method != "DELETE" || t.Restorability.Level != Full || undeletable[t.ID] != "":
		return nil, fmt.Errorf("%s: %w", t.ID, ErrNotDeletable)
	case t.IsBuiltIn(object) || object["isBuiltInRoleDefinition"] == true:
		return nil, fmt.Errorf("%s: built in: %w", t.ID, ErrNotDeletable)
	}
	parent, _ := t.SplitID(graphID)
	path := strings.ReplaceAll(t.DeleteCall.Path, "{parent}", url.PathEscape(parent))
	last := Step{Name: "delete", Method: t.DeleteCall.Method, Path: path}
	var steps []Step
	switch t.ID {
	case "autopilot-deployment-profile": // one that is assigned is refused
		if _, read := doc[PartAssignments].([]any); !read {
			return nil, fmt.Errorf("%s: %s: %w", t.ID, PartAssignments, ErrIncomplete)
		}
		for _, item := range t.assignItems(doc) {
			steps = append(steps, Step{Name: "unassign", Method: "DELETE", Path: t.Assign.Path + "/" + url.PathEscape(item.id)})
		}
	case "named-location":
		steps, last.Await = release(object, path, "isTrusted")
	case "authentication-context":
		steps, last.Await = release(object, path, "isAvailable")
	}
	return append(steps, last), nil
}

// Released is a live object as the steps of Delete leave it just before the last one.
func (t Type) Released(live []byte) ([]byte, error) {
	doc, err := Decode(live)
	if err != nil {
		return nil, err
	}
	object := doc.Object()
	if object == nil {
		return nil, fmt.Errorf("%s: %w", t.ID, ErrIncomplete)
	}
	switch t.ID {
	case "autopilot-deployment-profile":
		if list, ok := doc[PartAssignments].([]any); ok {
			doc[PartAssignments] = slices.DeleteFunc(list, direct)
		}
	case "named-location":
		object["isTrusted"] = false
	case "authentication-context":
		object["isAvailable"] = false
	}
	return json.Marshal(doc)
}

// release turns off the flag that keeps an object from being deleted, and says what
// must be seen before it is.
func release(object map[string]any, path, flag string) ([]Step, Await) {
	if object[flag] != true {
		return nil, Await{}
	}
	body := map[string]any{flag: false}
	if kind, ok := object[odataType]; ok {
		body[odataType] = kind
	}
	return []Step{step("release", "PATCH", path, body)}, Await{Path: path, Property: flag, Value: "false"}
}
