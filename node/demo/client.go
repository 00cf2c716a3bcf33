package demo

import (
	"context"
	"fmt"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/builder"
	"damson/node/guarantor"
	"damson/node/host"
	"damson/node/roster"
	"damson/node/srsfile"
	"damson/state"
)

// client is who has work for the chain: a node of its own, connected with the validators as builders are.
type client struct {
	*world
	host    *host.Host
	builder *builder.Builder
}

// client starts one, and waits until it knows the head of the chain.
func (w *world) client() (*client, error) {
	setup, err := w.Spec.Setup(srsfile.Options{})
	if err != nil {
		return nil, err
	}
	b, h, err := builder.Open(w.ctx, builder.NodeOptions{Spec: w.Spec, Setup: setup, Engine: w.show.Engine, Slots: w.Slots})
	if err != nil {
		return nil, err
	}
	const patience = 20
	ctx, cancel := context.WithTimeout(w.ctx, patience*w.Slot)
	defer cancel()
	if err := builder.Ready(ctx, h); err != nil {
		return &client{w, h, b}, err
	}
	return &client{w, h, b}, nil
}

// duties gives who guarantees for which core in this slot.
func (c *client) duties() (r *roster.Roster, err error) {
	c.host.Do(func(n *node.Node) { r, err = roster.At(n.Params, n.Chain.Best().State, n.Slots.At(n.Loop.Now())) })
	return r, err
}

// draft makes a package.
func (c *client) draft(token uint64, items ...builder.Item) (b *bundle.Bundle, err error) {
	c.host.Do(func(*node.Node) { b, err = c.builder.Draft(token, items...) })
	return b, err
}

// give hands a package to a guarantor.
func (c *client) give(b *bundle.Bundle, core protocol.Core, to protocol.Validator) error {
	kind, messages := guarantor.Messages(core, b, nil)
	_, err := c.ask(to, kind, messages, 0)
	return err
}

// ask sends a request to a validator, and waits for the answer.
func (c *client) ask(to protocol.Validator, kind jamnp.Kind, messages [][]byte, limit int) (answer [][]byte, err error) {
	const patience = 5 * time.Second
	type result struct {
		answer [][]byte
		err    error
	}
	got := make(chan result, 1)
	if !c.host.Do(func(n *node.Node) {
		n.Network.Request(c.Keys[to].Ed25519.Public(), kind, messages, limit, patience, func(answer [][]byte, err error) {
			got <- result{answer, err}
		})
	}) {
		return nil, fmt.Errorf("the node has stopped")
	}
	r := <-got
	return r.answer, r.err
}

// reported finds the guarantee of a package in the chain of a node, or in any block that is not final there.
func (w *world) reported(i int, hash protocol.Hash) (g *block.Guarantee, in link, err error) {
	chains, err := w.chainOfNode(i)
	for _, x := range chains {
		for k := range x.Extrinsic.Guarantees {
			if x.Extrinsic.Guarantees[k].Report.Package.Hash == hash {
				return &x.Extrinsic.Guarantees[k], x, nil
			}
		}
	}
	return nil, link{}, err
}

func (w *world) chainOfNode(i int) (list []link, err error) {
	w.on(i, func(n *node.Node) {
		if best := n.Chain.Best(); best.Hash != w.Spec.HeaderHash() {
			list, err = chainOf(n, best.Hash)
		}
	})
	return list, err
}

// assurers gives who said in a block that they hold the data of a core's report.
func assurers(x link, core protocol.Core) (list []protocol.Validator) {
	for i := range x.Extrinsic.Assurances {
		if a := &x.Extrinsic.Assurances[i]; a.Has(int(core)) {
			list = append(list, a.Validator)
		}
	}
	return list
}

// made finds the block in which a report became available, in the chain of a node: the first one after its guarantee that leaves its
// core free. It is false if there is none.
func (w *world) available(i int, g *block.Guarantee, in link, threshold int) (link, bool, error) {
	chain, err := w.chainOfNode(i)
	for _, x := range chain {
		if x.Header.Slot > in.Header.Slot && len(assurers(x, g.Report.Core)) >= threshold {
			return x, true, err
		}
	}
	return link{}, false, err
}

// isAccumulated says whether a package is in ξ of a state.
func isAccumulated(s *state.State, hash protocol.Hash) bool {
	done, err := s.Accumulated()
	if err != nil {
		return false
	}
	for _, list := range done {
		for _, h := range list {
			if h == hash {
				return true
			}
		}
	}
	return false
}

// stored reads what a service keeps under a key, in the state after the best block of each node.
func (w *world) stored(service protocol.ServiceID, key string) []string {
	return read(w, func(n *node.Node) string {
		value, _ := n.Chain.Best().State.Get(state.StorageKey(service, []byte(key)))
		return string(value)
	})
}
