package dynamostore

import (
	"time"

	"tenantatlas/shared/run"
)

// Attributes of a rate that expressions name. The times are numbers, in
// microseconds since 1970, because updates add to one of them.
const (
	attrTAT          = "tat" // theoretical arrival time: run.RateState.FullAt
	attrBlockedUntil = "blockedUntil"
)

type rateItem struct {
	PK           string `dynamodbav:"PK"`
	SK           string `dynamodbav:"SK"`
	Entity       string `dynamodbav:"entity"`
	TAT          int64  `dynamodbav:"tat,omitempty"`
	BlockedUntil int64  `dynamodbav:"blockedUntil,omitempty"`
	ExpiresAt    int64  `dynamodbav:"expiresAt"`
}

func newRateItem(k run.RateKey) rateItem {
	at := rateKey(k)
	return rateItem{PK: at.pk, SK: at.sk, Entity: entityRate}
}

func (i rateItem) state() run.RateState {
	return run.RateState{FullAt: rateTime(i.TAT), BlockedUntil: rateTime(i.BlockedUntil)}
}

// rateTime reads a stored number; 0 is an absent attribute.
func rateTime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// rateLife is how long a budget is kept after it was last used. By then it has
// long been full (run.RateRequest.Validate bounds that to a day), which is the
// same as absent.
const rateLife = 48 * time.Hour
