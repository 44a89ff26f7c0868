package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"tenantatlas/tests/graphsim/schema"
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
	// Groups are made for the assignments, which share them; with 0 each policy
	// has a group of its own, which does not exist. At most 10,000.
	Groups int `json:"groups,omitempty"`
	// Each makes so many objects, 0 to 50, of every type of every set that holds
	// configuration: drawn from the property schema, with all properties that a
	// client can send and their children. Policies may then be 0.
	Each int `json:"each,omitempty"`
}

// maxGenerated bounds policies times settings, for the sake of memory.
const maxGenerated = 2_000_000

// GenerateTenant makes the objects of a synthetic tenant.
func GenerateTenant(seed uint64, policies, settingsPer int) ([]Object, error) {
	return GenerateSpec{Seed: seed, Policies: policies, SettingsPer: settingsPer}.objects()
}

func (g GenerateSpec) objects() ([]Object, error) {
	if g.Each < 0 || g.Each > 50 {
		return nil, errors.New("each must be 0 to 50")
	}
	if g.Policies < 1 && g.Each == 0 || g.Policies < 0 || g.Policies > 20_000 || g.SettingsPer < 0 || g.SettingsPer > 2000 || g.Policies*g.SettingsPer > maxGenerated {
		return nil, errors.New("policies must be 1 to 20,000, settingsPer 0 to 2,000, their product at most 2,000,000")
	}
	random := rand.New(rand.NewPCG(g.Seed, 3))
	guid := func() string {
		a, b := random.Uint64(), random.Uint64()
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
	}
	if g.Groups < 0 || g.Groups > 10_000 {
		return nil, errors.New("groups must be at most 10,000")
	}
	out := make([]Object, g.Policies, g.Policies+g.Groups)
	groups := make([]string, g.Groups)
	for i := range groups {
		groups[i] = guid()
		out = append(out, Object{Collection: groupsPath, origin: fmt.Sprintf("generated group %d", i), JSON: json.RawMessage(
			fmt.Sprintf(`{"id":%q,"displayName":"Group %05d","groupTypes":[],"securityEnabled":true,"mailEnabled":false}`, groups[i], i))})
	}
	for i := range g.Policies {
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
			var group string
			if g.Groups > 0 {
				group = groups[i%g.Groups]
			} else {
				group = guid()
			}
			text += fmt.Sprintf(`,"assignments":[%s]`, GroupAssignment(group))
		}
		out[i] = Object{Collection: path, JSON: json.RawMessage(text + "}"), origin: fmt.Sprintf("generated %d", i)}
	}
	return out, nil
}

// generatedElsewhere are types of which nothing is drawn: objects that only the
// service makes, or that a tenant has once and from its start.
var generatedElsewhere = []string{
	"defaultDeviceCompliancePolicy", "windowsRestoreDeviceEnrollmentConfiguration", "deviceEnrollmentWindowsHelloForBusinessConfiguration",
	"deviceEnrollmentNotificationConfiguration", "compliantNetworkNamedLocation", "namedLocation", "mobileApp",
}

