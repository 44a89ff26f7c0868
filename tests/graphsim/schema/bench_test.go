package schema_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tenantatlas/tests/graphsim/schema"
)

// largePolicy is a settings catalog policy of that many settings, made like
// those of real ones.
func largePolicy(b *testing.B, settings int) []byte {
	b.Helper()
	var list []string
	for i := range settings {
		list = append(list, fmt.Sprintf(`{"id":"%d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"device_vendor_msft_policy_config_%d","settingInstanceTemplateReference":null,"auditRuleInformation":null,"choiceSettingValue":{"settingValueTemplateReference":null,"value":"device_vendor_msft_policy_config_%d_1","children":[{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"child","simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationIntegerSettingValue","value":%d}}]}}}`, i, i, i, i))
	}
	return []byte(`{"name":"n","platforms":"windows10","technologies":"mdm","settings":[` + strings.Join(list, ",") + `]}`)
}

func BenchmarkCheck(b *testing.B) {
	s := load(b)
	hardening, err := os.ReadFile("../tenants/contoso/microsoft-intune-acsc/ACSC Windows Hardening Guidelines.json")
	if err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string][]byte{"256 real settings": utf8Of(hardening), "1000 settings": largePolicy(b, 1000), "10000 settings": largePolicy(b, 10000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if v := s.Check(schema.Options{Deep: []string{schema.DeepAny}, Annotations: schema.AnnotationsAny}, "deviceManagementConfigurationPolicy", body); v != nil {
					b.Fatal(v)
				}
			}
		})
	}
}
