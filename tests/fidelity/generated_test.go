package fidelity

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tenantatlas/shared/catalog"
	"tenantatlas/tests/graphsim"
	"tenantatlas/tests/graphsim/schema"
)

var (
	seed   = flag.Uint64("seed", 1, "of the first round of generated objects")
	rounds = flag.Int("rounds", 2, "rounds of generated objects")
)

// computed are properties that the service answers as it likes, whatever an object
// was made with.
var computed = map[string]string{
	"isAssigned":                       "said by the assignments",
	"settingCount":                     "counted",
	"deployedAppCount":                 "counted",
	"defaultLocale":                    "said by the messages",
	"content":                          "of an ADMX file: never given out",
	"groupPolicyUploadedLanguageFiles": "never given out",
	"policyConfigurationIngestionType": "unknown on a single object; said by its definitions",
	"brandingOptions":                  "of an enrolment notification: said by its templates",
}

// unknownApps are kinds of app that nobody manages any more, or that Microsoft
// offers to every tenant: they are counted and left out.
var unknownApps = []string{
	"androidAospReferencedApp", "managedAndroidStoreApp", "managedIOSStoreApp", "windowsAutoUpdateCatalogApp", "windowsPhone81AppX",
	"windowsPhone81AppXBundle", "windowsPhone81StoreApp", "windowsPhoneXAP", "windowsStoreApp",
}

// generated is an object as the service could hold it.
type generated struct {
	graphsim.Object
	name string // of its type
	want map[string]any
}

// generate draws an object of every type that the metadata has for the
// collections of the catalogue.
func generate(t *testing.T, random *rand.Rand, round uint64) []generated {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	var all []generated
	for _, src := range catalog.Sources() {
		set, ok := s.Set(src.Collection())
		if !ok || src.LookUp() || set.EntityType == "" {
			continue
		}
		for _, typ := range s.Concrete(set.EntityType) {
			if slices.Contains(unknownApps, typ.Name) || typ.Name == "namedLocation" { // which is abstract in the service
				continue
			}
			raw, err := s.Generate(random, typ.Name, schema.GenerateOptions{
				Declared: set.EntityType, Deep: set.DeepInsert, Required: set.RequiredOnCreate, Unpublished: true,
			})
			if err != nil {
				t.Fatalf("%s: %v", typ.Name, err)
			}
			// A secret that is given in clear comes back as a token.
			raw = bytes.ReplaceAll(raw, []byte(`"notEncrypted"`), []byte(`"invalid"`))
			want, err := decodeExact(raw)
			if err != nil {
				t.Fatal(err)
			}
			want["id"] = fmt.Sprintf("%08x-%04x-4000-8000-%012x", len(all), round, random.Uint64()>>16)
			delete(want, "assignments")                // which may be to nobody
			for _, p := range s.Properties(typ.Name) { // everything has a tag, if only the default one
				if (p.Name == "roleScopeTagIds" || p.Name == "roleScopeTags") && !p.Navigation {
					want[p.Name] = []any{"0", "7"}
				}
			}
			want["@odata.type"] = "#microsoft.graph." + typ.Name
			if typ.Name == "groupPolicyUploadedDefinitionFile" {
				want["status"] = "available" // in others it comes or goes
			}
			if src.Hidden(want) {
				continue
			}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, generated{graphsim.Object{Collection: set.Path, JSON: text}, typ.Name, want})
		}
	}
	return all
}

func decodeExact(raw []byte) (map[string]any, error) {
	doc, err := catalog.Decode(raw)
	return map[string]any(doc), err
}

