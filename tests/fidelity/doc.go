// Package fidelity proves that what is captured is what Microsoft Graph holds,
// and that what was captured can be made anew: real exports, one fixture for each
// policy type, generated objects, hostile sizes, and captures at Microsoft's
// published limits, all over the simulator with the product's own operations.
package fidelity
