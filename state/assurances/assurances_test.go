package assurances

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// errorNames are the error codes of assurances.asn.
var errorNames = []string{
	"bad_attestation_parent", "bad_validator_index", "core_not_engaged", "bad_signature",
	"not_sorted_or_unique_assurers",
}

func TestVectors(t *testing.T) {
	verifier := claim.New(claim.Options{})
	vectors.Each(t, "stf/assurances", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		var x block.Extrinsic
		x.DecodeAssurances(&d, p)
		in := Input{Assurances: x.Assurances, Slot: protocol.Slot(d.U32()), Parent: d.Hash()}
		prior := state.DecodeReports(&d, p)
		in.Active = state.DecodeValidators(&d, p)
		var available []*block.Report
		var wantErr string
		if d.Bool() {
			wantErr = errorNames[d.U8()]
		} else {
			for range d.Count(p.Cores, 1) {
				r := new(block.Report)
				r.DecodeFrom(&d, p)
				available = append(available, r)
			}
		}
		want := state.DecodeReports(&d, p)
		if state.DecodeValidators(&d, p); d.Finish() != nil {
			t.Fatal(d.Finish())
		}

		before := prior.AppendTo(nil)
		var claims claim.Set
		got, err := Transition(p, prior, &in, &claims)
		if err == nil {
			err = verifier.Settle(&claims)
		}
		if code := vectors.Code(err); code != wantErr {
			t.Fatalf("error %q, want %q", code, wantErr)
		}
		if !bytes.Equal(before, prior.AppendTo(nil)) {
			t.Error("the prior reports changed")
		}
		if err != nil {
			got = &Result{Reports: prior}
		}
		vectors.Equal(t, "ρ‡", got.Reports, want)
		vectors.Equal(t, "available", got.Available, available)
	})
}

// TestTally compares with counting bit by bit.
func TestTally(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, cores := range []int{1, 2, 8, 63, 64, 65, 341} {
		reports := make(state.Reports, cores)
		for core := range reports {
			if random.IntN(5) > 0 {
				reports[core] = new(state.Assignment)
			}
		}
		votes := newTally(reports)
		counts := make([]int, cores)
		for range 1023 {
			a := block.Assurance{Bitfield: make([]byte, (cores+7)/8)}
			for core := range reports {
				if reports[core] != nil && random.IntN(3) > 0 {
					a.Bitfield[core/8] |= 1 << (core % 8)
					counts[core]++
				}
			}
			if !votes.add(a.Bitfield) {
				t.Fatal("refused a bitfield")
			}
		}
		for core, want := range counts {
			if got := votes.count(core); got != want {
				t.Fatalf("%d cores: core %d has %d, want %d", cores, core, got, want)
			}
		}
	}
}

func TestLastSlot(t *testing.T) {
	p := protocol.Tiny()
	reports := state.Reports{{Slot: 1<<32 - 2}, {Slot: 1<<32 - 1 - p.AvailabilityTimeout}}
	got, err := Transition(p, reports, &Input{Slot: 1<<32 - 1}, new(claim.Set))
	if err != nil {
		t.Fatal(err)
	}
	if got.Reports[0] == nil || got.Reports[1] != nil {
		t.Error("the time-out wraps around at the last slot")
	}
}

func TestNotEngaged(t *testing.T) {
	p := protocol.Tiny()
	for _, bits := range []byte{2, 3, 4, 0x81} { // tiny has no cores for bits from the third on
		in := &Input{Active: make(state.Validators, p.Validators), Assurances: []block.Assurance{{Bitfield: []byte{bits}}}}
		_, err := Transition(p, state.Reports{new(state.Assignment), nil}, in, new(claim.Set))
		if !errors.Is(err, ErrCoreNotEngaged) {
			t.Errorf("bits %b: %v, want %v", bits, err, ErrCoreNotEngaged)
		}
	}
}

func BenchmarkTransition(b *testing.B) {
	p := protocol.Full()
	reports := make(state.Reports, p.Cores)
	for core := range reports {
		reports[core] = new(state.Assignment)
	}
	in := &Input{Active: make(state.Validators, p.Validators)}
	for v := range p.Validators {
		bits := bytes.Repeat([]byte{0xff}, p.BitfieldOctets())
		bits[len(bits)-1] = 0x1f
		in.Assurances = append(in.Assurances, block.Assurance{Validator: protocol.Validator(v), Bitfield: bits})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Transition(p, reports, in, new(claim.Set)); err != nil {
			b.Fatal(err)
		}
	}
}
