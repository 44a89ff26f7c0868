package fidelity

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
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
	b.equal(typ, mapped, b.find(target, typ, id).payload, typ.ID+" and its copy", differences, ownMade, drawn)
	return true
}
