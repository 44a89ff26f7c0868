package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

const (
	attrRole     = "role"
	attrDisabled = "disabled"
)

// StartView implements run.Runs with one BatchGetItem.
func (s *Store) StartView(ctx context.Context, q run.StartQuery) (run.StartView, error) {
	if !plain(q.TenantID) {
		return run.StartView{}, nil // names nothing, so nothing is there
	}
	wanted := []key{tenantKey(q.TenantID)}
	for _, w := range []struct {
		id string
		at func(tenantID, id string) key
	}{
		{q.UserID, memberKey}, {q.KeyHash, lockKey}, {q.IdempotencyKey, replayKey},
		{q.PolicyID, policyKey}, {q.SetID, backupSetKey}, {q.ScheduleID, scheduleKey},
	} {
		if plain(w.id) {
			wanted = append(wanted, w.at(q.TenantID, w.id))
		}
	}
	images, err := s.batchGet(ctx, wanted)
	if err != nil {
		return run.StartView{}, err
	}
	var v run.StartView
	for _, image := range images {
		entity, err := textOf(image, attrEntity)
		if err != nil {
			return run.StartView{}, err
		}
		switch entity {
		case entityTenant:
			v.Tenant, err = pointer(decodeTenant(image))
		case entityMember:
			v.Member, err = pointer(decodeMember(image))
		case entityLock:
			v.Lock, err = pointer(decodeLock(image))
		case entityReplay:
			v.Replay, err = pointer(decodeReplay(image))
		case entityPolicy:
			v.Policy, err = pointer(decodePolicy(image))
		case entityBackupSet:
			v.Set, err = pointer(decodeBackupSet(image))
		case entitySchedule:
			v.Schedule, err = pointer(decodeSchedule(image))
		default:
			err = fmt.Errorf("stored item is an unexpected %.20q", entity)
		}
		if err != nil {
			return run.StartView{}, err
		}
	}
	return v, nil
}

// batchGet reads several items, strong. Absent ones are left out.
func (s *Store) batchGet(ctx context.Context, wanted []key) ([]map[string]types.AttributeValue, error) {
	keys := make([]map[string]types.AttributeValue, len(wanted))
	for i, k := range wanted {
		keys[i] = k.image()
	}
	var images []map[string]types.AttributeValue
	for n := 1; len(keys) > 0; n++ {
		var out *dynamodb.BatchGetItemOutput
		err := s.read(ctx, "batch get", func(ctx context.Context) error {
			strong := true
			var err error
			out, err = s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems:           map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: &strong}},
				ReturnConsumedCapacity: s.capacity(),
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		s.consumed("BatchGetItem", out.ConsumedCapacity...)
		images = append(images, out.Responses[s.table]...)
		keys = out.UnprocessedKeys[s.table].Keys
		if len(keys) == 0 {
			break
		}
		if n == maxSends {
			return nil, errors.New("batch get: keys stay unprocessed")
		}
		if err := s.sleep(ctx, s.delay(n)); err != nil {
			return nil, fmt.Errorf("batch get: %w", err)
		}
	}
	return images, nil
}

func pointer[T any](v T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &v, nil
}

func decodeLock(image map[string]types.AttributeValue) (run.Lock, error) {
	i, err := decode[lockItem](image)
	return i.lock(), err
}

func decodeReplay(image map[string]types.AttributeValue) (run.Replay, error) {
	i, err := decode[replayItem](image)
	if err != nil {
		return run.Replay{}, err
	}
	return i.replay()
}

// Positions of the items in the transaction of CreateRun. The backup set is
// there when the run makes or uses one, a link when it has to do with an earlier
// run; a replay comes last.
const (
	createRun = iota
	createLock
	createInitiator
	createTenant
	createAudit
	createSet
)

// CreateRun implements run.Runs.
func (s *Store) CreateRun(ctx context.Context, n run.NewRun) error {
	r := n.Run
	by := r.Initiator
	switch {
	case !plain(r.TenantID, r.ID, r.KeyHash, by.ID()) || n.IdempotencyKey != "" && !plain(n.IdempotencyKey):
		return errors.New("create run: identifier cannot be stored")
	case r.Status != "" && r.Status != run.StatusQueued || r.Epoch != 0 || r.Seq != 0 || r.Owner != "":
		return errors.New("create run: a run begins queued and unclaimed")
	case r.CreatedAt.IsZero() || by.ScheduleID == "" && len(run.RolesIncluding(n.Role)) == 0:
		return errors.New("create run: needs a time and a role")
	case by.ScheduleID != "" && by.UserID != "":
		return errors.New("create run: started by a person or by a schedule")
	case n.LinkTo != "" && (!plain(n.LinkTo) || n.LinkKind == ""):
		return errors.New("create run: a link names a run and says what it means")
	case n.Set != nil && (n.UsesSet != "" || n.Set.TenantID != r.TenantID || !plain(n.Set.ID)) || n.UsesSet != "" && !plain(n.UsesSet):
		return errors.New("create run: makes a set that can be stored, or uses one")
	}
	r.Status = run.StatusQueued
	items, err := s.createItems(n, r)
	if err != nil {
		return fmt.Errorf("create run: %w", err)
	}
	// The request token is of the run's id: a repeat within ten minutes is
	// answered like the first, and other content under the same id is refused.
	return s.transact(ctx, "create run", run.Hash("create run", r.TenantID, r.ID)[:36], items, func(ctx context.Context, refused refusal) error {
		return s.explainCreate(ctx, r, n, refused)
	})
}

