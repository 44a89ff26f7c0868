package runtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantatlas/shared/run"
)

// Archive checks the contract of run.Archive. largest is the largest payload that the
// archive accepts.
func Archive(t *testing.T, a run.Archive, largest int) {
	const tenant = "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	put := func(t *testing.T, tenantID string, payload []byte) string {
		t.Helper()
		key, err := a.Put(t.Context(), tenantID, payload)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	t.Run("a payload comes back as it was", func(t *testing.T) {
		for _, payload := range [][]byte{nil, {}, []byte(`{"a":1}`), bytes.Repeat([]byte("x"), largest), {0, 1, 0xff}} {
			got, err := a.Get(t.Context(), tenant, put(t, tenant, payload))
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%d bytes came back as %d, %v", len(payload), len(got), err)
			}
		}
	})
	t.Run("equal content has an equal key, other content and tenants another", func(t *testing.T) {
		one := put(t, tenant, []byte("one"))
		if again := put(t, tenant, []byte("one")); again != one {
			t.Errorf("keys %s and %s", one, again)
		}
		if other := put(t, tenant, []byte("two")); other == one {
			t.Error("two payloads share a key")
		}
		if other := put(t, tenant+"1", []byte("one")); other == one {
			t.Error("two tenants share a key")
		}
	})
	t.Run("many may store the same at once", func(t *testing.T) {
		var wait sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wait.Go(func() { _, errs[i] = a.Put(t.Context(), tenant, []byte("at once")) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
	t.Run("a key of another tenant is not found", func(t *testing.T) {
		key := put(t, tenant, []byte("mine"))
		for _, other := range []string{tenant + "1", tenant[:len(tenant)-1], "", "..", tenant + "/", "*"} {
			if _, err := a.Get(t.Context(), other, key); !errors.Is(err, run.ErrNotFound) {
				t.Errorf("tenant %q: %v", other, err)
			}
		}
		for _, bad := range []string{"", "x", key + "x", "/" + key, strings.ToUpper(key), "t/../" + key, strings.Replace(key, "/sha256/", "/../"+tenant+"/sha256/", 1)} {
			if _, err := a.Get(t.Context(), tenant, bad); !errors.Is(err, run.ErrNotFound) {
				t.Errorf("key %q: %v", bad, err)
			}
		}
		for _, bad := range []string{"", "a/b", "..", "a b"} {
			if _, err := a.Put(t.Context(), bad, []byte("x")); err == nil {
				t.Errorf("tenant %q was accepted", bad)
			}
		}
	})
	t.Run("a payload that was never stored is not found", func(t *testing.T) {
		key := put(t, tenant, []byte("stored"))
		missing := key[:len(key)-len("00.json.gz")] + "00.json.gz"
		if missing == key {
			missing = key[:len(key)-len("00.json.gz")] + "01.json.gz"
		}
		if _, err := a.Get(t.Context(), tenant, missing); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("a payload too large is said so", func(t *testing.T) {
		if _, err := a.Put(t.Context(), tenant, make([]byte, largest+1)); !errors.Is(err, run.ErrTooLarge) {
			t.Errorf("error is %v", err)
		}
	})
}

// Queue checks the contract of run.Queue for inventory.sync and
// policy.capture_snapshot. receive waits for one message of an operation and
// acknowledges it. What the queue may do is taken as it comes: a message may come
// again, and in any order. The queues must hold nothing from before.
func Queue(t *testing.T, q run.Queue, receive func(*testing.T, run.Operation) run.Dispatch) {
	operations := []run.Operation{run.OpInventorySync, run.OpCaptureSnapshot}
	ids := run.IDSource{}
	dispatch := func(seq int) run.Dispatch {
		return run.Dispatch{V: run.DispatchVersion, TenantID: ids.New(run.PrefixTenant, start), RunID: ids.New(run.PrefixRun, start), DispatchSeq: seq}
	}
	// due is when the messages that were sent may come, per operation.
	due := map[run.Operation]map[run.Dispatch]time.Time{}
	for _, op := range operations {
		due[op] = map[run.Dispatch]time.Time{}
	}
	send := func(t *testing.T, op run.Operation, d run.Dispatch, delay time.Duration) {
		t.Helper()
		due[op][d] = time.Now().Add(delay) // read before it is sent, so no right queue is early
		if err := q.Send(t.Context(), op, d, delay); err != nil {
			t.Fatal(err)
		}
	}
	// await receives until all of want came.
	await := func(t *testing.T, op run.Operation, want ...run.Dispatch) {
		t.Helper()
		missing := map[run.Dispatch]bool{}
		for _, d := range want {
			missing[d] = true
		}
		for len(missing) > 0 {
			got := receive(t, op)
			at, sent := due[op][got]
			if !sent {
				t.Fatalf("%s got %+v, which nobody sent there", op, got)
			}
			if early := time.Until(at); early > 0 {
				t.Errorf("%s got run %s %s before its time", op, got.RunID, early)
			}
			delete(missing, got)
		}
	}
	t.Run("a dispatch reaches the operation's worker as it was sent", func(t *testing.T) {
		for _, op := range operations {
			plain, scheduled := dispatch(0), dispatch(7)
			scheduled.Scheduled = true
			for _, d := range []run.Dispatch{plain, scheduled} {
				send(t, op, d, 0)
				await(t, op, d)
			}
		}
	})
	t.Run("every dispatch comes, also of many that are sent at once", func(t *testing.T) {
		const each = 24
		var (
			wait sync.WaitGroup
			errs = make([]error, len(operations)*each)
			sent = map[run.Operation][]run.Dispatch{}
		)
		for i := range errs {
			op, d := operations[i%len(operations)], dispatch(i)
			if i%4 < 2 && i > 4 {
				d.TenantID = sent[op][0].TenantID // one tenant has many
			}
			sent[op] = append(sent[op], d)
			due[op][d] = time.Now()
			wait.Go(func() { errs[i] = q.Send(t.Context(), op, d, 0) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, op := range operations {
			await(t, op, sent[op]...)
		}
	})
	t.Run("the same dispatch can be sent again", func(t *testing.T) {
		d := dispatch(3)
		for range 3 { // as a sweep does after a lost message: each is looked at
			send(t, run.OpInventorySync, d, 0)
			await(t, run.OpInventorySync, d)
		}
	})
	t.Run("a delayed dispatch comes, and not before its time", func(t *testing.T) {
		late, soon, now := dispatch(1), dispatch(2), dispatch(3)
		send(t, run.OpInventorySync, late, 1500*time.Millisecond)
		send(t, run.OpInventorySync, soon, time.Millisecond)
		send(t, run.OpInventorySync, now, 0)
		await(t, run.OpInventorySync, now, soon, late)
	})
	t.Run("the longest delay is accepted", func(t *testing.T) {
		send(t, run.OpInventorySync, dispatch(1), run.MaxDispatchDelay)
		now := dispatch(2)
		send(t, run.OpInventorySync, now, 0)
		await(t, run.OpInventorySync, now)
	})
	t.Run("what no worker would accept is not sent", func(t *testing.T) {
		good := dispatch(1)
		for name, spoil := range map[string]func(*run.Dispatch){
			"nothing":             func(d *run.Dispatch) { *d = run.Dispatch{} },
			"no version":          func(d *run.Dispatch) { d.V = 0 },
			"another version":     func(d *run.Dispatch) { d.V = run.DispatchVersion + 1 },
			"no tenant":           func(d *run.Dispatch) { d.TenantID = "" },
			"a tenant of no form": func(d *run.Dispatch) { d.TenantID = "ten_x" },
			"no run":              func(d *run.Dispatch) { d.RunID = "" },
			"a run of no form":    func(d *run.Dispatch) { d.RunID = "run_x" },
			"a tenant as a run":   func(d *run.Dispatch) { d.RunID = d.TenantID },
			"a negative sequence": func(d *run.Dispatch) { d.DispatchSeq = -1 },
		} {
			d := good
			spoil(&d)
			if err := q.Send(t.Context(), run.OpInventorySync, d, 0); err == nil {
				t.Errorf("%s: %+v was sent", name, d)
			}
		}
		for _, delay := range []time.Duration{-1, -time.Second, run.MaxDispatchDelay + 1, run.MaxDispatchDelay + time.Second} {
			if err := q.Send(t.Context(), run.OpInventorySync, good, delay); err == nil {
				t.Errorf("a delay of %s was accepted", delay)
			}
		}
		for _, op := range []run.Operation{"", "unknown"} {
			if err := q.Send(t.Context(), op, good, 0); err == nil {
				t.Errorf("operation %q has a queue", op)
			}
		}
		// One that was sent all the same most likely comes before these.
		for _, op := range operations {
			marker := dispatch(9)
			send(t, op, marker, 0)
			await(t, op, marker)
		}
	})
	t.Run("a caller whose time is over is told so", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := dispatch(1)
		due[run.OpInventorySync][d] = time.Now() // it may be delivered all the same
		if err := q.Send(ctx, run.OpInventorySync, d, 0); err == nil {
			t.Error("no error")
		}
	})
}

// Credentials checks the contract of run.Credentials.
func Credentials(t *testing.T, s run.Credentials) {
	const tenant = "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	want := []run.Credential{
		{Kind: run.CredentialClientSecret, ClientSecret: "first \"quoted\" ü"},
		{Kind: run.CredentialClientSecret, ClientSecret: "second"},
		{Kind: run.CredentialCertificate, Certificate: []byte("-----BEGIN CERTIFICATE-----\nAA==\n")},
		{Kind: run.CredentialClientSecret, ClientSecret: "first \"quoted\" ü"}, // back to an earlier one
	}
	t.Run("the last credential stored is the one read", func(t *testing.T) {
		refs := map[string]bool{}
		for _, c := range want {
			ref, err := s.PutCredential(t.Context(), tenant, c)
			if err != nil {
				t.Fatal(err)
			}
			refs[ref] = true
			got, err := s.Credential(t.Context(), ref)
			if err != nil || got.Kind != c.Kind || got.ClientSecret != c.ClientSecret || !bytes.Equal(got.Certificate, c.Certificate) {
				t.Errorf("a %s came back as a %s, or changed: %v", c.Kind, got.Kind, err)
			}
		}
		if len(refs) != 1 {
			t.Errorf("one tenant has %d references", len(refs))
		}
	})
	t.Run("tenants are apart", func(t *testing.T) {
		a, err := s.PutCredential(t.Context(), tenant, want[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.PutCredential(t.Context(), tenant+"1", want[1])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Credential(t.Context(), a); err != nil || a == b || got.ClientSecret != want[0].ClientSecret {
			t.Errorf("references %s and %s: %v", a, b, err)
		}
	})
	t.Run("a reference that names nothing is not found", func(t *testing.T) {
		ref, err := s.PutCredential(t.Context(), tenant, want[0])
		if err != nil {
			t.Fatal(err)
		}
		missing := strings.Replace(ref, tenant, "ten_none", 1)
		if _, err := s.Credential(t.Context(), missing); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("error is %v", err)
		}
	})
}
