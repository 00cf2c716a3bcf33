//go:build !purego

package blake2b

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/cpu"

	"damson/internal/impl"
)

//go:generate go run -C _asm . ../block_amd64.s

var (
	useAVX512 = cpu.X86.HasAVX512F
	useAVX2   = cpu.X86.HasAVX2
)

func init() {
	impl.Register("blake2b", "avx512", &useAVX512)
	impl.Register("blake2b", "avx2", &useAVX2)
}

// SAFETY: the assembly reads and writes just what its pointers point to; of each message the compressions read the 128 octets
// from at on; one without octets is never read. It keeps no pointer.

//go:noescape
func nodes512(out *[8][Size]byte, nodes *[8][NodeSize]byte)

//go:noescape
func nodes256(out *[4][Size]byte, nodes *[4][NodeSize]byte)

//go:noescape
func compress512(state *[8][8]uint64, messages *[8]*byte, at int, lengths *[8]uint64, final uint64)

//go:noescape
func compress256(state *[8][4]uint64, messages *[4]*byte, at int, lengths *[4]uint64, final uint64)

// sumNodesWide hashes nodes several at a time and returns how many it has done. out and nodes are of one length.
func sumNodesWide(out [][Size]byte, nodes [][NodeSize]byte) int {
	n, i := len(nodes), 0
	if useAVX512 {
		for ; n-i >= 8; i += 8 {
			nodes512((*[8][Size]byte)(out[i:]), (*[8][NodeSize]byte)(nodes[i:]))
		}
		// Five at once cost less than four and one.
		if n-i > 4 || n-i > 1 && !useAVX2 {
			var all [8][Size]byte
			var in [8][NodeSize]byte
			copy(in[:], nodes[i:])
			nodes512(&all, &in)
			return i + copy(out[i:], all[:])
		}
	}
	if useAVX2 {
		for ; n-i >= 4; i += 4 {
			nodes256((*[4][Size]byte)(out[i:]), (*[4][NodeSize]byte)(nodes[i:]))
		}
		if n-i > 1 {
			var all [4][Size]byte
			var in [4][NodeSize]byte
			copy(in[:], nodes[i:])
			nodes256(&all, &in)
			return i + copy(out[i:], all[:])
		}
	}
	return i
}

// sumEachWide hashes messages several at a time, as far as neighbours take equally many blocks, and returns how many it has done.
// out and messages are of one length.
func sumEachWide(out [][Size]byte, messages [][]byte) int {
	n, i := len(messages), 0
	if useAVX512 {
		for ; n-i >= 8 && equalBlocks(messages[i:i+8]); i += 8 {
			each512(out[i:i+8], messages[i:i+8])
		}
	}
	if useAVX2 {
		for ; n-i >= 4 && equalBlocks(messages[i:i+4]); i += 4 {
			each256(out[i:i+4], messages[i:i+4])
		}
	}
	return i
}

func equalBlocks(messages [][]byte) bool {
	for _, m := range messages {
		if blocks(m) != blocks(messages[0]) {
			return false
		}
	}
	return true
}

// blocks counts the blocks of a message before its last.
func blocks(message []byte) int { return max(len(message)-1, 0) / BlockSize }

func each512(out [][Size]byte, messages [][]byte) {
	var state [8][8]uint64
	for word, v := range initial {
		for lane := range state[word] {
			state[word][lane] = v
		}
	}
	var from [8]*byte
	for lane := range from {
		from[lane] = unsafe.SliceData(messages[lane])
	}
	var lengths [8]uint64
	at := 0
	for range blocks(messages[0]) {
		for lane := range lengths {
			lengths[lane] += BlockSize
		}
		compress512(&state, &from, at, &lengths, 0)
		at += BlockSize
	}
	var last [8][BlockSize]byte
	for lane := range last {
		copy(last[lane][:], messages[lane][at:])
		from[lane] = &last[lane][0]
		lengths[lane] = uint64(len(messages[lane]))
	}
	compress512(&state, &from, 0, &lengths, ^uint64(0))
	for lane := range out {
		for word := range Size / 8 {
			binary.LittleEndian.PutUint64(out[lane][8*word:], state[word][lane])
		}
	}
}

func each256(out [][Size]byte, messages [][]byte) {
	var state [8][4]uint64
	for word, v := range initial {
		for lane := range state[word] {
			state[word][lane] = v
		}
	}
	var from [4]*byte
	for lane := range from {
		from[lane] = unsafe.SliceData(messages[lane])
	}
	var lengths [4]uint64
	at := 0
	for range blocks(messages[0]) {
		for lane := range lengths {
			lengths[lane] += BlockSize
		}
		compress256(&state, &from, at, &lengths, 0)
		at += BlockSize
	}
	var last [4][BlockSize]byte
	for lane := range last {
		copy(last[lane][:], messages[lane][at:])
		from[lane] = &last[lane][0]
		lengths[lane] = uint64(len(messages[lane]))
	}
	compress256(&state, &from, 0, &lengths, ^uint64(0))
	for lane := range out {
		for word := range Size / 8 {
			binary.LittleEndian.PutUint64(out[lane][8*word:], state[word][lane])
		}
	}
}
