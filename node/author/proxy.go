package author

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/loop"
	"damson/node/pool"
	"damson/state"
	"damson/state/claim"
)

// ProxyOptions configures NewProxy. What is not said to be optional must be set.
type ProxyOptions struct {
	Params   *protocol.Params
	Chain    *chain.Chain
	Pool     *pool.Pool
	Loop     loop.Loop
	Slots    loop.Slots
	Verifier *claim.Verifier
	Network  jamnp.Network
	Self     []protocol.Ed25519Key // of the validators that this node is
	Random   *rand.Rand
	Log      *slog.Logger // nil: nobody wants to know
}

// Proxy passes tickets on, so that nobody can tell from where they came: each goes from who made it to one validator, whom
// its name picks, and from there to all. JAMNP-S, "CE 131/132".
type Proxy struct {
	opts    ProxyOptions
	log     *slog.Logger
	epochs  Epochs
	self    map[protocol.Ed25519Key]bool
	queue   []*passed // to be sent to all
	epoch   uint32    // for which the queue is
	timer   loop.Timer
	sending bool // the timer is set
	stopped bool
}

// passed is a ticket on its way.
type passed struct {
	id      protocol.Hash
	message jamnp.Ticket
}

// Bounds.
const (
	maxPassed     = 4096 // tickets that wait to be sent to all
	ticketTimeout = 5 * time.Second
	maxFailures   = 3 // times that a proxy is asked
)

// Points by which a peer's score is lowered.
const (
	blameTicket = 20 // for a ticket that breaks a rule
	blameStream = 10 // for a stream that does
)

// ErrNotProxy is a ticket that should have gone to another validator.
var ErrNotProxy = protocol.Invalid("jamnp/not_the_proxy_of_this_ticket")

// NewProxy makes a proxy. Serve is for the streams of kinds 131 and 132, Send for the tickets made here.
func NewProxy(o ProxyOptions) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	x := &Proxy{
		opts: o, log: o.Log, epochs: Epochs{Params: o.Params, Chain: o.Chain}, self: make(map[protocol.Ed25519Key]bool),
	}
	for _, key := range o.Self {
		x.self[key] = true
	}
	return x
}

// Stop sends nothing more.
func (x *Proxy) Stop() {
	x.stopped = true
	if x.timer != nil {
		x.timer.Stop()
	}
}

// proxyOf gives the validator whom a ticket goes to first: one of the next epoch's.
func proxyOf(id protocol.Hash, pending state.Validators) *state.ValidatorKeys {
	return &pending[int(uint64(binary.BigEndian.Uint32(id[len(id)-4:]))%uint64(len(pending)))]
}

// Send sends a ticket made here on its way.
func (x *Proxy) Send(epoch uint32, id protocol.Hash, proof *block.TicketProof) {
	x.toProxy(&passed{id, jamnp.Ticket{Epoch: epoch, Proof: *proof}}, 0)
}

func (x *Proxy) toProxy(t *passed, failures int) {
	if x.stopped || t.message.Epoch != x.epochNow()+1 {
		return
	}
	x.sets(func(pending, _ state.Validators) {
		proxy := proxyOf(t.id, pending).Ed25519
		if x.self[proxy] || failures >= maxFailures {
			// It is ours to pass on; or its proxy cannot be reached, and a ticket that is not hidden is better than none.
			x.opts.Pool.AddTicket(t.message.Epoch, &t.message.Proof, nil)
			x.pass(t)
			return
		}
		x.opts.Network.Request(proxy, jamnp.TicketToProxy, [][]byte{t.message.AppendTo(nil)}, 0,
			x.opts.Slots.Scale(ticketTimeout), func(_ [][]byte, err error) {
				if err == nil {
					return
				}
				x.log.Debug("a ticket does not reach its proxy", "ticket", t.id, "proxy", proxy, "error", err)
				x.opts.Loop.After(x.opts.Slots.Duration/2, func() { x.toProxy(t, failures+1) })
			})
	})
}

// sets gives the validators of the next epoch and of this one, as the best chain has them.
func (x *Proxy) sets(then func(pending, active state.Validators)) {
	best := x.opts.Chain.Best()
	slot := max(x.opts.Slots.At(x.opts.Loop.Now()), best.Slot+1)
	x.opts.Loop.Go("sets", func() func() {
		after, err := pool.Contest(x.opts.Params, best.State, slot, x.opts.Verifier)
		return func() {
			switch {
			case x.stopped:
			case err != nil:
				x.log.Error("the validators are not known", "error", err)
			default:
				then(after.Safrole.Pending, after.Active)
			}
		}
	})
}

