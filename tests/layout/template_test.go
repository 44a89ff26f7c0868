package layout

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// statements lists what the template says of permissions that name the resource,
// each with the resource whose policy it stands in.
func statements(t *testing.T, resource string) map[string][]*yaml.Node {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string][]*yaml.Node{}
	resources := member(document.Content[0], "Resources")
	for i := 0; i+1 < len(resources.Content); i += 2 {
		name := resources.Content[i].Value
		walk(resources.Content[i+1], func(n *yaml.Node) {
			if on := member(n, "Resource"); on != nil && member(n, "Effect") != nil && slices.ContainsFunc(scalars(on), func(s string) bool { return strings.Contains(s, resource) }) {
				found[name] = append(found[name], n)
			}
		})
	}
	return found
}

func walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, child := range n.Content {
		walk(child, visit)
	}
}

func member(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalars are all texts below a node, in order, short forms of functions with
// their tag.
func scalars(n *yaml.Node) []string {
	var all []string
	walk(n, func(n *yaml.Node) {
		text := n.Value
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			text = strings.TrimSpace(n.Tag + " " + n.Value)
		}
		if text != "" {
			all = append(all, text)
		}
	})
	return all
}

// In AWS a capture seals for one tenant at a time, a live restore opens as well, a
// preview does neither, and nobody else touches the keys of the vault. That the
// deployed roles say so is tested on the local stack, but not the condition:
// stand-ins do not know it.
func TestKeysOfTheVaultAreForCapturesAndRestores(t *testing.T) {
	seal, open := []string{"kms:GenerateDataKey"}, []string{"kms:Decrypt", "kms:GenerateDataKey"}
	mac := []string{"kms:GenerateMac"}
	tenant := []string{"!If", "HasAwsEndpoint", "!Ref AWS::NoValue", "StringLike", "kms:EncryptionContext:tenant", "ten_*"}
	for key, want := range map[string]struct {
		actions   map[string][]string // by role
		condition []string
	}{
		"SealingKey.Arn": {map[string][]string{
			"BackupSetAddPoliciesRole": seal, "BackupSetCreateRole": seal, "PolicyCaptureSnapshotRole": seal, "RestoreExecuteRole": open, "RestoreRerunRole": open,
		}, tenant},
		"FingerprintKey.Arn": {map[string][]string{
			"BackupSetAddPoliciesRole": mac, "BackupSetCreateRole": mac, "PolicyCaptureSnapshotRole": mac, "RestorePreviewRole": mac, "RestoreExecuteRole": mac, "RestoreRerunRole": mac,
		}, nil},
	} {
		found := statements(t, key)
		if names, roles := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want.actions)); !slices.Equal(names, roles) {
			t.Errorf("%s is named by %q, want %q", key, names, roles)
			continue
		}
		for role, actions := range want.actions {
			mine := found[role]
			if len(mine) != 1 {
				t.Errorf("%s names %s in %d statements", role, key, len(mine))
				continue
			}
			if got := scalars(member(mine[0], "Action")); !slices.Equal(got, actions) {
				t.Errorf("%s: %s may %q, want %q", key, role, got, actions)
			}
			var condition []string
			if node := member(mine[0], "Condition"); node != nil {
				condition = scalars(node)
			}
			if !slices.Equal(condition, want.condition) {
				t.Errorf("%s: the condition of %s is %q, want %q", key, role, condition, want.condition)
			}
		}
	}
}
