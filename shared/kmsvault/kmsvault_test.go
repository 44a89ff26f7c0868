package kmsvault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/kmsvault"
	"tenantatlas/shared/run"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

const tenant = "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"

// bed is a bucket and keys on ministack.
type bed struct {
	place   kmsvault.Place
	keys    *kms.Client
	objects *s3.Client
}

func newBed(t *testing.T) *bed {
	t.Helper()
	bucket := "vault-" + strings.ToLower(rand.Text())
	b := &bed{place: kmsvault.Place{Bucket: bucket}}
	b.keys, b.objects = clients(localaws.Config(localaws.Ministack(t), nil))
	if _, err := b.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	b.place.SealingKey, b.place.FingerprintKey = localaws.CreateVaultKeys(t, b.keys)
	return b
}

func clients(c aws.Config) (*kms.Client, *s3.Client) {
	return kms.NewFromConfig(c), s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

// vault is one whose requests decide breaks. What is not answered is sent again,
// as by a worker's client, but at once and more often: the stand-in breaks
// connections off by itself.
func (b *bed) vault(t *testing.T, decide func(operation string) localaws.Fault) *kmsvault.Vault {
	t.Helper()
	c := localaws.Config(localaws.Ministack(t), &localaws.Faults{Decide: decide})
	again := localaws.Config(localaws.Ministack(t), nil).Retryer
	c.Retryer = func() aws.Retryer { return retry.AddWithMaxBackoffDelay(again(), time.Millisecond) }
	keys, objects := clients(c)
	return kmsvault.New(keys, objects, b.place, kmsvault.Options{})
}

func (b *bed) object(t *testing.T, key string) []byte {
	t.Helper()
	out, err := b.objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.place.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (b *bed) put(t *testing.T, key string, body []byte) {
	t.Helper()
	if _, err := b.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.place.Bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	b := newBed(t)
	kinds := map[runtest.Fault]localaws.Fault{runtest.Pass: localaws.Pass, runtest.Lose: localaws.Lose, runtest.LoseAnswer: localaws.LoseAnswer}
	runtest.Vault(t, func(t *testing.T, decide func(string, bool) runtest.Fault) run.Vault {
		return b.vault(t, func(operation string) localaws.Fault { return kinds[decide(operation, operation == "PUT")] })
	})
}

// An answer that is lost, of any request, is made up for within the call.
func TestAnswerLost(t *testing.T) {
	b := newBed(t)
	values := run.SecretValues{"k": "v"}
	for _, operation := range []string{"GenerateDataKey", "PUT", "GenerateMac", "GET", "Decrypt"} {
		for name, fault := range map[string]localaws.Fault{"not done": localaws.Lose, "done": localaws.LoseAnswer} {
			t.Run(operation+" "+name, func(t *testing.T) {
				left := 2
				v := b.vault(t, func(seen string) localaws.Fault {
					if seen != operation || left == 0 {
						return localaws.Pass
					}
					left--
					return fault
				})
				under := run.Hash(operation, name)
				if err := v.Seal(t.Context(), tenant, under, values); err != nil {
					t.Fatal(err)
				}
				if got, err := v.Open(t.Context(), tenant, under); err != nil || !maps.Equal(got, values) {
					t.Errorf("%d values, %v", len(got), err)
				}
				if _, err := v.Fingerprint(t.Context(), tenant, []byte("v")); err != nil {
					t.Error(err)
				}
				if left != 0 {
					t.Error("nothing was broken")
				}
			})
		}
	}
}

// What a capture of one policy costs, whatever the number of its secrets: one
// request for the fingerprints, and for content that is new two more.
func TestRequests(t *testing.T) {
	f := &fake{key: make([]byte, 32), opened: make([]byte, 32), wrapped: []byte("w")}
	v := f.vault(kmsvault.Options{})
	values := run.SecretValues{}
	for i := range 100 {
		values[fmt.Sprint("uri-", i)] = fmt.Sprint("secret-", i)
	}
	for _, value := range values {
		if _, err := v.Fingerprint(t.Context(), tenant, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"GenerateMac"}; !slices.Equal(f.calls, want) {
		t.Errorf("100 fingerprints took %v, want %v", f.calls, want)
	}
	f.calls = nil
	if err := v.Seal(t.Context(), tenant, "name", values); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GenerateDataKey", "PutObject"}; !slices.Equal(f.calls, want) {
		t.Errorf("to seal took %v, want %v", f.calls, want)
	}
	f.calls, f.body = nil, f.puts[0]
	if _, err := v.Open(t.Context(), tenant, "name"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GetObject", "Decrypt"}; !slices.Equal(f.calls, want) {
		t.Errorf("to open took %v, want %v", f.calls, want)
	}
}

// An object opens as what it was sealed for, whole, and with its own key; any
// other says so, and hands out nothing.
func TestOpenRefusesForeignContent(t *testing.T) {
	b := newBed(t)
	v := b.vault(t, nil)
	const other = "ten_01ARZ3NDEKTSV4RRFFQ69G5FAW"
	values := run.SecretValues{"key": "value"}
	at := func(tenantID, name string) string { return "t/" + tenantID + "/sealed/" + name }
	for id, name := range map[string]string{tenant: "mine", other: "theirs"} {
		if err := v.Seal(t.Context(), id, name, values); err != nil {
			t.Fatal(err)
		}
	}
	mine, theirs := b.object(t, at(tenant, "mine")), b.object(t, at(other, "theirs"))

	elsewhere := b.place
	elsewhere.SealingKey, _ = localaws.CreateVaultKeys(t, b.keys)
	if err := kmsvault.New(b.keys, b.objects, elsewhere, kmsvault.Options{}).Seal(t.Context(), tenant, "other-key", values); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{
		"of another name":   mine,
		"of another tenant": theirs,
		"by another key":    b.object(t, at(tenant, "other-key")),
		"empty":             {},
		"no header":         []byte("TAV"),
		"of another form":   append([]byte("TAV2"), mine[4:]...),
		"no key":            append([]byte("TAV1"), 0, 0),
		"a key too long":    append([]byte("TAV1"), 0xff, 0xff),
		"cut off":           mine[:len(mine)-1],
		"longer":            append(bytes.Clone(mine), 0),
		"too large":         append(bytes.Clone(mine), make([]byte, 5*run.MaxSealedSize)...),
	}
	for i := 0; i < len(mine); i += 37 {
		damaged := bytes.Clone(mine)
		damaged[i] ^= 1
		cases[fmt.Sprintf("damaged at %d", i)] = damaged
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			under := run.Hash(name)
			b.put(t, at(tenant, under), body)
			got, err := v.Open(t.Context(), tenant, under)
			if !errors.Is(err, run.ErrUnsealable) || got != nil {
				t.Errorf("%d values, %v", len(got), err)
			}
			// And it stays: a name that is taken is left.
			if err := v.Seal(t.Context(), tenant, under, values); err != nil {
				t.Error(err)
			}
		})
	}
	b.put(t, at(tenant, "mine"), mine)
	if got, err := v.Open(t.Context(), tenant, "mine"); err != nil || !maps.Equal(got, values) {
		t.Errorf("the object itself: %d values, %v", len(got), err)
	}
}

