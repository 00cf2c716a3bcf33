package codec

import (
	"encoding/binary"
	"math/bits"
)

// AppendNatural appends a number in its shortest form of one to nine octets. GP §C.1.1.
func AppendNatural(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	extra := (bits.Len64(v) - 1) / 7
	if extra >= 8 {
		return binary.LittleEndian.AppendUint64(append(b, 0xff), v)
	}
	ones := ^byte(1<<(8-extra) - 1) // as many as octets follow
	b = append(b, ones|byte(v>>(8*extra)))
	for i := range extra {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}

// NaturalSize is how many octets AppendNatural adds.
func NaturalSize(v uint64) int {
	if v == 0 {
		return 1
	}
	return 1 + min((bits.Len64(v)-1)/7, 8)
}

// AppendCount appends the length of a list.
func AppendCount(b []byte, n int) []byte { return AppendNatural(b, uint64(n)) }

// AppendBlob appends an octet string with its length before it.
func AppendBlob(b, blob []byte) []byte { return append(AppendNatural(b, uint64(len(blob))), blob...) }

// AppendBool appends 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendU16 appends two octets, the least first.
func AppendU16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }

// AppendU32 appends four octets, the least first.
func AppendU32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

// AppendU64 appends eight octets, the least first.
func AppendU64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }
