package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/srsfile"
	"damson/node/testnet"

	"github.com/quic-go/quic-go"
)

// network shows how nodes find each other, what they pass on, and how one that comes late catches up.
func network(ctx context.Context, s *show) error {
	var prepare func(int, *host.Options)
	if s.Fault == OtherGenesis {
		prepare = strayed
	}
	w, err := s.startNetwork(ctx, s.slot(fastSlot), testnet.NoScenario, prepare)
	if err != nil {
		return err
	}
	return errors.Join(w.tellNetwork(), w.Stop())
}

// strayed puts the last validator on another chain.
func strayed(validator int, o *host.Options) {
	if validator != o.Spec.Params.Validators-1 {
		return
	}
	active, err := o.Spec.Genesis().Active()
	if err != nil {
		return
	}
	other, err := chainspec.Generate(&chainspec.Recipe{ID: "elsewhere", Params: o.Spec.Params, SRS: o.Spec.SRS, Validators: active, Examples: true})
	if err == nil {
		o.Spec = other
	}
}

func (w *world) tellNetwork() error {
	w.certificates()
	w.neighbours()
	w.passed()
	return w.late()
}

// greeting is what a stranger without a certificate learns of a node.
type greeting struct {
	name     string // of the certificate
	protocol string // that was agreed upon
	err      error  // why there was no handshake
	closed   error  // why the node ended the connection
}

// greet opens a QUIC connection with a node, as anybody may try.
func (w *world) greet(at netip.AddrPort, name string) (g greeting) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	// Who the node is, is what is looked at: nobody vouches for it.
	c, err := quic.DialAddr(ctx, at.String(), &tls.Config{NextProtos: []string{name}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}, nil) //nolint:gosec // as said
	if err != nil {
		g.err = err
		return g
	}
	state := c.ConnectionState().TLS
	g.protocol = state.NegotiatedProtocol
	if len(state.PeerCertificates) > 0 {
		g.name = nameOf(state.PeerCertificates[0])
	}
	select {
	case <-c.Context().Done():
		g.closed = context.Cause(c.Context())
	case <-ctx.Done():
		_ = c.CloseWithError(0, "") // it is over anyway
	}
	return g
}

func nameOf(c *x509.Certificate) string {
	if len(c.DNSNames) != 1 {
		return ""
	}
	return c.DNSNames[0]
}

// certificates tells who the nodes are.
func (w *world) certificates() {
	genesis := w.Spec.HeaderHash()
	name := "jamnp-s/0/" + hex.EncodeToString(genesis[:4])
	w.show.step("Who is who: a key, and a certificate that says no more", "JAMNP-S, Encryption",
		"the name in the certificate. It is the node's Ed25519 key, in letters; no authority is asked.")
	w.show.say("Nodes speak %s over QUIC: TLS 1.3, with the first eight digits of the genesis hash in the name of the protocol (ALPN).", name)
	rows := [][]string{{"node", "address", "Ed25519 key", "name in its certificate"}}
	right, agreed := 0, 0
	var refused error
	for i, h := range w.hosts {
		key := protocol.Ed25519Key(w.Keys[i].Ed25519.Public())
		g := w.greet(h.Address, name)
		if g.name == key.PeerName() {
			right++
		}
		if g.protocol == name {
			agreed++
		}
		if refused = g.closed; g.err != nil {
			g.name = g.err.Error()
		}
		rows = append(rows, []string{fmt.Sprint(i), h.Address.String(), fmt.Sprintf("%x…", key[:6]), g.name})
	}
	w.show.table(rows)
	w.show.say("Asked without a certificate of one's own, a node answers with its own and hangs up: %v.", refused)
	foreign := w.greet(w.hosts[0].Address, "jamnp-s/0/00000000")
	w.show.say("Asked by the name of another chain, there is no connection at all: %v.", foreign.err)
	w.show.claim(right == len(w.hosts) && agreed == len(w.hosts), "each node has a certificate of its own key, and speaks the protocol of this chain",
		"%d certificates are right, %d nodes speak %s", right, agreed, name)
	w.show.claim(foreign.err != nil, "who is on another chain gets no connection", "%v", foreign.err)
}

// validatorsOf counts the validators that a node is connected with.
func (w *world) validatorsOf(n *node.Node) (count int) {
	for _, p := range n.Network.Peers() {
		for _, k := range w.Keys {
			if k.Ed25519.Public() == p.ID {
				count++
			}
		}
	}
	return count
}

// neighbours tells who is connected with whom.
func (w *world) neighbours() {
	count := len(w.hosts)
	w.show.step("Who talks to whom: a grid", "JAMNP-S, Grid structure",
		"neighbours. A block goes to those in one's row and column, and reaches everybody in two steps; with 1,023 validators that is 62 of them.")
	var links []int
	w.until(8, func() string { return fmt.Sprintf("peers %v", links) }, func() bool {
		links = read(w, w.validatorsOf)
		for _, n := range links {
			if n < count-1 {
				return false
			}
		}
		return true
	})
	width := jamnp.Width(count)
	var grid []string
	for i := 0; i < count; i += width {
		var row []string
		for j := i; j < min(i+width, count); j++ {
			row = append(row, fmt.Sprint(j))
		}
		grid = append(grid, strings.Join(row, " "))
	}
	w.show.say("The grid of %d validators, row by row: %s.", count, strings.Join(grid, " | "))
	rows := [][]string{{"node", "neighbours in the grid", "validators connected"}}
	joined := 0
	for i := range w.hosts {
		rows = append(rows, []string{fmt.Sprint(i), fmt.Sprint(jamnp.NeighboursOf(protocol.Validator(i), count)), fmt.Sprint(links[i])})
		if links[i] == count-1 {
			joined++
		}
	}
	w.show.table(rows)
	if joined < count {
		w.show.say("Not all are connected with all.")
	}
	now := read(w, w.validatorsOf)
	whole := true
	for _, n := range now {
		whole = whole && n == count-1
	}
	w.show.claim(whole, "every validator is connected with all others", "connections by node: %v", now)
}

