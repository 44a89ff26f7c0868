package s3archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"tenantatlas/shared/run"
	"tenantatlas/shared/run/runtest"
	"tenantatlas/shared/s3archive"
	"tenantatlas/tests/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m)) }

const maxSize = 1 << 20

func client(t *testing.T, faults *localaws.Faults) *s3.Client {
	c := localaws.Config(localaws.Ministack(t), nil)
	if faults != nil {
		c = localaws.Config(localaws.Ministack(t), faults)
	}
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func bucket(t *testing.T, name string) string {
	if _, err := client(t, nil).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestConformance(t *testing.T) {
	runtest.Archive(t, s3archive.New(client(t, nil), bucket(t, "conformance"), s3archive.Options{MaxSize: maxSize}), maxSize)
}

// A create whose answer was lost is sent again by the SDK, meets its own object
// and is answered as if nothing had happened.
func TestPutAnswerLost(t *testing.T) {
	for name, fault := range map[string]localaws.Fault{"not done": localaws.Lose, "done": localaws.LoseAnswer} {
		t.Run(name, func(t *testing.T) {
			left := 1
			faults := &localaws.Faults{Decide: func(operation string) localaws.Fault {
				if operation != "PUT" || left == 0 {
					return localaws.Pass
				}
				left--
				return fault
			}}
			a := s3archive.New(client(t, faults), bucket(t, "lost-"+string("nd"[len(name)%2])), s3archive.Options{})
			key, err := a.Put(t.Context(), "ten_1", []byte("payload"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := a.Get(t.Context(), "ten_1", key); err != nil || string(got) != "payload" {
				t.Errorf("got %q, %v", got, err)
			}
			if left != 0 {
				t.Error("nothing was broken")
			}
		})
	}
}

// fake answers with what it is told; it models one object.
type fake struct {
	body      []byte
	putErrors []error
	puts      int
}

func (f *fake) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if f.body == nil {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(f.body))}, nil
}

func (f *fake) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	f.puts++
	if len(f.putErrors) > 0 {
		err := f.putErrors[0]
		f.putErrors = f.putErrors[1:]
		return nil, err
	}
	var err error
	f.body, err = io.ReadAll(in.Body)
	return &s3.PutObjectOutput{}, err
}

// An object that is not what its key names is never handed out, however small it
// is packed.
func TestGetRefusesForeignContent(t *testing.T) {
	f := &fake{}
	a := s3archive.New(f, "b", s3archive.Options{MaxSize: 1000})
	key, err := a.Put(t.Context(), "ten_1", []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	good := bytes.Clone(f.body)
	pack := func(payload []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(payload); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"other content": {pack([]byte("other")), s3archive.ErrCorrupt},
		"no gzip":       {[]byte("payload"), s3archive.ErrCorrupt},
		"empty":         {[]byte{}, s3archive.ErrCorrupt},
		"cut off":       {good[:len(good)-3], s3archive.ErrCorrupt},
		"bomb":          {pack(make([]byte, 100_000_000)), run.ErrTooLarge},
	} {
		f.body = c.body
		if got, err := a.Get(t.Context(), "ten_1", key); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %d bytes, %v, want %v", name, len(got), err, c.want)
		}
	}
}

// Two creates of one key at once: the one that is told of the conflict repeats.
func TestPutConflict(t *testing.T) {
	conflict := &smithy.GenericAPIError{Code: "ConditionalRequestConflict"}
	f := &fake{putErrors: []error{conflict, &smithy.GenericAPIError{Code: "PreconditionFailed"}}}
	if _, err := s3archive.New(f, "b", s3archive.Options{}).Put(t.Context(), "ten_1", []byte("x")); err != nil || f.puts != 2 {
		t.Errorf("%d requests, %v", f.puts, err)
	}
	f = &fake{putErrors: []error{&smithy.GenericAPIError{Code: "AccessDenied"}}}
	if _, err := s3archive.New(f, "b", s3archive.Options{}).Put(t.Context(), "ten_1", []byte("x")); err == nil {
		t.Error("a refused request was taken for done")
	}
}
