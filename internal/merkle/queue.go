package merkle

import "damson/internal/protocol"

// What waits in a queue is hashed when it is that long and a multiple of the lanes of a vector unit.
const (
	queueOctets = 32 << 10
	queueLanes  = 8
)

// A queue hashes many blobs, together where neighbours are of equal length. The hashes come out in order.
type queue struct {
	hash Hash
	out  []protocol.Hash
	size int    // of each blob that waits
	wait []byte // the blobs, one after another
	sums [][32]byte
}

// add hashes the prefix and the two blobs that follow it, sooner or later.
func (q *queue) add(prefix string, left, right []byte) {
	size := len(prefix) + len(left) + len(right)
	if size != q.size || len(q.wait) >= queueOctets && len(q.wait)/size%queueLanes == 0 {
		q.flush()
		q.size = size
	}
	q.wait = append(append(append(q.wait, prefix...), left...), right...)
}

// flush appends the hashes of all that waits to out. A prefix stands before every blob, so none is empty.
func (q *queue) flush() {
	if len(q.wait) == 0 {
		return
	}
	n := len(q.wait) / q.size
	if cap(q.sums) < n {
		q.sums = make([][32]byte, n)
	}
	sums := q.sums[:n]
	q.hash.many(sums, q.wait, q.size)
	for _, sum := range sums {
		q.out = append(q.out, sum)
	}
	q.wait = q.wait[:0]
}

// take returns the hashes of all that was added since the last time, and makes room for count more.
func (q *queue) take(count int) []protocol.Hash {
	q.flush()
	out := q.out
	q.out = make([]protocol.Hash, 0, count)
	return out
}
