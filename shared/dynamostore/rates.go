package dynamostore

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

var _ run.Rates = (*Store)(nil)

// maxLeaseWrites bounds what one lease costs where many race for it.
const maxLeaseWrites = 4

// LeaseTokens implements run.Rates. Nothing is read first: the update is sent as
// if the state were the one the caller saw last, or a full bucket, and only
// holds if that is so. A refusal brings the true state, which decides what
// follows. An answer that was lost costs tokens: there is no evidence of a
// lease, and none is needed.
func (s *Store) LeaseTokens(ctx context.Context, r run.RateRequest) (run.RateLease, error) {
	if err := r.Validate(); err != nil {
		return run.RateLease{}, err
	}
	if !plain(r.TenantID, r.Service) {
		return run.RateLease{}, errors.New("lease tokens: identifier cannot be stored")
	}
	state := run.RateState{FullAt: r.Seen}
	for range maxLeaseWrites {
		next, lease := r.Lease(state)
		if lease.Tokens == 0 {
			return lease, nil
		}
		var (
			raced bool
			image map[string]types.AttributeValue
		)
		stored, err := s.update(ctx, "lease tokens", rateKey(r.RateKey), leaseExpression(r, state, next, lease.Tokens), func(_ context.Context, refused refusal) error {
			raced, image = true, refused.at(0).image
			return nil
		})
		if err != nil {
			return run.RateLease{}, err
		}
		if !raced {
			image = stored
		}
		item, err := decode[rateItem](image)
		if err != nil {
			return run.RateLease{}, err
		}
		if state = item.state(); !raced {
			// What others took since shows in the state, and so in the times.
			lease.Next, lease.FullAt = lease.Next.Add(state.FullAt.Sub(lease.FullAt)), state.FullAt
			return lease, nil
		}
	}
	// Every race was lost: others are being served. Ask again when one more token
	// has come.
	return run.RateLease{Next: r.Now.Add(r.Rate.Interval), FullAt: state.FullAt}, nil
}

// leaseExpression is the update that takes the tokens between have and next. A
// bucket that is filling has its time moved on, whatever it is now, as far as
// the burst allows; a full one starts anew at the caller's time.
func leaseExpression(r run.RateRequest, have, next run.RateState, tokens int) *expression {
	e := newExpression()
	now, until := r.Now.UnixMicro(), run.RateTime(next.FullAt)
	if r.Filling(have) {
		e.when("%s BETWEEN %s AND %s", e.name(attrTAT), e.number(now+1), e.number(run.RateTime(r.Latest(tokens))))
		e.add(attrTAT, until-run.RateTime(have.FullAt))
	} else {
		e.when("(attribute_not_exists(%s) OR %s <= %s)", e.name(attrTAT), e.name(attrTAT), e.number(now))
		e.setNumber(attrTAT, until)
	}
	e.when("(attribute_not_exists(%s) OR %s <= %s)", e.name(attrBlockedUntil), e.name(attrBlockedUntil), e.number(now))
	e.setText(attrEntity, entityRate)
	e.setNumber(attrExpiresAt, r.Now.Add(rateLife).Unix())
	return e
}

// BlockRate implements run.Rates. Doing it twice does no harm, so a lost answer
// needs no evidence.
func (s *Store) BlockRate(ctx context.Context, k run.RateKey, until time.Time) error {
	if !plain(k.TenantID, k.Service) {
		return errors.New("block rate: identifier cannot be stored")
	}
	e := newExpression()
	e.when("(attribute_not_exists(%s) OR %s < %s)", e.name(attrBlockedUntil), e.name(attrBlockedUntil), e.number(run.RateTime(until)))
	e.setNumber(attrBlockedUntil, run.RateTime(until))
	e.setText(attrEntity, entityRate)
	e.setNumber(attrExpiresAt, until.Add(rateLife).Unix())
	_, err := s.update(ctx, "block rate", rateKey(k), e, func(context.Context, refusal) error { return nil })
	return err
}
