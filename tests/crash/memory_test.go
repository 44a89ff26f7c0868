package crash

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/run"
	"tenantatlas/shared/start"
	"tenantatlas/tests/figures"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/lambdaruntime"
)

var figuresFile = flag.String("figures", "", "keep what is measured in this `file`")

// maxMemory is what a function may hold, whatever the size of the tenant.
const maxMemory = 128 << 20

// The memory of a worker is bounded by what it works on and not by the tenant:
// the real binaries sync 5,000 policies, and capture dozens of them after it, the
// largest that are stored among them.
func TestMemoryOfALargeTenant(t *testing.T) {
	const policies, captures = 5000, 40
	b := newBed(t, "inventory-sync", "policy-capture-snapshot")
	p := b.newPlace()
	blob := base64.StdEncoding.EncodeToString(make([]byte, 5<<20))
	var large []graphsim.Object
	for i := range 3 {
		large = append(large, graphsim.Object{JSON: json.RawMessage(fmt.Sprintf(
			`{"@odata.type":"#microsoft.graph.macOSCustomConfiguration","displayName":"Five megabytes %d","payloadName":"p","payloadFileName":"p.mobileconfig","payload":%q}`, i, blob))})
	}
	tenantID, err := p.tenantWith(t.Context(), graphsim.TenantSpec{
		ID:       "00005000-aaaa-4bbb-8ccc-000000005000",
		Generate: &graphsim.GenerateSpec{Seed: 1, Policies: policies, SettingsPer: 40, Assigned: true, Groups: 50}, Objects: large,
	})
	if err != nil {
		t.Fatal(err)
	}
	work := func(f *lambdaruntime.Function, req start.Request) {
		t.Helper()
		req.TenantID, req.Principal, req.Deadline = tenantID, run.Principal{UserID: user}, time.Hour
		r, err := p.start(t.Context(), req, nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; !r.Status.Terminal(); n++ {
			if n == 20 {
				t.Fatalf("run is %s after %d messages", r.Status, n)
			}
			body, err := json.Marshal(r.Dispatch())
			if err != nil {
				t.Fatal(err)
			}
			id, text := fmt.Sprintf("m%d", n), string(body)
			if _, err := invoke(f, sqstypes.Message{MessageId: &id, ReceiptHandle: &id, Body: &text}, 3*time.Minute); err != nil {
				t.Fatalf("%v\n%s", err, f.Output())
			}
			if r, err = p.store.Run(t.Context(), tenantID, r.ID); err != nil {
				t.Fatal(err)
			}
		}
		if r.Status != run.StatusSucceeded {
			t.Fatalf("%s ended %s: %+v", r.Operation, r.Status, r.Failure)
		}
	}
	measured := func(f *lambdaruntime.Function, what string) {
		t.Helper()
		peak, err := f.PeakMemory()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MiB at most", what, peak>>20)
		if err := figures.Add(*figuresFile, func(a *figures.All) { a.Memory = append(a.Memory, figures.Memory{What: what, Peak: peak}) }); err != nil {
			t.Fatal(err)
		}
		if peak > maxMemory {
			t.Errorf("%s: %d MiB, want at most %d", what, peak>>20, maxMemory>>20)
		}
	}

	sync, err := p.launch("inventory-sync")
	if err != nil {
		t.Fatal(err)
	}
	defer sync.Close()
	types := map[string][]string{"types": {"device-compliance-policy", "device-configuration", "settings-catalog-policy"}}
	work(sync, start.Request{Operation: run.OpInventorySync, Input: types})
	measured(sync, fmt.Sprintf("first sync of %d policies", policies))
	work(sync, start.Request{Operation: run.OpInventorySync, Input: types})
	measured(sync, "a second sync")

	all, err := p.store.AllPolicies(t.Context(), tenantID)
	if err != nil || len(all) != policies+len(large) {
		t.Fatalf("%d policies, %v", len(all), err)
	}
	capture, err := p.launch("policy-capture-snapshot")
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	done := 0
	for _, policy := range all {
		isLarge := policy.Type == "device-configuration-apple-custom"
		if !isLarge && done >= captures || policy.GraphID == catalog.SingletonID {
			continue
		}
		if !isLarge {
			done++
		}
		work(capture, start.Request{Operation: run.OpCaptureSnapshot, PolicyID: policy.ID})
	}
	measured(capture, fmt.Sprintf("%d captures and %d of five megabytes", done, len(large)))
}
