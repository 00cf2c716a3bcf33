//go:build linux && (amd64 || arm64)

package exec

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Go's handlers, to which ours pass on what is not the guest's.
var (
	goSegv uintptr
	goUrg  uintptr
)

// sigaction is the kernel's struct sigaction.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// chainHandler puts handler in front of the one that Go has installed for a signal, with the same flags, mask and
// restorer, and returns Go's. previous is set before the new handler can run.
func chainHandler(signal unix.Signal, handler uintptr, previous *uintptr) error {
	var action sigaction
	if err := rtSigaction(signal, nil, &action); err != nil {
		return fmt.Errorf("read the action of %v: %w", signal, err)
	}
	const needed = 0x4 | 0x0800_0000 // SA_SIGINFO, SA_ONSTACK
	if action.handler <= 1 || action.flags&needed != needed {
		return fmt.Errorf("%v has no handler of Go's", signal)
	}
	*previous = action.handler
	action.handler = handler
	if err := rtSigaction(signal, &action, nil); err != nil {
		return fmt.Errorf("install a handler for %v: %w", signal, err)
	}
	return nil
}

// SAFETY: both pointers are nil or a struct as the kernel lays it out, converted in the call's own arguments so that
// they live until it returns; the kernel keeps neither.
func rtSigaction(signal unix.Signal, action, old *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(action)),
		uintptr(unsafe.Pointer(old)), unsafe.Sizeof(sigaction{}.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
