package catalog

import "net/url"

// Administrative templates (ADMX), the files that add to them, and intents: types
// whose content is bound to definitions and templates of the service.

const (
	groupPolicyConfigurations  = "deviceManagement/groupPolicyConfigurations"
	groupPolicyDefinitionFiles = "deviceManagement/groupPolicyUploadedDefinitionFiles"
	groupPolicyDefinitions     = "deviceManagement/groupPolicyDefinitions"
	intents                    = "deviceManagement/intents"
	intentTemplates            = "deviceManagement/templates"

	typeDefinitionFile = "group-policy-uploaded-definition-file"

	partDefinitionValues   = "definitionValues"
	partPresentationValues = "presentationValues"
	partDefinitions        = "definitions"
)

var templateRows = []Type{
	{
		ID: "group-policy-configuration", Title: "Administrative template", Family: FamilyConfiguration,
		Collection: groupPolicyConfigurations, APIVersion: "beta",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName", "policyConfigurationIngestionType"},
		Parts: []Part{
			object(groupPolicyConfigurations, ""),
			child(groupPolicyConfigurations, partDefinitionValues, "$expand=definition"),
			{
				Name: partPresentationValues, Path: groupPolicyConfigurations + "/{id}/definitionValues/{each}/presentationValues", Query: "$expand=presentation",
				Paged: true, Each: definitionValueIDs, UnreadableCode: unreadablePart,
			},
			assignmentsOf(groupPolicyConfigurations),
		},
		// The list says how the definitions came, the item may say "unknown"
		// (IntuneManagement). Each definition says it itself.
		Volatile:   []string{"object.policyConfigurationIngestionType"},
		Unordered:  []string{partDefinitionValues, partDefinitionValues + "[]." + partPresentationValues},
		Normalize:  joinPresentations,
		Strip:      Strip{Create: []string{"policyConfigurationIngestionType", partDefinitionValues}, Update: []string{"policyConfigurationIngestionType", partDefinitionValues}},
		CreateCall: Call{Method: "POST", Path: groupPolicyConfigurations, Only: []string{"displayName", "description", "roleScopeTagIds"}, Required: []string{"displayName"}},
		UpdateCall: Call{Method: "PATCH", Path: groupPolicyConfigurations + "/{id}", Only: []string{"displayName", "description", "roleScopeTagIds"}},
		DeleteCall: Call{Method: "DELETE", Path: groupPolicyConfigurations + "/{id}"},
		Assign:     assignTo(groupPolicyConfigurations, "assignments", Yes, targetsAll...),
		Creation:   definitionValuesCreation,
		Rank:       45, DependsOn: []string{TypeScopeTag, TypeFilter, typeDefinitionFile},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: PreviewOnly, Reason: "Microsoft has ended new administrative templates and moves them to the settings catalog; only those that use imported files, present in the tenant, can be written."},
	},
	{
		ID: typeDefinitionFile, Title: "Imported administrative template file", Family: FamilyConfiguration,
		Collection: groupPolicyDefinitionFiles, APIVersion: "beta",
		NameProperty: "fileName", FixedPlatform: "windows10", Identity: []string{"targetNamespace", "fileName"},
		Parts: []Part{
			object(groupPolicyDefinitionFiles, "$expand=groupPolicyOperations"),
			child(groupPolicyDefinitionFiles, partDefinitions, ""),
		},
		Secrets: []Secret{
			{Where: "object.content", Reason: "Microsoft does not give out an imported file."},
			{Where: "object.groupPolicyUploadedLanguageFiles[].content", Reason: "Microsoft does not give out an imported file."},
		},
		Volatile: append(prefixed("object.", []string{"status", "groupPolicyOperations", "uploadDateTime", "groupPolicyUploadedLanguageFiles[].id", "groupPolicyUploadedLanguageFiles[].lastModifiedDateTime"}),
			prefixed(partDefinitions+"[].", []string{"id", "groupPolicyCategoryId", "lastModifiedDateTime", "version"})...),
		Unordered:  []string{partDefinitions, "object.languageCodes"},
		Strip:      Strip{Create: uploadState},
		CreateCall: Call{Method: "POST", Path: groupPolicyDefinitionFiles, Required: []string{"fileName", "content", "groupPolicyUploadedLanguageFiles"}},
		// There is no update: a second file of a namespace is refused, so a file is
		// removed, and with it the settings of all policies that use it.
		DeleteCall:      Call{Method: "POST", Path: groupPolicyDefinitionFiles + "/{id}/remove"},
		Creation:        contentCreation("content"),
		Rank:            25,
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: CaptureOnly, Reason: "Microsoft does not give out the imported file. Keep the ADMX and ADML files."},
	},
	{
		ID: "device-management-intent", Title: "Endpoint security policy (older kind)", Family: FamilyEndpointSecurity,
		Collection: intents, APIVersion: "beta",
		NameProperty: "displayName", Identity: []string{"displayName", "templateId"},
		Parts: []Part{
			object(intents, ""),
			child(intents, PartSettings, ""),
			{Name: "template", Path: intentTemplates + "/{each}", Each: intentTemplate, Absent404: true, UnreadableCode: unreadablePart},
			assignmentsOf(intents),
		},
		Secrets: []Secret{{Where: "settings", Reason: "Whether Microsoft gives out secret values of these settings is not known."}},
		// The template is Microsoft's and tells a reader what the policy is.
		Volatile:   []string{"template", "object.isMigratingToConfigurationPolicy"},
		Unordered:  []string{PartSettings},
		Strip:      Strip{Create: []string{"isMigratingToConfigurationPolicy", "templateId", PartSettings, odataType}, Update: []string{"templateId", PartSettings}},
		CreateCall: Call{Method: "POST", Path: intentTemplates + "/{templateId}/createInstance", Only: []string{"displayName", "description", "roleScopeTagIds"}, Required: []string{"displayName", "settingsDelta"}},
		UpdateCall: Call{Method: "PATCH", Path: intents + "/{id}", Only: []string{"displayName", "description", "roleScopeTagIds"}},
		DeleteCall: Call{Method: "DELETE", Path: intents + "/{id}"},
		Assign:     assignTo(intents, "assignments", Unknown, targetsAll...),
		Creation:   intentCreation,
		Rank:       40, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: CaptureOnly, Reason: "Microsoft has ended new policies from these templates and moves them to newer ones, which are captured on their own."},
	},
}

