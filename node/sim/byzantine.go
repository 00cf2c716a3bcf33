package sim

import (
	"errors"
	"math/rand/v2"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node"
	"damson/node/author"
)

// liar is what a dishonest validator does besides, or in place of, what its node does. It knows all that happens in the world.
type liar struct {
	of     *simNode
	kind   kind
	rand   *rand.Rand
	forged map[protocol.Hash][]byte
	sent   [][]byte // some of what its node has sent
}

const maxSent = 32

func newLiar(n *simNode, k kind) *liar {
	return &liar{of: n, kind: k, rand: rand.New(rand.NewPCG(n.world.Seed, 0x6c696172+uint64(n.index))), forged: make(map[protocol.Hash][]byte)}
}

func (l *liar) mistakes() node.Mistakes {
	return node.Mistakes{Author: author.Mistakes{SealTwice: l.kind.is(twoBlocks)}}
}

// start begins its evil deeds, in a life of the node.
func (l *liar) start() {
	if l.kind.is(twoVotes) {
		l.every(time.Second, l.flatter)
	}
	if l.kind.is(garbage) {
		l.every(700*time.Millisecond, l.litter)
	}
	if l.kind.is(forger) {
		l.every(3*time.Second, l.forge)
	}
}

func (l *liar) every(d time.Duration, do func()) {
	l.of.life.After(d, func() {
		l.every(d, do)
		do()
	})
}

// victim picks a node that runs.
func (l *liar) victim() *simNode {
	n := among(l.rand, l.of.world.nodes)
	if n == l.of || n.life == nil || n.node == nil {
		return nil
	}
	return n
}

// forge announces a good block with another seal, so that it has another hash.
func (l *liar) forge() {
	n := l.victim()
	if n == nil {
		return
	}
	best := n.node.Chain.Best()
	octets, err := n.disk.store.Block(best.Hash)
	if err != nil || best.Slot == 0 {
		return
	}
	header := *best.Header
	switch l.rand.IntN(3) {
	case 0:
		header.Seal = among(l.rand, []protocol.VRFSignature{{}, header.EntropySignature})
	case 1:
		header.EntropySignature[l.rand.IntN(96)] ^= 1
	default:
		header.Seal[40+l.rand.IntN(50)] ^= 1 // behind the output
	}
	old := len(best.Header.AppendTo(nil))
	l.spread(&header, append(header.AppendTo(nil), octets[old:]...))
}

// spread announces a block to all.
func (l *liar) spread(h *block.Header, octets []byte) {
	l.forged[h.Hash()] = octets
	message := jamnp.Encode(&jamnp.Announcement{Header: *h})
	for _, p := range l.of.network.Peers() {
		l.of.network.Send(p.ID, jamnp.BlockAnnouncement, message)
	}
}

// flatter sends a peer votes for what it thinks best itself, in the round in which it is.
func (l *liar) flatter() {
	n := l.victim()
	if n == nil || n.node.Voter == nil {
		return
	}
	round, set := n.node.Voter.Round(), n.node.Voter.Set()
	if round == 0 || set.Index(l.of.id) < 0 {
		return
	}
	b := n.node.Chain.Best()
	for b.Slot > n.node.Chain.Finalized().Slot && l.rand.IntN(3) == 0 && n.node.Chain.Parent(b) != nil {
		b = n.node.Chain.Parent(b)
	}
	ballot := jamnp.Ballot{Header: b.Hash, StateRoot: b.StateRoot, Slot: b.Slot}
	if l.rand.IntN(4) == 0 {
		ballot.StateRoot[0] ^= 1
	}
	m := jamnp.Votes{Round: round, Set: set.ID}
	for _, t := range []jamnp.BallotType{jamnp.Prevote, jamnp.Precommit} {
		m.Ballots = append(m.Ballots, l.vote(round, set.ID, t, &ballot))
	}
	l.request(n.id, jamnp.GrandpaVote, jamnp.Encode(&m))
}

func (l *liar) vote(round uint64, set uint32, t jamnp.BallotType, b *jamnp.Ballot) jamnp.TypedBallot {
	key := &l.of.world.Base.Keys[l.of.index].Ed25519
	return jamnp.TypedBallot{Type: t, SignedBallot: jamnp.SignedBallot{
		Ballot: *b, Signature: key.Sign(jamnp.VotePayload(round, set, t, b)), Voter: l.of.id,
	}}
}

func (l *liar) request(to jamnp.PeerID, kind jamnp.Kind, message []byte) {
	l.of.network.Request(to, kind, [][]byte{message}, 1<<20, 5*time.Second, func([][]byte, error) {})
}

