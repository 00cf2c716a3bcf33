package jamnp

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// The rules for packages.
const (
	ErrCore       = protocol.Invalid("jamnp/no_such_core")
	ErrExtrinsics = protocol.Invalid("jamnp/extrinsics_not_as_long_as_package_says")
)

// PackageSubmission is the first message of CE 133. The second are the extrinsics: see SplitExtrinsics.
type PackageSubmission struct {
	Core    protocol.Core
	Package block.WorkPackage
}

// packageOctets bounds a package by itself, so that a guarantor can look at it before it takes more.
const packageOctets = 200 << 10

// PackageSubmissionLimit bounds the first message of CE 133.
func PackageSubmissionLimit(*protocol.Params) int { return 2 + packageOctets }

// ExtrinsicsLimit bounds the extrinsics of a package, as GP eq:checkextractsize does.
func ExtrinsicsLimit(p *protocol.Params) int { return p.MaxBundle }

// AppendTo appends the message.
func (m *PackageSubmission) AppendTo(b []byte) []byte {
	return m.Package.AppendTo(codec.AppendU16(b, uint16(m.Core)))
}

// Decode reads the message. The package shares b.
func (m *PackageSubmission) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		m.Core = decodeCore(d, p)
		m.Package.DecodeFrom(d, p)
	})
}

// SplitExtrinsics cuts the extrinsic data that comes with a package into what each of its items refers to. They share b.
func SplitExtrinsics(w *block.WorkPackage, b []byte) ([][][]byte, error) {
	out := make([][][]byte, len(w.Items))
	for i := range w.Items {
		for _, x := range w.Items[i].Extrinsics {
			if uint64(x.Length) > uint64(len(b)) {
				return nil, ErrExtrinsics
			}
			out[i] = append(out[i], b[:x.Length:x.Length])
			b = b[x.Length:]
		}
	}
	if len(b) > 0 {
		return nil, ErrExtrinsics
	}
	return out, nil
}

func decodeCore(d *codec.Decoder, p *protocol.Params) protocol.Core {
	d.Field("core")
	core := protocol.Core(d.U16())
	if int(core) >= p.Cores {
		d.Fail(ErrCore)
	}
	return core
}
