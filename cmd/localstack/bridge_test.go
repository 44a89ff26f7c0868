package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantatlas/cmd/localstack/stackfile"
)

func TestBridgeListensOnPrivateAddressesAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0", "8.8.8.8", "::", "localhost", "", "127.0.0.1"} {
		if err := bridge(t.Context(), config{root: t.TempDir()}, address, nil); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
}

func TestAFunctionInAContainerReachesTheStack(t *testing.T) {
	c := config{awsPort: 4566, graphPort: 8443}
	stack := &stackfile.Stack{UserPoolID: "eu-central-1_Pool"}
	got := containerEnvironment(c, stack, "ApiFunction", map[string]string{
		"TABLE_NAME": "table", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "QUEUE_URL": "http://localhost:4566/0/q",
		"GRAPH_URL": "https://localhost:8443", "SSL_CERT_FILE": "/somewhere/ca.pem", "OTHER_GRAPH": "https://graph.example:8443",
	})
	want := map[string]string{
		"TABLE_NAME": "table", "AWS_ENDPOINT_URL": "http://aws.localstack.internal:4566", "QUEUE_URL": "http://aws.localstack.internal:4566/0/q",
		"GRAPH_URL": "https://graph.localstack.internal:8443", "SSL_CERT_FILE": "/var/task/graph-ca.pem", "OTHER_GRAPH": "https://graph.example:8443",
		"JWKS_URL": "http://aws.localstack.internal:4566/eu-central-1_Pool/.well-known/jwks.json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got := containerEnvironment(c, stack, "NotifierFunction", nil); len(got) != 0 {
		t.Errorf("a function without an environment got %v", got)
	}
}
