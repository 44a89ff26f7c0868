package functions

import (
	"testing"
	"time"

	"tenantatlas/tests/lambdaruntime"
)

// function is a running function binary that fails the test where it gives no
// answer.
type function struct {
	*lambdaruntime.Function
	t *testing.T
}

// launch runs a function binary with exactly the given environment.
func launch(t *testing.T, binary string, env []string) *function {
	t.Helper()
	f, err := lambdaruntime.Launch(binary, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return &function{Function: f, t: t}
}

// invoke hands an event to the function and returns its answer.
func (f *function) invoke(event []byte) lambdaruntime.Answer {
	f.t.Helper()
	got, err := f.Invoke(event, 30*time.Second)
	if err != nil {
		f.t.Fatalf("%v; it wrote: %s", err, f.Output())
	}
	return got
}
