// Package author makes blocks, for the validators whose secrets the node has: GP §6.
//
// At the beginning of a slot, author.go asks whose turn it is; assemble.go makes a block out of what the pool has, seals it
// and has it imported here before anybody else sees it; guard.go remembers on disk what was sealed. contest.go makes the tickets
// that win slots in the next epoch, and proxy.go passes them on by way of others. All of it but sealing and proving
// belongs to the goroutine of the node's loop.
package author

import (
	"io"
	"log/slog"
	"sync"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/pool"
	"damson/state/claim"
	"damson/state/safrole"
	"damson/state/store"
)

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Params   *protocol.Params
	Keys     []*keys.Validator
	Chain    *chain.Chain
	Pool     *pool.Pool
	Store    *store.Store // keeps what was sealed
	Loop     loop.Loop
	Slots    loop.Slots
	Verifier *claim.Verifier
	Log      *slog.Logger // nil: nobody wants to know

	// Setup is what ring proofs are made with. Without one, or with one that can only verify, no tickets are made.
	Setup *bandersnatch.Setup
	// Tickets is handed each ticket that was made for an epoch, when it is time to send it; nil puts it into the pool.
	Tickets func(epoch uint32, id protocol.Hash, proof *block.TicketProof)
	// Prover makes tickets in place of Setup, in simulations, where ring proofs would cost more than all the rest; optional.
	Prover Prover
	// Proving is held while a proof is made, which takes a processor for long: nodes of one process share it, so that they do not
	// keep each other from importing blocks. Optional.
	Proving sync.Locker
	// Random hides who made a ticket; nil means the randomness of the operating system. It is read beside the loop.
	Random io.Reader

	// Ready says whether the chain is near its head, so that it makes sense to build on it; nil means always.
	Ready func() bool
	// Authored is told of every block that was made and is in the chain; may be nil. Chain.Imported comes before.
	Authored func(*chain.Block)
	// Events are told what the author is about; optional.
	Events Events

	Mistakes Mistakes
}

// Events are functions that are called on the loop; those that are nil are left out.
type Events struct {
	Authoring func(slot protocol.Slot, parent protocol.Hash) // a block is begun
	Sealed    func(slot protocol.Slot, hash protocol.Hash)   // and is on its way to be imported
	Failed    func(slot protocol.Slot, err error)            // none is made

	Tickets func(epoch uint32, count int)                                  // so many are begun to be made
	Ticket  func(epoch uint32, attempt uint8, id protocol.Hash, err error) // each of them: it is made, or not
}

func (e *Events) setDefaults() {
	if e.Authoring == nil {
		e.Authoring = func(protocol.Slot, protocol.Hash) {}
	}
	if e.Sealed == nil {
		e.Sealed = func(protocol.Slot, protocol.Hash) {}
	}
	if e.Failed == nil {
		e.Failed = func(protocol.Slot, error) {}
	}
	if e.Tickets == nil {
		e.Tickets = func(uint32, int) {}
	}
	if e.Ticket == nil {
		e.Ticket = func(uint32, uint8, protocol.Hash, error) {}
	}
}

// Prover gives what makes tickets for a ring.
type Prover func(ring [][bandersnatch.PublicKeySize]byte) (Prove, error)

// Prove makes what stands for a proof of the input by a member of a ring.
type Prove func(key *bandersnatch.SecretKey, input []byte) (protocol.RingSignature, error)

// Mistakes are made on purpose, by simulations that must notice them.
type Mistakes struct {
	SealTwice   bool // for each slot two blocks are made, on different parents if there are
	ForgetSeals bool // what was sealed is not kept on disk
	NoTickets   bool // no tickets are made
}

// Author makes blocks. All its methods are for the loop's goroutine.
type Author struct {
	opts    Options
	log     *slog.Logger
	guard   *guard
	timer   loop.Timer
	stopped bool
	busy    bool // a block is being made
	contest contest
	epoch   Epochs
	outputs outputs
	spoil   func(*block.Extrinsic) // changes a draft, for tests
}

