package statistics_test

import (
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/trace"
	"damson/state"
	"damson/state/statistics"
)

func TestVectors(t *testing.T) {
	type vectorState struct {
		activity state.Activity
		slot     protocol.Slot
		active   state.Validators
	}
	decode := func(d *codec.Decoder, p *protocol.Params) (s vectorState) {
		s.activity.Current = state.DecodeValidatorActivity(d, p)
		s.activity.Previous = state.DecodeValidatorActivity(d, p)
		s.slot = protocol.Slot(d.U32())
		s.active = state.DecodeValidators(d, p)
		return s
	}
	vectors.Each(t, "stf/statistics", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		in := statistics.Input{Slot: protocol.Slot(d.U32()), Author: protocol.Validator(d.U16()), Extrinsic: new(block.Extrinsic)}
		in.Extrinsic.DecodeFrom(&d, p)
		pre, want := decode(&d, p), decode(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		in.Prior, in.Active = pre.slot, pre.active
		for _, g := range in.Extrinsic.Guarantees {
			for _, c := range g.Credentials {
				in.Reporters = append(in.Reporters, in.Active[c.Validator].Ed25519)
			}
		}
		before := pre.activity.AppendTo(nil)
		post := statistics.Transition(p, &pre.activity, &in)
		vectors.Equal(t, "π_V′", post.Current, want.activity.Current)
		vectors.Equal(t, "π_L′", post.Previous, want.activity.Previous)
		vectors.Equal(t, "π after the transition", pre.activity.AppendTo(nil), before)
	})
}

// TestReportsVectors checks the statistics in the vectors of the guarantees extrinsic.
func TestReportsVectors(t *testing.T) {
	decode := func(d *codec.Decoder, p *protocol.Params) *state.Activity {
		state.DecodeReports(d, p)
		state.DecodeValidators(d, p)
		state.DecodeValidators(d, p)
		state.DecodeEntropy(d, p)
		state.DecodeHashes(d, p.Validators) // offenders
		state.DecodeRecent(d, p)
		state.DecodeAuthPools(d, p)
		for range d.Count(1<<16, 4+state.AccountSize) {
			d.U32()
			new(state.Account).DecodeFrom(d)
		}
		return &state.Activity{Cores: state.DecodeCoreActivity(d, p), Services: state.DecodeServiceActivity(d)}
	}
	vectors.Each(t, "stf/reports", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		in := statistics.Input{Extrinsic: new(block.Extrinsic)}
		in.Extrinsic.DecodeGuarantees(&d, p)
		in.Slot = protocol.Slot(d.U32())
		state.DecodeHashes(&d, 1<<16) // known packages
		pre := decode(&d, p)
		refused := d.Bool()
		if refused {
			d.U8()
		} else {
			d.Bytes(64 * d.Count(1<<16, 64)) // packages reported
			for range d.Count(p.Validators, 32) {
				in.Reporters = append(in.Reporters, protocol.Ed25519Key(d.Hash()))
			}
		}
		want := decode(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		if refused {
			return // no block, no statistics
		}
		pre.Current = make([]state.ValidatorActivity, p.Validators)
		post := statistics.Transition(p, pre, &in)
		vectors.Equal(t, "π_C′", post.Cores, want.Cores)
		vectors.Equal(t, "π_S′", post.Services, want.Services)
	})
}

// TestPreimagesVectors checks the statistics in the vectors of the preimages extrinsic.
func TestPreimagesVectors(t *testing.T) {
	decode := func(d *codec.Decoder) []state.ServiceActivity {
		for range d.Count(1<<16, 6) {
			d.U32()
			for range d.Count(1<<16, 33) {
				d.Hash()
				d.Blob()
			}
			for range d.Count(1<<16, 37) {
				d.Bytes(36)
				d.Bytes(4 * d.Count(3, 4))
			}
		}
		return state.DecodeServiceActivity(d)
	}
	vectors.Each(t, "stf/preimages", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		in := statistics.Input{Extrinsic: new(block.Extrinsic)}
		in.Extrinsic.DecodePreimages(&d)
		in.Slot = protocol.Slot(d.U32())
		decode(&d)
		refused := d.Bool()
		if refused {
			d.U8()
		}
		want := decode(&d)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		if refused {
			return // no block, no statistics
		}
		pre := state.Activity{Current: make([]state.ValidatorActivity, p.Validators)}
		vectors.Equal(t, "π_S′", statistics.Transition(p, &pre, &in).Services, want)
	})
}

