package merkle

import (
	"math"
	"slices"

	"damson/crypto/keccak"
	"damson/internal/protocol"
)

// GP §E word by word, as slow as it stands there. The tests compare with it.

func literalN(v [][]byte, h Hash) []byte {
	switch len(v) {
	case 0:
		return make([]byte, 32)
	case 1:
		return v[0]
	}
	half := (len(v) + 1) / 2
	hash := h.sum(slices.Concat([]byte("node"), literalN(v[:half], h), literalN(v[half:], h)))
	return hash[:]
}

func literalP(s bool, v [][]byte, i int) [][]byte {
	half := (len(v) + 1) / 2
	if (i < half) == s {
		return v[:half]
	}
	return v[half:]
}

func literalPI(v [][]byte, i int) int {
	if half := (len(v) + 1) / 2; i >= half {
		return half
	}
	return 0
}

func literalT(v [][]byte, i int, h Hash) [][]byte {
	if len(v) <= 1 {
		return nil
	}
	return append([][]byte{literalN(literalP(false, v, i), h)}, literalT(literalP(true, v, i), i-literalPI(v, i), h)...)
}

func literalMB(v [][]byte, h Hash) protocol.Hash {
	if len(v) == 1 {
		return h.sum(v[0])
	}
	return protocol.Hash(literalN(v, h))
}

func literalC(v [][]byte, h Hash) [][]byte {
	out := make([][]byte, int(math.Exp2(math.Ceil(math.Log2(max(1, float64(len(v))))))))
	for i := range out {
		out[i] = make([]byte, 32)
		if i < len(v) {
			hash := h.sum(append([]byte("leaf"), v[i]...))
			out[i] = hash[:]
		}
	}
	return out
}

func literalM(v [][]byte, h Hash) protocol.Hash { return protocol.Hash(literalN(literalC(v, h), h)) }

func literalJ(x int, v [][]byte, i int, h Hash) (path []protocol.Hash) {
	length := max(0, math.Ceil(math.Log2(max(1, float64(len(v))))-float64(x)))
	for _, node := range literalT(literalC(v, h), i<<x, h)[:int(length)] {
		path = append(path, protocol.Hash(node))
	}
	return path
}

func literalL(x int, v [][]byte, i int, h Hash) (page []protocol.Hash) {
	for _, l := range v[i<<x : min(i<<x+1<<x, len(v))] {
		page = append(page, h.sum(append([]byte("leaf"), l...)))
	}
	return page
}

func literalAppend(r Range, l protocol.Hash, n int, h Hash) Range {
	if n >= len(r) {
		return append(r, Peak{l, true})
	}
	set := slices.Clone(r)
	if !r[n].Present {
		set[n] = Peak{l, true}
		return set
	}
	set[n] = Peak{}
	return literalAppend(set, h.sum(append(r[n].Hash[:], l[:]...)), n+1, h)
}

func literalSuperPeak(h []protocol.Hash) protocol.Hash {
	switch n := len(h); n {
	case 0:
		return protocol.Hash{}
	case 1:
		return h[0]
	default:
		below := literalSuperPeak(h[:n-1])
		return keccak.Sum256(slices.Concat([]byte("peak"), below[:], h[n-1][:]))
	}
}
