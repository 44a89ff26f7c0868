package dynamostore

import (
	"context"
	"errors"
	"fmt"

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
	if !plain(q.TenantID, q.UserID, q.KeyHash) {
		return run.StartView{}, nil // names nothing, so nothing is there
	}
	wanted := []key{tenantKey(q.TenantID), memberKey(q.TenantID, q.UserID), lockKey(q.TenantID, q.KeyHash)}
	if plain(q.IdempotencyKey) {
		wanted = append(wanted, replayKey(q.TenantID, q.IdempotencyKey))
	}
	if plain(q.PolicyID) {
		wanted = append(wanted, policyKey(q.TenantID, q.PolicyID))
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

// Positions of the items in the transaction of CreateRun.
const (
	createRun = iota
	createLock
	createMember
	createTenant
	createAudit
	createReplay
)

// CreateRun implements run.Runs.
func (s *Store) CreateRun(ctx context.Context, n run.NewRun) error {
	r := n.Run
	switch {
	case !plain(r.TenantID, r.ID, r.KeyHash, r.Initiator.UserID) || n.IdempotencyKey != "" && !plain(n.IdempotencyKey):
		return errors.New("create run: identifier cannot be stored")
	case r.Status != "" && r.Status != run.StatusQueued || r.Epoch != 0 || r.Seq != 0 || r.Owner != "":
		return errors.New("create run: a run begins queued and unclaimed")
	case r.CreatedAt.IsZero() || len(run.RolesIncluding(n.Role)) == 0:
		return errors.New("create run: needs a time and a role")
	}
	r.Status = run.StatusQueued
	items, err := s.createItems(n, r)
	if err != nil {
		return fmt.Errorf("create run: %w", err)
	}
	// The request token is of the run's id: a repeat within ten minutes is
	// answered like the first, and other content under the same id is refused.
	return s.transact(ctx, "create run", run.Hash("create run", r.TenantID, r.ID)[:36], items, func(ctx context.Context, refused refusal) error {
		return s.explainCreate(ctx, r, refused)
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

	member := newExpression()
	member.whenIn(attrRole, texts(run.RolesIncluding(n.Role)))

	tenant := newExpression()
	tenant.when("%s = %s", tenant.name(attrDisabled), tenant.value(&types.AttributeValueMemberBOOL{Value: false}))

	audit, err := newAuditItem(r.TenantID, n.Audit, r.ID)
	if err != nil {
		return nil, err
	}
	auditPut, err := s.txPut(audit, absent)
	if err != nil {
		return nil, err
	}

	items := []types.TransactWriteItem{
		createRun:    runPut,
		createLock:   s.txUpdate(lockKey(r.TenantID, r.KeyHash), lock),
		createMember: s.txCheck(memberKey(r.TenantID, r.Initiator.UserID), member),
		createTenant: s.txCheck(tenantKey(r.TenantID), tenant),
		createAudit:  auditPut,
	}
	if n.IdempotencyKey != "" {
		k := replayKey(r.TenantID, n.IdempotencyKey)
		free := newExpression()
		free.when("(attribute_not_exists(%s) OR %s <= %s)", free.name(attrPK), free.name(attrReplayUntil), free.text(stamp(r.CreatedAt)))
		replayPut, err := s.txPut(replayItem{
			PK: k.pk, SK: k.sk, Entity: entityReplay, RunID: r.ID, PayloadHash: r.PayloadHash,
			ReplayUntil: stamp(n.ReplayUntil), ExpiresAt: n.ReplayUntil.Unix() + 1,
		}, free)
		if err != nil {
			return nil, err
		}
		items = append(items, replayPut)
	}
	return items, nil
}

// explainCreate says what a refused CreateRun means. The run itself is the evidence
// that an earlier sending succeeded: its id is of this start alone, and what the
// start wrote of it stays for good.
func (s *Store) explainCreate(ctx context.Context, r run.Run, refused refusal) error {
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
	member, tenant, lock := refused.at(createMember), refused.at(createTenant), refused.at(createLock)
	switch {
	case member.failed:
		return run.ErrNotMember
	case tenant.failed && len(tenant.image) == 0:
		return run.ErrNotMember
	case tenant.failed:
		return run.ErrTenantDisabled
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
	}
	return run.ErrConflict // the Idempotency-Key was used meanwhile
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