// uploadState is what the service finds out of an uploaded file.
var uploadState = []string{"languageCodes", "targetPrefix", "targetNamespace", "policyType", "revision", "status", "uploadDateTime"}

func definitionValueIDs(d Document) []string {
	var ids []string
	values(map[string]any(d), partDefinitionValues+"[].id", func(v any) {
		if id, ok := v.(string); ok {
			ids = append(ids, url.PathEscape(id))
		}
	})
	return ids
}

// ingested reports whether a definition came with an imported file: its ids are
// then new with every upload. Those of Microsoft's definitions are the same in
// every tenant.
func ingested(definition any) bool { return textAt(definition, "policyType") == "admxIngested" }

// presentationsOf are the presentation values of one definition value.
func presentationsOf(d Document, value map[string]any) []any {
	if list, ok := value[partPresentationValues].([]any); ok {
		return list
	}
	read, _ := d[partPresentationValues].(map[string]any)
	list, _ := read[url.PathEscape(textAt(value, "id"))].([]any)
	return list
}

// joinPresentations lays the presentation values into the definition values that
// they belong to, whose ids are made anew with every write, and leaves of the
// definitions what tells which they are: the rest is Microsoft's and changes with
// its releases.
func joinPresentations(d Document) {
	_, read := d[partPresentationValues]
	list, _ := d[partDefinitionValues].([]any)
	for _, e := range list {
		value, ok := e.(map[string]any)
		if !ok {
			continue
		}
		definition, _ := value["definition"].(map[string]any)
		imported := ingested(definition)
		names := []string{"classType", "displayName", "categoryPath", "policyType"}
		if !imported {
			names = append(names, "id")
		}
		if definition != nil {
			value["definition"] = onlyMembers(definition, names...)
		}
		presentations := presentationsOf(d, value)
		for _, p := range presentations {
			drop(p, "id")
			drop(p, "createdDateTime")
			drop(p, "lastModifiedDateTime")
			holder, _ := p.(map[string]any)
			presentation, ok := holder["presentation"].(map[string]any)
			if !ok {
				continue
			}
			names := []string{odataType, "label"}
			if !imported {
				names = append(names, "id")
			}
			holder["presentation"] = onlyMembers(presentation, names...)
		}
		if read {
			value[partPresentationValues] = presentations
		}
		for _, name := range []string{"id", "createdDateTime", "lastModifiedDateTime"} {
			delete(value, name)
		}
	}
	delete(d, partPresentationValues)
}

