package jamnp

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// ErrValidator means that there are not so many validators.
const ErrValidator = protocol.Invalid("jamnp/no_such_validator")

// Judgment is an auditor's word on a report: the first message of CE 145. If it is negative, a second follows: JudgedGuarantee.
type Judgment struct {
	Epoch     uint32
	Validator protocol.Validator
	Valid     bool
	Report    protocol.Hash
	Signature protocol.Ed25519Signature
}

// JudgedGuarantee tells who guaranteed a report that is judged to be bad.
type JudgedGuarantee struct {
	Slot        protocol.Slot
	Credentials []block.Credential
}

// JudgmentLimit bounds a judgment.
func JudgmentLimit(*protocol.Params) int { return 4 + 2 + 1 + 32 + 64 }

// JudgedGuaranteeLimit bounds the guarantees of a negative judgment.
func JudgedGuaranteeLimit(*protocol.Params) int { return 4 + 1 + maxCredentials*credentialOctets }

// AppendTo appends the message.
func (m *Judgment) AppendTo(b []byte) []byte {
	b = codec.AppendU16(codec.AppendU32(b, m.Epoch), uint16(m.Validator))
	b = append(codec.AppendBool(b, m.Valid), m.Report[:]...)
	return append(b, m.Signature[:]...)
}

// Decode reads the message.
func (m *Judgment) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("judgment.epoch")
		m.Epoch = d.U32()
		m.Validator = decodeValidator(d, p)
		d.Field("judgment.validity")
		m.Valid = d.Bool()
		d.Field("judgment.report")
		m.Report = d.Hash()
		d.Copy(m.Signature[:])
	})
}

// AppendTo appends the message.
func (m *JudgedGuarantee) AppendTo(b []byte) []byte {
	return appendCredentials(codec.AppendU32(b, uint32(m.Slot)), m.Credentials)
}

// Decode reads the message.
func (m *JudgedGuarantee) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("judgment.guarantee.slot")
		m.Slot = protocol.Slot(d.U32())
		m.Credentials = decodeCredentials(d, m.Credentials)
	})
}

func decodeValidator(d *codec.Decoder, p *protocol.Params) protocol.Validator {
	d.Field("validator")
	index := protocol.Validator(d.U16())
	if int(index) >= p.Validators {
		d.Fail(ErrValidator)
	}
	return index
}
