package memstore_test

import (
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
	t.Run("Stream", func(t *testing.T) {
		runtest.Stream(t, open, func(*testing.T) []run.RunChange { return store.Changes(0) })
	})
}
