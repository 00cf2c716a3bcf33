//go:build linux

package exec

// enter runs the guest whose address 0 is base, until it leaves.
//
// SAFETY: base is the base of a live Space, the context's Entry is an address inside the arena where code of package jit
// begins a block, and no other thread is inside the same space. See RATIONALE.md for the stack, the garbage collector and
// signals.
//
//go:noescape
func enter(base uintptr)

// stubs returns the addresses of the assembly that is reached by address only.
func stubs() (exit, segv, urg uintptr)
