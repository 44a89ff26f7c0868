package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tenantatlas/shared/reason"
)

// ListOptions says how a list is read. Zero fields mean the defaults.
type ListOptions struct {
	// Top asks for a page size. It is a hint: Graph may ignore, cap or refuse
	// it (learn.microsoft.com/graph/paging); after a refusal the list is read
	// without it.
	Top int
	// MaxPages ends a list that never ends, 2,000 by default. Settings catalog
	// policies come 25 a page, so 5,000 of them are 200 pages.
	MaxPages int
	// Resume continues where an earlier list stopped: Pages.Next of its
	// IncompleteListError. Path must be that of the earlier list.
	Resume Cursor
}

// Pages says how much of a list was read.
type Pages struct {
	Count int    // pages
	Items int    // objects handed to the caller
	Next  Cursor // where to resume an incomplete list; "" when it cannot be
}

// Cursor is a place in a list: Microsoft's next link, opaque. It may be stored
// as the string it is, for the program alone; it does not show in text or logs.
type Cursor string

// String does not show the link.
func (c Cursor) String() string {
	if c == "" {
		return "graph.Cursor()"
	}
	return "graph.Cursor(…)"
}

// GoString does not show the link.
func (c Cursor) GoString() string { return c.String() }

// LogValue does not show the link.
func (c Cursor) LogValue() slog.Value { return slog.StringValue(c.String()) }

const defaultMaxPages = 2000

// List reads a collection to its end and hands each object to fn, in order.
// It returns nil only after the last page. An error of fn ends the list and is
// returned as it is; any other error is an *IncompleteListError.
//
// The next link is opaque and sent whole, but only to the place the list began
// at: same host, same API version. A link to anywhere else ends the list,
// because the token would go with it. A page may be empty and still have a
// next page; a link that comes twice ends the list (microsoft-graph-docs#8186
// saw one for ever).
func (c *core) List(ctx context.Context, req Request, opt ListOptions, fn func(json.RawMessage) error) (Pages, error) {
	var pages Pages
	if req.Method != "" && req.Method != http.MethodGet {
		return pages, refusedWrite(req.Method, c.clock.Now())
	}
	if req.Doing == "" {
		req.Doing = reason.ReadList
	}
	if opt.MaxPages <= 0 {
		opt.MaxPages = defaultMaxPages
	}
	header, err := requestHeader(req.Header)
	if err != nil {
		return pages, err
	}
	plain, err := c.url(req)
	if err != nil {
		return pages, err
	}
	next := plain
	if opt.Top > 0 {
		hinted := req
		hinted.Query = url.Values{}
		maps.Copy(hinted.Query, req.Query)
		hinted.Query.Set("$top", strconv.Itoa(opt.Top))
		if next, err = c.url(hinted); err != nil {
			return pages, err
		}
	}
	if opt.Resume != "" {
		if !c.ours(string(opt.Resume)) {
			return pages, c.incomplete(pages, Response{})
		}
		next = string(opt.Resume)
	}
	hinted := next != plain && opt.Resume == ""
	seen := map[string]bool{}
	for {
		if seen[next] || pages.Count >= opt.MaxPages {
			pages.Next = ""
			return pages, c.incomplete(pages, Response{})
		}
		seen[next] = true
		resp, err := c.do(ctx, call{method: http.MethodGet, url: next, path: req.Path, header: header, doing: req.Doing})
		if err != nil {
			if hinted && pages.Count == 0 && FailureOf(err).HTTPStatus == http.StatusBadRequest {
				next, hinted = plain, false
				continue
			}
			if pages.Next = ""; pages.Count > 0 || opt.Resume != "" {
				pages.Next = Cursor(next)
			}
			return pages, &IncompleteListError{Pages: pages, Err: err}
		}
		items, link, ok := readPage(resp.Body)
		if !ok {
			return pages, c.incomplete(pages, resp)
		}
		pages.Count++
		for _, item := range items {
			if err := fn(item); err != nil {
				return pages, err
			}
			pages.Items++
		}
		if link == "" {
			return pages, nil
		}
		if !c.ours(link) {
			return pages, c.incomplete(pages, resp)
		}
		next = link
	}
}

// incomplete is a list that Graph itself broke off or sent round in circles.
func (c *core) incomplete(pages Pages, resp Response) error {
	e := newError(reason.InventoryIncomplete, reason.ActionNone, c.clock.Now())
	e.Failure.HTTPStatus, e.Failure.GraphRequestID, e.Failure.ClientRequestID = resp.Status, resp.RequestID, resp.ClientRequestID
	e.Failure.Params = reason.Params{}.Int(reason.FieldPages, pages.Count)
	return &IncompleteListError{Pages: pages, Err: e}
}

// readPage takes a page apart. ok is false when it is not one: a list without
// its value is not an empty list.
func readPage(body json.RawMessage) (items []json.RawMessage, next string, ok bool) {
	var page map[string]json.RawMessage
	if json.Unmarshal(body, &page) != nil {
		return nil, "", false
	}
	value, has := page["value"]
	if !has || json.Unmarshal(value, &items) != nil || items == nil {
		return nil, "", false
	}
	if link, has := page["@odata.nextLink"]; has && !bytes.Equal(link, []byte("null")) {
		if next = text(link); next == "" {
			return nil, "", false
		}
	}
	return items, next, true
}

const maxLink = 16 << 10

// ours reports whether an absolute URL leads to where this client may send its
// token: https, the same host and port, below the same API version.
func (c *core) ours(link string) bool {
	if len(link) > maxLink {
		return false
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || !strings.EqualFold(u.Host, c.root.Host) {
		return false
	}
	path := u.EscapedPath()
	return strings.HasPrefix(path, c.root.EscapedPath()+"/") && !strings.Contains(path, "..") && !pathEscape.MatchString(path) &&
		!strings.Contains(path, `\`)
}

// Collect reads a whole list into memory; for short lists.
func (c *core) Collect(ctx context.Context, req Request, opt ListOptions) ([]json.RawMessage, error) {
	var all []json.RawMessage
	_, err := c.List(ctx, req, opt, func(item json.RawMessage) error {
		all = append(all, item)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// IsIncomplete reports whether err is a list that ended early, and gives what
// was read.
func IsIncomplete(err error) (Pages, bool) {
	var e *IncompleteListError
	if errors.As(err, &e) {
		return e.Pages, true
	}
	return Pages{}, false
}
