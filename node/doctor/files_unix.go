//go:build unix

package doctor

import "golang.org/x/sys/unix"

// fileLimit gives how many descriptors the process may have. The Go runtime has raised the soft limit to the hard one.
func fileLimit() (uint64, error) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return uint64(limit.Cur), err //nolint:unconvert // it is signed on some systems
}
