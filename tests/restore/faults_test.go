package restore

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

var (
	allFaults  = flag.Bool("faults.all", false, "break every call in every way, not a sample")
	faultSeed  = flag.Uint64("faults.seed", 0, "of the sample; 0 draws one")
	oneFault   = flag.String("faults.one", "", `break only this: "graph write 7: 504, done"`)
	sampleSize = flag.Int("faults.sample", 6, "calls of each kind that a sample breaks")
)

// breakages are the ways in which the calls of each place are broken.
var breakages = map[string][]string{
	graphWrite: {lost, unanswered, unavailable, timedOut, halfAnswer, limited, limitedLong, refusedOnce, diesBefore, diesAfter},
	graphRead:  {down, limitedLong, diesBefore},
	storeWrite: {lost, unanswered, diesBefore, diesAfter},
	storeRead:  {lost},
	others:     {lost, unanswered, diesBefore, diesAfter},
}

// content is what a policy is.
type content struct {
	hash, assignments string
	objects           int // of the type and name
}

// contentsNow captures the tenant and says what is in it, by type and name.
func (s *small) contentsNow(name string) map[string]content {
	s.t.Helper()
	return s.contentsIn(s.backup(name), catalog.SameTenant)
}

func (s *small) contentsIn(setID string, mapping catalog.Mapping) map[string]content {
	s.t.Helper()
	found := map[string]content{}
	err := run.EachItem(s.t.Context(), s.store, tenantID, setID, func(i run.BackupItem) error {
		payload, err := s.archive.Get(s.t.Context(), tenantID, i.PayloadKey)
		if err != nil {
			return err
		}
		t, _ := catalog.ByID(i.Type)
		if payload, err = t.Map(withoutSets(payload), mapping); err != nil {
			return err
		}
		normal, err := t.NormalForm(payload)
		if err != nil {
			return err
		}
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(normal, &parts); err != nil {
			return err
		}
		hash, err := t.ContentHash(payload)
		if err != nil {
			return err
		}
		key := i.Type + "/" + i.Name
		assignments := string(parts[catalog.PartAssignments])
		if assignments == "[]" || assignments == "null" {
			assignments = ""
		}
		found[key] = content{hash, assignments, found[key].objects + 1}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// withoutSets leaves out the assignments that come and go with a policy set, which
// is an item of its own.
func withoutSets(payload []byte) []byte {
	doc, err := catalog.Decode(payload)
	if err != nil {
		return payload
	}
	list, _ := doc[catalog.PartAssignments].([]any)
	if list == nil {
		return payload
	}
	doc[catalog.PartAssignments] = slices.DeleteFunc(list, func(a any) bool {
		m, _ := a.(map[string]any)
		return m["source"] == "policySets"
	})
	if payload, err = json.Marshal(doc); err != nil {
		panic(err)
	}
	return payload
}

// baseline is what the restore does when nothing goes wrong.
type baseline struct {
	calls  map[string][]string
	done   map[string]int
	writes int
	before map[string]content
	// planned are the items, by type and name.
	planned map[string]bool
}

// Whatever goes wrong in a restore, once: it ends, it says of every item the truth,
// it makes nothing twice, and a re-run brings what failed to where it should be.
func TestEveryCallOfARestoreMayFail(t *testing.T) {
	sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}})
	var base baseline
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, sim)
		base.before = s.contentsNow("Changed")
		base = s.undisturbed(base)
	})
	if t.Failed() {
		return
	}
	faults := base.faults(t)
	var mu sync.Mutex
	next := 0
	began := time.Now()
	t.Run("broken", func(t *testing.T) {
		for n := range 2 {
			t.Run(fmt.Sprint("worker ", n), func(t *testing.T) {
				t.Parallel()
				sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}})
				for {
					mu.Lock()
					i := next
					next++
					mu.Unlock()
					if i >= len(faults) {
						return
					}
					t.Run(faults[i].String(), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { newSmall(t, sim).disturbed(base, faults[i]) })
					})
				}
			})
		}
	})
	t.Logf("%d faults in %s", len(faults), time.Since(began).Round(time.Millisecond))
}

// undisturbed restores and counts what that takes.
func (s *small) undisturbed(base baseline) baseline {
	s.t.Helper()
	p := s.preview(s.set)
	w := s.between()
	id := s.begin(restores, s.confirmed(p.ID))
	if !s.ends(id) {
		s.t.Fatal("it does not end")
	}
	base.calls, base.done, base.planned = w.calls, w.done, map[string]bool{}
	for _, o := range s.items(id) {
		base.planned[o.Type+"/"+o.Name] = true
	}
	for _, n := range w.done {
		base.writes += n
	}
	r := s.run(id)
	s.t.Logf("%s: %d items, %d writes, %d reads; %d writes and %d reads of the store, %d of archive, vault and queue", r.Sentence, r.Counts.Total,
		len(w.calls[graphWrite]), len(w.calls[graphRead]), len(w.calls[storeWrite]), len(w.calls[storeRead]), len(w.calls[others]))
	for label, n := range w.done {
		if n > 1 {
			s.t.Logf("%d times %s", n, label)
		}
	}
	if r.Status != "succeeded" {
		s.t.Errorf("%s\n%s", r.Sentence, s.outcomes(id, "failed", "skipped"))
	}
	s.truthful(base, id)
	return base
}

const restores = base + "/restores"

