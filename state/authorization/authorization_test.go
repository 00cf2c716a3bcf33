package authorization

import (
	"bytes"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
)

func TestVectors(t *testing.T) {
	vectors.Each(t, "stf/authorizations", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		d := codec.NewDecoder(f.Data)
		slot := protocol.Slot(d.U32())
		guarantees := make([]block.Guarantee, d.Count(p.Cores, 34))
		for i := range guarantees {
			guarantees[i].Report.Core = protocol.Core(d.U16())
			guarantees[i].Report.Authorizer = d.Hash()
		}
		pools, queues := state.DecodeAuthPools(&d, p), state.DecodeAuthQueues(&d, p)
		wantPools, wantQueues := state.DecodeAuthPools(&d, p), state.DecodeAuthQueues(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		before := pools.AppendTo(nil)
		vectors.Equal(t, "pools", Transition(p, pools, queues, slot, guarantees), wantPools)
		vectors.Equal(t, "queues", queues, wantQueues)
		if !bytes.Equal(before, pools.AppendTo(nil)) {
			t.Error("the prior pools changed")
		}
	})
}

func BenchmarkTransition(b *testing.B) {
	p := protocol.Full()
	pools, queues := make(state.AuthPools, p.Cores), make(state.AuthQueues, p.Cores)
	guarantees := make([]block.Guarantee, p.Cores)
	for core := range pools {
		pools[core] = make([]protocol.Hash, p.AuthPoolSize)
		queues[core] = make([]protocol.Hash, p.AuthQueueSize)
		guarantees[core].Report.Core = protocol.Core(core)
	}
	b.ReportAllocs()
	for b.Loop() {
		Transition(p, pools, queues, 7, guarantees)
	}
}