// definitionValuesCreation sets all values in one call, before anything is
// assigned.
func definitionValuesCreation(c *creation) {
	if _, ok := c.doc[partDefinitionValues].([]any); !ok {
		c.lack(partDefinitionValues)
		return
	}
	added := []any{}
	for _, value := range c.elements(partDefinitionValues) {
		id := textAt(value, "definition.id")
		if id == "" {
			c.lack("definition")
			return
		}
		imported := ingested(value["definition"])
		if imported {
			id = c.resolve(typeDefinitionFile, partDefinitionValues+"[].definition.id", id)
		}
		definition := graphRoot + groupPolicyDefinitions + "('" + id + "')"
		answers, _ := c.doc[partPresentationValues].(map[string]any)
		if _, read := answers[url.PathEscape(textAt(value, "id"))]; !read && value[partPresentationValues] == nil {
			c.lack(partPresentationValues)
			return
		}
		presentations := []any{}
		for _, p := range presentationsOf(c.doc, value) {
			presentation := textAt(p, "presentation.id")
			if presentation == "" {
				c.lack("presentation")
				return
			}
			if imported {
				presentation = c.resolve(typeDefinitionFile, partPresentationValues+"{}[].presentation.id", presentation)
			}
			sent, ok := c.tidy(p, "id", "createdDateTime", "lastModifiedDateTime", "presentation").(map[string]any)
			if !ok {
				continue
			}
			sent["presentation@odata.bind"] = definition + "/presentations('" + presentation + "')"
			presentations = append(presentations, sent)
		}
		added = append(added, map[string]any{"enabled": value["enabled"] == true, "definition@odata.bind": definition, partPresentationValues: presentations})
	}
	if len(added) > 0 {
		c.add("definition values", "POST", groupPolicyConfigurations+"/{id}/updateDefinitionValues",
			map[string]any{"added": added, "updated": []any{}, "deletedIds": []any{}})
	}
}

func intentTemplate(d Document) []string {
	if id := textAt(d.Object(), "templateId"); id != "" {
		return []string{url.PathEscape(id)}
	}
	return nil
}

// intentCreation makes an instance of the template: the collection itself takes
// no POST. A policy that Microsoft was moving when it was captured exists in its
// new form.
func intentCreation(c *creation) {
	object := c.doc.Object()
	template := textAt(object, "templateId")
	if template == "" {
		c.lack("templateId")
		return
	}
	if object["isMigratingToConfigurationPolicy"] == true {
		c.err = ErrNotCreatable
		return
	}
	if _, ok := c.doc[PartSettings].([]any); !ok {
		c.lack(PartSettings)
		return
	}
	c.first = c.first.Fill(map[string]string{"templateId": url.PathEscape(template)})
	delta := []any{}
	for _, s := range c.elements(PartSettings) {
		delta = append(delta, c.tidy(s, "id"))
	}
	c.body["settingsDelta"] = delta
}

const (
	reusablePolicySettings = "deviceManagement/reusablePolicySettings"
	inventoryPolicies      = "deviceManagement/inventoryPolicies"
	hardwareConfigurations = "deviceManagement/hardwareConfigurations"
)

// reusableSelected names what is read of a reusable setting: without it the
// service leaves the setting itself out.
const reusableSelected = "$select=id,displayName,description,settingDefinitionId,settingInstance,version"

