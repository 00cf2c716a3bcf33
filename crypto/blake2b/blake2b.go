// Package blake2b is BLAKE2b-256 without a key, the hash function ℋ of GP §3.8.1.
//
// [Sum256] hashes one message, [Sum256Parts] and [Hasher] hash one that lies in pieces, without
// allocating. [SumNodes], [SumMany] and [SumEach] hash many messages: that is the call behind which
// several lanes of a vector unit work at once, so whoever has a level of a tree to hash should use it.
package blake2b

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"
)

// Size is the length of a hash, BlockSize what one compression takes in, NodeSize the length of an
// encoded node of the state trie, all in octets.
const (
	Size      = 32
	BlockSize = 128
	NodeSize  = 64
)

// The initial state of RFC 7693 §2.6, and the parameter block for 32 octets of output and no key.
const (
	iv0 = 0x6a09e667f3bcc908
	iv1 = 0xbb67ae8584caa73b
	iv2 = 0x3c6ef372fe94f82b
	iv3 = 0xa54ff53a5f1d36f1
	iv4 = 0x510e527fade682d1
	iv5 = 0x9b05688c2b3e6c1f
	iv6 = 0x1f83d9abfb41bd6b
	iv7 = 0x5be0cd19137e2179

	parameters = 0x01010000 | Size
)

var initial = [8]uint64{iv0 ^ parameters, iv1, iv2, iv3, iv4, iv5, iv6, iv7}

// Sum256 returns the hash of data.
func Sum256(data []byte) [Size]byte { return blake2b.Sum256(data) }

// Sum256Parts returns the hash of the concatenation of parts.
func Sum256Parts(parts ...[]byte) [Size]byte {
	var h Hasher
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum()
}

// SumNodes writes the hash of nodes[i] to out[i]. It hashes as many as the shorter slice holds.
func SumNodes(out [][Size]byte, nodes [][NodeSize]byte) {
	n := min(len(out), len(nodes))
	for i := sumNodesWide(out[:n], nodes[:n]); i < n; i++ {
		out[i] = Sum256(nodes[i][:])
	}
}

// SumMany hashes messages of size octets that lie one after another in data, and writes one hash for
// each to out. It stops where either is exhausted.
func SumMany(out [][Size]byte, data []byte, size int) {
	if size <= 0 {
		return
	}
	n := min(len(out), len(data)/size)
	var group [64][]byte // a multiple of the lanes
	for i := 0; i < n; i += len(group) {
		messages := group[:min(len(group), n-i)]
		for j := range messages {
			messages[j] = data[(i+j)*size : (i+j+1)*size]
		}
		SumEach(out[i:], messages)
	}
}

// SumEach writes the hash of messages[i] to out[i]. Neighbours of equally many blocks are hashed together. It stops where either is
// exhausted.
func SumEach(out [][Size]byte, messages [][]byte) {
	for n := min(len(out), len(messages)); n > 0; n = len(messages) {
		done := sumEachWide(out[:n], messages[:n])
		if done < n {
			out[done] = Sum256(messages[done])
			done++
		}
		out, messages = out[done:], messages[done:n]
	}
}

// Hasher hashes a message that comes piece by piece. The zero value is ready for use, and a copy goes
// on from where the original stood.
type Hasher struct {
	state   [8]uint64 // without the initial state, so that zero is a beginning
	length  uint64    // octets compressed so far
	pending int       // octets in block
	block   [BlockSize]byte
}

// Write adds p to the message. It returns nothing because nothing can fail.
func (h *Hasher) Write(p []byte) {
	for len(p) > 0 {
		// The last block is compressed in another way: keep a full one until more arrives.
		if h.pending == BlockSize {
			h.flush(0)
		}
		n := copy(h.block[h.pending:], p)
		h.pending += n
		p = p[n:]
	}
}

// Sum returns the hash of what was written. The Hasher is left as it was.
func (h *Hasher) Sum() (sum [Size]byte) {
	last := *h
	clear(last.block[last.pending:])
	last.flush(^uint64(0))
	for i := range Size / 8 {
		binary.LittleEndian.PutUint64(sum[8*i:], last.state[i]^initial[i])
	}
	return sum
}

// flush compresses the block. final is all ones for the last block of a message, otherwise zero.
func (h *Hasher) flush(final uint64) {
	var m [16]uint64
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(h.block[8*i:])
	}
	h.length += uint64(h.pending)
	h.pending = 0
	for i, v := range initial {
		h.state[i] ^= v
	}
	compress(&h.state, &m, h.length, final)
	for i, v := range initial {
		h.state[i] ^= v
	}
}
