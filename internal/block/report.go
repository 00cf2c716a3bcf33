package block

import (
	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Report is a work report, the result of refining a package. GP eq:workreport.
type Report struct {
	Package     PackageSpec        // s
	Context     RefinementContext  // c
	Core        protocol.Core      // c
	Authorizer  protocol.Hash      // a
	AuthGasUsed protocol.Gas       // g
	AuthTrace   []byte             // t
	SegmentRoot []SegmentRootEntry // l: segment-root look-ups, ordered by package
	Digests     []Digest           // d: one for each work item
}

// PackageSpec tells how to find a package's bundle and its exports. GP eq:avspec.
type PackageSpec struct {
	Hash         protocol.Hash // p: of the work package
	BundleLength uint32        // l, octets
	ErasureRoot  protocol.Hash // u
	ExportsRoot  protocol.Hash // e
	ExportsCount uint16        // n
}

// RefinementContext is the chain as the package sees it. GP eq:workcontext.
type RefinementContext struct {
	Anchor           protocol.Hash   // a
	AnchorStateRoot  protocol.Hash   // s
	AnchorBeefyRoot  protocol.Hash   // b: the accumulation output log's super-peak
	LookupAnchor     protocol.Hash   // l
	LookupAnchorSlot protocol.Slot   // t
	Prerequisites    []protocol.Hash // p: packages to be accumulated before
}

// SegmentRootEntry maps a package to the root of its exports.
type SegmentRootEntry struct {
	Package protocol.Hash
	Root    protocol.Hash
}

// Digest is the outcome of one work item. GP eq:workdigest.
type Digest struct {
	Service        protocol.ServiceID // s
	CodeHash       protocol.Hash      // c
	PayloadHash    protocol.Hash      // y
	AccumulateGas  protocol.Gas       // g
	Result         Result             // l
	RefineGasUsed  protocol.Gas       // u
	Imports        uint16             // i, segments
	Extrinsics     uint16             // x, count
	ExtrinsicsSize uint32             // z, octets
	Exports        uint16             // e, segments
}

// Outcome says how refinement ended: the members of 𝔼, or success.
type Outcome uint8

// How refinement can end. GP eq:workerror; the numbers are those of GP §C.2.
const (
	OutcomeOK         Outcome = 0
	OutcomeOutOfGas   Outcome = 1 // ∞
	OutcomePanic      Outcome = 2 // ☇
	OutcomeBadExports Outcome = 3 // ⊚
	OutcomeOversize   Outcome = 4 // ⊖
	OutcomeBadCode    Outcome = 5 // BAD
	OutcomeCodeTooBig Outcome = 6 // BIG
)

// Result is refinement's output, or why there is none.
type Result struct {
	Outcome Outcome
	Output  []byte // nil unless Outcome is OutcomeOK
}

// minReportSize is the length of the shortest report.
const minReportSize = 102 + 133 + 1 + 32 + 1 + 1 + 1 + 1

// DecodeReport reads a report that fills b.
func DecodeReport(b []byte, p *protocol.Params) (*Report, error) {
	d := codec.NewDecoder(b)
	r := new(Report)
	r.DecodeFrom(&d, p)
	return r, d.Finish()
}

// DecodeFrom reads a report.
func (r *Report) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	r.Package.DecodeFrom(d)
	r.Context.DecodeFrom(d)
	d.Field("report.core_index")
	r.Core = protocol.Core(d.NaturalUpTo(1<<16 - 1))
	d.Field("report.authorizer_hash")
	r.Authorizer = d.Hash()
	d.Field("report.auth_gas_used")
	r.AuthGasUsed = protocol.Gas(d.Natural())
	d.Field("report.auth_output")
	r.AuthTrace = d.Blob()
	d.Field("report.segment_root_lookup")
	r.SegmentRoot = codec.Resize(r.SegmentRoot, d.Count(maxCount, 64))
	for i := range r.SegmentRoot {
		r.SegmentRoot[i].Package = d.Hash()
		r.SegmentRoot[i].Root = d.Hash()
	}
	d.Field("report.results")
	r.Digests = codec.Resize(r.Digests, d.Count(p.MaxPackageItems, minDigestSize))
	for i := range r.Digests {
		r.Digests[i].DecodeFrom(d)
	}
}

// DecodeFrom reads an availability specification.
func (s *PackageSpec) DecodeFrom(d *codec.Decoder) {
	d.Field("report.package_spec")
	s.Hash = d.Hash()
	s.BundleLength = d.U32()
	s.ErasureRoot = d.Hash()
	s.ExportsRoot = d.Hash()
	s.ExportsCount = d.U16()
}

