package jamnp

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// ErrCredentials means that a report is guaranteed by fewer than two or by more than three. GP eq:guaranteesextrinsic.
const ErrCredentials = protocol.Invalid("jamnp/bad_number_of_guarantors")

// GuaranteedReport is a report that may go into a block: CE 135.
type GuaranteedReport struct{ Guarantee block.Guarantee }

const (
	minCredentials   = 2
	maxCredentials   = 3
	credentialOctets = 2 + 64
)

// ReportLimit bounds a report.
func ReportLimit(p *protocol.Params) int { return p.MaxReportBlobs + reportOctets }

// GuaranteedReportLimit bounds a guaranteed report.
func GuaranteedReportLimit(p *protocol.Params) int {
	return ReportLimit(p) + 4 + 1 + maxCredentials*credentialOctets
}

// AppendTo appends the message.
func (m *GuaranteedReport) AppendTo(b []byte) []byte {
	b = codec.AppendU32(m.Guarantee.Report.AppendTo(b), uint32(m.Guarantee.Slot))
	return appendCredentials(b, m.Guarantee.Credentials)
}

// Decode reads the message. The report shares b.
func (m *GuaranteedReport) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		m.Guarantee.Report.DecodeFrom(d, p)
		d.Field("guarantee.slot")
		m.Guarantee.Slot = protocol.Slot(d.U32())
		m.Guarantee.Credentials = decodeCredentials(d, m.Guarantee.Credentials)
	})
}

func appendCredentials(b []byte, credentials []block.Credential) []byte {
	b = codec.AppendCount(b, len(credentials))
	for i := range credentials {
		b = codec.AppendU16(b, uint16(credentials[i].Validator))
		b = append(b, credentials[i].Signature[:]...)
	}
	return b
}

func decodeCredentials(d *codec.Decoder, reuse []block.Credential) []block.Credential {
	d.Field("guarantee.credentials")
	n := d.Count(maxCredentials, credentialOctets)
	if n < minCredentials {
		d.Fail(ErrCredentials)
	}
	reuse = codec.Resize(reuse, n)
	for i := range reuse {
		reuse[i].Validator = protocol.Validator(d.U16())
		d.Copy(reuse[i].Signature[:])
	}
	return reuse
}
