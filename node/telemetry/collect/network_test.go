package collect_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/interp"
	"damson/node"
	"damson/node/chain"
	"damson/node/guarantor"
	"damson/node/host"
	"damson/node/telemetry"
	"damson/node/telemetry/collect"
	"damson/node/testnet"
)

// own is what a node of the network itself counts, beside what it tells.
type own struct {
	t    *testing.T
	node *node.Node
	host *host.Host

	imported, authored, moves, guaranteed int
	final                                 protocol.Slot
	inBlocks                              map[telemetry.Hash]sums
}

// sums are what a block has.
type sums struct{ guarantees, assurances int }

// attend has a node told of, and counts.
func (o *own) attend(options *host.Options, server string) {
	options.Telemetry = &telemetry.Options{Server: server, Node: telemetry.Node{Implementation: "Damson", Version: "test"}}
	options.Events.Authored = func(*chain.Block) { o.authored++ }
	options.Events.Stage = func(_ protocol.Hash, s guarantor.Stage, _ error) {
		if s == guarantor.Guaranteed {
			o.guaranteed++
		}
	}
}

// Started implements testnet.Attendant. The chain's first block comes later.
func (o *own) Started(h *host.Host) error {
	o.host, o.inBlocks = h, make(map[telemetry.Hash]sums)
	h.Do(func(n *node.Node) {
		o.node = n
		n.Chain.Watch(chain.Events{
			Imported: func(b *chain.Block) {
				o.imported++
				o.count(b)
			},
			Finalized: func(b *chain.Block) { o.moves, o.final = o.moves+1, b.Slot },
		})
	})
	return nil
}

// count reads what a block has from the store.
func (o *own) count(b *chain.Block) {
	octets, err := o.node.Store.Block(b.Hash)
	var v block.View
	if err == nil {
		err = v.Decode(octets, o.node.Params)
	}
	if err != nil {
		o.t.Errorf("a block cannot be read: %v", err)
		return
	}
	o.inBlocks[telemetry.Hash(b.Hash)] = sums{len(v.Extrinsic.Guarantees), len(v.Extrinsic.Assurances)}
}

// Close implements testnet.Attendant.
func (o *own) Close() error { return nil }

// heard is what a node has told.
type heard struct {
	counts   map[telemetry.Code]int
	inBlocks map[telemetry.Hash]sums
	final    protocol.Slot
	reports  []telemetry.Hash // guarantees that were built
	begun    map[uint64]telemetry.Code
	ended    bool
}

// collector collects, and checks that events refer to events.
type collector struct {
	t  *testing.T
	mu sync.Mutex
	of map[telemetry.Peer]*heard
}

func (c *collector) options() collect.Options {
	return collect.Options{
		Begun: func(s *collect.Source) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.of[s.Peer] = &heard{
				counts: make(map[telemetry.Code]int), inBlocks: make(map[telemetry.Hash]sums), begun: make(map[uint64]telemetry.Code),
			}
		},
		Event: func(s *collect.Source, e *telemetry.Event) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.event(c.of[s.Peer], e)
		},
		Ended: func(s *collect.Source, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.of[s.Peer].ended = true
			if err != nil || s.Lost > 0 {
				c.t.Errorf("the stream of %x ended after %d events, with %d dropped: %v", s.Peer[:4], s.Events, s.Lost, err)
			}
		},
	}
}

func (c *collector) event(h *heard, e *telemetry.Event) {
	h.counts[e.Code]++
	h.begun[e.ID] = e.Code
	if id, ok := e.Value("event").(uint64); ok && id != telemetry.None {
		if _, known := h.begun[id]; !known || id >= e.ID {
			c.t.Errorf("event %d, %v, refers to %d", e.ID, e.Code, id)
		}
	}
	switch e.Code {
	case telemetry.Importing, telemetry.Authored:
		o, _ := e.Value("block").(telemetry.Outline)
		h.inBlocks[o.Hash] = sums{int(o.Guarantees), int(o.Assurances)}
	case telemetry.FinalizedBlockChanged:
		h.final, _ = e.Value("slot").(protocol.Slot)
	case telemetry.GuaranteeBuilt:
		g, _ := e.Value("guarantee").(telemetry.Guarantee)
		h.reports = append(h.reports, g.Report)
	}
}

