package memstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"sync"

	"tenantatlas/shared/run"
)

// Vault implements run.Vault. The zero value is ready. It keeps values in clear
// and its key is no secret: it is for tests. Fingerprints are the same in every
// vault, so that a test comes to the same hashes each time.
type Vault struct {
	// Hook, when set, is called as that of a Store.
	Hook func(method string, done bool) error

	mu     sync.Mutex
	sealed map[[2]string]run.SecretValues
	seals  int
}

var _ run.Vault = (*Vault)(nil)

var reVaultName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// Format hides the values from all formatting verbs.
func (*Vault) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[vault]") }

// Seals is the number of names under which values were sealed.
func (v *Vault) Seals() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seals
}

// call runs one call under the lock, with the hook around it.
func (v *Vault) call(ctx context.Context, method string, effect func() error) error {
	return hooked(ctx, v.Hook, method, &v.mu, effect)
}

// Fingerprint implements run.Vault.
func (v *Vault) Fingerprint(ctx context.Context, tenantID string, value []byte) (string, error) {
	var fingerprint string
	err := v.call(ctx, "Fingerprint", func() error {
		if !run.ValidSegment(tenantID) {
			return errors.New("fingerprint: no tenant has such an id")
		}
		mac := hmac.New(sha256.New, []byte("memstore of "+tenantID))
		_, _ = mac.Write(value) // never fails
		fingerprint = hex.EncodeToString(mac.Sum(nil))
		return nil
	})
	if err != nil {
		return "", err
	}
	return fingerprint, nil
}

// Seal implements run.Vault.
func (v *Vault) Seal(ctx context.Context, tenantID, name string, values run.SecretValues) error {
	return v.call(ctx, "Seal", func() error {
		switch {
		case !run.ValidSegment(tenantID) || !reVaultName.MatchString(name):
			return errors.New("seal: tenant or name cannot be part of a key")
		case values.Size() > run.MaxSealedSize:
			return run.ErrTooLarge
		}
		key := [2]string{tenantID, name}
		if v.sealed == nil {
			v.sealed = map[[2]string]run.SecretValues{}
		}
		if _, there := v.sealed[key]; !there {
			kept := run.SecretValues{}
			maps.Copy(kept, values)
			v.sealed[key] = kept
			v.seals++
		}
		return nil
	})
}

// Open implements run.Vault.
func (v *Vault) Open(ctx context.Context, tenantID, name string) (run.SecretValues, error) {
	var values run.SecretValues
	err := v.call(ctx, "Open", func() error {
		kept, there := v.sealed[[2]string{tenantID, name}]
		if !there {
			return run.ErrNotFound
		}
		values = maps.Clone(kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}
