package localaws_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

// The table of template.yaml can be made on every implementation.
func TestCreateTable(t *testing.T) {
	for _, d := range localaws.DynamoDBs(t) {
		t.Run(d.Name, func(t *testing.T) {
			client := d.Client(nil)
			name := localaws.CreateTable(t, client)
			out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
			if err != nil {
				t.Fatal(err)
			}
			schema, err := localaws.ReadTableSchema()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(out.Table.GlobalSecondaryIndexes), len(schema.Indexes); got != want || want == 0 {
				t.Errorf("table has %d indexes, template has %d", got, want)
			}
		})
	}
}