// foundationRows are configuration that other policies use, or that stands beside
// them.
var foundationRows = []Type{
	{
		ID: typeReusable, Title: "Reusable setting", Shared: true, Family: FamilyConfiguration,
		Collection: reusablePolicySettings, APIVersion: "beta", ListQuery: reusableSelected + "&$top=999",
		NameProperty: "displayName", Identity: []string{"displayName", "settingDefinitionId"},
		Parts:           []Part{object(reusablePolicySettings, reusableSelected+",referencingConfigurationPolicyCount")},
		Secrets:         []Secret{{Where: "object.settingInstance.simpleSettingValue.value", Reason: "A compliance script for Linux may hold passwords and keys in clear.", Restorable: true}},
		Volatile:        []string{"object.referencingConfigurationPolicyCount", "object.referencingConfigurationPolicies"},
		Strip:           Strip{Create: reusableState, Update: reusableState},
		CreateCall:      Call{Method: "POST", Path: reusablePolicySettings, Required: []string{"displayName", "settingDefinitionId", "settingInstance"}},
		UpdateCall:      Call{Method: "PUT", Path: reusablePolicySettings + "/{id}", Whole: true},
		DeleteCall:      Call{Method: "DELETE", Path: reusablePolicySettings + "/{id}"},
		Creation:        reusableCreation,
		Updating:        reusableUpdating,
		Fixed:           []string{"settingDefinitionId"},
		Rank:            20,
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: Full, Reason: "A change reaches every policy that uses it."},
	},
	with(settingsPolicy(inventoryPolicies), func(t *Type) {
		t.ID, t.Title = "inventory-policy", "Inventory policy"
		t.Identity = []string{"name", "platforms", "technologies"}
		t.Parts[1].Query = "" // that $top is honoured here is not known
		t.Secrets, t.TreeReferences = nil, nil
		t.DependsOn = []string{TypeScopeTag, TypeFilter}
		t.Restorability = Restorability{Level: Full, Reason: "Only in tenants that have device inventory."}
	}),
	{
		ID: "hardware-configuration", Title: "BIOS configuration", Family: FamilyConfiguration,
		Collection: hardwareConfigurations, APIVersion: "beta",
		NameProperty: "displayName", FixedPlatform: "windows10", Identity: []string{"displayName", "hardwareConfigurationFormat"},
		Parts: []Part{object(hardwareConfigurations, ""), assignmentsOf(hardwareConfigurations)},
		Secrets: []Secret{
			{Where: "object.configurationFileContent", Reason: "A BIOS file may hold passwords in clear.", Restorable: true},
		},
		Strip:      Strip{Create: []string{"version", "deviceRunStates", "userRunStates", "runSummary"}, Update: []string{"version", "displayName"}},
		CreateCall: Call{Method: "POST", Path: hardwareConfigurations, Required: []string{"displayName", "fileName", "configurationFileContent", "hardwareConfigurationFormat"}},
		UpdateCall: Call{Method: "PATCH", Path: hardwareConfigurations + "/{id}"},
		DeleteCall: Call{Method: "DELETE", Path: hardwareConfigurations + "/{id}"},
		Assign:     assignTo(hardwareConfigurations, "hardwareConfigurationAssignments", Unknown, "group", "exclusionGroup"),
		Creation:   contentCreation("configurationFileContent"),
		Rank:       40, DependsOn: []string{TypeScopeTag, TypeFilter},
		ReadPermissions: configurationRead, WritePermissions: configurationWrite, Lane: LaneIntune,
		Restorability: Restorability{Level: PreviewOnly, Reason: "It writes the firmware settings of devices, which is left to a person."},
	},
}

// reusableState is what the service counts.
var reusableState = []string{"version", "referencingConfigurationPolicyCount", "referencingConfigurationPolicies"}

func reusableUpdating(c *change) {
	if c.body != nil {
		reusableCreation(&c.creation)
	}
}

// reusableCreation sends empty lists of children: null is refused, and so is a
// setting that is not of the definition that the object names.
func reusableCreation(c *creation) {
	captured, ok := c.doc.Object()["settingInstance"].(map[string]any)
	if !ok {
		c.lack("settingInstance")
		return
	}
	if secretToken([]any{captured}) {
		c.err = ErrPlaceholder
		return
	}
	if textAt(captured, "settingDefinitionId") != textAt(c.body, "settingDefinitionId") {
		c.lack("settingDefinitionId")
		return
	}
	walk(captured, 0, func(node map[string]any) {
		if v, ok := node["children"]; ok && v == nil {
			node["children"] = []any{}
		}
	})
	c.body["settingInstance"] = c.tidy(captured)
}
