package kmsvault

import (
	"encoding/binary"

	"tenantatlas/shared/run"
)

// An object is a header and what AES-256-GCM made of the values, nonce first:
//
//	"TAV1" | length of the wrapped key, 2 bytes | wrapped key | nonce | ciphertext | tag
//
// The values are their number, then key and text of each with its length before
// it, then zeros up to a whole block. Lengths are unsigned varints. It is no JSON,
// because JSON has no bytes that are no Unicode, and its encoder keeps buffers
// that nobody can wipe.
const (
	magic      = "TAV1"
	headerSize = len(magic) + 2
	// maxWrappedKey is the largest that KMS hands out.
	maxWrappedKey = 6144
	// padTo hides the length of a short secret, which says much about a password.
	padTo = 1024
	// maxObject bounds what is read. The lengths of one key and text take at most two
	// bytes for each byte of them, and only one key can be empty.
	maxObject = 4*run.MaxSealedSize + 16<<10
)

func appendHeader(object, wrapped []byte) []byte {
	object = append(object, magic...)
	object = binary.BigEndian.AppendUint16(object, uint16(len(wrapped)))
	return append(object, wrapped...)
}

// parseHeader splits an object into the wrapped key and what was sealed.
func parseHeader(object []byte) (wrapped, sealed []byte, ok bool) {
	if len(object) < headerSize || string(object[:len(magic)]) != magic {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(object[len(magic):headerSize]))
	rest := object[headerSize:]
	if n == 0 || n > maxWrappedKey || n > len(rest) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// encode writes the values into one buffer that is never grown, so that whoever
// wipes it wipes all of it.
func encode(values run.SecretValues) []byte {
	size := uvarintLen(len(values))
	for name, value := range values {
		size += uvarintLen(len(name)) + len(name) + uvarintLen(len(value)) + len(value)
	}
	size = (size + padTo - 1) / padTo * padTo
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(values)))
	for name, value := range values {
		for _, text := range []string{name, value} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return b[:size]
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// decode reads what encode wrote, and nothing else.
func decode(b []byte) (run.SecretValues, bool) {
	text := func() (string, bool) {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return "", false
		}
		s := string(b[used : used+int(n)])
		b = b[used+int(n):]
		return s, true
	}
	count, used := binary.Uvarint(b)
	if used <= 0 || count > uint64(len(b)) {
		return nil, false
	}
	b = b[used:]
	values := run.SecretValues{}
	for range count {
		name, ok := text()
		if !ok {
			return nil, false
		}
		value, ok := text()
		if _, twice := values[name]; !ok || twice {
			return nil, false
		}
		values[name] = value
	}
	for _, padding := range b {
		if padding != 0 {
			return nil, false
		}
	}
	return values, true
}
