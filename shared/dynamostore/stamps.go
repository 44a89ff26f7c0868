package dynamostore

import "time"

// stampParser parses the times of one item and keeps the first error.
type stampParser struct{ err error }

func (p *stampParser) optional(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := parseStamp(s)
	if err != nil && p.err == nil {
		p.err = err
	}
	return t
}

func (p *stampParser) pointer(s string) *time.Time {
	if s == "" {
		return nil
	}
	t := p.optional(s)
	return &t
}
