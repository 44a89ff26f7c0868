package localaws

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Region is where everything pretends to be.
const Region = "us-east-1"

// Config returns an SDK configuration for an endpoint. It reads no environment
// and no files. Without a transport (nil) the client repeats what was not answered,
// see again; with one, the caller's transport sees what the SDK alone does.
func Config(endpoint string, transport http.RoundTripper) aws.Config {
	c := aws.Config{
		Region:       Region,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	if transport != nil {
		c.HTTPClient = &http.Client{Transport: transport}
		return c
	}
	c.Retryer = again
	return c
}

// again repeats everything that was not answered with an error of the service:
// stand-ins break connections off under load, which the SDK repeats only until the
// answer has begun. A write that was heard is heard twice then, which tests that
// use such a client have to bear.
func again() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 5
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			var service smithy.APIError
			return aws.BoolTernary(!errors.As(err, &service) && !errors.Is(err, context.Canceled))
		}))
	})
}

// DynamoDB is one implementation of DynamoDB to run a suite over.
type DynamoDB struct {
	Name     string
	Endpoint string
}

// Client returns a client of it. transport may be nil.
func (d DynamoDB) Client(transport http.RoundTripper, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(Config(d.Endpoint, transport), options...)
}

// DynamoDBs returns all implementations.
func DynamoDBs(t testing.TB) []DynamoDB {
	t.Helper()
	return []DynamoDB{
		{Name: "dynamodb-local", Endpoint: DynamoDBLocal(t)},
		{Name: "ministack", Endpoint: Ministack(t)},
	}
}

// CreateTable makes an empty table as template.yaml describes it, and deletes it
// with the test. It returns the table's name.
func CreateTable(t testing.TB, client *dynamodb.Client) string {
	t.Helper()
	schema, err := ReadTableSchema()
	if err != nil {
		t.Fatal(err)
	}
	name := "test-" + rand.Text()
	// The name is this table's alone: where the SDK repeats a request whose answer
	// broke off, a refusal says that the first was heard.
	var exists *types.ResourceInUseException
	if _, err := client.CreateTable(t.Context(), schema.CreateInput(name)); err != nil && !errors.As(err, &exists) {
		t.Fatalf("create table: %v", err)
	}
	t.Cleanup(func() {
		var gone *types.ResourceNotFoundException
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil && !errors.As(err, &gone) {
			t.Errorf("delete table: %v", err)
		}
	})
	return name
}
