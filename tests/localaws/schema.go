package localaws

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"gopkg.in/yaml.v3"
)

// TableSchema is what template.yaml says of the table.
type TableSchema struct {
	Attributes []struct {
		Name string `yaml:"AttributeName"`
		Type string `yaml:"AttributeType"`
	}
	Keys    []KeyPart
	Indexes []struct {
		Name       string    `yaml:"IndexName"`
		Keys       []KeyPart `yaml:"KeySchema"`
		Projection struct {
			Type       string   `yaml:"ProjectionType"`
			Attributes []string `yaml:"NonKeyAttributes"`
		} `yaml:"Projection"`
	}
	TTL        string // attribute
	StreamView string
}

// KeyPart is one attribute of a key.
type KeyPart struct {
	Name string `yaml:"AttributeName"`
	Kind string `yaml:"KeyType"` // HASH or RANGE
}

// ReadTableSchema reads the resource Table of template.yaml.
func ReadTableSchema() (TableSchema, error) {
	raw, err := readTemplate()
	if err != nil {
		return TableSchema{}, err
	}
	return parseTableSchema(raw)
}

func readTemplate() ([]byte, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, "template.yaml"))
}

// properties returns what a template says of a resource. It decodes nothing: the
// template has short forms of functions, such as !Ref, that plain YAML does not
// know.
func properties(raw []byte, resource string) (*yaml.Node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if len(document.Content) != 1 {
		return nil, errors.New("template is empty")
	}
	found := document.Content[0]
	for _, name := range []string{"Resources", resource, "Properties"} {
		if found = child(found, name); found == nil {
			return nil, fmt.Errorf("template has no Resources.%s.Properties: %s is missing", resource, name)
		}
	}
	return found, nil
}

// parseTableSchema decodes only the parts it needs.
func parseTableSchema(raw []byte) (TableSchema, error) {
	properties, err := properties(raw, "Table")
	if err != nil {
		return TableSchema{}, err
	}
	var s TableSchema
	parts := map[string]any{
		"AttributeDefinitions":   &s.Attributes,
		"KeySchema":              &s.Keys,
		"GlobalSecondaryIndexes": &s.Indexes,
	}
	for name, into := range parts {
		node := child(properties, name)
		if node == nil {
			return TableSchema{}, fmt.Errorf("template: the table has no %s", name)
		}
		if err := node.Decode(into); err != nil {
			return TableSchema{}, fmt.Errorf("template: %s of the table: %w", name, err)
		}
	}
	if node := child(child(properties, "TimeToLiveSpecification"), "AttributeName"); node != nil {
		s.TTL = node.Value
	}
	if node := child(child(properties, "StreamSpecification"), "StreamViewType"); node != nil {
		s.StreamView = node.Value
	}
	return s, nil
}

// child returns the value of a key of a mapping, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// CreateInput returns the request that makes the table.
func (s TableSchema) CreateInput(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(s.Keys)}
	if s.StreamView != "" {
		enabled := true
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: &enabled, StreamViewType: types.StreamViewType(s.StreamView)}
	}
	for _, a := range s.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &a.Name, AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	for _, i := range s.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.Keys),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(i.Projection.Type), NonKeyAttributes: i.Projection.Attributes},
		})
	}
	return in
}

func keySchema(parts []KeyPart) []types.KeySchemaElement {
	out := make([]types.KeySchemaElement, len(parts))
	for i, p := range parts {
		out[i] = types.KeySchemaElement{AttributeName: &p.Name, KeyType: types.KeyType(p.Kind)}
	}
	return out
}
