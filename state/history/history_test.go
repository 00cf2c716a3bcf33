package history

import (
	"bytes"
	"testing"

	"damson/crypto/keccak"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
)

func TestVectors(t *testing.T) {
	vectors.Each(t, "stf/history", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		header, stateRoot, outputs := d.Hash(), d.Hash(), d.Hash()
		guarantees := make([]block.Guarantee, d.Count(p.Cores, 64))
		for i := range guarantees {
			spec := &guarantees[i].Report.Package
			spec.Hash, spec.ExportsRoot = d.Hash(), d.Hash()
		}
		prior, want := state.DecodeRecent(&d, p), state.DecodeRecent(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		before := prior.AppendTo(nil)
		got := Transition(p, WithStateRoot(prior, stateRoot), header, outputs, Reported(guarantees))
		vectors.Equal(t, "β′", got, want)
		if !bytes.Equal(before, prior.AppendTo(nil)) {
			t.Error("the prior history changed")
		}
	})
}

func TestOutputRoot(t *testing.T) {
	if got := OutputRoot(nil); got != (protocol.Hash{}) {
		t.Errorf("root of nothing is %v", got)
	}
	one := state.LastOutputs{{Service: 0x01020304, Hash: protocol.Hash{9}}}
	leaf := append([]byte{4, 3, 2, 1, 9}, make([]byte, 31)...)
	if got := OutputRoot(one); got != keccak.Sum256(leaf) {
		t.Errorf("root of one output is %v", got)
	}
	two := append(one, state.Output{Service: 7})
	second := append([]byte{7, 0, 0, 0}, make([]byte, 32)...)
	node := append(append([]byte("node"), leaf...), second...)
	if got := OutputRoot(two); got != keccak.Sum256(node) {
		t.Errorf("root of two outputs is %v", got)
	}
}
