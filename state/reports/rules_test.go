package reports

import (
	"errors"
	"math"
	"slices"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// load decodes a vector that is accepted, to be broken by a test.
func load(t testing.TB, chain, name string) (*protocol.Params, *vector) {
	t.Helper()
	p, _ := protocol.Named(chain)
	for f := range vectors.Files(t, "stf/reports", name) {
		if f.Chain == chain {
			return p, decodeVector(t, f.Data, p)
		}
	}
	t.Fatalf("no vector %s of %s", name, chain)
	return nil, nil
}

// TestBroken breaks one rule of a good block at a time.
func TestBroken(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(p *protocol.Params, in *Input, g *block.Guarantee)
		want  error
	}{
		{"nothing", func(*protocol.Params, *Input, *block.Guarantee) {}, nil},
		{"gas that overflows", func(_ *protocol.Params, _ *Input, g *block.Guarantee) {
			digest := g.Report.Digests[0]
			digest.AccumulateGas = math.MaxUint64
			g.Report.Digests = []block.Digest{g.Report.Digests[0], digest, digest}
		}, ErrReportGasTooHigh},
		{"lookup anchor too old", func(p *protocol.Params, in *Input, g *block.Guarantee) {
			p.LookupAnchorAge = 1
			g.Report.Context.LookupAnchorSlot = in.Slot - 2
		}, ErrLookupNotRecent},
		{"lookup anchor at the limit", func(p *protocol.Params, in *Input, g *block.Guarantee) {
			p.LookupAnchorAge = 2
			g.Report.Context.LookupAnchorSlot = in.Slot - 2
		}, nil},
		{"lookup anchor in the last slot", func(_ *protocol.Params, _ *Input, g *block.Guarantee) {
			g.Report.Context.LookupAnchorSlot = math.MaxUint32
		}, nil},
		{"lookup anchor that is no ancestor", func(_ *protocol.Params, in *Input, _ *block.Guarantee) {
			in.Ancestor = func(protocol.Hash, protocol.Slot) bool { return false }
		}, ErrLookupNotRecent},
		{"lookup anchor that is an ancestor", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Ancestor = func(hash protocol.Hash, slot protocol.Slot) bool {
				return hash == g.Report.Context.LookupAnchor && slot == g.Report.Context.LookupAnchorSlot
			}
		}, nil},
		{"package that waits for availability", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.PriorReports = state.Reports{nil, {Report: g.Report}}
		}, ErrDuplicatePackage},
		{"package that waits for others", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Ready = state.Ready{nil, {{Report: g.Report}}}
		}, ErrDuplicatePackage},
		{"package accumulated", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Accumulated = state.Accumulated{nil, {g.Report.Package.Hash}}
		}, ErrDuplicatePackage},
		{"prerequisites out of order", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1}, protocol.Hash{2})
			g.Report.Context.Prerequisites = []protocol.Hash{{2}, {1}}
		}, ErrDependencyOrder},
		{"prerequisites in order", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1}, protocol.Hash{2})
			g.Report.Context.Prerequisites = []protocol.Hash{{1}, {2}}
		}, nil},
		{"one prerequisite twice", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1})
			g.Report.Context.Prerequisites = []protocol.Hash{{1}, {1}}
		}, ErrDependencyOrder},
		{"look-ups out of order", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1}, protocol.Hash{2})
			g.Report.SegmentRoot = []block.SegmentRootEntry{{Package: protocol.Hash{2}}, {Package: protocol.Hash{1}}}
		}, ErrDependencyOrder},
		{"look-ups in order", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1}, protocol.Hash{2})
			g.Report.SegmentRoot = []block.SegmentRootEntry{{Package: protocol.Hash{1}}, {Package: protocol.Hash{2}}}
		}, nil},
		{"look-up of another root", func(_ *protocol.Params, in *Input, g *block.Guarantee) {
			in.Recent = remembering(in.Recent, protocol.Hash{1})
			g.Report.SegmentRoot = []block.SegmentRootEntry{{Package: protocol.Hash{1}, Root: protocol.Hash{3}}}
		}, ErrBadSegmentRoot},
		{"four guarantors", func(_ *protocol.Params, _ *Input, g *block.Guarantee) {
			g.Credentials = make([]block.Credential, 4)
			for i := range g.Credentials {
				g.Credentials[i].Validator = protocol.Validator(i)
			}
		}, ErrWrongAssignment},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, v := load(t, "tiny", "report_curr_rotation-1.bin")
			in := v.input()
			tc.spoil(p, in, &in.Guarantees[0])
			if _, err := Transition(p, v.pre.Reports, in, new(claim.Set)); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// remembering gives a history in which packages, without exports, were reported as well.
