package pvm

import (
	"encoding/binary"

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

// Blob is the program as it was decoded from.
func (p *Program) Blob() []byte {
	b := codec.AppendNatural(nil, p.blob.jumpCount)
	b = append(b, byte(p.blob.jumpSize))
	b = codec.AppendNatural(b, uint64(len(p.blob.Code)))
	b = append(b, p.blob.jumps...)
	b = append(b, p.blob.Code...)
	return append(b, p.blob.Mask...)
}
