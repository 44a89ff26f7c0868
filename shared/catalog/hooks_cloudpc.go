package catalog

// The hooks of Windows 365.

// provisioningReferences are the network connections and the image of one tenant:
// with those of another one every Cloud PC would fail to be provisioned.
func provisioningReferences(d Document, found func(typeID string, holder map[string]any, key string)) {
	object := d.Object()
	if textAt(object, "imageType") == "custom" {
		found(TypeOther, object, "imageId")
	}
	joins, _ := object["domainJoinConfigurations"].([]any)
	for _, e := range joins {
		if join, ok := e.(map[string]any); ok {
			found(TypeOther, join, "onPremisesConnectionId")
		}
	}
	if len(joins) == 0 {
		found(TypeOther, object, "onPremisesConnectionId")
	}
}

// provisioningNormal leaves out what says nothing: the older place of the network
// connection, and the kind that a policy has when it names none.
func provisioningNormal(d Document) {
	object := d.Object()
	if joins, _ := object["domainJoinConfigurations"].([]any); len(joins) > 0 {
		delete(object, "onPremisesConnectionId")
	}
	if object["userExperienceType"] == "cloudPc" {
		delete(object, "userExperienceType")
	}
}

// provisioningCreation leaves out the older place of the network connection where
// there is the newer one.
func provisioningCreation(c *creation) {
	if joins, ok := c.body["domainJoinConfigurations"].([]any); ok && len(joins) > 0 {
		delete(c.body, "onPremisesConnectionId")
	}
	if c.body["userExperienceType"] == nil { // a create without is not known to work
		c.body["userExperienceType"] = "cloudPc"
	}
}
