//go:build linux && (amd64 || arm64)

package exec

// enter runs the guest whose address 0 is base, with these registers, until it returns.
//
// SAFETY: base is the base of a live Space, the context's Entry is an address inside the arena where code of package jit
// begins a block, and no other thread is inside the same space. See RATIONALE.md for the stack, the garbage collector and
// signals.
//
//go:noescape
func enter(base uintptr, regs *[13]uint64)

// handlers returns the addresses of the signal handlers.
func handlers() (segv, urg uintptr)
