package schema_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"tenantatlas/tests/graphsim/schema"
)

// exportsVariable names one more folder of exports to check. What is unknown in
// it is told, and fails the test.
const exportsVariable = "SCHEMA_EXPORTS"

// exceptions are where exports, or policies written for this project, do not fit
// the tables: place and message of the refusal, and why.
var exceptions = map[string]string{
	"/unknownToEveryMetadata The property 'unknownToEveryMetadata' does not exist on type '" + intune + "windows10CustomConfiguration'. Make sure to only use property names that are defined by the type.":                                                             "written for this project: a property of tomorrow has to survive",
	"/omaSettings/3/isReadOnly The property 'isReadOnly' does not exist on type '" + intune + "omaSettingFloatingPoint'. Make sure to only use property names that are defined by the type.":                                                                            "written for this project, after omaSettingInteger, which has it",
	"/omaSettings/4/value Cannot convert the literal '9223372036854775807' to the expected type 'Edm.Int32'.":                                                                                                                                                           "written for this project: a number that a double would change, where the service has only 32 bits",
	"/managedEmailProfileRequired The property 'managedEmailProfileRequired' does not exist on type '" + intune + "macOSCompliancePolicy'. Make sure to only use property names that are defined by the type.":                                                          "in an export of intune-my-macs; the metadata has it for iOS alone",
	"/@odata.type An entry with type '" + intune + "deviceEnrollmentPlatformRestriction' was found, but it is not assignable to the expected type '" + intune + "entity'. The type specified in the entry must be equal to either the expected type or a derived type.": "an export of intune-my-macs names the type of its inner object",
	"/conditions/clientAppTypes/0 Requested value 'All' was not found.":                                                                                                      "written by hand in ConditionalAccess: the member has no capital",
	"/conditions/locations An unexpected 'StartArray' node was found when reading from the JSON reader. A 'StartObject' node was expected.":                                  "written by hand in ConditionalAccess: [] for null",
	"/sessionControls Multiple properties with the name 'sessionControls' were detected in an entry or a complex value. In OData, duplicate property names are not allowed.": "written by hand in ConditionalAccess: the name stands there twice",
}

// noPolicies are files among the exports that hold no policy.
var noPolicies = []string{
	"2025-NCSC-Account-Protections_Settings.json", "2025-NCSC-Application-Control_Settings.json", // lists of settings
	"ACSC Windows Hardening Guidelines-Attack Surface Reduction.json", // what createInstance of a template takes
	"CheckForProcessRunning.json", "WSLDetectionRule.json",            // rules of custom compliance
	"oma-secrets.json", // plain texts for the simulator
	"swiftdialog.json", // settings of a program
}

// Every property of every real policy is known, or listed with its reason. The
// policies are read as they are stored: everything expanded, all annotations.
func TestExportsAreKnown(t *testing.T) {
	s := load(t)
	folders := []string{"../tenants", "testdata/exports"}
	if more := os.Getenv(exportsVariable); more != "" {
		folders = append(folders, more)
	}
	used, checked := map[string]bool{}, map[string]int{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".json" || slices.Contains(noPolicies, filepath.Base(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, object := range objects(t, path, text) {
				declared := declaredOf(t, path, object)
				checked[declared]++
				for {
					o := schema.Options{Deep: []string{schema.DeepAny}, Annotations: schema.AnnotationsAny, Unchecked: func(at, reason string) {
						if reason != "the property is in no metadata" {
							t.Errorf("%s: %s: %s", path, at, reason)
						}
					}}
					v := s.Check(o, declared, object)
					if v == nil {
						break
					}
					found := v.Path + " " + v.Message
					if exceptions[found] == "" {
						t.Errorf("%s, object %d: %v", path, i, v)
						break
					}
					used[found] = true
					if v.Path == "/@odata.type" {
						break // nothing of it can be known
					}
					object = without(t, object, v.Path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for exception := range exceptions {
		if !used[exception] {
			t.Errorf("no export needs this exception any more: %s", exception)
		}
	}
	t.Logf("checked %v", checked)
	if checked["deviceManagementConfigurationPolicy"] < 10 || checked["conditionalAccessPolicy"] < 10 {
		t.Errorf("too few policies were checked: %v", checked)
	}
}

// objects returns the policies of a file: one, or those of a list.
func objects(t *testing.T, path string, text []byte) []json.RawMessage {
	t.Helper()
	text = utf8Of(text)
	var list struct {
		Value []json.RawMessage `json:"value"`
	}
	if json.Unmarshal(text, &list) == nil && len(list.Value) > 0 && bytes.HasPrefix(bytes.TrimSpace(list.Value[0]), []byte("{")) {
		return list.Value
	}
	if !json.Valid(text) {
		t.Errorf("%s is no JSON", path)
		return nil
	}
	return []json.RawMessage{text}
}

// declaredOf guesses the entity type of an export that does not name it.
func declaredOf(t *testing.T, path string, object json.RawMessage) string {
	t.Helper()
	var has map[string]json.RawMessage
	if err := json.Unmarshal(object, &has); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	switch {
	case has["settings"] != nil && has["technologies"] != nil:
		return "deviceManagementConfigurationPolicy"
	case has["conditions"] != nil:
		return "conditionalAccessPolicy"
	}
	return "entity"
}

// utf8Of turns UTF-16 with a byte order mark into UTF-8, and drops the mark.
func utf8Of(b []byte) []byte {
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return b[3:]
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return b
	}
	var units []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}

// without takes the value at a JSON pointer out of an object. Out of a list it
// takes the element.
func without(t *testing.T, object json.RawMessage, pointer string) json.RawMessage {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(pointer, "/")[1:]
	var remove func(at any, steps []string) any
	remove = func(at any, steps []string) any {
		switch at := at.(type) {
		case map[string]any:
			if len(steps) == 1 {
				delete(at, steps[0])
			} else {
				at[steps[0]] = remove(at[steps[0]], steps[1:])
			}
			return at
		case []any:
			i, err := strconv.Atoi(steps[0])
			if err != nil || i >= len(at) {
				t.Fatalf("no %s", pointer)
			}
			if len(steps) == 1 {
				return slices.Delete(at, i, i+1)
			}
			at[i] = remove(at[i], steps[1:])
			return at
		}
		t.Fatalf("no %s", pointer)
		return nil
	}
	out, err := json.Marshal(remove(root, steps))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
