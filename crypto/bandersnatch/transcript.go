package bandersnatch

import (
	"crypto/sha3"
	"encoding/binary"
	"math/big"
	"math/bits"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// transcript turns the interactive ring proof into one that is not: the verifier's challenges are hashes of all that was
// said before. Assignment copies it.
type transcript struct{ shake sha3.SHAKE }

func newTranscript() *transcript {
	t := &transcript{shake: *sha3.NewSHAKE128()}
	t.put([]byte(suite))
	return t
}

// ringTranscript begins a transcript with what is the same for all proofs of a ring: the commitments to its columns.
func ringTranscript(c *pairingConstants, columns *[3]bls12381.G1Affine) transcript {
	t := newTranscript()
	t.add("vk", appendRaw(append([]byte(nil), c.raw...), &columns[0], &columns[1], &columns[2]))
	return *t
}

// put absorbs a message and its length.
func (t *transcript) put(message []byte) {
	t.write(message)
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(message)))
	t.write(length[:])
}

// write absorbs octets. The hash never fails to.
func (t *transcript) write(octets []byte) { _, _ = t.shake.Write(octets) }

// add absorbs a labelled message.
func (t *transcript) add(label string, message []byte) {
	t.put([]byte(label))
	t.put(message)
}

// challenge draws a field element. It becomes part of the transcript by its label alone.
func (t *transcript) challenge(label string) fr.Element {
	t.put([]byte(label))
	t.write([]byte("challenge"))
	fork := *t
	var drawn [48]byte
	_, _ = fork.shake.Read(drawn[:])
	t.write([]byte{0, 0, 0, 9})
	return fieldFrom384(&drawn)
}

// The 256-bit and 512-bit powers of two that carry an integer into the Montgomery form of the field.
var (
	montgomeryQ2 = powerOfTwo(256)
	montgomeryQ3 = powerOfTwo(512)
	modulusQ     = [4]uint64{0xffffffff00000001, 0x53bda402fffe5bfe, 0x3339d80809a1d805, 0x73eda753299d7d48}
)

func powerOfTwo(exponent uint) (z fr.Element) {
	z.SetBigInt(new(big.Int).Lsh(big.NewInt(1), exponent))
	return z
}

// fieldFrom384 reads 48 big-endian octets modulo q.
func fieldFrom384(b *[48]byte) fr.Element {
	var low, high fr.Element
	for i := range 4 {
		low[i] = binary.BigEndian.Uint64(b[40-8*i:])
	}
	high[0], high[1] = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:])
	for range 2 { // 2^256 is less than 3·q
		var t [4]uint64
		var borrow uint64
		for i := range t {
			t[i], borrow = bits.Sub64(low[i], modulusQ[i], borrow)
		}
		if borrow == 0 {
			low = t
		}
	}
	low.Mul(&low, &montgomeryQ2)
	high.Mul(&high, &montgomeryQ3)
	low.Add(&low, &high)
	return low
}

// appendRaw appends uncompressed points of G1.
func appendRaw(b []byte, points ...*bls12381.G1Affine) []byte {
	for _, p := range points {
		raw := p.RawBytes()
		b = append(b, raw[:]...)
	}
	return b
}

// fieldOctets encodes field elements, little-endian.
func fieldOctets(elements ...*fr.Element) []byte {
	b := make([]byte, 0, fr.Bytes*len(elements))
	for _, e := range elements {
		var octets [fr.Bytes]byte
		fr.LittleEndian.PutElement(&octets, *e)
		b = append(b, octets[:]...)
	}
	return b
}
