//go:build !linux || !(amd64 || arm64)

package exec

import "fmt"

// Available reports that this platform has no recompiler.
func Available() error { return fmt.Errorf("%w: not on this platform", ErrUnavailable) }

// Code, here, has no values.
type Code struct{}

// Publish always fails here.
func Publish(int, func(code []byte, base uint32)) (*Code, error) { return nil, Available() }

// Draft, here, has no values.
type Draft struct{}

// NewDraft always fails here.
func NewDraft(int) (*Draft, error) { return nil, Available() }

// Room is never called.
func (*Draft) Room() []byte { return nil }

// Publish is never called.
func (*Draft) Publish(int, func(code []byte, base uint32)) (*Code, error) { return nil, Available() }

// Drop is never called.
func (*Draft) Drop(int) {}

// Base is never called.
func (*Code) Base() uintptr { return 0 }

// Free is never called.
func (*Code) Free() {}

// Space, here, has no values.
type Space struct{}

// NewSpace always fails here.
func NewSpace() (*Space, error) { return nil, Available() }

// Close is never called, and nor is any method below.
func (*Space) Close() {}

// Base is described with Close.
func (*Space) Base() uintptr { return 0 }

// Context is described with Close.
func (*Space) Context() *Context { return nil }

// Bytes is described with Close.
func (*Space) Bytes() []byte { return nil }

// Enter is described with Close.
func (*Space) Enter(uintptr, *[13]uint64) {}

// Exact is described with Close.
func (*Space) Exact() bool { return false }

// Protect is described with Close.
func (*Space) Protect(_, _ uint32, _ Access) {}

// Discard is described with Close.
func (*Space) Discard(_, _ uint32) {}

// Reset is described with Close.
func (*Space) Reset() {}

// Pages is described with Close.
func (*Space) Pages() int { return 0 }
