package pool

import (
	"testing"
	"time"

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

const storeID = 1

// world is a node with a pool, and a builder who knows all secrets and makes blocks of what the pool drafts.
type world struct {
	t       *testing.T
	params  *protocol.Params
	builder *devchain.Builder
	tip     *devchain.Tip
	loop    *looptest.Loop
	chain   *chain.Chain
	pool    *Pool
	im      *importer.Importer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	p := protocol.Tiny()
	w := &world{t: t, params: p, builder: devchain.New(devchain.Options{Params: p, Engine: interp.New()})}
	header, tip, err := w.builder.Start(&devchain.Genesis{
		Params: p, Validators: w.builder.Validators(), Seed: t.Name(), AuthorizerHost: storeID, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: storeID, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	w.must(err)
	w.tip = tip
	w.im, err = importer.New(importer.Options{Params: p, Engine: interp.New()})
	w.must(err)
	s, err := store.Open("db", store.Options{Params: p, FS: vfs.NewMem()})
	w.must(err)
	t.Cleanup(func() { w.must(s.Close()) })
	w.must(chain.Start(s, header, tip.State))
	slots := loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second}
	w.loop = looptest.New(slots.Start(1))
	w.chain, err = chain.New(chain.Options{Params: p, Store: s, Importer: w.im, Loop: w.loop, Slots: slots})
	w.must(err)
	w.pool = New(Options{Params: p, Chain: w.chain, Loop: w.loop, Slots: slots, Verifier: w.im.Verifier()})
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// slot is that of the next block.
func (w *world) slot() protocol.Slot { return w.chain.Best().Slot + 1 }

// scratch is a draft whose parts are given to the pool.
func (w *world) scratch() *devchain.Draft {
	w.t.Helper()
	d, err := w.builder.Draft(w.tip, w.slot())
	w.must(err)
	return d
}

// work is a report for a core that does something.
func (w *world) work(core protocol.Core, fill func(*services.Commands)) *devchain.Draft {
	w.t.Helper()
	var c services.Commands
	fill(&c)
	r, err := w.builder.Report(w.tip, core, []devchain.Item{{Service: storeID, Payload: c.Payload(), Gas: 1_000_000}})
	w.must(err)
	d := w.scratch()
	d.Guarantee(r)
	return d
}

// told gives the error that done was called with.
func (w *world) told(add func(done func(error))) (got error) {
	w.t.Helper()
	calls := 0
	add(func(err error) { got, calls = err, calls+1 })
	w.loop.Run()
	if calls != 1 {
		w.t.Fatalf("done was called %d times", calls)
	}
	return got
}

// draft gives what the pool has for the next block.
func (w *world) draft() *Draft {
	w.t.Helper()
	d, err := w.pool.Candidates(w.chain.Best(), w.slot()).Draft(w.im.Verifier().RingRoot, nil)
	w.must(err)
	return d
}

// next makes a block of what the pool drafts and imports it.
func (w *world) next() *Draft {
	w.t.Helper()
	got := w.draft()
	d := w.scratch()
	d.Extrinsic = got.Extrinsic
	octets, err := d.Seal()
	w.must(err)
	w.tip, err = w.builder.Apply(w.tip, octets)
	w.must(err)
	w.loop.Advance(6 * time.Second)
	w.chain.Import(octets, func(_ *chain.Block, err error) { w.must(err) })
	w.loop.Run()
	if w.chain.Best().Hash != w.tip.Header {
		w.t.Fatal("the block is not the best")
	}
	return got
}
