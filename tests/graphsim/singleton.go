package graphsim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// singleton finds what is no set: deviceManagement with its settings, and actions
// that are bound to nothing.
func singleton(method, path string) (route, bool) {
	configuration := anyOf(PermConfigurationRead, PermConfigurationReadWrite)
	switch path {
	case "deviceManagement":
		rt := route{lane: LaneDeviceConfiguration, need: configuration, handler: serveDeviceManagement}
		if method != http.MethodGet {
			rt.need = anyOf(PermConfigurationReadWrite)
		} else {
			// The account id is read by every area.
			rt.need = append(configuration, anyOf(PermServiceConfigRead, PermServiceConfigReadWrite)...)
		}
		return rt, true
	case "deviceManagement/settings":
		return route{lane: LaneDeviceConfiguration, need: configuration, handler: serveSettings}, true
	case "directoryObjects/getByIds":
		return route{lane: LaneDirectory, need: anyOf(PermGroupMemberRead, PermGroupRead), handler: serveGetByIDs}, true
	case "deviceManagement/androidManagedStoreAccountEnterpriseSettings/addApps":
		return route{lane: LaneApplications, need: anyOf(PermAppsReadWrite), handler: serveAddApps}, true
	}
	return route{}, false
}

// isRead says whether a request changes nothing.
func isRead(method, path string) bool {
	return method == http.MethodGet || method == http.MethodPost && strings.HasSuffix(path, "/directoryObjects/getByIds")
}

// defaultSettings are the settings of a new tenant (deviceManagementSettings of
// the published metadata, with its defaults).
func defaultSettings() object {
	o, err := parseObject([]byte(`{"deviceComplianceCheckinThresholdDays":30,"isScheduledActionEnabled":true,"secureByDefault":false,"enhancedJailBreak":false,"deviceInactivityBeforeRetirementInDay":0,"derivedCredentialProvider":"notConfigured","derivedCredentialUrl":"","androidDeviceAdministratorEnrollmentEnabled":false,"ignoreDevicesForUnsupportedSettingsEnabled":false,"enableLogCollection":true,"enableAutopilotDiagnostics":true,"enableEnhancedTroubleshootingExperience":false,"enableDeviceGroupMembershipReport":false,"m365AppDiagnosticsEnabled":false}`))
	if err != nil {
		return nil // cannot be: the text is constant
	}
	return o
}

// serveDeviceManagement answers deviceManagement itself. Its settings are null
// unless they are selected, and are written through it.
func serveDeviceManagement(x *exchange, t *tenant) response {
	switch x.method {
	case http.MethodGet:
		q, p := parseQuery(x.rawQuery)
		if p != nil {
			return x.fail(p)
		}
		for _, name := range q.selects {
			if !slices.Contains([]string{"id", "intuneAccountId", "settings"}, name) {
				return x.fail(notModelled("the property %s of deviceManagement", name))
			}
		}
		if q.star || len(q.expands) > 0 || q.top > 0 || q.filter != "" || q.orderBy != "" || q.skipToken != "" {
			return x.fail(notModelled("this query on deviceManagement"))
		}
		settings := json.RawMessage("null")
		if slices.Contains(q.selects, "settings") {
			t.mu.RLock()
			settings = t.settings.bytes()
			t.mu.RUnlock()
		}
		o := object{}.with("intuneAccountId", quote(t.accountID)).with("settings", settings)
		if len(q.selects) > 0 {
			o = o.without(func(key string) bool { return !slices.Contains(q.selects, key) })
		}
		return x.one(contextOf("deviceManagement", q)+"/$entity", o)
	case http.MethodPatch:
		return patchSettings(x, t)
	}
	return x.fail(notModelled("%s of deviceManagement", x.method))
}

func serveSettings(x *exchange, t *tenant) response {
	if x.method != http.MethodGet {
		return x.fail(notModelled("%s of deviceManagement/settings: settings are written through deviceManagement", x.method))
	}
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on deviceManagement/settings"))
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return x.one(metadataRoot+"deviceManagement/settings", t.settings)
}

// serveGetByIDs answers the objects among up to 1,000 ids; ids of nothing are
// left out. Only groups are modelled.
func serveGetByIDs(x *exchange, t *tenant) response {
	if x.method != http.MethodPost {
		return x.fail(badRequest("Resource not found for the segment 'getByIds'."))
	}
	if x.rawQuery != "" {
		return x.fail(notModelled("a query on getByIds"))
	}
	var in struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if err := json.Unmarshal(x.body, &in); err != nil || len(in.IDs) == 0 || len(in.IDs) > 1000 {
		return x.fail(badRequest("Invalid value specified for property 'ids' of resource 'DirectoryObject'."))
	}
	if !slices.Equal(in.Types, []string{"group"}) {
		return x.fail(notModelled("getByIds of other types than group"))
	}
	groups := t.catalog.find(groupsPath)
	var out []json.RawMessage
	for _, id := range in.IDs {
		if e := t.entity(groups, id); e != nil {
			typed := object{{rawKey: quote("@odata.type"), key: "@odata.type", value: quote(typePrefix + "group")}}
			out = append(out, append(typed, groups.render(t, e, query{}, false)...).bytes())
		}
	}
	return x.writeList(metadataRoot+"directoryObjects", out, false, "", "")
}

// agreementFile answers {id}/file/localizations/{fileId}/fileData/data: the PDF
// of one language in base64.
func (x *exchange) agreementFile(rt route, e *entity) response {
	if len(rt.rest) != 5 || rt.rest[1] != "localizations" || rt.rest[3] != "fileData" || rt.rest[4] != "data" {
		return x.fail(notModelled("a path below %s/{id}/file", rt.col.path))
	}
	i := indexByID(e.children["files"], rt.rest[2])
	if i < 0 {
		return x.notFound(rt.col)
	}
	file, err := parseObject(e.children["files"][i])
	if err != nil {
		return x.notFound(rt.col)
	}
	data := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4"))
	if raw, ok := file.get("fileData"); ok {
		if o, err := parseObject(raw); err == nil && o.text("data") != "" {
			data = o.text("data")
		}
	}
	return jsonResponse(fmt.Appendf(nil, `{"@odata.context":%s,"value":%s}`, quote(metadataRoot+"Edm.Binary"), quote(data)))
}