// New makes an author that remembers what its keys have sealed. It does nothing before Start.
func New(o Options) (*Author, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Events.setDefaults()
	g, err := openGuard(o.Store, o.Keys, o.Mistakes.ForgetSeals)
	if err != nil {
		return nil, err
	}
	a := &Author{opts: o, log: o.Log, guard: g, epoch: Epochs{Params: o.Params, Chain: o.Chain}}
	if o.Tickets == nil {
		a.opts.Tickets = func(epoch uint32, _ protocol.Hash, proof *block.TicketProof) { o.Pool.AddTicket(epoch, proof, nil) }
	}
	if setup := o.Setup; o.Prover == nil && setup != nil && setup.CanProve() {
		a.opts.Prover = func(ring [][bandersnatch.PublicKeySize]byte) (Prove, error) {
			defer a.turnToProve()()
			p, err := setup.NewRingProver(ring, bandersnatch.ProverOptions{Random: o.Random, Workers: 1})
			if err != nil {
				return nil, err
			}
			return func(key *bandersnatch.SecretKey, input []byte) (protocol.RingSignature, error) {
				defer a.turnToProve()()
				return p.Prove(key, input, nil)
			}, nil
		}
	}
	return a, nil
}

// Start begins to make blocks with the next slot that begins.
func (a *Author) Start() {
	if len(a.opts.Keys) == 0 {
		return
	}
	if a.opts.Prover == nil {
		a.log.Warn("no tickets are made, because the reference string for ring proofs is missing: blocks only in fallback mode")
	}
	a.wait(a.opts.Slots.At(a.opts.Loop.Now()) + 1)
}

// Stop makes no more blocks. One that is being made is finished.
func (a *Author) Stop() {
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}

// turnToProve waits until it is this author's turn to make a proof, and gives what ends it.
func (a *Author) turnToProve() (done func()) {
	if a.opts.Proving == nil {
		return func() {}
	}
	a.opts.Proving.Lock()
	return a.opts.Proving.Unlock
}

// Busy says whether a block is being made.
func (a *Author) Busy() bool { return a.busy }

// wait waits for a slot to begin.
func (a *Author) wait(slot protocol.Slot) {
	a.timer = a.opts.Loop.After(a.opts.Slots.Start(slot).Sub(a.opts.Loop.Now()), func() {
		if a.stopped {
			return
		}
		slot := max(slot, a.opts.Slots.At(a.opts.Loop.Now())) // later, if the loop was held up
		a.wait(slot + 1)
		if a.opts.Ready == nil || a.opts.Ready() {
			a.slot(slot)
			a.epoch.At(slot)
			a.compete(slot)
		}
	})
}

// slot makes a block for a slot that has just begun, if it is the turn of one of our keys.
func (a *Author) slot(slot protocol.Slot) {
	parent := a.opts.Chain.Best()
	if parent.Slot >= slot {
		return
	}
	if a.busy {
		a.log.Warn("a slot is missed, because the block before it is not finished", "slot", slot)
		return
	}
	a.busy = true
	t := &task{author: a, parent: parent, slot: slot, began: a.opts.Loop.Now()}
	a.opts.Loop.Go(queue, t.begin)
}

// queue is that of the loop's in which blocks are made.
const queue = "author"

// turn finds the validator whose turn a slot is among our keys, in the state after the slot's block; nil if it is none. It
// runs in the queue.
func (a *Author) turn(after *safrole.State, slot protocol.Slot) *signer {
	input, ticket, sealKey := after.SealInput(a.opts.Params, slot)
	var secrets *keys.Validator
	if ticket != nil {
		secrets = a.winner(after.Entropy[3], ticket)
	} else {
		for _, k := range a.opts.Keys {
			if k.Bandersnatch.Public().Bytes() == sealKey {
				secrets = k
			}
		}
	}
	if secrets == nil {
		return nil
	}
	key := protocol.BandersnatchKey(secrets.Bandersnatch.Public().Bytes())
	for i := range after.Active {
		if after.Active[i].Bandersnatch == key {
			return &signer{secrets, key, protocol.Validator(i), input}
		}
	}
	return nil
}

// outputs are the names of all tickets that our keys can have by an entropy. They belong to the queue.
type outputs struct {
	entropy protocol.Hash
	of      map[block.Ticket]*keys.Validator
}

// winner finds the key that has made a ticket.
func (a *Author) winner(entropy protocol.Hash, ticket *block.Ticket) *keys.Validator {
	if a.outputs.of == nil || a.outputs.entropy != entropy {
		a.outputs = outputs{entropy, make(map[block.Ticket]*keys.Validator)}
		for attempt := range a.opts.Params.TicketAttempts {
			input := safrole.TicketInput(entropy, uint8(attempt))
			for _, k := range a.opts.Keys {
				a.outputs.of[block.Ticket{ID: k.Bandersnatch.Output(input), Attempt: uint8(attempt)}] = k
			}
		}
	}
	return a.outputs.of[*ticket]
}

// signer is who seals a block.
type signer struct {
	secrets *keys.Validator
	key     protocol.BandersnatchKey
	index   protocol.Validator
	input   []byte // of the seal
}
