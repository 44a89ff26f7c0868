package runtest

import (
	"bytes"
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
// policy.capture_snapshot. receive waits for one message of an operation.
func Queue(t *testing.T, q run.Queue, receive func(*testing.T, run.Operation) run.Dispatch) {
	ids := run.IDSource{}
	dispatch := func(seq int) run.Dispatch {
		return run.Dispatch{V: run.DispatchVersion, TenantID: ids.New(run.PrefixTenant, start), RunID: ids.New(run.PrefixRun, start), DispatchSeq: seq}
	}
	t.Run("a dispatch reaches the operation's worker as it was sent", func(t *testing.T) {
		for _, op := range []run.Operation{run.OpInventorySync, run.OpCaptureSnapshot} {
			want := dispatch(7)
			if err := q.Send(t.Context(), op, want, 0); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, op); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	})
	t.Run("a delayed dispatch comes after its time", func(t *testing.T) {
		late, soon := dispatch(1), dispatch(2)
		if err := q.Send(t.Context(), run.OpInventorySync, late, 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := q.Send(t.Context(), run.OpInventorySync, soon, 0); err != nil {
			t.Fatal(err)
		}
		first, second := receive(t, run.OpInventorySync), receive(t, run.OpInventorySync)
		if first != soon || second != late {
			t.Errorf("first came %d, then %d", first.DispatchSeq, second.DispatchSeq)
		}
	})
	t.Run("what no worker would accept is not sent", func(t *testing.T) {
		good := dispatch(1)
		bad := []run.Dispatch{{}, {V: 2, TenantID: good.TenantID, RunID: good.RunID}, {V: 1, TenantID: "ten_x", RunID: good.RunID}, {V: 1, TenantID: good.TenantID, RunID: "run_x"}}
		for _, d := range bad {
			if err := q.Send(t.Context(), run.OpInventorySync, d, 0); err == nil {
				t.Errorf("%+v was sent", d)
			}
		}
		for _, delay := range []time.Duration{-time.Second, run.MaxDispatchDelay + time.Second} {
			if err := q.Send(t.Context(), run.OpInventorySync, good, delay); err == nil {
				t.Errorf("a delay of %s was accepted", delay)
			}
		}
		if err := q.Send(t.Context(), "unknown", good, 0); err == nil {
			t.Error("an unknown operation has a queue")
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
