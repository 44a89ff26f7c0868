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
	sampleSize = flag.Int("faults.sample", 3, "calls of each kind that a sample breaks")
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
		// Those of a policy set come and go with the set, which is an item of its own.
		if payload, err = catalog.OwnAssignments(payload); err != nil {
			return err
		}
		if payload, err = t.Map(payload, mapping); err != nil {
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
	base := measured(t, graphsim.TenantSpec{})
	faults := base.faults()
	side(t, len(faults), func(i int) string { return faults[i].String() }, func(t *testing.T, sim *graphsim.Sim, i int) {
		newSmall(t, sim, graphsim.TenantSpec{}).disturbed(base, faults[i])
	})
}

// slow is a tenant whose lists lag behind by more than a worker looks for what it
// made, though by less than it takes to notice that a worker died.
var slow = graphsim.TenantSpec{ListLagMs: 25_000}

// What was made and is not shown yet is not made twice: the run says that it does
// not know, and its re-run finds it.
func TestCreateThatListsDoNotShow(t *testing.T) {
	base := measured(t, slow)
	var faults []fault
	for n, label := range base.calls[graphWrite] {
		method, path, _ := strings.Cut(label, " ")
		creates := slices.ContainsFunc(catalog.All(), func(t catalog.Type) bool { return t.CreateCall.Method == method && t.CreateCall.Path == path })
		for _, kind := range []string{unanswered, timedOut, diesBefore, diesAfter} {
			if creates {
				faults = append(faults, fault{graphWrite, kind, n + 1})
			}
		}
	}
	faults = some(faults, 4**sampleSize)
	side(t, len(faults), func(i int) string { return faults[i].String() }, func(t *testing.T, sim *graphsim.Sim, i int) {
		newSmall(t, sim, slow).disturbed(base, faults[i])
	})
}

// Several things go wrong at once, with several items at work.
func TestManyCallsOfARestoreFail(t *testing.T) {
	base := measured(t, graphsim.TenantSpec{})
	n := 4 * *sampleSize
	if *allFaults {
		n *= 20
	}
	first := seed()
	side(t, n, func(i int) string { return fmt.Sprint("seed ", first+uint64(i)) }, func(t *testing.T, sim *graphsim.Sim, i int) {
		random := rand.New(rand.NewPCG(first+uint64(i), 2))
		var faults []fault
		for range 2 + random.IntN(8) {
			places := slices.Sorted(maps.Keys(breakages))
			place := places[random.IntN(len(places))]
			kinds := breakages[place]
			faults = append(faults, fault{place, kinds[random.IntN(len(kinds))], 1 + random.IntN(len(base.calls[place])*3/2)})
		}
		s := newSmall(t, sim, graphsim.TenantSpec{})
		s.limits.Concurrency = 4
		s.ruined(base, faults)
	})
}

// measured restores without a fault.
func measured(t *testing.T, spec graphsim.TenantSpec) baseline {
	t.Helper()
	t.Logf("-faults.seed=%d", seed())
	sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}})
	var base baseline
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, sim, spec)
		base.before = s.contentsNow("Changed")
		base = s.undisturbed(base)
	})
	if t.Failed() {
		t.FailNow()
	}
	return base
}

// side plays cases side by side, each in a tenant and a time of its own.
func side(t *testing.T, cases int, name func(i int) string, play func(*testing.T, *graphsim.Sim, int)) {
	t.Helper()
	var mu sync.Mutex
	next := 0
	began := time.Now()
	t.Run("side", func(t *testing.T) {
		for n := range 2 {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				sim := graphsim.StartTest(t, graphsim.Options{Quotas: []graphsim.Quota{}})
				for {
					mu.Lock()
					i := next
					next++
					mu.Unlock()
					if i >= cases {
						return
					}
					t.Run(name(i), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { play(t, sim, i) })
					})
				}
			})
		}
	})
	t.Logf("%d cases in %s", cases, time.Since(began).Round(time.Millisecond))
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

// ruined restores while much fails, and does again what failed until nothing is left.
func (s *small) ruined(base baseline, faults []fault) {
	s.t.Helper()
	s.t.Log(faults)
	p := s.preview(s.set)
	w := s.between(faults...)
	id := s.begin(restores, s.confirmed(p.ID))
	for n := 0; ; n++ {
		if !s.ends(id) {
			s.t.Fatalf("it does not end in time: %s", s.run(id).Sentence)
		}
		left := s.truthful(base, id)
		r := s.run(id)
		s.t.Logf("%d faults struck: %s %v", w.struck, r.Sentence, left)
		if len(left) == 0 && r.Status == "succeeded" {
			break
		}
		if n == 3 {
			s.t.Fatalf("it never is done\n%s", s.outcomes(id, "failed", "skipped"))
		}
		if w.fault = nil; len(left) == 0 {
			s.t.Fatalf("nothing is left and it is %s", r.Sentence)
		}
		id = s.begin(s.path(id)+"/reruns", map[string]any{"which": "failed", "tenantName": tenantName, "reason": "again"})
	}
	s.equal(base)
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
		if o.Status == "succeeded" {
			if now[key].hash != want[key].hash {
				s.t.Errorf("%s succeeded and is not as it was captured", key)
			}
		} else {
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
		page, err := s.store.AuditEvents(s.t.Context(), run.AuditQuery{TenantID: tenantID, Events: []string{run.AuditObjectsWritten}, Now: s.clock.Now()}, run.PageRequest{Limit: 100, Cursor: cursor})
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

// seed is that of the samples.
func seed() uint64 {
	if *faultSeed == 0 {
		*faultSeed = 1 + rand.Uint64N(1_000_000)
	}
	return *faultSeed
}

// some are all, or a sample.
func some(of []fault, n int) []fault {
	switch {
	case *oneFault != "":
		return slices.DeleteFunc(of, func(f fault) bool { return f.String() != *oneFault })
	case *allFaults:
		return of
	}
	random := rand.New(rand.NewPCG(seed(), 1))
	random.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:min(len(of), n)]
}

// faults are those that break every call in every way, or a sample of each.
func (base baseline) faults() []fault {
	var all []fault
	for _, place := range slices.Sorted(maps.Keys(breakages)) {
		for _, kind := range breakages[place] {
			var of []fault
			for n, label := range base.calls[place] {
				// What is assigned one by one is halfway longest.
				if strings.Contains(label, "windowsAutopilotDeploymentProfiles/") && place == graphWrite && !*allFaults && *oneFault == "" && (kind == diesAfter || kind == refusedOnce) {
					all = append(all, fault{place, kind, n + 1})
					continue
				}
				// Done or not is the same for what only reads.
				if reads := strings.Contains(label, "Get") || strings.Contains(label, "Open") || strings.Contains(label, "Fingerprint"); place != others || !reads || kind == lost {
					of = append(of, fault{place, kind, n + 1})
				}
			}
			all = append(all, some(of, *sampleSize)...)
		}
	}
	return all
}