func remembering(recent *state.Recent, packages ...protocol.Hash) *state.Recent {
	changed := &state.Recent{Blocks: slices.Clone(recent.Blocks)}
	last := &changed.Blocks[len(changed.Blocks)-1]
	for _, hash := range packages {
		last.Reported = append(slices.Clone(last.Reported), state.ReportedPackage{Hash: hash})
	}
	return changed
}

func TestAccountFails(t *testing.T) {
	p, v := load(t, "tiny", "report_curr_rotation-1.bin")
	in := v.input()
	broken := errors.New("disk")
	in.Account = func(protocol.ServiceID) (*state.Account, bool, error) { return nil, false, broken }
	_, err := Transition(p, v.pre.Reports, in, new(claim.Set))
	if why, ok := errors.AsType[protocol.Invalid](err); ok || !errors.Is(err, broken) {
		t.Errorf("%v blames the block: %v", err, why)
	}
}

func TestPermute(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for _, slot := range []protocol.Slot{0, 1, p.RotationPeriod, p.EpochLength - 1, math.MaxUint32} {
			guarantors := make([]int, p.Cores)
			for _, core := range permute(p, protocol.Hash{5}, slot) {
				guarantors[core]++
			}
			for core, n := range guarantors {
				if n != p.Validators/p.Cores {
					t.Errorf("slot %d: core %d has %d guarantors", slot, core, n)
				}
			}
		}
	}
}

func TestFirstRotation(t *testing.T) {
	c := &checker{Params: protocol.Tiny(), Input: &Input{Slot: 2}}
	if err := c.rotation(0); err != nil {
		t.Errorf("slot 0 in the first rotation: %v", err)
	}
}

// BenchmarkTransition runs a block that is full: a report on every core, with an epoch of full blocks behind it.
func BenchmarkTransition(b *testing.B) {
	p, v := load(b, "full", "report_curr_rotation-1.bin")
	in := v.input()
	model := in.Guarantees[0]
	assigned := permute(p, in.Entropy[2], in.Slot)
	in.Guarantees, in.ReportHashes = nil, make([]protocol.Hash, p.Cores)
	in.Offenders = nil
	in.AuthPools = make(state.AuthPools, p.Cores)
	for core := range p.Cores {
		g := model
		g.Slot = in.Slot
		g.Report.Core = protocol.Core(core)
		g.Report.Package.Hash = protocol.Hash{byte(core), byte(core >> 8), 1}
		g.Credentials = nil
		for validator, assignedCore := range assigned {
			if int(assignedCore) == core {
				g.Credentials = append(g.Credentials, block.Credential{Validator: protocol.Validator(validator)})
			}
		}
		in.Guarantees = append(in.Guarantees, g)
		in.AuthPools[core] = []protocol.Hash{g.Report.Authorizer}
	}
	in.Accumulated = make(state.Accumulated, p.EpochLength)
	for slot := range in.Accumulated {
		in.Accumulated[slot] = make([]protocol.Hash, p.Cores)
		for i := range in.Accumulated[slot] {
			in.Accumulated[slot][i] = protocol.Hash{byte(i), byte(slot), 2, byte(slot >> 8)}
		}
	}
	free := make(state.Reports, p.Cores)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Transition(p, free, in, new(claim.Set)); err != nil {
			b.Fatal(err)
		}
	}
}
