package schema_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tenantatlas/tests/graphsim/schema"
)

const (
	intune = "microsoft.management.services.api."
	oma    = `{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"n","omaSettings":[%]}`
)

// Each refusal of Graph has its code, its message and the place in the body.
func TestRefusals(t *testing.T) {
	s := load(t)
	ring := func(member string) string {
		return `{"@odata.type":"#microsoft.graph.windowsUpdateForBusinessConfiguration","displayName":"n",` + member + `}`
	}
	setting := func(s string) string { return strings.Replace(oma, "%", s, 1) }
	for name, c := range map[string]struct {
		declared, body string
		o              schema.Options
		status         int
		code           string
		message, path  string
	}{
		"unknown property": {
			declared: "deviceConfiguration", body: ring(`"nothing":1`),
			message: "The property 'nothing' does not exist on type '" + intune + "windowsUpdateForBusinessConfiguration'. Make sure to only use property names that are defined by the type.",
			path:    "/nothing",
		},
		"unknown property deep inside": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":1},{"@odata.type":"#microsoft.graph.omaSettingInteger","a/b~":1}`),
			message: "The property 'a/b~' does not exist on type '" + intune + "omaSettingInteger'. Make sure to only use property names that are defined by the type.",
			path:    "/omaSettings/1/a~1b~0",
		},
		"another case": {
			declared: "roleScopeTag", body: `{"DisplayName":"n"}`,
			message: "The property 'DisplayName' does not exist on type '" + intune + "roleScopeTag'. Make sure to only use property names that are defined by the type.",
			path:    "/DisplayName",
		},
		"unknown property of Conditional Access": {
			declared: "conditionalAccessPolicy", body: `{"displayName":"n","nothing":1}`, code: schema.CodeBadRequest,
			message: "The property 'nothing' does not exist on type 'microsoft.graph.conditionalAccessPolicy'. Make sure to only use property names that are defined by the type.",
			path:    "/nothing",
		},
		"unpublished property when refused": {
			declared: "deviceManagementConfigurationSettingInstance", o: schema.Options{RefuseUnpublished: true},
			body:    `{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","auditRuleInformation":null}`,
			message: "The property 'auditRuleInformation' does not exist on type '" + intune + "deviceManagementConfigurationChoiceSettingInstance'. Make sure to only use property names that are defined by the type.",
			path:    "/auditRuleInformation",
		},
		"type that does not exist": {
			declared: "deviceConfiguration", body: `{"@odata.type":"#microsoft.graph.nothing"}`,
			message: "A type named 'microsoft.graph.nothing' could not be resolved by the model. When a model is available, each type name must resolve to a valid type.",
			path:    "/@odata.type",
		},
		"type without its namespace": {
			declared: "deviceConfiguration", body: `{"@odata.type":"iosCustomConfiguration"}`,
			message: "A type named 'iosCustomConfiguration' could not be resolved by the model. When a model is available, each type name must resolve to a valid type.",
			path:    "/@odata.type",
		},
		"enumeration as type": {
			declared: "deviceConfiguration", body: `{"@odata.type":"#microsoft.graph.automaticUpdateMode"}`,
			message: "A type named 'microsoft.graph.automaticUpdateMode' could not be resolved by the model. When a model is available, each type name must resolve to a valid type.",
			path:    "/@odata.type",
		},
		"type null": {
			declared: "deviceConfiguration", body: `{"@odata.type":null}`,
			message: "The 'odata.type' instance or property annotation has a null value. In OData, the 'odata.type' instance or property annotation must have a non-null string value.",
			path:    "/@odata.type",
		},
		"type as a number": {
			declared: "deviceConfiguration", body: `{"@odata.type":7}`,
			message: "Cannot read the value '7' for the property '@odata.type' as a quoted JSON string value.",
			path:    "/@odata.type",
		},
		"type empty": {
			declared: "deviceConfiguration", body: `{"@odata.type":"#"}`,
			message: "The 'odata.type' instance annotation value '' is not a valid type name. The value of the 'odata.type' instance annotation must be a non-empty string.",
			path:    "/@odata.type",
		},
		"entity of another family": {
			declared: "deviceCompliancePolicy", body: `{"@odata.type":"#microsoft.graph.iosGeneralDeviceConfiguration"}`,
			message: "An entry with type '" + intune + "iosGeneralDeviceConfiguration' was found, but it is not assignable to the expected type '" + intune + "deviceCompliancePolicy'. The type specified in the entry must be equal to either the expected type or a derived type.",
			path:    "/@odata.type",
		},
		"complex value of another family": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.windowsUpdateActiveHoursInstall"}`),
			message: "A value was encountered that has a type name that is incompatible with the metadata. The value specified its type as '" + intune + "windowsUpdateActiveHoursInstall', but the type specified in the metadata is '" + intune + "omaSetting'.",
			path:    "/omaSettings/0/@odata.type",
		},
		"no type where the declared one is abstract": {
			declared: "deviceConfiguration", body: `{"displayName":"n"}`, message: "Cannot create an abstract class.",
		},
		"abstract type": {
			declared: "deviceConfiguration", body: `{"@odata.type":"#microsoft.graph.deviceConfiguration"}`, message: "Cannot create an abstract class.",
		},
		"no type inside where the declared one is abstract": {
			declared: "deviceConfiguration", body: setting(`{"value":1}`), message: "Cannot create an abstract class.", path: "/omaSettings/0",
		},
		"enumeration": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":"equals"`), message: "Requested value 'equals' was not found.", path: "/automaticUpdateMode",
		},
		"enumeration in another case": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":"UserDefined"`), message: "Requested value 'UserDefined' was not found.", path: "/automaticUpdateMode",
		},
		"two members of an enumeration without flags": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":"userDefined,notifyDownload"`), message: "Requested value 'userDefined,notifyDownload' was not found.", path: "/automaticUpdateMode",
		},
		"one wrong member of flags": {
			declared: "deviceManagementConfigurationPolicy", body: `{"platforms":"windows10, nothing"}`, message: "Requested value 'nothing' was not found.", path: "/platforms",
		},
		"enumeration as a number": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":1`), message: "Cannot read the value '1' for the property 'automaticUpdateMode' as a quoted JSON string value.", path: "/automaticUpdateMode",
		},
		"enumeration as an object": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":{}`), message: "An unexpected 'StartObject' node was found when reading from the JSON reader. A 'PrimitiveValue' node was expected.", path: "/automaticUpdateMode",
		},
		"string for a number": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":"5"}`), message: "Cannot convert the literal '5' to the expected type 'Edm.Int32'.", path: "/omaSettings/0/value",
		},
		"fraction for an integer": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":1.5}`), message: "Cannot convert the literal '1.5' to the expected type 'Edm.Int32'.", path: "/omaSettings/0/value",
		},
		"integer with a point": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":1.0}`), message: "Cannot convert the literal '1.0' to the expected type 'Edm.Int32'.", path: "/omaSettings/0/value",
		},
		"integer too large": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":2147483648}`), message: "Cannot convert the literal '2147483648' to the expected type 'Edm.Int32'.", path: "/omaSettings/0/value",
		},
		"long integer too large": {
			declared: "mobileApp", body: `{"@odata.type":"#microsoft.graph.win32LobApp","size":9223372036854775808}`, message: "Cannot convert the literal '9223372036854775808' to the expected type 'Edm.Int64'.", path: "/size",
		},
		"byte too large": {
			declared: "rgbColor", body: `{"r":255,"g":0,"b":256}`, message: "Cannot convert the literal '256' to the expected type 'Edm.Byte'.", path: "/b",
		},
		"no GUID": {
			declared: "deviceEnrollmentNotificationConfiguration", body: `{"notificationMessageTemplateId":"00000000-0000-0000-0000-00000000000g"}`,
			message: "Cannot convert the literal '00000000-0000-0000-0000-00000000000g' to the expected type 'Edm.Guid'.", path: "/notificationMessageTemplateId",
		},
		"number beyond a float": {
			declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","value":1e39}`), message: "Cannot convert the literal '1e39' to the expected type 'Edm.Single'.", path: "/omaSettings/0/value",
		},
		"number for a string": {
			declared: "roleScopeTag", body: `{"displayName":0}`, message: "Cannot convert the literal '0' to the expected type 'Edm.String'.", path: "/displayName",
		},
		"boolean for a string": {
			declared: "roleScopeTag", body: `{"displayName":true}`, message: "Cannot convert the literal 'true' to the expected type 'Edm.String'.", path: "/displayName",
		},
		"string for a boolean": {
			declared: "roleScopeTag", body: `{"isBuiltIn":"true"}`, message: "Cannot convert the literal 'true' to the expected type 'Edm.Boolean'.", path: "/isBuiltIn",
		},
		"object for a string": {
			declared: "roleScopeTag", body: `{"displayName":{}}`, message: "An unexpected 'StartObject' node was found when reading from the JSON reader. A 'PrimitiveValue' node was expected.", path: "/displayName",
		},
		"array for a string": {
			declared: "roleScopeTag", body: `{"displayName":["n"]}`, message: "An unexpected 'StartArray' node was found when reading from the JSON reader. A 'PrimitiveValue' node was expected.", path: "/displayName",
		},
		"string for a collection": {
			declared: "deviceConfiguration", body: ring(`"roleScopeTagIds":"0"`), message: "An unexpected 'PrimitiveValue' node was found when reading from the JSON reader. A 'StartArray' node was expected.", path: "/roleScopeTagIds",
		},
		"number in a collection of strings": {
			declared: "deviceConfiguration", body: ring(`"roleScopeTagIds":["0",0]`), message: "Cannot convert the literal '0' to the expected type 'Edm.String'.", path: "/roleScopeTagIds/1",
		},
		"string for an object": {
			declared: "deviceConfiguration", body: ring(`"installationSchedule":"x"`), message: "An unexpected 'PrimitiveValue' node was found when reading from the JSON reader. A 'StartObject' node was expected.", path: "/installationSchedule",
		},
		"date and time without a zone": {
			declared: "deviceConfiguration", body: ring(`"lastModifiedDateTime":"2026-01-01T00:00:00"`), message: "Cannot convert the literal '2026-01-01T00:00:00' to the expected type 'Edm.DateTimeOffset'.", path: "/lastModifiedDateTime",
		},
		"30 February": {
			declared: "deviceConfiguration", body: ring(`"lastModifiedDateTime":"2026-02-30T00:00:00Z"`), message: "Cannot convert the literal '2026-02-30T00:00:00Z' to the expected type 'Edm.DateTimeOffset'.", path: "/lastModifiedDateTime",
		},
		"date with a time": {
			declared: "deviceConfiguration", body: ring(`"qualityUpdatesPauseStartDate":"2026-01-01T00:00:00Z"`), message: "Cannot convert the literal '2026-01-01T00:00:00Z' to the expected type 'Edm.Date'.", path: "/qualityUpdatesPauseStartDate",
		},
		"time of day past midnight": {
			declared: "windowsUpdateInstallScheduleType", body: `{"@odata.type":"#microsoft.graph.windowsUpdateActiveHoursInstall","activeHoursStart":"24:00:00"}`, message: "Cannot convert the literal '24:00:00' to the expected type 'Edm.TimeOfDay'.", path: "/activeHoursStart",
		},
		"duration of a month": {
			declared: "managedAppPolicy", body: `{"@odata.type":"#microsoft.graph.iosManagedAppProtection","periodOfflineBeforeAccessCheck":"P1M"}`, message: "Cannot convert the literal 'P1M' to the expected type 'Edm.Duration'.", path: "/periodOfflineBeforeAccessCheck",
		},
		"duration of nothing": {
			declared: "managedAppPolicy", body: `{"@odata.type":"#microsoft.graph.iosManagedAppProtection","periodOfflineBeforeAccessCheck":"PT"}`, message: "Cannot convert the literal 'PT' to the expected type 'Edm.Duration'.", path: "/periodOfflineBeforeAccessCheck",
		},
		"not base64": {
			declared: "deviceManagementScript", body: `{"scriptContent":"%%%"}`, message: "Cannot convert the literal '%%%' to the expected type 'Edm.Binary'.", path: "/scriptContent",
		},
		"null for non-null": {
			declared: "roleScopeTag", body: `{"isBuiltIn":null}`,
			message: "A null value was found for the property named 'isBuiltIn', which has the expected type 'Edm.Boolean[Nullable=False]'. The expected type 'Edm.Boolean[Nullable=False]' does not allow null values.", path: "/isBuiltIn",
		},
		"null for a non-null enumeration": {
			declared: "deviceConfiguration", body: ring(`"automaticUpdateMode":null`),
			message: "A null value was found for the property named 'automaticUpdateMode', which has the expected type '" + intune + "automaticUpdateMode[Nullable=False]'. The expected type '" + intune + "automaticUpdateMode[Nullable=False]' does not allow null values.", path: "/automaticUpdateMode",
		},
		"null for a non-null collection": {
			declared: "namedLocation", body: `{"@odata.type":"#microsoft.graph.ipNamedLocation","ipRanges":null}`, code: schema.CodeBadRequest,
			message: "A null value was found for the property named 'ipRanges', which has the expected type 'Collection(microsoft.graph.ipRange)[Nullable=False]'. The expected type 'Collection(microsoft.graph.ipRange)[Nullable=False]' does not allow null values.", path: "/ipRanges",
		},
		"null in a collection of non-null": {
			declared: "namedLocation", body: `{"@odata.type":"#microsoft.graph.ipNamedLocation","ipRanges":[null]}`, code: schema.CodeBadRequest,
			message: "A null value was detected in the items of a collection property value; non-nullable instances of collection types do not support null values as items.", path: "/ipRanges/0",
		},
		"read-only refused": {
			declared: "roleScopeTag", o: schema.Options{ReadOnly: schema.ReadOnlyRefused}, body: `{"id":"1"}`, message: "The property 'id' is read-only and cannot be set.", path: "/id",
		},
		"read-only of the set refused": {
			declared: "deviceManagementConfigurationPolicy", o: schema.Options{ReadOnly: schema.ReadOnlyRefused, ReadOnlyProps: []string{"settingCount"}},
			body: `{"settingCount":1}`, message: "The property 'settingCount' is read-only and cannot be set.", path: "/settingCount",
		},
		"read-only with a value": {
			declared: "roleScopeTag", o: schema.Options{ReadOnlyOf: map[string]schema.ReadOnlyRule{"entity.id": schema.ReadOnlyEmpty}},
			body: `{"id":"11111111-0000-0000-0000-000000000000"}`, message: "The property 'id' is read-only and cannot be set.", path: "/id",
		},
		"navigation property inline": {
			declared: "deviceManagementConfigurationPolicy", o: schema.Options{Deep: []string{"settings"}}, body: `{"assignments":[]}`,
			message: "The navigation property 'assignments' on type '" + intune + "deviceManagementConfigurationPolicy' cannot be given inline in this request.", path: "/assignments",
		},
		"navigation property inline below an allowed one": {
			declared: "deviceManagementConfigurationPolicy", o: schema.Options{Deep: []string{"settings", "settingDefinitions"}}, body: `{"settings":[{"settingDefinitions":[]}]}`,
			message: "The navigation property 'settingDefinitions' on type '" + intune + "deviceManagementConfigurationSetting' cannot be given inline in this request.", path: "/settings/0/settingDefinitions",
		},
		"object for a collection of entities": {
			declared: "deviceManagementConfigurationPolicy", o: schema.Options{Deep: []string{"settings"}}, body: `{"settings":{}}`,
			message: "A node of type 'StartObject' was read from the JSON reader when trying to read the contents of an entity set reference navigation link; however, a 'StartArray' node was expected.", path: "/settings",
		},
		"null among entities": {
			declared: "deviceManagementConfigurationPolicy", o: schema.Options{Deep: []string{"settings"}}, body: `{"settings":[null]}`,
			message: "An unexpected 'PrimitiveValue' node was found when reading from the JSON reader. A 'StartObject' node was expected.", path: "/settings/0",
		},
		"text for one entity": {
			declared: "conditionalAccessPolicy", o: schema.Options{Deep: []string{"grantControls/authenticationStrength"}}, code: schema.CodeBadRequest,
			body:    `{"grantControls":{"authenticationStrength":"x"}}`,
			message: "A node of type 'PrimitiveValue' was read from the JSON reader when trying to read the contents of a resource reference navigation link; however, a 'StartObject' node or 'PrimitiveValue' node with null value was expected.", path: "/grantControls/authenticationStrength",
		},
		"binding of what is not there": {
			declared: "roleScopeTag", body: `{"nothing@odata.bind":"x"}`,
			message: "The property 'nothing' does not exist on type '" + intune + "roleScopeTag'. Make sure to only use property names that are defined by the type.", path: "/nothing@odata.bind",
		},
		"binding of a plain property": {
			declared: "roleScopeTag", body: `{"displayName@odata.bind":"x"}`,
			message: "The property 'displayName' has a property annotation 'odata.bind'. Primitive, complex, collection or open properties can only have an 'odata.type' property annotation.", path: "/displayName@odata.bind",
		},
		"binding of one by an array": {
			declared: "roleAssignment", body: `{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleAssignment","roleDefinition@odata.bind":["x"]}`,
			message: "The resource reference navigation property 'roleDefinition' has a property annotation 'odata.bind' with an array value. Resource reference navigation properties can only have a property annotation 'odata.bind' with a string value.", path: "/roleDefinition@odata.bind",
		},
		"binding of several by a string": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleScopeTags@odata.bind":"x"}`,
			message: "The resource set reference navigation property 'roleScopeTags' has a property annotation 'odata.bind' with a string value. Resource set reference navigation properties can only have a property annotation 'odata.bind' with an array value.", path: "/roleScopeTags@odata.bind",
		},
		"binding of none": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleScopeTags@odata.bind":[]}`,
			message: "The value of 'odata.bind' property annotation is an empty array. The 'odata.bind' property annotation must have a non-empty array as its value.", path: "/roleScopeTags@odata.bind",
		},
		"binding by a number": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleScopeTags@odata.bind":["x",1]}`,
			message: "Cannot read the value '1' for the property 'roleScopeTags' as a quoted JSON string value.", path: "/roleScopeTags@odata.bind/1",
		},
		"binding by null": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleDefinition@odata.bind":null}`,
			message: "The 'odata.bind' instance or property annotation has a null value. In OData, the 'odata.bind' instance or property annotation must have a non-null string value.", path: "/roleDefinition@odata.bind",
		},
		"binding and value": {
			declared: "deviceAndAppManagementRoleAssignment", o: schema.Options{Deep: []string{"roleDefinition"}}, body: `{"roleDefinition":null,"roleDefinition@odata.bind":"x"}`,
			message: "The resource reference navigation property 'roleDefinition' has both the 'odata.bind' property annotation as well as a value. Resource reference navigation properties can have either 'odata.bind' property annotations or values, but not both.", path: "/roleDefinition@odata.bind",
		},
		"binding refused": {
			declared: "deviceAndAppManagementRoleAssignment", o: schema.Options{RefuseBind: true}, body: `{"roleDefinition@odata.bind":"x"}`,
			message: "The property 'roleDefinition' has a property annotation 'odata.bind'. This annotation is either not recognized or not expected at the current position.", path: "/roleDefinition@odata.bind",
		},
		"annotation refused": {
			declared: "roleScopeTag", o: schema.Options{Annotations: schema.AnnotationsRefused}, body: `{"@odata.context":"x"}`,
			message: "The annotation 'odata.context' was found. This annotation is either not recognized or not expected at the current position.", path: "/@odata.context",
		},
		"annotation of a property refused": {
			declared: "deviceConfiguration", o: schema.Options{Annotations: schema.AnnotationsRefused}, body: ring(`"roleScopeTagIds@odata.type":"#Collection(String)"`),
			message: "The property 'roleScopeTagIds' has a property annotation 'odata.type'. This annotation is either not recognized or not expected at the current position.", path: "/roleScopeTagIds@odata.type",
		},
		"link to an action": {
			declared: "roleScopeTag", body: `{"#microsoft.graph.assign":{"target":"x"}}`,
			message: "A metadata reference property was found in a JSON Light request payload. Metadata reference properties are only supported in responses.", path: "/#microsoft.graph.assign",
		},
		"a name twice": {
			declared: "roleScopeTag", body: `{"displayName":"a","d\u0069splayName":"b"}`,
			message: "Multiple properties with the name 'displayName' were detected in an entry or a complex value. In OData, duplicate property names are not allowed.", path: "/displayName",
		},
		"no JSON": {
			declared: "roleScopeTag", body: `{"displayName":}`, code: schema.CodeBadRequest,
			message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
		},
		"nothing": {
			declared: "roleScopeTag", body: ``, code: schema.CodeBadRequest,
			message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
		},
		"an array": {
			declared: "roleScopeTag", body: `[]`, code: schema.CodeBadRequest,
			message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
		},
		"broken UTF-8": {
			declared: "roleScopeTag", body: "{\"displayName\":\"\xff\"}", code: schema.CodeBadRequest,
			message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
		},
		"string for a double": {
			declared: "keyRealValuePair", body: `{"key":"k","value":"0.1"}`, message: "Cannot convert the literal '0.1' to the expected type 'Edm.Double'.", path: "/value",
		},
		"infinity for an integer": {
			declared: "rgbColor", body: `{"r":"INF"}`, message: "Cannot convert the literal 'INF' to the expected type 'Edm.Byte'.", path: "/r",
		},
		"one byte too large": {
			declared: "roleScopeTag", body: `{"displayName":"n"}`, o: schema.Options{MaxBytes: 18}, status: 413, code: schema.CodeBadRequest,
			message: "The request body is too large.",
		},
		"one level too deep": {
			declared: "roleScopeTag", body: `{"displayName":[[[]]]}`, o: schema.Options{MaxDepth: 3},
			message: "The maximum recursion depth limit was reached. The depth of nested values in a single property cannot exceed 3.",
		},
		"a name twice among many": {
			declared: "androidGeneralDeviceConfiguration", body: `{"@odata.context":"","@odata.id":"","@odata.etag":"","a@x.a":0,"a@x.b":0,"a@x.c":0,"a@x.d":0,"a@x.e":0,"a@x.f":0,"a@x.g":0,"a@x.h":0,"a@x.i":0,"description":"","displayName":"n","description":""}`,
			message: "Multiple properties with the name 'description' were detected in an entry or a complex value. In OData, duplicate property names are not allowed.", path: "/description",
		},
		"binding of several by a number": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleScopeTags@odata.bind":1}`,
			message: "Cannot read the value '1' for the property 'roleScopeTags' as a quoted JSON string value.", path: "/roleScopeTags@odata.bind",
		},
		"binding by an object": {
			declared: "deviceAndAppManagementRoleAssignment", body: `{"roleDefinition@odata.bind":{}}`,
			message: "An unexpected 'StartObject' node was found when reading from the JSON reader. A 'PrimitiveValue' node was expected.", path: "/roleDefinition@odata.bind",
		},
		"too deep": {
			declared: "roleScopeTag", body: `{"displayName":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
			message: "The maximum recursion depth limit was reached. The depth of nested values in a single property cannot exceed 100.",
		},
		"too large": {
			declared: "roleScopeTag", body: `{"displayName":"n"}`, o: schema.Options{MaxBytes: 10}, status: 413, code: schema.CodeBadRequest,
			message: "The request body is too large.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := s.Check(c.o, c.declared, []byte(c.body))
			if v == nil {
				t.Fatalf("accepted %s", c.body)
			}
			want := schema.Violation{Status: 400, Code: schema.CodeModelValidation, Message: c.message, Path: c.path}
			if c.status != 0 {
				want.Status = c.status
			}
			if c.code != "" {
				want.Code = c.code
			}
			if *v != want {
				t.Errorf("got  %+v\nwant %+v", *v, want)
			}
		})
	}
}

// What Graph takes is not refused.
func TestAccepted(t *testing.T) {
	s := load(t)
	setting := func(s string) string { return strings.Replace(oma, "%", s, 1) }
	for name, c := range map[string]struct {
		declared, body string
		o              schema.Options
	}{
		"the type last, white space, escapes":    {declared: "deviceConfiguration", body: " {\r\n\"display\\u004eame\" : \"\\u00e4\\ud83d\\ude00\" , \"@odata.type\":\t\"#microsoft.graph.iosCustomConfiguration\"\n} "},
		"the type without its #":                 {declared: "deviceConfiguration", body: `{"@odata.type":"microsoft.graph.iosCustomConfiguration"}`},
		"no type where the declared one will do": {declared: "roleScopeTag", body: `{}`},
		"the id of zeros": {declared: "roleScopeTag", body: `{"id":"00000000-0000-0000-0000-000000000000"}`,
			o: schema.Options{ReadOnly: schema.ReadOnlyEmpty}},
		"an exception of a read-only property": {declared: "roleScopeTag", body: `{"id":"7","isBuiltIn":false}`,
			o: schema.Options{ReadOnly: schema.ReadOnlyRefused, ReadOnlyOf: map[string]schema.ReadOnlyRule{"id": schema.ReadOnlyIgnored, "isBuiltIn": schema.ReadOnlyIgnored}}},
		"annotations":                   {declared: "roleScopeTag", body: `{"@odata.context":"x","@odata.id":null,"displayName@odata.type":"#String","assignments@odata.context":"x","@microsoft.graph.tips":"x"}`},
		"action links of full metadata": {declared: "roleScopeTag", body: `{"#microsoft.graph.assign":{}}`, o: schema.Options{Annotations: schema.AnnotationsAny}},
		"bindings": {declared: "deviceAndAppManagementRoleAssignment",
			body: `{"roleDefinition@odata.bind":"https://graph.microsoft.com/beta/deviceManagement/roleDefinitions('1')","roleScopeTags@odata.bind":["https://graph.microsoft.com/beta/deviceManagement/roleScopeTags('0')"]}`},
		"settings inline": {declared: "deviceManagementConfigurationPolicy", o: schema.Options{Deep: []string{"settings"}},
			body: `{"name":"n","platforms":"windows10, macOS","technologies":"mdm,microsoftSense","settings":[{"id":"0","settingInstance":{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"d","auditRuleInformation":null,"choiceSettingValue":{"value":"v","children":[]}}}]}`},
		"all numbers":        {declared: "deviceConfiguration", body: setting(`{"@odata.type":"#microsoft.graph.omaSettingInteger","value":-2147483648},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","value":0.1},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","value":"INF"},{"@odata.type":"#microsoft.graph.omaSettingDateTime","value":"2017-01-01T00:00:35.1329464-08:00"},{"@odata.type":"#microsoft.graph.omaSettingBoolean","value":true}`)},
		"the largest number": {declared: "mobileApp", body: `{"@odata.type":"#microsoft.graph.win32LobApp","size":9223372036854775807}`},
		"no value":           {declared: "deviceConfiguration", body: `{"@odata.type":"#microsoft.graph.iosCustomConfiguration","description":null,"roleScopeTagIds":null}`},
		"null of a type whose nullability nobody knows": {declared: "authenticationContextClassReference", body: `{"isAvailable":null}`},
		"base64 of both alphabets":                      {declared: "deviceManagementScript", body: `{"scriptContent":"-_8","displayName":"x"}`},
		"base64":                                        {declared: "deviceManagementScript", body: `{"scriptContent":"+/8="}`},
		"base64 of nothing":                             {declared: "deviceManagementScript", body: `{"scriptContent":""}`},
		"an authentication strength by its id": {declared: "conditionalAccessPolicy", body: `{"grantControls":{"operator":"AND","authenticationStrength":{"id":"1"}}}`,
			o: schema.Options{Deep: []string{"grantControls/authenticationStrength"}}},
		"no authentication strength": {declared: "conditionalAccessPolicy", body: `{"grantControls":{"authenticationStrength":null}}`,
			o: schema.Options{Deep: []string{schema.DeepAny}}},
		"no more bytes than allowed":  {declared: "roleScopeTag", body: `{"displayName":"n"}`, o: schema.Options{MaxBytes: 19}},
		"no deeper than allowed":      {declared: "somethingElse", body: `{"a":[[{}],[[]]]}`, o: schema.Options{MaxDepth: 4}},
		"base64 in lines":             {declared: "deviceManagementScript", body: `{"scriptContent":"aGVs\r\nbG8\t= "}`},
		"not a number, for a double":  {declared: "keyRealValuePair", body: `{"value":"NaN"}`},
		"less than all, for a double": {declared: "keyRealValuePair", body: `{"value":"-INF"}`},
		"ranges":                      {declared: "namedLocation", body: `{"@odata.type":"#microsoft.graph.ipNamedLocation","ipRanges":[{"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"10.0.0.0/8"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			if v := s.Check(c.o, c.declared, []byte(c.body)); v != nil {
				t.Errorf("%v\n%s", v, c.body)
			}
		})
	}
}

