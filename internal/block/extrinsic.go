package block

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Extrinsic is what a block brings in from outside. GP eq:extrinsic.
type Extrinsic struct {
	Tickets    []TicketProof // E_T
	Preimages  []Preimage    // E_P
	Guarantees []Guarantee   // E_G
	Assurances []Assurance   // E_A
	Disputes   Disputes      // E_D
}

// TicketProof is an entry to the contest for slots. GP eq:ticketsextrinsic.
type TicketProof struct {
	Attempt uint8 // e
	Proof   protocol.RingSignature
}

// Preimage is data that a service has asked for. GP §12.4.
type Preimage struct {
	Service protocol.ServiceID
	Blob    []byte
}

// Guarantee is a work report with the signatures of those who computed it. GP eq:guaranteesextrinsic.
type Guarantee struct {
	Report      Report
	Slot        protocol.Slot // t: when it was guaranteed
	Credentials []Credential  // a: two or three
}

// Credential is one guarantor's signature.
type Credential struct {
	Validator protocol.Validator
	Signature protocol.Ed25519Signature
}

// Assurance is a validator's word on which reports' data it holds. GP eq:xtassurances.
type Assurance struct {
	Anchor    protocol.Hash // a: the parent block
	Bitfield  []byte        // f: a bit for each core, least significant first; the bits beyond them are not checked here
	Validator protocol.Validator
	Signature protocol.Ed25519Signature
}

// Has says whether the assurer holds the data of the report on a core.
func (a *Assurance) Has(core int) bool { return a.Bitfield[core/8]>>(core%8)&1 == 1 }

// Disputes are judgments on reports, and those whom they prove wrong. GP §10.2.
type Disputes struct {
	Verdicts []Verdict // v
	Culprits []Culprit // c: guarantors of bad reports
	Faults   []Fault   // f: auditors who judged wrongly
}

// Verdict is a super-majority's judgments on a report.
type Verdict struct {
	Report protocol.Hash
	Epoch  uint32     // a: whose validators judge
	Votes  []Judgment // j: a super-majority of them
}

// Judgment is one validator's word on a report.
type Judgment struct {
	Valid     bool
	Validator protocol.Validator
	Signature protocol.Ed25519Signature
}

// Culprit guaranteed a bad report.
type Culprit struct {
	Report    protocol.Hash
	Key       protocol.Ed25519Key
	Signature protocol.Ed25519Signature
}

// Fault judged against the verdict.
type Fault struct {
	Report    protocol.Hash
	Valid     bool
	Key       protocol.Ed25519Key
	Signature protocol.Ed25519Signature
}

// DecodeFrom reads all extrinsics in the order of a block.
func (x *Extrinsic) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	x.DecodeTicketProofs(d)
	x.DecodePreimages(d)
	x.DecodeGuarantees(d, p)
	x.DecodeAssurances(d, p)
	x.Disputes.DecodeFrom(d, p)
}

// DecodeTicketProofs reads E_T.
func (x *Extrinsic) DecodeTicketProofs(d *codec.Decoder) {
	d.Field("extrinsic.tickets")
	x.Tickets = codec.Resize(x.Tickets, d.Count(maxCount, 1+len(protocol.RingSignature{})))
	for i := range x.Tickets {
		x.Tickets[i].Attempt = d.U8()
		d.Copy(x.Tickets[i].Proof[:])
	}
}

// DecodePreimages reads E_P.
func (x *Extrinsic) DecodePreimages(d *codec.Decoder) {
	d.Field("extrinsic.preimages")
	x.Preimages = codec.Resize(x.Preimages, d.Count(maxCount, 5))
	for i := range x.Preimages {
		x.Preimages[i].Service = protocol.ServiceID(d.U32())
		x.Preimages[i].Blob = d.Blob()
	}
}

// DecodeGuarantees reads E_G.
func (x *Extrinsic) DecodeGuarantees(d *codec.Decoder, p *protocol.Params) {
	x.decodeGuarantees(d, p, nil)
}

// decodeGuarantees also appends to spans, if it is not nil, the octets that each report was read from.
func (x *Extrinsic) decodeGuarantees(d *codec.Decoder, p *protocol.Params, spans *[][]byte) {
	d.Field("extrinsic.guarantees")
	x.Guarantees = codec.Resize(x.Guarantees, d.Count(maxCount, minReportSize))
	for i := range x.Guarantees {
		g := &x.Guarantees[i]
		before := d.Rest()
		g.Report.DecodeFrom(d, p)
		if spans != nil {
			*spans = append(*spans, before[:len(before)-len(d.Rest())])
		}
		d.Field("extrinsic.guarantees.slot")
		g.Slot = protocol.Slot(d.U32())
		d.Field("extrinsic.guarantees.signatures")
		g.Credentials = codec.Resize(g.Credentials, d.Count(maxCount, 2+len(protocol.Ed25519Signature{})))
		for j := range g.Credentials {
			g.Credentials[j].Validator = protocol.Validator(d.U16())
			d.Copy(g.Credentials[j].Signature[:])
		}
	}
}

