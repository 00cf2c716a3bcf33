package author

import (
	"context"
	"testing"
	"time"

	"damson/interp"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/loop"
	"damson/node/pool"
	"damson/state/claim"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestRealTime lets a node author in short slots of real time, with all work beside the loop: for the race detector.
func TestRealTime(t *testing.T) {
	w := newWorld(t, 1, nil) // for its genesis and keys
	clock := loop.New(loop.Options{})
	slots := loop.Slots{Era: time.Now(), Duration: 100 * time.Millisecond}
	im, err := importer.New(importer.Options{Params: w.params, Engine: interp.New(), Claims: claim.Options{Setup: development}})
	w.must(err)
	s, err := store.Open("db", store.Options{Params: w.params, FS: vfs.NewMem()})
	w.must(err)
	w.must(chain.Start(s, w.header, w.genesis))
	c, err := chain.New(chain.Options{Params: w.params, Store: s, Importer: im, Loop: clock, Slots: slots})
	w.must(err)
	p := pool.New(pool.Options{Params: w.params, Chain: c, Loop: clock, Slots: slots, Verifier: im.Verifier()})
	blocks := 0
	a, err := New(Options{
		Params: w.params, Keys: w.nodes[0].keys, Chain: c, Pool: p, Store: s, Loop: clock, Slots: slots, Verifier: im.Verifier(),
		Authored: func(b *chain.Block) {
			if blocks++; c.Parent(b) != nil && c.Parent(b) != c.Finalized() {
				w.must(c.Finalize(c.Parent(b)))
			}
		},
	})
	w.must(err)
	clock.Post(a.Start)
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	w.must(clock.Run(ctx))
	w.must(s.Close())
	best := c.Best()
	t.Logf("%d blocks, best is of slot %d, %d have tickets", blocks, best.Slot, best.Tickets)
	if blocks < 5 || best.Height != uint64(blocks) {
		t.Errorf("%d blocks, best has %d behind it", blocks, best.Height)
	}
}
