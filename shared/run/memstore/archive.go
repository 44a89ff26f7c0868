package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"tenantatlas/shared/run"
)

// Archive implements run.Archive. The zero value is ready.
type Archive struct {
	mu       sync.Mutex
	payloads map[string][]byte
	Puts     int // payloads stored; equal content counts once
}

var _ run.Archive = (*Archive)(nil)

// Put implements run.Archive.
func (a *Archive) Put(ctx context.Context, tenantID string, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(payload)
	key := "t/" + tenantID + "/" + hex.EncodeToString(sum[:])
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.payloads == nil {
		a.payloads = map[string][]byte{}
	}
	if _, there := a.payloads[key]; !there {
		a.payloads[key] = bytes.Clone(payload)
		a.Puts++
	}
	return key, nil
}

// Get implements run.Archive.
func (a *Archive) Get(ctx context.Context, tenantID, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	payload, ok := a.payloads[key]
	if !ok || !strings.HasPrefix(key, "t/"+tenantID+"/") {
		return nil, run.ErrNotFound
	}
	return bytes.Clone(payload), nil
}
