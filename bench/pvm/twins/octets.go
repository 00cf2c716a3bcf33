package twins

import (
	"encoding/binary"
	"math/bits"
)

const area = 256 << 10

//go:noinline
func copyWords(d, s []byte) {
	i := 0
	for ; i+32 <= len(s); i += 32 {
		to, from := d[i:i+32], s[i:i+32]
		a, b := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
		c, e := binary.LittleEndian.Uint64(from[16:]), binary.LittleEndian.Uint64(from[24:])
		binary.LittleEndian.PutUint64(to, a)
		binary.LittleEndian.PutUint64(to[8:], b)
		binary.LittleEndian.PutUint64(to[16:], c)
		binary.LittleEndian.PutUint64(to[24:], e)
	}
	for ; i < len(s); i++ {
		d[i] = s[i]
	}
}

//go:noinline
func copyOctets(d, s []byte) {
	d = d[:len(s)]
	for i := 0; i < len(s); i++ { //nolint:staticcheck // not copy: the C goes octet by octet
		d[i] = s[i]
	}
}

//go:noinline
func fill(d []byte, b byte) {
	v := uint64(b) * 0x0101010101010101
	i := 0
	for ; i+8 <= len(d); i += 8 {
		binary.LittleEndian.PutUint64(d[i:], v)
	}
	for ; i < len(d); i++ {
		d[i] = b
	}
}

//go:noinline
func firstDifference(a, b []byte) uint64 {
	b = b[:len(a)]
	for i := range a {
		if a[i] != b[i] {
			return uint64(i)
		}
	}
	return uint64(len(a))
}

//go:noinline
func find(a []byte, x byte) uint64 {
	c := uint64(0)
	for i := range a {
		if a[i] == x {
			c = c*3 + uint64(i)
		}
	}
	return c
}

func memops(n uint64) uint64 {
	src, dst := make([]byte, area+64), make([]byte, area+64)
	s, h := uint64(7), uint64(0)
	for i := range area {
		src[i] = byte(xorshift(&s) >> 11)
	}
	for r := range n {
		copyWords(dst, src[:area])
		copyOctets(dst[3+r%29:], src[r%31:][:20000])
		fill(dst[r%13:][:50000], byte(r))
		for range 400 {
			x := xorshift(&s)
			copyWords(dst[x%200000:], src[(x>>20)%200000:][:(x>>40)%200])
		}
		h = bits.RotateLeft64(h, 11) + firstDifference(src[100000:160000], dst[100000:]) + find(dst[:30000], byte(r*5))
		src[r*4099%area] ^= byte(h)
	}
	return h
}

const hashed = 65536

// roundKeys are those of SHA-256.
var roundKeys = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

func compress(h *[8]uint32, p []byte) {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(p[4*i:])
	}
	for i := 16; i < 64; i++ {
		a, b := w[i-15], w[i-2]
		w[i] = w[i-16] + (bits.RotateLeft32(a, -7) ^ bits.RotateLeft32(a, -18) ^ a>>3) +
			w[i-7] + (bits.RotateLeft32(b, -17) ^ bits.RotateLeft32(b, -19) ^ b>>10)
	}
	a, b, c, d, e, f, g, k := h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
	for i := range w {
		t1 := k + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) +
			(e&f ^ ^e&g) + roundKeys[i] + w[i]
		t2 := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) + (a&b ^ a&c ^ b&c)
		k, g, f, e, d, c, b, a = g, f, e, d+t1, c, b, a, t1+t2
	}
	h[0] += a
	h[1] += b
	h[2] += c
	h[3] += d
	h[4] += e
	h[5] += f
	h[6] += g
	h[7] += k
}

func sha256(n uint64) uint64 {
	buf := make([]byte, hashed)
	s := uint64(0x9e3779b97f4a7c15)
	for i := range buf {
		buf[i] = byte(xorshift(&s))
	}
	var h [8]uint32
	for r := range n {
		h = [8]uint32{
			0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
		}
		rest := buf[:hashed-r%100]
		for ; len(rest) >= 64; rest = rest[64:] {
			compress(&h, rest)
		}
		var tail [128]byte
		end := 64
		if len(rest)+9 > 64 {
			end = 128
		}
		copy(tail[:], rest)
		tail[len(rest)] = 0x80
		binary.BigEndian.PutUint64(tail[end-8:], 8*(hashed-r%100))
		for i := 0; i < end; i += 64 {
			compress(&h, tail[i:])
		}
		for i := range uint64(32) {
			buf[(r*977+i)%hashed] = byte(h[i>>2] >> (24 - 8*(i&3)))
		}
	}
	return uint64(h[0])<<32 | uint64(h[1])
}