// generatedTexts are objects of sets whose types no metadata has, and of those
// that refer to objects of other sets. %d is their number.
var generatedTexts = map[string]string{
	deviceManagement + "groupPolicyConfigurations":            `"displayName":"Template %d","policyConfigurationIngestionType":"builtIn","definitionValues":[{"enabled":true,"definition":{"id":"5c0a1e60-0000-4000-8000-000000000001","displayName":"Synthetic","classType":"machine","categoryPath":"\\Synthetic","policyType":"admxBacked"},"presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"%d","presentation":{"@odata.type":"#microsoft.graph.groupPolicyPresentationTextBox","id":"5c0a1e60-0000-4000-8000-000000000002","label":"Text"}}]}]`,
	definitionFilesPath:                                       `"fileName":"file%d.admx","targetNamespace":"Synthetic.%d","targetPrefix":"s","policyType":"admxIngested","definitions":[{"displayName":"Custom","classType":"machine","categoryPath":"\\Custom","presentations":[]}]`,
	intentsPath:                                               `"displayName":"Intent %d","description":"","templateId":"5c0a1e60-0000-4000-8000-000000000003","settings":[{"@odata.type":"#microsoft.graph.deviceManagementIntegerSettingInstance","definitionId":"synthetic","valueJson":"%d","value":1}]`,
	deviceManagement + "inventoryPolicies":                    `"name":"Inventory %d","description":"","platforms":"windows10","technologies":"extensibility","settings":[{"settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"synthetic_%d"}}]`,
	deviceManagement + "virtualEndpoint/provisioningPolicies": `"displayName":"Cloud PC %d","imageId":"image_%d","imageType":"gallery","imageDisplayName":"Image","provisioningType":"dedicated","domainJoinConfigurations":[{"domainJoinType":"azureADJoin"}],"scopeIds":["0"]`,
	deviceManagement + "virtualEndpoint/userSettings":         `"displayName":"User setting %d","localAdminEnabled":true,"resetEnabled":false`,
	deviceManagement + "windowsAutopilotDeviceIdentities":     `"serialNumber":"S%d","groupTag":"G%d"`,
	roleAssignmentsPath:                                       `"displayName":"Role assignment %d","description":"","members":["5c0a1e60-0000-4000-8000-000000000004"],"resourceScopes":["5c0a1e60-0000-4000-8000-000000000004"],"scopeType":"resourceScope","roleDefinition":{"id":"` + policyManagerID + `"}`,
	depPath:                                                   `"tokenName":"Token %d","enrollmentProfiles":[{"@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","displayName":"Profile %d"}]`,
	accessPath:                                                `"displayName":"Access %d","state":"disabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeApplications":["All"]},"clientAppTypes":["all"]},"grantControls":{"operator":"OR","builtInControls":["mfa"]}`,
	agreementsPath:                                            `"displayName":"Terms %d","isViewingBeforeAcceptanceRequired":true,"files":[{"fileName":"terms%d.pdf","language":"en","isDefault":true}]`,
	strengthsPath:                                             `"displayName":"Strength %d","allowedCombinations":["fido2"],"combinationConfigurations":[]`,
	contextsPath:                                              `"id":"c%d","displayName":"Context %d","isAvailable":true`,
	groupsPath:                                                `"displayName":"Group %d","description":"%d"`,
	templatesPath:                                             "", definitionsPath: "", categoriesPath: "", deletedAccessPath: "",
}

// blockAction is the one action that each compliance policy has.
const blockAction = `[{"ruleName":"PasswordRequired","scheduledActionConfigurations":[{"actionType":"block","gracePeriodHours":0,"notificationTemplateId":"","notificationMessageCCList":[]}]}]`

// everyType makes the objects that GenerateSpec.Each asks for.
func (s *Sim) everyType(g GenerateSpec) ([]Object, error) {
	var out []Object
	random := rand.New(rand.NewPCG(g.Seed, 4))
	for _, c := range s.catalog.collections {
		if g.Each == 0 || len(c.view) > 0 {
			continue
		}
		assigned := ""
		if child := c.child("assignments"); child != nil && g.Assigned {
			kind := "groupAssignmentTarget"
			if c.lane == LaneCloudPC {
				kind = "cloudPcManagementGroupAssignmentTarget"
			}
			assigned = `,"assignments":[{"target":{"@odata.type":"` + typePrefix + kind + `","groupId":"5c0a1e60-0000-4000-8000-000000000004"}}]`
		}
		if text, ok := generatedTexts[c.path]; ok {
			for i := range g.Each {
				if text == "" {
					break
				}
				out = append(out, Object{Collection: c.path, JSON: json.RawMessage("{" + strings.ReplaceAll(text, "%d", fmt.Sprint(i+1)) + assigned + "}"), origin: fmt.Sprintf("generated %s %d", c.path, i)})
			}
			continue
		}
		for _, kind := range c.types {
			if t, known := s.schema().Type(kind); !known || t.Abstract || slices.Contains(generatedElsewhere, kind) {
				continue
			}
			for i := range g.Each {
				o, err := s.draw(c, kind, random)
				if err != nil {
					return nil, err
				}
				o = o.with(c.nameProperty, quote(fmt.Sprintf("%s %d", kind, i+1)))
				if assigned != "" {
					o = o.with("assignments", json.RawMessage(strings.TrimPrefix(assigned, `,"assignments":`)))
				}
				out = append(out, Object{Collection: c.path, JSON: o.bytes(), origin: fmt.Sprintf("generated %s %d", kind, i)})
			}
		}
	}
	return out, nil
}