// KMS unwraps an object's key for the tenant that it was sealed for, and for no
// other: a role that may open is limited by that.
func TestKeysAreBoundToTheTenant(t *testing.T) {
	b := newBed(t)
	v := b.vault(t, nil)
	if err := v.Seal(t.Context(), tenant, "name", run.SecretValues{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	object := b.object(t, "t/"+tenant+"/sealed/name")
	wrapped := object[6 : 6+int(object[4])<<8+int(object[5])]
	for _, c := range []struct {
		context map[string]string
		opens   bool
	}{{map[string]string{"tenant": tenant}, true}, {map[string]string{"tenant": tenant + "1"}, false}, {nil, false}} {
		_, err := b.keys.Decrypt(t.Context(), &kms.DecryptInput{KeyId: &b.place.SealingKey, CiphertextBlob: wrapped, EncryptionContext: c.context})
		var refused *kmstypes.InvalidCiphertextException
		if (err == nil) != c.opens || err != nil && !errors.As(err, &refused) {
			t.Errorf("context %v: %v", c.context, err)
		}
	}
}

const canary = "canary-8f2d"

// forms are the ways in which a secret could stand somewhere.
func forms(secret string) []string {
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	return []string{secret, encoded[:8], hex.EncodeToString([]byte(secret)), strings.ToUpper(secret), fmt.Sprintf("%d", []byte(secret))[1:20]}
}

// Nothing of a sealed value is in what is stored, its length included.
func TestStoredBytesShowNoValue(t *testing.T) {
	b := newBed(t)
	v := b.vault(t, nil)
	sizes := map[int]bool{}
	for i, value := range []string{canary, strings.Repeat(canary, 7), ""} {
		name := fmt.Sprint("n", i)
		if err := v.Seal(t.Context(), tenant, name, run.SecretValues{canary: value, "second": canary}); err != nil {
			t.Fatal(err)
		}
		object := b.object(t, "t/"+tenant+"/sealed/"+name)
		sizes[len(object)] = true
		for _, form := range forms(canary) {
			if bytes.Contains(object, []byte(form)) {
				t.Errorf("object %d holds %q", i, form)
			}
		}
	}
	if len(sizes) != 1 {
		t.Errorf("short secrets make objects of %d sizes", len(sizes))
	}
	objects, err := b.objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.place.Bucket})
	if err != nil || len(objects.Contents) != 3 {
		t.Fatalf("%v, %v", objects, err)
	}
	for _, o := range objects.Contents {
		if strings.Contains(*o.Key, canary) {
			t.Errorf("%s names it", *o.Key)
		}
	}
	first, err := v.Fingerprint(t.Context(), tenant, []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range forms(canary) {
		if strings.Contains(first, form) {
			t.Errorf("the fingerprint holds %q", form)
		}
	}
}

// fake is KMS and S3 at their worst: they answer with what they are told, and
// repeat what they know in their errors.
type fake struct {
	keyErr, macErr, putErr, getErr, decryptErr error
	putErrs                                    []error
	key, wrapped, mac, opened, body            []byte
	puts                                       [][]byte
	handedOut                                  [][]byte // keys in clear
	macs                                       []string // the tenants that keys were made for
	calls                                      []string
	derive                                     func() // called within GenerateMac
	mu                                         sync.Mutex
}

func (f *fake) called(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method)
}