// DecodeAssurances reads E_A.
func (x *Extrinsic) DecodeAssurances(d *codec.Decoder, p *protocol.Params) {
	d.Field("extrinsic.assurances")
	x.Assurances = codec.Resize(x.Assurances, d.Count(maxCount, 98+p.BitfieldOctets()))
	for i := range x.Assurances {
		a := &x.Assurances[i]
		a.Anchor = d.Hash()
		a.Bitfield = d.Bytes(p.BitfieldOctets())
		a.Validator = protocol.Validator(d.U16())
		d.Copy(a.Signature[:])
	}
}

// DecodeFrom reads a disputes extrinsic.
func (x *Disputes) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("extrinsic.disputes.verdicts")
	judgments := p.SuperMajority()
	x.Verdicts = codec.Resize(x.Verdicts, d.Count(maxCount, 36+judgments*67))
	for i := range x.Verdicts {
		v := &x.Verdicts[i]
		v.Report = d.Hash()
		v.Epoch = d.U32()
		v.Votes = codec.Resize(v.Votes, judgments)
		for j := range v.Votes {
			v.Votes[j].Valid = d.Bool()
			v.Votes[j].Validator = protocol.Validator(d.U16())
			d.Copy(v.Votes[j].Signature[:])
		}
	}
	d.Field("extrinsic.disputes.culprits")
	x.Culprits = codec.Resize(x.Culprits, d.Count(maxCount, 128))
	for i := range x.Culprits {
		c := &x.Culprits[i]
		c.Report = d.Hash()
		d.Copy(c.Key[:])
		d.Copy(c.Signature[:])
	}
	d.Field("extrinsic.disputes.faults")
	x.Faults = codec.Resize(x.Faults, d.Count(maxCount, 129))
	for i := range x.Faults {
		f := &x.Faults[i]
		f.Report = d.Hash()
		f.Valid = d.Bool()
		d.Copy(f.Key[:])
		d.Copy(f.Signature[:])
	}
}

// AppendTo appends all extrinsics in the order of a block.
func (x *Extrinsic) AppendTo(b []byte) []byte {
	b = AppendTicketProofs(b, x.Tickets)
	b = AppendPreimages(b, x.Preimages)
	b = AppendGuarantees(b, x.Guarantees)
	b = AppendAssurances(b, x.Assurances)
	return x.Disputes.AppendTo(b)
}

// AppendTicketProofs appends E_T with its count.
func AppendTicketProofs(b []byte, tickets []TicketProof) []byte {
	b = codec.AppendCount(b, len(tickets))
	for i := range tickets {
		b = append(b, tickets[i].Attempt)
		b = append(b, tickets[i].Proof[:]...)
	}
	return b
}

// AppendPreimages appends E_P with its count.
func AppendPreimages(b []byte, preimages []Preimage) []byte {
	b = codec.AppendCount(b, len(preimages))
	for i := range preimages {
		b = codec.AppendU32(b, uint32(preimages[i].Service))
		b = codec.AppendBlob(b, preimages[i].Blob)
	}
	return b
}

// AppendGuarantees appends E_G with its count.
func AppendGuarantees(b []byte, guarantees []Guarantee) []byte {
	b = codec.AppendCount(b, len(guarantees))
	for i := range guarantees {
		b = guarantees[i].Report.AppendTo(b)
		b = guarantees[i].appendWithoutReport(b)
	}
	return b
}

func (g *Guarantee) appendWithoutReport(b []byte) []byte {
	b = codec.AppendU32(b, uint32(g.Slot))
	b = codec.AppendCount(b, len(g.Credentials))
	for j := range g.Credentials {
		b = codec.AppendU16(b, uint16(g.Credentials[j].Validator))
		b = append(b, g.Credentials[j].Signature[:]...)
	}
	return b
}

// AppendAssurances appends E_A with its count.
func AppendAssurances(b []byte, assurances []Assurance) []byte {
	b = codec.AppendCount(b, len(assurances))
	for i := range assurances {
		a := &assurances[i]
		b = append(b, a.Anchor[:]...)
		b = append(b, a.Bitfield...)
		b = codec.AppendU16(b, uint16(a.Validator))
		b = append(b, a.Signature[:]...)
	}
	return b
}

// AppendTo appends E_D.
func (x *Disputes) AppendTo(b []byte) []byte {
	b = codec.AppendCount(b, len(x.Verdicts))
	for i := range x.Verdicts {
		v := &x.Verdicts[i]
		b = append(b, v.Report[:]...)
		b = codec.AppendU32(b, v.Epoch)
		for j := range v.Votes {
			b = codec.AppendBool(b, v.Votes[j].Valid)
			b = codec.AppendU16(b, uint16(v.Votes[j].Validator))
			b = append(b, v.Votes[j].Signature[:]...)
		}
	}
	b = codec.AppendCount(b, len(x.Culprits))
	for i := range x.Culprits {
		c := &x.Culprits[i]
		b = append(b, c.Report[:]...)
		b = append(b, c.Key[:]...)
		b = append(b, c.Signature[:]...)
	}
	b = codec.AppendCount(b, len(x.Faults))
	for i := range x.Faults {
		f := &x.Faults[i]
		b = append(b, f.Report[:]...)
		b = codec.AppendBool(b, f.Valid)
		b = append(b, f.Key[:]...)
		b = append(b, f.Signature[:]...)
	}
	return b
}