func (s *Store) createItems(n run.NewRun, r run.Run) ([]types.TransactWriteItem, error) {
	absent := newExpression()
	absent.whenAbsent()

	runPut, err := s.txPut(newRunItem(r), absent)
	if err != nil {
		return nil, err
	}

	lock := newExpression()
	lock.when("attribute_not_exists(%s)", lock.name(attrActiveRunID))
	lock.setText(attrEntity, entityLock)
	lock.setText(attrTenantID, r.TenantID)
	lock.setText(attrKeyHash, r.KeyHash)
	lock.setText(attrPayloadHash, r.PayloadHash)
	lock.setText(attrActiveRunID, r.ID)

	initiator := s.memberCheck(r.TenantID, r.Initiator.UserID, n.Role)
	if r.Initiator.ScheduleID != "" {
		initiator = s.scheduleCheck(r.TenantID, r.Initiator.ScheduleID)
	}

	audit, err := newAuditItem(r.TenantID, n.Audit, r.ID)
	if err != nil {
		return nil, err
	}
	auditPut, err := s.txPut(audit, absent)
	if err != nil {
		return nil, err
	}

	items := []types.TransactWriteItem{
		createRun:       runPut,
		createLock:      s.txUpdate(lockKey(r.TenantID, r.KeyHash), lock),
		createInitiator: initiator,
		createTenant:    s.enabledCheck(r.TenantID),
		createAudit:     auditPut,
	}
	switch {
	case n.Set != nil:
		set := *n.Set
		set.LastRunID, set.ActiveRuns, set.Uses, set.Rev = r.ID, []string{r.ID}, 1, 1
		setPut, err := s.txPut(newBackupSetItem(set), absent)
		if err != nil {
			return nil, err
		}
		items = append(items, setPut)
	case n.UsesSet != "":
		items = append(items, s.setUse(r, n.UsesSet, n.ChangesSet))
	}
	if n.LinkTo != "" {
		linkPut, err := s.txPut(newLinkItem(r.TenantID, n.LinkTo, run.RunLink{RunID: r.ID, Kind: n.LinkKind}), absent)
		if err != nil {
			return nil, err
		}
		items = append(items, linkPut)
	}
	if n.IdempotencyKey != "" {
		replayPut, err := s.replayPut(newReplayItem(r.TenantID, n.IdempotencyKey, r.ID, r.PayloadHash, n.ReplayUntil), r.CreatedAt)
		if err != nil {
			return nil, err
		}
		items = append(items, replayPut)
	}
	return items, nil
}

// memberCheck needs a member whose role includes the given one.
func (s *Store) memberCheck(tenantID, userID string, need run.Role) types.TransactWriteItem {
	member := newExpression()
	member.whenIn(attrRole, texts(run.RolesIncluding(need)))
	return s.txCheck(memberKey(tenantID, userID), member)
}

// scheduleCheck needs a schedule that may start runs.
func (s *Store) scheduleCheck(tenantID, scheduleID string) types.TransactWriteItem {
	schedule := newExpression()
	schedule.whenNot(attrRemoved)
	schedule.whenNot(attrPaused)
	return s.txCheck(scheduleKey(tenantID, scheduleID), schedule)
}

// enabledCheck needs a tenant that takes runs.
func (s *Store) enabledCheck(tenantID string) types.TransactWriteItem {
	tenant := newExpression()
	tenant.whenNot(attrDisabled)
	return s.txCheck(tenantKey(tenantID), tenant)
}

// setUse enters a run in a backup set.
func (s *Store) setUse(r run.Run, setID string, changes bool) types.TransactWriteItem {
	set := newExpression()
	set.whenPresent()
	set.whenThere(attrDeletedAt, false)
	set.when("(attribute_not_exists(%[1]s) OR size(%[1]s) < %[2]s)", set.name(attrActiveRuns), set.number(run.MaxActiveRuns))
	set.include(attrActiveRuns, r.ID)
	set.add(attrUses, 1)
	if changes {
		set.setText(attrLastRunID, r.ID)
	}
	return s.txUpdate(backupSetKey(r.TenantID, setID), set)
}

