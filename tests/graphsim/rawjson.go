package graphsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// member is one property of a JSON object: its name as written (with quotes and
// escapes), its name decoded, and its value as written.
type member struct {
	rawKey []byte
	key    string
	value  json.RawMessage
}

// object is a JSON object whose members keep their order and their bytes, so
// that a loaded policy comes back as it was: unknown properties, nulls and
// numbers beyond what a float64 holds included.
type object []member

// errNotObject reports a JSON text that is not an object.
var errNotObject = errors.New("not a JSON object")

// compactJSON checks b and takes out the white space between its tokens, as the
// real service does. Tokens keep their bytes.
func compactJSON(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(len(b))
	if err := json.Compact(&buf, b); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// parseObject splits the compact JSON object b. It returns errNotObject for
// another kind of value and an error for a name that occurs twice, because such
// an object has no single meaning.
func parseObject(b []byte) (object, error) {
	if len(b) < 2 || b[0] != '{' {
		return nil, errNotObject
	}
	var o object
	seen := map[string]bool{}
	for i := 1; b[i] != '}'; {
		if b[i] == ',' {
			i++
		}
		keyEnd := valueEnd(b, i)
		rawKey := b[i:keyEnd]
		var key string
		if err := json.Unmarshal(rawKey, &key); err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("the property %q occurs twice", key)
		}
		seen[key] = true
		end := valueEnd(b, keyEnd+1)
		o = append(o, member{rawKey: rawKey, key: key, value: b[keyEnd+1 : end]})
		i = end
	}
	return o, nil
}

// parseArray splits the compact JSON array b into its elements.
func parseArray(b []byte) ([]json.RawMessage, error) {
	if len(b) < 2 || b[0] != '[' {
		return nil, errors.New("not a JSON array")
	}
	var out []json.RawMessage
	for i := 1; b[i] != ']'; {
		if b[i] == ',' {
			i++
		}
		end := valueEnd(b, i)
		out = append(out, b[i:end])
		i = end
	}
	return out, nil
}

// valueEnd returns the index after the value that starts at b[i]. b is valid
// and compact, which its callers see to with compactJSON.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// get returns the value of the named property.
func (o object) get(key string) (json.RawMessage, bool) {
	for _, m := range o {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

// text returns the named property when it is a string, else "".
func (o object) text(key string) string {
	v, ok := o.get(key)
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// with returns a copy of o in which key has the value; a new key goes to the end.
func (o object) with(key string, value json.RawMessage) object {
	out := make(object, len(o), len(o)+1)
	copy(out, o)
	for i := range out {
		if out[i].key == key {
			out[i].value = value
			return out
		}
	}
	return append(out, member{rawKey: quote(key), key: key, value: value})
}

// without returns a copy of o without the properties for which drop says so.
func (o object) without(drop func(key string) bool) object {
	out := make(object, 0, len(o))
	for _, m := range o {
		if !drop(m.key) {
			out = append(out, m)
		}
	}
	return out
}

// bytes writes o as compact JSON.
func (o object) bytes() json.RawMessage {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(m.rawKey)
		buf.WriteByte(':')
		buf.Write(m.value)
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

// arrayBytes writes the elements as one compact JSON array.
func arrayBytes(elements []json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	buf.WriteByte('[')
	for i, e := range elements {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(e)
	}
	buf.WriteByte(']')
	return buf.Bytes()
}

// quote writes s as a JSON string without escaping what HTML needs escaped.
func quote(s string) json.RawMessage {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		// A string always encodes; invalid UTF-8 is replaced by the encoder.
		return json.RawMessage(`""`)
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}