// What cannot be checked is said, and does not stop the check of the rest.
func TestUnchecked(t *testing.T) {
	s := load(t)
	var said []string
	o := schema.Options{Unchecked: func(path, reason string) { said = append(said, path+" "+reason) }, Deep: []string{schema.DeepAny}}
	if v := s.Check(o, "cloudPcProvisioningPolicy", []byte(`{"anything":[{}]}`)); v != nil {
		t.Error(v)
	}
	if v := s.Check(o, "automaticUpdateMode", []byte(`{}`)); v != nil {
		t.Error(v)
	}
	if v := s.Check(o, "deviceManagementConfigurationPolicy", []byte(`{"settings":[{"settingDefinitions":[{"x":1}]}]}`)); v != nil {
		t.Error(v)
	}
	if v := s.Check(o, "deviceManagementConfigurationSettingInstance", []byte(`{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","auditRuleInformation":{"x":[]}}`)); v != nil {
		t.Error(v)
	}
	want := []string{
		" the declared type cloudPcProvisioningPolicy is not in the tables",
		" the declared type automaticUpdateMode is not in the tables",
		"/settings/0/settingDefinitions the type deviceManagementConfigurationSettingDefinition is not in the tables",
		"/auditRuleInformation the property is in no metadata",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
	if v := s.Check(o, "cloudPcProvisioningPolicy", []byte(`{`)); v == nil {
		t.Error("a body that is no JSON was accepted for an unknown type")
	}
}

// Actions take their parameters and no others; an assignment list is checked as
// the entities it holds.
func TestActions(t *testing.T) {
	s := load(t)
	set, _ := s.Set("deviceManagement/deviceConfigurations")
	assign := set.AssignParameters()
	const target = `{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"g"}}`
	for name, c := range map[string]struct {
		action     string
		parameters map[string]string
		body       string
		o          schema.Options
		message    string
		path       string
	}{
		"assign":         {action: "assign", parameters: assign, body: `{"assignments":[` + target + `]}`},
		"assign nothing": {action: "assign", parameters: assign, body: `{"assignments":[]}`},
		"empty body":     {action: "assign", parameters: assign},
		"context":        {action: "assign", parameters: assign, body: `{"@odata.context":"x"}`},
		"context refused": {action: "assign", parameters: assign, body: `{"@odata.context":"x"}`, o: schema.Options{Annotations: schema.AnnotationsRefused},
			message: "The parameter '@odata.context' in the request payload is not a valid parameter for the operation 'assign'.", path: "/@odata.context"},
		"context, then another key": {action: "assign", parameters: assign, body: `{"@odata.context":"x","nothing":1}`,
			message: "The parameter 'nothing' in the request payload is not a valid parameter for the operation 'assign'.", path: "/nothing"},
		"another key": {action: "assign", parameters: assign, body: `{"deviceManagementScriptAssignments":[]}`,
			message: "The parameter 'deviceManagementScriptAssignments' in the request payload is not a valid parameter for the operation 'assign'.", path: "/deviceManagementScriptAssignments"},
		"twice": {action: "assign", parameters: assign, body: `{"assignments":[],"assignments":[]}`,
			message: "Multiple parameters with the name 'assignments' were found in the request payload.", path: "/assignments"},
		"wrong target": {action: "assign", parameters: assign, body: `{"assignments":[` + target + `,{"target":{"@odata.type":"#microsoft.graph.omaSettingInteger"}}]}`,
			message: "A value was encountered that has a type name that is incompatible with the metadata. The value specified its type as '" + intune + "omaSettingInteger', but the type specified in the metadata is '" + intune + "deviceAndAppManagementAssignmentTarget'.", path: "/assignments/1/target/@odata.type"},
		"number": {action: "setPriority", parameters: map[string]string{"priority": "Edm.Int32"}, body: `{"priority":"1"}`,
			message: "Cannot convert the literal '1' to the expected type 'Edm.Int32'.", path: "/priority"},
		"binding inside": {action: "updateDefinitionValues", parameters: map[string]string{"added": "Collection(groupPolicyDefinitionValue)"}, o: schema.Options{Deep: []string{"added/presentationValues"}},
			body: `{"added":[{"enabled":true,"definition@odata.bind":"x","presentationValues":[{"@odata.type":"#microsoft.graph.groupPolicyPresentationValueText","value":"v","presentation@odata.bind":"y"}]}]}`},
		"no JSON": {action: "assign", parameters: assign, body: `x`, message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."},
	} {
		t.Run(name, func(t *testing.T) {
			v := s.CheckAction(c.o, c.action, c.parameters, []byte(c.body))
			switch {
			case v == nil && c.message != "":
				t.Errorf("accepted %s", c.body)
			case v != nil && (v.Message != c.message || v.Path != c.path || v.Status != 400):
				t.Errorf("got %v, want %q at %q", v, c.message, c.path)
			}
		})
	}
	pin, _ := s.Set("deviceManagement/roleDefinitions")
	if pin.AssignParameters() != nil {
		t.Error("roles have an assign action")
	}
}

// A body keeps being looked into while its numbers and texts stay as they are:
// nothing of a large policy is lost between two checks.
func TestCheckDoesNotTouchTheBody(t *testing.T) {
	s := load(t)
	body := []byte(strings.Replace(oma, "%", `{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","value":0.1}`, 1))
	before := bytes.Clone(body)
	if v := s.Check(schema.Options{}, "deviceConfiguration", body); v != nil || !bytes.Equal(before, body) || !json.Valid(body) {
		t.Errorf("%v: %s", v, body)
	}
}
