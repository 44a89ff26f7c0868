package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"tenantatlas/shared/run"
)

// message is one message in a queue, or in the hands of a worker.
type message struct {
	id       int
	op       run.Operation
	d        run.Dispatch
	visible  time.Time // not before this
	receives int
	held     bool // a worker has it
}

// maxReceives is the template's maxReceiveCount: what was received that often and
// never acknowledged is given up.
const maxReceives = 5

// queue is the queues of all operations: at least once, in any order.
type queue struct {
	mu       sync.Mutex
	messages []*message
	made     int
}

func (q *queue) put(op run.Operation, d run.Dispatch, delay time.Duration) error {
	switch {
	case !slices.Contains(run.Operations(), op):
		return fmt.Errorf("no queue of %s", op)
	case d.V != run.DispatchVersion || !run.ValidTenantID(d.TenantID) || !run.ValidRunID(d.RunID) || d.DispatchSeq < 0:
		return fmt.Errorf("no worker would accept %+v", d)
	case delay < 0 || delay > run.MaxDispatchDelay:
		return fmt.Errorf("a delay of %s", delay)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.made++
	q.messages = append(q.messages, &message{id: q.made, op: op, d: d, visible: time.Now().Add(delay)})
	return nil
}

// ready are the messages that may be received now, in the order of sending.
func (q *queue) ready() []*message {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*message
	for _, m := range q.messages {
		if !m.held && !m.visible.After(time.Now()) {
			out = append(out, m)
		}
	}
	return out
}

// next is when the next message becomes visible.
func (q *queue) next() (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if !m.held && (!ok || m.visible.Before(at)) {
			at, ok = m.visible, true
		}
	}
	return at, ok
}

func (q *queue) remove(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(o *message) bool { return o == m })
}
