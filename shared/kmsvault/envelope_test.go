package kmsvault

import (
	"bytes"
	"maps"
	"testing"

	"tenantatlas/shared/run"
)

// Whatever was decrypted, decoding ends, and what it takes for values is written
// as it was read.
func FuzzDecode(f *testing.F) {
	for _, values := range []run.SecretValues{nil, {"k": "v"}, {"": "\xff", "k": string(make([]byte, 2000))}} {
		f.Add(encode(values))
	}
	for _, bad := range []string{"", "\x01", "\x01\x01k", "\x01\x01k\x02v", "\x02\x01k\x01v\x01k\x01w", "\x00\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01k"} {
		f.Add([]byte(bad))
		if values, ok := decode([]byte(bad)); ok || values != nil {
			f.Errorf("%q was taken for %d values", bad, len(values))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		values, ok := decode(b)
		if !bytes.Equal(b, before) {
			t.Error("decoding changed what it read")
		}
		if !ok {
			return
		}
		encoded := encode(values)
		if len(encoded)%padTo != 0 || cap(encoded) != len(encoded) {
			t.Errorf("%d bytes in room for %d", len(encoded), cap(encoded))
		}
		if again, ok := decode(encoded); !ok || !maps.Equal(again, values) {
			t.Errorf("%d values came back as %d", len(values), len(again))
		}
	})
}
