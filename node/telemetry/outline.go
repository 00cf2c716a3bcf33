package telemetry

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// fields moves the fields of a struct one way or the other: both ways are one list, in the order of the document.
type fields struct {
	b      []byte
	d      *codec.Decoder // nil: encode
	params *protocol.Params
}

// move makes the kind of a struct out of the list of its fields.
func move[T any](each func(f *fields, v *T)) as[T] {
	return as[T]{
		func(b []byte, v T) []byte {
			f := fields{b: b}
			each(&f, &v)
			return f.b
		},
		func(d *codec.Decoder, p *protocol.Params) (v T) {
			each(&fields{d: d, params: p}, &v)
			return v
		},
	}
}

func one[T any](f *fields, k as[T], v *T) {
	if f.d == nil {
		f.b = k.to(f.b, *v)
	} else {
		*v = k.from(f.d, f.params)
	}
}

func (f *fields) u16s(all ...*uint16) {
	for _, v := range all {
		one(f, u16, v)
	}
}

func (f *fields) u32s(all ...*uint32) {
	for _, v := range all {
		one(f, u32, v)
	}
}

func (f *fields) u64s(all ...*uint64) {
	for _, v := range all {
		one(f, u64, v)
	}
}

func (f *fields) hashes(all ...*Hash) {
	for _, v := range all {
		one(f, hash, v)
	}
}

func (f *fields) costs(all ...*Cost) {
	for _, v := range all {
		f.u64s(&v.Gas, &v.Elapsed)
	}
}

var (
	blockOutline = move(func(f *fields, v *Outline) {
		f.u32s(&v.Size)
		f.hashes(&v.Hash)
		f.u32s(&v.Tickets, &v.Preimages, &v.PreimageSize, &v.Guarantees, &v.Assurances, &v.Verdicts)
	})
	authorizationCost = move(func(f *fields, v *AuthorizationCost) {
		f.costs(&v.Total)
		f.u64s(&v.Load)
		f.costs(&v.Host)
	})
	refineCost = move(func(f *fields, v *RefineCost) {
		f.costs(&v.Total)
		f.u64s(&v.Load)
		f.costs(&v.Lookup, &v.Machine, &v.Memory, &v.Invoke, &v.Other)
	})
	accumulateCost = move(func(f *fields, v *AccumulateCost) {
		one(f, service, &v.Service)
		f.u32s(&v.Calls, &v.Transfers, &v.Items)
		f.costs(&v.Total)
		f.u64s(&v.Load)
		f.costs(&v.ReadWrite, &v.Lookup, &v.Preimages, &v.Services, &v.Transfer)
		f.u64s(&v.TransferGas)
		f.costs(&v.Other)
	})
	importSpec = move(func(f *fields, v *Import) {
		f.hashes(&v.Root)
		f.u16s(&v.Index)
	})
	workItem = move(func(f *fields, v *Item) {
		one(f, service, &v.Service)
		f.u32s(&v.Payload)
		f.u64s(&v.RefineGas, &v.AccumulateGas)
		f.u32s(&v.ExtrinsicOctets)
		one(f, list(importSpec, 34), &v.Imports)
		f.u16s(&v.Exports)
	})
	packageOutline = move(func(f *fields, v *Package) {
		f.u32s(&v.Size)
		f.hashes(&v.Hash, &v.Anchor)
		one(f, slot, &v.LookupSlot)
		one(f, list(hash, 32), &v.Prerequisites)
		one(f, list(workItem, 31), &v.Items)
	})
	reportOutline = move(func(f *fields, v *Report) {
		f.hashes(&v.Hash)
		f.u32s(&v.BundleSize)
		f.hashes(&v.ErasureRoot, &v.SegmentRoot)
	})
	guaranteeOutline = move(func(f *fields, v *Guarantee) {
		f.hashes(&v.Report)
		one(f, slot, &v.Slot)
		one(f, list(validator, 2), &v.Guarantors)
	})
	shardOf = move(func(f *fields, v *ShardOf) { f.u16s(&v.Segment, &v.Shard) })
)
