package dynamostore

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

// expression collects the names and values of update, condition and filter
// expressions. Every attribute name is aliased, because many are reserved words.
type expression struct {
	names      map[string]string
	values     map[string]types.AttributeValue
	sets       []string
	removes    []string
	adds       []string
	deletes    []string
	conditions []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: map[string]types.AttributeValue{}}
}

// name returns the alias of an attribute.
func (e *expression) name(attr string) string {
	for alias, known := range e.names {
		if known == attr {
			return alias
		}
	}
	alias := "#n" + strconv.Itoa(len(e.names))
	e.names[alias] = attr
	return alias
}

// value returns the placeholder of a value.
func (e *expression) value(v types.AttributeValue) string {
	placeholder := ":v" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) text(s string) string { return e.value(&types.AttributeValueMemberS{Value: s}) }

func (e *expression) number(n int64) string {
	return e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)})
}

// set assigns a value to an attribute.
func (e *expression) set(attr string, v types.AttributeValue) {
	e.sets = append(e.sets, e.name(attr)+" = "+e.value(v))
}

func (e *expression) setText(attr, s string) { e.set(attr, &types.AttributeValueMemberS{Value: s}) }

// setOptional removes the attribute when s is "".
func (e *expression) setOptional(attr, s string) {
	if s == "" {
		e.remove(attr)
		return
	}
	e.setText(attr, s)
}

func (e *expression) setNumber(attr string, n int64) {
	e.set(attr, &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)})
}

// add increases an existing number.
func (e *expression) add(attr string, n int64) {
	alias := e.name(attr)
	e.sets = append(e.sets, alias+" = "+alias+" + "+e.number(n))
}

// addTo increases one entry of an existing map of numbers.
func (e *expression) addTo(attr, entry string, n int64) {
	path := e.name(attr) + "." + e.entryName(entry)
	e.sets = append(e.sets, fmt.Sprintf("%s = if_not_exists(%s, %s) + %s", path, path, e.number(0), e.number(n)))
}

// addReasons adds to the counts of outcomes by their reason.
func (e *expression) addReasons(reasons map[run.OutcomeReason]int) {
	for r, n := range reasons {
		e.adds = append(e.adds, e.name(reasonAttr(r))+" "+e.number(int64(n)))
	}
}

// entryName aliases a map entry apart from attributes of the same name.
func (e *expression) entryName(entry string) string {
	alias := "#e" + strconv.Itoa(len(e.names))
	e.names[alias] = entry
	return alias
}

func (e *expression) remove(attrs ...string) {
	for _, a := range attrs {
		e.removes = append(e.removes, e.name(a))
	}
}

// include adds a text to an attribute that is a set of texts.
func (e *expression) include(attr, s string) {
	e.adds = append(e.adds, e.name(attr)+" "+e.value(&types.AttributeValueMemberSS{Value: []string{s}}))
}

// exclude takes texts out of an attribute that is a set of texts. DynamoDB keeps no
// empty set: with its last text the attribute goes.
func (e *expression) exclude(attr string, texts []string) {
	if len(texts) > 0 { // there is no empty set to take out either
		e.deletes = append(e.deletes, e.name(attr)+" "+e.value(&types.AttributeValueMemberSS{Value: texts}))
	}
}

// setItem puts the attributes of an item in the place of those that are stored, but
// for its key and those that stay. What the item leaves out is removed.
func (e *expression) setItem(item any, stay ...string) error {
	image, err := encode(item)
	if err != nil {
		return err
	}
	for i := range reflect.TypeOf(item).NumField() {
		attr, _, _ := strings.Cut(reflect.TypeOf(item).Field(i).Tag.Get("dynamodbav"), ",")
		v, given := image[attr]
		switch {
		case attr == attrPK || attr == attrSK || slices.Contains(stay, attr):
		case given:
			e.set(attr, v)
		default:
			e.remove(attr)
		}
	}
	return nil
}

