package dynamostore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"

	"tenantatlas/shared/run"
)

// position is where a list goes on. It holds sort positions only, never a
// partition: that comes from the query, so a forged cursor can reach nothing
// that the query does not reach.
type position struct {
	// Query is a digest of the query that the cursor belongs to.
	Query string `json:"q"`
	// Key is the sort key after which to go on.
	Key string `json:"k,omitempty"`
	// Tenant completes the position in an index over all tenants.
	Tenant string `json:"t,omitempty"`
	// Part is the chunk of outcomes to go on in, or the partition of the audit
	// trail, counted in months.
	Part int `json:"p,omitempty"`
	// Skip is how many outcomes of the chunk were returned already.
	Skip int `json:"n,omitempty"`
}

const maxCursor = 2048

// queryTag identifies a query, so that a cursor is refused by any other.
func queryTag(kind string, query any) (string, error) {
	token, err := contentToken(kind, query)
	if err != nil {
		return "", err
	}
	return token[:16], nil
}

func (p position) encode(tag string) (string, error) {
	p.Query = tag
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// parseCursor reads a cursor of the query with this tag. nil when there is
// none, run.ErrBadCursor for anything that was not issued for it.
func parseCursor(cursor, tag string) (*position, error) {
	if cursor == "" {
		return nil, nil
	}
	if len(cursor) > maxCursor {
		return nil, run.ErrBadCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, run.ErrBadCursor
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var p position
	if err := d.Decode(&p); err != nil {
		return nil, run.ErrBadCursor
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, run.ErrBadCursor
	}
	if p.Query != tag || p.Part < 0 || p.Skip < 0 || p.Tenant != "" && !plain(p.Tenant) || len(p.Key) > 1024 {
		return nil, run.ErrBadCursor
	}
	return &p, nil
}
