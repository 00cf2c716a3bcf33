//go:build linux || darwin

package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// directStream is a Unix socket on which reads and writes block in the system call. Through Go's poller a request costs
// 12 to 30 µs more to be noticed, a tenth of the time of a small block.
type directStream struct {
	fd       int
	readBy   time.Time // when reads give up; zero means never
	limited  bool      // a time limit for reads is set at the socket
	writeFor time.Duration

	mu     sync.Mutex
	closed bool
}

// writeChunk bounds what one system call writes, so that time limits are looked at in between.
const writeChunk = 1 << 20

// direct gives a stream without the poller, in place of the one given, which it closes; or the one given if it is no
// Unix socket.
func direct(from net.Conn) (stream, error) {
	conn, ok := from.(*net.UnixConn)
	if !ok {
		return from, nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if controlErr := raw.Control(func(old uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, err = syscall.Dup(int(old)); err == nil {
			syscall.CloseOnExec(fd)
		}
	}); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	_ = conn.Close() // the other descriptor lives on
	if err := syscall.SetNonblock(fd, false); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	return &directStream{fd: fd}, nil
}

func (s *directStream) Read(b []byte) (int, error) {
	for {
		if err := s.limitRead(); err != nil {
			return 0, err
		}
		n, err := syscall.Read(s.fd, b)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, os.ErrDeadlineExceeded
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// limitRead tells the socket how long a read may take.
func (s *directStream) limitRead() error {
	if s.readBy.IsZero() {
		if !s.limited {
			return nil
		}
		s.limited = false
		return s.setTimeout(syscall.SO_RCVTIMEO, 0)
	}
	left := time.Until(s.readBy)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	s.limited = true
	return s.setTimeout(syscall.SO_RCVTIMEO, left)
}

func (s *directStream) Write(b []byte) (written int, err error) {
	var by time.Time
	for written < len(b) {
		n, err := syscall.Write(s.fd, b[written:min(len(b), written+writeChunk)])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return written, os.ErrDeadlineExceeded
		case err != nil:
			return written, os.NewSyscallError("write", err)
		}
		if written += n; written == len(b) || s.writeFor == 0 {
			continue
		}
		if by.IsZero() {
			by = time.Now().Add(s.writeFor)
		} else if time.Now().After(by) {
			return written, os.ErrDeadlineExceeded
		}
	}
	return written, nil
}

func (s *directStream) SetReadDeadline(by time.Time) error {
	s.readBy = by
	return nil
}

// limitWrites bounds the time that the other side may take to accept a message.
func (s *directStream) limitWrites(d time.Duration) error {
	s.writeFor = d
	return s.setTimeout(syscall.SO_SNDTIMEO, d)
}

func (s *directStream) setTimeout(option int, d time.Duration) error {
	limit := syscall.NsecToTimeval(max(d, 0).Nanoseconds())
	if d > 0 && limit.Sec == 0 && limit.Usec == 0 {
		limit.Usec = 1 // zero would mean no limit
	}
	return os.NewSyscallError("setsockopt", syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, option, &limit))
}

// interrupt makes reads and writes fail, also those that are waiting. It may be called from anywhere.
func (s *directStream) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = syscall.Shutdown(s.fd, syscall.SHUT_RDWR) // fails if the other side has done so
	}
}

func (s *directStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	return os.NewSyscallError("close", syscall.Close(s.fd))
}
