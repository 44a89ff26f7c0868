package operation_test

import (
	"errors"
	"strings"
	"testing"

	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/graphsim"
)

// newSecretBed is a bed whose application may read secret values, with the policy
// that has some.
func newSecretBed(t *testing.T) (*bed, run.Policy) {
	t.Helper()
	b := newBed(t, graphsim.TenantSpec{Builtin: "contoso", Apps: []graphsim.App{{
		ClientID: clientID, Secrets: []graphsim.Secret{{Value: canary}}, Permissions: append(allRead(), graphsim.PermConfigurationReadWrite),
	}}})
	return b, b.customProfile()
}

// sealed says that every version of the policy has its secret values in the vault,
// and in its payload none.
// It returns how many versions there are.
func (b *bed) sealed(p run.Policy) int {
	b.t.Helper()
	for n := 1; ; n++ {
		v, err := b.store.Version(b.t.Context(), tenantID, p.ID, n)
		if errors.Is(err, run.ErrNotFound) {
			return n - 1
		}
		if err != nil {
			b.t.Fatal(err)
		}
		hook := b.vault.Hook
		b.vault.Hook = nil
		values, err := b.vault.Open(b.t.Context(), tenantID, v.ContentHash)
		b.vault.Hook = hook
		if err != nil || len(values) != 2 {
			b.t.Errorf("version %d has %d sealed values, %v", n, len(values), err)
		}
		payload, err := b.archive.Get(b.t.Context(), tenantID, v.PayloadKey)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, value := range values {
			if strings.Contains(string(payload), value) {
				b.t.Errorf("a secret of version %d shows in its payload", n)
			}
		}
	}
}

// silent says that no secret value shows in logs and records.
func (b *bed) silent(secrets ...string) {
	b.t.Helper()
	dump := b.logs.String() + b.store.Dump()
	if !strings.Contains(dump, string(run.OpCaptureSnapshot)) {
		b.t.Error("the search looks at nothing")
	}
	for _, secret := range append(secrets, wirelessKey, layout, "canary-layout") {
		if strings.Contains(dump, secret) {
			b.t.Errorf("%.30s shows in logs or records", secret)
		}
	}
}

// A vault or a store that fails, before it did its work or after it, delays the
// capture. At no time is there a version without its sealed values.
func TestFailuresAroundTheVault(t *testing.T) {
	for _, method := range []string{"Fingerprint", "Seal", "AddVersion"} {
		for when, afterwards := range map[string]bool{"before": false, "after": true} {
			t.Run(method+" "+when, func(t *testing.T) {
				b, p := newSecretBed(t)
				failing := true
				hook := func(m string, done bool) error {
					if failing && m == method && done == afterwards {
						return errors.New("no answer")
					}
					return nil
				}
				b.vault.Hook, b.store.Hook = hook, hook
				r := b.start(start.Request{Operation: run.OpCaptureSnapshot, PolicyID: p.ID})
				b.deliver()
				waiting, err := b.store.Run(t.Context(), tenantID, r.ID)
				if err != nil || waiting.Status.Terminal() || waiting.Waiting == nil || len(b.queue.sent) != 1 {
					t.Fatalf("%s, waiting %+v, %v", waiting.Status, waiting.Waiting, err)
				}
				stored := b.sealed(p)
				if acknowledged := method == "AddVersion" && afterwards; stored > 0 && !acknowledged {
					t.Errorf("%d versions are stored", stored)
				}
				failing = false
				b.drain()
				ended, outcomes := b.ended(r.ID)
				if ended.Status != run.StatusSucceeded || outcomes[0].Version != 1 || b.sealed(p) != 1 {
					t.Errorf("ended %s, %+v, %d versions", ended.Status, outcomes[0], b.sealed(p))
				}
				b.silent()
			})
		}
	}
}

// A vault that stays away ends the run after some attempts, with nothing stored.
func TestVaultThatStaysAway(t *testing.T) {
	for _, method := range []string{"Fingerprint", "Seal"} {
		t.Run(method, func(t *testing.T) {
			b, p := newSecretBed(t)
			b.vault.Hook = func(m string, _ bool) error {
				if m == method {
					return errors.New("no answer")
				}
				return nil
			}
			r, _ := b.capture(p)
			if r.Status != run.StatusFailed || code(r.Failure) != "stuck" {
				t.Errorf("ended %s with %s", r.Status, code(r.Failure))
			}
			b.nothingStored(p)
			b.silent()
		})
	}
}

// More secret values than are sealed at once are a policy that is too large: the
// run says so at once, since no repetition helps, and keeps nothing.
func TestSecretsThatAreTooLarge(t *testing.T) {
	b, p := newSecretBed(t)
	large := strings.Repeat("canary-large-51c7 ", run.MaxSealedSize/18+1)
	if err := b.sim.SetSecret(graphID, wirelessReference, large); err != nil {
		t.Fatal(err)
	}
	r, o := b.capture(p)
	if r.Status != run.StatusFailed || o.Code != "too_large" || o.Failure.Params["size"] == "" || r.Attempts > 1 {
		t.Errorf("ended %s, %+v, %d attempts", r.Status, o, r.Attempts)
	}
	b.nothingStored(p)
	b.silent("canary-large-51c7")
	// One that fits is captured.
	if err := b.sim.SetSecret(graphID, wirelessReference, large[:run.MaxSealedSize/2]); err != nil {
		t.Fatal(err)
	}
	if r, o := b.capture(p); r.Status != run.StatusSucceeded || o.Version != 1 || b.sealed(p) != 1 {
		t.Errorf("ended %s, %+v", r.Status, o)
	}
}

// Secret values that did not change are sealed once, and a changed one beside the
// old: versions keep what they were captured with.
func TestOldVersionsKeepTheirSecrets(t *testing.T) {
	b, p := newSecretBed(t)
	b.capture(p)
	b.capture(p)
	if b.vault.Seals() != 1 {
		t.Errorf("sealed %d times", b.vault.Seals())
	}
	if err := b.sim.SetSecret(graphID, wirelessReference, "another key"); err != nil {
		t.Fatal(err)
	}
	b.capture(p)
	if b.sealed(p) != 2 || b.version(p, 1).ContentHash == b.version(p, 2).ContentHash {
		t.Errorf("%d versions", b.sealed(p))
	}
	for number, want := range map[int]string{1: wirelessKey, 2: "another key"} {
		values, err := b.vault.Open(t.Context(), tenantID, b.version(p, number).ContentHash)
		found := false
		for _, v := range values {
			found = found || strings.Contains(v, want)
		}
		if err != nil || !found {
			t.Errorf("version %d does not open to its own values, %v", number, err)
		}
	}
}

// An answer without the value, or with something else in its place, is no value.
func TestAnswerWithoutASecret(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"refused":   {Status: 403},
		"not there": {Status: 404},
		"rejected":  {Status: 400, Extra: "canary-of-an-error"},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := newSecretBed(t)
			fault.Path = "getOmaSettingPlainTextValue"
			b.fault(fault)
			r, o := b.capture(p)
			v := b.version(p, 1)
			if r.Status != run.StatusPartial || o.Code != "unreadable_part" || v.Complete || len(v.Notes) != 2 || b.vault.Seals() != 0 || b.payload(p, 1)["secrets"] != nil {
				t.Errorf("ended %s, item %s, complete %t, notes %v", r.Status, o.Code, v.Complete, v.Notes)
			}
			b.silent("canary-of-an-error")
		})
	}
}
