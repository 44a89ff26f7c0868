// Package kmsvault seals secret values with AWS KMS and keeps them in S3, under a
// prefix per tenant beside the payloads. It implements run.Vault and imports only
// package run and the AWS SDK.
//
// Values are sealed in an envelope: KMS makes a key for this one object, with the
// tenant as its encryption context; the values are encrypted with it by
// AES-256-GCM, with the object's key as additional data; the object holds the
// key as KMS wrapped it. So an object that is moved to another name or tenant
// does not open, and to open it takes the permission to decrypt, which whoever
// seals need not have. An object, t/<tenant>/sealed/<name>, is created only if it
// is absent and never changes.
//
// Fingerprints are HMAC-SHA-256 with a key per tenant, which is what the HMAC key
// of KMS makes of a fixed label and the tenant. The tenant's key is kept in
// memory for minutes; the key of KMS never leaves KMS. An HMAC key cannot be
// rotated: another one would make every policy with secrets look changed, once.
//
// No error holds a value or a key.
package kmsvault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
)

// KMS is the part of the KMS client that the vault uses. Decrypt is for Open
// alone.
type KMS interface {
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	GenerateMac(context.Context, *kms.GenerateMacInput, ...func(*kms.Options)) (*kms.GenerateMacOutput, error)
}

// S3 is the part of the S3 client that the vault uses. GetObject is for Open
// alone.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Place is where values are sealed and what with. Keys are named by their ARN or
// id.
type Place struct {
	Bucket         string
	SealingKey     string // a symmetric key
	FingerprintKey string // an HMAC_256 key
}

// How long, and of how many tenants, the keys of fingerprints are kept in memory.
const (
	DefaultKeepFor     = 5 * time.Minute
	DefaultKeepTenants = 64
)

// Options of a Vault. The zero value of a field means its default.
type Options struct {
	KeepFor     time.Duration    // DefaultKeepFor
	KeepTenants int              // DefaultKeepTenants
	Now         func() time.Time // time.Now; only to forget keys
}

// Vault seals values. It is safe for concurrent use.
type Vault struct {
	keys    KMS
	objects S3
	place   Place
	tenants *tenantKeys
}

var _ run.Vault = (*Vault)(nil)

// New returns a vault at the place.
func New(keys KMS, objects S3, p Place, o Options) *Vault {
	if o.KeepFor <= 0 {
		o.KeepFor = DefaultKeepFor
	}
	if o.KeepTenants <= 0 {
		o.KeepTenants = DefaultKeepTenants
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Vault{keys: keys, objects: objects, place: p, tenants: newTenantKeys(o)}
}

// Format hides what the vault holds from all formatting verbs.
func (*Vault) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[vault]") }

// reName is what may stand in a key as a name: nothing that could end the prefix
// or climb out of it.
var reName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func objectKey(tenantID, name string) (string, bool) {
	return "t/" + tenantID + "/sealed/" + name, run.ValidSegment(tenantID) && reName.MatchString(name)
}

// encryptionContext is what KMS binds a wrapped key to. It is in clear in the
// trail of the account, and what a role may seal is limited by it.
func encryptionContext(tenantID string) map[string]string {
	return map[string]string{"tenant": tenantID}
}

// boundTo is the additional data of an object's ciphertext: it opens under its own
// key only.
func boundTo(key string) []byte { return []byte(key) }

// keySize is the size of all keys here: AES-256 and HMAC-SHA-256.
const keySize = 32

// maxConflicts is how often a create that meets another one is sent.
const maxConflicts = 5

// Seal implements run.Vault. It makes one request to KMS and one to S3, also when
// the name is taken: whoever seals may not look.
func (v *Vault) Seal(ctx context.Context, tenantID, name string, values run.SecretValues) error {
	key, ok := objectKey(tenantID, name)
	switch {
	case !ok:
		return errors.New("seal: tenant or name cannot be part of a key")
	case values.Size() > run.MaxSealedSize:
		return run.ErrTooLarge
	}
	object, err := v.envelope(ctx, tenantID, key, values)
	if err != nil {
		return err
	}
	absent, contentType := "*", "application/octet-stream"
	size := int64(len(object))
	// S3 answers 409 while another create of the same key is under way. That one
	// may still fail, so this one is sent again.
	for n := 1; ; n++ {
		_, err = v.objects.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &v.place.Bucket, Key: &key, Body: bytes.NewReader(object), ContentLength: &size, IfNoneMatch: &absent,
			ContentType: &contentType, ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
		})
		switch {
		case err == nil || hasCode(err, "PreconditionFailed"):
			// What is there already was sealed from the same values, maybe by an earlier
			// sending of this very request.
			return nil
		case !hasCode(err, "ConditionalRequestConflict") || n == maxConflicts:
			return redact("seal: store", err)
		}
	}
}

