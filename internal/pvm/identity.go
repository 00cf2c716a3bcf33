package pvm

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"damson/crypto/blake2b"
	"damson/internal/codec"
)

// Identity tells programs apart by content, for caches: equal only for programs that run alike.
type Identity [32]byte

// Identity is computed on each call, from all parts of the blob.
func (p *Program) Identity() Identity {
	var head [24]byte
	binary.LittleEndian.PutUint64(head[0:], p.blob.jumpCount)
	binary.LittleEndian.PutUint64(head[8:], uint64(p.blob.jumpSize))
	binary.LittleEndian.PutUint64(head[16:], uint64(len(p.blob.Code)))
	return blake2b.Sum256Parts(head[:], p.blob.jumps, p.blob.Code, p.blob.Mask)
}

// Fingerprint is the same for programs that are the same, and hardly ever for others, as long as nobody knows the seed.
// It is much quicker than Identity.
func (p *Program) Fingerprint(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	maphash.WriteComparable(&h, [3]uint64{p.blob.jumpCount, uint64(p.blob.jumpSize), uint64(len(p.blob.Code))})
	h.Write(p.blob.jumps)
	h.Write(p.blob.Code)
	h.Write(p.blob.Mask)
	return h.Sum64()
}

// Same reports whether two programs are the same.
func (p *Program) Same(q *Program) bool {
	return p.blob.jumpCount == q.blob.jumpCount && p.blob.jumpSize == q.blob.jumpSize &&
		bytes.Equal(p.blob.jumps, q.blob.jumps) && bytes.Equal(p.blob.Code, q.blob.Code) && bytes.Equal(p.blob.Mask, q.blob.Mask)
}

// Blob is the program as it was decoded from.
func (p *Program) Blob() []byte {
	b := codec.AppendNatural(nil, p.blob.jumpCount)
	b = append(b, byte(p.blob.jumpSize))
	b = codec.AppendNatural(b, uint64(len(p.blob.Code)))
	b = append(b, p.blob.jumps...)
	b = append(b, p.blob.Code...)
	return append(b, p.blob.Mask...)
}