// disturbed restores while a call fails, and does again what failed.
func (s *small) disturbed(base baseline, f fault) {
	s.t.Helper()
	p := s.preview(s.set)
	w := s.between(f)
	id := s.begin(restores, s.confirmed(p.ID))
	if !s.ends(id) {
		s.t.Fatalf("it does not end in time: %s", s.run(id).Sentence)
	}
	if w.struck == 0 {
		s.t.Fatal("the call was never made")
	}
	after := s.truthful(base, id)
	if len(after) == 0 {
		s.frugal(base, w)
		return
	}
	w.fault = nil
	again := s.begin(s.path(id)+"/reruns", map[string]any{"which": "failed", "tenantName": tenantName, "reason": "again"})
	if !s.ends(again) {
		s.t.Fatalf("the re-run does not end in time: %s", s.run(again).Sentence)
	}
	s.t.Logf("not done: %v; again: %s", after, s.run(again).Sentence)
	if left := s.truthful(base, again); len(left) > 0 {
		s.t.Errorf("after the re-run there is left: %v\n%s", left, s.outcomes(again, "failed", "skipped"))
	}
	s.equal(base)
	s.frugal(base, w)
}

func (s *small) path(runID string) string { return base + "/runs/" + runID }

// truthful looks whether what a run says is so. It returns what it did not do, with the reasons.
func (s *small) truthful(base baseline, id string) map[string]string {
	s.t.Helper()
	r := s.run(id)
	items := s.items(id)
	counted := map[string]int{}
	for _, o := range items {
		counted[o.Status]++
	}
	if c := r.Counts; c.Total != len(items) || c.Succeeded != counted["succeeded"] || c.Failed != counted["failed"] || c.Skipped != counted["skipped"] {
		s.t.Errorf("%+v, but the outcomes are %v", c, counted)
	}
	want, now := s.contentsIn(s.set, s.successors), s.contentsNow("After "+id)
	for key, c := range now {
		if c.objects > max(want[key].objects, 1) {
			s.t.Errorf("%s is there %d times", key, c.objects)
		}
	}
	in, _ := s.store.Inspect(tenantID, id)
	audited := map[string]int{}
	for _, e := range in.Audit {
		for _, o := range e.Objects {
			audited[o.Type+"/"+o.Name]++
		}
	}
	left := map[string]string{}
	for _, o := range items {
		key := o.Type + "/" + o.Name
		switch {
		case o.Status == "succeeded":
			if now[key].hash != want[key].hash {
				s.t.Errorf("%s succeeded and is not as it was captured", key)
			}
		default:
			if left[key] = o.Code; o.Code == "" || o.Sentence == "" {
				s.t.Errorf("%s is %s and nobody says why", key, o.Status)
			}
			a := now[key].assignments
			if a != base.before[key].assignments && a != want[key].assignments && !partly[o.Code] {
				s.t.Errorf("%s is %s, and its assignments are neither those before nor those wanted: %s", key, o.Code, a)
			}
		}
		if wrote := o.Written != nil && o.Written.Steps > 0; wrote != (audited[key] == 1) || audited[key] > 1 {
			s.t.Errorf("%s was written: %v, %d audit events name it: %+v", key, wrote, audited[key], o)
		}
	}
	return left
}

// partly are outcomes that say that an item may have been done in part.
var partly = map[string]bool{"assignments_failed": true, "assignments_skipped": true, "step_failed": true, "outcome_unknown": true, "verification_failed": true}

// equal looks whether everything is as it was captured, and everything that was
// changed meanwhile is in the audit.
func (s *small) equal(base baseline) {
	s.t.Helper()
	want, now := s.contentsIn(s.set, s.successors), s.contentsNow("Equal")
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !base.planned[key] { // nobody was to touch it
			want[key] = base.before[key]
		}
		if now[key] != want[key] {
			s.t.Errorf("%s is %+v, want %+v", key, now[key], want[key])
		}
	}
	audited := map[string]bool{}
	for cursor := ""; ; {
		page, err := s.store.AuditEvents(s.t.Context(), run.AuditQuery{TenantID: tenantID, Event: run.AuditObjectsWritten, Now: s.clock.Now()}, run.PageRequest{Limit: 100, Cursor: cursor})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range page.Items {
			for _, o := range e.Objects {
				audited[o.Type+"/"+o.Name] = true
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for key, c := range now {
		if c.hash != base.before[key].hash && !audited[key] {
			s.t.Errorf("%s was written, and no audit event says so", key)
		}
	}
}

// frugal looks whether nothing was written more often than without the fault.
func (s *small) frugal(base baseline, w *world) {
	s.t.Helper()
	n := 0
	for _, times := range w.done {
		n += times
	}
	if n > base.writes {
		more := []string{}
		for label, times := range w.done {
			if times > base.done[label] && (times > 1 || strings.HasPrefix(label, "POST")) {
				more = append(more, fmt.Sprintf("%d times %s", times, label))
			}
		}
		s.t.Errorf("%d writes, without the fault %d: %v", n, base.writes, more)
	}
}

// faults are all, or a sample.
func (base baseline) faults(t *testing.T) []fault {
	t.Helper()
	seed := *faultSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(seed, 1))
	var all []fault
	for _, place := range slices.Sorted(maps.Keys(breakages)) {
		for _, kind := range breakages[place] {
			var of []fault
			for n, label := range base.calls[place] {
				f := fault{place: place, kind: kind, nth: n + 1}
				switch {
				case *oneFault != "" && f.String() != *oneFault:
				case place == others && (strings.Contains(label, "Get") || strings.Contains(label, "Open") || strings.Contains(label, "Fingerprint")) && kind != lost:
					// Done or not is the same for what only reads.
				default:
					of = append(of, f)
				}
			}
			if !*allFaults && *oneFault == "" {
				random.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
				of = of[:min(len(of), *sampleSize)]
			}
			all = append(all, of...)
		}
	}
	if !*allFaults {
		t.Logf("a sample, seed %d; -faults.all takes all", seed)
	}
	return all
}
