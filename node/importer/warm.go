package importer

import (
	"damson/internal/block"
	"damson/internal/invariants"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/service"
	"damson/state/trie"
)

const (
	maxWarmed      = 64       // services that are looked at in one go
	maxWarmedBytes = 32 << 20 // octets of code compiled in one go
)

// nothing is closed: there is nothing to wait for.
var nothing = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Warm makes ready the code of the services whose accounts are among the entries of a state, beside what else goes on:
// to compile a large program takes longer than a usual block, and a service seldom runs in the block that brings its
// code. While it is at that it takes up nothing new: nothing but time depends on it. The channel is closed when it has
// nothing more to do; who has time to wait, as when a chain begins, keeps the first block from waiting.
func (im *Importer) Warm(s *state.State, entries []trie.Change) (done <-chan struct{}) {
	return im.warm(s, entries, nil)
}

// warm also looks at the services that were provided with preimages, one of which may be their code.
func (im *Importer) warm(s *state.State, entries []trie.Change, provided []block.Preimage) <-chan struct{} {
	done := nothing
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
		return done
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		defer im.warming.Store(false)
		StageWarm.Enter()
		// Who runs the code meets a fault again, and has somebody to tell.
		_ = invariants.Guard(func() error {
			im.prepare(s, cold)
			return nil
		})
	}()
	return done
}

func (im *Importer) prepare(s *state.State, cold []protocol.ServiceID) {
	accounts, left := service.New(s), maxWarmedBytes
	for _, id := range cold {
		code, hash, ok := accounts.Code(id)
		if !ok || len(code) > left {
			continue
		}
		left -= len(code)
		im.invoker.Prepare(hash, code)
	}
}
