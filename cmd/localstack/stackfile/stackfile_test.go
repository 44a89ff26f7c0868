package stackfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantatlas/cmd/localstack/stackfile"
)

func TestWriteThenRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stack.json")
	want := &stackfile.Stack{
		APIURL:  "http://localhost:8080",
		Tenants: []stackfile.Tenant{{ID: "t1", ClientSecret: "s"}},
		Users:   []stackfile.User{{Email: "owner@contoso.example", Roles: map[string]string{"t1": "owner"}}},
	}
	for range 2 { // the second time replaces the first
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := stackfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the stack read is not the one written (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file holds secrets and has mode %v, want 0600", info.Mode().Perm())
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("files left beside the stack file: %v, %v", entries, err)
	}
	if _, ok := got.User("owner@contoso.example"); !ok {
		t.Error("the user is not found by e-mail address")
	}
	if _, ok := got.User("other@contoso.example"); ok {
		t.Error("a user was found who is not there")
	}
}

func TestReadWithoutAStackSaysHowToStartOne(t *testing.T) {
	if _, err := stackfile.Read(filepath.Join(t.TempDir(), "stack.json")); !errors.Is(err, stackfile.ErrNotUp) {
		t.Fatalf("got %v, want ErrNotUp", err)
	}
}
