package run

// RunChange is one change of one run, as the storage's stream tells of it. What a
// reader of the stream may rely on:
//
//   - Every change of a run is in the stream, once, whoever made it and whether
//     the writer got its answer or not.
//   - The changes of one run are in the order in which they were made, and no two
//     overlap: Before is the After of the one before.
//   - Both images are whole: what a strong read returned just before and just
//     after the change.
//   - A write that was refused, or that a repeat found done, is not told, nor is
//     one that changes nothing. Runs.Notified is told, with two equal images.
//
// What nobody promises:
//
//   - Delivery repeats: it may go back to any earlier change and tell again from
//     there, in order.
//   - There is no order between runs.
//   - Nothing is said of the other records of the same write: a reader cannot
//     count on their being told before, after, or at all.
//   - A stream forgets: DynamoDB's after 24 hours. What must not be missed is
//     found by Runs.Unnotified.
type RunChange struct {
	Before *Run // nil for a new run
	After  Run
}