// DecodeFrom reads a refinement context.
func (c *RefinementContext) DecodeFrom(d *codec.Decoder) {
	d.Field("context")
	c.Anchor = d.Hash()
	c.AnchorStateRoot = d.Hash()
	c.AnchorBeefyRoot = d.Hash()
	c.LookupAnchor = d.Hash()
	c.LookupAnchorSlot = protocol.Slot(d.U32())
	d.Field("context.prerequisites")
	c.Prerequisites = codec.Resize(c.Prerequisites, d.Count(maxCount, 32))
	for i := range c.Prerequisites {
		c.Prerequisites[i] = d.Hash()
	}
}

// minDigestSize is the length of the shortest digest.
const minDigestSize = 4 + 32 + 32 + 8 + 1 + 5

// DecodeFrom reads a work digest.
func (g *Digest) DecodeFrom(d *codec.Decoder) {
	d.Field("report.results.service_id")
	g.Service = protocol.ServiceID(d.U32())
	g.CodeHash = d.Hash()
	g.PayloadHash = d.Hash()
	g.AccumulateGas = protocol.Gas(d.U64())
	d.Field("report.results.result")
	g.Result.DecodeFrom(d)
	d.Field("report.results.refine_load")
	g.RefineGasUsed = protocol.Gas(d.Natural())
	g.Imports = uint16(d.NaturalUpTo(1<<16 - 1))
	g.Extrinsics = uint16(d.NaturalUpTo(1<<16 - 1))
	g.ExtrinsicsSize = uint32(d.NaturalUpTo(1<<32 - 1))
	g.Exports = uint16(d.NaturalUpTo(1<<16 - 1))
}

// DecodeFrom reads O of GP §C.2.
func (r *Result) DecodeFrom(d *codec.Decoder) {
	r.Output = nil
	r.Outcome = Outcome(d.U8())
	switch {
	case r.Outcome == OutcomeOK:
		r.Output = d.Blob()
	case r.Outcome > OutcomeCodeTooBig:
		d.Fail(codec.ErrSelector)
	}
}

// AppendTo appends the report.
func (r *Report) AppendTo(b []byte) []byte {
	b = r.Package.AppendTo(b)
	b = r.Context.AppendTo(b)
	b = codec.AppendNatural(b, uint64(r.Core))
	b = append(b, r.Authorizer[:]...)
	b = codec.AppendNatural(b, uint64(r.AuthGasUsed))
	b = codec.AppendBlob(b, r.AuthTrace)
	b = codec.AppendCount(b, len(r.SegmentRoot))
	for i := range r.SegmentRoot {
		b = append(b, r.SegmentRoot[i].Package[:]...)
		b = append(b, r.SegmentRoot[i].Root[:]...)
	}
	b = codec.AppendCount(b, len(r.Digests))
	for i := range r.Digests {
		b = r.Digests[i].AppendTo(b)
	}
	return b
}

// Hash names the report: the BLAKE2b hash of its encoding.
func (r *Report) Hash() protocol.Hash { return blake2b.Sum256(r.AppendTo(nil)) }

// AppendTo appends the availability specification.
func (s *PackageSpec) AppendTo(b []byte) []byte {
	b = append(b, s.Hash[:]...)
	b = codec.AppendU32(b, s.BundleLength)
	b = append(b, s.ErasureRoot[:]...)
	b = append(b, s.ExportsRoot[:]...)
	return codec.AppendU16(b, s.ExportsCount)
}

// AppendTo appends the refinement context.
func (c *RefinementContext) AppendTo(b []byte) []byte {
	b = append(b, c.Anchor[:]...)
	b = append(b, c.AnchorStateRoot[:]...)
	b = append(b, c.AnchorBeefyRoot[:]...)
	b = append(b, c.LookupAnchor[:]...)
	b = codec.AppendU32(b, uint32(c.LookupAnchorSlot))
	b = codec.AppendCount(b, len(c.Prerequisites))
	for i := range c.Prerequisites {
		b = append(b, c.Prerequisites[i][:]...)
	}
	return b
}

// AppendTo appends the digest.
func (g *Digest) AppendTo(b []byte) []byte {
	b = codec.AppendU32(b, uint32(g.Service))
	b = append(b, g.CodeHash[:]...)
	b = append(b, g.PayloadHash[:]...)
	b = codec.AppendU64(b, uint64(g.AccumulateGas))
	b = g.Result.AppendTo(b)
	b = codec.AppendNatural(b, uint64(g.RefineGasUsed))
	b = codec.AppendNatural(b, uint64(g.Imports))
	b = codec.AppendNatural(b, uint64(g.Extrinsics))
	b = codec.AppendNatural(b, uint64(g.ExtrinsicsSize))
	return codec.AppendNatural(b, uint64(g.Exports))
}

// AppendTo appends O of GP §C.2.
func (r *Result) AppendTo(b []byte) []byte {
	b = append(b, byte(r.Outcome))
	if r.Outcome == OutcomeOK {
		b = codec.AppendBlob(b, r.Output)
	}
	return b
}
