package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"tenantatlas/shared/run"
)

// PageInput is how every list is paged.
type PageInput struct {
	PageSize  int    `query:"pageSize" minimum:"1" maximum:"200" default:"50" doc:"Most items to return; fewer may come though more follow"`
	PageToken string `query:"pageToken" maxLength:"2048" doc:"nextPageToken of the page before, with the same filters"`
}

// pageToken binds a cursor to the caller and the question it belongs to, so
// that a token cannot be carried into another list by mistake.
type pageToken struct {
	Cursor string `json:"c"`
	Bound  string `json:"b"`
}

func bound(ctx context.Context, question any) string {
	raw, _ := json.Marshal(question) // a struct of plain fields always encodes
	return run.Hash(principal(ctx).UserID, string(raw))[:16]
}

// request reads the page that is asked for; question is everything that
// decides what the list holds.
func (p PageInput) request(ctx context.Context, question any) (run.PageRequest, error) {
	req := run.PageRequest{Limit: p.PageSize}
	if req.Limit <= 0 {
		req.Limit = DefaultPageSize
	}
	req.Limit = min(req.Limit, MaxPageSize)
	if p.PageToken == "" {
		return req, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.PageToken)
	if err != nil {
		return req, run.ErrBadCursor
	}
	var t pageToken
	if err := json.Unmarshal(raw, &t); err != nil || t.Cursor == "" || t.Bound != bound(ctx, question) {
		return req, run.ErrBadCursor
	}
	req.Cursor = t.Cursor
	return req, nil
}

func nextToken(ctx context.Context, question any, cursor string) string {
	if cursor == "" {
		return ""
	}
	raw, _ := json.Marshal(pageToken{Cursor: cursor, Bound: bound(ctx, question)})
	return base64.RawURLEncoding.EncodeToString(raw)
}

// List is the answer of every list.
type List[T any] struct {
	Items         []T    `json:"items" nullable:"false"`
	NextPageToken string `json:"nextPageToken,omitempty" doc:"Absent on the last page"`
}

// ListOutput wraps a List for the framework.
type ListOutput[T any] struct{ Body List[T] }

func listOf[S, T any](ctx context.Context, question any, page run.Page[S], view func(S) T) *ListOutput[T] {
	out := &ListOutput[T]{Body: List[T]{Items: make([]T, 0, len(page.Items)), NextPageToken: nextToken(ctx, question, page.Next)}}
	for _, item := range page.Items {
		out.Body.Items = append(out.Body.Items, view(item))
	}
	return out
}
