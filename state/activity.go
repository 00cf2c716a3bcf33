package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Activity is π: statistics of validators, cores and services. GP eq:activityspec.
type Activity struct {
	Current  []ValidatorActivity // π_V: this epoch so far
	Previous []ValidatorActivity // π_L: the last epoch
	Cores    []CoreActivity      // π_C: this block
	Services []ServiceActivity   // π_S: this block, ascending by service
}

// ValidatorActivity counts what a validator did in an epoch.
type ValidatorActivity struct {
	Blocks        uint32 // b
	Tickets       uint32 // t
	Preimages     uint32 // p
	PreimagesSize uint32 // d, octets
	Guarantees    uint32 // g
	Assurances    uint32 // a
}

// CoreActivity counts what happened on a core in a block.
type CoreActivity struct {
	DataLoad       uint64       // d, octets written to the availability system
	Popularity     uint64       // p, assurances
	Imports        uint64       // i, segments
	Extrinsics     uint64       // x
	ExtrinsicsSize uint64       // z, octets
	Exports        uint64       // e, segments
	BundleSize     uint64       // l, octets
	GasUsed        protocol.Gas // u
}

// ServiceActivity counts what happened for a service in a block.
type ServiceActivity struct {
	Service         protocol.ServiceID
	Provided        uint64 // p₀, preimages
	ProvidedSize    uint64 // p₁, octets
	Refinements     uint64 // r₀, work digests
	RefinementGas   protocol.Gas
	Imports         uint64 // i
	Extrinsics      uint64 // x
	ExtrinsicsSize  uint64 // z
	Exports         uint64 // e
	Accumulations   uint64 // a₀, work digests
	AccumulationGas protocol.Gas
}

// AccumulationActivity is an entry of S: what the accumulation of a block did for a service.
// GP eq:accumulationstatisticsspec.
type AccumulationActivity struct {
	Service protocol.ServiceID
	Gas     protocol.Gas // used
	Digests uint64       // accumulated
}

// DecodeActivity reads C(13).
func DecodeActivity(d *codec.Decoder, p *protocol.Params) *Activity {
	a := new(Activity)
	if len(d.Rest()) < 2*24*p.Validators {
		d.Fail(codec.ErrShort)
		return a
	}
	a.Current = DecodeValidatorActivity(d, p)
	a.Previous = DecodeValidatorActivity(d, p)
	a.Cores = DecodeCoreActivity(d, p)
	a.Services = DecodeServiceActivity(d)
	return a
}

// DecodeValidatorActivity reads π_V or π_L.
func DecodeValidatorActivity(d *codec.Decoder, p *protocol.Params) []ValidatorActivity {
	list := make([]ValidatorActivity, p.Validators)
	for i := range list {
		v := &list[i]
		v.Blocks, v.Tickets, v.Preimages = d.U32(), d.U32(), d.U32()
		v.PreimagesSize, v.Guarantees, v.Assurances = d.U32(), d.U32(), d.U32()
	}
	return list
}

// DecodeCoreActivity reads π_C.
func DecodeCoreActivity(d *codec.Decoder, p *protocol.Params) []CoreActivity {
	list := make([]CoreActivity, p.Cores)
	for i := range list {
		c := &list[i]
		c.DataLoad = d.Natural()
		c.Popularity = d.Natural()
		c.Imports = d.Natural()
		c.Extrinsics = d.Natural()
		c.ExtrinsicsSize = d.Natural()
		c.Exports = d.Natural()
		c.BundleSize = d.Natural()
		c.GasUsed = protocol.Gas(d.Natural())
	}
	return list
}

// DecodeServiceActivity reads π_S.
func DecodeServiceActivity(d *codec.Decoder) []ServiceActivity {
	list := make([]ServiceActivity, d.Count(maxCount, 14))
	for i := range list {
		s := &list[i]
		s.Service = protocol.ServiceID(d.U32())
		s.Provided = d.Natural()
		s.ProvidedSize = d.Natural()
		s.Refinements = d.Natural()
		s.RefinementGas = protocol.Gas(d.Natural())
		s.Imports = d.Natural()
		s.Extrinsics = d.Natural()
		s.ExtrinsicsSize = d.Natural()
		s.Exports = d.Natural()
		s.Accumulations = d.Natural()
		s.AccumulationGas = protocol.Gas(d.Natural())
	}
	return list
}

// AppendTo appends C(13).
func (a *Activity) AppendTo(b []byte) []byte {
	b = AppendValidatorActivity(b, a.Current)
	b = AppendValidatorActivity(b, a.Previous)
	for i := range a.Cores {
		c := &a.Cores[i]
		for _, v := range [...]uint64{
			c.DataLoad, c.Popularity, c.Imports, c.Extrinsics,
			c.ExtrinsicsSize, c.Exports, c.BundleSize, uint64(c.GasUsed),
		} {
			b = codec.AppendNatural(b, v)
		}
	}
	b = codec.AppendCount(b, len(a.Services))
	for i := range a.Services {
		s := &a.Services[i]
		b = codec.AppendU32(b, uint32(s.Service))
		for _, v := range [...]uint64{
			s.Provided, s.ProvidedSize, s.Refinements, uint64(s.RefinementGas),
			s.Imports, s.Extrinsics, s.ExtrinsicsSize, s.Exports, s.Accumulations, uint64(s.AccumulationGas),
		} {
			b = codec.AppendNatural(b, v)
		}
	}
	return b
}

// AppendValidatorActivity appends π_V or π_L.
func AppendValidatorActivity(b []byte, list []ValidatorActivity) []byte {
	for i := range list {
		v := &list[i]
		for _, n := range [...]uint32{v.Blocks, v.Tickets, v.Preimages, v.PreimagesSize, v.Guarantees, v.Assurances} {
			b = codec.AppendU32(b, n)
		}
	}
	return b
}
