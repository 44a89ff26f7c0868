package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// NotificationView tells of one transition of one run.
type NotificationView struct {
	ID         string    `json:"id" doc:"Opaque"`
	Kind       string    `json:"kind" enum:"queued,running,ended,drift"`
	At         time.Time `json:"at"`
	TenantID   string    `json:"tenantId"`
	TenantName string    `json:"tenantName"`
	RunID      string    `json:"runId"`
	Operation  string    `json:"operation"`
	Status     string    `json:"status" enum:"queued,running,succeeded,partial,failed,canceled"`
	Title      string    `json:"title"`
	Body       string    `json:"body"`
	Code       string    `json:"code,omitempty" doc:"Why the run failed"`
	Read       bool      `json:"read" doc:"Queued and running are born read; only ends count as unread"`
	Links      RunLinks  `json:"links"`
}

// maxUnread is where counting unread notifications stops: past that a client
// shows "99+".
const maxUnread = 100

// NotificationList is a page of notifications with the count of unread ones.
type NotificationList struct {
	List[NotificationView]
	UnreadCount int `json:"unreadCount" doc:"At most 100, which means 100 or more"`
}

// notificationID packs the parts of the key that the caller's own id does not
// give.
type notificationID struct {
	Tenant string               `json:"t"`
	At     time.Time            `json:"a"`
	Run    string               `json:"r"`
	Kind   run.NotificationKind `json:"k"`
}

func (s *server) notificationView(n run.Notification) NotificationView {
	raw, _ := json.Marshal(notificationID{n.TenantID, n.At, n.RunID, n.Kind}) // plain fields always encode
	r := run.Run{
		ID: n.RunID, TenantID: n.TenantID, TenantName: n.TenantName, Operation: n.Operation, Status: n.Status, Target: n.Target,
		Counts: n.Counts, Totals: n.Totals, Failure: n.Failure,
	}
	p := runParams(&r)
	if n.StartedAt != nil && n.Kind == run.NotifyEnded {
		p.Duration(reason.FieldDuration, n.At.Sub(*n.StartedAt))
	}
	v := NotificationView{
		ID: base64.RawURLEncoding.EncodeToString(raw), Kind: string(n.Kind), At: n.At, TenantID: n.TenantID, TenantName: n.TenantName,
		RunID: n.RunID, Operation: string(n.Operation), Status: string(n.Status), Read: n.Read,
		Title: reason.NotificationTitle(string(n.Operation), string(n.Status), p),
		Links: s.runLinks(&r),
	}
	if n.Failure != nil {
		v.Code = n.Failure.Code
	}
	if n.Kind == run.NotifyDrift {
		v.Title, v.Body = reason.DriftTitle(n.Totals[string(reason.FieldDrift)], n.TenantName), reason.DriftBody(n.TenantName)
		return v
	}
	v.Body = reason.NotificationBody(string(n.Operation), string(n.Status), reason.Code(v.Code), p)
	return v
}

func (s *server) registerNotifications(api huma.API) {
	type listInput struct {
		PageInput
		Tenant string `query:"tenant" maxLength:"64" doc:"Only of this tenant"`
		Show   string `query:"show" enum:"all,unread" default:"all"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/notifications", "listNotifications", "List the caller's notifications, newest first", "notifications", http.StatusOK),
		func(ctx context.Context, in *listInput) (*struct{ Body NotificationList }, error) {
			q := run.NotificationQuery{UserID: principal(ctx).UserID, TenantID: in.Tenant, Unread: in.Show == "unread"}
			req, err := in.request(ctx, q)
			if err != nil {
				return nil, s.problem(ctx, err, "notification")
			}
			page, err := s.Records.Notifications(ctx, q, req)
			if err != nil {
				return nil, s.problem(ctx, err, "notification")
			}
			unread, err := s.Records.Notifications(ctx, run.NotificationQuery{UserID: q.UserID, Unread: true}, run.PageRequest{Limit: maxUnread})
			if err != nil {
				return nil, s.problem(ctx, err, "notification")
			}
			visible := s.visible(ctx)
			hidden := func(n run.Notification) bool { return !visible(n.TenantID) }
			page.Items, unread.Items = slices.DeleteFunc(page.Items, hidden), slices.DeleteFunc(unread.Items, hidden)
			out := listOf(ctx, q, page, s.notificationView)
			return &struct{ Body NotificationList }{NotificationList{List: out.Body, UnreadCount: len(unread.Items)}}, nil
		})

	type readInput struct {
		ID string `path:"notification" maxLength:"512"`
	}
	huma.Register(api, op(http.MethodPost, "/v1/notifications/{notification}/read", "readNotification", "Mark a notification as read", "notifications", http.StatusNoContent, http.StatusNotFound),
		func(ctx context.Context, in *readInput) (*struct{}, error) {
			var id notificationID
			raw, err := base64.RawURLEncoding.DecodeString(in.ID)
			if err == nil {
				err = json.Unmarshal(raw, &id)
			}
			if err != nil || !run.ValidTenantID(id.Tenant) || !run.ValidRunID(id.Run) {
				return nil, s.problem(ctx, run.ErrNotFound, "notification")
			}
			// The key is made with the caller's own id, so nobody can mark another's.
			err = s.Records.MarkRead(ctx, run.NotificationKey{UserID: principal(ctx).UserID, TenantID: id.Tenant, At: id.At, RunID: id.Run, Kind: id.Kind})
			if err != nil {
				return nil, s.problem(ctx, err, "notification")
			}
			return nil, nil
		})

	huma.Register(api, op(http.MethodPost, "/v1/notifications/read-all", "readAllNotifications", "Mark all of the caller's notifications as read", "notifications", http.StatusNoContent),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			q := run.NotificationQuery{UserID: principal(ctx).UserID, Unread: true}
			var cursor string
			for {
				page, err := s.Records.Notifications(ctx, q, run.PageRequest{Limit: MaxPageSize, Cursor: cursor})
				if err != nil {
					return nil, s.problem(ctx, err, "notification")
				}
				for _, n := range page.Items {
					key := run.NotificationKey{UserID: q.UserID, TenantID: n.TenantID, At: n.At, RunID: n.RunID, Kind: n.Kind}
					if err := s.Records.MarkRead(ctx, key); err != nil {
						return nil, s.problem(ctx, err, "notification")
					}
				}
				if cursor = page.Next; cursor == "" {
					return nil, nil
				}
			}
		})
}
