package dynamostore

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// ListRuns implements run.Runs.
func (s *Store) ListRuns(ctx context.Context, q run.RunQuery, p run.PageRequest) (run.Page[run.Run], error) {
	if !plain(q.TenantID) || !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return run.Page[run.Run]{}, nil
	}
	tag, err := queryTag("runs", q)
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	return s.pageOfRuns(ctx, runsOfTenant(q), tag, p, func(r run.Run) bool { return len(q.Statuses) == 0 || slices.Contains(q.Statuses, r.Status) })
}

// ActiveRuns implements run.Runs.
func (s *Store) ActiveRuns(ctx context.Context, initiatorID string, p run.PageRequest) (run.Page[run.Run], error) {
	if !plain(initiatorID) {
		return run.Page[run.Run]{}, nil
	}
	tag, err := queryTag("active runs", initiatorID)
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	return s.pageOfRuns(ctx, activeRunsOf(initiatorID), tag, p, func(r run.Run) bool { return !r.Status.Terminal() })
}

// pageOfRuns reads a page of an index and then the runs that it names. The
// indexes hold what does not change and the status alone: what they hold is paid
// for again with every write of a run, and a run is written far more often than
// it is listed. keep looks once more at what may have changed since the index was
// written.
func (s *Store) pageOfRuns(ctx context.Context, q query, tag string, p run.PageRequest, keep func(run.Run) bool) (run.Page[run.Run], error) {
	keys, err := page(ctx, s, q, tag, p, func(image map[string]types.AttributeValue) (key, error) {
		pk, err := textOf(image, attrPK)
		if err != nil {
			return key{}, err
		}
		sk, err := textOf(image, attrSK)
		return key{pk, sk}, err
	})
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	found, err := s.runsByKey(ctx, keys.Items)
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	out := run.Page[run.Run]{Items: make([]run.Run, 0, len(keys.Items)), Next: keys.Next}
	for _, k := range keys.Items {
		if r, ok := found[k.pk]; ok && keep(r) {
			out.Items = append(out.Items, r)
		}
	}
	return out, nil
}

// runsByKey reads runs, by their partition.
func (s *Store) runsByKey(ctx context.Context, keys []key) (map[string]run.Run, error) {
	found := make(map[string]run.Run, len(keys))
	for part := range slices.Chunk(keys, maxBatchGet) {
		images, err := s.batchGet(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			r, err := DecodeRun(image)
			if err != nil {
				return nil, err
			}
			found[runKey(r.TenantID, r.ID).pk] = r
		}
	}
	return found, nil
}

