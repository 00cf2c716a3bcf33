package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// AuditAnnounced tells which reports a validator will audit: the first message of CE 144. The second is evidence: FirstEvidence
// in tranche 0, LaterEvidence after it.
type AuditAnnounced struct {
	Block        protocol.Hash
	Tranche      uint8
	Announcement AuditList
}

// AuditList is a validator's signed list of the reports that it will audit. GP §17.
type AuditList struct {
	Reports   []AuditedReport
	Signature protocol.Ed25519Signature
}

// AuditedReport is one report to be audited.
type AuditedReport struct {
	Core   protocol.Core
	Report protocol.Hash
}

// FirstEvidence proves that the reports of tranche 0 were not chosen freely: s₀.
type FirstEvidence struct{ Signature protocol.VRFSignature }

// LaterEvidence proves the same for a later tranche, for each report of the list.
type LaterEvidence []TrancheEvidence

// TrancheEvidence is the evidence for one report.
type TrancheEvidence struct {
	Signature protocol.VRFSignature // sₙ(w)
	NoShows   []NoShow              // who announced to audit it in the tranche before, and published no judgment
}

// NoShow is the announcement of somebody who did not do what it says.
type NoShow struct {
	Validator    protocol.Validator
	Announcement AuditList
}

const (
	auditedOctets   = 2 + 32
	evidenceOctets  = 32 << 20 // more would take a tranche to send
	minNoShowOctets = 2 + 1 + 64
)

// AuditAnnouncedLimit bounds the first message of CE 144.
func AuditAnnouncedLimit(p *protocol.Params) int { return 32 + 1 + auditListLimit(p) }

func auditListLimit(p *protocol.Params) int { return 3 + p.Cores*auditedOctets + 64 }

// EvidenceLimit bounds the second message of CE 144 for an announcement of so many reports.
func EvidenceLimit(p *protocol.Params, tranche uint8, reports int) int {
	if tranche == 0 {
		return 96
	}
	return min(reports*(96+3+p.Validators*(2+auditListLimit(p))), evidenceOctets)
}

// AppendTo appends the message.
func (m *AuditAnnounced) AppendTo(b []byte) []byte {
	return m.Announcement.AppendTo(append(append(b, m.Block[:]...), m.Tranche))
}

// Decode reads the message.
func (m *AuditAnnounced) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("audit.block")
		m.Block = d.Hash()
		d.Field("audit.tranche")
		m.Tranche = d.U8()
		m.Announcement.decodeFrom(d, p)
	})
}

// AppendTo appends the list.
func (m *AuditList) AppendTo(b []byte) []byte {
	b = codec.AppendCount(b, len(m.Reports))
	for i := range m.Reports {
		b = codec.AppendU16(b, uint16(m.Reports[i].Core))
		b = append(b, m.Reports[i].Report[:]...)
	}
	return append(b, m.Signature[:]...)
}

func (m *AuditList) decodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("audit.reports")
	m.Reports = codec.Resize(m.Reports, d.Count(p.Cores, auditedOctets))
	for i := range m.Reports {
		m.Reports[i] = AuditedReport{Core: decodeCore(d, p), Report: d.Hash()}
	}
	d.Field("audit.signature")
	d.Copy(m.Signature[:])
}

// AppendTo appends the message.
func (m *FirstEvidence) AppendTo(b []byte) []byte { return append(b, m.Signature[:]...) }

// Decode reads the message.
func (m *FirstEvidence) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("audit.evidence")
		d.Copy(m.Signature[:])
	})
}

// AppendTo appends the message.
func (m *LaterEvidence) AppendTo(b []byte) []byte {
	for i := range *m {
		e := &(*m)[i]
		b = codec.AppendCount(append(b, e.Signature[:]...), len(e.NoShows))
		for j := range e.NoShows {
			b = codec.AppendU16(b, uint16(e.NoShows[j].Validator))
			b = e.NoShows[j].Announcement.AppendTo(b)
		}
	}
	return b
}

// Decode reads the message. Whether there is evidence for each report announced is not looked at.
func (m *LaterEvidence) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		*m = list(d, p.Cores, func(e *TrancheEvidence) {
			d.Field("audit.evidence")
			d.Copy(e.Signature[:])
			d.Field("audit.no_shows")
			e.NoShows = make([]NoShow, d.Count(p.Validators, minNoShowOctets))
			for j := range e.NoShows {
				e.NoShows[j].Validator = decodeValidator(d, p)
				e.NoShows[j].Announcement.decodeFrom(d, p)
			}
		})
	})
}