// litter sends something of no meaning.
func (l *liar) litter() {
	n := l.victim()
	if n == nil {
		return
	}
	var octets []byte
	if len(l.sent) > 0 && l.rand.IntN(2) == 0 {
		octets = flip(l.rand, among(l.rand, l.sent))
	} else {
		octets = make([]byte, l.rand.IntN(400))
		_, _ = reader{l.rand}.Read(octets)
	}
	if l.rand.IntN(3) == 0 {
		l.of.network.Send(n.id, jamnp.BlockAnnouncement, octets)
		return
	}
	l.request(n.id, among(l.rand, []jamnp.Kind{
		jamnp.BlockRequest, jamnp.StateRequest, jamnp.TicketToProxy, jamnp.TicketFromProxy, jamnp.GrandpaVote, jamnp.GrandpaCommit,
		jamnp.GrandpaState, jamnp.GrandpaCatchUp, jamnp.WarpSync, jamnp.Kind(200),
	}), octets)
}

// handler stands before the node's own.
func (l *liar) handler(h jamnp.Handler) jamnp.Handler { return lyingHandler{h, l} }

type lyingHandler struct {
	jamnp.Handler
	*liar
}

// Connected implements jamnp.Handler.
func (h lyingHandler) Connected(p jamnp.Peer) {
	if h.kind != silent {
		h.Handler.Connected(p)
	}
}

// Opened implements jamnp.Handler.
func (h lyingHandler) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	if h.kind != silent {
		h.Handler.Opened(id, kind, handshake)
	}
}

// Received implements jamnp.Handler.
func (h lyingHandler) Received(id jamnp.PeerID, kind jamnp.Kind, message []byte) {
	if h.kind != silent {
		h.Handler.Received(id, kind, message)
	}
}

// Serve implements jamnp.Handler.
func (h lyingHandler) Serve(x jamnp.Exchange) {
	switch {
	case h.kind == silent: // never an answer, and no end
	case h.kind.is(forger) && x.Kind() == jamnp.BlockRequest:
		h.serveForged(x)
	case h.kind.is(garbage) && h.rand.IntN(3) == 0:
		h.Handler.Serve(lyingExchange{x, h.liar})
	default:
		h.Handler.Serve(x)
	}
}

// errForged ends requests for what was not forged.
var errForged = errors.New("sim: only forged blocks here")

func (l *liar) serveForged(x jamnp.Exchange) {
	x.Next(jamnp.BlocksRequestLimit(l.of.world.Base.Params), func(octets []byte, err error) {
		var m jamnp.BlocksRequest
		if err != nil || m.Decode(octets, l.of.world.Base.Params) != nil || l.forged[m.Block] == nil {
			x.Reject(errForged)
			return
		}
		x.Next(0, func([]byte, error) { x.Answer(l.forged[m.Block]) })
	})
}

// lyingExchange changes its answer a little.
type lyingExchange struct {
	jamnp.Exchange
	*liar
}

// Answer implements jamnp.Exchange.
func (x lyingExchange) Answer(messages ...[]byte) {
	for i := range messages {
		messages[i] = flip(x.rand, messages[i])
	}
	x.Exchange.Answer(messages...)
}

// network stands behind the node.
func (l *liar) network(n *simnet.Node) jamnp.Network { return lyingNetwork{n, l} }

type lyingNetwork struct {
	*simnet.Node
	*liar
}

// Send implements jamnp.Network: who seals twice shows each peer one half of the blocks.
func (n lyingNetwork) Send(id jamnp.PeerID, kind jamnp.Kind, message []byte) bool {
	if n.kind == silent {
		return true
	}
	if n.kind.is(twoBlocks) {
		var m jamnp.Announcement
		if m.Decode(message, n.of.world.Base.Params) == nil {
			hash := m.Header.Hash()
			if int(m.Header.Author) == n.of.index && (hash[0]^id[0])&1 == 0 {
				return true
			}
		}
	}
	n.keep(message)
	return n.Node.Send(id, kind, message)
}

// Request implements jamnp.Network.
func (n lyingNetwork) Request(
	id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error),
) {
	if n.kind == silent {
		return
	}
	n.keep(messages[0])
	n.Node.Request(id, kind, messages, limit, timeout, done)
}

func (l *liar) keep(message []byte) {
	if len(l.sent) < maxSent {
		l.sent = append(l.sent, message)
		return
	}
	l.sent[l.rand.IntN(maxSent)] = message
}
