package memstore_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/memstore"
	"tenantatlas/shared/run/runtest"
)

// The store that other tests stand on keeps the same contracts as the real one.
func TestConformance(t *testing.T) {
	store := memstore.New()
	open := func(*testing.T, func(string, bool) runtest.Fault) runtest.Store { return store }
	t.Run("Tenants", func(t *testing.T) { runtest.Tenants(t, open) })
	t.Run("Runs", func(t *testing.T) { runtest.Runs(t, open) })
	t.Run("Policies", func(t *testing.T) { runtest.Policies(t, open) })
	t.Run("Records", func(t *testing.T) { runtest.Records(t, open) })
	t.Run("Rates", func(t *testing.T) { runtest.Rates(t, open) })
	t.Run("BackupSets", func(t *testing.T) { runtest.BackupSets(t, open) })
	t.Run("Schedules", func(t *testing.T) { runtest.Schedules(t, open) })
	t.Run("Drifts", func(t *testing.T) { runtest.Drifts(t, open) })
	t.Run("Summaries", func(t *testing.T) { runtest.Summaries(t, open) })
	t.Run("SavedFilters", func(t *testing.T) { runtest.SavedFilters(t, open) })
	t.Run("Stream", func(t *testing.T) {
		runtest.Stream(t, open, func(*testing.T) []run.RunChange { return store.Changes(0) })
	})
}

// The vault that other tests stand on keeps the same contract as the real one.
func TestVaultConformance(t *testing.T) {
	var shared memstore.Vault
	runtest.Vault(t, func(_ *testing.T, decide func(string, bool) runtest.Fault) run.Vault {
		var lost atomic.Bool // the answer of the call that takes effect now
		shared.Hook = func(method string, done bool) error {
			if done {
				if lost.Swap(false) {
					return errors.New("the answer was lost")
				}
				return nil
			}
			switch decide(method, method == "Seal") {
			case runtest.Lose:
				return errors.New("the request was lost")
			case runtest.LoseAnswer:
				lost.Store(true)
			}
			return nil
		}
		return &shared
	})
}
