package graphsim

import (
	"bytes"
	"encoding/json"
)

// UnmarshalExport reads the JSON of an exported file as the loader does: UTF-8 or
// UTF-16, with or without a byte order mark. Numbers are json.Number.
func UnmarshalExport(data []byte, v any) error {
	text, err := decodeText(data)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(v)
}