// envelope encrypts the values for the object with a key of its own.
func (v *Vault) envelope(ctx context.Context, tenantID, key string, values run.SecretValues) ([]byte, error) {
	made, err := v.keys.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &v.place.SealingKey, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext(tenantID),
	})
	if err != nil {
		return nil, redact("seal: make a key", err)
	}
	defer clear(made.Plaintext)
	aead, err := newAEAD(made.Plaintext)
	if err != nil || len(made.CiphertextBlob) == 0 || len(made.CiphertextBlob) > maxWrappedKey {
		return nil, errors.New("seal: KMS made no key of the right form")
	}
	plain := encode(values)
	defer clear(plain)
	object := appendHeader(make([]byte, 0, headerSize+len(made.CiphertextBlob)+len(plain)+aead.Overhead()), made.CiphertextBlob)
	return aead.Seal(object, nil, plain, boundTo(key)), nil //nolint:gosec // no nonce is passed because it makes a random one itself
}

// newAEAD is AES-256-GCM that puts a random nonce before each ciphertext. A key
// encrypts one object only.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, errors.New("a key is of the wrong size")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Open implements run.Vault. S3 says that an object is missing only to those who
// may list the bucket; to others it is a request refused.
func (v *Vault) Open(ctx context.Context, tenantID, name string) (run.SecretValues, error) {
	key, ok := objectKey(tenantID, name)
	if !ok {
		return nil, run.ErrNotFound
	}
	object, err := v.read(ctx, key)
	if err != nil {
		return nil, err
	}
	wrapped, sealed, ok := parseHeader(object)
	if !ok {
		return nil, run.ErrUnsealable
	}
	// The key is named, so that nothing is opened that another key wrapped.
	out, err := v.keys.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &v.place.SealingKey, CiphertextBlob: wrapped, EncryptionContext: encryptionContext(tenantID),
	})
	switch {
	case hasCode(err, "InvalidCiphertextException") || hasCode(err, "IncorrectKeyException"):
		return nil, run.ErrUnsealable
	case err != nil:
		return nil, redact("open: unwrap the key", err)
	}
	defer clear(out.Plaintext)
	aead, err := newAEAD(out.Plaintext)
	if err != nil {
		return nil, run.ErrUnsealable
	}
	plain, err := aead.Open(nil, nil, sealed, boundTo(key))
	if err != nil {
		return nil, run.ErrUnsealable
	}
	defer clear(plain)
	values, ok := decode(plain)
	if !ok {
		return nil, run.ErrUnsealable
	}
	return values, nil
}

// read reads an object, and no more of it than a sealed one can have.
func (v *Vault) read(ctx context.Context, key string) ([]byte, error) {
	out, err := v.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &v.place.Bucket, Key: &key})
	if err != nil {
		if hasCode(err, "NoSuchKey") {
			return nil, run.ErrNotFound
		}
		return nil, redact("open: read", err)
	}
	object, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if closeErr := out.Body.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return nil, redact("open: read", err)
	case len(object) > maxObject:
		return nil, run.ErrUnsealable
	}
	return object, nil
}

// Fingerprint implements run.Vault. It asks KMS once for each tenant and while the
// tenant's key is kept.
func (v *Vault) Fingerprint(ctx context.Context, tenantID string, value []byte) (string, error) {
	if !run.ValidSegment(tenantID) {
		return "", errors.New("fingerprint: no tenant has such an id")
	}
	key, err := v.tenants.get(ctx, tenantID, v.deriveKey)
	if err != nil {
		return "", err
	}
	defer clear(key[:])
	mac := hmac.New(sha256.New, key[:])
	_, _ = mac.Write(value) // never fails
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// fingerprintLabel comes before the tenant in what a tenant's key is made of: the
// HMAC key makes others of anything else. A change of it changes all fingerprints.
const fingerprintLabel = "tenantatlas/vault/fingerprint/1\x00"

// deriveKey asks KMS for the key of a tenant's fingerprints.
func (v *Vault) deriveKey(ctx context.Context, tenantID string) (key [keySize]byte, err error) {
	out, err := v.keys.GenerateMac(ctx, &kms.GenerateMacInput{
		KeyId: &v.place.FingerprintKey, MacAlgorithm: kmstypes.MacAlgorithmSpecHmacSha256, Message: []byte(fingerprintLabel + tenantID),
	})
	if err != nil {
		return key, redact("fingerprint: make the tenant's key", err)
	}
	defer clear(out.Mac)
	if copy(key[:], out.Mac) != keySize || len(out.Mac) != keySize {
		return [keySize]byte{}, errors.New("fingerprint: KMS made no key of the right form")
	}
	return key, nil
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// redact keeps of an SDK error what cannot hold a key or a value: that the context
// ended, or the service's error code. An answer that cannot be read, keys included,
// is kept inside the SDK's error.
func redact(what string, err error) error {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return fmt.Errorf("%s: %w", what, ended)
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", what, api.ErrorCode())
	}
	return fmt.Errorf("%s: no usable answer", what)
}
