package reports

import (
	"errors"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
)

// limitCase is a limit of the paper on a report or its guarantee.
type limitCase struct {
	limit int
	set   func(p *protocol.Params, in *Input, g *block.Guarantee, n int) // lets the report have so many of something
	below error                                                          // where the limit is one from below
	above error
	at    error // of another rule: the limit alone is kept
}

// limitCases are all limits on reports. Those on time are counted from the block's slot back.
func limitCases(p *protocol.Params, v *vector) map[string]limitCase {
	// depending lets a report depend on packages that are all known.
	depending := func(in *Input, g *block.Guarantee, prerequisites, lookups int) {
		for i := range prerequisites {
			g.Report.Context.Prerequisites = append(g.Report.Context.Prerequisites, protocol.Hash{1, byte(i)})
		}
		for i := range lookups {
			g.Report.SegmentRoot = append(g.Report.SegmentRoot, block.SegmentRootEntry{Package: protocol.Hash{2, byte(i)}})
		}
		in.Recent = remembering(in.Recent, g.Report.Context.Prerequisites...)
		for i := range g.Report.SegmentRoot {
			in.Recent = remembering(in.Recent, g.Report.SegmentRoot[i].Package)
		}
	}
	// repeated lets a report have as many digests, without gas or output.
	repeated := func(in *Input, g *block.Guarantee, n int) []block.Digest {
		digest := g.Report.Digests[0]
		digest.AccumulateGas, digest.Result = 0, block.Result{Output: []byte{}}
		in.withMinGas(0)
		g.Report.Digests = slices.Repeat([]block.Digest{digest}, n)
		return g.Report.Digests
	}
	const minItemGas = 1000
	return map[string]limitCase{
		"J prerequisites": {p.MaxReportDeps, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			depending(in, g, n, 0)
		}, nil, ErrManyDependencies, nil},
		"J look-ups": {p.MaxReportDeps, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			depending(in, g, 0, n)
		}, nil, ErrManyDependencies, nil},
		"J both": {p.MaxReportDeps, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			depending(in, g, 3, n-3)
		}, nil, ErrManyDependencies, nil},
		"W_R trace": {p.MaxReportBlobs, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			repeated(in, g, 1)
			g.Report.AuthTrace = make([]byte, n)
		}, nil, ErrTooBig, nil},
		"W_R outputs": {p.MaxReportBlobs, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			g.Report.AuthTrace = nil
			digests := repeated(in, g, 3)
			digests[0].Result.Output, digests[2].Result.Output = make([]byte, n/2), make([]byte, n-n/2)
		}, nil, ErrTooBig, nil},
		"W_R trace and outputs": {p.MaxReportBlobs, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			digests := repeated(in, g, 2)
			g.Report.AuthTrace, digests[0].Result = make([]byte, 100), block.Result{Outcome: block.OutcomePanic}
			digests[1].Result.Output = make([]byte, n-100)
		}, nil, ErrTooBig, nil},
		"G_A": {int(p.ReportGas), func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			digests := repeated(in, g, 3)
			digests[0].AccumulateGas, digests[2].AccumulateGas = protocol.Gas(n/2), protocol.Gas(n-n/2)
		}, nil, ErrReportGasTooHigh, nil},
		"least gas of an item": {minItemGas, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			repeated(in, g, 1)[0].AccumulateGas = protocol.Gas(n)
			in.withMinGas(minItemGas)
		}, ErrItemGasTooLow, nil, nil},
		"one digest": {1, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) { repeated(in, g, n) }, ErrNoResults, nil, nil},
		"two guarantors": {minGuarantors, func(_ *protocol.Params, _ *Input, g *block.Guarantee, n int) {
			g.Credentials = g.Credentials[:min(n, len(g.Credentials))]
		}, ErrFewGuarantees, nil, nil},
		"C": {p.Cores - 1, func(_ *protocol.Params, in *Input, g *block.Guarantee, n int) {
			g.Report.Core = protocol.Core(n)
		}, nil, ErrBadCoreIndex, ErrWrongAssignment},
		"L": {int(v.slot) - 5, func(p *protocol.Params, _ *Input, g *block.Guarantee, n int) {
			p.LookupAnchorAge = 5
			g.Report.Context.LookupAnchorSlot = protocol.Slot(n)
		}, ErrLookupNotRecent, nil, nil},
		"this slot": {int(v.slot), func(_ *protocol.Params, _ *Input, g *block.Guarantee, n int) {
			g.Slot = protocol.Slot(n)
		}, nil, ErrFutureSlot, nil},
		"R": {int(v.slot/p.RotationPeriod-1) * int(p.RotationPeriod), func(p *protocol.Params, _ *Input, g *block.Guarantee, n int) {
			g.Slot = protocol.Slot(n)
		}, ErrBeforeLastRotation, ErrWrongAssignment, ErrWrongAssignment}, // of that rotation others are assigned
	}
}

// withMinGas has all services demand as much for an item.
func (in *Input) withMinGas(gas protocol.Gas) {
	inner := in.Account
	in.Account = func(id protocol.ServiceID) (*state.Account, bool, error) {
		account, ok, err := inner(id)
		if ok {
			changed := *account
			changed.MinItemGas, account = gas, &changed
		}
		return account, ok, err
	}
}

// Each limit on a report at itself, one below and one above.
func TestLimits(t *testing.T) {
	_, v := load(t, "tiny", "report_curr_rotation-1.bin")
	for name, tc := range limitCases(protocol.Tiny(), v) {
		for n := tc.limit - 1; n <= tc.limit+1; n++ {
			p, v := load(t, "tiny", "report_curr_rotation-1.bin")
			in := v.input()
			want := tc.at
			switch {
			case n < tc.limit:
				want = tc.below
			case n > tc.limit:
				want = tc.above
			}
			tc.set(p, in, &in.Guarantees[0], n)
			if _, err := Transition(p, v.pre.Reports, in, new(claim.Set)); !errors.Is(err, want) {
				t.Errorf("%s: %d of %d: %v, want %v", name, n, tc.limit, err, want)
			}
		}
	}
}

// What the encoding bounds alone: the digests of a report. Guarantees are no more than cores, since each has another core and
// there is none beyond C, and the guarantors of each no more than are assigned to its core.
func TestDigestsLimit(t *testing.T) {
	p, v := load(t, "tiny", "report_curr_rotation-1.bin")
	r := &v.guarantees[0].Report
	for n := p.MaxPackageItems - 1; n <= p.MaxPackageItems+1; n++ {
		r.Digests = slices.Repeat(r.Digests[:1], n)
		var want error
		if n > p.MaxPackageItems {
			want = codec.ErrCount
		}
		d := codec.NewDecoder(block.AppendGuarantees(nil, v.guarantees))
		new(block.Extrinsic).DecodeGuarantees(&d, p)
		if err := d.Finish(); !errors.Is(err, want) {
			t.Errorf("%d of %d: %v, want %v", n, p.MaxPackageItems, err, want)
		}
	}
}