func (f *fake) out(key []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	key = bytes.Clone(key)
	f.handedOut = append(f.handedOut, key)
	return key
}

func (f *fake) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	f.called("GenerateDataKey")
	if f.keyErr != nil {
		return nil, f.keyErr
	}
	return &kms.GenerateDataKeyOutput{Plaintext: f.out(f.key), CiphertextBlob: f.wrapped}, nil
}

func (f *fake) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	f.called("Decrypt")
	if f.decryptErr != nil {
		return nil, f.decryptErr
	}
	return &kms.DecryptOutput{Plaintext: f.out(f.opened)}, nil
}

func (f *fake) GenerateMac(_ context.Context, in *kms.GenerateMacInput, _ ...func(*kms.Options)) (*kms.GenerateMacOutput, error) {
	f.called("GenerateMac")
	if f.derive != nil {
		f.derive()
	}
	f.mu.Lock()
	_, id, _ := strings.Cut(string(in.Message), "\x00")
	f.macs = append(f.macs, id)
	f.mu.Unlock()
	if f.macErr != nil {
		return nil, f.macErr
	}
	mac := f.mac
	if mac == nil {
		mac = []byte(run.Hash(string(in.Message)))[:32]
	}
	return &kms.GenerateMacOutput{Mac: f.out(mac)}, nil
}

func (f *fake) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	f.called("PutObject")
	body, err := io.ReadAll(in.Body)
	f.puts = append(f.puts, body)
	if len(f.putErrs) > 0 {
		err, f.putErrs = f.putErrs[0], f.putErrs[1:]
		return nil, err
	}
	return nil, errors.Join(err, f.putErr)
}

func (f *fake) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	f.called("GetObject")
	if f.body == nil && f.getErr == nil {
		return nil, &s3types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(f.body))}, f.getErr
}

