// Package preimages brings the data that services ask for to those who make blocks: it asks for what peers announce, if a service
// waits for it, and announces what it has got: GP §12.4, JAMNP-S CE 142 and 143.
//
// All of it belongs to the goroutine of the node's loop.
package preimages

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/loop"
	"damson/node/pool"
	rules "damson/state/preimages"
	"damson/state/service"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params  *protocol.Params
	Chain   *chain.Chain
	Pool    *pool.Pool
	Network jamnp.Network
	Loop    loop.Loop
	Slots   loop.Slots
	Log     *slog.Logger // nil: nobody wants to know

	// Tell says whether a peer is told of what we have: neighbours in the grid are, and by who is no validator, everybody.
	Tell func(jamnp.PeerID) bool
}

// Counts is what has been done since the start.
type Counts struct {
	Announced uint64 // by peers
	Fetched   uint64
	Served    uint64
}

// Preimages does the duty.
type Preimages struct {
	Options
	log     *slog.Logger
	counts  Counts
	asking  map[key]bool
	each    map[jamnp.PeerID]int // requests under way
	octets  int                  // of all that is asked for
	stopped bool
}

type key struct {
	service protocol.ServiceID
	hash    protocol.Hash
}

// Bounds, and what is waited for, for slots of six seconds.
const (
	maxAsking   = 64 // requests under way
	maxEach     = 8  // of these to one peer
	maxOctets   = 64 << 20
	requestTime = 10 * time.Second
	leastTime   = 2 * time.Second
)

// Points by which a peer's score is lowered.
const (
	blameMalformed = 10
	blameData      = 25
)

// ErrData means that data is not what was announced.
const ErrData = protocol.Invalid("preimages/not_what_was_announced")

var (
	errUnknown  = errors.New("preimages: not here")
	errUnwanted = errors.New("preimages: no service waits for it")
	errBusy     = fmt.Errorf("preimages: enough is asked for: %w", jamnp.ErrBusy)
)

// New makes the duty.
func New(o Options) *Preimages {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Preimages{Options: o, log: o.Log, asking: make(map[key]bool), each: make(map[jamnp.PeerID]int)}
}

// Stop asks for nothing any more.
func (x *Preimages) Stop() { x.stopped = true }

// Counts gives what has been done.
func (x *Preimages) Counts() Counts { return x.counts }

// Provide takes in data that a service waits for, and tells others of it. Done may be nil.
func (x *Preimages) Provide(id protocol.ServiceID, blob []byte, done func(error)) {
	x.Pool.AddPreimage(id, blob, func(err error) {
		if err == nil {
			x.announce(id, blob)
		}
		if done != nil {
			done(err)
		}
	})
}

// Serve answers a stream of the kinds 142 and 143. It reports false for another kind.
func (x *Preimages) Serve(e jamnp.Exchange) bool {
	switch e.Kind() { //nolint:exhaustive // other duties serve the others
	case jamnp.PreimageAnnouncement:
		m := new(jamnp.PreimageAnnounced)
		x.read(e, m, jamnp.PreimageAnnouncedLimit(x.Params), func() { x.announced(e, m) })
	case jamnp.PreimageRequest:
		m := new(jamnp.HashRequest)
		x.read(e, m, jamnp.HashRequestLimit(x.Params), func() {
			blob := x.Pool.Preimage(m.Hash)
			if blob == nil {
				e.Reject(errUnknown)
				return
			}
			x.counts.Served++
			e.Answer(blob)
		})
	default:
		return false
	}
	return true
}

// read reads a request of one message, and then acts on it.
func (x *Preimages) read(e jamnp.Exchange, m jamnp.Message, limit int, then func()) {
	refuse := func(err error) {
		if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
			x.blame(e.Peer(), blameMalformed, err)
		}
		e.Reject(err)
	}
	e.Next(limit, func(octets []byte, err error) {
		if err == nil {
			err = m.Decode(octets, x.Params)
		}
		if err != nil {
			refuse(err)
			return
		}
		e.Next(0, func(_ []byte, err error) {
			if err == nil {
				err = jamnp.ErrMessages
			}
			if !errors.Is(err, io.EOF) {
				refuse(err)
				return
			}
			then()
		})
	})
}

// announced asks for what a peer has, if a service waits for it: CE 142.
func (x *Preimages) announced(e jamnp.Exchange, m *jamnp.PreimageAnnounced) {
	x.counts.Announced++
	best := x.Chain.Best().State
	limit := jamnp.PreimageLimit(x.Params, m.Length)
	at := key{m.Service, m.Hash}
	switch {
	case !service.New(best).Providable(m.Service, m.Hash, uint64(m.Length)), limit < int(m.Length):
		e.Reject(errUnwanted)
		return
	case x.stopped, x.asking[at], x.Pool.Preimage(m.Hash) != nil:
		e.Answer()
		return
	case len(x.asking) >= maxAsking || x.each[e.Peer()] >= maxEach || x.octets+limit > maxOctets:
		e.Reject(errBusy)
		return
	}
	e.Answer()
	x.asking[at] = true
	x.each[e.Peer()]++
	x.octets += limit
	request := [][]byte{jamnp.Encode(&jamnp.HashRequest{Hash: m.Hash})}
	x.Network.Request(e.Peer(), jamnp.PreimageRequest, request, limit, max(x.Slots.Scale(requestTime), leastTime),
		func(answer [][]byte, err error) {
			delete(x.asking, at)
			if x.each[e.Peer()]--; x.each[e.Peer()] == 0 {
				delete(x.each, e.Peer())
			}
			x.octets -= limit
			if err != nil {
				x.log.Debug("announced data is not given", "peer", e.Peer().PeerName(), "error", err)
				return
			}
			x.got(e.Peer(), m, answer)
		})
}

// got takes in what a peer gave.
func (x *Preimages) got(from jamnp.PeerID, m *jamnp.PreimageAnnounced, answer [][]byte) {
	if len(answer) != 1 || len(answer[0]) != int(m.Length) {
		x.blame(from, blameData, ErrData)
		return
	}
	blob := answer[0]
	x.Loop.Go("", func() func() {
		right := blake2b.Sum256(blob) == m.Hash
		return func() {
			if !right {
				x.blame(from, blameData, ErrData)
				return
			}
			x.counts.Fetched++
			x.Provide(m.Service, blob, func(err error) {
				if err != nil && !errors.Is(err, pool.ErrKnown) && !errors.Is(err, rules.ErrUnneeded) {
					x.log.Warn("data that a service waits for is not taken", "service", m.Service, "error", err)
				}
			})
		}
	})
}

// announce tells others what we have.
func (x *Preimages) announce(id protocol.ServiceID, blob []byte) {
	m := jamnp.PreimageAnnounced{Service: id, Hash: blake2b.Sum256(blob), Length: uint32(len(blob))}
	message := [][]byte{jamnp.Encode(&m)}
	for _, peer := range x.Network.Peers() {
		if x.Tell(peer.ID) {
			x.Network.Request(peer.ID, jamnp.PreimageAnnouncement, message, 0, max(x.Slots.Scale(requestTime), leastTime),
				func([][]byte, error) {})
		}
	}
}

func (x *Preimages) blame(id jamnp.PeerID, points int, err error) {
	x.log.Info("a peer is blamed", "peer", id.PeerName(), "reason", err)
	x.Network.Blame(id, points, err)
}
