package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Every breakage still finds the one place that it breaks: the list follows the
// code, and "make mutants" shows what each is worth.
func TestMutantsFit(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.Name] {
			t.Errorf("two mutants are named %q", m.Name)
		}
		names[m.Name] = true
		raw, err := os.ReadFile(filepath.Join("..", "..", m.File))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(raw, []byte(m.Old)); n != 1 || m.Old == m.New || len(m.Tests) == 0 {
			t.Errorf("%s: the text to break stands %d times in %s", m.Name, n, m.File)
		}
	}
}

func TestFirstFailure(t *testing.T) {
	for said, want := range map[string]string{
		"ok": "the tests",
		"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0.1s)\n--- FAIL: TestC (0s)\n": "TestA/b",
		"--- FAIL: TestA (9s)\npanic: test timed out after 1s\n":                       "TestA (it hangs)",
	} {
		if got := firstFailure(said); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
}
