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
	DataLoad       uint32       // d, octets written to the availability system
	Popularity     uint16       // p, assurances
	Imports        uint16       // i, segments
	Extrinsics     uint16       // x
	ExtrinsicsSize uint32       // z, octets
	Exports        uint16       // e, segments
	BundleSize     uint32       // l, octets
	GasUsed        protocol.Gas // u
}

// ServiceActivity counts what happened for a service in a block.
type ServiceActivity struct {
	Service         protocol.ServiceID
	Provided        uint16 // p₀, preimages
	ProvidedSize    uint32 // p₁, octets
	Refinements     uint32 // r₀, work digests
	RefinementGas   protocol.Gas
	Imports         uint32 // i
	Extrinsics      uint32 // x
	ExtrinsicsSize  uint32 // z
	Exports         uint32 // e
	Accumulations   uint32 // a₀, work digests
	AccumulationGas protocol.Gas
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
		c.DataLoad = uint32(d.NaturalUpTo(1<<32 - 1))
		c.Popularity = uint16(d.NaturalUpTo(1<<16 - 1))
		c.Imports = uint16(d.NaturalUpTo(1<<16 - 1))
		c.Extrinsics = uint16(d.NaturalUpTo(1<<16 - 1))
		c.ExtrinsicsSize = uint32(d.NaturalUpTo(1<<32 - 1))
		c.Exports = uint16(d.NaturalUpTo(1<<16 - 1))
		c.BundleSize = uint32(d.NaturalUpTo(1<<32 - 1))
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
		s.Provided = uint16(d.NaturalUpTo(1<<16 - 1))
		s.ProvidedSize = uint32(d.NaturalUpTo(1<<32 - 1))
		s.Refinements = uint32(d.NaturalUpTo(1<<32 - 1))
		s.RefinementGas = protocol.Gas(d.Natural())
		s.Imports = uint32(d.NaturalUpTo(1<<32 - 1))
		s.Extrinsics = uint32(d.NaturalUpTo(1<<32 - 1))
		s.ExtrinsicsSize = uint32(d.NaturalUpTo(1<<32 - 1))
		s.Exports = uint32(d.NaturalUpTo(1<<32 - 1))
		s.Accumulations = uint32(d.NaturalUpTo(1<<32 - 1))
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
			uint64(c.DataLoad), uint64(c.Popularity), uint64(c.Imports), uint64(c.Extrinsics),
			uint64(c.ExtrinsicsSize), uint64(c.Exports), uint64(c.BundleSize), uint64(c.GasUsed),
		} {
			b = codec.AppendNatural(b, v)
		}
	}
	b = codec.AppendCount(b, len(a.Services))
	for i := range a.Services {
		s := &a.Services[i]
		b = codec.AppendU32(b, uint32(s.Service))
		for _, v := range [...]uint64{
			uint64(s.Provided), uint64(s.ProvidedSize), uint64(s.Refinements), uint64(s.RefinementGas),
			uint64(s.Imports), uint64(s.Extrinsics), uint64(s.ExtrinsicsSize), uint64(s.Exports),
			uint64(s.Accumulations), uint64(s.AccumulationGas),
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
