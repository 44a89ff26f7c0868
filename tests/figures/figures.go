// Package figures lets tests keep what they measured for the report of the
// benchmarks.
package figures

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// Capture is how captures of a thousand policies went, at 80 ms for each request
// and with 20 workers. Times are of a fake clock, in milliseconds.
type Capture struct {
	Policies      int
	SyncMillis    int64
	CaptureMillis int64
	Reads, Needed int
	// Busiest is the most requests in any 20 s, Refused how many got a 429.
	Busiest, Refused int
	// AtLimitMillis is what Microsoft's quota alone would take.
	AtLimitMillis int64
}

// Restore is how a live restore at Microsoft's published limits went, at 80 ms for
// each request. Times are of a fake clock, in milliseconds.
type Restore struct {
	Policies, Writes, Needed, Reads int
	Millis, AtLimitMillis           int64
	// Busiest is the most writes in any 20 s, Refused how many requests got a 429.
	Busiest, Refused int
}

// Stored is what real policies take in storage, in bytes.
type Stored struct {
	Name             string
	Policies         int
	Bytes, Compacted int64
}

// Memory is the most that a function's process held, in bytes.
type Memory struct {
	What string
	Peak int64
}

// All is a file of figures.
type All struct {
	Limited, Free Capture
	Restored      Restore
	Stored        []Stored
	Memory        []Memory
}

// Read reads a file; an absent one is empty.
func Read(file string) (a All, err error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(raw, &a)
}

// Add changes what a file holds. "" is no file.
func Add(file string, change func(*All)) error {
	if file == "" {
		return nil
	}
	a, err := Read(file)
	if err != nil {
		return err
	}
	change(&a)
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
