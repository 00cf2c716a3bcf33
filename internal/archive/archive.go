// Package archive reads the .tar.zst files that official traces and vectors are published in.
//
// An archive is streamed: a member is handed over as soon as it is read, so that one which unpacks to
// a gigabyte costs no more memory than its largest member. Nothing here knows what a member means.
package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Ext is the ending of the file names that [Read] understands.
const Ext = ".tar.zst"

const (
	// MaxMember bounds one member. The largest official one has less than a tenth of it.
	MaxMember = 256 << 20
	// maxWindow bounds what the decompressor may be told to remember.
	maxWindow = 128 << 20
	// firstChunk is what a member is given before its octets have been seen to exist.
	firstChunk = 1 << 20
)

// Why an archive is refused.
var (
	ErrEmpty    = errors.New("archive holds no file")
	ErrTooLarge = errors.New("member is larger than 256 MiB")
	ErrShort    = errors.New("archive ends early")
)

// Error says where in which archive reading stopped.
type Error struct {
	Path   string // of the archive
	Member string // being read; empty between members
	Offset int64  // in octets of the unpacked stream
	Err    error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: octet %d unpacked", e.Path, e.Offset)
	if e.Member != "" {
		fmt.Fprintf(&b, ", member %q", e.Member)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether path is named like an archive.
func Is(path string) bool { return strings.HasSuffix(path, Ext) }

// Read calls each with the regular files of the archive at path, in the archive's order. The callee
// may keep data. An error of each ends the reading and is returned as it is; every other is an *[Error].
func Read(path string, each func(name string, data []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return ReadFrom(path, file, each)
}

// ReadFrom is Read for an archive that is not a file; the path is for errors alone.
func ReadFrom(path string, packed io.Reader, each func(name string, data []byte) error) error {
	unpacked, err := zstd.NewReader(packed, zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return &Error{Path: path, Err: err}
	}
	defer unpacked.Close()

	stream := &counter{from: unpacked}
	members := tar.NewReader(stream)
	files := 0
	for {
		head, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &Error{path, "", stream.read, early(err)}
		}
		if head.Typeflag != tar.TypeReg {
			continue
		}
		data, err := readMember(members, head.Size)
		if err != nil {
			return &Error{path, head.Name, stream.read, early(err)}
		}
		if err := each(head.Name, data); err != nil {
			return err
		}
		files++
	}
	// The tar reader stops at its end marker; what follows must still unpack, or the file was cut.
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return &Error{path, "", stream.read, early(err)}
	}
	if files == 0 {
		return &Error{path, "", stream.read, ErrEmpty}
	}
	return nil
}

// readMember trusts a member's declared size only as far as octets arrive for it.
func readMember(from io.Reader, size int64) ([]byte, error) {
	if size > MaxMember {
		return nil, ErrTooLarge
	}
	data := make([]byte, 0, min(size, firstChunk))
	for int64(len(data)) < size {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(size, int64(4*cap(data))))
			copy(grown, data)
			data = grown
		}
		n, err := from.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF && int64(len(data)) < size {
			return nil, ErrShort
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	return data, nil
}

func early(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrShort
	}
	return err
}

type counter struct {
	from io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
