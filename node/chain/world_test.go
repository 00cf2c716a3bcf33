package chain_test

import (
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/state"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// world has all authors of a small chain, and one node that follows it.
type world struct {
	t       *testing.T
	params  *protocol.Params
	builder *devchain.Builder
	genesis *devchain.Tip
	header  *block.Header
	tips    map[protocol.Hash]*devchain.Tip

	fs    vfs.FS
	opts  chain.Options
	loop  *looptest.Loop
	store *store.Store
	chain *chain.Chain
}

func newWorld(t *testing.T) *world {
	t.Helper()
	p := protocol.Tiny()
	w := &world{
		t: t, params: p, builder: devchain.New(devchain.Options{Params: p, Engine: interp.New()}),
		tips: make(map[protocol.Hash]*devchain.Tip), fs: vfs.NewMem(),
	}
	var err error
	w.header, w.genesis, err = w.builder.Start(&devchain.Genesis{
		Params: p, Validators: w.builder.Validators(), Seed: t.Name(), AuthorizerHost: 1, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: 1, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	w.must(err)
	w.tips[w.genesis.Header] = w.genesis
	im, err := importer.New(importer.Options{Params: p, Engine: interp.New()})
	w.must(err)
	slots := loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second}
	w.loop = looptest.New(slots.Start(1000))
	w.opts = chain.Options{Params: p, Importer: im, Loop: w.loop, Slots: slots}
	w.open()
	t.Cleanup(func() { w.must(w.store.Close()) })
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// open starts the node; reopen starts it again.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.store, err = store.Open("db", store.Options{Params: w.params, FS: w.fs})
	w.must(err)
	w.must(chain.Start(w.store, w.header, w.genesis.State))
	w.opts.Store = w.store
	w.chain, err = chain.New(w.opts)
	w.must(err)
}

func (w *world) reopen() {
	w.t.Helper()
	w.loop.Run()
	w.must(w.store.Close())
	w.open()
}

// author makes a block for a slot. Variants are different blocks.
func (w *world) author(parent protocol.Hash, slot protocol.Slot, variant int) (hash protocol.Hash, octets []byte) {
	w.t.Helper()
	d, err := w.builder.Draft(w.tips[parent], slot)
	w.must(err)
	for i := range variant {
		d.Assure([]protocol.Core{}, protocol.Validator(i))
	}
	octets, err = d.Seal()
	w.must(err)
	tip, err := w.builder.Apply(w.tips[parent], octets)
	w.must(err)
	w.tips[tip.Header] = tip
	return tip.Header, octets
}

// give imports a block and gives what came of it.
func (w *world) give(octets []byte) (got *chain.Block, err error) {
	w.t.Helper()
	calls := 0
	w.chain.Import(octets, func(b *chain.Block, e error) { got, err, calls = b, e, calls+1 })
	w.loop.Run()
	if calls != 1 {
		w.t.Fatalf("done was called %d times", calls)
	}
	return got, err
}

// grow authors a block and imports it.
func (w *world) grow(parent protocol.Hash, slot protocol.Slot, variant int) *chain.Block {
	w.t.Helper()
	_, octets := w.author(parent, slot, variant)
	b, err := w.give(octets)
	w.must(err)
	return b
}
