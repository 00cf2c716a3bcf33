package blake2b

import "math/bits"

// The rounds are written out, so that every message word has a constant place: the table of RFC 7693
// §2.7 is the order of the last two arguments, line by line.

// compress is the function F of RFC 7693 §3.2, for messages shorter than 2^64 octets.
func compress(h *[8]uint64, m *[16]uint64, length, final uint64) {
	v0, v1, v2, v3 := h[0], h[1], h[2], h[3]
	v4, v5, v6, v7 := h[4], h[5], h[6], h[7]
	v8, v9, v10, v11 := uint64(iv0), uint64(iv1), uint64(iv2), uint64(iv3)
	v12, v13, v14, v15 := iv4^length, uint64(iv5), iv6^final, uint64(iv7)

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[0], m[1])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[2], m[3])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[4], m[5])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[6], m[7])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[8], m[9])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[10], m[11])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[12], m[13])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[14], m[15])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[14], m[10])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[4], m[8])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[9], m[15])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[13], m[6])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[1], m[12])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[0], m[2])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[11], m[7])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[5], m[3])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[11], m[8])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[12], m[0])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[5], m[2])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[15], m[13])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[10], m[14])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[3], m[6])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[7], m[1])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[9], m[4])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[7], m[9])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[3], m[1])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[13], m[12])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[11], m[14])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[2], m[6])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[5], m[10])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[4], m[0])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[15], m[8])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[9], m[0])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[5], m[7])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[2], m[4])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[10], m[15])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[14], m[1])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[11], m[12])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[6], m[8])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[3], m[13])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[2], m[12])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[6], m[10])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[0], m[11])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[8], m[3])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[4], m[13])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[7], m[5])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[15], m[14])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[1], m[9])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[12], m[5])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[1], m[15])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[14], m[13])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[4], m[10])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[0], m[7])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[6], m[3])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[9], m[2])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[8], m[11])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[13], m[11])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[7], m[14])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[12], m[1])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[3], m[9])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[5], m[0])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[15], m[4])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[8], m[6])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[2], m[10])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[6], m[15])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[14], m[9])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[11], m[3])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[0], m[8])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[12], m[2])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[13], m[7])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[1], m[4])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[10], m[5])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[10], m[2])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[8], m[4])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[7], m[6])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[1], m[5])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[15], m[11])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[9], m[14])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[3], m[12])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[13], m[0])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[0], m[1])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[2], m[3])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[4], m[5])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[6], m[7])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[8], m[9])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[10], m[11])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[12], m[13])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[14], m[15])

	v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[14], m[10])
	v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[4], m[8])
	v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[9], m[15])
	v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[13], m[6])
	v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[1], m[12])
	v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[0], m[2])
	v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[11], m[7])
	v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[5], m[3])

	h[0] ^= v0 ^ v8
	h[1] ^= v1 ^ v9
	h[2] ^= v2 ^ v10
	h[3] ^= v3 ^ v11
	h[4] ^= v4 ^ v12
	h[5] ^= v5 ^ v13
	h[6] ^= v6 ^ v14
	h[7] ^= v7 ^ v15
}

// mix is the function G of RFC 7693 §3.1.
func mix(a, b, c, d, x, y uint64) (uint64, uint64, uint64, uint64) {
	a += b + x
	d = bits.RotateLeft64(d^a, -32)
	c += d
	b = bits.RotateLeft64(b^c, -24)
	a += b + y
	d = bits.RotateLeft64(d^a, -16)
	c += d
	b = bits.RotateLeft64(b^c, -63)
	return a, b, c, d
}
