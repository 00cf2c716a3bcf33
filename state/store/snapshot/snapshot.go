// Package snapshot writes a state into a file and reads it again. The file is a stream of chunks of at most 1 MiB, each
// followed by its BLAKE3 hash, with a hash over these at the end, so that damage is found while reading, and its place
// is known. GP knows no such file.
//
//	magic, then chunks: length (4 octets, little-endian), octets, BLAKE3 of the chunk's number (8 octets) and octets
//	then length 0 and BLAKE3 of the number of chunks (8 octets) and all their hashes
//
// The chunks together hold the block's hash, its parent's, its slot, the state root, the length of the header and the header,
// and for each entry in ascending order of keys: key, length, value. Lengths are those of encoding/binary.
package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"

	"damson/internal/protocol"

	"github.com/zeebo/blake3"
)

// Head says of which block the state is.
type Head struct {
	Hash, Parent protocol.Hash
	Slot         protocol.Slot
	Root         protocol.Hash // of the state
	Header       []byte        // encoded; may be empty
}

const (
	magic     = "DAMSONS1"
	chunkSize = 1 << 20
	maxHeader = 1 << 24
	maxValue  = 1 << 30
)

// Damage is where a file is not what was written.
type Damage struct {
	Chunk int // counted from 0; -1 if it is not in a chunk
	What  string
}

func (d *Damage) Error() string {
	if d.Chunk < 0 {
		return "snapshot: damaged: " + d.What
	}
	return fmt.Sprintf("snapshot: damaged in chunk %d, octets %d to %d of the state: %s",
		d.Chunk, d.Chunk*chunkSize, (d.Chunk+1)*chunkSize-1, d.What)
}

// chunk is being hashed or was.
type chunk struct {
	number uint64
	octets []byte
	sum    [32]byte // once done is closed
	done   chan struct{}
	want   [32]byte // when reading
}

func newChunk(number uint64, octets []byte) *chunk {
	c := &chunk{number: number, octets: octets, done: make(chan struct{})}
	go func() {
		h := blake3.New()
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, number)) // a hash takes all
		_, _ = h.Write(octets)
		h.Sum(c.sum[:0])
		close(c.done)
	}()
	return c
}

// check says whether a chunk that was read is what was written.
func (c *chunk) check() error {
	if <-c.done; c.sum != c.want {
		return &Damage{int(c.number), "its hash is another"}
	}
	return nil
}

// ahead is how many chunks may be hashed at once.
func ahead() int { return runtime.GOMAXPROCS(0) + 1 }

// writer cuts a stream into chunks.
type writer struct {
	to      io.Writer
	buf     []byte
	waiting []*chunk
	hashes  []byte
	count   uint64
}

func (w *writer) write(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), chunkSize-len(w.buf))
		w.buf, p = append(w.buf, p[:n]...), p[n:]
		if len(w.buf) == chunkSize {
			if err := w.cut(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) cut() error {
	w.waiting = append(w.waiting, newChunk(w.count, w.buf))
	w.count++
	w.buf = make([]byte, 0, chunkSize)
	if len(w.waiting) < ahead() {
		return nil
	}
	return w.flush()
}

// flush writes the oldest chunk.
func (w *writer) flush() error {
	c := w.waiting[0]
	w.waiting = w.waiting[1:]
	<-c.done
	w.hashes = append(w.hashes, c.sum[:]...)
	for _, part := range [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(c.octets))), c.octets, c.sum[:]} {
		if _, err := w.to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) finish() error {
	if len(w.buf) > 0 {
		if err := w.cut(); err != nil {
			return err
		}
	}
	for len(w.waiting) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	root := rootOf(w.count, w.hashes)
	_, err := w.to.Write(append(make([]byte, 4), root[:]...))
	return err
}

func rootOf(count uint64, hashes []byte) [32]byte {
	return blake3.Sum256(append(binary.LittleEndian.AppendUint64(nil, count), hashes...))
}

// Write writes a state.
func Write(to io.Writer, h *Head, entries iter.Seq2[protocol.StateKey, []byte]) error {
	if _, err := io.WriteString(to, magic); err != nil {
		return err
	}
	w := &writer{to: to, buf: make([]byte, 0, chunkSize)}
	head := append(append([]byte{}, h.Hash[:]...), h.Parent[:]...)
	head = binary.LittleEndian.AppendUint32(head, uint32(h.Slot))
	head = append(head, h.Root[:]...)
	head = binary.AppendUvarint(head, uint64(len(h.Header)))
	if err := w.write(append(head, h.Header...)); err != nil {
		return err
	}
	for key, value := range entries {
		start := append(make([]byte, 0, 48), key[:]...)
		err := w.write(binary.AppendUvarint(start, uint64(len(value))))
		if err == nil {
			err = w.write(value)
		}
		if err != nil {
			return err
		}
	}
	return w.finish()
}

