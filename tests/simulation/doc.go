// Package simulation plays the life of runs in a simulated cloud, with faults of
// every kind, and checks after each step what must be true at every instant.
//
// Under test is the real code of starts, cancellations, workers, sweeps, dead
// letters and notifications, with all its goroutines and timers, in a bubble of
// fake time. Every call that leaves it waits at a port until the scheduler serves
// it, and the scheduler draws from the seed which call is next and what becomes of
// it: done, not done, done and not answered, answered late, the death of the
// process before or after, or a process that stands still for minutes. Messages
// are lost, doubled and reordered, the stream lags and repeats itself, indexes
// lag, Microsoft Graph throttles, fails, hangs and does what it says it did not.
//
// One seed gives the same steps every time. Each seed draws its own mixture of
// faults; some have none of a kind, so that faults do not hide each other.
//
// The invariants:
//
//	 1  at most one run that has not ended on a key, whichever of those that share it
//	 2  a run holds its lock if and only if it has not ended
//	 3  a run that has ended does not change
//	 4  epoch, sequence number and dispatch number never decrease
//	 5  counts, totals and cursor are the sums of the stored outcomes
//	 6  as many chunks as the sequence number, in the order of the plan
//	 7  an ended run has an outcome for each planned item
//	 8  status, counts and failure agree
//	 9  no write by a worker that lost the run, no end of a run that is held
//	10  what succeeded was done, what is called skipped or failed was not
//	11  an item is done once, unless a worker went on without its lease
//	12  an item is announced before it is begun
//	13  without faults every run ends within two minutes of its deadline
//	14  sweeps find the runs that have not ended, and no other
//	15  one notification for each transition, soon after the end
//	16  one audit event for each transition, and for each slice that wrote, of its objects
//	17  the same request gets the active run, another one a conflict
//	18  nobody reaches into another tenant
//	20  no slice after a cancellation was seen
//	21  no window with more requests than a tenant's budget, none in a pause
//	22  a message of a run that is held or ended changes nothing
//
// and: no slice of a writing run that nobody with the role stands behind, no item at
// work beside one of another phase. When the
// faults end, everything ends, and each key can be used again. Number 19 is held
// by the tests of what is written.
package simulation