// draw draws an object as a client could have sent it, with its children.
func (s *Sim) draw(c *collection, kind string, random *rand.Rand) (object, error) {
	options := schema.GenerateOptions{Full: true, MaxDepth: 4}
	for _, child := range c.children {
		if child.entityType != "" && child.from == nil {
			options.Deep = append(options.Deep, child.name)
		}
	}
	if c.child("settings") != nil {
		options.Deep = append(options.Deep, "settings")
	}
	raw, err := s.schema().Generate(random, kind, options)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", kind, err)
	}
	compact, err := compactJSON(raw)
	if err != nil {
		return nil, err
	}
	o, err := parseObject(compact)
	if err != nil {
		return nil, err
	}
	computed := []string{"id", "priority", "deviceEnrollmentConfigurationType", "privacyAccessControls", "assignments", "categories", "isBuiltIn", "isBuiltInRoleDefinition", "isGlobalScript", "isDefaultProfile", "publishingState", "policyType", "status", "errorCode", "defaultLocale"}
	if set, ok := s.schema().Set(c.path); ok {
		computed = append(computed, set.ReadOnlyProps...)
	}
	o = o.without(func(key string) bool {
		return slices.Contains(computed, key) && key != "displayName" || strings.Contains(key, "@odata.") && key != "@odata.type"
	})
	for _, key := range []string{"roleScopeTagIds", "roleScopeTags"} {
		if _, ok := o.get(key); ok {
			o = o.with(key, json.RawMessage(`["0"]`))
		}
	}
	// A create needs more than the schema says.
	for _, name := range append(slices.Clone(c.rules.required), appsNeed[kind]...) {
		if v, ok := o.get(name); (!ok || string(v) == "null" || string(v) == `""`) && c.child(name) == nil {
			value := quote("VmFsdWU=") // good as text and as base64
			switch name {
			case "targetedMobileApps":
				value = json.RawMessage(`["5c0a1e60-0000-4000-8000-000000000005"]`)
			case "rolePermissions":
				value = json.RawMessage("[]")
			case "settingInstance":
				value = json.RawMessage(`{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"synthetic"}`)
			case "hardwareConfigurationFormat":
				value = quote("dell")
			case "installExperience", "outOfBoxExperienceSetting", "expeditedUpdateSettings":
				value = json.RawMessage("{}")
			}
			o = o.with(name, value)
		}
	}
	switch c.path {
	case deviceManagement + "deviceCompliancePolicies", linuxPath:
		o = o.with("scheduledActionsForRule", json.RawMessage(blockAction))
	case catalogPath:
		o = o.with("templateReference", json.RawMessage(`{"templateId":""}`))
	case reusablePath:
		instance, _ := o.get("settingInstance")
		instance = walk(instance, func(o object) object {
			if v, ok := o.get("children"); ok && string(v) == "null" {
				return o.with("children", json.RawMessage("[]"))
			}
			return o
		})
		o = o.with("settingInstance", instance)
		o = o.with("settingDefinitionId", quote(mustObject(instance).text("settingDefinitionId")))
	case notificationsPath:
		o = o.with("localizedNotificationMessages", json.RawMessage(`[{"locale":"en-US","subject":"Subject","messageTemplate":"Text","isDefault":true}]`))
	case appsPath:
		// They would lead to apps that are not there.
		o = o.without(func(key string) bool { return key == "relationships" })
	}
	return o, nil
}

// GroupAssignment is an assignment to a group.
func GroupAssignment(groupID string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","deviceAndAppManagementAssignmentFilterId":null,"deviceAndAppManagementAssignmentFilterType":"none","groupId":%s}}`, quote(groupID)))
}

// AllDevicesAssignment is an assignment to all devices.
func AllDevicesAssignment() json.RawMessage {
	return json.RawMessage(`{"target":{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget","deviceAndAppManagementAssignmentFilterId":null,"deviceAndAppManagementAssignmentFilterType":"none"}}`)
}
