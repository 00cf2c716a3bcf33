package jamnp

import (
	"math/bits"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// CE 146 sends five messages: Sharing, PackageAlone, the extrinsics (see SplitExtrinsics), Segments and ImportProofs.

// PackageAlone is a work package: the second message of CE 146.
type PackageAlone struct{ Package block.WorkPackage }

// Segments are imported segments, in the order of a package's imports.
type Segments [][]byte

// ImportProofs prove segments, in their order: 𝐽 of GP §14.3.
type ImportProofs [][]protocol.Hash

// PackageAloneLimit bounds a package by itself.
func PackageAloneLimit(*protocol.Params) int { return packageOctets }

// SegmentsLimit bounds as many segments as a package may import.
func SegmentsLimit(p *protocol.Params) int { return p.MaxPackageImports * p.SegmentOctets() }

// ImportProofsLimit bounds the proofs of as many segments as a package may import.
func ImportProofsLimit(p *protocol.Params) int {
	return p.MaxPackageImports * (1 + 32*maxProofHashes(p))
}

// maxProofHashes is how deep the tree of a package's exports can be.
func maxProofHashes(p *protocol.Params) int { return bits.Len(uint(p.MaxPackageExports - 1)) }

// AppendTo appends the message.
func (m *PackageAlone) AppendTo(b []byte) []byte { return m.Package.AppendTo(b) }

// Decode reads the message. The package shares b.
func (m *PackageAlone) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) { m.Package.DecodeFrom(d, p) })
}

// AppendTo appends the message.
func (m *Segments) AppendTo(b []byte) []byte {
	for _, segment := range *m {
		b = append(b, segment...)
	}
	return b
}

// Decode reads the message. The segments share b.
func (m *Segments) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("segments")
		*m = list(d, p.MaxPackageImports, func(segment *[]byte) { *segment = d.Bytes(p.SegmentOctets()) })
	})
}

// AppendTo appends the message.
func (m *ImportProofs) AppendTo(b []byte) []byte {
	for _, proof := range *m {
		b = codec.AppendCount(b, len(proof))
		for i := range proof {
			b = append(b, proof[i][:]...)
		}
	}
	return b
}

// Decode reads the message.
func (m *ImportProofs) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("import_proofs")
		*m = list(d, p.MaxPackageImports, func(proof *[]protocol.Hash) {
			*proof = make([]protocol.Hash, d.Count(maxProofHashes(p), 32))
			for i := range *proof {
				(*proof)[i] = d.Hash()
			}
		})
	})
}
