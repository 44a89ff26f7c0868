package runtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"

	"tenantatlas/shared/run"
)

// OpenVault returns a vault over storage that may hold other tenants' values.
// decide is asked before each request with its name and whether it writes.
type OpenVault func(t *testing.T, decide func(operation string, writes bool) Fault) run.Vault

// contractErrors say that a call was not done; a fault must not look like one.
var contractErrors = []error{run.ErrNotFound, run.ErrTooLarge, run.ErrUnsealable, run.ErrConflict}

// Vault checks the contract of run.Vault.
func Vault(t *testing.T, open OpenVault) {
	var ids run.IDSource
	tenant := func() string { return ids.New(run.PrefixTenant, start) }
	pass := func(string, bool) Fault { return Pass }
	fingerprint := func(t *testing.T, v run.Vault, tenantID, value string) string {
		t.Helper()
		f, err := v.Fingerprint(t.Context(), tenantID, []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	seal := func(t *testing.T, v run.Vault, tenantID, name string, values run.SecretValues) {
		t.Helper()
		if err := v.Seal(t.Context(), tenantID, name, values); err != nil {
			t.Fatal(err)
		}
	}
	// opens checks what is sealed under a name, and shows no value if it is wrong.
	opens := func(t *testing.T, v run.Vault, tenantID, name string, want run.SecretValues) {
		t.Helper()
		got, err := v.Open(t.Context(), tenantID, name)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want) || got == nil {
			t.Errorf("%s: %d values of %d bytes came back as others, %d of %d", name, len(want), want.Size(), len(got), got.Size())
		}
	}
	name := run.Hash("content")
	some := run.SecretValues{"./Vendor/MSFT/WiFi/Profile": "secret-1", "password": "secret-2"}

	t.Run("values come back as they were", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for i, values := range []run.SecretValues{
			nil, {}, {"": ""}, {"k": ""}, {"": "v"}, some,
			{"Schlüssel ключ 鍵 🔑": "Wörter слова 語 e\u0301 \u00e9 \u2028"},
			{string(every): string(every), "\xff\xfe": "\xc3\x28", "a\x00b": "\x00", "a": "\x00\x00"},
			{"long": strings.Repeat("x", 127), "longer": strings.Repeat("y", 128), "longest": strings.Repeat("z", 70_000)},
			{"json": `{"a":"b"}`, "xml": "<a>&amp;</a>\r\n"},
		} {
			name := run.Hash("case", fmt.Sprint(i))
			seal(t, v, id, name, values)
			want := run.SecretValues{}
			maps.Copy(want, values)
			opens(t, v, id, name, want)
		}
	})
	t.Run("what comes back is the caller's own", func(t *testing.T) {
		v, id, values := open(t, pass), tenant(), maps.Clone(some)
		seal(t, v, id, name, values)
		values["password"] = "changed"
		got, err := v.Open(t.Context(), id, name)
		if err != nil {
			t.Fatal(err)
		}
		got["password"] = "changed"
		opens(t, v, id, name, some)
	})
	t.Run("a name is sealed once", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		seal(t, v, id, name, some)
		seal(t, v, id, name, some)
		seal(t, v, id, name, run.SecretValues{"other": "other"})
		opens(t, v, id, name, some)
		seal(t, v, id, name+"2", run.SecretValues{"other": "other"})
		opens(t, v, id, name+"2", run.SecretValues{"other": "other"})
		opens(t, v, id, name, some)
	})
	t.Run("many may seal the same at once", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		var wait sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wait.Go(func() { errs[i] = v.Seal(t.Context(), id, name, some) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		opens(t, v, id, name, some)
	})
	t.Run("tenants are apart", func(t *testing.T) {
		v, one, two := open(t, pass), tenant(), tenant()
		seal(t, v, one, name, some)
		for _, other := range []string{two, one + "1", one[:len(one)-1], "", "..", one + "/", "*", "*" + one} {
			if got, err := v.Open(t.Context(), other, name); !errors.Is(err, run.ErrNotFound) || got != nil {
				t.Errorf("tenant %q: %d values, %v", other, len(got), err)
			}
		}
		seal(t, v, two, name, run.SecretValues{"b": "b"})
		opens(t, v, one, name, some)
		opens(t, v, two, name, run.SecretValues{"b": "b"})
	})
	t.Run("a name that was never sealed is not found", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		seal(t, v, id, name, some)
		for _, bad := range []string{run.Hash("another"), name[1:], "", name + "x", strings.ToUpper(name), "/" + name, "../" + id + "/" + name, name + "\n", strings.Repeat("a", 129)} {
			if got, err := v.Open(t.Context(), id, bad); !errors.Is(err, run.ErrNotFound) || got != nil {
				t.Errorf("name %q: %d values, %v", bad, len(got), err)
			}
		}
	})
	t.Run("tenants and names that could be others are refused", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		for _, bad := range []string{"", ".", "..", "a/b", "a b", "a\n", "ü", "a\x00", strings.Repeat("a", 129)} {
			if err := v.Seal(t.Context(), bad, name, some); err == nil {
				t.Errorf("sealed for the tenant %q", bad)
			}
			if err := v.Seal(t.Context(), id, bad, some); err == nil {
				t.Errorf("sealed under the name %q", bad)
			}
			if f, err := v.Fingerprint(t.Context(), bad, []byte("v")); err == nil || f != "" {
				t.Errorf("a fingerprint for the tenant %q", bad)
			}
		}
		seal(t, v, id, strings.Repeat("a", 128), some)
		opens(t, v, id, strings.Repeat("a", 128), some)
	})
	t.Run("values too large are said so, and are not sealed", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		largest := run.SecretValues{"key": strings.Repeat("v", run.MaxSealedSize-3)}
		seal(t, v, id, name, largest)
		opens(t, v, id, name, largest)
		for what, values := range map[string]run.SecretValues{
			"one text":      {"key": strings.Repeat("v", run.MaxSealedSize-2)},
			"one key":       {strings.Repeat("k", run.MaxSealedSize+1): ""},
			"both together": {strings.Repeat("k", run.MaxSealedSize/2): strings.Repeat("v", run.MaxSealedSize/2), "x": ""},
		} {
			if err := v.Seal(t.Context(), id, "large", values); !errors.Is(err, run.ErrTooLarge) {
				t.Errorf("%s: error is %v", what, err)
			}
		}
		if _, err := v.Open(t.Context(), id, "large"); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("too large and there all the same: %v", err)
		}
		many := run.SecretValues{}
		for i := range 20_000 {
			many[fmt.Sprint(i)] = ""
		}
		seal(t, v, id, "many", many)
		opens(t, v, id, "many", many)
	})
	t.Run("equal values of a tenant have equal fingerprints, all others another", func(t *testing.T) {
		v, one, two := open(t, pass), tenant(), tenant()
		seen := map[string]string{}
		for _, id := range []string{one, two} {
			for _, value := range []string{"", "0", "1", "secret", "secret ", "Secret", "\x00", "\xff", strings.Repeat("x", 1<<20)} {
				f := fingerprint(t, v, id, value)
				if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f) {
					t.Errorf("%q is no fingerprint", f)
				}
				if before, there := seen[f]; there {
					t.Errorf("%s and a value of %d bytes of %s share a fingerprint", before, len(value), id)
				}
				seen[f] = fmt.Sprintf("a value of %d bytes of %s", len(value), id)
				if again := fingerprint(t, v, id, value); again != f {
					t.Errorf("%s has two fingerprints", seen[f])
				}
			}
		}
		other := open(t, pass)
		if fingerprint(t, other, one, "secret") != fingerprint(t, v, one, "secret") {
			t.Error("another process comes to another fingerprint")
		}
		// What anybody can calculate is none.
		for _, plain := range []string{run.Hash("secret"), run.Hash(one, "secret"), run.Hash(one + "secret")} {
			if _, there := seen[plain]; there {
				t.Error("a fingerprint takes no key")
			}
		}
	})
	t.Run("many may ask for fingerprints at once", func(t *testing.T) {
		v, ids := open(t, pass), []string{tenant(), tenant()}
		var wait sync.WaitGroup
		got := make([]string, 32)
		errs := make([]error, len(got))
		for i := range got {
			wait.Go(func() { got[i], errs[i] = v.Fingerprint(t.Context(), ids[i%2], []byte("secret")) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, f := range got {
			if f != got[i%2] || got[0] == got[1] {
				t.Errorf("fingerprint %d is another", i)
			}
		}
	})
	for _, fault := range []struct {
		name string
		kind Fault
	}{{"not done", Lose}, {"done but not answered", LoseAnswer}} {
		t.Run("a seal that was "+fault.name+" is done by a repeat", func(t *testing.T) {
			broken := &faults{}
			v, id := open(t, broken.decide), tenant()
			broken.arm(fault.kind, 1000)
			err := v.Seal(t.Context(), id, name, some)
			if err == nil || broken.count() == 0 {
				t.Fatalf("%d requests were broken, and the error is %v", broken.count(), err)
			}
			for _, contract := range contractErrors {
				if errors.Is(err, contract) {
					t.Errorf("a fault looks like %v", contract)
				}
			}
			shows(t, "error", err)
			got, err := v.Open(t.Context(), id, name)
			if done := err == nil && maps.Equal(got, some); done != (fault.kind == LoseAnswer) {
				t.Errorf("done is %v: %v", done, err)
			}
			seal(t, v, id, name, some)
			opens(t, v, id, name, some)
		})
	}
	t.Run("a caller whose time is over is told so", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, errFingerprint := v.Fingerprint(ctx, id, []byte("secret-1"))
		_, errOpen := v.Open(ctx, id, name)
		for what, err := range map[string]error{"Fingerprint": errFingerprint, "Seal": v.Seal(ctx, id, name, some), "Open": errOpen} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	t.Run("nothing that is printed shows a value", func(t *testing.T) {
		v, id := open(t, pass), tenant()
		seal(t, v, id, name, some)
		fingerprint(t, v, id, "secret-1")
		opened, err := v.Open(t.Context(), id, name)
		if err != nil {
			t.Fatal(err)
		}
		_, errMissing := v.Open(t.Context(), id, "secret-1")
		_, errTenant := v.Fingerprint(t.Context(), "secret-1/", []byte("secret-2"))
		for what, x := range map[string]any{
			"vault": v, "what holds a vault": struct{ V run.Vault }{v}, "values": opened, "a pointer to values": &opened,
			"what holds values": struct{ V run.SecretValues }{opened}, "a list of values": []run.SecretValues{opened},
			"missing": errMissing, "tenant": errTenant, "name": v.Seal(t.Context(), id, "secret-1/", some),
			"size": v.Seal(t.Context(), id, name, run.SecretValues{"secret-1": strings.Repeat("secret-2", run.MaxSealedSize/8)}),
		} {
			shows(t, what, x)
		}
	})
}

// shows fails when any way of printing shows a value or a key of those sealed.
func shows(t *testing.T, what string, x any) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %s %q %d", x, x, x, x, x, x)
	if encoded, err := json.Marshal(x); err == nil {
		text += string(encoded)
	}
	for _, secret := range []string{"secret-", "password", "Vendor", fmt.Sprintf("%x", "secret-"), fmt.Sprintf("%d", []byte("secret-"))[1:20]} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is printed with %q", what, secret)
		}
	}
}
