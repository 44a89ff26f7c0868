package memstore

import (
	"slices"
	"strings"

	"tenantatlas/shared/run"
)

// Inspection is everything that is stored about one run, at one instant.
type Inspection struct {
	Run           run.Run
	Plan          []run.Item
	Chunks        []run.Chunk
	Lock          run.Lock // of the run's key, whoever holds it
	Audit         []run.AuditEvent
	Notifications []run.Notification
	Unnotified    bool // listed by Unnotified
}

// Inspect returns what is stored about a run, past the hook and past every fault.
// The answer must not be changed: it shares memory with the store.
func (s *Store) Inspect(tenantID, runID string) (Inspection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{tenantID, runID}
	r, ok := s.runs[key]
	if !ok {
		return Inspection{}, false
	}
	in := Inspection{
		Run: copyRun(r), Plan: s.plans[key], Chunks: s.chunks[key],
		Lock: s.locks[[2]string{tenantID, r.KeyHash}], Unnotified: s.unnotified[key],
	}
	for _, e := range s.audit {
		if e.TenantID == tenantID && e.RunID == runID {
			in.Audit = append(in.Audit, e)
		}
	}
	slices.SortFunc(in.Audit, func(a, b run.AuditEvent) int { return strings.Compare(auditKey(a), auditKey(b)) })
	for _, n := range s.notifications {
		if n.TenantID == tenantID && n.RunID == runID {
			in.Notifications = append(in.Notifications, n)
		}
	}
	slices.SortFunc(in.Notifications, func(a, b run.Notification) int {
		return strings.Compare(string(a.Kind)+stamp(a.At)+a.UserID, string(b.Kind)+stamp(b.At)+b.UserID)
	})
	return in, true
}
