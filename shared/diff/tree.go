package diff

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
)

// doc is a JSON document that is looked into without being decoded: values are
// stretches of it. Where each object and array ends is found once, so that a value
// is passed over at a cost that does not grow with what it holds.
type doc struct {
	raw []byte
	// opens are the places of { and [ in the order of the document, ends those
	// behind their counterparts.
	opens, ends []uint32 // documents are far below 4 GiB
	// secrets are the digests of secret values by where the value begins, in the
	// order of the document.
	secrets []digest
}

// value is a stretch of a document. The zero value is absent: nothing begins at 0
// but the root, which is never empty.
type value struct{ from, to uint32 }

func (v value) absent() bool { return v.to == 0 }

type member struct {
	name  string
	value value
}

type digest struct {
	at   uint32
	text string
}

// newDoc is for valid JSON.
func newDoc(raw []byte) *doc {
	d := &doc{raw: raw}
	var stack []int
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i) - 1
		case '{', '[':
			stack = append(stack, len(d.opens))
			d.opens = append(d.opens, uint32(i))
			d.ends = append(d.ends, 0)
		case '}', ']':
			if len(stack) == 0 {
				return d
			}
			d.ends[stack[len(stack)-1]] = uint32(i + 1)
			stack = stack[:len(stack)-1]
		}
	}
	return d
}

// endOfString is the place behind the string that begins at i.
func endOfString(raw []byte, i int) int {
	for start := i; ; {
		n := bytes.IndexByte(raw[i+1:], '"')
		if n < 0 {
			return len(raw)
		}
		i += n + 1
		escapes := 0
		for k := i - 1; k > start && raw[k] == '\\'; k-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (d *doc) skipSpace(i uint32) uint32 {
	for int(i) < len(d.raw) && space(d.raw[i]) {
		i++
	}
	return i
}

func (d *doc) root() value { return d.at(d.skipSpace(0)) }

// at is the value that begins there.
func (d *doc) at(i uint32) value {
	switch d.raw[i] {
	case '{', '[':
		n := sort.Search(len(d.opens), func(k int) bool { return d.opens[k] >= i })
		return value{i, d.ends[n]}
	case '"':
		return value{i, uint32(endOfString(d.raw, int(i)))}
	}
	end := i
	for int(end) < len(d.raw) && !space(d.raw[end]) && d.raw[end] != ',' && d.raw[end] != '}' && d.raw[end] != ']' {
		end++
	}
	return value{i, end}
}

func (d *doc) bytes(v value) []byte { return d.raw[v.from:v.to] }

// kind is the first character of a value, 0 of one that is absent.
func (d *doc) kind(v value) byte {
	if v.absent() {
		return 0
	}
	return d.raw[v.from]
}

// each calls f for the members of an object, whose names come with their quotes,
// or for the elements of an array, until it returns false.
func (d *doc) each(v value, f func(name []byte, v value) bool) {
	if v.absent() {
		return
	}
	object := d.raw[v.from] == '{'
	if !object && d.raw[v.from] != '[' {
		return
	}
	for i := d.skipSpace(v.from + 1); i < v.to-1; {
		var name []byte
		if object {
			key := d.at(i)
			name = d.bytes(key)
			i = d.skipSpace(d.skipSpace(key.to) + 1)
		}
		e := d.at(i)
		if !f(name, e) {
			return
		}
		if i = d.skipSpace(e.to); i < v.to-1 {
			i = d.skipSpace(i + 1)
		}
	}
}

func (d *doc) members(v value) []member {
	var out []member
	d.each(v, func(name []byte, v value) bool {
		if name != nil {
			out = append(out, member{text(name), v})
		}
		return true
	})
	return out
}

func (d *doc) elements(v value) []value {
	var out []value
	d.each(v, func(name []byte, v value) bool {
		if name == nil {
			out = append(out, v)
		}
		return true
	})
	return out
}

// get is the member of that name.
func (d *doc) get(v value, name string) (value, bool) {
	var found value
	d.each(v, func(key []byte, v value) bool {
		if key == nil {
			return false
		}
		if len(key) == len(name)+2 && string(key[1:len(key)-1]) == name {
			found = v
		}
		return found.absent()
	})
	return found, !found.absent()
}

// find is the value at a path of member names, separated by slashes.
func (d *doc) find(v value, path string) value {
	for name := range strings.SplitSeq(path, "/") {
		next, ok := d.get(v, name)
		if !ok {
			return value{}
		}
		v = next
	}
	return v
}

// textAt is the text, number or truth value at a path of names separated by
// slashes; "" where there is none.
func (d *doc) textAt(v value, path string) string {
	v = d.find(v, path)
	switch d.kind(v) {
	case 0, '{', '[', 'n':
		return ""
	}
	return text(d.bytes(v))
}

// text is what a scalar says: of a string without its quotes.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return string(raw)
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// digests are those of the secret values within v, with places relative to it.
func (d *doc) digests(v value) []digest {
	var out []digest
	for _, s := range d.secrets[d.secretFrom(v.from):] {
		if s.at >= v.to {
			break
		}
		out = append(out, digest{s.at - v.from, s.text})
	}
	return out
}

func (d *doc) secretFrom(at uint32) int {
	return sort.Search(len(d.secrets), func(k int) bool { return d.secrets[k].at >= at })
}

// isDigested reports whether v itself stands for a secret value that was read apart.
func (d *doc) isDigested(v value) bool {
	k := d.secretFrom(v.from)
	return k < len(d.secrets) && d.secrets[k].at == v.from
}
