package sim

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"time"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/keys"
	"damson/node/pool"
	"damson/state/safrole"

	"golang.org/x/sync/errgroup"
)

// entry is a ticket of a contest.
type entry struct {
	id     protocol.Hash
	signer *keys.Validator
	proof  block.TicketProof
}

func (f *Full) indexOf(id jamnp.PeerID) int { return f.Base.index[id] }

// draw makes the tickets of all validators for the second epoch, of which the best are entered. The first of these have real
// ring proofs.
func (f *Full) draw() error {
	p, genesis := f.Base.Params, f.Base.genesis()
	entropy, err := genesis.Entropy()
	if err != nil {
		return err
	}
	f.tickets = make([]*entry, len(f.Base.Keys)*p.TicketAttempts)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range f.tickets {
		attempt, signer := uint8(i%p.TicketAttempts), f.Base.Keys[i/p.TicketAttempts]
		g.Go(func() error {
			proof, err := simulatedTicket(signer.Bandersnatch, safrole.TicketInput(entropy[2], attempt))
			f.tickets[i] = &entry{
				signer.Bandersnatch.Output(safrole.TicketInput(entropy[2], attempt)), signer, block.TicketProof{Attempt: attempt, Proof: proof},
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortFunc(f.tickets, func(a, b *entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	f.tickets = f.tickets[:min(len(f.tickets), int(p.EpochLength))]
	return f.prove(entropy[2])
}

// prove makes real proofs for some tickets.
func (f *Full) prove(entropy protocol.Hash) error {
	if f.Proofs == 0 {
		return nil
	}
	ring := make([][bandersnatch.PublicKeySize]byte, len(f.Base.Keys))
	for i, k := range f.Base.Keys {
		ring[i] = k.Bandersnatch.Public().Bytes()
	}
	prover, err := f.Base.setup.NewRingProver(ring, bandersnatch.ProverOptions{Random: reader{f.rand}})
	if err != nil {
		return err
	}
	for _, t := range f.tickets[:f.Proofs] {
		if t.proof.Proof, err = prover.Prove(t.signer.Bandersnatch, safrole.TicketInput(entropy, t.proof.Attempt), nil); err != nil {
			return err
		}
	}
	return nil
}

// author makes the block of a slot: whoever's turn it is has it.
func (f *Full) author(slot protocol.Slot) error {
	p, verifier := f.Base.Params, f.Base.importer.Verifier()
	parent := f.nodes[0].chain.Best()
	after, err := pool.Contest(p, parent.State, slot, verifier)
	if err != nil {
		return err
	}
	input, ticket, key := after.SealInput(p, slot)
	at := f.Base.holder(key)
	if ticket != nil {
		won := f.tickets[slices.IndexFunc(f.tickets, func(t *entry) bool { return t.id == ticket.ID })]
		at = f.indexOf(won.signer.Ed25519.Public())
	}
	n := f.nodes[at]
	if n.chain.Best() != parent && n.chain.Best().Hash != parent.Hash {
		return fmt.Errorf("sim: in slot %d validators 0 and %d differ about the best block", slot, at)
	}
	octets, err := f.seal(n, n.chain.Best(), slot, input)
	if err != nil {
		return err
	}
	n.chain.Import(octets, func(_ *chain.Block, refused error) {
		if refused != nil {
			err = refused
		}
	})
	f.made++
	f.runUntil(f.now.Add(5 * thinWork))
	return err
}

// seal makes a block with the next tickets of the contest.
func (f *Full) seal(n *thin, parent *chain.Block, slot protocol.Slot, input []byte) ([]byte, error) {
	p, verifier := f.Base.Params, f.Base.importer.Verifier()
	disputes, err := parent.State.Disputes()
	if err != nil {
		return nil, err
	}
	_, marks, err := safrole.Ahead(p, parent.State, slot, disputes.Offenders, verifier.RingRoot)
	if err != nil {
		return nil, err
	}
	var x block.Extrinsic
	if epoch, phase := p.Epoch(slot); epoch == 0 && phase > 0 && phase < p.ContestLength {
		next := min(f.offered+p.MaxBlockTickets, len(f.tickets))
		for _, t := range f.tickets[f.offered:next] {
			x.Tickets = append(x.Tickets, t.proof)
		}
		f.offered = next
	}
	v, err := block.NewView(&block.Block{Extrinsic: x}, p)
	if err != nil {
		return nil, err
	}
	h := block.Header{
		Parent: parent.Hash, PriorStateRoot: parent.StateRoot, ExtrinsicHash: v.ExtrinsicHash(), Slot: slot,
		EpochMark: marks.Epoch, WinnersMark: marks.Winners, Author: protocol.Validator(n.index),
	}
	secret := f.Base.Keys[n.index].Bandersnatch
	safrole.SignEntropy(&h, secret, input)
	safrole.Seal(&h, secret, input)
	return x.AppendTo(h.AppendTo(nil)), nil
}

// FullReport is what became of a run of Full.
type FullReport struct {
	Validators, Blocks, Ticketed int
	Everywhere                   int // blocks that all have imported
	Final                        protocol.Slot
	Hops                         float64 // mean
	MaxHops                      int
	Late, LateP99, LateMax       time.Duration               // from the beginning of a slot until its block is imported somewhere
	Sent                         map[jamnp.Kind]simnet.Count // by all
	Slots                        protocol.Slot
}

// Run connects all and lets slots pass. Each ends with an error if somebody does not have its block.
func (f *Full) Run(slots protocol.Slot) (*FullReport, error) {
	for _, n := range f.nodes {
		if err := n.gossip.Start(); err != nil {
			return nil, err
		}
	}
	f.runUntil(f.slots.Start(1).Add(-time.Second)) // all are connected before the first block
	for _, n := range f.nodes {
		if n.voter != nil {
			n.voter.Start()
		}
	}
	before := f.sent()
	for slot := protocol.Slot(1); slot <= slots; slot++ {
		f.runUntil(f.slots.Start(slot))
		if err := f.author(slot); err != nil {
			return nil, err
		}
		if f.Progress != nil {
			f.Progress(slot)
		}
	}
	f.runUntil(f.slots.Start(slots + 1).Add(-time.Millisecond))
	r := f.report(slots)
	for kind, c := range before {
		now := r.Sent[kind]
		r.Sent[kind] = simnet.Count{Messages: now.Messages - c.Messages, Octets: now.Octets - c.Octets}
	}
	return r, f.store.Close()
}

var fullKinds = []jamnp.Kind{
	jamnp.BlockAnnouncement, jamnp.BlockRequest, jamnp.GrandpaVote, jamnp.GrandpaCommit, jamnp.GrandpaState,
}

func (f *Full) sent() map[jamnp.Kind]simnet.Count {
	sum := make(map[jamnp.Kind]simnet.Count)
	for _, n := range f.nodes {
		for _, kind := range fullKinds {
			c := n.network.Stats().Sent(kind)
			s := sum[kind]
			sum[kind] = simnet.Count{Messages: s.Messages + c.Messages, Octets: s.Octets + c.Octets}
		}
	}
	return sum
}

func (f *Full) report(slots protocol.Slot) *FullReport {
	r := &FullReport{Validators: len(f.nodes), Blocks: f.made, Final: f.final, Sent: f.sent(), Slots: slots}
	var late []time.Duration
	hops := 0
	for _, s := range f.blocks {
		if s.imported == len(f.nodes) {
			r.Everywhere++
		}
		if s.ticketed {
			r.Ticketed++
		}
		late = append(late, s.late...)
		for _, h := range s.hops {
			hops += int(h)
			r.MaxHops = max(r.MaxHops, int(h))
		}
	}
	if len(late) > 0 {
		slices.Sort(late)
		r.Late, r.LateP99, r.LateMax = late[len(late)/2], late[len(late)*99/100], late[len(late)-1]
		r.Hops = float64(hops) / float64(len(late))
	}
	return r
}
