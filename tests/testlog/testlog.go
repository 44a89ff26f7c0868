// Package testlog keeps what a program writes, for tests that look whether
// something is in it. It is for tests only.
package testlog

import (
	"bytes"
	"sync"
)

// Buffer is a writer that several goroutines may use while a test reads it. The
// zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