// replayPut remembers a client's key that is not remembered at the given time.
func (s *Store) replayPut(item replayItem, at time.Time) (types.TransactWriteItem, error) {
	free := newExpression()
	free.when("(attribute_not_exists(%s) OR %s <= %s)", free.name(attrPK), free.name(attrReplayUntil), free.text(stamp(at)))
	return s.txPut(item, free)
}

// explainCreate says what a refused CreateRun means. The run itself is the evidence
// that an earlier sending succeeded: its id is of this start alone, and what the
// start wrote of it stays for good.
func (s *Store) explainCreate(ctx context.Context, r run.Run, n run.NewRun, refused refusal) error {
	image, err := s.get(ctx, runKey(r.TenantID, r.ID))
	if err != nil {
		return err
	}
	if image != nil {
		stored, err := decode[runItem](image)
		if err != nil {
			return err
		}
		if stored.KeyHash == r.KeyHash && stored.PayloadHash == r.PayloadHash && stored.CreatedAt == stamp(r.CreatedAt) {
			return nil
		}
		return run.ErrConflict
	}
	initiator, tenant, lock := refused.at(createInitiator), refused.at(createTenant), refused.at(createLock)
	var set, link refusedItem
	if n.UsesSet != "" {
		set = refused.at(createSet)
	}
	if n.LinkTo != "" {
		at := createSet
		if n.UsesSet != "" || n.Set != nil {
			at++
		}
		link = refused.at(at)
	}
	_, deleted := set.image[attrDeletedAt]
	switch {
	case initiator.failed:
		return run.ErrNotMember
	case tenant.failed && len(tenant.image) == 0:
		return run.ErrNotMember
	case tenant.failed:
		return run.ErrTenantDisabled
	case set.failed && (len(set.image) == 0 || deleted):
		return run.ErrNotFound
	case lock.failed:
		held, err := decodeLock(lock.image)
		if err != nil {
			return err
		}
		if held.ActiveRunID == "" { // the refusal came without the lock
			if held, err = s.lock(ctx, r.TenantID, r.KeyHash); err != nil {
				return err
			}
			if held.ActiveRunID == "" {
				return run.ErrConflict // and it was freed since
			}
		}
		return &run.LockHeldError{Lock: held}
	case set.failed:
		return run.ErrSetBusy
	case link.failed && n.LinkKind == run.LinkApplied:
		used, err := s.applied(ctx, r.TenantID, n.LinkTo)
		if err != nil {
			return err
		}
		return &run.PlanUsedError{RunID: used}
	}
	return run.ErrConflict // the Idempotency-Key was used meanwhile, or the set's id
}

// lock reads a lock, strong. A lock that was never taken is free.
func (s *Store) lock(ctx context.Context, tenantID, keyHash string) (run.Lock, error) {
	image, err := s.get(ctx, lockKey(tenantID, keyHash))
	if err != nil {
		return run.Lock{}, err
	}
	if image == nil {
		return run.Lock{TenantID: tenantID, KeyHash: keyHash}, nil
	}
	return decodeLock(image)
}

// applied reads which run applied a plan, strong.
func (s *Store) applied(ctx context.Context, tenantID, planRunID string) (string, error) {
	image, err := s.get(ctx, linkKey(tenantID, planRunID, run.LinkApplied, ""))
	if err != nil {
		return "", err
	}
	link, err := decode[linkItem](image)
	return link.RunID, err
}

// Links implements run.Runs.
func (s *Store) Links(ctx context.Context, tenantID, runID string) ([]run.RunLink, error) {
	if !plain(tenantID, runID) {
		return nil, nil
	}
	var links []run.RunLink
	err := s.all(ctx, linksOfRun(tenantID, runID), func(image map[string]types.AttributeValue) error {
		i, err := decode[linkItem](image)
		links = append(links, i.link())
		return err
	})
	return links, err
}

// Supersede implements run.Runs.
func (s *Store) Supersede(ctx context.Context, tenantID, runID, byRunID string, items []string) error {
	if !plain(tenantID, runID, byRunID) {
		return run.ErrNotFound
	}
	list, err := encodeValue(items)
	if err != nil {
		return err
	}
	e := newExpression()
	e.whenPresent()
	e.set(attrLinkItems, list)
	_, err = s.update(ctx, "supersede", linkKey(tenantID, runID, run.LinkRerun, byRunID), e, func(context.Context, refusal) error { return run.ErrNotFound })
	return err
}
