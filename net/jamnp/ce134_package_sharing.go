package jamnp

import (
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Sharing is the first message of CE 134 and of CE 146: the core, and the roots of the exports of packages that the package
// imports from by their hashes. In CE 134 the bundle is the second message.
type Sharing struct {
	Core     protocol.Core
	Mappings []block.SegmentRootEntry
}

// Refined answers CE 134.
type Refined struct {
	Report    protocol.Hash
	Signature protocol.Ed25519Signature
}

const refinedOctets = 32 + 64

// SharingLimit bounds a Sharing: no more packages than a report may depend on. GP eq:workdigestfunction.
func SharingLimit(p *protocol.Params) int {
	return 2 + codec.NaturalSize(uint64(p.MaxReportDeps)) + 64*p.MaxReportDeps
}

// BundleLimit bounds a bundle: what GP eq:checkextractsize counts, and the package's fields of fixed length.
func BundleLimit(p *protocol.Params) int { return bundle.MaxOctets(p) }

// RefinedLimit bounds the answer of CE 134.
func RefinedLimit(*protocol.Params) int { return refinedOctets }

// AppendTo appends the message.
func (m *Sharing) AppendTo(b []byte) []byte {
	b = codec.AppendCount(codec.AppendU16(b, uint16(m.Core)), len(m.Mappings))
	for i := range m.Mappings {
		b = append(b, m.Mappings[i].Package[:]...)
		b = append(b, m.Mappings[i].Root[:]...)
	}
	return b
}

// Decode reads the message.
func (m *Sharing) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		m.Core = decodeCore(d, p)
		d.Field("segments_root_mappings")
		m.Mappings = codec.Resize(m.Mappings, d.Count(p.MaxReportDeps, 64))
		for i := range m.Mappings {
			m.Mappings[i] = block.SegmentRootEntry{Package: d.Hash(), Root: d.Hash()}
		}
	})
}

// AppendTo appends the message.
func (m *Refined) AppendTo(b []byte) []byte {
	return append(append(b, m.Report[:]...), m.Signature[:]...)
}

// Decode reads the message.
func (m *Refined) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("refined")
		m.Report = d.Hash()
		d.Copy(m.Signature[:])
	})
}