// passed tells how a block goes around.
func (w *world) passed() {
	w.show.step("A block goes around: announced, asked for, executed", "JAMNP-S, UP 0 and CE 128",
		"the times. A node announces a header when it has executed the block, so that nobody passes on what is not right.")
	var of tip
	w.until(10, func() string { return "waiting for a block" }, func() bool {
		w.on(0, func(n *node.Node) { of = tipOf(n) })
		return of.best > w.First
	})
	slot := of.best
	var got []*host.Event
	have := 0
	w.until(6, func() string { return fmt.Sprintf("%d nodes have the block of slot %d", have, slot) }, func() bool {
		got = w.imported(of.bestHash)
		have = len(got) - count(got, func(e *host.Event) bool { return e == nil })
		return have == len(w.hosts)
	})
	rows := [][]string{{"node", "block of slot " + fmt.Sprint(slot), "state root after it", "executed, from the slot's beginning"}}
	for i, e := range got {
		if e == nil {
			continue
		}
		who := fmt.Sprint(i)
		if int(e.Author) == i {
			who += " (author)"
		}
		rows = append(rows, []string{
			who, short(protocol.Hash(e.Hash)), short(protocol.Hash(e.StateRoot)),
			time.UnixMilli(e.Time).Sub(w.Slots.Start(slot)).Round(time.Millisecond).String(),
		})
	}
	have = count(w.imported(of.bestHash), func(e *host.Event) bool { return e != nil && protocol.Hash(e.StateRoot) == of.root })
	w.show.table(rows)
	w.show.claim(have == len(w.hosts), fmt.Sprintf("all validators have the same block for slot %d, with the same state after it", slot), "%d of %d have it", have, len(w.hosts))
}

// imported gives when each node imported a block; nil for those that did not.
func (w *world) imported(hash protocol.Hash) []*host.Event {
	list := make([]*host.Event, len(w.hosts))
	for i, h := range w.hosts {
		report, ok := h.Report(0)
		if !ok {
			continue
		}
		for j := range report.Events {
			if e := &report.Events[j]; e.Kind == host.Imported && protocol.Hash(e.Hash) == hash {
				list[i] = e
			}
		}
	}
	return list
}

// late starts a node that is no validator, when the chain is there already.
func (w *world) late() error {
	w.show.step("A node that comes late", "JAMNP-S, CE 128",
		"it executes each block from the first one on: it believes nobody, and has the same state root in the end.")
	from := w.First + 6
	w.pass(from, func() string { return "the chain grows before the late node comes; " + w.tips() })
	late, begun, err := w.follower()
	if err != nil {
		return err
	}
	var mine, theirs tip
	caught := w.until(12, func() string { return fmt.Sprintf("the late node is at block %d of %d", mine.best, theirs.best) }, func() bool {
		w.on(0, func(n *node.Node) { theirs = tipOf(n) })
		late.Do(func(n *node.Node) { mine = tipOf(n) })
		return mine.bestHash == theirs.bestHash
	})
	took := time.Since(begun)
	var height uint64
	late.Do(func(n *node.Node) { height = n.Chain.Best().Height })
	if caught {
		w.show.say("It asked the validators of the chain specification, had %d blocks after %v, and is at slot %d like node 0.", height,
			took.Round(time.Millisecond), mine.best)
	}
	before := mine.best
	w.pass(w.now()+2, func() string { return "blocks reach the late node like all others" })
	return errors.Join(w.judgeLate(late, before), late.Stop())
}

// follower starts a node without a validator's key.
func (w *world) follower() (*host.Host, time.Time, error) {
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		return nil, time.Time{}, err
	}
	setup, err := w.Spec.Setup(srsfile.Options{})
	if err != nil {
		return nil, time.Time{}, err
	}
	begun := time.Now()
	h, err := host.Start(w.ctx, host.Options{
		Spec: w.Spec, Setup: setup, Engine: w.Engine, Slots: w.Slots, NodeKey: ed25519.NewPrivateKey([32]byte(seed)),
		Listen: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0),
	})
	return h, begun, err
}

// judgeLate holds the chain of the late node against that of a validator, as far as the late node knows it to be final.
func (w *world) judgeLate(late *host.Host, before protocol.Slot) (err error) {
	const patience = 10
	var mine tip
	w.until(patience, func() string {
		return fmt.Sprintf("the late node has block %d, and %d is final to it", mine.best, mine.final)
	}, func() bool {
		late.Do(func(n *node.Node) { mine = tipOf(n) })
		return mine.best > before && mine.final >= before
	})
	var own []link
	late.Do(func(n *node.Node) {
		if mine.final > 0 {
			own, err = chainOf(n, mine.finalHash)
		}
	})
	if err != nil {
		return err
	}
	theirs, err := w.chainOfNode(0)
	if err != nil {
		return err
	}
	same := 0
	for i, x := range own {
		if i < len(theirs) && theirs[i].hash == x.hash {
			same++
		}
	}
	e := w.imported(mine.finalHash)[0]
	known := e != nil && protocol.Hash(e.StateRoot) == mine.finalRoot
	w.show.claim(len(own) > 0 && same == len(own) && known, "the late node has executed every block from the first one, and has the state of the others",
		"%d of its %d final blocks are those of node 0, the state root after the last is the same: %v", same, len(own), known)
	w.show.claim(mine.best > before, "new blocks come to the late node, too", "it had block %d, and has block %d now", before, mine.best)
	return nil
}
