package catalog

import "strings"

// IdentityOf is what tells an object from others of its type where its id says
// nothing: the values of the row's Identity, in one text. false when the object
// shows too little for that, or the row has nothing to tell by.
//
// Names are not unique in Intune: two objects of one identity are two objects, and
// which of them is meant nobody can say.
func (t Type) IdentityOf(object map[string]any) (string, bool) {
	if t.Singleton || len(t.Identity) == 0 {
		return "", false
	}
	var b strings.Builder
	known := false
	for _, path := range t.Identity {
		value := textAt(object, path)
		if path == odataType && value == "" && t.ODataType != "" {
			value = ODataPrefix + t.ODataType // a typed collection does not say it
		}
		known = known || value != "" && path != odataType
		b.WriteString(value)
		b.WriteByte(0)
	}
	return b.String(), known
}

// NameOf is what people call an object.
func (t Type) NameOf(object map[string]any) string { return textAt(object, t.NameProperty) }

// JoinID is the Graph id by which a new object is kept, made of the id that the
// service gave it: see SplitID.
func (t Type) JoinID(captured []byte, id string) string {
	if t.Parent == "" {
		return id
	}
	doc, err := Decode(captured)
	if err != nil {
		return id
	}
	parent, _ := t.SplitID(textAt(map[string]any(doc), memberGraphID))
	return parent + "/" + id
}
