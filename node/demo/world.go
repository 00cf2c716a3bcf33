package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/host"
	"damson/node/testnet"
)

// world is the network that a demo shows.
type world struct {
	*testnet.Net
	show  *show
	ctx   context.Context //nolint:containedctx // of the demo, which is over when its function returns
	hosts []*host.Host    // by validator
}

// lead is how long before its first slot a network is started.
const lead = time.Second

// startNetwork starts six validators, with slots of a length. Prepare may change what each is told; it is optional.
func (s *show) startNetwork(ctx context.Context, slot time.Duration, scenario testnet.Scenario, prepare func(validator int, o *host.Options)) (*world, error) {
	params, _ := protocol.Named("tiny")
	w := &world{show: s, ctx: ctx, hosts: make([]*host.Host, params.Validators)}
	var err error
	w.Net, err = testnet.New(testnet.Options{
		Params: params, Slot: slot, Dir: s.Dir, Engine: s.Engine, Scenario: scenario, Lead: lead,
		Attend: func(i int, o *host.Options) testnet.Attendant {
			if prepare != nil {
				prepare(i, o)
			}
			return &seat{w, i}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := w.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return w, nil
}

// seat is where a node of the network is.
type seat struct {
	w *world
	i int
}

func (x *seat) Started(h *host.Host) error {
	x.w.hosts[x.i] = h
	return nil
}

func (x *seat) Close() error { return nil }

// on does something on the loop of a node.
func (w *world) on(i int, do func(n *node.Node)) bool { return w.hosts[i].Do(do) }

// read reads something of each node.
func read[T any](w *world, of func(n *node.Node) T) []T {
	list := make([]T, len(w.hosts))
	for i := range w.hosts {
		w.on(i, func(n *node.Node) { list[i] = of(n) })
	}
	return list
}

// now is the slot of now.
func (w *world) now() protocol.Slot { return w.Slots.At(time.Now()) }

// until waits at most so many slots until something is so.
func (w *world) until(slots int, stands func() string, so func() bool) bool {
	return w.show.wait(w.ctx, time.Duration(slots)*w.Slot, func() string {
		return fmt.Sprintf("slot %d: %s", w.now(), stands())
	}, so)
}

// pass waits for the beginning of a slot, and somewhat longer, so that its block is there.
func (w *world) pass(slot protocol.Slot, stands func() string) {
	at := w.Slots.Start(slot).Add(w.Slot * 3 / 4)
	w.show.wait(w.ctx, time.Until(at)+w.Slot, func() string { return fmt.Sprintf("slot %d: %s", w.now(), stands()) },
		func() bool { return time.Now().After(at) })
}

// link is a block as a node has it on disk.
type link struct {
	hash protocol.Hash
	*block.View
}

// chainOf reads the chain of a node from a block down to the one after the genesis, and gives it upwards.
func chainOf(n *node.Node, tip protocol.Hash) (list []link, err error) {
	for {
		octets, err := n.Store.Block(tip)
		if err != nil {
			return nil, err
		}
		v := new(block.View)
		if err := v.Decode(octets, n.Params); err != nil {
			return nil, err
		}
		list = append(list, link{tip, v})
		if tip = v.Header.Parent; v.Header.Parent == n.Genesis.Hash() {
			slices.Reverse(list)
			return list, nil
		}
	}
}

// chains reads the best chain of each node.
func (w *world) chains() ([][]link, error) {
	list := make([][]link, len(w.hosts))
	var errs []error
	for i := range w.hosts {
		w.on(i, func(n *node.Node) {
			best := n.Chain.Best().Hash
			if best == n.Genesis.Hash() {
				return
			}
			var err error
			if list[i], err = chainOf(n, best); err != nil {
				errs = append(errs, fmt.Errorf("the chain of node %d: %w", i, err))
			}
		})
	}
	return list, errors.Join(errs...)
}

// tip is where a node is.
type tip struct {
	best, final         protocol.Slot
	bestHash, finalHash protocol.Hash
	root                protocol.Hash // after the best block
	finalRoot           protocol.Hash
}

func tipOf(n *node.Node) tip {
	b, f := n.Chain.Best(), n.Chain.Finalized()
	return tip{b.Slot, f.Slot, b.Hash, f.Hash, b.StateRoot, f.StateRoot}
}

// tips tells in few words where all nodes are.
func (w *world) tips() string {
	text := "best/final"
	for _, t := range read(w, tipOf) {
		text += fmt.Sprintf(" %d/%d", t.best, t.final)
	}
	return text
}

// lowestFinal gives the slot of the block that all nodes have made final at least.
func (w *world) lowestFinal() protocol.Slot {
	lowest := protocol.Slot(1<<32 - 1)
	for _, t := range read(w, tipOf) {
		lowest = min(lowest, t.final)
	}
	return lowest
}

// agree claims that all nodes have the same final blocks and states: of all that any has made final, as each tells.
func (w *world) agree() {
	type final struct{ hash, root host.Hash }
	bySlot := make(map[protocol.Slot]map[final][]int)
	for i, h := range w.hosts {
		report, ok := h.Report(0)
		if !ok {
			continue
		}
		for _, e := range report.Events {
			if e.Kind == host.Finalized {
				if bySlot[e.Slot] == nil {
					bySlot[e.Slot] = make(map[final][]int)
				}
				f := final{e.Hash, e.StateRoot}
				bySlot[e.Slot][f] = append(bySlot[e.Slot][f], i)
			}
		}
	}
	for slot, all := range bySlot {
		if len(all) > 1 {
			w.show.claim(false, "no two nodes have made different blocks of a slot final", "of slot %d %d different blocks are final", slot, len(all))
			return
		}
	}
	w.show.claim(len(bySlot) > 0, "no two nodes have made different blocks of a slot final, and each has the same state root",
		"%s compared over %d nodes", plural(len(bySlot), "final block", "final blocks"), len(w.hosts))
}

// count counts what is so.
func count[T any](list []T, so func(T) bool) (n int) {
	for _, x := range list {
		if so(x) {
			n++
		}
	}
	return n
}
