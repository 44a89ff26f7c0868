package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells a person what the stack is doing. Steps may run side by side.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
}

// stillAt is how often a long step says that it goes on.
const stillAt = 10 * time.Second

func newProgress(out io.Writer) *progress { return &progress{out: out, began: time.Now()} }

// say prints one line with the seconds since the start.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%4.0f s  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// step runs f and tells when it begins, that it goes on, and how long it took.
func (p *progress) step(name string, f func() error) error {
	p.say("%s …", name)
	began := time.Now()
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		tick := time.NewTicker(stillAt)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.say("%s … still at it, %.0f s", name, time.Since(began).Seconds())
			}
		}
	})
	err := f()
	close(done)
	waiting.Wait()
	if err == nil {
		p.say("%s: done in %.1f s", name, time.Since(began).Seconds())
	}
	return err
}

// write writes text as it is.
func (p *progress) write(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.out, text)
}
