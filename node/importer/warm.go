package importer

import (
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/service"
	"damson/state/trie"
)

const (
	maxWarmed      = 64       // services that are looked at in one go
	maxWarmedBytes = 32 << 20 // octets of code compiled in one go
)

// Warm makes ready the code of the services whose accounts are among the entries of a state, beside what else goes on:
// to compile a large program takes longer than a usual block, and a service seldom runs in the block that brings its
// code. While it is at that it takes up nothing new: nothing but time depends on it.
func (im *Importer) Warm(s *state.State, entries []trie.Change) { im.warm(s, entries, nil) }

// warm also looks at the services that were provided with preimages, one of which may be their code.
func (im *Importer) warm(s *state.State, entries []trie.Change, provided []block.Preimage) {
	var cold []protocol.ServiceID
	for i := range entries {
		id, ok := state.AccountOf(&entries[i].Key)
		if !ok || len(cold) == maxWarmed {
			continue
		}
		if hash, ok := state.CodeHashOf(entries[i].Value); ok && !im.invoker.Prepared(hash) {
			cold = append(cold, id)
		}
	}
	for i := range provided {
		if len(cold) < maxWarmed {
			cold = append(cold, provided[i].Service)
		}
	}
	if len(cold) == 0 || !im.warming.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer im.warming.Store(false)
		StageWarm.Enter()
		accounts, left := service.New(s), maxWarmedBytes
		for _, id := range cold {
			code, hash, ok := accounts.Code(id)
			if !ok || len(code) > left {
				continue
			}
			left -= len(code)
			im.invoker.Prepare(hash, code)
		}
	}()
}
