package dynamostore

import (
	"context"
	"errors"
	"slices"
	"strings"

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
	return page(ctx, s, runsOfTenant(q), tag, p, DecodeRun)
}

// ActiveRuns implements run.Runs.
func (s *Store) ActiveRuns(ctx context.Context, userID string, p run.PageRequest) (run.Page[run.Run], error) {
	if !plain(userID) {
		return run.Page[run.Run]{}, nil
	}
	tag, err := queryTag("active runs", userID)
	if err != nil {
		return run.Page[run.Run]{}, err
	}
	return page(ctx, s, activeRunsOfUser(userID), tag, p, DecodeRun)
}

// OpenRuns implements run.Runs.
func (s *Store) OpenRuns(ctx context.Context, shard int, p run.PageRequest) (run.Page[run.RunRef], error) {
	if shard < 0 || shard >= run.OpenShards {
		return run.Page[run.RunRef]{}, nil
	}
	tag, err := queryTag("open runs", shard)
	if err != nil {
		return run.Page[run.RunRef]{}, err
	}
	return page(ctx, s, openRunsOf(shard), tag, p, decodeRunRef)
}

// decodeRunRef reads which run an entry of the index of open runs is of: the
// index holds keys only, so the tenant is read from the partition key.
func decodeRunRef(image map[string]types.AttributeValue) (run.RunRef, error) {
	pk, err := textOf(image, attrPK)
	if err != nil {
		return run.RunRef{}, err
	}
	id, err := textOf(image, attrRunKey)
	if err != nil {
		return run.RunRef{}, err
	}
	tenant, ok := strings.CutPrefix(pk, "T#")
	tenant, ok2 := strings.CutSuffix(tenant, "#R#"+id)
	if !ok || !ok2 || !plain(tenant, id) || runKey(tenant, id).pk != pk {
		return run.RunRef{}, errors.New("index entry is no run")
	}
	return run.RunRef{TenantID: tenant, RunID: id}, nil
}

// Outcomes implements run.Runs. Outcomes are stored a chunk at a time, so a
// position is a chunk and how much of it was returned.
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
	seq, skip := 1, 0
	if at != nil {
		if at.Part < 1 || at.Part > 99_999_999 || at.Key != "" || at.Skip > run.MaxSliceItems {
			return run.Page[run.Outcome]{}, run.ErrBadCursor
		}
		seq, skip = at.Part, at.Skip
	}
	limit := pageLimit(p)
	out := run.Page[run.Outcome]{Items: make([]run.Outcome, 0, limit)}
	full := func(seq, skip int) (run.Page[run.Outcome], error) {
		var err error
		out.Next, err = position{Part: seq, Skip: skip}.encode(tag)
		return out, err
	}
	for range maxPageRounds {
		look := (limit-len(out.Items))/run.MaxSliceItems + 2
		result, err := s.query(ctx, outcomesOfRun(q.TenantID, q.RunID, seq).input(s.table, int32(look), nil))
		if err != nil {
			return run.Page[run.Outcome]{}, err
		}
		for _, image := range result.Items {
			item, err := decode[outcomesItem](image)
			if err != nil {
				return run.Page[run.Outcome]{}, err
			}
			chunk, err := item.chunk()
			if err != nil {
				return run.Page[run.Outcome]{}, err
			}
			for i, o := range chunk.Outcomes {
				if chunk.Seq == seq && i < skip || !matches(q, o) {
					continue
				}
				if len(out.Items) == limit {
					return full(chunk.Seq, i)
				}
				out.Items = append(out.Items, o)
			}
			seq, skip = chunk.Seq+1, 0
		}
		if len(result.LastEvaluatedKey) == 0 {
			return out, nil
		}
	}
	return full(seq, skip)
}

func matches(q run.OutcomeQuery, o run.Outcome) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, o.Status)) && (q.Code == "" || q.Code == o.Code)
}
