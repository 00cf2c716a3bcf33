// Package exec lets machine code run inside a Go process without cgo: executable memory, guest address spaces, the way
// in and out, and the signal handlers that turn a guest's page faults into ordinary exits. It knows no PVM; package jit
// writes the code. All the unsafe parts of the recompiler are here, jit/RATIONALE.md says why they are safe.
//
// A guest address space is a reservation of 4 GiB. The GS segment points at guest address 0 while guest code runs, and
// the [Context], where the registers live between runs, is the page just below: guest addresses are never negative, so
// no guest can reach it.
package exec

import "errors"

// ErrUnavailable says that this process cannot run machine code; it wraps the reason.
var ErrUnavailable = errors.New("recompiler unavailable")

// ErrFull says that there is no room for more code until some is freed.
var ErrFull = errors.New("code arena is full")

// Guest memory.
const (
	PageSize    = 4096
	GuestSize   = 1 << 32
	below       = 64 << 10 // reserved below guest address 0; the context is its last page
	above       = 64 << 10 // reserved above: an access at the very end must fault, not reach anything
	reservation = below + GuestSize + above
)

// Slack is how many octets behind what is published may have been written while it was made.
const Slack = 64

// Access is what a guest may do with a page.
type Access uint8

// The kinds of access.
const (
	None Access = iota
	ReadOnly
	ReadWrite
)

// Context is what a guest and its host tell each other beside the registers. Guest code reaches it through GS at negative
// offsets (the Offset constants).
type Context struct {
	Gas     int64
	Entry   uint64 // where Enter goes
	Site    uint64 // which of its exits the guest took, in the terms of whoever wrote the code
	Kind    uint64 // of exit: KindFault by the signal handler, else as the code says
	FaultPC uint64 // the instruction that faulted
	FaultAt uint64 // the address the hardware objected to
	Nudged  uint64 // not 0: the preemption signal has taken Nudge from Gas
	Spill   [2]uint64
}

// Nudge is what the preemption signal takes from the gas register, so that the next check fails.
const Nudge = 1 << 62

// KindFault is the Kind of an exit by a memory fault. Code uses other values.
const KindFault = 0xff

// Offsets of the context's fields from GS. A test compares them with the type.
const (
	contextOffset = -PageSize

	OffsetGas    = contextOffset
	OffsetEntry  = contextOffset + 8
	OffsetSite   = contextOffset + 16
	OffsetKind   = contextOffset + 24
	OffsetFault  = contextOffset + 32
	OffsetNudged = contextOffset + 48
	OffsetSpill0 = contextOffset + 56
	OffsetSpill1 = contextOffset + 64
)