// TestTraces makes all of π′ anew for every block of the traces. What other parts of Υ find out about a block is
// taken from the state after it (which services accumulated) or found in a simple way that does for these traces.
func TestTraces(t *testing.T) {
	p := protocol.Tiny()
	for _, suite := range []string{"traces", "fuzz-traces"} {
		n := 0
		for f := range vectors.Files(t, suite, ".bin") {
			if strings.HasSuffix(f.Name, "genesis.bin") {
				continue
			}
			step, err := trace.DecodeStep(f.Data, p)
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			if !step.Refused() {
				checkStep(t, p, f.Path, step)
				n++
			}
		}
		vectors.Count(t, suite+" (statistics)", n, 0)
	}
}

func checkStep(t *testing.T, p *protocol.Params, path string, step *trace.Step) {
	t.Helper()
	pre, err := step.Pre.State(p)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	want, err := step.Post.State(p)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var b block.View
	if err := b.Decode(step.Block, p); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	in := statistics.Input{
		Prior:     must(pre.Slot())(t),
		Slot:      b.Header.Slot,
		Author:    b.Header.Author,
		Active:    must(want.Active())(t),
		Extrinsic: &b.Extrinsic,
	}
	wantActivity := must(want.Activity())(t)
	for i := range wantActivity.Services {
		if s := &wantActivity.Services[i]; s.Accumulations > 0 || s.AccumulationGas > 0 {
			in.Accumulated = append(in.Accumulated, state.AccumulationActivity{
				Service: s.Service, Gas: s.AccumulationGas, Digests: s.Accumulations,
			})
		}
	}
	for core, a := range must(pre.Reports())(t) {
		if a != nil && wantActivity.Cores[core].Popularity >= uint64(p.SuperMajority()) {
			in.Available = append(in.Available, &a.Report)
		}
	}
	for i := range in.Extrinsic.Guarantees {
		g := &in.Extrinsic.Guarantees[i]
		set := in.Active
		if in.Slot/p.RotationPeriod != g.Slot/p.RotationPeriod && (in.Slot-p.RotationPeriod)/p.EpochLength != in.Slot/p.EpochLength {
			set = must(want.Previous())(t)
		}
		for _, c := range g.Credentials {
			in.Reporters = append(in.Reporters, set[c.Validator].Ed25519)
		}
	}
	vectors.Equal(t, path+": π′", statistics.Transition(p, must(pre.Activity())(t), &in), wantActivity)
}

// must gives what a component's getter gave, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestCountsBeyondSixteenBits has a report whose digests claim as much as their fields hold.
func TestCountsBeyondSixteenBits(t *testing.T) {
	p := protocol.Tiny()
	r := block.Report{Package: block.PackageSpec{BundleLength: 1<<32 - 1, ExportsCount: 1<<16 - 1}}
	for range p.MaxPackageItems {
		r.Digests = append(r.Digests, block.Digest{Imports: 1<<16 - 1, ExtrinsicsSize: 1<<32 - 1})
	}
	in := statistics.Input{
		Extrinsic: &block.Extrinsic{Guarantees: []block.Guarantee{{Report: r}}},
		Available: []*block.Report{&r},
	}
	prior := state.Activity{Current: make([]state.ValidatorActivity, p.Validators)}
	post := statistics.Transition(p, &prior, &in)
	vectors.Equal(t, "π_C′[0]", post.Cores[0], state.CoreActivity{
		DataLoad:       1<<32 - 1 + 4104*66559,
		Imports:        16 * (1<<16 - 1),
		ExtrinsicsSize: 16 * (1<<32 - 1),
		BundleSize:     1<<32 - 1,
	})
	vectors.Equal(t, "π_S′", post.Services, []state.ServiceActivity{
		{Refinements: 16, Imports: 16 * (1<<16 - 1), ExtrinsicsSize: 16 * (1<<32 - 1)},
	})
}