// setOnce assigns a value to an attribute that has none.
func (e *expression) setOnce(attr string, v types.AttributeValue) {
	e.sets = append(e.sets, fmt.Sprintf("%[1]s = if_not_exists(%[1]s, %[2]s)", e.name(attr), e.value(v)))
}

func (e *expression) when(format string, args ...any) {
	e.conditions = append(e.conditions, fmt.Sprintf(format, args...))
}

func (e *expression) whenAbsent() { e.when("attribute_not_exists(%s)", e.name(attrPK)) }

func (e *expression) whenPresent() { e.when("attribute_exists(%s)", e.name(attrPK)) }

func (e *expression) whenText(attr, s string) { e.when("%s = %s", e.name(attr), e.text(s)) }

func (e *expression) whenNumber(attr string, n int64) { e.when("%s = %s", e.name(attr), e.number(n)) }

// whenNot needs the attribute to be there and false.
func (e *expression) whenNot(attr string) {
	e.when("%s = %s", e.name(attr), e.value(&types.AttributeValueMemberBOOL{Value: false}))
}

// maxAlternatives is DynamoDB's limit of texts for whenIn.
const maxAlternatives = 100

// whenIn needs the attribute to be one of the texts.
func (e *expression) whenIn(attr string, texts []string) {
	placeholders := make([]string, len(texts))
	for i, s := range texts {
		placeholders[i] = e.text(s)
	}
	e.when("%s IN (%s)", e.name(attr), strings.Join(placeholders, ", "))
}

func (e *expression) update() *string {
	var parts []string
	if len(e.sets) > 0 {
		parts = append(parts, "SET "+strings.Join(e.sets, ", "))
	}
	if len(e.removes) > 0 {
		parts = append(parts, "REMOVE "+strings.Join(e.removes, ", "))
	}
	if len(e.adds) > 0 {
		parts = append(parts, "ADD "+strings.Join(e.adds, ", "))
	}
	if len(e.deletes) > 0 {
		parts = append(parts, "DELETE "+strings.Join(e.deletes, ", "))
	}
	s := strings.Join(parts, " ")
	return &s
}

// condition returns nil when there is none, as the SDK wants it.
func (e *expression) condition() *string {
	if len(e.conditions) == 0 {
		return nil
	}
	s := strings.Join(e.conditions, " AND ")
	return &s
}

func (e *expression) valuesOrNil() map[string]types.AttributeValue {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}

func (e *expression) namesOrNil() map[string]string {
	if len(e.names) == 0 {
		return nil
	}
	return e.names
}

// image returns the attributes of a key.
func (k key) image() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		attrPK: &types.AttributeValueMemberS{Value: k.pk},
		attrSK: &types.AttributeValueMemberS{Value: k.sk},
	}
}

// textOf reads a string attribute of an image.
func textOf(image map[string]types.AttributeValue, attr string) (string, error) {
	s, ok := image[attr].(*types.AttributeValueMemberS)
	if !ok {
		return "", errors.New("stored attribute " + attr + " is not a string")
	}
	return s.Value, nil
}

// itemSize is the size of an item as DynamoDB counts it: names and values in
// UTF-8, about one byte per two digits of a number, and 3 bytes plus 1 per
// element for lists and maps (docs.aws.amazon.com, "DynamoDB item sizes and
// formats").
func itemSize(image map[string]types.AttributeValue) int {
	size := 0
	for name, v := range image {
		size += len(name) + valueSize(v)
	}
	return size
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberSS:
		size := 0
		for _, e := range v.Value {
			size += len(e)
		}
		return size
	case *types.AttributeValueMemberL:
		size := 3
		for _, e := range v.Value {
			size += 1 + valueSize(e)
		}
		return size
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + itemSize(v.Value)
	}
	return 1
}

// maxItemSize is DynamoDB's limit of one item.
const maxItemSize = 400 * 1024