// TestNetwork has a network tell what it does: the streams decode without an error, and what they tell is what the chain has.
func TestNetwork(t *testing.T) {
	slots, length := 16, 500*time.Millisecond
	if os.Getenv("DAMSON_THOROUGH") != "" {
		slots, length = 36, 2*time.Second
	}
	params := protocol.Tiny()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{t: t, of: make(map[telemetry.Peer]*heard)}
	server := collect.Serve(listener, c.options())
	nodes := make([]*own, params.Validators)
	n, err := testnet.New(testnet.Options{
		Params: params, Slot: length, Dir: t.TempDir(), Engine: interp.New(), Settling: 20, Work: new(testnet.Work),
		Log: func(int) *slog.Logger { return slog.New(slog.DiscardHandler) },
		Attend: func(i int, o *host.Options) testnet.Attendant {
			nodes[i] = &own{t: t}
			nodes[i].attend(o, listener.Addr().String())
			return nodes[i]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	summary, err := n.Run(t.Context(), slots, nil)
	if err != nil {
		t.Error(err)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(10 * time.Second); c.open() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	var all figures
	reports := make(map[telemetry.Hash]bool)
	for i, o := range nodes {
		h := c.of[telemetry.Peer(n.Keys[i].Ed25519.Public())]
		if h == nil {
			t.Fatalf("node %d has told nothing", i)
		}
		all.compare(t, i, o, h)
		for _, r := range h.reports {
			reports[r] = true
		}
	}
	if all.guaranteed == 0 || all.assured == 0 || all.finalized == 0 || all.reported == 0 {
		t.Errorf("a network that does nothing: %v of %d slots", all, summary.Slots)
	}
	fmt.Printf("figure %d slots of %v, %d streams: %v, of %d reports\n", slots, length, len(c.of), all, len(reports))
}

func (c *collector) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.of {
		if !h.ended {
			return true
		}
	}
	return len(c.of) == 0
}

// figures are those of all nodes.
type figures struct{ events, authored, imported, finalized, guaranteed, assured, reported int }

func (f figures) String() string {
	return fmt.Sprintf("%d events; %d authored, %d imported, %d finalized, %d guaranteed (%d in blocks), %d assured",
		f.events, f.authored, f.imported, f.finalized, f.guaranteed, f.reported, f.assured)
}

// compare holds what a node has told against what it has counted itself.
func (f *figures) compare(t *testing.T, i int, o *own, h *heard) {
	told, assured := h.counts, int(o.node.Keeper.Counts().Assurances)
	for _, tc := range []struct {
		what      string
		told, own int
	}{
		{"authored", told[telemetry.Authored], o.authored},
		{"imported", told[telemetry.BlockVerified], o.imported - o.authored},
		{"executed", told[telemetry.BlockExecuted], o.imported},
		{"finalized", told[telemetry.FinalizedBlockChanged], o.moves},
		{"last finalized", int(h.final), int(o.final)},
		{"guaranteed", told[telemetry.GuaranteeBuilt], o.guaranteed},
		{"assured", told[telemetry.DistributingAssurance], assured},
		{"malformed", int(o.host.Telemetry().Malformed), 0},
	} {
		if tc.told != tc.own {
			t.Errorf("node %d tells of %d %s, and has %d", i, tc.told, tc.what, tc.own)
		}
	}
	for hash, own := range o.inBlocks {
		if h.inBlocks[hash] != own {
			t.Errorf("node %d tells of %+v in block %x, which has %+v", i, h.inBlocks[hash], hash[:4], own)
		}
		if i == 0 {
			f.reported += own.guarantees
		}
	}
	for _, n := range told {
		f.events += n
	}
	f.authored += o.authored
	f.imported += o.imported - o.authored
	f.finalized += o.moves
	f.guaranteed += o.guaranteed
	f.assured += assured
}