func (f *fake) vault(o kmsvault.Options) *kmsvault.Vault {
	return kmsvault.New(f, f, kmsvault.Place{Bucket: "b", SealingKey: "s", FingerprintKey: "f"}, o)
}

// No error, whatever goes wrong, shows a value or a key, and every key that was
// handed out in clear is wiped when the call returns.
func TestErrorsShowNoValueAndKeysAreWiped(t *testing.T) {
	key := []byte(strings.Repeat(canary, 3)[:32])
	said := errors.New(canary)
	coded := &smithy.GenericAPIError{Code: "KMSInternalException", Message: canary}
	unread := &smithy.DeserializationError{Err: said, Snapshot: key}
	sealed := &fake{key: key, wrapped: []byte("wrapped")}
	if err := sealed.vault(kmsvault.Options{}).Seal(t.Context(), tenant, "name", run.SecretValues{canary: canary}); err != nil {
		t.Fatal(err)
	}
	object := sealed.puts[0]
	short := object[:len(object)-1]
	for name, spoil := range map[string]func(*fake){
		"nothing":            func(*fake) {},
		"KMS says it":        func(f *fake) { f.keyErr, f.decryptErr, f.macErr = said, said, said },
		"KMS says with code": func(f *fake) { f.keyErr, f.decryptErr, f.macErr = coded, coded, coded },
		"KMS is not read":    func(f *fake) { f.keyErr, f.decryptErr, f.macErr = unread, unread, unread },
		"keys too long":      func(f *fake) { f.key, f.opened, f.mac = append(key, 'x'), append(key, 'x'), append(key, 'x') },
		"keys too short":     func(f *fake) { f.key, f.opened, f.mac = key[:16], key[:16], key[:16] },
		"no keys":            func(f *fake) { f.key, f.opened, f.mac = nil, nil, []byte{} },
		"no wrapped key":     func(f *fake) { f.wrapped, f.decryptErr = nil, said; f.mac = key[:1] },
		"S3 says it":         func(f *fake) { f.putErr, f.getErr = said, said; f.mac = key[:1] },
		"S3 says with code":  func(f *fake) { f.putErr, f.getErr = coded, coded; f.mac = key[:1] },
		"damaged":            func(f *fake) { f.body, f.putErr, f.macErr = short, said, said },
		"another key":        func(f *fake) { f.opened, f.putErr, f.macErr = []byte(strings.Repeat("x", 32)), said, said },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{key: key, wrapped: []byte("wrapped"), opened: key, mac: key, body: object}
			spoil(f)
			v := f.vault(kmsvault.Options{})
			values, errOpen := v.Open(t.Context(), tenant, "name")
			fingerprint, errFingerprint := v.Fingerprint(t.Context(), tenant, []byte(canary))
			errs := map[string]error{"Seal": v.Seal(t.Context(), tenant, "name", run.SecretValues{canary: canary}), "Open": errOpen, "Fingerprint": errFingerprint}
			for method, err := range errs {
				if (err == nil) != (name == "nothing") {
					t.Errorf("%s: %v", method, err)
				}
				text := fmt.Sprintf("%v %+v %#v %q", err, err, err, errors.Unwrap(err))
				for _, form := range forms(canary) {
					if strings.Contains(text, form) {
						t.Errorf("the error of %s shows %q", method, form)
					}
				}
			}
			if name != "nothing" && (values != nil || fingerprint != "") {
				t.Errorf("%d values and the fingerprint %q came with the error", len(values), fingerprint)
			}
			for i, key := range f.handedOut {
				if !bytes.Equal(key, make([]byte, len(key))) {
					t.Errorf("key %d of %d is not wiped", i+1, len(f.handedOut))
				}
			}
			for _, form := range forms(canary) {
				if text := fmt.Sprintf("%v %+v %#v %d", v, v, v, v); strings.Contains(text, form) {
					t.Errorf("the vault shows %q", form)
				}
			}
		})
	}
}

