package schema

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// node is one JSON value. raw is as written; of an array and an object the
// children are in kids, the names of an object's members in keys.
type node struct {
	raw  []byte
	kids []node
	keys []string
}

// kind is the first character of the value, which tells all kinds apart.
func (n *node) kind() byte { return n.raw[0] }

func (n *node) isNull() bool { return n.kind() == 'n' }

// text returns the characters of a string, and those of a number, boolean or
// null as they stand.
func (n *node) text() string {
	if n.raw[0] != '"' {
		return string(n.raw)
	}
	return unquote(n.raw)
}

func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' {
			var s string
			if json.Unmarshal(raw, &s) == nil {
				return s
			}
			break
		}
	}
	return string(inner)
}

// name is what the reader calls the kind of node that a value starts with.
func (n *node) name() string {
	switch n.raw[0] {
	case '{':
		return "StartObject"
	case '[':
		return "StartArray"
	}
	return "PrimitiveValue"
}

// fault is why a body could not be read.
type fault uint8

const (
	faultNone fault = iota
	faultSyntax
	faultDepth
)

// read parses one JSON text. maxDepth bounds the nesting of arrays and objects.
func read(body []byte, maxDepth int) (node, fault) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return node{}, faultSyntax
	}
	p := parser{b: body, left: maxDepth}
	p.space()
	n, ok := p.value()
	if !ok {
		return node{}, faultDepth
	}
	return n, faultNone
}

// parser walks a text that is known to be valid.
type parser struct {
	b    []byte
	i    int
	left int
}

func (p *parser) space() {
	for p.i < len(p.b) && strings.IndexByte(" \t\r\n", p.b[p.i]) >= 0 {
		p.i++
	}
}

func (p *parser) value() (node, bool) {
	start := p.i
	switch c := p.b[p.i]; c {
	case '"':
		p.str()
		return node{raw: p.b[start:p.i]}, true
	case '{', '[':
		if p.left--; p.left < 0 {
			return node{}, false
		}
		var n node
		p.i++
		for p.space(); p.b[p.i] != c+2; p.space() { // ] follows [ by two in ASCII, as } follows {
			if p.b[p.i] == ',' {
				p.i++
				p.space()
			}
			if c == '{' {
				key := p.i
				p.str()
				n.keys = append(n.keys, unquote(p.b[key:p.i]))
				p.space()
				p.i++ // the colon
				p.space()
			}
			kid, ok := p.value()
			if !ok {
				return node{}, false
			}
			n.kids = append(n.kids, kid)
		}
		p.i++
		p.left++
		n.raw = p.b[start:p.i]
		return n, true
	}
	for p.i < len(p.b) && strings.IndexByte(" \t\r\n,]}", p.b[p.i]) < 0 {
		p.i++
	}
	return node{raw: p.b[start:p.i]}, true
}

func (p *parser) str() {
	for p.i++; p.b[p.i] != '"'; p.i++ {
		if p.b[p.i] == '\\' {
			p.i++
		}
	}
	p.i++
}
