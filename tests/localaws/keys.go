package localaws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// CreateVaultKeys makes the two keys of a vault as template.yaml describes them,
// and returns their ARNs.
func CreateVaultKeys(t testing.TB, client *kms.Client) (sealing, fingerprint string) {
	t.Helper()
	return createKey(t, client, "SealingKey"), createKey(t, client, "FingerprintKey")
}

func createKey(t testing.TB, client *kms.Client, resource string) string {
	t.Helper()
	raw, err := readTemplate()
	if err != nil {
		t.Fatal(err)
	}
	described, err := properties(raw, resource)
	if err != nil {
		t.Fatal(err)
	}
	var in kms.CreateKeyInput
	if node := child(described, "KeySpec"); node != nil {
		in.KeySpec = types.KeySpec(node.Value)
	}
	if node := child(described, "KeyUsage"); node != nil {
		in.KeyUsage = types.KeyUsageType(node.Value)
	}
	out, err := client.CreateKey(t.Context(), &in)
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return *out.KeyMetadata.Arn
}