// What says that an object was sealed for something else is told from what says
// nothing about it: the latter is worth another try.
func TestDecryptErrors(t *testing.T) {
	sealed := &fake{key: make([]byte, 32), wrapped: []byte("w")}
	if err := sealed.vault(kmsvault.Options{}).Seal(t.Context(), tenant, "name", nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&kmstypes.InvalidCiphertextException{}, true}, {&kmstypes.IncorrectKeyException{}, true},
		{&kmstypes.DisabledException{}, false}, {&kmstypes.KMSInvalidStateException{}, false},
		{&smithy.GenericAPIError{Code: "AccessDeniedException"}, false}, {&smithy.GenericAPIError{Code: "ThrottlingException"}, false},
	} {
		f := &fake{body: sealed.puts[0], decryptErr: c.err}
		if _, err := f.vault(kmsvault.Options{}).Open(t.Context(), tenant, "name"); err == nil || errors.Is(err, run.ErrUnsealable) != c.want {
			t.Errorf("%T: %v", c.err, err)
		}
	}
}

// Two creates of one name at once: the one that is told of the conflict repeats,
// and one that is refused is not taken for done.
func TestSealConflict(t *testing.T) {
	conflict, there := &smithy.GenericAPIError{Code: "ConditionalRequestConflict"}, &smithy.GenericAPIError{Code: "PreconditionFailed"}
	f := &fake{key: make([]byte, 32), wrapped: []byte("w"), putErrs: []error{conflict, conflict, there}}
	if err := f.vault(kmsvault.Options{}).Seal(t.Context(), tenant, "name", nil); err != nil || len(f.puts) != 3 {
		t.Errorf("%d requests, %v", len(f.puts), err)
	}
	f = &fake{key: make([]byte, 32), wrapped: []byte("w"), putErrs: []error{conflict, conflict, conflict, conflict, conflict, conflict}}
	if err := f.vault(kmsvault.Options{}).Seal(t.Context(), tenant, "name", nil); err == nil || len(f.puts) != 5 {
		t.Errorf("%d requests, %v", len(f.puts), err)
	}
}

// The key of a tenant's fingerprints is forgotten after its time, however often it
// is used, and the oldest makes room.
func TestTenantKeysAreKeptForATime(t *testing.T) {
	now := time.Unix(0, 0)
	f := &fake{}
	v := f.vault(kmsvault.Options{KeepFor: time.Minute, KeepTenants: 2, Now: func() time.Time { return now }})
	ask := func(id string, want ...string) {
		t.Helper()
		f.macs = nil
		if _, err := v.Fingerprint(t.Context(), id, []byte("v")); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.macs, want) {
			t.Errorf("for %s KMS was asked %v, want %v", id, f.macs, want)
		}
	}
	ask("a", "a")
	now = now.Add(30 * time.Second)
	ask("a")
	ask("b", "b")
	now = now.Add(30*time.Second - 1)
	ask("a")
	now = now.Add(1)
	ask("a", "a")
	ask("b")
	now = now.Add(time.Second)
	ask("c", "c") // instead of b, which is the oldest
	ask("a")
	ask("b", "b")
	ask("c")
	ask("a", "a")
}

// However many want the key of a tenant at once, KMS is asked for it once.
func TestTenantKeyIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		f := &fake{derive: func() { <-goOn }}
		v := f.vault(kmsvault.Options{})
		var wait sync.WaitGroup
		for range 16 {
			wait.Go(func() {
				if _, err := v.Fingerprint(t.Context(), tenant, nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all of them wait
		close(goOn)
		wait.Wait()
		if !slices.Equal(f.macs, []string{tenant}) {
			t.Errorf("KMS was asked %d times", len(f.macs))
		}
	})
}

// A KMS that hangs holds up nobody beyond their own time, and a failure of one is
// not that of the next.
func TestTenantKeyOfAKMSThatHangs(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	f := &fake{macErr: errors.New("no"), derive: func() { asked <- struct{}{}; <-goOn }}
	v := f.vault(kmsvault.Options{})
	first := make(chan error)
	go func() {
		_, err := v.Fingerprint(t.Context(), "a", nil)
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := v.Fingerprint(ctx, "a", nil)
		second <- err
	}()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("who waited got %v", err)
	}
	close(goOn)
	if err := <-first; err == nil {
		t.Error("no error")
	}
	f.macErr, f.derive = nil, nil
	if _, err := v.Fingerprint(t.Context(), "a", nil); err != nil {
		t.Error(err)
	}
}
