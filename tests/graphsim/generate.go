package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// GenerateSpec describes a synthetic tenant: seven of ten policies are settings
// catalog policies, two device configurations, one a compliance policy. The
// same numbers give the same tenant.
type GenerateSpec struct {
	Seed        uint64 `json:"seed"`
	Policies    int    `json:"policies"`    // 1 to 20,000
	SettingsPer int    `json:"settingsPer"` // settings of a settings catalog policy, 0 to 2,000
	// Assigned gives every policy an assignment to a synthetic group.
	Assigned bool `json:"assigned,omitempty"`
}

// maxGenerated bounds policies times settings, for the sake of memory.
const maxGenerated = 2_000_000

// GenerateTenant makes the objects of a synthetic tenant.
func GenerateTenant(seed uint64, policies, settingsPer int) ([]Object, error) {
	return GenerateSpec{Seed: seed, Policies: policies, SettingsPer: settingsPer}.objects()
}

func (g GenerateSpec) objects() ([]Object, error) {
	if g.Policies < 1 || g.Policies > 20_000 || g.SettingsPer < 0 || g.SettingsPer > 2000 || g.Policies*g.SettingsPer > maxGenerated {
		return nil, errors.New("policies must be 1 to 20,000, settingsPer 0 to 2,000, their product at most 2,000,000")
	}
	random := rand.New(rand.NewPCG(g.Seed, 3))
	guid := func() string {
		a, b := random.Uint64(), random.Uint64()
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
	}
	out := make([]Object, g.Policies)
	for i := range out {
		var text, path string
		switch i % 10 {
		case 3, 6:
			path = "deviceManagement/deviceConfigurations"
			text = fmt.Sprintf(`{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration","id":%q,"displayName":"Restrictions %05d","description":"Generated","version":%d,"cameraBlocked":%t,"passwordMinimumLength":%d`,
				guid(), i, 1+random.IntN(9), random.IntN(2) == 0, 4+random.IntN(10))
		case 9:
			path = "deviceManagement/deviceCompliancePolicies"
			text = fmt.Sprintf(`{"@odata.type":"#microsoft.graph.windows10CompliancePolicy","id":%q,"displayName":"Compliance %05d","description":"Generated","version":%d,"bitLockerEnabled":%t,"osMinimumVersion":"10.0.%d"`,
				guid(), i, 1+random.IntN(9), random.IntN(2) == 0, 19000+random.IntN(7000))
		default:
			path = "deviceManagement/configurationPolicies"
			var settings strings.Builder
			for k := range g.SettingsPer {
				if k > 0 {
					settings.WriteByte(',')
				}
				fmt.Fprintf(&settings, `{"id":"%d","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"device_vendor_msft_policy_config_generated_%d","settingInstanceTemplateReference":null,"auditRuleInformation":null,"choiceSettingValue":{"settingValueTemplateReference":null,"value":"device_vendor_msft_policy_config_generated_%d_%d","children":[]}}}`, k, k, k, random.IntN(4))
			}
			text = fmt.Sprintf(`{"id":%q,"name":"Settings %05d","description":"Generated","platforms":"windows10","technologies":"mdm","settings":[%s]`, guid(), i, settings.String())
		}
		if g.Assigned {
			text += fmt.Sprintf(`,"assignments":[%s]`, GroupAssignment(guid()))
		}
		out[i] = Object{Collection: path, JSON: json.RawMessage(text + "}"), origin: fmt.Sprintf("generated %d", i)}
	}
	return out, nil
}

// GroupAssignment is an assignment to a group.
func GroupAssignment(groupID string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","deviceAndAppManagementAssignmentFilterId":null,"deviceAndAppManagementAssignmentFilterType":"none","groupId":%s}}`, quote(groupID)))
}

// AllDevicesAssignment is an assignment to all devices.
func AllDevicesAssignment() json.RawMessage {
	return json.RawMessage(`{"target":{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget","deviceAndAppManagementAssignmentFilterId":null,"deviceAndAppManagementAssignmentFilterType":"none"}}`)
}