// Objects of every type that Microsoft publishes, with random valid content,
// are captured whole: every property, every digit, every character.
func TestGeneratedObjectsAreCaptured(t *testing.T) {
	for n := range *rounds {
		round := *seed + uint64(n)
		t.Run(fmt.Sprintf("seed %d", round), func(t *testing.T) {
			b := newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}})
			b.wire(b.client, nil)
			b.add(source, graphsim.TenantSpec{Defaults: true})
			byID := map[string]generated{}
			for _, g := range generate(t, rand.New(rand.NewPCG(round, 1)), round) {
				id, err := b.sim.PutObject(source.graphID, g.Object)
				if err != nil {
					t.Errorf("%s: %v", g.name, err)
					continue
				}
				byID[strings.ToLower(id)] = g
			}
			b.add(target, graphsim.TenantSpec{Defaults: true})
			captured, made := 0, 0
			for _, p := range b.sync(source) {
				_, id := b.typeOf(p).SplitID(p.GraphID)
				g, ok := byID[strings.ToLower(id)]
				if !ok {
					continue // the tenant's own
				}
				captured++
				delete(byID, strings.ToLower(id))
				c := b.capture(source, p)
				doc, err := catalog.Decode(c.payload)
				if err != nil {
					t.Fatal(err)
				}
				for key, value := range g.want {
					got, inPart := doc[key]
					if !inPart {
						got = doc.Object()[key]
					}
					if key == "@odata.type" && got == nil || computed[key] != "" {
						continue
					}
					if diff := lost(value, got, key); diff != "" {
						t.Errorf("%s as %s: %s", g.name, p.Type, clip([]byte(diff)))
					}
				}
				if b.comesBack(c, doc) {
					made++
				}
				if again := b.capture(source, p); again.version.Number != c.version.Number {
					t.Errorf("%s: a second capture made another version", g.name)
				}
			}
			t.Logf("%d objects, %d made anew, %d not listed", captured, made, len(byID))
			if made < 100 {
				t.Errorf("only %d objects were made anew", made)
			}
			for _, g := range byID {
				t.Errorf("%s is of no type of the catalogue", g.name)
			}
		})
	}
}

// drawn are differences of content that no real policy has.
var drawn = map[string][]difference{
	"device-compliance-policy":               {{"the service keeps one rule", []string{"object.scheduledActionsForRule"}}},
	"enrollment-status-page":                 {{"the place among those that there are", []string{"object.priority"}}},
	"enrollment-comanagement":                {{"the place among those that there are", []string{"object.priority"}}},
	"enrollment-notification":                {{"the place among those that there are", []string{"object.priority"}}},
	"enrollment-single-platform-restriction": {{"the place among those that there are", []string{"object.priority"}}},
	"autopilot-deployment-profile":           {{"the service takes nothing else", []string{"object.outOfBoxExperienceSetting.escapeLinkHidden"}}},
	"linux-compliance-policy":                {{"rules without actions are none", []string{"scheduledActionsForRule"}}},
	"enrollment-limit":                       {{"the place among those that there are", []string{"object.priority"}}},
	"conditional-access-policy":              {{"an older name of something else", []string{"object.conditions.deviceStates"}}},
	"authentication-strength-policy":         {{"what an application makes is custom", []string{"object.policyType"}}},
}

// plainID is an id that an object can be made with.
var plainID = regexp.MustCompile(`^[A-Za-z0-9-]{1,36}$`)

// comesBack makes a generated object anew in the target tenant and compares it
// with what was captured. It reports whether it could be made: content that is
// valid by its types can mean nothing, and is refused then, but never because of
// its types.
func (b *bed) comesBack(c captured, doc catalog.Document) bool {
	b.t.Helper()
	typ := b.typeOf(c.Policy)
	b.needed(typ, doc, func(id string) bool { return !plainID.MatchString(id) })
	id, err := b.create(target, typ, c.payload, elsewhere, c.secrets)
	if err != nil {
		if strings.Contains(err.Error(), "ModelValidationFailure") {
			b.t.Errorf("%s: %v", typ.ID, err)
		}
		return false
	}
	mapped, err := typ.Map(c.payload, elsewhere)
	if err != nil {
		b.t.Fatal(err)
	}
	got := b.find(target, typ, id)
	b.equal(typ, mapped, got.payload, typ.ID+" and its copy", differences, ownMade, drawn)
	b.settled(typ, c, got, elsewhere, ownMade, drawn)
	return true
}

