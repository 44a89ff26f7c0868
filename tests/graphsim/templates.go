package graphsim

import "encoding/json"

// settingsTemplate is a template of the settings catalog. A policy names it by id;
// the rest of its templateReference follows from that.
type settingsTemplate struct{ family, name, version string }

// settingsTemplates are some of those that Microsoft offers to every tenant, as
// exported policies name them.
var settingsTemplates = map[string]settingsTemplate{
	"":                                       {family: "none"},
	"66df8dce-0166-4b82-92f7-1f74e3ca17a3_1": {"baseline", "Security Baseline for Windows 10 and later", "Version 24H2"},
	"e8c053d6-9f95-42b1-a7f1-ebfd71c67a4b_1": {"endpointSecurityAttackSurfaceReduction", "Attack Surface Reduction Rules", "Version 1"},
	"d948ff9b-99cb-4ee0-8012-1fbc09685377_1": {"endpointSecurityAntivirus", "Windows Security Experience", "Version 1"},
	"804339ad-1553-4478-a742-138fb5807418_1": {"endpointSecurityAntivirus", "Microsoft Defender Antivirus", "Version 1"},
	"4321b946-b76b-4450-8afd-769c08b16ffc_1": {"endpointSecurityApplicationControl", "App Control for Business", "Version 1"},
	"0f2034c6-3cd6-4ee1-bd37-f3c0693e9548_1": {"endpointSecurityAttackSurfaceReduction", "Device Control", "Version 1"},
	"46ddfc50-d10f-4867-b852-9434254b3bff_1": {"endpointSecurityDiskEncryption", "BitLocker", "Version 1"},
	"19c8aa67-f286-4861-9aa0-f23541d31680_1": {"endpointSecurityFirewall", "Windows Firewall Rules", "Version 1"},
}

// completeTemplate fills in what follows from the id of a templateReference.
func completeTemplate(e *entity) {
	e.props = fill(e.props, "templateReference", json.RawMessage(`{"templateId":""}`))
	raw, _ := e.props.get("templateReference")
	reference, err := parseObject(raw)
	if err != nil {
		return
	}
	known, ok := settingsTemplates[reference.text("templateId")]
	if !ok {
		return
	}
	orNull := func(s string) json.RawMessage {
		if s == "" {
			return json.RawMessage("null")
		}
		return quote(s)
	}
	reference = fill(reference, "templateFamily", quote(known.family))
	reference = fill(reference, "templateDisplayName", orNull(known.name))
	reference = fill(reference, "templateDisplayVersion", orNull(known.version))
	e.props = e.props.with("templateReference", reference.bytes())
}