func (x *Proxy) epochNow() uint32 {
	epoch, _ := x.opts.Params.Epoch(x.opts.Slots.At(x.opts.Loop.Now()))
	return epoch
}

// Serve takes in a ticket that a peer sends, on a stream of kind 131 or 132.
func (x *Proxy) Serve(e jamnp.Exchange) {
	e.Next(jamnp.TicketLimit(x.opts.Params), func(octets []byte, err error) {
		var m jamnp.Ticket
		if err == nil {
			err = m.Decode(octets, x.opts.Params)
		}
		if err != nil {
			x.reject(e, blameStream, err)
			return
		}
		e.Next(0, func(_ []byte, err error) {
			switch {
			case errors.Is(err, io.EOF):
				x.take(e, &m)
			case err == nil:
				x.reject(e, blameStream, fmt.Errorf("after the ticket: %w", jamnp.ErrMessages))
			default:
				x.reject(e, blameStream, err)
			}
		})
	})
}

func (x *Proxy) reject(e jamnp.Exchange, points int, err error) {
	if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
		x.opts.Network.Blame(e.Peer(), points, err)
	}
	e.Reject(err)
}

// take has a ticket checked, and passes it on if that is our part.
func (x *Proxy) take(e jamnp.Exchange, m *jamnp.Ticket) {
	x.opts.Pool.AddTicket(m.Epoch, &m.Proof, func(id protocol.Hash, err error) {
		if err != nil && !errors.Is(err, pool.ErrKnown) {
			x.reject(e, blameTicket, err)
			return
		}
		if e.Kind() != jamnp.TicketToProxy {
			e.Answer()
			return
		}
		x.sets(func(pending, _ state.Validators) {
			if !x.self[proxyOf(id, pending).Ed25519] {
				if err := error(ErrNotProxy); x.opts.Pool.Certain() {
					x.reject(e, blameTicket, err)
				} else {
					e.Reject(err)
				}
				return
			}
			e.Answer()
			x.pass(&passed{id, *m})
		})
	})
}

// pass queues a ticket to be sent to all, at a place that tells nothing of when it came.
func (x *Proxy) pass(t *passed) {
	if t.message.Epoch > x.epoch {
		x.epoch, x.queue = t.message.Epoch, nil
	}
	known := slices.ContainsFunc(x.queue, func(other *passed) bool { return other.id == t.id })
	if known || t.message.Epoch < x.epoch || len(x.queue) >= maxPassed {
		return
	}
	x.queue = slices.Insert(x.queue, x.opts.Random.IntN(len(x.queue)+1), t)
	x.schedule()
}

// schedule sets the time for the next ticket of the queue: they are spread evenly from some slots after the change of the
// epoch up to the middle of the contest.
func (x *Proxy) schedule() {
	if x.sending || x.stopped || len(x.queue) == 0 {
		return
	}
	now := x.opts.Loop.Now()
	slot := x.opts.Slots.At(now)
	_, phase := x.opts.Params.Epoch(slot)
	wait := x.opts.Slots.Start(slot + 1).Sub(now)
	send := false
	switch changed, ok := x.epochs.At(slot); {
	case x.epoch != x.epochNow()+1 || phase >= x.opts.Params.ContestLength:
		x.queue = nil // too late
		return
	case !ok || slot < changed+forwardAfter(x.opts.Params):
	default:
		send = true
		end := x.opts.Slots.Start(slot - phase + forwardUntil(x.opts.Params))
		wait = max(end.Sub(now), 0) / time.Duration(len(x.queue)+1)
	}
	x.sending = true
	x.timer = x.opts.Loop.After(wait, func() {
		x.sending = false
		if send && len(x.queue) > 0 && !x.stopped {
			t := x.queue[0]
			x.queue = x.queue[1:]
			x.toAll(t)
		}
		x.schedule()
	})
}

// toAll sends a ticket to all validators of this epoch, unless it is in the contest for good already.
func (x *Proxy) toAll(t *passed) {
	gamma, err := x.opts.Chain.Finalized().State.Safrole()
	if err == nil && slices.ContainsFunc(gamma.Accumulator, func(in block.Ticket) bool { return in.ID == t.id }) {
		return
	}
	message := [][]byte{t.message.AppendTo(nil)}
	x.sets(func(_, active state.Validators) {
		for i := range active {
			if key := active[i].Ed25519; !x.self[key] {
				x.opts.Network.Request(key, jamnp.TicketFromProxy, message, 0, x.opts.Slots.Scale(ticketTimeout),
					func(_ [][]byte, err error) {
						if err != nil {
							x.log.Debug("a ticket is not taken", "ticket", t.id, "peer", key, "error", err)
						}
					})
			}
		}
	})
}