// Of two objects of one type with random content the second becomes the first.
func TestGeneratedObjectsAreUpdated(t *testing.T) {
	for n := range *rounds {
		round := *seed + uint64(n)
		t.Run(fmt.Sprintf("seed %d", round), func(t *testing.T) {
			b := newBed(t, graphsim.Options{Quotas: []graphsim.Quota{}})
			b.wire(b.client, nil)
			b.add(source, graphsim.TenantSpec{Defaults: true})
			b.add(target, graphsim.TenantSpec{Defaults: true})
			byID, others := map[string]generated{}, map[string]generated{}
			for _, g := range generate(t, rand.New(rand.NewPCG(round, 1)), round) {
				if id, err := b.sim.PutObject(source.graphID, g.Object); err == nil {
					byID[strings.ToLower(id)] = g
				}
			}
			for _, g := range generate(t, rand.New(rand.NewPCG(round, 2)), round) {
				others[g.Collection+g.name] = g
			}
			done, refused := 0, 0
			for _, p := range b.sync(source) {
				typ := b.typeOf(p)
				_, id := typ.SplitID(p.GraphID)
				g, ok := byID[strings.ToLower(id)]
				if !ok || typ.Restorability.Level != catalog.Full {
					continue
				}
				c := b.capture(source, p)
				doc, err := catalog.Decode(c.payload)
				if err != nil {
					t.Fatal(err)
				}
				b.needed(typ, doc, func(id string) bool { return !plainID.MatchString(id) })
				made, err := b.create(target, typ, c.payload, elsewhere, c.secrets)
				if err != nil {
					continue // what means nothing is refused; see comesBack
				}
				if b.becomes(c, made, others[g.Collection+g.name]) {
					done++
				} else {
					refused++
				}
			}
			t.Logf("%d objects became others, %d were refused", done, refused)
			if done < 100 {
				t.Errorf("only %d objects were updated", done)
			}
		})
	}
}

// becomes puts another object in the place of the one that was made, and updates it.
func (b *bed) becomes(c captured, id string, other generated) bool {
	b.t.Helper()
	typ := b.typeOf(c.Policy)
	made, err := catalog.Decode(b.find(target, typ, id).payload)
	if err != nil {
		b.t.Fatal(err)
	}
	object := maps.Clone(other.want)
	object["id"] = id
	delete(object, "notificationTemplates")
	delete(object, "priority")
	delete(object, "assignments")
	for _, path := range typ.Fixed {
		name, _, _ := strings.Cut(path, ".")
		if object[name] = made.Object()[name]; object[name] == nil {
			delete(object, name)
		}
	}
	for _, name := range []string{"notificationTemplates", "priority", "policyType", "publishingState"} {
		if v, ok := made.Object()[name]; ok {
			object[name] = v
		}
	}
	// A service names all members, if only with null, that may be null.
	maps.DeleteFunc(object, func(name string, _ any) bool {
		_, named := made.Object()[name]
		_, isPart := made[name]
		return !named && !isPart
	})
	text, err := json.Marshal(object)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.sim.PutObject(target.graphID, graphsim.Object{Collection: other.Collection, JSON: text}); err != nil {
		b.t.Fatalf("%s: %v", other.name, err)
	}
	live := b.find(target, typ, id)
	change, err := typ.Update(c.payload, live.payload, elsewhere, c.secrets)
	if err != nil {
		b.t.Logf("%s as %s: %v", other.name, typ.ID, err)
		return false
	}
	if err := b.apply(target, change.Steps, typ.Known(live.GraphID)); err != nil {
		if strings.Contains(err.Error(), "ModelValidationFailure") {
			b.t.Errorf("%s: %v", typ.ID, err)
		}
		b.t.Logf("%s as %s: %s", other.name, typ.ID, clip([]byte(err.Error())))
		return false
	}
	want, _, err := catalog.Cut(change.Want, catalog.MemberSecrets)
	if err != nil {
		b.t.Fatal(err)
	}
	after := b.find(target, typ, id)
	paths, err := typ.Unlike(want, after.payload)
	if err != nil {
		b.t.Fatal(err)
	}
	if paths = slices.DeleteFunc(paths, func(path string) bool { return allowed(typ, path, ownMade, drawn) }); len(paths) > 0 {
		b.t.Errorf("%s as %s: not as it was wanted: %v, %v%s", other.name, typ.ID, paths, err, shown(change.Steps))
	}
	again, err := typ.Update(c.payload, after.payload, elsewhere, c.secrets)
	again.Steps = slices.DeleteFunc(again.Steps, func(s catalog.Step) bool {
		// The place among those that there are; rules of which the service keeps one.
		return s.Name == "priority" || s.Name == "actions"
	})
	if err != nil || len(again.Steps) > 0 && typ.SecretReads == nil { // drawn settings have no values
		b.t.Errorf("%s as %s: is written again: %v%s", other.name, typ.ID, err, shown(again.Steps))
	}
	return true
}

// allowed reports whether a path is of a difference that is listed.
func allowed(typ catalog.Type, path string, lists ...map[string][]difference) bool {
	return slices.ContainsFunc(lists, func(list map[string][]difference) bool {
		return slices.ContainsFunc(list[typ.ID], func(d difference) bool {
			return slices.ContainsFunc(d.paths, func(p string) bool {
				return path == p || strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[")
			})
		})
	})
}
