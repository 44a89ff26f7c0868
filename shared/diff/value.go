package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts of fewer characters are taken for base64 only where the member says so: a
// short word may be both.
const minBase64 = 24

// shown is what of a value people may see: its JSON, or the text that it is.
type shown struct {
	raw    []byte
	text   string
	isText bool
	base64 bool
	secret bool // something was left out
}

// show reads a value for people. Secrets within it are left out.
func (c *comparer) show(f *frame, d *doc, v value) shown {
	if rest, secret := c.withheld(d, v); secret {
		return shown{raw: rest, secret: true}
	}
	s := shown{raw: d.bytes(v)}
	if d.kind(v) != '"' {
		return s
	}
	s.text, s.isText = text(s.raw), true
	if decoded, ok := decodeText(s.text, f.binary); ok {
		s.text, s.base64 = decoded, true
	}
	return s
}

// decodeText is the text that a value holds in base64, if it is text.
func decodeText(s string, certain bool) (string, bool) {
	if len(s) == 0 || len(s)%4 != 0 || len(s) < minBase64 && !certain {
		return "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || !utf8.Valid(decoded) {
		return "", false
	}
	for _, r := range string(decoded) {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return "", false
		}
	}
	return strings.TrimPrefix(string(decoded), "\ufeff"), true
}

// values makes both sides of a change. Of long texts they show the place where the
// texts part.
func (c *comparer) values(b, a *shown) (before, after *Value) {
	limit := maxValue
	if c.shown <= 0 {
		limit = maxBrief
	}
	from := 0
	if b != nil && a != nil && b.isText && a.isText && (len(b.text) > limit || len(a.text) > limit) {
		for from < len(b.text) && from < len(a.text) && b.text[from] == a.text[from] {
			from++
		}
		from = max(0, from-limit/4)
	}
	return c.value(b, limit, from), c.value(a, limit, from)
}

func (c *comparer) value(s *shown, limit, from int) *Value {
	if s == nil {
		return nil
	}
	v := &Value{Base64: s.base64}
	whole := s.raw
	if s.isText {
		whole = []byte(s.text)
	}
	switch {
	case len(whole) > limit:
		sum := sha256.Sum256(whole)
		v.Cut, v.Size, v.SHA256 = true, len(whole), hex.EncodeToString(sum[:])
		from = min(from, max(0, len(whole)-limit))
		for from > 0 && !utf8.RuneStart(whole[from]) {
			from--
		}
		end := min(len(whole), from+limit)
		for end < len(whole) && end > from && !utf8.RuneStart(whole[end]) {
			end--
		}
		v.Offset, v.JSON = from, jsonOf(string(whole[from:end]))
	case s.base64:
		v.JSON = jsonOf(s.text)
	default:
		v.JSON = json.RawMessage(bytes.Clone(s.raw)) // the rest of the document can go
	}
	c.shown -= len(v.JSON)
	return v
}

// Marks of a secret in the settings catalogue: its type, and the state of its value.
const (
	secretType = "deviceManagementConfigurationSecretSettingValue"
	tokenState = "valueState"
)

// withheld is v with null in the place of every secret, if there is one within it.
func (c *comparer) withheld(d *doc, v value) ([]byte, bool) {
	raw := d.bytes(v)
	if len(d.digests(v)) == 0 && !bytes.Contains(raw, []byte(secretType)) && !bytes.Contains(raw, []byte(`"`+tokenState+`"`)) && !bytes.Contains(raw, []byte(`"omaUri"`)) {
		return nil, false
	}
	var b bytes.Buffer
	found := c.redact(d, v, &b)
	return b.Bytes(), found
}

// isSecret reports whether v is an object that stands for one secret value, or
// the mask or digest of one.
func (d *doc) isSecret(v value) bool {
	if v.absent() || d.isDigested(v) {
		return !v.absent()
	}
	if _, token := d.get(v, tokenState); token {
		return true
	}
	return bare(d.textAt(v, "@odata.type")) == secretType
}

// isMask reports whether an OMA-URI setting holds a mask in the place of its value.
func (c *comparer) isMask(d *doc, v value) bool {
	if d.kind(v) != '{' {
		return false
	}
	_, oma := d.get(v, "omaUri")
	return oma && c.t.IsPlaceholder(d.textAt(v, "value"))
}

// redact writes a value with null in the place of every secret and reports whether
// there was one.
func (c *comparer) redact(d *doc, v value, b *bytes.Buffer) (found bool) {
	kind := d.kind(v)
	if d.isSecret(v) {
		b.WriteString("null")
		return true
	}
	if kind != '{' && kind != '[' {
		b.Write(d.bytes(v))
		return false
	}
	mask := c.isMask(d, v)
	b.WriteByte(kind)
	first := true
	d.each(v, func(name []byte, m value) bool {
		if !first {
			b.WriteByte(',')
		}
		first = false
		if kind == '{' {
			b.Write(name)
			b.WriteByte(':')
		}
		if mask && string(name) == `"value"` {
			b.WriteString("null")
			found = true
		} else if c.redact(d, m, b) {
			found = true
		}
		return true
	})
	b.WriteByte(kind + 2) // } follows { by two, and ] follows [
	return found
}
