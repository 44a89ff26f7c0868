package memstore

import (
	"context"
	"time"

	"tenantatlas/shared/run"
)

var _ run.Rates = (*Store)(nil)

// LeaseTokens implements run.Rates.
func (s *Store) LeaseTokens(ctx context.Context, r run.RateRequest) (lease run.RateLease, err error) {
	if err := r.Validate(); err != nil {
		return lease, err
	}
	err = s.do(ctx, "LeaseTokens", func() error {
		var state run.RateState
		state, lease = r.Lease(s.rates[r.RateKey])
		s.setRate(r.RateKey, state)
		return nil
	})
	if err != nil {
		return run.RateLease{}, err
	}
	return lease, nil
}

// BlockRate implements run.Rates.
func (s *Store) BlockRate(ctx context.Context, k run.RateKey, until time.Time) error {
	return s.do(ctx, "BlockRate", func() error {
		state := s.rates[k]
		if until = time.UnixMicro(run.RateTime(until)).UTC(); until.After(state.BlockedUntil) {
			state.BlockedUntil = until
		}
		s.setRate(k, state)
		return nil
	})
}

func (s *Store) setRate(k run.RateKey, state run.RateState) {
	if s.rates == nil {
		s.rates = map[run.RateKey]run.RateState{}
	}
	s.rates[k] = state
}