// reader joins chunks into a stream. It gives nothing that it has not checked.
type reader struct {
	from    io.Reader
	waiting []*chunk
	hashes  []byte
	count   uint64
	ended   bool
	rest    []byte
}

// Read gives checked octets.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *reader) next() error {
	for !r.ended && len(r.waiting) < ahead() {
		if err := r.fetch(); err != nil {
			r.ended = true
			if why := r.check(); why != nil {
				return why // an earlier chunk is damaged
			}
			return err
		}
	}
	if len(r.waiting) == 0 {
		return io.EOF
	}
	c := r.waiting[0]
	r.waiting = r.waiting[1:]
	if err := c.check(); err != nil {
		return err
	}
	r.rest = c.octets
	return nil
}

// check checks all chunks that were read.
func (r *reader) check() error {
	for _, c := range r.waiting {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads a chunk, or the end.
func (r *reader) fetch() error {
	var size [4]byte
	if err := r.full(size[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n == 0 {
		return r.end()
	}
	if n > chunkSize {
		return &Damage{int(r.count), fmt.Sprintf("its length is %d", n)}
	}
	octets := make([]byte, n)
	var want [32]byte
	if err := errors.Join(r.full(octets), r.full(want[:])); err != nil {
		return err
	}
	c := newChunk(r.count, octets)
	c.want = want
	r.waiting = append(r.waiting, c)
	r.hashes = append(r.hashes, want[:]...)
	r.count++
	return nil
}

func (r *reader) end() error {
	var root [32]byte
	if err := r.full(root[:]); err != nil {
		return err
	}
	if root != rootOf(r.count, r.hashes) {
		if why := r.check(); why != nil {
			return why
		}
		return &Damage{-1, "the hash over all chunks is another"}
	}
	var more [1]byte
	if n, err := r.from.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return &Damage{-1, "something follows the end"}
	}
	r.ended = true
	return nil
}

// full reads octets that must be there.
func (r *reader) full(p []byte) error {
	_, err := io.ReadFull(r.from, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Damage{int(r.count), "the file ends"}
	}
	return err
}

// errOrder is a state whose entries are not in order.
var errOrder = &Damage{-1, "keys do not ascend"}

// Read reads a state and gives its head and then its entries in order. Values may be kept. What was given is what was
// written, but all of it was given only if Read returns no error.
func Read(from io.Reader, head func(*Head) error, entry func(protocol.StateKey, []byte) error) error {
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(from, start); err != nil || string(start) != magic {
		return &Damage{-1, "does not begin as a snapshot does"}
	}
	r := bufio.NewReaderSize(&reader{from: from}, 1<<16)
	h, err := readHead(r)
	if err == nil {
		err = head(h)
	}
	if err != nil {
		return err
	}
	var last protocol.StateKey
	for first := true; ; first = false {
		var key protocol.StateKey
		if _, err := io.ReadFull(r, key[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return incomplete(err)
		}
		if !first && string(key[:]) <= string(last[:]) {
			return errOrder
		}
		last = key
		value, err := readBlob(r, maxValue)
		if err != nil {
			return err
		}
		if err := entry(key, value); err != nil {
			return err
		}
	}
}

func readHead(r *bufio.Reader) (*Head, error) {
	h := new(Head)
	for _, p := range []any{&h.Hash, &h.Parent, &h.Slot, &h.Root} {
		if err := binary.Read(r, binary.LittleEndian, p); err != nil {
			return nil, incomplete(err)
		}
	}
	var err error
	h.Header, err = readBlob(r, maxHeader)
	return h, err
}

func readBlob(r *bufio.Reader, limit uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, incomplete(err)
	}
	if n > limit {
		return nil, &Damage{-1, fmt.Sprintf("a value of %d octets", n)}
	}
	b := make([]byte, 0, min(n, chunkSize)) // no more than what is there
	for uint64(len(b)) < n {
		at := len(b)
		b = append(b, make([]byte, min(n-uint64(at), chunkSize))...)
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			return nil, incomplete(err)
		}
	}
	return b, nil
}

// incomplete makes damage of an end in the middle of something.
func incomplete(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Damage{-1, "ends in the middle of an entry"}
	}
	return err
}
