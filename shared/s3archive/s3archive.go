// Package s3archive keeps payloads in S3, content-addressed and compressed,
// under a prefix per tenant. It implements run.Archive and imports only package
// run and the AWS SDK.
//
// A payload's key is its tenant and the SHA-256 of its bytes:
// t/<tenant>/sha256/<first two digits>/<digest>.json.gz. An object is created
// only if it is absent and never changes. Encryption is the bucket's default.
package s3archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
)

// API is the part of the S3 client that the archive uses.
type API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// DefaultMaxSize is the largest payload, before compression. Real policies reach
// a few megabytes.
const DefaultMaxSize = 64 << 20

// Options of an Archive. The zero value of a field means its default.
type Options struct {
	MaxSize int64 // bytes before compression; DefaultMaxSize
}

// Archive keeps payloads in one bucket. It is safe for concurrent use.
type Archive struct {
	api    API
	bucket string
	max    int64
}

var _ run.Archive = (*Archive)(nil)

// New returns an archive in the bucket.
func New(api API, bucket string, o Options) *Archive {
	a := &Archive{api: api, bucket: bucket, max: o.MaxSize}
	if a.max <= 0 {
		a.max = DefaultMaxSize
	}
	return a
}

// ErrCorrupt says that a stored object is not what its key names.
var ErrCorrupt = errors.New("archived payload is corrupt")

func keyOf(tenantID string, digest [sha256.Size]byte) string {
	h := hex.EncodeToString(digest[:])
	return "t/" + tenantID + "/sha256/" + h[:2] + "/" + h + ".json.gz"
}

var reKey = regexp.MustCompile(`^t/([A-Za-z0-9_-]{1,64})/sha256/([0-9a-f]{2})/([0-9a-f]{64})\.json\.gz$`)

// parseKey returns the tenant and digest of a key.
func parseKey(key string) (tenantID string, digest [sha256.Size]byte, ok bool) {
	m := reKey.FindStringSubmatch(key)
	if m == nil || m[3][:2] != m[2] {
		return "", digest, false
	}
	_, err := hex.Decode(digest[:], []byte(m[3]))
	return m[1], digest, err == nil
}

// Put implements run.Archive. Storing what is there already costs one refused
// request.
func (a *Archive) Put(ctx context.Context, tenantID string, payload []byte) (string, error) {
	switch {
	case !run.ValidSegment(tenantID):
		return "", errors.New("archive: tenant cannot be a prefix")
	case int64(len(payload)) > a.max:
		return "", run.ErrTooLarge
	}
	key := keyOf(tenantID, sha256.Sum256(payload))
	packed, err := pack(payload)
	if err != nil {
		return "", fmt.Errorf("archive: compress: %w", err)
	}
	absent, contentType := "*", "application/gzip"
	size := int64(len(packed))
	// S3 answers 409 while another create of the same key is under way. That one
	// may still fail, so this one is sent again.
	for n := 1; ; n++ {
		_, err = a.api.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &a.bucket, Key: &key, Body: bytes.NewReader(packed), ContentLength: &size, IfNoneMatch: &absent,
			ContentType: &contentType, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		})
		switch {
		case err == nil || hasCode(err, "PreconditionFailed"):
			// If it is there already it is the same object, because the key is of the
			// content; also when an earlier sending of this very request made it.
			return key, nil
		case !hasCode(err, "ConditionalRequestConflict") || n == maxConflicts:
			return "", fmt.Errorf("archive: store: %w", err)
		}
	}
}

// maxConflicts is how often a create that meets another one is sent.
const maxConflicts = 5

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// pack compresses. It is deterministic: no name and no time in the header.
func pack(payload []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(payload); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Get implements run.Archive. ErrCorrupt when the object is not what the key
// names, run.ErrTooLarge when it would unpack to more than an archive accepts.
func (a *Archive) Get(ctx context.Context, tenantID, key string) ([]byte, error) {
	owner, digest, ok := parseKey(key)
	if !ok || owner != tenantID {
		return nil, run.ErrNotFound
	}
	out, err := a.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &a.bucket, Key: &key})
	if err != nil {
		var missing *types.NoSuchKey
		if errors.As(err, &missing) {
			return nil, run.ErrNotFound
		}
		return nil, fmt.Errorf("archive: read: %w", err)
	}
	payload, err := unpack(out.Body, a.max)
	if closeErr := out.Body.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("archive: read: %w", closeErr)
	}
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(payload) != digest {
		return nil, ErrCorrupt
	}
	return payload, nil
}

// unpack decompresses at most limit bytes, so that a small object cannot fill the
// memory.
func unpack(r io.Reader, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	payload, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if int64(len(payload)) > limit {
		return nil, run.ErrTooLarge
	}
	return payload, nil
}
