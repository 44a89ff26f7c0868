package fidelity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tenantatlas/shared/run"
	"tenantatlas/tests/graphsim"
)

// one captures the only policy of a name and returns it.
func (b *bed) one(name string, all []run.Policy) captured {
	b.t.Helper()
	for _, p := range all {
		if p.Name == name {
			return b.capture(source, p)
		}
	}
	b.t.Fatalf("no policy %q", name)
	return captured{}
}

// everyPlane is a name with characters of every plane of Unicode that has any,
// and with such as editors and databases trip over.
const everyPlane = "Ω中🛡️ 𠀀 𰀀 \U000E0041 \U000F0000 \U0010FFFD é e\u0301 \u202Eabc\u202C \"quoted\" <b> & ' \\ / \u2028 %00 \u200b"

// Values at the edge of what JSON and its readers hold come through exactly, digit
// by digit and character by character.
func TestExactValues(t *testing.T) {
	var settings strings.Builder
	for i := range 1000 {
		if i > 0 {
			settings.WriteByte(',')
		}
		fmt.Fprintf(&settings, `{"id":"%d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"vendor_%04d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":%d}}}`, i, i, i*7919)
	}
	payload := make([]byte, 5<<20)
	for i := range payload {
		payload[i] = byte(i * 31 >> 3)
	}
	blob := base64.StdEncoding.EncodeToString(payload)
	name, err := json.Marshal(everyPlane)
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}})
	b.wire(b.client, nil)
	b.add(source, graphsim.TenantSpec{Objects: []graphsim.Object{
		{JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.deviceManagementConfigurationPolicy","name":"A thousand settings","platforms":"windows10","technologies":"mdm","settings":[` + settings.String() + `]}`)},
		{JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.macOSCustomConfiguration","displayName":"Five megabytes","payloadName":"p","payloadFileName":"p.mobileconfig","payload":"` + blob + `"}`)},
		{JSON: json.RawMessage(`{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","displayName":` + string(name) + `,"description":` + string(name) + `,"notYetPublished":[9223372036854775807,-9223372036854775808,0.1,1e400,1.10,-0,12345678901234567890123456789.5,null,{"deep":[[["\u0000\ud83d"]]]}]}`)},
	}})
	all := b.sync(source)

	c := b.one("A thousand settings", all)
	for i := range 1000 {
		if want := fmt.Sprintf(`"settingDefinitionId":"vendor_%04d","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":%d}`, i, i*7919); !bytes.Contains(c.payload, []byte(want)) {
			t.Fatalf("setting %d is not as it was", i)
		}
	}
	if !c.version.Complete {
		t.Error("a thousand settings are incomplete")
	}

	c = b.one("Five megabytes", all)
	if !bytes.Contains(c.payload, []byte(`"payload":"`+blob+`"`)) {
		t.Error("five megabytes are not as they were")
	}

	for _, p := range all {
		if p.Type != "device-configuration" {
			continue
		}
		// What is shown leaves out what would change the text around it.
		if !strings.HasPrefix(p.Name, "Ω中🛡️ 𠀀 𰀀 \U000E0041 \U000F0000 \U0010FFFD") || strings.Contains(p.Name, "\u202E") {
			t.Errorf("the name became %q", p.Name)
		}
		c := b.capture(source, p)
		const want = `"notYetPublished":[9223372036854775807,-9223372036854775808,0.1,1e400,1.10,-0,12345678901234567890123456789.5,null,{"deep":[[["\u0000\ud83d"]]]}]`
		if !bytes.Contains(c.payload, []byte(want)) {
			t.Errorf("values changed: %s", c.payload)
		}
		var doc struct {
			Object struct {
				Name        string `json:"displayName"`
				Description string `json:"description"`
			} `json:"object"`
		}
		if err := json.Unmarshal(c.payload, &doc); err != nil || doc.Object.Description != everyPlane || doc.Object.Name != everyPlane {
			t.Errorf("the description became %q, %v", doc.Object.Description, err)
		}
		normal, err := b.typeOf(p).NormalForm(c.payload)
		if err != nil || !bytes.Contains(normal, []byte("9223372036854775807,-9223372036854775808,0.1,1e400,1.10,-0,12345678901234567890123456789.5")) {
			t.Errorf("the normal form changes values: %s, %v", normal, err)
		}
	}
}
