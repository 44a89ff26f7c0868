package dynamostore

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// PutNotification implements run.Records.
func (s *Store) PutNotification(ctx context.Context, n run.Notification) error {
	if !plain(n.UserID, n.TenantID, n.RunID, string(n.Kind)) || n.At.IsZero() {
		return errors.New("put notification: needs a user, a tenant, a run, a kind and a time that can be stored")
	}
	e := newExpression()
	e.whenAbsent()
	return s.put(ctx, "put notification", newNotificationItem(n), e, func(context.Context, refusal) error { return nil })
}

func decodeNotification(image map[string]types.AttributeValue) (run.Notification, error) {
	i, err := decode[notificationItem](image)
	if err != nil {
		return run.Notification{}, err
	}
	return i.notification()
}

// Notifications implements run.Records. The notifications of one tenant are read
// strong, those of all tenants from an index.
func (s *Store) Notifications(ctx context.Context, q run.NotificationQuery, p run.PageRequest) (run.Page[run.Notification], error) {
	if !plain(q.UserID) || q.TenantID != "" && !plain(q.TenantID) {
		return run.Page[run.Notification]{}, nil
	}
	tag, err := queryTag("notifications", q)
	if err != nil {
		return run.Page[run.Notification]{}, err
	}
	return page(ctx, s, notificationsOfUser(q), tag, p, decodeNotification)
}

// MarkRead implements run.Records.
func (s *Store) MarkRead(ctx context.Context, k run.NotificationKey) error {
	if !plain(k.UserID, k.TenantID, k.RunID, string(k.Kind)) {
		return run.ErrNotFound
	}
	e := newExpression()
	e.whenPresent()
	e.set(attrRead, &types.AttributeValueMemberBOOL{Value: true})
	_, err := s.update(ctx, "mark read", notificationKey(k), e, func(context.Context, refusal) error { return run.ErrNotFound })
	return err
}

// Audit implements run.Records.
func (s *Store) Audit(ctx context.Context, event run.AuditEvent) error {
	token, err := contentToken("audit", event)
	if err != nil {
		return err
	}
	item, err := newAuditItem(event.TenantID, event, token)
	if err != nil {
		return err
	}
	e := newExpression()
	e.whenAbsent()
	return s.put(ctx, "audit", item, e, func(context.Context, refusal) error { return nil })
}

func decodeAudit(image map[string]types.AttributeValue) (run.AuditEvent, error) {
	i, err := decode[auditItem](image)
	if err != nil {
		return run.AuditEvent{}, err
	}
	return i.audit()
}

// auditMonths is how far a search of the audit trail without From looks back,
// and how many months one page may look at.
const auditMonths = 24

// AuditEvents implements run.Records. The trail has a partition per month; a
// page goes back through them until it is full.
func (s *Store) AuditEvents(ctx context.Context, q run.AuditQuery, p run.PageRequest) (run.Page[run.AuditEvent], error) {
	var none run.Page[run.AuditEvent]
	if !plain(q.TenantID) {
		return none, nil
	}
	// The upper end moves while somebody pages through the newest events. It is no
	// part of the question: the position is absolute.
	tagged := q
	tagged.Now, tagged.To = time.Time{}, time.Time{}
	newest := q.To
	if newest.IsZero() {
		newest = q.Now
	}
	if newest.IsZero() {
		return none, errors.New("audit events: needs To or Now")
	}
	tag, err := queryTag("audit events", tagged)
	if err != nil {
		return none, err
	}
	at, err := parseCursor(p.Cursor, tag)
	if err != nil {
		return none, err
	}
	current := monthOf(newest)
	first := current.minus(auditMonths)
	if !q.From.IsZero() {
		first = monthOf(q.From)
	}
	if at != nil {
		asked := monthNumber(at.Part)
		if at.Part < 1 || current.less(asked) || asked.less(first) {
			return none, run.ErrBadCursor
		}
		current = asked
	}
	limit := pageLimit(p)
	var (
		images []map[string]types.AttributeValue
		next   *position
	)
	for looked := 0; !current.less(first); looked++ {
		if looked == auditMonths || len(images) == limit {
			next = &position{Part: current.number()}
			break
		}
		found, after, err := s.collect(ctx, auditOfMonth(q, current, q.From, q.To), at, limit-len(images), maxPageRounds)
		if err != nil {
			return none, err
		}
		images = append(images, found...)
		if after != nil {
			after.Part = current.number()
			next = after
			break
		}
		at, current = nil, current.before()
	}
	return finish(images, next, tag, decodeAudit)
}
