package kmsvault

import (
	"context"
	"sync"
	"time"
)

// tenantKeys keeps the keys of fingerprints for a time, of a number of tenants.
// The time bounds how long a key that was disabled in KMS goes on to work here.
type tenantKeys struct {
	keepFor time.Duration
	most    int
	now     func() time.Time
	// deriving lets one caller at a time ask KMS: many that begin at once, as the
	// items of a slice do, want the same key.
	deriving chan struct{}

	mu   sync.Mutex
	kept map[string]*keptKey
}

type keptKey struct {
	key   [keySize]byte
	until time.Time
}

func newTenantKeys(o Options) *tenantKeys {
	return &tenantKeys{keepFor: o.KeepFor, most: o.KeepTenants, now: o.Now, deriving: make(chan struct{}, 1), kept: map[string]*keptKey{}}
}

// get returns a copy of the tenant's key, derived if it is not kept.
func (k *tenantKeys) get(ctx context.Context, tenantID string, derive func(context.Context, string) ([keySize]byte, error)) ([keySize]byte, error) {
	if err := ctx.Err(); err != nil {
		return [keySize]byte{}, err
	}
	if key, ok := k.find(tenantID); ok {
		return key, nil
	}
	select {
	case k.deriving <- struct{}{}:
		defer func() { <-k.deriving }()
	case <-ctx.Done():
		return [keySize]byte{}, ctx.Err()
	}
	if key, ok := k.find(tenantID); ok {
		return key, nil
	}
	key, err := derive(ctx, tenantID)
	if err == nil {
		k.keep(tenantID, key)
	}
	return key, err
}

// find looks a key up and forgets those whose time is over.
func (k *tenantKeys) find(tenantID string) (key [keySize]byte, ok bool) {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for tenant, kept := range k.kept {
		if !now.Before(kept.until) {
			k.forget(tenant)
		}
	}
	if kept := k.kept[tenantID]; kept != nil {
		return kept.key, true
	}
	return key, false
}

// keep keeps a key, in place of the oldest when there are too many.
func (k *tenantKeys) keep(tenantID string, key [keySize]byte) {
	until := k.now().Add(k.keepFor)
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.kept) >= k.most {
		oldest := ""
		for tenant, kept := range k.kept {
			if oldest == "" || kept.until.Before(k.kept[oldest].until) {
				oldest = tenant
			}
		}
		k.forget(oldest)
	}
	k.kept[tenantID] = &keptKey{key: key, until: until}
}

func (k *tenantKeys) forget(tenantID string) {
	clear(k.kept[tenantID].key[:])
	delete(k.kept, tenantID)
}