// RunsByRef implements run.Runs.
func (s *Store) RunsByRef(ctx context.Context, refs []run.RunRef) ([]run.Run, error) {
	if len(refs) > maxPage {
		return nil, errors.New("runs by reference: too many at once")
	}
	var keys []key
	for _, ref := range refs {
		if k := runKey(ref.TenantID, ref.RunID); plain(ref.TenantID, ref.RunID) && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	found, err := s.runsByKey(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []run.Run
	for _, ref := range refs {
		if r, ok := found[runKey(ref.TenantID, ref.RunID).pk]; ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// LaterSuccesses implements run.Runs. The lock of a key remembers its last success.
func (s *Store) LaterSuccesses(ctx context.Context, tenantID string, runs []run.Run) (map[string]string, error) {
	var keys []key
	for _, r := range runs {
		if k := lockKey(tenantID, r.KeyHash); plain(tenantID, r.KeyHash) && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	succeeded := map[string]string{}
	for part := range slices.Chunk(keys, maxBatchGet) {
		images, err := s.batchGet(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			i, err := decode[lockItem](image)
			if err != nil {
				return nil, err
			}
			succeeded[i.KeyHash] = i.Succeeded
		}
	}
	later := map[string]string{}
	for _, r := range runs {
		if id := succeeded[r.KeyHash]; id > r.ID { // ids begin with their time
			later[r.ID] = id
		}
	}
	return later, nil
}

// RecentStatuses implements run.Runs. The index holds the status.
func (s *Store) RecentStatuses(ctx context.Context, tenantID string, n int) ([]run.Status, error) {
	if !plain(tenantID) {
		return nil, nil
	}
	images, _, err := s.collect(ctx, runsOfTenant(run.RunQuery{TenantID: tenantID}), nil, min(max(n, 1), maxPage), 1)
	if err != nil {
		return nil, err
	}
	out := make([]run.Status, 0, len(images))
	for _, image := range images {
		status, err := textOf(image, attrStatus)
		if err != nil {
			return nil, err
		}
		out = append(out, run.Status(status))
	}
	return out, nil
}

// maxBatchGet is DynamoDB's limit of keys in one BatchGetItem.
const maxBatchGet = 100

// OpenRuns implements run.Runs.
func (s *Store) OpenRuns(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	return s.sweepRuns(ctx, openRunShard, shard, p)
}

// Unnotified implements run.Runs.
func (s *Store) Unnotified(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	return s.sweepRuns(ctx, unnotifiedShard, shard, p)
}

func (s *Store) sweepRuns(ctx context.Context, kind string, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	return sweep(ctx, s, kind, shard, p, runKey, func(tenantID, id string) run.RunRef { return run.RunRef{TenantID: tenantID, RunID: id} })
}

// sweep reads a page of what a sweep must look at. at is the key of an entry, by
// tenant and id.
func sweep[T any](ctx context.Context, s *Store, kind string, shard int, p run.PageRequest, at func(tenantID, id string) key, ref func(tenantID, id string) T) (run.Page[T], error) {
	if shard < 0 || shard >= run.OpenShards {
		return run.Page[T]{}, nil
	}
	tag, err := queryTag("to sweep", []any{kind, shard})
	if err != nil {
		return run.Page[T]{}, err
	}
	return page(ctx, s, toSweep(kind, shard, at), tag, p, func(image map[string]types.AttributeValue) (T, error) {
		tenantID, id, err := decodeSwept(image, at)
		return ref(tenantID, id), err
	})
}

// decodeSwept reads what an entry of the index of open runs is of: the index holds
// keys only, so the tenant is read from the partition key.
func decodeSwept(image map[string]types.AttributeValue, at func(tenantID, id string) key) (tenantID, id string, err error) {
	p, err := tenantPosition(attrRunKey)(image)
	if err != nil {
		return "", "", err
	}
	pk, err := textOf(image, attrPK)
	if err != nil {
		return "", "", err
	}
	sk, err := textOf(image, attrSK)
	if err != nil {
		return "", "", err
	}
	if !plain(p.Tenant, p.Key) || at(p.Tenant, p.Key) != (key{pk, sk}) {
		return "", "", errors.New("index entry is not of what it names")
	}
	return p.Tenant, p.Key, nil
}

// Outcomes implements run.Runs. Outcomes are stored a chunk at a time and without
// their items, which are read from the plan; a position is a chunk and how much
// of it was returned.
func (s *Store) Outcomes(ctx context.Context, q run.OutcomeQuery, p run.PageRequest) (run.Page[run.Outcome], error) {
	if !plain(q.TenantID, q.RunID) {
		return run.Page[run.Outcome]{}, nil
	}
	tag, err := queryTag("outcomes", q)
	if err != nil {
		return run.Page[run.Outcome]{}, err
	}
	at, err := parseCursor(p.Cursor, tag)
	if err != nil {
		return run.Page[run.Outcome]{}, err
	}
	list := outcomeList{store: s, query: q, limit: pageLimit(p), seq: 1}
	if at != nil {
		if at.Part < 1 || at.Part > 99_999_999 || at.Key != "" || at.Skip < 0 || at.Skip > maxPlanItems {
			return run.Page[run.Outcome]{}, run.ErrBadCursor
		}
		list.seq, list.skip = at.Part, at.Skip
	}
	list.item, list.run, err = s.readRun(ctx, q.TenantID, q.RunID)
	if errors.Is(err, run.ErrNotFound) {
		return run.Page[run.Outcome]{}, nil
	}
	if err != nil {
		return run.Page[run.Outcome]{}, err
	}
	more, err := list.read(ctx)
	if err != nil {
		return run.Page[run.Outcome]{}, err
	}
	out := run.Page[run.Outcome]{Items: list.found}
	if more {
		out.Next, err = position{Part: list.seq, Skip: list.skip}.encode(tag)
	}
	return out, err
}

// outcomeList gathers one page of outcomes.
type outcomeList struct {
	store     *Store
	query     run.OutcomeQuery
	limit     int
	item      runItem
	run       run.Run
	found     []run.Outcome
	seq, skip int // where to go on
}

// read gathers outcomes until the page is full or has cost enough. It reports
// whether more may follow.
func (l *outcomeList) read(ctx context.Context) (more bool, err error) {
	for range maxPageRounds {
		look := (l.limit-len(l.found))/run.MaxSliceItems + 2
		result, err := l.store.query(ctx, outcomesOfRun(l.query.TenantID, l.query.RunID, l.seq).input(l.store.table, int32(look), nil))
		if err != nil {
			return false, err
		}
		for _, image := range result.Items {
			chunk, err := decode[outcomesItem](image)
			if err != nil {
				return false, err
			}
			if chunk.Seq != l.seq {
				l.seq, l.skip = chunk.Seq, 0
			}
			for l.skip < chunk.size() {
				if full, err := l.take(ctx, chunk); err != nil || full {
					return full, err
				}
			}
			l.seq, l.skip = chunk.Seq+1, 0
		}
		if len(result.LastEvaluatedKey) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// take gathers the next outcomes of a chunk, as many as one part of the plan
// holds. It reports whether the page is full and something is left.
func (l *outcomeList) take(ctx context.Context, chunk outcomesItem) (full bool, err error) {
	from := chunk.From + l.skip
	to := min(chunk.From+chunk.size(), (from/planChunk+1)*planChunk)
	var items []run.Item
	if l.run.Counts.Total <= inlinePlanItems {
		items, err = l.item.planned(from, to)
	} else {
		items, err = l.store.longPlan(ctx, l.run, from, to)
	}
	if err != nil {
		return false, err
	}
	for _, item := range items {
		o, err := chunk.outcome(l.skip, item)
		if err != nil {
			return false, err
		}
		if !l.query.Matches(o) {
			l.skip++
			continue
		}
		if len(l.found) == l.limit {
			return true, nil
		}
		l.found = append(l.found, o)
		l.skip++
	}
	return false, nil
}
