package telemetry

import (
	"errors"
	"net/netip"
	"sync"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/node/author"
	"damson/node/guarantor"
	"damson/node/loop"
)

// None is the ID that stands for an event that there is not: for audits, of which JIP-3 has none, and where a request is not made
// for one package.
const None = ^uint64(0)

// Probe is what makes events of what a node does. But for what is said to be otherwise, all of it belongs to the goroutine of the
// node's loop.
type Probe struct {
	*Reporter
	params *protocol.Params
	loop   loop.Loop

	peers     map[jamnp.PeerID]bool // with whom we are connected, and whether by us
	streams   map[jamnp.PeerID]bool // with whom there are announcements
	announced announced
	outputs   map[[32]byte]Hash // of tickets, by the beginning of their proofs

	mu     sync.Mutex
	blocks map[protocol.Hash]execution // that are being executed; those of our own since they were sealed

	authoring authoring
	tickets   tickets
	inSync    bool // as it was told
	told      bool

	packages   packages
	guaranteed *submission // whose guarantee is being sent
	guarantee  broadcast
	assurance  broadcast
}

// announced is the announcement that was read last: the same is sent to many.
type announced struct {
	message *byte
	slot    protocol.Slot
	hash    Hash
}

// broadcast is a message that is sent to many.
type broadcast struct {
	message *byte
	id      uint64
	open    *int // requests that are under way
}

// NewProbe makes a probe that tells a reporter.
func NewProbe(r *Reporter, p *protocol.Params, l loop.Loop) *Probe {
	return &Probe{
		Reporter: r, params: p, loop: l, peers: make(map[jamnp.PeerID]bool), streams: make(map[jamnp.PeerID]bool),
		outputs: make(map[[32]byte]Hash), blocks: make(map[protocol.Hash]execution),
		packages: packages{byHash: make(map[protocol.Hash]*submission)},
	}
}

// Author gives what an author is to tell.
func (p *Probe) Author() author.Events {
	return author.Events{Authoring: p.begin, Sealed: p.sealed, Failed: p.failed, Tickets: p.drawing, Ticket: p.drawn}
}

// Guarantor gives what a guarantor is to tell.
func (p *Probe) Guarantor() guarantor.Events {
	return guarantor.Events{
		Received: p.received, Authorized: p.authorized, Extrinsics: p.extrinsics, Working: p.working, Refined: p.refined,
		Helped: p.helped,
	}
}

// Watch gives what the network is to tell of connections. It is safe for concurrent use.
func (p *Probe) Watch() quic.Watch {
	return quic.Watch{
		Refused: func(from netip.AddrPort) { p.Emit(ConnectionRefused, from) },
		Arriving: func(from netip.AddrPort) func(jamnp.PeerID, error) {
			id := p.Emit(ConnectingIn, from)
			return func(peer jamnp.PeerID, err error) {
				if err != nil {
					p.Emit(ConnectInFailed, id, words(err))
					return
				}
				p.Emit(ConnectedIn, id, Peer(peer))
			}
		},
		Dialling: func(peer jamnp.PeerID, to netip.AddrPort) func(error) {
			id := p.Emit(ConnectingOut, Peer(peer), to)
			return func(err error) {
				if err != nil {
					p.Emit(ConnectOutFailed, id, words(err))
					return
				}
				p.Emit(ConnectedOut, id)
			}
		},
	}
}

// words gives the reason of an error.
func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// outline says what a block has.
func outline(v *block.View, hash protocol.Hash, octets int) Outline {
	x := &v.Extrinsic
	o := Outline{
		Size: uint32(octets), Hash: Hash(hash), Tickets: uint32(len(x.Tickets)), Preimages: uint32(len(x.Preimages)),
		Guarantees: uint32(len(x.Guarantees)), Assurances: uint32(len(x.Assurances)), Verdicts: uint32(len(x.Disputes.Verdicts)),
	}
	for i := range x.Preimages {
		o.PreimageSize += uint32(len(x.Preimages[i].Blob))
	}
	return o
}

// misbehaved says whether a reason to blame a peer is one that everybody would see: JIP-3, "Peer misbehaved".
func misbehaved(reason error) bool {
	for _, ours := range []error{jamnp.ErrTimeout, jamnp.ErrNotConnected, jamnp.ErrReset, jamnp.ErrBusy, jamnp.ErrClosed} {
		if errors.Is(reason, ours) {
			return false
		}
	}
	return true
}
