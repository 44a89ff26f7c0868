package diff_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
)

// large is a policy of 1,000 settings in about 5 MB. changed is asked for every
// setting, whose position shifts every id.
func large(shift int, changed func(setting int) bool) []byte {
	var b strings.Builder
	b.WriteString(`{"schema":"tenantatlas.policy/1","type":"settings-catalog-policy","graphId":"x","object":{"name":"Large"},"settings":[`)
	text := strings.Repeat("abcdefgh", 32)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		value := text
		if changed(i) {
			value += "!"
		}
		fmt.Fprintf(&b, `{"id":"%d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationGroupSettingCollectionInstance","settingDefinitionId":"device_vendor_msft_policy_config_example_%d","settingInstanceTemplateReference":null,"groupSettingCollectionValue":[{"settingValueTemplateReference":null,"children":[`, i+shift, i)
		for c := range 8 {
			if c > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"device_vendor_msft_policy_config_example_%d_%d","settingInstanceTemplateReference":null,"simpleSettingValue":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationStringSettingValue","settingValueTemplateReference":null,"value":"%s"}}`, i, c, value)
		}
		b.WriteString(`]}]}}`)
	}
	b.WriteString(`],"assignments":[]}`)
	return []byte(b.String())
}

func BenchmarkCompare(b *testing.B) {
	row, _ := catalog.ByID("settings-catalog-policy")
	before := large(0, func(int) bool { return false })
	for _, test := range []struct {
		name  string
		after []byte
		want  int
	}{
		{"20 of 1000 settings changed", large(0, func(i int) bool { return i%50 == 0 }), 20 * 8},
		{"20 changed and all moved", large(1, func(i int) bool { return i%50 == 0 }), 20 * 8},
		{"all changed", large(0, func(int) bool { return true }), 1000 * 8},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(int64(len(before) + len(test.after)))
			b.ReportAllocs()
			for b.Loop() {
				if r, err := diff.Compare(row, before, test.after); err != nil || r.Total != test.want {
					b.Fatalf("%d changes, %v", r.Total, err)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MiB")
		})
	}
}
